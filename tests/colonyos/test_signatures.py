"""The signatures of the adapter and of the types' methods: what programs call stays callable.

Each entry of a table is a method as its interface states it: names, order and defaults of the
parameters; what is returned, None unless it says so. What is set in goes on the line above.
"""

from __future__ import annotations

import inspect
import re

import pytest

from velocity.py import colonyos
from velocity.py.colonyos import ColonyOSAdapter

ADAPTER = {
    "core, security": """
close(); initialize(); drop(); apply_retention_policy(retention_period: int)
set_server_id(old_server_id, new_server_id); get_server_id() -> str
change_colony_id(colony_name, old_colony_id, new_colony_id)
change_user_id(colony_name, old_user_id, new_user_id)
change_executor_id(colony_name, old_executor_id, new_executor_id)
""",
    "users, colonies, locations, executors, functions": """
add_user(user); get_users_by_colony_name(colony_name) -> list[User]
get_user_by_id(colony_name, user_id) -> User | None
get_user_by_name(colony_name, name) -> User | None; remove_user_by_id(colony_name, user_id)
remove_user_by_name(colony_name, name); remove_users_by_colony_name(colony_name)
add_colony(colony); get_colonies() -> list[Colony]; get_colony_by_id(id) -> Colony | None
get_colony_by_name(name) -> Colony | None; count_colonies() -> int
rename_colony(colony_name, new_colony_name); remove_colony_by_name(colony_name)
add_location(location); get_locations_by_colony_name(colony_name) -> list[Location]
get_location_by_id(location_id) -> Location | None
get_location_by_name(colony_name, name) -> Location | None; remove_location_by_id(location_id)
remove_location_by_name(colony_name, name); remove_locations_by_colony_name(colony_name)
add_executor(executor); set_allocations(colony_name, executor_name, allocations)
get_executors() -> list[Executor]; get_executor_by_id(executor_id) -> Executor | None
get_executors_by_colony_name(colony_name) -> list[Executor]
get_executor_by_name(colony_name, executor_name) -> Executor | None
get_executors_by_blueprint_id(blueprint_id) -> list[Executor]; approve_executor(executor)
reject_executor(executor); mark_alive(executor)
remove_executor_by_name(colony_name, executor_name); remove_executors_by_colony_name(colony_name)
count_executors() -> int; count_executors_by_colony_name(colony_name) -> int
count_executors_by_colony_name_and_state(colony_name, state) -> int
update_executor_capabilities(colony_name, executor_name, capabilities); add_function(function)
get_function_by_id(function_id) -> Function | None
get_functions_by_executor_name(colony_name, executor_name) -> list[Function]
get_functions_by_colony_name(colony_name) -> list[Function]
get_functions_by_executor_and_name(colony_name, executor_name, name) -> Function | None
update_function_stats(colony_name, executor_name, name, counter, min_wait_time, max_wait_time,
    min_exec_time, max_exec_time, avg_wait_time, avg_exec_time)
remove_function_by_id(function_id); remove_function_by_name(colony_name, executor_name, name)
remove_functions_by_executor_name(colony_name, executor_name)
remove_functions_by_colony_name(colony_name); remove_functions()
""",
    "attributes": """
add_attribute(attribute); add_attributes(attributes)
get_attribute_by_id(attribute_id) -> Attribute
get_attributes_by_colony_name(colony_name) -> list[Attribute]
get_attribute(target_id, key, attribute_type) -> Attribute
get_attributes(target_id) -> list[Attribute]
get_attributes_by_type(target_id, attribute_type) -> list[Attribute]; update_attribute(attribute)
set_attribute_state(process_id, state); remove_attribute_by_id(attribute_id)
remove_all_attributes_by_colony_name(colony_name)
remove_all_attributes_by_colony_name_with_state(colony_name, state)
remove_all_attributes_by_process_graph_id(process_graph_id)
remove_all_attributes_in_process_graphs_by_colony_name(colony_name)
remove_all_attributes_in_process_graphs_by_colony_name_with_state(colony_name, state)
remove_attributes_by_target_id(target_id, attribute_type)
remove_all_attributes_by_target_id(target_id); remove_all_attributes()
""",
    "processes": """
add_process(process); get_processes() -> list[Process]
get_process_by_id(process_id) -> Process | None
find_processes_by_colony_name(colony_name, seconds, state) -> list[Process]
find_processes_by_executor_id(colony_name, executor_id, seconds, state) -> list[Process]
find_waiting_processes(colony_name, executor_type, label, initiator, count) -> list[Process]
find_running_processes(colony_name, executor_type, label, initiator, count) -> list[Process]
find_successful_processes(colony_name, executor_type, label, initiator, count) -> list[Process]
find_failed_processes(colony_name, executor_type, label, initiator, count) -> list[Process]
find_cancelled_processes(colony_name, executor_type, label, initiator, count) -> list[Process]
find_all_running_processes() -> list[Process]; find_all_waiting_processes() -> list[Process]
find_candidates(colony_name, executor_type, executor_location_name, cpu, memory, storage, nodes,
    processes, processes_per_node, count) -> list[Process]
find_candidates_by_name(colony_name, executor_name, executor_type, executor_location_name, cpu,
    memory, storage, nodes, processes, processes_per_node, count) -> list[Process]
select_and_assign(colony_name, executor_id, executor_name, executor_type, executor_location,
    cpu=2**63-1, memory=2**63-1, storage=2**63-1, nodes=127, processes=127,
    processes_per_node=127, count=1) -> Process | None
assign(executor_id, process); unassign(process); reset_process(process)
mark_successful(process_id) -> tuple[float, float]; mark_failed(process_id, errs)
mark_cancelled(process_id); set_input(process_id, input); set_output(process_id, output)
set_errors(process_id, errs); set_process_state(process_id, state)
set_parents(process_id, parents); set_children(process_id, children)
set_wait_for_parents(process_id, waiting_for_parent); set_exec_deadline(process, exec_deadline)
set_wait_deadline(process, wait_deadline); remove_process_by_id(process_id)
remove_all_processes(); remove_all_processes_by_colony_name(colony_name)
remove_all_waiting_processes_by_colony_name(colony_name)
remove_all_running_processes_by_colony_name(colony_name)
remove_all_successful_processes_by_colony_name(colony_name)
remove_all_failed_processes_by_colony_name(colony_name)
remove_all_cancelled_processes_by_colony_name(colony_name)
remove_all_processes_by_process_graph_id(process_graph_id)
remove_all_processes_in_process_graphs_by_colony_name(colony_name)
remove_all_processes_in_process_graphs_by_colony_name_with_state(colony_name, state)
count_processes() -> int; count_waiting_processes() -> int; count_running_processes() -> int
count_successful_processes() -> int; count_failed_processes() -> int
count_cancelled_processes() -> int; count_waiting_processes_by_colony_name(colony_name) -> int
count_running_processes_by_colony_name(colony_name) -> int
count_successful_processes_by_colony_name(colony_name) -> int
count_failed_processes_by_colony_name(colony_name) -> int
count_cancelled_processes_by_colony_name(colony_name) -> int
""",
    "process graphs": """
add_process_graph(process_graph); get_process_graph_by_id(process_graph_id) -> ProcessGraph | None
set_process_graph_state(process_graph_id, state)
find_waiting_process_graphs(colony_name, count) -> list[ProcessGraph]
find_running_process_graphs(colony_name, count) -> list[ProcessGraph]
find_successful_process_graphs(colony_name, count) -> list[ProcessGraph]
find_failed_process_graphs(colony_name, count) -> list[ProcessGraph]
find_cancelled_process_graphs(colony_name, count) -> list[ProcessGraph]
remove_process_graph_by_id(process_graph_id)
remove_all_process_graphs_by_colony_name(colony_name)
remove_all_waiting_process_graphs_by_colony_name(colony_name)
remove_all_running_process_graphs_by_colony_name(colony_name)
remove_all_successful_process_graphs_by_colony_name(colony_name)
remove_all_failed_process_graphs_by_colony_name(colony_name)
remove_all_cancelled_process_graphs_by_colony_name(colony_name)
count_waiting_process_graphs() -> int; count_running_process_graphs() -> int
count_successful_process_graphs() -> int; count_failed_process_graphs() -> int
count_cancelled_process_graphs() -> int
count_waiting_process_graphs_by_colony_name(colony_name) -> int
count_running_process_graphs_by_colony_name(colony_name) -> int
count_successful_process_graphs_by_colony_name(colony_name) -> int
count_failed_process_graphs_by_colony_name(colony_name) -> int
count_cancelled_process_graphs_by_colony_name(colony_name) -> int
""",
    "generators, crons, logs, files, snapshots": """
add_generator(generator); set_generator_last_run(generator_id)
set_generator_first_pack(generator_id); get_generator_by_id(generator_id) -> Generator | None
get_generator_by_name(colony_name, name) -> Generator | None
find_generators_by_colony_name(colony_name, count) -> list[Generator]
find_all_generators() -> list[Generator]; remove_generator_by_id(generator_id)
remove_all_generators_by_colony_name(colony_name); add_generator_arg(generator_arg)
get_generator_args(generator_id, count) -> list[GeneratorArg]
count_generator_args(generator_id) -> int; remove_generator_arg_by_id(generator_args_id)
remove_all_generator_args_by_generator_id(generator_id)
remove_all_generator_args_by_colony_name(colony_name); add_cron(cron)
update_cron(cron_id, next_run, last_run, last_process_graph_id)
get_cron_by_id(cron_id) -> Cron | None; get_cron_by_name(colony_name, cron_name) -> Cron | None
find_crons_by_colony_name(colony_name, count) -> list[Cron]; find_all_crons() -> list[Cron]
remove_cron_by_id(cron_id); remove_all_crons_by_colony_name(colony_name)
add_log(process_id, colony_name, executor_name, timestamp, msg, *, added=None)
get_logs_by_process_id(process_id, limit) -> list[Log]
get_logs_by_executor(executor_name, limit) -> list[Log]
get_logs_by_process_id_since(process_id, limit, since) -> list[Log]
get_logs_by_executor_since(executor_name, limit, since) -> list[Log]
get_logs_by_process_id_latest(process_id, limit) -> list[Log]
get_logs_by_executor_latest(executor_name, limit) -> list[Log]
remove_logs_by_colony_name(colony_name); count_logs(colony_name) -> int
search_logs(colony_name, text, days, count) -> list[Log]; add_file(file)
get_file_by_id(colony_name, file_id) -> File | None
get_latest_file_by_name(colony_name, label, name) -> list[File]
get_file_by_name(colony_name, label, name) -> list[File]
get_filenames_by_label(colony_name, label) -> list[str]
get_file_data_by_label(colony_name, label) -> list[FileData]
remove_file_by_id(colony_name, file_id); remove_file_by_name(colony_name, label, name)
remove_files_by_colony_name(colony_name); get_file_labels(colony_name) -> list[Label]
get_file_labels_by_name(colony_name, name, exact) -> list[Label]
get_file_label_by_name(colony_name, name) -> Label | None
count_files_with_label(colony_name, label) -> int; count_files(colony_name) -> int
create_snapshot(colony_name, label, name) -> Snapshot
get_snapshot_by_id(colony_name, snapshot_id) -> Snapshot
get_snapshot_by_name(colony_name, name) -> Snapshot
get_snapshots_by_colony_name(colony_name) -> list[Snapshot]
remove_snapshot_by_id(colony_name, snapshot_id); remove_snapshot_by_name(colony_name, name)
remove_snapshots_by_colony_name(colony_name)
""",
    "blueprints": """
add_blueprint_definition(sd); get_blueprint_definition_by_id(id) -> BlueprintDefinition | None
get_blueprint_definition_by_name(namespace, name) -> BlueprintDefinition | None
get_blueprint_definitions() -> list[BlueprintDefinition]
get_blueprint_definitions_by_namespace(namespace) -> list[BlueprintDefinition]
get_blueprint_definitions_by_group(group) -> list[BlueprintDefinition]
get_blueprint_definition_by_kind(kind) -> BlueprintDefinition | None
update_blueprint_definition(sd); remove_blueprint_definition_by_id(id)
remove_blueprint_definition_by_name(namespace, name); count_blueprint_definitions() -> int
add_blueprint(blueprint); get_blueprint_by_id(id) -> Blueprint | None
get_blueprint_by_name(namespace, name) -> Blueprint | None; get_blueprints() -> list[Blueprint]
get_blueprints_by_namespace(namespace) -> list[Blueprint]
get_blueprints_by_kind(kind) -> list[Blueprint]
get_blueprints_by_namespace_and_kind(namespace, kind) -> list[Blueprint]
get_blueprints_by_namespace_kind_and_location(namespace, kind, location_name) -> list[Blueprint]
update_blueprint(blueprint); update_blueprint_status(id, status); remove_blueprint_by_id(id)
remove_blueprint_by_name(namespace, name); remove_blueprints_by_namespace(namespace)
count_blueprints() -> int; count_blueprints_by_namespace(namespace) -> int
add_blueprint_history(history)
get_blueprint_history(blueprint_id, limit) -> list[BlueprintHistory]
get_blueprint_history_by_generation(blueprint_id, generation) -> BlueprintHistory | None
remove_blueprint_history(blueprint_id)
""",
    "what the go adapter had besides": """
assign_process(colony_name, executor_id, cpu=2**63-1, memory=2**63-1, storage=2**63-1) -> Process
    | None
is_enabled() -> bool; lock(timeout); unlock(); get_users() -> list[User]; count_users() -> int
get_functions(colony_name) -> list[Function]
get_functions_by_executor_names(colony_name, executor_names) -> list[Function]
update_function(function); count_functions_by_colony_name(colony_name) -> int
get_generators(colony_name) -> list[Generator]; update_generator(generator)
remove_generator_by_name(colony_name, generator_name)
count_generators_by_colony_name(colony_name) -> int; get_crons(colony_name) -> list[Cron]
remove_cron_by_name(colony_name, cron_name); count_crons_by_colony_name(colony_name) -> int
get_process_graphs(colony_name) -> list[ProcessGraph]
find_process_graphs_by_colony_name(colony_name, seconds, state) -> list[ProcessGraph]
count_process_graphs() -> int; find_all_waiting_process_graphs() -> list[ProcessGraph]
find_all_running_process_graphs() -> list[ProcessGraph]; get_files(colony_name) -> list[File]
get_files_by_colony_name(colony_name) -> list[File]
get_files_by_label(colony_name, label) -> list[File]
get_files_by_name(colony_name, name) -> list[File]; remove_files_by_label(colony_name, label)
remove_files_by_name(colony_name, name); count_files_by_colony_name(colony_name) -> int
remove_logs_by_process_id(process_id); remove_all_logs(); add_snapshot(snapshot)
get_snapshots(colony_name) -> list[Snapshot]; remove_all_snapshots_by_colony_name(colony_name)
count_snapshots_by_colony_name(colony_name) -> int
""",
}

# Steps of several documents, which a server would otherwise make one by one.
SERVER_STEPS = """
add_workflow(colony_name, workflowspec, initiatorid="", initiatorname="", *, input=None) ->
    ProcessGraph
close_successful(process_id, output=None) -> tuple[float, float]; close_failed(process_id, errs)
cancel_process_graph(process_graph_id); handle_timeouts(now=None) -> int
pack_generator(generator_id, arg); run_generators(now=None) -> list[ProcessGraph]
run_crons(now=None) -> list[ProcessGraph]
"""

TYPES = """
Process.create(spec) -> Process; Process.waiting_time() -> float
Process.processing_time() -> float; Process.set_submission_time(t)
Attribute.create(targetid, targetcolonyname, targetprocessgraphid, attributetype, key, value) ->
    Attribute
ProcessGraph.create(colonyname) -> ProcessGraph; ProcessGraph.add_root(processid)
ProcessGraph.set_storage(storage); ProcessGraph.iterate(visit); ProcessGraph.processes() -> int
ProcessGraph.wait_processes() -> int; ProcessGraph.running_processes() -> int
ProcessGraph.successful_processes() -> int; ProcessGraph.failed_processes() -> int
ProcessGraph.cancelled_processes() -> int; ProcessGraph.wait_for_parents() -> int
ProcessGraph.leaves() -> list[str]; ProcessGraph.update_process_ids()
ProcessGraph.get_root(process_id) -> Process; ProcessGraph.depth(process_id) -> int
ProcessGraph.resolve(); Generator.due(count, now=None) -> int
GeneratorArg.create(generatorid, colonyname, arg) -> GeneratorArg
Cron.next_run(now=None) -> datetime; Cron.has_expired(now=None) -> bool
Blueprint.create(kind, name, namespace) -> Blueprint; Blueprint.set_spec(key, value)
Blueprint.set_status(key, value)
BlueprintDefinition.create(name, group, version, kind, plural, scope, executortype, functionname)
    -> BlueprintDefinition
BlueprintHistory.create(blueprint, changedby, changetype) -> BlueprintHistory
"""


def methods(table):
    """What a table states, as (name, signature)."""
    for stated in re.split("; |\n(?!    )", table.strip()):
        name, opens, rest = " ".join(stated.split()).partition("(")
        yield name, signature(opens + rest)


def signature(source):
    """The parameters and what is returned, None where nothing is said."""
    names = {}
    parameters, _, returns = source.partition(" -> ")
    exec(f"from __future__ import annotations\ndef stated{parameters}: ...", names)
    stated = inspect.signature(names["stated"]).parameters.values()
    return [plain(each) for each in stated], returns or "None"


def plain(parameter):
    return parameter.name, parameter.kind, parameter.default


def found(method):
    signature = inspect.signature(method)
    without_self = list(signature.parameters.values())[0 if inspect.ismethod(method) else 1 :]
    return [plain(each) for each in without_self], signature.return_annotation


TABLES = {**ADAPTER, "server steps": SERVER_STEPS}
EVERY = [each for table in TABLES.values() for each in methods(table)]


@pytest.mark.parametrize(("name", "wanted"), EVERY, ids=[name for name, _ in EVERY])
def test_of_the_adapter(name, wanted):
    assert found(getattr(ColonyOSAdapter, name)) == wanted


def test_the_adapter_has_no_others():
    public = {name for name in dir(ColonyOSAdapter) if not name.startswith("_")}
    assert public == {name for name, _ in EVERY} | {"db"}  # which is a property


@pytest.mark.parametrize(("name", "wanted"), list(methods(TYPES)))
def test_of_types(name, wanted):
    type_name, _, method = name.partition(".")
    assert found(getattr(getattr(colonyos, type_name), method)) == wanted
