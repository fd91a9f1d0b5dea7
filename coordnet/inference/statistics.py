"""What is counted of a log for a window: who acts on each object, how often together, by chance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordnet.kernels import edge_tests as edge_test_kernels
from coordnet.log.actions import ActionLog
from coordnet.threads import equal_chunks, run_chunks

CHUNKS = 64

Floats = NDArray[np.float64]


# -- objects and their chances -----------------------------------------------------------------


class ObjectStatistics(NamedTuple):
    """How many act on each object, and how often within the window."""

    repeats: NDArray[np.int32]  # of each action: m_uo
    n_accounts: NDArray[np.int32]  # n_o
    pairs_all: NDArray[np.int64]  # pairs of actions within the window, of whomever
    pairs_weighted: Floats  # w_o


def object_statistics(log: ActionLog, window: int, threads: int | None = None) -> ObjectStatistics:
    """Count who acts on each object of a log, and how often within the window."""
    found = ObjectStatistics(
        np.empty(len(log), np.int32),
        np.empty(log.n_objects, np.int32),
        np.empty(log.n_objects, np.int64),
        np.empty(log.n_objects),
    )
    starts = log.by_object
    borders = equal_chunks(np.diff(starts), CHUNKS)
    run_chunks(
        lambda seen, i: edge_test_kernels.object_statistics(
            starts, log.account, log.time, window, borders[i], borders[i + 1], seen, *found
        ),
        len(borders) - 1,
        threads=threads,
        scratch=lambda: np.zeros(log.n_accounts, np.int32),
    )
    return found


class Chances(NamedTuple):
    """The chance that two accounts on an object act within the window, by class of object."""

    of_object: NDArray[np.int32]  # class of each object: kind and log2 of n_o
    chance: Floats  # of each class


NO_CHANCES = Chances(np.zeros(0, np.int32), np.zeros(0))


def popularity_class(n_accounts: NDArray[np.int32], kind: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the class of each object: 32 classes of log2 n_o for each kind."""
    octave = np.frexp(n_accounts)[1].astype(np.int32) - 1
    classes: NDArray[np.int32] = kind * 32 + octave
    return classes


def classes_by_kinds_of(
    log: ActionLog, other: ActionLog, n_accounts: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Return the class of each object of another log, its kinds numbered as in `log`.

    Kinds that `log` does not have share a number of their own, the first that is free.
    """
    kinds = np.array(
        [log.kinds.index(k) if k in log.kinds else len(log.kinds) for k in other.kinds], np.int32
    )
    return popularity_class(n_accounts, kinds[other.object_kind])


def class_chances(
    log: ActionLog,
    statistics: ObjectStatistics,
    window: int,
    background: ActionLog | None = None,
    threads: int | None = None,
) -> Chances:
    """Pool the chance of a co-action over the objects of a class.

    Parameters
    ----------
    log, statistics, window
        The log, its :func:`object_statistics`, and the window they were counted with.
    background
        A log of accounts that are not under suspicion. Its chances, (w + 1) / (P + 1) so that a
        class that it does not have gives no evidence, replace the log's own.
    """
    classes = popularity_class(statistics.n_accounts, log.object_kind)
    counted, source, prior = statistics, classes, 0.0
    if background is not None:
        counted = object_statistics(background, window, threads)
        source = classes_by_kinds_of(log, background, counted.n_accounts)
        prior = 1.0
    n = 32 * (len(log.kinds) + 1)
    n_o = counted.n_accounts.astype(np.float64)
    together = np.bincount(source, counted.pairs_weighted, n) + prior
    pairs = np.bincount(source, n_o * (n_o - 1) / 2, n) + prior
    with np.errstate(invalid="ignore"):
        chance = np.where(pairs > 0, np.minimum(together / pairs, 1.0), 0.0)
    return Chances(classes, chance)
