"""Edges on one machine, a pair of account blocks at a time: memory for two blocks and no more."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordnet.blocks.blocks import block_of
from coordnet.blocks.edges import Actions, counting_of, edges_between, made_from_blocks, tasks_of
from coordnet.disk import SLICE, made_in_parts, on_disk, release
from coordnet.engine import Columns
from coordnet.graphs.co_action import COLUMNS, EDGE_BYTES, EdgeRows
from coordnet.graphs.relation import Relation
from coordnet.log.actions import ActionLog
from coordnet.memory import memory_budget, stays_in_memory, unlimited

TYPES = ("i4", *EdgeRows.of(both=False))
ACTION_BYTES = 48  # that an action takes while its edges are made
MOST_BLOCKS = 64  # those of a store
SHARE = 0.5  # of the memory, for the actions of a task; the rest is for its edges


class AccountBlocks:
    """Makes the edges of co-action graphs block by block.

    Parameters
    ----------
    n_blocks
        A power of two up to 64; None takes as many as the memory asks for.
    threads
        Number of threads; None means all processors.
    """

    def __init__(self, n_blocks: int | None = None, threads: int | None = None) -> None:
        self.n_blocks, self.threads = n_blocks, threads

    def edges(
        self, log: ActionLog, relation: Relation, weight: str, min_weight: int
    ) -> Columns | None:
        """Return the edges, None where one block is enough or the relation has none."""
        n = blocks_needed(len(log)) if self.n_blocks is None else self.n_blocks
        if n == 1 or not made_from_blocks(relation):
            return None
        counting = counting_of(log, relation, weight, min_weight)
        tasks = list(tasks_of(n))
        held: dict[int, Actions] = {}

        def make(_: None, k: int) -> list[NDArray[Any]]:
            i, j = tasks[k]
            for other in [b for b in held if b not in (i, j)]:
                del held[other]
            for b in (i, j):
                if b not in held:
                    held[b] = actions_of(log, b, n)
            with unlimited():
                made = edges_between(counting, held[i], None if i == j else held[j], self.threads)
            return list(made.values())

        parts = made_in_parts(
            lambda: (
                "blocks", log.fingerprint, repr(relation), weight, str(min_weight), str(n)
            ),
            len(tasks), dict(zip(COLUMNS, TYPES, strict=True)), make, threads=1,
            label="co-actions, block by block",
        )  # fmt: skip
        found = [parts.of(i) for i in range(len(tasks))]
        return dict(zip(COLUMNS, merged(found), strict=True))

    def objects(self, log: Any, window: Any) -> None:
        """Leave the objects to this process."""

    def pair_sums(self, *_: Any) -> None:
        """Leave the classes of objects to this process."""

    def accounts_on(self, *_: Any) -> None:
        """Leave the accounts of objects to this process."""

    def tests(self, log: Any, facts: Any, source: Any, target: Any) -> None:
        """Leave the tests to this process, which makes them in slices."""


def blocks_needed(actions: int) -> int:
    """Return how many blocks of accounts the memory asks for: a power of two.

    Two blocks are in memory at once.
    """
    n = 1
    while n < MOST_BLOCKS and actions * ACTION_BYTES * min(2 / n, 1) > SHARE * memory_budget():
        n *= 2
    return n


def actions_of(log: ActionLog, block: int, n: int) -> Actions:
    """Return the actions of the accounts of one of n blocks, in the order of the log."""
    inside = block_of(log.all_accounts.labels, n) == block
    parts = []
    for begin in range(0, len(log), SLICE):
        account = log.account[begin : begin + SLICE]
        at = np.flatnonzero(inside[account])
        here = slice(begin, begin + SLICE)
        parts.append((account[at], log.object[here][at], log.time[here][at]))
    release(log.account, log.object, log.time)
    if not parts:
        return Actions(log.account, log.object, log.time)
    return Actions(*(np.concatenate([part[c] for part in parts]) for c in range(3)))


def merged(parts: Sequence[list[NDArray[Any]]]) -> list[NDArray[Any]]:
    """Return the edges of all tasks in order of (source, target).

    Parameters
    ----------
    parts
        The columns of each task, in that order.
    """
    rows = sum(len(part[0]) for part in parts)
    if rows <= SLICE:
        columns = [np.concatenate([part[c] for part in parts]) for c in range(len(parts[0]))]
        order = np.lexsort((columns[1], columns[0]))
        return [column[order] for column in columns]
    room = np.empty if stays_in_memory(rows * EDGE_BYTES) else on_disk
    out = [room(rows, column.dtype) for column in parts[0]]
    at = [0] * len(parts)
    place = 0
    last = max(int(part[0][-1]) for part in parts if len(part[0]))
    first = 0
    while first <= last:
        # so many sources as have about SLICE edges together
        step = max(SLICE // max(len(parts), 1), 1)
        ahead = [int(p[0][min(a + step, len(p[0])) - 1]) for p, a in zip(parts, at, strict=True)
                 if a < len(p[0])]  # fmt: skip
        until = max(min(ahead), first)
        ends = [int(np.searchsorted(part[0], until, side="right")) for part in parts]
        here = [
            np.concatenate([part[c][a:b] for part, a, b in zip(parts, at, ends, strict=True)])
            for c in range(len(out))
        ]
        order = np.lexsort((here[1], here[0]))
        for whole, column in zip(out, here, strict=True):
            whole[place : place + len(order)] = column[order]
        release(*out, *itertools.chain.from_iterable(parts))  # else all of it stays in memory
        place += len(order)
        at, first = ends, until + 1
    return out
