"""The commands one by one: each does what the library does, and its examples run."""

import contextlib
import csv
import importlib.util
import io
import json
import logging
import shlex
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import coordnet as cn
from coordnet import cli
from coordnet.commands import COMMANDS, detect, output, recipes, simulate
from coordnet.readers.formats import formats

DOCS = Path(__file__).resolve().parents[2] / "docs"
SAMPLES = Path(__file__).resolve().parents[1] / "readers" / "samples"
COLUMNS = ["--account", "account", "--object", "object", "--time", "time"]
QUICK = ["--null-sets", "19"]


def run(*arguments):
    """Return the exit code of `main`, and what it printed on both streams."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr(logging.root, "handlers", [])
        code = cli.main([str(argument) for argument in arguments])
    return code, out.getvalue(), err.getvalue()


def said(*arguments):
    """Return what a command printed that went well and warned of nothing."""
    code, out, err = run(*arguments)
    assert (code, err) == (0, ""), err
    return out


def refused(*arguments):
    """Return the one line that a command ended with."""
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (1, "", 1), (out, err)
    return err.removeprefix("coordnet: error: ").rstrip("\n")


def rows(path):
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def manifest(folder):
    return json.loads((Path(folder) / "manifest.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def sim():
    return cn.simulate("campaign", accounts=400, seed=0)


@pytest.fixture(scope="module")
def made(tmp_path_factory, sim):
    """Return a folder with actions.csv and what `simulate` writes beside it, and a run of them."""
    folder = tmp_path_factory.mktemp("made")
    with contextlib.chdir(folder):
        said("simulate", "campaign", "--accounts", "400", "--out", "actions.csv")
        said("detect", "actions.csv", *COLUMNS, "--kind-column", "kind", *QUICK, "--save", "run.x")
    return folder


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    """Make a copy of that folder the current one."""
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


# -- help --------------------------------------------------------------------------------------


def test_the_examples_of_every_help_run(tmp_path, monkeypatch):
    """In an order in which each finds the files that it is about."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(SAMPLES / "x_v2.jsonl", "tweets.jsonl")
    for command in ("simulate", *(c for c in COMMANDS if c != "simulate")):
        told = said(command, "--help").split("examples:\n")[1]
        examples = [line.strip() for line in told.strip().splitlines()]
        assert len(examples) >= 1
        for example in examples:
            program, *arguments = shlex.split(example)
            assert (program, arguments[0]) == ("coordnet", command)
            if arguments == ["demo"]:
                arguments += ["--accounts", "300"]  # as is, it takes some seconds
            code, _, err = run(*arguments)
            assert (code, err) == (0, ""), (example, err)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_and_says_what_each_choice_is(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    told = said(command, "--help")
    body = told[: told.index("examples:")].split("\n\n", 1)[1]
    assert max(map(len, body.splitlines())) <= 100
    assert "{" not in body  # choices are told one by one, each with what it means


def test_wrong_usage_is_two_lines_in_every_command():
    for command in COMMANDS:
        code, out, err = run(command, "--nope")
        assert (code, out, err.count("\n")) == (2, "", 2), err
        assert err.startswith(f"usage: coordnet {command}")
        assert f"see 'coordnet {command} --help'" in err


def test_the_page_of_the_command_line_is_made_of_the_help_texts():
    spec = importlib.util.spec_from_file_location("command_line", DOCS / "command_line.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = (DOCS / "command-line.md").read_text(encoding="utf-8")
    assert page == script.page(), "run: python docs/command_line.py > docs/command-line.md"


# -- a run that is done again ------------------------------------------------------------------


def test_a_run_done_again_is_the_same(here):
    told = said("detect", "--like", "coordnet-out/manifest.json")
    n = len(manifest("coordnet-out")["files"])
    assert told.endswith(
        "The result is the same as that of 'coordnet-out/manifest.json', byte for byte: "
        f"{n} files.\n"
    )
    for name in manifest("coordnet-out")["files"]:
        assert (here / "coordnet-again" / name).read_bytes() == (
            here / "coordnet-out" / name
        ).read_bytes()
    assert manifest("coordnet-again")["reading"] == manifest("coordnet-out")["reading"]


def test_the_manifest_alone_is_enough_and_finds_its_files(here, tmp_path, monkeypatch):
    """With --identifiers, --graph and a background in the manifest, from another folder."""
    extra = ["--identifiers", "--all-edges", "--graph", "graphml", "--background", "public.csv"]
    said("simulate", "organic", "--accounts", "300", "--seed", "5", "--out", "public.csv")
    known = ["--accounts", "actions-accounts.csv"]
    said("detect", "actions.csv", *COLUMNS, *QUICK, *extra, *known, "--out", "first")
    shutil.copy("first/manifest.json", "alone.json")
    shutil.rmtree("first")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    told = json.loads(said("detect", "--like", here / "alone.json", "--json"))
    assert (told["same"], told["differs"]) == (True, [])
    assert Path("coordnet-again/graph.graphml").exists()
    assert manifest("coordnet-again")["export"]["all_edges"] is True
    assert told["manifest"]["scored_with"]["profiles"] > 0
    assert told["manifest"]["background"]


def test_what_differs_is_told(here):
    again = ["detect", "--like", "coordnet-out/manifest.json"]
    code, told, _ = run(*again, "--seed", "3", "--json")
    told = json.loads(told)
    assert (code, told["same"]) == (1, False)
    assert {"scores.csv", "manifest.json: parameters"} <= set(told["differs"])
    assert "clusters.csv" not in told["differs"]
    lines = Path("actions.csv").read_text().splitlines()
    Path("actions.csv").write_text("\n".join(lines[:-1]) + "\n")
    code, told, _ = run(*again)
    assert code == 1
    assert "The result is not the same as that of 'coordnet-out/manifest.json'." in told
    assert "  manifest.json: input\n" in told
    assert "The input is another: its actions have another fingerprint." in told
    earlier = manifest("coordnet-out")
    earlier["packages"]["numpy"] = "0.1"
    Path("coordnet-out/manifest.json").write_text(json.dumps(earlier))
    Path("coordnet-out/clusters.csv").write_text("mended")
    _, told, _ = run(*again)
    assert f"Then numpy 0.1, now {np.__version__}." in told
    assert "Beside 'coordnet-out/manifest.json', clusters.csv changed after the run" in told


def test_earlier_runs_that_cannot_be_done_again(here, sim):
    again = ["detect", "--like", "x.json"]
    assert refused(*again) == "there is no file 'x.json'; check the path."
    for text, told in (
        ("{", "'x.json' cannot be read as a manifest: "),
        ("[]", "'x.json' has no parameters, input, files, export, results, so it is no manifest"),
        (json.dumps({"coordnet": "0.1.0", "input": {}}), "'x.json' has no parameters, files, "),
    ):
        Path("x.json").write_text(text)
        assert refused(*again).startswith(told)
    good = manifest("coordnet-out")
    for change, told in (
        ({"parameters": {"wthin": "1s"}}, "wthin= is no parameter of a run. Did you mean 'within'"),
        ({"reading": {"flies": []}}, "'x.json': 'flies' is no option of reading. Did you mean"),
        ({"reading": {"files": [1]}}, "'x.json': reading has files=[1], which cannot be."),
        ({"reading": {"files": ["gone.csv"]}}, None),
        ({"reading": None}, "'x.json' was written from Python and does not say how its log was"),
    ):
        Path("x.json").write_text(json.dumps(good | change))
        if told is None:
            code, _, err = run(*again)
            assert (code, err.count("\n")) == (2, 2)
            assert "the following arguments are required: --account, --object, --time" in err
        else:
            assert refused(*again).startswith(told)
    told = refused("detect", "--like", "coordnet-out/manifest.json", "--out", "coordnet-out")
    assert told == "--out 'coordnet-out' has the earlier run itself; choose another folder."
    log = cn.read_actions("actions.csv", account="account", object="object", time="time",
                          kind="kind")  # fmt: skip
    cn.detect(log, null_sets=19).write("py")
    read = ["actions.csv", *COLUMNS, "--kind-column", "kind"]
    code, told, err = run("detect", *read, "--like", "py/manifest.json")
    assert (code, err) == (0, "")
    assert "byte for byte" in told


def test_paths_of_the_machine_are_not_in_the_manifest(here):
    said("detect", here / "actions.csv", *COLUMNS, "--no-score", "--out", "absolute")
    assert str(here) not in (here / "absolute" / "manifest.json").read_text()
    assert manifest("absolute")["reading"]["files"] == ["actions.csv"]


def test_a_demo_is_done_again_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = said("demo", "--accounts", "300", "--scenario", "retweet_ring")
    assert "Open coordnet-demo/report.html in a browser to look at it.\n" in told
    assert Path("coordnet-demo/report.html").read_text().startswith("<!DOCTYPE html>")
    again = ["detect", "--like", "coordnet-demo/manifest.json"]
    assert "byte for byte" in said(*again)
    code, told, _ = run(*again, "--kind", "retweet", "--json")
    assert (code, json.loads(told)["manifest"]["input"]["kinds"]) == (1, ["retweet"])
    code, _, err = run(*again, "--account", "who")
    assert (code, "the earlier run was of a simulation; give FILE" in err) == (2, True)


def test_a_demo_without_the_packages_of_the_report_goes_on(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise cn.MissingDependencyError("install it with: pip install 'coordnet[report]'")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cn.Run, "report", fail)
    told = said("demo", "--accounts", "300", "--scenario", "organic")
    assert "There is no report: install it with: pip install 'coordnet[report]'\n" in told
    assert "Nothing was planted in the simulated organic." in told


def test_a_run_is_one_file_of_choices_and_reading(here):
    Path("run.toml").write_text(
        'within = {retweet = "60s", url = "10min"}\nscore = false\n[reading]\n'
        'files = "actions.csv"\naccount = "account"\nobject = ["object"]\ntime = "time"\n'
        'kind_column = "kind"\nkind = ["retweet", "url"]\n'
    )
    said("detect", "--config", "run.toml", "--out", "by-file")
    said(
        "detect", "actions.csv", *COLUMNS, "--kind-column", "kind", "--kind", "retweet", "--kind",
        "url", "--within", "retweet=60s", "--within", "url=10min", "--no-score", "--out", "by-hand",
    )  # fmt: skip
    one, other = manifest("by-file"), manifest("by-hand")
    assert one.pop("timings") != other.pop("timings")
    assert one == other
    assert one["input"]["kinds"] == ["retweet", "url"]
    assert cn.Configuration.read("run.toml").score is False
    said("detect", "--config", "run.toml", "--kind", "url", "--within", "1h", "--out", "changed")
    assert manifest("changed")["input"]["kinds"] == ["url"]
    Path("bad.toml").write_text("[reading]\nfile = 'x'\n")
    assert "'file' is no option of reading. Did you mean 'files'?" in refused(
        "detect", "--config", "bad.toml"
    )
    assert tomllib.loads(Path("run.toml").read_text())["reading"]["time"] == "time"


# -- exports -----------------------------------------------------------------------------------


def test_an_export_needs_no_columns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sample = SAMPLES / "x_v1.jsonl"
    for form in ("auto", "x-v1"):
        said("detect", sample, "--format", form, "--kind", "retweet", "--kind", "hashtag")
        log = cn.read_posts(sample, "x-v1").actions(["retweet", "hashtag"])
        assert manifest("coordnet-out")["input"]["fingerprint"] == log.fingerprint
    said("detect", sample, "--format", "auto")
    usual = cn.read_posts(sample).actions(["retweet", "url"])
    assert manifest("coordnet-out")["input"]["fingerprint"] == usual.fingerprint
    profiles = cn.read_posts(sample).profiles("pyarrow")
    assert manifest("coordnet-out")["scored_with"]["profiles"] == len(
        set(profiles["account"].to_pylist()) & set(usual.accounts)
    )
    told = refused("detect", SAMPLES / "4cat_tiktok_comments.csv", "--format", "auto")
    assert "has neither retweet nor url; say with --kind what the accounts act on. It has" in told
    assert "choose one of" in refused("detect", sample, "--format", "x-v9")
    assert "kinds='likes' is not known" in refused(
        "detect", sample, "--format", "auto", "--kind", "likes"
    )


def test_formats_are_listed_and_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = said("formats")
    listed = json.loads(said("formats", "--json"))["formats"]
    assert [one["format"] for one in listed] == list(formats())
    for one in listed:
        assert f"\n{one['format']}: {one['title']}\n" in told
        assert all(mark in told for marks in one["told_by"] for mark in marks)
    assert max(map(len, told.splitlines())) < 100
    (tmp_path / "other.csv").write_text("who,what\na,b\n")
    code, told, err = run("formats", SAMPLES / "x_v2.jsonl", "other.csv", "--json")
    one, other = json.loads(told)["files"]
    assert (code, err) == (1, "")
    assert (one["format"], one["posts"]) == ("x-v2", len(cn.read_posts(SAMPLES / "x_v2.jsonl")))
    assert "retweet" in one["kinds"]
    assert "like" not in one["kinds"]
    assert (other["format"], "is of no format" in other["error"]) == (None, True)
    code, told, _ = run("formats", "other.csv")
    assert code == 1
    assert told.startswith("other.csv: of no format that is known.\n")
    assert refused("formats", "gone.csv") == "there is no file 'gone.csv'; check the path."


# -- clusters that are given -------------------------------------------------------------------

SCORE = ["score", "actions.csv", *COLUMNS, "--kind-column", "kind", *QUICK]


def test_given_clusters_are_scored_as_the_library_scores_them(here, sim):
    told = json.loads(
        said(*SCORE, "--clusters", "actions-truth.csv", "--cluster-column", "group", "--json")
    )
    log = cn.read_actions("actions.csv", account="account", object="object", time="time",
                          kind="kind")  # fmt: skip
    groups = {name: list(members) for name, members in sim.truth.groups.items()}
    acting = [[a for a in members if a in log.accounts] for members in groups.values()]
    expected = cn.score_clusters(acting, log, null_sets=19)
    assert [row["accounts"] for row in told["scores"]] == expected.clusters.sizes.tolist()
    for name in ("synchronised_actions", "group_evidence"):
        values = [row[name] for row in told["scores"]]
        np.testing.assert_allclose(values, expected[name].value)
    for cluster, row in zip(expected.clusters, told["scores"], strict=True):
        assert set(cluster.accounts) <= set(groups[row["given_as"]])
    members = rows("coordnet-scores/clusters.csv")
    assert {row["given_as"] for row in members} == set(groups)
    assert all(row["account"].startswith("u_") for row in members)
    assert "Given as rallies." in Path("coordnet-scores/summary.txt").read_text()


def test_pseudonyms_of_the_same_log_are_understood(here):
    told = said(*SCORE, "--clusters", "coordnet-out/clusters.csv", "--identifiers")
    assert max(map(len, told.splitlines())) < 100
    written = rows("coordnet-scores/clusters.csv")
    truth = {row["account"] for row in rows("actions-truth.csv")}
    assert len(written) == len(rows("coordnet-out/clusters.csv"))
    assert {row["account"] for row in written} <= truth


def test_given_clusters_that_cannot_be_scored(here):
    def refused_for(text, *options):
        Path("mine.csv").write_text(text)
        return refused(*SCORE, "--clusters", "mine.csv", *options)

    assert refused_for("a,b\n1,2\n").startswith("'mine.csv' has no column 'account'; its columns")
    assert "none of the accounts of 'mine.csv' is in the log, such as 'nobody'" in refused_for(
        "account,cluster\nnobody,1\n"
    )
    assert refused_for("account,cluster\na,\n").startswith("'mine.csv' has no cluster; it needs")
    assert refused_for("account,cluster\n,1\n") == (
        "'mine.csv', row 1: there is no account of cluster 1."
    )
    assert "--within is given 2 times" in refused_for(
        "account,cluster\na,1\n", "--within", "1s", "--within", "2s"
    )
    one = rows("actions-truth.csv")[0]["account"]
    other = rows("actions-truth.csv")[1]["account"]
    Path("mine.csv").write_text(f"account,cluster\n{one},x\n{other},x\nnobody,x\n")
    assert "1 account of 'mine.csv' is not in the log." in said(*SCORE, "--clusters", "mine.csv")


# -- published methods -------------------------------------------------------------------------


def test_a_recipe_writes_what_the_library_gives(here, sim):
    told = said(
        "recipes", "coortweet", "actions.csv", *COLUMNS, "--kind-column", "kind", "--within", "60s",
        "--min-participation", "3", "--fast", "none", "--identifiers", "--graph", "gexf",
    )  # fmt: skip
    graph = cn.recipes.coortweet(sim.log, within="60s", min_participation=3)
    written = rows("coordnet-recipe/edges.csv")
    expected = graph.to_frame("pyarrow").to_pylist()
    assert [(e["source"], e["target"], float(e["weight"])) for e in written] == [
        (e["source"], e["target"], e["weight"]) for e in expected
    ]
    assert " ".join(told.split()).count(graph.relation.citation) == 1
    facts = manifest("coordnet-recipe")
    assert facts["parameters"] == {"within": "60s", "min_participation": 3, "fast": None}
    assert facts["citation"] == graph.relation.citation
    assert set(facts["files"]) == {"edges.csv", "graph.gexf"}
    said("recipes", "coortweet", "actions.csv", *COLUMNS)
    assert all(row["source"].startswith("u_") for row in rows("coordnet-recipe/edges.csv"))


def test_a_recipe_of_clusters_and_of_kinds(here, sim):
    given = [*COLUMNS, "--kind-column", "kind", "--kind", "url", "--kind", "hashtag"]
    told = json.loads(said("recipes", "magelinski", "actions.csv", *given, "--json"))
    found = cn.recipes.magelinski(sim.log, kinds=["url", "hashtag"])
    assert (told["clusters"], told["edges"]) == (len(found), found.layers.combined.n_edges)
    assert told["parameters"]["kinds"] == ["url", "hashtag"]
    assert len(rows("coordnet-recipe/clusters.csv")) == len(found.indices)


@pytest.mark.parametrize("name", [n for n in cn.recipes.__all__ if n not in recipes.FROM_PYTHON])
def test_every_recipe_offers_its_parameters(name):
    """All but mappings and lists of anything, which a command line cannot say."""
    offered = recipes.choices(name)
    others = {p.name: str(p.annotation) for p in recipes._takes(name)[1:] if p.name not in offered}
    assert {n for n in others if n not in ("kind", "kinds", "threads")} <= {
        "authors", "originals", "languages"
    }  # fmt: skip
    assert all(choice.meaning for choice in offered.values())
    told = said("recipes", name, "--help")
    for choice in offered:
        assert f"--{choice.replace('_', '-')}" in told
    assert cn.recipes.__dict__[name].citation.split(",")[0] in told


def test_recipes_are_listed_and_refused(here):
    listed = json.loads(said("recipes", "--json"))["recipes"]
    assert list(listed) == cn.recipes.__all__
    told = said("recipes")
    assert all(f"\n{name}" in f"\n{told}" for name in listed)
    assert "coordinated network detection" in " ".join(told.split())
    assert refused("recipes", "coortwet", "actions.csv", *COLUMNS).endswith(
        "Did you mean 'coortweet'?"
    )
    assert "is called from Python: coordnet.recipes.luceri_fused." in refused(
        "recipes", "luceri_fused", "actions.csv", *COLUMNS
    )
    assert "'actions.csv' cannot be read as a .npy file" in refused(
        "recipes", "coorsim", "actions.csv", *COLUMNS, "--embeddings", "actions.csv"
    )


def test_methods_are_compared_as_the_library_compares_them(here, sim):
    told = json.loads(
        said(
            "compare", "actions.csv", *COLUMNS, "--recipe", "coortweet:within=60s", "--recipe",
            "schoch:min_times=3", "--fdr", "0.01", "--json",
        )
    )  # fmt: skip
    log = cn.read_actions("actions.csv", account="account", object="object", time="time")
    expected = cn.compare(
        {
            "coordnet": cn.detect(log, fdr=0.01, score=False),
            "coortweet:within=60s": cn.recipes.coortweet(log, within="60s"),
            "schoch:min_times=3": cn.recipes.schoch(log, min_times=3),
        },
        log, level=0.01,
    )  # fmt: skip
    assert told["found"] == expected.methods.to_pylist()
    assert told["overlaps"] == expected.overlaps.to_pylist()
    assert [row["method"] for row in rows("coordnet-comparison/methods.csv")] == list(
        told["methods"] | {"coordnet": 0}
    )[-1:] + list(told["methods"])
    told = said("compare", "actions.csv", *COLUMNS, "--without-ours")
    assert max(map(len, told.splitlines())) < 100
    assert "coortweet: " in told
    assert "coordnet: " not in told
    for recipe, word in (
        ("nope", "recipe='nope' is not known"),
        ("coortweet:x=1", "x= is no choice of coortweet."),
        ("coortweet:x", "'x' is no choice; write coortweet:within=60s."),
        ("coortweet:min_participation=two", "min_participation='two' is no int."),
    ):
        assert word in refused("compare", "actions.csv", *COLUMNS, "--recipe", recipe)


# -- simulations and reports -------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_simulation_is_written_as_it_is(tmp_path, monkeypatch, ending):
    monkeypatch.chdir(tmp_path)
    given = ["simulate", "election", "--accounts", "300", "--seed", "2", "--out", f"x.{ending}"]
    told = json.loads(said(*given, "--json"))
    assert told["files"] == [f"x.{ending}", f"x-truth.{ending}", f"x-accounts.{ending}"]
    sim = cn.simulate("election", accounts=300, seed=2)
    log = cn.read_actions(
        f"x.{ending}", account="account", object="object", time="time", kind="kind"
    )
    assert log.fingerprint == cn.read_actions(
        sim.log.to_frame("pyarrow"), account="account", object="object", time="time", kind="kind"
    ).fingerprint  # fmt: skip
    assert (log.rows_read, log.dropped["duplicate"]) == (
        len(sim.log) + int(sim.log.folded.sum()), int(sim.log.folded.sum()),
    )  # fmt: skip
    assert told["planted"] == {name: len(m) for name, m in sim.truth.groups.items()}
    if ending == "parquet":
        assert pa.parquet.read_table("x-truth.parquet").equals(sim.truth.to_frame("pyarrow"))
    else:
        assert len(rows("x-accounts.csv")) == sim.account_table.num_rows
    assert refused(*given) == f"'x.{ending}' is there; choose another name, or add --replace."
    assert said(*given, "--replace").startswith("Simulation (election)\n")
    assert "tables are written as .csv or .parquet" in refused("simulate", "--out", "x.xlsx")
    assert "there is no folder 'gone'" in refused("simulate", "--out", f"gone/x.{ending}")


def test_every_scenario_is_explained():
    assert all(len(meaning) > 10 for name, meaning in simulate.told().items())
    assert simulate.told()["organic"] == "Add nothing"


def test_reports_of_a_folder_and_of_a_saved_run_are_the_same(here):
    assert said("report", "coordnet-out") == (
        "Open coordnet-out/report.html in a browser to look at it.\n"
    )
    assert json.loads(said("report", "run.x", "--out", "page.html", "--json")) == {
        "report": "page.html"
    }
    assert Path("page.html").read_bytes() == Path("coordnet-out/report.html").read_bytes()
    said("report", "run.x", "--out", "page.html")  # a report is replaced
    Path("mine.html").write_text("<!doctype html>years of work")
    assert "'mine.html' is there and is no report of coordnet's" in refused(
        "report", "run.x", "--out", "mine.html"
    )
    assert Path("mine.html").read_text() == "<!doctype html>years of work"
    assert "there is no file or folder 'gone'; check the path." in refused("report", "gone")
    # the folder may be written again, its report included
    again = ["detect", "actions.csv", *COLUMNS, *QUICK, "--report"]
    assert "  coordnet-out/report.html\n" in said(*again)
    assert "  two.html\n" in said(*again, "two.html")
    assert not Path("coordnet-out/report.html").exists()
    assert "'mine.html' is there and is no report" in refused(*again, "mine.html")


# -- what is printed ---------------------------------------------------------------------------


def test_json_is_all_that_is_printed(here):
    told = json.loads(said("detect", "actions.csv", *COLUMNS, *QUICK, "--json", "--report"))
    assert told["finding"].startswith(f"{len(told['clusters'])} clusters with ")
    run_ = cn.detect(
        cn.read_actions("actions.csv", account="account", object="object", time="time"),
        null_sets=19,
    )
    assert told["clusters"] == json.loads(json.dumps(run_.scores.table().to_pylist()))
    assert told["report"] == str(Path("coordnet-out", "report.html"))
    written = manifest("coordnet-out")
    assert {name: written[name] for name in told["manifest"]} == told["manifest"]
    told = json.loads(said("demo", "--accounts", "300", "--scenario", "organic", "--json"))
    assert (told["clusters"], told["truth"]["pair_recall"]) == ([], None)
    assert told["finding"] == "No cluster was found."
    assert told["could_have_been_found"]


def test_json_is_whole_however_long_and_moves_no_cursor(capsys):
    value = {"long": "x" * 100_000, "escape": "\x1b[31m\u202e"}
    output.say_json(value)
    told = capsys.readouterr().out
    assert json.loads(told) == value
    assert told.isascii()
    assert "\x1b" not in told


def test_where_nothing_is_found_there_is_no_table(here):
    told = said("demo", "--accounts", "300", "--scenario", "organic")
    assert "No cluster was found." in told
    assert "cluster  accounts" not in told
    nothing = cn.detect(cn.simulate("organic", accounts=300, seed=0).log)
    for text in (repr(nothing), nothing._repr_html_()):
        assert "No cluster was found." in text
        assert "ClusterScores" not in text
    assert repr(nothing.scores) == "ClusterScores: there is no cluster to score"
    assert "<th>" not in nothing.scores._repr_html_()


def test_tables_are_below_100_columns(capsys):
    head = ["cluster", *(f"a rather long name {i}" for i in range(9))]
    output.say_table(head, [["0", *("x" * 60 for _ in range(9))]])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) < 100
    assert lines[1].split()[:2] == ["0", "x" * 23 + "…"]


@pytest.mark.parametrize("at", ["json_text", "write_table", "whole_folder"])
def test_being_stopped_leaves_nothing_half_written(here, monkeypatch, at):
    def stop(*_, **__):
        raise KeyboardInterrupt

    before = {p: p.read_bytes() for p in here.rglob("*") if p.is_file()}
    monkeypatch.setattr(f"coordnet.detection.run.{at}", stop)
    code, out, err = run("detect", "actions.csv", *COLUMNS, *QUICK)
    assert (code, out, err) == (130, "", "coordnet: error: stopped.\n")
    assert {p: p.read_bytes() for p in here.rglob("*") if p.is_file()} == before


def test_a_stage_for_whatever_may_last(here, monkeypatch):
    """Every second of the work is in a stage that is told."""
    seen = []

    @contextlib.contextmanager
    def stage(name):
        seen.append(name)
        yield lambda share: None

    for module in ("detection.manifest", "threads", "scores.table", "commands.output"):
        monkeypatch.setattr(f"coordnet.{module}.stage", stage)
    said("detect", "actions.csv", *COLUMNS, *QUICK, "--report")
    wanted = {"reading", "co-action graphs", "co-action tests", "groups", "clusters", "findable",
              "scores", "writing", "report"}  # fmt: skip
    assert wanted <= set(seen)
    assert detect.OUT == "coordnet-out"
