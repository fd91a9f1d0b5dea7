"""How often each benign explanation fits where it is true, and how often it would excuse a ring.

    python benchmarks/explanations.py [--accounts N] [--seeds N] [--write PAGE]

The page is docs/benign-explanations.md. An explanation is tried on the scenario that it is of: on
the benign group that was simulated, and on ten random parts of it (members as few as a reported
cluster has). And on the covert clusters that `detect` finds in the planted scenarios: an
explanation that fits there would excuse them.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

import coordnet as cn
from coordnet.clusters.clusters import Clusters
from coordnet.scores.explanations import EXPLANATIONS

SCENARIO_OF = {
    "one_operator": "newsroom",
    "small_audience": "small_fast_audience",
    "fans": "fandom",
    "news": "breaking_news",
    "early_birds": "early_birds",
    "daily_slot": "daily_slots",
    "share_buttons": "share_buttons",
    "generic_objects": "generic_objects",
}
PLANTED = {
    "retweet_ring": {}, "campaign": {}, "small_cells": {}, "diluted": {}, "cross_trace": {},
    "slow_drip": {"within": ["60s", "1h"]}, "metronome": {"co_timing": "1s"}, "election": {},
}  # fmt: skip
SIZE, PARTS = 12, 10
BEGIN, END = "<!-- table -->", "<!-- end of table -->"


def fits(clusters: Clusters, sim: cn.Simulation) -> tuple[Counter, Counter, int]:
    """Count the clusters that each explanation fits, and those of which it cannot tell."""
    scores = cn.score_clusters(clusters, sim.log, accounts=sim.accounts, only=["accounts"])
    table = scores.explanations("pandas")
    fit = Counter(table.loc[table["fits"] == True, "explanation"])  # noqa: E712 (nulls are neither)
    unknown = Counter(table.loc[table["value"].isna(), "explanation"])
    return fit, unknown, len(clusters)


def benign(name: str, sim: cn.Simulation, seed: int) -> Clusters:
    """Return the benign group and random parts of it as clusters."""
    rng = np.random.default_rng(seed)
    log = sim.log
    if name == "breaking_news":  # everybody is in it
        whole = np.flatnonzero(np.diff(log.by_account[0]) >= 20)
        sets = []
    else:
        (labels,) = sim.truth.groups.values()
        whole = log.codes_of(labels, missing="ignore")
        sets = [whole] if len(whole) <= 200 else []
    if len(whole) > SIZE:
        sets += [np.sort(rng.choice(whole, SIZE, replace=False)) for _ in range(PARTS)]
    return Clusters.from_members(cn.co_action(log, within="60s", min_weight=2), sets, "benign", {})


def measure(accounts: int, seeds: int) -> str:
    """Return the table as Markdown."""
    hits = {}
    for name, scenario in SCENARIO_OF.items():
        total, fit = 0, Counter()
        for seed in range(seeds):
            sim = cn.simulate(scenario, accounts=accounts, seed=seed)
            found, _, n = fits(benign(scenario, sim, seed), sim)
            fit += found
            total += n
        hits[name] = (fit[name], total, {k: v for k, v in fit.items() if k != name})
        print(scenario, dict(fit), total, flush=True)
    excused: dict[str, tuple[Counter, Counter, int]] = {}
    for scenario, options in PLANTED.items():
        fit, unknown, total = Counter(), Counter(), 0
        for seed in range(seeds if scenario != "election" else min(seeds, 2)):
            sim = cn.simulate(scenario, accounts=accounts, seed=100 + seed)
            found, dark, n = fits(cn.detect(sim.log, null_sets=0, **options).clusters, sim)
            fit, unknown, total = fit + found, unknown + dark, total + n
        excused[scenario] = fit, unknown, total
        print(scenario, dict(fit), dict(unknown), total, flush=True)
    planted = sum(total for _, _, total in excused.values())
    lines = [
        f"{accounts:,} accounts, {seeds} seeds a scenario (the election: {min(seeds, 2)}).",
        "",
        "| explanation | scenario | fits there | excuses planted clusters | cannot tell of them | "
        "other explanations that fit its scenario |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, (fit, total, others) in hits.items():
        wrong = sum(f[name] for f, _, _ in excused.values())
        dark = sum(u[name] for _, u, _ in excused.values())
        also = ", ".join(f"{k} {v}" for k, v in sorted(others.items())) or "none"
        lines.append(
            f"| `{name}` | `{SCENARIO_OF[name]}` | {fit} of {total} | {wrong} of {planted} | "
            f"{dark} | {also} |"
        )
    lines += ["", "Excused, by planted scenario:", ""]
    for scenario, (fit, _, total) in excused.items():
        what = ", ".join(f"{k} {v}" for k, v in sorted(fit.items())) or "none"
        lines.append(f"- `{scenario}`: {what}, of {total} clusters")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    assert set(SCENARIO_OF) == set(EXPLANATIONS)
    table = measure(options.accounts, options.seeds)
    print(table)
    if options.write:
        text = options.write.read_text(encoding="utf-8")
        head, tail = text.split(BEGIN)[0], text.split(END)[1]
        options.write.write_text(f"{head}{BEGIN}\n{table}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
