"""Compiled loops of the edge tests: objects, occasions, expectations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from coordnet.kernels.arrays import sort_in_place
from coordnet.kernels.compiling import inlined, inner, kernel
from coordnet.kernels.crowds import common_objects, crowd_meetings, shared_outside
from coordnet.kernels.occasions import count_occasions
from coordnet.kernels.shared_objects import ONE, mark, marked_run, shared_runs, unmark
from coordnet.kernels.tails import (
    SMALLEST_P,
    at_most_two,
    is_cheap,
    log_tail,
    log_tail_bound,
    tail_bound,
)

NONE = np.uint64(0)
# what stands in the 64 binary digits of a run's note: its signature, its grain, its actions
PARTS = 54
SIGNATURE = np.uint64((1 << PARTS) - 1)
GRAIN_AT, ACTS_AT = np.uint64(PARTS), np.uint64(PARTS + 3)
LEAST_ROUND = np.uint64(7)
MOST_ACTS = 64  # and more

# -- objects -----------------------------------------------------------------------------------


@kernel
def object_statistics(
    indptr: Any,
    account: Any,
    time: Any,
    windows: Any,
    first: int,
    last: int,
    seen: Any,
    repeats: Any,
    n_accounts: Any,
    pairs_all: Any,
    pairs_weighted: Any,
) -> None:
    """Count, for the objects first..last-1, who acts on them and how often within the window.

    Parameters
    ----------
    indptr : int64 (objects + 1,), where each object's actions begin
    account : int32 (n,), time : int64 (n,), the log
    windows : int64 (objects,), the bound on each object, inclusive
    first, last : the objects to do
    seen : int32 (accounts,), scratch, zeros on entry and on return
    repeats : int32, scratch, as long as the actions of any one of them: how often the account of
        each action of an object acts on it, m_uo
    n_accounts : int32 (objects,), written: different accounts, n_o
    pairs_all : int64 (objects,), written: pairs of actions within the window, of whomever
    pairs_weighted : float64 (objects,), written: the sum of 1 / (m_uo m_vo) over co-actions, w_o

    Cost: O(n), and O(r log r) for the r actions of accounts that act on an object repeatedly.
    """
    for o in range(first, last):
        window = windows[o]
        a = indptr[o]
        b = indptr[o + 1]
        for p in range(a, b):
            seen[account[p]] += 1
        distinct = 0
        repeated = 0
        for p in range(a, b):
            repeats[p - a] = seen[account[p]]
            if repeats[p - a] > 1:
                repeated += 1
        for p in range(a, b):
            if seen[account[p]] > 0:
                distinct += 1
                seen[account[p]] = 0
        n_accounts[o] = distinct
        pairs = 0
        weighted = 0.0
        inside = 0.0  # sum of 1 / m over the actions in the window before p
        low = a
        for p in range(a, b):
            while time[p] - time[low] > window:
                inside -= 1.0 / repeats[low - a]
                low += 1
            if low == p:
                inside = 0.0  # so that rounding never builds up
            pairs += p - low
            weighted += inside / repeats[p - a]
            inside += 1.0 / repeats[p - a]
        if repeated > 0:  # pairs of one account are no co-actions
            own = np.empty(repeated, np.int64)
            count = 0
            for p in range(a, b):
                if repeats[p - a] > 1:
                    own[count] = (np.int64(account[p]) << 32) | (p - a)
                    count += 1
            sort_in_place(own)
            start = 0
            for i in range(count):
                if own[i] >> 32 != own[start] >> 32:
                    start = i
                p = a + (own[i] & 0xFFFFFFFF)
                while time[p] - time[a + (own[start] & 0xFFFFFFFF)] > window:
                    start += 1
                weighted -= (i - start) / (np.float64(repeats[p - a]) * repeats[p - a])
        pairs_all[o] = pairs
        pairs_weighted[o] = max(weighted, 0.0) if distinct > 1 else 0.0


# -- edges -------------------------------------------------------------------------------------


@inlined
def first_moment(time: Any, x: int, x_end: int, y: int, y_end: int, window: int) -> int:
    """Return the first moment by which two accounts have both acted within the window, or -1.

    Parameters
    ----------
    time : int64, 0 or more, ascending in both stretches
    x, x_end, y, y_end : where the actions of the one and of the other on an object stand in it
    window : the bound, inclusive
    """
    while x < x_end and y < y_end:
        s = time[x]
        t = time[y]
        if abs(s - t) <= window:
            return max(s, t)
        if s < t:
            x += 1
        else:
            y += 1
    return -1


@kernel
def run_notes(
    first_action: Any, time: Any, round_: Any, roundest_cell: Any, windows: Any, notes: Any
) -> None:
    """Write what a test needs of each run, in eight bytes, so that most runs are read once.

    Parameters
    ----------
    first_action : int32 (runs + 1,), from :func:`shared_objects.account_runs`
    time : int64 (n,), 0 or more, of the actions account by account; round_ : int8 (n,), how round
        each is, 0 the roundest, up to LEAST_ROUND
    roundest_cell : int32 (runs,), windows : int64 (cells,), as in :func:`shared_object_tests`
    notes : uint64 (runs,), written: from the lowest binary digit on the signature of the run's
        times, the roundness of its roundest action, and the number of its actions, MOST_ACTS where
        it has more

    A signature has a bit for each window of time in which the run acts, and for the next one, of
    PARTS that come round. So two runs with an action of each within the window have one in common.
    """
    for r in range(len(notes)):
        k = first_action[r]
        k_end = first_action[r + 1]
        roundest = round_[k]
        signature = NONE
        window = max(windows[roundest_cell[r]], 1)
        for i in range(k, k_end):
            roundest = min(roundest, round_[i])
            part = time[i] // window % PARTS
            signature |= ONE << np.uint64(part)
            signature |= ONE << np.uint64(part + 1 if part + 1 < PARTS else 0)
        acts = np.uint64(min(k_end - k, MOST_ACTS))
        notes[r] = signature | np.uint64(roundest) << GRAIN_AT | acts << ACTS_AT


@inlined
def round_and_pairs(x: Any, y: Any) -> Any:
    """Return by two notes how round two runs are, and their pairs of actions: uint64 both.

    Two times are as round as the less round. From MOST_ACTS on the pairs may be more.
    """
    grain = max(x >> GRAIN_AT & LEAST_ROUND, y >> GRAIN_AT & LEAST_ROUND)
    return grain, (x >> ACTS_AT) * (y >> ACTS_AT)


@inlined
def may_meet(x: Any, y: Any) -> Any:
    """Return by two notes 1 where two runs may have actions within the window, else 0: uint64."""
    return ONE if x & y & SIGNATURE != 0 else NONE


@inlined
def meeting(first_action: Any, time: Any, r: Any, own: Any, window: int) -> int:
    """Return the first moment by which two runs have both acted within the window, or -1."""
    return first_moment(
        time,
        np.int64(first_action[r]),
        np.int64(first_action[r + ONE]),
        np.int64(first_action[own]),
        np.int64(first_action[own + ONE]),
        window,
    )


@inlined
def chance_of_runs(
    chance: Any, log_miss: Any, c: Any, pairs: Any, first_action: Any, r: Any, own: Any
) -> float:
    """Return the chance that one of the pairs of actions of two runs is within the window."""
    if pairs < np.uint64(chance.shape[1]):
        return chance[c, pairs]
    pairs = np.int64(first_action[r + ONE] - first_action[r]) * (
        first_action[own + ONE] - first_action[own]
    )
    return -math.expm1(log_miss[c] * pairs)


@inner
def many_objects_test(
    heavier: int,
    lighter: int,
    shared: Any,
    common: Any,
    runs: Any,
    objects: Any,
    first_action: Any,
    time: Any,
    notes: Any,
    roundest_cell: Any,
    chance: Any,
    log_miss: Any,
    windows: Any,
    rule: Any,
    marked: Any,
    run_before: Any,
    moments: Any,
    chances: Any,
    states: Any,
    acts: Any,
    crowd: Any,
) -> Any:
    """Count occasions of two accounts that share many objects, and test them.

    Objects on which both act once are counted by cell, and each cell is one term of all sums. So
    they need not be walked where the two are of a crowd.

    Parameters
    ----------
    heavier, lighter : the accounts
    shared, runs : how many runs of the lighter one are to be walked, and which
    common : uint64, the objects that they share in the matrix of the crowd, beside these; or 0
    moments, chances, states : scratch
    acts : int64 (cells,), scratch, zeros on entry and on return
    objects, ..., run_before, crowd : as in :func:`shared_object_tests`

    Returns
    -------
    occasions, expected, p_value : as there

    The result is the same whatever part is walked: objects of several actions in their order, then
    the cells.
    """
    timing = len(chance) > 0
    together = np.uint64(0)
    chained = np.uint64(0)
    mean = 0.0
    none = 1.0
    single = 0.0
    two = 0.0
    for s in range(shared):
        r = np.uint64(runs[s])
        own = marked_run(np.uint64(objects[r]), marked, run_before)
        grain, pairs = round_and_pairs(notes[r], notes[own])
        c = np.uint64(roundest_cell[own]) + grain
        if may_meet(notes[r], notes[own]):
            moments[together] = meeting(first_action, time, r, own, windows[c])
            together += ONE if moments[together] >= 0 else NONE
        if pairs == ONE:
            acts[c] += 1
        elif timing:
            p = chance_of_runs(chance, log_miss, c, pairs, first_action, r, own)
            chances[chained] = p
            chained += ONE
            mean += p
            two += single * p
            single = single * (1.0 - p) + none * p
            none *= 1.0 - p
    count = np.int64(0)
    if crowd is not None:
        apart, together = crowd_meetings(
            crowd, heavier, lighter, windows, together > 0, moments, together, acts
        )
        count += np.int64(apart)
    count += count_occasions(moments, np.int64(together), rule)
    exact = count > 2 and is_cheap(count, np.int64(shared + common), states)
    for c in range(len(acts)):
        n = acts[c]
        acts[c] = 0
        if n > 0 and timing:
            p = chance[c, 1]
            mean += n * p
            if count <= 2:
                zero, one, more = at_most_two(p, n)
                two += single * (one + more) + none * more
                single = single * zero + none * one
                none *= zero
            elif exact:
                for _ in range(n):
                    chances[chained] = p
                    chained += ONE
    if count == 0 or not timing:
        p = 1.0
    elif count <= 2:
        p = min(two + single if count == 1 else two, 1.0)
    elif exact:
        p = math.exp(log_tail(count, chances, np.int64(chained), states))
    else:
        p = math.exp(log_tail_bound(count, mean))
    return count, mean, max(p, SMALLEST_P)


@kernel
def shared_object_tests(
    heavier: Any,
    lighter: Any,
    place: Any,
    starts: Any,
    objects: Any,
    first_action: Any,
    time: Any,
    notes: Any,
    roundest_cell: Any,
    chance: Any,
    log_miss: Any,
    windows: Any,
    rule: Any,
    first: int,
    last: int,
    marked: Any,
    run_before: Any,
    counted: bool,
    occasions: Any,
    expected: Any,
    p_value: Any,
    many: int,
    crowd: Any = None,
) -> None:
    """Count occasions of edges and test them against the chances of the objects both acted on.

    The tails for one and for two occasions are sums of positive terms, carried along; those for
    more are counted after. Who shares many objects is tested by :func:`many_objects_test`.

    Parameters
    ----------
    heavier, lighter, place : int32 (edges,), from :func:`shared_objects.order_pairs`
    starts, objects, first_action : from :func:`shared_objects.account_runs`
    time : int64 (n,), 0 or more, of the actions account by account, as `first_action` has them
    notes : uint64 (runs,), from :func:`run_notes`
    roundest_cell : int32 (runs,), the cell of the roundest times, of the class of its object
    chance : float64 (cells, several), of two accounts to be together on an object of a class when
        both times are so round: at k for k pairs of actions; (0, several) where the timing null is
        not asked for
    log_miss : float64 (cells,), log(1 - p) of one pair
    windows : int64 (cells,), the bound, inclusive
    rule : OccasionRule
    first, last : edges to do
    marked, run_before : scratch, as in :func:`shared_objects.mark`, zeros on return
    counted : whether the occasions stand there already, of the same edges and rule
    occasions : int32 (edges,), written at `place`
    expected, p_value : float64 (edges,), written at `place`; 0 and 1 where the timing null is not
        asked for
    many : shared objects from which they are counted by cell
    crowd : CommonCrowd, whose members are compared in its matrix, or None
    """
    timing = len(chance) > 0
    runs = np.empty(256, np.uint32)
    near_runs = np.empty(256, np.uint32)
    near_own = np.empty(256, np.uint32)
    moments = np.empty(256, np.int64)
    chances = np.empty(256, np.float64)
    states = np.empty(256, np.float64)
    acts = np.zeros(len(windows), np.int64)
    h = -1
    for e in range(first, last):
        if heavier[e] != h:
            if h >= 0:
                unmark(objects, starts[h], starts[h + 1], marked)
            h = heavier[e]
            mark(objects, starts[h], starts[h + 1], marked, run_before)
        v = lighter[e]
        if len(runs) < starts[v + 1] - starts[v] + 1:
            room = 2 * (starts[v + 1] - starts[v] + 1)
            runs = np.empty(room, np.uint32)
            near_runs = np.empty(room, np.uint32)
            near_own = np.empty(room, np.uint32)
            moments = np.empty(room, np.int64)
            chances = np.empty(room, np.float64)
        if crowd is not None:
            common = common_objects(crowd, h, v)
            if common >= many:
                count, mean, p = many_objects_test(
                    h, v, shared_outside(crowd, v, objects, marked, runs), common, runs, objects,
                    first_action, time, notes, roundest_cell, chance, log_miss, windows, rule,
                    marked, run_before, moments, chances, states, acts, crowd,
                )  # fmt: skip
                occasions[place[e]] = count
                expected[place[e]] = mean
                p_value[place[e]] = p
                continue
        shared = shared_runs(objects, starts[v], starts[v + 1], marked, runs)
        if shared >= many:
            count, mean, p = many_objects_test(
                h, v, shared, NONE, runs, objects, first_action, time, notes, roundest_cell, chance,
                log_miss, windows, rule, marked, run_before, moments, chances, states, acts, None,
            )  # fmt: skip
            occasions[place[e]] = count
            expected[place[e]] = mean
            p_value[place[e]] = p
            continue
        near = np.uint64(0)
        mean = 0.0
        none = 1.0  # the chances of none so far and of one,
        single = 0.0
        some = 0.0  # of one or more and of two or more
        two = 0.0
        for s in range(shared):
            r = np.uint64(runs[s])
            own = marked_run(np.uint64(objects[r]), marked, run_before)
            grain, pairs = round_and_pairs(notes[r], notes[own])
            c = np.uint64(roundest_cell[own]) + grain
            # no branch: nobody can guess it
            near_runs[near] = r
            near_own[near] = own
            near += may_meet(notes[r], notes[own])
            if timing:
                p = chance_of_runs(chance, log_miss, c, pairs, first_action, r, own)
                chances[s] = p
                mean += p
                some += none * p
                two += single * p
                single = single * (1.0 - p) + none * p
                none *= 1.0 - p
        at = place[e]
        if counted:
            count = np.int64(occasions[at])
        else:
            together = np.uint64(0)
            for s in range(near):
                r = np.uint64(near_runs[s])
                own = np.uint64(near_own[s])
                window = windows[np.uint64(roundest_cell[own])]
                moments[together] = meeting(first_action, time, r, own, window)
                together += ONE if moments[together] >= 0 else NONE
            count = count_occasions(moments, np.int64(together), rule)
            occasions[at] = count
        expected[at] = mean
        if not timing:
            p_value[at] = 1.0
        elif count == 1:
            p_value[at] = max(min(some, 1.0), SMALLEST_P)
        elif count == 2:
            p_value[at] = max(min(two, 1.0), SMALLEST_P)
        else:
            log_p = log_tail(count, chances, np.int64(shared), states)
            p_value[at] = max(math.exp(log_p), SMALLEST_P)
    if h >= 0:
        unmark(objects, starts[h], starts[h + 1], marked)


@inlined
def interpolated(x: float, start: float, step: float, values: Any) -> float:
    """Return values on an even grid, interpolated linearly at x; constant beyond its ends."""
    at = (x - start) / step
    k = min(max(int(at), 0), len(values) - 2)
    part = min(max(at - k, 0.0), 1.0)
    return values[k] + part * (values[k + 1] - values[k])


@kernel
def activity_tests(
    source: Any,
    target: Any,
    level: Any,
    log_rate: Any,
    log_scale: float,
    grid_start: float,
    grid_step: float,
    log_sums: Any,
    occasions: Any,
    first: int,
    last: int,
    known: Any,
    expected: Any,
    p_value: Any,
) -> None:
    """Test occasions of the edges first..last-1 against what accounts so active would share.

    Parameters
    ----------
    source, target : int32 (edges,)
    level : int32 (accounts,), which of the rates each account has
    log_rate : float64 (levels,), log of each number of actions that there is, ascending
    log_scale : what is added to the two to give log x
    grid_start, grid_step, log_sums : log of the saturated sum on an even grid of log x
    occasions : int32 (edges,)
    first, last : edges to do
    known : float64 (k, k, counts), scratch, for the k lowest rates: the expectation, and from 2 on
        the chance of so many occasions or more; 0 where it was not asked for yet
    expected, p_value : float64 (edges,), written
    """
    for e in range(first, last):
        a = np.uint64(level[source[e]])
        b = np.uint64(level[target[e]])
        seen = a < len(known) and b < len(known)
        mean = known[a, b, 0] if seen else 0.0
        if mean == 0.0:
            x = log_scale + log_rate[a] + log_rate[b]
            mean = math.exp(interpolated(x, grid_start, grid_step, log_sums))
            if seen:
                known[a, b, 0] = mean
        count = np.int64(occasions[e])
        seen = seen and 2 <= count < known.shape[2]
        p = known[a, b, np.uint64(count)] if seen else 0.0
        if p == 0.0:
            p = max(tail_bound(count, mean), SMALLEST_P)
            if seen:
                known[a, b, np.uint64(count)] = p
        expected[e] = mean
        p_value[e] = p
