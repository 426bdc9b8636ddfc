"""Message passing meets state evolution, the convex minimum and the Bayes-optimal error."""

import json

import numpy as np
import pytest

from shallows.amp import AmpStatus, ThresholdForPenalty, ThresholdMultiple, amp, bayes_rule
from shallows.amp.scalar import threshold_for_weight_decay
from shallows.amp.spectral import threshold_for_penalty
from shallows.denoisers import REGISTRY, SoftThreshold, soft_divergence
from shallows.errors import InvalidArgument, SolveFailed
from shallows.problems import Problem
from shallows.state_evolution import bayes_optimal, solve
from shallows.teachers import LowRank, PowerLaw
from shallows.training import LowRankPSD, sample, train

# Problem and strength in each regime of the phase diagram that finite sizes can show (theory note, section 7).
TRIANGLE = {
    "diagonal": {
        "II": (PowerLaw(300, 1.0), 150, 0.5, 1.0),
        "III": (PowerLaw(150, 1.0), 6000, 0.5, 5.0),
        "IV": (PowerLaw(400, 1.5), 60, 0.5, 0.1),
        "V": (PowerLaw(300, 1.0), 200, 0.5, 0.1),
        "VI": (PowerLaw(150, 1.0), 1500, 0.5, 0.1),
    },
    "quadratic": {
        "II": (PowerLaw(60, 1.0), 2400, 0.3, 0.6),
        "III": (LowRank(40, 3), 12000, 0.3, 0.5),
        "V": (PowerLaw(60, 0.8), 1400, 0.3, 0.05),
        "VI": (PowerLaw(50, 1.0), 8000, 0.3, 0.05),
    },
}
CASES = [(name, phase) for name, rule in REGISTRY.items() if rule.proximal for phase in TRIANGLE[rule.network]]


@pytest.mark.parametrize(("name", "phase"), CASES)
def test_triangle(name, phase):
    """AMP, the convex solver and state evolution agree."""
    network = REGISTRY[name].network
    teacher, n, noise, strength = TRIANGLE[network][phase]
    problem = Problem(network, teacher, n, noise)
    option = "weight_decay" if network == "diagonal" else "penalty"
    runs = [sample(problem, seed) for seed in range(6)]
    errors = []
    for data in runs:
        run = amp(data, **{option: strength}, max_iterations=3000, tolerance=1e-6, damping=0.6)
        fit = train(data, **{option: strength}, solver="convex", tolerance=1e-8)
        exact = fit.weights.matrix() if isinstance(fit.weights, LowRankPSD) else fit.weights
        assert np.linalg.norm(run.weights - exact) < 1e-3 * np.linalg.norm(exact)
        assert np.isclose(run.excess_risk, fit.excess_risk(data), rtol=2e-3)
        errors.append(run.error)
    expected = solve(problem, **{option: strength}).estimation_error
    spread = np.std(errors) / np.sqrt(len(errors) - 1)
    assert abs(np.mean(errors) - expected) < 4 * spread + 0.06 * expected  # corrections at finite size


@pytest.mark.parametrize("policy", ["penalty", "multiple", "bayes"])
def test_diagonal_trajectory_is_the_predicted_one(policy):
    problem = Problem("diagonal", PowerLaw(2000, 1.0), 1000, 0.5)
    point = solve(problem, weight_decay=1.0)
    option = {
        "penalty": {"weight_decay": 1.0},
        "multiple": {"kappa": point.threshold / point.noise_scale},
        "bayes": {"denoiser": bayes_rule(problem)},
    }[policy]
    runs = [amp(sample(problem, seed), **option, max_iterations=8, throw=False).trajectory for seed in range(8)]
    measured = np.array([run.noise_scale for run in runs])
    errors = np.array([run.error for run in runs])
    root = np.sqrt(len(runs))
    assert np.all(np.abs(measured.mean(0) - runs[0].predicted_noise_scale) < 4 * measured.std(0, ddof=1) / root)
    assert np.all(np.abs(errors.mean(0) - runs[0].predicted_error) < 4 * errors.std(0, ddof=1) / root)
    # The claimed fluctuation is the observed one, within a factor.
    relative = measured.std(0, ddof=1) / measured.mean(0)
    assert np.all(relative < 3 * runs[0].fluctuation) and np.all(relative > runs[0].fluctuation / 4)


def test_quadratic_trajectory_ends_at_the_predicted_point():
    problem = Problem("quadratic", PowerLaw(100, 0.75), 10000, 0.1)
    run = amp(sample(problem, 0), penalty=0.1, max_iterations=200)
    t = run.trajectory
    assert abs(t.noise_scale[0] / t.predicted_noise_scale[0] - 1) < 5 * t.fluctuation[0]
    assert abs(t.noise_scale[-1] / t.predicted_noise_scale[-1] - 1) < 0.05
    assert abs(t.error[-1] / t.predicted_error[-1] - 1) < 0.1
    assert np.isclose(t.predicted_noise_scale[-1], solve(problem, penalty=0.1).noise_scale, rtol=2e-3)
    assert abs(t.degrees_of_freedom[-1] / t.predicted_degrees_of_freedom[-1] - 1) < 0.05


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_bayes_amp_reaches_the_bayes_error_and_nothing_beats_it(network):
    if network == "diagonal":
        problem, seeds, strengths = Problem(network, PowerLaw(600, 1.0), 400, 0.3), range(10), (0.5, 1.0, 2.0)
    else:
        problem, seeds, strengths = Problem(network, PowerLaw(80, 0.75), 6400, 0.2), range(4), (0.1, 0.3, 0.6)
    expected = bayes_optimal(problem)
    data = [sample(problem, seed) for seed in seeds]
    bayes = np.array([amp(d, denoiser=bayes_rule(problem), tolerance=1e-5).error for d in data])
    root = np.sqrt(len(bayes) - 1)
    assert abs(bayes.mean() - expected.estimation_error) < 4 * bayes.std() / root + 0.06 * expected.estimation_error
    option = "weight_decay" if network == "diagonal" else "penalty"
    factor = 1 if network == "diagonal" else 2
    for strength in strengths:
        others = np.array([train(d, **{option: strength}).excess_risk(d) / factor for d in data])
        difference = others - bayes
        assert difference.mean() > -2 * difference.std() / root


def test_bayes_amp_settles_with_few_samples_and_strong_modes():
    """The outliers of the first iterations lie off the bands of the known spectrum."""
    problem = Problem("quadratic", PowerLaw(200, 1.25), 4000, 0.1)
    for seed in range(2):
        assert amp(sample(problem, seed), denoiser=bayes_rule(problem)).status is AmpStatus.CONVERGED


def test_threshold_equations_are_solved_on_the_data():
    rng = np.random.default_rng(0)
    u = rng.standard_normal(200)
    for bound in (0.1, 5.0, 60.0, 400.0):
        zeta = threshold_for_weight_decay(u, 150, bound)
        assert zeta > 0
        below = zeta * (1 - 1e-12) * (150 - np.sum(np.abs(u) > zeta * (1 - 1e-12)))
        assert below <= bound * (1 + 1e-9) and zeta * (150 - np.sum(np.abs(u) > zeta)) >= bound * (1 - 1e-9)
    x = np.sort(rng.standard_normal(60))
    for penalty in (0.01, 0.3, 2.0):
        zeta, divergence = threshold_for_penalty(x, 0.3, penalty)
        assert np.isclose(zeta * (1.2 - 2 * divergence), penalty, rtol=1e-9)
        assert abs(divergence - soft_divergence(x, zeta)) <= 2.1 / 60**2  # a jump is shared


def test_predicted_policies_solve_the_same_equations():
    problem = Problem("diagonal", PowerLaw(300, 1.0), 150, 0.5)
    rule = ThresholdForPenalty(4.0).predicted(problem, 0.05)
    assert np.isclose(rule.threshold * (150 - rule.moments(problem, 0.05)[1]), 4.0)
    assert ThresholdMultiple(1.5).predicted(problem, 0.05) == SoftThreshold(1.5 * 0.05)


DEPARTURES = {
    "common mean": lambda x, rng: x + 2.0,
    "heavy-tailed rows": lambda x, rng: x * rng.standard_t(2.1, (len(x), 1)),
}


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
@pytest.mark.parametrize("design", DEPARTURES)
def test_departure_from_theory_is_noticed(network, design):
    d, n = (200, 150) if network == "diagonal" else (40, 1600)
    data = sample(Problem(network, PowerLaw(d, 1.0), n, 0.3), 3)
    x = DEPARTURES[design](data.inputs, np.random.default_rng(0))
    run = amp((x, data.labels), network=network, weight_decay=0.5, problem=data.problem, throw=False)
    assert run.status in (AmpStatus.DEPARTED, AmpStatus.DIVERGED) and run.departed_at is not None
    with pytest.raises(SolveFailed) as caught:
        amp((x, data.labels), network=network, weight_decay=0.5)
    assert caught.value.result.status in (AmpStatus.DEPARTED, AmpStatus.DIVERGED)
    good = amp(data, weight_decay=0.5, tolerance=1e-4, throw=False)
    assert good.departed_at is None and good.status is AmpStatus.CONVERGED


def test_wrong_noise_level_is_a_departure():
    data = sample(Problem("diagonal", PowerLaw(400, 1.0), 400, 2.0), 3)
    claimed = Problem("diagonal", PowerLaw(400, 1.0), 400, 0.01)
    run = amp((data.inputs, data.labels), problem=claimed, weight_decay=1.0, throw=False)
    assert run.status is AmpStatus.DEPARTED and run.departed_at == 0


def test_runs_are_json_ready_and_inputs_untouched():
    data = sample(Problem("quadratic", PowerLaw(30, 1.0), 900, 0.3), 3)
    run = amp((data.inputs, data.labels), network="quadratic", penalty=0.5)
    text = json.dumps(run.to_dict())
    assert json.loads(text)["trajectory"]["predicted_error"][0] is None and np.isnan(run.error)
    assert amp(data, penalty=0.5).to_dict()["excess_risk"] > 0


def test_zero_labels_and_narrow_networks():
    data = sample(Problem("quadratic", PowerLaw(30, 1.0), 900, 0.3), 3)
    zero = amp((data.inputs, np.zeros(900)), network="quadratic", penalty=0.5)
    assert not zero.weights.any() and zero.status is AmpStatus.CONVERGED
    narrow = amp(data, penalty=0.2, width=2, throw=False)
    assert np.linalg.matrix_rank(narrow.weights, tol=1e-10) <= 2


def test_settings_are_checked():
    data = sample(Problem("diagonal", PowerLaw(30, 1.0), 40, 0.3), 3)
    bad = [
        ({}, "none"),
        ({"weight_decay": 1.0, "kappa": 1.0}, "exactly one"),
        ({"penalty": 1.0}, "penalty"),
        ({"weight_decay": 0.0}, "weight_decay"),
        ({"weight_decay": 1.0, "damping": 1.5}, "damping"),
        ({"weight_decay": 1.0, "max_iterations": 0}, "max_iterations"),
        ({"weight_decay": 1.0, "tolerance": -1}, "tolerance"),
        ({"weight_decay": 1.0, "network": "quadratic"}, "problem"),
    ]
    for options, message in bad:
        with pytest.raises(InvalidArgument, match=message):
            amp(data, **options)
    with pytest.raises(InvalidArgument, match="network"):
        amp((data.inputs, data.labels), weight_decay=1.0)
    with pytest.raises(InvalidArgument, match="data"):
        amp(3, network="diagonal", weight_decay=1.0)
    with pytest.raises(InvalidArgument, match="denoiser"):
        amp(data, denoiser=bayes_rule(Problem("quadratic", PowerLaw(30, 1.0), 40)))
