"""Bad input: one line that names the option, the value and what would be right; exit code 2; nothing written."""

import os

import numpy as np
import pytest

QUADRATIC = {
    "--network": "quadratic",
    "--dim": "20",
    "--samples": "100",
    "--gamma": "1.25",
    "--noise": "0.1",
    "--penalty": "0.05",
}
DIAGONAL = {
    "--network": "diagonal",
    "--dim": "50",
    "--samples": "100",
    "--gamma": "1",
    "--noise": "0.1",
    "--weight-decay": "0.5",
}


def arguments(base, **changes):
    """Options of `base` with some replaced, or left out where the new value is None."""
    merged = dict(base)
    for name, value in changes.items():
        merged["--" + name.replace("_", "-")] = value
    return [text for option, value in merged.items() if value is not None for text in (option, value)]


def assert_one_line(result, *words):
    assert result.code == 2, result.err
    assert result.out == ""
    assert result.err.endswith("\n")
    assert result.err.count("\n") == 1, result.err
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err, result.err


NOT_A_NUMBER = ["nan", "NaN", "inf", "-inf", "1e400", "-1", "-1e-9", "", " ", "x", "1,5", "0x10", "1;2", "None", "1j"]

CASES = [
    *[(QUADRATIC, "penalty", text) for text in NOT_A_NUMBER],
    *[(DIAGONAL, "weight_decay", text) for text in NOT_A_NUMBER],
    *[(QUADRATIC, "noise", text) for text in NOT_A_NUMBER],
    *[(QUADRATIC, "energy", text) for text in NOT_A_NUMBER],
    *[(QUADRATIC, "samples", text) for text in [*NOT_A_NUMBER, "0", "0.5", "1e19"]],
    *[(QUADRATIC, "gamma", text) for text in [*NOT_A_NUMBER, "0.5", "0", "0.49999"]],
    *[(QUADRATIC, "dim", text) for text in [*NOT_A_NUMBER, "0", "1", "2.5", "1e13", "1" * 5000]],
    *[(QUADRATIC, "width", text) for text in [*NOT_A_NUMBER, "0", "1.5", "1" * 5000]],
    *[(QUADRATIC, "network", text) for text in ["", "Quadratic", "linear", "quadratic ", "diag\nonal"]],
]


@pytest.mark.parametrize("command", ["predict", "verify"])
@pytest.mark.parametrize(("base", "name", "text"), CASES)
def test_a_bad_value_is_named_and_shown(run, command, base, name, text):
    result = run(command, *arguments(base, **{name: text}))
    shown = text if text.isprintable() and text.strip() == text and text else repr(text)
    assert_one_line(result, f"--{name.replace('_', '-')}: got {shown[:40]}", "must be")
    assert os.listdir() == []


@pytest.mark.parametrize("name", ["network", "samples", "dim"])
def test_a_missing_option_is_named(run, name):
    assert_one_line(run("predict", *arguments(QUADRATIC, **{name: None})), f"--{name}: got nothing", "must be")


@pytest.mark.parametrize(
    ("base", "changes", "words"),
    [
        (QUADRATIC, {"penalty": None}, ["--weight-decay / --penalty: got neither", "exactly one"]),
        (QUADRATIC, {"weight_decay": "0.1"}, ["--weight-decay / --penalty: got both", "exactly one"]),
        (
            DIAGONAL,
            {"weight_decay": None, "penalty": "0.1"},
            ["--penalty: got 0.1", "the diagonal network"],
        ),
        (DIAGONAL, {"width": "5"}, ["--width: got 5", "the diagonal network"]),
        (QUADRATIC, {"gamma": None}, ["--gamma / --spectrum / --rank: got none", "exactly one"]),
        (QUADRATIC, {"rank": "3"}, ["got --gamma and --rank", "exactly one"]),
        (QUADRATIC, {"spectrum": "modes.npy"}, ["got --gamma and --spectrum", "exactly one"]),
        (QUADRATIC, {"gamma": None, "rank": "0"}, ["--rank: got 0", "from 1 to 20"]),
        (QUADRATIC, {"gamma": None, "rank": "21"}, ["--rank: got 21", "from 1 to 20"]),
        (QUADRATIC, {"gamma": None, "rank": "1.5"}, ["--rank: got 1.5", "integer"]),
    ],
)
def test_options_that_do_not_go_together(run, base, changes, words):
    assert_one_line(run("predict", *arguments(base, **changes)), *words)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["predikt"], ["predikt"]),
        (["--bogus"], ["--bogus"]),
        (["predict", "--penaltyy", "1"], ["--penaltyy"]),
        (["predict", "stray"], ["stray"]),
        (["predict", "--samples"], ["--samples"]),
        (["predict", "--json=3"], ["--json"]),
        (["predict", "--seeds", "3"], ["--seeds"]),
    ],
)
def test_mistakes_in_the_command_line_itself(run, given, words):
    assert_one_line(run(*given), *words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seeds": "0"}, ["--seeds: got 0", "integer from 1"]),
        ({"seeds": "2.5"}, ["--seeds: got 2.5"]),
        ({"seeds": "-3"}, ["--seeds: got -3"]),
        ({"seeds": "many"}, ["--seeds: got many"]),
        ({"seed": "-1"}, ["--seed: got -1"]),
        ({"seed": "x"}, ["--seed: got x"]),
        ({"trainers": "sgd"}, ["--trainers: got sgd", "gradient", "convex"]),
        ({"trainers": ""}, ["--trainers: got ''"]),
        ({"samples": "10.5"}, ["--samples: got 10.5", "integer"]),
    ],
)
def test_verify_refuses_before_any_work(run, monkeypatch, changes, words):
    assert_one_line(run("verify", *arguments(QUADRATIC, out="report", **changes)), *words)
    assert os.listdir() == []


def write(name, content):
    if isinstance(content, bytes):
        with open(name, "wb") as file:
            file.write(content)
    elif isinstance(content, str):
        with open(name, "w", encoding="utf-8") as file:
            file.write(content)
    else:
        np.save(name, content)


class Bomb:
    """Unpickling this creates a file."""

    def __reduce__(self):
        return open, ("unpickled", "w")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.npy", None, ["no such file"]),
        ("missing\nline.npy", None, ["no such file"]),
        ("a.npy", b"", ["empty"]),
        ("a.npy", b"not an array", ["not a plain .npy"]),
        (
            "a.npy",
            b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999999,), }",
            ["not a"],
        ),
        ("a.npy", np.ones((3, 4)), ["shape (3, 4)"]),
        ("a.npy", np.float64(3.0), ["shape ()"]),
        ("a.npy", np.array([]), []),
        ("a.npy", np.array([1.0]), ["at least 2"]),
        ("a.npy", np.array([1.0, np.nan]), ["nan at position 1", "finite"]),
        ("a.npy", np.array([1.0, np.inf]), ["inf at position 1", "finite"]),
        ("a.npy", np.array([1.0, -2.0]), ["-2 at position 1", ">= 0"]),
        ("a.npy", np.array(["1", "2"]), ["<U1", "real numbers"]),
        ("a.npy", np.array([1 + 1j, 2]), ["complex128", "real numbers"]),
        ("a.npy", np.array([True, False]), ["bool"]),
        ("a.csv", "", ["empty"]),
        ("a.csv", "\n\n", ["empty"]),
        ("a.csv", "value\n", ["no number"]),
        ("a.csv", "value\n1\ntwo\n3\n", ["two on line 3", "not a number"]),
        ("a.csv", "1\nnan\n2\n", ["nan at position 1"]),
        ("a.csv", "a,b\n1,2\n3,4\n", ["table"]),
        ("a.csv", "3\n-1\n", ["-1 at position 1", ">= 0"]),
        ("a.csv", b"\xff\xfe\x00\x01", ["not text"]),
        ("a.txt", b"\x00\x01\x02", ["not"]),
        ("a.txt", "5\n", ["at least 2"]),
        ("a.json", "[1, 2]", [".npy, .csv or .txt"]),
        ("a", "1\n2\n", [".npy, .csv or .txt"]),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_bad_spectrum_file(run, tmp_path, name, content, words):
    if content is not None:
        write(name, content)
    before = sorted(os.listdir())
    result = run("predict", *arguments(QUADRATIC, gamma=None, dim=None, spectrum=name))
    assert_one_line(result, "--spectrum: got ", *words)
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("as_object_array", [True, False])
def test_a_pickle_is_refused_and_never_run(run, as_object_array):
    import pickle

    if as_object_array:
        np.save("a.npy", np.array([Bomb(), 1.0], dtype=object), allow_pickle=True)
    else:
        write("a.npy", pickle.dumps(Bomb()))
    result = run("predict", *arguments(QUADRATIC, gamma=None, dim=None, spectrum="a.npy"))
    assert_one_line(result, "--spectrum: got a.npy", "numpy.save")
    assert os.listdir() == ["a.npy"]


def test_a_folder_is_no_spectrum(run):
    os.mkdir("folder.npy")
    result = run("predict", *arguments(QUADRATIC, gamma=None, dim=None, spectrum="folder.npy"))
    assert_one_line(result, "--spectrum: got folder.npy", "not a file")


@pytest.mark.parametrize(("extra", "words"), [({"energy": "2"}, ["--energy: got 2"]), ({"dim": "3"}, ["--dim: got 3"])])
def test_a_spectrum_file_says_dimension_and_energy_itself(run, extra, words):
    write("a.txt", "3 2 1 1")
    changes = {"gamma": None, "dim": None, "spectrum": "a.txt", **extra}
    assert_one_line(run("predict", *arguments(QUADRATIC, **changes)), *words)


def test_output_folder_with_files_needs_force(run, tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "mine.txt").write_text("keep")
    result = run("verify", *arguments(QUADRATIC, out="report"))
    assert_one_line(result, "--out: got report", "--force")
    assert (tmp_path / "report" / "mine.txt").read_text() == "keep"


@pytest.mark.parametrize(("name", "words"), [("file", ["is a file"]), ("file/sub", ["--out"]), ("", ["folder"])])
def test_output_that_cannot_be_a_folder(run, tmp_path, name, words):
    (tmp_path / "file").write_text("x")
    assert_one_line(run("verify", *arguments(QUADRATIC, out=name)), "--out: got ", *words)
    assert os.listdir() == ["file"]


def test_bad_input_as_a_process(run_process, tmp_path):
    result = run_process("predict", *arguments(QUADRATIC, penalty="-1"))
    assert_one_line(result, "--penalty: got -1", "must be a finite number >= 0")
    assert os.listdir(tmp_path) == []
