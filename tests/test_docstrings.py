"""Every public function and class says what it takes, holds and gives back.

A function names each of its parameters under "Parameters", and has a section "Returns" unless it returns nothing, a
truth value or text. A class names what it is made from, and the fields of a dataclass, under "Parameters" or
"Attributes" of its own docstring, whether it inherits them or not.
"""

import dataclasses
import enum
import importlib
import inspect
import re

import pytest

import shallows

PACKAGES = ["shallows", *(f"shallows.{name}" for name in shallows._SUBPACKAGES)]
#: What a function may return without a section that says so: its first sentence does.
PLAIN = {"None", "bool", "str"}


def public():
    """Functions and classes of ``__all__``, each once, by the name of where it is public."""
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            value = getattr(module, name)
            if isinstance(value, type) or inspect.isroutine(value):
                found.setdefault(value, f"{package}.{name}")
    return [pytest.param(value, id=name) for value, name in found.items()]


FUNCTIONS = [case for case in public() if not isinstance(case.values[0], type)]
CLASSES = [case for case in public() if isinstance(case.values[0], type)]


def sections(value):
    """Lines of each section of the docstring, by its title."""
    lines = inspect.cleandoc(value.__doc__ or "").split("\n")  # its own: a base describes what the base takes
    titles = [i for i, line in enumerate(lines[1:]) if line and set(lines[i + 1]) == {"-"}]
    ends = [*titles[1:], len(lines)]
    return {lines[start]: lines[start + 2 : end] for start, end in zip(titles, ends, strict=True)}


def described(value, *titles):
    """Names that the sections of these titles describe: ``low, high : float`` describes two."""
    found = set()
    for title in titles:
        entries = [line for line in sections(value).get(title, []) if line and not line.startswith(" ")]
        for entry in entries:
            found.update(re.split(r",\s*", entry.split(" : ")[0].strip()))
    return found


def parameters(value):
    """What is to be passed, without what is collected by ``*`` and ``**``."""
    collected = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {name for name, each in inspect.signature(value).parameters.items() if each.kind not in collected}


def made_from(kind):
    """Parameters of a class with a constructor of its own or of a base in this package."""
    constructor = next((base for base in kind.__mro__ if "__init__" in vars(base)), object)
    if issubclass(kind, enum.Enum) or not constructor.__module__.startswith("shallows"):
        return set()
    return parameters(kind)


@pytest.mark.parametrize("value", [*FUNCTIONS, *CLASSES])
def test_a_docstring_begins_with_a_sentence(value):
    first = inspect.cleandoc(value.__doc__ or "").split("\n\n")[0]
    assert first.endswith("."), first


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_describes_its_parameters(function):
    assert not parameters(function) - described(function, "Parameters")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_says_what_it_returns(function):
    if inspect.signature(function).return_annotation not in PLAIN:
        assert any(sections(function).get("Returns", []))


@pytest.mark.parametrize("kind", CLASSES)
def test_a_class_describes_what_it_is_made_from(kind):
    assert not made_from(kind) - described(kind, "Parameters", "Attributes")


@pytest.mark.parametrize("kind", [case for case in CLASSES if dataclasses.is_dataclass(case.values[0])])
def test_a_dataclass_describes_its_fields(kind):
    fields = {field.name for field in dataclasses.fields(kind) if not field.name.startswith("_")}
    assert not fields - described(kind, "Parameters", "Attributes")


@pytest.mark.parametrize("value", [*FUNCTIONS, *CLASSES])
def test_a_docstring_describes_no_parameter_that_is_not_there(value):
    named = described(value, "Parameters")
    assert not named or not named - parameters(value)
