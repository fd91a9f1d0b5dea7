"""What is one occasion: gaps, and the least time from the beginning of one to that of the next."""

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordnet.kernels.occasions import OccasionRule, count_occasions, number_occasions

HOURS = np.arange(0, 24 * 10, 3)  # of a group that acts around the clock for ten days


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(0, 12), st.integers(0, 30))
def test_occasions_equal_the_oracle(moments, gap, least):
    parts = naive.occasions_of(moments, gap, least)
    rule = OccasionRule(gap, least)
    given_ = np.array(moments, np.int64)
    assert count_occasions(given_.copy(), len(moments), rule) == len(parts)
    numbers = number_occasions(np.sort(given_), rule).tolist()
    assert numbers == [i for i, part in enumerate(parts) for _ in part]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=12), st.integers(0, 9), st.integers(0, 40))
def test_there_are_no_more_occasions_than_without_a_least_time(moments, gap, least):
    """Fewer are conservative; and no fewer than if gaps up to the least time made one."""
    rules = ((gap, 0), (gap, least), (max(gap, least), 0))
    count = [len(naive.occasions_of(moments, *rule)) for rule in rules]
    found = count_occasions(np.array(moments, np.int64), len(moments), OccasionRule(gap, least))
    assert count[0] >= found == count[1] >= count[2]


@pytest.mark.parametrize(
    ("moments", "gap", "least", "count"),
    [
        ([0, 5, 7, 12], 1, 6, 2),  # one ends where more than six have passed since its first
        ([0, 6], 1, 6, 1),
        ([0, 7], 1, 6, 2),
        ([0, 1, 2, 3, 4, 5, 6, 7, 8], 1, 6, 1),  # nobody paused
        ([0, 3, 6, 9], 3, 6, 1),
        ([0, 3, 6, 9], 2, 6, 2),
        (HOURS, 3, 0, 1),  # gaps alone: one endless occasion
        (HOURS, 1, 6, 27),  # every nine hours
        (HOURS, 6, 6, 1),
        ([], 1, 6, 0),
    ],
)
def test_occasions_by_hand(moments, gap, least, count):
    moments = np.array(moments, np.int64)
    assert count_occasions(moments.copy(), len(moments), OccasionRule(gap, least)) == count
    assert number_occasions(moments, OccasionRule(gap, least)).max(initial=-1) + 1 == count
