"""The evidence behind a cluster: what was done together, when, how closely; under pseudonyms.

What is shown of an object depends on what its label looks like, not only on what its kind is
called: a log of posts may have their texts as objects, under any name.
"""

from __future__ import annotations

import math
import re

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coordnet.errors import ParameterError, one_of
from coordnet.export import labels_out
from coordnet.frames import frozen
from coordnet.kernels import windows as window_kernels
from coordnet.log.windows import longest
from coordnet.scores.texts import look_like_texts, redacted
from coordnet.scores.view import View
from coordnet.times import SECOND

PERSONS = ("mention", "reply", "user", "account")  # kinds of object that are people
SHOWN = 3  # members who must have posted a text before it is shown
BY = ("action", "object", "kind")
# A name or an address of a person, wherever it stands
_PERSON_LABEL = re.compile(r"@\w[\w.@-]*|[\w.+-]+@[\w-]+(\.[\w-]+)+")


def evidence_table(
    view: View, i: int, by: str, redact_text: bool, key: bytes | None, identifiers: bool
) -> pa.Table:
    """Return the evidence behind cluster i; see :meth:`coordnet.ClusterScores.evidence`."""
    one_of(by, BY, "by")
    view, i = view.part_of(i)
    log = view.graph.log
    secret = view.graph.whole_log.secret("pseudonyms") if key is None else key
    acts, lag = view.acts, view.lags
    begin, end = int(view.acts.indptr[i]), int(view.acts.indptr[i + 1])
    at = begin + np.flatnonzero(lag[begin:end] >= 0)
    times = pa.array(acts.time[at]).cast(pa.timestamp("us", tz="UTC"))
    gaps = pa.array(lag[at] / SECOND)
    own, place = np.unique(acts.account[at], return_inverse=True)
    shown_as = labels_out(log.all_accounts[own], secret, identifiers)
    names = pa.array(shown_as, pa.large_string()).take(pa.array(place))
    if not view.graph.relation.on_objects:  # members act at the same moments, whatever on
        if by != "action":
            raise ParameterError(
                f"by={by!r}: cluster {i} is carried by {view.graph.relation.title}, where accounts "
                "do not meet on objects; use by='action'."
            )
        table = pa.table({"time": times, "account": names, "gap_seconds": gaps})
        return table.sort_by([("time", "ascending"), ("account", "ascending")])

    test = view.group_tests[i]
    together = np.flatnonzero(test.detail[:, 2] >= 2)
    detail = test.detail[together]
    codes = detail[:, 0].astype(np.int64)
    kinds = pa.array(log.kinds, pa.large_string()).take(pa.array(log.object_kind[codes]))
    members = detail[:, 1].astype(np.int64)
    shown = shown_objects(view, codes, members, redact_text, secret, identifiers)
    objects = pa.table(
        {
            "occasion": pa.array(test.occasion_of(together)),
            "kind": kinds,
            "object": pa.array(shown, pa.large_string()),
            "members": pa.array(members),
            "at_once": pa.array(detail[:, 2].astype(np.int64)),
            "outsiders": pa.array(detail[:, 4].astype(np.int64)),
            "log10_evidence": pa.array(-detail[:, 5] / math.log(10) + 0.0),
        }
    )
    if by == "object":
        return objects.sort_by([("log10_evidence", "descending"), ("object", "ascending")])
    if by == "kind":
        summed = objects.group_by("kind").aggregate(
            [("object", "count"), ("occasion", "count_distinct"), ("log10_evidence", "sum")]
        )
        renamed = summed.select(
            ["kind", "object_count", "occasion_count_distinct", "log10_evidence_sum"]
        ).rename_columns(["kind", "objects", "occasions", "log10_evidence"])
        return renamed.sort_by([("log10_evidence", "descending"), ("kind", "ascending")])
    place = np.full(log.n_objects, -1, np.int64)
    place[codes] = np.arange(len(codes))
    rows = objects.take(pa.array(place[acts.object[at]]))
    table = pa.table(
        {
            "occasion": rows["occasion"],
            "time": times,
            "account": names,
            "kind": rows["kind"],
            "object": rows["object"],
            "gap_seconds": gaps,
            "at_once": rows["at_once"],
            "outsiders": rows["outsiders"],
            "log10_evidence": rows["log10_evidence"],
        }
    )
    return table.sort_by([("time", "ascending"), ("object", "ascending"), ("account", "ascending")])


def shown_objects(
    view: View,
    codes: NDArray[np.int64],
    members: NDArray[np.int64],
    redact_text: bool,
    secret: bytes,
    identifiers: bool,
) -> list[str]:
    """Return what is shown of each object: people under pseudonyms, texts redacted."""
    log = view.graph_log
    labels = log.object_labels.take(pa.array(codes))
    texts = view.kinds_of_text[log.object_kind[codes]] | look_like_texts(labels)
    shown = []
    for label, kind, text, count in zip(
        labels.to_pylist(), log.object_kind[codes].tolist(), texts.tolist(), members.tolist(),
        strict=True,
    ):  # fmt: skip
        if log.kinds[kind] in PERSONS or (not text and _PERSON_LABEL.fullmatch(label)):
            shown += labels_out([label], secret, identifiers)
        elif text and redact_text:
            shown.append(redacted(label) if count >= SHOWN else f"[text of {count} members]")
        else:
            shown.append(label)
    return shown


def texts_table(view: View, i: int, most: int, redact_text: bool) -> pa.Table:
    """Return the texts most shared by members of cluster i; see `ClusterScores.texts`."""
    window_us = view.part_of(i)[0].graph.window_us
    texts, drawn = view.texts, view.drawn
    if texts is None:
        raise ParameterError("the log has no texts; read it with text=.")
    members = view.members_of(i)
    starts = drawn.starts
    place = np.searchsorted(drawn.codes, members)
    at = np.concatenate([np.arange(starts[m], starts[m + 1]) for m in place])
    account = np.repeat(members, starts[place + 1] - starts[place])
    known = texts.codes[at] >= 0
    at, account = at[known], account[known]
    code, time = texts.codes[at], view.log.time[drawn.positions[at]]
    order = np.lexsort((time, code))
    code, account, time = (frozen(column[order]) for column in (code, account, time))
    # texts are of posts, whose actions may be of several kinds: the longest of their windows
    window = np.full(len(texts.labels), longest(window_us))
    low, high = window_kernels.window_bounds(code, time, window)
    unison = window_kernels.nearest_lags(account, time, low, high) >= 0
    distinct, inverse, count = np.unique(code, return_inverse=True, return_counts=True)
    who = np.unique(np.stack([inverse, account]), axis=1)[0]
    people = np.bincount(who, minlength=len(distinct))
    together = np.bincount(inverse, unison, len(distinct)).astype(np.int64)
    keep = np.flatnonzero(people >= (SHOWN if redact_text else 2))
    first = view.first_wordings[distinct[keep]]
    ranked = keep[np.lexsort((first, -people[keep], -together[keep]))][:most]
    shown = texts.labels.take(pa.array(distinct[ranked])).to_pylist()
    return pa.table(
        {
            "text": pa.array([redacted(t) if redact_text else t for t in shown], pa.large_string()),
            "members": pa.array(people[ranked]),
            "posts": pa.array(count[ranked]),
            "in_unison": pa.array(together[ranked]),
        }
    )
