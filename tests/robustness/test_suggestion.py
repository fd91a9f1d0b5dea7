"""Suggested windows: counts against the oracle, what is permuted, what a person would choose."""

import math
from collections import Counter

import naive
import numpy as np
import pytest
from helpers import acts, log_of, ring_rows, rows_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import SECOND, WINDOW, examples, logs

import coordnet as cn
from coordnet.inference.gaps import Actions, acted, gap_shares, ladder, pairs_within
from coordnet.inference.statistics import popularity_class
from coordnet.robustness import suggestion
from coordnet.robustness.suggestion import TIMES, _pairs, _permuted

EDGES = np.array([0, 1, WINDOW - 1, WINDOW, 3 * WINDOW], np.int64)


def everybody(log):
    return np.ones(len(EDGES)), np.zeros(len(log.all_accounts))


@examples(60)
@given(logs())
def test_pairs_within_equal_the_oracle(rows):
    log = log_of(rows)
    n = log.n_objects
    found = pairs_within(acted(log.account, log.object, log.time), EDGES, np.arange(n), n)
    expected = np.zeros((n, len(EDGES) + 1))
    names = {
        (log.kinds[k], name): i
        for i, (k, name) in enumerate(zip(log.object_kind, log.objects, strict=True))
    }
    for obj, _, _, gap in naive.gap_pairs(rows):
        expected[names[obj]] += [gap <= edge for edge in EDGES] + [True]
    np.testing.assert_array_equal(found, expected)


@examples(60)
@given(logs())
def test_pairs_together_equal_the_oracle(rows):
    log = log_of(rows)
    found = _pairs(log.account, log.object, log.time, log, EDGES, *everybody(log))
    for k, edge in enumerate(EDGES.tolist()):
        met = naive.pairs_together(rows, edge).values()
        assert found[:, k].tolist() == [sum(n >= least for n in met) for least in TIMES]


def test_pairs_together_on_many_objects_by_hand():
    """Two are together on twelve objects at 10 s and a third with them at 100 s on five."""
    rows = []
    for i in range(12):
        rows += acts(f"o{i}", ("a", i * 1_000), ("b", i * 1_000 + 10))
        rows += acts(f"o{i}", ("c", i * 1_000 + 110)) if i < 5 else []
    log = log_of(rows)
    edges = np.array([9, 10, 99, 100, 110], np.int64) * SECOND
    found = _pairs(
        log.account, log.object, log.time, log, edges, np.ones(5), np.zeros(len(log.all_accounts))
    )
    two_or_more = [0, 1, 1, 2, 3]
    assert found.tolist() == [
        two_or_more, two_or_more, two_or_more, [0, 1, 1, 1, 1], [0, 1, 1, 1, 1],
    ]  # fmt: skip


@examples(40)
@given(logs(), st.integers(0, 9))
def test_delays_are_permuted_inside_classes_and_first_actions_stay(rows, seed):
    log = log_of(rows)
    if not len(log):
        return
    n = np.array([len(set(log.account[log.object == o].tolist())) for o in range(log.n_objects)])
    classes = popularity_class(n.astype(np.int32), log.object_kind)
    time = _permuted(log, classes[log.object], seed)
    first = log.by_object[:-1]
    np.testing.assert_array_equal(time[first], log.time[first])
    assert (time >= log.time[first][log.object]).all()
    delays = [
        Counter(zip(classes[log.object].tolist(), (t - t[first][log.object]).tolist(), strict=True))
        for t in (log.time, time)
    ]
    assert delays[0] == delays[1]


def test_permuted_delays_are_those_of_the_seed():
    log = cn.simulate("organic", accounts=300, seed=0).log
    classes = np.zeros(len(log), np.int32)
    one, same, other = (_permuted(log, classes, seed) for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).mean() > 0.5
    assert (one != log.time).mean() > 0.5


def test_the_score_is_the_formula_and_the_middle_of_what_serves_alike_is_suggested():
    log = cn.simulate("retweet_ring", accounts=600, seed=2).log
    found = cn.suggest_windows(log)
    rows = [r for r in found.to_frame("pyarrow").to_pylist() if r["kind"] == "all kinds"]
    for row in rows:
        observed, expected = row["observed"], row["expected"]
        score = (observed - 2 * expected) / math.sqrt(max(observed + 4 * expected, 1))
        assert row["score"] == pytest.approx(score * math.sqrt(row["seen"]))
        assert row["ratio"] == (pytest.approx(observed / expected) if expected else None)
    best = max(row["score"] for row in rows)
    (at,) = [i for i, row in enumerate(rows) if row["suggested"]]
    one = found.suggested[0]
    names = [row["window"] for row in rows]
    low, high = names.index(one.shortest), names.index(one.longest)
    assert low <= at <= high
    assert one.window == names[at]
    assert all(row["score"] >= 0.9 * best for row in rows[low : high + 1])
    assert rows[low - 1]["score"] < 0.9 * best
    assert rows[high + 1]["score"] < 0.9 * best
    middle = math.sqrt(rows[low]["seconds"] * rows[high]["seconds"])
    far = [abs(math.log(row["seconds"] / middle)) for row in rows]
    assert far[at] == pytest.approx(min(far))


@pytest.mark.parametrize(
    ("scenario", "accounts", "least", "most"),
    [("retweet_ring", 1_000, 30, 120), ("campaign", 2_000, 20, 60), ("slow_drip", 1_000, 900, 3600)]
)  # fmt: skip
def test_what_is_planted_is_suggested(scenario, accounts, least, most):
    """Members act within 40 seconds in the first two, over fifty minutes in the third."""
    one = cn.suggest_windows(cn.simulate(scenario, accounts=accounts, seed=0).log).suggested[0]
    seconds = {name: s / 1e6 for name, s in zip(_texts(), ladder(1, 10**15).tolist(), strict=True)}
    assert least <= seconds[one.window] <= most


def _texts():
    from coordnet.times import duration_text

    return [duration_text(edge) for edge in ladder(1, 10**15).tolist()]


@pytest.mark.parametrize("scenario", ["organic", "breaking_news"])
def test_nothing_is_suggested_where_nothing_is_planted(scenario):
    found = cn.suggest_windows(cn.simulate(scenario, accounts=1_000, seed=0).log)
    assert found.within is None
    assert {one.window for one in found.suggested} == {None}
    assert "No window stands out for all kinds" in found.text
    assert not any(found.windows["suggested"].to_pylist())


def test_windows_by_kind_can_be_given_to_detect():
    log = cn.simulate("retweet_ring", accounts=600, seed=0).log
    found = cn.suggest_windows(log)
    assert set(found.within) <= set(log.kinds)
    assert found.within["retweet"] in _texts()
    only = cn.suggest_windows(log.select("retweet"))
    assert only.within == only.suggested[0].window
    assert [one.kind for one in only.suggested] == ["all kinds"]
    # what is counted of a kind is counted of its part of the log
    rows = found.windows.to_pylist()
    own = [row["observed"] for row in rows if row["kind"] == "retweet"]
    assert own == only.windows["observed"].to_pylist()
    assert cn.co_action(log, within=found.within, min_weight=5).n_edges > 500


def test_a_share_of_the_accounts_stands_for_all():
    log = cn.simulate("organic", accounts=1_000, seed=0).log
    edges = np.array([600, 3_600], np.int64) * SECOND
    draw = np.random.default_rng(0).random(len(log.all_accounts))
    whole, part = (
        _pairs(log.account, log.object, log.time, log, edges, np.array(share), draw)
        for share in ([1.0, 1.0], [0.6, 0.3])
    )
    np.testing.assert_allclose(part[0], whole[0], rtol=0.15)  # 6,652 and 16,814 pairs
    assert (part != whole).all()


def test_what_is_seen_of_long_windows_weighs_as_much(monkeypatch):
    log = cn.simulate("organic", accounts=300, seed=0).log
    monkeypatch.setattr(suggestion, "SEEN", 5_000)
    rows = cn.suggest_windows(log, ["60s", "1h"]).windows.to_pylist()[:2]
    acts_within = naive.gap_pairs(rows_of(log))
    for row in rows:
        near = sum(gap <= row["seconds"] * 1e6 for *_, gap in acts_within)
        assert row["seen"] == pytest.approx(min(1, 5_000 / (2 * near)))
    assert rows[0]["seen"] == 1 > rows[1]["seen"]


def test_chance_is_the_share_of_pairs_of_actions():
    rows = acts("p", ("a", 0), ("b", 30), ("c", 200)) + acts("q", ("a", 0), ("a", 5), ("b", 100))
    found = cn.suggest_windows(log_of(rows), ["30s", "100s"])
    # five pairs of actions of two accounts, with gaps of 30, 200, 170, 100 and 95 s
    assert found.windows["chance"].to_pylist() == [1 / 5, 3 / 5]


def test_same_seed_same_bytes_and_what_could_be_found():
    log = log_of(ring_rows(rings=(6,), public=60))
    one, two = (cn.suggest_windows(log, ["30s"], sizes=[5], threads=t, seed=3) for t in (1, 2))
    assert one.windows.equals(two.windows)
    known = cn.findable(log, "30s", sizes=[5], seed=3, co_timing=None).layers[0].objects[0]
    assert one.windows["findable_5"].to_pylist() == [known, None, None]  # of all kinds together
    log = cn.simulate("organic", accounts=300, seed=0).log
    one, other = (cn.suggest_windows(log, ["1h"], seed=seed) for seed in (3, 4))
    assert other.windows["observed"].equals(one.windows["observed"])
    assert not other.windows["expected"].equals(one.windows["expected"])


@pytest.mark.parametrize("rows", [[], acts("p", ("a", 0)), acts("p", ("a", 0), ("b", 0))])
def test_logs_of_nothing_much(rows):
    found = cn.suggest_windows(log_of(rows))
    assert found.within is None
    assert "No window stands out" in repr(found)
    assert "<table>" in found._repr_html_()


def test_hostile_kinds_stay_text():
    kind = "<script>alert(1)</script>"
    log = log_of(acts("p", ("a", 0), ("b", 1), kind=kind) + acts("q", ("a", 0), kind="all kinds"))
    found = cn.suggest_windows(log)
    assert [one.kind for one in found.suggested] == ["all kinds", kind, "all kinds"]
    assert "<script>" not in found._repr_html_()


def test_bad_input_is_refused():
    log = log_of(acts("p", ("a", 0), ("b", 1)))
    with pytest.raises(cn.ParameterError, match="names no window"):
        cn.suggest_windows(log, [])
    with pytest.raises(cn.ParameterError, match="windows='soon' is not a duration"):
        cn.suggest_windows(log, ["soon"])
    with pytest.raises(cn.ParameterError, match="takes an ActionLog"):
        cn.suggest_windows(None)


def test_gap_shares_are_of_the_chosen_by_the_classes_of_all():
    rows = acts("p", ("a", 0), ("b", 30), ("c", 200), ("d", 230)) + acts("q", ("a", 0), ("b", 5))
    log = log_of(rows)
    chosen = np.zeros(len(log.all_accounts), bool)
    chosen[log.codes_of(["a", "b", "c"])] = True
    actions = Actions(log.account, log.object, log.time, log.by_object)
    found = gap_shares(actions, log.object_kind, chosen, np.array([60 * SECOND]))
    # four accounts act on p and two on q: classes 2 and 1
    assert found.classes.tolist() == [2, 1]
    assert found.within[2].tolist() == [1, 3]
    assert found.within[1].tolist() == [1, 1]
    assert found.within.sum() == 6


def test_the_ladder_begins_at_the_clock_and_ends_at_the_span():
    assert ladder(60 * SECOND, 3_600 * SECOND)[0] == 60 * SECOND
    assert ladder(60 * SECOND, 3_600 * SECOND)[-1] == 3_600 * SECOND
    assert ladder(1, 10**15)[0] == SECOND // 10
    assert ladder(3_600 * SECOND, 0).tolist() == [3_600 * SECOND]
