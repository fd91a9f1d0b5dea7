"""The network: accounts in clusters and the edges between them, laid out in circles.

Each cluster is laid out by itself (Fruchterman and Reingold 1991, by igraph) inside a circle whose
area grows with its members, and the circles are packed side by side, the largest in the middle. So
clusters never cover each other, and a cluster stands where its members stand: where accounts are
too many to draw, each cluster is one node, and opens in its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.clusters.communities import seeded_igraph
from coordnet.errors import check_seed, check_whole
from coordnet.frozen import Frozen
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.multiplex import Multiplex
from coordnet.pictures.subject import Scored, clusters_of

MOST = 5_000  # accounts that are drawn one by one
MOST_EDGES = 20_000  # edges that are drawn
APART = 1.12  # circles are packed as if they were so much larger
ROUNDS = 300  # of the layout of a cluster
GOLDEN = np.pi * (3 - math.sqrt(5))  # the angle between two seeds of a sunflower

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Network(Frozen):
    """Where accounts and clusters stand, and the edges between them.

    Attributes
    ----------
    nodes : pyarrow.Table
        One row an account: ``account`` (code), ``x``, ``y``, ``cluster`` (the first of its
        clusters), ``degree`` (edges to accounts of any cluster). Empty where `folded`.
    edges : pyarrow.Table
        ``source`` and ``target`` (rows of `nodes`), ``weight``, ``inside`` (whether both ends are
        in one cluster). Empty where `folded`.
    clusters : pyarrow.Table
        One row a cluster: ``cluster``, ``x``, ``y``, ``radius``, ``accounts``, ``edges`` (between
        its members).
    between : pyarrow.Table
        One row two clusters with edges between them: ``source``, ``target``, ``edges``, ``weight``
        (of all these edges).
    folded : bool
        Whether accounts are too many to draw, so that clusters are the nodes; see :meth:`open`.
    edges_left_out : int
        Edges that are not in `edges`, the weakest, because there are too many to draw.
    seed : int
    """

    nodes: pa.Table
    edges: pa.Table
    clusters: pa.Table
    between: pa.Table
    folded: bool
    edges_left_out: int
    seed: int
    _made_of: tuple[Clusters, CoordinationGraph]

    def open(self, i: int, most_edges: int = MOST_EDGES) -> Network:
        """Return the network of the members of cluster i, in the place of its node.

        Parameters
        ----------
        i
            Number of the cluster.
        most_edges
            How many edges are drawn, the strongest first.
        """
        clusters, graph = self._made_of
        i = clusters[i].number
        places = self.clusters.slice(i, 1)
        return _network(clusters, graph, places, [i], self.seed, most_edges)


def layout(
    source: Scored | Clusters,
    layers: Multiplex | CoordinationGraph | None = None,
    seed: int = 0,
    most: int = MOST,
    most_edges: int = MOST_EDGES,
) -> Network:
    """Lay out the accounts in clusters.

    Parameters
    ----------
    source
        A run, scores or clusters.
    layers
        The edges; by default those of the layers that the clusters were found in.
    seed
        The only source of randomness: the same input and seed give the same bytes.
    most
        With more accounts in clusters than this, clusters are the nodes.
    most_edges
        How many edges between accounts are drawn, the strongest first.

    Examples
    --------
    >>> import coordnet as cn
    >>> from coordnet.pictures.network import layout
    >>> run = cn.detect(cn.simulate("retweet_ring", accounts=500, seed=0).log, score=False)
    >>> network = layout(run)
    >>> network.nodes.num_rows, network.clusters["accounts"].to_pylist()
    (102, [60, 30, 12])
    """
    clusters = clusters_of(source)
    graph = Multiplex.of(clusters.layers if layers is None else layers).combined
    seed, most = check_seed(seed), check_whole(most, "most", 0)
    sizes = clusters.sizes
    radius = np.sqrt(sizes.astype(float))
    x, y = _packed(radius)
    places = pa.table(
        {
            "cluster": pa.array(np.arange(len(clusters))),
            "x": pa.array(x),
            "y": pa.array(y),
            "radius": pa.array(radius),
            "accounts": pa.array(sizes),
            "edges": pa.array(np.diff(clusters.inside(graph)[0])),
        }
    )
    many = len(np.unique(clusters.indices)) > most
    shown = [] if many else range(len(clusters))
    return _network(clusters, graph, places, shown, seed, most_edges, folded=many)


def _network(
    clusters: Clusters, graph: CoordinationGraph, places: pa.Table, shown: Sequence[int],
    seed: int, most_edges: int, *, folded: bool = False,
) -> Network:  # fmt: skip
    """Return the network of these clusters, each at its place."""
    first = np.full(len(clusters.all_accounts), -1, np.int64)  # the first cluster of each account
    for i in reversed(range(len(clusters))):
        first[clusters.members(i)] = i
    source, target = graph.edges["source"], graph.edges["target"]
    weight = graph.weights.astype(np.float64)
    drawn = np.zeros(len(first), bool)
    for i in shown:
        drawn[clusters.members(i)] = True
    if len(shown) == 1:  # a cluster that is opened has all its members
        first[drawn] = shown[0]
    codes = np.flatnonzero(drawn)
    codes = codes[np.argsort(first[codes], kind="stable")]
    row = np.full(len(first), -1, np.int64)
    row[codes] = np.arange(len(codes))
    kept = np.flatnonzero(drawn[source] & drawn[target])
    inside = np.zeros(graph.n_edges, bool)
    inside[clusters.inside(graph)[1]] = True
    degree = np.bincount(row[np.concatenate([source[kept], target[kept]])], minlength=len(codes))
    strongest = np.lexsort((kept, -weight[kept], ~inside[kept]))[:most_edges]
    left_out = len(kept) - len(strongest)
    strongest = kept[np.sort(strongest)]
    x, y = np.zeros(len(codes)), np.zeros(len(codes))
    ends = np.stack([row[source[kept]], row[target[kept]]], axis=1)
    for i, cx, cy, radius in zip(
        *(places[name].to_pylist() for name in ("cluster", "x", "y", "radius")), strict=True
    ):
        own = np.flatnonzero(first[codes] == i)
        if not len(own):
            continue
        of_cluster = (first[codes[ends]] == i).all(axis=1)
        at = np.searchsorted(own, ends[of_cluster])
        place = _inside(len(own), at, weight[kept[of_cluster]], seed + i)
        x[own], y[own] = cx + radius * place[:, 0], cy + radius * place[:, 1]
    return Network(
        pa.table(
            {
                "account": pa.array(codes.astype(np.int32)),
                "x": pa.array(np.round(x, 4)),
                "y": pa.array(np.round(y, 4)),
                "cluster": pa.array(first[codes]),
                "degree": pa.array(degree.astype(np.int64)),
            }
        ),
        pa.table(
            {
                "source": pa.array(row[source[strongest]]),
                "target": pa.array(row[target[strongest]]),
                "weight": pa.array(weight[strongest]),
                "inside": pa.array(inside[strongest]),
            }
        ),
        places,
        _between(first, source, target, weight),
        folded,
        left_out,
        seed,
        (clusters, graph),
    )


def _between(
    first: NDArray[np.int64], source: NDArray[np.int32], target: NDArray[np.int32], weight: Floats
) -> pa.Table:
    """Return the edges between accounts of different clusters, added up."""
    a, b = first[source], first[target]
    some = (a >= 0) & (b >= 0) & (a != b)
    low, high = np.minimum(a, b)[some], np.maximum(a, b)[some]
    key, place, count = np.unique(low << 32 | high, return_inverse=True, return_counts=True)
    return pa.table(
        {
            "source": pa.array(key >> 32),
            "target": pa.array(key & 0xFFFFFFFF),
            "edges": pa.array(count.astype(np.int64)),
            "weight": pa.array(np.bincount(place, weight[some], len(key)).astype(float)),
        }
    )


def _inside(n: int, ends: NDArray[np.int64], weight: Floats, seed: int) -> Floats:
    """Return the places of n accounts in a circle of radius one: float64 (n, 2).

    The largest component is laid out in the middle; who is not joined to it stands around it.
    """
    import igraph

    part = np.array(igraph.Graph(n=n, edges=ends).connected_components().membership, np.int64)
    sizes = np.bincount(part)
    inner = part == int(np.argmax(sizes))
    m = int(inner.sum())
    place = np.zeros((n, 2))
    if m > 1:
        number = np.cumsum(inner) - 1
        own = inner[ends[:, 0]]
        place[inner] = _laid_out(m, number[ends[own]], weight[own], seed) * math.sqrt(m / n)
    outer = np.flatnonzero(~inner)
    outer = outer[np.lexsort((outer, part[outer], -sizes[part[outer]]))]
    rank = m + np.arange(len(outer))
    reach, angle = np.sqrt((rank + 0.5) / n), rank * GOLDEN
    place[outer] = np.stack([reach * np.cos(angle), reach * np.sin(angle)], axis=1)
    return place * 0.95


def _laid_out(n: int, ends: NDArray[np.int64], weight: Floats, seed: int) -> Floats:
    """Return the places of n accounts that are joined, in a circle of radius one."""
    import igraph

    rng = np.random.default_rng(seed)
    angle, reach = 2 * np.pi * rng.random(n), np.sqrt(rng.random(n))
    start = np.stack([reach * np.cos(angle), reach * np.sin(angle)], axis=1) * math.sqrt(n)
    # the same pull whatever the unit of weights, none more than three times another's
    pull = 1.0 + 2.0 * weight / weight.max()
    net = igraph.Graph(n=n, edges=ends)
    with seeded_igraph(seed):
        found = net.layout_fruchterman_reingold(
            weights=pull.tolist(), niter=ROUNDS, seed=start.tolist(), grid="auto"
        )
    place = np.array(found.coords)
    place -= place.mean(axis=0)
    far = np.hypot(place[:, 0], place[:, 1])
    # by the rank of the distance, so that one account far off does not push all others together
    rank = np.sqrt((np.argsort(np.argsort(far, kind="stable"), kind="stable") + 0.5) / n)
    share = (far / far.max() + rank) / 2 if far.max() > 0 else rank
    with np.errstate(invalid="ignore", divide="ignore"):
        direction = np.where(far[:, None] > 0, place / far[:, None], 0.0)
    found_places: Floats = direction * share[:, None]
    return found_places


def _packed(radius: Floats) -> tuple[Floats, Floats]:
    """Return where circles, the largest first, stand side by side about the middle.

    Each takes the first free place on a spiral from the middle.
    """
    n = len(radius)
    x, y = np.zeros(n), np.zeros(n)
    if n < 2:
        return x, y
    wide = radius * APART
    step = float(wide.min()) / 2
    turn = 0.0
    for i in range(1, n):
        if wide[i] < 0.8 * wide[i - 1]:
            turn = 0.0  # a smaller one may fit where none did
        while True:
            turns = turn + np.arange(256)
            # along the spiral in steps of equal length, as on the seeds of a sunflower
            reach, angle = step * np.sqrt(turns), turns * GOLDEN
            at_x, at_y = reach * np.cos(angle), reach * np.sin(angle)
            apart = np.hypot(at_x[:, None] - x[:i], at_y[:, None] - y[:i])
            free = np.flatnonzero((apart >= wide[:i] + wide[i]).all(axis=1))
            if len(free):
                x[i], y[i] = at_x[free[0]], at_y[free[0]]
                turn = float(turns[free[0]])
                break
            turn += 256
    return np.round(x, 4), np.round(y, 4)
