"""Which engine makes the edges."""

from __future__ import annotations

from typing import Any

from coordnet.engine import Engine
from coordnet.engines.account_blocks import AccountBlocks
from coordnet.errors import ParameterError
from coordnet.memory import may_use_disk


def engine_of(engine: Any, threads: int | None = None) -> Engine | None:
    """Return the engine that a user asked for.

    Parameters
    ----------
    engine
        A Spark session; None for this machine.
    threads
        Number of threads of this machine.
    """
    if engine is None:
        return AccountBlocks(threads=threads) if may_use_disk() else None
    raise ParameterError(
        f"engine= takes a Spark session, not {type(engine).__name__}; leave it out for this "
        "machine."
    )
