"""Scores of what members do, worked by hand: how much, joined how, when, on what, who first."""

from itertools import combinations, product
from math import log, sqrt

import naive
import numpy as np
import pytest
from helpers import log_of, rows_of
from scipy import stats
from scored import DAY, HOUR, clusters_of, part, public, score_of, text_log

import coordnet as cn

NEVER = 1 / 20  # the least p-value beside 19 sets


# -- size --------------------------------------------------------------------------------------


def test_size_by_hand():
    rows = [("a", "o1", 1), ("a", "o1", DAY + 1), ("b", "o2", DAY), ("c", "o1", 3 * DAY - 1)]
    log = text_log(rows + public(12))
    scores = score_of(log, "abc", only=["size"])
    assert part(scores["accounts"]) == {"value": 3, "accounts": 3, "actions": 4}
    assert part(scores["actions"])["value"] == 4
    # three outsiders have three objects, all on one day
    assert part(scores["objects"]) == {
        "value": 2, "reference": 3, "reference_low": 3, "reference_median": 3, "reference_high": 3,
        "effect": 2 / 3, "p_value": 2 * NEVER, "q_value": 2 * NEVER,
        "accounts": 3, "actions": 4,
    }  # fmt: skip
    assert part(scores["days_active"]) == {
        "value": 3, "reference": 1, "reference_low": 1, "reference_median": 1, "reference_high": 1,
        "effect": 3, "p_value": 2 * NEVER, "q_value": 2 * NEVER,
        "accounts": 3, "actions": 4,
    }  # fmt: skip


# -- structure ---------------------------------------------------------------------------------


def together(names, objects, start=0, apart=1):
    """Return rows of accounts that act on objects one second after the other."""
    return [
        (name, obj, start + i * apart + 100 * j)
        for j, obj in enumerate(objects)
        for i, name in enumerate(names)
    ]


def test_structure_beside_the_rest_of_the_graph():
    """Two triangles, abc of weight 3 and def of weight 1, and c-d of weight 1."""
    rows = together("abc", ["p0", "p1", "p2"]) + together("def", ["q0"]) + together("cd", ["r0"])
    scores = score_of(text_log(rows), "abc", "def", only=["structure"])
    assert scores["density"].reference.tolist() == [1, 1]
    assert scores["density"].effect.tolist() == [0, 0]
    # the edges that are not between a, b and c: three of weight 1 and c-d; else three of 3 and c-d
    assert scores["mean_weight"].reference.tolist() == [1, 2.5]
    assert scores["mean_weight"].effect.tolist() == [3, 0.4]
    assert scores["median_weight"].reference.tolist() == [1, 1]  # c-d alone is in neither
    assert scores["median_weight"].effect.tolist() == [3, 1]
    # all weight at ends is 26, of which 19 at abc: 19 * 7 / 26 would be cut at random, of 7
    assert scores["conductance"].value.tolist() == pytest.approx([1 / 7, 1 / 7])
    assert scores["conductance"].reference.tolist() == pytest.approx([19 / 26, 19 / 26])
    assert scores["conductance"].effect.tolist() == pytest.approx([1 / 7 - 19 / 26] * 2)


def test_the_interval_of_structure_is_the_jackknife_of_members():
    rows = together("ab", ["p0", "p1"]) + together("bc", ["q0"]) + together("cd", ["r0"])
    rows += together("de", ["s0"]) + together("ac", ["t0", "t1", "t2"])
    scores = score_of(text_log(rows), "abcde", only=["density", "mean_weight"])
    weights = {"ab": 2, "bc": 1, "cd": 1, "de": 1, "ac": 3}

    def value(members, mean):
        inside = [w for (u, v), w in weights.items() if u in members and v in members]
        return sum(inside) / len(inside) if mean else len(inside) / len([*combinations(members, 2)])

    for name, mean in (("density", False), ("mean_weight", True)):
        expected = value("abcde", mean)
        without = [value(set("abcde") - {member}, mean) for member in "abcde"]
        middle = sum(without) / 5
        sd = sqrt(4 / 5 * sum((w - middle) ** 2 for w in without))
        half = sd * stats.t.ppf(0.975, 4)
        found = part(scores[name])
        assert found["value"] == pytest.approx(expected)
        assert found["low"] == pytest.approx(max(expected - half, 0))
        high = expected + half
        assert found["high"] == pytest.approx(high if mean else min(high, 1))


# -- synchrony ---------------------------------------------------------------------------------


def test_synchrony_by_hand():
    """a and b act on p 10 s apart, b and c on q 20 s apart; of the public two of five meet."""
    rows = [("a", "p", 1), ("b", "p", 11), ("b", "q", 500), ("c", "q", 520), ("c", "alone", 900)]
    rows += [("x", "r", 5), ("y", "r", 35), ("z", "r", 500), ("w", "s", 7), ("v", "p", 2_000)]
    scores = score_of(text_log(rows), "abc", only=["synchrony"])
    share = part(scores["synchronised_actions"])
    assert share["value"] == 4 / 5
    assert share["reference"] == 2 / 5
    assert share["effect"] == pytest.approx(2 / 5)
    assert (share["accounts"], share["actions"]) == (3, 5)
    assert part(scores["synchronised_objects"])["value"] == 2
    lag = part(scores["median_lag"])
    assert (lag["value"], lag["reference"], lag["effect"], lag["actions"]) == (15, 30, -15, 4)


def test_synchronised_pairs_and_evidence_equal_the_oracle():
    log = cn.simulate("retweet_ring", accounts=250, actions=1_400, seed=2).log
    rows = rows_of(log)
    parts = [log.accounts[:9].tolist(), log.accounts[40:44].tolist()]
    scores = score_of(log, *parts, only=["synchrony", "persistence"])
    for i, members in enumerate(parts):
        expected = naive.group_test(rows, members, 60_000_000, 60_000_000)
        found = part(scores["synchronised_pairs"], i)
        assert found["value"] == expected["observed_pairs"]
        assert found["reference"] == pytest.approx(expected["expected_pairs"])
        assert found["effect"] == pytest.approx(found["value"] / found["reference"])
        assert found["p_value"] == pytest.approx(np.exp(expected["log_p"]))
        assert scores["occasions"].value[i] == expected["occasions"]
        evidence = naive.evidence(expected["log_p"], rows, members)
        assert scores["group_evidence"].value[i] == pytest.approx(evidence)
        strongest = min(expected["log_bounds"], key=expected["log_bounds"].get)
        left = naive.group_test(rows, members, 60_000_000, 60_000_000, ignored=[strongest])
        without = part(scores["evidence_without_top_object"], i)
        assert without["reference"] == pytest.approx(evidence)
        assert without["value"] == pytest.approx(naive.evidence(left["log_p"], rows, members))
        assert without["effect"] == pytest.approx(without["value"] - evidence)


# -- persistence -------------------------------------------------------------------------------


def test_persistence_by_hand():
    """a-b meet on days 0 and 6, b-c on day 1 only, a-c on day 5 only; the middle is in day 3."""
    rows = together("ab", ["p"], 10) + together("ab", ["q"], 6 * DAY)
    rows += together("bc", ["r"], DAY) + together("ac", ["s"], 5 * DAY)
    rows += [("a", "alone", 2 * DAY)]
    scores = score_of(text_log(rows), "abc", only=["persistence"])
    days = part(scores["days_with_synchrony"])
    assert (days["value"], days["reference"], days["effect"]) == (4, 5, 0.8)
    both = part(scores["edges_in_both_halves"])
    assert both["value"] == pytest.approx(1 / 3)
    z2 = 1.959963984540054**2
    centre = (1 / 3 + z2 / 6) / (1 + z2 / 3)
    half = sqrt(z2) / (1 + z2 / 3) * sqrt(2 / 27 + z2 / 36)
    assert both["low"] == pytest.approx(centre - half)
    assert both["high"] == pytest.approx(centre + half)


def test_what_co_timing_cannot_tell_is_absent():
    rows = [(n, "p", t * 10**6, "k", None) for t in (1, 1_000) for n in "abc"]
    graph = cn.co_timing(log_of(rows), "1s", min_weight=1)
    clusters = clusters_of(log_of(rows), "abc")
    timed = type(clusters).from_members(graph, [clusters.members(0)], "by hand", {})
    scores = cn.score_clusters(timed, null_sets=0)
    without = {name for name, why in scores.absent.items() if why == (
        "co-timing within 1s: accounts do not meet on objects"
    )}  # fmt: skip
    assert without == {
        "synchronised_objects", "synchronised_pairs", "group_evidence", "occasions",
        "evidence_without_top_object", "evidence_without_top_occasion",
    }  # fmt: skip
    assert scores["edges_in_both_halves"].value.tolist() == [1]


# -- amplification -----------------------------------------------------------------------------


def test_amplification_by_hand():
    """Actions on o1 to o6: 4, 3, 2, 1, 1, 1; the public has 9 on o1 and 1 on o5."""
    counts = {"o1": 4, "o2": 3, "o3": 2, "o4": 1, "o5": 1, "o6": 1}
    rows = [
        ("abc"[(n + k) % 3], obj, 1_000 * n + 70 * k)
        for n, (obj, times) in enumerate(counts.items())
        for k in range(times)
    ]
    rows += [(f"y{k}", "o1", 200_000 + k) for k in range(9)] + [("y9", "o5", 200_000)]
    log_ = text_log(rows + public(30, 4))
    scores = score_of(log_, "abc", only=["amplification"])
    assert part(scores["top_target_share"])["value"] == pytest.approx(11 / 12)
    # o4 and o5 come before o6: 4 + 3 + 2 + 1 + 1 of 13 + 3 + 2 + 1 + 2
    assert part(scores["share_of_targets"])["value"] == pytest.approx(11 / 21)
    entropy = -sum(c / 12 * log(c / 12) for c in counts.values()) / log(6)
    found = part(scores["target_entropy"])
    assert found["value"] == pytest.approx(entropy)
    # those as active have four objects each of their own: twelve, all alike, nobody else on them
    assert found["reference"] == 1
    assert found["effect"] == pytest.approx(entropy - 1)
    assert found["p_value"] == NEVER
    assert part(scores["top_target_share"])["reference"] == pytest.approx(5 / 12)
    assert part(scores["top_target_share"])["p_value"] == NEVER
    assert part(scores["share_of_targets"])["reference"] == 1
    assert part(scores["share_of_targets"])["p_value"] == 1


def test_amplification_of_one_object():
    scores = score_of(text_log([("a", "o", 1), ("b", "o", 99), *public(9)]), "ab")
    assert part(scores["target_entropy"])["value"] == 0
    assert part(scores["top_target_share"])["value"] == 1


# -- leadership --------------------------------------------------------------------------------


def gini(counts):
    """Return sum |x - y| over all ordered pairs / (2 n sum)."""
    return sum(abs(x - y) for x, y in product(counts, counts)) / (2 * len(counts) * sum(counts))


def test_leadership_by_hand():
    """Of four objects a is first on three and ties with b on one: 3.5, 0.5 and 0 first places."""
    rows = [r for j in range(3) for r in together("abc", [f"p{j}"], 1_000 * j)]
    rows += [("a", "q", 5_000), ("b", "q", 5_000), ("c", "q", 5_003)]
    rows += [("c", "late", 9_000), ("b", "late", 9_300)]  # not in one window: nobody is first
    scores = score_of(text_log(rows), "abc", only=["leadership"], null_sets=4_000)
    found = part(scores["first_mover_inequality"])
    assert gini([3.5, 0.5, 0]) == pytest.approx(7 / 12)
    assert found["value"] == pytest.approx(7 / 12)
    assert found["actions"] == 12
    # the first place of each of the four dealt to one of three: 81 ways
    dealt = [gini([ways.count(m) for m in range(3)]) for ways in product(range(3), repeat=4)]
    assert found["reference"] == pytest.approx(np.mean(dealt), abs=4 * np.std(dealt) / sqrt(4_000))
    chance = sum(g >= 7 / 12 for g in dealt) / 81
    assert chance == 3 / 81  # one has all four
    assert found["p_value"] == pytest.approx(chance, abs=4 * sqrt(chance / 4_000))
    assert found["effect"] == pytest.approx(found["value"] - found["reference"])


def test_leadership_needs_two_occasions():
    scores = score_of(text_log(together("abc", ["p"])), "abc", only=["leadership"])
    found = part(scores["first_mover_inequality"])
    assert np.isnan(found["value"])
    assert np.isnan(found["p_value"])


# -- rhythm ------------------------------------------------------------------------------------


def test_hours_by_hand():
    """a acts at 1, 1 and 5 h, b at 5 h and 9 h: hours 1, 5, 9 have 2, 2, 1 actions."""
    rows = [("a", "o", HOUR + 61), ("a", "o", DAY + HOUR + 61), ("a", "p", 5 * HOUR + 61)]
    rows += [("b", "q", 6 * HOUR - 1), ("b", "r", 9 * HOUR + 61)]
    scores = score_of(text_log(rows + public(12, 3)), "ab", only=["rhythm"])
    entropy = -(2 * 0.4 * log(0.4) + 0.2 * log(0.2)) / log(24)
    found = part(scores["hour_entropy"])
    assert found["value"] == pytest.approx(entropy)
    assert found["reference"] == 0  # outsiders always act in the same hour
    assert found["effect"] == pytest.approx(entropy)
    assert found["p_value"] == 2 * NEVER
    # two hours of 24 each
    assert part(scores["round_the_clock"])["value"] == pytest.approx(2 / 24)
    assert part(scores["round_the_clock"])["reference"] == pytest.approx(1 / 24)
    assert part(scores["round_the_clock"])["p_value"] == NEVER


def test_burstiness_by_hand():
    """A clock has -1; gaps of which eight are 1 h and two 6 h have mean 2 h and sd 2 h: 0."""
    rows = [("clock", f"c{i}", 977 * i) for i in range(11)]
    at = 0
    for i, gap in enumerate([1, 6, 1, 1, 1, 1, 6, 1, 1, 1, 0]):
        rows.append(("chance", f"d{i}", at))
        at += gap * HOUR
    rows += [("few", f"e{i}", 7 * i * i) for i in range(10)]  # nine gaps are too few to tell
    scores = score_of(text_log(rows + public(9, 11)), ["clock", "chance", "few"], only=["rhythm"])
    found = part(scores["burstiness"])
    assert found["value"] == pytest.approx(-0.5)
    assert found["accounts"] == 2
    assert found["reference"] == pytest.approx(-1)
    assert found["effect"] == pytest.approx(0.5)


def test_quarters_by_hand():
    times = [0, 59, 60, 899, 900, 959, 960, 2_700]  # inside: 0, 59, 900, 959, 2700
    rows = [("ab"[i % 2], f"o{i}", t) for i, t in enumerate(times)]
    scores = score_of(text_log(rows + public(20, 4, start=100)), "ab", only=["on_the_quarter"])
    found = part(scores["on_the_quarter"])
    assert found["value"] == 5 / 8
    assert found["reference"] == 0
    assert found["p_value"] == NEVER


def test_the_bootstrap_of_two_members_by_hand():
    """Of a the share is 0, of b 1, one action each: samples give 0, 1/2 or 1."""
    rows = [("a", "o", 100), ("b", "p", 900)]
    found = part(score_of(text_log(rows + public(9)), "ab")["on_the_quarter"])
    assert (found["value"], found["low"], found["high"]) == (0.5, 0, 1)
    alike = [("a", "o", 901), ("b", "p", 902)]
    found = part(score_of(text_log(alike + public(9)), "ab")["on_the_quarter"])
    assert (found["value"], found["low"], found["high"]) == (1, 1, 1)
