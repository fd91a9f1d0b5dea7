"""coordinationz (Silva et al.): cosine of weighted common objects, against drawn accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from coordnet.errors import check_number, check_seed, check_whole, one_of
from coordnet.graphs.bipartite import (
    Pairs,
    accounts_on,
    counts,
    objects_of,
    products,
    unit_rows,
)
from coordnet.graphs.graph import CoordinationGraph
from coordnet.kernels import similarity as kernels
from coordnet.log.actions import ActionLog, check_log
from coordnet.recipes.recipe import made, recipe
from coordnet.threads import run_chunks

#: inverse document frequencies: of n accounts, df of them on an object
IDF: Mapping[str, Callable[[int, NDArray[Any]], NDArray[np.float64]]] = MappingProxyType(
    {
        "none": lambda n, df: np.ones(len(df)),
        "linear": lambda n, df: n / df,
        "smoothlinear": lambda n, df: (n + 1) / (df + 1),
        "log": lambda n, df: np.log(n / df),
        "smoothlog": lambda n, df: np.log(n / df + 1),
    }
)
SHUFFLES = 100  # of the estimate of the weights, as in the package
ALIKE = 20  # objects that stand for all of one number of rows
FEWEST = 200  # accounts that are drawn of each number of rows, or more
ROWS = 200_000  # rows that the accounts of one number may take together
BATCH = 10  # hundredths of these that one task does


def _weights(idf: str, n: int, df: NDArray[Any]) -> NDArray[np.float64]:
    """Return the weight of each object, 0 for those that no account acted on."""
    weights = np.zeros(len(df))
    some = df > 0
    weights[some] = IDF[idf](n, df[some])
    return weights


def chances(
    matrix: sp.csr_array,
    pairs: Pairs,
    idf: str,
    realizations: int,
    seed: int = 0,
    threads: int | None = None,
) -> NDArray[np.float64]:
    """Return the Monte-Carlo p-value of each pair: float64 (n,).

    Both accounts of a pair draw as many rows as they have, from all rows, with replacement (the
    package draws without where there are enough); the weights of objects are their means over
    shuffles of accounts over rows. Of two numbers of rows that differ each realisation gives four
    cosines, of equal ones one, as the package has two accounts of each.

        p = (cosines that are at least the pair's + 1) / (cosines + 1)

    The package draws every account anew for each realisation. Here an account of the smaller number
    meets several partners, the more the more rows it has, and partners are drawn only as far as
    they can matter: see :func:`coordnet.kernels.similarity.drawn_cosines`.

    Parameters
    ----------
    matrix
        Rows of each account on each object, accounts that take part only.
    pairs
        The pairs, values their similarities.
    idf
        As in :func:`coordinationz`.
    realizations
        How many.
    seed
        The only source of randomness.
    threads
        Number of threads; None means all processors. It changes no byte of the result.
    """
    by_object = matrix.tocsc()
    rows = by_object.data.astype(np.int64)
    pool = np.repeat(
        np.repeat(np.arange(matrix.shape[1], dtype=np.int32), np.diff(by_object.indptr)), rows
    )
    account = np.repeat(by_object.indices.astype(np.int32), rows)
    weight = _expected_weights(account, pool, matrix.shape, idf, seed, threads)
    share = np.bincount(pool, minlength=matrix.shape[1]) / len(pool)
    acted = np.asarray(matrix.sum(axis=1)).ravel().astype(np.int64)
    low = np.minimum(acted[pairs.i], acted[pairs.j])
    high = np.maximum(acted[pairs.i], acted[pairs.j])
    order = np.lexsort((pairs.value, high, low))
    low, high = low[order], high[order]
    bound = pairs.value[order] * (1 - 1e-12)  # a cosine that is equal but for rounding reaches it
    new = np.flatnonzero(np.diff(low << 32 | high, prepend=-1))
    bounds = np.append(new, len(order))  # of each pair of degrees
    degree, first = np.unique(low[new], return_index=True)
    firsts = np.append(first, len(new))
    accounts = [min(2 * realizations, max(FEWEST, ROWS // int(d))) for d in degree]
    reached = np.zeros(len(order), np.int64)
    total = np.zeros(len(order), np.int64)
    tasks = []
    for d in range(len(degree)):
        own = slice(int(firsts[d]), int(firsts[d + 1]))
        others = high[new[own]]
        wanted = realizations * np.where(others == degree[d], 1, 4)
        draws = -(-wanted // accounts[d])
        begin, end = int(bounds[own.start]), int(bounds[own.stop])
        inside = bounds[own.start : own.stop + 1] - begin
        total[begin:end] = np.repeat(draws * accounts[d], np.diff(inside))
        chunk = max(BATCH * ROWS // (100 * int(degree[d])), 1)
        tasks += [
            (int(degree[d]), others, inside, begin, end, draws, a, min(a + chunk, accounts[d]))
            for a in range(0, accounts[d], chunk)
        ]
    least_weight = float(weight[share > 0].min())

    def run(_: None, k: int) -> tuple[int, int, NDArray[np.int64]]:
        own, others, inside, begin, end, draws, one, last = tasks[k]
        found = np.zeros(end - begin, np.int64)
        kernels.drawn_cosines(
            pool, weight, share, least_weight, own, others, inside, bound[begin:end], draws,
            seed + 1_000_003 * own, one, last, found,
        )  # fmt: skip
        return begin, end, found

    for begin, end, found in run_chunks(run, len(tasks), threads=threads, label="null model"):
        reached[begin:end] += found
    p = np.empty(len(order))
    p[order] = (reached + 1) / (total + 1)
    return p


def _expected_weights(
    account: NDArray[np.int32],
    pool: NDArray[np.int32],
    shape: tuple[int, int],
    idf: str,
    seed: int,
    threads: int | None,
) -> NDArray[np.float64]:
    """Return the mean weight of each object over shuffles of accounts over rows.

    Objects of one number of rows have one distribution: a few of them stand for all.
    """
    n, n_objects = shape
    rows = np.bincount(pool, minlength=n_objects)
    same, at, many = np.unique(rows, return_inverse=True, return_counts=True)
    of_each = np.where(same > 1, np.minimum(many, ALIKE), np.minimum(many, 1))
    size = np.repeat(same, of_each)
    starts = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    group = np.repeat(np.arange(len(same)), of_each)

    def shuffled(_: None, k: int) -> NDArray[np.float64]:
        df = kernels.distinct_when_shuffled(account, starts, n, seed, k)
        return np.bincount(group, _weights(idf, n, df), len(same)).astype(np.float64)

    sums = run_chunks(shuffled, SHUFFLES, threads=threads, label="weights of objects")
    mean: NDArray[np.float64] = np.sum(sums, axis=0) / (SHUFFLES * np.maximum(of_each, 1))
    return mean[at]


@recipe(
    "Silva, F. N., Pote, M., Yin, L., Axelrod, D., Luceri, L. & Balasubramanian, A. coordinationz: "
    "coordination networks against a null model (Python package, version 0.2.2)."
)
def coordinationz(
    log: ActionLog,
    min_degree: int = 10,
    min_similarity: float = 0.3,
    idf: str = "smoothlog",
    realizations: int = 0,
    *,
    min_item_degree: int = 1,
    pvalue_threshold: float = 0.01,
    merge: str = "product",
    seed: int = 0,
    threads: int | None = None,
) -> CoordinationGraph:
    """coordinationz: cosine of the objects in common, and its chance under drawn accounts.

    Each kind of the log is an indicator of its own:

    1. Objects of fewer than `min_item_degree` accounts go, then accounts on fewer than `min_degree`
       different objects.
    2. The vector of an account has, for each object, its rows on it times the object's weight,
       "smoothlog": ln(n / df + 1), of n accounts and df different ones on the object.
    3. Pairs with a cosine above `min_similarity` are edges.
    4. With `realizations`, the p-value of a pair comes of accounts with as many rows that draw
       their objects from all rows (``coordnet.recipes.silva_2024.chances``). Edges with a
       p-value below `pvalue_threshold` stay. There is no correction for the number of pairs.
    5. Indicators are merged: similarities by their mean and p-values by their product, or both by
       their maximum.

    Parameters
    ----------
    log
        The actions. Repeated rows count.
    min_degree
        Least number of different objects of an account.
    min_similarity
        A similarity must exceed it.
    idf
        ``"smoothlog"``, ``"log"``, ``"smoothlinear"``, ``"linear"`` or ``"none"``.
    realizations
        Realisations of the null model; 0 for none. The package's configuration has 100,000.
    min_item_degree
        Least number of different accounts of an object.
    pvalue_threshold
        See above; 1 keeps all.
    merge
        ``"product"`` or ``"max"``.
    seed
        The only source of randomness.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    CoordinationGraph
        With edge columns ``similarity`` and, with realisations, ``pvalue``.

    References
    ----------
    Silva, F. N., Pote, M., Yin, L., Axelrod, D., Luceri, L. & Balasubramanian, A. coordinationz
    (Python package, version 0.2.2).

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> cn.recipes.coordinationz(log, min_degree=5).weight
    'similarity'
    """
    check_log(log)
    min_degree = check_whole(min_degree, "min_degree", 1)
    min_similarity = check_number(min_similarity, "min_similarity", at_least=0, at_most=1)
    one_of(idf, IDF, "idf")
    one_of(merge, ("product", "max"), "merge")
    realizations = check_whole(realizations, "realizations", 0)
    min_item_degree = check_whole(min_item_degree, "min_item_degree", 1)
    pvalue_threshold = check_number(pvalue_threshold, "pvalue_threshold", above=0, at_most=1)
    seed = check_seed(seed)
    every = counts(log)
    layers: list[tuple[Pairs, NDArray[np.float64] | None]] = []
    for kind in range(len(log.kinds)):
        matrix = every[:, np.flatnonzero(log.object_kind == kind)]
        if min_item_degree > 1:
            matrix = matrix[:, np.flatnonzero(accounts_on(matrix) >= min_item_degree)]
        chosen = np.flatnonzero(objects_of(matrix) >= min_degree)
        matrix = matrix[chosen]
        weights = _weights(idf, len(chosen), accounts_on(matrix))
        data = matrix.data * weights[matrix.indices]
        weighted = sp.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
        found = products(unit_rows(weighted), min_similarity, threads)
        p = None
        if realizations:
            p = np.zeros(0)
            if len(found.i):
                p = chances(matrix, found, idf, realizations, seed, threads)
                low = p < pvalue_threshold if pvalue_threshold < 1 else np.ones(len(p), bool)
                found, p = found.where(low), p[low]
        layers.append((found.of(chosen), p))
    edges = _merged(layers, merge)
    parameters = {
        "min_degree": min_degree, "min_similarity": min_similarity, "idf": idf,
        "realizations": realizations, "min_item_degree": min_item_degree,
        "pvalue_threshold": pvalue_threshold, "merge": merge, "seed": seed,
    }  # fmt: skip
    return made(log, coordinationz, edges, weight="similarity", parameters=parameters)


def _merged(
    layers: list[tuple[Pairs, NDArray[np.float64] | None]], merge: str
) -> dict[str, NDArray[Any]]:
    """Return the edges of all indicators as one: similarities and p-values joined."""
    keys = [found.i.astype(np.int64) << 32 | found.j for found, _ in layers]
    every, at = np.unique(np.concatenate([np.zeros(0, np.int64), *keys]), return_inverse=True)
    joins = {"product": np.multiply, "max": np.maximum}
    values = np.concatenate([np.zeros(0), *(found.value for found, _ in layers)])
    if merge == "max":
        similarity = np.zeros(len(every))
        np.maximum.at(similarity, at, values)
    else:
        similarity = np.bincount(at, values, len(every)) / np.bincount(at, minlength=len(every))
    edges: dict[str, NDArray[Any]] = {
        "source": every >> 32, "target": every & 0xFFFFFFFF, "similarity": similarity
    }  # fmt: skip
    if any(p is not None for _, p in layers):
        edges["pvalue"] = np.full(len(every), 1.0 if merge == "product" else 0.0)
        joins[merge].at(
            edges["pvalue"], at, np.concatenate([p for _, p in layers if p is not None])
        )
    return edges
