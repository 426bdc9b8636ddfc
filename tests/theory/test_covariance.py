"""State evolution for inputs with a covariance: spot values, limits, plain twins over random matrices, laws, phases."""

import math

import numpy as np
import pytest
from scipy.fft import dct
from twins import divided_differences, goe

from shallows import FromValues, GaussianDesign, LowRank, NotSupported, PowerLaw, Problem, predict
from shallows.phases_with_covariance import best_rate, phase_at_covariance, predicted_exponents, tempered_risk
from shallows.state_evolution import bayes_optimal, moments, solve
from shallows.state_evolution.python_solver import solve_plain

DCT = dct(np.eye(100), norm="ortho", axis=0).T


@pytest.mark.parametrize(
    "dim,gamma,a,basis,n,noise,pen,expected",
    [
        # The digits in which independent quadratures agree; the last but one is known to three digits only.
        (100, 1.5, 0.5, "aligned", 5000, 0.1, 0.05, (0.035407, 0.292245, 0.0525747, 0.524486)),
        (100, 1.5, 1.0, "aligned", 5000, 0.1, 0.05, (0.0232801, 0.270703, 0.0452371, 0.447356)),
        (200, 1.25, 1.0, "aligned", 20000, 0.3, 0.2, (0.0291879, 0.423306, 0.137632, 0.273423)),
        (100, 1.5, 1.0, DCT, 5000, 0.1, 0.05, (0.0278567, 0.279028, 0.0459965, 0.45648)),
    ],
)
def test_spot_values_quadratic(dim, gamma, a, basis, n, noise, pen, expected):
    point = solve(Problem("quadratic", PowerLaw(dim, gamma), n, noise, design=GaussianDesign(a, basis)), penalty=pen)
    found = point.estimation_error, point.noise_scale, point.threshold, 2 * point.degrees_of_freedom / dim**2
    assert point.status.ok and point.residual < 1e-10
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "a,n,noise,lam,expected",
    [
        (1.0, 500, 0.5, 1.0, (0.0532338, 0.0332636, 0.0689783, 41.5547, 0.465097)),
        (0.5, 2000, 0.2, 2.0, (0.026633, 0.010645, 0.0323851, 47.078, 0.216089)),
    ],
)
def test_spot_values_diagonal(a, n, noise, lam, expected):
    found = predict(Problem("diagonal", PowerLaw(1000, 1.0), n, noise, design=GaussianDesign(a)), weight_decay=lam)
    numbers = found.excess_risk, found.noise_scale, found.threshold, found.degrees_of_freedom, found.train_error
    assert numbers == pytest.approx(expected, rel=3e-6)


#: Eigenvalues that round to one, solved as every covariance is: an exponent of zero is taken for white inputs.
ALMOST_WHITE = GaussianDesign(1e-18)

CASES = [
    ("quadratic", PowerLaw(60, 1.25), 2400, 0.1, None, {"penalty": 0.05}),
    ("quadratic", PowerLaw(60, 1.25), 600, 0.1, None, {"penalty": 0.0}),
    ("quadratic", PowerLaw(60, 1.25), 3600, 0.1, None, {"penalty": 0.0}),
    ("quadratic", LowRank(60, 3), 900, 0.0, None, {"penalty": 0.3}),
    ("quadratic", PowerLaw(60, 0.75), 2400, 0.5, 9, {"penalty": 0.05}),
    ("quadratic", PowerLaw(10**7, 1.5), 10**9, 0.5, None, {"penalty": 0.001}),
    ("diagonal", PowerLaw(60, 1.25), 40, 0.1, None, {"weight_decay": 0.05}),
    ("diagonal", PowerLaw(60, 1.25), 90, 0.1, None, {"weight_decay": 0.0}),
    ("diagonal", PowerLaw(10**6, 1.25), 10**4, 0.1, None, {"weight_decay": 0.5}),
]


@pytest.mark.parametrize("network,teacher,n,noise,width,strength", CASES)
def test_a_covariance_of_one_is_the_isotropic_problem(network, teacher, n, noise, width, strength):
    plain = predict(Problem(network, teacher, n, noise, width), **strength)
    same = predict(Problem(network, teacher, n, noise, width, ALMOST_WHITE), **strength)
    for name in ("excess_risk", "noise_scale", "threshold", "degrees_of_freedom", "train_error"):
        assert getattr(same, name) == pytest.approx(getattr(plain, name), rel=1e-8), name
    law, other = plain.spectrum, same.spectrum
    assert other.mass_at_zero == pytest.approx(law.mass_at_zero, rel=1e-8)
    assert (other.bulk is None) == (law.bulk is None)
    assert len(other.outliers) == len(law.outliers)
    for one, two in zip(law.outliers[:5], other.outliers[:5], strict=True):
        assert two.to_dict() == pytest.approx(one.to_dict(), rel=1e-7)
    parts, others = plain.decomposition.to_dict(), same.decomposition.to_dict()
    assert others == pytest.approx(parts, rel=1e-7, abs=1e-9 * plain.excess_risk)
    ranks = np.arange(1.0, 6.0)
    nearby = 1e-6 if network == "quadratic" else 3e-5  # the law of white inputs takes neighbouring modes together
    assert other.rank_positions(ranks) == pytest.approx(law.rank_positions(ranks), rel=nearby)
    places = np.array([-0.1, 0.05, 0.5, 3.0])
    assert other.density(places) == pytest.approx(law.density(places), rel=1e-6)


@pytest.mark.parametrize("alignment", ["aligned", "random"])
@pytest.mark.parametrize("width", [None, 12])
def test_moments_are_those_of_random_matrices(alignment, width):
    dim, delta, zeta = 150, 0.6, 0.3
    problem = Problem("quadratic", PowerLaw(dim, 1.0), 9, 0, width, GaussianDesign(0.7, alignment, seed=5))
    rng = np.random.default_rng(0)
    if alignment == "aligned":
        teacher = np.diag(problem.teacher.values("quadratic"))
    else:
        teacher = problem.seen.matrix
    costs = np.diag(1 / problem.design.eigenvalues(dim))
    rows = []
    for _ in range(24):
        values, vectors = np.linalg.eigh(teacher + delta * goe(dim, rng) - zeta * costs)
        kept = values > 0
        if width is not None:
            kept[:-width] = False
        f = np.where(kept, values, 0.0)
        estimate = (vectors * f) @ vectors.T
        rows.append((((estimate - teacher) ** 2).sum() / dim, divided_differences(values, f, kept.astype(float))))
    table = np.array(rows)
    error = table.std(axis=0, ddof=1) / math.sqrt(len(rows))
    miss = table.mean(axis=0) - moments(problem, delta, zeta)
    assert (np.abs(miss) < 4 * error + 5e-3 * table.mean(axis=0)).all(), (miss, error)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_the_compiled_solver_agrees_with_the_plain_one(network, seed):
    rng = np.random.default_rng([seed, network == "diagonal"])
    dim = 30
    values = np.abs(rng.normal(size=dim)) * (rng.random(dim) < 0.6) + 1e-3
    design = GaussianDesign(np.exp(rng.normal(size=dim)))
    samples = float(dim * rng.uniform(0.3, 2)) * (dim / 2 if network == "quadratic" else 1)
    problem = Problem(network, FromValues(values), samples, float(rng.uniform(0.05, 1)), design=design)
    decay = float(10 ** rng.uniform(-1.5, 0.5))
    point = solve(problem, weight_decay=decay)
    net = problem.architecture
    lam, pen = problem.regularisation(decay, None)
    noise = net.noise_per_error(problem.noise)
    _, variance, zeta, error, _ = solve_plain(
        lambda scale, threshold: moments(problem, scale, threshold),
        net.constraints(samples, dim),
        noise,
        net.strength(lam, pen, dim),
        lambda scale: 3 * (values.max() + scale),
    )
    assert point.noise_scale**2 == pytest.approx(variance, rel=1e-7)
    assert (point.threshold, point.estimation_error) == pytest.approx((zeta, error), rel=1e-6)


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_pairs_matter_and_their_order_does_not(network):
    values, variances = np.array([2.0, 1.0, 0.5, 0.2, 0.1]), np.array([0.5, 2.0, 1.0, 0.3, 1.2])
    order = np.array([3, 0, 4, 2, 1])

    def risk(modes, spread):
        problem = Problem(network, FromValues(modes), 12, 0.2, design=GaussianDesign(spread))
        return predict(problem, weight_decay=0.3).excess_risk

    assert risk(values[order], variances[order]) == pytest.approx(risk(values, variances), rel=1e-12)
    assert abs(risk(values, variances[order]) / risk(values, variances) - 1) > 1e-3


def test_a_matrix_and_its_eigenvalues_are_one_design():
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(40, 40)))[0]
    variances = np.linspace(2.0, 0.2, 40)
    teacher = PowerLaw(40, 1.0)
    by_list = Problem("quadratic", teacher, 800, 0.1, design=GaussianDesign(variances))
    matrix = GaussianDesign((turn * variances) @ turn.T)
    by_matrix = Problem("quadratic", teacher, 800, 0.1, design=matrix)
    by_basis = Problem("quadratic", teacher, 800, 0.1, design=GaussianDesign(variances, alignment=np.eye(40)))
    risks = [predict(problem, penalty=0.1).excess_risk for problem in (by_list, by_matrix, by_basis)]
    assert risks[1:] == pytest.approx([risks[0]] * 2, rel=1e-9)


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_grouped_teachers_are_those_of_all_their_modes(network):
    for teacher in (PowerLaw(3000, 1.0), LowRank(3000, 3, profile=[3, 2, 1])):
        samples = 900 * (3000 if network == "quadratic" else 1)
        grouped = Problem(network, teacher, samples, 0.3, design=GaussianDesign(0.7))
        listed = Problem(network, teacher, samples, 0.3, design=GaussianDesign(GaussianDesign(0.7).eigenvalues(3000)))
        assert grouped.seen.values.size < 1000 < listed.seen.values.size
        assert predict(grouped, weight_decay=0.2).excess_risk == pytest.approx(
            predict(listed, weight_decay=0.2).excess_risk, rel=1e-6
        )


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_directions_without_variance_drop_out(network):
    values, variances = np.array([2.0, 1.0, 0.5, 0.7, 0.3]), np.array([1.0, 0.5, 2.0, 0.0, 0.0])
    full = Problem(network, FromValues(values), 20, 0.2, design=GaussianDesign(variances))
    nearly = Problem(
        network,
        FromValues(np.where(variances > 0, values, 0)),
        20,
        0.2,
        design=GaussianDesign(np.where(variances > 0, variances, 1e-12)),
    )
    one, other = predict(full, weight_decay=0.3), predict(nearly, weight_decay=0.3)
    assert full.energy == pytest.approx(nearly.energy) and full.energy < full.teacher.energy_for(network)
    assert one.excess_risk == pytest.approx(other.excess_risk, rel=1e-4)
    assert one.spectrum.mass_at_zero == pytest.approx(other.spectrum.mass_at_zero, rel=1e-4)
    assert one.spectrum.mass_at_zero > 0.4 - 1e-12


def test_draws_agree_with_the_closed_form_within_their_standard_error():
    teacher, misses = PowerLaw(80, 1.0), []
    for a, n, lam in ((0.5, 60, 0.3), (1.0, 120, 0.5), (1e-18, 60, 0.5)):
        exact = solve(Problem("diagonal", teacher, n, 0.3, design=GaussianDesign(a)), weight_decay=lam)
        drawn = Problem("diagonal", teacher, n, 0.3, design=GaussianDesign(a, alignment=np.eye(80)))
        point = solve(drawn, weight_decay=lam)
        assert point.status.ok and 0 < point.standard_error < 0.2 * point.estimation_error
        misses.append((point.estimation_error - exact.estimation_error) / point.standard_error)
    assert np.abs(misses).max() < 4 and np.abs(misses).max() > 1e-6


def test_draws_without_weight_decay_are_least_squares():
    design = GaussianDesign(1.0, alignment="random")
    point = solve(Problem("diagonal", PowerLaw(30, 1.0), 90, 0.6, design=design), weight_decay=0.0)
    assert point.estimation_error == pytest.approx(30 * 0.6 / 60)
    with pytest.raises(NotSupported):
        solve(Problem("diagonal", PowerLaw(30, 1.0), 20, 0.6, design=design), weight_decay=0.0)


def test_a_width_above_the_number_of_directions_changes_nothing():
    design = GaussianDesign([1.0, 2.0, 0.5, 0.0, 0.0, 0.0], alignment="random")
    risks = [
        predict(Problem("quadratic", PowerLaw(6, 1.0), 30, 0.2, width, design), penalty=0.2) for width in (4, None)
    ]
    assert risks[0].excess_risk == pytest.approx(risks[1].excess_risk, rel=1e-12)
    assert risks[0].spectrum.mass_at_zero == pytest.approx(risks[1].spectrum.mass_at_zero)


def test_a_threshold_beyond_everything_leaves_the_energy():
    problem = Problem("quadratic", PowerLaw(10**9, 0.8), 10.0**13, 1.0, design=GaussianDesign(1.5))
    for decay in (1e20, 1e30):
        assert predict(problem, weight_decay=decay).excess_risk == pytest.approx(2.0, rel=1e-9)


def test_the_decomposition_adds_up_and_has_its_signs():
    for alignment in ("aligned", "random"):
        for pen in (1e-3, 0.05, 1.0, 300.0):
            problem = Problem("quadratic", PowerLaw(80, 1.0), 1600, 0.2, design=GaussianDesign(0.8, alignment))
            found = predict(problem, penalty=pen)
            parts = found.decomposition
            assert parts.total == pytest.approx(found.excess_risk, rel=1e-10)
            assert min(parts.overfitting, parts.underfitting, parts.approximation, -parts.alignment) > -1e-12
    lost = parts.underfitting + parts.approximation  # nothing is learned
    assert lost == pytest.approx(found.problem.null_risk, rel=1e-6) and parts.overfitting == 0


def test_the_own_spectrum_is_that_of_the_learned_matrix():
    problem = Problem("quadratic", PowerLaw(60, 1.0), 2400, 0.2, design=ALMOST_WHITE)
    law = predict(problem, penalty=0.1).spectrum
    expected = law.rank_positions(np.arange(1.0, 61.0))
    assert np.abs(law.own_spectrum(3) - expected).max() < 0.15 * expected[0]
    assert np.abs(np.sort(law.own_spectrum(3))[::-1] - law.own_spectrum(3)).max() == 0


def test_bayes_risk_is_known_where_directions_are_random_and_nowhere_else():
    teacher = PowerLaw(60, 1.25)
    white = bayes_optimal(Problem("quadratic", teacher, 2400, 0.1)).excess_risk
    random = Problem("quadratic", teacher, 2400, 0.1, design=GaussianDesign(1.0, "random"))
    assert bayes_optimal(random).excess_risk == pytest.approx(white, rel=1e-9)
    for network, design in (("quadratic", GaussianDesign(1.0)), ("diagonal", GaussianDesign(1.0, "random"))):
        assert not bayes_optimal(Problem(network, teacher, 2400, 0.1, design=design), throw=False).status.ok
    assert predict(random, penalty=0.1).bayes_risk == pytest.approx(white, rel=1e-9)


@pytest.mark.parametrize("network,a", [("diagonal", 0.5), ("diagonal", 2.0), ("quadratic", 0.5), ("quadratic", 2.0)])
def test_overfitting_is_tempered(network, a):
    dim = 10**12
    n_eff = dim ** (0.5 if network == "diagonal" else 0.35)
    samples = n_eff * (dim if network == "quadratic" else 1)
    problem = Problem(network, PowerLaw(dim, 2.0), samples, 3.0, design=GaussianDesign(a))
    found = predict(problem, weight_decay=0.0)
    assert found.excess_risk / 3.0 == pytest.approx(tempered_risk(network, a), rel=0.03)
    assert found.phase.name == "tempered"


def test_phases_meet_where_their_rates_do():
    # At the border of II and the leak the two rates are equal; a step to either side changes the name.
    gamma, a, nu = 1.25, 0.5, 0.5
    rates = predicted_exponents("quadratic", gamma, a)
    names = [phase_at_covariance("quadratic", nu, ell, gamma, a).name for ell in np.linspace(-1, 3, 2001)]
    assert list(dict.fromkeys(names)) == ["tempered", "leak", "II", "Ib"]
    assert rates["leak"] == (pytest.approx(2.0), pytest.approx(-6.0))
    assert list(
        dict.fromkeys(phase_at_covariance("diagonal", 3.5, ell, gamma, a).name for ell in np.linspace(-2, 6, 2001))
    ) == ["VIb", "III", "II", "Ib"]


def test_the_best_rate_ends_in_the_isotropic_one():
    for network in ("diagonal", "quadratic"):
        assert best_rate(network, 0.5, 1.5, 0.0)[1] == pytest.approx(-1 + 1 / 3, abs=1e-5)
        assert best_rate(network, 3.5, 1.5, 0.5) == pytest.approx((-2.5, -1.0), abs=1e-5)
    assert best_rate("quadratic", 0.5, 1.5, 2.0) == pytest.approx((-0.75, -0.5), abs=1e-5)


@pytest.mark.parametrize(
    "teacher,variances,alignment,samples,penalty",
    [
        (LowRank(3, 3), [2.53756850e-03, 1.48182865e01, 6.80519579e-02], "aligned", 91.7699644123961, 1.144e-06),
        (LowRank(2, 1), [4.76747014e01, 2.62887437e-02], "random", 311399.3, 0.0523520726875),
    ],
)
def test_an_error_far_below_the_modes_is_met_by_a_finer_quadrature(teacher, variances, alignment, samples, penalty):
    problem = Problem("quadratic", teacher, samples, 0.0, design=GaussianDesign(variances, alignment))
    point = solve(problem, penalty=penalty)
    assert point.status.value == "converged" and point.residual <= 1e-8
    assert 0 < point.estimation_error < 1e-9
    if alignment == "aligned":  # all is learned: E = zeta^2 Tr C^2/d + A delta^2
        costs, dim = 1 / np.array(variances), len(variances)
        shrinkage = point.threshold**2 * float(costs @ costs) / dim
        freedom = point.degrees_of_freedom / (dim**2 / 2)
        assert point.estimation_error == pytest.approx(shrinkage + freedom * point.noise_scale**2, rel=1e-3)
