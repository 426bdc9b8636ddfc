"""What everything else stands on: checked arguments, files that appear whole, statuses, lists of numbers, printing."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from shallows import _distributions, _system, mode_files
from shallows._arguments import check_instance, check_integer, check_level, check_number, exactly_one, shown
from shallows._numbers import measured_number, number, sentence_number, terminal_number
from shallows._status import StatusEnum
from shallows._system import move_folder, physical_memory, replacing, temporary_name
from shallows.errors import InvalidArgument
from shallows.mode_files import read_values

# -- arguments


def test_a_number_is_finite_and_not_below_its_minimum():
    assert check_number("noise", 0) == 0.0 and check_number("noise", np.float32(0.5)) == 0.5
    assert check_number("noise", 2.0, minimum=2.0) == 2.0
    assert check_number("noise", 2.001, minimum=2.0, strict=True) == 2.001
    for bad in (-1e-300, np.nan, np.inf, -np.inf, "1", b"1", None, True, 1j, [1.0, 2.0], 10**400):
        with pytest.raises(InvalidArgument, match=r"^noise: got .*; must be a finite number >= 0"):
            check_number("noise", bad)
    for bad in (1.999, 2.0):
        with pytest.raises(InvalidArgument, match="must be a finite number > 2"):
            check_number("noise", bad, minimum=2.0, strict=True)


def test_an_integer_is_whole_and_keeps_every_digit():
    assert check_integer("width", 3.0) == 3 and type(check_integer("width", 3.0)) is int
    assert check_integer("width", 2**60 + 1) == 2**60 + 1
    assert check_integer("width", np.int64(1)) == 1
    assert check_integer("replicas", 0, minimum=0) == 0
    for bad in (0, 0.5, -3):
        with pytest.raises(InvalidArgument, match=r"must be a finite number >= 1"):
            check_integer("width", bad)
    with pytest.raises(InvalidArgument, match=r"^width: got 2.5; must be an integer >= 1"):
        check_integer("width", 2.5)


def test_a_level_lies_strictly_between_zero_and_one():
    for level in (1e-9, 0.5, 1 - 1e-9):
        assert check_level(level) == level
    for bad in (0, 1, 0.0, 1.0, -0.5, 1.5, np.nan, True, "0.5", None):
        with pytest.raises(InvalidArgument, match=r"^rate"):
            check_level(bad, "rate")


def test_an_object_of_another_kind_is_named_by_its_kind():
    check_instance("path", Path("x"), str, Path)
    with pytest.raises(InvalidArgument, match="path: got 3; must be a str or a Path"):
        check_instance("path", 3, str, Path)
    with pytest.raises(InvalidArgument, match="path: got 'dict'; must be a str"):
        check_instance("path", {}, str)


def test_text_is_shown_on_one_line_of_at_most_eighty_characters():
    assert shown("modes.csv") == "modes.csv"
    assert shown("x" * 80) == "x" * 80
    assert shown("x" * 81) == "x" * 77 + "..."
    assert shown("") == "''" and shown("my modes") == "'my modes'" and shown("a\nb") == "'a\\nb'"
    assert shown("a " * 40) == repr("a " * 40)
    assert shown("a " * 41) == repr(("a " * 41)[:77] + "...")


def test_exactly_one_of_several():
    assert exactly_one({"a": None, "b": 0.0}) == "b"
    refused = {
        "neither; give exactly one of the two": {"a": None, "b": None},
        "both; give exactly one of the two": {"a": 1, "b": 2},
        "none; give exactly one of the three": {"a": None, "b": None, "c": None},
        "a and c; give exactly one of the three": {"a": 1, "b": None, "c": 2},
        "none; give exactly one of the 5": dict.fromkeys("abcde"),
    }
    for words, given in refused.items():
        with pytest.raises(InvalidArgument) as caught:
            exactly_one(given)
        assert str(caught.value).replace("'", "") == f"{' / '.join(given)}: got {words}"
    with pytest.raises(InvalidArgument, match=r"exactly one of the two to say how strong$"):
        exactly_one({"a": 1, "b": 2}, "to say how strong")


# -- statuses


class Ended(StatusEnum):
    """Two ways to end."""

    DONE = "done", True, "the goal was reached"
    STUCK = "stuck", False, "start from another seed"


def test_a_status_is_known_by_its_value():
    assert Ended("done") is Ended.DONE and Ended.DONE.ok and not Ended.STUCK.ok
    assert Ended.STUCK.advice == "start from another seed"
    assert pickle.loads(pickle.dumps(Ended.STUCK)) is Ended.STUCK
    with pytest.raises(ValueError, match="lost"):
        Ended("lost")


# -- files


def test_temporary_names_are_hidden_and_of_one_write():
    names = {temporary_name(Path("folder/data.csv")) for _ in range(20)}
    assert len(names) == 20
    for name in names:
        assert name.startswith(".data.") and name.endswith(".part.csv") and str(os.getpid()) in name


def test_memory_is_that_of_the_machine_or_unknown(monkeypatch):
    memory = physical_memory()
    assert memory is None or 2**26 < memory < 2**50
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}.get)
    assert physical_memory() == 4_096_000

    def unknown(name):
        raise ValueError(name)

    monkeypatch.setattr(os, "sysconf", unknown)
    assert physical_memory() is None
    assert 0.5 <= _system.MEMORY_SHARE < 1


def test_a_write_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "data.csv"
    target.write_text("old")
    with replacing(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    with pytest.raises(KeyboardInterrupt), replacing(target) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "new" and list(tmp_path.iterdir()) == [target]
    folder = tmp_path / "report"
    with pytest.raises(KeyboardInterrupt), replacing(folder) as temporary:
        temporary.mkdir()
        (temporary / "page.html").write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_is_moved_with_the_named_file_last(tmp_path, monkeypatch):
    def filled(name):
        folder = tmp_path / name
        (folder / "figures").mkdir(parents=True)
        for file in ("a.html", "figures/b.svg", "z.csv"):
            (folder / file).write_text(name)
        return folder

    target = tmp_path / "missing" / "parents" / "target"
    move_folder(filled("first"), target)
    assert (target / "figures" / "b.svg").read_text() == "first"
    (target / "notes.txt").write_text("mine")
    moved, replace = [], Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, to: (moved.append(self.name), replace(self, to))[1])
    move_folder(filled("second"), target, last="a.html")
    assert moved[-1] == "a.html" and sorted(moved) == ["a.html", "b.svg", "z.csv"]
    assert {path.name: path.read_text() for path in target.rglob("*.*")} == {
        "a.html": "second",
        "b.svg": "second",
        "z.csv": "second",
        "notes.txt": "mine",
    }


# -- lists of numbers


@pytest.mark.parametrize(
    "text",
    [
        "3\n1.5\n-2\n",
        "3, 1.5, -2",
        "3 1.5 -2\n",
        "mode\n3\n1.5\n-2",
        "# from a fit\n\n3\n# more\n1.5\n-2\n",
        "3,\n1.5,\n-2",
    ],
)
def test_numbers_in_text_one_a_line_or_all_on_one(tmp_path, text):
    for name in ("modes.csv", "modes.TXT"):
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
        assert read_values("spectrum", str(tmp_path / name)).tolist() == [3.0, 1.5, -2.0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("# nothing\n\n", "the file is empty"),
        ("\nmode\n", r"no number in it \(line 2 is not one\)"),
        ("1 2\n3 4\n", "holds a table"),
        ("1\n2 3\n", "holds a table"),
        ("mode\n1\n\nx2\n", "x2 on line 4 is not a number"),
        ("1 two 3", "two on line 1 is not a number"),
    ],
)
def test_text_that_is_no_list_says_where(tmp_path, text, words):
    (tmp_path / "modes.csv").write_text(text)
    with pytest.raises(InvalidArgument, match=words) as caught:
        read_values("spectrum", str(tmp_path / "modes.csv"))
    assert caught.value.name == "spectrum"


def test_text_of_any_size_up_to_the_limit_is_read(tmp_path, monkeypatch):
    file = tmp_path / "modes.txt"
    file.write_text("1\n2\n3\n")
    monkeypatch.setattr(mode_files, "MOST_TEXT_BYTES", 6)
    assert read_values("spectrum", str(file)).size == 3
    monkeypatch.setattr(mode_files, "MOST_TEXT_BYTES", 5)
    with pytest.raises(InvalidArgument, match=r"save it as \.npy"):
        read_values("spectrum", str(file))


def test_arrays_are_read_as_numbers_in_double_precision(tmp_path):
    for dtype in (np.float32, np.int16, np.uint8, np.float64):
        np.save(tmp_path / "modes.npy", np.array([3, 2, 1], dtype=dtype))
        found = read_values("spectrum", str(tmp_path / "modes.npy"))
        assert found.dtype == np.float64 and found.tolist() == [3.0, 2.0, 1.0]


def test_files_of_another_kind_are_refused(tmp_path):
    def refused(name, words):
        with pytest.raises(InvalidArgument, match=words):
            read_values("spectrum", str(tmp_path / name))

    refused("modes.json", "must be a .npy, .csv or .txt file")
    refused("missing.csv", "no such file")
    (tmp_path / "folder.csv").mkdir()
    refused("folder.csv", "is not a file")
    refused("nul\0.csv", "no such file")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01")
    refused("binary.csv", "is not text")
    (tmp_path / "empty.npy").touch()
    refused("empty.npy", "the file is empty")
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY\x01")
    refused("broken.npy", "not a plain .npy array")
    for name, array, words in (
        ("pickled", np.array([{}]), "not a plain .npy array"),
        ("words", np.array(["a"]), "holds values of type <U1"),
        ("complex", np.array([1j]), "holds values of type complex128"),
        ("table", np.ones((2, 2)), r"shape \(2, 2\); must be one-dimensional"),
    ):
        np.save(tmp_path / f"{name}.npy", array)
        refused(f"{name}.npy", words)
    np.savez(tmp_path / "several.npz", a=np.ones(2))
    (tmp_path / "several.npz").rename(tmp_path / "several.npy")
    refused("several.npy", "holds several arrays")


# -- numbers as people write them


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (999999, "999999"),
        (1e6, "10⁶"),
        (-2e6, "-2·10⁶"),
        (123456.7, "123457"),
        (-0.5, "-0.5"),
        (0.001, "0.001"),
        (0.00099, "9.9·10⁻⁴"),
        (1234567.8, "1.235·10⁶"),
        (1.25e-12, "1.25·10⁻¹²"),
    ],
)
def test_a_page_shows_four_digits_and_powers_of_ten(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("mean", "error", "text"),
    [
        (1234.5, 56.7, "1234 ± 57"),
        (0.5, 0.25, "0.50 ± 0.25"),
        (5.0, 2.5, "5.0 ± 2.5"),
        (-0.5, 0.012, "-0.500 ± 0.012"),
        (4e6, 3e4, "4·10⁶ ± 30000"),
        (5e-5, 2e-6, "5·10⁻⁵ ± 2·10⁻⁶"),
        (3.0, 2e-9, "3"),
        (0.3, 1e-8, "0.300000000 ± 0.000000010"),
    ],
)
def test_a_mean_ends_where_its_error_does(mean, error, text):
    assert measured_number(mean, error) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-3.0, "-3"),
        (10**16, "10000000000000000"),
        (1e14, "100000000000000"),
        (1e15, "1.000e+15"),
        (0.12345678, "0.1235"),
        (12345.6, "12346"),
        (9999.4, "9999"),
        (9999.6, "10000"),
        (9999999.4, "9999999"),
        (10000000.4, "1.000e+07"),
        (1234.56, "1235"),
        (0.001, "0.001"),
        (0.0009999, "9.999e-04"),
    ],
)
def test_a_terminal_shows_four_digits_in_plain_characters(value, text):
    assert terminal_number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.012345, "0.0123"),
        (-12.34, "-12.3"),
        (999.4, "999"),
        (-999.7, "-1000"),
        (1000.4, "1000"),
        (-54321.6, "-54322"),
        (1e7, "1e+07"),
    ],
)
def test_a_sentence_shows_three_digits(value, text):
    assert sentence_number(value) == text


# -- distributions


def test_tails_are_those_of_the_distributions():
    from scipy import stats

    generator = np.random.default_rng(0)
    x = np.array([-1.0, 0.0, 1e-12, 0.5, 3.0, 40.0, 300.0])
    freedom = generator.uniform(0.5, 60, x.size)
    scale = generator.uniform(0.1, 3, x.size)
    probability = np.array([1e-12, 1e-6, 0.01, 0.3, 0.5, 0.9, 0.999])
    exactly = {"rtol": 1e-12, "atol": 1e-300}
    np.testing.assert_allclose(_distributions.chi_squared_sf(x, freedom), stats.chi2.sf(x, freedom), **exactly)
    np.testing.assert_allclose(
        _distributions.gamma_sf(x, freedom, scale), stats.gamma.sf(x, freedom, 0, scale), **exactly
    )
    np.testing.assert_allclose(_distributions.student_sf(x, freedom), stats.t.sf(x, freedom), **exactly)
    inverse = _distributions.chi_squared_isf(probability, freedom)
    np.testing.assert_allclose(inverse, stats.chi2.isf(probability, freedom), rtol=1e-10)
    inverse = _distributions.student_ppf(probability, freedom)
    np.testing.assert_allclose(inverse, stats.t.ppf(probability, freedom), rtol=1e-10, atol=1e-12)
    p_values = np.repeat(generator.uniform(size=9) ** 3, 2)
    np.testing.assert_allclose(_distributions.adjusted(p_values), stats.false_discovery_control(p_values), **exactly)
    for one in (1e-4, 0.01, 0.3, 0.9):
        assert _distributions.f_isf(one, 3.0, 8.0) == pytest.approx(stats.f.isf(one, 3.0, 8.0), rel=1e-10)
