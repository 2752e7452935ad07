"""Filters in MongoDB's language, compiled once and evaluated on encoded documents."""

from collections.abc import Mapping
from typing import Any, final

def value_order(a: Any, b: Any) -> int:
    """-1, 0 or 1: two values in the one order of all values."""

@final
class Filter:
    """A compiled filter. May be used from any number of threads.

    On its own it matches Python values; a collection's (`Collection._filter`) its documents.
    Raises QueryError, naming operator and place, for what cannot be understood.
    """

    def __new__(cls, spec: Mapping[str, Any]) -> Filter: ...
    @staticmethod
    def of_value(condition: Any) -> Filter:
        """A filter for `matches_value`: operators, a pattern, a value to be equal to, or an object
        whose fields are conditions on the fields of the value."""
    def matches(self, fields: Mapping[str, Any]) -> bool:
        """Whether a document of these fields matches. Raises SchemaError for what cannot be one."""
    def matches_value(self, value: Any) -> bool:
        """Whether one value does, by a filter made by `of_value`."""
