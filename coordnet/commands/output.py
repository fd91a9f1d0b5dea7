"""What commands print and leave: short words, tables below 100 columns, whole folders, JSON."""

from __future__ import annotations

import argparse
import os
import tempfile
import textwrap
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from coordnet.commands.reading import Reading
from coordnet.detection.manifest import PACKAGES, input_facts, installed
from coordnet.detection.run import REPORT, Run, ours
from coordnet.errors import MissingDependencyError, OutputError, ParameterError, cut, shown
from coordnet.export import (
    MANIFEST,
    check_folder,
    fingerprints,
    json_text,
    labels_out,
    whole_file,
    whole_folder,
    write_table,
)
from coordnet.log.actions import ActionLog
from coordnet.plural import several
from coordnet.progress import stage
from coordnet.report.words import finding
from coordnet.scores import ClusterScores
from coordnet.scores.table import text_table

CAUTION = (
    "A cluster is a set of accounts that acted together more than the rule allows. It is no "
    "verdict on any account, and coordination is not inauthenticity: fans, newsrooms and unions "
    "coordinate too."
)
WIDTH = 99  # of what is printed
CELL = 24  # of a table


def say(*blocks: object, wrap: bool = False) -> None:
    """Print the lines of each block: no label in them may move the cursor of a terminal."""
    for block in blocks:
        for text in str(block).split("\n"):
            line = cut(text, 4_096)
            print(textwrap.fill(line, WIDTH, break_on_hyphens=False) if wrap else line)


def say_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table below 100 columns: cells are cut, and columns that do not fit are left out."""
    cells = [[cut(cell, CELL) for cell in row] for row in (head, *rows)]
    while len(cells[0]) > 1 and len(text_table(cells[0], cells[1:])[0]) > WIDTH:
        cells = [row[:-1] for row in cells]
    say(*text_table(cells[0], cells[1:]))


def say_json(value: Mapping[str, Any]) -> None:
    """Print a value as JSON, in ASCII: what a terminal would obey is written out."""
    print(json_text(value), end="")


# -- where it may go ---------------------------------------------------------------------------


class _Trial(Exception):  # noqa: N818
    """Ends a trial of writing: what stood there is unchanged."""


def check_output(out: str, save: str | None = None, report: str | None = None) -> None:
    """Raise where the results could not be written, before hours of work rather than after.

    Parameters
    ----------
    out
        The folder.
    save, report
        Files beside it; empty or None where there is none.
    """
    goal = Path(os.path.realpath(out))
    check_folder(out, ours)
    try:
        above = next(folder for folder in goal.parents if folder.exists())
        with tempfile.TemporaryDirectory(prefix=".coordnet-", dir=above) as trial:
            Path(trial, goal.relative_to(above)).mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"{shown(out)} cannot be written: {error.strerror or error}.") from None
    for option, file, is_ours, kind in (
        ("--save", save, zipfile.is_zipfile, "run that coordnet saved"),
        ("--report", report, is_report, "report of coordnet's"),
    ):
        if not file or (option == "--report" and Path(os.path.realpath(file)) == goal / REPORT):
            continue
        if Path(os.path.realpath(file)).is_relative_to(goal):
            raise ParameterError(
                f"{option} {shown(file)} is inside the folder --out, which is replaced as a whole; "
                "choose another place."
            )
        check_file(file, is_ours, kind)


def check_file(file: str, is_ours: Callable[[Path], bool], kind: str) -> None:
    """Raise where a file cannot be written, or where one that is not ours stands in its place.

    Parameters
    ----------
    file
        The file.
    is_ours
        Whether one that is there may be replaced.
    kind
        What such a one is.
    """
    there = Path(file)
    if there.exists() and not there.is_dir() and not is_ours(there):
        raise OutputError(f"{shown(file)} is there and is no {kind}; choose another name.")
    with suppress(_Trial), whole_file(file):
        raise _Trial


def is_report(file: Path) -> bool:
    """Return whether a file is a page that coordnet made."""
    with file.open("rb") as opened:
        start = opened.read(4_096).lower()
    return start.lstrip().startswith(b"<!doctype html") and b"coordnet" in start


# -- a whole run -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Left:
    """What a run left: its files, its report, why there is none, and whether it replaced one."""

    files: list[Path]
    page: Path | None
    without: str
    replaced: bool


def leave_run(run: Run, options: argparse.Namespace, report: str | None) -> Left:
    """Write the files of a run.

    Parameters
    ----------
    run
        The run.
    options
        ``out``, ``identifiers``, ``all_edges``, ``graph`` and ``save``.
    report
        Where its report goes: empty for the folder; None for nowhere.
    """
    earlier = Path(options.out, MANIFEST).exists()
    with stage("writing"):
        files = run.write(
            options.out, identifiers=options.identifiers, all_edges=options.all_edges,
            graph=options.graph,
        )  # fmt: skip
        if options.save is not None:
            run.save(options.save)
            files.append(Path(options.save))
    page, without = None, ""
    if report is not None:
        page = Path(report or Path(options.out, REPORT))
        try:
            with stage("report"):
                files.append(run.report(page, identifiers=options.identifiers))
        except MissingDependencyError as error:
            page, without = None, str(error)
    return Left(files, page, without, earlier)


def tell_run(
    run: Run,
    options: argparse.Namespace,
    left: Left,
    more: Mapping[str, Any] | None = None,
    told: Sequence[str] = (),
) -> None:
    """Print what was found, short, and what was left.

    Parameters
    ----------
    run, left
        The run, and what :func:`leave_run` gave of it.
    options
        ``out`` and ``json``.
    more
        What a command adds to the JSON.
    told
        Lines to print at the end.
    """
    if options.json:
        say_json(
            {
                "finding": run.finding,
                "could_have_been_found": run.could_have_been_found,
                "asked": run.asked,
                "warning": run.warning,
                "suspects": run.suspects,
                "checks": run.checks,
                "clusters": _clusters(run),
                "folder": options.out,
                "files": [str(file) for file in left.files],
                "report": None if left.page is None else str(left.page),
                **(more or {}),
                "manifest": run.manifest,
            }
        )
        return
    _say_run(run)
    say("", "written:", *(f"  {file}" for file in left.files))
    if left.without:
        say(f"There is no report: {left.without}", wrap=True)
    elif left.page is not None:
        say(f"Open {left.page} in a browser to look at it.")
    if left.replaced:
        say(f"This replaced the results of an earlier run in {shown(options.out)}.")
    say("")
    say(CAUTION, wrap=True)
    if told:
        say("", *told)


def _clusters(run: Run) -> list[dict[str, Any]]:
    """Return a mapping for each cluster: its number, its size and its scores."""
    if run.scores is not None:
        rows: list[dict[str, Any]] = run.scores.table(parts=True).to_pylist()
        return rows
    return [{"cluster": i, "accounts": int(n)} for i, n in enumerate(run.clusters.sizes)]


def _say_run(run: Run) -> None:
    for line in run.warning:
        say(line, wrap=True)
    say(run.log)
    say(f"asked: {run.asked}", wrap=True)
    layers = zip(run.layers.names, run.layers, run.layers.levels, strict=True)
    for name, layer, level in layers:
        tested = "not tested" if level is None else f"level {level:g}"
        edges, accounts = several(layer.n_edges, "edge"), several(layer.n_accounts, "account")
        say(f"{name}: {edges} of {accounts}, {tested}")
    for note in run.notes:
        say(f"note: {note}", wrap=True)
    found = finding(run) if len(run.clusters) else [run.finding]
    for line in (*found, *run.could_have_been_found):
        say(line, wrap=True)
    for name, clauses in run.checks.items():
        for i, clause in enumerate(clauses):
            say(clause if i else f"{name}: {clause}", wrap=True)
    if not len(run.clusters):
        return
    say("")
    if run.scores is None:
        sizes = run.clusters.sizes[:MOST]
        say_table(["cluster", "accounts"], [[str(i), f"{n:,}"] for i, n in enumerate(sizes)])
        say_left(len(run.clusters))
    else:
        say_scores(run.scores)


MOST = 20  # rows of a table that is printed


def say_scores(scores: ClusterScores, given: Sequence[str] | None = None) -> None:
    """Print the short table of scores, each cluster under the name it was given, if it has one."""
    head, rows = scores.rows(MOST)
    if given is not None:
        head = [head[0], "given as", *head[1:]]
        rows = [[row[0], given[i], *row[1:]] for i, row in enumerate(rows)]
    say_table(head, rows)
    say_left(len(scores))


def say_left(n: int) -> None:
    """Say how many clusters are not printed."""
    if n > MOST:
        say(f"... and {several(n - MOST, 'more cluster')}")


# -- other results -----------------------------------------------------------------------------


def names_of(log: ActionLog, codes: NDArray[Any], identifiers: bool) -> NDArray[np.object_]:
    """Return the names under which accounts are written, by code; of others they are empty."""
    names = np.full(len(log.all_accounts), "", object)
    shown_ = np.unique(codes)
    own = log.all_accounts.labels.take(pa.array(shown_)).to_pylist()
    names[shown_] = labels_out(own, log.secret("pseudonyms"), identifiers)
    return names


def write_folder(
    folder: str,
    tables: Mapping[str, pa.Table],
    facts: Mapping[str, Any],
    *,
    log: ActionLog,
    reading: Reading,
    identifiers: bool,
    texts: Mapping[str, str] | None = None,
    also: Callable[[Path], Sequence[str]] = lambda _: (),
) -> list[Path]:
    """Write tables, texts and a manifest as a folder, whole or not at all, and return the files.

    Parameters
    ----------
    folder
        The folder.
    tables, texts
        By the names of their files.
    facts
        What the manifest says of the command.
    log, reading, identifiers
        What it says of the input and of what is written.
    also
        Writes further files into a folder and returns their names.
    """
    with stage("writing"), whole_folder(folder, ours) as goal:
        for name, table in tables.items():
            write_table(table, goal / name)
        for name, text in (texts or {}).items():
            (goal / name).write_text(text + "\n", encoding="utf-8", newline="\n")
        names = [*tables, *(texts or {}), *also(goal)]
        manifest = {
            "coordnet": metadata.version("coordnet"),
            **facts,
            "input": input_facts(log),
            "reading": reading.facts(),
            "packages": {name: installed(name) for name in PACKAGES},
            "export": {"identifiers": identifiers},
            "files": fingerprints(goal),
        }
        (goal / MANIFEST).write_text(json_text(manifest), encoding="utf-8", newline="\n")
    return [Path(folder) / name for name in [*names, MANIFEST]]


def write_plain(table: pa.Table, path: str | os.PathLike[str]) -> None:
    """Write a table of simulated data to .csv or .parquet as it is: it is to be read again."""
    with whole_file(path) as temporary:
        if Path(path).suffix.lower() == ".parquet":
            pa.parquet.write_table(table, temporary)
        else:
            pa.csv.write_csv(table, temporary)
