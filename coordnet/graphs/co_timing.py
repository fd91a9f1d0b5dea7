"""Co-timing graphs: who acts at the same moments again and again, whatever they act on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from coordnet.errors import ParameterError, one_of
from coordnet.graphs.co_action import (
    EDGE_BYTES,
    RowWalk,
    check_memory,
    check_min_weight,
    collect_edges,
    delay_shift,
    find_windows,
    warn_of_coarse_times,
)
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.relation import Against, Relation, Trace
from coordnet.inference.edge_tests import TEST_BYTES, TestedEdges
from coordnet.inference.jitter import co_timing_tests
from coordnet.inference.statistics import WindowStatistics
from coordnet.log.actions import ActionLog
from coordnet.memory import may_use_disk
from coordnet.times import Duration, duration, duration_text


@dataclass(frozen=True)
class CoTiming(Relation):
    """Accounts that act within a window of each other, on whatever objects.

    Parameters
    ----------
    window_us
        The window in microseconds, inclusive.
    refractory_us
        Runs of one account's actions with gaps up to this are one event.
    """

    name: ClassVar[str] = "co-timing"
    window_us: int
    refractory_us: int

    @property
    def title(self) -> str:
        """The relation and its window."""
        return f"{self.name} within {duration_text(self.window_us)}"

    def describe(self) -> dict[str, Any]:
        """Return the relation, its window and the refractory gap."""
        return {
            "relation": self.name,
            "within": duration_text(self.window_us),
            "refractory": duration_text(self.refractory_us),
        }

    def graph(
        self,
        log: ActionLog,
        *,
        weight: str | None = None,
        min_weight: int = 1,
        to_test: bool = False,
        threads: int | None = None,
    ) -> CoordinationGraph:
        """Build the graph of a log; see :func:`coordnet.co_timing`."""
        one_of("coincidences" if weight is None else weight, ("coincidences",), "weight")
        min_weight = check_min_weight(min_weight)
        window = self.window_us
        warn_of_coarse_times(log, window, max(window, 1))  # the test copes with times in seconds
        timeline = self.trace(log)
        n_accounts = len(log.all_accounts)
        shift = delay_shift(timeline.account, timeline.object, n_accounts, window)
        windows = find_windows(timeline, n_accounts, 1)
        unit = np.arange(len(windows.account), dtype=np.int32)
        walk = RowWalk(windows, unit, shift, min_weight, False, True)
        size = EDGE_BYTES + TEST_BYTES * to_test
        if not may_use_disk():
            check_memory(walk, threads, within=duration_text(window), edge_bytes=size)
        source, target, forth, pairs, mean_delay, first_share, back = collect_edges(
            walk, threads, "co-timing",
            lambda: ("edges", log.fingerprint, repr(self), str(min_weight)), size,
        )  # fmt: skip
        edges = {
            "source": source,
            "target": target,
            "coincidences": np.minimum(forth, back),
            "source_events": forth,
            "target_events": back,
            "pairs": pairs,
            "mean_delay": mean_delay,
            "first_share": first_share,
        }
        return CoordinationGraph(log.all_accounts, edges, self, "coincidences", min_weight, log)

    def trace(self, log: ActionLog) -> Trace:
        """Return the events, all on one timeline."""
        events = log.events(self.refractory_us)
        objects = np.zeros(len(events.time), np.int32)
        return Trace(events.account, objects, events.time, np.array([self.window_us], np.int64))

    def test(
        self,
        graph: CoordinationGraph,
        against: Against,
        statistics: WindowStatistics | None = None,
        threads: int | None = None,
    ) -> TestedEdges:
        """Test edges against the jitter null."""
        one_of("jitter" if against.null is None else against.null, ("jitter",), "null")
        if against.background is not None or against.occasion_gap_us is not None:
            raise ParameterError("background= and occasion_gap= are of co-action graphs.")
        edges = graph.edges
        return co_timing_tests(
            graph.log, edges["source"], edges["target"], edges["source_events"],
            edges["target_events"], self.window_us, self.refractory_us,
            strata="1h" if against.strata is None else against.strata,
            correction=against.correction, threads=threads,
        )  # fmt: skip


def co_timing(
    log: ActionLog,
    within: Duration = "1s",
    refractory: Duration = "30s",
    *,
    min_weight: int = 2,
    threads: int | None = None,
) -> CoordinationGraph:
    """Join the accounts that act within a short time of each other, on whatever objects.

    Before counting, an account's run of actions with gaps up to `refractory` becomes one event at
    the time of its first action. ``source_events`` of an edge is the number of the source's
    events that have an event of the target at most `within` away (inclusive), ``target_events``
    the same the other way round, and the weight, ``coincidences``, the smaller of the two.

    Parameters
    ----------
    log
        The actions; of all kinds, unless selected.
    within
        The window: ``"1s"``, a number of seconds, or a `timedelta`.
    refractory
        The largest gap inside a run.
    min_weight
        Edges with fewer coincidences are left out. One coincidence is no evidence of anything,
        and there are very many of them.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    CoordinationGraph
        With edge columns source, target, coincidences, source_events, target_events, pairs,
        mean_delay (seconds, absolute) and first_share.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("election", accounts=300, seed=1).log
    >>> cn.co_timing(log, within="1s").weight
    'coincidences'
    """
    relation = CoTiming(duration(within, "within"), duration(refractory, "refractory"))
    return relation.graph(log, min_weight=min_weight, threads=threads)
