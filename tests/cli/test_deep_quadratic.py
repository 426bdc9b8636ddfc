"""The command line on deep quadratic networks: spot values, and what is refused in one line."""

import json

import pytest

PROBLEM = "--network quadratic --depth 2 --dim 60 --samples 2400 --gamma 1 --noise 0.3".split()


def test_predict_prints_everything(run):  # theory note, section 14
    result = run("predict", *PROBLEM, "--weight-decay", 1, "--json")
    content = json.loads(result.out)
    assert (result.code, content["network"], content["width"]) == (0, "quadratic:depth=2", None)
    assert content["estimation_error"] == pytest.approx(0.1244, rel=1e-3)
    assert content["penalty"] == pytest.approx(0.2582, rel=1e-3)
    assert sum(content["decomposition"].values()) == pytest.approx(content["excess_risk"], rel=1e-9)
    assert content["spectrum"]["bulk"][0] > 0.3 and len(content["solutions"]) == 1
    same = json.loads(run("predict", *PROBLEM, "--penalty", content["penalty"], "--json").out)
    assert same["excess_risk"] == pytest.approx(content["excess_risk"], rel=1e-9)
    text = run("predict", *PROBLEM, "--weight-decay", 1).out
    assert "quadratic network of depth 2" in text and "2 times the noise" in text
    assert "penalty" in text and "width" not in text


@pytest.mark.parametrize(
    ("change", "option"),
    [
        (["--depth", "0"], "--depth"),
        (["--depth", "2.5"], "--depth"),
        (["--depth", "two"], "--depth"),
        (["--depth", "2", "--width", "20"], "--width"),
        (["--depth", "2", "--covariance", "0.5"], "--network"),
    ],
)
@pytest.mark.parametrize("command", ["predict", "verify", "amp", "optimal"])
def test_what_makes_no_sense_is_one_line(run, command, change, option):
    if command == "amp" and "--covariance" in change:
        pytest.skip("amp has no such option")
    base = [word for word in PROBLEM if word not in ("--depth", "2")]
    strength = [] if command in ("optimal", "amp") else ["--weight-decay", "1"]
    result = run(command, *base, *strength, *change)
    assert result.code == 2 and result.out == ""
    assert result.err.startswith(f"shallows: {option}: got") and len(result.err.strip().splitlines()) == 1


def test_commands_without_deep_networks_say_so(run, tmp_path):
    (tmp_path / "t.csv").write_text("a,b,y\n1,2,3\n2,1,4\n0,1,1\n3,1,2\n", encoding="utf-8")
    for words in (
        ["fit", "t.csv", "--target", "y", "--network", "quadratic:depth=2"],
        "dynamics --network quadratic:depth=2 --dim 20 --gamma 1 --init-scale 0.1 --until 10".split(),
    ):
        result = run(*words)
        assert result.code == 2 and "got quadratic:depth=2" in result.err and "those that have" in result.err
