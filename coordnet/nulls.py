"""Null models of an edge, p-values, and the correction for how many pairs there are.

Definitions, with n accounts, M actions, k_u actions of u, n_o different accounts on object o and
m_uo actions of u on o:

- *occasions* S of a pair: its synchronised objects, each at the first moment by which both have
  acted within the window, ordered; a run with gaps <= ``fold`` is one occasion.
- *activity null*: accounts are dealt to the actions at random, everything else fixed. An object
  with w pairs of actions within the window brings u and v together with chance
  1 - exp(-2 w k_u k_v / (M (M - 1))); the expectation is the sum over all objects.
- *timing null*: given the objects that both act on, they are together within the window as often
  as accounts on objects of that popularity and kind are. For class c of log2 n_o,
  chance_c = sum w_o / sum n_o (n_o - 1) / 2 with w_o the sum of 1 / (m_uo m_vo) over co-actions,
  and pi_o = 1 - (1 - chance_c)^(m_uo m_vo). Where both act at round times (full hours, quarters,
  ...) chance_c is larger by :func:`round_factors`: schedulers meet on the second.
- *jitter null*, of co-timing: each event of u is moved inside its own stratum of the clock, to
  a time as round as its own.

S is compared with an expectation that counts objects, not occasions: conservative.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordnet import _kernels, _null_kernels
from coordnet._threads import equal_chunks, run_chunks
from coordnet.actions import ActionLog
from coordnet.errors import ParameterError, one_of
from coordnet.frames import frozen
from coordnet.times import HOUR, MINUTE, SECOND, Duration, duration, duration_text

NULLS = ("activity", "timing", "both", "jitter")
CORRECTIONS = ("bh", "by")
SMALLEST_P = 1e-300
MIN_FOLD = 30 * SECOND
CHUNKS = 64
BLOCK_RUNS = 1 << 16  # (account, object) entries of accounts done together: about 1 MB

Floats = NDArray[np.float64]


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
        Number of pairs of accounts that the correction counts; those without an edge have p = 1.
    pairs_exact : bool
        Whether that is their number, or an upper bound of it.
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
    typical_chance: float | None = None
    notes: tuple[str, ...] = ()


# -- objects and their chances -----------------------------------------------------------------


class ObjectStatistics(NamedTuple):
    """How many act on each object, and how often within the window."""

    repeats: NDArray[np.int32]  # of each action: m_uo
    n_accounts: NDArray[np.int32]  # n_o
    pairs_all: NDArray[np.int64]  # pairs of actions within the window, of whomever
    pairs_weighted: Floats  # w_o


def object_statistics(log: ActionLog, window: int, threads: int | None = None) -> ObjectStatistics:
    """Count who acts on each object of a log, and how often within the window."""
    found = ObjectStatistics(
        np.empty(len(log), np.int32),
        np.empty(log.n_objects, np.int32),
        np.empty(log.n_objects, np.int64),
        np.empty(log.n_objects),
    )
    starts = log.by_object
    borders = equal_chunks(np.diff(starts), CHUNKS)
    run_chunks(
        lambda seen, i: _null_kernels.object_statistics(
            starts, log.account, log.time, window, borders[i], borders[i + 1], seen, *found
        ),
        len(borders) - 1,
        threads=threads,
        scratch=lambda: np.zeros(log.n_accounts, np.int32),
    )
    return found


class Chances(NamedTuple):
    """The chance that two accounts on an object act within the window, by class of object."""

    of_object: NDArray[np.int32]  # class of each object: kind and log2 of n_o
    chance: Floats  # of each class


NO_CHANCES = Chances(np.zeros(0, np.int32), np.zeros(0))


def popularity_class(n_accounts: NDArray[np.int32], kind: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the class of each object: 32 classes of log2 n_o for each kind."""
    octave = np.frexp(n_accounts)[1].astype(np.int32) - 1
    classes: NDArray[np.int32] = kind * 32 + octave
    return classes


def classes_by_kinds_of(
    log: ActionLog, other: ActionLog, n_accounts: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Return the class of each object of another log, its kinds numbered as in `log`.

    Kinds that `log` does not have share a number of their own, the first that is free.
    """
    kinds = np.array(
        [log.kinds.index(k) if k in log.kinds else len(log.kinds) for k in other.kinds], np.int32
    )
    return popularity_class(n_accounts, kinds[other.object_kind])


def class_chances(
    log: ActionLog,
    statistics: ObjectStatistics,
    window: int,
    background: ActionLog | None = None,
    threads: int | None = None,
) -> Chances:
    """Pool the chance of a co-action over the objects of a class.

    Parameters
    ----------
    log, statistics, window
        The log, its :func:`object_statistics`, and the window they were counted with.
    background
        A log of accounts that are not under suspicion. Its chances, (w + 1) / (P + 1) so that a
        class that it does not have gives no evidence, replace the log's own.
    """
    classes = popularity_class(statistics.n_accounts, log.object_kind)
    counted, source, prior = statistics, classes, 0.0
    if background is not None:
        counted = object_statistics(background, window, threads)
        source = classes_by_kinds_of(log, background, counted.n_accounts)
        prior = 1.0
    n = 32 * (len(log.kinds) + 1)
    n_o = counted.n_accounts.astype(np.float64)
    together = np.bincount(source, counted.pairs_weighted, n) + prior
    pairs = np.bincount(source, n_o * (n_o - 1) / 2, n) + prior
    with np.errstate(invalid="ignore"):
        chance = np.where(pairs > 0, np.minimum(together / pairs, 1.0), 0.0)
    return Chances(classes, chance)


# -- how many pairs ----------------------------------------------------------------------------


def sharing_pairs(
    log: ActionLog, n_accounts: NDArray[np.int32], budget: int, threads: int | None = None
) -> tuple[int, bool]:
    """Return how many pairs of accounts act on a common object, and whether that is exact.

    Parameters
    ----------
    log
        The log.
    n_accounts
        Different accounts on each object.
    budget
        Steps that an exact count may cost. Beyond it the answer is the smaller of two upper
        bounds: the pairs summed object by object, and all pairs of accounts.
    """
    starts = log.by_object
    n_o = n_accounts.astype(np.int64)
    steps = int((np.diff(starts) * n_o).sum())
    accounts = log.n_accounts
    if steps > budget:
        return min(int((n_o * (n_o - 1) // 2).sum()), accounts * (accounts - 1) // 2), False
    indptr, positions = log.by_account
    work = np.bincount(log.account, np.diff(starts)[log.object], accounts).astype(np.int64)
    borders = equal_chunks(work, CHUNKS)
    counts = run_chunks(
        lambda stamp, i: _null_kernels.count_sharing_pairs(
            indptr, positions, log.object, starts, log.account, borders[i], borders[i + 1], stamp
        ),
        len(borders) - 1,
        threads=threads,
        scratch=lambda: np.full(accounts, -1, np.int32),
    )
    return sum(counts), True


# -- the activity null -------------------------------------------------------------------------


def saturated_sums(weights: NDArray[np.int64], log_rates: Floats) -> Floats:
    """Return log of sum_o (1 - exp(-w_o x)) for each log x of a grid.

    The sum is smooth and concave in x; read off by linear interpolation of the logarithms on a
    grid of step h its relative error is below h**2 / 32.

    Parameters
    ----------
    weights
        w_o of every object, int64; at least one above 0.
    log_rates
        The grid: float64.
    """
    sizes, counts = np.unique(weights[weights > 0], return_counts=True)
    total = np.zeros(len(log_rates))
    for part in np.array_split(np.arange(len(sizes)), max(1, len(sizes) // 256)):
        x = np.exp(log_rates)[:, None]
        total += (-np.expm1(-sizes[part] * x) * counts[part]).sum(axis=1)
    return np.log(total)


def activity_tests(
    log: ActionLog, pairs_all: NDArray[np.int64], source: NDArray[np.int32],
    target: NDArray[np.int32], occasions: NDArray[np.int32], threads: int | None = None,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Return expectation and log p of each edge under the activity null."""
    n = len(source)
    expected, log_p = np.zeros(n), np.zeros(n)
    if n:
        k = np.log(np.maximum(np.diff(log.by_account[0]), 1).astype(np.float64))
        m = float(len(log))
        scale = float(np.log(2.0 / (m * (m - 1.0))))
        grid = np.linspace(scale, scale + 2 * max(float(k.max()), 0.01), 2048)
        sums = saturated_sums(pairs_all, grid)
        borders = np.linspace(0, n, CHUNKS + 1).astype(np.int64)
        run_chunks(
            lambda _, i: _null_kernels.activity_tests(
                source, target, k, scale, float(grid[0]), float(grid[1] - grid[0]), sums,
                occasions, borders[i], borders[i + 1], expected, log_p,
            ),
            CHUNKS,
            threads=threads,
        )  # fmt: skip
    return expected, log_p


HOURS = {"hour_of_day": 24, "hour_of_week": 168}


def strata_of(time: NDArray[np.int64], strata: Duration | str) -> NDArray[np.int64]:
    """Return the stratum of each time, numbered from 0 without gaps.

    Parameters
    ----------
    time
        Microseconds UTC.
    strata
        A duration (``"1h"``, ``"1d"``: stretches of the clock), ``"hour_of_day"`` or
        ``"hour_of_week"``.
    """
    if isinstance(strata, str) and strata in HOURS:
        numbers = time // HOUR % HOURS[strata]
    else:
        length = duration(strata, "strata")
        if not length:
            raise ParameterError(f"strata={strata!r} must be longer than nothing, such as '1h'.")
        numbers = time // length
    return np.unique(numbers, return_inverse=True)[1]


def expected_within_strata(
    log: ActionLog, window: int, strata: Duration | str, source: NDArray[np.int32],
    target: NDArray[np.int32], threads: int | None = None,
) -> Floats:  # fmt: skip
    """Return the expectation under the activity null with accounts dealt inside strata.

    For the pairs of actions of object o with one in stratum b and one in b', w_obb' of them,

        sum_(b <= b') sum_o (1 - exp(-w_obb' x_bb')),
        x_bb' = (k_u(b) k_v(b') + k_u(b') k_v(b)) / (M_b M_b'), M_b (M_b - 1) where b = b',

    (where b = b' the two terms of x are the two ways to deal one pair of actions). That is at
    least the sum over objects of 1 - exp(-sum over strata): pairs across a border of strata
    count too, and no burst raises the expectation of everybody.
    """
    stratum = strata_of(log.time, strata).astype(np.int32)
    n = int(stratum.max(initial=-1)) + 1
    low, _ = _kernels.window_bounds(log.object, log.time, window)
    keys, weights = _null_kernels.strata_pairs(log.by_object, low, stratum, n)
    expected = np.zeros(len(source))
    if not len(keys):
        return expected
    size = np.bincount(stratum, minlength=n).astype(np.float64)
    # a table of the saturated sum for each pair of strata, over a grid of log x
    pairs, pair = np.unique(keys, return_inverse=True)
    b, c = pairs // n, pairs % n
    ways = size[b] * np.where(b == c, np.maximum(size[b] - 1.0, 1.0), size[c])
    grid = np.linspace(-np.log(ways.max()), 0.7, 384)
    order = np.argsort(pair, kind="stable")
    cuts = np.searchsorted(pair[order], np.arange(len(pairs) + 1))
    tables = np.stack(
        [saturated_sums(weights[order[i:j]], grid) for i, j in itertools.pairwise(cuts)]
    )
    # the strata that each one has pairs with, itself included
    ends = np.concatenate([b, c[b != c]])
    others = np.concatenate([c, b[b != c]])
    row = np.concatenate([np.arange(len(pairs)), np.flatnonzero(b != c)])
    order = np.argsort(ends, kind="stable")
    partner_starts = np.searchsorted(ends[order], np.arange(n + 1))
    # in which strata each account acts, and how often
    cells, counts = np.unique(log.account.astype(np.int64) * n + stratum, return_counts=True)
    cell_starts = np.searchsorted(cells // n, np.arange(log.n_accounts + 1))
    borders = np.linspace(0, len(source), CHUNKS + 1).astype(np.int64)
    run_chunks(
        lambda dense, i: _null_kernels.expected_in_strata(
            source, target, borders[i], borders[i + 1], cell_starts, cells % n, counts,
            partner_starts, others[order], row[order], ways, tables, float(grid[0]),
            float(grid[1] - grid[0]), dense, expected,
        ),
        CHUNKS,
        threads=threads,
        scratch=lambda: np.zeros((2, n)),
    )  # fmt: skip
    return expected


# -- edges -------------------------------------------------------------------------------------


class TestedEdges(NamedTuple):
    """Columns that a test adds to the edges, and what was tested."""

    columns: dict[str, NDArray[Any]]
    test: EdgeTest


def adjusted(p_values: Floats, pairs: int, correction: str = "bh") -> Floats:
    """Return q-values: p-values corrected for `pairs` tests, those not given having p = 1.

    Benjamini-Hochberg: q of the i-th smallest p is the least p_j pairs / j over j >= i.
    Benjamini-Yekutieli, valid under any dependence: the same times 1 + 1/2 + ... + 1/pairs.

    Examples
    --------
    >>> adjusted(np.array([0.01, 0.04, 0.03]), 4).round(4).tolist()
    [0.04, 0.0533, 0.0533]
    """
    one_of(correction, CORRECTIONS, "correction")
    n = len(p_values)
    if not n:
        return np.zeros(0)
    scale = float(pairs)
    if correction == "by":  # the harmonic number, by its expansion where it is long
        scale *= (
            float((1.0 / np.arange(1, pairs + 1)).sum())
            if pairs < 10_000
            else np.log(pairs) + np.euler_gamma + 0.5 / pairs
        )
    out = np.ones(n)
    # q_i >= p_i scale / n, so that only small p can have q < 1: the others need no sorting
    small = np.flatnonzero(p_values * scale < n)
    order = small[np.argsort(p_values[small], kind="stable")]
    q = np.minimum.accumulate((p_values[order] * scale / np.arange(1, len(order) + 1))[::-1])[::-1]
    out[order] = np.minimum(q, 1.0)
    return out


def co_action_tests(
    log: ActionLog,
    source: NDArray[np.int32],
    target: NDArray[np.int32],
    window: int,
    null: str = "both",
    *,
    strata: Duration | str | None = None,
    background: ActionLog | None = None,
    fold: int | None = None,
    correction: str = "bh",
    threads: int | None = None,
) -> TestedEdges:
    """Test edges of a co-action graph; see :meth:`coordnet.CoordinationGraph.test`."""
    one_of(null, ("activity", "timing", "both"), "null")
    one_of(correction, CORRECTIONS, "correction")
    fold = max(window, MIN_FOLD) if fold is None else fold
    statistics = object_statistics(log, window, threads)
    timing = null != "activity"
    chances = NO_CHANCES
    if timing:
        chances = class_chances(log, statistics, window, background, threads)
    occasions, expected_timing, log_p_timing = _shared_objects(
        log, source, target, chances, window, fold, threads
    )
    columns: dict[str, NDArray[Any]] = {"occasions": occasions}
    logs = []
    if null != "timing":
        if strata is None:
            expected, log_p = activity_tests(
                log, statistics.pairs_all, source, target, occasions, threads
            )
        else:
            expected = expected_within_strata(log, window, strata, source, target, threads)
            log_p = _null_kernels.log_tail_bounds(occasions, expected)
        columns |= {"expected_activity": expected, "p_activity": _p(log_p)}
        logs.append(log_p)
    notes: list[str] = []
    typical = None
    if timing:
        columns |= {"expected_timing": expected_timing, "p_timing": _p(log_p_timing)}
        logs.append(log_p_timing)
        shared = statistics.n_accounts > 1
        weight = statistics.n_accounts[shared].astype(float)
        if shared.any():
            typical = float(np.average(chances.chance[chances.of_object[shared]], weights=weight))
        if typical is not None and typical > 0.25:
            notes.append(
                f"two accounts on one object are within {duration_text(window)} of each other "
                f"with chance {typical:.2f}: the timing null has little or no power here, as in "
                "data of suspects only; give background= a log of accounts not under suspicion, "
                'or use null="activity" and say so.'
            )
    p_value = _p(logs[0], logs[-1])
    if null == "activity":  # sharing an object is itself random: every pair counts
        pairs, exact = log.n_accounts * (log.n_accounts - 1) // 2, True
    else:
        pairs, exact = sharing_pairs(log, statistics.n_accounts, 10 * len(log), threads)
    columns |= {"p_value": p_value, "q_value": adjusted(p_value, pairs, correction)}
    shown = None if strata is None else str(strata)
    test = EdgeTest(null, shown, correction, pairs, exact, typical, tuple(notes))
    return TestedEdges({n: frozen(c) for n, c in columns.items()}, test)


def _p(log_p: Floats, other: Floats | None = None) -> Floats:
    """Return p-values, the larger of two where two are given; below 1e-300 they say 1e-300."""
    p: Floats = _null_kernels.combined_p(log_p, log_p if other is None else other, SMALLEST_P)
    return p


GRAINS = (HOUR, HOUR // 2, 15 * MINUTE, 5 * MINUTE, MINUTE)


def roundness(times: NDArray[np.int64], length: int) -> NDArray[np.int8]:
    """Return which of GRAINS is the coarsest that each time is a multiple of, else how many.

    Grains that do not divide the length of a stratum are passed over: a phase says nothing of
    them.
    """
    found = np.full(len(times), len(GRAINS), np.int8)
    for i in reversed(range(len(GRAINS))):
        if length % GRAINS[i] == 0:
            found[times % GRAINS[i] == 0] = i
    return found


def round_factors(window: int, resolution: int) -> Floats:
    """Return by how much likelier two actions are inside the window when both times are round.

    Of two times that are multiples of L, 2 floor(W / L) + 1 multiples lie inside the window, each
    as likely as L of time is; of any two times, 2 W and the resolution of the times. So who posts
    at full quarters meets others who do on the second, and it is no evidence. For each of GRAINS,
    and for no grain: 1 or more.
    """
    grains = np.array(GRAINS)
    inside = (2 * (window // grains) + 1) * grains
    return np.append(np.maximum(inside / (2 * window + max(resolution, 1)), 1.0), 1.0)


def _shared_objects(
    log: ActionLog,
    source: NDArray[np.int32],
    target: NDArray[np.int32],
    chances: Chances,
    window: int,
    fold: int,
    threads: int | None,
) -> tuple[NDArray[np.int32], Floats, Floats]:
    """Return occasions of each edge, and expectation and log p under the timing null."""
    indptr, positions = log.by_account
    runs = _null_kernels.account_runs(indptr, positions, log.object)
    starts, objects, _ = runs
    k = np.diff(starts)
    swap = k[source] < k[target]
    heavier, lighter = np.where(swap, target, source), np.where(swap, source, target)
    # by heavier account, inside blocks of lighter accounts whose lists fit into the cache
    _, order = _kernels.group_by_code(heavier, log.n_accounts)
    block = (starts[:-1] // BLOCK_RUNS).astype(np.int32)
    _, within = _kernels.group_by_code(block[lighter[order]], int(block.max(initial=0)) + 1)
    order = order[within]
    heavier, lighter = heavier[order], lighter[order]
    work = k[lighter] + 10
    borders = equal_chunks(work, CHUNKS)
    run_class = np.zeros(0, np.int16)
    if len(chances.chance):
        run_class = chances.of_object.astype(np.int16)[objects]
    chance = np.minimum(chances.chance[:, None] * round_factors(window, log.resolution), 1.0)
    with np.errstate(divide="ignore"):
        by_class = chance, np.log1p(-chance), chance / (1.0 - chance)
    round_ = roundness(log.time, HOUR)[positions]
    since = log.time[positions] - (log.limits[0] if log.limits else 0)
    n = len(source)
    occasions, expected, log_p = np.zeros(n, np.int32), np.zeros(n), np.zeros(n)
    run_chunks(
        lambda own, i: _null_kernels.shared_object_tests(
            heavier, lighter, *runs, since, round_, run_class, *by_class, window, fold,
            borders[i], borders[i + 1], *own, occasions, expected, log_p,
        ),
        len(borders) - 1,
        threads=threads,
        scratch=lambda: (
            np.zeros(log.n_objects // 64 + 1, np.uint64),
            np.empty(log.n_objects // 64 + 1, np.int32),
        ),
        weights=np.add.reduceat(work, borders[:-1]) if len(work) else None,
        label="edge tests",
    )  # fmt: skip
    results = occasions, expected, log_p
    occasions, expected, log_p = run_chunks(
        lambda _, i: _null_kernels.put(results[i], order), 3, threads=threads
    )
    return occasions, expected, log_p


# -- the jitter null ---------------------------------------------------------------------------


def co_timing_tests(
    log: ActionLog,
    source: NDArray[np.int32],
    target: NDArray[np.int32],
    source_events: NDArray[np.int32],
    target_events: NDArray[np.int32],
    window: int,
    refractory: int,
    *,
    strata: Duration = "1h",
    correction: str = "bh",
    threads: int | None = None,
) -> TestedEdges:
    """Test edges of a co-timing graph; see :meth:`coordnet.CoordinationGraph.test`.

    Each event of u is moved inside its own stratum of the clock, v's events staying where they
    are (the interval jitter of Amarasingham et al. 2012, J. Neurophysiology 107, 517), to a phase
    drawn from all events of the log that are as round as it is: on a full hour, half hour,
    quarter, five minutes, minute, or none of these. So who posts at full quarters still does,
    and that such accounts meet is no evidence. The number of u's events within the window of one
    of v's is then Poisson-binomial, the chance of an event being the share of those phases that
    the windows of v cover in its stratum. The p-value is the larger of the two directions, and 1
    for fewer than two coincidences.
    """
    one_of(correction, CORRECTIONS, "correction")
    length = duration(strata, "strata")
    if length < 2 * window + 1:
        raise ParameterError(
            f"strata={strata!r} is shorter than two windows of {duration_text(window)}; events "
            "moved so little would coincide whatever they did. Use longer strata, such as '1h'."
        )
    events = log.events(refractory)
    starts, positions = _kernels.group_by_code(events.account, log.n_accounts)
    times = events.time[positions]
    round_ = roundness(times, length)
    phases = times % length
    phases = phases[np.lexsort((phases, round_))]
    class_starts = np.searchsorted(np.sort(round_), np.arange(len(GRAINS) + 2))
    cells = _null_kernels.covered_strata(
        starts, times, window, length, phases, class_starts, GRAINS[-1]
    )
    n = len(source)
    expected, log_p = np.zeros((2, n)), np.zeros((2, n))
    borders = np.linspace(0, n, CHUNKS + 1).astype(np.int64)
    directions = ((source, target, source_events), (target, source, target_events))
    for i, direction in enumerate(directions):

        def chunk(_: None, j: int, i: int = i, direction: Any = direction) -> None:
            _null_kernels.coincidence_tests(
                *direction, borders[j], borders[j + 1], starts, times, round_, length, *cells,
                expected[i], log_p[i],
            )  # fmt: skip

        run_chunks(chunk, CHUNKS, threads=threads, label="co-timing tests")
    p_value = _p(log_p[0], log_p[1])
    p_value[np.minimum(source_events, target_events) < 2] = 1.0
    active = int((np.diff(starts) > 0).sum())
    pairs = active * (active - 1) // 2
    columns = {
        "expected_source_events": expected[0],
        "expected_target_events": expected[1],
        "p_value": p_value,
        "q_value": adjusted(p_value, pairs, correction),
    }
    test = EdgeTest("jitter", duration_text(length), correction, pairs, True)
    return TestedEdges({name: frozen(column) for name, column in columns.items()}, test)


# -- null logs ---------------------------------------------------------------------------------


def dealt(log: ActionLog, seed: int, strata: Duration | str | None = None) -> ActionLog:
    """Return the log with its accounts dealt to the actions at random: activity as it was.

    Parameters
    ----------
    log
        The log.
    seed
        The only source of randomness.
    strata
        Deal inside strata of time only; see :func:`strata_of`.
    """
    rng = np.random.default_rng(seed)
    if strata is None:
        account = log.account.copy()
        rng.shuffle(account)
        return log.rearranged(account=account)
    stratum = strata_of(log.time, strata)
    order = np.argsort(stratum, kind="stable")
    shuffled = np.lexsort((rng.random(len(log)), stratum))
    account = np.empty_like(log.account)
    account[order] = log.account[shuffled]
    return log.rearranged(account=account)


def redrawn(log: ActionLog, seed: int) -> ActionLog:
    """Return the log with the delays on each object redrawn from all objects of its class.

    Each object keeps its accounts and its first time; accounts are dealt to the slots, and the
    delays of the other slots are drawn from those of all objects of the class, so that the class
    has one speed.

    Parameters
    ----------
    log
        The log.
    seed
        The only source of randomness.
    """
    rng = np.random.default_rng(seed)
    starts, since = _since_first(log)
    later = np.ones(len(log), bool)
    later[starts[:-1]] = False
    class_of = _class_of_objects(log)[log.object]
    delay = np.zeros(len(log), np.int64)
    for c in np.unique(class_of):
        rows = np.flatnonzero(later & (class_of == c))
        if len(rows):
            delay[rows] = rng.choice(since[rows], len(rows))
    first = log.time[starts[:-1]][log.object]
    return log.rearranged(account=_dealt_to_slots(log, rng), time=first + delay)


def profiled(log: ActionLog, seed: int) -> ActionLog:
    """Return the log with each object's times taken, as a whole, from another of its class.

    Each object keeps its accounts and its first time; accounts are dealt to the slots, and the
    delays are the profile of another object of the class with about as many actions: as they are
    where it has as many, else drawn between its quantiles. So fast objects stay fast.

    Parameters
    ----------
    log
        The log.
    seed
        The only source of randomness.
    """
    rng = np.random.default_rng(seed)
    starts, since = _since_first(log)
    counts = np.diff(starts)
    classes = _class_of_objects(log)
    # objects of a class, by number of actions, trade profiles inside blocks of sixteen
    order = np.lexsort((rng.random(len(counts)), counts, classes))
    block = np.arange(len(order)) // 16
    giver = np.empty(len(order), np.int64)
    giver[order] = order[np.lexsort((rng.random(len(order)), block, classes[order]))]
    delay = _null_kernels.borrowed_profiles(starts, giver, since, rng.random(len(log)))
    first = log.time[starts[:-1]][log.object]
    return log.rearranged(account=_dealt_to_slots(log, rng), time=first + delay)


def _since_first(log: ActionLog) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where objects begin, and each action's time since its object's first."""
    starts = log.by_object
    return starts, log.time - log.time[starts[:-1]][log.object]


def _class_of_objects(log: ActionLog) -> NDArray[np.int32]:
    """Return the popularity class of each object."""
    pairs = np.unique(log.object.astype(np.int64) * log.n_accounts + log.account)
    n_accounts = np.bincount(pairs // log.n_accounts, minlength=log.n_objects)
    return popularity_class(n_accounts.astype(np.int32), log.object_kind)


def _dealt_to_slots(log: ActionLog, rng: np.random.Generator) -> NDArray[np.int32]:
    """Return the accounts, dealt at random to the actions of their object."""
    return log.account[np.lexsort((rng.random(len(log)), log.object))]
