"""Exports piece by piece: files of JSON, delimited files, Parquet, and frames.

What a file is made of is told by its first bytes, not by its name. A line that cannot be read is
counted with its number, and the next one is read.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from coordnet.errors import InputError
from coordnet.log.labels import LABELS
from coordnet.readers.formats import Cells, Format, at, fields_of
from coordnet.readers.frames import Opened, typed
from coordnet.readers.loaded import shown

ROWS = 50_000  # of a piece; enough for Arrow, little enough for memory
SHOWN = 5  # bad lines that are told
_LOOKED_AT = 50  # lines that tell the fields
_NOTES = 30  # lines that may stand above the header
_DELIMITERS = (",", ";", "\t", "|")
_BYTES = 4 * 1024 * 1024  # of the JSON of a piece
_LONGEST = 32 * 1024 * 1024
_GZIP, _ZSTD, _PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"


@dataclass
class Bad:
    """Lines that could not be read: how many, and the first of them.

    Attributes
    ----------
    raises
        Whether the first one is an error.
    counts
        How many by reason.
    first
        Source, line and what is wrong, of the first few.
    """

    raises: bool
    counts: dict[str, int] = field(default_factory=dict)
    first: list[tuple[str, int, str]] = field(default_factory=list)

    def add(self, source: str, line: int, reason: str, detail: str) -> None:
        """Count one line, or raise an error of it."""
        if self.raises:
            raise InputError(
                f"{shown(source)}, line {line}: {reason} ({detail}); leave such lines out and "
                'have them counted with errors="count".'
            )
        self.counts[reason] = self.counts.get(reason, 0) + 1
        if len(self.first) < SHOWN:
            self.first.append((source, line, f"{reason} ({detail})"))


@dataclass
class Piece:
    """Some records of a source, and where they stand.

    Attributes
    ----------
    source
        The file.
    lines
        int64 (n,): the line of each, from 1; of a frame or Parquet file its row.
    records
        JSON values as the format decodes them, or None for a table.
    cells
        The columns, or None for records.
    """

    source: str
    lines: NDArray[np.int64]
    records: list[Any] | None = None
    cells: Cells | None = None


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Tell a file that is damaged as an error that names it."""
    try:
        yield
    except (EOFError, OSError, zlib.error, gzip.BadGzipFile, pa.ArrowException, csv.Error) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{shown(str(path))} cannot be read: {reason[:300]}.") from None


class _Unpacked(io.RawIOBase):
    """An Arrow stream as Python reads one, line by line."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer; return how many bytes."""
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        super().close()


def _open(path: Path) -> BinaryIO:
    """Open a file, unpacked: that it is packed is told by its first bytes."""
    with path.open("rb") as file:
        start = file.read(4)
    if start[:2] == _GZIP:
        return cast("BinaryIO", gzip.open(path, "rb"))
    if start == _ZSTD:
        stream = pa.input_stream(str(path.absolute()), compression="zstd")
        return cast("BinaryIO", io.BufferedReader(_Unpacked(stream), 1 << 20))
    return path.open("rb")


def _start(path: Path) -> bytes:
    with _readable(path), _open(path) as file:
        return file.read(4096)


class _Value(NamedTuple):
    """A JSON value: its line, itself, and its length in bytes."""

    line: int
    value: Any
    size: int


def _by_size(values: Iterator[_Value]) -> Iterator[list[_Value]]:
    """Give values together until they are of some megabytes, or some thousand."""
    some: list[_Value] = []
    size = 0
    for value in values:
        some.append(value)
        size += value.size
        if size >= _BYTES or len(some) >= ROWS:
            yield some
            some, size = [], 0
    if some:
        yield some


class FileSource:
    """A file that has been looked at: its kind, and the fields of its first records."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        start = _start(path)
        self.is_parquet = start[:4] == _PARQUET
        text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
        self.is_json = not self.is_parquet and text[:1] in (b"{", b"[")
        self._encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"

    @property
    def columns(self) -> bool:
        """Whether it is a table of columns."""
        return not self.is_json

    def fields(self, fit: Callable[[set[str]], float]) -> set[str]:
        """Return the fields that tell the format: columns, or those of the first records.

        Parameters
        ----------
        fit
            How well a set of fields fits, from 0 to 1. Notes may stand above the header, so that
            the line is taken that fits best; the first of those that fit alike.
        """
        with _readable(self.path):
            if self.is_parquet:
                with pq.ParquetFile(self._parquet()) as file:
                    return set(file.schema_arrow.names)
            if self.is_json:
                values = islice(self._values(msgspec.json.decode, Bad(False)), _LOOKED_AT)
                return {f for value in values for f in fields_of(value.value)}
            return set(max((row for _, row in self._headers()), key=_by(fit), default=()))

    def pieces(self, format_: Format, bad: Bad) -> Iterator[Piece]:
        """Give the file piece by piece."""
        with _readable(self.path):
            if self.is_parquet:
                yield from self._parquet_pieces()
            elif self.is_json:
                yield from self._json_pieces(format_, bad)
            else:
                yield from self._csv_pieces(format_, bad)

    # -- Parquet

    def _parquet(self) -> Any:
        with self.path.open("rb") as file:
            if file.read(4) == _PARQUET:
                return self.path.absolute()
        with _open(self.path) as packed:
            return pa.BufferReader(packed.read())

    def _parquet_pieces(self) -> Iterator[Piece]:
        with pq.ParquetFile(self._parquet()) as file:
            row = 0
            for batch in file.iter_batches(ROWS):
                yield _table_piece(self.name, pa.Table.from_batches([batch]), row)
                row += batch.num_rows

    # -- JSON

    def _values(self, decode: Callable[[bytes], Any], bad: Bad) -> Iterator[_Value]:
        """Give the JSON values with their lines: one a line, or the parts of one document."""
        if not self._by_lines():
            yield from self._parts(decode, bad)
            return
        with _open(self.path) as file:
            for number, line in enumerate(file, 1):
                text = line.strip()
                if number == 1:
                    text = text.removeprefix(b"\xef\xbb\xbf")
                if not text:
                    continue
                try:
                    value = _decoded(text, decode)
                except (ValueError, RecursionError) as error:
                    bad.add(self.name, number, "no JSON object", str(error)[:100])
                    continue
                if isinstance(value, list):
                    size = len(text) // max(len(value), 1)
                    yield from (_Value(number, item, size) for item in value)
                elif isinstance(value, str | int | float | bool | None):
                    bad.add(self.name, number, "no JSON object", shown(value, 60))
                else:
                    yield _Value(number, value, len(text))

    def _by_lines(self) -> bool:
        """Return whether any of the first lines is a JSON value by itself."""
        with _open(self.path) as file:
            for line in islice(file, 20):
                text = line.removeprefix(b"\xef\xbb\xbf").strip()
                if text[:1] in (b"{", b"[") and len(text) > 2:
                    try:
                        json.loads(text)
                    except (ValueError, RecursionError):
                        continue
                    return True
        return False

    def _parts(self, decode: Callable[[bytes], Any], bad: Bad) -> Iterator[_Value]:
        """Give the values of a file that is one document: a list, or values one after the other."""
        with _open(self.path) as file:
            text = file.read().decode("utf-8-sig", errors="replace")
        reader = json.JSONDecoder()
        at, number = 0, 0
        while True:
            at += len(text[at : at + 1_000_000]) - len(text[at : at + 1_000_000].lstrip(" \r\n\t,"))
            if at >= len(text):
                return
            try:
                value, at = reader.raw_decode(text, at)
            except (ValueError, RecursionError) as error:
                line = text.count("\n", 0, at) + 1
                bad.add(self.name, line, "no JSON object", str(error)[:100])
                return
            for item in value if isinstance(value, list) else [value]:
                number += 1
                try:
                    packed = msgspec.json.encode(item)
                    yield _Value(number, decode(packed), len(packed))
                except (ValueError, RecursionError) as error:
                    bad.add(self.name, number, "no JSON object", str(error)[:100])

    def _json_pieces(self, format_: Format, bad: Bad) -> Iterator[Piece]:
        decode = msgspec.json.decode if format_.is_table else format_.decode
        # a record may be a page of hundreds of posts
        for some in _by_size(self._values(decode, bad)):
            lines = np.array([value.line for value in some], np.int64)
            rows = [value.value for value in some]
            if format_.is_table:
                rows = [row if isinstance(row, dict) else {} for row in rows]
                names = {name for row in rows for name in fields_of(row)}
                yield Piece(self.name, lines, cells=Cells(names, len(rows), _of_records(rows)))
            else:
                yield Piece(self.name, lines, records=rows)

    # -- delimited

    def _text(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(
            _open(self.path), encoding=self._encoding, errors="surrogateescape", newline=""
        )

    def _headers(self) -> list[tuple[str, list[str]]]:
        """Return the lines that may be the header, each with what delimits it best."""
        found = []
        with self._text() as file:
            for line in islice(file, _NOTES):
                rows = {d: next(csv.reader([line], delimiter=d), []) for d in _DELIMITERS}
                by = max(rows, key=lambda d: len(rows[d]))
                found.append((by, [name.strip() for name in rows[by]]))
        return found

    def _csv_pieces(self, format_: Format, bad: Bad) -> Iterator[Piece]:
        headers = self._headers()
        if not headers:
            return
        fits = [format_.fit(set(row))[0] for _, row in headers]
        best = fits.index(max(fits))
        delimiter, header = headers[best]
        before = csv.field_size_limit(_LONGEST)
        try:
            with self._text() as file:
                for _ in range(best + 1):
                    file.readline()
                reader = csv.reader(file, delimiter=delimiter)
                while some := self._rows(reader, len(header), best + 1, bad):
                    lines = np.array([line for line, _ in some], np.int64)
                    rows = [row for _, row in some]
                    yield Piece(
                        self.name, lines, cells=Cells(header, len(rows), _of_rows(rows, header))
                    )
        finally:
            csv.field_size_limit(before)

    def _rows(self, reader: Any, width: int, above: int, bad: Bad) -> list[tuple[int, list[str]]]:
        """Return the next rows with their lines, those of another width counted as bad."""
        some: list[tuple[int, list[str]]] = []
        line = reader.line_num + above + 1
        for row in reader:
            if row and len(row) != width and (len(row) < width or any(row[width:])):
                detail = f"{len(row)} values for {width} columns"
                bad.add(self.name, line, "row of another width", detail)
            elif row:  # a delimiter may stand at the end of lines
                if any(
                    "\udc80" <= c <= "\udcff" for cell in row if not cell.isascii() for c in cell
                ):
                    bad.add(self.name, line, "not UTF-8", "save the file as UTF-8")
                else:
                    some.append((line, row[:width]))
            line = reader.line_num + above + 1
            if len(some) >= ROWS:
                break
        return some


class FrameSource:
    """A frame of any library."""

    columns = True

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self.name = opened.source

    def fields(self, fit: Callable[[set[str]], float]) -> set[str]:
        """Return the names of its columns."""
        return {str(name) for name in self._opened.there}

    def pieces(self, format_: Format, bad: Bad) -> Iterator[Piece]:
        """Give the frame piece by piece."""
        names = [n for n in dict.fromkeys(self._opened.there) if isinstance(n, str)]
        columns = {
            name: _of_objects(column, name) if isinstance(column, list) else column
            for name, column in self._opened.read(names).items()
        }
        table = pa.table(columns)
        for row in range(0, table.num_rows, ROWS):
            yield _table_piece(self.name, table.slice(row, ROWS), row)


def _of_objects(values: list[Any], name: str) -> pa.ChunkedArray:
    """Return Python objects as text: ids under the rules for ids, others as they print."""
    try:
        return typed(values, name)
    except InputError:
        return pa.chunked_array([pa.array([None if v is None else str(v) for v in values], LABELS)])


def _table_piece(source: str, table: pa.Table, row: int) -> Piece:
    lines = np.arange(row + 1, row + 1 + table.num_rows)
    return Piece(source, lines, cells=Cells(table.column_names, table.num_rows, table.column))


def _of_rows(rows: Sequence[Sequence[str]], header: Sequence[str]) -> Callable[[str], Any]:
    place = {name: i for i, name in reversed(list(enumerate(header)))}
    return lambda name: pa.array([row[place[name]] for row in rows], LABELS)


def _of_records(rows: Sequence[dict[str, Any]]) -> Callable[[str], Any]:
    def column(name: str) -> pa.Array:
        values = [row[name] if name in row else at(row, *name.split(".")) for row in rows]
        try:
            return pa.array(values)
        except (pa.ArrowException, OverflowError):  # of several types
            return pa.array([None if v is None else str(v) for v in values], LABELS)

    return column


def _by(fit: Callable[[set[str]], float]) -> Callable[[list[str]], float]:
    return lambda row: fit(set(row))


def _decoded(text: bytes, decode: Callable[[bytes], Any]) -> Any:
    """Return the value of a line; a list is given as its parts."""
    if text[:1] == b"[":
        return [decode(part) for part in msgspec.json.decode(text, type=list[msgspec.Raw])]
    try:
        return decode(text)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        if b"NaN" not in text and b"Infinity" not in text:
            raise
        return decode(msgspec.json.encode(json.loads(text)))  # as Python writes missing numbers
