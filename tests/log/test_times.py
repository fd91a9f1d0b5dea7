"""Durations and instants as people write them, in whole microseconds."""

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordnet.errors import ParameterError
from coordnet.times import duration, duration_text, instant, instant_text


@pytest.mark.parametrize(
    ("written", "microseconds"),
    [
        ("60s", 60_000_000),
        ("1 min", 60_000_000),
        ("60", 60_000_000),
        (" .5 h ", 1_800_000_000),
        ("1.5ms", 1_500),
        ("7us", 7),
        ("2d", 172_800_000_000),
        ("3sec", 3_000_000),
        (0, 0),
        (0.25, 250_000),
        (np.float32(0.5), 500_000),
        (dt.timedelta(days=1, microseconds=1), 86_400_000_001),
    ],
)
def test_durations(written, microseconds):
    assert duration(written) == microseconds


@pytest.mark.parametrize("written", ["1 fortnight", "min", "", "-5s", "1e3s", True, None, [60]])
def test_what_is_no_duration(written):
    with pytest.raises(ParameterError) as error:
        duration(written, "refractory")
    assert str(error.value) == (
        f"refractory={written!r} is not a duration; write '60s', '10min', '1h' or seconds."
    )


@pytest.mark.parametrize("written", [-1, -0.001, math.nan, math.inf, dt.timedelta(seconds=-1)])
def test_durations_that_cannot_be(written):
    with pytest.raises(ParameterError, match="is not a duration of zero or more"):
        duration(written)


@given(st.integers(0, 10**15))
def test_a_duration_as_text_reads_back(microseconds):
    assert duration(duration_text(microseconds)) == microseconds


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (0, "0s"), (1, "1us"), (1_500, "1500us"), (2_000, "2ms"), (60_000_000, "60s"),
        (90_000_000, "90s"), (600_000_000, "10min"), (3_600_000_000, "1h"),
        (86_400_000_000, "1d"),
    ],
)  # fmt: skip
def test_duration_text(microseconds, text):
    assert duration_text(microseconds) == text


HALF_PAST = 1_496_957_400_000_000  # 2017-06-08 21:30 UTC


@pytest.mark.parametrize(
    "written",
    [
        "2017-06-08T21:30:00Z",
        "2017-06-08 21:30",
        "2017-06-08T22:30:00+01:00",
        dt.datetime(2017, 6, 8, 21, 30),
        dt.datetime(2017, 6, 8, 16, 30, tzinfo=dt.timezone(-dt.timedelta(hours=5))),
        np.datetime64("2017-06-08T21:30"),
        HALF_PAST / 1e6,
        HALF_PAST // 1_000_000,
    ],
)
def test_instants(written):
    assert instant(written) == HALF_PAST


def test_a_date_is_its_first_moment():
    assert instant(dt.date(2017, 6, 8)) == instant("2017-06-08") == HALF_PAST - 77_400_000_000


@pytest.mark.parametrize("written", ["soon", "2017-13-01", None, [1], True, math.inf])
def test_what_is_no_instant(written):
    with pytest.raises(ParameterError, match=r"is not a time.*2017-06-08T22:00:00Z"):
        instant(written, "start")


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_an_instant_as_text_reads_back(microseconds):
    assert instant(instant_text(microseconds)) == microseconds
