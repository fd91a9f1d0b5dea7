"""Whether coordnet keeps what it promises: nothing where nothing is, few honest accounts, bounds.

    python benchmarks/calibration.py [--results FILE] [--detection FILE] [--minutes N]
        [--retweets russian_coord_tweets.csv.gz] [--ira ira_tweets.parquet]
        [--write docs/benchmark.md]

Four parts, each at the defaults with a window of 60 s unless said:

nothing   populations of 2,000 accounts in which nobody coordinates, 100 seeds of each kind
real      real logs of which chance was made: accounts shuffled over rows, delays resampled,
          profiles swapped (only with --retweets, --ira)
mixed     a campaign in a public of early birds, event viewers, repeaters, daily slots, schedulers
bounds    how often a bound on true pairs is above the truth: here, on small populations of all
          planted scenarios, and in the lines of detection.py (--detection)

The results file has a line of JSON a run, and a run that was stopped goes on where it was. One
process, one thread.
"""

import argparse
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import detection
from detection import ASKED, NOTHING, OURS, PLANTED, REPORTED, Line, measured, ours, tolerated

import coordnet as cn
from coordnet.inference import null_logs
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_clusters

SMALL = 2_000  # accounts of the populations in which nothing is planted
NULL_LOGS = {
    "accounts shuffled": null_logs.shuffled_accounts,
    "delays resampled": null_logs.resampled_delays,
    "profiles swapped": null_logs.swapped_profiles,
}
RETWEETS = "35,125 retweets"
IRA = "1,183,032 retweets of the IRA"
WINDOWS = {RETWEETS: ("10s", "60s", "600s"), IRA: ("300s",)}  # IRA: times in whole minutes
COLUMNS = {
    RETWEETS: {
        "account": "account_id", "object": "object_id", "time": "timestamp_share",
        "post": "content_id",
    },
    IRA: {"account": "account_id", "object": "text", "time": "published_at", "kind": "kind"},
}  # fmt: skip
# accounts, share of them that is the campaign, seeds, seeds without cleaning the background
MIXED = (
    (20_000, 0.02, 10, 2), (20_000, 0.1, 7, 3), (20_000, 0.3, 3, 3), (5_000, 0.02, 10, 2),
    (2_000, 0.02, 30, 30),
)  # fmt: skip
CLEAN = {"mixed_public": True, "mixed_public, clean_background=False": False}
MEDIUM = 5_000  # accounts of the populations that only the bounds are looked at in
Key = tuple[str, str, int, float, int]


# -- running -------------------------------------------------------------------------------------


def tasks(real: dict[str, Path]) -> Iterator[Key]:
    """Yield (part, what, accounts, share of campaign, seed), so that some of all comes first."""

    def nothing(seeds: range) -> Iterator[Key]:
        yield from (("nothing", what, SMALL, 0.0, seed) for seed in seeds for what in NOTHING)

    def made_of(name: str, seeds: range) -> Iterator[Key]:
        for seed in seeds if name in real else ():
            for within in WINDOWS[name]:
                for how in NULL_LOGS:
                    yield "real", f"{name}|{within}|{how}", 0, 0.0, seed

    yield from nothing(REPORTED[:20])
    yield from made_of(RETWEETS, range(20))
    for what, clean in CLEAN.items():
        for accounts, share, *seeds in MIXED:
            for seed in REPORTED[: seeds[0 if clean else 1]]:
                yield "mixed", what, accounts, share, seed
    yield from made_of(IRA, range(2))
    yield from nothing(REPORTED)
    for seed in REPORTED[:10]:
        for what in PLANTED:
            yield "bounds", what, MEDIUM, 0.0, seed
    yield from made_of(IRA, range(20))


def run(results: Path, minutes: float, real: dict[str, Path]) -> None:
    """Run what is missing in the results file, for about so many minutes."""
    warnings.simplefilter("ignore", cn.CoordnetWarning)
    results.parent.mkdir(parents=True, exist_ok=True)
    done = {key_of(line) for line in detection.read(results)}
    end = time.monotonic() + 60 * minutes
    logs: dict[str, cn.ActionLog] = {}
    for key in tasks(real):
        if key in done:
            continue
        if time.monotonic() > end:
            return
        part, what, accounts, share, seed = key
        if part == "real":
            name, within, made = what.split("|")
            if name not in logs:
                log = cn.read_actions(real[name], **COLUMNS[name])
                logs[name] = log.select("retweet") if name == IRA else log
            null = NULL_LOGS[made](logs[name], seed)
            begin = time.process_time()
            found = search_clusters(null, Configuration(within), threads=1)
            line = {
                "edges": found.layers.combined.n_edges, "clusters": len(found.clusters),
                "seconds": round(time.process_time() - begin, 2),
            }  # fmt: skip
        else:
            scenario, options, rule = what, {}, ASKED.get(what, {})
            if part == "mixed":
                scenario, options = "mixed_public", {"share": share}
                rule = {"clean_background": CLEAN[what]}
            sim = cn.simulate(scenario, accounts=accounts, seed=seed, **options)
            begin = time.process_time()
            clusters = ours(**rule)(sim.log)
            line = measured(clusters, sim.truth, time.process_time() - begin, bounded=True)
            line["honest_in_all"] = honest_in_all(line, sim)
        names = ("part", "what", "accounts", "share", "seed")
        detection.append(results, {**line, "of": dict(zip(names, key, strict=True))})
        done.add(key)


def key_of(line: Line) -> Key:
    """Return which run a line of the results is of."""
    of = line["of"]
    return of["part"], of["what"], of["accounts"], of["share"], of["seed"]


def honest_in_all(line: Line, sim: cn.Simulation) -> float:
    """Return the share of all honest accounts of the log that stand in a cluster."""
    truth = sim.truth
    covert = [a for name, of in truth.groups.items() if truth.covert[name] for a in of]
    codes = sim.log.codes_of(covert, missing="ignore")
    acting = sim.log.n_accounts - len(codes)
    return float(f"{line['honest_accounts'] / acting:.4g}")


# -- the tables ----------------------------------------------------------------------------------


def nothing_table(lines: list[Line], full: list[Line]) -> str:
    """Return how often anything is reported where nothing is planted, small and at full size."""
    sizes = (
        (f"{SMALL:,}", [(x["of"]["what"], x) for x in lines if x["of"]["part"] == "nothing"]),
        (
            f"{detection.ACCOUNTS:,}",
            [(x["scenario"], x) for x in full if x["method"] == OURS and x["scenario"] in NOTHING],
        ),
    )
    rows = []
    for accounts, runs in sizes:
        for what in (*NOTHING, "all six"):
            some = [x["clusters"] > 0 for name, x in runs if what in (name, "all six")]
            if some:
                rows.append([what, accounts, str(len(some)), str(sum(some)), tolerated(len(some))])
    head = ("population", "accounts", "runs", "with any cluster", "tolerated")
    return detection.table(head, rows)


def real_table(lines: list[Line]) -> str:
    """Return how often anything is kept of null logs made of real ones."""
    of: dict[tuple[str, ...], list[Line]] = defaultdict(list)
    for line in lines:
        if line["of"]["part"] == "real":
            of[tuple(line["of"]["what"].split("|"))].append(line)
    rows = [
        [
            *key, str(len(runs)), str(sum(x["edges"] > 0 for x in runs)),
            str(sum(x["clusters"] > 0 for x in runs)), tolerated(len(runs)),
        ]
        for key, runs in sorted(of.items(), key=lambda item: list(COLUMNS).index(item[0][0]))
    ]  # fmt: skip
    head = (
        "made of", "window", "how", "null logs", "with any edge", "with any cluster", "tolerated",
    )  # fmt: skip
    return detection.table(head, rows, 3)


def mixed_table(lines: list[Line]) -> str:
    """Return what is found of a campaign in a mixed public, and who else."""
    rows = []
    for accounts, share, *_ in MIXED:
        for what, clean in CLEAN.items():
            runs = mixed(lines, what, accounts, share)
            if not runs:
                continue
            keys = ("precision", "recall", "honest", "honest_in_all")
            rows.append([
                f"{accounts:,}", f"{100 * share:g} %", "yes" if clean else "no",
                str(len(runs)), *(detection.spread(runs, key) for key in keys),
                str(sum(x["honest_in_all"] > 0.01 for x in runs)),
                str(sum(x["over"] for x in runs)),
            ])  # fmt: skip
    head = (
        "accounts", "campaign", "cleaned", "runs", "precision", "recall",
        "honest, of the accounts in clusters", "in clusters, of all honest accounts",
        "runs with more than 1 % of them", "runs with a bound above the truth",
    )  # fmt: skip
    return detection.table(head, rows, 0)


def bounds_table(lines: list[Line], full: list[Line]) -> str:
    """Return how often a bound on true pairs is above the truth."""
    of: dict[str, list[Line]] = {
        f"planted, {detection.ACCOUNTS:,} accounts": [
            x for x in full if x["method"] == OURS and x["scenario"] in PLANTED
        ],
        f"planted, {MEDIUM:,} accounts": [x for x in lines if x["of"]["part"] == "bounds"],
    }
    for accounts, share, *_ in MIXED:
        name = f"mixed_public, {accounts:,} accounts, campaign {100 * share:g} %"
        of[name] = mixed(lines, "mixed_public", accounts, share)
    rows = [
        [name, str(len(runs)), str(sum(x["over"] for x in runs)), tolerated(len(runs))]
        for name, runs in of.items()
        if runs
    ]
    return detection.table(("populations", "runs", "a bound above the truth", "tolerated"), rows)


def mixed(lines: list[Line], what: str, accounts: int, share: float) -> list[Line]:
    """Return the runs on mixed populations of a size, and of a share of the campaign."""
    asked = ("mixed", what, accounts, share)
    return [x for x in lines if key_of(x)[:4] == asked]


def write(lines: list[Line], full: list[Line], document: Path) -> None:
    """Put each table between its marks in the document."""
    detection.put(
        {
            "calibration: nothing": nothing_table(lines, full),
            "calibration: real": real_table(lines),
            "calibration: mixed": mixed_table(lines),
            "calibration: bounds": bounds_table(lines, full),
        },
        document,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=Path("build/calibration.jsonl"))
    parser.add_argument("--detection", type=Path, default=Path("build/detection.jsonl"))
    parser.add_argument("--minutes", type=float, default=float("inf"), help="start nothing later")
    parser.add_argument("--retweets", type=Path, help="the sample of CooRTweet")
    parser.add_argument("--ira", type=Path, help="posts of the IRA")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into it")
    options = parser.parse_args()
    files = {RETWEETS: options.retweets, IRA: options.ira}
    if options.minutes > 0:
        run(options.results, options.minutes, {k: v for k, v in files.items() if v is not None})
    if options.write is not None:
        lines, full = (detection.read(file) for file in (options.results, options.detection))
        write(lines, full, options.write)


if __name__ == "__main__":
    main()
