"""References and intervals: matched random account sets, resampled clusters, q-values.

A score is compared with random sets of accounts outside all clusters, of the same size, each
member replaced by an account about as active. For a random "cluster" the set is one more like
them, so that (1 + number of sets at least as extreme) / (sets + 1) is a p-value. Beyond all sets
that says too little: over a hundred clusters no q-value could be small. There a generalised Pareto
distribution is fitted to the tail of the sets (:func:`tail_p`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from coordnet.disk import linear_room, release
from coordnet.frames import frozen
from coordnet.kernels import scores as score_kernels
from coordnet.threads import run_chunks

Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]

NEIGHBOURS = 25  # a member is replaced by one of so many accounts next to it in activity, each way
ALIKE = 1.5  # that are not more than so many times as active, or as idle,
FEWEST = 5  # unless fewer than so many are
RESAMPLES = 999  # of the bootstrap
TAIL = 40  # of the most extreme sets, that a tail is fitted to,
TAIL_SHARE = 0.2  # but not more than this share of the sets
FEWEST_SETS = 99  # to which a tail is fitted
SHAPE = 0.1  # of the tail, at least
DEEPER = 100  # times smaller than 1 / (sets + 1) a p-value can be at most
BLOCK = 1 << 20  # members of random sets that are drawn or added up at once
CHUNKS = 64


class Sets(NamedTuple):
    """Sets of accounts: codes int32, those of set i from indptr[i] to indptr[i + 1]."""

    indptr: Counts
    codes: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def read_only(self) -> tuple[Counts, NDArray[np.int32]]:
        """Both arrays as kernels are given them, so that each is compiled once."""
        return frozen(self.indptr), frozen(self.codes)


Statistic: TypeAlias = Callable[[Sets], Floats]


def copies(sets: Sets, times: int, codes: NDArray[np.int32]) -> Sets:
    """Return sets laid out as `times` copies of each of `sets`, one after the other."""
    sizes = np.repeat(np.diff(sets.indptr), times)
    return Sets(np.concatenate([[0], np.cumsum(sizes)]), codes)


def matched_sets(
    sets: Sets, activity: Counts, background: NDArray[np.int32], times: int, seed: int
) -> Sets:
    """Draw `times` sets for each set, each member replaced by a background account as active.

    Parameters
    ----------
    sets
        The clusters.
    activity
        Actions of each account.
    background
        Codes of the accounts to draw from.
    times
        Number of sets for each.
    seed
        The only source of randomness.

    Returns
    -------
    Sets
        ``times * len(sets)`` sets, those of one cluster together. No account is twice in a set
        unless the background has too few like it.
    """
    rng = np.random.default_rng(seed)
    order = background[np.argsort(activity[background], kind="stable")].astype(np.int32)
    ranked = activity[order]
    codes = np.empty(times * len(sets.codes), np.int32)
    for i in range(len(sets)):
        begin, end = sets.indptr[i], sets.indptr[i + 1]
        first, last = _windows(activity[sets.codes[begin:end]], ranked)
        drawn = codes[times * begin : times * end].reshape(times, end - begin)  # places of `order`

        def draw(rows: int, first: Counts = first, last: Counts = last) -> Counts:
            share = rng.random((rows, len(first)))
            place: Counts = first + (share * (last - first)).astype(np.int64)
            return place

        for rows in _blocks(np.arange(times), end - begin):
            drawn[rows] = draw(len(rows))
        again = np.arange(times)
        for _ in range(20):  # nobody twice in a set
            twice = []
            for rows in _blocks(again, end - begin):
                ranks = np.sort(drawn[rows], axis=1)
                twice.append(rows[(ranks[:, 1:] == ranks[:, :-1]).any(axis=1)])
            again = np.concatenate(twice)
            if not len(again):
                break
            for rows in _blocks(again, end - begin):
                fresh = draw(len(rows))
                drawn[rows] = np.where(_repeats(drawn[rows]), fresh, drawn[rows])
        for rows in _blocks(np.arange(times), end - begin):
            drawn[rows] = order[drawn[rows]]
    return copies(sets, times, codes)


def _blocks(rows: Counts, width: int) -> list[Counts]:
    """Cut rows of so many members each into blocks of about BLOCK members, at least one."""
    return np.array_split(rows, max(1, len(rows) * width // BLOCK))


def _repeats(drawn: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Mark, in each row, what the row has further to the left too."""
    order = np.argsort(drawn, axis=1, kind="stable")
    ranks = np.take_along_axis(drawn, order, axis=1)
    repeats = np.zeros(drawn.shape, bool)
    np.put_along_axis(repeats, order[:, 1:], ranks[:, 1:] == ranks[:, :-1], axis=1)
    return repeats


def _windows(own: Counts, ranked: Counts) -> tuple[Counts, Counts]:
    """Return the places [first, last) of `ranked` from which each member's replacement is drawn.

    All that are as active, and NEIGHBOURS (or twice the cluster's members) more each way, but none
    more than ALIKE times as active or as idle: few are as active as the most active ones, and the
    25 next to them are far from it. Where that leaves too few for the members that are about as
    active, the next ones.
    """
    reach = max(NEIGHBOURS, 2 * len(own))
    first = np.searchsorted(ranked, own, "left") - reach
    last = np.searchsorted(ranked, own, "right") + reach
    first = np.maximum(first, np.searchsorted(ranked, own / ALIKE, "left"))
    last = np.minimum(last, np.searchsorted(ranked, own * ALIKE, "right"))
    sorted_own = np.sort(own)
    rivals = np.searchsorted(sorted_own, own * ALIKE, "right") - np.searchsorted(
        sorted_own, own / ALIKE, "left"
    )
    missing = np.maximum(FEWEST + 2 * rivals - (last - first), 0)
    first = np.maximum(first - (missing + 1) // 2, 0)
    last = np.minimum(last + (missing + 1) // 2, len(ranked))
    # what an end cuts off is added at the other
    wanted = np.minimum(np.maximum(FEWEST + 2 * rivals, 1), len(ranked))
    first = np.maximum(np.minimum(first, last - wanted), 0)
    return first, np.minimum(np.maximum(last, first + wanted), len(ranked))


def stretch(sets: Sets, activity: Counts, background: NDArray[np.int32]) -> Floats:
    """Return by how much the spread of matched sets has to be stretched for each cluster.

    Sets drawn from few accounts are more like each other than a cluster is like them: with n
    members drawn from the equivalent of M accounts the variance of a mean is proportional to
    1/n - 1/M among the sets, and to 1/n + 1/M between a cluster and their mean. The square root of
    the one over the other; near 1 where accounts are many.
    """
    ranked = np.sort(activity[background])
    found = np.ones(len(sets))
    for i in range(len(sets)):
        own = activity[sets.codes[sets.indptr[i] : sets.indptr[i + 1]]]
        first, last = _windows(own, ranked)
        weight = np.zeros(len(ranked) + 1)  # how often each account is drawn, on average
        np.add.at(weight, first, 1 / (last - first))
        np.add.at(weight, last, -1 / (last - first))
        share = min(float((np.cumsum(weight) ** 2).sum()) / len(own), 0.9)  # n / M
        found[i] = np.sqrt((1 + share) / (1 - share))
    return found


def resampled_sets(sets: Sets, seed: int) -> Sets:
    """Draw RESAMPLES bootstrap samples of the members of each set."""
    rng = np.random.default_rng(seed)
    codes = np.empty(RESAMPLES * len(sets.codes), np.int32)
    for i in range(len(sets)):
        begin, end = sets.indptr[i], sets.indptr[i + 1]
        own = sets.codes[begin:end]
        drawn = codes[RESAMPLES * begin : RESAMPLES * end].reshape(RESAMPLES, len(own))
        for rows in _blocks(np.arange(RESAMPLES), len(own)):
            drawn[rows] = own[rng.integers(0, len(own), (len(rows), len(own)))]
    return copies(sets, RESAMPLES, codes)


def sums(values: NDArray[np.generic], sets: Sets) -> Floats:
    """Return the sum of a value of accounts over each set."""
    if not len(sets):
        return np.zeros(0)
    found = np.empty(len(sets))
    at = 0
    while at < len(sets):  # so many sets at once as hold about BLOCK members
        end = int(np.searchsorted(sets.indptr, sets.indptr[at] + BLOCK, "right")) - 1
        end = min(max(end, at + 1), len(sets))
        own = sets.codes[sets.indptr[at] : sets.indptr[end]]
        starts = sets.indptr[at:end] - sets.indptr[at]
        found[at:end] = np.add.reduceat(values[own].astype(np.float64), starts)
        at = end
    return found


def ratio(part: NDArray[np.generic], whole: NDArray[np.generic]) -> Statistic:
    """Return the statistic sum of `part` over sum of `whole`, both values of accounts."""

    def statistic(sets: Sets) -> Floats:
        below = sums(whole, sets)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(below > 0, sums(part, sets) / below, np.nan)

    return statistic


def null_p(value: Floats, null: Floats, tail: str, stretched: Floats | None = None) -> Floats:
    """Return Monte Carlo p-values of `value` (clusters,) against `null` (clusters, sets).

    `tail` is ``"greater"``, ``"less"`` or ``"both"``: twice the smaller, at most 1. `stretched`
    widens the null about its mean, which only makes p-values larger; see :func:`stretch`. A value
    beyond all sets has the p-value of :func:`tail_p`.
    """
    least = most = null
    if stretched is not None and null.shape[1]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # means of nothing are NaN
            middle = np.nanmean(null, axis=1, keepdims=True)
        wider = null + (null - middle) * (stretched[:, None] - 1)
        least, most = np.minimum(null, wider), np.maximum(null, wider)  # ties stay ties
    valid = ~np.isnan(null)
    total = valid.sum(axis=1)
    with np.errstate(invalid="ignore"):
        above = (1 + (valid & (most >= value[:, None])).sum(axis=1)) / (total + 1)
        below = (1 + (valid & (least <= value[:, None])).sum(axis=1)) / (total + 1)
    if tail != "less":
        above = _beyond(value, most, above)
    if tail != "greater":
        below = _beyond(-value, -least, below)
    p = {"greater": above, "less": below, "both": np.minimum(1.0, 2 * np.minimum(above, below))}
    return np.where(np.isnan(value) | (total == 0), np.nan, p[tail])


def _beyond(value: Floats, null: Floats, p: Floats) -> Floats:
    """Return upper p-values with those of values beyond all sets from a fitted tail."""
    out = p.copy()
    for i in np.flatnonzero(~np.isnan(value)).tolist():
        row = null[i][~np.isnan(null[i])]
        if len(row) and p[i] * (len(row) + 1) < 1.5:  # no set reaches it
            out[i] = tail_p(float(value[i]), row)
    return out


def smallest_p(sets: int) -> float:
    """Return the smallest p-value that so many matched sets can give."""
    return 1.0 / (sets + 1) / (DEEPER if sets >= FEWEST_SETS else 1)


def tail_p(value: float, null: Floats) -> float:
    """Return the p-value of a value above all of a null sample, from a fit to the sample's tail.

    A generalised Pareto distribution is fitted to what the k most extreme values of the n exceed
    the next one by (Pickands 1975; Knijnenburg, Wessels, Reinders & Shmulevich 2009,
    Bioinformatics 25, i161), with k = 40 or a fifth of them:

        p = k / (n + 1) (1 + shape (value - u) / scale)^(-1 / shape)

    u is the middle of the k-th value and the next. The shape by moments, (1 - mean^2 / variance)
    / 2, is uncertain, and one that is too small makes p-values that are too small. So it is taken
    as 0.1 at least, and its standard error, 1 / sqrt(k), is added; the scale is mean (1 - shape).
    With that p-values are calibrated or too large for tails up to those of Student's t with three
    degrees of freedom. Not below 1 / (100 (n + 1)).

    Where there are fewer than 99 values, or fewer than half of the k values differ, as for shares
    of few accounts, it is 1 / (n + 1).

    Parameters
    ----------
    value
        Above all of `null`.
    null
        float64 (n,), without NaN.
    """
    n = len(null)
    least = 1.0 / (n + 1)
    k = min(TAIL, int(TAIL_SHARE * n))
    if n < FEWEST_SETS:
        return least
    ranked = np.sort(null)[::-1][: k + 1]
    threshold = (ranked[k - 1] + ranked[k]) / 2
    over = ranked[:k] - threshold
    mean, variance = float(over.mean()), float(over.var(ddof=1))
    if 2 * len(np.unique(ranked[:k])) < k or variance <= 0:
        return least
    shape = max((1 - mean**2 / variance) / 2, SHAPE) + 1 / np.sqrt(k)
    scale = mean * max(1 - shape, 0.1)
    p = k * least * (1 + shape * (value - threshold) / scale) ** (-1 / shape)
    return float(min(max(p, least / DEEPER), least))


def bootstrap_interval(drawn: Floats, sizes: Counts) -> tuple[Floats, Floats]:
    """Return 95 % expanded percentile intervals (Hesterberg 2015, Am. Stat. 69, 371).

    Percentiles at Phi(-/+ sqrt(n / (n - 1)) t_(0.975, n - 1)) instead of 2.5 and 97.5, which
    makes up for the narrowness of the bootstrap with few accounts.

    Parameters
    ----------
    drawn
        float64 (clusters, RESAMPLES).
    sizes
        Accounts of each cluster; of one account there is no interval.
    """
    low, high = np.full(len(sizes), np.nan), np.full(len(sizes), np.nan)
    for i, n in enumerate(sizes.tolist()):
        values = drawn[i][~np.isnan(drawn[i])]
        if n < 2 or not len(values):
            continue
        alpha = float(special.ndtr(-np.sqrt(n / (n - 1)) * special.stdtrit(n - 1, 0.975)))
        low[i], high[i] = np.quantile(values, [alpha, 1 - alpha])
    return low, high


def median_intervals(indptr: Counts, values: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return 95 % intervals of the median of each stretch of `values`, from its order statistics.

    From the l-th smallest to the l-th largest with P(Bin(n, 1/2) < l) <= 0.025, whatever the
    distribution; NaN below six values, of which no two are 95 % apart.
    """
    n = np.diff(indptr)
    rank = _lower_rank(n)  # counted from 0, as an index
    low, high = np.full(len(n), np.nan), np.full(len(n), np.nan)
    for i in np.flatnonzero(n >= 6).tolist():
        ranked = np.sort(values[indptr[i] : indptr[i + 1]])
        low[i], high[i] = ranked[rank[i] - 1], ranked[n[i] - rank[i]]
    return low, high


def _lower_rank(n: Counts) -> Counts:
    """Return the least l with P(Bin(n, 1/2) <= l) >= 0.025, for n of 6 or more (else that of 6)."""
    n = np.maximum(n, 6)
    near = np.ceil(special.bdtrik(0.025, n, 0.5))
    rank: Counts = (near - (special.bdtr(near - 1, n, 0.5) >= 0.025)).astype(np.int64)
    return rank  # one less where the inverse was rounded up


def in_chunks(task: Callable[[int, int], None], n: int) -> None:
    """Call ``task(first, last)`` over stretches of 0..n on threads."""
    borders = np.linspace(0, n, min(CHUNKS, max(n, 1)) + 1).astype(np.int64)
    run_chunks(lambda _, i: task(int(borders[i]), int(borders[i + 1])), len(borders) - 1)


def item_profiler(
    starts: Counts,
    items: NDArray[np.int32],
    n_items: int,
    *,
    shared: NDArray[np.bool_] | None = None,
    totals: Counts | None = None,
) -> Statistic:
    """Return what profiles the items that sets act on: float64 (sets, 6).

    What each account acts on is summed up once, for all sets. The columns are those of
    :func:`coordnet.kernels.scores.item_profile`.

    Parameters
    ----------
    starts, items
        The items of the actions of account a are ``items[starts[a]:starts[a + 1]]``, -1 for none.
    n_items
        Number of items.
    shared, totals
        Where these are some of the accounts: which items several of all accounts act on, and how
        many actions all of them have on each.
    """
    if totals is None:
        totals = np.bincount(items[items >= 0], minlength=n_items)
    held = _holdings(starts, items, n_items, shared)

    def profile(sets: Sets, first: int, last: int, count: Any, out: Floats) -> None:
        score_kernels.item_profile(*sets.read_only, held, totals, first, last, count, out)

    return _on_threads(profile, 6, len(held.names), np.int32)


def shared_counter(starts: Counts, items: NDArray[np.int32], n_items: int) -> Statistic:
    """Return what counts the actions of sets on items, and on items of two or more members.

    float64 (sets, 2); parameters as of :func:`item_profiler`.
    """
    held = _holdings(starts, items, n_items)

    def count(sets: Sets, first: int, last: int, seen: Any, out: Floats) -> None:
        score_kernels.shared_of_sets(*sets.read_only, held, first, last, seen, out)

    return _on_threads(count, 2, len(held.names), np.int64)


def _holdings(
    starts: Counts, items: NDArray[np.int32], n_items: int, shared: NDArray[np.bool_] | None = None
) -> score_kernels.Holdings:
    """Return what each account holds, item by item where others hold it too."""
    starts, items = frozen(starts), frozen(items)
    if shared is None:
        shared = score_kernels.shared_items(starts, items, n_items)
    number, names, room = score_kernels.number_items(items, shared)
    item, count = linear_room(room, np.int32), linear_room(room, np.int32)
    indptr, *alone = score_kernels.holdings(starts, items, number, item, count)
    release(items, item, count)
    kept = int(indptr[-1])
    return score_kernels.Holdings(indptr, item[:kept], count[:kept], names, *alone)


def _on_threads(
    task: Callable[[Sets, int, int, Any, Floats], None], columns: int, n_items: int, kind: Any
) -> Statistic:
    """Return what calls a task for stretches of sets: with them, scratch by item, and the result.

    Parameters
    ----------
    task
        Called with the sets, the first and the last of them to do, the scratch and the result.
    columns
        Of the result: float64 (sets, columns).
    n_items, kind
        Length and type of the scratch, which holds zeros.
    """

    def statistic(sets: Sets) -> Floats:
        out = np.zeros((len(sets), columns))
        borders = np.linspace(0, len(sets), CHUNKS + 1).astype(np.int64)
        run_chunks(
            lambda own, i: task(sets, borders[i], borders[i + 1], own, out),
            CHUNKS,
            scratch=lambda: np.zeros(n_items, kind),
        )
        return out

    return statistic


def item_profile(sets: Sets, starts: Counts, items: NDArray[np.int32], n_items: int) -> Floats:
    """Profile the items that each set acts on; see :func:`item_profiler`."""
    return item_profiler(starts, items, n_items)(sets)


def row_sums(sets: Sets, rows: Floats) -> Floats:
    """Add up the rows of the accounts of each set."""
    out = np.zeros((len(sets), rows.shape[1]))
    in_chunks(lambda a, b: score_kernels.row_sums(*sets.read_only, rows, a, b, out), len(sets))
    return out
