"""What a run says first, in words: suspects, cleaning, what could have been found, what holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.inference.timing_power import FEW, close, too_few
from coordnet.log.windows import Window
from coordnet.log.windows import told as window_told
from coordnet.plural import several
from coordnet.robustness.confirmation import Confirmation
from coordnet.robustness.findable import Findable
from coordnet.robustness.null_runs import NullRuns
from coordnet.scores.explain import CONCLUSIVE

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
USED = (  # where that was asked for
    'The pairs were tested with null="activity", which needs no public: it asks whether they meet '
    "more often than their activity explains. It does not rule out common interests.",
    STILL[1],
)


def warning(
    layers: Mapping[str, Mapping[str, Any]],
    rounds: Sequence[int],
    few_left: bool,
    null: str,
    found: bool = False,
) -> list[str]:
    """Return what is said before all else: suspects, wide windows, too few actions.

    Empty where the timing of the public is known.

    Parameters
    ----------
    layers
        By window, what the manifest says of the power of the timing null there.
    rounds
        How many accounts were out of the background in each round of cleaning.
    few_left
        Whether cleaning the background would have left too few accounts in it.
    null
        Against what pairs were tested.
    found
        Whether any cluster was found: then there was enough for it.
    """
    told = suspects(layers, rounds, few_left, null)
    if told or not layers:
        return told
    most = max(facts["pairs_on_an_object"] for facts in layers.values())
    if most < FEW and not found:
        return [sentence(too_few(most))]
    wide = [window for window, facts in layers.items() if facts["little_power"] == "wide"]
    if not wide or null == "activity":
        return []
    enough = [window for window in layers if window not in wide]
    more = " and ".join(f"within {window}" for window in enough) or "in a shorter one"
    return [
        f"{sentence(close(window, layers[window]['chance'])).rstrip('.')}: this window is wide for "
        f"these data, and the timing test has little power in it; it has more {more}."
        for window in wide
    ]


def suspects(
    layers: Mapping[str, Mapping[str, Any]], rounds: Sequence[int], few_left: bool, null: str
) -> list[str]:
    """Return what is said where everybody is a suspect: that first, what helps, what still holds.

    Empty where that is not so. Parameters as those of :func:`warning`.
    """
    high = [
        close(window, facts["chance"])
        for window, facts in layers.items()
        if facts["little_power"] == "suspects"
    ]
    reasons = list(high)
    if few_left:
        reasons.append("hardly anybody is left whom the accounts found could be compared with")
    if not reasons:
        return []
    told = [f"Everybody in these data may be a suspect: {'; '.join(reasons)}."]
    if few_left:
        told.append("So nobody was taken out of the background.")
    elif len(rounds) > 1:
        told.append(
            f"{several(rounds[-1], 'account')} {'was' if rounds[-1] == 1 else 'were'} taken out of "
            "the background. Those left in it, whom they are compared with, may be suspects too: "
            "the slowest of them."
        )
    else:
        told.append("So the timing test has little or no power.")
    return [*told, *HELP, *(USED if null == "activity" else STILL)]


def asked(
    windows: Sequence[Window], co_timing: str | None, level: float | None, null: str,
    part: tuple[int, int] | None = None,
) -> str:  # fmt: skip
    """Return what was asked: windows, level and null, and how much of the log that looks at.

    Parameters
    ----------
    windows
        Of the layers of co-action, in microseconds, or those of each kind.
    co_timing
        The window of co-timing, None where that was not asked for.
    level
        The level of error, None where nothing was tested.
    null
        Against what pairs were tested.
    part
        How many actions the windows look at, and of how many, where that is not all of them.

    Examples
    --------
    >>> asked([60_000_000], None, 0.05, "both")
    'within 60s, level 0.05, null both'
    >>> asked([(("retweet", 60_000_000),)], "1s", None, "both", (30, 40))
    'retweet within 60s, co-timing within 1s, not tested: counts, not evidence; 30 of 40 actions'
    """
    said = [_way(window) for window in windows]
    if co_timing is not None:
        said.append(f"co-timing within {co_timing}")
    if level is None:
        said.append("not tested: counts, not evidence")
    else:
        said += [f"level {level:g}", *([f"null {null}"] if windows else [])]
    looked_at = "" if part is None else f"; {part[0]:,} of {several(part[1], 'action')}"
    return ", ".join(said) + looked_at


def _way(window: Window) -> str:
    if isinstance(window, int):
        return f"within {window_told(window)}"
    return " and ".join(f"{kind} within {window_told(one)}" for kind, one in window)


def cleaning(rounds: Sequence[int], clustered: int | None = None) -> str:
    """Return how the background was cleaned, empty where nobody was taken out of it.

    Parameters
    ----------
    rounds
        How many accounts were out of the background in each round.
    clustered
        How many accounts are in clusters; None says nothing of it.

    Examples
    --------
    >>> cleaning([0, 3542, 6513])
    '2 rounds, 6,513 accounts taken out'
    >>> cleaning([0, 89], 87)
    '1 round, 89 accounts taken out; those of lone edges too, not only the 87 in clusters'
    >>> cleaning([0])
    ''
    """
    n = len(rounds) - 1
    if n < 1:
        return ""
    said = f"{several(n, 'round')}, {several(rounds[-1], 'account')} taken out"
    if clustered is not None and clustered < rounds[-1]:
        said += f"; those of lone edges too, not only the {clustered:,} in clusters"
    return said


def could(findable: Findable | None, nothing: bool) -> list[str]:
    """Return what could have been found; and first, where nothing was, why."""
    if findable is None:
        return []
    if nothing:
        return [*findable.why_nothing, *findable.sentences]
    return findable.beside_clusters


def confirmed(confirmation: Confirmation, clusters: Clusters, i: int) -> str:
    """Return what the second half of the period says of cluster i, in a sentence or two."""
    row = confirmation.beside(clusters).slice(i, 1).to_pylist()[0]
    if row["set"] is None:
        return "no cluster like it was found in the first half of the period"
    p = row["adjusted"]
    members = several(len(clusters.members(i)), "member")
    said = (
        f"({_p(p)}): {row['shared']:,} of its {members} are in a set of {row['accounts']:,} found "
        f"in the first half; {row['active']:,} of the set act in the second half"
    )
    if p <= SURE:
        return f"confirmed {said}, together beyond chance"
    return f"not confirmed {said}, not together beyond chance, which does not refute it"


def confirmations(confirmation: Confirmation, clusters: Clusters) -> list[str]:
    """Return what the second half says of the clusters, one by one, and how many there are."""
    n = len(clusters)
    if not n:
        return ["there was no cluster to confirm"]
    table = confirmation.beside(clusters).slice(0, n)
    sure = sum(p is not None and p <= SURE for p in table["adjusted"].to_pylist())
    told = [f"cluster {i}: {confirmed(confirmation, clusters, i)}" for i in range(min(n, MOST))]
    are = "is" if sure == 1 else "are"
    head = f"{sure:,} of {several(n, 'cluster')} {are} confirmed in the second half of the period"
    left = n - len(told)
    return [head, *told, *([f"and {several(left, 'more cluster')}"] if left else [])]


def null_runs(nulls: NullRuns, evidence: NDArray[np.float64] | None) -> list[str]:
    """Return what the null runs gave, and how many of them reached the evidence of each cluster."""
    said = [_kinds_of(nulls)]
    best = nulls.largest
    if best > CONCLUSIVE:
        said.append(f"the largest evidence of any set in them was {best:.1f}")
    else:
        said.append(f"no set in them came near significance ({CONCLUSIVE:.1f} is needed)")
    if evidence is None or not len(evidence):
        return said
    told = min(len(evidence), MOST)
    reached, p = nulls.reached(evidence), nulls.p_values(evidence)
    weak = evidence <= CONCLUSIVE
    none = np.flatnonzero(~weak & (reached == 0))
    if len(none):
        said.append(
            f"none of {several(len(nulls.found), 'log')} had a set with as much evidence as "
            f"{_clusters(none)}; more runs could say more"
        )
    said += [
        f"{reached[i]:,} of {several(len(nulls.found), 'log')} had a set with as much evidence as "
        f"cluster {i}: {_p(p[i])}"
        for i in range(told)
        if reached[i] and not weak[i]
    ]
    if weak.any():
        said.append(
            f"they do not judge {_clusters(np.flatnonzero(weak))}: there the evidence is in the "
            "pairs, not in the group"
        )
    return said


def _kinds_of(nulls: NullRuns) -> str:
    """Return in how many logs of each kind a cluster was found."""
    n, m = len(nulls.shuffled), len(nulls.swapped)
    said = f"a cluster was found in {int(nulls.found[:n].sum())} of {several(n, 'log')} with "
    said += "shuffled accounts"
    if m:
        return f"{said} and in {int(nulls.found[n:].sum())} of {m:,} with swapped profiles"
    return (
        f"{said}; swapped profiles keep who acts together in time, which is no null for "
        'null="activity", so there are none'
    )


def _clusters(numbers: NDArray[np.int64]) -> str:
    """Return clusters by their numbers."""
    some = [f"{i}" for i in numbers[:MOST].tolist()]
    left = len(numbers) - len(some)
    more = f" and {several(left, 'more cluster')}" if left else ""
    return f"cluster{'s' if len(numbers) > 1 else ''} {', '.join(some)}{more}"


def _p(value: float) -> str:
    return f"p = {value:.2g}"


def sentence(clause: str) -> str:
    """Return a clause as a sentence.

    >>> sentence("it is so")
    'It is so.'
    """
    return f"{clause[:1].upper()}{clause[1:].rstrip('.')}."
