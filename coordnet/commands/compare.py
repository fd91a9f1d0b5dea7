"""`coordnet compare`: methods side by side on a log."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from coordnet import recipes
from coordnet.commands import options as shared
from coordnet.commands import reading as inputs
from coordnet.commands.output import check_output, say, say_json, say_table, write_folder
from coordnet.commands.reading import Reading
from coordnet.commands.recipes import FROM_PYTHON, parsed, recipe_named
from coordnet.detection.detect import detect
from coordnet.errors import ParameterError, one_of, shown
from coordnet.progress import stage
from coordnet.recipes.comparison import compare
from coordnet.search.configuration import Configuration

USAGE = f"FILE [FILE ...] {inputs.USAGE} [--recipe NAME ...] [options]"
EXAMPLES = (
    "compare actions.csv --account account --object object --time time --recipe coortweet "
    "--recipe schoch:min_times=3",
)
OURS = "coordnet"


def add_options(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Add what the command takes."""
    inputs.required_options(parser)
    methods = parser.add_argument_group("methods")
    names = ", ".join(name for name in recipes.__all__ if name not in FROM_PYTHON)
    methods.add_argument(
        "--recipe", metavar="NAME", action="append",
        help="A published method, with its own defaults or with others: coortweet:within=60s or "
        "coortweet:within=60s,min_participation=3. May be repeated (default: coortweet). One of "
        f"{names}; 'coordnet recipes' says what each is.",
    )  # fmt: skip
    methods.add_argument(
        "--without-ours", action="store_true", help="Leave coordnet's own search out."
    )
    inputs.reading_options(parser)
    only = [name for name in Configuration.__dataclass_fields__ if _of_the_search(name)]
    groups = shared.configuration_options(parser, only)
    inputs.background_option(groups["detection"])
    shared.output_options(parser, "coordnet-comparison")
    shared.other_options(parser)


def _of_the_search(name: str) -> bool:
    return bool(Configuration.__dataclass_fields__[name].metadata["group"] == "detection")


def run(options: argparse.Namespace) -> int:
    """Run the methods, and say what each finds and what chance explains of it."""
    config = shared.configuration(options).replace(score=False)
    wanted = [_wanted(text) for text in options.recipe or ["coortweet"]]
    if len({title for title, _, _ in wanted}) < len(wanted):
        raise ParameterError("--recipe names the same method with the same choices twice.")
    reading = Reading().over(options).checked()
    check_output(options.out)
    with stage("reading"):
        log, _ = reading.read(options.threads)
    found: dict[str, Any] = {}
    if not options.without_ours:
        background = reading.read_background(options.threads)
        found[OURS] = detect(
            log, config=config, background=background, threads=options.threads
        )  # fmt: skip
    for title, name, values in wanted:
        with stage(title):
            found[title] = recipe_named(name)(log, **values)
    with stage("comparing"):
        level = 0.05 if config.fdr is None else config.fdr
        compared = compare(
            found, log, level=level, min_size=config.min_size, seed=config.seed,
            threads=options.threads,
        )  # fmt: skip
    facts = {
        "command": "compare",
        "parameters": config.parameters(),
        "methods": {
            title: {"recipe": name, "citation": recipe_named(name).citation, "parameters": values}
            for title, name, values in wanted
        },
    }
    tables = {"methods.csv": compared.methods, "overlaps.csv": compared.overlaps}
    files = write_folder(
        options.out, tables, facts, log=log, reading=reading, identifiers=options.identifiers
    )
    if options.json:
        say_json(
            {
                **facts,
                "found": compared.methods.to_pylist(),
                "overlaps": compared.overlaps.to_pylist(),
                "files": [str(file) for file in files],
            }
        )
        return 0
    say(log)
    for line in compared.text.split("\n"):
        say(line, wrap=True)
    head = ["method", "edges", "accounts", "clusters", "clustered", "explained"]
    rows = [
        [_cell(name, row[name]) for name in head] for row in compared.methods.to_pylist()
    ]  # fmt: skip
    say("")
    say_table(head, rows)
    say("", "written:", *(f"  {file}" for file in files))
    return 0


def _wanted(text: str) -> tuple[str, str, dict[str, Any]]:
    """Return the title, the name and the choices of a method as ``--recipe`` says it."""
    name, _, choices = text.partition(":")
    one_of(name, [n for n in recipes.__all__ if n not in FROM_PYTHON], "recipe")
    given = {}
    for choice in choices.split(",") if choices else ():
        key, equals, value = choice.partition("=")
        if not equals:
            raise ParameterError(
                f"--recipe {shown(text, 60)}: {shown(choice, 60)} is no choice; write "
                f"{name}:within=60s."
            )
        given[key] = value
    return text, name, parsed(name, given)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.0%}" if name == "explained" else f"{value:,}" if name != "method" else value
