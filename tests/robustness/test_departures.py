"""Departures: what is drawn, what theory is told of it, and what a user's own may do wrong."""

from dataclasses import replace

import numpy as np
import pytest

from shallows import InvalidArgument, predict
from shallows.designs import Isotropic
from shallows.robustness import (
    FAMILIES,
    Departure,
    TheoryStudent,
    World,
    departure_named,
    departures,
    noise_laws,
    of_design,
    phase_named,
    register_departure,
)
from shallows.robustness.settings import OF_THEORY

DIAGONAL, QUADRATIC = phase_named("diagonal-II"), phase_named("quadratic-II")
LAWS = [
    noise_laws.gaussian,
    noise_laws.laplace,
    noise_laws.student_three,
    noise_laws.gross_errors,
    noise_laws.grows_with_signal,
    noise_laws.grows_with_input,
    noise_laws.remembers,
]


def small(phase):
    return replace(phase, dim=30, samples=120)


def test_every_family_has_departures_and_every_name_is_one_word_for_one():
    assert {one.family for one in departures()} == set(FAMILIES)
    assert all(departure_named(one.name) is one for one in departures())


@pytest.mark.parametrize("name", [one.name for one in departures() if one.phases == OF_THEORY])
def test_the_same_seed_draws_the_same_data_and_another_seed_others(name):
    first, again, other = (departure_named(name).draw(small(DIAGONAL), seed) for seed in (0, 0, 1))
    assert np.array_equal(first.inputs, again.inputs) and np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.inputs, other.inputs)
    assert first.inputs.shape == (120, 30) and first.labels.shape == (120,)


def test_nothing_departs_where_nothing_should():
    drawn = departure_named("as assumed").draw(QUADRATIC, 0)
    assert drawn.problem == QUADRATIC.problem()
    assert drawn.predicted_risk() == predict(drawn.problem, weight_decay=2.0).excess_risk
    fit = TheoryStudent().train(drawn).fit
    risk = drawn.excess_risk(drawn.outputs(fit.weights), rows=60_000)
    # the same on the weights: 2 ||S - S*||^2/d, S* diagonal
    error = fit.weights.matrix() - np.diag(drawn.problem.teacher.values("quadratic"))
    assert risk == pytest.approx(2 * np.square(error).sum() / 40, rel=0.05)


@pytest.mark.parametrize("law", LAWS)
def test_noise_has_the_variance_that_theory_is_told(law):
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((200_000, 3))
    truth = 2.0 * inputs[:, 1]
    noise = law(rng, inputs, truth)
    squares = noise**2
    # neighbours of a series share their noise: fewer squares that count
    count = (
        squares.size * (1 - noise_laws.MEMORY**2) / (1 + noise_laws.MEMORY**2)
        if law is noise_laws.remembers
        else squares.size
    )
    assert abs(squares.mean() - 1) < 5 * squares.std() / np.sqrt(count)
    assert abs(noise.mean()) < 0.05


def test_theory_is_told_what_the_departure_says():
    told = departure_named("covariance:1 inputs, told").draw(DIAGONAL, 0)
    untold = departure_named("covariance:1 inputs").draw(DIAGONAL, 0)
    assert not told.problem.design.is_white and untold.problem.design.is_white
    assert departure_named("narrow, told").draw(QUADRATIC, 0).problem.width == 8
    assert departure_named("narrow, not told").draw(QUADRATIC, 0).problem.width is None


def test_negative_modes_and_copies_and_missing_numbers_are_there():
    drawn = departure_named("negative modes").draw(QUADRATIC, 0)
    rows = np.zeros((2, 40))
    rows[0, 0], rows[1, 1] = 3.0, 3.0
    base = drawn.truth(np.zeros((1, 40)))[0]
    assert drawn.truth(rows)[0] > base > drawn.truth(rows)[1]
    copies = departure_named("copied rows").draw(DIAGONAL, 0)
    assert np.unique(copies.labels).size == copies.labels.size // 2
    missing = departure_named("missing numbers").draw(DIAGONAL, 0)
    assert 0.15 < (missing.inputs == 0).mean() < 0.25


def test_shifted_inputs_are_new_ones_only():
    drawn = departure_named("shifted test inputs").draw(DIAGONAL, 0)
    fresh = drawn.fresh(np.random.default_rng(0), 4000)
    assert fresh[:, ::2].var() == pytest.approx(1.5, rel=0.05) and fresh[:, 1::2].var() == pytest.approx(0.5, rel=0.05)
    assert drawn.inputs[:, ::2].var() == pytest.approx(1.0, rel=0.05)


def test_classes_are_told_as_a_weaker_teacher_and_more_noise():
    drawn = departure_named("classes, square loss").draw(DIAGONAL, 0)
    assert set(np.unique(drawn.labels)) == {-1.0, 1.0}
    # of Gaussian signal and noise: E[sign(s + e) s] = sqrt(2/pi) / sqrt(1 + noise)
    factor = np.sqrt(2 / np.pi / 1.5)
    assert drawn.problem.teacher.energy == pytest.approx(factor**2, rel=0.03)
    assert drawn.problem.noise == pytest.approx(1 - factor**2, rel=0.03)
    rows = np.random.default_rng(1).standard_normal((10, 300))
    assert drawn.truth(rows) == pytest.approx(
        factor * departure_named("as assumed").draw(DIAGONAL, 0).truth(rows), rel=0.03
    )


class Broken(Isotropic):
    kind = "broken"
    what = "shape"

    def draw(self, rng, samples, dim, network):
        if self.what == "shape":
            return rng.standard_normal((samples, dim + 1))
        if self.what == "nan":
            return np.full((samples, dim), np.nan)
        raise RuntimeError("no inputs today")


@pytest.mark.parametrize("what,words", [("shape", "must have shape 300 x 300"), ("nan", "must be finite")])
def test_a_bad_design_is_named(what, words):
    design = Broken()
    object.__setattr__(design, "what", what)
    with pytest.raises(InvalidArgument, match=words):
        of_design(design, "mine", "Mine.").draw(DIAGONAL, 0)


def test_registering_what_is_none():
    with pytest.raises(InvalidArgument, match="family: got 'weather'"):
        register_departure(Departure("x", "weather", "", World()))
    with pytest.raises(InvalidArgument, match="phases"):
        register_departure(Departure("x", "inputs", "", World(), ()))
    with pytest.raises(InvalidArgument, match="did you mean as assumed"):
        departure_named("as asumed")
    with pytest.raises(InvalidArgument, match="phase: got 'II'"):
        phase_named("II")
    with pytest.raises(InvalidArgument, match="family"):
        departures("weather")
