"""Windows and instants: what people write, as int64 microseconds (UTC)."""

from __future__ import annotations

import datetime as dt
import math
import numbers
import re
from typing import TypeAlias

import numpy as np

from coordnet.errors import ParameterError, shown

Duration: TypeAlias = str | int | float | dt.timedelta | np.timedelta64
Instant: TypeAlias = str | int | float | dt.datetime | dt.date | np.datetime64

MICROSECONDS = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
SECOND, MINUTE, HOUR, DAY = (MICROSECONDS[unit] for unit in ("s", "min", "h", "d"))
# What a datetime can hold: the years 1 to 9999
EARLIEST, LATEST = -62_135_596_800_000_000, 253_402_300_799_999_999
# What people write for a unit. "m" is a minute wherever months have another name (pandas, Polars,
# NumPy, Go, systemd); "M" is a month there, and a minute to whoever also writes "H" and "D".
_SPELLINGS = {
    "us": "us µs μs microsecond microseconds",
    "ms": "ms millisecond milliseconds",
    "s": "s S sec secs second seconds",
    "min": "m min mins minute minutes",
    "h": "h H hr hrs hour hours",
    "d": "d D day days",
    "w": "w W wk wks week weeks",
}
_UNITS = {word: unit for unit, words in _SPELLINGS.items() for word in words.split()}
_NO_FIXED_LENGTH = (
    "mo", "mon", "month", "months", "quarter", "quarters", "y", "yr", "year", "years",
)  # fmt: skip
_WRITTEN = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-zµμ]*)\s*", re.ASCII)
_ISO = re.compile(
    r"\s*P(?=[\dT])(?:(?P<y>{0})Y)?(?:(?P<mo>{0})M)?(?:(?P<w>{0})W)?(?:(?P<d>{0})D)?"
    r"(?:T(?=\d)(?:(?P<h>{0})H)?(?:(?P<min>{0})M)?(?:(?P<s>{0})S)?)?\s*".format(r"\d+(?:\.\d+)?"),
    re.ASCII,
)
# Microseconds of each unit of a timedelta64; its years and months have no fixed length
_OF_NUMPY = {
    "W": 7 * DAY, "D": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": 1_000, "us": 1, "ns": 1e-3,
    "ps": 1e-6, "fs": 1e-9, "as": 1e-12,
}  # fmt: skip


def duration(value: Duration, name: str = "within") -> int:
    """Return a duration in whole microseconds.

    Parameters
    ----------
    value
        ``"60s"``, ``"10min"``, ``"1.5h"``, ``"7 days"``: a number and a unit (us, ms, s, min, h,
        d, w, or the word; without one: seconds); ISO 8601 (``"PT60S"``); a number of seconds; a
        `datetime.timedelta` or a `numpy.timedelta64`.
    name
        The parameter's name, for the error.

    Returns
    -------
    int
        Microseconds, 0 to a century.

    Raises
    ------
    ParameterError
        For anything else. ``"1m"`` is a minute; ``"1M"`` is refused, because it is a month to
        some and a minute to others; months and years are refused, because their lengths differ.

    Examples
    --------
    >>> duration("10min"), duration(0.5), duration("1 minute") == duration("PT60S")
    (600000000, 500000, True)
    """
    told = f"{name}={shown(value)}"
    microseconds: float | None = None
    if isinstance(value, dt.timedelta):
        microseconds = value // dt.timedelta(microseconds=1)
    elif isinstance(value, np.timedelta64):
        unit, step = np.datetime_data(value.dtype)
        if unit in ("M", "Y"):
            raise ParameterError(f"{told} has no fixed length; write it in days, like '30d'.")
        if unit in _OF_NUMPY and not np.isnat(value):
            microseconds = int(value.astype(np.int64)) * step * _OF_NUMPY[unit]
    elif isinstance(value, str):
        microseconds = _written(value, told)
    elif isinstance(value, numbers.Real) and not isinstance(value, bool):
        try:
            microseconds = float(value) * SECOND
        except OverflowError:  # an integer that no float can hold
            microseconds = math.inf if value > 0 else -math.inf
    if microseconds is None:
        raise ParameterError(f"{told} is not a duration; write '60s', '10min', '1h' or seconds.")
    if math.isnan(microseconds) or microseconds < 0 or microseconds == math.inf:
        raise ParameterError(f"{told} is not a duration of zero or more.")
    if microseconds > 100 * 365 * DAY:
        raise ParameterError(f"{told} is longer than a century.")
    if microseconds and not round(microseconds):
        raise ParameterError(f"{told} is shorter than the shortest duration, '1us'.")
    return round(microseconds)


def _written(text: str, told: str) -> float | None:
    """Return the microseconds of a written duration, None where it is none."""
    if match := _WRITTEN.fullmatch(text):
        unit = match[2] if len(match[2]) < 3 else match[2].casefold()
        if unit == "M":
            raise ParameterError(
                f"{told} could be minutes or months; write '{match[1]}min' for minutes, or days "
                "for months, like '30d'."
            )
        if unit.casefold() in _NO_FIXED_LENGTH:
            raise ParameterError(f"{told} has no fixed length; write it in days, like '30d'.")
        unit = _UNITS.get(unit or "s", "")
        return float(match[1]) * MICROSECONDS[unit] if unit else None
    if match := _ISO.fullmatch(text):
        parts = {unit: n for unit, n in match.groupdict().items() if n is not None}
        if "y" in parts or "mo" in parts:
            raise ParameterError(f"{told} has no fixed length; write it in days, like '30d'.")
        return sum(float(n) * MICROSECONDS[unit] for unit, n in parts.items())
    return None


def duration_text(microseconds: int) -> str:
    """Return a duration as it would be written: in the largest unit that gives a whole number.

    >>> duration_text(60_000_000), duration_text(3_600_000_000)
    ('60s', '1h')
    """
    for unit in ("d", "h", "min", "s", "ms"):
        size = MICROSECONDS[unit]
        if microseconds and microseconds % size == 0:
            # "60s" is how everybody in the field writes a minute
            return "60s" if microseconds == MINUTE else f"{microseconds // size}{unit}"
    return f"{microseconds}us" if microseconds else "0s"


def instant(value: Instant, name: str = "time") -> int:
    """Return an instant in microseconds since 1970 (UTC); a time without a zone is taken as UTC.

    Parameters
    ----------
    value
        ISO 8601 text, a number of seconds since 1970, a `datetime`, a `date` or a `datetime64`.
    name
        The parameter's name, for the error.

    Returns
    -------
    int
        Microseconds, in the years 1 to 9999.

    Raises
    ------
    ParameterError
        For anything else, missing values (NaT, NaN) and other years included.

    Examples
    --------
    >>> instant("2017-06-08T22:00:00+01:00")
    1496955600000000
    """
    told, advice = f"{name}={shown(value)} is not a time", "Write it as '2017-06-08T22:00:00Z'."
    try:
        microseconds = _instant(value)
    except (ValueError, TypeError, OverflowError) as error:  # of the libraries behind the types
        raise ParameterError(f"{told}: {error}. {advice}") from None
    if microseconds is None:
        raise ParameterError(f"{told}. {advice}")
    if not EARLIEST <= microseconds <= LATEST:
        raise ParameterError(
            f"{told} in the years 1 to 9999 (a number is seconds since 1970). {advice}"
        )
    return microseconds


def _instant(value: Instant) -> int | None:
    """Return microseconds since 1970, None where the value is of no kind that can be a time."""
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    if isinstance(value, numbers.Real | np.datetime64 | dt.date) and value != value:  # noqa: PLR0124
        raise ValueError("the value is missing")  # NaN and NaT are not even equal to themselves
    if isinstance(value, np.datetime64):
        year = int(value.astype("datetime64[Y]").astype(np.int64)) + 1970
        if not 1 <= year <= 9999:  # further away, microseconds would leave 64 bits unseen
            return LATEST + 1
        return int(value.astype("datetime64[us]").astype(np.int64))
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    if isinstance(value, dt.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=dt.UTC)
        epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        return (value - epoch) // dt.timedelta(microseconds=1)
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return round(float(value) * SECOND)
    return None


def instant_text(microseconds: int) -> str:
    """Return an instant as ISO 8601 text in UTC, with as many decimals as it needs."""
    moment = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=int(microseconds))
    return moment.isoformat(sep=" ") + "Z"
