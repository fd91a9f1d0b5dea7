"""The engine on a cluster of Spark: executors that are processes of their own, and a killed one."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from helpers import assert_same_graph, require_spark

import coordnet as cn
from coordnet.engines import spark as engines
from coordnet.engines.spark import SparkEngine
from coordnet.errors import ParameterError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster():
    """A standalone cluster of Spark: a master in this process, and two workers."""
    require_spark()
    with pytest.MonkeyPatch.context() as patch:
        # executors are started by the workers, which know what this process knows
        patch.setenv("PYTHONPATH", str(Path(cn.__file__).parents[1]))
        spark = engines.session(
            spark_master="local-cluster[2,1,1024]", spark_executor_memory="512m"
        )
        yield spark
        spark.stop()


@pytest.fixture(scope="module")
def ring():
    return cn.simulate("retweet_ring", accounts=600, seed=0).log


def test_a_killed_executor_changes_nothing(cluster, ring, tmp_path):
    """It goes with all of its Python, in the middle of a task; another one takes its place."""
    store = cn.write_store(ring, tmp_path / "here")
    seen = shutil.copytree(store.folder, tmp_path / "there")  # all that the workers see of it
    marks = tmp_path / "marks"
    marks.mkdir()

    class Killing(SparkEngine):
        def run(self, task, tasks):
            last, step = tasks[-1], f"{task.func.__name__}"

            def dies(i, j):
                daemon = os.getppid()  # that this process is forked from
                status = Path(f"/proc/{daemon}/stat").read_text()
                executor = int(status.rpartition(")")[2].split()[1])  # the parent of the daemon
                (marks / f"{executor}-{i}-{j}-{step}").touch()
                mark = marks / f"killed-{step}"
                if (i, j) == last and not mark.exists():
                    mark.touch()
                    os.kill(executor, signal.SIGKILL)
                return task(i, j)

            super().run(dies, tasks)

    engine = Killing(cluster, folder=tmp_path / "work", store=seen)
    assert engine.workers() == (2, 384 << 20)
    graph = cn.co_action(store, "60s", min_weight=2, engine=engine)
    tested = graph.test(engine=engine)
    assert_same_graph(tested, cn.co_action(ring, "60s", min_weight=2).test())
    names = {path.name for path in marks.iterdir()}
    steps = {name.removeprefix("killed-") for name in names if name.startswith("killed-")}
    assert steps >= {"count_task", "test_task", "object_task", "class_task"}
    executors = {name.split("-")[0] for name in names} - {"killed", str(os.getpid())}
    assert len(executors) > len(steps)  # each of the killed ones is another, and one is left
    assert list((tmp_path / "work").iterdir()) == []


def test_a_log_in_no_store_needs_a_folder(cluster, ring, tmp_path):
    with pytest.raises(ParameterError, match="give the engine a folder= that all of them see"):
        cn.co_action(ring, engine=cluster)
    engine = SparkEngine(cluster, folder=tmp_path)
    graph = cn.co_action(ring, "60s", min_weight=2, engine=engine)
    assert_same_graph(graph, cn.co_action(ring, "60s", min_weight=2))
