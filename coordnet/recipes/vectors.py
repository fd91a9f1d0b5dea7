"""Posts that are alike by vectors that the caller gives: block by block, never all at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coordnet.errors import InputError
from coordnet.log.actions import ActionLog

BLOCK = 1024


class SimilarPosts(NamedTuple):
    """Pairs of posts of two accounts, source < target, with their cosine."""

    source: NDArray[np.int32]
    target: NDArray[np.int32]
    own: NDArray[np.int64]  # the action of the source, a position in the log
    others: NDArray[np.int64]
    value: NDArray[np.float64]


def unit_vectors(log: ActionLog, embeddings: ArrayLike) -> NDArray[np.float64]:
    """Return vectors of length one, one for each action, after a check; 0 stays 0.

    Raises
    ------
    InputError
        Where there is not one vector of numbers for each action.
    """
    vectors = np.asarray(embeddings, np.float64)
    if vectors.ndim != 2 or len(vectors) != len(log):
        raise InputError(
            f"embeddings= has the shape {vectors.shape}, and the log has {len(log):,} actions; "
            "give one row of numbers for each action, in the order of the log (log.to_frame())."
        )
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise InputError(f"embeddings= has a value that is not finite in row {int(bad[0])}.")
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float64] = vectors / np.where(length > 0, length, 1)
    return unit


def similar_posts(
    log: ActionLog,
    embeddings: ArrayLike,
    least: float,
    moment: NDArray[np.int64],
    apart: int,
    keep: NDArray[np.bool_] | None = None,
    strict: bool = False,
) -> SimilarPosts:
    """Find the pairs of posts of two accounts, at most `apart` in time, with cosine `least`.

    Parameters
    ----------
    log
        The actions, one a post.
    embeddings
        One row for each action, in the order of the log.
    least
        Least cosine.
    moment
        int64 (n,): when each post was, in whatever unit.
    apart
        The largest difference of moments, inclusive.
    keep
        Posts that take part; None for all.
    strict
        Whether a cosine must exceed `least`.
    """
    unit = unit_vectors(log, embeddings)
    order = np.argsort(moment, kind="stable")
    if keep is not None:
        order = order[keep[order]]
    times, unit, account = moment[order], unit[order], log.account[order]
    end = np.searchsorted(times, times + apart, side="right")
    parts = []
    for first in range(0, len(order), BLOCK):
        last = min(first + BLOCK, len(order))
        reach = int(end[last - 1])
        for start in range(first, reach, 8 * BLOCK):
            stop = min(start + 8 * BLOCK, reach)
            cosines = unit[first:last] @ unit[start:stop].T
            i, j = np.nonzero(cosines > least if strict else cosines >= least - 1e-12)
            value = np.clip(cosines[i, j], -1.0, 1.0)
            i, j = i + first, j + start
            fits = (j > i) & (j < end[i]) & (account[i] != account[j])
            parts.append((i[fits], j[fits], value[fits]))
    none = np.zeros(0, np.int64)
    i, j, value = (
        np.concatenate(column) for column in zip(*parts or [(none, none, np.zeros(0))], strict=True)
    )
    i, j = order[i], order[j]
    swap = log.account[i] > log.account[j]
    i, j = np.where(swap, j, i), np.where(swap, i, j)
    return SimilarPosts(log.account[i], log.account[j], i, j, value)
