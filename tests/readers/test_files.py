"""Files: whole or not at all, under their own names, with the columns that were asked for."""

import gzip
import json
import os

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import assert_same_log, rows_of

import coordnet as cn
from coordnet.readers import files

AOT = {"account": "account", "object": "o", "time": "t"}
CSV = "account,o,t\nu,p,1500000000\nv,q,1500000001\n"
JSON = "".join(
    json.dumps(row) + "\n"
    for row in (
        {"account": "u", "o": "p", "t": 1_500_000_000},
        {"account": "v", "o": "q", "t": 1_500_000_001},
    )
)


def parquet(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def read(source, **options):
    return cn.read_actions(source, **{**AOT, **options})


def message(source, **options):
    with pytest.raises(cn.CoordnetError) as error:
        read(source, **options)
    return str(error.value)


def ending(path):
    """Write two rows in the form that the name of a file asks for."""
    name = path.name.removesuffix(".gz")
    if name.endswith("parquet"):
        plain = path.with_name("plain")
        parquet(plain, account=["u", "v"], o=["p", "q"], t=[1_500_000_000, 1_500_000_001])
        data = plain.read_bytes()
        plain.unlink()
    else:
        data = (CSV if name.endswith("csv") else JSON).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


ENDINGS = ("csv", "jsonl", "parquet", "csv.gz", "jsonl.gz", "parquet.gz")
EXPECTED = [("u", "p", 1_500_000_000 * 10**6, "action", None),
            ("v", "q", 1_500_000_001 * 10**6, "action", None)]  # fmt: skip


@pytest.mark.parametrize("end", ENDINGS)
def test_folders_named_like_columns_change_nothing(end, tmp_path):
    for folders in (("account=x", "t=5"), ("date=2017-06-08", "o=2017"), ("Account=x", "O=1")):
        folder = tmp_path.joinpath(*folders)
        folder.mkdir(parents=True)
        path = ending(folder / f"part.{end}")
        for source in (path, tmp_path / folders[0] / "*" / f"*.{end}"):
            assert rows_of(read(source)) == EXPECTED


@pytest.mark.parametrize("end", ENDINGS)
@pytest.mark.parametrize("name", ["~x", "~", "file:x", "s3:x", "-", "%41", "[x]"])
def test_names_that_could_mean_something_else(name, end, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ending(tmp_path / f"{name}.{end}")
    assert rows_of(read(f"{name}.{end}")) == EXPECTED


# -- columns of one name -----------------------------------------------------------------------


def test_columns_that_differ_in_nothing_but_case(tmp_path):
    row = {"Account": "A", "account": "a", "ACCOUNT": "X", "o": "p", "t": 1_500_000_000}
    frame = pd.DataFrame([row])
    frame.to_csv(tmp_path / "x.csv", index=False)
    frame.to_parquet(tmp_path / "x.parquet")
    (tmp_path / "x.jsonl").write_text(json.dumps(row))
    relation = duckdb.sql(
        "select 'A' as \"Account\", 'a' as account, 'X' as \"ACCOUNT\", 'p' as o, 1500000000 as t"
    )
    for source in (frame, relation, *(tmp_path / f"x.{e}" for e in ("csv", "parquet", "jsonl"))):
        for name, label in (("Account", "A"), ("account", "a"), ("ACCOUNT", "X")):
            assert read(source, account=name).accounts.tolist() == [label]
        both = read(source, account="Account", object="account")
        assert rows_of(both)[0][:2] == ("A", "a")
        assert "has no column 'aCCount'" in message(source, account="aCCount")


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    twice = pa.table([["u"], ["v"], ["p"], [1]], names=["account", "account", "o", "t"])
    pq.write_table(twice, tmp_path / "x.parquet")
    (tmp_path / "x.csv").write_text("account,account,o,t\nu,v,p,1\n")
    (tmp_path / "x.jsonl").write_text('{"account":"u","account":"v","o":"p","t":1}\n')
    (tmp_path / "bom.jsonl").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "x.jsonl").read_bytes())
    relation = duckdb.sql("select 'u' as account, 'v' as account, 'p' as o, 1 as t")
    told = "has more than one column 'account'; rename them."
    for source in (tmp_path / "x.parquet", tmp_path / "x.csv", relation):
        assert message(source).endswith(told)
    for name in ("x.jsonl", "bom.jsonl"):
        assert " cannot be read: " in message(tmp_path / name)
    for frame in (twice, twice.to_pandas()):
        assert message(frame).startswith("columns of the frame must differ in name: ")
    pq.write_table(twice.rename_columns(["x", "x", "o", "t"]), tmp_path / "y.parquet")
    assert len(read(tmp_path / "y.parquet", account="o")) == 1  # of others it does not matter


# -- whole files -------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["csv.gz", "jsonl.gz", "parquet.gz"])
def test_no_bit_of_a_gz_may_be_wrong(end, tmp_path):
    """Each flip is refused, or is of a bit that says nothing about the rows."""
    rng = np.random.default_rng(0)
    n = 400
    frame = pd.DataFrame(
        {
            "account": rng.integers(10**6, size=n).astype(str),
            "o": rng.integers(50, size=n).astype(str),
            "t": 1_500_000_000 + rng.integers(10**6, size=n),
        }
    )
    path = tmp_path / f"x.{end}"
    plain = {"csv": lambda: frame.to_csv(index=False).encode(),
             "jsonl": lambda: frame.to_json(orient="records", lines=True).encode(),
             "parquet": frame.to_parquet}[end.removesuffix(".gz")]()  # fmt: skip
    packed = gzip.compress(plain, mtime=0)
    path.write_bytes(packed)
    whole = read(path)
    assert len(whole) == n
    refused = 0
    for bit in rng.choice(8 * len(packed), 110, replace=False):
        damaged = bytearray(packed)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            log = read(path)
        except cn.CoordnetError:
            refused += 1
            continue
        assert_same_log(log, whole)
    assert refused > 100
    for cut in (1, 4, 8, 9, len(packed) // 2):
        path.write_bytes(packed[:-cut])
        assert " cannot be read: " in message(path)


def test_a_gz_of_several_parts(tmp_path):
    head, rest = CSV.encode()[:20], CSV.encode()[20:]
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(head) + gzip.compress(b"") + gzip.compress(rest))
    assert rows_of(read(path)) == EXPECTED
    path.write_bytes(gzip.compress(CSV.encode()) + b"more")
    assert " cannot be read: " in message(path)


@pytest.mark.parametrize("end", ["csv", "csv.gz", "jsonl", "jsonl.gz"])
@pytest.mark.parametrize("last", [True, False])
def test_a_line_that_is_too_long_is_named(end, last, tmp_path, monkeypatch):
    """DuckDB lets a last line vanish that its buffer, 16 times the limit, does not hold."""
    monkeypatch.setattr(files, "_LONGEST_LINE", 1 << 21)
    size = 17 * (1 << 21)
    if end.startswith("csv"):
        text = CSV + "x" * size + ",p,1500000002\n" + ("" if last else "w,r,1500000003\n")
        line = 4
    else:
        text = JSON + '{"account": "' + "x" * size + '", "o": "p", "t": 1500000002}'
        text, line = text if last else text + "\n" + JSON, 3
    path = tmp_path / f"x.{end}"
    data = text.encode()
    path.write_bytes(gzip.compress(data, 1) if end.endswith("gz") else data)
    assert message(path) == (
        f"{str(path)!r}, line {line}: the line is longer than 2,097,152 bytes; check that "
        "lines end where rows end."
    )


def test_lines_up_to_the_limit_are_read(tmp_path):
    long = "x" * 3_000_000
    (tmp_path / "x.csv").write_text(CSV + f"w,{long},1500000002")
    (tmp_path / "x.jsonl").write_text(
        JSON + json.dumps({"account": "w", "o": long, "t": 1_500_000_002})
    )
    for name in ("x.csv", "x.jsonl"):
        log = read(tmp_path / name)
        assert rows_of(log)[2] == ("w", long, 1_500_000_002 * 10**6, "action", None)


def test_what_is_no_regular_file(tmp_path):
    path = tmp_path / "x.csv"
    os.mkfifo(path)
    assert message(path) == (
        f"{str(path)!r} is a pipe or a device, not a file; write its rows to a file first."
    )
    assert message(tmp_path / "*.csv").startswith("there is no file")
    assert message("x" * 5_000).startswith("there is no file 'xxx")
    assert message("x\0.csv").startswith("there is no file 'x\\x00.csv'")


# -- line ends and marks -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "ends", [("\r\n", "\n"), ("\n", "\r\n"), ("\n", "\r\n", "\n"), ("\r\n", "\r\n", "\n", "\n")]
)
@pytest.mark.parametrize("end", ["csv", "csv.gz", "jsonl", "jsonl.gz"])
def test_lines_may_end_in_several_ways(ends, end, tmp_path):
    rows = [(f"u{i}", "x\r\ny" if i == 1 else f"p{i}", 1_500_000_000 + i) for i in range(6)]
    if end.startswith("csv"):
        lines = ["account,o,t", *(f'{a},"{o}",{t}' for a, o, t in rows)]
    else:
        lines = [json.dumps({"account": a, "o": o, "t": t}) for a, o, t in rows]
    text = "".join(line + ends[i % len(ends)] for i, line in enumerate(lines)) + ends[0]
    path = tmp_path / f"x.{end}"
    path.write_bytes(gzip.compress(text.encode()) if end.endswith("gz") else text.encode())
    found = [row[:3] for row in rows_of(read(path))]
    assert sorted(found) == [(a, o, t * 10**6) for a, o, t in rows]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('account,o,t\r\nu,p,1\nv,"q,2\r\n', "cannot be read: unexpected end of data"),
        ('account,o,t\r\nu,p,1\n"v"w,q,2\r\n', "cannot be read: ',' expected after '\"'"),
        ("account,o,t\r\nu,p,1\nv,q\r\n", "line 3: the row has 2 values, and the header names 3"),
        ("account,o,t\r\nu,p,1\nv,q,2,3\r\n", "line 3: the row has 4 values, and the header name"),
    ],
)
def test_what_is_wrong_is_wrong_whatever_the_line_ends(text, told, tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(text.encode())
    assert told in message(path)
    path.write_bytes(text.replace("\r\n", "\n").encode())
    assert str(path) in message(path)


@pytest.mark.parametrize("end", ["jsonl", "jsonl.gz"])
def test_json_after_a_byte_order_mark(end, tmp_path):
    rows = [
        {"account": {"id": "007", "n": 2**60 + 1}, "o": "p", "t": 1_500_000_000, 'b "c" $': 1.0},
        {"account": None, "o": 'é "x"\n', "t": 1_500_000_001, "late": "z"},
    ]
    text = "\n" + "".join(json.dumps(row) + "\n\r\n" for row in rows)
    plain, marked = tmp_path / f"plain.{end}", tmp_path / f"marked.{end}"
    pack = gzip.compress if end.endswith("gz") else bytes
    plain.write_bytes(pack(text.encode()))
    marked.write_bytes(pack(b"\xef\xbb\xbf" + text.encode()))
    for options in (
        {"account": "account.id"}, {"account": "account.n", "post": 'b "c" $'},
        {"account": "o", "object": "o", "post": "late"},
    ):  # fmt: skip
        logs = [read(path, **options) for path in (plain, marked)]
        assert_same_log(*logs)
        assert logs[0].rows_read == logs[1].rows_read == 2
        assert len(logs[0]) > 0
    for bad in ("[1]", "12", '{"o":', '{"o":1} x', '{"o":1,"o":2}'):
        marked.write_bytes(pack(b"\xef\xbb\xbf" + (JSON * 60 + bad).encode()))
        assert str(marked) in message(marked)


# -- files that differ -------------------------------------------------------------------------

MOMENT = 1_500_000_000
TIMES = {
    "seconds": pa.array([MOMENT]),
    "short": pa.array([MOMENT], pa.int32()),
    "floats of milliseconds": pa.array([MOMENT * 1_000.0]),
    "text": pa.array(["2017-07-14T02:40:00Z"]),
    "categories": pa.array(["2017-07-14T02:40:00Z"]).dictionary_encode(),
    "moments": pa.array([MOMENT], pa.timestamp("s")),
    "with a zone": pa.array([MOMENT * 1_000], pa.timestamp("ms", tz="Europe/Berlin")),
    "decimals": pa.array([MOMENT]).cast(pa.decimal128(20, 0)),
}


@pytest.mark.parametrize("first", TIMES)
@pytest.mark.parametrize("second", TIMES)
def test_files_may_write_times_in_different_types(first, second, tmp_path):
    paths = [
        parquet(tmp_path / f"{i}.parquet", account=[f"u{i}"], o=["p"], t=TIMES[name])
        for i, name in enumerate((first, second))
    ]
    assert read(paths).time.tolist() == [MOMENT * 10**6] * 2


@pytest.mark.parametrize(
    "other", [pa.array([[1]]), pa.array([True]), pa.array([{"x": 1}]), pa.array([b"1"])]
)
def test_files_whose_types_cannot_be_times_are_named(other, tmp_path):
    parquet(tmp_path / "0.parquet", account=["u"], o=["p"], t=[MOMENT])
    path = parquet(tmp_path / "1.parquet", account=["u"], o=["p"], t=other)
    found = message(tmp_path / "*.parquet")
    assert found.startswith(f"column 't' of {str(path)!r} holds values of type ")
    assert found.endswith("give datetimes, ISO 8601 strings or numbers since 1970.")
    path = parquet(tmp_path / "1.parquet", account=pa.array([[1]]), o=["p"], t=[MOMENT])
    assert message(tmp_path / "*.parquet").startswith(f"column 'account' of {str(path)!r} holds")


def test_a_bad_time_in_one_of_them_is_placed(tmp_path):
    parquet(tmp_path / "0.parquet", account=["u"], o=["p"], t=[MOMENT])
    path = parquet(tmp_path / "1.parquet", account=["u"] * 2, o=["p"] * 2, t=["2017-07-14", "soon"])
    assert message(tmp_path / "*.parquet").startswith(
        f"column 't', {str(path)!r}, row 2: 'soon' cannot be read as a time (1 such rows)"
    )


def test_types_of_parquet_that_are_text(tmp_path):
    """UUIDs, JSON, bytes of a fixed width and categories: as text, as DuckDB writes them."""
    uid = "6b0a3c5e-4f7d-4c39-9f43-0d5c33a7d7e1"
    path = tmp_path / "x.parquet"
    duckdb.sql(
        f"copy (select '{uid}'::uuid as account, '\"p\"'::json as o, 'c'::enum('b', 'c') as c, "
        f"'url' as k, to_timestamp({MOMENT}) as t) to '{path}'"
    )
    log = read(path, post="c", kind="k")
    assert rows_of(log) == [(uid, '"p"', MOMENT * 10**6, "url", "c")]
    fixed = parquet(
        tmp_path / "y.parquet",
        account=pa.array([b"ab", b"cd"], pa.binary(2)), o=["p", "p"], t=[1, 2],
    )  # fmt: skip
    assert read(fixed).accounts.tolist() == ["ab", "cd"]


# -- short errors ------------------------------------------------------------------------------

LONG = "x" * 10_000_000


@pytest.mark.parametrize(
    "make",
    [
        lambda f: (f / "x.csv").write_text(f"account,o,t\nu,p,{LONG}\n"),
        lambda f: (f / "x.csv").write_text(f"{LONG},o,t\nu,p,1\n"),
        lambda f: (f / "x.csv").write_text("o," + ",".join(f"c{i}" * 99 for i in range(99))),
        lambda f: (f / "x.csv").write_text(f"account,o,t\nu,{LONG}\n"),
        lambda f: (f / "x.csv").write_text(f'account,o,t\n"u"{LONG},p,1\n'),
        lambda f: (f / "x.csv").write_text(f"account,o,t\n1E+18{' ' * 10**6},p,1\n"),
        lambda f: (f / "x.jsonl").write_text(f'"{LONG}"\n'),
        lambda f: (f / "x.jsonl").write_text(JSON * 60 + f'"{LONG}"\n'),
        lambda f: (f / "x.jsonl").write_text(json.dumps({"account": [LONG], "o": "p", "t": 1})),
        lambda f: (f / "x.jsonl").write_text(json.dumps({"account": "u", "o": 1, "t": LONG})),
        lambda f: (f / "x.jsonl").write_text(json.dumps({LONG: 1, "o": 1, "t": 2})),
        lambda f: parquet(f / "x.parquet", account=["u"], o=["p"], t=[LONG]),
        lambda f: parquet(
            f / "x.parquet", account=pa.array([None], pa.struct([(LONG[:10**5], pa.int8())])),
            o=["p"], t=[1],
        ),
    ],
)  # fmt: skip
def test_errors_are_short_whatever_the_file_holds(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(tmp_path)
    found = message("x.*")
    assert len(found) <= 500
    assert found.endswith((".", ")"))


def test_errors_are_short_whatever_is_asked_for():
    frame = pd.DataFrame({"account": ["u"], "o": ["p"], "t": [1], LONG: [2]})
    for options in (
        {"account": "a"}, {"account": LONG[1:]}, {"object": [LONG, LONG]}, {"object": {LONG: 1}},
        {"time_format": "%Q" + LONG}, {"object": ["o", "t"], "kind": LONG},
    ):  # fmt: skip
        assert len(message(frame, **options)) <= 500
    assert len(message([LONG])) <= 500
    bad = pd.DataFrame({"account": pd.Series([1, (LONG,)], dtype=object), "o": "p", "t": 1})
    assert len(message(bad)) <= 500
