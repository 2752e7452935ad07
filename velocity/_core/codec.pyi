"""A thin face on the codec's C files, for tests and benchmarks; the engine calls them directly."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from typing_extensions import Buffer

def hash64(data: Buffer, seed: int = 0) -> int:
    """XXH3-64 of any contiguous buffer."""

def decode_time(ns: int) -> datetime:
    """Nanoseconds since 1970 as an aware datetime, rounded down to microseconds."""

def order_key(value: Any, descending: bool = False) -> bytes:
    """Bytes that compare as values do, across types; equal values have equal bytes. No key is the
    beginning of another, so joined keys order by the first value, then the next.

    Raises: SchemaError for what no document could hold.
    """

class Codec:
    """Encodes and decodes documents with field names of its own. Safe to share between threads."""

    def __init__(self) -> None: ...
    def encode(self, fields: Mapping[str, Any]) -> bytes:
        """The body of a Mapping. Raises: SchemaError for what cannot be stored."""

    def decode(self, body: bytes) -> dict[str, Any]:
        """The dict of a body. Raises: ValueError when it is malformed."""

    def decode_field(self, body: bytes, name: str) -> Any:
        """The value of one field. Raises: KeyError when absent."""

    def has_field(self, body: bytes, name: str) -> bool: ...
    def field_names(self, body: bytes) -> list[str]:
        """Names of a body's fields, in order."""

    def validate(self, body: bytes) -> None:
        """Check every byte. Raises: ValueError(why, offset)."""

    def equal(self, a: bytes, b: bytes) -> bool:
        """Whether two bodies are equal as objects."""

    def matches(self, body: bytes, expected: bytes) -> bool:
        """Whether every field of *expected* equals the body's."""

    def merge(self, base: bytes, changes: bytes) -> bytes:
        """*base* with the fields of *changes*. Raises: ValueError when malformed or too large."""

    def path_values(self, body: bytes, path: str) -> list[tuple[Any, ...]]:
        """What a dotted path leads to: a list of (value,), () where it is missing, in order.

        Raises: ValueError for a path that cannot be."""

    def path_value(self, body: bytes, path: str) -> tuple[Any, ...] | None:
        """The same by the short way: (value,), () when it is missing; None when a list is on the
        way."""

    def field_key(self, body: bytes, path: str, limit: int = ...) -> bytes | None:
        """The order key of the one value at a path; of null when it is missing. None: it would be
        longer than the limit."""

    @property
    def memory(self) -> int:
        """Bytes that the names take."""

    def names(self) -> list[str]:
        """All names in the order of their numbers, which begin at 1."""

    def number(self, name: str) -> int:
        """The number of a name; 0 when it has none."""

    def export_names(self, first: int = 1) -> bytes:
        """Names from number *first* on, as the log's DEFINE operation holds them."""

    def import_names(self, payload: bytes) -> None:
        """Take over exported names. Raises: ValueError when they do not fit those known."""

class SchemaCheck:
    """A schema, compiled with the names of a codec, which it keeps."""

    def __init__(self, codec: Codec, schema: tuple[bool, list[tuple[Any, ...]]]) -> None:
        """schema: (strict, [(name, type number, required, default or nothing)])."""

    def fit(self, body: bytes, mode: int = 1) -> bytes:
        """The body as it is stored. mode: 0 a whole document, 1 with defaults, 2 a part.

        Raises: SchemaError when it does not fit; ValueError when it is malformed.
        """
