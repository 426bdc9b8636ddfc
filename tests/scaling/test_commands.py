"""The commands optimal, phases, exponents and reproduce: output, files, and one line per mistake."""

import json

import pytest

from shallows.cli import main

PROBLEM = ["--network", "quadratic", "--dim", "400", "--samples", "26515", "--gamma", "1.25", "--noise", "0.1"]
GRID = ["phases", "--network", "diagonal", "--dim", "400", "--gamma", "1.25", "--noise", "0.1", "--points", "5"]


def curve(tmp_path, text):
    path = tmp_path / "curve.csv"
    path.write_text(text)
    return str(path)


GOOD = "n,risk\n10,1\n20,.7\n40,.5\n80,.35\n160,.25\n"


def test_optimal(capsys):
    assert main(["optimal", *PROBLEM]) == 0
    assert "more risk" in capsys.readouterr().out
    assert main(["optimal", *PROBLEM, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["price_of_half"] > 1 < content["price_of_double"]
    assert content["penalty"] == content["weight_decay"]
    assert content["bayes_risk"] < content["excess_risk"]


def test_exponents(tmp_path, capsys):
    path = curve(tmp_path, GOOD)
    assert main(["exponents", path, "--network", "quadratic", "--gamma", "1"]) == 0
    assert "fits IV" in capsys.readouterr().out
    assert main(["exponents", path, "--json"]) == 0
    (segment,) = json.loads(capsys.readouterr().out)["segments"]
    assert segment["exponent"] == pytest.approx(-0.5, abs=0.01)


def test_columns_by_name_or_by_order(tmp_path, capsys):
    mixed = "risk, stderr, note, n\n1,.1,a,10\n.7,.1,b,20\n.5,.1,c,40\n.35,.1,d,80\n"
    plain = "# a curve\n10,1,.1\n20,.7,.1\n40,.5,.1\n80,.35,.1\n"
    answers = []
    for text in (mixed, plain):
        assert main(["exponents", curve(tmp_path, text), "--json"]) == 0
        answers.append(json.loads(capsys.readouterr().out))
    assert answers[0] == answers[1]


OTHER = "step,loss,sd,Risk\n10,1,.1,7\n20,.7,.1,7\n40,.5,.1,7\n80,.35,.1,7\n160,.25,.1,7\n"


def test_columns_of_other_names(tmp_path, capsys):
    answers = []
    for text, chosen in (
        (OTHER, ["--x", "step", "--y", "loss", "--stderr", "sd"]),
        (GOOD.replace("risk", "risk,stderr").replace("\n", ",.1\n").replace("stderr,.1", "stderr"), []),
        (GOOD, []),
        (OTHER.replace("sd", "stderr"), ["--x", "step", "--y", "loss"]),
    ):
        assert main(["exponents", curve(tmp_path, text), *chosen, "--json"]) == 0
        answers.append(json.loads(capsys.readouterr().out))
    assert answers[0] == answers[1] != answers[2] == answers[3]


@pytest.mark.parametrize(
    ("chosen", "part"),
    [
        (
            ["--x", "steps", "--y", "loss"],
            "--x: got steps; must be a column of the file, which has: step, loss, sd, Risk",
        ),
        (["--x", "step", "--y", "error"], "--y: got error; must be a column of the file"),
        (["--x", "step", "--stderr", "se"], "--stderr: got se; must be a column"),
        (["--x", "step", "--y", "step"], "--y: got step; is taken as n already"),
    ],
)
def test_columns_that_are_not_there(tmp_path, capsys, chosen, part):
    assert main(["exponents", curve(tmp_path, OTHER), *chosen]) == 2
    error = capsys.readouterr().err
    assert part in error and error.count("\n") == 1


def test_a_column_is_named_as_the_file_does(tmp_path, capsys):
    path = curve(tmp_path, OTHER.replace("40,.5", "40,-1"))
    assert main(["exponents", path, "--x", "step", "--y", "loss"]) == 2
    assert "column loss: got -1 in row 3" in capsys.readouterr().err
    assert main(["exponents", curve(tmp_path, "10,1\n20,.7\n"), "--y", "loss"]) == 2
    assert "--y: got loss; needs a file with column names" in capsys.readouterr().err


def test_repeated_runs_in_a_file(tmp_path, capsys):
    rows = "".join(f"{n},{n**-0.5 * (1 + 0.02 * (-1) ** k)}\n" for k in range(4) for n in (10, 20, 40, 80, 160))
    assert main(["exponents", curve(tmp_path, "n,risk\n" + rows)]) == 0
    assert "20 runs at 5 values of n" in " ".join(capsys.readouterr().out.split())


def test_exponents_beyond_the_points_and_the_figure(tmp_path, capsys):
    path, out = curve(tmp_path, GOOD), tmp_path / "made"
    assert main(["exponents", path, "--extrapolate", "2x,1000", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "Beyond the largest n" in printed and "one more run tells most" in printed
    assert {file.name for file in out.iterdir()} == {"exponents.json", "exponents.png", "exponents.svg"}
    content = json.loads((out / "exponents.json").read_text())
    assert [point["n"] for point in content["extrapolations"]] == [320, 1000]
    low, high = content["extrapolations"][0]["interval"]
    assert low < 0.177 < high and content["next_runs"][0]["of"] == "exponent"
    assert main(["exponents", path, "--out", str(out)]) == 2
    assert "--force" in capsys.readouterr().err
    noisy = curve(tmp_path, "n,risk\n1,1\n2,2\n3,.5\n4,3\n5,.2\n")
    assert main(["exponents", noisy, "--extrapolate", "10x"]) == 0
    printed = capsys.readouterr().out
    assert "10x" not in printed and printed.count("cannot tell") >= 3  # exponent, curve and reading


def test_two_points_cannot_tell(tmp_path, capsys):
    assert main(["exponents", curve(tmp_path, "n,risk\n10,1\n20,.7\n")]) == 0
    out = capsys.readouterr().out
    assert "cannot tell" in out
    assert "at least 4" in out


@pytest.mark.parametrize(
    "text,part",
    [
        ("n,risk\n10,1\n20,0\n30,1\n", "column risk: got 0 in row 2"),
        ("n,risk\n10,1\n20,-1\n30,1\n", "got -1 in row 2"),
        ("n,risk\n10,one\n", "one on line 2, column risk"),
        ("n,risk\n10,\n", "an empty cell on line 2"),
        ("n,risk\n10,1,3\n", "3 cells on line 2"),
        (
            "n,error\n10,1\n",
            "has no column risk; it has: n, error; needs the columns n (samples) and risk",
        ),
        ("size,loss\n10,1\n", "has no column n; it has: size, loss"),
        ("n,n,risk\n10,1,1\n", "two columns of one name"),
        ("1,2,3,4\n", "4 columns without names"),
        ("", "the file is empty"),
        ("n,risk\n", "no rows"),
    ],
)
def test_bad_curves(tmp_path, capsys, text, part):
    assert main(["exponents", curve(tmp_path, text)]) == 2
    captured = capsys.readouterr()
    assert part in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize(
    "arguments,part",
    [
        (["exponents", "nowhere.csv"], "no such file"),
        (["exponents", "{curve}", "--gamma", "1"], "--network / --gamma"),
        (["exponents", "{curve}", "--gamma", "0.5", "--network", "diagonal"], "--gamma"),
        (["exponents", "{curve}", "--gamma", "1", "--network", "cubic"], "--network"),
        (["exponents", "{curve}", "--level", "1"], "--level"),
        (["exponents", "{curve}", "--extrapolate", "2x,11x", "--out", "{new}"], "--extrapolate"),
        (["exponents", "{curve}", "--extrapolate", "100"], "above the largest n, 160, and at most 10 times"),
        (["exponents", "{curve}", "--extrapolate", "twice"], "multiples such as 2x"),
        (["exponents", "{curve}", "--out", "{full}"], "--out"),
        (["optimal", *PROBLEM, "--penalty", "1"], "--penalty"),
        ([*GRID], "--out"),
        ([*GRID, "--out", "{new}", "--points", "2"], "--points"),
        ([*GRID[:-4], "--noise", "0", "--out", "{new}"], "--noise"),
        (["reproduce", "fig9", "--out", "{new}"], "FIGURE"),
        (["reproduce", "spectra"], "--out"),
        (["reproduce", "spectra", "--quick", "--full", "--out", "{new}"], "--quick / --full"),
        (["reproduce", "spectra", "--seeds", "0", "--out", "{new}"], "--seeds"),
        (["reproduce", "spectra", "--out", "{full}"], "--out"),
    ],
)
def test_mistakes(tmp_path, capsys, arguments, part):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    places = {"curve": curve(tmp_path, GOOD), "new": str(tmp_path / "new"), "full": str(tmp_path / "full")}
    assert main([argument.format(**places) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert part in captured.err
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_phases_writes_everything_or_nothing(tmp_path, capsys):
    out = tmp_path / "phases"
    assert main([*GRID, "--out", str(out)]) == 0
    assert "finite d" in capsys.readouterr().out
    assert {path.suffix for path in out.iterdir()} == {".png", ".svg", ".pdf", ".nc", ".csv", ".md"}
    assert main([*GRID, "--out", str(out)]) == 2
    assert "--force" in capsys.readouterr().err


def test_the_exponents_table(capsys):
    assert main(["phases", "--exponents", "--gamma", "2", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["exponents"]
    assert all(row["good"] for row in rows)
