"""Co-timing: runs folded into events, events counted on both sides, and the jitter null."""

import random
from itertools import combinations

import naive
import numpy as np
import pyarrow as pa
import pytest
from helpers import US, assert_edges, assert_same_graph, edges_of, log_of
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import ACCOUNTS, REFRACTORY, SECOND, START, WINDOW, examples, logs, windows

import coordnet as cn
from coordnet.inference import round_times
from coordnet.times import HOUR, MINUTE


def graph_of(rows, within=SECOND, refractory=REFRACTORY, **options):
    return cn.co_timing(log_of(rows), within * US, refractory * US, **options)


def at(account, *seconds):
    """Return actions of an account, each on an object of its own."""
    return [
        (account, f"{account} {s}", START + round(s * SECOND), "retweet", None) for s in seconds
    ]


# -- against the oracle ------------------------------------------------------------------------


@given(logs(), windows(), st.sampled_from([0, 1, REFRACTORY, WINDOW]), st.integers(1, 3))
def test_every_column_equals_the_oracle(rows, within, refractory, min_weight):
    graph = graph_of(rows, within, refractory, min_weight=min_weight)
    assert_edges(edges_of(graph), naive.co_timing(rows, within, refractory, min_weight))
    assert (graph.weight, graph.min_weight) == ("coincidences", min_weight)
    assert graph.relation == cn.CoTiming(within, refractory)
    assert graph.window_us == within


def test_a_larger_log_equals_the_oracle():
    rng = np.random.default_rng(3)
    rows = [
        (f"u{a}", "p", START + int(t), "retweet", None)
        for a, t in zip(rng.integers(0, 15, 900), rng.integers(0, 100 * WINDOW, 900), strict=True)
    ]
    for within in (SECOND, 20 * SECOND):
        expected = naive.co_timing(rows, within, REFRACTORY, 2)
        assert len(expected) > 10
        assert_edges(edges_of(graph_of(rows, within, min_weight=2)), expected)


# -- what counts -------------------------------------------------------------------------------


def test_two_coincidences_are_the_least_by_default():
    rows = at("u", 0, 100) + at("v", 0.5, 100.5) + at("w", 0)
    assert edges_of(cn.co_timing(log_of(rows))) == {
        ("u", "v"): {
            "coincidences": 2, "source_events": 2, "target_events": 2,
            "pairs": 2, "mean_delay": 0.5, "first_share": 1.0,
        }
    }  # fmt: skip


def test_objects_do_not_matter():
    rows = at("u", 0, 100) + at("v", 0, 100)
    same = [(a, "p", t, "url", None) for a, _, t, _, _ in rows]
    assert edges_of(graph_of(rows)) == edges_of(graph_of(same)) != {}


def test_a_thread_is_one_event():
    """Gaps of up to 30 s make a run, however long it gets, and its first moment is the event."""
    u = at("u", *range(0, 300, 30))
    assert edges_of(graph_of(u + at("v", 0), min_weight=1))["u", "v"]["source_events"] == 1
    assert graph_of(u + at("v", 150), min_weight=1).n_edges == 0  # inside the run: no event there


@pytest.mark.parametrize(("gap", "events"), [(REFRACTORY, 1), (REFRACTORY + 1, 2)])
def test_the_refractory_gap_is_inclusive_to_the_microsecond(gap, events):
    rows = [("u", "p", START, "a", None), ("u", "q", START + gap, "a", None), *at("v", 15)]
    edge = edges_of(graph_of(rows, 20 * SECOND, min_weight=1))["u", "v"]
    assert edge["source_events"] == events


@pytest.mark.parametrize(("apart", "edges"), [(SECOND, 1), (SECOND + 1, 0)])
def test_the_window_is_inclusive_to_the_microsecond(apart, edges):
    rows = [("u", "p", START, "a", None), ("v", "q", START + apart, "a", None)]
    assert graph_of(rows, min_weight=1).n_edges == edges
    assert graph_of(rows[::-1], min_weight=1).n_edges == edges


def test_the_weight_is_the_smaller_of_both_counts():
    """One event of u between two of v that are further apart than the refractory gap."""
    rows = at("u", 20, 1_000) + at("v", 0, 40, 1_000)
    edge = edges_of(graph_of(rows, 20 * SECOND, min_weight=1))["u", "v"]
    assert (edge["source_events"], edge["target_events"], edge["coincidences"]) == (2, 3, 2)
    assert edge["pairs"] == 3
    swapped = at("v", 20, 1_000) + at("u", 0, 40, 1_000)
    edge = edges_of(graph_of(swapped, 20 * SECOND, min_weight=2))["u", "v"]
    assert (edge["source_events"], edge["target_events"], edge["coincidences"]) == (3, 2, 2)
    for either in (rows, swapped):
        assert graph_of(either, 20 * SECOND, min_weight=3).n_edges == 0


def test_empty_log_and_single_account():
    for rows in ([], at("u", 0, 100, 200)):
        graph = graph_of(rows, min_weight=1)
        assert (graph.n_edges, graph.n_accounts) == (0, 0)


def test_wrong_parameters_are_told():
    log = log_of(at("u", 0))
    with pytest.raises(cn.CoordnetError) as error:
        cn.co_timing(log, refractory="soon")
    assert str(error.value) == (
        "refractory='soon' is not a duration; write '60s', '10min', '1h' or seconds."
    )
    with pytest.raises(cn.CoordnetError, match="min_weight=0 is not a whole number"):
        cn.co_timing(log, min_weight=0)


def test_a_clock_coarser_than_the_window_warns():
    rows = [("uv"[i % 2], f"p{i}", i * 60 * SECOND, "a", None) for i in range(30)]
    with pytest.warns(cn.CoordnetWarning, match="whole multiples of 60s, too coarse for a window"):
        cn.co_timing(log_of(rows))
    seconds = [(a, o, t + (i % 7) * SECOND, k, c) for i, (a, o, t, k, c) in enumerate(rows)]
    cn.co_timing(log_of(seconds))  # whole seconds are fine for one second: its test allows for it


# -- laws --------------------------------------------------------------------------------------


@given(logs(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows, random):
    shuffled = random.sample(rows, len(rows))
    assert_same_graph(graph_of(shuffled, min_weight=1), graph_of(rows, min_weight=1))


@given(logs(), st.permutations([f"n{i}" for i in range(10)]))
def test_renaming_accounts_renames_the_edges(rows, names):
    new = dict(zip(sorted({r[0] for r in rows}), names, strict=False))
    renamed = edges_of(graph_of([(new[r[0]], *r[1:]) for r in rows], min_weight=1))
    expected = {}
    for (u, v), edge in edges_of(graph_of(rows, min_weight=1)).items():
        ends = (new[u], new[v])
        if ends[0] > ends[1]:
            swapped = {"source_events": edge["target_events"]}
            swapped |= {"target_events": edge["source_events"]}
            edge = {**edge, **swapped, "first_share": 1 - edge["first_share"]}  # noqa: PLW2901
        expected[tuple(sorted(ends))] = edge
    assert_edges(renamed, expected)


@given(logs(), windows(), windows())
def test_counts_grow_with_the_window(rows, one, other):
    narrow, wide = (edges_of(graph_of(rows, w, min_weight=1)) for w in sorted([one, other]))
    for ends, edge in narrow.items():
        for name in ("coincidences", "source_events", "target_events", "pairs"):
            assert edge[name] <= wide[ends][name]


@given(logs(), st.integers(1, 3))
def test_min_weight_is_a_filter_afterwards(rows, min_weight):
    filtered = graph_of(rows, min_weight=1).keep(min_weight=min_weight)
    assert_same_graph(graph_of(rows, min_weight=min_weight), filtered)


@given(logs(), logs())
def test_logs_far_apart_in_time_give_disjoint_graphs(one, other):
    other = [("_" + a, o, t + 10**12, k, c) for a, o, t, k, c in other]
    union = edges_of(graph_of(one + other, min_weight=1))
    parts = (edges_of(graph_of(part, min_weight=1)) for part in (one, other))
    assert union == {ends: edge for part in parts for ends, edge in part.items()}


def test_the_number_of_threads_changes_no_byte():
    rng = np.random.default_rng(1)
    n = 40_000
    table = pa.table(
        {
            "a": rng.zipf(1.4, n) % 2_000,
            "t": START + rng.integers(0, 3_600 * 24 * SECOND, n),
        }
    )
    log = cn.read_actions(table, account="a", object="a", time="t", unit="us")
    one = cn.co_timing(log, threads=1)
    assert one.n_edges > 300
    for threads in (2, 3):
        assert_same_graph(cn.co_timing(log, threads=threads), one)


def test_what_a_relation_says_of_itself():
    relation = cn.CoTiming(SECOND, REFRACTORY)
    assert relation.title == "co-timing within 1s"
    assert relation.describe() == {
        "relation": "co-timing", "within": "1s", "refractory": "30s",
    }  # fmt: skip
    log = log_of(at("u", 0, 100, 110) + at("v", 0.5, 100.5))
    assert_same_graph(relation.graph(log, min_weight=2), cn.co_timing(log, "1s", "30s"))
    trace = relation.trace(log)  # one timeline; the third action of u is of its second event
    assert log.all_accounts[trace.account].tolist() == ["u", "v", "u", "v"]
    assert set(trace.object.tolist()) == {0}
    assert relation.group_tester(log) is None
    for options in ({"background": log.exclude(["u"])}, {"occasion_gap": "60s"}):
        with pytest.raises(cn.CoordnetError, match="are of co-action graphs"):
            relation.graph(log).test(**options)


@given(logs(), st.sets(st.sampled_from(ACCOUNTS), max_size=3), windows())
def test_a_part_of_a_log_gives_the_graph_of_its_rows(rows, gone, within):
    log = log_of(rows)
    part = log.exclude(accounts=gone)
    alone = log_of([r for r in rows if r[0] not in gone])
    one, two = (cn.co_timing(x, within * US, min_weight=1).test() for x in (part, alone))
    assert one.all_accounts is log.all_accounts
    assert edges_of(one) == edges_of(two)
    assert one.tested == two.tested


# -- the jitter null ---------------------------------------------------------------------------


@st.composite
def busy_logs(draw):
    """Draw rows of a few accounts over some hours: some times are round, some accounts meet."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    rows = []
    moments = [rng.randrange(6 * 3_600) * SECOND for _ in range(draw(st.integers(1, 20)))]
    for account in "uvwx"[: draw(st.integers(2, 4))]:
        for _ in range(draw(st.integers(1, 25))):
            time = rng.choice(moments) if rng.random() < 0.4 else rng.randrange(6 * HOUR)
            grain = rng.choice([1, SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR])
            rows.append((account, "p", FULL_HOUR + time - time % grain, "k", None))
    return rows


FULL_HOUR = START - START % HOUR


@given(
    busy_logs(), st.sampled_from([0, SECOND, 40 * SECOND]), st.sampled_from([0, REFRACTORY]),
    st.sampled_from([HOUR, 7 * MINUTE, 40 * MINUTE]),
)  # fmt: skip
@example(  # windows of one account that overlap
    [(a, "p", FULL_HOUR + s * SECOND, "k", None) for a in "uv" for s in (7, 57, 107, 900)],
    40 * SECOND, 0, HOUR,
)  # fmt: skip
@examples(60)
def test_expectation_and_p_equal_the_oracle(rows, window, refractory, length):
    """Spill across the borders of strata included; the larger of the two directions."""
    tested = graph_of(rows, window, refractory, min_weight=1).test(strata=length * US)
    for (u, v), edge in edges_of(tested).items():
        log_p = []
        for a, b, side in ((u, v, "source"), (v, u, "target")):
            chances = naive.coincidence_chances(rows, a, b, window, refractory, length)
            assert edge[f"expected_{side}_events"] == pytest.approx(sum(chances), rel=1e-9)
            count = edge[f"{side}_events"]
            log_p.append(float(naive.poisson_binomial_tail(chances, count)))
        expected = max(log_p) if edge["coincidences"] > 1 else 1.0
        assert edge["p_value"] == pytest.approx(expected, rel=1e-9)
    accounts = len({row[0] for row in rows})
    assert tested.tested.pairs == accounts * (accounts - 1) // 2


def test_the_closed_form_is_what_jittering_gives():
    """3,000 experiments: each event of u to a phase of the log as round as its own.

    Four standard errors, and what the hundred events add that are spread evenly.
    """
    rng = random.Random(7)
    rows = []
    for account in "uv":
        for _ in range(60):
            rows.append((account, "p", FULL_HOUR + rng.randrange(10 * HOUR), "k", None))
        for _ in range(25):  # and some at full quarters
            rows.append((account, "p", FULL_HOUR + rng.randrange(40) * 15 * MINUTE, "k", None))
    for _ in range(3_000):  # what the phases are drawn from: 100 more are a thirtieth
        time = FULL_HOUR + rng.randrange(2_000 * HOUR)
        rows.append((f"w{rng.randrange(400)}", "p", time - time % (SECOND), "k", None))
    for _ in range(300):
        time = FULL_HOUR + rng.randrange(8_000) * 15 * MINUTE
        rows.append((f"w{rng.randrange(400)}", "p", time, "k", None))
    window = 20 * SECOND
    edge = edges_of(graph_of(rows, window, min_weight=1).test())["u", "v"]
    moments = naive.events(rows, REFRACTORY)
    phases = {}
    for t in [t for times in moments.values() for t in times]:
        phases.setdefault(naive.roundness(t, HOUR), []).append(t % HOUR)
    dice = np.random.default_rng(0)
    others = np.array(moments["v"])
    counts = np.zeros(3_000, int)
    for t in moments["u"]:
        moved = t - t % HOUR + dice.choice(phases[naive.roundness(t, HOUR)], len(counts))
        at_or_after = np.searchsorted(others, moved - window)
        near = others[np.minimum(at_or_after, len(others) - 1)]
        counts += (near >= moved - window) & (near <= moved + window)
    error = counts.std() / np.sqrt(len(counts))
    assert abs(counts.mean() - edge["expected_source_events"]) < 4 * error + 0.04 * counts.mean()
    chances = naive.coincidence_chances(rows, "u", "v", window, REFRACTORY, HOUR)
    law = np.ones(1)
    for chance in chances:
        law = np.convolve(law, [1 - chance, chance])
    for s in range(1, int(counts.max()) + 1):
        p = law[s:].sum()
        assert abs((counts >= s).mean() - p) < 4 * np.sqrt(p / len(counts)) + 0.15 * p


def test_schedulers_meet_and_are_no_evidence_but_a_metronome_is():
    """Twenty accounts at full quarters of a few hours each day; six at seconds of their own."""
    rng = random.Random(1)
    rows = []
    for i in range(300):
        for _ in range(40):
            time = FULL_HOUR + rng.randrange(14 * 24 * 3_600) * SECOND
            rows.append((f"w{i}", "p", time, "k", None))
    for i in range(20):
        for day in range(14):
            for quarter in rng.sample(range(32), 12):
                time = FULL_HOUR + day * 24 * HOUR + quarter * 15 * MINUTE
                rows.append((f"s{i}", "p", time, "k", None))
    for _ in range(14):
        moment = FULL_HOUR + rng.randrange(14 * 24 * 3_600) * SECOND
        rows += [(f"m{i}", "p", moment, "k", None) for i in range(6)]
    graph = graph_of(rows)
    meetings = [e["coincidences"] for (u, v), e in edges_of(graph).items() if u[0] == v[0] == "s"]
    assert min(meetings) > 30
    found = set(edges_of(graph.test().keep(fdr=0.05)))
    assert found == set(combinations([f"m{i}" for i in range(6)], 2))


def test_roundness_by_hand():
    minutes = np.array([0, 30, 15, 45, 5, 20, 1, 59, 120])
    times = FULL_HOUR + minutes * MINUTE
    assert round_times.roundness(times, HOUR).tolist() == [0, 1, 2, 2, 3, 3, 4, 4, 0]
    assert round_times.roundness(times + SECOND, HOUR).tolist() == [5] * 9
    # of strata of twenty minutes, five minutes are the coarsest grain that says anything
    assert round_times.roundness(times, 20 * MINUTE).tolist() == [3, 3, 3, 3, 3, 3, 4, 4, 3]
    assert round_times.roundness(times, 7 * SECOND).tolist() == [5] * 9


def test_one_coincidence_is_no_evidence_of_anything():
    rows = at("u", 1_000) + at("v", 1_000)
    for i in range(200):
        rows += at(f"w{i}", *[7_200 * j + 13 * i for j in range(5)])
    edge = edges_of(graph_of(rows, min_weight=1).test())["u", "v"]
    assert edge["p_value"] == edge["q_value"] == 1.0
    assert edge["expected_source_events"] < 0.5


def test_wrong_strata_are_told():
    graph = graph_of(at("u", 0, 100) + at("v", 0, 100))
    with pytest.raises(cn.CoordnetError) as error:
        graph.test(strata="2s")
    assert str(error.value).startswith("strata='2s' is shorter than two windows of 1s;")
    with pytest.raises(cn.CoordnetError, match="correction='x' is not known"):
        graph.test(correction="x")
