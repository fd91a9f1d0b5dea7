"""A run as what its report shows: pseudonyms put in, texts made harmless, lists cut."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.detection import words as run_words
from coordnet.export import labels_out
from coordnet.log.windows import longest, told
from coordnet.pictures.bins import ByTime
from coordnet.pictures.creation import creation
from coordnet.pictures.gaps import gaps
from coordnet.pictures.layers import layers
from coordnet.pictures.network import Network, layout
from coordnet.pictures.references import scores_beside_references
from coordnet.pictures.targets import targets
from coordnet.pictures.timeline import timeline
from coordnet.pictures.unison import unison
from coordnet.report import words
from coordnet.report.data import (
    FORMAT,
    LONGEST_SAID,
    LONGEST_TEXT,
    MOST_BETWEEN,
    MOST_BINS,
    MOST_CLUSTERS,
    MOST_EDGES,
    MOST_NODES,
    MOST_NODES_OF_ONE,
    MOST_TARGETS,
    MOST_TEXTS,
    Bars,
    ClusterData,
    Details,
    Fact,
    GapBars,
    KindRow,
    LayerRow,
    Meaning,
    Moment,
    NetworkData,
    Paragraph,
    Part,
    ReportData,
    ScoreDots,
    ScoreRow,
    Target,
    TextRow,
    plain,
)
from coordnet.scores.explain import clock
from coordnet.scores.explanations import EXPLANATIONS, fitting
from coordnet.scores.view import UnavailableError
from coordnet.times import SECOND, duration_text, instant_text

if TYPE_CHECKING:
    from coordnet.detection.run import Run

T = TypeVar("T")
MILLISECOND = 1_000  # in microseconds
DIGITS = 4  # that a number of a picture has


def report_data(run: Run, *, identifiers: bool = False, key: bytes | None = None) -> ReportData:
    """Return what the report of a run shows.

    Parameters
    ----------
    run
        The run.
    identifiers
        Whether accounts stand under their own labels.
    key
        Key of the pseudonyms, as in :meth:`coordnet.Run.write`.
    """
    secret = run.log.secret("pseudonyms") if key is None else key
    text, sources = words.method(run)
    scored = run.scores is not None
    return ReportData(
        format=FORMAT,
        coordnet=run.manifest["coordnet"],
        identifiers=identifiers,
        question=plain(words.question(run.config), LONGEST_SAID),
        input=input_of(run.manifest["input"]),
        warning=plain_sentences(run.warning),
        finding=plain_sentences(words.finding(run)),
        # where nothing was found it is part of the finding
        could=plain_sentences(run.could_have_been_found if len(run.clusters) else []),
        checks=_checks(run),
        limits=plain_sentences(words.limits(run)),
        method=plain(text, LONGEST_SAID),
        sources=sources,
        parameters=parameters_of(run.config.parameters()),
        packages=packages_of(
            {
                "coordnet": run.manifest["coordnet"],
                "python": run.manifest["python"],
                **run.manifest["packages"],
            }
        ),
        scored=scored,
        several_layers=len(run.layers) > 1,
        moments=_moments(run),
        network=_network(run, secret, identifiers) if len(run.clusters) else None,
        clusters=[_cluster(run, i, secret, identifiers) for i in range(len(run.clusters))],
        explanations=[Meaning(e.name, e.title, e.meaning) for e in EXPLANATIONS.values()]
        if scored
        else [],
        scores=_meanings(run),
        absent=[
            Fact(name.replace("_", " "), plain(reason, LONGEST_TEXT))
            for name, reason in ({} if run.scores is None else run.scores.absent).items()
        ],
    )


def parameters_of(values: Mapping[str, Any]) -> list[Fact]:
    """Return parameters as a reader expects them."""
    return [Fact(name, plain(_written(value), 400)) for name, value in values.items()]


def packages_of(versions: Mapping[str, str | None]) -> list[Fact]:
    """Return the versions of the packages that are installed."""
    return [Fact(name, version) for name, version in versions.items() if version is not None]


def plain_sentences(said: Iterable[str]) -> list[str]:
    """Return sentences as a page can show them."""
    return [plain(sentence, LONGEST_SAID) for sentence in said]


def _written(value: Any) -> str:
    """Return a parameter as a reader expects it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_written(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_written, value)) or "none"
    return str(value)


def input_of(told_of: Mapping[str, Any]) -> list[Fact]:
    """Return the data in a few facts: rows, accounts, span, what was dropped.

    Parameters
    ----------
    told_of
        What a manifest says of the input.
    """
    gone = {reason: n for reason, n in told_of["rows_dropped"].items() if n}
    sources = [plain(name, 60) for name in told_of["sources"]]
    more = f" and {len(sources) - 3} more" if len(sources) > 3 else ""
    span = "none"
    if told_of["first"] is not None:
        span = f"{told_of['first']} to {told_of['last']}, in steps of {told_of['resolution']}"
    kinds = [plain(kind, 40) for kind in told_of["kinds"]]
    return [
        Fact("source", ", ".join(sources[:3]) + more or "a table"),
        Fact("rows read", f"{told_of['rows_read']:,}"),
        Fact(
            "rows dropped",
            ", ".join(f"{plain(reason, 60)} {n:,}" for reason, n in gone.items()) or "none",
        ),
        Fact("actions", f"{told_of['actions']:,}"),
        Fact("accounts", f"{told_of['accounts']:,}"),
        Fact("objects", f"{told_of['objects']:,}"),
        Fact("kinds", ", ".join(kinds[:12]) + (", ..." if len(kinds) > 12 else "") or "none"),
        Fact("time", span),
    ]


def _checks(run: Run) -> list[Paragraph]:
    """Return what null runs and the second half of the period say, where they were asked for."""
    return [
        Paragraph(name.capitalize(), plain_sentences(map(run_words.sentence, said)))
        for name, said in run.checks.items()
    ]


def _moments(run: Run) -> list[Moment]:
    moments = {} if run.scores is None else run.scores.view.inputs.moments
    return [
        Moment(
            plain(name),
            start / MILLISECOND,
            end / MILLISECOND,
            f"{instant_text(start)} to {instant_text(end)}",
        )
        for name, (start, end) in moments.items()
    ]


def _meanings(run: Run) -> list[Meaning]:
    if run.scores is None:
        return []
    columns = run.scores.columns
    return [
        Meaning(plain(name.replace("_", " ")), columns[name].family, columns[name].meaning)
        for name in run.scores.estimates
    ]


# -- the network ---------------------------------------------------------------------------------


def _network(run: Run, secret: bytes, identifiers: bool) -> NetworkData:
    """Return where everything stands; of each cluster what can be drawn."""
    net = layout(run.clusters, seed=run.config.seed, most_edges=MOST_EDGES)
    names = run.clusters.all_accounts
    accounts = len(np.unique(run.clusters.indices))
    shown = min(len(run.clusters), MOST_CLUSTERS)
    parts = []
    budget = MOST_NODES
    for i in range(shown):
        part = _part(net, i, shown, names, secret, identifiers, budget)
        budget -= len(part.x)
        parts.append(part)
    places, between = net.clusters, net.between
    crossing = sum(between["edges"].to_pylist())
    return NetworkData(
        folded=net.folded,
        x=_digits(places["x"]),
        y=_digits(places["y"]),
        radius=_digits(places["radius"]),
        edges=places["edges"].to_pylist(),
        parts=parts,
        between=[
            (row["source"], row["target"], row["edges"])
            for row in between.sort_by([("edges", "descending")]).slice(0, MOST_BETWEEN).to_pylist()
        ],
        said=words.network(
            run.clusters.sizes.tolist(), accounts, places["edges"].to_pylist(), crossing, net.folded
        ),
    )


def _part(
    net: Network, i: int, shown: int, names: Any, secret: bytes, identifiers: bool, budget: int
) -> Part:
    """Return the accounts and edges of a cluster that are drawn."""
    if net.folded:
        net = net.open(i, max(MOST_EDGES // shown, 200))
        own = np.arange(net.nodes.num_rows)
    else:
        own = np.flatnonzero(net.nodes["cluster"].to_numpy() == i)
    degree = net.nodes["degree"].to_numpy()
    most = min(budget, MOST_NODES_OF_ONE if net.folded else budget)
    if len(own) > most:  # those with most edges
        own = np.sort(own[np.lexsort((own, -degree[own]))][: max(most, 0)])
    place = np.full(net.nodes.num_rows, -1, np.int64)
    place[own] = np.arange(len(own))
    source = place[net.edges["source"].to_numpy()]
    target = place[net.edges["target"].to_numpy()]
    drawn = (source >= 0) & (target >= 0)
    labels = names[net.nodes["account"].to_numpy()[own]]
    return Part(
        _digits(net.nodes["x"].take(pa.array(own))),
        _digits(net.nodes["y"].take(pa.array(own))),
        [plain(label) for label in labels_out(labels, secret, identifiers)],
        degree[own].tolist(),
        source[drawn].tolist(),
        target[drawn].tolist(),
    )


def _digits(values: Any) -> list[float]:
    return [round(value, 3) for value in values.to_pylist()]


# -- one cluster ---------------------------------------------------------------------------------


def _cluster(run: Run, i: int, secret: bytes, identifiers: bool) -> ClusterData:
    scores, cluster = run.scores, run.clusters[i]
    n = len(cluster)
    if scores is None:
        return ClusterData(
            accounts=n, actions=_actions(run, i), pairs=n * (n - 1) // 2, at_least=None,
            together=None, gap=None, gap_told="", evidence=cluster.evidence,
            layer=plain(cluster.layer), fits=[], explanations=[], summary=[], details=None,
        )  # fmt: skip

    def score(name: str) -> float | None:
        if name not in scores.estimates:
            return None
        return _number(scores.estimates[name].value[i])

    values = scores.explanation_values
    bound = scores.estimates.get("pairs_at_least")
    least = None if bound is None or not np.nan_to_num(bound.value[i]) else int(bound.value[i])
    return ClusterData(
        accounts=n,
        actions=int(scores.view.n_actions[i]),
        pairs=n * (n - 1) // 2,
        at_least=least,
        together=score("synchronised_actions"),
        gap=score("median_lag"),
        gap_told=_gap_told(run, score("median_lag")),
        evidence=score("group_evidence"),
        layer=plain(cluster.layer),
        fits=[one.name.replace("_", " ") for one in fitting(values, i)],
        explanations=[_number(values[name][i]) for name in EXPLANATIONS],
        summary=_summary(run.explain(i)),
        details=_details(run, i, secret, identifiers) if i < MOST_CLUSTERS else None,
    )


def _gap_told(run: Run, seconds: float | None) -> str:
    """Return the median gap, no finer than the clock."""
    if seconds is None:
        return ""
    unit = clock(run.log)
    if seconds * SECOND < unit and unit > SECOND:
        return f"under {duration_text(unit)}"
    return f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def _actions(run: Run, i: int) -> int:
    starts = run.log.by_account[0]
    codes = run.clusters.members(i)
    return int((starts[codes + 1] - starts[codes]).sum())


def _summary(explained: str) -> list[Paragraph]:
    """Return a summary in words as paragraphs, the first without a title."""
    head, *rest = explained.split("\n")
    found = [Paragraph("", [plain(head, LONGEST_SAID)])]
    for line in rest:
        title, _, text = line.partition(". ")
        found.append(Paragraph(title, [plain(text, LONGEST_SAID)]))
    return found


def _number(value: float, digits: int = DIGITS) -> float | None:
    """Return a number to so many digits, None where there is none."""
    if not math.isfinite(value):
        return None
    if abs(value) < 1e-12:  # what rounding leaves of nothing
        return 0.0
    return float(f"{value:.{digits}g}")


def _details(run: Run, i: int, secret: bytes, identifiers: bool) -> Details:
    absent: dict[str, str] = {}

    def asked(name: str, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except UnavailableError as error:
            absent[name] = plain(f"{str(error)[:1].upper()}{str(error)[1:]}", LONGEST_TEXT)
            return None

    carried = layers(run, i)
    acted_on = asked(
        "targets",
        lambda: targets(run, i, MOST_TARGETS, identifiers=identifiers, key=secret),
    )
    texts = asked("texts", lambda: unison(run, i, MOST_TEXTS, identifiers=identifiers))
    return Details(
        timeline=asked("timeline", lambda: _timeline(run, i)),
        gaps=asked("gaps", lambda: _gaps(run, i)),
        creation=asked("creation", lambda: _creation(run, i)),
        scores=_scores(run, i),
        targets=[
            Target(
                plain(row["shown"]), plain(row["kind"], 40), row["members"], row["at_once"],
                row["actions"], row["outsiders"],
            )
            for row in ([] if acted_on is None else acted_on.objects.to_pylist())
        ],
        n_targets=0 if acted_on is None else acted_on.n_objects,
        texts=[
            TextRow(plain(row["text"], LONGEST_TEXT), row["members"], row["posts"],
                    row["in_unison"])
            for row in ([] if texts is None else texts.texts.to_pylist())
        ],
        layers=[
            LayerRow(
                plain(row["layer"]), row["edges"], row["pairs"], row["pairs_at_least"] or None,
                None if row["evidence"] is None else _number(row["evidence"]), row["scored"],
            )
            for row in carried.layers.to_pylist()
        ],
        kinds=[
            KindRow(
                plain(row["kind"], 40), row["objects"], row["occasions"], row["co_actions"],
                _number(row["log10_evidence"]) or 0.0,
            )
            for row in carried.kinds.to_pylist()
        ],
        absent=absent,
    )  # fmt: skip


def _bars(what: str, found: ByTime, together: NDArray[np.int64] | None, more: list[str]) -> Bars:
    borders, expected = found.borders, found.expected
    return Bars(
        start=borders[0].item() / MILLISECOND,
        step=(borders[1] - borders[0]).item() / MILLISECOND,
        members=found.members.tolist(),
        together=[] if together is None else together.tolist(),
        expected=[_number(value) or 0.0 for value in expected.tolist()],
        said=[*words.by_time(what, borders, found.members, together, expected), *more],
    )


def _timeline(run: Run, i: int) -> Bars:
    told_of = timeline(run, i, MOST_BINS)
    return _bars("actions of members", told_of, told_of.together, [])


def _creation(run: Run, i: int) -> Bars:
    told_of = creation(run, i, MOST_BINS)
    said = words.created(int(told_of.members.sum()), told_of.unknown)
    return _bars("members by the date of their creation", told_of, None, said)


def _gaps(run: Run, i: int) -> GapBars:
    told_of = gaps(run, i)
    inside = told_of.edges <= longest(told_of.window_us)
    inside[-1] = False
    expected = told_of.expected
    return GapBars(
        up_to=[*(duration_text(edge) for edge in told_of.edges[:-1].tolist()), "longer"],
        inside=inside.tolist(),
        observed=told_of.observed.tolist(),
        expected=[_number(value) for value in expected.tolist()],
        said=words.gap_bars(
            told_of.observed, expected, inside, told(told_of.window_us), _met(run, i)
        ),
    )


def _met(run: Run, i: int) -> int | None:
    """Return how often members met, as the summary says it; None where they meet on no objects."""
    assert run.scores is not None
    part, own = run.scores.view.part_of(i)
    if not part.graph.relation.on_objects:
        return None
    return part.group_tests[own].observed_pairs


def _scores(run: Run, i: int) -> ScoreDots:
    rows = [
        ScoreRow(
            name=plain(row["score"]), family=row["family"], unit=row["unit"],
            value=_number(row["value"]) or 0.0, low=row["low"] and _number(row["low"]),
            high=row["high"] and _number(row["high"]),
            reference=_number(row["reference"]) or 0.0,
            others_low=row["reference_low"] and _number(row["reference_low"]),
            others_high=row["reference_high"] and _number(row["reference_high"]),
            q_value=None if row["q_value"] is None else _number(row["q_value"], 3),
        )
        for row in scores_beside_references(run, i).scores.to_pylist()
    ]  # fmt: skip
    told_of = [(row.name, row.value, row.reference, row.q_value) for row in rows]
    return ScoreDots(rows, words.score_dots(told_of))
