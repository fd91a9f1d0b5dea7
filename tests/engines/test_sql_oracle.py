"""Graphs against a join in SQL, which another engine runs."""

import duckdb
import pyarrow as pa
import sql_oracle
from helpers import log_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import WINDOW, crowded_logs, examples, logs, windows

import coordnet as cn


def joined(log, window, min_weight):
    """Return the edges of a log by a join of DuckDB."""
    actions = pa.table({name: getattr(log, name) for name in ("account", "object", "time")})
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        connection.register("actions", actions)
        query = sql_oracle.query(sql_oracle.DUCKDB, window, min_weight)
        return connection.sql(query).to_arrow_table()


@examples(30)
@given(st.one_of(logs(), crowded_logs()), windows(), st.integers(1, 3))
def test_graphs_are_those_of_a_join_in_sql(rows, window, min_weight):
    log = log_of(rows)
    graph = cn.CoAction(window).graph(log, min_weight=min_weight)
    sql_oracle.assert_edges_are(graph, joined(log, window, min_weight))


def test_a_scenario_is_that_of_a_join_in_sql():
    log = cn.simulate("election", accounts=1_000, seed=1).log
    graph = cn.co_action(log, "60s", min_weight=2)
    assert graph.n_edges > 100
    sql_oracle.assert_edges_are(graph, joined(log, WINDOW, 2))
