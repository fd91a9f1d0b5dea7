"""Family leadership: how unequal the role of the first mover is; of the cluster, never of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
        windows = _first_windows(acts, int(acts.indptr[i]), int(acts.indptr[i + 1]))
        together[i] = sum(len(who) for who, _ in windows)
        if len(windows) < 2:
            continue
        seats = np.searchsorted(members, np.concatenate([who for who, _ in windows]))
        sizes = np.array([len(who) for who, _ in windows])
        firsts = np.concatenate([first for _, first in windows])
        value[i] = _gini(np.bincount(seats, firsts, len(members)).astype(float)[None, :])[0]
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        draws = (rng.random((view.inputs.null_sets, len(sizes))) * sizes).astype(np.int64)
        counts = np.zeros((view.inputs.null_sets, len(members)))
        rows = np.repeat(np.arange(len(counts)), len(sizes))
        np.add.at(counts, (rows, seats[(starts + draws).ravel()]), 1.0)
        null[i] = _gini(counts)
        reference[i] = null[i].mean() if len(null[i]) else np.nan
    return Estimate(
        value,
        reference=reference,
        effect=value - reference,
        p_value=null_p(value, null, "greater"),
        actions=together,
    )


def _first_windows(acts: Acts, begin: int, end: int) -> list[tuple[NDArray[np.int32], Floats]]:
    """Return, for each object with members together, who is in its first window, and who first."""
    found = []
    account, unit, time = acts.account[begin:end], acts.unit[begin:end], acts.time[begin:end]
    high = acts.high[begin:end] - begin
    cuts = np.flatnonzero(np.diff(unit)) + 1
    for a, b in zip([0, *cuts], [*cuts, len(unit)], strict=True):
        if b - a < 2:
            continue
        for p in range(a, b):
            stretch = account[p : high[p]]
            if (stretch != stretch[0]).any():
                who, index = np.unique(stretch, return_index=True)
                at = time[p + index]
                first = (at == at.min()).astype(float)
                found.append((who, first / first.sum()))
                break
    return found


def _gini(counts: Floats) -> Floats:
    """Return the Gini index of each row of counts, 0 of a row of zeros."""
    n = counts.shape[1]
    ranked = np.sort(counts, axis=1)
    total = ranked.sum(axis=1)
    weighted = (ranked * np.arange(1, n + 1)).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, 2 * weighted / (n * total) - (n + 1) / n, 0.0)
