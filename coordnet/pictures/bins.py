"""Bins of time: so many that a picture can show them, with borders that people know."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.frozen import Frozen
from coordnet.times import DAY, HOUR, MINUTE, SECOND

WIDTHS = (
    *(n * SECOND for n in (1, 5, 15)), *(n * MINUTE for n in (1, 5, 15)),
    *(n * HOUR for n in (1, 3, 6)), *(n * DAY for n in (1, 7, 28, 91, 364)),
)  # fmt: skip


def time_bins(first: int, last: int, most: int) -> NDArray[np.int64]:
    """Return the borders of at most `most` bins that hold first to last: int64, microseconds.

    Bins of less than a week begin at full ones of their kind, weeks and longer ones on a Monday.
    """
    for width in WIDTHS:
        start = _floor(first, width)
        if (last - start) // width + 1 <= most:
            break
    else:
        width = WIDTHS[-1] * (1 + (last - first) // (WIDTHS[-1] * (most - 1)))
        start = _floor(first, width)
    count = (last - start) // width + 1
    return start + width * np.arange(count + 1, dtype=np.int64)


def _floor(time: int, width: int) -> int:
    """Return the beginning of the bin of a time."""
    if width < 7 * DAY:
        return time // width * width
    monday = 4 * DAY  # 1970 began on a Thursday
    return (time - monday) // (7 * DAY) * (7 * DAY) + monday


def counted(times: NDArray[np.int64], borders: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many times are in each bin: int64 (bins,)."""
    width = int(borders[1] - borders[0])
    found = np.bincount((times - borders[0]) // width, minlength=len(borders) - 1)
    return found.astype(np.int64)


@dataclass(frozen=True, eq=False)
class ByTime(Frozen):
    """What members have by time, beside what others have.

    Attributes
    ----------
    borders : int64 (bins + 1,)
        Of the bins, microseconds (UTC).
    members : int64 (bins,)
        How many of the members are in each.
    others : int64 (bins,)
        How many of accounts in no cluster.
    """

    borders: NDArray[np.int64]
    members: NDArray[np.int64]
    others: NDArray[np.int64]

    @property
    def expected(self) -> NDArray[np.float64]:
        """`others`, scaled to the members' total: float64 (bins,)."""
        total = self.others.sum()
        return self.others * (self.members.sum() / total if total else 0.0)

    def table(self) -> pa.Table:
        """Return one row a bin: start, end, members, others, expected."""
        when = pa.timestamp("us", tz="UTC")
        return pa.table(
            {
                "start": pa.array(self.borders[:-1]).cast(when),
                "end": pa.array(self.borders[1:]).cast(when),
                "members": pa.array(self.members),
                "others": pa.array(self.others),
                "expected": pa.array(self.expected),
            }
        )
