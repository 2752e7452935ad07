"""Rows that look few documents up, by an index."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from bench.data import STATES, Uniform, document_id
from bench.queries.documents import age_of, email_of, extract, priority_of
from bench.queries.rows import Goal, Holders, Work, loop
from bench.timing import Case

LIMIT = 10


def find_one(h: Holders) -> Work:
    def ours(email: str) -> int:
        return int(h.users.find_one({"email": email})["age"])

    def get(id: str) -> int:
        return int(h.users.get(id)["age"])

    def theirs(email: str) -> int:
        [found] = h.sqlite.documents(f"WHERE {extract('email')} = ?", email)
        return int(found["age"])

    cases = [
        loop("velocity", Uniform(h.count), lambda n: (email_of(n),), ours, age_of),
        loop("get", Uniform(h.count), lambda n: (document_id(n),), get, age_of),
        loop("SQLite", Uniform(h.count), lambda n: (email_of(n),), theirs, age_of),
    ]
    goals = [Goal("get", within=2.5), Goal("SQLite", times=20)]
    return Work("find_one, unique field", cases, goals)


def equality(h: Holders) -> Work:
    def ours(collection: Any) -> Callable[[int], int]:
        def act(age: int) -> int:
            return sum(found["age"] for found in collection.find({"age": age}, limit=LIMIT))

        return act

    def theirs(age: int) -> int:
        rest = f"WHERE {extract('age')} = ? LIMIT {LIMIT}"
        return sum(found["age"] for found in h.sqlite.documents(rest, age))

    def case(name: str, act: Callable[[int], int]) -> Case:
        return loop(
            name, Uniform(h.count), lambda n: (age_of(n),), act, lambda n: LIMIT * age_of(n)
        )

    cases = [
        case("velocity", ours(h.users)),
        case("SQLite", theirs),
        case("a tenth of the documents", ours(h.small)),
    ]
    goals = [Goal("SQLite", times=10), Goal("a tenth of the documents", within=1.5)]
    return Work(f"find, equality (1 %), limit {LIMIT}", cases, goals)


def sorted_range(h: Holders) -> Work:
    """From a priority upwards, the next ten of a state. Checked by how many come: enough follow."""

    def ours(collection: Any) -> Callable[[str, int], int]:
        def act(state: str, low: int) -> int:
            wanted = {"state": state, "priority": {"$gte": low}}
            found = collection.find(wanted, sort="priority", limit=LIMIT)
            return sum(each["state"] == state and each["priority"] >= low for each in found)

        return act

    def theirs(state: str, low: int) -> int:
        rest = (
            f"WHERE {extract('state')} = ? AND {extract('priority')} >= ? "
            f"ORDER BY {extract('priority')} LIMIT {LIMIT}"
        )
        found = h.sqlite.documents(rest, state, low)
        return sum(each["state"] == state and each["priority"] >= low for each in found)

    def arguments(number: int) -> tuple[str, int]:
        return STATES[number % 4], priority_of(number) // 2

    def case(name: str, act: Callable[[str, int], int]) -> Case:
        return loop(name, Uniform(h.count), arguments, act, lambda n: LIMIT)

    cases = [
        case("velocity", ours(h.users)),
        case("SQLite", theirs),
        case("a tenth of the documents", ours(h.small)),
    ]
    goals = [Goal("SQLite", times=5), Goal("a tenth of the documents", within=1.5)]
    return Work(f"find, range, sort, limit {LIMIT}, compound index", cases, goals)


def counting(h: Holders) -> Work:
    right = Counter(map(age_of, range(h.count)))

    def ours(age: int) -> int:
        return int(h.users.count({"age": {"$gte": age, "$lt": age + 1}}))

    def theirs(age: int) -> int:
        return h.sqlite.count(f"{extract('age')} >= ? AND {extract('age')} < ?", age, age + 1)

    def case(name: str, act: Callable[[int], int]) -> Case:
        return loop(name, Uniform(h.count), lambda n: (age_of(n),), act, lambda n: right[age_of(n)])

    cases = [case("velocity", ours), case("SQLite", theirs)]
    return Work("count by an indexed range (1 %)", cases, [Goal("SQLite", times=10)], rounds=0.4)


def calls(h: Holders) -> Iterator[Work]:
    yield from (find_one(h), equality(h), sorted_range(h), counting(h))
