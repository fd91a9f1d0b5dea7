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


def ranked(labels: pa.LargeStringArray) -> tuple[NDArray[np.int32], pa.LargeStringArray]:
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
    rank, labels = ranked(labels)
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
    check_size(n)
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

    arrays: dict[str, Any] = {"object": object_codes, "time": time, "account": account.codes}
    arrays |= {"row": row} | {
        name: column.codes for name, column in (("post", post), ("text", text)) if column
    }
    account, post, text = (c and c._replace(codes=NO_POST) for c in (account, post, text))
    del object_, kind
    object_codes = time = row = NO_POST
    repeats = put_in_order(arrays, len(object_labels), threads=threads)
    folded = frozen(arrays["further"]) if repeats else None
    if text is not None:  # the text of a folded row may have gone with it
        text = Labelled(arrays.pop("text"), text.labels)
        text = _frozen_column(_in_byte_order(*text) if repeats else text)
    if post is not None:
        post = _frozen_column(Labelled(arrays.pop("post"), post.labels))
    return ActionLog(
        account=frozen(arrays["account"]),
        object=frozen(arrays["object"]),
        time=frozen(arrays["time"]),
        row=frozen(arrays["row"]),
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


def check_size(n: int) -> None:
    """Raise an error where n actions are more than one log can hold."""
    if n > np.iinfo(np.int32).max:
        raise InputError(
            f"the input has {n:,} actions and one log holds at most 2,147,483,647; split it by "
            "period or by kind."
        )


def put_in_order(arrays: dict[str, Any], n_objects: int, *, threads: int | None = None) -> int:
    """Sort actions by (object, time, account, post) and fold those that are equal in all of these.

    Of equal actions the one that stands first in the arrays stays, with the first text of all in
    byte order.

    Parameters
    ----------
    arrays
        The columns by name: object, account (int32, codes), time and row (int64), and where there
        are such, post and text (int32, codes in byte order, -1 where there is none) and further
        (int32: how many rows each stands for, beyond one). They are replaced one by one, so that
        what is used up makes place; further is put in where something was folded.
    n_objects
        Number of objects.
    threads
        Number of threads; None means all processors.

    Returns
    -------
    int
        How many actions were folded away.
    """
    n = len(arrays["time"])
    tie = arrays["account"].astype(np.int64) << 32
    if "post" in arrays:
        tie |= arrays["post"] + 1
    time = arrays["time"]
    indptr, order = array_kernels.group_by_code(arrays["object"], n_objects)
    borders = equal_chunks(np.diff(indptr), 16 * thread_count(threads))
    run_chunks(
        lambda _, i: action_kernels.sort_within_groups(
            indptr, order, time, tie, borders[i], borders[i + 1]
        ),
        len(borders) - 1,
        threads=threads,
    )
    time = tie = NO_POST
    _replace_each(arrays, lambda array: array_kernels.take(array, order), threads)
    order = NO_POST
    keep = action_kernels.first_of_equals(
        arrays["object"], arrays["time"], arrays["account"], arrays.get("post", NO_POST)
    )
    left = np.flatnonzero(keep)
    if len(left) == n:
        return 0
    further = np.diff(left, append=n) - 1
    if "further" in arrays:
        further += np.add.reduceat(arrays["further"], left, dtype=np.int64)
        del arrays["further"]
    if "text" in arrays:  # of texts that differ, the first in byte order: rows may be shuffled
        given = arrays["text"].astype(np.uint32)  # where there is none, the last of all
        arrays["text"] = arrays["text"].copy()
        arrays["text"][left] = np.minimum.reduceat(given, left).astype(np.int32)
    _replace_each(arrays, lambda array: array_kernels.take(array, left), threads)
    arrays["further"] = further.astype(np.int32)
    return n - len(left)


def _replace_each(
    items: Any, change: Callable[[Any], Any], threads: int | None
) -> None:  # fmt: skip
    """Replace each item of a list or mapping by what comes of it, on threads; it is freed."""
    keys = list(items) if isinstance(items, dict) else range(len(items))

    def replace(_: None, i: int) -> None:
        items[keys[i]] = change(items[keys[i]])

    run_chunks(replace, len(items), threads=threads)


def _frozen_column(column: Labelled) -> Labelled:
    return Labelled(frozen(column.codes), column.labels)
