"""How well clusters that were found match groups that were planted."""

from __future__ import annotations

from dataclasses import dataclass, fields

import igraph
import numpy as np
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.frames import html_table
from coordnet.simulation.truth import Truth


@dataclass(frozen=True)
class Evaluation:
    """Agreement of clusters with the truth; ``nan`` where a ratio has nothing to divide by.

    Attributes
    ----------
    clusters, groups : int
        Numbers of clusters found and of covert groups planted.
    pair_precision, pair_recall, pair_f1 : float
        Over pairs of accounts: in one cluster, in one covert group.
    cluster_precision : float
        Share of the clusters that have at least half of their members in one covert group.
    cluster_recall : float
        Share of the covert groups of which such a cluster holds at least half.
    cluster_f1 : float
    ari : float
        Adjusted Rand index (Hubert & Arabie 1985) over the accounts in a cluster or a covert
        group, each account in none a group of its own. Undefined where clusters overlap.
    weighted_precision : float
        sum n_k p_k^2 / sum n_k p_k, with n_k the size of cluster k and p_k the share of its
        members that are covert (Iannucci et al. 2025).
    false_discovery_proportion : float
        Share of the clusters fewer than half of whose members are covert; 0 where there are none.
    coverage : float
        Share of the covert accounts that are in a cluster.
    """

    clusters: int
    groups: int
    pair_precision: float
    pair_recall: float
    pair_f1: float
    cluster_precision: float
    cluster_recall: float
    cluster_f1: float
    ari: float
    weighted_precision: float
    false_discovery_proportion: float
    coverage: float

    def _repr_html_(self) -> str:
        rows = [(f.name, f"{getattr(self, f.name):.3g}") for f in fields(self)]
        return html_table("Evaluation", ("", ""), rows)


def evaluate(clusters: Clusters, truth: Truth) -> Evaluation:
    """Compare clusters with the groups that a simulation planted.

    Members of benign groups count as not coordinated covertly: a cluster of a newsroom's accounts
    is a false discovery here, whatever its scores then say of it.

    Parameters
    ----------
    clusters
        Clusters, which may overlap; a pair is found where any of them holds both.
    truth
        What was planted, such as ``simulate(...).truth``.

    Examples
    --------
    >>> import coordnet as cn
    >>> sim = cn.simulate("retweet_ring", accounts=1_000, seed=0)
    >>> found = cn.find_clusters(cn.co_action(sim.log, min_weight=5), method="components")
    >>> 0 <= cn.evaluate(found, sim.truth).pair_recall <= 1
    True
    """
    names = [name for name, covert in truth.covert.items() if covert]
    group_of = {account: g for g, name in enumerate(names) for account in truth.groups[name]}
    group_sizes = np.array([len(truth.groups[name]) for name in names], np.int64)
    labels = clusters.all_accounts
    planted = np.array([group_of.get(a, -1) for a in labels], np.int64)  # of each account code
    group = planted[clusters.indices]
    n = len(clusters)
    sizes = clusters.sizes
    cluster = np.repeat(np.arange(n), sizes)

    # members of each cluster in each group
    table = np.zeros((n, len(names)), np.int64)
    np.add.at(table, (cluster[group >= 0], group[group >= 0]), 1)
    covert = table.sum(axis=1)
    most = table.max(axis=1, initial=0)
    hit = 2 * most >= sizes
    # a group is found where a cluster that is mostly of it holds at least half of it
    held = np.where(hit[:, None] & (table == most[:, None]), table, 0).max(axis=0, initial=0)

    present = np.bincount(planted[planted >= 0], minlength=len(names))
    absent = np.repeat(np.arange(len(names)), group_sizes - present)
    found_pairs, true_pairs = _pairs(clusters, planted, table)
    all_pairs = int(_choose2(group_sizes).sum())
    pair_precision = _ratio(true_pairs, found_pairs)
    pair_recall = _ratio(true_pairs, all_pairs)
    cluster_precision = _ratio(float(hit.sum()), n)
    cluster_recall = _ratio(float((2 * held >= group_sizes).sum()), len(names))
    share = covert / np.maximum(sizes, 1)
    overlap = len(np.unique(clusters.indices)) < len(clusters.indices)
    return Evaluation(
        clusters=n,
        groups=len(names),
        pair_precision=pair_precision,
        pair_recall=pair_recall,
        pair_f1=_f1(pair_precision, pair_recall),
        cluster_precision=cluster_precision,
        cluster_recall=cluster_recall,
        cluster_f1=_f1(cluster_precision, cluster_recall),
        ari=float("nan") if overlap else _ari(clusters, planted, absent),
        weighted_precision=_ratio(float((sizes * share**2).sum()), float((sizes * share).sum())),
        false_discovery_proportion=_ratio(float((2 * covert < sizes).sum()), n) if n else 0.0,
        coverage=_ratio(len(np.unique(clusters.indices[group >= 0])), int(group_sizes.sum())),
    )


def _choose2(n: NDArray[np.int64]) -> NDArray[np.int64]:
    return n * (n - 1) // 2


def _ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else float("nan")


def _f1(precision: float, recall: float) -> float:
    """Return the harmonic mean; nothing found of something planted scores 0."""
    if np.isnan(recall):
        return float("nan")
    precision = 0.0 if np.isnan(precision) else precision
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _pairs(
    clusters: Clusters, planted: NDArray[np.int64], table: NDArray[np.int64]
) -> tuple[int, int]:
    """Return how many pairs share a cluster, and how many of them share a covert group.

    `table` has the members of each cluster in each group. Pairs are counted cluster by cluster,
    less the times that a pair is counted again: both of it are then in several clusters.
    """
    found, true = int(_choose2(clusters.sizes).sum()), int(_choose2(table).sum())
    several = np.bincount(clusters.indices, minlength=len(planted)) > 1
    holders: dict[int, list[NDArray[np.int32]]] = {}
    cluster = np.repeat(np.arange(len(clusters)), clusters.sizes)
    for i in np.unique(cluster[several[clusters.indices]]).tolist():
        members = clusters.members(i)[several[clusters.members(i)]]
        for code in members.tolist():
            holders.setdefault(code, []).append(members)
    for code, of in holders.items():  # partners of a higher code, each once
        partners, times = np.unique(np.concatenate(of), return_counts=True)
        again = np.where(partners > code, times - 1, 0)
        found -= int(again.sum())
        if planted[code] >= 0:
            true -= int(again[planted[partners] == planted[code]].sum())
    return found, true


def _ari(clusters: Clusters, planted: NDArray[np.int64], absent: NDArray[np.int64]) -> float:
    """Return the adjusted Rand index of disjoint clusters and groups, the rest singletons.

    Parameters
    ----------
    clusters
        Clusters that do not overlap.
    planted
        The covert group of each account code, -1 for none.
    absent
        Of each covert account that the log does not have, its group.
    """
    found = clusters.labels.astype(np.int64)
    some = (found >= 0) | (planted >= 0)
    found = np.concatenate([found[some], np.full(len(absent), -1)])
    true = np.concatenate([planted[some], absent])
    if len(true) < 2:
        return float("nan")
    for labels in (found, true):  # who is in none is alone
        alone = labels < 0
        labels[alone] = labels.max(initial=-1) + 1 + np.arange(alone.sum())
    agreement = igraph.compare_communities(found.tolist(), true.tolist(), method="adjusted_rand")
    return 1.0 if np.isnan(agreement) else float(agreement)
