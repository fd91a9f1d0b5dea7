"""CooRTweet (Righetti & Balluff 2025): pairs of posts on one object within seconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coordnet.errors import ParameterError, check_number, check_whole
from coordnet.graphs.graph import CoordinationGraph
from coordnet.log.actions import ActionLog, check_log
from coordnet.recipes.pairs import Marks, PostPairs, Rows, post_pairs, rows_in_pairs
from coordnet.recipes.recipe import made, posts_of, recipe
from coordnet.times import SECOND, Duration, duration


def rows_of_log(log: ActionLog) -> tuple[Rows, int]:
    """Return a row for each row of the input, as R's data.table would hold them, and the posts.

    Repeated rows are rows again; where there are no post ids each row is a post. The order among
    rows of one time is: accounts by their first appearance, then rows of the input.
    """
    at = np.repeat(np.arange(len(log)), log.n_rows)
    post_of, n = posts_of(log)
    post = np.arange(len(at), dtype=np.int32) if log.post is None else post_of[at]
    indptr, positions = log.by_account
    first = np.zeros(len(log.all_accounts), np.int64)  # the place of each account's first row
    first[log.active] = np.argsort(
        np.argsort(np.minimum.reduceat(log.row[positions], indptr[log.active]))
        if len(log)
        else log.active
    )
    rank = first[log.account] * (int(log.row.max(initial=0)) + 1) + log.row
    rows = Rows(log.account[at], log.object[at], log.time[at], post, rank[at])
    return rows, len(at) if log.post is None else n


def _about_itself(log: ActionLog, rows: Rows) -> NDArray[np.bool_]:
    """Mark the rows whose post is the object that they share: an original, not a share."""
    if log.post is None:
        return np.zeros(len(rows.account), bool)
    found = pc.fill_null(pc.index_in(log.post.labels, value_set=log.object_labels), -1)
    # the same label may stand under several kinds: compare labels, not codes
    label_of_object = _first_of_label(log.object_labels)
    of_post = found.to_numpy(zero_copy_only=False)
    own = np.append(np.where(of_post >= 0, label_of_object[np.maximum(of_post, 0)], -1), -1)
    about: NDArray[np.bool_] = own[rows.post] == label_of_object[rows.object]
    return about & (rows.post >= 0)


def _first_of_label(labels: pa.LargeStringArray) -> NDArray[np.int64]:
    """Return for each object the first object with its label."""
    encoded = pc.dictionary_encode(labels)
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    result: NDArray[np.int64] = first[inverse]
    return result


def _good_posts(
    rows: Rows, surviving: NDArray[np.int32], least: int, n_accounts: int, n_posts: int
) -> NDArray[np.bool_]:
    """Mark the posts of accounts with at least `least` rows whose post is a surviving one."""
    in_pair = np.zeros(n_posts + 1, bool)  # the last place takes the -1
    in_pair[surviving] = True
    in_pair[n_posts] = False
    counted = in_pair[rows.post]
    enough = np.bincount(rows.account[counted], minlength=n_accounts) >= least
    good = np.zeros(n_posts, bool)
    good[rows.post[counted & enough[rows.account]]] = True
    return good


CITATION = (
    "Righetti, N. & Balluff, P. (2025). CooRTweet: A generalized R software for coordinated "
    "network detection. Computational Communication Research 7(1)."
)


@recipe(CITATION)
def coortweet(
    log: ActionLog,
    within: Duration = 10,
    min_participation: int = 2,
    *,
    edge_weight: float = 0.5,
    fast: Duration | None = None,
    subgraph: int = 0,
    threads: int | None = None,
) -> CoordinationGraph:
    """CooRTweet: accounts that share the same objects within seconds of each other.

    As version 2.1.3 of the R package computes it, row by row:

    1. Accounts with fewer than `min_participation` rows go first; repeated rows count.
    2. Every two rows on one object that are at most `within` apart, inclusive, are a pair.
    3. Pairs of one account, of one post, and of a post that is itself the object are dropped; so
       are pairs of a post without an id.
    4. Let S be the posts in a pair. An account is good with `min_participation` rows or more whose
       post is in S; a pair stays where either side is of a good account. This is done once.
    5. The weight of two accounts is the number of their pairs.
    6. Edges heavier than the quantile `edge_weight` of all weights are flagged.

    Parameters
    ----------
    log
        The actions, with post ids (``post=``) as CooRTweet's ``content_id``; without them each
        row is a post of its own.
    within
        The window: ``10`` seconds, ``"60s"``, or a `timedelta`.
    min_participation
        See above; 1 filters nothing.
    edge_weight
        The quantile (R's type 7) that a flagged edge must exceed.
    fast
        A narrower window. Edges then carry the counts of its pairs too: ``weight_fast`` (0 where
        there are none), ``avg_time_delta_fast`` (NaN there) and ``weight_threshold_fast``, the
        flag against the quantile among the edges that have such pairs.
    subgraph
        0 for all edges; 1 for the flagged ones; 2 for those flagged in the fast network; 3 for all
        edges among the ends of those and their neighbours.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    CoordinationGraph
        With edge columns ``weight``, ``avg_time_delta`` (seconds), ``n_content_id`` and
        ``n_content_id_y`` (distinct older and newer posts), ``edge_symmetry_score`` and
        ``weight_threshold`` (0 or 1).

    References
    ----------
    Righetti, N. & Balluff, P. (2025). CooRTweet: A generalized R software for coordinated network
    detection. Computational Communication Research 7(1).

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> graph = cn.recipes.coortweet(log, within=60, min_participation=2)
    >>> graph.weight, int(graph.edges["weight_threshold"].max())
    ('weight', 1)
    """
    check_log(log)
    parameters = {
        "within": within, "min_participation": min_participation, "edge_weight": edge_weight,
        "fast": fast, "subgraph": subgraph,
    }  # fmt: skip
    window = duration(within, "within")
    narrow = None if fast is None else duration(fast, "fast")
    least = check_whole(min_participation, "min_participation", 0)
    edge_weight = check_number(edge_weight, "edge_weight", at_least=0, at_most=1)
    subgraph = check_whole(subgraph, "subgraph", 0, 3)
    if subgraph >= 2 and narrow is None:
        raise ParameterError(f"subgraph={subgraph} is of the fast network; give fast= too.")
    if subgraph == 1 and narrow is not None:
        raise ParameterError("subgraph=1 is of the whole network; leave fast= away, or use 2 or 3.")
    n = len(log.all_accounts)
    rows, n_posts = rows_of_log(log)
    rows = rows.where(np.bincount(rows.account, minlength=n)[rows.account] >= least)
    able = rows.where((rows.post >= 0) & ~_about_itself(log, rows))

    def narrowed(marks: Marks, window_us: int) -> Marks:
        surviving = able.post[rows_in_pairs(able, window_us, marks)]
        good = _good_posts(rows, surviving, least, n, n_posts)
        return marks.and_one_of(good[able.post])

    marks = narrowed(Marks.none(len(able.account)), window)
    found = post_pairs(able, window, n, marks, threads)
    edges = {"source": found.source, "target": found.target, **_columns(found)}
    edges["weight_threshold"] = _flag(found.pairs, edge_weight)
    if narrow is not None:
        narrow = min(narrow, window)
        quick = post_pairs(able, narrow, n, narrowed(marks, narrow), threads)
        edges |= _fast_columns(found, quick, edge_weight)
    graph = made(log, coortweet, edges, window_us=window, parameters=parameters)
    return _subgraph(graph, subgraph)


def _fast_columns(
    found: PostPairs, quick: PostPairs, edge_weight: float
) -> dict[str, NDArray[Any]]:
    """Return the columns of the fast network at the edges of the whole one."""
    at = np.searchsorted(found.key, quick.key)
    columns: dict[str, NDArray[Any]] = {}
    for name, values in _columns(quick).items():
        whole = np.zeros(len(found.source), values.dtype)
        if values.dtype.kind == "f":
            whole[:] = np.nan
        whole[at] = values
        columns[f"{name}_fast"] = whole
    columns["weight_threshold_fast"] = np.zeros(len(found.source), np.int64)
    columns["weight_threshold_fast"][at] = _flag(quick.pairs, edge_weight)
    return columns


def _subgraph(graph: CoordinationGraph, which: int) -> CoordinationGraph:
    """Return the part of the network that CooRTweet calls by this number."""
    if which == 0:
        return graph
    name = "weight_threshold" if which == 1 else "weight_threshold_fast"
    flagged = graph.edges[name] == 1
    if which < 3:
        return graph.where(flagged)
    source, target = graph.edges["source"], graph.edges["target"]
    core = np.zeros(len(graph.all_accounts), bool)
    core[source[flagged]] = core[target[flagged]] = True
    near = np.zeros(len(core), bool)
    near[target[core[source]]] = near[source[core[target]]] = True
    return graph.where(near[source] & near[target])


def _columns(found: PostPairs) -> dict[str, NDArray[Any]]:
    """Return the columns of CooRTweet's edges."""
    fewer, more = np.minimum(found.older, found.newer), np.maximum(found.older, found.newer)
    return {
        "weight": found.pairs,
        "avg_time_delta": found.apart / np.maximum(found.pairs, 1) / SECOND,
        "n_content_id": found.older,
        "n_content_id_y": found.newer,
        "edge_symmetry_score": fewer / np.maximum(more, 1),
    }


def _flag(weights: NDArray[Any], quantile: float) -> NDArray[np.int64]:
    """Return 1 for weights above the quantile (type 7) of all of them."""
    if not len(weights):
        return np.zeros(0, np.int64)
    above: NDArray[np.bool_] = weights > np.quantile(weights, quantile)
    return above.astype(np.int64)
