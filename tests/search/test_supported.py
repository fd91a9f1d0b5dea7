"""Which clusters are reported: none that only the round before cleaning speaks for."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from helpers import log_of, ring_rows

import coordnet as cn
from coordnet.report.words import _tests
from coordnet.search import search
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_clusters
from coordnet.times import SECOND


class _Layer:
    """What `_supported` reads of a layer of the search."""

    def __init__(self, kept, first, cleaned):
        self.kept, self.first = kept, (first,)
        self.first_tester = "the first" if cleaned else None
        self.least_evidence = 1.6


def pairs_of_ten():
    """Return a graph of five edges, of a family of ten pairs, and clusters of 3, 2 and 2 accounts.

    h = 7: of the p-values 7 x 0.001 and 7 x 0.004 are at most 0.05, and 7 x 0.02 is not.
    """
    rows = [(name, f"o{i}", 0, "k", None) for name in "abcdefg" for i in range(2)]
    graph = cn.co_action(log_of(rows), "60s", min_weight=2).test()
    p = {"ab": 0.001, "ac": 0.001, "bc": 0.03, "de": 0.004, "fg": 0.02}
    ends = graph.all_accounts[graph.edges["source"]] + graph.all_accounts[graph.edges["target"]]
    kept = graph.where(np.isin(ends, list(p)))
    for name in ("p_value", "p_family"):
        kept = kept.with_column(name, np.array(list(p.values())))
    kept = replace(kept, tested=replace(graph.tested, family_pairs=10, null_pairs=7))
    return kept, cn.Clusters.from_labels([["a", "b", "c"], ["d", "e"], ["f", "g"]], kept)


def test_certain_pairs_by_hand():
    kept, clusters = pairs_of_ten()
    assert cn.true_pairs(kept, [("a", "b"), ("a", "c"), ("b", "c")]) == 2
    assert search._certain_pairs(clusters, kept).tolist() == [2, 1, 0]
    assert search._certain_pairs(clusters, replace(kept, tested=None)).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("last", "first", "supported"),
    [
        # the largest p-value that is kept is 0.03: an edge of each is kept by the last round
        ([0.001, 1, 1, 0.03, 0.02], [1, 1, 1, 1, 1], [True, True, True]),
        ([1, 1, 0.03, 0.031, 1], [1, 1, 1, 1, 1], [True, False, False]),
        # two of three pairs are certain by the first round, one of one, and none of one
        ([1, 1, 1, 1, 1], [0.001, 0.001, 0.03, 0.004, 0.02], [True, True, False]),
        # one of three is not more than half
        ([1, 1, 1, 1, 1], [0.001, 0.03, 0.03, 0.02, 0.02], [False, False, False]),
    ],
)
def test_what_speaks_for_a_cluster_by_hand(last, first, supported):
    kept, clusters = pairs_of_ten()
    before = kept.with_column("p_family", np.array(first, float))
    now = kept.with_column("p_family", np.array(last, float))
    for cleaned, expected in ((True, supported), (False, [True] * 3)):
        layers = (_Layer(now, before, cleaned),)
        searched = search.Searched(layers, 0.05, (0, 7), False)
        assert searched._supported(clusters).tolist() == expected
    # a layer that sees nothing of them takes nothing away, nor does it add anything
    wider = replace(kept, relation=cn.CoAction(600 * SECOND)).where(np.zeros(5, bool))
    nothing = _Layer(wider, wider, cleaned=True)
    for both in ((layers[0], nothing), (nothing, layers[0])):
        assert search.Searched(both, 0.05, (0, 7), False)._supported(clusters).all()
    blind = search.Searched((nothing,), 0.05, (0, 7), False)
    assert not blind._supported(clusters).any()


@pytest.mark.parametrize("seed", [303, 314])
def test_no_cluster_of_viewers_beside_a_campaign(seed, monkeypatch):
    """Only the first round speaks for them, in which an evening is many occasions."""
    sim = cn.simulate("mixed_public", accounts=2_000, share=0.02, seed=seed)
    covert = {a for g, names in sim.truth.groups.items() if sim.truth.covert[g] for a in names}
    found = search_clusters(sim.log, Configuration())
    assert {a for cluster in found.clusters for a in cluster} == covert
    monkeypatch.setattr(search.Searched, "_supported", lambda _, c: np.ones(len(c), bool))
    every = search_clusters(sim.log, Configuration())
    assert (every.let_go, len(every.clusters)) == (0, len(found.clusters) + found.let_go)
    others = [c for c in every.clusters if not covert & set(c)]
    assert len(others) == found.let_go > 0
    for cluster in others:
        assert cluster.evidence < 0
        assert cn.true_pairs(every.layers[0], combinations(cluster.accounts, 2)) == 0
    # clusters that stay are the same, with their own tests
    same = [c for c in every.clusters if covert & set(c)]
    assert [list(c) for c in same] == [list(c) for c in found.clusters]
    assert [c.evidence for c in same] == found.clusters.evidence.tolist()


def test_a_ring_that_works_around_the_clock_stays(monkeypatch):
    """A hundred accounts by 500 posts that nobody else shares: only the first round can tell."""
    sim = cn.simulate("large_ring", accounts=1_000, rings=[(100, 500)], kind="text", seed=1)
    rule = Configuration()
    searched = search.search_layers(sim.log, rule)
    found = searched.found(rule)
    assert [set(cluster) for cluster in found.clusters] == [set(sim.truth.groups["ring_1"])]
    assert found.clusters.evidence[0] < 0
    assert cn.true_pairs(found.layers[0]) == 0
    known = search._certain_pairs
    # half of its pairs, not more, are too few
    monkeypatch.setattr(search, "_certain_pairs", lambda *given: np.minimum(known(*given), 2_475))
    assert searched.found(rule).let_go == 1
    monkeypatch.setattr(search, "_certain_pairs", lambda *given: np.minimum(known(*given), 2_476))
    assert searched.found(rule).let_go == 0


def test_a_cluster_that_one_layer_speaks_for_is_reported():
    """And where nothing is tested all are."""
    log = log_of(ring_rows(rings=(12, 9), public=300, seed=4))
    for rule in (
        Configuration(["60s", "6h"]),
        Configuration(["6h", "60s"]),
        Configuration(groups=False),
        Configuration(clean_background=False),
    ):
        found = search_clusters(log, rule)
        assert (sorted(map(len, found.clusters)), found.let_go) == ([9, 12], 0)
    counted = search_clusters(log, Configuration(fdr=None, min_weight=3))
    assert len(counted.clusters) > 0
    assert counted.let_go == 0


def test_how_many_were_let_go_stands_in_the_manifest_and_in_the_report():
    sim = cn.simulate("mixed_public", accounts=2_000, share=0.02, seed=303)
    run = cn.detect(sim.log, score=False)
    assert run.manifest["results"]["clusters_let_go"] == 2
    assert "2 more clusters had kept edges and are not reported" in " ".join(_tests(run))
    assert run.manifest["results"]["clusters"] == len(run.clusters) == 2
