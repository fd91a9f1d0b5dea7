"""The timeline: what the members of a cluster do, and what everybody else does, by time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.disk import SLICE
from coordnet.pictures.bins import ByTime, counted, time_bins
from coordnet.pictures.subject import Scored, number_of, scores_of
from coordnet.scores.view import UnavailableError

MOST_BINS = 120


@dataclass(frozen=True, eq=False)
class Timeline(ByTime):
    """Actions by time, in bins.

    Attributes
    ----------
    together : int64 (bins,) or None
        Those of the members that are within the window of another member's; None where it is not
        known what members did together.
    moments : pyarrow.Table
        The key moments that were given: ``name``, ``start``, ``end`` (microseconds).
    """

    together: NDArray[np.int64] | None
    moments: pa.Table

    def table(self) -> pa.Table:
        """Return one row a bin: start, end, members, together, others, expected."""
        none = pa.nulls(len(self.members), pa.int64())
        together = none if self.together is None else pa.array(self.together)
        return super().table().add_column(3, "together", together)


def timeline(source: Scored, i: int, most: int = MOST_BINS) -> Timeline:
    """Count what members of cluster i do by time, beside what others do.

    Parameters
    ----------
    source
        A run or scores.
    i
        Number of the cluster.
    most
        How many bins at most, over the period of the log.
    """
    scores, i = scores_of(source), number_of(source, i)
    view, log = scores.view, scores.log
    first, last = log.limits or (0, 0)
    borders = time_bins(first, last, most)
    indptr, positions = view.actions
    members = counted(log.time[positions[indptr[i] : indptr[i + 1]]], borders)
    outside = np.zeros(len(log.all_accounts), bool)
    outside[view.background] = True
    others = np.zeros(len(borders) - 1, np.int64)
    for begin in range(0, len(log), SLICE):
        here = slice(begin, begin + SLICE)
        others += counted(log.time[here][outside[log.account[here]]], borders)
    part, own = view.part_of(i)
    together = None
    try:
        acts = slice(*part.acts.indptr[own : own + 2])
        times = part.acts.time[acts][part.lags[acts] >= 0]
        together = counted(times[(times >= borders[0]) & (times < borders[-1])], borders)
    except UnavailableError:
        pass
    moments = view.inputs.moments
    return Timeline(
        borders, members, others, together,
        pa.table(
            {
                "name": pa.array(list(moments), pa.string()),
                "start": pa.array([start for start, _ in moments.values()], pa.int64()),
                "end": pa.array([end for _, end in moments.values()], pa.int64()),
            }
        ),
    )  # fmt: skip
