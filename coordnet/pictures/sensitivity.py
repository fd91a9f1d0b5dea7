"""Sensitivity: what :func:`coordnet.sensitivity` finds under other windows and levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.errors import ParameterError, listed
from coordnet.frozen import Frozen

COLUMNS = ("within", "fdr", "resolution", "edges", "clusters", "accounts", "pairs_kept")
MEASURES = COLUMNS[3:]


@dataclass(frozen=True, eq=False)
class Sensitivity(Frozen):
    """What is found by window and level.

    Attributes
    ----------
    windows : tuple of str
        As they are written, in the order given.
    levels : tuple of str
        What else was varied: the level, and the resolution where there are several.
    edges, clusters, accounts : float64 (levels, windows)
        How many; NaN where a combination was not tried.
    pairs_kept : float64 (levels, windows)
        Share of the pairs clustered by the first combination that are clustered here too.
    """

    windows: tuple[str, ...]
    levels: tuple[str, ...]
    edges: NDArray[np.float64]
    clusters: NDArray[np.float64]
    accounts: NDArray[np.float64]
    pairs_kept: NDArray[np.float64]


def window_sensitivity(frame: Any) -> Sensitivity:
    """Arrange what :func:`coordnet.sensitivity` gives by window and level.

    Parameters
    ----------
    frame
        A frame of any kind.
    """
    table = as_table(frame, COLUMNS, "coordnet.sensitivity")
    rows = table.to_pylist()
    several = len({row["resolution"] for row in rows}) > 1

    def level(row: dict[str, Any]) -> str:
        more = f", resolution {row['resolution']:g}" if several else ""
        return f"level {row['fdr']:g}{more}"

    windows = tuple(dict.fromkeys(row["within"] for row in rows))
    levels = tuple(dict.fromkeys(level(row) for row in rows))
    found = {name: np.full((len(levels), len(windows)), np.nan) for name in MEASURES}
    for row in rows:
        at = levels.index(level(row)), windows.index(row["within"])
        for name in MEASURES:
            if row[name] is not None:
                found[name][at] = row[name]
    return Sensitivity(windows, levels, **found)


def as_table(frame: Any, columns: tuple[str, ...], maker: str) -> pa.Table:
    """Return a frame of any kind as an Arrow table with these columns, null where NaN."""
    import narwhals as nw

    try:
        table = nw.from_native(frame, eager_only=True).to_arrow()
    except TypeError:
        raise ParameterError(
            f"this picture is of the frame that {maker} gives, not of {type(frame).__name__}."
        ) from None
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise ParameterError(
            f"the frame has no column {listed(map(repr, missing))}; give what {maker} returns."
        )
    return table.select(list(columns))
