"""Crowds whose edges are tested: many accounts that act on the same many objects.

Walking the objects that two accounts share costs a step for each, in places all over the memory.
Where hundreds of accounts act on the same hundreds of objects, once each, a matrix of their times
costs a twentieth of that. What is counted is the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coordnet.inference.pair_order import PairOrder
from coordnet.kernels.crowds import CommonCrowd
from coordnet.kernels.edge_tests import GRAIN_AT, LEAST_ROUND
from coordnet.kernels.occasions import OccasionRule
from coordnet.log.account_order import AccountRuns, run_accounts

WORTH = 1 << 26  # objects of lighter accounts, over all pairs, from which a crowd is looked for
LOOKED = 16  # and how many for each object of an account, as all of these are looked at
LARGEST = 1 << 25  # entries of its matrix: 256 MB, and as much again while it is made
BITS = 64  # columns of a word
SEEN = 1 << 16  # pairs that say which account has most work


def find_common_crowd(
    runs: AccountRuns,
    times: NDArray[np.int64],
    notes: NDArray[np.uint64],
    source: NDArray[np.int32],
    target: NDArray[np.int32],
    order: PairOrder,
    classes: NDArray[np.int32],
    rule: OccasionRule,
    grains: int,
) -> CommonCrowd | None:
    """Return the crowd around the account with most work, None where it is not worth it.

    Members are accounts that act on half of the objects or more, each once; objects those on
    which half of the members do.

    Parameters
    ----------
    runs
        The objects of each account.
    times
        Of the actions account by account.
    notes
        Of each run, as :func:`coordnet.kernels.edge_tests.run_notes` writes them.
    source, target, order
        The pairs, as they are given and in order.
    classes
        Of each object.
    rule
        What is one occasion.
    grains
        How many degrees of roundness there are.

    Cost: linear.
    """
    k = np.diff(runs.starts)
    if order.work.sum() < max(WORTH, LOOKED * len(runs.objects)):
        return None
    account = run_accounts(runs.starts)
    member = np.zeros(len(k), bool)
    some = slice(None, None, 1 + len(source) // SEEN)
    seed = int(np.bincount(order.heavier[some], k[order.lighter[some]]).argmax())
    used = np.zeros(len(classes), bool)
    used[runs.objects[runs.starts[seed] : runs.starts[seed + 1]]] = True
    for _ in range(2):
        acts = np.bincount(account[used[runs.objects]], minlength=len(k))
        member = acts >= max(used.sum() / 2, 1)
        if member.sum() ** 2 * used.sum() < WORTH:
            return None
        acts = np.bincount(runs.objects[member[account]], minlength=len(classes))
        used = acts >= max(member.sum() / 2, 1)
    inside = member[account] & used[runs.objects]
    member[account[inside & (np.diff(runs.first) > 1)]] = False
    inside &= member[account]
    columns, members = np.flatnonzero(used), np.flatnonzero(member)
    pairs = np.count_nonzero(member[source] & member[target])
    if pairs * len(columns) < WORTH or len(members) * (len(columns) + BITS) > LARGEST:
        return None
    row = np.where(member, member.cumsum() - 1, -1).astype(np.int32)
    at = np.flatnonzero(inside)
    time = np.full((len(members), len(columns)), -1)
    column = used.cumsum() - 1
    time[row[account[at]], column[runs.objects[at]]] = times[runs.first[at]]
    round_ = np.zeros(time.shape, np.int8)
    round_[row[account[at]], column[runs.objects[at]]] = notes[at] >> GRAIN_AT & LEAST_ROUND
    # a moment on an object is an occasion by itself where all that happens on the others is far off
    begin = np.where(time < 0, np.iinfo(np.int64).max, time).min(axis=0)
    by_time, far = np.argsort(begin, kind="stable"), max(rule)
    ends = np.maximum.accumulate(time.max(axis=0)[by_time])
    far_off = np.concatenate([[True], begin[by_time][1:] - ends[:-1] > far, [True]])
    alone = np.zeros(len(columns), bool)
    alone[by_time] = far_off[:-1] & far_off[1:]
    # columns by class and time, each class from a word of its own on
    kind, of_class = np.unique(classes[columns], return_inverse=True)
    words = -(-np.bincount(of_class) // BITS)
    place = np.full(int(words.sum()) * BITS, -1)
    for c, first in enumerate((words.cumsum() - words) * BITS):
        own = by_time[of_class[by_time] == c]
        place[first : first + len(own)] = own
    none = place < 0
    present = (time[:, place] >= 0) & ~none
    round_ = round_[:, place]
    usual = int(round_[present].max())
    out = np.flatnonzero(member[account] & ~used[runs.objects])
    return CommonCrowd(
        row,
        np.ascontiguousarray(time[:, place]),
        np.ascontiguousarray(round_),
        _words(present),
        _words(present & (round_ < usual)),
        usual,
        np.repeat(kind * grains, words).astype(np.int32),
        _words((alone[place] & ~none)[None])[0],
        np.concatenate([[0], np.bincount(row[account[out]], minlength=len(members)).cumsum()]),
        out.astype(np.int32),
    )


def _words(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Return rows of bits as words of 64."""
    packed = np.packbits(bits, axis=1, bitorder="little")
    return np.ascontiguousarray(packed).view("<u8").astype(np.uint64)
