"""Time and memory at 1, 10 and 100 million actions: in memory, from a store, on Spark, in SQL.

    python benchmarks/scale.py [--sizes 1 10] [--memory 1GB] [--folder DIR] [--write docs/scale.md]

The synthetic log of engines.py, a window of 60 s, edges of two or more objects, two threads. Every
measurement is a process of its own; its peak memory is that of the whole process: interpreter,
libraries, data, and what it has mapped of files. "on top" is its own memory without mapped files,
which the system takes back when it needs it. What is measured goes to results.jsonl in the folder,
a line each; what is there already is not measured again. --write puts the table into the document.

100 million actions need 60 GB of disk and half an hour. Spark needs Java and coordnet's extra.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
THREADS = 2
WINDOW, MIN_WEIGHT = "60s", 2
NAMES = {"account": "account", "object": "object", "time": "time", "unit": "s"}
GROUPS = 40  # planted, where scores are measured
LIMIT = 5_400  # seconds after which a measurement is given up


# -- one measurement, in a process of its own ------------------------------------------------------


def memory_of(name: str) -> int:
    """Return a line of the process's status in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0


def written(folder: Path, memory: str | None) -> dict[str, Any]:
    """Write a store from Parquet."""
    import coordnet as cn

    cn.write_store(
        str(folder / "actions.parquet"), folder / "store", memory=memory, threads=THREADS, **NAMES
    )
    return {}


def tested(log: Any, memory: str | None) -> dict[str, Any]:
    import coordnet as cn

    begin = time.perf_counter()
    graph = cn.co_action(log, WINDOW, min_weight=MIN_WEIGHT, memory=memory, threads=THREADS)
    made = time.perf_counter() - begin
    tested = graph.test(memory=memory, threads=THREADS)
    return {
        "edges": graph.n_edges,
        "weights": int(graph.weights.sum(dtype="int64")),
        "graph": made,
        "tests": time.perf_counter() - begin - made,
        "least_q": float(tested.edges["q_value"].min(initial=1.0)),
    }


def from_store(folder: Path, memory: str | None) -> dict[str, Any]:
    """Make and test the edges of a store."""
    import coordnet as cn

    return tested(cn.open_store(folder / "store"), memory)


def in_memory(folder: Path, memory: str | None) -> dict[str, Any]:
    """Read Parquet, make and test the edges, all in memory."""
    import coordnet as cn

    log = cn.read_actions(str(folder / "actions.parquet"), threads=THREADS, **NAMES)
    return tested(log, None)


def detected(folder: Path, memory: str | None) -> dict[str, Any]:
    """Detect in a store, without scores; there is nothing to be found."""
    import coordnet as cn

    run = cn.detect(
        cn.open_store(folder / "store"), WINDOW, memory=memory, score=False, threads=THREADS
    )
    return {"clusters": len(run.clusters)}


def scored(folder: Path, memory: str | None) -> dict[str, Any]:
    """Detect and score in a store with planted groups."""
    import coordnet as cn

    run = cn.detect(cn.open_store(folder / "planted"), WINDOW, memory=memory, threads=THREADS)
    return {"clusters": len(run.clusters)}


def on_spark(folder: Path, memory: str | None) -> dict[str, Any]:
    """Make the edges of a ready store by Spark, local[2]; the session is there before."""
    import coordnet as cn
    from coordnet.engines.spark import session

    spark = session(cores=THREADS)
    spark.range(10).count()
    store = cn.open_store(folder / "store")
    begin = time.perf_counter()
    graph = cn.co_action(store, WINDOW, min_weight=MIN_WEIGHT, engine=spark)
    seconds = time.perf_counter() - begin
    found = {"edges": graph.n_edges, "weights": int(graph.weights.sum(dtype="int64"))}
    spark.stop()
    return {**found, "graph": seconds}


def in_sql(folder: Path, memory: str | None) -> dict[str, Any]:
    """Make the edges by DuckDB's join of buckets, each pair once."""
    import duckdb
    from engines import PAIRS_ONCE

    con = duckdb.connect(
        config={
            "threads": THREADS,
            "preserve_insertion_order": False,  # else it takes more than 20 GB at 10 million
            "temp_directory": str(folder / "duckdb"),
        }
    )
    sql = PAIRS_ONCE.format(
        actions=f"'{folder / 'actions.parquet'}'", window=60, min_weight=MIN_WEIGHT
    )
    begin = time.perf_counter()
    edges = con.sql(sql).to_arrow_table()
    seconds = time.perf_counter() - begin
    return {"edges": len(edges), "weights": sum(edges["weight"].to_pylist()), "graph": seconds}


WAYS: dict[str, Callable[[Path, str | None], dict[str, Any]]] = {
    "write_store": written,
    "from_store": from_store,
    "in_memory": in_memory,
    "detect": detected,
    "scored": scored,
    "spark": on_spark,
    "sql": in_sql,
}
SHOWN = {
    "write_store": "`write_store`, from Parquet",
    "from_store": "`co_action` and `test`, from the store",
    "in_memory": "read, `co_action` and `test`, in memory",
    "detect": "`detect`, from the store, without scores",
    "scored": "`detect` with scores, from a store with 40 planted groups",
    "spark": "`co_action` on Spark `local[2]`, from the store",
    "sql": "DuckDB's bucket join, from Parquet, edges alone",
}


def measure(way: str, folder: Path, memory: str | None) -> None:
    """Run one way here and print what it took, as JSON."""
    os.environ["COORDNET_DISK"] = str(folder)
    own = [0]

    def watch() -> None:
        while True:
            own[0] = max(own[0], memory_of("RssAnon"))
            time.sleep(0.02)

    threading.Thread(target=watch, daemon=True).start()
    wall, processor = time.perf_counter(), time.process_time()
    found = WAYS[way](folder, memory)
    found |= {
        "seconds": time.perf_counter() - wall,
        "processor": time.process_time() - processor,
        "peak": memory_of("VmHWM"),
        "own": own[0],
    }
    sys.stdout.write(json.dumps(found) + "\n")


# -- all of them -----------------------------------------------------------------------------------


def make(size: int, folder: Path) -> None:
    """Write the log of so many million actions as Parquet."""
    import pyarrow.feather
    import pyarrow.parquet

    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "actions.arrow"
    subprocess.run(
        [sys.executable, HERE / "engines.py", "make", str(size * 10**6), made], check=True
    )
    table = pyarrow.feather.read_table(made, memory_map=True)
    pyarrow.parquet.write_table(table, folder / "actions.parquet")
    made.unlink()


def plant(folder: Path) -> None:
    """Write a store of the log with GROUPS groups that act together on 30 to 120 objects each."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet

    import coordnet as cn

    table = pyarrow.parquet.read_table(folder / "actions.parquet")
    rng = np.random.default_rng(5)
    account, object_ = (table[name].to_numpy() for name in ("account", "object"))
    parts = [table]
    for _ in range(GROUPS):
        members = np.unique(rng.choice(account, int(rng.integers(6, 60))))
        objects = np.unique(rng.choice(object_, int(rng.integers(30, 120))))
        there = rng.random((len(objects), len(members))) < 0.8
        when = rng.integers(0, 28 * 86_400, (len(objects), 1)) + rng.integers(0, 20, there.shape)
        columns = {
            "account": np.broadcast_to(members, there.shape)[there],
            "object": np.broadcast_to(objects[:, None], there.shape)[there],
            "time": when[there],
        }
        parts.append(pa.table(columns).cast(table.schema))
    cn.write_store(pa.concat_tables(parts), folder / "planted", **NAMES)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 10], help="in millions (1 10)")
    parser.add_argument("--memory", nargs="+", default=["1GB"], help="limits to try (1GB)")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--folder", type=Path, default=Path("build/scale"), help="(build/scale)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into it")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        way, folder, memory = options.measure
        measure(way, Path(folder), memory if memory != "none" else None)
        return
    results = options.folder / "results.jsonl"
    options.folder.mkdir(parents=True, exist_ok=True)
    lines = read(results)
    for size in options.sizes:
        folder = options.folder / str(size)
        if not (folder / "actions.parquet").exists():
            make(size, folder)
        for way in options.ways:
            if way == "scored" and not (folder / "planted").exists():
                plant(folder)
            limited = way in ("write_store", "from_store", "detect", "scored")
            for memory in options.memory if limited else ["none"]:
                key = {"size": size, "way": way, "memory": memory}
                if any(line.items() >= key.items() for line in lines):
                    continue
                command = [sys.executable, __file__, "--measure", way, folder, memory]
                try:
                    ran = subprocess.run(
                        command, stdout=subprocess.PIPE, text=True, timeout=LIMIT, check=False
                    )
                    line = json.loads(ran.stdout.splitlines()[-1]) if ran.returncode == 0 else {}
                except subprocess.TimeoutExpired:
                    line = {}
                lines.append({**key, **line})
                with results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(lines[-1]) + "\n")
                sys.stdout.write(f"{lines[-1]}\n")
    same = {}
    for line in lines:
        if "edges" in line:
            found = line["edges"], line["weights"]
            if same.setdefault(line["size"], found) != found:
                raise SystemExit(f"{line} found other edges than {same[line['size']]}")
    if options.write is not None:
        from detection import put

        put({"scale": table(lines)}, options.write)


def read(results: Path) -> list[dict[str, Any]]:
    """Return the lines of the results, none where there is no file."""
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]


def table(lines: list[dict[str, Any]]) -> str:
    """Return what was measured as a table."""
    rows = [
        "| million actions | what | `memory=` | seconds | of the processor | peak, GB | "
        "own, GB | edges |",
        "| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    order = list(WAYS)
    for line in sorted(lines, key=lambda one: (one["size"], order.index(one["way"]))):
        told = [str(line["size"]), SHOWN[line["way"]], line["memory"].replace("none", "")]
        if "seconds" not in line:
            told += ["no result: out of memory, or more than 90 minutes", "", "", "", ""]
        else:
            on_spark = line["way"] == "spark"  # its own session took time too, and its processes
            seconds = line["graph"] if on_spark else line["seconds"]
            processor = "" if on_spark else f"{line['processor']:,.0f}"
            gigabytes = [f"{line[name] / 1e9:.2f}" for name in ("peak", "own")]
            edges = f"{line['edges']:,}" if "edges" in line else ""
            told += [f"{seconds:,.0f}", processor, *gigabytes, edges]
        rows.append(f"| {' | '.join(told)} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
