"""shallows predict: what it prints, for programs and for people."""

import json

import numpy as np
import pytest

from shallows import PowerLaw
from shallows.errors import SolveFailed

QUADRATIC = [
    "--network",
    "quadratic",
    "--dim",
    "400",
    "--samples",
    "26515",
    "--gamma",
    "1.25",
    "--noise",
    "0.1",
    "--penalty",
    "0.020354",
]
DIAGONAL = [
    "--network",
    "diagonal",
    "--dim",
    "1000",
    "--samples",
    "500",
    "--gamma",
    "1.0",
    "--noise",
    "0.5",
    "--weight-decay",
    "1.0",
]
KEYS = {
    "network",
    "dim",
    "samples",
    "effective_samples",
    "noise",
    "width",
    "weight_decay",
    "penalty",
    "excess_risk",
    "estimation_error",
    "test_error",
    "train_error",
    "noise_scale",
    "threshold",
    "degrees_of_freedom",
    "bayes_risk",
    "phase",
    "decomposition",
    "spectrum",
    "status",
    "residual",
}


def strict(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def answer(result):
    assert result.code == 0, result.err
    assert result.err == ""
    return strict(result.out)


@pytest.mark.parametrize("base", [QUADRATIC, DIAGONAL])
def test_json_has_the_promised_keys_and_adds_up(run, base):
    content = answer(run("predict", *base, "--json"))
    assert set(content) >= KEYS
    assert set(content["decomposition"]) == {"overfitting", "underfitting", "approximation", "alignment"}
    assert set(content["spectrum"]) >= {"mass_at_zero", "bulk", "outliers"}
    assert sum(content["decomposition"].values()) == pytest.approx(content["excess_risk"], rel=1e-8)
    assert content["test_error"] == pytest.approx(content["excess_risk"] + content["noise"], rel=1e-14)
    assert content["status"] == "converged"
    assert 0 <= content["residual"] <= 1e-8
    factor = 2 if content["network"] == "quadratic" else 1
    assert content["excess_risk"] == pytest.approx(factor * content["estimation_error"], rel=1e-14)


def test_spot_values_of_the_quadratic_network(run):  # as in tests/theory/test_state_evolution.py
    content = answer(run("predict", *QUADRATIC, "--json"))
    assert content["estimation_error"] == pytest.approx(0.06590, rel=2e-4)
    assert content["noise_scale"] == pytest.approx(0.5913, rel=2e-4)
    assert content["threshold"] == pytest.approx(0.3764, rel=2e-4)
    assert content["train_error"] == pytest.approx(0.001543, rel=5e-4)
    assert content["bayes_risk"] == pytest.approx(2 * 0.01889, rel=5e-4)
    assert (content["width"], content["weight_decay"]) == (400, content["penalty"])


def test_spot_values_of_the_diagonal_network(run):  # as in tests/theory/test_state_evolution.py
    content = answer(run("predict", *DIAGONAL, "--json"))
    assert content["excess_risk"] == pytest.approx(0.12085, rel=2e-4)
    assert content["noise_scale"] == pytest.approx(0.03524, rel=2e-4)
    assert content["threshold"] == pytest.approx(0.07130, rel=2e-4)
    assert content["degrees_of_freedom"] == pytest.approx(56.51, rel=2e-4)
    assert (content["width"], content["penalty"]) == (None, None)


def test_width_turns_weight_decay_into_penalty(run):
    plain = [
        "--network",
        "quadratic",
        "--dim",
        "100",
        "--samples",
        "4000",
        "--gamma",
        "1.25",
        "--noise",
        "0.1",
        "--width",
        "25",
    ]
    by_decay = answer(run("predict", *plain, "--weight-decay", "0.2", "--json"))
    by_penalty = answer(run("predict", *plain, "--penalty", "0.1", "--json"))
    assert by_decay["penalty"] == pytest.approx(0.1, rel=1e-14)
    assert by_penalty["weight_decay"] == pytest.approx(0.2, rel=1e-14)
    assert by_decay["excess_risk"] == pytest.approx(by_penalty["excess_risk"], rel=1e-8)


def test_scientific_notation_means_the_same(run):
    plain = "--network quadratic --gamma 1.25 --noise 0.1 --penalty 0.05 --json".split()
    assert run("predict", *plain, "--dim", "100", "--samples", "10000").out == (
        run("predict", *plain, "--dim", "1e2", "--samples", "1e4").out
    )


@pytest.mark.parametrize(
    ("name", "separator", "head"),
    [
        ("modes.npy", None, None),
        ("modes.NPY", None, None),
        ("modes.csv", "\n", "eigenvalue\n"),
        ("modes.csv", "\r\n", "\ufeff"),
        ("modes.csv", ",", ""),
        ("modes.txt", " ", ""),
        ("modes.txt", ", ", "# from a paper\n\n"),
    ],
)
def test_a_spectrum_file_is_the_teacher_it_holds(run, name, separator, head):
    values = np.random.default_rng(0).permutation(PowerLaw(60, 1.25).values("quadratic"))
    if separator is None:
        with open(name, "wb") as file:
            np.save(file, values)
    else:
        with open(name, "w", encoding="utf-8", newline="") as file:
            file.write(head + separator.join(repr(float(value)) for value in values))
    rest = "--network quadratic --samples 2000 --noise 0.1 --penalty 0.05 --json".split()
    by_file = answer(run("predict", *rest, "--spectrum", name))
    by_law = answer(run("predict", *rest, "--dim", "60", "--gamma", "1.25"))
    assert by_file["dim"] == 60
    for key in ("excess_risk", "train_error", "noise_scale", "bayes_risk"):
        assert by_file[key] == pytest.approx(by_law[key], rel=1e-8)


def test_signs_of_a_diagonal_spectrum_do_not_matter(run):
    rest = "--network diagonal --samples 50 --noise 0.1 --weight-decay 0.5 --json".split()
    np.save("a.npy", [3.0, -1.0, 0.0, 0.5])
    np.save("b.npy", [3, 1, 0, 0.5])
    assert (
        answer(run("predict", *rest, "--spectrum", "a.npy"))["excess_risk"]
        == (answer(run("predict", *rest, "--spectrum", "b.npy"))["excess_risk"])
    )


EXAMPLES = [
    QUADRATIC,
    DIAGONAL,
    [*QUADRATIC, "--width", "42"],
    [
        "--network",
        "quadratic",
        "--dim",
        "400",
        "--samples",
        "1200",
        "--gamma",
        "1.25",
        "--noise",
        "0.1",
        "--penalty",
        "0.02",
    ],
    "--network quadratic --dim 100 --samples 1e4 --rank 3 --penalty 0".split(),
    [
        "--network",
        "diagonal",
        "--dim",
        "100",
        "--samples",
        "300",
        "--rank",
        "3",
        "--noise",
        "1",
        "--weight-decay",
        "1e6",
    ],
]


@pytest.mark.parametrize("base", EXAMPLES)
def test_the_table_fits_a_terminal_and_says_what_the_json_says(run, base):
    content = answer(run("predict", *base, "--json"))
    result = run("predict", *base)
    assert (result.code, result.err) == (0, "")
    assert "\x1b" not in result.out
    for line in result.out.splitlines():
        assert len(line) <= 80, line
        assert line == line.rstrip()
    assert "nan" not in result.out.lower().split()
    (risk,) = [line for line in result.out.splitlines() if line.startswith("  excess risk")]
    assert float(risk.split()[-1]) == pytest.approx(content["excess_risk"], rel=1e-3, abs=1e-300)
    assert (f"phase       {content['phase']}" in result.out) == (content["phase"] is not None)


DIVERGENT = [
    "--network",
    "diagonal",
    "--dim",
    "100",
    "--samples",
    "100",
    "--gamma",
    "1",
    "--noise",
    "1",
    "--weight-decay",
    "0",
]


def test_a_failed_solve_is_an_error_with_its_status(run):
    result = run("predict", *DIVERGENT, "--json")
    assert result.code == 1
    content = strict(result.out)
    assert content["status"] == "divergent"
    assert "excess_risk" not in content
    assert result.err.count("\n") == 1
    assert result.err.startswith("shallows: divergent: ")
    people = run("predict", *DIVERGENT)
    assert (people.code, people.out, people.err) == (1, "", result.err)


def test_what_fails_after_the_solve_is_an_error_too(run, monkeypatch):
    from shallows import prediction

    def fail(_problem, **_settings):
        raise SolveFailed("inaccurate: no good")

    monkeypatch.setattr(prediction, "bayes_optimal", fail)
    result = run("predict", *QUADRATIC, "--json")
    assert result.code == 1
    assert strict(result.out)["status"] == "failed"
    assert result.err == "shallows: inaccurate: no good\n"


def test_a_number_that_json_lacks_is_never_printed(run, monkeypatch):
    class Result:
        class status:
            ok = True

        def to_dict(self):
            return {"excess_risk": float("nan")}

    monkeypatch.setattr("shallows.prediction.predict", lambda *_, **__: Result())
    monkeypatch.delenv("SHALLOWS_DEBUG", raising=False)
    result = run("predict", *QUADRATIC, "--json")
    assert (result.code, result.out) == (1, "")
    assert "internal error" in result.err


def test_as_a_process(run_process):
    result = run_process("predict", *DIAGONAL, "--json")
    assert strict(result.out)["status"] == "converged"
    assert (result.code, result.err) == (0, "")
