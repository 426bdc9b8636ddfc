"""What importing the package costs, and that its public names are what they say."""

import importlib
import subprocess
import sys

import pytest

import shallows

HEAVY = ("torch", "distributed", "dask", "matplotlib", "numba", "sklearn", "xarray", "typer", "rich")


def loaded_after(statement):
    program = f"import sys\n{statement}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_nothing_heavy():
    loaded = loaded_after("import shallows")
    assert "shallows" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_listing_and_stating_a_problem_loads_nothing_heavy():
    loaded = loaded_after("import shallows\ndir(shallows)\nshallows.Problem('diagonal', shallows.PowerLaw(10, 1.0), 5)")
    assert "numpy" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_help_of_the_command_line_loads_no_numerics():
    loaded = loaded_after("import shallows.cli\ntry:\n    shallows.cli.main(['--help'])\nexcept SystemExit:\n    pass")
    assert loaded.isdisjoint({"numpy", "scipy", "torch", "matplotlib", "numba", "rich"})


def test_reading_weights_and_verifying_load_no_library_that_they_do_not_need():
    program = "import sys\nfrom shallows import diagnosis, inference, verification\n"
    program += "from shallows.estimators import files, summary\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"numba", "scipy.special", "shallows.inference.signatures.inputs"} <= loaded
    assert loaded.isdisjoint({"sklearn", "scipy.stats", "torch", "pandas", "matplotlib", "xarray"})


@pytest.mark.parametrize("name", sorted(shallows.__all__))
def test_every_public_name_resolves(name):
    value = getattr(shallows, name)
    assert value is not None
    assert name in dir(shallows)
    if isinstance(value, type) or callable(value):
        assert value.__doc__, f"{name} has no docstring"


def test_public_names_are_sorted_once_and_complete():
    assert len(set(shallows.__all__)) == len(shallows.__all__)
    assert {*shallows._HOME, *shallows._SUBPACKAGES, "__version__"} == set(shallows.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = shallows.nonsense


def test_version_agrees_with_the_installed_metadata():
    from importlib.metadata import version

    assert version("shallows") == shallows.__version__


@pytest.mark.parametrize("package", ["plotting", "report", "sweeps", "verification"])
def test_every_name_of_a_public_package_has_an_example(package):
    module = importlib.import_module(f"shallows.{package}")
    for name in module.__all__:
        value = getattr(module, name)
        text = value.__doc__ if callable(value) else module.__doc__
        assert ">>> " in text, name
