"""Amounts of processors and memory, as conditions write them and as the queue compares them."""

from __future__ import annotations

import re
from typing import NoReturn

from velocity._core.errors import SchemaError

MEBIBYTE = 2**20
INT_MAX = 2**63 - 1

_UNITS = {
    unit: base**power
    for power, letter in enumerate("kmgt", 1)
    for base, unit in ((1024, f"{letter}i"), (1024, f"{letter}ib"), (1000, letter),
                       (1000, f"{letter}b"))
}
_SIZE = re.compile("([0-9]+)([A-Za-z]*)")


def millicores(text: str, where: str = "cpu") -> int:
    """Thousandths of a processor: 500 of "500m". Text without the m is 0.

    Raises SchemaError, which names where.
    """
    if not isinstance(text, str):
        _refuse(where, text, "wants text")
    if not text.endswith("m"):
        return 0
    digits = text[:-1]
    if not (digits.isascii() and digits.isdigit()):
        _refuse(where, text, 'wants a whole number of millicores, as "500m"')
    return _checked(digits, 1, where, text)


def size_bytes(text: str, where: str = "mem") -> int:
    """Bytes of "10Gi" or "10GB"; "" is 0. Units: K M G T, with B or without, of 1000; Ki Mi Gi Ti
    of 1024; upper or lower case. Raises SchemaError, which names where."""
    if not isinstance(text, str):
        _refuse(where, text, "wants text")
    if text == "":
        return 0
    parts = _SIZE.fullmatch(text)
    if parts is None:
        _refuse(where, text, 'wants a whole number and a unit, as "10Gi"')
    digits, unit = parts.groups()
    factor = _UNITS.get(unit.lower())
    if factor is None:
        what = f"there is no unit {unit!r}" if unit else "there is no unit"
        _refuse(where, text, f"{what}; units: K M G T (1000), Ki Mi Gi Ti (1024), with B or not")
    return _checked(digits, factor, where, text)


def millicores_text(amount: int) -> str:
    """Millicores as conditions write them."""
    return f"{amount}m"


def size_text(amount: int) -> str:
    """Bytes as conditions write them, in whole mebibytes: what is less is dropped."""
    return f"{amount // MEBIBYTE}Mi"


def _checked(digits: str, factor: int, where: str, text: str) -> int:
    digits = digits.lstrip("0") or "0"
    if len(digits) > 19 or int(digits) * factor > INT_MAX:
        _refuse(where, text, f"the most is {INT_MAX}")
    return int(digits) * factor


def _refuse(where: str, value: object, why: str) -> NoReturn:
    raise SchemaError(f"{where}: {value!r}: {why}")
