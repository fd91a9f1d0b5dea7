"""Round times: schedulers post on the full hour, quarter or minute, and meet there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coordnet.disk import in_pieces
from coordnet.inference.statistics import Floats
from coordnet.times import HOUR, MINUTE

GRAINS = (HOUR, HOUR // 2, 15 * MINUTE, 5 * MINUTE, MINUTE)


def roundness(times: NDArray[np.int64], length: int) -> NDArray[np.int8]:
    """Return which of GRAINS is the coarsest that each time is a multiple of, else how many.

    Grains that do not divide the length of a stratum are passed over: a phase says nothing of
    them.
    """

    def piece(here: slice) -> list[NDArray[np.int8]]:
        own = times[here]
        found = np.full(len(own), len(GRAINS), np.int8)
        at = np.flatnonzero(own % GRAINS[-1] == 0)  # each grain is a multiple of the next
        for i in reversed(range(len(GRAINS))):
            at = at[own[at] % GRAINS[i] == 0]
            if length % GRAINS[i] == 0:
                found[at] = i
        return [found]

    (found,) = in_pieces(len(times), [np.int8], piece, times)
    return found


def round_factors(window: int | NDArray[np.int64], resolution: int) -> Floats:
    """Return by how much likelier two actions are inside the window when both times are round.

    Of two times that are multiples of L, 2 floor(W / L) + 1 multiples lie inside the window, each
    as likely as L of time is; of any two times, 2 W and the resolution of the times. So who posts
    at full quarters meets others who do on the second, and it is no evidence. For each of GRAINS,
    and for no grain: 1 or more; a row for each of several windows.
    """
    grains = np.array(GRAINS)
    window = np.asarray(window)[..., None]
    inside = (2 * (window // grains) + 1) * grains
    return _and_no_grain(inside / (2 * window + max(resolution, 1)))


def scan_factors(window: int | NDArray[np.int64], resolution: int) -> Floats:
    """Return by how much likelier an action is in the window after another where both are round.

    From a multiple of L on, floor(W / L) + 1 multiples of L lie inside the window, itself
    included, each as likely as L of time is; of any times, W and the resolution of the times. Of
    actions at one time each may count as the first, so that this is up to twice
    :func:`round_factors`. For each of GRAINS, and for no grain: 1 or more, a coarser grain never
    below a finer one; a row for each of several windows.
    """
    grains = np.array(GRAINS)
    window = np.asarray(window)[..., None]
    inside = (window // grains + 1) * grains
    factors = _and_no_grain(inside / (window + max(resolution, 1)))
    return np.ascontiguousarray(np.maximum.accumulate(factors[..., ::-1], axis=-1)[..., ::-1])


def _and_no_grain(ratios: Floats) -> Floats:
    """Return factors of 1 or more, with the 1 of no grain after them."""
    return np.concatenate([np.maximum(ratios, 1.0), np.ones((*ratios.shape[:-1], 1))], axis=-1)
