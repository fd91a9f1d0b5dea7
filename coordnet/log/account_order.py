"""The actions of a log account by account, and the objects of each account, each once.

Both depend on no window. They are made in memory, or where that is limited piece by piece on disk;
a store has them among its files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordnet.disk import SLICE, in_pieces, linear_on_disk, on_disk, release
from coordnet.frames import frozen
from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import shared_objects as shared_kernels

PLACED = 1 << 24  # positions that are placed at a time: 64 MB


class AccountRuns(NamedTuple):
    """The objects of each account, each once; what the kernel ``account_runs`` returns, frozen."""

    starts: NDArray[np.int64]  # (accounts + 1,)
    objects: NDArray[np.int32]  # (runs,), ascending inside an account
    first: NDArray[np.int32]  # (runs + 1,), where the account's actions on it begin


def starts_of(code: NDArray[np.int32], n_codes: int) -> NDArray[np.int64]:
    """Return where each code would begin if they were grouped: int64 (n_codes + 1,)."""
    code, starts = frozen(code), np.zeros(n_codes + 1, np.int64)
    for begin in range(0, len(code), SLICE):
        array_kernels.count_codes(code[begin : begin + SLICE], starts[1:])
    release(code)
    np.cumsum(starts, out=starts)
    return starts


def grouped(code: NDArray[np.int32], n_codes: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Group positions by their code, as the kernel ``group_by_code`` does, where they have room.

    Parameters
    ----------
    code
        int32 (n,), each in [0, n_codes).
    n_codes
        Number of groups.

    Returns
    -------
    indptr : int64 (n_codes + 1,)
    positions : int32 (n,)

    Cost: O(n + n_codes), and on disk a look at all codes for each stretch of PLACED positions.
    """
    if not linear_on_disk(len(code)):
        indptr, positions = array_kernels.group_by_code(code, n_codes)
        return indptr, positions
    indptr, positions = starts_of(code, n_codes), on_disk(len(code), np.int32)
    place = 0
    for placed in placed_in_pieces(code, indptr):
        positions[place : place + len(placed)] = placed
        place += len(placed)
        release(positions)
    return indptr, positions


def placed_in_pieces(
    code: NDArray[np.int32], indptr: NDArray[np.int64]
) -> Iterator[NDArray[np.int32]]:
    """Yield the positions of the codes, grouped, for one stretch of the codes after the other.

    Parameters
    ----------
    code
        int32 (n,).
    indptr
        Where each code begins, from :func:`starts_of`.
    """
    code = frozen(code)
    for first, last in stretches(indptr, PLACED):
        placed = np.empty(indptr[last] - indptr[first], np.int32)
        following = indptr[first:last] - indptr[first]
        for begin in range(0, len(code), SLICE):
            array_kernels.place_codes(code[begin : begin + SLICE], begin, first, following, placed)
            release(code)
        yield placed


def stretches(indptr: NDArray[np.int64], most: int) -> Iterator[tuple[int, int]]:
    """Yield stretches first..last-1 of groups with up to so many positions, or of one group."""
    first, n = 0, len(indptr) - 1
    while first < n:
        last = int(np.searchsorted(indptr, indptr[first] + most, side="right")) - 1
        last = min(max(last, first + 1), n)
        yield first, last
        first = last


def account_runs(
    indptr: NDArray[np.int64], positions: NDArray[np.int32], object_: NDArray[np.int32]
) -> AccountRuns:
    """List the objects of each account, each once.

    Parameters
    ----------
    indptr, positions
        Each account's actions, in order of their objects.
    object_
        int32 (n,).
    """
    n = len(positions)
    if not linear_on_disk(n):
        found = shared_kernels.account_runs(indptr, positions, object_)
        return AccountRuns(*map(frozen, found))
    starts = np.zeros(len(indptr), np.int64)
    objects, first = on_disk(n, np.int32), on_disk(n + 1, np.int32)
    runs = account = 0
    for piece in runs_in_pieces(indptr, positions, object_):
        many = len(piece.objects)
        starts[account + 1 : account + len(piece.starts)] = piece.starts[1:]
        objects[runs : runs + many] = piece.objects
        first[runs : runs + many] = piece.first[:-1]
        account += len(piece.starts) - 1
        runs += many
        release(objects, first)
    first[runs] = n
    return AccountRuns(frozen(starts), frozen(objects[:runs]), frozen(first[: runs + 1]))


def runs_in_pieces(
    indptr: NDArray[np.int64], positions: NDArray[np.int32], object_: NDArray[np.int32]
) -> Iterator[AccountRuns]:
    """Yield the runs of one stretch of accounts after the other, as parts of the whole.

    So the first of `starts` is where the stretch begins, and the last of `first` where it ends.

    Parameters
    ----------
    indptr, positions, object_
        As in :func:`account_runs`.
    """
    runs = 0
    for u, end in stretches(indptr, SLICE):
        begin = indptr[u]
        starts, objects, first = shared_kernels.account_runs(
            indptr[u : end + 1] - begin, positions[begin : indptr[end]], object_
        )
        yield AccountRuns(starts + runs, objects, first + np.int32(begin))
        runs += len(objects)
        release(positions)
    release(object_)


def run_accounts(starts: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the account of each run: int32 (runs,).

    Parameters
    ----------
    starts
        Where the runs of each account begin: int64 (accounts + 1,).
    """

    def piece(here: slice) -> list[NDArray[np.int32]]:
        ends = [here.start, max(here.stop - 1, here.start)]
        first, last = (int(u) for u in np.searchsorted(starts[1:], ends, side="right"))
        count = np.diff(starts[first : last + 2].clip(here.start, here.stop))
        return [np.repeat(np.arange(first, first + len(count), dtype=np.int32), count)]

    (accounts,) = in_pieces(int(starts[-1]), [np.int32], piece)
    return accounts


def rows_of(first: NDArray[np.int64], starts: NDArray[np.int64], here: slice) -> NDArray[np.int64]:
    """Return which rows stand in a slice of groups that are put one after the other.

    Parameters
    ----------
    first
        Where the rows of each group begin.
    starts
        Where each group begins in what they are put into.
    here
        Of the latter.
    """
    if here.start >= here.stop:
        return np.zeros(0, np.int64)
    a, b = (int(x) for x in np.searchsorted(starts, (here.start, here.stop - 1), side="right"))
    count = np.diff(starts[a - 1 : b + 1].clip(here.start, here.stop))
    rows: NDArray[np.int64] = np.arange(here.start, here.stop) + np.repeat(
        first[a - 1 : b] - starts[a - 1 : b], count
    )
    return rows
