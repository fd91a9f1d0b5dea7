"""Errors and warnings: each names the input, the value and the next step.

Every error that coordnet raises on purpose is a :class:`CoordnetError`; each kind is also the
built-in error that a caller would expect, so that ``except ValueError`` works too.
"""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable
from types import ModuleType

import numpy as np

LONGEST_MESSAGE = 4_000
LONGEST_VALUE = 200


def _escaped(text: str) -> str:
    """Return the text with control characters and terminal escapes written out, as in a repr."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def cut(text: str, most: int = LONGEST_VALUE) -> str:
    """Return the text on one line: control characters written out, cut after `most` characters."""
    text = _escaped(text[: most + 1])
    return text if len(text) <= most else text[: most - 1] + "…"


def shown(value: object, most: int = LONGEST_VALUE) -> str:
    r"""Return a value as an error shows it: its `repr`, on one line, cut after `most` characters.

    >>> shown("a\x1b[31m"), shown("x" * 1_000, most=5)
    ("'a\\x1b[31m'", "'xxx…")
    """
    try:
        text = repr(value[: most + 1] if isinstance(value, str | bytes) else value)
    except Exception:  # the error that is being told must not be lost in another one
        text = f"<{type(value).__name__}>"
    return cut(text, most)


class CoordnetError(Exception):
    """Base class of the errors that coordnet raises on purpose.

    Whatever a message quotes, it is of a sensible length and moves no terminal's cursor.
    """

    def __init__(self, message: object = "") -> None:
        text = str(message)
        if len(text) > LONGEST_MESSAGE:  # the next step stands at the end
            text = f"{text[: LONGEST_MESSAGE // 2]} … {text[-LONGEST_MESSAGE // 4 :]}"
        super().__init__("\n".join(map(_escaped, text.split("\n"))))


class InputError(CoordnetError, ValueError):
    """The data cannot be used as they are; the message names file, row or column, and value."""


class OutputError(CoordnetError, OSError):
    """The result cannot be written; the message names the file or folder, and why."""


class ParameterError(CoordnetError, ValueError):
    """A parameter has a value that it cannot have."""


class NoSuchItemError(ParameterError, IndexError):
    """A number or name of something that is not there, such as cluster 7 of three."""


class MemoryBudgetError(CoordnetError, MemoryError):
    """A step would need more memory than there is; the message says how much, and what helps."""


class MissingDependencyError(CoordnetError, ImportError):
    """An optional package is needed and not installed; the message gives the install command."""


class CoordnetWarning(UserWarning):
    """Something that does not stop the work but that whoever reads the result must know."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the known name nearest to `name`, or an empty string."""
    names = [str(n) for n in known]
    name = name[:LONGEST_VALUE]
    by_folded = {n.casefold(): n for n in names}
    close = difflib.get_close_matches(name.casefold(), list(by_folded), n=1, cutoff=0.5)
    return f" Did you mean {by_folded[close[0]]!r}?" if close else ""


def listed(names: Iterable[object], most: int = 20) -> str:
    """Return the names, comma-separated, cut after `most` with the number left out.

    Each is cut after 100 characters.
    """
    rows = list(names)
    left = f" and {len(rows) - most} more" if len(rows) > most else ""
    return (", ".join(cut(str(n), 100) for n in rows[:most]) + left) or "none"


def one_of(value: str, allowed: Iterable[str], parameter: str) -> str:
    """Return `value` if it is allowed, else raise a :class:`ParameterError` that lists what is."""
    names = list(allowed)
    if not isinstance(value, str) or value not in names:
        raise ParameterError(
            f"{parameter}={shown(value)} is not known; choose one of {listed(names)}."
            f"{nearest(value, names) if isinstance(value, str) else ''}"
        )
    return value


def check_whole(value: object, name: str, least: int, most: int | None = None) -> int:
    """Return a whole number as an `int`, else raise a :class:`ParameterError` with its name.

    Parameters
    ----------
    value
        An `int`, a NumPy integer, or a float with no fraction, as R hands over whole numbers.
        True and False are refused.
    name
        The parameter's name, for the error.
    least, most
        The range, both ends included; no upper end where `most` is None.

    Examples
    --------
    >>> check_whole(3.0, "min_size", 2)
    3
    """
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        number = int(value)
        if least <= number and (most is None or number <= most):
            return number
    limits = f"of {least:,} or more" if most is None else f"from {least:,} to {most:,}"
    raise ParameterError(f"{name}={shown(value)} is not a whole number {limits}.")


def check_number(
    value: object,
    name: str,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
) -> float:
    """Return a finite number as a `float`, else raise a :class:`ParameterError` with its name.

    Parameters
    ----------
    value
        A Python or NumPy number. NaN, infinity, True and False are refused.
    name
        The parameter's name, for the error.
    above, at_least, below, at_most
        The range; ends that are None are not checked.

    Examples
    --------
    >>> check_number(0.05, "fdr", above=0, below=1)
    0.05
    """
    limits = {"above": above, "of at least": at_least, "below": below, "of at most": at_most}
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:  # an integer that no float can hold
            number = math.inf
        if (
            math.isfinite(number)
            and (above is None or number > above)
            and (at_least is None or number >= at_least)
            and (below is None or number < below)
            and (at_most is None or number <= at_most)
        ):
            return number
    words = " and ".join(f"{word} {end:g}" for word, end in limits.items() if end is not None)
    raise ParameterError(f"{name}={shown(value)} is not a number {words or 'that is finite'}.")


def check_seed(seed: object, name: str = "seed") -> int:
    """Return a seed that every generator takes as an `int`, else raise :class:`ParameterError`."""
    return check_whole(seed, name, 0, 2**63 - 1)


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
