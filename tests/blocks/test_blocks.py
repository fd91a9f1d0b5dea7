"""Blocks of accounts."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from coordnet.blocks.blocks import block_of


def naive_block(label, n):
    value = 0xCBF29CE484222325
    for byte in label.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    value ^= value >> 32
    value = value * 0xD6E8FEB86659FD93 % 2**64
    value ^= value >> 32
    return value % n


@examples(50)
@given(st.lists(st.text()), st.integers(1, 1_000), st.integers(0, 3))
def test_the_block_is_the_hash_of_the_label_in_loops(labels, n, skipped):
    array = pa.array(labels, pa.large_string()).slice(skipped)
    assert block_of(array, n).tolist() == [naive_block(label, n) for label in labels[skipped:]]


def test_blocks_never_change():
    """Stores on disk are read by them."""
    labels = pa.array(["", "alice", "bob", "ß", "12345678901234567890"], pa.large_string())
    assert block_of(labels, 64).tolist() == [63, 53, 62, 9, 57]


def test_labels_that_count_up_spread_over_blocks_evenly():
    for form in ("{}", "user_{}", "{:08d}", "{}@example.org"):
        labels = pa.array([form.format(i) for i in range(64_000)], pa.large_string())
        sizes = np.bincount(block_of(labels, 64), minlength=64)
        assert sizes.min() > 850, form
        assert sizes.max() < 1_150, form
