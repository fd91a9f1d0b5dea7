"""The kernels of texts against sets of Python: sequences of characters, and what is joined."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from coordnet.kernels import texts as text_kernels

texts = st.lists(st.text("abcé日🔥", max_size=12), min_size=1, max_size=8)


def packed(values):
    array = pa.array(values, pa.large_string())
    _, ends, data = array.buffers()
    return (
        np.frombuffer(ends, np.int64)[: len(values) + 1],
        np.frombuffer(data, np.uint8) if data is not None else np.zeros(1, np.uint8),
    )


def plain(text, n):
    return {text[i : i + n] for i in range(max(len(text) - n + 1, 1))}


@given(texts, st.integers(1, 6))
def test_sequences_are_those_of_python(values, n):
    ends, data = packed(values)
    counts = np.empty(len(values), np.int64)
    text_kernels.count_sequences(ends, data, n, counts)
    assert counts.tolist() == [max(len(v) - n + 1, 1) for v in values]
    indptr = np.concatenate([[0], np.cumsum(counts)])
    hashes = np.empty(int(indptr[-1]), np.uint64)
    text_kernels.sequences(ends, data, n, indptr, 0, len(values), hashes)
    sets = [set(hashes[indptr[i] : indptr[i + 1]].tolist()) for i in range(len(values))]
    assert [len(s) for s in sets] == [len(plain(v, n)) for v in values]
    for i in range(len(values)):
        for j in range(i):
            common = plain(values[i], n) & plain(values[j], n)
            assert len(sets[i] & sets[j]) == len(common)


@given(st.lists(st.integers(0, 31), max_size=12), st.integers(2, 8))
def test_keys_stay_whose_first_bits_another_has(heads, bits):
    keys = np.array([head << 59 | i for i, head in enumerate(heads)], np.uint64)
    first = [int(key) >> (64 - bits) for key in keys]
    found = text_kernels.that_may_meet(keys, bits)
    assert found.tolist() == [
        int(key) for key, part in zip(keys, first, strict=True) if first.count(part) > 1
    ]


# 256 belongs to the bit of 0, and a set of both has an even number there
sets = st.lists(st.sets(st.sampled_from([*range(10), 256]), min_size=1), min_size=1, max_size=8)


def parities_of(rows):
    """Whether the values of each set that belong to a bit of 256 are odd in number."""
    odd = np.zeros((len(rows), 256), bool)
    for i, row in enumerate(rows):
        for x in set(row):
            odd[i, x % 256] ^= True
    return np.packbits(odd, axis=1, bitorder="little").view("<u8").astype(np.uint64)


@given(sets, st.sampled_from([0.3, 0.5, 2 / 3, 0.8, 1.0]), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_what_is_joined_is_what_is_alike(values, least, random):
    """Two buckets: pairs of one are compared, and chains go through both."""
    indptr = np.concatenate([[0], np.cumsum([len(v) for v in values])])
    flat = np.array([x for v in values for x in sorted(v)], np.uint64)
    parent = np.arange(len(values))
    near = []
    for _ in range(2):
        bucket = [random.randrange(2) for _ in values]
        keys = np.array(sorted(bucket[i] << 32 | i for i in range(len(values))), np.uint64)
        text_kernels.join_alike(keys, indptr, indptr[1:], flat, parities_of(values), least, parent)
        near += [
            (i, j)
            for i, a in enumerate(values)
            for j, b in enumerate(values)
            if bucket[i] == bucket[j] and len(a & b) >= least * len(a | b) - 1e-9
        ]
    text_kernels.find_roots(parent)
    number = list(range(len(values)))
    for i, j in near * len(values):
        number = [min(number[i], number[j]) if n in (number[i], number[j]) else n for n in number]
    assert parent.tolist() == number


def test_sets_share_a_band_as_often_as_their_jaccard_index_says():
    """A digest is equal with the chance J: a band of r with J ** r (Leskovec et al., ch. 3)."""
    rng = np.random.default_rng(5)
    size, common = 45, 40  # J is 40 / 50
    left = rng.integers(0, 2**64 - 1, size, np.uint64)
    right = np.concatenate([left[:common], rng.integers(0, 2**64 - 1, size - common, np.uint64)])
    for rows in (1, 2, 5):
        bands = 400
        factors, terms = rng.integers(0, 1 << 32, (2, bands * rows), np.uint32)
        keys = np.empty((bands, 2), np.uint64)
        text_kernels.band_keys(
            np.array([0, size, 2 * size]), np.concatenate([left, right]), factors | 1, terms, 0, 2,
            keys,
        )  # fmt: skip
        assert (keys & np.uint64(0xFFFFFFFF)).tolist() == [[0, 1]] * bands
        chance = 0.8**rows
        near = (keys[:, 0] >> np.uint64(32) == keys[:, 1] >> np.uint64(32)).mean()
        assert abs(near - chance) < 5 * np.sqrt(chance * (1 - chance) / bands)


@given(st.integers(1, 9), st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=12))
def test_pairs_are_joined(n, pairs):
    pairs = [(a % n, b % n) for a, b in pairs]
    parent = np.arange(n)
    left, right = (np.array([p[i] for p in pairs], np.int64) for i in (0, 1))
    text_kernels.join_pairs(left, right, parent)
    text_kernels.find_roots(parent)
    number = list(range(n))
    for a, b in pairs * n:
        number = [min(number[a], number[b]) if x in (number[a], number[b]) else x for x in number]
    assert parent.tolist() == number


@given(
    st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 9), min_size=1)), min_size=1),
    st.integers(0, 2**60),
)
def test_rows_are_made_sets(marked, step):
    """Those asked for, and no others."""
    rows = [[x * step for x in row] for _, row in marked]
    asked = np.flatnonzero([wanted for wanted, _ in marked])
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    values = np.array([x for row in rows for x in row], np.uint64)
    stops = np.full(len(rows), -1)
    parities = np.zeros((len(rows), text_kernels.PARITY_WORDS), np.uint64)
    text_kernels.make_sets(indptr, values, asked, stops, parities)
    assert (parities[asked] == parities_of(rows)[asked]).all()
    assert not np.delete(parities, asked, axis=0).any()
    for i, row in enumerate(rows):
        if i in asked:
            assert values[indptr[i] : stops[i]].tolist() == sorted(set(row))
        else:
            assert stops[i] == -1
            assert values[indptr[i] : indptr[i + 1]].tolist() == row
