"""The script that a fresh clone starts with, as far as it can be tried without installing anything."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "run"

pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="only in a checkout")


def call(script, *arguments, **environment):
    return subprocess.run(
        [script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        cwd="/",
        env={**os.environ, **environment},
    )


@pytest.fixture
def copy(tmp_path):
    folder = tmp_path / "with a space"
    folder.mkdir()
    shutil.copy(SCRIPT, folder)
    for name in ("requirements.lock", "pyproject.toml"):
        shutil.copy(SCRIPT.parent / name, folder)
    return folder / "run"


def test_help_names_every_command():
    done = call(SCRIPT, "help")
    assert done.returncode == 0
    cases = re.findall(r"^([a-z]+)\)", SCRIPT.read_text(), flags=re.MULTILINE)
    assert {"setup", "demo", "test", "lint", "bench", "shallows", "lock"} <= set(cases)
    for name in cases:
        assert re.search(rf"^  {name}\b", done.stdout, flags=re.MULTILINE), name


def test_an_unknown_command_is_refused():
    done = call(SCRIPT, "frobnicate")
    assert done.returncode == 2
    assert "frobnicate" in done.stderr


def test_an_unusable_python_is_named_and_nothing_is_made(copy):
    done = call(copy, "setup", PYTHON="/bin/false")
    assert done.returncode == 1
    assert "PYTHON=/bin/false" in done.stderr
    assert "3.11" in done.stderr
    assert sorted(os.listdir(copy.parent)) == ["pyproject.toml", "requirements.lock", "run"]


def test_without_any_python_the_message_says_what_to_install(copy, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "dirname", "cat", "cksum", "mkdir", "rm", "sleep", "env", "kill"):
        found = shutil.which(tool)
        if found:
            (tools / tool).symlink_to(found)
    done = call(copy, "setup", PATH=str(tools), PYTHON="")
    assert done.returncode == 1
    assert "Python >= 3.11" in done.stderr
    assert not (copy.parent / ".venv").exists()


def test_the_lock_names_versions_and_nothing_else():
    lines = (SCRIPT.parent / "requirements.lock").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert len(pins) > 30
    for line in pins:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line
    assert not [line for line in pins if line.startswith(("nvidia", "cuda", "triton"))]
    assert "torch==2.13.0" in pins
