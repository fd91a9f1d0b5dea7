"""Several columns of objects, and sources that give their rows as a stream of batches."""

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers import assert_same_log, rows_of
from hypothesis import given
from hypothesis import strategies as st

import coordnet as cn

AT = {"account": "a", "time": "t"}
NOW = 1_500_000_000


def read(source, object="o", **options):
    return cn.read_actions(source, object=object, **{**AT, **options})


def message(source, object="o", **options):
    with pytest.raises(cn.CoordnetError) as error:
        read(source, object, **options)
    return str(error.value)


# -- several columns of objects ----------------------------------------------------------------

WIDE = {
    "a": ["u", "v", "u", None, "w", "u"],
    "url": ["x.org/1", "x.org/1", "", "x.org/1", None, "x.org/1"],
    "domain": ["x.org", None, "x.org", "x.org", " ", "x.org"],
    "tag": ["x.org", "b", "b", "b", None, "x.org"],
    "t": [NOW, NOW + 1, NOW + 2, NOW + 3, NOW + 4, NOW],
    "c": ["1", "2", "3", "4", "5", "6"],
    "words": ["one", "two", None, "four", "five", "six"],
}
OBJECTS = ["url", "domain", "tag"]


def naive_long(rows, kinds):
    """Return the rows of a long table: one for each cell that is not blank."""
    long = {name: [] for name in ("a", "o", "k", "t", "c", "words", "row")}
    for i in range(len(rows["a"])):
        for column, kind in kinds.items():
            if rows[column][i] is not None and rows[column][i].strip():
                values = (rows["a"][i], rows[column][i], kind, rows["t"][i], rows["c"][i],
                          rows["words"][i], i)  # fmt: skip
                for cells, value in zip(long.values(), values, strict=True):
                    cells.append(value)
    return long


@pytest.mark.parametrize(
    "kinds",
    [
        {name: name for name in OBJECTS},
        {"url": "link", "domain": "place", "tag": "hashtag"},
        {"url": "link", "domain": "link", "tag": "hashtag"},
        {"tag": "x"},
    ],
)
@pytest.mark.parametrize(
    "library", [pd.DataFrame, pa.table, pl.DataFrame, pl.LazyFrame, "csv", "parquet", "jsonl"]
)
def test_a_wide_table_is_the_long_one(library, kinds, tmp_path):
    if isinstance(library, str):
        frame, source = pd.DataFrame(WIDE), tmp_path / f"x.{library}"
        write = {
            "csv": lambda: frame.to_csv(source, index=False),
            "parquet": lambda: frame.to_parquet(source),
            "jsonl": lambda: frame.to_json(source, orient="records", lines=True),
        }
        write[library]()
    else:
        source = library(WIDE)
    long = naive_long(WIDE, kinds)
    extra = {"post": "c", "text": "words"}
    expected = read(pd.DataFrame(long), kind="k", **extra)
    same_names = list(kinds) == list(kinds.values())
    for columns in [kinds, *([list(kinds), tuple(kinds)] if same_names else [])]:
        log = read(source, columns, **extra)
        assert_same_log(log, expected, rows=False)
        assert log.row.tolist() == [long["row"][i] for i in expected.row]
        assert log.rows_read == 6
        assert log.dropped["missing account"] == 1
        blank = sum(
            a is not None and not any((WIDE[name][i] or "").strip() for name in kinds)
            for i, a in enumerate(WIDE["a"])
        )
        assert log.dropped["missing object"] == blank


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["u", "v", ""]), st.sampled_from(["p", "q", "", None]),
            st.sampled_from(["p", "r", " "]), st.integers(0, 3),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_any_wide_table(rows):
    a, x, y, t = (list(c) for c in zip(*rows, strict=True)) if rows else ([], [], [], [])
    wide = {"a": a, "x": x, "y": y, "t": t, "c": ["1"] * len(a), "words": [""] * len(a)}
    schema = pa.schema([("a", pa.string()), ("x", pa.string()), ("y", pa.string()),
                        ("t", pa.int64()), ("c", pa.string()), ("words", pa.string())])  # fmt: skip
    long = naive_long(wide, {"x": "x", "y": "y"})
    expected = read(
        pa.table({k: pa.array(v, pa.int64() if k in ("t", "row") else pa.string())
                  for k, v in long.items()}),
        kind="k", unit="s",
    )  # fmt: skip
    log = read(pa.table(wide, schema=schema), ["x", "y"], unit="s")
    assert_same_log(log, expected, rows=False)
    assert log.dropped["duplicate"] == expected.dropped["duplicate"]


def test_one_column_in_a_list_gives_its_name_as_kind():
    log = read(pd.DataFrame(WIDE), ["url"])
    assert log.kinds == ("url",)
    assert read(pd.DataFrame(WIDE), "url").kinds == ("action",)


def test_inner_fields_of_json_may_be_several(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(f'{{"a":"u","t":{NOW},"x":{{"url":"l","tag":"h"}}}}\n')
    log = read(path, {"x.url": "url", "x.tag": "tag"})
    assert [row[1::2] for row in rows_of(log)] == [("h", "tag"), ("l", "url")]


def test_cells_that_lost_digits_are_left_out_alone():
    frame = pd.DataFrame({"a": ["u", "v"], "x": ["1E+18", "p"], "y": ["q", "q"], "t": [NOW, NOW]})
    assert "column 'x', 'pandas frame', row 1: the id '1E+18'" in message(frame, ["x", "y"])
    log = read(frame, ["x", "y"], on_bad="drop")
    assert [row[:2] for row in rows_of(log)] == [("v", "p"), ("u", "q"), ("v", "q")]
    assert log.dropped["damaged id"] == 1


def test_rows_of_bad_times_are_rows():
    frame = pd.DataFrame(
        {"a": ["u", "v"], "x": ["p", "p"], "y": ["q", "q"], "t": ["2017-06-08", "?"]}
    )
    assert "(1 such rows)" in message(frame, ["x", "y"])
    log = read(frame, ["x", "y"], on_bad="drop")
    assert (log.dropped["unreadable time"], len(log), log.rows_read) == (1, 2, 2)


ADVICE = "names no columns; give the name of one, a list of names, or a mapping of names to kinds."


@pytest.mark.parametrize(
    ("object", "told"),
    [
        ([], f"object=[] {ADVICE}"),
        ({}, f"object={{}} {ADVICE}"),
        (None, f"object=None {ADVICE}"),
        (5, f"object=5 {ADVICE}"),
        ([1, "url"], f"object=[1, 'url'] {ADVICE}"),
        ({"url": None}, f"object={{'url': None}} {ADVICE}"),
        ({"url": ""}, f"object={{'url': ''}} {ADVICE}"),
        ({"url"}, f"object={{'url'}} {ADVICE}"),
        (["url", "url"], "object=['url', 'url'] names a column twice."),
        (["url", "link"], "the frame has no column 'link' (asked for by object=). Its columns:"),
    ],
)
def test_what_names_no_columns(object, told):
    assert message(pd.DataFrame(WIDE), object).startswith(told)


def test_one_kind_for_each_row_and_one_for_each_column_cannot_both_be():
    assert message(pd.DataFrame(WIDE), ["url", "tag"], kind="c") == (
        "kind='c' gives each row one kind, and object= names several columns, of which each is a "
        "kind; leave out kind=, or name one column of objects."
    )


@pytest.mark.parametrize("role", ["account", "time", "kind", "post", "text"])
def test_other_roles_take_one_name(role):
    for given_ in (["a", "b"], 5, b"a", *([None] if role in ("account", "time") else [])):
        assert message(pd.DataFrame(WIDE), "url", **{role: given_}) == (
            f"{role}={given_!r} is not the name of a column; give a string."
        )


# -- streams of batches ------------------------------------------------------------------------


class Stream:
    """Something of another library that speaks nothing but the PyCapsule interface."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


class Array:
    """The same, of one batch."""

    def __init__(self, batch):
        self.batch = batch

    def __arrow_c_array__(self, requested_schema=None):
        return self.batch.__arrow_c_array__(requested_schema)


ROWS = pa.table(
    {
        "a": pa.array(["u", "v", None, "u", "w"]),
        "o": pa.array([2**60 + 1, 7, 7, None, 2**60 + 1]),
        "t": pa.array([NOW, NOW + 1, NOW, NOW, NOW + 2]),
        "k": pa.array(["url", "tag", "url", "tag", None]).dictionary_encode(),
        "wide": pa.array([[1] * 1_000] * 5),
        "words": pa.array(["a", "b", "a", "c", None], pa.string_view()),
    }
)


def streams():
    batches = [ROWS[:2].to_batches()[0], ROWS[2:2].to_batches(), ROWS[2:].to_batches()[0]]
    batches = [b for b in batches if isinstance(b, pa.RecordBatch)]
    reader = lambda: pa.RecordBatchReader.from_batches(ROWS.schema, batches)  # noqa: E731
    yield "RecordBatchReader", reader()
    yield "Stream", Stream(ROWS)
    yield "Stream", Stream(pa.Table.from_batches(batches))
    yield "Array", Array(ROWS.combine_chunks().to_batches()[0])
    yield "RecordBatch", ROWS.combine_chunks().to_batches()[0]
    con = duckdb.connect()
    con.register("rows", ROWS)
    yield "RecordBatchReader", con.sql("select * from rows").to_arrow_reader(2)


def test_every_stream_gives_the_same_log():
    options = {"kind": "k", "text": "words"}
    expected = read(ROWS, **options)
    assert len(expected) == 3
    for name, source in streams():
        log = read(source, **options)
        assert_same_log(log, expected)
        assert (log.frame, log.sources) == ("pyarrow", (f"{name} stream",))
        assert dict(log.dropped) == dict(expected.dropped)
        assert isinstance(log.to_frame(), pa.Table)


def test_a_stream_passes_by_once_and_batch_by_batch():
    """No batch is made before the one before it was taken, and what is not asked for is let go."""
    held = []

    def batches():
        for i in range(20):
            wide = pa.array(np.arange(10**6) + i)  # 8 MB that nobody asked for
            held.append(pa.total_allocated_bytes())
            columns = [pa.array(["u", "v"]), pa.array([str(i), "p"]), pa.array([NOW, NOW + i])]
            yield pa.record_batch(
                [*columns, pa.array([wide.to_numpy()[:500_000], wide.to_numpy()[500_000:]])],
                names=["a", "o", "t", "wide"],
            )

    first = next(batches())
    held.clear()
    log = read(pa.RecordBatchReader.from_batches(first.schema, batches()))
    assert (log.rows_read, len(held)) == (40, 20)
    assert max(held) - min(held) < 60_000_000  # of 160 MB


def test_an_error_in_the_middle_of_a_stream():
    def batches():
        yield ROWS.to_batches()[0]
        raise ValueError("the connection was lost" + "!" * 10**6)

    source = Stream(pa.RecordBatchReader.from_batches(ROWS.schema, batches()))
    found = message(source)
    assert found.startswith("the Stream stream cannot be read: ")
    assert "the connection was lost" in found
    assert len(found) < 500


@pytest.mark.parametrize(
    "source", [Stream(pa.chunked_array([[1]])), Array(pa.array([1])), pl.Series([1])]
)
def test_a_column_by_itself_is_no_table(source):
    assert "cannot be read; give a path, a list of paths" in message(source)


def test_columns_of_streams_are_checked():
    assert message(Stream(ROWS), "x") == (
        "the frame has no column 'x' (asked for by object=). Its columns: 'a', 'o', 't', 'k', "
        "'wide', 'words'."
    )
    twice = ROWS.rename_columns(["a", "a", "t", "k", "wide", "o"])
    assert message(Stream(twice)) == "the frame has more than one column 'a'; rename them."
    assert message(Stream(ROWS), "wide").startswith("column 'wide' holds values of type list<")
