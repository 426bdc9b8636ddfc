"""What each network's file says, against plain formulas of the theory note, section 10."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq

from shallows import PowerLaw, Problem, sample, train
from shallows.errors import EstimateUndefined, InvalidArgument, NotSupported, UnknownNetwork
from shallows.inference import (
    Concern,
    check_assumptions,
    check_inputs,
    check_weights,
    estimated_problem,
    fit_power_law_teacher,
    infer,
    prune,
    recover_modes,
    silencing_weight_decay,
    tune,
)
from shallows.inference.diagonal import CELLS, _cells
from shallows.inference.error_and_noise import READERS, relative_standard_error
from shallows.inference.power_law import TEACHER_FITS
from shallows.inference.pruning import PRUNERS
from shallows.inference.signatures import ASSUMPTIONS
from shallows.inference.weight_decay_path import SEARCHES
from shallows.networks import paper_networks
from shallows.state_evolution import moments

DIAGONAL = Problem("diagonal", PowerLaw(60, 1.0), 150, noise=0.5)
QUADRATIC = Problem("quadratic", PowerLaw(16, 1.25), 400, noise=0.3)
CAPABILITIES = (READERS, SEARCHES, TEACHER_FITS, PRUNERS, ASSUMPTIONS)


@pytest.fixture(scope="module", params=[DIAGONAL, QUADRATIC], ids=["diagonal", "quadratic"])
def fitted(request):
    data = sample(request.param, 5)
    fit = train(data, weight_decay=0.5, tolerance=1e-10)
    return data, fit, infer(data, fit)


@pytest.mark.parametrize("capability", CAPABILITIES, ids=lambda capability: capability.what)
def test_every_network_has_every_capability(capability):
    for network in paper_networks():
        assert capability.of(network) is not None
    with pytest.raises(UnknownNetwork, match="cubic"):
        capability.of("cubic")


def test_unknown_networks_and_questions_of_another_network_are_refused(fitted):
    data, _, found = fitted
    with pytest.raises(UnknownNetwork):
        tune(tuple(data), network="cubic")
    with pytest.raises(UnknownNetwork):
        silencing_weight_decay(data.inputs, data.labels, "cubic")
    wrong = check_weights if found.architecture.is_matrix else recover_modes
    with pytest.raises(NotSupported, match=found.network):
        wrong(found)


@pytest.mark.parametrize("level", [0, 1, True, "a", float("nan")])
def test_levels_and_rates_are_checked(fitted, level):
    found = fitted[2]
    if found.architecture.is_matrix:
        with pytest.raises(InvalidArgument, match=r"^level"):
            recover_modes(found, level=level)
    else:
        with pytest.raises(InvalidArgument, match=r"^level"):
            check_weights(found, level=level)
        with pytest.raises(InvalidArgument, match=r"^false_discovery_rate"):
            check_weights(found, false_discovery_rate=level)
    with pytest.raises(InvalidArgument, match=r"^level"):
        fit_power_law_teacher(found, level=level)


def test_the_diagonal_networks_numbers_are_those_of_the_formulas():
    data = sample(DIAGONAL, 5)
    fit = train(data, weight_decay=0.5, tolerance=1e-10)
    found = infer(data, fit, centred=True)
    n, d, x, theta = 149, 60, data.inputs, fit.weights
    r, freedom = data.labels - x @ theta, np.count_nonzero(fit.weights)
    error = (r @ r) / n / (1 - freedom / n) ** 2
    tau = np.sqrt(error / n)
    u = theta + x.T @ r / (n - freedom)
    assert found.samples == n and found.degrees_of_freedom == pytest.approx(freedom)
    assert found.test_error.value == pytest.approx(error)
    assert found.noise_scale == pytest.approx(tau)
    assert found.threshold == pytest.approx(0.5 * np.sqrt(d) / (n - freedom))
    np.testing.assert_allclose(found.unbiased, u, rtol=1e-9)
    assert found.observed is found.unbiased and found.learned_features == freedom
    # The soft threshold of the unbiased weights gives the learned ones back.
    np.testing.assert_allclose(np.sign(u) * np.maximum(np.abs(u) - found.threshold, 0), theta, atol=1e-6)
    assert found.energy.value == pytest.approx(max(u @ u - d * tau**2, 0))
    stein = np.square(theta - u).sum() - d * tau**2 + 2 * tau**2 * freedom
    assert found.excess_risk.value == pytest.approx(min(max(stein, 0), error))
    assert found.noise.value == pytest.approx(error - found.excess_risk.value)
    relative = found.relative_error
    share = freedom / n
    assert relative == pytest.approx(relative_standard_error(r, n, (1 + share) / (1 - share)))
    assert found.energy.standard_error == pytest.approx(
        np.sqrt(2 * d * tau**4 + 4 * tau**2 * found.energy.value + (d * tau**2 * relative) ** 2)
    )
    assert found.excess_risk.standard_error == pytest.approx(
        np.sqrt(2 * d * tau**4 + (tau**2 * (d - 2 * freedom) * relative) ** 2)
    )
    own = found.noise.value * np.sqrt(2 / (n - freedom))  # of the variance of normal errors
    assert found.noise.standard_error == pytest.approx(np.hypot(own, found.excess_risk.standard_error))
    assert found.width is None


def test_the_quadratic_networks_numbers_are_those_of_the_formulas():
    data = sample(QUADRATIC, 5)
    fit = train(data, weight_decay=0.5, tolerance=1e-11)
    found = infer(data, fit)
    n, d, x, s = 400, 16, data.inputs, fit.weights.matrix()
    alpha, z = n / d**2, (np.einsum("mi,mj->mij", x, x) - np.eye(d)) / np.sqrt(d)
    r = data.labels - np.einsum("mij,ij->m", z, s)
    gradient = np.einsum("m,mij->ij", r, z) / (2 * alpha * d)
    rank = fit.weights.rank

    def divergence(share):
        """``A`` of the soft threshold on the eigenvalues of ``U``, from its definition."""
        values = np.linalg.eigvalsh(s + gradient / (1 - share))
        zeta = 0.5 / (4 * alpha * (1 - share))
        f = np.where(np.arange(d) >= d - rank, values - zeta, 0.0)
        i, j = np.triu_indices(d, 1)
        return (2 * ((f[j] - f[i]) / (values[j] - values[i])).sum() + 2 * rank) / d**2

    share = brentq(lambda share: share - divergence(share) / (2 * alpha), 0, 0.9)
    delta = np.sqrt(r @ r / n) / (1 - share) / (2 * np.sqrt(alpha))
    u = s + gradient / (1 - share)
    values = np.linalg.eigvalsh(u)[::-1]
    assert found.degrees_of_freedom == pytest.approx(share * n, rel=1e-4)
    assert found.noise_scale == pytest.approx(delta, rel=1e-4)
    assert found.threshold == pytest.approx(0.5 / (4 * alpha * (1 - share)), rel=1e-4)
    np.testing.assert_allclose(found.unbiased, u, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found.observed, values, rtol=1e-3, atol=1e-5)
    learned = np.linalg.eigvalsh(s)[::-1]
    np.testing.assert_allclose(found.learned, np.maximum(learned, 0), atol=1e-6)
    assert found.learned_features == rank
    # |(x x^T - 1) r|^2 as the rows have it: their lengths and the residuals go together
    noise = delta**2 * np.mean(r**2 * d * np.square(z).sum(axis=(1, 2))) / np.mean(r**2) / d**2
    assert found.energy.value == pytest.approx((values @ values) / d - noise, rel=1e-3)
    a, relative = 2 * alpha * share, found.relative_error
    stein = 2 * (np.square(u - s).sum() / d - noise + 2 * delta**2 * a)
    assert found.excess_risk.value == pytest.approx(stein, rel=1e-3)
    spread = relative_standard_error(r, n, (1 + share / 2) / (1 - share))
    assert relative == pytest.approx(np.hypot(spread, 0.9 * d / n), rel=1e-3)
    own = 4 * delta**4 / d**2 * (1 - a) ** 2 + (delta**2 * (1 - 2 * a) * relative) ** 2
    drift = 0.8 * stein / np.sqrt(n / d)
    assert found.excess_risk.standard_error == pytest.approx(np.hypot(1.2 * 2 * np.sqrt(own), drift), rel=1e-3)
    energy = 4 * delta**4 / d**2 + 8 * delta**2 * found.energy.value / d**2 + (noise * relative) ** 2
    assert found.energy.standard_error == pytest.approx(np.sqrt(energy), rel=1e-3)


def test_heavy_tails_raise_the_standard_error():
    square = np.random.default_rng(0).standard_t(3, 500)
    excess = np.mean(square**4) / np.mean(square**2) ** 2 - 3
    # what a sample shows of heavy tails is low: half as much again
    assert relative_standard_error(square, 400, 3.0) == pytest.approx(np.sqrt((2 + 1.5 * excess) / 400 * 3))
    assert relative_standard_error(np.array([1.0, -1.0, 1.0]), 3, 3.0) == pytest.approx(np.sqrt(2.0))
    assert relative_standard_error(np.zeros(3), 3, 3.0) == 0.0


def test_the_noise_edge_is_where_noise_ends(fitted):
    found = fitted[2]
    d, scale = found.dim, found.noise_scale
    by_hand = {"diagonal": scale * np.sqrt(2 * np.log(d)), "quadratic": 2 * scale * (1 + d ** (-2 / 3))}
    assert found.noise_edge == pytest.approx(by_hand[found.network])


def test_an_estimated_problem_reproduces_the_estimated_test_error(fitted):
    _, _, found = fitted
    teacher = PowerLaw(found.dim, 1.1, 0.9)
    for scale in (1.0, 1.2):
        problem = estimated_problem(found, teacher, 999, scale)
        here = Problem(found.network, teacher, found.samples)
        error, _ = moments(here, found.noise_scale * np.sqrt(scale), found.threshold)
        risk = error * {"diagonal": 1, "quadratic": 2}[found.network]
        assert problem.samples == 999
        assert problem.noise + risk == pytest.approx(scale * found.test_error.value)


@pytest.mark.parametrize("network", paper_networks())
def test_teachers_are_found_again_in_what_they_simulate(network):
    fitter, teacher = TEACHER_FITS.of(network)(), PowerLaw(300, 1.2, 2.0)
    observed = fitter.simulate(teacher, 0.05, np.random.default_rng(0))
    assert observed.shape == (300,)
    gamma, energy = fitter.fit(observed, 0.05, 300, np.array([1.0, 1.0]))
    assert gamma == pytest.approx(1.2, abs=0.1)
    assert energy == pytest.approx(2.0, rel=0.1)
    noise = fitter.simulate(PowerLaw(300, 1.2, 1e-12), 0.5, np.random.default_rng(0))
    spread = {"diagonal": 0.5, "quadratic": 0.5}[network]  # a semicircle of this scale has that standard deviation
    assert noise.std() == pytest.approx(spread, rel=0.1)


@pytest.mark.parametrize("dim", [8, 40])
def test_modes_seen_without_noise_give_the_teacher_away(dim):
    observed = PowerLaw(dim, 1.2, 2.0).values("quadratic")
    gamma, energy = TEACHER_FITS.of("quadratic")().fit(observed, 1e-4, dim, np.array([0.8, 1.0]))
    assert gamma == pytest.approx(1.2, rel=1e-3)
    assert energy == pytest.approx(2.0, rel=1e-3)


@pytest.mark.parametrize("network", paper_networks())
def test_a_fitted_teacher_has_the_energy_that_was_seen(network):
    fitter, d, scale = TEACHER_FITS.of(network)(), 200, 0.2
    unit = {"diagonal": 1.0, "quadratic": float(d)}[network]
    noise = {"diagonal": d * scale**2, "quadratic": scale**2 * (1 + 1 / d)}[network]
    observed = fitter.simulate(PowerLaw(d, 1.0, 3.0), scale, np.random.default_rng(3))
    energy = float(observed @ observed) / unit - noise
    error = {
        "diagonal": np.sqrt(2 * d * scale**4 + 4 * scale**2 * energy),
        "quadratic": np.sqrt(4 * scale**4 + 8 * scale**2 * energy) / d,
    }[network]
    assert abs(fitter.fit(observed, scale, d, np.array([1.5, 1.0]))[1] - energy) < 2 * error


def test_the_jump_of_pruning_single_weights_counts():
    """For nothing but noise of scale 1, what stays of it is lost twice: in what it adds, and in what Stein counts."""
    d, rng = 400, np.random.default_rng(0)
    data = sample(Problem("diagonal", PowerLaw(d, 1.0), 800, noise=0.5), 0)
    found = infer(data, train(data, weight_decay=0.5))
    changes = []
    for _ in range(300):
        noise = rng.standard_normal(d)
        pure = replace(found, noise_scale=1.0, threshold=0.2, unbiased=noise, observed=noise, learned=noise)
        selection = PRUNERS.of("diagonal")().select(pure, 1.5, "shrunk")
        changes.append((selection.change, np.square(selection.weights).sum() - np.square(noise).sum()))
    told, true = np.mean(changes, axis=0)
    # The weights stood as they were before: their risk is d.
    assert true == pytest.approx(-d * 0.4778, rel=0.02)  # E[z^2; |z| < 1.5]
    assert told == pytest.approx(true, rel=0.05)


def test_rough_errors_of_degrees_of_freedom():
    assert TEACHER_FITS.of("diagonal")().freedom_error(10, 64, 200) == pytest.approx(8 + 1.28)
    assert TEACHER_FITS.of("diagonal")().freedom_error(10, 150, 175) == pytest.approx(5 + 3)
    assert TEACHER_FITS.of("diagonal")().freedom_error(10, 0, 175) == pytest.approx(1)
    assert TEACHER_FITS.of("quadratic")().freedom_error(100, 64, 30) == pytest.approx(35)


def test_degrees_of_freedom_of_pruning_count_pairs_of_equal_eigenvalues():
    """By differences over all symmetric matrices; where eigenvalues agree the quotient is the mean of the slopes."""
    d, scale = 8, 0.3
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.standard_normal((d, d)))
    x = np.array([-0.2, 0.1, 0.3, 0.4, 1.5, 1.5, 1.5, 2.0])
    matrix = (basis * x) @ basis.T
    clean = PRUNERS.of("quadratic")().clean
    total, step = 0.0, 1e-5
    for i in range(d):
        for j in range(i + 1):
            direction = np.zeros((d, d))
            direction[i, j] = direction[j, i] = 1.0 if i == j else np.sqrt(0.5)
            ends = [clean(matrix + sign * step * direction, scale).estimate for sign in (1, -1)]
            total += float(((ends[0] - ends[1]) / (2 * step) * direction).sum())
    cleaned = clean(matrix, scale)
    assert cleaned.divergence * d**2 / 2 == pytest.approx(total, rel=1e-6)
    assert cleaned.threshold == pytest.approx(0.6 * 1.25) and cleaned.features == 4
    np.testing.assert_allclose(np.linalg.eigvalsh(cleaned.estimate)[4:], np.sqrt(x[4:] ** 2 - 0.36), rtol=1e-9)


def test_degrees_of_freedom_of_pruning_single_weights_hold_on_average():
    """By Stein's formula, for nothing but noise: its covariance with the estimate over its variance."""
    d, rng = 300, np.random.default_rng(0)
    clean = PRUNERS.of("diagonal")().clean
    draws = rng.standard_normal((4000, d)) * 0.7
    cleaned = [clean(u, 0.7) for u in draws]
    covariance = np.mean([u @ item.estimate for u, item in zip(draws, cleaned, strict=True)]) / 0.7**2
    assert np.mean([item.divergence for item in cleaned]) == pytest.approx(covariance, rel=0.1)
    assert cleaned[0].threshold == pytest.approx(0.7 * np.sqrt(2 * np.log(d)))
    assert clean(np.zeros(d), 0.0).features == 0


def test_what_selection_adds_to_the_risk_is_what_it_adds_on_average():
    for problem, scale in ((DIAGONAL, 1.0), (QUADRATIC, 2.0)):
        told, true = [], []
        for seed in range(20):
            data = sample(problem, seed)
            fit = train(data, weight_decay=0.2)
            pruned = prune(fit, infer(data, fit), values="kept")
            told.append(pruned.test_error.value - pruned.test_error_before.value)
            weights = pruned.weights if problem.network == "diagonal" else pruned.weights.matrix()
            truth = data.weights if problem.network == "diagonal" else data.weights.matrix()
            dim = 1 if problem.network == "diagonal" else data.dim
            true.append(scale * np.square(weights - truth).sum() / dim - fit.excess_risk(data))
        error = np.std(np.subtract(told, true)) / np.sqrt(20)
        assert abs(np.mean(told) - np.mean(true)) < 4 * error


def test_single_checks_name_the_network_that_needs_them():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((4000, 5))
    tails = np.sign(x) * np.abs(x) ** 1.12  # mean kurtosis of about 3.6: too much for the quadratic network alone
    for network, expected in (("diagonal", set()), ("quadratic", {"kurtosis"})):
        data = tails / tails.std(axis=0), rng.standard_normal(4000)
        fit = train(data, network=network, weight_decay=3.0)
        names = {concern.name for concern in check_assumptions(*data, infer(data, fit)).concerns}
        assert names & {"kurtosis"} == expected


def test_concerns_are_json_whatever_was_found():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((100, 4))
    x[:, 1] += x[:, 0]
    bad = np.repeat(x, 2, axis=0) * rng.exponential(1, (200, 1)) + 1
    for inputs in (x, bad):
        for network in paper_networks():
            labels = inputs[:, 0] ** 2 + inputs[:, 1] * rng.standard_t(2, inputs.shape[0])
            fit = train((inputs, labels), network=network, weight_decay=3.0, throw=False)
            diagnosis = check_assumptions(inputs, labels, infer((inputs, labels), fit))
            assert diagnosis.concerns
            for concern in diagnosis.concerns:
                assert type(concern.serious) is bool and type(concern.statistic) is float
            assert json.loads(json.dumps(diagnosis.to_dict()))["ok"] is diagnosis.ok
    told = {"name": "a", "serious": True, "statistic": 1.0, "message": "b", "voids": ["noise"]}
    told |= {"p_value": None, "advice": "", "expected": None}
    assert Concern("a", np.bool_(True), np.float64(1.0), "b", ("noise",)).to_dict() == told


def test_weights_without_energy_have_no_teacher():
    data = np.random.default_rng(0).standard_normal((50, 1)), np.random.default_rng(1).standard_normal(50)
    with pytest.raises(EstimateUndefined, match="two weights"):
        fit_power_law_teacher(infer(data, train(data, network="diagonal", weight_decay=1.0)))


@pytest.mark.parametrize(("lengths", "serious"), [("mild", False), ("wild", True)])
def test_uneven_rows_put_the_estimate_in_doubt_where_they_are_wild(lengths, serious):
    rng = np.random.default_rng(0)
    squares = {"mild": rng.uniform(0.4, 1.6, 2000), "wild": rng.exponential(1, 2000) ** 2 / 2}[lengths]
    inputs = rng.standard_normal((2000, 20)) * np.sqrt(squares)[:, None]
    found = {concern.name: concern.serious for concern in check_inputs(inputs, "diagonal")}
    assert found["row norms"] is serious


@pytest.mark.parametrize("size", [5, CELLS, CELLS + 1, 5000])
def test_sizes_of_weights_are_grouped_but_for_the_largest(size):
    sizes = np.sort(np.random.default_rng(0).standard_normal(size) ** 2)
    points, counts = _cells(sizes)
    assert points.size == counts.size == min(size, CELLS)
    assert (np.diff(points) > 0).all() and counts.sum() == size
    assert counts @ points == pytest.approx(sizes.sum())
    alone = min(size, CELLS // 3)
    np.testing.assert_array_equal(points[-alone:], sizes[-alone:])
    assert counts[-alone:].max() == 1 and (size == alone or np.ptp(counts[:-alone]) <= 1)
