"""Normal forms by hand in several scripts; near duplicates against plain sets and loops."""

import re
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import coordnet as cn
from coordnet.kernels import texts as text_kernels
from coordnet.readers import text as text_module
from coordnet.readers.text import (
    PRESETS,
    folded_tag,
    near_duplicates,
    near_embeddings,
    normal_form,
    word_counts,
)


def form(text):
    return normal_form(pa.array([text]))[0].as_py()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Vote  NOW!\n", "vote now!"), ("RT @x: Vote now!", "vote now!"),
        ("@a @b.c.social Vote https://t.co/x now @c@mas.example", "vote now"),
        ("ＶＯＴＥ ｎｏｗ", "vote now"), ("STRASSE", "strasse"), ("Straße", "strasse"),
        ("ﬁne", "fine"), ("é", "é"), ("e\u0301", "é"), ("vo\u00adte no\u200bw", "vote now"),
        ("Άρτεμις", "άρτεμισ"), ("今すぐ　投票", "今すぐ 投票"), ("صوّت الآن", "صوّت الآن"),
        ("#AfD  wählt", "#afd wählt"), ("a &amp; b &lt;3", "a & b <3"), ("I ❤️ u", "i ❤️ u"),
        ("www.example.org/a hm", "hm"), ("", ""), ("@a https://t.co/x", ""), (None, None),
    ],
)  # fmt: skip
def test_normal_forms(text, expected):
    assert form(text) == expected


@given(st.text(max_size=40))
@settings(max_examples=50)
def test_a_normal_form_has_no_case_and_no_mentions(text):
    found = form(text)
    assert "http://" not in found
    assert found == found.strip()
    assert "  " not in found
    assert form(text.upper().lower()) in (found, form(text.lower().upper().lower()))


def plain_form(text):
    """One by one, with Python's regular expressions."""
    if text is None:
        return None
    text = unicodedata.normalize("NFKC", text).casefold()
    text = unicodedata.normalize("NFKC", text)
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    for pattern in (r"^[\t\n\f\r ]*rt[\t\n\f\r ]+@\w+:?", r"(?:https?://|www\.)[^\t\n\f\r ]+"):
        text = re.sub(pattern, " ", text)
    return re.sub(r"\s+", " ", re.sub(r"@\w+(?:[.@-]\w+)*", " ", text)).strip()


PIECES = st.sampled_from(
    ["RT", "rt", " ", "  ", "\t", "\n", "\u2028", "\u3000", "\xa0", "\xad", "@", "a", "B", "ß", "É",
     "e", "\u0301", "Ω", "ﬁ", "…", "https://", "www.", "x.y", ":", "-", "&", "&lt;", "&amp;", "🔥"]
)  # fmt: skip


@given(st.lists(st.none() | st.lists(PIECES, max_size=10).map("".join), max_size=6))
def test_normal_forms_are_those_of_each_text_alone(texts):
    assert normal_form(pa.array(texts, pa.string())).to_pylist() == [plain_form(t) for t in texts]


def test_normal_forms_of_many_texts(monkeypatch):
    texts = pa.chunked_array([["Vote NOW", None, "É @x"], [], ["a\u2028b", "RT @y: &gt; ﬁne"]])
    expected = ["vote now", None, "é", "a b", "> fine"]
    assert normal_form(texts).to_pylist() == expected
    monkeypatch.setattr(text_module, "_TEXTS_AT_ONCE", 2)
    assert normal_form(texts).to_pylist() == expected


def test_hashtags_are_one_whatever_their_case_and_width():
    assert {folded_tag(t) for t in ("#AfD", "afd", "＃ＡｆＤ", "AFD ")} == {"afd"}
    assert folded_tag("＃選挙") == "選挙"


def test_words():
    texts = pa.array(["", "vote now", "投票に行こう", "a b-c", "ไป", "!? 🔥", "été e\u0301"])
    assert word_counts(texts).tolist() == [0, 2, 6, 3, 2, 0, 2]


# -- near duplicates -------------------------------------------------------------------------------


def units(text, unit):
    """The set of units of a text, in plain Python."""
    if unit == "characters":
        return {text[i : i + 5] for i in range(max(len(text) - 4, 1))}
    found, word = set(), ""
    for sign in text + " ":
        if sign.isalnum() or sign == "_":
            word += sign
        else:
            found |= {w for w in (word, sign.strip()) if w}
            word = ""
    return found


def groups_of(texts, least, unit="characters", alike=None):
    """Chains of texts that are alike, by comparing all with all."""
    sets = [units(t, unit) for t in texts]
    number = list(range(len(texts)))
    for i, a in enumerate(sets):
        for j in range(i):
            b = sets[j]
            near = alike(i, j) if alike else len(a & b) >= least * len(a | b) - 1e-9
            if near:
                old, new = number[i], number[j]
                number = [new if n == old else n for n in number]
    first = {}
    return [first.setdefault(n, len(first)) for n in number]


def corpus(seed, n=120, alphabet="abcdefgh äöß日本語", length=60):
    """Random texts, many of them others with some signs changed."""
    rng = np.random.default_rng(seed)
    signs = list(alphabet)
    texts = []
    for _ in range(n):
        if texts and rng.random() < 0.7:
            text = list(texts[rng.integers(len(texts))])
            for _ in range(rng.integers(0, 4)):
                text[rng.integers(len(text))] = str(rng.choice(signs))
        else:
            text = [str(s) for s in rng.choice(signs, rng.integers(1, length))]
        texts.append("".join(text))
    return list(dict.fromkeys(texts))


@pytest.mark.parametrize("unit", ["characters", "words"])
@pytest.mark.parametrize("least", [0.5, 0.8, 0.9, 1.0])
def test_near_duplicates_equal_all_pairs(least, unit):
    for seed in range(4):
        texts = corpus(seed)
        assert near_duplicates(texts, least, unit=unit).tolist() == groups_of(texts, least, unit)


def test_pairs_just_at_the_threshold_by_hand():
    """Eight of ten sequences in common are alike at 0.8: 9 and 9 of each, 8 shared, 10 in all."""
    left, right = "abcdefghijklm", "zbcdefghijklm"
    assert len(units(left, "characters") & units(right, "characters")) == 8
    assert near_duplicates([left, right], 0.8).tolist() == [0, 0]
    assert near_duplicates([left, right], 0.81).tolist() == [0, 1]


def test_order_and_threads_change_no_group():
    texts = corpus(7, n=300)
    found = near_duplicates(texts)
    order = np.random.default_rng(1).permutation(len(texts))
    again = near_duplicates([texts[i] for i in order], threads=1)
    groups = {frozenset(np.flatnonzero(found == g).tolist()) for g in found}
    assert groups == {frozenset(order[np.flatnonzero(again == g)].tolist()) for g in again}


@pytest.mark.parametrize("texts", [[], ["a"], ["a", "b"], ["", "a"]])
def test_few_texts(texts):
    assert near_duplicates(texts).tolist() == list(range(len(texts)))


def test_many_copies_of_one_text_are_one_group():
    base = "everybody should go and vote for the party of the future today "
    texts = [base + str(i) for i in range(3_000)]
    assert near_duplicates(texts).max() == 0


@pytest.mark.parametrize(("least", "unit"), [(0.1, "characters"), (1.1, "characters"), (0.8, "x")])
def test_parameters_that_cannot_be(least, unit):
    with pytest.raises(cn.ParameterError):
        near_duplicates(["a", "b"], least, unit=unit)


@given(st.integers(0, 10_000), st.sampled_from([0.3, 0.7, 0.9]), st.booleans())
@settings(max_examples=30)
def test_embeddings_equal_all_pairs(seed, least, across):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(40, 3)).astype(np.float32)
    vectors[5] = 0
    vectors[6, 1] = np.nan
    language = rng.choice(["de", "en"], 40) if across else None
    length = np.linalg.norm(vectors.astype(float), axis=1)

    def alike(i, j):
        if not (length[i] > 0 and length[j] > 0):
            return False
        cosine = vectors[i].astype(float) @ vectors[j].astype(float) / length[i] / length[j]
        needed = 0.95 if across and language[i] != language[j] else least
        return cosine >= needed

    found = near_embeddings(vectors, least, across=0.95 if across else None, language=language)
    assert found.tolist() == groups_of(["x"] * 40, least, alike=alike)


def distance(a, b):
    """Levenshtein's distance, by its recursion."""
    if not a or not b:
        return len(a) + len(b)
    ends = distance(a[1:], b) + 1, distance(a, b[1:]) + 1, distance(a[1:], b[1:]) + (a[0] != b[0])
    return min(ends)


@given(st.text("abé", max_size=5), st.text("abé", max_size=5))
@settings(max_examples=40)
def test_edit_similarity_by_recursion(a, b):
    signs = np.array([ord(c) for c in a + b] or [0], np.int32)
    ends = np.array([0, len(a), len(a) + len(b)])
    out = text_kernels.levenshtein_similarity(signs, ends, np.array([0]), np.array([1]))
    expected = 1 - distance(a, b) / max(len(a), len(b), 1)
    assert out[0] == pytest.approx(expected)


def test_copies_need_a_lower_cosine():
    """abcdefgh and abcdefxy: distance 2 of 8, 0.75; é is e and signs do not count."""
    vectors = [[1, 0], [0.8, 0.6], [0.8, -0.6]]
    texts = ["abc-dé fgh", "abcdefxy", "quite another"]
    rule = {"copies": (0.715, 0.693), "texts": texts}
    assert near_embeddings(vectors, 0.85, **rule).tolist() == [0, 0, 1]
    assert near_embeddings(vectors, 0.85, copies=(0.715, 0.75), texts=texts).max() == 2
    assert near_embeddings(vectors, 0.85, copies=(0.81, 0.693), texts=texts).max() == 2
    bare = {**rule, "texts": ["!?", "🔥", texts[2]]}  # without a letter there is nothing to copy
    assert near_embeddings(vectors, 0.85, **bare).max() == 2
    language = np.array(["de", "en", "en"])
    assert near_embeddings(vectors, 0.85, across=0.9, language=language, **rule).max() == 2


def test_blocks_of_embeddings_join(monkeypatch):
    monkeypatch.setattr("coordnet.readers.text._BLOCK", 7)
    vectors = np.random.default_rng(0).normal(size=(50, 4))
    small = near_embeddings(vectors, 0.8)
    monkeypatch.setattr("coordnet.readers.text._BLOCK", 1_000)
    assert small.tolist() == near_embeddings(vectors, 0.8).tolist()
    assert 1 < small.max() < 49


def test_published_thresholds():
    """The toolkit 0.8 on words; coorsim 0.925; Luceri 0.7. D3lta, as its code has it: 0.85 in one
    language, 0.715 across two, and copies from 0.715 with a Levenshtein similarity above 0.693."""
    toolkit, d3lta = PRESETS["coordination_toolkit"], PRESETS["d3lta"]
    assert (toolkit.unit, toolkit.jaccard) == ("words", 0.8)
    assert (d3lta.cosine, d3lta.across, d3lta.copies) == (0.85, 0.715, (0.715, 0.693))
    assert (PRESETS["coorsim"].cosine, PRESETS["luceri"].cosine) == (0.925, 0.7)


@pytest.mark.slow
def test_the_tweets_of_the_ira(shared):
    """Groups of 200,000 of the real texts hold for each pair of neighbours that is joined."""
    import pyarrow.parquet as pq

    table = pq.read_table(shared("data", "ira_tweets.parquet"), columns=["text"])
    texts = normal_form(table["text"].slice(0, 200_000)).dictionary_encode()
    labels = texts.dictionary
    number = near_duplicates(labels)
    sizes = np.bincount(number)
    for group in np.flatnonzero((sizes > 1) & (sizes < 60)):
        members = labels.take(pa.array(np.flatnonzero(number == group))).to_pylist()
        assert set(groups_of(members, 0.8)) == {0}
