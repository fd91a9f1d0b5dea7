"""Durations and instants as people write them, in whole microseconds."""

import datetime as dt
import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordnet.errors import ParameterError
from coordnet.times import EARLIEST, LATEST, duration, duration_text, instant, instant_text


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
        (pd.Timedelta("90s"), 90_000_000),
        ("1m", 60_000_000),
        ("1 minute", 60_000_000),
        ("90 Minutes", 5_400_000_000),
        ("10mins", 600_000_000),
        ("90 sec", 90_000_000),
        ("60S", 60_000_000),
        ("2 seconds", 2_000_000),
        ("1H", 3_600_000_000),
        ("2 hours", 7_200_000_000),
        ("7D", 604_800_000_000),
        ("7 days", 604_800_000_000),
        ("1w", 604_800_000_000),
        ("2 weeks", 1_209_600_000_000),
        ("5µs", 5),
        ("PT60S", 60_000_000),
        ("PT1M", 60_000_000),
        ("P1DT1.5H", 91_800_000_000),
        ("P2W", 1_209_600_000_000),
        (np.timedelta64(1, "m"), 60_000_000),
        (np.timedelta64(7, "D"), 604_800_000_000),
        (np.timedelta64(25, "100ms"), 2_500_000),
        (np.timedelta64(1_500, "ns"), 2),
        (np.timedelta64(100 * 365 * 86_400_000_000_000, "ns"), 100 * 365 * 86_400_000_000),
        (np.int64(60), 60_000_000),
        (np.uint8(60), 60_000_000),
        (Fraction(1, 2), 500_000),
    ],
)
def test_durations(written, microseconds):
    assert duration(written) == microseconds


@pytest.mark.parametrize(
    "written",
    [
        "1 fortnight", "min", "", "-5s", "1e3s", "1MS", "1US", "1h30", "P", "PT", "PT-1S", "1٣s",
        "１s", "60s\x1b[31m", True, None, [60], np.timedelta64("NaT"), np.timedelta64(60), pd.NaT,
        np.True_, 1j, dt.time(1),
    ],
)  # fmt: skip
def test_what_is_no_duration(written):
    with pytest.raises(ParameterError) as error:
        duration(written, "refractory")
    assert str(error.value) == (
        f"refractory={written!r} is not a duration; write '60s', '10min', '1h' or seconds."
    )


@pytest.mark.parametrize("written", ["1M", "30 M", "1.5M"])
def test_what_could_be_minutes_or_months(written):
    with pytest.raises(ParameterError) as error:
        duration(written, "every")
    number = written.rstrip(" M")
    assert str(error.value) == (
        f"every={written!r} could be minutes or months; write '{number}min' for minutes, or days "
        "for months, like '30d'."
    )


@pytest.mark.parametrize(
    "written",
    ["1mo", "3 months", "1 Month", "1y", "1Y", "2 years", "1 quarter", "P1M", "P1Y", "P1Y2M3D",
     "P1MT1H", np.timedelta64(1, "M"), np.timedelta64(1, "Y")],
)  # fmt: skip
def test_months_and_years_have_no_fixed_length(written):
    with pytest.raises(ParameterError, match="has no fixed length; write it in days, like '30d'"):
        duration(written)


@pytest.mark.parametrize(
    "written",
    ["37000d", "999999999999999999999999w", 10**300, np.timedelta64(2**62, "W"), "9" * 400],
)
def test_durations_have_a_longest_and_a_shortest(written):
    with pytest.raises(ParameterError, match=r"is longer than a century|of zero or more") as error:
        duration(written)
    assert len(str(error.value)) < 300
    for short in ("0.4us", 1e-7, np.timedelta64(400, "ns")):
        with pytest.raises(ParameterError, match="is shorter than the shortest duration, '1us'"):
            duration(short)


@pytest.mark.parametrize(
    "written",
    [-1, -0.001, math.nan, math.inf, 10**400, -(10**400), dt.timedelta(seconds=-1),
     np.timedelta64(-1, "s")],
)  # fmt: skip
def test_durations_that_cannot_be(written):
    with pytest.raises(ParameterError, match="is not a duration of zero or more"):
        duration(written)


@given(
    st.integers(0, 100 * 365 * 86_400_000_000)
    | st.integers(0, 3_650).map(lambda n: n * 864_000_000_000)
)
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
        np.datetime64("2017-06-08T21:30:00.000000000"),
        pd.Timestamp("2017-06-08T22:30:00+01:00"),
        np.int64(HALF_PAST // 1_000_000),
        HALF_PAST / 1e6,
        HALF_PAST // 1_000_000,
    ],
)
def test_instants(written):
    assert instant(written) == HALF_PAST


def test_a_date_is_its_first_moment():
    assert instant(dt.date(2017, 6, 8)) == instant("2017-06-08") == HALF_PAST - 77_400_000_000


@pytest.mark.parametrize(
    "written", ["soon", "2017-13-01", None, [1], True, np.array([1, 2]), pd.NA, "\x1b[31m"]
)
def test_what_is_no_instant(written):
    with pytest.raises(ParameterError, match=r"is not a time.*2017-06-08T22:00:00Z") as error:
        instant(written, "start")
    assert "\x1b" not in str(error.value)


@pytest.mark.parametrize(
    "written",
    [np.datetime64("NaT"), np.datetime64("NaT", "D"), pd.NaT, math.nan, np.float32("nan")],
)
def test_missing_values_are_no_instants(written):
    with pytest.raises(ParameterError) as error:
        instant(written, "before")
    assert str(error.value) == (
        f"before={written!r} is not a time: the value is missing. "
        "Write it as '2017-06-08T22:00:00Z'."
    )


@pytest.mark.parametrize(
    "written",
    [
        np.datetime64("0000-12-31"), np.datetime64("10000-01-01T00:00:00"), np.datetime64("-5000"),
        np.datetime64(2**62, "Y"), np.datetime64(2**62, "s"), 1_496_957_400_000, -1e12, 10**18,
        "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00",
    ],
)  # fmt: skip
def test_instants_outside_the_years_that_there_are(written):
    with pytest.raises(ParameterError, match=r"start=.* is not a time in the years 1 to 9999"):
        instant(written, "start")


@pytest.mark.parametrize("written", [math.inf, -math.inf, 10**400])
def test_instants_that_no_number_holds(written):
    with pytest.raises(ParameterError, match=r"is not a time.*2017-06-08T22:00:00Z"):
        instant(written)


def test_the_first_and_the_last_instant():
    assert instant("0001-01-01") == instant(np.datetime64("0001-01-01")) == EARLIEST
    last = "9999-12-31T23:59:59.999999"
    assert instant(last) == instant(np.datetime64(last)) == LATEST


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_an_instant_as_text_reads_back(microseconds):
    assert instant(instant_text(microseconds)) == microseconds
