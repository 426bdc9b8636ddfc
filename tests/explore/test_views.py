"""Addresses, Python lines and commands of a view say the same thing."""

import shlex

import numpy as np
import pytest

from shallows import GaussianDesign, InvalidArgument, LowRank, PowerLaw, Problem, predict
from shallows.explore.loaded import Teachers
from shallows.explore.views import LIMITS, View

VIEWS = [
    "network=diagonal&dim=80&samples=300&weight_decay=0.5&gamma=1.5&noise=0.2",
    "network=quadratic&dim=50&samples=2000&weight_decay=0.05&gamma=1&noise=0.1&energy=2&width=20&covariance=0.5",
]


def parsed(query):
    return View.parse(dict(pair.split("=") for pair in query.split("&")))


@pytest.mark.parametrize("query", VIEWS)
def test_an_address_comes_back_as_it_was(query):
    assert parsed(query).query() == query


@pytest.mark.parametrize("query", VIEWS)
def test_the_lines_and_the_command_predict_what_the_view_does(query, capsys):
    from shallows.cli import main

    view = parsed(query)
    risk = predict(view.problem(), weight_decay=view.weight_decay).excess_risk
    scope = {}
    exec(view.python(), scope)
    assert scope["prediction"].excess_risk == pytest.approx(risk, rel=1e-12)
    capsys.readouterr()
    assert main([*shlex.split(view.shell())[1:], "--json"]) == 0
    import json

    assert json.loads(capsys.readouterr().out)["excess_risk"] == pytest.approx(risk, rel=1e-12)


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_what_is_beyond_the_limits_is_refused_by_name(name):
    low, high = LIMITS[name]
    for bad in (low - 1, high * 2, "nan", "inf", "x", "", "1_0"):
        with pytest.raises(InvalidArgument) as error:
            View.parse({name: str(bad)})
        assert error.value.name == name


def test_what_a_network_has_no_use_for_is_dropped():
    assert parsed("network=diagonal&width=7").width is None
    assert parsed("network=quadratic&dim=30&width=30").width is None
    assert parsed("network=diagonal&depth=2").depth is None


def test_unknown_names_and_networks_are_refused():
    for given in ({"nonsense": "1"}, {"network": "cubic"}):
        with pytest.raises(InvalidArgument):
            View.parse(given)


def test_a_problem_becomes_the_view_that_gives_it_back():
    problem = Problem("quadratic", PowerLaw(40, 1.3, 2.0), 900, 0.3, 10, GaussianDesign(0.5))
    assert View.of(problem, 0.2).problem() == problem
    with pytest.raises(InvalidArgument):
        View.of(Problem("quadratic", LowRank(40, 3), 900), 0.1)
    with pytest.raises(InvalidArgument):
        View.of(Problem("diagonal", PowerLaw(4, 1.0), 900, design=GaussianDesign([1.0, 2.0, 1.0, 1.0])), 0.1)


def test_a_loaded_spectrum_is_the_teacher_by_its_name_alone():
    teachers = Teachers()
    name = teachers.keep(np.array([3.0, 1.0, 0.5]))
    view = View.parse({"teacher": name, "dim": "3", "network": "diagonal"})
    assert view.problem(teachers).teacher.values("diagonal").tolist() == [3.0, 1.0, 0.5]
    with pytest.raises(InvalidArgument, match="not loaded here"):
        view.problem(Teachers())
