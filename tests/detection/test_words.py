"""What a run says first: suspects, cleaning, what could have been found, what holds."""

import json

import numpy as np
import pytest
from helpers import acts, log_of, rows_of, two_halves

import coordnet as cn
from coordnet.detection import words
from coordnet.inference.statistics import WindowStatistics
from coordnet.report.words import finding
from coordnet.robustness.null_runs import NullRuns
from coordnet.times import SECOND


@pytest.fixture(scope="module")
def suspects():
    """All accounts act on everything within a minute: nobody could stand out."""
    rng = np.random.default_rng(0)
    rows = []
    for o in range(60):
        who = rng.choice(30, 8, replace=False)
        rows += acts(f"o{o}", *[(f"u{a}", 9_000 * o + 80 * rng.random()) for a in who])
    return cn.detect(log_of(rows), null_sets=9)


@pytest.fixture(scope="module")
def checked():
    log = log_of(two_halves({"on": (6, (0, 1)), "stop": (7, (0,))}))
    return cn.detect(log, null_sets=9, null_runs=3, confirm=True)


def test_where_everybody_is_a_suspect_it_is_said_first(suspects, tmp_path):
    typical = suspects.layers[0].tested.typical_chance
    first = (
        "Everybody in these data may be a suspect: two accounts on one object are within 60s of "
        f"each other with chance {typical:.2f}."
    )
    assert typical > 0.25
    assert suspects.suspects[0] == first
    head = " ".join(repr(suspects).splitlines()[:2])
    assert head.startswith(f"Run. {first}")
    suspects.write(tmp_path / "out")
    assert (tmp_path / "out" / "summary.txt").read_text().splitlines()[0] == first
    assert suspects._repr_html_().startswith(f"<div><strong>Run. {first[:30]}")
    for said in words.HELP + words.STILL:
        assert said in suspects.suspects
        assert len(said) < 200  # or a notebook cuts it
    assert "note" not in repr(suspects)  # it would say the same


def facts(chance, reason=None, pairs=900):
    """Return what a manifest says of the timing null in a layer."""
    return {"chance": chance, "little_power": reason, "pairs_on_an_object": pairs}


def test_it_is_said_by_layer_and_of_the_cleaning_too():
    layers = {"60s": facts(0.38, "suspects"), "1h": facts(0.7, "suspects"), "5s": facts(0.1)}
    first, second, *rest = words.suspects(layers, [0], False, "both")
    assert first == (
        "Everybody in these data may be a suspect: two accounts on one object are within 60s of "
        "each other with chance 0.38; two accounts on one object are within 1h of each other with "
        "chance 0.70."
    )
    assert second == "So the timing test has little or no power."
    assert rest == [*words.HELP, *words.STILL]
    assert words.suspects(layers, [0], False, "activity")[2:] == [*words.HELP, *words.USED]
    assert words.warning(layers, [0], False, "both") == [first, second, *rest]
    one = {"60s": facts(0.38, "suspects")}
    assert words.suspects(one, [0, 20, 1_470], False, "both")[1] == (
        "1,470 accounts were taken out of the background. Those left in it, whom they are compared "
        "with, may be suspects too: the slowest of them."
    )
    first, second, *_ = words.suspects({}, [0], True, "both")
    assert first.endswith(
        ": hardly anybody is left whom the accounts found could be compared with."
    )
    assert second == "So nobody was taken out of the background."
    assert words.suspects({"60s": facts(0.25)}, [0, 3], False, "both") == []


def test_a_wide_window_and_too_few_actions_are_no_suspects():
    wide = (
        "Two accounts on one object are within 1h of each other with chance 0.27: this window is "
        "wide for these data, and the timing test has little power in it; it has more "
    )
    layers = {"1h": facts(0.27, "wide")}
    assert words.warning(layers, [0], False, "both") == [f"{wide}in a shorter one."]
    layers = {"60s": facts(0.01), **layers, "5s": facts(0.0)}
    (said,) = words.warning(layers, [0], False, "both")
    assert said == f"{wide}within 60s and within 5s."
    assert len(said) < 195  # "Run. " stands before it, and a notebook cuts at 200
    assert words.warning(layers, [0], False, "activity") == []  # where timing is not asked for
    few = {"60s": facts(1.0, "few", 3)}
    assert words.warning(few, [0], False, "both") == [
        "There are 3 pairs of accounts on a common object, too few to test anything."
    ]
    assert words.warning({"60s": facts(0.0, None, 1)}, [0], False, "both") == [
        "There is 1 pair of accounts on a common object, too few to test anything."
    ]
    assert words.warning({"60s": facts(None, "few", 0)}, [0], False, "both") == [
        "No two accounts act on a common object, so that nothing can be tested."
    ]
    assert words.warning(few, [0], False, "both", found=True) == []
    assert words.warning({}, [0], False, "both") == []


def members_alone(name, accounts, seed):
    """Return the log of the planted accounts of a scenario: suspects only."""
    sim = cn.simulate(name, accounts=accounts, seed=seed)
    names = {name for members in sim.truth.groups.values() for name in members}
    rows = [row for row in rows_of(sim.log) if row[0] in names]
    return log_of([(a, o, t, k, None) for a, o, t, k, *_ in rows])


@pytest.mark.parametrize(
    ("log", "within", "reasons"),
    [
        (lambda: cn.simulate("organic", 800, seed=7).log, ["60s", "6h"], [None, "wide"]),
        (lambda: cn.simulate("early_birds", 800, seed=7).log, ["1h"], ["wide"]),
        (lambda: members_alone("campaign", 2_000, 3), ["60s", "1h"], ["suspects", "suspects"]),
        (lambda: members_alone("small_cells", 2_000, 3), ["60s"], ["suspects"]),
    ],
    ids=["public", "early birds", "campaign alone", "cells alone"],
)
def test_suspects_are_told_from_wide_windows_and_from_large_rings(log, within, reasons):
    run = cn.detect(log(), within, score=False)
    told = [layer["timing"] for layer in run.manifest["layers"]]
    assert [layer["little_power"] for layer in told] == reasons
    assert ("suspect" in repr(run)) == ("suspects" in reasons)
    assert bool(run.suspects) == ("suspects" in reasons)
    assert bool(run.warning) == any(reasons)
    for reason, layer in zip(reasons, run.layers, strict=True):
        assert bool(layer.tested.notes) == bool(reason)
        assert ("suspects" in " ".join(layer.tested.notes)) == (reason == "suspects")
    for said in run.warning:
        assert said in run.summary


def test_rings_that_are_two_fifths_of_the_accounts_are_no_reason_to_suspect_all():
    """Of the others it is known how they act. And a bound of 0 does not lead the finding."""
    run = cn.detect(cn.simulate("large_ring", 2_000, seed=3).log, score=False)
    (layer,) = run.manifest["layers"]
    assert layer["timing"]["chance_before_cleaning"] > 0.25 > layer["timing"]["chance"]
    assert run.warning == run.suspects == run.notes == []
    assert cn.true_pairs(run.layers[0]) == 0
    found = finding(run)
    assert found[0].startswith("3 clusters with 750 of 1,875 accounts")
    assert found[1] == (
        "0 of 3 clusters are significant as a whole, corrected for every group that could have "
        "been picked, and the evidence is in their pairs."
    )
    assert found[-1] == (
        f"How many of the {run.graph.n_edges:,} pairs of accounts that were kept are certain "
        "cannot be told: with the accounts found taken out of the background, no pair is certain "
        "by itself. A background log (background=) would tell."
    )
    assert not any("At least" in said for said in found)


def test_a_background_without_the_kinds_of_the_log_is_told(checked):
    other = cn.simulate("organic", 500, seed=1).log
    rows = [(a, o, t, "url", None) for a, o, t, *_ in rows_of(other)]
    run = cn.detect(checked.log, background=log_of(rows), score=False)
    (kind,) = checked.log.kinds
    (note,) = run.notes
    assert note == (
        f"the background given has no actions of the kind {kind!r}, so that it cannot tell how "
        "close others are there; give one that has such actions."
    )
    assert run.warning == []


def test_it_is_judged_before_the_background_is_cleaned():
    """What is left of suspects, when the fastest are taken out, is no public."""
    rng = np.random.default_rng(0)
    rows = []
    for o in range(200):
        who = rng.choice(30, 8, replace=False)
        rows += acts(f"o{o}", *[(f"ring{a}", 9_000 * o + 20 * rng.random()) for a in who])
        slow = rng.choice(20, 3, replace=False)
        rows += acts(f"o{o}", *[(f"u{a}", 9_000 * o + 8_000 * rng.random()) for a in slow])
    run = cn.detect(log_of(rows), null_sets=0)
    (layer,) = run.manifest["layers"]
    assert len(run.manifest["background_rounds"]) > 1
    before = WindowStatistics(run.log, 60 * SECOND).typical_chance
    told = layer["timing"]
    assert told["chance"] == told["chance_before_cleaning"] == before > 0.25
    assert f"chance {before:.2f}" in run.suspects[0]
    beside = cn.detect(log_of(rows), null_sets=0, background=cn.simulate("organic", 500).log)
    assert beside.suspects == []


def test_what_could_have_been_found_stands_beside_every_result(checked, tmp_path):
    assert checked.findable == cn.findable(checked.log)
    (could,) = checked.findable.sentences
    assert could in checked.could_have_been_found
    assert could in " ".join(repr(checked).split())
    checked.write(tmp_path / "out")
    assert could in (tmp_path / "out" / "summary.txt").read_text().splitlines()
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())["findable"]
    assert told == json.loads(json.dumps(checked.findable.facts()))
    assert told["layers"][0]["smallest"][0]["size"] == 3
    checked.save(tmp_path / "run.coordnet")
    again = cn.load(tmp_path / "run.coordnet")
    assert again.findable == checked.findable
    assert again.null_runs.found.tolist() == checked.null_runs.found.tolist()
    nothing = cn.detect(cn.simulate("organic", accounts=500, seed=0).log, null_sets=0)
    assert len(nothing.could_have_been_found) == 2
    assert nothing.could_have_been_found[0] == nothing.findable.layers[0].why_nothing


def test_the_rounds_of_cleaning(checked):
    rounds = checked.manifest["background_rounds"]
    assert len(rounds) > 1
    assert words.cleaning(rounds) in repr(checked)
    assert words.cleaning([0, 7]) == "1 round, 7 accounts taken out"
    assert words.cleaning([0, 3_542, 6_513]) == "2 rounds, 6,513 accounts taken out"
    assert words.cleaning([0]) == words.cleaning([]) == ""


def test_confirmation_stands_under_the_numbers_of_the_clusters(checked, tmp_path):
    table = checked.confirmation.beside(checked.clusters).to_pylist()
    assert len(checked.clusters) == 2
    shown = " ".join(repr(checked).split())
    for i, cluster in enumerate(checked.clusters):
        said = words.confirmed(checked.confirmation, checked.clusters, i)
        on = cluster.accounts[0].startswith("on_")
        assert said.startswith("confirmed" if on else "not confirmed")
        row = table[i]
        assert said == (
            f"{'confirmed' if on else 'not confirmed'} (p = {row['adjusted']:.2g}): "
            f"{row['shared']} of its {len(cluster)} members are in a set of {row['accounts']} "
            f"found in the first half; {row['active']} of the set act in the second half, "
            + (
                "together beyond chance"
                if on
                else "not together beyond chance, which does not refute it"
            )
        )
        assert len(f"cluster {i}: {said}") < 200
        assert f"cluster {i}: {said}" in shown
        assert checked.explain(i).splitlines()[-1].startswith("Confirmation. ")
    assert "confirm 1 of 2 clusters is confirmed in the second half of the period" in shown
    checked.write(tmp_path / "out")
    rows = (tmp_path / "out" / "confirmation.csv").read_text().splitlines()
    assert rows[0].replace('"', "") == "cluster,set,shared,accounts,active,p_value,adjusted"
    lone = cn.Clusters.from_labels([["user1", "user2", "user3"]], checked.layers[0])
    assert words.confirmed(checked.confirmation, lone, 0) == (
        "no cluster like it was found in the first half of the period"
    )


def test_null_runs_in_words(checked):
    shown = " ".join(repr(checked).split())
    for said in words.null_runs(checked.null_runs, checked.clusters.evidence):
        assert said in shown
    runs = NullRuns(np.array([1.0, -3.0]), np.array([-2.0, -np.inf]), np.array([1, 0, 0, 0], bool))
    kinds = (
        "a cluster was found in 1 of 2 logs with shuffled accounts and in 0 of 2 with swapped "
        "profiles"
    )
    assert words.null_runs(runs, np.array([4.0, -2.5, 9.0])) == [
        kinds,
        "no set in them came near significance (1.3 is needed)",
        "none of 4 logs had a set with as much evidence as clusters 0, 2; more runs could say more",
        "they do not judge cluster 1: there the evidence is in the pairs, not in the group",
    ]
    assert words.null_runs(runs, None) == words.null_runs(runs, np.zeros(0))
    assert len(words.null_runs(runs, None)) == 2
    strong = NullRuns(np.array([5.0, 3.0]), np.array([-2.0, 3.5]), np.array([1, 1, 0, 1], bool))
    assert words.null_runs(strong, np.array([3.2, 6.0]))[1:] == [
        "the largest evidence of any set in them was 5.0",
        "none of 4 logs had a set with as much evidence as cluster 1; more runs could say more",
        "2 of 4 logs had a set with as much evidence as cluster 0: p = 0.67",
    ]
    many = words.null_runs(strong, np.arange(12.0) + 6)[2]
    assert "clusters 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more clusters;" in many
    alone = NullRuns(np.array([-9.0]), np.zeros(0), np.array([False]))
    assert words.null_runs(alone, None)[0] == (
        "a cluster was found in 0 of 1 log with shuffled accounts; swapped profiles keep who acts "
        'together in time, which is no null for null="activity", so there are none'
    )
    for said in [*words.null_runs(alone, None), *words.null_runs(runs, np.array([4.0, -2.5]))]:
        assert len(said) < 200


def test_what_was_asked_is_one_line(checked):
    assert "asked within 60s, level 0.05, null both " in " ".join(repr(checked).split())
    rows = rows_of(checked.log)
    mixed = [(*row[:3], "url" if i % 3 else "retweet", None) for i, row in enumerate(rows)]
    log = log_of(mixed)
    part = len(log.select("retweet"))
    run = cn.detect(log, {"retweet": "60s"}, fdr=None, score=False)
    assert run.asked == (
        f"retweet within 60s, not tested: counts, not evidence; {part:,} of {len(log):,} actions"
    )
    assert run.asked in run._repr_html_()
    assert 0 < part < len(log)
    both = cn.detect(log, {"retweet": "60s", "url": 60}, null="timing", co_timing="1s", score=False)
    assert both.asked == (
        "retweet within 60s and url within 60s, co-timing within 1s, level 0.05, null timing"
    )


def test_accounts_taken_out_that_are_in_no_cluster_are_told():
    assert words.cleaning([0, 89], 89) == words.cleaning([0, 89], 95) == words.cleaning([0, 89])
    assert words.cleaning([0, 89], 87) == (
        "1 round, 89 accounts taken out; those of lone edges too, not only the 87 in clusters"
    )
    assert words.cleaning([0, 1]) == "1 round, 1 account taken out"


def test_what_is_printed_is_narrow_and_begins_with_no_negative_number(checked, suspects):
    for run in (checked, suspects):
        assert max(map(len, repr(run).splitlines())) < 100
    loud = cn.simulate("election", accounts=1_500, seed=1)
    scores = cn.detect(loud.log, null_sets=0).scores
    evidence = scores["group_evidence"].value
    head, rows = scores.rows()
    at = head.index("group_evidence")
    for i, row in enumerate(rows):
        inconclusive = evidence[i] <= -np.log10(0.05)
        assert (row[at] == "inconclusive") == inconclusive
        assert not row[at].startswith("-")
        shown = repr(scores.clusters[i])
        assert ("inconclusive for the group as a whole" in shown) == inconclusive
    assert max(map(len, repr(scores).splitlines())) < 100
    np.testing.assert_array_equal(scores.to_frame()["group_evidence"], evidence)
