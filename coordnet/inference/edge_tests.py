"""The tests of the edges of a co-action graph against null models.

Definitions, with n accounts, M actions, k_u actions of u, n_o different accounts on object o and
m_uo actions of u on o:

- *occasions* S of a pair: its synchronised objects, each at the first moment by which both have
  acted within the window, ordered; a run with gaps up to the occasion gap is one occasion. Beside
  a cleaned background none begins before the last one is more than six hours old.
- *activity null*: accounts are shuffled over the actions, everything else fixed. An object
  with w pairs of actions within the window brings u and v together with chance
  1 - exp(-2 w k_u k_v / (M (M - 1))); the expectation is the sum over all objects.
- *timing null*: given the objects that both act on, they are together within the window as often
  as accounts on objects of that popularity and kind are. For class c of log2 n_o,
  chance_c = sum w_o / sum n_o (n_o - 1) / 2 with w_o the sum of 1 / (m_uo m_vo) over co-actions,
  and pi_o = 1 - (1 - chance_c)^(m_uo m_vo). Where both act at round times (full hours, quarters,
  ...) chance_c is larger, by the factors of :mod:`coordnet.inference.round_times`: schedulers
  meet on the second.

S is compared with an expectation that counts objects, not occasions: conservative.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordnet.disk import SLICE, digest_of, made_in_parts, release, stands_on_disk
from coordnet.engine import current_engine
from coordnet.errors import one_of
from coordnet.frames import frozen
from coordnet.inference.attainable import attainable_of, attainable_q_values, family_p_values
from coordnet.inference.bounds import null_pairs
from coordnet.inference.correction import CORRECTIONS, corrected
from coordnet.inference.pair_tests import (
    ActivityNull,
    PairFacts,
    PairTester,
    saturated_sums,
)
from coordnet.inference.statistics import Chances, Floats, WindowStatistics
from coordnet.inference.strata import strata_of
from coordnet.kernels import strata as strata_kernels
from coordnet.kernels import tails as tail_kernels
from coordnet.kernels import windows as window_kernels
from coordnet.kernels.tails import SMALLEST_P
from coordnet.log.actions import ActionLog
from coordnet.log.windows import Window, told, windows_of_objects
from coordnet.memory import check_budget, may_use_disk, stays_in_memory
from coordnet.threads import CHUNKS, run_chunks
from coordnet.times import Duration

NULLS: Mapping[str, str] = MappingProxyType(  # what each asks of a pair
    {
        "activity": "do they meet more often than accounts as active as they are",
        "timing": "are they closer in time than others on the same objects",
        "both": "an edge has to pass both, so that neither explains it",
    }
)
BOUND_ALPHA = 0.05
LITTLE_POWER = 0.25  # typical chance from which the timing test is said to have little power
TABLES = 1 << 16  # pairs of strata whose tables are held at once: 200 MB
KEPT_ACTIONS = 1 << 24  # up to which a tester of pairs is kept for the next round: 0.5 GB
TEST_BYTES = 80  # that the test of an edge takes, beside the edge


@dataclass(frozen=True)
class EdgeTest:
    """What was tested, against what, and what a reader must know of it.

    Attributes
    ----------
    null : str
    strata : str or None
    correction : str
        ``"bh"`` (Benjamini & Hochberg 1995) or ``"by"`` (Benjamini & Yekutieli 2001).
    pairs : int
        Number of pairs of accounts that could have a p-value below 1: under the timing null those
        that share an object. The correction counts, at each level, those of them that could reach
        it; see :mod:`coordnet.inference.attainable`.
    pairs_exact : bool
        Whether these are their numbers, or upper limits with a confidence of 99.9 %.
    family_pairs : int
        Number of pairs in the family that bounds on true pairs are made for: those that could
        have a small p-value, whatever the times; see :mod:`coordnet.inference.bounds`.
    null_pairs : int
        How many pairs of the family may all be null, at the level of `bound_alpha` (Hommel's h).
    bound_alpha : float
        One minus the confidence of these bounds.
    typical_chance : float or None
        Mean chance, over the objects that both ends of an edge act on, that timing alone brings
        two accounts together on one.
    notes : tuple of str
        What weakens the test in this log.
    """

    null: str
    strata: str | None
    correction: str
    pairs: int
    pairs_exact: bool
    family_pairs: int = 0
    null_pairs: int = 0
    bound_alpha: float = BOUND_ALPHA
    typical_chance: float | None = None
    notes: tuple[str, ...] = ()


# -- the activity null -------------------------------------------------------------------------


def expected_within_strata(
    log: ActionLog, window: Window, strata: Duration | str, source: NDArray[np.int32],
    target: NDArray[np.int32], threads: int | None = None,
) -> Floats:  # fmt: skip
    """Return the expectation under the activity null with accounts shuffled inside strata.

    For the pairs of actions of object o with one in stratum b and one in b', w_obb' of them,

        sum_(b <= b') sum_o (1 - exp(-w_obb' x_bb')),
        x_bb' = (k_u(b) k_v(b') + k_u(b') k_v(b)) / (M_b M_b'), M_b (M_b - 1) where b = b',

    (where b = b' the two terms of x are the two ways to deal one pair of actions). That is at
    least the sum over objects of 1 - exp(-sum over strata): pairs across a border of strata
    count too, and no burst raises the expectation of everybody.
    """
    stratum = strata_of(log.time, strata).astype(np.int32)
    n = int(stratum.max(initial=-1)) + 1
    windows = windows_of_objects(window, log)
    low, _ = window_kernels.window_bounds(log.object, log.time, windows)
    keys, weights = strata_kernels.strata_pairs(log.by_object, low, stratum, n)
    expected = np.zeros(len(source))
    if not len(keys):
        return expected
    size = np.bincount(stratum, minlength=n).astype(np.float64)
    # a table of the saturated sum for each pair of strata, over a grid of log x
    pairs, pair = np.unique(keys, return_inverse=True)
    b, c = pairs // n, pairs % n
    ways = size[b] * np.where(b == c, np.maximum(size[b] - 1.0, 1.0), size[c])
    grid = np.linspace(-np.log(ways.max()), 0.7, 384)
    of_pair = np.argsort(pair, kind="stable")
    cuts = np.searchsorted(pair[of_pair], np.arange(len(pairs) + 1))
    # the strata that each one has pairs with, itself included
    ends = np.concatenate([b, c[b != c]])
    others = np.concatenate([c, b[b != c]])
    row = np.concatenate([np.arange(len(pairs)), np.flatnonzero(b != c)])
    order = np.argsort(ends, kind="stable")
    partner_starts = np.searchsorted(ends[order], np.arange(n + 1))
    partner, row = others[order], row[order]
    # in which strata each account acts, and how often
    cells, counts = np.unique(log.account.astype(np.int64) * n + stratum, return_counts=True)
    cell_starts = np.searchsorted(cells // n, np.arange(len(log.all_accounts) + 1))
    cells %= n
    borders = np.linspace(0, len(source), CHUNKS + 1).astype(np.int64)

    def add(block: tuple[Any, ...], dense: Floats, i: int) -> None:
        strata_kernels.expected_in_strata(
            source, target, borders[i], borders[i + 1], cell_starts, cells, counts, *block,
            dense, expected,
        )  # fmt: skip

    begin = 0
    while begin < n:  # so many strata at once as have about TABLES pairs
        room = partner_starts[begin] + TABLES
        end = max(int(np.searchsorted(partner_starts, room, "right")) - 1, begin + 1)
        here = slice(partner_starts[begin], partner_starts[end])
        used, table = np.unique(row[here], return_inverse=True)
        if len(used):
            tables = np.stack(
                [saturated_sums(weights[of_pair[cuts[i] : cuts[i + 1]]], grid) for i in used]
            )
            least = min(begin, int(partner[here].min()))
            most = max(end - 1, int(partner[here].max()))
            block = (
                begin, end, partner_starts, partner[here], table, ways[used], tables,
                float(grid[0]), float(grid[1] - grid[0]), least,
            )  # fmt: skip
            task = partial(add, block)
            run_chunks(
                task, CHUNKS, threads=threads, scratch=partial(np.zeros, (2, most + 1 - least))
            )
        begin = end
    return expected


def combined_p_values(log_p: Floats, other: Floats | None = None) -> Floats:
    """Return p-values, the larger of two where two are given; below 1e-300 they say 1e-300."""
    p: Floats = tail_kernels.combined_p(log_p, log_p if other is None else other, SMALLEST_P)
    return p


# -- edges -------------------------------------------------------------------------------------


class TestedEdges(NamedTuple):
    """Columns that a test adds to the edges, and what was tested."""

    columns: dict[str, NDArray[Any]]
    test: EdgeTest


def co_action_tests(
    statistics: WindowStatistics,
    source: NDArray[np.int32],
    target: NDArray[np.int32],
    null: str = "both",
    *,
    strata: Duration | str | None = None,
    correction: str = "bh",
    before: Mapping[str, NDArray[Any]] | None = None,
    bounds: bool = True,
    threads: int | None = None,
) -> TestedEdges:
    """Test edges of a co-action graph; see :meth:`coordnet.CoordinationGraph.test`.

    Parameters
    ----------
    statistics, source, target, null, strata, correction, threads
        As there.
    before
        The columns of a test of the same edges before the background was cleaned. What rests on
        no background is taken from there, and of both p-values of timing the smaller: that of
        before has the larger chances, that of now the longer occasions. Bounds on true pairs rest
        on that of now: that of before is too small for two viewers of one event, who meet many
        times on one evening.
    bounds
        False leaves what bounds on true pairs rest on to :func:`with_bounds`, where it is asked
        for: of the rounds of cleaning only the first and the last are.
    """
    one_of(null, NULLS, "null")
    one_of(correction, CORRECTIONS, "correction")
    log, timing = statistics.log, null != "activity"
    columns = _columns(statistics, source, target, null, strata, before, threads)
    p_value = columns["p_value"]
    p_now = columns.pop("p_now", p_value)
    notes = _notes(statistics) if timing else []
    shown = None if strata is None else str(strata)
    if not timing:  # sharing an object is itself random: every pair counts
        pairs = log.n_accounts * (log.n_accounts - 1) // 2
        q_value = corrected(p_value, source, target, pairs, correction)
        in_family = p_value
        test = EdgeTest(
            null, shown, correction, pairs, True, family_pairs=pairs,
            null_pairs=null_pairs(p_value, pairs),
        )  # fmt: skip
    else:
        attainable = attainable_of(statistics, threads)
        q_value = attainable_q_values(p_value, source, target, attainable, correction)
        in_family = p_now
        test = EdgeTest(
            null, shown, correction, int(attainable.counts[0]), attainable.exact,
            typical_chance=statistics.typical_chance, notes=tuple(notes),
        )  # fmt: skip
    columns |= {"q_value": q_value, "p_family": in_family}
    tested = TestedEdges({n: frozen(c) for n, c in columns.items()}, test)
    if bounds:
        tested = with_bounds(statistics, source, target, tested, threads)
    return tested


def with_bounds(
    statistics: WindowStatistics,
    source: NDArray[np.int32],
    target: NDArray[np.int32],
    tested: TestedEdges,
    threads: int | None = None,
) -> TestedEdges:
    """Return a test with what bounds on true pairs rest on.

    Parameters
    ----------
    statistics, source, target, threads
        As in :func:`co_action_tests`.
    tested
        What that gave without bounds: in it `p_family` has the p-values of now of all edges. A test
        that does not ask for the timing null has them already.
    """
    if tested.test.null == "activity":
        return tested
    columns, attainable = tested.columns, attainable_of(statistics, threads)
    p_value, p_now = columns["p_value"], columns["p_family"]
    in_family, family = family_p_values(
        p_value, source, target, statistics.runs, Chances(statistics.classes, statistics.chances),
        attainable, BOUND_ALPHA, threads=threads, timing=p_now,
    )  # fmt: skip
    if statistics.uncleaned is not None:
        in_family = np.where(in_family < 1, p_now, 1.0)
    test = replace(tested.test, family_pairs=family, null_pairs=null_pairs(in_family, family))
    return TestedEdges({**columns, "p_family": frozen(in_family)}, test)


def timing_p_values(
    statistics: WindowStatistics,
    source: NDArray[np.int32],
    target: NDArray[np.int32],
    threads: int | None = None,
) -> Floats:
    """Return the p-values of edges under the timing null, corrected for nothing."""
    columns = _columns(statistics, source, target, "timing", None, None, threads)
    p_values: Floats = columns["p_timing"]
    return p_values


def _columns(
    statistics: WindowStatistics,
    source: NDArray[np.int32],
    target: NDArray[np.int32],
    null: str,
    strata: Duration | str | None,
    before: Mapping[str, NDArray[Any]] | None,
    threads: int | None,
) -> dict[str, NDArray[Any]]:
    """Return the columns that each edge has for itself, all at once or in parts on disk.

    Beside a test of before also `p_now`, the p-value by the chances and occasions of now alone.
    """
    n, room = len(source), TEST_BYTES * len(source)
    on_disk = stands_on_disk(source) or (may_use_disk() and not stays_in_memory(room))
    if not on_disk:
        check_budget(
            room,
            f"the test of {n:,} edges",
            "Use a higher min_weight= or a shorter window for the graph.",
        )
    log, timing = statistics.log, null != "activity"
    facts = PairFacts.of(statistics, timing)
    engine = current_engine()
    done = None if engine is None else engine.tests(log, facts, source, target)
    if done is None:
        tester = _pair_tester(statistics, facts)
    activity, stratified = None, np.zeros(0)
    if null != "timing" and before is None:
        if strata is None:
            activity = ActivityNull.of(log, statistics.objects.pairs_all)
        else:
            stratified = expected_within_strata(
                log, statistics.window_us, strata, source, target, threads
            )

    def test(part: slice) -> dict[str, NDArray[Any]]:
        """Return the columns of some of the edges."""
        if done is None:
            found = tester.test(source[part], target[part], threads)
        else:
            found = done[0][part], done[1][part], done[2][part]
        occasions, expected_timing, p_now = found
        p_timing = p_now
        if before is not None:
            occasions = before["occasions"][part]
            p_timing = np.minimum(before["p_timing"][part], p_now)
        columns: dict[str, NDArray[Any]] = {"occasions": occasions}
        if null != "timing":
            if before is not None:
                expected = before["expected_activity"][part]
                p_activity = before["p_activity"][part]
            elif activity is not None:
                expected, p_activity = activity.test(source[part], target[part], occasions, threads)
            else:
                expected = stratified[part]
                p_activity = combined_p_values(tail_kernels.log_tail_bounds(occasions, expected))
            columns |= {"expected_activity": expected, "p_activity": p_activity}
        if timing:
            columns |= {"expected_timing": expected_timing, "p_timing": p_timing}
        p_values = [columns[name] for name in ("p_activity", "p_timing") if name in columns]
        columns["p_value"] = np.maximum(p_values[0], p_values[-1])
        if before is not None:
            columns["p_now"] = np.maximum(p_values[0], p_now)
        return columns

    if on_disk:
        types = {name: column.dtype for name, column in test(slice(0, 0)).items()}
        known = before or {}

        def slice_of(_: None, i: int) -> list[NDArray[Any]]:
            found = list(test(slice(i * SLICE, (i + 1) * SLICE)).values())
            release(source, target, *known.values())
            return found

        parts = made_in_parts(
            lambda: (
                "tests", null, str(strata), digest_of(source, target, *known.values()),
                digest_of(facts.classes, facts.rank, *facts.by_cell),
                f"{facts.occasion_rule} {log.fingerprint}",
            ),
            -(-n // SLICE),
            types,
            slice_of,
            threads=1,  # each of them takes all
            label="edge tests",
        )  # fmt: skip
        return dict(zip(types, parts.columns, strict=True))
    return test(slice(None))


def _pair_tester(statistics: WindowStatistics, facts: PairFacts) -> PairTester:
    """Return what tests pairs, in later rounds of cleaning that of the first."""
    log, tester = statistics.log, statistics.pair_tester
    if tester is None:
        tester = PairTester(
            facts, log.account, log.object, log.time, len(log.all_accounts), log.by_account,
            statistics.runs,
        )  # fmt: skip
        if len(log) <= KEPT_ACTIONS and not may_use_disk():
            statistics.pair_tester = tester
    tester.facts = facts
    return tester


def _notes(statistics: WindowStatistics) -> list[str]:
    """Return what weakens the timing test in this log."""
    typical = statistics.typical_chance
    if typical is None or typical <= LITTLE_POWER:
        return []
    said = (
        f"two accounts that act on one object are within {told(statistics.window_us)} of each "
        f"other with chance "
        f"{typical:.2f}, so the timing test has little or no power here"
    )
    if statistics.given_background is not None:
        return [f"{said}, even beside the background given; use a shorter window."]
    return [
        f"{said}, as in data of suspects only; give background= a log of accounts not under "
        'suspicion, or use null="activity" and say so.'
    ]
