"""Read actions from tables of any columns: files by DuckDB, dataframes by narwhals."""

from __future__ import annotations

import csv
import glob
import gzip
import json
import logging
import numbers
import os
import shutil
import tempfile
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.parquet

from coordnet.errors import InputError, listed, nearest, one_of
from coordnet.log.actions import ActionLog
from coordnet.log.encoding import build_log
from coordnet.log.labels import LABELS, Labelled
from coordnet.readers.columns import as_chunked, label_column, label_json, time_column
from coordnet.threads import run_chunks, thread_count

logger = logging.getLogger(__name__)

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_DELIMITERS = (",", ";", "\t", "|")


@dataclass
class _Loaded:
    """The columns asked for, as Arrow, and where each row came from."""

    columns: dict[str, pa.ChunkedArray]
    sources: list[str]
    starts: list[int] = field(default_factory=lambda: [0])  # first row of each source
    frame: str = "pandas"

    def place(self, row: int) -> str:
        """Say where a row is: the file, and the row in it from 1, the header not counted."""
        at = bisect_right(self.starts, row) - 1
        return f"{self.sources[at]!r}, row {row - self.starts[at] + 1}"


def read_actions(
    source: Any,
    *,
    account: str,
    object: str,
    time: str,
    kind: str | None = None,
    content: str | None = None,
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
        or a pandas, Polars (eager or lazy) or PyArrow table or a DuckDB relation.
    account, object, time
        Names of the columns: who acted, on what (a retweeted post, a URL, a hashtag, ...), when.
        In .jsonl files ``"user.id_str"`` names an inner field.
    kind
        Column with the kind of action (``retweet``, ``url``, ...). Objects of different kinds
        are different objects. Without it every action is of kind `default_kind`, as are rows
        whose kind is blank.
    content
        Column with the id of the post that is the action, such as a tweet id.
    text
        Column with the text posted.
    unit
        ``"s"``, ``"ms"``, ``"us"`` or ``"ns"`` where times are numbers; by default told by their
        magnitude, and logged.
    time_format
        strptime format for times written in another way than ISO 8601 or Twitter's, such as
        ``"%m/%d/%Y %H:%M"``. Times without a zone are taken as UTC.
    default_kind
        See `kind`.
    on_bad
        ``"error"`` or ``"drop"``: what to do with a time that cannot be read.
    threads
        Number of threads; None means all processors. It changes no result.

    Returns
    -------
    ActionLog
        Rows with a missing or blank account or object are left out (a blank URL must never be
        an object that everybody shares), rows equal in account, object, time, kind and content
        are one action, and ``log.dropped`` has the counts.

    Raises
    ------
    InputError
        A column, file or value that cannot be read, by name, row and value.

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
    one_of(on_bad, ("error", "drop"), "on_bad")
    names = {"account": account, "object": object, "time": time}
    names |= {
        k: v for k, v in (("kind", kind), ("content", content), ("text", text)) if v is not None
    }
    loaded = _load(source, names, threads)
    return _encode(loaded, names, unit, time_format, default_kind, on_bad, threads)


def _encode(
    loaded: _Loaded,
    names: dict[str, str],
    unit: str | None,
    time_format: str | None,
    default_kind: str,
    on_bad: str,
    threads: int | None,
) -> ActionLog:
    """Turn the loaded columns into a log, dropping and counting what cannot be an action."""
    ids = [role for role in names if role != "time"]
    encoded = run_chunks(
        lambda _, i: label_column(loaded.columns.pop(ids[i]), names[ids[i]], loaded.place),
        len(ids),
        threads=threads,
    )
    labelled: dict[str, Labelled] = dict(zip(ids, encoded, strict=True))
    times, bad = time_column(loaded.columns["time"], names["time"], unit, time_format)
    n = len(times)

    keep = labelled["account"].codes >= 0
    dropped = {"missing account": n - int(keep.sum())}
    with_object = keep & (labelled["object"].codes >= 0)
    dropped["missing object"] = int(keep.sum() - with_object.sum())
    unreadable = with_object & bad
    dropped["unreadable time"] = int(unreadable.sum())
    if dropped["unreadable time"] and on_bad == "error":
        row = int(np.flatnonzero(unreadable)[0])
        raise InputError(
            f"column {names['time']!r}, {loaded.place(row)}: "
            f"{_shown(loaded.columns['time'][row])} cannot be read as a time "
            f"({dropped['unreadable time']:,} such rows); correct it, give time_format= for "
            'another way of writing, or leave such rows out with on_bad="drop".'
        )
    keep = with_object & ~bad
    if "kind" in labelled:
        kinds = _with_default(labelled["kind"], default_kind)
    else:
        kinds = Labelled(np.zeros(n, np.int32), pa.array([default_kind], LABELS))

    columns = {**labelled, "kind": kinds}
    if not keep.all():
        times = times[keep]
        columns = {role: Labelled(c.codes[keep], c.labels) for role, c in columns.items()}
    # what is used up makes place: only build_log has the columns now
    moments = [times]
    loaded.columns.clear()
    del labelled, encoded, kinds, times
    pa.default_memory_pool().release_unused()
    log = build_log(
        columns.pop("account"),
        columns.pop("object"),
        moments.pop(),
        kind=columns.pop("kind"),
        row=np.flatnonzero(keep),
        content=columns.pop("content", None),
        text=columns.pop("text", None),
        rows_read=n,
        dropped=dropped,
        sources=tuple(loaded.sources),
        frame=loaded.frame,
        threads=threads,
    )
    logger.info("read %s rows: %s actions, dropped %s", n, len(log), dict(log.dropped))
    return log


def _shown(value: pa.Scalar) -> str:
    """Return a value of the input as an error shows it."""
    try:
        return repr(value.as_py())
    except (ValueError, OverflowError):  # a moment that no datetime can hold
        return f"{value.cast(pa.int64()).as_py()} ({value.type})"


def _with_default(kind: Labelled, default: str) -> Labelled:
    """Give the rows without a kind the default one."""
    if not (kind.codes < 0).any():
        return kind
    labels = kind.labels.to_pylist()
    if default not in labels:
        labels.append(default)
    code = np.int32(labels.index(default))
    return Labelled(np.where(kind.codes < 0, code, kind.codes), pa.array(labels, LABELS))


# -- loading ---------------------------------------------------------------------------------


def _load(source: Any, names: dict[str, str], threads: int | None) -> _Loaded:
    """Load the columns named from files or from a frame."""
    if isinstance(source, str | os.PathLike):
        return _load_files(_expand([source]), names, threads)
    if isinstance(source, Sequence) and not isinstance(source, bytes):
        if not source or not all(isinstance(item, str | os.PathLike) for item in source):
            raise InputError(
                "a list given as source must hold paths, at least one; to join dataframes, use "
                "their own library's concat first."
            )
        return _load_files(_expand(source), names, threads)
    return _load_frame(source, names)


def _load_frame(source: Any, names: dict[str, str]) -> _Loaded:
    """Load the columns named from any frame that narwhals knows."""
    try:
        frame = nw.from_native(source)
    except TypeError:
        raise InputError(
            f"a source of type {type(source).__module__}.{type(source).__name__} cannot be read; "
            "give a path, a list of paths, a glob, or a pandas, Polars, PyArrow or DuckDB table."
        ) from None
    implementation = frame.implementation
    _check_columns(names, frame.collect_schema().names(), "the frame")
    wanted = frame.select(list(dict.fromkeys(names.values())))
    eager = wanted.collect("pyarrow") if isinstance(wanted, nw.LazyFrame) else wanted
    columns: dict[str, pa.ChunkedArray] = {}
    for role, name in names.items():
        series = eager[name]
        if isinstance(chunks := series.to_native(), pa.ChunkedArray):
            columns[role] = chunks  # as they are: to_arrow would copy them into one
            continue
        try:
            columns[role] = as_chunked(series.to_arrow())
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):  # Python objects of any type
            columns[role] = (_moments if role == "time" else _objects)(series.to_list(), name)
    if implementation.is_polars():
        kind = "polars"
    elif implementation.is_pyarrow() or implementation.is_duckdb():
        kind = "pyarrow"
    else:
        kind = "pandas"
    return _Loaded(columns, [f"{str(implementation).lower()} frame"], frame=kind)


def _objects(values: Iterable[Any], name: str) -> pa.ChunkedArray:
    """Return Python objects of several types as text; floats under the same rules as elsewhere."""
    floats = label_column(
        pa.chunked_array(
            [pa.array([v if isinstance(v, float) else None for v in values], pa.float64())]
        ),
        name,
        lambda row: f"row {row + 1}",
    )
    texts = [None if code < 0 else floats.labels[int(code)].as_py() for code in floats.codes]
    for row, value in enumerate(values):
        if isinstance(value, str | numbers.Integral) and not isinstance(value, bool):
            texts[row] = str(value)
        elif not (isinstance(value, float) or _is_missing(value)):
            raise InputError(
                f"column {name!r}, row {row + 1}: {value!r} is of type {type(value).__name__}, "
                "which is no id; make the column strings or integers."
            )
    return pa.chunked_array([pa.array(texts, LABELS)])


def _moments(values: Iterable[Any], name: str) -> pa.ChunkedArray:
    """Return times of several Python types as text."""
    texts = [None if _is_missing(value) else str(value) for value in values]
    return pa.chunked_array([pa.array(texts, LABELS)])


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _check_columns(names: dict[str, str], there: Sequence[str], source: str) -> None:
    """Raise an error that names the nearest column where one asked for is missing."""
    for role, name in names.items():
        if name not in there:
            raise InputError(
                f"{source} has no column {name!r} (asked for by {role}=).{nearest(name, there)} "
                f"Its columns: {listed(map(repr, there))}."
            )


def _expand(sources: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Return the files that paths and globs stand for, each glob in order of name."""
    files: list[Path] = []
    for source in sources:
        text = os.fspath(source)
        path = Path(text)
        if path.is_dir():
            raise InputError(f"{text!r} is a folder; name its files, such as '{text}/*.csv'.")
        if path.exists():
            files.append(path)
            continue
        matches = sorted(glob.glob(text, recursive=True)) if glob.has_magic(text) else []
        matched = [Path(match) for match in matches if Path(match).is_file()]
        if not matched:
            raise InputError(f"there is no file {text!r}; check the path.")
        files.extend(matched)
    for path in files:
        if _suffix(path) not in SUFFIXES:
            raise InputError(
                f"{str(path)!r} is of no known kind; files end in {listed(SUFFIXES)}, or in one of "
                "these and .gz."
            )
    return files


def _suffix(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def _load_files(files: list[Path], names: dict[str, str], threads: int | None) -> _Loaded:
    """Load the columns named from files, one after the other."""
    parts: dict[str, list[pa.ChunkedArray]] = {role: [] for role in names}
    loaded = _Loaded({}, [str(path) for path in files], [])
    row = 0
    for path in files:
        loaded.starts.append(row)
        columns = _load_file(path, names, threads)
        for role in names:
            parts[role].append(columns[role])
        row += len(columns["time"])
    for role, name in names.items():
        of_files = parts[role]
        if len({column.type for column in of_files}) > 1:
            of_files = [
                column.cast(LABELS) if role == "time" else _as_text(column, name, loaded, i)
                for i, column in enumerate(of_files)
            ]
        loaded.columns[role] = pa.chunked_array(
            [chunk for column in of_files for chunk in column.chunks], of_files[0].type
        )
    return loaded


def _as_text(column: pa.ChunkedArray, name: str, loaded: _Loaded, i: int) -> pa.ChunkedArray:
    """Return the ids of file number i as text, under the rules that they would have alone."""
    codes, labels = label_column(column, name, lambda row: loaded.place(loaded.starts[i] + row))
    return as_chunked(labels.take(pa.array(codes, mask=codes < 0)))


def _load_file(
    path: Path, names: dict[str, str], threads: int | None
) -> dict[str, pa.ChunkedArray]:
    """Load the columns named from one file."""
    loader = {".csv": _load_csv, ".tsv": _load_csv, ".parquet": _load_parquet}.get(
        _suffix(path), _load_json
    )
    con = duckdb.connect(config={"threads": thread_count(threads)})
    try:
        return loader(con, path, names)
    except duckdb.Error as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{str(path)!r} cannot be read: {reason[:400]}") from None
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        raise InputError(f"{str(path)!r} cannot be read: {error}.") from None
    finally:
        con.close()


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _select(con: Any, names: dict[str, str], table: str) -> dict[str, pa.ChunkedArray]:
    """Run one query for all columns named and return them by role."""
    columns = ", ".join(f"{_name(name)} as {role}" for role, name in names.items())
    read = con.sql(f"select {columns} from {table}").to_arrow_table()
    return {role: read[role] for role in names}


def read_some(path: str | os.PathLike[str], wanted: Sequence[str]) -> pa.Table:
    """Read those of the wanted columns that a .csv, .tsv or .parquet file has (or its .gz)."""
    files = _expand([path])
    if len(files) > 1 or _suffix(files[0]) not in (".csv", ".tsv", ".parquet"):
        raise InputError(f"{os.fspath(path)!r}: give one .csv, .tsv or .parquet file.")
    if _suffix(files[0]) == ".parquet":
        there = pa.parquet.read_schema(files[0]).names
    else:
        there, _ = _header(files[0], set(wanted))
    names = {name: name for name in wanted if name in there}
    if not names:
        _check_columns({wanted[0]: wanted[0]}, there, repr(os.fspath(path)))
    return pa.table(_load_file(files[0], names, None))


def _header(path: Path, wanted: set[str]) -> tuple[list[str], str]:
    """Return the columns of a delimited file, and what delimits them."""
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        first = file.readline().rstrip("\r\n")
    if not first.strip():
        raise InputError(f"{str(path)!r} has no header line; the first line must name the columns.")
    headers = {d: next(csv.reader([first], delimiter=d)) for d in _DELIMITERS}
    # the delimiter under which the most columns asked for are found; commas where none are
    delimiter = max(headers, key=lambda d: (len(wanted & set(headers[d])), len(headers[d])))
    return headers[delimiter], delimiter


def _load_csv(con: Any, path: Path, names: dict[str, str]) -> dict[str, pa.ChunkedArray]:
    """Load a delimited file, every value as the text that stands there."""
    wanted = set(names.values())
    header, delimiter = _header(path, wanted)
    _check_columns(names, header, repr(str(path)))
    repeated = {name for name in wanted if header.count(name) > 1}
    if repeated:
        raise InputError(
            f"{str(path)!r} has more than one column {listed(map(repr, repeated))}; rename them."
        )
    columns = ", ".join(f"{_text(f'c{i}')}: 'VARCHAR'" for i in range(len(header)))
    table = (
        f"read_csv({_text(glob.escape(str(path)))}, auto_detect=false, header=true, skip=0, "
        f"columns={{{columns}}}, delim={_text(delimiter)}, quote='\"', escape='\"', nullstr='', "
        "max_line_size=33554432)"
    )
    return _select(con, {role: f"c{header.index(name)}" for role, name in names.items()}, table)


def _load_parquet(con: Any, path: Path, names: dict[str, str]) -> dict[str, pa.ChunkedArray]:
    """Load a Parquet file, values in their own types."""
    if path.name.lower().endswith(".gz"):
        with tempfile.TemporaryDirectory() as folder:
            plain = Path(folder) / "unpacked.parquet"
            with gzip.open(path) as packed, plain.open("wb") as out:
                shutil.copyfileobj(packed, out)
            return _load_parquet(con, plain, names)
    table = f"read_parquet({_text(glob.escape(str(path)))})"
    described = con.sql(f"describe select * from {table}").to_arrow_table()
    _check_columns(names, described["column_name"].to_pylist(), repr(str(path)))
    return _select(con, names, table)


def _load_json(con: Any, path: Path, names: dict[str, str]) -> dict[str, pa.ChunkedArray]:
    """Load a file of one JSON object a line; 'outer.inner' names an inner field."""
    there = _json_fields(path)
    outer = {name: name if name in there else name.split(".")[0] for name in names.values()}
    columns = ", ".join(f"{_text(top)}: 'JSON'" for top in dict.fromkeys(outer.values()))
    table = (
        f"read_json({_text(glob.escape(str(path)))}, format='newline_delimited', "
        f"columns={{{columns}}}, maximum_object_size=33554432)"
    )
    parts = []
    for role, name in names.items():
        value = _name(outer[name])
        if name != outer[name]:
            inner = "$" + "".join(f".{json.dumps(key)}" for key in name.split(".")[1:])
            value = f"json_extract({value}, {_text(inner)})"
        parts.append(f"{value}->>'$' as {role}, json_type({value}) as {role}_type")
    read = con.sql(f"select {', '.join(parts)} from {table}").to_arrow_table()
    loaded = {}
    for role, name in names.items():
        values = read[role]
        if outer[name] not in there and values.null_count == len(values):
            _check_columns({role: name}, sorted(there), repr(str(path)))
        loaded[role] = (
            values
            if role == "time"
            else label_json(
                values, read[f"{role}_type"], name, lambda row: f"{str(path)!r}, row {row + 1}"
            )
        )
    return loaded


def _json_fields(path: Path, lines: int = 100) -> set[str]:
    """Return the fields of the first lines of a JSON file."""
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    fields: set[str] = set()
    with opened(path, "rt", encoding="utf-8-sig") as file:
        for number, line in zip(range(1, lines + 1), file, strict=False):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(
                    f"{str(path)!r}, line {number}: not JSON ({error}); a .jsonl file has one "
                    "JSON object a line."
                ) from None
            if not isinstance(value, dict):
                raise InputError(
                    f"{str(path)!r}, line {number}: {line.strip()[:40]!r} is not a JSON object; a "
                    ".jsonl file has one a line."
                )
            fields.update(value)
    return fields
