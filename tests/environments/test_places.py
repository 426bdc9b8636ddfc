"""Folders, names and variables as users have them: no home, a read-only installation, hostile settings."""

import ctypes
import json
import os
import shutil
import stat
import subprocess
import sys

import pytest

from shallows.cli import main

PREDICT = "predict --network diagonal --dim 40 --samples 100 --gamma 1 --weight-decay 0.3 --json".split()


@pytest.fixture
def here(tmp_path, table):
    shutil.copy(table, tmp_path / "t.csv")
    return tmp_path


def without_the_rights_of_root():
    """Give up what lets root write to read-only folders, for the program that this process is about to become."""
    override, read_search, drop = 1, 2, 24
    for capability in (override, read_search):
        if ctypes.CDLL(None).prctl(drop, capability, 0, 0, 0) != 0:
            raise PermissionError("cannot give up a capability")


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities of Linux")
def test_a_read_only_installation_without_a_home(copied_package, tmp_path):
    """Nothing but the temporary folder can be written to."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    paths = [tmp_path, copied_package, *copied_package.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    left_out = ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR")
    env = {name: value for name, value in os.environ.items() if name not in left_out}
    env |= {"PYTHONPATH": str(copied_package), "TMPDIR": str(temporary), "HOME": str(tmp_path)}
    program = (
        "import shallows.freeprob.bracketing as b\n"
        "kernels = [k for k in vars(b).values() if hasattr(k, 'py_func')]\n"
        "print(b.__file__, *[k._cache.cache_path for k in kernels])"
    )
    give_up = without_the_rights_of_root if os.geteuid() == 0 else None
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=env,
            check=False,
            preexec_fn=give_up,
        )
    finally:
        for path in paths:
            path.chmod(path.stat().st_mode | 0o200)
    assert (done.returncode, done.stderr) == (0, "")
    where, kept = done.stdout.split()
    assert where.startswith(str(copied_package))
    assert kept.startswith(str(temporary))
    assert [path.name for path in tmp_path.iterdir() if path not in (temporary, copied_package)] == []


@pytest.mark.parametrize("backend", ["nonsense", "qtagg", "module://nowhere.at.all"])
def test_figures_are_written_whatever_backend_is_asked_for(here, shell, backend):
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from shallows.plotting import new_figure, save, styled\n"
        "with styled():\n    figure = new_figure(2, 1)\n    figure.subplots().plot([1, 2])\n"
        "    save(figure, Path('.'), 'f')\n"
        "import os\nprint(os.environ['MPLBACKEND'], 'matplotlib.pyplot' in sys.modules)\n"
    )
    done = shell(f'"{sys.executable}" -c "{program}"', MPLBACKEND=backend, DISPLAY=None, WAYLAND_DISPLAY=None)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().split() == [backend, "False"]
    assert (here / "f.png").stat().st_size > 1000


def test_the_choice_of_a_notebook_is_kept(shell):
    program = "from shallows.plotting import load_matplotlib; print(load_matplotlib().rcParams['backend'])"
    assert shell(f'"{sys.executable}" -c "{program}"', MPLBACKEND="svg").stdout == b"svg\n"


def test_a_fit_with_hostile_settings(here, shell):
    (here / "Übung 1").mkdir()
    shutil.copy(here / "t.csv", here / "Übung 1" / "maß 2.csv")
    fit = "shallows fit 'Übung 1/maß 2.csv' --network diagonal --weight-decay 0.1 --out 'Bericht ü/1'"
    done = shell(f"umask 027; {fit} | tail -1", MPLBACKEND="nonsense", COLUMNS="20", TERM="dumb")
    assert b"Report: Bericht \xc3\xbc/1/report.html" in done.stdout, done.stderr
    assert b"internal error" not in done.stderr
    files = [path for path in (here / "Bericht ü" / "1").rglob("*") if path.is_file()]
    assert {"report.html", "fit.json", "weights.safetensors"} <= {path.name for path in files}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o640}, "weights as everything else"


def test_a_name_that_is_no_text(here, shell):
    name = b"t\xff.csv"
    try:
        shutil.copy(os.fsencode(here / "t.csv"), os.path.join(os.fsencode(here), name))
    except OSError:
        pytest.skip("this file system has no such names")
    done = shell("shallows fit $'t\\xff.csv' --network diagonal --weight-decay 0.1 --out report")
    assert done.returncode == 0, done.stderr
    assert b"internal error" not in done.stderr
    assert (here / "report" / "report.html").read_text(encoding="utf-8")


def test_every_output_has_the_permissions_of_others(here, monkeypatch, capsys):
    monkeypatch.chdir(here)
    before = os.umask(0o027)
    try:
        train = "train t.csv --network diagonal --weight-decay 0.1 --out w.safetensors"
        for line in (train, "apply w.safetensors t.csv --out p.csv"):
            assert main(line.split()) == 0, capsys.readouterr().err
    finally:
        os.umask(before)
    assert [stat.S_IMODE(os.stat(name).st_mode) for name in ("w.safetensors", "p.csv")] == [0o640] * 2


def test_a_folder_that_was_deleted(shell):
    lines = f"mkdir gone; cd gone; rmdir ../gone; shallows {' '.join(PREDICT)}"
    done = shell(lines)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["excess_risk"] > 0
    done = shell("mkdir gone; cd gone; rmdir ../gone; shallows fit ../t.csv --network diagonal --out report")
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1 and b"internal" not in done.stderr


def test_narrow_terminals_lose_no_number(monkeypatch, capsys):
    import shutil as shells

    from shallows.cli import _sections

    class Terminal:
        columns = 20

    monkeypatch.setattr(_sections.sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(shells, "get_terminal_size", lambda *_: Terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(PREDICT[:-1]) == 0
    narrow = capsys.readouterr().out
    monkeypatch.undo()
    assert main(PREDICT[:-1]) == 0
    assert narrow.split() == capsys.readouterr().out.split()
    assert max(map(len, narrow.splitlines())) < 80
