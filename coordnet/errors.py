"""Errors and warnings: each names the input, the value and the next step.

Every error that coordnet raises on purpose is a :class:`CoordnetError`; each kind is also the
built-in error that a caller would expect, so that ``except ValueError`` works too.
"""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Iterable
from types import ModuleType


class CoordnetError(Exception):
    """Base class of the errors that coordnet raises on purpose."""


class InputError(CoordnetError, ValueError):
    """The data cannot be used as they are; the message names file, row or column, and value."""


class ParameterError(CoordnetError, ValueError):
    """A parameter has a value that it cannot have."""


class NoSuchItemError(ParameterError, IndexError):
    """A number or name of something that is not there, such as cluster 7 of three."""


class MissingDependencyError(CoordnetError, ImportError):
    """An optional package is needed and not installed; the message gives the install command."""


class CoordnetWarning(UserWarning):
    """Something that does not stop the work but that whoever reads the result must know."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the known name nearest to `name`, or an empty string."""
    names = [str(n) for n in known]
    by_folded = {n.casefold(): n for n in names}
    close = difflib.get_close_matches(name.casefold(), list(by_folded), n=1, cutoff=0.5)
    return f" Did you mean {by_folded[close[0]]!r}?" if close else ""


def listed(names: Iterable[object], most: int = 20) -> str:
    """Return the names, comma-separated, cut after `most` with the number left out."""
    rows = [str(n) for n in names]
    cut = f" and {len(rows) - most} more" if len(rows) > most else ""
    return (", ".join(rows[:most]) + cut) or "none"


def one_of(value: str, allowed: Iterable[str], parameter: str) -> str:
    """Return `value` if it is allowed, else raise a :class:`ParameterError` that lists what is."""
    names = list(allowed)
    if value not in names:
        raise ParameterError(
            f"{parameter}={value!r} is not known; choose one of {listed(names)}."
            f"{nearest(str(value), names)}"
        )
    return value


def check_seed(seed: int) -> None:
    """Raise a :class:`ParameterError` unless the seed is one that every generator takes."""
    if not isinstance(seed, numbers.Integral) or not 0 <= seed < 2**63:
        raise ParameterError(f"seed={seed!r} is not a seed; use a whole number from 0 to 2**63.")


def optional_import(module: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional module, or say what it is for and how to install it."""
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f"{purpose} needs the package {module!r}, which is not installed; install it with: "
            f"pip install 'coordnet[{extra}]'"
        ) from error
