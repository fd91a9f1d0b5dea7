"""Compiled loops of the chances in which every pair of accounts weighs alike."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from coordnet.kernels.arrays import stable_order, take
from coordnet.kernels.compiling import inlined, inner, kernel
from coordnet.kernels.shared_objects import BIT, ONE, WORD

SAMPLES = (6_000, 60_000)  # co-occurrences of a class that are looked at, and looked at closely
SHORT = 32  # objects of the one who has fewer, up to which nothing is marked
APART = 8  # times as many of the other, from which on each is looked up
FEW = 16  # pairs of actions of two accounts on an object, up to which each is looked at
WORTH = 0.8  # looked at closely where the chance may be lower than the pooled one by this factor


class Slots(NamedTuple):
    """Who acts on what: a slot is one account on one object, by class, account and object.

    Objects are numbered by class. A holder is an account with all its slots of one class.
    """

    starts: Any  # int64 (objects + 1,), where the slots of each object begin in `by_object`
    object: Any  # int32 (slots,), ascending inside a holder
    holder: Any  # int32 (slots,), ascending inside a class: the account; its number in the class
    # once :func:`number_holders` was there
    by_object: Any  # int32 (slots,), written there: the slots by object, those of one by account
    action: Any  # int32 (slots,), the one action; of several -1 - their run
    first_action: Any  # int32 (runs + 1,), where each run of `positions` begins
    positions: Any  # int32 (n,), the actions account by account
    time: Any  # int64 (n,), of the actions


@kernel
def who_shares(starts: Any, objects: Any, met: Any, first: int, last: int, shares: Any) -> None:
    """Mark the accounts first..last-1 that act on an object on which others act too.

    Parameters
    ----------
    starts, objects : from :func:`shared_objects.account_runs`
    met : bool (objects,), whether several accounts act on it
    first, last : accounts to do
    shares : bool (accounts,), written
    """
    for u in range(first, last):
        shares[u] = False
        for r in range(starts[u], starts[u + 1]):
            if met[objects[r]]:
                shares[u] = True
                break


@kernel
def count_slots(starts: Any, objects: Any, rank: Any, inside: Any, counts: Any) -> None:
    """Count how many of the accounts inside act on each object.

    Parameters
    ----------
    starts, objects, rank, inside : as in :func:`list_slots`
    counts : int64 (objects,), added to, by rank
    """
    for u in range(len(starts) - 1):
        if inside[u]:
            for r in range(starts[u], starts[u + 1]):
                counts[rank[objects[r]]] += 1


@kernel
def list_slots(
    starts: Any,
    objects: Any,
    first_action: Any,
    positions: Any,
    class_of: Any,
    rank: Any,
    inside: Any,
    borders: Any,
    slot_starts: Any,
    object_: Any,
    holder: Any,
    action: Any,
) -> None:
    """List who acts on what, as :class:`Slots` has it.

    Parameters
    ----------
    starts, objects, first_action : from :func:`shared_objects.account_runs`
    positions : int32 (n,), the actions account by account
    class_of : int32 (objects,), the class of each object
    rank : int32 (objects,), the number that each object has among the slots
    inside : bool (accounts,), whose slots are listed
    borders : int64 (classes + 1,), where the objects of each class begin among the numbers
    slot_starts : as in :class:`Slots`
    object_, holder, action : written; as in :class:`Slots`

    Cost: linear.
    """
    following = np.empty(len(borders) - 1, np.int64)
    for c in range(len(following)):
        following[c] = slot_starts[borders[c]]
    for u in range(len(starts) - 1):
        if inside[u]:
            for r in range(np.uint64(starts[u]), np.uint64(starts[u + 1])):
                o = np.uint64(objects[r])
                c = np.uint64(class_of[o])
                s = np.uint64(following[c])
                following[c] += 1
                k = np.uint64(first_action[r])
                alone = first_action[r + ONE] - first_action[r] == 1
                object_[s] = rank[o]
                holder[s] = u
                action[s] = positions[k] if alone else -1 - np.int64(r)


@kernel
def number_holders(slots: Any, first: int, last: int, holder_starts: Any) -> None:
    """Give the holders of a class numbers from 0 on, and list its slots by object.

    Parameters
    ----------
    slots : Slots, of which `holder` and `by_object` are written
    first, last : the objects first..last-1 are those of the class
    holder_starts : int32 (accounts + 1,), written: where the slots of each holder begin

    Cost: linear. What is written at random places is of one class, so that it is in the cache.
    """
    starts = slots.starts  # not taken inside loops, where each time a reference would be counted
    object_ = slots.object
    holder = slots.holder
    by_object = slots.by_object
    following = np.empty(last - first, np.int32)
    for x in range(last - first):
        following[x] = starts[first + x]
    holders = 0
    u = -1
    for s in range(np.uint64(starts[first]), np.uint64(starts[last])):  # no branch
        holder_starts[np.uint64(holders)] = s
        holders += np.int64(holder[s] != u)
        u = holder[s]
        holder[s] = holders - 1
        x = np.uint64(object_[s] - first)
        by_object[np.uint64(following[x])] = s
        following[x] += 1
    holder_starts[holders] = starts[last]


@inlined
def first_at_least(values: Any, low: int, high: int, least: int) -> int:
    """Return where the first of the ascending values[low:high] that is >= least stands."""
    while low < high:
        middle = (low + high) >> 1
        if values[middle] < least:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def uniform(a: int, b: int) -> float:
    """Return a number in [0, 1) that depends on a and b (below 2^31) alone: splitmix64."""
    z = ((np.uint64(a) << np.uint64(32)) + np.uint64(b)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.float64((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


@inlined
def shared_by_search(object_: Any, few: int, few_end: int, many: int, many_end: int) -> int:
    """Return how many of few ascending objects are among many, looking up each of them."""
    shared = 0
    for k in range(few, few_end):
        many = first_at_least(object_, many, many_end, object_[k])
        shared += 1 if many < many_end and object_[many] == object_[k] else 0
    return shared


@inlined
def shared_by_merge(object_: Any, one: int, one_end: int, two: int, two_end: int) -> int:
    """Return how many objects two ascending lists share, walking both side by side."""
    shared = 0
    while one < one_end and two < two_end:  # no branch: nobody can guess it
        a = object_[one]
        b = object_[two]
        shared += np.int64(a == b)
        one += np.int64(a <= b)
        two += np.int64(b <= a)
    return shared


@inner
def count_shared(
    object_: Any, holder_starts: Any, one: Any, two: Any, first: int, last: int
) -> Any:
    """Return how many objects both holders of each pair act on: int32.

    Parameters
    ----------
    object_ : of :class:`Slots`
    holder_starts : from :func:`number_holders`
    one, two : int32 (pairs,), holders of one class that share an object
    first, last : the objects first..last-1 are those of the class

    Cost: of short lists, their length. O(k) for a pair that have k objects and more, once the
    objects of the one who has more are marked, which is done once for each holder; and the order
    of these.
    """
    shared = np.empty(len(one), np.int32)
    heavier = np.empty(len(one), np.int32)
    long = np.empty(len(one), np.int64)  # pairs
    n = 0
    for i in range(len(one)):
        u = one[i]
        v = two[i]
        if holder_starts[u + 1] - holder_starts[u] <= holder_starts[v + 1] - holder_starts[v]:
            u, v = v, u
        few = np.int64(holder_starts[v])
        few_end = np.int64(holder_starts[v + 1])
        many = np.int64(holder_starts[u])
        many_end = np.int64(holder_starts[u + 1])
        if few_end - few == 1:
            shared[i] = 1
        elif few_end - few > SHORT:
            heavier[n] = u
            long[n] = i
            n += 1
        elif many_end - many > APART * (few_end - few):
            shared[i] = shared_by_search(object_, few, few_end, many, many_end)
        else:
            shared[i] = shared_by_merge(object_, few, few_end, many, many_end)
    if n == 0:
        return shared
    marked = np.zeros((last - first) // 64 + 1, np.uint64)
    h = -1
    for k in stable_order(heavier[:n]):
        i = long[k]
        if heavier[k] != h:
            if h >= 0:
                for s in range(holder_starts[h], holder_starts[h + 1]):
                    marked[np.uint64(object_[s] - first) >> WORD] = 0
            h = heavier[k]
            for s in range(holder_starts[h], holder_starts[h + 1]):
                o = np.uint64(object_[s] - first)
                marked[o >> WORD] |= ONE << (o & BIT)
        v = two[i] if one[i] == h else one[i]
        count = np.uint64(0)
        for s in range(holder_starts[v], holder_starts[v + 1]):
            o = np.uint64(object_[s] - first)
            count += marked[o >> WORD] >> (o & BIT) & ONE
        shared[i] = count
    return shared


@inlined
def action_at(positions: Any, own: int, k: int) -> int:
    """Return which action stands at k, of a slot with one action k itself."""
    return positions[k] if own < 0 else k


@inlined
def share_together(
    first_action: Any, positions: Any, time: Any, one: int, two: int, window: int
) -> float:
    """Return the share of the pairs of actions of two slots that are within the window.

    Parameters
    ----------
    first_action, positions, time : of :class:`Slots`
    one, two : the values of `action` of both
    """
    a = np.int64(one)
    a_end = a + 1
    if one < 0:
        a = np.int64(first_action[-1 - one])
        a_end = np.int64(first_action[-one])
    b = np.int64(two)
    b_end = b + 1
    if two < 0:
        b = np.int64(first_action[-1 - two])
        b_end = np.int64(first_action[-two])
    pairs = (a_end - a) * (b_end - b)
    met = 0
    if pairs <= FEW:
        for i in range(a, a_end):
            now = time[action_at(positions, one, i)]
            for j in range(b, b_end):
                met += np.int64(abs(now - time[action_at(positions, two, j)]) <= window)
        return met / np.float64(pairs)
    low = b
    high = b
    for i in range(a, a_end):
        now = time[action_at(positions, one, i)]
        while low < b_end and now - time[action_at(positions, two, low)] > window:
            low += 1
        high = max(high, low)
        while high < b_end and time[action_at(positions, two, high)] - now <= window:
            high += 1
        met += high - low
    return met / np.float64(pairs)


@kernel
def sample_sums(
    slots: Any, first: int, last: int, before: Any, window: int, size: int, seed: int,
    holder_starts: Any, share: Any,
) -> Any:  # fmt: skip
    """Add up what a sample of `size` of the co-occurrences on the objects first..last-1 shows.

    See :func:`class_sums`; `holder_starts` is what :func:`number_holders` wrote.
    """
    sums = np.zeros(6)
    sums[0] = size
    total = before[last] - before[first]
    starts = slots.starts
    by_object = slots.by_object
    holder = slots.holder
    first_action = slots.first_action
    positions = slots.positions
    time = slots.time
    one = np.empty(size, np.int64)  # places in `by_object`
    two = np.empty(size, np.int64)
    o = first
    for i in range(size):
        x = np.int64(i)  # the number of a co-occurrence: one of each of `size` equal stretches
        if total > size:
            x = min(np.int64((i + uniform(seed, i)) * (np.float64(total) / size)), total - 1)
        x += before[first]
        while before[o + 1] <= x:
            o += 1
        x -= before[o]
        b = np.int64((1.0 + math.sqrt(1.0 + 8.0 * x)) / 2.0)  # x = b (b - 1) / 2 + a, a < b
        while b * (b - 1) // 2 > x:  # where the root was rounded
            b -= 1
        while b * (b + 1) // 2 <= x:
            b += 1
        one[i] = starts[o] + x - b * (b - 1) // 2
        two[i] = starts[o] + b
    one_slot = take(by_object, one)
    two_slot = take(by_object, two)
    sources = take(holder, one_slot)
    targets = take(holder, two_slot)
    shared = count_shared(slots.object, holder_starts, sources, targets, first, last)
    own = take(slots.action, one_slot)
    other = take(slots.action, two_slot)
    part = np.empty(size)
    several = np.empty(size, np.int32)
    n = 0
    for i in range(size):  # no branch, so that one need not wait for the memory of another
        apart = time[np.uint64(max(own[i], 0))] - time[np.uint64(max(other[i], 0))]
        part[i] = np.float64(abs(apart) <= window)
        several[n] = i
        n += np.int64((own[i] | other[i]) < 0)
    for i in several[:n]:
        part[i] = share_together(first_action, positions, time, own[i], other[i], window)
    for i in range(size):
        weight = 1.0 / shared[i]
        both = part[i] * weight
        sums[1] += both
        sums[2] += weight
        sums[3] += both * both
        sums[4] += weight * weight
        share[sources[i]] += weight
        share[targets[i]] += weight
    squares = 0.0
    for j in range(starts[first], starts[last]):
        u = holder[by_object[j]]
        squares += share[u] ** 2
        share[u] = 0.0
    if squares > 0.0:
        sums[5] = 4.0 * sums[2] * sums[2] / squares
    return sums


@kernel
def class_sums(
    slots: Any, first: int, last: int, before: Any, window: int, pooled: float, seed: int,
    holder_starts: Any, share: Any,
) -> Any:  # fmt: skip
    """Add up what a sample of the co-occurrences of one class shows.

    Parameters
    ----------
    slots : Slots
    first, last : the objects first..last-1 are those of the class
    before : int64 (objects + 1,), co-occurrences on all objects before each one
    window : the bound, inclusive
    pooled : the chance of the class pooled over its objects; a larger sample is drawn only where
        the small one says that pairs weighing alike may have one lower by the factor WORTH
    seed : number of the class
    holder_starts : int32 (accounts + 1,), scratch
    share : float64 (accounts,), scratch, zeros on entry and on return

    Returns
    -------
    sums : float64 (6,): how many were looked at; the sums over them of s / K, 1 / K, (s / K)^2 and
        1 / K^2; and 1 / sum of the squared shares that accounts have in the sum of 1 / K, the
        effective number of different accounts. Zeros where there are no co-occurrences.

    Cost: O(size of the sample), times k for accounts that have k objects of the class; and the
    slots of the class.
    """
    sums = np.zeros(6)
    number_holders(slots, first, last, holder_starts)
    for close in range(2):
        size = min(before[last] - before[first], SAMPLES[close])
        if sums[0] < size and sums[1] <= WORTH * pooled * sums[2]:
            sums = sample_sums(slots, first, last, before, window, size, seed, holder_starts, share)
    return sums
