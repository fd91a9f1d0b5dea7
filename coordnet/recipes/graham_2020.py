"""The Coordination Network Toolkit (QUT, Graham et al.): six networks, weights both ways."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.errors import (
    ParameterError,
    check_number,
    check_whole,
    one_of,
    optional_import,
)  # fmt: skip
from coordnet.frames import native
from coordnet.graphs.graph import CoordinationGraph
from coordnet.kernels import similarity as kernels
from coordnet.log.actions import ActionLog, check_log
from coordnet.recipes.pairs import Rows, post_pairs, windows
from coordnet.recipes.recipe import made, of_kind, posts_of, recipe
from coordnet.times import Duration, duration

NETWORKS = {
    "co_retweet": "retweet", "co_reply": "reply", "co_link": ("url", "link"), "co_tweet": "text",
    "co_similar_tweet": "text", "co_post": None,
}  # fmt: skip
_MENTION = re.compile(r"@.*?(?=(?:\s|$))")


def normal_text(text: str) -> str:
    """Return a message as the toolkit compares it: lower case, no mentions, single spaces.

    >>> normal_text("RT @Someone:  Hello   World")
    'rt hello world'
    """
    return " ".join(_MENTION.sub("", text.lower()).split())


def tokens(text: str) -> set[str]:
    """Return the words of a message as the toolkit has them for similar messages.

    >>> sorted(tokens("Good morning, @you: good day"))
    [',', 'day', 'good', 'morning']
    """
    words = " ".join(_words().split(_MENTION.sub("", text.lower())))
    return set(words.split())


@cache
def _words() -> Any:
    """Return the toolkit's pattern: where Unicode's rules put a border between words."""
    regex = optional_import("regex", "content", "network='co_similar_tweet'")
    return regex.compile(
        r"\b\p{Word_Break=WSegSpace}*'?", flags=regex.WORD | regex.UNICODE | regex.V1
    )


def _first_of_each(log: ActionLog, with_object: bool) -> ActionLog:
    """Return the log with the first row of each message, or of each message and object."""
    if log.post is None:
        return log
    at = np.flatnonzero(log.post.codes >= 0)
    at = at[np.argsort(log.row[at], kind="stable")]
    key = log.post.codes[at].astype(np.int64)
    if with_object:
        key = key << 32 | log.object[at]
    _, first = np.unique(key, return_index=True)
    keep = np.zeros(len(log), bool)
    keep[at[first]] = True
    return log.where(keep, "repeated message")


def _messages(log: ActionLog) -> tuple[list[str], NDArray[np.int32]]:
    """Return the texts of a log and which of them each action has, -1 for none."""
    if log.text is not None:
        return log.text.labels.to_pylist(), log.text.codes
    return log.object_labels.to_pylist(), log.object


def _rows(log: ActionLog, object_: NDArray[np.int32] | None = None) -> Rows:
    """Return the rows of a log, on other objects where they are given, sorted."""
    post, _ = posts_of(log)
    if object_ is None:  # a log stands in this order
        return Rows(log.account, log.object, log.time, post, log.row)
    order = np.lexsort((log.time, object_))
    order = order[object_[order] >= 0]
    rows = Rows(log.account, object_, log.time, post, log.row)
    return rows.where(order)


CITATION = (
    "Graham, T. & QUT Digital Observatory (2020). Coordination Network Toolkit. Queensland "
    "University of Technology. https://doi.org/10.25912/RDF_1632782596538"
)


@recipe(CITATION)
def coordination_toolkit(
    log: ActionLog,
    network: str = "co_retweet",
    within: Duration = 60,
    min_edge_weight: int = 2,
    *,
    similarity_threshold: float = 0.8,
    min_document_size: int = 1,
    threads: int | None = None,
) -> CoordinationGraph:
    """Count messages on one object within a window, in both directions, as the toolkit does.

    The weight of (u, v) is the number of u's different messages for which v has another message
    with the same object at most `within` away, inclusive; so (u, v) and (v, u) differ. Of rows with
    one message id the first in the input counts; with several links, of each message and link.

    Parameters
    ----------
    log
        The actions, with message ids (``post=``); without them each action is a message.
    network
        ``"co_retweet"``, ``"co_reply"``, ``"co_link"`` (actions of kind retweet, reply, url),
        ``"co_tweet"`` (messages that are no reposts with one text: lower case, mentions stripped,
        white space squeezed), ``"co_similar_tweet"`` (whose words have a Jaccard index of at least
        `similarity_threshold`) or ``"co_post"`` (any two messages). Texts are those of the log
        (``text=``), else its objects.
    within
        The window; the toolkit's own default is 1 second.
    min_edge_weight
        Least weight of a direction.
    similarity_threshold, min_document_size
        Of similar messages: the least Jaccard index, and the least number of words.
    threads
        Number of threads; None means all processors. It changes no byte of the result.

    Returns
    -------
    CoordinationGraph
        With edge columns ``weight_source`` and ``weight_target``, the weights from the source and
        from the target, 0 where below `min_edge_weight`, and ``weight``, the larger. An account
        with itself is no edge. :func:`toolkit_edges` gives the table of directed edges.

    References
    ----------
    Graham, T. & QUT Digital Observatory (2020). Coordination Network Toolkit.
    https://doi.org/10.25912/RDF_1632782596538

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> graph = cn.recipes.coordination_toolkit(log, "co_retweet", within=60)
    >>> graph.weight, int(graph.weights.min())
    ('weight', 2)
    """
    check_log(log)
    one_of(network, NETWORKS, "network")
    window = duration(within, "within")
    least = check_whole(min_edge_weight, "min_edge_weight", 1)
    share = check_number(similarity_threshold, "similarity_threshold", above=0, at_most=1)
    words = check_whole(min_document_size, "min_document_size", 1)
    parameters = {
        "network": network, "within": within, "min_edge_weight": min_edge_weight,
        "similarity_threshold": similarity_threshold, "min_document_size": min_document_size,
    }  # fmt: skip
    part = _part(log, network)
    n = len(log.all_accounts)
    if network == "co_similar_tweet":
        edges = _similar_messages(part, window, share, words)
    else:
        objects: NDArray[np.int32] | None = None
        if network == "co_post":
            objects = np.zeros(len(part), np.int32)
        elif network == "co_tweet":
            texts, code = _messages(part)
            _, same = np.unique([normal_text(text) for text in texts], return_inverse=True)
            objects = np.append(same, -1)[code].astype(np.int32)
        found = post_pairs(_rows(part, objects), window, n, threads=threads)
        edges = {
            "source": found.source, "target": found.target, "weight_source": found.own,
            "weight_target": found.others,
        }  # fmt: skip
    for name in ("weight_source", "weight_target"):
        edges[name] = np.where(edges[name] >= least, edges[name], 0)
    edges["weight"] = np.maximum(edges["weight_source"], edges["weight_target"])
    edges = {name: column[edges["weight"] > 0] for name, column in edges.items()}
    null = "activity" if network in ("co_post", "co_similar_tweet") else "both"
    return made(
        part, coordination_toolkit, edges, window_us=window, null=null, parameters=parameters
    )


def _part(log: ActionLog, network: str) -> ActionLog:
    """Return the actions that a network is about, the first row of each message."""
    if network == "co_post":
        return _first_of_each(log, with_object=False)
    if network in ("co_tweet", "co_similar_tweet"):
        if "text" in log.kinds and len(log.kinds) > 1:
            log = log.select("text")
        elif "retweet" in log.kinds and len(log.kinds) > 1:
            log = log.select([kind for kind in log.kinds if kind != "retweet"])
        elif log.kinds == ("retweet",):
            raise ParameterError(
                f"network={network!r} is about messages that are no reposts, and the log has "
                "retweets only; read it with kind= and the other messages."
            )
    else:
        log = of_kind(log, NETWORKS[network], f"network={network!r}")
    return _first_of_each(log, with_object=network == "co_link")


def _similar_messages(
    log: ActionLog, window: int, share: float, least: int
) -> dict[str, NDArray[Any]]:
    """Return the directed counts of similar messages of every two accounts."""
    texts, code = _messages(log)
    sets = [tokens(text) for text in texts]
    sets = [words if len(words) >= least else set() for words in sets]
    number = {word: i for i, word in enumerate(sorted(set().union(*sets)))}
    coded = [np.sort([number[word] for word in words]).astype(np.int32) for words in sets]
    indptr = np.concatenate([[0], np.cumsum([len(words) for words in coded])]).astype(np.int64)
    flat = np.concatenate([np.zeros(0, np.int32), *coded])
    rows = _rows(log, np.where(code >= 0, 0, -1).astype(np.int32))
    text_of = np.full(int(rows.post.max(initial=-1)) + 1, -1, np.int64)
    post, _ = posts_of(log)
    text_of[post[code >= 0]] = code[code >= 0]
    low, high = windows(rows, window)
    i, j = kernels.similar_sets(
        rows.account, rows.post, text_of[rows.post], indptr, flat, low, high, share
    )
    swap = rows.account[i] > rows.account[j]
    i, j = np.where(swap, j, i), np.where(swap, i, j)
    key = rows.account[i].astype(np.int64) << 32 | rows.account[j]
    every, at = np.unique(key, return_inverse=True)
    counts = [
        np.bincount(np.unique(np.stack([at, rows.post[end]]), axis=1)[0], minlength=len(every))
        for end in (i, j)
    ]
    return {
        "source": every >> 32, "target": every & 0xFFFFFFFF, "weight_source": counts[0],
        "weight_target": counts[1],
    }  # fmt: skip


def toolkit_edges(graph: CoordinationGraph, backend: str | None = None) -> Any:
    """Return the directed edges of a toolkit network as the toolkit's table has them.

    Parameters
    ----------
    graph
        What :func:`coordination_toolkit` gave.
    backend
        ``"pandas"``, ``"polars"`` or ``"pyarrow"``; by default the kind the actions came in.

    Returns
    -------
    frame
        Columns user_1, user_2 (labels) and weight, sorted by both.

    Examples
    --------
    >>> import coordnet as cn
    >>> log = cn.simulate("retweet_ring", accounts=500, seed=0).log
    >>> graph = cn.recipes.coordination_toolkit(log)
    >>> bool(len(cn.recipes.toolkit_edges(graph)) >= graph.n_edges)
    True
    """
    edges = graph.edges
    ends = [np.concatenate([edges[a], edges[b]]) for a, b in
            (("source", "target"), ("target", "source"))]  # fmt: skip
    weight = np.concatenate([edges["weight_source"], edges["weight_target"]])
    at = np.lexsort((ends[1], ends[0]))
    at = at[weight[at] > 0]
    labels = graph.all_accounts.labels
    table = pa.table(
        {
            "user_1": labels.take(pa.array(ends[0][at])),
            "user_2": labels.take(pa.array(ends[1][at])),
            "weight": pa.array(weight[at]),
        }
    )
    return native(table, backend or graph.frame)
