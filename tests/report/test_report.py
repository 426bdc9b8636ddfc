"""The report: what is in it, that it stands alone, and that it leaves nothing behind."""

import json
import re
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pytest

from shallows import LowRank, PowerLaw, Problem
from shallows._numbers import measured_number, number
from shallows.plotting import shown_ranks, styled
from shallows.report import write_report
from shallows.report.readings import command
from shallows.report.spectrum_figure import histogram_range
from shallows.verification import verify

FIGURES = ("agreement", "spectrum", "decomposition", "learning-curve")


class Collector(HTMLParser):
    """Tags, their addresses, and the text between."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.addresses, self.text, self.open = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [
            value for key, value in attrs if key in ("src", "srcset", "href", "xlink:href", "data", "action")
        ]
        if tag not in ("meta", "img", "br", "link", "input", "source"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "td":
            self.text.append(" ")

    def handle_data(self, data):
        self.text.append(data)


def read(path):
    collector = Collector()
    collector.feed(path.read_text(encoding="utf-8"))
    assert collector.open == []
    collector.words = " ".join("".join(collector.text).replace("\u00a0", " ").split())
    return collector


@pytest.fixture(scope="module")
def verification():
    return verify(Problem("quadratic", PowerLaw(24, 1.25), samples=900, noise=0.1), penalty=0.1, seeds=2)


@pytest.fixture(scope="module")
def folder(verification, tmp_path_factory):
    path = tmp_path_factory.mktemp("report")
    assert write_report(verification, path) == path / "report.html"
    return path


def test_every_file_is_there(folder, verification):
    expected = {f"{name}{end}" for name in FIGURES for end in (".png", ".svg", "-column.svg")}
    expected |= {"report.html", "verification.json"}
    assert {path.name for path in folder.iterdir()} == expected
    for name in FIGURES:
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (folder / f"{name}.svg").read_text(encoding="utf-8")
    content = json.loads((folder / "verification.json").read_text(encoding="utf-8"))
    assert content == json.loads(json.dumps(verification.to_dict()))


def test_the_page_stands_alone(folder):
    page = read(folder / "report.html")
    assert page.tags.count("img") == page.tags.count("source") == len(FIGURES)
    assert len(set(page.addresses)) == 2 * len(FIGURES)  # on a narrow screen another figure than on a wide one
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href)=.?https?:|@import|url\(", text)


def test_the_page_holds_the_numbers(folder, verification):
    words = read(folder / "report.html").words
    prediction = verification.prediction
    for value in (prediction.excess_risk, prediction.train_error, prediction.bayes_risk, prediction.threshold):
        assert number(value) in words
    for runs in verification.measured.values():
        assert measured_number(runs.excess_risk.mean, runs.excess_risk.standard_error) in words
    assert "2 independent sampled data sets" in words
    assert f"phase {prediction.phase.name}" in words
    assert command(verification) in words
    assert "nan" not in words.lower().split()


def test_text_is_escaped(verification, tmp_path):
    class Hostile(PowerLaw):
        def describe(self):
            return '<script>alert("x")</script> & <b>'

    problem = Problem("diagonal", Hostile(20, 1.0), samples=40, noise=0.1)
    result = verify(problem, weight_decay=0.5, seeds=1, trainers=["convex"], learning_curve=False)
    page = read(write_report(result, tmp_path))
    assert "script" not in page.tags
    assert '<script>alert("x")</script> & <b>' in page.words


def test_the_same_verification_gives_the_same_bytes(verification, folder, tmp_path):
    write_report(verification, tmp_path)
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_no_global_state_is_touched_or_used(verification, folder, tmp_path):
    from matplotlib import _pylab_helpers

    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"font.size": 31, "axes.facecolor": "red", "svg.fonttype": "none"}):
        inside = dict(matplotlib.rcParams)
        write_report(verification, tmp_path)
        assert dict(matplotlib.rcParams) == inside
    assert dict(matplotlib.rcParams) == before
    assert not _pylab_helpers.Gcf.figs
    assert (tmp_path / "spectrum.svg").read_bytes() == (folder / "spectrum.svg").read_bytes()


def test_without_a_bayes_optimal_risk_the_rest_stands(verification, tmp_path):
    from dataclasses import replace

    from shallows.state_evolution import Status

    prediction = replace(verification.prediction)
    bayes = replace(prediction.bayes, status=Status.INACCURATE, excess_risk=float("nan"))
    prediction.__dict__["bayes"] = bayes  # what the cached property would hold
    prediction.__dict__.pop("bayes_risk", None)
    page = read(write_report(replace(verification, prediction=prediction), tmp_path))
    assert page.tags.count("img") == len(FIGURES)
    assert "Bayes-optimal excess risk –" in page.words
    assert "training pays" not in page.words
    assert "nan" not in page.words.lower().split()


def test_a_failed_prediction_says_so(tmp_path):
    problem = Problem("diagonal", PowerLaw(30, 1.0), samples=30, noise=0.1)
    page = read(write_report(verify(problem, weight_decay=0, throw=False), tmp_path))
    assert "No prediction: divergent." in page.words
    assert "positive weight decay" in page.words
    assert page.tags.count("img") == 0
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "verification.json"}


@pytest.mark.parametrize(
    ("problem", "settings", "words", "images"),
    [
        (Problem("diagonal", PowerLaw(40, 1.0), 60, 0.3), {"weight_decay": 0.5}, "shrinkage by weight decay", 3),
        (
            Problem("diagonal", PowerLaw(20, 1.0, energy=0.0), 60, 0.3),
            {"weight_decay": 0.5},
            "No mode of the teacher",
            3,
        ),
        (Problem("quadratic", PowerLaw(16, 1.25), 300, 0.1), {"penalty": 500.0}, "Nothing is learned", 3),
        (Problem("quadratic", LowRank(16, 2), 300), {"penalty": 0.0}, "No bulk survives", 2),
        (Problem("quadratic", LowRank(16, 2), 300, 0.1), {"penalty": 0.2}, "2 modes of the teacher", 3),
    ],
    ids=["diagonal", "no teacher", "nothing learned", "perfect recovery", "low rank"],
)
def test_special_cases(tmp_path, problem, settings, words, images):
    result = verify(problem, seeds=2, trainers=["convex"], learning_curve=False, **settings)
    page = read(write_report(result, tmp_path))
    assert words in page.words
    assert page.tags.count("img") == images


def test_predicted_ranks_match_the_law():
    from shallows import predict

    for problem, settings in (
        (Problem("quadratic", PowerLaw(40, 1.25), 1500, 0.1), {"penalty": 0.1}),
        (Problem("quadratic", PowerLaw(40, 1.25), 1500, 0.1, width=7), {"penalty": 0.1}),
        (Problem("diagonal", PowerLaw(300, 1.0), 400, 0.3), {"weight_decay": 0.5}),
    ):
        law = predict(problem, **settings).spectrum
        ranks = np.arange(1, problem.dim + 1, dtype=float)
        places = law.rank_positions(ranks)
        assert (np.diff(places) <= 1e-12).all()
        assert abs((places > 0).sum() - problem.dim * (1 - law.mass_at_zero)) <= 1
    law = predict(Problem("quadratic", PowerLaw(40, 1.25), 1500, 0.1), penalty=0.1).spectrum
    top = [outlier.learned for outlier in law.outliers[:3]]
    assert law.rank_positions(np.arange(1.0, 4.0)) == pytest.approx(top, rel=1e-6)


def test_the_histogram_shows_the_bulk(verification):
    low, high = histogram_range(verification, verification.measured["convex"])
    law = verification.prediction.spectrum
    assert low == 0
    assert law.bulk[1] <= high <= 1.1 * verification.measured["convex"].spectra.max()


def test_ranks_are_thinned():
    assert list(shown_ranks(3)) == [1, 2, 3]
    many = shown_ranks(10_000)
    assert many[0] == 1
    assert many[-1] == 10_000
    assert len(many) <= 60


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (50, "50"), (0.11767, "0.1177"), (1e-4, "10⁻⁴"), (2.5e-5, "2.5·10⁻⁵"), (26515, "26515"), (None, "–")],
)
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("mean", "error", "text"),
    [
        (0.12071, 0.00169, "0.1207 ± 0.0017"),
        (2.0, 0.0, "2"),
        (0.5, None, "0.5"),
        (3.2e-7, 1.1e-8, "3.2·10⁻⁷ ± 1.1·10⁻⁸"),
    ],
)
def test_measured_numbers(mean, error, text):
    assert measured_number(mean, error) == text


def test_settings_do_not_leak():
    before = dict(matplotlib.rcParams)
    with pytest.raises(KeyboardInterrupt), styled():
        raise KeyboardInterrupt
    assert dict(matplotlib.rcParams) == before
