"""Compiled loops over pairs of accounts that share objects: the smallest p-value each can have."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from coordnet.kernels.compiling import inlined, kernel


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
def count_pairs(
    starts: Any,
    objects: Any,
    first_action: Any,
    object_starts: Any,
    accounts: Any,
    repeats: Any,
    place: Any,
    run_class: Any,
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
    starts, objects, first_action : from :func:`edge_tests.account_runs`: the objects of each
        account, each once
    object_starts : int64 (objects + 1,); accounts : int32 (runs,); the accounts of each object,
        each once, ascending
    repeats : int32 (runs,), how often each of these acts on it
    place : int32 (runs,), where in `accounts` each account's run stands
    run_class : int16 (runs,), the class of its object
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
            c = run_class[r]
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
    one: Any,
    other: Any,
    starts: Any,
    objects: Any,
    first_action: Any,
    run_class: Any,
    log_chance: Any,
    log_miss: Any,
    first: int,
    last: int,
    run_of: Any,
    log_p: Any,
    shared: Any,
) -> None:
    """Write the smallest log p that pairs of accounts can have, and how many objects they share.

    Parameters
    ----------
    one, other : int32 (pairs,), the accounts; those of one `one` together
    starts, objects, first_action, run_class, log_chance, log_miss : as in :func:`count_pairs`
    first, last : pairs to do
    run_of : int32 (objects,), scratch, -1 on entry and on return
    log_p : float64 (pairs,), written: the sum over shared objects of the log of their chance, in
        ascending order of objects, to the last bit that of :func:`count_pairs`
    shared : int32 (pairs,), written

    Cost: the length of the list of `other` for each pair, and of `one` once for each stretch.
    """
    h = -1
    for e in range(first, last):
        if one[e] != h:
            if h >= 0:
                for r in range(starts[h], starts[h + 1]):
                    run_of[objects[r]] = -1
            h = one[e]
            for r in range(starts[h], starts[h + 1]):
                run_of[objects[r]] = r
        total = 0.0
        count = 0
        v = other[e]
        for r in range(starts[v], starts[v + 1]):
            own = run_of[objects[r]]
            if own >= 0:
                ways = np.int64(first_action[own + 1] - first_action[own]) * (
                    first_action[r + 1] - first_action[r]
                )
                c = run_class[r]
                total += log_together(log_chance[c], log_miss[c], ways)
                count += 1
        log_p[e] = total
        shared[e] = count
    if h >= 0:
        for r in range(starts[h], starts[h + 1]):
            run_of[objects[r]] = -1
