"""`coordnet report`: the page to look at, of what a run left."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from coordnet.commands import options as shared
from coordnet.commands.output import check_file, is_report, say, say_json
from coordnet.detection.run import REPORT
from coordnet.errors import InputError, shown
from coordnet.progress import stage

USAGE = "FOLDER|FILE [options]"
EXAMPLES = ("report coordnet-out", "report run.coordnet --out page.html")


def add_options(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Add what the command takes."""
    needed = parser.add_argument_group("required")
    needed.add_argument(
        "source", metavar="FOLDER|FILE",
        help="The folder that 'coordnet detect' wrote, or a run that was saved (--save).",
    )  # fmt: skip
    output = parser.add_argument_group("output")
    output.add_argument(
        "--out", metavar="FILE",
        help=f"The page, an .html file; a page that is there is replaced (default: {REPORT} in the "
        "folder, or beside the file).",
    )  # fmt: skip
    output.add_argument(
        "--identifiers", action="store_true",
        help="Show the accounts' own labels, not pseudonyms; the page says so. A folder must have "
        "been written with them.",
    )  # fmt: skip
    shared.json_option(output)
    shared.other_options(parser, threads=False)


def run(options: argparse.Namespace) -> int:
    """Make the page."""
    from coordnet.report.make import make_report

    source = Path(options.source)
    if not source.exists():
        raise InputError(f"there is no file or folder {shown(options.source)}; check the path.")
    out = options.out or str((source if source.is_dir() else source.parent) / REPORT)
    check_file(out, is_report, "report of coordnet's")
    with stage("report"):
        page = make_report(source, out, identifiers=options.identifiers)
    if options.json:
        say_json({"report": str(page)})
    else:
        say(f"Open {page} in a browser to look at it.")
    return 0
