"""What coordnet and the published methods find in populations whose coordination is known.

    python benchmarks/detection.py [--results FILE] [--minutes N] [--write docs/benchmark.md]

Every scenario of coordnet.simulate with 20,000 accounts and 400,000 actions of the public, in each
of several seeds: coordnet at its defaults and, on the same log, each method of peers.py. What is
measured goes to the results file, a line of JSON for each scenario, seed and method; a run that was
stopped goes on where it was. --write puts the tables of what is in that file into the document,
and runs nothing that is still missing where --minutes is 0.

One process and one thread. Everything takes some hours, coordnet's part of it less than one.
"""

import argparse
import json
import statistics
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from peers import PEERS, moments
from scipy import stats

import coordnet as cn
from coordnet.clusters.clusters import Clusters
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_clusters
from coordnet.simulation.truth import Truth

ACCOUNTS = 20_000
NOTHING = ("organic", "breaking_news", "live_events", "threads", "repeaters", "schedulers")
LOOKS = (
    "early_birds", "daily_slots", "small_fast_audience", "fandom", "newsroom", "share_buttons",
    "generic_objects", "election_public",
)  # fmt: skip
PLANTED = (
    "retweet_ring", "small_cells", "tiny_cells", "diluted", "slow_drip", "cross_trace", "metronome",
    "large_ring", "contaminated", "election",
)  # fmt: skip
HARD = ("diluted", "slow_drip", "cross_trace", "metronome")  # where the mean rank is to be best
# What is asked of coordnet where not the default: several windows, co-timing
ASKED: dict[str, dict[str, Any]] = {
    "slow_drip": {"within": ["60s", "1h"]},
    "metronome": {"co_timing": "1s"},
}
OURS = "coordnet"
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {  # further runs of coordnet, by their scenario
    "coordnet, edges alone": ("small_cells", {"groups": False}),
    'coordnet, null="activity"': ("election", {"null": "activity"}),
    'coordnet, strata="1h"': ("daily_slots", {"strata": "1h"}),
    'coordnet, strata="hour_of_day"': ("daily_slots", {"strata": "hour_of_day"}),
}
SLOW = (
    "TF-IDF, top 0.5 % (Pacheco)",
    "TF-IDF, disparity (Nizzoli)",
    "collaboration, Leiden (Iannucci)",
    "BiCM, FDR 5 %",
)
QUICK = tuple(name for name in PEERS if name not in SLOW)
Line = dict[str, Any]


# -- running -------------------------------------------------------------------------------------


def ours(**options: Any) -> Callable[[cn.ActionLog], Clusters]:
    """Return the detection without the scores, which change nothing that is measured here."""
    rule = Configuration(**{"within": "60s", **options})
    return lambda log: search_clusters(log, rule, threads=1).clusters


def tasks() -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """Yield (scenario, seed, methods) in the order in which they are run; what is done is skipped.

    What costs little comes first, and among equals seed by seed, so that a run that is stopped
    leaves whole seeds.
    """
    others = (*LOOKS, *NOTHING)

    def coordnet(scenario: str) -> tuple[str, ...]:
        return (OURS, *(name for name, (where, _) in VARIANTS.items() if where == scenario))

    for scenario in (*PLANTED, *others):
        for seed in range(20 if scenario in NOTHING else 10):
            yield scenario, seed, coordnet(scenario)
    for scenarios, methods, seeds in (
        (PLANTED, QUICK, range(10)),
        (PLANTED, SLOW, range(2)),
        (others, QUICK, range(2)),
        (others, SLOW, range(1)),
        ((*NOTHING, *LOOKS[:3]), None, range(60)),
        (PLANTED, SLOW, range(3)),
        ((*NOTHING, *LOOKS[:3]), None, range(100)),
    ):
        for seed in seeds:
            for scenario in scenarios:
                yield scenario, seed, coordnet(scenario) if methods is None else methods


def method(name: str, scenario: str) -> Callable[[cn.ActionLog], Clusters]:
    """Return a method as it is run on a scenario."""
    if name in VARIANTS:
        return ours(**VARIANTS[name][1])
    if name == OURS:
        return ours(**ASKED.get(scenario, {}))
    if scenario == "metronome":  # told, as coordnet is, to look at who acts at the same moment
        return lambda log: PEERS[name](moments(log), "1s")
    return lambda log: PEERS[name](log, "1h" if scenario == "slow_drip" else "60s")


def measured(found: Clusters, truth: Truth, seconds: float) -> Line:
    """Return what is kept of a result."""
    e = cn.evaluate(found, truth)
    members = [set(cluster) for cluster in found]
    held = {
        name: max((len(of & set(group)) for of in members), default=0) / len(group)
        for name, group in truth.groups.items()
    }
    values = {
        "precision": e.pair_precision,
        "recall": e.pair_recall,
        "f1": e.pair_f1,
        "wp": e.weighted_precision,
        "fdp": e.false_discovery_proportion,
        "groups": e.cluster_recall,
        "least_held": min(held.values(), default=float("nan")),
        "seconds": seconds,
    }
    line = {key: None if np.isnan(x) else float(f"{x:.4g}") for key, x in values.items()}
    return {"clusters": e.clusters, "accounts": len(np.unique(found.indices)), **line}


def run(results: Path, minutes: float, accounts: int, only: str | None) -> None:
    """Run what is missing in the results file, for about so many minutes."""
    done = {(line["scenario"], line["seed"], line["method"]) for line in read(results)}
    warnings.simplefilter("ignore", cn.CoordnetWarning)
    small = cn.simulate("retweet_ring", accounts=500, seed=10_000).log
    for name in (OURS, *PEERS):  # compile
        method(name, "retweet_ring")(small)
    method(OURS, "metronome")(small)
    end = time.monotonic() + 60 * minutes
    results.parent.mkdir(parents=True, exist_ok=True)
    if results.exists() and not results.read_bytes().endswith(b"\n"):  # a kill cut a line short
        results.write_bytes(results.read_bytes() + b"\n")
    for scenario, seed, methods in tasks():
        missing = [m for m in methods if (scenario, seed, m) not in done]
        if only is not None:
            missing = [m for m in missing if m.startswith(only)]
        if not missing:
            continue
        if time.monotonic() > end:
            return
        sim = cn.simulate(scenario, accounts=accounts, seed=seed)
        for name in missing:
            begin = time.perf_counter()
            found = method(name, scenario)(sim.log)
            seconds = time.perf_counter() - begin
            line = {"scenario": scenario, "seed": seed, "method": name}
            line |= measured(found, sim.truth, seconds)
            with results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            done.add((scenario, seed, name))


def read(results: Path) -> list[Line]:
    """Return the lines of a results file; one that a kill cut short counts as missing."""
    lines = []
    for text in results.read_text(encoding="utf-8").splitlines() if results.exists() else []:
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            continue
    return lines


# -- the tables ----------------------------------------------------------------------------------

METHODS = (OURS, *PEERS, *VARIANTS)
SHOWN = {
    "F1": "f1", "precision": "precision", "recall": "recall", "WP": "wp", "FDP": "fdp",
    "clusters": "clusters", "s": "seconds",
}  # fmt: skip
BEST = ("f1", "wp")  # the best median of a scenario stands in bold


def by_cell(lines: list[Line]) -> dict[tuple[str, str], dict[int, Line]]:
    """Return the lines of each scenario and method by their seed."""
    cells: dict[tuple[str, str], dict[int, Line]] = defaultdict(dict)
    for line in lines:
        cells[line["scenario"], line["method"]][line["seed"]] = line
    return cells


def middle(lines: Iterable[Line], key: str) -> float | None:
    """Return the median of what is defined."""
    values = [line[key] for line in lines if line[key] is not None]
    return statistics.median(values) if values else None


def spread(lines: Iterable[Line], key: str) -> str:
    """Return the median and the range of what is defined."""
    values = [line[key] for line in lines if line[key] is not None]
    if not values:
        return "-"
    form = {"clusters": "{:g}", "accounts": "{:,.0f}", "seconds": "{:.1f}"}.get(key, "{:.3f}")
    low, mid, high = (form.format(f(values)) for f in (min, statistics.median, max))
    return mid if low == high else f"{mid} ({low} to {high})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Return a table, its first columns to the left."""
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows)) + "\n"


def planted_table(cells: dict[tuple[str, str], dict[int, Line]]) -> str:
    rows = []
    for scenario in PLANTED:
        some = [m for m in METHODS if (scenario, m) in cells]
        best = {
            key: max(middle(cells[scenario, m].values(), key) or 0.0 for m in some)
            for key in BEST
        }  # fmt: skip
        for m in some:
            lines = cells[scenario, m].values()
            row = [scenario, m, str(len(lines))]
            for key in SHOWN.values():
                text = spread(lines, key)
                if key in BEST and middle(lines, key) == best[key]:
                    value, *span = text.split(" ", 1)
                    text = " ".join([f"**{value}**", *span])
                row.append(text)
            rows.append(row)
    return table(("scenario", "method", "seeds", *SHOWN), rows, 2)


def rank_table(cells: dict[tuple[str, str], dict[int, Line]]) -> str:
    """Return the mean ranks on the seeds that all methods have, scenarios weighing alike."""
    methods = [m for m in (OURS, *PEERS) if all((s, m) in cells for s in PLANTED)]
    ranks: dict[tuple[str, str], Any] = {}
    seeds = {}
    for scenario in PLANTED:
        common = sorted(set.intersection(*(set(cells[scenario, m]) for m in methods)))
        seeds[scenario] = len(common)
        for key in BEST:
            values = [[cells[scenario, m][seed][key] or 0.0 for m in methods] for seed in common]
            ranks[scenario, key] = np.mean(
                [stats.rankdata(-np.array(row)) for row in values], axis=0
            )
    columns = [(names, key) for names in (HARD, PLANTED) for key in BEST]
    means = [np.mean([ranks[s, key] for s in names], axis=0) for names, key in columns]
    head = ["method", *(f"{k.upper()}, {w}" for w in ("the four hard", "all seven") for k in BEST)]
    rows = []
    for i, m in enumerate(methods):
        cell = [f"**{x[i]:.2f}**" if x[i] == x.min() else f"{x[i]:.2f}" for x in means]
        rows.append([m, *cell])
    used = ", ".join(f"{name} {count}" for name, count in seeds.items())
    return table(head, rows) + f"\nSeeds that all methods have: {used}.\n"


def nothing_table(cells: dict[tuple[str, str], dict[int, Line]]) -> str:
    """Return how often coordnet reports anything where nothing covert is planted."""
    rows = []
    pooled = [0, 0]
    for scenario in (*NOTHING, *LOOKS):
        for m in (OURS, *VARIANTS):
            lines = list(cells.get((scenario, m), {}).values())
            if not lines:
                continue
            n, some = len(lines), [line for line in lines if line["clusters"]]
            if m == OURS and scenario in NOTHING:
                pooled = [pooled[0] + n, pooled[1] + len(some)]
            accounts = spread(some, "accounts") if some else "-"
            rows.append([scenario, m, str(n), str(len(some)), tolerated(n), accounts])
        if scenario == NOTHING[-1] and pooled[0]:
            n, k = pooled
            rows.append(["all six", OURS, str(n), str(k), tolerated(n), ""])
    head = ("scenario", "", "runs", "with any cluster", "tolerated", "accounts in them")
    return table(head, rows, 2)


def tolerated(n: int) -> str:
    """Return how many of n runs a rate of 5 % exceeds with a chance of at most 5 %."""
    return f"{stats.binom.ppf(0.95, n, 0.05):.0f}"


def peers_table(cells: dict[tuple[str, str], dict[int, Line]]) -> str:
    """Return how many accounts the peers report where nothing covert is planted."""
    rows = []
    for scenario in (*NOTHING, *LOOKS):
        row = [scenario]
        for m in PEERS:
            lines = list(cells.get((scenario, m), {}).values())
            some = sum(line["clusters"] > 0 for line in lines)
            row.append(f"{some} of {len(lines)}: {middle(lines, 'accounts'):,.0f}" if lines else "")
        rows.append(row)
    return table(("scenario", *PEERS), rows)


TABLES = {
    "planted": planted_table,
    "ranks": rank_table,
    "nothing": nothing_table,
    "peers": peers_table,
}


def write(lines: list[Line], document: Path) -> None:
    """Put each table between its marks in the document."""
    text = document.read_text(encoding="utf-8")
    for name, make in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        if begin not in text or end not in text:
            raise SystemExit(f"{document} has no marks {begin.strip()} and {end}")
        head, rest = text.split(begin)
        old, tail = rest.split(end)
        made = make(by_cell(lines)) if name in ("planted", "nothing") or complete(lines) else old
        if name in ("planted", "nothing"):
            made = with_kept(made, old)
        text = f"{head}{begin}\n{made.strip()}\n\n{end}{tail}"
    document.write_text(text, encoding="utf-8")


def complete(lines: list[Line]) -> bool:
    """Return whether every method was run: ranks and tables of peers need them all."""
    return {line["method"] for line in lines} >= {OURS, *PEERS}


def with_kept(made: str, old: str) -> str:
    """Return a table with the rows of the old one whose scenario and method were not run anew.

    The populations are the same, so that what a method found before still stands beside the rest.
    """

    def key(row: str) -> tuple[str, ...]:
        return tuple(cell.strip() for cell in row.split("|")[1:3])

    new = {key(row): row for row in made.strip().splitlines()[2:]}
    kept = [row for row in old.strip().splitlines()[2:] if key(row) not in new]
    order = {name: i for i, name in enumerate((*PLANTED, *NOTHING, *LOOKS))}
    methods = {name: i for i, name in enumerate(METHODS)}
    rows = sorted(
        [*new.values(), *kept],
        key=lambda row: (order.get(key(row)[0], len(order)), methods.get(key(row)[1], 0)),
    )
    return "\n".join([*made.strip().splitlines()[:2], *rows]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=Path("build/detection.jsonl"),
        help="(build/detection.jsonl)",
    )
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="start nothing later (no limit)"
    )
    parser.add_argument("--accounts", type=int, default=ACCOUNTS, help=f"({ACCOUNTS:,})")
    parser.add_argument("--only", metavar="NAME", help="methods whose name starts so")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into it")
    options = parser.parse_args()
    if options.minutes > 0:
        run(options.results, options.minutes, options.accounts, options.only)
    if options.write is not None:
        write(read(options.results), options.write)


if __name__ == "__main__":
    main()
