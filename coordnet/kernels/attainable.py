"""Compiled loops over pairs of accounts that share objects: the smallest p-value each can have."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from coordnet.kernels.arrays import widened
from coordnet.kernels.compiling import inlined, kernel
from coordnet.kernels.shared_objects import ONE, mark, marked_run, shared_runs, unmark

KNOWN = 64  # ways of two accounts to be together on an object, of which logs are kept
GUIDE = 18  # binary digits of the places in a table from which a search begins


@inlined
def log_together(log_chance: float, log_miss: float, ways: int) -> float:
    """Return log of 1 - (1 - chance)**ways, from log chance and log (1 - chance)."""
    if ways == 1:
        return log_chance
    return math.log(-math.expm1(log_miss * ways)) if log_miss < 0.0 else log_chance


@kernel
def log_table(log_chance: Any, log_miss: Any) -> Any:
    """Return :func:`log_together` of each class and number of ways below KNOWN.

    Parameters
    ----------
    log_chance, log_miss : float64 (classes,), log c and log (1 - c) of each class

    Returns
    -------
    float64 (classes * KNOWN,), at class * KNOWN + ways; 0 where there are no ways
    """
    out = np.zeros(len(log_chance) * KNOWN)
    for c in range(len(log_chance)):
        for ways in range(1, KNOWN):
            out[c * KNOWN + ways] = log_together(log_chance[c], log_miss[c], ways)
    return out


@kernel
def first_above(ascending: Any, values: Any) -> Any:
    """Return the place of the first number above each value: int64 (values,).

    Parameters
    ----------
    ascending : int64 (n,), n > 0, the last one the largest
    values : int64, 0 or more and below the last of the numbers

    Cost: O(n), and in the mean over values that are drawn evenly O(1) each.
    """
    last = ascending[-1]
    shift = 0
    while last >> shift >> GUIDE > 0:
        shift += 1
    guide = np.empty((last >> shift) + 1, np.int64)
    b = 0
    for o in range(len(ascending)):
        while b < len(guide) and (b << shift) < ascending[o]:
            guide[b] = o
            b += 1
    out = np.empty(len(values), np.int64)
    for i in range(len(values)):
        o = guide[values[i] >> shift]
        while ascending[o] <= values[i]:
            o += 1
        out[i] = o
    return out


@kernel
def accounts_by_object(starts: Any, objects: Any, object_starts: Any, accounts: Any) -> None:
    """List the accounts of each object, ascending.

    Parameters
    ----------
    starts, objects : from :func:`shared_objects.account_runs`
    object_starts : int64 (objects + 1,), where the accounts of each object begin
    accounts : int32 (runs,), written

    Cost: linear.
    """
    following = object_starts[:-1].copy()
    for u in range(len(starts) - 1):
        for r in range(starts[u], starts[u + 1]):
            o = objects[r]
            accounts[following[o]] = u
            following[o] += 1


@kernel
def counts_at(p_values: Any, counts: Any, step: float, slack: float) -> Any:
    """Return, for each p, counts[floor(-log p / step - slack)], of the first or last beyond them.

    Parameters
    ----------
    p_values : float64 (n,); counts : int64 (levels,)
    step : between levels; slack : part of a step by which a p-value may be too large
    """
    out = np.empty(len(p_values), np.int64)
    for i in range(len(p_values)):
        depth = -math.log(max(p_values[i], 1e-300)) / step - slack
        out[i] = counts[int(max(min(depth, len(counts) - 1.0), 0.0))]
    return out


@kernel
def near_edges(
    p_values: Any,
    source: Any,
    target: Any,
    of_all: float,
    of_account: Any,
    degree: Any,
) -> Any:
    """Count the edges with a p-value up to that of all, or up to that of one of their accounts.

    Parameters
    ----------
    p_values : float64 (n,); source, target : int32 (n,); of some of the edges
    of_all : a p-value
    of_account : float64 (accounts,), a p-value for each
    degree : int64 (accounts,), added to: edges of the account up to its own p-value

    Returns
    -------
    alone : how many of them are up to `of_all`
    found : how many are up to one of the three
    """
    alone = 0
    found = 0
    for e in range(len(p_values)):
        p = p_values[e]
        u = source[e]
        v = target[e]
        own = p <= of_all
        alone += 1 if own else 0
        if p <= of_account[u]:
            degree[u] += 1
            own = True
        if p <= of_account[v]:
            degree[v] += 1
            own = True
        found += 1 if own else 0
    return alone, found


@kernel
def places_near(
    p_values: Any, source: Any, target: Any, of_all: float, of_account: Any, begin: int
) -> Any:
    """Return where the edges stand that :func:`near_edges` counts as found: int64.

    Parameters
    ----------
    p_values, source, target, of_all, of_account : as there
    begin : the place of the first edge
    """
    out = np.empty(len(p_values), np.int64)
    found = 0
    for e in range(len(p_values)):
        p = p_values[e]
        out[found] = begin + e
        if p <= of_all or p <= of_account[source[e]] or p <= of_account[target[e]]:
            found += 1
    return out[:found]


@kernel
def count_pairs(
    starts: Any,
    objects: Any,
    first_action: Any,
    object_starts: Any,
    accounts: Any,
    repeats: Any,
    place: Any,
    class_of: Any,
    log_chance: Any,
    log_miss: Any,
    table: Any,
    step: float,
    first: int,
    last: int,
    depth: Any,
    shared: Any,
    touched: Any,
    histogram: Any,
    sharing: Any,
) -> None:
    """Count the pairs (u, v), u in first..last-1 and v > u, that share objects, by their best p.

    Parameters
    ----------
    starts, objects, first_action : from :func:`shared_objects.account_runs`: the objects of each
        account, each once
    object_starts : int64 (objects + 1,); accounts : int32 (runs,); the accounts of each object,
        each once, ascending
    repeats : int32 (runs,), how often each of these acts on it
    place : int32 (runs,), where in `accounts` each account's run stands
    class_of : int32 (objects,), the class of each object
    log_chance, log_miss : float64 (classes,), log c and log (1 - c) of each class
    table : from :func:`log_table`
    step : width of a bin of -log p
    first, last : accounts u to do
    depth : float64 (accounts,), scratch, zeros on entry and on return: log p so far
    shared : int32 (accounts,), scratch, zeros on entry and on return
    touched : int32 (accounts,), scratch
    histogram : int64 (bins,), added to: pairs by floor(-log p / step), the last bin for all beyond
    sharing : int64 (4,), added to: pairs that share 1, 2, 3 or more objects, at 1, 2 and 3

    Cost: the sum over objects of n_o (n_o - 1) / 2, shared out by the smaller account.
    """
    bins = len(histogram)
    for u in range(first, last):
        n = 0
        for r in range(starts[u], starts[u + 1]):
            o = objects[r]
            c = class_of[o]
            own = np.int64(first_action[r + 1] - first_action[r])
            alone = log_chance[c]
            own_table = c * KNOWN
            for q in range(place[r] + 1, object_starts[o + 1]):
                v = accounts[q]
                if shared[v] == 0:
                    touched[n] = v
                    n += 1
                shared[v] += 1
                ways = own * repeats[q]
                if ways == 1:
                    depth[v] += alone
                elif ways < KNOWN:
                    depth[v] += table[own_table + ways]
                else:
                    depth[v] += log_together(alone, log_miss[c], ways)
        for i in range(n):
            v = touched[i]
            histogram[int(min(-depth[v] / step, bins - 1.0))] += 1
            sharing[min(shared[v], 3)] += 1
            depth[v] = 0.0
            shared[v] = 0


@kernel
def best_p_of_pairs(
    heavier: Any,
    lighter: Any,
    place: Any,
    starts: Any,
    objects: Any,
    first_action: Any,
    class_of: Any,
    log_chance: Any,
    log_miss: Any,
    table: Any,
    first: int,
    last: int,
    marked: Any,
    run_before: Any,
    log_p: Any,
    shared: Any,
) -> None:
    """Write the smallest log p that pairs of accounts can have, and how many objects they share.

    Parameters
    ----------
    heavier, lighter, place : int32 (pairs,), from :func:`shared_objects.order_pairs`
    starts, objects, first_action, class_of, log_chance, log_miss, table : as in :func:`count_pairs`
    first, last : pairs to do
    marked, run_before : scratch, as in :func:`shared_objects.mark`, zeros on return
    log_p : float64 (pairs,), written at `place`: the sum over shared objects of the log of their
        chance, in ascending order of objects, to the last bit that of :func:`count_pairs`
    shared : int32 (pairs,), written at `place`

    Cost: the length of the list of the lighter account for each pair, and that of the heavier one
    once for each stretch of pairs.
    """
    runs = np.empty(256, np.uint32)
    h = -1
    for e in range(first, last):
        if heavier[e] != h:
            if h >= 0:
                unmark(objects, starts[h], starts[h + 1], marked)
            h = heavier[e]
            mark(objects, starts[h], starts[h + 1], marked, run_before)
        v = lighter[e]
        if len(runs) < starts[v + 1] - starts[v] + 1:
            runs = np.empty(2 * (starts[v + 1] - starts[v] + 1), np.uint32)
        count = shared_runs(objects, starts[v], starts[v + 1], marked, runs)
        total = 0.0
        for s in range(count):
            r = np.uint64(runs[s])
            o = np.uint64(objects[r])
            own = marked_run(o, marked, run_before)
            ways = np.int64(first_action[own + ONE] - first_action[own]) * (
                first_action[r + ONE] - first_action[r]
            )
            c = np.int64(class_of[o])
            if ways < KNOWN:
                total += table[c * KNOWN + ways]
            else:
                total += log_together(log_chance[c], log_miss[c], ways)
        log_p[place[e]] = total
        shared[place[e]] = count
    if h >= 0:
        unmark(objects, starts[h], starts[h + 1], marked)


@kernel
def shared_terms(
    heavier: Any,
    lighter: Any,
    place: Any,
    starts: Any,
    objects: Any,
    first_action: Any,
    class_of: Any,
    first: int,
    last: int,
    most: int,
    marked: Any,
    run_before: Any,
    shared: Any,
) -> Any:
    """List what the sums of :func:`best_p_of_pairs` add up, whatever the chances.

    Parameters
    ----------
    heavier, ..., run_before : as there
    most : how many terms are listed, at most; where there are more the rest is left out
    shared : int32 (pairs,), written at `place`: how many objects each pair shares

    Returns
    -------
    terms : int32, those of one pair after the other in ascending order of objects: the class times
        KNOWN plus the ways; or, of KNOWN ways and more, -1 less the place in `many`
    many : int64, of each of these the class and the ways
    complete : whether all are listed

    Cost: as there.
    """
    terms = np.empty(2 * (last - first) + 16, np.int32)
    many = np.empty(16, np.int64)
    runs = np.empty(256, np.uint32)
    n = 0
    n_many = 0
    complete = True
    h = -1
    for e in range(first, last):
        if heavier[e] != h:
            if h >= 0:
                unmark(objects, starts[h], starts[h + 1], marked)
            h = heavier[e]
            mark(objects, starts[h], starts[h + 1], marked, run_before)
        v = lighter[e]
        if len(runs) < starts[v + 1] - starts[v] + 1:
            runs = np.empty(2 * (starts[v + 1] - starts[v] + 1), np.uint32)
        count = np.int64(shared_runs(objects, starts[v], starts[v + 1], marked, runs))
        shared[place[e]] = count
        if n + count > most:
            complete = False
            break
        if n + count > len(terms):
            terms = widened(terms, 2 * (n + count))
        for s in range(count):
            r = np.uint64(runs[s])
            o = np.uint64(objects[r])
            own = marked_run(o, marked, run_before)
            ways = np.int64(first_action[own + ONE] - first_action[own]) * (
                first_action[r + ONE] - first_action[r]
            )
            c = np.int64(class_of[o])
            if ways < KNOWN:
                terms[n] = c * KNOWN + ways
            else:
                if n_many + 2 > len(many):
                    many = widened(many, 2 * n_many)
                many[n_many] = c
                many[n_many + 1] = ways
                terms[n] = -1 - n_many
                n_many += 2
            n += 1
    if h >= 0:
        unmark(objects, starts[h], starts[h + 1], marked)
    return terms[:n], many[:n_many], complete


@kernel
def sum_terms(
    place: Any,
    shared: Any,
    terms: Any,
    many: Any,
    log_chance: Any,
    log_miss: Any,
    table: Any,
    first: int,
    last: int,
    log_p: Any,
) -> None:
    """Write log p of the pairs first..last-1 from what :func:`shared_terms` listed of them.

    Parameters
    ----------
    place : int32 (pairs,), from :func:`shared_objects.order_pairs`
    shared, terms, many : from :func:`shared_terms`
    log_chance, log_miss, table : as in :func:`count_pairs`
    first, last : the pairs
    log_p : float64 (pairs,), written at `place`: to the last bit that of :func:`best_p_of_pairs`
    """
    k = 0
    for e in range(first, last):
        total = 0.0
        for _ in range(shared[place[e]]):
            term = terms[k]
            k += 1
            if term >= 0:
                total += table[np.uint64(term)]
            else:
                c = many[-1 - term]
                total += log_together(log_chance[c], log_miss[c], many[-term])
        log_p[place[e]] = total
