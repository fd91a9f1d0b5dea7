"""Compiled loops of the group test: what a set of accounts did together, and who else fits.

The definitions are in :mod:`coordnet.inference.group_test`. Moments are of G, the chance that
another account acts within the window after a given action: ``moments[j]`` is E[G^j].
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from coordnet.kernels.arrays import first_from, sort_in_place, stable_order
from coordnet.kernels.compiling import inlined, inner, kernel
from coordnet.kernels.occasions import OccasionRule, begins_occasion
from coordnet.kernels.set_weights import (
    log_weight,
)

LOG10 = math.log(10.0)
PRIOR_PAIRS = 20.0  # what the class of an object weighs against the pairs of outsiders on it
PRIOR_ACCOUNTS = (1.0 + math.sqrt(1.0 + 8.0 * PRIOR_PAIRS)) / 2.0  # as many accounts as make them
BIG = 512  # accounts on an object from which its moments are computed once, members included
MOST = 64  # moments used; more members at once are counted as this many
FEW = 8  # moments that most sets need, and that are counted first
ABREAST = 16  # delays of which the powers are taken at once


class Scene(NamedTuple):
    """A log and its chances, as the group kernels read them."""

    account: Any  # int32 (n,)
    object: Any  # int32 (n,)
    time: Any  # int64 (n,)
    starts: Any  # int64 (objects + 1,)
    indptr: Any  # int64 (accounts + 1,)
    positions: Any  # int32 (n,)
    held: Any  # int32 (n,), the object of each of `positions`
    repeats: Any  # int32 (n,), m_uo
    n_accounts: Any  # int32 (objects,), n_o
    class_of: Any  # int32 (objects,)
    class_moments: Any  # float64 (classes, MOST), or FEW of them for smaller sets
    big_row: Any  # int32 (objects,), -1 where the object is not big
    big_moments: Any  # float64 (big objects, as many)
    grain: Any  # int8 (n,), how round the time is: a position in round_factors
    round_factors: Any  # float64 (classes, grains), falling to 1 for times that are not round
    window: Any  # int64 (objects,)
    rule: OccasionRule
    population: int  # accounts that could be members
    background: Any  # uint8 (accounts,), 1 for those that set the pace; of length 0 where all do
    log_factorials: Any  # float64, log 0!, log 1!, ... as far as sums and bounds mostly need them


@kernel
def pooled_actions(
    objects: Any, begin: int, end: int, at: int, starts: Any, time: Any, account: Any, repeats: Any,
    sums: Any, delay: Any, first_weight: Any, first_account: Any, weight: Any, by: Any,
) -> None:  # fmt: skip
    """Write the actions of objects[begin:end]: what begins each of them, and what comes later.

    Parameters
    ----------
    objects : int32, objects with actions
    at : how many later actions the objects before them have
    starts, time, account, repeats : of the log, as in Scene
    sums : float64 (accounts,), to which the weight of each action is added, 1 / m_uo
    delay : int64 (later actions,), written: the time since the object's first action
    first_weight, first_account : float64, int32 (objects,), written: of what begins each object
    weight, by : float64, int32 (later actions,), written: of the others
    """
    for a in range(begin, end):
        start = starts[objects[a]]
        for p in range(start, starts[objects[a] + 1]):
            u = account[p]
            own = 1.0 / repeats[p]
            sums[u] += own
            if p == start:
                first_weight[a] = own
                first_account[a] = u
            else:
                delay[at] = time[p] - time[start]
                weight[at] = own
                by[at] = u
                at += 1


@kernel
def class_profiles(delay: Any, weights: Any, firsts: Any, window: int, most: int) -> Any:
    """Return the moments of G for the pooled delays of a class of objects, weighted in some ways.

    Parameters
    ----------
    delay : int64 (n,), sorted; of actions that are not their object's first, since it
    weights : float64 (ways, n)
    firsts : float64 (ways,), weight of the first actions, at delay 0
    window : the bound, inclusive
    most : how many moments

    Returns
    -------
    moments : float64 (ways, most), E[G^j]
    """
    ways, n = weights.shape
    moments = np.zeros((ways, most))
    powers = np.empty((most, ABREAST))
    paces = np.empty((ways, ABREAST))
    parts = np.empty((ways, ABREAST))
    held = 0
    total = np.zeros(ways)
    for way in range(ways):
        for i in range(n):
            total[way] += weights[way, i]
    inside = np.zeros(ways)  # weight of the delays after i, within the window
    high = 0
    for i in range(-1, n):  # -1 is a first action
        x = delay[i] if i >= 0 else np.int64(0)
        if i >= 0:
            high = max(high, i + 1)
        none = high <= i + 1
        begin = high
        while high < n and delay[high] - x <= window:
            high += 1
        for way in range(ways):
            weight = inside[way]
            if i >= 0:
                weight = max(weight - weights[way, i], 0.0)
            if none:
                weight = 0.0
            for k in range(begin, high):
                weight += weights[way, k]
            inside[way] = weight
            whole = total[way]
            paces[way, held] = min(weight / whole, 1.0) if whole > 0.0 else 0.0
            parts[way, held] = (weights[way, i] if i >= 0 else firsts[way]) / (whole + firsts[way])
        held += 1
        if held == ABREAST or i == n - 1:  # so many at once, for the processor's wide registers
            for way in range(ways):
                for lane in range(ABREAST):
                    if lane >= held:
                        paces[way, lane] = 0.0
                    powers[0, lane] = parts[way, lane] if lane < held else 0.0
                for j in range(1, most):
                    for lane in range(ABREAST):
                        power = powers[j - 1, lane] * paces[way, lane]
                        powers[j, lane] = power if power >= 1e-300 else 0.0
                for j in range(most):
                    moment = moments[way, j]
                    for lane in range(held):
                        moment += powers[j, lane]
                    moments[way, j] = moment
            held = 0
    return moments


@inlined
def sets_pace(background: Any, account: int, in_set: Any) -> bool:
    """Return whether an account is outside the set, and in the background where one is marked."""
    return in_set[account] == 0 and (len(background) == 0 or background[account] == 1)


@inner
def pacemakers(scene: Any, begin: int, end: int, in_set: Any) -> int:
    """Return how many accounts that set the pace act at the positions begin..end-1 of an object."""
    # by names of their own: taken from the scene in a loop, they would be counted in each turn
    account, repeats, background = scene.account, scene.repeats, scene.background
    total = 0.0
    for p in range(begin, end):
        if sets_pace(background, account[p], in_set):
            total += 1.0 / repeats[p]
    return int(total + 0.5)


@kernel
def object_moment(scene: Any, o: int, in_set: Any, outsiders: int, j: int) -> float:
    """Return E[G^j] on an object, from its accounts that are not in the set and from its class.

    Each action of the n outsiders has c others within the window after it, an account that acts m
    times weighing 1 / m each time; A = E[(c / (n - 1))^j]^(1/j), C = E[G^j]^(1/j) of the class.
    The norm of the mixture of both, n accounts to PRIOR_ACCOUNTS, is at most
    (n A + PRIOR_ACCOUNTS C) / (n + PRIOR_ACCOUNTS) (Minkowski's inequality); and so that few
    outsiders who happened to be apart do not make an object slower than its class, the class's
    own moment is mixed in as PRIOR_PAIRS pairs to theirs.

    Where a background is marked, only its accounts are outsiders.

    Parameters
    ----------
    scene : Scene
    o : the object
    in_set : uint8 (accounts,), 1 for members
    outsiders : number of accounts on the object that are not in the set
    j : 1 to MOST - 1
    """
    of_class = scene.class_moments[scene.class_of[o], j]
    begin = scene.starts[o]
    end = scene.starts[o + 1]
    if len(scene.background) > 0:
        outsiders = pacemakers(scene, begin, end, in_set)
    if outsiders < 2:
        return of_class
    account, time, repeats = scene.account, scene.time, scene.repeats
    background = scene.background
    window = scene.window[o]
    high = begin
    inside = 0.0  # weight of the outsiders' actions from p on, up to high
    total = 0.0
    for p in range(begin, end):
        if not sets_pace(background, account[p], in_set):
            continue
        own = 1.0 / repeats[p]
        if high <= p:
            high = p + 1
            inside = own
        while high < end and time[high] - time[p] <= window:
            if sets_pace(background, account[high], in_set):
                inside += 1.0 / repeats[high]
            high += 1
        inside -= own
        if inside > 1e-9:
            total += own * min(inside / (outsiders - 1.0), 1.0) ** j
    return mixed_moment(total, outsiders, of_class, j)


@inlined
def mixed_moment(total: float, outsiders: int, of_class: float, j: int) -> float:
    """Mix the j-th moment of an object's accounts, `total` over `outsiders`, and of its class."""
    mixed = (
        outsiders * (total / outsiders) ** (1.0 / j) + PRIOR_ACCOUNTS * of_class ** (1.0 / j)
    ) / (outsiders + PRIOR_ACCOUNTS)
    weight = PRIOR_PAIRS / (outsiders * (outsiders - 1) / 2.0 + PRIOR_PAIRS)
    return (1.0 - weight) * mixed**j + weight * of_class


@kernel
def big_object_moments(
    scene: Any, objects: Any, first: int, last: int, in_set: Any, out: Any
) -> None:
    """Compute the moments of the big objects first..last-1 from all their accounts.

    All of them in one pass over the actions of an object: what :func:`object_moment` gives for
    each, with nobody in the set.

    Parameters
    ----------
    scene : Scene
    objects : int64, which objects, of two or more accounts each
    first, last : which of them to do
    in_set : uint8 (accounts,), zeros
    out : float64 (len(objects), moments), written
    """
    most = out.shape[1]
    power = np.empty(most, np.float64)
    total = np.empty(most, np.float64)
    account, time, repeats = scene.account, scene.time, scene.repeats
    background = scene.background
    for i in range(first, last):
        o = objects[i]
        begin = scene.starts[o]
        end = scene.starts[o + 1]
        n = pacemakers(scene, begin, end, in_set)
        for r in range(most):
            out[i, r] = scene.class_moments[scene.class_of[o], r]
        if n < 2:
            continue
        window = scene.window[o]
        high = begin
        inside = 0.0
        total[:] = 0.0
        for p in range(begin, end):
            if not sets_pace(background, account[p], in_set):
                continue
            own = 1.0 / repeats[p]
            if high <= p:
                high = p + 1
                inside = own
            while high < end and time[high] - time[p] <= window:
                if sets_pace(background, account[high], in_set):
                    inside += 1.0 / repeats[high]
                high += 1
            inside -= own
            if inside > 1e-9:
                # the powers as repeated squaring gives them, which is how `**` takes them: each
                # is that without its highest bit times the square for that bit
                square = min(inside / (n - 1.0), 1.0)
                power[0] = 1.0
                bit = 1
                while bit < most:
                    for j in range(bit, min(2 * bit, most)):
                        power[j] = power[j - bit] * square
                    square *= square
                    bit *= 2
                for j in range(1, most):
                    total[j] += own * power[j]
        out[i, 0] = 1.0
        for j in range(1, most):
            of_class = scene.class_moments[scene.class_of[o], j]
            out[i, j] = mixed_moment(total[j], n, of_class, j)


@kernel
def gather(scene: Any, members: Any, n: int, actions: Any) -> Any:
    """Return the positions of all members' actions, ascending, in a buffer; and how many."""
    total = 0
    for i in range(n):
        total += scene.indptr[members[i] + 1] - scene.indptr[members[i]]
    if total > len(actions):
        actions = np.empty(2 * total, np.int32)
    indptr, positions = scene.indptr, scene.positions
    total = 0
    for i in range(n):
        for k in range(indptr[members[i]], indptr[members[i] + 1]):
            actions[total] = positions[k]
            total += 1
    sort_in_place(actions[:total])
    return actions, total


@kernel
def merge(scene: Any, actions: Any, n: int, added: int, merged: Any) -> Any:
    """Return the positions `actions[:n]` and those of one more account, ascending; how many."""
    k = scene.indptr[added]
    k_end = scene.indptr[added + 1]
    total = n + k_end - k
    if total > len(merged):
        merged = np.empty(2 * total, np.int32)
    positions = scene.positions
    i = 0
    for t in range(total):
        if k == k_end or (i < n and actions[i] < positions[k]):
            merged[t] = actions[i]
            i += 1
        else:
            merged[t] = positions[k]
            k += 1
    return merged, total


@kernel
def without(scene: Any, actions: Any, n: int, removed: int, left: Any) -> Any:
    """Return the positions `actions[:n]` without those of one account, ascending; how many."""
    if n > len(left):
        left = np.empty(2 * n, np.int32)
    account = scene.account
    total = 0
    for i in range(n):
        left[total] = actions[i]
        total += 1 if account[actions[i]] != removed else 0
    return left, total


@kernel
def objects_at(scene: Any, actions: Any, n: int, out: Any) -> Any:
    """Return the object of each of the positions `actions[:n]`, in a buffer."""
    if n > len(out):
        out = np.empty(2 * n, np.int32)
    object_ = scene.object
    for i in range(n):
        out[i] = object_[actions[i]]
    return out


@inner
def densest_window(scene: Any, actions: Any, i: int, j: int, seen: Any) -> Any:
    """Find the window that holds the most members on an object.

    Parameters
    ----------
    scene : Scene
    actions : int32, positions; i..j-1 are on one object, ascending
    seen : int32 (accounts,), scratch, zeros on entry and on return

    Returns
    -------
    most : the largest number of different members in a window
    begin, end : where the first such window stands in `actions`, end included
    members : number of different members on the object
    """
    accounts, time = scene.account, scene.time
    most = 0
    begin = i
    end = i
    inside = 0
    members = 0
    low = i
    window = scene.window[scene.object[actions[i]]]
    for k in range(i, j):
        account = accounts[actions[k]]
        while time[actions[k]] - time[actions[low]] > window:
            gone = accounts[actions[low]]
            seen[gone] -= 1
            if seen[gone] == 0:
                inside -= 1
            low += 1
        if seen[account] == 0:
            inside += 1
        seen[account] += 1
        if inside > most:
            most = inside
            begin = low
            end = k
    for k in range(low, j):
        seen[accounts[actions[k]]] = 0
    for k in range(i, j):
        account = accounts[actions[k]]
        if seen[account] == 0:
            seen[account] = 1
            members += 1
    for k in range(i, j):
        seen[accounts[actions[k]]] = 0
    return most, begin, end, members


@kernel
def log_factorials(n: int) -> Any:
    """Return log 0!, log 1!, ..., log (n - 1)!: float64 (n,)."""
    out = np.empty(n)
    for k in range(n):
        out[k] = math.lgamma(k + 1.0)
    return out


@inlined
def _log_factorial(known: Any, k: int) -> float:
    return known[k] if k < len(known) else math.lgamma(k + 1.0)


@inlined
def log_choose(known: Any, n: int, k: int) -> float:
    """Return :func:`_log_binomial` of whole numbers."""
    return _log_factorial(known, n) - _log_factorial(known, k) - _log_factorial(known, n - k)


@inlined
def densest(scene: Any, actions: Any, i: int, j: int, seen: Any) -> Any:
    """Return what :func:`densest_window` gives, at once where there are one or two actions."""
    most = 1
    begin = i
    end = i
    members = 1
    if j - i > 2:
        most, begin, end, members = densest_window(scene, actions, i, j, seen)
    elif j - i == 2:
        p = actions[i]
        q = actions[i + 1]
        if scene.account[p] != scene.account[q]:
            members = 2
            if scene.time[q] - scene.time[p] <= scene.window[scene.object[p]]:
                most = 2
                end = i + 1
    return most, begin, end, members


@inner
def _log_binomial(n: float, k: float) -> float:
    return math.lgamma(n + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0)


@kernel
def log_price(n: int, size: int) -> float:
    """Return the log of the number of sets of this size, and of what the sizes share out.

    log binom(n, s) + log(s (s - 1)): the sum over all sizes s >= 2 of 1 / (s (s - 1)) is 1.
    """
    return _log_binomial(float(n), float(size)) + math.log(size * (size - 1.0))


@kernel
def log_fisher(known: Any, statistic: float, tests: int) -> float:
    """Return log P(chi2 with 2 * tests degrees > 2 * statistic): Fisher's combination.

    For statistic = -sum(log p_i) that is exp(-x) sum_(k < tests) x^k / k!, in log space.

    Parameters
    ----------
    known : from :func:`log_factorials`
    statistic, tests : x, and how many p-values it is of
    """
    if tests == 0 or statistic <= 0.0:
        return 0.0
    log_x = math.log(statistic)
    top = min(tests - 1, int(statistic))
    log_top = top * log_x - _log_factorial(known, top)
    total = 0.0
    for k in range(tests):
        log_term = k * log_x - _log_factorial(known, k) - log_top
        if log_term < -746.0:  # of which the exponential is 0
            continue
        term = math.exp(log_term)
        total += term
        if k > top and term < 1e-17 * total:  # what follows is smaller and changes nothing
            break
    return min(0.0, -statistic + log_top + math.log(total))


@kernel
def log_bound(known: Any, actions: int, members: int, moment: float) -> float:
    """Return log of binom(a, m) m E[G^(m - 1)], at most 0: of m members in one window by chance.

    What rounding alone puts below 0 is 0, no evidence.
    """
    if moment <= 0.0:
        return -700.0
    bound = log_choose(known, actions, members) + math.log(members * moment)
    return bound if bound < -1e-12 else 0.0


@kernel
def _log_window_bound(
    scene: Any, actions: Any, i: int, j: int, members: int, moment: float
) -> float:  # fmt: skip
    """Return :func:`log_bound` of so many members at once, round times being met more often.

    Two actions at round times are f times as likely to be in one window, f being that of the less
    round one: so m actions with f_1 >= f_2 >= ... are f_2 f_3 ... f_m times as likely. The sum of
    that product over all sets of m of the actions takes the place of their number, binom(a, m):

        sum over k of e_(m - 1)(the f of the actions that are no rounder than the k-th)

    e_j being the elementary symmetric polynomial, and the actions in order of f, each with those
    before it. As no chance is above 1, f is at most E[G^(m - 1)]^(-1 / (m - 1)) (Lyapunov's
    inequality). Where no action is at a round time all f are 1 and it is :func:`log_bound`.

    Parameters
    ----------
    scene : Scene
    actions : int32, positions; i..j-1 are the members' on one object
    members : m, 2 or more
    moment : E[G^(m - 1)]

    Cost: O((j - i) m) where an action is at a round time.
    """
    factors = scene.round_factors[scene.class_of[scene.object[actions[i]]]]
    top = 1.0
    for k in range(i, j):
        top = max(top, factors[scene.grain[actions[k]]])
    if top == 1.0 or moment <= 0.0:
        return log_bound(scene.log_factorials, j - i, members, moment)
    rest = members - 1
    top = max(min(top, moment ** (-1.0 / rest)), 1.0)
    sums = np.zeros(rest + 1)  # e_0, e_1, ... of f / top, which cannot overflow
    sums[0] = 1.0
    ways = 0.0
    for g in range(len(factors) - 1, -1, -1):
        f = min(factors[g], top) / top
        for k in range(i, j):
            if scene.grain[actions[k]] == g:
                ways += sums[rest]
                for e in range(rest, 0, -1):
                    sums[e] += sums[e - 1] * f
    bound = math.log(ways) + rest * math.log(top) + math.log(members * moment)
    return bound if bound < -1e-12 else 0.0


@kernel
def combine(known: Any, moment: Any, log_b: Any, reach: Any, rule: Any) -> Any:
    """Combine the bounds of a set's objects into one p-value.

    Parameters
    ----------
    known : from :func:`log_factorials`
    moment, log_b, reach : int64, float64, float64 (objects,): when the most members are together,
        the log of the bound, 0 where it says nothing, and what the object could be worth
    rule : OccasionRule

    Returns
    -------
    log_p : log of p_C
    occasions : number of occasions
    """
    objects = len(reach)
    furthest = 0.0
    together = 0
    for k in range(objects):
        furthest = max(furthest, reach[k])
        together += 1 if log_b[k] < 0.0 else 0
    at = np.empty(together, np.int64)
    when = np.empty(together, np.int64)
    together = 0
    for k in range(objects):
        if log_b[k] < 0.0:
            at[together] = k
            when[together] = moment[k]
            together += 1
    order = stable_order(when)
    log_p = 0.0
    occasions = 0
    for third in range(3):  # all objects, and those that could be worth a third or two of the most
        bar = furthest * third / 3.0
        tests = 0
        for k in range(objects):
            tests += 1 if reach[k] >= bar else 0
        statistic = 0.0
        pieces = 0
        i = 0
        while i < together:
            # objects of one occasion are one piece of evidence: K of them are min(1, K min B)
            count = 0
            least = 0.0
            j = i
            while j < together and (
                j == i
                or not begins_occasion(when[order[j]], when[order[j - 1]], when[order[i]], rule)
            ):
                if reach[at[order[j]]] >= bar:
                    count += 1
                    least = min(least, log_b[at[order[j]]])
                j += 1
            if count > 0:
                statistic -= min(0.0, least + math.log(count))
                pieces += 1
            i = j
        if third == 0:
            occasions = pieces
        log_p = min(log_p, log_fisher(known, statistic, tests))
    return min(0.0, log_p + math.log(3.0)), occasions


@inlined
def object_evidence(
    scene: Any, actions: Any, i: int, j: int, in_set: Any, seen: Any, by_class: bool
) -> Any:  # fmt: skip
    """Test what the members did on one object.

    Parameters
    ----------
    scene : Scene
    actions : int32, positions; i..j-1 are the members' on the object, ascending, two or more
    in_set, seen, by_class : as in :func:`set_evidence`

    Returns
    -------
    members : different members on the object; with fewer than two the rest says nothing
    most : at once
    moment : when the window with most of them ends
    bound : log B
    reach : what all of them at once would be worth: known from who acts, not from when
    """
    most, _, end, members = densest(scene, actions, i, j, seen)
    bound = 0.0
    reach = 0.0
    if members > 1:
        o = scene.object[actions[i]]
        row = scene.big_row[o]
        moments = scene.big_moments[row] if row >= 0 else scene.class_moments[scene.class_of[o]]
        all_members = min(members, MOST)
        reach = -log_bound(scene.log_factorials, j - i, all_members, moments[all_members - 1])
        if most > 1:
            count = min(most, MOST)
            chance = moments[count - 1]
            if row < 0 and not by_class:
                outsiders = scene.n_accounts[o] - members
                chance = object_moment(scene, o, in_set, outsiders, count - 1)
            bound = _log_window_bound(scene, actions, i, j, count, chance)
    return members, most, scene.time[actions[end]], bound, reach


@kernel
def set_evidence(
    scene: Any, actions: Any, n: int, in_set: Any, seen: Any, work: Any, by_class: bool, detail: Any
) -> Any:  # fmt: skip
    """Test a set of accounts.

    Parameters
    ----------
    scene : Scene
    actions : int32, positions of all members' actions, n of them, ascending
    in_set : uint8 (accounts,), 1 for members
    seen : int32 (accounts,), scratch, zeros
    work : from :func:`workspace`, with room for as many objects as there are actions; written: the
        objects with two or more members, ascending, and what they give, as in :func:`combine`
    by_class : whether to take the chances of all but big objects from their class alone, as if
        nobody outside the set acted on them
    detail : float64 (0, 8), or (room, 8) where each object with two or more members is written: the
        object, members, most at once, members' actions, outsiders, log B, what it could be worth,
        and when the window with most of them ends

    Returns
    -------
    log_p : log of p_C, before the price of picking the set
    objects : number of objects on which two or more members act
    together : number of those on which two or more are inside one window
    occasions : number of occasions that these make
    class_only : share of the evidence from objects on which nobody else acts
    """
    object_, moment, log_b, reach = work
    object_of = scene.object
    objects = 0
    together = 0
    alone = 0.0
    everything = 0.0
    i = np.int64(0)  # a plain 0 has a type of its own, for which all that it goes to is compiled
    while i < n:
        o = object_of[actions[i]]
        j = i + 1
        while j < n and object_of[actions[j]] == o:
            j += 1
        if j - i > 1:
            members, most, when, bound, worth = object_evidence(
                scene, actions, i, j, in_set, seen, by_class
            )
            if members > 1:
                object_[objects] = o
                moment[objects] = when
                log_b[objects] = bound
                reach[objects] = worth
                outsiders = scene.n_accounts[o] - members
                if bound < 0.0:
                    together += 1
                    everything -= bound
                    if outsiders == 0:
                        alone -= bound
                if len(detail) > 0:
                    detail[objects, 0] = o
                    detail[objects, 1] = members
                    detail[objects, 2] = most
                    detail[objects, 3] = j - i
                    detail[objects, 4] = outsiders
                    detail[objects, 5] = bound
                    detail[objects, 6] = worth
                    detail[objects, 7] = when
                objects += 1
        i = j
    log_p, occasions = combine(
        scene.log_factorials, moment[:objects], log_b[:objects], reach[:objects], scene.rule
    )
    class_only = alone / everything if everything > 0.0 else 0.0
    return log_p, objects, together, occasions, class_only


@kernel
def workspace(n: int) -> Any:
    """Return room for what :func:`set_evidence` finds on `n` objects."""
    return np.empty(n, np.int32), np.empty(n, np.int64), np.empty(n), np.empty(n)


@inlined
def evidence_of(scene: Any, work: Any, objects: int, price: float) -> float:
    """Return the log10 evidence of what stands in `work`, corrected for picking the set."""
    log_p, _ = combine(
        scene.log_factorials, work[1][:objects], work[2][:objects], work[3][:objects], scene.rule
    )
    return -(log_p + price) / LOG10


@kernel
def changed(
    scene: Any, actions: Any, acted_on: Any, n: int, x: int, joins: bool, in_set: Any, seen: Any,
    by_class: bool, work: Any, objects: int, out: Any, joint: Any,
) -> Any:  # fmt: skip
    """Write what :func:`set_evidence` would find if one account joined or left: only its objects.

    Parameters
    ----------
    scene : Scene
    actions : int32, positions of the actions of the set as it was, n of them, ascending
    acted_on : int32, their objects
    x : the account
    joins : whether it joins or leaves
    in_set : uint8 (accounts,), 1 for the members as they are then
    seen, by_class : as in :func:`set_evidence`
    work, objects : what stands there of the set as it was, on so many objects
    out : from :func:`workspace`, written
    joint : int32, scratch

    Returns
    -------
    out, objects : what is found then, and on how many objects
    joint : the scratch, which may have grown

    Cost: the objects that both the account and the others act on, O(log n) for each change from
    those of the one to those of the others, and `objects`.
    """
    k = scene.indptr[x]
    k_end = scene.indptr[x + 1]
    if objects + k_end - k > len(out[0]):
        out = workspace(2 * (objects + k_end - k))
    held, positions, accounts = scene.held, scene.positions, scene.account
    objects_before, when_before, bound_before, reach_before = work
    objects_then, when_then, bound_then, reach_then = out
    found = 0
    done = 0  # of `work`
    a = 0
    while k < k_end and a < n:
        o = held[k]
        if acted_on[a] < o:
            a = first_from(acted_on, a, n, o)
            continue
        if acted_on[a] > o:
            k = first_from(held, k, k_end, acted_on[a])
            continue
        own = k
        while k < k_end and held[k] == o:
            k += 1
        b = a  # the members' actions on the object: from a to b - 1
        while b < n and acted_on[b] == o:
            b += 1
        if b - a > (0 if joins else k - own):  # others act on it
            while done < objects and objects_before[done] < o:
                objects_then[found] = objects_before[done]
                when_then[found] = when_before[done]
                bound_then[found] = bound_before[done]
                reach_then[found] = reach_before[done]
                done += 1
                found += 1
            if done < objects and objects_before[done] == o:
                done += 1
            if b - a + k - own > len(joint):
                joint = np.empty(2 * (b - a + k - own), np.int32)
            size = 0
            if joins:
                while a < b or own < k:
                    if own == k or (a < b and actions[a] < positions[own]):
                        joint[size] = actions[a]
                        a += 1
                    else:
                        joint[size] = positions[own]
                        own += 1
                    size += 1
            else:
                while a < b:
                    joint[size] = actions[a]
                    size += 1 if accounts[actions[a]] != x else 0
                    a += 1
            if size > 1:
                members, _, when, bound, worth = object_evidence(
                    scene, joint, np.int64(0), size, in_set, seen, by_class
                )
                if members > 1:
                    objects_then[found] = o
                    when_then[found] = when
                    bound_then[found] = bound
                    reach_then[found] = worth
                    found += 1
        a = b
    while done < objects:
        objects_then[found] = objects_before[done]
        when_then[found] = when_before[done]
        bound_then[found] = bound_before[done]
        reach_then[found] = reach_before[done]
        done += 1
        found += 1
    return out, found, joint


@kernel
def set_price(interests: Any, n_accounts: int, members: Any, size: int) -> float:
    """Return the log of what a set of 2 or more pays: by its interests, or like all of its size.

    Parameters
    ----------
    interests : Interests, or None for equal prices
    n_accounts : number of accounts
    members : int32, the first `size` of them
    """
    if interests is None:
        return log_price(n_accounts, size)
    return math.log(size * (size - 1.0)) - log_weight(interests, members, size)


@kernel
def synchronised_pairs(
    scene: Any, actions: Any, n: int, in_set: Any, seen: Any
) -> Any:  # fmt: skip
    """Count the pairs of members together on each object, and how many chance would give.

    Parameters
    ----------
    scene, actions, n, in_set, seen : as in :func:`set_evidence`

    Returns
    -------
    observed : (pair of members, object) with a co-action
    expected : the same by the chances of accounts outside the set:
        sum of 1 - (1 - chance_o)^(m_uo m_vo), chance_o = 2 E[G] on the object
    """
    object_, account_of, times = scene.object, scene.account, scene.time
    observed = 0
    expected = 0.0
    i = np.int64(0)  # a plain 0 has a type of its own, for which all that it goes to is compiled
    while i < n:
        o = object_[actions[i]]
        j = i + 1
        while j < n and object_[actions[j]] == o:
            j += 1
        _, _, _, members = densest(scene, actions, i, j, seen)
        window = scene.window[o]
        if members > 1:
            row = scene.big_row[o]
            if row >= 0:
                chance = min(2.0 * scene.big_moments[row, 1], 1.0)
            else:
                outsiders = scene.n_accounts[o] - members
                chance = min(2.0 * object_moment(scene, o, in_set, outsiders, np.int64(1)), 1.0)
            if members == j - i:  # nobody acts twice
                low = i
                for k in range(i, j):
                    while times[actions[k]] - times[actions[low]] > window:
                        low += 1
                    observed += k - low
                expected += members * (members - 1) / 2.0 * chance
            else:
                m = j - i
                time = np.empty(m, np.int64)
                for k in range(m):
                    time[k] = times[actions[i + k]]
                repeats = np.empty(members, np.int64)
                number = np.empty(m, np.int32)  # of each action's member, in the order they came
                begins = np.empty(m, np.int32)  # the window of each action
                ends = np.zeros(members + 1, np.int64)  # where each one's actions end in `order`
                count = 0
                first = 0
                for k in range(m):
                    account = account_of[actions[i + k]]
                    if seen[account] == 0:
                        repeats[count] = scene.repeats[actions[i + k]]
                        count += 1
                        seen[account] = count  # its number on this object, from 1
                    number[k] = seen[account] - 1
                    ends[seen[account]] += 1
                    while time[k] - time[first] > window:
                        first += 1
                    begins[k] = first
                for u in range(members):
                    ends[u + 1] += ends[u]
                order = np.empty(m, np.int32)  # the actions, member by member, ascending
                for k in range(m):
                    order[ends[number[k]]] = k
                    ends[number[k]] += 1
                met_by = np.full(members, -1, np.int32)  # the last member that each one met
                k = 0
                everybody = time[m - 1] - time[0] <= window  # all have met
                if everybody:
                    observed += members * (members - 1) // 2
                for u in range(0 if everybody else members):
                    q = 0
                    while k < ends[u]:  # what the member's windows hold, each action once
                        q = max(q, begins[order[k]])
                        while q < m and time[q] - time[order[k]] <= window:
                            v = number[q]
                            if v > u and met_by[v] != u:
                                met_by[v] = u
                                observed += 1
                            q += 1
                        k += 1
                for k in range(i, j):
                    seen[account_of[actions[k]]] = 0
                sort_in_place(repeats)
                log_miss = math.log1p(-min(chance, 1.0 - 1e-15))
                k = 0
                while k < members:  # members who act equally often, with each such class after
                    k_end = k + 1
                    while k_end < members and repeats[k_end] == repeats[k]:
                        k_end += 1
                    same = k_end - k
                    hit = -math.expm1(log_miss * repeats[k] * repeats[k])
                    expected += same * (same - 1) / 2.0 * hit
                    q = k_end
                    while q < members:
                        q_end = q + 1
                        while q_end < members and repeats[q_end] == repeats[q]:
                            q_end += 1
                        hit = -math.expm1(log_miss * repeats[k] * repeats[q])
                        expected += same * np.float64(q_end - q) * hit
                        q = q_end
                    k = k_end
        i = j
    return observed, expected
