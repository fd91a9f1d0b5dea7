"""Gaps: how far apart members act on one object, and how far apart others act there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.frozen import Frozen
from coordnet.inference.gaps import Acted, GapShares, acted, pairs_within
from coordnet.log.windows import Window
from coordnet.pictures.subject import Scored, number_of, scores_of
from coordnet.times import SECOND

CLASS_PAIRS = 20.0  # pairs of outsiders on the object that its class is worth, as in the group test


@dataclass(frozen=True, eq=False)
class Gaps(Frozen):
    """Gaps between actions of two members on one object.

    Attributes
    ----------
    edges : int64 (bins,)
        The longest gap of each bin, inclusive, in microseconds; the first bin begins at 0. The last
        has all gaps that are longer than the one before it.
    observed : int64 (bins,)
        Pairs of actions of two members on one object.
    expected : float64 (bins,)
        How many there would be if members were as far apart as accounts in no cluster are on the
        same objects. It adds up to what `observed` does; NaN where no others share an object.
    window_us : int or tuple
        The window of the cluster's layer.
    """

    edges: NDArray[np.int64]
    observed: NDArray[np.int64]
    expected: NDArray[np.float64]
    window_us: Window

    def table(self) -> pa.Table:
        """Return one row a bin: above and up_to (seconds), observed, expected."""
        upper = self.edges / SECOND
        return pa.table(
            {
                "above": pa.array(np.append(0.0, upper[:-1])),
                "up_to": pa.array(upper),
                "observed": pa.array(self.observed),
                "expected": pa.array(self.expected, mask=np.isnan(self.expected)),
            }
        )


def gaps(source: Scored, i: int) -> Gaps:
    """Count the gaps between members of cluster i, and what others' pace would give.

    On an object with P pairs of actions of two members, and n of accounts in no cluster of which
    n_g are about as far apart as g, P (n_g + 20 s_g) / (n + 20) are expected, with s_g the share of
    such pairs over all objects of the class (kind and log2 of the number of accounts).

    Parameters
    ----------
    source
        A run or scores.
    i
        Number of the cluster.
    """
    scores, i = scores_of(source), number_of(source, i)
    view, own = scores.view.part_of(i)
    others: GapShares = view.gaps_of_others
    acts = view.acts
    mine = slice(*acts.indptr[own : own + 2])
    objects, unit = np.unique(acts.object[mine], return_inverse=True)
    n = len(objects)
    each = np.arange(n)
    members = pairs_within(
        acted(acts.account[mine], unit.astype(np.int32), acts.time[mine]), others.edges, each, n
    )
    outside = pairs_within(_on(others.acts, objects), others.edges, each, n)
    total = others.within.sum(axis=0)
    of_class = others.within[others.classes[objects]]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(of_class[:, -1:] > 0, of_class / of_class[:, -1:], total[None] / total[-1])
    mixed = (outside + CLASS_PAIRS * share) / (outside[:, -1:] + CLASS_PAIRS)
    expected = (members[:, -1:] * mixed).sum(axis=0)
    shared = members[:, -1].sum()
    longest = np.searchsorted(members.sum(axis=0), shared)  # bins beyond have nothing of members
    shown = min(len(others.edges), max(longest + 1, 2))
    times = view.trace.time
    span = int(times.max() - times.min()) if len(times) else int(others.edges[-1])
    edges = np.append(others.edges[:shown], max(span, int(others.edges[shown - 1]) + 1))
    keep = [*range(shown), len(others.edges)]
    return Gaps(
        edges,
        np.diff(members.sum(axis=0)[keep], prepend=0).astype(np.int64),
        np.diff(expected[keep], prepend=0.0),
        view.graph.window_us,
    )


def _on(acts: Acted, objects: NDArray[np.int32]) -> Acted:
    """Return the actions on these objects, which are numbered from 0; `objects` ascends."""
    first, last = (np.searchsorted(acts.object, objects, side) for side in ("left", "right"))
    size = last - first
    # an object has the same stretch in both orders
    at = np.arange(size.sum()) + np.repeat(first - (np.cumsum(size) - size), size)
    object_ = np.repeat(np.arange(len(objects), dtype=np.int32), size)
    own = acts.run[at]
    new = np.ones(len(own), bool)
    new[1:] = own[1:] != own[:-1]
    run = np.cumsum(new, dtype=np.int32) - 1
    return Acted(object_, acts.time[at], run.astype(np.int32), object_[new], acts.run_time[at])
