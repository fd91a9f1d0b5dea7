"""How far apart in time the actions of different accounts on one object are."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordnet.disk import SLICE, release
from coordnet.inference.statistics import CLASSES, popularity_class
from coordnet.kernels import windows as window_kernels
from coordnet.log.account_order import rows_of, stretches
from coordnet.times import DAY, HOUR, MINUTE, SECOND

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

# Windows that people write, in microseconds
RUNGS = (
    *(n * SECOND // 10 for n in (1, 2, 5)),
    *(n * SECOND for n in (1, 2, 5, 10, 20, 30)),
    *(n * MINUTE for n in (1, 2, 5, 10, 20, 30)),
    *(n * HOUR for n in (1, 2, 3, 6, 12)),
    *(n * DAY for n in (1, 2, 4, 7, 14, 28)),
)


def ladder(resolution: int, span: int) -> Counts:
    """Return the windows from the clock of a log to its span, one or more: int64, microseconds.

    >>> ladder(60_000_000, 3_600_000_000) // 60_000_000
    array([ 1,  2,  5, 10, 20, 30, 60])
    """
    least = resolution if resolution > 1 else RUNGS[0]
    rungs = [rung for rung in RUNGS if least <= rung <= span]
    return np.array(rungs or [max(least, 1)], np.int64)


class Acted(NamedTuple):
    """Actions sorted by (object, time), and again by (object, account, time)."""

    object: NDArray[np.int32]
    time: Counts
    run: NDArray[np.int32]  # numbers the (object, account) runs of the second order
    run_object: NDArray[np.int32]  # the object of each run
    run_time: Counts  # the times in the second order


def acted(account: NDArray[np.int32], object_: NDArray[np.int32], time: Counts) -> Acted:
    """Put actions in both orders.

    Parameters
    ----------
    account, object_, time
        (n,), sorted by object and time.
    """
    order = np.lexsort((account, object_))  # stable: times stay ascending
    account, of_run = account[order], object_[order]
    new = np.ones(len(order), bool)
    new[1:] = (of_run[1:] != of_run[:-1]) | (account[1:] != account[:-1])
    run = np.cumsum(new, dtype=np.int32) - 1
    return Acted(object_, time, run.astype(np.int32), of_run[new], time[order])


def pairs_within(acts: Acted, edges: Counts, group: NDArray[np.int64], groups: int) -> Floats:
    """Count the pairs of actions of different accounts on one object, up to each gap.

    Parameters
    ----------
    acts
        From :func:`acted`.
    edges
        int64 (e,): gaps in microseconds, inclusive.
    group
        int64 (objects,): to which group of objects each one belongs.
    groups
        Number of groups.

    Returns
    -------
    float64 (groups, e + 1)
        The last column has all pairs, whatever the gap.
    """
    found = np.zeros((groups, len(edges) + 1))
    n = len(acts.time)
    if not n:
        return found
    repeats = len(acts.run_object) < n  # somebody acts on an object twice
    of_act, of_run = group[acts.object], group[acts.run_object][acts.run]

    def summed(of: NDArray[np.int64], high: NDArray[np.int32]) -> Floats:
        """Add up how many actions follow each inside its window, by group."""
        if groups == 1:
            return np.array([(high - place - 1).sum()], np.float64)
        return np.bincount(of, high - place - 1.0, groups).astype(np.float64)

    place = np.arange(n)
    span = int(acts.time.max() - acts.time.min())
    for k, edge in enumerate([*edges.tolist(), span]):
        window = np.full(len(group), edge, np.int64)
        _, high = window_kernels.window_bounds(acts.object, acts.time, window)
        found[:, k] = summed(of_act, high)
        if repeats:  # pairs of one account are none
            window = np.full(len(acts.run_object), edge, np.int64)
            _, high = window_kernels.window_bounds(acts.run, acts.run_time, window)
            found[:, k] -= summed(of_run, high)
    return found


class Actions(NamedTuple):
    """Actions of all accounts, sorted by object and time."""

    account: NDArray[np.int32]
    object: NDArray[np.int32]
    time: Counts
    starts: Counts  # where those of each object begin

    def part(self, at: Any, object_: NDArray[np.int32], chosen: NDArray[np.bool_]) -> Acted:
        """Return those of chosen accounts, bool (accounts,), at some positions or in a slice.

        `object_` numbers the objects of these.
        """
        own = chosen[self.account[at]]
        return acted(self.account[at][own], object_[own], self.time[at][own])


class GapShares(NamedTuple):
    """How far apart the actions of some accounts on one object are, by class of object."""

    edges: Counts  # (e,) microseconds
    actions: Actions  # of all accounts
    chosen: NDArray[np.bool_]  # of each account, whether it is looked at
    classes: NDArray[np.int64]  # of each object, by the accounts of all of the log on it
    within: Floats  # (classes, e + 1): pairs of actions up to each edge, and all


def gap_shares(
    actions: Actions, kinds: NDArray[np.int32], chosen: NDArray[np.bool_], edges: Counts
) -> GapShares:
    """Count how far apart the actions of chosen accounts are.

    Parameters
    ----------
    actions
        Of all accounts.
    kinds
        int32 (objects,): the kind of each object.
    chosen
        bool (accounts,): the accounts that are looked at.
    edges
        int64 (e,): gaps in microseconds.
    """
    n = CLASSES * (int(kinds.max(initial=0)) + 1)
    classes = np.zeros(len(kinds), np.int64)
    within = np.zeros((n, len(edges) + 1))
    for first, last in stretches(actions.starts, SLICE):
        here = slice(int(actions.starts[first]), int(actions.starts[last]))
        object_ = actions.object[here] - np.int32(first)
        everybody = actions.part(here, object_, np.ones(len(chosen), bool))
        n_accounts = np.bincount(everybody.run_object, minlength=last - first)
        some, own = n_accounts > 0, classes[first:last]
        own[some] = popularity_class(n_accounts.astype(np.int32)[some], kinds[first:last][some])
        within += pairs_within(actions.part(here, object_, chosen), edges, own, n)
        release(*actions[:3])
    return GapShares(edges, actions, chosen, classes, within)


class GapsBetween(NamedTuple):
    """How far apart members of clusters are on what they share, and others there.

    Attributes
    ----------
    edges : int64 (e,)
        Gaps in microseconds.
    observed : float64 (clusters, e + 1)
        Pairs of actions of two members on one object up to each edge, and all.
    indptr : int64 (clusters + 1,)
        The objects that two members of cluster i share are ``indptr[i]`` to ``indptr[i + 1] - 1``.
    pairs : float64
        Of each of them the pairs of members' actions.
    place : int64
        Of each of them its row in the next two.
    outside : float64 (objects, e + 1)
        Pairs of others on each object up to each edge, and all.
    share : float64 (objects, e + 1)
        The share of these over all objects of its class; where nobody else shares one, over all
        objects.
    """

    edges: Counts
    observed: Floats
    indptr: Counts
    pairs: Floats
    place: Counts
    outside: Floats
    share: Floats


def gaps_between(
    others: GapShares,
    indptr: Counts,
    account: NDArray[np.int32],
    object_: NDArray[np.int32],
    unit: NDArray[np.int32],
    time: Counts,
) -> GapsBetween:
    """Count the gaps between members of all clusters at once.

    Parameters
    ----------
    others
        How far apart those are that are in no cluster.
    indptr
        Where the actions of each cluster begin.
    account, object_, unit, time
        The actions of members, cluster by cluster, sorted by object and time; `unit` numbers the
        (cluster, object) runs.
    """
    edges, n = others.edges, len(indptr) - 1
    units = int(unit[-1]) + 1 if len(unit) else 0
    cluster = np.repeat(np.arange(n), np.diff(indptr))
    first = np.searchsorted(unit, np.arange(units))
    acts = acted(account, unit, time)
    observed = pairs_within(acts, edges, cluster[first], n)
    pairs = pairs_within(acts, np.zeros(0, np.int64), np.arange(units), units)[:, -1]
    shared = np.flatnonzero(pairs)
    objects, place = np.unique(object_[first[shared]], return_inverse=True)
    outside = _pairs_on(others, objects)
    total, of_class = others.within.sum(axis=0), others.within[others.classes[objects]]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(of_class[:, -1:] > 0, of_class / of_class[:, -1:], total[None] / total[-1])
    starts = np.searchsorted(cluster[first[shared]], np.arange(n + 1))
    return GapsBetween(edges, observed, starts, pairs[shared], place, outside, share)


def _pairs_on(others: GapShares, objects: NDArray[np.int32]) -> Floats:
    """Return the pairs of actions on each of some objects up to each gap; `objects` ascends."""
    starts, edges = others.actions.starts, others.edges
    first = starts[objects]
    ends = np.append(0, np.cumsum(starts[objects + 1] - first))
    found = np.zeros((len(objects), len(edges) + 1))
    for a, b in stretches(ends, SLICE):
        at = rows_of(first, ends, slice(int(ends[a]), int(ends[b])))
        place = np.repeat(np.arange(b - a, dtype=np.int32), np.diff(ends[a : b + 1]))
        acts = others.actions.part(at, place, others.chosen)
        found[a:b] = pairs_within(acts, edges, np.arange(b - a), b - a)
    return found
