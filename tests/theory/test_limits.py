"""Every branch for an exact limit beside the numbers that tend to it."""

import numpy as np
import pytest

from shallows import FromValues, LowRank, PowerLaw, Problem, bayes_optimal, predict

STEPS = np.repeat([0.0, 1.0, 2.5], [20, 25, 15])
TEACHERS = {
    "power law": PowerLaw(60, 0.75),
    "low rank": LowRank(60, 20),
    "profile": LowRank(60, 3, profile=[3.0, 2.0, 1.0]),
    "steps": FromValues(STEPS),
    "given": FromValues(np.abs(np.random.default_rng(0).normal(size=60))),
}


@pytest.mark.parametrize("name", TEACHERS)
def test_chance_that_two_modes_are_equal(name):
    teacher = TEACHERS[name]
    values = np.abs(teacher.values("quadratic"))
    assert teacher.coincidence() == pytest.approx(np.mean(values[:, None] == values[None, :]))


@pytest.mark.parametrize("share", [0.05, 0.2, 0.35, 0.4, 0.45, 0.55, 0.8])
@pytest.mark.parametrize("name", TEACHERS)
def test_the_quadratic_bayes_risk_without_noise_is_the_limit_of_little(name, share):
    teacher = TEACHERS[name]
    samples = share * teacher.dim**2
    exact = bayes_optimal(Problem("quadratic", teacher, samples))
    near = bayes_optimal(Problem("quadratic", teacher, samples, noise=1e-12 * teacher.energy_for("quadratic")))
    assert exact.excess_risk == pytest.approx(near.excess_risk, rel=1e-4, abs=1e-9 * teacher.energy_for("quadratic"))
    assert exact.reachable == near.reachable
    # zero error needs as many constraints as there are free rotations and sizes
    if 2 * share < 1 - teacher.coincidence():
        assert exact.excess_risk > 0


def test_grouped_modes_do_not_pretend_that_recovery_is_perfect():
    found = bayes_optimal(Problem("quadratic", PowerLaw(1000, 0.75), 0.4 * 1000**2))
    assert found.estimation_error == pytest.approx(0.0011264, rel=1e-4)


@pytest.mark.parametrize("ratio", [0.1, 0.4, 0.7, 1.6, 4.0])
@pytest.mark.parametrize(
    "network,width", [("diagonal", None), ("quadratic", None), ("quadratic", 30), ("quadratic", 90)]
)
def test_predictions_at_their_limits(network, width, ratio):
    teacher = PowerLaw(60, 1.0)
    samples = ratio * (60 if network == "diagonal" else 60**2)

    def risk(noise, decay):
        return predict(Problem(network, teacher, samples, noise, width), weight_decay=decay).excess_risk

    scale = Problem(network, teacher, samples).null_risk
    for decay in (0.0, 0.5):
        assert risk(0.0, decay) == pytest.approx(risk(1e-9, decay), rel=1e-3, abs=1e-6 * scale)
    for noise in (0.0, 0.3):
        assert risk(noise, 0.0) == pytest.approx(risk(noise, 1e-7), rel=1e-3, abs=1e-6 * scale)
    assert risk(0.3, 1e9) == pytest.approx(scale, rel=1e-9)
