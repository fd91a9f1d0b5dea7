"""Recipes against the same rules in loops and dictionaries, on logs full of ties and repeats."""

import naive_recipes as naive
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

import coordnet as cn

ACCOUNTS = ("b", "B", "a", "é", "01")
OBJECTS = ("p", "q", "r")
CONTENTS = ("c1", "c2", "c3", "c4", "p", None)  # "p" is an object too


@st.composite
def tables(draw, contents=CONTENTS, most=24):
    """Draw rows in the order of an input; times in seconds; some rows again."""
    row = st.tuples(
        st.sampled_from(ACCOUNTS), st.sampled_from(OBJECTS), st.integers(0, 6),
        st.sampled_from(contents),
    )  # fmt: skip
    rows = draw(st.lists(row, max_size=most))
    if rows and draw(st.booleans()):
        rows += draw(st.lists(st.sampled_from(rows), max_size=5))
    return rows


def own_posts():
    """Draw rows each of which is a post of one account, as on a platform."""
    return tables(contents=(None,)).map(
        lambda rows: [(a, o, t, f"{a}{i % 7}") for i, (a, o, t, _) in enumerate(rows)]
    )


def log_of(rows, kind=None, **options):
    columns = list(zip(*rows, strict=True)) if rows else [[]] * 4
    types = (pa.string(), pa.string(), pa.int64(), pa.string())
    names = ("account", "object", "time", "post")
    table = pa.table({n: pa.array(c, t) for n, c, t in zip(names, columns, types, strict=True)})
    given_columns = {name: name for name in names}
    if kind is not None:
        table = table.append_column("kind", pa.array([kind] * len(rows), pa.string()))
        given_columns["kind"] = "kind"
    return cn.read_actions(table, **given_columns, unit="s", **options)


def edges_of(graph, *columns):
    names = graph.all_accounts
    ends = [names[graph.edges[end]].tolist() for end in ("source", "target")]
    keys = zip(*ends, strict=True)
    if len(columns) == 1:
        return dict(zip(keys, graph.edges[columns[0]].tolist(), strict=True))
    rows = zip(*(graph.edges[c].tolist() for c in columns), strict=True)
    return {k: dict(zip(columns, row, strict=True)) for k, row in zip(keys, rows, strict=True)}


def close(found, expected):
    assert found.keys() == expected.keys()
    for ends, value in expected.items():
        assert found[ends] == pytest.approx(value, rel=1e-12, abs=1e-12)


COORTWEET = (
    "weight", "avg_time_delta", "n_content_id", "n_content_id_y", "edge_symmetry_score",
    "weight_threshold",
)  # fmt: skip


@examples(100)
@given(st.one_of(tables(), own_posts()), st.integers(0, 3), st.integers(0, 4))
def test_coortweet(rows, within, least):
    found = cn.recipes.coortweet(log_of(rows), within, least)
    close(edges_of(found, *COORTWEET), naive.coortweet(rows, within, least))


@examples(50)
@given(own_posts(), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2))
def test_coortweet_with_a_fast_network(rows, within, least, fast):
    graph = cn.recipes.coortweet(log_of(rows), within, least, fast=fast)
    expected = naive.coortweet_fast(rows, within, least, min(fast, within))
    names = ("weight", "avg_time_delta", "n_content_id", "n_content_id_y")
    quick = graph.where(graph.edges["weight_fast"] > 0)
    found = edges_of(quick, *(f"{name}_fast" for name in names))
    found = {e: {n: v[f"{n}_fast"] for n in names} for e, v in found.items()}
    close(found, {e: {n: v[n] for n in names} for e, v in expected.items()})
    slow = graph.edges["weight_fast"] == 0
    assert np.isnan(graph.edges["avg_time_delta_fast"][slow]).all()
    border = naive.quantile([e["weight"] for e in expected.values()], 0.5) if expected else 0
    flags = edges_of(quick, "weight_threshold_fast")
    assert flags == {e: int(v["weight"] > border) for e, v in expected.items()}


@examples(60)
@given(tables(), st.integers(0, 3), st.integers(1, 2))
def test_the_toolkit(rows, within, least):
    graph = cn.recipes.coordination_toolkit(log_of(rows), "co_retweet", within, least)
    expected = naive.toolkit(rows, within, least)
    table = cn.recipes.toolkit_edges(graph, "pyarrow").to_pylist()
    assert {(r["user_1"], r["user_2"]): r["weight"] for r in table} == expected
    order = [(r["user_1"].encode(), r["user_2"].encode()) for r in table]
    assert order == sorted(order)
    for ends, weight in edges_of(graph, "weight").items():
        assert weight == max(expected.get(ends, 0), expected.get(ends[::-1], 0))


@examples(40)
@given(tables(), st.integers(0, 3))
def test_any_two_posts_of_the_toolkit(rows, within):
    graph = cn.recipes.coordination_toolkit(log_of(rows), "co_post", within, 1)
    anywhere = [(a, "everything", t, c) for a, _, t, c in rows]
    table = cn.recipes.toolkit_edges(graph, "pyarrow").to_pylist()
    expected = naive.toolkit(anywhere, within, 1)
    assert {(r["user_1"], r["user_2"]): r["weight"] for r in table} == expected


@examples(50)
@given(tables(most=40), st.integers(0, 6))
def test_tf_idf_networks(rows, least):
    log = log_of(rows)
    pacheco = cn.recipes.pacheco_co_retweet(log, least, None)
    close(edges_of(pacheco, "similarity"), naive.pacheco(rows, least))
    luceri = cn.recipes.luceri_co_retweet(log, max(least, 1))
    close(edges_of(luceri, "similarity"), naive.luceri(rows, max(least, 1)))


@examples(50)
@given(tables(most=40), st.integers(1, 3), st.sampled_from([0.0, 0.3, 0.8]))
def test_coordinationz(rows, degree, above):
    graph = cn.recipes.coordinationz(log_of(rows), degree, above)
    expected = naive.coordinationz(rows, degree, above)
    found = edges_of(graph, "similarity")
    border = {e for e, x in (found | expected).items() if abs(x - above) < 1e-9}
    close({e: x for e, x in found.items() if e not in border},
          {e: x for e, x in expected.items() if e not in border})  # fmt: skip


@examples(50)
@given(tables(most=30), st.integers(1, 4), st.sampled_from(["paper", "code"]))
def test_coornet(rows, width, variant):
    log = log_of(rows)
    found = cn.recipes.coornet(log, width, 0.0, variant=variant)
    assert edges_of(found, "weight") == naive.coornet(rows, width, variant)
    if any(n > 1 for n in naive.Counter(row[1] for row in rows).values()):
        assert cn.recipes.coordination_interval(log) == naive.coornet_interval(rows)


@examples(50)
@given(tables(most=40), st.sampled_from([0, 1, 3, 60]))
def test_weights(rows, within):
    graph = cn.co_action(log_of(rows), within)
    for name in ("cosine", "tfidf", "jaccard", "overlap", "collaboration", "decay"):
        found = edges_of(graph.reweight(name), name)
        scale = 1_000_000  # beta is for each microsecond there
        rows_us = [(a, o, t * scale, c) for a, o, t, c in rows]
        for (a, b), value in found.items():
            expected = naive.shared(rows_us, a, b, within * scale)[name]
            assert value == pytest.approx(expected, rel=1e-12), (name, a, b)
