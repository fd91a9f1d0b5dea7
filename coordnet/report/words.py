"""What a report says: the question, the finding, the method for a paper, every picture in words."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from coordnet.detection.words import sentence
from coordnet.graphs.co_timing import CoTiming
from coordnet.graphs.true_pairs import certain_pairs, confidence
from coordnet.log.windows import told
from coordnet.plural import several
from coordnet.scores.explain import CONCLUSIVE, clock
from coordnet.scores.explanations import EXPLANATIONS, fitting
from coordnet.scores.untold import REASONS, why_untold
from coordnet.times import DAY, HOUR, MINUTE, SECOND, duration_text, instant_text

if TYPE_CHECKING:
    from coordnet.detection.run import Run
    from coordnet.graphs.relation import Relation
    from coordnet.search.configuration import Configuration

_CLOCKS = {SECOND: "seconds", MINUTE: "minutes", HOUR: "hours", DAY: "days"}
_AGAINST = {
    "both": "their activity, their shared interests and the timing of others explain",
    "activity": "their activity explains",
    "timing": "the timing of others on the same objects explains",
}
TESTED = {  # against what, for who knows the tests
    "both": "against two null models: one shuffles accounts over the actions (activity), the other "
    "takes the objects that both act on as given and asks how often accounts come so close in time "
    "on objects of like popularity (timing); the larger of the two p-values counts",
    "activity": "against a null model that shuffles accounts over the actions (activity)",
    "timing": "against a null model that takes the objects that both act on as given, and asks how "
    "often accounts come so close in time on objects of like popularity (timing)",
}
CAUTION = (
    "A cluster is a set of accounts that acted together more than the rule allows. It is no "
    "verdict on any account.",
    "The data cannot show why accounts acted together: fans, newsrooms and unions coordinate too, "
    "and so may people who follow an appeal that is not in the data.",
)
_COMMUNITIES = {
    "infomap": "Infomap (Rosvall and Bergstrom 2008)",
    "leiden": "the Leiden algorithm (Traag et al. 2019)",
    "louvain": "the Louvain algorithm (Blondel et al. 2008)",
    "label_propagation": "label propagation (Raghavan et al. 2007)",
    "components": "connected components",
}
_SOURCES = {
    "Amarasingham et al. 2012": "Amarasingham A, Harrison MT, Hatsopoulos NG, Geman S (2012) "
    "Conditional modeling and the jitter method of spike resampling. Journal of Neurophysiology "
    "107, 517.",
    "Benjamini and Hochberg 1995": "Benjamini Y, Hochberg Y (1995) Controlling the false discovery "
    "rate. Journal of the Royal Statistical Society B 57, 289.",
    "Blondel et al. 2008": "Blondel VD, Guillaume JL, Lambiotte R, Lefebvre E (2008) Fast "
    "unfolding of communities in large networks. Journal of Statistical Mechanics P10008.",
    "Goeman and Solari 2011": "Goeman JJ, Solari A (2011) Multiple testing for exploratory "
    "research. Statistical Science 26, 584.",
    "Goeman et al. 2019": "Goeman JJ, Meijer RJ, Krebs TJP, Solari A (2019) Simultaneous control "
    "of all false discovery proportions in large-scale multiple hypothesis testing. Biometrika "
    "106, 841.",
    "Hoeffding 1956": "Hoeffding W (1956) On the distribution of the number of successes in "
    "independent trials. Annals of Mathematical Statistics 27, 713.",
    "Knijnenburg et al. 2009": "Knijnenburg TA, Wessels LFA, Reinders MJT, Shmulevich I (2009) "
    "Fewer permutations, more accurate P-values. Bioinformatics 25, i161.",
    "Lan and DeMets 1983": "Lan KKG, DeMets DL (1983) Discrete sequential boundaries for clinical "
    "trials. Biometrika 70, 659.",
    "Mucha et al. 2010": "Mucha PJ, Richardson T, Macon K, Porter MA, Onnela JP (2010) Community "
    "structure in time-dependent, multiscale, and multiplex networks. Science 328, 876.",
    "Raghavan et al. 2007": "Raghavan UN, Albert R, Kumara S (2007) Near linear time algorithm to "
    "detect community structures in large-scale networks. Physical Review E 76, 036106.",
    "Rosvall and Bergstrom 2008": "Rosvall M, Bergstrom CT (2008) Maps of random walks on complex "
    "networks reveal community structure. PNAS 105, 1118.",
    "Tarone 1990": "Tarone RE (1990) A modified Bonferroni method for discrete data. Biometrics "
    "46, 515.",
    "Traag et al. 2019": "Traag VA, Waltman L, van Eck NJ (2019) From Louvain to Leiden: "
    "guaranteeing well-connected communities. Scientific Reports 9, 5233.",
}


# -- the top -----------------------------------------------------------------------------------


def question(config: Configuration, then: str = "") -> str:
    """Return what was asked, in a sentence; `then` is what was asked besides."""
    ways = [_way(relation) for relation in config.relations]
    more = "" if config.fdr is None else f", more than {_AGAINST[config.null]}"
    return f"Which groups of accounts {', or '.join(ways)}{more}{then}?"


def _way(relation: Relation) -> str:
    """Return what accounts do that are joined."""
    if isinstance(relation, CoTiming):
        return (
            f"acted at the same moments (within {duration_text(relation.window_us)}), on whatever "
            "objects"
        )
    return f"acted on the same objects within {told(relation.window_us)} of each other"


def finding(run: Run) -> list[str]:
    """Return what was found in three sentences, with the bound on true pairs first."""
    if not len(run.log):
        return [run.finding]
    bounds, untold = _bounds(run), _untold(run)
    if not len(run.clusters):
        said = [
            f"No cluster was found among {several(run.log.n_accounts, 'account')}.",
            *(["That does not say that there is none."] * (run.config.fdr is not None)),
        ]
        return [*said, *run.could_have_been_found, *bounds, *untold]
    clusters = run.clusters
    largest = f", the largest of {clusters.sizes[0]:,}" if len(clusters) > 1 else ""
    level = run.config.fdr
    how = "" if level is None else f"; the level of error of the search was {level:g}"
    return [
        *bounds,
        *(["Nothing was tested: what follows are counts, not evidence."] * (level is None)),
        f"{run.finding.rstrip('.')}{largest}{how}.",
        *_judged(run),
        *untold,
    ]


def _bounds(run: Run) -> list[str]:
    """Return the bound on true pairs over all kept edges, a sentence; nothing where it is 0."""
    said = []
    for graph in run.layers:
        least = certain_pairs(graph)
        if not least:
            continue
        where = f" in the layer {graph.relation.title}" if len(run.layers) > 1 else ""
        said.append(f"{least:,} of the {graph.n_edges:,} pairs of accounts that were kept{where}")
    if not said:
        return []
    sure = " and ".join(dict.fromkeys(confidence(graph) for graph in run.layers if graph.n_edges))
    each = f" ({sure}" + (" for each layer)" if len(said) > 1 else ")")
    return [f"At least {'; at least '.join(said)} act together beyond chance{each}."]


def _untold(run: Run) -> list[str]:
    """Return why it cannot be told how many pairs are certain, of the layers where none is."""
    said = []
    for i, graph in enumerate(run.layers):
        if certain_pairs(graph) != 0 or not graph.n_edges:
            continue
        tests = [of[i] for of in run.clusters.group_tests] or [None]
        starts, edges = run.clusters.inside(graph)
        parts = [edges[a:b] for a, b in pairwise(starts)] or [np.arange(graph.n_edges)]
        reasons = [why_untold(graph, *both) for both in zip(parts, tests, strict=True)]
        (why, _), *_ = Counter(reasons).most_common()
        where = f" in the layer {graph.relation.title}" if len(run.layers) > 1 else ""
        said.append(
            f"How many of the {several(graph.n_edges, 'pair')} of accounts that were kept{where} "
            f"are certain cannot be told: {REASONS[why]}."
        )
    return said


def _judged(run: Run) -> list[str]:
    """Return how sure the clusters are as a whole, and which benign explanations fit how many."""
    n, evidence = len(run.clusters), run.clusters.evidence
    parts = []
    if evidence is not None:
        sure = int((evidence > CONCLUSIVE).sum())
        rest = ""
        if sure < n:
            whose = "of the others is in their" if sure else f"is in {'its' if n == 1 else 'their'}"
            rest = f", and the evidence {whose} pairs"
        parts.append(
            f"{_of(sure, n)} significant as a whole, corrected for every group that could have "
            f"been picked{rest}"
        )
    if run.scores is not None:
        values = run.scores.explanation_values
        fits = [fitting(values, i) for i in range(n)]
        fitted = sum(bool(fit) for fit in fits)
        if fitted:
            counts = {name: sum(name in {f.name for f in fit} for fit in fits) for name in values}
            which = ", ".join(
                f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items() if count
            )
            parts.append(f"a benign explanation fits {fitted:,} of {n:,} ({which})")
        else:
            parts.append(f"none of {len(EXPLANATIONS)} benign explanations fits any of them")
    if not parts:
        return []
    said = "; ".join(parts)
    return [f"{said[0].upper()}{said[1:]}."]


def _of(some: int, n: int) -> str:
    if n == 1:
        return "The cluster is" if some else "The cluster is not"
    if some == n:
        return f"All {n:,} clusters are"
    return f"{some:,} of {n:,} clusters {'is' if some == 1 else 'are'}"


def limits(run: Run) -> list[str]:
    """Return what limits the finding, a sentence each."""
    said = []
    unit = clock(run.log)
    if unit in _CLOCKS:
        said.append(f"Times are in whole {_CLOCKS[unit]}: nothing finer can be told.")
    gone = {reason: count for reason, count in run.log.dropped.items() if count}
    if gone:
        why = ", ".join(f"{reason} {count:,}" for reason, count in gone.items())
        said.append(f"Rows that were not used: {why}.")
    said += map(sentence, run.notes)
    if run.scores is not None and run.scores.absent and len(run.clusters):
        n = several(len(run.scores.absent), "score")
        said.append(f"{n} could not be made, because what they need was not given.")
    return [*said, *CAUTION]


# -- the method ----------------------------------------------------------------------------------


def method(run: Run) -> tuple[str, list[str]]:
    """Return the method in a paragraph that can go into a paper, and the sources it names."""
    config, manifest = run.config, run.manifest
    said = [
        f"We looked for coordinated accounts with coordnet {manifest['coordnet']} (Python "
        f"{manifest['python']}; seed {config.seed}).",
        *joined(config),
    ]
    said += _tests(run) if config.fdr is not None else ["Edges were not tested."]
    said.append(
        f"Communities were found by {_COMMUNITIES[config.method]}; those of fewer than "
        f"{config.min_size} accounts are not reported."
    )
    if run.scores is not None and config.null_sets:
        said.append(
            f"Scores are compared with {config.null_sets:,} random sets of accounts in no cluster, "
            "every member replaced by one about as active; p-values beyond all sets come from a "
            "fitted tail (Knijnenburg et al. 2009), and q-values from all scores together "
            "(Benjamini and Hochberg 1995)."
        )
    if run.null_runs is not None:
        said.append(
            f"The whole search was repeated on {len(run.null_runs.found):,} logs without "
            "coordination, made from the same log."
        )
    if run.confirmation is not None:
        said.append(
            "What was found in the first half of the period was tested again in the second half."
        )
    said.append(f"The fingerprint of the data is {manifest['input']['fingerprint'][:16]}.")
    text = " ".join(said)
    return text, cited(text)


def joined(config: Configuration) -> list[str]:
    """Return by what accounts are joined, a sentence a layer."""
    said = []
    for relation in config.relations:
        if isinstance(relation, CoTiming):
            said.append(
                f"Two accounts are joined where they {_way(relation)}; actions of one account "
                f"with gaps up to {duration_text(relation.refractory_us)} count as one event."
            )
        else:
            least = f"on {config.min_weight} or more" if config.min_weight > 1 else "on one or more"
            said.append(
                f"Two accounts are joined where they {_way(relation)}, "
                f"{least} {'of them' if config.min_weight > 1 else 'object'}."
            )
    return said


def cited(text: str) -> list[str]:
    """Return the sources that a text names."""
    return [full for short, full in _SOURCES.items() if short in text]


def _tests(run: Run) -> list[str]:
    """Return against what was tested, at which level."""
    config = run.config
    said = []
    if config.within:
        strata = f", inside strata of {config.strata}" if config.strata else ""
        pairs = "; ".join(
            f"{'' if graph.tested.pairs_exact else 'at most '}{graph.tested.pairs:,}"
            for graph in run.layers
            if graph.tested is not None and graph.relation.on_objects
        )
        of = f" (of {pairs})" if pairs else ""
        said.append(
            f"Every pair was tested {TESTED[config.null]}{strata}; tails are bounded as by "
            f"Hoeffding 1956. p-values are corrected for the pairs that could have reached the "
            f"level{of} (Tarone 1990; Benjamini and Hochberg 1995)."
        )
    if config.co_timing is not None:
        said.append(
            "Moments in common were tested by interval jitter inside strata of an hour "
            "(Amarasingham et al. 2012)."
        )
    layers = f", shared out between {len(run.layers)} layers" if len(run.layers) > 1 else ""
    groups = " of pairs and of groups whose pairs are each unremarkable" if config.groups else ""
    said.append(f"The level of error{groups} was {config.fdr:g}{layers}.")
    if run.background is not None:
        said.append("Chances come from a separate log of accounts that are not under suspicion.")
    elif len(run.manifest["background_rounds"]) > 1:
        rounds = run.manifest["background_rounds"]
        said.append(
            "Chances come from the log itself; accounts that were found were taken out of that "
            f"background and everything was tested again, until no more were found "
            f"({several(len(rounds) - 1, 'round')}, {rounds[-1]:,} accounts)."
        )
    else:
        said.append("Chances come from the log itself.")
    let_go = run.manifest["results"]["clusters_let_go"]
    if let_go:
        said.append(
            f"{let_go:,} more cluster{'' if let_go == 1 else 's'} had kept edges and "
            f"{'is' if let_go == 1 else 'are'} not reported, as only the test before accounts "
            "were taken out of the background speaks for them."
        )
    said.append(
        "Bounds on the number of pairs that truly act together hold for every set of pairs at "
        "once, with 95 % confidence (closed testing with Simes' test, valid under positive "
        "dependence; Goeman and Solari 2011; Goeman et al. 2019)."
    )
    return said


# -- pictures in words ---------------------------------------------------------------------------


def network(
    sizes: Sequence[int], accounts: int, inside: Sequence[int], between: int, folded: bool
) -> list[str]:
    """Return the network in words."""
    n = len(sizes)
    most = int(np.argmax(inside)) if n else 0
    said = [
        f"{accounts:,} accounts in {several(n, 'cluster')}, with {sum(inside):,} edges inside "
        f"clusters and {between:,} between accounts of different clusters.",
        f"Each circle is a cluster, its area the number of accounts, from {min(sizes):,} to "
        f"{max(sizes):,}; the most edges, {inside[most]:,}, are in cluster {most}.",
    ]
    if folded:
        said.append("Accounts are too many to draw at once: a cluster shows its own when selected.")
    return said


def by_time(
    what: str, borders: np.ndarray, members: np.ndarray, together: np.ndarray | None,
    expected: np.ndarray,
) -> list[str]:  # fmt: skip
    """Return bars by time in words: their span, the highest, and where others differ most."""
    step = int(borders[1] - borders[0])
    first, last = _day(int(borders[0])), _day(int(borders[-1]) - 1)
    total = int(members.sum())
    top = int(members.argmax())
    over = ""
    if together is not None:
        over = f", {int(together[top]):,} of them together with another member's"
    said = [
        f"{total:,} {what}, {_each(step)}, from {first} to {last} (UTC). The line is what others "
        "did, scaled to the same total.",
        f"Most were {_when(int(borders[top]), step)}: {int(members[top]):,}{over}, where the "
        f"line is at {_number(float(expected[top]))}.",
    ]
    if together is not None:
        said.append(f"In all {int(together.sum()):,} were together with another member's.")
    return said


def gap_bars(
    observed: np.ndarray, expected: np.ndarray, inside: np.ndarray, window: str, met: int | None
) -> list[str]:
    """Return the gaps in words; `met` is how often members met, as the summary counts it."""
    near, total = int(observed[inside].sum()), int(observed.sum())
    said = [
        f"Of {total:,} pairs of actions of two members on one object, {near:,} are within {window} "
        "of each other."
    ]
    if np.isnan(expected).any():
        return [*said, "Nobody else shares objects, so that no pace can be compared."]
    there = float(expected[inside].sum())
    more = f"; {_number(near / there)} times as many were seen" if 0 < there < near else ""
    return [
        *said,
        f"At the pace of accounts in no cluster on the same objects there would be "
        f"{_number(there)}{more}.",
        *([] if met is None else [_counted_otherwise(near, met)]),
    ]


def _counted_otherwise(near: int, met: int) -> str:
    """Return how the count of the summary differs from that of the gaps."""
    how = "the same count" if met == near else "two members count once an object there"
    return (
        f"The words on how members acted say that they met {met:,} times: {how}, compared with all "
        "accounts outside this cluster instead of those in no cluster."
    )


def created(members: int, unknown: int) -> list[str]:
    """Return how many creation dates are known."""
    return [f"Of {unknown:,} more members the date is not known."] if unknown else []


def score_dots(rows: Sequence[tuple[str, float, float, float | None]]) -> list[str]:
    """Return the dot plot in words, of name, value, reference and q-value."""
    if not rows:
        return ["No score has a reference."]
    sure = [name.replace("_", " ") for name, _, _, q in rows if q is not None and q <= 0.05]
    differ = f"{len(sure)} differ clearly (q-value at most 0.05): {', '.join(sure)}." if sure else (
        "None differs clearly (q-value at most 0.05)."
    )  # fmt: skip
    return [
        f"{several(len(rows), 'score')} of the cluster, each over its reference; the line is where "
        f"both are the same. What is beyond 64 times or a 64th of it stands at the edge. {differ}"
    ]


def _step(step: int) -> str:
    names = {DAY: "day", 7 * DAY: "week", HOUR: "hour", MINUTE: "minute", SECOND: "second"}
    if step in names:
        return names[step]
    for unit in (DAY, HOUR, MINUTE):
        if step % unit == 0:
            return f"{step // unit} {names[unit]}s"
    return f"{step // SECOND} seconds"


def _each(step: int) -> str:
    """Return how long the bins are."""
    name = _step(step)
    return f"in bins of {name}" if name[0].isdigit() else f"by {name}"


def _when(start: int, step: int) -> str:
    """Return a bin of time: its day, or its beginning and length."""
    if step == DAY:
        return f"on {_day(start)}"
    return f"in the {_step(step)} from {_day(start) if step > DAY else instant_text(start)}"


def _day(time: int) -> str:
    day = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=time)
    return f"{day.day} {day:%B %Y}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.2g}"
