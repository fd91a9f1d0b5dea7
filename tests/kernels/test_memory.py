"""What is available, what a step would take, and that it is refused before it is taken."""

import sys
from itertools import pairwise

import numpy as np
import pytest
from helpers import log_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import START, WINDOW, logs

import coordnet as cn
from coordnet import memory
from coordnet.errors import CoordnetError, MemoryBudgetError
from coordnet.graphs import co_action
from coordnet.inference import edge_tests
from coordnet.scores import reference

# -- what is available -------------------------------------------------------------------------

HALF_USED = {"proc/meminfo": "MemTotal: 9 kB\nMemAvailable:     1000 kB\n"}
V2 = {"proc/self/cgroup": "0::/user/job\n"}
V1 = {"proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/job\n1:cpuset:/\n"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (HALF_USED, 1_024_000),
        # of its own limit and of those above it the least counts; cached files can be given up
        (
            V2 | HALF_USED | {
                "sys/fs/cgroup/user/job/memory.max": "900000\n",
                "sys/fs/cgroup/user/job/memory.current": "500000\n",
                "sys/fs/cgroup/user/job/memory.stat": "anon 1\ninactive_file 100000\n",
                "sys/fs/cgroup/user/memory.max": "max\n",
                "sys/fs/cgroup/user/memory.current": "600000\n",
            },
            500_000,
        ),
        (
            V2 | {
                "sys/fs/cgroup/user/memory.max": "700000\n",
                "sys/fs/cgroup/user/memory.current": "600000\n",
            },
            100_000,
        ),
        # the path of the host is not there inside a container
        (
            V2 | HALF_USED | {
                "sys/fs/cgroup/memory.max": "800000\n",
                "sys/fs/cgroup/memory.current": "900000\n",
            },
            0,
        ),
        (
            V1 | HALF_USED | {
                "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "600000\n",
                "sys/fs/cgroup/memory/job/memory.usage_in_bytes": "100000\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": "100000\n",
            },
            500_000,
        ),
    ],
)  # fmt: skip
def test_available_memory_is_the_least_that_anything_leaves(tmp_path, files, expected):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert memory.available_memory(tmp_path) == expected


def test_available_memory_where_the_system_does_not_tell(tmp_path, monkeypatch):
    assert 10**8 < memory.available_memory(tmp_path) < 10**15  # what is built in
    monkeypatch.setattr(memory.os, "sysconf", lambda _: (_ for _ in ()).throw(ValueError))
    assert memory.available_memory(tmp_path) == sys.maxsize


def test_three_quarters_may_be_used():
    memory.check_budget(750, "this", "Do that.", memory=1_000)
    with pytest.raises(
        MemoryBudgetError, match=r"this would take up to .* GB .*Do that\."
    ) as error:
        memory.check_budget(751, "this", "Do that.", memory=1_000)
    assert isinstance(error.value, MemoryError)
    assert isinstance(error.value, CoordnetError)


# -- edges -------------------------------------------------------------------------------------


def walk_of(log, need, by_pairs):
    trace = cn.CoAction(WINDOW).trace(log)
    windows = co_action.find_windows(trace, log.n_accounts, 1 if by_pairs else need)
    return co_action.RowWalk(windows, windows.object, 0, need, by_pairs, False)


@given(logs(), st.integers(1, 3), st.booleans())
def test_edges_are_bounded_and_counted_before_they_are_made(rows, need, by_pairs):
    log = log_of(rows)
    walk = walk_of(log, need, by_pairs)
    weight = "pairs" if by_pairs else "objects"
    edges = cn.co_action(log, "60s", weight=weight, min_weight=need).n_edges
    assert co_action.most_edges(walk.windows, need) >= edges
    assert co_action.count_edges(walk, 2, 10**9) == edges


def crowd(accounts=40, objects=3):
    """Return the log of a crowd that acts on the same objects within a minute: all pairs meet."""
    names = ["first", "second", "p" * 100][:objects]
    return log_of(
        [
            (f"u{u:03d}", name, START + 1_000 * WINDOW * o + u * 1_000_001, "k", None)
            for o, name in enumerate(names)
            for u in range(accounts)
        ]
        + [("u000", "small", START, "k", None), ("u001", "small", START, "k", None)]
    )


def refused(log, need, available):
    walk = walk_of(log, need, False)
    co_action.check_memory(walk, 2, within="60s", log=log, memory=available)


@pytest.mark.parametrize("need", [1, 2, 3])
def test_edges_for_which_there_is_no_memory_are_refused(need):
    log = crowd()
    pairs = 40 * 39 // 2
    enough = pairs * co_action.EDGE_BYTES * 4 // 3 + 2
    refused(log, need, enough)
    with pytest.raises(MemoryBudgetError) as error:
        refused(log, need, enough - 60)
    text = str(error.value)
    assert f"{pairs:,} to " in text  # one more than there is room for, which is all of them
    assert f"min_weight= (it is {need})" in text
    assert "shorter window (it is 60s)" in text
    assert f"log.exclude(objects=['first', '{'p' * 59}…', 'second'])" in text
    with pytest.raises(MemoryBudgetError, match=r"^\d+ to 780 edges" if need > 1 else "edges"):
        refused(log, need, 10_000)


def test_the_bound_is_exact_enough_to_count_nothing(monkeypatch):
    """Where the sizes of the windows show that there is room, no row is counted."""
    monkeypatch.setattr(co_action, "count_edges", None)
    refused(crowd(), 2, 10**6)


def test_what_is_taken_out_makes_the_log_small_enough(monkeypatch):
    monkeypatch.setattr(co_action, "available_memory", lambda: 10_000)
    log = crowd()
    with pytest.raises(MemoryBudgetError):
        cn.co_action(log, "60s")
    assert cn.co_action(log, "60s", min_weight=4).n_edges == 1
    assert cn.co_action(log, 0).n_edges == 1  # a shorter window
    assert cn.co_action(log.exclude(objects=["first", "second", "p" * 100])).n_edges == 1


def test_tests_for_which_there_is_no_memory_are_refused(monkeypatch):
    graph = cn.co_action(crowd(), "60s")
    monkeypatch.setattr(memory, "available_memory", lambda: 50_000)
    with pytest.raises(MemoryBudgetError, match=r"the test of 780 edges .* min_weight="):
        graph.test()
    monkeypatch.undo()
    assert graph.test().n_edges == 780


# -- in blocks, the same bytes -----------------------------------------------------------------


@given(logs(max_size=60, contents=False), st.sampled_from([1, 3]), st.sampled_from(["1h", "2min"]))
def test_strata_in_blocks_give_the_same_bytes(rows, tables, strata):
    rows = [(a, o, START + (t - START) * 59, k, c) for a, o, t, k, c in rows]
    log = log_of(rows)
    ends = np.triu_indices(log.n_accounts, 1)
    source, target = (side.astype(np.int32) for side in ends)
    whole = edge_tests.expected_within_strata(log, 59 * WINDOW, strata, source, target)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edge_tests, "TABLES", tables)
        blocks = edge_tests.expected_within_strata(log, 59 * WINDOW, strata, source, target)
    assert blocks.tobytes() == whole.tobytes()


def test_random_sets_in_blocks_are_the_same(monkeypatch):
    """Few accounts are alike here, so that many are drawn twice and again."""
    rng = np.random.default_rng(0)
    activity = np.ceil(rng.lognormal(1, 1.5, 120)).astype(np.int64)
    codes = rng.permutation(120).astype(np.int32)
    clusters = reference.Sets(np.array([0, 20, 21, 26]), codes[:26])

    def drawn():
        matched = reference.matched_sets(clusters, activity, np.sort(codes[26:]), 50, seed=1)
        resampled = reference.resampled_sets(clusters, seed=1)
        totals = [reference.sums(activity, sets) for sets in (matched, resampled)]
        return [array.tobytes() for array in (*matched, *resampled, *totals)]

    whole = drawn()
    for block in (1, 7, 64):
        monkeypatch.setattr(reference, "BLOCK", block)
        assert drawn() == whole
    matched = reference.matched_sets(clusters, activity, np.sort(codes[26:]), 50, seed=1)
    totals = reference.sums(activity, matched)
    for total, (a, b) in zip(totals, pairwise(matched.indptr.tolist()), strict=True):
        assert total == activity[matched.codes[a:b]].sum()
