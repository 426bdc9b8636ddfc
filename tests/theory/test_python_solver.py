"""The plain solver of the state evolution against the compiled one: slow twins, one answer."""

import math

import numpy as np
import pytest

from shallows import LowRank, PowerLaw, Problem
from shallows.optimum import silencing_bound
from shallows.state_evolution import STATE_EVOLUTIONS, Status, solve
from shallows.state_evolution.compiled_solver import DIVERGENT, NO_SOLUTION, OK, PERFECT
from shallows.state_evolution.protocol import mode_weights
from shallows.state_evolution.python_solver import solve_plain, threshold_at


def plainly(problem, weight_decay):
    """``(code, noise scale, threshold, error, degrees of freedom)`` by the plain solver, in the network's units."""
    network, evolution, spectrum = problem.architecture, STATE_EVOLUTIONS.of(problem.network), problem.spectrum
    weights, noise = mode_weights(problem, spectrum), network.noise_per_error(problem.noise)
    unit = math.sqrt(weights @ spectrum.values**2 + noise)
    modes = spectrum.values / unit
    lam, pen = problem.regularisation(weight_decay, None)
    code, variance, threshold, error, freedom = solve_plain(
        lambda scale, zeta: evolution.moments(scale, zeta, problem.rank_share, modes, weights),
        network.constraints(problem.samples, problem.dim),
        noise / unit**2,
        network.strength(lam, pen, problem.dim) / unit,
        lambda scale: evolution.silencing_threshold(float(modes[0]), scale),
    )
    scale, free = math.sqrt(variance) * unit, freedom * network.freedom_unit(problem.dim)
    return code, scale, threshold * unit, error * unit**2, free


def random_problems(kind, count, seed):
    """Problems and weight decays on both sides of interpolation, some without noise, some without weight decay."""
    rng = np.random.default_rng(seed)
    network, ratio = ("diagonal", 1.0) if kind == "diagonal" else ("quadratic", 0.25)
    for i in range(count):
        dim = int(rng.integers(12, 60))
        if i % 3:
            teacher = PowerLaw(dim, rng.uniform(0.6, 2.0), 10 ** rng.uniform(-1, 1))
        else:
            teacher = LowRank(dim, int(rng.integers(1, dim // 2)))
        samples = ratio * dim * 10 ** rng.uniform(-0.7, 1) * (1 if network == "diagonal" else dim)
        noise = 0.0 if i % 5 == 4 else 10 ** rng.uniform(-3, 1)
        width = int(rng.integers(1, dim)) if kind == "narrow" else None
        yield Problem(network, teacher, samples, noise, width), 0.0 if i % 4 == 3 else 10 ** rng.uniform(-2, 0.5)


@pytest.mark.parametrize("kind", ["diagonal", "full", "narrow"])
def test_both_solvers_agree(kind):
    above = 0
    for problem, weight_decay in random_problems(kind, 20, 5):
        point = solve(problem, weight_decay=weight_decay)
        code, scale, threshold, error, freedom = plainly(problem, weight_decay)
        if point.status is Status.PERFECT_RECOVERY:
            assert code == PERFECT and scale == threshold == error == 0
            continue
        assert point.status is Status.CONVERGED and code == OK
        assert scale == pytest.approx(point.noise_scale, rel=1e-9)
        assert threshold == pytest.approx(point.threshold, rel=1e-9, abs=1e-12)
        assert error == pytest.approx(point.estimation_error, rel=1e-9)
        assert freedom == pytest.approx(point.degrees_of_freedom, rel=1e-9, abs=1e-12)
        above += problem.architecture.risk_per_error * error > problem.null_risk
    assert above > 0  # the noise scale lies above the one of zero weights too


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_weights_that_are_all_zero_are_a_solution(network):
    """There the first variance that is tried is the solution, and which side of it rounding is on is chance."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        samples = rng.uniform(40, 140)
        problem = Problem(network, PowerLaw(int(rng.integers(3, 50)), 1.0), samples, rng.uniform(0.1, 3))
        silent = silencing_bound(problem) * rng.uniform(0.9, 2)
        code, scale, _, error, freedom = plainly(problem, silent)
        assert code == OK and freedom < 1e-12
        assert error == pytest.approx(problem.null_risk / problem.architecture.risk_per_error, rel=1e-12)
        assert scale == pytest.approx(solve(problem, weight_decay=silent).noise_scale, rel=1e-12)


def shrinking(scale, threshold, modes=20.0, energy=0.5):
    """Ridge regression of this many weights: all shrink alike."""
    return (energy * threshold**2 + modes * scale**2) / (1 + threshold) ** 2, modes / (1 + threshold)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_at_interpolation_the_risk_diverges_and_is_called_so(unit):
    def moments(scale, threshold):
        return shrinking(scale, threshold, modes=20 * unit)

    # as many weights as samples: Delta' has to vanish for N v = D v + Delta' to hold
    code, variance, *rest = solve_plain(moments, 20 * unit, 0.5, 0.0, lambda scale: 1.0)
    assert code == DIVERGENT and variance * unit > 1e12 / 20 and np.isnan(rest).all()
    # just beside it the risk is large, but it is there: R = d Delta' / (n - d)
    code, variance, threshold, error, _ = solve_plain(moments, 20.001 * unit, 0.5, 0.0, lambda scale: 1.0)
    assert (code, threshold) == (OK, 0.0)
    assert error == pytest.approx(20 * 0.5 / 0.001, rel=1e-9)
    assert variance * unit == pytest.approx(500.0, rel=1e-9)


@pytest.mark.parametrize("samples", [1e3, 1e13])
def test_what_a_weight_decay_leaves_of_noiseless_data_is_found_at_any_size(samples):
    code, variance, threshold, error, _ = solve_plain(shrinking, samples, 0.0, 1e-4 * samples, lambda scale: 1.0)
    assert code == OK and threshold == pytest.approx(1e-4, rel=0.05)
    assert error == pytest.approx(0.5e-8, rel=0.1) and variance == pytest.approx(error / samples)


def test_without_noise_or_weight_decay_the_teacher_is_found_exactly():
    code, *numbers = solve_plain(shrinking, 30.0, 0.0, 0.0, lambda scale: 1.0)
    assert code == PERFECT and numbers == [0.0, 0.0, 0.0, 20.0]
    code, variance, threshold, error, _ = solve_plain(shrinking, 30.0, 0.0, 3.0, lambda scale: 1.0)
    assert code == OK and variance > 0 and threshold > 0  # a weight decay biases
    assert 30 * variance == pytest.approx(error, rel=1e-12)
    # fewer samples than weights never find it
    assert solve_plain(shrinking, 10.0, 0.0, 0.0, lambda scale: 1.0)[0] == OK


def test_the_threshold_meets_its_equation_wherever_the_search_begins():
    for first in (1e-3, 1.0, 100.0):
        threshold = threshold_at(shrinking, 0.3, 15.0, 2.0, first)
        assert threshold * (15 - 20 / (1 + threshold)) == pytest.approx(2.0, rel=1e-12)
        # without a weight decay it is where no parameter is left free, or zero
        assert threshold_at(shrinking, 0.3, 15.0, 0.0, first) == pytest.approx(1 / 3, rel=1e-12)
        assert threshold_at(shrinking, 0.3, 25.0, 0.0, first) == 0.0


def test_moments_that_no_threshold_brings_down_have_no_solution():
    def stubborn(scale, threshold):
        return 0.5, 20.0

    assert math.isnan(threshold_at(stubborn, 0.3, 15.0, 2.0, 1.0))
    assert solve_plain(stubborn, 15.0, 0.5, 2.0, lambda scale: 1.0)[0] == NO_SOLUTION
