"""The order in which pairs of accounts are looked at, so that what they need is in the cache."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordnet.kernels import shared_objects as shared_kernels
from coordnet.threads import CHUNKS

BLOCK_RUNS = 1 << 17  # (account, object) entries of accounts done together


def marks(n_objects: int) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Return the scratch in which the objects of an account are marked; see ``mark``."""
    words = n_objects // 64 + 1
    return np.zeros(words, np.uint64), np.empty(words, np.int32)


class PairOrder(NamedTuple):
    """Pairs in the order in which they are looked at."""

    heavier: NDArray[np.int32]  # (pairs,), of the two accounts the one that acts on more objects
    lighter: NDArray[np.int32]  # (pairs,)
    place: NDArray[np.int32]  # (pairs,), where the pair stood
    borders: NDArray[np.int64]  # (stretches + 1,), of stretches of about equal work
    work: NDArray[np.int64]  # (stretches,)

    @classmethod
    def of(
        cls,
        starts: NDArray[np.int64],
        source: NDArray[np.int32],
        target: NDArray[np.int32],
        in_blocks: bool = True,
    ) -> PairOrder:
        """Put pairs by heavier account, inside blocks of lighter ones whose lists fit the cache.

        Parameters
        ----------
        starts
            Where the objects of each account begin, of all accounts: int64 (accounts + 1,).
        source, target
            The pairs: int32 (pairs,).
        in_blocks
            False puts them by heavier account alone, which is better where an account has few.
        """
        block = (starts[:-1] // (BLOCK_RUNS if in_blocks else starts[-1] + 1)).astype(np.int32)
        # numpy takes large arrays in large pages, numba does not
        scratch = np.empty(len(source), np.int64)
        heavier, lighter, place = (np.empty(len(source), np.int32) for _ in range(3))
        stretches = shared_kernels.order_pairs(
            source, target, np.diff(starts).astype(np.int32), block,
            int(block.max(initial=0)) + 1, CHUNKS, scratch, heavier, lighter, place,
        )  # fmt: skip
        return cls(heavier, lighter, place, *stretches)
