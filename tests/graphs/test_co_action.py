"""Counting co-actions: against the oracle, at the edges, and by the laws that hold for all logs."""

import datetime as dt
import warnings
from types import SimpleNamespace

import naive
import numpy as np
import pyarrow as pa
import pytest
from helpers import US, assert_edges, assert_same_graph, edges_of, log_of
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import ACCOUNTS, SECOND, START, WINDOW, crowded_logs, logs, windows

import coordnet as cn
from coordnet.graphs import co_action, crowds
from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import edges as edge_kernels
from coordnet.kernels import windows as window_kernels
from coordnet.kernels.crowds import MISSING

HOUR = 3_600 * SECOND


def graph_of(rows, within=WINDOW, **options):
    return cn.co_action(log_of(rows), within * US, **options)


def row(account, obj, seconds, kind="retweet", content=None):
    return (account, obj, START + round(seconds * SECOND), kind, content)


# -- against the oracle ------------------------------------------------------------------------


@given(logs(), windows(), st.integers(1, 3), st.sampled_from(["objects", "pairs"]))
def test_every_column_equals_the_oracle(rows, within, min_weight, weight):
    graph = graph_of(rows, within, min_weight=min_weight, weight=weight)
    assert_edges(edges_of(graph), naive.co_action(rows, within, min_weight, weight))
    assert (graph.weight, graph.min_weight) == (weight, min_weight)
    assert graph.relation == cn.CoAction(graph.window_us) == cn.CoAction(within)


def test_a_larger_log_equals_the_oracle():
    rng = np.random.default_rng(5)
    n = 900
    rows = [
        (f"u{a}", f"p{o}", START + int(t), "retweet", None)
        for a, o, t in zip(
            rng.integers(0, 20, n), rng.zipf(1.5, n) % 40, rng.integers(0, 20 * WINDOW, n),
            strict=True,
        )
    ]  # fmt: skip
    for min_weight in (1, 2, 4):
        expected = naive.co_action(rows, WINDOW, min_weight)
        assert len(expected) > 100
        assert_edges(edges_of(graph_of(rows, min_weight=min_weight)), expected)


def test_edge_columns_and_their_order():
    graph = graph_of([row("b", "p", 0), row("a", "p", 1), row("c", "p", 2)])
    assert {n: c.dtype.str for n, c in graph.edges.items()} == {
        "source": "<i4", "target": "<i4", "objects": "<i4", "pairs": "<i8",
        "mean_delay": "<f8", "first_share": "<f8",
    }  # fmt: skip
    assert list(edges_of(graph)) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert not any(column.flags.writeable for column in graph.edges.values())


# -- what counts -------------------------------------------------------------------------------


@pytest.mark.parametrize(("apart", "edges"), [(WINDOW, 1), (WINDOW + 1, 0), (0, 1)])
def test_the_bound_is_inclusive_to_the_microsecond(apart, edges):
    rows = [("u", "p", START, "retweet", None), ("v", "p", START + apart, "retweet", None)]
    assert graph_of(rows).n_edges == edges
    assert graph_of(rows[::-1]).n_edges == edges


def test_a_window_of_zero_joins_equal_times_only():
    rows = [row("u", "p", 0), row("v", "p", 0), ("w", "p", START + 1, "retweet", None)]
    assert list(edges_of(graph_of(rows, 0))) == [("u", "v")]


def test_actions_of_one_account_never_pair():
    graph = graph_of([row("u", "p", second) for second in range(5)])
    assert (graph.n_edges, graph.n_accounts) == (0, 0)


def test_an_account_that_repeats_itself_adds_pairs_not_objects():
    rows = [row("u", "p", s) for s in (0, 10, 20)] + [row("v", "p", s) for s in (5, 15)]
    assert edges_of(graph_of(rows)) == {
        ("u", "v"): {"objects": 1, "pairs": 6, "mean_delay": 50 / 6, "first_share": 0.5}
    }


def test_repeated_rows_are_one_action_and_other_content_is_another():
    twice = [row("u", "p", 0, content="1"), row("v", "p", 1)] * 2
    assert edges_of(graph_of(twice))["u", "v"]["pairs"] == 1
    other = [*twice, row("u", "p", 0, content="2")]
    assert edges_of(graph_of(other))["u", "v"]["pairs"] == 2


def test_one_object_of_two_kinds_is_two_objects():
    rows = [row("u", "x", 0, "url"), row("v", "x", 0, "hashtag")]
    assert graph_of(rows).n_edges == 0
    rows += [row("v", "x", 0, "url"), row("u", "x", 0, "hashtag")]
    assert edges_of(graph_of(rows))["u", "v"]["objects"] == 2


def test_ties_count_half_for_each():
    rows = [row("u", "p", 0), row("v", "p", 0), row("u", "q", 0), row("v", "q", 1)]
    assert edges_of(graph_of(rows))["u", "v"]["first_share"] == 0.75


def test_empty_log_and_single_account():
    for rows in ([], [row("u", "p", 0)]):
        graph = graph_of(rows)
        assert (graph.n_edges, graph.n_accounts, len(graph.weights)) == (0, 0, 0)
        assert graph.to_frame("pyarrow").num_rows == 0


@pytest.mark.parametrize(
    "within", ["60s", "1min", "60000ms", "60", 60, 60.0, np.int64(60), dt.timedelta(minutes=1)]
)
def test_a_window_may_be_written_in_many_ways(within):
    log = log_of([row("u", "p", 0), row("v", "p", 60)])
    graph = cn.co_action(log, within)
    assert (graph.window_us, graph.within, graph.n_edges) == (WINDOW, "60s", 1)


@pytest.mark.parametrize("within", ["60s", 3_600, "90s", 0, 0.5, "1500ms", "7d", "0.000001"])
def test_the_window_of_a_graph_is_a_window_again(within):
    """``graph.within`` goes where ``within=`` does: it was microseconds, taken for seconds."""
    log = log_of([row("u", "p", 0), row("v", "p", 60), row("w", "p", 90), row("w", "p", 86_400)])
    for make in (cn.co_action, cn.co_timing):
        graph = make(log, within)
        assert isinstance(graph.window_us, int)
        assert isinstance(graph.within, str)
        again = make(log, graph.within)
        assert (again.window_us, again.relation) == (graph.window_us, graph.relation)
        assert_same_graph(again, graph)
    assert cn.test_group(log, ["u", "v"], cn.co_action(log, "60s").within).members == 2


def test_what_a_relation_says_of_itself():
    relation = cn.CoAction(WINDOW)
    assert relation.title == "co-action within 60s"
    assert relation.describe() == {"relation": "co-action", "within": "60s"}
    log = log_of([row("u", "p", 0), row("v", "p", 60), row("w", "q", 90)])
    assert_same_graph(relation.graph(log, min_weight=1), cn.co_action(log, "60s"))
    trace = relation.trace(log)
    assert trace.account is log.account
    assert (trace.object.tolist(), trace.time.tolist()) == (log.object.tolist(), log.time.tolist())


@given(logs(), st.sets(st.sampled_from(ACCOUNTS), max_size=3), windows(), st.integers(1, 2))
def test_a_part_of_a_log_gives_the_graph_of_its_rows(rows, gone, within, min_weight):
    log = log_of(rows)
    part = log.exclude(accounts=gone)
    graph = cn.co_action(part, within * US, min_weight=min_weight)
    assert graph.all_accounts is log.all_accounts
    alone = graph_of([r for r in rows if r[0] not in gone], within, min_weight=min_weight)
    assert edges_of(graph) == edges_of(alone)
    assert graph.accounts.tolist() == alone.accounts.tolist()
    assert graph.n_accounts == alone.n_accounts


def test_co_retweet_is_co_action_on_the_retweets():
    rows = [row("u", "x", 0), row("v", "x", 1), row("u", "x", 0, "url"), row("w", "x", 0, "url")]
    log = log_of(rows)
    assert edges_of(cn.co_retweet(log, "60s")) == edges_of(graph_of(rows[:2]))
    both = cn.co_retweet(log, "60s", weight="pairs", min_weight=1, threads=1)
    assert_same_graph(both, cn.co_action(log.select("retweet"), "60s", weight="pairs"))
    with pytest.raises(cn.CoordnetError) as error:
        cn.co_retweet(log_of([row("u", "x", 0, "url")]))
    assert str(error.value) == (
        "there are no actions of kind 'retweet' in the log; its kinds are 'url'. (read_actions "
        "takes the kind from the column named by kind=.)"
    )


# -- parameters --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"weight": "object"},
            "weight='object' is not known; choose one of objects, pairs. Did you mean 'objects'?",
        ),
        (
            {"min_weight": 0},
            "min_weight=0 is not a whole number from 1 to 4,611,686,018,427,387,904.",
        ),
        (
            {"min_weight": 1.5},
            "min_weight=1.5 is not a whole number from 1 to 4,611,686,018,427,387,904.",
        ),
        (
            {"min_weight": 2**62 + 1},
            "min_weight=4611686018427387905 is not a whole number from 1 to "
            "4,611,686,018,427,387,904.",
        ),
        ({"threads": 0}, "threads=0 is not a number of threads; use 1 to 1024."),
        ({"threads": 1_000_000}, "threads=1000000 is not a number of threads; use 1 to 1024."),
        (
            {"within": "1 fortnight"},
            "within='1 fortnight' is not a duration; write '60s', '10min', '1h' or seconds.",
        ),
        ({"within": -1}, "within=-1 is not a duration of zero or more."),
        ({"within": "101000d"}, "within='101000d' is longer than a century."),
    ],
)
def test_wrong_parameters_are_told(options, message):
    with pytest.raises(cn.CoordnetError) as error:
        cn.co_action(log_of([row("u", "p", 0)]), **options)
    assert str(error.value) == message
    assert isinstance(error.value, ValueError)


def minutes(n, step=1):
    return log_of([("uv"[i % 2], "p", i * step * 60 * SECOND, "retweet", None) for i in range(n)])


def test_a_clock_coarser_than_the_window_warns():
    with pytest.warns(cn.CoordnetWarning) as caught:
        cn.co_action(minutes(30), "60s")
    assert [str(w.message) for w in caught] == [
        "the times of the log are whole multiples of 60s, too coarse for a window of 60s: actions "
        "up to 2min apart can count as co-actions. Use a wider window or finer times."
    ]
    assert caught[0].filename == __file__
    with pytest.warns(cn.CoordnetWarning, match="whole multiples of 1h, too coarse"):
        cn.co_action(minutes(30, 60), "10min")


def test_a_clock_finer_than_the_window_does_not_warn():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cn.co_action(minutes(30), "61s")
        cn.co_action(minutes(29), "60s")  # too few actions to tell
        cn.co_action(log_of([row("u", "p", i) for i in range(30)]), 0)  # no clock ticks like that
    assert caught == []


# -- laws --------------------------------------------------------------------------------------


@given(logs(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows, random):
    shuffled = random.sample(rows, len(rows))
    assert_same_graph(graph_of(shuffled), graph_of(rows))


@given(logs(), st.permutations([f"n{i}" for i in range(10)]))
def test_renaming_accounts_renames_the_edges(rows, names):
    old = sorted({r[0] for r in rows})
    new = dict(zip(old, names, strict=False))
    renamed = edges_of(graph_of([(new[r[0]], *r[1:]) for r in rows]))
    expected = {}
    for (u, v), edge in edges_of(graph_of(rows)).items():
        ends = (new[u], new[v])
        if ends[0] > ends[1]:  # who is called the source has changed
            edge = {**edge, "first_share": 1 - edge["first_share"]}  # noqa: PLW2901
        expected[tuple(sorted(ends))] = edge
    assert_edges(renamed, expected)


@given(logs())
def test_time_reversed_swaps_who_came_first(rows):
    back = [(a, o, 2 * START - t, k, c) for a, o, t, k, c in rows]
    expected = {
        ends: {**edge, "first_share": 1 - edge["first_share"]}
        for ends, edge in edges_of(graph_of(rows)).items()
    }
    assert_edges(edges_of(graph_of(back)), expected)


@given(logs(), windows(), windows())
def test_counts_grow_with_the_window(rows, one, other):
    narrow, wide = (edges_of(graph_of(rows, w)) for w in sorted([one, other]))
    for ends, edge in narrow.items():
        assert edge["objects"] <= wide[ends]["objects"]
        assert edge["pairs"] <= wide[ends]["pairs"]


@given(logs(), logs())
def test_disjoint_logs_give_disjoint_graphs(one, other):
    other = [("_" + a, "_" + o, t, k, c) for a, o, t, k, c in other]
    union = edges_of(graph_of(one + other))
    assert union == {**edges_of(graph_of(one)), **edges_of(graph_of(other))}


@given(logs(), st.integers(1, 3), st.sampled_from(["objects", "pairs"]))
def test_min_weight_is_a_filter_afterwards(rows, min_weight, weight):
    filtered = graph_of(rows, weight=weight).keep(min_weight=min_weight)
    assert_same_graph(graph_of(rows, weight=weight, min_weight=min_weight), filtered)


@given(logs())
def test_a_log_moved_in_time_gives_the_same_graph(rows):
    moved = [(a, o, t - 2 * START, k, c) for a, o, t, k, c in rows]  # before 1970, too
    assert_same_graph(graph_of(moved), graph_of(rows))


# -- threads, pruning, size --------------------------------------------------------------------


def random_log(n, accounts, objects, hours, seed):
    rng = np.random.default_rng(seed)
    return cn.read_actions(
        pa.table(
            {
                "a": rng.zipf(1.5, n) % accounts,
                "o": rng.zipf(1.3, n) % objects,
                "t": START + rng.integers(0, hours * 3_600 * SECOND, n),
            }
        ),
        account="a", object="o", time="t", unit="us",
    )  # fmt: skip


@pytest.mark.parametrize("min_weight", [1, 2, 5])
@pytest.mark.parametrize("weight", ["objects", "pairs"])
def test_the_number_of_threads_changes_no_byte(min_weight, weight):
    log = random_log(60_000, 3_000, 4_000, 24, seed=1)
    options = {"min_weight": min_weight, "weight": weight}
    one = cn.co_action(log, "60s", threads=1, **options)
    assert one.n_edges > 100
    for threads in (2, 3):
        assert_same_graph(cn.co_action(log, "60s", threads=threads, **options), one)


def test_the_environment_sets_the_threads(monkeypatch):
    log = log_of([row("u", "p", 0)])
    monkeypatch.setenv("COORDNET_THREADS", "1")
    assert cn.co_action(log).n_edges == 0
    monkeypatch.setenv("COORDNET_THREADS", "many")
    with pytest.raises(cn.CoordnetError) as error:
        cn.co_action(log)
    assert str(error.value) == (
        "COORDNET_THREADS='many' is not a number; unset it or set it to 1 or more."
    )


def unpruned(log, window, need):
    """Return the windows of all actions, none taken out."""
    windows = np.full(log.n_objects, window)
    low, high = window_kernels.window_bounds(log.object, log.time, windows)
    indptr, positions = array_kernels.group_by_code(log.account, log.n_accounts)
    work = window_kernels.row_work(indptr, positions, low, high)
    return co_action.Windows(log.account, log.object, log.time, low, high, indptr, positions, work)


def viral_log():
    """One object that everybody shares once, and few pairs that meet on others."""
    rows = [row(f"u{i:04d}", "viral", i / 10) for i in range(3_000)]
    rows += [row(f"u{i:04d}", f"p{j}", 1_000 * j + i) for j in range(4) for i in range(6 - j)]
    return rows


@pytest.mark.parametrize("need", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("by_pairs", [False, True])
def test_pruning_changes_nothing(need, by_pairs):
    log = log_of(viral_log())
    trace = cn.CoAction(WINDOW).trace(log)
    pruned = co_action.find_windows(trace, log.n_accounts, 1 if by_pairs else need)
    if not by_pairs and need in (2, 3):
        assert len(pruned.account) < 100  # the viral object has gone but for a few accounts
    full = unpruned(log, WINDOW, need)
    results = [
        co_action.collect_edges(co_action.RowWalk(w, w.object, 0, need, by_pairs, False), 1, "")
        for w in (pruned, full)
    ]
    for a, b in zip(*results, strict=True):
        assert (a.dtype, a.tobytes()) == (b.dtype, b.tobytes())
    assert (len(results[0][0]) > 0) == (need <= 5)


@given(logs(), st.integers(1, 3))
def test_pruning_changes_nothing_in_any_log(rows, need):
    log = log_of(rows)
    pruned = co_action.find_windows(cn.CoAction(WINDOW).trace(log), log.n_accounts, need)
    full = unpruned(log, WINDOW, need)
    for a, b in zip(
        *(
            co_action.collect_edges(co_action.RowWalk(w, w.object, 0, need, False, False), 1, "")
            for w in (pruned, full)
        ),
        strict=True,
    ):
        assert a.tobytes() == b.tobytes()


def test_blocks_of_edges_are_joined_in_order(monkeypatch):
    monkeypatch.setattr(co_action.EdgeRows, "block", 3)
    log = random_log(3_000, 300, 100, 1, seed=2)
    small = cn.co_action(log, "60s", threads=2)
    monkeypatch.undo()
    assert small.n_edges > 1_000
    assert_same_graph(small, cn.co_action(log, "60s", threads=1))


def arrays_log(account, obj, time, content=None):
    """Return a log of number columns."""
    columns = {"a": account, "o": obj, "t": time, "c": content}
    table = pa.table({n: c for n, c in columns.items() if c is not None})
    names = {"post": "c"} if content is not None else {}
    return cn.read_actions(table, account="a", object="o", time="t", unit="us", **names)


class Counted(np.ndarray):
    """The sums of each pair of accounts, as if 2**31 - 3 co-actions had been counted already."""

    def __setitem__(self, key, value):
        new = isinstance(key, tuple) and key[1] == 3 and value <= 1  # none, or the first
        super().__setitem__(key, value + 2**31 - 3 if new else value)


def empty(shape, dtype):
    made = np.empty(shape, dtype)
    return made.view(Counted) if made.ndim == 2 else made


@pytest.mark.parametrize("min_weight", [2**31 + 6, 2**31 + 7])
def test_pairs_beyond_32_bits(monkeypatch, min_weight):
    """Counted on from just below 2**31 to 2**31 + 6, in arrays of the kernel's own types."""
    kernel = edge_kernels.co_action_rows
    monkeypatch.setattr(edge_kernels, "co_action_rows", getattr(kernel, "py_func", kernel))
    monkeypatch.setattr(edge_kernels, "np", SimpleNamespace(**{**vars(np), "empty": empty}))
    begin = co_action.EdgeRows.open  # there is room for no edge, of so few real co-actions
    monkeypatch.setattr(co_action.EdgeRows, "open", lambda own, size: begin(own, size + 1))
    log = arrays_log(
        np.repeat([1, 2], 3), np.zeros(6, int), np.full(6, START), content=np.tile(range(3), 2)
    )
    graph = cn.co_action(log, "60s", weight="pairs", min_weight=min_weight)
    found = [(edge["objects"], edge["pairs"]) for edge in edges_of(graph).values()]
    assert found == ([(1, 2**31 + 6)] if min_weight == 2**31 + 6 else [])


def test_one_object_with_300_000_actions():
    """Account i acts at seconds i, i + 300, i + 600, ...: 1,000 times each, on one object."""
    accounts, times = 300, 1_000
    account = np.tile(np.arange(accounts), times)
    time = START + np.arange(accounts * times) * SECOND
    graph = cn.co_action(arrays_log(account, np.zeros(len(account), int), time), "2s")
    assert len(graph.log) == 300_000
    found = edges_of(graph)
    expected = {}
    for i in range(accounts):
        for step in (1, 2):
            j = (i + step) % accounts
            met = times - (j < i)  # the last round has no next one
            ends = tuple(sorted((str(i), str(j))))
            expected[ends] = {
                "objects": 1,
                "pairs": met,
                "mean_delay": float(step),
                "first_share": 1.0 if ends[0] == str(i) else 0.0,
            }
    assert_edges(found, expected)


def test_sums_of_delays_beyond_64_bits():
    """100 x 100 actions 99 years apart: 3e19 microseconds, of which an int64 holds 9e18."""
    century = 99 * 365 * 86_400 * SECOND
    u, v = np.arange(100), century - 17 * np.arange(100)
    log = arrays_log(np.repeat([1, 2], 100), np.zeros(200, int), np.concatenate([u, v]))
    delays = [int(b) - int(a) for a in u for b in v]
    assert sum(delays) > 2**63
    edge = edges_of(cn.co_action(log, "36500d"))["1", "2"]
    assert edge["pairs"] == 10_000
    assert edge["mean_delay"] == pytest.approx(sum(delays) / 10_000 / SECOND, rel=1e-9)
    assert edge["first_share"] == 1.0


def test_no_account_by_account_matrix():
    """300,000 accounts: a dense matrix of them would take 90 GB even as bytes."""
    n = 300_000
    log = arrays_log(np.arange(n), np.arange(n) // 2, np.full(n, START))
    graph = cn.co_action(log, "60s", threads=2)
    assert graph.n_edges == n // 2
    np.testing.assert_array_equal(graph.edges["objects"], 1)


def test_progress_shows_on_terminals_only(capfd):
    cn.co_action(random_log(5_000, 300, 100, 1, seed=2), "60s")
    assert capfd.readouterr() == ("", "")


# -- crowds ------------------------------------------------------------------------------------


@given(crowded_logs(), st.sampled_from([0, 1, 7 * SECOND, WINDOW]), st.sampled_from([1, 2, 3]),
       st.booleans())  # fmt: skip
@example([], 0, 1, False)
def test_a_crowd_counted_in_bulk_gives_the_same_bytes_in_any_log(rows, window, need, by_pairs):
    log = log_of(rows)
    trace = cn.CoAction(window).trace(log)
    least = 1 if by_pairs else need
    plain = co_action.find_windows(trace, len(log.all_accounts), least)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("FEWEST", "FULL"):
            patch.setattr(crowds, name, 0)
        patch.setattr(crowds, "WORTH", 0 if rows else 1)  # nothing is around no account
        crowded = co_action.find_windows(trace, len(log.all_accounts), least, crowds=True)
    found, expected = (
        co_action.collect_edges(co_action.RowWalk(w, w.object, 0, need, by_pairs, False), 1, "")
        for w in (crowded, plain)
    )
    for column, other in zip(found, expected, strict=True):
        assert column.tobytes() == other.tobytes()


def test_a_crowd_is_found_beside_others_and_holds_what_acts_once(monkeypatch):
    """Six of seven act on all of four objects, one of them twice on the first."""
    for name in ("WORTH", "FEWEST"):
        monkeypatch.setattr(crowds, name, 0)
    rows = [
        (f"u{a}", f"o{o}", START + o * HOUR + a * SECOND, "k", None)
        for a in range(6)
        for o in range(4)
    ]
    rows += [("u0", "o0", START + 9 * SECOND, "k", None), ("v", "w", START, "k", None)]
    rows += [("v", "o3", START + 3 * HOUR, "k", None)]
    log = log_of(rows)
    trace = cn.CoAction(WINDOW).trace(log)
    crowd = co_action.find_windows(trace, len(log.all_accounts), 1, crowds=True).crowd
    assert log.accounts[crowd.code].tolist() == [f"u{a}" for a in range(6)]
    assert crowd.time.shape == (6, 4)
    assert crowd.time[0].tolist() == [MISSING, 0, 0, 0]
    assert crowd.time[5].tolist() == [4, 5, 5, 5]
    assert len(crowd.outside) == 4
    assert co_action.find_windows(trace, len(log.all_accounts), 1).crowd is None


def test_lags_of_a_crowd_add_up_beyond_32_bits(monkeypatch):
    """Times in microseconds: the sum of 60 lags of 50 s is 3e9, added up in parts."""
    for name in ("WORTH", "FEWEST"):
        monkeypatch.setattr(crowds, name, 0)
    rows = [
        (f"u{a}", f"o{o:02d}", START + o * HOUR + a * (50 * SECOND + o), "k", None)
        for a in range(2)
        for o in range(60)
    ]
    log = log_of(rows)
    windows = co_action.find_windows(
        cn.CoAction(WINDOW).trace(log), len(log.all_accounts), 1, crowds=True
    )
    assert windows.crowd is not None
    assert windows.crowd.several < 60
    columns = co_action.collect_edges(
        co_action.RowWalk(windows, windows.object, 0, 1, False, False), 1, ""
    )
    assert columns[2].tolist() == [60]
    assert columns[4][0] == pytest.approx(50 + 29.5e-6, rel=1e-12)
