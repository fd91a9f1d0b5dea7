"""What was planted in a simulated population, and the population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from coordnet.frames import html_table, native
from coordnet.frozen import Frozen
from coordnet.log.actions import ActionLog
from coordnet.log.labels import LABELS


@dataclass(frozen=True)
class Phase:
    """A stretch of time in which some accounts act together.

    Attributes
    ----------
    group : str
        Phases of one group follow each other, perhaps with other accounts.
    start_us, end_us : int
        Microseconds since 1970 (UTC), from the first up to and without the second.
    accounts : tuple of str
    """

    group: str
    start_us: int
    end_us: int
    accounts: tuple[str, ...]


@dataclass(frozen=True)
class Truth:
    """What was planted.

    Attributes
    ----------
    groups : mapping of str to tuple of str
        The accounts of each group; no account is in two.
    covert : mapping of str to bool
        Whether the group coordinates covertly; the others are benign.
    phases : tuple of Phase
        Who acted together when, where groups change over time; else empty.
    """

    groups: Mapping[str, tuple[str, ...]]
    covert: Mapping[str, bool]
    phases: tuple[Phase, ...] = ()

    def to_frame(self, backend: str = "pandas") -> Any:
        """Return a dataframe of one row an account in a group: account, group, covert."""
        rows = [(a, g, self.covert[g]) for g, members in self.groups.items() for a in members]
        account, group, covert = zip(*rows, strict=True) if rows else ((), (), ())
        return native(
            pa.table(
                {
                    "account": pa.array(account, LABELS),
                    "group": pa.array(group, LABELS),
                    "covert": pa.array(covert, pa.bool_()),
                }
            ),
            backend,
        )


@dataclass(frozen=True, repr=False)
class Simulation(Frozen):
    """A simulated population: its log, its account table, and what was planted in it."""

    scenario: str
    log: ActionLog
    account_table: pa.Table
    truth: Truth

    @cached_property
    def accounts(self) -> Any:
        """The accounts as a pandas frame: account, created_at, handle, name, language, ..."""
        return native(self.account_table, "pandas")

    def _facts(self) -> list[tuple[str, str]]:
        groups = ", ".join(
            f"{name} ({len(members)}{'' if self.truth.covert[name] else ', benign'})"
            for name, members in list(self.truth.groups.items())[:8]
        )
        more = len(self.truth.groups) - 8
        return [
            ("actions", f"{len(self.log):,}"),
            ("accounts", f"{self.log.n_accounts:,}"),
            ("planted", (groups or "nothing") + (f" and {more} more" if more > 0 else "")),
        ]

    def __repr__(self) -> str:
        lines = [f"  {name:<9}{value}" for name, value in self._facts()]
        return "\n".join([f"Simulation ({self.scenario})", *lines])

    def _repr_html_(self) -> str:
        return html_table(f"Simulation ({self.scenario})", ("", ""), self._facts())
