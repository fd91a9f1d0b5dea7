"""Save and load logs, graphs, clusters and runs: one file of Arrow arrays and JSON, no pickle.

The file is a zip archive. ``tree.json`` says of what types the values are and how they hang
together; each array is an Arrow file of its own. Loading makes only the types listed here, so that
a file from a stranger can at worst be refused.
"""

from __future__ import annotations

import importlib
import io
import json
import math
import os
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from coordnet.errors import InputError, ParameterError
from coordnet.export import whole_file

FORMAT = 1
TREE = "tree.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bytes on whatever day
T = TypeVar("T")

# Type by name: where it is defined. A view is no dataclass: what it is made of stands behind it.
_HOMES = {
    "log.accounts": ("Accounts",),
    "log.actions": ("ActionLog",),
    "log.labels": ("Labelled",),
    "graphs.relation": ("Given",),
    "graphs.co_action": ("CoAction",),
    "graphs.co_timing": ("CoTiming",),
    "graphs.graph": ("CoordinationGraph",),
    "graphs.multiplex": ("Multiplex",),
    "inference.edge_tests": ("EdgeTest",),
    "inference.group_test": ("GroupTest",),
    "clusters.clusters": ("Clusters",),
    "recipes.recipe": ("Published",),
    "readers.profiles": ("Profiles",),
    "readers.stance": ("Stance",),
    "robustness.findable": ("Findable", "FindableLayer"),
    "robustness.null_runs": ("NullRuns",),
    "robustness.confirmation": ("Confirmation",),
    "scores.view": ("Column", "Estimate", "Inputs", "View"),
    "scores.table": ("ClusterScores",),
    "search.configuration": ("Configuration",),
    "over_time.clusters_over_time": ("ClustersOverTime", "Step"),
    "over_time.following": ("Event", "Track"),
    "detection.run": ("Run",),
    "simulation.truth": ("Phase", "Truth", "Simulation"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_SAVED_AS = {"StoredLog": "ActionLog"}
_MADE_OF = {
    "Labelled": ("codes", "labels"),
    "View": ("clusters", "log", "inputs"),
}


def save(value: Any, path: str | os.PathLike[str]) -> None:
    """Write a log, graph, clusters, scores or run to a file, whole or not at all.

    Parameters
    ----------
    value
        An :class:`ActionLog`, :class:`CoordinationGraph`, :class:`Multiplex`, :class:`Clusters`,
        :class:`ClusterScores`, :class:`Run`, :class:`ClustersOverTime` or :class:`Simulation`.
        What they share, such as the log, is written once.
    path
        The file, such as ``"run.coordnet"``. It holds the accounts' own labels: keep it as you
        keep the data.

    Examples
    --------
    >>> import coordnet as cn, tempfile, os
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cn.save(log, os.path.join(folder, "log.coordnet"))
    ...     cn.load(os.path.join(folder, "log.coordnet")).fingerprint == log.fingerprint
    True
    """
    writer = _Writer()
    root = writer.put(value)
    tree = {
        "format": FORMAT,
        "coordnet": metadata.version("coordnet"),
        "root": root,
        "values": writer.values,
    }
    with whole_file(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr(zipfile.ZipInfo(TREE, _EPOCH), json.dumps(tree, allow_nan=False))
        for i, array in enumerate(writer.arrays):
            sink = io.BytesIO()
            table = pa.table({"a": array})
            with pa.ipc.new_file(sink, table.schema) as out:
                out.write_table(table)
            archive.writestr(zipfile.ZipInfo(f"{i}.arrow", _EPOCH), sink.getbuffer().tobytes())


def load(path: str | os.PathLike[str]) -> Any:
    """Read what :func:`save` wrote.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    ActionLog, CoordinationGraph, Multiplex, Clusters, ClusterScores, Run or another of those
        As it was saved.

    Raises
    ------
    InputError
        Where the file is none of coordnet's, is damaged, or was written by a later version.

    Examples
    --------
    See :func:`coordnet.save`.

    >>> import coordnet as cn
    >>> callable(cn.load)
    True
    """
    name = os.fspath(path)
    try:
        with zipfile.ZipFile(name) as archive:
            tree = json.loads(archive.read(TREE))
            if tree["format"] != FORMAT:
                raise InputError(
                    f"{name!r} was written by coordnet {tree['coordnet']} in another format than "
                    f"coordnet {metadata.version('coordnet')} reads; use that version, or run anew."
                )
            arrays = [
                pa.ipc.open_file(pa.BufferReader(archive.read(f"{i}.arrow"))).read_all()["a"]
                for i in range(len(archive.namelist()) - 1)
            ]
        return _Reader(tree["values"], arrays).get(tree["root"])
    except FileNotFoundError:
        raise InputError(f"there is no file {name!r}; check the path.") from None
    except (
        OSError, zipfile.BadZipFile, KeyError, TypeError, IndexError, ValueError, pa.ArrowException,
    ) as error:  # fmt: skip
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{name!r} cannot be read as a file of coordnet's ({type(error).__name__}: "
            f"{str(error)[:100]}); it is another kind of file, or damaged."
        ) from None


def load_as(kind: type[T], path: str | os.PathLike[str]) -> T:
    """Read a file and check that it holds a value of this type."""
    value = load(path)
    if not isinstance(value, kind):
        raise InputError(
            f"{os.fspath(path)!r} holds a {type(value).__name__}, not a {kind.__name__}; read it "
            "with coordnet.load."
        )
    return value


class _Writer:
    """Values as JSON; what has fields is put once, arrays stand apart."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.arrays: list[Any] = []
        self._put: dict[int, tuple[Any, int]] = {}  # by identity; the value is kept alive

    def put(self, value: Any) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, float) and not math.isfinite(value):
            return {"float": repr(value)}
        if value is None or isinstance(value, str | bool | int | float):
            return value
        if isinstance(value, Path):
            return str(value)
        if isinstance(value, list):
            return [self.put(item) for item in value]
        name = _SAVED_AS.get(type(value).__name__, type(value).__name__)
        if name in _HOME_OF and isinstance(value, _type(name)):
            return self._once(value, lambda: {"type": name, "fields": self._fields(name, value)})
        if isinstance(value, tuple):
            return {"tuple": [self.put(item) for item in value]}
        if isinstance(value, Mapping):
            if not all(isinstance(key, str) for key in value):
                raise ParameterError(f"{name} with keys that are no text cannot be saved.")
            return {"mapping": {key: self.put(item) for key, item in value.items()}}
        if isinstance(value, np.ndarray):
            return self._once(value, lambda: self._array(value))
        if isinstance(value, pa.Array | pa.ChunkedArray):
            return self._once(value, lambda: {"arrow": self._stored(value)})
        if isinstance(value, pa.Table):
            columns = {column: self.put(value[column]) for column in value.column_names}
            return {"table": columns}
        raise ParameterError(f"a value of type {name} cannot be saved.")

    def _fields(self, name: str, value: Any) -> dict[str, Any]:
        return {part: self.put(getattr(value, part)) for part in _parts(name)}

    def _once(self, value: Any, make: Any) -> dict[str, int]:
        if id(value) not in self._put:
            made = make()
            self._put[id(value)] = (value, len(self.values))
            self.values.append(made)
        return {"value": self._put[id(value)][1]}

    def _array(self, value: Any) -> dict[str, Any]:
        flat = value.ravel()
        stored = pa.array(flat, pa.large_string()) if value.dtype == object else pa.array(flat)
        return {"array": self._stored(stored), "shape": list(value.shape), "dtype": value.dtype.str}

    def _stored(self, array: Any) -> int:
        self.arrays.append(array)
        return len(self.arrays) - 1


class _Reader:
    """The way back."""

    def __init__(self, values: list[Any], arrays: list[pa.ChunkedArray]) -> None:
        self._values = values
        self._arrays = arrays
        self._made: dict[int, Any] = {}

    def get(self, said: Any) -> Any:
        if isinstance(said, list):
            return [self.get(item) for item in said]
        if not isinstance(said, dict):
            return said
        ((kind, content),) = said.items()
        if kind == "float":
            return float(content)
        if kind == "tuple":
            return tuple(self.get(item) for item in content)
        if kind == "mapping":
            return {key: self.get(item) for key, item in content.items()}
        if kind == "table":
            return pa.table({name: self.get(column) for name, column in content.items()})
        if kind != "value":
            raise ValueError(f"{kind!r} is not known")
        if content not in self._made:
            self._made[content] = self._make(self._values[content])
        return self._made[content]

    def _make(self, said: dict[str, Any]) -> Any:
        if "type" in said:
            name = said["type"]
            if name not in _HOME_OF:
                raise ValueError(f"the type {name!r} is not known")
            parts = {part: self.get(value) for part, value in said["fields"].items()}
            unknown = set(parts) - set(_parts(name))
            if unknown:
                raise ValueError(f"{name} has no field {sorted(unknown)[0]!r}")
            return _type(name)(**parts)
        if "arrow" in said:
            return self._arrays[said["arrow"]].combine_chunks()
        flat = self._arrays[said["array"]].combine_chunks()
        if said["dtype"] == "|O":
            array = np.empty(len(flat), object)
            array[:] = flat.to_pylist()
        else:
            array = flat.to_numpy(zero_copy_only=False).astype(said["dtype"], copy=False)
        array = array.reshape(said["shape"])
        array.flags.writeable = False
        return array


def _type(name: str) -> Any:
    return getattr(importlib.import_module(f"coordnet.{_HOME_OF[name]}"), name)


def _parts(name: str) -> tuple[str, ...]:
    kind = _type(name)
    if issubclass(kind, tuple):
        return tuple(kind._fields)
    return _MADE_OF.get(name) or tuple(f.name for f in fields(kind))
