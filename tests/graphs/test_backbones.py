"""Backbones, by hand and by other implementations."""

import math

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy import stats

import coordnet as cn
from coordnet.graphs.backbones import BACKBONES, load_all
from coordnet.graphs.backbones.bicm import fitnesses, p_values
from coordnet.graphs.backbones.disparity import disparity_p
from coordnet.graphs.backbones.neighbourhood_overlap import overlaps
from coordnet.graphs.bipartite import counts


def graph_of(*edges):
    frame = pd.DataFrame(edges, columns=["source", "target", "weight"])
    return cn.CoordinationGraph.from_frame(frame)


def left(graph):
    names = graph.all_accounts
    ends = (names[graph.edges[end]].tolist() for end in ("source", "target"))
    return ["".join(pair) for pair in zip(*ends, strict=True)]


@pytest.fixture(scope="module")
def star():
    return graph_of(
        ("a", "b", 8.0), ("a", "c", 1.0), ("a", "d", 1.0), ("b", "c", 2.0)
    )  # fmt: skip


@pytest.fixture(scope="module")
def some():
    log = cn.simulate("retweet_ring", accounts=400, seed=2).log
    return cn.co_action(log, min_weight=2)


def test_every_file_of_the_folder_is_a_backbone():
    load_all()
    assert sorted(BACKBONES) == [
        "bicm", "disparity", "neighbourhood_overlap", "noise_corrected", "quantile", "top_k"
    ]  # fmt: skip


def test_quantile(star):
    # weights 1, 1, 2, 8: the median is 1.5, the quantile at a third 1
    assert left(star.backbone("quantile", quantile=0.5)) == ["ab", "bc"]
    assert len(star.backbone("quantile", quantile=1 / 3)) == 4
    assert left(star.backbone("quantile", quantile=1 / 3, strict=True)) == ["ab", "bc"]


def test_disparity_is_as_written(star):
    # of a: strength 10, degree 3; of b: 10 and 2; of c: 3 and 2; of d: 1 and 1, which says nothing
    expected = [
        min((1 - 0.8) ** 2, 1 - 0.8),
        min((1 - 0.1) ** 2, 1 - 1 / 3),
        (1 - 0.1) ** 2,
        min(1 - 0.2, 1 - 2 / 3),
    ]
    found = disparity_p(4, *star.ends, star.weights)
    np.testing.assert_allclose(found, expected)
    kept = star.backbone("disparity", alpha=0.5)
    assert left(kept) == ["ab", "bc"]
    np.testing.assert_allclose(kept.edges["disparity_p"], [expected[0], expected[3]])
    assert left(star.backbone("disparity", alpha=expected[0])) == []  # below the level, not at it


def test_noise_corrected_by_hand():
    # both directions of each edge count: strengths 4, 4, 2 and N = 10
    graph = graph_of(("a", "b", 3.0), ("a", "c", 1.0), ("b", "c", 1.0))
    w, s, t, n = 3.0, 4.0, 4.0, 10.0
    kappa = n / (s * t)
    score = (kappa * w - 1) / (kappa * w + 1)
    mean = s * t / n**2
    variance = s * t * (n - s) * (n - t) / (n**4 * (n - 1))
    alpha = mean**2 / variance * (1 - mean) - mean
    beta = mean / variance * (1 - mean**2) - (1 - mean)
    p = (alpha + w) / (alpha + w + beta + n - w)
    slope = 1 / (s * t) - n * (s + t) / (s * t) ** 2
    deviation = math.sqrt(n * p * (1 - p)) * abs(2 * (kappa + w * slope) / (kappa * w + 1) ** 2)
    found = graph.backbone("noise_corrected", delta=-10)
    assert found.edges["noise_score"][0] == pytest.approx(score)
    assert found.edges["noise_deviation"][0] == pytest.approx(deviation)
    assert score == pytest.approx(0.875 / 2.875)
    just = score / deviation
    assert "ab" in left(graph.backbone("noise_corrected", delta=just - 1e-9))
    assert "ab" not in left(graph.backbone("noise_corrected", delta=just + 1e-9))


def test_top_k(star):
    # of d its only edge; a's second place is a tie of ac and ad
    assert left(star.backbone("top_k", k=1)) == ["ab", "ad", "bc"]
    assert left(star.backbone("top_k", k=1, mutual=True)) == ["ab"]
    assert len(star.backbone("top_k", k=2)) == 4


def test_neighbourhood_overlap_by_hand(star):
    # ab: c of {c, d}; ac: b of {b, d}; ad: none of {b, c}; bc: a of {a}
    np.testing.assert_allclose(overlaps(star), [1 / 2, 1 / 2, 0, 1])
    assert left(star.backbone("neighbourhood_overlap", threshold=0.5)) == ["ab", "ac", "bc"]
    assert left(star.backbone("neighbourhood_overlap", threshold=0.51)) == ["bc"]


def test_neighbourhood_overlap_is_that_of_networkx(some):
    net = some.to_networkx()
    expected = []
    names = some.all_accounts
    for a, b in zip(some.edges["source"], some.edges["target"], strict=True):
        u, v = names[int(a)], names[int(b)]
        around = (set(net[u]) | set(net[v])) - {u, v}
        common = len(list(nx.common_neighbors(net, u, v)))
        expected.append(common / len(around) if around else 0)
    np.testing.assert_allclose(overlaps(some), expected)


# -- the bipartite configuration model ---------------------------------------------------------


@pytest.fixture(scope="module")
def matrix():
    rng = np.random.default_rng(2)
    found = sp.csr_array((rng.random((25, 40)) < rng.random((25, 1)) * 0.5).astype(float))
    found = found[np.flatnonzero(np.diff(found.indptr) > 0)]
    return found[:, np.flatnonzero(np.bincount(found.indices, minlength=40) > 0)]


def test_the_configuration_model_keeps_degrees_and_its_tails_are_as_written(matrix):
    rows, columns = np.diff(matrix.indptr), np.bincount(matrix.indices)
    x, y = fitnesses(rows, columns)
    chance = x[:, None] * y / (1 + x[:, None] * y)
    np.testing.assert_allclose(chance.sum(axis=1), rows, rtol=1e-8)
    np.testing.assert_allclose(chance.sum(axis=0), columns, rtol=1e-8)
    shared = (matrix @ matrix.T).toarray()
    pairs, p = p_values(matrix)
    assert len(pairs.i) == (np.triu(shared, 1) > 0).sum()
    mean = (chance @ chance.T)[pairs.i, pairs.j]
    np.testing.assert_allclose(p, stats.poisson.sf(shared[pairs.i, pairs.j] - 1, mean), rtol=1e-8)
    again, exact = p_values(matrix, "poisson_binomial")
    np.testing.assert_array_equal(again.i, pairs.i)
    for k in range(0, len(exact), 7):  # by adding up one trial after the other
        chances = chance[pairs.i[k]] * chance[pairs.j[k]]
        states = np.zeros(len(chances) + 1)
        states[0] = 1
        for c in chances:
            states[1:] = states[1:] * (1 - c) + states[:-1] * c
            states[0] *= 1 - c
        least = int(shared[pairs.i[k], pairs.j[k]])
        assert exact[k] == pytest.approx(states[least:].sum(), rel=1e-8)


@pytest.mark.slow
def test_the_configuration_model_is_that_of_its_authors(matrix):
    bicm = pytest.importorskip("bicm")
    theirs = bicm.BipartiteGraph()
    theirs.set_biadjacency_matrix(matrix.toarray().astype(int))
    theirs.solve_tool(method="newton", tol=1e-10, print_error=False)
    x, y = fitnesses(np.diff(matrix.indptr), np.bincount(matrix.indices))
    chance = x[:, None] * y / (1 + x[:, None] * y)
    np.testing.assert_allclose(chance, theirs.get_bicm_matrix(), atol=1e-6)


def test_bicm_keeps_the_edges_of_the_recipe(some):
    kept = some.backbone("bicm", level=0.01)
    recipe = cn.recipes.bicm(some.log, level=0.01)
    ours = set(zip(some.edges["source"].tolist(), some.edges["target"].tolist(), strict=True))
    pairs = zip(recipe.edges["source"].tolist(), recipe.edges["target"].tolist(), strict=True)
    expected = set(pairs) & ours
    found = zip(kept.edges["source"].tolist(), kept.edges["target"].tolist(), strict=True)
    assert set(found) == expected
    assert 0 < len(expected) < len(ours)
    assert (kept.edges["bicm_q"] <= 0.01).all()
    assert counts(some.log).shape[0] == len(some.all_accounts)


# -- what is wrong -----------------------------------------------------------------------------


def test_errors_name_what_there_is(star):
    with pytest.raises(cn.ParameterError, match=r"backbone='disparty' is not known.*'disparity'"):
        star.backbone("disparty")
    with pytest.raises(cn.ParameterError, match="'top_k' has no parameter 'n'; it has k, mutual"):
        star.backbone("top_k", n=3)
    with pytest.raises(cn.ParameterError, match="no log of actions"):
        star.backbone("bicm")


@pytest.mark.parametrize("name", ["quantile", "disparity", "noise_corrected", "top_k",
                                  "neighbourhood_overlap"])  # fmt: skip
def test_a_graph_without_edges_stays_so(star, name):
    assert len(star.keep(min_weight=99).backbone(name)) == 0
