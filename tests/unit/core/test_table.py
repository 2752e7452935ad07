"""Table: each verb, growth by leaves, reserving, shrinking, deleted slots, equal tags, walking."""

import random

import pytest

from velocity._core.memory import LimitError, Table

LEAF = 4096
LEAF_LIMIT = LEAF * 85 // 100
SAME_TAG = 5 << 34  # hashes SAME_TAG + n, n < 2**34, share the 30 bits the table sees


@pytest.fixture
def table():
    t = Table()
    yield t
    t.check()


def hashes_of(count, seed=1):
    rng = random.Random(seed)
    return [rng.getrandbits(64) for _ in range(count)]


def fill(table, hashes):
    for payload, hash_ in enumerate(hashes):
        table.insert(hash_, payload)


def walked(table, between=lambda: None):
    pairs, cursor, done = table.walk()
    while not done:
        between()
        more, cursor, done = table.walk(cursor)
        pairs += more
    return pairs


def test_an_empty_table_is_small_and_finds_nothing(table):
    assert len(table) == 0
    assert table.memory <= 128
    assert table.find(0) is None
    assert table.find_many_nogil([0, 2**64 - 1]) == [None, None]
    assert walked(table) == []


def test_insert_find_replace_remove(table):
    table.insert(7, 70)
    assert (table.find(7), len(table)) == (70, 1)
    table.replace(7, 71)
    assert (table.find(7), len(table)) == (71, 1)
    table.remove(7)
    assert (table.find(7), len(table)) == (None, 0)


def test_the_face_refuses_what_the_table_requires(table):
    table.insert(7, 70)
    with pytest.raises(KeyError):
        table.insert(7, 71)
    with pytest.raises(KeyError):
        table.replace(8, 1)
    with pytest.raises(KeyError):
        table.remove(8)


@pytest.mark.parametrize("hash_", [0, 1, 2**34 - 1, 2**34, 2**63, 2**64 - 1])
def test_no_hash_is_reserved(table, hash_):
    table.insert(hash_, 1)
    table.insert(hash_ ^ 1, 2)
    assert (table.find(hash_), table.find(hash_ ^ 1)) == (1, 2)
    table.remove(hash_)
    assert (table.find(hash_), table.find(hash_ ^ 1)) == (None, 2)


def test_every_insert_leaves_a_sound_table(table):
    for payload, hash_ in enumerate(hashes_of(400)):
        table.insert(hash_, payload)
        table.check()


def test_growth_touches_one_leaf_at_a_time(table):
    last = worst = 0
    for payload, hash_ in enumerate(hashes_of(60_000)):
        table.insert(hash_, payload)
        worst = max(worst, table.moved - last)
        last = table.moved
    assert LEAF // 2 < worst <= LEAF
    assert table.moved < 4 * 60_000
    assert table.depth >= 4


def test_growth_keeps_every_entry(table):
    hashes = hashes_of(60_000)
    fill(table, hashes)
    assert table.find_many_nogil(hashes) == list(range(60_000))
    assert table.find_many_nogil(hashes_of(1000, seed=2)) == [None] * 1000
    assert 8 / 0.85 < table.memory / 60_000 < 8 / 0.42


@pytest.mark.parametrize("count", [1, 6, 7, 64, 65, LEAF_LIMIT, LEAF_LIMIT + 1, 20_000])
def test_reserved_inserts_move_nothing(table, count):
    hashes = hashes_of(count)
    fill(table, hashes_of(10, seed=2))
    table.reserve(hashes)
    table.check()
    moved, memory = table.moved, table.memory
    for hash_ in hashes:
        table.insert_reserved(hash_, 1)
    assert (table.moved, table.memory) == (moved, memory)
    assert len(table) == count + 10


def test_a_large_reservation_fits_full_leaves_and_empty_ones(table):
    fill(table, hashes_of(30_000))
    more = hashes_of(100_000, seed=2)
    table.reserve(more)
    moved = table.moved
    for hash_ in more:
        table.insert_reserved(hash_, 1)
    assert table.moved == moved
    assert len(table) == 130_000


def test_a_reservation_may_fall_into_one_leaf_or_one_tag(table):
    one_leaf = [h >> 17 for h in hashes_of(9000)]
    one_tag = [SAME_TAG + n for n in range(5000)]
    for hashes in (one_leaf, one_tag):
        table.reserve(hashes)
        moved = table.moved
        for hash_ in hashes:
            table.insert_reserved(hash_, 1)
        assert table.moved == moved
        table.check()
    assert set(table.find_many_nogil(one_leaf + one_tag)) == {1}


def test_repeated_hashes_count_each_time(table):
    table.reserve([SAME_TAG] * 100)
    moved = table.moved
    for n in range(100):
        table.insert_reserved(SAME_TAG + n, n)
    assert table.moved == moved


def test_removals_leave_a_reservation_alone(table):
    old, new = hashes_of(3000), hashes_of(400, seed=2)
    fill(table, old)
    table.reserve(new)
    moved = table.moved
    for hash_ in old:
        table.remove(hash_)
    for hash_ in new:
        table.insert_reserved(hash_, 1)
    assert table.moved == moved
    table.check()


def test_an_unused_reservation_is_dropped_by_the_next(table):
    fill(table, hashes_of(3000))
    memory = table.memory
    table.reserve(hashes_of(100, seed=2))
    table.reserve([])
    for hash_ in hashes_of(3000):
        table.remove(hash_)
    assert table.memory < memory / 50


def test_a_reservation_without_memory_leaves_the_entries():
    table = Table(budget=400_000)
    hashes = hashes_of(3000)
    fill(table, hashes)
    with pytest.raises(LimitError):
        table.reserve(hashes_of(100_000, seed=2))
    table.check()
    assert table.find_many_nogil(hashes) == list(range(3000))


def test_inserting_up_to_the_budget_keeps_what_is_there():
    table = Table(budget=1_000_000)
    kept = []
    with pytest.raises(LimitError):
        for payload, hash_ in enumerate(hashes_of(100_000)):
            table.insert(hash_, payload)
            kept.append(hash_)
    table.check()
    assert len(kept) > 10_000
    assert table.find_many_nogil(kept) == list(range(len(kept)))


def test_an_emptied_table_gives_its_memory_back(table):
    hashes = hashes_of(100_000)
    fill(table, hashes)
    full = table.memory
    random.Random(3).shuffle(hashes)
    for hash_ in hashes:
        table.remove(hash_)
    table.collect()
    table.check()
    assert table.memory < full / 50
    assert table.slab_memory < (2 << 20) + full / 20  # spares: at most one region's bytes
    assert table.slab_used < full / 50


def test_removals_are_paid_by_few_moves(table):
    hashes = hashes_of(50_000)
    fill(table, hashes)
    before = table.moved
    for hash_ in hashes:
        table.remove(hash_)
    assert table.moved - before < 4 * 50_000


def test_deleted_slots_do_not_lengthen_probes(table):
    live = hashes_of(100)
    fill(table, live)
    rng = random.Random(4)
    for n in range(100_000):
        at = rng.randrange(100)
        table.remove(live[at])
        live[at] = rng.getrandbits(64)
        table.insert(live[at], n)
    table.check()
    probes = [table.probes(h) for h in live + hashes_of(1000, seed=5)]
    assert sum(probes) / len(probes) < 10
    assert table.memory < 100 * 100


def test_a_full_leaf_of_changing_entries_is_rebuilt_rarely(table):
    live = hashes_of(LEAF_LIMIT - 10)
    fill(table, live)
    before = table.moved
    rng = random.Random(6)
    for n in range(20_000):
        at = rng.randrange(len(live))
        table.remove(live[at])
        live[at] = rng.getrandbits(64)
        table.insert(live[at], n)
    assert table.moved - before < 12 * 20_000


def test_ten_thousand_equal_tags(table):
    fill(table, [SAME_TAG + n for n in range(10_000)])
    table.check()
    assert table.depth <= 4
    assert table.memory < 400_000
    assert table.find(SAME_TAG + 9_999) == 9_999
    assert table.find(SAME_TAG + 10_000) is None
    assert sorted(walked(table)) == [(SAME_TAG + n, n) for n in range(10_000)]
    for n in range(10_000):
        table.remove(SAME_TAG + n)
    assert table.memory < 1000


def test_tags_that_agree_in_most_bits_do_not_blow_up_the_directory(table):
    """Only the last two bits that a directory could use tell these apart."""
    fill(table, [(n & 3) << 46 | n for n in range(8_000)])
    table.check()
    assert table.depth <= 6
    assert table.memory < 400_000


def test_skewed_tags_split_where_they_differ(table):
    hashes = [h >> 6 for h in hashes_of(40_000)]
    fill(table, hashes)
    table.check()
    assert table.find_many_nogil(hashes) == list(range(40_000))


def test_a_walk_gives_each_entry_once(table):
    hashes = hashes_of(30_000)
    fill(table, hashes)
    assert sorted(walked(table)) == sorted(zip(hashes, range(30_000), strict=True))


def test_a_walk_keeps_its_promise_while_leaves_split_and_shrink(table):
    stay, leave, come = hashes_of(9000), hashes_of(9000, seed=2), hashes_of(90_000, seed=3)
    fill(table, stay)
    fill(table, leave)

    def between():
        for _ in range(10_000):
            if come:
                table.insert(come.pop(), 1)
        for _ in range(1000):
            if leave:
                table.remove(leave.pop())
        for hash_ in stay[:100]:
            table.replace(hash_, 5)

    everything = set(stay) | set(leave) | set(come)
    pairs = [hash_ for hash_, _ in walked(table, between)]
    assert len(pairs) == len(set(pairs))
    assert set(stay) <= set(pairs) <= everything


def test_a_walk_is_given_in_whole_leaves(table):
    fill(table, hashes_of(20_000))
    first, cursor, done = table.walk()
    assert not done
    assert len(first) <= LEAF
    everything, _, done = table.walk(0, 100_000)
    assert done
    assert len(everything) == 20_000
    assert everything[: len(first)] == first


def test_closing_frees_everything_but_the_slab(table):
    t = Table()
    hashes = hashes_of(20_000)
    fill(t, hashes)
    for hash_ in hashes[:5000]:
        t.remove(hash_)
    assert t.close_table() == 0


@pytest.mark.parametrize("count", [7, 100, 3_000, 3_001, 50_000])
@pytest.mark.parametrize("told", [0.5, 1.0, 3.0])
def test_a_presized_table_is_a_table(table, count, told):
    table.presize(int(count * told))
    table.check()
    hashes = hashes_of(count)
    fill(table, hashes)
    table.check()
    assert all(table.find(hash_) == payload for payload, hash_ in enumerate(hashes))
    assert sorted(payload for _, payload in walked(table)) == list(range(count))
    for hash_ in hashes:
        table.remove(hash_)
    table.check()


def test_a_presized_table_does_not_grow(table):
    table.presize(50_000)
    memory = table.memory
    fill(table, hashes_of(50_000))
    assert table.memory == memory


def test_presizing_helps_or_does_nothing():
    t = Table(300_000)
    before = t.memory
    t.presize(10_000_000)  # more than the budget
    assert t.memory == before
    t.check()
    fill(t, hashes_of(100))
    before = t.memory
    t.presize(5_000)  # not empty
    assert t.memory == before
    t.check()
