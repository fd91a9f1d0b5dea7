"""The bipartite configuration model (Saracco et al. 2017): pairs that share too many objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from coordnet.errors import check_number, check_whole, one_of
from coordnet.graphs.backbones import Kept, backbone
from coordnet.graphs.bipartite import Pairs, accounts_on, binary, counts, objects_of, products
from coordnet.inference.correction import adjusted
from coordnet.kernels import tails

if TYPE_CHECKING:
    from coordnet.graphs.graph import CoordinationGraph

DISTRIBUTIONS = ("poisson", "poisson_binomial")


def fitnesses(
    rows: NDArray[Any], columns: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the fitnesses x, y of a bipartite configuration model with these degrees.

    The link of i and o has the chance x_i y_o / (1 + x_i y_o), and these add up, over o and over i,
    to the degrees. Nodes of one degree have one fitness, so it is solved over distinct degrees, by
    the fixed-point iteration of Vallarano et al. (2021).

    Parameters
    ----------
    rows, columns
        Degrees, 1 or more.

    Examples
    --------
    >>> x, y = fitnesses(np.array([2, 1]), np.array([1, 1, 1]))
    >>> chance = x[:, None] * y / (1 + x[:, None] * y)
    >>> chance.sum(axis=1).round(6).tolist()
    [2.0, 1.0]
    """
    if not len(rows):
        return np.zeros(0), np.zeros(0)
    (k, n_k), (h, n_h) = (np.unique(d, return_counts=True) for d in (rows, columns))
    x, y = k / np.sqrt(rows.sum()), h / np.sqrt(rows.sum())
    for _ in range(10_000):
        before = x
        x = k / ((n_h * y) / (1 + x[:, None] * y)).sum(axis=1)
        y = h / ((n_k * x) / (1 + y[:, None] * x)).sum(axis=1)
        if np.abs(x / before - 1).max() < 1e-12:
            break
    return x[np.searchsorted(k, rows)], y[np.searchsorted(h, columns)]


def p_values(
    matrix: sp.csr_array, distribution: str = "poisson", threads: int | None = None
) -> tuple[Pairs, NDArray[np.float64]]:
    """Return the pairs of rows that share a column, with what they share, and their p-values.

    A row of the matrix is an account, its entries are 1. Under the model the number of shared
    columns is a sum of independent trials with chances p_io p_jo: by the Poisson tail with their
    sum as the mean, or exactly, Poisson-binomial. Both depend on the degrees of the rows alone.

    Parameters
    ----------
    matrix
        Accounts by objects, every row and column with an entry.
    distribution
        ``"poisson"`` or ``"poisson_binomial"``.
    threads
        Number of threads; None means all processors.
    """
    from scipy import stats

    pairs = products(matrix, 0.0, threads)
    rows, columns = objects_of(matrix), accounts_on(matrix)
    x, y = fitnesses(rows, columns)
    degree, one, at = np.unique(rows, return_index=True, return_inverse=True)
    _, other, count = np.unique(columns, return_index=True, return_counts=True)
    product = x[one][:, None] * y[other]
    chance = product / (1 + product)
    shared = np.rint(pairs.value).astype(np.int64)
    if distribution == "poisson":
        mean = (chance * count) @ chance.T
        return pairs, stats.poisson.sf(shared - 1, mean[at[pairs.i], at[pairs.j]])
    low = np.minimum(at[pairs.i], at[pairs.j]).astype(np.int64)
    high = np.maximum(at[pairs.i], at[pairs.j])
    key = (low * len(degree) + high) << 32 | shared
    every, place = np.unique(key, return_inverse=True)
    states = np.empty(int(shared.max(initial=0)) + 1)
    p = np.empty(len(every))
    for k, (both, least) in enumerate(zip((every >> 32).tolist(), every & 0xFFFFFFFF, strict=True)):
        a, b = divmod(both, len(degree))
        chances = np.repeat(chance[a] * chance[b], count)
        p[k] = np.exp(tails.log_poisson_binomial_tail(int(least), chances, len(chances), states))
    return pairs, p[place]


@backbone("bicm")
def bicm(
    graph: CoordinationGraph, level: float = 0.05, min_actions: int = 1,
    distribution: str = "poisson",
) -> Kept:  # fmt: skip
    """Keep the edges whose ends share more objects than the configuration model explains.

    See :func:`p_values`: the objects are those of the graph's log, whenever the two acted on them.
    The false discovery rate (Benjamini-Hochberg) is over all pairs of the accounts that take part.
    Saracco, F. et al. (2017), New Journal of Physics 19, 053022.

    Parameters
    ----------
    graph
        A graph with a log.
    level
        The false discovery rate.
    min_actions
        Accounts of fewer actions take no part; their edges go.
    distribution
        ``"poisson"`` or ``"poisson_binomial"``.
    """
    level = check_number(level, "level", above=0, at_most=1)
    least = check_whole(min_actions, "min_actions", 1)
    one_of(distribution, DISTRIBUTIONS, "distribution")
    matrix = counts(graph.log)
    chosen = np.flatnonzero(np.asarray(matrix.sum(axis=1)).ravel() >= least)
    matrix = binary(matrix[chosen])
    matrix = matrix[:, np.flatnonzero(accounts_on(matrix) >= 2)]
    some = np.flatnonzero(objects_of(matrix) > 0)
    chosen, matrix = chosen[some], matrix[some]
    pairs, p = p_values(matrix, distribution)
    pairs = pairs.of(chosen)
    q = adjusted(p, len(chosen) * (len(chosen) - 1) // 2)
    keys = pairs.i.astype(np.int64) << 32 | pairs.j
    own = graph.edges["source"].astype(np.int64) << 32 | graph.edges["target"]
    at = np.minimum(np.searchsorted(keys, own), max(len(keys) - 1, 0))
    there = keys[at] == own if len(keys) else np.zeros(len(own), bool)
    columns = {"bicm_p": np.ones(len(own)), "bicm_q": np.ones(len(own))}
    columns["bicm_p"][there], columns["bicm_q"][there] = p[at[there]], q[at[there]]
    return Kept(columns["bicm_q"] <= level, columns)
