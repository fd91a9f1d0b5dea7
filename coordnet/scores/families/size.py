"""Family size: how many accounts, how much they do, for how long."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coordnet.kernels import scores as score_kernels
from coordnet.kernels.scores import DISTINCT
from coordnet.scores.drawn import Piece
from coordnet.scores.reference import Sets, in_chunks
from coordnet.scores.view import Estimate, Floats, View, score
from coordnet.times import DAY


@score("size", "Number of members.", "accounts", (1, float("inf")), whole=True)
def accounts(view: View) -> Estimate:
    """Return n, the number of members."""
    return Estimate(view.sizes.astype(float))


@score("size", "Number of actions of the members.", "actions", whole=True)
def actions(view: View) -> Estimate:
    """Return the number of actions of the members in the log scored on."""
    return Estimate(view.n_actions.astype(float))


@score("size", "Number of different objects that members act on.", "objects", whole=True)
def objects(view: View) -> Estimate:
    """Return the number of different objects, compared with that of matched random sets."""
    return view.compare(lambda sets: object_profile(view, sets)[:, DISTINCT])


@score("size", "Number of days (UTC) on which at least one member acts.", "days", whole=True)
def days_active(view: View) -> Estimate:
    """Return the number of different days, UTC, compared with that of matched random sets."""
    drawn = view.drawn
    first, last = (moment // DAY for moment in view.log.limits or (0, 0))
    words = (last - first) // 64 + 1

    def days(piece: Piece) -> NDArray[np.uint64]:
        bits = np.zeros((len(piece.starts) - 1, words), np.uint64)  # a bit a day
        score_kernels.set_bits(piece.place, drawn.times(piece) // DAY - first, bits)
        return bits

    acts_on = drawn.each(days, np.uint64, words)

    def different(sets: Sets) -> Floats:
        out, placed = np.zeros(len(sets)), drawn.placed(sets).read_only
        in_chunks(
            lambda a, b: score_kernels.bits_of_sets(*placed, acts_on, a, b, out),
            len(sets),
        )
        return out

    return view.compare(different)


def object_profile(view: View, sets: Sets) -> Floats:
    """Profile the objects that sets act on, once for each of the view's kinds of sets."""
    return view.object_profiles.of(sets)
