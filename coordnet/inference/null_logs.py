"""Null logs: a log with its coordination taken out and everything else as it was."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coordnet.inference.statistics import popularity_class
from coordnet.inference.strata import strata_of
from coordnet.kernels import null_logs as null_log_kernels
from coordnet.log.actions import ActionLog
from coordnet.times import Duration

# -- null logs ---------------------------------------------------------------------------------


def shuffled_accounts(log: ActionLog, seed: int, strata: Duration | str | None = None) -> ActionLog:
    """Return the log with its accounts shuffled over the actions: activity as it was.

    Parameters
    ----------
    log
        The log.
    seed
        The only source of randomness.
    strata
        Shuffle inside strata of time only; as in :meth:`coordnet.CoordinationGraph.test`.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> null = cn.shuffled_accounts(log, seed=0)
    >>> bool((np.bincount(null.account) == np.bincount(log.account)).all())
    True
    """
    rng = np.random.default_rng(seed)
    if strata is None:
        account = log.account.copy()
        rng.shuffle(account)
        return log.rearranged(account=account)
    stratum = strata_of(log.time, strata)
    order = np.argsort(stratum, kind="stable")
    shuffled = np.lexsort((rng.random(len(log)), stratum))
    account = np.empty_like(log.account)
    account[order] = log.account[shuffled]
    return log.rearranged(account=account)


def resampled_delays(log: ActionLog, seed: int) -> ActionLog:
    """Return the log with the delays on each object resampled from all objects of its class.

    Each object keeps its accounts and its first time; accounts are shuffled over the slots, and the
    delays of the other slots are drawn from those of all objects of the class, so that the class
    has one speed.

    Parameters
    ----------
    log
        The log.
    seed
        The only source of randomness.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> cn.resampled_delays(log, seed=0).n_accounts == log.n_accounts
    True
    """
    rng = np.random.default_rng(seed)
    starts, since = _since_first(log)
    later = np.ones(len(log), bool)
    later[starts[:-1]] = False
    class_of = _class_of_objects(log)[log.object]
    delay = np.zeros(len(log), np.int64)
    for c in np.unique(class_of):
        rows = np.flatnonzero(later & (class_of == c))
        if len(rows):
            delay[rows] = rng.choice(since[rows], len(rows))
    first = log.time[starts[:-1]][log.object]
    return log.rearranged(account=_shuffled_in_objects(log, rng), time=first + delay)


def swapped_profiles(log: ActionLog, seed: int) -> ActionLog:
    """Return the log with each object's times taken, as a whole, from another of its class.

    Each object keeps its accounts and its first time; accounts are shuffled over the slots, and the
    delays are the profile of another object of the class with about as many actions: as they are
    where it has as many, else drawn between its quantiles, on the clock of the log. So fast objects
    stay fast, and times no finer than they were.

    Parameters
    ----------
    log
        The log.
    seed
        The only source of randomness.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> cn.swapped_profiles(log, seed=0).n_objects == log.n_objects
    True
    """
    rng = np.random.default_rng(seed)
    starts, since = _since_first(log)
    counts = np.diff(starts)
    classes = _class_of_objects(log)
    # objects of a class, by number of actions, trade profiles inside blocks of sixteen
    order = np.lexsort((rng.random(len(counts)), counts, classes))
    block = np.arange(len(order)) // 16
    giver = np.empty(len(order), np.int64)
    giver[order] = order[np.lexsort((rng.random(len(order)), block, classes[order]))]
    delay = null_log_kernels.borrowed_profiles(
        starts, giver, since, rng.random(len(log)), log.resolution
    )
    first = log.time[starts[:-1]][log.object]
    return log.rearranged(account=_shuffled_in_objects(log, rng), time=first + delay)


def _since_first(log: ActionLog) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where objects begin, and each action's time since its object's first."""
    starts = log.by_object
    return starts, log.time - log.time[starts[:-1]][log.object]


def _class_of_objects(log: ActionLog) -> NDArray[np.int32]:
    """Return the popularity class of each object."""
    pairs = np.unique(log.object.astype(np.int64) * len(log.all_accounts) + log.account)
    n_accounts = np.bincount(pairs // len(log.all_accounts), minlength=log.n_objects)
    return popularity_class(n_accounts.astype(np.int32), log.object_kind)


def _shuffled_in_objects(log: ActionLog, rng: np.random.Generator) -> NDArray[np.int32]:
    """Return the accounts, shuffled over the actions of their object."""
    return log.account[np.lexsort((rng.random(len(log)), log.object))]
