"""Null runs: the whole search on logs without coordination."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import ParameterError
from coordnet.inference.null_logs import dealt, profiled
from coordnet.log.actions import ActionLog
from coordnet.search.configuration import Rule
from coordnet.search.search import discover
from coordnet.threads import run_chunks


def check_evidence(rule: Rule, name: str) -> None:
    """Raise where clusters found by the rule have no evidence of the group test."""
    if not rule.within or rule.fdr is None:
        raise ParameterError(
            f"{name}= needs the evidence of the group test, which co-timing alone and fdr=None do "
            "not give; use a window in within= and a level in fdr=."
        )


# -- null runs ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class NullRuns:
    """The largest cluster score of each null run.

    Attributes
    ----------
    dealt, profiled : float64 (runs,)
        Largest evidence of a cluster in the run, -inf where none was found.
    """

    dealt: NDArray[np.float64]
    profiled: NDArray[np.float64]

    @property
    def share_with_clusters(self) -> float:
        """Share of the runs in which anything was found."""
        every = np.concatenate([self.dealt, self.profiled])
        return float(np.mean(every > -np.inf)) if len(every) else float("nan")

    def p_values(self, evidence: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the selection-corrected p-value of each evidence.

        (1 + number of null runs whose largest score is at least this) / (n + 1), the worse of
        dealt and profiled.
        """
        worst = np.zeros(len(evidence))
        for largest in (self.dealt, self.profiled):
            reached = (largest[None, :] >= evidence[:, None]).sum(axis=1)
            worst = np.maximum(worst, (1 + reached) / (len(largest) + 1))
        return worst


def run_nulls(
    log: ActionLog, rule: Rule, runs: int, seed: int = 0, threads: int | None = None
) -> NullRuns:
    """Run the whole discovery on `runs` dealt and `runs` profiled null logs.

    Parameters
    ----------
    log, rule
        What is found on these is what the p-values are for.
    runs
        Number of null logs of each kind.
    seed
        The only source of randomness.
    threads
        Number of threads; None means all processors. It changes no byte of the result.
    """
    check_evidence(rule, "null_runs")
    seeds = np.random.SeedSequence(seed).generate_state(2 * runs)

    def largest(_: None, i: int) -> float:
        null = dealt(log, int(seeds[i]), rule.strata) if i < runs else profiled(log, int(seeds[i]))
        evidence = discover(null, rule, threads=1).clusters.evidence
        return -np.inf if evidence is None or not len(evidence) else float(evidence.max())

    scores = np.array(run_chunks(largest, 2 * runs, threads=threads, label="null runs"))
    return NullRuns(scores[:runs], scores[runs:])
