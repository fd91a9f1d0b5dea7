"""Stance labels follow the rows of the input, whatever part of it the log holds."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import coordnet as cn
from coordnet.readers.stance import read_stance

ROWS = [  # account, object, time, kind, label
    ("b", "p", 5, "retweet", "x:for"),
    ("a", "", 1, "retweet", "x:against"),  # no action
    ("a", "q", 3, "url", "y:for"),
    ("a", "p", 4, "retweet", "x:against"),
    ("a", "p", 4, "retweet", "y:for"),  # the row before again
    ("c", "q", 2, "url", None),
    ("c", "p", 9, "retweet", "x:neutral"),
]
LABELS = [row[4] for row in ROWS]


def frame_of(rows):
    return pd.DataFrame([row[:4] for row in rows], columns=["a", "o", "t", "k"])


def log_of(source=None):
    source = frame_of(ROWS) if source is None else source
    return cn.read_actions(source, account="a", object="o", time="t", kind="k", unit="s")


def labels_of(log, labels=LABELS):
    """Return the label of each action by who, on what, when."""
    stance = read_stance(labels, log)
    signs = {1: "for", -1: "against", 0: "neutral"}
    return {
        (log.all_accounts[a], log.objects[o], int(t) // 10**6): (
            None if target < 0 else f"{stance.targets[target]}:{signs[int(sign)]}"
        )
        for a, o, t, target, sign in zip(
            log.account, log.object, log.time, stance.target, stance.sign, strict=True
        )
    }


WHOLE = {
    ("b", "p", 5): "x:for", ("a", "q", 3): "y:for", ("a", "p", 4): "x:against",
    ("c", "q", 2): None, ("c", "p", 9): "x:neutral",
}  # fmt: skip


def two_files(folder):
    frame = frame_of(ROWS)
    frame[:3].to_csv(folder / "0.csv", index=False)
    frame[3:].to_parquet(folder / "1.parquet")
    return [folder / "0.csv", folder / "1.parquet"]


@pytest.mark.parametrize("files", [False, True])
def test_labels_follow_the_rows_of_the_log_that_was_cut(files, tmp_path):
    log = log_of(two_files(tmp_path) if files else None)
    parts = {
        "whole": (log, lambda a, o, t: True),
        "select": (log.select("url"), lambda a, o, t: o == "q"),
        "between": (log.between(3, 6), lambda a, o, t: 3 <= t < 6),
        "exclude": (log.exclude(accounts=["a"]), lambda a, o, t: a != "a"),
        "twice": (log.select("retweet").between(5), lambda a, o, t: o == "p" and t >= 5),
    }
    for name, (part, kept) in parts.items():
        expected = {key: label for key, label in WHOLE.items() if kept(*key)}
        assert labels_of(part) == expected, name


@pytest.mark.parametrize(
    "make",
    [
        pd.Series, pl.Series, pa.array, lambda v: pa.chunked_array([v]), iter,
        lambda v: np.array(v, object), lambda v: np.array([x or "" for x in v]),
        lambda v: pd.Series(v, dtype="string"), pd.Categorical,
        lambda v: pd.Series([np.nan if x is None else x for x in v], dtype=object),
    ],
)  # fmt: skip
def test_labels_of_any_library(make):
    assert labels_of(log_of(), make(LABELS)) == WHOLE


def message(labels, log):
    with pytest.raises(cn.CoordnetError) as error:
        read_stance(labels, log)
    return str(error.value)


def test_labels_of_the_actions_are_refused():
    part = log_of().select("retweet")
    assert message(["x:for"] * 3, part) == (
        "stance= has 3 labels and the input had 7 rows; give one for each row, in their order. The "
        "log has 3 actions; log.row says which row each of them came from."
    )
    assert message(["x:for"] * 4, part) == (
        "stance= has 4 labels and the input had 7 rows; give one for each row, in their order."
    )


@pytest.mark.parametrize("value", [1, True, ("x", "for"), b"x:for", 0.5])
def test_values_that_are_no_labels_are_refused(value):
    shown = repr(value)
    assert message([*LABELS[:2], value, *LABELS[3:]], log_of()) == (
        f"stance=, row 3: {shown} is no label; write 'target:for', 'target:against' or "
        "'target:neutral', and None for no label."
    )


@pytest.mark.parametrize("given", [{"a": 1}, b"x", 5])
def test_what_is_neither_function_nor_labels(given):
    assert message(given, log_of()) == (
        f"stance={given!r} is neither a function nor labels of rows."
    )


def test_a_function_must_give_labels():
    frame = frame_of(ROWS).assign(text="words")
    log = cn.read_actions(frame, account="a", object="o", time="t", text="text", unit="s")
    assert "stance=, the function: 3 is no label" in message(lambda text: 3, log)
    assert read_stance(lambda text: None, log).targets == ()


def test_labels_of_a_file_by_row_by_post_and_by_text(tmp_path):
    frame = frame_of(ROWS)
    frame["post"] = [f"post {i}" for i in range(len(ROWS))]
    frame["text"] = [f"text {i}" for i in range(len(ROWS))]
    log = cn.read_actions(
        frame, account="a", object="o", time="t", kind="k", unit="s", post="post", text="text"
    )
    whole = WHOLE | {("a", "p", 4): None}  # two posts at once, one for and one against
    labels = pd.DataFrame({"stance": LABELS})
    labels.to_csv(tmp_path / "rows.csv", index=False)
    assert labels_of(log_of(), tmp_path / "rows.csv") == WHOLE
    for name in ("post", "text"):
        shuffled = labels.assign(**{name: frame[name]})[::-1]
        shuffled.to_parquet(tmp_path / f"{name}.parquet")
        found = labels_of(log, tmp_path / f"{name}.parquet")
        assert {**found, ("a", "p", 4): None} == whole
        assert found[("a", "p", 4)] in ("x:against", "y:for")
    with pytest.raises(cn.ParameterError, match="has labels by post, and the log has no column"):
        read_stance(tmp_path / "post.parquet", log_of())


def test_a_file_of_two_coders(tmp_path):
    second = [*LABELS[:5], "y:for", "x:for"]
    pd.DataFrame({"stance": LABELS, "stance_2": second}).to_csv(tmp_path / "x.csv", index=False)
    found, given = (
        read_stance(stance, log_of()) for stance in (tmp_path / "x.csv", (LABELS, second))
    )
    assert found.agreement == given.agreement < 1
    assert found.coded == given.coded
    np.testing.assert_array_equal(found.sign, given.sign)
    np.testing.assert_array_equal(found.target, given.target)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("label\nx:for\n", "has no column 'stance', which has the labels; its columns are label."),
        ("stance\nx:for\n", "stance= has 1 labels and the input had 7 rows"),
        ("stance,post\nmaybe,p\n", "stance label 'maybe' is not understood"),
        ("stance,post\nx:for,p\nx:against,p\n", "row 2: post 'p' has the label 'x:against', and"),
    ],
)
def test_files_of_labels_that_cannot_be_used(tmp_path, text, told):
    (tmp_path / "x.csv").write_text(text)
    frame = frame_of(ROWS).assign(post="p")
    log = cn.read_actions(frame, account="a", object="o", time="t", kind="k", unit="s", post="post")
    with pytest.raises(cn.InputError) as error:
        read_stance(tmp_path / "x.csv", log)
    assert told in str(error.value)
