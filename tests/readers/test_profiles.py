"""The table of accounts: any column for the account, any file, categories of one's own."""

import gzip
import logging

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import coordnet as cn
from coordnet.readers.profiles import CATEGORIES, read_profiles
from coordnet.scores.categories import crosstab

NAMES = ["u0", "u1", "u2", "u3", "u4", "u5"]


def log_of(names=NAMES):
    frame = pd.DataFrame({"a": names, "o": "p", "t": range(len(names))})
    return cn.read_actions(frame, account="a", object="o", time="t")


FRAME = pd.DataFrame(
    {
        "user_id": ["u3", "u0", "u1", "u2", "nobody"],
        "handle": ["h3", "h0", None, "h2", "x"],
        "party": ["left", "right", "left", " ", "middle"],
        "bot": [True, False, None, True, False],
        "written": ["true", "FALSE", "True", "", "true"],
        "bio": ["a", "b", "c", "d", "e"],
        "score": [1, 2, 3, 4, 5],
        "lists": [[1], [2], [3], [4], [5]],
        "empty": [None] * 5,
        7: ["x", "x", "y", "y", "y"],
    }
).astype({"bot": "boolean"})


def checked(profiles):
    assert profiles.texts["handle"].tolist() == ["h0", None, "h2", "h3", None, None]
    assert list(profiles.labels) == ["party"]
    assert profiles.labels["party"].tolist() == ["right", "left", None, "left", None, None]
    assert list(profiles.marks) == ["bot", "written"]
    np.testing.assert_array_equal(profiles.marks["bot"], [0, np.nan, 1, 1, np.nan, np.nan])
    np.testing.assert_array_equal(profiles.marks["written"], [0, 1, np.nan, 1, np.nan, np.nan])
    assert profiles.known.tolist() == [True] * 4 + [False] * 2


def test_any_column_may_name_the_account_and_others_give_categories(caplog):
    with caplog.at_level(logging.INFO, "coordnet"):
        profiles = read_profiles(FRAME, log_of(), account="user_id")
    checked(profiles)
    assert profiles.ignored == ("bio", "score", "lists", "empty")
    assert (
        "accounts=: not used: bio, score, lists, empty, which hold neither truth values nor text "
        "with few values"
    ) in caplog.text


def sources(folder):
    frame = FRAME.drop(columns=["lists", "empty", 7])
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    frame.to_csv(folder / "x.csv", index=False)
    frame.to_csv(folder / "x.tsv", index=False, sep="\t")
    frame.to_parquet(folder / "x.parquet")
    for name in ("x.csv", "x.parquet"):
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
    yield from (folder / n for n in ("x.csv", "x.tsv", "x.parquet", "x.csv.gz", "x.parquet.gz"))
    yield from (arrow, pl.from_arrow(arrow), pl.from_arrow(arrow).lazy())
    yield from (duckdb.connect().from_arrow(arrow), frame.astype({"party": "category"}))
    yield pa.RecordBatchReader.from_batches(arrow.schema, arrow.to_batches(2))


def test_the_same_profiles_from_any_source(tmp_path):
    for source in sources(tmp_path):
        profiles = read_profiles(source, log_of(), account="user_id")
        checked(profiles)
        assert set(profiles.ignored) == {"bio", "score"}


def test_known_columns_are_no_categories_and_case_matters(tmp_path):
    rows = {"Account": ["x", "x"], "account": ["u0", "u1"], "status": ["active", "active"]}
    pd.DataFrame(rows).to_csv(tmp_path / "x.csv", index=False)
    for source in (pd.DataFrame(rows), tmp_path / "x.csv"):
        profiles = read_profiles(source, log_of())
        assert (list(profiles.labels), list(profiles.texts)) == (["Account"], ["status"])
    both = read_profiles(pd.DataFrame({"handle": ["u0", "u1"]}), log_of(), account="handle")
    assert both.texts["handle"][:2].tolist() == ["u0", "u1"]


@pytest.mark.parametrize(("values", "used"), [(CATEGORIES, True), (CATEGORIES + 1, False)])
def test_few_values_are_categories(values, used):
    names = [f"n{i}" for i in range(2 * values)]
    frame = pd.DataFrame({"account": names, "x": [f"v{i % values}" for i in range(2 * values)]})
    profiles = read_profiles(frame, log_of(names))
    assert (list(profiles.labels), profiles.ignored) == ((["x"], ()) if used else ([], ("x",)))
    # values of accounts that are not in the log do not count
    one = read_profiles(frame, log_of(["n0", f"n{values}"]))
    assert one.labels["x"].tolist() == ["v0", "v0"]


def message(source, **options):
    with pytest.raises(cn.CoordnetError) as error:
        read_profiles(source, log_of(), **options)
    return str(error.value)


GOOD = "account,handle\nu0,é\nu1,b\n"


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("x.csv", GOOD.encode("utf-16"), "cannot be read: 'utf-8' codec can't decode"),
        ("x.csv", GOOD.encode("latin-1"), "cannot be read: "),
        ("x.csv", b"", "has no header line; the first line must name the columns."),
        ("x.csv", b"\x00\x01\xff" * 9, "cannot be read: 'utf-8' codec can't decode"),
        ("x.csv", b"account,handle\nu0\n", "cannot be read: "),
        ("x.csv", b"account,account\nu0,u1\n", "has more than one column 'account'; rename them."),
        ("x.csv.gz", gzip.compress(GOOD.encode(), mtime=0)[:-9], "cannot be read: "),
        ("x.csv.gz", GOOD.encode(), "cannot be read: Not a gzipped file"),
        ("x.parquet", b"", "cannot be read: "),
        ("x.parquet", b"PAR1" * 9, "cannot be read: "),
        ("x.parquet.gz", gzip.compress(b"PAR1" * 9, mtime=0), "cannot be read: "),
        ("x.parquet.gz", b"", "cannot be read: "),
        ("x.jsonl", b"{}", "give one .csv, .tsv or .parquet file."),
    ],
)
def test_files_that_cannot_be_read(name, data, told, tmp_path):
    path = tmp_path / name
    path.write_bytes(data)
    found = message(path)
    assert repr(str(path)) in found
    assert told in found
    assert len(found) < 500


def test_no_rows_at_all(tmp_path):
    (tmp_path / "x.csv").write_text("account,handle\n")
    assert message(tmp_path / "x.csv").startswith("accounts= names none of the accounts")


def test_what_cannot_be_used_is_told():
    assert message(FRAME).startswith(
        "accounts= has no column 'account'. Its columns: 'user_id', 'handle', 'party', "
    )
    assert message(FRAME, account="userid").startswith(
        "accounts= has no column 'userid'. Did you mean 'user_id'?"
    )
    lost = pd.DataFrame({"account": ["u0", "1.23456789012345E+18"]})
    assert message(lost).startswith(
        "column 'account', accounts=, row 2: the id '1.23456789012345E+18' is a number as a "
        "spreadsheet or a column of floats writes it (1 such rows)"
    )
    assert message(lost).endswith("take the column as text from the original source.")
    far = pa.table({"account": ["u0"], "created_at": pa.array([3_000_000], pa.date32())})
    assert message(far).startswith("accounts=, row 1: created_at=3000000 (date32[day]) cannot be")
    dates = pd.DataFrame({"account": ["u0"], "created_at": [20170608]})
    assert message(dates) == (
        "accounts=, row 1: created_at=20170608 cannot be read as a time; write it as "
        "'2017-06-08T21:00:00Z'."
    )
    mixed = pd.DataFrame({"account": ["u0", "u1"], "handle": pd.Series([(1,), "x"], dtype=object)})
    assert "column 'handle'" in message(mixed)


# -- categories by cluster ---------------------------------------------------------------------


def test_categories_by_cluster_by_hand():
    """Two clusters of three and two; of four others one is inactive and one is unknown."""
    names = [f"n{i}" for i in range(9)]
    frame = pd.DataFrame(
        {
            "account": names,
            "side": ["l", "l", "r", "r", None, "r", "l", "far", None],
            "club": [None, None, None, "x", "x", "x", "y", "y", "y"],
        }
    )
    active = np.ones(9, bool)
    active[7] = False
    found = crosstab(
        read_profiles(frame, log_of(names)),
        np.array([0, 3, 5]),
        np.array([0, 1, 2, 3, 4], np.int32),
        active,
    )
    assert found.to_pylist() == [
        dict(zip(found.column_names, row, strict=True))
        for row in [
            (0, "side", "l", 2, 2 / 3, 0.5),
            (0, "side", "r", 1, 1 / 3, 0.5),
            (0, "club", "x", 0, None, 1 / 3),
            (0, "club", "y", 0, None, 2 / 3),
            (1, "side", "l", 0, 0.0, 0.5),
            (1, "side", "r", 1, 1.0, 0.5),
            (1, "club", "x", 2, 1.0, 1 / 3),
            (1, "club", "y", 0, 0.0, 2 / 3),
        ]
    ]


def test_no_categories_and_no_clusters_and_no_background():
    profiles = read_profiles(FRAME, log_of(), account="user_id")
    none = np.zeros(0, np.int32)
    assert crosstab(profiles, np.array([0]), none, np.ones(6, bool)).num_rows == 0
    everybody = np.arange(6, dtype=np.int32)
    found = crosstab(profiles, np.array([0, 6]), everybody, np.ones(6, bool)).to_pylist()
    assert [(r["category"], r["accounts"], r["share"], r["background_share"]) for r in found] == [
        ("left", 2, 2 / 3, None), ("right", 1, 1 / 3, None)
    ]  # fmt: skip
    bare = read_profiles(pd.DataFrame({"account": NAMES}), log_of())
    assert crosstab(bare, np.array([0, 6]), everybody, np.ones(6, bool)).num_rows == 0
