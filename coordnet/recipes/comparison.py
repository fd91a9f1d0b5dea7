"""Several methods on one log, side by side: what each finds, and what chance explains of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import igraph
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.clusters.communities import find_clusters
from coordnet.errors import CoordnetError, ParameterError, check_number, one_of, shown
from coordnet.frames import ArrowExport, html_table, native
from coordnet.graphs.co_action import CoAction
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.multiplex import Multiplex
from coordnet.graphs.relation import Against
from coordnet.inference.edge_tests import EdgeTest
from coordnet.log.actions import ActionLog
from coordnet.log.windows import Window, longest, window_text
from coordnet.plural import several
from coordnet.recipes.recipe import Published
from coordnet.times import MINUTE, Duration, duration

PARTS = ("methods", "overlaps")


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(ArrowExport):
    """What :func:`compare` gives.

    Attributes
    ----------
    methods : pyarrow.Table
        One row a method: ``method``, ``edges``, ``accounts`` (with an edge), ``clusters``,
        ``clustered`` (accounts in a cluster), ``tested`` (edges that could be tested),
        ``explained`` (the share of these that the null models explain; missing where none),
        ``within`` (the window of the test), ``null`` and ``note``.
    overlaps : pyarrow.Table
        One row two methods: ``a``, ``b``, ``edges`` (in both), ``edge_jaccard``, ``accounts`` (with
        an edge in both), ``account_jaccard``, ``ari`` and ``pair_jaccard`` of their clusters.
    level : float
        Edges with a q-value above it are explained.
    frame : str
        The kind of frame that `to_frame` gives unless told.
    """

    methods: pa.Table
    overlaps: pa.Table
    level: float
    frame: str = "pandas"

    def to_frame(self, backend: str | None = None, part: str = "methods") -> Any:
        """Return a part as a dataframe.

        Parameters
        ----------
        backend
            ``"pandas"``, ``"polars"`` or ``"pyarrow"``; by default the kind the actions came in.
        part
            ``"methods"`` or ``"overlaps"``.
        """
        return native(getattr(self, one_of(part, PARTS, "part")), backend or self.frame)

    @property
    def text(self) -> str:
        """The comparison in sentences."""
        lines = []
        for row in self.methods.to_pylist():
            found = (
                f"{row['method']}: {several(row['edges'], 'edge')} among "
                f"{several(row['accounts'], 'account')}, {several(row['clusters'], 'cluster')} "
                f"with {several(row['clustered'], 'account')}."
            )
            if row["explained"] is not None:
                found += (
                    f" Of its edges {row['explained']:.0%} are explained: at {row['within']}, null "
                    f"{row['null']}, their q-value is above {self.level:g}."
                )
            lines.append(f"{found} {row['note']}".strip())
        for row in self.overlaps.to_pylist():
            ari = "not defined" if row["ari"] is None else f"{row['ari']:.2f}"
            lines.append(
                f"{row['a']} and {row['b']}: {several(row['edges'], 'edge')} in both (Jaccard "
                f"{row['edge_jaccard']:.2f}), {several(row['accounts'], 'account')} in both "
                f"({row['account_jaccard']:.2f}); adjusted Rand index of their clusters {ari}."
            )
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Comparison of {len(self.methods)} methods\n{self.text}"

    def _repr_html_(self) -> str:
        rows = [[_cell(value) for value in row.values()] for row in self.methods.to_pylist()]
        return html_table("Comparison", self.methods.column_names, rows)


def _cell(value: object) -> object:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else value


@dataclass(frozen=True)
class _Method:
    """What one method found."""

    graph: CoordinationGraph
    layers: Multiplex
    clusters: Clusters

    @property
    def labels(self) -> NDArray[np.object_]:
        """Labels of the accounts with an edge."""
        return self.graph.accounts


def compare(
    methods: Mapping[str, Any],
    log: ActionLog | None = None,
    *,
    level: float = 0.05,
    within: Duration | None = None,
    null: str | None = None,
    method: str = "infomap",
    min_size: int = 3,
    seed: int = 0,
    threads: int | None = None,
) -> Comparison:
    """Put methods side by side: edges, accounts, clusters, and what chance explains.

    Parameters
    ----------
    methods
        By name, what each found: a :class:`Run`, :class:`Clusters`, a :class:`Multiplex` or a
        :class:`CoordinationGraph`, such as a recipe gives.
    log
        The actions, for graphs that have none, such as those read from another tool's file.
    level
        An edge with a q-value above it is explained by the null models.
    within
        The window of the test; by default that of the method, and a minute where it has none.
    null
        The null model of the test; by default that of the method, and "both" where it has none.
        Layers that are tested already, as those of a run are, keep their q-values unless `within`
        or `null` is given.
    method, min_size, seed
        How clusters are found in what comes as a graph: as in :func:`coordnet.find_clusters`.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    Comparison
        ``to_frame()``, ``to_frame(part="overlaps")`` and ``text``.

    Notes
    -----
    The adjusted Rand index is over the accounts in a cluster of either method, an account in none
    alone; it is missing where clusters overlap. ``pair_jaccard`` is the number of pairs of accounts
    that share a cluster in both, divided by those that do in either.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> run = cn.detect(log, score=False)
    >>> found = cn.compare({"ours": run, "coortweet": cn.recipes.coortweet(log, 60)})
    >>> found.to_frame()["method"].tolist()
    ['ours', 'coortweet']
    >>> float(found.to_frame()["explained"][0]) < float(found.to_frame()["explained"][1])
    True
    """
    if not isinstance(methods, Mapping) or not methods:
        raise ParameterError('methods= takes a mapping of names to results: {"ours": run, ...}.')
    level = check_number(level, "level", above=0, below=1)
    window = None if within is None else duration(within, "within")
    found = {
        str(name): _taken(name, value, log, method, min_size, seed)
        for name, value in methods.items()
    }
    rows = [
        {"method": name, **_row(one, level, window, null, threads)} for name, one in found.items()
    ]
    pairs = [
        {"a": a, "b": b, **_overlap(found[a], found[b])} for a, b in combinations(found, 2)
    ]  # fmt: skip
    return Comparison(
        pa.Table.from_pylist(rows, _METHODS),
        pa.Table.from_pylist(pairs, _OVERLAPS),
        level,
        next(iter(found.values())).graph.frame,
    )


_METHODS = pa.schema(
    {
        "method": pa.string(), "edges": pa.int64(), "accounts": pa.int64(), "clusters": pa.int64(),
        "clustered": pa.int64(), "tested": pa.int64(), "explained": pa.float64(),
        "within": pa.string(), "null": pa.string(), "note": pa.string(),
    }
)  # fmt: skip
_OVERLAPS = pa.schema(
    {
        "a": pa.string(), "b": pa.string(), "edges": pa.int64(), "edge_jaccard": pa.float64(),
        "accounts": pa.int64(), "account_jaccard": pa.float64(), "ari": pa.float64(),
        "pair_jaccard": pa.float64(),
    }
)  # fmt: skip


def _taken(
    name: Any, value: Any, log: ActionLog | None, method: str, min_size: int, seed: int
) -> _Method:
    """Return the graph, layers and clusters of a result of whatever type."""
    clusters = getattr(value, "clusters", value)  # of a run
    if isinstance(clusters, Clusters):
        layers = getattr(value, "layers", clusters.layers)
    elif isinstance(value, CoordinationGraph | Multiplex):
        layers = Multiplex.of(value)
    else:
        raise ParameterError(
            f"methods[{name!r}]={shown(value)} is no result of a method; give a run, clusters, "
            "layers or a graph."
        )
    layers = Multiplex(tuple(_with_log(layer, log, name) for layer in layers), layers.levels)
    graph = layers.combined
    if not isinstance(clusters, Clusters):
        clusters = find_clusters(graph, method, min_size=min_size, seed=seed)
    return _Method(graph, layers, clusters)


def _with_log(graph: CoordinationGraph, log: ActionLog | None, name: Any) -> CoordinationGraph:
    """Return the graph with the log given, where it has none."""
    if graph.source is not None or log is None:
        return graph
    if graph.all_accounts == log.all_accounts:
        return replace(graph, source=log)
    code = log.all_accounts.positions_of(graph.all_accounts.labels)
    ends = [code[graph.edges[end]] for end in ("source", "target")]
    missing = int(((ends[0] < 0) | (ends[1] < 0)).sum())
    if missing:
        some = several(missing, "edge")
        raise ParameterError(
            f"methods[{name!r}] has {some} of accounts that are not in the log; check that labels "
            "are written as they were read."
        )
    edges = {**graph.edges, "source": np.minimum(*ends), "target": np.maximum(*ends)}
    order = np.lexsort((edges["target"], edges["source"]))
    edges = {column: values[order] for column, values in edges.items()}
    return replace(graph, all_accounts=log.all_accounts, edges=edges, source=log)


def _row(
    one: _Method, level: float, window: int | None, null: str | None, threads: int | None
) -> dict[str, Any]:
    """Return the numbers of one method."""
    q, notes, windows, nulls = [np.zeros(0)], [], [], []
    for layer in one.layers:
        try:
            values, within, test = _q_values(layer, window, null, threads)
        except CoordnetError as error:
            notes.append(f"Its edges could not be tested: {error}")
            continue
        q.append(values)
        windows.append(within)
        nulls.append(test.null)
        notes.extend(note for note in test.notes if note not in notes)
    every = np.concatenate(q)
    return {
        "edges": one.graph.n_edges,
        "accounts": one.graph.n_accounts,
        "clusters": len(one.clusters),
        "clustered": len(np.unique(one.clusters.indices)),
        "tested": len(every),
        "explained": float((every > level).mean()) if len(every) else None,
        "within": ", ".join(dict.fromkeys(windows)),
        "null": ", ".join(dict.fromkeys(nulls)),
        "note": " ".join(notes),
    }


def _q_values(
    layer: CoordinationGraph, window: int | None, null: str | None, threads: int | None
) -> tuple[NDArray[np.float64], str, EdgeTest]:
    """Return the q-value of each edge of a layer, the window of its test, and the test."""
    relation = layer.relation
    if layer.tested is not None and window is None and null is None:
        return layer.edges["q_value"], window_text(layer.window_us), layer.tested
    if relation.from_log and not relation.on_objects and window is None and null is None:
        tested = layer.test(threads=threads)
        within = window_text(layer.window_us)
    else:
        if null is None and isinstance(relation, Published):
            null = relation.null
        of_method = relation.window_us if relation.from_log else MINUTE
        width: Window = of_method if window is None else window
        joined = (
            replace(relation, window_us=longest(width))
            if isinstance(relation, Published)
            else CoAction(width)
        )
        found = joined.test(layer, Against(null), threads=threads)
        tested = replace(layer, edges={**layer.edges, **found.columns}, tested=found.test)
        within = window_text(width)
    assert tested.tested is not None
    return tested.edges["q_value"], within, tested.tested


def _overlap(a: _Method, b: _Method) -> dict[str, Any]:
    """Return what two methods have in common, by labels of accounts."""
    nodes = [set(one.labels.tolist()) for one in (a, b)]
    edges = [
        set(
            zip(
                one.graph.all_accounts[one.graph.edges["source"]].tolist(),
                one.graph.all_accounts[one.graph.edges["target"]].tolist(),
                strict=True,
            )
        )
        for one in (a, b)
    ]
    return {
        "edges": len(edges[0] & edges[1]),
        "edge_jaccard": _jaccard(*edges),
        "accounts": len(nodes[0] & nodes[1]),
        "account_jaccard": _jaccard(*nodes),
        **_clusters_overlap(a.clusters, b.clusters),
    }


def _jaccard(a: set[Any], b: set[Any]) -> float | None:
    return len(a & b) / len(a | b) if a or b else None


def _clusters_overlap(a: Clusters, b: Clusters) -> dict[str, float | None]:
    """Return the adjusted Rand index and the Jaccard index of pairs in one cluster."""
    none: dict[str, float | None] = {"ari": None, "pair_jaccard": None}
    if any(len(np.unique(one.indices)) < len(one.indices) for one in (a, b)):
        return none
    of = [
        {label: i for i in range(len(one)) for label in one.all_accounts[one.members(i)].tolist()}
        for one in (a, b)
    ]
    accounts = sorted(of[0].keys() | of[1].keys())
    if len(accounts) < 2:
        return none
    labels = []
    for known in of:
        alone = iter(range(len(known), len(known) + len(accounts)))
        labels.append([known[name] if name in known else next(alone) for name in accounts])
    ari = igraph.compare_communities(*labels, method="adjusted_rand")
    both = np.unique(np.array(labels), axis=1, return_counts=True)[1]
    sizes = [np.unique(one, return_counts=True)[1] for one in labels]
    together, one, other = (int((n * (n - 1) // 2).sum()) for n in (both, *sizes))
    either = one + other - together
    return {
        "ari": 1.0 if np.isnan(ari) else float(ari),
        "pair_jaccard": together / either if either else None,
    }
