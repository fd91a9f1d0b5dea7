r"""Who belongs to a cluster: the accounts that act when several of its members do.

Communities and groups are found by pairs and by evidence for the set as a whole. Both leave out
members who join in less often, and take in accounts that met a member or two by chance. So every
account is tested against the rest of the cluster at once.

An action of account x on an object *joins* the cluster C where `need` or more members of C other
than x act on the object within the window of it; need is a tenth of the members, and 2 or more. Its
chance, had x acted there like accounts outside C, is estimated from the n of them on the object, h
of whom join the cluster, and from the class of the object::

    p_o = (h + kappa p_c) / (n + kappa),    kappa = 6.8 accounts, as in the group test,

with p_c the larger of two numbers: the chance of the class that two accounts act within the window,
scaled to the length of the crowded times (those within the window of `need` members); and the share
of the delays since the first action, of the objects of the class, that fall into these times. x
itself is left out of h and n. Where x acts m times it is 1 - (1 - p_o)^m, and at round times
p_o is larger, as in the group test.

S is the number of occasions on which x joins. P(S or more) is that of a sum of independent trials,
one an object with crowded times that x acts on. When x acts decides nothing else: crowded times
are those of the others. So for an account that was not picked for its times the p-value is
super-uniform. Occasions end with the occasion gap, also beside a cleaned background, where those of
pairs and groups last for six hours: those guard against viewers of one event, who raise the chance
here themselves, each object being judged by who else acts on it. A campaign's busiest day is one or
two long occasions, and members who joined on that day alone would be left out.

*Decision.* Those members stay that Benjamini and Hochberg's rule at level alpha accepts among the
members, those given at first included, who may come back. Of the accounts that are in no cluster
those join that the rule accepts among all accounts of the log. So of the members at most a share
of about alpha is there by chance; to ask each to be certain beside all others (``p |C| <= alpha``)
would drop who joins in less often. It is repeated until nobody comes or goes, at most five times.
Where fewer members than half of those at the start would stay, the cluster is as it was: the test
cannot see what holds it together.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordnet.disk import in_pieces, release, selected
from coordnet.inference.group_test import PROFILE, GroupTester
from coordnet.kernels import membership as membership_kernels
from coordnet.log.account_order import grouped
from coordnet.log.actions import ActionLog
from coordnet.threads import run_chunks

NEAR = 0.1  # share of the members that must be near for an action to join them
MOST_TURNS = 5

Codes = NDArray[np.int32]


class MembershipTester:
    """What the test of membership needs of a log and window, computed once.

    Parameters
    ----------
    tester
        The group tester of the log and window.
    """

    def __init__(self, tester: GroupTester) -> None:
        self.tester = tester
        self.statistics = tester.statistics
        self.delays, self.delay_starts = _delays_by_class(tester)

    def scratch(self) -> tuple[Any, ...]:
        """Return the scratch arrays of one thread."""
        log = self.tester.log
        n = len(log.all_accounts)
        return (
            np.zeros(n, np.uint8), np.zeros(n, np.int32), np.zeros(n, np.int32),
            np.full(log.n_objects, -1, np.int32), np.zeros(len(log), np.uint8),
        )  # fmt: skip

    def log_p_values(
        self, members: Codes, scratch: tuple[Any, ...] | None = None
    ) -> tuple[Codes, NDArray[np.float64]]:
        """Return log p of every member, and of every other account that joins the cluster twice.

        Parameters
        ----------
        members
            Codes of two or more accounts.
        scratch
            From :meth:`scratch`; made where not given.

        Returns
        -------
        accounts : int32, the members in their order, then the others
        log_p : float64, of each
        """
        need = min(max(2, math.ceil(NEAR * (len(members) - 1))), len(members) - 1)
        found: tuple[Codes, NDArray[np.float64]] = membership_kernels.membership_p_values(
            self.tester.scene, members, need, self.delays, self.delay_starts,
            self.statistics.chances, max(self.tester.log.resolution, 1),
            *(self.scratch() if scratch is None else scratch),
        )  # fmt: skip
        return found

    def settled(
        self,
        clusters: list[Codes],
        level: float,
        unsure: bool = True,
        taken: Codes | None = None,
    ) -> list[Codes]:
        """Return clusters of the accounts that belong to them; see the module.

        Parameters
        ----------
        clusters
            Codes of the members of each, ascending.
        level
            Alpha.
        unsure
            Whether a cluster of which less than half would stay is returned as it is, or as none.
        taken
            Accounts that join no cluster but the one that they are in: where all have much in
            common, communities tell apart what this test does not.
        """
        n = self.tester.log.n_accounts
        elsewhere = np.zeros(len(self.tester.log.all_accounts), bool)
        if taken is not None:
            elsewhere[taken] = True

        def settle(scratch: tuple[Any, ...], i: int) -> Codes:
            given = members = clusters[i]
            for _ in range(MOST_TURNS):
                size = len(members)
                if size < 2:
                    return members if unsure else members[:0]
                accounts, log_p = self.log_p_values(members, scratch)
                known = np.isin(accounts, given)
                known[:size] = True
                belongs = np.zeros(len(accounts), bool)
                belongs[known] = _accepted(log_p[known], len(np.union1d(given, members)), level)
                belongs[~known] = _accepted(log_p[~known], n, level) & ~elsewhere[accounts[~known]]
                if 2 * belongs[:size].sum() < len(given):  # of those at the start
                    return given if unsure else members[:0]
                settled = np.sort(accounts[belongs])
                if np.array_equal(settled, members):
                    break
                members = settled
            return members

        return run_chunks(
            settle, len(clusters), threads=self.statistics.threads, scratch=self.scratch
        )


def _accepted(log_p: NDArray[np.float64], tests: int, level: float) -> NDArray[np.bool_]:
    """Return what Benjamini and Hochberg's rule accepts; the other tests have p = 1."""
    ordered = np.sort(log_p)
    ranks = np.arange(1, len(ordered) + 1)
    last = np.flatnonzero(ordered + math.log(tests) - np.log(ranks) <= math.log(level))
    if not len(last):
        return np.zeros(len(log_p), bool)
    found: NDArray[np.bool_] = log_p <= ordered[last[-1]]
    return found


def _delays_by_class(tester: GroupTester) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the delays since the first action on an object, ascending inside each class.

    Of the log that the chances are taken from; at most PROFILE of each class, evenly spaced.
    """
    statistics, background = tester.statistics, tester.statistics.background
    log = statistics.log if background is None else background.log
    classes = statistics.classes if background is None else background.classes
    starts = log.by_object
    cuts, order = _actions_by_class(log, classes, len(statistics.chances))
    parts = []
    for a, b in pairwise(cuts.tolist()):
        delay = _later(log, starts, order[a:b])
        delay.sort()
        parts.append(delay[:: max(1, len(delay) // PROFILE)])
    release(log.account, log.object, log.time)
    return np.concatenate(parts), np.append(0, np.cumsum([len(part) for part in parts]))


def _later(log: ActionLog, starts: NDArray[np.int64], rows: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the delays since the first action on their object, of those that are not it."""

    def columns(here: slice) -> list[NDArray[Any]]:
        begin = starts[log.object[rows[here]]]
        return [log.time[rows[here]] - log.time[begin], begin != rows[here]]

    delay, later = in_pieces(len(rows), [np.int64, np.bool_], columns, rows)
    return selected(delay, later, int(np.count_nonzero(later)))


def _actions_by_class(
    log: ActionLog, classes: NDArray[np.int32], n: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the actions of a log by the class of their object, as ``group_by_code`` does.

    Parameters
    ----------
    log
        The log.
    classes
        Of each object.
    n
        Number of classes.
    """
    (of_action,) = in_pieces(
        len(log), [np.int32], lambda here: [classes[log.object[here]]], log.object
    )
    return grouped(of_action, n)
