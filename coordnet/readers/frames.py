"""Frames of any library: by narwhals, by DuckDB itself, or as a stream of Arrow batches."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import narwhals as nw
import pyarrow as pa

from coordnet.errors import InputError
from coordnet.log.labels import LABELS
from coordnet.readers.columns import as_chunked, label_column
from coordnet.readers.loaded import Loaded, check_columns, shown


@dataclass(frozen=True)
class Opened:
    """A frame that has been looked at and not yet read.

    Attributes
    ----------
    there
        The names of its columns.
    read
        Gives columns by name, each as Arrow, or as a list where Arrow has no type for its values.
        To be called once: a stream passes by once.
    source
        What errors and the log call it.
    kind
        The kind of frame that results are given as.
    batches
        Gives columns by name piece by piece, of so many rows at most, where a frame can; once too.
    """

    there: Sequence[str]
    read: Callable[[Sequence[str]], dict[str, pa.ChunkedArray | list[Any]]]
    source: str
    kind: str
    batches: Callable[[Sequence[str], int], Iterator[dict[str, pa.ChunkedArray]]] | None = None


def load_frame(source: Any, names: Mapping[str, str]) -> Loaded:
    """Load the columns named, by role, from a frame."""
    opened = _opened(source, names)
    read = opened.read(list(dict.fromkeys(names.values())))
    columns = {
        role: typed(read[name], name, moments=role == "time") for role, name in names.items()
    }
    return Loaded(columns, [columns.pop("time")], [opened.source], frame=opened.kind)


def frame_pieces(
    source: Any, names: Mapping[str, str], rows: int
) -> tuple[Opened, Iterator[dict[str, pa.ChunkedArray]]]:
    """Return a frame that has been looked at, and its columns by role, so many rows at a time.

    A frame that is in memory is cut; streams, DuckDB relations and lazy Polars frames pass by.
    """
    opened = _opened(source, names)
    wanted = list(dict.fromkeys(names.values()))

    def pieces() -> Iterator[dict[str, pa.ChunkedArray]]:
        if opened.batches is not None:
            for batch in opened.batches(wanted, rows):
                yield {role: batch[name] for role, name in names.items()}
            return
        read = opened.read(wanted)
        columns = {
            role: typed(read[name], name, moments=role == "time") for role, name in names.items()
        }
        for begin in range(0, max(len(columns["time"]), 1), rows):
            yield {role: column.slice(begin, rows) for role, column in columns.items()}

    return opened, pieces()


def _opened(source: Any, names: Mapping[str, str]) -> Opened:
    """Look at a frame, and raise an error where it is none or lacks a column."""
    opened = open_frame(source)
    if opened is None:
        raise InputError(
            f"a source of type {type(source).__module__}.{type(source).__name__} cannot be read; "
            "give a path, a list of paths, a glob, or a pandas, Polars, PyArrow or DuckDB table, "
            "or another that has __arrow_c_stream__."
        )
    check_columns(names, opened.there, "the frame")
    return opened


def open_frame(source: Any) -> Opened | None:
    """Look at a frame of any library; None where it is none."""
    try:
        frame = nw.from_native(source)
    except nw.exceptions.DuplicateError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"columns of the frame must differ in name: {reason[:200]}") from None
    except TypeError:
        return _open_stream(source)
    implementation = frame.implementation
    if implementation.is_duckdb():
        return _open_duckdb(frame.to_native())
    if implementation.is_pyspark() or implementation.is_pyspark_connect():
        return _open_spark(frame.to_native())

    def read(wanted: Sequence[str]) -> dict[str, pa.ChunkedArray | list[Any]]:
        chosen = frame.select(list(wanted))
        if isinstance(chosen, nw.LazyFrame):
            chosen = chosen.collect("pyarrow")
        columns: dict[str, pa.ChunkedArray | list[Any]] = {}
        for name in wanted:
            series = chosen[name]
            try:
                columns[name] = as_chunked(series.to_arrow())
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):  # Python objects
                columns[name] = series.to_list()
        return columns

    if implementation.is_polars():
        kind = "polars"
    else:
        kind = "pandas" if implementation.is_pandas_like() else "pyarrow"
    there = frame.collect_schema().names()
    source_name = f"{str(implementation).lower()} frame"
    lazy = implementation.is_polars() and hasattr(source, "collect_batches")
    return Opened(there, read, source_name, kind, _polars_batches(source) if lazy else None)


def _polars_batches(
    source: Any,
) -> Callable[[Sequence[str], int], Iterator[dict[str, pa.ChunkedArray]]]:
    """Return what gives the columns of a lazy Polars frame piece by piece."""

    def batches(wanted: Sequence[str], rows: int) -> Iterator[dict[str, pa.ChunkedArray]]:
        chosen = source.select(list(wanted))
        empty = chosen.collect_schema().to_frame()
        for frame in chain([empty], chosen.collect_batches(chunk_size=rows, maintain_order=True)):
            table = frame.to_arrow()
            yield {name: table[name] for name in wanted}

    return batches


def _open_duckdb(relation: Any) -> Opened:
    """Look at a DuckDB relation, whose columns may differ in nothing but case."""
    there = list(relation.columns)

    def chosen(wanted: Sequence[str]) -> Any:
        parts = []
        for i, name in enumerate(wanted):
            at = there.index(name)
            # Arrow has no integers of 128 bits without sign: the largest would become -1
            cast = "::varchar" if str(relation.types[at]) == "UHUGEINT" else ""
            parts.append(f"#{at + 1}{cast} as c{i}")
        return relation.project(", ".join(parts))

    def read(wanted: Sequence[str]) -> dict[str, pa.ChunkedArray | list[Any]]:
        table = chosen(wanted).to_arrow_table()
        return {name: table[f"c{i}"] for i, name in enumerate(wanted)}

    def batches(wanted: Sequence[str], rows: int) -> Iterator[dict[str, pa.ChunkedArray]]:
        reader = chosen(wanted).to_arrow_reader(rows)
        for table in _tables(reader):
            yield {name: table[f"c{i}"] for i, name in enumerate(wanted)}

    return Opened(there, read, "duckdb frame", "pyarrow", batches)


def _open_spark(frame: Any) -> Opened:
    """Look at a table of Spark, which comes partition by partition, packed by its workers."""

    def packed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batch.schema) as out:
                out.write_batch(batch)
            blob = pa.array([sink.getvalue().to_pybytes()], pa.binary())
            yield pa.RecordBatch.from_arrays([blob], ["batch"])

    def pieces(wanted: Sequence[str], _: int = 0) -> Iterator[dict[str, pa.ChunkedArray]]:
        names = ["`" + name.replace("`", "``") + "`" for name in wanted]
        chosen = frame.select(*names).toDF(*(f"c{i}" for i in range(len(names))))
        table = None
        for row in chosen.mapInArrow(packed, "batch binary").toLocalIterator(True):
            table = pa.ipc.open_stream(row[0]).read_all()
            yield {name: table[i] for i, name in enumerate(wanted)}
        if table is None:
            table = chosen.limit(0).toArrow()
            yield {name: table[i] for i, name in enumerate(wanted)}

    def read(wanted: Sequence[str]) -> dict[str, pa.ChunkedArray | list[Any]]:
        chunks = list(pieces(wanted))
        return {
            name: pa.chunked_array([c for piece in chunks for c in piece[name].chunks], own.type)
            for name, own in chunks[0].items()
        }

    return Opened(list(frame.columns), read, "spark frame", "pyarrow", pieces)


def _tables(batches: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Yield the batches of a stream as tables, an empty one where there is none."""
    yield batches.schema.empty_table()
    for batch in batches:
        yield pa.Table.from_batches([batch])


def _open_stream(source: Any) -> Opened | None:
    """Look at whatever speaks the Arrow PyCapsule interface, to be read batch by batch."""
    try:
        if hasattr(source, "__arrow_c_stream__"):
            batches = pa.RecordBatchReader.from_stream(source)
        elif hasattr(source, "__arrow_c_array__"):
            batch = pa.record_batch(source)
            batches = pa.RecordBatchReader.from_batches(batch.schema, [batch])
        else:
            return None
    except (pa.ArrowException, TypeError, ValueError):  # a column by itself, not a table
        return None
    there = batches.schema.names
    label = f"{type(source).__name__} stream"

    def pieces(wanted: Sequence[str], _: int = 0) -> Iterator[dict[str, pa.ChunkedArray]]:
        tables = _tables(batches)
        while True:
            try:
                table = next(tables)
            except StopIteration:
                return
            except (pa.ArrowException, OSError) as error:
                reason = " ".join(str(error).split())
                raise InputError(f"the {label} cannot be read: {reason[:300]}") from None
            yield {name: table[name] for name in wanted}

    def read(wanted: Sequence[str]) -> dict[str, pa.ChunkedArray | list[Any]]:
        chunks: dict[str, list[pa.Array]] = {name: [] for name in wanted}
        types = {name: batches.schema.field(there.index(name)).type for name in wanted}
        for piece in pieces(wanted):
            for name, column in piece.items():
                # copied: what a batch shares would else keep all of its columns in memory
                chunks[name] += [pa.concat_arrays([c, c.slice(0, 0)]) for c in column.chunks]
        return {name: pa.chunked_array(kept, types[name]) for name, kept in chunks.items()}

    return Opened(there, read, label, "pyarrow", pieces)


def typed(column: pa.ChunkedArray | list[Any], name: str, moments: bool = False) -> pa.ChunkedArray:
    """Return a column as Arrow: Python objects of several types become text."""
    if not isinstance(column, list):
        return column
    return _moments(column) if moments else _objects(column, name)


def _objects(values: Iterable[Any], name: str) -> pa.ChunkedArray:
    """Return Python objects of several types as text; floats under the same rules as elsewhere."""
    values = list(values)
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
                f"column {name!r}, row {row + 1}: {shown(value)} is of type "
                f"{type(value).__name__}, which is no id; make the column strings or integers."
            )
    return pa.chunked_array([pa.array(texts, LABELS)])


def _moments(values: Iterable[Any]) -> pa.ChunkedArray:
    """Return times of several Python types as text."""
    texts = [None if _is_missing(value) else str(value) for value in values]
    return pa.chunked_array([pa.array(texts, LABELS)])


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType")
