"""Scores beside their references: where a cluster stands among accounts that act as much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from coordnet.pictures.subject import Scored, number_of, scores_of

PARTS = (
    "value", "low", "high", "reference", "reference_low", "reference_median", "reference_high",
    "effect", "p_value", "q_value",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ScoresBesideReferences:
    """The scores of a cluster that have a reference.

    Attributes
    ----------
    scores : pyarrow.Table
        One row a score: ``score``, ``family``, ``unit``, ``meaning``; ``value`` with its 95 %
        interval ``low`` to ``high``; ``reference``; ``reference_low``, ``reference_median`` and
        ``reference_high``, the 5th, 50th and 95th percentile of matched sets; ``effect``,
        ``p_value``, ``q_value``. Null where a score has no such part.
    """

    scores: pa.Table

    def table(self) -> pa.Table:
        """Return `scores`."""
        return self.scores


def scores_beside_references(source: Scored, i: int) -> ScoresBesideReferences:
    """Return the scores of cluster i that have a value and a reference, in the order of families.

    Parameters
    ----------
    source
        A run or scores.
    i
        Number of the cluster.
    """
    scores, i = scores_of(source), number_of(source, i)
    rows = []
    for name, estimate in scores.estimates.items():
        parts = {part: getattr(estimate, part) for part in PARTS}
        row = {
            part: None if v is None or np.isnan(v[i]) else float(v[i]) for part, v in parts.items()
        }
        if row["value"] is None or row["reference"] is None:
            continue
        column = scores.columns[name]
        rows.append(
            {
                "score": name, "family": column.family, "unit": column.unit,
                "meaning": column.meaning, **row,
            }
        )  # fmt: skip
    texts = {name: pa.string() for name in ("score", "family", "unit", "meaning")}
    numbers = dict.fromkeys(PARTS, pa.float64())
    return ScoresBesideReferences(pa.Table.from_pylist(rows, pa.schema({**texts, **numbers})))
