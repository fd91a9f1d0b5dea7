"""The files of a generation, written piece by piece: columns, labels, blocks of accounts."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from coordnet.errors import InputError, shown
from coordnet.kernels import arrays as array_kernels
from coordnet.log.labels import LABELS

GROUP = 1 << 16  # actions of a row group of a block
SLICE = 1 << 20  # values or labels that are copied at a time
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = 128  # bytes before the values, whatever their number
_BLOCK = pa.schema([("account", pa.int32()), ("object", pa.int32()), ("time", pa.int64())])


class ColumnFile:
    """A .npy file that arrays are appended to."""

    def __init__(self, path: Path, dtype: Any) -> None:
        self.path = path
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self.n = 0
        self._file = path.open("wb")
        self._file.write(bytes(_HEADER))

    def append(self, array: NDArray[Any]) -> None:
        """Write further values."""
        self._file.write(np.ascontiguousarray(array, self.dtype).view(np.uint8).data)
        self.n += len(array)

    def read(self) -> Iterator[NDArray[Any]]:
        """Yield the values of the closed file piece by piece; nothing stays in memory."""
        for begin in range(0, self.n, SLICE):
            offset = _HEADER + begin * self.dtype.itemsize
            yield np.fromfile(self.path, self.dtype, min(SLICE, self.n - begin), offset=offset)

    def close(self) -> None:
        """Write how many values there are."""
        shape = f"{{'descr': '{self.dtype.str}', 'fortran_order': False, 'shape': ({self.n},), }}"
        length = _HEADER - len(_MAGIC) - 2
        self._file.seek(0)
        self._file.write(_MAGIC + length.to_bytes(2, "little"))
        self._file.write(shape.encode().ljust(length - 1) + b"\n")
        self._file.close()


def mapped(path: Path) -> NDArray[Any]:
    """Return the array of a .npy file, read-only, from the disk as it is needed."""
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError("the header is of another version")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        begin = file.tell()
    if shape == (0,):  # nothing can be mapped
        array = np.zeros(0, dtype)
        array.flags.writeable = False
        return array
    return np.asarray(np.memmap(path, dtype, "r", begin, shape))


def values_between(file: pa.NativeFile, begin: int, end: int) -> NDArray[Any]:
    """Return the values begin..end-1 of an open .npy file, read-only, and read nothing else."""
    file.seek(0)
    head = io.BytesIO(file.read(_HEADER))
    np.lib.format.read_magic(head)
    _, _, dtype = np.lib.format.read_array_header_1_0(head)
    file.seek(_HEADER + begin * dtype.itemsize)
    held = file.read_buffer((end - begin) * dtype.itemsize)
    return np.frombuffer(held, dtype)


class LabelFile:
    """Labels that are appended to, then an Arrow file of one batch, which can be mapped."""

    def __init__(self, scratch: Path, name: str) -> None:
        self._parts = scratch / f"{name}.ends", scratch / f"{name}.bytes"
        self._ends, self._data = (part.open("wb") for part in self._parts)
        self._ends.write(bytes(8))
        self.n = self._size = 0

    def append(self, labels: pa.LargeStringArray) -> None:
        """Write further labels."""
        if len(labels) == 0:
            return
        _, offsets, data = labels.buffers()
        ends = np.frombuffer(offsets, np.int64)[labels.offset :][: len(labels) + 1]
        self._ends.write((ends[1:] - ends[0] + self._size).data)
        if data is not None:
            self._data.write(memoryview(data)[ends[0] : ends[-1]])
        self._size += int(ends[-1] - ends[0])
        self.n += len(labels)

    def labels(self) -> pa.LargeStringArray:
        """Return all labels, from the disk as they are needed. Nothing can be appended then."""
        self._ends.close()
        self._data.close()
        ends, data = (_buffer(part) for part in self._parts)
        return pa.Array.from_buffers(LABELS, self.n, [None, ends, data])


def _buffer(path: Path) -> pa.Buffer:
    if path.stat().st_size == 0:
        return pa.py_buffer(b"")
    with pa.memory_map(str(path)) as source:
        return source.read_buffer()


def write_labels(
    path: Path, labels: pa.LargeStringArray, kind: NDArray[np.int32] | None = None
) -> None:
    """Write labels, and of objects their kind, as an Arrow file of one batch."""
    columns: dict[str, pa.Array] = {"label": labels}
    if kind is not None:
        columns["kind"] = pa.array(kind)
    batch = pa.record_batch(columns)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as out:
        out.write_batch(batch)


def read_labels(path: Path) -> tuple[pa.LargeStringArray, NDArray[np.int32] | None]:
    """Return labels, and of objects their kind, from the disk as they are needed."""
    with pa.memory_map(str(path)) as source:
        batch = pa.ipc.open_file(source).get_batch(0)
    kind = batch["kind"].to_numpy() if "kind" in batch.schema.names else None
    return batch["label"], kind


class BlockFiles:
    """The actions of each block of accounts, as Parquet files in the order of the log.

    Row groups have :data:`GROUP` actions, the last one fewer, in whatever pieces they come.
    """

    def __init__(self, folder: Path, block: NDArray[np.int32], n: int) -> None:
        folder.mkdir()
        self._block = block
        self._n = n
        self._waiting: list[list[pa.Table]] = [[] for _ in range(n)]
        self._rows = [0] * n
        self._writers = [
            pa.parquet.ParquetWriter(
                folder / f"{i:03}.parquet", _BLOCK, compression="zstd", use_dictionary=False
            )
            for i in range(n)
        ]

    def append(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Write further actions, in the order of the log."""
        block = array_kernels.take(self._block, columns["account"])
        indptr, order = array_kernels.group_by_code(block, self._n)
        sorted_ = pa.table(
            [pa.array(array_kernels.take(columns[name], order)) for name in _BLOCK.names],
            schema=_BLOCK,
        )
        for i in range(self._n):
            rows = int(indptr[i + 1] - indptr[i])
            if rows:
                self._waiting[i].append(sorted_.slice(int(indptr[i]), rows))
                self._rows[i] += rows
        most = max(len(waiting) for waiting in self._waiting)
        for i in range(self._n):
            if self._rows[i] >= GROUP or most > 8:
                self._write(i)

    def _write(self, i: int, last: bool = False) -> None:
        """Write what makes whole row groups, and at the end the rest; keep a copy of the rest."""
        table = pa.concat_tables(self._waiting[i] or [_BLOCK.empty_table()])
        whole = len(table) if last else len(table) // GROUP * GROUP
        if whole:
            self._writers[i].write_table(table.slice(0, whole), GROUP)
        rest = table.slice(whole)
        # a slice would keep the whole piece that it is of
        self._waiting[i] = [rest.take(pa.array(np.arange(len(rest))))] if len(rest) else []
        self._rows[i] = len(rest)

    def close(self) -> None:
        """Write what is left."""
        for i in range(self._n):
            self._write(i, last=True)
            self._writers[i].close()


def check_files(folder: Path, generation: Path, files: Any) -> None:
    """Raise an error where a file of a store is missing, cut, or another one."""
    from coordnet.store.folder import known_by

    if not isinstance(files, Mapping):
        raise InputError(f"store.json of {shown(str(folder))} lists no files; write it anew.")
    for name, known in files.items():
        path = generation / name
        found = known_by(path)
        if found == known:
            continue
        what = (
            f"has {found['bytes']:,} bytes and was written with {known['bytes']:,}"
            if found["bytes"] != known["bytes"]
            else "is not the file that was written"
        )
        raise InputError(
            f"the file {shown(name)} of the store {shown(str(folder))} {what}; take the store from "
            "a copy, or write it anew."
        )
