"""Sorted runs merged: each run is cut at the same values, and what lies between two is one piece.

The values are taken from samples of the runs, so that a piece fits in the memory that is given,
however often a label or an object occurs.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.log.encoding import put_in_order, ranked
from coordnet.log.labels import LABELS
from coordnet.store.files import LabelFile

SAMPLES = 64  # of each piece
KEYS = ("object", "time", "account", "post")  # what actions are sorted by


class Run:
    """Actions in order, on the disk, column by column.

    Columns are those of :func:`coordnet.log.encoding.put_in_order`, but ``object`` is int64. They
    are sorted by (object, time, account, post). What is read is in memory; nothing stays mapped, so
    that the process takes no more than it is given.

    Parameters
    ----------
    scratch, number
        A folder, and what tells the run from others in it.
    """

    def __init__(self, scratch: Path, number: int) -> None:
        self._path = scratch / f"run-{number:05}"
        self.types: dict[str, np.dtype[Any]] = {}
        self.n = 0

    def append(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Write further actions."""
        for name, column in columns.items():
            self.types[name] = column.dtype
            with self._of(name).open("ab") as file:
                file.write(np.ascontiguousarray(column).view(np.uint8).data)
        self.n += len(columns["time"])

    def read(self, name: str, begin: int, end: int) -> NDArray[Any]:
        """Return actions begin..end-1 of a column."""
        kind = self.types[name]
        return np.fromfile(self._of(name), kind, end - begin, offset=begin * kind.itemsize)

    def mapped(self, name: str) -> NDArray[Any]:
        """Return a column, to look at few places of it."""
        if self.n == 0:
            return np.zeros(0, self.types[name])
        return np.asarray(np.memmap(self._of(name), self.types[name], "r"))

    def _of(self, name: str) -> Path:
        return self._path.with_name(f"{self._path.name}-{name}")


def merge_labels(
    runs: Sequence[pa.LargeStringArray], scratch: Path, name: str, most: int
) -> tuple[pa.LargeStringArray, list[Path | None]]:
    """Merge runs of labels.

    Parameters
    ----------
    runs
        Labels, distinct and in byte order in each run.
    scratch, name
        A folder for what does not stay in memory, and how files in it begin.
    most
        Bytes of labels that are merged at a time.

    Returns
    -------
    labels : pyarrow.LargeStringArray
        All labels, distinct, in byte order, from the disk.
    maps : list of path
        For each run a file with the place of each of its labels among all (:func:`read_map`).
    """
    if len(runs) < 2:
        return runs[0] if runs else pa.array([], LABELS), [None] * len(runs)
    sink = LabelFile(scratch, f"{name}-labels")
    maps = [scratch / f"{name}-{i:05}.map" for i in range(len(runs))]
    cuts = _label_cuts(runs, 1 + sum(run.nbytes for run in runs) // most)
    for part in range(len(cuts[0]) - 1):
        pieces = [run[cut[part] : cut[part + 1]] for run, cut in zip(runs, cuts, strict=True)]
        encoded = pa.concat_arrays(pieces).dictionary_encode()
        rank, labels = ranked(encoded.dictionary)
        place = rank[encoded.indices.to_numpy()] + np.int32(sink.n)
        sink.append(labels)
        begin = 0
        for path, piece in zip(maps, pieces, strict=True):
            with path.open("ab") as file:  # one at a time: there may be more than can be open
                file.write(place[begin : begin + len(piece)].data)
            begin += len(piece)
    return sink.labels(), list(maps)


def read_map(path: Path | None) -> NDArray[np.int32] | None:
    """Return the place of each label of a run among all, None where that is its own place."""
    return None if path is None else np.fromfile(path, np.int32)


def _label_cuts(runs: Sequence[pa.LargeStringArray], parts: int) -> list[list[int]]:
    """Return where each run is cut, so that pieces of the same number hold the same labels."""
    step = 1 + sum(map(len, runs)) // (parts * SAMPLES)
    sampled: list[bytes] = []
    if parts > 1:
        for run in runs:
            some = run.take(pa.array(np.arange(step // 2, len(run), step)))
            sampled += [label.encode() for label in some.to_pylist()]
    sampled.sort()
    values = [sampled[i * len(sampled) // parts] for i in range(1, parts)] if sampled else []

    def cut(run: pa.LargeStringArray) -> list[int]:
        at = [
            bisect.bisect_left(range(len(run)), value, key=lambda i: run[i].as_py().encode())
            for value in values
        ]
        return [0, *at, len(run)]

    return [cut(run) for run in runs]


def merge_actions(
    runs: Sequence[Run], most: int, threads: int | None = None
) -> Iterator[tuple[dict[str, NDArray[Any]], float]]:
    """Merge runs of actions; yield them in order, piece by piece.

    Parameters
    ----------
    runs
        Of equal actions those of the earlier run stand first.
    most
        Actions of a piece, about.
    threads
        Number of threads; None means all processors.

    Yields
    ------
    columns : dict of arrays
    done : float, the share of all actions that is done
    """
    names = list(runs[0].types)
    keys = [name for name in KEYS if name in names]
    total = sum(run.n for run in runs)
    cuts = _action_cuts(runs, keys, 1 + total // most)
    done = 0
    for part in range(len(cuts[0]) - 1):
        some = [(run, cut[part], cut[part + 1]) for run, cut in zip(runs, cuts, strict=True)]
        arrays = {
            name: np.concatenate([run.read(name, a, b) for run, a, b in some]) for name in names
        }
        n = len(arrays["time"])
        if n == 0:
            continue
        if sum(b > a for _, a, b in some) > 1:  # one run is in order, and folded
            objects, dense = _dense(arrays["object"])
            arrays["object"] = dense
            put_in_order(arrays, len(objects), threads=threads)
            arrays["object"] = objects[arrays["object"]]
        done += n
        yield arrays, done / total


def _dense(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the distinct keys in order, and the place of each key among them."""
    least, most = int(keys.min()), int(keys.max())
    if most - least < 4 * len(keys):  # without sorting
        there = np.zeros(most - least + 1, bool)
        there[keys - least] = True
        place = np.cumsum(there, dtype=np.int32) - np.int32(1)
        return np.flatnonzero(there) + least, place[keys - least]
    found, places = np.unique(keys, return_inverse=True)
    return found, places.astype(np.int32)


def _action_cuts(runs: Sequence[Run], keys: Sequence[str], parts: int) -> list[list[int]]:
    """Return where each run is cut, so that equal actions are in pieces of the same number."""
    total = sum(run.n for run in runs)
    step = 1 + total // (parts * SAMPLES)
    at: list[tuple[Any, ...]] = []
    if parts > 1:
        sampled = [
            np.concatenate([run.mapped(key)[step // 2 :: step] for run in runs]) for key in keys
        ]
        order = np.lexsort(sampled[::-1])
        chosen = order[np.arange(1, parts) * len(order) // parts] if len(order) else order
        at = [tuple(column[i] for column in sampled) for i in chosen]
    return [[0, *(_first_from(run, keys, value) for value in at), run.n] for run in runs]


def _first_from(run: Run, keys: Sequence[str], value: tuple[Any, ...]) -> int:
    """Return the first place of a run whose keys are not below a value."""
    begin, end = 0, run.n
    for key, wanted in zip(keys, value, strict=True):
        own = run.mapped(key)[begin:end]
        # of the same type: else the whole column would be copied
        part = own.dtype.type(wanted)
        begin, end = (
            begin + int(np.searchsorted(own, part, "left")),
            begin + int(np.searchsorted(own, part, "right")),
        )
    return begin
