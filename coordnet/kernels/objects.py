"""Compiled loops over the actions on each object: who acts on it, and how often together."""

from __future__ import annotations

from typing import Any

import numpy as np

from coordnet.kernels.arrays import sort_in_place
from coordnet.kernels.compiling import inlined, kernel


@inlined
def one_over(repeats: int) -> float:
    """Return 1 / repeats, most of which are 1: to divide takes long."""
    return 1.0 if repeats == 1 else 1.0 / repeats


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
        distinct = 0
        for p in range(a, b):
            distinct += np.int64(seen[account[p]] == 0)
            seen[account[p]] += 1
        once = distinct == b - a
        repeated = 0
        if not once:
            for p in range(a, b):
                repeats[p - a] = seen[account[p]]
                repeated += np.int64(repeats[p - a] > 1)
        for p in range(a, b):
            seen[account[p]] = 0
        n_accounts[o] = distinct
        pairs = 0
        low = a
        if once:  # all weigh 1
            for p in range(a, b):
                while time[p] - time[low] > window:
                    low += 1
                pairs += p - low
            pairs_all[o] = pairs
            pairs_weighted[o] = pairs
            continue
        weighted = 0.0
        inside = 0.0  # sum of 1 / m over the actions in the window before p
        for p in range(a, b):
            while time[p] - time[low] > window:
                inside -= one_over(repeats[low - a])
                low += 1
            if low == p:
                inside = 0.0  # so that rounding never builds up
            pairs += p - low
            m = repeats[p - a]
            weighted += inside if m == 1 else inside / m
            inside += one_over(m)
        # pairs of one account are no co-actions; most accounts have none within the window
        own = np.empty(repeated, np.int64)
        count = 0
        for p in range(a, b):
            if repeats[p - a] > 1:
                own[count] = (np.int64(account[p]) << 32) | (p - a)
                count += 1
        for i in range(count):  # the last action of each, from 1 on; below 0 where two are close
            k = own[i] & 0xFFFFFFFF
            before = seen[account[a + k]]
            close = before != 0 and time[a + k] - time[a + abs(before) - 1] <= window
            seen[account[a + k]] = -1 - k if close or before < 0 else 1 + k
        close_count = 0
        for i in range(count):
            own[close_count] = own[i]
            close_count += np.int64(seen[own[i] >> 32] < 0)
        for i in range(a, b):
            seen[account[i]] = 0
        own = own[:close_count]
        sort_in_place(own)
        start = 0
        for i in range(close_count):
            if own[i] >> 32 != own[start] >> 32:
                start = i
            p = a + (own[i] & 0xFFFFFFFF)
            while time[p] - time[a + (own[start] & 0xFFFFFFFF)] > window:
                start += 1
            weighted -= (i - start) / (np.float64(repeats[p - a]) * repeats[p - a])
        pairs_all[o] = pairs
        pairs_weighted[o] = max(weighted, 0.0) if distinct > 1 else 0.0
