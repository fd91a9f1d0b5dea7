"""Arrow tables inside, the caller's kind of dataframe outside; short HTML for notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from coordnet.errors import cut, one_of, optional_import

BACKENDS = ("pandas", "polars", "pyarrow")


def native(table: pa.Table, backend: str) -> Any:
    """Return an Arrow table as a frame of the backend asked for: pandas, polars or pyarrow."""
    one_of(backend, BACKENDS, "backend")
    if backend == "pandas":
        import pandas as pd

        frame = table.to_pandas()
        for i, column in enumerate(table.columns):  # whole numbers stay so where some are missing
            if pa.types.is_integer(column.type) and column.null_count:
                whole = column.to_pandas(types_mapper={column.type: pd.Int64Dtype()}.get)
                frame.isetitem(i, whole)
        return frame
    if backend == "polars":
        polars = optional_import("polars", "bench", "a Polars frame")
        return polars.from_arrow(table)
    return table


def strings(labels: Any) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Return Arrow strings as a read-only array of `str`."""
    array = np.asarray(labels.to_numpy(zero_copy_only=False), dtype=object)
    array.flags.writeable = False
    return array


def frozen(array: Any) -> Any:
    """Return a read-only, contiguous view of an array that coordnet made itself.

    Nothing is copied, and the array that is given stays as it is. Whoever still holds it can
    write to it: an array that a caller gave goes through :func:`frozen_copy`.
    """
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def frozen_copy(array: Any) -> Any:
    """Return a read-only, contiguous array of a caller's values, which no later write changes.

    The values are copied unless nobody can write to them: a read-only array that owns its memory
    is returned as it is. (A read-only view, as pandas gives, is of memory that its owner may
    change.)
    """
    if isinstance(array, np.ndarray):
        flags = array.flags
        if flags.owndata and flags.c_contiguous and not flags.writeable:
            return array
    array = np.array(array, order="C", copy=True)
    array.flags.writeable = False
    return array


class _Framed(Protocol):
    def to_frame(self, backend: str | None = None) -> Any: ...


class ArrowExport:
    """Gives what has a `to_frame` to whoever speaks Arrow's PyCapsule interface.

    ``polars.DataFrame(x)``, ``pandas.DataFrame.from_arrow(x)``, ``pyarrow.table(x)`` and DuckDB's
    ``from x`` then take it as it is.
    """

    def __arrow_c_stream__(self: _Framed, requested_schema: object | None = None) -> object:
        """Return the rows of :meth:`to_frame` as an Arrow stream in a PyCapsule."""
        return self.to_frame("pyarrow").__arrow_c_stream__(requested_schema)


def html_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], most: int = 100
) -> str:
    """Return a small HTML table with every cell escaped.

    Cells are cut after 200 characters, and tables after `most` rows, with the number left out.
    """

    def cells(tag: str, values: Iterable[object]) -> str:
        return "".join(f"<{tag}>{html.escape(cut(str(value)))}</{tag}>" for value in values)

    every = list(rows)
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in every[:most])
    head = f"<thead><tr>{cells('th', columns)}</tr></thead>" if any(columns) else ""
    left = f"<p>... and {len(every) - most:,} more rows</p>" if len(every) > most else ""
    return (
        f"<div><strong>{html.escape(cut(title))}</strong>"
        f"<table>{head}<tbody>{body}</tbody></table>{left}</div>"
    )
