"""In which block an account is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.kernels import texts as text_kernels


def block_of(labels: pa.LargeStringArray, n: int) -> NDArray[np.int32]:
    """Return the block of each account: a hash of its label, modulo the number of blocks.

    The block depends on the label alone, and is the same in every version and on every machine:
    stores that were written long ago are read by it. The hash is FNV-1a of 64 bits over the bytes
    of the label in UTF-8, then mixed: ``h ^= h >> 32; h *= 0xD6E8FEB86659FD93; h ^= h >> 32``.

    Parameters
    ----------
    labels
        Labels of accounts (accounts,), none missing.
    n
        Number of blocks, 1 or more.

    Returns
    -------
    numpy.ndarray
        int32 (accounts,), each in 0 .. n - 1.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from coordnet.blocks.blocks import block_of
    >>> block_of(pa.array(["alice", "bob", "carol"], pa.large_string()), 4).tolist()
    [1, 2, 1]

    Cost: O(bytes of the labels).
    """
    _, offsets, data = labels.buffers()
    if len(labels) == 0:
        return np.zeros(0, np.int32)
    ends = np.frombuffer(offsets, np.int64)[labels.offset : labels.offset + len(labels) + 1]
    held = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    hashes: NDArray[np.uint64] = text_kernels.hashes(ends, held)
    return (hashes % np.uint64(n)).astype(np.int32)
