"""Published methods that detection.py runs beside coordnet, each a few lines over its stages.

Every method takes a log and the window, and returns Clusters. What a source says is done as its
code does it; where it leaves a choice open, what favours it on the scenarios was taken, on seeds
that the benchmark does not use, and a comment says so. Clusters of fewer than three accounts are
left out, as in coordnet.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, eigsh

import coordnet as cn
from coordnet.actions import Labelled, build_log
from coordnet.clusters import Clusters
from coordnet.graph import CoordinationGraph
from coordnet.times import duration

Array = NDArray[Any]
Peer = Callable[[cn.ActionLog, str], Clusters]
BLOCK = 1 << 24  # entries of a product that are made at once, about


# -- matrices and graphs -------------------------------------------------------------------------


def counts(log: cn.ActionLog) -> sp.csr_array:
    """Return how often each account acted on each object: accounts by objects."""
    ones = np.ones(len(log))
    shape = (log.n_accounts, log.n_objects)
    return sp.coo_array((ones, (log.account, log.object)), shape=shape).tocsr()


def tf_idf(matrix: sp.csr_array, least_df: int, sublinear: bool) -> sp.csr_array:
    """Return unit rows of TF-IDF, objects of fewer than `least_df` of these accounts left out.

    Term frequency 1 + ln(count) or, not sublinear, 1; idf = ln((1 + n) / (1 + df)) + 1.
    """
    df = np.bincount(matrix.indices, minlength=matrix.shape[1])
    weights = matrix[:, df >= least_df]
    weights.data = 1 + np.log(weights.data) if sublinear else np.ones(weights.nnz)
    weights.data *= (np.log((1 + matrix.shape[0]) / (1 + df[df >= least_df])) + 1)[weights.indices]
    length = np.sqrt(np.asarray((weights**2).sum(axis=1)))
    weights.data /= np.repeat(length, np.diff(weights.indptr))
    return weights


def products(rows: sp.csr_array) -> Iterator[tuple[Array, Array, Array]]:
    """Yield (i, j, product) of all pairs of rows i < j that share a column, block by block."""
    columns = rows.T.tocsr()
    steps = np.concatenate([[0], np.cumsum(np.diff(columns.indptr)[rows.indices])])[rows.indptr]
    first = 0
    while first < rows.shape[0]:
        last = max(int(np.searchsorted(steps, steps[first] + BLOCK)), first + 1)
        block = (rows[first:last] @ columns).tocoo()
        i, j = block.coords[0] + first, block.coords[1]
        above = j > i
        yield i[above], j[above], block.data[above]
        first = last


def similarities(rows: sp.csr_array) -> tuple[Array, Array, Array]:
    """Return (i, j, cosine) of all pairs of unit rows that share a column, i < j."""
    parts = [(i, j, x.astype(np.float32)) for i, j, x in products(rows)]
    i, j, x = (np.concatenate(part) for part in zip(*parts, strict=True))
    return i, j, x


def graph_of(log: cn.ActionLog, source: Array, target: Array, weight: Array) -> CoordinationGraph:
    """Return the graph of these edges, source < target."""
    order = np.lexsort((target, source))
    edges = {
        "source": source[order].astype(np.int32),
        "target": target[order].astype(np.int32),
        "weight": weight[order].astype(np.float64),
    }
    return CoordinationGraph(log, edges, 0, "weight", 0, "peer")


def moments(log: cn.ActionLog) -> cn.ActionLog:
    """Return the log with the second of each action as its object (after Pacheco's case study 5).

    What a method sees where coordnet is told to look at co-timing.
    """
    seconds, code = np.unique(log.time // 1_000_000, return_inverse=True)
    width = len(str(len(seconds)))
    names = pa.array([f"{i:0{width}d}" for i in range(len(seconds))], pa.large_string())
    return build_log(
        Labelled(log.account, log.account_labels),
        Labelled(code.astype(np.int32), names),
        log.time,
        kind=Labelled(np.zeros(len(log), np.int32), pa.array(["second"], pa.large_string())),
        row=np.arange(len(log)),
        threads=1,
    )


# -- counts --------------------------------------------------------------------------------------


def at_least(least: int, method: str = "louvain") -> Peer:
    """Return the rule that keeps pairs with so many synchronised objects."""

    def rule(log: cn.ActionLog, within: str) -> Clusters:
        graph = cn.co_action(log, within, min_weight=least, threads=1)
        return cn.find_clusters(graph, method)

    return rule


class Flagged(NamedTuple):
    """All edges of a method and those that it flags."""

    edges: CoordinationGraph
    flagged: CoordinationGraph


def coortweet_graph(
    log: cn.ActionLog, within: str, participation: int = 2, quantile: float = 0.5
) -> Flagged:
    """Return the edges of CooRTweet (Righetti & Balluff 2025; RECIPES C1 to C6).

    Every action is its own post unless the log has content ids.
    """
    acted = np.bincount(log.account, minlength=log.n_accounts)
    kept = log.where(acted[log.account] >= participation, "participation")  # C1
    graph = cn.co_action(kept, within, weight="pairs", threads=1)  # C2, C3, C6
    # C4: an account is good that has enough posts with a partner; a pair with one good end stays
    near = has_partner(kept, duration(within, "within"))
    good = np.bincount(kept.account[near], minlength=kept.n_accounts) >= participation
    graph = graph.where(good[graph.edges["source"]] | good[graph.edges["target"]])
    if not graph.n_edges:
        return Flagged(graph, graph)
    return Flagged(graph, graph.where(graph.weights > np.quantile(graph.weights, quantile)))


def has_partner(log: cn.ActionLog, window: int) -> NDArray[np.bool_]:
    """Return which actions have one of another account on the same object within the window.

    A log stands in the order of object and time, so the nearest such actions are those just
    outside the run of actions of one account that the action is in.
    """
    obj, time = log.object, log.time
    new = np.ones(len(log) + 1, bool)
    new[1:-1] = (obj[1:] != obj[:-1]) | (log.account[1:] != log.account[:-1])
    borders = np.flatnonzero(new)
    run = np.cumsum(new[:-1]) - 1
    found = np.zeros(len(log), bool)
    for at in (borders[run] - 1, borders[run + 1]):
        rows = np.flatnonzero((at >= 0) & (at < len(log)))
        other = at[rows]
        found[rows] |= (obj[other] == obj[rows]) & (np.abs(time[other] - time[rows]) <= window)
    return found


def coortweet(log: cn.ActionLog, within: str) -> Clusters:
    """CooRTweet's defaults: two posts an account, edges heavier than the median; Louvain."""
    return cn.find_clusters(coortweet_graph(log, within).flagged, "louvain")


# -- similarity ----------------------------------------------------------------------------------


def pacheco_graph(log: cn.ActionLog, least: int = 10, quantile: float = 0.995) -> Flagged:
    """Return all similarities and the top 0.5 % of them (Pacheco et al. 2021, case study 4)."""
    matrix = counts(log)
    chosen = np.flatnonzero((matrix.sum(axis=1) >= least) & (np.diff(matrix.indptr) >= 2))
    i, j, cosine = similarities(tf_idf(matrix[chosen], 3, sublinear=True))
    graph = graph_of(log, chosen[i], chosen[j], cosine)
    return Flagged(graph, graph.keep(quantile=quantile))


def pacheco(log: cn.ActionLog, within: str, method: str = "components") -> Clusters:
    """TF-IDF cosine, top 0.5 %, components."""
    return cn.find_clusters(pacheco_graph(log).flagged, method)


def luceri_rows(matrix: sp.csr_array, least: int) -> tuple[Array, sp.csr_array]:
    """Return accounts of `least` or more actions and their TF-IDF (Luceri et al. 2024)."""
    chosen = np.flatnonzero(matrix.sum(axis=1) >= max(least, 1))
    return chosen, tf_idf(matrix[chosen], 2, sublinear=False)


def luceri_graph(log: cn.ActionLog, least: int) -> sp.csr_array:
    """Return the fused network: the largest cosine over the kinds, above the diagonal."""
    n = log.n_accounts
    matrix = counts(log)
    fused = sp.csr_array((n, n), dtype=np.float32)
    for kind in range(len(log.kinds)):
        chosen, rows = luceri_rows(matrix[:, log.object_kind == kind], least)
        i, j, cosine = similarities(rows)
        layer = sp.coo_array((cosine, (chosen[i], chosen[j])), shape=(n, n)).tocsr()
        fused = layer if kind == 0 else fused.maximum(layer)
    return fused


def centrality(upper: sp.csr_array) -> Array:
    """Return the eigenvector centrality of the nodes of a graph given above the diagonal."""
    lower = upper.T.tocsr()
    n = upper.shape[0]
    operator = LinearOperator((n, n), matvec=lambda x: upper @ x + lower @ x, dtype=np.float32)
    return np.abs(eigsh(operator, k=1, v0=np.ones(n, np.float32))[1][:, 0])


def luceri(
    log: cn.ActionLog, within: str, least: int = 20, share: float = 0.005, method="louvain"
) -> Clusters:
    """Fused TF-IDF networks pruned to the most central accounts."""
    fused = luceri_graph(log, least)
    central = centrality(fused)
    nodes = np.flatnonzero(central >= np.quantile(central[central > 0], 1 - share))
    part = fused[nodes][:, nodes].tocoo()
    return cn.find_clusters(
        graph_of(log, nodes[part.coords[0]], nodes[part.coords[1]], part.data), method
    )


def disparity(n: int, i: Array, j: Array, weight: Array) -> Array:
    """Return the lesser of the two disparity p-values of each edge (Serrano et al. 2009).

    (1 - w / s)^(k - 1), with s the weights and k the number of the edges of an end.
    """
    p = np.ones(len(i))
    strength = np.bincount(i, weight, n) + np.bincount(j, weight, n)
    degree = np.bincount(i, minlength=n) + np.bincount(j, minlength=n)
    for end in (i, j):
        share = np.minimum(weight / strength[end], 1.0)
        p = np.minimum(p, np.where(degree[end] > 1, (1 - share) ** (degree[end] - 1), 1.0))
    return p


def nizzoli(
    log: cn.ActionLog, within: str, alpha: float = 0.01, top: float = 1.0, method="louvain"
) -> Clusters:
    """TF-IDF cosine, disparity backbone, Louvain (Nizzoli et al. 2021)."""
    matrix = counts(log)
    acted = matrix.sum(axis=1)
    chosen = np.flatnonzero(acted >= np.quantile(acted, 1 - top))
    i, j, cosine = similarities(tf_idf(matrix[chosen], 1, sublinear=False))
    keep = disparity(len(chosen), i, j, cosine) < alpha
    return cn.find_clusters(graph_of(log, chosen[i[keep]], chosen[j[keep]], cosine[keep]), method)
