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
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from peers import METHODS as COMMUNITIES
from peers import OWN, PEERS, clusters, moments
from scipy import stats

import coordnet as cn
from coordnet.clusters.clusters import Clusters
from coordnet.inference.bounds import true_discoveries
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_clusters
from coordnet.simulation.truth import Truth

ACCOUNTS = 20_000
REPORTED = range(100, 200)  # seeds; on others coordnet's choices were made, and those of peers
CHOSEN_ON = (200,)
NOTHING = ("organic", "breaking_news", "live_events", "threads", "repeaters", "schedulers")
LOOKS = (
    "early_birds", "daily_slots", "small_fast_audience", "fandom", "newsroom", "share_buttons",
    "generic_objects", "election_public",
)  # fmt: skip
PLANTED = (
    "retweet_ring", "small_cells", "tiny_cells", "diluted", "slow_drip", "cross_trace", "metronome",
    "large_ring", "contaminated", "mixed_public", "election",
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
    "collaboration (Iannucci)",
    "BiCM, FDR 5 %",
    "coordinationz",
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
    others = (*NOTHING, *LOOKS)

    def coordnet(scenario: str) -> tuple[str, ...]:
        return (OURS, *(name for name, (where, _) in VARIANTS.items() if where == scenario))

    ten, three = REPORTED[:10], REPORTED[:3]
    by_cost = sorted(PLANTED, key=lambda scenario: scenario == "slow_drip")  # an hour: millions
    for scenarios, methods, seeds in (
        (PLANTED, None, ten),
        (others, None, three),
        (by_cost, QUICK, REPORTED[:1]),
        (by_cost, SLOW, REPORTED[:1]),
        (by_cost, QUICK, three),
        (by_cost, SLOW, three),
        (others, None, ten),
        (others, QUICK, REPORTED[:1]),
        (by_cost, QUICK, ten),
        (NOTHING, None, REPORTED[:20]),
        (others, SLOW, REPORTED[:1]),
        (by_cost, SLOW, ten),
        (NOTHING, None, REPORTED),
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
    return lambda log: PEERS[name](*as_seen(log, scenario))


def as_seen(log: cn.ActionLog, scenario: str) -> tuple[cn.ActionLog, str]:
    """Return what a peer is given of a scenario, log and window.

    In metronome it is told, as coordnet is, to look at who acts at the same moment.
    """
    if scenario == "metronome":
        return moments(log), "1s"
    return log, "1h" if scenario == "slow_drip" else "60s"


def measured(found: Clusters, truth: Truth, seconds: float, bounded: bool = False) -> Line:
    """Return what is kept of a result; `bounded` where its edges have bounds on true pairs."""
    e = cn.evaluate(found, truth)
    covert = {a for name, of in truth.groups.items() if truth.covert[name] for a in of}
    inside = {account for cluster in found for account in cluster}
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
        "honest": len(inside - covert) / len(inside) if inside else float("nan"),
        "least_held": min(held.values(), default=float("nan")),
        "seconds": seconds,
    }
    line = {key: None if np.isnan(x) else float(f"{x:.4g}") for key, x in values.items()}
    numbers = {
        "clusters": e.clusters, "accounts": len(inside), "honest_accounts": len(inside - covert)
    }  # fmt: skip
    return numbers | line | (bounds_and_truth(found, truth) if bounded else {})


def bounds_and_truth(found: Clusters, truth: Truth) -> Line:
    """Return the bound on true pairs beside the pairs that are true, of one covert group.

    Of all pairs that share a cluster, as one set: "bound", "true" and "pairs"; the bound is that of
    the layer where it is highest. Cluster by cluster: the sum of the bounds that are shown for them
    and how many are above their truth. Of all kept edges: the bound, and the true pairs of all.
    "over" says whether any of these bounds is above its truth. A pair of one benign group counts as
    chance here, as does one of two cells, so that the truth is the least that can be said.
    """
    group = np.full(len(found.all_accounts), -1)
    for g, name in enumerate(name for name in truth.groups if truth.covert[name]):
        group[found.all_accounts.codes_of(truth.groups[name], missing="ignore")] = g
    every: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    shown = over = 0
    for i in range(len(found)):
        codes = found.members(i).astype(np.int64)
        u, v = (codes[at] for at in np.triu_indices(len(codes), 1))
        every.append(u << 32 | v)
        least = bound_of(found.layers[int(found.layer_of[i])], every[-1])
        shown += least
        over += least > int(((group[u] == group[v]) & (group[u] >= 0)).sum())
    pairs = np.unique(np.concatenate(every))
    u, v = pairs >> 32, pairs & 0xFFFFFFFF
    bound = max((bound_of(layer, pairs) for layer in found.layers), default=0)
    true = int(((group[u] == group[v]) & (group[u] >= 0)).sum())
    of_all = max((cn.true_pairs(layer) for layer in found.layers), default=0)
    sizes = np.bincount(group[group >= 0])
    planted = int((sizes * (sizes - 1) // 2).sum())
    return {
        "pairs": len(pairs), "true": true, "bound": bound, "bound_shown": shown,
        "clusters_over": int(over), "bound_all": of_all, "true_all": planted,
        "over": bool(over or bound > true or of_all > planted),
    }  # fmt: skip


def bound_of(layer: cn.CoordinationGraph, pairs: NDArray[np.int64]) -> int:
    """Return how many of these pairs, source * 2^32 + target, act together beyond chance."""
    keys = layer.edges["source"].astype(np.int64) << 32 | layer.edges["target"]  # ascending
    at = np.minimum(np.searchsorted(keys, pairs), max(len(keys) - 1, 0))
    edges = at[keys[at] == pairs] if len(keys) else at[:0]
    test = layer.tested
    return true_discoveries(layer.edges["p_family"][edges], test.null_pairs, test.bound_alpha)


def run(results: Path, minutes: float, accounts: int, only: tuple[str, ...] | None) -> None:
    """Run what is missing in the results file, for about so many minutes."""
    done = {(line["scenario"], line["seed"], line["method"]) for line in read(results)}
    warnings.simplefilter("ignore", cn.CoordnetWarning)
    small = cn.simulate("retweet_ring", accounts=500, seed=10_000).log
    for name in (OURS, *PEERS):  # compile
        method(name, "retweet_ring")(small)
    method(OURS, "metronome")(small)
    end = time.monotonic() + 60 * minutes
    results.parent.mkdir(parents=True, exist_ok=True)
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
            begin = time.process_time()  # the machine may do other things: processor seconds
            found = method(name, scenario)(sim.log)
            seconds = time.process_time() - begin
            line = {"scenario": scenario, "seed": seed, "method": name}
            line |= measured(found, sim.truth, seconds, name == OURS or name in VARIANTS)
            append(results, line)
            done.add((scenario, seed, name))


def choose(results: Path, accounts: int, only: tuple[str, ...] | None) -> None:
    """Run peers with every way to find communities, on seeds that are not reported."""
    warnings.simplefilter("ignore", cn.CoordnetWarning)
    names = ("scenario", "seed", "accounts", "method")
    done = {tuple(line[name] for name in names) for line in read(results)}
    results.parent.mkdir(parents=True, exist_ok=True)
    for seed in CHOSEN_ON:
        for scenario in PLANTED:
            sim = cn.simulate(scenario, accounts=accounts, seed=seed)
            for name, peer in PEERS.items():
                key = (scenario, seed, accounts, name)
                if key in done or (only is not None and not name.startswith(only)):
                    continue
                network = peer.network(*as_seen(sim.log, scenario))
                tried = (OWN, *COMMUNITIES) if isinstance(network, Clusters) else COMMUNITIES
                line: Line = {**dict(zip(names, key, strict=True)), "tried": {}}
                for how in tried:
                    begin = time.process_time()
                    found = clusters(network, how)
                    seconds = time.process_time() - begin
                    line["tried"][how] = measured(found, sim.truth, seconds)
                append(results, line)


def append(results: Path, line: Line) -> None:
    """Add a line to a results file; one that a kill cut short is ended first."""
    with results.open("a+b") as file:
        if file.tell():
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(json.dumps(line).encode() + b"\n")


def choice_table(lines: list[Line]) -> str:
    """Return the mean of F1 and WP over scenarios and seeds; the best of each peer in bold."""
    ways = (OWN, *COMMUNITIES)
    rows = []
    for name in PEERS:
        of = [line["tried"] for line in lines if line["method"] == name]
        row = [name]
        mean = {
            how: statistics.mean(((t[how]["f1"] or 0) + (t[how]["wp"] or 0)) / 2 for t in of)
            for how in ways
            if of and all(how in t for t in of)
        }
        for how in ways:
            text = f"{mean[how]:.3f}" if how in mean else ""
            row.append(f"**{text}**" if text and mean[how] == max(mean.values()) else text)
        rows.append([*row, str(len(of))])
    return table(("method", *ways, "populations"), rows)


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
    "clusters": "clusters", "honest accounts": "honest", "s": "seconds",
}  # fmt: skip
FORMS = {"clusters": "{:g}", "seconds": "{:.1f}"}
FORMS |= dict.fromkeys(("accounts", "pairs", "true", "bound", "bound_shown"), "{:,.0f}")
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
    form = FORMS.get(key, "{:.3f}")
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
    if len(methods) < 2:
        return "Too few methods were run on every scenario.\n"
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
    head = ["method", *(f"{k.upper()}, {w}" for w in ("the four hard", "all") for k in BEST)]
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


def bounds_table(cells: dict[tuple[str, str], dict[int, Line]]) -> str:
    """Return the bound on true pairs beside the truth, of coordnet."""
    rows = []
    for scenario in PLANTED:
        for m in (OURS, *VARIANTS):
            lines = list(cells.get((scenario, m), {}).values())
            if not lines:
                continue
            numbers = [spread(lines, key) for key in ("pairs", "true", "bound", "bound_shown")]
            above = sum(line["over"] for line in lines)
            rows.append([scenario, m, str(len(lines)), *numbers, str(above)])
    head = (
        "scenario", "", "runs", "pairs in clusters", "of them in one covert group",
        "at least, of all together", "sum over clusters", "runs with a bound above the truth",
    )  # fmt: skip
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
    if not any("".join(row[1:]) for row in rows):
        return "No peer was run on these.\n"
    return table(("scenario", *PEERS), rows)


def write(lines: list[Line], chosen: list[Line], document: Path) -> None:
    """Put all tables into the document."""
    cells = by_cell(lines)
    tables = {
        "choice": choice_table(chosen),
        "planted": planted_table(cells),
        "bounds": bounds_table(cells),
        "ranks": rank_table(cells),
        "nothing": nothing_table(cells),
        "peers": peers_table(cells),
    }
    put(tables, document)


def put(tables: dict[str, str], document: Path) -> None:
    """Put each table between its marks in the document."""
    text = document.read_text(encoding="utf-8")
    for name, made in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        if begin not in text or end not in text:
            raise SystemExit(f"{document} has no marks {begin.strip()} and {end}")
        head, rest = text.split(begin)
        _, tail = rest.split(end)
        text = f"{head}{begin}\n{made.strip()}\n\n{end}{tail}"
    document.write_text(text, encoding="utf-8")


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
    parser.add_argument("--only", metavar="NAME", nargs="+", help="methods whose name starts so")
    parser.add_argument(
        "--choose", action="store_true", help="try all communities for all peers, and print that"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into it")
    options = parser.parse_args()
    only = None if options.only is None else tuple(options.only)
    if options.choose:
        chosen = options.results.with_name("choice.jsonl")
        choose(chosen, options.accounts, only)
        sys.stdout.write(choice_table(read(chosen)))
    elif options.minutes > 0:
        run(options.results, options.minutes, options.accounts, only)
    if options.write is not None:
        chosen = read(options.results.with_name("choice.jsonl"))
        write(read(options.results), chosen, options.write)


if __name__ == "__main__":
    main()
