"""Columns of times, however they are written, as microseconds UTC.

A time that could mean two things is not guessed at. It is marked as one that cannot be read, and
:func:`advice` says what to do.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, NamedTuple

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


class Parsed(NamedTuple):
    """Times as far as each can be read by itself.

    What numbers mean is told from all of them: they are put into a unit by :func:`settled`.

    Attributes
    ----------
    time : int64 (n,), microseconds UTC, 0 where there is a number or nothing that can be read;
        (0,) where all are numbers
    bad : bool (n,)
    number : bool (n,), which are numbers; None where all are
    values : int64 or float64 (numbers,), 0 where bad; None where there are no numbers
    """

    time: NDArray[np.int64]
    bad: NDArray[np.bool_]
    number: NDArray[np.bool_] | None = None
    values: NDArray[Any] | None = None

    def numbers(self) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the numbers, and which of them are bad."""
        if self.values is None:
            return np.zeros(0), np.zeros(0, bool)
        return self.values, self.bad if self.number is None else self.bad[self.number]


class Told(NamedTuple):
    """What is told of the numbers of a column from all of them."""

    unit: str
    middle: float  # the median without its sign
    spelled: bool  # all spell dates, or count days, or are 0


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
    parsed = parse(column, name, unit, time_format, where=where)
    if parsed.values is None:
        return parsed.time, parsed.bad
    return settled(parsed, unit or told(lambda: [parsed.numbers()], name))


def parse(
    column: pa.ChunkedArray,
    name: str,
    unit: str | None = None,
    time_format: str | None = None,
    *,
    where: str | None = None,
) -> Parsed:
    """Return the times of a column, or of a piece of one, read as far as each can by itself.

    Parameters
    ----------
    column, name, unit, time_format, where
        As for :func:`time_column`.
    """
    where = where or f"column {name!r}"
    if unit is not None:
        one_of(unit, UNITS, "unit")
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_timestamp(kind):
        times = pc.fill_null(column.cast(pa.int64()), 0).to_numpy()
        return Parsed(*_scaled(times, _nulls(column), kind.unit))
    if pa.types.is_date(kind):
        return parse(column.cast(pa.timestamp("s")), name)
    if pa.types.is_floating(kind):
        _check_width(column, where)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        if time_format is None:
            return _numbers(column)
        return _texts(_whole(column).cast(LABELS), time_format)
    if pa.types.is_null(kind):
        return Parsed(np.zeros(len(column), np.int64), np.ones(len(column), bool))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _texts(column.cast(LABELS), time_format)
    raise InputError(
        f"{where} holds values of type {str(kind)[:80]}, which are no times; give datetimes, ISO "
        "8601 strings or numbers since 1970."
    )


def told(pieces: Callable[[], Iterable[tuple[NDArray[Any], NDArray[np.bool_]]]], name: str) -> Told:
    """Tell the unit of the numbers of a column by the magnitude of the middle one.

    Parameters
    ----------
    pieces
        Gives the numbers and which of them are bad, piece by piece, each time anew. All pieces
        are of one type.
    name
        The column's name, for the log.
    """
    middle = abs(_median(lambda: (v[~bad] if bad.any() else v for v, bad in pieces())))
    unit = next(u for bound, u in _MAGNITUDES if middle < bound)
    logger.info("column %r: numbers of about %.3g, taken as times in %s", name, middle, unit)
    spelled = all(_as_dates(values, or_zero=True).all() for values, _ in pieces())
    return Told(unit, middle, spelled)


def settled(parsed: Parsed, meaning: str | Told) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the times with their numbers put into a unit, and which cannot be read.

    Parameters
    ----------
    parsed
        Times; the numbers of all pieces of a column are of one type.
    meaning
        The unit that was given, or what was told of the whole column.
    """
    values, bad = parsed.numbers()
    if isinstance(meaning, Told):
        bad = bad | _otherwise(values, meaning)
        meaning = meaning.unit
    time, bad = _scaled(values, bad, meaning)
    if parsed.number is None:
        return time, bad
    times, bads = parsed.time.copy(), parsed.bad.copy()
    times[parsed.number], bads[parsed.number] = time, bad
    return times, bads


def _median(pieces: Callable[[], Iterable[NDArray[Any]]]) -> float:
    """Return the median of the values of all pieces, 0 where there are none; of one, by NumPy.

    Of several, digit by digit: values are mapped to whole numbers in the same order, and the
    middle ones are found by counting 16 binary digits at a time, so that no piece is held.
    """
    first = list(islice(pieces(), 2))
    if len(first) < 2:
        return float(np.median(first[0])) if first and len(first[0]) else 0.0
    n = sum(map(len, pieces()))
    if n == 0:
        return 0.0
    kind = first[0].dtype
    middle = [_ranked(pieces, kind, place) for place in ((n - 1) // 2, n // 2)]
    return float(np.median(np.array(middle, kind)))


def _ranked(pieces: Callable[[], Iterable[NDArray[Any]]], kind: np.dtype[Any], place: int) -> Any:
    """Return the value that stands at a place, from 0, when all are sorted."""
    top = np.uint64(1 << 63)

    def keys(values: NDArray[Any]) -> NDArray[np.uint64]:
        if kind.kind == "u":
            return values.astype(np.uint64)
        if kind.kind == "i":
            return values.astype(np.int64).view(np.uint64) ^ top
        bits = (values + 0).view(np.uint64)  # of the two zeros one
        return np.where(bits & top, ~bits, bits | top)  # of negative floats all digits turn

    known, shift = np.uint64(0), 64
    while shift > 0:
        shift -= 16
        counts = np.zeros(1 << 16, np.int64)
        for values in pieces():
            key = keys(values)
            if shift < 48:
                key = key[key >> np.uint64(shift + 16) == known]
            digits = (key >> np.uint64(shift)) & np.uint64(0xFFFF)
            counts += np.bincount(digits.astype(np.int64), minlength=1 << 16)
        digit = int(np.searchsorted(np.cumsum(counts), place, "right"))
        place -= int(counts[:digit].sum())
        known = (known << np.uint64(16)) | np.uint64(digit)
    if kind.kind == "u":
        return known
    if kind.kind == "i":
        return np.array([known ^ top]).view(np.int64)[0]
    return np.array([known ^ top if known & top else ~known]).view(np.float64)[0]


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


def _numbers(column: pa.ChunkedArray) -> Parsed:
    """Read numbers since 1970, in whatever unit."""
    bad = _nulls(column)
    if not pa.types.is_integer(column.type):
        column = column.cast(pa.float64())
    values = pc.fill_null(column, 0).to_numpy()
    if values.dtype.kind == "f":
        bad |= ~np.isfinite(values)
        values = np.where(bad, 0, values)
    return Parsed(np.zeros(0, np.int64), bad, None, values)


def _otherwise(values: NDArray[Any], whole: Told) -> NDArray[np.bool_]:
    """Mark numbers that are no times in the unit of the others; zeros are let pass.

    A number of another magnitude is in another unit. Numbers that spell dates, or count days as
    spreadsheets do, are marked where all of the column do so. Among real times they are marked
    where they would be no time of social media.
    """
    units = [u for _, u in _MAGNITUDES]
    at = units.index(whole.unit)
    low = _MAGNITUDES[at - 1][0] if at else 0.0
    high = _MAGNITUDES[at][0]
    found = np.zeros(len(values), bool)
    if not len(values):
        return found
    least, most = float(values.min()), float(values.max())
    if most >= high or least <= -high or least < low:
        size = np.abs(values.astype(np.float64))
        found |= (size >= high) | ((size < low) & (size > 0))
    spelled = _as_dates(values)
    if spelled.any():
        second = SECOND / UNITS[whole.unit] if whole.unit != "ns" else 1e9
        if whole.spelled:
            found |= spelled
        elif _AGE[0] <= whole.middle / second < _AGE[1]:
            found |= spelled & ((values < _AGE[0] * second) | (values >= _AGE[1] * second))
    return found


def _as_dates(values: NDArray[Any], or_zero: bool = False) -> NDArray[np.bool_]:
    """Mark the numbers that spell a date, or count days as spreadsheets do."""
    spelled = np.zeros(len(values), bool)
    if not len(values):
        return spelled
    for marks, _ in _spelled(values):
        spelled |= marks
    if float(values.min()) < _SERIAL[1] and float(values.max()) >= _SERIAL[0]:
        spelled |= (values >= _SERIAL[0]) & (values < _SERIAL[1])
    return spelled | (values == 0) if or_zero else spelled


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


def _texts(column: pa.ChunkedArray, time_format: str | None) -> Parsed:
    """Read times written as text."""
    time = np.zeros(len(column), np.int64)
    bad = np.ones(len(column), bool)
    number: NDArray[np.bool_] | None = None
    values: NDArray[Any] | None = None
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
            if number.all():
                return _numbers(numbers)
            read = _numbers(numbers)
            values, bad[number] = read.values, read.bad
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
    return Parsed(time, bad) if values is None else Parsed(time, bad, number, values)
