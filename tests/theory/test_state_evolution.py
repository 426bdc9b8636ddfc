"""State evolution: published digits, twins, limits, and never an unphysical answer."""

import math

import numpy as np
import pytest
from twins import goe, posterior_mean_risk, quadratic_fixed_point, random_problem, soft_threshold_risk

from shallows import FromValues, InvalidArgument, LowRank, PowerLaw, Problem, SolveFailed, predict
from shallows.prediction import predict_grid
from shallows.state_evolution import Status, bayes_error, bayes_optimal
from shallows.state_evolution.diagonal import soft_threshold_moments

# gamma, Delta, n, pen, width, E, delta, zeta, A, train error: four digits, from an independent implementation
QUADRATIC = [
    (1.25, 0.1, 26515, 0.020354, None, 0.06590, 0.5913, 0.3764, 0.3044, 0.001543),
    (1.25, 0.1, 8000, 0.022361, None, 0.09029, 1.1844, 1.5054, 0.09257, 0.001548),
    (1.25, 0.1, 87884, 0.1, 20, 0.01155, 0.2367, 0.05058, 0.1100, 0.09969),
    (0.75, 0.5, 16000, 0.3, None, 0.3368, 1.7129, 2.1807, 0.1312, 0.1388),
    (1.0, 0.5, 64000, 0.02, None, 0.4152, 0.9119, 0.04191, 0.5614, 0.1183),
]
DIAGONAL = [
    (1.0, 0.5, 500, 1.0, 0.12085, 0.03524, 0.07130, 56.51, 0.4884),
    (1.0, 0.5, 500, 0.001, 0.81677, 0.05132, 0.03539, 499.1, 4.206e-6),
    (1.5, 1.0, 20000, 5.0, 0.008268, 0.007100, 0.008016, 276.2, 0.9806),
    (1.0, 0.5, 1000, 0.001, 18.155, 0.1366, 0.002334, 986.5, 0.003423),
]


@pytest.mark.parametrize("row", QUADRATIC)
def test_quadratic_spot_values(row):
    gamma, noise, n, pen, width, *expected = row
    p = predict(Problem("quadratic", PowerLaw(400, gamma), n, noise, width), penalty=pen)
    found = (p.estimation_error, p.noise_scale, p.threshold, p.degrees_of_freedom * 2 / 400**2, p.train_error)
    assert found == pytest.approx(expected, rel=6e-4)
    assert p.residual < 1e-8


@pytest.mark.parametrize("row", DIAGONAL)
def test_diagonal_spot_values(row):
    gamma, noise, n, lam, *expected = row
    p = predict(Problem("diagonal", PowerLaw(1000, gamma), n, noise), weight_decay=lam)
    found = (p.excess_risk, p.noise_scale, p.threshold, p.degrees_of_freedom, p.train_error)
    assert found == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize("n,expected", [(8000, 0.05053), (26515, 0.01889), (160000, 0.005023)])
def test_bayes_spot_values(n, expected):
    assert bayes_optimal(Problem("quadratic", PowerLaw(400, 1.25), n, 0.1)).estimation_error == pytest.approx(
        expected, rel=2e-4
    )


def test_fixed_point_of_a_notebook():
    """Random matrices and a general root finder, started close by, agree to their own fluctuation."""
    dim, n, noise, pen = 200, 4000, 0.1, 0.05
    teacher = PowerLaw(dim, 1.25)
    p = predict(Problem("quadratic", teacher, n, noise), penalty=pen)
    rng = np.random.default_rng(5)
    modes = teacher.values("quadratic")
    a = p.degrees_of_freedom * 2 / dim**2
    q = p.estimation_error - 1 + 2 * 0.9
    runs = []
    for _ in range(4):
        error, dof, success = quadratic_fixed_point(
            modes, n / dim**2, noise, pen, [goe(dim, rng) for _ in range(3)], np.array([q, 0.9, a])
        )
        assert success
        runs.append((error, dof))
    mean, spread = np.mean(runs, axis=0), np.std(runs, axis=0, ddof=1)
    assert p.estimation_error == pytest.approx(mean[0], abs=4 * spread[0] / 2 + 0.005 * mean[0])
    assert a == pytest.approx(mean[1], abs=4 * spread[1] / 2 + 0.01 * mean[1])


@pytest.mark.parametrize("mode", [0.0, 1e-3, 0.4, 1.0, 3.0])
@pytest.mark.parametrize("tau,zeta", [(1.0, 0.0), (1.0, 1.0), (0.1, 0.5), (0.3, 2.0), (2.0, 0.1)])
def test_soft_threshold_averages(mode, tau, zeta):
    risk, active = soft_threshold_risk(mode, tau, zeta)
    found = soft_threshold_moments(mode, tau, zeta)
    assert found == pytest.approx((risk, active), rel=1e-8, abs=1e-13)


def test_soft_threshold_averages_far_out():
    """Deep in the tail the closed form keeps its relative accuracy (leading asymptotics of the Mills ratio)."""
    for c in (8.0, 11.9, 12.1, 20.0):
        density = math.exp(-c * c / 2) / math.sqrt(2 * math.pi)
        leading = 2 * density * 2 / c**3
        assert soft_threshold_moments(0.0, 1.0, c)[0] == pytest.approx(leading, rel=8 / c**2)
        assert soft_threshold_moments(0.0, 1.0, c)[0] > 0


@pytest.mark.parametrize("tau", [0.02, 0.1, 0.5])
def test_posterior_mean_average(tau):
    teacher = PowerLaw(30, 1.0)
    problem = Problem("diagonal", teacher, 100)
    expected = posterior_mean_risk(teacher.values("diagonal"), tau)
    assert bayes_error(problem, tau) == pytest.approx(expected, rel=1e-7)


def test_never_unphysical():
    """A sample of `benchmarks/physical.py`, which does ten thousand."""
    rng = np.random.default_rng(2025)
    for _ in range(400):
        problem, strength = random_problem(rng)
        p = predict(problem, **strength, throw=False)
        if not p.status.ok:
            full = problem.network == "diagonal" or problem.effective_width >= problem.dim
            assert not full, (problem, strength, p.status)
            continue
        assert p.residual <= 1e-8
        assert p.excess_risk >= 0
        assert 0 <= p.train_error <= (1 + 1e-9) * (problem.noise + problem.null_risk)
        assert 0 <= p.degrees_of_freedom <= problem.samples * (1 + 1e-9)
        terms = p.decomposition
        scale = max(terms.overfitting, terms.underfitting, terms.approximation, p.excess_risk)
        assert min(terms.overfitting, terms.underfitting, terms.approximation, -terms.alignment) >= -1e-9 * scale
        assert terms.total == pytest.approx(p.excess_risk, rel=1e-9, abs=1e-300)
        assert 0 <= p.spectrum.mass_at_zero <= 1


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_limits(network):
    def at(n=2000.0, noise=0.1, strength=0.1, teacher=None):
        problem = Problem(network, teacher or PowerLaw(50, 1.0), n, noise)
        return predict(problem, **{"weight_decay" if network == "diagonal" else "penalty": strength})

    null = 1.0 if network == "diagonal" else 2.0
    assert at(strength=1e9).excess_risk == pytest.approx(null, rel=1e-12)
    assert at(strength=1e9).train_error == pytest.approx(null + 0.1, rel=1e-12)
    assert at(n=1e10).excess_risk < 1e-6
    zero = at(teacher=FromValues(np.zeros(50)), strength=0.5)
    assert zero.excess_risk < 0.1 * at().excess_risk + 0.02
    for n in (20.0, 300.0, 2000.0, 1e5):  # 0+ is the limit of small weight decay, on both sides of interpolation
        assert at(n=n, strength=0).excess_risk == pytest.approx(at(n=n, strength=1e-9).excess_risk, rel=1e-4)
        assert at(n=n, strength=0).train_error == pytest.approx(at(n=n, strength=1e-9).train_error, abs=1e-6)


def test_least_squares_is_closed_form():
    for n in (61, 100, 1e4):
        p = predict(Problem("diagonal", PowerLaw(60, 1.0), n, 0.3), weight_decay=0)
        assert p.excess_risk == pytest.approx(60 * 0.3 / (n - 60), rel=1e-9)
        assert p.threshold == 0
        assert p.degrees_of_freedom == pytest.approx(60)


def test_perfect_recovery_without_noise():
    p = predict(Problem("diagonal", PowerLaw(60, 1.0), 60), weight_decay=0)
    assert (p.excess_risk, p.train_error, p.status) == (0, 0, Status.PERFECT_RECOVERY)
    sparse = Problem("diagonal", LowRank(500, 5), 150)  # basis pursuit above its transition
    assert predict(sparse, weight_decay=0).status is Status.PERFECT_RECOVERY
    below = Problem("diagonal", LowRank(500, 100), 150)
    assert predict(below, weight_decay=0).excess_risk > 0.1
    p = predict(Problem("quadratic", PowerLaw(40, 1.0), 40 * 41 / 2 + 1), penalty=0)
    assert p.excess_risk == 0
    assert p.decomposition.total == 0
    p.to_dict()


def test_divergence_is_said():
    problem = Problem("diagonal", PowerLaw(60, 1.0), 60, 0.1)
    with pytest.raises(SolveFailed, match="diverges") as caught:
        predict(problem, weight_decay=0)
    assert caught.value.result.status is Status.DIVERGENT
    assert predict(problem, weight_decay=0, throw=False).to_dict()["status"] == "divergent"


@pytest.mark.parametrize("scale", [1e-6, 1e-2, 1e5])
@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_units_cancel(network, scale):
    values = PowerLaw(80, 0.9).values(network)
    key = "weight_decay" if network == "diagonal" else "penalty"
    base = predict(Problem(network, FromValues(values), 700, 0.2), **{key: 0.4})
    other = predict(Problem(network, FromValues(values * scale), 700, 0.2 * scale**2), **{key: 0.4 * scale})
    assert other.excess_risk / scale**2 == pytest.approx(base.excess_risk, rel=1e-9)
    assert other.degrees_of_freedom == pytest.approx(base.degrees_of_freedom, rel=1e-9)
    assert other.bayes_risk / scale**2 == pytest.approx(base.bayes_risk, rel=1e-7)


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_bayes_bounds_every_weight_decay(network):
    key = "weight_decay" if network == "diagonal" else "penalty"
    for teacher in (PowerLaw(120, 0.8), LowRank(120, 6)):
        for n in (50, 600, 5000, 40000):
            problem = Problem(network, teacher, n, 0.2)
            bayes = bayes_optimal(problem)
            assert bayes.residual <= 1e-8
            risks = [predict(problem, **{key: x}).excess_risk for x in np.geomspace(1e-3, 30, 12)]
            # a sparse teacher is found exactly, up to an error smaller than exp(-40)
            assert 0 <= bayes.excess_risk <= min(risks) * (1 + 1e-9)
            assert bayes.excess_risk > 0 or (network == "diagonal" and isinstance(teacher, LowRank) and n >= 600)


def test_bayes_risk_falls_with_samples():
    for network in ("diagonal", "quadratic"):
        risks = [
            bayes_optimal(Problem(network, PowerLaw(60, 1.0), n, 0.1)).excess_risk for n in np.geomspace(5, 1e8, 9)
        ]
        assert all(a > b for a, b in zip(risks, risks[1:], strict=False))
        assert risks[-1] < 1e-5


def test_width_beyond_dim_changes_only_units():
    full = predict(Problem("quadratic", PowerLaw(60, 1.0), 2000, 0.1), penalty=0.1)
    wide = predict(Problem("quadratic", PowerLaw(60, 1.0), 2000, 0.1, width=120), penalty=0.1)
    assert wide.excess_risk == full.excess_risk
    assert wide.weight_decay == pytest.approx(0.1 / math.sqrt(2))
    narrow = predict(Problem("quadratic", PowerLaw(60, 1.0), 2000, 0.1, width=59), penalty=0.1)
    assert narrow.excess_risk == pytest.approx(full.excess_risk, rel=1e-6)


def test_grid_is_labelled():
    problem = Problem("quadratic", PowerLaw(60, 1.0), 1, 0.1)
    grid = predict_grid(problem, samples=[100, 1000], penalty=[0.01, 0.1, 1.0])
    assert dict(grid.sizes) == {"samples": 2, "penalty": 3}
    expected = predict(Problem("quadratic", PowerLaw(60, 1.0), 1000, 0.1), penalty=0.1)
    assert float(grid.excess_risk.sel(samples=1000, penalty=0.1)) == expected.excess_risk
    with pytest.raises(InvalidArgument):
        predict_grid(problem, samples=[100], penalty=[0.1], weight_decay=[0.1])
    with pytest.raises(InvalidArgument):
        predict_grid(problem, samples=[], penalty=[0.1])


def test_same_numbers_every_time():
    problem = Problem("quadratic", PowerLaw(5000, 1.1), 30000, 0.1)
    first, second = (predict(problem, penalty=0.1).to_dict() for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "network,teacher,samples,noise",
    [
        ("diagonal", PowerLaw(1000, 1.0), 500, 0.0),  # no noise: the posterior is narrower than any gap
        ("diagonal", PowerLaw(3, 1.25), 5e13, 0.003),
        ("diagonal", PowerLaw(5242, 1.0, energy=0.0), 888966, 1.283),
        ("quadratic", PowerLaw(5242, 1.0, energy=0.0), 888966, 1.283),
        ("diagonal", PowerLaw(100, 1.0, energy=3e11), 1000, 0.005),
        ("quadratic", LowRank(19, 2, energy=2e48), 4935, 0.397),
        ("quadratic", PowerLaw(10, 1.0, energy=1e20), 100, 1e-20),
        ("diagonal", LowRank(10**6, 50), 1000, 1e-3),
    ],
)
def test_extreme_ratios_of_noise_and_signal(network, teacher, samples, noise):
    p = predict(Problem(network, teacher, samples, noise), weight_decay=0.1)
    assert p.bayes.status.ok
    assert 0 <= p.bayes_risk <= p.excess_risk * (1 + 1e-9)
    assert p.to_dict()["bayes_risk"] == p.bayes_risk


def test_a_gap_between_what_is_possible_and_what_is_fast():
    """Sparse weights and little noise: what the labels hold in bits, and what message passing can use of it.

    Fifty signed places among 10^6 are some 835 bits; `n` labels at this noise carry at most `n/2 log2(1001)`.
    """

    def at(n):
        return bayes_optimal(Problem("diagonal", LowRank(10**6, 50), n, 1e-3))

    impossible, hard, easy = at(120), at(300), at(1000)  # 598, 1495 and 4984 bits
    assert impossible.excess_risk > 0.9
    assert hard.excess_risk < 1e-6
    assert not hard.reachable
    assert easy.excess_risk < 1e-6
    assert easy.reachable


def test_what_double_precision_cannot_hold_is_said():
    p = predict(Problem("diagonal", PowerLaw(20, 1.0, energy=1e30), 100, 0.1), weight_decay=0.1)
    assert p.status is Status.BELOW_PRECISION
    assert p.excess_risk == 0
    for teacher in (PowerLaw(100, 300.0), PowerLaw(10**6, 100.0), PowerLaw(512, 150.0), PowerLaw(10**12, 35.0)):
        steep = predict(Problem("diagonal", teacher, 50, 0.1), weight_decay=0.1)
        one_mode = predict(Problem("diagonal", LowRank(teacher.dim, 1), 50, 0.1), weight_decay=0.1)
        assert steep.excess_risk == pytest.approx(one_mode.excess_risk, rel=1e-3)


def test_allowance_shrinks_with_samples():
    def at(network, n):
        problem = Problem(network, PowerLaw(100, 1.0), n, 0.1)
        return predict(problem, weight_decay=0.5).allowance

    assert at("quadratic", 3000) == pytest.approx(0.03 + 2 / 30)
    assert at("quadratic", 10**5) < at("quadratic", 10**4) < 0.06
    assert at("quadratic", 1000) == 0.3
    assert at("quadratic", 300) is None
    assert at("diagonal", 3000) == 0.05
