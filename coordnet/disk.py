"""Arrays that stand on disk because memory would not do, and parts of work that outlive a kill.

An array on disk is a mapped file without a name: it goes when the array goes, whatever happens to
the process. Parts of work are files of a store's folder, each whole or not there: a run that was
stopped finds those that were finished.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import OutputError
from coordnet.memory import gigabytes, limited_to, may_use_disk, memory_budget, stays_in_memory
from coordnet.threads import run_chunks, thread_count

SLICE = 1 << 20  # rows that are read or written at once
LINEAR_BYTES = 80  # that what is counted of an action takes while it is tested, beside its columns
SETTING = "COORDNET_DISK"  # of the environment: the folder for arrays on disk
WORK = "work"  # in a store's folder
_FAR = 1 << 30  # where Windows locks a byte: others can read what stands before it


# -- arrays ------------------------------------------------------------------------------------


def disk_folder() -> Path:
    """Return the folder for arrays on disk: $COORDNET_DISK, or that for temporary files."""
    work = _work.get()
    if work is not None:
        return work.folder
    return Path(os.environ.get(SETTING) or tempfile.gettempdir())


def on_disk(n: int, dtype: Any) -> NDArray[Any]:
    """Return an array of so many values, not set yet, that takes room on disk and not in memory.

    Raises
    ------
    OutputError
        Where there is no room for it.
    """
    dtype, folder = np.dtype(dtype), disk_folder()
    if n == 0:
        return np.empty(0, dtype)
    size = n * dtype.itemsize
    try:
        file, name = tempfile.mkstemp(prefix="coordnet-", suffix=".tmp", dir=folder)
        try:
            if hasattr(os, "posix_fallocate"):  # a full disk is told now, not by a crash later
                os.posix_fallocate(file, 0, size)
            else:
                os.truncate(file, size)
            mapped = mmap.mmap(file, size)
        finally:
            os.close(file)
            with suppress(OSError):  # where an open file keeps its name it stays until it is freed
                Path(name).unlink()
    except OSError as error:
        raise OutputError(_no_room(folder, f"{gigabytes(size)} that do", error)) from error
    return np.frombuffer(mapped, dtype)


def stands_on_disk(array: NDArray[Any]) -> bool:
    """Return whether an array is one of :func:`on_disk`, or a view of it."""
    return _map_of(array) is not None


def release(*arrays: NDArray[Any]) -> None:
    """Give back the memory of what was read of arrays on disk, or written to them."""
    for array in arrays:
        mapped = _map_of(array)
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)


def _map_of(array: Any) -> mmap.mmap | None:
    while isinstance(array, np.ndarray):
        array = array.base
    if isinstance(array, memoryview):
        array = array.obj
    return array if isinstance(array, mmap.mmap) else None


def copied_to_disk(column: NDArray[Any]) -> NDArray[Any]:
    """Return a copy of a column on disk."""
    out = on_disk(len(column), column.dtype)
    out[:] = column
    release(out)
    return out


def linear_on_disk(n: int) -> bool:
    """Return whether what is counted of each of n actions stands on disk.

    So it does where a limit was given, and all that is counted would not stay in memory.
    """
    return may_use_disk() and not stays_in_memory(n * LINEAR_BYTES)


def linear_room(n: int, dtype: Any) -> NDArray[Any]:
    """Return an array of n values, not set yet, for what is counted of each of n actions."""
    return on_disk(n, dtype) if linear_on_disk(n) else np.empty(n, dtype)


def in_pieces(
    n: int,
    dtypes: Sequence[Any],
    make: Callable[[slice], Sequence[NDArray[Any]]],
    *read: NDArray[Any],
) -> list[NDArray[Any]]:
    """Return columns with a value for each of n actions, made in one piece or, on disk, in many.

    Parameters
    ----------
    n
        Number of values.
    dtypes
        The type of each column.
    make
        Gives the columns of the rows of a slice.
    *read
        What it reads of in order, where that is mapped: it is given back piece by piece.
    """
    if not linear_on_disk(n):
        return list(make(slice(0, n)))
    out = [on_disk(n, dtype) for dtype in dtypes]
    for begin in range(0, n, SLICE):
        here = slice(begin, min(begin + SLICE, n))
        for column, part in zip(out, make(here), strict=True):
            column[here] = part
        release(*out, *read)
    return out


def looked_up(values: NDArray[Any], codes: NDArray[Any]) -> NDArray[Any]:
    """Return values[codes] of n codes, such as a value of the account of each action.

    In one piece or, on disk, in many, as :func:`in_pieces` makes it.
    """
    (found,) = in_pieces(len(codes), [values.dtype], lambda here: [values[codes[here]]], codes)
    return found


def longer(column: NDArray[Any], more: NDArray[Any]) -> NDArray[Any]:
    """Return a column with a value for each of n actions, and further values behind it."""
    n = len(column)
    out = linear_room(n + len(more), column.dtype)
    for begin in range(0, n, SLICE):
        out[begin : min(begin + SLICE, n)] = column[begin : begin + SLICE]
        release(out, column)
    out[n:] = more
    return out


def ones_beside(column: NDArray[Any]) -> NDArray[np.float64]:
    """Return ones, as many as a column has values, and on disk where that is."""
    if not stands_on_disk(column):
        return np.ones(len(column))
    out = on_disk(len(column), np.float64)
    for begin in range(0, len(out), SLICE):
        out[begin : begin + SLICE] = 1.0
        release(out)
    return out


def taken(column: NDArray[Any], places: NDArray[np.int64]) -> NDArray[Any]:
    """Return the values of a column at ascending places, in memory."""
    out = np.empty(len(places), column.dtype)
    for begin in range(0, len(places), SLICE):
        out[begin : begin + SLICE] = column[places[begin : begin + SLICE]]
        release(column)
    return out


def put_at(column: NDArray[Any], places: NDArray[np.int64], values: NDArray[Any]) -> None:
    """Write values at ascending places of a column."""
    for begin in range(0, len(places), SLICE):
        column[places[begin : begin + SLICE]] = values[begin : begin + SLICE]
        release(column)


def selected(column: NDArray[Any], keep: NDArray[np.bool_], count: int) -> NDArray[Any]:
    """Return the marked values of a column: on disk where it is, unless they are few.

    Parameters
    ----------
    column
        The values.
    keep
        Which of them: bool (n,).
    count
        How many these are.
    """
    if not stands_on_disk(column):
        return column.compress(keep, axis=0)  # with a mask numpy guesses at each value
    room = np.empty if count <= SLICE else on_disk
    return _selected(column, keep, room(count, column.dtype))


def kept(column: NDArray[Any], keep: NDArray[np.bool_], count: int) -> NDArray[Any]:
    """Return the marked values of a column of a log: on disk where memory is too little for them.

    Parameters
    ----------
    column, keep, count
        As in :func:`selected`.
    """
    if not linear_on_disk(count):
        return column.compress(keep, axis=0)  # with a mask numpy guesses at each value
    return _selected(column, keep, on_disk(count, column.dtype))


def _selected(column: NDArray[Any], keep: NDArray[np.bool_], out: NDArray[Any]) -> NDArray[Any]:
    """Write the marked values of a column, piece by piece."""
    place = 0
    for begin in range(0, len(column), SLICE):
        part = column[begin : begin + SLICE].compress(keep[begin : begin + SLICE], axis=0)
        out[place : place + len(part)] = part
        place += len(part)
        release(column, out)
    return out


# -- parts of work -----------------------------------------------------------------------------


def digest_of(*arrays: Any) -> bytes:
    """Return a digest of arrays, for a key of :func:`made_in_parts`."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        if array is None:
            digest.update(b"none")
            continue
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        for begin in range(0, max(len(array), 1), SLICE):
            digest.update(np.ascontiguousarray(array[begin : begin + SLICE]).data)
        release(array)
    return digest.digest()


def lock(handle: int) -> None:
    """Lock an open file for this process until it is closed.

    Raises
    ------
    OSError
        Where another process has it.
    """
    try:
        import fcntl
    except ImportError:
        import msvcrt

        os.lseek(handle, _FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        os.lseek(handle, 0, os.SEEK_SET)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


class _Work:
    """The folder of the parts of one call, which go when it has ended well."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.used: dict[Path, int] = {}  # folders, and the files by which they are locked


_work: ContextVar[_Work | None] = ContextVar("work", default=None)


def work_folder() -> Path | None:
    """Return the folder for parts of the work of the block, in that of the log's store."""
    work = _work.get()
    return None if work is None else work.folder


@contextmanager
def work_in(folder: Path | None) -> Iterator[None]:
    """Let the parts of the work in the block stay in a store's folder until the block ends well.

    Parameters
    ----------
    folder
        Of the store; None keeps nothing.
    """
    if folder is None or _work.get() is not None:
        yield
        return
    work = _Work(folder / WORK)
    try:
        work.folder.mkdir(exist_ok=True)
    except OSError:  # nobody may write there, as where stores are shared
        yield
        return
    before = _work.set(work)
    try:
        yield
    finally:
        _work.reset(before)
        for handle in work.used.values():
            os.close(handle)
    for used in work.used:
        shutil.rmtree(used, ignore_errors=True)
    with suppress(OSError):  # another call may be at work
        work.folder.rmdir()


@contextmanager
def within_memory(memory: int | str | None, folder: Path | None) -> Iterator[None]:
    """Let the block take so much memory; what is more stands on disk, and parts of it stay there.

    Parameters
    ----------
    memory
        As a user gives it. None: three quarters of what is available where there is a folder, else
        no limit but that of the machine, and nothing on disk.
    folder
        Of the store that the log stands in; None where it stands in none.
    """
    if memory is None and folder is not None:
        memory = memory_budget()
    with limited_to(memory), work_in(folder):
        yield


class Parts(NamedTuple):
    """Columns on disk, made part by part.

    Attributes
    ----------
    columns : list of arrays
        Each of all parts, one after the other.
    starts : int64 (parts + 1,)
        Where each part begins.
    """

    columns: list[NDArray[Any]]
    starts: NDArray[np.int64]

    def of(self, i: int) -> list[NDArray[Any]]:
        """Return the columns of a part."""
        return [column[self.starts[i] : self.starts[i + 1]] for column in self.columns]

    def all(self, fits: bool) -> list[NDArray[Any]]:
        """Return the columns, in memory where they fit."""
        return [np.array(column) for column in self.columns] if fits else self.columns


def made_in_parts(
    key: Callable[[], Sequence[bytes | str]],
    n: int,
    columns: Mapping[str, Any],
    make: Callable[[Any, int], Sequence[NDArray[Any]]],
    *,
    threads: int | None = None,
    scratch: Callable[[], Any] = lambda: None,
    weights: Any = None,
    label: str = "",
) -> Parts:
    """Make columns part by part, on disk; those that a stopped run has finished are kept.

    Parameters
    ----------
    key
        Gives all that the columns depend on; called where parts outlive the process.
    n
        Number of parts.
    columns
        The type of each column by its name.
    make
        Called with the scratch and the number of the part; gives its columns.
    threads, scratch, weights, label
        As in :func:`coordnet.threads.run_chunks`.
    """
    out = _Growing(_home(key), columns)
    workers = thread_count(threads)

    def part(own: Any, i: int) -> None:
        if i < out.given:
            return
        with out.turn:  # nobody runs far ahead of the one who is next
            out.turn.wait_for(lambda: out.failed or i < len(out.rows) + 2 * workers)
        if out.failed:
            return
        try:
            out.append(i, make(own, i))
        except BaseException:
            with out.turn:
                out.failed = True
                out.turn.notify_all()
            raise

    try:
        run_chunks(part, n, threads=threads, scratch=scratch, weights=weights, label=label)
        return Parts(out.mapped(), np.concatenate([[0], np.cumsum(out.rows, dtype=np.int64)]))
    finally:
        out.close()


def _home(key: Callable[[], Sequence[bytes | str]]) -> Path | None:
    """Return the folder of the parts with a key, None where they go with the process.

    That is so where no work is to stay, and where another process makes the same parts just now.
    """
    work = _work.get()
    if work is None:
        return None
    digest = hashlib.blake2b(digest_size=16)
    for piece in key():
        data = piece.encode() if isinstance(piece, str) else piece
        digest.update(len(data).to_bytes(8, "little") + data)
    folder = work.folder / digest.hexdigest()
    if folder not in work.used:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o666)
        try:
            lock(handle)
        except OSError:
            os.close(handle)
            return None
        work.used[folder] = handle
    return folder


class _Growing:
    """Files that columns are appended to, part after part, and a journal of what is whole.

    Parameters
    ----------
    folder
        Where they stay until the work has ended well; None for files without a name.
    columns
        The type of each column by its name.
    """

    def __init__(self, folder: Path | None, columns: Mapping[str, Any]) -> None:
        self.place = disk_folder() if folder is None else folder
        self.dtypes = [np.dtype(dtype) for dtype in columns.values()]
        self.rows: list[int] = []  # of each part that is whole
        self.failed = False
        self.turn = threading.Condition()
        self._waiting: dict[int, Sequence[NDArray[Any]]] = {}
        self._journal: IO[str] | None = None
        try:
            if folder is None:
                self._files: list[IO[bytes]] = [
                    tempfile.TemporaryFile(dir=self.place)  # noqa: SIM115 - until close()
                    for _ in columns
                ]
            else:
                self._files = [(folder / name).open("a+b") for name in columns]
                self._journal = (folder / "journal").open("a+")
                self._journal.seek(0)
                told = self._journal.read()
                # a last line without its end was not finished
                self.rows = [int(line) for line in told.split("\n")[:-1]]
                self._journal.truncate(sum(len(str(r)) + 1 for r in self.rows))
                for file, dtype in zip(self._files, self.dtypes, strict=True):
                    file.truncate(sum(self.rows) * dtype.itemsize)
        except OSError as error:
            raise self._told(error) from error
        self.given = len(self.rows)

    def append(self, i: int, columns: Sequence[NDArray[Any]]) -> None:
        """Write a part, and those after it that waited for it."""
        with self.turn:
            self._waiting[i] = columns
            try:
                while len(self.rows) in self._waiting:
                    part = self._waiting.pop(len(self.rows))
                    for file, column, dtype in zip(self._files, part, self.dtypes, strict=True):
                        file.write(np.ascontiguousarray(column, dtype).view(np.uint8).data)
                        file.flush()
                    if self._journal is not None:
                        self._journal.write(f"{len(part[0])}\n")
                        self._journal.flush()
                    self.rows.append(len(part[0]))
            except OSError as error:
                raise self._told(error) from error
            self.turn.notify_all()

    def mapped(self) -> list[NDArray[Any]]:
        """Return the columns, mapped."""
        size = sum(self.rows)
        if size == 0:
            return [np.empty(0, dtype) for dtype in self.dtypes]
        return [
            np.frombuffer(
                mmap.mmap(file.fileno(), size * dtype.itemsize, access=mmap.ACCESS_READ), dtype
            )
            for file, dtype in zip(self._files, self.dtypes, strict=True)
        ]

    def close(self) -> None:
        """Let go of the files; what is mapped stays."""
        for file in (*self._files, self._journal):
            if file is not None:
                with suppress(OSError):  # a full disk was told before
                    file.close()

    def _told(self, error: OSError) -> OutputError:
        return OutputError(_no_room(self.place, "what does", error))


def _no_room(folder: Path, what: str, error: OSError) -> str:
    return (
        f"{folder}: no room for {what} not fit into memory ({error.strerror}); free space there, "
        f"set {SETTING} to a folder on another disk, or make the graph smaller: a higher "
        "min_weight= or a shorter window."
    )
