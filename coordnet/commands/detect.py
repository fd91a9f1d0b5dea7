"""`coordnet detect`: find and score the clusters of a log; also a run that was done before."""

from __future__ import annotations

import argparse
import json
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coordnet.commands import options as shared
from coordnet.commands import reading as inputs
from coordnet.commands.output import check_output, leave_run, tell_run
from coordnet.commands.reading import Reading
from coordnet.detection.detect import detect_from
from coordnet.detection.run import GRAPH_FORMATS, REPORT
from coordnet.errors import InputError, ParameterError, listed, shown
from coordnet.export import MANIFEST, fingerprint
from coordnet.log.actions import ActionLog
from coordnet.search.configuration import Configuration, configured

USAGE = f"FILE [FILE ...] {inputs.USAGE} [options]"
EXAMPLES = (
    "detect actions.csv --account account --object object --time time",
    "detect actions.csv --account account --object object --time time --kind-column kind "
    "--kind retweet --kind url --within retweet=60s --within url=10min --report "
    "--save run.coordnet",
    "detect tweets.jsonl --format auto --kind retweet --within 60s",
    "detect --like coordnet-out/manifest.json",
)
OUT, AGAIN = "coordnet-out", "coordnet-again"


def add_options(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Add what the command takes."""
    inputs.required_options(parser)
    inputs.reading_options(parser)
    groups = shared.configuration_options(parser)
    inputs.background_option(groups["detection"])
    inputs.knowledge_options(groups["scores"])
    earlier = parser.add_argument_group("a run from a file")
    earlier.add_argument(
        "--config", metavar="FILE",
        help="A .toml file of choices of detection, robustness and scores by their names in "
        "coordnet.Configuration, and in a table [reading] of FILE (files) and the options of "
        "reading. Options that are given too replace its own.",
    )  # fmt: skip
    earlier.add_argument(
        "--like", metavar="MANIFEST",
        help="The manifest.json of an earlier run: do it again from the same files (or those that "
        "are given), and say whether the result is the same byte for byte; the exit code is 1 "
        "where it is not. Options that are given too replace its own.",
    )  # fmt: skip
    output = shared.output_options(parser, OUT)
    parser.set_defaults(out=None)
    shared.run_options(
        output, f"Leave a page to look at, which opens without a network (default: {REPORT} in the "
        "folder).",
    )  # fmt: skip
    shared.other_options(parser, memory=True)


def run(options: argparse.Namespace) -> int:
    """Find clusters, write them and say what was found."""
    if options.config is not None and options.like is not None:
        raise shared.WrongUsage("argument --like: not allowed with argument --config")
    base, reading, earlier = None, Reading(), None
    if options.config is not None:
        base, reading = _of_config(options.config)
    elif options.like is not None:
        earlier = _Earlier(options.like)
        base, reading = earlier.configuration, earlier.reading
        earlier.exports_to(options)
    config = shared.configuration(options, base)
    reading = reading.over(options)
    if earlier is not None and not earlier.has_reading and not reading.files:
        raise InputError(
            f"{shown(options.like)} was written from Python and does not say how its log was read; "
            f"give FILE and {inputs.COLUMNS}, or --format, too."
        )
    reading = reading.checked()
    if options.out is None:
        options.out = AGAIN if earlier else OUT
    if earlier is not None and os.path.realpath(options.out) == os.path.realpath(earlier.folder):
        raise ParameterError(
            f"--out {shown(options.out)} has the earlier run itself; choose another folder."
        )
    check_output(options.out, options.save, options.report)
    accounts: list[Any] = []

    def read() -> ActionLog:
        log, known = reading.read(options.threads)
        accounts.append(known)
        return log

    found = detect_from(
        read, config, background=reading.read_background(options.threads),
        accounts=accounts.pop, stance=reading.stance, memory=options.memory,
        threads=options.threads, reading=reading.facts(),
    )  # fmt: skip
    left = leave_run(found, options, options.report)
    if earlier is None:
        tell_run(found, options, left)
        return 0
    differs = earlier.differs(_manifest(Path(options.out, MANIFEST)))
    tell_run(
        found, options, left, {"same": not differs, "differs": differs}, earlier.words(differs)
    )
    return 1 if differs else 0


def _of_config(path: str) -> tuple[Configuration, Reading]:
    """Return the configuration of a .toml file, and the reading that it has."""
    base = Configuration.read(path)
    told = tomllib.loads(Path(path).read_text(encoding="utf-8")).get("reading", {})
    return base, Reading.of_facts(told, shown(path), [Path(path).parent])


def _manifest(path: Path) -> dict[str, Any]:
    """Return what a manifest says."""
    name = shown(str(path))
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"there is no file {name}; check the path.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{name} cannot be read as a manifest: {error}.") from None
    parts = {"parameters": dict, "input": dict, "files": dict, "export": dict, "results": dict}
    wrong = [n for n, kind in parts.items() if not isinstance(told, dict)
             or not isinstance(told.get(n), kind)]  # fmt: skip
    if wrong:
        raise InputError(
            f"{name} has no {listed(wrong)}, so it is no manifest of a run of detect; give the "
            f"{MANIFEST} of a folder that detect or demo wrote."
        )
    return dict(told)


# What may differ between two runs that gave the same: where, when and by what they were done
_APART = ("timings", "packages", "python", "coordnet", "reading", "files", "export")


class _Earlier:
    """A run that was done before, as its manifest tells of it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.folder = Path(path).parent
        self.told = _manifest(Path(path))
        try:
            self.configuration = configured(None, self.told["parameters"])
        except TypeError as error:
            raise InputError(f"{shown(path)}: parameters cannot be used: {error}.") from None
        told = self.told.get("reading")
        self.has_reading = told is not None
        places = [self.folder, Path(os.path.realpath(self.folder)).parent]
        self.reading = Reading.of_facts(told or {}, shown(path), places)
        self._now: dict[str, Any] = {}

    def exports_to(self, options: argparse.Namespace) -> None:
        """Let the options write what the earlier run wrote."""
        export = self.told["export"]
        options.identifiers = options.identifiers or export.get("identifiers") is True
        options.all_edges = options.all_edges or export.get("all_edges") is True
        if options.graph is None:
            drawn = [f for f in GRAPH_FORMATS if f"graph.{f}" in self.told["files"]]
            options.graph = drawn[0] if drawn else None

    def differs(self, now: dict[str, Any]) -> list[str]:
        """Return the files that are not the same byte for byte, and parts of the manifest."""
        self._now = now
        then, files = self.told["files"], now["files"]
        names = [name for name in sorted({*then, *files}) if then.get(name) != files.get(name)]
        parts = [
            f"{MANIFEST}: {part}"
            for part in sorted({*self.told, *now} - {*_APART})
            if self.told.get(part) != now.get(part)
        ]
        return names + parts

    def words(self, differs: list[str]) -> list[str]:
        """Return in lines whether the result is the same, and what may be the reason if not."""
        name, now = shown(self.path), self._now
        if not differs:
            n = len(now["files"])
            told = [f"The result is the same as that of {name}, byte for byte: {n} files."]
        else:
            told = [f"The result is not the same as that of {name}. What differs:"]
            told += [f"  {what}" for what in differs]
            if now["input"].get("fingerprint") != self.told["input"].get("fingerprint"):
                told.append("The input is another: its actions have another fingerprint.")
            if self.told["export"].get("own_key"):
                told.append("The earlier run had pseudonyms by a key of its own.")
            versions = {"coordnet": self.told.get("coordnet"), "Python": self.told.get("python"),
                        **(self.told.get("packages") or {})}  # fmt: skip
            today = {"coordnet": now["coordnet"], "Python": now["python"], **now["packages"]}
            told += [
                f"Then {package} {version}, now {today[package]}."
                for package, version in versions.items()
                if package in today and today[package] != version
            ]
        changed = [
            file
            for file, mark in self.told["files"].items()
            if (self.folder / file).is_file() and fingerprint(self.folder / file) != mark
        ]
        if changed:
            told.append(
                f"Beside {name}, {listed(changed)} changed after the run: compared was what the "
                "run wrote."
            )
        return told
