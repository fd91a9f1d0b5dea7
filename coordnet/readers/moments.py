"""Dates and named intervals that scores are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coordnet.errors import ParameterError, shown
from coordnet.times import DAY, EARLIEST, Instant, instant

WEEKS = 4  # before a date, unless an interval is given


def read_before(before: Instant | tuple[Instant, Instant] | None) -> tuple[int, int] | None:
    """Return the interval [start, end) that members are created in: four weeks before a date."""
    if before is None:
        return None
    if isinstance(before, tuple | list):  # a list is what JSON and TOML make of it
        return read_moments({"before": before})["before"]
    end = instant(before, "before")
    start = end - 7 * WEEKS * DAY
    if start < EARLIEST:
        raise ParameterError(
            f"before={shown(before)}: the four weeks before it begin before the year 1; give a "
            "later date."
        )
    return start, end


def read_moments(
    moments: Mapping[str, tuple[Instant, Instant]] | None,
) -> dict[str, tuple[int, int]]:
    """Return named intervals [start, end) in microseconds UTC."""
    if moments is not None and not isinstance(moments, Mapping):
        raise ParameterError(
            f"moments={moments!r} is no mapping of names to intervals; write "
            '{"debate": ("2017-05-31", "2017-06-01")}.'
        )
    read = {}
    for name, limits in (moments or {}).items():
        if not isinstance(limits, Sequence) or isinstance(limits, str) or len(limits) != 2:
            raise ParameterError(
                f"moments[{name!r}]={limits!r} is not an interval; write (start, end)."
            )
        start, end = (instant(limit, f"moments[{name!r}]") for limit in limits)
        if end <= start:
            raise ParameterError(f"moments[{name!r}] ends before it begins.")
        read[str(name)] = (start, end)
    return read
