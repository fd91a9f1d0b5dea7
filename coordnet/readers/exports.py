"""Posts out of exports: files and frames in, one table of posts out, piece by piece."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.errors import InputError, ParameterError, listed, nearest, one_of
from coordnet.frozen import ReadOnly
from coordnet.log.labels import LABELS
from coordnet.progress import stage
from coordnet.readers.columns import as_chunked, damaged_id, damaged_rows, label_column
from coordnet.readers.files import expand
from coordnet.readers.formats import (
    FIELDS,
    IDS,
    LISTS,
    TIMES,
    Cell,
    Cells,
    Format,
    at,
    formats,
    is_list,
    is_text,
    named,
    recognised,
    split_by,
    truth,
    whole,
)
from coordnet.readers.frames import open_frame
from coordnet.readers.loaded import shown
from coordnet.readers.pieces import Bad, FileSource, FrameSource, Piece
from coordnet.readers.post_table import Posts
from coordnet.readers.times import UNITS, advice, time_column
from coordnet.times import EARLIEST, LATEST

logger = logging.getLogger(__name__)

Source: TypeAlias = FileSource | FrameSource
_TOGETHER = 64  # pieces that are joined
BY_HAND = "columns"  # the name of the format of columns named by hand


def read_posts(
    source: Any,
    format: str | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    unit: str | None = None,
    time_format: str | None = None,
    errors: str = "count",
    on_bad: str = "error",
) -> Posts:
    """Read posts from an export of a platform or tool: one row a post.

    Parameters
    ----------
    source
        A path, a list of paths or a glob of JSON, delimited or Parquet files or their .gz (told
        by what is in them, not by their names), or a dataframe of any library.
    format
        The name of the format, such as ``"x-v2"``; the names stand in ``docs/formats.md``. By
        default the file's own fields tell it, and the log says which it was.
    columns
        Names of columns by field, such as ``{"account": "user", "time": "at", "text": "body"}``
        (in JSON ``"user.id"`` names an inner field). Without `format` the columns alone say what
        is read; with it they replace what the format would take. A column of lists may hold lists,
        or texts with the parts separated by ``|``.
    unit, time_format
        As in :func:`read_actions`, for times of columns that are named by hand.
    errors
        ``"count"`` or ``"raise"``: what to do with a line that cannot be read. Counted lines stand
        in ``posts.dropped``, the first of them with their numbers in ``posts.bad_lines``.
    on_bad
        ``"error"`` or ``"drop"``: what to do with an id that has lost digits and with a time that
        cannot be read. Dropped is the post where its account or time is bad, else the id alone.

    Returns
    -------
    Posts
        Rows without account or time, such as deleted and withheld posts, are left out and counted.

    Raises
    ------
    InputError
        A file of no format that is known, with the nearest; a damaged id or time, with how many
        there are and an example.

    Examples
    --------
    >>> import pandas as pd, coordnet as cn
    >>> frame = pd.DataFrame({
    ...     "user": ["a", "b"], "at": ["2017-06-08T07:00:00Z", "2017-06-08T07:00:20Z"],
    ...     "body": ["Vote now! #ge2017", "vote  NOW"]})
    >>> posts = cn.read_posts(frame, columns={"account": "user", "time": "at", "text": "body"})
    >>> posts.actions("text").objects.tolist()
    ['vote now', 'vote now! #ge2017']
    """
    one_of(errors, ("count", "raise"), "errors")
    one_of(on_bad, ("error", "drop"), "on_bad")
    sources = _sources(source)
    if not sources:
        raise InputError("a list given as source must hold paths, at least one.")
    chosen = _chosen(sources[0], format, columns, unit, time_format)
    reader = _Reader(chosen, errors == "raise", on_bad == "drop")
    with stage("reading") as step:
        for i, part in enumerate(sources):
            if i:
                step(i / len(sources))
            for piece in part.pieces(chosen, reader.bad):
                reader.add(piece)
        return reader.finish(tuple(part.name for part in sources), _kind(sources[0]))


def _sources(source: Any) -> list[Source]:
    """Return what is to be read, each looked at."""
    if isinstance(source, str | os.PathLike):
        source = [source]
    if isinstance(source, list | tuple):
        if not all(isinstance(item, str | os.PathLike) for item in source):
            raise InputError("a list given as source must hold paths, at least one.")
        return [FileSource(path) for path in expand(source, suffixes=None)]
    opened = open_frame(source)
    if opened is None:
        raise InputError(
            f"a source of type {type(source).__module__}.{type(source).__name__} cannot be read; "
            "give a path, a list of paths, a glob or a dataframe."
        )
    return [FrameSource(opened)]


def _kind(source: Source) -> str:
    return source._opened.kind if isinstance(source, FrameSource) else "pandas"


def recognise(source: Any) -> Format:
    """Return the format that an export is of, told by the fields of its first file.

    Parameters
    ----------
    source
        As of :func:`read_posts`.

    Raises
    ------
    InputError
        Where it is of none that is known, or of several; it names the nearest.
    """
    return _recognised(_sources(source)[0])


def _recognised(source: Source) -> Format:
    fields = source.fields(lambda there: max(f.fit(there)[0] for f in formats().values()))
    return recognised(fields, source.columns, shown(source.name))


def _chosen(
    source: Source,
    format_: str | None,
    columns: Mapping[str, str] | None,
    unit: str | None,
    time_format: str | None,
) -> Format:
    """Return the format to read with."""
    if columns is None:
        if unit is not None or time_format is not None:
            raise ParameterError("unit= and time_format= are for columns named with columns=.")
        if format_ is not None:
            return named(format_)
        found = _recognised(source)
        logger.info("%s: read as %r, %s", source.name, found.name, found.title)
        return found
    cells = _by_hand(columns)
    if unit is not None:
        one_of(unit, UNITS, "unit")
    given = time_format or unit
    units = {name: given for name in columns if name in TIMES and given}
    if format_ is not None:
        base = named(format_)
        if not base.is_table:
            raise ParameterError(
                f"columns= replaces columns of tables, and {base.name!r} is made of records; leave "
                "out format= to read by the fields that columns= names."
            )
        kept = {name: u for name, u in base.units.items() if name not in columns}
        return Format(
            base.name, base.title, base.marks, cells=ReadOnly({**base.cells, **cells}),
            units=ReadOnly({**kept, **units}), absent=base.absent, checked=base.checked,
        )  # fmt: skip
    missing = [name for name in ("account", "time") if name not in columns]
    if missing:
        raise ParameterError(
            f"columns= names no column for {listed(missing)}; every post needs an account and a "
            "time. To replace some columns of a format, name the format too."
        )
    wanted = set(columns.values())
    fields = source.fields(lambda there: len(wanted & there) / len(wanted))
    for field, name in columns.items():
        if name not in fields:
            raise InputError(
                f"{shown(source.name)} has no column {shown(name, 60)} (asked for by "
                f"columns={{{field!r}: ...}}).{nearest(name, fields)}"
            )
    title, marks = "columns named by hand", ((*columns.values(),),)
    if not source.columns:  # records: the names may be those of inner fields

        def read(record: Any) -> Iterable[dict[str, Any]]:
            row = {
                field: record[name] if name in record else at(record, *name.split("."))
                for field, name in columns.items()
            }
            for field, value in row.items():
                if FIELDS[field][0] == LISTS and isinstance(value, str):
                    row[field] = [part for part in value.split("|") if part.strip()]
            return (row,)

        return Format(BY_HAND, title, marks, read=read, units=ReadOnly(units))
    return Format(BY_HAND, title, marks, cells=ReadOnly(cells), units=ReadOnly(units))


def _by_hand(columns: Mapping[str, str]) -> dict[str, Cell]:
    if not isinstance(columns, Mapping) or not columns:
        raise ParameterError(f"columns={shown(columns, 60)} is no mapping of fields to columns.")
    cells: dict[str, Cell] = {}
    for field, name in columns.items():
        if field not in FIELDS:
            raise ParameterError(
                f"columns= names {shown(field, 60)}, which is no field of a post."
                f"{nearest(str(field), FIELDS)} The fields: {listed(FIELDS, 40)}."
            )
        if not isinstance(name, str):
            raise ParameterError(
                f"columns={{{field!r}: {shown(name, 60)}}} is no name of a column."
            )
        cells[field] = split_by(name, "|") if FIELDS[field][0] == LISTS else name
    return cells


class _Reader:
    """Puts pieces together: fields to Arrow types, times to microseconds, what is bad counted."""

    def __init__(self, format_: Format, raises: bool, drops: bool) -> None:
        self.format = format_
        self.bad = Bad(raises)
        self._drops = drops
        self._parts: list[pa.Table] = []
        self._small = 0  # of the last of these, pieces that are not joined yet
        self._lines: list[NDArray[np.int64]] = []
        self._starts: list[tuple[int, str]] = []  # first row of each source
        self._rows = 0
        self._without = 0  # records that hold no post
        self._unread: dict[str, int] = {}
        self._example: dict[str, str] = {}

    def add(self, piece: Piece) -> None:
        """Add the posts of a piece."""
        if piece.records is not None:
            columns, lines = self._of_records(piece)
        else:
            assert piece.cells is not None
            lines = piece.lines
            columns = {
                name: _column(cell, piece.cells, name, self._place(piece))
                for name, cell in self.format.cells.items()
            }
        if not len(lines):
            return
        if not self._starts or self._starts[-1][1] != piece.source:
            self._starts.append((self._rows, piece.source))
        made: dict[str, pa.ChunkedArray] = {}
        there = np.ones(len(lines), bool)
        for name in FIELDS:
            if name == "time" and "account" in made:  # what has no account is no post anyway
                there = pc.is_valid(made["account"]).to_numpy()
            column = columns.get(name)
            if column is not None:
                made[name] = (
                    self._time(column, name, piece.source, lines, there)
                    if name in TIMES
                    else _typed(column, name)
                )
        self._parts.append(_without_prefix(pa.table(made)))
        self._lines.append(lines)
        self._small += 1
        if self._small == _TOGETHER:  # many small arrays take more memory than few large ones
            joined = pa.concat_tables(self._parts[-_TOGETHER:], promote_options="default")
            self._parts[-_TOGETHER:] = [joined.combine_chunks()]
            self._small = 0
            del joined, made
            pa.default_memory_pool().release_unused()
        self._rows += len(lines)

    @staticmethod
    def _place(piece: Piece) -> Any:
        return lambda row: f"{shown(piece.source)}, line {piece.lines[row]}"

    def _of_records(self, piece: Piece) -> tuple[dict[str, Any], NDArray[np.int64]]:
        """Return the fields of the posts of JSON records, and the line of each."""
        assert self.format.read is not None
        rows: list[dict[str, Any]] = []
        lines: list[int] = []
        for line, record in zip(piece.lines.tolist(), piece.records or (), strict=True):
            before = len(rows)
            try:
                rows.extend(self.format.read(record))
            except (TypeError, AttributeError, KeyError, ValueError, IndexError) as error:
                del rows[before:]
                detail = f"{type(error).__name__}: {str(error)[:80]}"
                self.bad.add(piece.source, line, "record of another form", detail)
                continue
            lines.extend([line] * (len(rows) - before))
            self._without += len(rows) == before
        used = set().union(*rows) if rows else set()
        columns = {name: [row.get(name) for row in rows] for name in FIELDS if name in used}
        return columns, np.array(lines, np.int64)

    def _time(
        self,
        column: Any,
        name: str,
        source: str,
        lines: NDArray[np.int64],
        there: NDArray[np.bool_],
    ) -> pa.ChunkedArray:
        """Return times as microseconds, null where there is none; count those not readable."""
        if isinstance(column, list):
            column = _of_values(column)
        if is_text(column.type):
            column = _blank_as_null(column.cast(LABELS))
            exact = _iso(column)
            if exact is not None:
                return exact
        given = self.format.units.get(name)
        unit, written = (given, None) if given in UNITS else (None, given)
        if pa.types.is_temporal(column.type) or pa.types.is_null(column.type):
            unit = written = None
        elif written is not None and pa.types.is_integer(column.type):
            written = None
        time, bad = time_column(column, name, unit, written)
        missing = pc.is_null(column).to_numpy(zero_copy_only=False)
        unread = bad & ~missing & there
        if unread.any():
            row = int(np.flatnonzero(unread)[0])
            self._unread[name] = self._unread.get(name, 0) + int(unread.sum())
            if name not in self._example:
                value = column[row]
                self._example[name] = (
                    f"field {name!r}, {shown(source)}, line {lines[row]}: {shown(value.as_py())} "
                    f"cannot be read as a time; {advice(value, unit)}"
                )
        return as_chunked(pa.array(time, mask=bad))

    def finish(self, sources: tuple[str, ...], frame: str) -> Posts:
        """Return the posts of all pieces."""
        columns = {}
        names = {name for part in self._parts for name in part.column_names}
        names.update(self.format.gives)
        for name in (n for n in FIELDS if n in names):
            chunks = []
            for part in self._parts:
                if name in part.column_names:
                    chunks += part[name].chunks
                else:
                    chunks.append(pa.nulls(part.num_rows, FIELDS[name][0]))
            columns[name] = pa.chunked_array(chunks, FIELDS[name][0])
        for name in ("account", "time"):
            columns.setdefault(name, pa.chunked_array([pa.nulls(self._rows, FIELDS[name][0])]))
        self._parts.clear()
        table = pa.table({name: columns[name] for name in FIELDS if name in columns})
        del columns
        lines = np.concatenate(self._lines) if self._lines else np.zeros(0, np.int64)
        self._lines.clear()
        self._refuse_times()
        dropped = dict(self.bad.counts)
        if self._without:
            dropped["no post"] = self._without
        table, damaged = self._whole_ids(table, lines)
        dropped.update(damaged)
        notes: list[str] = []
        if self.format.checked is not None:
            table, notes = self.format.checked(table)
        rows_read = table.num_rows + sum(self.bad.counts.values()) + self._without
        keep = np.ones(table.num_rows, bool)
        for name in ("account", "time"):
            missing = pc.is_null(table[name]).to_numpy(zero_copy_only=False) & keep
            reason = f"missing {name}"
            if name == "time" and "time" in self._unread:
                dropped["unreadable time"] = self._unread["time"]
                missing_alone = int(missing.sum()) - self._unread["time"]
                dropped[reason] = max(missing_alone, 0)
            else:
                dropped[reason] = int(missing.sum())
            keep &= ~missing
        if not keep.all():
            table = table.filter(pa.array(keep))
        for name in ("retweeted_time", "created"):
            if name in self._unread:
                dropped[f"unreadable {name}"] = self._unread[name]
        for note in notes:
            logger.info("%s: %s", sources[0] if sources else self.format.name, note)
        dropped = {reason: n for reason, n in dropped.items() if n}
        logger.info("read %s posts as %r, dropped %s", table.num_rows, self.format.name, dropped)
        return Posts(
            table, self.format.name, rows_read, ReadOnly(dropped), tuple(self.bad.first),
            tuple(notes), sources, self.format.absent, frame,
        )  # fmt: skip

    def _refuse_times(self) -> None:
        if self._drops:
            return
        for name, told in self._example.items():
            raise InputError(
                f"{told} ({self._unread[name]:,} such values), or leave such values out with "
                'on_bad="drop".'
            )

    def _whole_ids(
        self, table: pa.Table, lines: NDArray[np.int64]
    ) -> tuple[pa.Table, dict[str, int]]:
        """Refuse ids that have lost digits, or take them out and count them."""
        counts = {}

        def place(row: int) -> str:
            source = next(s for start, s in reversed(self._starts) if start <= row)
            return f"{shown(source)}, line {lines[row]}"

        for name in IDS:
            if name not in table.column_names:
                continue
            encoded = label_column(table[name], name, place)
            marks = damaged_rows(encoded, LABELS)
            if marks is None:
                continue
            if not self._drops:
                leave = ', or leave such ids out with on_bad="drop"'
                raise damaged_id(encoded, marks, name, place, leave)
            counts[f"damaged id in {name}"] = int(marks.sum())
            column = pc.if_else(pa.array(marks), pa.scalar(None, LABELS), table[name])
            table = table.set_column(table.column_names.index(name), name, column)
        return table, counts


def _without_prefix(table: pa.Table) -> pa.Table:
    """Take "RT @name: " from the texts of retweets: what stays is the original's text."""
    if "retweeted" not in table.column_names or "text" not in table.column_names:
        return table
    bare = pc.replace_substring_regex(table["text"], r"^\s*RT @\w+:?\s+", "")
    text = pc.if_else(pc.is_valid(table["retweeted"]), bare, table["text"])
    return table.set_column(table.column_names.index("text"), "text", text)


# -- columns to the types of fields --------------------------------------------------------------


def _column(cell: Cell, cells: Cells, name: str, place: Any) -> Any:
    """Return what a table says of one field, None where it says nothing."""
    if callable(cell):
        return cell(cells)
    column = cells.get(*((cell,) if isinstance(cell, str) else cell))
    if column is None or not (name in IDS or name == "handle") or is_text(column.type):
        return column
    # numbers as ids, under the rules that they have everywhere
    codes, labels = label_column(column, name, place)
    return labels.take(pa.array(codes, mask=codes < 0))


def _of_values(values: Sequence[Any]) -> pa.ChunkedArray:
    """Return Python values of one field as Arrow; of several types they become text."""
    for kind in (LABELS, pa.int64()):
        if kind == LABELS or not any(isinstance(value, bool | float) for value in values):
            try:
                return pa.chunked_array([pa.array(values, kind)])
            except (pa.ArrowException, OverflowError, TypeError):
                continue
    return pa.chunked_array([pa.array([None if v is None else str(v) for v in values], LABELS)])


def _iso(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Return times as microseconds where all are written in ISO 8601 with a zone, else None."""
    try:
        time = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    ends = pc.min_max(time).as_py()
    known = ends["min"] is None or EARLIEST <= ends["min"] <= ends["max"] <= LATEST
    return time if known else None


def _blank_as_null(column: pa.ChunkedArray) -> pa.ChunkedArray:
    blank = pc.equal(pc.utf8_trim_whitespace(column), "")
    if not pc.any(blank).as_py():
        return column
    return pc.if_else(blank, pa.scalar(None, LABELS), column)


def _typed(column: Any, name: str) -> pa.ChunkedArray:
    """Return a column in the type of its field."""
    kind = FIELDS[name][0]
    if kind == LISTS:
        return _lists(column)
    if kind == LABELS:
        return _texts(column)
    values = column if isinstance(column, list) else column.to_pylist()
    rule = truth if pa.types.is_boolean(kind) else whole
    return pa.chunked_array([pa.array([rule(v) for v in values], kind)])


def _texts(column: Any) -> pa.ChunkedArray:
    if isinstance(column, list):
        try:
            column = _of_values(column)
        except UnicodeEncodeError:  # half a surrogate pair, as JSON may write it
            column = pa.chunked_array([pa.array([_mended(v) for v in column], LABELS)])
    return _blank_as_null(as_chunked(column).cast(LABELS))


def _mended(value: Any) -> str | None:
    return None if value is None else str(value).encode("utf-8", "replace").decode("utf-8")


def _lists(column: Any) -> pa.ChunkedArray:
    """Return lists of texts; no list and an empty one are the same: null."""
    if not isinstance(column, list):
        if is_list(column.type):
            column = as_chunked(column)
            if pa.types.is_list_view(column.type):
                return _lists(column.to_pylist())
            some = pc.greater(pc.fill_null(pc.list_value_length(column), 0), 0)
            return pc.if_else(some, column.cast(LISTS), pa.scalar(None, LISTS))
        column = column.to_pylist()
    rows = [[v if isinstance(v, str) else str(v) for v in row] if row else None for row in column]
    try:
        return pa.chunked_array([pa.array(rows, LISTS)])
    except UnicodeEncodeError:
        rows = [row and [_mended(v) or "" for v in row] for row in rows]
        return pa.chunked_array([pa.array(rows, LISTS)])
