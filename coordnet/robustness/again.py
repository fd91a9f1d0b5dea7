"""What reruns tell: null runs, confirmation, stability, sensitivity, power.

All of them run :func:`coordnet.search.search.discover` again: on null logs, on halves, on changed
logs, under other rules, on logs with groups planted. Each is seeded, runs on threads, and shows its
progress.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordnet.search.configuration import Rule
from coordnet.search.search import Discovery, discover
from coordnet.threads import run_chunks

Members = list[NDArray[np.int32]]


def _runs(rule: Rule, logs: Any, n: int, threads: int | None, label: str) -> list[Discovery]:
    """Discover in the logs made by ``logs(i)``, each on one thread, several at a time."""
    return run_chunks(
        lambda _, i: discover(logs(i), rule, threads=1), n, threads=threads, label=label
    )


def members_of(found: Discovery) -> Members:
    """Return the members of each cluster found."""
    return [found.clusters.members(i) for i in range(len(found.clusters))]
