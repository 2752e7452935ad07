"""The adapter from opening to closing, and what holds for every one of its methods."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from support.colony_records import belongings, fill_colony
from support.threads import run_threads
from velocity import (
    Config,
    ConfigError,
    Consistency,
    ConsistencyError,
    DatabaseClosedError,
    DatabaseLockedError,
    SchemaError,
    VelocityDB,
)
from velocity.py.colonyos import (
    RUNNING,
    Colony,
    ColonyOSAdapter,
    Conditions,
    FunctionSpec,
    Process,
    User,
)
from velocity.py.colonyos.collections import LAYOUTS

METHODS = sorted(
    name
    for name, _ in inspect.getmembers(ColonyOSAdapter, inspect.isfunction)
    if not name.startswith("_")
)


def required(name):
    """The names of a method's parameters that have to be given."""
    parameters = list(inspect.signature(getattr(ColonyOSAdapter, name)).parameters.values())[1:]
    return [each.name for each in parameters if each.default is each.empty]


WITH_ARGUMENTS = [name for name in METHODS if required(name) and name != "lock"]


@pytest.fixture
def config(tmp_path):
    return Config(data_dir=str(tmp_path / "d"), storage_mode="persistent")


@pytest.fixture(scope="module")
def closed():
    adapter = ColonyOSAdapter(Config(storage_mode="memory-only"))
    adapter.close()
    return adapter


@pytest.fixture(scope="module")
def filled():
    """An adapter with some of everything, which no test changes."""
    with ColonyOSAdapter(Config(storage_mode="memory-only")) as adapter:
        fill_colony(adapter, "c")
        yield adapter


@pytest.mark.parametrize("name", [name for name in METHODS if name != "close"])
def test_every_method_says_that_it_is_closed(closed, name):
    with pytest.raises(DatabaseClosedError, match="closed"):
        getattr(closed, name)(*(None for _ in required(name)))


@pytest.mark.parametrize("name", WITH_ARGUMENTS)
@pytest.mark.parametrize("bad", [None, object(), b"x"], ids=["None", "object", "bytes"])
def test_every_method_refuses_what_is_of_the_wrong_type(filled, name, bad):
    before = belongings(filled, "c")
    with pytest.raises(SchemaError):
        getattr(filled, name)(*(bad for _ in required(name)))
    assert belongings(filled, "c") == before


def test_no_two_groups_have_a_method_of_one_name():
    owners: dict[str, list[str]] = {}
    for group in ColonyOSAdapter.__bases__:
        for name in vars(group):
            if not name.startswith("__"):
                owners.setdefault(name, []).append(group.__name__)
    assert {name: groups for name, groups in owners.items() if len(groups) > 1} == {}


def test_opening_makes_what_the_layouts_say(adapter):
    db = adapter._data.db
    assert set(db.list_collections()) == set(LAYOUTS)
    for name, layout in LAYOUTS.items():
        collection = db[name]
        assert collection.consistency is layout.level
        made = {(i.name, tuple(i.fields), i.unique, str(i.where)) for i in collection.indexes}
        wanted = {(i.name, i.fields, i.unique, str(i.where)) for i in layout.indexes}
        assert made == wanted
        assert collection.schema is not None
        with pytest.raises(SchemaError):
            collection.insert("a", {next(iter(layout.fields)): object()})


def test_opening_again_keeps_everything(config):
    with ColonyOSAdapter(config) as adapter:
        adapter.add_colony(Colony("1", "c"))
        adapter.add_user(User("c", "2", "u"))
        adapter.set_server_id("", "server")
    for _ in range(2):
        with ColonyOSAdapter(config) as adapter:
            assert adapter.get_colonies() == [Colony("1", "c")]
            assert adapter.get_user_by_id("c", "2").name == "u"
            assert adapter.get_server_id() == "server"
            adapter.initialize()
            assert adapter.count_users() == 1


def test_the_order_of_adding_goes_on_after_opening_again(config):
    added = []
    for round in range(3):
        with ColonyOSAdapter(config) as adapter:
            for name in ("z", "a"):
                added.append(f"{name}{round}")
                adapter.add_user(User("c", "", added[-1]))
            assert [each.name for each in adapter.get_users()] == added


def test_a_database_has_one_owner(config):
    with ColonyOSAdapter(config):
        with pytest.raises(DatabaseLockedError):
            ColonyOSAdapter(config)
    ColonyOSAdapter(config).close()


def test_initialize_makes_what_is_missing(adapter):
    db = adapter._data.db
    db["users"].drop_index("name")
    db.drop_collection("crons")
    adapter.initialize()
    assert set(db.list_collections()) == set(LAYOUTS)
    assert {each.name for each in db["users"].indexes} == {"name", "id", "colony"}
    adapter.initialize()


def test_a_database_that_is_open_stays_open():
    with VelocityDB() as db:
        db.create_collection("mine").insert("a", {"n": 1})
        with ColonyOSAdapter(db) as adapter:
            adapter.add_colony(Colony("1", "c"))
            adapter.drop()
            adapter.add_colony(Colony("2", "d"))
        with pytest.raises(DatabaseClosedError):
            adapter.get_colonies()
        assert not db.closed
        assert db["mine"]["a"]["n"] == 1
        with ColonyOSAdapter(db) as again:
            assert again.get_colonies() == [Colony("2", "d")]


def test_two_adapters_on_one_database():
    with VelocityDB() as db, ColonyOSAdapter(db) as one, ColonyOSAdapter(db) as two:
        one.add_user(User("c", "1", "a"))
        two.add_user(User("c", "2", "b"))
        assert one.get_users() == two.get_users()
        one.close()
        assert two.count_users() == 2


def test_adapters_on_one_database_add_in_one_order():
    with VelocityDB(Config(storage_mode="memory-only")) as db:
        adapters = [ColonyOSAdapter(db), ColonyOSAdapter(db)]
        for number in range(6):
            adapters[number % 2].add_user(User("c", "", str(number)))
        assert [each.name for each in adapters[0].get_users()] == list("012345")


def test_a_later_step_counts_whichever_adapter_it_was_made_by():
    with VelocityDB(Config(storage_mode="memory-only")) as db:
        first, second = ColonyOSAdapter(db), ColonyOSAdapter(db)
        spec = FunctionSpec(env={"k": "v"}, conditions=Conditions("c", executortype="t"))
        for adds, claims in ((first, second), (second, first)):
            process = Process.create(spec)
            adds.add_process(process)
            assert claims.select_and_assign("c", "1", "e", "t", "").processid == process.processid
            assert [each.state for each in adds.get_attributes(process.processid)] == [RUNNING]


def test_a_database_that_was_closed():
    db = VelocityDB()
    with ColonyOSAdapter(db) as adapter:
        db.close()
        with pytest.raises(DatabaseClosedError):
            adapter.get_colonies()
    with pytest.raises(DatabaseClosedError):
        ColonyOSAdapter(db)


def test_closing_is_idempotent(config):
    adapter = ColonyOSAdapter(config)
    adapter.close()
    adapter.close()
    with pytest.raises(DatabaseClosedError):
        adapter.initialize()
    with pytest.raises(DatabaseClosedError):
        with adapter:
            pass


def test_a_context_manager_closes_also_after_an_error(config):
    with pytest.raises(ZeroDivisionError):
        with ColonyOSAdapter(config) as adapter:
            1 / 0  # noqa: B018
    with pytest.raises(DatabaseClosedError):
        adapter.get_colonies()


def test_levels_can_be_chosen():
    chosen = {"logs": Consistency.LOCAL, "files": "strong"}
    with VelocityDB() as db, ColonyOSAdapter(db, consistency=chosen):
        assert db["logs"].consistency is Consistency.LOCAL
        assert db["files"].consistency is Consistency.STRONG
        assert db["users"].consistency is LAYOUTS["users"].level


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        ({"log": "local"}, "'log' is no collection.*logs"),
        ({"logs": "weak"}, "logs: 'weak' is not possible.*eventual"),
        ({"logs": None}, "logs: None is not possible"),
    ],
)
def test_levels_that_cannot_be(config, chosen, text):
    with pytest.raises(ConfigError, match=text):
        ColonyOSAdapter(config, consistency=chosen)
    ColonyOSAdapter(config).close()  # nothing was left open


def test_a_level_stays_as_it_was_made(config):
    ColonyOSAdapter(config, consistency={"logs": "local"}).close()
    with pytest.raises(ConsistencyError, match="logs") as caught:
        ColonyOSAdapter(config)
    with ColonyOSAdapter(config, consistency={"logs": "local"}) as adapter:
        assert adapter._data.logs.consistency is Consistency.LOCAL
    del caught  # it held what had failed, which closed its database without being collected


def test_many_threads_open_one_database():
    with VelocityDB() as db:
        def work(number):
            with ColonyOSAdapter(db) as adapter:
                adapter.add_user(User("c", str(number), f"u{number}"))

        run_threads(work, 8)
        with ColonyOSAdapter(db) as adapter:
            assert {each.name for each in adapter.get_users()} == {f"u{n}" for n in range(8)}


def test_the_docs_have_each_collection_with_its_level():
    page = (Path(__file__).parents[2] / "docs" / "colonyos.md").read_text(encoding="utf-8")
    rows = [f"| `{name}` | {each.purpose} | {each.level.value} |" for name, each in LAYOUTS.items()]
    assert "\n".join(rows) in page


def test_the_database_beneath():
    with VelocityDB() as db, ColonyOSAdapter(db) as adapter:
        assert adapter.db is db
        adapter.close()
        with pytest.raises(DatabaseClosedError):
            _ = adapter.db
