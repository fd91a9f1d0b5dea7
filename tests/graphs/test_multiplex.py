"""Multiplex: layers over the same accounts, each with its own relation, test and level."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import assert_same_graph, edges_of, log_of, ring_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import SECOND, START, WINDOW, logs

import coordnet as cn


def oracle(graphs, tested):
    """Return the edges of several graphs as one, by dicts."""
    expected = {}
    for graph in graphs:
        for ends, edge in edges_of(graph).items():
            total = expected.setdefault(ends, {"weight": 0, "layers": 0, "layer": ""})
            total["weight"] = max(total["weight"], edge[graph.weight])
            total["layers"] += 1
            total["layer"] += (" + " if total["layer"] else "") + graph.relation.title
            for name in ("p_value", "q_value") if tested else ():
                total[name] = min(total.get(name, 1.0), edge[name])
    return expected


@given(logs(contents=False, max_size=25), st.booleans(), st.booleans())
@settings(max_examples=30)
def test_the_combined_graph_equals_the_oracle(rows, timed, tested):
    log = log_of(rows)
    graphs = [cn.co_action(log, w, min_weight=1) for w in ("1s", "60s", "2min")]
    if timed:
        graphs.append(cn.co_timing(log, "60s", min_weight=1))
    if tested:
        graphs = [g.test() for g in graphs]
    layers = cn.Multiplex(tuple(graphs))
    expected = oracle(graphs, tested)
    whole = layers.combined
    assert edges_of(whole) == expected
    assert list(edges_of(whole)) == sorted(expected, key=lambda ends: [e.encode() for e in ends])
    assert (whole.weight, whole.min_weight) == ("weight", 1)
    assert whole.relation == cn.Given(" and ".join(layers.names))
    assert whole.source is log
    assert whole.all_accounts is layers.all_accounts is log.all_accounts
    with pytest.raises(cn.ParameterError, match="the window of these edges is not known"):
        _ = whole.window_us  # it has no one window: the widest would be wrong
    back = cn.Multiplex(tuple(graphs[::-1])).combined
    assert edges_of(back) == oracle(graphs[::-1], tested)


@given(logs(contents=False, max_size=25), st.booleans())
@settings(max_examples=30)
def test_one_layer_combined_is_that_layer(rows, tested):
    graph = cn.co_action(log_of(rows), "60s")
    graph = graph.test() if tested else graph
    layers = cn.Multiplex.of(graph)
    assert layers.combined is graph
    assert cn.Multiplex.of(layers) is layers
    assert (len(layers), list(layers), layers.levels) == (1, [graph], (None,))


@given(logs(contents=False, max_size=25))
@settings(max_examples=30)
def test_layers_of_parts_of_one_log_combine(rows):
    """Codes mean the same accounts in each, also where an account acts in one part only."""
    log = log_of(rows)
    late = log.where(log.time > START + WINDOW, "early")
    graphs = (cn.co_action(late, "60s"), cn.co_timing(log, "60s", min_weight=1))
    layers = cn.Multiplex(graphs)
    assert edges_of(layers.combined) == oracle(graphs, tested=False)
    assert (layers.source, layers.combined.source) == (late, late)


def test_a_tested_and_an_untested_layer_have_no_common_p_values():
    log = log_of(ring_rows())
    tested = cn.co_action(log, "60s", min_weight=2).test()
    layers = cn.Multiplex((tested, cn.co_action(log, "1h", min_weight=3)), (0.05, None))
    whole = layers.combined
    assert list(whole.edges) == ["source", "target", "weight", "layers", "layer"]
    assert set(whole.edges["layers"].tolist()) == {1, 2}
    assert whole.min_weight == 2
    rows = layers.to_frame("pyarrow").to_pylist()
    assert [r["layer"] for r in rows] == [n for n, g in zip(layers.names, layers, strict=True)
                                          for _ in range(g.n_edges)]  # fmt: skip
    for row in rows:
        edge = edges_of(layers[row["layer"]])[row["source"], row["target"]]
        assert row["weight"] == edge["objects"]
        assert (row["p_value"], row["q_value"]) == (edge.get("p_value"), edge.get("q_value"))
        assert (row["p_value"] is None) == (row["layer"] == "co-action within 1h")


def test_each_layer_keeps_its_relation_window_and_level():
    log = log_of(ring_rows())
    graphs = (cn.co_action(log, "60s"), cn.co_action(log, "1h"), cn.co_timing(log, "5s"))
    layers = cn.Multiplex(graphs, (0.01, 0.02, None))
    assert layers.names == ("co-action within 60s", "co-action within 1h", "co-timing within 5s")
    assert [layer.window_us for layer in layers] == [WINDOW, 60 * WINDOW, 5 * SECOND]
    for i, name in enumerate(layers.names):
        assert layers[name] is layers[i] is graphs[i]
    assert layers[-1] is graphs[-1]
    assert repr(layers).splitlines() == [
        "Multiplex of 3 layers",
        *(
            f"  {name}: {g.n_edges:,} edges of {g.n_accounts:,} accounts, level {level}"
            for name, g, level in zip(layers.names, graphs, ("0.01", "0.02", "not tested"),
                                      strict=True)
        ),
    ]  # fmt: skip
    assert f"<td>{graphs[0].n_edges:,}</td>" in layers._repr_html_()
    with pytest.raises(cn.ParameterError) as error:
        layers["co-action within 60"]
    assert str(error.value) == (
        "there is no layer 'co-action within 60'; the layers are 'co-action within 60s', "
        "'co-action within 1h', 'co-timing within 5s'. Did you mean 'co-action within 60s'?"
    )


def test_layers_are_of_the_same_accounts():
    log = log_of(ring_rows())
    graph = cn.co_action(log, "60s")
    same = log_of(ring_rows()[::-1])  # read again: the same labels have the same codes
    assert len(cn.Multiplex((graph, cn.co_action(same, "1h")))) == 2
    other = log_of([*ring_rows(), ("new", "o", START, "url", None)])
    with pytest.raises(cn.ParameterError) as error:
        cn.Multiplex((graph, cn.co_action(other, "1h")))
    assert str(error.value) == (
        "the layer 'co-action within 1h' is over other accounts than 'co-action within 60s'; make "
        "all layers from one log or its parts."
    )


def test_layers_are_told_apart_by_their_titles():
    log = log_of(ring_rows())
    graph = cn.co_action(log, "60s")
    for again in (graph, cn.co_action(log, 60, min_weight=2), graph.test()):
        with pytest.raises(cn.ParameterError, match="layers have the same relation and window"):
            cn.Multiplex((graph, again))
    one, two = (replace(graph, relation=cn.Given(name), source=None) for name in ("one", "two"))
    assert cn.Multiplex((one, two)).names == ("one", "two")
    with pytest.raises(cn.ParameterError, match="one layer or more"):
        cn.Multiplex(())
    with pytest.raises(cn.ParameterError, match="2 levels are given for 1 layers"):
        cn.Multiplex((graph,), (0.05, 0.05))


def test_clusters_of_layers_are_those_of_their_combined_edges():
    log = log_of(ring_rows())
    layers = cn.Multiplex((cn.co_action(log, "60s", min_weight=3), cn.co_timing(log, "9s")))
    found, alone = (cn.find_clusters(g, seed=3) for g in (layers, layers.combined))
    np.testing.assert_array_equal(found.indices, alone.indices)
    np.testing.assert_array_equal(found.indptr, alone.indptr)
    assert found.layers is layers
    assert found.graph is layers.combined
    assert_same_graph(found.graph, alone.graph)
