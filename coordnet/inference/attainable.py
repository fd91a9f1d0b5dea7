"""How many pairs of accounts the timing null can ever call significant, and correction by that.

Two accounts that share the objects O can at best be together on every one of them, each time on an
occasion of its own. So the smallest p-value that the timing null can give them is::

    p* = product over o in O of 1 - (1 - chance_c(o))^(m_uo m_vo)

(the tail of the Poisson-binomial at its end; where the edge test takes a bound instead of the exact
tail, or folds occasions, or meets round times, its p-value is larger). p* depends on WHAT the two
act on, not on WHEN. A pair with p* above a level cannot fall below it by chance, so it costs
nothing at that level (Tarone 1990, Biometrics 46, 515). With m(t) the number of pairs with
p* <= t:

- *step-up*: p_(j) is compared with t m(t) at t = p_(j), instead of with p_(j) m. This is procedure
  HSU of Döhler, Durand & Roquain (2018, Electronic Journal of Statistics 12, 1867) with
  P(p_i <= t) <= t for pairs that can reach t and 0 for the others. For independent p-values the
  false discovery rate stays at alpha where x = p_(j) m(p_(j)) / j must not exceed
  alpha / (1 + alpha).
- *fixed family*: the pairs with p* <= a, for the largest a with a m(a) <= alpha (Gilbert 2005,
  Applied Statistics 54, 143) or a multiple of it. The family depends on what accounts act on
  alone, so every method for m(a) tests is valid in it; what is outside is never found.

What a log is too large to count is estimated from co-occurrences (an object and two of its
accounts) drawn at random: m(t) = T E[1{p* <= t} / K] with T the number of co-occurrences and K the
number of objects that the two share. The terms lie between 0 and 1, so that Hoeffding's inequality
(1963, theorem 1) gives upper limits that hold whatever the accounts are like.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coordnet.disk import SLICE, in_pieces, linear_room, ones_beside, put_at, release, taken
from coordnet.errors import check_seed, one_of
from coordnet.frames import frozen
from coordnet.inference.bounds import harmonic
from coordnet.inference.correction import CORRECTIONS, in_order, stepped_up
from coordnet.inference.drawn_pairs import (
    SAMPLE,
    DrawnPairs,
    best_of_pairs,
    drawn_pairs,
    logs_of,
)
from coordnet.inference.pair_order import PairOrder
from coordnet.inference.statistics import Chances, Floats, WindowStatistics
from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import attainable as attainable_kernels
from coordnet.kernels import correction as correction_kernels
from coordnet.log.account_order import (
    AccountRuns,
    grouped,
    run_accounts,
    starts_of,
    stretches,
)
from coordnet.memory import may_use_disk, memory_budget
from coordnet.threads import CHUNKS, equal_chunks, run_chunks

STEP = math.log(10.0) / 8  # levels stand eight to a power of ten,
LEVELS = 8 * 24 + 1  # from 1 down to 1e-24
SLACK = 1e-4  # part of a step by which a p-value may be too large for its level
FEW_EDGES = 1 << 24  # that are corrected at once, where memory is not limited to less
CORRECTED_BYTES = 64  # that each of them takes
DIGITS = 20  # binary ones of a p-value, by which they are cut into stretches
MISS = 0.001  # chance that any of the upper limits of a sample is too small

Integers = NDArray[np.int64]
Marks = NDArray[np.bool_]


@dataclass(frozen=True)
class AttainablePairs:
    """How many pairs of accounts can have so small a p-value.

    Attributes
    ----------
    counts : int64 (LEVELS,)
        Pairs with p* at most exp(-i STEP), for each i; the first counts all that share an object.
    sharing : tuple of int
        Pairs that share one, two, three or more objects.
    exact : bool
        Whether these are the numbers, or upper limits that all hold with chance 1 - MISS.
    """

    counts: Integers
    sharing: tuple[int, int, int]
    exact: bool

    def at(self, p_values: Floats) -> Integers:
        """Return how many pairs can have a p-value as small as each of these, or a few more.

        Between two levels the larger one counts.
        """
        # a p-value computed in another order may differ from p* in its last digits
        found: Integers = attainable_kernels.counts_at(p_values, self.counts, STEP, SLACK)
        return found

    def below(self, expected: Floats) -> Floats:
        """Return the p-value t up to which t m(t) is below each of these numbers, or a little more.

        Parameters
        ----------
        expected
            Numbers of pairs, 0 or more.
        """
        edges = np.exp(-STEP * (np.arange(LEVELS + 1) + SLACK))  # of the levels, from the largest
        edges[0], edges[-1] = 1.0, 0.0
        level = np.searchsorted(-edges[1:] * self.counts, -expected, side="right")
        level = np.minimum(level, LEVELS - 1)
        with np.errstate(divide="ignore", invalid="ignore"):  # nothing is below 0 / 0
            least = expected / self.counts[level]
        found: Floats = np.minimum(edges[level], least) * (1 + 1e-9)
        return found

    def family(self, alpha: float, found: int = 1) -> tuple[float, int]:
        """Return the largest level a with a m(a) <= alpha * found, and m(a).

        Parameters
        ----------
        alpha
            Level of the correction.
        found
            How many pairs are expected to be found together: 1 is Gilbert's (2005) choice. That
            leaves out pairs that many findings together would let in; a cluster of 15 accounts
            has about a hundred. Any number is valid that is set beforehand.
        """
        levels = np.exp(-STEP * np.arange(LEVELS))
        i = int(np.argmax(levels * self.counts <= alpha * found))
        return float(levels[i]), int(self.counts[i])


def reaches(log_best: Floats, level: float) -> NDArray[np.bool_]:
    """Return which pairs belong to the family of a level that :meth:`AttainablePairs.family` gave.

    Parameters
    ----------
    log_best
        log p* of each pair, from :func:`best_log_p`.
    level
        The level.
    """
    found: NDArray[np.bool_] = _bin(-log_best / STEP) >= round(-math.log(level) / STEP)
    return found


def _bin(depth: Floats) -> Integers:
    """Return the number of the level of each -log p / STEP."""
    return np.clip(np.minimum(depth, LEVELS - 1.0), 0.0, None).astype(np.int64)


# -- counting ----------------------------------------------------------------------------------


def attainable_pairs(
    runs: AccountRuns,
    chances: Chances,
    budget: int,
    seed: int = 0,
    threads: int | None = None,
    n_o: NDArray[np.int32] | None = None,
    drawn: Callable[[], DrawnPairs] | None = None,
) -> AttainablePairs:
    """Count the pairs of accounts by the smallest p-value that the timing null can give them.

    Parameters
    ----------
    runs
        What each account acts on.
    chances
        The class of each object and the chance of each class, without a factor for round times:
        a larger chance makes larger p-values.
    budget
        Co-occurrences (an object and two of its accounts) that may be counted one by one: a
        nanosecond or two each. Where there are more, a sample of them gives upper limits.
    seed
        Of the sample.
    threads
        Number of threads; it changes nothing of the result.
    n_o
        Number of accounts on each object, where it is at hand: int32 (objects,).
    drawn
        Gives the sample where it is kept, as from round to round; None draws one.

    Examples
    --------
    Three accounts share object 0, and two of them object 1 too; together by chance once in ten.

    >>> objects = np.array([0, 1, 0, 1, 0], np.int32)
    >>> runs = AccountRuns(np.array([0, 2, 4, 5]), objects, np.arange(6, dtype=np.int32))
    >>> found = attainable_pairs(runs, Chances(np.zeros(2, np.int32), np.array([0.1])), budget=100)
    >>> found.sharing, found.at(np.array([0.2, 0.05, 0.005])).tolist(), found.exact
    ((3, 1, 0), [3, 1, 0], True)
    """
    check_seed(seed)
    if n_o is None:
        acts = np.diff(starts_of(runs.objects, len(chances.of_object)))
    else:
        acts = n_o.astype(np.int64)
    together = acts * (acts - 1) // 2  # co-occurrences on each object
    if int(together.sum()) <= budget:
        return _counted(runs, chances, threads)
    sample = (
        drawn() if drawn else drawn_pairs(runs, chances.of_object, acts, seed, threads, size=SAMPLE)
    )
    return _limits(runs, chances, sample, together, threads)


def attainable_of(statistics: WindowStatistics, threads: int | None = None) -> AttainablePairs:
    """Return the count for the tests of a log, which its statistics keep.

    Parameters
    ----------
    statistics
        Of the log, its window and its background.
    threads
        Number of threads.
    """
    if statistics.attainable is None:
        statistics.attainable = attainable_pairs(
            statistics.runs, Chances(statistics.classes, statistics.chances),
            10 * len(statistics.log), threads=threads, n_o=statistics.objects.n_accounts,
            drawn=lambda: statistics.drawn,
        )  # fmt: skip
    return statistics.attainable


def _counted(runs: AccountRuns, chances: Chances, threads: int | None) -> AttainablePairs:
    """Count all pairs that share an object."""
    object_starts, object_runs = grouped(runs.objects, len(chances.of_object))
    n, n_runs = len(runs.starts) - 1, len(object_runs)
    run_account = run_accounts(runs.starts)
    place, work = linear_room(n_runs, np.int32), np.zeros(n)
    for begin in range(0, n_runs, SLICE):
        here = slice(begin, begin + SLICE)
        at = object_runs[here]
        place[at] = np.arange(begin, begin + len(at), dtype=np.int32)
    for begin in range(0, n_runs, SLICE):
        here = slice(begin, begin + SLICE)
        later = object_starts[runs.objects[here] + 1] - 1 - place[here]
        array_kernels.add_by_code(run_account[here], later.astype(np.float64), work)

    def of_objects(here: slice) -> list[NDArray[np.int32]]:
        at = object_runs[here]
        return [run_account[at], runs.first[at + 1] - runs.first[at]]

    by_object = in_pieces(n_runs, [np.int32, np.int32], of_objects, object_runs)
    borders = equal_chunks(work.astype(np.int64), CHUNKS)
    classes = chances.of_object, *logs_of(chances.chance)

    def count(scratch: tuple[NDArray[np.float64], ...], i: int) -> tuple[Integers, Integers]:
        histogram, sharing = np.zeros(LEVELS, np.int64), np.zeros(4, np.int64)
        attainable_kernels.count_pairs(
            *map(frozen, runs), object_starts, *by_object, place, *classes, STEP,
            borders[i], borders[i + 1], *scratch, histogram, sharing,
        )  # fmt: skip
        return histogram, sharing

    parts = run_chunks(
        count,
        len(borders) - 1,
        threads=threads,
        scratch=lambda: (np.zeros(n), np.zeros(n, np.int32), np.empty(n, np.int32)),
    )
    counts = np.sum([histogram for histogram, _ in parts], axis=0)[::-1].cumsum()[::-1]
    sharing = np.sum([sharing for _, sharing in parts], axis=0)[:0:-1].cumsum()[::-1]
    return AttainablePairs(counts, (int(sharing[0]), int(sharing[1]), int(sharing[2])), True)


def _limits(
    runs: AccountRuns,
    chances: Chances,
    drawn: DrawnPairs,
    together: Integers,
    threads: int | None,
) -> AttainablePairs:
    """Return upper limits from co-occurrences drawn at random, with replacement."""
    log_best, shared = drawn.best_log_p(chances.chance, threads)
    size, total = len(shared), float(together.sum())
    # who reaches a level must share so many objects: one over their number is at most one over this
    of_shared = chances.chance[chances.of_object[together > 0]]
    with np.errstate(divide="ignore"):  # the most that one object adds; repeats add less
        deepest = max(-np.log(of_shared.min()), 1e-9)
    needed = np.maximum(np.ceil(STEP * np.arange(LEVELS) / deepest - 1e-6), 1.0)
    share = 1.0 / shared
    sums = np.bincount(_bin(-log_best / STEP), share, LEVELS)[::-1].cumsum()[::-1]
    least = np.concatenate([needed, [1.0, 2.0, 3.0]])
    sums = np.concatenate([sums, [share.compress(shared >= k).sum() for k in (1, 2, 3)]])
    means = np.minimum(sums / size * least, 1.0)
    limits = mean_limit(means, size, MISS / len(means)) * (total / least)
    n = int((np.diff(runs.starts) > 0).sum())
    upper = np.minimum(np.ceil(limits).astype(np.int64), n * (n - 1) // 2)
    one, two, three = np.minimum.accumulate(upper[LEVELS:])
    counts = np.minimum(np.minimum.accumulate(upper[:LEVELS]), one)
    return AttainablePairs(counts, (int(one), int(two), int(three)), False)


def mean_limit(means: Floats, n: int, miss: float) -> Floats:
    """Return an upper confidence limit of the mean of a variable between 0 and 1.

    The largest mu with n kl(mean, mu) <= log(1 / miss), where kl(a, b) = a log(a / b) +
    (1 - a) log((1 - a) / (1 - b)); it is too small with a chance of at most `miss`, whatever the
    distribution (Hoeffding 1963, Journal of the American Statistical Association 58, 13).

    Examples
    --------
    >>> mean_limit(np.array([0.0, 0.5]), 1_000, 0.001).round(4).tolist()
    [0.0069, 0.5586]
    """
    low, high = np.asarray(means, np.float64).copy(), np.ones(len(means))
    for _ in range(60):
        middle = (low + high) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = np.where(means > 0, means * np.log(means / middle), 0.0) + np.where(
                means < 1, (1 - means) * (np.log1p(-means) - np.log1p(-middle)), 0.0
            )
        inside = n * apart <= -math.log(miss)
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return high


def best_log_p(
    runs: AccountRuns,
    chances: Chances,
    source: NDArray[np.int32],
    target: NDArray[np.int32],
    threads: int | None = None,
) -> tuple[Floats, NDArray[np.int32]]:
    """Return log p* of pairs of accounts, and how many objects each pair shares."""
    order = PairOrder.of(runs.starts, source, target)
    return best_of_pairs(runs, *chances, order, threads)


def family_p_values(
    p_values: Floats,
    source: NDArray[np.int32],
    target: NDArray[np.int32],
    runs: AccountRuns,
    chances: Chances,
    attainable: AttainablePairs,
    alpha: float,
    found: int = 100,
    threads: int | None = None,
    timing: Floats | None = None,
) -> tuple[Floats, int]:
    """Return the p-values of edges in the fixed family of pairs, 1 for the others, and its size.

    What :class:`coordnet.inference.bounds.SimultaneousBounds` takes. Edges whose p-value cannot
    matter among so many have 1 too: p* need not be computed for them.

    Parameters
    ----------
    p_values, source, target
        The edges.
    runs, chances, attainable
        As given to :func:`attainable_pairs`, and what it returned.
    alpha, found
        As in :meth:`AttainablePairs.family`.
    threads
        Number of threads.
    timing
        p-values of the edges under these chances, each of them at least p*: what is that small has
        so small a p* too, which need not be computed. None computes all.
    """
    level, pairs = attainable.family(alpha, found)
    # only k edges with h p <= alpha k matter, for any k; h is at least the pairs that have no p
    # below alpha
    slices = [slice(begin, begin + SLICE) for begin in range(0, len(p_values), SLICE)]
    k = sum(int(np.count_nonzero(p_values[here] <= alpha)) for here in slices)
    least_null = pairs - k
    level_of = alpha if least_null <= 0 else min(alpha, alpha * k * (1 + 1e-9) / least_null)
    parts = [np.flatnonzero(p_values[here] <= level_of) + here.start for here in slices]
    inside = np.concatenate([np.zeros(0, np.int64), *parts])
    while least_null > 0 and len(inside) < k:
        k = len(inside)
        inside = inside[taken(p_values, inside) * least_null <= alpha * k * (1 + 1e-9)]
    reaching = np.zeros(len(inside), bool)
    if timing is not None:  # a whole step below, so that no rounding matters
        reaching = taken(timing, inside) <= level * math.exp(-STEP)
    unsure = inside[~reaching]
    ends = taken(source, unsure), taken(target, unsure)
    log_best, _ = best_log_p(runs, chances, *ends, threads)
    reaching[~reaching] = reaches(log_best, level)
    inside = inside[reaching]
    out = ones_beside(p_values)
    put_at(out, inside, taken(p_values, inside))
    return out, pairs


# -- correction --------------------------------------------------------------------------------


def attainable_q_values(
    p_values: Floats,
    source: NDArray[np.int32],
    target: NDArray[np.int32],
    attainable: AttainablePairs,
    correction: str = "bh",
) -> Floats:
    """Return q-values of edges: p-values corrected, at each level, for pairs that can reach it.

    With x_j = p_(j) m(p_(j)) / j and m(t) the number of pairs that can have a p-value of t or
    less, q of the i-th smallest p is the least x_j / (1 - x_j) over j >= i: procedure HSU of
    Döhler, Durand & Roquain (2018) for independent p-values. With ``"by"``, for p-values however
    they depend on each other, it is the least x_j times 1 + 1/2 + ... up to all pairs that share
    an object (Benjamini & Yekutieli 2001, whose proof needs the sum of P(p_i <= t) only). The
    accounts are corrected alike, and the larger of the two q-values is that of the edge; see
    :func:`coordnet.inference.correction.account_q_values`.

    Parameters
    ----------
    p_values, source, target
        Of the edges: of the timing null, or the larger of it and another.
    attainable
        The count of pairs. Its p* must not be above any of the p-values given.
    correction
        ``"bh"`` or ``"by"``.
    """
    one_of(correction, CORRECTIONS, "correction")
    by = correction == "by"
    scale = harmonic(max(int(attainable.counts[0]), 1)) if by else 1.0

    n = len(p_values)
    n_accounts = int(max(source.max(initial=-1), target.max(initial=-1))) + 1
    # most edges have q = 1, whatever the others are: no rank is above the number of those that are
    # left, nor of those of an account
    slices = [slice(begin, begin + SLICE) for begin in range(0, n, SLICE)]
    left, before, degree = n, n, np.zeros(n_accounts, np.int64)
    for here in slices:
        array_kernels.count_codes(source[here], degree)
        array_kernels.count_codes(target[here], degree)
        release(source, target)
    while True:
        of_account = attainable.below(np.count_nonzero(degree) / 2.0 * degree / scale)
        of_all = float(attainable.below(np.array([left / scale]))[0])
        fewer, found, fewer_degree = 0, 0, np.zeros(n_accounts, np.int64)
        for here in slices:
            alone, close = attainable_kernels.near_edges(
                p_values[here], source[here], target[here], of_all, of_account, fewer_degree
            )
            fewer += alone
            found += close
            release(p_values, source, target)
        settled = fewer == left and (fewer_degree == degree).all()
        left, degree = fewer, fewer_degree
        if settled or found <= max(n // 16, 1) or before // 2 < found:
            break  # another pass would cost more than it spares
        before = found

    def near(here: slice) -> Integers:
        ends = source[here], target[here]
        places: Integers = attainable_kernels.places_near(
            p_values[here], *ends, of_all, of_account, here.start
        )
        release(p_values, source, target)
        return places

    q_value, after, smaller = ones_beside(p_values), 1.0, left
    least, rank = np.full(n_accounts, np.inf), degree.copy()
    most = np.count_nonzero(degree) / 2.0 * degree
    for at in _from_the_largest(p_values, near, found):
        p: Floats = taken(p_values, at)
        expected = p * attainable.at(p) * scale
        order = array_kernels.ascending_order(p)
        correction_kernels.least_of_ends(
            order, p, expected, taken(source, at), taken(target, at), of_account, most, rank, least
        )
        order = order[: np.searchsorted(p[order], of_all, side="right")]
        if len(order):
            smaller -= len(order)
            own = in_order(expected[order], not by, smaller, after)
            after = float(own[0])
            q = np.ones(len(at))
            q[order] = own
            put_at(q_value, at, q)
    of_ends, some = np.ones(n_accounts), np.isfinite(least)
    of_ends[some] = stepped_up(least[some], 2.0 * least[some], not by)
    for here in slices:
        correction_kernels.raise_to_ends(
            p_values[here], source[here], target[here], of_all, of_ends, q_value[here]
        )
        release(p_values, source, target, q_value)
    return q_value


def _from_the_largest(
    p_values: Floats, near: Callable[[slice], Integers], n: int
) -> Iterator[Integers]:
    """Yield the places of n edges, those of large p-values first.

    Places of equal p-values come together, ascending, and so many at once as may be in memory.

    Parameters
    ----------
    p_values
        Of all edges.
    near
        Gives the places of those in a slice.
    n
        How many there are.
    """
    slices = [slice(begin, begin + SLICE) for begin in range(0, len(p_values), SLICE)]
    if n == 0:
        return
    if n <= _at_once():
        yield np.concatenate([near(here) for here in slices])
        return
    counts = np.zeros(1 << DIGITS, np.int64)
    for here in slices:
        array_kernels.count_codes(frozen(_leading(p_values[near(here)])), counts)
    some = np.flatnonzero(counts)
    starts = np.concatenate([[0], np.cumsum(counts[some])])
    for first, last in reversed(list(stretches(starts, _at_once()))):
        parts = []
        for here in slices:
            at = near(here)
            leading = _leading(p_values[at])
            parts.append(at[(some[first] <= leading) & (leading <= some[last - 1])])
            release(p_values)
        yield np.concatenate(parts)


def _leading(p_values: Floats) -> NDArray[np.int32]:
    """Return the leading binary digits of p-values, which are larger for larger ones."""
    found: NDArray[np.int32] = (p_values.view(np.int64) >> (63 - DIGITS)).astype(np.int32)
    return found


def _at_once() -> int:
    """Return how many edges are corrected at once."""
    if not may_use_disk():
        return FEW_EDGES
    return min(max(memory_budget() // (4 * CORRECTED_BYTES), SLICE), FEW_EDGES)
