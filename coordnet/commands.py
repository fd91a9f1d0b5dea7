"""The commands `detect` and `demo`: thin over :mod:`coordnet.detection`.

The options of `detect` are those of the configuration, so that a choice stands in one place.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
import textwrap
import zipfile
import zlib
from argparse import BooleanOptionalAction
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from coordnet.detection.detect import detect, detect_from
from coordnet.detection.run import GRAPH_FORMATS, Run, ours
from coordnet.errors import CoordnetError, InputError, OutputError, ParameterError, cut, shown
from coordnet.export import MANIFEST, check_folder, whole_file
from coordnet.log.actions import ActionLog
from coordnet.readers.tables import read_actions
from coordnet.scores.table import text_table
from coordnet.search.configuration import Configuration, configured
from coordnet.simulation.evaluation import evaluate
from coordnet.simulation.scenarios import SCENARIOS, simulate
from coordnet.simulation.truth import Simulation

CAUTION = (
    "A cluster is a set of accounts that acted together more than the rule allows. It is no "
    "verdict on any account, and coordination is not inauthenticity: fans, newsrooms and unions "
    "coordinate too."
)
WIDTH = 99  # of what is printed


def add_options(parser: argparse.ArgumentParser, command: str) -> None:
    """Add to the parser of a command what it takes, and under ``run`` what it does."""
    (_detect_options if command == "detect" else _demo_options)(parser)


# -- options -----------------------------------------------------------------------------------


def _detect_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_detect)
    parser.usage = (
        "coordnet detect FILE [FILE ...] --account COLUMN --object COLUMN --time COLUMN [options]"
    )
    needed = parser.add_argument_group("required")
    needed.add_argument(
        "files", nargs="+", metavar="FILE", help="Tables of actions: .csv .tsv .jsonl .parquet "
        "or their .gz, or a glob.",
    )  # fmt: skip
    needed.add_argument("--account", required=True, metavar="COLUMN", help="Who acted.")
    needed.add_argument(
        "--object", required=True, metavar="COLUMN", action="append",
        help="On what: a retweeted post, a URL, a hashtag, ... May be repeated: each column is "
        "then a kind of action.",
    )  # fmt: skip
    needed.add_argument("--time", required=True, metavar="COLUMN", help="When.")
    reading = parser.add_argument_group("reading")
    reading.add_argument("--kind", metavar="COLUMN", help="Kind of action.")
    reading.add_argument(
        "--select", metavar="KIND", action="append",
        help="Use only actions of this kind. May be repeated.",
    )  # fmt: skip
    reading.add_argument("--post", metavar="COLUMN", help="Id of the post that is the action.")
    reading.add_argument(
        "--unit", choices=("s", "ms", "us", "ns"),
        help="Unit of times that are numbers (default: told by their size).",
    )  # fmt: skip
    reading.add_argument("--time-format", metavar="FORMAT", help="strptime format of the times.")
    reading.add_argument(
        "--on-bad", choices=("error", "drop"), default="error",
        help="What to do with a time that cannot be read (default: error).",
    )  # fmt: skip
    groups = _add_configuration(parser)
    groups["detection"].add_argument(
        "--background", metavar="FILE", action="append",
        help="Actions of accounts that are not under suspicion, in the same columns. May be "
        "repeated.",
    )  # fmt: skip
    groups["detection"].add_argument(
        "--config", metavar="FILE",
        help="A .toml file of choices of detection, robustness and scores, by their names in "
        "coordnet.Configuration. Options that are given too replace its own.",
    )  # fmt: skip
    groups["scores"].add_argument("--text", metavar="COLUMN", help="Text of the action.")
    groups["scores"].add_argument(
        "--accounts", metavar="FILE",
        help="Table of accounts: account, created_at, handle, name, language, time_zone, ...",
    )  # fmt: skip
    _output_options(parser, "coordnet-out")


def _demo_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_demo)
    parser.usage = "coordnet demo [options]"
    simulation = parser.add_argument_group("simulation")
    simulation.add_argument(
        "--scenario", choices=tuple(SCENARIOS), default="campaign", metavar="NAME",
        help=f"What is simulated (default: campaign). One of {', '.join(SCENARIOS)}.",
    )  # fmt: skip
    simulation.add_argument(
        "--accounts", type=int, default=4_000, metavar="N",
        help="How many accounts (default: 4000).",
    )  # fmt: skip
    simulation.add_argument(
        "--seed", type=int, default=0, metavar="N",
        help="The only source of randomness (default: 0).",
    )  # fmt: skip
    _output_options(parser, "coordnet-demo")


def _output_options(parser: argparse.ArgumentParser, folder: str) -> None:
    output = parser.add_argument_group("output")
    output.add_argument(
        "--out", default=folder, metavar="FOLDER",
        help="Folder of the results. Results of an earlier run in it are replaced as a whole "
        f"(default: {folder}).",
    )  # fmt: skip
    output.add_argument(
        "--identifiers", action="store_true", help="Write account labels, not pseudonyms."
    )
    output.add_argument(
        "--all-edges", action="store_true", help="Write edges outside of clusters too."
    )
    output.add_argument(
        "--graph", choices=GRAPH_FORMATS, help="Write the edges as such a file too, for Gephi "
        "and the like.",
    )  # fmt: skip
    output.add_argument(
        "--save", metavar="FILE", help="Save the whole run for coordnet.load, account labels "
        "included.",
    )  # fmt: skip
    other = parser.add_argument_group("other")
    other.add_argument(
        "--threads", type=int, metavar="N", help="Number of threads (default: all processors)."
    )
    other.add_argument("--verbose", action="store_true", help="Say what is done.")
    other.add_argument("-h", "--help", action="help", help="Show this text.")


def _add_configuration(parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Add an option for each field of the configuration and return the groups they stand in."""
    groups: dict[str, Any] = {}
    for declared in fields(Configuration):
        shape = declared.metadata
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
            given |= {"choices": shape["choices"]}
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
    for other in fields(Configuration):
        if "_" in other.name:
            meaning = meaning.replace(other.name, f"--{other.name.replace('_', '-')}")
    if declared.name in ("within", "moments"):
        meaning += " May be repeated."
    if declared.metadata["kind"] is bool:
        meaning += f" (default: {'yes' if declared.default else 'no'})"
    elif declared.name != "moments" and "by default" not in meaning:
        default = declared.default
        meaning += f" (default: {'none' if default is None else default})"
    return meaning.replace("%", "%%")


def _reader(declared: Field[Any]) -> Callable[[str], Any]:
    """Return what reads the text of an option; "none" is None where the field takes it."""
    kind = declared.metadata["kind"]

    def read(text: str) -> Any:
        if text.lower() == "none" and "None" in str(declared.type):
            return None
        return kind(text)

    read.__name__ = kind.__name__  # as argparse names it: invalid float value
    return read


def _configuration(options: argparse.Namespace) -> Configuration:
    """Return the configuration that the options say."""
    names = {declared.name for declared in fields(Configuration)}
    given = {name: value for name, value in vars(options).items() if name in names}
    if "within" in given:
        given["within"] = _windows(given["within"])
    if "moments" in given:
        given["moments"] = {name: (start, end) for name, start, end in given["moments"]}
    base = None if options.config is None else Configuration.read(options.config)
    return configured(base, given)


def _windows(given: list[str]) -> list[str | dict[str, str]]:
    """Return the windows that ``--within`` says; all of the form KIND=DURATION make one."""
    windows: list[str | dict[str, str]] = []
    by_kind: dict[str, str] = {}
    for text in given:
        kind, equals, one = text.rpartition("=")
        if not equals:
            windows.append(text)
            continue
        if kind in by_kind:
            raise ParameterError(f"--within has two windows for the kind {shown(kind)}.")
        if not by_kind:
            windows.append(by_kind)
        by_kind[kind] = one
    return windows


# -- what the commands do ----------------------------------------------------------------------


def _detect(options: argparse.Namespace) -> None:
    config = _configuration(options)
    objects = options.object[0] if len(options.object) == 1 else options.object
    _check_output(options)

    def read(files: list[str]) -> ActionLog:
        with _reading():
            log = read_actions(
                files, account=options.account, object=objects, time=options.time,
                kind=options.kind, post=options.post, text=options.text, unit=options.unit,
                time_format=options.time_format, on_bad=options.on_bad, threads=options.threads,
            )  # fmt: skip
        return log.select(options.select) if options.select else log

    run = detect_from(
        lambda: read(options.files), config,
        background=read(options.background) if options.background else None,
        accounts=options.accounts, threads=options.threads,
    )  # fmt: skip
    _report(run, options)


@contextmanager
def _reading(name: str = "the input") -> Iterator[None]:
    """Turn what the libraries under the readers raise of bad data into errors of one line."""
    try:
        yield
    except (MemoryError, CoordnetError):  # which may be errors of Arrow or of the system too
        raise
    except (
        EOFError,
        UnicodeError,
        zlib.error,
        csv.Error,
        pa.ArrowException,
        duckdb.Error,
    ) as error:
        name = name if name == "the input" else shown(name)
        raise InputError(f"{name} cannot be read ({type(error).__name__}): {error}") from error
    except RuntimeError as error:
        if str(error) == "Query interrupted":  # what DuckDB makes of Ctrl-C
            raise KeyboardInterrupt from error
        raise


def _check_output(options: argparse.Namespace) -> None:
    """Raise where the results could not be written, before hours of work rather than after."""
    out = Path(os.path.realpath(options.out))
    check_folder(options.out, ours)
    try:
        above = next(folder for folder in out.parents if folder.exists())
        with tempfile.TemporaryDirectory(prefix=".coordnet-", dir=above) as trial:
            Path(trial, out.relative_to(above)).mkdir(parents=True)
    except OSError as error:
        raise OutputError(
            f"{shown(options.out)} cannot be written: {error.strerror or error}."
        ) from None
    if options.save is None:
        return
    save = Path(os.path.realpath(options.save))
    if save.is_relative_to(out):
        raise ParameterError(
            f"--save {shown(options.save)} is inside the folder --out, which is replaced as a "
            "whole; choose another place."
        )
    if save.exists() and not save.is_dir() and not zipfile.is_zipfile(save):
        raise OutputError(
            f"{shown(options.save)} is there and is no run that coordnet saved; choose another "
            "name."
        )
    with suppress(_Trial), whole_file(options.save):
        raise _Trial


class _Trial(Exception):  # noqa: N818
    """Ends a trial of writing: what stood there is unchanged."""


def _report(run: Run, options: argparse.Namespace) -> None:
    """Write the files and print what was found, short."""
    earlier = Path(options.out, MANIFEST).exists()
    files = run.write(
        options.out, identifiers=options.identifiers, all_edges=options.all_edges,
        graph=options.graph,
    )  # fmt: skip
    if options.save is not None:
        run.save(options.save)
        files.append(Path(options.save))
    for said in run.suspects:
        _print(said, wrap=True)
    _print(run.log)
    layers = zip(run.layers.names, run.layers, run.layers.levels, strict=True)
    for name, layer, level in layers:
        tested = "not tested" if level is None else f"level {level:g}"
        _print(f"{name}: {layer.n_edges:,} edges of {layer.n_accounts:,} accounts, {tested}")
        for note in layer.tested.notes if layer.tested is not None and not run.suspects else ():
            _print(f"note: {note}", wrap=True)
    for said in (run.finding, *run.could_have_been_found):
        _print(said, wrap=True)
    if len(run.clusters):
        _print("", *_table(run))
    _print("", "written:", *(f"  {file}" for file in files))
    if earlier:
        _print(f"This replaced the results of an earlier run in {shown(options.out)}.")
    _print("")
    _print(CAUTION, wrap=True)


def _table(run: Run, most: int = 20) -> list[str]:
    """Return the lines of a short table of the first clusters."""
    if run.scores is None:
        head, rows = ["cluster", "accounts"], []
        for i, size in enumerate(run.clusters.sizes[:most]):
            rows.append([str(i), f"{size:,}"])
    else:
        head, rows = run.scores.rows(most)
    left = len(run.clusters) - len(rows)
    return [*text_table(head, rows), *([f"... and {left:,} more clusters"] if left else [])]


def _print(*blocks: object, wrap: bool = False) -> None:
    """Print the lines of each block: no label in them may move the cursor of a terminal."""
    for block in blocks:
        for text in str(block).split("\n"):
            line = cut(text, 4_096)
            print(textwrap.fill(line, WIDTH, break_on_hyphens=False) if wrap else line)


def _demo(options: argparse.Namespace) -> None:
    _check_output(options)
    sim = simulate(options.scenario, accounts=options.accounts, seed=options.seed)
    run = detect(sim.log, seed=options.seed, threads=options.threads)
    _report(run, options)
    _print("", *_planted_and_found(sim, run))


def _planted_and_found(sim: Simulation, run: Run) -> list[str]:
    """Return what was planted beside what was found, as the lines of a table."""
    log = run.log
    rows: list[list[str]] = []
    for name, labels in sim.truth.groups.items():
        members = log.codes_of(labels, missing="ignore")
        shared = [len(np.intersect1d(cluster.codes, members)) for cluster in run.clusters]
        found = ["-", "-", "-"]
        if any(shared):
            best = int(np.argmax(shared))
            others = int(run.clusters.sizes[best]) - shared[best]
            found = [str(best), str(shared[best]), str(others)]
        rows.append([name, str(len(labels)), *found])
    result = evaluate(run.clusters, sim.truth)
    return [
        f"planted in the simulated {sim.scenario} beside what was found:",
        *text_table(["planted", "accounts", "cluster", "members in it", "others in it"], rows),
        f"pairs of accounts: precision {result.pair_precision:.3f}, "
        f"recall {result.pair_recall:.3f}",
    ]
