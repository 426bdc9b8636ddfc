"""What a fit says about itself, against the teacher that made its data."""

import numpy as np
import pytest
from scipy import stats

from shallows import InvalidArgument, LowRank, PowerLaw, Problem, predict, sample, train
from shallows.errors import EstimateUndefined
from shallows.inference import Estimate, infer
from shallows.inference.diagonal import DiagonalReader
from shallows.inference.error_and_noise import READERS, relative_standard_error
from shallows.inference.quadratic import effective_share
from shallows.operators import operator_for

DIAGONAL = Problem("diagonal", PowerLaw(200, 1.0), 500, noise=0.5)
QUADRATIC = Problem("quadratic", PowerLaw(40, 1.25), 2000, noise=0.3)


def risk(fit, data):
    return fit.excess_risk(data)


def runs(problem, decay, seeds):
    for seed in range(seeds):
        data = sample(problem, seed)
        fit = train(data, weight_decay=decay)
        yield data, fit, infer(tuple(data), fit)


@pytest.mark.parametrize(
    ("problem", "decay", "seeds"), [(DIAGONAL, 1.0, 60), (DIAGONAL, 0.02, 60), (QUADRATIC, 0.4, 25)]
)
def test_the_test_error_is_unbiased_and_its_standard_error_is_right(problem, decay, seeds):
    scores = []
    for data, fit, found in runs(problem, decay, seeds):
        true = problem.noise + risk(fit, data)
        scores.append((found.test_error.value - true) / found.test_error.standard_error)
    scores = np.array(scores)
    assert abs(scores.mean()) < 3.3 / np.sqrt(seeds) + 0.25  # a share of the finite-size drift
    # Spread one, within the chi-square law of this many scores.
    low, high = stats.chi2.ppf([0.0005, 0.9995], seeds - 1) / (seeds - 1)
    assert low < scores.var(ddof=1) < high


@pytest.mark.parametrize(("problem", "decay"), [(DIAGONAL, 1.0), (QUADRATIC, 0.4)])
def test_noise_scale_and_degrees_of_freedom_are_those_of_state_evolution(problem, decay):
    prediction = predict(problem, weight_decay=decay)
    found = [item for _, _, item in runs(problem, decay, 12)]
    assert np.mean([f.noise_scale for f in found]) == pytest.approx(prediction.noise_scale, rel=0.03)
    assert np.mean([f.degrees_of_freedom for f in found]) == pytest.approx(prediction.degrees_of_freedom, rel=0.05)
    assert np.mean([f.threshold for f in found]) == pytest.approx(prediction.threshold, rel=0.05)


def test_unbiased_weights_are_teacher_plus_noise_of_the_noise_scale():
    data, _, found = next(iter(runs(DIAGONAL, 0.5, 1)))
    scores = (found.unbiased - data.weights) / found.noise_scale
    assert stats.kstest(scores, "norm").pvalue > 1e-3
    data, _, found = next(iter(runs(QUADRATIC, 0.4, 1)))
    noise = found.unbiased - data.weights.matrix()
    upper = noise[np.triu_indices(40, 1)] * np.sqrt(40) / found.noise_scale
    assert stats.kstest(upper, "norm").pvalue > 1e-3
    assert noise == pytest.approx(noise.T)


def test_the_quadratic_networks_unbiased_matrix_shrinks_back_to_its_weights():
    _, fit, found = next(iter(runs(QUADRATIC, 0.4, 1)))
    values, vectors = np.linalg.eigh(found.unbiased)
    again = (vectors * np.maximum(values - found.threshold, 0)) @ vectors.T
    assert np.abs(again - fit.weights.matrix()).max() < 1e-3 * np.abs(again).max()


def test_degrees_of_freedom_agree_with_the_divergence_of_the_denoiser_by_differences():
    rng = np.random.default_rng(0)
    d, alpha, k = 12, 0.9, 4
    n = round(alpha * d**2)
    values, gaps = rng.uniform(0.5, 2, k), rng.uniform(0.1, 1, d - k)
    share = effective_share(values, gaps, n, d)
    zeta = 1.0
    x = np.concatenate([values + zeta, zeta - gaps / (1 - share)])
    basis, _ = np.linalg.qr(rng.standard_normal((d, d)))
    matrix = (basis * x) @ basis.T

    def denoise(m):
        v, q = np.linalg.eigh(m)
        return (q * np.maximum(v - zeta, 0)) @ q.T

    # Divergence over symmetric matrices in an orthonormal basis, by central differences.
    total, step = 0.0, 1e-5
    for i in range(d):
        for j in range(i + 1):
            direction = np.zeros((d, d))
            direction[i, j] = direction[j, i] = 1.0 if i == j else np.sqrt(0.5)
            change = (denoise(matrix + step * direction) - denoise(matrix - step * direction)) / (2 * step)
            total += float((change * direction).sum())
    assert share * n == pytest.approx(total, rel=1e-5)


def test_least_squares_has_the_classical_standard_error():
    # No weight decay, n > d: the estimate is n/(n - D)^2 ||r||^2, and its spread about the true error is known.
    problem = Problem("diagonal", LowRank(40, 1), 100, noise=1.0)
    logs = []
    for seed in range(200):
        data = sample(problem, seed)
        theta = np.linalg.lstsq(data.inputs, data.labels, rcond=None)[0]
        residual = (data.labels - data.inputs @ theta) / 0.6
        true = 1 + np.square(theta - data.weights).sum()
        logs.append(np.log(np.mean(residual**2) / true))
    assert relative_standard_error(residual, 100, DiagonalReader.spread(0.4)) == pytest.approx(np.std(logs), rel=0.2)


def test_noise_risk_and_energy_cover_their_truth():
    covered = []
    for data, fit, found in runs(DIAGONAL, 1.0, 40):
        covered.append((found.noise.covers(0.5), found.excess_risk.covers(risk(fit, data)), found.energy.covers(1.0)))
    assert (np.mean(covered, axis=0) > 0.75).all()


def test_interpolation_is_refused_not_estimated():
    data = sample(Problem("diagonal", PowerLaw(60, 1.0), 30, noise=0.1), 0)
    with pytest.raises(EstimateUndefined, match="interpolates"):
        infer(tuple(data), train(data, weight_decay=0.0))


def test_data_and_fit_must_belong_together():
    data = sample(DIAGONAL, 0)
    fit = train(data, weight_decay=1.0)
    with pytest.raises(InvalidArgument, match="columns"):
        infer((data.inputs[:, :5], data.labels), fit)


def test_an_estimate_prints_what_it_is():
    estimate = Estimate.normal(1.0, 0.5, minimum=0.5)
    assert (estimate.low, estimate.high) == (0.5, pytest.approx(1.822, abs=1e-3))
    assert Estimate.positive(2.0, 0.1).to_dict()["level"] == 0.9


def test_a_width_that_limits_the_rank_is_accounted_for():
    pytest.importorskip("torch")
    problem = Problem("quadratic", PowerLaw(40, 1.25), 1600, noise=0.2, width=5)
    prediction = predict(problem, penalty=0.1)
    scores, freedom = [], []
    for seed in range(5):
        data = sample(problem, seed)
        fit = train(data, penalty=0.1, solver="gradient", throw=False)
        found = infer(tuple(data), fit)
        assert found.width == 5
        true = 0.2 + risk(fit, data)
        scores.append((found.test_error.value - true) / found.test_error.standard_error)
        freedom.append(found.degrees_of_freedom)
    assert abs(np.mean(scores)) < 3.3 / np.sqrt(5)
    assert np.mean(freedom) == pytest.approx(prediction.degrees_of_freedom, rel=0.05)


def test_a_row_that_decides_a_weight_is_left_out_by_training_again():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((120, 6))
    marked = (np.arange(120) < 9).astype(float)
    inputs[:, 4], inputs[:, 5] = marked, marked
    inputs[9, 5] = 1.0  # the one row in which the two columns differ
    inputs[:, 4:] = (inputs[:, 4:] - inputs[:, 4:].mean(axis=0)) / inputs[:, 4:].std(axis=0)
    labels = inputs[:, 0] + 0.5 * rng.standard_normal(120)
    labels[9] += 6
    fit = train((inputs, labels), network="diagonal", weight_decay=0.2, tolerance=1e-9)
    operator = operator_for("diagonal", inputs)
    reader = READERS.of("diagonal")(fit, operator, labels - operator.output(fit.weights), 120)
    assert reader.leverages()[9] > 0.9
    others = np.arange(120) != 9
    without = train((inputs[others], labels[others]), network="diagonal", weight_decay=0.2, tolerance=1e-9)
    alone = labels[9] - inputs[9] @ without.weights
    assert reader.left_out()[9] == pytest.approx(alone, rel=1e-3)
    assert abs(reader.residual[9]) / (1 - min(reader.leverages()[9], 0.99)) > 2 * abs(alone)
    plain = reader.leverages() < 0.5
    assert reader.left_out()[plain] == pytest.approx((reader.residual / (1 - reader.leverages()))[plain])
