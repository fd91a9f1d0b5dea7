"""Bounds on true pairs as a user meets them: for picked sets, in scores and in words."""

import itertools
import math
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import naive
import numpy as np
import pytest
from helpers import log_of, ring_rows

import coordnet as cn
from coordnet.report.words import finding, limits
from coordnet.scores.explain import explain
from coordnet.scores.untold import why_untold
from coordnet.scores.view import Estimate


@pytest.fixture(scope="module")
def sim():
    return cn.simulate("campaign", accounts=2_000, seed=4)


@pytest.fixture(scope="module")
def tested(sim):
    return cn.co_action(sim.log, "60s", min_weight=2).test()


@pytest.fixture(scope="module")
def run(sim):
    return cn.detect(sim.log, null_sets=9)


def pairs_of(names):
    return list(itertools.combinations(names, 2))


def test_the_bound_is_that_of_closed_testing_by_the_oracle(tested):
    """Of all edges and of parts of them, from the p-values in the family and its size."""
    p_values, test = tested.edges["p_family"], tested.tested
    alpha, m = Fraction(0.05), test.family_pairs
    small = [Fraction(p) for p in sorted(p_values.tolist()) if p < 0.05]
    steps = [math.ceil(alpha * (m - k) / (alpha - p)) - 1 for k, p in enumerate(small, 1)]
    h = min([m, *steps])
    assert test.null_pairs == h
    names = tested.all_accounts
    rng = np.random.default_rng(0)
    for size in (1, 3, 40):
        some = rng.choice(tested.n_edges, size, replace=False)
        pairs = [(names[tested.edges["target"][e]], names[tested.edges["source"][e]]) for e in some]
        assert cn.true_pairs(tested, pairs) == naive.true_discoveries(
            p_values[some].tolist(), h, 0.05
        )


def test_a_bound_is_never_above_what_is_planted(sim, tested):
    covert = {a: g for g, c in sim.truth.covert.items() if c for a in sim.truth.groups[g]}
    names = tested.all_accounts
    ends = zip(tested.edges["source"], tested.edges["target"], strict=True)
    true = sum(covert.get(names[a], a) == covert.get(names[b], b) for a, b in ends)
    assert 0 < cn.true_pairs(tested) <= true
    for members in sim.truth.groups.values():
        n = len(members)
        assert n < cn.true_pairs(tested, pairs_of(members)) <= n * (n - 1) // 2
    outside = [a for a in sim.log.accounts if a not in covert][:60]
    assert cn.true_pairs(tested, pairs_of(outside)) == 0


def test_what_is_kept_has_the_same_bound(sim, tested):
    kept = tested.keep(fdr=0.025)
    ring = pairs_of(next(iter(sim.truth.groups.values())))
    assert cn.true_pairs(kept, ring) <= cn.true_pairs(tested, ring)
    assert cn.true_pairs(kept) > 0.9 * cn.true_pairs(tested)
    # more confidence, fewer pairs; twice the same pair is one pair
    assert cn.true_pairs(tested, alpha=0.001) <= cn.true_pairs(tested)
    assert cn.true_pairs(tested, ring + [(b, a) for a, b in ring]) == cn.true_pairs(tested, ring)


def test_wrong_uses_are_told(tested):
    graph = cn.co_action(log_of(ring_rows()))
    with pytest.raises(cn.ParameterError, match="needs tested edges"):
        cn.true_pairs(graph)
    for pairs in (["ab"], [("a",)], [None], [3], [("a", "b", "c")]):
        with pytest.raises(cn.ParameterError, match="no pair of labels"):
            cn.true_pairs(tested, pairs)
    with pytest.raises(cn.ParameterError, match="are not among"):
        cn.true_pairs(tested, [("nobody", "else")])
    for pairs in ("ab", 3):
        with pytest.raises(cn.ParameterError, match="are no pairs of labels"):
            cn.true_pairs(tested, pairs)
    for wrong in (3, None, [tested]):
        with pytest.raises(cn.ParameterError, match="a tested graph, or a run or its layers"):
            cn.true_pairs(wrong)
    with pytest.raises(cn.ParameterError, match="alpha=2"):
        cn.true_pairs(tested, alpha=2)


def test_a_run_has_a_bound_over_all_its_layers(sim):
    """Of one layer its own; of several the largest, each at its part of alpha."""
    one = cn.detect(sim.log, score=False)
    assert cn.true_pairs(one) == cn.true_pairs(one.layers) == cn.true_pairs(one.layers[0]) > 0
    ring = pairs_of(next(iter(sim.truth.groups.values())))
    two = cn.detect(sim.log, ["1h", "60s"], score=False)
    for pairs in (None, ring):
        each = [cn.true_pairs(layer, pairs, alpha=0.01) for layer in two.layers]
        assert each[0] < each[1]
        assert cn.true_pairs(two, pairs, alpha=0.02) == cn.true_pairs(two.layers, pairs, 0.02)
        assert cn.true_pairs(two, pairs, alpha=0.02) == each[1]
    with pytest.raises(cn.ParameterError, match=r"give the run, or one .* run\.layers\[0\]"):
        cn.true_pairs(two.graph)


def test_clusters_have_the_bound_without_scores(sim):
    """Each in the layer that it is scored in; it is the first thing that a cluster says."""
    run = cn.detect(sim.log, ["1h", "60s"], null_sets=0)
    bounds = run.scores["pairs_at_least"].value.tolist()
    alone = cn.detect(sim.log, ["1h", "60s"], score=False).clusters
    assert list(alone.pairs_at_least) == [c.pairs_at_least for c in run.clusters] == bounds
    n = math.comb(len(alone[0]), 2)
    first = repr(alone[0]).splitlines()[1].split(maxsplit=1)
    assert first == [
        "pairs", f"at least {bounds[0]:,.0f} of {n:,} act together beyond chance (95 % confidence)",
    ]  # fmt: skip
    shown = ", ".join(f"{b:.0f}" for b in bounds)
    assert f"  pairs    at least {shown} act together" in repr(alone)
    # where it is 0 it says nothing, and never comes first
    outside = [a for a in sim.log.accounts if a not in set().union(*sim.truth.groups.values())]
    others = cn.Clusters.from_labels([outside[:9]], run.layers, missing="ignore")
    assert others.pairs_at_least == (0,)
    assert "pairs " not in repr(others) + repr(others[0])
    untested = cn.detect(sim.log, fdr=None, score=False).clusters
    assert set(untested.pairs_at_least) == {None}
    assert "at least" not in repr(untested) + repr(untested[0])


def test_a_background_that_was_not_cleaned_gives_no_95_percent():
    """One sentence, wherever the bound is told."""
    log = cn.simulate("mixed_public", accounts=2_000, seed=100).log
    for options, sure in (({"clean_background": False}, False), ({}, True)):
        run = cn.detect(log, null_sets=0, **options)
        told = {
            "run": repr(run),
            "explain": run.explain(0),
            "cluster": repr(run.clusters[0]),
            "report": "\n".join([*finding(run), *limits(run)]),
        }
        for where, said in told.items():
            text = " ".join(said.split())
            assert ("95 % confidence" in text) == (sure and where != "run"), where
            assert ("not sure to hold" in text) != sure, where
            if where != "cluster":
                assert ("honest accounts that follow one event may count" in text) != sure, where
    # beside a background that was given it is not cleaned either, and need not be
    other = cn.simulate("mixed_public", accounts=2_000, seed=7).log
    beside = cn.detect(log, background=other, score=False)
    assert "not sure to hold" not in repr(beside)


def test_clusters_have_the_bound_in_scores_and_in_words(sim):
    run = cn.detect(sim.log, null_sets=9)
    least, share = (run.scores[name] for name in ("pairs_at_least", "pair_share_at_least"))
    for i, cluster in enumerate(run.clusters):
        n = math.comb(len(cluster), 2)
        expected = cn.true_pairs(run.layers[0], pairs_of(cluster.accounts))
        assert (least.value[i], least.reference[i]) == (expected, n)
        assert share.value[i] == pytest.approx(expected / n)
        said = (
            f"At least {expected:,} of its {n:,} pairs of accounts act together beyond chance "
            "(95 % confidence, however the cluster was chosen)."
        )
        assert run.explain(i).splitlines()[1].startswith(f"Finding. {said}")


def test_what_is_said_first_of_a_cluster(run):
    """The bound where there is one, but of a small cell that is found as a group."""
    scores = run.scores
    sizes = scores.view.sizes.tolist()
    certain = "act together beyond chance (95 % confidence"

    def found(i, bound):
        bounds = np.where(np.arange(len(sizes)) == i, float(bound), 1.0)
        estimates = {**scores.estimates, "pairs_at_least": Estimate(bounds)}
        return explain(scores.view, estimates, scores.columns, scores.explanation_values, i)

    large, cell = sizes.index(max(sizes)), sizes.index(12)
    whole = "Finding. As a whole, the group acted together more than chance explains"
    for i, bound, cell_first in ((large, 10, False), (cell, 10, True), (cell, 40, False)):
        said = found(i, bound).splitlines()[1]
        assert said.startswith(whole if cell_first else f"Finding. At least {bound} of its")
        assert said.count(certain) == 1
        assert f"may have passed by chance; the {bound} allow for that." in said
    for i in (large, cell):
        said = found(i, 0).splitlines()[1]
        assert "t least" not in said
        assert "How many of its" in said
        assert "cannot be told" in said
        assert said.startswith(whole)
    assert "by chance;" not in found(large, math.comb(max(sizes), 2))


def test_why_nothing_is_certain_by_hand():
    ends = np.array([0, 0, 1], np.int32), np.array([1, 2, 2], np.int32)
    graph = SimpleNamespace(
        edges={"source": ends[0], "target": ends[1], "p_value": np.array([1e-9, 1e-3, 0.01]),
               "p_family": np.array([0.2, 1e-3, 0.01])}
    )  # fmt: skip
    own, other = SimpleNamespace(class_only=0.6), SimpleNamespace(class_only=0.5)
    assert why_untold(graph, np.array([0, 1]), own) == "alone"
    assert why_untold(graph, np.array([0, 1]), other) == "cleaned"
    assert why_untold(graph, np.array([1, 2]), other) == "seldom"
    assert why_untold(graph, np.array([1, 2]), None) == "seldom"
    assert why_untold(graph, np.zeros(0, np.int64), None) == "seldom"


def test_a_bound_of_nothing_is_no_number_in_a_table(run):
    scores = run.scores
    head, rows = scores.rows()
    at = head.index("pairs_at_least")
    assert "-" not in [row[at] for row in rows]
    assert "pairs_at_least is -" not in repr(scores)
    value = scores.estimates["pairs_at_least"].value
    none = replace(scores.estimates["pairs_at_least"], value=np.where(value == value[1], 0, value))
    other = replace(scores, estimates={**scores.estimates, "pairs_at_least": none})
    assert other.rows()[1][1][at] == "-"
    assert other.rows()[1][0][at] == rows[0][at]
    told = "pairs_at_least is - where none is certain by itself; explain() says why"
    assert told in repr(other)
    assert other.to_frame("pyarrow")["pairs_at_least"].to_pylist()[1] == 0


def test_without_tests_there_is_no_bound():
    run = cn.detect(log_of(ring_rows()), fdr=None, null_sets=9)
    assert "not tested" in run.scores.absent["pairs_at_least"]
    assert "At least" not in run.explain(0)
