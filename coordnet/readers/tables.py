"""Read actions from tables of any columns: files, dataframes, streams of Arrow batches."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.errors import InputError, ParameterError, one_of
from coordnet.kernels import arrays as array_kernels
from coordnet.log.actions import ActionLog
from coordnet.log.encoding import build_log
from coordnet.log.labels import LABELS, Labelled
from coordnet.progress import stage
from coordnet.readers.columns import damaged_id, damaged_rows, label_column
from coordnet.readers.files import expand, load_files
from coordnet.readers.frames import load_frame
from coordnet.readers.loaded import Loaded, shown, shown_scalar
from coordnet.readers.times import advice, time_column
from coordnet.threads import run_chunks

LEAVE = ', or leave such rows out with on_bad="drop"'

logger = logging.getLogger(__name__)


def read_actions(
    source: Any,
    *,
    account: str,
    object: str | Sequence[str] | Mapping[str, str],
    time: str,
    kind: str | None = None,
    post: str | None = None,
    text: str | None = None,
    unit: str | None = None,
    time_format: str | None = None,
    default_kind: str = "action",
    on_bad: str = "error",
    threads: int | None = None,
) -> ActionLog:
    """Read a table of actions: one row says that an account acted on an object at a time.

    Parameters
    ----------
    source
        A path, a list of paths or a glob of .csv, .tsv, .jsonl or .parquet files or their .gz;
        or a pandas, Polars (eager or lazy) or PyArrow table or a DuckDB relation; or whatever
        speaks the Arrow PyCapsule interface (``__arrow_c_stream__``), such as a PyArrow
        RecordBatchReader or a DataFusion frame, which is read batch by batch.
    account, object, time
        Names of the columns: who acted, on what (a retweeted post, a URL, a hashtag, ...), when.
        In .jsonl files ``"user.id_str"`` names an inner field. Several columns of objects, as
        ``["url", "domain"]``, give one action each: its kind is the name of the column, or what a
        mapping ``{"url": "link"}`` says. A blank cell is no action.
    kind
        Column with the kind of action (``retweet``, ``url``, ...). Objects of different kinds
        are different objects. Without it every action is of kind `default_kind`, as are rows
        whose kind is blank.
    post
        Column with the id of the post that is the action, such as a tweet id.
    text
        Column with the text posted.
    unit
        ``"s"``, ``"ms"``, ``"us"`` or ``"ns"`` where times are numbers; by default told by their
        magnitude, and logged. A number that may mean two things cannot be read then: one of
        another magnitude, or one that spells a date, such as 20170608.
    time_format
        strptime format for times written in another way than ISO 8601 or Twitter's, such as
        ``"%m/%d/%Y %H:%M"``. Times without a zone are taken as UTC.
    default_kind
        See `kind`.
    on_bad
        ``"error"`` or ``"drop"``: what to do with a time that cannot be read, and with an id that
        has lost digits, such as ``1.23456789012345E+18``. Dropped rows are counted.
    threads
        Number of threads; None means all processors. It changes no result.

    Returns
    -------
    ActionLog
        Rows with a missing or blank account or object are left out (a blank URL must never be
        an object that everybody shares), rows equal in account, object, time, kind and post
        are one action, and ``log.dropped`` has the counts. Where `object` names several columns,
        a row may give several actions, and ``log.row`` has its number for each.

    Raises
    ------
    InputError
        A column, file or value that cannot be read, by name, row and value.
    ParameterError
        A parameter that cannot be.

    Examples
    --------
    >>> import pandas as pd, coordnet as cn
    >>> frame = pd.DataFrame({
    ...     "user": ["a", "b", "b"], "post": ["p", "p", ""],
    ...     "at": ["2017-06-08T07:00:00Z", "2017-06-08T07:00:20Z", "2017-06-08T07:01:00Z"]})
    >>> log = cn.read_actions(frame, account="user", object="post", time="at")
    >>> len(log), log.dropped["missing object"]
    (2, 1)
    """
    asked = asked_for(
        account, object, time, kind=kind, post=post, text=text, unit=unit,
        time_format=time_format, default_kind=default_kind, on_bad=on_bad,
    )  # fmt: skip
    with stage("reading"):
        files = paths_of(source)
        if files is not None:
            loaded = load_files(files, asked.names, threads)
        else:
            loaded = load_frame(source, asked.names)
        return _encode(loaded, asked, threads)


@dataclass(frozen=True)
class Asked:
    """What a table of actions is read by.

    Attributes
    ----------
    names
        The column of each role: account, object[0], ..., time, and kind, post, text where asked.
    object_kinds
        The kind that each column of objects gives, where several were asked for.
    unit, time_format, default_kind, on_bad
        As for :func:`read_actions`.
    """

    names: dict[str, str]
    object_kinds: list[str] | None
    unit: str | None
    time_format: str | None
    default_kind: str
    on_bad: str

    @property
    def ids(self) -> list[str]:
        """The roles of all columns but that of times."""
        return [role for role in self.names if role != "time"]

    @property
    def objects(self) -> list[str]:
        """The roles of the columns of objects."""
        return [role for role in self.names if role.startswith("object")]


def asked_for(
    account: str,
    object: str | Sequence[str] | Mapping[str, str],
    time: str,
    *,
    kind: str | None = None,
    post: str | None = None,
    text: str | None = None,
    unit: str | None = None,
    time_format: str | None = None,
    default_kind: str = "action",
    on_bad: str = "error",
) -> Asked:
    """Return the parameters of :func:`read_actions`, checked."""
    one_of(on_bad, ("error", "drop"), "on_bad")
    objects = _object_columns(object, kind)
    given = {
        "account": account,
        **{f"object[{i}]": name for i, name in enumerate(objects)},
        "time": time,
        "kind": kind,
        "post": post,
        "text": text,
    }
    names: dict[str, str] = {}
    for role, name in given.items():
        if name is None and role in ("kind", "post", "text"):
            continue
        if not isinstance(name, str):
            raise ParameterError(
                f"{role.partition('[')[0]}={shown(name, 60)} is not the name of a column; give a "
                "string."
            )
        names[role] = name
    kinds = None if isinstance(object, str) else list(objects.values())
    return Asked(names, kinds, unit, time_format, default_kind, on_bad)


def paths_of(source: Any) -> list[Path] | None:
    """Return the files that a source names; None where it is a frame."""
    if isinstance(source, str | os.PathLike):
        source = [source]
    if not isinstance(source, Sequence) or isinstance(source, bytes):
        return None
    if not (source and all(isinstance(item, str | os.PathLike) for item in source)):
        raise InputError(
            "a list given as source must hold paths, at least one; to join dataframes, use "
            "their own library's concat first."
        )
    return expand(source)


def _object_columns(
    object_: str | Sequence[str] | Mapping[str, str], kind: str | None
) -> dict[str, str]:
    """Return the columns of objects and the kind that each of them gives."""
    if isinstance(object_, str):
        return {object_: object_}
    if isinstance(object_, Mapping):
        pairs = list(object_.items())
    elif isinstance(object_, list | tuple):
        pairs = [(name, name) for name in object_]
    else:
        pairs = []
    columns = dict(pairs)
    if not pairs or not all(isinstance(n, str) and isinstance(k, str) and k for n, k in pairs):
        raise ParameterError(
            f"object={shown(object_, 60)} names no columns; give the name of one, a list of names, "
            "or a mapping of names to kinds."
        )
    if len(columns) < len(pairs):
        raise ParameterError(f"object={shown(object_, 120)} names a column twice.")
    if kind is not None:
        raise ParameterError(
            f"kind={shown(kind, 60)} gives each row one kind, and object= names several columns, "
            "of which each is a kind; leave out kind=, or name one column of objects."
        )
    return columns


def _encode(loaded: Loaded, asked: Asked, threads: int | None) -> ActionLog:
    """Turn the loaded columns into a log, dropping and counting what cannot be an action."""
    names, ids = asked.names, asked.ids
    types = {role: loaded.columns[role].type for role in ids}  # a column goes when it is encoded
    encoded = run_chunks(
        lambda _, i: label_column(loaded.columns.pop(ids[i]), names[ids[i]], loaded.place),
        len(ids),
        threads=threads,
    )
    labelled: dict[str, Labelled] = dict(zip(ids, encoded, strict=True))
    times, bad = _times(loaded, asked)
    n = len(times)
    lost = _damaged(loaded, types, asked, labelled)
    columns = asked.objects
    width = len(columns)  # actions that a row can give: one for each column of objects
    there, unreadable, dropped = actions_of_rows(
        {role: labelled[role].codes for role in ("account", *columns)}, columns, lost, bad
    )
    if unreadable.any() and asked.on_bad == "error":
        row = int(np.flatnonzero(unreadable)[0])
        raise unreadable_time(
            loaded.time(row), loaded.place(row), dropped["unreadable time"], asked
        )
    labelled["object"] = _side_by_side([labelled.pop(role) for role in columns])
    labelled["kind"] = kind_column(labelled.get("kind"), n, asked)
    rows = np.arange(n, dtype=np.int64)
    if width > 1 or not there.all():
        at = np.flatnonzero(there)  # row after row
        rows = at // width
        times = times[rows]
        labelled = {
            role: Labelled(c.codes[at if len(c.codes) == there.size else rows], c.labels)
            for role, c in labelled.items()
        }
    # what is used up makes place: only build_log has the columns now
    moments = [times]
    loaded.times.clear()
    del encoded, times, there
    pa.default_memory_pool().release_unused()
    log = build_log(
        labelled.pop("account"),
        labelled.pop("object"),
        moments.pop(),
        kind=labelled.pop("kind"),
        row=rows,
        post=labelled.pop("post", None),
        text=labelled.pop("text", None),
        rows_read=n,
        dropped=dropped,
        sources=tuple(loaded.sources),
        frame=loaded.frame,
        threads=threads,
    )
    logger.info("read %s rows: %s actions, dropped %s", n, len(log), dict(log.dropped))
    return log


def actions_of_rows(
    codes: Mapping[str, NDArray[np.int32]],
    columns: Sequence[str],
    lost: Mapping[str, NDArray[np.bool_]],
    bad: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], dict[str, int]]:
    """Return which cells of the columns of objects are actions, and count what is dropped.

    Parameters
    ----------
    codes
        Of the account and of the columns of objects, by role: -1 where there is none.
    columns
        The roles of the columns of objects.
    lost
        The rows whose ids have lost digits, by role: bool (n,).
    bad
        The rows whose time cannot be read: bool (n,).

    Returns
    -------
    there : bool (n, columns)
    unreadable : bool (n,), rows that would be actions if their time could be read
    dropped : how many are not in the log, by reason
    """
    known = codes["account"] >= 0
    there = np.stack([known & (codes[role] >= 0) for role in columns], axis=1)
    some = there.any(axis=1) if len(columns) > 1 else there[:, 0]
    dropped = {"missing account": len(bad) - int(known.sum())}
    dropped["missing object"] = int(known.sum() - some.sum())
    if lost:
        kept = there.copy()
        for role, marks in lost.items():
            if role in columns:
                kept[marks, columns.index(role)] = False
            else:
                kept[marks] = False
        dropped["damaged id"] = int(there.sum() - kept.sum())
        there, some = kept, kept.any(axis=1)
    unreadable = some & bad
    dropped["unreadable time"] = int(unreadable.sum())
    there &= ~bad[:, None]
    return there, unreadable, dropped


def unreadable_time(value: pa.Scalar, place: str, rows: int, asked: Asked) -> InputError:
    """Return the error that says which time cannot be read, where, and what to do.

    Parameters
    ----------
    value, place
        The first such time as it was written, and where it stands.
    rows
        How many there are.
    asked
        What the table is read by.
    """
    return InputError(
        f"column {asked.names['time']!r}, {place}: {shown_scalar(value)} cannot be read "
        f"as a time ({rows:,} such rows); {advice(value, asked.unit)}, or "
        'leave such rows out with on_bad="drop".'
    )


def kind_column(kind: Labelled | None, n: int, asked: Asked) -> Labelled:
    """Return the kind of each cell of the columns of objects, row after row.

    Parameters
    ----------
    kind
        The column of kinds, where there is one.
    n
        Number of rows.
    asked
        What the table is read by.
    """
    if asked.object_kinds is not None:
        kinds = sorted(set(asked.object_kinds))
        of_column = np.array([kinds.index(kind) for kind in asked.object_kinds], np.int32)
        return Labelled(np.tile(of_column, n), pa.array(kinds, LABELS))
    if kind is not None:
        return _with_default(kind, asked.default_kind)
    return Labelled(np.zeros(n, np.int32), pa.array([asked.default_kind], LABELS))


def _damaged(
    loaded: Loaded,
    types: dict[str, pa.DataType],
    asked: Asked,
    labelled: dict[str, Labelled],
) -> dict[str, NDArray[np.bool_]]:
    """Return the rows whose ids have lost digits, by role; raise an error unless they may go."""
    found = {}
    for role, column in labelled.items():
        if role in ("kind", "text"):
            continue
        marks = damaged_rows(column, types[role])
        if marks is None:
            continue
        if asked.on_bad == "error":
            raise damaged_id(column, marks, asked.names[role], loaded.place, LEAVE)
        found[role] = marks
    return found


def _times(loaded: Loaded, asked: Asked) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Read the times, those of files that write them in different types by themselves."""
    parts, name = [], asked.names["time"]
    for i, column in enumerate(loaded.times):
        where = f"column {name!r} of {shown(loaded.sources[i])}" if len(loaded.times) > 1 else None
        parts.append(time_column(column, name, asked.unit, asked.time_format, where=where))
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([time for time, _ in parts]), np.concatenate([bad for _, bad in parts])


def _side_by_side(columns: list[Labelled]) -> Labelled:
    """Return the objects of several columns as one column, row after row."""
    if len(columns) == 1:
        return columns[0]
    merged = pa.concat_arrays([column.labels for column in columns]).dictionary_encode()
    number = merged.indices.to_numpy()
    codes, start = [], 0
    for column in columns:
        end = start + len(column.labels)
        codes.append(array_kernels.recode(column.codes, number[start:end]))
        start = end
    return Labelled(np.stack(codes, axis=1).ravel(), merged.dictionary)


def _with_default(kind: Labelled, default: str) -> Labelled:
    """Give the rows without a kind the default one."""
    if not (kind.codes < 0).any():
        return kind
    labels = kind.labels.to_pylist()
    if default not in labels:
        labels.append(default)
    code = np.int32(labels.index(default))
    return Labelled(np.where(kind.codes < 0, code, kind.codes), pa.array(labels, LABELS))
