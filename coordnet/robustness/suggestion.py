r"""Which windows stand out: how often pairs of accounts are together, against the log's own clock.

For each window t of a ladder it is counted how many pairs of accounts act within t of each other
on m objects or more, for m = 2, 3, 5, 8 and 12. Chance gives such pairs too, the more the longer
the window. How many is counted in the same way in logs without coordination: accounts keep their
objects and objects their first action, and the delays since the first action are permuted over all
objects of a class (kind and log2 of the number of accounts). That is what the timing test holds
true where nobody coordinates: everybody is as fast as the class is.

A window stands out by

    score(t) = max over m of (observed - 2 expected) / sqrt(observed + 4 expected)

with one m for all windows of a kind, that of the largest score (2 where none reaches 5). Twice the
expected number is taken off, since accounts that are up at the same hours and like the same things
meet more often than by chance at any window; the root is the standard error, were pairs
independent. Where the largest score is 5 or more, the windows next to it with nine tenths of it
serve alike, and the one in their middle (on a logarithmic scale) is suggested.

Long windows hold very many pairs of actions: there a share of the accounts, drawn at random, is
looked from, so that about two million pairs of actions are seen at each window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.errors import ParameterError, check_seed, check_whole, listed
from coordnet.frames import ArrowExport, html_table, native
from coordnet.inference.gaps import acted, ladder, pairs_within
from coordnet.inference.statistics import popularity_class
from coordnet.inference.timing_power import LITTLE_POWER
from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import meetings as meeting_kernels
from coordnet.kernels import shared_objects as shared_kernels
from coordnet.log.actions import ActionLog, check_log
from coordnet.robustness.findable import findable
from coordnet.times import DAY, Duration, duration, duration_text

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

LONGEST = 2 * DAY
TIMES = (2, 3, 5, 8, 12)  # objects that a pair is together on
NULLS = 2  # logs without coordination
SEEN = 2_000_000  # pairs of actions that are seen at each window
BEYOND = 2.0  # times the expected number that is taken off
STANDS_OUT = 5.0  # score from which a window stands out
ALIKE = 0.9  # of the largest score
ALL = "all kinds"


class SuggestedWindow(NamedTuple):
    """What is suggested for one kind of action, or for all together.

    Attributes
    ----------
    kind : str
    window : str or None
        None where no window stands out.
    shortest, longest : str or None
        Windows between these serve alike.
    objects : int
        Pairs were counted that are together on so many objects or more.
    observed, expected : float
        How many such pairs there are within the window, and in logs without coordination. Where
        none stands out, at the window of the largest score.
    score : float
        Above 5 a window stands out.
    """

    kind: str
    window: str | None
    shortest: str | None
    longest: str | None
    objects: int
    observed: float
    expected: float
    score: float

    @property
    def sentence(self) -> str:
        """What is suggested and why, in plain words."""
        name = f"{self.kind[:1].upper()}{self.kind[1:]}"
        if self.window is None:
            return f"{name}: no window stands out."
        counts = (
            f"{self.observed:,.0f} pairs of accounts are within it on {self.objects} objects or "
            f"more, and {self.expected:,.0f} would be by chance"
        )
        if self.shortest == self.longest:
            return f"{name}: {self.window}. {counts}."
        return (
            f"{name}: {self.window}. {counts}. Windows from {self.shortest} to {self.longest} "
            "serve alike."
        )


@dataclass(frozen=True, eq=False, repr=False)
class WindowSuggestions(ArrowExport):
    """What :func:`suggest_windows` gives.

    Attributes
    ----------
    windows : pyarrow.Table
        One row a kind and window: ``kind``, ``window``, ``seconds``, ``chance`` (the share of pairs
        of actions on one object that are within it, of different accounts), ``objects``,
        ``observed`` (pairs of accounts within it on so many objects or more), ``expected`` (in
        logs without coordination), ``ratio``, ``score``, ``seen`` (share of the accounts that was
        looked from), ``suggested``; and ``findable_5`` and the like for the `sizes` asked for: the
        fewest objects on which a group of so many would be found.
    suggested : tuple of SuggestedWindow
        All kinds together first, then each kind.
    frame : str
        The kind of frame that `to_frame` gives unless told.
    """

    windows: pa.Table
    suggested: tuple[SuggestedWindow, ...]
    frame: str = "pandas"

    @property
    def within(self) -> str | Mapping[str, str] | None:
        """What can be given as ``within=``: a window, or one for each kind; None for none.

        Kinds of which no window stands out are left out of the mapping.
        """
        first, *kinds = self.suggested
        if not kinds:
            return first.window
        found = {one.kind: one.window for one in kinds if one.window is not None}
        return found or first.window

    @property
    def text(self) -> str:
        """What is suggested and why, a line for each kind."""
        lines = [one.sentence for one in self.suggested if one.window is not None]
        none = [one.kind for one in self.suggested if one.window is None]
        if none:
            lines.append(
                f"No window stands out for {listed(none)}: at every window, pairs of accounts are "
                "together again about as often as by chance."
            )
        if len(none) < len(self.suggested):
            busy = self._chance_at_suggestion()
            if busy > LITTLE_POWER:
                lines.append(
                    "At that window two actions on one object are together with chance "
                    f"{busy:.2f}, whoever acts, so that little could stand out in a test."
                )
            lines.append(
                "A window that stands out is no finding: live events and fast audiences stand out "
                "too. detect tests what is inside it."
            )
        return "\n".join(lines)

    def _chance_at_suggestion(self) -> float:
        rows = self.windows.filter(self.windows["suggested"])
        return float(max(rows["chance"].to_pylist(), default=0.0))

    def to_frame(self, backend: str | None = None) -> Any:
        """Return `windows` as a dataframe.

        Parameters
        ----------
        backend
            ``"pandas"``, ``"polars"`` or ``"pyarrow"``; by default the kind the actions came in.
        """
        return native(self.windows, backend or self.frame)

    def __repr__(self) -> str:
        return f"WindowSuggestions\n{self.text}"

    def _repr_html_(self) -> str:
        head = ("kind", "window", "chance", "objects", "observed", "expected", "score", "")
        rows = [
            (
                row["kind"], row["window"], f"{row['chance']:.2g}", row["objects"],
                f"{row['observed']:,.0f}", f"{row['expected']:,.0f}", f"{row['score']:.1f}",
                "suggested" if row["suggested"] else "",
            )
            for row in self.windows.to_pylist()
        ]  # fmt: skip
        words = html_table("Suggested windows", ("",), [(line,) for line in self.text.split("\n")])
        return words + html_table("How often pairs are together again", head, rows)


def suggest_windows(
    log: ActionLog,
    windows: Sequence[Duration] | None = None,
    *,
    sizes: Sequence[int] = (),
    seed: int = 0,
    threads: int | None = None,
) -> WindowSuggestions:
    """Say at which windows accounts are together again more often than the log's clock explains.

    It suggests and explains; it changes nothing by itself. A window should be chosen before the
    results of detection are looked at, and said together with them.

    Parameters
    ----------
    log
        The actions.
    windows
        The windows to look at; by default a ladder from the clock of the log to two days.
    sizes
        Say, for groups of so many members, on how few objects they would be found at each window
        (:func:`coordnet.findable`). That takes a search for each window.
    seed
        The only source of randomness.
    threads
        Number of threads of these searches; None means all processors. It changes no byte of the
        result.

    Returns
    -------
    WindowSuggestions
        ``text``, ``within``, ``to_frame()``; :func:`coordnet.plots.suggested_windows` draws it.
        Formula: :mod:`coordnet.robustness.suggestion`.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=1_000, seed=0).log
    >>> cn.suggest_windows(log).suggested[0].window
    '60s'
    """
    check_log(log)
    seed = check_seed(seed)
    sizes = sorted({check_whole(size, "sizes", 2) for size in sizes})
    first, last = log.limits or (0, 0)
    edges = ladder(log.resolution, min(last - first, LONGEST))
    if windows is not None:
        edges = np.unique([duration(window, "windows") for window in windows]).astype(np.int64)
        if not len(edges):
            raise ParameterError(
                "windows=[] names no window; write windows=['10s', '60s', '10min']."
            )
    draw = np.random.default_rng(seed).random(len(log.all_accounts))
    parts = [(ALL, log)]
    if len(log.kinds) > 1:
        parts += [(kind, log.select(kind)) for kind in log.kinds]
    found = [_of_part(kind, part, edges, draw, seed) for kind, part in parts]
    table = pa.concat_tables([rows for rows, _ in found])
    for size in sizes:
        table = table.append_column(
            f"findable_{size}", _findable(log, edges, size, len(table), seed, threads)
        )
    return WindowSuggestions(table, tuple(one for _, one in found), log.frame)


def _of_part(
    kind: str, log: ActionLog, edges: Counts, draw: Floats, seed: int
) -> tuple[pa.Table, SuggestedWindow]:
    """Return the rows of one kind, and what is suggested for it."""
    acts = acted(log.account, log.object, log.time)
    within = pairs_within(acts, edges, np.zeros(log.n_objects, np.int64), 1)[0]
    near, every = within[:-1], within[-1]
    seen = np.minimum(1.0, SEEN / np.maximum(2 * near, 1))
    observed = _pairs(log.account, log.object, log.time, log, edges, seen, draw)
    n_accounts = np.bincount(acts.run_object, minlength=log.n_objects).astype(np.int32)
    class_of = popularity_class(n_accounts, log.object_kind)[log.object]
    expected = np.zeros_like(observed)
    for i in range(NULLS):
        time = _permuted(log, class_of, seed + i)
        order = np.lexsort((time, log.object))
        expected += _pairs(
            log.account[order], log.object, time[order], log, edges, seen, draw
        ) / NULLS  # fmt: skip
    # what was seen decides how sure it is, not what it stands for
    scale = np.sqrt(seen)
    score = (observed - BEYOND * expected) * scale
    score /= np.sqrt(np.maximum(observed + BEYOND**2 * expected, 1.0))
    best = int(np.argmax(score.max(axis=1)))
    stands_out = bool(score[best].max() >= STANDS_OUT)
    if not stands_out:
        best = 0  # the largest of scores that say nothing says nothing of m
    score = score[best]
    top = int(np.argmax(score))
    low = high = at = top
    if stands_out:
        while low > 0 and score[low - 1] >= ALIKE * score[top]:
            low -= 1
        while high < len(edges) - 1 and score[high + 1] >= ALIKE * score[top]:
            high += 1
        logs = np.log(np.maximum(edges, 1))
        far = np.round(np.abs(logs - (logs[low] + logs[high]) / 2), 9)
        at = int(np.flatnonzero(far == far.min())[-1])  # of two as near the longer
    texts = [duration_text(edge) for edge in edges.tolist()]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = observed[best] / expected[best]
    suggestion = SuggestedWindow(
        kind,
        texts[at] if stands_out else None,
        texts[low] if stands_out else None,
        texts[high] if stands_out else None,
        TIMES[best], float(observed[best, at]), float(expected[best, at]), float(score[at]),
    )  # fmt: skip
    rows = pa.table(
        {
            "kind": pa.array([kind] * len(edges), pa.string()),
            "window": pa.array(texts, pa.string()),
            "seconds": pa.array(edges / 1e6),
            "chance": pa.array(near / every if every else np.zeros(len(edges))),
            "objects": pa.array([TIMES[best]] * len(edges), pa.int64()),
            "observed": pa.array(observed[best]),
            "expected": pa.array(expected[best]),
            "ratio": pa.array(ratio, mask=~np.isfinite(ratio)),
            "score": pa.array(score),
            "seen": pa.array(seen),
            "suggested": pa.array(stands_out & (np.arange(len(edges)) == at)),
        }
    )
    return rows, suggestion


def _permuted(log: ActionLog, class_of: NDArray[np.int32], seed: int) -> Counts:
    """Return times with the delays since the first action permuted over each class of objects."""
    first = log.time[log.by_object[:-1]][log.object]
    later = np.ones(len(log), bool)
    later[log.by_object[:-1]] = False
    rows = np.flatnonzero(later)
    random = np.random.default_rng(seed).random(len(rows))
    own = class_of[rows]
    slots = np.argsort(own, kind="stable")
    drawn = rows[np.lexsort((random, own))]
    time = log.time.copy()
    time[rows[slots]] = first[rows[slots]] + (log.time - first)[drawn]
    return time


def _pairs(
    account: NDArray[np.int32], object_: NDArray[np.int32], time: Counts, log: ActionLog,
    edges: Counts, seen: Floats, draw: Floats,
) -> Floats:  # fmt: skip
    """Count the pairs of accounts that are together on so many objects: float64 (times, edges).

    Parameters
    ----------
    account, object_, time
        (n,), sorted by object and time.
    log
        What they are of.
    edges
        The windows.
    seen
        The share of the accounts to look from at each window.
    draw
        A random number of each account: those below the share are looked from.
    """
    n, e = len(log.all_accounts), len(edges)
    indptr, positions = array_kernels.group_by_code(account, n)
    runs = shared_kernels.account_runs(indptr, positions, object_)
    focal = log.active
    rungs = (draw[focal][:, None] < seen).sum(axis=1).astype(np.int32)
    found = np.zeros((len(TIMES), e))
    meeting_kernels.pairs_that_meet_again(
        focal, rungs, *runs, positions, log.by_object, account, time, edges,
        np.array(TIMES, np.int64), np.full(n, e, np.int32), np.zeros(n, np.int32),
        np.zeros((n, e + 1), np.int32), np.zeros(n, np.int32), found,
    )  # fmt: skip
    looked_from = np.array([(rungs > k).sum() for k in range(e)])
    share = looked_from / max(len(rungs), 1)
    pairs: Floats = found / np.where(share > 0, share, 1.0) / 2  # each is seen from both ends
    return pairs


def _findable(
    log: ActionLog, edges: Counts, size: int, rows: int, seed: int, threads: int | None
) -> pa.Array:
    """Return the fewest objects on which a group of so many would be found, for all kinds."""
    found: list[int | None] = []
    for edge in edges.tolist():
        layer = findable(
            log, edge / 1e6, sizes=[size], seed=seed, threads=threads, co_timing=None
        ).layers[0]
        found.append(layer.objects[0] if layer.objects else None)
    return pa.array(found + [None] * (rows - len(found)), pa.int64())
