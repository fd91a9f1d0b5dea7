"""`coordnet demo`: a small campaign is simulated and looked for, and a report is left."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from coordnet.commands import options as shared
from coordnet.commands.output import check_output, leave_run, tell_run
from coordnet.commands.reading import Reading
from coordnet.commands.simulate import population_options
from coordnet.detection.detect import detect_from
from coordnet.detection.run import Run
from coordnet.scores.table import text_table
from coordnet.search.configuration import Configuration
from coordnet.simulation.evaluation import evaluate
from coordnet.simulation.scenarios import simulate
from coordnet.simulation.truth import Simulation

USAGE = "[options]"
EXAMPLES = ("demo", "demo --scenario retweet_ring --accounts 500 --seed 1")
OUT = "coordnet-demo"


def add_options(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Add what the command takes."""
    population_options(parser.add_argument_group("simulation"), "campaign", 4_000)
    output = shared.output_options(parser, OUT)
    shared.run_options(output, None)
    shared.other_options(parser)


def run(options: argparse.Namespace) -> int:
    """Simulate, look for what was planted, and say how much of it was found."""
    check_output(options.out, options.save)
    given = {"scenario": options.scenario, "accounts": options.accounts, "seed": options.seed}
    sim = simulate(**given)
    found = detect_from(
        lambda: sim.log, Configuration(seed=options.seed), threads=options.threads,
        reading=Reading(simulation=given).facts(),
    )  # fmt: skip
    left = leave_run(found, options, "")
    result = evaluate(found.clusters, sim.truth)
    known = {"pair_precision": result.pair_precision, "pair_recall": result.pair_recall}
    more = {"truth": {name: None if np.isnan(v) else v for name, v in known.items()}}
    tell_run(found, options, left, more, _planted_and_found(sim, found))
    return 0


def _planted_and_found(sim: Simulation, run: Run) -> list[str]:
    """Return what was planted beside what was found, as the lines of a table."""
    log = run.log
    rows: list[list[str]] = []
    for name, labels in sim.truth.groups.items():
        members = log.codes_of(labels, missing="ignore")
        shared_ = [len(np.intersect1d(cluster.codes, members)) for cluster in run.clusters]
        found = ["-", "-", "-"]
        if any(shared_):
            best = int(np.argmax(shared_))
            others = int(run.clusters.sizes[best]) - shared_[best]
            found = [str(best), str(shared_[best]), str(others)]
        rows.append([name, str(len(labels)), *found])
    if not rows:
        return [f"Nothing was planted in the simulated {sim.scenario}."]
    result = evaluate(run.clusters, sim.truth)
    return [
        f"planted in the simulated {sim.scenario} beside what was found:",
        *text_table(["planted", "accounts", "cluster", "members in it", "others in it"], rows),
        f"pairs of accounts: precision {result.pair_precision:.3f}, "
        f"recall {result.pair_recall:.3f}",
    ]
