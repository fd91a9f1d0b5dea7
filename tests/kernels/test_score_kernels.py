"""The kernels of the scores: each against a few lines of Python."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordnet.kernels import scores as score_kernels
from coordnet.kernels import set_weights as weight_kernels
from coordnet.scores.reference import Sets, item_profile, shared_counter


def rows_of(lists, dtype=np.int32):
    """Return lists as (indptr, values)."""
    ends = np.cumsum([0, *map(len, lists)]).astype(np.int64)
    return ends, np.array([value for part in lists for value in part], dtype)


# -- what sets act on ----------------------------------------------------------------------------

held = st.lists(st.lists(st.integers(-1, 7), max_size=12), min_size=1, max_size=5)


@given(held, st.data())
def test_profiles_of_items_are_those_of_counting(accounts, data):
    """Accounts may be drawn twice into a set: twice its actions, of one account."""
    codes = st.lists(st.integers(0, len(accounts) - 1), max_size=6)
    sets = data.draw(st.lists(codes, min_size=1, max_size=4))
    everybody = Counter(i for own in accounts for i in own if i >= 0)
    found = item_profile(Sets(*rows_of(sets)), *rows_of(accounts), 8)
    counted = shared_counter(*rows_of(accounts), 8)(Sets(*rows_of(sets)))
    for own, row, numbers in zip(sets, found, counted, strict=True):
        count = Counter(i for u in own for i in accounts[u] if i >= 0)
        top = sorted(count.items(), key=lambda x: (-x[1], x[0]))[:5]
        holders = {i: {u for u in own if i in accounts[u]} for i in count}
        n = sum(count.values())
        assert row.tolist() == pytest.approx(
            [
                n,
                len(count),
                -sum(c / n * math.log(c / n) for c in count.values()),
                top[0][1] if top else 0,
                sum(c for _, c in top),
                sum(everybody[i] for i, _ in top),
            ],
            abs=1e-12,
        )
        assert numbers.tolist() == [n, sum(c for i, c in count.items() if len(holders[i]) > 1)]


@given(held, st.data())
def test_shared_by_member_is_that_of_counting(accounts, data):
    codes = st.lists(st.integers(0, len(accounts) - 1), max_size=5, unique=True)
    sets = data.draw(st.lists(codes, min_size=1, max_size=4))
    shared, every = score_kernels.shared_by_member(*rows_of(sets), *rows_of(accounts), 8)
    expected = [
        (
            sum(i >= 0 and any(i in accounts[v] for v in own if v != u) for i in accounts[u]),
            sum(i >= 0 for i in accounts[u]),
        )
        for own in sets
        for u in own
    ]
    assert list(zip(shared.tolist(), every.tolist(), strict=True)) == expected


# -- who acts when -------------------------------------------------------------------------------

acts = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 12), st.integers(0, 4)), min_size=1, max_size=25
).map(sorted)  # (object, time, account)


@given(acts, st.integers(0, 4))
def test_first_windows_are_those_of_a_search(rows, window):
    unit, time, account = (np.array(column) for column in zip(*rows, strict=True))
    n = len(rows)
    high = [
        sum(o < rows[p][0] or (o == rows[p][0] and t <= rows[p][1] + window) for o, t, _ in rows)
        for p in range(n)
    ]
    who, share, sizes = np.empty(n, np.int32), np.empty(n), np.empty(n, np.int64)
    windows = score_kernels.first_windows(
        account.astype(np.int32), unit.astype(np.int32), time.astype(np.int64),
        np.array(high, np.int32), 0, n, who, share, sizes,
    )  # fmt: skip
    expected = []
    for o in sorted({row[0] for row in rows}):
        for p, (own, start, _) in enumerate(rows):
            inside = rows[p : high[p]] if own == o else []
            members = sorted({u for _, _, u in inside})
            if len(members) > 1:
                first = {u for _, t, u in inside if t == start}
                expected.append([(u, (u in first) / len(first)) for u in members])
                break
    found, at = [], 0
    for size in sizes[:windows].tolist():
        stretch = slice(at, at + size)
        found.append(list(zip(who[stretch].tolist(), share[stretch].tolist(), strict=True)))
        at += size
    assert found == expected


@given(acts, st.integers(0, 4), st.integers(0, 13))
def test_pairs_that_met_in_both_halves_are_those_of_all_actions(rows, window, middle):
    object_, time, account = (np.array(column) for column in zip(*rows, strict=True))
    positions = np.argsort(account, kind="stable").astype(np.int32)
    starts = np.searchsorted(account[positions], np.arange(6))
    pairs = [(u, v) for u in range(5) for v in range(u + 1, 5)]
    found = np.zeros(len(pairs), bool)
    ends = np.array(pairs, np.int32).T
    score_kernels.met_in_both_halves(
        ends[0], ends[1], starts, positions, object_.astype(np.int32), time.astype(np.int64),
        np.full(object_.max() + 1, window), middle, 0, len(pairs), found,
    )  # fmt: skip

    def met(u, v, late):
        own, other = ([r for r in rows if r[2] == x and (r[1] >= middle) == late] for x in (u, v))
        return any(a[0] == b[0] and abs(a[1] - b[1]) <= window for a in own for b in other)

    assert found.tolist() == [met(u, v, False) and met(u, v, True) for u, v in pairs]


# -- what many have in common --------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 9, 40])
def test_common_objects_of_many_are_those_of_each_two(size):
    rng = np.random.default_rng(size)
    n_objects = 150
    popular = rng.random(n_objects)
    own = [np.flatnonzero(rng.random(n_objects) < popular**3) for _ in range(size + 3)]
    unread = np.zeros(0, np.int32)
    interests = weight_kernels.Interests(
        *rows_of(own), unread, unread, unread, np.ones(size + 3), np.zeros(size + 3), size + 3
    )  # fmt: skip
    members = rng.permutation(size + 3)[:size].astype(np.int32)
    expected = [
        [len(set(own[a]) & set(own[b])) if j < i else 0 for j, b in enumerate(members)]
        for i, a in enumerate(members)
    ]
    assert weight_kernels.common_of_all(interests, members, size).tolist() == expected
