"""Reading posts: kinds of files, formats told and untold, bad lines, and what comes of it."""

import copy
import datetime as dt
import gzip
import json
import logging
import pickle
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import coordnet as cn
from coordnet.readers import pieces

SAMPLES = Path(__file__).parent / "samples"
BY_HAND = {"account": "user", "time": "at", "text": "body", "hashtags": "tags"}
ROWS = [
    {"user": "a", "at": "2021-04-08T19:34:16Z", "body": "Ärger", "tags": "x|y"},
    {"user": "b", "at": "2021-04-08T19:34:17Z", "body": 'two\nlines, "quoted"', "tags": ""},
    {"user": "", "at": "2021-04-08T19:34:18Z", "body": "nobody", "tags": "x"},
    {"user": "007", "at": "", "body": "never", "tags": "x"},
]


def assert_rows(posts):
    found = posts.to_frame("pyarrow").to_pydict()
    assert found["account"] == ["a", "b"]
    assert found["text"] == ["Ärger", 'two\nlines, "quoted"']
    assert found["hashtags"] == [["x", "y"], None]
    assert found["time"][0] == dt.datetime(2021, 4, 8, 19, 34, 16, tzinfo=dt.UTC)
    assert posts.dropped == {"missing account": 1, "missing time": 1}
    assert posts.rows_read == 4


def write(path, kind):
    frame = pd.DataFrame(ROWS)
    if kind in ("csv", "semicolon", "tab", "utf16"):
        sep = {"csv": ",", "semicolon": ";", "tab": "\t", "utf16": "\t"}[kind]
        encoding = {"utf16": "utf-16", "csv": "utf-8-sig"}.get(kind, "utf-8")
        frame.to_csv(path, index=False, sep=sep, encoding=encoding)
    elif kind == "jsonl":
        path.write_text("\ufeff" + "\n\n".join(json.dumps(row) for row in ROWS))
    elif kind == "array":
        path.write_text(json.dumps(ROWS))
    elif kind == "pretty":
        path.write_text(json.dumps(ROWS, indent=2, ensure_ascii=False))
    elif kind == "concatenated":
        path.write_text("\n".join(json.dumps(row, indent=1) for row in ROWS))
    elif kind == "parquet":
        frame.to_parquet(path)
    return path


KINDS = ["csv", "semicolon", "tab", "utf16", "jsonl", "array", "pretty", "concatenated", "parquet"]


@pytest.mark.parametrize("packed", [None, "gzip", "zstd"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_rows_of_every_kind_of_file(tmp_path, kind, packed):
    """What a file is stands in its bytes: the name says nothing."""
    path = write(tmp_path / "file.dat", kind)
    if packed:
        path.write_bytes(pa.compress(path.read_bytes(), packed, asbytes=True))
    assert_rows(cn.read_posts(path, columns=BY_HAND))


def frames():
    frame = pd.DataFrame(ROWS)
    table = pa.Table.from_pandas(frame)
    yield frame
    yield pl.DataFrame(ROWS)
    yield pl.DataFrame(ROWS).lazy()
    yield table
    yield pa.RecordBatchReader.from_batches(table.schema, table.to_batches())
    yield duckdb.from_arrow(table)


@pytest.mark.parametrize(
    "source", list(frames()), ids=lambda f: type(f).__module__ + type(f).__name__
)
def test_the_same_rows_of_every_frame(source):
    assert_rows(cn.read_posts(source, columns=BY_HAND))


def test_results_are_of_the_kind_that_the_posts_came_in():
    posts = cn.read_posts(pl.DataFrame(ROWS), columns=BY_HAND)
    assert isinstance(posts.to_frame(), pl.DataFrame)
    assert isinstance(posts.profiles(), pl.DataFrame)
    assert isinstance(posts.actions("hashtag").to_frame(), pl.DataFrame)
    assert isinstance(cn.read_posts(pd.DataFrame(ROWS), columns=BY_HAND).to_frame(), pd.DataFrame)


def test_lists_numbers_and_moments_of_frames():
    frame = pd.DataFrame({
        "user": pd.array([1, 2], dtype="Int64"), "at": pd.to_datetime(["2021-01-01", "2021-01-02"]),
        "tags": [["x", "y"], []], "n": [1.0, np.nan], "v": [True, False],
        "of": [1380242608747446272, 1380242608747446273],
    })  # fmt: skip
    posts = cn.read_posts(frame, columns={
        "account": "user", "time": "at", "hashtags": "tags", "followers": "n", "verified": "v",
        "retweeted": "of"})  # fmt: skip
    found = posts.to_frame("pyarrow").to_pydict()
    assert found["account"] == ["1", "2"]
    assert found["retweeted"] == ["1380242608747446272", "1380242608747446273"]
    assert found["hashtags"] == [["x", "y"], None]
    assert (found["followers"], found["verified"]) == ([1, None], [True, False])


def test_ids_that_a_frame_holds_as_floats_are_refused():
    frame = pd.DataFrame({"user": [1380242608747446272, None], "at": [1, 2]})
    with pytest.raises(cn.InputError, match=r"1\.380242608747446[0-9]*e\+18 is a float"):
        cn.read_posts(frame, columns={"account": "user", "time": "at"}, unit="s")


def test_inner_fields_of_json(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"u": {"id": 5}, "t": 1617910456, "x.y": "flat"}\n{"u": null, "t": 1}\n')
    posts = cn.read_posts(path, columns={"account": "u.id", "time": "t"}, unit="s")
    assert posts["account"].to_pylist() == ["5"]


def test_several_files_and_a_glob(tmp_path):
    for i, row in enumerate(ROWS[:2]):
        (tmp_path / f"{i}.jsonl").write_text(json.dumps(row))
    found = cn.read_posts(str(tmp_path / "*.jsonl"), columns=BY_HAND)
    assert found["account"].to_pylist() == ["a", "b"]
    assert [Path(s).name for s in found.sources] == ["0.jsonl", "1.jsonl"]
    listed = cn.read_posts([tmp_path / "1.jsonl", tmp_path / "0.jsonl"], columns=BY_HAND)
    assert listed["account"].to_pylist() == ["b", "a"]


def test_pieces_join_without_a_seam(tmp_path, monkeypatch):
    rows = [{"user": f"u{i % 7}", "at": 1_617_910_456 + i, "n": i % 3 or None} for i in range(100)]
    pd.DataFrame(rows).to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    columns = {"account": "user", "time": "at", "followers": "n"}
    whole = cn.read_posts(tmp_path / "a.parquet", columns=columns, unit="s")
    monkeypatch.setattr(pieces, "ROWS", 9)
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        found = cn.read_posts(tmp_path / name, columns=columns, unit="s")
        assert found.table.equals(whole.table), name


# -- which format --------------------------------------------------------------------------------


def test_the_format_that_was_told_is_in_the_log(caplog):
    with caplog.at_level(logging.INFO, logger="coordnet"):
        cn.read_posts(SAMPLES / "minet_x.csv")
    assert "minet_x.csv: read as 'minet-x', minet, X" in caplog.text


def test_a_file_of_no_format_names_the_nearest(tmp_path):
    text = (SAMPLES / "minet_x.csv").read_text().replace("user_screen_name", "who", 1)
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(cn.InputError) as error:
        cn.read_posts(tmp_path / "a.csv")
    assert "The nearest: 'minet-x' (83% of its marks)" in str(error.value)
    assert "format=" in str(error.value)
    assert len(cn.read_posts(tmp_path / "a.csv", "minet-x")) == 4


def test_a_file_that_fits_two_formats_alike_is_refused(monkeypatch):
    from coordnet.readers import formats

    both = dict(formats.formats())
    both["other"] = formats.table("other", "Another", marks=both["minet-x"].marks, cells={})
    monkeypatch.setattr(formats, "formats", lambda: both)
    with pytest.raises(cn.InputError, match="fits several formats: 'minet-x', 'other'"):
        cn.read_posts(SAMPLES / "minet_x.csv")


def test_single_columns_of_a_format_are_replaced():
    posts = cn.read_posts(
        SAMPLES / "fivethirtyeight_ira.csv", "fivethirtyeight-ira", columns={"account": "author"}
    )
    assert posts["account"].to_pylist() == ["ANN", "BOB", "CEM"]
    assert len(posts.notes) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "x-v3"}, "format='x-v3' is not known"),
        ({"format": 3}, "format=3 is not the name of a format"),
        ({"columns": {"account": "user"}}, "names no column for time"),
        ({"columns": {"acount": "user"}}, "'acount', which is no field.*Did you mean 'account'"),
        ({"columns": {"account": "usr", "time": "at"}}, "no column 'usr'.*Did you mean 'user'"),
        ({"columns": {"account": 1, "time": "at"}}, "is no name of a column"),
        ({"columns": []}, "is no mapping"),
        ({"unit": "s"}, "are for columns named with columns="),
        ({"columns": BY_HAND, "unit": "m"}, "unit='m' is not known"),
        ({"columns": {"text": "body"}, "format": "x-v2"}, "'x-v2' is made of records"),
        ({"errors": "ignore"}, "errors='ignore' is not known"),
        ({"on_bad": "keep"}, "on_bad='keep' is not known"),
    ],
)  # fmt: skip
def test_parameters_that_cannot_be(options, message):
    with pytest.raises(cn.CoordnetError, match=message):
        cn.read_posts(pd.DataFrame(ROWS), **options)


@pytest.mark.parametrize("source", [[], [1], 5, None, "no/such/file.csv"])
def test_sources_that_cannot_be(source):
    with pytest.raises(cn.InputError):
        cn.read_posts(source)


# -- bad lines and values ------------------------------------------------------------------------


def test_bad_lines_are_counted_with_their_numbers(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(
        b'user,at,body\nz,1\na,1617910456,x\nb,1617910457\nc,1617910458,"two\nlines"\n'
        b"d,1617910459,caf\xe9\n\ne,1617910460,x,more\nf,1617910461,x,\n"
    )
    columns = {"account": "user", "time": "at", "text": "body"}
    posts = cn.read_posts(path, columns=columns, unit="s")
    assert posts["account"].to_pylist() == ["a", "c", "f"]
    assert posts.dropped == {"row of another width": 3, "not UTF-8": 1}
    assert [(line, why.split(" (")[0]) for _, line, why in posts.bad_lines] == [
        (2, "row of another width"), (4, "row of another width"), (7, "not UTF-8"),
        (9, "row of another width"),
    ]  # fmt: skip
    assert posts.rows_read == 7
    with pytest.raises(cn.InputError, match=r"a\.csv', line 2: row of another width \(2 values"):
        cn.read_posts(path, columns=columns, unit="s", errors="raise")


def test_bad_lines_of_json_are_counted_with_their_numbers(tmp_path):
    path = tmp_path / "a.jsonl"
    row = '{"user": "a", "at": 1617910456}'
    path.write_text(
        f'{row}\nnonsense\n\n"text"\n{row[:-2]}\n{row.replace("1617910456", "NaN")}\n{row}'
    )
    posts = cn.read_posts(path, columns={"account": "user", "time": "at"}, unit="s")
    assert len(posts) == 2
    assert posts.dropped == {"no JSON object": 3, "missing time": 1}
    assert [line for _, line, _ in posts.bad_lines] == [2, 4, 5]


def test_records_of_another_form_are_counted(tmp_path):
    lines = (SAMPLES / "x_v1.jsonl").read_text().splitlines()
    lines.insert(1, json.dumps({"user": "not a mapping", "id_str": "1", "created_at": "x"}))
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    posts = cn.read_posts(tmp_path / "a.jsonl", "x-v1")
    assert len(posts) == 4
    assert sum(posts.dropped.values()) == 3


def test_times_that_cannot_be_read_are_refused(tmp_path):
    frame = pd.DataFrame({"user": list("abc"), "at": ["2021-01-01", "yesterday", "never"]})
    columns = {"account": "user", "time": "at"}
    with pytest.raises(cn.InputError) as error:
        cn.read_posts(frame, columns=columns)
    for part in ("'yesterday'", "line 2", "(2 such values)", 'on_bad="drop"'):
        assert part in str(error.value)
    posts = cn.read_posts(frame, columns=columns, on_bad="drop")
    assert (len(posts), posts.dropped) == (1, {"unreadable time": 2})


@pytest.mark.parametrize("size", [30, 2_000])
def test_a_packed_file_that_is_cut_off_is_refused(tmp_path, size):
    rows = np.random.default_rng(0).integers(0, 10**9, 2_000)
    whole = gzip.compress("\n".join(["user,at", *(f"{n},1617910456" for n in rows)]).encode())
    (tmp_path / "a.csv.gz").write_bytes(whole[:size])
    with pytest.raises(cn.InputError, match=r"a\.csv\.gz' cannot be read"):
        cn.read_posts(tmp_path / "a.csv.gz", columns={"account": "user", "time": "at"}, unit="s")


def test_an_empty_file_is_of_no_format(tmp_path):
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(cn.InputError, match="is of no format that is known"):
        cn.read_posts(tmp_path / "a.csv")


# -- the value -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def posts():
    return cn.read_posts(SAMPLES / "x_v1.jsonl")


def test_posts_are_pickled_copied_and_shown(posts):
    for other in (pickle.loads(pickle.dumps(posts)), copy.deepcopy(posts)):
        assert other.table.equals(posts.table)
        assert repr(other) == repr(posts)
        assert other.actions("retweet").fingerprint == posts.actions("retweet").fingerprint
    assert "format    x-v1" in repr(posts)
    assert "2021-04-08 19:34:16 to 2021-04-08 19:35:21 UTC" in repr(posts)
    assert "<table>" in posts._repr_html_()
    with pytest.raises(AttributeError):
        posts.format = "other"


def test_posts_speak_arrow(posts):
    assert pl.DataFrame(posts).height == pa.table(posts).num_rows == len(posts) == 4
    assert pa.table(posts)["time"].type == pa.timestamp("us", tz="UTC")


def test_fields(posts):
    assert "text" in posts
    assert "liked" not in posts
    assert posts["account"].to_pylist()[1] == "902035056"
    with pytest.raises(cn.ParameterError, match=r"no field 'liked': the export \(x-v1\) does not"):
        posts["liked"]
    with pytest.raises(cn.ParameterError, match="Did you mean 'hashtags'"):
        posts["hashtag"]


def test_a_part_of_posts(posts):
    part = posts.where(np.array([True, False, True, True]), "not wanted")
    assert (len(part), part.dropped["not wanted"]) == (3, 1)
    with pytest.raises(cn.ParameterError, match="give 4 truth values"):
        posts.where(np.array([True]))


def test_profiles_are_those_of_the_latest_post():
    frame = pd.DataFrame({
        "u": ["b", "a", "b", "a"], "t": [3, 2, 1, 1], "h": ["new", "x", "old", None],
        "f": [None, 7, 5, 6], "c": ["2020-01-01", None, "2019-01-01", "2018-01-01"],
    })  # fmt: skip
    posts = cn.read_posts(frame.astype({"f": "Int64"}).assign(t=frame.t + 1_617_910_456), columns={
        "account": "u", "time": "t", "handle": "h", "followers": "f", "created": "c"})  # fmt: skip
    found = posts.profiles("pyarrow").to_pydict()
    assert found["account"] == ["a", "b"]
    assert found["handle"] == ["x", "new"]
    assert found["followers"] == [7, 5]  # that of the latest post that has one
    assert [m.year for m in found["created_at"]] == [2018, 2020]


def test_profiles_are_what_detect_takes(posts):
    from coordnet.readers.profiles import read_profiles

    log = posts.actions(["retweet", "reply", "hashtag"])
    profiles = read_profiles(posts.profiles(), log)
    assert profiles.known.all()
    assert set(profiles.numbers) == {"followers", "following", "verified"}
    assert profiles.created is not None


def test_no_posts_are_posts_too(tmp_path):
    (tmp_path / "a.csv").write_text((SAMPLES / "minet_x.csv").read_text().splitlines()[0])
    posts = cn.read_posts(tmp_path / "a.csv")
    assert (len(posts), posts.span) == (0, None)
    assert "posts     0" in repr(posts)
    assert len(posts.profiles()) == 0


def test_the_input_stays_as_it_is():
    frame = pd.DataFrame(ROWS)
    before = frame.copy(deep=True)
    cn.read_posts(frame, columns=BY_HAND).actions(["hashtag", "text"])
    pd.testing.assert_frame_equal(frame, before)
