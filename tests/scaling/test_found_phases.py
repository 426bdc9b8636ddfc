"""How phases are told from computed numbers, on numbers made up for the purpose."""

import numpy as np
import pytest

from shallows import PowerLaw, Problem
from shallows.phases import phase_at, predicted_exponents
from shallows.scaling.found_phases import (
    NAMES,
    analytic_phases,
    exponent_distances,
    interpolation_peak,
    numerical_phases,
)
from shallows.scaling.plane import Plane, Predictions

D, GAMMA = 400, 1.25
NOISE = 0.1


def made_up(network, effective_samples, *, risk=0.5, noise_scale=1.0, threshold=0.1, slack=0.1):
    """Predictions at one weight decay; every number is one for all samples, or one for each."""
    unit = D if network == "quadratic" else 1
    samples = np.atleast_1d(effective_samples) * float(unit)
    plane = Plane(Problem(network, PowerLaw(D, GAMMA), 1000, NOISE), samples, np.array([1.0]))
    risk, noise_scale, threshold, slack = (
        np.broadcast_to(value, samples.size).astype(float)[:, None] for value in (risk, noise_scale, threshold, slack)
    )
    data = {"excess_risk": risk, "noise_scale": noise_scale, "threshold": threshold}
    return Predictions(plane, data | {"train_error": slack**2 * (NOISE + risk)}, np.full(risk.shape, "converged"))


def phases(found, slope_n=0.0, slope_lam=0.0):
    shape = found.data["excess_risk"].shape
    slopes = [np.broadcast_to(slope, shape[0]).astype(float)[:, None] for slope in (slope_n, slope_lam)]
    codes, distance = numerical_phases(found, *slopes)
    names = [NAMES[code] if code >= 0 else None for code in codes[:, 0]]
    expected = exponent_distances(found.plane, *slopes)
    for i, name in enumerate(names):  # how far the exponents are from the phase's own
        if name in expected:
            assert distance[i, 0] == expected[name][i, 0]
        else:
            assert np.isnan(distance[i, 0])
    return names


MODES = {name: PowerLaw(D, GAMMA).values(name) for name in ("diagonal", "quadratic")}


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
@pytest.mark.parametrize(
    ("risks", "slack", "peak"),
    [
        ([1, 3, 2, 1, 1, 1], 0.1, 2),
        ([1, 3, 2, 4, 3, 1], 0.1, 8),  # of two the later one
        ([1, 3, 2, 4, 3, 1], [0.1, 0.1, 0.1, 0.75, 0.8, 0.9], 2),  # where enough of the samples is fitted
        ([1, 3, 2, 4, 3, 1], [0.1, 0.1, 0.1, 0.65, 0.8, 0.9], 8),
        ([1, 3, 2, 1, 1, 1], 0.9, None),
        ([1, 2, 3, 4, 5, 6], 0.1, None),
        ([6, 5, 4, 3, 2, 1], 0.1, None),
        ([1, 2, 2, 1, 1, 1], 0.1, None),  # level to rounding
        ([np.nan, 3, 2, 1, 1, 1], 0.1, 2),
        ([1, 3, np.nan, 1, 1, 1], 0.1, 2),
    ],
)
def test_the_interpolation_peak_is_the_last_at_which_samples_are_fitted(network, risks, slack, peak):
    found = made_up(network, [1, 2, 4, 8, 16, 32], risk=risks, slack=slack)
    np.testing.assert_array_equal(interpolation_peak(found), [np.nan if peak is None else peak])


def test_less_than_one_effective_sample_has_no_peak():
    risks = [1, 3, 2, 1]
    assert np.isnan(interpolation_peak(made_up("quadratic", [0.2, 0.4, 0.8, 1.6], risk=risks)))
    assert interpolation_peak(made_up("quadratic", [0.5, 1.1, 2, 4], risk=risks)) == pytest.approx(1.1)


def test_asymptotic_phases_are_those_of_the_exponents():
    plane = Plane(
        Problem("quadratic", PowerLaw(D, GAMMA), 1, 0.1, width=4),
        D * D ** np.array([0.2, 1.2]),
        D ** np.array([-1.0, 0.5]),
    )
    codes = analytic_phases(plane, 10.0)  # sqrt(d/p): weight decay over penalty
    for i, nu in enumerate((0.2, 1.2)):
        for j, power in enumerate((-1.0, 0.5)):
            ell = power - np.log(10) / np.log(D)
            assert NAMES[codes[i, j]] == phase_at("quadratic", nu, ell, GAMMA).name


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_distances_are_the_larger_departure_of_the_two_exponents(network):
    plane = made_up(network, [20.0]).plane
    for name, (first, second) in predicted_exponents(network, GAMMA).items():
        if first is None:
            first = 1 / np.log(D / 20) if name == "V" else 17.0  # the peak has none in the samples
        for shift_n, shift_lam in ((0.0, 0.0), (0.25, -0.125), (-0.125, 0.25)):
            slopes = np.array([[first + shift_n]]), np.array([[second + shift_lam]])
            expected = abs(shift_lam) if name == "peak" else max(abs(shift_n), abs(shift_lam))
            assert exponent_distances(plane, *slopes)[name] == pytest.approx(expected, abs=1e-12)


def test_the_logarithm_of_phase_five_ends_at_as_many_samples_as_weights():
    plane = made_up("diagonal", [D / 2, D, 2 * D]).plane
    away = exponent_distances(plane, np.zeros((3, 1)), np.zeros((3, 1)))["V"]
    np.testing.assert_allclose(away[:, 0], [1 / np.log(2), np.inf, np.inf])


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_points_without_a_bulk_are_told_by_what_is_learned(network):
    modes = MODES[network]
    exponents = predicted_exponents(network, GAMMA)
    two, three = ({"slope_n": exponents[name][0], "slope_lam": exponents[name][1]} for name in ("II", "III"))

    def strong(level, **numbers):
        """Threshold beyond the bulk, and teacher modes above `level` learned."""
        threshold = level * (1.25 if network == "quadratic" else 1.0)  # of which the noise is a fifth
        return made_up(network, 50.0, noise_scale=0.25 * level, threshold=threshold, **numbers)

    assert phases(strong(1.01 * modes[0])) == ["Ib"]
    assert phases(strong(0.99 * modes[0]), **two) == ["II"]
    assert phases(strong(0.99 * modes[0]), **three) == ["III"]
    null = {"diagonal": 1.0, "quadratic": 2.0}[network]
    assert phases(strong(0.99 * modes[0], risk=0.91 * null), **two) == ["Ib"]
    assert phases(strong(0.99 * modes[0], risk=0.89 * null), **two) == ["II"]
    half = np.sqrt(modes[D // 2 - 1] * modes[D // 2])  # half of the modes lie above
    assert phases(strong(half), **two) == ["III"]
    assert phases(strong(1.02 * half), **two) == ["II"]


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_points_with_a_bulk_are_told_by_what_is_fitted(network):
    modes = MODES[network]
    edge = 2.0 if network == "quadratic" else np.sqrt(2 * np.log(D))

    def weak(scale, slack, **numbers):
        return made_up(network, 50.0, noise_scale=scale, threshold=0.99 * edge * scale, slack=slack, **numbers)

    assert phases(weak(1.01 * modes[0], 0.1)) == ["Ia"]
    assert phases(weak(0.99 * modes[0], 0.49), slope_n=0.4) == ["V"]
    assert phases(weak(0.99 * modes[0], 0.51), slope_n=0.4) == ["VIa"]
    half = np.sqrt(modes[D // 2 - 1] * modes[D // 2])
    assert phases(weak(half, 0.51)) == ["VIb"]
    assert phases(weak(1.02 * half, 0.51)) == ["VIa"]
    if network == "quadratic":  # benign until the slopes of IV and V are equally far
        middle = 0.5 * (-1 + 1 / (2 * GAMMA) + 0.4)
        assert phases(weak(0.99 * modes[0], 0.1), slope_n=middle - 0.01) == ["IV"]
        assert phases(weak(0.99 * modes[0], 0.1), slope_n=middle + 0.01) == ["V"]
    unsolved = weak(modes[0], 0.1, risk=np.nan)
    assert phases(unsolved) == [None]


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_the_ridge_lies_about_the_highest_risk(network):
    scale = 0.5 * MODES[network][0]
    risk = [0.1, 0.2, 0.4, 0.8, 0.4, 0.2, 0.1]
    found = made_up(network, [2, 4, 8, 16, 32, 64, 128], risk=risk, noise_scale=scale, threshold=0.1 * scale, slack=0.1)
    assert interpolation_peak(found) == 16
    ridge = phases(found, slope_n=0.4, slope_lam=-2 / 3)
    assert ridge == ["V", "V", "peak", "peak", "peak", "VIa", "VIa"]  # within a factor of three
    for off in (-0.34, 0.34):
        assert phases(found, slope_n=0.4, slope_lam=-2 / 3 + off) == ridge
    for off in (-0.36, 0.36):
        none = phases(found, slope_n=0.4, slope_lam=-2 / 3 + off)
        assert none == ["V"] * 4 + ["VIa"] * 3
    if network == "quadratic":  # next to the peak the slope in the samples says nothing of IV
        assert phases(found, slope_n=-1.0) == ["IV", "IV", "V", "V", "VIa", "VIa", "VIa"]
