"""Sensitivity: clusters found again under other parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.frames import native
from coordnet.log.actions import ActionLog
from coordnet.log.windows import Within, window_of, window_text
from coordnet.search.configuration import Configuration, configured
from coordnet.search.search import search_clusters
from coordnet.threads import run_chunks

# -- sensitivity -------------------------------------------------------------------------------


def sensitivity(
    log: ActionLog,
    within: Sequence[Within] = ("10s", "30s", "60s", "5min"),
    fdr: Sequence[float] = (0.01, 0.05),
    resolution: Sequence[float | None] = (None,),
    *,
    config: Configuration | None = None,
    background: ActionLog | None = None,
    backend: str | None = None,
    threads: int | None = None,
    **options: Any,
) -> Any:
    """Rerun the detection over a grid of parameters, and say how much the clusters change.

    Parameters
    ----------
    log
        The actions.
    within, fdr, resolution
        The values to cross; a window may be one for each kind of action. Only leiden and louvain
        have a resolution; None is theirs by default, 1.
    config
        The other parameters of the search; see :func:`coordnet.detect`.
    background
        A log of accounts that are not under suspicion.
    backend
        The kind of frame: ``"pandas"``, ``"polars"`` or ``"pyarrow"``.
    threads
        Number of threads; None means all processors.
    **options
        Fields of the configuration, as in :func:`coordnet.detect`.

    Returns
    -------
    frame
        One row a combination: within, fdr, resolution, edges, clusters, accounts (in clusters),
        ``pairs_kept`` (share of the account pairs clustered by the first combination that are
        clustered here too) and ``pairs_new`` (share of the pairs here that the first combination
        does not have).

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=1_000, seed=0).log
    >>> len(cn.sensitivity(log, within=["30s", "60s"], fdr=[0.05]))
    2
    """
    grid = [(w, f, r) for w in within for f in fdr for r in resolution]
    changes = [{**options, "within": w, "fdr": f, "resolution": r} for w, f, r in grid]
    configs = [configured(config, change) for change in changes]
    for one in configs:
        one.check_kinds(log)
    found = run_chunks(
        lambda _, i: search_clusters(log, configs[i], background, threads=1),
        len(grid), threads=threads, label="sensitivity",
    )  # fmt: skip
    pairs = [_pairs([cluster.codes for cluster in one.clusters]) for one in found]
    first = pairs[0] if pairs else np.zeros(0, np.int64)
    rows: dict[str, Any] = {
        "within": [window_text(window_of(w)) for w, _, _ in grid],
        "fdr": [f for _, f, _ in grid],
        "resolution": pa.array([one.resolution for one in configs], pa.float64()),
        "edges": [d.layers.combined.n_edges for d in found],
        "clusters": [len(d.clusters) for d in found],
        "accounts": [len(np.unique(d.clusters.indices)) for d in found],
        "pairs_kept": [_share(np.isin(first, p)) for p in pairs],
        "pairs_new": [_share(~np.isin(p, first)) for p in pairs],
    }
    return native(pa.table(rows), backend or log.frame)


def _pairs(sets: list[NDArray[np.int32]]) -> NDArray[np.int64]:
    """Return the pairs of accounts that share a set, each as one number."""
    parts = [np.zeros(0, np.int64)]
    for codes in sets:
        i, j = np.triu_indices(len(codes), 1)
        parts.append(codes[i].astype(np.int64) << 32 | codes[j])
    return np.unique(np.concatenate(parts))


def _share(marks: NDArray[np.bool_]) -> float | None:
    return float(marks.mean()) if len(marks) else None
