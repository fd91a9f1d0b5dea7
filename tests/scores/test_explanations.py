"""Benign explanations, evidence, texts, summaries: hand-worked, and on their scenarios."""

import re

import numpy as np
import pandas as pd
import pytest

import coordnet as cn
from coordnet.clusters.clusters import Clusters
from coordnet.export import Pseudonyms
from coordnet.scores.explanations import EXPLANATIONS

T0 = 1_600_000_007  # no time below is at a full minute


def log_of(rows, **more):
    """Return the log of rows (account, object, second, kind, text)."""
    rows = [(*row, *("url", "")[len(row) - 3 :]) for row in rows]
    frame = pd.DataFrame(rows, columns=["account", "object", "time", "kind", "text"])
    frame["time"] += T0
    return cn.read_actions(
        frame, account="account", object="object", time="time", kind="kind", text="text", **more
    )


def scored(log, *sets, within="60s", **inputs):
    graph = cn.co_action(log, within=within, min_weight=1)
    clusters = Clusters.from_members(graph, [log.codes_of(list(s)) for s in sets], "given", {})
    return cn.score_clusters(clusters, log, null_sets=9, **inputs)


def value_of(scores, name, i=0):
    table = scores.explanations("pandas")
    row = table[(table["cluster"] == i) & (table["explanation"] == name)].iloc[0]
    return row["value"], row["fits"]


# -- values by hand ----------------------------------------------------------------------------


def one_site():
    """Three members post four items of one site at once, two of them something else, too."""
    rows = [(m, f"https://www.news.example/{k}", 10_000 * k) for k in range(4) for m in "abc"]
    rows += [("a", "https://other.example/x", 90_000), ("b", "https://other.example/x", 90_010)]
    rows += [("c", "http://news.example/alone", 95_000)]
    rows += [(f"o{i}", f"https://www.news.example/{i % 4}", 200_000 + 5_000 * i) for i in range(8)]
    return log_of(rows)


def test_one_site_by_hand():
    scores = scored(one_site(), "abc")
    # joiners: 2 on each of four objects of the site, 1 on another site's; joining: four times all
    # three members, once one of three
    site, joining = 8 / 9, (4 * 1 + 1 / 3) / 5
    assert value_of(scores, "one_operator") == (pytest.approx(min(site, joining)), True)
    assert value_of(scores, "small_audience") == (pytest.approx(1 - joining), False)


def test_posts_without_links_tell_nothing_of_a_site():
    rows = [(m, f"p{k}", 10_000 * k) for k in range(4) for m in "abc"]
    value, fits = value_of(scored(log_of(rows), "abc"), "one_operator")
    assert pd.isna(value)
    assert pd.isna(fits)
    told = scored(log_of(rows), "abc").explain(0)
    assert "cannot be checked with these data: one operator, small audience, " in told
    assert "None of these counts as evidence." in told  # there is nobody to compare with


def test_fans_and_news_by_hand():
    """Two objects of two members and twenty outsiders each, with the group test's chances."""
    for gap, name, other in ((3_000, "fans", "news"), (20, "news", "fans")):
        rows = [(f"o{i}", o, gap * i) for o in "xy" for i in range(20)]
        rows += [(m, o, gap * 7 + 30 * (m == "b")) for m in "ab" for o in "xy"]
        log = log_of(rows)
        scores = scored(log, "ab")
        test = cn.test_group(log, list("ab"))
        assert test.observed_pairs == 2
        chance = test.expected_pairs / 2  # of the two pairs (a, b, object)
        assert (chance >= 0.05) == (name == "news")
        # two members joined another: the lower 95 % limit of a Poisson count of two is 0.3554
        expected = min(1.0, test.expected_pairs / 0.3554)
        assert value_of(scores, name)[0] == pytest.approx(expected, rel=1e-3)
        assert value_of(scores, other) == (0.0, False)


def test_young_accounts_are_no_fans():
    rows = [(f"o{i}", o, 3_000 * i) for o in "xy" for i in range(20)]
    rows += [(m, o, 21_000 + 40_000 * (m == "b")) for m in "ab" for o in "xy"]
    log = log_of(rows)
    assert value_of(scored(log, "ab"), "fans") == (1.0, True)  # no pair is together
    for days, fits in ((400, True), (20, False)):
        created = pd.to_datetime(T0 - days * 86_400, unit="s", utc=True)
        table = pd.DataFrame({"account": list("ab"), "created_at": [created] * 2})
        assert value_of(scored(log, "ab", accounts=table), "fans") == (float(fits), fits)


def test_early_birds_by_hand():
    """Member a is within a minute of the first action on 6 of 10 others' objects, b on 4 of 10."""
    rows = []
    for member, prompt in (("a", 6), ("b", 4)):
        for k in range(10):
            start = 10_000 * k + (5 if member == "b" else 0)
            rows += [
                (f"o{member}{k}", f"{member}{k}", start),
                (member, f"{member}{k}", start + (60 if k < prompt else 61)),
            ]
    rows += [("a", "own", 500_000), ("b", "own", 500_001)]  # together
    rows += [("a", "alone", 600_000)]  # nobody else's object: not counted
    rows += [("a", "first", 700_000), ("oz", "first", 800_000)]  # its first action: not counted
    assert value_of(scored(log_of(rows), "ab"), "early_birds") == (pytest.approx(10 / 12), True)
    # with a longer window a minute is still what prompt means
    assert value_of(scored(log_of(rows), "ab", within="61s"), "early_birds")[0] == 10 / 12


def test_daily_slot_by_hand():
    """a: 9 of 12 actions in one half hour of the day; b: 6 of 10; c has nine actions and is out."""
    day = 86_400
    start = -(T0 % day)  # midnight
    rows = [("a", f"a{k}", start + day * (k + 1) + 1_799) for k in range(9)]
    rows += [("a", f"A{k}", start + day * 20 + 1_800 + 3_600 * k) for k in range(3)]
    rows += [("b", f"b{k}", start + day * (k + 1) + 7_200) for k in range(6)]
    rows += [("b", f"B{k}", start + day * 20 + 9_000 + 3_600 * k) for k in range(4)]
    rows += [("c", f"c{k}", start + 3_600 * k) for k in range(9)]
    assert value_of(scored(log_of(rows), "abc"), "daily_slot") == (pytest.approx(15 / 22), True)
    # of what they do together two of eight actions are in the half hour of whose they are
    rows += [("a", "x", start + day * 22 + 100), ("b", "x", start + day * 22 + 110)]
    rows += [("b", "y", start + day * 22 + 7_300), ("a", "y", start + day * 22 + 7_300)]
    rows += [(m, o, start + day * 23 + 50_000) for m in "ab" for o in ("v", "w")]
    assert value_of(scored(log_of(rows), "abc"), "daily_slot") == (pytest.approx(2 / 8), False)


def test_generic_objects_by_hand():
    """300 outsiders use one tag: on it 2 join the first member, on a post of their own 2."""
    rows = [(f"o{i}", "tag", 3_000 * i) for i in range(300)]
    rows += [(m, "tag", 2_000_000 + k) for k, m in enumerate("abc")]
    rows += [(m, "post", 3_000_000 + k) for k, m in enumerate("abc")]
    assert value_of(scored(log_of(rows), "abc"), "generic_objects") == (0.5, True)
    fewer = [row for row in rows if not row[0].startswith("o") or int(row[0][1:]) < 199]
    assert value_of(scored(log_of(fewer), "abc"), "generic_objects") == (0.0, False)


def test_share_buttons_by_hand():
    """Three texts shared by both members, two of them by as many outsiders; one link too."""
    rows = [(m, t, 1_000 + 50_000 * (m == "b"), "text") for m in "ab" for t in ("t1", "t2", "t3")]
    rows += [(m, "link", 1_000 + 90_000 * (m == "b"), "url") for m in "ab"]
    rows += [(f"o{i}", t, 200_000 + 9_000 * i, "text") for i in range(2) for t in ("t1", "t2")]
    value, fits = value_of(scored(log_of(rows), "ab"), "share_buttons")
    assert (value, fits) == (pytest.approx(2 / 4), True)


# -- on the scenarios they are of --------------------------------------------------------------

OF = {
    "one_operator": "newsroom", "small_audience": "small_fast_audience",
    "auto_sharers": "auto_sharers", "fans": "fandom",
    "early_birds": "early_birds", "daily_slot": "daily_slots", "share_buttons": "share_buttons",
    "generic_objects": "generic_objects",
}  # fmt: skip


@pytest.mark.parametrize("name", OF)
def test_an_explanation_fits_the_scenario_it_is_of(name):
    sim = cn.simulate(OF[name], accounts=8_000, seed=5)
    (members,) = sim.truth.groups.values()
    acting = sorted(set(members) & set(sim.log.accounts))
    step = max(len(acting) // 12, 1)  # parts of twelve: clusters are small
    parts = [acting[k::step][:12] for k in range(min(step, 2))]
    scores = scored(sim.log, *parts, only=["accounts"])
    assert value_of(scores, name, 0)[1]
    assert value_of(scores, name, len(scores) - 1)[1]


def test_news_fits_sets_of_those_who_share_breaking_news():
    sim = cn.simulate("breaking_news", accounts=4_000, seed=5)
    busy = np.argsort(-np.diff(sim.log.by_account[0]), kind="stable")[:40]
    sets = [sim.log.accounts[busy[k::4]] for k in range(4)]
    scores = scored(sim.log, *sets, only=["accounts"])
    assert sum(value_of(scores, "news", i)[1] for i in range(4)) >= 3


@pytest.mark.parametrize("scenario", ["retweet_ring", "small_cells", "diluted", "campaign"])
def test_no_explanation_excuses_what_was_planted(scenario):
    sim = cn.simulate(scenario, accounts=4_000, seed=6)
    run = cn.detect(sim.log, null_sets=0)
    covert = {a for members in sim.truth.groups.values() for a in members}
    planted = [c.number for c in run.clusters if np.mean([a in covert for a in c.accounts]) > 0.5]
    assert len(planted) >= 2
    table = run.scores.explanations("pandas")
    table = table[table["cluster"].isin(planted)]
    assert table.groupby("explanation")["fits"].count().max() == len(planted)
    assert not table["fits"].fillna(False).any(), table[table["fits"].fillna(False)]


def test_the_explanations_of_co_timing_are_of_habits_alone():
    sim = cn.simulate("metronome", accounts=2_000, seed=1)
    graph = cn.co_timing(sim.log, within="1s").test().keep(fdr=0.05)
    found = cn.find_clusters(graph)
    table = cn.score_clusters(found, null_sets=0).explanations("pandas")
    told = set(table.loc[table["value"].notna(), "explanation"])
    assert told == {"daily_slot"}


def test_explanations_are_a_frame_of_any_kind():
    scores = scored(one_site(), "abc")
    columns = ["cluster", "explanation", "value", "fits_from", "fits", "meaning"]
    assert list(scores.explanations("polars").columns) == columns
    assert scores.explanations("pyarrow").column_names == columns
    assert scores.explanations("pandas")["explanation"].tolist() == list(EXPLANATIONS)


# -- evidence ----------------------------------------------------------------------------------


def test_evidence_by_hand():
    log = one_site()
    scores = scored(log, "abc")
    name = dict(zip("abc", Pseudonyms(log.secret("pseudonyms")).of(list("abc")), strict=True))
    rows = scores.evidence(0, backend="pandas")
    assert len(rows) == 14  # four times three and once two
    first = rows[rows["object"] == "https://www.news.example/0"]
    assert first["account"].tolist() == sorted(name.values())
    assert first["gap_seconds"].tolist() == [0.0, 0.0, 0.0]
    other = rows[rows["object"] == "https://other.example/x"]
    assert other["account"].tolist() == [name["a"], name["b"]]
    assert other["gap_seconds"].tolist() == [10.0, 10.0]
    assert other["time"].tolist() == [
        pd.Timestamp(T0 + second, unit="s", tz="UTC") for second in (90_000, 90_010)
    ]
    assert rows["occasion"].tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3 + [4] * 2
    assert rows["time"].is_monotonic_increasing

    objects = scores.evidence(0, by="object", backend="pandas")
    assert objects["members"].tolist() == [3, 3, 3, 3, 2]
    assert objects["at_once"].tolist() == [3, 3, 3, 3, 2]
    assert objects["outsiders"].tolist() == [2, 2, 2, 2, 0]
    detail = cn.test_group(log, list("abc")).to_frame("pandas").set_index("object")["log10_bound"]
    for row in objects.itertuples():
        assert row.log10_evidence == pytest.approx(-detail[row.object])
    kinds = scores.evidence(0, by="kind", backend="pandas")
    assert kinds[["kind", "objects", "occasions"]].values.tolist() == [["url", 5, 5]]
    assert kinds["log10_evidence"].sum() == pytest.approx(objects["log10_evidence"].sum())


def test_evidence_keeps_people_and_their_words_to_itself():
    said = "Meet me @emma at +44 20 7946 0000"
    rows = [(m, said, k, "text") for k, m in enumerate("abc")]
    rows += [(m, "only two of us", 9_000 + k, "text") for k, m in enumerate("ab")]
    rows += [(m, "victim", 20_000 + k, "mention") for k, m in enumerate("abc")]
    log = log_of(rows)
    scores = scored(log, "abc")
    shown = set(scores.evidence(0, backend="pandas")["object"])
    victim = Pseudonyms(log.secret("pseudonyms")).of(["victim"])[0]
    assert shown == {"Meet me [...] at [...]", "[text of 2 members]", victim}
    assert said in set(scores.evidence(0, redact_text=False, backend="pandas")["object"])
    own = scores.evidence(0, key=b"own", backend="pandas")["account"]
    assert set(own) == set(Pseudonyms(b"own").of(list("abc")))


def test_evidence_of_co_timing():
    rows = [(m, f"{m}{k}", 10_000 * k) for k in range(5) for m in "abc"]
    log = log_of(rows)
    graph = cn.co_timing(log, within="1s")
    scores = cn.score_clusters(
        Clusters.from_members(graph, [log.codes_of(list("abc"))], "given", {})
    )
    table = scores.evidence(0, backend="pandas")
    assert list(table.columns) == ["time", "account", "gap_seconds"]
    assert len(table) == 15
    with pytest.raises(
        cn.CoordnetError, match="co-timing within 1s, where accounts do not meet on"
    ):
        scores.evidence(0, by="object")


def test_evidence_rests_on_the_background_that_detection_had():
    sim = cn.simulate("retweet_ring", accounts=1_000, seed=0)
    background = cn.simulate("organic", accounts=1_000, seed=9).log
    run = cn.detect(sim.log, background=background)
    assert len(run.clusters)
    evidence = run.scores["group_evidence"].value.tolist()
    assert evidence == run.clusters.evidence.tolist()
    # what scores the clusters later uses the tests that found them, and so the same background
    again = cn.score_clusters(run.clusters, only=["group_evidence"])
    assert again["group_evidence"].value.tolist() == evidence
    bare = Clusters.from_members(
        run.layers, [run.clusters.members(i) for i in range(len(run.clusters))], "given", {}
    )
    without = cn.score_clusters(bare, only=["group_evidence"])
    assert without["group_evidence"].value.tolist() != evidence
    given = cn.score_clusters(bare, background=background, only=["group_evidence"])
    assert given["group_evidence"].value.tolist() == evidence


# -- texts -------------------------------------------------------------------------------------


def test_texts_by_hand():
    rows = [(m, f"{m}1", 10 * k, "post", "Vote NOW @x https://t.co/1") for k, m in enumerate("abc")]
    rows += [("a", "a2", 50_000, "post", "vote  now")]  # the same words, alone in time
    rows += [(m, f"{m}3", 900 * k, "post", "later") for k, m in enumerate("abc")]
    rows += [(m, f"{m}4", 5 * k, "post", "two of us") for k, m in enumerate("ab")]
    rows += [("z", "z1", 0, "post", "vote now")]  # an outsider
    scores = scored(log_of(rows), "abc")
    table = scores.texts(0, backend="pandas")
    assert table.values.tolist() == [["vote now", 3, 4, 3], ["later", 3, 3, 0]]
    assert list(table.columns) == ["text", "members", "posts", "in_unison"]
    every = scores.texts(0, redact_text=False, backend="pandas")
    assert every["text"].tolist() == ["vote now", "two of us", "later"]
    assert scores.texts(0, most=1, backend="pandas")["text"].tolist() == ["vote now"]


def test_a_log_without_texts_has_none():
    log = cn.simulate("retweet_ring", accounts=400).log
    with pytest.raises(cn.CoordnetError, match=re.escape("read it with text=")):
        scored(log, list(log.accounts[:5])).texts(0)


# -- summaries ---------------------------------------------------------------------------------


def test_a_summary_by_hand():
    text = scored(one_site(), "abc").explain(0)
    head, finding, how, others, benign, limits = text.splitlines()
    assert head == "Cluster 0 has 3 accounts and 15 actions."
    assert finding == (
        "Finding. The pairs were not tested, and testing the group as a whole is inconclusive. "
        "What follows are counts, not evidence."
    )
    assert how.startswith(
        "How. 93 % of the members' actions came within 60s of another member's action on the same "
        "object; typically in the same second. Members acted together on 5 objects. 4 of these "
        "count as evidence, on 4 separate occasions. They met 13 times; accounts outside the "
        "cluster that shared the same objects would have met about "
    )
    assert others.startswith("What else is different. Compared with accounts of similar activity")
    assert benign.startswith("Other explanations. 7 of 9 were checked. The cluster may be a news")
    assert "newsroom, or one operator's openly linked accounts (one operator: 0.87" in benign
    assert limits == (
        "Limits. The log is too short to tell how precise its times are. No row was dropped. The "
        "data cannot show why accounts acted together: fans, newsrooms and unions coordinate too. "
        "Nothing here is a statement about any one account."
    )


def test_no_account_is_named_in_what_is_published(tmp_path):
    sim = cn.simulate("election", accounts=3_000, seed=1)
    run = cn.detect(sim.log, accounts=sim.accounts)
    assert len(run.clusters) > 3
    run.write(tmp_path)
    published = [run.scores.explain(i) for i in range(len(run.clusters))]
    published += [repr(run), repr(run.scores), run._repr_html_()]
    published += [run.scores.evidence(i, backend="pandas").to_csv() for i in range(3)]
    published += [run.scores.texts(i, backend="pandas").to_csv() for i in range(3)]
    published += [file.read_text(encoding="utf-8") for file in tmp_path.iterdir()]
    words = {word for text in published for word in re.findall(r"\w+", text)}
    handles = set(sim.accounts["handle"])
    assert len(words) > 500
    assert not words & (set(sim.log.accounts) | handles)


def test_no_table_has_a_row_an_account():
    sim = cn.simulate("campaign", accounts=2_000, seed=1)
    scores = cn.detect(sim.log, accounts=sim.accounts).scores
    for table in (scores.to_frame(), scores.to_frame(long=True), scores.explanations()):
        assert "account" not in table.columns
        assert set(table["cluster"]) == set(range(len(scores)))


@pytest.mark.parametrize("ask", ["explain", "evidence", "texts"])
@pytest.mark.parametrize("i", [-2, 1, 0.5, "0"])
def test_a_cluster_that_is_not_there(ask, i):
    told = f"there is no cluster {i!r}; they are numbered from 0 to 0."
    with pytest.raises(cn.CoordnetError, match=re.escape(told)) as error:
        getattr(scored(one_site(), "abc"), ask)(i)
    assert isinstance(error.value, IndexError)  # as of any sequence


@pytest.mark.parametrize("ask", ["explain", "evidence", "texts"])
def test_no_cluster_was_found(ask):
    scores = scored(one_site())
    with pytest.raises(cn.CoordnetError, match=r"there is no cluster 0: no cluster was found\.$"):
        getattr(scores, ask)(0)


@pytest.mark.parametrize("within", ["60s", ["60s", "1h"]])
def test_an_empty_period(within):
    with pytest.warns(cn.CoordnetWarning, match="no action lies in the period"):
        nothing = one_site().between("1999-01-01", "1999-02-01")
    run = cn.detect(nothing, within=within)
    told = "there is no cluster 0: no cluster was found, because the log has no actions."
    for ask in (run.explain, run.scores.evidence):
        with pytest.raises(cn.CoordnetError, match=re.escape(told)):
            ask(0)
    assert run.scores.to_frame("pyarrow", family="all").num_rows == 0
    assert "group_evidence" in run.scores


@pytest.mark.parametrize("with_log", [True, False])
def test_what_is_said_of_edges_that_were_given(with_log):
    """It is not known how they came, so nothing is said of what was done together."""
    log = one_site()
    clusters = Clusters.from_labels([list("abc")], log)
    if not with_log:  # as of a file of edges
        edges = {end: np.zeros(0, np.int32) for end in ("source", "target", "weight")}
        bare = cn.CoordinationGraph(log.all_accounts, edges, cn.Given("a file"), "weight", 1)
        clusters = Clusters.from_members(bare, [clusters.members(0)], "given", {})
    scores = cn.score_clusters(clusters, log, null_sets=9)
    assert "synchronised_actions" not in scores
    assert scores["actions"].value.tolist() == [15]
    assert scores.explanations("pandas")["value"].isna().all()
    text = scores.explain(0)
    assert "How. The edges were given, so what members did together is not known." in text
    assert "The pairs were not tested. What follows are counts, not evidence." in text
    assert "Other explanations. None of 9 can be checked with these data." in text
    with pytest.raises(cn.CoordnetError, match=r"build the graph|not known what members did"):
        scores.evidence(0)
