"""Which clusters are reported: none that rests on a few kept edges alone."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from helpers import log_of, ring_rows

import coordnet as cn
from coordnet.search import search
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_clusters


@pytest.mark.parametrize(
    ("level", "certain"),
    [
        (None, [2, 1, 0]),  # h = 7: 7 x 0.001 and 7 x 0.004 are at most 0.05, 7 x 0.02 is not
        (0.01, [2, 1, 0]),  # a bound has a confidence of 95 % at least
        (0.2, [3, 1, 1]),  # h = 5: at 0.2 the third pair of the first cluster is one, and the last
    ],
)
def test_certain_pairs_by_hand(level, certain):
    """Of a family of ten pairs five have an edge, in clusters of three, two and two accounts."""
    rows = [(name, f"o{i}", 0, "k", None) for name in "abcdefg" for i in range(2)]
    graph = cn.co_action(log_of(rows), "60s", min_weight=2).test()
    p = {"ab": 0.001, "ac": 0.001, "bc": 0.03, "de": 0.004, "fg": 0.02}
    ends = graph.all_accounts[graph.edges["source"]] + graph.all_accounts[graph.edges["target"]]
    kept = graph.where(np.isin(ends, list(p))).with_column("p_family", np.array(list(p.values())))
    kept = replace(kept, tested=replace(graph.tested, family_pairs=10, null_pairs=7))
    assert cn.true_pairs(kept, [("a", "b"), ("a", "c"), ("b", "c")]) == 2
    clusters = cn.Clusters.from_labels([["a", "b", "c"], ["d", "e"], ["f", "g"]], kept)
    assert search._certain_pairs(clusters, kept, level).tolist() == certain
    counted = replace(kept, tested=None)  # without a test every edge counts
    assert search._certain_pairs(clusters, counted, level).tolist() == [3, 1, 1]


@pytest.mark.parametrize("seed", [303, 314])
def test_no_cluster_of_viewers_beside_a_campaign(seed, monkeypatch):
    """Their few false edges lie together; no pair of them is certain, nor are they as a group."""
    sim = cn.simulate("mixed_public", accounts=2_000, share=0.02, seed=seed)
    covert = {a for g, names in sim.truth.groups.items() if sim.truth.covert[g] for a in names}
    found = search_clusters(sim.log, Configuration())
    assert {a for cluster in found.clusters for a in cluster} == covert
    for cluster, evidence in zip(found.clusters, found.clusters.evidence, strict=True):
        pairs = list(combinations(cluster.accounts, 2))
        assert evidence > 1.7 or cn.true_pairs(found.layers[0], pairs) > 0
    monkeypatch.setattr(search.Searched, "_certain", lambda _, c: np.ones(len(c), bool))
    every = search_clusters(sim.log, Configuration())
    assert (every.uncertain, len(every.clusters)) == (0, len(found.clusters) + found.uncertain)
    others = [c for c in every.clusters if not covert & set(c)]
    assert len(others) == found.uncertain > 0
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
    assert searched.found(rule).uncertain == 1
    monkeypatch.setattr(search, "_certain_pairs", lambda *given: np.minimum(known(*given), 2_476))
    assert searched.found(rule).uncertain == 0


def test_a_cluster_that_is_certain_in_one_layer_is_reported():
    """And where nothing is tested all are."""
    log = log_of(ring_rows(rings=(12, 9), public=300, seed=4))
    for rule in (
        Configuration(["60s", "6h"]),
        Configuration(["6h", "60s"]),
        Configuration(groups=False),
        Configuration(clean_background=False),
    ):
        found = search_clusters(log, rule)
        assert (sorted(map(len, found.clusters)), found.uncertain) == ([9, 12], 0)
    counted = search_clusters(log, Configuration(fdr=None, min_weight=3))
    assert len(counted.clusters) > 0
    assert counted.uncertain == 0


def test_how_many_were_not_certain_stands_in_the_manifest():
    sim = cn.simulate("mixed_public", accounts=2_000, share=0.02, seed=303)
    run = cn.detect(sim.log, score=False)
    assert run.manifest["results"]["clusters_not_certain"] == 2
    assert run.manifest["results"]["clusters"] == len(run.clusters) == 2
