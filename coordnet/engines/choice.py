"""Which engine makes the edges."""

from __future__ import annotations

from typing import Any

from coordnet.engine import Engine
from coordnet.engines.account_blocks import AccountBlocks
from coordnet.engines.spark import SparkEngine
from coordnet.engines.tasks import TaskEngine
from coordnet.errors import ParameterError, shown
from coordnet.memory import may_use_disk


def engine_of(engine: Any, threads: int | None = None) -> Engine | None:
    """Return the engine that a user asked for.

    Parameters
    ----------
    engine
        A Spark session, or a :class:`~coordnet.engines.tasks.TaskEngine`; None for this machine.
    threads
        Number of threads of this machine.
    """
    if engine is None:
        return AccountBlocks(threads=threads) if may_use_disk() else None
    if isinstance(engine, TaskEngine):
        return engine
    if type(engine).__module__.partition(".")[0] == "pyspark":
        return SparkEngine(engine)
    raise ParameterError(
        f"engine={shown(engine)} is no engine; give a Spark session, or leave it out for this "
        "machine."
    )
