"""Standard streams that are closed, full, left by their reader, or of another alphabet."""

import io
import os
import sys

import pytest

from shallows.cli import _options, main
from shallows.cli._streams import prepared_streams, say

PREDICT = "shallows predict --network diagonal --dim 40 --samples 100 --gamma 1 --weight-decay 0.3"
BAD = "shallows predict --network diagonal --dim x"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a shell closes the streams")


@pytest.mark.parametrize(
    ("line", "code", "out", "err"),
    [
        (f"{PREDICT} >&-", 0, b"", b""),
        (f"{PREDICT} >&- 2>&- <&-", 0, b"", b""),
        (f"{PREDICT} --json 2>&- | tail -1", 0, b"}\n", b""),
        (f"{BAD} 2>&-", 2, b"", b""),  # the error goes nowhere, least of all among the results
        (f"{PREDICT} | head -1; exit ${{PIPESTATUS[0]}}", 141, b"Prediction for a diagonal network\n", b""),
        (f"{PREDICT} --json > /dev/full", 1, b"", b"shallows: output: No space left on device\n"),
        (f"{BAD} 2> /dev/full", 2, b"", b""),
    ],
)
def test_a_stream_that_takes_nothing_is_no_internal_error(shell, line, code, out, err):
    if "/dev/full" in line and not os.path.exists("/dev/full"):
        pytest.skip("no such device here")
    done = shell(line)
    assert (done.returncode, done.stdout, done.stderr) == (code, out, err)


def test_a_closed_stream_leaves_its_number_to_no_other_file():
    """Otherwise what a library prints lands in the file that was opened next."""
    number = os.dup(1)
    saved = sys.stdout
    try:
        os.close(1)
        sys.stdout = None
        with prepared_streams():
            assert os.fstat(1).st_rdev == os.stat(os.devnull).st_rdev
            print("nobody reads this")
            sys.stdout.close()
    finally:
        sys.stdout = saved
        os.dup2(number, 1)
        os.close(number)


def test_signs_that_an_encoding_lacks_are_said_in_ascii_and_nothing_is_lost(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", errors="strict"))
    with prepared_streams():
        print("0.1 ± 0.02, 1.5·10⁻¹², γ ≥ 1, größe, \udcff")
        sys.stdout.flush()
    assert raw.getvalue() == rb"0.1 +/- 0.02, 1.5*10^-12, \u03b3 >= 1, gr\xf6\xdfe, \udcff" + b"\n"


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
)
def test_a_locale_without_umlauts(shell, table, tmp_path, environment):
    (tmp_path / "größe.csv").write_bytes(table.read_bytes().replace(b"a,b,c", "größe,b,c".encode()))
    done = shell("shallows train größe.csv --network diagonal --weight-decay 0.1", **environment)
    assert done.returncode == 0, done.stderr
    assert b"internal" not in done.stderr and b"3 of 3 not zero" in done.stdout


def test_nobody_to_tell_is_no_reason_to_stop(monkeypatch):
    class Gone(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Gone())
    say("[1/2] training")


@pytest.mark.parametrize("error", [EOFError("Ran out of input"), EOFError()])
def test_the_end_of_a_file_is_no_interrupt(monkeypatch, capsys, error):
    def call(*_arguments, **_named):
        raise error

    monkeypatch.setattr(_options, "build_problem", call)
    assert main(["predict"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("shallows: internal error (EOFError") and said.count("\n") == 1


def test_help_and_version_end_well(capsys):
    assert (main(["--version"]), main(["predict", "--help"]), main([])) == (0, 0, 0)
    assert main(["frobnicate"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_warning_is_one_line(capsys):
    import warnings

    before = warnings.showwarning
    with prepared_streams(), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("two\nlines", UserWarning, stacklevel=1)
    assert warnings.showwarning is before
    assert capsys.readouterr().err == "shallows: two lines\n"
