"""The command line: thin over :mod:`coordnet.detection`."""

from __future__ import annotations

import argparse
import io
import logging
import sys
import warnings
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import numpy as np

from coordnet.clusters.communities import METHODS
from coordnet.detection.detect import detect, detect_from
from coordnet.detection.run import Run
from coordnet.errors import CoordnetError, CoordnetWarning
from coordnet.log.actions import ActionLog
from coordnet.readers import read_actions
from coordnet.scores.table import text_table
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
    rule = detect.add_argument_group("detection")
    rule.add_argument(
        "--within",
        action="append",
        metavar="DURATION",
        help="window (60s); repeat it for several, which share the level",
    )
    rule.add_argument("--co-timing", metavar="DURATION", help="add co-timing within this window")
    rule.add_argument(
        "--fdr",
        type=_rate,
        default=0.05,
        metavar="RATE",
        help='level of error (0.05); "none" tests nothing and keeps counts of --min-weight',
    )
    rule.add_argument("--null", choices=("activity", "timing", "both"), default="both")
    rule.add_argument("--strata", metavar="STRATA", help="1h, 1d, hour_of_day or hour_of_week")
    rule.add_argument(
        "--background",
        metavar="FILE",
        action="append",
        help="actions of accounts not under suspicion, in the same columns",
    )
    rule.add_argument("--no-groups", action="store_true", help="look at pairs only")
    rule.add_argument("--weight", choices=("objects", "pairs"), default="objects")
    rule.add_argument("--min-weight", type=int, default=2, metavar="N", help="of an edge (2)")
    rule.add_argument("--method", choices=tuple(METHODS), default="leiden")
    rule.add_argument("--resolution", type=float, default=1.0, metavar="R")
    rule.add_argument("--min-size", type=int, default=3, metavar="N", help="of a cluster (3)")
    rule.add_argument(
        "--null-runs", type=int, default=0, metavar="N", help="rerun on N dealt, N profiled logs"
    )
    rule.add_argument(
        "--confirm", action="store_true", help="test what the first half shows in the second"
    )
    known = detect.add_argument_group("scores")
    known.add_argument("--text", metavar="COLUMN", help="text of the action")
    known.add_argument(
        "--accounts",
        metavar="FILE",
        help="table of accounts: account, created_at, handle, name, language, time_zone, ...",
    )
    known.add_argument("--before", metavar="DATE", help="share created in the weeks before it")
    known.add_argument(
        "--moment",
        nargs=3,
        action="append",
        default=[],
        metavar=("NAME", "START", "END"),
        help="a key moment; repeat it for several",
    )
    known.add_argument(
        "--stability",
        type=int,
        default=0,
        metavar="N",
        help="find the clusters again, with N seeds and in N bootstrap samples",
    )
    _common(detect, "coordnet-out")

    demo = commands.add_parser("demo", help="simulate a small election campaign and look for it")
    demo.set_defaults(run=_demo)
    demo.add_argument("--scenario", choices=tuple(SCENARIOS), default="campaign")
    demo.add_argument("--accounts", type=int, default=4_000, metavar="N")
    _common(demo, "coordnet-demo")
    return parser


def _common(parser: argparse.ArgumentParser, folder: str) -> None:
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--out", default=folder, metavar="FOLDER", help=f"({folder})")
    parser.add_argument(
        "--identifiers", action="store_true", help="write account labels, not pseudonyms"
    )
    parser.add_argument("--all-edges", action="store_true", help="write edges outside clusters too")
    parser.add_argument("--threads", type=int, metavar="N", help="(all processors)")
    parser.add_argument("--verbose", action="store_true", help="say what is done")


def _rate(text: str) -> float | None:
    return None if text.lower() == "none" else float(text)


def _detect(options: argparse.Namespace) -> None:
    def read(files: list[str]) -> ActionLog:
        log = read_actions(
            files, account=options.account, object=options.object, time=options.time,
            kind=options.kind, content=options.content, text=options.text, unit=options.unit,
            time_format=options.time_format, on_bad=options.on_bad, threads=options.threads,
        )  # fmt: skip
        return log.select(options.select) if options.select else log

    run = detect_from(
        lambda: read(options.files), options.within or "60s", co_timing=options.co_timing,
        fdr=options.fdr, null=options.null, strata=options.strata,
        background=read(options.background) if options.background else None,
        groups=not options.no_groups, weight=options.weight, min_weight=options.min_weight,
        method=options.method, resolution=options.resolution, min_size=options.min_size,
        seed=options.seed, null_runs=options.null_runs, confirm=options.confirm,
        known={
            "accounts": options.accounts, "before": options.before,
            "moments": {name: (start, end) for name, start, end in options.moment},
            "stability": options.stability,
        },
        threads=options.threads,
    )  # fmt: skip
    _report(run, options)


def _report(run: Run, options: argparse.Namespace) -> None:
    """Write the files and print the short table."""
    files = run.write(options.out, identifiers=options.identifiers, all_edges=options.all_edges)
    print(run.graph.log)
    print(run.graph)
    print(run.scores)
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
    log = run.graph.log
    rows: list[list[str]] = []
    for name, labels in sim.truth.groups.items():
        members = log.codes_of(labels, missing="ignore")
        shared = [
            len(np.intersect1d(run.clusters.members(i), members)) for i in range(len(run.clusters))
        ]
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
