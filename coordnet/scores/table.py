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
from coordnet.frames import ArrowExport, html_table, native
from coordnet.graphs.co_action import CoAction
from coordnet.inference.correction import adjusted
from coordnet.log.actions import ActionLog, check_log
from coordnet.log.windows import Within, check_kinds, window_of
from coordnet.plural import several
from coordnet.progress import stage
from coordnet.readers.moments import read_before, read_moments
from coordnet.readers.profiles import read_profiles
from coordnet.readers.stance import read_stance
from coordnet.robustness.null_runs import NullRuns
from coordnet.scores import families
from coordnet.scores.categories import crosstab
from coordnet.scores.evidence import evidence_table, texts_table
from coordnet.scores.explain import CONCLUSIVE, Explanation, explain
from coordnet.scores.explanations import explanation_values, explanations_table
from coordnet.scores.reference import smallest_p
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
from coordnet.times import Instant

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
BEFOREHAND = ("synchronised_pairs",)  # their p-values are for groups named before looking
# Columns of the short table, which has all scores where they are no more than FEW
_SHORT = (
    "accounts", "actions", "density", "synchronised_actions", "median_lag", "pairs_at_least",
    "group_evidence", "occasions",
)  # fmt: skip
_NOT_PRINTED = ("density", "occasions")  # so that a printed table has less than 100 columns
FEW = 12
_NO_SCORES = "ClusterScores: there is no cluster to score"


@dataclass(frozen=True, eq=False, repr=False)
class ClusterScores(ArrowExport):
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

    def to_frame(
        self,
        backend: str | None = None,
        *,
        family: str | Collection[str] | None = None,
        long: bool = False,
        parts: bool | None = None,
    ) -> Any:
        """Return the scores as a dataframe, one row a cluster.

        Where clusters were found in several layers, ``layer`` is the one that a cluster is scored
        in, and ``carried_by`` names those with an edge between two of its members.

        Parameters
        ----------
        backend
            ``"pandas"``, ``"polars"`` or ``"pyarrow"``; by default the kind the actions came in.
        family
            A family of scores such as ``"synchrony"``, or several, or names of scores; ``"all"``
            for every score. By default the few that a reader wants first.
        long
            One row a cluster and score, with all parts of the estimate and the declaration.
        parts
            Whether each score is followed by its reference, effect, interval, p-value and q-value,
            where it has them. By default only with ``family="all"``.

        Examples
        --------
        >>> import coordnet as cn
        >>> scores = cn.detect(cn.simulate("retweet_ring", accounts=1_000, seed=0).log).scores
        >>> scores.to_frame("pyarrow").column_names[:4]
        ['cluster', 'accounts', 'actions', 'density']
        >>> scores.to_frame("pyarrow", family="persistence", parts=True).num_columns
        13
        """
        if parts is None:
            parts = family == "all"
        names = self._names(family, long)
        table = self.long_table(names) if long else self.table(names, parts)
        return native(table, backend or self.log.frame)

    def _names(self, family: str | Collection[str] | None, every: bool) -> list[str]:
        """Return the names of the scores that a table has."""
        if family is None:
            few = every or len(self.estimates) <= FEW
            return [name for name in self.estimates if few or name in _SHORT]
        wanted = [family] if isinstance(family, str) else list(family)
        families = {column.family for column, _ in REGISTRY.values()}
        for name in wanted:
            one_of(name, ["all", *sorted(families), *REGISTRY, *self.estimates], "family")
        return [
            name
            for name, column in self.columns.items()
            if {"all", column.family, name, name.split("[")[0]} & set(wanted)
        ]

    def table(self, names: Collection[str] | None = None, parts: bool = True) -> pa.Table:
        """Return one row a cluster: its number, its layers, and these scores.

        Parameters
        ----------
        names
            Names of scores; None means all.
        parts
            Whether each is followed by the parts of the estimate that are given.
        """
        table: dict[str, Any] = {"cluster": pa.array(np.arange(len(self)))}
        if len(self.clusters.layers) > 1:
            table["layer"] = pa.array([c.layer for c in self.clusters], pa.string())
            carried = ["; ".join(cluster.layers) for cluster in self.clusters]
            table["carried_by"] = pa.array(carried, pa.string())
        for name in self.estimates if names is None else names:
            estimate = self.estimates[name]
            table[name] = _column(estimate.value, self.columns[name].whole)
            for part, suffix in _PARTS.items() if parts else ():
                values = getattr(estimate, part)
                if values is not None:
                    table[f"{name}_{suffix}"] = _column(values)
        return pa.table(table)

    def long_table(self, names: Collection[str] | None = None) -> pa.Table:
        """Return one row a cluster and score, with its declaration and all that is known of it."""
        k = len(self)
        none = np.full(k, np.nan)
        blocks = [_LONG.empty_table()]
        for name in self.estimates if names is None else names:
            estimate = self.estimates[name]
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

    def crosstab(self, backend: str | None = None) -> Any:
        """Return the categories of ``accounts=`` by cluster, compared with all other accounts.

        One row a cluster, column and category: ``accounts``, ``share`` of the members whose
        category is known, and ``background_share`` of the accounts in no cluster.

        Parameters
        ----------
        backend
            The kind of frame; by default the kind the actions came in.
        """
        view, profiles = self.view, self.view.inputs.accounts
        if profiles is None or not profiles.labels:
            raise ParameterError(
                "there are no categories; give score_clusters a table accounts= with a column of "
                "text that has few values."
            )
        found = crosstab(profiles, self.clusters.indptr, view.members, view.activity > 0)
        return native(found, backend or self.log.frame)

    @cached_property
    def explanation_values(self) -> Mapping[str, NDArray[np.float64]]:
        """The value of each benign explanation, (clusters,)."""
        return explanation_values(self.view)

    def explanations(self, backend: str | None = None) -> Any:
        """Return the benign explanations of every cluster as a dataframe.

        One row a cluster and explanation: ``value`` from 0 to 1 (null where the data cannot tell),
        ``fits_from``, the least value at which it fits, ``fits``, and what the value means.
        docs/benign-explanations.md says how far each can be trusted.
        """
        table = explanations_table(self.explanation_values, len(self))
        return native(table, backend or self.log.frame)

    def explain(self, i: int) -> Explanation:
        """Return in plain words what was found of cluster `i`, and what else it may be.

        Short labelled paragraphs: the finding, how the members acted, what else is different about
        them, which benign explanations fit, and what limits the finding.

        Raises
        ------
        NoSuchItemError
            Where there is no such cluster.
        """
        i = self._number(i)
        return explain(
            self.view, self.estimates, self.columns, self.explanation_values, i, self.smallest_q
        )

    def evidence(
        self,
        i: int,
        by: str = "action",
        *,
        redact_text: bool | None = None,
        identifiers: bool = False,
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
            for every object, the strongest first. It has how many ``members`` act on it, how many
            inside one window (``at_once``), how many ``outsiders``, and ``log10_evidence``: minus
            the logarithm of a bound on the chance of that. ``"kind"``: a row for every kind, with
            the sums. Objects of one ``occasion`` count as one piece of evidence, so the evidence of
            objects does not add up to that of the cluster.
        redact_text
            Show only texts that three or more members posted, and of these no mentions, links,
            addresses and telephone numbers. An object is taken for a text by what it looks like,
            whatever its kind is called. By default this is done unless `identifiers` is True.
        identifiers
            Show the accounts' own labels instead of pseudonyms.
        key
            Key of the pseudonyms, as in :meth:`coordnet.Run.write`.
        backend
            The kind of frame; by default the kind the actions came in.
        """
        redact = not identifiers if redact_text is None else redact_text
        table = evidence_table(self.view, self._number(i), by, redact, key, identifiers)
        return native(table, backend or self.log.frame)

    def texts(
        self,
        i: int,
        most: int = 20,
        *,
        redact_text: bool | None = None,
        identifiers: bool = False,
        backend: str | None = None,
    ) -> Any:
        """Return the texts that members of cluster `i` share most as a dataframe.

        A row for every normalised text: how many ``members`` posted it, in how many ``posts``, and
        how many of these were ``in_unison``, within the window of another member's. Retweets are
        left out where the log has other kinds.

        Parameters
        ----------
        i
            Number of the cluster.
        most
            How many texts.
        redact_text
            Show only texts of three or more members, without mentions, links, addresses and
            telephone numbers; else those of two or more, as they are. By default this is done
            unless `identifiers` is True.
        identifiers
            Show texts with whatever they say of people.
        backend
            The kind of frame; by default the kind the actions came in.
        """
        redact = not identifiers if redact_text is None else redact_text
        table = texts_table(self.view, self._number(i), most, redact)
        return native(table, backend or self.log.frame)

    def _number(self, i: int) -> int:
        return self.clusters[i].number

    @property
    def comparisons(self) -> int:
        """How many p-values the q-values correct for."""
        q_values = [e.q_value for e in self.estimates.values() if e.q_value is not None]
        return int(sum((~np.isnan(q)).sum() for q in q_values))

    @property
    def smallest_q(self) -> float:
        """The smallest q-value that one score alone can have; several at once have smaller ones.

        The smallest p-value that so many matched sets can give, times the number of p-values; NaN
        where nothing is compared.
        """
        if not self.comparisons:
            return float("nan")
        return min(1.0, smallest_p(self.view.inputs.null_sets) * self.comparisons)

    def _compared(self) -> list[str]:
        """Return in lines what is not told in the table, and what q-values rest on."""
        said = []
        least = self.estimates.get("pairs_at_least")
        if least is not None and (least.value == 0).any():
            said.append("pairs_at_least is - where none is certain by itself; explain() says why")
        if self.comparisons:
            sets = self.view.inputs.null_sets
            said += [
                f"{several(self.comparisons, 'score')} compared with {sets:,} random sets of "
                "accounts as active as the members",
                f"q-values correct for all of these: a score that differs alone has "
                f"{self.smallest_q:.2g} or more",
            ]
        return said

    def rows(self, most: int = 20) -> tuple[list[str], list[list[str]]]:
        """Return the head and the rows of a short text table of the first clusters.

        Evidence of a group as a whole that is too little to say anything is called inconclusive:
        as a number it would seem to speak against a cluster whose pairs are certain. A bound of 0
        is ``-``: it does not say that nobody acts together.
        """
        names = [name for name in self._names(None, False) if name not in _NOT_PRINTED]
        rows = [
            [str(i), *(self._cell(name, i) for name in names)] for i in range(min(len(self), most))
        ]
        return ["cluster", *names], rows

    def _cell(self, name: str, i: int) -> str:
        value = self.estimates[name].value[i]
        if np.isnan(value):
            return "-"
        if name == "group_evidence" and value <= CONCLUSIVE:
            return "inconclusive"
        if name == "pairs_at_least" and not value:
            return "-"
        return f"{value:,.0f}" if self.columns[name].whole else f"{value:.3g}"

    def __repr__(self) -> str:
        if not len(self):
            return _NO_SCORES
        head, rows = self.rows()
        left = len(self) - len(rows)
        return "\n".join(
            [
                f"ClusterScores: {several(len(self), 'cluster')}, "
                f"{several(len(self.estimates), 'score')}",
                *text_table(head, rows),
                *([f"... and {several(left, 'more cluster')}"] if left else []),
                *self._compared(),
            ]
        )

    def _repr_html_(self) -> str:
        if not len(self):
            return html_table(_NO_SCORES, (), ())
        head, rows = self.rows()
        left = len(self) - len(rows)
        more = f", the first {len(rows)} of them" if left else ""
        more += "".join(f"; {line}" for line in self._compared())
        return html_table(f"ClusterScores: {several(len(self), 'cluster')}{more}", head, rows)


_LONG = pa.schema(
    [
        ("cluster", pa.int64()), ("family", pa.string()), ("score", pa.string()),
        *((part, pa.float64()) for part in ("value", *_PARTS)), ("unit", pa.string()),
        ("on_accounts", pa.int64()), ("on_actions", pa.int64()), ("meaning", pa.string()),
    ]
)  # fmt: skip


def _column(values: Any, whole: bool = False) -> pa.Array:
    """Return floats as an Arrow column, null where NaN; counts as integers."""
    column = pa.array(values, mask=np.isnan(values))
    return column.cast(pa.int64()) if whole else column


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
    within: Within | None = None,
    accounts: Any = None,
    account_column: str = "account",
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
    """Score clusters: how they act, compared with what others do, and how sure that is.

    Parameters
    ----------
    clusters
        The clusters, never single accounts; or sets of labels of accounts, such as another tool
        found, ``[["a", "b", "c"], ["d", "e"]]`` (see :meth:`coordnet.Clusters.from_labels`).
    log
        The log to score them on, by default that of the graph they were found in. Give the whole
        log where the graph was made of one kind of action, and always with sets of labels.
    within
        Of sets of labels: the window in which members act together, by default 60 s; or one for
        each kind of action, as in :func:`co_action`. Clusters that were found in a graph are
        scored with its window.
    accounts
        A frame of one row an account: ``account`` and any of created_at, handle, name (display
        name), language, time_zone, location, followers, following, verified, status (active,
        suspended or deleted); or the path of a .csv, .tsv or .parquet file. Any other column of
        truth values is a mark of your own, whose share is told; a column of text with few values
        is a category of your own, which :meth:`ClusterScores.crosstab` counts. Gives the family
        profiles.
    account_column
        The column of `accounts` that names the accounts.
    before
        A date; gives the share of members created in the four weeks before it. Or an interval
        (start, end).
    moments
        Named intervals, ``{"debate": ("2017-05-31", "2017-06-01")}``. Gives the family moments.
    stance
        Labels such as ``"labour:for"``, one for each row of the input, or a function from a text
        to such a label or None; a tuple of two for two coders; or the path of a table of labels.
        Gives the family stance.
    null_sets
        How many random sets of accounts of no cluster, matched in activity, each cluster is
        compared with. p-values of what is beyond all sets come from a tail fitted to them, where
        there are 99 sets or more, and are not below 1 / (100 (null_sets + 1)).
    null_runs
        Rerun the whole search on so many logs with shuffled accounts and so many with swapped
        profiles (under ``null="activity"`` on the first alone, see :class:`coordnet.NullRuns`);
        gives the selection-corrected p-value of each cluster's evidence.
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
    on = clusters.graph.whole_log if log is None else log
    check_log(on)
    inputs = Inputs(
        None if accounts is None else read_profiles(accounts, on, account=account_column),
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
    with stage("scores") as step:
        for i, (name, (column, function)) in enumerate(chosen.items()):
            step(i / len(chosen))
            found = _scored(view, column, function)
            if isinstance(found, Absent):
                absent[name] = found.reason
                continue
            for key, estimate in found.items():
                full = f"{name}[{key}]" if key else name
                columns[full] = replace(column, name=full)
                estimates[full] = replace(
                    estimate,
                    accounts=view.sizes if estimate.accounts is None else estimate.accounts,
                    actions=view.n_actions if estimate.actions is None else estimate.actions,
                )
    return ClusterScores(clusters, with_q_values(estimates), columns, absent, view)


def _clusters_of(labels: Any, log: ActionLog | None, within: Within | None) -> Clusters:
    """Return sets of labels as clusters in the graph of a log and window."""
    if log is None:
        raise ParameterError(
            "sets of labels need the log that they are scored on: score_clusters(sets, log)."
        )
    check_log(log)
    relation = CoAction(window_of("60s" if within is None else within))
    check_kinds(relation.window_us, log)
    return Clusters.from_labels(labels, relation.graph(log, min_weight=2))


def _scored(view: View, column: Column, function: Score) -> dict[str, Estimate] | Absent:
    """Return the estimates of a score; one of a layer, of each cluster in the layer of its own."""
    everything = ((np.arange(len(view.clusters)), view),)
    tables: dict[str, dict[str, NDArray[Any]]] = {}
    reason = ""
    for numbers, part in view.parts if column.of == "layer" else everything:
        try:
            found = function(part)
        except UnavailableError as error:
            found = Absent(str(error))
        if isinstance(found, Absent):
            reason = found.reason
            continue
        for key, estimate in (found if isinstance(found, dict) else {"": found}).items():
            _check(estimate, column, len(numbers))
            for name in (f.name for f in fields(Estimate)):
                values = getattr(estimate, name)
                if values is not None:
                    table = tables.setdefault(key, {})
                    if name not in table:
                        counts = name in ("accounts", "actions")
                        table[name] = (
                            np.zeros(len(view.clusters), np.int64)
                            if counts
                            else np.full(len(view.clusters), np.nan)
                        )
                    table[name][numbers] = values
    return {key: Estimate(**table) for key, table in tables.items()} or Absent(reason)


def _check(estimate: object, column: Column, n: int) -> None:
    """Raise an error where a score did not give one value a cluster."""
    if not isinstance(estimate, Estimate):
        raise ParameterError(
            f"the score {column.name!r} gave {type(estimate).__name__}; it should give an Estimate "
            "or an Absent."
        )
    for name in (f.name for f in fields(Estimate)):
        values = getattr(estimate, name)
        if values is not None and np.shape(values) != (n,):
            raise ParameterError(
                f"the score {column.name!r} gave {name} of the shape {np.shape(values)}; it should "
                f"be {(n,)}, one value a cluster."
            )


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

    Not of those that hold for groups named before looking: clusters were chosen for their
    synchrony, and no correction for the number of scores makes up for that. `selection` does.
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
