"""The co-timing heat map: when each member acts, so that rows that are alike stand out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.errors import one_of
from coordnet.frozen import Frozen
from coordnet.pictures.bins import time_bins
from coordnet.pictures.subject import Scored, number_of, scores_of
from coordnet.times import DAY, HOUR

BY = ("time", "week")
MOST_BINS = 120
WEEK = 168  # hours


@dataclass(frozen=True, eq=False)
class CoTimingHeat(Frozen):
    """Actions of each member by time.

    Attributes
    ----------
    accounts : int32 (members,)
        Codes, members that act alike next to each other.
    borders : int64 (bins + 1,)
        Of the bins: microseconds (UTC), or hours of the week from Monday 00:00 UTC.
    counts : int64 (members, bins)
        Actions.
    by : str
        ``"time"`` or ``"week"``.
    """

    accounts: NDArray[np.int32]
    borders: NDArray[np.int64]
    counts: NDArray[np.int64]
    by: str

    def table(self) -> pa.Table:
        """Return one row a member and bin with actions: account (code), start, actions."""
        row, column = np.nonzero(self.counts)
        start = pa.array(self.borders[column])
        return pa.table(
            {
                "account": pa.array(self.accounts[row]),
                "start": start.cast(pa.timestamp("us", tz="UTC")) if self.by == "time" else start,
                "actions": pa.array(self.counts[row, column]),
            }
        )


def co_timing_heat(source: Scored, i: int, by: str = "time", most: int = MOST_BINS) -> CoTimingHeat:
    """Count the actions of each member of cluster i by time.

    Parameters
    ----------
    source
        A run or scores.
    i
        Number of the cluster.
    by
        ``"time"``: over the period of the log. ``"week"``: by hour of the week.
    most
        How many bins of time at most.
    """
    one_of(by, BY, "by")
    scores, i = scores_of(source), number_of(source, i)
    view, log = scores.view, scores.log
    indptr, positions = view.actions
    at = positions[indptr[i] : indptr[i + 1]]
    members = view.members_of(i)
    place = np.full(len(log.all_accounts), -1, np.int64)
    place[members] = np.arange(len(members))
    time = log.time[at]
    if by == "week":
        borders = np.arange(WEEK + 1, dtype=np.int64)
        column = (time - 4 * DAY) // HOUR % WEEK  # 1970 began on a Thursday
    else:
        first, last = log.limits or (0, 0)
        borders = time_bins(first, last, most)
        column = (time - borders[0]) // (borders[1] - borders[0])
    bins = len(borders) - 1
    counts = np.bincount(place[log.account[at]] * bins + column, minlength=len(members) * bins)
    counts = counts.reshape(len(members), bins).astype(np.int64)
    order = _alike(counts)
    codes = scores.clusters.members(i)
    return CoTimingHeat(codes[order], borders, counts[order], by)


def _alike(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return an order in which each row follows the one most like it, from the busiest on."""
    n = len(counts)
    shape = np.sqrt(counts.astype(float))
    length = np.linalg.norm(shape, axis=1, keepdims=True)
    shape = shape / np.where(length > 0, length, 1.0)
    left = np.ones(n, bool)
    at = int(np.argmax(counts.sum(axis=1)))
    order = [at]
    left[at] = False
    for _ in range(n - 1):
        likeness = np.where(left, shape @ shape[at], -1.0)
        at = int(np.argmax(likeness))
        order.append(at)
        left[at] = False
    return np.array(order, np.int64)
