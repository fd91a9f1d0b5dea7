"""A cluster in plain words: what was found, against what, how sure, and what else it may be."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from coordnet.scores.explanations import EXPLANATIONS, fitting
from coordnet.scores.view import Column, Estimate, Floats, View

SURE = 0.05  # q-value up to which a score is told
MOST = 6  # scores told
# What is told elsewhere in the summary, or is no property of behaviour
_TOLD = ("synchrony", "size", "persistence")


def explain(
    view: View,
    estimates: Mapping[str, Estimate],
    columns: Mapping[str, Column],
    figures: Mapping[str, Floats],
    i: int,
) -> str:
    """Return the summary of cluster i; see :meth:`coordnet.ClusterScores.explain`."""
    parts = [
        _found(view, estimates, i), _differs(estimates, columns, i), *_benign(figures, i), _caveat()
    ]  # fmt: skip
    return "\n".join(part for part in parts if part)


def _found(view: View, estimates: Mapping[str, Estimate], i: int) -> str:
    text = f"Cluster {i}: {view.sizes[i]:,} accounts with {view.n_actions[i]:,} actions. "
    view, own = view.part_of(i)
    graph = view.graph
    share = estimates.get("synchronised_actions")
    if share is not None and not np.isnan(share.value[i]):
        text += (
            f"{_percent(share.value[i])} of what they did was done within "
            f"{graph.within} of another member"
        )
        lag = estimates.get("median_lag")
        if lag is not None and not np.isnan(lag.value[i]):
            text += ", half of it "
            text += f"within {_number(lag.value[i])} s" if lag.value[i] else "in the same second"
        text += ". "
    if not graph.relation.on_objects:
        return f"{text}They act at the same moments, whatever on: {_pairs(view, own)}."
    test = view.group_tests[own]
    text += (
        f"Together they acted on {test.together:,} objects in {test.occasions:,} separate "
        f"sittings. At the pace of accounts outside the cluster on the same objects, pairs of "
        f"members would have met {_number(test.expected_pairs)} times; they met "
        f"{test.observed_pairs:,} times"
    )
    if test.observed_pairs > test.expected_pairs:
        text += f" (group test: p = {test.p_value:.2g} for a set chosen beforehand)"
    text += ". "
    least = -np.log10(SURE)
    if test.evidence > least:
        text += (
            f"As one set it is surprising even after paying for all sets of its size: "
            f"{test.evidence:.1f} decades of evidence."
        )
    elif "q_value" in graph.edges:
        text += (
            "As one set it does not pay for all sets of its size; what carries it are "
            f"{_pairs(view, own)}."
        )
    else:
        text += "Neither the set nor its pairs have passed a test: this is a count, no evidence."
    selection = estimates.get("selection")
    if selection is not None and selection.p_value is not None:
        text += (
            f" In null runs of the whole detection a cluster with as much evidence came with "
            f"chance {selection.p_value[i]:.2g} at most."
        )
    again = [estimates.get(f"stability[{how}]") for how in ("reseeded", "bootstrap")]
    if again[0] is not None and again[1] is not None:
        text += (
            f" Looked for again, it is the same to {_percent(again[0].value[i])} with other seeds "
            f"and to {_percent(again[1].value[i])} in bootstrap samples of the objects (Jaccard)."
        )
    if test.class_only > 0.5:
        text += (
            " Most of these objects were used by nobody outside the cluster, so that their "
            "chances rest on similar objects alone."
        )
    return text


def _pairs(view: View, i: int) -> str:
    """Return how many pairs of members have an edge, and whether it was tested."""
    edges = int(np.diff(view.inside[0])[i])
    tested = "q_value" in view.graph.edges
    return f"{edges:,} pairs of members, {'each tested by itself' if tested else 'untested'}"


def _differs(estimates: Mapping[str, Estimate], columns: Mapping[str, Column], i: int) -> str:
    told = []
    for name, estimate in estimates.items():
        column = columns[name]
        if column.family in _TOLD or estimate.q_value is None or estimate.reference is None:
            continue
        q, value, reference = estimate.q_value[i], estimate.value[i], estimate.reference[i]
        if np.isnan(q) or q > SURE or np.isnan(value) or np.isnan(reference):
            continue
        big = abs(value - reference) / max(abs(value), abs(reference), 1e-12)
        told.append((q, -big, name, value, reference))
    if not told:
        return "Beside accounts of like activity, no other score stands out."
    text = "Beside accounts of like activity: "
    lines = [
        f"{name.replace('_', ' ')} {_value(columns[name].unit, value)} "
        f"(others {_value(columns[name].unit, reference)}, q = {q:.2g})"
        for q, _, name, value, reference in sorted(told)[:MOST]
    ]
    more = len(told) - len(lines)
    return text + "; ".join(lines) + (f"; and {more} more" if more > 0 else "") + "."


def _benign(every: Mapping[str, Floats], i: int) -> list[str]:
    fit = fitting(every, i)
    unknown = [name for name in EXPLANATIONS if np.isnan(every[name][i])]
    lines = [
        f"It may be {one.title} ({one.name.replace('_', ' ')}: {every[one.name][i]:.2f}, fits "
        f"from {one.least:g})."
        for one in fit
    ]
    checked = len(EXPLANATIONS) - len(unknown)
    if not fit:
        lines = [f"Of the benign explanations, {checked} could be checked; none fits."]
    if unknown:
        names = ", ".join(name.replace("_", " ") for name in unknown)
        lines.append(f"The data cannot tell: {names}.")
    return lines


def _caveat() -> str:
    return (
        "Coordination is not inauthenticity: fans, newsrooms and unions coordinate too. Nothing "
        "here is a statement about one account."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 or share <= 0 else f"{100 * share:.1g} %"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.2g}"


def _value(unit: str, value: float) -> str:
    return _percent(value) if unit == "share" else _number(value)
