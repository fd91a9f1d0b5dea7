"""Windows by kind: how they are written, and the graph in which kinds add up."""

import copy
import datetime as dt
import pickle
import re
import warnings

import naive
import numpy as np
import pytest
from helpers import acts, assert_edges, assert_same_graph, edges_of, log_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import KINDS, SECOND, START, WINDOW, logs, windows

import coordnet as cn
from coordnet.graphs import co_action
from coordnet.log import windows as kinds

BY_KIND = st.dictionaries(st.sampled_from(KINDS), windows(), min_size=1)


def pairs_of(window):
    """Return windows by kind as a relation has them."""
    return tuple(sorted(window.items()))


def graph_of(log, window, **options):
    """Return the graph of windows in microseconds; kinds may be missing in the log."""
    return co_action.CoAction(pairs_of(window)).graph(log, **options)


# -- how they are written ----------------------------------------------------------------------


def test_windows_are_written_and_read():
    window = kinds.window_of({"url": dt.timedelta(minutes=10), "retweet": 60})
    assert window == (("retweet", 60 * SECOND), ("url", 600 * SECOND))
    assert kinds.written(window) == {"retweet": "60s", "url": "10min"}
    assert kinds.window_of(kinds.written(window)) == window
    assert (kinds.window_of("60s"), kinds.written(WINDOW)) == (WINDOW, "60s")
    assert kinds.longest(window) == kinds.longest(600 * SECOND) == 600 * SECOND
    assert kinds.shortest(window, ["url", "hashtag"]) == 600 * SECOND
    assert kinds.shortest(window, ["url", "retweet"]) == 60 * SECOND
    assert kinds.windows_of_kinds(window, ["retweet", "url"]).tolist() == [WINDOW, 10 * WINDOW]
    assert kinds.windows_of_kinds(7, ["retweet", "url"]).tolist() == [7, 7]


def test_a_relation_of_windows_by_kind_is_a_value():
    one = cn.CoAction((("retweet", WINDOW), ("url", 10 * WINDOW)))
    assert one.title == "co-action within retweet 60s, url 10min"
    assert one.describe() == {
        "relation": "co-action", "within": {"retweet": "60s", "url": "10min"},
    }  # fmt: skip
    for other in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert (other, hash(other)) == (one, hash(one))
    assert one != cn.CoAction((("retweet", WINDOW), ("url", WINDOW)))
    assert one != cn.CoAction(WINDOW)


@pytest.mark.parametrize(
    ("within", "message"),
    [
        ({}, "within={} names no kind; write {'retweet': '60s'}, or '60s'."),
        ({"retweet": "soon"}, "within['retweet']='soon' is not a duration"),
        ({"retweet": None}, "within['retweet']=None is not a duration"),
        ({3: "60s"}, "within= has the kind 3, which is no text."),
        (
            {"retweets": "60s"},
            "within= has a window for the kind 'retweets', and the log has no such actions; its "
            "kinds are 'retweet', 'url'. Did you mean 'retweet'?",
        ),
    ],
)
def test_what_is_wrong_is_said(within, message):
    log = log_of(acts("o", ("u", 0), ("v", 1)) + acts("p", ("u", 0), kind="url"))
    for call in (
        lambda: cn.co_action(log, within=within),
        lambda: cn.find_groups(log, within=within),
        lambda: cn.test_group(log, ["u", "v"], within=within),
        lambda: cn.score_clusters([["u", "v"]], log, within=within),
        lambda: cn.detect(log, within=within),
        lambda: cn.sensitivity(log, within=[within]),
        lambda: cn.power(log, size=2, objects=1, within=within),
    ):
        with pytest.raises(cn.ParameterError, match=re.escape(message)):
            call()


# -- the graph ---------------------------------------------------------------------------------


@given(
    logs(), BY_KIND, st.integers(1, 3), st.sampled_from(["objects", "pairs"]),
    st.sampled_from([1, 3]),
)  # fmt: skip
def test_kinds_add_up_as_in_the_oracle(rows, window, min_weight, weight, threads):
    graph = graph_of(log_of(rows), window, min_weight=min_weight, weight=weight, threads=threads)
    named = [row for row in rows if row[3] in window]
    assert_edges(edges_of(graph), naive.co_action(named, window, min_weight, weight))


@given(logs(), BY_KIND)
def test_kinds_that_are_not_named_take_no_part(rows, window):
    log = log_of(rows)
    graph = graph_of(log, window)
    named = [kind for kind in log.kinds if kind in window]
    alone = log.select(named) if named else log.where(np.zeros(len(log), bool), "none")
    assert_same_graph(graph, graph_of(alone, window))
    assert graph.log.kinds == alone.kinds
    assert (graph.log.fingerprint, graph.source) == (alone.fingerprint, log)
    assert graph.where(graph.weights > 1).log is graph.log  # made once
    assert pickle.loads(pickle.dumps(graph)).log.fingerprint == alone.fingerprint


@given(logs(), windows(), st.sampled_from(["objects", "pairs"]))
def test_one_window_for_all_kinds_is_the_plain_window(rows, window, weight):
    log = log_of(rows)
    same = graph_of(log, dict.fromkeys(KINDS, window), weight=weight)
    assert_same_graph(same, cn.CoAction(window).graph(log, weight=weight))
    assert same.log is log


@given(logs(), BY_KIND)
def test_what_is_behind_an_edge_is_in_the_window_of_its_kind(rows, window):
    graph = graph_of(log_of(rows), window)
    named = naive.folded([row for row in rows if row[3] in window])
    for (u, v), edge in edges_of(graph).items():
        met = graph.co_actions(u, v, "pyarrow").to_pylist()
        assert len(met) == edge["pairs"]
        expected = sorted(
            (obj, kind, s, t)
            for a, obj, s, kind, _ in named
            for b, other, t, kind_b, _ in named
            if (a, b, obj, kind) == (u, v, other, kind_b) and abs(s - t) <= window[kind]
        )
        found = sorted(
            (row["object"], row["kind"], *(_us(row[name]) for name in ("time_a", "time_b")))
            for row in met
        )
        assert found == expected


def _us(moment):
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def test_two_kinds_by_hand():
    """Together on a URL within ten minutes and on a retweet within one: two objects, an edge."""
    rows = acts("r", ("u", 0), ("v", 60), ("w", 61)) + acts("x", ("u", 0), ("v", 600), kind="url")
    rows += acts("x", ("u", 0), ("v", 0), kind="hashtag")
    graph = cn.co_action(log_of(rows), within={"retweet": "60s", "url": "10min"}, min_weight=2)
    assert edges_of(graph) == {
        ("u", "v"): {"objects": 2, "pairs": 2, "mean_delay": 330.0, "first_share": 1.0}
    }
    assert graph.within == {"retweet": "60s", "url": "10min"}
    assert repr(graph).startswith("CoordinationGraph (co-action within retweet 60s, url 10min)")


def test_a_coarse_clock_is_told_by_the_shortest_window_that_takes_part():
    minute = 60 * SECOND
    start = START // (1_440 * minute) * (1_440 * minute)
    rows = [(f"u{i}", "o", start + i * minute, "url", None) for i in range(40)]
    log = log_of([*rows, ("u0", "p", start, "retweet", None)])
    with pytest.warns(cn.CoordnetWarning, match="too coarse for a window of 10s"):
        cn.co_action(log, within={"retweet": "10s", "url": "10min"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cn.co_action(log, within={"url": "10min"})


def test_a_graph_for_which_there_is_no_memory_names_all_windows(monkeypatch):
    monkeypatch.setattr(co_action, "available_memory", lambda: 3_000)
    rows = [row for o in range(9) for row in acts(f"o{o}", *((f"u{i}", i) for i in range(40)))]
    log = log_of(rows + acts("x", ("u0", 0), kind="url"))
    with pytest.raises(cn.MemoryBudgetError, match=r"\(it is retweet 60s, url 10min\)"):
        cn.co_action(log, within={"retweet": "60s", "url": "10min"})
