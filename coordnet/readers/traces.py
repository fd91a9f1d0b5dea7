"""Actions out of posts: what counts as an action of each trace, and what does not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from coordnet.errors import InputError, ParameterError, check_whole, listed, one_of, shown
from coordnet.kernels import arrays as array_kernels
from coordnet.log.actions import ActionLog
from coordnet.log.encoding import build_log
from coordnet.log.labels import LABELS, Labelled
from coordnet.readers import text as texts
from coordnet.readers.post_table import Posts
from coordnet.readers.urls import canonical_links, domain_of
from coordnet.times import Duration, duration

logger = logging.getLogger(__name__)

_CHAIN = 16  # retweets of retweets that are followed


@dataclass(frozen=True)
class Found:
    """Actions of one trace.

    Attributes
    ----------
    row : int64 (n,)
        The post of each.
    object : pyarrow.LargeStringArray (n,)
        What is acted on.
    dropped
        How many are none, by reason.
    """

    row: NDArray[np.int64]
    object: pa.Array
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Choices:
    """What counts as an action; see :func:`actions`."""

    own_posts: bool = False
    follow_retweets: bool = False
    of_retweets: bool = False
    repeated_links: bool = False
    resolve: Mapping[str, str] | None = None
    min_hashtags: int = 5
    min_words: int = 1
    within: Duration = "10s"
    likeness: texts.Likeness = texts.PRESETS["coordnet"]
    embeddings: Any = None
    threads: int | None = None


def actions(
    posts: Posts,
    kinds: str | Iterable[str],
    *,
    own_posts: bool = False,
    follow_retweets: bool = False,
    of_retweets: bool = False,
    repeated_links: bool = False,
    resolve: Mapping[str, str] | None = None,
    min_hashtags: int = 5,
    min_words: int = 1,
    within: Duration = "10s",
    alike: str | float = "coordnet",
    embeddings: ArrayLike | None = None,
    texts_too: bool = True,
    threads: int | None = None,
) -> ActionLog:
    """Return what the accounts of posts did as a log, one kind a trace.

    Parameters
    ----------
    posts
        The posts.
    kinds
        A trace or several. ``retweet``: posts passed on (retweets, reposts, boosts, forwards,
        cross-posts); the object is the post. ``quote``, ``reply``, ``like``: the object is the
        post that is quoted, answered, liked. ``url``: links in their one form
        (:mod:`coordnet.readers.urls`). ``domain``: the registered domains of these. ``hashtag``:
        hashtags, case folded. ``hashtag_sequence``: all hashtags of a post in their order.
        ``mention``: accounts mentioned. ``media``: images, videos, sounds. ``text``: texts in
        their normal form. ``similar_text``: groups of texts that are nearly the same.
        ``fast_retweet``: retweets soon after the original; the object is its author.
    own_posts
        Whether acting on one's own posts counts: retweets, quotes, answers and likes of oneself.
        Pacheco et al. 2021 leave self-retweets out, and so does the default.
    follow_retweets
        Whether a retweet of what is a retweet itself, where the posts have both, counts as one of
        the original. By default the post that the export names counts, as in the papers; exports
        of X name the original anyway.
    of_retweets
        Whether what a retweet repeats counts too, in every trace but ``retweet``: its links,
        hashtags, mentions, media and words are the original's, and ``retweet`` has it already.
    repeated_links
        Whether a link of a quote counts that the quoted post has too. A link to the quoted post
        itself never counts, nor do links to the pictures of a post: they are no choice of a page.
    resolve
        What short links stand for. A short link left unresolved is new for each post, and so is no
        object; it is counted in ``dropped``.
    min_hashtags
        Least number of hashtags of a sequence; 5 in Pacheco et al. 2021 and Luceri et al. 2024.
    min_words
        Least number of words of a text, without its mentions and links; 5 in Luceri et al. 2024.
    within
        How soon after the original a ``fast_retweet`` is; 10 s in Luceri et al. 2024.
    alike
        When two texts are ``similar_text``: the least Jaccard index of their character sequences,
        or a published rule by name: ``"coordination_toolkit"``, ``"d3lta"``, ``"luceri"``,
        ``"coorsim"``; the last three are for `embeddings`.
    embeddings
        float (posts, d): the embedding of each post's text, computed by the caller; a row of NaN
        where there is none. With them ``similar_text`` goes by their cosine.
    texts_too
        Whether the log has the texts, which scores of content and evidence read.
    threads
        Number of threads; None means all processors. It changes no result.

    Returns
    -------
    ActionLog
        One kind a trace. ``log.post`` has the ids of the posts, ``log.row`` their rows.

    Raises
    ------
    ParameterError
        A trace that the export cannot give, and why.
    InputError
        Where no link can be used because all are short.

    Examples
    --------
    >>> import pandas as pd, coordnet as cn
    >>> frame = pd.DataFrame({"who": ["a", "b", "c"], "when": [0, 7, 9], "of": ["p", "p", "q"],
    ...     "by": ["z", "z", "c"]})
    >>> posts = cn.read_posts(frame, columns={"account": "who", "time": "when", "retweeted": "of",
    ...     "retweeted_author": "by"}, unit="s")
    >>> log = posts.actions("retweet")
    >>> log.objects.tolist(), log.dropped["own post"]
    (['p'], 1)
    """
    wanted = [kinds] if isinstance(kinds, str) else list(dict.fromkeys(kinds))
    if not wanted:
        raise ParameterError(f"kinds= names no trace; choose of {listed(TRACES)}.")
    for kind in wanted:
        one_of(kind, TRACES, "kinds")
    choices = Choices(
        own_posts, follow_retweets, of_retweets, repeated_links, resolve,
        check_whole(min_hashtags, "min_hashtags", 1), check_whole(min_words, "min_words", 0),
        within, _likeness(alike), embeddings, threads,
    )  # fmt: skip
    view = _View(posts, choices)
    found = []
    for kind in wanted:
        missing = _missing(posts, kind)
        if missing:
            reason = posts.absent.get(kind, f"it has no field {listed(missing)}")
            raise ParameterError(
                f"there is no trace {kind!r} in this export ({posts.format}): {reason}. Its fields "
                f"are {listed(posts.fields, 30)}."
            )
        found.append(TRACES[kind].make(view))
    return _log(posts, wanted, found, texts_too, threads)


def traces_of(posts: Posts) -> tuple[str, ...]:
    """Return the traces that posts can give."""
    return tuple(kind for kind in TRACES if not _missing(posts, kind))


def _missing(posts: Posts, kind: str) -> list[str]:
    """Return the fields that a trace would need and that the posts do not have."""
    needed = TRACES[kind].needs
    missing = [name for name in needed if name not in posts]
    if kind in posts.absent and not missing:
        # a column that holds nothing is none; of hashtags the order is what is not known
        missing = [
            name
            for name in needed
            if posts[name].null_count == len(posts) or kind == "hashtag_sequence"
        ]
    return missing


def _likeness(alike: object) -> texts.Likeness:
    if isinstance(alike, str):
        return texts.PRESETS[one_of(alike, texts.PRESETS, "alike")]
    if isinstance(alike, int | float) and not isinstance(alike, bool) and 0 < alike <= 1:
        return texts.Likeness(jaccard=float(alike), cosine=float(alike), across=float(alike))
    raise ParameterError(
        f"alike={shown(alike)} is neither a number above 0 and at most 1 nor one of "
        f"{listed(texts.PRESETS)}."
    )


def _log(
    posts: Posts, kinds: list[str], found: list[Found], texts_too: bool, threads: int | None
) -> ActionLog:
    """Return the log of all traces, built as :func:`coordnet.read_actions` builds one."""
    row = np.concatenate([f.row for f in found])
    order = np.argsort(row, kind="stable")  # row after row
    objects = _encoded(pa.chunked_array([f.object for f in found], LABELS))
    names = sorted(kinds)
    kind = np.repeat(
        np.array([names.index(k) for k in kinds], np.int32), [len(f.row) for f in found]
    )
    row = row[order]

    def column(name: str) -> Labelled:
        codes, labels = _encoded(posts[name])
        return Labelled(codes[row], labels)

    dropped: dict[str, int] = {}
    for name, n in posts.dropped.items():
        dropped[name] = dropped.get(name, 0) + n
    for f in found:
        for reason, n in f.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + n
    log = build_log(
        column("account"),
        Labelled(objects.codes[order], objects.labels),
        posts["time"].to_numpy()[row],
        kind=Labelled(kind[order], pa.array(names, LABELS)),
        row=row,
        post=column("post") if "post" in posts else None,
        text=column("text") if texts_too and "text" in posts else None,
        rows_read=posts.rows_read,
        dropped=dropped,
        sources=posts.sources,
        frame=posts.frame,
        threads=threads,
    )
    logger.info("%s posts: %s actions, not counted %s", len(posts), len(log), dict(log.dropped))
    return log


def _encoded(column: pa.ChunkedArray | pa.Array) -> Labelled:
    """Return a column as codes into distinct labels, -1 where there is none."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # no chunk at all
        column = pa.array([], LABELS)
    encoded = column.dictionary_encode()
    codes = pc.fill_null(encoded.indices.cast(pa.int32()), -1).to_numpy()
    return Labelled(codes, encoded.dictionary.cast(LABELS))


class _View:
    """Posts as the traces look at them; what several need is made once."""

    def __init__(self, posts: Posts, choices: Choices) -> None:
        self.posts = posts
        self.choices = choices

    def __len__(self) -> int:
        return len(self.posts)

    def has(self, name: str) -> bool:
        return name in self.posts

    @cached_property
    def is_retweet(self) -> NDArray[np.bool_]:
        if not self.has("retweeted"):
            return np.zeros(len(self), bool)
        return self.there("retweeted")

    def there(self, name: str) -> NDArray[np.bool_]:
        """Return where a field has a value."""
        marks: NDArray[np.bool_] = pc.is_valid(self.posts[name]).to_numpy()
        return marks

    @cached_property
    def counts(self) -> NDArray[np.bool_]:
        """Return the posts of which links, hashtags and words count."""
        return np.ones(len(self), bool) if self.choices.of_retweets else ~self.is_retweet

    def own(self, author: str, target: str) -> NDArray[np.bool_]:
        """Return where the author of the target is the account itself, by id, handle or post."""
        marks = np.zeros(len(self), bool)
        if self.has(author):
            who = self.posts[author]
            marks |= _same(who, self.posts["account"])
            if self.has("handle"):
                lower = pc.utf8_lower(who), pc.utf8_lower(self.posts["handle"])
                marks |= _same(*lower)
        if self.has("post"):  # where no author is told, the post itself may be here
            at = self.rows_of(self.posts[target])
            here = at >= 0
            account = self.account.codes
            marks[here] |= account[at[here]] == account[here]
        return marks

    @cached_property
    def account(self) -> Labelled:
        return _encoded(self.posts["account"])

    @cached_property
    def _posts(self) -> Labelled:
        return _encoded(self.posts["post"])

    def rows_of(self, ids: pa.ChunkedArray) -> NDArray[np.int64]:
        """Return the row of the first post with each of these ids, -1 where there is none."""
        codes, labels = self._posts
        first = np.full(len(labels) + 1, -1, np.int64)
        rows = np.flatnonzero(codes >= 0)[::-1]
        first[codes[rows]] = rows
        given = _encoded(ids)
        found = pc.fill_null(pc.index_in(given.labels, value_set=labels), len(labels)).to_numpy()
        at = np.append(first[found], -1)[given.codes]
        result: NDArray[np.int64] = at
        return result

    # -- lists

    def flat(self, name: str, keep: NDArray[np.bool_]) -> tuple[NDArray[np.int64], Labelled]:
        """Return the items of the lists of the posts kept: their rows, and their codes."""
        column = self.posts[name].combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.array([], column.type)
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
        row = np.repeat(np.arange(len(column)), lengths)
        encoded = _encoded(column.flatten())
        chosen = keep[row] & (encoded.codes >= 0)
        return row[chosen], Labelled(encoded.codes[chosen], encoded.labels)

    @cached_property
    def links(self) -> tuple[NDArray[np.int64], pa.Array, dict[str, int]]:
        """Return row and address of the links that count, and how many do not, by reason."""
        row, link = self.flat("links", self.counts)
        used, codes = np.unique(link.codes, return_inverse=True)
        told = canonical_links(link.labels.take(pa.array(used)).to_pylist(), self.choices.resolve)
        dropped: dict[str, int] = {}
        keep = np.ones(len(row), bool)

        def leave(marks: NDArray[np.bool_], reason: str) -> None:
            nonlocal keep
            marks = marks & keep
            if marks.any():
                dropped[reason] = int(marks.sum())
                keep = keep & ~marks

        reasons = told.reason[codes]
        for reason in sorted({r for r in told.reason if r}):
            leave(reasons == reason, reason)
        leave(told.is_media[codes], "link to a picture or video of a post")
        status = told.status[codes]
        on = np.array([s is not None for s in status], bool)
        for name, reason in (("quoted", "link to the quoted post"), ("post", "link to itself")):
            if self.has(name) and on.any():
                target = self.posts[name].take(pa.array(row[on])).to_pylist()
                marks = on.copy()
                marks[on] = status[on] == np.array(target, object)
                leave(marks, reason)
        if self.has("quoted_links") and not self.choices.repeated_links:
            leave(self._repeats(row, told.address[codes]), "link that the quoted post has")
        if len(row) and not keep.any() and dropped.get("unresolved short link") == len(row):
            example = link.labels[int(used[codes[0]])].as_py()
            raise InputError(
                f"all {len(row):,} links are short links such as {shown(example, 60)}, new ones "
                "for each post, so that they cannot be used; give what they stand for with "
                "resolve=."
            )
        return row[keep], pa.array(told.address[codes[keep]], LABELS), dropped

    def _repeats(self, row: NDArray[np.int64], address: NDArray[np.object_]) -> NDArray[np.bool_]:
        """Return which links the quoted post has too."""
        at, link = self.flat("quoted_links", np.ones(len(self), bool))
        told = canonical_links(link.labels.to_pylist(), self.choices.resolve).address[link.codes]
        there = set(zip(at.tolist(), told.tolist(), strict=True))
        marks = [pair in there for pair in zip(row.tolist(), address.tolist(), strict=True)]
        return np.array(marks, bool)

    # -- texts

    @cached_property
    def normal(self) -> tuple[Labelled, int]:
        """Return the normal form of the text of each post that counts, -1 where there is none.

        With the number of texts that have too few words.
        """
        text = _encoded(self.posts["text"])
        codes = np.where(self.counts, text.codes, np.int32(-1))
        used = np.unique(codes[codes >= 0])
        form = texts.normal_form(text.labels.take(pa.array(used))).dictionary_encode()
        forms = form.dictionary
        enough = pc.binary_length(forms).to_numpy() > 0
        enough &= texts.word_counts(forms) >= self.choices.min_words
        number = np.full(len(text.labels) + 1, -1, np.int32)
        indices = form.indices.to_numpy()
        number[used] = np.where(enough[indices], indices, -1)
        chosen = number[codes]
        few = int((codes >= 0).sum() - (chosen >= 0).sum())
        return Labelled(chosen, forms.cast(LABELS)), few


def _same(left: pa.ChunkedArray, right: pa.ChunkedArray) -> NDArray[np.bool_]:
    marks: NDArray[np.bool_] = pc.fill_null(pc.equal(left, right), False).to_numpy()
    return marks


def _target(view: _View, name: str, keep: NDArray[np.bool_] | None = None) -> Found:
    """Return the actions on the posts that a field names, one's own left out."""
    there = view.there(name)
    if keep is not None:
        there &= keep
    dropped = {}
    if not view.choices.own_posts:
        own = there & view.own(f"{name}_author", name)
        if own.any():
            dropped["own post"] = int(own.sum())
        there &= ~own
    row = np.flatnonzero(there)
    objects = view.posts[name].take(pa.array(row)).combine_chunks()
    return Found(row, _array(objects), dropped)


def _array(column: Any) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], LABELS)
    return column.cast(LABELS)


def _retweet(view: _View) -> Found:
    """Return retweets; if asked for, of a retweet that is here too the original counts."""
    found = _target(view, "retweeted")
    if not view.choices.follow_retweets or not view.has("post") or not len(found.row):
        return found
    retweeted = _encoded(view.posts["retweeted"])
    at = view.rows_of(found.object)
    for _ in range(_CHAIN):
        further = (at >= 0) & (retweeted.codes[at] >= 0)
        if not further.any():
            break
        step = np.full(len(at), -1, np.int32)
        step[further] = retweeted.codes[at[further]]
        labels = retweeted.labels.take(pa.array(step, mask=~further))
        found = Found(found.row, pc.if_else(pa.array(further), labels, found.object), found.dropped)
        at = np.where(further, view.rows_of(_array(labels)), -1)
    return found


def _fast_retweet(view: _View) -> Found:
    """Return retweets so soon after the original; the object is its author."""
    there = view.is_retweet & view.there("retweeted_author")
    window = duration(view.choices.within, "within")
    original = view.posts["retweeted_time"]
    known = pc.is_valid(original).to_numpy()
    delay = view.posts["time"].to_numpy() - pc.fill_null(original, 0).to_numpy()
    dropped = {"original's time unknown": int((there & ~known).sum())}
    fast = there & known & (delay <= window) & (delay >= 0)
    dropped["later than that"] = int((there & known & ~fast).sum())
    if not view.choices.own_posts:
        own = fast & view.own("retweeted_author", "retweeted")
        dropped["own post"] = int(own.sum())
        fast &= ~own
    row = np.flatnonzero(fast)
    objects = view.posts["retweeted_author"].take(pa.array(row))
    return Found(row, _array(objects), {k: n for k, n in dropped.items() if n})


def _url(view: _View) -> Found:
    row, address, dropped = view.links
    return Found(row, address, dropped)


def _domain(view: _View) -> Found:
    row, address, dropped = view.links
    encoded = _encoded(address)
    domains = [domain_of(url) for url in encoded.labels.to_pylist()]
    labels = pa.array(domains, LABELS).take(pa.array(encoded.codes))
    known = pc.is_valid(labels).to_numpy(zero_copy_only=False)
    return Found(row[known], labels.filter(pa.array(known)), dropped)


def _tags(view: _View) -> tuple[NDArray[np.int64], Labelled]:
    """Return rows and hashtags in one form: NFKC, case folded, without the #."""
    row, tag = view.flat("hashtags", view.counts)
    form = [texts.folded_tag(label) for label in tag.labels.to_pylist()]
    encoded = _encoded(pa.array(form, LABELS))
    codes = array_kernels.recode(tag.codes, encoded.codes)
    return row[codes >= 0], Labelled(codes[codes >= 0], encoded.labels)


def _hashtag(view: _View) -> Found:
    row, tag = _tags(view)
    return Found(row, tag.labels.take(pa.array(tag.codes)))


def _hashtag_sequence(view: _View) -> Found:
    row, tag = _tags(view)
    names = tag.labels.take(pa.array(tag.codes))
    number = np.bincount(row, minlength=len(view))
    ends = np.concatenate([[0], np.cumsum(number)])
    lists = pa.LargeListArray.from_arrays(pa.array(ends), names)
    kept = np.flatnonzero(number >= view.choices.min_hashtags)
    sequences = pc.binary_join(lists.take(pa.array(kept)), pa.scalar(" ", LABELS))
    few = int(((number > 0) & (number < view.choices.min_hashtags)).sum())
    return Found(kept, sequences.cast(LABELS), {"too few hashtags": few} if few else {})


def _mention(view: _View) -> Found:
    row, name = view.flat("mentions", view.counts)
    labels = pc.utf8_lower(pc.utf8_ltrim(name.labels, characters="@"))  # handles have no case
    return Found(row, labels.take(pa.array(name.codes)))


def _media(view: _View) -> Found:
    row, media = view.flat("media", view.counts)
    return Found(row, media.labels.take(pa.array(media.codes)))


def _text(view: _View) -> Found:
    text, few = view.normal
    row = np.flatnonzero(text.codes >= 0)
    dropped = {"text of too few words": few} if few else {}
    return Found(row, text.labels.take(pa.array(text.codes[row])), dropped)


def _similar_text(view: _View) -> Found:
    """Return the texts by groups of those that are alike; a group is called by its first text."""
    text, few = view.normal
    row = np.flatnonzero(text.codes >= 0)
    dropped = {"text of too few words": few} if few else {}
    used, codes = np.unique(text.codes[row], return_inverse=True)
    order = pc.sort_indices(text.labels.take(pa.array(used)))  # the same groups in whatever order
    rank = np.empty(len(used), np.int64)
    rank[order.to_numpy()] = np.arange(len(used))
    labels = text.labels.take(pa.array(used)).take(order)
    like = view.choices.likeness
    if view.choices.embeddings is None:
        if like.source and like.unit == "characters":
            raise ParameterError(
                f"the rule of {like.source} is one of embeddings; give them with embeddings=."
            )
        group = texts.near_duplicates(
            labels, like.jaccard, unit=like.unit, threads=view.choices.threads
        )
    else:
        group = _by_embeddings(view, row, rank[codes], labels, like)
    first = np.unique(group, return_index=True)[1]
    names = labels.take(pa.array(first))
    return Found(row, names.take(pa.array(group[rank[codes]])), dropped)


def _by_embeddings(
    view: _View,
    row: NDArray[np.int64],
    text: NDArray[np.int64],
    labels: pa.Array,
    like: texts.Likeness,
) -> NDArray[np.int32]:
    """Return the group of each distinct text by the embedding of its first post."""
    vectors = np.asarray(view.choices.embeddings)
    if vectors.ndim != 2 or len(vectors) != len(view):
        raise ParameterError(
            f"embeddings= has the shape {vectors.shape}; give one row for each of the "
            f"{len(view):,} posts."
        )
    at = np.empty(len(labels), np.int64)
    at[text[::-1]] = row[::-1]
    language = None
    if view.has("language"):
        language = np.array(view.posts["language"].take(pa.array(at)).to_pylist(), object)
        language = language.astype(str)
    return texts.near_embeddings(
        vectors[at], like.cosine, across=like.across, language=language, copies=like.copies,
        texts=labels.to_pylist(),
    )  # fmt: skip


@dataclass(frozen=True)
class Trace:
    """A trace.

    Attributes
    ----------
    meaning : str
        What an account does, and what the object is, in half a sentence.
    needs : tuple of str
        The fields of the posts that it is made of.
    make : callable
    """

    meaning: str
    needs: tuple[str, ...]
    make: Callable[[_View], Found]


TRACES: Mapping[str, Trace] = MappingProxyType(
    {
        "retweet": Trace(
            "passes a post on (retweet, repost, boost, forward)", ("retweeted",), _retweet
        ),
        "quote": Trace(
            "quotes a post", ("quoted",), lambda view: _target(view, "quoted", view.counts)
        ),
        "reply": Trace(
            "answers a post", ("replied",), lambda view: _target(view, "replied", view.counts)
        ),
        "like": Trace("likes a post", ("liked",), lambda view: _target(view, "liked")),
        "url": Trace("posts a link, in its one form", ("links",), _url),
        "domain": Trace("posts a link to a registered domain", ("links",), _domain),
        "hashtag": Trace("uses a hashtag, case folded", ("hashtags",), _hashtag),
        "hashtag_sequence": Trace(
            "uses five hashtags or more in one order", ("hashtags",), _hashtag_sequence
        ),
        "mention": Trace("names an account", ("mentions",), _mention),
        "media": Trace("posts an image, a video or a sound", ("media",), _media),
        "text": Trace("posts a text, in its normal form", ("text",), _text),
        "similar_text": Trace("posts nearly the same text", ("text",), _similar_text),
        "fast_retweet": Trace(
            "retweets within 10 s of the original; the object is its author",
            ("retweeted", "retweeted_author", "retweeted_time"),
            _fast_retweet,
        ),
    }
)
