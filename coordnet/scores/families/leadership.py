"""Family leadership: how unequal the role of the first mover is; of the cluster, never of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coordnet.kernels import scores as score_kernels
from coordnet.scores.reference import null_p
from coordnet.scores.view import Acts, Estimate, Floats, View, score


@score(
    "leadership",
    "Gini index of how often members act first on the objects that members act on together. It is "
    "0 where all are first as often, and near 1 where one leads. The reference gives the first "
    "place at random to one of those who took part.",
    "share",
    (0, 1),
    of="layer",
)
def first_mover_inequality(view: View) -> Estimate:
    """Return the Gini index of first places over the members; ties share the place.

    Each object on which two or more members act inside one window has one first place, of the
    first of its first such window. Under the reference every participant of that window is as
    likely to be first.
    """
    acts = view.acts
    rng = np.random.default_rng(view.inputs.seed + 2)
    k = len(view.clusters)
    value, reference = np.full(k, np.nan), np.full(k, np.nan)
    null = np.full((k, view.inputs.null_sets), np.nan)
    together = np.zeros(k, np.int64)
    for i in range(k):
        members = view.clusters.members(i)
        who, firsts, sizes = _first_windows(acts, int(acts.indptr[i]), int(acts.indptr[i + 1]))
        together[i] = len(who)
        if len(sizes) < 2:
            continue
        seats = np.searchsorted(members, who)
        value[i] = _gini(np.bincount(seats, firsts, len(members)).astype(float)[None, :])[0]
        starts = np.cumsum(sizes) - sizes
        draws = (rng.random((view.inputs.null_sets, len(sizes))) * sizes).astype(np.int64)
        counts = [np.bincount(seats[starts + draw], minlength=len(members)) for draw in draws]
        null[i] = _gini(np.array(counts, float).reshape(-1, len(members)))
        reference[i] = null[i].mean() if len(null[i]) else np.nan
    return Estimate(
        value,
        reference=reference,
        effect=value - reference,
        p_value=null_p(value, null, "greater"),
        actions=together,
    )


def _first_windows(
    acts: Acts, begin: int, end: int
) -> tuple[NDArray[np.int32], Floats, NDArray[np.int64]]:
    """Return who is in the first window of each object, their shares of the first place, sizes."""
    n = end - begin
    who, share, sizes = np.empty(n, np.int32), np.empty(n), np.empty(n, np.int64)
    windows = score_kernels.first_windows(
        acts.account, acts.unit, acts.time, acts.high, begin, end, who, share, sizes
    )
    sizes = sizes[:windows]
    return who[: sizes.sum()], share[: sizes.sum()], sizes


def _gini(counts: Floats) -> Floats:
    """Return the Gini index of each row of counts, 0 of a row of zeros."""
    n = counts.shape[1]
    ranked = np.sort(counts, axis=1)
    total = ranked.sum(axis=1)
    weighted = (ranked * np.arange(1, n + 1)).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, 2 * weighted / (n * total) - (n + 1) / n, 0.0)
