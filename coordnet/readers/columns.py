"""Arrow columns to labels and times: what the readers share.

A column of ids becomes string labels without loss; a column of times becomes int64 microseconds.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.errors import InputError, ParameterError, one_of
from coordnet.kernels import arrays as array_kernels
from coordnet.log.labels import LABELS, Labelled
from coordnet.times import EARLIEST, LATEST, SECOND

logger = logging.getLogger(__name__)

Place = Callable[[int], str]  # row -> "file 'x.csv', row 17"

# Floats of that many bits no longer tell neighbouring integers apart from 2**this on
_DIGITS = {16: 11, 32: 24, 64: 53}
_ID_TYPES = (
    pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean,
    pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
    pa.types.is_binary, pa.types.is_large_binary, pa.types.is_null,
)  # fmt: skip
UNITS = {"s": SECOND, "ms": 1_000, "us": 1, "ns": 1}  # nanoseconds are floored first
# Up to these values a number is seconds (to the year 5138), milliseconds, microseconds
_MAGNITUDES = ((1e11, "s"), (1e14, "ms"), (1e17, "us"))
_NUMBER = r"^\s*[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\s*$"
_ISO = r"^\s*\d{4}-\d{1,2}-\d{1,2}([T ]\d.*)?$"
_TWITTER = r"^\s*[A-Z][a-z]{2} [A-Z][a-z]{2} \d{1,2} \d{2}:\d{2}:\d{2} [+-]\d{4} \d{4}\s*$"


def as_chunked(column: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the column as a chunked array."""
    return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])


def label_column(column: pa.ChunkedArray, name: str, place: Place) -> Labelled:
    """Encode a column of ids as codes into distinct string labels; missing and blank are -1.

    Integers of any width and strings keep every digit and leading zero. Floats that are whole and
    below 2**53 (integers with gaps, as pandas has them) are taken as integers; where they have 32
    bits, those below 2**24.

    Parameters
    ----------
    column
        Strings, integers, floats, decimals, booleans, dictionaries of these, or all null.
    name
        The column's name, for errors.
    place
        Says where a row is, for errors.

    Raises
    ------
    InputError
        Where an id is a float that is not a whole number below 2**53, or of a type that is no id.
    """
    given = column.type
    kind = given.value_type if pa.types.is_dictionary(given) else given
    if not any(fits(kind) for fits in _ID_TYPES):
        raise InputError(
            f"column {name!r} holds values of type {kind}, which cannot be ids; give a column of "
            "strings or integers, one value a row."
        )
    if pa.types.is_null(kind):
        return Labelled(np.full(len(column), -1, np.int32), pa.array([], LABELS))
    encoded = column.unify_dictionaries() if kind != given else column.dictionary_encode()
    values = _dictionary(encoded)
    codes = _codes(encoded)
    if pa.types.is_floating(kind):
        digits = _DIGITS[kind.bit_width]
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float64)
        missing = np.isnan(numbers)
        bad = ~missing & ((np.abs(numbers) >= 2**digits) | (numbers != np.floor(numbers)))
        rows = np.flatnonzero(np.isin(codes, np.flatnonzero(bad)))
        if len(rows):
            value = float(numbers[codes[rows[0]]])
            raise InputError(_float_id(name, place(int(rows[0])), repr(value), digits))
        missing |= bad
        values = pa.array(np.where(missing, 0, numbers).astype(np.int64), mask=missing)
    try:
        labels = values.cast(LABELS)
    except pa.ArrowInvalid:
        raise InputError(
            f"column {name!r} holds bytes that are not UTF-8 text, which cannot be ids; write "
            "them as text first."
        ) from None
    blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(labels), ""), True)
    blank = blank.to_numpy(zero_copy_only=False)
    # floats 0.0 and -0.0 make one label, and a dictionary may hold a value twice
    if blank.any() or pa.types.is_floating(kind) or kind != given:
        merged = pc.fill_null(labels, "").dictionary_encode()
        number = np.where(blank, -1, merged.indices.to_numpy(zero_copy_only=False)).astype(np.int32)
        codes = array_kernels.recode(codes, number)
        labels = merged.dictionary
    return Labelled(codes, labels)


def _dictionary(column: pa.ChunkedArray) -> pa.Array:
    """Return the dictionary that all chunks share."""
    if column.num_chunks == 0:
        return pa.array([], column.type.value_type)
    return column.chunk(column.num_chunks - 1).dictionary


def _codes(column: pa.ChunkedArray) -> NDArray[np.int32]:
    """Return the dictionary indices as int32, -1 where there is none."""
    parts = [
        pc.fill_null(chunk.indices.cast(pa.int32()), -1).to_numpy(zero_copy_only=False)
        for chunk in column.chunks
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.int32)


def _float_id(name: str, place: str, value: str, digits: int = 53) -> str:
    return (
        f"column {name!r}, {place}: the id {value} is a float that is not a whole number below "
        f"2**{digits}, so that different ids may already have become one; read the column as text "
        f"(in pandas: dtype={{{name!r}: str}}) from the original source."
    )


def label_json(
    values: pa.ChunkedArray, kinds: pa.ChunkedArray, name: str, place: Place
) -> pa.ChunkedArray:
    """Return JSON scalars, given as text and JSON type, as text ids, under the rules for floats.

    Raises
    ------
    InputError
        Where an id is a damaged float, or a list or an object.
    """
    nested = pc.is_in(kinds, value_set=pa.array(["ARRAY", "OBJECT"]))
    if pc.any(nested).as_py():
        row = pc.index(nested, True).as_py()
        raise InputError(
            f"column {name!r}, {place(row)}: {values[row].as_py()[:60]} is a list or an object, "
            "not an id; give one row for each value, or name an inner field as 'outer.inner'."
        )
    floats = pc.and_(
        pc.equal(kinds, "DOUBLE"), pc.invert(pc.match_substring_regex(values, r"^-?\d+$"))
    )
    if not pc.any(floats).as_py():
        return values
    texts = np.array(values.to_pylist(), dtype=object)
    for row in np.flatnonzero(pc.fill_null(floats, False).to_numpy(zero_copy_only=False)):
        number = float(texts[row])
        if math.isnan(number):  # as Python writes a missing number
            texts[row] = None
            continue
        if abs(number) >= 2**53 or not number.is_integer():
            raise InputError(_float_id(name, place(int(row)), texts[row]))
        texts[row] = str(int(number))
    return pa.chunked_array([pa.array(texts, LABELS)])


def time_column(
    column: pa.ChunkedArray,
    name: str,
    unit: str | None = None,
    time_format: str | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return a column of times as microseconds UTC, and which of them could not be read.

    Parameters
    ----------
    column
        Datetimes with or without zone (without: UTC), dates, numbers since 1970, or strings:
        ISO 8601, numbers, or Twitter's ``Wed Oct 10 20:19:24 +0000 2018``.
    name
        The column's name, for errors and the log.
    unit
        ``"s"``, ``"ms"``, ``"us"`` or ``"ns"`` for numbers; None tells it by their magnitude.
    time_format
        A strptime format for times of another form, such as ``"%m/%d/%Y %H:%M"``.

    Returns
    -------
    time : int64 (n,), 0 where unreadable
    bad : bool (n,); where there is no time, none that can be read, or none of the years 1 to 9999
    """
    if unit is not None:
        one_of(unit, UNITS, "unit")
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_timestamp(kind):
        return _scaled(
            pc.fill_null(column.cast(pa.int64()), 0).to_numpy(), _nulls(column), kind.unit
        )
    if pa.types.is_date(kind):
        return time_column(column.cast(pa.timestamp("s")), name)
    if pa.types.is_integer(kind) and time_format is not None:  # such as 20170608070000
        return _texts(column.cast(LABELS), name, unit, time_format)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _numbers(column, name, unit)
    if pa.types.is_null(kind):
        return np.zeros(len(column), np.int64), np.ones(len(column), bool)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _texts(column.cast(LABELS), name, unit, time_format)
    raise InputError(
        f"column {name!r} holds values of type {kind}, which are no times; give datetimes, ISO "
        "8601 strings or numbers since 1970."
    )


def _nulls(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    missing: NDArray[np.bool_] = pc.is_null(column).to_numpy()
    return missing


def _numbers(
    column: pa.ChunkedArray, name: str, unit: str | None
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Read numbers since 1970 in a unit given, or told by their magnitude."""
    bad = _nulls(column)
    if not pa.types.is_integer(column.type):
        column = column.cast(pa.float64())
    values = pc.fill_null(column, 0).to_numpy()
    if values.dtype.kind == "f":
        bad |= ~np.isfinite(values)
        values = np.where(bad, 0, values)
    if unit is None:
        known = values[~bad] if bad.any() else values
        middle = abs(float(np.median(known))) if len(known) else 0.0
        unit = next((u for bound, u in _MAGNITUDES if middle < bound), "ns")
        logger.info("column %r: numbers of about %.3g, taken as times in %s", name, middle, unit)
    return _scaled(values, bad, unit)


def _scaled(
    values: NDArray[Any], bad: NDArray[np.bool_], unit: str
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return numbers in a unit as microseconds; outside of the years 1 to 9999 they are bad."""
    size = UNITS[unit]
    if unit == "ns":  # floored: Arrow's own cast rounds towards 1970
        values = np.floor_divide(values, 1_000)
    # first with a margin, so that the product fits; then what it has been rounded to
    bad = bad | (values < EARLIEST // size - 1) | (values > LATEST // size + 1)
    if bad.any():
        values = np.where(bad, 0, values)
    if values.dtype.kind == "f":
        time = np.rint(values * size).astype(np.int64)
    else:
        time = values.astype(np.int64, copy=False) * size
    late = (time < EARLIEST) | (time > LATEST)
    return (np.where(late, 0, time), bad | late) if late.any() else (time, bad)


def _texts(
    column: pa.ChunkedArray, name: str, unit: str | None, time_format: str | None
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Read times written as text."""
    time = np.zeros(len(column), np.int64)
    bad = np.ones(len(column), bool)
    if time_format is None:
        number = pc.fill_null(pc.match_substring_regex(column, _NUMBER), False).to_numpy()
        if number.any():
            texts = pc.utf8_trim_whitespace(column.filter(pa.array(number)))
            texts = pc.replace_substring_regex(texts, r"^\+", "")
            try:
                numbers = texts.cast(pa.int64())
            except pa.ArrowInvalid:
                numbers = texts.cast(pa.float64())
            time[number], bad[number] = _numbers(numbers, name, unit)
            if number.all():
                return time, bad
    con = duckdb.connect()
    try:
        con.execute("set TimeZone = 'UTC'")  # what a time without a zone is taken as
        con.register("given", pa.table({"t": column}))
        if time_format is None:
            reading = (
                f"case when regexp_matches(t, '{_ISO}') then try_cast(t as timestamptz) "
                f"when regexp_matches(t, '{_TWITTER}') then "
                "try_strptime(trim(t), '%a %b %d %H:%M:%S %z %Y')::timestamptz end"
            )
        else:
            quoted = time_format.replace("'", "''")
            reading = f"try_strptime(trim(t), '{quoted}')::timestamptz"
        read = con.sql(f"select epoch_us({reading}) as t from given").to_arrow_table()["t"]
    except duckdb.Error as error:
        raise ParameterError(
            f"time_format={time_format!r} is not a strptime format: {str(error).splitlines()[0]}"
        ) from None
    finally:
        con.close()
    fine = ~_nulls(read)
    time[fine], bad[fine] = _scaled(
        pc.fill_null(read, 0).to_numpy()[fine], np.zeros(int(fine.sum()), bool), "us"
    )
    return time, bad
