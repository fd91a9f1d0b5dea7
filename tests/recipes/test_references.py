"""Recipes give the numbers of the original tools, where these were run: on the retweets of 2021.

Counts and edge lists exactly, similarities to 1e-9 (the files of some have twelve decimals).
"""

import csv
import gzip

import numpy as np
import pytest

import coordnet as cn

COLUMNS = {
    "account": "account_id",
    "object": "object_id",
    "time": "timestamp_share",
    "post": "content_id",
}


@pytest.fixture(scope="module")
def russian(shared):
    return cn.read_actions(shared("data", "russian_coord_tweets.csv.gz"), **COLUMNS)


@pytest.fixture(scope="module")
def reference(shared):
    """Return the rows of an edge file by their pair of accounts, in byte order."""

    def read(name):
        with gzip.open(shared("reference", name), "rt", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        ends = list(rows[0])[:2]
        return {tuple(sorted(row[end] for end in ends)): row for row in rows}

    return read


def column(graph, name):
    """Return a column of edges by labels."""
    names = graph.all_accounts
    ends = (names[graph.edges[end]].tolist() for end in ("source", "target"))
    return dict(zip(zip(*ends, strict=True), graph.edges[name].tolist(), strict=True))


def assert_column(graph, theirs, ours, name, tolerance=0.0):
    found = column(graph, ours)
    assert found.keys() == theirs.keys()
    ends = sorted(found)
    expected = [float(theirs[e][name]) for e in ends]
    np.testing.assert_allclose([found[e] for e in ends], expected, rtol=1e-13, atol=tolerance)


# -- CooRTweet -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("within", "least", "pairs", "accounts", "edges", "flagged"),
    [
        (60, 2, 3_791, 2_110, 3_721, 60),
        (60, 1, 6_281, 3_954, 6_206, 63),
        (10, 2, 447, 525, 442, 4),
        (3_600, 2, 183_379, 4_099, 169_781, 10_679),
        (86_400, 2, 1_069_010, 4_260, 873_916, 133_736),
    ],
)
def test_coortweet(russian, within, least, pairs, accounts, edges, flagged):
    found = cn.recipes.coortweet(russian, within=within, min_participation=least)
    assert (int(found.weights.sum()), found.n_accounts, found.n_edges) == (pairs, accounts, edges)
    assert int(found.edges["weight_threshold"].sum()) == flagged
    assert cn.recipes.coortweet(russian, within, least, subgraph=1).n_edges == flagged


@pytest.mark.parametrize(("within", "least"), [(60, 2), (60, 1), (10, 2)])
def test_coortweet_edge_by_edge(russian, reference, within, least):
    theirs = reference(f"coortweet_russian_cr_w{within}_mp{least}_edges.csv.gz")
    found = cn.recipes.coortweet(russian, within, least)
    for name in ("weight", "n_content_id", "n_content_id_y"):
        assert_column(found, theirs, name, name)
    for name in ("avg_time_delta", "edge_symmetry_score"):
        assert_column(found, theirs, name, name, 1e-9)
    for share in (0.5, 0.95):
        flagged = cn.recipes.coortweet(russian, within, least, edge_weight=share)
        assert_column(flagged, theirs, "weight_threshold", f"weight_threshold_{share}")


# -- the toolkit -----------------------------------------------------------------------------------


def test_the_toolkit(russian):
    found = cn.recipes.coordination_toolkit(russian, "co_retweet", 60, 1)
    table = cn.recipes.toolkit_edges(found)
    assert (len(table), table["weight"].sum(), found.n_accounts) == (12_412, 12_523, 3_954)


def test_the_toolkit_row_by_row(russian, shared):
    found = cn.recipes.coordination_toolkit(russian, "co_retweet", 10, 1)
    with gzip.open(shared("reference", "toolkit_co_retweet_w10_minw1.csv.gz"), "rt") as file:
        rows = [(r["user_1"], r["user_2"], int(r["weight"])) for r in csv.DictReader(file)]
    theirs = [row for row in rows if row[0] != row[1]]
    assert len(rows) - len(theirs) == 16  # accounts with themselves: never an edge here
    ours = cn.recipes.toolkit_edges(found)
    assert list(ours.itertuples(index=False, name=None)) == theirs


# -- similarity ------------------------------------------------------------------------------------


def test_pacheco_case_study_4(russian, reference):
    """Their code takes accounts of more than ten retweets; here without its cut of rows."""
    every = cn.recipes.pacheco_co_retweet(russian, quantile=None, variant="code", top_n=None)
    theirs = reference("cs4_russian_full.csv.gz")
    assert every.n_edges == 114_857
    assert_column(every, theirs, "similarity", "similarity", 1e-9)
    assert_column(every, theirs, "support", "support")
    assert np.quantile(every.weights, 0.995) == pytest.approx(0.2803, abs=5e-5)
    top = cn.recipes.pacheco_co_retweet(russian, variant="code", top_n=None)
    assert (top.n_edges, top.n_accounts) == (575, 358)
    assert column(top, "weight" if "weight" in top.edges else "similarity").keys() == {
        ends for ends, row in theirs.items() if row["above_q995"] == "1"
    }
    assert len(cn.find_clusters(top, "components", min_size=2)) == 45


def test_pacheco_case_study_5(russian, reference):
    every = cn.recipes.pacheco_co_timing(russian, min_support=9, quantile=None)
    assert every.n_edges == 88_817
    assert_column(
        every, reference("cs5_russian_epochbins_full.csv.gz"), "similarity", "similarity", 1e-9
    )
    assert np.quantile(every.weights, 0.995) == pytest.approx(0.2913, abs=5e-5)
    top = cn.recipes.pacheco_co_timing(russian, min_support=9)
    assert (top.n_edges, top.n_accounts) == (445, 439)
    assert len(cn.find_clusters(top, "components", min_size=2)) == 68


def test_the_cut_of_rows_is_that_of_their_library(russian):
    """Against sparse_dot_topn, which the code of Pacheco et al. calls."""
    topn = pytest.importorskip("sparse_dot_topn")
    import scipy.sparse as sp

    from coordnet.graphs.bipartite import counts, objects_of, tf_idf, top_products

    matrix = counts(russian)
    chosen = (np.asarray(matrix.sum(axis=1)).ravel() > 10) & (objects_of(matrix) >= 2)
    rows = tf_idf(matrix[np.flatnonzero(chosen)], min_df=3, sublinear=True)
    assert rows.shape[0] == 695
    theirs = topn.sp_matmul_topn(sp.csr_matrix(rows), sp.csr_matrix(rows.T), top_n=100).tocoo()
    upper = theirs.row < theirs.col
    found = top_products(rows, 100)
    assert set(zip(found.i.tolist(), found.j.tolist(), strict=True)) == set(
        zip(theirs.row[upper].tolist(), theirs.col[upper].tolist(), strict=True)
    )


@pytest.mark.parametrize(
    ("least", "accounts", "pairs", "total"),
    [(5, 1_669, 366_353, 26_495.5618), (20, 285, 26_316, 1_656.7916)],
)
def test_luceri(russian, least, accounts, pairs, total):
    found = cn.recipes.luceri_co_retweet(russian, least)
    assert (found.n_accounts, found.n_edges) == (accounts, pairs)
    assert found.weights.sum() == pytest.approx(total, abs=1e-4)


def test_luceri_pair_by_pair(russian, reference):
    found = cn.recipes.luceri_co_retweet(russian, 5)
    theirs = reference("coretweet_tfidf_cosine_min5.csv.gz")
    assert_column(found, theirs, "similarity", "similarity", 1e-9)


@pytest.mark.parametrize(
    ("degree", "edges", "total"),
    [(5, 991, 364.48851515978885), (10, 139, 52.71779768379954)],
)
def test_coordinationz(russian, reference, degree, edges, total):
    found = cn.recipes.coordinationz(russian, degree, 0.3, "smoothlog", 0)
    assert found.n_edges == edges
    assert found.edges["similarity"].sum() == pytest.approx(total, abs=1e-9)
    theirs = reference(f"coordinationz_russian_mindeg{degree}_sim03.csv.gz")
    assert_column(found, theirs, "similarity", "similarity", 1e-9)


def test_bicm(russian):
    assert cn.recipes.bicm(russian, 5).n_edges == 64
    assert cn.recipes.bicm(russian, 5, correction="bonferroni").n_edges == 28


# -- as ours ---------------------------------------------------------------------------------------


def test_a_recipe_is_tested_clustered_and_scored_like_a_graph_of_ours(russian):
    graph = cn.recipes.coortweet(russian, within=60)
    tested = graph.test()
    kept = tested.keep(fdr=0.05)
    assert tested.tested.null == "both"
    assert kept.n_edges < graph.n_edges  # in these data no pair at all
    clusters = cn.find_clusters(graph, "components")
    scores = cn.score_clusters(clusters, null_sets=19, only=["accounts", "density"])
    assert scores["accounts"].value.tolist() == clusters.sizes.tolist()
