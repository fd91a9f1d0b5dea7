"""Write stores: the log that reading would give, in memory that does not grow with it."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.blocks.blocks import block_of
from coordnet.errors import InputError, ParameterError, listed, nearest, shown
from coordnet.frozen import ReadOnly
from coordnet.kernels import actions as action_kernels
from coordnet.kernels import arrays as array_kernels
from coordnet.log.actions import ActionLog, content_digest, resolution_of
from coordnet.log.encoding import check_size
from coordnet.log.labels import LABELS
from coordnet.memory import memory_budget, memory_size
from coordnet.progress import stage
from coordnet.readers.tables import asked_for
from coordnet.readers.times import Told
from coordnet.store.counted import write_counted
from coordnet.store.files import (
    SLICE,
    BlockFiles,
    ColumnFile,
    LabelFile,
    write_labels,
)
from coordnet.store.folder import Write, writing
from coordnet.store.merging import Run, merge_actions, merge_labels, read_map
from coordnet.store.runs import Table
from coordnet.store.stored_log import StoredLog, mapped_fields, open_store

logger = logging.getLogger(__name__)

BLOCKS = 64  # parts that accounts are cut into
LEAST = 256_000_000  # bytes: the program itself takes so much
STRETCH = 8  # of the memory, one part may be columns of a stretch of rows
ROW_BYTES = 400  # and of it are for each of these rows, when they become actions
LABEL_SHARE = 16  # and one labels that are merged at a time
ACTION_BYTES = 512  # of the memory are for an action that is sorted
MARKED_KINDS = 16  # up to so many kinds of action their objects are marked
_DEFAULTS = {"default_kind": "action", "on_bad": "error"}
_COLUMNS = ("account", "object", "time", "kind", "post", "text", "unit", "time_format",
            "default_kind", "on_bad")  # fmt: skip
_DROPPED = ("missing account", "missing object", "damaged id", "unreadable time", "duplicate")


def write_store(
    source: Any,
    folder: str | os.PathLike[str],
    *,
    account: str | None = None,
    object: Any = None,
    time: str | None = None,
    kind: str | None = None,
    post: str | None = None,
    text: str | None = None,
    unit: str | None = None,
    time_format: str | None = None,
    default_kind: str = "action",
    on_bad: str = "error",
    memory: int | str | None = None,
    threads: int | None = None,
) -> StoredLog:
    """Write a table of actions to a folder, as a log that need not fit in memory.

    It is the log that :func:`coordnet.read_actions` gives, array by array. The source is read a
    stretch at a time; what does not fit in `memory` is put down in the folder meanwhile.

    Parameters
    ----------
    source
        As for :func:`coordnet.read_actions`: files, frames, streams, relations. Or an
        :class:`ActionLog`, such as ``posts.actions(...)``, which is written as it is.
    folder
        A folder that is empty or not there, or a store, which is replaced.
    account, object, time, kind, post, text, unit, time_format, default_kind, on_bad
        As for :func:`coordnet.read_actions`. Of an :class:`ActionLog` none are given.
    memory
        How much memory may be used: ``"2GB"``, or a number of bytes; by default three quarters of
        what is available. More makes it faster. The program itself and the buffers of a reader take
        0.3 GB or so, which little memory cannot change. A pandas frame is in memory already, and a
        second time while it is read.
    threads
        Number of threads; None means all processors. It changes no result.

    Returns
    -------
    StoredLog
        The store, opened.

    Raises
    ------
    InputError, ParameterError
        As :func:`coordnet.read_actions` does.
    OutputError
        Where the folder holds something else, another process writes to it, or the disk is full.
        What stood there is as before.

    Examples
    --------
    >>> import coordnet as cn, os, pandas as pd, tempfile
    >>> frame = pd.DataFrame({"user": ["a", "b"], "post": ["p", "p"],
    ...     "at": ["2017-06-08T07:00:00Z", "2017-06-08T07:00:20Z"]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = cn.write_store(frame, os.path.join(folder, "store"),
    ...         account="user", object="post", time="at", memory="1GB")
    ...     cn.co_action(store, "60s").n_edges
    1
    """
    columns: dict[str, Any] = {
        "account": account, "object": object, "time": time, "kind": kind, "post": post,
        "text": text, "unit": unit, "time_format": time_format, "default_kind": default_kind,
        "on_bad": on_bad,
    }  # fmt: skip
    budget = _budget(memory)
    if isinstance(source, ActionLog):
        _check_no_columns({n: v for n, v in columns.items() if v != _DEFAULTS.get(n)})
        with stage("writing the store"), writing(folder) as write:
            write.take_effect(_as_it_is(source, write))
        return open_store(folder)
    _check_given(columns)
    asked = asked_for(**columns)
    with stage("writing the store") as step, writing(folder) as write:
        with stage("reading"):
            table = Table(
                source, asked, write.scratch, budget // STRETCH, budget // ROW_BYTES, threads
            )
        merger = _Merger(write, [], table, budget, threads, step)
        write.take_effect(merger.merge() | {"columns": columns})
    return open_store(folder)


def append(
    store: StoredLog,
    source: Any,
    memory: int | str | None,
    threads: int | None,
    given: Mapping[str, Any],
) -> StoredLog:
    """Add rows to a store; see :meth:`StoredLog.append`."""
    budget = _budget(memory)
    before = store._manifest
    if isinstance(source, ActionLog):
        _check_no_columns(given)
        with stage("appending") as step, writing(store.folder, store.generation) as write:
            merger = _Merger(write, [store, source], None, budget, threads, step)
            write.take_effect(merger.merge() | {"columns": before["columns"]})
        return open_store(store.folder)
    for name in given:
        if name not in _COLUMNS:
            raise ParameterError(
                f"append has no parameter {name!r}.{nearest(name, _COLUMNS)} Columns are named by "
                f"{listed(_COLUMNS)}."
            )
    columns = {**_DEFAULTS, **(before["columns"] or {}), **given}
    _check_given(columns)
    asked = asked_for(**columns)
    with stage("appending") as step, writing(store.folder, store.generation) as write:
        with stage("reading"):
            table = Table(
                source, asked, write.scratch, budget // STRETCH, budget // ROW_BYTES, threads
            )
        merger = _Merger(write, [store], table, budget, threads, step)
        write.take_effect(merger.merge() | {"columns": before["columns"] or columns})
    return open_store(store.folder)


def _budget(memory: int | str | None) -> int:
    """Return the bytes that a write may use."""
    if memory is None:
        return max(memory_budget(), LEAST)
    budget = memory_size(memory)
    if budget < LEAST:
        raise ParameterError(
            f"memory={shown(memory)} is less than the program itself takes; give 256 MB or more."
        )
    return budget


def _check_given(columns: Mapping[str, Any]) -> None:
    missing = [name for name in ("account", "object", "time") if columns.get(name) is None]
    if missing:
        raise ParameterError(
            f"{missing[0]}= is not given: name the column of the source, as read_actions takes it."
        )


def _check_no_columns(given: Mapping[str, Any]) -> None:
    if given:
        raise ParameterError(
            f"an ActionLog has been read already; leave out {listed(given)}, or give the table "
            "that it was read from."
        )


class _Output:
    """The files of a generation, and what is counted while they are written."""

    def __init__(
        self,
        write: Write,
        names: Sequence[str],
        accounts: pa.LargeStringArray,
        keeps_folded: bool = False,
    ) -> None:
        self._home = write.generation
        self._scratch = write.scratch
        self._keeps_folded = keeps_folded
        self._active = np.zeros(len(accounts), bool)
        kinds = dict.fromkeys(names, np.int32) | {"time": np.int64, "row": np.int64}
        self._files = {name: self._column(name, kinds[name]) for name in names}
        self._blocks = BlockFiles(self._home / "blocks", block_of(accounts, BLOCKS), BLOCKS)
        self._first, self._last, self._step = 0, 0, 0
        self.n = self.folded = 0

    def _column(self, name: str, kind: Any) -> ColumnFile:
        return ColumnFile(self._home / f"{name}.npy", kind)

    def append(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Write further actions, in order; none has further rows where that column is missing."""
        time = columns["time"]
        if len(time) == 0:
            return
        low, high = int(time.min()), int(time.max())
        self._first = min(self._first, low) if self.n else low
        self._last = max(self._last, high) if self.n else high
        self._step = math.gcd(self._step, int(action_kernels.common_step(time)))
        self._active[columns["account"]] = True
        for name, file in self._files.items():
            file.append(columns[name])
        if "folded" in columns:
            self.folded += int(columns["folded"].sum(dtype=np.int64))
        self.n += len(time)
        self._blocks.append(columns)

    def recode(self, name: str, number: NDArray[np.int32]) -> None:
        """Replace the codes of a column that has been written."""
        old = self._files[name]
        old.path = old.path.rename(self._scratch / f"{name}.npy")
        file = self._files[name] = self._column(name, np.int32)
        for codes in old.read():
            file.append(array_kernels.recode(codes, number))
        file.close()

    def close(self) -> None:
        """Write what is left."""
        for file in self._files.values():
            file.close()
        self._blocks.close()
        if "folded" in self._files and not self._keeps_folded and not self.folded:
            (self._home / "folded.npy").unlink()

    def labels(self, name: str, labels: pa.LargeStringArray, kind: Any = None) -> None:
        """Write labels, and of objects their kinds."""
        write_labels(self._home / f"{name}.arrow", labels, kind)

    def _digest(self, log: ActionLog) -> bytes:
        """Return the digest of the log, read from the files: mapped, all would be in memory."""
        whole = self._active.all()
        number = np.cumsum(self._active, dtype=np.int32) - np.int32(1)
        columns = [name for name in ("account", "object", "time", "post", "text")
                   if name in self._files]  # fmt: skip

        def pieces(name: str) -> Iterator[NDArray[Any]]:
            for piece in self._files[name].read():
                yield number[piece] if name == "account" and not whole else piece

        names = log.all_accounts.labels
        optional = [column for column in (log.post, log.text) if column is not None]
        return content_digest(
            (log.post is not None, log.text is not None),
            (
                names if whole else names.filter(pa.array(self._active)),
                log.object_labels,
                pa.array(log.kinds, LABELS),
                *(column.labels for column in optional),
            ),
            ([log.object_kind], *map(pieces, columns)),
        )

    def facts(self, log: ActionLog) -> dict[str, Any]:
        """Write what is counted of the log; return what ``store.json`` says of it."""
        check_size(self.n)
        with stage("counting"):
            write_counted(self._home, log)
        return {
            "coordnet": metadata.version("coordnet"),
            "actions": self.n,
            "accounts": len(self._active),
            "active": int(self._active.sum()),
            "objects": log.n_objects,
            "kinds": list(log.kinds),
            "actions_by_kind": log._of_kinds(),
            "rows_read": log.rows_read,
            "dropped": dict(log.dropped),
            "sources": list(log.sources),
            "frame": log.frame,
            "limits": [self._first, self._last] if self.n else None,
            "resolution": resolution_of(self.n, self._step),
            "digest": self._digest(log).hex(),
            "blocks": BLOCKS,
            "columns": None,
            "decimals": [],
            "unit": None,
        }


def _as_it_is(log: ActionLog, write: Write) -> dict[str, Any]:
    """Write a log array by array."""
    columns: dict[str, NDArray[Any]] = {
        "account": log.account, "object": log.object, "time": log.time, "row": log.row,
    }  # fmt: skip
    if log.folded is not None:
        columns["folded"] = log.folded
    for name, column in (("post", log.post), ("text", log.text)):
        if column is not None:
            columns[name] = column.codes
    out = _Output(write, list(columns), log.all_accounts.labels, keeps_folded=True)
    for begin in range(0, len(log), SLICE):
        out.append({n: np.array(column[begin : begin + SLICE]) for n, column in columns.items()})
    out.close()
    out.labels("accounts", log.all_accounts.labels)
    out.labels("objects", log.object_labels, log.object_kind)
    for name, column in (("posts", log.post), ("texts", log.text)):
        if column is not None:
            out.labels(name, column.labels)
    return out.facts(log)


class _Keys:
    """The objects that occur: kind times the number of labels, plus the label.

    Of few kinds they are marked, of many they are listed.
    """

    def __init__(self, kinds: int, labels: int) -> None:
        self._marks = np.zeros(kinds * labels, bool) if kinds <= MARKED_KINDS else None
        self._keys = np.zeros(0, np.int64)

    def add(self, keys: NDArray[np.int64]) -> None:
        """Add keys, ascending."""
        if self._marks is not None:
            self._marks[keys] = True
        else:
            self._keys = np.union1d(self._keys, keys[np.diff(keys, prepend=-1) > 0])

    def found(self) -> NDArray[np.int64]:
        """Return the keys, ascending, each once."""
        return self._keys if self._marks is None else np.flatnonzero(self._marks)


class _Merger:
    """Logs, and a table after them, on their way into one generation."""

    def __init__(
        self,
        write: Write,
        logs: Sequence[ActionLog],
        table: Table | None,
        budget: int,
        threads: int | None,
        step: Callable[[float], None],
    ) -> None:
        self._write = write
        self._scratch = write.scratch
        self._logs = logs
        self._table = table
        self._budget = budget
        self._threads = threads
        self._step = step
        self._labels: dict[str, pa.LargeStringArray] = {}
        self._maps: dict[str, list[Path | None]] = {}
        self._optional = self._optional_columns()

    def _optional_columns(self) -> list[str]:
        """Return which of post and text there are; all sources have the same."""
        having = [
            [name for name in ("post", "text") if getattr(log, name) is not None]
            for log in self._logs
        ]
        if self._table is not None:
            having.append([name for name in ("post", "text") if name in self._table.asked.names])
        if having[0] != having[-1]:
            raise ParameterError(
                f"the store has {listed(having[0])} of the optional columns post and text, and the "
                f"rows to append have {listed(having[-1])}; name the same, or write the store anew."
            )
        return having[0]

    # -- labels -----------------------------------------------------------------------------

    def _runs_of_labels(self, group: str) -> Iterator[pa.LargeStringArray]:
        """Yield the runs of labels: of each log, then of the table, column by column."""
        for log in self._logs:
            if group == "account":
                yield log.all_accounts.labels
            elif group == "kind":
                yield pa.array(log.kinds, LABELS)
            elif group == "object":
                for begin, end in _of_kinds(log):
                    yield log.object_labels[begin:end]
            else:
                yield getattr(log, group).labels
        if self._table is not None:
            fixed = self._table.fixed_kinds()
            if group == "kind" and fixed is not None:
                yield fixed
                return
            for role in self._roles(group):
                for stretch in self._table.stretches:
                    yield stretch.labels(role)

    def _roles(self, group: str) -> list[str]:
        if self._table is None:
            return []
        return self._table.asked.objects if group == "object" else [group]

    def _merge_labels(self) -> None:
        for group in ("account", "object", "kind", *self._optional):
            runs = list(self._runs_of_labels(group))
            self._labels[group], self._maps[group] = merge_labels(
                runs, self._scratch, group, self._budget // LABEL_SHARE
            )

    def _map_of(self, role: str) -> Callable[[int], NDArray[np.int32] | None]:
        """Return what gives the map of the labels of a role in each stretch of the table."""
        assert self._table is not None
        group = "object" if role.startswith("object") else role
        roles, many = self._roles(group), len(self._table.stretches)
        begin = len(self._maps[group]) - (len(roles) - roles.index(role)) * many
        return lambda number: read_map(self._maps[group][begin + number])

    # -- actions ----------------------------------------------------------------------------

    def merge(self) -> dict[str, Any]:
        """Write the generation and return what ``store.json`` says of it."""
        with stage("merging labels"):
            self._merge_labels()
        self._there = {
            name: np.zeros(len(self._labels[name]), bool)
            for name in ("account", *self._optional)
            if name != "text"
        }
        self._pairs = _Keys(len(self._labels["kind"]), len(self._labels["object"]))
        self._kinds: set[int] = set()
        self._dropped: dict[str, int] = {}
        for log in self._logs:
            for reason, rows in log.dropped.items():
                self._dropped[reason] = self._dropped.get(reason, 0) + rows
        runs: list[Run] = []
        with stage("sorting"):
            first = 0
            for i, log in enumerate(self._logs):
                runs.append(self._run_of_log(i, log, first))
                first += log.rows_read
            facts = {"decimals": [], "unit": None} | self._runs_of_table(runs, first)
        check_size(sum(run.n for run in runs))
        accounts, account_map = self._squeezed("account", self._there["account"])
        names = ["account", "object", "time", "row", "folded", *self._optional]
        out = _Output(self._write, names, accounts)
        log = self._write_actions(runs, out, accounts, account_map)
        return out.facts(log) | facts

    def _run_of_log(self, number: int, log: ActionLog, first: int) -> Run:
        """Put a log down as a run."""
        begin = {
            "account": number, "kind": number, "post": number, "text": number,
            "object": sum(len(_of_kinds(before)) for before in self._logs[:number]),
        }  # fmt: skip
        kinds = read_map(self._maps["kind"][begin["kind"]])
        keys: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
        for i, (start, end) in enumerate(_of_kinds(log)):
            own = read_map(self._maps["object"][begin["object"] + i])
            codes = np.arange(end - start) if own is None else own.astype(np.int64)
            kind = int(log.object_kind[start]) if end > start else 0
            kind = kind if kinds is None else int(kinds[kind])
            self._kinds.add(kind)
            keys.append(codes + kind * len(self._labels["object"]))
        key = np.concatenate(keys)
        if len(key) > 1 and not (np.diff(key) > 0).all():
            raise ParameterError(
                "the objects of the log are not in order, as those of a log that was read are; "
                "only such a log can be appended."
            )
        self._pairs.add(key)
        maps = {
            name: read_map(self._maps[name][begin[name]]) for name in ("account", *self._optional)
        }
        for name, marks in self._there.items():
            own = maps[name]
            marks[slice(None) if own is None else own] = True
        run = Run(self._scratch, number)
        columns: dict[str, NDArray[Any]] = {
            "object": log.object, "account": log.account, "time": log.time, "row": log.row,
        }  # fmt: skip
        columns |= {name: getattr(log, name).codes for name in self._optional}
        for at in range(0, max(len(log), 1), SLICE):
            part = {name: np.array(column[at : at + SLICE]) for name, column in columns.items()}
            n = len(part["time"])
            part["object"] = key[part["object"]]
            part["row"] += first
            for name, own in maps.items():
                if own is not None:
                    part[name] = array_kernels.recode(part[name], own)
            further = log.folded
            part["further"] = (
                np.zeros(n, np.int32) if further is None else np.array(further[at : at + SLICE])
            )
            run.append(part)
        return run

    def _runs_of_table(self, runs: list[Run], first: int) -> dict[str, Any]:
        """Put the stretches of the table down as runs; return what was told of whole columns."""
        table = self._table
        if table is None:
            return {}
        meaning = table.told()
        decimals = table.decimals(self._labels_before())
        facts = self._compared(meaning, decimals)
        if table.check_digits(decimals):
            self._dropped.setdefault("damaged id", 0)
        fixed = table.fixed_kinds()
        kinds = None
        if fixed is not None:
            kinds = table.kind_codes()
            own = read_map(self._maps["kind"][-1])
            kinds = kinds if own is None else own[kinds]
        maps = {role: self._map_of(role) for role in table.asked.ids}
        for arrays in table.runs(
            maps, len(self._labels["object"]), kinds, meaning, decimals, first, self._dropped
        ):
            for name, marks in self._there.items():
                codes = arrays[name]
                marks[codes[codes >= 0]] = True
            keys = arrays["object"]
            self._pairs.add(keys)
            arrays.setdefault("further", np.zeros(len(keys), np.int32))
            run = Run(self._scratch, len(runs))
            run.append(arrays)
            runs.append(run)
        return facts

    def _labels_before(self) -> dict[str, pa.LargeStringArray]:
        """Return the labels that the columns of the table have had before."""
        if not self._logs or self._table is None:
            return {}
        log = self._logs[0]
        found = {"account": log.all_accounts.labels, "object[0]": log.object_labels}
        if log.post is not None:
            found["post"] = log.post.labels
        return found

    def _compared(self, meaning: Mapping[int, str | Told], decimals: set[str]) -> dict[str, Any]:
        """Raise an error where what is told of the new rows differs from those before."""
        units = sorted({told.unit for told in meaning.values() if isinstance(told, Told)})
        told = {"decimals": sorted(decimals), "unit": units[0] if len(units) == 1 else None}
        before = self._write.before if self._logs else None
        assert self._table is not None
        if before is None or before["columns"] is None:
            return told
        if before["unit"] and told["unit"] and before["unit"] != told["unit"]:
            raise InputError(
                f"column {self._table.asked.names['time']!r}: the numbers look like times in "
                f"{told['unit']}, and those of the store in {before['unit']}; give unit=, if the "
                "source is in another unit than the store was."
            )
        for role in sorted(set(before["decimals"]) ^ decimals):
            raise InputError(
                f"column {self._table.asked.names.get(role, role)!r}: some ids end in '.0', as "
                "numbers with lost digits do, in the store or in the source and not in both; "
                "write them alike, or write the store anew."
            )
        return told | {"unit": before["unit"] or told["unit"]}

    # -- output -----------------------------------------------------------------------------

    def _squeezed(
        self, name: str, there: NDArray[np.bool_]
    ) -> tuple[pa.LargeStringArray, NDArray[np.int32] | None]:
        """Return the labels that occur, and the number of each label among them."""
        labels = self._labels[name]
        if there.all():
            return labels, None
        file = LabelFile(self._scratch, f"{name}-left")
        for begin in range(0, len(labels), SLICE):
            part = slice(begin, begin + SLICE)
            file.append(labels[part].filter(pa.array(there[part])))
        return file.labels(), np.cumsum(there, dtype=np.int32) - np.int32(1)

    def _objects(
        self, pairs: NDArray[np.int64]
    ) -> tuple[pa.LargeStringArray, NDArray[np.int32], list[str]]:
        """Return the labels of the objects, their kinds, and the names of these."""
        n = max(len(self._labels["object"]), 1)
        kind, code = pairs // n, pairs % n
        kinds = sorted(set(np.unique(kind).tolist()) | self._kinds)
        names = [self._labels["kind"][int(k)].as_py() for k in kinds]
        labels = self._labels["object"]
        if len(pairs) < len(labels) or len(kinds) > 1:
            file = LabelFile(self._scratch, "object-left")
            for begin in range(0, len(code), SLICE):
                file.append(labels.take(pa.array(code[begin : begin + SLICE])))
            labels = file.labels()
        return labels, np.searchsorted(kinds, kind).astype(np.int32), names

    def _write_actions(
        self,
        runs: Sequence[Run],
        out: _Output,
        accounts: pa.LargeStringArray,
        account_map: NDArray[np.int32] | None,
    ) -> ActionLog:
        """Merge the runs into the files of the generation; return the log of these."""
        maps = {"account": account_map}
        posts = texts = None
        pairs = self._pairs.found()
        if "post" in self._optional:
            posts, maps["post"] = self._squeezed("post", self._there["post"])
        written = np.zeros(len(self._labels["text"]) if "text" in self._optional else 0, bool)
        for arrays, done in merge_actions(runs, self._budget // ACTION_BYTES, self._threads):
            columns = arrays | {"folded": arrays.pop("further")}
            columns["object"] = np.searchsorted(pairs, arrays["object"]).astype(np.int32)
            for name, number in maps.items():
                if number is not None:
                    columns[name] = array_kernels.recode(arrays[name], number)
            if len(written):
                codes = columns["text"]
                written[codes[codes >= 0]] = True
            out.append(columns)
            self._step(done)
        out.close()
        if "text" in self._optional:
            texts, number = self._squeezed("text", written)
            if number is not None:
                out.recode("text", number)
            out.labels("texts", texts)
        if posts is not None:
            out.labels("posts", posts)
        out.labels("accounts", accounts)
        labels, kind, names = self._objects(pairs)
        out.labels("objects", labels, kind)
        rows, dropped = 0, dict(self._dropped)
        dropped["duplicate"] = dropped.get("duplicate", 0) + out.folded
        for before in self._logs:
            rows += before.rows_read
            if before.folded is not None:
                dropped["duplicate"] -= int(before.folded.sum(dtype=np.int64))
        if self._table is not None:
            rows += self._table.rows
        named = [log.sources for log in self._logs] + [t.sources for t in (self._table,) if t]
        frames = [log.frame for log in self._logs] + [t.frame for t in (self._table,) if t]
        logger.info("wrote %s rows: %s actions, dropped %s", rows, out.n, dropped)
        return ActionLog(
            **mapped_fields(self._write.generation),
            kinds=tuple(names),
            rows_read=rows,
            dropped=ReadOnly(dict(sorted(dropped.items(), key=_rank_of_reason))),
            sources=tuple(name for names in named for name in names),
            frame=frames[0],
        )


def _rank_of_reason(item: tuple[str, int]) -> int:
    """Return where a reason stands: those of reading first, as reading has them."""
    return _DROPPED.index(item[0]) if item[0] in _DROPPED else len(_DROPPED)


def _of_kinds(log: ActionLog) -> list[tuple[int, int]]:
    """Return where the objects of each kind begin and end; each kind is a run of labels."""
    starts = np.flatnonzero(np.diff(log.object_kind, prepend=-1)).tolist()
    return list(pairwise([*starts, log.n_objects]))
