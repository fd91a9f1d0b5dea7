"""ActionLog: encoded once, sorted once, never changed, and the same for the same rows."""

import dataclasses
import datetime as dt
import warnings
from collections import Counter

import naive
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers import assert_same_log, assert_same_part, log_of, rows_of, table_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import ACCOUNTS, OBJECTS, SECOND, START, WINDOW, logs

import coordnet as cn
from coordnet.log.encoding import build_log

U8 = str.encode  # the order of labels is that of their bytes


def some_log():
    return log_of(
        [
            ("b", "x", START, "url", "c2"),
            ("B", "x", START, "retweet", None),
            ("é", "y", START - 5, "retweet", "c1"),
            ("b", "x", START, "url", "c2"),
            ("b", "x", START, "url", "c1"),
        ]
    )


# -- encoding ----------------------------------------------------------------------------------


@given(logs())
def test_a_log_says_what_the_rows_say(rows):
    log = log_of(rows)
    distinct = naive.folded(rows)
    assert sorted(map(repr, rows_of(log))) == sorted(map(repr, distinct))
    assert len(log) == len(distinct)
    assert log.rows_read == len(rows)
    assert dict(log.dropped) == {
        "missing account": 0, "missing object": 0, "unreadable time": 0,
        "duplicate": len(rows) - len(distinct),
    }  # fmt: skip
    # the row that each action came from is the first that says it
    assert log.row.tolist() == [rows.index(row) for row in rows_of(log)]


@given(logs())
def test_labels_stand_in_byte_order_and_all_occur(rows):
    log = log_of(rows)
    assert log.accounts.tolist() == sorted({r[0] for r in rows}, key=U8)
    objects = sorted({(r[3], r[1]) for r in rows}, key=lambda o: (U8(o[0]), U8(o[1])))
    assert [(log.kinds[k], o) for k, o in zip(log.object_kind, log.objects, strict=True)] == objects
    assert log.kinds == tuple(sorted({r[3] for r in rows}))
    assert (log.n_accounts, log.n_objects) == (len(log.accounts), len(log.objects))


@given(logs())
def test_actions_are_sorted(rows):
    log = log_of(rows)
    keys = [(o, t, U8(a), U8(c or "")) for a, o, t, _, c in rows_of(log)]
    keys = [(code, *key[1:]) for code, key in zip(log.object.tolist(), keys, strict=True)]
    assert keys == sorted(keys)


def test_large_groups_of_ties_are_sorted_too():
    rng = np.random.default_rng(2)
    rows = [
        (ACCOUNTS[a], "p", START + int(t), "k", f"c{c}")
        for a, t, c in zip(*rng.integers(0, (10, 3, 50), (2_000, 3)).T, strict=True)
    ]
    log = log_of(rows)
    expected = sorted(set(rows), key=lambda r: (r[2], U8(r[0]), U8(r[4])))
    assert rows_of(log) == expected
    assert log.row.tolist() == [rows.index(row) for row in expected]


@given(logs(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows, random):
    order = random.sample(range(len(rows)), len(rows))
    shuffled = log_of([rows[i] for i in order])
    assert_same_log(shuffled, log_of(rows), rows=False)
    assert [rows[order[r]] for r in shuffled.row] == rows_of(shuffled)


@given(logs())
def test_the_number_of_threads_changes_nothing(rows):
    assert_same_log(log_of(rows, threads=2), log_of(rows, threads=1))


def test_types_and_frozenness():
    log = some_log()
    types = {"account": "i4", "object": "i4", "time": "i8", "row": "i8", "object_kind": "i4"}
    for name, kind in types.items():
        array = getattr(log, name)
        assert array.dtype == kind
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        log.post.codes[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        log.accounts[0] = ""
    with pytest.raises(dataclasses.FrozenInstanceError):
        log.time = log.row
    with pytest.raises(TypeError):
        log.dropped["duplicate"] = 0


def test_positions_of_accounts_and_objects():
    log = some_log()
    indptr, positions = log.by_account
    for code in range(log.n_accounts):
        expected = np.flatnonzero(log.account == code)
        np.testing.assert_array_equal(positions[indptr[code] : indptr[code + 1]], expected)
        assert len(expected)
    starts = log.by_object
    for code in range(log.n_objects):
        assert (log.object[starts[code] : starts[code + 1]] == code).all()
    assert (starts[0], starts[-1]) == (0, len(log))


def test_the_text_that_stays_is_that_of_the_first_row():
    table = pa.table(
        {"a": ["u", "u", "v"], "o": ["p"] * 3, "t": [1, 1, 1], "x": ["first", "later", "other"]}
    )
    log = cn.read_actions(table, account="a", object="o", time="t", text="x")
    assert log.to_frame("pyarrow")["text"].to_pylist() == ["first", "other"]
    assert log.text.labels.to_pylist() == ["first", "other"]
    assert log.dropped["duplicate"] == 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from("uv"), st.sampled_from("po"), st.sampled_from([1, 2]),
            st.sampled_from([None, "c"]), st.sampled_from([None, "one", "two", "three"]),
        ),
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_of_texts_of_one_action_the_first_in_byte_order_stays(rows, random):
    """Rows may come in any order: which row came first must not decide."""

    def read(chosen):
        columns = list(zip(*chosen, strict=True)) if chosen else [[]] * 5
        types = [pa.string(), pa.string(), pa.int64(), pa.string(), pa.string()]
        arrays = [pa.array(c, t) for c, t in zip(columns, types, strict=True)]
        table = pa.table(dict(zip("aotcx", arrays, strict=True)))
        return cn.read_actions(table, account="a", object="o", time="t", post="c", text="x")

    log = read(rows)
    expected = {}
    for *action, text in rows:
        texts = expected.setdefault(tuple(action), [])
        texts += [] if text is None else [text]
    found = log.to_frame("pyarrow").to_pylist()
    told = {
        (r["account"], r["object"], int(r["time"].timestamp()), r["post"]): r["text"] for r in found
    }
    assert told == {action: min(texts, default=None) for action, texts in expected.items()}
    assert len(found) == len(expected)
    assert_same_log(read(random.sample(rows, len(rows))), log, rows=False)


def test_more_actions_than_codes_are_refused():
    class Long:
        def __len__(self):
            return 2**31

    with pytest.raises(cn.CoordnetError) as error:
        build_log(None, None, Long(), kind=None, row=None)
    assert str(error.value) == (
        "the input has 2,147,483,648 actions and one log holds at most 2,147,483,647; split it by "
        "period or by kind."
    )


# -- facts -------------------------------------------------------------------------------------


def test_span_and_length():
    log = some_log()
    assert len(log) == 4
    zero = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    span = [zero + dt.timedelta(microseconds=t) for t in (START - 5, START)]
    assert list(log.span) == span
    assert log.limits == (START - 5, START)
    empty = log_of([])
    assert (len(empty), empty.span, empty.limits, empty.kinds) == (0, None, None, ())


@pytest.mark.parametrize(
    ("step", "offset", "resolution"),
    [
        (86_400 * SECOND, 0, 86_400 * SECOND),
        (3_600 * SECOND, 0, 3_600 * SECOND),
        (60 * SECOND, -(10**6) * 60 * SECOND, 60 * SECOND),
        (SECOND, 5 * SECOND, SECOND),
        (SECOND // 2, 0, 1),
        (60 * SECOND, 1, 1),
        (7 * 60 * SECOND, 0, 60 * SECOND),
    ],
)
def test_resolution(step, offset, resolution):
    def clock(n):
        return log_of([("u", f"p{i}", offset + i * step, "k", None) for i in range(n)])

    assert clock(30).resolution == resolution
    assert clock(29).resolution == 1  # too few to tell


def test_repr():
    log = log_of(
        [*rows_of(some_log()), ("b", "", START, "url", None), ("", "y", START, "url", None)]
    )
    assert repr(log) == (
        "ActionLog\n"
        "  actions  4\n"
        "  accounts 3\n"
        "  objects  3\n"
        "  kinds    retweet 2, url 2\n"
        "  from     2017-07-14 02:40:00.123452Z\n"
        "  to       2017-07-14 02:40:00.123457Z\n"
        "  dropped  missing account 1, missing object 1"
    )
    assert repr(log_of([])).endswith("kinds    none\n  dropped  none")


def test_html_is_escaped():
    html = log_of([("u", "p", START, "<script>alert(1)</script>", None)])._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; 1" in html


# -- the fingerprint ---------------------------------------------------------------------------

BASE = [("ab", "p", START, "k", None), ("c", "q", START + 1, "l", None)]


@pytest.mark.parametrize(
    "other",
    [
        [("ab", "p", START, "k", None)],
        [("ab", "p", START, "k", None), ("c", "q", START + 2, "l", None)],
        [("a", "p", START, "k", None), ("bc", "q", START + 1, "l", None)],
        [("ab", "q", START, "k", None), ("c", "p", START + 1, "l", None)],
        [("c", "p", START, "k", None), ("ab", "q", START + 1, "l", None)],
        [("ab", "p", START, "l", None), ("c", "q", START + 1, "k", None)],
        [("ab", "p", START, "k", None), ("c", "q", START + 1, "k", None)],
        [("p", "ab", START, "k", None), ("q", "c", START + 1, "l", None)],
        [("ab", "p", START, "k", "c1"), ("c", "q", START + 1, "l", None)],
        [("ab", "p", START, "k", None), ("c", "q", START + 1, "l", "c1")],
        [],
    ],
)
def test_other_rows_have_another_fingerprint(other):
    assert log_of(other).fingerprint != log_of(BASE).fingerprint


def test_texts_and_contents_are_told_apart_in_the_fingerprint():
    table = table_of([("ab", "p", START, "k", "x"), ("c", "q", START, "k", "y")])
    names = {"account": "account", "object": "object", "time": "time", "unit": "us"}
    prints = [
        cn.read_actions(table, **names, **more).fingerprint
        for more in ({}, {"post": "post"}, {"text": "post"}, {"text": "object"})
    ]
    assert len(set(prints)) == 4


def test_order_and_repeats_leave_the_fingerprint():
    assert log_of(BASE).fingerprint == log_of(BASE[::-1] + BASE).fingerprint
    assert len(bytes.fromhex(log_of(BASE).fingerprint)) == 32


def test_a_slice_of_labels_has_the_fingerprint_of_the_labels():
    """A slice carries an offset into the buffers of the whole."""
    log = log_of(BASE)
    longer = pa.array(["0", *log.accounts, "z"], pa.large_string())
    sliced = dataclasses.replace(log, all_accounts=cn.Accounts(longer.slice(1, 2)))
    assert sliced.all_accounts.labels.equals(log.all_accounts.labels)
    assert sliced.fingerprint == log.fingerprint


def test_each_purpose_has_a_secret_of_its_own():
    log = log_of(BASE)
    secrets = [log.secret("pseudonyms"), log.secret("fingerprint"), log.secret("other")]
    assert len(set(secrets)) == 3
    assert log.secret("fingerprint").hex() == log.fingerprint
    assert log_of(BASE[::-1]).secret("pseudonyms") == secrets[0]


# -- parts -------------------------------------------------------------------------------------


@given(logs(), st.sets(st.sampled_from(["retweet", "url", "hashtag"]), max_size=2))
def test_select_equals_reading_only_those_rows(rows, kinds):
    log = log_of(rows)
    present = sorted(kinds & set(log.kinds))
    part = log.select(present)
    chosen = [r for r in rows if r[3] in kinds]
    assert_same_part(part, log_of(chosen))
    assert part.row.tolist() == [rows.index(r) for r in rows_of(part)]
    gone = len(naive.folded(rows)) - len(part)
    assert part.dropped.get("other kind", 0) == gone


def period_of(log, start=None, end=None):
    """Return the part of a log in a period; an empty one of a log with actions warns, no other."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        part = log.between(start, end)
    assert len(caught) == (len(log) > 0 and len(part) == 0)
    for warning in caught:
        assert warning.category is cn.CoordnetWarning
        assert str(warning.message).startswith("no action lies in the period from")
    return part


@given(logs(), st.integers(-1, 4 * WINDOW), st.integers(-1, 4 * WINDOW))
def test_between_equals_reading_only_those_rows(rows, first, last):
    start, end = START + first, START + last
    zero = dt.datetime(1970, 1, 1)
    part = period_of(
        log_of(rows), zero + dt.timedelta(microseconds=start), zero + dt.timedelta(microseconds=end)
    )
    assert_same_part(part, log_of([r for r in rows if start <= r[2] < end]))
    assert part.dropped.get("outside the period", 0) == len(log_of(rows)) - len(part)


@given(logs(), st.sets(st.sampled_from(ACCOUNTS)), st.sets(st.sampled_from(OBJECTS)))
def test_exclude_equals_reading_only_the_other_rows(rows, accounts, objects):
    part = log_of(rows).exclude(accounts=accounts, objects=objects)
    left = [r for r in rows if r[0] not in accounts and r[1] not in objects]
    assert_same_part(part, log_of(left))
    assert part.dropped.get("excluded", 0) == len(log_of(rows)) - len(part)


@given(logs(), st.sets(st.sampled_from(ACCOUNTS)), st.integers(-1, 4 * WINDOW))
def test_a_part_keeps_the_codes_of_the_whole(rows, accounts, first):
    log = log_of(rows)
    zero = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=START + first)
    for part in (
        log.select(log.kinds[:1]),
        period_of(log, zero),
        log.exclude(accounts=accounts),
        period_of(log.exclude(accounts=accounts), end=zero),
        log.where(np.arange(len(log)) % 2 == 0, "odd"),
    ):
        assert part.all_accounts is log.all_accounts
        # an action of the part has the account and the row that it has in the whole
        own = dict(zip(log.row, log.account, strict=True))
        assert [own[row] for row in part.row] == part.account.tolist()
        # who acts is counted, codes are not
        active = sorted(set(part.account.tolist()))
        assert part.active.tolist() == active
        assert part.n_accounts == len(active)
        assert part.accounts.tolist() == log.all_accounts[np.array(active, int)].tolist()
        indptr, positions = part.by_account
        assert len(indptr) == len(log.all_accounts) + 1
        for code in range(len(log.all_accounts)):
            expected = np.flatnonzero(part.account == code)
            np.testing.assert_array_equal(positions[indptr[code] : indptr[code + 1]], expected)
        labels = log.accounts.tolist()
        assert part.codes_of(labels).tolist() == log.codes_of(labels).tolist()


def test_a_part_says_how_many_act_and_what_was_dropped():
    part = some_log().select("url")
    assert repr(part).splitlines()[1:4] == [
        "  actions  2", "  accounts 1", "  objects  1"
    ]  # fmt: skip
    assert len(part.all_accounts) == 3


def test_what_was_dropped_before_stays_counted():
    rows = [(f"u{i % 3}", "p", START + i, "k", None) for i in range(10)]
    log = log_of(rows + rows[:2])
    part = log.exclude(accounts=["u0"]).exclude(accounts=["u1"])
    assert dict(part.dropped) == {
        "missing account": 0, "missing object": 0, "unreadable time": 0,
        "duplicate": 2, "excluded": 7,
    }  # fmt: skip
    assert part.rows_read == 12
    assert "excluded" not in log.dropped


def test_a_part_that_is_all_is_the_log_itself():
    log = some_log()
    assert log.exclude(accounts=["nobody"]) is log
    assert log.between() is log


def test_between_is_open_at_the_end_and_takes_text():
    log = log_of([("u", f"p{s}", s * SECOND, "k", None) for s in range(4)])
    part = log.between("1970-01-01T00:00:01Z", "1970-01-01T01:00:03+01:00")
    assert part.objects.tolist() == ["p1", "p2"]
    assert log.between(start=2).objects.tolist() == ["p2", "p3"]
    assert log.between(end=1.5).objects.tolist() == ["p0", "p1"]
    with pytest.raises(cn.CoordnetError, match="start='x' is not a time"):
        log.between("x")


def test_exclude_takes_labels_of_any_type_but_no_single_string():
    log = log_of([("12", "7", START, "k", None), ("13", "8", START, "k", None)])
    assert log.exclude(accounts=[12]).accounts.tolist() == ["13"]
    assert log.exclude(objects=np.array([8])).objects.tolist() == ["7"]
    with pytest.raises(cn.CoordnetError) as error:
        log.exclude("12")
    assert str(error.value) == "exclude takes lists of labels: accounts=['a', 'b']."


def test_select_names_the_kinds_there_are():
    with pytest.raises(cn.CoordnetError) as error:
        some_log().select("retwet")
    assert str(error.value) == (
        "there are no actions of kind 'retwet' in the log; its kinds are 'retweet', 'url'. Did "
        "you mean 'retweet'? (read_actions takes the kind from the column named by kind=.)"
    )


def test_codes_of_labels():
    log = some_log()
    assert log.codes_of(["é", "B", "é"]).tolist() == [0, 2]
    assert log.codes_of(["é", "x"], missing="ignore").tolist() == [2]
    assert log.all_accounts.positions_of(pa.array(["é", "x", "B"])).tolist() == [2, -1, 0]
    with pytest.raises(cn.CoordnetError) as error:
        log.codes_of(["é", "x", "y"])
    assert str(error.value) == (
        "2 of the 3 accounts named are not among the 3 known: 'x', 'y'; check that labels are "
        "written as they were read."
    )


# -- accounts ----------------------------------------------------------------------------------


def test_accounts_by_code_and_by_label():
    accounts = cn.Accounts.of(["b", 1, "é", "B", "b"])
    assert list(accounts) == ["1", "B", "b", "é"]
    assert (len(accounts), accounts[2], accounts[np.array([3, 0])].tolist()) == (4, "b", ["é", "1"])
    assert accounts.names.tolist() == accounts[:].tolist() == list(accounts)
    with pytest.raises(ValueError, match="read-only"):
        accounts.names[0] = "x"
    assert accounts.codes_of([1, "é", "1"]).tolist() == [0, 3]
    assert accounts.positions_of(pa.array(["é", "x", "B"])).tolist() == [3, -1, 1]
    with pytest.raises(cn.CoordnetError) as error:
        accounts.codes_of("b")
    assert str(error.value) == "'b' is one label; give a list of labels, ['b']."
    assert repr(accounts) == "Accounts: 4 (1, B, b, ...)"


def test_accounts_are_equal_by_their_labels():
    one, other = cn.Accounts.of("abc"), cn.Accounts.of("cbaa")
    assert one == other
    assert hash(one) == hash(other)
    assert one != cn.Accounts.of("abd")
    assert one != cn.Accounts.of("ab")
    assert one != ["a", "b", "c"]
    assert hash(cn.Accounts.of([])) == hash(cn.Accounts.of([]))
    assert len({one, other, cn.Accounts.of("ab")}) == 2


# -- out ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backend", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("pyarrow", pa.Table)]
)
def test_to_frame_says_what_the_log_says(backend, kind):
    log = some_log()
    frame = log.to_frame(backend)
    assert isinstance(frame, kind)
    table = frame if backend == "pyarrow" else pa.table(frame)
    assert table.column_names == ["account", "object", "time", "kind", "post", "row"]
    zero = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    expected = [
        (a, o, zero + dt.timedelta(microseconds=t), k, c, r)
        for (a, o, t, k, c), r in zip(rows_of(log), log.row.tolist(), strict=True)
    ]
    columns = (table[n].to_pylist() for n in table.column_names)
    assert [tuple(r) for r in zip(*columns, strict=True)] == expected


@given(logs())
def test_a_log_reads_back_from_its_own_frame(rows):
    log = log_of(rows)
    again = cn.read_actions(
        log.to_frame("pyarrow"),
        account="account", object="object", time="time", kind="kind", post="post",
    )  # fmt: skip
    assert_same_log(again, log, rows=False)


def test_to_frame_gives_the_kind_that_came_in():
    table = table_of(rows_of(some_log()))
    names = {"account": "account", "object": "object", "time": "time"}
    sources = [
        (table, pa.Table),
        (table.to_pandas(), pd.DataFrame),
        (pl.from_arrow(table), pl.DataFrame),
        (pl.from_arrow(table).lazy(), pl.DataFrame),
    ]
    for source, kind in sources:
        assert isinstance(cn.read_actions(source, **names).to_frame(), kind)
    with pytest.raises(cn.CoordnetError) as error:
        some_log().to_frame("panda")
    assert str(error.value) == (
        "backend='panda' is not known; choose one of pandas, polars, pyarrow. Did you mean "
        "'pandas'?"
    )


@given(logs())
def test_counts_of_kinds_add_up(rows):
    log = log_of(rows)
    expected = Counter(r[3] for r in naive.folded(rows))
    for kind in log.kinds:
        assert len(log.select(kind)) == expected[kind]


def test_how_many_rows_each_action_stands_for():
    rows = [("a", "x", START, "k", "1"), ("b", "x", START, "k", "2"), ("a", "x", START, "k", "1"),
            ("a", "x", START, "k", "1"), ("a", "x", START, "k", "3")]  # fmt: skip
    log = log_of(rows)
    assert (len(log), log.dropped["duplicate"]) == (3, 2)
    assert log.folded.tolist() == [2, 0, 0]
    assert log.n_rows.tolist() == [3, 1, 1]
    assert not log.n_rows.flags.writeable
    part = log.exclude(accounts=["b"])
    assert part.n_rows.tolist() == [3, 1]
    alone = log_of([*rows[:2], rows[4]])
    assert alone.folded is None
    assert alone.n_rows.tolist() == [1, 1, 1]
    assert alone.fingerprint == log.fingerprint  # repeated rows are no other data
    assert log.rearranged(account=log.account[::-1].copy()).folded is None


def test_repeats_are_saved(tmp_path):
    log = log_of([("a", "x", START, "k", None)] * 3)
    log.save(tmp_path / "log.coordnet")
    assert cn.load(tmp_path / "log.coordnet").n_rows.tolist() == [3]
