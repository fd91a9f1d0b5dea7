"""What the tests of scores share: logs with texts, clusters by hand, tables of accounts."""

import pyarrow as pa

import coordnet as cn
from coordnet.clusters.clusters import Clusters

MONDAY = 1_493_596_800  # 2017-05-01T00:00:00Z, in seconds
HOUR, DAY, WEEK = 3_600, 86_400, 604_800


def text_log(rows):
    """Return the log of rows (account, object, seconds since MONDAY[, kind[, text]])."""
    full = [(*row, "post", None)[:5] if len(row) < 5 else row for row in rows]
    full = [(*row[:3], *(row[3:] or ("post", None))) for row in full]
    columns = list(zip(*full, strict=True))
    table = pa.table(
        {
            "account": pa.array(columns[0], pa.string()),
            "object": pa.array(columns[1], pa.string()),
            "time": pa.array([MONDAY + t for t in columns[2]], pa.int64()),
            "kind": pa.array([k or "post" for k in columns[3]], pa.string()),
            "text": pa.array(columns[4], pa.string()),
        }
    )
    text = {"text": "text"} if any(columns[4]) else {}
    return cn.read_actions(
        table, account="account", object="object", time="time", kind="kind", unit="s", **text
    )


def clusters_of(log, *parts, **options):
    """Return clusters of labels, whatever the graph of the log says."""
    graph = cn.co_action(log, **options)
    return Clusters.from_members(graph, [log.codes_of(list(part)) for part in parts], "by hand", {})


def score_of(log, *parts, **options):
    """Return the scores of clusters of labels, beside 19 sets unless told."""
    return cn.score_clusters(clusters_of(log, *parts), log, **{"null_sets": 19, **options})


def public(number, per_account=1, start=0, prefix="x"):
    """Return rows of accounts that are all alike: each acts on objects of its own, once a day."""
    return [
        (f"{prefix}{i:03d}", f"own {prefix}{i:03d} {j}", start + 7 + j * DAY)
        for i in range(number)
        for j in range(per_account)
    ]


def part(estimate, i=0):
    """Return the parts of an estimate of cluster i that are given."""
    return {name: float(values[i]) for name, values in vars(estimate).items() if values is not None}
