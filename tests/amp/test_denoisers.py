"""Every registered rule: what state evolution says of it is what it does to simulated observations."""

import numpy as np
import pytest

from shallows.denoisers import REGISTRY, HardThreshold, SoftThreshold, SpectralHardThreshold, SpectralSoftThreshold
from shallows.denoisers.divergence import soft_divergence, spectral_divergence
from shallows.errors import InvalidArgument
from shallows.problems import Problem
from shallows.teachers import LowRank, PowerLaw


def observe(problem, noise_scale, rng):
    """Observation, and a function from estimate to error; the slow, plain twin of the moments."""
    d = problem.dim
    values = problem.teacher.values(problem.network)
    if not problem.architecture.is_matrix:
        return values + noise_scale * rng.standard_normal(d), lambda f: np.sum((f - values) ** 2)
    noise = rng.standard_normal((d, d))
    x, v = np.linalg.eigh(np.diag(values) + noise_scale * (noise + noise.T) / np.sqrt(2 * d))
    return x, lambda f: np.sum(((v * f) @ v.T - np.diag(values)) ** 2) / d


@pytest.mark.parametrize("name", REGISTRY)
@pytest.mark.parametrize("relative", [0.1, 0.6])
@pytest.mark.parametrize("teacher", [PowerLaw(150, 0.8), LowRank(150, 30)], ids=["power law", "low rank"])
def test_moments_match_simulation(name, relative, teacher):
    rule = REGISTRY[name]
    problem = Problem(rule.network, teacher, 100, 0.1)
    scale = relative * (problem.energy if problem.architecture.is_matrix else 150**-0.5)
    denoiser = rule.default(problem, scale)
    rng = np.random.default_rng(1)
    runs = 24 if problem.architecture.is_matrix else 300
    errors, divergences = np.empty(runs), np.empty(runs)
    for i in range(runs):
        observed, error = observe(problem, scale, rng)
        before = observed.copy()
        estimate = denoiser.apply(observed, scale)
        assert np.array_equal(before, observed) and estimate.values.shape == (150,)
        errors[i], divergences[i] = error(estimate.values), estimate.divergence
    error, divergence = denoiser.moments(problem, scale)
    # Spectral averages have corrections of relative order 1/d at finite d; a kernel estimates the density at a jump.
    allowance = 0.02 if problem.architecture.is_matrix else 0.0
    assert abs(errors.mean() - error) < 4 * errors.std() / np.sqrt(runs) + allowance * error
    allowance = {"HardThreshold": 0.1, "PowerThreshold": 0.1, "SpectralHardThreshold": 0.05}.get(name, allowance)
    assert abs(divergences.mean() - divergence) < 4 * divergences.std() / np.sqrt(runs) + allowance * divergence


@pytest.mark.parametrize("name", REGISTRY)
def test_divergence_is_the_derivative(name):
    """Against finite differences: of each entry, or of the matrix along random directions."""
    rule = REGISTRY[name]
    if "Hard" in name or name == "PowerThreshold":
        pytest.skip("a jump has no derivative")
    rng = np.random.default_rng(2)
    d = 16
    problem = Problem(rule.network, PowerLaw(d, 0.7), 30, 0.1)
    scale = 0.1 if rule.network == "diagonal" else 0.8
    denoiser = rule.default(problem, scale)
    if rule.network == "diagonal":
        u, h = problem.teacher.values("diagonal") + scale * rng.standard_normal(d), 1e-6
        slope = (denoiser.apply(u + h, scale).values - denoiser.apply(u - h, scale).values).sum() / (2 * h)
        assert np.isclose(denoiser.apply(u, scale).divergence, slope, rtol=1e-4)
        return
    noise = rng.standard_normal((d, d))
    matrix = np.diag(problem.teacher.values("quadratic")) + scale * (noise + noise.T) / np.sqrt(2 * d)

    def image(m):
        x, v = np.linalg.eigh(m)
        return (v * denoiser.apply(x, scale).values) @ v.T

    total, h = 0.0, 1e-5
    for i in range(d):
        for j in range(i + 1):
            direction = np.zeros((d, d))
            direction[i, j] = direction[j, i] = 1.0 if i == j else np.sqrt(0.5)
            total += np.sum(direction * (image(matrix + h * direction) - image(matrix - h * direction))) / (2 * h)
    assert np.isclose(denoiser.apply(np.linalg.eigvalsh(matrix), scale).divergence, 2 * total / d**2, rtol=1e-3)


def test_known_spectrum_stays_in_its_range_off_the_support():
    """Off the bands, where outliers of a finite matrix often lie, the rule stays continuous and between known modes."""
    problem = Problem("quadratic", PowerLaw(200, 1.25), 4000, 0.1)
    modes = problem.teacher.values("quadratic")
    for scale in (0.3, 2.3):
        rule = REGISTRY["RotationallyInvariant"].default(problem, scale)
        x = np.linspace(-10 * scale, modes[0] + 10 * scale, 4000)
        values = rule.apply(x, scale).values
        assert modes[-1] <= values.min() and values.max() <= modes[0]
        # No jump: two modes are told apart over a band, which is 1/sqrt(d) of the noise wide.
        assert np.all(np.abs(np.diff(values)) < np.sqrt(200) * np.diff(x))


def test_closed_pairs_agree_with_the_double_sum():
    x = np.sort(np.random.default_rng(0).standard_normal(30))
    for limit in (None, 5):
        f, slopes = np.maximum(x - 0.3, 0), (x > 0.3).astype(float)
        if limit:
            f[:-limit] = slopes[:-limit] = 0
        assert np.isclose(soft_divergence(x, 0.3, limit), spectral_divergence(x, f, slopes))
    assert np.isclose(spectral_divergence(np.ones(4), np.ones(4), np.ones(4)), 20 / 16)  # all eigenvalues equal


def test_soft_is_hard_without_a_jump():
    for soft, hard, network in (
        (SoftThreshold, HardThreshold, "diagonal"),
        (SpectralSoftThreshold, SpectralHardThreshold, "quadratic"),
    ):
        problem = Problem(network, PowerLaw(50, 1.0), 100, 0.1)
        assert np.allclose(soft(0.3).moments(problem, 0.4), hard(0.3, 0.3).moments(problem, 0.4), rtol=1e-9)


def test_rules_refuse_the_other_network_and_bad_thresholds():
    with pytest.raises(InvalidArgument, match="problem"):
        SoftThreshold(0.1).moments(Problem("quadratic", PowerLaw(5, 1.0), 10), 0.1)
    for bad in (lambda: SoftThreshold(-1.0), lambda: HardThreshold(0.1, 0.2), lambda: SpectralSoftThreshold(np.nan)):
        with pytest.raises(InvalidArgument, match="threshold"):
            bad()
