"""Compiled loops of the activity test inside strata of time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from coordnet.kernels.arrays import widened
from coordnet.kernels.compiling import kernel
from coordnet.kernels.edge_tests import interpolated

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
                        keys = widened(keys, 2 * size)
                        counts = widened(counts, 2 * size)
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
    begin: int,
    end: int,
    partner_starts: Any,
    partner: Any,
    partner_table: Any,
    ways: Any,
    tables: Any,
    grid_start: float,
    grid_step: float,
    least: int,
    dense: Any,
    expected: Any,
) -> None:
    """Add up the expectations of the edges first..last-1 over the pairs of strata they act in.

    Of the pairs that the strata begin..end-1 are in, in a call; the strata in order, in as many
    calls as it takes.

    Parameters
    ----------
    source, target : int32 (edges,)
    first, last : edges to do
    cell_starts : int64 (accounts + 1,); cell_stratum, cell_count : int64; where each acts
    begin, end : strata to do
    partner_starts : int64 (strata + 1,), where the partners of each stratum begin
    partner : int64, the strata that each of begin..end-1 has pairs with; from that of `begin` on
    partner_table : int64, the table of each such pair
    ways : float64 (tables,), ways to deal two accounts to a pair of actions
    tables : float64 (tables, grid), log of the saturated sum
    grid_start, grid_step : the grid of log x
    least : the first stratum that is, or is a partner of, one of begin..end-1
    dense : float64 (2, strata from `least` to the last such one), scratch, zeros on entry and on
        return
    expected : float64 (edges,), added to
    """
    reach = dense.shape[1]
    for e in range(first, last):
        ends = (source[e], target[e])
        for side in range(2):
            for i in range(cell_starts[ends[side]], cell_starts[ends[side] + 1]):
                if 0 <= cell_stratum[i] - least < reach:
                    dense[side, cell_stratum[i] - least] = cell_count[i]
        total = expected[e]
        for i in range(cell_starts[ends[0]], cell_starts[ends[0] + 1]):
            b = cell_stratum[i]
            if b < begin or b >= end:
                continue
            for k in range(partner_starts[b], partner_starts[b + 1]):
                j = k - partner_starts[begin]
                c = partner[j]
                if c < b and dense[0, c - least] > 0.0:
                    continue  # seen from c
                x = dense[0, b - least] * dense[1, c - least]
                x += dense[0, c - least] * dense[1, b - least]
                if x > 0.0:
                    t = partner_table[j]
                    log_x = math.log(x / ways[t])
                    total += math.exp(interpolated(log_x, grid_start, grid_step, tables[t]))
        expected[e] = total
        for side in range(2):
            for i in range(cell_starts[ends[side]], cell_starts[ends[side] + 1]):
                if 0 <= cell_stratum[i] - least < reach:
                    dense[side, cell_stratum[i] - least] = 0.0
