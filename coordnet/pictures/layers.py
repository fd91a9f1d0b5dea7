"""What carries a cluster: the contribution of each layer, and of each kind of action."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from coordnet.clusters.clusters import Clusters
from coordnet.graphs.true_pairs import certain_pairs
from coordnet.pictures.subject import Scored, clusters_of, number_of, scores_of


@dataclass(frozen=True, eq=False)
class Carriers:
    """What each layer and each kind of action contribute to a cluster.

    Attributes
    ----------
    layers : pyarrow.Table
        One row a layer: ``layer``, ``edges`` (kept ones between members), ``pairs`` (of members),
        ``pairs_at_least`` (that truly act together, with 95 % confidence; null where edges were
        not tested), ``evidence`` (log10, of the group test; null where it was not made),
        ``scored`` (whether the cluster is scored in this layer).
    kinds : pyarrow.Table
        Of the layer that it is scored in, one row a kind of action: ``kind``, ``objects`` (on which
        members act together), ``occasions``, ``log10_evidence`` (summed over objects, so that it
        does not add up to that of the cluster), ``co_actions`` (members' actions within the window
        of another's). Empty where accounts do not meet on objects.
    """

    layers: pa.Table
    kinds: pa.Table

    def table(self) -> pa.Table:
        """Return `layers`."""
        return self.layers


_KINDS = pa.schema(
    {
        "kind": pa.large_string(), "objects": pa.int64(), "occasions": pa.int64(),
        "log10_evidence": pa.float64(), "co_actions": pa.int64(),
    }
)  # fmt: skip


def layers(source: Scored, i: int) -> Carriers:
    """Return what each layer and each kind of action contribute to cluster i.

    Parameters
    ----------
    source
        A run or scores.
    i
        Number of the cluster.
    """
    scores, i = scores_of(source), number_of(source, i)
    return Carriers(_by_layer(clusters_of(scores), i), _by_kind(source, i))


def _by_layer(clusters: Clusters, i: int) -> pa.Table:
    """Return one row a layer."""
    size = int(clusters.sizes[i])
    tests = clusters.group_tests[i] if clusters.group_tests else (None,) * len(clusters.layers)
    rows = []
    for number, (name, layer) in enumerate(
        zip(clusters.layers.names, clusters.layers, strict=True)
    ):
        indptr, edges = clusters.inside(layer)
        own = edges[indptr[i] : indptr[i + 1]]
        group = tests[number]
        rows.append(
            {
                "layer": name,
                "edges": len(own),
                "pairs": size * (size - 1) // 2,
                "pairs_at_least": certain_pairs(layer, own),
                "evidence": None if group is None else float(group.evidence),
                "scored": number == int(clusters.layer_of[i]),
            }
        )
    return pa.Table.from_pylist(rows, _LAYERS)


_LAYERS = pa.schema(
    {
        "layer": pa.string(), "edges": pa.int64(), "pairs": pa.int64(),
        "pairs_at_least": pa.int64(), "evidence": pa.float64(), "scored": pa.bool_(),
    }
)  # fmt: skip


def _by_kind(source: Scored, i: int) -> pa.Table:
    """Return one row a kind of action, the one with most evidence first."""
    scores = scores_of(source)
    view, own = scores.view.part_of(i)
    if not view.graph.relation.on_objects or view.graph.source is None:
        return _KINDS.empty_table()
    found = scores.evidence(i, by="kind", backend="pyarrow")
    log, acts = view.graph_log, view.acts
    mine = slice(*acts.indptr[own : own + 2])
    at = acts.object[mine][view.lags[mine] >= 0]
    counts = np.bincount(log.object_kind[at], minlength=len(log.kinds))
    of_kind = dict(zip(log.kinds, counts.tolist(), strict=True))
    together = [of_kind[kind] for kind in found["kind"].to_pylist()]
    return found.append_column("co_actions", pa.array(together, pa.int64())).cast(_KINDS)
