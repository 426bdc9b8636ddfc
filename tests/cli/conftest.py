"""How the command-line tests call the command line."""

import subprocess
import sys

import pytest

from shallows.cli import main


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture
def run_process(tmp_path):
    """Run the command line as its own process, in an empty folder."""

    def call(*arguments, **options):
        command = [sys.executable, "-m", "shallows", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, **options)
        return Result(done.returncode, done.stdout, done.stderr)

    return call
