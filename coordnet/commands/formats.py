"""`coordnet formats`: the exports that are read, and which of them a file is."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from typing import Any

from coordnet.commands import options as shared
from coordnet.commands.output import WIDTH, say, say_json
from coordnet.commands.reading import unreadable
from coordnet.errors import InputError
from coordnet.progress import stage
from coordnet.readers.exports import read_posts, recognise
from coordnet.readers.files import expand
from coordnet.readers.formats import Format, formats
from coordnet.readers.traces import TRACES, traces_of

USAGE = "[FILE ...] [options]"
EXAMPLES = ("formats", "formats tweets.jsonl")


def add_options(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "files", nargs="*", metavar="FILE",
        help="Exports, or a glob: say of each which format it is, and what can be made of it.",
    )  # fmt: skip
    shared.json_option(parser.add_argument_group("output"))
    shared.other_options(parser, threads=False)


def run(options: argparse.Namespace) -> int:
    """Say which formats there are, or of which of them files are; 1 where one is of none."""
    if not options.files:
        if options.json:
            say_json({"formats": [_facts(one) for one in formats().values()]})
        else:
            _say_all()
        return 0
    looked: list[dict[str, Any]] = []
    for file in expand(options.files, suffixes=None):
        try:
            with unreadable(str(file)), stage("reading"):
                found = recognise(file)
                posts = read_posts(file, found.name, on_bad="drop")
        except InputError as error:
            looked.append({"file": str(file), "format": None, "error": str(error)})
            continue
        looked.append(
            {
                "file": str(file),
                "format": found.name,
                "title": found.title,
                "posts": len(posts),
                "dropped": dict(posts.dropped),
                "kinds": list(traces_of(posts)),
            }
        )
    if options.json:
        say_json({"files": looked})
    else:
        for told in looked:
            _say_file(told)
    return int(any(told["format"] is None for told in looked))


def _facts(one: Format) -> dict[str, Any]:
    return {
        "format": one.name,
        "title": one.title,
        "told_by": [list(marks) for marks in one.marks],
        "not_in_it": dict(one.absent),
    }


def _say_all() -> None:
    say("What is read with --format NAME (or --format auto), and the fields that tell each:", "")
    for one in formats().values():
        say(f"{one.name}: {one.title}")
        for i, marks in enumerate(one.marks):
            told = f"  {'or ' if i else ''}{', '.join(marks)}"
            say(*textwrap.wrap(told, WIDTH, initial_indent="  ", subsequent_indent="      "))
    say("", "Other tables are read with --account, --object and --time.")


def _say_file(told: dict[str, Any]) -> None:
    if told["format"] is None:
        say(f"{told['file']}: of no format that is known.", f"  {told['error']}")
        say("  A table of any columns is read with --account, --object and --time.")
        return
    left = ", ".join(f"{n:,} {why}" for why, n in told["dropped"].items())
    none = [kind for kind in TRACES if kind not in told["kinds"]]
    say(f"{told['file']}: {told['format']} ({told['title']})")
    say(f"  {told['posts']:,} posts" + (f"; left out: {left}" if left else ""))
    for name, kinds in (("kinds", told["kinds"]), ("not", none)):
        said = f"{name}: {', '.join(kinds) or 'none'}"
        say(*textwrap.wrap(said, WIDTH, initial_indent="  ", subsequent_indent="      "))
