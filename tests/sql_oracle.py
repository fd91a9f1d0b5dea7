"""Co-actions as a join in SQL: a second oracle, which engines of databases run.

Times fall into buckets as long as the window, so that what is within it is in the same bucket or in
one beside. Actions are joined by object and bucket, each with three buckets of the other side, and
what is too far is left out. All pairs of actions pass through the join.
"""

import numpy as np

JOIN = """
with own as (
    select account, object, time, {bucket} as bucket from actions
), other as (
    select account, object, time, {explode} as bucket from own
)
select own.account as source, other.account as target, count(distinct own.object) as objects,
    count(*) as pairs, avg(abs(own.time - other.time)) / 1e6 as mean_delay,
    avg(case when own.time < other.time then 1e0 when own.time = other.time then 5e-1 else 0e0 end)
        as first_share
from own join other on own.object = other.object and own.bucket = other.bucket
where own.account < other.account and abs(own.time - other.time) <= {window}
group by own.account, other.account having count(distinct own.object) >= {min_weight}
order by source, target
"""
DUCKDB = {"bucket": "time // {length}", "explode": "unnest([bucket - 1, bucket, bucket + 1])"}
SPARK = {"bucket": "time div {length}", "explode": "explode(array(bucket - 1, bucket, bucket + 1))"}


def query(dialect, window, min_weight):
    """Return the query of a window in microseconds."""
    words = {name: text.format(length=max(window, 1)) for name, text in dialect.items()}
    return JOIN.format(**words, window=window, min_weight=min_weight)


def assert_edges_are(graph, table):
    """Compare a graph with the Arrow table of the query: counts exactly, means up to rounding."""
    for name in ("source", "target", "objects", "pairs"):
        assert graph.edges[name].tolist() == table[name].to_pylist(), name
    for name in ("mean_delay", "first_share"):
        expected = table[name].cast("float64").to_numpy()
        np.testing.assert_allclose(graph.edges[name], expected, rtol=1e-12, atol=1e-12)
