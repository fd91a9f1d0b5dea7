"""Methods side by side: counts by hand, agreement by igraph, and what the null models explain."""

import pandas as pd
import pytest

import coordnet as cn

NAMES = ["source", "target", "weight"]


def graph(*edges, log=None):
    return cn.CoordinationGraph.from_frame(pd.DataFrame(edges, columns=NAMES), log=log)


@pytest.fixture(scope="module")
def ring():
    return cn.simulate("retweet_ring", accounts=500, seed=0)


@pytest.fixture(scope="module")
def found(ring):
    run = cn.detect(ring.log, score=False)
    recipe = cn.recipes.coortweet(ring.log, 60)
    return run, recipe, cn.compare({"ours": run, "coortweet": recipe})


def test_counts_and_overlaps_by_hand():
    one = graph(("a", "b", 1), ("b", "c", 1), ("c", "d", 1), ("x", "y", 1))
    other = graph(("a", "b", 2), ("b", "c", 2), ("x", "z", 2))
    found = cn.compare({"one": one, "other": other}, method="components", min_size=2)
    rows = found.to_frame()
    assert rows["edges"].tolist() == [4, 3]
    assert rows["accounts"].tolist() == [6, 5]
    assert rows["clusters"].tolist() == [2, 2]
    assert rows["clustered"].tolist() == [6, 5]
    assert rows["explained"].isna().all()  # without a log nothing is tested
    assert "has no log of actions" in rows["note"][0]
    (pair,) = found.to_frame(part="overlaps").to_dict("records")
    assert (pair["a"], pair["b"], pair["edges"], pair["accounts"]) == ("one", "other", 2, 4)
    assert pair["edge_jaccard"] == pytest.approx(2 / 5)
    assert pair["account_jaccard"] == pytest.approx(4 / 7)
    # {a b c d} {x y} and {a b c} {x z}: three pairs in both, six and one, three and one alone
    assert pair["pair_jaccard"] == pytest.approx(3 / (7 + 4 - 3))
    # of 21 pairs of a, b, c, d, x, y, z: expected 7 * 4 / 21
    assert pair["ari"] == pytest.approx((3 - 28 / 21) / ((7 + 4) / 2 - 28 / 21))


def test_what_is_explained_is_the_share_of_edges_above_the_level(found):
    run, recipe, both = found
    rows = both.to_frame().set_index("method")
    tested = recipe.test()
    assert rows.loc["coortweet", "explained"] == (tested.edges["q_value"] > 0.05).mean() > 0
    assert rows.loc["coortweet", "within"] == "60s"
    assert rows.loc["ours", "explained"] == 0
    assert rows.loc["ours", "edges"] == run.graph.n_edges
    strict = cn.compare({"x": recipe}, level=1e-9).to_frame()["explained"][0]
    assert strict == (tested.edges["q_value"] > 1e-9).mean()


def test_another_window_tests_anew(found, ring):
    run, recipe, _ = found
    rows = cn.compare({"ours": run, "theirs": recipe}, within="10s", null="activity").to_frame()
    assert rows["within"].tolist() == ["10s", "10s"]
    assert rows["null"].tolist() == ["activity", "activity"]
    assert cn.compare({"x": cn.recipes.pacheco_co_timing(ring.log)}).to_frame()["null"][0] == (
        "activity"
    )


def test_a_graph_from_a_file_is_tested_on_the_log_given(ring):
    ours = cn.co_action(ring.log, "60s", min_weight=3)
    frame = ours.to_frame()
    theirs = cn.CoordinationGraph.from_frame(frame, weight="objects")
    assert theirs.source is None
    explained = cn.compare({"a": ours, "b": theirs}, ring.log).to_frame()["explained"].tolist()
    assert explained[0] == explained[1]
    strange = graph(("nobody", "here", 1))
    with pytest.raises(cn.ParameterError, match=r"methods\['s'\] has 1 edge of accounts that are"):
        cn.compare({"s": strange}, ring.log)


def test_clusters_and_layers_are_taken(ring):
    clusters = cn.recipes.iannucci(ring.log)
    overlapping = cn.Clusters.from_labels(
        [["a", "b"], ["b", "c"]], graph(("a", "b", 1), ("b", "c", 1))
    )
    rows = cn.compare({"multislice": clusters, "layers": clusters.layers}).to_frame()
    assert rows["clusters"][0] == len(clusters)
    assert rows["edges"][0] == rows["edges"][1] == clusters.graph.n_edges
    pair = cn.compare({"x": overlapping, "y": overlapping}).to_frame(part="overlaps")
    assert pair["ari"].isna().all()


def test_the_text_says_what_the_frame_says(found):
    _, recipe, both = found
    explained = both.to_frame()["explained"][1]
    assert f"coortweet: {recipe.n_edges:,} edges among {recipe.n_accounts:,} accounts" in both.text
    assert f"Of its edges {explained:.0%} are explained: at 60s, null both" in both.text
    assert "adjusted Rand index of their clusters" in both.text
    assert both.text in repr(both)
    assert "<table>" in both._repr_html_()


def test_what_is_no_result_is_refused():
    with pytest.raises(cn.ParameterError, match="is no result of a method"):
        cn.compare({"x": [1, 2]})
    with pytest.raises(cn.ParameterError, match="takes a mapping"):
        cn.compare([1])
