"""What a run says first: suspects, cleaning, what could have been found, what holds."""

import json

import numpy as np
import pytest
from helpers import acts, log_of, two_halves

import coordnet as cn
from coordnet.detection import words
from coordnet.inference.statistics import WindowStatistics
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


def test_it_is_said_by_layer_and_of_the_cleaning_too():
    first, second, *_ = words.suspects({"60s": 0.38, "1h": 0.7, "5s": 0.1}, [0], False)
    assert first == (
        "Everybody in these data may be a suspect: two accounts on one object are within 60s of "
        "each other with chance 0.38, within 1h of each other with chance 0.70."
    )
    assert second == "So the timing test has little or no power."
    assert words.suspects({"60s": 0.38}, [0, 20, 1_470], False)[1] == (
        "1,470 accounts were taken out of the background. Those left in it, whom they are compared "
        "with, may be suspects too: the slowest of them."
    )
    first, second, *_ = words.suspects({}, [0], True)
    assert first.endswith(
        ": hardly anybody is left whom the accounts found could be compared with."
    )
    assert second == "So nobody was taken out of the background."
    assert words.suspects({"60s": 0.25}, [0, 3], False) == []


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
    assert layer["chance_before_cleaning"] == before > 0.25
    assert f"chance {layer['chance_before_cleaning']:.2f}" in run.suspects[0]
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
        assert f"p = {table[i]['adjusted']:.2g}" in said
        assert f"cluster {i}: {said}" in shown
        assert checked.explain(i).splitlines()[-1].startswith("Confirmation. ")
    assert "confirm 1 of 2 clusters in the second half of the period" in shown
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
    assert words.null_runs(runs, np.array([4.0, -2.5])) == [
        "a cluster was found in 1 of 4 logs without coordination; the largest evidence was 1.0; no "
        "p-value can be below 0.33",
        "cluster 0 p = 0.33, cluster 1 p = 0.67",
    ]
    assert len(words.null_runs(runs, None)) == 1
    assert words.null_runs(runs, np.arange(12.0))[1].endswith(", and 2 more clusters")


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
