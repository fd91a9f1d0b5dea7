"""Power: what could have been found in this very log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import ParameterError, check_number, check_whole
from coordnet.inference.intervals import wilson_interval
from coordnet.log.actions import ActionLog
from coordnet.plural import several
from coordnet.search.configuration import Configuration, configured
from coordnet.search.search import search_clusters
from coordnet.threads import run_chunks
from coordnet.times import SECOND, Duration, duration, duration_text

# -- power -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Power:
    """How often planted groups of one kind are found.

    Attributes
    ----------
    size, objects : int
        Members of the group, and objects that they act on together.
    lag : str
        Members act within this time of each other.
    runs : int
        Number of copies of the log with one group planted in each.
    found : int
        Copies in which a cluster holds at least half of the group, and at least half of that
        cluster is of the group.
    power : float
        found / runs.
    low, high : float
        95 % interval of the power (Wilson 1927).
    recall : float
        Mean share of the members in that cluster, where found.
    """

    size: int
    objects: int
    lag: str
    runs: int
    found: int
    power: float
    low: float
    high: float
    recall: float


def power(
    log: ActionLog,
    size: int = 8,
    objects: int = 6,
    lag: Duration = "20s",
    *,
    join: float = 1.0,
    runs: int = 20,
    seed: int = 0,
    config: Configuration | None = None,
    background: ActionLog | None = None,
    threads: int | None = None,
    **options: Any,
) -> Power:
    """Say what could have been found in this very log: plant groups in copies of it and look.

    Without it "nothing found" says nothing.

    Parameters
    ----------
    log
        The actions.
    size
        Members of a group: accounts of the log, picked at random.
    objects
        Objects that they act on together: objects of the log, of kinds that the search looks at,
        picked by how many act on them, each at a random moment of its life.
    lag
        Members act within this time of the moment.
    join
        How likely each member is to join each time.
    runs
        Number of copies.
    seed
        The only source of randomness.
    config
        The parameters of the search; see :func:`coordnet.detect`.
    background
        A log of accounts that are not under suspicion.
    threads
        Number of threads; None means all processors.
    **options
        Fields of the configuration, as in :func:`coordnet.detect`.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("organic", accounts=1_000, seed=0).log
    >>> cn.power(log, size=10, objects=12, lag="20s", runs=4).found
    4
    """
    config = configured(config, options)
    config.check_kinds(log)
    log = config.part(log)  # a group that acts on other kinds could not be found
    size, objects = check_whole(size, "size", 2), check_whole(objects, "objects", 1)
    for n, there, name, what in (
        (size, log.n_accounts, "size", "account"),
        (objects, log.n_objects, "objects", "object"),
    ):
        if n > there:
            raise ParameterError(
                f"{name}={n:,} is more than the log has: {several(there, what)}. Give a smaller "
                f"{name}=, or a larger log."
            )
    join = check_number(join, "join", above=0, at_most=1)
    runs = check_whole(runs, "runs", 1)
    spread = duration(lag, "lag")
    seeds = np.random.SeedSequence(seed).generate_state(runs)

    def one(_: None, i: int) -> float:
        rng = np.random.default_rng(int(seeds[i]))
        planted, members = _planted(log, rng, size, objects, spread, join)
        best = 0.0
        for cluster in search_clusters(planted, config, background, threads=1).clusters:
            shared = len(np.intersect1d(cluster.codes, members))
            if 2 * shared >= size and 2 * shared >= len(cluster):
                best = max(best, shared / size)
        return best

    recall = np.array(run_chunks(one, runs, threads=threads, label="power"))
    found = int((recall > 0).sum())
    low, high = map(float, wilson_interval(found, runs))
    return Power(
        size, objects, duration_text(spread), runs, found, found / runs,
        low, high, float(recall[recall > 0].mean()) if found else float("nan"),
    )  # fmt: skip


def _planted(
    log: ActionLog, rng: np.random.Generator, size: int, objects: int, lag: int, join: float
) -> tuple[ActionLog, NDArray[np.int32]]:
    """Return the log with a group planted in it, and its members."""
    members = np.sort(rng.choice(log.active, size, replace=False))
    lengths = np.diff(log.by_object)
    chosen = rng.choice(log.n_objects, objects, replace=False, p=lengths / lengths.sum())
    # the moment of a random action of the object, so that it is alive
    moment = log.time[log.by_object[chosen] + (rng.random(objects) * lengths[chosen]).astype(int)]
    joins = rng.random((objects, size)) < join
    row, column = np.nonzero(joins)
    time = moment[row] + (rng.random(len(row)) * lag).astype(np.int64)
    time -= time % min(log.resolution, SECOND) if log.resolution > 1 else 0
    return log.with_actions(members[column], chosen[row].astype(np.int32), time), members
