"""The jitter null of co-timing: each event moved inside its own stratum of the clock."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordnet.errors import ParameterError, one_of
from coordnet.frames import frozen
from coordnet.inference.bounds import null_pairs
from coordnet.inference.correction import CORRECTIONS, corrected
from coordnet.inference.edge_tests import TEST_BYTES, EdgeTest, TestedEdges, combined_p_values
from coordnet.inference.round_times import GRAINS, roundness
from coordnet.kernels import arrays as array_kernels
from coordnet.kernels import jitter as jitter_kernels
from coordnet.log.actions import ActionLog
from coordnet.memory import available_memory, check_budget
from coordnet.threads import CHUNKS, run_chunks
from coordnet.times import Duration, duration, duration_text

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
    check_budget(
        TEST_BYTES * len(source),
        f"the test of {len(source):,} edges",
        "Use a higher min_weight= or a shorter window for the graph.",
        available_memory(),  # not made in slices: a limit of the user's does not help
    )
    length = duration(strata, "strata")
    if length < 2 * window + 1:
        raise ParameterError(
            f"strata={strata!r} is shorter than two windows of {duration_text(window)}; events "
            "moved so little would coincide whatever they did. Use longer strata, such as '1h'."
        )
    events = log.events(refractory)
    starts, positions = array_kernels.group_by_code(events.account, len(log.all_accounts))
    times = events.time[positions]
    round_ = roundness(times, length)
    phases = times % length
    phases = phases[np.lexsort((phases, round_))]
    class_starts = np.searchsorted(np.sort(round_), np.arange(len(GRAINS) + 2))
    cells = jitter_kernels.covered_strata(
        starts, times, window, length, phases, class_starts, GRAINS[-1]
    )
    n = len(source)
    expected, log_p = np.zeros((2, n)), np.zeros((2, n))
    borders = np.linspace(0, n, CHUNKS + 1).astype(np.int64)
    directions = ((source, target, source_events), (target, source, target_events))
    for i, direction in enumerate(directions):

        def chunk(_: None, j: int, i: int = i, direction: Any = direction) -> None:
            jitter_kernels.coincidence_tests(
                *direction, borders[j], borders[j + 1], starts, times, round_, length, *cells,
                expected[i], log_p[i],
            )  # fmt: skip

        run_chunks(chunk, CHUNKS, threads=threads, label="co-timing tests")
    p_value = combined_p_values(log_p[0], log_p[1])
    p_value[np.minimum(source_events, target_events) < 2] = 1.0
    active = int((np.diff(starts) > 0).sum())
    pairs = active * (active - 1) // 2
    columns = {
        "expected_source_events": expected[0],
        "expected_target_events": expected[1],
        "p_value": p_value,
        "q_value": corrected(p_value, source, target, pairs, correction),
        "p_family": p_value,
    }
    test = EdgeTest(
        "jitter", duration_text(length), correction, pairs, True, family_pairs=pairs,
        null_pairs=null_pairs(p_value, pairs),
    )  # fmt: skip
    return TestedEdges({name: frozen(column) for name, column in columns.items()}, test)
