r"""What a set of accounts costs: its weight among all sets, by the interests of its members.

A set that is picked after looking must pay for the choice. Equal prices, log10 binom(n, k) for
each set of k of n accounts, are more than small groups can show. So sets that have common
interests get a larger share of the error than sets of accounts that have nothing to do with each
other (weighted Bonferroni; Genovese, Roeder & Wasserman 2006). The weight w(S) is the chance that
this process draws S: the first account uniformly; each further one from a random earlier account
u, to v with chance::

    q_uv = 0.9 C(K_uv, 2) / sum_x C(K_ux, 2) + 0.1 / n

where K_uv is how many objects both act on, whenever, and n how many accounts act. (1 / n where u
shares two objects with nobody.) Any order leads to S::

    w(S) = 1 / n sum over orders s of prod over j >= 2 of mean over i < j of q_(s_i s_j)

The orders of up to 12 accounts are added up exactly, over subsets; of larger sets it is a lower
bound (:func:`coordnet.kernels.set_weights.log_weight_bound`), so that they pay too much, not too
little. The weights of all sets of one size add up to at most 1, and they depend on what accounts
act on, not on when. So with p_S valid given what accounts act on::

    evidence(S) = -log10 p_S + log10 w(S) - log10(|S| (|S| - 1))

is above -log10 alpha for any set whatever with chance alpha at most, where nobody coordinates.

Objects with very many accounts are left out of K: they say little about interests and would cost
most time. The limit is the largest power of two with which the work is at most 256 steps an
action. It depends on who acts on what alone, so all of the above holds.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from coordnet.disk import SLICE, in_pieces, linear_room, release
from coordnet.errors import ParameterError
from coordnet.kernels import set_weights as weight_kernels
from coordnet.log.account_order import grouped, starts_of, stretches
from coordnet.log.actions import ActionLog

STEPS = 256  # of work an action that counting the common objects of all accounts may cost
POPULAR = 256  # objects of which it is counted for all accounts at once how many two of them share


def interests_of(
    log: ActionLog, runs: tuple[NDArray[np.int64], NDArray[np.int32]] | None = None
) -> weight_kernels.Interests:
    """Return what the accounts of a log act on; how much each shares with others is not known yet.

    Parameters
    ----------
    log
        The log.
    runs
        Where the objects of each account begin, and these, each once and ascending, where they are
        at hand.
    """
    starts, objects = log.account_runs()[:2] if runs is None else runs
    n = len(starts) - 1
    acting = int((np.diff(starts) > 0).sum())
    # without the most popular objects
    n_o = np.diff(starts_of(objects, log.n_objects))
    octave = np.frexp(n_o)[1]  # n_o < 2 ** octave
    work = np.cumsum(np.bincount(octave, n_o.astype(float) ** 2))
    most = int(np.searchsorted(work, STEPS * len(log), side="right"))
    left = octave < most
    kept, n_kept = np.zeros(n + 1, np.int64), int(n_o[left].sum())
    account, object_ = (linear_room(n_kept, np.int32) for _ in range(2))
    for u, end in stretches(starts, SLICE):
        here = objects[starts[u] : starts[end]]
        inside = left[here]
        before = kept[u] + np.concatenate([[0], np.cumsum(inside)])
        kept[u + 1 : end + 1] = before[starts[u + 1 : end + 1] - starts[u]]
        new = slice(int(kept[u]), int(kept[end]))
        object_[new] = here[inside]
        account[new] = np.repeat(np.arange(u, end, dtype=np.int32), np.diff(kept[u : end + 1]))
        release(objects, object_, account)
    starts, objects = kept, object_
    object_starts, order = grouped(objects, log.n_objects)
    (by_object,) = in_pieces(n_kept, [np.int32], lambda here: [account[order[here]]], order)
    n_o, met = np.diff(object_starts).astype(np.int32), np.zeros(n, np.int64)
    for u, end in stretches(starts, SLICE):
        own = np.append(n_o[objects[starts[u] : starts[end]]], 0)
        met[u:end] = np.add.reduceat(own, starts[u:end] - starts[u], dtype=np.int64)
    met[np.diff(starts) == 0] = 0
    bar = np.partition(n_o, -POPULAR)[-POPULAR] if len(n_o) > POPULAR else 2
    popular = np.flatnonzero(n_o >= max(bar, 2))
    popular = popular[np.argsort(-n_o[popular], kind="stable")[:POPULAR]]
    least = weight_kernels.least_shared(
        starts, object_starts, by_object, met, acting, popular, 4 * len(log)
    )
    release(by_object)
    return weight_kernels.Interests(
        starts, objects, object_starts, by_object, met, np.full(n, -1.0), least, acting
    )  # fmt: skip


def log10_weight(interests: weight_kernels.Interests, members: NDArray[np.int32]) -> float:
    """Return log10 w(S): exact up to 12 accounts, else a lower bound.

    Parameters
    ----------
    interests
        Of the log.
    members
        Codes of the accounts, each once.

    Examples
    --------
    >>> import coordnet as cn
    >>> from coordnet.inference.statistics import WindowStatistics
    >>> sim = cn.simulate("small_cells", accounts=1_000, seed=0)
    >>> cell = sim.log.codes_of(sim.truth.groups["cell_01"])
    >>> equal = -math.log10(math.comb(sim.log.n_accounts, len(cell)))
    >>> statistics = WindowStatistics(sim.log, 60_000_000)
    >>> log10_weight(statistics.interests, cell) > equal
    True
    """
    if len(members) == 0 or len(np.unique(members)) < len(members):
        raise ParameterError(
            f"members={members.tolist()!r} is no set of accounts; give codes, each of them once."
        )
    count = np.zeros(len(interests.shared), np.int32)
    weight_kernels.know_shared(interests, members, len(members), count)
    found: float = weight_kernels.log_weight(interests, members, len(members))
    return found / math.log(10)
