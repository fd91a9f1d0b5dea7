"""Published methods that detection.py runs beside coordnet: its recipes, with their settings here.

Every peer makes a network of a log and a window, and finds communities in it. What a source says is
done as its code does it; where it leaves a choice open, what favours it on the scenarios was taken,
on seeds that the benchmark does not report, and a comment says so. The communities of each are
those that `detection.py --choose` found best for it, whatever its source has, since some sources
stop at the network. Clusters of fewer than three accounts are left out, as in coordnet.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

import coordnet as cn
from coordnet.clusters.clusters import Clusters
from coordnet.log.encoding import build_log
from coordnet.log.labels import Labelled
from coordnet.times import duration

Network = cn.CoordinationGraph | Clusters  # Clusters where a source finds its own communities
OWN = "its own"
METHODS = ("louvain", "leiden", "infomap", "label_propagation", "components")
MOST = 3_000_000


@dataclass(frozen=True)
class Peer:
    """A published method.

    Attributes
    ----------
    network
        What it makes of a log and a window.
    method
        How communities are found in that: one of METHODS, or OWN.
    """

    network: Callable[[cn.ActionLog, str], Network]
    method: str

    def __call__(self, log: cn.ActionLog, within: str) -> Clusters:
        """Return its clusters."""
        return clusters(self.network(log, within), self.method)


def clusters(network: Network, method: str) -> Clusters:
    """Return the communities of a network."""
    if not isinstance(network, Clusters):
        return cn.find_clusters(network, method)
    return network if method == OWN else cn.find_clusters(network.layers, method)


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


def at_least(least: int) -> Callable[[cn.ActionLog, str], Network]:
    """Return the rule that keeps pairs with so many synchronised objects."""
    return lambda log, within: cn.co_action(log, within, min_weight=least, threads=1)


def coortweet(log: cn.ActionLog, within: str) -> Network:
    """CooRTweet's defaults: two posts an account, edges heavier than the median."""
    return cn.recipes.coortweet(log, within, subgraph=1, threads=1)


def pacheco(log: cn.ActionLog, within: str) -> Network:
    """TF-IDF cosine, top 0.5 %."""
    return cn.recipes.pacheco_co_retweet(log, kind=None, threads=1)


def luceri(log: cn.ActionLog, within: str, least: int = 20, share: float = 0.5) -> Network:
    """Fused TF-IDF networks pruned to the most central accounts (Luceri et al. 2024).

    Half of the accounts stay: a smaller share, 0.5 to 10 %, holds no planted account at all.
    """
    layers = [
        cn.recipes.luceri_co_retweet(log.select(kind), least, kind=None, threads=1)
        for kind in log.kinds
    ]
    return cn.recipes.luceri_fused(layers, 100 * (1 - share), weighted=True)


def nizzoli(log: cn.ActionLog, within: str, alpha: float = 1e-6, top: float = 1.0) -> Network:
    """TF-IDF cosine, disparity backbone (Nizzoli et al. 2021).

    All accounts, since the most active one in a hundred hold no planted group; of the levels 0.05
    to 1e-6 the strictest finds most of what is planted for what it keeps.
    """
    found = cn.recipes.nizzoli(log, top, alpha, method="components", kind=None, threads=1)
    (network,) = found.layers
    return network


def iannucci(log: cn.ActionLog, within: str, coupling: float = 1.0) -> Network:
    """Collaboration with decay, one layer a kind, multislice Leiden (Iannucci et al. 2025).

    The decay of each layer is that of the highest modularity, among those cut at the window, a
    quarter of it and a sixteenth; one with millions of co-actions, for which Leiden takes minutes,
    is passed over. An account is tied to itself in every two layers.
    """
    cuts = [f"{duration(within, 'within') // d}us" for d in (1, 4, 16)]
    return cn.recipes.iannucci(log, cuts, coupling=coupling, max_co_actions=MOST, threads=1)


def bicm(log: cn.ActionLog, within: str, least: int = 1) -> Network:
    """The validated projection of the bipartite configuration model."""
    return cn.recipes.bicm(log, least, threads=1)


def coordinationz(log: cn.ActionLog, within: str, realizations: int = 100) -> Network:
    """Cosine of weighted objects in common, with its chance under drawn accounts (Silva et al.).

    The package's settings but for the realisations, 100 of its 100,000: 1,000 take minutes a log.
    With 100 a p-value can be as small as 1/101, which is below the 0.01 that edges must have.
    """
    return cn.recipes.coordinationz(log, realizations=realizations, threads=1)


PEERS: dict[str, Peer] = {
    ">= 2 co-actions": Peer(at_least(2), "infomap"),
    ">= 3 co-actions": Peer(at_least(3), "infomap"),
    "CooRTweet": Peer(coortweet, "infomap"),
    "TF-IDF, top 0.5 % (Pacheco)": Peer(pacheco, "infomap"),
    "TF-IDF, eigenvector (Luceri)": Peer(luceri, "infomap"),
    "TF-IDF, disparity (Nizzoli)": Peer(nizzoli, "label_propagation"),
    "collaboration (Iannucci)": Peer(iannucci, "infomap"),
    "BiCM, FDR 5 %": Peer(bicm, "infomap"),
    "coordinationz": Peer(coordinationz, "infomap"),
}
