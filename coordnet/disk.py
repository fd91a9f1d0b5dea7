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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.errors import OutputError
from coordnet.export import whole_file
from coordnet.memory import gigabytes, limited_to, memory_budget
from coordnet.threads import run_chunks

SLICE = 1 << 20  # rows that are read or written at once
SETTING = "COORDNET_DISK"  # of the environment: the folder for arrays on disk
WORK = "work"  # in a store's folder


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
        raise OutputError(
            f"{folder}: no room for {gigabytes(size)} that do not fit into memory "
            f"({error.strerror}); free space there, set {SETTING} to a folder on another disk, or "
            "make the graph smaller: a higher min_weight= or a shorter window."
        ) from error
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


def to_disk(column: NDArray[Any]) -> NDArray[Any]:
    """Return a copy of a column on disk."""
    out = on_disk(len(column), column.dtype)
    out[:] = column
    release(out)
    return out


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
    if count <= SLICE or not stands_on_disk(column):
        return column[keep]
    out = on_disk(count, column.dtype)
    place = 0
    for begin in range(0, len(column), SLICE):
        part = column[begin : begin + SLICE][keep[begin : begin + SLICE]]
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


class _Work:
    """The folder of the parts of one call, which go when it has ended well."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.used: set[Path] = set()


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


def made_in_parts(
    key: Callable[[], Sequence[bytes | str]],
    n: int,
    names: Sequence[str],
    make: Callable[[Any, int], Sequence[NDArray[Any]]],
    *,
    threads: int | None = None,
    scratch: Callable[[], Any] = lambda: None,
    weights: Any = None,
    label: str = "",
) -> list[list[NDArray[Any]]]:
    """Make columns part by part, each of them on disk; finished parts are not made again.

    Parameters
    ----------
    key
        Gives all that the columns depend on; called where parts outlive the process.
    n
        Number of parts.
    names
        Of the columns.
    make
        Called with the scratch and the number of the part; gives its columns.
    threads, scratch, weights, label
        As in :func:`coordnet.threads.run_chunks`.
    """
    work = _work.get()
    folder = None
    if work is not None:
        digest = hashlib.blake2b(digest_size=16)
        for piece in key():
            data = piece.encode() if isinstance(piece, str) else piece
            digest.update(len(data).to_bytes(8, "little") + data)
        folder = work.folder / digest.hexdigest()
        folder.mkdir(exist_ok=True)
        work.used.add(folder)

    def part(own: Any, i: int) -> list[NDArray[Any]]:
        if folder is None:
            return [to_disk(column) for column in make(own, i)]
        file = folder / f"{i:05d}.arrow"
        if not file.exists():
            table = pa.table([pa.array(column) for column in make(own, i)], names=list(names))
            with whole_file(file) as temporary, pa.ipc.new_file(temporary, table.schema) as out:
                out.write_table(table)
        return _read(file)

    return run_chunks(part, n, threads=threads, scratch=scratch, weights=weights, label=label)


def joined(parts: list[list[NDArray[Any]]], fits: Callable[[int], bool]) -> list[NDArray[Any]]:
    """Return the columns of parts one after the other; the parts are used up.

    Parameters
    ----------
    parts
        Of :func:`made_in_parts`.
    fits
        Called with the number of rows: whether they fit into memory; else they are on disk.
    """
    rows = sum(len(columns[0]) for columns in parts)
    room = np.empty if fits(rows) else on_disk
    out = [room(rows, column.dtype) for column in parts[0]]
    place = 0
    for columns in parts:
        end = place + len(columns[0])
        for whole, column in zip(out, columns, strict=True):
            whole[place:end] = column
        place = end
        columns.clear()
        release(*out)
    return out


def _read(file: Path) -> list[NDArray[Any]]:
    """Return the columns of a part, mapped."""
    with pa.memory_map(str(file)) as source:
        batches = pa.ipc.open_file(source)
        if batches.num_record_batches == 0:
            return [np.empty(0, field.type.to_pandas_dtype()) for field in batches.schema]
        return [column.to_numpy() for column in batches.get_batch(0).columns]
