"""Crowds: many accounts that all act on the same many objects, whose pairs are counted in bulk.

Walking windows costs a step for each co-action, each in another place of memory. Where hundreds of
accounts act together on hundreds of objects, a matrix of their times costs a twentieth of that: two
rows of it are compared several objects at once. What is counted is the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coordnet.graphs.relation import Trace
from coordnet.kernels.actions import common_step
from coordnet.kernels.crowds import LATEST, MISSING, Crowd

WORTH = 1 << 25  # co-actions, each seen from both ends, from which a crowd is looked for
FEWEST = 16  # objects of a crowd
FULL = 1 / 8  # least share of the pairs in a crowd, on each of its objects, that are co-actions
LARGEST = 1 << 27  # entries of its matrix: 512 MB


def find_crowd(
    trace: Trace,
    low: NDArray[np.int32],
    high: NDArray[np.int32],
    n_accounts: int,
    one: NDArray[np.int32] | None = None,
) -> Crowd | None:
    """Return the crowd around the object with most co-actions, None where it is not worth it.

    Members are accounts that act on half of the objects or more, objects those on which half of
    the members do. Of an account's actions on an object only a single one is in the matrix.

    Parameters
    ----------
    trace, low, high
        The actions and their windows.
    n_accounts
        Number of account codes.
    one
        Accounts of which no two pair, and no two of the others do, as windows are across; None
        where all pair.

    Cost: linear.
    """
    account, object_, time, window = trace
    met = np.bincount(object_, high - low, len(window))
    if met.sum() < WORTH:
        return None
    member = np.zeros(n_accounts, bool)
    member[account[object_ == int(met.argmax())]] = True
    used = np.zeros(len(window), bool)
    for _ in range(2):
        acts = np.bincount(object_[member[account]], minlength=len(window))
        used = acts >= max(member.sum() / 2, 1)
        if used.sum() < FEWEST:
            return None
        acts = np.bincount(account[used[object_]], minlength=n_accounts)
        member = acts >= max(used.sum() / 2, 1)
    # of the actions of a member on such an object those that are alone there
    at = np.flatnonzero(member[account] & used[object_])
    _, key, acts = np.unique(
        account[at].astype(np.int64) * len(window) + object_[at],
        return_inverse=True, return_counts=True,
    )  # fmt: skip
    inside = np.zeros(len(account), bool)
    inside[at[acts[key] == 1]] = True
    if not inside.any():
        return None
    # steps of time in which all is exact and small enough
    of_inside = np.flatnonzero(inside)
    begin = np.full(len(window), np.iinfo(np.int64).max)
    np.minimum.at(begin, object_[of_inside], time[of_inside])
    since = time[of_inside] - begin[object_[of_inside]]
    step = max(common_step(since), 1)
    used &= window // step < LATEST
    used[object_[of_inside[since // step >= LATEST]]] = False
    inside &= used[object_]
    n_members, n_objects = int(member.sum()), int(used.sum())
    if not 0 < n_members * n_objects <= LARGEST:
        return None
    before = np.concatenate([[0], np.cumsum(inside)])
    together = (before[high] - before[low])[inside].sum()
    if together < max(WORTH, FULL * n_members * n_members * n_objects):
        return None
    windows = (window[used] // step).astype(np.int32)
    matrix = np.full((n_members, n_objects), MISSING, np.int32)
    at = np.flatnonzero(inside)
    rows, columns = member.cumsum() - 1, used.cumsum() - 1
    side = np.arange(n_members, dtype=np.int32)
    if one is not None:
        of_one = np.zeros(n_accounts, np.int32)
        of_one[one] = 1
        side = of_one[member]
    matrix[rows[account[at]], columns[object_[at]]] = (time[at] - begin[object_[at]]) // step
    return Crowd(
        np.where(member, rows, -1).astype(np.int32),
        np.flatnonzero(member).astype(np.int32),
        side,
        matrix,
        windows,
        step,
        max(1, (2**31 - 1) // max(int(windows.max()), 2)),
        np.flatnonzero(~inside).astype(np.int32),
        (np.arange(len(before)) - before).astype(np.int32),
    )
