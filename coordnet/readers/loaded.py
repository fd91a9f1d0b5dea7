"""What reading gives, whatever the source: the columns asked for, and where each row stood."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from coordnet.errors import InputError, listed, nearest


@dataclass
class Loaded:
    """The columns asked for, as Arrow, and where each row came from.

    Attributes
    ----------
    columns
        The columns by role: all but the times.
    times
        The times, in order: one column, or several where files write them in different types.
    sources
        The files, or the kind of frame.
    starts
        The first row of each source.
    frame
        The kind of frame that results are given as.
    """

    columns: dict[str, pa.ChunkedArray]
    times: list[pa.ChunkedArray]
    sources: list[str]
    starts: list[int] = field(default_factory=lambda: [0])
    frame: str = "pandas"

    def place(self, row: int) -> str:
        """Say where a row is: the file, and the row in it from 1, the header not counted."""
        at = bisect_right(self.starts, row) - 1
        return f"{shown(self.sources[at])}, row {row - self.starts[at] + 1}"

    def time(self, row: int) -> pa.Scalar:
        """Return the time of a row as it was written."""
        for column in self.times:
            if row < len(column):
                return column[row]
            row -= len(column)
        raise IndexError(row)


def shown(value: object, most: int = 160) -> str:
    """Return a value as an error shows it: its repr, cut in the middle where it is long."""
    # a repr of the whole could be many times the memory of the value
    text = repr(
        value[: 2 * most] + value[-most:]
        if isinstance(value, str) and len(value) > 3 * most
        else value
    )
    if len(text) <= most:
        return text
    half = (most - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


def shown_scalar(value: pa.Scalar) -> str:
    """Return a value of the input as an error shows it."""
    try:
        return shown(value.as_py())
    except (ValueError, OverflowError):  # a moment that no datetime can hold
        return f"{value.value} ({value.type})"


def check_columns(names: Mapping[str, str], there: Sequence[str], source: str) -> None:
    """Raise an error where a column asked for is missing, with the nearest, or is there twice."""
    for role, name in names.items():
        if name not in there:
            near = nearest(name, (n for n in there if len(str(n)) <= 80))
            raise InputError(
                f"{source} has no column {shown(name, 60)} (asked for by "
                f"{role.partition('[')[0]}=).{near} Its columns: {columns_listed(there)}."
            )
    repeated = [name for name in dict.fromkeys(names.values()) if there.count(name) > 1]
    if repeated:
        raise InputError(
            f"{source} has more than one column {columns_listed(repeated)}; rename them."
        )


def columns_listed(names: Sequence[object]) -> str:
    """Return names of columns as an error lists them: 20 at most, and each of them short."""
    long = sum(len(str(name)) for name in names[:20]) > 200
    return listed((shown(name, 30) if long else repr(name) for name in names), 8 if long else 20)
