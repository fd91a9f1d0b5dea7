"""`coordnet recipes`: the published methods, listed or run."""

from __future__ import annotations

import argparse
import inspect
import re
import textwrap
from argparse import BooleanOptionalAction
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from coordnet import recipes
from coordnet.clusters.clusters import Clusters
from coordnet.commands import options as shared
from coordnet.commands import reading as inputs
from coordnet.commands.output import (
    CAUTION,
    WIDTH,
    check_output,
    names_of,
    say,
    say_json,
    say_left,
    say_table,
    write_folder,
)
from coordnet.commands.reading import Reading
from coordnet.errors import InputError, ParameterError, listed, nearest, one_of, shown
from coordnet.graphs.graph import CoordinationGraph
from coordnet.plural import several
from coordnet.progress import stage
from coordnet.recipes.recipe import RecipeFunction

USAGE = f"[NAME FILE [FILE ...] {inputs.USAGE} [options]]"
EXAMPLES = (
    "recipes",
    "recipes coortweet --help",
    "recipes coortweet actions.csv --account account --object object --time time --within 60s",
)
# What the option --kind says, under the names that methods have for it
_KINDS = ("kind", "kinds")


def _takes(name: str) -> list[inspect.Parameter]:
    return list(inspect.signature(recipe_named(name)).parameters.values())


def recipe_named(name: str) -> RecipeFunction[..., Any]:
    """Return a published method by its name."""
    method: RecipeFunction[..., Any] = getattr(recipes, name)
    return method


def _is_run(name: str) -> bool:
    """Return whether a method goes from a log to a graph or clusters."""
    given = inspect.signature(recipe_named(name)).return_annotation
    return _takes(name)[0].name == "log" and given in ("CoordinationGraph", "Clusters")


FROM_PYTHON = tuple(name for name in recipes.__all__ if not _is_run(name))


# -- the parameters of a method as options -----------------------------------------------------


@dataclass(frozen=True)
class Choice:
    """A parameter of a method: how the command line reads it, and what it means.

    Attributes
    ----------
    name, meaning : str
    kind : callable
        From the text of one value; ``bool`` of a switch.
    many : bool
        Whether there may be several values.
    none : bool
        Whether "none" is a value.
    default : object
        ``inspect.Parameter.empty`` where it has to be given.
    """

    name: str
    meaning: str
    kind: Callable[[str], Any]
    many: bool
    none: bool
    default: Any

    def read(self, text: str) -> Any:
        """Return the value of a text."""
        if self.kind is bool:
            return one_of(text, ("yes", "no"), self.name) == "yes"
        try:
            value = shared.reader(self.kind, self.none)(text)
        except ValueError:
            raise ParameterError(
                f"{self.name}={shown(text, 60)} is no {self.kind.__name__}."
            ) from None
        return [value] if self.many and value is not None else value


def _array(path: str) -> Any:
    """Return the array of a .npy file."""
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{shown(path)} cannot be read as a .npy file: {error}.") from None


def _kind(annotation: str) -> tuple[Callable[[str], Any], bool] | None:
    """Return how values of an annotation are read, and whether there may be several."""
    parts = [part.strip() for part in annotation.split("|") if part.strip() != "None"]
    many = any(part.startswith("Sequence[") for part in parts)
    if "ArrayLike" in parts:
        return _array, False
    plain: dict[str, Callable[[str], Any]] = {
        "int": int, "float": float, "bool": bool, "str": str, "Duration": str,
    }  # fmt: skip
    for part in parts:
        inner = part.removeprefix("Sequence[").removesuffix("]")
        if inner in plain:
            return plain[inner], many
    return None


def choices(name: str) -> dict[str, Choice]:
    """Return the parameters of a method that the command line offers."""
    meanings = _meanings(recipe_named(name).__doc__ or "")
    found = {}
    for parameter in _takes(name)[1:]:
        annotation = str(parameter.annotation)
        how = _kind(annotation)
        if how is None or parameter.name in ("threads", *_KINDS):
            continue
        found[parameter.name] = Choice(
            parameter.name, meanings.get(parameter.name, ""), *how, "None" in annotation,
            parameter.default,
        )  # fmt: skip
    return found


def _meanings(doc: str) -> dict[str, str]:
    """Return what a docstring says of each parameter, on one line and without markup."""
    _, _, rest = inspect.cleandoc(doc).partition("Parameters\n----------\n")
    section = re.split(r"\n\n\w+\n-+\n", rest)[0]
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", section):
        names, _, text = entry.partition("\n")
        plain = re.sub(r":\w+:`~?([^`]*)`|`+([^`]*)`+", r"\1\2", " ".join(text.split()))
        for one in names.split(","):
            found[one.strip()] = plain
    return found


def parsed(name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the choices of a method that texts say, by name."""
    known = choices(name)
    for key in given:
        if key not in known:
            raise ParameterError(
                f"{key}= is no choice of {name}.{nearest(key, known)} Its choices are "
                f"{listed(known)}."
            )
    return {key: known[key].read(text) for key, text in given.items()}


# -- the command -------------------------------------------------------------------------------


def add_options(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Add what the command takes, and what the method that is named takes."""
    methods = parser.add_argument_group("method")
    methods.add_argument(
        "name", nargs="?", metavar="NAME",
        help="Which one to run; 'coordnet recipes NAME --help' lists its choices. Without a name, "
        "list them all.",
    )  # fmt: skip
    inputs.required_options(parser)
    name = next((a for a in arguments if a in recipes.__all__ and a not in FROM_PYTHON), None)
    if name is not None:
        cited = textwrap.fill(f"cite: {recipe_named(name).citation}", WIDTH)
        parser.epilog = f"{cited}\n\n{parser.epilog}"
        group = parser.add_argument_group(f"choices of {name}")
        for choice in choices(name).values():
            _add(group, choice)
    inputs.reading_options(parser)
    output = shared.output_options(parser, "coordnet-recipe")
    shared.graph_option(output)
    shared.other_options(parser)


def _add(group: Any, choice: Choice) -> None:
    """Add the option of a parameter; what is not given stays away."""
    required = choice.default is inspect.Parameter.empty
    told = choice.meaning
    if not required:
        default = choice.default
        if isinstance(default, bool):
            default = shared.SWITCHES[default]
        elif isinstance(default, tuple):
            default = ", ".join(map(str, default))
        told += f" (default: {'none' if default is None else default})"
    given: dict[str, Any] = {
        "dest": f"choice_{choice.name}", "default": argparse.SUPPRESS,
        "help": told.replace("%", "%%"),
    }  # fmt: skip
    if choice.kind is bool:
        given["action"] = BooleanOptionalAction
    else:
        kind = str if choice.kind is _array else choice.kind  # a file is read when it is needed
        given |= {"type": shared.reader(kind, choice.none), "required": required}
        given["metavar"] = "FILE.npy" if choice.kind is _array else "VALUE"
        if choice.many:
            given["action"] = "append"
    group.add_argument(f"--{choice.name.replace('_', '-')}", **given)


def run(options: argparse.Namespace) -> int:
    """List the methods, or run one and write its edges and clusters."""
    if options.name is None:
        _list(options.json)
        return 0
    if options.name in FROM_PYTHON:
        raise ParameterError(
            f"{options.name} takes or gives something else than a log and a graph, so it is called "
            f"from Python: coordnet.recipes.{options.name}."
        )
    one_of(options.name, [n for n in recipes.__all__ if n not in FROM_PYTHON], "NAME")
    method = recipe_named(options.name)
    values = {
        key.removeprefix("choice_"): value
        for key, value in vars(options).items()
        if key.startswith("choice_")
    }
    reading = Reading().over(options).checked()
    check_output(options.out)
    for choice in choices(options.name).values():
        if choice.kind is _array and values.get(choice.name) is not None:
            values[choice.name] = _array(values[choice.name])
    names = [p.name for p in _takes(options.name)]
    if "threads" in names:
        values["threads"] = options.threads
    if reading.kind:
        values |= {name: list(reading.kind) for name in _KINDS if name in names}
    with stage("reading"):
        log, _ = reading.read(options.threads)
    with stage(options.name):
        found = method(log, **values)
    clusters = found if isinstance(found, Clusters) else None
    graph: CoordinationGraph = found if clusters is None else found.layers.combined
    members = np.zeros(0, np.int32) if clusters is None else clusters.indices
    accounts = names_of(log, np.concatenate([graph.nodes, members]), options.identifiers)
    tables = {"edges.csv": graph.named(accounts[graph.nodes]).table()}
    if clusters is not None:
        tables["clusters.csv"] = clusters.table(accounts)
    facts = {
        "command": "recipes",
        "recipe": options.name,
        "citation": method.citation,
        "parameters": {n: v for n, v in values.items() if n != "threads" and _is_plain(v)},
        "edges": graph.n_edges,
        "accounts": graph.n_accounts,
        "clusters": None if clusters is None else len(clusters),
    }

    def draw(folder: Path) -> list[str]:
        if options.graph is None:
            return []
        name = f"graph.{options.graph}"
        graph.write(folder / name, clusters=clusters, identifiers=options.identifiers)
        return [name]

    files = write_folder(
        options.out, tables, facts, log=log, reading=reading, identifiers=options.identifiers,
        also=draw,
    )  # fmt: skip
    if options.json:
        say_json({**facts, "folder": options.out, "files": [str(file) for file in files]})
        return 0
    say(log, graph)
    if clusters is not None:
        clustered = several(len(np.unique(members)), "account")
        say(f"{several(len(clusters), 'cluster')} with {clustered}.")
        if len(clusters):
            sizes = [[str(i), f"{n:,}"] for i, n in enumerate(clusters.sizes[:20])]
            say("")
            say_table(["cluster", "accounts"], sizes)
            say_left(len(clusters))
    say("", "written:", *(f"  {file}" for file in files), "")
    say(f"Cite {facts['citation']}", wrap=True)
    say("")
    say("No edge was tested: 'coordnet compare' says what chance explains of them. " + CAUTION,
        wrap=True)  # fmt: skip
    return 0


def _is_plain(value: Any) -> bool:
    return not isinstance(value, np.ndarray | pa.Array)


def _list(as_json: bool) -> None:
    """Print every method with the work to cite."""
    told: dict[str, dict[str, Any]] = {
        name: {
            "what": (recipe_named(name).__doc__ or "").strip().split("\n")[0],
            "citation": getattr(recipe_named(name), "citation", None),
            "from_python_only": name in FROM_PYTHON,
        }
        for name in recipes.__all__
    }
    if as_json:
        say_json({"recipes": told})
        return
    for name, one in told.items():
        say(f"{name}{' (from Python only)' if one['from_python_only'] else ''}")
        for part in (one["what"], one["citation"]):
            if part:
                say(*textwrap.wrap(part, WIDTH, initial_indent="    ", subsequent_indent="    "))
