"""Where compiled functions are kept: damaged, stale or unwritable, no cache stops or changes a computation."""

import importlib.util
import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import numba.core.caching as caching
import pytest

MODULE = """
from shallows._kernels import kernel

@kernel
def half(x):
    return 0.5 * x

@kernel
def quarter(x):
    return half(half(x))
"""
#: Prints the answer, and how many kernels were read from disk.
ASK = "import halves; print(halves.quarter(8.0), sum(halves.quarter.stats.cache_hits.values()))"


@pytest.fixture
def module(tmp_path):
    """A small module with two kernels: compiling the package's own takes half a minute."""
    place = tmp_path / "code"
    place.mkdir()
    (place / "halves.py").write_text(textwrap.dedent(MODULE))
    return place


def ask(module, program=ASK, **environment):
    source = Path(__file__).parents[2] / "src"
    given = {**os.environ, "PYTHONPATH": f"{module}{os.pathsep}{source}", "HOME": str(module.parent), **environment}
    env = {name: value for name, value in given.items() if value is not None}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=module.parent, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(), done.stderr


def ask_here(module):
    """The same in this process: the module imported anew, so that its kernels are looked for on disk."""
    spec = importlib.util.spec_from_file_location("halves", module / "halves.py")
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    return fresh.quarter(8.0), sum(fresh.quarter.stats.cache_hits.values())


def test_what_was_compiled_is_read_again(module):
    assert ask(module) == (["2.0", "0"], "")
    assert ask(module) == (["2.0", "1"], "")


DAMAGE = {
    "empty": lambda content: b"",
    "half written": lambda content: content[: len(content) // 2],
    "zeros": lambda content: bytes(len(content)),
    "zeros at its end": lambda content: content[:-200] + bytes(200),
    "garbage": lambda content: b"\x93garbage" * 50,
    "another pickle": lambda content: b"\x80\x04N.",
    "flipped in the middle": lambda content: (
        content[: len(content) // 2]
        + bytes(sign ^ 255 for sign in content[len(content) // 2 :][:40])
        + content[len(content) // 2 + 40 :]
    ),
}


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
def test_a_damaged_file_is_compiled_again(module, ending):
    ask_here(module)
    for how, damage in DAMAGE.items():
        files = list(module.rglob(f"*quarter*{ending}"))
        assert files
        for file in files:
            file.write_bytes(damage(file.read_bytes()))
        assert ask_here(module)[0] == 2.0, how
        assert ask_here(module) == (2.0, 1), f"{how}: not mended"


BLOCKED = """
import numba.core.caching as caching, tempfile, os, sys
# As a read-only disk: root may write to any folder, whatever its mode.
allowed = {allowed!r}
def blocked(self):
    raise PermissionError(13, "read-only")
for place in vars(caching).values():
    if isinstance(place, type) and hasattr(place, "ensure_cache_path"):
        place.ensure_cache_path = blocked
if not allowed:
    tempfile.tempdir = "/proc/nowhere"
"""


def test_without_a_place_of_numbas_a_private_temporary_folder_is_taken(module, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    program = BLOCKED.format(allowed=True) + ASK
    assert ask(module, program, TMPDIR=str(temporary), HOME=None) == (["2.0", "0"], "")
    assert ask(module, program, TMPDIR=str(temporary), HOME=None) == (["2.0", "1"], "")
    (folder,) = temporary.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not list(module.parent.glob("~*"))


def test_a_temporary_folder_of_somebody_else_is_not_trusted(module, tmp_path):
    temporary = tmp_path / "temporary"
    (temporary / f"shallows-kernels-{os.getuid()}").mkdir(parents=True)
    (temporary / f"shallows-kernels-{os.getuid()}").chmod(0o777)  # others may put their code there
    program = BLOCKED.format(allowed=True) + ASK
    answer, said = ask(module, program, TMPDIR=str(temporary))
    assert answer == ["2.0", "0"]
    assert "NUMBA_CACHE_DIR" in said
    assert not list(temporary.rglob("*.nb?"))


def test_without_any_place_the_setting_is_named_once(module):
    answer, said = ask(module, BLOCKED.format(allowed=False) + ASK)
    assert answer == ["2.0", "0"]
    assert said.count("NUMBA_CACHE_DIR=FOLDER") == 1


def test_an_unwritable_folder_of_the_setting_is_passed_over(module):
    assert ask(module, NUMBA_CACHE_DIR="/proc/nowhere") == (["2.0", "0"], "")


def test_a_disk_that_fills_up_costs_the_cache_alone(module, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(caching.IndexDataCacheFile, "_save_data", full)
        assert ask_here(module) == (2.0, 0)
    assert ask_here(module) == (2.0, 0)
    assert ask_here(module) == (2.0, 1)


def test_kernels_are_made_in_one_place_only():
    package = Path(__file__).parents[2] / "src" / "shallows"
    found = [path.name for path in package.rglob("*.py") if "from numba import" in path.read_text(encoding="utf-8")]
    assert found == ["_kernels.py"], "decorate with shallows._kernels.kernel: its cache survives what happens to disks"
