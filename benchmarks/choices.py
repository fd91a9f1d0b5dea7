"""What the choices of a run change: window, level, null, background, kinds.

    python benchmarks/choices.py [--retweets TWEETS.csv.gz] [--plots FOLDER] [--only SECTION ...]

Prints the tables of docs/choosing-a-window.md, on simulated populations. ``--retweets`` adds the
Russian retweets of CooRTweet, ``--plots`` draws the suggested windows as PNG files, ``--only``
takes some of windows, found, levels, nulls, strata, background, kinds.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np

import coordnet as cn
from coordnet.errors import CoordnetWarning

SCENARIOS = (
    ("retweet_ring", 2_000), ("campaign", 5_000), ("slow_drip", 1_000), ("election", 5_000),
    ("organic", 5_000), ("breaking_news", 5_000), ("live_events", 5_000),
)  # fmt: skip
WINDOWS = ("10s", "60s", "10min", "30min", "1h")
LEVELS = (0.01, 0.05, 0.2, 0.5, None)
NULLS = ("both", "timing", "activity")
STRATA = (None, "1d", "1h", "hour_of_week")


def table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    """Print a table in Markdown."""
    print("| " + " | ".join(head) + " |")
    print("|" + " --- |" * len(head))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |", flush=True)
    print()


def suggestion(name: str, log: cn.ActionLog, plots: Path | None) -> tuple[object, ...]:
    """Return what is suggested for a log, as a row."""
    found = cn.suggest_windows(log)
    one = found.suggested[0]
    if plots is not None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 3.6), layout="constrained")
        cn.plots.suggested_windows(found, figure.subplots())
        figure.savefig(plots / f"windows_{name.split(maxsplit=1)[0]}.png", dpi=110)
    if one.window is None:
        return (name, "none", "", "", "", "")
    return (
        name, one.window, f"{one.shortest} to {one.longest}", one.objects,
        f"{one.observed:,.0f}", f"{one.expected:,.0f}",
    )  # fmt: skip


def outcome(run: cn.Run, truth: cn.Truth | None = None) -> str:
    """Return what a run found: clusters, accounts, and how many of these were planted."""
    accounts = np.unique(run.clusters.indices)
    said = f"{len(run.clusters)} with {len(accounts)} accounts"
    if truth is None or not len(accounts):
        return said if len(accounts) else "0"
    planted = {name for group in truth.groups.values() for name in group}
    right = sum(name in planted for name in run.clusters.all_accounts[accounts])
    return f"{said}, {right / len(accounts):.0%} planted"


def detect(sim: cn.Simulation, log: cn.ActionLog | None = None, **options: object) -> cn.Run:
    """Search without scoring."""
    return cn.detect(sim.log if log is None else log, score=False, **options)


def windows(logs: dict[str, cn.ActionLog], plots: Path | None) -> None:
    """Print what is suggested."""
    table(
        ("log", "window", "serve alike", "on objects", "pairs", "by chance"),
        [suggestion(name, log, plots) for name, log in logs.items()],
    )


def found(logs: dict[str, cn.ActionLog], sims: dict[str, cn.Simulation]) -> None:
    """Print what is found at each window."""
    rows = []
    for name, log in logs.items():
        truth = sims[name].truth if name in sims else None
        runs = [cn.detect(log, within=window, score=False) for window in WINDOWS]
        rows.append((name, *(outcome(run, truth) for run in runs)))
    table(("log", *WINDOWS), rows)


def by(
    name: str, values: tuple[object, ...], scenarios: tuple[str, ...], **options: object
) -> None:
    """Print what is found with each value of a parameter, in populations of 1,000 accounts."""
    rows = []
    for scenario in scenarios:
        sim = cn.simulate(scenario, accounts=1_000, seed=0)
        runs = [detect(sim, **{name: value}, **options) for value in values]
        rows.append((scenario, *(outcome(run, sim.truth) for run in runs)))
    table(("log", *map(str, values)), rows)


def background() -> None:
    """Print what a background does where 40 % of the accounts are one campaign."""
    sim = cn.simulate("contaminated", accounts=3_000, seed=0)
    other = cn.simulate("organic", accounts=3_000, seed=1).log
    runs = (detect(sim, clean_background=False), detect(sim), detect(sim, background=other))
    table(
        ("log", "itself, not cleaned", "itself, cleaned", "another log"),
        [("contaminated", *(outcome(run, sim.truth) for run in runs))],
    )


def kinds() -> None:
    """Print what is found in each kind alone, and in all together."""
    sim = cn.simulate("cross_trace", accounts=3_000, seed=0)
    runs = [detect(sim, sim.log.select(kind)) for kind in sim.log.kinds]
    table(
        ("log", *sim.log.kinds, "all kinds"),
        [("cross_trace", *(outcome(run, sim.truth) for run in [*runs, detect(sim)]))],
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--retweets", type=Path)
    parser.add_argument("--plots", type=Path)
    parser.add_argument("--only", nargs="+")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", CoordnetWarning)
    sims = {name: cn.simulate(name, accounts=n, seed=0) for name, n in SCENARIOS}
    logs = {name: sim.log for name, sim in sims.items()}
    if arguments.retweets is not None:
        logs["Russian retweets"] = cn.read_actions(
            arguments.retweets, account="account_id", object="object_id", time="timestamp_share",
            post="content_id",
        )  # fmt: skip
    if arguments.plots is not None:
        arguments.plots.mkdir(parents=True, exist_ok=True)
    sections = {
        "windows": lambda: windows(logs, arguments.plots),
        "found": lambda: found(logs, sims),
        "levels": lambda: by("fdr", LEVELS, ("retweet_ring", "election", "organic")),
        "nulls": lambda: by("null", NULLS, ("campaign", "breaking_news", "live_events")),
        "strata": lambda: by("strata", STRATA, ("campaign", "live_events"), null="activity"),
        "background": background,
        "kinds": kinds,
    }
    for name in arguments.only or sections:
        print(f"## {name}\n")
        sections[name]()


if __name__ == "__main__":
    main()
