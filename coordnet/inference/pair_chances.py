r"""The chance of a class of objects with every pair of accounts weighing alike.

Pooled over objects, a class of popularity that one large ring fills has the ring's own chance. So
each pair of accounts weighs alike, however many objects of the class c it shares::

    chance_c = sum s_uvo / K_uv,c  /  sum 1 / K_uv,c

over all co-occurrences (o in c; u, v): two accounts that both act on o. K_uv,c is how many objects
of the class both act on; s_uvo is the share of their m_uo m_vo pairs of actions on o that are
within the window. The second sum is the number of pairs that share an object of the class.

*Sample.* The co-occurrences of a class stand in a fixed order: by object, then by account. The
list is cut into 6,000 equal stretches, and one co-occurrence is drawn from each, uniformly; so
objects are drawn in proportion to n_o (n_o - 1) / 2. Where the chance found is less than 0.8 of
the one pooled over objects, 60,000 are drawn in the same way. A class that has no more is counted
in full. The numbers that draw depend on the class and on the place in the sample alone: the same
log gives the same bytes, whatever the number of threads.

*Upper limit.* What is used is an upper limit: two standard errors above the estimate, and four
co-actions of mean weight, which is the limit where no co-action was seen (a score interval for a
count). The smaller of this limit and of the pooled chance is taken, and without the limit the
smaller of two noisy numbers would be too small.

*Thin classes.* A class in which hardly anybody but one ring acts has the ring's chance even so. It
is thin when three things hold: its effective number of accounts (1 / sum of squared shares in
the sum of 1 / K) is less than a tenth of the accounts that share any object; a co-occurrence is
of a pair that shares three or more objects, in the harmonic mean; and its chance, as odds, is
more than four times what its neighbours say. These are the other classes of its kind, three or
more. Each weighs as its effective number of accounts, halved with each octave between them. What
they say is the weighted median of the log odds of their chances, and two robust standard
deviations (1.4826 times the weighted median deviation) more. A thin class takes that chance, and
the result names it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordnet.disk import SLICE, linear_room, release
from coordnet.engine import current_engine
from coordnet.frames import frozen
from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import pair_chances as pair_kernels
from coordnet.log.account_order import (
    AccountRuns,
    account_runs,
    grouped,
    stretches,
)
from coordnet.log.actions import ActionLog
from coordnet.threads import run_chunks

Floats = NDArray[np.float64]
CLASSES = 32  # of each kind: the octaves of n_o
FEW_ACCOUNTS = 0.1  # share of the accounts below which a class may be thin
REPEATED = 3.0  # objects that its pairs share, from which on it may be
FAR = 4.0  # how many times the odds that its neighbours say are far above them
LEAST_NEIGHBOURS = 3


class PairChances(NamedTuple):
    """The chances of the classes, and what they rest on.

    Attributes
    ----------
    chance : float64 (classes,)
        The one to use: the smaller of `pooled` and `by_pairs`; of thin classes what their
        neighbours say.
    by_pairs : float64 (classes,)
        Upper limit with every pair of accounts weighing alike; 1 where no two accounts share an
        object of the class.
    accounts : float64 (classes,)
        Effective number of different accounts.
    repeats : float64 (classes,)
        Objects of the class that its pairs share, the harmonic mean over co-occurrences.
    beside_neighbours : int64
        Thin classes that took the chance of their neighbours.
    not_judged : int64
        Classes that may be thin, but have too few neighbours to be judged by.
    """

    chance: Floats
    by_pairs: Floats
    accounts: Floats
    repeats: Floats
    beside_neighbours: NDArray[np.int64]
    not_judged: NDArray[np.int64]


def pair_chances(
    log: ActionLog,
    classes: NDArray[np.int32],
    pooled: Floats,
    windows: NDArray[np.int64],
    outside: NDArray[np.bool_] | None = None,
    threads: int | None = None,
    runs: AccountRuns | None = None,
    accounts_on: NDArray[np.int32] | None = None,
) -> PairChances:
    """Return the chances of the classes of a log with every pair of accounts weighing alike.

    Parameters
    ----------
    log
        The log.
    classes
        Class of each object, 32 octaves for each kind: int32 (objects,).
    pooled
        Chance of each class pooled over its objects, of the same accounts: float64 (classes,).
    windows
        On the objects of each class, in microseconds, inclusive: int64 (classes,).
    outside
        By code of account, whether it is in the background; None means all are. Only pairs of
        two such accounts count.
    threads
        Number of threads; None means all processors. It changes no byte of the result.
    runs
        The objects of each account of the log, where they are at hand.
    accounts_on
        Number of accounts on each object, where it is at hand: int32 (objects,).

    Examples
    --------
    >>> import coordnet as cn
    >>> from coordnet.inference.statistics import WindowStatistics
    >>> log = cn.simulate("large_ring", accounts=1_000, rings=[(60, 100)], kind="text").log
    >>> counted = WindowStatistics(log, 60_000_000)
    >>> bool(counted.pooled_chances.max() > 0.8), bool(counted.chances.max() < 0.5)
    (True, True)
    """
    n = len(pooled)
    runs = log.account_runs() if runs is None else runs
    borders, ranked = array_kernels.group_by_code(classes, n)
    engine, sums = current_engine(), None
    if engine is not None and outside is None and accounts_on is not None:
        n_o = accounts_on[ranked].astype(np.int64)
        before = _co_occurrences_before(n_o)
        shared = np.flatnonzero(np.diff(before[borders]))
        sums = engine.pair_sums(log, ranked, borders, shared, windows, pooled)
    if sums is None:
        slots = slots_of(
            log.by_account[1], runs, log.time, classes, borders, ranked, accounts_on, outside
        )
        n_o = np.diff(slots.starts)
        before = _co_occurrences_before(n_o)
        co_occurrences = np.diff(before[borders])
        shared = np.flatnonzero(co_occurrences)  # most of many kinds have none
        sums = run_chunks(
            lambda own, i: pair_kernels.class_sums(
                slots, borders[shared[i]], borders[shared[i] + 1], before, windows[shared[i]],
                pooled[shared[i]], shared[i], *own,
            ),
            len(shared),
            threads=threads,
            scratch=lambda: _holder_room(len(log.all_accounts)),
            weights=co_occurrences[shared].clip(max=pair_kernels.SAMPLES[1]),
        )  # fmt: skip
    of_class = np.zeros((n, 6))
    of_class[shared] = np.array(sums).reshape(-1, 6)
    size, together, pairs, squares, square_weights, accounts = of_class.T
    some = pairs > 0
    with np.errstate(invalid="ignore"):
        upper = together + 2.0 * np.sqrt(squares) + 4.0 * square_weights / pairs
        by_pairs = np.where(some, np.minimum(upper / pairs, 1.0), 1.0)
        repeats = np.where(some, size / pairs, 0.0)
    chance = np.where(some, np.minimum(pooled, by_pairs), pooled)
    met = array_kernels.put(n_o > 1, ranked)  # of each object, whether several act on it
    shares = np.zeros(len(log.all_accounts), bool)
    for u, end in stretches(runs.starts, SLICE):
        pair_kernels.who_shares(runs.starts, runs.objects, met, u, end, shares)
        release(runs.objects)
    if outside is not None:
        shares &= outside
    sharing = np.count_nonzero(shares)
    thin = some & (accounts < FEW_ACCOUNTS * sharing) & (repeats >= REPEATED)
    beside, alone = [], []
    judged = chance.copy()
    for c in np.flatnonzero(thin).tolist():
        said = _said_by_neighbours(c, chance, np.where(some & ~thin, accounts, 0.0))
        if said is None:
            alone.append(c)
        elif chance[c] * (1 - said) > FAR * said * (1 - chance[c]):
            judged[c] = said
            beside.append(c)
    return PairChances(
        judged, by_pairs, accounts, repeats, np.array(beside, np.int64), np.array(alone, np.int64)
    )


def slots_of(
    positions: NDArray[np.int32],
    runs: AccountRuns,
    time: NDArray[np.int64],
    classes: NDArray[np.int32],
    borders: NDArray[np.int64],
    ranked: NDArray[np.int32],
    accounts_on: NDArray[np.int32] | None = None,
    outside: NDArray[np.bool_] | None = None,
) -> pair_kernels.Slots:
    """Return the slots of actions: one account on one object, by class, account and object.

    Parameters
    ----------
    positions, runs
        The actions account by account, and the objects of each account.
    time
        int64 (n,).
    classes
        Of each object: int32 (objects,).
    borders, ranked
        The objects grouped by class.
    accounts_on
        Number of accounts on each object, where it is at hand.
    outside
        By code of account, whether it takes part; None means all do.
    """
    starts, objects, first = runs
    inside = np.ones(len(starts) - 1, bool) if outside is None else outside
    rank = array_kernels.put(np.arange(len(ranked), dtype=np.int32), ranked)
    slot_starts = np.zeros(len(ranked) + 1, np.int64)
    if accounts_on is None or outside is not None:
        pair_kernels.count_slots(starts, objects, rank, inside, slot_starts[1:])
    else:
        slot_starts[1:] = accounts_on[ranked]
    np.cumsum(slot_starts, out=slot_starts)
    slots = int(slot_starts[-1])
    object_, holder, by_object, action = (linear_room(slots, np.int32) for _ in range(4))
    pair_kernels.list_slots(
        starts, objects, first, positions, classes, rank, inside, borders, slot_starts, object_,
        holder, action,
    )  # fmt: skip
    release(object_, holder, action, objects, first, positions)
    return pair_kernels.Slots(
        slot_starts, object_, holder, by_object, action, first, positions, time
    )


def sums_of_class(
    account: NDArray[np.int32],
    object_: NDArray[np.int32],
    time: NDArray[np.int64],
    window: int,
    pooled: float,
    number: int,
) -> Floats:
    """Return what the sample of the co-occurrences of one class shows, by its actions alone.

    Parameters
    ----------
    account, object_, time
        The actions on the objects of the class, in the order of the log: int32, int32, int64 (n,).
        Codes have no gaps, and stand in the order of those of the log.
    window, pooled
        Of the class.
    number
        Of the class.

    Returns
    -------
    float64 (6,)
        As :func:`coordnet.kernels.pair_chances.class_sums` gives them, with the bytes that the
        whole log gives: nothing there is of another class.
    """
    n_accounts, n_objects = (int(codes.max(initial=-1)) + 1 for codes in (account, object_))
    by_account = grouped(account, n_accounts)
    by_account = frozen(by_account[0]), frozen(by_account[1])
    runs = account_runs(*by_account, object_)
    numbers, borders = np.arange(n_objects, dtype=np.int32), np.array([0, n_objects])
    slots = slots_of(by_account[1], runs, time, np.zeros_like(numbers), borders, numbers)
    n_o = np.diff(slots.starts)
    before = _co_occurrences_before(n_o)
    found: Floats = pair_kernels.class_sums(
        slots, 0, n_objects, before, window, pooled, number, *_holder_room(n_accounts)
    )
    return found


def _holder_room(n_accounts: int) -> tuple[NDArray[np.int32], Floats]:
    """Return the scratch of :func:`coordnet.kernels.pair_chances.class_sums`."""
    return np.empty(n_accounts + 1, np.int32), np.zeros(n_accounts)


def _co_occurrences_before(n_o: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many pairs of accounts on one object stand before those of each object, and all.

    Parameters
    ----------
    n_o
        Accounts on each object.
    """
    return np.concatenate([[0], np.cumsum(n_o * (n_o - 1) // 2)])


def _said_by_neighbours(c: int, chance: Floats, accounts: Floats) -> float | None:
    """Return the chance of class c by the other classes of its kind, None where there are few.

    Parameters
    ----------
    c
        The class.
    chance
        Of each class.
    accounts
        Effective number of accounts of those that may speak, 0 of the others.
    """
    kind = np.arange(c - c % CLASSES, c - c % CLASSES + CLASSES)
    near = kind[(accounts[kind] > 0) & (chance[kind] > 0) & (chance[kind] < 1) & (kind != c)]
    if len(near) < LEAST_NEIGHBOURS:
        return None
    weight = accounts[near] * 0.5 ** np.abs(near - c)
    log_odds = np.log(chance[near] / (1 - chance[near]))
    centre = weighted_median(log_odds, weight)
    spread = 1.4826 * weighted_median(np.abs(log_odds - centre), weight)
    return float(1 / (1 + np.exp(-(centre + 2 * spread))))


def weighted_median(values: Floats, weight: Floats) -> float:
    """Return the least value up to which the values have half of the weight.

    Examples
    --------
    >>> weighted_median(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 5.0]))
    2.0
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    return float(values[order[np.searchsorted(reached, reached[-1] / 2)]])
