"""The numbers behind pictures, by hand and against the oracle."""

import math

import naive
import numpy as np
import pytest
from helpers import acts, log_of
from scored import DAY, HOUR, MONDAY, public, score_of, text_log
from strategies import SECOND

import coordnet as cn
from coordnet.pictures.bins import counted, time_bins
from coordnet.pictures.comparison import method_comparison
from coordnet.pictures.creation import creation
from coordnet.pictures.gaps import CLASS_PAIRS, gaps
from coordnet.pictures.heat import co_timing_heat
from coordnet.pictures.layers import layers
from coordnet.pictures.network import layout
from coordnet.pictures.references import scores_beside_references
from coordnet.pictures.sensitivity import window_sensitivity
from coordnet.pictures.targets import targets
from coordnet.pictures.timeline import timeline
from coordnet.pictures.unison import unison
from coordnet.scores.view import UnavailableError

US = 1_000_000


@pytest.fixture(scope="module")
def run():
    return cn.detect(cn.simulate("retweet_ring", accounts=600, seed=0).log, null_sets=19)


# -- network -----------------------------------------------------------------------------------


def test_a_network_has_the_members_and_the_edges_between_them(run):
    found = layout(run)
    clusters, graph = run.clusters, run.graph
    assert not found.folded
    codes = found.nodes["account"].to_numpy()
    assert sorted(codes) == sorted(set(clusters.indices.tolist()))
    for row in found.nodes.to_pylist():
        assert row["account"] in clusters.members(row["cluster"])
    names = {
        (int(codes[e["source"]]), int(codes[e["target"]])): e["weight"]
        for e in found.edges.to_pylist()
    }
    inside = set(codes.tolist())
    known = {
        (int(u), int(v)): float(w)
        for u, v, w in zip(graph.edges["source"], graph.edges["target"], graph.weights, strict=True)
        if u in inside and v in inside
    }
    assert {tuple(sorted(pair)): w for pair, w in names.items()} == known
    degree = dict.fromkeys(inside, 0)
    for u, v in known:
        degree[u] += 1
        degree[v] += 1
    assert found.nodes["degree"].to_pylist() == [degree[code] for code in codes.tolist()]
    assert found.clusters["accounts"].to_pylist() == clusters.sizes.tolist()
    assert found.clusters["edges"].to_pylist() == clusters.edges_inside[:, 0].tolist()


def test_accounts_stand_in_the_circle_of_their_cluster_and_circles_apart(run):
    found = layout(run)
    x, y, radius = (found.clusters[name].to_numpy() for name in ("x", "y", "radius"))
    of = found.nodes["cluster"].to_numpy()
    far = np.hypot(found.nodes["x"].to_numpy() - x[of], found.nodes["y"].to_numpy() - y[of])
    assert (far <= radius[of]).all()
    assert len({tuple(p) for p in zip(found.nodes["x"].to_pylist(), found.nodes["y"].to_pylist(),
                                      strict=True)}) == len(of)  # fmt: skip
    for i in range(len(x)):
        for j in range(i):
            assert np.hypot(x[i] - x[j], y[i] - y[j]) > radius[i] + radius[j]


def test_a_layout_is_that_of_its_seed_and_opens_in_its_place(run):
    one, two, other = layout(run, seed=1), layout(run, seed=1), layout(run, seed=2)
    assert one.nodes.equals(two.nodes)
    assert one.edges.equals(two.edges)
    assert not one.nodes.equals(other.nodes)
    folded = layout(run, seed=1, most=5)
    assert folded.folded
    assert folded.nodes.num_rows == folded.edges.num_rows == 0
    assert folded.clusters.equals(one.clusters)
    opened = folded.open(1)
    of = np.flatnonzero(one.nodes["cluster"].to_numpy() == 1)
    assert opened.nodes.select(["account", "x", "y"]).equals(
        one.nodes.take(of).select(["account", "x", "y"])
    )
    with pytest.raises(cn.CoordnetError, match="there is no cluster 9"):
        folded.open(9)


def test_edges_between_clusters_add_up_and_the_strongest_are_kept():
    import pandas as pd

    log = log_of(acts("p", *((a, 10 * i) for i, a in enumerate("abcdefgh"))))
    edges = pd.DataFrame(
        [("a", "b", 1), ("b", "c", 2), ("d", "e", 3), ("c", "d", 4), ("a", "e", 5), ("g", "h", 9)],
        columns=["source", "target", "weight"],
    )
    graph = cn.CoordinationGraph.from_frame(edges, weight="weight", log=log)
    clusters = cn.Clusters.from_labels([["a", "b", "c"], ["d", "e"]], graph)
    found = layout(clusters)
    assert found.between.to_pylist() == [{"source": 0, "target": 1, "edges": 2, "weight": 9.0}]
    assert found.edges_left_out == 0
    assert sorted(found.edges["weight"].to_pylist()) == [1, 2, 3, 4, 5]  # g and h in no cluster
    few = layout(clusters, most_edges=4)  # those inside clusters first, then the strongest
    assert sorted(few.edges["weight"].to_pylist()) == [1, 2, 3, 5]
    assert few.edges_left_out == 1
    apart = layout(clusters, layers=graph.where(graph.weights == 5))
    assert apart.edges["weight"].to_pylist() == [5]
    assert apart.clusters["edges"].to_pylist() == [0, 0]
    assert len(set(apart.nodes["x"].to_pylist())) == 5  # accounts that nothing joins


def test_clusters_that_overlap_and_none():
    log = log_of(acts("p", *((a, 10 * i) for i, a in enumerate("abcdefgh"))))
    found = layout(cn.Clusters.from_labels([["a", "b", "c", "d"], ["c", "d", "e"]], log))
    assert found.nodes.num_rows == 5
    assert found.nodes["cluster"].to_pylist() == [0, 0, 0, 0, 1]
    opened = layout(
        cn.Clusters.from_labels([["a", "b", "c", "d"], ["c", "d", "e"]], log), most=1
    ).open(1)
    assert opened.nodes["cluster"].to_pylist() == [1, 1, 1]
    none = layout(cn.Clusters.from_labels([], log))
    assert (none.nodes.num_rows, none.clusters.num_rows, none.folded) == (0, 0, False)


# -- time --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("span", "most", "width"), [(59, 60, 1), (3_600, 60, 300), (8 * 86_400, 120, 3 * 3_600)]
)
def test_bins_are_few_and_hold_everything(span, most, width):
    start = MONDAY * US + 7
    borders = time_bins(start, start + span * US, most)
    assert set(np.diff(borders)) == {width * US}
    assert borders[0] <= start < borders[1]
    assert borders[-2] <= start + span * US < borders[-1]
    assert len(borders) - 1 <= most


def test_weeks_begin_on_a_monday():
    borders = time_bins((MONDAY + 3 * DAY) * US, (MONDAY + 300 * DAY) * US, 60)
    assert borders[0] == MONDAY * US
    assert borders[1] - borders[0] == 7 * DAY * US
    ages = time_bins(0, 60 * 365 * DAY * US, 20)
    assert len(ages) - 1 <= 20
    assert counted(np.array([0, 60 * 365 * DAY * US]), ages).tolist()[-1] == 1


def test_a_timeline_by_hand():
    rows = [("a", "o", 0), ("b", "o", 10), ("c", "o", 3 * HOUR), ("a", "p", 5 * DAY)]
    rows += [("x", "q", 0), ("y", "q", HOUR), ("y", "r", 6 * DAY), ("z", "r", 6 * DAY + 1)]
    scores = score_of(text_log(rows), "abc", only=["moments"], null_sets=0,
                      moments={"vote": ("2017-05-01", "2017-05-02")})  # fmt: skip
    found = timeline(scores, 0, most=7)
    assert found.borders[0] == MONDAY * US
    assert found.members.tolist() == [3, 0, 0, 0, 0, 1, 0]
    assert found.together.tolist() == [2, 0, 0, 0, 0, 0, 0]  # a and b within a minute
    assert found.others.tolist() == [2, 0, 0, 0, 0, 0, 2]
    assert found.expected.tolist() == [2, 0, 0, 0, 0, 0, 2]  # four actions of each
    assert found.moments.to_pylist() == [
        {"name": "vote", "start": MONDAY * US, "end": (MONDAY + DAY) * US}
    ]
    assert found.table().column_names[:3] == ["start", "end", "members"]
    assert timeline(scores, -1, most=7).members.tolist() == found.members.tolist()


def test_a_heat_map_by_hand():
    rows = [("a", "o", 0), ("a", "o", 5), ("b", "o", DAY), ("c", "p", 10), ("c", "q", DAY + 10)]
    scores = score_of(text_log([*rows, ("x", "o", 6 * DAY)]), "abc", only=["size"])
    found = co_timing_heat(scores, 0, most=7)
    names = scores.clusters.all_accounts[found.accounts].tolist()
    of = dict(zip(names, found.counts.tolist(), strict=True))
    assert of == {
        "a": [2, 0, 0, 0, 0, 0, 0],
        "b": [0, 1, 0, 0, 0, 0, 0],
        "c": [1, 1, 0, 0, 0, 0, 0],
    }
    assert names == ["a", "c", "b"]  # c is more like a than b is
    week = co_timing_heat(scores, 0, by="week")
    assert week.counts.shape == (3, 168)
    assert {n: np.flatnonzero(c).tolist() for n, c in zip(names, week.counts, strict=True)} == {
        "a": [0], "b": [24], "c": [0, 24],
    }  # fmt: skip
    with pytest.raises(cn.ParameterError, match="by='moon' is not known"):
        co_timing_heat(scores, 0, by="moon")


# -- gaps --------------------------------------------------------------------------------------


def test_observed_gaps_equal_the_oracle_and_both_add_up(run):
    log, members = run.log, set(run.clusters[0].accounts.tolist())
    found = gaps(run, 0)
    rows = [
        (log.all_accounts[a], str(o), int(t), "", None)
        for a, o, t in zip(log.account, log.object, log.time, strict=True)
        if log.all_accounts[a] in members
    ]
    apart = np.array([gap for *_, gap in naive.gap_pairs(rows)])
    lower = np.append(-1, found.edges[:-1])
    counts = [((apart > a) & (apart <= b)).sum() for a, b in zip(lower, found.edges, strict=True)]
    assert found.observed.tolist() == counts
    assert found.observed.sum() == len(apart)
    assert found.expected.sum() == pytest.approx(len(apart))
    assert found.window_us == 60 * SECOND
    # the ring acts within 40 s; others hardly ever do
    inside = found.edges <= 60 * SECOND
    assert found.observed[inside].sum() > 20 * found.expected[inside].sum()


def test_expected_gaps_by_hand():
    """Members are 5 s and 3 h apart; others on the one object 1 h, 1 h, 2 h, on none the other."""
    rows = acts("p", ("a", 0), ("b", 5), ("x", 3_600), ("y", 7_200), ("z", 10_800))
    rows += acts("l", ("a", 0), ("b", 10_800)) + acts("q", ("x", 0), ("y", 30), ("y", 35))
    found = gaps(cn.score_clusters([["a", "b"]], log_of(rows), only=["size"]), 0)
    seconds = (found.edges / SECOND).tolist()
    observed = dict(zip(seconds, found.observed.tolist(), strict=True))
    expected = dict(zip(seconds, found.expected.tolist(), strict=True))
    assert {k: v for k, v in observed.items() if v} == {5: 1, 10_800: 1}
    # p has pairs of others of its own, which are all of its class; l has those of its class, on q:
    # x acts 30 s from y and 35 s
    own = {3_600: 2 / 3, 7_200: 1 / 3, 30: 1 / 2, 60: 1 / 2}
    assert {k: v for k, v in expected.items() if v} == pytest.approx(own)


def test_few_pairs_of_others_are_mixed_with_their_class():
    """Three on p are an hour apart; nine on nine other objects of that class at one moment."""
    rows = acts("p", ("a", 0), ("b", 5), ("x", 3_600), ("y", 7_200))
    for i in range(9):
        rows += acts(f"o{i}", *((f"{name}{i}", 86_400) for name in "defg"))
    found = gaps(cn.score_clusters([["a", "b"]], log_of(rows), only=["size"]), 0)
    assert found.observed.sum() == 1
    # of the class there is one pair that is an hour apart and 9 * 6 at once
    at_once = (0 + CLASS_PAIRS * 54 / 55) / (1 + CLASS_PAIRS)
    assert found.expected[0] == pytest.approx(at_once)
    assert found.expected.sum() == pytest.approx(1)


def test_gaps_of_a_cluster_whose_objects_nobody_else_touches():
    log = log_of(acts("p", ("a", 0), ("b", 5), ("c", 9)) + acts("q", ("x", 0)))
    found = gaps(cn.score_clusters([["a", "b", "c"]], log, only=["size"]), 0)
    assert found.observed.sum() == 3
    assert np.isnan(found.expected).all()
    assert set(found.table()["expected"].to_pylist()) == {None}


# -- scores and what is behind them ------------------------------------------------------------


def test_creation_dates_by_hand():
    import pandas as pd

    log = text_log([("a", "o", 0), ("b", "o", 1), ("c", "o", 2), *public(4)])
    days = {"a": "2017-01-02", "b": "2017-01-03", "x000": "2017-01-02", "x001": "2017-03-02"}
    frame = pd.DataFrame({"account": list(days), "created_at": list(days.values())})
    scores = score_of(log, "abc", accounts=frame, only=["size"])
    found = creation(scores, 0, most=10)
    assert (found.members.sum(), found.others.sum(), found.unknown) == (2, 2, 1)
    assert found.borders[0] == 1_483_315_200 * US  # Monday, 2017-01-02
    assert found.members[0] == 2
    assert found.expected.tolist() == found.others.tolist()
    with pytest.raises(UnavailableError, match="give accounts= a table with a column created_at"):
        creation(score_of(log, "abc", only=["size"]), 0)
    with pytest.raises(UnavailableError, match="of the members of cluster 0 are not known"):
        creation(score_of(log, ["c", "x003"], accounts=frame, only=["size"]), 0)


def test_scores_stand_beside_their_references(run):
    table = scores_beside_references(run, 1).scores
    rows = {row["score"]: row for row in table.to_pylist()}
    for name, row in rows.items():
        estimate = run.scores[name]
        assert row["value"] == estimate.value[1]
        assert row["reference"] == estimate.reference[1]
        if row["reference_low"] is not None:
            assert row["reference_low"] <= row["reference_median"] <= row["reference_high"]
    entropy = run.scores["hour_entropy"]
    view = run.scores.view
    values = [
        _entropy(run.log, view.matched.codes[a:b])
        for a, b in zip(view.matched.indptr[19:38], view.matched.indptr[20:39], strict=True)
    ]
    expected = np.percentile(values, (5, 50, 95))
    row = rows["hour_entropy"]
    found = [row[f"reference_{name}"] for name in ("low", "median", "high")]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert entropy.reference[1] == pytest.approx(np.mean(values))
    assert "accounts" not in rows  # a count without a reference


def _entropy(log, codes):
    hours = [int(t) // (3_600 * US) % 24 for c in codes for t in log.time[log.account == c]]
    share = np.bincount(hours, minlength=24) / len(hours)
    return -sum(p * math.log(p) for p in share if p) / math.log(24)


def test_targets_by_hand():
    rows = acts("p", ("a", 0), ("b", 5), ("c", 500), ("x", 9), ("a", 7))
    rows += acts("q", ("a", 0), ("b", 9)) + acts("@emma", ("a", 0), ("b", 2), ("c", 4))
    log = log_of(rows + acts("s", ("a", 0), ("b", 90)))
    scores = cn.score_clusters([["a", "b", "c"]], log, only=["size"])
    found = targets(scores, 0)
    shown = found.objects.drop_columns(["object", "kind"]).to_pylist()
    names = [row.pop("shown") for row in shown]
    assert names[1:] == ["p", "q"]
    assert names[0].startswith("u_")  # a person
    keys = ("members", "at_once", "actions", "co_actions", "outsiders")
    assert [tuple(row[k] for k in keys) for row in shown] == [
        (3, 3, 3, 3, 0), (3, 2, 4, 3, 1), (2, 2, 2, 2, 0),
    ]  # fmt: skip
    assert found.n_objects == 3
    assert targets(scores, 0, most=1).objects.num_rows == 1
    assert targets(scores, 0, identifiers=True).objects["shown"].to_pylist()[0] == "@emma"
    assert log.objects[found.objects["object"].to_numpy()].tolist() == ["@emma", "p", "q"]


def test_texts_in_unison_are_redacted():
    rows = [(a, f"o{a}", i, "post", "Vote @emma now") for i, a in enumerate("abc")]
    scores = score_of(text_log(rows + [(*r, "post", None) for r in public(3)]), "abc",
                      only=["size"])  # fmt: skip
    (row,) = unison(scores, 0).texts.to_pylist()
    assert (row["members"], row["posts"], row["in_unison"]) == (3, 3, 3)
    assert "emma" not in row["text"]
    with pytest.raises(UnavailableError, match="the log has no texts"):
        unison(score_of(text_log([("a", "o", 0), ("b", "o", 1), *public(3)]), "ab",
                        only=["size"]), 0)  # fmt: skip


def test_layers_and_kinds_say_what_scores_say():
    log = cn.simulate("metronome", accounts=500, seed=0).log
    run = cn.detect(log, co_timing="1s", null_sets=19)
    for i in range(len(run.clusters)):
        found = layers(run, i)
        rows = {row["layer"]: row for row in found.layers.to_pylist()}
        assert list(rows) == list(run.layers.names)
        (scored,) = [name for name, row in rows.items() if row["scored"]]
        assert scored == run.clusters[i].layer
        assert rows[scored]["pairs_at_least"] == run.scores["pairs_at_least"].value[i]
        edges = [rows[name]["edges"] for name in run.layers.names]
        assert edges == run.clusters.edges_inside[i].tolist()
        assert rows["co-timing within 1s"]["evidence"] is None
        if scored.startswith("co-timing"):
            assert found.kinds.num_rows == 0


def test_co_actions_of_kinds_add_up(run):
    found = layers(run, 0)
    view = run.scores.view
    acts_of = slice(*view.acts.indptr[:2])
    assert sum(found.kinds["co_actions"].to_pylist()) == (view.lags[acts_of] >= 0).sum()
    assert found.kinds["objects"].to_pylist() == (
        run.scores.evidence(0, by="kind", backend="pyarrow")["objects"].to_pylist()
    )


# -- choices -----------------------------------------------------------------------------------


def test_sensitivity_is_arranged_by_window_and_level():
    import polars as pl

    frame = pl.DataFrame(
        {
            "within": ["10s", "60s", "10s"], "fdr": [0.01, 0.01, 0.05], "resolution": [1.0] * 3,
            "edges": [5, 6, 7], "clusters": [1, 2, 3], "accounts": [10, 20, 30],
            "pairs_kept": [1.0, 0.5, None],
        }
    )  # fmt: skip
    found = window_sensitivity(frame)
    assert (found.windows, found.levels) == (("10s", "60s"), ("level 0.01", "level 0.05"))
    np.testing.assert_array_equal(found.accounts, [[10, 20], [30, np.nan]])
    np.testing.assert_array_equal(found.pairs_kept, [[1, 0.5], [np.nan, np.nan]])
    with pytest.raises(cn.ParameterError, match="has no column 'pairs_kept'"):
        window_sensitivity(frame.drop("pairs_kept"))
    with pytest.raises(cn.ParameterError, match="not of int"):
        window_sensitivity(3)


def test_methods_are_arranged(run):
    log = run.log
    result = cn.compare({"run": run, "same": run.layers, "none": cn.co_action(log, min_weight=999)})
    found = method_comparison(result)
    assert found.methods == ("run", "same", "none")
    assert found.edges.tolist() == [run.graph.n_edges, run.graph.n_edges, 0]
    np.testing.assert_array_equal(found.alike, [[1, 1, 0], [1, 1, 0], [0, 0, 1]])
    assert np.isnan(found.explained[2])


def test_pictures_want_scores_and_say_so(run):
    import dataclasses

    bare = dataclasses.replace(run, scores=None)
    with pytest.raises(cn.ParameterError, match="run detect with score=True"):
        timeline(bare, 0)
    with pytest.raises(cn.ParameterError, match="not of int"):
        layout(3)
    with pytest.raises(cn.CoordnetError, match="there is no cluster 7"):
        gaps(run, 7)
    # a run without scores has a network all the same
    assert layout(bare).nodes.equals(layout(run).nodes)


def test_co_timing_clusters_have_gaps_and_no_targets():
    log = cn.simulate("metronome", accounts=500, seed=0).log
    graph = cn.co_timing(log, within="1s")
    clusters = cn.Clusters.from_labels([log.accounts[:4]], graph)
    scores = cn.score_clusters(clusters, only=["size"])
    found = gaps(scores, 0)
    assert found.expected.sum() == pytest.approx(found.observed.sum())
    with pytest.raises(UnavailableError, match="accounts do not meet on objects"):
        targets(scores, 0)
    assert timeline(scores, 0).together is not None
    given = cn.Clusters.from_labels([log.accounts[:4]], log)
    assert timeline(cn.score_clusters(given, log, only=["size"]), 0).together is None
