"""What a run says first, in words: suspects, cleaning, what could have been found, what holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.inference.edge_tests import LITTLE_POWER
from coordnet.robustness.confirmation import Confirmation
from coordnet.robustness.findable import Findable
from coordnet.robustness.null_runs import NullRuns

SURE = 0.05  # adjusted p-value up to which a set counts as confirmed
MOST = 10  # clusters that are told one by one
HELP = (
    "What would help: background= with a log of accounts that are not under suspicion, of the same "
    "platform, topic and weeks.",
    "Random samples of a platform are such logs: the Internet Archive's Twitter Stream Grab for "
    "Twitter, the public firehose (Jetstream) for Bluesky.",
    "So are collections of posts on a topic that researchers publish, on Zenodo or ICPSR.",
)
STILL = (
    'What can still be said: null="activity" asks whether pairs meet more often than their '
    "activity explains. It does not rule out common interests.",
    "And how the clusters differ from each other: their scores side by side need no public.",
)


def suspects(chances: Mapping[str, float], rounds: Sequence[int], few_left: bool) -> list[str]:
    """Return what is said where everybody is a suspect: that first, what helps, what still holds.

    Empty where the timing of the public is known.

    Parameters
    ----------
    chances
        By window, the typical chance that two accounts on one object are within it of each other,
        before the background was cleaned: what is left then are the slowest, suspects or not.
    rounds
        How many accounts were out of the background in each round of cleaning.
    few_left
        Whether cleaning the background would have left too few accounts in it.
    """
    high = [
        f"within {within} of each other with chance {chance:.2f}"
        for within, chance in chances.items()
        if chance > LITTLE_POWER
    ]
    reasons = [f"two accounts on one object are {', '.join(high)}"] if high else []
    if few_left:
        reasons.append("hardly anybody is left whom the accounts found could be compared with")
    if not reasons:
        return []
    told = [f"Everybody in these data may be a suspect: {'; '.join(reasons)}."]
    if few_left:
        told.append("So nobody was taken out of the background.")
    elif len(rounds) > 1:
        told.append(
            f"{rounds[-1]:,} accounts were taken out of the background. Those left in it, whom "
            "they are compared with, may be suspects too: the slowest of them."
        )
    else:
        told.append("So the timing test has little or no power.")
    return [*told, *HELP, *STILL]


def cleaning(rounds: Sequence[int]) -> str:
    """Return how the background was cleaned, empty where nobody was taken out of it.

    >>> cleaning([0, 3542, 6513])
    '2 rounds, 6,513 accounts taken out'
    >>> cleaning([0])
    ''
    """
    n = len(rounds) - 1
    if n < 1:
        return ""
    return f"{n} round{'s' * (n > 1)}, {rounds[-1]:,} accounts taken out"


def could(findable: Findable | None, nothing: bool) -> list[str]:
    """Return what could have been found; and first, where nothing was, why."""
    if findable is None:
        return []
    if nothing:
        return [*findable.why_nothing, *findable.sentences]
    return findable.beside_clusters


def confirmed(confirmation: Confirmation, clusters: Clusters, i: int) -> str:
    """Return what the second half of the period says of cluster i, in a sentence."""
    row = confirmation.beside(clusters).slice(i, 1).to_pylist()[0]
    if row["set"] is None:
        return "no cluster like it was found in the first half of the period"
    p = row["adjusted"]
    how = "confirmed" if p <= SURE else "not confirmed"
    return (
        f"{how} in the second half of the period, {_p(p)}: of the {row['accounts']:,} accounts "
        f"that the first half shows, {row['active']:,} act there and {row['shared']:,} are in it"
    )


def confirmations(confirmation: Confirmation, clusters: Clusters) -> list[str]:
    """Return what the second half says of the clusters, one by one, and how many there are."""
    table = confirmation.beside(clusters).slice(0, len(clusters))
    sure = np.array([p is not None and p <= SURE for p in table["adjusted"].to_pylist()], bool)
    told = [
        f"cluster {i}: {confirmed(confirmation, clusters, i)}"
        for i in range(min(len(clusters), MOST))
    ]
    head = f"{int(sure.sum()):,} of {len(clusters):,} clusters in the second half of the period"
    left = len(clusters) - len(told)
    return [head, *told, *([f"and {left:,} more clusters"] if left else [])]


def null_runs(nulls: NullRuns, evidence: NDArray[np.float64] | None) -> list[str]:
    """Return what the null runs gave, and the p-value of each cluster by them."""
    n = len(nulls.found)
    best = nulls.largest
    shown = f"; the largest evidence was {best:.1f}" if best > -np.inf else ""
    said = [
        f"a cluster was found in {int(nulls.found.sum())} of {n} logs without coordination{shown}; "
        f"no p-value can be below {nulls.smallest_p:.2g}"
    ]
    if evidence is not None and len(evidence):
        p = nulls.p_values(evidence)
        each = ", ".join(f"cluster {i} {_p(p[i])}" for i in range(min(len(p), MOST)))
        left = len(p) - MOST
        said.append(each + (f", and {left:,} more clusters" if left > 0 else ""))
    return said


def _p(value: float) -> str:
    return f"p = {value:.2g}"
