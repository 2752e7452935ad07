"""What the operators of filters take: checked once, when a filter is compiled."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from velocity._core.errors import QueryError

OPERATORS = (
    "$eq $ne $gt $gte $lt $lte $in $nin $exists $type $regex $options $mod $not $all $elemMatch "
    "$size"
)
TEXT_SECONDS_MAX = 1.0  # that one pattern may take on one text
TEXT_STEPS_MAX = 100_000  # surely taken in much less than that

# The kinds of value_parts.h, by every name and number that $type knows them by.
_NULL, _BOOL, _INT, _FLOAT, _TIME, _BYTES, _STRING, _LIST, _OBJECT = (1 << n for n in range(9))
_TYPES: dict[Any, int] = {
    "null": _NULL, "bool": _BOOL, "int": _INT, "long": _INT, "float": _FLOAT, "double": _FLOAT,
    "number": _INT | _FLOAT, "time": _TIME, "date": _TIME, "bytes": _BYTES, "binData": _BYTES,
    "string": _STRING, "array": _LIST, "object": _OBJECT,
    1: _FLOAT, 2: _STRING, 3: _OBJECT, 4: _LIST, 5: _BYTES, 8: _BOOL, 9: _TIME, 10: _NULL,
    16: _INT, 18: _INT,
}  # fmt: skip
_FLAGS = {"i": re.I, "m": re.M, "s": re.S, "x": re.X, "u": re.U}
_SPECIAL = re.compile(r"[.^$*+?{}\[\]\\|()]")


def kind_of(value: Any) -> str:
    return "None" if value is None else type(value).__name__


def operators_in(value: Mapping[Any, Any]) -> bool:
    """Whether an object holds operators, not fields. Raises: QueryError for both at once."""
    named = [isinstance(key, str) and key.startswith("$") for key in value]
    if any(named) and not all(named):
        both = ", ".join(str(key) for key in value)
        raise QueryError(f"operators and fields in one object ({both:.100}): use $eq for an object")
    return any(named)


def type_bits(argument: Any) -> int:
    """The types that $type names, as bits."""
    wanted = argument if isinstance(argument, (list, tuple)) else [argument]
    if not wanted:
        raise QueryError("wants a type or a list of types, not an empty list")
    bits = 0
    for name in wanted:
        known = not isinstance(name, bool) and isinstance(name, (str, int, float))
        if not known or name not in _TYPES:
            names = " ".join(name for name in _TYPES if isinstance(name, str))
            raise QueryError(f"{name!r:.80} is no type; known: {names}")
        bits |= _TYPES[name]
    return bits


def whole_number(value: Any, what: str) -> int:
    """A number cut to a whole one, of 64 bits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise QueryError(f"{what} must be a number, not {kind_of(value)}")
    if not math.isfinite(value) or not -(2**63) <= int(value) < 2**63:
        raise QueryError(f"{what} must be a number that fits 64 bits, not {value}")
    return int(value)


def size_wanted(argument: Any) -> int:
    size = whole_number(argument, "the size")
    if size != argument or size < 0:
        raise QueryError(f"the size must be a whole number, 0 or more, not {argument}")
    return size


def mod_wanted(argument: Any) -> tuple[int, int]:
    """The divisor and the remainder of $mod."""
    if not isinstance(argument, (list, tuple)) or len(argument) != 2:
        raise QueryError("wants a list of two numbers, [divisor, remainder]")
    divisor = whole_number(argument[0], "the divisor")
    if not divisor:
        raise QueryError("the divisor must not be 0")
    return divisor, whole_number(argument[1], "the remainder")


def truth(argument: Any) -> bool:
    if not isinstance(argument, (bool, int, float)):
        raise QueryError(f"wants True or False, not {kind_of(argument)}")
    return bool(argument)


# --- patterns ------------------------------------------------------------------------------------


def pattern_parts(pattern: Any, options: Any) -> tuple[str, int]:
    """A pattern's text and flags, from a str or a compiled one, and $options."""
    flags = 0
    if isinstance(pattern, re.Pattern):
        flags = pattern.flags & (re.I | re.M | re.S | re.X | re.A)
        pattern = pattern.pattern
    if not isinstance(pattern, str):
        raise QueryError(f"wants a pattern, as a str or compiled, not {kind_of(pattern)}")
    if options is not None:
        if not isinstance(options, str):
            raise QueryError(f"$options wants a str of i, m, s and x, not {kind_of(options)}")
        for letter in options:
            if letter not in _FLAGS:
                raise QueryError(f"$options: {letter!r} is no option; known: i, m, s, x")
            flags |= _FLAGS[letter]
    return pattern, flags


def literal_of(pattern: str, flags: int) -> tuple[bool, str] | None:
    """A pattern that asks for a literal text alone: whether at the start, and the text."""
    if flags & (re.I | re.X):
        return None
    starts = pattern.startswith("^") and not flags & re.M
    text = pattern[1:].removesuffix(".*") if starts else pattern
    return None if _SPECIAL.search(text) else (starts, text)


def pattern_search(pattern: str, flags: int, where: str) -> Callable[[str], bool]:
    """A function that says whether a text has the pattern. It raises QueryError when that takes
    too long; looking at the clock takes longer than most searches, so it does where it has to."""
    import regex  # not before it is needed: it takes a while

    try:
        compiled = regex.compile(pattern, flags & ~re.A | (regex.A if flags & re.A else 0))
    except (regex.error, OverflowError, RecursionError) as error:
        raise QueryError(f"bad pattern {pattern!r:.100}: {error}") from None
    search = compiled.search
    quick = quick_length(pattern)

    def found(text: str) -> bool:
        if len(text) <= quick:
            return search(text) is not None
        try:
            return search(text, timeout=TEXT_SECONDS_MAX, concurrent=True) is not None
        except TimeoutError:
            raise QueryError(
                f"{where}: $regex: {pattern!r:.100} took longer than {TEXT_SECONDS_MAX:g} s on a "
                f"text of {len(text)} characters"
            ) from None

    return found


def quick_length(pattern: str) -> int:
    """The longest text on which a pattern surely takes no long time; -1: none.

    Without groups nothing repeats what repeats: with n repetitions a search takes at most about
    length ** (n + 1) steps. Characters that are only looked at, as in [*], may be counted: then the
    answer is smaller than need be.
    """
    repeats = sum(map(pattern.count, "*+{?"))
    if repeats and "(" in pattern:
        return -1
    return int(TEXT_STEPS_MAX ** (1 / (repeats + 1)))


def pattern_in(value: Any) -> tuple[Any, Any] | None:
    """The pattern and options of an element of $in or $all that is one."""
    if isinstance(value, re.Pattern):
        return value, None
    if not isinstance(value, Mapping) or not operators_in(value):
        return None
    if "$regex" in value and not set(value) - {"$regex", "$options"}:
        return value["$regex"], value.get("$options")
    raise QueryError(f"{next(iter(value))}: no operator but $regex may stand here")


def listed(argument: Any) -> Iterable[Any]:
    if not isinstance(argument, (list, tuple)):
        raise QueryError(f"wants a list, not {kind_of(argument)}")
    return argument
