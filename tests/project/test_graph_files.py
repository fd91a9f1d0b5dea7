"""Graph files: what is written reads back with networkx and igraph, types and all."""

import math

import igraph
import networkx as nx
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordnet.errors import CoordnetError
from coordnet.graph_files import write_network

READ = {".gexf": nx.read_gexf, ".graphml": nx.read_graphml}
ENDINGS = pytest.mark.parametrize("ending", [".gexf", ".graphml"])

NAMES = ["<a> & 'b' \"c\"", "tab\tbreak\r\nend ", "=1+1", "é✊🏽"]
NODES = {
    "cluster": pa.array([0, 2**53 + 1, None, -1]),
    "degree": np.array([2, 1, 1, 0], np.int32),
    "share": np.array([0.1, math.nan, -1e-300, math.inf]),
    "suspect": [True, False, None, True],
    "layer": pa.array(["60s", 'a\x00 < b & "c"\n', None, " "]).dictionary_encode(),
}
SOURCE, TARGET = np.array([0, 1, 2], np.int32), np.array([1, 2, 0], np.int64)
EDGES = {
    "weight": np.array([3, 1, 2], np.int64),
    "objects": np.array([3, 1, 2], np.uint16),
    "p value": np.array([1e-300, 0.1 + 0.2, math.nan]),
    "small": np.array([0.1, 0.5, -math.inf], np.float32),
    "first": pa.chunked_array([[True], [None, False]]),
    "kind & co": np.array(["retweet", None, "<url>"], object),
    "from": pa.array([0, None, 1_496_957_400_000_000], pa.timestamp("us", "UTC")),
}


def written(path):
    write_network(path, NAMES, NODES, SOURCE, TARGET, EDGES)
    return READ[path.suffix](path)


def present(row):
    return {name: value for name, value in row.items() if value is not None}


@ENDINGS
def test_every_column_reads_back_with_its_type(tmp_path, ending):
    graph = written(tmp_path / f"x{ending}")
    assert list(graph.nodes) == NAMES
    assert not graph.is_directed()
    nodes = [{k: v for k, v in row.items() if k != "label"} for row in graph.nodes.values()]
    assert nodes == [
        {"cluster": 0, "degree": 2, "share": 0.1, "suspect": True, "layer": "60s"},
        {
            "cluster": 2**53 + 1, "degree": 1, "suspect": False, "layer": 'a < b & "c"\n'
        },
        {"degree": 1, "share": -1e-300},
        {"cluster": -1, "degree": 0, "share": math.inf, "suspect": True, "layer": " "},
    ]  # fmt: skip
    assert [type(nodes[0][name]) for name in NODES] == [int, int, float, bool, str]
    edges = [
        {k: v for k, v in graph.edges[NAMES[a], NAMES[b]].items() if k != "id"}
        for a, b in zip(SOURCE, TARGET, strict=True)
    ]
    assert edges == [
        {
            "weight": 3, "objects": 3, "p value": 1e-300, "small": float(np.float32(0.1)),
            "first": True, "kind & co": "retweet", "from": "1970-01-01 00:00:00.000000Z",
        },
        {"weight": 1, "objects": 1, "p value": 0.1 + 0.2, "small": 0.5},
        {
            "weight": 2, "objects": 2, "small": -math.inf, "first": False, "kind & co": "<url>",
            "from": "2017-06-08 21:30:00.000000Z",
        },
    ]  # fmt: skip
    assert [type(edges[0][n]) for n in ("objects", "p value", "first")] == [int, float, bool]


def test_igraph_reads_the_graphml(tmp_path):
    written(tmp_path / "x.graphml")
    graph = igraph.Graph.Read_GraphML(str(tmp_path / "x.graphml"))
    assert graph.get_edgelist() == [(0, 1), (1, 2), (0, 2)]
    assert not graph.is_directed()
    assert graph.es["weight"] == [3, 1, 2]
    assert graph.vs["degree"] == [2, 1, 1, 0]
    assert graph.vs["suspect"][:2] == [True, False]
    assert graph.vs["id"][1:] == NAMES[1:]


@ENDINGS
def test_the_same_graph_is_the_same_bytes_on_any_day(tmp_path, ending, monkeypatch):
    written(tmp_path / f"x{ending}")
    monkeypatch.setattr("time.time", lambda: 0.0)
    monkeypatch.setattr("time.strftime", lambda *_: "1970-01-01")
    written(tmp_path / f"y{ending}")
    first, second = ((tmp_path / f"{n}{ending}").read_bytes() for n in "xy")
    assert first == second
    assert b"lastmodified" not in first
    assert b"networkx" not in first.lower()


@ENDINGS
def test_rows_beyond_one_block_stay_in_their_rows(tmp_path, ending):
    n = 25_000
    numbers = np.arange(n)
    write_network(
        tmp_path / f"x{ending}", [str(i) for i in numbers], {"number": numbers},
        numbers[:-1], numbers[1:], {"weight": numbers[1:], "twice": 2 * numbers[1:]},
    )  # fmt: skip
    graph = READ[ending](tmp_path / f"x{ending}")
    assert dict(graph.nodes(data="number")) == {str(i): i for i in range(n)}
    assert {(a, b): (e["weight"], e["twice"]) for a, b, e in graph.edges(data=True)} == {
        (str(i - 1), str(i)): (i, 2 * i) for i in range(1, n)
    }


@ENDINGS
def test_graphs_without_edges_or_attributes(tmp_path, ending):
    none = np.zeros(0, np.int64)
    path = tmp_path / f"x{ending}"
    write_network(path, [], {}, none, none, {})
    assert len(READ[ending](path)) == 0
    write_network(path, ["a", "b"], {}, none, none, {"weight": none})
    assert list(READ[ending](path).nodes) == ["a", "b"]
    write_network(path, ["a", "b"], {}, none, none + 0, {})
    write_network(path, ["a", "b"], {}, np.array([0]), np.array([1]), {})
    assert list(READ[ending](path).edges) == [("a", "b")]


TEXTS = st.text(max_size=5)  # of any characters but surrogates, which no file can hold


@given(st.lists(TEXTS, min_size=2, max_size=5, unique=True), st.data())
def test_any_text_is_legal_xml_and_the_same_but_for_what_xml_forbids(tmp_path_factory, names, data):
    texts = [data.draw(TEXTS) for _ in names]
    titles = data.draw(st.lists(TEXTS, min_size=1, max_size=3, unique=True))
    folder = tmp_path_factory.mktemp("texts")
    for ending, read in READ.items():
        path = folder / f"x{ending}"
        nodes, edges = dict.fromkeys(titles, texts), dict.fromkeys(titles, texts[:1])
        write_network(path, names, nodes, np.array([0]), np.array([1]), edges)
        graph = read(path)
        assert len(graph) == len(names)
        assert graph.number_of_edges() == 1
        for name, text, row in zip(names, texts, graph.nodes.items(), strict=True):
            legal = [
                "".join(c for c in t if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff"))
                for t in (name, text)
            ]
            if legal[0] == name and name:
                assert row[0] == name
            own = {k: v for k, v in row[1].items() if k != "label"}
            assert set(own.values()) == {legal[1]}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"names": ["a", "a"]}, r"names: two nodes have the same name; give each its own\."),
        ({"nodes": {"x": [1]}}, r"node_attributes\['x'\] has 1 values for 2 rows\."),
        ({"edges": {"x": [1, 2]}}, r"edge_attributes\['x'\] has 2 values for 1 rows\."),
        ({"edges": {"x": [object()]}}, r"edge_attributes\['x'\] cannot be written: .*object"),
        ({"edges": {"x": [1 + 2j]}}, r"edge_attributes\['x'\] cannot be written: "),
        ({"edges": {"x": ["\ud800"]}}, r"edge_attributes\['x'\] cannot be written: .*surrogates"),
        ({"edges": {"x": [2**70]}}, r"edge_attributes\['x'\] cannot be written: "),
        ({"nodes": {"x": [1, "a"]}}, r"node_attributes\['x'\] cannot be written: .*Give numbers"),
        ({"path": "x.net"}, r"x\.net': graph files end in \.gexf or \.graphml\."),
    ],
)
def test_what_no_graph_file_can_hold(tmp_path, changed, message):
    path = tmp_path / changed.get("path", "x.gexf")
    with pytest.raises(CoordnetError, match=message):
        write_network(
            path, changed.get("names", ["a", "b"]), changed.get("nodes", {}),
            np.array([0]), np.array([1]), changed.get("edges", {}),
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []
