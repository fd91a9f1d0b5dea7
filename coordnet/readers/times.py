"""Columns of times, however they are written, as microseconds UTC.

A time that could mean two things is not guessed at. It is marked as one that cannot be read, and
:func:`advice` says what to do.
"""

from __future__ import annotations

import logging
import re
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.errors import InputError, ParameterError, one_of
from coordnet.log.labels import LABELS
from coordnet.readers.columns import FLOAT_DIGITS
from coordnet.readers.loaded import shown
from coordnet.times import EARLIEST, LATEST, SECOND

logger = logging.getLogger(__name__)

UNITS = {"s": SECOND, "ms": 1_000, "us": 1, "ns": 1}  # nanoseconds are floored first
# Up to these values a number is seconds (to the year 5138), milliseconds, microseconds, nanoseconds
_MAGNITUDES = ((1e11, "s"), (1e14, "ms"), (1e17, "us"), (np.inf, "ns"))
# Numbers that spell a date of the years 2000 to 2050: how many digits follow the day, the format
_SPELLED = {
    0: "%Y%m%d",
    2: "%Y%m%d%H",
    4: "%Y%m%d%H%M",
    6: "%Y%m%d%H%M%S",
    9: "%Y%m%d%H%M%S%g",
}
_SERIAL = (36_526, 55_153)  # the same years in days, as spreadsheets count them
_AGE = (315_532_800, 4_102_444_800)  # 1980 to 2100 in seconds: where social media can be
_NUMBER = r"^\s*[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\s*$"
_ISO = r"^\s*\d{4}-\d{1,2}-\d{1,2}([T ]\d.*)?$"
_TWITTER = r"^\s*[A-Z][a-z]{2} [A-Z][a-z]{2} \d{1,2} \d{2}:\d{2}:\d{2} [+-]\d{4} \d{4}\s*$"
# What may stand after an ISO time: UTC, an offset from it, or a place such as Europe/Berlin.
# "BST" is British, Bangladeshi or Bougainvillean: abbreviations have several meanings.
_ZONE = r"\s([A-Za-z]\S*)\s*$"
_CLEAR = r"(?i)^(|.*/.*|(Z|UTC|GMT|UCT|Zulu)([+-][0-9:]+)?)$"
_CAPITALS = r"\b[A-Z]{2,5}\b"
_WORDS = (  # capitals that are no abbreviation of a zone
    r"\b(UTC|GMT|UCT|AM|PM|JAN|FEB|MAR|MARCH|APR|APRIL|MAY|JUNE?|JULY?|AUG|SEPT?|OCT|NOV|DEC|"
    r"MON|TUES?|WED|THUR?|FRI|SAT|SUN)\b"
)


def time_column(
    column: pa.ChunkedArray,
    name: str,
    unit: str | None = None,
    time_format: str | None = None,
    *,
    where: str | None = None,
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
        ``"s"``, ``"ms"``, ``"us"`` or ``"ns"`` for numbers. None tells it by the magnitude of the
        middle number. A number of another magnitude, or one that spells a date or counts days as
        spreadsheets do, is then one that cannot be read.
    time_format
        A strptime format for times of another form, such as ``"%m/%d/%Y %H:%M"``.
    where
        What an error about the whole column calls it; by default ``column 'name'``.

    Returns
    -------
    time : int64 (n,), 0 where unreadable
    bad : bool (n,); where there is no time, none that can be read, or none of the years 1 to 9999

    Raises
    ------
    InputError
        Where the column is of a type that holds no times, or of 32-bit floats that are too coarse.
    ParameterError
        Where the unit or the format cannot be.
    """
    where = where or f"column {name!r}"
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
    if pa.types.is_floating(kind):
        _check_width(column, where)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        if time_format is None:
            return _numbers(column, name, unit)
        return _texts(_whole(column).cast(LABELS), name, unit, time_format)
    if pa.types.is_null(kind):
        return np.zeros(len(column), np.int64), np.ones(len(column), bool)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _texts(column.cast(LABELS), name, unit, time_format)
    raise InputError(
        f"{where} holds values of type {str(kind)[:80]}, which are no times; give datetimes, ISO "
        "8601 strings or numbers since 1970."
    )


def advice(scalar: pa.Scalar, unit: str | None = None) -> str:
    """Return what to do about a time that could not be read, with the unit given for numbers."""
    try:
        value = scalar.as_py()
    except (ValueError, OverflowError):  # a moment that no datetime can hold
        value = None
    text = str(value).strip()
    number = float(text) if re.fullmatch(_NUMBER, text) else np.nan
    if (
        isinstance(value, str)
        and np.isfinite(number)
        and _lost(pa.chunked_array([[text]]), np.array([number])).any()
    ):
        return "it lost digits where it was written; take the column from the original source"
    if unit is None and np.isfinite(number):
        if _SERIAL[0] <= number < _SERIAL[1]:
            return (
                "it looks like days as a spreadsheet counts them; write the column as dates, or "
                'give unit="s" where these are seconds since 1970'
            )
        spelled = [form for marks, form in _spelled(np.array([number])) if marks.any()]
        if spelled:
            return (
                f'it looks like a date; give time_format="{spelled[0]}", or unit= where these are '
                "numbers since 1970"
            )
        if 1e8 <= abs(number) < 1e20:
            return "it is in another unit than the other times; write all times in one unit"
    zone = re.search(_ZONE, text)
    if zone and re.match(_ISO, text) and not re.match(_CLEAR, zone[1]):
        return (
            f"the zone {zone[1][:20]!r} has several meanings; write an offset such as +01:00 "
            "instead"
        )
    return "correct it, give time_format= for another way of writing"


def _nulls(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    missing: NDArray[np.bool_] = pc.is_null(column).to_numpy()
    return missing


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the whole numbers of a column as integers, null where they are none."""
    if pa.types.is_integer(column.type):
        return column
    numbers = pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy()
    whole = (np.abs(numbers) < 2.0**63) & (numbers == np.floor(numbers))
    return pa.chunked_array([pa.array(np.where(whole, numbers, 0).astype(np.int64), mask=~whole)])


def _check_width(column: pa.ChunkedArray, where: str) -> None:
    """Raise an error where floats are so narrow that different seconds have become equal."""
    digits = FLOAT_DIGITS[column.type.bit_width]
    if digits == FLOAT_DIGITS[64]:
        return
    values = pc.fill_null(column.cast(pa.float64()), 0).to_numpy()
    coarse = np.isfinite(values) & (np.abs(values) >= 2**digits)
    if coarse.any():
        value = float(values[coarse][0])
        raise InputError(
            f"{where} holds times such as {value:.0f} as floats of {column.type.bit_width} bits, "
            "which make different times equal; read the column as integers or as 64-bit floats "
            "from the original source."
        )


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
        unit = next(u for bound, u in _MAGNITUDES if middle < bound)
        logger.info("column %r: numbers of about %.3g, taken as times in %s", name, middle, unit)
        bad = bad | _otherwise(values, middle, unit)
    return _scaled(values, bad, unit)


def _otherwise(values: NDArray[Any], middle: float, unit: str) -> NDArray[np.bool_]:
    """Mark numbers that are no times in the unit of the others; zeros are let pass.

    A number of another magnitude is in another unit. Numbers that spell dates, or count days as
    spreadsheets do, are marked where all of the column do so. Among real times they are marked
    where they would be no time of social media.
    """
    units = [u for _, u in _MAGNITUDES]
    at = units.index(unit)
    low = _MAGNITUDES[at - 1][0] if at else 0.0
    high = _MAGNITUDES[at][0]
    found = np.zeros(len(values), bool)
    if not len(values):
        return found
    least, most = float(values.min()), float(values.max())
    if most >= high or least <= -high or least < low:
        size = np.abs(values.astype(np.float64))
        found |= (size >= high) | ((size < low) & (size > 0))
    spelled = np.zeros(len(values), bool)
    for marks, _ in _spelled(values):
        spelled |= marks
    if least < _SERIAL[1] and most >= _SERIAL[0]:
        spelled |= (values >= _SERIAL[0]) & (values < _SERIAL[1])
    if spelled.any():
        second = SECOND / UNITS[unit] if unit != "ns" else 1e9
        if (spelled | (values == 0)).all():
            found |= spelled
        elif _AGE[0] <= middle / second < _AGE[1]:
            found |= spelled & ((values < _AGE[0] * second) | (values >= _AGE[1] * second))
    return found


def _spelled(values: NDArray[Any]) -> list[tuple[NDArray[np.bool_], str]]:
    """Return which numbers spell a date of the years 2000 to 2050, for each format."""
    found = []
    least, most = float(values.min()), float(values.max())
    for digits, number_format in _SPELLED.items():
        low, high = 20_000_101 * 10**digits, 20_510_000 * 10**digits
        if most < low or least >= high:
            continue
        days = np.floor_divide(values, 10**digits)
        month, day = days // 100 % 100, days % 100
        marks = (values >= low) & (values < high) & (month >= 1) & (month <= 12)
        marks &= (day >= 1) & (day <= 31)
        for place, limit in ((2, 24), (4, 60), (6, 60)):  # hours, minutes, seconds
            if place <= digits:
                marks &= np.floor_divide(values, 10 ** (digits - place)) % 100 < limit
        found.append((marks, number_format))
    return found


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


_ROUNDED = 7  # digits that "%e" writes; spreadsheets write 6, and whole seconds need 10


def _lost(texts: pa.ChunkedArray, numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark numbers in scientific notation that have too few digits for their size."""
    digits = pc.replace_substring_regex(texts, r"[eE].*|[^0-9]", "")
    written: NDArray[np.bool_] = pc.match_substring_regex(texts, "[eE]").to_numpy()
    few: NDArray[np.bool_] = pc.utf8_length(digits).to_numpy() <= _ROUNDED
    return written & few & (np.abs(numbers) >= 1e9)


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
                lost = pa.array(_lost(texts, numbers.to_numpy()))
                numbers = pc.if_else(lost, pa.scalar(None, pa.float64()), numbers)
            time[number], bad[number] = _numbers(numbers, name, unit)
            if number.all():
                return time, bad
    con = duckdb.connect(config={"temp_directory": ""})
    try:
        con.execute("set TimeZone = 'UTC'")  # what a time without a zone is taken as
        con.register("given", pa.table({"t": column}))
        if time_format is None:
            reading = (
                f"case when regexp_matches(t, '{_ISO}') and "
                f"regexp_matches(regexp_extract(t, '{_ZONE}', 1), '{_CLEAR}') "
                "then try_cast(t as timestamptz) "
                f"when regexp_matches(t, '{_TWITTER}') then "
                "try_strptime(trim(t), '%a %b %d %H:%M:%S %z %Y')::timestamptz end"
            )
        else:
            quoted = time_format.replace("'", "''")
            reading = f"try_strptime(trim(t), '{quoted}')::timestamptz"
            if "%Z" in time_format:  # which takes abbreviations of zones too
                others = f"regexp_replace(t, '{_WORDS}', '', 'g')"
                reading = (
                    f"case when not regexp_matches({others}, '{_CAPITALS}') then {reading} end"
                )
        read = con.sql(f"select epoch_us({reading}) as t from given").to_arrow_table()["t"]
    except duckdb.Error as error:
        raise ParameterError(
            f"time_format={shown(time_format, 60)} is not a strptime format: "
            f"{str(error).splitlines()[0][:200]}"
        ) from None
    finally:
        con.close()
    fine = ~_nulls(read)
    time[fine], bad[fine] = _scaled(
        pc.fill_null(read, 0).to_numpy()[fine], np.zeros(int(fine.sum()), bool), "us"
    )
    return time, bad
