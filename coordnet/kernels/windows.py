"""Compiled loops over windows: which actions of an object lie within a time of each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from coordnet.kernels.compiling import inner, kernel

# -- windows -----------------------------------------------------------------------------------


@kernel
def window_bounds(object_: Any, time: Any, window: Any) -> Any:
    """Find the window of every action: the actions on its object at most `window` away in time.

    Parameters
    ----------
    object_ : int32 (n,), non-decreasing
    time : int64 (n,), non-decreasing inside an object
    window : int64 (objects,), the bound on each object, inclusive, in the unit of `time`

    Returns
    -------
    low, high : int32 (n,); the window of p is low[p] .. high[p] - 1 and contains p

    Cost: O(n), two pointers.
    """
    n = len(object_)
    low = np.empty(n, np.int32)
    high = np.empty(n, np.int32)
    a = 0
    b = 0
    for p in range(n):
        bound = window[object_[p]]
        while object_[a] != object_[p] or time[p] - time[a] > bound:
            a += 1
        if b < p + 1:
            b = p + 1
        while b < n and object_[b] == object_[p] and time[b] - time[p] <= bound:
            b += 1
        low[p] = a
        high[p] = b
    return low, high


@kernel
def window_bounds_across(object_: Any, time: Any, window: Any, split: int) -> Any:
    """Find the window of every action among those of other accounts, which stand apart.

    Parameters
    ----------
    object_ : int32 (n,); the first `split` are non-decreasing, and so are the others
    time : int64 (n,), non-decreasing inside an object of either part
    window : int64 (objects,), as in :func:`window_bounds`
    split : where the second part begins

    Returns
    -------
    low, high : int32 (n,); the window of p is low[p] .. high[p] - 1, all of them of the other part

    Cost: O(n), two pointers.
    """
    n = len(object_)
    low = np.empty(n, np.int32)
    high = np.empty(n, np.int32)
    for part in range(2):
        begin, end = (0, split) if part == 0 else (split, n)
        a, stop = (split, n) if part == 0 else (0, split)
        b = a
        for p in range(begin, end):
            o = object_[p]
            now = time[p]
            bound = window[o]
            while a < stop and (object_[a] < o or (object_[a] == o and now - time[a] > bound)):
                a += 1
            if b < a:
                b = a
            while b < stop and object_[b] == o and time[b] - now <= bound:
                b += 1
            low[p] = a
            high[p] = b
    return low, high


@kernel
def live_actions(
    account: Any, object_: Any, low: Any, high: Any, n_accounts: int, need: int
) -> Any:
    """Mark the actions that can still add to an edge of `need` synchronised objects.

    An action with nobody else in its window adds to no edge; an account that has such company on
    fewer than `need` objects has no edge of that weight at all, and then neither have its actions
    anything to give to others.

    Parameters
    ----------
    account, object_ : int32 (n,)
    low, high : int32 (n,) from :func:`window_bounds`
    n_accounts : number of account codes
    need : least number of synchronised objects of an edge

    Returns
    -------
    live : bool (n,)
    count : number of actions marked

    Cost: O(n + n_accounts).
    """
    n = len(account)
    live = np.zeros(n, np.bool_)
    # a run is a stretch of positions of one object and one account: all else in it is oneself
    start = 0
    while start < n:
        end = start + 1
        while end < n and account[end] == account[start] and object_[end] == object_[start]:
            end += 1
        for p in range(start, end):
            live[p] = low[p] < start or high[p] > end
        start = end
    return live, _on_enough_objects(live, account, object_, n_accounts, need)


@kernel
def live_actions_across(
    account: Any, object_: Any, low: Any, high: Any, n_accounts: int, need: int
) -> Any:
    """Mark what :func:`live_actions` marks, of windows of :func:`window_bounds_across`.

    Whoever stands in them is another account.
    """
    live = np.empty(len(account), np.bool_)
    for p in range(len(account)):
        live[p] = low[p] < high[p]
    return live, _on_enough_objects(live, account, object_, n_accounts, need)


@inner
def _on_enough_objects(live: Any, account: Any, object_: Any, n_accounts: int, need: int) -> int:
    """Unmark the actions of accounts with fewer than `need` objects marked; count what is left."""
    objects = np.zeros(n_accounts, np.int32)
    latest = np.full(n_accounts, -1, np.int32)
    for p in range(len(account)):
        if live[p] and latest[account[p]] != object_[p]:
            latest[account[p]] = object_[p]
            objects[account[p]] += 1
    count = 0
    for p in range(len(account)):
        if live[p]:
            if objects[account[p]] < need:
                live[p] = False
            else:
                count += 1
    return count


@kernel
def row_work(indptr: Any, positions: Any, low: Any, high: Any) -> Any:
    """Return how many (own action, other action) pairs each account's windows hold: int64."""
    work = np.zeros(len(indptr) - 1, np.int64)
    for u in range(len(work)):
        for k in range(indptr[u], indptr[u + 1]):
            work[u] += high[positions[k]] - low[positions[k]]
    return work


@kernel
def nearest_lags(account: Any, time: Any, low: Any, high: Any) -> Any:
    """Return the time from each action to the nearest of another account in its window.

    Parameters
    ----------
    account : int32 (n,)
    time : int64 (n,), non-decreasing inside a window
    low, high : int32 (n,), from :func:`window_bounds`

    Returns
    -------
    lag : int64 (n,), -1 where the window holds no other account

    Cost: O(n).
    """
    n = len(account)
    lag = np.empty(n, np.int64)
    far = np.iinfo(np.int64).max
    start = 0  # a stretch of one account: the nearest of another are right outside of it
    end = 0
    for p in range(n):
        if p == end:
            start = end
            end += 1
            while end < n and account[end] == account[start]:
                end += 1
        before = time[p] - time[start - 1] if low[p] < start else far
        after = time[end] - time[p] if end < high[p] else far
        nearest = min(before, after)
        lag[p] = nearest if nearest < far else -1
    return lag
