"""Windows by kind in a whole run: configuration, search, scores, files, command line."""

import json
import re

import naive
import numpy as np
import pytest
from helpers import assert_same_graph, log_of, ring_rows, table_of
from hypothesis import given
from strategies import KINDS, SECOND, examples, logs

import coordnet as cn
from coordnet.cli import main

WITHIN = {"hashtag": "60s", "retweet": "60s", "url": "10min"}
MINUTES = {"retweet": "60s", "url": "10min"}
OPTIONS = {"null_sets": 19, "seed": 0}


@pytest.fixture(scope="module")
def cross():
    return cn.simulate("cross_trace", accounts=2_000, seed=0)


@pytest.fixture(scope="module")
def run(cross):
    return cn.detect(cross.log, within=WITHIN, **OPTIONS)


# -- the configuration -------------------------------------------------------------------------


def test_windows_compare_by_value_however_they_are_written():
    one = cn.Configuration(within={"url": 600, "retweet": "1min"})
    assert one.within == ({"retweet": "60s", "url": "10min"},)
    assert one == cn.Configuration(within=[MINUTES]) == one.replace(fdr=0.05)
    assert one != cn.Configuration(within={"retweet": "60s", "url": "1h"})
    both = cn.Configuration(within=["60s", MINUTES], co_timing="1s")
    assert [relation.title for relation in both.relations] == [
        "co-action within 60s", "co-action within retweet 60s, url 10min", "co-timing within 1s",
    ]  # fmt: skip
    assert both.layer_level == pytest.approx(0.05 / 3)
    assert json.loads(json.dumps(both.parameters()))["within"] == ["60s", MINUTES]
    with pytest.raises(cn.ParameterError, match="has a window twice"):
        cn.Configuration(within=[MINUTES, {"url": 600, "retweet": 60}])


@pytest.mark.parametrize(
    ("text", "within"),
    [
        ('within = {retweet = "60s", url = "10min"}', (MINUTES,)),
        ('[within]\nretweet = "60s"\nurl = "10min"', (MINUTES,)),
        ('within = ["1h", {retweet = "60s", url = 600}]', ("1h", MINUTES)),
    ],
)
def test_toml_has_windows_by_kind(tmp_path, text, within):
    path = tmp_path / "run.toml"
    path.write_text(text)
    assert cn.Configuration.read(path).within == within


def test_the_rule_of_layers_has_their_windows(run):
    found = cn.search.configuration.configuration_of(run.layers)
    assert (found.within, found.fdr) == ((WITHIN,), 0.05)


# -- the search --------------------------------------------------------------------------------


def test_cross_trace_is_found_whole(cross, run):
    """Groups spread over three kinds, too thin in each: precision 1, and all of the pairs."""
    assert run.layers.names == ("co-action within hashtag 60s, retweet 60s, url 10min",)
    result = cn.evaluate(run.clusters, cross.truth)
    assert result.pair_precision == 1.0
    assert result.pair_recall > 0.95
    assert run.manifest["layers"][0]["within"] == WITHIN
    assert run.manifest["parameters"]["within"] == [WITHIN]
    assert "within the window of its kind (hashtag 60s, retweet 60s, url 10min)" in run.explain(0)


def test_one_window_for_all_kinds_is_the_plain_run(cross, run):
    """All but its name: the windows stand in the title of the layer."""
    same = cn.detect(cross.log, within=dict.fromkeys(cross.log.kinds, "60s"), **OPTIONS)
    plain = cn.detect(cross.log, within="60s", **OPTIONS)
    assert_same_graph(same.layers[0], plain.layers[0])
    assert same.clusters.indices.tobytes() == plain.clusters.indices.tobytes()
    for name, estimate in plain.scores.estimates.items():
        np.testing.assert_array_equal(same.scores[name].value, estimate.value, err_msg=name)
    for i in range(len(plain.clusters)):
        assert same.scores.evidence(i).equals(plain.scores.evidence(i))


def test_kinds_that_take_no_part_are_scored_and_not_searched(cross):
    """A layer of two kinds beside one of the third; members are scored on all that they did."""
    run = cn.detect(cross.log, within=[MINUTES, {"hashtag": "60s"}], stability=1, **OPTIONS)
    assert run.log is cross.log
    assert [layer.log.kinds for layer in run.layers] == [("retweet", "url"), ("hashtag",)]
    members = np.isin(cross.log.account, run.clusters.members(0))
    assert run.scores["actions"].value[0] == members.sum()
    for i in range(len(run.clusters)):
        layer = run.layers[int(run.clusters.layer_of[i])]
        evidence = run.scores.evidence(i, by="action", backend="pyarrow")
        assert set(evidence["kind"].to_pylist()) <= set(layer.log.kinds)
    # found again in all of the log, not only in what the first layer looks at
    assert (run.scores["stability[reseeded]"].value > 0.9).all()


def test_half_of_a_period_may_lack_a_kind(cross):
    """Confirmation and halves look at what is there; kinds are asked for in the whole log."""
    log = cross.log
    middle = (log.limits[0] + log.limits[1]) // 2
    url = log.kinds.index("url")
    early = log.where((log.object_kind[log.object] != url) | (log.time < middle), "late")
    run = cn.detect(early, within=MINUTES, confirm=True, null_runs=1, **OPTIONS)
    assert (run.confirmation.adjusted < 0.05).any()
    assert run.null_runs.share_with_clusters == 0


def test_power_plants_on_kinds_that_are_looked_at(cross):
    """A third of the objects: on the others nobody would be found."""
    found = cn.power(cross.log, size=12, objects=12, lag="2min", runs=2, within={"url": "10min"})
    assert found.found == 2


SYNCHRONY = ("synchronised_actions", "synchronised_objects", "median_lag")


@given(logs(min_size=12, contents=False))
@examples(40)
def test_scores_of_sets_equal_the_oracle(rows):
    """Members are together within the window of the kind, on kinds that have one."""
    log = log_of(rows)
    within = {"hashtag": 0, "retweet": "60s", "url": "121s"}
    window = {"hashtag": 0, "retweet": 60 * SECOND, "url": 121 * SECOND}
    within = {kind: within[kind] for kind in log.kinds[:2] if kind in KINDS}
    own = [row for row in rows if row[3] in within]
    members = sorted({row[0] for row in own})
    if len(members) < 2:
        return
    scores = cn.score_clusters([members], log, within=within, only=SYNCHRONY, null_sets=0)
    expected = naive.scores(own, {}, set(members), window)
    for name in SYNCHRONY:
        found = float(scores[name].value[0])
        assert found == pytest.approx(expected[name], nan_ok=True), name


# -- files -------------------------------------------------------------------------------------


def test_a_run_is_loaded_as_it_was_saved(tmp_path, run):
    path = tmp_path / "run.coordnet"
    run.save(path)
    again = cn.load(path)
    assert again.config == run.config
    assert again.layers[0].relation == run.layers[0].relation
    assert again.layers[0].within == WITHIN
    assert_same_graph(again.layers[0], run.layers[0])
    assert again.explain(0) == run.explain(0)
    assert again.scores.evidence(0).equals(run.scores.evidence(0))


def test_pseudonyms_of_a_run_are_those_of_its_evidence(cross):
    run = cn.detect(cross.log, within=MINUTES, **OPTIONS)
    shown = set(run.scores.evidence(0, by="action", backend="pyarrow")["account"].to_pylist())
    key = cross.log.secret("pseudonyms")
    members = cn.export.labels_out(run.clusters[0].accounts, key, False)
    assert shown <= set(members)


# -- the command line --------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "actions.csv"
    table_of(ring_rows((9,), 60)).to_pandas().to_csv(path, index=False)
    return str(path)


def detect(table, out, *options):
    return main([
        "detect", table, "--account", "account", "--object", "object", "--time", "time",
        "--kind-column", "kind", "--unit", "us", "--no-score", "--out", str(out), *options,
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("options", "within"),
    [
        (["retweet=60s", "url=10min"], [MINUTES]),
        (["1h", "url=10min", "60s", "retweet=60s"], ["1h", MINUTES, "60s"]),
        (["60s", "1h"], ["60s", "1h"]),
    ],
)
def test_windows_of_the_command_line(table, tmp_path, options, within):
    out = tmp_path / "out"
    given = [part for option in options for part in ("--within", option)]
    assert detect(table, out, *given) == 0
    assert json.loads((out / "manifest.json").read_text())["parameters"]["within"] == within


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["url=60s", "url=1h"], "--within has two windows for the kind 'url'."),
        (["url=soon"], r"within\['url'\]='soon' is not a duration"),
        (["retwet=60s"], "the kind 'retwet', and the log has no such actions.*Did you mean"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_said(table, tmp_path, capsys, options, message):
    given = [part for option in options for part in ("--within", option)]
    assert detect(table, tmp_path / "out", *given) == 1
    assert re.search(message, capsys.readouterr().err)
