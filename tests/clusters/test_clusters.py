"""find_clusters: the communities that are there, numbered the same way in every run."""

import random

import igraph
import naive
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers import US, edges_of, log_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import SECOND, START, WINDOW, logs

import coordnet as cn
from coordnet.clusters.clusters import Clusters
from coordnet.clusters.communities import METHODS
from coordnet.times import DAY

SEEDED = [method for method in METHODS if method != "components"]


def graph_of_weights(weights):
    """Return a graph of edges {(u, v): weight}: so many objects on which the two act together."""
    rows = []
    for (u, v), weight in weights.items():
        for i in range(weight):
            rows += [(a, f"{u} {v} {i}", START, "k", None) for a in (u, v)]
    return cn.co_action(log_of(rows), "60s")


def clique(names, weight=1):
    return {(u, v): weight for i, u in enumerate(names) for v in names[i + 1 :]}


def found_in(clusters):
    """Return the clusters as lists of labels."""
    names = clusters.all_accounts
    return [names[clusters.members(i)].tolist() for i in range(len(clusters))]


LEFT, RIGHT = [f"l{i}" for i in range(7)], [f"r{i}" for i in range(8)]
TWO = {**clique(LEFT, 3), **clique(RIGHT, 3), ("l0", "r0"): 1, ("x", "y"): 3}


# -- what is found -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", SEEDED)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_two_cliques_with_a_bridge_are_two_clusters(method, seed):
    clusters = cn.find_clusters(graph_of_weights(TWO), method, seed=seed)
    assert found_in(clusters) == [RIGHT, LEFT]  # x and y are two: no cluster


def test_components_go_over_bridges():
    assert found_in(cn.find_clusters(graph_of_weights(TWO), "components")) == [LEFT + RIGHT]


@pytest.mark.parametrize("method", SEEDED)
def test_weights_decide(method):
    """A ring of four: whichever two opposite edges are heavy, their ends belong together."""
    ring = [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")]
    for heavy, pairs in ((0, [["a", "b"], ["c", "d"]]), (1, [["a", "d"], ["b", "c"]])):
        weights = {ends: 40 if i % 2 == heavy else 1 for i, ends in enumerate(ring)}
        clusters = cn.find_clusters(graph_of_weights(weights), method, min_size=2)
        assert found_in(clusters) == pairs


def test_the_resolution_of_leiden_and_louvain_makes_clusters_smaller():
    names = [f"n{i:02d}" for i in range(24)]
    weights = {}
    for first in range(0, 24, 4):
        weights |= clique(names[first : first + 4], 4)
        weights[names[first], names[(first + 4) % 24]] = 3
    weights = {tuple(sorted(ends)): w for ends, w in weights.items()}
    graph = graph_of_weights(weights)
    for method in ("leiden", "louvain"):
        sizes = [
            cn.find_clusters(graph, method, resolution=r, min_size=1).sizes.tolist()
            for r in (0.05, 1, 20)
        ]
        assert sizes == [[24], [4] * 6, [1] * 24]


def test_cpm_joins_what_is_denser_than_its_resolution():
    graph = graph_of_weights(TWO)
    for resolution, sizes in ((0.01, [15, 2]), (2.9, [8, 7, 2]), (3.1, [1] * 17)):
        clusters = cn.find_clusters(
            graph, "leiden", objective="cpm", resolution=resolution, min_size=1, seed=3
        )
        assert clusters.sizes.tolist() == sizes


@given(logs(), st.integers(1, 3))
def test_components_equal_the_oracle(rows, min_size):
    graph = cn.co_action(log_of(rows), WINDOW * US)
    parts = [sorted(p, key=str.encode) for p in naive.components(edges_of(graph))]
    expected = sorted(
        (p for p in parts if len(p) >= min_size), key=lambda p: (-len(p), p[0].encode())
    )
    found = cn.find_clusters(graph, "components", min_size=min_size)
    assert found_in(found) == expected


@given(logs(), st.sampled_from(list(METHODS)), st.integers(1, 3), st.integers(0, 5))
def test_clusters_are_numbered_parts_of_the_graph(rows, method, min_size, seed):
    graph = cn.co_action(log_of(rows), WINDOW * US)
    clusters = cn.find_clusters(graph, method, min_size=min_size, seed=seed)
    found = [clusters.members(i).tolist() for i in range(len(clusters))]
    assert found == sorted(found, key=lambda members: (-len(members), members))
    assert all(members == sorted(set(members)) for members in found)
    together = [code for members in found for code in members]
    assert len(set(together)) == len(together)
    assert set(together) <= set(graph.nodes.tolist())
    assert all(len(members) >= min_size for members in found)
    if min_size == 1:
        assert set(together) == set(graph.nodes.tolist())


# -- seeds -------------------------------------------------------------------------------------


def random_graph(seed=0):
    rng = np.random.default_rng(seed)
    ends = {tuple(sorted(pair)) for pair in rng.integers(0, 60, (240, 2)).tolist()}
    return graph_of_weights({(f"n{u}", f"n{v}"): 1 for u, v in ends if u != v})


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_clusters(method):
    graph = random_graph()
    one = cn.find_clusters(graph, method, seed=7)
    random.seed(99)  # nothing else that is random may enter
    igraph.set_random_number_generator(random.Random(5))
    two = cn.find_clusters(graph, method, seed=7)
    igraph.set_random_number_generator(random)
    assert found_in(one) == found_in(two)
    assert len(one) > 0


@pytest.mark.parametrize("method", SEEDED)
def test_the_seed_reaches_the_method(method):
    """Round a ring, where to cut is chance."""
    ring = {
        tuple(sorted((f"n{i:02d}", f"n{(i + k) % 60:02d}"))): 1 for i in range(60) for k in (1, 2)
    }
    graph = graph_of_weights(ring)
    results = {str(found_in(cn.find_clusters(graph, method, seed=s))) for s in range(6)}
    assert len(results) > 1


def test_the_global_generators_are_left_alone():
    graph = random_graph()
    before, numpy_before = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    for method in METHODS:
        cn.find_clusters(graph, method)
    assert random.getstate() == before
    drawn = set()
    for _ in range(2):  # igraph draws from Python's generator again
        random.seed(5)
        drawn.add(str(igraph.Graph.Erdos_Renyi(30, 0.3).get_edgelist()))
    assert len(drawn) == 1
    random.setstate(before)
    assert (np.random.get_state()[1] == numpy_before).all()  # noqa: NPY002


# -- the value ---------------------------------------------------------------------------------


def test_what_clusters_say():
    graph = graph_of_weights(TWO)
    clusters = cn.find_clusters(graph, "components", min_size=1)
    assert (clusters.indptr.dtype, clusters.indices.dtype) == (np.int64, np.int32)
    assert clusters.indptr.tolist() == [0, 15, 17]
    assert (len(clusters), clusters.sizes.tolist()) == (2, [15, 2])
    assert (clusters.graph, clusters.evidence) == (graph, None)
    assert (clusters.layers.layers, clusters.group_tests) == ((graph,), ())
    assert clusters.all_accounts is graph.all_accounts
    assert clusters.labels.dtype == np.int32
    assert clusters.labels.tolist() == [0] * 15 + [1] * 2
    assert cn.find_clusters(graph).labels.tolist() == [1] * 7 + [0] * 8 + [-1] * 2
    with pytest.raises(ValueError, match="read-only"):
        clusters.members(0)[0] = 5
    assert clusters.members(-1).tolist() == clusters.members(1).tolist() == [15, 16]
    assert clusters.members(np.int64(1)).tolist() == [15, 16]
    for i in (-3, 2, 0.0, "0"):
        for call in (clusters.members, clusters.__getitem__):
            with pytest.raises(IndexError) as error:
                call(i)
            assert str(error.value) == (
                f"there is no cluster {i!r}; they are numbered from 0 to 1."
            )  # fmt: skip
    with pytest.raises(IndexError) as error:
        cn.find_clusters(graph, min_size=99)[0]
    assert str(error.value) == "there is no cluster 0: no cluster was found."


def test_clusters_are_a_sequence_of_clusters():
    clusters = cn.find_clusters(graph_of_weights(TWO), "components", min_size=1)
    assert [c.number for c in clusters] == [0, 1]
    assert [c.accounts.tolist() for c in clusters] == [LEFT + RIGHT, ["x", "y"]]
    assert [a.tolist() for a in clusters.accounts] == [LEFT + RIGHT, ["x", "y"]]
    last = clusters[-1]
    assert (last.number, len(last), list(last), last.codes.tolist()) == (1, 2, ["x", "y"], [15, 16])
    assert (last.layer, last.layers) == ("co-action within 60s", ("co-action within 60s",))
    assert last.evidence is None
    assert edges_of(last.graph()) == {
        ends: edge for ends, edge in edges_of(clusters.graph).items() if ends == ("x", "y")
    }
    assert repr(last) == ("Cluster 1\n  accounts   2: x, y\n  carried by co-action within 60s")
    assert "and 10 more" in repr(clusters[0])
    assert "<td>2: x, y</td>" in last._repr_html_()


def test_clusters_of_labels_of_ones_own():
    graph = graph_of_weights(TWO)
    log = graph.log
    forms = [
        [["y", "x"], ["l1", "l0", "l2", "l1"]],
        {"one": ["x", "y"], "two": {"l0", "l1", "l2"}},
        {"x": 1, "y": 1, "l0": "two", "l1": "two", "l2": "two"},
        (names for names in (np.array(["x", "y"]), ("l2", "l1", "l0"))),
    ]
    for labels in forms:
        found = cn.Clusters.from_labels(labels, graph, method="mine")
        assert found_in(found) == [["l0", "l1", "l2"], ["x", "y"]]
        assert (found.method, found.layers.layers, found.evidence) == ("mine", (graph,), None)
    of_log = cn.Clusters.from_labels(forms[0], log)
    assert found_in(of_log) == [["l0", "l1", "l2"], ["x", "y"]]
    assert (of_log.method, of_log.graph.n_edges, of_log.graph.log) == ("given", 0, log)
    part = log.exclude(accounts=["l3"])  # codes are those of the whole
    assert found_in(cn.Clusters.from_labels(forms[0], part)) == found_in(of_log)
    left = cn.Clusters.from_labels([["x", "nobody"], ["nobody"]], log, missing="ignore")
    assert found_in(left) == [["x"]]
    with pytest.raises(cn.ParameterError, match="1 of the 2 accounts named are not among the 17"):
        cn.Clusters.from_labels([["x", "nobody"]], log)
    for wrong in ("xy", ["xy", "ab"], 5, [5]):
        with pytest.raises(cn.ParameterError, match=r"\['a', 'b', 'c'\]"):
            cn.Clusters.from_labels(wrong, log)


def test_clusters_know_the_layers_that_carry_them():
    """By edges between members where nothing was tested; each is scored where it has most."""
    rows = []
    for i in range(4):  # a, b, c at once; c, d, e within the hour; and a, b, c then too
        rows += [(a, f"p{i}", START + i * DAY, "k", None) for a in "abc"]
        rows += [(a, f"q{i}", START + i * DAY + j * 900 * SECOND, "k", None)
                 for j, a in enumerate("cde")]  # fmt: skip
    log = log_of(rows)
    layers = cn.Multiplex(tuple(cn.co_action(log, w, min_weight=3) for w in ("60s", "1h")))
    found = cn.Clusters.from_labels([list(s) for s in ("abc", "cde", "ad")], layers)
    assert found_in(found) == [list("abc"), list("cde"), list("ad")]
    assert found.edges_inside.tolist() == [[3, 3], [0, 3], [0, 0]]
    assert found.carried.tolist() == [[True, True], [False, True], [False, False]]
    assert found.layer_of.tolist() == [0, 1, 0]
    assert [c.layers for c in found] == [layers.names, layers.names[1:], ()]
    assert [c.layer for c in found] == [layers.names[0], layers.names[1], layers.names[0]]
    assert set(edges_of(found[1].graph())) == {("c", "d"), ("c", "e"), ("d", "e")}
    assert "no edge: it was found as a group" in repr(found[2])


def test_parameters_that_were_used_are_kept():
    graph = graph_of_weights(TWO)
    expected = {
        "leiden": {"objective": "modularity", "resolution": 1.5, "seed": 4, "min_size": 2},
        "louvain": {"resolution": 1.5, "seed": 4, "min_size": 2},
        "infomap": {"seed": 4, "min_size": 2},
        "label_propagation": {"seed": 4, "min_size": 2},
        "components": {"min_size": 2},
    }
    for method, parameters in expected.items():
        given = {"resolution": 1.5} if "resolution" in parameters else {}
        clusters = cn.find_clusters(graph, method, **given, seed=4, min_size=2)
        assert (clusters.method, dict(clusters.parameters)) == (method, parameters)


def test_overlapping_clusters_have_no_labels():
    graph = graph_of_weights(TWO)
    parts = [np.array([3, 1, 2]), np.array([3, 4]), np.array([0, 1, 2])]
    clusters = Clusters.from_members(graph, parts, "by hand", {"why": "test"}, min_size=2)
    assert [clusters.members(i).tolist() for i in range(3)] == [[0, 1, 2], [1, 2, 3], [3, 4]]
    with pytest.raises(cn.CoordnetError) as error:
        _ = clusters.labels
    assert str(error.value) == (
        "these clusters overlap, so that accounts have no one label; use members(i)."
    )


@pytest.mark.parametrize(
    ("backend", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("pyarrow", pa.Table)]
)
def test_frames(backend, kind):
    clusters = cn.find_clusters(graph_of_weights(TWO))
    frame = clusters.to_frame(backend)
    assert isinstance(frame, kind)
    table = frame if backend == "pyarrow" else pa.table(frame)
    expected = [(0, n) for n in RIGHT] + [(1, n) for n in LEFT]
    assert list(zip(table["cluster"].to_pylist(), table["account"].to_pylist(), strict=True)) == (
        expected
    )


def test_repr():
    clusters = cn.find_clusters(graph_of_weights(TWO))
    assert repr(clusters) == (
        "Clusters\n"
        "  clusters 2\n"
        "  accounts 15\n"
        "  sizes    8, 7\n"
        "  method   infomap (seed=0, min_size=3)\n"
        "  layers   co-action within 60s"
    )
    leiden = repr(cn.find_clusters(graph_of_weights(TWO), "leiden", resolution=0.9))
    assert "  leiden (objective=modularity, resolution=0.9, seed=0, min_size=3)\n" in leiden
    assert "<td>8, 7</td>" in clusters._repr_html_()
    many = graph_of_weights({(f"a{i:02d}", f"b{i:02d}"): 1 for i in range(13)})
    assert "sizes    " + "2, " * 12 + "...\n" in repr(cn.find_clusters(many, min_size=2))


@pytest.mark.parametrize("method", METHODS)
def test_a_graph_without_edges_has_no_clusters(method):
    for rows in ([], [("u", "p", START, "k", None)]):
        clusters = cn.find_clusters(cn.co_action(log_of(rows)), method, min_size=1)
        assert (len(clusters), clusters.indptr.tolist(), len(clusters.indices)) == (0, [0], 0)
        assert clusters.labels.tolist() == [-1] * len(rows)
        assert clusters.to_frame("pyarrow").num_rows == 0
        assert "sizes    none" in repr(clusters)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"method": "Leiden"},
            "method='Leiden' is not known; choose one of infomap, leiden, louvain, "
            "label_propagation, components. Did you mean 'leiden'?",
        ),
        ({"objective": "x"}, "objective='x' is not known; choose one of modularity, cpm."),
        ({"resolution": 0}, "resolution=0 is not a number above 0."),
        (
            {"resolution": 2},
            "resolution=2.0 changes nothing with method='infomap', which has no resolution; leave "
            "it out, or use a method that has one: 'leiden', 'louvain'.",
        ),
        (
            {"objective": "cpm", "method": "louvain"},
            "objective='cpm' changes nothing with method='louvain', which has no objective; leave "
            "it out, or use a method that has one: 'leiden'.",
        ),
        ({"resolution": float("nan")}, "resolution=nan is not a number above 0."),
        ({"min_size": 0}, "min_size=0 is not a whole number of 1 or more."),
        ({"min_size": 2.5}, "min_size=2.5 is not a whole number of 1 or more."),
        ({"min_size": float("nan")}, "min_size=nan is not a whole number of 1 or more."),
        ({"resolution": float("inf")}, "resolution=inf is not a number above 0."),
        ({"seed": -1}, "seed=-1 is not a whole number from 0 to 9,223,372,036,854,775,807."),
        (
            {"seed": 2**64},
            f"seed={2**64} is not a whole number from 0 to 9,223,372,036,854,775,807.",
        ),
        ({"seed": 0.5}, "seed=0.5 is not a whole number from 0 to 9,223,372,036,854,775,807."),
    ],
)
def test_wrong_parameters_are_told(options, told):
    with pytest.raises(cn.CoordnetError) as error:
        cn.find_clusters(graph_of_weights(TWO), **options)
    assert str(error.value) == told
