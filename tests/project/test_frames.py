"""Arrays that stay as they are, tables for other libraries and for notebooks."""

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from coordnet.frames import ArrowExport, frozen, frozen_copy, html_table


@pytest.mark.parametrize("freeze", [frozen, frozen_copy])
def test_the_array_that_is_given_stays_writable(freeze):
    mine = np.arange(3)
    theirs = freeze(mine)
    with pytest.raises(ValueError, match="read-only"):
        theirs[0] = 7
    mine[0] = 5
    assert mine.tolist() == [5, 1, 2]
    assert freeze(np.arange(6)[::2]).tolist() == [0, 2, 4]
    assert freeze(np.arange(6)[::2]).flags.c_contiguous


def test_our_own_arrays_are_not_copied():
    mine = np.arange(3)
    assert np.shares_memory(frozen(mine), mine)


def test_what_a_caller_writes_later_changes_nothing_of_ours():
    array = np.arange(3)
    view = array[:]
    view.flags.writeable = False
    frame = pd.DataFrame({"x": np.arange(3)})
    column = frame["x"].to_numpy()  # read-only in pandas 3, and still the frame's own memory
    ours = [frozen_copy(a) for a in (array, view, column)]
    array[0] = frame.loc[0, "x"] = 9
    assert [a.tolist() for a in ours] == [[0, 1, 2]] * 3
    assert frozen_copy(ours[0]) is ours[0]  # nobody can write to it: no second copy
    assert frozen_copy([1, 2]).tolist() == [1, 2]


class Thing(ArrowExport):
    def to_frame(self, backend=None):
        assert backend == "pyarrow"
        return pa.table({"name": ["a", None], "n": [1, 2]})


def test_every_dataframe_library_takes_what_exports_arrow():
    thing = Thing()
    rows = [{"name": "a", "n": 1}, {"name": None, "n": 2}]
    assert pa.table(thing).to_pylist() == rows
    assert pl.DataFrame(thing).to_dicts() == rows
    assert duckdb.sql("SELECT name, n FROM thing ORDER BY n").fetchall() == [("a", 1), (None, 2)]
    assert pa.RecordBatchReader.from_stream(thing).read_all().to_pylist() == rows


@pytest.mark.skipif(
    not hasattr(pd.DataFrame, "from_arrow"), reason="pandas reads Arrow streams from version 3 on"
)
def test_pandas_takes_what_exports_arrow():
    frame = pd.DataFrame.from_arrow(Thing())
    assert frame["n"].tolist() == [1, 2]
    assert frame["name"].isna().tolist() == [False, True]


def test_a_schema_that_is_asked_for_is_given():
    wanted = pa.schema([("name", pa.large_string()), ("n", pa.int64())])
    assert pa.RecordBatchReader.from_stream(Thing(), schema=wanted).schema == wanted


def test_html_is_escaped_and_short():
    page = html_table("<b>", ["<i>", "n"], ((f"<a{i}>", i) for i in range(3)), most=2)
    assert page == (
        "<div><strong>&lt;b&gt;</strong><table>"
        "<thead><tr><th>&lt;i&gt;</th><th>n</th></tr></thead>"
        "<tbody><tr><td>&lt;a0&gt;</td><td>0</td></tr><tr><td>&lt;a1&gt;</td><td>1</td></tr>"
        "</tbody></table><p>... and 1 more rows</p></div>"
    )
    assert "<thead>" not in html_table("x", ("", ""), [])
    long = html_table("x", ["a"], [["\x1b[0m" + "y" * 10_000]] * 100_000)
    assert len(long) < 30_000
    assert "<p>... and 99,900 more rows</p>" in long
    assert r"<td>\x1b[0myyy" in long
