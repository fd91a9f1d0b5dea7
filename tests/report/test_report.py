"""The report: the same bytes from everywhere, names only where asked for, every number true."""

import base64
import hashlib
import re
import unicodedata
from pathlib import Path

import msgspec
import numpy as np
import pytest
from helpers import log_of, ring_rows
from hostile import hostile_run
from hypothesis import given
from hypothesis import strategies as st
from pages import Page

import coordnet as cn
from coordnet.export import Pseudonyms
from coordnet.report.data import ReportData, plain
from coordnet.report.gather import report_data
from coordnet.report.make import make_report
from coordnet.report.page import page

RIGHT_TO_LEFT = "\u05d0\u05d1 \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"


@pytest.fixture(scope="module")
def run():
    return cn.detect(log_of(ring_rows()), "60s", null_sets=19)


@pytest.fixture(scope="module")
def told(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert run.report(path) == path
    return Page(path.read_text(encoding="utf-8"))


# -- texts of the data -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("two\nlines\t and\r tabs", "two lines and tabs"),
        ("\x00\x1b[31m", "\\x00\\x1b[31m"),
        ("\u202eexe\u202c", "\\u202eexe\\u202c"),
        ("\u2066x\u200f\u061c\ufeff", "\\u2066x\\u200f\\u061c\\ufeff"),
        (RIGHT_TO_LEFT, RIGHT_TO_LEFT),
        ("e" + "\u0301" * 50, "e" + "\u0301" * 3),
        ("x" * 100_000, "x" * 119 + "\u2026"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_is_shown_of_a_text(text, shown):
    assert plain(text) == shown


@given(st.text(max_size=60), st.integers(2, 40))
def test_a_text_moves_nothing_around_it(text, most):
    shown = plain(text, most)
    assert len(shown) <= most
    assert not any(
        unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs") and c not in "\u200c\u200d"
        for c in shown
    )
    if shown == text:
        assert plain(shown, most) == shown


# -- the page ----------------------------------------------------------------------------------


def test_the_same_bytes_from_a_run_a_saved_run_and_a_folder(run, tmp_path):
    run.save(tmp_path / "run.coordnet")
    run.write(tmp_path / "out")
    sources = (run, tmp_path / "run.coordnet", tmp_path / "out", str(tmp_path / "out"), run)
    made = [
        make_report(source, tmp_path / f"{i}.html").read_bytes() for i, source in enumerate(sources)
    ]
    assert len(set(made)) == 1


def test_the_finding_stands_at_the_top_with_its_numbers(run, told):
    least = cn.true_pairs(run.layers[0])
    members = sum(len(cluster) for cluster in run.clusters)
    first = f"At least {least} of the {run.layers[0].n_edges} pairs of accounts that were kept act"
    second = f"3 clusters with {members} of {run.log.n_accounts} accounts, the largest of 9;"
    third = "All 3 clusters are significant as a whole"
    text = told.text
    places = [
        text.index(part)
        for part in (
            "Which groups of accounts",
            first,
            second,
            third,
            "The data",
            "Limits",
            "Method",
        )
    ]
    assert places == sorted(places)
    for said in run.could_have_been_found:
        assert said in text


def test_all_text_is_there_without_scripts(run, told):
    text = told.text
    for i in range(3):
        for line in run.explain(i).split("\n"):
            assert " ".join(line.split()) in text
    data = report_data(run)
    for cluster in data.clusters:
        for picture in (cluster.details.timeline, cluster.details.gaps, cluster.details.scores):
            assert " ".join(picture.said) in text
        for target in cluster.details.targets:
            assert target.shown in text
    assert data.method in text


def test_the_numbers_of_the_pictures_are_those_of_the_log(run, told):
    """Counted again from the rows, without the pictures' own code."""
    numbers = told.numbers
    log = run.log
    for i, cluster in enumerate(run.clusters):
        drawn = numbers["clusters"][i]
        acts = np.isin(log.account, cluster.codes)
        line = drawn["timeline"]
        bins = (log.time[acts] / 1_000 - line["start"]) // line["step"]
        assert (
            line["members"]
            == np.bincount(bins.astype(int), minlength=len(line["members"])).tolist()
        )
        pairs = sum(
            int(log.account[at] != log.account[other])
            for o in np.unique(log.object[acts])
            for where in [np.flatnonzero(acts & (log.object == o))]
            for n, at in enumerate(where)
            for other in where[n + 1 :]
        )
        assert sum(drawn["gaps"]["observed"]) == pairs
        assert len(numbers["network"]["parts"][i]["x"]) == len(cluster)
        assert numbers["network"]["edges"][i] == cluster.graph().n_edges
    kinds = numbers["scores"]
    for place, value, *_ in numbers["clusters"][0]["scores"]:
        name = kinds[place][0]
        assert value == pytest.approx(run.scores[name].value[0], rel=1e-3)


def test_every_network_node_is_inside_its_circle_and_edges_join_members(told):
    net = told.numbers["network"]
    for x, y, radius, part in zip(net["x"], net["y"], net["radius"], net["parts"], strict=True):
        away = np.hypot(np.array(part["x"]) - x, np.array(part["y"]) - y)
        assert (away <= radius + 1e-3).all()
        n = len(part["x"])
        ends = set(zip(part["source"], part["target"], strict=True))
        assert len(ends) == len(part["source"])
        assert ends <= {(a, b) for a in range(n) for b in range(a + 1, n)}


# -- who is named ------------------------------------------------------------------------------


def test_accounts_stand_under_pseudonyms_unless_asked(run, tmp_path):
    labels = [label for cluster in run.clusters for label in cluster]
    hidden = run.report(tmp_path / "hidden.html").read_text(encoding="utf-8")
    named = run.report(tmp_path / "named.html", identifiers=True).read_text(encoding="utf-8")
    pseudonyms = Pseudonyms(run.log.secret("pseudonyms")).of(labels)
    for label, pseudonym in zip(labels, pseudonyms, strict=True):
        assert (f'"{label}"' in named, f'"{pseudonym}"' in named) == (True, False)
        assert (label in hidden, f'"{pseudonym}"' in hidden) == (False, True)
    shouted = ("p", {"class": "red", "role": "alert"})
    assert (shouted in Page(named).elements, shouted in Page(hidden).elements) == (True, False)
    own = run.report(tmp_path / "own.html", key=b"mine").read_text(encoding="utf-8")
    assert f'"{Pseudonyms(b"mine").of(labels[:1])[0]}"' in own


def test_a_folder_keeps_what_it_was_written_with(run, tmp_path):
    run.write(tmp_path / "named", identifiers=True)
    run.write(tmp_path / "hidden")
    run.write(tmp_path / "own", key=b"mine")
    named = make_report(tmp_path / "named", tmp_path / "1.html", identifiers=True)
    assert named.read_bytes() == run.report(tmp_path / "2.html", identifiers=True).read_bytes()
    own = make_report(tmp_path / "own", tmp_path / "3.html")
    assert own.read_bytes() == run.report(tmp_path / "4.html", key=b"mine").read_bytes()
    for folder, asked in (("named", False), ("hidden", True)):
        with pytest.raises(cn.ParameterError, match=f"identifiers={asked}"):
            make_report(tmp_path / folder, tmp_path / "5.html", identifiers=asked)
    assert not (tmp_path / "5.html").exists()


def test_the_hostile_run_names_nobody_unless_asked(tmp_path):
    run, names = hostile_run()
    path = run.report(tmp_path / "report.html")
    text = path.read_text(encoding="utf-8")
    members = {label for cluster in run.clusters for label in cluster}
    said = Page(text).text
    for label in members:
        if not plain(label).endswith("\u2026"):  # else a part that objects have too
            assert plain(label) not in said
    assert len(members) == 20
    assert members <= set(names.values())


# -- nothing of the data is markup -------------------------------------------------------------


def test_nothing_of_the_data_is_markup(tmp_path):
    run, _ = hostile_run()
    path = run.report(tmp_path / "report.html", identifiers=True)
    text = path.read_text(encoding="utf-8")
    found = Page(text)
    assert found.open == []
    assert {tag for tag, _ in found.elements} <= {
        "html", "head", "meta", "link", "title", "style", "body", "main", "header", "section", "h1",
        "h2", "h3", "p", "ul", "ol", "li", "dl", "dt", "dd", "div", "span", "b", "i", "a", "bdi",
        "details", "summary", "figure", "figcaption", "button", "table", "thead", "tbody", "tr",
        "th", "td", "script",
    }  # fmt: skip
    names = {name for _, given in found.elements for name in given}
    assert not [name for name in names if name.startswith("on") or name == "src"]
    links = {given["href"] for _, given in found.elements if "href" in given}
    assert links == {"data:,", "#cluster-0", "#cluster-1", "#cluster-2"}
    block = next(told for given, told in found.scripts if given.get("id") == "numbers")
    assert block.isascii()
    assert not set("<>&") & set(block)
    assert max(map(len, text.split("<script>")[0].split(">"))) < 120_000  # its style, and no name


def test_the_policy_names_the_scripts_and_forbids_requests(told):
    policy = next(
        given["content"] for tag, given in told.elements
        if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy"
    )  # fmt: skip
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    allowed = rules["script-src"].split()
    digests = [
        f"'sha256-{base64.b64encode(hashlib.sha256(told_.encode()).digest()).decode()}'"
        for given, told_ in told.scripts
        if "type" not in given
    ]
    assert allowed == [*digests, "'unsafe-eval'"]
    assert not re.search(
        r"https?:|\*|'self'|unsafe-inline", policy.replace("style-src 'unsafe-inline'", "")
    )


def test_every_list_has_a_longest_length(run, monkeypatch):
    from coordnet.report import gather

    monkeypatch.setattr(gather, "MOST_CLUSTERS", 1)
    monkeypatch.setattr(gather, "MOST_NODES", 4)
    monkeypatch.setattr(gather, "MOST_TARGETS", 2)
    data = report_data(run)
    assert [cluster.details is None for cluster in data.clusters] == [False, True, True]
    assert [len(part.x) for part in data.network.parts] == [4]
    assert len(data.clusters[0].details.targets) == 2
    assert data.clusters[0].details.n_targets == 12
    text = Page(page(data)).text
    assert "And 10 more." in text
    assert "Only the largest clusters have pictures and tables here." in text


def test_clusters_that_are_too_many_to_draw_open_one_by_one(run, monkeypatch):
    from coordnet.pictures import network

    whole = report_data(run).network
    monkeypatch.setattr(network.layout, "__defaults__", (None, 0, 5, 20_000))
    data = report_data(run).network
    assert (whole.folded, data.folded) == (False, True)
    assert (whole.x, whole.radius) == (data.x, data.radius)
    assert [len(part.x) for part in data.parts] == [9, 6, 5]
    assert "a cluster shows its own when selected" in " ".join(data.said)


# -- runs of all sorts -------------------------------------------------------------------------


def test_a_run_in_which_nothing_is_found(tmp_path):
    run = cn.detect(log_of([row for row in ring_rows() if row[0].startswith("user")]), "60s")
    found = Page(run.report(tmp_path / "report.html").read_text(encoding="utf-8"))
    said = "No cluster was found among 150 accounts. That does not say that there is none."
    assert said in found.text
    for said in run.could_have_been_found:
        assert found.text.count(said) == 1
    assert len((tmp_path / "report.html").read_bytes()) < 100_000  # no pictures, no BokehJS


def test_a_run_without_actions_scores_or_tests(run, tmp_path):
    empty = cn.detect(log_of([]), "60s")
    assert "The log has no actions" in Page(empty.report(tmp_path / "1.html").read_text()).text
    counts = cn.detect(run.log, "60s", fdr=None, score=False, min_weight=3)
    text = Page(counts.report(tmp_path / "2.html").read_text()).text
    assert "Nothing was tested: what follows are counts, not evidence." in text
    assert "It was not scored." in text


def test_null_runs_confirmation_and_suspects_are_told(run, tmp_path):
    asked = cn.detect(
        run.log, ["60s", "1h"], co_timing="1s", null_runs=1, confirm=True, null_sets=9
    )
    text = Page(asked.report(tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert "A cluster was found in" in text
    said = r"\d of \d clusters? (is|are) confirmed in the second half of the period\."
    assert re.search(said, text)
    assert "Amarasingham A, Harrison MT" in text
    for layer in asked.layers.names:
        assert layer in text
    rings = [row for row in ring_rows() if row[0].startswith("ring")]
    suspects = cn.detect(log_of(rings), "60s", null_sets=0)
    assert suspects.suspects
    found = Page(suspects.report(tmp_path / "2.html").read_text(encoding="utf-8")).text
    assert found.index(suspects.suspects[0]) < found.index("The data")


# -- sources that cannot be used ---------------------------------------------------------------


def test_sources_that_cannot_be_used(run, tmp_path):
    goal = tmp_path / "report.html"
    run.write(tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(cn.InputError, match=r"there is no file .*report\.json"):
        make_report(tmp_path / "empty", goal)
    with pytest.raises(cn.InputError, match="there is no file"):
        make_report(tmp_path / "nowhere", goal)
    with pytest.raises(cn.ParameterError, match="not of list"):
        make_report([], goal)
    with pytest.raises(cn.ParameterError, match="key= is for a run"):
        make_report(tmp_path / "out", goal, key=b"x")
    data = tmp_path / "out" / "report.json"
    good = data.read_bytes()
    for bad in (good[:1000], b'{"format": 1}', b"[]"):
        data.write_bytes(bad)
        with pytest.raises(cn.InputError, match="cannot be read as the data of a report"):
            make_report(tmp_path / "out", goal)
    later = msgspec.structs.replace(msgspec.json.decode(good, type=ReportData), format=99)
    data.write_bytes(msgspec.json.encode(later))
    with pytest.raises(cn.InputError, match="in another format"):
        make_report(tmp_path / "out", goal)
    with pytest.raises(cn.OutputError):
        run.report(tmp_path / "no folder" / "report.html")
    assert not goal.exists()


def test_what_the_page_is_made_of_is_installed():
    import configparser

    root = Path(__file__).resolve().parents[2]
    told = configparser.ConfigParser()
    told.read(root / "setup.cfg")
    listed = told["options.package_data"]["coordnet.report"].split()
    own = {p.name for p in (root / "coordnet" / "report").iterdir() if p.suffix in (".css", ".js")}
    assert set(listed) == own


# -- two figures for how often members met ---------------------------------------------------------


def test_the_gaps_and_the_words_count_meetings_differently_and_say_so():
    rows = ring_rows()
    account, object_, time, kind, post = rows[0]
    # one who acts three times at once on one object: one meeting more often, by actions alone
    rows += [(account, object_, time + 1 + i, kind, post) for i in range(2)]
    run = cn.detect(log_of(rows), "60s", null_sets=0)
    for i, cluster in enumerate(report_data(run).clusters):
        own = [row for row in rows if row[0] in set(run.clusters[i].accounts)]
        together = [
            (min(a[0], b[0]), max(a[0], b[0]), a[1])
            for k, a in enumerate(own)
            for b in own[:k]
            if a[0] != b[0] and a[1] == b[1] and abs(a[2] - b[2]) <= 60_000_000
        ]
        said = " ".join(cluster.details.gaps.said)
        assert f" {len(together):,} are within 60s of each other." in said
        alike = all(row[0] != account for row in own)
        count = "the same count" if alike else "two members count once an object there"
        assert f"that they met {len(set(together)):,} times: {count}, compared with all" in said
        how = next(p.sentences[0] for p in cluster.summary if p.title == "How")
        assert f"They met {len(set(together)):,} times" in how
        assert (len(together) == len(set(together))) == alike
