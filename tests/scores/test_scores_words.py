"""Scores of words, key moments and stances, worked by hand."""

from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from scored import DAY, HOUR, MONDAY, WEEK, clusters_of, part, public, score_of, text_log

import coordnet as cn
from coordnet.readers.text import normal_form
from coordnet.scores.texts import redacted

NEVER = 1 / 20  # the least p-value beside 19 sets
TUESDAY = DAY + 10 * HOUR  # at ten, of the first week


# -- texts -------------------------------------------------------------------------------------


def posts(texts, kind="post", outsiders=12):
    """Return a log in which members post texts, and outsiders one each of their own."""
    rows = [
        (who, f"{kind} {who} {i}", 100 * i, kind, text)
        for who, own in texts.items()
        for i, text in enumerate(own)
    ]
    rows += [(x, o, t, "post", sha256(x.encode()).hexdigest()) for x, o, t in public(outsiders)]
    return rows


def content_of(texts, **options):
    return score_of(text_log(posts(texts)), list(texts), only=["content"], **options)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Vote NOW! https://t.co/1", "vote now!"),
        ("RT @x_1: vote   now!", "vote now!"),
        ("@z vote\n\tnow!", "vote now!"),
        ("Art @home", "art"),  # rt at the start only, as a word
        ("start RT @x: go", "start rt : go"),
        ("ÉTÉ @a @b", "été"),
        ("http://a.example/x?y=1 https://t.co/2", ""),
        ("  ", ""),
    ],
)
def test_normalised_texts(text, expected):
    import pyarrow as pa

    assert normal_form(pa.array([text])).to_pylist() == [expected]


def test_verbatim_texts_by_hand():
    """a, a and b say vote now; a says twice what nobody else does; blanks are no texts."""
    texts = {
        "a": ["Vote NOW! https://t.co/1", "RT @x: vote   now!", "only me", "only me", "@x @y"],
        "b": ["@z vote now!", None],
        "c": ["something else", "https://t.co/9"],
        "d": [None],
    }
    found = part(content_of(texts)["verbatim_share"])
    assert found["value"] == 3 / 6
    assert (found["accounts"], found["actions"]) == (3, 6)
    assert (found["reference"], found["effect"], found["p_value"]) == (0, 0.5, NEVER)


def test_the_interval_of_verbatim_texts_resamples_members():
    """Three members with two texts each: all, half and none of theirs shared; all or none apart."""
    found = part(
        content_of({"a": ["x", "y"], "b": ["x", "own b"], "c": ["y", "x"]}, null_sets=0)[
            "verbatim_share"
        ]
    )
    assert found["value"] == pytest.approx(5 / 6)
    # samples of b alone, 1 in 27, are below the lower percentile's 1 in 300 or above it
    assert (found["low"], found["high"]) == (0.5, 1)
    alike = part(content_of({"a": ["x"], "b": ["x"]}, null_sets=0)["verbatim_share"])
    assert (alike["value"], alike["low"], alike["high"]) == (1, 1, 1)
    apart = part(content_of({"a": ["x"], "b": ["y"]}, null_sets=0)["verbatim_share"])
    assert (apart["value"], apart["low"], apart["high"]) == (0, 0, 0)


def test_retweets_are_no_texts_of_ones_own():
    texts = {"a": ["vote now", "mine"], "b": ["vote now", "vote now"]}
    retweets = [row for row in posts(texts, "retweet") if row[0] in texts]
    rows = retweets + posts({"a": ["vote now"], "b": ["vote now", "else"]})
    found = part(score_of(text_log(rows), "ab", only=["verbatim_share"])["verbatim_share"])
    assert (found["value"], found["actions"]) == (2 / 3, 3)
    # where there is nothing but retweets they are what there is
    found = part(score_of(text_log(retweets), "ab", only=["verbatim_share"])["verbatim_share"])
    assert (found["value"], found["actions"]) == (3 / 4, 4)


LONG = (
    "Huge crowd at the rally for the nurses of our town this evening, and all of them say that "
    "they will go and vote on Thursday whatever the weather brings"
)


def test_near_duplicates_by_hand():
    """Texts with one word of thirty changed are alike, those with half of them are not."""
    half = LONG[:75] + " nothing that anybody has said before in quite the same words as these are"
    texts = {
        "a": [LONG, "short"],
        "b": [LONG.replace("Thursday", "Friday")],
        "c": [half, "short one"],
    }
    scores = content_of(texts)
    assert part(scores["verbatim_share"])["value"] == 0
    near = part(scores["near_duplicate_share"])
    assert (near["value"], near["accounts"], near["actions"]) == (2 / 5, 3, 5)
    assert (near["reference"], near["p_value"]) == (0, NEVER)
    # b's copies of b are no evidence of two members
    alone = {"a": ["short"], "b": [LONG, LONG.replace("Thursday", "Friday")]}
    assert part(content_of(alone)["near_duplicate_share"])["value"] == 0


def test_near_duplicates_hold_through_a_chain():
    words = [f"word{i:02d}" for i in range(60)]
    chain = [" ".join(words[i:] + words[:i]) for i in range(1)]
    for step in range(1, 6):  # each changes five more words of sixty
        changed = [f"other{i:02d}" if i < 5 * step else w for i, w in enumerate(words)]
        chain.append(" ".join(changed))
    ends = {"a": [chain[0]], "b": [chain[-1]]}
    assert part(content_of(ends)["near_duplicate_share"])["value"] == 0
    whole = {**ends, "c": chain[1:-1]}
    assert part(content_of(whole)["near_duplicate_share"])["value"] == 1


def test_verbatim_texts_are_near_duplicates_too():
    found = part(content_of({"a": ["x", "long enough"], "b": ["X"]})["near_duplicate_share"])
    assert found["value"] == pytest.approx(2 / 3)


def test_content_without_texts_is_absent():
    scores = score_of(text_log([("a", "o", 1), ("b", "o", 2)]), "ab", only=["content"])
    assert dict(scores.absent) == {
        "verbatim_share": "the log has no texts; read it with text=",
        "near_duplicate_share": "the log has no texts; read it with text=",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ask @emma or +44 20 7946 0000", "ask [...] or [...]"),
        ("see https://x.example/emma?id=7 now", "see [...] now"),
        ("mail emma.s+x@mail.example.org!", "mail [...]!"),
        ("at 10:30 on 8 June 2017", "at 10:30 on 8 June 2017"),
    ],
)
def test_redacted_texts(text, expected):
    assert redacted(text) == expected


# -- key moments -------------------------------------------------------------------------------


def spans(*limits):
    """Return an interval in seconds since MONDAY."""
    return tuple(pd.Timestamp(MONDAY + s, unit="s", tz="UTC") for s in limits)


def burst(who, number, start, step=7):
    return [(who, f"{who} {start} {i}", start + step * i) for i in range(number)]


def two_weeks(weeks=2):
    """a acts 6 times on the last Tuesday at ten, twice on each other; outsiders 4 times on each."""
    rows = [("edge", "first", 1), ("edge", "last", weeks * WEEK - 1)]
    for week in range(weeks):
        at = week * WEEK + TUESDAY
        rows += burst("a", 6 if week == weeks - 1 else 2, at + 3)
        rows += burst("a", 20, week * WEEK + 4 * DAY + 16 * HOUR)  # at other hours
        for i in range(12):
            rows += burst(f"x{i}", 4, at + 3_000)
            rows += burst(f"x{i}", 20, week * WEEK + 5 * DAY + HOUR * (i + 1))
    return text_log(rows)


def moment_of(log_, *members, **moments):
    scores = score_of(log_, list(members), moments=moments, only=["moments"])
    return {name: part(estimate) for name, estimate in scores.estimates.items()}


def test_a_rate_ratio_by_hand():
    """6 in two hours of this week, 2 in the same two hours of the other: 3; everybody else 1."""
    when = spans(WEEK + TUESDAY, WEEK + TUESDAY + 2 * HOUR)
    found = moment_of(two_weeks(), "a", debate=when)["moment_rate_ratio[debate]"]
    assert found["value"] == pytest.approx(3)
    assert found["reference"] == pytest.approx(1)
    assert found["effect"] == pytest.approx(3)
    assert found["actions"] == 6
    assert found["p_value"] == 2 * NEVER


def test_a_baseline_of_two_weeks():
    """Two weeks with two each are four hours with four: the rate is the same, so is the ratio."""
    when = spans(2 * WEEK + TUESDAY, 2 * WEEK + TUESDAY + 2 * HOUR)
    found = moment_of(two_weeks(3), "a", m=when)["moment_rate_ratio[m]"]
    assert (found["value"], found["reference"]) == (pytest.approx(3), pytest.approx(1))


def test_the_edges_of_an_interval():
    """The start counts, the end does not; half an hour is beside whole hours of the baseline."""
    rows = [("edge", "first", 1), ("edge", "last", 2 * WEEK - 1)]
    rows += burst("a", 2, TUESDAY + 2_000)
    rows += [("a", "early", WEEK + TUESDAY - 1), ("a", "start", WEEK + TUESDAY)]
    rows += [("a", "within", WEEK + TUESDAY + 1_799), ("a", "end", WEEK + TUESDAY + 1_800)]
    when = spans(WEEK + TUESDAY, WEEK + TUESDAY + 1_800)
    found = moment_of(text_log(rows + public(9)), "a", m=when)["moment_rate_ratio[m]"]
    assert found["actions"] == 2
    assert found["value"] == pytest.approx((2 / 0.5) / (2 / 1))


def test_a_log_of_less_than_a_week_has_the_hours_of_its_days():
    rows = [("edge", "first", 1), ("edge", "last", 3 * DAY - 1)]
    rows += burst("a", 1, 10 * HOUR + 5) + burst("a", 3, DAY + 10 * HOUR + 5)
    rows += burst("a", 6, 2 * DAY + 10 * HOUR + 5) + burst("a", 50, DAY + 15 * HOUR)
    when = spans(2 * DAY + 10 * HOUR, 2 * DAY + 12 * HOUR)
    found = moment_of(text_log(rows + public(9)), "a", m=when)["moment_rate_ratio[m]"]
    assert found["value"] == pytest.approx((6 / 2) / (4 / 4))


def test_other_moments_are_no_baseline():
    """Of three weeks the second moment takes the middle one out of the first's baseline."""
    rows = [("edge", "first", 1), ("edge", "last", 3 * WEEK - 1)]
    rows += burst("a", 2, TUESDAY + 5) + burst("a", 40, WEEK + TUESDAY + 5)
    rows += burst("a", 6, 2 * WEEK + TUESDAY + 5)
    one = spans(2 * WEEK + TUESDAY, 2 * WEEK + TUESDAY + HOUR)
    other = spans(WEEK + TUESDAY, WEEK + TUESDAY + HOUR)
    log_ = text_log(rows + public(9))
    assert moment_of(log_, "a", one=one)["moment_rate_ratio[one]"]["value"] == pytest.approx(6 / 21)
    found = moment_of(log_, "a", one=one, other=other)
    assert found["moment_rate_ratio[one]"]["value"] == pytest.approx(3)
    assert found["moment_rate_ratio[other]"]["value"] == pytest.approx(20)


def test_hours_that_no_other_day_has_are_left_out():
    """The log begins on a day at ten: what is done the next day at nine has nothing beside it."""
    rows = [("edge", "first", 10 * HOUR), ("edge", "last", 2 * DAY)]
    rows += burst("a", 2, 10 * HOUR + 60) + burst("a", 50, DAY + 9 * HOUR + 60)
    rows += burst("a", 6, DAY + 10 * HOUR + 60)
    when = spans(DAY + 9 * HOUR, DAY + 11 * HOUR)
    found = moment_of(text_log(rows + public(9, start=10 * HOUR)), "a", m=when)
    found = found["moment_rate_ratio[m]"]
    assert (found["value"], found["actions"]) == (pytest.approx(3), 6)


def test_moments_that_are_not_there():
    log_ = two_weeks()
    cluster = clusters_of(log_, ["a"])
    none = cn.score_clusters(cluster, only=["moments"])
    assert dict(none.absent) == {"moment_rate_ratio": "no moments= are given"}
    past = cn.score_clusters(cluster, moments={"m": ("2016-01-01", "2016-01-02")}, only=["moments"])
    assert dict(past.absent) == {
        "moment_rate_ratio": "no interval of moments= lies in the period of the log"
    }


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (("2017-05-02", "2017-05-01"), "moments['m'] ends before it begins."),
        (("2017-05-02", "2017-05-02"), "moments['m'] ends before it begins."),
        ("2017-05-02", "moments['m']='2017-05-02' is not an interval; write (start, end)."),
        (("2017-05-02",), "moments['m']=('2017-05-02',) is not an interval; write (start, end)."),
    ],
)
def test_moments_that_are_no_intervals(limits, told):
    with pytest.raises(cn.CoordnetError) as error:
        score_of(two_weeks(), ["a"], moments={"m": limits})
    assert str(error.value) == told


# -- stance ------------------------------------------------------------------------------------

SAID = [
    ("a", "x:for"), ("a", "x:for"), ("a", "y:against"), ("b", "x:for"), ("b", "x:against"),
    ("b", "x:neutral"), ("c", None), ("c", None),
]  # fmt: skip


def stances(said=SAID):
    """Return the log and labels of what is said; each of twelve outsiders is for x and against."""
    others = [(f"x{i:02d}", f"x:{sign}") for sign in ("for", "against") for i in range(12)]
    whole = [*said, *others]
    rows = [
        (who, f"o{i}", 100 * i, "post", f"text {label}") for i, (who, label) in enumerate(whole)
    ]
    return text_log(rows), [label for _, label in whole]


def test_stances_by_hand():
    log_, labels = stances()
    scores = score_of(log_, "abc", stance=labels, only=["stance"])
    x = part(scores["stance_for[x]"])
    assert (x["value"], x["accounts"], x["actions"]) == (3 / 4, 2, 4)
    assert (x["reference"], x["effect"]) == (0.5, 0.25)
    assert (x["low"], x["high"]) == (0.5, 1)  # samples of b alone, and of a alone
    y = part(scores["stance_for[y]"])
    assert (y["value"], y["accounts"], y["actions"]) == (0, 1, 1)
    assert np.isnan(y["reference"])  # nobody else speaks of y
    assert np.isnan(y["p_value"])
    labelled = part(scores["labelled_share"])
    assert (labelled["value"], labelled["reference"]) == (6 / 8, 1)


def test_the_order_of_rows_is_that_of_the_input():
    log_, labels = stances()
    rng = np.random.default_rng(0)
    frame = log_.to_frame("pandas").assign(label="")
    frame["label"] = [labels[row] for row in log_.row]
    shuffled = frame.iloc[rng.permutation(len(frame))]
    again = cn.read_actions(shuffled, account="account", object="object", time="time", kind="kind")
    tables = [
        score_of(each, "abc", stance=given, only=["stance"]).long_table()
        for each, given in ((log_, labels), (again, shuffled["label"].tolist()))
    ]
    assert tables[0].equals(tables[1])


def test_a_function_labels_texts_and_each_text_once():
    log_, labels = stances()
    asked = []

    def coder(text):
        asked.append(text)
        label = text.removeprefix("text ")
        return None if label == "None" else label

    by_text = score_of(log_, "abc", stance=coder, only=["stance"])
    assert sorted(asked) == sorted({f"text {label}" for label in labels})
    by_row = score_of(log_, "abc", stance=labels, only=["stance"])
    assert by_text.long_table().equals(by_row.long_table())


def test_two_coders_by_hand():
    """Four messages coded twice, three of them alike; two coded once. Krippendorff 2011.

    Values in pairs: for-for, for-for, against-against, for-against, so that of 8 values 5 are for
    and 3 against. Disagreement seen: 2 of 8; expected: 2 * 5 * 3 of 8 * 7.
    """
    first = ["x:for", "x:for", "x:against", "x:for", "x:for", None, None]
    second = ["x:for", "x:for", "x:against", "x:against", None, "x:against", None]
    rows = [("ab"[i % 2], f"o{i}", 100 * i) for i in range(7)]
    scores = score_of(text_log(rows), "ab", stance=(first, second), only=["stance"])
    read = scores.view.inputs.stance
    assert read.coded == 4
    assert read.agreement == pytest.approx(1 - (2 / 8) / (30 / 56))
    assert scores.view.inputs.facts()["stance_alpha"] == read.agreement
    # for: two that both coded, one that one did; against: one and one; what is disputed is nothing
    found = part(scores["stance_for[x]"])
    assert (found["value"], found["actions"]) == (3 / 5, 5)
    assert part(scores["labelled_share"])["value"] == 5 / 7


def test_coders_who_always_agree_and_who_never_meet():
    rows = [("ab"[i % 2], f"o{i}", 100 * i) for i in range(3)]
    log_ = text_log(rows)
    same = ["x:for"] * 3
    read = score_of(log_, "ab", stance=(same, same)).view.inputs.stance
    assert (read.agreement, read.coded) == (1.0, 3)
    apart = score_of(log_, "ab", stance=(["x:for", None, None], [None, "x:for", None]))
    assert (apart.view.inputs.stance.agreement, apart.view.inputs.stance.coded) == (None, 0)


def test_stances_that_are_not_there():
    log_, labels = stances()
    none = score_of(log_, "abc", only=["stance"])
    assert dict(none.absent) == {
        "stance_for": "no stance= is given", "labelled_share": "no stance= is given"
    }  # fmt: skip
    empty = score_of(log_, "abc", stance=[None] * len(labels), only=["stance"])
    assert dict(empty.absent) == {"stance_for": "stance= labels nothing"}
    assert part(empty["labelled_share"])["value"] == 0


@pytest.mark.parametrize(
    ("stance", "told"),
    [
        (["x:for"], "stance= has 1 labels and the input had 32 rows; give one for each row, in "
         "their order."),
        (["labour"] * 32, "stance label 'labour' is not understood; write 'target:for', "
         "'target:against' or 'target:neutral', and nothing for no label."),
        ([":for"] * 32, "stance label ':for' is not understood; write 'target:for', "
         "'target:against' or 'target:neutral', and nothing for no label."),
        ("x:for", "there is no file 'x:for'; check the path."),
        (7, "stance=7 is neither a function nor labels of rows."),
        ((["x:for"] * 32,) * 3, "stance= takes one coder or a tuple of two, not 3."),
    ],
)  # fmt: skip
def test_stances_that_are_not_understood(stance, told):
    with pytest.raises(cn.CoordnetError) as error:
        score_of(stances()[0], "abc", stance=stance)
    assert str(error.value) == told


def test_a_function_needs_texts():
    with pytest.raises(cn.CoordnetError) as error:
        score_of(text_log([("a", "o", 1), ("b", "o", 2)]), "ab", stance=str)
    assert str(error.value) == (
        "stance= as a function labels texts, and the log has none; read it with text=."
    )


def test_targets_may_have_colons():
    log_, labels = stances([("a", "un:sc:for"), ("b", "un:sc:against")])
    scores = score_of(log_, "ab", stance=labels, only=["stance"])
    assert part(scores["stance_for[un:sc]"])["value"] == 0.5
