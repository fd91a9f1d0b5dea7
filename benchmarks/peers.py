"""Published methods that detection.py runs beside coordnet, each a few lines over its stages.

Every method takes a log and the window, and returns Clusters. What a source says is done as its
code does it; where it leaves a choice open, what favours it on the scenarios was taken, on seeds
that the benchmark does not use, and a comment says so. Clusters of fewer than three accounts are
left out, as in coordnet.
"""

import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import igraph
import leidenalg
import numba
import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy import stats
from scipy.sparse.linalg import LinearOperator, eigsh

import coordnet as cn
from coordnet.clusters.clusters import Clusters
from coordnet.graphs.graph import CoordinationGraph
from coordnet.log.encoding import build_log
from coordnet.log.labels import Labelled
from coordnet.times import duration

Array = NDArray[Any]
Peer = Callable[[cn.ActionLog, str], Clusters]
BLOCK = 1 << 24  # entries of a product that are made at once, about
MOST = 3_000_000


# -- matrices and graphs -------------------------------------------------------------------------


def counts(log: cn.ActionLog) -> sp.csr_array:
    """Return how often each account acted on each object: accounts by objects."""
    ones = np.ones(len(log))
    shape = (len(log.all_accounts), log.n_objects)
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
    return CoordinationGraph(log.all_accounts, edges, cn.Given("peer"), "weight", 0, log)


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
    acted = np.bincount(log.account, minlength=len(log.all_accounts))
    kept = log.where(acted[log.account] >= participation, "participation")  # C1
    graph = cn.co_action(kept, within, weight="pairs", threads=1)  # C2, C3, C6
    # C4: an account is good that has enough posts with a partner; a pair with one good end stays
    near = has_partner(kept, duration(within, "within"))
    if kept.post is not None:
        near = np.isin(kept.post.codes, kept.post.codes[near])
    good = np.bincount(kept.account[near], minlength=len(kept.all_accounts)) >= participation
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
    """Return accounts of `least` or more actions and their TF-IDF (Luceri et al. 2024).

    Accounts that share no object with any other of them are not counted.
    """
    chosen = np.flatnonzero(matrix.sum(axis=1) >= max(least, 1))
    shared = np.bincount(matrix[chosen].indices, minlength=matrix.shape[1]) >= 2
    some = np.diff(matrix[chosen][:, shared].indptr) > 0
    return chosen[some], tf_idf(matrix[chosen[some]], 2, sublinear=False)


def luceri_graph(log: cn.ActionLog, least: int) -> sp.csr_array:
    """Return the fused network: the largest cosine over the kinds, above the diagonal."""
    n = len(log.all_accounts)
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
    log: cn.ActionLog, within: str, least: int = 20, share: float = 0.5, method="louvain"
) -> Clusters:
    """Fused TF-IDF networks pruned to the most central accounts (Luceri et al. 2024); Louvain.

    Half of the accounts stay: a smaller share, 0.5 to 10 %, holds no planted account at all.
    """
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
    log: cn.ActionLog, within: str, alpha: float = 1e-6, top: float = 1.0, method="louvain"
) -> Clusters:
    """TF-IDF cosine, disparity backbone, Louvain (Nizzoli et al. 2021).

    All accounts, since the most active one in a hundred hold no planted group; of the levels 0.05
    to 1e-6 the strictest finds most of what is planted for what it keeps.
    """
    matrix = counts(log)
    acted = matrix.sum(axis=1)
    chosen = np.flatnonzero(acted >= max(np.quantile(acted[acted > 0], 1 - top), 1))
    i, j, cosine = similarities(tf_idf(matrix[chosen], 1, sublinear=False))
    keep = disparity(len(chosen), i, j, cosine) < alpha
    return cn.find_clusters(graph_of(log, chosen[i[keep]], chosen[j[keep]], cosine[keep]), method)


# -- collaboration -------------------------------------------------------------------------------


@numba.njit(cache=True)
def _near(obj, account, time, share, cut, beta, source, target, weight):
    """Write every pair of actions within `cut` and return how many there are.

    Arrays of no length: only count.
    """
    n = 0
    for i in range(len(time)):
        j = i + 1
        while j < len(time) and obj[j] == obj[i] and time[j] - time[i] <= cut:
            if account[i] != account[j]:
                if len(source):
                    source[n] = min(account[i], account[j])
                    target[n] = max(account[i], account[j])
                    weight[n] = share[obj[i]] * np.exp(-beta * (time[j] - time[i]))
                n += 1
            j += 1
    return n


def collaboration(
    log: cn.ActionLog, cut: int, kind: int | None = None, eps: float = 0.01
) -> CoordinationGraph:
    """Return Newman's collaboration network with exponential decay, of one kind of objects.

    The weight of a pair is the sum, over its co-actions, of exp(-beta dt) / (n_o - 1), with n_o the
    accounts on the object (Newman 2001) and beta = -ln(eps) / cut: later ones weigh under eps.
    No edges where there are more than MOST co-actions.
    """
    rows = np.ones(len(log), bool) if kind is None else log.object_kind[log.object] == kind
    obj, account, time = log.object[rows], log.account[rows], log.time[rows]
    pairs = np.unique(obj.astype(np.int64) << 32 | account)
    accounts = np.bincount(pairs >> 32, minlength=log.n_objects)
    given = (obj, account, time, 1 / np.maximum(accounts - 1, 1), cut, -np.log(eps) / cut)
    none = np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0)
    n = _near(*given, *none)
    if n > MOST:
        return graph_of(log, *none)
    source, target, weight = np.zeros(n, np.int32), np.zeros(n, np.int32), np.zeros(n)
    _near(*given, source, target, weight)
    every, at = np.unique(source.astype(np.int64) << 32 | target, return_inverse=True)
    return graph_of(log, every >> 32, every & 0xFFFFFFFF, np.bincount(at, weight, len(every)))


def modularity(graph: CoordinationGraph) -> float:
    """Return the modularity of the communities that Leiden finds in a graph."""
    net = igraph.Graph(n=graph.n_accounts, edges=np.column_stack(graph.ends))
    igraph.set_random_number_generator(random.Random(0))
    found = net.community_leiden("modularity", weights=graph.weights.tolist(), n_iterations=2)
    return float(net.modularity(found.membership, weights=graph.weights.tolist()))


def iannucci(log: cn.ActionLog, within: str, coupling: float = 1.0) -> Clusters:
    """Collaboration with decay, one layer a kind, multislice Leiden (Iannucci et al. 2025).

    The decay of each layer is that of the highest modularity, among those cut at the window, a
    quarter of it and a sixteenth; one with millions of co-actions, for which Leiden takes minutes,
    is passed over. An account is tied to itself in every two layers.
    """
    layers = []
    for kind in range(len(log.kinds)):
        grid = [collaboration(log, duration(within, "within") // d, kind) for d in (1, 4, 16)]
        grid = [graph for graph in grid if graph.n_edges]
        if grid:
            layers.append(max(grid, key=modularity))
    if not layers:
        return cn.find_clusters(cn.co_action(log, within, min_weight=len(log)))
    first = np.cumsum([0, *(graph.n_accounts for graph in layers)])
    account = np.concatenate([graph.nodes for graph in layers])
    partitions = []
    for graph, start in zip(layers, first, strict=False):
        net = igraph.Graph(n=len(account), edges=np.column_stack(graph.ends) + start)
        partitions.append(
            leidenalg.RBConfigurationVertexPartition(net, weights=graph.weights.tolist())
        )
    order = np.argsort(account, kind="stable")
    ties = [
        np.column_stack([order[:-d], order[d:]])[account[order[:-d]] == account[order[d:]]]
        for d in range(1, len(layers))
    ]
    net = igraph.Graph(n=len(account), edges=np.concatenate([np.zeros((0, 2), int), *ties]))
    partitions.append(
        leidenalg.CPMVertexPartition(
            net, weights=[coupling] * net.ecount(), resolution_parameter=0.0
        )
    )
    optimiser = leidenalg.Optimiser()
    optimiser.set_rng_seed(0)
    optimiser.optimise_partition_multiplex(partitions, n_iterations=2)
    label = np.array(partitions[0].membership)
    order = np.argsort(label, kind="stable")
    members = [
        np.unique(account[part])
        for part in np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    ]
    return Clusters.from_members(layers[0], members, "multislice leiden", {}, 3)


# -- a null model of the whole bipartite graph ---------------------------------------------------


def configuration(rows: Array, columns: Array) -> tuple[Array, Array]:
    """Return the fitnesses x, y of the bipartite configuration model (Saracco et al. 2017).

    Link probability x y / (1 + x y); nodes of one degree have one fitness, so that it is solved
    over degrees. The fixed-point iteration of the package of the authors.
    """
    (k, n_k), (h, n_h) = (np.unique(d, return_counts=True) for d in (rows, columns))
    x, y = k / np.sqrt(rows.sum()), h / np.sqrt(rows.sum())
    for _ in range(10_000):
        before = x
        x = k / ((n_h * y) / (1 + x[:, None] * y)).sum(axis=1)
        y = h / ((n_k * x) / (1 + y[:, None] * x)).sum(axis=1)
        if np.abs(x / before - 1).max() < 1e-10:
            break
    return x[np.searchsorted(k, rows)], y[np.searchsorted(h, columns)]


def bicm_p(matrix: sp.csr_array, least: float) -> tuple[Array, Array, Array]:
    """Return (i, j, p) of the pairs of rows with a p-value of at most `least`.

    Poisson tail of the number of shared columns, with the mean sum_o p_io p_jo.
    """
    rows = np.diff(matrix.indptr)
    columns = np.bincount(matrix.indices, minlength=matrix.shape[1])
    x, y = configuration(rows, columns)
    _, one, at = np.unique(rows, return_index=True, return_inverse=True)
    _, other, count = np.unique(columns, return_index=True, return_counts=True)
    product = x[one][:, None] * y[other]
    likely = product / (1 + product)
    mean = (likely * count) @ likely.T  # by the degrees of both
    parts = []
    for i, j, shared in products(matrix):
        p = stats.poisson.sf(np.round(shared) - 1, mean[at[i], at[j]])
        parts.append((i[p <= least], j[p <= least], p[p <= least]))
    i, j, p = (np.concatenate(part) for part in zip(*parts, strict=True))
    return i, j, p


def bicm_graph(log: cn.ActionLog, least: int, level: float = 0.05) -> CoordinationGraph:
    """Return the pairs that share more objects than the model explains.

    At this false discovery rate over all pairs of the accounts of `least` or more actions; objects
    of one account are left out.
    """
    matrix = counts(log)
    chosen = np.flatnonzero(matrix.sum(axis=1) >= least)
    matrix = matrix[chosen]
    matrix = matrix[:, np.bincount(matrix.indices, minlength=matrix.shape[1]) >= 2]
    matrix.data = np.ones(matrix.nnz)
    some = np.diff(matrix.indptr) > 0
    chosen, matrix = chosen[some], matrix[some]
    i, j, p = bicm_p(matrix, level)
    ranked = np.sort(p)
    pairs = len(chosen) * (len(chosen) - 1) / 2
    passed = np.flatnonzero(ranked <= level * np.arange(1, len(p) + 1) / pairs)
    keep = p <= (ranked[passed[-1]] if len(passed) else -1)
    return graph_of(log, chosen[i[keep]], chosen[j[keep]], np.ones(keep.sum()))


def bicm(log: cn.ActionLog, within: str, least: int = 1) -> Clusters:
    """The validated projection of the bipartite configuration model; Louvain."""
    return cn.find_clusters(bicm_graph(log, least), "louvain")


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
