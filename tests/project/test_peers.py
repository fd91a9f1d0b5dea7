"""The peers of the benchmark give the numbers of the tools that they stand for; see test_real_data.

On the retweets of 2021, where each original was run. A peer that was weaker than its source would
make a benchmark worth nothing.
"""

import csv
import gzip
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from scipy import stats

import coordnet as cn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
peers = pytest.importorskip("peers")

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
def ring():
    """Return a small population with three groups that anything should see."""
    return cn.simulate("retweet_ring", accounts=1_000, seed=3)


def reference(path):
    """Return the values of an edge file by their pair of accounts."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    return {tuple(sorted(row[:2])): [float(x) for x in row[2:]] for row in rows}


def pairs_of(graph):
    """Return the weight of each pair of labels."""
    names = graph.all_accounts
    ends = names[graph.edges["source"]], names[graph.edges["target"]]
    return {
        tuple(sorted((u, v))): w
        for u, v, w in zip(*(e.tolist() for e in ends), graph.weights.tolist(), strict=True)
    }


def assert_like(ours, theirs):
    """Compare similarities pair by pair."""
    assert ours.keys() == theirs.keys()
    ends = sorted(ours)
    np.testing.assert_allclose([ours[e] for e in ends], [theirs[e][0] for e in ends], atol=1e-6)


# -- CooRTweet ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("within", "participation", "pairs", "accounts", "edges", "flagged"),
    [
        ("60s", 2, 3_791, 2_110, 3_721, 60),
        ("60s", 1, 6_281, 3_954, 6_206, 63),
        ("10s", 2, 447, 525, 442, 4),
        ("3600s", 2, 183_379, 4_099, 169_781, 10_679),
    ],
)
def test_coortweet(russian, within, participation, pairs, accounts, edges, flagged):
    found = peers.coortweet_graph(russian, within, participation)
    assert int(found.edges.weights.sum()) == pairs
    assert (found.edges.n_accounts, found.edges.n_edges) == (accounts, edges)
    assert found.flagged.n_edges == flagged


@pytest.mark.parametrize(("within", "participation"), [("60s", 2), ("60s", 1), ("10s", 2)])
def test_coortweet_edge_by_edge(russian, shared, within, participation):
    name = f"coortweet_russian_cr_w{within[:-1]}_mp{participation}_edges.csv.gz"
    theirs = {ends: row[0] for ends, row in reference(shared("reference", name)).items()}
    assert pairs_of(peers.coortweet_graph(russian, within, participation).edges) == theirs


# -- similarity --------------------------------------------------------------------------------


def test_pacheco(russian, shared):
    """Their code takes accounts of more than ten retweets, the paper of ten or more."""
    found = peers.pacheco_graph(russian, least=11)
    assert found.edges.n_edges == 114_857
    assert np.quantile(found.edges.weights, 0.995) == pytest.approx(0.2803, abs=5e-5)
    assert (found.flagged.n_edges, found.flagged.n_accounts) == (575, 358)
    assert len(cn.find_clusters(found.flagged, "components", min_size=2)) == 45
    theirs = reference(shared("reference", "cs4_russian_full.csv.gz"))
    assert_like(pairs_of(found.edges), theirs)


@pytest.mark.parametrize(
    ("least", "accounts", "pairs", "total"),
    [(5, 1_669, 366_353, 26_495.5618), (20, 285, 26_316, 1_656.7916)],
)
def test_luceri(russian, least, accounts, pairs, total):
    chosen, rows = peers.luceri_rows(peers.counts(russian), least)
    i, j, cosine = peers.similarities(rows)
    assert (len(chosen), len(i)) == (accounts, pairs)
    assert (i < j).all()
    assert cosine.sum(dtype=float) == pytest.approx(total, abs=1e-3)


def test_luceri_pair_by_pair(russian, shared):
    chosen, rows = peers.luceri_rows(peers.counts(russian), 5)
    i, j, cosine = peers.similarities(rows)
    ours = pairs_of(peers.graph_of(russian, chosen[i], chosen[j], cosine))
    assert_like(ours, reference(shared("reference", "coretweet_tfidf_cosine_min5.csv.gz")))


def test_products_are_those_of_the_whole_matrix_whatever_the_block(monkeypatch):
    matrix = sp.random_array((60, 40), density=0.1, format="csr", rng=np.random.default_rng(0))
    dense = np.triu((matrix @ matrix.T).toarray(), 1)
    for block in (1, 50, 1 << 24):
        monkeypatch.setattr(peers, "BLOCK", block)
        found = np.zeros((60, 60))
        for i, j, x in peers.products(matrix):
            found[i, j] += x
        np.testing.assert_allclose(found, dense)


def test_centrality_is_the_leading_eigenvector():
    dense = np.triu(np.random.default_rng(1).random((30, 30)), 1)
    found = peers.centrality(sp.csr_array(dense.astype(np.float32)))
    expected = np.abs(np.linalg.eigh(dense + dense.T)[1][:, -1])
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_disparity_is_as_written():
    i, j, w = np.array([0, 0, 0, 1]), np.array([1, 2, 3, 2]), np.array([8.0, 1.0, 1.0, 2.0])
    # of 0: strength 10, degree 3; of 1: 10 and 2; of 2: 3 and 2; of 3: 1 and 1, which says nothing
    expected = [
        min((1 - 0.8) ** 2, 1 - 0.8),
        min((1 - 0.1) ** 2, 1 - 1 / 3),
        (1 - 0.1) ** 2,
        min(1 - 0.2, 1 - 2 / 3),
    ]
    np.testing.assert_allclose(peers.disparity(4, i, j, w), expected)


# -- collaboration -----------------------------------------------------------------------------


def test_collaboration_is_as_written(ring):
    kind = ring.log.kinds.index("url")
    graph = peers.collaboration(ring.log, 60_000_000, kind)
    beta = -np.log(0.01) / 60
    expected = {}
    for o in np.flatnonzero(ring.log.object_kind == kind):
        rows = slice(*ring.log.by_object[o : o + 2])
        account, time = ring.log.account[rows].tolist(), ring.log.time[rows] / 1e6
        share = 1 / max(len(set(account)) - 1, 1)
        for a in range(len(account)):
            for b in range(a):
                if account[a] != account[b] and abs(time[a] - time[b]) <= 60:
                    ends = tuple(sorted((account[a], account[b])))
                    weight = share * np.exp(-beta * abs(time[a] - time[b]))
                    expected[ends] = expected.get(ends, 0.0) + weight
    ends = zip(graph.edges["source"].tolist(), graph.edges["target"].tolist(), strict=True)
    assert dict(zip(ends, graph.weights.tolist(), strict=True)) == pytest.approx(expected)
    assert len(expected) > 100


# -- BiCM --------------------------------------------------------------------------------------


def test_bicm(russian):
    """64 pairs at a false discovery rate of 5 %; 28 at Bonferroni's 5 %."""
    assert peers.bicm_graph(russian, 5).n_edges == 64
    matrix = peers.counts(russian)
    matrix = matrix[matrix.sum(axis=1) >= 5]
    matrix = matrix[:, np.bincount(matrix.indices, minlength=matrix.shape[1]) >= 2]
    matrix = matrix[np.diff(matrix.indptr) > 0]
    matrix.data = np.ones(matrix.nnz)
    n = matrix.shape[0]
    assert n == 1_669
    *_, p = peers.bicm_p(matrix, 0.05)
    assert (p <= 0.05 / (n * (n - 1) / 2)).sum() == 28


def test_the_configuration_model_keeps_degrees_and_its_tail_is_poisson():
    rng = np.random.default_rng(2)
    matrix = sp.csr_array((rng.random((25, 40)) < rng.random((25, 1)) * 0.5).astype(float))
    matrix = matrix[np.diff(matrix.indptr) > 0]
    matrix = matrix[:, np.bincount(matrix.indices, minlength=40) > 0]
    rows = np.diff(matrix.indptr)
    columns = np.bincount(matrix.indices)
    x, y = peers.configuration(rows, columns)
    chance = x[:, None] * y / (1 + x[:, None] * y)
    np.testing.assert_allclose(chance.sum(axis=1), rows, rtol=1e-6)
    np.testing.assert_allclose(chance.sum(axis=0), columns, rtol=1e-6)
    i, j, p = peers.bicm_p(matrix, 1.0)
    shared = (matrix @ matrix.T).toarray()
    expected = stats.poisson.sf(shared[i, j] - 1, (chance @ chance.T)[i, j])
    np.testing.assert_allclose(p, expected, rtol=1e-6)


# -- all of them -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", peers.PEERS)
def test_every_peer_runs_and_is_seeded(ring, name):
    first, second = (peers.PEERS[name](ring.log, "60s") for _ in range(2))
    np.testing.assert_array_equal(first.indices, second.indices)
    assert (first.sizes >= 3).all()


@pytest.mark.parametrize("name", [">= 3 co-actions", "TF-IDF, top 0.5 % (Pacheco)"])
def test_what_is_planted_in_a_small_population_is_found(ring, name):
    assert cn.evaluate(peers.PEERS[name](ring.log, "60s"), ring.truth).pair_recall > 0.3


def test_moments_are_the_seconds_of_the_log(ring):
    log = peers.moments(ring.log)
    assert len(log) <= len(ring.log)
    assert log.n_objects == len(np.unique(ring.log.time // 1_000_000))
    moments, expected = (
        set(zip(given.all_accounts[given.account], (given.time // 1_000_000).tolist(), strict=True))
        for given in (log, ring.log)
    )
    assert moments == expected
