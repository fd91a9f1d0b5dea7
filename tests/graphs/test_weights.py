"""Other weights of edges, by hand: one small log, every number worked out."""

import math

import pandas as pd
import pytest

import coordnet as cn

ROWS = [  # account, object, seconds
    ("a", "x", 0), ("b", "x", 60), ("c", "x", 500),
    ("a", "y", 0), ("b", "y", 30),
    ("a", "z", 0), ("b", "z", 900),
    ("b", "w", 0),
]  # fmt: skip


@pytest.fixture(scope="module")
def graph():
    table = pd.DataFrame(ROWS, columns=["account", "object", "time"])
    log = cn.read_actions(table, account="account", object="object", time="time")
    return cn.co_action(log, within="60s")


def idf(n):
    return math.log((1 + 3) / (1 + n)) + 1


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        # a acts on x, y, z; b on x, y, z, w; together on x and y; x has three accounts
        ("cosine", 2 / math.sqrt(3 * 4)),
        ("jaccard", 2 / (3 + 4 - 3)),
        ("overlap", 2 / 3),
        ("collaboration", 1 / 2 + 1),
        ("decay", 0.01 / 2 + math.sqrt(0.01)),
        (
            "tfidf",
            (idf(3) ** 2 + idf(2) ** 2)
            / math.sqrt(idf(3) ** 2 + 2 * idf(2) ** 2)
            / math.sqrt(idf(3) ** 2 + 2 * idf(2) ** 2 + idf(1) ** 2),
        ),
    ],
)
def test_each_weight_by_hand(graph, weight, expected):
    assert graph.n_edges == 1
    found = graph.reweight(weight)
    assert (found.weight, list(found.edges)[-1]) == (weight, weight)
    assert found.weights.tolist() == pytest.approx([expected], rel=1e-12)
    assert found.edges["objects"].tolist() == graph.edges["objects"].tolist() == [2]


def test_a_window_as_long_as_the_log_gives_the_textbook_measures(graph):
    wide = cn.co_action(graph.log, within="1h").reweight("jaccard")
    # with c, who acts on x alone
    assert wide.weights.tolist() == pytest.approx([3 / 4, 1 / 3, 1 / 4])


def test_a_window_of_each_kind_has_its_own_decay():
    """On x within 60 s, on y within 100 s; z is of a kind that takes no part."""
    rows = [
        ("a", "x", 0, "url"), ("b", "x", 60, "url"), ("a", "y", 0, "tag"), ("b", "y", 50, "tag"),
        ("a", "z", 0, "text"), ("b", "z", 0, "text"),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["account", "object", "time", "kind"])
    log = cn.read_actions(table, account="account", object="object", time="time", kind="kind")
    graph = cn.co_action(log, within={"url": "60s", "tag": "100s"})
    assert graph.reweight("decay").weights.tolist() == pytest.approx([0.01 + math.sqrt(0.01)])
    assert graph.reweight("jaccard").weights.tolist() == [1]


def test_another_decay(graph):
    found = graph.reweight("decay", eps=0.25)
    assert found.weights.tolist() == pytest.approx([0.25 / 2 + 0.5])


def test_what_is_wrong_is_said(graph):
    with pytest.raises(cn.ParameterError, match=r"weight='cosin' is not known.*'cosine'"):
        graph.reweight("cosin")
    with pytest.raises(cn.ParameterError, match="eps=1 is not a number"):
        graph.reweight("decay", eps=1)
    given = cn.CoordinationGraph.from_frame(graph.to_frame(), weight="objects")
    with pytest.raises(cn.ParameterError, match="has no log of actions"):
        given.reweight("cosine")


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_change_nothing(threads):
    log = cn.simulate("retweet_ring", accounts=500, seed=1).log
    graph = cn.co_action(log, min_weight=2)
    found = graph.reweight("tfidf", threads=threads)
    assert found.weights.tobytes() == graph.reweight("tfidf", threads=1).weights.tobytes()
