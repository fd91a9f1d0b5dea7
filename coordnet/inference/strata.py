"""Strata of time, inside which accounts act at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import ParameterError
from coordnet.times import HOUR, Duration, duration, duration_text

HOURS = {"hour_of_day": 24, "hour_of_week": 168}


def strata_of(time: NDArray[np.int64], strata: Duration | str) -> NDArray[np.int64]:
    """Return the stratum of each time, numbered from 0 without gaps.

    Parameters
    ----------
    time
        Microseconds UTC.
    strata
        A duration (``"1h"``, ``"1d"``: stretches of the clock), ``"hour_of_day"`` or
        ``"hour_of_week"``.
    """
    if isinstance(strata, str) and strata in HOURS:
        numbers = time // HOUR % HOURS[strata]
    else:
        length = duration(strata, "strata")
        if not length:
            raise ParameterError(f"strata={strata!r} must be longer than nothing, such as '1h'.")
        numbers = time // length
    return np.unique(numbers, return_inverse=True)[1]


def check_strata(strata: Duration | str) -> str:
    """Return strata as they are written, after a check."""
    if isinstance(strata, str) and strata in HOURS:
        return strata
    strata_of(np.zeros(1, np.int64), strata)
    return duration_text(duration(strata, "strata"))
