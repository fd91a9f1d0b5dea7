"""What a report of clusters over time says: the finding, the method, the picture in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from coordnet.plural import several
from coordnet.report import words
from coordnet.times import instant_text

if TYPE_CHECKING:
    from coordnet.over_time.clusters_over_time import ClustersOverTime
    from coordnet.pictures.lanes import Lanes

HAPPENED = {
    "born": "was new", "split": "split off from cluster {other}",
    "merged": "went into cluster {other}", "returned": "was back", "gone": "was not seen any more",
}  # fmt: skip
_COUNTED = {"split": "split off", "merged": "merged", "returned": "came back", "gone": "went away"}


def days(start_us: int, end_us: int) -> str:
    """Return the days of a step, the last one included."""
    return f"{instant_text(start_us)[:10]} to {instant_text(end_us - 1)[:10]}"


def finding(found: ClustersOverTime) -> list[str]:
    """Return what was found: how many steps and clusters, what happened, how errors are bounded."""
    steps = found.steps
    if not steps:
        return ["The log has no actions, so that nothing could be found."]
    span = days(steps[0].start_us, steps[-1].end_us)
    said = [
        f"{several(len(steps), 'step')} of {found.parameters['window']}, one every "
        f"{found.parameters['every']}, {_were(len(steps))} searched, from {span}."
    ]
    if not len(found):
        said.append("No cluster was found in any of them.")
    else:
        counts = Counter(event.event for event in found.events)
        told = [f"{counts[name]:,} {verb}" for name, verb in _COUNTED.items() if counts[name]]
        rest = f"; of these {', '.join(told)}" if told else ""
        said.append(f"{several(len(found), 'cluster')} {_were(len(found))} followed{rest}.")
        size, track, step = max(
            (len(found.members(t.number, s)), -t.number, -s)
            for t in found.tracks
            for s, _ in t.seen
        )
        said.append(
            f"The largest, cluster {-track}, had {size:,} accounts in the step from "
            f"{days(steps[-step].start_us, steps[-step].end_us)}."
        )
    return [*said, error(found)]


def _were(n: int) -> str:
    return "was" if n == 1 else "were"


def error(found: ClustersOverTime) -> str:
    """Return how the level of error is shared out over the steps."""
    level, n = found.config.fdr, len(found.steps)
    if level is None:
        return "Nothing was tested: what follows are counts, not evidence."
    if found.parameters["spending"] == "even":
        each = f"each of the {n:,} has {level / n:.3g}" if n > 1 else "there is one step"
    else:
        spent = level * n / (n + 1)
        each = f"step k, counted from 1, has {level:g} / (k (k + 1)), in all {spent:.3g} up to now"
    return (
        f"The level of error is {level:g} for all steps together: {each}. Where nothing "
        "coordinates, the chance that anything is reported in any step is at most that."
    )


def limits(found: ClustersOverTime) -> list[str]:
    """Return what limits the finding, a sentence each."""
    said = []
    if found.parameters["window"] != found.parameters["every"]:
        said.append(
            "Steps overlap, so that what was done in one week can be seen in several steps; that a "
            "cluster is seen again is no second piece of evidence."
        )
    if found.steps and not found.steps[-1].complete:
        said.append("The last step is cut short by the end of the data.")
    said.append(
        "A cluster is followed by its members: one that goes on under new accounts all at once is "
        "a new cluster here."
    )
    return [*said, *words.CAUTION]


def method(found: ClustersOverTime, version: str, python: str) -> tuple[str, list[str]]:
    """Return the method in a paragraph that can go into a paper, and the sources it names."""
    config, given = found.config, found.parameters
    said = [
        f"We looked for coordinated accounts with coordnet {version} (Python {python}; seed "
        f"{config.seed}), in steps of {given['window']}, one every {given['every']}.",
        *words.joined(config),
    ]
    if config.fdr is None:
        said.append("Edges were not tested.")
    else:
        if config.within:
            said.append(
                f"In each step every pair was tested {words.TESTED[config.null]}; p-values are "
                "corrected for the pairs that could have reached the level (Tarone 1990; Benjamini "
                "and Hochberg 1995)."
            )
        shared = "equal parts for all steps"
        if given["spending"] == "open":
            shared = "alpha spending (Lan and DeMets 1983), 1 / (k (k + 1)) of it for step k"
        said.append(f"The level of error was {config.fdr:g} for all steps together: {shared}.")
    tied = ""
    if given["coupling"]:
        tied = (
            " An account with edges in two steps that follow each other was tied to itself (Mucha "
            f"et al. 2010), by {given['coupling']:g} of its mean strength."
        )
    said += [
        f"Communities were found by Infomap (Rosvall and Bergstrom 2008).{tied}",
        "A cluster goes on where it shares half of the smaller of both with what it was when it "
        f"was last seen; it is gone when it is not seen for more than "
        f"{several(given['patience'], 'step')}.",
    ]
    text = " ".join([*said, f"The fingerprint of the data is {found.log.fingerprint[:16]}."])
    return text, words.cited(text)


def picture(found: ClustersOverTime, shown: Lanes) -> list[str]:
    """Return the picture in words."""
    said = [
        "Each lane is a cluster, each bar a step in which it was seen, as high as it had accounts. "
        "The band between two bars are the members that stay, go into another cluster or split "
        "off; it is faint where the cluster was not seen in between."
    ]
    rows = shown.bars.to_pylist()
    stayed = sum(row["stayed"] or 0 for row in rows)
    before = sum((row["stayed"] or 0) + (row["left"] or 0) for row in rows)
    if before:
        said.append(
            f"From one bar to the next {stayed:,} of {before:,} memberships stay "
            f"({100 * stayed / before:.0f} %)."
        )
    if shown.left_out:
        said.append(
            f"The {several(shown.lanes.num_rows, 'cluster')} of most accounts are drawn; "
            f"{shown.left_out:,} more are in the tables."
        )
    return said


def history(rows: Sequence[dict[str, object]]) -> str:
    """Return how long a cluster was seen, how large it was, and how many of its first members stay.

    Parameters
    ----------
    rows
        Of `ClustersOverTime.to_frame`, those of one track.
    """
    sizes = [int(str(row["accounts"])) for row in rows]
    first, last = rows[0], rows[-1]
    said = f"Seen in {several(len(rows), 'step')}, from {str(first['start'])[:10]}"
    if len(rows) == 1:
        return f"{said} on, with {sizes[0]:,} accounts."
    share = float(str(last["founders"]))
    return (
        f"{said} to {str(last['end'])[:10]}, with {min(sizes):,} to {max(sizes):,} accounts. In "
        f"the last of them {100 * share:.0f} % of the first members are still there."
    )
