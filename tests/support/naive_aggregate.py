"""A pipeline evaluated the plain way, from MongoDB's manual: what the stages are tested against.

It shares nothing with the package, knows no speed, and takes only what the tests make: documents
as dicts with "_id", and pipelines that are right.
"""

from __future__ import annotations

import math
from datetime import datetime, timezone
from fractions import Fraction

MISSING = object()
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def order(value):
    """A tuple that compares as values of all types do."""
    if value is MISSING:
        return (-1,)
    if value is None:
        return (0,)
    if isinstance(value, bool):
        return (6, value)
    if isinstance(value, (int, float)):
        if value != value:
            return (1, 0)
        if value in (math.inf, -math.inf):
            return (1, 3) if value > 0 else (1, 1)
        return (1, 2, Fraction(value))
    if isinstance(value, str):
        return (2, value.encode())
    if isinstance(value, dict):
        return (3, tuple(sorted((name.encode(), order(item)) for name, item in value.items())))
    if isinstance(value, list):
        return (4, tuple(order(item) for item in value))
    if isinstance(value, bytes):
        return (5, value)
    return (7, value - EPOCH)


def number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def at(value, path):
    """The value of "$path"."""
    first, _, rest = path.partition(".")
    if isinstance(value, list):
        inner = [at(item, path) for item in value if isinstance(item, dict)]
        return [item for item in inner if item is not MISSING]
    if not isinstance(value, dict):
        return MISSING
    inner = value.get(first, MISSING)
    return at(inner, rest) if rest else inner


def put(document, path, value, into_lists=False):
    if into_lists and isinstance(document, list):
        return [put(item, path, value, True) for item in document]
    first, _, rest = path.partition(".")
    changed = dict(document) if isinstance(document, dict) else {}
    if rest:
        changed[first] = put(changed.get(first), rest, value, into_lists)
    elif value is MISSING:
        changed.pop(first, None)
    else:
        changed[first] = value
    return changed


def truth(value):
    return value is not MISSING and value is not None and value is not False and not (
        number(value) and value == 0
    )


COMPARISONS = {
    "$eq": lambda a, b: a == b, "$ne": lambda a, b: a != b, "$gt": lambda a, b: a > b,
    "$gte": lambda a, b: a >= b, "$lt": lambda a, b: a < b, "$lte": lambda a, b: a <= b,
}


def evaluate(expression, document):
    if isinstance(expression, str) and expression.startswith("$"):
        return document if expression == "$$ROOT" else at(document, expression[1:])
    if isinstance(expression, list):
        values = [evaluate(item, document) for item in expression]
        return [None if value is MISSING else value for value in values]
    if not isinstance(expression, dict):
        return expression
    operator = next(iter(expression), "")
    if not operator.startswith("$"):
        values = {name: evaluate(item, document) for name, item in expression.items()}
        return {name: value for name, value in values.items() if value is not MISSING}
    argument = expression[operator]
    if operator == "$literal":
        return argument
    values = [evaluate(item, document) for item in argument]
    if operator in COMPARISONS:
        return COMPARISONS[operator](order(values[0]), order(values[1]))
    if operator == "$cond":
        return values[1] if truth(values[0]) else values[2]
    if operator == "$ifNull":
        present = [value for value in values if value is not None and value is not MISSING]
        return present[0] if present else values[-1]
    if operator == "$and":
        return all(map(truth, values))
    if operator == "$or":
        return any(map(truth, values))
    assert operator == "$not"
    return not truth(values[0])


def accumulated(operator, values):
    numbers = [value for value in values if number(value)]
    if operator == "$count":
        return len(values)
    if operator == "$sum":
        return total(numbers)
    if operator == "$avg":
        return float(total([*numbers, 0.0])) / len(numbers) if numbers else None
    if operator in ("$min", "$max"):
        present = [value for value in values if value is not None and value is not MISSING]
        return (min if operator == "$min" else max)(present, key=order, default=None)
    if operator in ("$first", "$last"):
        value = values[0 if operator == "$first" else -1]
        return None if value is MISSING else value
    present = [value for value in values if value is not MISSING]
    if operator == "$push":
        return present
    assert operator == "$addToSet"
    return unique(present)


def total(numbers):
    """Exact, rounded once; with a float among them a float."""
    strange = [value for value in numbers if not math.isfinite(value)]
    if strange:
        return sum(strange)
    exact = sum(map(Fraction, numbers))
    if any(isinstance(value, float) for value in numbers):
        return float(exact)
    return int(exact) if -(2**63) <= exact < 2**63 else float(exact)


def unique(values):
    return list({order(value): value for value in reversed(values)}.values())[::-1]


def ends(value, path):
    """Where a filter's path ends; null where there is nothing."""
    if not path:
        return [value]
    first, _, rest = path.partition(".")
    if isinstance(value, dict):
        return ends(value.get(first), rest)
    if not isinstance(value, list):
        return [None]
    found = [end for item in value if isinstance(item, dict) for end in ends(item, path)]
    if first.isdigit() and int(first) < len(value):
        found += ends(value[int(first)], rest)
    return found or [None]


def sort_values(document, path):
    """What a sort looks at: lists count by their elements."""
    values = []
    for end in ends(document, path):
        values += end if isinstance(end, list) and end else [end]
    return values


def condition_holds(value, operator, wanted):
    a, b = order(None if value is MISSING else value), order(wanted)
    return a[0] == b[0] and COMPARISONS[operator](a, b)


def match(spec, documents):
    """Of {name: value or {operator: value}}, by the value or an element of it."""
    def matches(document):
        for name, wanted in spec.items():
            conditions = wanted if isinstance(wanted, dict) else {"$eq": wanted}
            value = document.get(name, MISSING)
            several = [value, *value] if isinstance(value, list) else [value]
            for operator, operand in conditions.items():
                if not any(condition_holds(item, operator, operand) for item in several):
                    return False
        return True

    return [document for document in documents if matches(document)]


def group(spec, documents):
    groups = {}
    for document in documents:
        id = evaluate(spec["_id"], document)
        id = None if id is MISSING else id
        groups.setdefault(order(id), (id, []))[1].append(document)
    results = []
    for id, members in groups.values():
        result = {"_id": id}
        for name, accumulator in spec.items():
            if name != "_id":
                [(operator, argument)] = accumulator.items()
                values = [evaluate(argument, member) for member in members]
                result[name] = accumulated(operator, values)
        results.append(result)
    return results


def sort(spec, documents):
    """By the last path first: each sort is stable, a descending one, too."""
    for path, direction in reversed(spec.items()):
        best = min if direction > 0 else max
        keys = [order(best(sort_values(document, path), key=order)) for document in documents]
        ranked = sorted(range(len(keys)), key=keys.__getitem__, reverse=direction < 0)
        documents = [documents[rank] for rank in ranked]
    return documents


def unwind(spec, documents):
    path = spec["path"][1:]
    results = []
    for document in documents:
        value = document
        for part in path.split("."):
            value = value.get(part, MISSING) if isinstance(value, dict) else MISSING
        rows = []
        if isinstance(value, list) and value:
            rows = [(put(document, path, item), index) for index, item in enumerate(value)]
        elif isinstance(value, list):
            if spec.get("preserveNullAndEmptyArrays"):
                rows = [(put(document, path, MISSING), None)]
        elif value not in (None, MISSING) or spec.get("preserveNullAndEmptyArrays"):
            rows = [(document, None)]
        for row, index in rows:
            named = spec.get("includeArrayIndex")
            results.append(put(row, named, index) if named else row)
    return results


def lookup(spec, documents, others):
    def meets(document, other):
        mine, theirs = set(), set()
        for end in ends(document, spec["localField"]):
            mine |= {order(value) for value in (end if isinstance(end, list) else [end])}
        for end in ends(other, spec["foreignField"]):
            theirs |= {order(value) for value in ([end, *end] if isinstance(end, list) else [end])}
        return bool(mine & theirs)

    return [
        put(document, spec["as"], [o for o in others[spec["from"]] if meets(document, o)])
        for document in documents
    ]


def run(pipeline, documents, others=None):
    """others: the documents of other collections, by name."""
    for stage in pipeline:
        [(name, spec)] = stage.items()
        if name == "$match":
            documents = match(spec, documents)
        elif name == "$group":
            documents = group(spec, documents)
        elif name == "$sort":
            documents = sort(spec, documents)
        elif name == "$limit":
            documents = documents[:spec]
        elif name == "$skip":
            documents = documents[spec:]
        elif name == "$unwind":
            documents = unwind(spec, documents)
        elif name == "$count":
            documents = [{spec: len(documents)}] if documents else []
        elif name == "$lookup":
            documents = lookup(spec, documents, others)
        elif name == "$facet":
            documents = [{key: run(inner, documents, others) for key, inner in spec.items()}]
        elif name == "$addFields":
            documents = [add_fields(spec, document) for document in documents]
        else:
            assert name == "$project"
            documents = [project(spec, document) for document in documents]
    return documents


def add_fields(spec, document):
    result = document
    for path, expression in _leaves(spec):
        result = put(result, path, evaluate(expression, document), into_lists=True)
    return result


def _leaves(spec, prefix=""):
    """An object that is no expression sets its fields one by one: {a: {b: 1}} is {"a.b": 1}."""
    for path, expression in spec.items():
        plain = isinstance(expression, dict) and not any(key.startswith("$") for key in expression)
        if plain and expression:
            yield from _leaves(expression, f"{prefix}{path}.")
        else:
            yield prefix + path, expression


def project(spec, document):
    """Of top-level names: all kept, all taken out, or computed beside kept ones."""
    switches = {name: bool(spec[name]) for name in spec if isinstance(spec[name], (bool, int))}
    deciding = [name for name in spec if name != "_id"] or ["_id"]
    if all(switches.get(name) is False for name in deciding):
        keep_id = switches.get("_id", True)
        return {
            name: value for name, value in document.items()
            if (keep_id if name == "_id" else name not in spec)
        }
    wanted = {"_id": "_id" not in spec, **switches}
    result = {name: value for name, value in document.items() if wanted.get(name)}
    for name, expression in spec.items():
        if name not in switches:
            value = evaluate(expression, document)
            if value is not MISSING:
                result[name] = value
    return result
