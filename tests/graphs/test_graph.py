"""CoordinationGraph: its parts, and its way to other libraries and files and back."""

import csv

import igraph
import naive
import networkx as nx
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import US, assert_edges, assert_same_graph, edges_of, log_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import SECOND, START, WINDOW, logs

import coordnet as cn
from coordnet.export import Pseudonyms, restored

# Whoever chooses an account name may try any of these on whoever opens the file
AWKWARD = [
    "=1+1", "+1", "-1", "@SUM(A1)", "'quoted", "''", "\ttab", "\rreturn", "\nline", "in\nside",
    'double "quotes"', "comma, semicolon;", "<b>&amp;</b>", "]]>", "é", "e\u0301", "😀", " padded ",
    "\x00null", "null", "bell\x07", "bell", "\ufffe", "_", "001", "1", "nan", "None", "NULL",
]  # fmt: skip


def graph_of(rows, within=WINDOW, **options):
    return cn.co_action(log_of(rows), within * US, **options)


def star(labels=AWKWARD):
    """Return a graph in which the first label is joined to each other one, weights 1, 2, 3, ..."""
    rows = []
    for i, label in enumerate(labels[1:]):
        for j in range(i % 4 + 1):
            rows += [
                (labels[0], f"p{i} {j}", START, "k", None),
                (label, f"p{i} {j}", START + (i + 1) * SECOND, "k", None),
            ]
    return graph_of(rows)


def by_names(edges):
    """Return {frozenset of ends: columns} from rows of (source, target, columns)."""
    return {frozenset((u, v)): columns for u, v, columns in edges}


def expected_edges(graph, name=lambda label: label):
    """Return the edges under names, each with its layer: the source's name comes first."""
    edges = []
    for (u, v), edge in edges_of(graph).items():
        first = edge["first_share"] if name(u) < name(v) else 1 - edge["first_share"]
        more = {"first_share": first, "weight": edge["objects"], "layer": graph.relation.title}
        edges.append((name(u), name(v), {**edge, **more}))
    return by_names(edges)


# -- facts -------------------------------------------------------------------------------------


@given(logs())
def test_nodes_are_the_accounts_with_edges(rows):
    graph = graph_of(rows)
    edges = naive.co_action(rows, WINDOW)
    joined = sorted({account for ends in edges for account in ends}, key=str.encode)
    assert graph.accounts.tolist() == joined
    assert graph.all_accounts[graph.nodes].tolist() == joined
    assert (graph.n_edges, graph.n_accounts) == (len(edges), len(joined))
    left, right = graph.ends
    assert [(joined[a], joined[b]) for a, b in zip(left, right, strict=True)] == list(
        edges_of(graph)
    )


def test_edges_cannot_be_changed():
    graph = star()
    with pytest.raises(TypeError):
        graph.edges["objects"] = None
    with pytest.raises(ValueError, match="read-only"):
        graph.edges["objects"][0] = 7


def test_repr():
    assert repr(star(["a", "b", "c"])) == (
        "CoordinationGraph (co-action within 60s)\n"
        "  edges    2\n"
        "  accounts 3 of 3 in the log\n"
        "  weight   objects, 1 or more\n"
        "  weights  median 1.5, largest 2, sum 3"
    )
    assert repr(graph_of([])).endswith("weight   objects, 1 or more")
    assert "<td>3 of 3 in the log</td>" in star(["a", "b", "c"])._repr_html_()


def given_graph():
    """Return a graph of edges that came from elsewhere."""
    edges = {
        "source": np.array([0, 1], np.int32), "target": np.array([1, 2], np.int32),
        "weight": np.array([2.5, 7.0]),
    }  # fmt: skip
    return cn.CoordinationGraph(cn.Accounts.of("abc"), edges, cn.Given("edges.csv"), "weight", 1)


def test_a_graph_without_a_log_says_so_where_one_is_needed():
    graph = given_graph()
    assert graph.source is None
    assert (len(graph), graph.accounts.tolist(), graph.frame) == (2, ["a", "b", "c"], "pandas")
    assert repr(graph).splitlines()[:3] == [
        "CoordinationGraph (edges.csv)", "  edges    2", "  accounts 3"
    ]  # fmt: skip
    assert graph.keep(min_weight=3).to_frame("pyarrow").to_pylist() == [
        {"source": "b", "target": "c", "weight": 7.0}
    ]
    assert [len(cluster) for cluster in cn.find_clusters(graph, "components")] == [3]
    with pytest.raises(cn.ParameterError) as error:
        _ = graph.log
    assert str(error.value).startswith("this graph (edges.csv) has no log of actions")
    for call, told in (
        (graph.test, "edges.csv: it is not known how these edges came, so they cannot be"
         " tested; build the graph from the actions with co_action or co_timing."),
        (lambda: graph.within, "edges.csv: the window of these edges is not known."),
        (lambda: graph.relation.graph(log_of([])), "edges.csv: it is not known"),
        (lambda: graph.relation.trace(log_of([])), "edges.csv: it is not known"),
        (lambda: cn.score_clusters(cn.find_clusters(graph)), "this graph (edges.csv)"),
    ):  # fmt: skip
        with pytest.raises(cn.ParameterError) as error:
            call()
        assert str(error.value).startswith(told)


# -- keep --------------------------------------------------------------------------------------


def weights_of(graph):
    return sorted(graph.weights.tolist())


def test_keep_by_weight_quantile_and_top():
    graph = star([f"u{i}" for i in range(11)])  # weights 1 2 3 4 1 2 3 4 1 2
    assert weights_of(graph.keep(min_weight=3)) == [3, 3, 4, 4]
    assert weights_of(graph.keep(min_weight=2.5)) == [3, 3, 4, 4]
    assert weights_of(graph.keep(top=2)) == [4, 4]
    assert weights_of(graph.keep(top=3)) == [3, 3, 4, 4]  # ties with the last one stay
    assert weights_of(graph.keep(top=1)) == [4, 4]
    assert graph.keep(top=0).n_edges == 0
    assert graph.keep(top=10) is graph
    assert graph.keep(top=99) is graph
    assert weights_of(graph.keep(quantile=0.5)) == [2, 2, 2, 3, 3, 4, 4]
    assert weights_of(graph.keep(quantile=0.75)) == [3, 3, 4, 4]
    assert graph.keep(quantile=0) is graph
    assert weights_of(graph.keep(quantile=1)) == [4, 4]
    assert weights_of(graph.keep(min_weight=4, top=5)) == [4, 4]
    assert graph.keep() is graph


@given(logs(), st.floats(0, 1), st.integers(0, 9))
def test_keep_equals_sorting_by_hand(rows, quantile, top):
    graph = graph_of(rows)
    edges = edges_of(graph)
    order = sorted((e["objects"] for e in edges.values()), reverse=True)
    if edges:
        position = quantile * (len(order) - 1)
        low = int(position)
        ascending = order[::-1]
        high = min(low + 1, len(order) - 1)
        bound = ascending[low] + (position - low) * (ascending[high] - ascending[low])
        assert edges_of(graph.keep(quantile=quantile)) == {
            ends: e for ends, e in edges.items() if e["objects"] >= bound - 1e-9
        }
    least = order[min(top, len(order)) - 1] if top and order else float("inf")
    assert edges_of(graph.keep(top=top)) == {
        ends: e for ends, e in edges.items() if e["objects"] >= least
    }


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"quantile": 1.1}, "quantile=1.1 is not a number of at least 0 and of at most 1."),
        (
            {"quantile": float("nan")},
            "quantile=nan is not a number of at least 0 and of at most 1.",
        ),
        ({"top": -1}, "top=-1 is not a whole number of 0 or more."),
    ],
)
def test_wrong_conditions_are_told(options, told):
    with pytest.raises(cn.CoordnetError) as error:
        star().keep(**options)
    assert str(error.value) == told


# -- conversions -------------------------------------------------------------------------------


@given(logs())
def test_networkx_says_the_same(rows):
    graph = graph_of(rows)
    converted = graph.to_networkx()
    assert list(converted.nodes) == graph.accounts.tolist()
    assert by_names(converted.edges(data=True)) == expected_edges(graph)
    for *_, edge in converted.edges(data=True):
        assert all(type(value) in (int, float) for n, value in edge.items() if n != "layer")


@given(logs())
def test_igraph_says_the_same(rows):
    graph = graph_of(rows)
    converted = graph.to_igraph()
    names = converted.vs["name"] if converted.vcount() else []
    assert names == graph.accounts.tolist()
    assert not converted.is_directed()
    found = by_names((names[e.source], names[e.target], e.attributes()) for e in converted.es)
    assert found == expected_edges(graph)


@given(logs())
def test_scipy_says_the_same(rows):
    graph = graph_of(rows, weight="pairs")
    matrix = graph.to_scipy()
    n = graph.n_accounts
    dense = np.zeros((n, n))
    position = {label: i for i, label in enumerate(graph.accounts)}
    for (u, v), edge in naive.co_action(rows, WINDOW).items():
        dense[position[u], position[v]] = dense[position[v], position[u]] = edge["pairs"]
    assert matrix.format == "csr"
    np.testing.assert_array_equal(matrix.toarray(), dense)


@pytest.mark.parametrize(
    ("backend", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("pyarrow", pa.Table)]
)
def test_frames_say_the_same(backend, kind):
    graph = star()
    frame = graph.to_frame(backend)
    assert isinstance(frame, kind)
    table = frame if backend == "pyarrow" else pa.table(frame)
    assert table.column_names == [
        "source", "target", "objects", "pairs", "mean_delay", "first_share"
    ]  # fmt: skip
    found = {(e.pop("source"), e.pop("target")): e for e in table.to_pylist()}
    assert found == edges_of(graph)
    assert isinstance(graph.to_frame(), pa.Table)  # what the log was made of


def test_empty_graphs_convert_too(tmp_path):
    graph = graph_of([])
    assert graph.to_networkx().number_of_nodes() == 0
    assert graph.to_igraph().vcount() == 0
    assert graph.to_scipy().shape == (0, 0)
    assert len(graph.to_frame("pandas")) == 0
    for ending in ("graphml", "gexf", "parquet", "csv"):
        graph.write(tmp_path / f"x.{ending}")
    assert nx.read_graphml(tmp_path / "x.graphml").number_of_nodes() == 0
    assert nx.read_gexf(tmp_path / "x.gexf").number_of_nodes() == 0
    assert pq.read_table(tmp_path / "x.parquet").num_rows == 0
    assert (tmp_path / "x.csv").read_text() == (
        '"source","target","objects","pairs","mean_delay","first_share"\n'
    )


# -- files, read back --------------------------------------------------------------------------

NOT_IN_XML = {"\x00null": "null~2", "bell\x07": "bell~2", "\ufffe": "_~2"}


def xml_name(label):
    """Return what a label is in XML: without what XML forbids, and still nobody else's."""
    return NOT_IN_XML.get(label, label)


def test_graphml_reads_back_with_networkx(tmp_path):
    star().write(tmp_path / "x.graphml", identifiers=True)
    read = nx.read_graphml(tmp_path / "x.graphml")
    assert set(read.nodes) == {xml_name(label) for label in AWKWARD}
    assert len(read) == len(AWKWARD)
    assert by_names(read.edges(data=True)) == expected_edges(star(), xml_name)


def test_graphml_reads_back_with_igraph(tmp_path):
    star().write(tmp_path / "x.graphml", identifiers=True)
    read = igraph.Graph.Read_GraphML(str(tmp_path / "x.graphml"))
    names = [name.replace("&#38;", "&") for name in read.vs["id"]]  # as igraph reads an &amp;
    found = by_names((names[e.source], names[e.target], e.attributes()) for e in read.es)
    for edge in found.values():
        edge.pop("id", None)
    assert found == expected_edges(star(), xml_name)
    assert not read.is_directed()


def test_gexf_reads_back_with_networkx(tmp_path):
    star().write(tmp_path / "x.gexf", identifiers=True)
    read = nx.read_gexf(tmp_path / "x.gexf")
    found = by_names(read.edges(data=True))
    for edge in found.values():
        edge.pop("id", None)
    assert found == expected_edges(star(), xml_name)
    assert {label for _, label in read.nodes(data="label")} == {xml_name(n) for n in AWKWARD}


def test_parquet_reads_back(tmp_path):
    star().write(tmp_path / "x.parquet", identifiers=True)
    assert pq.read_table(tmp_path / "x.parquet").equals(star().to_frame("pyarrow"))


def test_csv_reads_back_and_runs_in_no_spreadsheet(tmp_path):
    star().write(tmp_path / "x.csv", identifiers=True)
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert row["source"][0] not in "=+-@\t\r\n"
        assert row["target"][0] not in "=+-@\t\r\n"
    found = {
        (restored(r.pop("source")), restored(r.pop("target"))): {n: float(v) for n, v in r.items()}
        for r in rows
    }
    assert found == edges_of(star())


@given(st.lists(st.text(min_size=1, max_size=6).filter(str.strip), min_size=2, unique=True))
def test_any_labels_read_back_from_csv_and_xml(tmp_path_factory, labels):
    graph = star(labels)
    folder = tmp_path_factory.mktemp("labels")
    for ending in ("csv", "graphml", "gexf"):
        graph.write(folder / f"x.{ending}", identifiers=True)
    with (folder / "x.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    assert {(restored(r[0]), restored(r[1])) for r in rows} == set(edges_of(graph))
    for read in (nx.read_graphml(folder / "x.graphml"), nx.read_gexf(folder / "x.gexf")):
        assert len(read) == len(labels)
        assert read.number_of_edges() == graph.n_edges


# -- pseudonyms --------------------------------------------------------------------------------


def read_names(path):
    """Return the accounts that a graph file names."""
    if path.suffix == ".graphml":
        return set(nx.read_graphml(path).nodes)
    if path.suffix == ".gexf":
        return set(nx.read_gexf(path).nodes)
    table = pq.read_table(path) if path.suffix == ".parquet" else pa.table(pd.read_csv(path))
    return {*table["source"].to_pylist(), *table["target"].to_pylist()}


@pytest.mark.parametrize("ending", ["graphml", "gexf", "parquet", "csv"])
def test_files_carry_pseudonyms_unless_told_otherwise(ending, tmp_path):
    graph = star(["alice", "bob", "carol"])
    path = tmp_path / f"x.{ending}"
    graph.write(path)
    names = read_names(path)
    assert names == set(Pseudonyms(graph.log.secret("pseudonyms")).of(["alice", "bob", "carol"]))
    assert all(len(n) == 18 and n.startswith("u_") for n in names)
    for label in (b"alice", b"bob", b"carol"):
        assert label not in path.read_bytes()
    graph.write(path, key=b"my own")
    assert read_names(path) == set(Pseudonyms(b"my own").of(["alice", "bob", "carol"])) != names
    graph.write(path, identifiers=True)
    assert read_names(path) == {"alice", "bob", "carol"}


@pytest.mark.parametrize("ending", ["graphml", "gexf", "parquet", "csv"])
def test_the_order_in_a_file_tells_nothing_of_the_labels(ending, tmp_path):
    """Whoever knows the accounts in question must not be able to lay the two lists side by side."""
    graph = star([f"u{i:02d}" for i in range(40)])
    graph.write(tmp_path / f"x.{ending}")
    if ending in ("graphml", "gexf"):
        read = nx.read_graphml if ending == "graphml" else nx.read_gexf
        found = read(tmp_path / f"x.{ending}")
        assert list(found.nodes) == sorted(found.nodes)
        rows = [(u, v) for u, v in found.edges]
    else:
        path = tmp_path / f"x.{ending}"
        table = pq.read_table(path) if ending == "parquet" else pa.table(pd.read_csv(path))
        rows = list(zip(table["source"].to_pylist(), table["target"].to_pylist(), strict=True))
        assert rows == sorted(rows)
    assert all(u < v for u, v in rows)


@given(logs(), st.permutations([f"n{i}" for i in range(10)]))
def test_edges_under_other_names_are_those_of_renamed_accounts(rows, names):
    """Every column, also those that say something of one end."""
    new = dict(zip(sorted({r[0] for r in rows}), names, strict=False))
    for make in (
        lambda r: cn.co_action(log_of(r), WINDOW * US),
        lambda r: cn.co_timing(log_of(r), WINDOW * US, min_weight=1),
        lambda r: cn.co_timing(log_of(r), WINDOW * US, min_weight=1).test(),
    ):
        graph, renamed = make(rows), make([(new[r[0]], *r[1:]) for r in rows])
        under = graph.named([new[label] for label in graph.accounts])
        assert (
            under.table()
            .drop(["mean_delay", "first_share"])
            .equals(renamed.to_frame("pyarrow").drop(["mean_delay", "first_share"]))
        )
        for name in ("mean_delay", "first_share"):
            np.testing.assert_allclose(under.columns[name], renamed.edges[name], atol=1e-12)
        assert under.names == renamed.accounts.tolist()


def test_the_same_rows_give_the_same_file(tmp_path):
    rows = [(f"u{i}", "p", START + i, "k", None) for i in range(9)]
    for ending in ("graphml", "parquet", "csv"):
        graph_of(rows).write(tmp_path / f"1.{ending}")
        graph_of(rows[::-1]).write(tmp_path / f"2.{ending}")
        one, two = ((tmp_path / f"{i}.{ending}").read_bytes() for i in (1, 2))
        assert one == two


@pytest.mark.parametrize("key", [b"", b"x" * 65])
def test_keys_that_cannot_be(key, tmp_path):
    with pytest.raises(cn.CoordnetError) as error:
        star().write(tmp_path / "x.csv", key=key)
    assert str(error.value) == f"key has {len(key)} bytes; use 1 to 64."
    assert list(tmp_path.iterdir()) == []


def test_an_ending_that_is_no_format(tmp_path):
    for name in ("x.txt", "x", "x.csv.gz"):
        with pytest.raises(cn.CoordnetError) as error:
            star().write(tmp_path / name)
        assert str(error.value) == (
            f"{str(tmp_path / name)!r}: a graph is written as .graphml, .gexf, .parquet or .csv."
        )
    star().write(str(tmp_path / "X.CSV"))
    assert [p.name for p in tmp_path.iterdir()] == ["X.CSV"]


@pytest.mark.parametrize("ending", ["graphml", "gexf", "parquet", "csv"])
def test_a_failure_in_the_middle_leaves_the_old_file(ending, tmp_path, monkeypatch):
    path = tmp_path / f"x.{ending}"
    path.write_text("old")

    def fail(*arguments, **_):
        target = next(a for a in arguments if str(a).startswith(str(tmp_path)))
        with open(target, "w") as file:  # noqa: PTH123
            file.write("half of a fi")
        raise OSError(28, "No space left on device")

    def lines(*_):
        yield "half of a fi"
        raise OSError(28, "No space left on device")

    for name in ("_graphml", "_gexf"):
        monkeypatch.setattr(f"coordnet.graph_files.{name}", lines)
    monkeypatch.setattr(pa.csv, "write_csv", fail)
    monkeypatch.setattr(pa.parquet, "write_table", fail)
    with pytest.raises(OSError, match="No space left"):
        star().write(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "old"


# -- laws --------------------------------------------------------------------------------------


@given(logs(), st.integers(1, 4))
def test_a_kept_graph_is_the_graph_of_its_edges(rows, least):
    graph = graph_of(rows)
    kept = graph.keep(min_weight=least)
    assert_edges(edges_of(kept), naive.co_action(rows, WINDOW, least))
    assert kept.log is graph.log
    assert_same_graph(kept.keep(min_weight=least), kept)
