"""The accounts that clusters are compared in, and what they did: members, and who was drawn.

A score looks at members and at random sets of other accounts, and at nobody else. So of a log only
the actions of these accounts are read, through the order of its actions by account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordnet.disk import SLICE, in_pieces, looked_up
from coordnet.frames import frozen
from coordnet.log.account_order import rows_of, run_accounts, stretches
from coordnet.log.actions import ActionLog
from coordnet.scores.reference import Sets

Counts = NDArray[np.int64]


class Piece(NamedTuple):
    """Some of the accounts drawn, with all of their actions.

    Attributes
    ----------
    accounts : slice
        Places of the accounts.
    actions : slice
        Of the actions of :class:`Drawn`.
    starts : int64
        Where the actions of each of these accounts begin, among those of the piece.
    place : int32
        The account of each action, counted from the first of the piece.
    """

    accounts: slice
    actions: slice
    starts: Counts
    place: NDArray[np.int32]


class Drawn:
    """Some accounts of a log, and their actions, account by account.

    An account is known by its place among them.

    Parameters
    ----------
    log
        The log.
    codes
        The accounts, ascending, all of which act: int32 (accounts,).

    Attributes
    ----------
    starts : int64 (accounts + 1,)
        Where the actions of each account begin.
    positions : int32 (actions,)
        Their positions in the log, ascending for each account.
    """

    def __init__(self, log: ActionLog, codes: NDArray[np.int32]) -> None:
        self.log, self.codes = log, codes
        indptr, positions = log.by_account
        first = indptr[codes]
        self.starts: Counts = frozen(np.append(0, np.cumsum(indptr[codes + 1] - first)))
        if self.starts[-1] < len(log):
            (positions,) = in_pieces(
                int(self.starts[-1]), [np.int32],
                lambda here: [positions[rows_of(first, self.starts, here)]],
            )  # fmt: skip
        self.positions: NDArray[np.int32] = frozen(positions)

    def __len__(self) -> int:
        return len(self.codes)

    def of(self, column: NDArray[Any]) -> NDArray[Any]:
        """Return the values of a column of the log at their actions."""
        return looked_up(column, self.positions)

    @property
    def account(self) -> NDArray[np.int32]:
        """The place of the account of each action: int32 (actions,)."""
        return run_accounts(self.starts)

    @cached_property
    def _place(self) -> NDArray[np.int32]:
        """The place of each of these accounts, by its code."""
        return self.spread(np.arange(len(self), dtype=np.int32))

    def placed(self, sets: Sets) -> Sets:
        """Return sets of these accounts by their places."""
        return Sets(sets.indptr, self._place[sets.codes])

    def pieces(self) -> Iterator[Piece]:
        """Yield the accounts with their actions, a million actions or so at a time."""
        for first, last in stretches(self.starts, SLICE):
            starts = self.starts[first : last + 1]
            place = np.repeat(np.arange(last - first, dtype=np.int32), np.diff(starts))
            actions = slice(int(starts[0]), int(starts[-1]))
            yield Piece(slice(first, last), actions, starts - starts[0], frozen(place))

    def times(self, piece: Piece) -> Counts:
        """Return the times of the actions of a piece."""
        times: Counts = self.log.time[self.positions[piece.actions]]
        return times

    def each(self, value: Callable[[Piece], NDArray[Any]], kind: Any, *more: int) -> NDArray[Any]:
        """Return a value, or a row of values, of each account: (accounts, *more).

        Parameters
        ----------
        value
            Gives those of the accounts of a piece.
        kind
            The type of the values.
        *more
            The shape of a row.
        """
        found = np.zeros((len(self), *more), kind)
        for piece in self.pieces():
            found[piece.accounts] = value(piece)
        return found

    def spread(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values of these accounts by code, zeros of all others."""
        found = np.zeros(len(self.log.all_accounts), values.dtype)
        found[self.codes] = values
        return found
