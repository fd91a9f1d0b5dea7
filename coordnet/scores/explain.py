"""A cluster in plain words: what was found, how sure it is, what else it may be, and its limits."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping

import numpy as np

from coordnet.graphs.true_pairs import confidence
from coordnet.inference.group_test import GroupTest
from coordnet.kernels import actions as action_kernels
from coordnet.log.actions import ActionLog
from coordnet.log.windows import told
from coordnet.plural import several
from coordnet.scores.explanations import EXPLANATIONS, FITS, fitting
from coordnet.scores.untold import REASONS, why_untold
from coordnet.scores.view import Column, Estimate, Floats, View
from coordnet.times import DAY, HOUR, MINUTE, SECOND

SURE = 0.05  # p- or q-value up to which a finding is told
CONCLUSIVE = -math.log10(SURE)  # log10 evidence that says something of the group as a whole
CELL = 12  # accounts up to which a group is a small cell
MOST = 6  # scores told
# What is told elsewhere in the summary, or is no property of behaviour
_TOLD = ("synchrony", "size", "persistence")
_CLOCKS = {SECOND: "second", MINUTE: "minute", HOUR: "hour", DAY: "day"}
LABELS = ("Finding.", "How.", "What else is different.", "Other explanations.", "Limits.")
CONFIRMATION = "Confirmation."


class Explanation(str):
    r"""A cluster in plain words: text that a notebook shows in paragraphs, labels in bold.

    Examples
    --------
    >>> Explanation("Cluster 0 has 3 accounts.\nLimits. A name: <b>.")._repr_html_()
    '<p>Cluster 0 has 3 accounts.</p><p><strong>Limits.</strong> A name: &lt;b&gt;.</p>'
    """

    __slots__ = ()

    def _repr_html_(self) -> str:
        def paragraph(text: str) -> str:
            label = next((x for x in (*LABELS, CONFIRMATION) if text.startswith(f"{x} ")), "")
            bold = f"<strong>{label}</strong>" if label else ""
            return f"<p>{bold}{html.escape(text[len(label) :])}</p>"

        return "".join(paragraph(text) for text in self.split("\n"))


def explain(
    view: View,
    estimates: Mapping[str, Estimate],
    columns: Mapping[str, Column],
    values: Mapping[str, Floats],
    i: int,
    smallest_q: float = 0.0,
) -> Explanation:
    """Return the summary of cluster i; see :meth:`coordnet.ClusterScores.explain`."""
    members, actions = int(view.sizes[i]), int(view.n_actions[i])
    head = f"Cluster {i} has {several(members, 'account')} and {several(actions, 'action')}."
    cluster = view.clusters[i]
    if len(view.clusters.layers) > 1:
        carried = " and ".join(cluster.layers)
        head += f" It is carried by {carried}." if carried else " No edge carries it."
        if cluster.layers != (cluster.layer,):
            head += f" What follows is about {cluster.layer}."
    paragraphs = (
        _finding(view, estimates, i),
        _how(view, estimates, i),
        _differs(estimates, columns, i, smallest_q),
        _others(view, values, i),
        _limits(view, i),
    )
    told = (f"{label} {text}" for label, text in zip(LABELS, paragraphs, strict=True))
    return Explanation("\n".join([head, *told]))


def _finding(view: View, estimates: Mapping[str, Estimate], i: int) -> str:
    part, own = view.part_of(i)
    passed = _passed(part, own)
    n = int(view.sizes[i])
    pairs = n * (n - 1) // 2
    of = f"of its {pairs:,} pairs of accounts"
    least = estimates.get("pairs_at_least")
    bound = 0 if least is None else int(np.nan_to_num(least.value[i]))
    evidence = part.evidence[own] if part.graph.relation.on_objects else None
    whole = evidence is not None and bool(evidence > CONCLUSIVE)
    said: list[str] = []
    certain: list[str] = []
    after: list[str] = []
    if whole and evidence is not None:
        said.append(
            "As a whole, the group acted together more than chance explains: "
            f"{_p_value(-evidence)}, corrected for all groups of this size that could have been "
            f"picked (log10 evidence {evidence:.1f})."
        )
    if passed:
        each = f"{passed:,} {of} {'also ' * whole}passed their own test."
        said.append(each if whole else f"The evidence is in the pairs: {each}")
        if evidence is not None and not whole:
            said.append(
                "Testing the group as a whole is inconclusive, because so many groups of this size "
                "could have been picked."
            )
    if not said:
        tested = "The pairs were not tested" if passed is None else "No pair passed a test"
        group = "" if evidence is None else ", and testing the group as a whole is inconclusive"
        said.append(f"{tested}{group}. What follows are counts, not evidence.")
    if bound:
        certain.append(
            f"At least {bound:,} {of} act together beyond chance ({confidence(part.graph)}, "
            "however the cluster was chosen)."
        )
        if passed and passed > bound:
            after = [
                f"A few of the {passed:,} may have passed by chance; the {bound:,} allow for that."
            ]
    elif passed is not None and (passed or whole):
        starts, edges = part.inside
        test = part.group_tests[own] if evidence is not None else None
        why = REASONS[why_untold(part.graph, edges[starts[own] : starts[own + 1]], test)]
        said.append(f"How many {of} are certain cannot be told: {why}.")
    # a small cell is found as a group: of its few pairs the bound says little
    cell = whole and n <= CELL and 2 * bound < pairs
    text = " ".join([*said, *certain, *after] if cell else [*certain, *said, *after])
    if "selection" in estimates:
        text += _selection(view, evidence)
    again = [estimates.get(f"stability[{how}]") for how in ("reseeded", "bootstrap")]
    if again[0] is not None and again[1] is not None:
        text += (
            f" Searched for again, it was the same to {_percent(again[0].value[i])} with other "
            f"seeds and to {_percent(again[1].value[i])} in bootstrap samples of the objects "
            "(Jaccard index)."
        )
    return text


def _selection(view: View, evidence: float | None) -> str:
    """Return in how many logs without coordination the search came upon as much."""
    runs = view.nulls
    if runs is None or evidence is None or not len(runs.found):
        return ""
    of = several(len(runs.found), "log")
    if evidence <= CONCLUSIVE:  # its evidence is in the pairs, which null runs do not rank
        return (
            " Where the whole search was repeated on data without coordination, it found a cluster "
            f"in {int(runs.found.sum())} of {of}."
        )
    reached = int(runs.reached(np.array([evidence]))[0])
    text = (
        f" Where the whole search was repeated on data without coordination, {reached} of {of} had "
        "a set with as much evidence"
    )
    if not reached:
        return f"{text}; more runs could say more."
    return f"{text} (p = {runs.p_values(np.array([evidence]))[0]:.2g})."


def _passed(view: View, i: int) -> int | None:
    """Return how many pairs of members passed their own test, None where pairs were not tested."""
    if "q_value" not in view.graph.edges:
        return None
    indptr, edges = view.inside
    return int((view.graph.edges["q_value"][edges[indptr[i] : indptr[i + 1]]] <= SURE).sum())


def _how(view: View, estimates: Mapping[str, Estimate], i: int) -> str:
    part, own = view.part_of(i)
    relation = part.graph.relation
    lines = []
    share = estimates.get("synchronised_actions")
    if share is not None and not np.isnan(share.value[i]):
        lag = estimates.get("median_lag")
        gap = ""
        if lag is not None and not np.isnan(lag.value[i]):
            gap = f"; {_gap(float(lag.value[i]), clock(part.graph_log))}"
        what = "action on the same object" if relation.on_objects else "action, on any object"
        lines.append(
            f"{_percent(share.value[i])} of the members' actions came within "
            f"{told(part.graph.window_us)} of another member's {what}{gap}."
        )
    if relation.on_objects:
        lines += _meetings(part.group_tests[own], part.tried)
    elif not relation.from_log:
        lines.append("The edges were given, so what members did together is not known.")
    else:
        edges = int(np.diff(part.inside[0])[own])
        lines.append(
            f"Members acted at the same moments, on whatever objects, in {several(edges, 'pair')}."
        )
    return " ".join(lines)


def _meetings(test: GroupTest, tried: int) -> list[str]:
    """Return what the group test says of how often members met."""
    objects = int((test.detail[:, 2] >= 2).sum())
    if not objects:
        return ["Members never acted together on an object."]
    on = f"Members acted together on {several(objects, 'object')}"
    occasions = several(test.occasions, "separate occasion")
    if test.together == objects:
        lines = [f"{on}, on {occasions}."]
    else:
        some = f"{test.together:,} of these count as evidence, on {occasions}."
        lines = [f"{on}. {some if test.together else 'None of these counts as evidence.'}"]
    expected = _number(test.expected_pairs)
    lines.append(
        f"They met {several(test.observed_pairs, 'time')}; accounts outside the cluster that "
        f"shared the same objects would have met about {expected} times."
    )
    if test.observed_pairs > test.expected_pairs and tried * test.p_value <= SURE:
        shown = _p_value(min(0.0, test.log10_p + float(np.log10(tried))))
        lines.append(f"The group test gives {shown} if this group had been named before looking.")
    if test.class_only > 0.5:
        lines.append(
            "Most of these objects were used by nobody outside the cluster. What would be expected "
            "on them is known from similar objects only."
        )
    return lines


def clock(log: ActionLog) -> int:
    """Return the finest unit that the times of a log tell, in microseconds; 1 us where not known.

    Of a log too short to tell, the coarsest that fits its times: nothing finer is then said.
    """
    if log.resolution > 1 or not len(log):
        return log.resolution
    step = int(action_kernels.common_step(log.time))
    return next((unit for unit in (DAY, HOUR, MINUTE) if step % unit == 0), 1)


def _gap(seconds: float, unit: int) -> str:
    """Return the median gap, no finer than the clock."""
    if unit <= SECOND:
        if seconds:
            return f"the typical gap was {_number(seconds)} s"
        return "typically in the same second"
    name = _CLOCKS[unit]
    if seconds * SECOND < unit:
        return f"typically within the same {name}, the finest that the times tell"
    return f"the typical gap was about {several(round(seconds * SECOND / unit), name)}"


def _differs(
    estimates: Mapping[str, Estimate], columns: Mapping[str, Column], i: int, smallest_q: float
) -> str:
    told, compared = [], 0
    for name, estimate in estimates.items():
        column = columns[name]
        if column.family in _TOLD or estimate.q_value is None or estimate.reference is None:
            continue
        q, value, reference = estimate.q_value[i], estimate.value[i], estimate.reference[i]
        if np.isnan(q) or np.isnan(value) or np.isnan(reference):
            continue
        compared += 1
        if q > SURE:
            continue
        big = abs(value - reference) / max(abs(value), abs(reference), 1e-12)
        told.append((q, -big, name, value, reference))
    if not compared:
        return "Other scores were not compared with accounts of similar activity."
    # where it is more than that, nothing can differ unless several scores do
    reach = f"; one alone could have {smallest_q:.2g} at best" if smallest_q > SURE else ""
    if not told:
        return (
            "Compared with accounts of similar activity, none of "
            f"{several(compared, 'other score')} differs clearly (q-value above {SURE:g}{reach})."
        )
    lines = [
        f"{name.replace('_', ' ')} {_value(columns[name].unit, value)} "
        f"(others {_value(columns[name].unit, reference)})"
        for _, _, name, value, reference in sorted(told)[:MOST]
    ]
    more = len(told) - len(lines)
    return (
        f"Compared with accounts of similar activity (q-value at most {SURE:g}): "
        + "; ".join(lines)
        + (f"; and {several(more, 'more score')}" if more > 0 else "")
        + "."
    )


def _others(view: View, every: Mapping[str, Floats], i: int) -> str:
    fit = fitting(every, i)
    unknown = [name.replace("_", " ") for name in EXPLANATIONS if np.isnan(every[name][i])]
    checked = len(EXPLANATIONS) - len(unknown)
    if not checked:
        return f"None of {len(EXPLANATIONS)} can be checked with these data."
    lines = [f"{checked} of {len(EXPLANATIONS)} {'was' if checked == 1 else 'were'} checked."]
    lines += [
        f"The cluster may be {one.title} ({one.name.replace('_', ' ')}: "
        f"{every[one.name][i]:.2f}, fits from {FITS:g})."
        for one in fit
    ] or ["None fits."]
    if unknown:
        lines.append(f"{len(unknown)} cannot be checked with these data: {', '.join(unknown)}.")
    return " ".join([*lines, *_promptness(view, i)])


def _promptness(view: View, i: int) -> list[str]:
    """Return how much of the synchrony members' own delays explain, or that it cannot be told."""
    part, own = view.part_of(i)
    if not part.graph.relation.on_objects or part.graph.source is None:
        return []
    found = part.promptness
    explained, objects = found.explained[own], int(found.objects[own])
    if np.isnan(explained):
        return [
            "Too few objects tell how much of it the members' own delays since publication explain "
            f"({objects:,})."
        ]
    return [
        f"Members' own delays since publication explain {_percent(explained)} of how often they "
        f"met, on the {objects:,} objects that tell."
    ]


def _limits(view: View, i: int) -> str:
    graph = view.part_of(i)[0].graph
    log = view.log if graph.source is None else graph.log
    unit = clock(log)
    if unit > 1:
        lines = [f"Times are in whole {_CLOCKS[unit]}s."]
    elif len(log) < 30:
        lines = ["The log is too short to tell how precise its times are."]
    else:
        lines = ["Times are finer than a second."]
    gone = {reason: count for reason, count in view.log.dropped.items() if count}
    rows = view.log.rows_read or len(view.log) + sum(gone.values())
    if gone:
        why = ", ".join(f"{reason} {count:,}" for reason, count in gone.items())
        lines.append(f"{_percent(sum(gone.values()) / rows)} of the rows were dropped ({why}).")
    else:
        lines.append("No row was dropped.")
    for note in () if graph.tested is None else graph.tested.notes:
        lines.append(f"{note[:1].upper()}{note[1:].rstrip('.')}.")
    lines.append(
        "The data cannot show why accounts acted together: fans, newsrooms and unions coordinate "
        "too. Nothing here is a statement about any one account."
    )
    return " ".join(lines)


def _p_value(log10: float) -> str:
    """Return a p-value as it is told, from its logarithm, which may be too small for a float."""
    return f"p < 1e{int(log10)}" if log10 < -299 else f"p = {10**log10:.1g}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 or share <= 0 else f"{100 * share:.1g} %"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.2g}"


def _value(unit: str, value: float) -> str:
    return _percent(value) if unit == "share" else _number(value)
