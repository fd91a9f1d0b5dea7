"""Windows and instants: what people write, as int64 microseconds (UTC)."""

from __future__ import annotations

import datetime as dt
import math
import numbers
import re
from typing import TypeAlias

import numpy as np

from coordnet.errors import ParameterError

Duration: TypeAlias = str | int | float | dt.timedelta
Instant: TypeAlias = str | int | float | dt.datetime | dt.date | np.datetime64

MICROSECONDS = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "sec": 1_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
SECOND, MINUTE, HOUR, DAY = (MICROSECONDS[unit] for unit in ("s", "min", "h", "d"))
# What a datetime can hold: the years 1 to 9999
EARLIEST, LATEST = -62_135_596_800_000_000, 253_402_300_799_999_999
_DURATION = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z]*)\s*")


def duration(value: Duration, name: str = "within") -> int:
    """Return a duration in whole microseconds.

    Parameters
    ----------
    value
        ``"60s"``, ``"10min"``, ``"1.5h"`` (units us, ms, s, min, h, d; without one: seconds), a
        number of seconds, or a `datetime.timedelta`.
    name
        The parameter's name, for the error.

    Examples
    --------
    >>> duration("10min"), duration(0.5)
    (600000000, 500000)
    """
    advice = f"{name}={value!r} is not a duration; write '60s', '10min', '1h' or seconds."
    if isinstance(value, dt.timedelta):
        microseconds: float | int = value // dt.timedelta(microseconds=1)
    elif isinstance(value, str):
        match = _DURATION.fullmatch(value)
        unit = match and (match[2] or "s")
        if match is None or unit not in MICROSECONDS:
            raise ParameterError(advice)
        microseconds = float(match[1]) * MICROSECONDS[unit]
    elif isinstance(value, numbers.Real) and not isinstance(value, bool):
        microseconds = float(value) * SECOND
    else:
        raise ParameterError(advice)
    if not math.isfinite(microseconds) or microseconds < 0:
        raise ParameterError(f"{name}={value!r} is not a duration of zero or more.")
    if microseconds > 100 * 365 * DAY:
        raise ParameterError(f"{name}={value!r} is longer than a century.")
    return round(microseconds)


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

    Examples
    --------
    >>> instant("2017-06-08T22:00:00+01:00")
    1496955600000000
    """
    try:
        if isinstance(value, str):
            value = dt.datetime.fromisoformat(value)
        if isinstance(value, np.datetime64):
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
    except (ValueError, OverflowError) as error:
        raise ParameterError(
            f"{name}={value!r} is not a time: {error}. Write it as '2017-06-08T22:00:00Z'."
        ) from None
    raise ParameterError(f"{name}={value!r} is not a time. Write it as '2017-06-08T22:00:00Z'.")


def instant_text(microseconds: int) -> str:
    """Return an instant as ISO 8601 text in UTC, with as many decimals as it needs."""
    moment = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=int(microseconds))
    return moment.isoformat(sep=" ") + "Z"
