"""Null logs stay on the clock of their log."""

import numpy as np
import pytest
from helpers import log_of

import coordnet as cn
from coordnet.kernels import null_logs as null_log_kernels

MINUTE = 60_000_000


def coarse_log(step):
    """Return a log of objects with 2 to 13 actions each, at multiples of `step`."""
    rng = np.random.default_rng(0)
    return log_of(
        [
            (f"u{rng.integers(40):02d}", f"o{o:02d}", (1_000 * o + int(late)) * step, "k", None)
            for o in range(48)
            for late in rng.integers(0, 500, 2 + o // 4)
        ]
    )


@pytest.mark.parametrize("make", [cn.shuffled_accounts, cn.resampled_delays, cn.swapped_profiles])
@pytest.mark.parametrize("step", [1_000_000, MINUTE, 60 * MINUTE])
def test_null_logs_keep_the_clock(make, step):
    log = coarse_log(step)
    assert log.resolution == step
    null = make(log, 1)
    assert null.time.tobytes() != log.time.tobytes() or make is cn.shuffled_accounts
    assert (null.time % step == 0).all()
    assert null.resolution == step


def test_swapped_profiles_are_as_they_were_where_the_clock_is_fine():
    """Interpolated delays: floored to microseconds, and to the nearest of coarser steps."""
    starts = np.array([0, 3, 8], np.int64)
    since = np.array([0, 40, 100, 0, 10, 20, 60, 90], np.int64)
    uniform = np.array([0.9, 0.2, 0.8, 0.9, 0.1, 0.49, 0.51, 0.99])
    giver = np.array([1, 0])
    fine = null_log_kernels.borrowed_profiles(starts, giver, since, uniform, 1)
    at = uniform[[1, 2]] * 4
    assert fine[:3].tolist() == [0, *np.interp(at, range(5), since[3:]).astype(int)]
    at = uniform[4:] * 2
    assert fine[3:].tolist() == [0, *np.interp(at, range(3), since[:3]).astype(int)]
    coarse = null_log_kernels.borrowed_profiles(starts, giver, since, uniform, 10)
    assert coarse.tolist() == ((fine + 5) // 10 * 10).tolist()
    assert coarse.tolist() != fine.tolist()
    same = null_log_kernels.borrowed_profiles(starts, np.arange(2), since, uniform, 10)
    assert same.tolist() == since.tolist()
