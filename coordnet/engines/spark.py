"""The engine on Apache Spark: each task is one of Spark's, in whatever worker that runs it."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

import coordnet
from coordnet.engines.tasks import Place, Task, TaskEngine
from coordnet.errors import CoordnetError, MissingDependencyError, optional_import
from coordnet.memory import available_memory

ATTEMPTS = 4  # of a task, also where Spark runs on one machine
OVERHEAD = 0.4  # of the memory of an executor, which is what Spark leaves to Python on Kubernetes
LEAST_OVERHEAD = 384 << 20
_DONE = "task long, edges long"


class SparkEngine(TaskEngine):
    """Counts and tests the edges of a log on Spark, with the bytes that one machine gives.

    ``engine=session`` is short for ``engine=SparkEngine(session)``. A task that fails is run again
    by Spark, and no result changes. Nothing is shuffled: a task reads the actions of some of the
    accounts, and writes the edges between them.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        The session. coordnet has to be installed for the Python of its workers.
    folder : path or str, optional
        A folder that all machines see, for what tasks need and give: a path, or an address that
        pyarrow can open, such as ``"s3://bucket/folder"``. By default the folder of the store.
    groups : int, optional
        In how many groups accounts are cut: ``groups * (groups + 1) / 2`` tasks. By default as
        many as the cores and their memory ask for. It changes no byte of the result.
    store : path or str, optional
        Where the workers see the folder of the store, where that is another path or address.

    Examples
    --------
    >>> from coordnet.engines.spark import SparkEngine, session
    >>> with session(cores=2) as spark:  # doctest: +SKIP
    ...     graph = cn.co_action(store, within="60s", engine=SparkEngine(spark, groups=4))
    """

    def __init__(
        self, session: Any, folder: Any = None, groups: int | None = None, store: Any = None
    ) -> None:
        super().__init__(folder, groups, store)
        self.session = session

    def run(self, task: Task, tasks: Sequence[tuple[int, int]]) -> None:
        """Run tasks as partitions of one row each; two numbers of each come back."""
        pairs, version = list(tasks), coordnet.__version__

        def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            if coordnet.__version__ != version:
                raise CoordnetError(
                    f"the workers have coordnet {coordnet.__version__} and the process that calls "
                    f"has {version}; install the same version for both."
                )
            for batch in batches:
                for k in batch.column(0).to_pylist():
                    done = [pa.array([k]), pa.array([task(*pairs[k])])]
                    yield pa.RecordBatch.from_arrays(done, names=["task", "edges"])

        numbers = self.session.range(0, len(pairs), 1, len(pairs))
        try:
            numbers.mapInArrow(work, _DONE).collect()
        except CoordnetError:
            raise
        except Exception as error:
            raise CoordnetError(
                f"Spark could not run the tasks: {_reason(str(error))}. What is finished stays; "
                "the same call goes on from there."
            ) from error

    def workers(self) -> tuple[int, int]:
        """Return the cores of all executors, and the memory of a task in each."""
        cores = int(self._setting("spark.default.parallelism", "0"))
        if cores < 1:
            context = getattr(self.session, "sparkContext", None)
            cores = 8 if context is None else int(context.defaultParallelism)
        if self._is_here():
            return cores, available_memory() // cores
        each = max(
            int(self._setting("spark.executor.cores", "1"))
            // int(self._setting("spark.task.cpus", "1")),
            1,
        )
        asked = (  # of which none may have come yet
            self._setting(f"spark.{name}", "0")
            for name in ("executor.instances", "dynamicAllocation.maxExecutors")
        )
        cores = max(cores, each * max(map(int, asked)))
        for name in ("spark.executor.pyspark.memory", "spark.executor.memoryOverhead"):
            told = self._setting(name, "")
            if told:
                return cores, _bytes(told) // each
        executor = _bytes(self._setting("spark.executor.memory", "1g"))
        return cores, max(int(OVERHEAD * executor), LEAST_OVERHEAD) // each

    @contextmanager
    def temporary(self) -> Iterator[Place]:
        """Yield a temporary folder where Spark runs on this machine."""
        if self._is_here():
            with tempfile.TemporaryDirectory(prefix="coordnet-") as folder:
                yield Place(folder)
        else:
            with super().temporary() as place:
                yield place

    def _is_here(self) -> bool:
        """Return whether Spark is one process on this machine, and so its workers are here too."""
        return re.fullmatch(r"local(\[.*)?", self._setting("spark.master", "")) is not None

    def _setting(self, name: str, otherwise: str) -> str:
        return str(self.session.conf.get(name, otherwise))


def session(cores: int | None = None, **settings: Any) -> Any:
    """Return a Spark session on this machine, of as many cores; a session that runs is taken.

    For clusters make the session as you are used to.

    Parameters
    ----------
    cores
        Cores of this machine; None means all.
    **settings
        Further settings of Spark, with ``_`` for the dots: ``spark_driver_memory="4g"``.

    Returns
    -------
    pyspark.sql.SparkSession
        With the Python of this process for its workers. It is closed by ``stop()``, or at the end
        of a ``with`` block.

    Raises
    ------
    MissingDependencyError
        Where pyspark or Java is missing.

    Examples
    --------
    >>> from coordnet.engines.spark import session
    >>> spark = session(cores=2)  # doctest: +SKIP
    """
    sql = optional_import("pyspark.sql", "spark", "an engine on Spark")
    check_java()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = sql.SparkSession.builder.master(f"local[{cores or '*'},{ATTEMPTS}]")
    quiet = {
        "spark.app.name": "coordnet",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "localhost",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
    }
    given = {name.replace("_", "."): str(value) for name, value in settings.items()}
    for name, value in {**quiet, **given}.items():
        builder = builder.config(name, value)
    found = builder.getOrCreate()
    found.sparkContext.setLogLevel("ERROR")
    return found


def check_java() -> None:
    """Raise an error where there is no Java that Spark could start."""
    home = os.environ.get("JAVA_HOME")
    if home:
        if not (Path(home) / "bin" / ("java.exe" if os.name == "nt" else "java")).exists():
            raise MissingDependencyError(
                f"Spark needs Java, and JAVA_HOME={home} has no bin/java; set JAVA_HOME to an "
                "installation of Java 17."
            )
    elif shutil.which("java") is None:
        raise MissingDependencyError(
            "Spark needs Java, which is not installed; install Java 17 (on Debian: apt install "
            "openjdk-17-jre-headless), or set JAVA_HOME to where it is."
        )


def _bytes(told: str) -> int:
    """Return an amount of memory as Spark writes it, MiB where there is no unit, in bytes."""
    number, unit = re.fullmatch(r"(\d+)\s*([a-z]?)b?", told.strip().lower()).groups()  # type: ignore[union-attr]
    return int(number) << {"": 20, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40}[unit]


def _reason(text: str) -> str:
    """Return the line of a long message of Spark that says what went wrong in Python."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    reason = (named or lines or ["no reason given"])[-1].rstrip(".")[:500]
    if "No module named 'coordnet" in reason:
        reason += " (install coordnet for the Python of the workers too; PYSPARK_PYTHON names it)"
    if reason.startswith("FileNotFoundError"):
        reason += " (where workers see other folders, give SparkEngine folder= and store=)"
    return reason
