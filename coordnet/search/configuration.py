"""By what rule clusters are searched for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from coordnet.clusters.communities import METHODS
from coordnet.errors import ParameterError, one_of
from coordnet.log.actions import ActionLog
from coordnet.times import Duration, duration, duration_text

DURATION = (str, int, float, np.number, np.timedelta64, dt.timedelta)


@dataclass(frozen=True)
class Rule:
    """By what rule clusters are found; the parameters of :func:`coordnet.detect`."""

    within: tuple[int, ...]
    co_timing: int | None = None
    fdr: float | None = 0.05
    null: str = "both"
    strata: Duration | str | None = None
    background: ActionLog | None = None
    groups: bool = True
    weight: str = "objects"
    min_weight: int = 2
    refractory: int = 30_000_000
    method: str = "leiden"
    resolution: float = 1.0
    min_size: int = 3
    seed: int = 0

    @classmethod
    def of(
        cls,
        within: Duration | Sequence[Duration] = "60s",
        co_timing: Duration | None = None,
        fdr: float | None = 0.05,
        refractory: Duration = "30s",
        **options: Any,
    ) -> Rule:
        """Check parameters as people write them and return the rule."""
        many = [within] if isinstance(within, DURATION) else list(within)
        windows = tuple(duration(w, "within") for w in many)
        if not windows and co_timing is None:
            raise ParameterError(
                "within=[] leaves nothing to look at; give a window or co_timing=."
            )
        if len(set(windows)) < len(windows):
            raise ParameterError(f"within={within!r} has a window twice.")
        if fdr is not None and not 0 < fdr < 1:
            raise ParameterError(f"fdr={fdr!r} is not a rate between 0 and 1, nor None.")
        rule = cls(
            windows,
            None if co_timing is None else duration(co_timing, "co_timing"),
            fdr,
            refractory=duration(refractory, "refractory"),
            **options,
        )
        one_of(rule.null, ("activity", "timing", "both"), "null")
        one_of(rule.method, METHODS, "method")
        return rule

    def parameters(self) -> dict[str, Any]:
        """Return the parameters as the manifest has them."""
        shown = asdict(replace(self, background=None))
        shown["within"] = [duration_text(w) for w in self.within]
        shown["co_timing"] = None if self.co_timing is None else duration_text(self.co_timing)
        shown["refractory"] = duration_text(self.refractory)
        shown["strata"] = None if self.strata is None else str(self.strata)
        shown["background"] = None if self.background is None else self.background.fingerprint
        return shown
