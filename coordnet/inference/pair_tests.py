"""The test of a pair of accounts: by the actions of the two, and a few facts of the whole log.

Whoever tests a pair needs the actions of its two accounts and nothing else of the log but the
facts gathered here. So pairs are tested slice by slice, or block by block on other machines, with
the same bytes as all at once. Definitions: :mod:`coordnet.inference.edge_tests`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordnet.disk import in_pieces, release
from coordnet.inference.pair_crowds import find_common_crowd
from coordnet.inference.pair_order import PairOrder, marks
from coordnet.inference.round_times import GRAINS, round_factors, roundness
from coordnet.inference.statistics import Floats, WindowStatistics
from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import edge_tests as edge_test_kernels
from coordnet.kernels.crowds import CommonCrowd
from coordnet.kernels.occasions import OccasionRule
from coordnet.log.account_order import AccountRuns, account_runs, grouped
from coordnet.log.actions import ActionLog
from coordnet.threads import CHUNKS, run_chunks
from coordnet.times import HOUR

LONG_LISTS = 128  # objects of an account, in the mean, from which it pays to put them in order
KNOWN_RATES = 512  # numbers of actions; what any two of them give is kept: 17 MB a thread
MANY = 128  # shared objects of a pair that are counted by class and roundness
SEVERAL = 64  # pairs of actions on an object whose chances are looked up


# -- the activity null -------------------------------------------------------------------------


def saturated_sums(weights: NDArray[np.int64], log_rates: Floats) -> Floats:
    """Return log of sum_o (1 - exp(-w_o x)) for each log x of a grid.

    The sum is smooth and concave in x; read off by linear interpolation of the logarithms on a
    grid of step h its relative error is below h**2 / 32.

    Parameters
    ----------
    weights
        w_o of every object, int64; at least one above 0.
    log_rates
        The grid: float64.
    """
    sizes, counts = np.unique(weights[weights > 0], return_counts=True)
    total = np.zeros(len(log_rates))
    for part in np.array_split(np.arange(len(sizes)), max(1, len(sizes) // 256)):
        x = np.exp(log_rates)[:, None]
        total += (-np.expm1(-sizes[part] * x) * counts[part]).sum(axis=1)
    return np.log(total)


class ActivityNull(NamedTuple):
    """How often two accounts would meet if accounts were shuffled over the actions.

    Attributes
    ----------
    level : int32 (accounts,)
        Which of the rates each has.
    log_rates : float64 (levels,)
        Log of each number of actions that an account has, ascending.
    scale : float
        What is added to those of two accounts to give log x.
    step : float
        Of the even grid of log x, which begins at `scale`.
    sums : float64
        Log of the saturated sum at each point of the grid.
    """

    level: NDArray[np.int32]
    log_rates: Floats
    scale: float
    step: float
    sums: Floats

    @classmethod
    def of(cls, log: ActionLog, pairs_all: NDArray[np.int64]) -> ActivityNull:
        """Return that of a log.

        Parameters
        ----------
        log
            The log.
        pairs_all
            Pairs of actions within the window on each object, of whomever: int64 (objects,).
        """
        acts = np.maximum(np.diff(log.by_account[0]), 1)
        there = np.bincount(acts, minlength=2) > 0
        k = np.log(np.flatnonzero(there).astype(np.float64))
        level = (there.cumsum() - 1).astype(np.int32)[acts]
        m = max(float(len(log)), 2.0)
        scale = float(np.log(2.0 / (m * (m - 1.0))))
        grid = np.linspace(scale, scale + 2 * max(float(k.max(initial=0.0)), 0.01), 2048)
        sums = saturated_sums(pairs_all, grid) if (pairs_all > 0).any() else np.zeros(len(grid))
        return cls(level, k, scale, float(grid[1] - grid[0]), sums)

    def test(
        self,
        source: NDArray[np.int32],
        target: NDArray[np.int32],
        occasions: NDArray[np.int32],
        threads: int | None = None,
    ) -> tuple[Floats, Floats]:
        """Return expectation and p-value of each pair."""
        n, known = len(source), min(len(self.log_rates), KNOWN_RATES)
        expected, p_value = np.empty(n), np.empty(n)
        borders = np.linspace(0, n, CHUNKS + 1).astype(np.int64)
        run_chunks(
            lambda known, i: edge_test_kernels.activity_tests(
                source, target, self.level, self.log_rates, self.scale, self.scale, self.step,
                self.sums, occasions, borders[i], borders[i + 1], known, expected, p_value,
            ),
            CHUNKS if n else 0,
            threads=threads,
            scratch=lambda: np.zeros((known, known, 8)),
        )  # fmt: skip
        return expected, p_value


# -- the timing null ---------------------------------------------------------------------------


def chances_of_cells(
    chances: Floats | None, factors: Floats, windows: NDArray[np.int64]
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return chances, log(1 - chance) and windows by class and roundness, as the kernel has them.

    Parameters
    ----------
    chances
        Of each class; None where the timing null is not asked for.
    factors
        By how much each grain raises them: float64 (classes, grains).
    windows
        Of each class.
    """
    by_cell = np.repeat(windows, factors.shape[1])
    if chances is None:
        return np.zeros((0, SEVERAL)), np.zeros(0), by_cell
    chance = np.minimum(chances[:, None] * factors, 1.0).ravel()
    with np.errstate(divide="ignore"):
        log_miss = np.log1p(-chance)
    table = np.zeros((len(chance), SEVERAL))
    table[:, 1] = chance
    table[:, 2:] = -np.expm1(log_miss[:, None] * np.arange(2, SEVERAL))
    return table, log_miss, by_cell


class PairFacts(NamedTuple):
    """What the test of a pair needs of the whole log, beside the actions of its two accounts.

    Attributes
    ----------
    classes : int32 (objects,)
        The class of each object, in the order of `rank` where there is one.
    rank : int32 (objects,) or None
        The place of each object in the order of time, where accounts act on many.
    by_cell : tuple
        What :func:`chances_of_cells` gave.
    occasion_rule : OccasionRule
        Which synchronised objects are one occasion.
    since : int
        The time of the log's first action.
    """

    classes: NDArray[np.int32]
    rank: NDArray[np.int32] | None
    by_cell: tuple[Floats, Floats, NDArray[np.int64]]
    occasion_rule: OccasionRule
    since: int

    @classmethod
    def of(cls, statistics: WindowStatistics, timing: bool = True) -> PairFacts:
        """Return those of a log.

        Parameters
        ----------
        statistics
            Of the log and the window.
        timing
            Whether the timing null is asked for.
        """
        log, windows, classes = statistics.log, statistics.window_of_class, statistics.classes
        rank = None
        k = np.diff(statistics.runs.starts).astype(np.float64)
        if (k * k).sum() > LONG_LISTS * k.sum():
            # whoever shares many objects then met on them nearly in order: little to sort
            begin = np.minimum(log.by_object[:-1], len(log) - 1)
            by_time = np.argsort(log.time[begin], kind="stable")
            rank = array_kernels.put(np.arange(log.n_objects, dtype=np.int32), by_time)
            classes = classes[by_time]
        by_cell = chances_of_cells(
            statistics.chances if timing else None, round_factors(windows, log.resolution), windows
        )
        since = log.limits[0] if log.limits else 0
        return cls(classes, rank, by_cell, statistics.occasion_rule, since)


class _Asked(NamedTuple):
    """The pairs that were tested last, and what no chance changes of them."""

    rule: OccasionRule
    source: NDArray[np.int32]
    target: NDArray[np.int32]
    order: PairOrder
    crowd: CommonCrowd | None
    occasions: NDArray[np.int32]


class PairTester:
    """Tests pairs of accounts by their own actions.

    Parameters
    ----------
    facts
        Of the whole log.
    account, object_, time
        The actions of the accounts that pairs are of, all they have in the log, sorted by object
        and time: int32, int32, int64 (n,).
    n_accounts
        Number of account codes.
    by_account, runs
        Of these actions, where they are at hand.
    many
        Shared objects from which a pair's are counted by class and roundness; sums in another
        order, so that the last digits depend on it.
    """

    def __init__(
        self,
        facts: PairFacts,
        account: NDArray[np.int32],
        object_: NDArray[np.int32],
        time: NDArray[np.int64],
        n_accounts: int,
        by_account: tuple[NDArray[np.int64], NDArray[np.int32]] | None = None,
        runs: AccountRuns | None = None,
        many: int = MANY,
    ) -> None:
        self.facts, self.many = facts, many
        self.last: _Asked | None = None
        n, rank = len(account), facts.rank
        if rank is None:
            indptr, positions = by_account or grouped(account, n_accounts)
        else:
            (object_,) = in_pieces(n, [np.int32], lambda here: [rank[object_[here]]], object_)
            _, order = grouped(object_, len(facts.classes))
            (own,) = in_pieces(n, [np.int32], lambda here: [account[order[here]]], order)
            indptr, within = grouped(own, n_accounts)
            (positions,) = in_pieces(n, [np.int32], lambda here: [order[within[here]]], within)
            runs = None
        self.runs = runs = account_runs(indptr, positions, object_) if runs is None else runs

        def times(here: slice) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
            own = time[positions[here]]
            return own - facts.since, roundness(own, HOUR)

        def of_runs(here: slice) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
            first = runs.first[here.start : here.stop + 1]
            notes = np.empty(len(first) - 1, np.uint64)
            cell = facts.classes[runs.objects[here]] * np.int32(len(GRAINS) + 1)
            edge_test_kernels.run_notes(first, self.time, round_, cell, facts.by_cell[2], notes)
            return notes, cell

        self.time, round_ = in_pieces(n, [np.int64, np.int8], times, positions)
        release(time)
        self.notes, self.cell = in_pieces(
            len(runs.objects), [np.uint64, np.int32], of_runs, runs.objects, runs.first, self.time
        )

    def test(
        self, source: NDArray[np.int32], target: NDArray[np.int32], threads: int | None = None
    ) -> tuple[NDArray[np.int32], Floats, Floats]:
        """Return occasions of each pair, and expectation and p-value under the timing null.

        Parameters
        ----------
        source, target
            Codes of accounts whose actions are here: int32 (pairs,). Where they are those of the
            last time, their occasions are not counted again.
        threads
            Number of threads; None means all processors.
        """
        facts, n, last = self.facts, len(source), self.last
        again = (
            last is not None
            and last.rule == facts.occasion_rule
            and np.array_equal(last.source, source)
            and np.array_equal(last.target, target)
        )
        if last is None or not again:
            order = PairOrder.of(self.runs.starts, source, target)
            crowd = find_common_crowd(
                self.runs, self.time, self.notes, source, target, order, facts.classes,
                facts.occasion_rule, len(GRAINS) + 1,
            )  # fmt: skip
            last = _Asked(facts.occasion_rule, source, target, order, crowd, np.empty(n, np.int32))
        order, occasions = last.order, last.occasions.copy()  # the caller's may be frozen
        expected, p_value = np.empty(n), np.empty(n)
        run_chunks(
            lambda own, i: edge_test_kernels.shared_object_tests(
                *order[:3], *self.runs, self.time, self.notes, self.cell, *facts.by_cell,
                facts.occasion_rule, order.borders[i], order.borders[i + 1], *own, again,
                occasions, expected, p_value, self.many, last.crowd,
            ),
            len(order.work),
            threads=threads,
            scratch=lambda: marks(len(facts.classes)),
            weights=order.work,
            label="edge tests",
        )  # fmt: skip
        self.last = last._replace(occasions=occasions)
        return occasions, expected, p_value
