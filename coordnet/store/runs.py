"""Sorted runs: a source read a stretch at a time, each stretch encoded and sorted by itself.

What would take memory for every row goes to the disk: labels of a stretch in byte order, codes
into them, times. When all is read, the labels of all stretches are merged
(:mod:`coordnet.store.merging`), what is told from whole columns is told, and each stretch becomes a
run of actions in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.kernels import arrays as array_kernels
from coordnet.log.encoding import put_in_order, ranked
from coordnet.log.labels import LABELS
from coordnet.readers.columns import (
    all_whole,
    check_id_type,
    is_text,
    label_column,
    lost_id,
    written_numbers,
)
from coordnet.readers.files import file_pieces
from coordnet.readers.frames import frame_pieces
from coordnet.readers.loaded import Loaded, shown
from coordnet.readers.tables import (
    LEAVE,
    Asked,
    actions_of_rows,
    kind_column,
    paths_of,
    unreadable_time,
)
from coordnet.readers.times import Parsed, Told, parse, settled, told
from coordnet.store.files import read_labels, write_labels
from coordnet.threads import run_chunks

_PLAIN = {pa.string(), pa.large_string()}
PIECE = 1 << 16  # rows that are asked of a source at a time
Columns = dict[str, pa.ChunkedArray]


@dataclass
class Stretch:
    """Rows of a source, encoded by themselves.

    Attributes
    ----------
    path
        The archive of its arrays: the codes of each role, and of each source of rows the times.
    first, n
        Its first row in the whole source, and how many there are.
    files
        The sources that its rows are of, one after the other, by number.
    lost
        The roles with labels that are numbers with lost digits, or may be.
    """

    path: Path
    first: int
    n: int
    files: list[int]
    lost: set[str] = field(default_factory=set)

    def array(self, name: str) -> NDArray[Any]:
        """Return an array that was put down."""
        array: NDArray[Any] = np.load(self.path.with_name(f"{self.path.name}-{name}.npy"))
        return array

    def put(self, name: str, array: NDArray[Any]) -> None:
        """Put an array down."""
        np.save(self.path.with_name(f"{self.path.name}-{name}.npy"), array)

    def labels(self, role: str) -> pa.LargeStringArray:
        """Return the labels of a role, in byte order."""
        return read_labels(self.path.with_name(f"{self.path.name}-{role}.arrow"))[0]

    def put_labels(self, role: str, labels: pa.LargeStringArray) -> None:
        """Put the labels of a role down."""
        write_labels(self.path.with_name(f"{self.path.name}-{role}.arrow"), labels)

    def parsed(self, part: int) -> Parsed:
        """Return the times of the rows of one source."""
        arrays = [
            self.array(f"{name}{part}")
            if self.path.with_name(f"{self.path.name}-{name}{part}.npy").exists()
            else None
            for name in Parsed._fields
        ]
        return Parsed(*arrays)  # type: ignore[arg-type]


class Table:
    """A table of actions on its way into a store.

    Parameters
    ----------
    source, asked
        As for :func:`coordnet.read_actions`.
    scratch
        A folder for what does not stay in memory.
    most, most_rows
        Bytes that the columns of a stretch may take, and how many rows it may have.
    threads
        Number of threads; None means all processors.
    """

    def __init__(
        self,
        source: Any,
        asked: Asked,
        scratch: Path,
        most: int,
        most_rows: int,
        threads: int | None,
    ) -> None:
        self.asked = asked
        self._scratch = scratch
        self._threads = threads
        self.stretches: list[Stretch] = []
        self._types: dict[str, set[pa.DataType]] = {role: set() for role in asked.ids}
        self._time_types: list[pa.DataType | None] = []  # of each source
        self._as_floats: set[int] = set()  # sources whose numbers are floats, as others' are
        self.rows = 0
        files = paths_of(source)
        if files is None:
            opened, pieces = frame_pieces(source, asked.names, PIECE)
            self._where = Loaded({}, [], [opened.source], frame=opened.kind)
            sources: Iterator[Iterator[Columns]] = iter([pieces])
        else:
            self._where = Loaded({}, [], [str(path) for path in files], [])
            sources = (file_pieces(path, asked.names, threads, PIECE, most) for path in files)
        self._read(sources, most, most_rows, in_files=files is not None)

    @property
    def sources(self) -> tuple[str, ...]:
        """The files, or the kind of frame."""
        return tuple(self._where.sources)

    @property
    def frame(self) -> str:
        """The kind of frame that results are given as."""
        return self._where.frame

    # -- first pass: stretches --------------------------------------------------------------

    def _read(
        self, sources: Iterator[Iterator[Columns]], most: int, most_rows: int, in_files: bool
    ) -> None:
        """Read everything, a stretch at a time."""
        waiting: list[tuple[int, Columns]] = []
        size = rows = 0
        for number, pieces in enumerate(sources):
            if in_files:
                self._where.starts.append(self.rows + rows)
            self._time_types.append(None)
            for piece in pieces:
                full = size > most or rows >= most_rows
                if waiting and (full or not _alike(waiting[-1][1], piece)):
                    self._encode(waiting)
                    waiting, size, rows = [], 0, 0
                waiting.append((number, piece))
                rows += len(piece["time"])
                size += sum(column.nbytes for column in piece.values())
        self._encode(waiting)

    def _encode(self, pieces: list[tuple[int, Columns]]) -> None:
        """Encode rows whose columns are each of one type, and put them down."""
        first = self.rows
        columns = {role: _joined([piece[role] for _, piece in pieces]) for role in self.asked.names}
        files = list(dict.fromkeys(number for number, _ in pieces))
        path = self._scratch / f"{len(self.stretches):05}"
        stretch = Stretch(path, first, len(columns["time"]), files)
        ids = self.asked.ids
        for role in ids:
            where = f"column {self.asked.names[role]!r} of {shown(self.sources[files[0]])}"
            check_id_type(columns[role].type, where)
            self._types[role].add(columns[role].type)
        written = run_chunks(
            lambda _, i: self._put_codes(stretch, ids[i], columns[ids[i]]),
            len(ids),
            threads=self._threads,
        )
        stretch.lost = {role for role, lost in zip(ids, written, strict=True) if lost}
        if self.asked.on_bad == "error":  # as they were written, for the error
            with pa.OSFile(f"{path}-times.arrow", "wb") as sink:
                times = pa.table({"time": columns["time"]})
                with pa.ipc.new_file(sink, times.schema) as out:
                    out.write_table(times)
        for part, number in enumerate(files):
            times = _joined([piece["time"] for of, piece in pieces if of == number])
            self._time_types[number] = times.type
            where = f"column {self.asked.names['time']!r}"
            if len(self.sources) > 1:
                where += f" of {shown(self.sources[number])}"
            parsed = parse(
                times, self.asked.names["time"], self.asked.unit, self.asked.time_format,
                where=where,
            )  # fmt: skip
            for name, array in zip(Parsed._fields, parsed, strict=True):
                if array is not None:
                    stretch.put(f"{name}{part}", array)
        self.rows += stretch.n
        self.stretches.append(stretch)
        columns.clear()
        pieces.clear()
        pa.default_memory_pool().release_unused()

    def _put_codes(self, stretch: Stretch, role: str, column: pa.ChunkedArray) -> bool:
        """Put down a column as codes and sorted labels; say if some may have lost digits."""
        name = self.asked.names[role]
        labelled = label_column(column, name, lambda row: self._where.place(stretch.first + row))
        if role == "kind":
            labelled = kind_column(labelled, len(column), self.asked)
        rank, labels = ranked(labelled.labels)
        stretch.put(role, array_kernels.recode(labelled.codes, rank))
        stretch.put_labels(role, labels)
        if role in ("kind", "text"):
            return False
        lost, decimal = written_numbers(labels)
        if not (lost.any() or decimal.any()):
            return False
        stretch.put(f"{role}-lost", lost)
        stretch.put(f"{role}-decimal", decimal)
        return True

    # -- between: what is told from whole columns -------------------------------------------

    def fixed_kinds(self) -> pa.LargeStringArray | None:
        """Return the kinds, in byte order, where there is no column of them."""
        return None if "kind" in self.asked.names else kind_column(None, 1, self.asked).labels

    def kind_codes(self) -> NDArray[np.int32]:
        """Return the kind of each column of objects among :meth:`fixed_kinds`."""
        return kind_column(None, 1, self.asked).codes

    def decimals(self, before: Mapping[str, pa.LargeStringArray]) -> set[str]:
        """Return the roles in which 12.0 has lost digits: some end so, and all are whole.

        Parameters
        ----------
        before
            Labels that the columns have had before, by role.
        """
        found = set()
        for role, types in self._types.items():
            if role in ("kind", "text") or not _as_text(types):
                continue
            old = before.get(role, pa.array([], LABELS))
            own = [stretch.labels(role) for stretch in self.stretches]
            ends = [
                stretch.array(f"{role}-decimal") if role in stretch.lost else np.zeros(n, bool)
                for stretch, n in zip(self.stretches, map(len, own), strict=True)
            ]
            ends.append(written_numbers(old)[1])
            some = any(marks.any() for marks in ends)
            if some and not all(marks.all() for marks in ends) and all(map(all_whole, [*own, old])):
                found.add(role)
        return found

    def told(self) -> dict[int, str | Told]:
        """Return what numbers mean as times, by the number of the source."""
        sources = range(len(self._time_types))
        one = len(set(self._time_types)) == 1
        meaning: dict[int, str | Told] = {}
        for group in [list(sources)] if one else [[number] for number in sources]:
            kinds = {values.dtype for values, _ in self._numbers(group)}
            if not kinds:
                continue
            # whole numbers written as text, and elsewhere in the column others: all are floats then
            self._as_floats |= set(group) if len(kinds) > 1 else set()
            if self.asked.unit is not None:
                meaning |= dict.fromkeys(group, self.asked.unit)
            else:
                pieces = partial(self._numbers, group)
                meaning |= dict.fromkeys(group, told(pieces, self.asked.names["time"]))
        return meaning

    def _numbers(self, group: list[int]) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_]]]:
        """Yield the numbers among the times of some sources, and which of them are bad."""
        for stretch in self.stretches:
            for part, number in enumerate(stretch.files):
                if number in group and (parsed := self._part(stretch, part)).values is not None:
                    yield parsed.numbers()

    def _part(self, stretch: Stretch, part: int) -> Parsed:
        """Return the times of the rows of one source, numbers in the type that all of them have."""
        parsed = stretch.parsed(part)
        if stretch.files[part] in self._as_floats and parsed.values is not None:
            return parsed._replace(values=parsed.values.astype(np.float64))
        return parsed

    def check_digits(self, decimals: set[str]) -> bool:
        """Return whether some ids have lost digits, and raise an error unless such rows may go.

        Parameters
        ----------
        decimals
            What :meth:`decimals` gave.
        """
        found = False
        for role, types in self._types.items():
            if role in ("kind", "text") or not _as_text(types):
                continue
            marked = ((s, self._lost_rows(s, role, decimals)) for s in self.stretches)
            first, rows = None, 0
            for stretch, marks in marked:
                if marks is not None and self._any_lost(stretch, role, decimals):
                    found = True
                    if first is None and marks.any():
                        first = stretch, int(np.flatnonzero(marks)[0])
                    rows += int(marks.sum())
            if first is not None and self.asked.on_bad == "error":
                stretch, row = first
                value = stretch.labels(role)[int(stretch.array(role)[row])].as_py()
                place = self._where.place(stretch.first + row)
                raise lost_id(value, rows, self.asked.names[role], place, LEAVE)
        return found

    def _any_lost(self, stretch: Stretch, role: str, decimals: set[str]) -> bool:
        return bool(self._lost_labels(stretch, role, decimals).any())

    def _lost_labels(self, stretch: Stretch, role: str, decimals: set[str]) -> NDArray[np.bool_]:
        lost = stretch.array(f"{role}-lost")
        return lost | stretch.array(f"{role}-decimal") if role in decimals else lost

    def _lost_rows(
        self, stretch: Stretch, role: str, decimals: set[str]
    ) -> NDArray[np.bool_] | None:
        """Mark the rows of a stretch whose ids have lost digits, None where none can have."""
        if role not in stretch.lost or not _as_text(self._types[role]):
            return None
        labels = np.append(self._lost_labels(stretch, role, decimals), False)
        marks: NDArray[np.bool_] = labels[stretch.array(role)]  # the last is of the code -1
        return marks

    # -- second pass: actions in order ------------------------------------------------------

    def runs(
        self,
        maps: Mapping[str, Callable[[int], NDArray[np.int32] | None]],
        n_objects: int,
        kinds: NDArray[np.int32] | None,
        meaning: Mapping[int, str | Told],
        decimals: set[str],
        first_row: int,
        dropped: dict[str, int],
    ) -> Iterator[dict[str, NDArray[Any]]]:
        """Yield the actions of each stretch in order: object, account, time, row, ...

        Parameters
        ----------
        maps
            By role: gives for a stretch the code of each of its labels among those of all.
        n_objects
            Number of labels of objects. ``object`` of what is given is int64: kind times this, plus
            the code of the label.
        kinds
            The code of the kind of each column of objects, where there is no column of kinds.
        meaning, decimals
            What :meth:`told` and :meth:`decimals` gave.
        first_row
            The number of the first row.
        dropped
            How many are dropped, by reason; these are added. Damaged ids are where there are any.
        """
        bad_rows, first_bad = 0, None
        for number, stretch in enumerate(self.stretches):
            local = {role: stretch.array(role) for role in self.asked.ids}
            parts = [
                self._settled(self._part(stretch, part), meaning.get(of))
                for part, of in enumerate(stretch.files)
            ]
            time = np.concatenate([time for time, _ in parts])
            bad = np.concatenate([bad for _, bad in parts])
            lost = {
                role: marks
                for role in self.asked.ids
                if (marks := self._lost_rows(stretch, role, decimals)) is not None
            }
            columns = self.asked.objects
            there, unreadable, gone = actions_of_rows(local, columns, lost, bad)
            if "damaged id" not in dropped:
                gone.pop("damaged id", None)
            for reason, rows in gone.items():
                dropped[reason] = dropped.get(reason, 0) + rows
            if unreadable.any() and self.asked.on_bad == "error":
                bad_rows += int(unreadable.sum())
                first_bad = first_bad or (stretch, int(np.flatnonzero(unreadable)[0]))
            if first_bad is not None:  # only the others are counted
                continue
            at = np.flatnonzero(there)  # row after row
            rows_at = at // len(columns)
            local = {role: _recoded(codes, maps[role](number)) for role, codes in local.items()}
            cells = np.stack([local[role] for role in columns], axis=1).ravel()[at]
            kind = local["kind"][rows_at] if kinds is None else np.tile(kinds, stretch.n)[at]
            key = kind.astype(np.int64) * n_objects + cells
            objects, dense = _numbered(key, n_objects)
            arrays = {
                "object": dense,
                "account": local["account"][rows_at],
                "time": time[rows_at],
                "row": rows_at + (stretch.first + first_row),
            }
            for role in ("post", "text"):
                if role in local:
                    arrays[role] = local[role][rows_at]
            put_in_order(arrays, len(objects), threads=self._threads)
            arrays["object"] = objects[arrays["object"]]
            yield arrays
        if first_bad is not None:
            stretch, row = first_bad
            with pa.memory_map(f"{stretch.path}-times.arrow") as file:
                value = pa.ipc.open_file(file).read_all()["time"][row]
            place = self._where.place(stretch.first + row)
            raise unreadable_time(value, place, bad_rows, self.asked)

    def _settled(
        self, parsed: Parsed, meaning: str | Told | None
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        if parsed.values is None or meaning is None:
            return parsed.time, parsed.bad
        return settled(parsed, meaning)


def _recoded(codes: NDArray[np.int32], number: NDArray[np.int32] | None) -> NDArray[np.int32]:
    """Return number[code] for each code, -1 where it is -1; the codes where there is no number."""
    if number is None:
        return codes
    out: NDArray[np.int32] = array_kernels.recode(codes, number)
    return out


def _numbered(key: NDArray[np.int64], n: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the distinct keys in order, and the place of each key among them."""
    if len(key) and int(key.max()) < n and n < 4 * len(key):  # one kind: no sorting is needed
        return np.arange(n), key.astype(np.int32)
    keys, places = np.unique(key, return_inverse=True)
    return keys, places.astype(np.int32)


def _as_text(types: set[pa.DataType]) -> bool:
    """Return whether the ids of a column are taken as text: columns of several types are."""
    return len(types) > 1 or any(map(is_text, types))


def _alike(one: Columns, other: Columns) -> bool:
    """Return whether columns are of the same types, or both of plain text."""
    return all(
        column.type == other[role].type or {column.type, other[role].type} == _PLAIN
        for role, column in one.items()
    )


def _joined(columns: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    """Return columns of one type, or of plain text, as one."""
    types = {column.type for column in columns}
    if len(types) > 1:
        columns = [column.cast(LABELS) for column in columns]
    return pa.chunked_array([c for column in columns for c in column.chunks], columns[0].type)
