"""Stability: clusters found again on other seeds, drawn objects, halves, and parts of a log."""

import gc
import math
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import acts, group_tester, log_of, ring_rows, rows_of, two_halves
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import logs

import coordnet as cn
from coordnet.robustness import stability
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_clusters
from coordnet.times import SECOND

RULE = Configuration("60s")
COUNTS = Configuration("60s", fdr=None, groups=False, min_weight=2, method="components")


def quartet():
    """Return rows of a, b, c together on four objects, d with them on two of these, and a public.

    d comes to the first two only; without either of these it has one object left in common and,
    where two are asked for, is out.
    """
    rng = np.random.default_rng(0)
    rows = []
    for obj in range(60):  # slow, so that the four are surprising
        who = rng.choice(40, 6, replace=False)
        times = (obj % 19) * 86_400 + rng.uniform(600, 80_000, 6)
        rows += acts(f"o{obj:02d}", *zip([f"user{a:02d}" for a in who], times, strict=True))
    rows += acts("with d 1", *[(m, 2 * 86_400 + 5 * i) for i, m in enumerate("abcd")])
    rows += acts("with d 2", *[(m, 4 * 86_400 + 5 * i) for i, m in enumerate("abcd")])
    rows += acts("three 1", *[(m, 6 * 86_400 + 5 * i) for i, m in enumerate("abc")])
    rows += acts("three 2", *[(m, 8 * 86_400 + 5 * i) for i, m in enumerate("abc")])
    return rows


def stability_of(rows, rule=COUNTS, **options):
    log = log_of(rows)
    found = search_clusters(log, rule).clusters
    frame = cn.cluster_stability(found, rule, backend="pyarrow", **options).to_pylist()
    labels = ["".join(cluster) for cluster in found]
    return dict(zip(labels, frame, strict=True))


def test_jaccard_indices_by_hand():
    """Without either object that d is on, a, b and c are left: 3 of 4; all lies in the first half.

    The halves meet at day 9.6 or so: the second has none of them.
    """
    (row,) = stability_of(quartet(), runs=0).values()
    assert row == {
        "cluster": 0, "reseeded": 0.0, "bootstrap": 0.0, "first_half": 1.0, "second_half": 0.0,
        "without_top_object": 3 / 4, "without_top_occasion": 3 / 4,
    }  # fmt: skip


def test_an_occasion_is_more_than_an_object():
    """Both objects of d within a minute: without one of them a, b, c; without both the same.

    And all four objects within a minute: without that occasion nothing is left.
    """
    day = 86_400 * SECOND
    rows = [(a, o, t - 2 * day + 60 * SECOND if o == "with d 2" else t, k, c)
            for a, o, t, k, c in quartet()]  # fmt: skip
    (row,) = stability_of(rows, runs=0).values()
    assert (row["without_top_object"], row["without_top_occasion"]) == (3 / 4, 3 / 4)
    moved = {"with d 2": (2, 40), "three 1": (4, 80), "three 2": (6, 120)}
    rows = [(a, o, t - moved[o][0] * day + moved[o][1] * SECOND if o in moved else t, k, c)
            for a, o, t, k, c in quartet()]  # fmt: skip
    (row,) = stability_of(rows, runs=0).values()
    assert (row["without_top_object"], row["without_top_occasion"]) == (3 / 4, 0.0)


def test_the_occasion_is_where_they_were_together():
    """Members who come back to the object, each at another time, do not hide the moment."""
    rows = [row for row in quartet() if row[0].startswith("user")]
    together = acts("x", *[(m, 2 * 86_400 + 5 * i) for i, m in enumerate("abcd")])
    together += acts("y", ("a", 2 * 86_400 + 40), ("b", 2 * 86_400 + 45))  # of the same minute
    later = [(m, 4 * 86_400 + 7 * 3_600 * i + 3_600 * j) for i, m in enumerate("abcd")
             for j in range(2)]  # fmt: skip
    rest = acts("x", *later, ("user01", 2 * 86_400 + 20)) + acts("y", ("c", 3 * 86_400))
    log = log_of(rows + together + rest)
    members = log.codes_of([*"abcd"])
    cuts = stability._without_top(log, group_tester(log), members)
    objects, occasion = (cut() for cut in cuts)
    assert sorted(map(str, rows_of(occasion))) == sorted(map(str, rows + rest))
    left = [row for row in rows + together + rest if row[1] != "x"]
    assert sorted(map(str, rows_of(objects))) == sorted(map(str, left))
    apart = log_of(rows + acts("x", ("a", 0), ("b", 9_000)))  # nothing is evidence of anything
    cuts = stability._without_top(apart, group_tester(apart), apart.codes_of([*"ab"]))
    assert [cut() for cut in cuts] == [apart, apart]
    assert [cut() for cut in stability._without_top(log, None, members)] == [log, log]


def test_the_jaccard_index_by_hand():
    def jaccard(*sets):
        return stability._jaccard(*(np.array(sorted(codes), np.int32) for codes in sets))

    assert jaccard({1, 2, 3}, {2, 3, 4, 5}) == 2 / 5
    assert jaccard({1, 2}, {1, 2}) == 1.0
    assert jaccard({1, 2}, {3}) == jaccard({1, 2}, set()) == 0.0


def test_each_half_of_the_period_is_looked_at_alone():
    rows = two_halves({"early": (6, (0,)), "late": (5, (1,)), "both": (7, (0, 1))})
    found = stability_of(rows, RULE, runs=0)
    rows = {name[: name.index("_")]: row for name, row in found.items()}
    halves_of = {n: (r["first_half"], r["second_half"]) for n, r in rows.items()}
    assert halves_of == {"early": (1.0, 0.0), "late": (0.0, 1.0), "both": (1.0, 1.0)}


def test_reseeding_and_bootstrap_are_means_of_jaccard_indices():
    """Of each cluster with its best match, over runs made one by one here.

    Co-actions counted, where nothing is planted: communities that other seeds cut otherwise.
    """
    log = cn.simulate("organic", accounts=300, seed=1).log
    rule = Configuration("60s", fdr=None, groups=False, method="leiden")
    found = search_clusters(log, rule).clusters
    frame = cn.cluster_stability(found, rule, runs=6, seed=1, backend="pyarrow")
    rng = np.random.default_rng(1)
    seeds, draws = rng.integers(0, 2**31, 6).tolist(), rng.integers(0, 2**31, 6).tolist()
    again = {
        "reseeded": [search_clusters(log, rule.replace(seed=seed)) for seed in seeds],
        "bootstrap": [search_clusters(stability._bootstrapped(log, draw), rule) for draw in draws],
    }
    for name, runs in again.items():
        expected = []
        for own in labels_of(found):
            best = [
                max((len(own & c) / len(own | c) for c in labels_of(run.clusters)), default=0)
                for run in runs
            ]
            expected.append(sum(best) / 6)
        assert frame[name].to_pylist() == pytest.approx(expected)
        assert any(0 < index < 1 for index in expected)


def labels_of(clusters):
    """Return the members of each cluster as a set of labels."""
    return [set(cluster) for cluster in clusters]


@given(logs(max_size=20), st.integers(0, 100))
@settings(max_examples=40)
def test_a_bootstrap_draws_whole_objects(rows, seed):
    """Each copy is an object of its own with the actions of the one it is of."""
    log = log_of(rows)
    drawn = stability._bootstrapped(log, seed)
    assert len({(k, o) for _, o, _, k, _ in rows_of(drawn)}) == drawn.n_objects
    actions = {}
    for a, o, t, k, _ in rows_of(drawn):
        actions.setdefault((k, o), []).append((t, a))
    own = {}
    for a, o, t, k, _ in rows_of(log):
        own.setdefault((k, o), []).append((t, a))
    for (kind, label), copy in actions.items():
        assert sorted(copy) == sorted(own[kind, label[: label.rindex("#")]])
    times = np.random.default_rng(seed).poisson(1.0, log.n_objects)
    assert drawn.n_objects == times.sum()


def test_an_object_is_drawn_once_on_average():
    log = log_of(quartet())
    copies = [stability._bootstrapped(log, seed).n_objects for seed in range(200)]
    sd = math.sqrt(log.n_objects)
    assert abs(np.mean(copies) - log.n_objects) < 4 * sd / math.sqrt(200)
    assert np.std(copies) == pytest.approx(sd, rel=0.25)


def test_stability_of_rings_and_any_number_of_threads(ring):
    found = search_clusters(ring, RULE).clusters
    one, two = (
        cn.cluster_stability(found, runs=3, seed=2, threads=t, backend="pyarrow") for t in (1, 2)
    )
    assert one.equals(two)
    for name in ("reseeded", "without_top_object", "without_top_occasion"):
        assert one[name].to_pylist() == [1.0, 1.0, 1.0]
    assert one["bootstrap"].to_pylist()[0] == 1.0
    weak = ring.exclude(objects=[f"r2 {i}" for i in range(4, 12)])  # a ring of only four objects
    found = search_clusters(weak, RULE).clusters
    drawn = [
        cn.cluster_stability(found, runs=3, seed=seed, backend="pyarrow")["bootstrap"].to_pylist()
        for seed in (2, 3)
    ]
    assert drawn[0] != drawn[1]
    assert [own[0] for own in drawn] == [1.0, 1.0]
    assert max(own[2] for own in drawn) < 1.0


def test_stability_follows_the_run(monkeypatch):
    """Its level, background, method and windows: it searched by the defaults, whatever was run."""
    log = log_of(ring_rows())
    public = log_of(ring_rows(rings=(), seed=1))
    run = cn.detect(
        log, ["60s", "10min"], fdr=0.02, method="louvain", min_size=4, occasion_gap="2min",
        background=public, score=False, seed=5,
    )  # fmt: skip
    assert len(run.clusters) >= 3
    seen = []

    def fake(log, config, background, threads):
        seen.append((config, background))
        return SimpleNamespace(clusters=run.clusters)

    monkeypatch.setattr(stability, "search_clusters", fake)
    cn.cluster_stability(run, runs=2, threads=1)
    assert len(seen) == 2 + 2 + 2 + 2 * len(run.clusters)
    assert all(config.replace(seed=5) == run.config for config, _ in seen)
    assert all(background is public for _, background in seen)
    assert [config.seed for config, _ in seen[2:]] == [5] * (len(seen) - 2)
    seen.clear()
    cn.cluster_stability(run.clusters, runs=0, threads=1)  # of clusters: what their layers say
    for config, background in seen:
        assert (config.within, background) == (("60s", "10min"), None)
        assert config.fdr == pytest.approx(0.02)
    seen.clear()
    other = Configuration("30s", method="components")
    cn.cluster_stability(run, other, runs=0, background=log.select("url"), threads=1)
    assert {config.within for config, _ in seen} == {("30s",)}
    assert {background.kinds for _, background in seen} == {("url",)}


def test_stability_holds_one_log_at_a_time(monkeypatch):
    """It held two copies of the log for each cluster until the end."""
    log = log_of(ring_rows())
    found = search_clusters(log, RULE).clusters
    alive = weakref.WeakSet()
    most = []

    def fake(changed, config, background, threads):
        if changed is not log:
            alive.add(changed)
        gc.collect()
        most.append(len(alive))
        return SimpleNamespace(clusters=found)

    monkeypatch.setattr(stability, "search_clusters", fake)
    cn.cluster_stability(found, runs=2, threads=1)
    assert len(most) == 2 + 2 + 2 + 2 * len(found)
    assert max(most) == 1


def test_the_stability_of_a_part_is_that_of_its_rows():
    rows = quartet()
    part = log_of([*rows, *acts("with d 1", ("aa", 2 * 86_400))]).exclude(accounts=["aa"])
    found = search_clusters(part, COUNTS).clusters
    assert [c.accounts.tolist() for c in found] == [[*"abcd"]]
    frame = cn.cluster_stability(found, COUNTS, runs=2, backend="pyarrow").to_pylist()
    assert frame == [*stability_of(rows, runs=2).values()]


def test_stability_of_no_cluster():
    log = log_of(quartet())
    nothing = search_clusters(log, Configuration("60s", fdr=1e-9)).clusters
    assert len(nothing) == 0
    assert len(cn.cluster_stability(nothing, runs=1)) == 0
