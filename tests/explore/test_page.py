"""The page's parts fit together, and what is written into it cannot get out."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from shallows import Explorer, LowRank, PowerLaw, Problem, predict
from shallows.cli import main
from shallows.explore.grids import Grid, Resolution, cubic, family_grid
from shallows.explore.page import MODULES, live_page, part, saved_page, script, settings
from shallows.explore.views import View
from shallows.report import readings

TINY = Resolution(samples=7, weight_decays=7, gammas=2, noises=2, laws=(2, 3), points=8, modes=4, maps=2, probes=6)


def test_modules_import_only_earlier_ones_and_share_no_name():
    seen, names = [], []
    for module in MODULES:
        text = part(f"{module}.js")
        for wanted, other in re.findall(r'import \{([^}]*)\} from "\./(\w+)\.js";', text):
            assert other in seen
            for name in wanted.split(","):
                assert re.search(
                    rf"^export (?:async )?(?:function|class|const) {name.strip()}\b", part(f"{other}.js"), re.M
                )
        names += re.findall(r"^(?:export )?(?:async )?(?:function|class|const|let) (\w+)", text, re.M)
        seen.append(module)
    assert len(names) == len(set(names))
    assert not re.search(r"^import\b", script(), re.M)


def test_the_script_parses(tmp_path):
    node = shutil.which("node")
    if node is None:
        return  # the browser's tests say so too
    path = tmp_path / "explorer.mjs"
    path.write_text(script())
    done = subprocess.run([node, "--check", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_sentences_of_the_page_are_those_of_the_reports():
    words = settings()["words"]
    assert words["split"] == readings.SPLIT and set(words["meanings"]) == set(readings.MEANINGS)
    assert set(re.findall(r"\{(\w+)\}", words["split"] + words["bayes"])) == {
        "total",
        "name",
        "share",
        "meaning",
        "best",
        "times",
    }


def test_text_in_the_data_cannot_end_its_script():
    page = live_page("", {"settings": {}, "note": "</script><script>alert(1)</script><!--"})
    assert page.count("<script>alert") == 0
    data = page.split('id="explorer-data">')[1].split("</script>")[0]
    assert json.loads(data)["opened"]["note"].startswith("</script>")


def test_cubics_are_exact_for_cubics():
    axis = np.array([0.0, 0.7, 1.0, 2.5, 3.0, 4.2])
    for at in (0.0, 0.1, 1.7, 4.2):
        first, weights = cubic(axis, at)
        assert weights @ axis[first : first + 4] ** 3 == pytest.approx(at**3, abs=1e-12)
        assert weights.sum() == pytest.approx(1.0)


def test_cubics_go_through_the_nearest_points():
    axis = np.array([0.0, 0.7, 1.0, 2.5, 3.0, 4.2])
    assert [cubic(axis, at)[0] for at in (0.1, 0.8, 1.7, 2.7, 4.0)] == [0, 0, 1, 2, 2]


@pytest.mark.parametrize("network,peak", [("diagonal", 60), ("quadratic", 900)])
def test_the_grid_is_fine_around_interpolation(network, peak):
    samples = Grid(Problem(network, PowerLaw(60, 1.2), 1, noise=0.1), TINY).axes[0]
    near = samples[np.abs(np.log(samples / peak)) < 0.3]
    assert np.log(near / peak) == pytest.approx([-0.28, -0.17, -0.09, -0.03, 0, 0.03, 0.09, 0.17, 0.28])
    assert (np.diff(samples) > 0).all()


def test_a_saved_page_says_how_wrong_it_is_and_needs_nothing_else():
    view = View.parse({"network": "diagonal", "dim": "30", "samples": "200"})
    grid = family_grid(view, view.problem(), lambda *_: None, TINY)
    assert "random settings off the grid" in grid["statement"]
    page = saved_page(view, grid)
    own = page.split("bokeh-api")[-1]
    assert "src=" not in page.split("<script")[1] and "http" not in own.split("explorer-data")[0]
    values = np.frombuffer(__import__("base64").b64decode(grid["fields"]["excess_risk"]), "<f4")
    axes = [grid["axes"][name] for name in ("samples", "weight_decay", "gamma", "noise")]
    place = (3, 2, 1, 0)
    n, decay, gamma, noise = (axis[k] for axis, k in zip(axes, place, strict=True))
    right = predict(Problem("diagonal", PowerLaw(30, gamma), n, noise), weight_decay=decay).excess_risk
    assert values.reshape([len(axis) for axis in axes])[place] == pytest.approx(right, rel=1e-6)


def test_the_command_refuses_in_one_line(tmp_path, capsys):
    (tmp_path / "there.html").write_text("")
    for words, told in (
        (["--network", "cubic"], "--network"),
        (["--dim", "1e9"], "--dim"),
        (["--network", "diagonal", "--depth", "3.5"], "--depth"),
        (["--port", "99999"], "--port"),
        (["--save", str(tmp_path / "there.html")], "--save"),
        (["--save", "a.txt"], "--save"),
        (["--save", str(tmp_path / "a.html"), "--port", "80"], "--port"),
        (["--save", str(tmp_path / "a.html"), "--noise", "0"], "--noise"),
        (["--fit", str(tmp_path)], "--fit"),
        (["--spectrum", "nowhere.csv"], "--spectrum"),
        (["--host", "203.0.113.7"], "--host"),
    ):
        assert main(["explore", "--no-browser", *words]) == 2
        error = capsys.readouterr().err
        assert error.startswith("shallows: ") and told in error and error.count("\n") == 1


def test_the_missing_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "bokeh", None)
    assert main(["explore", "--no-browser"]) == 2
    assert capsys.readouterr().err == "shallows: the explorer draws with Bokeh: pip install 'shallows[explore]'\n"


class Spoken:
    """A widget that keeps what is sent to the page."""

    def __init__(self):
        self.sent = []

    def send(self, message):
        self.sent.append(message)


def test_a_notebook_answers_as_the_server_does():
    explorer, page = Explorer(Problem("diagonal", PowerLaw(30, 1.2), 100, noise=0.1), weight_decay=0.4), Spoken()
    given = dict(pair.split("=") for pair in explorer.view.query().split("&"))
    explorer._answer(page, {"id": "1", "what": "point", "given": given}, [])
    explorer._answer(page, {"id": "2", "what": "point", "given": {"dim": "x"}}, [])
    explorer._answer(page, {"id": "3", "what": "load", "given": {"name": "a.txt"}}, [memoryview(b"2 1")])
    right = predict(explorer.view.problem(), weight_decay=0.4).excess_risk
    assert page.sent[0]["answer"]["numbers"]["excess_risk"] == right
    assert page.sent[1]["error"].startswith("dim: got")
    assert page.sent[2]["answer"]["settings"]["dim"] == "2"


def test_other_teachers_are_kept_as_values_in_a_notebook():
    explorer = Explorer(Problem("quadratic", LowRank(30, 3), 500, noise=0.1))
    assert explorer.view.dim == 30 and explorer.view.teacher
    found = explorer._service.answer("point", {"teacher": explorer.view.teacher, "dim": "30", "samples": "500"})
    assert found["status"]["ok"]
