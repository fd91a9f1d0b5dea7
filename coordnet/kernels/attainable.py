"""Compiled loops over pairs of accounts that share objects: the smallest p-value each can have."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from coordnet.kernels.compiling import inlined, kernel
from coordnet.kernels.shared_objects import ONE, mark, marked_run, shared_runs, unmark


@inlined
def log_together(log_chance: float, log_miss: float, ways: int) -> float:
    """Return log of 1 - (1 - chance)**ways, from log chance and log (1 - chance)."""
    if ways == 1:
        return log_chance
    return math.log(-math.expm1(log_miss * ways)) if log_miss < 0.0 else log_chance


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
def edges_of_accounts(
    p_values: Any,
    source: Any,
    target: Any,
    of_account: Any,
    first: int,
    last: int,
    account: Any,
    p: Any,
    found: int,
) -> Any:
    """List the p-values of the edges of the accounts first..last-1, up to that of the account.

    Parameters
    ----------
    p_values, source, target, of_account : as in :func:`near_edges`
    first, last : accounts to do
    account : int32, p : float64; written from `found` on
    found : how many there were before

    Returns
    -------
    found : how many there are now
    """
    for e in range(len(p_values)):
        for u in (source[e], target[e]):
            if first <= u < last and p_values[e] <= of_account[u]:
                account[found] = u
                p[found] = p_values[e]
                found += 1
    return found


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
            for q in range(place[r] + 1, object_starts[o + 1]):
                v = accounts[q]
                if shared[v] == 0:
                    touched[n] = v
                    n += 1
                shared[v] += 1
                ways = own * repeats[q]
                if ways == 1:
                    depth[v] += alone
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
    starts, objects, first_action, class_of, log_chance, log_miss : as in :func:`count_pairs`
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
            c = class_of[o]
            total += log_together(log_chance[c], log_miss[c], ways)
        log_p[place[e]] = total
        shared[place[e]] = count
    if h >= 0:
        unmark(objects, starts[h], starts[h + 1], marked)
