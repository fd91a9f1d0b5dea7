"""Compiled loops of the test of membership: who acts when several members of a cluster do.

The definitions are in :mod:`coordnet.inference.membership`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from coordnet.kernels.arrays import rank, widened
from coordnet.kernels.compiling import inner, kernel
from coordnet.kernels.groups import PRIOR_ACCOUNTS, gather
from coordnet.kernels.occasions import OccasionRule, count_occasions
from coordnet.kernels.tails import log_tail


@inner
def crowded_times(
    scene: Any, actions: Any, i: int, j: int, window: int, need: int, seen: Any, begins: Any,
    ends: Any,
) -> int:  # fmt: skip
    """Write the intervals of time within the window of `need` or more members; return how many.

    Parameters
    ----------
    scene : Scene
    actions : int32, positions; i..j-1 are the members' on one object, ascending
    window : in microseconds, inclusive
    need : different members
    seen : int32 (accounts,), scratch, zeros on entry and on return
    begins, ends : int64 (j - i or more,), written; both ends included

    Cost: linear.
    """
    count = 0
    found = 0
    enter = i
    leave = i
    while leave < j:
        if enter < j and (
            scene.time[actions[enter]] - window <= scene.time[actions[leave]] + window
        ):
            account = scene.account[actions[enter]]
            if seen[account] == 0:
                count += 1
                if count == need:
                    begins[found] = scene.time[actions[enter]] - window
            seen[account] += 1
            enter += 1
        else:
            account = scene.account[actions[leave]]
            seen[account] -= 1
            if seen[account] == 0:
                if count == need:
                    ends[found] = scene.time[actions[leave]] + window
                    found += 1
                count -= 1
            leave += 1
    return found


@inner
def members_joining(
    scene: Any, actions: Any, i: int, j: int, window: int, need: int, seen: Any, joined: Any
) -> int:
    """Mark the members' actions within the window of `need` or more other members'.

    Parameters
    ----------
    scene, actions, i, j, window, need, seen : as in :func:`crowded_times`
    joined : uint8 (actions of the log,), 1 is written at the positions that are marked

    Returns
    -------
    members : number of different members that act on the object
    """
    count = 0
    low = i
    high = i
    for k in range(i, j):
        time = scene.time[actions[k]]
        while high < j and scene.time[actions[high]] - time <= window:
            account = scene.account[actions[high]]
            count += 1 if seen[account] == 0 else 0
            seen[account] += 1
            high += 1
        while time - scene.time[actions[low]] > window:
            account = scene.account[actions[low]]
            seen[account] -= 1
            count -= 1 if seen[account] == 0 else 0
            low += 1
        if count > need:  # itself among them
            joined[actions[k]] = 1
    for k in range(low, high):
        seen[scene.account[actions[k]]] = 0
    members = 0
    for k in range(i, j):
        account = scene.account[actions[k]]
        members += 1 if seen[account] == 0 else 0
        seen[account] = 1
    for k in range(i, j):
        seen[scene.account[actions[k]]] = 0
    return members


@kernel
def membership_p_values(
    scene: Any, members: Any, need: int, delays: Any, delay_starts: Any, chance: Any,
    resolution: int, in_set: Any, seen: Any, tally: Any, index: Any, joined: Any,
) -> Any:  # fmt: skip
    """Test of every member, and of every other account that joins them twice, that it is no chance.

    Parameters
    ----------
    scene : Scene
    members : int32, two or more accounts
    need : members that must be near for an action to join them
    delays, delay_starts : int64, the delays since an object's first action that each class of
        objects shows, ascending inside the class, and where each class begins (classes + 1,)
    chance : float64 (classes,), that two accounts act on an object within the window
    resolution : of the times, in microseconds
    in_set, seen, tally, index, joined : scratch: uint8 (accounts,) zeros, int32 (accounts,) zeros,
        int32 (accounts,) zeros, int32 (objects,) -1, uint8 (actions,) zeros; so on return

    Returns
    -------
    accounts : int32, the members, then the others
    log_p : float64, of each

    Cost: the members' actions, those of others at crowded times, and all actions of the accounts
    that are tested.
    """
    size = len(members)
    for i in range(size):
        in_set[members[i]] = 1
    actions, n = gather(scene, members, size, np.empty(1024, np.int32))
    begins = np.empty(n + 1, np.int64)
    ends = np.empty(n + 1, np.int64)
    objects = np.empty(n + 1, np.int32)
    by_class = np.empty(n + 1, np.float64)
    joining = np.empty(n + 1, np.float64)  # other accounts that join the members on the object
    outside = np.empty(n + 1, np.float64)  # other accounts on it
    marked = np.empty(1024, np.int32)  # positions of others' actions that join
    n_marked = 0
    crowded = 0
    i = np.int64(0)
    while i < n:
        o = scene.object[actions[i]]
        j = i + 1
        while j < n and scene.object[actions[j]] == o:
            j += 1
        intervals = 0
        if j - i >= need:
            window = scene.window[o]
            intervals = crowded_times(scene, actions, i, j, window, need, seen, begins, ends)
        if intervals > 0:
            on_it = members_joining(scene, actions, i, j, window, need, seen, joined)
            begin = scene.starts[o]
            end = scene.starts[o + 1]
            times = scene.time[begin:end]
            c = scene.class_of[o]
            pooled = delays[delay_starts[c] : delay_starts[c + 1]]
            length = 0.0
            share = 0.0
            others = 0
            first_marked = n_marked
            for k in range(intervals):
                length += ends[k] - begins[k] + resolution
                if len(pooled) > 0:
                    share += rank(pooled, ends[k] - times[0] + 1)
                    share -= rank(pooled, begins[k] - times[0])
                p = begin + rank(times, begins[k])
                while p < end and scene.time[p] <= ends[k]:
                    account = scene.account[p]
                    if in_set[account] == 0:
                        if seen[account] == 0:
                            seen[account] = 1
                            tally[account] += 1
                            others += 1
                        if n_marked == len(marked):
                            marked = widened(marked, 2 * n_marked)
                        marked[n_marked] = p
                        joined[p] = 1
                        n_marked += 1
                    p += 1
            for k in range(first_marked, n_marked):
                seen[scene.account[marked[k]]] = 0
            expected = chance[c] * length / (2.0 * window + resolution)
            if len(pooled) > 0:
                expected = max(expected, share / len(pooled))
            objects[crowded] = o
            by_class[crowded] = min(expected, 1.0)
            joining[crowded] = others
            outside[crowded] = scene.n_accounts[o] - on_it
            index[o] = crowded
            crowded += 1
        i = j

    accounts = widened(members, size + n_marked)
    count = size
    for k in range(n_marked):
        account = scene.account[marked[k]]
        if tally[account] > 1:
            accounts[count] = account
            count += 1
        tally[account] = 0  # each once
    accounts = accounts[:count].copy()
    log_p = np.zeros(count)
    chances = np.empty(crowded + 1)
    moments = np.empty(crowded + 1, np.int64)
    states = np.empty(201)
    by_gap = OccasionRule(scene.rule.gap_us, 0)  # whatever the background
    for a in range(count):
        account = accounts[a]
        trials = 0
        met = 0
        k = scene.indptr[account]
        k_end = scene.indptr[account + 1]
        while k < k_end:
            o = scene.object[scene.positions[k]]
            r = index[o]
            own = 0
            moment = -1
            factor = 1.0
            while k < k_end and scene.object[scene.positions[k]] == o:
                p = scene.positions[k]
                if r >= 0:
                    own += 1
                    factor = max(factor, scene.round_factors[scene.class_of[o], scene.grain[p]])
                    if joined[p] == 1 and moment < 0:
                        moment = p
                k += 1
            if r < 0:
                continue
            others = joining[r]
            room = outside[r]
            if in_set[account] == 0:  # its own action says nothing of what others do
                others -= 1.0 if moment >= 0 else 0.0
                room -= 1.0
            once = (others + PRIOR_ACCOUNTS * by_class[r]) / (room + PRIOR_ACCOUNTS)
            once = min(once * factor, 1.0)
            chances[trials] = 1.0 - (1.0 - once) ** own
            trials += 1
            if moment >= 0:
                moments[met] = scene.time[moment]
                met += 1
        occasions = count_occasions(moments, met, by_gap)
        log_p[a] = min(log_tail(occasions, chances, trials, states), 0.0)

    for k in range(n):
        joined[actions[k]] = 0
    for k in range(n_marked):
        joined[marked[k]] = 0
    for k in range(crowded):
        index[objects[k]] = -1
    for i in range(size):
        in_set[members[i]] = 0
    return accounts, log_p
