"""Co-occurrences drawn at random: an object and two of its accounts, and all that the two share.

Which are drawn depends on who acts on what, and not on any chance. So what the two of each share is
looked up once, and kept for the rounds in which chances change.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordnet.disk import linear_on_disk
from coordnet.engine import current_engine
from coordnet.frames import frozen
from coordnet.inference.pair_order import PairOrder, marks
from coordnet.kernels import attainable as attainable_kernels
from coordnet.log.account_order import AccountRuns, grouped, run_accounts, starts_of
from coordnet.log.actions import ActionLog
from coordnet.memory import stays_in_memory
from coordnet.threads import run_chunks

SAMPLE = 1 << 17  # co-occurrences drawn where a log is too large to count
TERMS = 1 << 23  # shared objects of all of them that are kept: 32 MB

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Terms = tuple[NDArray[np.int32], Integers]


class DrawnPairs(NamedTuple):
    """The accounts of co-occurrences drawn at random, with replacement.

    Attributes
    ----------
    runs : AccountRuns
        What each account acts on.
    classes : int32 (objects,)
        The class of each object.
    order : PairOrder
        The pairs.
    shared : int32 (pairs,)
        How many objects each of them shares, where `terms` are kept.
    terms : list, or None
        Of each stretch of `order` what :func:`coordnet.kernels.attainable.shared_terms` returned;
        None where that would take too much memory.
    """

    runs: AccountRuns
    classes: NDArray[np.int32]
    order: PairOrder
    shared: NDArray[np.int32]
    terms: list[Terms] | None

    def best_log_p(
        self, chance: Floats, threads: int | None = None
    ) -> tuple[Floats, NDArray[np.int32]]:
        """Return log p* of each pair, and how many objects it shares; see :func:`best_of_pairs`.

        Parameters
        ----------
        chance
            Of each class.
        threads
            Number of threads; None means all processors.
        """
        if self.terms is None:
            return best_of_pairs(self.runs, self.classes, chance, self.order, threads)
        terms, order, log_p = self.terms, self.order, np.empty(len(self.shared))
        logs = logs_of(chance)
        run_chunks(
            lambda _, i: attainable_kernels.sum_terms(
                order.place, self.shared, *terms[i], *logs, order.borders[i], order.borders[i + 1],
                log_p,
            ),
            len(terms),
            threads=threads,
        )  # fmt: skip
        return log_p, self.shared


def drawn_pairs(
    runs: AccountRuns,
    classes: NDArray[np.int32],
    n_o: NDArray[np.int32] | Integers,
    seed: int = 0,
    threads: int | None = None,
    log: ActionLog | None = None,
    size: int = SAMPLE,
) -> DrawnPairs:
    """Draw co-occurrences, and look up what the two accounts of each share.

    Parameters
    ----------
    runs
        What each account acts on.
    classes
        The class of each object.
    n_o
        Number of accounts on each object.
    seed
        Of the sample.
    threads
        Number of threads; it changes nothing of the result.
    log
        The log, for an engine that looks up who was drawn.
    size
        How many are drawn.
    """
    rng, acts = np.random.default_rng(seed), n_o.astype(np.int64)
    total = np.cumsum(acts * (acts - 1) // 2)
    object_ = attainable_kernels.first_above(total, rng.integers(0, total[-1], size))
    i = rng.integers(0, acts[object_])
    j = rng.integers(0, acts[object_] - 1)
    j += j >= i
    asked = np.concatenate([object_, object_]), np.concatenate([i, j])
    engine = current_engine()
    drawn = None if engine is None or log is None else engine.accounts_on(log, *asked)
    if drawn is None:
        drawn = ranked_accounts(runs, len(n_o), *asked)
    source, target = np.split(drawn, 2)
    order = PairOrder.of(runs.starts, source, target, in_blocks=False)
    shared = np.empty(size, np.int32)
    most = TERMS // len(order.work) if stays_in_memory(4 * TERMS) else 0
    listed = [frozen(column) for column in runs]
    terms = run_chunks(
        lambda own, i: attainable_kernels.shared_terms(
            *order[:3], *listed, classes, order.borders[i], order.borders[i + 1], most, *own, shared
        ),
        len(order.work),
        threads=threads,
        scratch=lambda: marks(len(classes)),
    )
    kept = all(complete for _, _, complete in terms)
    return DrawnPairs(
        runs, classes, order, shared, [(own, many) for own, many, _ in terms] if kept else None
    )


def ranked_accounts(
    runs: AccountRuns, n_objects: int, object_: Integers, rank: Integers
) -> NDArray[np.int32]:
    """Return the accounts that stand at some ranks among those of an object, each once.

    Parameters
    ----------
    runs
        What each account acts on.
    n_objects
        Number of objects.
    object_, rank
        The objects, and the ranks, from 0, in order of the account codes.

    Examples
    --------
    >>> objects = np.array([0, 1, 0, 1, 0], np.int32)
    >>> runs = AccountRuns(np.array([0, 2, 4, 5]), objects, np.arange(6, dtype=np.int32))
    >>> ranked_accounts(runs, 2, np.array([0, 1]), np.array([2, 1])).tolist()
    [2, 1]
    """
    n = len(runs.objects)
    if linear_on_disk(n):  # where nothing may be written at random places
        object_starts, object_runs = grouped(runs.objects, n_objects)
        at: NDArray[np.int32] = object_runs[object_starts[object_] + rank]
        return run_accounts(runs.starts)[at]
    object_starts, accounts = starts_of(runs.objects, n_objects), np.empty(n, np.int32)
    attainable_kernels.accounts_by_object(runs.starts, runs.objects, object_starts, accounts)
    found: NDArray[np.int32] = accounts[object_starts[object_] + rank]
    return found


# -- the smallest p-values ---------------------------------------------------------------------


def best_of_pairs(
    runs: AccountRuns,
    classes: NDArray[np.int32],
    chance: Floats,
    order: PairOrder,
    threads: int | None = None,
) -> tuple[Floats, NDArray[np.int32]]:
    """Return log p* of pairs of accounts, and how many objects each pair shares.

    Parameters
    ----------
    runs
        What each account acts on.
    classes, chance
        The class of each object, and the chance of each class.
    order
        The pairs.
    threads
        Number of threads; None means all processors.
    """
    n = len(order.place)
    log_p, shared = np.empty(n), np.empty(n, np.int32)
    logs, listed = logs_of(chance), [frozen(column) for column in runs]
    run_chunks(
        lambda own, i: attainable_kernels.best_p_of_pairs(
            *order[:3], *listed, classes, *logs, order.borders[i], order.borders[i + 1], *own,
            log_p, shared,
        ),
        len(order.work),
        threads=threads,
        scratch=lambda: marks(len(classes)),
    )  # fmt: skip
    return log_p, shared


def logs_of(chance: Floats) -> tuple[Floats, Floats, Floats]:
    """Return log c and log (1 - c) of each class, and the table that kernels take with them."""
    with np.errstate(divide="ignore"):
        logs = np.log(chance), np.log1p(-chance)
    return *logs, attainable_kernels.log_table(*logs)
