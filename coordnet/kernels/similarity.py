"""Compiled loops over accounts and the objects they share: products of rows, pairs of accounts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from coordnet.kernels.arrays import sort_in_place, stable_order, widened, widened_rows
from coordnet.kernels.compiling import inlined, kernel
from coordnet.kernels.edges import sort_by_upper_half


@inlined
def _after(values: Any, start: int, stop: int, bound: int) -> int:
    """Return the first k in start..stop-1 with values[k] > bound."""
    while start < stop:
        middle = (start + stop) >> 1
        if values[middle] > bound:
            stop = middle
        else:
            start = middle + 1
    return start


# -- products of rows --------------------------------------------------------------------------


@kernel
def row_products(
    indptr: Any,
    columns: Any,
    values: Any,
    by_column: Any,
    rows: Any,
    row_values: Any,
    first: int,
    last: int,
    above: float,
    total: Any,
) -> Any:
    """Multiply the rows first..last-1 of a sparse matrix with all later rows.

    Gustavson's row-wise product of the matrix and its transpose, above the diagonal only: what two
    rows share is added up column by column in one array over rows.

    Parameters
    ----------
    indptr : int64 (rows + 1,), columns : int32 (n,), values : float64 (n,), none
        negative; the matrix by rows
    by_column : int64 (columns + 1,), rows : int32 (n,), ascending in a column, row_values :
        float64 (n,); the same by columns
    first, last : the rows to do
    above : products of at most this are left out
    total : float64 (rows,), scratch, zero on entry and on return

    Returns
    -------
    i, j : int32 (found,), i < j, sorted
    x : float64 (found,), the products

    Cost: O(pairs of entries of one column) of these rows.
    """
    room = 1024
    i = np.empty(room, np.int32)
    j = np.empty(room, np.int32)
    x = np.empty(room, np.float64)
    met = np.empty(len(total), np.int64)
    found = 0
    for u in range(first, last):
        n = 0
        for k in range(indptr[u], indptr[u + 1]):
            c = columns[k]
            own = values[k]
            end = by_column[c + 1]
            for q in range(_after(rows, by_column[c], end, u), end):
                v = rows[q]
                product = own * row_values[q]
                if product == 0.0:
                    continue
                if total[v] == 0.0:
                    met[n] = v
                    n += 1
                total[v] += product
        if found + n > room:
            room = 2 * (found + n)
            i = widened(i, room)
            j = widened(j, room)
            x = widened(x, room)
        kept = 0
        for s in range(n):
            v = met[s]
            if total[v] > above:
                met[kept] = v
                kept += 1
            else:
                total[v] = 0.0
        sort_in_place(met[:kept])
        for s in range(kept):
            v = met[s]
            i[found] = u
            j[found] = v
            x[found] = total[v]
            total[v] = 0.0
            found += 1
    return i[:found], j[:found], x[:found]


@kernel
def top_products(
    indptr: Any,
    columns: Any,
    values: Any,
    by_column: Any,
    rows: Any,
    row_values: Any,
    first: int,
    last: int,
    top: int,
    total: Any,
) -> Any:
    """Multiply the rows first..last-1 with all rows, themselves too; keep each one's `top` largest.

    Of equal products the one met last is kept, where a row is walked column by column.

    Parameters
    ----------
    indptr, columns, values, by_column, rows, row_values, first, last, total
        As in :func:`row_products`.
    top : how many of each row are kept

    Returns
    -------
    i, j : int32 (found,), sorted
    x : float64 (found,), the products

    Cost: O(pairs of entries of one column) of these rows, and a sort of each row's products.
    """
    room = (last - first) * top
    i = np.empty(room, np.int32)
    j = np.empty(room, np.int32)
    x = np.empty(room, np.float64)
    met = np.empty(len(total), np.int64)
    found = 0
    for u in range(first, last):
        n = 0
        for k in range(indptr[u], indptr[u + 1]):
            c = columns[k]
            own = values[k]
            for q in range(by_column[c], by_column[c + 1]):
                v = rows[q]
                product = own * row_values[q]
                if product == 0.0:
                    continue
                if total[v] == 0.0:
                    met[n] = v
                    n += 1
                total[v] += product
        kept = min(n, top)
        chosen = np.empty(kept, np.int64)
        if n > top:
            negative = np.empty(n, np.float64)
            for s in range(n):
                negative[s] = -total[met[n - 1 - s]]
            order = stable_order(negative)
            for s in range(kept):
                chosen[s] = met[n - 1 - order[s]]
        else:
            for s in range(kept):
                chosen[s] = met[s]
        sort_in_place(chosen)
        for s in range(kept):
            i[found] = u
            j[found] = chosen[s]
            x[found] = total[chosen[s]]
            found += 1
        for s in range(n):
            total[met[s]] = 0.0
    return i[:found], j[:found], x[:found]


# -- what the two ends of an edge share --------------------------------------------------------


@kernel
def shared_by_pairs(
    source: Any,
    target: Any,
    indptr: Any,
    positions: Any,
    object_: Any,
    time: Any,
    window: Any,
    worth: Any,
    share: Any,
    decay: Any,
    first: int,
    last: int,
    common: Any,
    together: Any,
    worth_together: Any,
    share_together: Any,
    decayed: Any,
) -> None:
    """Count what the ends of the edges first..last-1 share, and what of it within the window.

    Parameters
    ----------
    source, target : int32 (edges,)
    indptr : int64 (accounts + 1,), positions : int32 (n,); each account's actions, ascending
    object_ : int32 (n,), time : int64 (n,); the log, sorted by (object, time)
    window : int64 (objects,), how far apart two actions on it may be, inclusive
    worth, share : float64 (objects,), added up over the objects acted on together
    decay : float64 (objects,), of a unit of time: a co-action counts share * exp(-decay * apart)
    first, last : the edges to do
    common, together : int32 (edges,), written: objects that both act on; those that they act on
        within the window
    worth_together, share_together, decayed : float64 (edges,), written

    Cost: O(actions of both ends + co-actions) of each edge.
    """
    for e in range(first, last):
        p = indptr[source[e]]
        q = indptr[target[e]]
        p_end = indptr[source[e] + 1]
        q_end = indptr[target[e] + 1]
        common[e] = 0
        together[e] = 0
        worth_sum = 0.0
        share_sum = 0.0
        decayed_sum = 0.0
        while p < p_end and q < q_end:
            o = object_[positions[p]]
            if o < object_[positions[q]]:
                p += 1
            elif o > object_[positions[q]]:
                q += 1
            else:
                common[e] += 1
                p_to = p
                while p_to < p_end and object_[positions[p_to]] == o:
                    p_to += 1
                q_to = q
                while q_to < q_end and object_[positions[q_to]] == o:
                    q_to += 1
                met = False
                low = q
                for a in range(p, p_to):
                    now = time[positions[a]]
                    while low < q_to and time[positions[low]] < now - window[o]:
                        low += 1
                    b = low
                    while b < q_to and time[positions[b]] <= now + window[o]:
                        met = True
                        decayed_sum += share[o] * math.exp(
                            -decay[o] * abs(time[positions[b]] - now)
                        )
                        b += 1
                if met:
                    together[e] += 1
                    worth_sum += worth[o]
                    share_sum += share[o]
                p = p_to
                q = q_to
        worth_together[e] = worth_sum
        share_together[e] = share_sum
        decayed[e] = decayed_sum


# -- pairs of posts ----------------------------------------------------------------------------


@kernel
def has_partner(account: Any, post: Any, mark: Any, full: int, low: Any, high: Any) -> Any:
    """Mark the rows that are in a pair of posts; see :func:`post_pairs`.

    Parameters
    ----------
    account, post : int32 (n,)
    mark : uint8 (n,), full : two rows can be a pair whose marks together are `full`
    low, high : int32 (n,), windows by position

    Returns
    -------
    bool (n,)

    Cost: O(n) where neighbours differ, as they do; the sizes of the windows at worst.
    """
    n = len(account)
    found = np.zeros(n, np.bool_)
    for p in range(n):
        if found[p]:
            continue
        for step in (-1, 1):
            q = p + step
            while low[p] <= q < high[p]:
                if account[q] != account[p] and post[q] != post[p] and mark[p] | mark[q] == full:
                    found[p] = True
                    found[q] = True
                    break
                q += step
            if found[p]:
                break
    return found


@kernel
def post_pairs(
    account: Any,
    object_: Any,
    time: Any,
    post: Any,
    rank: Any,
    mark: Any,
    full: int,
    low: Any,
    high: Any,
    indptr: Any,
    positions: Any,
    first: int,
    last: int,
    seen: Any,
) -> Any:
    """Count the pairs of posts of the accounts first..last-1 with every account of a higher code.

    A pair of posts: two rows in one window, of two accounts and two posts, whose marks together
    are full.

    Parameters
    ----------
    account, object_, post : int32 (n,)
    time : int64 (n,)
    rank : int64 (n,), which of two rows of one time is the older: that of the lower rank
    mark : uint8 (n,), full : two rows can be a pair whose marks together are `full`
    low, high : int32 (n,), windows by position
    indptr : int64 (accounts + 1,), positions : int32 (n,); each account's rows, ascending
    first, last : the accounts to do
    seen : int64 (5, posts or objects, whichever are more), scratch: what is in it must be of
        this kernel, with other accounts, or -1

    Returns
    -------
    source, target : int32 (found,), sorted
    sums : int64 (found, 7): the pairs of posts; the sum of the times between them; distinct posts
        that are the older of a pair, the newer; distinct posts of the source, of the target;
        distinct objects

    Cost: O(pairs of posts), with a sort of each account's.
    """
    room = 1024
    source = np.empty(room, np.int32)
    target = np.empty(room, np.int32)
    sums = np.empty((room, 7), np.int64)
    found = 0
    keys = np.empty(1024, np.int64)
    spare = np.empty(1024, np.int64)
    mine = np.empty(1024, np.int32)
    theirs = np.empty(1024, np.int32)
    digits = np.empty(256, np.int64)
    stamp = np.int64(first) << 32
    for u in range(first, last):
        work = np.int64(0)
        for k in range(indptr[u], indptr[u + 1]):
            work += high[positions[k]] - low[positions[k]]
        if work > len(keys):
            keys = np.empty(2 * work, np.int64)
            spare = np.empty(2 * work, np.int64)
            mine = np.empty(2 * work, np.int32)
            theirs = np.empty(2 * work, np.int32)
        n = 0
        for k in range(indptr[u], indptr[u + 1]):
            p = positions[k]
            for q in range(low[p], high[p]):
                v = account[q]
                if v > u and post[q] != post[p] and mark[p] | mark[q] == full:
                    keys[n] = (np.int64(v) << 32) | n
                    mine[n] = p
                    theirs[n] = q
                    n += 1
        keys, spare = sort_by_upper_half(keys, spare, np.int64(n), len(indptr) - 1, digits)
        s = 0
        while s < n:
            v = keys[s] >> 32
            stamp += 1
            if found == room:
                room *= 2
                source = widened(source, room)
                target = widened(target, room)
                sums = widened_rows(sums, room)
            source[found] = u
            target[found] = v
            sums[found] = 0
            while s < n and keys[s] >> 32 == v:
                p = mine[keys[s] & 0xFFFFFFFF]
                q = theirs[keys[s] & 0xFFFFFFFF]
                later = time[p] > time[q] or (time[p] == time[q] and rank[p] > rank[q])
                sums[found, 0] += 1
                sums[found, 1] += abs(time[p] - time[q])
                older = post[q] if later else post[p]
                newer = post[p] if later else post[q]
                if seen[0, older] != stamp:
                    seen[0, older] = stamp
                    sums[found, 2] += 1
                if seen[1, newer] != stamp:
                    seen[1, newer] = stamp
                    sums[found, 3] += 1
                if seen[2, post[p]] != stamp:
                    seen[2, post[p]] = stamp
                    sums[found, 4] += 1
                if seen[3, post[q]] != stamp:
                    seen[3, post[q]] = stamp
                    sums[found, 5] += 1
                if seen[4, object_[p]] != stamp:
                    seen[4, object_[p]] = stamp
                    sums[found, 6] += 1
                s += 1
            found += 1
    return source[:found], target[:found], sums[:found]


@kernel
def similar_sets(
    account: Any,
    post: Any,
    set_of: Any,
    indptr: Any,
    items: Any,
    low: Any,
    high: Any,
    share: float,
) -> Any:
    """Find the pairs of posts in one window whose sets are alike.

    Parameters
    ----------
    account, post : int32 (n,); set_of : int64 (n,), the set of each row
    indptr : int64 (sets + 1,), items : int32; each set's items, ascending
    low, high : int32 (n,), windows by position
    share : least Jaccard index, above 0

    Returns
    -------
    i, j : int64 (found,), i < j, positions of rows of two accounts and two posts

    Cost: O(pairs in the windows), and the sizes of the sets where these allow such an index.
    """
    room = 1024
    i = np.empty(room, np.int64)
    j = np.empty(room, np.int64)
    found = 0
    for p in range(len(account)):
        a_start = indptr[set_of[p]]
        a_end = indptr[set_of[p] + 1]
        a = a_end - a_start
        for q in range(p + 1, high[p]):
            if account[q] == account[p] or post[q] == post[p]:
                continue
            y = indptr[set_of[q]]
            b_end = indptr[set_of[q] + 1]
            b = b_end - y
            if a == 0 or b == 0 or min(a, b) < share * max(a, b) - 1e-9:
                continue
            x = a_start
            both = 0
            while x < a_end and y < b_end:
                if items[x] < items[y]:
                    x += 1
                elif items[x] > items[y]:
                    y += 1
                else:
                    both += 1
                    x += 1
                    y += 1
            if both / (a + b - both) >= share:
                if found == room:
                    room *= 2
                    i = widened(i, room)
                    j = widened(j, room)
                i[found] = p
                j[found] = q
                found += 1
    return i[:found], j[:found]


# -- null draws --------------------------------------------------------------------------------


@inlined
def _mixed(state: Any) -> Any:
    """Return the number that splitmix64 makes of its state."""
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel
def distinct_when_shuffled(account: Any, starts: Any, n_accounts: int, seed: int, r: int) -> Any:
    """Shuffle accounts over rows, and count the different accounts on each of some objects.

    Parameters
    ----------
    account : int32 (n,), of all rows
    starts : int64 (objects + 1,), ascending from 0: how many rows each object has
    n_accounts : number of account codes
    seed, r : of the shuffle, and which of several it is

    Returns
    -------
    int32 (objects,)

    Cost: O(n) to copy, O(rows of these objects) to shuffle.
    """
    n = len(account)
    found = np.zeros(len(starts) - 1, np.int32)
    shuffled = account.copy()
    seen = np.full(n_accounts, -1, np.int32)
    state = _mixed(np.uint64(seed) + np.uint64(r + 1) * np.uint64(0xD1342543DE82EF95))
    for o in range(len(starts) - 1):
        for k in range(starts[o], starts[o + 1]):  # the front of a Fisher-Yates shuffle
            state += np.uint64(0x9E3779B97F4A7C15)
            z = _mixed(state)
            other = k + np.int64(((z >> np.uint64(32)) * np.uint64(n - k)) >> np.uint64(32))
            shuffled[k], shuffled[other] = shuffled[other], shuffled[k]
            if seen[shuffled[k]] != o:
                seen[shuffled[k]] = o
                found[o] += 1
    return found


@inlined
def _uniform(state: Any) -> float:
    """Return the number in (0, 1) that splitmix64 makes of its state."""
    return (np.float64(_mixed(state) >> np.uint64(11)) + 0.5) / 9007199254740992.0


@kernel
def drawn_cosines(
    pool: Any,
    weight: Any,
    share: Any,
    least_weight: float,
    own: int,
    others: Any,
    bounds: Any,
    bound: Any,
    draws: Any,
    seed: int,
    first: int,
    last: int,
    reached: Any,
) -> None:
    """Draw accounts again and again, and count the cosines that reach each bound.

    An account of `own` rows is drawn row by row. Its partners, of another number of rows, are
    drawn as far as they matter: how many of their rows are on its objects is binomial, with the
    share of all rows that these objects have; that many must be enough for the bound, at the
    largest that each can add and the least that the partner's length can be. How many partners of
    several have so many is binomial again, and mostly 0. Only these are drawn in full. So every
    cosine has the distribution that drawing all rows would give it.

    Parameters
    ----------
    pool : int32 (n,), what is drawn from, with replacement: the object of each row
    weight : float64 (objects,), positive, what one row of an object adds to an account's vector
    share : float64 (objects,), the share of the rows of each object
    least_weight : the least weight of an object in the pool
    own : rows of the account
    others : int64 (pairs,), rows of the partner
    bounds : int64 (pairs + 1,), where the bounds of each pair begin
    bound : float64 (m,), ascending in each pair, above 0
    draws : int64 (pairs,), how many partners of each account are drawn
    seed : of the draws
    first, last : which accounts to do, each with a generator of its own
    reached : int64 (m,), how many cosines were at least each bound is added to it

    Cost: O(own + pairs) an account, and O(partner's rows) for the partners drawn in full.
    """
    n = np.uint64(len(pool))
    objects = np.empty(own, np.int32)
    values = np.empty(own, np.float64)
    until = np.empty(own, np.float64)
    hits = np.zeros(own, np.int64)
    touched = np.empty(own, np.int64)
    stamp_of = np.full(len(weight), -1, np.int64)
    slot = np.empty(len(weight), np.int32)
    times = np.zeros(len(weight), np.int32)
    rest = np.empty(1, np.int32)
    if len(others):
        rest = np.empty(others.max(), np.int32)
    exact = np.zeros(len(bound) + 1, np.int64)
    step = np.uint64(0x9E3779B97F4A7C15)
    for r in range(first, last):
        state = _mixed(np.uint64(seed) + np.uint64(r + 1) * np.uint64(0xD1342543DE82EF95))
        entries = 0
        for _ in range(own):
            state += step
            o = pool[np.int64(((_mixed(state) >> np.uint64(32)) * n) >> np.uint64(32))]
            if stamp_of[o] != r:
                stamp_of[o] = r
                slot[o] = entries
                objects[entries] = o
                values[entries] = weight[o]
                entries += 1
            else:
                values[slot[o]] += weight[o]
        square = 0.0
        mass = 0.0
        most = 0.0
        for e in range(entries):
            o = objects[e]
            square += values[e] * values[e]
            mass += share[o]
            until[e] = mass
            most = max(most, weight[o] * values[e])
        length = math.sqrt(square)
        chance = min(mass, 1.0)
        for p in range(len(others)):
            b = others[p]
            smallest = bound[bounds[p]]
            need = smallest * length * math.sqrt(np.float64(b)) * least_weight / most
            start = max(np.int64(1), np.int64(math.ceil(need - 1e-9)))
            if start > b:
                continue
            # P(so many rows on the account's objects or more)
            if chance < 1.0:
                term = math.exp(
                    math.lgamma(b + 1.0)
                    - math.lgamma(start + 1.0)
                    - math.lgamma(b - start + 1.0)
                    + start * math.log(chance)
                    + (b - start) * math.log1p(-chance)
                )
                odds = chance / (1.0 - chance)
            else:
                term = 1.0 if start == b else 0.0
                odds = 0.0
            tail = term
            following = term
            for h in range(start, b):
                following *= odds * (b - h) / (h + 1.0)
                tail += following
                if following < 1e-17 * tail and h > b * chance:
                    break
            if chance >= 1.0:
                tail = 1.0
            tail = min(tail, 1.0)
            if tail * draws[p] < 1e-18:
                continue
            partner = np.int64(-1)
            while True:
                if tail >= 1.0:
                    partner += 1
                else:  # on to the next partner with so many
                    state += step
                    gap = math.log(_uniform(state)) / math.log1p(-tail)
                    if gap > draws[p]:
                        break
                    partner += 1 + np.int64(gap)
                if partner >= draws[p]:
                    break
                # how many, given that they are enough
                count = b if chance >= 1.0 else start
                state += step
                left = _uniform(state) * tail
                following = term
                while chance < 1.0 and left > following and count < b:
                    left -= following
                    following *= odds * (b - count) / (count + 1.0)
                    count += 1
                met = 0
                dot = 0.0
                for _ in range(count):
                    state += step
                    e = _after(until[:entries], 0, entries - 1, _uniform(state) * mass)
                    if hits[e] == 0:
                        touched[met] = e
                        met += 1
                    hits[e] += 1
                    dot += weight[objects[e]] * values[e]
                other = 0.0
                for k in range(met):
                    e = touched[k]
                    x = hits[e] * weight[objects[e]]
                    other += x * x
                    hits[e] = 0
                shortest = other + (b - count) * least_weight * least_weight
                if dot < smallest * length * math.sqrt(shortest) * (1 - 1e-12):
                    continue
                for k in range(b - count):  # the other rows, on objects that are not the account's
                    while True:
                        state += step
                        place = ((_mixed(state) >> np.uint64(32)) * n) >> np.uint64(32)
                        o = pool[np.int64(place)]
                        if stamp_of[o] != r:
                            break
                    rest[k] = o
                    times[o] += 1
                for k in range(b - count):
                    o = rest[k]
                    x = times[o] * weight[o]
                    other += x * x
                    times[o] = 0
                cosine = dot / (length * math.sqrt(other))
                at = _after(bound, bounds[p], bounds[p + 1], cosine)
                if at > bounds[p]:
                    exact[at - 1] += 1
    for p in range(len(others)):
        more = np.int64(0)
        for s in range(bounds[p + 1] - 1, bounds[p] - 1, -1):
            more += exact[s]
            reached[s] += more


# -- neighbours --------------------------------------------------------------------------------


@kernel
def common_neighbours(indptr: Any, neighbours: Any, source: Any, target: Any) -> Any:
    """Count the neighbours that the two ends of each edge have in common.

    Parameters
    ----------
    indptr : int64 (nodes + 1,), neighbours : int32 (2 edges,), ascending for each node
    source, target : int64 (edges,), nodes

    Returns
    -------
    int64 (edges,)

    Cost: O(neighbours of both ends) of each edge.
    """
    common = np.zeros(len(source), np.int64)
    for e in range(len(source)):
        p = indptr[source[e]]
        q = indptr[target[e]]
        p_end = indptr[source[e] + 1]
        q_end = indptr[target[e] + 1]
        while p < p_end and q < q_end:
            if neighbours[p] < neighbours[q]:
                p += 1
            elif neighbours[p] > neighbours[q]:
                q += 1
            else:
                common[e] += 1
                p += 1
                q += 1
    return common
