"""How often each benign explanation fits where it is true, and how often it would excuse a ring.

    python benchmarks/explanations.py [--accounts N] [--seeds N] [--write PAGE]

The page is docs/benign-explanations.md. An explanation is tried on the scenario that it is of: on
what `detect` reports there, on the benign group that was simulated, and on ten random parts of it
(members as few as a reported cluster has). And on the covert clusters that `detect` finds in the
planted scenarios: an explanation that fits there would excuse them. A cluster counts as planted
where more than half of its members are of covert groups.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

import coordnet as cn
from coordnet.clusters.clusters import Clusters
from coordnet.scores.explanations import EXPLANATIONS

SCENARIO_OF = {
    "one_operator": "newsroom",
    "small_audience": "small_fast_audience",
    "auto_sharers": "auto_sharers",
    "early_birds": "early_birds",
    "fans": "fandom",
    "news": "breaking_news",
    "daily_slot": "daily_slots",
    "share_buttons": "share_buttons",
    "generic_objects": "generic_objects",
}
PLANTED = {
    "retweet_ring": {}, "campaign": {}, "small_cells": {}, "tiny_cells": {}, "diluted": {},
    "cross_trace": {}, "slow_drip": {"within": ["60s", "1h"]}, "metronome": {"co_timing": "1s"},
    "large_ring": {}, "contaminated": {}, "election": {},
}  # fmt: skip
LARGE = ("contaminated", "election")  # hundreds of clusters each: fewer seeds do
SIZE, PARTS = 12, 10
BEGIN, END = "<!-- table -->", "<!-- end of table -->"


class Tally:
    """How many clusters each explanation fits, and of how many it cannot tell."""

    def __init__(self) -> None:
        self.fit: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.clusters = 0
        self.unexplained = 0
        self.prompt: list[float] = []

    def add(self, clusters: Clusters, sim: cn.Simulation, chosen: list[int] | None = None) -> None:
        """Count the clusters, or those of these numbers."""
        scores = cn.score_clusters(
            clusters, sim.log, accounts=sim.accounts, only=["accounts"], null_sets=0, threads=1
        )
        table = scores.explanations("pandas")
        if chosen is not None:
            table = table[table["cluster"].isin(chosen)]
        fits = table["fits"].fillna(False).astype(bool)
        self.fit += Counter(table.loc[fits, "explanation"])
        self.unknown += Counter(table.loc[table["value"].isna(), "explanation"])
        self.clusters += table["cluster"].nunique()
        self.unexplained += int((~fits.groupby(table["cluster"]).any()).sum())
        for numbers, part in scores.view.parts:
            if part.graph.relation.on_objects:
                told = part.promptness.explained
                of = [j for j, i in enumerate(numbers) if chosen is None or i in chosen]
                self.prompt += told[of].tolist()


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


def planted(clusters: Clusters, sim: cn.Simulation) -> list[int]:
    """Return the numbers of the clusters that are mostly of covert accounts."""
    covert = {
        account
        for name, members in sim.truth.groups.items()
        for account in members
        if sim.truth.covert[name]
    }
    return [c.number for c in clusters if np.mean([a in covert for a in c.accounts]) > 0.5]


def prompt_range(values: list[float]) -> str:
    """Return the median and range of what members' own delays explain, and where it is told."""
    if not values:
        return "accounts do not meet on objects"
    known = np.array([v for v in values if not np.isnan(v)])
    if not len(known):
        return f"too few to tell, in all {len(values)}"
    return (
        f"{np.median(known):.2f} ({known.min():.2f} to {known.max():.2f}), "
        f"told of {len(known)} of {len(values)}"
    )


def measure(accounts: int, seeds: int) -> str:
    """Return the tables as Markdown."""
    groups, reported = {}, {}
    prompt = {}
    for name, scenario in SCENARIO_OF.items():
        groups[name], reported[name] = Tally(), Tally()
        for seed in range(seeds):
            sim = cn.simulate(scenario, accounts=accounts, seed=seed)
            groups[name].add(benign(scenario, sim, seed), sim)
            found = cn.detect(sim.log, score=False, threads=1).clusters
            if len(found):
                reported[name].add(found, sim)
        prompt[scenario] = groups[name].prompt + reported[name].prompt
        print(scenario, dict(groups[name].fit), groups[name].clusters, flush=True)
    excused: dict[str, Tally] = defaultdict(Tally)
    others = 0
    for scenario, options in PLANTED.items():
        for seed in range(1 if scenario in LARGE else seeds):
            sim = cn.simulate(scenario, accounts=accounts, seed=100 + seed)
            found = cn.detect(sim.log, score=False, threads=1, **options).clusters
            chosen = planted(found, sim)
            others += len(found) - len(chosen)
            if len(found):
                excused[scenario].add(found, sim, chosen)
        prompt[scenario] = excused[scenario].prompt
        print(scenario, dict(excused[scenario].fit), excused[scenario].clusters, flush=True)
    return tables(accounts, seeds, groups, reported, excused, prompt, others)


def tables(
    accounts: int,
    seeds: int,
    groups: dict[str, Tally],
    reported: dict[str, Tally],
    excused: dict[str, Tally],
    prompt: dict[str, list[float]],
    others: int,
) -> str:
    """Return the tables of what was counted as Markdown."""
    whole = sum(tally.clusters for tally in excused.values())
    lines = [
        f"{accounts:,} accounts, {seeds} seeds a scenario ({' and '.join(LARGE)}: 1).",
        "",
        "| explanation | scenario | fits its group and parts | fits what is reported there | "
        "reported and unexplained | excuses planted clusters of which it can tell | cannot tell | "
        "other explanations that fit the group and parts |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, tally in groups.items():
        wrong = sum(t.fit[name] for t in excused.values())
        dark = sum(t.unknown[name] for t in excused.values())
        also = ", ".join(f"{k} {v}" for k, v in sorted(tally.fit.items()) if k != name) or "none"
        there = reported[name]
        fits = f"{there.fit[name]} of {there.clusters}" if there.clusters else "nothing reported"
        lines.append(
            f"| `{name}` | `{SCENARIO_OF[name]}` | {tally.fit[name]} of {tally.clusters} | "
            f"{fits} | {there.unexplained} | {wrong} of {whole - dark} | {dark} | {also} |"
        )
    lines += ["", "Excused, by planted scenario:", ""]
    for scenario, tally in excused.items():
        what = ", ".join(f"{k} {v}" for k, v in sorted(tally.fit.items())) or "none"
        lines.append(f"- `{scenario}`: {what}, of {tally.clusters} clusters")
    lines += [
        "",
        f"{others} more clusters of these runs are mostly of other accounts and do not count.",
        "",
        "How much of the synchrony members' own delays explain, median and range over clusters:",
        "",
        "| scenario | explained |",
        "| --- | --- |",
    ]
    lines += [f"| `{scenario}` | {prompt_range(values)} |" for scenario, values in prompt.items()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=3)
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
