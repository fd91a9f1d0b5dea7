"""An engine that works on pairs of groups of blocks, each a task by itself.

A task reads the actions of its two groups, counts or tests the edges between them, and writes them
to a file under its own name. What it needs of the whole log was written beside before. Nothing goes
from one task to another. So a task that failed is done again, one that is done twice writes the
same, and what an interrupted run has finished need not be done again.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import secrets
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet
from numpy.typing import NDArray

import coordnet
from coordnet.blocks.blocks import block_of
from coordnet.blocks.edges import (
    Actions,
    Counting,
    counting_of,
    edges_between,
    made_from_blocks,
    split,
    tasks_of,
)
from coordnet.disk import (
    SLICE,
    WORK,
    copied_to_disk,
    digest_of,
    in_pieces,
    linear_room,
    release,
    work_folder,
)
from coordnet.engine import Columns
from coordnet.engines.account_blocks import merged
from coordnet.errors import InputError, OutputError, ParameterError, check_whole, shown
from coordnet.frames import frozen
from coordnet.graphs.co_action import COLUMNS
from coordnet.graphs.relation import Relation
from coordnet.inference.drawn_pairs import ranked_accounts
from coordnet.inference.pair_chances import sums_of_class
from coordnet.inference.pair_tests import PairFacts, PairTester
from coordnet.inference.statistics import Floats, ObjectStatistics, counted_objects
from coordnet.kernels import actions as action_kernels
from coordnet.kernels import arrays as array_kernels
from coordnet.log.account_order import account_runs, grouped
from coordnet.log.actions import ActionLog, compact
from coordnet.log.windows import Window, windows_of_kinds
from coordnet.memory import LEAST, limited_to, may_use_disk
from coordnet.progress import stage, wanted
from coordnet.store.files import values_between
from coordnet.store.folder import MANIFEST
from coordnet.store.stored_log import StoredLog
from coordnet.threads import equal_chunks

BLOCKS = 64  # blocks of a log that does not stand in a store
READ = 1 << 22  # values of a column that are read at once, but for one range,
APART = 1 << 14  # and between two ranges that are
OBJECT_BYTES = 40  # that an action takes while the objects are counted
ACTION_BYTES = 110  # that an action takes in a task, while it is put in order and counted
SHARE = 0.5  # of the memory of a task that actions may take; the rest is for edges
LOOK = 1.0  # seconds between two looks at what is finished
TASKS = 3  # for each worker, so that none waits long for the last
Task = Callable[[int, int], int]
Tests = tuple[NDArray[np.int32], Floats, Floats]


# -- places ------------------------------------------------------------------------------------


class Place(NamedTuple):
    """A folder that all machines see: a path, or what pyarrow reads as an address."""

    uri: str

    @property
    def shown(self) -> str:
        """The address without the keys that may stand in it."""
        return re.sub(r"://[^/]*@", "://...@", self.uri)

    def open(self) -> tuple[pa.fs.FileSystem, str]:
        """Return its file system, and its path there."""
        try:
            if "://" not in self.uri:
                return pa.fs.LocalFileSystem(), str(Path(self.uri).absolute())
            system, path = pa.fs.FileSystem.from_uri(self.uri)
        except (pa.ArrowInvalid, OSError) as error:
            raise ParameterError(
                f"{self.shown!r} is no folder that pyarrow can open ({error}); give a path, or an "
                "address such as s3://bucket/folder."
            ) from error
        return system, path.rstrip("/")

    def under(self, name: str) -> Place:
        """Return a folder in it."""
        address, sign, settings = self.uri, "", ""
        if "://" in address:  # what stands behind a question mark says how to reach it
            address, sign, settings = address.partition("?")
        return Place(f"{address.rstrip('/')}/{name}{sign}{settings}")

    def make(self) -> None:
        """Make the folder."""
        system, path = self.open()
        try:
            system.create_dir(path)
        except OSError as error:
            raise OutputError(
                f"{self.shown} cannot be written to ({error}); give the engine a folder= that this "
                "process and the workers can write to."
            ) from error

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        system, path = self.open()
        system.delete_dir(path)

    def values(self, name: str, begin: int, end: int) -> NDArray[Any]:
        """Return values begin..end-1 of a column of a store."""
        system, path = self.open()
        with system.open_input_file(f"{path}/{name}.npy") as file:
            return values_between(file, begin, end)

    def ranges(self, name: str, begin: NDArray[Any], end: NDArray[Any]) -> NDArray[Any]:
        """Return the values begin[i]..end[i]-1 of a column of a store, of ranges one after another.

        Ranges that are near each other are read at once.
        """
        system, path = self.open()
        parts = []
        with system.open_input_file(f"{path}/{name}.npy") as file:
            i = 0
            while i < len(begin):
                most = begin[i] + READ
                j = max(int(np.searchsorted(end, most, side="right")), i + 1)
                far = np.flatnonzero(begin[i + 1 : j] - end[i : j - 1] > APART)
                j = i + 1 + int(far[0]) if len(far) else j
                held = values_between(file, int(begin[i]), int(end[j - 1]))
                size = end[i:j] - begin[i:j]
                skipped = np.repeat(begin[i:j] - begin[i] - (np.cumsum(size) - size), size)
                parts.append(held[np.arange(len(skipped)) + skipped])
                i = j
        return np.concatenate(parts)

    def files(self) -> set[str]:
        """Return the names of the files in it."""
        system, path = self.open()
        found = system.get_file_info(pa.fs.FileSelector(path, allow_not_found=True))
        return {file.base_name for file in found if file.is_file}

    def write(self, name: str, columns: dict[str, NDArray[Any]]) -> None:
        """Write columns as a Parquet file: whole, or not there."""
        table = pa.table({column: pa.array(values) for column, values in columns.items()})
        system, path = self.open()
        temporary = f"{path}/.{name}-{secrets.token_hex(8)}"
        with system.open_output_stream(temporary) as out:
            pa.parquet.write_table(table, out, use_dictionary=False, compression="lz4")
        system.move(temporary, f"{path}/{name}")

    def read(self, name: str) -> dict[str, NDArray[Any]]:
        """Return the columns of a Parquet file."""
        system, path = self.open()
        table = pa.parquet.read_table(f"{path}/{name}", filesystem=system)
        return {column: table[column].to_numpy() for column in table.column_names}

    def rows(self, name: str) -> int:
        """Return how many rows a Parquet file has."""
        system, path = self.open()
        return int(pa.parquet.read_metadata(f"{path}/{name}", filesystem=system).num_rows)

    def write_arrays(self, name: str, **arrays: NDArray[Any]) -> None:
        """Write arrays, of whatever shapes."""
        system, path = self.open()
        held = io.BytesIO()
        np.savez(held, **arrays)  # type: ignore[arg-type]
        with system.open_output_stream(f"{path}/{name}") as out:
            out.write(held.getbuffer())

    def read_arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Return arrays that :meth:`write_arrays` wrote."""
        system, path = self.open()
        with (
            system.open_input_stream(f"{path}/{name}") as file,
            np.load(io.BytesIO(file.read())) as held,
        ):
            return dict(held)


def file_of(i: int, j: int) -> str:
    """Return the name of the file of a task."""
    return f"{i:04}-{j:04}.parquet"


# -- the tasks ---------------------------------------------------------------------------------


class Blocks(NamedTuple):
    """The actions of a log in files, one for each block of accounts, and how they are grouped."""

    place: Place
    n_blocks: int
    groups: int

    def group(self, block: Any) -> Any:
        """Return the group that a block is in."""
        return block % self.groups

    def actions(self, group: int) -> Actions:
        """Read the actions of a group, in the order of the log."""
        system, path = self.place.open()
        files = [f"{path}/{b:03}.parquet" for b in range(group, self.n_blocks, self.groups)]
        tables = [  # a task has one processor
            pa.parquet.read_table(file, filesystem=system, use_threads=False) for file in files
        ]
        table = pa.concat_tables(tables)
        account, object_, time = (
            frozen(table[name].to_numpy()) for name in ("account", "object", "time")
        )
        if len(files) > 1:
            indptr, order = array_kernels.group_by_code(object_, int(object_.max(initial=-1)) + 1)
            action_kernels.sort_within_groups(
                indptr, order, time, account.astype(np.int64), 0, len(indptr) - 1
            )
            account, object_, time = (
                frozen(array_kernels.take(column, order)) for column in (account, object_, time)
            )
        return Actions(account, object_, time)


def count_task(blocks: Blocks, place: Place, counting: Counting, i: int, j: int) -> int:
    """Count the edges between two groups, write them, and return how many they are.

    Parameters
    ----------
    blocks
        The actions.
    place
        Where the edges are written, and the kinds of the objects stand.
    counting
        What is counted; with the kinds left out.
    i, j
        The groups, i <= j.
    """
    if len(counting.windows) > 1:
        counting = counting._replace(kind=place.read_arrays("kinds.npz")["kind"])
    other = blocks.actions(j) if i != j else None
    edges = edges_between(counting, blocks.actions(i), other, threads=1)
    place.write(file_of(i, j), edges)
    return len(edges["source"])


def test_task(blocks: Blocks, place: Place, facts: PairFacts, i: int, j: int) -> int:
    """Test the pairs of accounts of two groups, write the results, and return how many they are.

    Parameters
    ----------
    blocks
        The actions.
    place
        Where the results are written; the arrays of the facts, and the pairs, stand there.
    facts
        Of the whole log, without their arrays.
    i, j
        The groups, i <= j.
    """
    pairs = place.under("pairs").read(file_of(i, j))
    parts = [blocks.actions(group) for group in sorted({i, j})]
    given = place.read_arrays("facts.npz")
    facts = facts._replace(
        classes=given["classes"],
        rank=given.get("rank"),
        by_cell=(given["chances"], given["misses"], given["windows"]),
    )
    # the two accounts of a pair are put in order of object and time each for itself
    account, object_, time = (frozen(np.concatenate(column)) for column in zip(*parts, strict=True))
    account, present = compact(account, int(account.max(initial=-1)) + 1)
    account = frozen(account)
    tester = PairTester(facts, account, object_, time, len(present))
    source, target = (
        np.searchsorted(present, pairs[end]).astype(np.int32) for end in ("source", "target")
    )
    occasions, expected, p_value = tester.test(source, target, threads=1)
    place.write(file_of(i, j), {"occasions": occasions, "expected": expected, "p": p_value})
    return len(occasions)


def object_task(
    columns: Place, place: Place, windows: NDArray[np.int64], first: int, last: int
) -> int:
    """Count who acts on the objects first..last-1, write it, and return how many they are.

    Parameters
    ----------
    columns
        The generation of the store, of whose columns the actions of these objects are read.
    place
        Where the results are written, and the kinds of the objects stand.
    windows
        Of each kind, in microseconds; or (1,), of all.
    first, last
        The objects.
    """
    starts = columns.values("object-starts", first, last + 1)
    begin, end = int(starts[0]), int(starts[-1])
    account = columns.values("account", begin, end)
    account, present = compact(account, int(account.max(initial=-1)) + 1)
    kind = np.zeros(last - first, np.int32)
    if len(windows) > 1:
        kind = place.read_arrays("kinds.npz")["kind"][first:last]
    found = counted_objects(
        frozen(starts - begin), frozen(account), columns.values("time", begin, end),
        windows[kind], len(present), threads=1,
    )  # fmt: skip
    place.write(file_of(first, last), found._asdict())
    return last - first


def class_task(columns: Place, place: Place, memory: int, c: int, _: int) -> int:
    """Look at the pairs of accounts on the objects of class c, and write what they show.

    Parameters
    ----------
    columns
        The generation of the store, of whose columns the actions of the class are read.
    place
        Where the result is written; where the objects of the class stand in the columns, its
        window and its pooled chance are there.
    memory
        Bytes that the task may take; what is more stands on the disk of the worker.
    c
        The class.
    """
    given = place.read_arrays("classes.npz")
    at = place.under("objects").read(file_of(c, c))
    with limited_to(memory):
        account = columns.ranges("account", at["begin"], at["end"])
        time = columns.ranges("time", at["begin"], at["end"])
        size = at["end"] - at["begin"]
        object_ = np.repeat(np.arange(len(size), dtype=np.int32), size)
        account, _present = compact(account, int(account.max(initial=-1)) + 1)
        sums = sums_of_class(
            frozen(account), frozen(object_), frozen(time), given["windows"][c],
            given["pooled"][c], c,
        )  # fmt: skip
    place.write(file_of(c, c), {"sums": sums})
    return len(size)


def account_task(columns: Place, place: Place, first: int, last: int) -> int:
    """Look up accounts by their ranks on the objects first..last-1 of those that were drawn.

    Parameters
    ----------
    columns
        The generation of the store, of whose columns the actions of these objects are read.
    place
        Where the accounts are written; where the objects stand in the columns, and the ranks, are
        there.
    first, last
        The objects, by their numbers among those that were drawn.
    """
    given = place.read_arrays("drawn.npz")
    begin, end = given["begin"][first:last], given["end"][first:last]
    account = columns.ranges("account", begin, end)
    account, present = compact(account, int(account.max(initial=-1)) + 1)
    object_ = np.repeat(np.arange(last - first, dtype=np.int32), end - begin)
    indptr, positions = grouped(frozen(account), len(present))
    runs = account_runs(frozen(indptr), frozen(positions), frozen(object_))
    asked = slice(given["starts"][first], given["starts"][last])
    number = np.repeat(np.arange(last - first), np.diff(given["starts"][first : last + 1]))
    found = ranked_accounts(runs, last - first, number, given["rank"][asked])
    place.write(file_of(first, last), {"account": present[found].astype(np.int32)})
    return len(found)


@contextmanager
def _watched(place: Place, files: set[str], step: Callable[[float], None]) -> Iterator[None]:
    """Say, where a person looks, how many of the files are there, as long as the block lasts."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOK):
            with suppress(OSError):
                step(len(files & place.files()) / len(files))

    watcher = threading.Thread(target=look, daemon=True)
    if wanted():
        watcher.start()
    try:
        yield
    finally:
        ended.set()
        if watcher.is_alive():
            watcher.join()


def _read(place: Place, tasks: Sequence[tuple[int, int]]) -> list[list[NDArray[Any]]]:
    """Return the columns of the files of tasks, to be merged: on disk unless they are few.

    What they are merged to is as large once more.
    """
    files = [file_of(*pair) for pair in tasks]
    many = sum(place.rows(file) for file in files) > SLICE
    found = []
    for file in files:
        columns = list(place.read(file).values())
        if may_use_disk() and many:
            columns = [copied_to_disk(column) for column in columns]
        found.append(columns)
    pa.default_memory_pool().release_unused()  # else it keeps what the files took
    return found


# -- the engine --------------------------------------------------------------------------------


class TaskEngine(ABC):
    """Counts and tests edges by tasks over pairs of groups of blocks.

    Parameters
    ----------
    folder
        A folder that all machines see, for what tasks need and give: a path, or an address that
        pyarrow can open. By default the folder of the log's store, or else :meth:`temporary`.
    groups
        Number of groups of blocks, 1 to 64; by default as many as the workers and their memory ask
        for. It changes no byte of the result.
    store
        Where other machines see the folder of the store, where that is another path or address.
    """

    def __init__(
        self,
        folder: Any = None,
        groups: int | None = None,
        store: Any = None,
    ) -> None:
        self.folder = None if folder is None else Place(str(folder))
        self.groups = None if groups is None else check_whole(groups, "groups", 1, BLOCKS)
        self.store = None if store is None else Place(str(store))

    @abstractmethod
    def run(self, task: Task, tasks: Sequence[tuple[int, int]]) -> None:
        """Call ``task(i, j)`` for all (i, j), wherever that is."""

    @abstractmethod
    def workers(self) -> tuple[int, int]:
        """Return how many tasks run at once, and how many bytes each may take."""

    @contextmanager
    def temporary(self) -> Iterator[Place]:
        """Yield a folder for a log that stands in no store, where none was given."""
        raise ParameterError(
            "the log stands in no store, and the workers are on other machines: give the engine a "
            "folder= that all of them see, or write a store with write_store."
        )
        yield Place("")

    def edges(
        self, log: ActionLog, relation: Relation, weight: str, min_weight: int
    ) -> Columns | None:
        """Count the edges of a log; see :meth:`coordnet.engine.Engine.edges`."""
        if not made_from_blocks(relation):
            return None
        counting = counting_of(log, relation, weight, min_weight)
        key = ("edges", log.fingerprint, repr(relation), weight, str(min_weight))
        with self._exchange(log, key) as (blocks, place):
            if counting.kind is not None:
                place.write_arrays("kinds.npz", kind=counting.kind)
            tasks = list(tasks_of(blocks.groups))
            task = partial(count_task, blocks, place, counting._replace(kind=None))
            self._do(task, tasks, place, "co-actions")
            return dict(zip(COLUMNS, merged(_read(place, tasks)), strict=True))

    def objects(self, log: ActionLog, window: Window) -> ObjectStatistics | None:
        """Count who acts on each object; see :meth:`coordnet.engine.Engine.objects`.

        Objects are cut into ranges, each a task: actions stand in the order of their objects. A log
        that is no whole store is left to this process.
        """
        columns = self._columns(log)
        if columns is None:
            return None
        tasks = self._ranges(np.diff(log.by_object))
        windows = windows_of_kinds(window, log.kinds)
        with self._exchange(log, ("objects", log.fingerprint, repr(window))) as (_, place):
            if (windows == windows[0]).all():
                windows = windows[:1]
            else:
                place.write_arrays("kinds.npz", kind=log.object_kind)
            self._do(partial(object_task, columns, place, windows), tasks, place, "objects")
            found = ObjectStatistics.room(log.n_objects)
            for first, last in tasks:
                part = place.read(file_of(first, last))
                for name, column in found._asdict().items():
                    column[first:last] = part[name]
            release(*found)
            return found

    def tests(
        self,
        log: ActionLog,
        facts: PairFacts,
        source: NDArray[np.int32],
        target: NDArray[np.int32],
    ) -> Tests:
        """Test pairs of accounts of a log; see :meth:`coordnet.engine.Engine.tests`."""
        key = (
            "tests", log.fingerprint, digest_of(source, target).hex(),
            digest_of(facts.classes, facts.rank, *facts.by_cell).hex(), repr(facts.occasion_rule),
        )  # fmt: skip
        n = len(source)
        tested = linear_room(n, np.int32), linear_room(n, np.float64), linear_room(n, np.float64)
        with self._exchange(log, key) as (blocks, place):
            rank = {} if facts.rank is None else {"rank": facts.rank}
            chances, misses, windows = facts.by_cell
            place.write_arrays(
                "facts.npz", classes=facts.classes, chances=chances, misses=misses,
                windows=windows, **rank,
            )  # fmt: skip
            small = facts._replace(
                classes=facts.classes[:0], rank=None, by_cell=(chances[:0], misses[:0], windows[:0])
            )
            group = blocks.group(block_of(log.all_accounts.labels, blocks.n_blocks))

            def task_of(here: slice) -> list[NDArray[np.int32]]:
                one, other = group[source[here]], group[target[here]]
                number = np.minimum(one, other) * blocks.groups + np.maximum(one, other)
                return [number.astype(np.int32)]

            (number,) = in_pieces(n, [np.int32], task_of, source, target)
            indptr, order = grouped(frozen(number), blocks.groups**2)
            of = {
                divmod(k, blocks.groups): order[a:b]
                for k, (a, b) in enumerate(pairwise(indptr.tolist()))
                if a < b
            }
            pairs, done = place.under("pairs"), place.files()
            pairs.make()
            for task, at in of.items():
                if file_of(*task) not in done:
                    pairs.write(file_of(*task), {"source": source[at], "target": target[at]})
                    release(order, source, target)
            self._do(partial(test_task, blocks, place, small), list(of), place, "edge tests")
            for task, at in of.items():
                for column, part in zip(tested, place.read(file_of(*task)).values(), strict=True):
                    column[at] = part
                release(order, *tested)
            pa.default_memory_pool().release_unused()
        return tested

    def pair_sums(
        self,
        log: ActionLog,
        ranked: NDArray[np.int32],
        borders: NDArray[np.int64],
        classes: NDArray[np.int64],
        windows: NDArray[np.int64],
        pooled: Floats,
    ) -> list[Floats] | None:
        """Look at the pairs of each class; see :meth:`coordnet.engine.Engine.pair_sums`.

        Each class is a task. It reads the actions on its own objects.
        """
        columns = self._columns(log)
        if columns is None:
            return None
        key = ("pairs", log.fingerprint, digest_of(ranked, borders, windows, pooled).hex())
        with self._exchange(log, key) as (_, place):
            place.write_arrays("classes.npz", windows=windows, pooled=pooled)
            tasks, objects, done = (
                [(c, c) for c in classes.tolist()], place.under("objects"), place.files(),
            )  # fmt: skip
            objects.make()
            for task in tasks:
                if file_of(*task) not in done:
                    own = ranked[borders[task[0]] : borders[task[0] + 1]]
                    begin, end = log.by_object[own], log.by_object[own + 1]
                    objects.write(file_of(*task), {"begin": begin, "end": end})
            memory = max(int(SHARE * self.workers()[1]), LEAST)
            self._do(partial(class_task, columns, place, memory), tasks, place, "chances")
            return [place.read(file_of(*task))["sums"] for task in tasks]

    def accounts_on(
        self, log: ActionLog, object_: NDArray[np.int64], rank: NDArray[np.int64]
    ) -> NDArray[np.int32] | None:
        """Look up accounts by their ranks; see :meth:`coordnet.engine.Engine.accounts_on`.

        The objects are cut into ranges, each a task that reads the actions on them.
        """
        columns = self._columns(log)
        if columns is None:
            return None
        order = np.argsort(object_, kind="stable")
        drawn, starts = np.unique(object_[order], return_index=True)
        starts = np.append(starts, len(order))
        begin, end = log.by_object[drawn], log.by_object[drawn + 1]
        tasks = self._ranges(end - begin)
        key = ("accounts", log.fingerprint, digest_of(object_, rank).hex())
        with self._exchange(log, key) as (_, place):
            place.write_arrays("drawn.npz", begin=begin, end=end, starts=starts, rank=rank[order])
            self._do(partial(account_task, columns, place), tasks, place, "sample")
            parts = [place.read(file_of(*task))["account"] for task in tasks]
        found = np.empty(len(order), np.int32)
        found[order] = np.concatenate(parts)
        return found

    def _ranges(self, acts: NDArray[np.int64]) -> list[tuple[int, int]]:
        """Cut objects with so many actions into ranges, each a task."""
        workers, memory = self.workers()
        parts = max(TASKS * workers, int(acts.sum() * OBJECT_BYTES / (SHARE * memory)) + 1)
        return list(pairwise(equal_chunks(acts, parts).tolist()))

    def _columns(self, log: ActionLog) -> Place | None:
        """Return where workers read the columns of a log, None where it is no whole store.

        None also where they see another store, as with a background in a store of its own.
        """
        if not (isinstance(log, StoredLog) and log.counted and len(log)):
            return None
        return self._seen(log)

    def _seen(self, log: StoredLog) -> Place | None:
        """Return where workers see the files of a store, None where they see another store."""
        if self.store is None:
            return Place(str(log.folder)).under(log.generation)
        system, path = self.store.open()
        try:
            with system.open_input_stream(f"{path}/{MANIFEST}") as file:
                told = json.loads(file.read())
            return self.store.under(told["generation"]) if log.is_told_by(told) else None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self.store.shown} holds no store that this process can read ({error}); copy the "
                "whole folder of the store there, and give its address as store=."
            ) from error

    def _do(self, task: Task, tasks: Sequence[tuple[int, int]], place: Place, label: str) -> None:
        """Run the tasks whose results are not there yet, those with two groups first."""
        done = place.files()
        left = [pair for pair in tasks if file_of(*pair) not in done]
        left.sort(key=lambda pair: pair[0] == pair[1])
        if left:
            with stage(label) as step, _watched(place, {file_of(*pair) for pair in tasks}, step):
                self.run(task, left)
        missing = {file_of(*pair) for pair in tasks} - place.files()
        if missing:
            raise InputError(
                f"{place.shown}: the results of {len(missing)} tasks are not there, so the workers "
                "write to another place than this process reads; give the engine a folder= that "
                "all of them see under the same path."
            )

    @contextmanager
    def _exchange(self, log: ActionLog, key: Sequence[str]) -> Iterator[tuple[Blocks, Place]]:
        """Yield the blocks of a log, and a folder that goes when all has ended well."""
        if self.folder is not None:
            with self._work(self.folder, log, key) as found:
                yield found
        elif (beside := work_folder()) is not None:  # the log may be a part of its store
            seen = Place(str(beside)) if self.store is None else self.store.under(WORK)
            with self._work(seen, log, key) as found:
                yield found
        else:
            with self.temporary() as folder, self._work(folder, log, key) as found:
                yield found

    @contextmanager
    def _work(
        self, folder: Place, log: ActionLog, key: Sequence[str]
    ) -> Iterator[tuple[Blocks, Place]]:
        n_blocks = log.n_blocks if isinstance(log, StoredLog) else BLOCKS
        groups = min(self.groups or self._groups(len(log)), n_blocks)
        digest = hashlib.blake2b(digest_size=16)
        for piece in (coordnet.__version__, str(groups), str(n_blocks), *key):
            digest.update(len(piece).to_bytes(8, "little") + piece.encode())
        place = folder.under(f"tasks-{digest.hexdigest()}")
        place.make()
        if isinstance(log, StoredLog):
            seen = self._seen(log)
            if seen is None:
                assert self.store is not None
                raise InputError(
                    f"{self.store.shown} holds another log than the store "
                    f"{shown(str(log.folder))}; copy the folder there once more, and give its "
                    "address as store=."
                )
            there = seen.under("blocks")
        else:
            there = place.under("blocks")
            there.make()
            for b, actions in enumerate(split(log, n_blocks)):
                there.write(f"{b:03}.parquet", actions._asdict())
        yield Blocks(there, n_blocks, groups), place
        place.remove()

    def _groups(self, actions: int) -> int:
        """Return the number of groups for workers and their memory."""
        workers, memory = self.workers()
        groups = 1
        while groups < BLOCKS and (
            groups * (groups + 1) // 2 < TASKS * workers
            or 2 * actions / groups * ACTION_BYTES > SHARE * memory
        ):
            groups += 1
        return groups
