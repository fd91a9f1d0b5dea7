"""Reading: the same rows give the same log whatever they came in, and no id or time is damaged."""

import csv
import datetime as dt
import decimal
import gzip
import io
import json
import logging
import tempfile
import uuid

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import assert_same_log, rows_of, table_of
from hypothesis import given
from strategies import logs

import coordnet as cn
from coordnet.readers import times
from coordnet.readers.loaded import shown

AOT = {"account": "a", "object": "o", "time": "t"}
NOW = 1_500_000_000
DAMAGED = (
    "so that different ids may already have become one; read the column as text (in pandas: "
    "dtype={'a': str}) from the original source."
)


def read(source, **options):
    return cn.read_actions(source, **{**AOT, **options})


def frame(a=None, o=None, t=None, library=pd.DataFrame):
    """Return a frame of one column under test and harmless others."""
    n = len(next(c for c in (a, o, t) if c is not None))
    given_or = lambda column, other: other if column is None else column  # noqa: E731
    return library(
        {
            "a": given_or(a, [f"u{i}" for i in range(n)]),
            "o": given_or(o, ["p"] * n),
            "t": given_or(t, [NOW + i for i in range(n)]),
        }
    )


def labels(a, library=pd.DataFrame, **options):
    """Return the label of each row's account, None where the row was dropped."""
    log = read(frame(a=a, library=library), **options)
    found = dict(zip(log.row.tolist(), log.accounts[log.account], strict=True))
    return [found.get(row) for row in range(len(a))]


def moments(t, library=pd.DataFrame, **options):
    """Return the time of each row, None where the row was dropped."""
    log = read(frame(t=t, library=library), **options)
    found = dict(zip(log.row.tolist(), log.time.tolist(), strict=True))
    return [found.get(row) for row in range(len(t))]


def write(path, text, encoding="utf-8"):
    """Write a file, packed where its name says so."""
    data = text if isinstance(text, bytes) else text.encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def message(source, **options):
    with pytest.raises(cn.CoordnetError) as error:
        read(source, **options)
    return str(error.value)


# -- the same rows, whatever they came in ------------------------------------------------------

ROWS = {
    "who": [2**62 + 1, 2**53 + 1, 2**53 + 1, 7, 2**62 + 1, 12, 12, 2**53 + 2],
    "what": [
        "https://x.example/?a=1,b=2", 'he said "hi"', "two\nlines", "007", None, " ", "=1+1", "É'\t"
    ],
    "when": [NOW, NOW + 60, NOW + 60, NOW - 5, NOW, NOW, NOW + 1, -3],
    "how": ["url", "text", "text", None, "url", "url", "text", "url"],
    "post": ["0001", "1", "1", "", "5", "6", None, "8"],
    "words": ["a,b", 'c "d"', "e\r\nf", "", "g", "h", "=i", "🦊"],
}  # fmt: skip
NAMES = {
    "account": "who", "object": "what", "time": "when",
    "kind": "how", "post": "post", "text": "words",
}  # fmt: skip


def rows_table():
    return pa.table(ROWS)


def as_csv(delimiter=",", bom="", end="\n", quoting=csv.QUOTE_MINIMAL):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(ROWS)
    writer.writerows(zip(*ROWS.values(), strict=True))
    return bom + out.getvalue()


def as_jsonl():
    rows = (dict(zip(ROWS, row, strict=True)) for row in zip(*ROWS.values(), strict=True))
    return "".join(json.dumps(row) + "\n" for row in rows)


def as_parquet():
    out = io.BytesIO()
    pq.write_table(rows_table(), out)
    return out.getvalue()


FILES = {
    "x.csv": as_csv,
    "x.CSV": as_csv,
    "x.csv.gz": as_csv,
    "X.CSV.GZ": as_csv,
    "semicolon.csv": lambda: as_csv(";"),
    "pipe.csv": lambda: as_csv("|"),
    "bom.csv": lambda: as_csv(bom="\ufeff"),
    "bom.csv.gz": lambda: as_csv(bom="\ufeff"),
    "crlf.csv": lambda: as_csv(end="\r\n"),
    "quoted.csv": lambda: as_csv(quoting=csv.QUOTE_ALL),
    "x.tsv": lambda: as_csv("\t"),
    "x.tsv.gz": lambda: as_csv("\t"),
    "x.jsonl": as_jsonl,
    "x.ndjson": as_jsonl,
    "x.jsonl.gz": as_jsonl,
    "x.parquet": as_parquet,
    "x.parquet.gz": as_parquet,
    "it's [1] *?.csv": as_csv,
    "it's [1] *?.jsonl": as_jsonl,
    "it's [1] *?.parquet": as_parquet,
}

FRAMES = {
    "pyarrow": rows_table,
    "pyarrow chunks": lambda: pa.concat_tables([rows_table()[:3], rows_table()[3:]]),
    "pyarrow dictionaries": lambda: pa.table(
        {n: c.dictionary_encode() for n, c in zip(ROWS, rows_table().columns, strict=True)}
    ),
    "pandas": lambda: pd.DataFrame(ROWS),
    "pandas objects": lambda: pd.DataFrame(ROWS).astype(object),
    "pandas categories": lambda: pd.DataFrame(ROWS).astype("category"),
    "pandas nullable": lambda: pd.DataFrame(ROWS).convert_dtypes(),
    "pandas arrow": lambda: pd.DataFrame(ROWS).convert_dtypes(dtype_backend="pyarrow"),
    "pandas index": lambda: pd.DataFrame(ROWS, index=[3] * 8),
    "pandas strings": lambda: pd.DataFrame(ROWS).astype({"who": str}),
    "polars": lambda: pl.DataFrame(ROWS),
    "polars categories": lambda: pl.DataFrame(ROWS).with_columns(
        pl.col("what", "how", "post").cast(pl.Categorical)
    ),
    "polars lazy": lambda: pl.LazyFrame(ROWS),
    "duckdb": lambda: duckdb.connect().from_arrow(rows_table()),
}


def expected_log():
    return cn.read_actions(rows_table(), **NAMES)


def test_what_the_rows_say():
    log = expected_log()
    assert rows_of(log) == [
        ("7", "007", (NOW - 5) * 10**6, "action", None),
        ("12", "=1+1", (NOW + 1) * 10**6, "text", None),
        ("9007199254740993", 'he said "hi"', (NOW + 60) * 10**6, "text", "1"),
        ("9007199254740993", "two\nlines", (NOW + 60) * 10**6, "text", "1"),
        ("4611686018427387905", "https://x.example/?a=1,b=2", NOW * 10**6, "url", "0001"),
        ("9007199254740994", "É'\t", -3 * 10**6, "url", "8"),
    ]
    assert dict(log.dropped) == {
        "missing account": 0, "missing object": 2, "unreadable time": 0, "duplicate": 0
    }  # fmt: skip
    assert log.rows_read == 8
    assert log.to_frame("pyarrow")["text"].to_pylist() == [
        None, "=i", 'c "d"', "e\r\nf", "a,b", "🦊"
    ]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_every_file_gives_the_same_log(tmp_path, name):
    path = tmp_path / name
    text = FILES[name]()
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(data) if name.lower().endswith(".gz") else data)
    for source in (path, str(path), [path]):
        log = cn.read_actions(source, **NAMES)
        assert_same_log(log, expected_log())
        assert (dict(log.dropped), log.rows_read) == (dict(expected_log().dropped), 8)
        assert (log.sources, log.frame) == ((str(path),), "pandas")


@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_gives_the_same_log(name):
    log = cn.read_actions(FRAMES[name](), **NAMES)
    assert_same_log(log, expected_log())
    assert (dict(log.dropped), log.rows_read) == (dict(expected_log().dropped), 8)
    kind = name.split()[0]
    assert log.frame == ("pyarrow" if kind == "duckdb" else kind)
    assert log.sources == (f"{kind} frame",)


def test_many_files_give_the_log_of_their_rows(tmp_path):
    for i, (first, last) in enumerate([(0, 3), (3, 3), (3, 8)]):
        part = rows_table()[first:last]
        pq.write_table(part, tmp_path / f"part{i}.parquet")
    (tmp_path / "part9.parquet.folder").mkdir()
    listed = [tmp_path / f"part{i}.parquet" for i in range(3)]
    for source in (tmp_path / "part*.parquet", str(tmp_path / "part?.*"), listed, tuple(listed)):
        log = cn.read_actions(source, **NAMES)
        assert_same_log(log, expected_log())
        assert log.sources == tuple(map(str, listed))
    backwards = cn.read_actions(listed[::-1], **NAMES)
    assert_same_log(backwards, expected_log(), rows=False)
    assert backwards.row.tolist() != expected_log().row.tolist()


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_name_that_looks_like_a_pattern_is_one_file(tmp_path, ending):
    content = {"csv": as_csv, "jsonl": as_jsonl, "parquet": as_parquet}[ending]()
    for name in (f"x*.{ending}", f"xyz.{ending}"):
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(data)
    assert cn.read_actions(tmp_path / f"x*.{ending}", **NAMES).rows_read == 8
    assert cn.read_actions(tmp_path / f"x?z.{ending}", **NAMES).rows_read == 8
    assert cn.read_actions(tmp_path / f"*.{ending}", **NAMES).rows_read == 16


def test_files_of_many_kinds_together(tmp_path):
    """Their columns come in different types and must still make the same labels and times."""
    table = rows_table()
    write(tmp_path / "0.csv", as_csv())
    (tmp_path / "1.parquet").write_bytes(as_parquet())
    whole = table.set_column(0, "who", pa.array([3.0, None, *range(6)], pa.float64()))
    pq.write_table(
        whole.set_column(2, "when", pa.array(ROWS["when"]).cast(pa.timestamp("s"))),
        tmp_path / "2.parquet",
    )
    log = cn.read_actions(tmp_path / "*.*", **NAMES)
    parts = [cn.read_actions(tmp_path / n, **NAMES) for n in ("0.csv", "1.parquet", "2.parquet")]
    every = {row for part in parts for row in rows_of(part)}
    assert sorted(map(repr, rows_of(log))) == sorted(map(repr, every))
    assert log.rows_read == 24
    assert {"3", "0", "1", "4", "5"} <= set(log.accounts)


@given(logs())
def test_any_rows_as_csv_and_json_and_parquet(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("any")
    table = table_of(rows)
    with (folder / "x.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table.column_names)
        writer.writerows(rows)
    pq.write_table(table, folder / "x.parquet")
    names = {name: name for name in table.column_names}
    log = cn.read_actions(table, **names, unit="us")
    assert_same_log(cn.read_actions(folder / "x.csv", **names, unit="us"), log)
    assert_same_log(cn.read_actions(folder / "x.parquet", **names, unit="us"), log)
    if rows:
        text = "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows)
        assert_same_log(cn.read_actions(write(folder / "x.jsonl", text), **names, unit="us"), log)


def test_one_column_may_have_two_roles():
    log = read(frame(o=["p", "q"]), text="o", post="o")
    assert log.to_frame("pyarrow")["text"].to_pylist() == ["p", "q"]


def test_columns_may_be_named_as_the_roles_of_others(tmp_path):
    table = pa.table({"account": ["p"], "object": ["u"], "time": ["k"], "kind": [NOW]})
    pq.write_table(table, tmp_path / "x.parquet")
    for source in (table, tmp_path / "x.parquet"):
        log = cn.read_actions(source, account="object", object="account", time="kind", kind="time")
        assert rows_of(log) == [("u", "p", NOW * 10**6, "k", None)]


# -- ids ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.array([2**62 + 1, -5]), ["4611686018427387905", "-5"]),
        (np.array([2**64 - 1, 5], np.uint64), ["18446744073709551615", "5"]),
        (np.array([7, 5], np.int8), ["7", "5"]),
        (["007", "7", "0x7", "7.0"], ["007", "7", "0x7", "7.0"]),
        (np.array([12.0, np.nan, -0.0, 0.0]), ["12", None, "0", "0"]),
        (np.array([2.0**53 - 1, -(2.0**53) + 1]), ["9007199254740991", "-9007199254740991"]),
        (np.array([2.0**24 - 1], np.float32), ["16777215"]),
        (pd.array([2**60 + 1, None], dtype="Int64"), ["1152921504606846977", None]),
        ([None, np.nan, "", " ", "\t\n", "\u00a0", "a "], [None] * 6 + ["a "]),
        ([np.nan, np.nan], [None, None]),
        ([None, None], [None, None]),
        ([5, "a", np.int64(6), np.float64(7), None], ["5", "a", "6", "7", None]),
        (pd.Series([2**60 + 1, 2.0], dtype=object), ["1152921504606846977", "2"]),
        (pd.Series([2**70, -(2**64), 1], dtype=object), [str(2**70), str(-(2**64)), "1"]),
        (pd.Series([pd.NA, pd.NaT, None, np.nan, "a", 1], dtype=object), [None] * 4 + ["a", "1"]),
        (pd.Categorical([2**60 + 1, 3, None]), ["1152921504606846977", "3", None]),
        (pd.Categorical([3.0, np.nan, 4.0]), ["3", None, "4"]),
        (pd.Categorical(["b", "", "a"], categories=["", "b", "a", "unused"]), ["b", None, "a"]),
        ([True, False], ["true", "false"]),
        ([b"ab", "é".encode()], ["ab", "é"]),
        ([decimal.Decimal(12), decimal.Decimal(10**20)], ["12", "1" + "0" * 20]),
        (["nan", "None", "null", "NA"], ["nan", "None", "null", "NA"]),
        (["a\x00b", "=1+1", "🦊", "'", '"'], ["a\x00b", "=1+1", "🦊", "'", '"']),
    ],
)
def test_ids_from_pandas(given, expected):
    assert labels(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (pl.Series([2**62 + 1, None]), ["4611686018427387905", None]),
        (pl.Series([2**100, 1], dtype=pl.Int128), [str(2**100), "1"]),
        (pl.Series([1.0, None, float("nan")]), ["1", None, None]),
        (pl.Series(["b", None], dtype=pl.Categorical), ["b", None]),
        (pl.Series(["b", "a"], dtype=pl.Enum(["a", "b"])), ["b", "a"]),
        (pl.Series([None, None]), [None, None]),
        (pl.Series([None, None], dtype=pl.Categorical), [None, None]),
    ],
)
def test_ids_from_polars(given, expected):
    assert labels(given, pl.DataFrame) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (pa.array([2**63], pa.uint64()), ["9223372036854775808"]),
        (pa.array(["a", "", None], pa.string_view()), ["a", None, None]),
        (pa.array([b"a"], pa.large_binary()), ["a"]),
        (pa.array([1.0, 2048.0 - 1], pa.float16()), ["1", "2047"]),
        (pa.DictionaryArray.from_arrays([0, 1, 2, None], ["x", "x", ""]), ["x", "x", None, None]),
        (pa.DictionaryArray.from_arrays([1, 0], pa.array([None, 5])), ["5", None]),
        (pa.DictionaryArray.from_arrays([0, 1], [3.0, 3.5])[:1], ["3"]),
        (
            pa.chunked_array([pa.array(["b", "a"]).dictionary_encode()] * 2),
            ["b", "a", "b", "a"],
        ),
        (
            pa.chunked_array([pa.array([c]).dictionary_encode() for c in "cab"]),
            ["c", "a", "b"],
        ),
    ],
)
def test_ids_from_arrow(given, expected):
    assert labels(given, pa.table) == expected


def test_a_dictionary_may_hold_a_value_twice():
    twice = pa.DictionaryArray.from_arrays([0, 1, 2], ["x", "x", "y"])
    assert read(frame(a=twice, o=["p"] * 3, library=pa.table)).accounts.tolist() == ["x", "y"]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("18446744073709551615::ubigint", "18446744073709551615"),
        ("170141183460469231731687303715884105727::hugeint", str(2**127 - 1)),
        ("'b'::enum('a', 'b')", "b"),
        ("'6b0a3c5e-4f7d-4c39-9f43-0d5c33a7d7e1'::uuid", "6b0a3c5e-4f7d-4c39-9f43-0d5c33a7d7e1"),
    ],
)
def test_ids_from_duckdb(sql, expected):
    relation = duckdb.sql(f"select {sql} as a, 'p' as o, {NOW} as t")
    assert read(relation).accounts.tolist() == [expected]


@pytest.mark.parametrize(
    ("given", "row", "value", "digits"),
    [
        (np.array([1.0, 2.0**53, 2.0**54]), 2, "9007199254740992.0", 53),
        (np.array([1.0, np.nan, 1.5]), 3, "1.5", 53),
        (np.array([-(2.0**53)]), 1, "-9007199254740992.0", 53),
        (np.array([np.inf]), 1, "inf", 53),
        (np.array([1.25e18]), 1, "1.25e+18", 53),
        (np.array([2.0**24], np.float32), 1, "16777216.0", 24),
        (pd.Categorical([3.0, 2.5, 3.0]), 2, "2.5", 53),
    ],
)
def test_damaged_float_ids_are_refused(given, row, value, digits):
    assert message(frame(a=given)) == (
        f"column 'a', 'pandas frame', row {row}: the id {value} is a float that is not a whole "
        f"number below 2**{digits}, {DAMAGED}"
    )


def test_damaged_floats_among_python_objects_are_refused():
    assert message(frame(a=pd.Series(["a", 2.5], dtype=object))) == (
        "column 'a', row 2: the id 2.5 is a float that is not a whole number below 2**53, "
        + DAMAGED
    )


def test_damaged_floats_are_refused_beside_another_file_of_integers(tmp_path):
    whole, damaged = tmp_path / "0.parquet", tmp_path / "1.parquet"
    pq.write_table(frame(a=[2**60 + 1], library=pa.table), whole)
    pq.write_table(frame(a=[7.0, 2.0**60], library=pa.table), damaged)
    assert message([whole, damaged]) == (
        f"column 'a', {str(damaged)!r}, row 2: the id 1.152921504606847e+18 is a float that is "
        f"not a whole number below 2**53, {DAMAGED}"
    )


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ([[1], [2]], "list<item: int64>"),
        ([{"x": 1}], "struct<x: int64>"),
        ([dt.date(2020, 1, 1)], "date32[day]"),
        (pd.to_datetime(["2020-01-01"]), "timestamp["),
        ([dt.timedelta(1)], "duration["),
    ],
)
def test_what_is_no_id(given, kind):
    found = message(frame(a=given))
    assert found.startswith(f"column 'a' holds values of type {kind}")
    assert found.endswith(
        "which cannot be ids; give a column of strings or integers, one value a row."
    )


def test_more_that_is_no_id():
    assert message(frame(a=[b"\xff\xfe"])) == (
        "column 'a' holds bytes that are not UTF-8 text, which cannot be ids; write them as text "
        "first."
    )
    mixed = pd.Series(["a", True], dtype=object)
    assert message(frame(a=mixed)) == (
        "column 'a', row 2: True is of type bool, which is no id; make the column strings or "
        "integers."
    )
    known = uuid.UUID(int=1)
    assert "which cannot be ids" in message(frame(a=pd.Series([known], dtype=object)))


# -- times -------------------------------------------------------------------------------------

MOMENT = 1_496_955_600_000_000  # 2017-06-08 21:00 UTC


@pytest.mark.parametrize(
    "written",
    [
        "2017-06-08T21:00:00Z", "2017-06-08T21:00:00", "2017-06-08 21:00:00", "2017-06-08T21:00Z",
        "2017-06-08T22:00:00+01:00", "2017-06-08T22:00:00+0100", "2017-06-08T16:30:00-04:30",
        "2017-06-08T21:00:00.000Z", "2017-06-08 21:00:00.000000+00:00", " 2017-06-08T21:00:00Z ",
        "Thu Jun 08 21:00:00 +0000 2017", "Thu Jun 08 22:00:00 +0100 2017",
        "1496955600", "1496955600.0", "1496955600000", "1496955600000000", "1496955600000000000",
        "+1496955600", " 1496955600 ", "1.4969556e+09", "1.4969556E12",
    ],
)  # fmt: skip
def test_times_as_text(written, tmp_path):
    assert moments([written]) == [MOMENT]
    assert moments([written], pl.DataFrame) == [MOMENT]
    log = read(write(tmp_path / "x.csv", f"a,o,t\nu,p,{written}\n"))
    assert log.time.tolist() == [MOMENT]


@pytest.mark.parametrize(
    ("written", "microseconds"),
    [
        ("2017-06-08", MOMENT - 21 * 3_600 * 10**6),
        ("2017-06-08T21:00:00.000001Z", MOMENT + 1),
        ("2017-06-08T21:00:00.1234567Z", MOMENT + 123_456),
        ("1969-12-31T23:59:59.5Z", -500_000),
        ("0001-01-01", -62_135_596_800_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ("1496955600.25", MOMENT + 250_000),
        ("-1.5", -1_500_000),
        ("0", 0),
    ],
)
def test_more_times_as_text(written, microseconds):
    assert moments([written]) == [microseconds]


def test_texts_of_several_forms_in_one_column():
    written = ["1496955600", "2017-06-08T21:00:00Z", "Thu Jun 08 21:00:00 +0000 2017", None, "x"]
    assert moments(written, on_bad="drop") == [MOMENT] * 3 + [None, None]


UTC = dt.UTC
BERLIN = "Europe/Berlin"
AT = dt.datetime(2017, 6, 8, 21)


@pytest.mark.parametrize(
    "given",
    [
        pd.Series([AT]),
        pd.Series([AT]).dt.tz_localize("UTC"),
        pd.Series([AT]).dt.tz_localize("UTC").dt.tz_convert(BERLIN),
        pd.Series([AT]).astype("datetime64[s]"),
        pd.Series([AT]).astype("datetime64[ns]"),
        [AT.replace(tzinfo=dt.timezone(dt.timedelta(hours=0)))],
        pd.Series([pd.Timestamp(AT, tz="UTC").tz_convert(BERLIN)], dtype=object),
        pd.Categorical(["2017-06-08T21:00:00Z"]),
        np.array([MOMENT // 10**6], np.int32),
        np.array([MOMENT // 10**6], np.uint32),
        np.array([MOMENT // 10**6], np.uint64),
        np.array([MOMENT // 10**6], np.float64),
        np.array([MOMENT // 1_000], np.float64),
        np.array([MOMENT * 1_000], np.int64),
        [decimal.Decimal("1496955600.000")],
        pd.array([MOMENT // 10**6], dtype="Int64"),
    ],
)
def test_times_in_pandas_columns(given):
    assert moments(given) == [MOMENT]


@pytest.mark.parametrize(
    "given",
    [
        pa.array([AT], pa.timestamp("s")),
        pa.array([AT], pa.timestamp("ms", tz=BERLIN)),
        pa.array([AT], pa.timestamp("ns")),
        pa.array(["2017-06-08T21:00:00Z"], pa.string_view()),
        pa.array(["2017-06-08T21:00:00Z"]).dictionary_encode(),
        pa.array([MOMENT // 10**6], pa.int32()).dictionary_encode(),
        pa.chunked_array([pa.array([AT])]),
    ],
)
def test_times_in_arrow_columns(given):
    assert moments(given, pa.table) == [MOMENT]


def test_dates_are_their_first_moment():
    day = MOMENT - 21 * 3_600 * 10**6
    assert moments([AT.date()]) == [day]
    assert moments(pa.array([AT.date()], pa.date64()), pa.table) == [day]
    assert moments(pl.Series([AT.date()]), pl.DataFrame) == [day]


def test_times_as_python_objects_of_several_types():
    given = [AT, "2017-06-08T21:00:00Z", pd.Timestamp(AT, tz="UTC"), AT.date(), MOMENT / 1e6, None]
    assert moments(pd.Series(given, dtype=object), on_bad="drop") == [
        MOMENT, MOMENT, MOMENT, MOMENT - 21 * 3_600 * 10**6, MOMENT, None
    ]  # fmt: skip


def test_what_is_finer_than_a_microsecond_is_floored_in_every_source(tmp_path):
    nanoseconds = [MOMENT * 1_000 + 999, -1, -1_000, -1_001]
    floored = [MOMENT, -1, -1, -2]
    assert moments(nanoseconds, unit="ns") == floored
    assert moments(pa.array(nanoseconds, pa.timestamp("ns")), pa.table) == floored
    text = "a,o,t\n" + "".join(f"u{i},p,{n}\n" for i, n in enumerate(nanoseconds))
    log = read(write(tmp_path / "x.csv", text), unit="ns")
    assert log.time[np.argsort(log.row)].tolist() == floored


@pytest.mark.parametrize("small", [np.int8, np.int16, np.int32, np.uint8, np.uint16, np.float32])
def test_narrow_numbers_do_not_overflow(small):
    assert moments(np.array([100, 50], small)) == [100_000_000, 50_000_000]


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (10**11 - 1, "s"), (10**11, "ms"), (10**14 - 1, "ms"), (10**14, "us"), (10**17 - 100, "us"),
        (10**17, "ns"), (0, "s"), (-(10**9), "s"), (-(10**12), "ms"),
    ],
)  # fmt: skip
def test_the_unit_is_told_by_magnitude_and_logged(value, unit, caplog):
    size = {"s": 10**6, "ms": 10**3, "us": 1}
    expected = value // 1_000 if unit == "ns" else value * size[unit]
    with caplog.at_level(logging.INFO, "coordnet"):
        assert moments([value] * 2) == [expected] * 2
    assert f"taken as times in {unit}" in caplog.text
    assert "column 't': numbers of about" in caplog.text


def test_the_unit_can_be_given():
    assert moments([10**12], unit="us") == [10**12]
    assert moments(["5"], unit="ms") == [5_000]
    assert moments([2.3], unit="ms") == [2_300]  # which times 1,000 is 2299.9999999999995
    assert message(frame(t=[1]), unit="sec") == (
        "unit='sec' is not known; choose one of s, ms, us, ns. Did you mean 's'?"
    )


def test_the_middle_value_decides_the_unit():
    """A few wrong zeros must not make milliseconds of all other seconds."""
    assert moments([NOW, NOW + 1, 0, NOW + 2]) == [
        NOW * 10**6, (NOW + 1) * 10**6, 0, (NOW + 2) * 10**6
    ]  # fmt: skip


@pytest.mark.parametrize("t", [["6/8/2017 21:00"], ["06/08/2017 21:00"]])
def test_a_format_can_be_given(t):
    assert moments(t, time_format="%m/%d/%Y %H:%M") == [MOMENT]


def test_a_format_reads_numbers_too():
    for t in ([20170608210000], ["20170608210000"], np.array([20170608210000])):
        assert moments(t, time_format="%Y%m%d%H%M%S") == [MOMENT]
    assert moments(["2017-06-08 23:00 +0200"], time_format="%Y-%m-%d %H:%M %z") == [MOMENT]


def test_a_wrong_format_is_told():
    found = message(frame(t=["x"]), time_format="%Q")
    assert found.startswith("time_format='%Q' is not a strptime format: ")
    assert "\n" not in found
    assert "row 1: 'x' cannot be read as a time" in message(frame(t=["x"]), time_format="'")


@pytest.mark.parametrize(
    "written",
    [
        "", "soon", "now", "infinity", "-infinity", "epoch", "2017-02-30", "2017-13-01", "12:30",
        "2017-06-08T25:00:00Z", "nan", "1e400", "9" * 400, "0x10", "1,5", "10000-01-01",
        "08/06/2017", "2017-06-08; drop table given", "Thu Jun 08 21:00:00 +0000",
    ],
)  # fmt: skip
def test_what_is_no_time(written):
    assert message(frame(t=["2017-06-08", written])) == (
        f"column 't', 'pandas frame', row 2: {shown(written)} cannot be read as a time "
        "(1 such rows); correct it, give time_format= for another way of writing, or leave such "
        'rows out with on_bad="drop".'
    )
    log = read(frame(t=["2017-06-08", written, written]), on_bad="drop")
    assert (len(log), log.dropped["unreadable time"]) == (1, 2)


@pytest.mark.parametrize(
    ("t", "shown"),
    [
        ([NOW, NOW, NOW * 1_000], "1500000000000"),
        ([NOW, NOW, np.inf], "inf"),
        ([NOW, NOW, np.nan], "None"),
        ([NOW, NOW, -1e300], "-1e+300"),
        (np.array([NOW, NOW, 2**64 - 1], np.uint64), "18446744073709551615"),
        (pd.to_datetime(["2020-01-01", "2020-01-01", None]), "None"),
    ],
)
def test_numbers_that_are_no_time(t, shown):
    """A row in another unit is a time in the year 49,000, which no calendar has."""
    assert message(frame(t=t)).startswith(
        f"column 't', 'pandas frame', row 3: {shown} cannot be read as a time (1 such rows)"
    )
    assert moments(t, on_bad="drop")[2] is None


@pytest.mark.parametrize("kind", [np.int64, np.float64])
def test_the_first_and_the_last_second_that_there_are(kind):
    first, last = -62_135_596_800, 253_402_300_799
    given = np.array([first - 1, first, last, last + 1], kind)
    expected = [None, first * 10**6, last * 10**6, None]
    assert moments(given, unit="s", on_bad="drop") == expected
    log = read(frame(t=given), unit="s", on_bad="drop")
    assert [moment.year for moment in log.span] == [1, 9999]


def test_moments_that_no_datetime_can_hold():
    far = pa.array([2**62], pa.timestamp("s"))
    assert message(frame(t=far, library=pa.table)).startswith(
        "column 't', 'pyarrow frame', row 1: 4611686018427387904 (timestamp[s]) cannot be read"
    )
    endless = duckdb.sql("select 'u' as a, 'p' as o, 'infinity'::timestamp as t")
    assert "cannot be read as a time" in message(endless)


@pytest.mark.parametrize(
    ("t", "kind"), [([True], "bool"), ([[1]], "list<item: int64>"), ([dt.time(1)], "time64[us]")]
)
def test_columns_that_hold_no_times(t, kind):
    assert message(frame(t=t)) == (
        f"column 't' holds values of type {kind}, which are no times; give datetimes, ISO 8601 "
        "strings or numbers since 1970."
    )


def test_the_local_zone_does_not_matter(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    assert moments(["2017-06-08 21:00:00", "1496955600"]) == [MOMENT, MOMENT]


# -- what is dropped ---------------------------------------------------------------------------


def test_rows_are_dropped_for_the_first_reason_that_holds():
    table = frame(
        a=["u", "", None, "v", "w", "x", "x", "y"],
        o=["p", "p", "", " ", None, "p", "p", "p"],
        t=["1", "2", "x", "x", "4", "5", "5", "soon"],
    )
    log = read(table, on_bad="drop")
    assert dict(log.dropped) == {
        "missing account": 2, "missing object": 2, "unreadable time": 1, "duplicate": 1
    }  # fmt: skip
    assert (log.rows_read, len(log), log.row.tolist()) == (8, 2, [0, 5])
    assert "row 8: 'soon'" in message(table)  # rows 3 and 4 are no actions anyway


def test_an_empty_object_is_never_shared():
    log = read(frame(a=list("uvwxyz"), o=[None, "", " ", "\u2003", "\t", "p"], t=[NOW] * 6))
    assert log.objects.tolist() == ["p"]
    assert cn.co_action(log).n_edges == 0


def test_blank_kinds_get_the_default():
    table = frame(o=["p", "p", "p"]).assign(k=["url", None, " "])
    log = read(table, kind="k")
    assert log.kinds == ("action", "url")
    assert read(table, kind="k", default_kind="url").kinds == ("url",)
    assert read(table, default_kind="post").kinds == ("post",)


def test_no_rows_at_all(tmp_path):
    empty = frame(o=[])
    write(tmp_path / "x.csv", "a,o,t\n")
    empty.to_parquet(tmp_path / "x.parquet")
    logs = [read(source) for source in (empty, tmp_path / "x.csv", tmp_path / "x.parquet")]
    for log in logs:
        assert (len(log), log.n_accounts, log.rows_read) == (0, 0, 0)
        assert_same_log(log, logs[0])
    assert "on_bad='skip' is not known; choose one of error, drop." in message(empty, on_bad="skip")


# -- columns that are not there ----------------------------------------------------------------


def test_a_missing_column_names_the_nearest(tmp_path):
    table = pd.DataFrame({"Account_ID": ["u"], "url": ["p"], "when": [1]})
    names = {"account": "account_id", "object": "url", "time": "when"}
    told = (
        "has no column 'account_id' (asked for by account=). Did you mean 'Account_ID'? Its "
        "columns: 'Account_ID', 'url', 'when'."
    )
    with pytest.raises(cn.CoordnetError) as error:
        cn.read_actions(table, **names)
    assert str(error.value) == "the frame " + told
    table.to_csv(tmp_path / "x.csv", index=False)
    table.to_csv(tmp_path / "x.tsv", index=False, sep="\t")
    table.to_parquet(tmp_path / "x.parquet")
    table.to_json(tmp_path / "x.jsonl", orient="records", lines=True)
    for name in ("x.csv", "x.tsv", "x.parquet", "x.jsonl"):
        with pytest.raises(cn.CoordnetError) as error:
            cn.read_actions(tmp_path / name, **names)
        assert str(error.value) == f"{str(tmp_path / name)!r} {told}"


def test_a_missing_column_without_a_near_one():
    assert message(pd.DataFrame({"x": [1], "o": [2], "t": [3]})) == (
        "the frame has no column 'a' (asked for by account=). Its columns: 'x', 'o', 't'."
    )
    assert message(pd.DataFrame([[1, 2, 3]])) == (
        "the frame has no column 'a' (asked for by account=). Its columns: 0, 1, 2."
    )
    many = pd.DataFrame([range(30)], columns=[f"c{i}" for i in range(30)])
    assert message(many, account="c1", object="zzz").endswith("'c18', 'c19' and 10 more.")


def test_one_file_of_many_without_the_column(tmp_path):
    write(tmp_path / "0.csv", "a,o,t\nu,p,1\n")
    write(tmp_path / "1.csv", "a,x,t\nu,p,1\n")
    assert message(tmp_path / "*.csv").startswith(f"{str(tmp_path / '1.csv')!r} has no column 'o'")


# -- errors of files ---------------------------------------------------------------------------


def test_the_row_of_an_error_is_that_of_its_own_file(tmp_path):
    write(tmp_path / "0.csv", "a,o,t\n" + "u,p,1\n" * 5)
    write(tmp_path / "1.csv", 'a,o,t\nu,"two\nlines",1\nu,p,soon\n')
    assert message(tmp_path / "*.csv") == (
        f"column 't', {str(tmp_path / '1.csv')!r}, row 2: 'soon' cannot be read as a time (1 such "
        "rows); correct it, give time_format= for another way of writing, or leave such rows out "
        'with on_bad="drop".'
    )


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("nowhere.csv", "there is no file 'nowhere.csv'; check the path."),
        ("nowhere*.csv", "there is no file 'nowhere*.csv'; check the path."),
        ("fold*", "there is no file 'fold*'; check the path."),
        ("folder", "'folder' is a folder; name its files, such as 'folder/*.csv'."),
        (
            "x.xlsx",
            "'x.xlsx' is of no known kind; files end in .csv, .tsv, .jsonl, .ndjson, .parquet, or "
            "in one of these and .gz.",
        ),
        (
            [],
            "a list given as source must hold paths, at least one; to join dataframes, use their "
            "own library's concat first.",
        ),
        (
            [1],
            "a list given as source must hold paths, at least one; to join dataframes, use their "
            "own library's concat first.",
        ),
        (
            {"a": [1]},
            "a source of type builtins.dict cannot be read; give a path, a list of paths, a glob, "
            "or a pandas, Polars, PyArrow or DuckDB table, or another that has __arrow_c_stream__.",
        ),
        (
            b"x.csv",
            "a source of type builtins.bytes cannot be read; give a path, a list of paths, a "
            "glob, or a pandas, Polars, PyArrow or DuckDB table, or another that has "
            "__arrow_c_stream__.",
        ),
    ],
)
def test_sources_that_cannot_be(source, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "x.xlsx").touch()
    assert message(source) == told


GARBAGE = np.random.default_rng(0).bytes(20_000)
HEAD = "a,o,t\n"
PACKED = gzip.compress((HEAD + "".join(f"u{i},p{i},{i}\n" for i in range(9_999))).encode())


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("x.csv", b"", "has no header line; the first line must name the columns."),
        ("x.csv", b"\n\na,o,t\n", "has no header line; the first line must name the columns."),
        ("x.csv", GARBAGE, "cannot be read: 'utf-8' codec can't decode byte"),
        ("x.csv", HEAD.encode() + GARBAGE, "cannot be read: "),
        ("x.csv", HEAD.encode() + b"u,p\xe9,1\n", "cannot be read: "),
        ("x.csv", (HEAD + "u,p,1\n").encode("utf-16"), "cannot be read: 'utf-8' codec"),
        ("x.csv", b"a" * 1_000_000, "cannot be read: field larger than field limit"),
        ("x.csv", b"\x00" * 40, "has no column 'a' (asked for by account=)."),
        ("x.csv", (HEAD + "u,p,1\nu,p\n").encode(), "cannot be read: Invalid Input Error: CSV"),
        ("x.csv", (HEAD + "u,p,1,4\n").encode(), "cannot be read: Invalid Input Error: CSV Error"),
        ("x.csv", (HEAD + '"u,p,1\n').encode(), "Value with unterminated quote found"),
        ("x.csv", b"a,o,t,t\nu,p,1,2\n", "has more than one column 't'; rename them."),
        ("x.csv.gz", HEAD.encode(), "cannot be read: Not a gzipped file (b'a,')."),
        ("x.csv.gz", PACKED[:5_000], "cannot be read: "),
        ("x.csv.gz", PACKED[:30] + b"\xff" * 30 + PACKED[60:], "cannot be read: Error -3"),
        ("x.jsonl", GARBAGE, "cannot be read: 'utf-8' codec can't decode byte"),
        ("x.jsonl", b'{"a":\n', "line 1: not JSON (Expecting value: line"),
        ("x.jsonl", b"[" * 100_000, "line 1: not JSON (maximum recursion depth exceeded"),
        ("x.jsonl", b"[1, 2]\n", "line 1: '[1, 2]' is not a JSON object; a .jsonl"),
        ("x.jsonl", b'{"a":"u","o":"p","t":1}\n' * 150 + b'{"a":\n', "cannot be read: "),
        ("x.jsonl.gz", b"{}", "cannot be read: Not a gzipped file"),
        ("x.parquet", b"", "cannot be read: "),
        ("x.parquet", GARBAGE, "cannot be read: "),
        ("x.parquet.gz", GARBAGE, "cannot be read: Not a gzipped file"),
        ("x.parquet.gz", gzip.compress(GARBAGE), "cannot be read: "),
        ("x.parquet.gz", PACKED[:5_000], "cannot be read: "),
    ],
)  # fmt: skip
def test_files_that_are_broken(name, data, told, tmp_path):
    path = tmp_path / name
    path.write_bytes(data)
    found = message(path)
    assert repr(str(path)) in found
    assert told in found
    assert "\n" not in found.replace("\\n", "")


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = write(tmp_path / "x.csv", HEAD)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("builtins.open", refuse)
    found = message(path)
    monkeypatch.undo()
    assert found.startswith(f"{str(path)!r} cannot be read: [Errno 13] Permission denied")


# -- csv ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('a,o,t\n"x\ny, ""z""",p,1\n', [('x\ny, "z"', "p")]),
        ('a,o,t\nhe said "hi",p,1\n', [('he said "hi"', "p")]),
        ("a;o;t\nx,1;p;1\n", [("x,1", "p")]),
        ("a,o;t\nx,p;1\n", None),
        ('"o","t","a","x,y"\np,1,u,9\n', [("u", "p")]),
        ("a,o,t,\nu,p,1,\n", [("u", "p")]),
        ("a,o,t\nu,p,1\n\nv,p,2\n\n\n", [("u", "p"), ("v", "p")]),
        ("a,o,t\nu,p,1", [("u", "p")]),
        ("\ufeffa,o,t\nu,p,1\n", [("u", "p")]),
        ("A,a,o,t\nz,u,p,1\n", [("u", "p")]),
        ("a,o,t\nu,NULL,1\nv,nan,2\n", [("v", "nan"), ("u", "NULL")]),
        ("a,o,t\nu,'p',1\n", [("u", "'p'")]),
        ("a,o,t\nu,\\,1\n", [("u", "\\")]),
        ("a,o,t\nu,#p,1\n#v,p,2\n", [("u", "#p"), ("#v", "p")]),
        ('a,o,t\nu,"",1\n"",p,1\n', []),
    ],
)
def test_csv_as_it_comes(text, rows, tmp_path):
    path = write(tmp_path / "x.csv", text)
    if rows is None:
        assert "has no column 'o'" in message(path)  # two delimiters are none
        return
    log = read(path)
    assert sorted(r[:2] for r in rows_of(log)) == sorted(rows)


def test_csv_larger_than_any_buffer(tmp_path):
    """DuckDB reads large files in parallel: rows must still come in order."""
    n = 400_000
    lines = "".join(f'u{i % 977},p{i % 31},{NOW + i},"{i}\n,"\n' for i in range(n))
    log = read(write(tmp_path / "x.csv", "a,o,t,c\n" + lines), post="c", threads=2)
    assert len(log) == log.rows_read == n
    np.testing.assert_array_equal(log.time, (NOW + log.row) * 10**6)
    assert (log.accounts[log.account] == [f"u{r % 977}" for r in log.row]).all()


# -- json --------------------------------------------------------------------------------------


def jsonl(path, *rows):
    return write(path, "".join(json.dumps(row) + "\n" for row in rows))


def test_json_inner_fields(tmp_path):
    path = jsonl(
        tmp_path / "x.jsonl",
        {"user": {"id_str": "007", "n": 2**60 + 1}, "o": "p", "x": {'b "c" $': {"t": NOW}}},
        {"user": None, "o": "p"},
        {"o": "p"},
        {"user": {"id_str": None, "n": 5}, "o": "p", "x": {'b "c" $': {"t": NOW + 1}}},
    )
    time = 'x.b "c" $.t'
    log = read(path, account="user.id_str", time=time, post="user.n")
    assert rows_of(log) == [("007", "p", NOW * 10**6, "action", "1152921504606846977")]
    assert log.dropped["missing account"] == 3
    log = read(path, account="user.n", time=time)
    assert log.accounts.tolist() == ["1152921504606846977", "5"]


def test_json_top_fields_with_dots_come_first(tmp_path):
    path = jsonl(tmp_path / "x.jsonl", {"u.id": "flat", "u": {"id": "deep"}, "o": "p", "t": NOW})
    assert read(path, account="u.id").accounts.tolist() == ["flat"]


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ('"007"', "007"), ("7", "7"), ("18446744073709551615", "18446744073709551615"),
        ("-9223372036854775808", "-9223372036854775808"), ("18446744073709551616", str(2**64)),
        ("12.0", "12"), ("1e3", "1000"), ('"1e3"', "1e3"), ('"1.5"', "1.5"), ("true", "true"),
        ('"\\u00e9\\ud83d\\ude00"', "é😀"), ('"null"', "null"), ('"a\\nb"', "a\nb"),
        ("null", None), ('""', None), ('" "', None), ("NaN", None),
    ],
)  # fmt: skip
def test_json_ids(written, label, tmp_path):
    text = f'{{"a": {written}, "o": "p", "t": {NOW}}}\n{{"a": "z", "o": "p", "t": {NOW}}}\n'
    log = read(write(tmp_path / "x.jsonl", text))
    assert log.accounts.tolist() == sorted([*([label] if label is not None else []), "z"])


def test_json_ids_that_cannot_be(tmp_path):
    path = jsonl(tmp_path / "x.jsonl", {"a": "u", "o": "p", "t": 1}, {"a": [1], "o": "p", "t": 1})
    assert message(path) == (
        f"column 'a', {str(path)!r}, row 2: [1] is a list or an object, not an id; give one row "
        "for each value, or name an inner field as 'outer.inner'."
    )
    path = jsonl(tmp_path / "y.jsonl", {"a": 1, "o": "p", "t": 1}, {"a": 1.5, "o": "p", "t": 1})
    assert message(path) == (
        f"column 'a', {str(path)!r}, row 2: the id 1.5 is a float that is not a whole number below "
        f"2**53, {DAMAGED}"
    )
    path = jsonl(tmp_path / "z.jsonl", {"a": 1e17, "o": "p", "t": 1})
    assert "the id 100000000000000000.0 is a float" in message(path)


def test_json_fields_may_come_late(tmp_path):
    rows = [{"o": "p", "t": NOW + i} for i in range(150)]
    path = jsonl(tmp_path / "x.jsonl", *rows, {"a": "u", "o": "p", "t": NOW})
    log = read(path)
    assert (log.accounts.tolist(), log.dropped["missing account"]) == (["u"], 150)
    path = jsonl(tmp_path / "y.jsonl", *rows)
    assert message(path) == (
        f"{str(path)!r} has no column 'a' (asked for by account=). Its columns: 'o', 't'."
    )


@pytest.mark.parametrize("t", ["2017-06-08T21:00:00Z", 1496955600, 1496955600.0, "1496955600000"])
def test_json_times(t, tmp_path):
    log = read(jsonl(tmp_path / "x.jsonl", {"a": "u", "o": "p", "t": t}))
    assert log.time.tolist() == [MOMENT]


# -- the rest ----------------------------------------------------------------------------------


def test_reading_is_logged(caplog):
    with caplog.at_level(logging.INFO, "coordnet"):
        read(frame(o=["p", "", "p"], a=["u", "u", "v"]))
    assert (
        "read 3 rows: 2 actions, dropped {'missing account': 0, 'missing object': 1, "
        "'unreadable time': 0, 'duplicate': 0}"
    ) in caplog.text


def test_the_number_of_threads_changes_nothing(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_bytes(as_parquet())
    assert_same_log(cn.read_actions(path, **NAMES, threads=1), expected_log())
    assert_same_log(cn.read_actions(path, **NAMES, threads=3), expected_log())
    assert message(frame(o=["p"]), threads=0) == (
        "threads=0 is not a number of threads; use 1 to 1024."
    )


def test_input_frames_are_not_changed():
    table = frame(a=["u", None], o=["p", "q"])
    before = table.copy(deep=True)
    read(table)
    pd.testing.assert_frame_equal(table, before)


def test_no_file_is_written(tmp_path, monkeypatch):
    """A run that is killed can leave nothing behind, because nothing is unpacked to a disk."""
    (tmp_path / "empty").mkdir()
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path / "empty"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_get_candidate_names", lambda: pytest.fail("a file is made"))
    monkeypatch.chdir(tmp_path / "empty")
    source = tmp_path / "x.parquet.gz"
    source.write_bytes(gzip.compress(as_parquet()))
    cn.read_actions(source, **NAMES)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["empty", "x.parquet.gz"]


def test_errors_are_the_built_in_ones_too():
    with pytest.raises(ValueError, match="no column"):
        read(pd.DataFrame({"x": []}))
    assert times.time_column(pa.chunked_array([pa.array([], pa.int64())]), "t")[0].shape == (0,)
