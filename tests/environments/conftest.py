"""A copy of the package that nobody may write to, and a user without a home: machines as they are."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    """A table of which a fit takes a second."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((40, 3))
    labels = inputs @ [1.0, 0.0, 2.0] + 0.3 * rng.standard_normal(40)
    path = tmp_path_factory.mktemp("table") / "t.csv"
    np.savetxt(path, np.c_[inputs, labels], delimiter=",", header="a,b,c,y", comments="")
    return path


@pytest.fixture
def shell(tmp_path):
    """Run a line of shell, in which ``shallows`` is the command line, in an empty folder; output as bytes."""

    def call(line, **environment):
        script = f'shallows() {{ "{sys.executable}" -m shallows "$@"; }}\n{line}\n'
        given = {"PYTHONPATH": str(SOURCE), **os.environ, **environment}
        env = {name: value for name, value in given.items() if value is not None}
        return subprocess.run(
            ["bash", "-c", script], capture_output=True, cwd=tmp_path, env=env, check=False, timeout=300
        )

    return call


@pytest.fixture
def copied_package(tmp_path):
    """The package in a folder of its own, without anything compiled."""
    place = tmp_path / "site"
    shutil.copytree(SOURCE / "shallows", place / "shallows", ignore=shutil.ignore_patterns("*.nb[ci]"))
    return place
