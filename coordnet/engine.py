"""Who does the heavy work: this process, or an engine that was given for it.

The heavy work is counting the edges of a graph and testing them. An engine does both elsewhere, and
gives the same bytes. Engines are in :mod:`coordnet.engines`; here is what they have in common, and
which one is at work.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import ParameterError, shown

if TYPE_CHECKING:
    from coordnet.graphs.relation import Relation
    from coordnet.inference.pair_tests import PairFacts
    from coordnet.log.actions import ActionLog

Tests = tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]

# the package whose sessions an engine takes, and the module and class of that engine
ENGINES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"pyspark": ("coordnet.engines.spark", "SparkEngine")}
)


class Tester(Protocol):
    """Tests pairs of accounts, as :class:`coordnet.inference.pair_tests.PairTester` does."""

    def test(
        self, source: NDArray[np.int32], target: NDArray[np.int32], threads: int | None = None
    ) -> Tests:
        """Return occasions, and expectation and p-value under the timing null."""


class Engine(ABC):
    """Counts and tests edges elsewhere."""

    @abstractmethod
    def edges(
        self, log: ActionLog, relation: Relation, weight: str, min_weight: int
    ) -> dict[str, NDArray[Any]]:
        """Return the edge columns of :func:`coordnet.co_action`, in order of (source, target).

        Parameters
        ----------
        log
            The actions that take part.
        relation, weight, min_weight
            As there.
        """

    @abstractmethod
    def tester(self, facts: PairFacts, log: ActionLog) -> Tester:
        """Return what tests pairs of accounts of a log.

        Parameters
        ----------
        facts
            Of the log.
        log
            The actions that take part.
        """


_engine: ContextVar[Engine | None] = ContextVar("engine", default=None)


def engine_at_work() -> Engine | None:
    """Return the engine that does the heavy work of the block we are in; None: this process."""
    return _engine.get()


@contextmanager
def done_by(engine: Any) -> Iterator[None]:
    """Let an engine do the heavy work of the block.

    Parameters
    ----------
    engine
        As a user gives it: an :class:`Engine`, or a Spark session; None leaves it as it is around
        the block.
    """
    if engine is None:
        yield
        return
    before = _engine.set(_engine_of(engine))
    try:
        yield
    finally:
        _engine.reset(before)


def _engine_of(engine: Any) -> Engine:
    if isinstance(engine, Engine):
        return engine
    place = ENGINES.get(type(engine).__module__.partition(".")[0])
    if place is None:
        raise ParameterError(
            f"engine={shown(engine)} is no engine; give a Spark session, or leave it out."
        )
    module, name = place
    found: Engine = getattr(importlib.import_module(module), name)(engine)
    return found
