"""Published methods that detection.py runs beside coordnet: its recipes, with their settings here.

Every method takes a log and the window, and returns Clusters. What a source says is done as its
code does it; where it leaves a choice open, what favours it on the scenarios was taken, on seeds
that the benchmark does not use, and a comment says so. Clusters of fewer than three accounts are
left out, as in coordnet.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

import coordnet as cn
from coordnet.clusters.clusters import Clusters
from coordnet.log.encoding import build_log
from coordnet.log.labels import Labelled
from coordnet.times import duration

Peer = Callable[[cn.ActionLog, str], Clusters]
MOST = 3_000_000


def moments(log: cn.ActionLog) -> cn.ActionLog:
    """Return the log with the second of each action as its object (after Pacheco's case study 5).

    What a method sees where coordnet is told to look at co-timing.
    """
    seconds, code = np.unique(log.time // 1_000_000, return_inverse=True)
    width = len(str(len(seconds)))
    names = pa.array([f"{i:0{width}d}" for i in range(len(seconds))], pa.large_string())
    return build_log(
        Labelled(log.account, log.all_accounts.labels),
        Labelled(code.astype(np.int32), names),
        log.time,
        kind=Labelled(np.zeros(len(log), np.int32), pa.array(["second"], pa.large_string())),
        row=np.arange(len(log)),
        threads=1,
    )


def at_least(least: int, method: str = "louvain") -> Peer:
    """Return the rule that keeps pairs with so many synchronised objects."""

    def rule(log: cn.ActionLog, within: str) -> Clusters:
        graph = cn.co_action(log, within, min_weight=least, threads=1)
        return cn.find_clusters(graph, method)

    return rule


def coortweet(log: cn.ActionLog, within: str) -> Clusters:
    """CooRTweet's defaults: two posts an account, edges heavier than the median; Louvain."""
    return cn.find_clusters(cn.recipes.coortweet(log, within, subgraph=1, threads=1), "louvain")


def pacheco(log: cn.ActionLog, within: str, method: str = "components") -> Clusters:
    """TF-IDF cosine, top 0.5 %, components."""
    graph = cn.recipes.pacheco_co_retweet(log, kind=None, threads=1)
    return cn.find_clusters(graph, method)


def luceri(
    log: cn.ActionLog, within: str, least: int = 20, share: float = 0.5, method="louvain"
) -> Clusters:
    """Fused TF-IDF networks pruned to the most central accounts (Luceri et al. 2024); Louvain.

    Half of the accounts stay: a smaller share, 0.5 to 10 %, holds no planted account at all.
    """
    layers = [
        cn.recipes.luceri_co_retweet(log.select(kind), least, kind=None, threads=1)
        for kind in log.kinds
    ]
    fused = cn.recipes.luceri_fused(layers, 100 * (1 - share), weighted=True)
    return cn.find_clusters(fused, method)


def nizzoli(
    log: cn.ActionLog, within: str, alpha: float = 1e-6, top: float = 1.0, method="louvain"
) -> Clusters:
    """TF-IDF cosine, disparity backbone, Louvain (Nizzoli et al. 2021).

    All accounts, since the most active one in a hundred hold no planted group; of the levels 0.05
    to 1e-6 the strictest finds most of what is planted for what it keeps.
    """
    return cn.recipes.nizzoli(log, top, alpha, method=method, kind=None, threads=1)


def iannucci(log: cn.ActionLog, within: str, coupling: float = 1.0) -> Clusters:
    """Collaboration with decay, one layer a kind, multislice Leiden (Iannucci et al. 2025).

    The decay of each layer is that of the highest modularity, among those cut at the window, a
    quarter of it and a sixteenth; one with millions of co-actions, for which Leiden takes minutes,
    is passed over. An account is tied to itself in every two layers.
    """
    cuts = [f"{duration(within, 'within') // d}us" for d in (1, 4, 16)]
    return cn.recipes.iannucci(
        log, cuts, coupling=coupling, max_co_actions=MOST, threads=1
    )  # fmt: skip


def bicm(log: cn.ActionLog, within: str, least: int = 1) -> Clusters:
    """The validated projection of the bipartite configuration model; Louvain."""
    return cn.find_clusters(cn.recipes.bicm(log, least, threads=1), "louvain")


PEERS: dict[str, Peer] = {
    ">= 2 co-actions": at_least(2),
    ">= 3 co-actions": at_least(3),
    "CooRTweet": coortweet,
    "TF-IDF, top 0.5 % (Pacheco)": pacheco,
    "TF-IDF, eigenvector (Luceri)": luceri,
    "TF-IDF, disparity (Nizzoli)": nizzoli,
    "collaboration, Leiden (Iannucci)": iannucci,
    "BiCM, FDR 5 %": bicm,
}
