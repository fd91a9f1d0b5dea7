"""Numbers with the name of what is counted: 1 action, 2 actions."""

from __future__ import annotations


def several(number: float, name: str) -> str:
    """Return a number with the name of what is counted.

    >>> several(1, "cluster"), several(1_200, "edge")
    ('1 cluster', '1,200 edges')
    """
    return f"{number:,.0f} {name}" + ("" if number == 1 else "s")
