"""What holds of the whole package: no network asked by its name, one of each thing, imports that run downhill."""

import ast
import re
from pathlib import Path

import pytest

from shallows.networks import network_names

PACKAGE = Path(__file__).parents[1] / "src" / "shallows"
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
NAMES = set(network_names())


def place(path):
    return path.relative_to(PACKAGE).as_posix()


def is_one_networks(path):
    """Whether the file belongs to one network: it may say which."""
    return path.parent.name == "networks" or any(part in path.stem.split("_") for part in NAMES)


def names_in(node):
    """Names of networks among the constants of an expression."""
    return {item.value for item in ast.walk(node) if isinstance(item, ast.Constant)} & NAMES


def test_no_network_is_asked_for_its_name():
    found = []
    for path, tree in TREES.items():
        if path.parent.name == "networks":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare) and names_in(node):
                found.append(f"{place(path)}:{node.lineno} compares")
            if isinstance(node, ast.Match) and any(names_in(case.pattern) for case in node.cases):
                found.append(f"{place(path)}:{node.lineno} matches")
            if isinstance(node, ast.Dict) and not is_one_networks(path):
                keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
                if keys & NAMES:
                    found.append(f"{place(path)}:{node.lineno} looks up")
    assert not found


def test_no_network_is_asked_for_by_the_type_of_its_weights_or_law():
    kinds = {
        "LowRankPSD",
        "QuadraticLaw",
        "DiagonalLaw",
        "Quadratic",
        "Diagonal",
        "QuadraticOperator",
        "DiagonalOperator",
    }
    found = [
        f"{place(path)}:{node.lineno}"
        for path, tree in TREES.items()
        if not is_one_networks(path) and path.name != "weights.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance"
        if {item.id for item in ast.walk(node.args[1]) if isinstance(item, ast.Name)} & kinds
    ]
    assert not found


def test_nobody_imports_the_package_root():
    found = []
    for path, tree in TREES.items():
        depth = len(path.relative_to(PACKAGE).parts)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import) and any(alias.name == "shallows" for alias in node.names):
                found.append(f"{place(path)}:{node.lineno}")
            if isinstance(node, ast.ImportFrom) and depth > 1 and not node.module and node.level == depth:
                found.append(f"{place(path)}:{node.lineno}")
            if isinstance(node, ast.ImportFrom) and node.module == "shallows":
                found.append(f"{place(path)}:{node.lineno}")
    assert not found


@pytest.mark.parametrize(
    "what,pattern,home",
    [
        ("atomic writes", r"os\.replace\(|mkstemp|NamedTemporaryFile", "_system.py"),
        ("process probe", r"os\.kill\(", "_system.py"),
        ("memory probe", r"SC_PHYS_PAGES", "_system.py"),
        ("exactly one of", r"give exactly one of the", "_arguments.py"),
        ("environment of HTML pages", r"autoescape=True", "report/"),
        ("Benjamini and Hochberg's procedure", r"def adjusted\(", "_distributions"),
        ("array of float64 as a type", r"(?m)^ +FloatArray =", "_types.py"),
        ("version", r'__version__ = "', "_version.py"),
        ("exceptions", r"class [A-Z]\w+\((?:ShallowsError|InvalidArgument|Exception)\b", "errors.py"),
        ("statuses", r"class \w*Status\w*\(Enum\)", "_status.py"),
    ],
)
def test_there_is_one_of(what, pattern, home):
    found = {place(path) for path in FILES if re.search(pattern, path.read_text(encoding="utf-8"))}
    assert len(found) == 1 and found.pop().startswith(home), found
