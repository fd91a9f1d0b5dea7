"""Relation: by what accounts are joined. It builds its graph, tests it, and says what was done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import ParameterError
from coordnet.inference.edge_tests import TestedEdges, with_bounds
from coordnet.inference.group_test import GroupTester
from coordnet.inference.statistics import WindowStatistics
from coordnet.log.actions import ActionLog
from coordnet.log.windows import Window
from coordnet.times import Duration

if TYPE_CHECKING:
    from coordnet.graphs.graph import CoordinationGraph


class Trace(NamedTuple):
    """What can be synchronised, sorted by (object, time): two entries of one object can meet."""

    account: NDArray[np.int32]
    object: NDArray[np.int32]
    time: NDArray[np.int64]
    window: NDArray[np.int64]  # of each object, in microseconds


@dataclass(frozen=True)
class Against:
    """Against what edges are tested; see :meth:`coordnet.CoordinationGraph.test`.

    Without `bounds` what bounds on true pairs rest on is left to :meth:`Relation.with_bounds`.
    """

    null: str | None = None
    strata: Duration | str | None = None
    background: ActionLog | None = None
    occasion_gap_us: int | None = None
    correction: str = "bh"
    bounds: bool = True


class Relation(ABC):
    """By what the accounts of a graph are joined.

    A relation is the one place that knows how its graph is built from a log, how its edges are
    tested, what of a log can be synchronised under it, and how it is described.
    """

    name: ClassVar[str]
    #: whether accounts meet on objects, so that the group test applies
    on_objects: ClassVar[bool] = False
    #: whether any two accounts that meet on an object are joined, so that to meet is all it takes
    meeting_joins: ClassVar[bool] = False
    #: whether the graph can be made from a log
    from_log: ClassVar[bool] = True

    if TYPE_CHECKING:  # at run time a field of the dataclasses below

        @property
        def window_us(self) -> Window:
            """The window in microseconds, or that of each kind."""

    @property
    @abstractmethod
    def title(self) -> str:
        """The relation and its window in a few words, such as ``"co-action within 60s"``."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return what a manifest says of it: plain values, durations as text."""

    @abstractmethod
    def graph(
        self,
        log: ActionLog,
        *,
        weight: str | None = None,
        min_weight: int = 1,
        to_test: bool = False,
        threads: int | None = None,
    ) -> CoordinationGraph:
        """Build the graph of a log.

        Parameters
        ----------
        log
            The actions.
        weight
            Which count of an edge is its weight; None takes the relation's own.
        min_weight
            Edges of less weight are left out.
        to_test
            Whether the edges will be tested, so that the memory of the test counts too where more
            would be needed than there is.
        threads
            Number of threads; None means all processors.
        """

    def part(self, log: ActionLog) -> ActionLog:
        """Return the part of a log that takes part: all of it, or some kinds of action."""
        return log

    @abstractmethod
    def trace(self, log: ActionLog) -> Trace:
        """Return what of a log can be synchronised, by the objects of its part."""

    @abstractmethod
    def test(
        self,
        graph: CoordinationGraph,
        against: Against,
        statistics: WindowStatistics | None = None,
        threads: int | None = None,
    ) -> TestedEdges:
        """Test the edges of a graph of this relation.

        Parameters
        ----------
        graph
            The graph.
        against
            The null model.
        statistics
            What :meth:`statistics` gave for the graph's log, where it is at hand.
        threads
            Number of threads; None means all processors.
        """

    def with_bounds(
        self, graph: CoordinationGraph, statistics: WindowStatistics, threads: int | None = None
    ) -> TestedEdges:
        """Return the test of a tested graph with what bounds on true pairs rest on.

        Parameters
        ----------
        graph
            The graph, all of whose edges were tested without bounds.
        statistics
            Those that it was tested with.
        threads
            Number of threads; None means all processors.
        """
        assert graph.tested is not None
        ends = graph.edges["source"], graph.edges["target"]
        tested = TestedEdges(dict(graph.edges), graph.tested)
        return with_bounds(statistics, *ends, tested, threads)

    def statistics(
        self, log: ActionLog, against: Against, threads: int | None = None
    ) -> WindowStatistics | None:
        """Return what tests count of a log, each part when it is first asked for; None for none.

        Parameters
        ----------
        log
            The actions.
        against
            The null model, of which the background and the occasion gap count.
        threads
            Number of threads; None means all processors.
        """
        return None

    def group_tester(
        self,
        log: ActionLog,
        background: ActionLog | None = None,
        threads: int | None = None,
        occasion_gap_us: int | None = None,
        outside: NDArray[np.bool_] | None = None,
    ) -> GroupTester | None:
        """Return the tester of groups, None where accounts do not meet on objects.

        Parameters
        ----------
        log
            The actions.
        background
            A log of accounts that are not under suspicion, for the chances.
        threads
            Number of threads; None means all processors.
        occasion_gap_us
            Windows with gaps up to this make one occasion; None for that of the window.
        outside
            By code, the accounts of the log that the chances are taken from, where no background
            is given; None means all.
        """
        against = Against(background=background, occasion_gap_us=occasion_gap_us)
        statistics = self.statistics(log, against, threads)
        if statistics is None:
            return None
        if outside is not None and background is None:
            statistics = statistics.with_background(outside)
        return GroupTester(statistics)


@dataclass(frozen=True)
class Given(Relation):
    """Edges that were given, as from a file or another tool: nothing is known of how they came.

    Parameters
    ----------
    source
        What they are from, in a few words.
    """

    name: ClassVar[str] = "given"
    from_log: ClassVar[bool] = False
    source: str = "edges given"

    @property
    def window_us(self) -> int:
        """Not known."""
        raise ParameterError(f"{self.source}: the window of these edges is not known.")

    @property
    def title(self) -> str:
        """What the edges are from."""
        return self.source

    def describe(self) -> dict[str, Any]:
        """Return what the edges are from."""
        return {"relation": self.name, "source": self.source}

    def graph(
        self,
        log: ActionLog,
        *,
        weight: str | None = None,
        min_weight: int = 1,
        to_test: bool = False,
        threads: int | None = None,
    ) -> CoordinationGraph:
        """Refuse: how the edges came is not known."""
        raise ParameterError(f"{self._unknown()}, so they cannot be made again from a log.")

    def trace(self, log: ActionLog) -> Trace:
        """Refuse: how the edges came is not known."""
        raise ParameterError(f"{self._unknown()}, so what was done together is not known.")

    def test(
        self,
        graph: CoordinationGraph,
        against: Against,
        statistics: WindowStatistics | None = None,
        threads: int | None = None,
    ) -> TestedEdges:
        """Refuse: how the edges came is not known."""
        raise ParameterError(
            f"{self._unknown()}, so they cannot be tested; build the graph from the actions with "
            "co_action or co_timing."
        )

    def _unknown(self) -> str:
        return f"{self.source}: it is not known how these edges came"
