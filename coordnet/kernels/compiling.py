"""How kernels are compiled: cached on disk, without the GIL, inlined where they are small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def kernel(function: Callable[..., Any]) -> Any:
    """Compile with a disk cache, or without one where no cache folder is writable."""
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:
        return numba.njit(nogil=True)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Compile into the kernels that call it.

    For what is called in the innermost loops: a call counts references to each array that it is
    given, atomically, which costs more than the few steps that it then does.
    """
    return numba.njit(inline="always")(function)
