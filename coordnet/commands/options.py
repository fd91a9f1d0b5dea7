"""Options that commands share, and how help is laid out."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from argparse import BooleanOptionalAction
from collections.abc import Callable, Collection, Sequence
from dataclasses import Field, fields
from typing import Any

from coordnet.detection.run import GRAPH_FORMATS
from coordnet.errors import ParameterError, shown
from coordnet.search.configuration import Configuration, configured

WIDEST = 100  # columns of a help text
GRAPHS = {"gexf": "for Gephi", "graphml": "for Gephi, igraph, networkx, Cytoscape"}
SWITCHES = {True: "yes", False: "no"}


class WrongUsage(Exception):  # noqa: N818
    """A command was given what it cannot be given; told in two lines, with the usage."""


class Help(argparse.HelpFormatter):
    """Help of sensible width, in which line breaks are kept: each choice stands on its own."""

    def __init__(self, prog: str) -> None:
        width = min(shutil.get_terminal_size((WIDEST, 24)).columns - 2, WIDEST)
        super().__init__(prog, max_help_position=26, width=width)

    def _split_lines(self, text: str, width: int) -> list[str]:
        lines = []
        for line in text.split("\n"):
            hanging = "    " if line.startswith("  ") else ""
            lines += textwrap.wrap(
                line, max(width, 20), subsequent_indent=hanging, break_on_hyphens=False
            )
        return lines

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in text.split("\n"))


def explained(meaning: str, choices: dict[str, str], default: str | None = None) -> str:
    """Return a help text with half a sentence on each choice, a line each."""
    told = meaning if default is None else f"{meaning} (default: {default})"
    return "\n".join([told, *(f"  {name}: {what}" for name, what in choices.items())])


# -- choices of a run --------------------------------------------------------------------------


def configuration_options(
    parser: argparse.ArgumentParser, only: Collection[str] | None = None
) -> dict[str, Any]:
    """Add an option for each field of the configuration and return the groups they stand in."""
    groups: dict[str, Any] = {}
    for declared in fields(Configuration):
        shape = declared.metadata
        if only is not None and declared.name not in only:
            continue
        if shape["group"] not in groups:
            groups[shape["group"]] = parser.add_argument_group(shape["group"])
        flag = declared.name.replace("_", "-")
        given: dict[str, Any] = {"dest": declared.name, "default": argparse.SUPPRESS}
        if shape["kind"] is bool:
            given |= {"action": BooleanOptionalAction}
        elif declared.name == "within":
            given |= {"action": "append"}
        elif declared.name == "moments":
            flag = "moment"
            given |= {"action": "append", "nargs": 3}
        elif shape["choices"]:
            given |= {"choices": tuple(shape["choices"]), "metavar": flag.upper()}
        else:
            given |= {"type": _reader(declared)}
        metavar = shape["metavar"]
        if metavar:
            given["metavar"] = tuple(metavar.split()) if " " in metavar else metavar
        groups[shape["group"]].add_argument(f"--{flag}", help=_meaning(declared), **given)
    return groups


def _meaning(declared: Field[Any]) -> str:
    """Return what a field means and its default, in the words of the command line."""
    meaning: str = declared.metadata["meaning"].replace("None", "none")
    meaning = meaning.replace("accounts=", "--accounts")
    for other in fields(Configuration):
        if "_" in other.name:
            meaning = meaning.replace(other.name, f"--{other.name.replace('_', '-')}")
    if declared.name in ("within", "moments"):
        meaning += " May be repeated."
    default = None
    if declared.metadata["kind"] is bool:
        default = SWITCHES[bool(declared.default)]
    elif declared.name != "moments" and "by default" not in meaning:
        default = "none" if declared.default is None else str(declared.default)
    return explained(meaning, declared.metadata["choices"], default).replace("%", "%%")


def _reader(declared: Field[Any]) -> Callable[[str], Any]:
    """Return what reads the text of an option; "none" is None where the field takes it."""
    return reader(declared.metadata["kind"], "None" in str(declared.type))


def reader(kind: Callable[[str], Any], none: bool) -> Callable[[str], Any]:
    """Return what reads a text as a value of a kind, and "none" as None where that is a value."""

    def read(text: str) -> Any:
        return None if none and text.lower() == "none" else kind(text)

    read.__name__ = kind.__name__  # as argparse names it: invalid float value
    return read


def configuration(options: argparse.Namespace, base: Configuration | None = None) -> Configuration:
    """Return the configuration that the options say, over another."""
    names = {declared.name for declared in fields(Configuration)}
    given = {name: value for name, value in vars(options).items() if name in names}
    if "within" in given:
        given["within"] = windows(given["within"])
    if "moments" in given:
        given["moments"] = {name: (start, end) for name, start, end in given["moments"]}
    return configured(base, given)


def windows(given: Sequence[str]) -> list[str | dict[str, str]]:
    """Return the windows that ``--within`` says; all of the form KIND=DURATION make one."""
    found: list[str | dict[str, str]] = []
    by_kind: dict[str, str] = {}
    for text in given:
        kind, equals, one = text.rpartition("=")
        if not equals:
            found.append(text)
            continue
        if kind in by_kind:
            raise ParameterError(f"--within has two windows for the kind {shown(kind)}.")
        if not by_kind:
            found.append(by_kind)
        by_kind[kind] = one
    return found


# -- where results go --------------------------------------------------------------------------


def output_options(parser: argparse.ArgumentParser, folder: str) -> Any:
    """Add where the results go and under what names, and return the group."""
    output = parser.add_argument_group("output")
    output.add_argument(
        "--out", metavar="FOLDER", default=folder,
        help="Folder of the results. Results of an earlier run in it are replaced as a whole "
        f"(default: {folder}).",
    )  # fmt: skip
    output.add_argument(
        "--identifiers", action="store_true",
        help="Write the accounts' own labels, not pseudonyms.",
    )  # fmt: skip
    json_option(output)
    return output


def json_option(group: Any) -> None:
    """Add the option for results that a program reads."""
    group.add_argument(
        "--json", action="store_true",
        help="Print the result as JSON, and nothing else on the standard output.",
    )  # fmt: skip


def run_options(output: Any, report: str | None) -> None:
    """Add what else a whole run leaves.

    Parameters
    ----------
    output
        The group.
    report
        What is said of the report; None where it is not asked for but always left.
    """
    output.add_argument(
        "--all-edges", action="store_true",
        help="Write the edges outside of clusters too. Each is a statement about two people.",
    )  # fmt: skip
    graph_option(output)
    if report is not None:
        output.add_argument("--report", metavar="FILE", nargs="?", const="", help=report)
    output.add_argument(
        "--save", metavar="FILE",
        help="Save the whole run for coordnet.load and 'coordnet report', account labels included.",
    )  # fmt: skip


def graph_option(output: Any) -> None:
    """Add the option for a graph file."""
    output.add_argument(
        "--graph", choices=GRAPH_FORMATS, metavar="FORMAT",
        help=explained("Write the edges as such a file too.", GRAPHS),
    )  # fmt: skip


def other_options(
    parser: argparse.ArgumentParser, *, threads: bool = True, memory: bool = False
) -> None:
    """Add what every command has."""
    other = parser.add_argument_group("other")
    if memory:
        other.add_argument(
            "--memory", metavar="SIZE",
            help='Memory that edges and their tests may take, such as "2GB"; what is more stands '
            "on disk (default: three quarters of what is free, and nothing on disk but beside a "
            "store).",
        )  # fmt: skip
    if threads:
        other.add_argument(
            "--threads", type=int, metavar="N", help="Number of threads (default: all processors)."
        )
    other.add_argument("--verbose", action="store_true", help="Say what is done.")
    other.add_argument("-h", "--help", action="help", help="Show this text.")
