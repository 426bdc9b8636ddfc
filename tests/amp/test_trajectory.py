"""The measured trajectory of AMP beside the predicted one, iteration by iteration."""

import numpy as np
import pytest

from shallows.amp import AmpSettings, AmpStatus, ThresholdMultiple, amp, bayes_rule
from shallows.denoisers import HardThreshold, SpectralHardThreshold
from shallows.errors import SolveFailed
from shallows.problems import Problem
from shallows.state_evolution import solve
from shallows.teachers import LowRank, PowerLaw
from shallows.training import sample

COLUMNS = ("noise_scale", "error", "degrees_of_freedom")
PROBLEMS = {
    "diagonal": (Problem("diagonal", PowerLaw(2000, 1.0), 1000, 0.5), {"weight_decay": 1.0}),
    "quadratic": (Problem("quadratic", PowerLaw(200, 1.25), 8000, 0.1), {"penalty": 0.1}),
}


def rule_of(network, policy):
    problem, strength = PROBLEMS[network]
    if policy == "bayes":
        return {"rule": bayes_rule(problem)}
    if policy == "multiple":
        point = solve(problem, **strength)
        return {"rule": ThresholdMultiple(point.threshold / point.noise_scale)}
    return strength


def columns(runs, prefix=""):
    """Shape (runs, columns, iterations)."""
    return np.array([[getattr(run.trajectory, prefix + name) for name in COLUMNS] for run in runs])


def check_every_iteration(runs, replicas, which=slice(None)):
    """Within four standard errors of the mean over runs, the replicas' own error included."""
    measured, predicted = columns(runs)[:, which], columns(runs, "predicted_")[:, which]
    spread = (measured - predicted).std(axis=0, ddof=1)
    error = spread * np.sqrt(1 / len(runs) + (1 / replicas if replicas else 0))
    assert np.all(np.abs((measured - predicted).mean(axis=0)) < 4 * error)


@pytest.mark.parametrize("damping", [1.0, 0.6])
@pytest.mark.parametrize("policy", ["penalty", "multiple", "bayes"])
def test_diagonal_trajectory_is_state_evolution(policy, damping):
    problem, rule = PROBLEMS["diagonal"][0], rule_of("diagonal", policy)
    options = {"settings": AmpSettings(damping=damping, max_iterations=8, tolerance=1e-12), "throw": False}
    count = 12 if policy == "bayes" else 24  # enough to know the error of the mean, errors of single runs being skewed
    runs = [amp(sample(problem, seed), **rule, **options) for seed in range(count)]
    check_every_iteration(runs, 0)
    # The claimed fluctuation is the observed one, within what a handful of runs can tell.
    ratio = columns(runs)[:, 0] / columns(runs, "predicted_")[:, 0]
    claimed = runs[0].trajectory.fluctuation
    assert np.all(ratio.std(axis=0, ddof=1) < 2 * claimed) and np.all(ratio.std(axis=0, ddof=1) > claimed / 2.5)


@pytest.mark.parametrize("damping", [1.0, 0.6])
@pytest.mark.parametrize("policy", ["penalty", "multiple", "bayes"])
def test_quadratic_trajectory_is_the_one_expected_at_its_size(policy, damping):
    problem, rule = PROBLEMS["quadratic"][0], rule_of("quadratic", policy)
    options = {"settings": AmpSettings(damping=damping, max_iterations=8, tolerance=1e-12), "throw": False}
    runs = [amp(sample(problem, seed), **rule, **options) for seed in range(6)]
    check_every_iteration(runs, runs[0].replicas)
    ratio = columns(runs)[:, 0] / columns(runs, "predicted_")[:, 0]
    claimed = np.mean([run.trajectory.fluctuation for run in runs], axis=0)
    assert np.all(ratio.std(axis=0, ddof=1) < 2.5 * claimed)


@pytest.mark.parametrize(("network", "count"), [("diagonal", 16), ("quadratic", 6)])
def test_rules_with_a_jump_follow_the_prediction(network, count):
    """Hard thresholds: noise scale and error; the divergence at a jump rests on the few modes next to it."""
    problem, strength = PROBLEMS[network]
    scale = solve(problem, **strength).noise_scale
    rule = HardThreshold(3.5 * scale) if network == "diagonal" else SpectralHardThreshold(4 * scale)
    options = {"settings": AmpSettings(max_iterations=8, tolerance=1e-12), "throw": False}
    runs = [amp(sample(problem, seed), rule=rule, **options) for seed in range(count)]
    check_every_iteration(runs, runs[0].replicas, slice(0, 2))


def test_state_evolution_alone_gains_with_effective_samples():
    """Its corrections at finite size fall with n/d, and damping adds none."""
    off = []
    for samples in (1500, 24000):
        problem = Problem("quadratic", PowerLaw(80, 0.75), samples, 0.1)
        settings = AmpSettings(max_iterations=8, replicas=0)
        runs = [amp(sample(problem, s), penalty=0.3, settings=settings, throw=False) for s in range(4)]
        measured, asymptotic = columns(runs).mean(axis=0), columns(runs, "asymptotic_").mean(axis=0)
        off.append(np.abs(measured / asymptotic - 1).max(axis=1))
        assert np.array_equal(columns(runs, "predicted_"), columns(runs, "asymptotic_"))
    assert np.all(off[1][:2] < 0.6 * off[0][:2])  # noise scale and error
    assert off[1][0] < 0.02


@pytest.mark.parametrize("damping", [1.0, 0.6, 0.3])
@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_prediction_ends_at_the_fixed_point(network, damping):
    problem = Problem(network, PowerLaw(100, 1.0), 120 if network == "diagonal" else 8000, 0.3)
    strength = {"weight_decay": 1.0} if network == "diagonal" else {"penalty": 0.3}
    settings = AmpSettings(damping=damping, max_iterations=120, tolerance=1e-14, replicas=0)
    run = amp(sample(problem, 0), **strength, settings=settings, throw=False)
    point = solve(problem, **strength)
    end = columns([run], "asymptotic_")[0, :, -1]
    assert np.allclose(end, [point.noise_scale, point.estimation_error, point.degrees_of_freedom], rtol=1e-4)


def test_same_data_same_prediction():
    problem = Problem("quadratic", PowerLaw(30, 1.0), 900, 0.3)
    first, second = (amp(sample(problem, 5), penalty=0.5).to_dict() for _ in range(2))
    assert first["trajectory"] == second["trajectory"] and first["replicas"] == 4
    other = amp(sample(problem, 6), penalty=0.5, settings=AmpSettings(max_iterations=3), throw=False).trajectory
    assert np.array_equal(other.predicted_error, np.array(first["trajectory"]["predicted_error"])[:3])


def correlated(x, rng):
    return np.sqrt(0.5) * (x + rng.standard_normal((len(x), 1)))


DEPARTURES = {
    "common mean": lambda x, rng: x + 2.0,
    "heavy-tailed rows": lambda x, rng: x * rng.standard_t(2.1, (len(x), 1)),
    "correlated columns": correlated,
}


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
@pytest.mark.parametrize("design", DEPARTURES)
def test_departure_from_theory_is_noticed(network, design):
    d, n = (800, 500) if network == "diagonal" else (60, 3000)
    problem = Problem(network, PowerLaw(d, 1.0), n, 0.3)
    for seed in (3, 4):
        data = sample(problem, seed)
        rng = np.random.default_rng(seed)
        x = DEPARTURES[design](data.inputs, rng)
        modes = problem.teacher.values(network)
        clean = x @ modes if network == "diagonal" else (np.square(x) - 1) @ modes / np.sqrt(d)
        labels = data.labels if design == "common mean" else clean + np.sqrt(0.3) * rng.standard_normal(n)
        run = amp((x, labels), network=network, weight_decay=0.5, problem=problem, throw=False)
        assert run.departed_at is not None and not run.status.ok
        good = amp(data, weight_decay=0.5, settings=AmpSettings(tolerance=1e-4), throw=False)
        assert good.departed_at is None and good.status is AmpStatus.CONVERGED


def test_departure_without_a_prediction_raises():
    data = sample(Problem("diagonal", PowerLaw(200, 1.0), 150, 0.3), 3)
    x = DEPARTURES["heavy-tailed rows"](data.inputs, np.random.default_rng(0))
    with pytest.raises(SolveFailed) as caught:
        amp((x, data.labels), network="diagonal", weight_decay=0.5)
    assert caught.value.result.status in (AmpStatus.DEPARTED, AmpStatus.DIVERGED)


@pytest.mark.parametrize(
    ("problem", "weight_decay"),
    [
        (Problem("diagonal", PowerLaw(200, 1.0), 30, 0.3), 0.5),
        (Problem("diagonal", PowerLaw(400, 1.5), 60, 0.5), 0.1),
        (Problem("diagonal", PowerLaw(300, 1.0), 300, 0.5), 0.05),
        (Problem("quadratic", PowerLaw(40, 1.25), 400, 0.1), 0.1),
        (Problem("quadratic", LowRank(40, 3), 1600, 0.3), 0.5),
    ],
    ids=["few samples", "steep", "interpolation", "strong modes", "low rank"],
)
def test_gaussian_data_raise_no_alarm(problem, weight_decay):
    options = {"weight_decay": weight_decay, "settings": AmpSettings(max_iterations=40), "throw": False}
    runs = [amp(sample(problem, s), **options) for s in range(8)]
    assert all(run.departed_at is None for run in runs)


def test_wrong_noise_level_is_a_departure():
    data = sample(Problem("diagonal", PowerLaw(400, 1.0), 400, 2.0), 3)
    claimed = Problem("diagonal", PowerLaw(400, 1.0), 400, 0.01)
    run = amp((data.inputs, data.labels), problem=claimed, weight_decay=1.0, throw=False)
    assert run.status is AmpStatus.DEPARTED and run.departed_at == 0
