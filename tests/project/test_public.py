"""The public face: documented as it is, light to import, and about clusters, never one account."""

import ast
import configparser
import dataclasses
import doctest
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import coordnet
from coordnet.scores.view import REGISTRY

ROOT = Path(__file__).resolve().parents[2]
MODULES = [
    m.name
    for m in pkgutil.walk_packages(coordnet.__path__, "coordnet.")
    if not m.name.endswith(".__main__")
]
PUBLIC = {name: getattr(coordnet, name) for name in coordnet.__all__}
FUNCTIONS = {name: value for name, value in PUBLIC.items() if inspect.isfunction(value)}
CLASSES = {name: value for name, value in PUBLIC.items() if inspect.isclass(value)}
# The same parameters as another one, which documents them
LIKE = {"co_retweet": "co_action"}


def section(doc, title):
    """Return the names that a section of a numpy docstring documents, in order."""
    lines = inspect.cleandoc(doc or "").splitlines()
    names = []
    inside = False
    for i, line in enumerate(lines):
        under = lines[i + 1] if i + 1 < len(lines) else ""
        if re.fullmatch(r"-{3,}", under) and len(under) == len(line):
            inside = line == title
        elif inside and line and not line.startswith((" ", "---")):
            names += [n.strip().lstrip("*") for n in line.split(" : ")[0].split(",")]
    return names


def parameters(function):
    return [p for p in inspect.signature(function).parameters if p not in ("self", "cls")]


def methods():
    """Give name, function and documentation, which may be that of the method it overrides."""
    for name, cls in CLASSES.items():
        for method_name, method in vars(cls).items():
            function = getattr(method, "__func__", method)
            if inspect.isfunction(function) and not method_name.startswith("_"):
                docs = [getattr(vars(base).get(method_name), "__doc__", None) for base in cls.mro()]
                doc = next((d for d in docs if section(d, "Parameters")), function.__doc__)
                yield f"{name}.{method_name}", function, doc


def test_the_parser_of_docstrings():
    doc = """Say it.

    Parameters
    ----------
    first, second
        Two : of them.
    third : int
        One.

    Returns
    -------
    what
        It is.
    """
    assert section(doc, "Parameters") == ["first", "second", "third"]
    assert section(doc, "Returns") == ["what"]
    assert section(doc, "Notes") == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_documented_parameters_equal_the_signature(name):
    function = FUNCTIONS[name]
    if name in LIKE:
        assert parameters(function) == parameters(PUBLIC[LIKE[name]])
        assert f":func:`{LIKE[name]}`" in function.__doc__
    elif name == "detect":  # the fields of the configuration stand last
        assert sorted(section(function.__doc__, "Parameters")) == sorted(parameters(function))
    else:
        assert section(function.__doc__, "Parameters") == parameters(function)


def test_every_choice_of_detect_is_a_field_of_the_configuration_and_documented():
    """The signature, help() and the docstring are made of the fields; each stands in one place."""
    signature = inspect.signature(coordnet.detect)
    own = [
        "log", "config", "background", "accounts", "stance", "memory", "engine", "threads",
    ]  # fmt: skip
    declared = {f.name: f for f in dataclasses.fields(coordnet.Configuration)}
    assert [*signature.parameters][:2] == ["log", "within"]
    assert set(signature.parameters) == {*own, *declared}
    documented = section(coordnet.detect.__doc__, "Parameters")
    assert documented == [*own, *declared]
    assert section(coordnet.Configuration.__doc__, "Attributes") == [*declared]
    config = coordnet.Configuration()
    for name, field in declared.items():
        parameter = signature.parameters[name]
        default = field.default_factory() if name == "moments" else field.default
        assert parameter.default == default, name
        positional = parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        assert positional == (name == "within"), name
        for doc in (coordnet.detect.__doc__, coordnet.Configuration.__doc__):
            told = " ".join(inspect.cleandoc(doc).split())
            assert f"{field.metadata['meaning']} (default: {default!r})" in told, name
        assert coordnet.Configuration(**{name: default}) == config
    assert "{parameters}" not in coordnet.detect.__doc__


@pytest.mark.parametrize(("name", "method", "doc"), list(methods()))
def test_documented_parameters_of_methods_equal_the_signature(name, method, doc):
    documented = section(doc, "Parameters")
    if documented or len(parameters(method)) > 2:
        assert documented == parameters(method)
    assert method.__doc__


@pytest.mark.parametrize("name", CLASSES)
def test_documented_attributes_are_the_fields(name):
    cls = CLASSES[name]
    assert cls.__doc__
    documented = section(cls.__doc__, "Attributes")
    if documented:
        assert documented == [f.name for f in dataclasses.fields(cls)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_an_example(name):
    assert ">>>" in FUNCTIONS[name].__doc__


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings_run(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module)
    assert result.failed == 0


def test_doctests_can_fail():
    """A runner that finds no examples would pass everything above."""
    tried = sum(doctest.testmod(importlib.import_module(n)).attempted for n in
                ("coordnet.times", "coordnet.export"))  # fmt: skip
    assert tried >= 5


def test_names():
    assert coordnet.__all__ == sorted(coordnet.__all__)
    assert len(PUBLIC) == len(coordnet.__all__)
    for name in ("ActionLog", "co_action", "co_timing", "detect", "find_clusters", "read_actions"):
        assert name in PUBLIC
    assert set(coordnet.__all__) < set(dir(coordnet))
    with pytest.raises(AttributeError) as error:
        coordnet.detct  # noqa: B018
    assert str(error.value) == "module 'coordnet' has no attribute 'detct'. Did you mean 'detect'?"


def test_the_face_is_names_alone():
    """For type checkers, for what is loaded when it is first used, and in ``__all__``: the same."""
    tree = ast.parse((ROOT / "coordnet" / "__init__.py").read_text())
    told = {
        (node.module, alias.asname or alias.name)
        for branch in tree.body
        if isinstance(branch, ast.If)
        for node in branch.body
        for alias in node.names
    }
    homes = {(f"coordnet.{home}", n) for home, names in coordnet._HOMES.items() for n in names}
    rooms = {("coordnet", name) for name in coordnet._MODULES}
    assert told == homes | rooms
    assert sorted(name for _, name in homes) == coordnet.__all__
    for home, name in homes:
        assert getattr(coordnet, name) is getattr(importlib.import_module(home), name)
    made = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert [node.name for node in made] == ["__getattr__", "__dir__"]


def test_a_test_module_that_imports_everything_collects_nothing(tmp_path):
    """pytest took test_group for a test."""
    (tmp_path / "test_mine.py").write_text(
        "from coordnet import *\nfrom coordnet import test_group\n\n\ndef test_own():\n    pass\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [line for line in ran.stdout.splitlines() if "::" in line] == [
        "test_mine.py::test_own"
    ]  # fmt: skip


def test_everything_public_says_what_it_is():
    for name, value in PUBLIC.items():
        assert value.__doc__, name
        assert value.__module__.startswith("coordnet."), name
    for name in MODULES:
        assert importlib.import_module(name).__doc__, name


def test_importing_is_light():
    code = (
        "import sys, coordnet;"
        "heavy = {'numpy', 'numba', 'scipy', 'pyarrow', 'duckdb', 'networkx', 'igraph', 'pandas',"
        "'polars', 'bokeh', 'matplotlib', 'pyspark', 'IPython', 'sklearn'};"
        "print(sorted(heavy & set(sys.modules)), coordnet.__version__ != '');"
        "coordnet.detect;"
        "optional = {'pandas', 'polars', 'bokeh', 'matplotlib', 'pyspark', 'IPython', 'sklearn',"
        "'scipy.stats'};"
        "print(sorted(optional & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("[] True\n[]\n", "")


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    log = coordnet.simulate("organic", accounts=200, actions=10).log
    with pytest.raises(coordnet.CoordnetError) as error:
        log.to_frame("polars")
    assert isinstance(error.value, ImportError)
    assert re.fullmatch(
        r"a Polars frame needs the package 'polars', which is not installed; install it with: pip "
        r"install 'coordnet\[\w+\]'",
        str(error.value),
    )


def test_nothing_judges_one_account():
    """Scores are of clusters; an account is named by columns, lists and codes, never rated."""
    rated = re.compile(
        r"(score|rank|rate|flag|label|judge|classify)_?(of_)?(one_)?(account|user|person)"
        r"|(account|user|person)_?(score|rank|rating|label|verdict)|\bbot|troll|suspic|inauthentic"
    )
    names = [*PUBLIC, *REGISTRY, *(name for name, *_ in methods())]
    names += [
        field.name
        for cls in CLASSES.values()
        if dataclasses.is_dataclass(cls)
        for field in dataclasses.fields(cls)
    ]
    assert [n for n in names if rated.search(n.lower())] == []
    for column, function in REGISTRY.values():
        assert parameters(function) == ["view"]  # all clusters at once
        assert "cluster" in column.meaning or "member" in column.meaning


def test_the_version_stands_in_one_place():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    version = config["metadata"]["version"]
    assert coordnet.__version__ == metadata.version("coordnet") == version
    holders = [
        path.name
        for path in [*(ROOT / "coordnet").rglob("*.py"), ROOT / "pyproject.toml"]
        if f'"{version}"' in path.read_text()
    ]
    assert holders == []


def test_errors_have_one_base_and_the_built_in_one():
    from coordnet import errors

    kinds = [errors.InputError, errors.ParameterError, errors.MissingDependencyError]
    for kind, builtin in zip(kinds, (ValueError, ValueError, ImportError), strict=True):
        assert issubclass(kind, coordnet.CoordnetError)
        assert issubclass(kind, builtin)
    assert issubclass(coordnet.CoordnetWarning, UserWarning)


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("acount", ["account", "object"], " Did you mean 'account'?"),
        ("ACCOUNT", ["account"], " Did you mean 'account'?"),
        ("zzz", ["account"], ""),
        ("x", [], ""),
        ("1", [1, 2], " Did you mean '1'?"),
    ],
)
def test_the_nearest_name(name, known, expected):
    from coordnet.errors import nearest

    assert nearest(name, known) == expected


def test_lists_in_errors_are_cut():
    from coordnet.errors import listed

    assert listed([]) == "none"
    assert listed(range(3)) == "0, 1, 2"
    assert listed(range(25), most=2) == "0, 1 and 23 more"
