"""Files of one's own, and networks trained in the background."""

import json
import time

import numpy as np
import pytest

from shallows import InvalidArgument, PowerLaw, Problem, predict
from shallows.explore.jobs import Trainings, check_size, train_once
from shallows.explore.loaded import MOST_BYTES, MOST_HELD, Teachers, open_bytes, open_fit
from shallows.explore.views import View

FIT = {
    "network": "diagonal",
    "dim": 40,
    "samples": 600,
    "weight_decay": 0.98,
    "width": None,
    "reasons": {},
    "noise": {"value": 0.25},
    "power_law": {"gamma": {"value": 1.3}, "energy": {"value": 1.4}},
    "excess_risk": {"value": 0.017, "low": 0.01, "high": 0.024, "level": 0.9},
}


def test_a_fit_becomes_a_view_with_its_measured_point(tmp_path):
    (tmp_path / "fit.json").write_text(json.dumps(FIT))
    opened = open_fit("--fit", str(tmp_path))
    view = View.parse(opened.settings)
    assert view.problem() == Problem("diagonal", PowerLaw(40, 1.3, 1.4), 600, noise=0.25)
    assert opened.measured["excess_risk"] == 0.017 and opened.measured["low"] == 0.01
    assert open_bytes("fit.json", json.dumps(FIT).encode(), Teachers()).settings == opened.settings


def test_a_fit_that_cannot_tell_is_refused_with_its_reason():
    silent = FIT | {"power_law": None, "reasons": {"power_law": "no power law describes it"}}
    with pytest.raises(InvalidArgument, match="no power law describes it"):
        open_bytes("fit.json", json.dumps(silent).encode(), Teachers())


@pytest.mark.parametrize(
    "name,content",
    [
        ("a.csv", b"x,y\n1,2\n3,4"),
        ("a.csv", b""),
        ("a.txt", b"1 2 nan"),
        ("a.txt", b"0 0 0"),
        ("a.npy", b"\x93NUMPY junk"),
        ("a.pkl", b"cos\nsystem\n(S'true'\ntR."),
        ("../../etc/passwd", b"root"),
        ("a.json", b"[" * 100_000),
        ("a.json", b'{"network": "diagonal"}'),
        ("a.json", json.dumps(FIT | {"dim": 10**9}).encode()),
        ("a.json", json.dumps(FIT | {"network": "cubic"}).encode()),
        ("a.txt", b"1 " * MOST_BYTES),
    ],
)
def test_files_that_are_no_spectrum_are_refused_in_one_line(name, content):
    with pytest.raises(InvalidArgument) as error:
        open_bytes(name, content, Teachers())
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


def test_an_array_of_objects_is_not_unpickled(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InvalidArgument):
        open_bytes("a.npy", path.read_bytes(), Teachers())


def test_only_so_many_spectra_are_held():
    teachers = Teachers()
    names = [teachers.keep([1.0, 0.5 + k]) for k in range(MOST_HELD + 3)]
    assert len(teachers) == MOST_HELD and teachers.get(names[0]) is None and teachers.get(names[-1]) is not None


def test_one_training_agrees_with_theory():
    problem = Problem("diagonal", PowerLaw(100, 1.2), 800, noise=0.3)
    risks = [train_once(problem, 0.5, seed)["excess_risk"] for seed in range(8)]
    spread = np.std(risks, ddof=1) / np.sqrt(8)
    assert abs(np.mean(risks) - predict(problem, weight_decay=0.5).excess_risk) < 4 * spread + 0.03 * np.mean(risks)


def test_too_large_and_too_many_trainings_are_refused():
    with pytest.raises(InvalidArgument, match="to train here"):
        check_size(Problem("diagonal", PowerLaw(1000, 1.0), 10**6))
    trainings = Trainings()
    problem = Problem("quadratic", PowerLaw(200, 1.2), 40_000, noise=0.3)
    name = trainings.start("page", problem, 0.01, 0)
    try:
        with pytest.raises(InvalidArgument, match="in training"):
            trainings.start("page", problem, 0.01, 1)
    finally:
        trainings.close()
    job = trainings.find(name)
    job.process.join(20)
    assert job.state == "cancelled" and job.result is None and not job.process.is_alive()


def test_a_training_in_the_background_is_the_one_in_the_foreground():
    problem = Problem("diagonal", PowerLaw(40, 1.2), 100, noise=0.3)
    trainings = Trainings()
    name = trainings.start("page", problem, 0.5, 3)
    for _ in range(600):
        if trainings.find(name).state != "running":
            break
        time.sleep(0.1)
    job = trainings.find(name)
    assert job.state == "done", job
    assert job.result["excess_risk"] == train_once(problem, 0.5, 3)["excess_risk"]
