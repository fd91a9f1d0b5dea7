"""A memory limit: on disk, in parts, block by block, and always the same bytes."""

import contextvars
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from helpers import assert_same_graph, assert_same_log, log_of
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import logs, windows

import coordnet as cn
from coordnet import disk, memory
from coordnet.engines import account_blocks
from coordnet.inference import (
    attainable,
    edge_tests,
    group_test,
    pair_chances,
    set_weights,
    statistics,
)
from coordnet.log import account_order


@pytest.fixture
def small(monkeypatch):
    """Let little memory be asked for, and slices be small."""
    monkeypatch.setattr(memory, "LEAST", 1)
    for module in (
        disk, account_blocks, account_order, attainable, edge_tests, group_test, pair_chances,
        set_weights, statistics,
    ):  # fmt: skip
        monkeypatch.setattr(module, "SLICE", 499)
    monkeypatch.setattr(account_order, "PLACED", 700)
    monkeypatch.setattr(account_blocks, "MOST_BLOCKS", 2)


@pytest.fixture(scope="module")
def election():
    return cn.simulate("election", accounts=1_000, seed=1).log


def test_sizes_of_memory():
    for given_, size in (
        ("2GB", 2 * 10**9),
        ("1.5 gib", 3 << 29),
        (10**8, 10**8),
        ("100000K", 10**8),
    ):
        assert memory.memory_size(given_) == size
    for wrong in ("2 apples", "", "-1GB", 99_999_999, "99MB", 1.5, True, None):
        with pytest.raises(cn.ParameterError, match=r'no amount of memory; write "2GB"'):
            memory.memory_size(wrong)


@pytest.mark.parametrize(("need", "weight"), list(product((1, 2), ("objects", "pairs"))))
def test_a_graph_on_disk_is_that_in_memory(small, election, need, weight):
    whole = cn.co_action(election, min_weight=need, weight=weight)
    limited = cn.co_action(election, min_weight=need, weight=weight, memory=1)
    assert disk.stands_on_disk(limited.edges["source"])
    assert not disk.stands_on_disk(whole.edges["source"])
    assert_same_graph(limited, whole)


@pytest.mark.parametrize(
    "options", [{}, {"null": "timing"}, {"null": "activity"}, {"strata": "1h"}]
)
def test_tests_in_slices_are_those_of_all_at_once(small, election, options):
    graph = cn.co_action(election, min_weight=2)
    whole = graph.test(**options)
    with memory.limited_to(1):
        sliced = graph.test(**options)
    assert disk.stands_on_disk(sliced.edges["p_value"])
    assert_same_graph(sliced, whole)
    assert sliced.tested == whole.tested
    assert_same_graph(sliced.keep(fdr=0.05), whole.keep(fdr=0.05))


def test_a_run_with_little_memory_is_the_same(small, election):
    one, two = (cn.detect(election, memory=m, co_timing="1s") for m in (None, 1))
    assert len(one.clusters) > 0
    assert [c.codes.tolist() for c in one.clusters] == [c.codes.tolist() for c in two.clusters]
    assert one.scores.to_frame("pyarrow").equals(two.scores.to_frame("pyarrow"))
    for layer, same in zip(one.layers, two.layers, strict=True):
        assert_same_graph(layer, same)


def test_parts_of_a_log_with_little_memory_are_the_same(small, election):
    def parts():
        yield election.select(["retweet", "url"])
        yield election.where(election.account % 3 > 0, "every third")
        yield election.where(np.zeros(len(election), bool), "all")

    whole = list(parts())
    with memory.limited_to(1):
        for part, same in zip(parts(), whole, strict=True):
            assert_same_log(part, same)
            for column in (part.account, part.object, part.time, part.row):
                assert disk.stands_on_disk(column) == (len(part) > 0)
                assert not column.flags.writeable


@given(logs(), windows(), st.sampled_from([2, 4, 8]), st.integers(1, 2))
@settings(max_examples=40)
def test_blocks_give_the_same_bytes(rows, window, n, need):
    log, relation = log_of(rows), cn.CoAction(window)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "LEAST", 1)
        patch.setattr(account_blocks, "SLICE", 3)
        with memory.limited_to(1):
            found = account_blocks.AccountBlocks(n, 1).edges(log, relation, "objects", need)
    whole = relation.graph(log, min_weight=need)
    for name, column in whole.edges.items():
        assert found[name].tobytes() == column.tobytes()


def test_the_memory_chooses_the_number_of_blocks():
    with memory.limited_to("1GB"):
        assert [account_blocks.blocks_needed(n * 10**6) for n in (1, 10, 25, 300, 10**4)] == [
            1, 1, 8, 64, 64,
        ]  # fmt: skip


def test_what_stands_on_disk_has_no_name(monkeypatch, tmp_path):
    monkeypatch.setenv(disk.SETTING, str(tmp_path))
    array = disk.on_disk(1_000, "f8")
    assert list(tmp_path.iterdir()) == []
    array[:] = np.arange(1_000)
    disk.release(array)
    assert array.sum() == 499_500
    assert disk.stands_on_disk(array[3:])
    assert not disk.stands_on_disk(array + 1)


def test_a_full_disk_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv(disk.SETTING, str(tmp_path))
    room = tempfile.mkstemp(dir=tmp_path)[1]

    def full(file, begin, size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk.os, "posix_fallocate", full)
    with pytest.raises(cn.OutputError, match=r"no room for .* GB .*No space left.*COORDNET_DISK"):
        disk.on_disk(10**6, "f8")
    assert list(tmp_path.iterdir()) == [Path(room)]


def test_finished_parts_are_not_made_again(monkeypatch, tmp_path):
    """A run that is stopped leaves what it finished, and the next one goes on from there."""
    made, types = [], {"a": "i4", "b": "f8"}

    def make(_, i):
        if len(made) == 5 and not stopped:
            stopped.append(True)
            raise KeyboardInterrupt
        made.append(i)
        return [np.full(i, i, np.int32), np.arange(i) / 3]

    def run():
        with disk.work_in(tmp_path):
            return disk.made_in_parts(lambda: ["key"], 9, types, make, threads=1).all(fits=True)

    stopped = []
    with pytest.raises(KeyboardInterrupt):
        run()
    assert made == [0, 1, 2, 3, 4]
    a, b = run()
    assert made == list(range(9))
    assert a.tolist() == [i for i in range(9) for _ in range(i)]
    assert b.tolist() == [j / 3 for i in range(9) for j in range(i)]
    assert list(tmp_path.iterdir()) == []  # nothing is left of a run that ended well
    with disk.work_in(tmp_path):  # another key has parts of its own
        disk.made_in_parts(lambda: ["other"], 9, types, make, threads=1)
    assert made == [*range(9), *range(9)]


def test_two_calls_at_once_do_not_share_their_parts(tmp_path):
    """Whoever comes second makes the parts in files of its own, and removes none of the first."""

    def make(_, i):
        if i == 2 and not inside:  # another call begins and ends, while this one is at work
            inside.append(None)
            inside[0] = contextvars.Context().run(run)
            assert len((tmp_path / "work").glob("*/journal").__next__().read_text()) > 0
        return [np.full(i, i, np.int32)]

    def run():
        with disk.work_in(tmp_path):
            parts = disk.made_in_parts(lambda: ["key"], 5, {"a": "i4"}, make, threads=1)
            return parts.all(fits=True)[0].tolist()

    inside = []
    expected = [i for i in range(5) for _ in range(i)]
    assert run() == expected
    assert inside == [expected]
    assert list(tmp_path.iterdir()) == []
