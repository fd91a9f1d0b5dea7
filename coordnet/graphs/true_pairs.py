"""How many pairs of a set truly act together, whatever the set was chosen by."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import ParameterError, check_number, shown
from coordnet.graphs.graph import CoordinationGraph
from coordnet.inference.bounds import null_pairs, true_discoveries


def true_pairs(
    graph: CoordinationGraph,
    pairs: Iterable[tuple[Any, Any]] | None = None,
    alpha: float = 0.05,
) -> int:
    """Return how many of these pairs act together beyond chance, at least.

    With confidence 1 - alpha the bound holds for every set of pairs at once, so that the set may
    be chosen after looking: a cluster, clusters joined by hand, pairs picked by eye. Formula and
    sources: :mod:`coordnet.inference.bounds`.

    Parameters
    ----------
    graph
        A tested graph, whole or after ``keep``.
    pairs
        Pairs of labels of accounts, each counted once; None means all edges of the graph. A pair
        without an edge adds nothing.
    alpha
        One minus the confidence.

    Returns
    -------
    int
        A lower bound of the number of pairs whose null hypothesis is false.

    Examples
    --------
    >>> import coordnet as cn
    >>> sim = cn.simulate("retweet_ring", accounts=1_000, seed=0)
    >>> tested = cn.co_action(sim.log, within="60s", min_weight=2).test()
    >>> ring = sim.truth.groups["ring_12"]
    >>> cn.true_pairs(tested, [(a, b) for a in ring for b in ring if a < b])
    66
    """
    if graph.tested is None:
        raise ParameterError("true_pairs needs tested edges; give graph.test().")
    alpha = check_number(alpha, "alpha", above=0, below=1)
    p_values = graph.edges["p_family"]
    if pairs is not None:
        p_values = p_values[_edges_of(graph, pairs)]
    test = graph.tested
    null = test.null_pairs
    if alpha != test.bound_alpha:
        null = null_pairs(graph.edges["p_family"], test.family_pairs, alpha)
    return true_discoveries(p_values, null, alpha)


def certain_pairs(graph: CoordinationGraph, edges: Any = slice(None)) -> int | None:
    """Return how many of some edges are pairs that truly act together, at least.

    Parameters
    ----------
    graph
        The graph.
    edges
        Their positions, or a slice; all by default.

    Returns
    -------
    int or None
        :func:`true_pairs` at the level of the test; None where the edges were not tested.
    """
    test = graph.tested
    if test is None:
        return None
    return true_discoveries(graph.edges["p_family"][edges], test.null_pairs, test.bound_alpha)


def _edges_of(graph: CoordinationGraph, pairs: Iterable[tuple[Any, Any]]) -> NDArray[np.int64]:
    """Return the edges that join these pairs."""
    if isinstance(pairs, str) or not isinstance(pairs, Iterable):
        raise ParameterError(
            f"pairs={shown(pairs)} is no list of pairs of labels; write [('a', 'b'), ...]."
        )
    given = list(pairs)
    for pair in given:
        if isinstance(pair, str) or not isinstance(pair, Sized) or len(pair) != 2:
            raise ParameterError(
                f"pairs= has {shown(pair)}, which is no pair of labels; write ('a', 'b')."
            )
    names = sorted({str(name) for pair in given for name in pair}, key=str.encode)
    codes = dict(zip(names, graph.all_accounts.codes_of(names).tolist(), strict=True))
    ends = np.array([[codes[str(a)], codes[str(b)]] for a, b in given], np.int64).reshape(-1, 2)
    wanted = ends.min(axis=1) << 32 | ends.max(axis=1)
    keys = graph.edges["source"].astype(np.int64) << 32 | graph.edges["target"]
    return np.flatnonzero(np.isin(keys, wanted))
