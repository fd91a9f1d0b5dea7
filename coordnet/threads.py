"""Run kernels side by side: chunks of equal work, results in order, progress, a clean stop."""

from __future__ import annotations

import numbers
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coordnet.errors import ParameterError, shown
from coordnet.progress import stage

CHUNKS = 64  # enough for an even load, few enough to cost nothing
MOST = 1024  # more than any machine has; far more would take all memory for their stacks
T = TypeVar("T")


def thread_count(threads: int | None = None) -> int:
    """Return `threads`, else the environment's COORDNET_THREADS, else the processors there are."""
    if threads is None:
        asked = os.environ.get("COORDNET_THREADS", "")
        if asked:
            try:
                threads = int(asked)
            except ValueError:
                raise ParameterError(
                    f"COORDNET_THREADS={shown(asked)} is not a number; unset it or set it "
                    "to 1 or more."
                ) from None
        elif hasattr(os, "sched_getaffinity"):
            threads = len(os.sched_getaffinity(0))
        else:
            threads = os.cpu_count() or 1
    whole = isinstance(threads, numbers.Integral) and not isinstance(threads, bool)
    if not whole or not 1 <= threads <= MOST:
        raise ParameterError(
            f"threads={shown(threads)} is not a number of threads; use 1 to {MOST}."
        )
    return int(threads)


def equal_chunks(work: NDArray[np.int64], chunks: int) -> NDArray[np.int64]:
    """Cut rows into at most `chunks` stretches of about equal work.

    Returns the borders, int64 (stretches + 1,), from 0 to ``len(work)``. The stretches depend on
    the work alone, never on the number of threads.
    """
    total = np.cumsum(work)
    if len(total) == 0 or total[-1] == 0:
        return np.array([0, len(work)], np.int64)
    cuts = np.searchsorted(total, np.linspace(0, float(total[-1]), chunks + 1)[1:-1]) + 1
    return np.unique(np.concatenate([[0], np.minimum(cuts, len(work)), [len(work)]])).astype(
        np.int64
    )


def run_chunks(
    task: Callable[[Any, int], T],
    n: int,
    *,
    threads: int | None = None,
    scratch: Callable[[], Any] = lambda: None,
    weights: ArrayLike | None = None,
    label: str = "",
) -> list[T]:
    """Call ``task(scratch, i)`` for i in 0..n-1 on threads and return the results in that order.

    Parameters
    ----------
    task
        Called from worker threads; it must release the GIL to gain anything.
    n
        Number of calls.
    threads
        Number of worker threads; None means all processors.
    scratch
        Called once in each worker; what it returns is given to each task of that worker.
    weights
        How much of the progress each call is worth.
    label
        Name of the step, for :func:`coordnet.progress.stage`; without one nothing is shown of it.

    An exception or Ctrl-C drops the calls that have not begun and is raised when the running
    ones have ended.
    """
    results: list[Any] = [None] * n
    own = threading.local()

    def call(i: int) -> None:
        if not hasattr(own, "scratch"):
            own.scratch = scratch()
        results[i] = task(own.scratch, i)

    shares = np.ones(n) if weights is None else np.asarray(weights, float)
    whole = max(shares.sum(), 1e-12)
    workers = min(thread_count(threads), max(n, 1))
    done = 0.0
    with stage(label) if label else nullcontext() as step:
        for i in _done(call, n, workers):
            done += shares[i] / whole
            if step is not None:
                step(done)
    return results


def _done(call: Callable[[int], None], n: int, workers: int) -> Iterator[int]:
    """Call ``call(i)`` for i in 0..n-1 and give each i when it is done."""
    if workers == 1:  # no thread: starting one takes longer than a small log's work
        for i in range(n):
            call(i)
            yield i
        return
    with ThreadPoolExecutor(workers) as pool:
        pending = {pool.submit(call, i): i for i in range(n)}
        try:
            for future in as_completed(pending):
                future.result()
                yield pending[future]
        except BaseException:
            for future in pending:
                future.cancel()
            raise
