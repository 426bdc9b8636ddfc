"""Designs from the command line: what runs, and one line for what does not."""

import json

import numpy as np
import pytest

from shallows.cli import main

BASE = "--network quadratic --dim 30 --samples 900 --gamma 1.5 --noise 0.1"


def run(capsys, line):
    code = main(line.split())
    out = capsys.readouterr()
    return code, out.out, out.err


def test_a_prediction_with_a_covariance_says_what_the_inputs_are(capsys):
    code, out, _ = run(capsys, f"predict {BASE} --penalty 0.05 --covariance 0.5")
    assert code == 0 and "eigenvalues of the covariance" in out and "not known for these inputs" in out
    code, out, _ = run(capsys, f"predict {BASE} --penalty 0.05 --covariance 0.5 --json")
    content = json.loads(out)
    assert content["design"]["covariance"] == 0.5 and content["bayes_risk"] is None


def test_files_of_eigenvalues_matrices_and_rotations(capsys, tmp_path):
    rng = np.random.default_rng(0)
    variances = np.linspace(2, 0.5, 30)
    turn = np.linalg.qr(rng.normal(size=(30, 30)))[0]
    np.savetxt(tmp_path / "values.txt", variances)
    np.savetxt(tmp_path / "matrix.csv", np.diag(variances), delimiter=",")
    np.save(tmp_path / "turn.npy", turn)
    risks = []
    for extra in ("values.txt", "matrix.csv", f"values.txt --alignment {tmp_path / 'turn.npy'}"):
        code, out, err = run(capsys, f"predict {BASE} --penalty 0.05 --json --covariance {tmp_path / extra}")
        assert code == 0, err
        risks.append(json.loads(out)["excess_risk"])
    assert risks[1] == pytest.approx(risks[0], rel=1e-9) and abs(risks[2] / risks[0] - 1) > 1e-3


@pytest.mark.parametrize(
    "command",
    [
        f"optimal {BASE} --covariance 0.5 --json",
        f"verify {BASE} --penalty 0.2 --covariance 0.5 --seeds 2 --trainers convex --json",
        "verify --network diagonal --dim 60 --samples 90 --gamma 1 --noise 0.3 --weight-decay 0.5 --design uniform"
        " --seeds 2 --trainers convex --json",
        "amp --network diagonal --dim 60 --samples 90 --gamma 1 --noise 0.3 --weight-decay 0.5 --design laplace --json",
    ],
)
def test_other_commands_take_designs(capsys, command):
    code, out, err = run(capsys, command)
    assert code == 0, err
    assert "design" in out and "NaN" not in out


def test_a_report_is_written(capsys, tmp_path):
    folder = tmp_path / "report"
    line = (
        f"verify {BASE} --penalty 0.3 --covariance 0.5 --seeds 2 --trainers convex --no-learning-curve --out {folder}"
    )
    code, _, err = run(capsys, line)
    assert code == 0, err
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "eigenvalues of the covariance" in page and "--covariance 0.5" in page


@pytest.mark.parametrize(
    "extra,words",
    [
        ("--covariance many", "--covariance: got many; must be an exponent"),
        ("--covariance 400", "underflow"),
        ("--covariance nan", "--covariance: got nan; must be a finite exponent"),
        ("--covariance inf", "--covariance: got inf; must be a finite exponent"),
        ("--covariance 1 --alignment {folder}/skew.npy", "--alignment: got a matrix Q with |Q Q^T - 1| up to"),
        ("--covariance missing.npy", "--covariance: got missing.npy; no such file"),
        ("--alignment random", "--alignment: got random; needs a --covariance"),
        ("--covariance 1 --alignment up", "--alignment: got up"),
        ("--covariance 1 --design uniform", "--design / --covariance"),
        ("--design gauss", "--design: got gauss"),
        ("--design student:1", "--design: got student:1; freedom must be"),
        ("--design mean:1", "theory is about inputs of zero mean"),
        ("--design orthogonal", "theory is about independent rows"),
        ("--design student:3", "fourth moment"),
        ("--design rademacher", "trained ones leave it here"),
        ("--covariance {folder}/bad.txt", "--covariance: got eigenvalue -0.5"),
        ("--covariance {folder}/short.txt", "must be of the teacher's dimension 30"),
        ("--covariance {folder}/ragged.txt", "line 2 has 1 numbers"),
        ("--covariance {folder}/skew.npy", "must be symmetric"),
    ],
)
def test_bad_designs_are_one_line(capsys, tmp_path, extra, words):
    (tmp_path / "bad.txt").write_text("\n".join(["-0.5", *["1"] * 29]))
    (tmp_path / "short.txt").write_text("1\n2\n")
    (tmp_path / "ragged.txt").write_text("1 2\n3\n")
    np.save(tmp_path / "skew.npy", np.triu(np.ones((30, 30))))
    code, out, err = run(capsys, f"predict {BASE} --penalty 0.05 {extra.format(folder=tmp_path)}")
    assert (code, out) == (2, "") and words in err and len(err.strip().splitlines()) == 1, err


@pytest.mark.parametrize("command", ["predict --penalty 0.05", "optimal"])
@pytest.mark.parametrize("extra", ["0", "0 --alignment random"])
def test_a_covariance_of_zero_is_the_default(capsys, command, extra):
    _, plain, _ = run(capsys, f"{command} {BASE} --json")
    code, same, _ = run(capsys, f"{command} {BASE} --json --covariance {extra}")
    assert code == 0 and _without_times(same) == _without_times(plain)


def _without_times(text):
    return {key: value for key, value in json.loads(text).items() if key != "seconds"}


def test_message_passing_takes_a_covariance_and_refuses_what_theory_refuses(capsys):
    small = "amp --network diagonal --dim 100 --samples 100 --gamma 1 --noise 0.1 --weight-decay 1"
    code, out, err = run(capsys, f"{small} --covariance 0.5")
    assert code == 0 and "converged" in out
    code, out, err = run(capsys, f"{small} --covariance 0.5 --alignment random")
    assert (code, out) == (2, "") and "do not mix its weights" in err and len(err.strip().splitlines()) == 1
    code, out, err = run(capsys, f"amp {BASE} --penalty 0.05 --design rademacher")
    assert (code, out) == (2, "") and "trained ones leave it here" in err and len(err.strip().splitlines()) == 1


def test_a_design_file_with_fewer_rows_than_samples(capsys, tmp_path):
    np.savetxt(tmp_path / "rows.csv", np.random.default_rng(0).normal(size=(50, 20)), delimiter=",")
    problem = "--network diagonal --dim 20 --samples 80 --gamma 1 --noise 0.1 --weight-decay 1"
    code, _, err = run(capsys, f"verify {problem} --design {tmp_path}/rows.csv")
    assert code == 2 and "--samples" in err and "50 rows" in err and len(err.strip().splitlines()) == 1
