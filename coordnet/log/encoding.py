"""From columns of codes to a log: labels in byte order, actions in order, repeats folded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.errors import InputError
from coordnet.frames import frozen
from coordnet.frozen import ReadOnly
from coordnet.kernels import actions as action_kernels
from coordnet.kernels import arrays as array_kernels
from coordnet.log.accounts import Accounts
from coordnet.log.actions import NO_POST, ActionLog, compact
from coordnet.log.labels import Labelled
from coordnet.threads import equal_chunks, run_chunks, thread_count


def _ranked(labels: pa.LargeStringArray) -> tuple[NDArray[np.int32], pa.LargeStringArray]:
    """Return the place of each label in byte order, and the labels in that order."""
    order = pc.sort_indices(labels)
    rank = np.empty(len(labels), np.int32)
    rank[order.to_numpy()] = np.arange(len(labels), dtype=np.int32)
    return rank, labels.take(order)


def _in_byte_order(codes: NDArray[np.int32], labels: pa.LargeStringArray) -> Labelled:
    """Return a column whose labels are distinct as one whose labels all occur, in byte order."""
    codes, left = compact(codes, len(labels))
    if len(left) < len(labels):
        labels = labels.take(pa.array(left))
    rank, labels = _ranked(labels)
    return Labelled(array_kernels.recode(codes, rank), labels)


def build_log(
    account: Labelled,
    object_: Labelled,
    time: NDArray[np.int64],
    *,
    kind: Labelled,
    row: NDArray[np.int64],
    post: Labelled | None = None,
    text: Labelled | None = None,
    rows_read: int | None = None,
    dropped: Mapping[str, int] | None = None,
    sources: tuple[str, ...] = (),
    frame: str = "pandas",
    threads: int | None = None,
) -> ActionLog:
    """Build the log from columns of codes into distinct labels, in whatever order.

    Parameters
    ----------
    account, object_, kind
        Columns without missing values.
    time
        int64 (n,), microseconds UTC.
    row
        int64 (n,), ascending: where each action stands in the input.
    post, text
        Columns with -1 where there is none.
    rows_read, dropped, sources, frame
        As in :class:`ActionLog`; repeats are counted here.
    threads
        Number of threads; None means all processors.
    """
    n = len(time)
    if n > np.iinfo(np.int32).max:
        raise InputError(
            f"the input has {n:,} actions and one log holds at most 2,147,483,647; split it by "
            "period or by kind."
        )
    columns: list[Any] = [account, object_, kind, post, text]
    del account, object_, kind, post, text  # what a step has used up makes place for the next
    _replace_each(columns, lambda column: column and _in_byte_order(*column), threads)
    account, object_, kind, post, text = columns
    columns.clear()

    kinds = tuple(kind.labels.to_pylist())
    object_codes, object_labels = object_
    object_kind = np.zeros(len(object_labels), np.int32)
    if len(kinds) > 1:  # the same label under two kinds is two objects, ordered by kind first
        both = kind.codes.astype(np.int64) * len(object_labels) + object_codes
        pairs, object_codes = np.unique(both, return_inverse=True)
        object_codes = object_codes.astype(np.int32)
        object_kind = (pairs // len(object_labels)).astype(np.int32)
        object_labels = object_labels.take(pa.array(pairs % len(object_labels)))

    tie = account.codes.astype(np.int64) << 32
    if post is not None:
        tie |= post.codes + 1
    indptr, order = array_kernels.group_by_code(object_codes, len(object_labels))
    borders = equal_chunks(np.diff(indptr), 16 * thread_count(threads))
    run_chunks(
        lambda _, i: action_kernels.sort_within_groups(
            indptr, order, time, tie, borders[i], borders[i + 1]
        ),
        len(borders) - 1,
        threads=threads,
    )
    arrays: list[Any] = [object_codes, time, account.codes, row]
    arrays += [column.codes for column in (post, text) if column is not None]
    account, post, text = (c and c._replace(codes=NO_POST) for c in (account, post, text))
    del object_, kind
    object_codes = time = row = tie = NO_POST
    _replace_each(arrays, lambda array: array_kernels.take(array, order), threads)
    order = NO_POST
    keep = action_kernels.first_of_equals(*arrays[:3], NO_POST if post is None else arrays[4])
    repeats = n - int(keep.sum())
    folded = None
    if repeats:
        left = np.flatnonzero(keep)
        folded = frozen((np.diff(left, append=n) - 1).astype(np.int32))
        if text is not None:  # of texts that differ, the first in byte order: rows may be shuffled
            given = arrays[-1].astype(np.uint32)  # where there is none, the last of all
            arrays[-1] = arrays[-1].copy()
            arrays[-1][left] = np.minimum.reduceat(given, left).astype(np.int32)
        _replace_each(arrays, lambda array: array_kernels.take(array, left), threads)
    if text is not None:  # the text of a folded row may have gone with it
        text = Labelled(arrays.pop(), text.labels)
        text = _frozen_column(_in_byte_order(*text) if repeats else text)
    if post is not None:
        post = _frozen_column(Labelled(arrays.pop(), post.labels))
    return ActionLog(
        account=frozen(arrays[2]),
        object=frozen(arrays[0]),
        time=frozen(arrays[1]),
        row=frozen(arrays[3]),
        all_accounts=Accounts(account.labels),
        object_labels=object_labels,
        kinds=kinds,
        object_kind=frozen(object_kind),
        post=post,
        text=text,
        folded=folded,
        rows_read=n if rows_read is None else rows_read,
        dropped=ReadOnly({**(dropped or {}), "duplicate": repeats}),
        sources=sources,
        frame=frame,
    )


def _replace_each(
    items: list[Any], change: Callable[[Any], Any], threads: int | None
) -> None:  # fmt: skip
    """Replace each item by what comes of it, on threads; the item itself is freed."""

    def replace(_: None, i: int) -> None:
        items[i] = change(items[i])

    run_chunks(replace, len(items), threads=threads)


def _frozen_column(column: Labelled) -> Labelled:
    return Labelled(frozen(column.codes), column.labels)
