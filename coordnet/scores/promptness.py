"""Promptness: how much of the synchrony the members' own delays since publication explain.

Fans of one fast outlet, notification users and accounts that share automatically are close to each
other in time because each of them is close to the publication. Members who follow a signal are
close to each other whatever the time since publication is.

Let d be a member's delay since an object was opened, in its first action there, on the objects that
several members share and that were opened by an outsider before any member acted. Each member's
delays are permuted over its own objects. Afterwards two members on one object meet only as often
as their own habits make them. Of the pairs (two members on one object) after the permutation, those
count whose two delays come from different objects: a pair whose delays both come from one object is
as close as it was, and with K objects that alone would explain 1 / K of any synchrony. With W the
window,

    explained = P(|d_u - d_v| <= W, of pairs with delays of different objects)
                / P(|d_u - d_v| <= W, of pairs as they are),   at most 1

It is counted at the window and at a quarter of it, and the smaller share counts: who follows a
signal soon after publication is prompt, too, but closer to the others than that explains.

Objects that members open themselves say nothing, as it is not known when they were published. There
are two exceptions. A member that opens most of what members open, more often than luck gives, is
taken for the source that the others share from, and its own actions are left out. And post ids of X
hold the time of publication (:func:`published`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import special

from coordnet.disk import SLICE
from coordnet.frames import frozen
from coordnet.kernels import windows as window_kernels
from coordnet.log.actions import ActionLog
from coordnet.times import DAY, MINUTE, SECOND

if TYPE_CHECKING:
    from coordnet.scores.view import View

LEAST_SHARING = 3  # members on an object that can be used
SHARE_SHARING = 0.1  # and no fewer than this share of the members
LEAST_USABLE = 6  # with fewer objects, two or three of them decide
LEAST_PAIRS = 30  # and so do few pairs of members on them
LEAST_COVERED = 0.1  # of the joint actions; what explains less says nothing of the cluster
UNKNOWN = np.iinfo(np.int64).min
LUCK = 0.001  # a chance up to which a member does not open so many objects by luck
CLOSER = 4  # the synchrony is also looked at inside this part of the window
ROUNDS = 20  # permutations
FAST = 5 * MINUTE  # a delay up to which a member is prompt
SNOWFLAKE_START = 1_288_834_974_657  # milliseconds; X counts the times in its ids from here
SNOWFLAKE = r"^[1-9][0-9]{16,18}$"


@dataclass(frozen=True, eq=False)
class Promptness:
    """What members' own delays explain, of each cluster: arrays (clusters,).

    Attributes
    ----------
    explained : float64
        Share of the synchrony on the usable objects, 0 to 1; NaN where they are too few to tell.
    objects : int64
        Usable objects.
    fast : float64
        Share of the members' first actions on them that come within five minutes, of those inside
        the window of another member's.
    covered : float64
        Share of the members' joint actions that is on them, of those on objects that enough members
        share.
    """

    explained: NDArray[np.float64]
    objects: NDArray[np.int64]
    fast: NDArray[np.float64]
    covered: NDArray[np.float64]


class FirstActs(NamedTuple):
    """The first action of each member on each object, sorted by (unit, time).

    A unit is an object as the members of one cluster share it.
    """

    account: NDArray[np.int32]
    unit: NDArray[np.int32]
    delay: NDArray[np.int64]  # since the object was published or opened, in microseconds
    cluster: NDArray[np.int64]  # of each unit
    object: NDArray[np.int32]  # of each unit
    opener: NDArray[np.int32]  # of each unit: who acted on it first, -1 where no source is known
    shared: NDArray[np.bool_]  # of each unit: whether enough members share it
    usable: NDArray[np.bool_]  # of each unit: and it is known since when they could act
    joiners: NDArray[np.float64]  # of each unit: members that join the first inside one window


def first_acts(view: View) -> FirstActs:
    """Return the members' first actions on what they share, and which objects can be used.

    Parameters
    ----------
    view
        The clusters, of a relation on objects.
    """
    acts, starts = view.acts, view.graph_log.by_object[:-1]
    _, at = np.unique(acts.unit.astype(np.int64) << 32 | acts.account, return_index=True)
    at.sort()  # by unit and time again
    account, unit = acts.account[at], acts.unit[at]
    object_ = _first_of_each(unit, acts.object[at])
    cluster = _first_of_each(unit, np.asarray(np.searchsorted(acts.indptr, at, side="right")) - 1)
    position = starts[object_]
    opener = view.graph_log.account[position]
    delay = acts.time[at] - view.graph_log.time[position][unit]

    begins = np.flatnonzero(np.diff(unit, prepend=-1))
    first = delay[begins]
    several = np.bincount(unit) > 1
    alone = ~several  # whether one member was there before all others
    alone[several] = delay[begins[several] + 1] > first[several]
    by_member = (first == 0) & alone & (account[begins] == opener)
    source = _sources(view, cluster, opener, by_member & _shared(view, unit, cluster))

    kept = account != source[cluster][unit]
    account, unit, delay = account[kept], unit[kept], delay[kept]
    shared = _shared(view, unit, cluster)
    sourced = shared & ((first > 0) | (by_member & (opener == source[cluster])))
    time_of_post = published(view.graph_log, object_)
    known = time_of_post != UNKNOWN
    opened = view.graph_log.time[position]
    delay = delay + (opened - np.where(known, time_of_post, opened))[unit]
    usable = sourced | (shared & known)
    return FirstActs(
        account, unit, delay, cluster, object_, np.where(sourced, opener, np.int32(-1)),
        shared, usable,
        _joiners(unit, delay, view.trace.window[object_]),
    )  # fmt: skip


def published(log: ActionLog, objects: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return when objects were published, in microseconds, `UNKNOWN` where that is not known.

    Post ids of X hold the millisecond: (id >> 22) + 1,288,834,974,657. The objects of a kind are
    taken for such ids where nine of ten look like it, the times that they give are before the first
    action on 99 of 100, and no more than a day before it on half of them. Ids that are something
    else do not pass.
    """
    found = np.full(len(objects), UNKNOWN)
    starts = np.searchsorted(log.object_kind, np.arange(len(log.kinds) + 1))  # objects are by kind
    for first, last in pairwise(starts.tolist()):
        own = np.flatnonzero((objects >= first) & (objects < last))
        if not len(own):
            continue
        acted_on, leads = 0, [np.zeros(0, np.int64)]
        for begin in range(first, last, SLICE):
            here = np.arange(begin, min(begin + SLICE, last))
            here = here[log.by_object[here] < log.by_object[here + 1]]
            acted_on += len(here)
            time, alike = _told_by_id(log, here)
            leads.append((log.time[log.by_object[here]] - time)[alike])
        lead = np.concatenate(leads)
        if not len(lead) or len(lead) < 0.9 * acted_on:
            continue
        if (lead > -SECOND).mean() >= 0.99 and np.median(lead) <= DAY:
            time, alike = _told_by_id(log, objects[own])
            opened = log.time[log.by_object[objects[own]]]
            sound = alike & (opened - time > -SECOND)
            found[own[sound]] = np.minimum(time, opened)[sound]
    return found


def _told_by_id(
    log: ActionLog, objects: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the times that the labels of objects hold, were they ids of X, and which look so."""
    labels = log.object_labels.take(pa.array(objects))
    alike = pc.match_substring_regex(labels, SNOWFLAKE)
    ids = pc.if_else(alike, labels, pa.scalar("0", labels.type)).cast(pa.int64())
    time = ((ids.to_numpy() >> 22) + SNOWFLAKE_START) * 1_000
    return time, alike.to_numpy(zero_copy_only=False)


def promptness(view: View, acts: FirstActs, units: NDArray[np.bool_] | None = None) -> Promptness:
    """Return how much of the synchrony the members' own delays explain, for each cluster.

    Parameters
    ----------
    view
        The clusters.
    acts
        From :func:`first_acts`.
    units
        Marks the objects to look at, such as those of one source; all of them unless given.
    """
    k = len(view.clusters)
    whole = np.ones(len(acts.usable), bool) if units is None else units
    usable = acts.usable & whole
    shared = acts.shared & whole
    own = usable[acts.unit]
    unit, delay = acts.unit[own].astype(np.int64), acts.delay[own]
    window = view.trace.window[acts.object]
    met = _Pairs(acts.cluster, k, (window, window // CLOSER))
    every, together = met.possible(unit), met.close(unit, delay)
    moved, moved_together = np.zeros(k), np.zeros_like(together)
    rng = np.random.default_rng(view.inputs.seed)
    member = acts.cluster[unit] << 32 | acts.account[own]
    slots = np.argsort(member, kind="stable")
    delays, origins = np.empty_like(delay), np.empty_like(unit)
    for _ in range(ROUNDS):
        drawn = np.lexsort((rng.random(len(unit)), member))
        delays[slots], origins[slots] = delay[drawn], unit[drawn]
        order = np.lexsort((delays, unit))
        moved += every
        moved_together += met.close(unit[order], delays[order])
        order = np.lexsort((delays, origins, unit))  # pairs that moved together are as they were
        moved -= met.possible(unit[order], origins[order])
        moved_together -= met.close(unit[order], delays[order], origins[order])

    low, high = window_kernels.window_bounds(frozen(unit.astype(np.int32)), frozen(delay), window)
    joint = high - low > 1
    of_act = acts.cluster[unit]
    objects = np.bincount(acts.cluster[usable], minlength=k)
    with np.errstate(divide="ignore", invalid="ignore"):
        joiners = [_sums(acts.cluster, acts.joiners * of, k) for of in (usable, shared)]
        covered = joiners[0] / joiners[1]
        fast = _sums(of_act, joint & (delay <= FAST), k) / _sums(of_act, joint, k)
        share = (moved_together / moved) / (together / every)
    share[together < LEAST_PAIRS] = np.nan
    explained = np.fmin(np.fmin(share[0], share[1]), 1.0)
    tells = ~np.isnan(share[0]) & (objects >= LEAST_USABLE) & (covered >= LEAST_COVERED)
    return Promptness(np.where(tells, explained, np.nan), objects, fast, covered)


class _Pairs(NamedTuple):
    """Counts pairs of members on one object, by cluster."""

    cluster: NDArray[np.int64]  # of each unit
    clusters: int
    windows: tuple[NDArray[np.int64], ...]  # of each unit

    def possible(self, *codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the number of pairs in runs of equal codes, of which the first is the unit."""
        run, first = self._runs(codes)
        size = np.bincount(run, minlength=len(first))
        return _sums(self.cluster[first], size * (size - 1) / 2, self.clusters)

    def close(
        self, unit: NDArray[np.int64], delay: NDArray[np.int64], *codes: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return how many of these pairs are inside each window: (windows, clusters)."""
        run, first = self._runs((unit, *codes))
        of_run = self.cluster[first]
        found = np.empty((len(self.windows), self.clusters))
        for row, window in zip(found, self.windows, strict=True):
            _, high = window_kernels.window_bounds(
                frozen(run.astype(np.int32)), frozen(delay), window[first]
            )
            row[:] = _sums(of_run[run], high - np.arange(len(run)) - 1.0, self.clusters)
        return found

    def _runs(self, codes: tuple[NDArray[np.int64], ...]) -> tuple[NDArray[np.int64], Any]:
        """Return the run of equal codes that each place is in, and the unit of each run."""
        new = np.zeros(len(codes[0]), np.int64)
        new[:1] = 1
        for code in codes:
            new[1:] |= code[1:] != code[:-1]
        return np.cumsum(new) - 1, codes[0][new > 0]


def _shared(view: View, unit: NDArray[np.int32], cluster: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the units that enough members share."""
    least = np.maximum(LEAST_SHARING, SHARE_SHARING * view.sizes)
    marks: NDArray[np.bool_] = np.bincount(unit, minlength=len(cluster)) >= least[cluster]
    return marks


def _sources(
    view: View,
    cluster: NDArray[np.int64],
    opener: NDArray[np.int32],
    opened: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Return the member of each cluster that the others share from, -1 where there is none.

    It opens at least half of the units that members open, and more than the luckiest of as many
    members would: the binomial tail at 1 / members, once for each member.
    """
    found = np.full(len(view.clusters), -1, np.int64)
    all_opened = np.bincount(cluster[opened], minlength=len(found))
    key, times = np.unique(cluster[opened] << 32 | opener[opened], return_counts=True)
    of, who = key >> 32, key & 0xFFFFFFFF
    members = view.sizes[of]
    by_luck = members * special.bdtrc(times - 1, all_opened[of], 1 / members)
    chosen = (2 * times > all_opened[of]) & (by_luck <= LUCK)
    found[of[chosen]] = who[chosen]
    return found


def _joiners(
    unit: NDArray[np.int32], delay: NDArray[np.int64], window: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return how many members join the first of them inside the densest window of each unit."""
    _, high = window_kernels.window_bounds(frozen(unit), frozen(delay), window)
    most = np.ones(len(window))
    np.maximum.at(most, unit, high - np.arange(len(unit)))
    return most - 1


def _first_of_each(run: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    """Return the first value of each run; runs are numbered 0, 1, 2 ... and none is empty."""
    new = np.ones(len(run), bool)
    new[1:] = run[1:] != run[:-1]
    return values[new]


def _sums(cluster: NDArray[np.int64], values: NDArray[Any], k: int) -> NDArray[np.float64]:
    """Add up the values of units of each cluster."""
    return np.bincount(cluster, values.astype(np.float64), minlength=k).astype(np.float64)
