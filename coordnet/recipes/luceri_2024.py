"""Luceri et al. (2024): five traces, TF-IDF cosine, fused, pruned by eigenvector centrality."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator, eigsh

from coordnet.errors import InputError, ParameterError, check_number, check_whole
from coordnet.graphs.bipartite import (
    Pairs,
    accounts_on,
    binary,
    counts,
    objects_of,
    products,
    tf_idf,
)  # fmt: skip
from coordnet.graphs.graph import CoordinationGraph
from coordnet.log.actions import ActionLog, check_log
from coordnet.recipes.recipe import check_variant, made, of_kind, recipe, similar
from coordnet.recipes.vectors import similar_posts
from coordnet.times import DAY, SECOND, Duration, Instant, duration, instant

CITATION = (
    "Luceri, L., Pantè, V., Burghardt, K. & Ferrara, E. (2024). Unmasking the web of deceit: "
    "uncovering coordinated activity to expose information operations on Twitter. Proceedings of "
    "the ACM Web Conference 2024, 2530-2541."
)
WEEKLY = (
    "Cinus, F., Minici, M., Luceri, L. & Ferrara, E. (2024). Exposing cross-platform coordinated "
    "inauthentic activity in the run-up to the 2024 U.S. election. arXiv:2410.22716."
)


def shared_rows(
    matrix: sp.csr_array, least: int
) -> tuple[NDArray[np.int64], sp.csr_array]:  # fmt: skip
    """Return the accounts of `least` or more rows, and the objects of two of them that each has.

    Accounts that share no object with another of them are left out.
    """
    acted = np.asarray(matrix.sum(axis=1)).ravel()
    chosen = np.flatnonzero(acted >= max(least, 1))
    matrix = binary(matrix[chosen])
    matrix = matrix[:, np.flatnonzero(accounts_on(matrix) >= 2)]
    some = np.flatnonzero(objects_of(matrix) > 0)
    return chosen[some], matrix[some]


def _co_shared(log: ActionLog, least: int, threads: int | None) -> Pairs:
    """Return the TF-IDF cosines of accounts by which objects they act on."""
    chosen, matrix = shared_rows(counts(log), least)
    return products(tf_idf(matrix), threads=threads).of(chosen)


@recipe(CITATION)
def luceri_co_retweet(
    log: ActionLog,
    min_retweets: int = 20,
    *,
    kind: str | Sequence[str] | None = "retweet",
    threads: int | None = None,
) -> CoordinationGraph:
    """Luceri et al. 2024, co-retweet: TF-IDF cosine of which posts accounts retweet.

    Accounts of at least `min_retweets` retweets, posts of two or more of these; an account's vector
    has idf = ln((1 + n) / (1 + df)) + 1 for each of its posts, however often. All cosines that are
    not zero are edges: there is no threshold. Their code makes a dense matrix; this does not.

    Parameters
    ----------
    log
        The actions.
    min_retweets
        Least number of retweets of an account, repeated rows counted.
    kind
        The kind or kinds of action that are meant, where the log has several; None takes all
        together.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    CoordinationGraph
        With the edge column ``similarity``.

    References
    ----------
    Luceri, L., Pantè, V., Burghardt, K. & Ferrara, E. (2024). Unmasking the web of deceit:
    uncovering coordinated activity to expose information operations on Twitter. ACM Web Conference.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> cn.recipes.luceri_co_retweet(log).weight
    'similarity'
    """
    least = check_whole(min_retweets, "min_retweets", 1)
    part = of_kind(log, kind, "luceri_co_retweet")
    return made(
        part, luceri_co_retweet, similar(_co_shared(part, least, threads)), weight="similarity",
        parameters={"min_retweets": min_retweets},
    )  # fmt: skip


@recipe(CITATION)
def luceri_co_url(
    log: ActionLog, min_urls: int = 1, *, threads: int | None = None
) -> CoordinationGraph:
    """Luceri et al. 2024, co-URL: TF-IDF cosine of which links accounts share.

    As :func:`luceri_co_retweet`, of links and of all accounts.

    Parameters
    ----------
    log
        The actions; those of kind ``"url"``, or all where there is one kind.
    min_urls
        Least number of shares of an account.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    CoordinationGraph
        With the edge column ``similarity``.

    References
    ----------
    Luceri, L., Pantè, V., Burghardt, K. & Ferrara, E. (2024). Unmasking the web of deceit:
    uncovering coordinated activity to expose information operations on Twitter. ACM Web Conference.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("election", accounts=300, seed=1).log
    >>> cn.recipes.luceri_co_url(log).weight
    'similarity'
    """
    least = check_whole(min_urls, "min_urls", 1)
    part = of_kind(log, "url", "luceri_co_url")
    return made(
        part, luceri_co_url, similar(_co_shared(part, least, threads)), weight="similarity",
        parameters={"min_urls": min_urls},
    )  # fmt: skip


@recipe(CITATION)
def luceri_hashtag_sequence(
    log: ActionLog, min_hashtags: int = 5, *, threads: int | None = None
) -> CoordinationGraph:
    """Luceri et al. 2024, hashtag sequence: TF-IDF cosine of the sequences that accounts post.

    Posts that are no retweets, with at least `min_hashtags` hashtags; the sequence of one post is
    the object. Then as :func:`luceri_co_retweet`, of all accounts.

    Parameters
    ----------
    log
        The actions of kind ``"hashtag_sequence"``: one a post, the object its hashtags in order,
        written with anything between them that is no letter or digit.
    min_hashtags
        Least number of hashtags of a sequence.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    CoordinationGraph
        With the edge column ``similarity``.

    References
    ----------
    Luceri, L., Pantè, V., Burghardt, K. & Ferrara, E. (2024). Unmasking the web of deceit:
    uncovering coordinated activity to expose information operations on Twitter. ACM Web Conference.

    Examples
    --------
    >>> import pandas as pd, coordnet as cn
    >>> posts = pd.DataFrame({"account": ["p", "q"], "object": ["a b c d e"] * 2, "time": [0, 9]})
    >>> log = cn.read_actions(posts, account="account", object="object", time="time")
    >>> cn.recipes.luceri_hashtag_sequence(log).n_edges
    1
    """
    least = check_whole(min_hashtags, "min_hashtags", 1)
    part = of_kind(log, "hashtag_sequence", "luceri_hashtag_sequence")
    long_enough = [len(re.findall(r"\w+", label)) >= least for label in
                   part.object_labels.to_pylist()]  # fmt: skip
    part = part.where(np.array(long_enough, bool)[part.object], "short sequence")
    return made(
        part, luceri_hashtag_sequence, similar(_co_shared(part, 1, threads)), weight="similarity",
        parameters={"min_hashtags": min_hashtags},
    )  # fmt: skip


@recipe(CITATION)
def luceri_fast_retweet(
    log: ActionLog,
    originals: Mapping[Any, tuple[Any, Instant]] | None = None,
    within: Duration = 10,
    min_fast: int = 2,
    *,
    variant: str = "paper",
    threads: int | None = None,
) -> CoordinationGraph:
    """Luceri et al. 2024, fast retweet: TF-IDF cosine of whom accounts retweet within seconds.

    Retweets at most `within` after the original. Pairs of a retweeter and an author with at least
    `min_fast` of them; an account's vector has their number times idf for each author.

    Parameters
    ----------
    log
        The actions; those of kind ``"fast_retweet"`` where there are any, on the author retweeted,
        which are then taken as they are; else those of kind ``"retweet"``, with `originals`.
    originals
        The author and the time of each original post, by the object's label.
    within
        The longest delay, inclusive.
    min_fast
        Least number of fast retweets of one author by one account.
    variant
        ``"paper"``: the delay. ``"code"``: the delay without its whole days and cut to whole
        seconds, so that a retweet three days and five seconds later is fast.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    CoordinationGraph
        With the edge column ``similarity``.

    References
    ----------
    Luceri, L., Pantè, V., Burghardt, K. & Ferrara, E. (2024). Unmasking the web of deceit:
    uncovering coordinated activity to expose information operations on Twitter. ACM Web Conference.

    Examples
    --------
    >>> import pandas as pd, coordnet as cn
    >>> rows = [(account, post, 5) for account in "pq" for post in ("x", "y")]
    >>> log = cn.read_actions(pd.DataFrame(rows, columns=["account", "object", "time"]),
    ...                       account="account", object="object", time="time")
    >>> graph = cn.recipes.luceri_fast_retweet(log, originals={"x": ("a", 0), "y": ("a", 0)})
    >>> graph.weights.tolist()
    [1.0]
    """
    check_log(log)
    check_variant(variant)
    window = duration(within, "within")
    least = check_whole(min_fast, "min_fast", 1)
    parameters = {"within": within, "min_fast": min_fast, "variant": variant}
    if "fast_retweet" in log.kinds:
        part = log.select("fast_retweet")
        matrix = counts(part)
    else:
        part = of_kind(log, "retweet", "luceri_fast_retweet")
        if originals is None:
            raise ParameterError(
                "luceri_fast_retweet needs the author and the time of each original: "
                "originals={post: (author, time)}; or a log with actions of kind 'fast_retweet'."
            )
        part, matrix = _by_author(part, originals, window, variant == "code")
    matrix.data[matrix.data < least] = 0
    matrix.eliminate_zeros()
    chosen = np.flatnonzero(objects_of(matrix) > 0)
    matrix = matrix[chosen]
    matrix = matrix[:, np.flatnonzero(accounts_on(matrix) > 0)]
    found = products(tf_idf(matrix), threads=threads).of(chosen)
    return made(
        part, luceri_fast_retweet, similar(found), weight="similarity", parameters=parameters
    )


def _by_author(
    log: ActionLog, originals: Mapping[Any, tuple[Any, Instant]], window: int, days_dropped: bool
) -> tuple[ActionLog, sp.csr_array]:
    """Return the fast retweets and how many of each author each account has."""
    labels = log.object_labels.to_pylist()
    known = [originals.get(label) for label in labels]
    if not any(entry is not None for entry in known):
        raise InputError(
            "originals= has none of the objects of the log; give the author and time of each post "
            f"under its label, such as {labels[:1]!r}."
        )
    author = [None if entry is None else str(entry[0]) for entry in known]
    born = np.array([0 if entry is None else instant(entry[1], "originals") for entry in known])
    names = {name: i for i, name in enumerate(sorted({a for a in author if a is not None}))}
    code = np.array([-1 if a is None else names[a] for a in author])
    delay = log.time - born[log.object]
    if days_dropped:
        delay = delay % DAY // SECOND * SECOND
        fast = delay <= window
    else:
        fast = (delay >= 0) & (delay <= window)
    part = log.where(fast & (code[log.object] >= 0), "not fast")
    kept = np.flatnonzero(fast & (code[log.object] >= 0))
    each = log.n_rows[kept].astype(np.float64)
    shape = (len(log.all_accounts), len(names))
    matrix = sp.coo_array((each, (log.account[kept], code[log.object[kept]])), shape=shape).tocsr()
    return part, matrix


@recipe(CITATION)
def luceri_text(
    log: ActionLog,
    embeddings: ArrayLike,
    min_similarity: float = 0.7,
    window: Duration = "1d",
    min_words: int = 5,
    *,
    band: float = 0.05,
) -> CoordinationGraph:
    """Luceri et al. 2024, text similarity: accounts whose posts say the same, by embeddings.

    Posts of two accounts within `window` of each other (dates of their days are less than it apart)
    are alike where their embeddings have a cosine of at least `min_similarity`. The weight of two
    accounts is the mean of the similarities of their pairs of posts, each cut to the lower end of
    its band (0.70, 0.75, ...).

    Parameters
    ----------
    log
        The posts that are no retweets, one action each; with texts, those of fewer than `min_words`
        words are left out.
    embeddings
        (n, dimensions): one row for each action of `log`, in its order.
    min_similarity
        Least cosine, and the lower end of the first band.
    window
        Whole days; posts are compared with those of their day and of the following ones.
    min_words
        Least number of words of a text (the paper: more than four).
    band
        Width of a band.

    Returns
    -------
    CoordinationGraph
        With edge columns ``similarity`` and ``pairs``, the pairs of posts.

    References
    ----------
    Luceri, L., Pantè, V., Burghardt, K. & Ferrara, E. (2024). Unmasking the web of deceit:
    uncovering coordinated activity to expose information operations on Twitter. ACM Web Conference.

    Examples
    --------
    >>> import pandas as pd, coordnet as cn
    >>> posts = pd.DataFrame({"account": ["p", "q"], "object": ["x", "y"], "time": [0, 9]})
    >>> log = cn.read_actions(posts, account="account", object="object", time="time")
    >>> cn.recipes.luceri_text(log, [[1.0, 0.0], [4.0, 3.0]]).weights.round(2).tolist()
    [0.8]
    """
    check_log(log)
    least = check_number(min_similarity, "min_similarity", above=0, at_most=1)
    band = check_number(band, "band", above=0, at_most=1)
    days = duration(window, "window") // DAY
    if days < 1:
        raise ParameterError(f"window={window!r} is less than a day; posts are compared by day.")
    words = check_whole(min_words, "min_words", 0)
    parameters = {
        "min_similarity": min_similarity, "window": window, "min_words": min_words, "band": band
    }  # fmt: skip
    keep = np.ones(len(log), bool)
    if log.text is not None:
        count = np.array([len(text.split()) for text in log.text.labels.to_pylist()] + [0])
        keep = count[log.text.codes] >= words
    day = log.time // DAY
    found = similar_posts(log, embeddings, least, day, days - 1, keep)
    lower = least + np.floor((found.value - least) / band + 1e-9) * band
    key = found.source.astype(np.int64) << 32 | found.target
    every, at = np.unique(key, return_inverse=True)
    pairs = np.bincount(at, minlength=len(every))
    edges = {
        "source": every >> 32, "target": every & 0xFFFFFFFF,
        "similarity": np.bincount(at, lower, len(every)) / np.maximum(pairs, 1), "pairs": pairs,
    }  # fmt: skip
    part = log.where(keep, "short text")
    return made(part, luceri_text, edges, weight="similarity", parameters=parameters)


# -- several networks as one -------------------------------------------------------------------


def _one_of_all(
    layers: Sequence[CoordinationGraph],
) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:
    """Return the union of the edges of graphs, with their largest weight and how many have it."""
    keys = [g.edges["source"].astype(np.int64) << 32 | g.edges["target"] for g in layers]
    every, at = np.unique(np.concatenate(keys), return_inverse=True)
    weight = np.zeros(len(every))
    np.maximum.at(weight, at, np.concatenate([g.weights.astype(float) for g in layers]))
    edges = {"source": every >> 32, "target": every & 0xFFFFFFFF, "weight": weight}
    return edges, np.bincount(at, minlength=len(every))


def centrality(
    n: int, source: NDArray[Any], target: NDArray[Any], weight: NDArray[Any]
) -> NDArray[np.float64]:
    """Return the eigenvector centrality of each of n nodes, unit length, none negative.

    Examples
    --------
    >>> centrality(3, np.array([0, 1]), np.array([1, 2]), np.ones(2)).round(3).tolist()
    [0.5, 0.707, 0.5]
    """
    matrix = sp.coo_array((weight.astype(float), (source, target)), shape=(n, n)).tocsr()
    other = matrix.T.tocsr()
    if n < 3 or not len(weight):
        return np.full(n, 1 / math.sqrt(max(n, 1)))
    shift = float(np.asarray((matrix + other).sum(axis=1)).max())  # of A and -A the first
    operator = LinearOperator(
        (n, n), matvec=lambda x: matrix @ x + other @ x + shift * x, dtype=np.float64
    )
    vector: NDArray[np.float64] = eigsh(operator, k=1, v0=np.ones(n), tol=1e-12)[1][:, 0]
    return np.abs(vector)


def among_central(
    source: NDArray[Any], target: NDArray[Any], weight: NDArray[Any], percentile: float
) -> NDArray[np.bool_]:
    """Mark the edges between two accounts whose centrality is at the percentile or above."""
    nodes = np.unique(np.concatenate([source, target]))
    a, b = np.searchsorted(nodes, source), np.searchsorted(nodes, target)
    central = centrality(len(nodes), a, b, weight)
    stay = central >= (np.percentile(central, percentile) if len(central) else 0)
    return stay[a] & stay[b]


@recipe(CITATION)
def luceri_fused(
    layers: Sequence[CoordinationGraph],
    percentile: float | None = None,
    *,
    weighted: bool = False,
) -> CoordinationGraph:
    """Luceri et al. 2024, fused network: the union of several networks, its central accounts.

    The weight of an edge is its largest in any network. Accounts are pruned by their eigenvector
    centrality in the fused network: those below the percentile go with their edges.

    Parameters
    ----------
    layers
        Graphs over the same accounts, such as those of :func:`luceri_co_retweet` and
        :func:`luceri_co_url`.
    percentile
        0 to 100; None prunes nothing.
    weighted
        Whether the centrality weighs edges; the code's default does not.

    Returns
    -------
    CoordinationGraph
        With edge columns ``weight`` and ``layers``, in how many networks the edge is.

    References
    ----------
    Luceri, L., Pantè, V., Burghardt, K. & Ferrara, E. (2024). Unmasking the web of deceit:
    uncovering coordinated activity to expose information operations on Twitter. ACM Web Conference.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("election", accounts=300, seed=1).log
    >>> retweets, urls = cn.recipes.luceri_co_retweet(log, 5), cn.recipes.luceri_co_url(log)
    >>> fused = cn.recipes.luceri_fused([retweets, urls], percentile=90)
    >>> fused.weight
    'weight'
    """
    if not layers or any(g.all_accounts != layers[0].all_accounts for g in layers):
        raise ParameterError("layers= takes one graph or more, over the accounts of one log.")
    edges, count = _one_of_all(layers)
    keep = np.ones(len(count), bool)
    if percentile is not None:
        share = check_number(percentile, "percentile", at_least=0, at_most=100)
        values = edges["weight"] if weighted else np.ones(len(count))
        keep = among_central(edges["source"], edges["target"], values, share)
    columns = {name: column[keep] for name, column in (edges | {"layers": count}).items()}
    return made(
        _widest(layers), luceri_fused, columns,
        parameters={"percentile": percentile, "weighted": weighted},
    )  # fmt: skip


def _widest(layers: Sequence[CoordinationGraph]) -> ActionLog:
    """Return the log of the layer with most actions."""
    return max((layer.log for layer in layers), key=len)


@recipe(WEEKLY)
def luceri_weekly(
    log: ActionLog,
    min_actions: int = 1,
    similarity_threshold: float = 0.0,
    centrality_threshold: float | None = None,
    *,
    week: Duration = "7d",
    threads: int | None = None,
) -> CoordinationGraph:
    """Cinus, Luceri et al. 2024: TF-IDF cosines week by week, averaged over all weeks.

    In each week the cosines of :func:`luceri_co_retweet`; a pair's similarity is the mean over all
    weeks, 0 where it has none. Edges above `similarity_threshold` stay, then those among accounts
    whose eigenvector centrality is at the percentile `centrality_threshold` or above. The paper
    looks at a grid of both.

    Parameters
    ----------
    log
        The actions, of one kind or several; the same label of two kinds is two objects.
    min_actions
        Least number of actions of an account in a week.
    similarity_threshold
        A mean similarity must exceed it.
    centrality_threshold
        A percentile, 0 to 100; None prunes nothing.
    week
        The length of a window; windows follow one another from the first action on.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    CoordinationGraph
        With edge columns ``similarity`` and ``weeks``, in how many the pair has one.

    References
    ----------
    Cinus, F., Minici, M., Luceri, L. & Ferrara, E. (2024). Exposing cross-platform coordinated
    inauthentic activity in the run-up to the 2024 U.S. election. arXiv:2410.22716.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> cn.recipes.luceri_weekly(log, similarity_threshold=0.1).weight
    'similarity'
    """
    check_log(log)
    least = check_whole(min_actions, "min_actions", 1)
    above = check_number(similarity_threshold, "similarity_threshold", at_least=0, at_most=1)
    width = duration(week, "week")
    parameters = {
        "min_actions": min_actions, "similarity_threshold": similarity_threshold,
        "centrality_threshold": centrality_threshold, "week": week,
    }  # fmt: skip
    start = log.limits[0] if log.limits else 0
    number = (log.time - start) // width
    weeks = int(number.max()) + 1 if len(log) else 1
    parts = [
        _co_shared(log.where(number == w, "another week"), least, threads)
        for w in np.unique(number)
    ]
    keys = [p.i.astype(np.int64) << 32 | p.j for p in parts]
    every, at = np.unique(np.concatenate([np.zeros(0, np.int64), *keys]), return_inverse=True)
    values = np.concatenate([np.zeros(0), *(p.value for p in parts)])
    similarity = np.bincount(at, values, len(every)) / weeks
    seen = np.bincount(at, minlength=len(every))
    keep = similarity > above
    source, target = every[keep] >> 32, every[keep] & 0xFFFFFFFF
    similarity, seen = similarity[keep], seen[keep]
    if centrality_threshold is not None:
        share = check_number(centrality_threshold, "centrality_threshold", at_least=0, at_most=100)
        inside = among_central(source, target, similarity, share)
        source, target = source[inside], target[inside]
        similarity, seen = similarity[inside], seen[inside]
    edges = {"source": source, "target": target, "similarity": similarity, "weeks": seen}
    return made(log, luceri_weekly, edges, weight="similarity", parameters=parameters)
