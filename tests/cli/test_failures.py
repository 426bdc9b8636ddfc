"""What the command line does when something other than its input is wrong."""

import os
import signal
import subprocess
import sys
import time

import pytest

from shallows.cli import _options
from shallows.cli._files import OutputFolder
from shallows.errors import InvalidArgument, ShallowsError


def raising(error):
    def call(*_arguments, **_named):
        raise error

    return call


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyError("boom"), 1, ["internal error", "KeyError", "boom", "report"]),
        (RuntimeError("two\nlines\x1b[31m"), 1, ["internal error", "two lines"]),
        (ShallowsError("the solver gave up"), 1, ["the solver gave up"]),
        (InvalidArgument("--dim", 3, "must be\neven"), 2, ["--dim: got 3", "must be even"]),
        (OSError(28, "No space left on device", "report.html"), 1, ["report.html", "No space left"]),
        (OSError(28, "No space left on device"), 1, ["output: No space left"]),
    ],
)
def test_an_error_is_one_line(run, monkeypatch, error, code, words):
    monkeypatch.setattr(_options, "build_problem", raising(error))
    monkeypatch.delenv("SHALLOWS_DEBUG", raising=False)
    result = run("predict", "--json")
    assert result.code == code
    assert result.out == ""
    assert result.err.count("\n") == 1
    assert "\x1b" not in result.err
    for word in words:
        assert word in result.err


def test_a_traceback_comes_when_asked_for(run, monkeypatch):
    monkeypatch.setattr(_options, "build_problem", raising(KeyError("boom")))
    monkeypatch.setenv("SHALLOWS_DEBUG", "1")
    result = run("predict")
    assert result.code == 1
    assert "Traceback" in result.err
    assert "in build_problem" not in result.out


def test_an_interrupt_is_quiet(run, monkeypatch):
    monkeypatch.setattr(_options, "build_problem", raising(KeyboardInterrupt()))
    result = run("predict")
    assert (result.code, result.out, result.err) == (130, "", "")


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_an_interrupted_process_is_quiet(tmp_path):
    program = (
        "import sys, time\n"
        "from shallows.cli import _options, main\n"
        "def wait(*_, **__):\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "_options.build_problem = wait\n"
        "sys.exit(main(['predict']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "")


def test_an_output_folder_appears_whole(tmp_path):
    folder = OutputFolder("--out", str(tmp_path / "deep" / "report"), force=False)
    with folder as output:
        (output.partial / "report.html").write_text("done")
        (output.partial / "figures").mkdir()
        (output.partial / "figures" / "a.png").write_text("x")
        assert not (tmp_path / "deep").exists()
        output.finish()
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "deep",
        "deep/report",
        "deep/report/figures",
        "deep/report/figures/a.png",
        "deep/report/report.html",
    ]


@pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt()])
def test_an_output_folder_that_fails_leaves_nothing(tmp_path, error):
    with pytest.raises(type(error)), OutputFolder("--out", str(tmp_path / "report"), force=False) as output:
        (output.partial / "report.html").write_text("half")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_forced_output_replaces_its_own_files_and_no_other(tmp_path):
    target = tmp_path / "report"
    (target / "figures").mkdir(parents=True)
    (target / "report.html").write_text("old")
    (target / "mine.txt").write_text("keep")
    (target / "figures" / "mine.png").write_text("keep")
    with OutputFolder("--out", str(target), force=True) as output:
        (output.partial / "report.html").write_text("new")
        (output.partial / "figures").mkdir()
        (output.partial / "figures" / "a.png").write_text("x")
        output.finish()
    assert (target / "report.html").read_text() == "new"
    assert (target / "mine.txt").read_text() == "keep"
    assert sorted(path.name for path in target.rglob("*")) == [
        "a.png",
        "figures",
        "mine.png",
        "mine.txt",
        "report.html",
    ]


def test_forced_output_that_fails_leaves_the_old_report(tmp_path):
    (tmp_path / "report.html").write_text("old")
    with pytest.raises(RuntimeError), OutputFolder("--out", str(tmp_path), force=True) as output:
        (output.partial / "report.html").write_text("half")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "old"


def test_a_folder_that_may_not_be_written_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere, whatever the mode
    with pytest.raises(InvalidArgument, match="may write"):
        OutputFolder("--out", str(tmp_path / "report"), force=False)
