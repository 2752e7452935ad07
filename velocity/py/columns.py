"""Columns of a collection as numpy arrays, Arrow tables and pandas data frames.

The core lays the values out (column.h) without a Python object per value; here arrays are laid
over its memory. Rows are in no order, but those of columns taken together belong together. numpy,
pyarrow and pandas are imported at the first use. Any thread may call.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Any

from velocity._core.engine import ColumnData, ColumnsBase
from velocity._core.errors import QueryError

NULL, BOOL, INT, FLOAT, STRING, BYTES, TIME = (1 << bit for bit in range(7))
ID = "_id"
WIDTH_MAX = 64  # characters of a fixed-width string: a column takes no more than 256 B per row


class Columns(ColumnsBase):
    """What Collection has for analysis."""

    __slots__ = ()

    def column(self, path: str, filter: Mapping[str, Any] | None = None) -> Any:
        """The values at a path of all documents, or of those that match, as a numpy array.

        int64, float64 (also of ints and floats mixed), bool, datetime64[us] (UTC), fixed-width
        strings, else Python objects; a masked array where the path leads to nothing or None. The
        path `_id` stands for the ids. Needs numpy. Raises QueryError for what is no path.
        """
        numpy = needed("numpy", "numpy")
        [data] = self._columns(checked_paths("path", [path]), filter)
        return numpy_array(numpy, data)

    def to_arrow(
        self, fields: Iterable[str] | None = None, filter: Mapping[str, Any] | None = None
    ) -> Any:
        """A pyarrow.Table of all documents, or of those that match: `_id`, and `fields`.

        fields: paths; None: all top-level fields there are. Needs pyarrow. Raises QueryError where
        values of a column do not go together in Arrow.
        """
        pyarrow, numpy = needed("pyarrow", "arrow"), needed("numpy", "arrow")
        paths = None
        if fields is not None:
            if isinstance(fields, str) or not isinstance(fields, Iterable):
                raise QueryError(f"fields: wants a list of paths, not {type(fields).__name__}")
            paths = [None, *(p for p in checked_paths("fields", fields) if p is not None)]
        ids, *rest = self._columns(paths, filter)
        columns = [ids, *(data for data in rest if data.name != ID)]
        return pyarrow.Table.from_arrays(
            [arrow_array(numpy, pyarrow, data) for data in columns],
            names=[data.name for data in columns],
        )

    def to_pandas(
        self, fields: Iterable[str] | None = None, filter: Mapping[str, Any] | None = None
    ) -> Any:
        """A pandas.DataFrame of what to_arrow gives. Needs pandas and pyarrow."""
        needed("pandas", "pandas")
        return self.to_arrow(fields, filter).to_pandas()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """All documents as an Arrow stream, for what reads the Arrow PyCapsule interface."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)


def needed(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"this needs {module}, which cannot be imported ({error}): "
            f"pip install 'velocitydb[{extra}]'"
        ) from error


def checked_paths(what: str, paths: Iterable[str]) -> list[str | None]:
    """Paths as the core takes them: None stands for the ids."""
    checked: list[str | None] = []
    for path in paths:
        if not isinstance(path, str):
            raise QueryError(f"{what}: a path is a string, not {type(path).__name__}")
        wanted = None if path == ID else path
        if wanted in checked:
            raise QueryError(f"{what}: {path!r} is named twice")
        checked.append(wanted)
    return checked


def numpy_array(numpy: Any, data: ColumnData) -> Any:
    array = _plain_array(numpy, data)
    if not data.met & NULL:
        return array
    return numpy.ma.masked_array(array, numpy.frombuffer(data.types, numpy.uint8) == NULL)


def _plain_array(numpy: Any, data: ColumnData) -> Any:
    """What stands in the rows of nulls means nothing."""
    kinds = data.met & ~NULL
    if not kinds:
        return numpy.zeros(data.count)
    if not kinds & ~(INT | FLOAT):
        return _numbers(numpy, data, kinds)
    if kinds == BOOL:
        return _values(numpy, data) != 0
    if kinds == TIME:
        return _values(numpy, data).view("datetime64[us]")
    if kinds == STRING and data.longest <= WIDTH_MAX:
        width = max(data.longest, 1)
        return numpy.frombuffer(data.characters(width), f"U{width}")
    return numpy.fromiter(data.objects(), object, data.count)


def _values(numpy: Any, data: ColumnData) -> Any:
    return numpy.frombuffer(data.values, numpy.int64, offset=8)


def _numbers(numpy: Any, data: ColumnData, kinds: int) -> Any:
    values = _values(numpy, data)
    if kinds == INT:
        return values
    floats = values.view(numpy.float64)
    if kinds & INT:
        ints = numpy.frombuffer(data.types, numpy.uint8) == INT
        floats[ints] = values[ints]
    return floats


def arrow_array(numpy: Any, pyarrow: Any, data: ColumnData) -> Any:
    """What lies as Arrow has it is not copied."""
    kinds = data.met & ~NULL
    if not kinds:
        return pyarrow.nulls(data.count, pyarrow.large_string() if data.name == ID else None)
    if kinds & ~(INT | FLOAT) and kinds not in (BOOL, STRING, BYTES, TIME):
        try:
            return pyarrow.array(data.objects())
        except (pyarrow.ArrowException, TypeError, ValueError) as error:
            raise QueryError(f"{data.name!r}: its values do not go together in Arrow: {error}"
                             ) from error
    valid = None
    if data.met & NULL:
        valid = _bits(numpy, pyarrow, numpy.frombuffer(data.types, numpy.uint8) != NULL)
    kind, *buffers = _arrow_layout(numpy, pyarrow, data, kinds)
    return pyarrow.Array.from_buffers(kind, data.count, [valid, *buffers])


def _arrow_layout(numpy: Any, pyarrow: Any, data: ColumnData, kinds: int) -> list[Any]:
    """The Arrow type, and its buffers after that of the nulls."""
    if kinds in (STRING, BYTES):
        kind = pyarrow.large_string() if kinds == STRING else pyarrow.large_binary()
        return [kind, pyarrow.py_buffer(data.values), pyarrow.py_buffer(data.text)]
    if kinds == BOOL:
        return [pyarrow.bool_(), _bits(numpy, pyarrow, _values(numpy, data) != 0)]
    if kinds == TIME:
        return [pyarrow.timestamp("us", "UTC"), pyarrow.py_buffer(_values(numpy, data))]
    kind = pyarrow.int64() if kinds == INT else pyarrow.float64()
    return [kind, pyarrow.py_buffer(_numbers(numpy, data, kinds))]


def _bits(numpy: Any, pyarrow: Any, flags: Any) -> Any:
    return pyarrow.py_buffer(numpy.packbits(flags, bitorder="little"))
