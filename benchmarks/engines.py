"""One measurement of the co-action benchmark, in a process of its own.

    python engines.py make ACTIONS FILE          writes the synthetic log
    python engines.py ENGINE FILE WINDOW         measures, prints one line of JSON

Each engine first runs on the first 10,000 rows, so that neither compilation nor the start of its
threads is measured. The peak memory is that of the whole process: interpreter, libraries, the
frame and the result. See co_action.py, which runs these side by side.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

THREADS = 2
os.environ["POLARS_MAX_THREADS"] = str(THREADS)  # read when Polars is imported

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.feather  # noqa: E402

MIN_WEIGHT = 2
WARM_UP = 10_000

# DuckDB as most would write it: buckets of one window, each row joined to its own and to the two
# neighbouring buckets.
NEIGHBOURS = """
with own as (
    select account, object, time, time // {window} as bucket from {actions}
), other as (
    select account, object, time, unnest([bucket - 1, bucket, bucket + 1]) as bucket from own
)
select own.account as a, other.account as b, count(distinct own.object) as weight
from own join other on own.object = other.object and own.bucket = other.bucket
where own.account < other.account and abs(own.time - other.time) <= {window}
group by all having weight >= {min_weight}
"""

# DuckDB, the fastest that we found: each pair of actions is met once, from the earlier one.
PAIRS_ONCE = """
with earlier as (
    select account, object, time, time // {window} as bucket from {actions}
), later as (
    select account, object, time, unnest([bucket, bucket - 1]) as bucket from earlier
), together as (
    select least(earlier.account, later.account) as a,
           greatest(earlier.account, later.account) as b,
           object
    from earlier join later using (object, bucket)
    where earlier.account <> later.account
      and later.time between earlier.time and earlier.time + {window}
)
select a, b, count(distinct object) as weight
from together group by all having weight >= {min_weight}
"""


class Measured(NamedTuple):
    """Seconds by what was measured, and the edges: a < b, weight."""

    seconds: dict[str, float]
    a: Any
    b: Any
    weight: Any


def clock(work: Callable[[], Any]) -> tuple[Any, float]:
    begin = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begin


# -- the synthetic log ---------------------------------------------------------------------------


def synthetic(actions: int) -> pa.Table:
    """Return a log of accounts, objects and times (seconds), in no order."""
    rng = np.random.default_rng(7)
    accounts, objects = actions // 10, actions // 8
    activity = rng.lognormal(0, 1.5, accounts)
    account = rng.choice(accounts, actions, p=activity / activity.sum())
    popularity = np.arange(1, objects + 1) ** -0.9
    object_ = rng.choice(objects, actions, p=popularity / popularity.sum())
    birth = rng.uniform(0, 28 * 86_400, objects)
    delay = rng.lognormal(np.log(7_200), 1.8, actions)
    when = np.round(birth[object_] + delay).astype(np.int64)
    return pa.table({"account": account, "object": object_, "time": when})


# -- the engines ---------------------------------------------------------------------------------


def with_coordnet(frame: pa.Table, window: int) -> Measured:
    import coordnet as cn

    def read() -> cn.ActionLog:
        return cn.read_actions(
            frame, account="account", object="object", time="time", unit="s", threads=THREADS
        )

    log, reading = clock(read)
    graph, counting = clock(
        lambda: cn.co_action(log, window, min_weight=MIN_WEIGHT, threads=THREADS)
    )
    labels = np.asarray(log.all_accounts.labels.cast(pa.int64()))
    ends = labels[graph.edges["source"]], labels[graph.edges["target"]]
    seconds = {"frame": reading + counting, "read": reading, "ready": counting}
    return Measured(seconds, np.minimum(*ends), np.maximum(*ends), graph.edges["objects"])


def with_duckdb(query: str, ready: bool = False) -> Callable[[pa.Table, int], Measured]:
    def run(frame: pa.Table, window: int) -> Measured:
        import duckdb

        con = duckdb.connect(config={"threads": THREADS})
        con.register("given", frame)
        if ready:
            con.execute("create table actions as from given")
        sql = query.format(
            actions="actions" if ready else "given", window=window, min_weight=MIN_WEIGHT
        )
        edges, seconds = clock(lambda: con.sql(sql).to_arrow_table())
        columns = (edges[name].to_numpy() for name in ("a", "b", "weight"))
        return Measured({"ready" if ready else "frame": seconds}, *columns)

    return run


def with_polars(frame: pa.Table, window: int) -> Measured:
    """Like PAIRS_ONCE; the streaming engine is the faster one and needs less memory."""
    import polars as pl

    given = pl.from_arrow(frame)

    def run() -> pl.DataFrame:
        earlier = given.lazy().with_columns(bucket=pl.col("time") // window)
        later = pl.concat([earlier, earlier.with_columns(pl.col("bucket") - 1)])
        return (
            earlier.join(later, on=["object", "bucket"], suffix="_later")
            .filter(
                pl.col("account") != pl.col("account_later"),
                (pl.col("time_later") - pl.col("time")).is_between(0, window),
            )
            .select(
                "object",
                a=pl.min_horizontal("account", "account_later"),
                b=pl.max_horizontal("account", "account_later"),
            )
            .group_by("a", "b")
            .agg(weight=pl.col("object").n_unique())
            .filter(pl.col("weight") >= MIN_WEIGHT)
            .collect(engine="streaming")
        )

    edges, seconds = clock(run)
    columns = (edges[name].to_numpy() for name in ("a", "b", "weight"))
    return Measured({"frame": seconds, "ready": seconds}, *columns)


ENGINES: dict[str, Callable[[pa.Table, int], Measured]] = {
    "coordnet": with_coordnet,
    "duckdb": with_duckdb(PAIRS_ONCE),
    "duckdb-table": with_duckdb(PAIRS_ONCE, ready=True),
    "duckdb-neighbours": with_duckdb(NEIGHBOURS),
    "polars": with_polars,
}


# -- the bare loop -------------------------------------------------------------------------------


def bare_loop(frame: pa.Table, window: int) -> dict[str, Any]:
    """Time coordnet against a loop that only walks the windows, on the same log and threads."""
    import numba

    import coordnet as cn
    from coordnet.graphs import co_action
    from coordnet.threads import equal_chunks, run_chunks

    @numba.njit(nogil=True)
    def walk(account, object_, time, indptr, positions, first, last, window):  # type: ignore[no-untyped-def]
        seen = 0
        for u in range(first, last):
            for k in range(indptr[u], indptr[u + 1]):
                p = positions[k]
                q = p - 1
                while q >= 0 and object_[q] == object_[p] and time[p] - time[q] <= window:
                    seen += 1 if account[q] > u else 0
                    q -= 1
                q = p + 1
                while q < len(time) and object_[q] == object_[p] and time[q] - time[p] <= window:
                    seen += 1 if account[q] > u else 0
                    q += 1
        return seen

    log = cn.read_actions(frame, account="account", object="object", time="time", unit="s")
    span, n_accounts = window * 1_000_000, len(log.all_accounts)
    own = log.by_account
    trace = cn.CoAction(span).trace(log)
    every = co_action.find_windows(trace, n_accounts, 1)
    borders = equal_chunks(every.work, co_action.CHUNKS)
    del every

    def loop() -> int:
        return sum(
            run_chunks(
                lambda _, i: walk(
                    log.account, log.object, log.time, *own, borders[i], borders[i + 1], span
                ),
                len(borders) - 1,
                threads=THREADS,
            )
        )

    def find() -> co_action.Windows:
        return co_action.find_windows(trace, n_accounts, MIN_WEIGHT)

    def rows(windows: co_action.Windows) -> Any:
        walk = co_action.RowWalk(windows, windows.object, 0, MIN_WEIGHT, False, False)
        return co_action.collect_edges(walk, THREADS, "co-actions")

    walk(log.account, log.object, log.time, *own, 0, 1, span)
    times: dict[str, list[float]] = {"loop": [], "windows": [], "rows": []}
    seen = 0
    for _ in range(5):
        seen, seconds = clock(loop)
        times["loop"].append(seconds)
        windows, seconds = clock(find)
        times["windows"].append(seconds)
        times["rows"].append(clock(lambda found=windows: rows(found))[1])
        del windows
    return {"pairs": seen, "seconds": {name: float(np.median(t)) for name, t in times.items()}}


# -- one measurement -----------------------------------------------------------------------------


def digest(edges: Measured) -> dict[str, Any]:
    """Return the number of edges, the sum of their weights, and a digest of all three columns."""
    order = np.lexsort((edges.b, edges.a))
    digest = blake2b(digest_size=16)
    for column in (edges.a, edges.b, edges.weight):
        digest.update(column[order].astype("<i8").tobytes())
    return {
        "edges": len(edges.a),
        "weights": int(edges.weight.sum(dtype=np.int64)),
        "digest": digest.hexdigest(),
    }


def peak_gigabytes() -> float | None:
    """Return the largest memory that this process had so far, where the system tells (Linux)."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) * 1_024 / 1e9 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    name, first, second = sys.argv[1:]
    if name == "make":
        pyarrow.feather.write_feather(synthetic(int(first)), second, compression="uncompressed")
        return
    with contextlib.suppress(OSError):  # where memory runs out, let the system end this process
        Path("/proc/self/oom_score_adj").write_text("1000")
    pa.set_cpu_count(THREADS)
    frame = pyarrow.feather.read_table(first, memory_map=False)
    window = int(second)
    engine = bare_loop if name == "bare" else ENGINES[name]
    engine(frame.slice(0, WARM_UP), window)
    if name == "bare":
        print(json.dumps(bare_loop(frame, window)))
        return
    measured = ENGINES[name](frame, window)
    peak = peak_gigabytes()
    print(json.dumps({"seconds": measured.seconds, "peak": peak, **digest(measured)}))


if __name__ == "__main__":
    main()
