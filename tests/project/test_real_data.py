"""Real posts: the numbers of other tools, where theirs and ours mean the same; skipped elsewhere.

CooRTweet's weight of an edge is the number of co-actions that have different content ids, which is
our column ``pairs``; the toolkit counts for each direction the different posts with a match.
"""

import csv
import gzip
import json
import subprocess
import sysconfig
from collections import defaultdict
from pathlib import Path

import duckdb
import naive
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import assert_edges, assert_same_graph, assert_same_log, edges_of

import coordnet as cn

RUSSIAN = ("data", "russian_coord_tweets.csv.gz")
COLUMNS = {
    "account": "account_id",
    "object": "object_id",
    "time": "timestamp_share",
    "post": "content_id",
}
SECOND = 1_000_000


def rows_of(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def russian(shared):
    return cn.read_actions(shared(*RUSSIAN), **COLUMNS)


@pytest.fixture(scope="module")
def posts(shared):
    """Return the rows for the oracle."""
    return [
        (
            r["account_id"], r["object_id"], int(r["timestamp_share"]) * SECOND, "action",
            r["content_id"],
        )
        for r in rows_of(shared(*RUSSIAN))
    ]  # fmt: skip


def test_the_retweets_of_2021(russian):
    assert russian.rows_read == 35_125
    assert (len(russian), russian.n_accounts, russian.n_objects) == (35_124, 9_509, 7_285)
    assert russian.dropped["duplicate"] == 1
    assert sum(russian.dropped.values()) == 1


@pytest.mark.parametrize(
    ("within", "edges", "accounts", "objects"),
    [("60s", 6_206, 3_954, 6_242), ("10s", 1_092, 1_525, 1_095)],
)
def test_edges_within_a_minute_and_ten_seconds(russian, within, edges, accounts, objects):
    graph = cn.co_action(russian, within)
    assert (graph.n_edges, graph.n_accounts) == (edges, accounts)
    assert graph.weights.sum() == objects
    assert_same_graph(cn.co_action(russian, within, threads=1), graph)
    for least in (2, 3):
        kept = cn.co_action(russian, within, min_weight=least)
        assert_same_graph(kept, graph.keep(min_weight=least))
    pairs = cn.co_action(russian, within, weight="pairs", min_weight=2)
    assert pairs.n_edges == (graph.edges["pairs"] >= 2).sum() > 0


def test_edges_equal_the_oracle(russian, posts):
    """Objects are independent of each other: the oracle may take them one by one."""
    of_object = defaultdict(list)
    for row in posts:
        of_object[row[1]].append(row)
    expected = defaultdict(lambda: {"objects": 0, "pairs": 0, "delay": 0.0, "first": 0.0})
    for rows in of_object.values():
        for ends, edge in naive.co_action(rows, 60 * SECOND).items():
            total = expected[ends]
            total["objects"] += edge["objects"]
            total["pairs"] += edge["pairs"]
            total["delay"] += edge["mean_delay"] * edge["pairs"]
            total["first"] += edge["first_share"] * edge["pairs"]
    expected = {
        ends: {
            "objects": e["objects"], "pairs": e["pairs"],
            "mean_delay": e["delay"] / e["pairs"], "first_share": e["first"] / e["pairs"],
        }
        for ends, e in expected.items()
    }  # fmt: skip
    assert len(expected) == 6_206
    assert_edges(edges_of(cn.co_action(russian, "60s")), expected)


def test_edges_and_weights_equal_those_of_coortweet(russian, shared):
    path = shared("reference", "coortweet_russian_cr_w60_mp1_edges.csv.gz")
    theirs = {tuple(sorted((r["account_a"], r["account_b"]))): r for r in rows_of(path)}
    ours = edges_of(cn.co_action(russian, "60s"))
    assert ours.keys() == theirs.keys()
    for ends, edge in ours.items():
        assert edge["pairs"] == int(theirs[ends]["weight"])
        assert edge["mean_delay"] == pytest.approx(float(theirs[ends]["avg_time_delta"]))
    assert sum(edge["pairs"] for edge in ours.values()) == 6_281


def test_edges_equal_those_of_the_toolkit(russian, posts, shared):
    path = shared("reference", "toolkit_co_retweet_w10_minw1.csv.gz")
    rows = [(r["user_1"], r["user_2"], int(r["weight"])) for r in rows_of(path)]
    loops = [row for row in rows if row[0] == row[1]]
    assert len(loops) == 16  # accounts with themselves: never an edge here
    theirs = {(u, v): weight for u, v, weight in rows if u != v}
    ours = edges_of(cn.co_action(russian, "10s"))
    assert {tuple(sorted(ends)) for ends in theirs} == ours.keys()
    assert len(theirs) == 2 * len(ours)
    # theirs is, for each side, the number of its posts with a match; ours the number of objects
    matched = defaultdict(set)
    of_object = defaultdict(list)
    for row in dict.fromkeys(posts):
        of_object[row[1]].append(row)
    for group in of_object.values():
        for u, _, t, _, post in group:
            for v, _, s, _, other in group:
                if u != v and post != other and abs(t - s) <= 10 * SECOND:
                    matched[u, v].add(post)
    assert theirs == {ends: len(found) for ends, found in matched.items()}
    for (u, v), edge in ours.items():
        assert edge["objects"] <= min(theirs[u, v], theirs[v, u])
        assert max(theirs[u, v], theirs[v, u]) <= edge["pairs"]


def test_the_toolkit_within_a_minute(russian):
    """12,412 directed edges among 3,954 accounts, both directions of each of ours."""
    graph = cn.co_action(russian, "60s")
    assert (2 * graph.n_edges, graph.n_accounts) == (12_412, 3_954)


def test_the_same_rows_from_every_source(russian, shared, tmp_path):
    table = duckdb.sql(
        f"select * from read_csv('{shared(*RUSSIAN)}', all_varchar = true)"
    ).to_arrow_table()
    pq.write_table(table, tmp_path / "x.parquet")
    typed = table.set_column(
        table.column_names.index("timestamp_share"),
        "timestamp_share",
        table["timestamp_share"].cast(pa.int64()).cast(pa.timestamp("s", tz="UTC")),
    )
    for source in (table, tmp_path / "x.parquet", table.to_pandas(), typed):
        assert_same_log(cn.read_actions(source, **COLUMNS), russian)
    backwards = table.take(np.arange(len(table))[::-1].copy())
    assert_same_log(cn.read_actions(backwards, **COLUMNS), russian, rows=False)


@pytest.mark.parametrize("method", ["leiden", "components"])
def test_scores_equal_the_oracle(russian, posts, method):
    graph = cn.co_action(russian, "60s")
    clusters = cn.find_clusters(graph, method, seed=0)
    assert len(clusters) > 100
    scores = cn.score_clusters(clusters)
    weights = {ends: edge["objects"] for ends, edge in edges_of(graph).items()}
    of_account = defaultdict(list)
    for row in posts:
        of_account[row[0]].append(row)
    small = np.flatnonzero(clusters.sizes <= 12)
    for i in [*small[:15].tolist(), len(clusters) - 1]:
        members = set(clusters[i])
        rows = [row for account in members for row in of_account[account]]
        expected = naive.scores(rows, weights, members, 60 * SECOND)
        found = {name: float(scores[name].value[i]) for name in expected}
        assert found == pytest.approx(expected, nan_ok=True)


def test_actions_of_the_largest_component(russian, posts):
    graph = cn.co_action(russian, "60s")
    clusters = cn.find_clusters(graph, "components")
    parts = naive.components(list(edges_of(graph)))
    sizes = sorted((len(p) for p in parts if len(p) >= 3), reverse=True)
    assert clusters.sizes.tolist() == sizes
    largest = max(parts, key=len)
    assert set(clusters[0]) == largest
    own = [row for row in naive.folded(posts) if row[0] in largest]
    scores = cn.score_clusters(clusters)
    assert scores["actions"].value[0] == len(own)
    assert scores["objects"].value[0] == len({row[1] for row in own})


# -- 1.2 million retweets of the Internet Research Agency --------------------------------------

IRA = {"account": "account_id", "object": "text", "time": "published_at", "kind": "kind"}


@pytest.fixture(scope="module")
def retweets(shared):
    log = cn.read_actions(shared("data", "ira_tweets.parquet"), **IRA)
    assert log.rows_read == 2_463_938
    return log.select("retweet")


def test_the_retweets_of_the_ira(retweets):
    assert retweets.resolution == 60 * SECOND
    with pytest.warns(cn.CoordnetWarning, match="whole multiples of 60s, too coarse"):
        graph = cn.co_action(retweets, "60s")
    assert (graph.n_edges, int(graph.weights.sum())) == (124_295, 405_773)
    with pytest.warns(cn.CoordnetWarning, match="too coarse"):
        assert_same_graph(cn.co_action(retweets, "60s", threads=1), graph)
    with pytest.warns(cn.CoordnetWarning, match="too coarse"):
        heavy = cn.co_action(retweets, "60s", min_weight=10)
    assert_same_graph(heavy, graph.keep(min_weight=10))


@pytest.mark.slow
def test_detect_on_the_retweets_of_the_ira_from_file_to_files(shared, retweets, tmp_path):
    source = shared("data", "ira_tweets.parquet")
    rows = duckdb.sql(f"select count(*) from '{source}' where kind = 'retweet'").fetchall()[0][0]
    assert rows == 1_196_290
    ran = subprocess.run(
        [
            Path(sysconfig.get_path("scripts")) / "coordnet", "detect", source,
            "--account", "account_id", "--object", "text", "--time", "published_at",
            "--kind-column", "kind", "--kind", "retweet", "--within", "60s", "--min-weight", "2",
            "--fdr", "none", "--no-groups", "--out", tmp_path / "out",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.startswith("coordnet: warning: the times of the log are whole multiples of")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["input"]["fingerprint"] == retweets.fingerprint
    with pytest.warns(cn.CoordnetWarning):
        graph = cn.co_action(retweets, "60s", min_weight=2)
    assert manifest["results"]["edges"] == graph.n_edges
    accounts = {r["account"] for r in csv.DictReader((tmp_path / "out/clusters.csv").open())}
    assert len(accounts) == manifest["results"]["accounts_in_clusters"] > 1_000
    assert not accounts & set(retweets.accounts)


# -- a platform's own JSON ---------------------------------------------------------------------


def test_tweets_as_the_platform_writes_them(shared, tmp_path):
    text = shared("data", "pacheco_cs4_sample.json").read_text(encoding="utf-8").strip()
    tweets = []
    while text:
        tweet, end = json.JSONDecoder().raw_decode(text)
        tweets.append(tweet)
        text = text[end:].lstrip()
    assert len(tweets) == 17
    path = tmp_path / "tweets.jsonl"
    path.write_text("".join(json.dumps(tweet) + "\n" for tweet in tweets), encoding="utf-8")
    columns = {"account": "user.id_h", "object": "retweeted_status.id_h"}
    log = cn.read_actions(path, **columns, time="created_at")
    retweets = [t for t in tweets if (t.get("retweeted_status") or {}).get("id_h")]
    assert len(log) == len(retweets) == 8
    assert log.dropped["missing object"] == 9
    assert [t["user"]["id_h"] for t in tweets if t in retweets] == [
        log.all_accounts[log.account[i]] for i in np.argsort(log.row)
    ]
    milliseconds = cn.read_actions(path, **columns, time="timestamp_ms")
    np.testing.assert_array_equal(milliseconds.time // SECOND * SECOND, log.time)
    assert cn.co_action(log, "2min").n_edges == 1
