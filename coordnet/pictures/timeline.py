"""The timeline: what the members of a cluster do, and what everybody else does, by time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.frozen import Frozen
from coordnet.pictures.bins import counted, time_bins
from coordnet.pictures.subject import Scored, number_of, scores_of
from coordnet.scores.view import UnavailableError

MOST_BINS = 120


@dataclass(frozen=True, eq=False)
class Timeline(Frozen):
    """Actions by time.

    Attributes
    ----------
    borders : int64 (bins + 1,)
        Of the bins, microseconds (UTC).
    members : int64 (bins,)
        Actions of the members.
    together : int64 (bins,) or None
        Those of them that are within the window of another member's; None where it is not known
        what members did together.
    others : int64 (bins,)
        Actions of accounts in no cluster.
    expected : float64 (bins,)
        `others`, scaled to the members' total.
    moments : pyarrow.Table
        The key moments that were given: ``name``, ``start``, ``end`` (microseconds).
    """

    borders: NDArray[np.int64]
    members: NDArray[np.int64]
    together: NDArray[np.int64] | None
    others: NDArray[np.int64]
    expected: NDArray[np.float64]
    moments: pa.Table

    def table(self) -> pa.Table:
        """Return one row a bin: start, end, members, together, others, expected."""
        none = pa.nulls(len(self.members), pa.int64())
        return pa.table(
            {
                "start": pa.array(self.borders[:-1]).cast(pa.timestamp("us", tz="UTC")),
                "end": pa.array(self.borders[1:]).cast(pa.timestamp("us", tz="UTC")),
                "members": pa.array(self.members),
                "together": none if self.together is None else pa.array(self.together),
                "others": pa.array(self.others),
                "expected": pa.array(self.expected),
            }
        )


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
    others = counted(log.time[outside[log.account]], borders)
    part, own = view.part_of(i)
    together = None
    try:
        acts = slice(*part.acts.indptr[own : own + 2])
        times = part.acts.time[acts][part.lags[acts] >= 0]
        together = counted(times[(times >= borders[0]) & (times < borders[-1])], borders)
    except UnavailableError:
        pass
    scale = members.sum() / others.sum() if others.sum() else 0.0
    moments = view.inputs.moments
    return Timeline(
        borders, members, together, others, others * scale,
        pa.table(
            {
                "name": pa.array(list(moments), pa.string()),
                "start": pa.array([start for start, _ in moments.values()], pa.int64()),
                "end": pa.array([end for _, end in moments.values()], pa.int64()),
            }
        ),
    )  # fmt: skip
