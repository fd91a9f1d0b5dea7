"""The search: tested layers, communities and groups of a log, at one level of error.

How the level is shared. A run at level `fdr` over several windows and, if asked for, co-timing is
one family: each layer gets an equal part of the level. The part of a layer of co-action is halved
between its edges (false discovery rate) and its groups (chance of any false one). Where nothing
coordinates, the chance that anything is reported is at most the sum of the parts, which is `fdr`;
and the expected share of false ones among all kept edges is at most the sum of the shares, layer
by layer.

How a background cleans itself (`clean_background`). Chances are estimated from the log itself, and
a large campaign raises them. So the accounts of kept edges and groups are taken out of the
background, never out of the log, and everything is tested again, until no more accounts are found.
The accounts taken out only grow in number. Where the first round finds nothing, nothing changes.

How groups and communities become clusters. Communities are found in the kept edges of all layers
together. A group, best evidence first, and all clusters so far that share half of the members of
either with it become one cluster: communities split what is held together by few strong pairs.
Overlaps of less than half stay, so clusters can overlap.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.clusters.communities import find_clusters
from coordnet.clusters.groups import grow_groups
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.multiplex import Multiplex
from coordnet.graphs.relation import Against, Relation
from coordnet.inference.group_test import GroupTester
from coordnet.log.actions import ActionLog
from coordnet.search.configuration import Configuration

Stage = Callable[[str], AbstractContextManager[None]]
MOST_ROUNDS = 10
LEAST_BACKGROUND = 0.1  # share of the accounts below which nothing can be estimated from the rest
Group = tuple[NDArray[np.int32], float]  # members and evidence


@dataclass(frozen=True)
class Found:
    """What was found in a log: the layers of kept edges, and clusters in them."""

    layers: Multiplex
    clusters: Clusters
    rounds: tuple[int, ...] = ()  # accounts that were out of the background in each round


def search_clusters(
    log: ActionLog,
    config: Configuration,
    background: ActionLog | None = None,
    threads: int | None = None,
    stage: Stage = lambda _: nullcontext(),
) -> Found:
    """Find clusters in a log.

    Parameters
    ----------
    log
        The log.
    config
        By what rule.
    background
        A log of accounts that are not under suspicion, for the chances of the tests.
    threads
        Number of threads; None means all processors.
    stage
        Called with the name of each stage, for a context in which it runs.
    """
    cleaned = config.clean_background and background is None and config.fdr is not None
    if cleaned:
        found, rounds = _in_rounds(log, config, threads, stage)
    else:  # layer after layer, so that the edges not kept of one are gone before the next
        rounds = (0,)
        found = []
        for relation in config.relations:
            graph = _layer_graph(log, relation, config, threads, stage)
            found.append(_search_layer(log, graph, config, background, None, threads, stage))
    levels = (config.layer_level,) * len(found)
    layers = Multiplex(tuple(layer.graph for layer in found), levels)
    groups = [group for layer in found for group in layer.groups]
    with stage("clusters"):
        communities = found[0].communities if len(found) == 1 else None
        if communities is None:
            communities = _communities(layers, config)
        members = merged([cluster.codes for cluster in communities], groups)
        tests = [
            tuple(None if layer.tester is None else layer.tester.test(codes) for layer in found)
            for codes in members
        ]
        parameters = {
            **communities.parameters,
            **({"groups": len(groups)} if config.groups else {}),
        }
        tested = any(layer.tester is not None for layer in found)
        clusters = Clusters.from_members(
            layers, members, config.method, parameters, 1, tests if tested else []
        )
    return Found(layers, clusters, rounds)


class LayerFound(NamedTuple):
    """What was found in one layer."""

    graph: CoordinationGraph  # of the kept edges
    groups: list[Group]  # that no pair betrays
    tester: GroupTester | None
    communities: Clusters | None  # of the kept edges, where the groups needed them


def _communities(graph: CoordinationGraph | Multiplex, config: Configuration) -> Clusters:
    return find_clusters(
        graph, config.method, resolution=config.resolution, seed=config.seed,
        min_size=config.min_size,
    )  # fmt: skip


def _layer_graph(
    log: ActionLog, relation: Relation, config: Configuration, threads: int | None, stage: Stage
) -> CoordinationGraph:
    """Build the graph of a relation."""
    weight = config.weight if relation.on_objects else None
    least = config.min_weight if relation.on_objects else 2  # one coincidence is no evidence
    with stage(f"{relation.name} graphs"):
        return relation.graph(
            log, weight=weight, min_weight=least, to_test=config.fdr is not None, threads=threads
        )


def _in_rounds(
    log: ActionLog, config: Configuration, threads: int | None, stage: Stage
) -> tuple[list[LayerFound], tuple[int, ...]]:
    """Test every layer, then again without the accounts found in the background, until it ends.

    Returns
    -------
    found : the layers
    rounds : how many accounts were out of the background in each round
    """
    graphs = [_layer_graph(log, relation, config, threads, stage) for relation in config.relations]
    taken = np.zeros(len(log.all_accounts), bool)
    rounds: list[int] = []
    found: list[LayerFound] = []
    while True:
        rounds.append(int(taken.sum()))
        found = [
            _search_layer(log, graph, config, None, ~taken, threads, stage)
            if graph.relation.on_objects or not found
            else found[i]
            for i, graph in enumerate(graphs)
        ]
        more = taken.copy()
        for layer in found:
            more[layer.graph.nodes] = True
            for members, _ in layer.groups:
                more[members] = True
        left = int((~more[log.active]).sum())
        if (
            (more == taken).all()
            or len(rounds) > MOST_ROUNDS
            or left < LEAST_BACKGROUND * log.n_accounts
        ):
            return found, tuple(rounds)
        taken = more


def _search_layer(
    log: ActionLog,
    graph: CoordinationGraph,
    config: Configuration,
    background: ActionLog | None,
    outside: NDArray[np.bool_] | None,
    threads: int | None,
    stage: Stage,
) -> LayerFound:
    """Test the edges of a graph and look for groups."""
    level, relation = config.layer_level, graph.relation
    name = relation.name
    if level is None:
        return LayerFound(graph, [], None, None)
    if not relation.on_objects:
        with stage(f"{name} tests"):
            kept = graph.test(threads=threads).keep(fdr=level)
        return LayerFound(kept, [], None, None)
    against = Against(
        config.null, config.strata, background, config.occasion_gap_us, outside=outside
    )
    statistics = relation.statistics(log, against, threads)
    assert statistics is not None  # relations on objects have them
    share = level / 2 if config.groups else level
    with stage(f"{name} tests"):
        tested = graph.tested_against(against, statistics, threads)
    kept = tested.keep(fdr=share)
    with stage("groups"):
        tester = GroupTester(statistics)
        if not config.groups:
            return LayerFound(kept, [], tester, None)
        surprising = tested
        if "p_timing" not in tested.edges:
            surprising = graph.tested_against(Against("timing"), statistics, threads)
        known = _communities(kept, config)
        found = grow_groups(tester, surprising, -math.log10(share), config.min_size, known)
    return LayerFound(kept, found, tester, known)


def merged(communities: list[NDArray[np.int32]], groups: list[Group]) -> list[NDArray[np.int32]]:
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
