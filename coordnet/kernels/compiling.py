"""How kernels are compiled: cached on disk, without the GIL, inlined where they are small."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numba
from numba.core import event

logger = logging.getLogger(__name__)


class _Announcement(event.Listener):
    """Says once in a process that kernels are being compiled: the first run waits for it."""

    made = False

    def on_start(self, event: Any) -> None:
        function = event.data["dispatcher"].py_func
        if not self.made and function.__module__.startswith("coordnet."):
            self.made = True
            logger.warning(
                "coordnet compiles its loops for this machine; this takes up to a minute, once."
            )

    def on_end(self, event: Any) -> None:
        """Say nothing."""


event.register("numba:compile", _Announcement())


def kernel(function: Callable[..., Any]) -> Any:
    """Compile what Python calls, and kernels too."""
    return _compiled(function)


def inner(function: Callable[..., Any]) -> Any:
    """Compile what kernels alone call: it has no entry for Python, which takes time to compile.

    That entry would be compiled once more with each kernel that calls the function.
    """
    return _compiled(function, no_cpython_wrapper=True)


def _compiled(function: Callable[..., Any], **options: bool) -> Any:
    """Compile with a disk cache, or without one where no cache folder is writable.

    Nothing calls a kernel from C, so that no entry for C is compiled.
    """
    options = {"nogil": True, "no_cfunc_wrapper": True, **options}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        return numba.njit(**options)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Compile into the kernels that call it.

    For what is called in the innermost loops: a call counts references to each array that it is
    given, atomically, which costs more than the few steps that it then does.
    """
    return numba.njit(inline="always")(function)
