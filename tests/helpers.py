"""Between the rows of naive.py and the values of coordnet."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from strategies import SECOND, START

import coordnet as cn
from coordnet.engines.spark import check_java
from coordnet.errors import MissingDependencyError
from coordnet.inference.group_test import GroupTester
from coordnet.inference.statistics import WindowStatistics
from coordnet.over_time.clusters_over_time import Step
from coordnet.over_time.following import follow

US = dt.timedelta(microseconds=1)
COLUMNS = ("account", "object", "time", "kind", "post")


def table_of(rows):
    """Return rows as an Arrow table."""
    columns = list(zip(*rows, strict=True)) if rows else [[]] * len(COLUMNS)
    types = [pa.string(), pa.string(), pa.int64(), pa.string(), pa.string()]
    arrays = [pa.array(c, t) for c, t in zip(columns, types, strict=True)]
    return pa.table(dict(zip(COLUMNS, arrays, strict=True)))


def log_of(rows, **options):
    """Return the log of rows."""
    return cn.read_actions(
        table_of(rows),
        **{name: name for name in COLUMNS},
        unit="us",
        **options,
    )


def rows_of(log):
    """Return the rows of a log, in its order."""
    content = log.to_frame("pyarrow")["post"].to_pylist() if log.post else [None] * len(log)
    return [
        (log.all_accounts[a], log.objects[o], int(t), log.kinds[log.object_kind[o]], c)
        for a, o, t, c in zip(log.account, log.object, log.time, content, strict=True)
    ]


def edges_of(graph):
    """Return {(u, v): {column: value}} of a graph, by labels."""
    names = graph.all_accounts
    columns = {n: c.tolist() for n, c in graph.edges.items() if n not in ("source", "target")}
    return {
        (names[u], names[v]): {n: column[i] for n, column in columns.items()}
        for i, (u, v) in enumerate(zip(graph.edges["source"], graph.edges["target"], strict=True))
    }


def group_tester(log, window=60_000_000, occasion_gap=None, background=None, threads=None):
    """Return the tester of groups of a log, for a window in microseconds."""
    return GroupTester(WindowStatistics(log, window, background, occasion_gap, None, threads))


def assert_edges(found, expected):
    """Compare edges: their order by labels, counts exactly, means up to rounding."""
    assert list(found) == sorted(expected, key=lambda ends: [end.encode() for end in ends])
    for ends, edge in expected.items():
        assert found[ends] == pytest.approx(edge, rel=1e-13, abs=1e-13), ends
        counts = {n: v for n, v in edge.items() if isinstance(v, int)}
        assert {n: found[ends][n] for n in counts} == counts, ends


def assert_same_graph(one, other):
    """Compare two graphs byte by byte."""
    assert list(one.edges) == list(other.edges)
    for name, column in one.edges.items():
        assert column.dtype == other.edges[name].dtype
        if column.dtype == object:
            assert column.tolist() == other.edges[name].tolist(), name
        else:
            assert column.tobytes() == other.edges[name].tobytes(), name


def assert_same_log(one, other, rows=True):
    """Compare two logs: all arrays, labels and the fingerprint; with `rows`, where they stood."""
    for name in ("account", "object", "time", "object_kind", *(["row"] if rows else [])):
        a, b = getattr(one, name), getattr(other, name)
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b, err_msg=name)
    assert one.all_accounts.labels.to_pylist() == other.all_accounts.labels.to_pylist()
    assert one.object_labels.to_pylist() == other.object_labels.to_pylist()
    assert one.kinds == other.kinds
    for name in ("post", "text"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None), name
        if a is not None:
            np.testing.assert_array_equal(a.codes, b.codes, err_msg=name)
            assert a.labels.to_pylist() == b.labels.to_pylist()
    assert one.fingerprint == other.fingerprint


def assert_same_part(part, alone):
    """Compare a part of a log with a log of its rows alone: all but the codes of accounts."""
    assert rows_of(part) == rows_of(alone)
    for name in ("object", "time", "object_kind"):
        np.testing.assert_array_equal(getattr(part, name), getattr(alone, name), err_msg=name)
    assert part.accounts.tolist() == alone.accounts.tolist()
    assert (part.n_accounts, part.n_objects) == (alone.n_accounts, alone.n_objects)
    assert part.objects.tolist() == alone.objects.tolist()
    assert part.kinds == alone.kinds
    assert part.fingerprint == alone.fingerprint


def ring_rows(rings=(9, 6, 5), public=150, seed=0):
    """Return rows of rings that act together again and again, among a public that does not.

    Members are ``ring0_0``, ``ring0_1``, ..., the public ``user0``, ...; nothing is borderline.
    """
    rng = np.random.default_rng(seed)
    start, second = 1_500_000_000_000_000, 1_000_000
    rows = []
    for ring, size in enumerate(rings):
        for i in range(12):
            moment = start + int(rng.integers(0, 14 * 86_400)) * second
            for member in range(size):
                lag = int(rng.integers(0, 40)) * second
                rows.append((f"ring{ring}_{member}", f"r{ring} {i}", moment + lag, "retweet", None))
    for _ in range(20 * public):
        obj = int(rng.integers(300))
        moment = start + obj * 3_600 * second + int(rng.lognormal(9.5, 1)) * second
        kind = "url" if obj % 5 == 0 else "retweet"
        rows.append((f"user{rng.integers(public)}", f"o{obj}", moment, kind, None))
    for i in range(6):  # two who meet and are no cluster
        rows += [(a, f"two {i}", start + i * 7_200 * second, "retweet", None) for a in ("x", "y")]
    return rows


def acts(obj, *who, kind="retweet"):
    """Return the actions of (account, seconds) on an object."""
    return [(a, obj, START + round(s * SECOND), kind, None) for a, s in who]


def two_halves(groups):
    """Return rows of a public of 28 days, and of groups {name: (size, halves in which)}."""
    rng = np.random.default_rng(4)
    rows = []
    for obj in range(300):
        birth = rng.uniform(0, 27 * 86_400)
        who = rng.choice(200, 14, replace=False)
        times = birth + np.minimum(rng.lognormal(9.0, 1.5, 14), 80_000)
        rows += acts(f"o{obj:03d}", *zip([f"user{a}" for a in who], times, strict=True))
    rows += acts("o000", ("user0", 0.0), ("user0", 28 * 86_400.0))
    for name, (size, where) in groups.items():
        for half in where:
            for i in range(10):
                moment = (14 * half + rng.uniform(0.2, 13.5)) * 86_400
                pace = moment + rng.uniform(0, 40, size)
                obj = f"{name}{half}{i}"
                rows += acts(obj, *zip([f"{name}_{m}" for m in range(size)], pace, strict=True))
                rest = np.clip(moment + rng.lognormal(9.0, 1.5, 6), 14 * 86_400 * half,
                               14 * 86_400 * (half + 1) - 1)  # fmt: skip
                who = rng.choice(200, 6, replace=False)
                rows += acts(obj, *zip([f"user{a}" for a in who], rest, strict=True))
    return rows


def over_time_of(steps, names=None, patience=1):
    """Return clusters over time of the members of each cluster of each step, numbers of accounts.

    Each step is a day from 2 January 2020 on; `names` are the accounts' labels.
    """
    n = 1 + max((a for step in steps for cluster in step for a in cluster), default=1)
    labels = [f"a{i:03d}" for i in range(n)] if names is None else list(names)
    log = log_of([(label, "o", i * SECOND, "k", None) for i, label in enumerate(labels)])
    code = log.codes_of(labels)
    day, begin = 86_400 * SECOND, 1_577_923_200 * SECOND
    found = []
    for number, clusters in enumerate(steps):
        start = begin + number * day
        made = cn.Clusters.from_members(
            cn.CoordinationGraph.from_frame(
                pa.table({"a": labels[:1], "b": labels[1:2], "w": [1]}), source="a", target="b",
                weight="w", log=log,
            ),
            [code[sorted(cluster)] for cluster in clusters], "given", {},
        )  # fmt: skip
        found.append(Step(start, start + day, True, 0.05 / len(steps), made))
    tracks, events = follow(
        [[s.clusters.members(i) for i in range(len(s.clusters))] for s in found], patience
    )
    parameters = {
        "every": "1d", "window": "1d", "spending": "even", "coupling": 0.1, "patience": patience,
    }  # fmt: skip
    return cn.ClustersOverTime(
        tuple(found), tuple(tracks), tuple(events), parameters, cn.Configuration(), log
    )


def require_spark():
    """Skip the test where pyspark or Java is missing."""
    pytest.importorskip("pyspark")
    try:
        check_java()
    except MissingDependencyError as error:
        pytest.skip(str(error))
