"""Gaps: how far apart members act on one object, and how far apart others act there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.frozen import Frozen
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
    found = view.gaps_between_members
    edges, observed = found.edges, found.observed[own]
    here = slice(*found.indptr[own : own + 2])
    outside, share = found.outside[found.place[here]], found.share[found.place[here]]
    with np.errstate(invalid="ignore"):
        mixed = (outside + CLASS_PAIRS * share) / (outside[:, -1:] + CLASS_PAIRS)
        expected = (found.pairs[here][:, None] * mixed).sum(axis=0)
    longest = np.searchsorted(observed, observed[-1])  # bins beyond have nothing of members
    shown = min(len(edges), max(int(longest) + 1, 2))
    times = view.trace.time
    span = int(times.max() - times.min()) if len(times) else int(edges[-1])
    keep = [*range(shown), len(edges)]
    return Gaps(
        np.append(edges[:shown], max(span, int(edges[shown - 1]) + 1)),
        np.diff(observed[keep], prepend=0).astype(np.int64),
        np.diff(expected[keep], prepend=0.0),
        view.graph.window_us,
    )
