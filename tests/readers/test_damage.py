"""What would be read as something else is refused: ids that lost digits, times of two meanings."""

import datetime as dt

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import assert_same_log

import coordnet as cn

AOT = {"account": "a", "object": "o", "time": "t"}
MOMENT = 1_496_955_600  # 2017-06-08 21:00 UTC
US = 10**6


def read(source, **options):
    return cn.read_actions(source, **{**AOT, **options})


def message(source, **options):
    with pytest.raises(cn.CoordnetError) as error:
        read(source, **options)
    return str(error.value)


def table(library=pd.DataFrame, **columns):
    n = len(next(iter(columns.values())))
    return library(
        {"a": [f"u{i}" for i in range(n)], "o": ["p"] * n, "t": [MOMENT + i for i in range(n)]}
        | columns
    )


# -- ids ---------------------------------------------------------------------------------------

LOST = [
    "1.23456789012345E+18", "1.2345678901234568e+18", "1.23457E+18", "1,23457E+18", "1E+18",
    "1.2E18", "1.23457E+11", "1.234567890e+09", "-1.23457E+18", " 1.23457E+18", "9.9E+017",
    "1234567890123456800.0", "9007199254740993.00",
]  # fmt: skip
KEPT = [
    "12345678e901234567",  # a hash
    "5e18", "1e99", "7E20",  # short links
    "1.5", "2.0", "1.5E+3", "1.23457E+10", "1E+9", "0.5E+18", "v1.23457E+18", "1.2e+18 people",
    "1.23457E-18", "1234567890123456800", "123456789012345.0", "E+18", "+", ".", "1.2.3E+18",
]  # fmt: skip


@pytest.mark.parametrize("role", ["account", "object", "post"])
@pytest.mark.parametrize("lost", LOST)
def test_ids_that_lost_digits_are_refused(lost, role, tmp_path):
    """With how many there are, one of them, where it is, and what to do."""
    column = {"account": "a", "object": "o", "post": "c"}[role]
    rows = table(c=["x", "y", "z", "w"]).assign(**{column: ["x", lost, "y", lost]})
    rows.to_csv(tmp_path / "x.csv", index=False)
    source = str(tmp_path / "x.csv")
    for given, name in ((rows, "pandas frame"), (pl.DataFrame(rows), "polars frame"),
                        (source, source)):  # fmt: skip
        assert message(given, post="c") == (
            f"column {column!r}, {name!r}, row 2: the id {lost!r} is a number as a spreadsheet or "
            "a column of floats writes it (2 such rows), so that different ids may already have "
            "become one; take the column as text from the original source, or leave such rows out "
            'with on_bad="drop".'
        )
    log = read(source, post="c", on_bad="drop")
    assert (len(log), log.dropped["damaged id"], log.rows_read) == (2, 2, 4)
    assert lost not in [*log.accounts, *log.objects, *log.post.labels.to_pylist()]


def test_what_only_looks_like_such_an_id_is_kept():
    log = read(table(a=KEPT, o=KEPT, c=KEPT), post="c")
    assert sorted(log.accounts) == sorted(log.objects) == sorted(KEPT)
    assert "damaged id" not in log.dropped


def test_texts_and_kinds_are_no_ids():
    log = read(table(x=LOST, k=LOST), text="x", kind="k")
    assert len(log) == len(LOST)


def test_one_strange_label_among_texts_is_refused_too():
    texts = [f"a tweet about {i}.0 and 1E+18" for i in range(50)]
    assert len(read(table(o=texts))) == 50
    assert "row 51: the id '1.23E+18'" in message(table(o=[*texts, "1.23E+18"]))


def test_a_column_of_whole_numbers_some_of_which_were_floats(tmp_path):
    """12 and 12.0 may be one account: one of two files was written by way of floats."""
    (tmp_path / "0.csv").write_text("a,o,t\n12,p,1\n13,p,1\n")
    (tmp_path / "1.csv").write_text("a,o,t\n12.0,p,2\n14.0,p,2\n")
    found = message(tmp_path / "*.csv")
    assert f"{str(tmp_path / '1.csv')!r}, row 1: the id '12.0'" in found
    assert "(2 such rows)" in found
    assert read(tmp_path / "1.csv").accounts.tolist() == ["12.0", "14.0"]
    assert "the id '7.0'" in message(table(a=pd.Series([1, "7.0"], dtype=object)))
    assert len(read(table(a=["12", "12.0", "12.5"]))) == 3  # no column of whole numbers


@pytest.mark.parametrize("make", [pd.Categorical, lambda v: pl.Series(v, dtype=pl.Categorical)])
def test_damaged_categories_are_found_where_they_stand(make):
    given = make(["b", "a", "1E+18", None, "1E+18"])
    library = pd.DataFrame if isinstance(given, pd.Categorical) else pl.DataFrame
    found = message(table(library, a=given))
    assert "row 3: the id '1E+18'" in found
    assert "(2 such rows)" in found


def test_the_largest_integer_without_sign():
    for value in (2**128 - 1, 2**127, 2**64, 0):
        relation = duckdb.sql(f"select {value}::uhugeint as a, 'p' as o, {MOMENT} as t")
        assert read(relation).accounts.tolist() == [str(value)]


# -- times -------------------------------------------------------------------------------------


def refused(t, row, **options):
    """Return why the time of a row is refused, in a frame and as text in a file alike."""
    return [
        message(table(t=values), **options)
        .partition(f"row {row}: ")[2]
        .partition("such rows); ")[2]
        .partition(', or leave such rows out with on_bad="drop".')[0]
        for values in (t, list(map(str, t)))
    ]


UNIT = "it is in another unit than the other times; write all times in one unit"


@pytest.mark.parametrize("more", [1_000, 10**6, 10**9])
@pytest.mark.parametrize("less", [1, 1_000, 10**6, 10**9])
def test_numbers_in_two_units_are_refused(more, less):
    """One in seconds among milliseconds would be January 1970."""
    if more == less:
        return
    t = [MOMENT * more, MOMENT * less, (MOMENT + 1) * more]
    assert refused(t, 2) == [UNIT] * 2
    log = read(table(t=t), on_bad="drop")
    assert (len(log), log.dropped["unreadable time"]) == (2, 1)
    assert log.time.tolist() == [MOMENT * US, (MOMENT + 1) * US]


def test_a_unit_given_holds_for_all_numbers():
    log = read(table(t=[MOMENT * 1_000, MOMENT]), unit="ms")
    assert log.time.tolist() == [MOMENT * 1_000, MOMENT * US]


def test_zeros_and_times_before_1970_are_let_pass():
    t = [MOMENT, 0, -3, MOMENT + 1]
    assert read(table(t=t)).time.tolist() == [v * US for v in sorted(t)]


SPELLED = {
    20170608: "%Y%m%d",
    2017060821: "%Y%m%d%H",
    201706082100: "%Y%m%d%H%M",
    20170608210000: "%Y%m%d%H%M%S",
    20170608210000000: "%Y%m%d%H%M%S%g",
}


@pytest.mark.parametrize("number", SPELLED)
@pytest.mark.parametrize("kind", [np.int64, np.float64])
def test_numbers_that_spell_dates_are_refused_with_the_format(number, kind):
    given = f'it looks like a date; give time_format="{SPELLED[number]}"'
    t = np.array([number, 0, number], kind)
    for told in refused(t, 1):
        assert told == given + ", or unit= where these are numbers since 1970"
    day = MOMENT - 21 * 3_600
    expected = day if SPELLED[number] == "%Y%m%d" else MOMENT
    for values in (t[:1], [str(number)]):
        log = read(table(t=values), time_format=SPELLED[number])
        assert log.time.tolist() == [expected * US]


@pytest.mark.parametrize("number", [n for n in SPELLED if n != 2017060821])
def test_one_date_among_numbers_is_refused(number):
    for unit in (1, 1_000):
        t = [MOMENT * unit, (MOMENT + 1) * unit, number]
        assert refused(t, 3)[0].startswith("it looks like a date")
        assert len(read(table(t=t), on_bad="drop")) == 2


def test_a_number_that_spells_no_date_is_a_time():
    for t in ([20171308, 20170608], [20170600, 20170608], [19990608] * 2, [2017060825, 1]):
        assert read(table(t=t)).time.tolist() == [v * US for v in sorted(t)]
    years = [MOMENT + 86_400 * i for i in range(3_000)]  # 2017 to 2025: as usual
    assert len(read(table(t=years))) == 3_000


@pytest.mark.parametrize("number", [42_894.29, 42_894, 36_526, 55_152.99])
def test_days_of_spreadsheets_are_refused(number):
    told = (
        "it looks like days as a spreadsheet counts them; write the column as dates, or give "
        'unit="s" where these are seconds since 1970'
    )
    assert refused([number, number], 1) == [told] * 2
    assert refused([MOMENT, MOMENT, number], 3) == [told] * 2
    assert read(table(t=[number]), unit="s").time.tolist() == [round(number * US)]
    assert len(read(table(t=[number, 5.0]))) == 2  # seconds of a simulation


@pytest.mark.parametrize(
    ("kind", "value"), [(np.float32, MOMENT), (np.float32, 2**24), (np.float16, 2**11)]
)
def test_narrow_floats_that_make_times_equal_are_refused(kind, value):
    given = np.array([value, 1], kind)
    assert message(table(t=given)) == (
        f"column 't' holds times such as {float(given[0]):.0f} as floats of "
        f"{given.itemsize * 8} bits, which make different times equal; read the column as integers "
        "or as 64-bit floats from the original source."
    )


@pytest.mark.parametrize("written", ["1.49691E+12", "1.496911e+12", "1.49691E+09", "2E+09"])
def test_times_that_lost_digits_are_refused(written):
    told = "it lost digits where it was written; take the column from the original source"
    for options in ({}, {"unit": "ms"}):
        found = message(table(t=["1496955600000", written]), **options)
        assert f"row 2: {written!r} cannot be read as a time (1 such rows); {told}, or" in found
    assert len(read(table(t=["1496955600000", written]), on_bad="drop")) == 1
    assert read(table(t=["1.4969556e+09", "1.5e3"])).time.tolist() == [1_500 * US, MOMENT * US]


@pytest.mark.parametrize("zone", ["BST", "EST", "CET", "IST", "est", "EST5EDT", "Japan"])
def test_abbreviations_of_zones_are_refused(zone):
    written = f"2017-06-08 21:00 {zone}"
    told = f"the zone {zone!r} has several meanings; write an offset such as +01:00 instead"
    assert told in message(table(t=["2017-06-08", written]))
    assert read(table(t=[written]), time_format=f"%Y-%m-%d %H:%M {zone}").time[0] == MOMENT * US
    if zone.isupper() and zone.isalpha():
        assert told in message(table(t=[written]), time_format="%Y-%m-%d %H:%M %Z")


@pytest.mark.parametrize(
    ("zone", "hours"),
    [("UTC", 0), ("GMT", 0), ("utc", 0), ("UTC+1", 1), ("Europe/London", 1), ("Etc/GMT+5", -5)],
)
def test_zones_of_one_meaning_are_read(zone, hours):
    log = read(table(t=[f"2017-06-08 21:00 {zone}"]))
    assert log.time.tolist() == [(MOMENT - hours * 3_600) * US]


def test_a_format_may_hold_capitals_that_are_no_zone():
    written = ["THU 08 JUN 2017 09:00 PM UTC", "THU 08 JUN 2017 11:00 PM Europe/Berlin"]
    log = read(table(t=written), time_format="%a %d %b %Y %I:%M %p %Z")
    assert log.time.tolist() == [MOMENT * US] * 2


@pytest.mark.parametrize(
    "far",
    [
        pa.array([3_000_000], pa.date32()),
        pa.array([3_000_000 * 86_400_000], pa.date64()),
        pa.array([253_402_300_800], pa.timestamp("s")),
        pa.array([253_402_300_800_000], pa.timestamp("ms", tz="UTC")),
    ],
)
def test_dates_beyond_9999(far, tmp_path):
    source = table(pa.table, t=far)
    pq.write_table(source, tmp_path / "x.parquet")
    for given in (source, tmp_path / "x.parquet"):
        found = message(given)
        assert " cannot be read as a time (1 such rows); correct it" in found
        assert "date" in found or "timestamp" in found
        assert read(given, on_bad="drop").dropped["unreadable time"] == 1


def test_what_was_read_before_is_read_the_same(tmp_path):
    """Every way of writing one moment gives the same log."""
    ways = [
        [MOMENT], [MOMENT * 1_000], [float(MOMENT)], [str(MOMENT)], ["2017-06-08T21:00:00Z"],
        ["2017-06-08 21:00 UTC"], [dt.datetime(2017, 6, 8, 21)], ["1496955600.0"],
    ]  # fmt: skip
    logs = [read(table(t=t)) for t in ways]
    for log in logs:
        assert_same_log(log, logs[0])
