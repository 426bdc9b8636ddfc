"""Networks that theory does not cover: targets, the quadratic network that stands in, activations of users."""

from dataclasses import replace

import numpy as np
import pytest

from shallows import InvalidArgument

pytest.importorskip("torch")

from shallows.robustness import ACTIVATIONS, GradientStudent, checked_activation, departure_named, phase_named
from shallows.robustness.targets import TARGETS, VARIANCE, target_named

PHASE = phase_named("many")


@pytest.mark.parametrize("name", TARGETS)
def test_targets_have_the_variance_and_parts_that_they_say(name):
    target = target_named(name, PHASE, ACTIVATIONS["gelu"])
    inputs = np.random.default_rng(0).standard_normal((400_000, PHASE.dim))
    labels = target(inputs)
    error = labels.std() / np.sqrt(labels.size)
    assert abs(labels.mean()) < 5 * error
    assert labels.var() == pytest.approx(VARIANCE, rel=0.05)
    first = inputs[:, 0]
    for degree, polynomial in ((1, first), (2, (first**2 - 1) / np.sqrt(2))):
        product = labels * polynomial
        assert abs(product.mean() - target.part(degree)[0]) < 5 * product.std() / np.sqrt(product.size)
    assert sum(target.shares().values()) == pytest.approx(1.0)


def test_the_surrogate_of_a_quadratic_target_is_the_problem_of_theory():
    problem, unlearned = target_named("quadratic", PHASE).surrogate(PHASE)
    assert unlearned == pytest.approx(0.0, abs=1e-6)
    assert problem.teacher.values("quadratic") == pytest.approx(PHASE.teacher().values("quadratic"), rel=1e-4)
    assert problem.noise == pytest.approx(PHASE.noise, abs=1e-6)


def test_what_the_surrogate_cannot_learn_is_noise_and_risk():
    target = target_named("multi-index", PHASE)
    problem, unlearned = target.surrogate(PHASE)
    second = target.part(2)
    assert unlearned == pytest.approx(VARIANCE - np.sum(np.maximum(second, 0) ** 2))
    assert problem.noise == pytest.approx(PHASE.noise + unlearned)
    assert problem.null_risk + unlearned == pytest.approx(VARIANCE)


def test_an_odd_activation_leaves_the_surrogate_nothing():
    drawn = departure_named("tanh on matched").draw(PHASE, 0)
    assert drawn.problem.energy == 0 and drawn.predicted_risk() == pytest.approx(VARIANCE)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_activations_pass_their_own_check(name):
    assert checked_activation(name, ACTIVATIONS[name]) is ACTIVATIONS[name]


def test_training_learns_and_looks_at_every_layer_along_the_way():
    phase = replace(PHASE, dim=8, samples=200)
    drawn = departure_named("4 layers on single-index").draw(phase, 0)
    student = GradientStudent("relu", ACTIVATIONS["relu"], 3, decays=(0.3,))
    learned = student.train(drawn)
    assert drawn.excess_risk(learned.outputs) < 0.5 * VARIANCE
    assert list(learned.matrices) == ["layer 1", "layer 2", "layer 3"]
    times = [share for share, _ in learned.history]
    assert times[0] == 0.0 and times[-1] == 1.0 and times == sorted(times) and len(times) >= 3
    found = learned.outputs(drawn.inputs)
    assert np.mean((found - drawn.labels) ** 2) == pytest.approx(learned.train_error)
    again = student.train(drawn)
    assert np.array_equal(again.matrices["layer 2"], learned.matrices["layer 2"])


def test_the_best_of_the_weight_decays_is_taken():
    phase = replace(PHASE, dim=8, samples=200)
    drawn = departure_named("quadratic on quadratic").draw(phase, 0)
    student = GradientStudent("quadratic", ACTIVATIONS["quadratic"], decays=(1e6, 0.1))
    assert student.train(drawn).weight_decay == 0.1


def raises(h):
    raise RuntimeError("not today")


BAD = {
    "RuntimeError: not today": raises,
    "must return the shape": lambda h: h.sum(),
    "must be finite": lambda h: h.log(),
    "must return a tensor": lambda h: 3.0,
    "have a gradient": lambda h: h.detach(),
}


@pytest.mark.parametrize("words", BAD)
def test_a_bad_activation_is_named(words):
    with pytest.raises(InvalidArgument, match="activation: got 'mine'") as caught:
        checked_activation("mine", BAD[words])
    assert words in str(caught.value) and "\n" not in str(caught.value)
