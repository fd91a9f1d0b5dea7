"""Who makes the edges of a graph and tests them: this process, or an engine that was asked for.

An engine is asked first wherever edges are made or tested. What it does not take over is done here,
in one piece. It changes no byte of any result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from numpy.typing import NDArray

from coordnet.disk import within_memory

Columns = dict[str, NDArray[Any]]


class Engine(Protocol):
    """What makes and tests edges elsewhere, or in pieces."""

    def edges(self, log: Any, relation: Any, weight: str, min_weight: int) -> Columns | None:
        """Return the edges of a graph, None to leave them to this process.

        Parameters
        ----------
        log : ActionLog
            The actions.
        relation : Relation
            By what accounts are joined.
        weight, min_weight
            As in :func:`coordnet.co_action`.

        Returns
        -------
        dict of arrays
            The edge columns of the relation's graph, in order of (source, target).
        """

    def objects(self, log: Any, window: Any) -> tuple[NDArray[Any], ...] | None:
        """Return what :func:`coordnet.inference.statistics.object_statistics` gives of a log.

        None leaves it to this process.

        Parameters
        ----------
        log : ActionLog
            The actions.
        window : Window
            In microseconds, or that of each kind.
        """

    def pair_sums(
        self,
        log: Any,
        ranked: NDArray[Any],
        borders: NDArray[Any],
        classes: NDArray[Any],
        windows: NDArray[Any],
        pooled: NDArray[Any],
    ) -> Sequence[NDArray[Any]] | None:
        """Return what :func:`coordnet.inference.pair_chances.sums_of_class` gives of each class.

        None leaves it to this process.

        Parameters
        ----------
        log : ActionLog
            The actions.
        ranked, borders
            The objects by class, int32 (objects,), and where those of each class begin.
        classes
            Which classes: int64.
        windows, pooled
            The window, in microseconds, and the pooled chance of every class.
        """

    def accounts_on(
        self, log: Any, object_: NDArray[Any], rank: NDArray[Any]
    ) -> NDArray[Any] | None:
        """Return the accounts that stand at some ranks among those of an object, each once.

        None leaves it to this process.

        Parameters
        ----------
        log : ActionLog
            The actions.
        object_, rank
            The objects, and the ranks, from 0, in order of the account codes: int64 (n,).

        Returns
        -------
        int32 (n,)
        """

    def tests(
        self, log: Any, facts: Any, source: NDArray[Any], target: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None:
        """Return what :meth:`coordnet.inference.pair_tests.PairTester.test` gives of edges.

        None leaves them to this process.

        Parameters
        ----------
        log : ActionLog
            The actions that the edges were made of.
        facts : PairFacts
            What the test of a pair needs of the whole log.
        source, target
            The edges: int32 (edges,).
        """


_asked: ContextVar[Engine | None] = ContextVar("engine", default=None)


def current_engine() -> Engine | None:
    """Return the engine that was asked for, None where this process does it all."""
    return _asked.get()


@contextmanager
def at_work(log: Any, memory: int | str | None, engine: Any, threads: int | None) -> Iterator[None]:
    """Let the edges of the block be made within a memory, by an engine.

    Parameters
    ----------
    log : ActionLog or None
        Whose store keeps the parts of the work until it is done.
    memory, engine, threads
        As the user gave them; see :func:`coordnet.co_action`.
    """
    from coordnet.engines.choice import engine_of  # engines stand above what calls this

    with within_memory(memory, None if log is None else log.folder):
        before = _asked.set(engine_of(engine, threads) or _asked.get())
        try:
            yield
        finally:
            _asked.reset(before)
