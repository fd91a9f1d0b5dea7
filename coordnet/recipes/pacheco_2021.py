"""Pacheco et al. (2021): co-retweets, activity at the same times, identical hashtag sequences."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from coordnet.errors import check_number, check_whole
from coordnet.graphs.bipartite import (
    Pairs,
    accounts_on,
    counts,
    objects_of,
    products,
    tf_idf,
    top_products,
)  # fmt: skip
from coordnet.graphs.graph import CoordinationGraph
from coordnet.log.actions import ActionLog, check_log
from coordnet.log.encoding import build_log
from coordnet.log.labels import LABELS, Labelled
from coordnet.recipes.recipe import check_variant, made, of_kind, posts_of, recipe, similar
from coordnet.times import DAY, SECOND, Duration, duration

CITATION = (
    "Pacheco, D., Hui, P.-M., Torres-Lugo, C., Truong, B. T., Flammini, A. & Menczer, F. (2021). "
    "Uncovering coordinated networks on social media: methods and case studies. Proceedings of the "
    "International AAAI Conference on Web and Social Media 15, 455-466."
)
ROW_CUT = 100  # similarities of each account that the code keeps


def _similarities(
    matrix: sp.csr_array, least: int, top: int | None, threads: int | None
) -> tuple[NDArray[np.int64], Pairs]:
    """Return the accounts of `least` or more rows and two or more objects, and their cosines.

    Objects of fewer than three of these accounts are left out, unless that leaves none.
    """
    chosen = np.flatnonzero((matrix.sum(axis=1) >= least) & (objects_of(matrix) >= 2))
    matrix = matrix[chosen]
    min_df = 3 if (accounts_on(matrix) >= 3).any() else 1
    rows = tf_idf(matrix, min_df=min_df, sublinear=True)
    return chosen, products(rows, threads=threads) if top is None else top_products(
        rows, top, threads
    )


def _top_share(pairs: Pairs, quantile: float | None) -> Pairs:
    """Return the pairs whose similarity is at least this quantile (type 7) of all."""
    if quantile is None or not len(pairs.value):
        return pairs
    return pairs.where(pairs.value >= np.quantile(pairs.value, quantile))


def _least(least: object, name: str, variant: str) -> int:
    """Return the least number of actions: the code asks for more than it."""
    return check_whole(least, name, 0) + (check_variant(variant) == "code")


def _without_own(log: ActionLog, authors: Mapping[Any, Any] | None) -> ActionLog:
    """Return the log without actions on an account's own objects."""
    if authors is None:
        return log
    of_object = [authors.get(label) for label in log.object_labels.to_pylist()]
    names = pa.array([None if a is None else str(a) for a in of_object], LABELS)
    own = log.all_accounts.positions_of(names)
    return log.where(own[log.object] != log.account, "own object")


@recipe(CITATION)
def pacheco_co_retweet(
    log: ActionLog,
    min_support: int = 10,
    quantile: float | None = 0.995,
    *,
    variant: str = "paper",
    top_n: int | None = ROW_CUT,
    authors: Mapping[Any, Any] | None = None,
    kind: str | Sequence[str] | None = "retweet",
    threads: int | None = None,
) -> CoordinationGraph:
    """Pacheco et al. 2021, case study 4: accounts that retweet the same posts, whenever.

    1. Retweets of an account's own posts are left out, where `authors` are known.
    2. Accounts of at least `min_support` retweets and two different posts take part.
    3. Vectors of posts: term frequency 1 + ln(count), idf = ln((1 + n) / (1 + df)) + 1, posts of
       fewer than three of these accounts left out, unit length.
    4. Cosines; the edges are those of at least the `quantile` of all that are not zero.

    The groups of the paper are the connected components:
    ``find_clusters(graph, "components", min_size=2)``.

    Parameters
    ----------
    log
        The actions.
    min_support
        Least number of retweets.
    quantile
        The quantile of similarities (type 7) that an edge must reach; None keeps all.
    variant
        ``"paper"``; or ``"code"``, which asks for more than `min_support` retweets and keeps of
        each account only the `top_n` largest similarities, itself included, of which those with
        accounts after it in the order of labels make pairs.
    top_n
        Of the code; None keeps all.
    authors
        The author of each post, by the object's label: ``{post: account}``.
    kind
        The kind or kinds of action that are meant, where the log has several; None takes all
        together.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    CoordinationGraph
        With edge columns ``similarity`` and ``support``, the smaller number of retweets of both.

    References
    ----------
    Pacheco, D., Hui, P.-M., Torres-Lugo, C., Truong, B. T., Flammini, A. & Menczer, F. (2021).
    Uncovering coordinated networks on social media: methods and case studies. ICWSM 15, 455-466.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> graph = cn.recipes.pacheco_co_retweet(log)
    >>> graph.weight, graph.relation.citation[:7]
    ('similarity', 'Pacheco')
    """
    least = _least(min_support, "min_support", variant)
    parameters = {
        "min_support": min_support, "quantile": quantile, "variant": variant, "top_n": top_n
    }  # fmt: skip
    part = _without_own(of_kind(log, kind, "pacheco_co_retweet"), authors)
    edges = _pacheco(part, counts(part), least, quantile, variant, top_n, threads)
    return made(part, pacheco_co_retweet, edges, weight="similarity", parameters=parameters)


def _pacheco(
    log: ActionLog,
    matrix: sp.csr_array,
    least: int,
    quantile: float | None,
    variant: str,
    top_n: int | None,
    threads: int | None,
) -> dict[str, NDArray[Any]]:
    """Return the edges of case studies 4 and 5: they differ in what is an object."""
    if quantile is not None:
        quantile = check_number(quantile, "quantile", at_least=0, at_most=1)
    if top_n is not None:
        top_n = check_whole(top_n, "top_n", 1)
    chosen, pairs = _similarities(matrix, least, top_n if variant == "code" else None, threads)
    pairs = _top_share(pairs, quantile).of(chosen)
    acted = np.asarray(matrix.sum(axis=1)).ravel()
    support = np.minimum(acted[pairs.i], acted[pairs.j]).astype(np.int64)
    return similar(pairs) | {"support": support}


@recipe(CITATION)
def pacheco_co_timing(
    log: ActionLog,
    min_support: int = 8,
    quantile: float | None = 0.995,
    *,
    within: Duration = "30min",
    variant: str = "paper",
    top_n: int | None = ROW_CUT,
    threads: int | None = None,
) -> CoordinationGraph:
    """Pacheco et al. 2021, case study 5: accounts that act in the same half hours.

    As case study 4 (:func:`pacheco_co_retweet`) with fixed bins of time as objects: all actions of
    an account, whatever they are on; an action with several objects (a post with two links) is one.

    Parameters
    ----------
    log
        The actions, of all kinds.
    min_support
        Least number of actions of an account.
    quantile
        As in :func:`pacheco_co_retweet`.
    within
        The length of a bin.
    variant
        ``"paper"``: bins from the full hour on (from 1970). ``"code"``: bins from the time of the
        first row of the input on, times before it cut towards it, so that the bin there is twice as
        long; whole seconds; more than `min_support` actions; the `top_n` cut.
    top_n, threads
        As in :func:`pacheco_co_retweet`.

    Returns
    -------
    CoordinationGraph
        With edge columns ``similarity`` and ``support``. Its log has the bins as objects.

    References
    ----------
    Pacheco, D., Hui, P.-M., Torres-Lugo, C., Truong, B. T., Flammini, A. & Menczer, F. (2021).
    Uncovering coordinated networks on social media: methods and case studies. ICWSM 15, 455-466.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> cn.recipes.pacheco_co_timing(log).weight
    'similarity'
    """
    check_log(log)
    least = _least(min_support, "min_support", variant)
    width = duration(within, "within")
    parameters = {
        "min_support": min_support, "quantile": quantile, "within": within, "variant": variant,
        "top_n": top_n,
    }  # fmt: skip
    binned = in_bins(log, width, from_first=variant == "code")
    edges = _pacheco(binned, counts(binned), least, quantile, variant, top_n, threads)
    return made(
        binned, pacheco_co_timing, edges, weight="similarity", window_us=width, null="activity",
        parameters=parameters,
    )  # fmt: skip


def in_bins(log: ActionLog, width: int, from_first: bool = False) -> ActionLog:
    """Return the log with bins of time as objects.

    Parameters
    ----------
    log
        The actions.
    width
        The length of a bin in microseconds.
    from_first
        Whether bins begin at the first row of the input, as in the code of Pacheco et al.
    """
    at = np.repeat(np.arange(len(log)), log.n_rows)
    if log.post is not None and len(log.kinds) > 1:  # a post with several objects acts once
        post, _ = posts_of(log)
        _, first = np.unique(post[at], return_index=True)
        at = np.sort(np.concatenate([at[post[at] < 0], first[post[at[first]] >= 0]]))
    time = log.time[at]
    if from_first and len(at):
        second = time // SECOND
        origin = log.time[np.argmin(log.row)] // SECOND
        number = np.trunc((second - origin) / (width / SECOND)).astype(np.int64)
        start = (origin + number * (width // SECOND)) * SECOND
    else:
        start = time // width * width
    every, code = np.unique(start, return_inverse=True)
    names = np.datetime_as_string(every.astype("datetime64[us]"), unit="s")
    return build_log(
        Labelled(log.account[at], log.all_accounts.labels),
        Labelled(code.astype(np.int32), pa.array(names.tolist(), LABELS)),
        time,
        kind=Labelled(np.zeros(len(at), np.int32), pa.array(["bin of time"], LABELS)),
        row=np.arange(len(at)),
        sources=log.sources,
        frame=log.frame,
    )


_TAG = re.compile(r"\w+")


@recipe(CITATION)
def pacheco_hashtag_sequence(
    log: ActionLog,
    min_tweets: int = 5,
    min_unique_hashtags: int = 5,
    *,
    variant: str = "paper",
) -> CoordinationGraph:
    """Pacheco et al. 2021, case study 3: accounts with the same sequence of hashtags in a day.

    The hashtags of all posts of an account within a day are one sequence. Accounts of at least
    `min_tweets` posts with hashtags and `min_unique_hashtags` different hashtags are joined where
    their sequences are identical. The groups of the paper are the connected components.

    Parameters
    ----------
    log
        The actions of kind ``"hashtag_sequence"``: one a post, the object its hashtags in order,
        written with anything between them that is no letter or digit.
    min_tweets
        Least number of posts with hashtags.
    min_unique_hashtags
        Least number of different hashtags.
    variant
        ``"paper"``: each day (UTC) by itself. ``"code"``: the whole input as one day, as its input
        is the dump of one day; hashtags are written one after the other without anything between.

    Returns
    -------
    CoordinationGraph
        Its weight is the number of days with identical sequences.

    References
    ----------
    Pacheco, D., Hui, P.-M., Torres-Lugo, C., Truong, B. T., Flammini, A. & Menczer, F. (2021).
    Uncovering coordinated networks on social media: methods and case studies. ICWSM 15, 455-466.

    Examples
    --------
    >>> import pandas as pd, coordnet as cn
    >>> posts = pd.DataFrame([(a, f"x{i} y{i}", 60 * i) for a in "pq" for i in range(5)],
    ...                      columns=["account", "object", "time"])
    >>> log = cn.read_actions(posts, account="account", object="object", time="time")
    >>> cn.recipes.pacheco_hashtag_sequence(log).n_edges
    1
    """
    check_variant(variant)
    least = check_whole(min_tweets, "min_tweets", 1)
    unique = check_whole(min_unique_hashtags, "min_unique_hashtags", 1)
    parameters = {
        "min_tweets": min_tweets, "min_unique_hashtags": min_unique_hashtags, "variant": variant
    }  # fmt: skip
    part = of_kind(log, "hashtag_sequence", "pacheco_hashtag_sequence")
    tags = [_TAG.findall(label) for label in part.object_labels.to_pylist()]
    day = part.time // DAY if variant == "paper" else np.zeros(len(part), np.int64)
    order = np.lexsort((part.row, part.time, part.account, day))
    groups: dict[Any, list[int]] = {}
    for i in order.tolist():
        if tags[part.object[i]]:
            rows = groups.setdefault((int(day[i]), int(part.account[i])), [])
            rows.extend([int(part.object[i])] * int(part.n_rows[i]))
    same: dict[Any, list[int]] = {}
    for (when, account), objects in groups.items():
        sequence = tuple(tag for o in objects for tag in tags[o])
        if len(objects) >= least and len(set(sequence)) >= unique:
            key = "".join(sequence) if variant == "code" else sequence
            same.setdefault((when, key), []).append(account)
    weight: dict[tuple[int, int], int] = {}
    for accounts in same.values():
        for k, a in enumerate(sorted(accounts)):
            for b in sorted(accounts)[k + 1 :]:
                weight[a, b] = weight.get((a, b), 0) + 1
    ends = np.array(list(weight), np.int64).reshape(-1, 2)
    edges = {
        "source": ends[:, 0], "target": ends[:, 1],
        "weight": np.array(list(weight.values()), np.int64),
    }  # fmt: skip
    return made(part, pacheco_hashtag_sequence, edges, parameters=parameters)
