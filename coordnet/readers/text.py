"""Texts: one form for what differs in nothing that counts, and which of them are nearly the same.

Near duplicates are found in two steps. Locality-sensitive hashing (MinHash: Broder 1997; banding:
Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, 2020, chapter 3) proposes pairs, and the
exact Jaccard index of their sets of character sequences decides. Embeddings that a caller has
computed are compared exactly, block by block.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from coordnet.errors import ParameterError, check_number, one_of
from coordnet.frozen import ReadOnly
from coordnet.kernels import texts as text_kernels
from coordnet.log.labels import LABELS
from coordnet.threads import CHUNKS, equal_chunks, run_chunks

CHARACTERS = 5  # of a sequence
ALIKE = 0.8  # Jaccard index from which texts are near duplicates
SEED = 1
_BANDS_AT_ONCE = 25  # of which the keys are in memory together
_BLOCK = 2_048  # rows of a block of embeddings
# Bands and rows of each: a pair just at the threshold is proposed with a chance above 0.998
_BANDS = ((0.95, 8, 10), (0.85, 14, 6), (0.75, 25, 5), (0.6, 48, 4), (0.4, 100, 3), (0.0, 128, 2))
LEAST = 0.25  # below it nearly every text would be compared with every other


@dataclass(frozen=True)
class Likeness:
    """When two texts are alike: a published rule by name, or one's own.

    Attributes
    ----------
    unit
        ``"characters"``: sequences of five; ``"words"``: words and signs, each once.
    jaccard
        Least Jaccard index of the sets of units.
    cosine
        Least cosine of embeddings, in one language.
    across
        Least cosine of embeddings in two languages.
    copies
        Least cosine of embeddings, and the Levenshtein similarity that must be exceeded, of texts
        in one language that are copies; None where there is no such rule.
    source
        Where the rule was published.
    """

    unit: str = "characters"
    jaccard: float = ALIKE
    cosine: float = 0.7
    across: float = 0.7
    copies: tuple[float, float] | None = None
    source: str = ""


PRESETS: Mapping[str, Likeness] = ReadOnly(
    {
        "coordnet": Likeness(),
        "coordination_toolkit": Likeness(
            unit="words", jaccard=0.8, source="Graham, QUT Digital Observatory 2020"
        ),
        "d3lta": Likeness(
            cosine=0.85, across=0.715, copies=(0.715, 0.693), source="VIGINUM, D3lta 1.0.2"
        ),
        "luceri": Likeness(cosine=0.7, across=0.7, source="Luceri et al. 2024"),
        "coorsim": Likeness(cosine=0.925, across=0.925, source="van Kessel et al., coorsim 0.0.8"),
    }
)

_FORMAT = r"\p{Cf}"  # signs that are not seen, such as a soft hyphen: put in to make texts differ
_RETWEET = r"^\s*rt\s+@[\p{L}\p{N}_]+:?"
_LINK = r"(?:https?://|www\.)\S+"
_MENTION = r"@[\p{L}\p{N}_]+(?:[.@-][\p{L}\p{N}_]+)*"
_SPACE = r"[\s\p{Z}]{2,}|[\t\n\f\r]|[^\P{Z} ]"  # all but what is one space already
_TEXTS_AT_ONCE = 20_000


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    # case folding may leave what NFKC would change again
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded)


def normal_form(labels: pa.Array | pa.ChunkedArray) -> pa.LargeStringArray:
    """Return texts in normal form: what people read as the same text is the same.

    NFKC, case folded, without mentions, links, a leading RT and signs that are not seen, white
    space squeezed. The words, their order, hashtags and punctuation stay.

    Parameters
    ----------
    labels
        Arrow strings.

    Examples
    --------
    >>> normal_form(pa.array(["RT @x: Ｖote  NOW! https://t.co/1 @y"])).to_pylist()
    ['vote now!']
    """
    whole = labels.combine_chunks() if isinstance(labels, pa.ChunkedArray) else labels
    whole = whole.cast(LABELS)
    borders = np.linspace(0, len(whole), max(1, len(whole) // _TEXTS_AT_ONCE) + 1).astype(int)
    parts = run_chunks(
        lambda _, i: _part_in_normal_form(whole[borders[i] : borders[i + 1]]), len(borders) - 1
    )
    return pa.concat_arrays(parts)


def _part_in_normal_form(texts: pa.Array) -> pa.Array:
    plain = pc.string_is_ascii(texts)
    folded = [_folded(t) for t in texts.filter(pc.invert(plain)).to_pylist()]
    others = pc.replace_substring_regex(pa.array(folded, LABELS), _FORMAT, "")
    text = pc.replace_with_mask(pc.ascii_lower(texts), pc.invert(plain), others)
    for escaped, sign in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):  # as X writes them
        text = pc.replace_substring(text, escaped, sign)
    for pattern in (_RETWEET, _LINK, _MENTION, _SPACE):
        text = pc.replace_substring_regex(text, pattern, " ")
    return pc.utf8_trim_whitespace(text)


def folded_tag(tag: str) -> str | None:
    """Return a hashtag as everybody means it: NFKC, case folded, without the #; None if blank.

    >>> folded_tag("#AfD"), folded_tag("ＡｆＤ"), folded_tag("#")
    ('afd', 'afd', None)
    """
    return _folded(tag.strip()).lstrip("#").strip() or None


_WORD = r"[\p{L}\p{N}\p{M}_]+"
# Scripts that put no space between words: each character is as much as a word
_UNSPACED = (
    r"[\x{0e00}-\x{0eff}\x{1780}-\x{17ff}\x{3040}-\x{30ff}\x{3400}-\x{9fff}\x{f900}-\x{faff}]"
)


def word_counts(texts: pa.Array) -> NDArray[np.int64]:
    """Return the number of words of each text; of scripts without spaces, of characters.

    Parameters
    ----------
    texts
        Arrow strings without nulls.

    Examples
    --------
    >>> word_counts(pa.array(["vote now!", "投票", "!"])).tolist()
    [2, 2, 0]
    """
    unspaced = pc.count_substring_regex(texts, _UNSPACED)
    spaced = pc.replace_substring_regex(texts, _UNSPACED, " ")
    counts: NDArray[np.int64] = (
        pc.add(unspaced, pc.count_substring_regex(spaced, _WORD)).to_numpy().astype(np.int64)
    )
    return counts


def near_duplicates(
    texts: pa.Array | Sequence[str],
    least: float = ALIKE,
    *,
    unit: str = "characters",
    threads: int | None = None,
) -> NDArray[np.int32]:
    """Give texts that are alike, through a chain, the same number.

    Two texts are alike where the Jaccard index of their sets of units is `least` or more:
    J(A, B) = |A and B| / |A or B|.

    Parameters
    ----------
    texts
        Different texts, in normal form.
    least
        The Jaccard index, 0.25 to 1.
    unit
        ``"characters"``: sequences of five characters; ``"words"``: words and signs.
    threads
        Number of threads; None means all processors. It changes no result.

    Returns
    -------
    int32 (n,)
        Numbers from 0, by the first text of each group.

    Notes
    -----
    A pair is compared where its digests share a band. At the threshold that happens with a chance
    above 0.998, above it with more; what is compared is decided exactly.

    Examples
    --------
    >>> near_duplicates(["we all vote for ann today", "we all vote for ann today!", "no"]).tolist()
    [0, 0, 1]
    """
    check_number(least, "least", at_least=LEAST, at_most=1)
    one_of(unit, ("characters", "words"), "unit")
    array = texts if isinstance(texts, pa.Array) else pa.array(texts, LABELS)
    n = len(array)
    parent = np.arange(n)
    if n > 1:
        indptr, values = _units(array.cast(LABELS), unit, threads)
        _join(indptr, values, least, parent, threads)
        text_kernels.find_roots(parent)
    return np.unique(parent, return_inverse=True)[1].astype(np.int32)


def _units(
    texts: pa.Array, unit: str, threads: int | None
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Return the units of each text as hashes, as they come: (indptr, values)."""
    counts = np.empty(len(texts), np.int64)
    if unit == "words":  # each word is hashed whole
        texts, counts = _words(texts)
        ends = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        whole = np.arange(len(texts) + 1)
        return ends, _hashed(texts, whole, np.iinfo(np.int32).max, threads)
    text_kernels.count_sequences(*_bytes(texts), CHARACTERS, counts)
    ends = np.concatenate([[0], np.cumsum(counts)])
    return ends, _hashed(texts, ends, CHARACTERS, threads)


def _hashed(
    texts: pa.Array, indptr: NDArray[np.int64], n: int, threads: int | None
) -> NDArray[np.uint64]:
    """Return the hashes of the sequences of `n` characters of each text."""
    ends, data = _bytes(texts)
    values = np.empty(int(indptr[-1]), np.uint64)
    borders = equal_chunks(np.diff(indptr), CHUNKS)
    run_chunks(
        lambda _, i: text_kernels.sequences(
            ends, data, n, indptr, borders[i], borders[i + 1], values
        ),
        len(borders) - 1,
        threads=threads,
    )
    return values


def _words(texts: pa.Array) -> tuple[pa.Array, NDArray[np.int64]]:
    """Return the words and signs of all texts, one after the other, and how many each has."""
    spaced = pc.replace_substring_regex(texts, r"([^\p{L}\p{N}\p{M}_\s])", r" \1 ")
    parts = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(spaced))
    return parts.flatten().cast(LABELS), pc.list_value_length(parts).to_numpy()


def _bytes(texts: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)[texts.offset :][: len(texts) + 1]
    return ends, np.frombuffer(data, np.uint8) if data is not None else np.zeros(1, np.uint8)


def _join(
    indptr: NDArray[np.int64],
    values: NDArray[np.uint64],
    least: float,
    parent: NDArray[np.int64],
    threads: int | None,
) -> None:
    """Join what is alike, in `parent`: candidates by bands of MinHash digests, checked exactly.

    Only the candidates' units are made sets, in place: most texts share a band with no other.
    """
    bands, rows = next((b, r) for bound, b, r in _BANDS if least >= bound)
    # the seed is always the same: what is alike depends on the texts alone
    random = np.random.default_rng(SEED).integers(0, 1 << 32, (2, bands, rows), np.uint32)
    borders = equal_chunks(np.diff(indptr), CHUNKS)
    stops = np.full(len(parent), -1)
    parities = np.zeros((len(parent), text_kernels.PARITY_WORDS), np.uint64)
    for first in range(0, bands, _BANDS_AT_ONCE):
        factors, terms = (part.ravel() for part in random[:, first : first + _BANDS_AT_ONCE])
        keys = np.empty((len(terms) // rows, len(parent)), np.uint64)
        _write_keys(keys, indptr, values, factors | 1, terms, borders, threads)
        shared = run_chunks(
            lambda _, i, keys=keys: _shared_keys(keys[i]),  # type: ignore[misc]
            len(keys),
            threads=threads,
        )
        wanted = np.zeros(len(parent), bool)
        for band in shared:
            wanted[band & np.uint64(0xFFFFFFFF)] = True
        _make_sets(np.flatnonzero(wanted & (stops < 0)), indptr, values, stops, parities, threads)
        for band in shared:
            text_kernels.join_alike(band, indptr, stops, values, parities, least, parent)


def _shared_keys(band: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the keys of a band whose bucket another text is in too, ascending."""
    # four places a key: most keys are alone, and need no sorting
    found = text_kernels.that_may_meet(band, min(len(band).bit_length() + 2, 32))
    found.sort()
    shared: NDArray[np.uint64] = found[_of_many(found >> np.uint64(32))]
    return shared


def _of_many(ranked: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Mark the values of an ascending array that stand there more than once."""
    same = ranked[1:] == ranked[:-1]
    marks = np.zeros(len(ranked), bool)
    marks[1:] |= same
    marks[:-1] |= same
    return marks


def _make_sets(
    rows: NDArray[np.int64],
    indptr: NDArray[np.int64],
    values: NDArray[np.uint64],
    stops: NDArray[np.int64],
    parities: NDArray[np.uint64],
    threads: int | None,
) -> None:
    borders = equal_chunks(np.diff(indptr)[rows], CHUNKS)
    run_chunks(
        lambda _, i: text_kernels.make_sets(
            indptr, values, rows[borders[i] : borders[i + 1]], stops, parities
        ),
        len(borders) - 1,
        threads=threads,
    )


def _write_keys(
    keys: NDArray[np.uint64],
    indptr: NDArray[np.int64],
    values: NDArray[np.uint64],
    factors: NDArray[np.uint32],
    terms: NDArray[np.uint32],
    borders: NDArray[np.int64],
    threads: int | None,
) -> None:
    """Write the keys of some bands."""
    run_chunks(
        lambda _, i: text_kernels.band_keys(
            indptr, values, factors, terms, borders[i], borders[i + 1], keys
        ),
        len(borders) - 1,
        threads=threads,
    )


def near_embeddings(
    embeddings: ArrayLike,
    least: float,
    *,
    across: float | None = None,
    language: NDArray[Any] | None = None,
    copies: tuple[float, float] | None = None,
    texts: Sequence[str] | None = None,
) -> NDArray[np.int32]:
    """Give texts whose embeddings are alike, through a chain, the same number.

    Two texts are alike where the cosine of their embeddings is `least` or more; every pair is
    compared, block by block, and memory stays at a block.

    Parameters
    ----------
    embeddings
        float (n, d). A row of zeros or NaN is like no other.
    least
        The cosine, above 0 and at most 1.
    across
        The cosine for texts of different languages; None means the same.
    language
        The language of each text, (n,), for `across`.
    copies
        A lower cosine that is enough for two texts of one language whose Levenshtein similarity,
        1 - distance / length of the longer one, is above a second number. Letters and digits alone
        are compared, without accents.
    texts
        The texts, (n,), for `copies`.

    Returns
    -------
    int32 (n,)
        Numbers from 0, by the first text of each group.

    Examples
    --------
    >>> near_embeddings([[1, 0], [0.9, 0.1], [0, 1]], 0.9).tolist()
    [0, 0, 1]
    """
    check_number(least, "least", above=0, at_most=1)
    if across is not None:
        check_number(across, "across", above=0, at_most=1)
    vectors = np.asarray(embeddings, np.float32)
    if vectors.ndim != 2:
        raise ParameterError(
            f"embeddings= has the shape {vectors.shape}; give one row of numbers for each text."
        )
    n = len(vectors)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        vectors = np.where(np.isfinite(length) & (length > 0), vectors / length, 0)
    other = least if across is None else across
    codes = np.zeros(n, np.int64)
    if language is not None:
        codes = np.unique(np.asarray(language, str), return_inverse=True)[1]
    parent = np.arange(n)
    low = min(least, other if language is not None else least, *(copies or ())[:1])
    signs = _letters(texts) if copies is not None and texts is not None else None
    for i in range(0, n, _BLOCK):
        for j in range(i, n, _BLOCK):
            cosine = vectors[i : i + _BLOCK] @ vectors[j : j + _BLOCK].T
            left, right = np.nonzero(cosine >= low - 1e-6)
            near, one = cosine[left, right], codes[i + left] == codes[j + right]
            kept = near >= np.where(one, least, other) - 1e-6
            if copies is not None and signs is not None:
                doubt = np.flatnonzero(one & ~kept & (near >= copies[0] - 1e-6))
                a, b = left[doubt] + i, right[doubt] + j
                likeness = text_kernels.levenshtein_similarity(*signs, a, b)
                kept[doubt] = (likeness > copies[1]) & (np.diff(signs[1])[a] > 0)
            left, right = left[kept], right[kept]
            text_kernels.join_pairs(left + i, right + j, parent)
    text_kernels.find_roots(parent)
    return np.unique(parent, return_inverse=True)[1].astype(np.int32)


def _letters(texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the letters and digits of each text, without accents: (code points, ends)."""
    bare = ["".join(c for c in unicodedata.normalize("NFD", text) if c.isalnum()) for text in texts]
    ends = np.concatenate([[0], np.cumsum([len(text) for text in bare], dtype=np.int64)])
    signs = np.frombuffer("".join(bare).encode("utf-32-le"), np.int32)
    return (signs if len(signs) else np.zeros(1, np.int32)), ends
