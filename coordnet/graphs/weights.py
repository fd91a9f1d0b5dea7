"""Other weights of the edges that a graph has: similarities, collaboration, decay."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import check_number, one_of
from coordnet.graphs.bipartite import smooth_idf
from coordnet.kernels import similarity as kernels
from coordnet.log.actions import ActionLog
from coordnet.log.windows import Window, windows_of_objects
from coordnet.threads import equal_chunks, run_chunks

if TYPE_CHECKING:
    from coordnet.graphs.graph import CoordinationGraph

CHUNKS = 64


class Shared(NamedTuple):
    """What the two ends of each edge share, (edges,)."""

    common: NDArray[np.int32]  # objects that both act on, whenever
    together: NDArray[np.int32]  # those on which they act within the window
    worth: NDArray[np.float64]  # the squared idf of these, added up
    share: NDArray[np.float64]  # 1 / (n_o - 1) of these
    decayed: NDArray[np.float64]  # 1 / (n_o - 1) exp(-beta apart) of their co-actions
    source: NDArray[np.float64]  # of each end: how many objects it acts on
    target: NDArray[np.float64]
    source_length: NDArray[np.float64]  # and the length of its vector of idf
    target_length: NDArray[np.float64]


WEIGHTS: Mapping[str, Callable[[Shared], NDArray[np.float64]]] = MappingProxyType(
    {
        "cosine": lambda s: s.together / np.sqrt(s.source * s.target),
        "tfidf": lambda s: s.worth / (s.source_length * s.target_length),
        "jaccard": lambda s: s.together / (s.source + s.target - s.common),
        "overlap": lambda s: s.together / np.minimum(s.source, s.target),
        "collaboration": lambda s: s.share,
        "decay": lambda s: s.decayed,
    }
)


def decay_rate(window_us: NDArray[np.int64], eps: float) -> NDArray[np.float64]:
    """Return beta, per microsecond, with exp(-beta window) = eps."""
    return -math.log(eps) / np.maximum(window_us, 1)


def shared(
    log: ActionLog,
    source: NDArray[np.int32],
    target: NDArray[np.int32],
    window_us: Window,
    eps: float = 0.01,
    threads: int | None = None,
) -> Shared:
    """Count what the ends of edges share, whenever and within a window.

    Parameters
    ----------
    log
        The actions.
    source, target
        Codes of the log, (edges,).
    window_us
        How far apart two actions may be to be together, inclusive; or that of each kind.
    eps
        What a co-action counts that is a whole window apart.
    threads
        Number of threads; None means all processors.
    """
    indptr, positions = log.by_account
    pairs = np.unique(log.object.astype(np.int64) << 32 | log.account)
    object_, account = pairs >> 32, pairs & 0xFFFFFFFF
    accounts = np.bincount(object_, minlength=log.n_objects)
    objects = np.bincount(account, minlength=len(log.all_accounts)).astype(np.float64)
    worth = smooth_idf(log.n_accounts, accounts) ** 2
    length = np.sqrt(np.bincount(account, worth[object_], len(log.all_accounts)))
    share = 1 / np.maximum(accounts - 1, 1)
    windows = windows_of_objects(window_us, log)
    n = len(source)
    common, together = np.empty(n, np.int32), np.empty(n, np.int32)
    worth_sum, share_sum, decayed = np.empty(n), np.empty(n), np.empty(n)
    acted = np.diff(indptr)
    borders = equal_chunks(acted[source] + acted[target], CHUNKS)
    run_chunks(
        lambda _, k: kernels.shared_by_pairs(
            source, target, indptr, positions, log.object, log.time, windows, worth, share,
            decay_rate(windows, eps), int(borders[k]), int(borders[k + 1]), common, together,
            worth_sum, share_sum, decayed,
        ),
        len(borders) - 1,
        threads=threads,
        label="weights of edges",
    )  # fmt: skip
    return Shared(
        common, together, worth_sum, share_sum, decayed, objects[source], objects[target],
        length[source], length[target],
    )  # fmt: skip


def weigh(
    graph: CoordinationGraph, weight: str, eps: float, threads: int | None
) -> NDArray[np.float64]:
    """Return another weight of each edge; see :meth:`coordnet.CoordinationGraph.reweight`."""
    one_of(weight, WEIGHTS, "weight")
    eps = check_number(eps, "eps", above=0, below=1)
    found = shared(
        graph.log, graph.edges["source"], graph.edges["target"], graph.window_us, eps, threads
    )
    return WEIGHTS[weight](found)
