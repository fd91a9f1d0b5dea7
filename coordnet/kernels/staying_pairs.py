r"""Compiled loops of the group search: pairs that nobody joins, told before who might is tested.

Most sets that are grown from a pair stay that pair. A set {u, v, x} is tested exactly only where
it could have more evidence than {u, v}, which grows by the fall of log p_C less that of its price,

    log p_C(u, v) - log p_C(u, v, x) - log 3 + log (w(u, v, x) / w(u, v))

Here p_C(u, v, x) is bounded from below. On each object on which two of the three act, as many are
taken to be inside one window as may be, whatever number makes B least. Round times are left out,
which only raise B, and so are occasions: min(1, K min B) of K objects is not below the product of
their B. The moments of outsiders are taken to be what they would be were all outsiders far apart
from each other (:func:`coordnet.kernels.groups.mixed_moment` of nothing). The objects and what each
could be worth are those of the test, so that Fisher's combination of these bounds is a bound.

The ratio of weights is, with q_ab the chance that from a the next account drawn is b,

    (q_ux + q_vx) / 2 + ((q_ux + q_xu) (q_uv + q_xv) + (q_vx + q_xv) (q_vu + q_xu))
        / (2 (q_uv + q_vu))

It is bounded from above: what an account shares with all others is counted only as far as it takes
to tell.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from coordnet.kernels.arrays import first_from
from coordnet.kernels.candidates import TRIED, best_candidates, visited
from coordnet.kernels.compiling import inlined, inner, kernel
from coordnet.kernels.groups import (
    combine,
    log_bound,
    log_fisher,
    mixed_moment,
    object_evidence,
)
from coordnet.kernels.set_weights import (
    BY_INTEREST,
    shared_at_least,
)

SLACK = 1e-6  # what rounding may put a bound on the wrong side by, and far more


@inner
def least_log_p(known: Any, bound: Any, reach: Any, objects: int) -> float:
    """Return what :func:`coordnet.kernels.groups.combine` gives at least, whatever the occasions.

    Parameters
    ----------
    known : from :func:`coordnet.kernels.groups.log_factorials`
    bound, reach : float64, log B of each object and what it could be worth
    objects : how many
    """
    furthest = 0.0
    for k in range(objects):
        furthest = max(furthest, reach[k])
    log_p = 0.0
    for third in range(3):
        bar = furthest * third / 3.0
        tests = 0
        statistic = 0.0
        for k in range(objects):
            if reach[k] >= bar:
                tests += 1
                statistic -= bound[k]
        log_p = min(log_p, log_fisher(known, statistic, tests))
    return min(0.0, log_p + math.log(3.0))


@inlined
def _pairs(common: int) -> float:
    return common * (common - 1) / 2.0


@inlined
def _most_likely(shared: float, n: int, common: int) -> float:
    """Return at most what :func:`coordnet.kernels.set_weights.step_chance` is of `shared` or more.

    Who is known to share anything is drawn by common interests; else like anybody, perhaps.
    """
    pairs = _pairs(common)
    if pairs == 0.0:
        return (1.0 - BY_INTEREST) / n if shared > 0.0 else 1.0 / n
    return BY_INTEREST * pairs / max(shared, pairs) + (1.0 - BY_INTEREST) / n


@inlined
def weight_ratio(
    least: float, to_v: float, to_u: float, u_to_x: float, v_to_x: float, x_to_u: float,
    x_to_v: float,
) -> float:  # fmt: skip
    """Return w(u, v, x) / w(u, v) of chances q; with `least` for q_uv + q_vu."""
    through = (u_to_x + x_to_u) * (to_v + x_to_v) + (v_to_x + x_to_v) * (to_u + x_to_u)
    return (u_to_x + v_to_x) / 2.0 + through / (2.0 * least)


@inlined
def _enough(
    least: float, to_v: float, to_u: float, u_to_x: float, v_to_x: float, by_u: float, by_v: float,
    anybody: float, most_ratio: float,
) -> float:  # fmt: skip
    """Return how much x has to share for a ratio of weights of `most_ratio`: 0 where none helps.

    With z for 1 / what x shares, q_xu is by_u z + anybody and q_xv by_v z + anybody, so that the
    ratio is a z ** 2 + b z + c.
    """
    a = by_u * by_v / least
    b = (
        (u_to_x + anybody) * by_v + by_u * (to_v + anybody)
        + (v_to_x + anybody) * by_u + by_v * (to_u + anybody)
    ) / (2.0 * least)  # fmt: skip
    c = weight_ratio(least, to_v, to_u, u_to_x, v_to_x, anybody, anybody)
    left = most_ratio - c
    if left <= 0.0 or b <= 0.0:
        return 0.0
    return (b + math.sqrt(b * b + 4.0 * a * left)) / (2.0 * left) * (1.0 + 1e-9)


@inner
def is_dear(
    interests: Any, u: int, v: int, x: int, common: int, with_u: int, with_v: int,
    most_ratio: float, count: Any,
) -> bool:  # fmt: skip
    """Return whether w(u, v, x) / w(u, v) is surely below `most_ratio`.

    Parameters
    ----------
    interests : Interests
    u, v, x : the accounts
    common, with_u, with_v : the objects that u and v, x and u, and x and v both act on
    most_ratio : what the ratio is compared with
    count : int32 (accounts,), scratch, zeros on entry and on return
    """
    n = interests.n
    shared, at_least = interests.shared, interests.least
    anybody = (1.0 - BY_INTEREST) / n
    to_v = anybody  # at least
    to_u = anybody
    of_u = max(shared[u], at_least[u], _pairs(with_u), _pairs(common))
    of_v = max(shared[v], at_least[v], _pairs(with_v), _pairs(common))
    of_x = max(shared[x], at_least[x], _pairs(with_u) + _pairs(with_v))
    for turn in range(3):
        if turn > 0:
            # were all chances by interest d, the ratio would be d + 2 d ** 2 / (q_uv + q_vu)
            even = math.sqrt(most_ratio * (to_v + to_u)) / 2.0
            enough = BY_INTEREST * max(_pairs(with_u), _pairs(with_v), 1.0) / even
            if turn == 2 or common > 1:
                enough = np.inf
            of_u = max(of_u, shared_at_least(interests, u, enough, count))
            of_v = max(of_v, shared_at_least(interests, v, enough, count))
            if common > 1:
                to_v = (anybody + BY_INTEREST * _pairs(common) / of_u) * (1.0 - 1e-12)
                to_u = (anybody + BY_INTEREST * _pairs(common) / of_v) * (1.0 - 1e-12)
        most_to_v = _most_likely(of_u, n, common)
        most_to_u = _most_likely(of_v, n, common)
        u_to_x = _most_likely(of_u, n, with_u)
        v_to_x = _most_likely(of_v, n, with_v)
        if turn > 0:
            enough = _enough(
                to_v + to_u, most_to_v, most_to_u, u_to_x, v_to_x, BY_INTEREST * _pairs(with_u),
                BY_INTEREST * _pairs(with_v), anybody, most_ratio,
            )  # fmt: skip
            of_x = max(of_x, shared_at_least(interests, x, enough, count))
        x_to_u = _most_likely(of_x, n, with_u)
        x_to_v = _most_likely(of_x, n, with_v)
        if most_ratio > weight_ratio(
            to_v + to_u, most_to_v, most_to_u, u_to_x, v_to_x, x_to_u, x_to_v
        ):
            return True
    return False


class Pair(NamedTuple):
    """What two accounts did on each object that either acts on, in the order of Visited."""

    whose: Any  # int8 (visited,), 1 of the first account, 2 of the second, 3 of both
    most: Any  # int64 (visited,), of both at once
    by_class: Any  # float64 (visited,), log B by the chances of the class, 0 where one acts alone
    by_outsiders: Any  # float64 (visited,), by those of outsiders
    worth: Any  # float64 (visited,), what the object could be worth


@inner
def actions_of_both(scene: Any, u: int, v: int) -> Any:
    """Return the positions of the actions of two accounts, ascending, and their objects."""
    indptr, positions, held = scene.indptr, scene.positions, scene.held
    i = indptr[u]
    i_end = indptr[u + 1]
    j = indptr[v]
    j_end = indptr[v + 1]
    n = i_end - i + j_end - j
    actions = np.empty(n, np.int32)
    acted_on = np.empty(n, np.int32)
    for k in range(n):
        if j == j_end or (i < i_end and positions[i] < positions[j]):
            actions[k] = positions[i]
            acted_on[k] = held[i]
            i += 1
        else:
            actions[k] = positions[j]
            acted_on[k] = held[j]
            j += 1
    return actions, acted_on


@inner
def what_both_did(scene: Any, actions: Any, there: Any, u: int, in_set: Any, seen: Any) -> Any:
    """Return what two accounts did, and log p_C of them by each of both chances.

    Parameters
    ----------
    scene : Scene
    actions : int32, positions of the actions of both, ascending
    there : Visited, their objects
    u : the first account
    in_set : uint8 (accounts,), 1 for both
    seen : int32 (accounts,), scratch, zeros on entry and on return
    """
    account, ends, rows = scene.account, there.ends, there.row
    size = len(there.objects)
    whose = np.empty(size, np.int8)
    most = np.ones(size, np.int64)
    by_class = np.zeros(size)
    by_outsiders = np.zeros(size)
    worth = np.zeros(size)
    bound = np.empty((2, size))  # of the objects of both
    reach = np.empty(size)
    when = np.empty(size, np.int64)
    joint = 0
    for a in range(size):
        whose[a] = 1 if account[actions[ends[a]]] == u else 2
        if ends[a + 1] - ends[a] < 2:
            continue
        for turn in range(2):
            members, most[a], moment, by_outsiders[a], worth[a] = object_evidence(
                scene, actions, ends[a], ends[a + 1], in_set, seen, np.bool_(turn == 0)
            )
            if turn == 0:
                by_class[a] = by_outsiders[a]
            if members < 2 or rows[a] >= 0:  # there both chances are the same
                break
        if members == 2:
            whose[a] = 3
            bound[0, joint] = by_class[a]
            bound[1, joint] = by_outsiders[a]
            reach[joint] = worth[a]
            when[joint] = moment
            joint += 1
    when = when[:joint]
    reach = reach[:joint]
    known, rule = scene.log_factorials, scene.rule
    log_p, _ = combine(known, when, bound[0, :joint], reach, rule)
    log_p_outside, _ = combine(known, when, bound[1, :joint], reach, rule)
    return Pair(whose, most, by_class, by_outsiders, worth), log_p, log_p_outside


@inner
def bounds_with(
    scene: Any, there: Any, pair: Any, x: int, kept: Any, bound: Any, reach: Any
) -> Any:
    """Write bounds of what a pair and one more account did, none above what the test makes of it.

    Parameters
    ----------
    scene : Scene
    there : Visited, the objects of the pair
    pair : Pair
    x : the account
    kept : int64 (objects + 1,), those of Interests
    bound : float64 (2, visited), written: log B by the chances of classes, and by those of
        outsiders at least, of each object on which two of the three act
    reach : float64 (visited,), written: what it could be worth

    Returns
    -------
    objects : how many
    with_u, with_v : on how many of the kept objects x and the first account act, and the second

    Cost: the actions of all three.
    """
    held, positions, time = scene.held, scene.positions, scene.time
    n_accounts, known = scene.n_accounts, scene.log_factorials
    class_moments, big_moments = scene.class_moments, scene.big_moments
    objects, ends, times, windows = there.objects, there.ends, there.times, there.window
    rows, of_class = there.row, there.of_class
    whose, most, by_class, by_outsiders = pair.whose, pair.most, pair.by_class, pair.by_outsiders
    worth = pair.worth
    k = scene.indptr[x]
    k_end = scene.indptr[x + 1]
    far = k_end - k > 16 * len(objects)
    with_u = 0
    with_v = 0
    found = 0
    for a in range(len(objects)):
        o = objects[a]
        if far:
            k = first_from(held, k, k_end, o)
        else:
            while k < k_end and held[k] < o:
                k += 1
        if k == k_end or held[k] != o:
            if whose[a] == 3:
                bound[0, found] = by_class[a]
                bound[1, found] = by_outsiders[a]
                reach[found] = worth[a]
                found += 1
            continue
        i = ends[a]
        end = ends[a + 1]
        acts = end - i
        near = False  # whether x acts within the window of one of the two
        while k < k_end and held[k] == o:
            at = time[positions[k]]
            while i < end and times[i] < at - windows[a]:
                i += 1
            near = near or (i < end and times[i] <= at + windows[a])
            acts += 1
            k += 1
        if kept[o + 1] > kept[o]:
            with_u += whose[a] & 1
            with_v += whose[a] >> 1
        row = rows[a]
        c = of_class[a]
        members = 3 if whose[a] == 3 else 2
        moment = big_moments[row, members - 1] if row >= 0 else class_moments[c, members - 1]
        reach[found] = -log_bound(known, acts, members, moment)
        least = 0.0
        least_outside = 0.0
        for m in range(max(2, most[a]), most[a] + (2 if near else 1)):
            moment = big_moments[row, m - 1] if row >= 0 else class_moments[c, m - 1]
            least = min(least, log_bound(known, acts, m, moment))
            outsiders = n_accounts[o] - members
            if row < 0 and outsiders > 1:
                moment = mixed_moment(0.0, outsiders, moment, m - 1)
            least_outside = min(least_outside, log_bound(known, acts, m, moment))
        bound[0, found] = least
        bound[1, found] = least_outside
        found += 1
    return found, with_u, with_v


@kernel
def stays(
    scene: Any, interests: Any, u: int, v: int, in_set: Any, seen: Any, stamp: Any, score: Any,
    touched: Any,
) -> Any:  # fmt: skip
    """Return whether :func:`coordnet.kernels.growing.grow` surely adds nobody to a pair.

    Parameters
    ----------
    scene, in_set, seen, stamp, score, touched : as there
    interests : Interests
    u, v : two accounts

    Returns
    -------
    stays : False where somebody might join
    log_p : log of p_C of the pair, by the chances of outsiders

    Cost: who acts within the window of either account, and the actions of the best TRIED of these.
    """
    kept = interests.object_starts
    actions, acted_on = actions_of_both(scene, u, v)
    there = visited(scene, actions, acted_on, len(actions))
    in_set[u] = 1
    in_set[v] = 1
    pair, alone, alone_outside = what_both_did(scene, actions, there, u, in_set, seen)
    best = np.empty(TRIED, np.int32)
    gains = np.empty(TRIED)
    best_candidates(scene, actions, there, in_set, seen, stamp, score, touched, best, gains)
    in_set[u] = 0
    in_set[v] = 0
    objects, whose = there.objects, pair.whose
    common = 0
    for a in range(len(objects)):
        if whose[a] == 3:
            common += kept[objects[a] + 1] > kept[objects[a]]
    bound = np.empty((2, len(objects)))
    reach = np.empty(len(objects))
    for t in range(TRIED):
        x = np.int64(best[t])
        if x < 0:
            break
        found, with_u, with_v = bounds_with(scene, there, pair, x, kept, bound, reach)
        known = scene.log_factorials
        gain = alone - least_log_p(known, bound[0], reach, found)
        gain = max(gain, alone_outside - least_log_p(known, bound[1], reach, found))
        most_ratio = math.exp(math.log(3.0) - max(gain, -50.0) - SLACK)
        if most_ratio < 1e-200 or not is_dear(
            interests, u, v, x, common, with_u, with_v, most_ratio, seen
        ):
            return False, alone_outside
    return True, alone_outside
