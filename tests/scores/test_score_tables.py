"""Tables of scores for people, scores of other packages, and what evidence shows of people."""

import sys
import types

import numpy as np
import pyarrow as pa
import pytest
from scored import DAY, clusters_of, public, score_of, text_log

import coordnet as cn
from coordnet.clusters.clusters import Clusters
from coordnet.export import Pseudonyms
from coordnet.readers.text import near_duplicates
from coordnet.scores import Absent, Estimate, score
from coordnet.scores.table import FAMILIES
from coordnet.scores.texts import kinds_of_text, look_like_texts
from coordnet.scores.view import REGISTRY

SHORT = [
    "cluster", "accounts", "actions", "density", "synchronised_actions", "median_lag",
    "group_evidence", "occasions",
]  # fmt: skip


def together(names, objects, kind="post", start=0):
    return [
        (name, obj, start + 1_000 * j + i, kind)
        for j, obj in enumerate(objects)
        for i, name in enumerate(names)
    ]


@pytest.fixture(scope="module")
def scores():
    rows = together("abc", ["p0", "p1", "p2"]) + together("de", ["q0", "q1"], start=DAY)
    return score_of(text_log(rows + public(30, 3)), "abc", "de")


# -- tables ------------------------------------------------------------------------------------


def test_the_table_is_short_by_default(scores):
    assert scores.to_frame("pyarrow").column_names == SHORT
    assert list(scores.to_frame("pandas").columns) == SHORT
    assert scores.to_frame("polars").columns == SHORT
    for name in SHORT[1:]:
        assert scores.to_frame("pyarrow")[name].to_pylist() == scores[name].value.tolist()


def test_families_and_scores_by_name(scores):
    def names(**options):
        return scores.to_frame("pyarrow", **options).column_names[1:]

    assert names(family="size") == ["accounts", "actions", "objects", "days_active"]
    assert names(family=["rhythm", "density", "size"]) == [
        "accounts", "actions", "objects", "days_active", "density", "hour_entropy",
        "round_the_clock", "burstiness", "on_the_quarter",
    ]  # fmt: skip
    assert names(family="objects", parts=True) == [
        "objects", "objects_reference", "objects_effect", "objects_p", "objects_q"
    ]  # fmt: skip
    assert names(family="all") == scores.table().column_names[1:]
    assert names(family="all", parts=False) == list(scores.estimates)
    assert names(family="profiles") == []  # known, and absent here
    long = scores.to_frame("pyarrow", family="size", long=True)
    assert set(long["score"].to_pylist()) == {"accounts", "actions", "objects", "days_active"}
    with pytest.raises(cn.CoordnetError, match=r"family='rythm' is not known.* Did you mean 'rhy"):
        scores.to_frame(family="rythm")


def test_few_scores_are_all_in_the_short_table(scores):
    few = cn.score_clusters(scores.clusters, only=["amplification", "density"])
    assert few.to_frame("pyarrow").column_names == ["cluster", *few.estimates]
    assert "top_target_share" in repr(few)


def test_counts_are_integers_and_medians_are_not(scores):
    schema = scores.table().schema
    counts = [
        "accounts", "actions", "objects", "days_active", "synchronised_objects",
        "synchronised_pairs", "occasions", "days_with_synchrony",
    ]  # fmt: skip
    for name in counts:
        assert schema.field(name).type == pa.int64(), name
    floats = [f.name for f in schema if pa.types.is_floating(f.type)]
    assert set(floats) == set(schema.names) - {"cluster", *counts}
    assert "objects_reference" in floats
    assert not any(REGISTRY[name][0].whole for name in ("followers", "following"))


def test_one_layer_has_no_columns_of_layers(scores):
    assert not {"layer", "carried_by"} & set(scores.table().column_names)


def test_long_tables_are_short_in_html_and_cells_are_escaped():
    rows = [(f"{n}{i:02d}", f"<b>{i}", 100 * i) for i in range(25) for n in "ab"]
    log = text_log(rows)
    many = cn.score_clusters(cn.find_clusters(cn.co_action(log), "components", min_size=2))
    shown = many._repr_html_()
    assert shown.count("<tr>") == 21
    assert "ClusterScores: 25 clusters, the first 20 of them" in shown

    moments = {"<script>": ("2017-05-01", "2017-05-02")}  # a name that a person wrote
    shown = cn.score_clusters(many.clusters, moments=moments, only=["moments"])._repr_html_()
    assert "moment_rate_ratio[&lt;script&gt;]" in shown
    assert "<script>" not in shown


# -- what a mapping does -------------------------------------------------------------------------


def test_a_score_is_in_scores(scores):
    assert "density" in scores
    assert "followers" not in scores  # absent
    assert "densty" not in scores
    assert 0 not in scores
    assert list(scores) == list(scores.estimates)


def test_values_with_arrays_compare_without_an_error(scores):
    test, other = scores.view.group_tests
    assert test == test
    assert test != other
    assert len({test, other}) == 2
    assert scores["density"] == scores["density"]
    assert scores["density"] != scores["actions"]


# -- scores of other packages ----------------------------------------------------------------------


@pytest.fixture
def registered():
    """Take what a test declares out of the registry again."""
    known = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(known)


@pytest.mark.parametrize("module", ["__main__", "another_package.scores"])
@pytest.mark.parametrize("family", ["a new family", "size"])
def test_a_score_of_another_package(registered, module, family, tmp_path):
    def squared(view):
        return Estimate(view.sizes.astype(float) ** 2)

    squared.__module__ = module
    score(family, "Members, squared.", "accounts")(squared)
    rows = together("abc", ["p0", "p1", "p2"]) + together("de", ["q0", "q1"], start=DAY)
    clusters = clusters_of(text_log(rows + public(30)), "abc", "de")
    whole = cn.score_clusters(clusters, null_sets=9)
    assert whole["squared"].value.tolist() == [9, 4]
    families = list(dict.fromkeys(c.family for c in whole.columns.values()))
    assert families == [f for f in (*FAMILIES, "a new family") if f in families]
    assert (families[-1] == "a new family") == (family == "a new family")
    for only in (["squared"], [family]):
        some = cn.score_clusters(clusters, only=only)
        assert "squared" in some
        assert {c.family for c in some.columns.values()} == {family}
    assert list(cn.score_clusters(clusters, only=["density"])) == ["density"]
    assert whole.to_frame("pyarrow", family=family)["squared"].to_pylist() == [9, 4]
    assert whole.to_frame("pyarrow", long=True).num_rows == 2 * len(whole.estimates)
    assert whole.explain(0)
    run = cn.detect(clusters.graph.log, null_sets=0)
    run.write(tmp_path)
    assert "squared" in (tmp_path / "scores.csv").read_text(encoding="utf-8").splitlines()[0]


def test_a_layer_score_of_another_package_may_have_several_columns(registered):
    def windows(view):
        return {name: Estimate(np.full(len(view.clusters), view.graph.window_us)) for name in "xy"}

    score("synchrony", "The window, twice.", "microseconds", of="layer")(windows)
    log = cn.simulate("metronome", accounts=600, seed=0).log
    run = cn.detect(log, within=["60s", "1h"], co_timing="1s", score=False)
    found = cn.score_clusters(run.clusters, only=["windows"])
    expected = [run.layers[c.layer].window_us for c in run.clusters]
    assert len(expected) > 1
    for name in ("windows[x]", "windows[y]"):
        assert found[name].value.tolist() == expected


def test_what_a_score_gives_is_checked(registered):
    clusters = clusters_of(text_log(together("abc", ["p0"])), "abc")
    for given, told in (
        ([1.0], "the score 'mine' gave list; it should give an Estimate or an Absent."),
        (Estimate(np.zeros(3)), r"gave value of the shape \(3,\); it should be \(1,\)"),
    ):

        def mine(view, given=given):
            return given

        score("size", "Wrong.", "share")(mine)
        with pytest.raises(cn.CoordnetError, match=told):
            cn.score_clusters(clusters, only=["mine"])

    def mine(view):
        return Absent("not today")

    score("size", "Absent.", "share")(mine)
    assert cn.score_clusters(clusters, only=["mine"]).absent == {"mine": "not today"}


def test_a_name_that_is_taken_is_refused(registered):
    def density(view):
        return Absent("")

    with pytest.raises(cn.CoordnetError, match=r"the score 'density' of .* has the name of one of"):
        score("structure", "Another.", "share")(density)
    assert REGISTRY["density"][1].__module__ == "coordnet.scores.families.structure"


# -- what is shown of people ---------------------------------------------------------------------

SAID = "Meet @emma at https://x.example/emma or +44 20 7946 0000"


@pytest.mark.parametrize("kind", ["retweet", "post", "text", "whatever"])
def test_texts_are_redacted_whatever_their_kind_is_called(kind):
    rows = together("abc", [SAID, "lol"], kind) + together("ab", ["two of us"], kind, start=DAY)
    rows += together("abc", ["https://a.example/b c", "vote now, all of you"], kind, 2 * DAY)
    log = text_log([(*row, None) for row in rows])
    found = score_of(log, "abc")
    for by in ("object", "action"):
        shown = set(found.evidence(0, by=by, backend="pandas")["object"])
        assert shown == {
            "Meet [...] at [...] or [...]", "lol", "[text of 2 members]", "[...] c",
            "vote now, all of you",
        }, by  # fmt: skip
    as_they_are = {SAID, "lol", "two of us", "https://a.example/b c", "vote now, all of you"}
    for options in ({"redact_text": False}, {"identifiers": True}):
        table = found.evidence(0, backend="pandas", **options)
        assert set(table["object"]) == as_they_are
        own = "identifiers" in options
        assert (set(table["account"]) == set("abc")) == own
    hidden = found.evidence(0, identifiers=True, redact_text=True, backend="pandas")
    assert set(hidden["account"]) == set("abc")
    assert not set(hidden["object"]) & {SAID, "two of us"}


def test_handles_and_addresses_are_people_in_any_kind():
    links = ["https://medium.example/@emma/1", "#vote", "1234567", "a.example/x"]
    people = ["@emma", "emma.s@mail.example.org", "@anna@social.example"]
    log = text_log(together("abc", [*links, *people], "object"))
    found = score_of(log, "abc")
    shown = set(found.evidence(0, by="object", backend="pandas")["object"])
    assert shown == {*links, *Pseudonyms(log.secret("pseudonyms")).of(people)}
    own = set(found.evidence(0, by="object", identifiers=True, backend="pandas")["object"])
    assert own == {*links, *people}


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("two words", True),
        ("https://a.example/b?u=https://c.example", False),
        ("see https://a.example", True),
        ("看https://a.example", True),
        ("今日は、いい天気", True),
        ("#vote #now", False),
        ("#vote now", True),
        ("a\u3000b", True),
        ("1234567890123456789", False),
        ("a" * 99, False),
        ("a" * 100, True),
        ("https://a.example/" + "a" * 200, False),
    ],
)
def test_what_looks_like_a_text(label, text):
    assert look_like_texts(pa.array([label])).tolist() == [text]


def test_a_kind_is_of_texts_where_one_label_of_twenty_looks_like_one():
    rows = [("a", f"tag{i}", i, "tag") for i in range(19)]
    assert kinds_of_text(text_log(rows)).tolist() == [False]
    assert kinds_of_text(text_log([*rows, ("a", "two words", 1, "tag")])).tolist() == [True]
    many = [("a", f"tag{i}", i, "tag") for i in range(40)]
    assert kinds_of_text(text_log([*many, ("a", "two words", 1, "tag")])).tolist() == [False]
    assert kinds_of_text(text_log([("a", "x", 1, "text"), ("a", "x", 1, "url")])).tolist() == [
        True, False
    ]  # fmt: skip


def test_texts_with_identifiers_are_as_they_are():
    said = "call me on +44 20 7946 0000"
    rows = [(m, f"{m}{k}", 10 * k, "post", t) for m in "ab" for k, t in enumerate([said, "b"])]
    found = score_of(text_log(rows), "ab")
    assert found.texts(0, backend="pandas")["text"].tolist() == []  # of two members only
    shown = found.texts(0, identifiers=True, backend="pandas")["text"].tolist()
    assert sorted(shown) == ["b", said]


def test_near_duplicates_join_through_chains_and_are_numbered_by_their_first():
    words = [f"word{i:02d}" for i in range(60)]
    chain = [" ".join([*("x" * k for k in range(5 * step)), *words[5 * step :]]) for step in (0, 1)]
    texts = pa.array([*chain, "another text entirely", chain[0] + "!"])
    assert near_duplicates(texts).tolist() == [0, 0, 1, 0]
    assert near_duplicates(pa.array([], pa.string())).tolist() == []


def test_scores_can_be_declared_in_a_module_that_is_gone(registered):
    """A notebook is restarted, a module reloaded: the last declaration counts."""
    module = types.ModuleType("gone")
    sys.modules["gone"] = module
    source = "from coordnet.scores import Absent, score\n"
    source += "@score('size', 'Mine.', 'share')\ndef mine(view):\n    return Absent('{}')\n"
    for turn in ("first", "second"):
        exec(source.format(turn), module.__dict__)
    del sys.modules["gone"]
    clusters = clusters_of(text_log(together("abc", ["p0"])), "abc")
    assert cn.score_clusters(clusters, only=["mine"]).absent == {"mine": "second"}
    assert isinstance(clusters, Clusters)


def test_the_smallest_q_value_that_can_be_reached_is_said():
    """Its p-value is that beyond all sets: 1 / (100 (sets + 1)), of 99 sets or more."""
    sim = cn.simulate("retweet_ring", accounts=600, seed=0)
    clusters = cn.find_clusters(cn.co_action(sim.log, min_weight=3))
    few, more = (cn.score_clusters(clusters, null_sets=n) for n in (9, 99))
    compared = sum((~np.isnan(e.q_value)).sum() for e in few.estimates.values()
                   if e.q_value is not None)  # fmt: skip
    assert few.comparisons == compared > 20
    assert (few.smallest_q, more.smallest_q) == (1.0, pytest.approx(1e-4 * more.comparisons))
    lines = [
        f"{compared} scores compared with 9 random sets of accounts as active as the members",
        "q-values correct for all of these: a score that differs alone has 1 or more",
    ]
    assert repr(few).splitlines()[-2:] == lines
    assert all(line in few._repr_html_() for line in lines)
    differs = few.explain(0).splitlines()[3]
    assert differs.endswith("(q-value above 0.05; one alone could have 1 at best).")
    assert "at best" not in more.explain(0)
    none = cn.score_clusters(clusters, null_sets=0, only=["size"])
    assert none.comparisons == 0
    assert np.isnan(none.smallest_q)
    assert "compared" not in repr(none)
