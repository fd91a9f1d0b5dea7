"""Every recipe on a few rows, numbers worked out by hand; and what all recipes have in common."""

import inspect
import math
import pickle

import igraph
import numpy as np
import pandas as pd
import pytest

import coordnet as cn
from coordnet.recipes.graham_2020 import normal_text, tokens
from coordnet.recipes.luceri_2024 import centrality
from coordnet.recipes.pacheco_2021 import in_bins
from coordnet.recipes.richard_2023 import grapheme_text

R = cn.recipes
DAY = 86_400


def log_of(rows, *more, **options):
    """Return the log of (account, object, seconds, *more) rows."""
    names = ["account", "object", "time", *more]
    table = pd.DataFrame(rows, columns=names)
    return cn.read_actions(table, **{name: name for name in names}, unit="s", **options)


def edges(graph, name=None):
    names = graph.all_accounts
    ends = (names[graph.edges[end]].tolist() for end in ("source", "target"))
    values = graph.edges[name or graph.weight].tolist()
    return {"".join(pair): value for *pair, value in zip(*ends, values, strict=True)}


def members(clusters):
    return [set(cluster.accounts) for cluster in clusters]


# -- CooRTweet -----------------------------------------------------------------------------------


def test_coortweet_counts_rows_not_objects():
    """A repeated row counts for participation, and each post of a pair of rows counts."""
    rows = [("a", "x", 0, "1"), ("a", "x", 5, "2"), ("b", "x", 7, "3"), ("c", "x", 8, "4")]
    assert edges(R.coortweet(log_of(rows, "post"), 10, 1)) == {"ab": 2, "ac": 2, "bc": 1}
    # b and c have one row each and go; with b's row twice it stays, and its one post pairs twice
    assert edges(R.coortweet(log_of(rows, "post"), 10, 2)) == {}
    twice = [*rows, ("b", "x", 7, "3")]
    assert edges(R.coortweet(log_of(twice, "post"), 10, 2)) == {"ab": 4}


def test_coortweet_drops_originals_and_posts_without_an_id():
    rows = [("a", "x", 0, "x"), ("b", "x", 1, "2"), ("c", "x", 2, None), ("d", "x", 3, "4")]
    assert edges(R.coortweet(log_of(rows, "post"), 10, 1)) == {"bd": 1}


def test_coortweet_keeps_a_pair_with_one_good_side():
    rows = [
        ("a", "x", 0, "1"), ("a", "y", 0, "2"), ("b", "x", 5, "3"), ("b", "z", 5, "4"),
        ("c", "y", 9, "5"), ("c", "w", 900, "6"),
    ]  # fmt: skip
    # a's posts 1 and 2 are both in a pair; b's and c's one each: a alone is good
    graph = R.coortweet(log_of(rows, "post"), 10, 2)
    assert edges(graph) == {"ab": 1, "ac": 1}
    assert edges(graph, "avg_time_delta") == {"ab": 5.0, "ac": 9.0}
    assert edges(R.coortweet(log_of(rows[:4], "post"), 10, 2)) == {}


def test_the_subgraphs_of_coortweet():
    rows = [(a, f"x{i}", 100 * i + s, f"{a}{i}") for i in range(3) for a, s in (("a", 0), ("b", 1))]
    rows += [("c", "x0", 9, "c0"), ("c", "x1", 109, "c1"), ("d", "y", 0, "d0"), ("d", "z", 0, "d1"),
             ("c", "y", 8, "c2"), ("c", "z", 9, "c3")]  # fmt: skip
    log = log_of(rows, "post")
    graph = R.coortweet(log, 10, 2, fast=1)
    assert edges(graph) == {"ab": 3, "ac": 2, "bc": 2, "cd": 2}
    assert edges(graph, "weight_fast") == {"ab": 3, "ac": 0, "bc": 0, "cd": 0}
    assert edges(R.coortweet(log, 10, 2, subgraph=1)) == {"ab": 3}
    flagged = R.coortweet(log, 10, 2, fast=1, edge_weight=0)
    assert edges(flagged, "weight_threshold_fast") == {"ab": 0, "ac": 0, "bc": 0, "cd": 0}
    quick = R.coortweet(log, 10, 2, fast=8, edge_weight=0, subgraph=2)
    assert edges(quick, "weight_fast") == {"ab": 3, "bc": 2}
    near = R.coortweet(log, 10, 2, fast=8, edge_weight=0, subgraph=3)
    assert edges(near) == {"ab": 3, "ac": 2, "bc": 2, "cd": 2}  # d is next to c
    for wrong in ({"subgraph": 2}, {"subgraph": 1, "fast": 1}):
        with pytest.raises(cn.ParameterError, match="fast"):
            R.coortweet(log, 10, 2, **wrong)


# -- the toolkit -----------------------------------------------------------------------------------


def directed(graph):
    return {(r.user_1, r.user_2): r.weight for r in R.toolkit_edges(graph).itertuples()}


def test_the_toolkit_counts_messages_in_both_directions():
    rows = [("a", "x", 0, "1"), ("a", "x", 5, "2"), ("b", "x", 60, "3"), ("b", "x", 61, "3")]
    graph = R.coordination_toolkit(log_of(rows, "post"), "co_retweet", 60, 1)
    # message 3 is the row at 60, the first; a's two messages match it, 0 at exactly 60 too
    assert directed(graph) == {("a", "b"): 2, ("b", "a"): 1}
    assert edges(graph, "weight_source") == {"ab": 2}
    only = R.coordination_toolkit(log_of(rows, "post"), "co_retweet", 60, 2)
    assert directed(only) == {("a", "b"): 2}


def test_links_of_one_message_count_once():
    rows = [("a", "u", 0, "1"), ("a", "v", 0, "1"), ("b", "u", 3, "2"), ("b", "v", 3, "3")]
    rows = [(*row, "url") for row in rows]
    graph = R.coordination_toolkit(log_of(rows, "post", "kind"), "co_link", 60, 1)
    assert directed(graph) == {("a", "b"): 1, ("b", "a"): 2}


def test_texts_of_the_toolkit():
    assert normal_text("Hello  @you, it's ME") == "hello it's me"
    rows = [
        ("a", "1", 0, "Vote now @x!"), ("b", "2", 5, "vote   NOW"), ("c", "3", 9, "vote later"),
        ("d", "4", 9, "VOTE now today"),
    ]  # fmt: skip
    log = log_of([(a, o, t, o, text) for a, o, t, text in rows], "post", "text")
    same = R.coordination_toolkit(log, "co_tweet", 60, 1)
    assert directed(same) == {("a", "b"): 1, ("b", "a"): 1}
    pytest.importorskip("regex")
    assert tokens("vote now today") == {"vote", "now", "today"}
    # {vote, now} of {vote, now, today} is 2 / 3; with "later" 1 / 3
    alike = R.coordination_toolkit(log, "co_similar_tweet", 60, 1, similarity_threshold=2 / 3)
    assert {*directed(alike)} == {
        (u, v) for u in "abd" for v in "abd" if u != v
    }  # fmt: skip


def test_reposts_are_no_messages_of_their_own_text():
    log = log_of([("a", "x", 0, "1")], "post").select("action")
    with pytest.raises(cn.ParameterError, match="has retweets only"):
        R.coordination_toolkit(log_of([("a", "x", 0, "retweet")], "kind"), "co_tweet")
    with pytest.raises(cn.ParameterError, match="network='co_like' is not known"):
        R.coordination_toolkit(log, "co_like")


# -- similarity ------------------------------------------------------------------------------------


def test_pacheco_by_hand():
    """x and y of a, b and c are objects of three accounts; z of two is left out."""
    rows = [(a, o, 0) for a in "abc" for o in "xy"] + [("a", "z", 0), ("b", "z", 0), ("a", "x", 9)]
    found = R.pacheco_co_retweet(log_of(rows), 2, None)
    one, two = 1 + math.log(2), 1.0  # idf = ln(4 / 4) + 1
    expected = (one + two) / math.sqrt((one**2 + two**2) * 2)
    assert edges(found) == pytest.approx({"ab": expected, "ac": expected, "bc": 1.0})
    assert edges(found, "support") == {"ab": 3, "ac": 2, "bc": 2}
    assert edges(R.pacheco_co_retweet(log_of(rows), 2, 0.995)) == pytest.approx({"bc": 1.0})
    # the code asks for more than two; c goes, and no object has three accounts: all are kept
    assert set(edges(R.pacheco_co_retweet(log_of(rows), 2, None, variant="code"))) == {"ab"}
    own = R.pacheco_co_retweet(log_of(rows), 2, None, authors={"x": "a"})
    assert own.log.dropped["own object"] == 2


def test_bins_of_time():
    rows = [
        (a, f"o{t}", t)
        for a, times in {"a": (0, 1799, 1800, 4000), "b": (10, 1700, 3599, 7300)}.items()
        for t in times
    ]
    graph = R.pacheco_co_timing(log_of(rows), 3, None)
    assert graph.log.objects.tolist() == [
        f"1970-01-01T0{t}" for t in ("0:00:00", "0:30:00", "1:00:00", "2:00:00")
    ]
    # a: 2 in the first bin, 1, 1, 0; b: 2, 1, 0, 1; two accounts: idf of bins of one ln(3 / 2) + 1
    one, rare = 1 + math.log(2), math.log(3 / 2) + 1
    dot = one**2 + 1
    assert edges(graph) == pytest.approx({"ab": dot / (dot + rare**2)})
    assert graph.test().tested.null == "activity"


def test_bins_of_the_code_begin_at_the_first_row_and_are_cut_towards_it():
    rows = [("a", "o", 1000), ("a", "o", 999), ("b", "o", 2799), ("b", "o", 2800), ("a", "o", -801)]
    found = in_bins(log_of(rows), 1800 * 1_000_000, from_first=True)
    starts = dict(zip(found.row.tolist(), found.objects[found.object].tolist(), strict=True))
    assert sorted(set(starts.values())) == [
        "1969-12-31T23:46:40", "1970-01-01T00:16:40", "1970-01-01T00:46:40"
    ]  # fmt: skip
    counts = np.bincount(found.object).tolist()
    assert counts == [1, 3, 1]


def test_hashtag_sequences_of_a_day():
    tags = ["a b", "c", "d e"]
    rows = [(u, tag, 60 * i) for u in "pq" for i, tag in enumerate(tags)]
    rows += [("r", tag, 60 * i) for i, tag in enumerate(reversed(tags))]
    log = log_of(rows)
    assert edges(R.pacheco_hashtag_sequence(log, 3, 5)) == {"pq": 1}
    assert edges(R.pacheco_hashtag_sequence(log, 4, 5)) == {}
    assert edges(R.pacheco_hashtag_sequence(log, 3, 6)) == {}
    split = [*rows[:3], ("q", "ab", 0), ("q", "c", 60), ("q", "de", 120)]
    assert edges(R.pacheco_hashtag_sequence(log_of(split), 3, 3)) == {}
    assert edges(R.pacheco_hashtag_sequence(log_of(split), 3, 3, variant="code")) == {"pq": 1}
    night = [("p", "a b c d e", DAY - 1), ("p", "f", DAY), ("q", "a b c d e", 5), ("q", "f", DAY)]
    assert edges(R.pacheco_hashtag_sequence(log_of(night), 1, 5)) == {"pq": 1}
    assert edges(R.pacheco_hashtag_sequence(log_of(night), 2, 5)) == {}


def test_fast_retweets():
    rows = [(a, post, t) for a in "pq" for post, t in (("x", 10), ("y", 110), ("z", 3 * DAY + 5))]
    originals = {"x": ("w", 0), "y": ("w", 100), "z": ("v", 0)}
    assert edges(R.luceri_fast_retweet(log_of(rows), originals)) == pytest.approx({"pq": 1.0})
    late = {**originals, "y": ("w", 99)}
    assert edges(R.luceri_fast_retweet(log_of(rows), late)) == {}
    once = R.luceri_fast_retweet(log_of(rows), late, min_fast=1)
    assert once.log.dropped["not fast"] == 4
    code = R.luceri_fast_retweet(log_of(rows), late, min_fast=1, variant="code")
    assert code.log.dropped["not fast"] == 2  # three days and five seconds later is fast
    with pytest.raises(cn.ParameterError, match="originals="):
        R.luceri_fast_retweet(log_of(rows))


def test_long_hashtag_sequences():
    rows = [("p", "a b c d e", 0), ("q", "a b c d e", 9), ("p", "x y", 0), ("r", "x y", 9)]
    assert edges(R.luceri_hashtag_sequence(log_of(rows))) == {"pq": 1.0}


def test_texts_by_vectors_in_bands():
    vectors = [[1.0, 0.0], [0.8, 0.6], [0.96, 0.28], [0.0, 1.0]]
    log = log_of([("p", "1", 0), ("q", "2", 5), ("q", "3", 9), ("r", "4", 9)])
    found = R.luceri_text(log, np.array(vectors)[np.argsort(np.argsort(log.object))])
    # p with q: 0.80 and 0.96, to 0.80 and 0.95
    assert edges(found) == pytest.approx({"pq": (0.80 + 0.95) / 2})
    apart = log_of([("p", "1", 0), ("q", "2", DAY)])
    assert edges(R.luceri_text(apart, vectors[:2])) == {}
    assert edges(R.luceri_text(apart, vectors[:2], window="2d")) == pytest.approx({"pq": 0.8})
    with pytest.raises(cn.InputError, match=r"shape \(1, 2\), and the log has 2 actions"):
        R.luceri_text(apart, vectors[:1])


def test_the_fused_network_and_its_central_accounts():
    def layer(*rows):
        return cn.CoordinationGraph.from_frame(
            pd.DataFrame(rows, columns=["source", "target", "weight"]), log=log
        )

    log = log_of([(a, "x", 0) for a in "abcd"])
    one, two = layer(("a", "b", 0.5), ("b", "c", 0.2)), layer(("a", "b", 0.7), ("c", "d", 0.1))
    fused = R.luceri_fused([one, two])
    assert edges(fused) == {"ab": 0.7, "bc": 0.2, "cd": 0.1}
    assert edges(fused, "layers") == {"ab": 2, "bc": 1, "cd": 1}
    assert edges(R.luceri_fused([one, two], percentile=50)) == {"bc": 0.2}  # of a path the middle
    assert edges(R.luceri_fused([one, two], percentile=50, weighted=True)) == {"ab": 0.7}


def test_centrality_is_the_leading_eigenvector():
    dense = np.triu(np.random.default_rng(1).random((30, 30)), 1)
    i, j = np.nonzero(dense)
    expected = np.abs(np.linalg.eigh(dense + dense.T)[1][:, -1])
    np.testing.assert_allclose(centrality(30, i, j, dense[i, j]), expected, atol=1e-9)
    square = centrality(4, np.array([0, 0, 2, 2]), np.array([1, 3, 1, 3]), np.ones(4))
    np.testing.assert_allclose(square, 0.5)  # of a graph whose least eigenvalue is as large


def test_weekly_similarities_are_averaged_over_all_weeks():
    rows = [("a", "x", 0), ("b", "x", 5), ("a", "y", 8 * DAY), ("b", "z", 8 * DAY),
            ("c", "z", 9 * DAY), ("a", "q", 15 * DAY)]  # fmt: skip
    found = R.luceri_weekly(log_of(rows))
    assert edges(found) == pytest.approx({"ab": 1 / 3, "bc": 1 / 3})
    assert edges(found, "weeks") == {"ab": 1, "bc": 1}
    assert edges(R.luceri_weekly(log_of(rows), similarity_threshold=0.34)) == {}


# -- null models -----------------------------------------------------------------------------------


def test_coordinationz_by_hand():
    rows = [("a", "x", 0), ("a", "x", 9), ("a", "y", 0), ("b", "x", 0), ("c", "y", 0)]
    found = R.coordinationz(log_of(rows), 1, 0.0)
    assert edges(found) == pytest.approx({"ab": 2 / math.sqrt(5), "ac": 1 / math.sqrt(5)})
    # its bound is exceeded, not reached; one object only is below a degree of two
    assert edges(R.coordinationz(log_of(rows), 1, 1 / math.sqrt(5) + 1e-12)).keys() == {"ab"}
    assert edges(R.coordinationz(log_of(rows), 2, 0.0)) == {}


def test_the_null_of_coordinationz_is_that_of_drawn_rows():
    """Against draws in plain numpy: every row of an account from all rows, mean weights."""
    rng = np.random.default_rng(0)
    popular = 1 / np.arange(1, 41)
    rows = [
        (f"u{a:02d}", f"o{o}", 0)
        for a in range(30)
        for o in rng.choice(40, 4 + a % 3, p=popular / popular.sum())
    ]
    log = log_of([(a, o, i) for i, (a, o, _) in enumerate(rows)])
    found = R.coordinationz(log, 1, 0.3, realizations=4_000, pvalue_threshold=1)
    pool = log.object
    acted = np.bincount(log.account)
    weight = np.zeros(log.n_objects)
    for _ in range(400):
        pairs = np.unique(np.stack([rng.permutation(log.account), pool]), axis=1)
        weight += np.log(30 / np.bincount(pairs[1], minlength=log.n_objects) + 1)
    weight /= 400
    for a, b in ((4, 4), (4, 6)):
        ends = np.stack([acted[found.edges["source"]], acted[found.edges["target"]]])
        own = np.flatnonzero((ends.min(axis=0) == a) & (ends.max(axis=0) == b))[:3]
        assert len(own)
        drawn = []
        for _ in range(4_000):
            u = np.bincount(rng.choice(pool, a), minlength=log.n_objects) * weight
            v = np.bincount(rng.choice(pool, b), minlength=log.n_objects) * weight
            drawn.append(u @ v / np.sqrt((u @ u) * (v @ v)))
        for e in own:
            expected = np.mean(np.array(drawn) >= found.weights[e] - 1e-9)
            spread = math.sqrt(max(expected * (1 - expected), 1e-3) / 4_000)
            assert found.edges["pvalue"][e] == pytest.approx(expected, abs=6 * spread + 0.01)


def test_the_null_of_coordinationz_is_seeded_whatever_the_threads():
    log = cn.simulate("retweet_ring", accounts=300, seed=1).log.select("retweet")
    one, other = (
        R.coordinationz(log, 5, 0.2, realizations=150, pvalue_threshold=1, threads=threads)
        for threads in (1, 2)
    )
    assert one.edges["pvalue"].tobytes() == other.edges["pvalue"].tobytes()
    assert (one.edges["pvalue"] >= 1 / 601).all()
    again = R.coordinationz(log, 5, 0.2, realizations=150, pvalue_threshold=1, seed=1)
    assert one.edges["pvalue"].tobytes() != again.edges["pvalue"].tobytes()
    kept = R.coordinationz(log, 5, 0.2, realizations=150, pvalue_threshold=0.01)
    assert kept.n_edges == (one.edges["pvalue"] < 0.01).sum() > 0


def test_indicators_are_merged():
    rows = [(a, "x", 0, "retweet") for a in "ab"]
    rows += [("a", "u", 0, "url"), ("b", "u", 0, "url"), ("b", "v", 0, "url")]
    log = log_of(rows, "kind")
    every = R.coordinationz(log, 1, 0.0)
    url = edges(R.coordinationz(log.select("url"), 1, 0.0))["ab"]
    assert edges(every) == pytest.approx({"ab": (1 + url) / 2})
    assert edges(R.coordinationz(log, 1, 0.0, merge="max")) == pytest.approx({"ab": 1.0})


# -- windows and communities -----------------------------------------------------------------------


def test_coornet_by_hand():
    rows = [
        ("a", "x", 0),
        ("b", "x", 4),
        ("c", "x", 5),
        ("d", "x", 9),
        ("a", "y", 0),
        ("b", "y", 3),
    ]
    log = log_of(rows)
    # bins of 5 s: {a, b} {c, d} and {a, b}; the code meets on the link
    assert edges(R.coornet(log, 5, 0.0)) == {"ab": 2, "cd": 1}
    code = R.coornet(log, 5, 0.0, variant="code")
    assert edges(code) == {"ab": 2, "ac": 1, "ad": 1, "bc": 1, "bd": 1, "cd": 1}
    assert edges(R.coornet(log, 5, 0.9)) == {"ab": 2}
    # y's second share is the fastest; more than half of its two shares are made after 3 s
    assert R.coordination_interval(log) == 3.0


def test_weber_by_hand():
    rows = [("a", "x", 0), ("b", "x", 800), ("b", "x", 899), ("a", "y", 900), ("b", "y", 901),
            ("a", "z", 899), ("b", "z", 900)]  # fmt: skip
    found = R.weber(log_of(rows), "15min")
    assert edges(found.graph) == {"ab": 3}  # z is cut by the border of the windows
    assert members(found) == [{"a", "b"}]
    assert len(R.weber(log_of(rows), "15min", variant="code")) == 0  # communities of one edge
    # 2 in the first window, 1 in the second: 1 + 0.5 * 2 in the second frame, 2 in the first
    assert edges(R.weber(log_of(rows), "15min", alpha=0.5).graph) == {"ab": 2.0}
    assert edges(R.weber(log_of(rows), "15min", alpha=0.9).graph) == pytest.approx({"ab": 2.8})


def test_a_focal_structure_stops_where_it_would_get_lighter():
    from coordnet.recipes.weber_2021 import focal_structures

    frame = pd.DataFrame(
        [("a", "b", 10), ("b", "c", 10), ("c", "d", 9), ("d", "e", 1), ("x", "y", 1)],
        columns=["source", "target", "weight"],
    )
    graph = cn.CoordinationGraph.from_frame(frame)
    sets = cn.Clusters.from_labels([list("abcde"), ["x", "y"]], graph)

    def found(theta):
        return [
            "".join(graph.all_accounts[m]) for m in focal_structures(graph, sets, theta, "paper")
        ]

    # mean 6.2: d-e and x-y weigh less; with c-d the mean falls from 10 to 9.67, deviation 0
    assert found(0.3) == ["abc"]
    frame.loc[1, "weight"] = 12
    graph = cn.CoordinationGraph.from_frame(frame)
    sets = cn.Clusters.from_labels([list("abcde"), ["x", "y"]], graph)
    assert found(0.3) == ["abc"]  # 11 to 10.33: more than 0.3 of 1.41
    assert found(0.5) == ["abcd"]


def test_schoch():
    rows = [
        (a, f"x{i}", 100 * i + s, "retweet") for i in range(9) for a, s in (("a", 0), ("b", 60))
    ]
    log = log_of([*rows, ("a", "t", 0, "text"), ("b", "t", 9, "text")], "kind")
    assert edges(R.schoch(log)) == {"ab": 10}
    assert edges(R.schoch(log, within="59s")) == {}
    assert edges(R.schoch(log.select("retweet"))) == {}


def test_linhares_by_hand():
    """Of a full square the four heavy edges are its frame, and ends share two of two neighbours."""
    rows = [(a, "x", 0) for a in "abcd"] + [("a", "y", 8 * DAY), ("b", "y", 8 * DAY)]
    found = R.linhares(log_of(rows), alpha=1.0, threshold=0.39, min_size=2)
    assert set(edges(found.graph)) == {"ab", "ac", "ad", "bc", "bd", "cd"}
    assert members(found) == [set("abcd")]
    heavier = [*rows, ("a", "z", 0), ("b", "z", 0), ("a", "w", 0), ("b", "w", 0)]
    graph = R.linhares(log_of(heavier), alpha=0.2, threshold=0.0).graph
    assert edges(graph) == {"ab": 3}  # (1 - 3 / 5)^2 = 0.16; the others 0.44 and more


def test_synchrotrap_by_hand():
    rows = [("a", "x", 0), ("b", "x", 60), ("a", "y", 0), ("b", "z", 0), ("c", "x", 100),
            ("a", "q", DAY), ("c", "q", DAY)]  # fmt: skip
    found = R.synchrotrap(log_of(rows), "60s", 0.3, min_size=2)
    # a and b: x of {x, y, z}; b and c: x of {x, z}; a and c on the second day q of {q}
    assert edges(found.graph) == pytest.approx({"ab": 1 / 3, "ac": 1.0, "bc": 1 / 2})
    assert members(found) == [set("abc")]
    assert edges(R.synchrotrap(log_of(rows), "60s", 0.5).graph) == pytest.approx(
        {"ac": 1.0, "bc": 1 / 2}
    )


def test_mannocci_averages_over_the_windows_with_the_pair():
    rows = [("a", "x", 0), ("b", "x", 5), ("b", "y", 8), ("a", "z", 100), ("b", "z", 109),
            ("c", "q", 210)]  # fmt: skip
    found = R.mannocci(log_of(rows), 100, 90, min_co_actions=0)
    # windows 0-100, 90-190, 180-280: a has x and z (at 100, the end, inclusive), b x and y; then z
    idf = math.log(3 / 2) + 1
    first = 1 / (1 + idf**2)
    assert edges(found.graph) == pytest.approx({"ab": (first + 1) / 2})
    assert edges(found.graph, "co_actions") == {"ab": 2}
    assert edges(found.graph, "windows") == {"ab": 2}
    assert edges(R.mannocci(log_of(rows), 100, 90, min_co_actions=3).graph) == {}


def test_the_variants_of_mannocci():
    from coordnet.recipes.mannocci_2024 import MIN_CO_ACTIONS, WINDOWS

    assert list(MIN_CO_ACTIONS["paper"].values()) == [26, 4, 3, 48, 14]
    assert list(MIN_CO_ACTIONS["2026"].values()) == [2, 2, 2, 2, 7]
    assert dict(WINDOWS) == {"paper": ("6h", "5h"), "2026": ("7d", "6d")}


def test_iannucci_by_hand():
    rows = [("a", "x", 0), ("b", "x", 30), ("c", "x", 60)]
    found = R.iannucci(log_of(rows), within="60s", min_size=2)
    half = math.sqrt(0.01) / 2
    assert edges(found.graph) == pytest.approx({"ab": half, "ac": 0.01 / 2, "bc": half})


def test_iannucci_takes_the_decay_of_the_highest_modularity():
    log = cn.simulate("retweet_ring", accounts=300, seed=4).log.select("retweet")
    cuts = ("60s", "15s", "5s")
    alone = {cut: R.iannucci(log, cut).layers[0] for cut in cuts}

    def modularity(graph):
        net = igraph.Graph(n=graph.n_accounts, edges=np.column_stack(graph.ends))
        found = cn.find_clusters(graph, "leiden", min_size=1)
        weights = graph.weights.tolist()
        return net.modularity(found.labels[graph.nodes].tolist(), weights=weights)

    best = max(cuts, key=lambda cut: modularity(alone[cut]))
    assert R.iannucci(log, cuts).layers[0].within == best


def test_layers_are_coupled():
    rows = [(a, f"{k}{i}", 1000 * i, k) for k, who in (("url", "abc"), ("hashtag", "abcd"))
            for i in range(3) for a in who]  # fmt: skip
    rows += [(a, f"m{i}", 1000 * i, "mention") for i in range(2) for a in "xyz"]
    found = R.magelinski(log_of(rows, "kind"))
    assert members(found) == [set("abcd"), set("xyz")]
    assert found.layers.names == tuple(
        f"magelinski ({kind}) within 5min" for kind in ("hashtag", "mention", "url")
    )


def test_nizzoli_takes_the_busiest():
    rows = [(a, f"x{i}", 0) for a in "abc" for i in range(4)] + [("d", "x0", 0), ("e", "x0", 0)]
    found = R.nizzoli(log_of(rows), top=0.6, alpha=1.0)
    # the quantile 0.4 of 1, 1, 4, 4, 4 retweets is 2.8: a, b and c, of two equal edges each
    assert edges(found.graph) == pytest.approx({"ab": 1.0, "ac": 1.0, "bc": 1.0})
    assert edges(found.graph, "disparity_p") == pytest.approx({"ab": 0.5, "ac": 0.5, "bc": 0.5})
    assert len(R.nizzoli(log_of(rows), top=1.0, alpha=1.0).graph) == 10
    assert len(R.nizzoli(log_of(rows), top=0.6, alpha=0.5).graph) == 0


# -- texts and vectors -----------------------------------------------------------------------------


def test_coorsim_by_hand():
    log = log_of([("a", "1", 0, "1"), ("b", "2", 180, "2"), ("c", "3", 181, "3")], "post")
    vectors = [[1.0, 0.0], [0.6, 0.8], [0.6, 0.8]]
    found = R.coorsim(log, vectors, 180, 0.6)
    assert edges(found) == {"ab": 1, "bc": 1}
    assert edges(found, "similarity") == pytest.approx({"ab": 0.6, "bc": 1.0})
    assert edges(found, "mean_delay") == {"ab": 180.0, "bc": 1.0}
    # b is in two pairs, a and c in one: both accounts must be in two
    assert edges(R.coorsim(log, vectors, 180, 0.6, min_participation=2)) == {}
    assert edges(R.coorsim(log, vectors, 180, 0.95)) == {"bc": 1}


def test_similar_posts_are_those_of_the_whole_matrix(monkeypatch):
    from coordnet.recipes import vectors

    rng = np.random.default_rng(3)
    log = log_of(
        [(f"u{i % 7}", f"o{i:03d}", int(t)) for i, t in enumerate(rng.integers(0, 60, 90))]
    )
    embedding = rng.normal(size=(90, 3))
    unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    cosines = unit @ unit.T
    apart = np.abs(log.time[:, None] - log.time)
    expected = (cosines >= 0.7) & (apart <= 10_000_000)
    expected &= log.account[:, None] < log.account
    monkeypatch.setattr(vectors, "BLOCK", 7)
    found = vectors.similar_posts(log, embedding, 0.7, log.time, 10_000_000)
    assert sorted(zip(found.own.tolist(), found.others.tolist(), strict=True)) == list(
        zip(*(x.tolist() for x in np.nonzero(expected)), strict=True)
    )


TEXT = "the quick brown fox jumps over the lazy dog again"


def levenshtein(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        row, old = [i + 1], row
        for j, y in enumerate(b):
            row.append(min(old[j] + (x != y), old[j + 1] + 1, row[j] + 1))
    return row[-1]


def test_copies_without_vectors_are_all_that_are_near_enough():
    rng = np.random.default_rng(5)
    letters = "abcdefg"
    texts = ["".join(rng.choice(list(letters), 36)) for _ in range(4)]
    for base in list(texts):
        for edits in (1, 6, 10, 11, 12):
            text = list(base)
            for at in rng.choice(36, edits, replace=False):
                text[at] = "x"
            texts.append("".join(text))
    log = log_of([(f"u{i:02d}", text, i) for i, text in enumerate(texts)])
    found = edges(R.d3lta(log))
    by_account = {f"u{i:02d}": text for i, text in enumerate(texts)}
    expected = {
        a + b
        for a in by_account
        for b in by_account
        if a < b and 1 - levenshtein(by_account[a], by_account[b]) / 36 > 0.693
    }
    assert set(found) == expected
    assert len(expected) > 20


def test_kinds_of_duplicates():
    assert grapheme_text("ÉCOLE: @me http://x.example/y, l'été! #tag") == "ecolelete"
    other = "an entirely different sentence about something else"
    rows = [("a", TEXT, 0), ("b", TEXT + "!!", 1), ("c", other, 2), ("d", other[::-1], 3)]
    log = log_of(rows)
    vector = {"a": [1.0, 0.0], "b": [1.0, 0.0], "c": [0.9, 0.43], "d": [0.75, 0.66]}
    name = log.all_accounts[log.account]
    language = ["fr" if account == "d" else "en" for account in name]
    found = R.d3lta(log, [vector[account] for account in name], language)
    assert edges(found, "copy_pasta") == {"ab": 1, "ac": 0, "ad": 0, "bc": 0, "bd": 0, "cd": 0}
    assert edges(found, "rewording") == {"ab": 0, "ac": 1, "ad": 0, "bc": 1, "bd": 0, "cd": 0}
    assert edges(found, "translation") == {"ab": 0, "ac": 0, "ad": 1, "bc": 0, "bd": 1, "cd": 1}
    assert edges(R.d3lta(log)) == {"ab": 1}
    assert edges(R.d3lta(log, min_size_txt=60)) == {}


# -- all of them -----------------------------------------------------------------------------------

FUNCTIONS = [getattr(R, name) for name in R.__all__]
RECIPES = [f for f in FUNCTIONS if hasattr(f, "citation")]
NEEDS = {
    "d3lta": {}, "luceri_text": None, "coorsim": None, "luceri_fused": None,
    "luceri_fast_retweet": None, "synchrotrap": {"within": "60s", "min_similarity": 0.1},
    "luceri_hashtag_sequence": None, "pacheco_hashtag_sequence": None,
}  # fmt: skip


def test_all_of_the_table_are_there():
    assert {f.__name__ for f in RECIPES} == {
        "coortweet", "coordination_toolkit", "coornet", "pacheco_co_retweet", "pacheco_co_timing",
        "pacheco_hashtag_sequence", "luceri_co_retweet", "luceri_co_url", "luceri_fast_retweet",
        "luceri_hashtag_sequence", "luceri_text", "luceri_fused", "nizzoli", "weber", "schoch",
        "magelinski", "iannucci", "mannocci", "bicm", "coordinationz", "coorsim", "d3lta",
        "linhares", "luceri_weekly", "synchrotrap",
    }  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_documented_parameters_are_those_of_the_signature(function):
    documented = []
    inside = False
    lines = inspect.cleandoc(function.__doc__).splitlines()
    for line, under in zip(lines, [*lines[1:], ""], strict=True):
        if under.startswith("---"):
            inside = line == "Parameters"
        elif inside and line and not line.startswith((" ", "---")):
            documented += [name.strip() for name in line.split(",")]
    assert documented == list(inspect.signature(function).parameters)
    if function in RECIPES:
        author = function.citation.split(",")[0].split(" (")[0]
        assert "References\n----------" in "\n".join(lines)
        assert author.split()[-1] in function.__doc__


@pytest.fixture(scope="module")
def election():
    return cn.simulate("election", accounts=300, seed=1).log


@pytest.mark.parametrize(
    "function", [f for f in RECIPES if "threads" in inspect.signature(f).parameters
                 and NEEDS.get(f.__name__, {}) is not None], ids=lambda f: f.__name__,
)  # fmt: skip
def test_threads_change_no_byte(function, election):
    log = election.select("retweet") if function.__name__ != "luceri_co_url" else election
    one, two = (
        function(log, **NEEDS.get(function.__name__, {}), threads=threads) for threads in (1, 2)
    )
    one, two = (x.graph if isinstance(x, cn.Clusters) else x for x in (one, two))
    assert list(one.edges) == list(two.edges)
    assert all(column.tobytes() == two.edges[name].tobytes() for name, column in one.edges.items())


@pytest.mark.parametrize(
    "function", [f for f in RECIPES if NEEDS.get(f.__name__, {}) is not None],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_a_recipe_names_its_source_is_saved_and_can_be_tested(function, election, tmp_path):
    made = function(election, **NEEDS.get(function.__name__, {}))
    graphs = list(made.layers) if isinstance(made, cn.Clusters) else [made]
    for graph in graphs:
        assert graph.relation.citation == function.citation
        assert graph.relation.describe()["recipe"] == function.__name__
        assert (graph.edges["source"] < graph.edges["target"]).all()
        order = np.lexsort((graph.edges["target"], graph.edges["source"]))
        assert (np.diff(order) > 0).all()
        tested = graph.test()
        assert tested.n_edges == graph.n_edges == len(tested.edges["q_value"])
        again = graph.relation.graph(graph.log) if graph.log is election else None
        if again is not None and len(graphs) == 1:
            assert again.weights.tobytes() == graph.weights.tobytes()
    cn.save(made, tmp_path / "x.coordnet")
    assert repr(cn.load(tmp_path / "x.coordnet")) == repr(made)
    assert repr(pickle.loads(pickle.dumps(made))) == repr(made)


@pytest.mark.parametrize(
    "function", [f for f in RECIPES if NEEDS.get(f.__name__, {}) is not None],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_a_recipe_of_an_empty_log_finds_nothing(function):
    made = function(log_of([]), **NEEDS.get(function.__name__, {}))
    assert len(made) == 0


def test_a_missing_name_is_told():
    with pytest.raises(AttributeError, match=r"no attribute 'coortwet'. Did you mean 'coortweet'"):
        R.coortwet  # noqa: B018
    with pytest.raises(cn.ParameterError, match="is about actions of kind 'url'"):
        R.luceri_co_url(log_of([("a", "x", 0, "u"), ("b", "x", 0, "v")], "kind"))


def test_where_a_focal_structure_grows():
    from coordnet.recipes.weber_2021 import focal_structures

    rows = [("a", "b", 10), ("b", "c", 9), ("a", "d", 8.9), ("x", "y", 1)]
    graph = cn.CoordinationGraph.from_frame(
        pd.DataFrame(rows, columns=["source", "target", "weight"])
    )
    sets = cn.Clusters.from_labels([list("abcd"), ["x", "y"]], graph)
    for variant, expected in (("paper", "abcd"), ("code", "abc")):  # d is next to a, not to b or c
        (found,) = focal_structures(graph, sets, 0.5, variant)
        assert "".join(graph.all_accounts[found]) == expected


def test_scores_of_a_method_that_needs_more_than_a_log():
    rows = [(a, f"{a}{i}", 60 * i + s) for i in range(4) for s, a in enumerate("abc")]
    log = log_of(rows)
    graph = R.coorsim(log, np.ones((len(log), 2)), 30)
    assert edges(graph) == {"ab": 4, "ac": 4, "bc": 4}
    with pytest.raises(cn.ParameterError, match="coorsim needs embeddings, which its graph does"):
        graph.relation.graph(log)
    scores = cn.score_clusters(cn.find_clusters(graph), null_sets=0)
    assert scores["accounts"].value.tolist() == [3]
    assert "edges_in_both_halves" not in scores.estimates


def test_a_layer_is_tested_and_told_by_its_own_kind(election):
    found = R.magelinski(election)
    layer = found.layers["magelinski (url) within 5min"]
    assert layer.source is election
    assert layer.log.kinds == ("url",)
    alone = cn.co_action(election.select("url"), "5min")
    assert layer.test().edges["q_value"].tolist() == alone.test().edges["q_value"].tolist()
    a, b = (layer.all_accounts[int(layer.edges[end][0])] for end in ("source", "target"))
    told = layer.co_actions(a, b, "pyarrow").to_pylist()
    assert told == alone.co_actions(a, b, "pyarrow").to_pylist()
    assert {row["kind"] for row in told} == {"url"}
    scores = cn.score_clusters(found, null_sets=0)
    assert scores["accounts"].value.tolist() == found.sizes.tolist()
