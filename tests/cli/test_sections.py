"""Tables that people read: aligned, wrapped to the terminal, plain in pipes, no number cut."""

import io
import sys

import pytest

from shallows._text_tables import headed_table, indented_rows, wrapped_rows

ROWS = [("excess risk", "R", "0.0123", "of the trained network"), ("test error", "Delta + R", "0.1123", "")]


def test_columns_are_aligned_two_blanks_apart_and_indented():
    first, second = indented_rows(ROWS, 80)
    assert first == "  excess risk  R          0.0123  of the trained network"
    assert second == "  test error   Delta + R  0.1123"


def test_only_the_last_cell_is_wrapped():
    words = "one two three four five six seven eight nine ten"
    lines = indented_rows([("label", words), ("longer label", "x")], 40)
    indent = " " * 16
    assert lines == [
        "  label         one two three four five",
        f"{indent}six seven eight nine ten",
        "  longer label  x",
    ]


@pytest.mark.parametrize("width", [1, 10, 40, 200])
def test_no_number_is_cut_however_narrow_the_terminal(width):
    rows = [(f"{10**k}", f"{10**k}.5", "note") for k in range(12)]
    text = "\n".join(indented_rows(rows, width)).split()
    assert text == [cell for row in rows for cell in row]


def test_rows_of_other_lengths_keep_the_columns_of_the_rest():
    lines = indented_rows([("theory", "12 points", "0.1 s each"), ("", "a sampled point failed: it took too long")], 80)
    assert lines[0].index("12 points") == lines[1].index("a sampled")
    assert indented_rows([("alone",)], 80) == ["  alone"]


def test_what_would_move_or_colour_the_terminal_is_blank():
    (line,) = wrapped_rows([("a", "\x1b[31mred\nnew line\t[bold]x[/bold]")], [1], 80)
    assert line == "a   [31mred new line [bold]x[/bold]"


def test_numbers_of_a_headed_table_end_at_the_same_place():
    lines = headed_table(
        [("phase", False), ("fitted", True), ("", False)], [("II", "-0.6", ""), ("peak", "12.25", "BAD")]
    )
    assert lines == ["phase  fitted", "II       -0.6", "peak    12.25  BAD"]


def test_a_terminal_gets_its_width_and_a_bold_title_and_a_pipe_neither(monkeypatch, run):
    from shallows.cli import _sections

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    words = " ".join(["word"] * 40)
    outputs = []
    for stream in (io.StringIO(), Terminal()):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            patch.setenv("COLUMNS", "120")
            patch.delenv("NO_COLOR", raising=False)
            _sections.print_sections("Title", [("Heading", [("label", words)])])
        outputs.append(stream.getvalue())
    piped, shown = outputs
    assert "\x1b" not in piped
    assert max(map(len, piped.splitlines())) <= 80
    assert shown.startswith("\x1b[1mTitle")
    assert 100 < max(map(len, shown.splitlines())) <= 120
