"""The report of clusters over time: names only where asked for, every number true, no script."""

import pytest
from helpers import over_time_of
from hostile import ATTACKS, RUNS
from pages import Page

import coordnet as cn
from coordnet.export import Pseudonyms
from coordnet.report.over_time import over_time_data

A, B, C = set(range(10)), set(range(10, 16)), set(range(16, 22))
STEPS = [[A, B, C], [A | B], [B, A, C - {20}], []]
NAMES = [f"{attack}{i}" for i, attack in enumerate((*ATTACKS, "x", "y"))]


@pytest.fixture(scope="module")
def found():
    return over_time_of(STEPS, NAMES, patience=0)


@pytest.fixture(scope="module")
def sim_found():
    sim = cn.simulate("regroupings", accounts=500, actions=5_000, seed=0)
    return cn.find_clusters_over_time(sim.log, every="28d", window="28d", spending="open")


def page_of(found, folder, **options):
    path = found.report(folder / "report.html", **options)
    return Page(path.read_text(encoding="utf-8"))


def test_hostile_names_stay_text(found, tmp_path):
    told = page_of(found, tmp_path, identifiers=True)
    assert "This report shows the accounts\u2019 own names" in told.text
    assert RUNS in told.text
    assert told.scripts == []
    assert {tag for tag, _ in told.elements} <= {
        "html", "head", "meta", "link", "title", "style", "body", "main", "header", "h1", "h2", "p",
        "ul", "ol", "li", "section", "dl", "div", "dt", "dd", "bdi", "figure", "figcaption", "svg",
        "path", "line", "text", "rect", "g", "a", "details", "summary", "table", "thead", "tbody",
        "tr", "th", "td", "span",
    }  # fmt: skip
    handlers = [name for _, given in told.elements for name in given if name.startswith("on")]
    assert handlers == []
    (policy,) = [given["content"] for tag, given in told.elements
                 if given.get("http-equiv") == "Content-Security-Policy"]  # fmt: skip
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; ")


def test_accounts_stand_under_pseudonyms(found, tmp_path):
    told = page_of(found, tmp_path)
    assert RUNS not in told.text
    own = Pseudonyms(found.log.secret("pseudonyms")).of(NAMES)
    assert all(name in told.text for name in own)
    assert "stand under pseudonyms" in told.text
    keyed = page_of(found, tmp_path, key=b"k")
    assert all(name in keyed.text for name in Pseudonyms(b"k").of(NAMES))
    one, two = (found.report(tmp_path / name) for name in ("one.html", "two.html"))
    assert one.read_bytes() == two.read_bytes()


def test_the_top_says_what_was_found(found, sim_found, tmp_path):
    told = page_of(found, tmp_path).text
    assert "4 steps of 1d, one every 1d, were searched, from 2020-01-02 to 2020-01-05." in told
    assert "4 clusters were followed; of these 1 split off, 1 merged, 1 came back, 4 went" in told
    assert "cluster 0, had 16 accounts in the step from 2020-01-03 to 2020-01-03." in told
    assert "0.05 for all steps together: each of the 4 has 0.0125." in told
    told = over_time_data(sim_found).finding[-1]
    assert "step k, counted from 1, has 0.05 / (k (k + 1)), in all 0.0375 up to now" in told
    spent = sum(step.level for step in sim_found.steps)
    assert spent == pytest.approx(0.0375)


def test_every_number_is_true(found, sim_found):
    for one in (found, sim_found):
        data = over_time_data(one, identifiers=True)
        rows = one.to_frame("pyarrow").to_pylist()
        assert [
            (t.number, s.accounts, s.stayed, s.joined, s.left, s.founders, s.pairs_joined,
             s.pairs_at_least, s.evidence)
            for t in data.tracks for s in t.steps
        ] == [
            (r["track"], r["accounts"], r["stayed"], r["joined"], r["left"], r["founders"],
             r["pairs_joined"], r["pairs_at_least"], r["evidence"])
            for r in rows
        ]  # fmt: skip
        for track in data.tracks:
            seen = [s for s, _ in one.tracks[track.number].seen]
            everybody = [set(one.members(track.number, s).tolist()) for s in seen]
            assert track.n_members == len(set().union(*everybody)) == len(track.members)
            assert sum(m.steps for m in track.members) == sum(map(len, everybody))
        assert [(e.event, e.track, e.other) for e in data.events] == [e[1:] for e in one.events]
        assert len(data.picture.bars) == len(rows)
    merged = next(e for e in over_time_data(found).events if e.event == "merged")
    assert (merged.track, merged.other, merged.accounts) == (1, 0, 6)


def test_pairs_joined_and_at_least_are_those_of_the_layers(sim_found):
    for row in sim_found.to_frame("pyarrow").to_pylist():
        step = sim_found.steps[row["step"]]
        (graph,) = step.clusters.layers
        names = step.clusters[row["cluster"]].accounts.tolist()
        pairs = [(a, b) for a in names for b in names if a < b]
        assert row["pairs_at_least"] == cn.true_pairs(graph, pairs)
        assert row["pairs_joined"] == step.clusters[row["cluster"]].graph().n_edges


def test_every_picture_has_words_and_a_table(found, tmp_path):
    told = page_of(found, tmp_path)
    (svg,) = [given for tag, given in told.elements if tag == "svg" and "role" in given]
    assert "Each lane is a cluster" in svg["aria-label"]
    # 10 and 6 of 22 members go on in the two merged bars
    assert "From one bar to the next 25 of 32 memberships stay (78 %)." in svg["aria-label"]
    assert "Cluster 0, 2020-01-04 to 2020-01-04: 10 accounts; 10 stayed, 0 joined, 6 left." in (
        told.text
    )
    links = [given["href"] for tag, given in told.elements if tag == "a"]
    anchors = {given["id"] for tag, given in told.elements if tag == "section" and "id" in given}
    assert {link[1:] for link in links} == anchors == {f"cluster-{i}" for i in range(4)}


def test_where_nothing_was_found_it_says_so(tmp_path):
    told = page_of(over_time_of([[], []]), tmp_path)
    assert "No cluster was found in any of them." in told.text
    assert not any(tag == "svg" for tag, _ in told.elements)
