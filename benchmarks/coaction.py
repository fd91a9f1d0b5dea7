"""Co-action graphs: coordnet against the SQL and the Polars that a user would write, in one run.

    python benchmarks/coaction.py [--size 1|10] [--quick] [--repeat N] [--limit MINUTES]

Synthetic logs of 1 and of 10 million actions, windows of 60 s and 600 s (10 million: 60 s), edges
of two or more objects, two threads each. Every measurement is a process of its own that first runs
on a few rows, so that neither compilation nor starting is measured; engines take turns; the table
has medians and, in brackets, the range. All must give the same edges, or this stops. An engine
that runs out of memory or of time stands in the table with that. --quick takes 100,000 actions.

Needs coordnet with its extra "bench" (Polars). The largest measurement takes more than 20 GB.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PEERS = ("duckdb", "duckdb-table", "duckdb-neighbours", "polars")
NAMES = {
    "coordnet": "coordnet",
    "duckdb": "DuckDB, each pair once",
    "duckdb-table": "DuckDB, each pair once, from its own table",
    "duckdb-neighbours": "DuckDB, neighbouring buckets",
    "polars": "Polars, each pair once",
}
# By actions and window: ratios to meet to the fastest DuckDB, from a frame and from a ready log
TARGETS = {(1_000_000, 60): (5, 10), (1_000_000, 600): (15, 25), (10_000_000, 60): (12, 15)}
SPARE = 0.5e9  # with less free memory than this the measurement is stopped


def run(engine: str, file: Path, window: int, limit: float) -> dict[str, Any] | str:
    """Run one measurement and return what it printed, or why there is nothing."""
    process = subprocess.Popen(
        [sys.executable, HERE / "engines.py", engine, file, str(window)],
        stdout=subprocess.PIPE,
        cwd=file.parent,
        text=True,
    )
    end = time.monotonic() + limit
    why = ""
    while process.poll() is None:
        time.sleep(0.05)
        if free_memory() < SPARE:
            why = "out of memory"
        elif time.monotonic() > end:
            why = f"over {limit / 60:g} min"
        if why:
            process.kill()
            process.wait()
            return why
    if process.returncode < 0:
        return "out of memory"
    if process.returncode:
        sys.exit(f"{engine} failed")
    assert process.stdout is not None
    result: dict[str, Any] = json.loads(process.stdout.read())
    return result


def free_memory() -> float:
    """Return the memory that is free in bytes, where the system tells (Linux)."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return float("inf")
    return next(int(line.split()[1]) * 1_024 for line in lines if line.startswith("MemAvailable"))


def compare(file: Path, actions: int, window: int, repeat: int, limit: float) -> None:
    """Measure all engines on one log and window and print the table."""
    print(f"\n## {actions:,} actions, {window} s\n", flush=True)
    results: dict[str, list[dict[str, Any]]] = defaultdict(list)
    failed: dict[str, str] = {}
    few = 1 if actions > 1_000_000 else repeat  # the peers take minutes there
    for turn in range(repeat):
        for engine in ("coordnet", *PEERS):
            if engine in failed or (engine in PEERS and turn >= few):
                continue
            result = run(engine, file, window, limit)
            if isinstance(result, str):
                failed[engine] = result
            else:
                results[engine].append(result)
    ours = results["coordnet"][0]
    for engine, many in results.items():
        for one in many:
            same = all(one[key] == ours[key] for key in ("edges", "weights", "digest"))
            assert same, f"{engine} and coordnet give different edges: {one}, {ours}"
    print(f"{ours['edges']:,} edges, sum of weights {ours['weights']:,}, the same from all\n")
    print("| | from a frame, s | ratio | from what is loaded, s | ratio | peak memory, GB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for engine in ("coordnet", *PEERS):
        if engine in failed:
            print(f"| {NAMES[engine]} | {failed[engine]} | | | | |")
            continue
        cells = [NAMES[engine]]
        for start in ("frame", "ready"):
            cells += [spread(results[engine], start)]
            ratio = quotient(results, engine, start)
            cells += ["" if engine == "coordnet" or ratio is None else f"{ratio:.1f}"]
        peaks = [one["peak"] for one in results[engine] if one["peak"] is not None]
        cells += [f"{max(peaks):.2f}" if peaks else ""]
        print(f"| {' | '.join(cells)} |")
    met(results, actions, window)
    bare(file, window, limit)


def seconds(many: list[dict[str, Any]], start: str) -> list[float]:
    return [one["seconds"][start] for one in many if start in one["seconds"]]


def spread(many: list[dict[str, Any]], start: str) -> str:
    times = seconds(many, start)
    if not times:
        return ""
    if len(times) == 1:
        return f"{times[0]:.3g}"
    return f"{statistics.median(times):.3g} ({min(times):.3g} to {max(times):.3g})"


def quotient(results: dict[str, list[dict[str, Any]]], peer: str, start: str) -> float | None:
    """Return how many times the median of coordnet goes into that of the peer."""
    theirs = seconds(results.get(peer, []), start)
    ours = seconds(results["coordnet"], start)
    return statistics.median(theirs) / statistics.median(ours) if theirs else None


def met(results: dict[str, list[dict[str, Any]]], actions: int, window: int) -> None:
    """Print the ratios to the fastest DuckDB beside those to meet."""
    if (actions, window) not in TARGETS:
        return
    print()
    starts = {"frame": ("duckdb", "duckdb-neighbours"), "ready": ("duckdb-table",)}
    for (start, peers), least in zip(starts.items(), TARGETS[actions, window], strict=True):
        ratios = [q for peer in peers if (q := quotient(results, peer, start)) is not None]
        if ratios:
            verdict = "met" if min(ratios) >= least else "not met"
            name = "a frame" if start == "frame" else "a ready log"
            print(f"from {name}: {min(ratios):.1f} times DuckDB, to meet {least}: {verdict}")


def bare(file: Path, window: int, limit: float) -> None:
    """Print pairs a second beside the loop that only walks the windows."""
    result = run("bare", file, window, limit)
    if isinstance(result, str):
        print(f"\nbare loop: {result}")
        return
    took = result["seconds"]
    whole = took["windows"] + took["rows"]
    print(f"\n{result['pairs'] / 1e6:,.1f} million pairs seen, by two threads:")
    for name, value in (
        ("loop that only walks the windows", took["loop"]),
        ("coordnet, walking, counting, writing", took["rows"]),
        ("coordnet, all of co_action", whole),
    ):
        print(
            f"- {name}: {value:.3f} s, {result['pairs'] / value / 1e6:,.0f} million a second, "
            f"{value / took['loop']:.1f} times the loop"
        )


def machine() -> str:
    """Return the processor, its cores, the memory and the versions, as lines of a list."""
    cpu, memory = platform.processor() or platform.machine(), ""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        memory = f", {total / 1e9:.0f} GB of memory"
    except (OSError, ValueError, StopIteration):
        pass
    packages = ("coordnet", "numba", "numpy", "pyarrow", "duckdb", "polars")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    load = f", load {os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else ""
    return (
        f"- {cpu}, {os.cpu_count()} cores{memory}{load}\n"
        f"- Python {platform.python_version()}, {versions}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, choices=(1, 10), help="million actions (both)")
    parser.add_argument("--quick", action="store_true", help="100,000 actions, one turn")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="turns (3)")
    parser.add_argument(
        "--limit", type=float, default=15, metavar="MINUTES", help="for one measurement (15)"
    )
    options = parser.parse_args()
    print(machine())
    if options.quick:
        tasks = [(100_000, 60), (100_000, 600)]
    else:
        tasks = [(1_000_000, 60), (1_000_000, 600), (10_000_000, 60)]
        if options.size:
            tasks = [task for task in tasks if task[0] == options.size * 1_000_000]
    with tempfile.TemporaryDirectory() as folder:
        for actions, window in tasks:
            file = Path(folder) / f"{actions}.arrow"
            if not file.exists():
                command = [sys.executable, HERE / "engines.py", "make", str(actions), file]
                subprocess.run(command, check=True)
            repeat = 1 if options.quick else options.repeat
            compare(file, actions, window, repeat, 60 * options.limit)


if __name__ == "__main__":
    main()
