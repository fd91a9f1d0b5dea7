"""ClusterScores: one row a cluster, one column a score, each with its declaration."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.clusters.clusters import Clusters
from coordnet.errors import ParameterError, check_seed, check_whole, nearest, one_of
from coordnet.frames import html_table, native
from coordnet.graphs.co_action import CoAction
from coordnet.inference.correction import adjusted
from coordnet.log.actions import ActionLog, check_log
from coordnet.readers.moments import read_before, read_moments
from coordnet.readers.profiles import read_profiles
from coordnet.readers.stance import read_stance
from coordnet.robustness.null_runs import NullRuns
from coordnet.scores import families
from coordnet.scores.evidence import evidence_table, texts_table
from coordnet.scores.explain import explain
from coordnet.scores.explanations import explanations_table, figures
from coordnet.scores.view import (
    REGISTRY,
    Absent,
    Column,
    Estimate,
    Inputs,
    Score,
    UnavailableError,
    View,
)
from coordnet.search.configuration import Configuration
from coordnet.times import Duration, Instant, duration

# In this order; a family that is none of these stands after them
FAMILIES = (
    "size", "structure", "synchrony", "persistence", "amplification", "content", "leadership",
    "rhythm", "profiles", "moments", "stance",
)  # fmt: skip
for _family in pkgutil.iter_modules(families.__path__, f"{families.__name__}."):
    importlib.import_module(_family.name)  # for what it declares
# Parts of an estimate that a wide table has as columns of their own, where they are given
_PARTS = {
    "reference": "reference",
    "effect": "effect",
    "low": "low",
    "high": "high",
    "p_value": "p",
    "q_value": "q",
}
BEFOREHAND = ("synchronised_pairs",)  # their p-values are for sets chosen beforehand
# Columns of the short table
_SHORT = (
    "accounts", "actions", "density", "synchronised_actions", "median_lag", "occasions",
    "group_evidence",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class ClusterScores:
    """Scores of clusters.

    Attributes
    ----------
    clusters : Clusters
        What is scored.
    estimates : mapping of str to Estimate
        Each score by its name.
    columns : mapping of str to Column
        The declaration of each score: family, meaning, unit, range.
    absent : mapping of str to str
        The scores whose inputs are not there, and why.
    view : View
        What they are scored on.
    """

    clusters: Clusters
    estimates: Mapping[str, Estimate]
    columns: Mapping[str, Column]
    absent: Mapping[str, str]
    view: View

    @property
    def log(self) -> ActionLog:
        """The log they are scored on."""
        return self.view.log

    @property
    def coder_agreement(self) -> float | None:
        """Krippendorff's alpha of the two coders of ``stance=``, None where there were not two."""
        stance = self.view.inputs.stance
        return None if stance is None else stance.agreement

    def __len__(self) -> int:
        return len(self.clusters)

    def __iter__(self) -> Iterator[str]:
        return iter(self.estimates)

    def __contains__(self, name: object) -> bool:
        return name in self.estimates

    def __getitem__(self, name: str) -> Estimate:
        if name not in self.estimates:
            reason = f": {self.absent[name]}" if name in self.absent else ""
            raise ParameterError(
                f"there is no score {name!r} here{reason}.{nearest(name, self.estimates)}"
            )
        return self.estimates[name]

    def to_frame(self, backend: str | None = None, *, long: bool = False) -> Any:
        """Return the scores as a dataframe.

        Parameters
        ----------
        backend
            ``"pandas"``, ``"polars"`` or ``"pyarrow"``; by default the kind the actions came in.
        long
            One row a cluster and score, with all parts of the estimate and the declaration,
            instead of one row a cluster.
        """
        return native(self.long_table() if long else self.table(), backend or self.log.frame)

    def table(self) -> pa.Table:
        """Return one row a cluster: its number, each score, and each part of it that is given."""
        table: dict[str, Any] = {"cluster": pa.array(np.arange(len(self)))}
        for name, estimate in self.estimates.items():
            table[name] = _column(estimate.value)
            for part, suffix in _PARTS.items():
                values = getattr(estimate, part)
                if values is not None:
                    table[f"{name}_{suffix}"] = _column(values)
        return pa.table(table)

    def long_table(self) -> pa.Table:
        """Return one row a cluster and score, with its declaration and all that is known of it."""
        k = len(self)
        none = np.full(k, np.nan)
        blocks = []
        for name, estimate in self.estimates.items():
            column = self.columns[name]
            parts = {part: getattr(estimate, part) for part in _PARTS}
            blocks.append(
                pa.table(
                    {
                        "cluster": pa.array(np.arange(k)),
                        "family": pa.array([column.family] * k, pa.string()),
                        "score": pa.array([name] * k, pa.string()),
                        "value": _column(estimate.value),
                        **{p: _column(none if v is None else v) for p, v in parts.items()},
                        "unit": pa.array([column.unit] * k, pa.string()),
                        "on_accounts": pa.array(estimate.accounts),
                        "on_actions": pa.array(estimate.actions),
                        "meaning": pa.array([column.meaning] * k, pa.string()),
                    }
                )
            )
        return pa.concat_tables(blocks)

    @cached_property
    def figures(self) -> Mapping[str, NDArray[np.float64]]:
        """The figure of each benign explanation, (clusters,)."""
        return figures(self.view)

    def explanations(self, backend: str | None = None) -> Any:
        """Return the benign explanations of every cluster as a dataframe.

        One row a cluster and explanation: ``figure`` from 0 to 1 (null where the data cannot
        tell), ``fits_from``, ``fits``, and what the figure means. How far each can be trusted
        stands in docs/benign-explanations.md.
        """
        return native(explanations_table(self.figures, len(self)), backend or self.log.frame)

    def explain(self, i: int) -> str:
        """Return in plain words what was found of cluster `i`, and what else it may be.

        What was found, against what, how sure, how the members differ from accounts of like
        activity, and which benign explanations fit.
        """
        return explain(self.view, self.estimates, self.columns, self.figures, self._number(i))

    def evidence(
        self,
        i: int,
        by: str = "action",
        *,
        redact_text: bool = True,
        key: bytes | None = None,
        backend: str | None = None,
    ) -> Any:
        """Return what cluster `i` did together as a dataframe, accounts under pseudonyms.

        Parameters
        ----------
        i
            Number of the cluster.
        by
            ``"action"``: a row for every synchronised action, with its ``time``, ``account``,
            ``gap_seconds`` to the nearest of another member, and its object. ``"object"``: a row
            an object, the strongest first: how many ``members`` act on it, how many inside one
            window (``at_once``), how many ``outsiders``, and ``decades``, minus the logarithm of
            the bound on the chance of that. ``"kind"``: a row a trace, objects and decades added
            up. Objects of one ``occasion`` count as one piece of evidence, so that decades do not
            add up to that of the cluster.
        redact_text
            Show only texts that three or more members posted, without mentions, links, addresses
            and numbers.
        key
            Key of the pseudonyms, as in :meth:`coordnet.Run.write`.
        backend
            The kind of frame; by default the kind the actions came in.
        """
        table = evidence_table(self.view, self._number(i), by, redact_text, key)
        return native(table, backend or self.log.frame)

    def texts(
        self, i: int, most: int = 20, *, redact_text: bool = True, backend: str | None = None
    ) -> Any:
        """Return the texts that members of cluster `i` share most as a dataframe.

        A row a normalised text: how many ``members`` posted it, in how many ``posts``, and how many
        of these were ``in_unison``, within the window of another member's. Retweets are left out
        where the log has other kinds.

        Parameters
        ----------
        i
            Number of the cluster.
        most
            How many texts.
        redact_text
            Show only texts of three or more members, without mentions, links, addresses and
            numbers; else those of two or more, as they are.
        backend
            The kind of frame; by default the kind the actions came in.
        """
        return native(
            texts_table(self.view, self._number(i), most, redact_text), backend or self.log.frame
        )

    def _number(self, i: int) -> int:
        return self.clusters[i].number

    def rows(self, most: int = 20) -> tuple[list[str], list[list[str]]]:
        """Return the head and the rows of a short text table of the first clusters."""
        names = [name for name in _SHORT if name in self.estimates]
        rows = [
            [str(i), *(self._cell(name, i) for name in names)] for i in range(min(len(self), most))
        ]
        return ["cluster", *names], rows

    def _cell(self, name: str, i: int) -> str:
        value = self.estimates[name].value[i]
        if np.isnan(value):
            return "-"
        whole = self.columns[name].unit in ("accounts", "actions", "objects", "occasions", "days")
        return f"{value:,.0f}" if whole else f"{value:.3g}"

    def __repr__(self) -> str:
        head, rows = self.rows()
        left = len(self) - len(rows)
        return "\n".join(
            [
                f"ClusterScores: {len(self)} clusters, {len(self.estimates)} scores",
                *text_table(head, rows),
                *([f"... and {left} more clusters"] if left else []),
            ]
        )

    def _repr_html_(self) -> str:
        head, rows = self.rows()
        return html_table(f"ClusterScores: {len(self)} clusters", head, rows)


def _column(values: Any) -> pa.Array:
    """Return floats as an Arrow column, null where NaN; whole ones stay floats."""
    return pa.array(values, mask=np.isnan(values))


def text_table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a table with right-aligned columns."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return [
        "  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in [head, *rows]
    ]


def score_clusters(
    clusters: Any,
    log: ActionLog | None = None,
    *,
    within: Duration | None = None,
    accounts: Any = None,
    before: Instant | tuple[Instant, Instant] | None = None,
    moments: Mapping[str, tuple[Instant, Instant]] | None = None,
    stance: Any = None,
    null_sets: int = 199,
    null_runs: NullRuns | int = 0,
    stability: int = 0,
    config: Configuration | None = None,
    background: ActionLog | None = None,
    seed: int = 0,
    only: Collection[str] | None = None,
    threads: int | None = None,
) -> ClusterScores:
    """Score clusters: how they act, beside what others do, with how much certainty.

    Parameters
    ----------
    clusters
        The clusters, never single accounts; or sets of labels of accounts, such as another tool
        found, ``[["a", "b", "c"], ["d", "e"]]`` (see :meth:`coordnet.Clusters.from_labels`).
    log
        The log to score them on, by default that of the graph they were found in. Give the whole
        log where the graph was made of one kind of action, and always with sets of labels.
    within
        Of sets of labels: the window in which members act together, by default 60 s. Clusters
        that were found in a graph are scored with its window.
    accounts
        A frame of one row an account: ``account`` and any of created_at, handle, name (display
        name), language, time_zone, location, followers, following, verified, status (active,
        suspended or deleted); or the path of a .csv, .tsv or .parquet file. Any other column of
        truth values is a mark of your own, whose share is told. Gives the family profiles.
    before
        A date; gives the share of members created in the four weeks before it. Or an interval
        (start, end).
    moments
        Named intervals, ``{"debate": ("2017-05-31", "2017-06-01")}``. Gives the family moments.
    stance
        Labels such as ``"labour:for"``, one for each row of the input, or a function from a text
        to such a label or None; a tuple of two for two coders. Gives the family stance.
    null_sets
        How many random sets of accounts of no cluster, matched in activity, each cluster is set
        beside; p-values are not below 1 / (null_sets + 1).
    null_runs
        Rerun the whole search on so many logs with shuffled accounts and so many with swapped
        profiles; gives the selection-corrected p-value of each cluster's evidence.
    stability
        Find the clusters again with so many seeds and in so many bootstrap samples, and in changed
        logs; see :func:`coordnet.cluster_stability`.
    config
        By what rule for the last two; by default that of :func:`coordnet.detect` with the windows
        of the clusters' layers.
    background
        A log of accounts that are not under suspicion, for the chances of the group test.
    seed
        The only source of randomness.
    only
        Names of families or scores, if not all are wanted.
    threads
        Number of threads of the reruns; None means all processors.

    Returns
    -------
    ClusterScores
        A score whose inputs are absent is absent, with the reason, never zero. Where there are
        p-values there are q-values too, over all clusters and scores of the table.

    Examples
    --------
    >>> import coordnet as cn
    >>> sim = cn.simulate("election", accounts=1_000, seed=1)
    >>> found = cn.find_clusters(cn.co_action(sim.log, min_weight=3))
    >>> scores = cn.score_clusters(found, sim.log, accounts=sim.accounts)
    >>> scores.columns["round_the_clock"].unit
    'share'
    """
    null_sets = check_whole(null_sets, "null_sets", 0)
    stability = check_whole(stability, "stability", 0)
    if not isinstance(null_runs, NullRuns):
        null_runs = check_whole(null_runs, "null_runs", 0)
    check_seed(seed)
    chosen = _chosen(only)
    if not isinstance(clusters, Clusters):
        clusters = _clusters_of(clusters, log, within)
    elif within is not None:
        raise ParameterError(
            "within= is for sets of labels; clusters that were found in a graph are scored with "
            "the window of that graph."
        )
    on = clusters.graph.log if log is None else log
    check_log(on)
    inputs = Inputs(
        None if accounts is None else read_profiles(accounts, on),
        read_before(before),
        read_moments(moments),
        read_stance(stance, on),
        null_sets,
        null_runs,
        stability,
        config,
        background,
        int(seed),
        threads,
    )
    view = View(clusters, on, inputs)
    estimates: dict[str, Estimate] = {}
    columns: dict[str, Column] = {}
    absent: dict[str, str] = {}
    for name, (column, function) in chosen.items():
        found = _scored(view, column, function)
        if isinstance(found, Absent):
            absent[name] = found.reason
            continue
        several = found if isinstance(found, dict) else {"": found}
        for key, estimate in several.items():
            full = f"{name}[{key}]" if key else name
            columns[full] = replace(column, name=full)
            estimates[full] = replace(
                estimate,
                accounts=view.sizes if estimate.accounts is None else estimate.accounts,
                actions=view.n_actions if estimate.actions is None else estimate.actions,
            )
    return ClusterScores(clusters, with_q_values(estimates), columns, absent, view)


def _clusters_of(labels: Any, log: ActionLog | None, within: Duration | None) -> Clusters:
    """Return sets of labels as clusters in the graph of a log and window."""
    if log is None:
        raise ParameterError(
            "sets of labels need the log that they are scored on: score_clusters(sets, log)."
        )
    check_log(log)
    relation = CoAction(duration("60s" if within is None else within, "within"))
    return Clusters.from_labels(labels, relation.graph(log, min_weight=2))


def _scored(view: View, column: Column, function: Score) -> Estimate | Absent | dict[str, Estimate]:
    """Return a score of all clusters; one of a layer, each cluster in the layer of its own."""
    if column.of != "layer" or len(view.parts) == 1:
        try:
            return function(view.parts[0][1] if column.of == "layer" and view.parts else view)
        except UnavailableError as error:
            return Absent(str(error))
    n = len(view.clusters)
    whole_table: dict[str, NDArray[Any]] = {}
    reason = "there are no clusters"
    for numbers, part in view.parts:
        found = _scored(part, column, function)
        if isinstance(found, Absent):
            reason = found.reason
            continue
        assert isinstance(found, Estimate)  # scores of a layer have one column
        for name in (f.name for f in fields(Estimate)):
            values = getattr(found, name)
            if values is not None:
                blank = 0 if name in ("accounts", "actions") else np.nan
                whole_table.setdefault(name, np.full(n, blank, np.asarray(values).dtype))
                whole_table[name][numbers] = values
    return Estimate(**whole_table) if whole_table else Absent(reason)


def _chosen(only: Collection[str] | None) -> dict[str, tuple[Column, Score]]:
    """Return the scores of these families and names, all without any."""
    names = [*FAMILIES, *(column.family for column, _ in REGISTRY.values())]
    ranked = sorted(REGISTRY.items(), key=lambda entry: names.index(entry[1][0].family))
    if only is None:
        return dict(ranked)
    if isinstance(only, str):
        raise ParameterError(f"only={only!r}: give a list of names, [{only!r}].")
    for name in only:
        one_of(name, (*sorted(set(names)), *REGISTRY), "only")
    return {name: entry for name, entry in ranked if name in only or entry[0].family in only}


def with_q_values(estimates: dict[str, Estimate]) -> dict[str, Estimate]:
    """Return the estimates with q-values over all p-values there are (Benjamini-Hochberg).

    But for those of a set chosen beforehand: clusters were chosen for their synchrony, which no
    correction for the number of scores pays for. `selection` does.
    """
    given = {
        n: e.p_value for n, e in estimates.items() if e.p_value is not None and n not in BEFOREHAND
    }
    if not given:
        return estimates
    p = np.stack(list(given.values()))
    known = ~np.isnan(p)
    q = np.full(p.shape, np.nan)
    q[known] = adjusted(p[known], int(known.sum()), "bh")
    corrected = {n: replace(estimates[n], q_value=row) for n, row in zip(given, q, strict=True)}
    return {**estimates, **corrected}
