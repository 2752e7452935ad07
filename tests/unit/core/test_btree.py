"""Tree: order, edges of sizes, splitting, fill, merging, reserving, ranges, building."""

import random

import pytest

from velocity._core.memory import BTree, LimitError

NODE = 4096
KEY_MAX = 1100


@pytest.fixture
def tree():
    t = BTree()
    yield t
    t.check()


def entries(count, values=None, seed=1):
    """As an index has them: a type byte, a value of 8 bytes, a hash of 8 bytes."""
    rng = random.Random(seed)
    return [b"\x20" + (rng.randrange(values) if values else rng.getrandbits(63)).to_bytes(8, "big")
            + rng.randbytes(8) for _ in range(count)]


def fill(tree, keys):
    for key in keys:
        assert tree.insert(key)


def per_entry(tree, keys):
    """Bytes beyond those of the keys."""
    return (tree.memory - sum(map(len, keys))) / len(keys)


def test_an_empty_tree_is_one_node(tree):
    assert (len(tree), tree.height, tree.memory) == (0, 1, NODE)
    assert tree.scan() == tree.scan(reverse=True) == tree.scan(b"a") == []
    assert tree.count_range(b"", None) == tree.estimate_range(b"", None) == 0
    assert b"" not in tree
    assert not tree.remove(b"a")


def test_keys_are_a_set_in_the_order_of_bytes(tree):
    keys = [b"", b"\0", b"\0\0", b"\0\0\0\0", b"\0\0\0\0\0", b"\0\1", b"a", b"a\0", b"ab", b"b",
            b"\xfe\xff\xff\xff\xff", b"\xff", b"\xff\xff\xff\xff", b"\xff\xff\xff\xff\0"]
    for key in random.Random(1).sample(keys, len(keys)):
        assert tree.insert(key)
        assert not tree.insert(key)
    assert tree.scan() == sorted(keys) == keys
    assert tree.scan(reverse=True) == keys[::-1]
    for at, key in enumerate(keys):
        assert tree.scan(key, limit=1) == [key]
        assert tree.scan(key, reverse=True, limit=1) == keys[:at][-1:]
        assert tree.remove(key)
        assert not tree.remove(key)
        assert tree.insert(key)


def test_the_largest_keys(tree):
    keys = [bytes([n]) * KEY_MAX for n in range(256)]
    keys += [b"p" * (KEY_MAX - 1) + bytes([n]) for n in range(256) if n != ord("p")]
    random.Random(1).shuffle(keys)
    fill(tree, keys)
    assert tree.scan() == sorted(keys)
    with pytest.raises(ValueError, match="too large"):
        tree.insert(b"x" * (KEY_MAX + 1))
    for key in keys:
        assert tree.remove(key)
    assert (len(tree), tree.height) == (0, 1)


def test_a_shared_prefix_is_stored_once(tree):
    keys = [b"p" * 1000 + b"%05d" % n for n in range(20_000)]
    random.Random(1).shuffle(keys)
    fill(tree, keys)
    assert tree.scan() == sorted(keys)
    assert tree.memory / len(keys) < 50


def test_strays_around_a_shared_prefix_do_not_get_nodes_of_their_own(tree):
    """Each is outside the prefix of a full node, and nearer to it than the one before."""
    fill(tree, [b"p" * 1000 + b"%04d" % n for n in range(300)])
    before = tree.memory
    for letter in range(255, ord("p"), -1):
        fill(tree, [b"p" * 500 + bytes([letter])])
    for letter in range(ord("p")):
        fill(tree, [b"p" * 500 + bytes([letter])])
    tree.check()
    assert tree.memory - before < 80 * NODE


@pytest.mark.parametrize(("order", "beyond"), [("any", 16), ("up", 6), ("down", 6)])
def test_memory_per_entry(tree, order, beyond):
    keys = entries(30_000)
    if order != "any":
        keys.sort(reverse=order == "down")
    fill(tree, keys)
    assert per_entry(tree, keys) < beyond


@pytest.mark.parametrize("hashes", ["any", "up"])
def test_few_distinct_values_fill_their_nodes(tree, hashes):
    """As an index gets them that is built by walking a table: by value at random, and within each
    value in the order of the hashes."""
    keys = entries(50_000, values=10)
    if hashes == "up":
        keys.sort(key=lambda key: key[9:])
    fill(tree, keys)
    assert per_entry(tree, keys) < (0 if hashes == "up" else 4)


def test_keys_that_come_nearly_in_order_fill_their_nodes(tree):
    """As ids do that several threads make from the time."""
    rng = random.Random(5)
    keys = [b"\x20" + (n + rng.randrange(16)).to_bytes(8, "big") + rng.randbytes(8)
            for n in range(50_000)]
    fill(tree, keys)
    assert per_entry(tree, keys) < 1
    for key in keys:
        tree.remove(key)
    fill(tree, reversed(keys))
    assert per_entry(tree, keys) < 1


def test_removing_gives_memory_back(tree):
    keys = entries(30_000)
    fill(tree, keys)
    full = tree.memory
    random.Random(2).shuffle(keys)
    for key in keys[3000:]:
        assert tree.remove(key)
    tree.check()
    assert tree.memory < full / 4
    assert tree.scan() == sorted(keys[:3000])
    for key in keys[:3000]:
        assert tree.remove(key)
    tree.reserve(0)
    assert (tree.height, len(tree)) == (1, 0)
    assert tree.memory <= 3 * NODE


@pytest.mark.parametrize("reverse", [False, True])
def test_removing_from_an_end_gives_memory_back(tree, reverse):
    keys = sorted(entries(30_000), reverse=reverse)
    fill(tree, keys)
    for key in keys:
        assert tree.remove(key)
    assert (tree.height, len(tree)) == (1, 0)


def test_what_was_reserved_suffices(tree):
    """With the widest splits: three keys to a node, and none has room."""
    rng = random.Random(3)
    fill(tree, [rng.randbytes(KEY_MAX) for _ in range(500)])
    keys = [rng.randbytes(KEY_MAX) for _ in range(300)]
    tree.reserve(len(keys))
    memory = tree.memory
    assert all(tree.insert_reserved(key) for key in keys)
    assert tree.memory == memory
    tree.reserve(0)
    assert tree.memory < memory


def test_without_room_nothing_is_reserved():
    tree = BTree(budget=12 << 20)
    keys = entries(1 << 20)
    inserted = []
    with pytest.raises(LimitError):
        for key in keys:
            tree.insert(key)
            inserted.append(key)
    before = tree.memory, tree.spare_count
    with pytest.raises(LimitError):
        tree.reserve(1 << 16)
    assert (tree.memory, tree.spare_count) <= before
    tree.check()
    assert tree.scan() == sorted(inserted)
    for key in inserted:
        assert tree.remove(key)
    assert tree.insert(keys[-1])
    tree.check()
    assert tree.close() == 0


def test_ranges(tree):
    keys = sorted(entries(20_000))
    fill(tree, random.Random(4).sample(keys, len(keys)))
    for low, high in [(0, 1), (5, 6), (17, 1000), (0, 20_000), (3000, 3000), (9000, 8000)]:
        start, end = keys[low], keys[high] if high < len(keys) else None
        count = max(0, high - low)
        assert tree.count_range(start, end) == count
        estimate = tree.estimate_range(start, end)
        assert count * 0.7 <= estimate <= count * 1.4


def test_estimates_where_leaves_hold_few_long_keys_or_many_short_ones(tree):
    chance = random.Random(7)
    short = [b"a" + n.to_bytes(8, "big") for n in range(20_000)]
    long = [b"b" + chance.randbytes(90) for _ in range(20_000)]
    keys = sorted(short + long)
    fill(tree, chance.sample(keys, len(keys)))
    for start, end in [(b"a", b"b"), (b"b", b"c"), (short[500], long[9000]), (b"", None)]:
        count = tree.count_range(start, end)
        assert count * 0.7 <= tree.estimate_range(start, end) <= count * 1.4


def test_building(tree):
    keys = sorted(entries(20_000))
    tree.build([keys[0], *keys])
    assert tree.scan() == keys
    assert per_entry(tree, keys) < 6
