"""A cluster in plain words: what was found, how sure it is, what else it may be, and its limits."""

from __future__ import annotations

import html
from collections.abc import Mapping

import numpy as np

from coordnet.graphs.true_pairs import confidence
from coordnet.inference.group_test import GroupTest
from coordnet.kernels import actions as action_kernels
from coordnet.log.actions import ActionLog
from coordnet.log.windows import told
from coordnet.scores.explanations import EXPLANATIONS, FITS, fitting
from coordnet.scores.view import Column, Estimate, Floats, View
from coordnet.times import DAY, HOUR, MINUTE, SECOND

SURE = 0.05  # p- or q-value up to which a finding is told
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
    head = f"Cluster {i} has {view.sizes[i]:,} accounts and {view.n_actions[i]:,} actions."
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
    sure = (
        f"At least {bound:,} {of} act together beyond chance ({confidence(part.graph)}, however "
        "the cluster was chosen)."
    ) * (bound > 0)
    each = f"{_count(passed or 0, 'pair')} that each passed their own test"
    evidence = part.evidence[own] if part.graph.relation.on_objects else None
    if evidence is not None and evidence > -np.log10(SURE):
        text = (
            "As a whole, the group acted together more than chance explains: "
            f"{_p_value(-evidence)}, corrected for all groups of this size that could have been "
            f"picked (log10 evidence {evidence:.1f})."
        )
        if passed:
            text += f" {passed:,} {of} also passed their own test."
        if sure:
            text = f"{sure} {text}" if 2 * bound >= pairs else f"{text} {sure}"
    elif passed:
        text = f"{sure} " if sure else ""
        text += f"The evidence is {each}, {of}."
        if evidence is not None:
            text += (
                " Testing the group as a whole is inconclusive, because so many groups of this "
                "size could have been picked."
            )
    else:
        tested = "The pairs were not tested" if passed is None else "No pair passed a test"
        whole = "" if evidence is None else ", and testing the group as a whole is inconclusive"
        text = f"{tested}{whole}. What follows are counts, not evidence."
    selection = estimates.get("selection")
    if selection is not None and selection.p_value is not None:
        p = selection.p_value[i]
        if not np.isnan(p):
            text += (
                " Where the whole search was repeated on data without coordination, a cluster with "
                f"this much evidence came up with a probability of at most {p:.2g}."
            )
    again = [estimates.get(f"stability[{how}]") for how in ("reseeded", "bootstrap")]
    if again[0] is not None and again[1] is not None:
        text += (
            f" Searched for again, it was the same to {_percent(again[0].value[i])} with other "
            f"seeds and to {_percent(again[1].value[i])} in bootstrap samples of the objects "
            "(Jaccard index)."
        )
    return text


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
            f"Members acted at the same moments, on whatever objects, in {_count(edges, 'pair')}."
        )
    return " ".join(lines)


def _meetings(test: GroupTest, tried: int) -> list[str]:
    """Return what the group test says of how often members met."""
    objects = int((test.detail[:, 2] >= 2).sum())
    if not objects:
        return ["Members never acted together on an object."]
    on = f"Members acted together on {_count(objects, 'object')}"
    occasions = _count(test.occasions, "separate occasion")
    if test.together == objects:
        lines = [f"{on}, on {occasions}."]
    else:
        some = f"{test.together:,} of these count as evidence, on {occasions}."
        lines = [f"{on}. {some if test.together else 'None of these counts as evidence.'}"]
    expected = _number(test.expected_pairs)
    lines.append(
        f"They met {_count(test.observed_pairs, 'time')}; accounts outside the cluster that shared "
        f"the same objects would have met about {expected} times."
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
    return f"the typical gap was about {_count(round(seconds * SECOND / unit), name)}"


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
            f"Compared with accounts of similar activity, none of {_count(compared, 'other score')}"
            f" differs clearly (q-value above {SURE:g}{reach})."
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
        + (f"; and {_count(more, 'more score')}" if more > 0 else "")
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


def _count(n: int, name: str) -> str:
    return f"{n:,} {name}" + ("" if n == 1 else "s")


def _p_value(log10: float) -> str:
    """Return a p-value as it is told, from its logarithm, which may be too small for a float."""
    return f"p < 1e{int(log10)}" if log10 < -299 else f"p = {10**log10:.1g}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 or share <= 0 else f"{100 * share:.1g} %"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.2g}"


def _value(unit: str, value: float) -> str:
    return _percent(value) if unit == "share" else _number(value)
