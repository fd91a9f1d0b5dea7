"""What testing costs beside the co-action graph that is tested.

    python benchmarks/testing_cost.py [--size 1|10] [--quick] [--repeat N] [--null-runs N]

The synthetic logs of coaction.py, 1 million actions at 60 s and at 600 s and 10 million at 60 s,
two threads, edges of two or more objects: seconds for the graph from a ready log, for the edge
tests of detect (both nulls), and for its search of groups; medians of several turns and, in
brackets, the range. Ratios are of processor time, which other work on the machine changes less.
And null runs of the whole detection on a simulated log of 400,000 actions.
"""

import argparse
import math
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from coaction import machine
from engines import THREADS, synthetic

import coordnet as cn
from coordnet.clusters.groups import grow_groups
from coordnet.graphs.relation import Against
from coordnet.inference.group_test import GroupTester
from coordnet.robustness.null_runs import run_nulls
from coordnet.search.configuration import Configuration

TASKS = ((1_000_000, 60), (1_000_000, 600), (10_000_000, 60))
LEVEL = 0.05 / 2  # what edges and groups of detect each get of its 5 %


Seconds = dict[str, list[tuple[float, float]]]  # of each turn: by the clock, of the processor


def clock(seconds: Seconds, name: str, call: Callable[[], Any]) -> Any:
    begin = time.perf_counter(), time.process_time()
    result = call()
    seconds[name].append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
    return result


def measure(log: cn.ActionLog, window: int, repeat: int) -> tuple[Seconds, str]:
    """Return the seconds of each stage, and what came out."""
    seconds: Seconds = defaultdict(list)
    said = ""
    for _ in range(repeat):
        graph = clock(
            seconds, "graph", lambda: cn.co_action(log, window, min_weight=2, threads=THREADS)
        )
        statistics = graph.relation.statistics(log, Against(), THREADS)

        def test(graph: cn.CoordinationGraph = graph, counted: Any = statistics) -> Any:
            return graph.tested_against(Against(), counted, THREADS)

        tested = clock(seconds, "edge tests", test)
        kept = tested.keep(fdr=LEVEL)

        def groups(tested: Any = tested, kept: Any = kept, counted: Any = statistics) -> Any:
            known = cn.find_clusters(kept)
            return grow_groups(GroupTester(counted), tested, -math.log10(LEVEL), 3, known)

        found = clock(seconds, "groups", groups)
        said = f"{graph.n_edges:,} edges tested, {kept.n_edges:,} kept, {len(found):,} groups"
    return seconds, said


def spread(turns: list[tuple[float, float]]) -> str:
    times = [clocked for clocked, _ in turns]
    if len(times) == 1:
        return f"{times[0]:.3g}"
    return f"{statistics.median(times):.3g} ({min(times):.3g} to {max(times):.3g})"


def read(actions: int) -> cn.ActionLog:
    columns = {"account": "account", "object": "object", "time": "time"}
    return cn.read_actions(synthetic(actions), **columns, unit="s")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, choices=(1, 10), help="million actions (both)")
    parser.add_argument("--quick", action="store_true", help="100,000 actions, one turn")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="turns (3)")
    parser.add_argument(
        "--null-runs", type=int, default=100, metavar="N", help="of each of the two kinds (100)"
    )
    options = parser.parse_args()
    tasks = [task for task in TASKS if options.size in (None, task[0] // 1_000_000)]
    if options.quick:
        tasks, options.repeat, options.null_runs = [(100_000, 60)], 1, 2
    print(machine())
    measure(read(10_000), 60, 1)  # compile
    print("\n| actions | window | graph, s | edge tests, s | ratio | groups, s | ratio | |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    log = None
    for actions, window in tasks:
        if log is None or len(log) < 0.9 * actions:
            log = read(actions)
        seconds, said = measure(log, window, options.repeat)
        cells = [f"{actions:,}", f"{window} s", spread(seconds["graph"])]
        for name in ("edge tests", "groups"):
            cpu, base = (statistics.median(c for _, c in seconds[n]) for n in (name, "graph"))
            cells += [spread(seconds[name]), f"{cpu / base:.2f}"]
        print(f"| {' | '.join(cells)} | {said} |", flush=True)
    if options.null_runs:
        del log
        ring = cn.simulate("retweet_ring", seed=0).log
        rule = Configuration("60s")
        run_nulls(ring, rule, 1, threads=THREADS)
        turn: Seconds = defaultdict(list)
        found = clock(turn, "", lambda: run_nulls(ring, rule, options.null_runs, threads=THREADS))
        print(
            f"\n{2 * options.null_runs} null runs, half with shuffled accounts and half with "
            f"swapped profiles, of {len(ring):,} "
            f"actions: {turn[''][0][0]:.0f} s by the clock, {turn[''][0][1]:.0f} s of the "
            f"processor; something found in {found.share_with_clusters:.1%}"
        )


if __name__ == "__main__":
    main()
