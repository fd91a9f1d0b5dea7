"""How much memory there is, and what a step may use of it."""

from __future__ import annotations

import numbers
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from coordnet.errors import MemoryBudgetError, ParameterError, shown

SHARE = 0.75  # of what is available; the rest is for the caller and for the steps that follow
LEAST = 100_000_000  # bytes; with less nothing can be done
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_given: ContextVar[int | None] = ContextVar("memory", default=None)


def memory_size(memory: int | str) -> int:
    """Return an amount of memory in bytes.

    Parameters
    ----------
    memory
        ``"2GB"``, ``"500 MB"``, ``"1.5GiB"``, or a number of bytes; 100 MB or more.

    Examples
    --------
    >>> memory_size("2GB"), memory_size("1.5GiB"), memory_size(250_000_000)
    (2000000000, 1610612736, 250000000)
    """
    size = None
    if isinstance(memory, str):
        found = re.fullmatch(r"\s*(\d+\.?\d*)\s*([KMGT]?)(i?)B?\s*", memory, re.IGNORECASE)
        if found:
            unit = _UNITS[found[2].upper()]
            if found[3]:
                unit = 1 << (10 * round(len(str(unit)) / 3))
            size = int(float(found[1]) * unit)
    elif isinstance(memory, numbers.Integral) and not isinstance(memory, bool):
        size = int(memory)
    if size is None or size < LEAST:
        raise ParameterError(
            f'memory={shown(memory)} is no amount of memory; write "2GB", or a number of bytes, '
            "100 MB or more."
        )
    return size


@contextmanager
def limited_to(memory: int | str | None) -> Iterator[None]:
    """Let the steps of the block take so much memory, and what is more stand on disk.

    Parameters
    ----------
    memory
        As :func:`memory_size` takes it; None leaves all as it is around the block.
    """
    if memory is None:
        yield
        return
    before = _given.set(memory_size(memory))
    try:
        yield
    finally:
        _given.reset(before)


def stays_in_memory(size: float) -> bool:
    """Return whether a result of so many bytes may stay in memory where a limit was given.

    A quarter of the memory: the rest is for what it is made of, and for what is made of it.
    """
    return size <= memory_budget() / 4


@contextmanager
def unlimited() -> Iterator[None]:
    """Let the block take what the machine has, and nothing stand on disk."""
    before = _given.set(None)
    try:
        yield
    finally:
        _given.reset(before)


def may_use_disk() -> bool:
    """Return whether what does not fit into memory may stand on disk, since a limit was given."""
    return _given.get() is not None


def available_memory(root: Path = Path("/")) -> int:
    """Return the memory in bytes that this process can still take without swapping.

    The least of what the machine has available and of what the limits of the control groups
    (containers, batch systems) leave, of either version. Where the system tells nothing, the
    memory that is built in; where it does not tell that either, as much as there can be.

    Parameters
    ----------
    root
        Where ``proc`` and ``sys`` are.

    Examples
    --------
    >>> available_memory() > 0
    True
    """
    found = [max(left, 0) for left in (*_of_machine(root), *_of_groups(root))]
    if found:
        return min(found)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return sys.maxsize


def memory_budget(memory: int | None = None) -> int:
    """Return what one step may use: the limit given, or three quarters of what is available.

    Parameters
    ----------
    memory
        Bytes that are available; None asks for the limit of :func:`limited_to`, or the system.
    """
    given = _given.get()
    if memory is None and given is not None:
        return given
    return int(SHARE * (available_memory() if memory is None else memory))


def check_budget(size: float, what: str, remedy: str, memory: int | None = None) -> None:
    """Raise an error where something would take more than :func:`memory_budget`.

    Parameters
    ----------
    size
        Bytes that it takes at most.
    what
        What takes them, for the error: ``"200,000,000 edges"``.
    remedy
        A sentence for the error: what to change.
    memory
        Bytes that are available; None asks the system.

    Raises
    ------
    MemoryBudgetError
        With how much it would take, how much there is, and the remedy.
    """
    budget = memory_budget(memory)
    if size > budget:
        raise MemoryBudgetError(
            f"{what} would take up to {gigabytes(size)} of memory, and {gigabytes(budget)} may be "
            f"used (three quarters of what is free). {remedy}"
        )


def gigabytes(size: float) -> str:
    """Return a number of bytes as a person reads it.

    Examples
    --------
    >>> gigabytes(7_999_600_000), gigabytes(52_428_800)
    ('8.0 GB', '0.052 GB')
    """
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e9:.2g} GB"


def _of_machine(root: Path) -> Iterator[int]:
    """Yield what the machine has available, where it tells."""
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1_024


def _of_groups(root: Path) -> Iterator[int]:
    """Yield what each control group above this process leaves, where it has a limit.

    A group's usage counts cached files too, which the system gives up when memory is needed.
    """
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mount, names = root / "sys/fs/cgroup", ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            mount = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        group = mount / path.lstrip("/")
        # inside a container the path may be the host's, and only the top of it is there
        for folder in (group, *group.parents):
            limit, used = (_lines(folder / name) for name in names)
            if limit and used and limit[0].isdigit():
                cached = [
                    int(stat.split()[1])
                    for stat in _lines(folder / "memory.stat")
                    if stat.startswith(("inactive_file ", "total_inactive_file "))
                ]
                yield int(limit[0]) - int(used[0]) + max(cached, default=0)
            if folder == mount:
                break


def _lines(path: Path) -> list[str]:
    """Return the lines of a file of the system, none where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
