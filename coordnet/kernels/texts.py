"""Compiled loops over texts as arrays of characters."""

from __future__ import annotations

from typing import Any

import numpy as np

from coordnet.kernels.compiling import kernel


@kernel
def levenshtein_similarity(characters: Any, starts: Any, a: Any, b: Any) -> Any:
    """Return 1 - distance / longer length of pairs of texts: edits of one character.

    Parameters
    ----------
    characters : int32, all texts one after the other
    starts : int64 (texts + 1,), where each begins
    a, b : int64 (n,), the texts of each pair

    Returns
    -------
    float64 (n,), 1 for two empty texts

    Cost: O(product of the two lengths), without what they have in common at either end.
    """
    out = np.empty(len(a), np.float64)
    row = np.empty(64, np.int64)
    for p in range(len(a)):
        x = starts[a[p]]
        x_end = starts[a[p] + 1]
        y = starts[b[p]]
        y_end = starts[b[p] + 1]
        longest = max(x_end - x, y_end - y)
        while x < x_end and y < y_end and characters[x] == characters[y]:
            x += 1
            y += 1
        while x < x_end and y < y_end and characters[x_end - 1] == characters[y_end - 1]:
            x_end -= 1
            y_end -= 1
        m = y_end - y
        if m + 1 > len(row):
            row = np.empty(2 * (m + 1), np.int64)
        for j in range(m + 1):
            row[j] = j
        for i in range(x_end - x):
            diagonal = row[0]
            row[0] = i + 1
            for j in range(m):
                change = diagonal + (1 if characters[x + i] != characters[y + j] else 0)
                diagonal = row[j + 1]
                row[j + 1] = min(change, diagonal + 1, row[j] + 1)
        out[p] = 1.0 - row[m] / longest if longest > 0 else 1.0
    return out
