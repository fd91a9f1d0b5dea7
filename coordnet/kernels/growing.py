"""Compiled loops of the group search: sets grown from a seed, account by account."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from coordnet.kernels.arrays import sort_in_place, widened
from coordnet.kernels.candidates import TRIED, best_candidates, visited
from coordnet.kernels.compiling import inner, kernel
from coordnet.kernels.groups import (
    LOG10,
    MOST,
    changed,
    evidence_of,
    gather,
    log_price,
    merge,
    objects_at,
    set_evidence,
    set_price,
    without,
    workspace,
)
from coordnet.kernels.set_weights import (
    common_objects,
    know_shared,
    step_chance,
    step_chances,
    weights_of_subsets,
)
from coordnet.kernels.staying_pairs import stays

MOST_ADDED_UP = 8  # accounts up to which the search adds up all orders; beyond it estimates


@inner
def _size_step(size: int) -> float:
    """Return by how much the part of the price that the sizes share out grows to size + 1."""
    return math.log((size + 1.0) / (size - 1.0))


@inner
def _price_with(
    interests: Any, n_accounts: int, members: Any, size: int, chances: Any, price: float, x: int,
    shared: float,
) -> float:  # fmt: skip
    """Return the price of a set with x: an estimate where it is not added up over all orders.

    Were each account as likely to be drawn last as x, w(S + x) = (|S| + 1) w(S) mean of q_ux.

    Parameters
    ----------
    interests : Interests, or None for equal prices
    n_accounts : number of accounts
    members : int32, the first `size` of them
    chances : float64, q of the members; the row and column after theirs are written
    price : of the set without x
    shared : what x shares with all others; or less, for a price that is too low
    """
    if interests is None:
        return log_price(n_accounts, size + 1)
    to_x = 0.0
    inside = 0.0  # what x shares with the members
    for i in range(size):
        common = common_objects(interests, members[i], x)
        chances[i, size] = step_chance(interests.shared[members[i]], interests.n, common)
        to_x += chances[i, size]
        chances[size, i] = common
        inside += common * (common - 1) / 2.0
    shared = max(shared, inside)
    for i in range(size):
        chances[size, i] = step_chance(shared, interests.n, int(chances[size, i]))
    if size < MOST_ADDED_UP:
        weight = weights_of_subsets(chances, size + 1, interests.n)[-1]
        return math.log((size + 1.0) * size) - math.log(weight)
    return price - math.log((size + 1.0) * to_x / size) + _size_step(size)


@inner
def _prices_without(
    interests: Any, n_accounts: int, size: int, chances: Any, price: float, prices: Any
) -> None:  # fmt: skip
    """Write the prices of a set of 3 or more without each of its members, as :func:`_price_with`.

    Parameters
    ----------
    interests, n_accounts, chances, price : as there, of the set with all its `size` members
    prices : float64 (size or more,), written
    """
    if interests is None:
        prices[:size] = log_price(n_accounts, size - 1)
    elif size <= MOST_ADDED_UP + 1:
        weights = weights_of_subsets(chances, size, interests.n)
        for i in range(size):
            weight = weights[((1 << size) - 1) ^ (1 << i)]
            prices[i] = math.log((size - 1.0) * (size - 2.0)) - math.log(weight)
    else:
        for i in range(size):
            to_i = 0.0
            for j in range(size):
                to_i += chances[j, i] if j != i else 0.0
            prices[i] = price + math.log(size * to_i / (size - 1.0)) - _size_step(size - 1)


@kernel
def grow(
    scene: Any, seed: Any, most_members: int, hopeless: float, in_set: Any, seen: Any, stamp: Any,
    score: Any, touched: Any, interests: Any,
) -> Any:  # fmt: skip
    """Grow a set from a seed: add whom most evidence comes with, drop who brings none.

    First by the chances of the classes alone: to a few members of a larger group the others look
    like outsiders who are just as fast. Of the sets on the way the one with most evidence by the
    chances of outsiders is kept, and from there accounts join and leave by that evidence.

    Parameters
    ----------
    scene : Scene
    seed : int32, two or more accounts
    most_members : a set is not grown beyond this size
    hopeless : the first part ends where a set of 10 or more has less evidence than this
    in_set, seen, stamp, score, touched : scratch (accounts,): uint8 zeros, int32 zeros, int32 -1,
        float64 zeros, on entry and on return; int32 (accounts + 1,), anything
    interests : Interests by which sets are priced, or None for equal prices

    Returns
    -------
    members : int32, ascending; none where the set needs more moments than the scene has
    evidence : log10
    """
    moments = scene.class_moments.shape[1]
    if moments < MOST and len(seed) >= moments:
        return np.empty(0, np.int32), 0.0
    room = max(most_members, len(seed)) + 1
    n_accounts = scene.population
    size = len(seed)
    members = widened(seed, room)
    chances = np.zeros((room, room))
    prices = np.empty(room)
    if interests is not None:
        know_shared(interests, members, size, seen)
        between = step_chances(interests, members, size)
        for i in range(size):
            for j in range(size):
                chances[i, j] = between[i, j]
    price = set_price(interests, n_accounts, members, size)
    for i in range(size):
        in_set[members[i]] = 1
    # typed as what Python gives: a plain False, True or -1 has a type of its own
    no, yes = np.bool_(False), np.bool_(True)
    nobody = np.int32(-1)
    nowhere = np.empty((0, 8))
    spare = np.empty(1024, np.int32)
    joint = np.empty(256, np.int32)
    best = np.empty(TRIED, np.int32)
    gains = np.empty(TRIED)
    prices_with = np.empty(TRIED)  # of the set with each of them,
    priced = np.zeros(TRIED, np.int8)  # where known: 1 where it may be more, 2 where not
    actions, n = gather(scene, members, size, np.empty(1024, np.int32))
    acted_on = objects_at(scene, actions, n, np.empty(n, np.int32))
    # what the set did by the chances of outsiders, and by those of the classes; and spare rooms
    own = workspace(n + 1)
    by_class = workspace(n + 1)
    trial = workspace(n + 1)
    chosen = workspace(n + 1)
    own_n = set_evidence(scene, actions, n, in_set, seen, own, no, nowhere)[1]
    class_n = set_evidence(scene, actions, n, in_set, seen, by_class, yes, nowhere)[1]
    evidence = evidence_of(scene, own, own_n, price)
    class_evidence = evidence_of(scene, by_class, class_n, price)
    best_size = size
    best_price = price
    first = yes  # whether it is the first part
    scored = False  # whether the candidates for the set as it is are known
    turns = 0
    while first or turns < 2 * most_members:
        if size >= moments and moments < MOST:
            for i in range(size):
                in_set[members[i]] = 0
            return np.empty(0, np.int32), 0.0
        joined = nobody
        joined_n = 0
        joined_price = price
        found = (class_evidence if first else evidence) + 1e-9
        if size < most_members:
            if not scored:
                there = visited(scene, actions, acted_on, n)
                best_candidates(
                    scene, actions, there, in_set, seen, stamp, score, touched, best, gains
                )
                scored = True
                priced[:] = 0
            for t in range(TRIED):  # the best by score are tried one by one
                x = best[t]
                if x < 0:
                    break
                # to count what an active account shares takes long: first with less, which it may
                shared = 0.0  # not need
                sure = True
                if interests is not None:
                    shared = interests.shared[x]
                    sure = shared >= 0.0
                    if not sure:
                        shared = interests.least[x]
                if priced[t] < (2 if sure else 1):
                    prices_with[t] = _price_with(
                        interests, n_accounts, members, size, chances, price, x, shared
                    ) - (0.0 if sure else 1e-9)  # fmt: skip
                    priced[t] = 2 if sure else 1
                with_x = prices_with[t]
                if gains[t] < 0.5 * (with_x - price) / LOG10:
                    continue
                in_set[x] = 1
                trial, trial_n, joint = changed(
                    scene, actions, acted_on, n, x, yes, in_set, seen, first,
                    by_class if first else own, class_n if first else own_n, trial, joint,
                )  # fmt: skip
                in_set[x] = 0
                with_it = evidence_of(scene, trial, trial_n, with_x)
                if with_it > found and interests is not None and not sure:
                    know_shared(interests, best[t:], np.int64(1), seen)
                    with_x = _price_with(
                        interests, n_accounts, members, size, chances, price, x,
                        interests.shared[x],
                    )  # fmt: skip
                    prices_with[t] = with_x
                    priced[t] = 2
                    if gains[t] < 0.5 * (with_x - price) / LOG10:
                        continue
                    with_it = evidence_of(scene, trial, trial_n, with_x)
                if with_it > found:
                    joined = x
                    joined_n = trial_n
                    joined_price = with_x
                    found = with_it
                    trial, chosen = chosen, trial
        if joined >= 0:
            if interests is not None:  # its chances
                _price_with(
                    interests, n_accounts, members, size, chances, price, joined,
                    interests.shared[joined],
                )  # fmt: skip
            in_set[joined] = 1
            if first:
                trial, own_n, joint = changed(
                    scene, actions, acted_on, n, joined, yes, in_set, seen, no, own, own_n, trial,
                    joint,
                )  # fmt: skip
                own, trial = trial, own
                by_class, chosen = chosen, by_class
                class_n = joined_n
                class_evidence = found
                found = evidence_of(scene, own, own_n, joined_price)
            else:
                own, chosen = chosen, own
                own_n = joined_n
            spare, total = merge(scene, actions, n, joined, spare)
            actions, spare = spare, actions
            n = total
            acted_on = objects_at(scene, actions, n, acted_on)
            members[size] = joined
            size += 1
            price = joined_price
            scored = False
            if not first:
                evidence = found
                turns += 1
                continue
            if found > evidence:
                evidence = found
                best_size = size
                best_price = price
            if size < 10 or found >= hopeless:
                continue
        if first:  # back to the set with most evidence by the chances of outsiders
            first = no
            price = best_price
            if best_size < size:
                for i in range(best_size, size):
                    in_set[members[i]] = 0
                size = best_size
                actions, n = gather(scene, members, size, actions)
                acted_on = objects_at(scene, actions, n, acted_on)
                own_n = set_evidence(scene, actions, n, in_set, seen, own, no, nowhere)[1]
                scored = False
            continue
        turns += 1
        if size == 2:
            break
        worst = -1  # nobody to add: drop the one without whom there is most evidence
        worst_n = 0
        _prices_without(interests, n_accounts, size, chances, price, prices)
        for i in range(size):
            x = members[i]
            in_set[x] = 0
            trial, trial_n, joint = changed(
                scene, actions, acted_on, n, x, no, in_set, seen, no, own, own_n, trial, joint
            )
            in_set[x] = 1
            less = evidence_of(scene, trial, trial_n, prices[i])
            if less > found:
                worst = i
                worst_n = trial_n
                found = less
                trial, chosen = chosen, trial
        if worst < 0:
            break
        own, chosen = chosen, own
        own_n = worst_n
        spare, total = without(scene, actions, n, members[worst], spare)
        actions, spare = spare, actions
        n = total
        acted_on = objects_at(scene, actions, n, acted_on)
        in_set[members[worst]] = 0
        size -= 1
        price = prices[worst]
        members[worst] = members[size]
        for i in range(size):
            chances[worst, i] = chances[size, i]
        for i in range(size):
            chances[i, worst] = chances[i, size]
        evidence = found
        scored = False
    found_members = members[:size].copy()
    sort_in_place(found_members)
    if interests is not None:  # what is reported rests on no estimate
        price = set_price(interests, n_accounts, found_members, size)
        evidence = evidence_of(scene, own, own_n, price)
    for i in range(size):
        in_set[members[i]] = 0
    return found_members, evidence


@kernel
def grow_each(
    scene: Any, seeds: Any, starts: Any, first: int, last: int, most_members: int, hopeless: float,
    in_set: Any, seen: Any, stamp: Any, score: Any, touched: Any, interests: Any, pairs: bool,
) -> Any:  # fmt: skip
    """Grow a set from each of the seeds first..last-1.

    Parameters
    ----------
    seeds, starts : int32, int64 (seeds + 1,), the accounts of each seed
    scene and the rest : as in :func:`grow`
    pairs : whether the evidence of pairs that stay pairs is asked for: else it is NaN

    Returns
    -------
    members : int32, of all sets, one after the other
    ends : int64 (last - first,), where each ends there
    evidence : float64 (last - first,)
    """
    members = np.empty(4 * (last - first), np.int32)
    ends = np.empty(last - first, np.int64)
    evidence = np.empty(last - first)
    size = 0
    for i in range(first, last):
        seed = seeds[starts[i] : starts[i + 1]]
        stay = False
        if interests is not None and len(seed) == 2:
            u = np.int64(min(seed[0], seed[1]))
            v = np.int64(max(seed[0], seed[1]))
            stay, log_p = stays(scene, interests, u, v, in_set, seen, stamp, score, touched)
            if stay:
                grown = np.array([u, v], np.int32)
                evidence[i - first] = np.nan
                if pairs:
                    know_shared(interests, grown, np.int64(2), seen)
                    price = set_price(interests, scene.population, grown, np.int64(2))
                    evidence[i - first] = -(log_p + price) / LOG10
        if not stay:
            grown, evidence[i - first] = grow(
                scene, seed, most_members, hopeless, in_set, seen, stamp, score, touched, interests
            )
        if size + len(grown) > len(members):
            members = widened(members, 2 * (size + len(grown)))
        members[size : size + len(grown)] = grown
        size += len(grown)
        ends[i - first] = size
    return members[:size], ends, evidence
