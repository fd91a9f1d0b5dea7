"""Discovery: tested graphs, communities and groups of a log, in one level of error.

How the level is shared. A run at level `fdr` over several windows and, if asked for, co-timing is
one family: each graph gets an equal part of the level. The part of a co-action graph is halved
between its edges (false discovery rate) and its groups (chance of any false one). Where nothing
coordinates, the chance that anything is reported is at most the sum of the parts, which is `fdr`;
and the expected share of false ones among all kept edges is at most the sum of the shares, graph
by graph.

How groups and communities become clusters. Communities are found in the union of the kept edges
of all graphs. A group, best evidence first, and all clusters so far that share half of the members
of either with it become one cluster: communities split what is held together by few strong pairs.
Overlaps of less than half stay, so clusters can overlap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.clusters.communities import find_clusters
from coordnet.clusters.groups import search
from coordnet.graphs.co_action import co_action
from coordnet.graphs.co_timing import co_timing
from coordnet.graphs.graph import CoordinationGraph
from coordnet.inference.group_test import group_tester
from coordnet.log.actions import ActionLog
from coordnet.search.configuration import Rule

Stage = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class Discovery:
    """What was found in a log: kept graphs, their union, and clusters in it."""

    graphs: tuple[CoordinationGraph, ...]
    graph: CoordinationGraph
    clusters: Clusters


def discover(
    log: ActionLog,
    rule: Rule,
    threads: int | None = None,
    stage: Stage = lambda _: nullcontext(),
) -> Discovery:
    """Find clusters in a log by a rule.

    Parameters
    ----------
    log
        The log.
    rule
        By what rule.
    threads
        Number of threads; None means all processors.
    stage
        Called with the name of each stage, for a context in which it runs.
    """
    parts = len(rule.within) + (rule.co_timing is not None)
    level = None if rule.fdr is None else rule.fdr / parts
    kept: list[CoordinationGraph] = []
    groups: list[tuple[NDArray[np.int32], float]] = []
    for window in rule.within:
        with stage("co-action graphs"):
            graph = co_action(
                log, window / 1e6, weight=rule.weight, min_weight=rule.min_weight, threads=threads
            )
        if level is None:
            kept.append(graph)
            continue
        share = level / 2 if rule.groups else level
        with stage("edge tests"):
            tested = graph.test(
                rule.null, strata=rule.strata, background=rule.background, threads=threads
            )
        kept.append(tested.keep(fdr=share))
        if rule.groups:
            with stage("groups"):
                surprising = (
                    tested
                    if "p_timing" in tested.edges
                    else graph.test("timing", background=rule.background, threads=threads)
                )
                known = find_clusters(
                    kept[-1], rule.method, resolution=rule.resolution, seed=rule.seed
                )
                tester = group_tester(log, window, None, rule.background, threads)
                groups += search(tester, surprising, -math.log10(share), rule.min_size, known)
    if rule.co_timing is not None:
        with stage("co-timing"):
            timed = co_timing(log, rule.co_timing / 1e6, rule.refractory / 1e6, threads=threads)
            kept.append(timed if level is None else timed.test(threads=threads).keep(fdr=level))
    graph = kept[0] if len(kept) == 1 else union(kept)
    with stage("clusters"):
        found = find_clusters(
            graph, rule.method, resolution=rule.resolution, seed=rule.seed, min_size=rule.min_size
        )
        members = merged([found.members(i) for i in range(len(found))], groups)
        evidence = None
        if rule.within and level is not None:
            evidence = [_evidence(log, rule, codes, threads) for codes in members]
        parameters = {**found.parameters, **({"groups": len(groups)} if rule.groups else {})}
        clusters = Clusters.from_members(graph, members, rule.method, parameters, 1, evidence)
    return Discovery(tuple(kept), graph, clusters)


def _evidence(log: ActionLog, rule: Rule, members: NDArray[np.int32], threads: int | None) -> float:
    """Return the evidence of the group test: the most in any window, less what the choice costs."""
    found = [
        group_tester(log, window, None, rule.background, threads).test(members).evidence
        for window in rule.within
    ]
    return max(found) - math.log10(len(found))


def merged(
    communities: list[NDArray[np.int32]], groups: list[tuple[NDArray[np.int32], float]]
) -> list[NDArray[np.int32]]:
    """Join groups with the communities that share half of either with them; see the module."""
    clusters = list(communities)
    for members, _ in sorted(groups, key=lambda group: (-group[1], group[0].tolist())):
        apart, joined = [], members
        for cluster in clusters:
            shared = len(np.intersect1d(members, cluster))
            if 2 * shared >= min(len(members), len(cluster)):
                joined = np.union1d(joined, cluster)
            else:
                apart.append(cluster)
        clusters = [*apart, joined]
    return clusters


def union(graphs: Sequence[CoordinationGraph]) -> CoordinationGraph:
    """Return the graph of all edges of several graphs of one log.

    Its weight is the largest that an edge has in any of them; ``graphs`` counts those that have
    it; p and q are the smallest.
    """
    keys = [g.edges["source"].astype(np.int64) << 32 | g.edges["target"] for g in graphs]
    every, at = np.unique(np.concatenate(keys), return_inverse=True)
    columns: dict[str, NDArray[Any]] = {
        "source": (every >> 32).astype(np.int32),
        "target": (every & 0xFFFFFFFF).astype(np.int32),
        "weight": np.zeros(len(every), np.int64),
        "graphs": np.bincount(at, minlength=len(every)),
    }
    np.maximum.at(columns["weight"], at, np.concatenate([g.weights for g in graphs]))
    for name in ("p_value", "q_value"):
        if all(name in g.edges for g in graphs):
            columns[name] = np.ones(len(every))
            np.minimum.at(columns[name], at, np.concatenate([g.edges[name] for g in graphs]))
    windows = [g.within for g in graphs if g.relation == "co-action"]
    timed = len(windows) < len(graphs)
    return CoordinationGraph(
        log=graphs[0].log,
        edges=columns,
        within=max(windows or [g.within for g in graphs]),
        weight="weight",
        min_weight=min(g.min_weight for g in graphs),
        relation="co-action and co-timing" if timed else "co-action in several windows",
    )
