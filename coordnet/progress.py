"""What is being done, how far it is and how long it takes: one line on the terminal, then gone.

Work that can last reports here by :func:`stage`. Nothing is written unless a person looks: not to
a pipe, not to a file, not in a notebook unless asked for by :func:`show_progress`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tqdm import tqdm

from coordnet.errors import ParameterError, cut, shown

DELAY = 0.5  # seconds; what is over sooner is not shown
TICK = 0.25  # seconds between two looks at the clock
COMPILING = "compiling (first run only)"
Step = Callable[[float], None]

_asked: bool | None = None  # None: where a person looks at a terminal
_lock = threading.Lock()
_line: _Line | None = None


def show_progress(on: bool | None = None) -> None:
    """Say whether long work shows how far it is, on the error stream.

    Parameters
    ----------
    on
        True also where the error stream is no terminal, as in a notebook; False never; None, as it
        is at the start, where it is a terminal. The environment's COORDNET_PROGRESS, 1 or 0, says
        the same of a whole process.

    Raises
    ------
    ParameterError
        For anything else.

    Examples
    --------
    >>> import coordnet as cn
    >>> cn.show_progress(False)
    >>> cn.show_progress(None)
    """
    global _asked  # noqa: PLW0603 - one setting of the process
    if on is not None and not isinstance(on, bool):
        raise ParameterError(f"on={shown(on)} is none of True, False and None.")
    _asked = on


def wanted() -> bool:
    """Return whether progress is shown."""
    if _asked is not None:
        return _asked
    told = os.environ.get("COORDNET_PROGRESS", "")
    if told in ("0", "1"):
        return told == "1"
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError, OSError):  # None (pythonw), closed, gone
        return False


@contextmanager
def stage(name: str) -> Iterator[Step]:
    """Show the block as the stage of this name while it runs; give what tells how far it is.

    A stage inside another takes its place until it ends. Those of other threads than that of the
    outermost stage are not shown.

    Parameters
    ----------
    name
        A word or two for a person: ``"reading"``.

    Yields
    ------
    callable
        Takes the share that is done, from 0 to 1; a stage that never calls it shows its time only.
    """
    line = _entered(name)
    if line is None:
        yield _nothing
        return
    try:
        yield line.done
    finally:
        _left(line)


def _nothing(_: float) -> None:
    """Show nothing."""


def _entered(name: str) -> _Line | None:
    global _line  # noqa: PLW0603 - there is one terminal
    with _lock:
        if _line is None:
            if not wanted():
                return None
            _line = _Line()
        if _line.thread != threading.get_ident():
            return None
        _line.stages.append([cut(name, 60), None, time.monotonic()])
        return _line


def _left(line: _Line) -> None:
    global _line  # noqa: PLW0603
    with _lock:
        line.stages.pop()
        if line.stages:
            return
        _line = None
    line.close()


class _Bar(tqdm):  # type: ignore[misc]
    monitor_interval = 0  # no thread beside ours


class _Line:
    """The line of the terminal, kept up by a thread of its own: kernels let go of the GIL."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.stages: list[list[Any]] = []  # name, share and beginning, the innermost last
        self._bar: _Bar | None = None
        self._compiles = False
        self._ended = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True, name="coordnet progress")
        self._ticker.start()

    def done(self, share: float) -> None:
        """Say what share of the innermost stage is done."""
        self.stages[-1][1] = share

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._ended.set()
        self._ticker.join()

    def _tick(self) -> None:
        """Show the line again and again until it ends; a terminal that is gone ends it too."""
        with suppress(OSError, ValueError, AttributeError), self._told_of_compiling():
            if self._ended.wait(DELAY):
                return
            try:
                while True:
                    self._show()
                    if self._ended.wait(TICK):
                        break
            finally:
                if self._bar is not None:
                    self._bar.close()

    def _show(self) -> None:
        with _lock:
            if not self.stages:
                return
            name, share, since = self.stages[-1]
        seconds = int(time.monotonic() - since)
        told = f"{name}, {COMPILING}" if self._compiles else name
        told += f": {seconds // 60}:{seconds % 60:02}"
        layout = "{desc}" if share is None else "{desc} {percentage:3.0f}%|{bar}|"
        if self._bar is None:
            self._bar = _Bar(
                total=1.0, initial=share or 0.0, desc=told, leave=False, bar_format=layout,
                file=sys.stderr,
            )  # fmt: skip
            return
        self._bar.bar_format = layout
        self._bar.n = min(share or 0.0, 1.0)
        self._bar.set_description_str(told, refresh=True)

    @contextmanager
    def _told_of_compiling(self) -> Iterator[None]:
        """Listen to numba, which says when it compiles."""
        from numba.core import event

        class Compiling(event.Listener):  # type: ignore[misc]
            def on_start(_, event: Any) -> None:  # noqa: N805
                function = event.data["dispatcher"].py_func
                self._compiles = function.__module__.startswith("coordnet.")

            def on_end(_, event: Any) -> None:  # noqa: N805
                self._compiles = False

        listener = Compiling()
        event.register("numba:compile", listener)
        try:
            yield
        finally:
            event.unregister("numba:compile", listener)
