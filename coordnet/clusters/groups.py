"""Groups that no pair betrays: sets grown from surprising pairs, and joined with communities."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.clusters.communities import find_clusters
from coordnet.errors import ParameterError
from coordnet.graphs.co_action import CoAction
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.relation import Against
from coordnet.inference.group_test import GroupTester
from coordnet.log.actions import ActionLog
from coordnet.log.windows import Within, check_kinds, window_of
from coordnet.times import Duration, duration

SEED_P = 1e-4  # pairs at least this surprising are grown from
MOST_SEEDS = 10_000
FEW = 12  # members up to which a cluster that is known is started from
BATCH = 64  # seeds grown before those inside a group that was found are left out


def find_groups(
    log: ActionLog,
    within: Within = "60s",
    *,
    alpha: float = 0.05,
    min_size: int = 3,
    background: ActionLog | None = None,
    occasion_gap: Duration | None = None,
    graph: CoordinationGraph | None = None,
    threads: int | None = None,
) -> Clusters:
    """Find the sets of accounts that act together as a group, whether or not pairs betray them.

    From each of the most surprising pairs a set is grown: the account that adds most evidence
    joins, one that brings none leaves, until neither changes anything.

    Parameters
    ----------
    log
        The actions.
    within
        The window; or one for each kind of action, as in :func:`co_action`.
    alpha
        The chance that anything is reported where nobody coordinates is at most this.
    min_size
        Smaller sets are left out.
    background, occasion_gap
        As in :func:`test_group`.
    graph
        The co-action graph of this log and window with ``min_weight=2`` (or more), where it is
        at hand.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    Clusters
        With log10 ``evidence``, each above -log10 alpha. A set that shares half of its
        members with one of more evidence is a variant of it and left out, so clusters can
        overlap by less than half.

    Examples
    --------
    >>> import coordnet as cn
    >>> sim = cn.simulate("retweet_ring", accounts=1_000, seed=0)
    >>> groups = cn.find_groups(sim.log, within="60s")
    >>> bool((groups.evidence > 1.3).all())
    True
    """
    if not 0 < alpha < 1:
        raise ParameterError(f"alpha={alpha!r} is not a rate between 0 and 1.")
    relation = CoAction(window_of(within))
    check_kinds(relation.window_us, log)
    if graph is None:
        graph = relation.graph(log, min_weight=2, threads=threads)
    elif graph.relation != relation or graph.source is not log:
        raise ParameterError(
            f"graph= is of {graph.relation.title}"
            f"{'' if graph.source is log else ' in another log'}, and groups are searched for in "
            f"{relation.title}; give the graph of this log and window, or leave graph= away."
        )
    gap = None if occasion_gap is None else duration(occasion_gap, "occasion_gap")
    against = Against("timing", background=background, occasion_gap_us=gap)
    statistics = relation.statistics(graph.log, against, threads)
    tester = GroupTester(statistics)
    tested = graph.tested_against(against, statistics, threads)
    known = find_clusters(tested.keep(fdr=alpha), method="components", min_size=2)
    found = [group for group, _ in grow_groups(tester, tested, -math.log10(alpha), min_size, known)]
    return Clusters.from_members(
        graph, found, "groups", {"alpha": alpha, "min_size": min_size},
        group_tests=[(tester.test(group),) for group in found],
    )  # fmt: skip


def grow_groups(
    tester: GroupTester,
    tested: CoordinationGraph,
    least: float,
    min_size: int,
    known: Clusters,
) -> list[tuple[NDArray[np.int32], float]]:
    """Grow sets from surprising pairs and return those with evidence above `least`, best first.

    Parameters
    ----------
    tester
        Of the log and window.
    tested
        A graph with p-values under the timing null, a column ``p_timing``: its edges are the pairs
        to start from.
    least
        Log10 evidence.
    min_size
        Smaller sets are left out.
    known
        Clusters that are known already. Small ones are started from as they stand. Pairs in one
        are not, nor pairs with an account in a large one: what is looked for is accounts that are
        in none, and who belongs to a large one is seen by all its members.
    """
    p = tested.edges["p_timing"]
    edges = np.flatnonzero(p <= SEED_P)
    edges = edges[np.argsort(p[edges], kind="stable")]
    seeds = np.column_stack([tested.edges[end][edges] for end in ("source", "target")])
    seeds = seeds.astype(np.int32)
    found: dict[tuple[int, ...], float] = {}
    # how large a cluster or group the accounts are in, 0 for none
    size_of = np.zeros(len(tested.all_accounts), np.int64)
    batch: list[NDArray[np.int32]] = []
    for members in map(known.members, range(len(known))):
        size_of[members] = np.maximum(size_of[members], len(members))
        if len(members) <= FEW:
            batch.append(members)
    grown = 0
    at = 0
    while batch or (at < len(seeds) and grown < MOST_SEEDS):
        while at < len(seeds) and len(batch) < BATCH:
            pair = seeds[at]
            at += 1
            of_u, of_v = size_of[pair].tolist()
            if min(of_u, of_v) == 0 and max(of_u, of_v) <= FEW:
                batch.append(pair)
        grown += len(batch)
        for grown_set, evidence in tester.grow(batch, pairs=min_size < 3):
            if evidence > least and len(grown_set) >= min_size:
                key = tuple(grown_set.tolist())
                found[key] = evidence
                size_of[grown_set] = np.maximum(size_of[grown_set], len(grown_set))
        batch = []
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    kept: list[tuple[NDArray[np.int32], float]] = []
    taken: list[set[int]] = []
    for key, evidence in ranked:
        group = set(key)
        if all(2 * len(group & other) < len(group) for other in taken):
            taken.append(group)
            kept.append((np.array(key, np.int32), evidence))
    return kept
