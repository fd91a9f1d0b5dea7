"""The engine on Spark: two workers on this machine, the bytes of one process, and a killed one."""

import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.fs
import pytest
import sql_oracle
from helpers import assert_same_graph, assert_same_log, require_spark
from strategies import WINDOW

import coordnet as cn
from coordnet.engine import at_work
from coordnet.engines import spark as engines
from coordnet.engines.spark import SparkEngine
from coordnet.errors import CoordnetError, MissingDependencyError, ParameterError
from coordnet.inference.statistics import object_statistics


@pytest.fixture(scope="module")
def session():
    require_spark()
    spark = engines.session(cores=2, spark_driver_memory="512m")
    yield spark
    spark.stop()


@pytest.fixture(scope="module")
def ring():
    return cn.simulate("retweet_ring", accounts=600, seed=0).log


@pytest.fixture(scope="module")
def store(ring, tmp_path_factory):
    return cn.write_store(ring, tmp_path_factory.mktemp("spark") / "store")


def test_a_session_is_an_engine(session, ring, store):
    expected = cn.co_action(ring, "60s", min_weight=2)
    assert expected.n_edges > 100
    graph = cn.co_action(store, "60s", min_weight=2, engine=session)
    assert_same_graph(graph, expected)
    tested = graph.test(engine=session)
    assert_same_graph(tested, expected.test())
    assert tested.tested == expected.test().tested
    assert not (store.folder / "work").exists() or not list((store.folder / "work").iterdir())


def test_windows_by_kind_and_a_log_in_no_store(session, ring):
    within = {"retweet": "60s", "url": "10min"}
    expected = cn.co_action(ring, within, weight="pairs", min_weight=3)
    found = cn.co_action(ring, within, weight="pairs", min_weight=3, engine=SparkEngine(session))
    assert_same_graph(found, expected)


def test_a_killed_worker_changes_nothing(session, ring, store, tmp_path):
    """The first attempt of a task kills its process, in the middle of its work."""
    mark, pids = tmp_path / "killed", tmp_path / "pids"
    pids.mkdir()

    class Killing(SparkEngine):
        def run(self, task, tasks):
            def dies(i, j):
                (pids / f"{os.getpid()}-{i}-{j}").touch()
                if (i, j) == (0, 1) and not mark.exists():
                    mark.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                return task(i, j)

            super().run(dies, tasks)

    engine = Killing(session, groups=3)
    graph = cn.co_action(store, "60s", min_weight=2, engine=engine)
    assert mark.exists()
    tries = [name.name.split("-", 1) for name in pids.iterdir()]
    assert len([pid for pid, pair in tries if pair == "0-1"]) == 2
    assert len({pid for pid, _ in tries}) >= 3  # two workers, and one that took a place
    assert str(os.getpid()) not in {pid for pid, _ in tries}
    assert_same_graph(graph, cn.co_action(ring, "60s", min_weight=2))
    mark.unlink()
    assert_same_graph(graph.test(engine=engine), graph.test())
    assert mark.exists()


def test_objects_are_counted_by_workers_and_a_killed_one_changes_nothing(
    session, ring, store, tmp_path
):
    mark, pids = tmp_path / "killed", tmp_path / "pids"
    pids.mkdir()

    class Killing(SparkEngine):
        def run(self, task, tasks):
            def dies(first, last):
                (pids / f"{os.getpid()}-{first}").touch()
                if first > 0 and not mark.exists():
                    mark.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                return task(first, last)

            super().run(dies, tasks)

    with at_work(store, None, Killing(session), 1):
        found = object_statistics(store, WINDOW)
    assert mark.exists()
    tried = {name.name.partition("-")[0] for name in pids.iterdir()}
    assert str(os.getpid()) not in tried
    assert len(tried) >= 3
    for own, other in zip(found, object_statistics(ring, WINDOW), strict=True):
        assert own.tobytes() == other.tobytes()


@pytest.mark.slow
def test_a_task_that_always_fails_says_why_and_what_is_finished_stays(session, ring, store):
    class Failing(SparkEngine):
        def run(self, task, tasks):
            def fails(i, j):
                if (i, j) == (1, 1):
                    raise ValueError("no such thing")
                return task(i, j)

            super().run(fails, tasks)

    with pytest.raises(CoordnetError, match="ValueError: no such thing") as error:
        cn.co_action(store, "60s", min_weight=2, engine=Failing(session, groups=2))
    assert "goes on from there" in str(error.value)
    (work,) = (store.folder / "work").iterdir()
    done = {path.name for path in work.iterdir()}
    assert "0000-0001.parquet" in done
    assert "0001-0001.parquet" not in done
    found = cn.co_action(store, "60s", min_weight=2, engine=SparkEngine(session, groups=2))
    assert_same_graph(found, cn.co_action(ring, "60s", min_weight=2))


# -- tables of Spark ---------------------------------------------------------------------------


@pytest.mark.slow
def test_tables_of_spark_are_read_as_others(session, ring, tmp_path):
    table = ring.to_frame("pyarrow").drop_columns("row").slice(0, 4_000)
    table = table.rename_columns(["who", "odd.`name", "at", "kind"])
    columns = {"account": "who", "object": "odd.`name", "time": "at", "kind": "kind"}
    frame = session.createDataFrame(table.to_pandas()).repartition(3).cache()
    in_order = frame.toArrow()  # partitions one after the other
    expected = cn.read_actions(in_order, **columns)
    assert expected.row.tolist() != sorted(expected.row)
    store = cn.write_store(frame, tmp_path / "store", **columns)
    for log in (cn.read_actions(frame, **columns), store):
        assert_same_log(log, expected)
        assert log.sources == ("spark frame",)
    assert_same_graph(cn.co_action(store, "60s", engine=session), cn.co_action(expected, "60s"))
    empty = cn.read_actions(frame.limit(0), **columns)
    assert len(empty) == 0
    with pytest.raises(cn.InputError, match=r"no column 'whom'.*Did you mean 'who'"):
        cn.read_actions(frame, **{**columns, "account": "whom"})


@pytest.mark.slow
def test_the_graph_is_that_of_a_join_in_spark(session, ring, store):
    """Which ships every pair of actions, and which no task of the engine does."""
    session.read.parquet(str(store.block_path(0).parent)).createOrReplaceTempView("actions")
    expected = session.sql(sql_oracle.query(sql_oracle.SPARK, WINDOW, 2)).toArrow()
    sql_oracle.assert_edges_are(cn.co_action(store, "60s", min_weight=2, engine=session), expected)


@pytest.mark.slow
def test_a_run_on_spark_is_that_of_one_process(session, ring, store):
    expected = cn.detect(ring, within="60s", seed=1)
    found = cn.detect(store, within="60s", seed=1, engine=session)
    assert_same_graph(found.graph, expected.graph)
    frames = [run.clusters.to_frame("pyarrow") for run in (found, expected)]
    assert len(frames[0]) > 0
    assert frames[0].equals(frames[1])
    assert found.scores.to_frame("pyarrow").equals(expected.scores.to_frame("pyarrow"))


@pytest.mark.slow
def test_workers_read_a_store_from_s3_and_write_their_work_there(session, ring, store):
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        settings = f"endpoint_override={host}:{port}&scheme=http&region=us-east-1"
        where = f"s3://key:secret@bucket/{{}}?{settings}&allow_bucket_creation=true"
        bucket, path = pa.fs.FileSystem.from_uri(where.format("store"))
        bucket.create_dir(path)
        pa.fs.copy_files(str(store.folder), path, destination_filesystem=bucket)
        engine = SparkEngine(session, where.format("tasks"), store=where.format("store"))
        graph = cn.co_action(store, "60s", min_weight=2, engine=engine)
        assert_same_graph(graph.test(engine=engine), cn.co_action(ring, "60s", min_weight=2).test())
        left = bucket.get_file_info(pa.fs.FileSelector("bucket", recursive=True))
        assert not [entry.path for entry in left if "/tasks/" in entry.path]
    finally:
        server.stop()


# -- what needs no Spark -----------------------------------------------------------------------


def told(**settings):
    """Return an engine on a session with settings of Spark, with _ for the dots."""
    known = {name.replace("_", "."): value for name, value in settings.items()}
    return SparkEngine(SimpleNamespace(conf=SimpleNamespace(get=known.get)))


def test_cores_and_memory_are_those_of_the_executors():
    cluster = {"spark_master": "yarn", "spark_default_parallelism": "40"}
    assert told(**cluster).workers() == (40, 429496729)  # 0.4 of 1 GiB, one core each
    of = told(**cluster, spark_executor_memory="10g", spark_executor_cores="4").workers()
    assert of == (40, (10 << 30) * 4 // 10 // 4)
    assert told(**cluster, spark_executor_memory="512m").workers() == (40, 384 << 20)
    assert told(**cluster, spark_executor_memoryOverhead="2048").workers() == (40, 2 << 30)
    cluster["spark_executor_pyspark_memory"] = "3g"
    assert told(**cluster, spark_executor_memoryOverhead="1g").workers() == (40, 3 << 30)
    assert told(spark_master="yarn").workers()[0] == 8


def test_executors_that_have_not_come_yet_are_counted():
    cluster = {"spark_master": "spark://host:7077", "spark_default_parallelism": "2"}
    cluster |= {"spark_executor_cores": "4", "spark_executor_instances": "10"}
    assert told(**cluster).workers()[0] == 40
    assert told(**cluster, spark_dynamicAllocation_maxExecutors="30").workers()[0] == 120
    assert told(**cluster | {"spark_master": "local-cluster[2,1,1024]"}).workers()[1] == 107374182


def test_a_log_in_no_store_needs_a_folder_on_a_cluster(ring):
    with pytest.raises(ParameterError, match=r"give the engine a folder="):
        cn.co_action(ring, engine=told(spark_master="yarn", spark_default_parallelism="4"))


def test_what_is_missing_is_told_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'coordnet\[spark\]'"):
        engines.session()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(MissingDependencyError, match=rf"JAVA_HOME={tmp_path} has no .*Java 17"):
        engines.check_java()
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match=r"install Java 17 .*JAVA_HOME"):
        engines.check_java()
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(java.parent))
    engines.check_java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    engines.check_java()
    assert Path(os.environ["JAVA_HOME"]) == tmp_path
