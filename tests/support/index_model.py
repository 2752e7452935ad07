"""What an index must hold, from plain documents, and what it does hold."""

from __future__ import annotations

from itertools import product

from velocity._core.document import order_key
from velocity._core.engine import find_index

AFTER = b"\xff" * 9  # behind every entry that begins with a key


class TwoLists(Exception):
    """A document that leads to lists in two fields of one index."""


def reached(value, parts, has=True):
    """(value or None for missing, whether through a list's elements) that a path leads to."""
    if not has:
        return [(None, False)]
    if not parts:
        return [(value, False)]
    if isinstance(value, dict):
        return reached(value.get(parts[0]), parts[1:], parts[0] in value)
    if not isinstance(value, list):
        return [(None, False)]
    found = []
    if parts[0].isdigit() and int(parts[0]) < len(value):
        found += reached(value[int(parts[0])], parts[1:])
    for element in value:
        if isinstance(element, dict):
            found += [(inner, True) for inner, _ in reached(element, parts)]
    return found


def field_keys(fields, path, descending):
    """Distinct order keys of one field, and whether lists are involved."""
    keys, is_list = set(), False
    places = reached(fields, path.split("."))
    for value, through in places:
        is_list |= through or isinstance(value, list)
        each = value if isinstance(value, list) and value else [value]
        keys |= {order_key(item, descending=descending) for item in each}
    return (keys, is_list) if places else ({order_key(None, descending=descending)}, True)


def keys_of(fields, index_fields):
    """The keys of a document in an index of ("a.b", "-c"): a set of bytes."""
    parts = [field_keys(fields, f.removeprefix("-"), f.startswith("-")) for f in index_fields]
    if sum(is_list for _, is_list in parts) > 1:
        raise TwoLists
    return {b"".join(each) for each in product(*(keys for keys, _ in parts))}


def expected(documents, index_fields):
    """(key, id) of every entry, from id -> fields, in the order of keys; ids of one key by id."""
    return sorted(
        (key, id) for id, fields in documents.items() for key in keys_of(fields, index_fields)
    )


def held(collection, name, low=b"", high=None, reverse=False):
    """The same of an index, which must be in order in both directions and count itself rightly."""
    index = find_index(collection, name)
    entries = index.scan(low, high)
    keys = [index.key(values) for values, _ in entries]
    assert keys == sorted(keys)
    assert index.scan(low, high, True) == entries[::-1]
    assert index.count_range(low, high) == len(entries)
    documents = index.documents(low, high)
    assert [doc.id for doc in index.documents(low, high, True)] == [d.id for d in documents][::-1]
    return sorted(zip(keys, (doc.id for doc in documents), strict=True))
