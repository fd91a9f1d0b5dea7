"""Scores of the accounts table, worked by hand: creation, names, places, what became of them."""

from math import comb, log2, sqrt

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pytest
from scored import DAY, MONDAY, WEEK, clusters_of, part, public, score_of, text_log

import coordnet as cn

MEMBERS = ["a", "b", "c", "d", "e"]
NEVER = 1 / 20  # the least p-value beside 19 sets


def log_of_members(outsiders=60):
    return text_log([(m, "o", 100 * i) for i, m in enumerate(MEMBERS)] + public(outsiders))


def table(members, outsider, number=60):
    """Return a frame of accounts: columns of the members, outsider(i) as a row of each other."""
    columns = {"account": MEMBERS[: len(next(iter(members.values())))], **members}
    rows = [{"account": f"x{i:03d}", **outsider(i)} for i in range(number)]
    return pd.concat([pd.DataFrame(columns), pd.DataFrame(rows)], ignore_index=True)


def at(*seconds):
    """Return moments of creation, seconds after MONDAY; None where it is not known."""
    return [None if s is None else pd.Timestamp(MONDAY + s, unit="s", tz="UTC") for s in seconds]


def wilson(hits, of):
    z = 1.959963984540054
    centre = (hits / of + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * sqrt(hits / of * (1 - hits / of) / of + z * z / (4 * of * of))
    return centre - half, centre + half


def test_wilson_as_printed_in_textbooks():
    """8 of 10: 49.0 % to 94.3 % (Brown, Cai & DasGupta 2001); 0 of 10 begins at 0."""
    assert wilson(8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-7)
    assert wilson(3, 4) == pytest.approx((0.3006418, 0.9544127), abs=1e-6)


# -- creation ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def created():
    """Members created at 0 h, 23 h and 24 h, 20 days later, unknown; others 100 days apart."""
    frame = table(
        {"created_at": at(0, 23 * 3_600, DAY, 20 * DAY, None)},
        lambda i: {"created_at": at(-100 * DAY * (i + 1))[0]},
    )
    return score_of(log_of_members(), MEMBERS, accounts=frame, only=["profiles"])


@pytest.mark.parametrize(
    ("name", "most"),
    [("created_within_1_day", 3), ("created_within_7_days", 3), ("created_within_28_days", 4)],
)
def test_creation_bursts_by_hand(created, name, most):
    found = part(created[name])
    assert found["value"] == most / 4
    assert found["accounts"] == 4
    assert (found["low"], found["high"]) == pytest.approx(wilson(most, 4))
    assert found["reference"] == pytest.approx(1 / 5)  # no two outsiders within 28 days
    assert found["effect"] == pytest.approx(most / 4 - 1 / 5)
    # of the 60 times one is seen in each span, and one more counted: G = 2 / 61, for 4 members
    p = 2 / 61
    tail = sum(comb(3, k) * p**k * (1 - p) ** (3 - k) for k in range(most - 1, 4))
    assert found["p_value"] == pytest.approx(4 * tail)


def test_the_scan_p_value_weighs_spans_as_they_are_filled():
    """30 outsiders were created in one second, 30 far apart: spans hold from 30 to 1, or one."""
    frame = table(
        {"created_at": at(0, DAY, 400 * DAY)},
        lambda i: {"created_at": at(-1 if i < 30 else -100 * DAY * i)[0]},
    )
    scores = score_of(log_of_members(), MEMBERS, accounts=frame, only=["created_within_1_day"])
    # of times that are equal the first has all 30 in its span, the next 29 and so on
    chances = [(30 - k + 1) / 61 for k in range(30)] + [2 / 61] * 30
    mean = sum(1 - (1 - g) ** 2 for g in chances) / 60  # one or two of the others in the span
    assert part(scores["created_within_1_day"])["p_value"] == pytest.approx(min(1, 3 * mean))


def test_the_scan_p_value_needs_a_background():
    frame = table({"created_at": at(0, 1, 2)}, lambda i: {"created_at": at(-DAY * i)[0]}, 49)
    scores = score_of(log_of_members(49), MEMBERS, accounts=frame, only=["created_within_1_day"])
    found = part(scores["created_within_1_day"])
    assert found["value"] == 1
    assert np.isnan(found["p_value"])


def test_members_created_before_a_date():
    """Four weeks before it and a second before it count, earlier ones and the date do not."""
    frame = table(
        {"created_at": at(-4 * WEEK, -1, -4 * WEEK - 1, 0, None)},
        lambda i: {"created_at": at(-WEEK if i < 30 else -9 * WEEK)[0]},
    )
    log = log_of_members()
    options = {"accounts": frame, "only": ["created_before_date"]}
    found = part(score_of(log, MEMBERS, before="2017-05-01", **options)["created_before_date"])
    assert (found["value"], found["accounts"]) == (2 / 4, 4)
    assert (found["low"], found["high"]) == pytest.approx(wilson(2, 4))
    assert found["reference"] == pytest.approx(0.5, abs=0.2)
    interval = ("2017-05-01", "2017-05-02")
    found = part(score_of(log, MEMBERS, before=interval, **options)["created_before_date"])
    assert (found["value"], found["reference"], found["p_value"]) == (1 / 4, 0, NEVER)


# -- handles and names -------------------------------------------------------------------------


def handles_of(*handles):
    return score_of(
        log_of_members(),
        MEMBERS[: len(handles)],
        accounts=table({"handle": list(handles)}, lambda i: {"handle": "Q_1"}),
        only=["handle_length_share", "handle_shape_share", "handle_entropy"],
    )


def test_handles_by_hand():
    scores = handles_of("Emma_1987", "Anna_2001", "Mary_11", "x", None)
    length, shape = part(scores["handle_length_share"]), part(scores["handle_shape_share"])
    assert (length["value"], length["accounts"]) == (2 / 4, 4)
    assert (shape["value"], shape["accounts"]) == (3 / 4, 4)
    assert (shape["low"], shape["high"]) == pytest.approx(wilson(3, 4))
    assert (length["reference"], shape["reference"]) == (1, 1)
    assert shape["effect"] == pytest.approx(-1 / 4)


@pytest.mark.parametrize(
    ("handle", "like", "unlike"),
    [
        ("Emma_1987", "Jo_1", "emma_1987"),
        ("a__b", "ab_c", "ab"),  # runs of anything count once
        ("ZoëB7", "AbC1", "Abc1"),
        ("Жук1", "Abb22", "1Abb"),
        ("a٣", "b3", "3b"),  # digits of any script
        ("東京", "ab", "AB"),  # letters without case are small ones
    ],
)
def test_shapes_of_handles(handle, like, unlike):
    assert part(handles_of(handle, like)["handle_shape_share"])["value"] == 1
    assert part(handles_of(handle, unlike)["handle_shape_share"])["value"] == 1 / 2


def test_the_entropy_of_handles_by_hand():
    """aabb has 1 bit, ab12 has 2, aaaa none; Q_1 of the others has log2 3."""
    found = part(handles_of("aabb", "ab12", "aaaa", None)["handle_entropy"])
    assert (found["value"], found["accounts"]) == (1, 3)
    assert found["reference"] == pytest.approx(log2(3))
    assert found["effect"] == pytest.approx(1 - log2(3))
    assert (found["low"], found["high"]) == (0, 2)
    assert found["p_value"] == 2 * NEVER


def test_an_empty_handle_is_none_and_any_character_counts():
    """😀 twice, é twice and a blank: 2/5, 2/5, 1/5."""
    found = part(handles_of("", "😀😀é é", "ab")["handle_entropy"])
    five = -(0.8 * log2(0.4) + 0.2 * log2(0.2))
    assert (found["value"], found["accounts"]) == (pytest.approx((five + 1) / 2), 2)


def mismatch(name, members, outsider, outsiders=60):
    frame = table(members, outsider, outsiders)
    return part(score_of(log_of_members(outsiders), MEMBERS, accounts=frame, only=[name])[name])


def test_languages_that_are_rare_where_one_lives():
    """Two of sixty Londoners write Russian, 3.3 %; of Moscow too little is known."""
    found = mismatch(
        "language_mismatch",
        {
            "language": ["ru", "en", "de", "ru", None],
            "time_zone": ["London", "London", "London", "Moscow", "London"],
        },
        lambda i: {"language": "ru" if i < 2 else "en", "time_zone": "London"},
    )
    assert (found["value"], found["accounts"]) == (2 / 3, 3)
    assert (found["low"], found["high"]) == pytest.approx(wilson(2, 3))


def test_five_per_cent_are_not_rare():
    found = mismatch(
        "language_mismatch",
        {"language": ["ru", "ru"], "location": ["London", "London"]},
        lambda i: {"language": "ru" if i < 3 else "en", "location": "London"},
    )
    assert (found["value"], found["reference"], found["p_value"]) == (0, 0, 1)


def test_a_place_needs_fifty_accounts_outside():
    for known, value in ((50, 1), (49, np.nan)):
        found = mismatch(
            "language_mismatch",
            {"language": ["ru"], "time_zone": ["London"]},
            lambda i, known=known: {
                "language": "en", "time_zone": "London" if i < known else "Leeds"
            },
        )  # fmt: skip
        np.testing.assert_equal(found["value"], value)


def test_names_in_a_script_that_is_rare_for_the_language():
    found = mismatch(
        "name_mismatch",
        {
            "language": ["ru", "ru", "en", "ru", "ru"],
            "name": ["Emily Smith", "Мария", "Emily", "Anna Аннa", "123"],
        },
        lambda i: {"language": "ru", "name": "Иван 7" if i else "Ivan"},
    )
    # of a, b and d it is known: nobody outside has English, and 123 is in no script
    assert (found["value"], found["accounts"]) == (2 / 3, 3)


# -- status and numbers ------------------------------------------------------------------------


def test_what_became_of_members():
    found = mismatch(
        "gone_since",
        {"status": ["suspended", "deleted", "active", None]},
        lambda i: {"status": "active"},
    )
    assert (found["value"], found["reference"], found["accounts"]) == (2 / 3, 0, 3)
    assert found["p_value"] == NEVER
    assert (found["low"], found["high"]) == pytest.approx(wilson(2, 3))


def test_medians_by_hand():
    frame = table(
        {"followers": [1.0, 9.0, 4.0, None, 2.0], "following": [1, 2, 3, 4, 1_000]},
        lambda i: {"followers": 30, "following": 6},
    )
    scores = score_of(log_of_members(), MEMBERS, accounts=frame, only=["followers", "following"])
    found = part(scores["followers"])
    assert (found["value"], found["accounts"], found["reference"]) == (3, 4, 30)
    assert found["effect"] == 0.1
    assert found["p_value"] == 2 * NEVER
    assert found["low"] == 1
    assert found["high"] == 9
    found = part(scores["following"])
    assert (found["value"], found["reference"], found["effect"]) == (3, 6, 0.5)


def test_verified_and_marks_of_ones_own():
    frame = table(
        {"verified": [True, False, None, False], "russian": [True, True, False, True]},
        lambda i: {"verified": False, "russian": False},
    ).convert_dtypes()
    scores = score_of(log_of_members(), MEMBERS[:4], accounts=frame, only=["verified", "marked"])
    found = part(scores["verified"])
    assert (found["value"], found["accounts"], found["reference"]) == (1 / 3, 3, 0)
    assert found["p_value"] == 2 * NEVER
    found = part(scores["marked[russian]"])
    assert (found["value"], found["accounts"], found["reference"]) == (3 / 4, 4, 0)


# -- the frame ---------------------------------------------------------------------------------

WHOLE = table(
    {
        "created_at": at(0, 1, DAY, 50 * DAY, None),
        "handle": ["Emma_1", "Anna_2", "x", None, "yy"],
        "name": ["Emma", "Мария", None, "Ann", "Bo"],
        "language": ["en", "ru", "en", "de", None],
        "time_zone": ["London", "London", None, "London", "Leeds"],
        "followers": [1.0, 5.0, 2.0, None, 8.0],
        "following": [1.0, 5.0, 2.0, 3.0, 8.0],
        "verified": [True, False, False, None, True],
        "status": ["active", "suspended", "deleted", "active", None],
    },
    lambda i: {
        "created_at": at(-DAY * (i * i % 97))[0], "handle": f"user{i * 7 % 31}", "name": "Lee",
        "language": "en" if i % 9 else "fr", "time_zone": "London", "followers": float(i % 13),
        "following": 3.0, "verified": i % 5 == 0, "status": "deleted" if i % 8 == 0 else "active",
    },
).astype({"verified": "boolean"})  # fmt: skip


def sources(folder):
    arrow = pa.Table.from_pandas(WHOLE, preserve_index=False)
    path = folder / "accounts.csv"
    pyarrow.csv.write_csv(arrow, path)
    parquet = folder / "accounts.parquet"
    pyarrow.parquet.write_table(arrow, parquet)
    yield "pandas", WHOLE
    yield "pyarrow", arrow
    yield "polars", pl.from_arrow(arrow)
    yield "polars, lazy", pl.from_arrow(arrow).lazy()
    yield "duckdb", duckdb.connect().from_arrow(arrow)
    yield "csv", path
    yield "csv as text", str(path)
    yield "parquet", parquet
    yield "turned round", WHOLE[::-1]
    yield "and others", pd.concat([WHOLE, pd.DataFrame({"account": ["nobody"]})])


def test_the_same_accounts_from_any_source_give_the_same_scores(tmp_path):
    clusters = clusters_of(log_of_members(), MEMBERS)
    tables = {
        name: cn.score_clusters(
            clusters, accounts=frame, before="2017-05-02", null_sets=19, only=["profiles"]
        ).long_table()
        for name, frame in sources(tmp_path)
    }
    assert tables["pandas"].num_rows == 13
    for name, found in tables.items():
        assert found.equals(tables["pandas"]), name


def refused(frame, **options):
    with pytest.raises(cn.CoordnetError) as error:
        score_of(log_of_members(), MEMBERS, accounts=frame, only=["profiles"], **options)
    return str(error.value)


def test_what_is_no_table_of_accounts():
    assert refused([1, 2]) == "accounts= takes a dataframe, not list; give one row an account."
    assert refused(pd.DataFrame({"acount": ["a"], "handle": ["h"]})) == (
        "accounts= has no column 'account'. Did you mean 'acount'? Its columns: 'acount', "
        "'handle'; those that are used: account, created_at, handle, name, language, time_zone, "
        "location, followers, following, verified, status."
    )
    assert refused(pd.DataFrame({"account": ["A", "B"]})) == (
        "accounts= names none of the accounts of the log; check that labels are written alike."
    )
    assert refused(pd.DataFrame({"account": ["a", "b", "a"]})) == (
        "accounts= has more than one row for an account; keep the latest of each."
    )
    assert refused(pd.DataFrame({"account": ["a", "b"], "created_at": ["2017", "soon"]})) == (
        "accounts=, row 2: created_at='soon' cannot be read as a time; write it as "
        "'2017-06-08T21:00:00Z'."
    )
    assert refused(pd.DataFrame({"account": ["a"], "followers": ["many"]})).startswith(
        "accounts=, column 'followers' holds no numbers: "
    )
    assert refused(WHOLE, before="sometime").startswith("before='sometime'")


def test_what_the_table_does_not_give_is_absent_and_says_why():
    bare = pd.DataFrame({"account": MEMBERS})
    scores = score_of(log_of_members(), MEMBERS, accounts=bare, only=["profiles"])
    assert dict(scores.estimates) == {}
    assert dict(scores.absent) == {
        "created_within_1_day": "accounts= gives no created_at",
        "created_within_7_days": "accounts= gives no created_at",
        "created_within_28_days": "accounts= gives no created_at",
        "created_before_date": "accounts= gives no created_at",
        "handle_length_share": "accounts= gives no handle",
        "handle_shape_share": "accounts= gives no handle",
        "handle_entropy": "accounts= gives no handle",
        "language_mismatch": (
            "accounts= does not give both language and time_zone or location"
        ),
        "name_mismatch": "accounts= does not give both language and name",
        "gone_since": "accounts= gives no status",
        "followers": "accounts= gives no followers",
        "following": "accounts= gives no following",
        "verified": "accounts= does not say who is verified",
        "marked": "accounts= has no columns of truth values of one's own",
    }  # fmt: skip
    without = score_of(log_of_members(), MEMBERS, only=["profiles"])
    assert dict(without.absent) == dict(scores.absent)
    undated = score_of(log_of_members(), MEMBERS, accounts=WHOLE, only=["created_before_date"])
    assert dict(undated.absent) == {"created_before_date": "no date is given as before="}
