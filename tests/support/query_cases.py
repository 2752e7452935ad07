"""Queries at random, their answers by plain Python, and indexes of every kind beneath them."""

from __future__ import annotations

from support.filter_cases import Cases
from support.filter_oracle import matches, places
from velocity._core.codec import order_key

_INVERTED = bytes(range(255, -1, -1))
FIELDS = ("a", "b", "c")
SIMPLE = [None, True, 0, 1, 2, 3, 2.5, float("nan"), -1, "", "x", "xy", "y", b"x"]
# (fields, unique, where)
INDEXES = [
    ("a", False, None),
    ("-a", False, None),
    ("b.0", False, None),
    (["a", "-b"], False, None),
    (["-b", "a"], False, None),
    (["c", "a", "b"], False, None),
    (["b", "n"], True, None),
    ("n", True, None),
    ("a", False, {"c": 1}),
    ("b", False, {"a": {"$gt": 0}}),
    (["a", "b"], False, {"c": {"$in": [None, 1]}}),
    ("b", False, {"c": {"$ne": 1}}),
    ("a", False, {"c": True, "b": {"$exists": True}}),
]


class QueryCases(Cases):
    """Documents of few fields, mostly of plain values, and the queries of them."""

    def simple(self):
        return self.random.choice(SIMPLE) if self.random.random() < 0.8 else self.value(2)

    def documents(self, count):
        lists = self.random.random() < 0.5
        found = {}
        for n in range(count):
            fields = {"n": n}
            for name in FIELDS:
                if self.random.random() < 0.85:
                    value = self.simple()
                    fields[name] = 1 if isinstance(value, (list, dict)) and not lists else value
            found[f"d{self.random.randrange(10**6)}-{n}"] = fields
        return found

    def condition(self):
        kind = self.random.random()
        if kind < 0.45:
            return self.random.choice(SIMPLE)
        if kind < 0.75:
            low, high = self.random.choice(["$gt", "$gte"]), self.random.choice(["$lt", "$lte"])
            bounds = {low: self.random.choice(SIMPLE), high: self.random.choice(SIMPLE)}
            return dict(self.random.sample(sorted(bounds.items(), key=repr), self.random.choice([1, 2])))
        if kind < 0.9:
            return {"$in": [self.random.choice(SIMPLE) for _ in range(self.random.randrange(4))]}
        return self.operators(2)

    def query_filter(self, ids):
        spec = {}
        for name in self.random.sample(FIELDS, self.random.choice([0, 1, 1, 2, 2, 3])):
            spec[name] = self.condition()
        kind = self.random.random()
        if kind < 0.15:
            spec["$or"] = [{name: self.condition()} for name in self.random.choices(FIELDS, k=2)]
        elif kind < 0.2:
            spec["$and"] = [{name: self.condition()} for name in self.random.choices(FIELDS, k=2)]
        elif kind < 0.25:
            spec["$nor"] = [{self.random.choice(FIELDS): self.condition()}]
        elif kind < 0.4:
            named = self.random.sample(ids, 2)
            spec["_id"] = self.random.choice([
                named[0], 5, {"$in": [*named, "no"]}, {"$gte": named[0]}, {"$gt": named[0]},
                {"$lt": named[0]}, {"$lte": named[0], "$gt": named[1]}, {"$ne": named[0]},
                {"$gt": 5}, {"$regex": "^d[1-4]"}])  # fmt: skip
            if self.random.random() < 0.3:
                spec = {self.random.choice(["$or", "$nor", "$and"]): [spec, {"a": self.condition()}]}
        return spec

    def sort(self):
        names = self.random.sample(["a", "b", "c", "n", "_id"], self.random.choice([0, 0, 1, 1, 2, 3]))
        return [self.random.choice(["", "-"]) + name for name in names] or None


def sort_key(id, fields, sort):
    """By the order of types; a list counts by its least element, descending by its greatest."""
    parts = []
    for field in [sort] if isinstance(sort, str) else sort:
        path, descending = field.removeprefix("-"), field.startswith("-")
        keys = []
        for value, _ in places({**fields, "_id": id}, path.split(".")):
            elements = value if isinstance(value, list) and value else [value]
            keys += [order_key(None if e is _missing else e) for e in elements]
        keys = keys or [order_key(None)]  # a list on the way without the field
        key = max(keys) if descending else min(keys)
        parts.append(key.translate(_INVERTED) if descending else key)
    return b"".join(parts)


_missing = places({}, ["a"])[0][0]


def answers(documents, spec):
    """The ids of those that match."""
    return [id for id, fields in documents.items() if matches({**fields, "_id": id}, spec)]


def check(collection, documents, spec, sort, limit, offset):
    """A query's answers are those of plain Python, however they are asked for."""
    wanted = answers(documents, spec)
    case = (spec, sort, limit, offset, [info.name for info in collection.indexes])
    for _ in range(3):  # plans are kept from the first time on
        found = collection.find(spec, sort=sort, limit=limit, offset=offset)
        ids = [document.id for document in found]
        after = max(0, len(wanted) - offset)
        assert len(ids) == len(set(ids)) == (after if limit is None else min(limit, after)), case
        assert set(ids) <= set(wanted), case
        assert found.has_more == (len(ids) < after), case
        assert all(document.fields == documents[document.id] or repr(document.fields) == repr(
            documents[document.id]) for document in found), case
        first = collection.find_one(spec, sort=sort)
        assert (first is None) == (not wanted) and (first is None or first.id in wanted), case
        if sort:
            keys = sorted(sort_key(id, documents[id], sort) for id in wanted)
            stop = None if limit is None else offset + limit
            assert [sort_key(id, documents[id], sort) for id in ids] == keys[offset:stop], case
            assert not wanted or sort_key(first.id, first.fields, sort) == keys[0], case
    assert found.total == len(wanted) == collection.count(spec), case
    plan = collection.explain(spec, sort=sort, limit=limit, offset=offset)
    assert plan["returned"] == len(ids), case
    return plan
