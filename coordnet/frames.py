"""Arrow tables inside, the caller's kind of dataframe outside; short HTML for notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from coordnet.errors import one_of, optional_import

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
    """Return the array, made read-only and contiguous."""
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array


def html_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a small HTML table with every cell escaped."""

    def cells(tag: str, values: Iterable[object]) -> str:
        return "".join(f"<{tag}>{html.escape(str(value))}</{tag}>" for value in values)

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    head = f"<thead><tr>{cells('th', columns)}</tr></thead>" if any(columns) else ""
    return (
        f"<div><strong>{html.escape(title)}</strong>"
        f"<table>{head}<tbody>{body}</tbody></table></div>"
    )
