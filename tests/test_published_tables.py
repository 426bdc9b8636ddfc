"""`./run bench reference`: settings of published tables from their names and columns, on made-up tables."""

import importlib.util
import sys
from pathlib import Path

import pytest

from shallows import PowerLaw, Problem, predict

FILE = Path(__file__).parents[1] / "benchmarks" / "reference.py"


@pytest.fixture
def module(monkeypatch):
    spec = importlib.util.spec_from_file_location("reference_benchmark", FILE)
    loaded = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, loaded)
    spec.loader.exec_module(loaded)
    return loaded


def table(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "SE_samples_d30_rank30_gamma0.6_noise0.5_lregexp-0.15.csv",
            "n,mse\n400,0.25\n",
            (30, 0.6, 0.5, 400.0, 30, 30**-0.15, 0.25),
        ),
        (
            "SE_samples_d30_rank7_gamma0.6_noise0.5_lregexp_-0.25.csv",
            "n,mse\n4e2,0.25\n",
            (30, 0.6, 0.5, 400.0, 7, 30**-0.25, 0.25),
        ),
        (
            "SE_rank_d30_n500.0_gamma2.0_noise1e-1_lregexp0.5.csv",
            "rank,mse\n7,0.25\n",
            (30, 2.0, 0.1, 500.0, 7, 30**0.5, 0.25),
        ),
        (
            "EXP_rank_d30_n500.0_gamma1.25_noise0.1_lregtilde0.04.csv",
            "rank,mse_mean,mse_std\n7.0,0.25,nan\n",
            (30, 1.25, 0.1, 500.0, 7, 0.04, 0.25),
        ),
        (
            "EXP_samples_d30_rank9_gamma1.25_noise0.1_lregref_0.1.csv",
            "n,mse_mean,mse_std\n900.0,0.25,0\n",
            (30, 1.25, 0.1, 900.0, 9, 0.05, 0.25),
        ),
        (
            "SE_lregexp-0.5_noise0.1.csv",
            "d,gamma,rank,n,mse\n25,0.7,5,300,0.25\n",
            (25, 0.7, 0.1, 300.0, 5, 0.2, 0.25),
        ),
    ],
)
def test_a_setting_is_read_wherever_it_stands(module, tmp_path, name, text, expected):
    (point,) = module.points(table(tmp_path, name, text))
    read = (point.d, point.gamma, point.noise, point.n, point.width, point.penalty, point.error)
    assert read == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "text", "cause"),
    [
        ("SE_d30_rank30_gamma0.6_noise0.5_lregexp-0.15.csv", "x,mse\n1,2\n", "says n neither"),
        ("SE_samples_rank30_noise0.5_lregexp-0.15.csv", "n,mse\n1,2\n", "says d and gamma neither"),
        ("SE_samples_d30_rank30_gamma0.6_noise0.5.csv", "n,mse\n1,2\n", "says no penalty"),
        ("SE_samples_d30_rank30_gamma0.6_noise0.5_lregref_0.2.csv", "n,mse\n1,2\n", "says no penalty"),
        ("SE_samples_d30_rank30_gamma0.6_noise0.5_lregexp-0.15.csv", "n,loss\n1,2\n", "no column mse"),
        ("SE_samples_d30_rank30_gamma0.6_noise0.5_lregexp-0.15.csv", "n,mse\n1,x\n", "line 2, column mse: 'x'"),
        ("SE_samples_d30_rank30_gamma0.6_noise0.5_lregexp-0.15.csv", "n,mse\n1\n", "line 2 has 1 cells"),
        ("SE_samples_d30_rank30_gamma0.6_noise0.5_lregexp-0.15.csv", "n,mse\n", "holds no numbers"),
        ("SE_samples_d30_rank30_gamma0.6_noise0.5_lregexp-0.15.csv", "n,mse\n40,0\n", "impossible row"),
    ],
)
def test_a_table_that_is_not_understood_costs_one_line(module, tmp_path, capsys, name, text, cause):
    table(tmp_path, name, text)
    assert module.main([str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(name) and cause in error and error.count("\n") == 1


def test_deviations_are_from_the_prediction_of_the_setting(module, tmp_path, capsys):
    problem = Problem("quadratic", PowerLaw(30, 0.6), 600, 0.5, 30)
    error = predict(problem, penalty=30**-0.15).estimation_error
    name = "SE_samples_d30_rank30_gamma0.6_noise0.5_lregexp-0.15.csv"
    table(tmp_path, name, f"n,mse\n600,{error / 1.25!r}\n600,{error!r}\n")
    assert module.main([str(tmp_path)]) == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert "+25.00%" in line and "12.50%" in line
