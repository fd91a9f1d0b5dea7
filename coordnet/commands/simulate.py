"""`coordnet simulate`: a population whose coordination is known, as tables."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from coordnet.commands import options as shared
from coordnet.commands.output import say, say_json, write_plain
from coordnet.errors import OutputError, ParameterError, shown
from coordnet.export import whole_file
from coordnet.log.actions import ActionLog
from coordnet.progress import stage
from coordnet.simulation.scenarios import SCENARIOS, simulate

USAGE = "[SCENARIO] [options]"
EXAMPLES = (
    "simulate campaign --accounts 500 --out actions.csv",
    "simulate election --accounts 300 --seed 1 --out election.parquet",
)
ENDINGS = (".csv", ".parquet")


def population_options(group: Any, scenario: str, accounts: int) -> None:
    """Add what is simulated, with these defaults."""
    group.add_argument(
        "--scenario", choices=tuple(SCENARIOS), default=scenario, metavar="NAME",
        help=shared.explained("What is simulated.", told(), scenario),
    )  # fmt: skip
    _size_options(group, accounts)


def _size_options(group: Any, accounts: int) -> None:
    group.add_argument(
        "--accounts", type=int, default=accounts, metavar="N",
        help=f"How many accounts, 200 or more (default: {accounts}).",
    )  # fmt: skip
    group.add_argument(
        "--seed", type=int, default=0, metavar="N",
        help="The only source of randomness (default: 0).",
    )  # fmt: skip


def told() -> dict[str, str]:
    """Return what each scenario adds to the public, in the words of the code that adds it."""
    return {
        name: (make.__doc__ or "").split("\n")[0].rstrip(".") for name, make in SCENARIOS.items()
    }


def add_options(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Add what the command takes."""
    population = parser.add_argument_group("population")
    population.add_argument(
        "scenario", nargs="?", choices=tuple(SCENARIOS), default="campaign", metavar="SCENARIO",
        help=shared.explained("What is simulated.", told(), "campaign"),
    )  # fmt: skip
    _size_options(population, 4_000)
    population.add_argument(
        "--actions", type=int, metavar="N",
        help="How many actions of the public (default: 20 an account).",
    )  # fmt: skip
    output = parser.add_argument_group("output")
    output.add_argument(
        "--out", metavar="FILE",
        help="Table of the actions, .csv or .parquet; the truth and the accounts stand beside it, "
        "as in actions-truth.csv and actions-accounts.csv (default: SCENARIO.csv).",
    )  # fmt: skip
    output.add_argument("--replace", action="store_true", help="Replace files that are there.")
    shared.json_option(output)
    shared.other_options(parser, threads=False)


def _actions(log: ActionLog) -> pa.Table:
    """Return the actions as they were, rows that a log folds into one included."""
    table = log.to_frame("pyarrow").drop_columns(["row"])
    if log.folded is None:
        return table
    return table.take(pa.array(np.repeat(np.arange(len(log)), log.folded + 1)))


def run(options: argparse.Namespace) -> int:
    """Write the actions, the truth and the accounts."""
    out = Path(options.out or f"{options.scenario}.csv")
    ending = out.suffix.lower()
    if ending not in ENDINGS:
        raise ParameterError(f"--out {shown(str(out))}: tables are written as .csv or .parquet.")
    beside = {part: out.with_name(f"{out.stem}-{part}{ending}") for part in ("truth", "accounts")}
    for file in (out, *beside.values()):
        if file.exists() and not options.replace:
            raise OutputError(
                f"{shown(str(file))} is there; choose another name, or add --replace."
            )
        if not file.parent.is_dir():
            with whole_file(file):  # which says that there is no such folder
                pass
    sim = simulate(options.scenario, options.accounts, options.actions, options.seed)
    with stage("writing"):
        write_plain(_actions(sim.log), out)
        write_plain(sim.truth.to_frame("pyarrow"), beside["truth"])
        write_plain(sim.account_table, beside["accounts"])
    files = [out, *beside.values()]
    if options.json:
        say_json(
            {
                "scenario": sim.scenario,
                "actions": len(sim.log),
                "accounts": sim.log.n_accounts,
                "planted": {name: len(members) for name, members in sim.truth.groups.items()},
                "covert": dict(sim.truth.covert),
                "files": [str(file) for file in files],
            }
        )
        return 0
    say(sim, "", "written:", *(f"  {file}" for file in files), "")
    say(
        f"Look for what was planted: coordnet detect {out} --account account --object object "
        "--time time --kind-column kind"
    )
    return 0
