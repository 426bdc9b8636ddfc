"""What theory needs of a network: found by name, refused by name, and true to what it says."""

import numpy as np
import pytest

from shallows import FromValues, InvalidArgument, LowRank, PowerLaw, Problem, SolveFailed, predict
from shallows.errors import NotSupported, UnknownNetwork
from shallows.networks import network_named, network_names, registry
from shallows.networks.diagonal import Diagonal
from shallows.phases import phase_at, predicted_exponents
from shallows.spectra import LAWS, decompose, learned_law
from shallows.state_evolution import STATE_EVOLUTIONS, BayesPoint, Status, bayes, bayes_error, bayes_optimal, moments
from shallows.state_evolution.protocol import mode_weights

NETWORKS = network_names()


class Bare(Diagonal):
    """A network that theory knows nothing of."""

    family = "bare"


@pytest.fixture
def bare(monkeypatch):
    monkeypatch.setitem(registry._NETWORKS, "bare", Bare)
    return Problem("bare", PowerLaw(20, 1.0), 30, 0.1)


def test_a_network_without_theory_is_told_what_it_lacks(bare):
    for ask in (
        lambda: predict(bare, weight_decay=0.1),
        lambda: bayes_optimal(bare),
        lambda: bayes_error(bare, 0.1),
        lambda: moments(bare, 0.1, 0.1),
    ):
        with pytest.raises(NotSupported, match="'bare'; the network has no state evolution; those that have: diagonal"):
            ask()
    with pytest.raises(NotSupported, match="has no law of the learned weights"):
        learned_law(bare, 0.1, 0.1)


def test_an_unknown_network_is_unknown_everywhere():
    for ask in (
        lambda: phase_at("cubic", 0.5, 0.0, 1.0),
        lambda: predicted_exponents("cubic", 1.0),
        lambda: STATE_EVOLUTIONS.of("cubic"),
        lambda: LAWS.of("cubic"),
    ):
        with pytest.raises(UnknownNetwork, match='must be "diagonal" or "quadratic"'):
            ask()


@pytest.mark.parametrize("network", NETWORKS)
def test_modes_are_counted_so_that_their_squares_add_up_to_the_energy(network):
    problem = Problem(network, PowerLaw(3000, 0.8, energy=2.5), 100)
    for spectrum in (problem.spectrum, problem.spectrum.coarse):
        weights = mode_weights(problem, spectrum)
        assert weights @ spectrum.values**2 == pytest.approx(2.5, rel=0.02 if spectrum.values.size < 100 else 1e-9)


@pytest.mark.parametrize("network", NETWORKS)
def test_beyond_the_silencing_threshold_nothing_is_learned(network):
    evolution = STATE_EVOLUTIONS.of(network)
    for problem in (Problem(network, PowerLaw(60, 1.0), 100), Problem(network, LowRank(60, 2), 100)):
        spectrum = problem.spectrum
        weights = mode_weights(problem, spectrum)
        for noise_scale in (0.01, 0.3, 20.0):
            threshold = evolution.silencing_threshold(float(spectrum.values[0]), noise_scale)
            error, freedom = evolution.moments(noise_scale, threshold, 1.0, spectrum.values, weights)
            assert error == pytest.approx(problem.energy, rel=1e-12)
            assert freedom == pytest.approx(0.0, abs=1e-12)
            assert threshold < 10 * (spectrum.values[0] + noise_scale)
    assert evolution.silencing_threshold(0.0, 1.0) >= 2.0  # pure noise


@pytest.mark.parametrize("samples,freedom", [(49, None), (50, 50.0), (51, 50.0)])
def test_linear_algebra_determines_the_diagonal_network_from_as_many_samples_as_weights(samples, freedom):
    point = predict(Problem("diagonal", PowerLaw(50, 1.0), samples), weight_decay=0.0).fixed_point
    exact = point.status is Status.PERFECT_RECOVERY and point.degrees_of_freedom == 50.0
    assert exact == (freedom is not None)
    assert not STATE_EVOLUTIONS.of("quadratic").is_determined(1e9, 5)


def test_the_posterior_sees_every_mode_of_a_small_teacher_only():
    values = np.linspace(1, 2, 700)  # more than are kept one by one
    small = Problem("quadratic", FromValues(values), 1000)
    large = Problem("quadratic", PowerLaw(2000, 1.0), 1000)
    evolution = STATE_EVOLUTIONS.of("quadratic")
    assert small.spectrum.values.size < 700 == evolution.posterior_spectrum(small, 0.1).values.size
    assert evolution.posterior_spectrum(large, 0.1).values.size == large.spectrum.values.size < 2000
    fine = STATE_EVOLUTIONS.of("diagonal").posterior_spectrum(Problem("diagonal", PowerLaw(2000, 1.0), 10), 0.1)
    assert fine.values.size == 2000


def test_a_failed_bayes_solve_raises_with_its_result_unless_told_not_to(monkeypatch):
    failed = BayesPoint(1.0, 1.0, 1.0, 0.1, Status.INACCURATE, True)
    monkeypatch.setattr(bayes, "_solved", lambda problem: failed)
    problem = Problem("diagonal", PowerLaw(20, 1.0), 30, 0.1)
    with pytest.raises(SolveFailed, match="inaccurate") as caught:
        bayes_optimal(problem)
    assert caught.value.result is failed
    assert bayes_optimal(problem, throw=False) is failed
    assert predict(problem, weight_decay=0.1).bayes is failed
    with pytest.raises(SolveFailed, match="Bayes-optimal risk"):
        _ = predict(problem, weight_decay=0.1).bayes_risk
    with pytest.raises(InvalidArgument, match="problem"):
        bayes_optimal("diagonal", throw=False)


@pytest.mark.parametrize("network", NETWORKS)
def test_laws_know_whether_their_bulk_is_sharp_and_where_the_risk_comes_from(network):
    prediction = predict(
        Problem(network, PowerLaw(60, 1.0), 60 if network == "diagonal" else 3000, 0.2), weight_decay=0.1
    )
    law = prediction.spectrum
    assert law.has_sharp_bulk == law.problem.architecture.sharp_bulk == (network == "quadratic")
    assert decompose(law) == law.decomposition() == prediction.decomposition
    assert decompose(law).total == pytest.approx(prediction.excess_risk, rel=1e-8)
    assert decompose(learned_law(law.problem, 0.0, 0.1)).total == 0.0


@pytest.mark.parametrize("width", [None, 7, 300])
@pytest.mark.parametrize("network", NETWORKS)
def test_strength_and_weight_decay_are_inverse(network, width):
    architecture = network_named(network)
    width = width if architecture.has_width else None
    for decay in (0.0, 0.3, 12.0):
        lam, penalty = architecture.regularisation(decay, None, 50, width)
        strength = architecture.strength(lam, penalty, 50)
        assert architecture.weight_decay_from_strength(strength, 50, width) == pytest.approx(decay)


def test_the_smallest_mode_that_can_be_learned():
    scales, thresholds = np.array([1.0, 1.0, 1.0]), np.array([0.5, 1.5, 3.0])
    assert network_named("diagonal").smallest_learnable(scales, thresholds).tolist() == [1.0, 1.5, 3.0]
    # an outlier lies at s + delta^2/s, which is at most s + delta
    assert network_named("quadratic").smallest_learnable(scales, thresholds).tolist() == [1.0, 1.0, 2.0]


@pytest.mark.parametrize(
    "effective,width,decay,quantitative,allowance",
    [
        (5.9, None, 0.5, False, None),
        (6.0, None, 0.5, False, 0.3),
        (29.9, None, 0.5, False, 0.3),
        (30.0, None, 0.5, True, 0.03 + 2 / 30),
        (30.0, None, 0.001, True, 0.03 + 2 / 30),
        (14.9, 3, 0.5, False, None),  # narrower than the inputs
        (15.0, 3, 0.5, False, 0.03 + 8 / 15),
        (30.0, 20, 0.5, False, 0.03 + 8 / 30),
        (114.0, 20, 0.5, False, 0.03 + 8 / 114),
        (115.0, 20, 0.5, True, 0.03 + 8 / 115),
        (30.0, 20, 0.001, False, None),  # narrow, and fits most of its labels
        (30.0, 80, 0.001, True, 0.03 + 2 / 30),
    ],
)
def test_where_theory_is_quantitative(effective, width, decay, quantitative, allowance):
    prediction = predict(Problem("quadratic", PowerLaw(80, 1.0), effective * 80, 0.5, width), weight_decay=decay)
    assert prediction.quantitative == quantitative
    assert prediction.allowance == allowance
    assert prediction.to_dict()["finite_size"] == {"comfortable": quantitative, "statement": prediction.finite_size}
    if allowance is not None and allowance != 0.3:
        assert f"expected within {100 * allowance:.0f} %" in prediction.finite_size
    elif width is not None and decay == 0.5:
        assert "cannot tell" in prediction.finite_size and "width 3 < dim" in prediction.finite_size
