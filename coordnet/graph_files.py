"""Graph files: GEXF and GraphML with a typed column for each attribute, written in one pass.

networkx builds the document in memory first: 500,000 edges with ten columns take it over a minute
and 3.5 GB. What is written here it reads back, with the types.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.errors import ParameterError, shown
from coordnet.export import whole_file, xml_names, xml_text

ENDINGS = (".gexf", ".graphml")
# As text and as the value of an attribute alike; a bare line break in a value would become a space
_ESCAPES = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "\t": "&#9;",
        "\n": "&#10;",
        "\r": "&#13;",
    }
)
_ROWS_AT_ONCE = 10_000


class _Column(NamedTuple):
    title: str  # escaped
    type: str  # long, double, boolean or string, as both formats call them
    values: pa.Array


def write_network(
    path: str | os.PathLike[str],
    names: Sequence[str],
    node_attributes: Mapping[str, Any],
    source: NDArray[np.integer[Any]],
    target: NDArray[np.integer[Any]],
    edge_attributes: Mapping[str, Any],
) -> None:
    """Write an undirected graph to .gexf or .graphml, whole or not at all, always the same bytes.

    Parameters
    ----------
    path
        Its ending says the format.
    names
        The name of each node, all different. Characters that XML forbids are left out, of names
        so that all stay different (:func:`coordnet.export.xml_names`).
    node_attributes
        For each attribute its values, one a node: a NumPy array, a sequence or an Arrow array.
        Integers, floats and booleans keep their type, everything else is written as text. A
        missing value (None, null, NaN) is an attribute that the node does not have.
    source, target
        Integers (n_edges,): the ends of each edge as positions in `names`.
    edge_attributes
        As `node_attributes`, one value an edge. In GEXF ``weight`` is the weight of the edge.

    Raises
    ------
    ParameterError
        If the ending is unknown, names repeat, or an attribute has the wrong length or a type
        that no text can show.

    Examples
    --------
    >>> import tempfile, networkx
    >>> path = Path(tempfile.mkdtemp(), "x.graphml")
    >>> ends = np.array([0]), np.array([1])
    >>> write_network(path, ["a", "b"], {"cluster": [0, None]}, *ends, {"objects": [3]})
    >>> networkx.read_graphml(path).adj["a"]["b"]["objects"]
    3
    """
    suffix = Path(path).suffix.lower()
    if suffix not in ENDINGS:
        raise ParameterError(f"{shown(str(path))}: graph files end in .gexf or .graphml.")
    if len(set(names)) < len(names):
        raise ParameterError("names: two nodes have the same name; give each its own.")
    nodes = _columns(node_attributes, len(names), "node_attributes")
    edges = _columns(edge_attributes, len(source), "edge_attributes")
    ids = [name.translate(_ESCAPES) for name in xml_names(names)]
    ends = ((ids[a], ids[b]) for a, b in zip(source.tolist(), target.tolist(), strict=True))
    lines = _gexf if suffix == ".gexf" else _graphml
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.writelines(lines(ids, nodes, ends, edges))


def _columns(attributes: Mapping[str, Any], n: int, parameter: str) -> list[_Column]:
    """Return attributes as Arrow columns, null where missing, each with its type in the files."""
    titles = [title.translate(_ESCAPES) for title in xml_names(list(attributes))]
    columns = []
    for title, (name, values) in zip(titles, attributes.items(), strict=True):
        try:
            array = values
            if isinstance(array, pa.ChunkedArray):
                array = array.combine_chunks()
            elif not isinstance(array, pa.Array):
                array = pa.array(array, from_pandas=True)
            kind = _kind(array.type)
            if kind == "string":
                array = array.cast(pa.large_string())
            elif kind == "double":
                array = array.cast(pa.float64())
                array = pc.if_else(pc.is_nan(array), None, array)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise ParameterError(
                f"{parameter}[{shown(name)}] cannot be written: {error}. Give numbers, booleans "
                "or texts."
            ) from None
        if len(array) != n:
            raise ParameterError(
                f"{parameter}[{shown(name)}] has {len(array):,} values for {n:,} rows."
            )
        columns.append(_Column(title, kind, array))
    return columns


def _kind(type_: pa.DataType) -> str:
    if pa.types.is_boolean(type_):
        return "boolean"
    if pa.types.is_integer(type_):
        return "long"
    return "double" if pa.types.is_floating(type_) else "string"


def _texts(values: pa.Array, kind: str) -> list[str | None]:
    """Return values as XML, None where there is none."""
    if kind == "boolean":
        return [None if v is None else "true" if v else "false" for v in values.to_pylist()]
    if kind == "double":
        infinite = {"inf": "INF", "-inf": "-INF"}  # as XML calls them
        texts = (None if v is None else repr(v) for v in values.to_pylist())
        return [t if t is None else infinite.get(t, t) for t in texts]
    if kind == "long":
        return [None if v is None else str(v) for v in values.to_pylist()]
    return [None if v is None else xml_text(v).translate(_ESCAPES) for v in values.to_pylist()]


def _cells(columns: Sequence[tuple[str, _Column, str]]) -> Iterator[str]:
    """Yield for each row its values, each between what stands before and after, joined.

    Without columns it yields empty texts for ever: whoever takes them counts the rows.
    """
    if not columns:
        yield from repeat("")
    for start in range(0, len(columns[0][1].values), _ROWS_AT_ONCE):
        parts = [
            ["" if t is None else f"{before}{t}{after}" for t in texts]
            for before, column, after in columns
            for texts in [_texts(column.values.slice(start, _ROWS_AT_ONCE), column.type)]
        ]
        yield from map("".join, zip(*parts, strict=True))


def _gexf(
    ids: Sequence[str],
    nodes: list[_Column],
    ends: Iterator[tuple[str, str]],
    edges: list[_Column],
) -> Iterator[str]:
    """Yield the lines of a GEXF 1.2 file, without the day: equal graphs are equal files."""
    yield '<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2">\n'
    yield "<meta><creator>coordnet</creator></meta>\n"
    yield '<graph defaultedgetype="undirected" mode="static">\n'
    weight = [column for column in edges if column.title == "weight" and column.type != "string"]
    edges = [column for column in edges if column not in weight]
    values = {}
    for kind, columns in (("node", nodes), ("edge", edges)):
        yield f'<attributes class="{kind}" mode="static">\n'
        for i, column in enumerate(columns):
            yield f'<attribute id="{i}" title="{column.title}" type="{column.type}"/>\n'
        yield "</attributes>\n"
        values[kind] = _cells(
            [(f'<attvalue for="{i}" value="', c, '"/>') for i, c in enumerate(columns)]
        )
    yield "<nodes>\n"
    for name, own in zip(ids, values["node"], strict=False):
        yield f'<node id="{name}" label="{name}"><attvalues>{own}</attvalues></node>\n'
    yield "</nodes>\n<edges>\n"
    weights = _cells([(' weight="', column, '"') for column in weight])
    for i, ((a, b), heavy, own) in enumerate(zip(ends, weights, values["edge"], strict=False)):
        yield (
            f'<edge id="{i}" source="{a}" target="{b}"{heavy}><attvalues>{own}</attvalues></edge>\n'
        )
    yield "</edges>\n</graph>\n</gexf>\n"


def _graphml(
    ids: Sequence[str],
    nodes: list[_Column],
    ends: Iterator[tuple[str, str]],
    edges: list[_Column],
) -> Iterator[str]:
    """Yield the lines of a GraphML file."""
    yield '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
    values = {}
    for kind, columns in (("node", nodes), ("edge", edges)):
        keys = [f"{kind}{i}" for i in range(len(columns))]
        for key, column in zip(keys, columns, strict=True):
            yield (
                f'<key id="{key}" for="{kind}" attr.name="{column.title}" '
                f'attr.type="{column.type}"/>\n'
            )
        values[kind] = _cells(
            [(f'<data key="{key}">', c, "</data>") for key, c in zip(keys, columns, strict=True)]
        )
    yield '<graph edgedefault="undirected">\n'
    for name, own in zip(ids, values["node"], strict=False):
        yield f'<node id="{name}">{own}</node>\n'
    for (a, b), own in zip(ends, values["edge"], strict=False):
        yield f'<edge source="{a}" target="{b}">{own}</edge>\n'
    yield "</graph>\n</graphml>\n"
