"""Weights, modes, teacher, weight decay, pruning and forecast, against the truth."""

import numpy as np
import pytest
from scipy.integrate import quad

from shallows import InvalidArgument, LowRank, PowerLaw, Problem, optimal_weight_decay, sample, train
from shallows.errors import EstimateUndefined
from shallows.inference import (
    check_assumptions,
    check_weights,
    extrapolate_naively,
    fit_power_law_teacher,
    forecast,
    infer,
    predicted_risk,
    prune,
    recover_modes,
    tune,
)

DIAGONAL = Problem("diagonal", PowerLaw(200, 1.0), 500, noise=0.5)
QUADRATIC = Problem("quadratic", PowerLaw(40, 1.25), 2000, noise=0.3)


@pytest.fixture(scope="module")
def diagonal():
    data = sample(DIAGONAL, 3)
    return data, *tune(tuple(data), network="diagonal")


@pytest.fixture(scope="module")
def quadratic():
    data = sample(QUADRATIC, 3)
    return data, *tune(tuple(data), network="quadratic")


def test_intervals_of_single_weights_cover_at_their_level(diagonal):
    data, _, found, _ = diagonal
    tests = check_weights(found, level=0.9)
    inside = np.mean((tests.low <= data.weights) & (data.weights <= tests.high))
    assert abs(inside - 0.9) < 3.5 * np.sqrt(0.09 / 200)


def test_false_discoveries_stay_near_their_rate():
    problem = Problem("diagonal", LowRank(300, 10), 600, noise=0.5)
    shares, power = [], []
    for seed in range(25):
        data = sample(problem, seed)
        found = infer(tuple(data), train(data, weight_decay=1.0))
        tests = check_weights(found, false_discovery_rate=0.1)
        false = (tests.discovered & (data.weights == 0)).sum()
        shares.append(false / max(tests.discovered.sum(), 1))
        power.append(tests.discovered[:10].mean())
    assert np.mean(shares) < 0.1 + 3 * np.std(shares) / 5
    assert np.mean(power) > 0.9


def test_modes_are_recovered_within_their_intervals():
    inside, count = 0, 0
    for seed in range(15):
        data = sample(QUADRATIC, seed)
        modes = recover_modes(infer(tuple(data), train(data, weight_decay=0.4)))
        truth = PowerLaw(40, 1.25).values("quadratic")[: modes.values.size]
        inside += int(((modes.low <= truth) & (truth <= modes.high)).sum())
        count += truth.size
    assert count > 60
    assert 0.8 < inside / count <= 0.98


@pytest.mark.parametrize("problem", [DIAGONAL, QUADRATIC])
def test_gamma_and_energy_are_recovered(problem):
    gammas, covered = [], []
    for seed in range(8):
        data = sample(problem, seed)
        law = fit_power_law_teacher(infer(tuple(data), train(data, weight_decay=0.6)), draws=12)
        gammas.append(law.gamma.value)
        covered.append(law.gamma.covers(problem.teacher.gamma))
        assert abs(law.misfit) < 4
    assert np.mean(gammas) == pytest.approx(problem.teacher.gamma, abs=4 * np.std(gammas) / np.sqrt(8) + 0.02)
    assert np.mean(covered) >= 0.5  # of a nominal 0.9, over eight seeds


def test_nothing_but_noise_has_no_teacher():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((300, 40)), rng.standard_normal(300)
    _, found, _ = tune((x, y), network="diagonal")
    if found.energy.value <= found.energy.standard_error:
        with pytest.raises(EstimateUndefined):
            fit_power_law_teacher(found)


def test_auto_weight_decay_is_near_the_best(diagonal, quadratic):
    for data, fit, _, path in (diagonal, quadratic):
        around = [
            train(data, weight_decay=path.chosen * factor, tolerance=1e-4) for factor in (0.25, 0.5, 0.7, 1.4, 2, 4)
        ]
        best = min(fit.excess_risk(data), *(other.excess_risk(data) for other in around))
        assert fit.excess_risk(data) <= 1.1 * best
        assert (np.diff(path.weight_decay) < 0).all()
        assert path.weight_decay[path.chosen_at] == pytest.approx(fit.weight_decay)
        assert len(path.to_dict()["test_error"]) == len(path.learned_features)


def test_a_narrow_network_is_tuned_within_its_width():
    data = sample(QUADRATIC, 1)
    fit, found, path = tune(tuple(data), network="quadratic", width=4)
    assert found.learned_features <= 4
    assert fit.penalty == pytest.approx(path.chosen * np.sqrt(4 / 40))


@pytest.mark.parametrize(("fixture", "factor"), [("diagonal", 0.1), ("quadratic", 0.1)])
def test_pruning_repairs_an_under_regularised_network(fixture, factor, request):
    data, _, _, path = request.getfixturevalue(fixture)
    weak = train(data, weight_decay=factor * path.chosen)
    found = infer(tuple(data), weak)

    def risk(weights):
        if fixture == "quadratic":
            return 2 * weights.distance_squared(data.weights) / data.dim
        return np.square(weights - data.weights).sum()

    plain = risk(prune(weak, found, values="kept").weights)
    shrunk = risk(prune(weak, found).weights)
    pruned = prune(weak, found, data=tuple(data))
    after = risk(pruned.weights)
    assert shrunk < 1.05 * plain
    assert after < 1.05 * shrunk
    assert after < weak.excess_risk(data)
    assert pruned.features_after < pruned.features_before
    assert pruned.test_error.covers(data.problem.noise + after)
    assert pruned.to_dict()["sparsity"] == pruned.sparsity


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_predicted_pruned_risk_is_the_risk_of_simulated_pruning(network):
    problem = DIAGONAL if network == "diagonal" else QUADRATIC
    data = sample(problem, 0)
    found = infer(tuple(data), train(data, weight_decay=0.1))
    cut = found.noise_edge
    rng = np.random.default_rng(1)
    truth, scale, zeta = problem.teacher.values(network), found.noise_scale, found.threshold
    risks = []
    for _ in range(200):
        if network == "diagonal":
            noisy = truth + scale * rng.standard_normal(truth.size)
            kept = np.where(np.abs(noisy) > cut, noisy - np.sign(noisy) * zeta, 0.0)
            risks.append(np.square(kept - truth).sum())
        else:
            noise = rng.standard_normal((40, 40))
            x, q = np.linalg.eigh(np.diag(truth) + scale * (noise + noise.T) / np.sqrt(80))
            kept = (q * np.where(x > cut, x - zeta, 0.0)) @ q.T
            risks.append(2 * np.square(kept - np.diag(truth)).sum() / 40)
    predicted = predicted_risk(problem.teacher, found, cut)
    error = np.std(risks) / np.sqrt(200)
    assert predicted == pytest.approx(
        np.mean(risks), abs=4 * error + (0.05 * predicted if network == "quadratic" else 0)
    )


def test_predicted_pruned_risk_is_the_integral_over_the_noise():
    problem = Problem("diagonal", PowerLaw(30, 1.0), 100, noise=0.5)
    data = sample(problem, 0)
    found = infer(tuple(data), train(data, weight_decay=0.1))
    tau, zeta = found.noise_scale, found.threshold
    for cut in (found.noise_edge, 1.3 * tau):

        def loss(z, mode, cut=cut):
            u = mode + tau * z
            learned = u - np.sign(u) * zeta if abs(u) > cut else 0.0
            return (learned - mode) ** 2 * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)

        total = 0.0
        for mode in problem.teacher.values("diagonal"):
            pieces = [-12, *sorted(((-cut - mode) / tau, (cut - mode) / tau)), 12]
            pieces = np.clip(pieces, -12, 12)
            total += sum(quad(loss, a, b, args=(mode,))[0] for a, b in zip(pieces, pieces[1:], strict=False) if b > a)
        assert predicted_risk(problem.teacher, found, cut) == pytest.approx(total, rel=1e-7)


def test_pruning_refuses_what_does_not_fit(diagonal, quadratic):
    with pytest.raises(InvalidArgument, match="diagonal"):
        prune(diagonal[1], quadratic[2])
    with pytest.raises(InvalidArgument, match="threshold"):
        prune(diagonal[1], diagonal[2], threshold=-1.0)


def test_the_forecast_covers_the_truth_at_four_times_the_data():
    there = Problem("quadratic", PowerLaw(40, 1.25), 8000, noise=0.3)
    true = optimal_weight_decay(there).prediction
    covered, ratios = [], []
    for seed in range(8):
        found = tune(tuple(sample(QUADRATIC, 50 + seed)), network="quadratic", tolerance=1e-4)[1]
        point = forecast(found, [8000]).points[0]
        covered.append(point.test_error.covers(true.test_error))
        ratios.append(point.excess_risk.value / true.excess_risk)
    assert np.mean(covered) >= 0.6
    assert np.mean(ratios) == pytest.approx(1, abs=0.1)


def test_a_forecast_says_so_in_words(diagonal):
    _, _, found, _ = diagonal
    result = forecast(found, [2 * found.samples])
    assert result.sentences[0].startswith("twice the data would bring the test error from ")
    assert result.points[0].test_error.value < result.present.test_error.value
    assert result.trusted
    assert result.caution is None
    with pytest.raises(InvalidArgument, match="samples"):
        forecast(found, [])


def test_the_naive_line_is_there_to_compare_with(diagonal):
    data = diagonal[0]
    line = extrapolate_naively(tuple(data), [2000], network="diagonal")
    assert line.exponent > 0
    assert line.predicted[0].value < line.test_errors[0]


def concerns(x, y, network="diagonal", decay=1.0):
    found = infer((x, y), train((x, y), network=network, weight_decay=decay, throw=False))
    return {concern.name for concern in check_assumptions(x, y, found).concerns}


def test_gaussian_data_raise_no_concern(diagonal, quadratic):
    for data, _, found, _ in (diagonal, quadratic):
        assert not check_assumptions(data.inputs, data.labels, found).concerns


def test_data_that_betray_the_assumptions_are_reported():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 20))
    y = x[:, 0] + rng.standard_normal(400)
    assert "mean" in concerns(x + 1.0, y)
    assert "scale" in concerns(3 * x, y)
    assert "correlation" in concerns(x + 0.7 * rng.standard_normal((400, 1)), y)
    assert "kurtosis" in concerns(np.sign(x), y)
    assert "row norms" in concerns(x * rng.exponential(1, (400, 1)), y)
    assert "duplicates" in concerns(np.repeat(x[:200], 2, axis=0), np.repeat(y[:200], 2))
    assert "heteroscedasticity" in concerns(x, 3 * x[:, 0] + rng.standard_normal(400) * np.abs(x[:, 0]) ** 2)
    assert "residual tails" in concerns(x, x[:, 0] + rng.standard_t(2.5, 400))
    assert "linear part" in concerns(x, y, "quadratic")
    negative = -np.square(x[:, 0]) + 0.1 * rng.standard_normal(400)
    assert "negative modes" in concerns(x, negative - negative.mean(), "quadratic")
    assert "few samples" in concerns(x, y, "quadratic")
