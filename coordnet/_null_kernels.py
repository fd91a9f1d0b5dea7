"""Compiled loops of the null models: tails, object statistics, edge tests.

Everything runs in log space where it can underflow: probabilities down to 1e-300 and beyond.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from coordnet._kernels import inlined, kernel, sort_in_place

NO_P = 0.0  # log of p = 1


# -- tails -------------------------------------------------------------------------------------


@kernel
def log_poisson_tail(count: int, mean: float) -> float:
    """Return log P(X >= count) for X ~ Poisson(mean), for count >= mean.

    The first term and the ratio of those that follow: P = pmf(count) (1 + mean / (count + 1) +
    ...), which converges geometrically.
    """
    if count <= 0:
        return 0.0
    if mean <= 0.0:
        return -np.inf
    term = 1.0
    total = 1.0
    k = count
    while term > 1e-17 * total:
        k += 1
        term *= mean / k
        total += term
    return min(0.0, count * math.log(mean) - mean - math.lgamma(count + 1.0) + math.log(total))


@kernel
def log_tail_bound(count: int, mean: float) -> float:
    """Return the log of a bound on P(X >= count) for a sum X of independent indicators.

    By its mean alone: 1 for count <= mean + 1 except P(X >= 1) <= mean (the union bound); for
    count >= mean + 1 the Poisson tail, which bounds the binomial one (Anderson & Samuels 1967),
    which bounds that of any such sum (Hoeffding 1956, theorem 4).
    """
    if count <= 0:
        return 0.0
    if mean <= 0.0:
        return -np.inf
    if count == 1:
        return min(0.0, math.log(mean))
    if count >= mean + 1.0:
        return log_poisson_tail(count, mean)
    return 0.0


@kernel
def log_poisson_binomial_tail(count: int, chances: Any, n: int, states: Any) -> float:
    """Return log P(X >= count) for X the number of successes of independent trials, exactly.

    Parameters
    ----------
    count : successes
    chances : float64 (>= n,), the chance of each trial
    n : number of trials
    states : float64 (>= count,), scratch

    The chances of having had k < count successes are carried forward, scaled by tilt**k, and what
    reaches `count` is added up: sums of positive terms only, so nothing cancels. With tilt =
    count / mean the terms stay between those of exp(-mean) and exp(count), so nothing underflows
    or overflows.

    Cost: O(n count).
    """
    if count <= 0:
        return 0.0
    if count > n:
        return -np.inf
    reached = 0.0
    if count == 1:
        none = 1.0
        for i in range(n):
            reached += none * chances[i]
            none *= 1.0 - chances[i]
        return min(0.0, math.log(reached)) if reached > 0.0 else -np.inf
    if count == 2:  # by far the most frequent
        none = 1.0
        single = 0.0
        for i in range(n):
            p = chances[i]
            reached += single * p
            single = single * (1.0 - p) + none * p
            none *= 1.0 - p
        return min(0.0, math.log(reached)) if reached > 0.0 else -np.inf
    mean = 0.0
    for i in range(n):
        mean += chances[i]
    if mean <= 0.0:
        return -np.inf
    tilt = max(1.0, count / mean)
    states[0] = 1.0
    for k in range(1, count):
        states[k] = 0.0
    for i in range(n):
        p = chances[i]
        lifted = p * tilt
        reached += states[count - 1] * lifted
        for k in range(min(i + 1, count - 1), 0, -1):
            states[k] = states[k] * (1.0 - p) + states[k - 1] * lifted
        states[0] *= 1.0 - p
    if reached <= 0.0:
        return -np.inf
    return min(0.0, math.log(reached) - count * math.log(tilt))


@inlined
def log_tail(count: int, chances: Any, n: int, states: Any) -> float:
    """Return log P(X >= count), exactly where that is cheap, else the bound of log_tail_bound."""
    if count <= min(len(states), 200) and n * count <= 4096:
        return log_poisson_binomial_tail(count, chances, n, states)
    mean = 0.0
    for i in range(n):
        mean += chances[i]
    return log_tail_bound(count, mean)


# -- objects -----------------------------------------------------------------------------------


@kernel
def object_statistics(
    indptr: Any,
    account: Any,
    time: Any,
    window: int,
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
    window : the bound, inclusive
    first, last : the objects to do
    seen : int32 (accounts,), scratch, zeros on entry and on return
    repeats : int32 (n,), written: how often the action's account acts on its object, m_uo
    n_accounts : int32 (objects,), written: different accounts, n_o
    pairs_all : int64 (objects,), written: pairs of actions within the window, of whomever
    pairs_weighted : float64 (objects,), written: the sum of 1 / (m_uo m_vo) over co-actions, w_o

    Cost: O(n), and O(r log r) for the r actions of accounts that act on an object repeatedly.
    """
    for o in range(first, last):
        a = indptr[o]
        b = indptr[o + 1]
        for p in range(a, b):
            seen[account[p]] += 1
        distinct = 0
        repeated = 0
        for p in range(a, b):
            repeats[p] = seen[account[p]]
            if repeats[p] > 1:
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
                inside -= 1.0 / repeats[low]
                low += 1
            if low == p:
                inside = 0.0  # so that rounding never builds up
            pairs += p - low
            weighted += inside / repeats[p]
            inside += 1.0 / repeats[p]
        if repeated > 0:  # pairs of one account are no co-actions
            own = np.empty(repeated, np.int64)
            count = 0
            for p in range(a, b):
                if repeats[p] > 1:
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
                weighted -= (i - start) / (np.float64(repeats[p]) * repeats[p])
        pairs_all[o] = pairs
        pairs_weighted[o] = max(weighted, 0.0) if distinct > 1 else 0.0


@kernel
def count_sharing_pairs(
    indptr: Any, positions: Any, object_: Any, starts: Any, account: Any, first: int, last: int,
    stamp: Any,
) -> int:  # fmt: skip
    """Count the pairs (u, v), u in first..last-1 and v > u, that act on a common object.

    Parameters
    ----------
    indptr, positions : the actions of each account, ascending
    object_, account : int32 (n,)
    starts : int64 (objects + 1,)
    first, last : accounts u to do
    stamp : int32 (accounts,), scratch: of rows outside first..last-1, or -1

    Cost: the sum over the actions of u of the number of actions on their objects.
    """
    count = 0
    for u in range(first, last):
        previous = -1
        for k in range(indptr[u], indptr[u + 1]):
            o = object_[positions[k]]
            if o == previous:
                continue
            previous = o
            for q in range(starts[o], starts[o + 1]):
                v = account[q]
                if v > u and stamp[v] != u:
                    stamp[v] = u
                    count += 1
    return count


# -- edges -------------------------------------------------------------------------------------


@inlined
def count_occasions(moments: Any, n: int, fold: int) -> int:
    """Return the number of runs of moments[:n] with gaps <= fold; sorts them in place."""
    if n == 0:
        return 0
    part = moments[:n]
    sort_in_place(part)
    occasions = 1
    for i in range(1, n):
        if part[i] - part[i - 1] > fold:
            occasions += 1
    return occasions


@kernel
def account_runs(indptr: Any, positions: Any, object_: Any) -> Any:
    """List the objects of each account, each once.

    Parameters
    ----------
    indptr : int64 (accounts + 1,); positions : int32; each account's actions, ascending
    object_ : int32 (n,)

    Returns
    -------
    starts : int64 (accounts + 1,)
    objects : int32 (runs,), ascending inside an account
    first : int32 (runs + 1,), index into `positions` of the run's first action; a run ends where
        the next one begins
    """
    starts = np.zeros(len(indptr), np.int64)
    objects = np.empty(len(positions), np.int32)
    first = np.empty(len(positions) + 1, np.int32)
    runs = 0
    for u in range(len(indptr) - 1):
        for k in range(indptr[u], indptr[u + 1]):
            o = object_[positions[k]]
            if runs == starts[u] or objects[runs - 1] != o:
                objects[runs] = o
                first[runs] = k
                runs += 1
        starts[u + 1] = runs
    first[runs] = len(positions)
    return starts, objects[:runs], first[: runs + 1]


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
def put(values: Any, order: Any) -> Any:
    """Return the array whose element order[i] is values[i], without holding the GIL."""
    out = np.empty_like(values)
    for i in range(len(order)):
        out[order[i]] = values[i]
    return out


@inlined
def _bits_below(word: Any, bit: int) -> int:
    """Return how many of the bits 0 .. bit - 1 of a 64-bit word are set."""
    x = word & ((np.uint64(1) << np.uint64(bit)) - np.uint64(1))
    x -= (x >> np.uint64(1)) & np.uint64(0x5555555555555555)
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel
def shared_object_tests(
    heavier: Any,
    lighter: Any,
    starts: Any,
    objects: Any,
    first_action: Any,
    time: Any,
    round_: Any,
    run_class: Any,
    class_chance: Any,
    class_miss: Any,
    class_odds: Any,
    window: int,
    fold: int,
    first: int,
    last: int,
    marked: Any,
    rank: Any,
    occasions: Any,
    expected: Any,
    log_p: Any,
) -> None:
    """Count occasions of edges and test them against the chances of the objects both acted on.

    The objects of the heavier account are marked densely, and each of its edges scans the list of
    the lighter account only: never a merge of two long lists.

    Parameters
    ----------
    heavier, lighter : int32 (edges,), the accounts of each edge; those of one heavier account
        together
    starts, objects, first_action : from :func:`account_runs`
    time : int64 (n,), 0 or more, of the actions account by account, as `first_action` has them
    round_ : int8 (n,), how round the time of each of these actions is, 0 the roundest
    run_class : int16 (runs,), the class of each run's object
    class_chance : float64 (classes, grains), of two accounts to be together on an object of the
        class when both times are so round; or (0, 0) where the timing null is not asked for
    class_miss, class_odds : float64 (classes, grains), log(1 - p) and p / (1 - p) of these
    window, fold : inclusive bounds, in the unit of `time`
    first, last : edges to do
    marked : uint64 (objects // 64 + 1,), scratch, zeros on entry and on return: a bit for each of
        the heavier account's objects, small enough to stay in the cache
    rank : int32 (objects // 64 + 1,), scratch: how many objects it has before those of the word
    occasions : int32 (edges,), written
    expected, log_p : float64 (edges,), written where the timing null is asked for
    """
    timing = len(class_chance) > 0
    one = np.uint64(1)
    room = 256
    runs = np.empty(room, np.int32)
    moments = np.empty(room, np.int64)
    chances = np.empty(room, np.float64)
    states = np.empty(256, np.float64)
    h = -1
    for e in range(first, last):
        if heavier[e] != h:
            if h >= 0:
                for r in range(starts[h], starts[h + 1]):
                    marked[objects[r] >> 6] = np.uint64(0)
            h = heavier[e]
            for r in range(starts[h], starts[h + 1]):
                word = objects[r] >> 6
                if marked[word] == 0:
                    rank[word] = r - starts[h]
                marked[word] |= one << np.uint64(objects[r] & 63)
        v = lighter[e]
        if room < starts[v + 1] - starts[v] + 1:
            room = 2 * (starts[v + 1] - starts[v] + 1)
            runs = np.empty(room, np.int32)
            moments = np.empty(room, np.int64)
            chances = np.empty(room, np.float64)
        shared = 0
        for r in range(starts[v], starts[v + 1]):  # without a branch: nobody can guess it
            o = objects[r]
            runs[shared] = r
            shared += np.int64(marked[o >> 6] >> np.uint64(o & 63) & one)
        together = 0
        mean = 0.0
        log_none = 0.0
        odds = 0.0
        for s in range(shared):
            r = runs[s]
            o = objects[r]
            own = starts[h] + rank[o >> 6] + _bits_below(marked[o >> 6], o & 63)
            k = first_action[r]
            k_end = first_action[r + 1]
            j = first_action[own]
            j_end = first_action[own + 1]
            repeats = (k_end - k) * (j_end - j)
            if repeats == 1:
                moment = max(time[k], time[j])
                near = abs(time[k] - time[j]) <= window
            else:
                moment = first_moment(time, k, k_end, j, j_end, window)
                near = moment >= 0
            moments[together] = moment
            together += 1 if near else 0
            if timing:
                c = run_class[r]
                g = max(round_[k], round_[j])  # two times are as round as the less round
                if repeats == 1:
                    p = class_chance[c, g]
                    log_none += class_miss[c, g]
                    odds += class_odds[c, g]
                else:  # of the roundest of each
                    for i in range(k, k_end):
                        k = i if round_[i] < round_[k] else k
                    for i in range(j, j_end):
                        j = i if round_[i] < round_[j] else j
                    g = max(round_[k], round_[j])
                    p = -math.expm1(class_miss[c, g] * repeats)
                    log_none += class_miss[c, g] * repeats
                    odds += p / (1.0 - p) if p < 1.0 else np.inf
                chances[s] = p
                mean += p
        count = count_occasions(moments, together, fold)
        occasions[e] = count
        if timing:
            expected[e] = mean
            some = -math.expm1(log_none)
            if count == 1:
                log_p[e] = math.log(some) if some > 0.0 else -np.inf
            elif count == 2 and some > 1e-3 and odds < np.inf:
                # 1 - P(0) - P(1), where that loses no more than the tenth digit
                log_p[e] = min(0.0, math.log(some - math.exp(log_none) * odds))
            else:
                log_p[e] = log_tail(count, chances, shared, states)
    if h >= 0:
        for r in range(starts[h], starts[h + 1]):
            marked[objects[r] >> 6] = np.uint64(0)


@inlined
def _interpolated(x: float, start: float, step: float, values: Any) -> float:
    """Return values on an even grid, interpolated linearly at x; constant beyond its ends."""
    at = (x - start) / step
    k = min(max(int(at), 0), len(values) - 2)
    part = min(max(at - k, 0.0), 1.0)
    return values[k] + part * (values[k + 1] - values[k])


@kernel
def activity_tests(
    source: Any,
    target: Any,
    log_rate: Any,
    log_scale: float,
    grid_start: float,
    grid_step: float,
    log_sums: Any,
    occasions: Any,
    first: int,
    last: int,
    expected: Any,
    log_p: Any,
) -> None:
    """Test occasions of the edges first..last-1 against what accounts so active would share.

    Parameters
    ----------
    source, target : int32 (edges,)
    log_rate : float64 (accounts,), log of how many actions each has
    log_scale : what is added to the two to give log x
    grid_start, grid_step, log_sums : log of the saturated sum on an even grid of log x
    occasions : int32 (edges,)
    first, last : edges to do
    expected, log_p : float64 (edges,), written
    """
    for e in range(first, last):
        x = log_scale + log_rate[source[e]] + log_rate[target[e]]
        expected[e] = math.exp(_interpolated(x, grid_start, grid_step, log_sums))
        log_p[e] = log_tail_bound(occasions[e], expected[e])


@kernel
def log_tail_bounds(counts: Any, means: Any) -> Any:
    """Return log_tail_bound of each count and mean: float64 (n,)."""
    out = np.empty(len(counts), np.float64)
    for i in range(len(counts)):
        out[i] = log_tail_bound(counts[i], means[i])
    return out


@kernel
def combined_p(log_p: Any, other: Any, smallest: float) -> Any:
    """Return exp of the larger of two log p-values, but no less than `smallest`."""
    out = np.empty(len(log_p), np.float64)
    for i in range(len(log_p)):
        out[i] = max(math.exp(max(log_p[i], other[i])), smallest)
    return out


# -- strata ------------------------------------------------------------------------------------


@kernel
def strata_pairs(starts: Any, low: Any, stratum: Any, n_strata: int) -> Any:
    """Count the pairs of actions within the window by object and by the strata of the two.

    Parameters
    ----------
    starts : int64 (objects + 1,)
    low : int32 (n,), where the window of each action begins
    stratum : int32 (n,)
    n_strata : number of strata

    Returns
    -------
    keys : int64, b * n_strata + b' with b <= b'
    counts : int64, pairs; an object may have a key more than once

    Cost: O(n) for strata longer than the window.
    """
    keys = np.empty(1024, np.int64)
    counts = np.empty(1024, np.int64)
    size = 0
    run = np.empty(len(stratum), np.int32)  # first position of the stretch of one stratum
    for o in range(len(starts) - 1):
        begin = size  # keys of this object start here
        for q in range(starts[o], starts[o + 1]):
            run[q] = run[q - 1] if q > starts[o] and stratum[q] == stratum[q - 1] else q
            stop = q
            while stop > low[q]:
                first = max(low[q], run[stop - 1])
                b = min(stratum[stop - 1], stratum[q])
                c = max(stratum[stop - 1], stratum[q])
                key = np.int64(b) * n_strata + c
                at = size - 1
                while at >= begin and at > size - 4 and keys[at] != key:
                    at -= 1
                if at >= begin and keys[at] == key:
                    counts[at] += stop - first
                else:
                    if size == len(keys):
                        wider = np.empty(2 * size, np.int64)
                        wider[:size] = keys
                        keys = wider
                        more = np.empty(2 * size, np.int64)
                        more[:size] = counts
                        counts = more
                    keys[size] = key
                    counts[size] = stop - first
                    size += 1
                stop = first
    return keys[:size], counts[:size]


@kernel
def expected_in_strata(
    source: Any,
    target: Any,
    first: int,
    last: int,
    cell_starts: Any,
    cell_stratum: Any,
    cell_count: Any,
    partner_starts: Any,
    partner: Any,
    partner_row: Any,
    ways: Any,
    tables: Any,
    grid_start: float,
    grid_step: float,
    dense: Any,
    expected: Any,
) -> None:
    """Add up the expectations of the edges first..last-1 over the pairs of strata they act in.

    Parameters
    ----------
    source, target : int32 (edges,)
    first, last : edges to do
    cell_starts : int64 (accounts + 1,); cell_stratum, cell_count : int64; where each acts
    partner_starts : int64 (strata + 1,); partner, partner_row : int64; the strata that each one
        has pairs with, and the table of that pair
    ways : float64 (tables,), ways to deal two accounts to a pair of actions
    tables : float64 (tables, grid), log of the saturated sum
    grid_start, grid_step : the grid of log x
    dense : float64 (2, strata), scratch, zeros on entry and on return
    expected : float64 (edges,), written
    """
    for e in range(first, last):
        u = source[e]
        v = target[e]
        for i in range(cell_starts[u], cell_starts[u + 1]):
            dense[0, cell_stratum[i]] = cell_count[i]
        for i in range(cell_starts[v], cell_starts[v + 1]):
            dense[1, cell_stratum[i]] = cell_count[i]
        total = 0.0
        for i in range(cell_starts[u], cell_starts[u + 1]):
            b = cell_stratum[i]
            for j in range(partner_starts[b], partner_starts[b + 1]):
                c = partner[j]
                if c < b and dense[0, c] > 0.0:
                    continue  # seen from c
                x = dense[0, b] * dense[1, c] + dense[0, c] * dense[1, b]
                if x > 0.0:
                    row = partner_row[j]
                    log_x = math.log(x / ways[row])
                    total += math.exp(_interpolated(log_x, grid_start, grid_step, tables[row]))
        expected[e] = total
        for i in range(cell_starts[u], cell_starts[u + 1]):
            dense[0, cell_stratum[i]] = 0.0
        for i in range(cell_starts[v], cell_starts[v + 1]):
            dense[1, cell_stratum[i]] = 0.0


# -- jitter ------------------------------------------------------------------------------------


@kernel
def _rank(sorted_values: Any, value: int) -> int:
    """Return how many of the sorted values are below `value`."""
    low = 0
    high = len(sorted_values)
    while low < high:
        middle = (low + high) >> 1
        if sorted_values[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def covered_strata(
    starts: Any, times: Any, window: int, length: int, phases: Any, class_starts: Any, finest: int
) -> Any:
    """Find what share of the phases of each stratum the windows of each account cover.

    Parameters
    ----------
    starts : int64 (accounts + 1,); times : int64, each account's events, ascending
    window : the bound, inclusive
    length : of a stratum
    phases : int64 (events,): time % length of all events of the log, by class of roundness and
        ascending inside each
    class_starts : int64 (classes + 1,), where each class begins in `phases`
    finest : times of all classes but the last are multiples of this

    Returns
    -------
    cell_starts : int64 (accounts + 1,)
    stratum : int64, ascending inside an account
    share : float64 (cells, classes); of the log's phases of the class, and as much as 100 events
        spread evenly over the stratum would add to all phases, so that a phase that no event
        happened to have is not impossible
    """
    n = len(starts) - 1
    classes = len(class_starts) - 1
    cell_starts = np.zeros(n + 1, np.int64)
    # a window, and what two merged ones reach, spans at most its own length in strata
    stratum = np.empty(len(times) + 1024, np.int64)
    share = np.empty((len(stratum), classes), np.float64)
    total = max(len(phases), 1)
    size = 0
    for u in range(n):
        begin = size
        i = starts[u]
        while i < starts[u + 1]:
            a = times[i] - window
            b = times[i] + window
            i += 1
            while i < starts[u + 1] and times[i] - window <= b:
                b = times[i] + window
                i += 1
            while a <= b:  # stratum by stratum
                h = a // length
                end = min(b, (h + 1) * length - 1)
                if size == begin or stratum[size - 1] != h:
                    if size == len(stratum):
                        wider = np.empty(2 * size, np.int64)
                        wider[:size] = stratum
                        stratum = wider
                        more = np.empty((2 * size, classes), np.float64)
                        more[:size] = share
                        share = more
                    stratum[size] = h
                    share[size] = 0.0
                    size += 1
                even = 100.0 * (end - a + 1) / length / total
                reaches = end // finest * finest >= a  # a round time
                for c in range(classes):
                    own = phases[class_starts[c] : class_starts[c + 1]]
                    share[size - 1, c] += even
                    if len(own) and (reaches or c == classes - 1):
                        count = _rank(own, end - h * length + 1) - _rank(own, a - h * length)
                        share[size - 1, c] += count / len(own)
                a = end + 1
        cell_starts[u + 1] = size
    for i in range(size):
        for c in range(classes):
            share[i, c] = min(share[i, c], 1.0)
    return cell_starts, stratum[:size], share[:size]


@kernel
def coincidence_tests(
    of: Any,
    by: Any,
    counts: Any,
    first: int,
    last: int,
    starts: Any,
    times: Any,
    round_: Any,
    length: int,
    cell_starts: Any,
    stratum: Any,
    share: Any,
    expected: Any,
    log_p: Any,
) -> None:
    """Test how many events of one account coincide with another's, edges first..last-1.

    Parameters
    ----------
    of, by : int32 (edges,), whose events are moved, and whose stay
    counts : int32 (edges,), events of `of` that have an event of `by` in the window
    starts, times, length : as in :func:`covered_strata`
    round_ : int8, the class of roundness of each event
    cell_starts, stratum, share : from :func:`covered_strata`
    expected, log_p : float64 (edges,), written
    """
    room = 256
    chances = np.empty(room, np.float64)
    states = np.empty(256, np.float64)
    for e in range(first, last):
        u = of[e]
        v = by[e]
        c = cell_starts[v]
        c_end = cell_starts[v + 1]
        trials = 0
        mean = 0.0
        for i in range(starts[u], starts[u + 1]):
            h = times[i] // length
            while c < c_end and stratum[c] < h:
                c += 1
            if c == c_end:
                break
            if stratum[c] == h:
                if trials == room:
                    room *= 2
                    more = np.empty(room, np.float64)
                    more[:trials] = chances
                    chances = more
                chances[trials] = share[c, round_[i]]
                mean += chances[trials]
                trials += 1
        expected[e] = mean
        log_p[e] = log_tail(counts[e], chances, trials, states)


# -- null logs ---------------------------------------------------------------------------------


@kernel
def borrowed_profiles(starts: Any, giver: Any, since: Any, uniform: Any) -> Any:
    """Give each object the delays of another one.

    Parameters
    ----------
    starts : int64 (objects + 1,)
    giver : int64 (objects,), whose profile each object takes
    since : int64 (n,), each action's time since its object's first, ascending inside an object
    uniform : float64 (n,), random numbers in [0, 1)

    Returns
    -------
    delay : int64 (n,): as they are where both have as many actions; else 0 for the first and, for
        the others, the giver's delays interpolated at random ranks
    """
    delay = np.zeros(len(since), np.int64)
    for o in range(len(starts) - 1):
        a = starts[o]
        n = starts[o + 1] - a
        b = starts[giver[o]]
        m = starts[giver[o] + 1] - b
        if n == m:
            for i in range(n):
                delay[a + i] = since[b + i]
        else:
            for i in range(1, n):
                at = uniform[a + i] * (m - 1)
                k = min(int(at), m - 2) if m > 1 else 0
                low = since[b + k]
                high = since[b + k + 1] if m > 1 else low
                delay[a + i] = low + np.int64((at - k) * (high - low))
    return delay
