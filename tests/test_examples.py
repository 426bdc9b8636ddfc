"""Every public name has an example, and every example in the package runs."""

import doctest
import importlib
import pkgutil

import pytest

import shallows

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(shallows.__path__, "shallows.")
    if not module.name.endswith(("__main__", "_warm"))
)
PACKAGES = ["shallows", *(f"shallows.{name}" for name in shallows._SUBPACKAGES)]


@pytest.mark.parametrize("name", ["shallows", *MODULES])
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    found = doctest.testmod(importlib.import_module(name), optionflags=flags)
    assert found.failed == 0


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_has_an_example(package):
    module = importlib.import_module(package)
    assert module.__all__, package
    lacking = []
    for name in module.__all__:
        value = getattr(module, name)
        if isinstance(value, type) or callable(value):
            document = value.__doc__ or ""
            if ">>>" not in document or "+SKIP" in document:
                lacking.append(name)
    assert not lacking
