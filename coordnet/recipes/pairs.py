"""Pairs of posts on one object within a window: what CooRTweet, the toolkit and others count."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import similarity as kernels
from coordnet.kernels import windows as window_kernels
from coordnet.log.actions import compact
from coordnet.threads import equal_chunks, run_chunks

CHUNKS = 64


class Rows(NamedTuple):
    """Rows sorted by (object, time): what a pair of posts is made of."""

    account: NDArray[np.int32]
    object: NDArray[np.int32]
    time: NDArray[np.int64]
    post: NDArray[np.int32]  # 0 or more
    rank: NDArray[np.int64]  # of two rows of one time the older is that of the lower rank

    def where(self, keep: NDArray[Any]) -> Rows:
        """Return the rows marked, or at these positions."""
        return Rows(*(column[keep] for column in self))


class PostPairs(NamedTuple):
    """Counts of the pairs of posts of each pair of accounts, (n,), sorted."""

    source: NDArray[np.int32]
    target: NDArray[np.int32]
    pairs: NDArray[np.int64]
    apart: NDArray[np.int64]  # sum of the times between the posts of a pair
    older: NDArray[np.int64]  # distinct posts that are the older of a pair
    newer: NDArray[np.int64]
    own: NDArray[np.int64]  # distinct posts of the source in a pair
    others: NDArray[np.int64]
    objects: NDArray[np.int64]

    @property
    def key(self) -> NDArray[np.int64]:
        """One number for each pair of accounts, ascending."""
        return self.source.astype(np.int64) << 32 | self.target


def n_objects(rows: Rows) -> int:
    """Return how many codes of objects there may be."""
    return int(rows.object.max(initial=-1)) + 1


def windows(rows: Rows, window_us: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the window of each row: the positions low..high-1, int32 (n,) each."""
    of_object = np.full(n_objects(rows), window_us, np.int64)
    low, high = window_kernels.window_bounds(rows.object, rows.time, of_object)
    return low, high


class Marks(NamedTuple):
    """Which rows can be a pair: two whose marks together are full."""

    mark: NDArray[np.uint8]
    full: int

    @classmethod
    def none(cls, n: int) -> Marks:
        """Return the marks with which any two of n rows can be a pair."""
        return cls(np.zeros(n, np.uint8), 0)

    def and_one_of(self, good: NDArray[np.bool_]) -> Marks:
        """Return the marks that ask, too, for at least one good row in a pair."""
        bit = self.full + 1
        return Marks(self.mark | np.where(good, bit, 0).astype(np.uint8), self.full | bit)


def rows_in_pairs(rows: Rows, window_us: int, marks: Marks) -> NDArray[np.bool_]:
    """Mark the rows that are in a pair of posts."""
    low, high = windows(rows, window_us)
    found: NDArray[np.bool_] = kernels.has_partner(
        rows.account, rows.post, *marks, low, high
    )  # fmt: skip
    return found


def post_pairs(
    rows: Rows,
    window_us: int,
    n_accounts: int,
    marks: Marks | None = None,
    threads: int | None = None,
) -> PostPairs:
    """Count the pairs of posts of every two accounts: one object, two posts, within the window.

    Parameters
    ----------
    rows
        The rows.
    window_us
        The window, inclusive.
    n_accounts
        How many codes of accounts there are.
    marks
        Which rows can be a pair; None for any two.
    threads
        Number of threads; None means all processors.
    """
    marks = Marks.none(len(rows.account)) if marks is None else marks
    at = np.flatnonzero(rows_in_pairs(rows, window_us, marks))  # the others are in no window either
    rows, marks = rows.where(at), Marks(marks.mark[at], marks.full)
    posts = compact(rows.post, int(rows.post.max(initial=-1)) + 1)[0]
    rows = rows._replace(post=posts, object=compact(rows.object, n_objects(rows))[0])
    low, high = windows(rows, window_us)
    indptr, positions = array_kernels.group_by_code(rows.account, n_accounts)
    work = window_kernels.row_work(indptr, positions, low, high) + 1
    borders = equal_chunks(work, CHUNKS)
    width = 1 + max(int(rows.post.max(initial=0)), int(rows.object.max(initial=0)))
    parts = run_chunks(
        lambda seen, k: kernels.post_pairs(
            *rows, *marks, low, high, indptr, positions, int(borders[k]), int(borders[k + 1]), seen
        ),
        len(borders) - 1,
        threads=threads,
        scratch=lambda: np.full((5, width), -1, np.int64),
        weights=np.add.reduceat(work, borders[:-1]) if len(work) else None,
        label="pairs of posts",
    )
    if not parts:
        none = np.zeros(0, np.int32)
        return PostPairs(none, none, *np.zeros((7, 0), np.int64))
    source, target, sums = (np.concatenate(column) for column in zip(*parts, strict=True))
    return PostPairs(source, target, *np.ascontiguousarray(sums.T))


def pairs_at_places(
    place: NDArray[np.int64], account: NDArray[np.int64], told: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return every two rows at one place: the lower account, the higher one, and what is told.

    Parameters
    ----------
    place
        Where each row is, ascending.
    account
        Its account.
    told
        What is to be known of a pair, by its first row.
    """
    end = np.searchsorted(place, place, side="right")
    later = end - np.arange(len(place)) - 1
    i = np.repeat(np.arange(len(place)), later)
    j = i + 1 + np.arange(len(i)) - np.repeat(np.cumsum(later) - later, later)
    return np.minimum(account[i], account[j]), np.maximum(account[i], account[j]), told[i]
