"""Methods side by side, as :func:`coordnet.compare` says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coordnet.frozen import Frozen
from coordnet.recipes.comparison import Comparison


@dataclass(frozen=True, eq=False)
class Methods(Frozen):
    """What each method finds, and what two have in common.

    Attributes
    ----------
    methods : tuple of str
    edges, accounts, clusters, clustered : int64 (methods,)
        How many edges, accounts with an edge, clusters, accounts in a cluster.
    explained : float64 (methods,)
        Share of the edges that chance explains; NaN where they could not be tested.
    alike : float64 (methods, methods)
        Jaccard index of the edges of two methods; 1 on the diagonal, NaN where neither has any.
    """

    methods: tuple[str, ...]
    edges: NDArray[np.int64]
    accounts: NDArray[np.int64]
    clusters: NDArray[np.int64]
    clustered: NDArray[np.int64]
    explained: NDArray[np.float64]
    alike: NDArray[np.float64]


def method_comparison(result: Comparison) -> Methods:
    """Arrange what :func:`coordnet.compare` gives as arrays.

    Parameters
    ----------
    result
        The comparison.
    """
    table = result.methods
    names = tuple(table["method"].to_pylist())
    counts = {
        name: table[name].to_numpy().astype(np.int64)
        for name in ("edges", "accounts", "clusters", "clustered")
    }
    explained = [np.nan if v is None else v for v in table["explained"].to_pylist()]
    alike = np.eye(len(names))
    for row in result.overlaps.to_pylist():
        a, b = names.index(row["a"]), names.index(row["b"])
        value = np.nan if row["edge_jaccard"] is None else row["edge_jaccard"]
        alike[a, b] = alike[b, a] = value
    return Methods(names, **counts, explained=np.array(explained, float), alike=alike)
