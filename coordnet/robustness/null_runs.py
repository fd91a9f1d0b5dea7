"""Null runs: the whole search on logs without coordination."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import check_seed, check_whole
from coordnet.inference.null_logs import shuffled_accounts, swapped_profiles
from coordnet.log.actions import ActionLog
from coordnet.search.configuration import Configuration
from coordnet.search.search import search_clusters
from coordnet.threads import run_chunks


@dataclass(frozen=True)
class NullRuns:
    """The largest evidence of each null run, and whether it found anything.

    Attributes
    ----------
    shuffled, swapped : float64 (runs,)
        Of logs with shuffled accounts and of logs with swapped profiles: the largest evidence that
        the search came upon, of its clusters and of sets that it let go as too little; -inf where
        there was no surprising pair to grow a set from.
        Under ``null="activity"`` there are no logs with swapped profiles: they keep how close in
        time accounts act, which is what that null leaves out, so that they are no null for it.
    found : bool (runs of both kinds,)
        Whether a cluster was found, of first the ones and then the others.
    """

    shuffled: NDArray[np.float64]
    swapped: NDArray[np.float64]
    found: NDArray[np.bool_]

    @property
    def share_with_clusters(self) -> float:
        """Share of the runs in which a cluster was found."""
        return float(np.mean(self.found)) if len(self.found) else float("nan")

    @property
    def largest(self) -> float:
        """The largest evidence of any null run."""
        return float(np.concatenate([self.shuffled, self.swapped]).max(initial=-np.inf))

    @property
    def smallest_p(self) -> float:
        """The smallest p-value that so many runs can give: 1 / (runs + 1)."""
        return 1 / (min(map(len, self._kinds)) + 1)

    @property
    def _kinds(self) -> list[NDArray[np.float64]]:
        """The evidence of the logs of each kind that there is."""
        return [self.shuffled, *([self.swapped] if len(self.swapped) else [])]

    def reached(self, evidence: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return how many null runs, of all kinds, came upon at least this evidence, of each."""
        every = np.concatenate([self.shuffled, self.swapped])
        count: NDArray[np.int64] = (every[None, :] >= evidence[:, None]).sum(axis=1)
        return count

    def p_values(self, evidence: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the selection-corrected p-value of each evidence.

        (1 + number of null runs whose largest evidence is at least this) / (n + 1), the worse of
        the two kinds of log. A cluster with less evidence than what searches come upon where
        nobody coordinates has a p-value near 1, however sure its pairs are.
        """
        worst = np.zeros(len(evidence))
        for largest in self._kinds:
            reached = (largest[None, :] >= evidence[:, None]).sum(axis=1)
            worst = np.maximum(worst, (1 + reached) / (len(largest) + 1))
        return worst


def run_nulls(
    log: ActionLog,
    config: Configuration,
    runs: int,
    seed: int = 0,
    background: ActionLog | None = None,
    threads: int | None = None,
) -> NullRuns:
    """Rerun the whole search on `runs` logs with shuffled accounts, `runs` with swapped profiles.

    Under ``null="activity"`` on those with shuffled accounts alone; see :class:`NullRuns`.

    Parameters
    ----------
    log
        The actions.
    config
        By what rule clusters are searched for; the p-values are for clusters found by it.
    runs
        Number of null logs of each kind.
    seed
        The only source of randomness.
    background
        A log of accounts that are not under suspicion, as in :func:`coordnet.detect`.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> cn.run_nulls(log, cn.Configuration(), runs=2).share_with_clusters
    0.0
    """
    config.check_evidence("null_runs")
    config.check_kinds(log)
    runs = check_whole(runs, "runs", 0)
    check_seed(seed)
    both = runs if config.null == "activity" else 2 * runs
    seeds = np.random.SeedSequence(seed).generate_state(2 * runs)

    def largest(_: None, i: int) -> tuple[float, bool]:
        own = int(seeds[i])
        null = (
            shuffled_accounts(log, own, config.strata) if i < runs else swapped_profiles(log, own)
        )
        found = search_clusters(null, config, background, threads=1)
        return found.largest_evidence(), len(found.clusters) > 0

    results = run_chunks(largest, both, threads=threads, label="null runs")
    evidence = np.array([evidence for evidence, _ in results], float)
    found = np.array([any_found for _, any_found in results], bool)
    return NullRuns(evidence[:runs], evidence[runs:], found)
