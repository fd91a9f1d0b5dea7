"""The command line: thin over :mod:`coordnet.detection`, its options those of the configuration."""

from __future__ import annotations

import argparse
import io
import logging
import sys
import warnings
from collections.abc import Sequence
from dataclasses import fields
from importlib import metadata
from typing import Any

import numpy as np

from coordnet.detection.detect import detect, detect_from
from coordnet.detection.run import Run
from coordnet.errors import CoordnetError, CoordnetWarning
from coordnet.log.actions import ActionLog
from coordnet.readers.tables import read_actions
from coordnet.scores.table import text_table
from coordnet.search.configuration import Configuration, configured
from coordnet.simulation.evaluation import evaluate
from coordnet.simulation.scenarios import SCENARIOS, simulate
from coordnet.simulation.truth import Simulation

CAUTION = (
    "A cluster is a set of accounts that acted together more than the rule allows. It is no "
    "verdict on any account,\nand coordination is not inauthenticity: fans, newsrooms and unions "
    "coordinate too."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0, 1 for an error, 2 for wrong usage."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a kind or file that the terminal cannot show
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING, format="%(message)s"
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", CoordnetWarning)
            warnings.showwarning = _show_warning
            options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the pipe went away: there is nobody to say it to
        return 1
    except CoordnetError as error:
        return _fail(" ".join(str(error).split()))
    except MemoryError:
        return _fail("there is not enough memory; use a shorter window or a higher --min-weight.")
    except OSError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        _fail("stopped.")
        return 130
    return 0


def _fail(message: str) -> int:
    print(f"coordnet: error: {message}", file=sys.stderr)
    return 1


def _show_warning(message: Any, *_: Any, **__: Any) -> None:
    print(f"coordnet: warning: {message}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="coordnet",
        description="Which groups of accounts act together, more than chance can explain?",
    )
    parser.add_argument("--version", action="version", version=metadata.version("coordnet"))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    detect = commands.add_parser("detect", help="find and score clusters in tables of actions")
    detect.set_defaults(run=_detect)
    detect.add_argument("files", nargs="+", metavar="FILE", help=".csv .tsv .jsonl .parquet (.gz)")
    columns = detect.add_argument_group("columns")
    for role, text in (
        ("account", "who acted"),
        ("object", "on what: a retweeted post, a URL, a hashtag, ..."),
        ("time", "when"),
    ):
        columns.add_argument(f"--{role}", required=True, metavar="COLUMN", help=text)
    columns.add_argument("--kind", metavar="COLUMN", help="kind of action")
    columns.add_argument("--content", metavar="COLUMN", help="id of the post that is the action")
    columns.add_argument("--select", metavar="KIND", action="append", help="use only this kind")
    columns.add_argument(
        "--unit", choices=("s", "ms", "us", "ns"), help="of times that are numbers"
    )
    columns.add_argument("--time-format", metavar="FORMAT", help="strptime format of the times")
    columns.add_argument(
        "--on-bad", choices=("error", "drop"), default="error", help="times that cannot be read"
    )
    groups = _add_configuration(detect)
    groups["detection"].add_argument(
        "--background",
        metavar="FILE",
        action="append",
        help="actions of accounts not under suspicion, in the same columns",
    )
    groups["scores"].add_argument("--text", metavar="COLUMN", help="text of the action")
    groups["scores"].add_argument(
        "--accounts",
        metavar="FILE",
        help="table of accounts: account, created_at, handle, name, language, time_zone, ...",
    )
    _common(detect, "coordnet-out")

    demo = commands.add_parser("demo", help="simulate a small election campaign and look for it")
    demo.set_defaults(run=_demo)
    demo.add_argument("--scenario", choices=tuple(SCENARIOS), default="campaign")
    demo.add_argument("--accounts", type=int, default=4_000, metavar="N")
    demo.add_argument("--seed", type=int, default=0, metavar="N")
    _common(demo, "coordnet-demo")
    return parser


def _add_configuration(parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Add an option for each field of the configuration and return the groups they stand in."""
    groups: dict[str, Any] = {}
    for declared in fields(Configuration):
        shown = declared.metadata
        group = groups.setdefault(shown["group"], parser.add_argument_group(shown["group"]))
        flag, default = declared.name.replace("_", "-"), declared.default
        given: dict[str, Any] = {"dest": declared.name, "default": argparse.SUPPRESS}
        meaning = shown["meaning"].replace("%", "%%")
        if shown["kind"] is bool:
            switch = "store_false" if default else "store_true"
            name = f"--no-{flag}" if default else f"--{flag}"
            group.add_argument(name, action=switch, help=meaning, **given)
            continue
        if declared.name == "within":
            given |= {"action": "append"}
        elif declared.name == "moments":
            flag, default = "moment", None
            given |= {"action": "append", "nargs": 3}
        elif shown["choices"]:
            given |= {"choices": shown["choices"]}
        else:
            given |= {"type": _number if shown["kind"] is float else shown["kind"]}
        metavar = shown["metavar"]
        if metavar:
            given["metavar"] = tuple(metavar.split()) if " " in metavar else metavar
        if default is not None:
            meaning += f" (default: {default})"
        group.add_argument(f"--{flag}", help=meaning, **given)
    return groups


def _configuration(options: argparse.Namespace) -> Configuration:
    """Return the configuration that the options say."""
    names = {declared.name for declared in fields(Configuration)}
    given = {name: value for name, value in vars(options).items() if name in names}
    if "moments" in given:
        given["moments"] = {name: (start, end) for name, start, end in given["moments"]}
    return configured(None, given)


def _number(text: str) -> float | None:
    return None if text.lower() == "none" else float(text)


def _common(parser: argparse.ArgumentParser, folder: str) -> None:
    parser.add_argument("--out", default=folder, metavar="FOLDER", help=f"({folder})")
    parser.add_argument(
        "--identifiers", action="store_true", help="write account labels, not pseudonyms"
    )
    parser.add_argument("--all-edges", action="store_true", help="write edges outside clusters too")
    parser.add_argument("--threads", type=int, metavar="N", help="(all processors)")
    parser.add_argument("--verbose", action="store_true", help="say what is done")


def _detect(options: argparse.Namespace) -> None:
    def read(files: list[str]) -> ActionLog:
        log = read_actions(
            files, account=options.account, object=options.object, time=options.time,
            kind=options.kind, content=options.content, text=options.text, unit=options.unit,
            time_format=options.time_format, on_bad=options.on_bad, threads=options.threads,
        )  # fmt: skip
        return log.select(options.select) if options.select else log

    run = detect_from(
        lambda: read(options.files), _configuration(options),
        background=read(options.background) if options.background else None,
        accounts=options.accounts, threads=options.threads,
    )  # fmt: skip
    _report(run, options)


def _report(run: Run, options: argparse.Namespace) -> None:
    """Write the files and print the short table."""
    files = run.write(options.out, identifiers=options.identifiers, all_edges=options.all_edges)
    print(run.log)
    for layer in run.layers:
        print(layer)
    print(run.clusters if run.scores is None else run.scores)
    print(f"\n{CAUTION}\n\nwritten: {', '.join(map(str, files))}")


def _demo(options: argparse.Namespace) -> None:
    sim = simulate(options.scenario, accounts=options.accounts, seed=options.seed)
    run = detect(sim.log, seed=options.seed, threads=options.threads)
    _report(run, options)
    print()
    for line in _planted_and_found(sim, run):
        print(line)


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
