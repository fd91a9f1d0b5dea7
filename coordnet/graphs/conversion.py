"""The ways of a graph from and to other libraries: dataframes, networkx, igraph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.errors import InputError, ParameterError, listed, nearest, one_of
from coordnet.graphs.graph import CoordinationGraph
from coordnet.graphs.relation import Given
from coordnet.log.accounts import Accounts
from coordnet.log.actions import ActionLog
from coordnet.log.labels import LABELS

if TYPE_CHECKING:
    import igraph
    import networkx as nx

REPEATED = ("error", "sum", "max")


def from_frame(
    frame: Any, source: str, target: str, weight: str | None, log: ActionLog | None, repeated: str
) -> CoordinationGraph:
    """Make a graph of a table of edges; see :meth:`CoordinationGraph.from_frame`."""
    try:
        table = nw.from_native(frame)
    except TypeError:
        raise InputError(
            f"a frame of type {type(frame).__name__} cannot be read; give a pandas, Polars, "
            "PyArrow or DuckDB table of one row an edge."
        ) from None
    eager = table.collect("pyarrow") if isinstance(table, nw.LazyFrame) else table
    there = eager.columns
    for role, name in (("source", source), ("target", target), ("weight", weight)):
        if name is not None and name not in there:
            raise InputError(
                f"the frame has no column {name!r} (asked for by {role}=).{nearest(name, there)} "
                f"Its columns: {listed(map(repr, there))}."
            )
    numeric = [name for name in there if eager.schema[name].is_numeric()]
    others = [name for name in numeric if name not in (source, target)]
    if weight is None and len(others) > 1:
        raise ParameterError(
            f"which of the columns {listed(map(repr, others))} is the weight? Name it with weight=."
        )
    weight = others[0] if weight is None and others else weight
    ends = [
        pc.cast(pa.chunked_array(eager[name].cast(nw.String).to_arrow()), LABELS)
        if not isinstance(eager[name].to_arrow(), pa.ChunkedArray)
        else eager[name].cast(nw.String).to_arrow().cast(LABELS)
        for name in (source, target)
    ]
    columns = {name: eager[name].to_numpy() for name in others}
    return from_edges(ends[0], ends[1], columns, weight, log, repeated, "edges of a frame")


def from_edges(
    source: pa.ChunkedArray | pa.Array,
    target: pa.ChunkedArray | pa.Array,
    columns: Mapping[str, NDArray[Any]],
    weight: str | None,
    log: ActionLog | None,
    repeated: str,
    origin: str,
) -> CoordinationGraph:
    """Make a graph of ends by label and columns of numbers.

    Parameters
    ----------
    source, target
        Labels, (n,).
    columns
        Numbers of each edge, (n,).
    weight
        Which of these is the weight; None gives every edge 1.
    log
        The log that the accounts are of, where there is one; codes are then its codes.
    repeated
        ``"error"``, ``"sum"`` or ``"max"``: what to do with a pair that stands there twice.
    origin
        What the edges are from, in a few words.
    """
    one_of(repeated, REPEATED, "repeated")
    missing = pc.or_(pc.is_null(source), pc.is_null(target)).to_numpy(zero_copy_only=False)
    if missing.any():
        raise InputError(
            f"row {int(np.flatnonzero(missing)[0]) + 1}: an end of the edge is missing; leave such "
            "rows out."
        )
    accounts = (
        Accounts.of(pc.unique(pa.chunked_array([*_chunks(source), *_chunks(target)])).to_pylist())
        if log is None
        else log.all_accounts
    )
    a, b = (accounts.positions_of(end) for end in (source, target))
    unknown = np.flatnonzero((a < 0) | (b < 0))
    if len(unknown):
        row = int(unknown[0])
        label = (source if a[row] < 0 else target)[row].as_py()
        raise InputError(
            f"row {row + 1}: the account {label!r} is not in the log ({len(unknown):,} such rows); "
            "check that labels are written as they were read."
        )
    loops = np.flatnonzero(a == b)
    if len(loops):
        raise InputError(
            f"row {int(loops[0]) + 1}: the edge joins {accounts[int(a[loops[0]])]!r} with itself "
            f"({len(loops):,} such rows); leave them out."
        )
    for name, values in columns.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise InputError(f"row {row + 1}: {name}={values[row]!r} is not a finite number.")
    key = np.minimum(a, b).astype(np.int64) << 32 | np.maximum(a, b)
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.ones(len(key), bool)
    first[1:] = key[1:] != key[:-1]
    if not first.all() and repeated == "error":
        row = int(order[np.flatnonzero(~first)[0]])
        raise InputError(
            f"row {row + 1}: the pair {source[row].as_py()!r}, {target[row].as_py()!r} stands "
            f"there more than once, in either direction ({int((~first).sum()):,} such rows); say "
            'what their weight is with repeated="sum" or repeated="max".'
        )
    starts = np.flatnonzero(first)
    join = np.add if repeated == "sum" else np.maximum
    edges: dict[str, NDArray[Any]] = {
        "source": (key[starts] >> 32).astype(np.int32),
        "target": (key[starts] & 0xFFFFFFFF).astype(np.int32),
    }
    for name, values in columns.items():
        ordered = np.asarray(values)[order]
        edges[name] = join.reduceat(ordered, starts) if len(starts) else ordered
    if weight is None:
        weight = "weight"
        edges[weight] = np.ones(len(starts), np.int64)
    least = edges[weight].min() if len(starts) else 0
    return CoordinationGraph(accounts, edges, Given(origin), weight, float(least), log)


def _chunks(labels: pa.ChunkedArray | pa.Array) -> list[pa.Array]:
    return labels.chunks if isinstance(labels, pa.ChunkedArray) else [labels]


def from_networkx(
    graph: nx.Graph, weight: str, log: ActionLog | None, repeated: str
) -> CoordinationGraph:
    """Make a graph of a networkx graph; see :meth:`CoordinationGraph.from_networkx`."""
    rows = [(str(u), str(v), data.get(weight, 1)) for u, v, data in graph.edges(data=True)]
    return _from_rows(rows, weight, log, repeated, "a networkx graph")


def from_igraph(
    graph: igraph.Graph, weight: str, log: ActionLog | None, repeated: str
) -> CoordinationGraph:
    """Make a graph of an igraph graph; see :meth:`CoordinationGraph.from_igraph`."""
    attributes = graph.vs.attributes()
    names = graph.vs["name"] if "name" in attributes else range(graph.vcount())
    labels = [str(name) for name in names]
    weights = graph.es[weight] if weight in graph.es.attributes() else [1] * graph.ecount()
    rows = [
        (labels[u], labels[v], w) for (u, v), w in zip(graph.get_edgelist(), weights, strict=True)
    ]
    return _from_rows(rows, weight, log, repeated, "an igraph graph")


def _from_rows(
    rows: Iterable[tuple[str, str, Any]],
    weight: str,
    log: ActionLog | None,
    repeated: str,
    origin: str,
) -> CoordinationGraph:
    source, target, weights = zip(*rows, strict=True) if rows else ((), (), ())
    try:
        numbers = np.array(weights, np.int64 if all(isinstance(w, int) for w in weights) else float)
    except (TypeError, ValueError):
        bad = next(w for w in weights if not isinstance(w, int | float))
        raise InputError(f"{weight}={bad!r} of an edge of {origin} is not a number.") from None
    return from_edges(
        pa.array(source, LABELS), pa.array(target, LABELS), {weight: numbers}, weight, log,
        repeated, origin,
    )  # fmt: skip
