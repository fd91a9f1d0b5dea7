"""Edges counted block by block: those of the whole log, byte for byte."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import assert_same_graph, log_of
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import KINDS, SECOND, START, WINDOW, crowded_logs, examples, logs, windows

import coordnet as cn
from coordnet import memory
from coordnet.blocks import edges as block_edges
from coordnet.blocks.blocks import block_of
from coordnet.blocks.edges import counting_of, edges_between
from coordnet.engines.account_blocks import merged
from coordnet.errors import MemoryBudgetError, ParameterError
from coordnet.graphs import co_action, crowds
from coordnet.kernels import windows as window_kernels

WEIGHTS = st.sampled_from(["objects", "pairs"])
N_BLOCKS = st.integers(1, 7)
VIRAL = [(f"u{a % 9}", "viral", START + a * WINDOW // 5, "retweet", None) for a in range(40)]
ONE = [("a", f"p{i % 3}", START + i * SECOND, "retweet", None) for i in range(30)]
TIES = [(f"u{a}", f"p{o}", START, "retweet", None) for a in range(8) for o in range(3)]


def blocked_edges(log, relation, weight="objects", min_weight=1, n_blocks=1, threads=1):
    """Count the edges of a log block by block."""
    counting = counting_of(log, relation, weight, min_weight)
    blocks = block_edges.split(log, n_blocks)
    found = [
        edges_between(counting, blocks[i], None if i == j else blocks[j], threads)
        for i, j in block_edges.tasks_of(n_blocks)
    ]
    return dict(zip(found[0], merged([list(part.values()) for part in found]), strict=True))


def assert_blocked(log, relation, weight, min_weight, n_blocks, threads=1):
    graph = relation.graph(log, weight=weight, min_weight=min_weight)
    edges = blocked_edges(log, relation, weight, min_weight, n_blocks, threads)
    assert_same_graph(SimpleNamespace(edges=edges), graph)
    return graph


@given(logs(), windows(), st.integers(1, 3), WEIGHTS, N_BLOCKS)
@example(VIRAL, WINDOW, 1, "pairs", 4)
@example(ONE, WINDOW, 1, "objects", 3)
@example(ONE + VIRAL, WINDOW, 2, "pairs", 5)
@example(TIES, 0, 2, "objects", 2)
@examples(50)
def test_blocks_give_the_bytes_of_any_log(rows, window, min_weight, weight, n_blocks):
    assert_blocked(log_of(rows), cn.CoAction(window), weight, min_weight, n_blocks)


@examples(50)
@given(logs(), st.dictionaries(st.sampled_from(KINDS), windows(), min_size=1),
       st.integers(1, 3), WEIGHTS, N_BLOCKS)  # fmt: skip
def test_windows_by_kind_leave_other_kinds_out(rows, window, min_weight, weight, n_blocks):
    relation = cn.CoAction(tuple(sorted(window.items())))
    assert_blocked(log_of(rows), relation, weight, min_weight, n_blocks)


def random_log(seed=3, n=6_000):
    """A log in which one account does a third of everything, on few popular objects."""
    rng = np.random.default_rng(seed)
    account = np.where(rng.random(n) < 1 / 3, 0, rng.integers(0, 300, n))
    objects, times = rng.zipf(1.4, n) % 200, rng.integers(0, 50 * WINDOW, n)
    return log_of(
        [(f"u{a}", f"p{o}", START + int(t), "retweet", None)
         for a, o, t in zip(account, objects, times, strict=True)]
    )  # fmt: skip


@pytest.mark.parametrize("min_weight", [1, 2, 5])
def test_a_larger_log_in_blocks_on_threads(min_weight):
    log = random_log()
    for weight, n_blocks in (("objects", 3), ("pairs", 8)):
        graph = assert_blocked(log, cn.CoAction(WINDOW), weight, min_weight, n_blocks, 2)
        assert graph.n_edges > 100


def test_each_task_gives_the_edges_between_its_two_blocks():
    log, n = random_log(), 4
    graph = cn.co_action(log, "60s", min_weight=2)
    counting = counting_of(log, cn.CoAction(WINDOW), "objects", 2)
    blocks = block_edges.split(log, n)
    block = block_of(log.all_accounts.labels, n)
    ends = np.sort([block[graph.edges["source"]], block[graph.edges["target"]]], axis=0)
    for i, j in block_edges.tasks_of(n):
        there = (ends == [[i], [j]]).all(axis=0)
        assert there.any()
        expected = {name: column[there] for name, column in graph.edges.items()}
        found = edges_between(counting, blocks[i], None if i == j else blocks[j], 1)
        assert_same_graph(SimpleNamespace(edges=found), SimpleNamespace(edges=expected))
        if i != j:  # either may stand first
            found = edges_between(counting, blocks[j], blocks[i], 1)
            assert_same_graph(SimpleNamespace(edges=found), SimpleNamespace(edges=expected))


def test_a_task_for_which_there_is_no_memory_says_so(monkeypatch):
    log = random_log()
    counting = counting_of(log, cn.CoAction(WINDOW), "objects", 1)
    one, other = block_edges.split(log, 2)
    monkeypatch.setattr(memory, "available_memory", lambda: 100_000)
    monkeypatch.setattr(co_action, "available_memory", lambda: 100_000)
    with pytest.raises(MemoryBudgetError, match=r"edges would take .* window \(it is 60s\)"):
        edges_between(counting, one, other, 1)


# -- crowds ------------------------------------------------------------------------------------


@given(crowded_logs(), st.sampled_from([0, 1, 7 * SECOND, WINDOW]), st.integers(1, 3), WEIGHTS,
       N_BLOCKS)  # fmt: skip
@examples(25)
def test_a_crowd_across_blocks_gives_the_same_bytes(rows, window, min_weight, weight, n_blocks):
    log = log_of(rows)
    expected = cn.CoAction(window).graph(log, weight=weight, min_weight=min_weight)
    assert len(rows) ** 2 < crowds.WORTH  # there none was counted in bulk
    with pytest.MonkeyPatch.context() as patch:
        for name in ("WORTH", "FEWEST", "FULL"):
            patch.setattr(crowds, name, 1 if name == "WORTH" else 0)
        edges = blocked_edges(log, cn.CoAction(window), weight, min_weight, n_blocks, 1)
    assert_same_graph(SimpleNamespace(edges=edges), expected)


def test_a_crowd_is_counted_in_bulk_across_blocks(monkeypatch):
    """Two blocks of three, all on four objects; one acts before the first of the other block."""
    for name in ("WORTH", "FEWEST"):
        monkeypatch.setattr(crowds, name, 1 if name == "WORTH" else 0)
    found = []
    find = crowds.find_crowd
    monkeypatch.setattr(
        co_action, "find_crowd", lambda *given: found.append(find(*given)) or found[-1]
    )
    log = log_of(
        [(f"u{a}", f"o{o}", START + 3_600 * o * SECOND + (7 * a % 6) * SECOND, "k", None)
         for a in range(6) for o in range(4)]
    )  # fmt: skip
    counting = counting_of(log, cn.CoAction(WINDOW), "objects", 1)
    one, other = (
        block_edges.Actions(log.account[at], log.object[at], log.time[at])
        for at in (log.account % 2 == 0, log.account % 2 == 1)
    )
    edges = edges_between(counting, one, other, 1)
    (crowd,) = found
    assert crowd.code.tolist() == [0, 1, 2, 3, 4, 5]
    assert crowd.side.tolist() == [1, 0, 1, 0, 1, 0]
    assert len(crowd.outside) == 0
    pairs = [(u, v) for u in range(6) for v in range(u + 1, 6) if (u + v) % 2]
    assert list(zip(edges["source"], edges["target"], strict=True)) == pairs
    assert edges["objects"].tolist() == [4] * 9
    assert edges["mean_delay"].tolist() == [abs(7 * u % 6 - 7 * v % 6) for u, v in pairs]


# -- windows -----------------------------------------------------------------------------------


@given(logs(max_size=20), logs(max_size=20), windows())
def test_windows_across_hold_the_near_actions_of_the_other_side(rows, others, window):
    names = sorted({name for _, name, *_ in rows + others})
    parts = [sorted((names.index(o), t) for _, o, t, *_ in part) for part in (rows, others)]
    object_, time = np.array(parts[0] + parts[1], np.int64).reshape(-1, 2).T
    low, high = window_kernels.window_bounds_across(
        object_.astype(np.int32), time, np.full(len(names), window), len(rows)
    )
    for p in range(len(time)):
        first, last = (len(rows), len(time)) if p < len(rows) else (0, len(rows))
        near = [
            q for q in range(first, last)
            if object_[p] == object_[q] and abs(time[p] - time[q]) <= window
        ]  # fmt: skip
        assert list(range(low[p], high[p])) == near


# -- the unit of delays ------------------------------------------------------------------------


def test_the_unit_of_delays_is_the_same_in_blocks():
    """Actions years apart: a shift of some bits, which no block could know by itself."""
    year = 365 * 86_400 * SECOND
    rows = [
        (f"u{a}", "p", START + (i * 37 + a) * 1_000_003, "k", None)
        for a in range(4)
        for i in range(200 if a == 0 else 50)
    ]
    log = log_of(rows)
    window = 100_000 * year // 1_000  # of which 200 * 200 need 68 bits
    shift = co_action.delay_shift(log.account, log.object, len(log.all_accounts), window)
    assert shift == (200 * 200).bit_length() + window.bit_length() - 62 > 0
    for n_blocks in (2, 5):
        assert_blocked(log, cn.CoAction(window), "pairs", 1, n_blocks)


def test_ordinary_logs_need_no_coarser_unit():
    sim = cn.simulate("election", accounts=1_000, seed=0)
    log = sim.log
    for window in (SECOND, WINDOW, 3_600 * SECOND, 86_400 * SECOND):
        assert co_action.delay_shift(log.account, log.object, len(log.all_accounts), window) == 0


@given(logs())
def test_the_bound_of_delays_is_the_most_actions_of_an_account(rows):
    log = log_of(rows)
    of, on = Counter(log.account.tolist()), Counter()
    for account, object_ in zip(log.account.tolist(), log.object.tolist(), strict=True):
        on[account, object_] += 1
    bound = max(of.values(), default=0) * max(on.values(), default=0)
    shift = co_action.delay_shift(log.account, log.object, len(log.all_accounts), 2**61)
    assert shift == bound.bit_length()


# -- errors ------------------------------------------------------------------------------------


def test_what_is_not_made_from_blocks_says_so():
    log = log_of(VIRAL)
    with pytest.raises(ParameterError, match=r"co-timing is not made from blocks"):
        blocked_edges(log, cn.CoTiming(SECOND, 30 * SECOND), n_blocks=2)
    with pytest.raises(ParameterError, match="weight"):
        blocked_edges(log, cn.CoAction(WINDOW), weight="none")
    with pytest.raises(ParameterError, match="min_weight"):
        blocked_edges(log, cn.CoAction(WINDOW), min_weight=0)
