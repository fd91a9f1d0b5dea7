"""What a report shows, as plain values: the one place where labels enter, and where they are cut.

A :class:`ReportData` holds texts and numbers only, so that JSON holds it whole and a page can be
made of it without the log. Accounts stand in it under pseudonyms unless identifiers were asked
for, every text that comes from the data is made harmless and short (:func:`plain`), and every list
has a longest length, so that a report of any run can be opened.
"""

from __future__ import annotations

import re

import msgspec

FORMAT = 1
LONGEST_LABEL = 120  # characters of a label that are shown
LONGEST_TEXT = 400  # of a text that members posted
LONGEST_SAID = 4_000  # of a paragraph
MOST_CLUSTERS = 200  # that have pictures and tables, the largest first; the others have their words
MOST_NODES = 20_000  # accounts that a page can draw
MOST_EDGES = 12_000  # edges that a page can draw
MOST_BETWEEN = 400  # lines between clusters, those of most edges
MOST_NODES_OF_ONE = 1_500  # accounts drawn of one cluster where clusters open one by one
MOST_TARGETS = 12
MOST_TEXTS = 12
MOST_BINS = 90

# Two combining marks make every letter of a language; towers of them cover the lines around
_TOWERS = re.compile(r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff"
                     r"\ufe20-\ufe2f]{3})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff"
                     r"\u20d0-\u20ff\ufe20-\ufe2f]+")  # fmt: skip
_JOINERS = "\u200c\u200d"  # without them Persian words and many emoji fall apart


def plain(text: str, most: int = LONGEST_LABEL) -> str:
    r"""Return a text that cannot move what stands around it: on one line, cut, marks written out.

    Control characters and marks of direction are written as escapes, line breaks as spaces.

    >>> plain("a\x00b\u202ec", 20), plain("x" * 9, 5)
    ('a\\x00b\\u202ec', 'xxxx…')
    """
    text = " ".join(text[: 4 * most].split())
    text = _TOWERS.sub(r"\1", text)
    text = "".join(c if c.isprintable() or c in _JOINERS else ascii(c)[1:-1] for c in text)
    return text if len(text) <= most else text[: most - 1] + "…"


class Fact(msgspec.Struct, frozen=True):
    """A name and what it is."""

    name: str
    value: str


class Paragraph(msgspec.Struct, frozen=True):
    """A heading and the sentences under it."""

    title: str
    sentences: list[str]


class Part(msgspec.Struct, frozen=True):
    """The accounts of one cluster that are drawn, and the edges between them.

    Attributes
    ----------
    x, y : list of float
    account : list of str
    degree : list of int
    source, target : list of int
        Positions in the lists above.
    """

    x: list[float]
    y: list[float]
    account: list[str]
    degree: list[int]
    source: list[int]
    target: list[int]


class NetworkData(msgspec.Struct, frozen=True):
    """The network; see :mod:`coordnet.pictures.network`.

    Attributes
    ----------
    folded : bool
        Whether clusters are the nodes, and open one by one.
    x, y, radius : list of float
        Where clusters stand.
    edges : list of int
        Edges inside each cluster.
    parts : list of Part
        Of each cluster that has pictures.
    between : list of (int, int, int)
        Two clusters and the number of edges between them.
    said : list of str
        The picture in words.
    """

    folded: bool
    x: list[float]
    y: list[float]
    radius: list[float]
    edges: list[int]
    parts: list[Part]
    between: list[tuple[int, int, int]]
    said: list[str]


class Bars(msgspec.Struct, frozen=True):
    """Counts by time, beside those of others.

    Attributes
    ----------
    start, step : float
        Beginning of the first bin and length of each, in milliseconds since 1970 (UTC).
    members, together : list of int
        `together` is empty where it is not known.
    expected : list of float
        Others, scaled to the members' total.
    said : list of str
        The picture in words.
    """

    start: float
    step: float
    members: list[int]
    together: list[int]
    expected: list[float]
    said: list[str]


class GapBars(msgspec.Struct, frozen=True):
    """Pairs of actions by the gap between them; see :mod:`coordnet.pictures.gaps`.

    Attributes
    ----------
    up_to : list of str
        The longest gap of each bin.
    inside : list of bool
        Whether the bin is within the window.
    observed : list of int
    expected : list of float or None
    said : list of str
        The picture in words.
    """

    up_to: list[str]
    inside: list[bool]
    observed: list[int]
    expected: list[float | None]
    said: list[str]


class ScoreRow(msgspec.Struct, frozen=True):
    """A score beside its reference."""

    name: str
    family: str
    unit: str
    value: float
    low: float | None
    high: float | None
    reference: float
    others_low: float | None
    others_high: float | None
    q_value: float | None


class ScoreDots(msgspec.Struct, frozen=True):
    """The scores of a cluster that have a reference."""

    rows: list[ScoreRow]
    said: list[str]


class Target(msgspec.Struct, frozen=True):
    """An object on which members act together."""

    shown: str
    kind: str
    members: int
    at_once: int
    actions: int
    outsiders: int


class TextRow(msgspec.Struct, frozen=True):
    """A text that several members posted."""

    text: str
    members: int
    posts: int
    in_unison: int


class LayerRow(msgspec.Struct, frozen=True):
    """What a layer contributes to a cluster."""

    layer: str
    edges: int
    pairs: int
    pairs_at_least: int | None
    evidence: float | None
    scored: bool


class KindRow(msgspec.Struct, frozen=True):
    """What a kind of action contributes to a cluster."""

    kind: str
    objects: int
    occasions: int
    co_actions: int
    evidence: float


class Details(msgspec.Struct, frozen=True):
    """The pictures and tables of one cluster; None or empty, with the reason, where there is none.

    Attributes
    ----------
    absent : dict of str to str
        Why a picture is not there, by its name.
    """

    timeline: Bars | None
    gaps: GapBars | None
    creation: Bars | None
    scores: ScoreDots
    targets: list[Target]
    n_targets: int
    texts: list[TextRow]
    layers: list[LayerRow]
    kinds: list[KindRow]
    absent: dict[str, str]


class ClusterData(msgspec.Struct, frozen=True):
    """One cluster.

    Attributes
    ----------
    accounts, actions, pairs : int
    at_least : int or None
        Pairs that truly act together, with 95 % confidence.
    together : float or None
        Share of the actions that came within the window of another member's.
    gap : float or None
        Median gap, in seconds.
    gap_told : str
        The same, no finer than the clock of the log.
    evidence : float or None
        Log10, of the group test.
    layer : str
        That it is scored in.
    fits : list of str
        Benign explanations that fit.
    explanations : list of float or None
        The value of each benign explanation, in the order of `ReportData.explanations`.
    summary : list of Paragraph
        The cluster in words.
    details : Details or None
        None for clusters beyond the first ``MOST_CLUSTERS``.
    """

    accounts: int
    actions: int
    pairs: int
    at_least: int | None
    together: float | None
    gap: float | None
    gap_told: str
    evidence: float | None
    layer: str
    fits: list[str]
    explanations: list[float | None]
    summary: list[Paragraph]
    details: Details | None


class Meaning(msgspec.Struct, frozen=True):
    """A score or a benign explanation, and what it means."""

    name: str
    title: str
    meaning: str


class Moment(msgspec.Struct, frozen=True):
    """A key moment, in milliseconds since 1970 (UTC)."""

    name: str
    start: float
    end: float
    told: str


class ReportData(msgspec.Struct, frozen=True):
    """All that a page of a report is made of."""

    format: int
    coordnet: str
    identifiers: bool
    question: str
    input: list[Fact]
    warning: list[str]
    finding: list[str]
    could: list[str]
    checks: list[Paragraph]
    limits: list[str]
    method: str
    sources: list[str]
    parameters: list[Fact]
    packages: list[Fact]
    scored: bool
    several_layers: bool
    moments: list[Moment]
    network: NetworkData | None
    clusters: list[ClusterData]
    explanations: list[Meaning]
    scores: list[Meaning]
    absent: list[Fact]
