"""Scores where memory is little: the same bytes, of the actions of few accounts alone."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

import coordnet as cn
from coordnet import disk, memory
from coordnet.clusters.clusters import Clusters
from coordnet.inference import (
    attainable,
    edge_tests,
    gaps,
    group_test,
    pair_chances,
    set_weights,
    statistics,
)
from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import scores as score_kernels
from coordnet.kernels import windows as window_kernels
from coordnet.log import account_order
from coordnet.pictures import timeline
from coordnet.pictures.gaps import gaps as gaps_of
from coordnet.scores import drawn, promptness, texts, view

SLICED = (
    disk, account_order, attainable, edge_tests, gaps, group_test, pair_chances, set_weights,
    statistics, drawn, promptness, texts, timeline, view,
)  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    """Let little memory be asked for; return what makes slices small."""
    monkeypatch.setattr(memory, "LEAST", 1)
    monkeypatch.setattr(account_order, "PLACED", 5_000)

    def sliced(n):
        for module in SLICED:
            monkeypatch.setattr(module, "SLICE", n)

    return sliced


# -- the same bytes ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sim():
    return cn.simulate("election", accounts=800, seed=3)


def clusters_in(sim, log):
    """Return the planted groups as clusters in the tested graph of a log."""
    groups = [sorted(group) for group in sim.truth.groups.values()]
    return Clusters.from_labels(groups, cn.co_action(log, min_weight=2).test())


def told(sim, clusters):
    """Return all that scores, explanations, evidence and pictures say of clusters."""
    found = cn.score_clusters(
        clusters,
        accounts=sim.accounts,
        moments={"vote": ("2017-06-08T06:00:00Z", "2017-06-08T21:00:00Z")},
        stance=lambda text: (None, "bill:for", "bill:against")[len(text) % 3],
        null_sets=99,
    )
    n = range(len(found))
    return {
        "absent": dict(found.absent),
        "scores": found.to_frame("pyarrow", family="all", long=True).to_pydict(),
        "explanations": found.explanations("pyarrow").to_pydict(),
        "evidence": [found.evidence(i, backend="pyarrow").to_pydict() for i in n],
        "texts": [found.texts(i, 99, redact_text=False, backend="pyarrow").to_pydict() for i in n],
        "gaps": [gaps_of(found, i).table().to_pydict() for i in n],
        "timeline": [timeline.timeline(found, i).table().to_pydict() for i in n],
    }


def test_scores_of_a_store_with_little_memory_are_those_in_memory(small, sim, tmp_path):
    whole = told(sim, clusters_in(sim, sim.log))
    assert len(whole["texts"][0]["text"]) > 0
    assert set(whole["absent"]) <= {"selection", "stability", "created_before_date", "marked"}
    clusters = clusters_in(sim, cn.write_store(sim.log, tmp_path / "store"))
    small(997)
    with memory.limited_to(1):
        limited = told(sim, clusters)
    for name, part in whole.items():
        np.testing.assert_equal(limited[name], part, err_msg=name)


def test_of_texts_that_are_shared_alike_the_first_of_the_log_comes_first(small):
    """Whoever worded it so: an outsider's BETA stands before the members' alpha."""
    rows = [
        (who, f"{text} {i}", 1_000 * i + second, text)
        for i, text in enumerate(["alpha", "beta"])
        for second, who in enumerate("abc")
    ]
    rows += [("x", "own", 9_000, "BETA"), ("y", "own", 9_500, "else")]
    columns = dict(zip(("account", "object", "time", "text"), zip(*rows, strict=True), strict=True))
    log = cn.read_actions(
        pa.table(columns), account="account", object="object", time="time", text="text", unit="s"
    )
    small(3)
    found = cn.score_clusters([["a", "b", "c"]], log, null_sets=0)
    assert found.texts(0, backend="pyarrow")["text"].to_pylist() == ["beta", "alpha"]


# -- what is read ------------------------------------------------------------------------------


def busy_log():
    """Return 300,000 actions of 300 busy accounts, and 2,400 of 80 quiet ones with a group."""
    rng = np.random.default_rng(1)
    account = np.concatenate([np.repeat(np.arange(300), 1_000), np.repeat(np.arange(300, 380), 30)])
    n = len(account)
    object_, time = rng.integers(0, 2_000, n), rng.integers(0, 20 * 86_400, n)
    group = account >= 376  # of four, each time together on one object
    object_[group] = np.tile(np.arange(30), 4)
    time[group] = np.tile(np.arange(30) * 50_000, 4) + rng.integers(0, 20, int(group.sum()))
    table = pa.table(
        {
            "account": pa.array(account).cast(pa.string()),
            "object": pa.array(object_).cast(pa.string()),
            "time": time + 1_500_000_000,
            "text": pa.array(rng.integers(0, 500, n)).cast(pa.string()),
        }
    )
    return cn.read_actions(
        table, account="account", object="object", time="time", text="text", unit="s"
    )


def arrays_in(found):
    """Yield the arrays of what a kernel returns."""
    if isinstance(found, np.ndarray):
        yield found
    elif isinstance(found, tuple):
        for part in found:
            yield from arrays_in(part)


def test_nothing_that_grows_with_the_actions_is_made_in_memory(small, monkeypatch, tmp_path):
    """Of 302,400 actions, where a stretch has 4,000, only those of 84 quiet accounts matter."""
    store = cn.write_store(busy_log(), tmp_path / "store")
    n = len(store)
    group = [[str(i) for i in range(376, 380)]]
    small(4_000)
    longest = {}

    def watched(name, function):
        def call(*arguments):
            found = function(*arguments)
            lengths = [len(a) for a in arrays_in(found) if not disk.stands_on_disk(a)]
            longest[name] = max(longest.get(name, 0), *lengths, 0)
            return found

        return call

    clusters = Clusters.from_labels(group, cn.co_action(store, min_weight=2))
    tester = clusters.graph.relation.group_tester(store)
    tests = ((tester.test(clusters.members(0)),),)
    clusters = Clusters.from_members(
        clusters.graph, [clusters.members(0)], "given", {}, group_tests=tests
    )
    day = ("2017-07-20T00:00:00Z", "2017-07-21T00:00:00Z")
    with memory.limited_to(1):

        def everything():
            scores = cn.score_clusters(clusters, store, moments={"day": day}, null_sets=19)
            scores.explanations("pyarrow")
            scores.texts(0, backend="pyarrow")
            scores.evidence(0, backend="pyarrow")
            gaps_of(scores, 0)
            timeline.timeline(scores, 0)

        everything()  # what is imported and compiled when it is first needed
        for module in (array_kernels, score_kernels, window_kernels):
            for name, function in vars(module).items():
                if hasattr(function, "py_func"):
                    monkeypatch.setattr(module, name, watched(name, function))
        tracemalloc.start()
        try:
            everything()
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert {"window_bounds", "nearest_lags", "holdings"} <= set(longest)
    assert max(longest.values()) < n / 10, longest
    assert most < 4 * n  # not one number for each action
