"""D3lta (VIGINUM): copied, reworded and translated texts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from coordnet.errors import InputError, check_number, check_whole
from coordnet.graphs.bipartite import products
from coordnet.graphs.graph import CoordinationGraph
from coordnet.kernels import texts as kernels
from coordnet.log.actions import ActionLog, check_log
from coordnet.log.labels import Labelled
from coordnet.recipes.recipe import made, recipe
from coordnet.recipes.vectors import similar_posts

_URL = re.compile(r"(?:https?://|www\.)\S{2,}")
_MENTION = re.compile(r"@[a-zA-Z0-9_]+")
_TAGS_AROUND = re.compile(r"^(?:#\S+ ?)+|(?:#\S+ ?)+$")
_NOT_WORD = re.compile(r"[^\w\s]")


def grapheme_text(text: str) -> str:
    """Return a text as D3lta compares its letters.

    Lower case, no accents, links, mentions, hashtags at either end, punctuation or white space.

    >>> grapheme_text("@you Éternal   TRUTH, here: https://x.example/a #now")
    'eternaltruthhere'
    """
    letters = unicodedata.normalize("NFD", text.lower())
    text = unicodedata.normalize("NFC", "".join(c for c in letters if not unicodedata.combining(c)))
    text = _MENTION.sub("", _URL.sub("", text).strip()).strip()
    text = _TAGS_AROUND.sub("", text).strip()
    return "".join(_NOT_WORD.sub(" ", text).split())


@recipe(
    "Richard, M., Giordani, L., Brokate, C. & Liénard, J. (2023). Unmasking information "
    "manipulation: a quantitative approach to detecting copy-pasta, rewording, and translation on "
    "social media. arXiv:2312.17338."
)
def d3lta(
    log: ActionLog,
    embeddings: ArrayLike | None = None,
    languages: Sequence[Any] | None = None,
    threshold_grapheme: float = 0.693,
    threshold_language: float = 0.715,
    threshold_semantic: float = 0.85,
    min_size_txt: int = 30,
    *,
    threads: int | None = None,
) -> CoordinationGraph:
    """D3lta: accounts that post copied, reworded or translated texts.

    Two texts of one language are a copy with a Levenshtein similarity, 1 - distance / longer
    length, above `threshold_grapheme`; else a rewording with a cosine of their embeddings above
    `threshold_semantic`. Two of different languages are a translation with a cosine above
    `threshold_language`. Texts of fewer than `min_size_txt` letters are left out. The package looks
    for copies among pairs whose cosine is above both other thresholds' lower one only. Without
    embeddings all copies are found, and nothing else: candidates share as many pairs of letters as
    so few edits leave, which loses none.

    Parameters
    ----------
    log
        The posts; texts are those of the log (``text=``), else its objects, of kind ``"text"``
        where there are such and neither embeddings nor languages are given.
    embeddings
        (n, dimensions): one row for each action of `log`, in its order.
    languages
        Of each action of `log`; None takes all for one.
    threshold_grapheme, threshold_language, threshold_semantic
        See above; a similarity must exceed them.
    min_size_txt
        Least number of letters, white space and punctuation left out.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    CoordinationGraph
        With edge columns ``weight``, the pairs of duplicate texts, and ``copy_pasta``,
        ``rewording``, ``translation``, how many of each. A pair of texts counts for each two posts.

    References
    ----------
    Richard, M., Giordani, L., Brokate, C. & Liénard, J. (2023). Unmasking information manipulation.
    arXiv:2312.17338. VIGINUM, D3lta, version 1.0.2 (Python package).

    Examples
    --------
    >>> import pandas as pd, coordnet as cn
    >>> text = "The same sentence again and again, word by word"
    >>> posts = pd.DataFrame({"account": ["p", "q"], "object": [text, text + "!"], "time": [0, 9]})
    >>> log = cn.read_actions(posts, account="account", object="object", time="time")
    >>> cn.recipes.d3lta(log).edges["copy_pasta"].tolist()
    [1]
    """
    check_log(log)
    if log.text is None and embeddings is None and languages is None and "text" in log.kinds:
        log = log.select("text")
    grapheme = check_number(threshold_grapheme, "threshold_grapheme", above=0.5, at_most=1)
    translated = check_number(threshold_language, "threshold_language", above=0, at_most=1)
    reworded = check_number(threshold_semantic, "threshold_semantic", above=0, at_most=1)
    least = check_whole(min_size_txt, "min_size_txt", 1)
    parameters = {
        "threshold_grapheme": threshold_grapheme, "threshold_language": threshold_language,
        "threshold_semantic": threshold_semantic, "min_size_txt": min_size_txt,
    }  # fmt: skip
    texts = log.text if log.text is not None else Labelled(log.object, log.object_labels)
    letters = [grapheme_text(text) for text in texts.labels.to_pylist()]
    distinct, at = np.unique(np.array(letters, object), return_inverse=True)
    text_of = np.append(at, -1)[texts.codes]
    size = np.array([len(text) for text in distinct] + [0])
    keep = (text_of >= 0) & (size[text_of] >= least)
    language = _codes(languages, len(log))
    coded = _Coded.of(distinct.tolist())
    if embeddings is None:
        i, j = _copies(log, text_of, keep, language, coded, grapheme, threads)
        kinds = np.zeros(len(i), np.int64)
    else:
        found = similar_posts(
            log, embeddings, min(translated, reworded), np.zeros(len(log), np.int64), 0, keep,
            strict=True,
        )  # fmt: skip
        same = language[found.own] == language[found.others]
        alike = np.zeros(len(same))
        alike[same] = coded.similarity(text_of[found.own[same]], text_of[found.others[same]])
        kinds = np.where(same, np.where(alike > grapheme, 0, 1), 2)
        stays = (
            (kinds == 0)
            | ((kinds == 1) & (found.value > reworded))
            | ((kinds == 2) & (found.value > translated))
        )
        i, j, kinds = found.own[stays], found.others[stays], kinds[stays]
    source = np.minimum(log.account[i], log.account[j]).astype(np.int64)
    target = np.maximum(log.account[i], log.account[j])
    every, at = np.unique(source << 32 | target, return_inverse=True)
    edges: dict[str, NDArray[Any]] = {
        "source": every >> 32, "target": every & 0xFFFFFFFF,
        "weight": np.bincount(at, minlength=len(every)),
    }  # fmt: skip
    for kind, name in enumerate(("copy_pasta", "rewording", "translation")):
        edges[name] = np.bincount(at[kinds == kind], minlength=len(every))
    return made(log, d3lta, edges, null="activity", parameters=parameters)


def _codes(languages: Sequence[Any] | None, n: int) -> NDArray[np.int64]:
    """Return a code for the language of each action."""
    if languages is None:
        return np.zeros(n, np.int64)
    if len(languages) != n:
        raise InputError(f"languages= has {len(languages):,} entries, and the log {n:,} actions.")
    _, codes = np.unique(np.array([str(x) for x in languages], object), return_inverse=True)
    return codes


class _Coded:
    """Distinct texts as characters: int32, one text after the other."""

    def __init__(self, characters: NDArray[np.int32], starts: NDArray[np.int64]) -> None:
        self.characters, self.starts = characters, starts

    @classmethod
    def of(cls, texts: list[str]) -> _Coded:
        joined = np.frombuffer("".join(texts).encode("utf-32-le"), np.int32)
        return cls(joined, np.cumsum([0, *(len(text) for text in texts)]).astype(np.int64))

    def similarity(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
        """Return 1 - Levenshtein distance / longer length of pairs of texts."""
        found: NDArray[np.float64] = kernels.levenshtein_similarity(
            self.characters, self.starts, a.astype(np.int64), b.astype(np.int64)
        )
        return found

    def pairs_of_letters(self) -> sp.csr_array:
        """Return which pairs of letters each text has, the k-th of a pair a column of its own."""
        left, right = self.characters[:-1].astype(np.int64), self.characters[1:].astype(np.int64)
        text = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        inside = text[:-1] == text[1:]
        text, both = text[:-1][inside], (left << 32 | right)[inside]
        _, code = np.unique(both, return_inverse=True)
        order = np.lexsort((code, text))
        key = text[order] * (code.max(initial=0) + 1) + code[order]
        first = np.searchsorted(key, key)
        again = np.arange(len(key)) - first
        columns = np.unique(np.stack([code[order], again]), axis=1, return_inverse=True)[1]
        ones = np.ones(len(key))
        shape = (len(self.starts) - 1, int(columns.max(initial=-1)) + 1)
        return sp.coo_array((ones, (text[order], columns)), shape=shape).tocsr()


def _copies(
    log: ActionLog,
    text_of: NDArray[np.int64],
    keep: NDArray[np.bool_],
    language: NDArray[np.int64],
    coded: _Coded,
    above: float,
    threads: int | None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return all pairs of posts of two accounts and one language whose texts are copies.

    Texts with distance d, the longer of length n, share at least n - 1 - 2 d pairs of letters
    (Ukkonen 1992), and copies have d < (1 - above) n.
    """
    used = np.unique(text_of[keep])
    letters = coded.pairs_of_letters()[used]
    size = np.diff(coded.starts)[used]
    found = products(letters, 0.0, threads)
    longer = np.maximum(size[found.i], size[found.j])
    shorter = np.minimum(size[found.i], size[found.j])
    edits = (1 - above) * longer
    may = (found.value >= longer - 1 - 2 * edits) & (longer - shorter <= edits)
    a, b = used[found.i[may]], used[found.j[may]]
    alike = coded.similarity(a, b) > above
    a, b = np.concatenate([a[alike], used]), np.concatenate([b[alike], used])
    rows = np.flatnonzero(keep)
    rows = rows[np.argsort(text_of[rows], kind="stable")]
    low, high = (np.searchsorted(text_of[rows], np.arange(len(coded.starts)), side) for side in
                 ("left", "right"))  # fmt: skip
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        mine, theirs = rows[low[x] : high[x]], rows[low[y] : high[y]]
        i, j = np.repeat(mine, len(theirs)), np.tile(theirs, len(mine))
        fits = (log.account[i] != log.account[j]) & (language[i] == language[j])
        fits &= (i < j) if x == y else True
        parts.append((i[fits], j[fits]))
    none = np.zeros(0, np.int64)
    i, j = (np.concatenate([none, *column]) for column in zip(*parts, strict=True)) if parts else (
        none, none
    )  # fmt: skip
    return i, j
