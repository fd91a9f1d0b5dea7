"""Files of any columns: .csv, .tsv and .jsonl by DuckDB, .parquet by Arrow, and their .gz.

A file that is damaged is refused whole. The checksums of a .gz are verified before its rows are
read. Nothing is unpacked to a disk.
"""

from __future__ import annotations

import csv
import glob
import gzip
import json
import os
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO, TypeAlias, cast

import duckdb
import pyarrow as pa
import pyarrow.parquet

from coordnet.errors import InputError, listed
from coordnet.log.labels import LABELS
from coordnet.readers.columns import as_chunked, check_id_type, label_column, label_json
from coordnet.readers.loaded import Loaded, check_columns, shown
from coordnet.threads import thread_count

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_DELIMITERS = (",", ";", "\t", "|")
_LONGEST_LINE = 32 * 1024 * 1024  # a last line that exceeds 16 times that would vanish in DuckDB

_BUFFER = 1 << 20  # bytes of a Parquet file's column that are read at a time
_LEAST_MEMORY = 512 << 20  # bytes that DuckDB needs for buffers of such lines

Columns: TypeAlias = dict[str, pa.ChunkedArray]


def expand(
    sources: Iterable[str | os.PathLike[str]], suffixes: Sequence[str] | None = SUFFIXES
) -> list[Path]:
    """Return the files that paths and globs stand for, each glob in order of name.

    Files must end in one of the suffixes, or in one and .gz, unless these are None.
    """
    files: list[Path] = []
    for source in sources:
        text = os.fspath(source)
        path = Path(text)
        try:
            there, matches = path.exists(), []
            if not there and glob.has_magic(text):
                matches = [Path(match) for match in sorted(glob.glob(text, recursive=True))]
        except (OSError, ValueError):  # longer than a name can be, or with a null in it
            there, matches = False, []
        if there and path.is_dir():
            raise InputError(
                f"{shown(text)} is a folder; name its files, such as {shown(text + '/*.csv')}."
            )
        if there and not path.is_file():
            raise InputError(
                f"{shown(text)} is a pipe or a device, not a file; write its rows to a file first."
            )
        matches = [path] if there else [match for match in matches if match.is_file()]
        if not matches:
            raise InputError(f"there is no file {shown(text)}; check the path.")
        files.extend(matches)
    for path in files:
        if suffixes is not None and _suffix(path) not in suffixes:
            raise InputError(
                f"{shown(str(path))} is of no known kind; files end in {listed(suffixes)}, or in "
                "one of these and .gz."
            )
    return files


def load_files(files: Sequence[Path], names: Mapping[str, str], threads: int | None) -> Loaded:
    """Load the columns named, by role, from files, one after the other."""
    parts: list[Columns] = []
    loaded = Loaded({}, [], [str(path) for path in files], [])
    row = 0
    for path in files:
        loaded.starts.append(row)
        parts.append(_load_file(path, names, threads))
        row += len(parts[-1]["time"])
    for role, name in names.items():
        columns = [part[role] for part in parts]
        if len({column.type for column in columns}) == 1:
            columns = [_joined(columns)]
        if role == "time":
            loaded.times = columns
        elif len(columns) == 1:
            loaded.columns[role] = columns[0]
        else:
            loaded.columns[role] = _joined(
                [_as_text(column, name, loaded, i) for i, column in enumerate(columns)]
            )
    return loaded


def load_whole(
    path: str | os.PathLike[str], needed: Sequence[str], threads: int | None = None
) -> Columns:
    """Load the columns of one .csv, .tsv or .parquet file, or its .gz, by name.

    Parameters
    ----------
    path
        The file.
    needed
        Columns that may not be there twice; of others, those that are there twice are left out.
    threads
        Number of threads; None means all processors.
    """
    files = expand([path])
    if len(files) > 1 or _suffix(files[0]) not in (".csv", ".tsv", ".parquet"):
        raise InputError(f"{shown(os.fspath(path))}: give one .csv, .tsv or .parquet file.")

    def chosen(there: Sequence[str]) -> dict[str, str]:
        return {name: name for name in there if name in needed or there.count(name) == 1}

    return _load_file(files[0], chosen, threads)


def _joined(columns: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    return pa.chunked_array([c for column in columns for c in column.chunks], columns[0].type)


def _as_text(column: pa.ChunkedArray, name: str, loaded: Loaded, i: int) -> pa.ChunkedArray:
    """Return the ids of file number i as text, under the rules that they would have alone."""
    check_id_type(column.type, f"column {name!r} of {shown(loaded.sources[i])}")
    codes, labels = label_column(column, name, lambda row: loaded.place(loaded.starts[i] + row))
    return as_chunked(labels.take(pa.array(codes, mask=codes < 0)))


# -- one file --------------------------------------------------------------------------------

# The columns to load by role, or what chooses them among those that are there
_Names: TypeAlias = Mapping[str, str] | Callable[[Sequence[str]], dict[str, str]]


def _load_file(path: Path, names: _Names, threads: int | None) -> Columns:
    """Load the columns named from one file."""
    return next(file_pieces(path, names, threads))


def file_pieces(
    path: Path,
    names: _Names,
    threads: int | None,
    rows: int | None = None,
    memory: int | None = None,
) -> Iterator[Columns]:
    """Yield the columns named of one file, by role: whole, or piece by piece.

    The pieces, one after the other, are what is given as a whole; there is one at least.

    Parameters
    ----------
    path, names, threads
        The file, the columns, and the number of threads.
    rows
        Most rows of a piece; None gives the file as one.
    memory
        Bytes that reading may take, beside the pieces; None sets no limit.
    """
    suffix, number = _suffix(path), thread_count(threads)
    try:
        if suffix == ".parquet":
            yield from _parquet_pieces(path, names, number, rows)
            return
        _check_lines(path)
        # DuckDB would write what does not fit in memory into a folder
        config: dict[str, Any] = {"threads": number, "temp_directory": ""}
        if memory is not None:
            config["memory_limit"] = f"{max(memory, _LEAST_MEMORY)}B"
        con = duckdb.connect(config=config)
        try:
            if suffix in (".csv", ".tsv"):
                yield from _csv_pieces(con, path, names, rows)
            else:
                yield from _json_pieces(con, path, cast("Mapping[str, str]", names), rows)
        finally:
            con.close()
        return
    except UnicodeDecodeError as error:
        reason = f"{error}; save the file as UTF-8"
    except (duckdb.Error, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        reason = str(error)
    raise InputError(f"{shown(str(path))} cannot be read: {reason[:300]}.")


def _suffix(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def _bytes(path: Path) -> BinaryIO:
    """Open the file, unpacked: reading it to its end verifies the checksums of a .gz."""
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    return cast("BinaryIO", opened(path, "rb"))


def _text(path: Path, newline: str | None = None) -> TextIO:
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    return cast("TextIO", opened(path, "rt", encoding="utf-8-sig", newline=newline))


def _check_lines(path: Path) -> None:
    """Read the file to its end: the checksums hold, and no line is longer than DuckDB can read."""
    line, length = 1, 0
    with _bytes(path) as file:
        while chunk := file.read(1 << 20):
            end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
            length = len(chunk) - end - 1 if end >= 0 else length + len(chunk)
            line += chunk.count(b"\n")
            if length > _LONGEST_LINE:
                raise InputError(
                    f"{shown(str(path))}, line {line}: the line is longer than "
                    f"{_LONGEST_LINE:,} bytes; check that lines end where rows end."
                )


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _file(path: Path) -> str:
    """Return the file as DuckDB is told it: neither a pattern, nor a home folder, nor a URL."""
    return _quoted(glob.escape(str(path.absolute())))


def _select(con: Any, names: Mapping[str, str], table: str, rows: int | None) -> Iterator[Columns]:
    """Run one query for all columns named and yield them by role."""
    columns = ", ".join(f"{_name(column)} as c{i}" for i, column in enumerate(names.values()))
    for read in _results(con, f"select {columns} from {table}", rows):
        yield {role: read[f"c{i}"] for i, role in enumerate(names)}


def _results(con: Any, query: str, rows: int | None) -> Iterator[pa.Table]:
    """Yield what a query gives, as one table or in pieces of so many rows."""
    if rows is None:
        yield con.sql(query).to_arrow_table()
        return
    batches = con.sql(query).to_arrow_reader(rows)
    empty = True
    for batch in batches:
        empty = False
        yield pa.Table.from_batches([batch])
    if empty:
        yield batches.schema.empty_table()


# -- parquet ---------------------------------------------------------------------------------


def _parquet_pieces(path: Path, names: _Names, threads: int, rows: int | None) -> Iterator[Columns]:
    """Yield the columns of a Parquet file, values in their own types."""
    source: Any = path.absolute()  # a relative "file:x" would be taken for a URL
    if path.name.lower().endswith(".gz"):
        with _bytes(path) as packed:
            source = pa.BufferReader(packed.read())
    with pa.parquet.ParquetFile(
        source,
        coerce_int96_timestamp_unit="us",
        page_checksum_verification=True,
        buffer_size=0 if rows is None else _BUFFER,
    ) as file:
        there = file.schema_arrow.names
        names = names(there) if callable(names) else names
        check_columns(names, there, shown(str(path)))
        wanted = list(dict.fromkeys(names.values()))
        if rows is None:
            pieces = iter([file.read(columns=wanted, use_threads=threads > 1)])
        else:
            batches = file.iter_batches(rows, columns=wanted, use_threads=threads > 1)
            pieces = (pa.Table.from_batches([batch]) for batch in batches)
            if file.metadata.num_rows == 0:
                pieces = iter([file.schema_arrow.empty_table()])
        for read in pieces:
            yield {role: _plain(read[name]) for role, name in names.items()}


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values of Arrow's extension types as text or as what they are stored as."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        if kind.extension_name == "arrow.uuid":
            texts = [
                v and str(v if isinstance(v, uuid.UUID) else uuid.UUID(bytes=v))
                for v in column.to_pylist()
            ]
            return pa.chunked_array([pa.array(texts, LABELS)])
        column = column.cast(kind.storage_type)
    if pa.types.is_fixed_size_binary(column.type):
        column = column.cast(pa.binary())
    return column


# -- csv -------------------------------------------------------------------------------------


def _header(path: Path, wanted: set[str]) -> tuple[list[str], str]:
    """Return the columns of a delimited file, and what delimits them."""
    with _text(path, newline="") as file:
        first = file.readline().rstrip("\r\n")
    if not first.strip():
        raise InputError(
            f"{shown(str(path))} has no header line; the first line must name the columns."
        )
    headers = {d: next(csv.reader([first], delimiter=d)) for d in _DELIMITERS}
    # the delimiter under which the most columns asked for are found; commas where none are
    delimiter = max(headers, key=lambda d: (len(wanted & set(headers[d])), len(headers[d])))
    return headers[delimiter], delimiter


def _csv_pieces(con: Any, path: Path, names: _Names, rows: int | None) -> Iterator[Columns]:
    """Yield the columns of a delimited file, every value as the text that stands there."""
    header, delimiter = _header(path, set() if callable(names) else set(names.values()))
    names = names(header) if callable(names) else names
    check_columns(names, header, shown(str(path)))
    columns = ", ".join(f"{_quoted(f'c{i}')}: 'VARCHAR'" for i in range(len(header)))
    # unless told, it takes 16 lines of the longest kind for each thread
    room = "" if rows is None else f"buffer_size={2 * _LONGEST_LINE}, "
    table = (
        f"read_csv({_file(path)}, auto_detect=false, header=true, skip=0, hive_partitioning=false, "
        f"columns={{{columns}}}, delim={_quoted(delimiter)}, quote='\"', escape='\"', nullstr='', "
        f"{room}max_line_size={_LONGEST_LINE})"
    )
    at = {role: header.index(name) for role, name in names.items()}
    found = {role: f"c{i}" for role, i in at.items()}
    mixed = rows is not None and _both_ends(path)
    try:
        if mixed:  # what has been given cannot be taken back: first see whether it can be read
            for _ in _select(con, found, table, rows):
                pass
        yield from _select(con, found, table, rows)
        return
    except duckdb.InvalidInputException:
        if not (mixed or rows is None) or not _mixed_ends(path):
            raise
    parts = _mixed_pieces(path, len(header), delimiter, at)
    yield from parts if rows is not None else [_one(list(parts))]


def _one(parts: list[Columns]) -> Columns:
    return {role: _joined([part[role] for part in parts]) for role in parts[0]}


def _both_ends(path: Path) -> bool:
    """Say whether CRLF and LF both stand in a file, whether they end lines or not."""
    both = ends = 0
    last = b""
    with _bytes(path) as file:
        while chunk := file.read(1 << 20):
            both += chunk.count(b"\r\n") + (last == b"\r" and chunk[:1] == b"\n")
            ends += chunk.count(b"\n")
            last = chunk[-1:]
    return 0 < both < ends


def _mixed_ends(path: Path) -> bool:
    """Say whether some lines end in CRLF and some in LF, which DuckDB does not read."""
    both = one = 0
    with _bytes(path) as file:
        for line in file:
            both += line.endswith(b"\r\n")
            one += not line.endswith(b"\r\n")
    return both > 0 and one > 0


def _mixed_pieces(
    path: Path, width: int, delimiter: str, at: Mapping[str, int]
) -> Iterator[Columns]:
    """Yield the columns of a file whose lines end in more than one way, by Python's own reader."""
    empty = pa.chunked_array([], LABELS)
    yield dict.fromkeys(at, empty)
    with _text(path, newline="") as file:
        lines = csv.reader(file, delimiter=delimiter, strict=True)
        next(lines)
        while rows := [(lines.line_num, row) for row in islice(lines, 1 << 16) if row]:
            for line, row in rows:
                if len(row) != width:
                    raise InputError(
                        f"{shown(str(path))}, line {line}: the row has {len(row)} values, and the "
                        f"header names {width} columns."
                    )
            yield {
                role: pa.chunked_array([[row[i] for _, row in rows]], LABELS)
                for role, i in at.items()
            }


# -- json ------------------------------------------------------------------------------------


def _json_pieces(
    con: Any, path: Path, names: Mapping[str, str], rows: int | None
) -> Iterator[Columns]:
    """Yield the columns of one JSON object a line; 'outer.inner' names an inner field."""
    there, mark = _json_fields(path)
    outer = {name: name if name in there else name.split(".")[0] for name in names.values()}
    fields = list(dict.fromkeys(outer.values()))
    if mark or len({field.lower() for field in fields}) < len(fields):
        table = _json_lines(path, fields)
    else:
        columns = ", ".join(f"{_quoted(field)}: 'JSON'" for field in fields)
        renamed = ", ".join(f"{_name(field)} as f{i}" for i, field in enumerate(fields))
        table = (
            f"(select {renamed} from read_json({_file(path)}, format='newline_delimited', "
            f"columns={{{columns}}}, maximum_object_size={_LONGEST_LINE}, "
            "hive_partitioning=false))"
        )
    parts = []
    for i, name in enumerate(names.values()):
        value = f"f{fields.index(outer[name])}"
        if name != outer[name]:
            inner = "$" + "".join(f".{json.dumps(key)}" for key in name.split(".")[1:])
            value = f"json_extract({value}, {_quoted(inner)})"
        parts.append(f"{value}->>'$' as c{i}, json_type({value}) as t{i}")
    begin = 0
    absent = {role for role, name in names.items() if outer[name] not in there}
    for read in _results(con, f"select {', '.join(parts)} from {table}", rows):
        loaded = {}
        for i, (role, name) in enumerate(names.items()):
            values = read[f"c{i}"]
            if values.null_count < len(values):
                absent.discard(role)
            if role != "time":
                values = label_json(values, read[f"t{i}"], name, _row_of(path, begin))
            loaded[role] = values
        if rows is None:  # else whatever was found has been given already
            _check_found(absent, names, there, path)
        begin += len(read)
        yield loaded
    _check_found(absent, names, there, path)


def _row_of(path: Path, begin: int) -> Callable[[int], str]:
    return lambda row: f"{shown(str(path))}, row {begin + row + 1}"


def _check_found(absent: set[str], names: Mapping[str, str], there: set[str], path: Path) -> None:
    """Raise an error where a field is neither in the first lines nor in any other."""
    for role in names:
        if role in absent:
            check_columns({role: names[role]}, sorted(there), shown(str(path)))


def _json_lines(path: Path, fields: Sequence[str]) -> str:
    """Return the fields of a JSON file as DuckDB's table, where its own reader cannot give them.

    That is where the file begins with a byte-order mark, or fields differ in nothing but case.
    """
    names = ", ".join(_quoted(field) for field in fields)
    lines = (
        f"read_csv({_file(path)}, auto_detect=false, header=false, columns={{'line': 'VARCHAR'}}, "
        f"delim='\x01', quote='', escape='', nullstr='', strict_mode=false, "
        f"hive_partitioning=false, max_line_size={_LONGEST_LINE})"
    )
    # as DuckDB's own reader has it: one object a line, each field once
    keys = (
        "(select count(*) - count(distinct k) from unnest(json_keys(line)) u(k) "
        f"where k in ({names}))"
    )
    checked = (
        "case when json_type(line) <> 'OBJECT' then error('not a JSON object: ' || line[:80]) "
        f"when {keys} > 0 then error('a field is there twice: ' || line[:80]) else line end"
    )
    columns = ", ".join(
        f"json_extract(line, {_quoted('$.' + json.dumps(field, ensure_ascii=False))}) as f{i}"
        for i, field in enumerate(fields)
    )
    return (
        f"(select {columns} from (select {checked} as line from {lines} "
        "where trim(coalesce(line, '')) <> ''))"
    )


def _json_fields(path: Path, lines: int = 100) -> tuple[set[str], bool]:
    """Return the fields of the first lines of a JSON file, and whether a mark precedes them."""
    with _bytes(path) as raw:
        mark = raw.read(3) == b"\xef\xbb\xbf"
    fields: set[str] = set()
    with _text(path) as file:
        for number, line in zip(range(1, lines + 1), file, strict=False):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(
                    f"{shown(str(path))}, line {number}: not JSON ({error}); a .jsonl file has one "
                    "JSON object a line."
                ) from None
            if not isinstance(value, dict):
                raise InputError(
                    f"{shown(str(path))}, line {number}: {line.strip()[:40]!r} is not a JSON "
                    "object; a .jsonl file has one a line."
                )
            fields.update(value)
    return fields, mark
