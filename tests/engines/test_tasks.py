"""An engine of tasks: the bytes of one process, whatever the groups and the accidents."""

import json
import shutil
import threading
from contextlib import contextmanager
from contextvars import Context

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from helpers import assert_same_graph, log_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import KINDS, WINDOW, examples, logs, windows

import coordnet as cn
from coordnet import disk, memory
from coordnet.engine import at_work
from coordnet.engines import account_blocks, tasks
from coordnet.engines.tasks import Place, TaskEngine
from coordnet.errors import CoordnetError, InputError, OutputError, ParameterError
from coordnet.inference import attainable
from coordnet.inference.attainable import attainable_pairs
from coordnet.inference.drawn_pairs import drawn_pairs
from coordnet.inference.statistics import Chances, WindowStatistics, object_statistics
from coordnet.store import folder as folders
from coordnet.store import write


class Here(TaskEngine):
    """Runs tasks one after the other, as another process would, and notes which."""

    def __init__(self, folder, groups=3, workers=(2, 10**9), store=None):
        super().__init__(folder, groups, store)
        self.told, self.ran = workers, []

    def run(self, task, tasks):
        for pair in tasks:
            Context().run(task, *pair)
            self.ran.append(pair)

    def workers(self):
        return self.told


@pytest.fixture(scope="module")
def ring():
    return cn.simulate("retweet_ring", accounts=600, seed=0).log


# -- the same bytes ----------------------------------------------------------------------------


@examples(15)
@given(log=logs().map(log_of), window=windows(), min_weight=st.integers(1, 3),
       weight=st.sampled_from(["objects", "pairs"]), groups=st.integers(1, 5))  # fmt: skip
def test_edges_have_the_bytes_of_any_log(tmp_path_factory, log, window, min_weight, weight, groups):
    engine = Here(tmp_path_factory.mktemp("work"), groups)
    options = {"weight": weight, "min_weight": min_weight}
    found = cn.co_action(log, window / 1e6, **options, engine=engine)
    assert_same_graph(found, cn.co_action(log, window / 1e6, **options))
    assert len(engine.ran) == groups * (groups + 1) // 2


@examples(15)
@given(log=logs(min_size=1).map(log_of), groups=st.integers(1, 4), data=st.data())
def test_tests_of_windows_by_kind_have_the_bytes_of_any_log(tmp_path_factory, log, groups, data):
    kinds = data.draw(st.lists(st.sampled_from(KINDS), min_size=1, unique=True))
    relation = cn.CoAction(tuple(sorted((kind, WINDOW * (1 + len(kind))) for kind in kinds)))
    graph = relation.graph(log)
    assert_same_graph(graph.test(engine=Here(tmp_path_factory.mktemp("t"), groups)), graph.test())


@pytest.mark.parametrize("null", ["both", "activity", "timing"])
def test_tests_of_each_null_have_the_same_bytes(ring, tmp_path, null):
    graph = cn.co_action(ring, "60s", min_weight=2)
    expected = graph.test(null, strata="1d")
    found = graph.test(null, strata="1d", engine=Here(tmp_path))
    assert_same_graph(found, expected)
    assert found.tested == expected.tested
    some = graph.where(np.arange(graph.n_edges) % 7 == 0)  # whichever edges there are
    assert_same_graph(some.test(null, engine=Here(tmp_path, 2)), some.test(null))


def test_accounts_that_share_many_objects_are_tested_alike(tmp_path):
    """Their lists are kept in the order of time, by the ranks that go with the facts."""
    rng = np.random.default_rng(1)
    rows = [
        (
            f"u{a}",
            f"p{o}",
            1_500_000_000_000_000 + o * 10**9 + int(rng.integers(0, 10**8)),
            "k",
            None,
        )
        for o in range(400)
        for a in range(8)
    ]
    log = log_of(rows)
    expected = cn.co_action(log, "60s", min_weight=2).test()
    graph = cn.co_action(log, "60s", min_weight=2, engine=Here(tmp_path))
    assert_same_graph(graph.test(engine=Here(tmp_path)), expected)


def test_a_run_has_the_bytes_of_one_process(ring, tmp_path):
    options = {"within": "60s", "seed": 1, "null_runs": 0}
    expected = cn.detect(ring, **options)
    engine = Here(tmp_path)
    found = cn.detect(ring, **options, engine=engine)
    assert len(engine.ran) >= 12  # counted and tested
    frames = [run.clusters.to_frame("pyarrow") for run in (found, expected)]
    assert len(frames[0]) > 0
    assert frames[0].equals(frames[1])
    assert_same_graph(found.graph, expected.graph)
    assert found.scores.to_frame("pyarrow").equals(expected.scores.to_frame("pyarrow"))


# -- stores ------------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [1, 2, 5])
def test_the_blocks_of_a_store_are_read_and_none_are_written(ring, tmp_path, groups, monkeypatch):
    store = cn.write_store(ring, tmp_path / "store")
    monkeypatch.setattr(tasks, "split", None)
    engine = Here(None, groups)
    graph = cn.co_action(store, "60s", min_weight=2, engine=engine)
    assert sorted(engine.ran) == [(i, j) for i in range(groups) for j in range(i, groups)]
    assert_same_graph(graph.test(engine=engine), cn.co_action(ring, "60s", min_weight=2).test())
    assert not (store.folder / "work").exists()


def test_a_store_that_workers_see_elsewhere(ring, tmp_path):
    store = cn.write_store(ring, tmp_path / "store")
    moved = (tmp_path / "store").rename(tmp_path / "there")
    engine = Here(tmp_path, store=moved.as_uri())
    graph = cn.co_action(store, "60s", min_weight=2, engine=engine)
    assert_same_graph(graph, cn.co_action(ring, "60s", min_weight=2))


def test_workers_see_store_and_work_at_addresses_with_settings(ring, tmp_path, monkeypatch):
    """Which stand behind a question mark, as with s3; this process has the folder of the store."""
    store = cn.write_store(ring, tmp_path / "store")
    bucket = tmp_path / "bucket"
    shutil.copytree(store.folder, bucket / "store")
    opened = []

    def open_(place):
        address, _, settings = place.uri.partition("?")
        assert settings == "endpoint_override=localhost:5000&scheme=http"
        opened.append(address)
        kind, _, path = address.partition("://bucket/")
        assert kind == "s3"
        return pa.fs.SubTreeFileSystem(str(bucket), pa.fs.LocalFileSystem()), path

    monkeypatch.setattr(Place, "open", open_)
    monkeypatch.setattr(tasks, "split", None)
    where = "s3://bucket/{}?endpoint_override=localhost:5000&scheme=http"
    engine = Here(where.format("work"), store=where.format("store"))
    graph = cn.co_action(store, "60s", min_weight=2, engine=engine)
    tested = graph.test(engine=engine)
    assert_same_graph(tested, cn.co_action(ring, "60s", min_weight=2).test())
    assert any(address.endswith(f"store/{store.generation}/blocks") for address in opened)
    assert any(address.endswith(f"store/{store.generation}") for address in opened)  # columns
    assert [entry.name for entry in bucket.iterdir() if list(entry.iterdir())] == ["store"]


def test_the_store_that_workers_see_is_that_of_the_log(ring, tmp_path):
    store = cn.write_store(ring, tmp_path / "store")
    copy = cn.write_store(ring, tmp_path / "copy")
    (copy.folder / copy.generation).rename(copy.folder / "generation-000007")
    told = json.loads((copy.folder / "store.json").read_text())
    (copy.folder / "store.json").write_text(json.dumps(told | {"generation": "generation-000007"}))
    engine = Here(tmp_path / "work", store=copy.folder.as_uri())
    graph = cn.co_action(store, "60s", min_weight=2, engine=engine)
    assert_same_graph(graph, cn.co_action(ring, "60s", min_weight=2))
    other = cn.write_store(cn.simulate("election", accounts=300).log, tmp_path / "other")
    engine = Here(tmp_path / "work", store=other.folder)
    with pytest.raises(InputError, match="other holds another log than the store"):
        cn.co_action(store, "60s", engine=engine)
    engine = Here(tmp_path / "work", store=tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"nowhere holds no store .*copy the whole folder"):
        cn.co_action(store, "60s", engine=engine)


def test_windows_by_kind_take_their_kinds_of_the_blocks(ring, tmp_path, monkeypatch):
    store = cn.write_store(ring, tmp_path / "store")
    within = {"retweet": "60s", "url": "10min"}
    expected = cn.co_action(ring, within, min_weight=2)
    with monkeypatch.context() as patch:
        patch.setattr(tasks, "split", None)
        graph = cn.co_action(store, within, min_weight=2, engine=Here(None))
    assert_same_graph(graph, expected)
    assert_same_graph(graph.test(engine=Here(None)), expected.test())


def test_a_relation_that_knows_more_is_left_to_this_process(ring, tmp_path):
    class OnFirstObject(cn.CoAction):
        def part(self, log):
            return log.where(log.object == 0, "another object")

    engine = Here(tmp_path)
    with at_work(ring, None, engine, 1):
        graph = OnFirstObject(WINDOW).graph(ring)
        timing = cn.co_timing(ring)
    assert engine.ran == []
    assert_same_graph(graph, OnFirstObject(WINDOW).graph(ring))
    assert_same_graph(timing, cn.co_timing(ring))


def test_edges_for_which_memory_is_too_little_stand_on_disk(ring, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "LEAST", 1)
    monkeypatch.setattr(account_blocks, "SLICE", 499)
    found = cn.co_action(ring, "60s", min_weight=2, memory=1, engine=Here(tmp_path))
    assert disk.stands_on_disk(found.edges["source"])
    assert_same_graph(found, cn.co_action(ring, "60s", min_weight=2))


def test_tests_for_which_memory_is_too_little_stand_on_disk(ring, tmp_path, monkeypatch):
    graph = cn.co_action(ring, "60s", min_weight=2)
    monkeypatch.setattr(memory, "LEAST", 1)
    monkeypatch.setattr(disk, "SLICE", 499)
    found = graph.test(memory=1, engine=Here(tmp_path))
    assert disk.stands_on_disk(found.edges["p_timing"])
    assert_same_graph(found, graph.test())


# -- objects -----------------------------------------------------------------------------------


def stored(log, folder):
    """Write a log without waiting for the disk, and in few files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders, "to_disk", lambda _: None)
        patch.setattr(write, "BLOCKS", 2)
        return cn.write_store(log, folder / "store")


def assert_objects_alike(found, expected):
    assert found.n_accounts.sum() > 0
    for own, other in zip(found, expected, strict=True):
        assert own.dtype == other.dtype
        assert own.tobytes() == other.tobytes()


@examples(15)
@given(log=logs(min_size=1).map(log_of), window=windows(), by_kind=st.booleans())
def test_objects_have_the_bytes_of_any_log(tmp_path_factory, log, window, by_kind):
    store = stored(log, tmp_path_factory.mktemp("objects"))
    if by_kind:
        window = tuple((kind, window * (1 + i)) for i, kind in enumerate(log.kinds))
    engine = Here(None)
    with at_work(store, None, engine, 1):
        found = object_statistics(store, window)
    assert_objects_alike(found, object_statistics(log, window))
    borders = [o for pair in engine.ran for o in pair]
    assert borders[0] == 0
    assert borders[-1] == log.n_objects
    assert borders[1:-1:2] == borders[2::2]


def test_objects_are_read_where_workers_see_the_store(ring, tmp_path):
    """And a background in a store of its own is none of their business."""
    store = cn.write_store(ring, tmp_path / "store")
    (tmp_path / "there").symlink_to(tmp_path / "store")
    engine = Here(None, store=(tmp_path / "there").as_uri())
    other = cn.write_store(cn.simulate("election", accounts=300).log, tmp_path / "other")
    with at_work(store, None, engine, 1):
        found = object_statistics(store, WINDOW)
        ran = len(engine.ran)
        background = object_statistics(other, WINDOW)
    assert len(engine.ran) == ran == 6  # three for each worker
    assert_objects_alike(found, object_statistics(ring, WINDOW))
    assert_objects_alike(background, object_statistics(other, WINDOW))


def assert_chances_alike(found, expected):
    for own, other in zip(found, expected, strict=True):
        assert own.dtype == other.dtype
        assert own.tobytes() == other.tobytes()


@examples(15)
@given(log=logs(min_size=1).map(log_of), window=windows(), read=st.sampled_from([1, 5, 100]))
def test_chances_have_the_bytes_of_any_log(tmp_path_factory, log, window, read):
    store = stored(log, tmp_path_factory.mktemp("chances"))
    with pytest.MonkeyPatch.context() as patch, at_work(store, None, Here(None), 1):
        patch.setattr(tasks, "READ", read)
        patch.setattr(tasks, "APART", read // 2)
        found = WindowStatistics(store, window).pair_chances
    assert_chances_alike(found, WindowStatistics(log, window).pair_chances)


def test_chances_that_are_drawn_have_the_same_bytes(tmp_path):
    """Of classes too large to be counted, looked at closely or not; and where a run goes on."""
    log = cn.simulate("large_ring", accounts=1_000, rings=[(60, 100)], kind="text").log
    expected = WindowStatistics(log, WINDOW).pair_chances
    store = cn.write_store(log, tmp_path / "store")
    failed, again = Fails(tmp_path / "work"), Here(tmp_path / "work")
    with at_work(store, None, Here(None), 1):
        statistics = WindowStatistics(store, WINDOW)
        assert statistics.pooled_chances.max() > 0.8
    with pytest.raises(CoordnetError, match="out of order"), at_work(store, None, failed, 1):
        assert statistics.pair_chances
    with at_work(store, None, again, 1):
        found = statistics.pair_chances
    assert not set(failed.ran) & set(again.ran)
    assert (len(failed.ran), len(again.ran) > 4) == (2, True)
    assert_chances_alike(found, expected)


@examples(15)
@given(log=logs(min_size=1).map(log_of), read=st.sampled_from([1, 5, 100]), seed=st.integers(0, 9))
def test_who_was_drawn_is_looked_up_by_tasks(tmp_path_factory, log, read, seed):
    store, engine = stored(log, tmp_path_factory.mktemp("drawn")), Here(None)
    statistics = WindowStatistics(log, WINDOW)
    chances = Chances(statistics.classes, np.full(len(statistics.chances), 0.1))
    with pytest.MonkeyPatch.context() as patch, at_work(store, None, engine, 1):
        patch.setattr(tasks, "READ", read)
        patch.setattr(attainable, "SAMPLE", 200)
        expected = attainable_pairs(store.account_runs(), chances, 0, seed)
        assert engine.ran == []
        n_o, rng = statistics.objects.n_accounts, np.random.default_rng(seed)
        found = attainable_pairs(
            store.account_runs(),
            chances,
            0,
            drawn=lambda: drawn_pairs(
                store.account_runs(), statistics.classes, n_o, seed, log=store, size=200
            ),
        )
        asked = rng.integers(0, log.n_objects, 50)
        ranks = rng.integers(0, n_o[asked])
        accounts = engine.accounts_on(store, asked, ranks)
    on = [np.unique(log.account[log.object == o]) for o in range(log.n_objects)]
    assert accounts.tolist() == [on[o][k] for o, k in zip(asked, ranks, strict=True)]
    assert found.counts.tobytes() == expected.counts.tobytes()
    assert found.sharing == expected.sharing


def test_objects_of_parts_and_of_older_stores_are_left_to_this_process(ring, tmp_path):
    store = cn.write_store(ring, tmp_path / "store")
    part = store.where(np.arange(len(store)) % 2 == 0, "odd")
    store.__dict__["_counted"] = None
    engine = Here(tmp_path / "work")
    for log in (part, store):
        with at_work(log, None, engine, 1):
            assert WindowStatistics(log, WINDOW).pair_chances.accounts.sum() > 0
    assert engine.ran == []


# -- accidents ---------------------------------------------------------------------------------


class Fails(Here):
    """Fails after so many tasks."""

    after = 2

    def run(self, task, tasks):
        super().run(task, tasks[: self.after])
        raise CoordnetError("out of order")


@pytest.mark.parametrize("step", ["edges", "tests"])
def test_what_is_finished_is_not_done_again(ring, tmp_path, step):
    expected = cn.co_action(ring, "60s", min_weight=2)

    def call(engine):
        if step == "edges":
            return cn.co_action(ring, "60s", min_weight=2, engine=engine)
        return expected.test(engine=engine)

    failed, again = Fails(tmp_path), Here(tmp_path)
    with pytest.raises(CoordnetError, match="out of order"):
        call(failed)
    found = call(again)
    assert len(failed.ran) == 2
    assert len(again.ran) == 4
    assert not set(failed.ran) & set(again.ran)
    assert_same_graph(found, expected if step == "edges" else expected.test())
    assert list(tmp_path.iterdir()) == []


def test_objects_that_are_counted_are_not_counted_again(ring, tmp_path):
    store = cn.write_store(ring, tmp_path / "store")
    failed, again = Fails(tmp_path / "work"), Here(tmp_path / "work")
    with pytest.raises(CoordnetError, match="out of order"), at_work(store, None, failed, 1):
        object_statistics(store, WINDOW)
    with at_work(store, None, again, 1):
        found = object_statistics(store, WINDOW)
    assert (len(failed.ran), len(again.ran)) == (2, 4)
    assert not set(failed.ran) & set(again.ran)
    assert_objects_alike(found, object_statistics(ring, WINDOW))


def test_files_that_were_cut_are_not_taken_for_results(tmp_path, monkeypatch):
    place, write = Place(str(tmp_path)), pa.parquet.write_table

    def stops(table, out, **options):
        out.write(b"PAR1")
        raise OSError("no space left on device")

    monkeypatch.setattr(pa.parquet, "write_table", stops)
    with pytest.raises(OSError, match="no space"):
        place.write("0000-0000.parquet", {"x": np.array([1])})
    assert "0000-0000.parquet" not in place.files()
    monkeypatch.setattr(pa.parquet, "write_table", write)
    place.write("0000-0000.parquet", {"x": np.array([1])})
    assert "0000-0000.parquet" in place.files()
    assert place.read("0000-0000.parquet")["x"].tolist() == [1]


# -- progress ----------------------------------------------------------------------------------


def test_progress_is_the_share_of_tasks_that_are_finished(ring, tmp_path, monkeypatch):
    told, seen = [], threading.Event()

    class Waits(Here):
        def run(self, task, tasks):
            super().run(task, tasks[:2])
            assert seen.wait(60)
            super().run(task, tasks[2:])

    @contextmanager
    def stage(label):
        def step(share):
            told.append((label, share))
            if share >= 2 / 6:
                seen.set()

        yield step

    monkeypatch.setattr(tasks, "stage", stage)
    monkeypatch.setattr(tasks, "LOOK", 0.001)
    cn.show_progress(True)
    try:
        cn.co_action(ring, "60s", engine=Waits(tmp_path))
    finally:
        cn.show_progress(None)
    assert ("co-actions", 2 / 6) in told
    assert {share * 6 for _, share in told} <= {0, 1, 2, 3, 4, 5, 6}


# -- groups ------------------------------------------------------------------------------------


def test_groups_follow_from_the_workers_and_their_memory(tmp_path):
    def groups(actions, workers, memory):
        return Here(tmp_path, None, (workers, memory))._groups(actions)

    assert groups(1_000, 1, 10**9) == 2  # three tasks for each worker
    assert groups(1_000, 2, 10**9) == 3
    assert groups(1_000, 100, 10**9) == 24
    assert groups(10_000_000, 2, 10**9) == 5  # 2 / 5 of ten million actions of 110 bytes
    assert groups(10**9, 2, 10**9) == tasks.BLOCKS


# -- errors ------------------------------------------------------------------------------------


def test_errors_say_what_to_give(ring, tmp_path):
    with pytest.raises(ParameterError, match=r"engine='spark' is no engine; give a Spark session"):
        cn.co_action(ring, engine="spark")
    with pytest.raises(ParameterError, match=r"give the engine a folder= that all of them see"):
        cn.co_action(ring, engine=Here(None))
    with pytest.raises(ParameterError, match="groups=65"):
        Here(tmp_path, 65)
    with pytest.raises(ParameterError, match=r"'nowhere://x.*' is no folder that pyarrow can open"):
        cn.co_action(ring, engine=Here("nowhere://x"))
    with pytest.raises(ParameterError, match=r"'s3://\.\.\.@bucket/.*' is no folder"):
        cn.co_action(ring, engine=Here("s3://key:secret@bucket/work?no_such=1"))
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file/tasks-\w+ cannot be written to .*folder="):
        cn.co_action(ring, engine=Here(tmp_path / "file"))
    engine = Here(tmp_path)
    engine.run = lambda task, pairs: None
    with pytest.raises(InputError, match="the results of 6 tasks are not there"):
        cn.co_action(ring, engine=engine)


def test_the_engine_is_that_of_the_call_alone(ring, tmp_path):
    engine = Here(tmp_path)
    graph = cn.co_action(ring, "60s", min_weight=2, engine=engine)
    ran = len(engine.ran)
    graph.test()
    cn.co_action(ring, "60s", min_weight=2)
    assert len(engine.ran) == ran > 0
