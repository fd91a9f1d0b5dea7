"""detect and what it writes: one manifest, pseudonyms, the same files for the same run."""

import csv
import hashlib
import json
import platform
import re
from importlib import metadata

import numpy as np
import pyarrow as pa
import pytest
from helpers import assert_same_graph, assert_same_log, edges_of, log_of, ring_rows
from strategies import START

import coordnet as cn
from coordnet.export import Pseudonyms, restored

# Counts only, so that what is found is known; and all that detect does unless told otherwise
RULE = {"min_weight": 3, "fdr": None, "groups": False, "method": "leiden", "seed": 1}
TESTED = {"seed": 1}
EVERYTHING = {"within": ["60s", "1h"], "co_timing": "1s", "null_runs": 1, "confirm": True}
FILES = ["clusters.csv", "edges.csv", "scores.csv", "manifest.json"]


@pytest.fixture(scope="module")
def log():
    return log_of(ring_rows())


@pytest.fixture(scope="module")
def run(log):
    return cn.detect(log, within="60s", **RULE)


def rows_of_csv(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def untimed(folder):
    """Return the bytes of each file, the manifest without its timings."""
    files = {p.name: p.read_bytes() for p in folder.iterdir()}
    manifest = json.loads(files["manifest.json"])
    assert manifest.pop("timings")
    return files | {"manifest.json": json.dumps(manifest)}


# -- the stages --------------------------------------------------------------------------------


def test_detect_is_its_stages_in_order(log, run):
    assert_same_graph(run.graph, cn.co_action(log, "60s", min_weight=3))
    assert (run.graph.within, run.graph.weight, run.graph.log) == ("60s", "objects", log)
    assert run.layers.layers == (run.graph,)
    assert run.config == cn.Configuration("60s", **RULE)
    clusters = cn.find_clusters(run.graph, "leiden", seed=1)
    assert run.clusters.indices.tolist() == clusters.indices.tolist()
    assert run.clusters.indptr.tolist() == clusters.indptr.tolist()
    found = [cluster.accounts.tolist() for cluster in run.clusters]
    assert found == [[f"ring{k}_{m}" for m in range(n)] for k, n in enumerate((9, 6, 5))]
    expected = cn.score_clusters(clusters)
    for name, estimate in expected.estimates.items():
        np.testing.assert_array_equal(run.scores[name].value, estimate.value)


def test_every_option_reaches_its_stage(log):
    run = cn.detect(
        log, within="10min", weight="pairs", min_weight=5, fdr=None, groups=False,
        method="components", min_size=2, seed=9,
    )  # fmt: skip
    assert (run.graph.within, run.graph.weight) == ("10min", "pairs")
    assert run.graph.weights.min() >= 5
    assert run.clusters.method == "components"
    assert run.clusters.parameters["min_size"] == 2
    assert 2 in run.clusters.sizes
    cpm = cn.detect(log, **{**RULE, "resolution": 0.001, "seed": 4})
    assert cpm.clusters.parameters["resolution"] == 0.001
    assert cpm.clusters.parameters["seed"] == 4


@pytest.mark.parametrize("rule", [RULE, TESTED, EVERYTHING])
def test_an_empty_log_gives_an_empty_run(tmp_path, rule):
    run = cn.detect(log_of([]), **rule)
    assert (run.graph.n_edges, len(run.clusters), len(run.scores)) == (0, 0, 0)
    assert run.manifest["input"]["first"] is None
    run.write(tmp_path / "out")
    assert rows_of_csv(tmp_path / "out" / "clusters.csv") == []
    assert rows_of_csv(tmp_path / "out" / "edges.csv") == []


def test_repr(run):
    lines = repr(run).splitlines()
    assert lines[0] == "Run"
    assert (
        lines[1]
        == f"  log      {len(run.graph.log):,} actions of {run.graph.log.n_accounts} accounts"
    )
    assert "  found    3 clusters with 20 of 172 accounts." in lines
    assert "ClusterScores: 3 clusters" in repr(run)
    assert "<strong>Run</strong>" in run._repr_html_()


def test_wrong_options_are_told(log):
    with pytest.raises(cn.CoordnetError, match="method='leidn' is not known"):
        cn.detect(log, min_weight=3, method="leidn")
    with pytest.raises(cn.CoordnetError, match="within='x' is not a duration"):
        cn.detect(log, "x", min_weight=3)


def test_what_is_no_log_is_told(log):
    """They died in the middle, with Python's own errors."""
    for given in (log.to_frame("pandas"), log.to_frame("polars"), "x.csv", 7):
        for name, arguments in (("log", {"log": given}), ("background", {"background": given})):
            with pytest.raises(cn.ParameterError) as error:
                cn.detect(**{"log": log, **arguments})
            assert str(error.value) == (
                f"{name}= takes an ActionLog, not {type(given).__name__}; read it first: "
                "coordnet.read_actions(source, account=..., object=..., time=...)."
            )


def test_the_log_is_no_background_of_its_own(log):
    """A copy of it, or the log in another order, is not either."""
    for same in (log, log_of(ring_rows()[::-1])):
        with pytest.raises(cn.ParameterError) as error:
            cn.detect(log, background=same)
        assert str(error.value).startswith("background= is the log itself, which cannot be its own")


def test_a_configuration_at_once_or_by_name(log):
    config = cn.Configuration(["60s", "10min"], min_weight=3, seed=2, null_sets=9)
    one = cn.detect(log, config=config)
    two = cn.detect(log, ["60s", "10min"], min_weight=3, seed=2, null_sets=9)
    other = cn.detect(log, "60s", config=config, score=False)  # a name replaces its own
    assert one.config == two.config == config
    assert other.config == config.replace(within="60s", score=False)
    assert one.clusters.indices.tolist() == two.clusters.indices.tolist()
    assert one.manifest["parameters"] == two.manifest["parameters"] == config.parameters()
    assert one.scores.to_frame("pyarrow").equals(two.scores.to_frame("pyarrow"))


def test_a_run_without_scores(log, tmp_path):
    run = cn.detect(log, score=False)
    assert run.scores is None
    assert "scores" not in run.manifest["timings"]
    names = {path.name for path in run.write(tmp_path)}
    assert names == {"clusters.csv", "edges.csv", "summary.txt", "report.json", "manifest.json"}
    with pytest.raises(cn.ParameterError, match="the clusters of this run were not scored"):
        run.explain(0)
    assert "Clusters" in repr(run)


# -- several layers ----------------------------------------------------------------------------


def test_the_manifest_tells_each_layer(log):
    run = cn.detect(log, ["60s", "10min"], co_timing="1s", fdr=0.06, score=False)
    told = run.manifest["layers"]
    assert [t["relation"] for t in told] == ["co-action", "co-action", "co-timing"]
    assert [t["within"] for t in told] == ["60s", "10min", "1s"]
    assert told[2]["refractory"] == "30s"
    assert [t["level"] for t in told] == pytest.approx([0.02] * 3)
    assert [t["edges_kept"] for t in told] == [layer.n_edges for layer in run.layers]
    assert [t["test"]["null"] for t in told] == ["both", "both", "jitter"]
    assert run.manifest["results"]["edges"] == run.graph.n_edges
    json.dumps(run.manifest, allow_nan=False)


def test_clusters_are_scored_in_the_window_that_shows_them():
    """Clusters of 60 s were scored in the widest window: no evidence, and explained by the news."""
    log = cn.simulate("retweet_ring", accounts=1_000, seed=0).log
    options = {"null_sets": 9, "clean_background": False}
    alone = cn.detect(log, "60s", **options)
    several = cn.detect(log, ["60s", "1h"], **options)
    fits = several.scores.explanations("pandas").set_index(["cluster", "explanation"])["fits"]
    strong = [c for c in alone.clusters if c.evidence > 5]
    assert len(strong) == 3
    for cluster in strong:
        (same,) = [c for c in several.clusters if c.accounts.tolist() == cluster.accounts.tolist()]
        i, j = cluster.number, same.number
        assert same.evidence == pytest.approx(cluster.evidence - np.log10(2))
        for name in ("group_evidence", "occasions", "synchronised_actions", "median_lag"):
            cost = np.log10(2) if name == "group_evidence" else 0.0
            value = several.scores[name].value[j]
            assert value == pytest.approx(alone.scores[name].value[i] - cost), name
        assert several.scores["occasions"].value[j] > 3
        said = several.explain(j)
        assert "within 60s" in said
        assert "no evidence" not in said
        assert "does not pay" not in said
        assert "inconclusive" not in said
        assert not fits[j, "news"]


def test_edges_of_co_timing_are_looked_for_in_both_halves_as_co_timing():
    """A layer of co-action that was added made them be looked for as co-action: 1.0 became 0.05."""
    log = cn.simulate("metronome", accounts=500, seed=0).log
    options = {"co_timing": "1s", "null_sets": 9}
    alone = cn.detect(log, [], **options)
    added = cn.detect(log, "60s", **options)
    assert len(alone.clusters) >= 1
    for cluster in alone.clusters:
        same = max(added.clusters, key=lambda c: len(set(c) & set(cluster)))
        assert len(set(same) & set(cluster)) >= 0.9 * len(cluster)
        assert same.layer == "co-timing within 1s"
        before = alone.scores["edges_in_both_halves"].value[cluster.number]
        after = added.scores["edges_in_both_halves"].value[same.number]
        assert before > 0.9
        assert after == pytest.approx(before, abs=0.1)


def test_a_run_of_a_part_is_that_of_its_rows(tmp_path):
    """Whatever codes there are: the same files, but for what was dropped."""
    rows = ring_rows()
    part = log_of(rows).exclude(accounts=["ring0_0", "user3", "user77"])
    alone = log_of([r for r in rows if r[0] not in ("ring0_0", "user3", "user77")])
    for name, log in (("part", part), ("alone", alone)):
        cn.detect(log, ["60s", "10min"], null_sets=19).write(tmp_path / name, all_edges=True)
    one, two = (untimed(tmp_path / name) for name in ("part", "alone"))
    manifests = [json.loads(files.pop("manifest.json")) for files in (one, two)]
    assert one["summary.txt"] != two["summary.txt"]  # which says what was dropped
    for files in (one, two):
        for name in ("summary.txt", "report.json"):
            files[name] = re.sub(rb"[^.]*rows? w(as|ere) dropped[^.]*\.", b"", files[name])
        report = json.loads(files.pop("report.json"))
        del report["limits"], report["input"][1:3]  # rows read, and dropped
        files["report"] = report
    assert one == two
    for manifest in manifests:
        for name in ("rows_read", "rows_dropped"):
            del manifest["input"][name]
        for name in ("summary.txt", "report.json"):
            del manifest["files"][name]
    assert manifests[0] == manifests[1]


# -- the files ---------------------------------------------------------------------------------


def test_the_manifest_has_the_fingerprint_of_every_file(run, tmp_path):
    run.write(tmp_path / "out", graph="gexf")
    files = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["files"] == {n: hashlib.sha256(b).hexdigest() for n, b in files.items()}
    assert manifest["reading"] is None  # of a log that was made in Python


def test_clusters_and_scores_are_written(run, log, tmp_path):
    written = run.write(tmp_path / "a" / "b", identifiers=True)
    assert sorted(p.name for p in written) == sorted(p.name for p in (tmp_path / "a/b").iterdir())
    assert set(FILES) <= {p.name for p in written}
    rows = rows_of_csv(tmp_path / "a" / "b" / "clusters.csv")
    found = {(int(r["cluster"]), r["account"]) for r in rows}
    assert len(rows) == len(found) == run.clusters.sizes.sum()
    for i in range(len(run.clusters)):
        members = {restored(a) for c, a in found if c == i}
        assert members == set(run.clusters[i])
    scores = rows_of_csv(tmp_path / "a" / "b" / "scores.csv")
    table = run.scores.table().to_pylist()
    assert len(scores) == len(table) == 3
    for read, row in zip(scores, table, strict=True):
        assert {k: float(v) if v else None for k, v in read.items()} == row


def test_edges_are_those_inside_clusters_unless_asked_for_all(run, tmp_path):
    run.write(tmp_path / "inside", identifiers=True)
    run.write(tmp_path / "all", identifiers=True, all_edges=True)
    cluster_of = {name: cluster.number for cluster in run.clusters for name in cluster}

    def read(folder):
        return {
            (r["source"], r["target"]): (r["cluster"], int(r["objects"]), float(r["mean_delay"]))
            for r in rows_of_csv(tmp_path / folder / "edges.csv")
        }

    expected = {}
    for (u, v), edge in edges_of(run.graph).items():
        inside = cluster_of.get(u, -1) == cluster_of.get(v, -2)
        cluster = str(cluster_of[u]) if inside else ""
        expected[u, v] = (cluster, edge["objects"], edge["mean_delay"])
    assert read("all") == expected
    assert ("x", "y") in expected
    assert read("inside") == {ends: row for ends, row in expected.items() if row[0]}


def test_pseudonyms_stand_for_accounts_in_every_file(run, log, tmp_path):
    run.write(tmp_path / "named", identifiers=True, all_edges=True)
    run.write(tmp_path / "out", all_edges=True)
    names = dict(
        zip(log.accounts, Pseudonyms(log.secret("pseudonyms")).of(list(log.accounts)), strict=True)
    )
    named = rows_of_csv(tmp_path / "named" / "clusters.csv")
    plain = [(r["cluster"], names[r["account"]]) for r in named]
    found = [(r["cluster"], r["account"]) for r in rows_of_csv(tmp_path / "out/clusters.csv")]
    assert found == sorted(plain)  # never in the order of the labels
    plain = []
    for row in rows_of_csv(tmp_path / "named" / "edges.csv"):
        ends = sorted([names[row.pop("source")], names[row.pop("target")]])
        plain.append((row["cluster"], *ends, row["objects"], row["pairs"], row["mean_delay"]))
    found = [
        (r["cluster"], r["source"], r["target"], r["objects"], r["pairs"], r["mean_delay"])
        for r in rows_of_csv(tmp_path / "out" / "edges.csv")
    ]
    assert found == sorted(plain, key=lambda row: (row[0] == "", row))
    for path in (tmp_path / "out").iterdir():
        text = path.read_text()
        assert not [a for a in log.accounts if a.startswith(("ring", "user")) and a in text]


def test_a_key_of_ones_own(run, log, tmp_path):
    run.write(tmp_path / "own", key=b"k" * 64)
    found = {r["account"] for r in rows_of_csv(tmp_path / "own" / "clusters.csv")}
    members = log.all_accounts[run.clusters.indices]
    assert found == set(Pseudonyms(b"k" * 64).of(list(members)))
    assert json.loads((tmp_path / "own" / "manifest.json").read_text())["export"]["own_key"]
    assert "kkkk" not in (tmp_path / "own" / "manifest.json").read_text()
    with pytest.raises(cn.CoordnetError, match="key has 0 bytes; use 1 to 64"):
        run.write(tmp_path / "none", key=b"")


def values_in(value):
    """Return every value that stands anywhere in a manifest."""
    if isinstance(value, dict):
        return [v for k, item in value.items() for v in [k, *values_in(item)]]
    if isinstance(value, list):
        return [v for item in value for v in values_in(item)]
    return [value]


def test_no_value_that_is_published_gives_the_pseudonyms(run, log, tmp_path):
    run.write(tmp_path)
    found = {r["account"] for r in rows_of_csv(tmp_path / "clusters.csv")}
    members = list(log.all_accounts[run.clusters.indices])
    keys = set()
    for value in values_in(json.loads((tmp_path / "manifest.json").read_text())):
        text = str(value).encode()
        hashes = [h(text).digest() for h in (hashlib.sha256, hashlib.blake2b, hashlib.md5)]
        keys |= {text[:64], *hashes}
        if len(text) in (32, 64, 128):
            raw = bytes.fromhex(text.decode())
            keys |= {raw, hashlib.blake2b(raw).digest()}
            keys |= {
                hashlib.blake2b(b"pseudonyms", key=raw, digest_size=size).digest()
                for size in (32, 64)
            }
    keys.discard(b"")
    assert len(keys) > 100
    assert bytes.fromhex(log.fingerprint) in keys
    for key in keys:
        assert not set(Pseudonyms(key).of(members)) & found
    assert log.secret("pseudonyms") not in keys


def test_another_log_has_other_pseudonyms(run, tmp_path):
    run.write(tmp_path / "one")
    other = cn.detect(log_of([*ring_rows(), ("new", "o", START, "url", None)]), **RULE)
    other.write(tmp_path / "two")
    one, two = (
        {r["account"] for r in rows_of_csv(tmp_path / name / "clusters.csv")}
        for name in ("one", "two")
    )
    assert one
    assert not one & two


# -- the same run, the same files --------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        RULE,
        TESTED,
        EVERYTHING,
        {**RULE, "method": "louvain"},
        {**RULE, "method": "infomap"},
        {**RULE, "method": "label_propagation"},
    ],
)
@pytest.mark.filterwarnings("ignore::coordnet.errors.CoordnetWarning")  # whole seconds for 1 s
def test_identical_runs_write_identical_files(tmp_path, options):
    rows = ring_rows()
    for i, (threads, order) in enumerate([(1, 1), (2, 1), (2, -1)]):
        log = log_of(rows[::order], threads=threads)
        cn.detect(log, threads=threads, **options).write(tmp_path / str(i), all_edges=True)
    first = untimed(tmp_path / "0")
    assert set(first) >= set(FILES)
    assert first["clusters.csv"].count(b"\n") > 10
    assert untimed(tmp_path / "1") == first
    assert untimed(tmp_path / "2") == first


def test_writing_twice_changes_nothing(run, tmp_path):
    before = json.dumps(run.manifest)
    run.write(tmp_path)
    first = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    run.write(tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == first
    assert json.dumps(run.manifest) == before


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_failure_in_the_middle_leaves_whole_files(failing, run, tmp_path, monkeypatch):
    """The disk fills up at each file in turn: what was there stays, nothing else is left."""
    run.write(tmp_path, identifiers=True)
    old = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    write_csv, calls = pa.csv.write_csv, []

    def fill_up(table, path):
        calls.append(path)
        if len(calls) == failing:
            path.write_text("half of")
            raise OSError(28, "No space left on device")
        write_csv(table, path)

    monkeypatch.setattr(pa.csv, "write_csv", fill_up)
    with pytest.raises(OSError, match="No space left on device"):
        run.write(tmp_path)
    monkeypatch.undo()
    left = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert left.keys() == old.keys()
    run.write(tmp_path)
    new = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert all(left[name] in (old[name], new[name]) for name in left)
    assert left["manifest.json"] == old["manifest.json"]


def test_a_folder_that_cannot_be_made(run, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(cn.CoordnetError) as error:
        run.write(tmp_path / "file")
    assert (
        str(error.value)
        == f"{str(tmp_path / 'file')!r} is a file; choose another name for the folder."
    )


# -- the manifest ------------------------------------------------------------------------------


def test_the_manifest_says_what_went_in_and_what_was_dropped(tmp_path):
    rows = ring_rows()
    path = tmp_path / "secret folder" / "actions.csv"
    path.parent.mkdir()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["who", "what", "when", "how"])
        writer.writerows((a, o, t // 10**6, k) for a, o, t, k, _ in rows)
        writer.writerows(
            [["", "o", 1, "k"]] * 3 + [["u", " ", 1, "k"]] * 2 + [["u", "o", "soon", "url"]]
            + [["z", "zz", 1_500_000_000, "retweet"]] * 5 + [["z", "zz", 1, "url"]]
        )  # fmt: skip
    log = cn.read_actions(
        path, account="who", object="what", time="when", kind="how", on_bad="drop"
    )
    part = log.select("retweet").between("2017-01-01").exclude(accounts=["user7"])
    run = cn.detect(part, **RULE)
    run.write(tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    retweets = [r for r in {(a, o, t, k) for a, o, t, k, _ in rows} if r[3] == "retweet"]
    sevens = [r for r in retweets if r[0] == "user7"]
    unique = {(a, o, t, k) for a, o, t, k, _ in rows}
    assert manifest["input"]["rows_dropped"] == {
        "missing account": 3,
        "missing object": 2,
        "unreadable time": 1,
        "duplicate": len(rows) - len(unique) + 4,
        "other kind": len(unique) - len(retweets) + 1,
        "excluded": len(sevens),
    }
    given = manifest["input"]
    assert given["rows_read"] == len(rows) + 12
    assert given["rows_read"] - sum(given["rows_dropped"].values()) == given["actions"] == len(part)
    assert given["fingerprint"] == part.fingerprint
    assert given["sources"] == ["actions.csv"]  # no path: it may name a person
    assert given["kinds"] == ["retweet"]
    assert given["first"].startswith("2017-07-14 02:40:00")
    assert given["resolution"] == "1s"
    assert "secret folder" not in (tmp_path / "out" / "manifest.json").read_text()


def test_the_manifest_says_how_it_was_done(run):
    manifest = json.loads(json.dumps(run.manifest))
    assert manifest["coordnet"] == metadata.version("coordnet") == cn.__version__
    parameters = manifest["parameters"]
    assert cn.Configuration(**parameters) == run.config
    assert parameters["within"] == ["60s"]
    assert {n: parameters[n] for n in ("weight", "min_weight", "method", "min_size", "seed")} == {
        "weight": "objects", "min_weight": 3, "method": "leiden", "min_size": 3, "seed": 1
    }  # fmt: skip
    assert parameters["resolution"] is None  # that of the method
    assert "threads" not in parameters  # they change nothing
    for name, version in manifest["packages"].items():
        assert version == metadata.version(name)
    assert {"numpy", "scipy", "numba", "igraph", "leidenalg", "duckdb"} <= set(manifest["packages"])
    assert manifest["python"] == platform.python_version()
    assert manifest["results"]["edges"] == run.graph.n_edges
    assert manifest["results"]["clusters"] == 3
    assert manifest["results"]["accounts_in_clusters"] == 20
    assert {"reading", "clusters", "scores"} < set(manifest["timings"])  # and one for each graph
    assert sum(measured["seconds"] for measured in manifest["timings"].values()) > 0
    for measured in manifest["timings"].values():
        assert measured["process_peak_memory_mb"] > 10


def test_detect_does_not_change_its_log(log):
    before = log_of(ring_rows())
    cn.detect(log, **RULE)
    assert_same_log(log, before)
    assert_same_graph(cn.co_action(log, "60s"), cn.co_action(before, "60s"))
