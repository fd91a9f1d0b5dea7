"""The kernels: each against a few lines of Python; test_interpreted.py runs all of it again."""

import math
import os
import re
from pathlib import Path

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordnet.kernels import actions as action_kernels
from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import clusters as cluster_kernels
from coordnet.kernels import edges as edge_kernels
from coordnet.kernels import windows as window_kernels

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"
I4, I8 = np.int32, np.int64
ROOT = Path(__file__).resolve().parents[2]


def test_the_kernels_are_compiled_unless_numba_is_told_not_to():
    compiled = [
        k
        for module in (array_kernels, edge_kernels, window_kernels)
        for name, k in vars(module).items()
        if hasattr(k, "py_func") and name != "kernel"
    ]
    assert (len(compiled) == 0) == INTERPRETED


# -- sorting -----------------------------------------------------------------------------------

integers = st.lists(st.integers(-5, 5) | st.integers(-(2**40), 2**40), max_size=200)


@given(integers, st.sampled_from([I8, np.float64]))
def test_sort_in_place(values, kind):
    array = np.array(values, kind)
    array_kernels.sort_in_place(array)
    assert array.tolist() == sorted(values)


@given(integers)
def test_stable_order(values):
    found = array_kernels.stable_order(np.array(values, I8))
    assert found.dtype == I8
    assert found.tolist() == sorted(range(len(values)), key=values.__getitem__)


def test_sorting_what_is_long_sorted_or_backwards():
    random = np.random.default_rng(0).integers(0, 1_000, 5_000)
    for values in (random, np.sort(random), np.sort(random)[::-1].copy(), np.zeros(5_000, I8)):
        expected = np.argsort(values, kind="stable")
        np.testing.assert_array_equal(array_kernels.stable_order(values), expected)
        array_kernels.sort_in_place(values)
        assert (np.diff(values) >= 0).all()


@given(st.lists(st.floats(0, math.inf) | st.sampled_from([0.0, 0.5, 1.0]), max_size=200))
def test_ascending_order(values):
    found = array_kernels.ascending_order(np.array(np.abs(values), np.float64))
    assert found.dtype == I4
    assert found.tolist() == sorted(range(len(values)), key=values.__getitem__)


@given(
    st.lists(st.integers(0, 2**62) | st.integers(0, 5) | st.integers(0, 9).map(lambda k: k << 40))
)
def test_ascending_order_of_whole_numbers(values):
    """Digit by digit: whichever digits differ, and where they stand."""
    found = array_kernels.ascending_order(np.array(values, I8))
    assert found.tolist() == sorted(range(len(values)), key=values.__getitem__)


def test_no_cached_kernel_sorts_with_numba():
    """Loaded from the cache beside one that another process compiled, it can crash."""
    modules = list(Path(array_kernels.__file__).parent.glob("*.py"))
    assert Path(array_kernels.__file__) in modules
    for path in modules:
        assert not re.search(r"\bnp\.(arg)?sort\(|\.(arg)?sort\(", path.read_text()), path.name


# -- building a log ----------------------------------------------------------------------------

codes = st.lists(st.integers(0, 5), max_size=40)


@given(codes)
def test_group_by_code(values):
    indptr, positions = array_kernels.group_by_code(np.array(values, I4), 6)
    assert (indptr.dtype, positions.dtype, len(indptr)) == (I8, I4, 7)
    for code in range(6):
        expected = [p for p, value in enumerate(values) if value == code]
        assert positions[indptr[code] : indptr[code + 1]].tolist() == expected


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), max_size=120), st.booleans())
def test_sort_within_groups(rows, few_groups):
    if few_groups:  # groups larger than what is sorted by insertion
        rows = [(0, time, tie) for _, time, tie in rows]
    group, time, tie = np.array(rows, I8).reshape(-1, 3).T
    indptr, order = array_kernels.group_by_code(group.astype(I4), 4)
    action_kernels.sort_within_groups(indptr, order, time.copy(), tie.copy(), 0, 4)
    assert order.tolist() == sorted(range(len(rows)), key=lambda r: (*rows[r], r))


def test_sort_within_groups_does_only_the_groups_asked_for():
    time = np.array([3, 1, 3, 1, 3, 1], I8)
    indptr = np.array([0, 2, 4, 6], I8)
    order = np.arange(6, dtype=I4)
    action_kernels.sort_within_groups(indptr, order, time, np.zeros(6, I8), 1, 2)
    assert order.tolist() == [0, 1, 3, 2, 4, 5]


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 4), max_size=40), st.booleans())
def test_first_of_equals(rows, with_content):
    rows.sort()
    columns = np.array(rows, I8).reshape(-1, 4).T
    content = columns[3].astype(I4) if with_content else np.zeros(0, I4)
    keep = action_kernels.first_of_equals(
        columns[0].astype(I4), columns[1].copy(), columns[2].astype(I4), content
    )
    cut = 4 if with_content else 3
    assert keep.tolist() == [p == 0 or rows[p][:cut] != rows[p - 1][:cut] for p in range(len(rows))]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-5, 20))), st.integers(0, 6))
def test_run_starts(acts, refractory):
    acts.sort()
    account, time = np.array(acts, I8).reshape(-1, 2).T
    start = action_kernels.run_starts(account.astype(I4), time.copy(), refractory)
    found = [act for act, begins in zip(acts, start, strict=True) if begins]
    rows = [(str(a), "p", t, "k", None) for a, t in acts]
    events = naive.events(rows, refractory)
    assert found == [(int(a), t) for a in sorted(events) for t in events[a]]


@given(st.lists(st.integers(-(10**9), 10**9), max_size=8), st.integers(1, 10**6))
def test_common_step(times, step):
    times = [t * step for t in times]
    assert action_kernels.common_step(np.array(times, I8)) == math.gcd(*times)


def test_recode_and_take():
    number = np.array([7, 5, 3], I4)
    assert array_kernels.recode(np.array([2, -1, 0], I4), number).tolist() == [3, -1, 7]
    assert array_kernels.recode(np.array([-1, -1], I4), np.zeros(0, I4)).tolist() == [-1, -1]
    for dtype in (I4, I8):
        taken = array_kernels.take(np.array([10, 20, 30], dtype), np.array([2, 0, 2], I4))
        assert (taken.tolist(), taken.dtype) == ([30, 10, 30], dtype)


# -- windows -----------------------------------------------------------------------------------

acts = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 12), st.integers(0, 4)), max_size=40
).map(sorted)  # (object, time, account)


def columns_of(rows):
    obj, time, account = np.array(rows, I8).reshape(-1, 3).T
    return obj.astype(I4), time.copy(), account.astype(I4)


def bounds_of(obj, time, window):
    """Return the windows of one length on all objects."""
    return window_kernels.window_bounds(obj, time, np.full(4, window, I8))


@given(acts, st.lists(st.integers(0, 6), min_size=4, max_size=4))
def test_window_bounds(rows, window):
    """Each of four objects has a window of its own."""
    obj, time, _ = columns_of(rows)
    low, high = window_kernels.window_bounds(obj, time, np.array(window, I8))
    assert low.dtype == high.dtype == I4
    for p, (o, t, _) in enumerate(rows):
        near = [q for q, (x, s, _) in enumerate(rows) if x == o and abs(s - t) <= window[o]]
        assert list(range(low[p], high[p])) == near


def test_window_bounds_of_times_far_apart():
    time = np.array([-(10**17), 0, 10**17], I8)  # the years before 1 and after 5000
    low, high = bounds_of(np.zeros(3, I4), time, 10**17)
    assert (low.tolist(), high.tolist()) == ([0, 0, 1], [2, 3, 3])


@given(acts, st.integers(0, 6), st.integers(1, 3))
def test_live_actions(rows, window, need):
    obj, time, account = columns_of(rows)
    low, high = bounds_of(obj, time, window)
    live, count = window_kernels.live_actions(account, obj, low, high, 5, need)
    company = [
        any(account[q] != account[p] for q in range(low[p], high[p])) for p in range(len(rows))
    ]
    objects = {
        a: {o for p, (o, _, b) in enumerate(rows) if a == b and company[p]} for a in range(5)
    }
    expected = [company[p] and len(objects[rows[p][2]]) >= need for p in range(len(rows))]
    assert live.tolist() == expected
    assert count == sum(expected)


@given(acts, st.integers(0, 6))
def test_row_work(rows, window):
    obj, time, account = columns_of(rows)
    low, high = bounds_of(obj, time, window)
    work = window_kernels.row_work(*array_kernels.group_by_code(account, 5), low, high)
    expected = [sum(int(high[p] - low[p]) for p in np.flatnonzero(account == a)) for a in range(5)]
    assert work.tolist() == expected


@given(acts, st.integers(0, 6))
def test_nearest_lags(rows, window):
    obj, time, account = columns_of(rows)
    low, high = bounds_of(obj, time, window)
    lags = window_kernels.nearest_lags(account, time, low, high)
    for p, (o, t, a) in enumerate(rows):
        near = [abs(s - t) for x, s, b in rows if x == o and b != a and abs(s - t) <= window]
        assert lags[p] == (min(near) if near else -1)


class CountedReads:
    """An array that counts how often its elements are read."""

    def __init__(self, array):
        self.array, self.reads = array, 0

    def __len__(self):
        return len(self.array)

    def __getitem__(self, at):
        self.reads += 1
        return self.array[at]


@pytest.mark.parametrize("others", [[], [0], [299], [150], [10, 11, 280]])
def test_nearest_lags_read_each_action_a_few_times_in_a_burst(others):
    """All actions of one account on one object, but for those of a few others."""
    account, time = np.zeros(300, I4), np.arange(300, dtype=I8)
    account[others] = np.arange(1, len(others) + 1)
    low, high = bounds_of(np.zeros(300, I4), time, 1_000)
    counted = CountedReads(account)
    interpreted = getattr(window_kernels.nearest_lags, "py_func", window_kernels.nearest_lags)
    lags = interpreted(counted, time, low, high)
    assert counted.reads < 10 * 300
    for p in range(300):
        near = [abs(p - q) for q in range(300) if account[q] != account[p]]
        assert lags[p] == min(near, default=-1)


# -- co-action rows, in pieces -----------------------------------------------------------------


@given(acts, st.integers(0, 6), st.integers(1, 3), st.booleans(), st.integers(1, 4))
def test_co_action_rows_stop_where_the_room_ends(rows, window, min_weight, by_pairs, room):
    """Whatever the room, in as many calls as it takes, the rows are those of one large call."""
    obj, time, account = columns_of(rows)
    low, high = bounds_of(obj, time, window)
    indptr, positions = array_kernels.group_by_code(account, 5)

    def collect(room):
        table, row_edges = np.zeros(5, np.uint64), np.zeros(5, I8)
        parts, row = [], 0
        while row < 5:
            columns = [np.empty(room, d) for d in ("i4", "i4", "i8", "f8", "f8")]
            done, edges = edge_kernels.co_action_rows(
                account, obj, time, low, high, indptr, positions, row, 5, min_weight, by_pairs,
                0, 1.0, table, row_edges, 0, *columns, None,
            )  # fmt: skip
            parts.append([c[:edges].tolist() for c in columns])
            if done == row:
                room *= 2
            row = done
        columns = [[v for part in c for v in part] for c in zip(*parts, strict=True)]
        return columns, row_edges.tolist()

    columns, row_edges = collect(room)
    assert (columns, row_edges) == collect(64)
    source = np.repeat(np.arange(5), row_edges).tolist()
    naive_rows = [(str(a), str(o), t, "k", None) for o, t, a in rows]
    distinct = len(set(naive_rows)) == len(naive_rows)
    if distinct:  # the kernel counts what it is given; repeats go before
        weight = "pairs" if by_pairs else "objects"
        expected = naive.co_action(naive_rows, window, min_weight, weight)
        ends = list(zip(map(str, source), map(str, columns[0]), strict=True))
        assert ends == sorted(expected)
        assert columns[1] == [expected[e]["objects"] for e in ends]
        assert columns[2] == [expected[e]["pairs"] for e in ends]
        assert columns[3] == pytest.approx([expected[e]["mean_delay"] * 1e6 for e in ends])
        assert columns[4] == pytest.approx([expected[e]["first_share"] for e in ends])


@pytest.mark.parametrize("shift", [0, 1, 5])
def test_delays_in_coarser_units(shift):
    account = np.array([0, 1], I4)
    time = np.array([0, 1_001], I8)
    low, high = bounds_of(np.zeros(2, I4), time, 2_000)
    indptr, positions = array_kernels.group_by_code(account, 2)
    columns = [np.empty(9, d) for d in ("i4", "i4", "i8", "f8", "f8")]
    edge_kernels.co_action_rows(
        account, np.zeros(2, I4), time, low, high, indptr, positions, 0, 2, 1, False, shift, 1.0,
        np.zeros(2, np.uint64), np.zeros(2, I8), 0, *columns, None,
    )  # fmt: skip
    assert columns[3][0] == (1_001 >> shift) << shift


# -- clusters ----------------------------------------------------------------------------------

edges = st.dictionaries(
    st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda e: e[0] < e[1]),
    st.integers(1, 4),
    max_size=20,
)
clusters = st.lists(st.sets(st.integers(0, 7), min_size=1), max_size=4)


def memberships(parts):
    """Return the clusters of each account: (indptr, clusters)."""
    of = [[c for c, members in enumerate(parts) if v in members] for v in range(8)]
    indptr = np.cumsum([0, *map(len, of)])
    return indptr.astype(I8), np.array([c for cs in of for c in cs], I4)


@given(edges, clusters)
def test_edges_inside(weights, parts):
    ends = sorted(weights)
    source, target = np.array(ends, I4).reshape(-1, 2).T.copy()
    cluster, edge = cluster_kernels.edges_inside(source, target, *memberships(parts))
    assert list(zip(edge.tolist(), cluster.tolist(), strict=True)) == [
        (e, c)
        for e, (u, v) in enumerate(ends)
        for c, members in enumerate(parts)
        if u in members and v in members
    ]


@given(edges, clusters)
def test_half_connected_weight(weights, parts):
    ends = sorted(weights)
    source, target = np.array(ends, I4).reshape(-1, 2).T.copy()
    weight = np.array([weights[e] for e in ends], float)
    cluster, edge = cluster_kernels.edges_inside(source, target, *memberships(parts))
    indptr, order = array_kernels.group_by_code(cluster, len(parts))
    sizes = np.array([len(members) for members in parts], I8)
    found = cluster_kernels.half_connected_weight(
        source, target, weight, indptr, edge[order], sizes, np.arange(8)
    )
    for c, members in enumerate(parts):
        extent = naive.extent(weights, members)
        below = sum(w < found[c] for w in weights.values()) / max(len(weights), 1)
        assert (below if found[c] == found[c] else math.nan) == pytest.approx(extent, nan_ok=True)
        if found[c] == found[c]:
            assert found[c] in weights.values()
