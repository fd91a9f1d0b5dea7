"""Reruns: null runs, confirmation, stability, sensitivity, power."""

import gc
import math
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import US, group_tester, log_of, ring_rows, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from strategies import START, logs

import coordnet as cn
from coordnet.robustness import confirmation, null_runs, power, sensitivity, stability
from coordnet.robustness.confirmation import confirm_clusters, halves
from coordnet.robustness.null_runs import NullRuns, run_nulls
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_clusters
from coordnet.times import DAY, SECOND

RULE = Configuration("60s")
COUNTS = Configuration("60s", fdr=None, groups=False, min_weight=2, method="components")


def acts(obj, *who, kind="retweet"):
    """Return the actions of (account, seconds) on an object."""
    return [(a, obj, START + round(s * SECOND), kind, None) for a, s in who]


@pytest.fixture(scope="module")
def ring():
    return log_of(ring_rows())


# -- null runs ---------------------------------------------------------------------------------


def test_p_values_of_null_runs_by_hand():
    """(1 + null runs with at least this) / (n + 1), the worse of shuffled and swapped."""
    runs = NullRuns(np.array([-np.inf, 2.0, 5.0, -np.inf]), np.array([3.0, -np.inf, 1.0, 4.0]))
    found = runs.p_values(np.array([0.5, 2.0, 3.5, 4.0, 5.0, 6.0]))
    assert found.tolist() == [4 / 5, 3 / 5, 2 / 5, 2 / 5, 2 / 5, 1 / 5]
    assert runs.share_with_clusters == 5 / 8
    assert runs.p_values(np.zeros(0)).tolist() == []
    uneven = NullRuns(np.array([-np.inf] * 19), np.array([-np.inf]))
    assert uneven.p_values(np.array([9.0])).tolist() == [1 / 2]
    assert math.isnan(NullRuns(np.zeros(0), np.zeros(0)).share_with_clusters)


def test_null_runs_are_shuffled_and_swapped_logs_each_their_own(ring, monkeypatch):
    """The first keep times and objects, the others who acts on what; scores come in their order."""
    seen = {}

    public = log_of(ring_rows(rings=()))

    def fake(log, config, background, threads):
        assert (config, background, threads) == (RULE, public, 1)
        seen[log.fingerprint] = log
        evidence = np.array([1.0, float(int(log.fingerprint[:6], 16))])
        return SimpleNamespace(clusters=SimpleNamespace(evidence=evidence))

    monkeypatch.setattr(null_runs, "search_clusters", fake)
    found = run_nulls(ring, RULE, 3, seed=5, background=public, threads=1)
    assert len(seen) == 6
    logs_made = list(seen.values())
    scores = [float(int(log.fingerprint[:6], 16)) for log in logs_made]
    assert [*found.shuffled, *found.swapped] == scores
    incidence = sorted((a, o) for a, o, *_ in rows_of(ring))
    slots = sorted((o, t) for _, o, t, *_ in rows_of(ring))
    for i, log in enumerate(logs_made):
        shuffled = sorted((o, t) for _, o, t, *_ in rows_of(log)) == slots
        assert shuffled == (i < 3)
        assert (sorted((a, o) for a, o, *_ in rows_of(log)) == incidence) == (i >= 3)
        counts = np.bincount(log.account, minlength=log.n_accounts)
        np.testing.assert_array_equal(counts, np.bincount(ring.account))
    again = run_nulls(ring, RULE, 3, seed=6, background=public, threads=1)
    assert not set(again.shuffled) & set(found.shuffled)


def test_strata_of_the_configuration_are_kept_when_shuffling(ring, monkeypatch):
    days = []

    def fake(log, config, background, threads):
        days.append(sorted((log.all_accounts[a], t // DAY) for a, t in zip(log.account, log.time,
                                                                       strict=True)))  # fmt: skip
        return SimpleNamespace(clusters=SimpleNamespace(evidence=None))

    monkeypatch.setattr(null_runs, "search_clusters", fake)
    found = run_nulls(ring, Configuration("60s", strata="1d"), 1, threads=1)
    own = [(ring.accounts[a], t // DAY) for a, t in zip(ring.account, ring.time, strict=True)]
    assert days[0] == sorted(own)
    assert days[1] != sorted(own)
    assert (found.shuffled.tolist(), found.swapped.tolist()) == ([-np.inf], [-np.inf])


def test_null_runs_find_nothing_and_rings_get_the_smallest_p():
    log = cn.simulate("retweet_ring", accounts=1_000, seed=0).log
    found = search_clusters(log, RULE).clusters
    nulls = run_nulls(log, RULE, 6, seed=1)
    assert len(found) == 3
    assert nulls.share_with_clusters == 0.0
    assert nulls.p_values(found.evidence).tolist() == [1 / 7] * 3


def test_the_score_of_a_null_run_is_its_largest_evidence(ring):
    """A ring whose objects are its own keeps some of its pace in logs of swapped profiles."""
    nulls = run_nulls(ring, RULE, 6, seed=1)
    seeds = np.random.SeedSequence(1).generate_state(12)
    expected = []
    for i, seed in enumerate(seeds):
        make = cn.shuffled_accounts if i < 6 else cn.swapped_profiles
        evidence = search_clusters(make(ring, int(seed)), RULE).clusters.evidence
        expected.append(max(evidence, default=-np.inf))
    assert [*nulls.shuffled, *nulls.swapped] == expected
    assert 0 < nulls.share_with_clusters == np.mean(np.array(expected) > -np.inf) < 1


def test_null_runs_do_not_depend_on_threads(ring):
    one, two = (run_nulls(ring, RULE, 6, seed=1, threads=t) for t in (1, 2))
    assert one.shuffled.tobytes() == two.shuffled.tobytes()
    assert one.swapped.tobytes() == two.swapped.tobytes()
    assert len(set(one.swapped)) > 1


@pytest.mark.parametrize("options", [{"within": [], "co_timing": "1s"}, {"fdr": None}])
def test_clusters_without_evidence_cannot_be_compared(ring, options):
    rule = Configuration(**{"within": "60s", **options})
    for name, call in (("null_runs", lambda: run_nulls(ring, rule, 1)),
                       ("confirm", lambda: confirm_clusters(ring, rule))):  # fmt: skip
        with pytest.raises(cn.CoordnetError) as error:
            call()
        assert str(error.value).startswith(f"{name}= needs the evidence of the group test")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"runs": -1}, "runs=-1 is no whole number of 0 or more."),
        ({"runs": 1.5}, "runs=1.5 is no whole number of 0 or more."),
        ({"runs": 1, "seed": -1}, "seed=-1 is not a seed"),
    ],
)
def test_wrong_parameters_of_null_runs_are_told(ring, options, told):
    with pytest.raises(cn.ParameterError) as error:
        run_nulls(ring, RULE, **options)
    assert str(error.value).startswith(told)


# -- confirmation ------------------------------------------------------------------------------


@given(logs())
@settings(max_examples=60)
def test_the_halves_are_the_log(rows):
    """What lies before the middle of the period, and what does not."""
    log = log_of(rows)
    first, second = halves(log)
    if not rows:
        assert (len(first), len(second)) == (0, 0)
        return
    middle = (log.time.min() + log.time.max() + 1) / 2
    own = rows_of(log)
    assert sorted(map(str, rows_of(first))) == sorted(str(r) for r in own if r[2] < middle)
    assert sorted(map(str, rows_of(second))) == sorted(str(r) for r in own if r[2] >= middle)


def two_halves(groups):
    """Return rows of a public of 28 days, and of groups {name: (size, halves in which)}."""
    rng = np.random.default_rng(4)
    rows = []
    for obj in range(300):
        birth = rng.uniform(0, 27 * 86_400)
        who = rng.choice(200, 14, replace=False)
        times = birth + np.minimum(rng.lognormal(9.0, 1.5, 14), 80_000)
        rows += acts(f"o{obj:03d}", *zip([f"user{a}" for a in who], times, strict=True))
    rows += acts("o000", ("user0", 0.0), ("user0", 28 * 86_400.0))
    for name, (size, where) in groups.items():
        for half in where:
            for i in range(10):
                moment = (14 * half + rng.uniform(0.2, 13.5)) * 86_400
                pace = moment + rng.uniform(0, 40, size)
                obj = f"{name}{half}{i}"
                rows += acts(obj, *zip([f"{name}_{m}" for m in range(size)], pace, strict=True))
                rest = np.clip(moment + rng.lognormal(9.0, 1.5, 6), 14 * 86_400 * half,
                               14 * 86_400 * (half + 1) - 1)  # fmt: skip
                who = rng.choice(200, 6, replace=False)
                rows += acts(obj, *zip([f"user{a}" for a in who], rest, strict=True))
    return rows


def test_sets_of_the_first_half_are_tested_in_the_second():
    """One group that goes on, one that stops, one whose members go on but apart."""
    rows = two_halves({"on": (6, (0, 1)), "stop": (7, (0,)), "apart": (8, (0,))})
    rng = np.random.default_rng(1)
    for m in range(8):
        for obj in rng.choice(150, 10, replace=False):
            rows += acts(f"later{obj}", (f"apart_{m}", (14.1 + 13 * rng.random()) * 86_400))
    for obj in range(150):
        who = rng.choice(200, 8, replace=False)
        pace = (14.1 + 13 * rng.random(8)) * 86_400
        rows += acts(f"later{obj}", *zip([f"user{a}" for a in who], pace, strict=True))
    log = log_of(rows)
    found = confirm_clusters(log, RULE)
    names = [cluster.accounts[0][:-2] for cluster in found.clusters]
    assert found.clusters.all_accounts is log.all_accounts  # the halves have the codes of the log
    assert len(found.clusters) == 3
    assert names == ["apart", "stop", "on"]  # by size
    assert found.active.tolist() == [8, 0, 6]
    assert found.p_value[1] == 1.0
    assert found.p_value[0] > 0.05
    second = halves(log)[1]
    own = cn.test_group(second, [f"on_{m}" for m in range(6)]).p_value
    assert found.p_value[2] == own < 1e-6
    assert found.adjusted.tolist() == [1.0, 1.0, pytest.approx(3 * own)]
    assert found.to_frame("pyarrow").to_pylist()[2] == {
        "cluster": 2, "accounts": 6, "active": 6, "p_value": own, "adjusted": 3 * own,
    }  # fmt: skip


def test_several_windows_pay_for_the_choice():
    log = log_of(two_halves({"on": (6, (0, 1))}))
    rule = Configuration(["60s", "10min"])
    found = confirm_clusters(log, rule)
    second = halves(log)[1]
    codes = [f"on_{m}" for m in range(6)]
    each = [cn.test_group(second, codes, within=w).p_value for w in ("60s", "10min")]
    (at,) = [i for i in range(len(found.clusters)) if found.p_value[i] < 1e-6]
    assert found.p_value[at] == 2 * min(each)


def test_the_background_and_the_occasion_gap_confirm_too():
    """Each changes what is found in the first half, and the test in the second."""
    log = log_of(two_halves({"on": (6, (0, 1))}))
    public = log_of([row for row in two_halves({}) if row[1] < "o150"])
    for options, background in (({}, public), ({"occasion_gap": "18h"}, None)):
        found = confirm_clusters(log, RULE.replace(**options), background)
        on = [i for i, c in enumerate(found.clusters) if {f"on_{m}" for m in range(6)} <= set(c)]
        assert len(on) == 1
        second = halves(log)[1]
        members = found.clusters[on[0]].accounts
        own = cn.test_group(second, members, background=background, **options)
        plain = cn.test_group(second, members)
        assert found.p_value[on[0]] == own.p_value != plain.p_value


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        ([], []),
        ([0.01], [0.01]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.6, 0.7, 0.02], [1.0, 1.0, 0.06]),
        ([0.02, 0.02], [0.04, 0.04]),
    ],
)
def test_holm_by_hand(p, adjusted):
    assert confirmation._holm(np.array(p, float)).tolist() == pytest.approx(adjusted)


@pytest.mark.parametrize("rows", [[], acts("o", ("u", 0))])
def test_nothing_to_confirm(rows):
    found = confirm_clusters(log_of(rows), RULE)
    assert (len(found.clusters), len(found.p_value), len(found.to_frame())) == (0, 0, 0)


# -- stability ---------------------------------------------------------------------------------


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


def test_reseeding_and_bootstrap_are_means_of_jaccard_indices(ring, monkeypatch):
    """Of each cluster with its best match, over runs that find what is told here."""
    found = search_clusters(ring, RULE).clusters
    assert sorted(map(len, found)) == [5, 6, 9]
    real = search_clusters(ring, Configuration("60s", fdr=None, groups=False, min_weight=3))
    public = log_of(ring_rows(rings=()))

    def fake(log, config, background, threads):
        assert (config.replace(seed=0), background, threads) == (RULE, public, 1)
        if config.seed % 2:  # of odd seeds: each ring without its first member
            members = [found.members(i)[1:] for i in range(3)]
            clusters = cn.Clusters.from_members(real.layers, members, "x", {})
            return SimpleNamespace(clusters=clusters)
        return SimpleNamespace(clusters=found)

    monkeypatch.setattr(stability, "search_clusters", fake)
    monkeypatch.setattr(stability, "_bootstrapped", lambda log, seed: log)
    frame = cn.cluster_stability(found, RULE, runs=8, seed=1, background=public, backend="pyarrow")
    seeds = np.random.default_rng(1).integers(0, 2**31, 8)
    odd = float((seeds % 2).mean())
    assert 0 < odd < 1
    expected = [odd * (n - 1) / n + (1 - odd) for n in (9, 6, 5)]
    assert frame["reseeded"].to_pylist() == pytest.approx(expected)
    assert frame["bootstrap"].to_pylist() == [1.0, 1.0, 1.0]


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
    other = cn.cluster_stability(found, runs=3, seed=3, threads=1, backend="pyarrow")
    assert not other["bootstrap"].equals(one["bootstrap"])


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


# -- sensitivity -------------------------------------------------------------------------------


def pairs_of(log, **options):
    found = cn.detect(log, **options)
    return {
        (int(u), int(v))
        for i in range(len(found.clusters))
        for u in found.clusters.members(i)
        for v in found.clusters.members(i)
        if u < v
    }, found


def test_sensitivity_is_a_row_a_combination():
    log = cn.simulate("diluted", accounts=500, seed=1).log
    grid = {"within": ["60s", "10s", "10min"], "fdr": [0.2, 1e-9], "resolution": [1.0, 3.0]}
    table = cn.sensitivity(log, **grid, backend="pyarrow").to_pylist()
    combinations = [(w, f, r) for w in grid["within"] for f in grid["fdr"] for r in (1.0, 3.0)]
    assert [(t["within"], t["fdr"], t["resolution"]) for t in table] == combinations
    first, _ = pairs_of(log, within="60s", fdr=0.2, resolution=1.0)
    assert len(first) > 20
    for row, (within, fdr, resolution) in zip(table, combinations, strict=True):
        pairs, run = pairs_of(log, within=within, fdr=fdr, resolution=resolution)
        assert (row["edges"], row["clusters"]) == (run.graph.n_edges, len(run.clusters))
        assert row["accounts"] == len(set(run.clusters.indices.tolist()))
        assert row["pairs_kept"] == pytest.approx(len(first & pairs) / len(first))
        if pairs:
            assert row["pairs_new"] == pytest.approx(len(pairs - first) / len(pairs))
        else:
            assert row["pairs_new"] is None
    assert (table[0]["pairs_kept"], table[0]["pairs_new"]) == (1.0, 0.0)
    assert len({row["pairs_kept"] for row in table}) > 2


def test_sensitivity_passes_options_on_and_threads_change_nothing(ring):
    one, two = (
        cn.sensitivity(ring, ["60s"], [0.05], threads=t, backend="pyarrow", min_size=6)
        for t in (1, 2)
    )
    assert one.equals(two)
    assert one["clusters"].to_pylist() == [2]  # not that of five
    with pytest.raises(cn.CoordnetError, match="fdr=2 is not a rate"):
        cn.sensitivity(ring, ["60s"], [2])


def test_sensitivity_where_nothing_is_found():
    table = cn.sensitivity(log_of(acts("o", ("u", 0))), ["60s"], [0.05], backend="pyarrow")
    (row,) = table.to_pylist()
    assert (row["clusters"], row["pairs_kept"], row["pairs_new"]) == (0, None, None)


# -- power -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def organic():
    return cn.simulate("organic", accounts=1_000, seed=0).log


def test_easy_groups_are_found_and_impossible_ones_are_not(organic):
    easy = cn.power(organic, size=10, objects=12, lag="20s", runs=6, seed=1)
    assert (easy.runs, easy.found, easy.power) == (6, 6, 1.0)
    assert easy.recall > 0.95
    for options in (
        {"size": 3, "objects": 1},
        {"size": 10, "objects": 12, "lag": "3d"},
        {"size": 10, "objects": 12, "join": 0.05},
    ):
        hard = cn.power(organic, runs=6, seed=1, **options)
        assert (hard.found, hard.power) == (0, 0.0)
        assert math.isnan(hard.recall)
    slow = {"size": 12, "objects": 25, "lag": "50min", "runs": 6}
    by_minute, by_hour = (cn.power(organic, within=w, **slow) for w in ("60s", "1h"))
    assert by_hour.found > by_minute.found + 3


def test_power_grows_with_the_number_of_objects(organic):
    found = [cn.power(organic, size=6, objects=n, runs=8, seed=2).found for n in (2, 3, 14)]
    assert found[0] < found[1] <= found[2]
    assert found[2] >= 7


def test_power_says_how_sure_it_is(organic):
    found = cn.power(organic, size=10, objects=12, runs=4)
    low, high = stats.binomtest(found.found, 4).proportion_ci(method="wilson")
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert (found.size, found.objects, found.lag) == (10, 12, "20s")
    assert power.wilson(0, 20)[0] == pytest.approx(0.0, abs=1e-12)
    z = stats.norm.ppf(0.975)
    assert power.wilson(0, 20)[1] == pytest.approx(z**2 / (20 + z**2))
    assert all(map(math.isnan, power.wilson(0, 0)))


def test_power_is_the_same_for_the_same_seed_and_any_number_of_threads(organic):
    options = {"size": 6, "objects": 3, "runs": 8}
    one, two = (cn.power(organic, **options, seed=2, threads=t) for t in (1, 2))
    assert one == two
    assert 0 < one.found < 8
    recalls = {cn.power(organic, **options, seed=s).recall for s in (2, 3, 4)}
    assert len(recalls) > 1


@pytest.mark.parametrize(
    ("held", "others", "recall"),
    [(8, 0, 1.0), (8, 8, 1.0), (8, 9, None), (4, 0, 0.5), (4, 4, 0.5), (3, 0, None), (4, 5, None)],
)
def test_what_counts_as_found(organic, monkeypatch, held, others, recall):
    """Half of the group at least, in a cluster that is at least half of it."""

    def fake(log, config, background, threads):
        members = np.unique(log.account[log.row < 0])
        public = np.setdiff1d(log.active, members)
        best = np.concatenate([members[:held], public[:others]])
        graph = cn.co_action(log, "60s", min_weight=3)
        return SimpleNamespace(
            clusters=cn.Clusters.from_members(graph, [public[20:90], best], "x", {})
        )

    monkeypatch.setattr(power, "search_clusters", fake)
    found = cn.power(organic, size=8, objects=6, runs=2, threads=1)
    assert found.found == (0 if recall is None else 2)
    assert recall is None or found.recall == recall


def test_only_accounts_that_act_in_the_log_are_planted(organic):
    """A part of a log has codes of accounts that do not act in it."""
    part = organic.exclude(accounts=organic.accounts[::2])
    rng = np.random.default_rng(0)
    for _ in range(5):
        log, members = power._planted(part, rng, 40, 10, 20 * SECOND, 1.0)
        assert set(members.tolist()) <= set(part.active.tolist())
        assert log.n_accounts == part.n_accounts
    with pytest.raises(cn.CoordnetError, match=r"size=\d+ is no group in a log of"):
        cn.power(part, size=part.n_accounts + 1)
    alone = log_of(rows_of(part))
    options = {"size": 8, "objects": 6, "runs": 4}
    assert cn.power(part, **options) == cn.power(alone, **options)


def test_the_background_and_the_configuration_reach_the_search(organic, monkeypatch):
    public = organic.select(organic.kinds[0]).between(end=organic.span[1] - DAY * US)
    config = Configuration("30s", fdr=0.01, method="components")
    seen = []

    def fake(log, own, background, threads):
        seen.append((own, background))
        empty = cn.find_clusters(cn.co_action(log, "60s", min_weight=9), min_size=99)
        return SimpleNamespace(clusters=empty, layers=empty.layers)

    for module in (power, sensitivity):
        monkeypatch.setattr(module, "search_clusters", fake)
    cn.power(organic, runs=1, config=config, background=public, min_size=4)
    cn.sensitivity(organic, ["5s"], [0.2], config=config, background=public, min_size=4)
    expected = config.replace(min_size=4)
    assert seen == [(expected, public), (expected.replace(within="5s", fdr=0.2), public)]


@pytest.mark.parametrize("join", [1.0, 0.6])
def test_what_is_planted(organic, join):
    rng = np.random.default_rng(3)
    log, members = power._planted(organic, rng, 8, 10, 20 * SECOND, join)
    new = log.row < 0
    assert len(log) == len(organic) + new.sum()
    assert set(log.account[new].tolist()) <= set(members.tolist())
    objects = np.unique(log.object[new])
    assert len(members) == 8
    if join == 1.0:
        assert (new.sum(), len(objects)) == (80, 10)
    else:
        assert stats.binomtest(int(new.sum()), 80, join).pvalue > 1e-3
    for o in objects:
        times = log.time[new & (log.object == o)]
        assert np.ptp(times) <= 20 * SECOND
        own = organic.time[organic.object == o]
        assert own.min() - 1 * SECOND <= times.min()
        assert times.max() <= own.max() + 20 * SECOND
    assert (log.time % SECOND == 0).all()  # as the log's own clock
    kept = log.where(~new, "planted")
    np.testing.assert_array_equal(kept.time, organic.time)
    np.testing.assert_array_equal(kept.account, organic.account)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"size": 1}, "size=1 is no group in a log of"),
        ({"size": 10**6}, "size=1000000 is no group in a log of"),
        ({"objects": 0}, "objects=0: the log has"),
        ({"objects": 10**6}, "objects=1000000: the log has"),
        ({"join": 0}, "join=0 is not a chance above 0."),
        ({"join": 1.5}, "join=1.5 is not a chance above 0."),
        ({"lag": "soon"}, "lag='soon' is not a duration"),
        ({"fdr": 2}, "fdr=2 is not a rate between 0 and 1"),
    ],
)
def test_wrong_parameters_of_power_are_told(organic, options, told):
    with pytest.raises(cn.CoordnetError) as error:
        cn.power(organic, **options)
    assert str(error.value).startswith(told)
