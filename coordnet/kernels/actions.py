"""Compiled loops that put the actions of a log in order."""

from __future__ import annotations

from typing import Any

import numpy as np

from coordnet.kernels.arrays import stable_order, widened
from coordnet.kernels.compiling import inner, kernel


@inner
def _sort_stretch(order: Any, begin: int, end: int, values: Any) -> None:
    """Sort order[begin:end] by the values of what stands there, equals as they stand."""
    rows = widened(order[begin:end], end - begin)
    own = np.empty(len(rows), values.dtype)
    for i in range(len(rows)):
        own[i] = values[rows[i]]
    places = stable_order(own)
    for i in range(len(rows)):
        order[begin + i] = rows[places[i]]


@kernel
def sort_within_groups(indptr: Any, order: Any, time: Any, tie: Any, first: int, last: int) -> None:
    """Sort each of the groups first..last-1 of `order`, in place, by (time, tie, row).

    Parameters
    ----------
    indptr : int64 (groups + 1,)
    order : int32 (n,), rows grouped by `indptr`, ascending inside a group on entry
    time : int64 (rows,)
    tie : int64 (rows,), what decides between equal times before the row number does
    first, last : the groups to sort

    Cost: O(n log n) compares at worst; O(n) where rows come sorted by time.
    """
    for g in range(first, last):
        a = indptr[g]
        b = indptr[g + 1]
        if b - a < 2:
            continue
        ordered = True
        for i in range(a + 1, b):
            if time[order[i]] < time[order[i - 1]]:
                ordered = False
                break
        if not ordered:
            if b - a <= 24:
                for i in range(a + 1, b):
                    row = order[i]
                    j = i
                    while j > a and time[order[j - 1]] > time[row]:
                        order[j] = order[j - 1]
                        j -= 1
                    order[j] = row
            else:
                _sort_stretch(order, a, b, time)
        # equal times: by tie, rows staying in order
        i = a
        while i < b:
            j = i + 1
            while j < b and time[order[j]] == time[order[i]]:
                j += 1
            if j - i == 2:
                if tie[order[i]] > tie[order[i + 1]]:
                    order[i], order[i + 1] = order[i + 1], order[i]
            elif j - i > 2:
                _sort_stretch(order, i, j, tie)
            i = j


@kernel
def first_of_equals(object_: Any, time: Any, account: Any, post: Any) -> Any:
    """Mark, in a sorted log, each action that does not repeat the one before it in every column.

    Parameters
    ----------
    object_, account : int32 (n,)
    time : int64 (n,)
    post : int32 (n,), or (0,) where there is none

    Returns
    -------
    keep : bool (n,)
    """
    n = len(object_)
    keep = np.ones(n, np.bool_)
    with_post = len(post) > 0
    for p in range(1, n):
        keep[p] = (
            object_[p] != object_[p - 1]
            or time[p] != time[p - 1]
            or account[p] != account[p - 1]
            or (with_post and post[p] != post[p - 1])
        )
    return keep


@kernel
def run_starts(account: Any, time: Any, refractory: int) -> Any:
    """Mark the actions that begin a run: none of their account within `refractory` before them.

    Parameters
    ----------
    account : int32 (n,), non-decreasing
    time : int64 (n,), non-decreasing inside an account
    refractory : the largest gap inside a run

    Returns
    -------
    start : bool (n,)
    """
    start = np.ones(len(account), np.bool_)
    for p in range(1, len(account)):
        start[p] = account[p] != account[p - 1] or time[p] - time[p - 1] > refractory
    return start


@kernel
def common_step(time: Any) -> int:
    """Return the greatest common divisor of the times, 0 where all are 0 or there are none."""
    step = 0
    for p in range(len(time)):
        a = abs(time[p])
        if step != 0 and a % step == 0:
            continue
        while a != 0:
            step, a = a, step % a
        if step == 1:
            break
    return step


@kernel
def most_actions(account: Any, object_: Any, n_accounts: int) -> Any:
    """Count the actions of the account that has most.

    Parameters
    ----------
    account, object_ : int32 (n,), sorted by object
    n_accounts : number of account codes

    Returns
    -------
    every : the most actions of an account
    on_one : the most actions of an account on one object

    Cost: O(n + n_accounts).
    """
    acts = np.zeros(n_accounts, np.int32)
    here = np.zeros(n_accounts, np.int32)
    latest = np.full(n_accounts, -1, np.int32)
    every = 0
    on_one = 0
    for p in range(len(account)):
        u = account[p]
        acts[u] += 1
        if latest[u] != object_[p]:
            latest[u] = object_[p]
            here[u] = 0
        here[u] += 1
        every = max(every, acts[u])
        on_one = max(on_one, here[u])
    return every, on_one
