"""A graph for each kind of a log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from coordnet.errors import ParameterError, listed
from coordnet.graphs.graph import CoordinationGraph
from coordnet.log.actions import ActionLog, check_log


def graphs_by_kind(
    log: ActionLog,
    kinds: Iterable[str] | None,
    build: Callable[[ActionLog, str], CoordinationGraph],
) -> list[CoordinationGraph]:
    """Return the graph of each kind, in the order of the log's kinds, each with the whole log.

    Parameters
    ----------
    log
        The actions.
    kinds
        The kinds that are wanted, None for all. A log of one kind alone is taken as it is.
    build
        Called with the part of the log and its kind.
    """
    check_log(log)
    if not len(log):
        return [build(log, "")]
    wanted = log.kinds if kinds is None or len(log.kinds) == 1 else set(kinds)
    found = [
        replace(build(log.select(kind), kind), source=log) for kind in log.kinds if kind in wanted
    ]
    if not found:
        raise ParameterError(
            f"the log has actions of kind {listed(map(repr, log.kinds))}, and the layers asked for "
            f"are {listed(map(repr, sorted(wanted)))}; name the kinds with kinds=."
        )
    return found
