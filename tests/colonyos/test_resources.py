"""Amounts of processors and memory: text to numbers and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocity import SchemaError
from velocity.py.colonyos.resources import millicores, millicores_text, size_bytes, size_text

FACTORS = {
    "Ki": 1024, "KiB": 1024, "Mi": 1024**2, "MiB": 1024**2, "Gi": 1024**3, "GiB": 1024**3,
    "Ti": 1024**4, "TiB": 1024**4, "K": 1000, "KB": 1000, "M": 1000**2, "MB": 1000**2,
    "G": 1000**3, "GB": 1000**3, "T": 1000**4, "TB": 1000**4,
}  # fmt: skip


@pytest.mark.parametrize("text, amount", [
    ("", 0), ("0m", 0), ("1m", 1), ("500m", 500), ("007m", 7), ("9223372036854775807m", 2**63 - 1),
    ("500", 0), ("2", 0), ("500M", 0), ("half", 0), ("0.5", 0), ("m5", 0),
])  # fmt: skip
def test_millicores(text, amount):
    assert millicores(text) == amount


@pytest.mark.parametrize("text", ["m", "xm", "-5m", "+5m", "1.5m", " 5m", "5 m", "1_0m", "٥m", "9223372036854775808m",
                                  "9" * 5000 + "m"])  # fmt: skip
def test_what_is_no_number_of_millicores(text):
    with pytest.raises(SchemaError, match="^conditions.cpu: .*(millicores|most)"):
        millicores(text, "conditions.cpu")


@pytest.mark.parametrize("unit", FACTORS)
@given(st.integers(0, 10**6))
def test_sizes_in_every_unit_and_case(unit, count):
    for written in (unit, unit.lower(), unit.upper(), unit.swapcase()):
        assert size_bytes(f"{count}{written}") == count * FACTORS[unit]


@pytest.mark.parametrize("text, why", [
    ("10", "no unit"), ("10X", "no unit 'X'"), ("10Pi", "no unit 'Pi'"), ("10B", "no unit 'B'"), ("10iB", "no unit"),
    ("Gi", "whole number"), ("1.5Gi", "whole number"), ("-1Gi", "whole number"), ("10 Gi", "whole number"),
    (" 10Gi", "whole number"), ("10Gi\n", "whole number"), ("٣Gi", "whole number"), (" ", "whole number"),
    ("8388608Ti", "the most is 9223372036854775807"), ("9" * 5000 + "K", "the most is"),
])  # fmt: skip
def test_what_is_no_size(text, why):
    with pytest.raises(SchemaError, match=f"^storage: .*{why}"):
        size_bytes(text, "storage")


def test_the_edges_of_sizes():
    assert size_bytes("") == 0
    assert size_bytes("8388607Ti") == 8388607 * 2**40
    assert size_bytes("0" * 100 + "1Ki") == 1024


@pytest.mark.parametrize("value", [None, 5, 1.5, b"5m", ["5m"]])
def test_only_text_is_an_amount(value):
    for read in (millicores, size_bytes):
        with pytest.raises(SchemaError, match="wants text"):
            read(value)


@pytest.mark.parametrize("given_text, normal", [("", "0Mi"), ("10G", "9536Mi"), ("10Gi", "10240Mi"), ("1Mi", "1Mi"),
                                                ("1023Ki", "0Mi"), ("1024Ki", "1Mi"), ("1T", "953674Mi")])  # fmt: skip
def test_sizes_are_read_back_in_mebibytes(given_text, normal):
    assert size_text(size_bytes(given_text)) == normal
    assert size_text(size_bytes(normal)) == normal


def test_millicores_are_read_back_as_such():
    assert millicores_text(millicores("")) == "0m"
    assert millicores_text(millicores("1500m")) == "1500m"
