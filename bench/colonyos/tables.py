"""The tables of processes and attributes that ColonyOS has in PostgreSQL, with all their indexes.

Columns and indexes are those of ColonyOS 1.9.12.
"""

PROCESSES = """CREATE TABLE processes (
    process_id TEXT PRIMARY KEY NOT NULL, target_colony_name TEXT NOT NULL,
    target_executor_names TEXT[], assigned_executor_id TEXT, state INTEGER, is_assigned BOOLEAN,
    executor_type TEXT, submission_time TIMESTAMPTZ, start_time TIMESTAMPTZ, end_time TIMESTAMPTZ,
    wait_deadline TIMESTAMPTZ, exec_deadline TIMESTAMPTZ, errors TEXT[], nodename TEXT,
    funcname TEXT, args TEXT, kwargs TEXT, max_wait_time INTEGER, max_exec_time INTEGER,
    retries INTEGER, max_retries INTEGER, dependencies TEXT[], priority INTEGER,
    prioritytime BIGINT, wait_for_parents BOOLEAN, parents TEXT[], children TEXT[],
    processgraph_id TEXT, input TEXT, output TEXT, label TEXT, fs TEXT, nodes INTEGER, cpu BIGINT,
    processes INTEGER, processes_per_node INTEGER, memory BIGINT, storage BIGINT, gpuname TEXT,
    gpucount TEXT, gpumem BIGINT, walltime BIGINT, initiator_id TEXT NOT NULL,
    initiator_name TEXT NOT NULL, blueprint TEXT, channels TEXT[], location_name TEXT)"""

ATTRIBUTES = """CREATE TABLE attributes (
    attribute_id TEXT PRIMARY KEY NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    attribute_type INTEGER, target_id TEXT NOT NULL, target_colony_name TEXT NOT NULL,
    processgraph_id TEXT NOT NULL, added TIMESTAMPTZ, state INTEGER)"""

_WAITING = "WHERE state = 0 AND is_assigned = FALSE"

# Method and columns, and what limits a partial one.
_PROCESS_INDEXES = [
    "(target_colony_name, state, submission_time)",
    "(target_colony_name, state, start_time)",
    "(target_colony_name, state, end_time)",
    "(is_assigned, start_time, assigned_executor_id, state, process_id)",
    "(state, executor_type, is_assigned, wait_for_parents, target_colony_name, location_name, "
    "prioritytime)",
    "(target_colony_name, state, prioritytime)",
    "(target_colony_name, state, executor_type, prioritytime)",
    "(target_colony_name, state, initiator_name, prioritytime)",
    "(target_colony_name, state, label, prioritytime)",
    "(state, executor_type, is_assigned, wait_for_parents, target_colony_name, location_name, "
    "target_executor_names, cpu, memory, gpuname, gpumem, gpucount, storage, nodes, processes, "
    "processes_per_node, prioritytime)",
    f"USING GIN (target_executor_names) {_WAITING}",
    f"(target_colony_name, executor_type, prioritytime) {_WAITING} AND wait_for_parents = FALSE",
    "(submission_time, state)",
    "(state)",
    "(assigned_executor_id, state)",
]
_ATTRIBUTE_INDEXES = ["(target_id, attribute_type)", "(target_id)", "(added, state)"]


def statements() -> list[str]:
    """What makes the tables and their indexes."""
    made = [PROCESSES, ATTRIBUTES]
    for table, indexes in (("processes", _PROCESS_INDEXES), ("attributes", _ATTRIBUTE_INDEXES)):
        made += [f"CREATE INDEX {table}_{n} ON {table} {each}" for n, each in enumerate(indexes)]
    return made
