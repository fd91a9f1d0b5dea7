"""Accounts by objects as a sparse matrix: weights of objects, and which rows are alike.

Everything stays sparse: a product of rows is made row by row, and only what is asked for of it is
kept, so that 100,000 accounts cost what their pairs of common actions cost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from coordnet.kernels import similarity as kernels
from coordnet.log.actions import ActionLog
from coordnet.threads import equal_chunks, run_chunks

CHUNKS = 128


class Pairs(NamedTuple):
    """Pairs of rows i < j, sorted: int32 (n,), int32 (n,) and a value of each, float64 (n,)."""

    i: NDArray[np.int32]
    j: NDArray[np.int32]
    value: NDArray[np.float64]

    def where(self, keep: NDArray[np.bool_]) -> Pairs:
        """Return the pairs marked."""
        return Pairs(self.i[keep], self.j[keep], self.value[keep])

    def of(self, codes: NDArray[Any]) -> Pairs:
        """Return the pairs with each row called by its code, codes ascending."""
        return Pairs(
            codes[self.i].astype(np.int32), codes[self.j].astype(np.int32), self.value
        )  # fmt: skip


def counts(log: ActionLog, by_rows: bool = True) -> sp.csr_array:
    """Return how often each account acted on each object: float64, accounts by objects.

    Parameters
    ----------
    log
        The actions.
    by_rows
        Whether rows of the input are counted, so that a repeated row counts again; else actions.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("election", accounts=300, seed=1).log
    >>> counts(log).shape == (len(log.all_accounts), log.n_objects)
    True
    """
    each = log.n_rows.astype(np.float64) if by_rows else np.ones(len(log))
    shape = (len(log.all_accounts), log.n_objects)
    matrix = sp.coo_array((each, (log.account, log.object)), shape=shape).tocsr()
    matrix.sort_indices()
    return matrix


def binary(matrix: sp.csr_array) -> sp.csr_array:
    """Return the matrix with 1 for every entry."""
    return sp.csr_array((np.ones(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape)


def objects_of(matrix: sp.csr_array) -> NDArray[np.int64]:
    """Return how many different objects each account acted on: int64 (accounts,)."""
    objects: NDArray[np.int64] = np.diff(matrix.indptr).astype(np.int64)
    return objects


def accounts_on(matrix: sp.csr_array) -> NDArray[np.int64]:
    """Return how many accounts acted on each object: int64 (objects,)."""
    df: NDArray[np.int64] = np.bincount(matrix.indices, minlength=matrix.shape[1])
    return df


def smooth_idf(n: int, df: NDArray[Any]) -> NDArray[np.float64]:
    """Return the inverse document frequency ln((1 + n) / (1 + df)) + 1.

    As scikit-learn has it by default, with n accounts and df of them on an object.
    """
    idf: NDArray[np.float64] = np.log((1 + n) / (1 + np.asarray(df))) + 1
    return idf


def unit_rows(matrix: sp.csr_array) -> sp.csr_array:
    """Return the rows divided by their lengths; rows without entries stay so."""
    length = np.sqrt(np.asarray((matrix**2).sum(axis=1)).ravel())
    data = matrix.data / np.repeat(length, np.diff(matrix.indptr))
    return sp.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def tf_idf(matrix: sp.csr_array, *, min_df: int = 1, sublinear: bool = False) -> sp.csr_array:
    """Return unit rows of TF-IDF.

    Parameters
    ----------
    matrix
        How often each account (row) acted on each object.
    min_df
        Objects of fewer accounts are left out.
    sublinear
        Whether the term frequency is 1 + ln(count), not the count.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> rows = tf_idf(sp.csr_array(np.array([[1.0, 1.0], [0.0, 1.0]])))
    >>> rows.toarray().round(3).tolist()
    [[0.815, 0.58], [0.0, 1.0]]
    """
    df = accounts_on(matrix)
    enough = df >= min_df
    kept = matrix if enough.all() else matrix[:, np.flatnonzero(enough)]
    data = 1 + np.log(kept.data) if sublinear else kept.data
    data = data * smooth_idf(matrix.shape[0], df[enough])[kept.indices]
    return unit_rows(sp.csr_array((data, kept.indices, kept.indptr), shape=kept.shape))


class _Sides(NamedTuple):
    """A matrix by rows and by columns, as the kernels take it."""

    indptr: NDArray[np.int64]
    columns: NDArray[np.int32]
    values: NDArray[np.float64]
    by_column: NDArray[np.int64]
    rows: NDArray[np.int32]
    row_values: NDArray[np.float64]

    @classmethod
    def of(cls, matrix: sp.csr_array) -> _Sides:
        other = matrix.tocsc()
        return cls(
            matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32),
            matrix.data.astype(np.float64), other.indptr.astype(np.int64),
            other.indices.astype(np.int32), other.data.astype(np.float64),
        )  # fmt: skip

    @property
    def work(self) -> NDArray[np.int64]:
        """Entries that the product of each row walks."""
        steps = np.concatenate([[0], np.cumsum(np.diff(self.by_column)[self.columns])])
        work: NDArray[np.int64] = steps[self.indptr[1:]] - steps[self.indptr[:-1]]
        return work


def products(matrix: sp.csr_array, above: float = 0.0, threads: int | None = None) -> Pairs:
    """Return the products of all pairs of rows that are more than `above`.

    Parameters
    ----------
    matrix
        Rows without negative entries; of unit rows the products are cosines.
    above
        Products of at most this are left out.
    threads
        Number of threads; None means all processors.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> found = products(sp.csr_array(np.array([[1.0, 2.0], [3.0, 0.0], [0.0, 5.0]])))
    >>> list(zip(found.i.tolist(), found.j.tolist(), found.value.tolist()))
    [(0, 1, 3.0), (0, 2, 10.0)]
    """
    return _by_rows(kernels.row_products, matrix, above, threads)


def top_products(matrix: sp.csr_array, top: int, threads: int | None = None) -> Pairs:
    """Return the pairs i < j of which j is among the `top` largest products of row i.

    A row's product with itself is one of them, as in the code of Pacheco et al. (2021).
    """
    found = _by_rows(kernels.top_products, matrix, top, threads)
    return found.where(found.i < found.j)


def _by_rows(
    kernel: Callable[..., Any], matrix: sp.csr_array, bound: float, threads: int | None
) -> Pairs:
    """Run a kernel over all rows, in chunks of equal work."""
    n = matrix.shape[0]
    sides = _Sides.of(matrix)
    work = sides.work + 1
    borders = equal_chunks(work, CHUNKS)
    parts = run_chunks(
        lambda total, k: kernel(*sides, int(borders[k]), int(borders[k + 1]), bound, total),
        len(borders) - 1,
        threads=threads,
        scratch=lambda: np.zeros(n),
        weights=np.add.reduceat(work, borders[:-1]) if n else None,
        label="similarity of accounts",
    )
    if not n:
        return Pairs(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0))
    return Pairs(*(np.concatenate(column) for column in zip(*parts, strict=True)))
