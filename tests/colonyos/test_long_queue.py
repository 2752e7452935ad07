"""A colony with a million waiting processes: the queue and its lists are read from an index, in
order, looking at no more than is asked for; explain says so."""

from __future__ import annotations

import pytest

from support.processes import COLONY, SIZES, TYPE, claim, ids, spec
from velocity import Config
from velocity.py.colonyos import WAITING, ColonyOSAdapter, Process
from velocity.py.colonyos.process_candidates import QUEUE_ORDER, candidates
from velocity.py.colonyos.process_documents import new_process
from velocity.py.colonyos.process_finders import LISTED, listing
from velocity.py.colonyos.store import now

WAITING_COUNT, CHUNK = 1_000_000, 10_000
KINDS = 24  # of processes, in turn: by pool, location, memory
STEP = 7_919  # prime: the order of adding is not the queue's


def kind(number):
    return spec(
        label=f"l{number % 3}",
        conditions={
            "executornames": [[], ["e"], ["other"], ["e", "other"]][number % 4],
            "locationname": ["", "Home", "away"][number // 4 % 3],
            "mem": ["", "1Gi"][number // 12],
        },
    )


def fits(number):
    """Whether executor e at home, with less than 1 Gi, may take it."""
    return number % 4 != 2 and number // 4 % 3 != 2 and number // 12 == 0


@pytest.fixture(scope="module")
def long():
    """The adapter, and the ids by place in the queue. What adding writes, without its calls."""
    with ColonyOSAdapter(Config(storage_mode="memory-only")) as adapter:
        data, moment = adapter._data, now()
        kinds = [new_process(data, Process.create(kind(n)), moment).fields for n in range(KINDS)]
        for start in range(0, WAITING_COUNT, CHUNK):
            made = []
            for number in range(start, start + CHUNK):
                place = number * STEP % WAITING_COUNT
                sequence = data.sequence.next()
                fields = dict(kinds[place % KINDS], sequence=sequence, tie=sequence)
                fields["prioritytime"] = fields["order"] = place
                made.append((f"{place:064x}", fields))
            data.processes.insert_many(made)
        yield adapter


def in_queue(wanted, count):
    """The ids of the first places whose kinds are wanted."""
    places = (place for place in range(WAITING_COUNT) if wanted(place % KINDS))
    return [f"{next(places):064x}" for _ in range(count)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("location", ["", "HOME"])
@pytest.mark.parametrize("names", [[None], ["e"], [None, "e"]])
@pytest.mark.parametrize("memory", [2**63 - 1, 2**30 - 1])
def test_the_queue_is_an_index(long, names, location, memory):
    sizes = (2**63 - 1, memory, 2**63 - 1, 127, 127, 127)
    where = candidates(COLONY, TYPE, tuple(names), location, *sizes)
    plan = long._data.processes.explain(where, QUEUE_ORDER, 1)
    assert (plan["plan"], plan["index"], plan["order"]) == ("index", ["queue"], "index"), plan
    assert plan["keys_examined"] <= KINDS and plan["documents_examined"] <= KINDS, plan


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("by", "index"), [({}, "listing"), ({"executor_type": TYPE}, "listing_type"),
                      ({"label": "l1"}, "listing_label")],
)  # fmt: skip
def test_its_lists_are_indexes(long, by, index):
    where = listing(WAITING, COLONY, **{"executor_type": "", "label": "", "initiator": "", **by})
    plan = long._data.processes.explain(where, LISTED, 10)
    assert (plan["plan"], plan["index"], plan["order"]) == ("index", [index], "index"), plan
    assert plan["documents_examined"] <= 11, plan


@pytest.mark.timeout(600)
def test_candidates_claims_and_lists_are_in_order(long):
    general, named = in_queue(lambda n: n % 4 == 0, 50), in_queue(lambda n: n % 4 in (1, 3), 50)
    home = [id for id in general if int(id, 16) // 4 % 3 != 2]
    assert ids(long.find_candidates(COLONY, TYPE, "home", *SIZES, len(home))) == home
    home = [id for id in named if int(id, 16) // 4 % 3 != 2]
    assert ids(long.find_candidates_by_name(COLONY, "e", TYPE, "hOme", *SIZES, len(home))) == home
    first = long.find_waiting_processes(COLONY, "", "", "", 10)
    assert [each.prioritytime for each in first] == list(range(10))
    taken = [claim(long, location="Home", memory=2**30 - 1).processid for _ in range(50)]
    assert taken == in_queue(fits, 50)
