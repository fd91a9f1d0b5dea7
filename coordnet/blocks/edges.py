"""The edges between two blocks of accounts, counted from their actions alone.

A task is a pair of blocks. It sees all actions of the accounts of both, so that each edge between
them is counted in full, and no task needs another. All tasks together give each edge once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordnet.blocks.blocks import block_of
from coordnet.disk import digest_of, release
from coordnet.errors import ParameterError, one_of
from coordnet.frames import frozen
from coordnet.graphs.co_action import (
    COLUMNS,
    WEIGHTS,
    CoAction,
    RowWalk,
    check_memory,
    check_min_weight,
    collect_edges,
    delay_shift,
    find_windows,
    find_windows_across,
)
from coordnet.graphs.relation import Relation, Trace
from coordnet.kernels import arrays as array_kernels
from coordnet.log.actions import ActionLog, compact
from coordnet.log.windows import longest
from coordnet.times import duration_text


class Actions(NamedTuple):
    """The actions of the accounts of a block, in the order of the log, with its codes."""

    account: NDArray[np.int32]
    object: NDArray[np.int32]
    time: NDArray[np.int64]


class Counting(NamedTuple):
    """What all tasks count by: the relation, the weight, and what they need of the whole log."""

    weight: str
    min_weight: int
    shift: int  # of the delays
    windows: NDArray[np.int64]  # of each kind, -1 where it takes no part; or (1,), of all
    kind: NDArray[np.int32] | None  # of each object; None where one window is for all


def made_from_blocks(relation: Relation) -> bool:
    """Return whether graphs of a relation are made from blocks: co-action is, as it stands.

    Another class that is made of it may join accounts by what only it knows.
    """
    return type(relation) is CoAction


def counting_of(log: ActionLog, relation: Relation, weight: str, min_weight: int) -> Counting:
    """Return what the tasks of a log count by.

    Parameters
    ----------
    log
        The whole log.
    relation
        A :class:`~coordnet.CoAction`.
    weight, min_weight
        As in :func:`coordnet.co_action`.

    Raises
    ------
    ParameterError
        Where the relation is another: its graph is not made from blocks.

    Cost: linear.
    """
    if not (isinstance(relation, CoAction) and made_from_blocks(relation)):
        raise ParameterError(
            f"a graph of {relation.name} is not made from blocks of accounts; co_action graphs are."
        )
    window, part = relation.window_us, relation.part(log)
    shift = delay_shift(part.account, part.object, len(log.all_accounts), longest(window))
    release(part.account, part.object)
    one_of(weight, WEIGHTS, "weight")
    min_weight = check_min_weight(min_weight)
    if isinstance(window, int):
        return Counting(weight, min_weight, shift, np.array([window], np.int64), None)
    own = dict(window)
    windows = np.array([own.get(kind, -1) for kind in log.kinds], np.int64)
    return Counting(weight, min_weight, shift, windows, log.object_kind)


def edges_between(
    counting: Counting, one: Actions, other: Actions | None = None, threads: int | None = None
) -> dict[str, NDArray[Any]]:
    """Count the edges between the accounts of two blocks, or among those of one.

    Parameters
    ----------
    counting
        What is counted.
    one, other
        All actions of the accounts of the blocks, which have no account in common; None for the
        edges among the accounts of `one`.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    dict
        The edge columns of :func:`coordnet.co_action`, in order of (source, target): those edges
        of the graph of the whole log that are between the two, byte for byte.

    Raises
    ------
    MemoryBudgetError
        Where the edges would take more memory than this machine has.

    Cost: that of the windows of their actions; memory beside the edges is linear in the actions.
    """
    parts = [_taking_part(counting, part) for part in (one, other) if part is not None]
    account, accounts = _compact([part.account for part in parts])
    object_, objects = _compact([part.object for part in parts])
    time = frozen(np.concatenate([part.time for part in parts]))
    window = counting.windows[np.zeros(1, int) if counting.kind is None else counting.kind[objects]]
    trace = Trace(account, object_, time, np.broadcast_to(window, len(objects)).copy())
    need = counting.min_weight if counting.weight == "objects" else 1
    if other is None:
        windows = find_windows(trace, len(accounts), need, crowds=True)
    else:
        split = len(parts[0].account)
        windows = find_windows_across(trace, split, len(accounts), need, crowds=True)
    walk = RowWalk(
        windows, windows.object, counting.shift, counting.min_weight,
        counting.weight == "pairs", False,
    )  # fmt: skip
    check_memory(walk, threads, within=duration_text(int(counting.windows.max(initial=0))))
    columns = collect_edges(walk, threads, "", lambda: ("block", digest_of(*trace), repr(counting)))
    codes = accounts.astype(np.int32)
    columns[:2] = [codes[ends] for ends in columns[:2]]
    return dict(zip(COLUMNS, columns, strict=True))


def tasks_of(n_blocks: int) -> Iterator[tuple[int, int]]:
    """Yield all pairs of blocks (i, j) with i <= j."""
    return ((i, j) for i in range(n_blocks) for j in range(i, n_blocks))


def split(log: ActionLog, n_blocks: int) -> list[Actions]:
    """Cut the actions of a log into those of each block of accounts."""
    block = block_of(log.all_accounts.labels, n_blocks)[log.account]
    indptr, positions = array_kernels.group_by_code(block, n_blocks)
    stretches = [positions[a:b] for a, b in pairwise(indptr.tolist())]
    return [Actions(log.account[at], log.object[at], log.time[at]) for at in stretches]


def _taking_part(counting: Counting, actions: Actions) -> Actions:
    """Return the actions of kinds that have a window."""
    if counting.kind is None or (counting.windows >= 0).all():
        return actions
    named = (counting.windows >= 0)[counting.kind[actions.object]]
    return Actions(actions.account[named], actions.object[named], actions.time[named])


def _compact(parts: Sequence[NDArray[np.int32]]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return codes without gaps, so that what a task takes hangs on its actions alone."""
    codes = np.concatenate(parts)
    codes, old = compact(codes, int(codes.max(initial=-1)) + 1)
    return frozen(codes), old
