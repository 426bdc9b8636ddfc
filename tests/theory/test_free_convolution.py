"""Contour integrals against random matrices and against integrals along the real axis."""

import math
from dataclasses import replace

import numpy as np
import pytest
from twins import spectral_moments

from shallows import LowRank, PowerLaw, Problem
from shallows.freeprob.bands_and_edges import bands, bulk_edge, mode_positions
from shallows.freeprob.contour import find_position, find_quantile, height, mass_above, position, stieltjes
from shallows.state_evolution import moments

TEACHERS = [PowerLaw(150, 0.75), PowerLaw(150, 1.25), LowRank(150, 4), PowerLaw(150, 2.0)]


@pytest.mark.parametrize("teacher", TEACHERS, ids=lambda t: t.describe())
@pytest.mark.parametrize("delta,kappa", [(0.05, 0.5), (0.3, 1.0), (1.0, 0.0), (1.0, 1.7), (3.0, 1.9), (3.0, 2.3)])
@pytest.mark.parametrize("width", [None, 12])
def test_moments_match_random_matrices(teacher, delta, kappa, width):
    seed = [round(100 * delta), round(10 * kappa), width or 0, TEACHERS.index(teacher)]
    problem = Problem("quadratic", teacher, 100, width=width)
    error, dof = moments(problem, delta, kappa * delta)
    mean, stderr = spectral_moments(
        teacher.values("quadratic"), delta, kappa * delta, np.random.default_rng(seed), 60, width
    )
    # 1/d corrections: the matrices are finite
    assert error == pytest.approx(mean[0], abs=4.5 * stderr[0] + 0.003 * (1 + delta**2))
    assert dof == pytest.approx(mean[1], abs=4.5 * stderr[1] + 0.002)


@pytest.mark.parametrize("teacher", TEACHERS, ids=lambda t: t.describe())
@pytest.mark.parametrize("delta", [0.02, 0.4, 2.0])
def test_contour_equals_real_axis(teacher, delta):
    """The same functionals as integrals of the density over its bands (another route altogether)."""
    teacher = replace(teacher, dim=50)
    spectrum = teacher.spectrum("quadratic")
    s, w, variance = spectrum.values, spectrum.weights, delta**2
    zeta = 0.7 * delta
    energy = w @ s**2
    mass = q = a = overlap = 0.0
    for low, high in bands(variance, s, w):
        middle, half = (low + high) / 2, (high - low) / 2
        angles = np.pi * (np.arange(3000) + 0.5) / 3000
        for angle in angles:
            u = middle - half * math.cos(angle)
            v = height(u, variance, s, w)
            weights = w / ((u - s) ** 2 + v * v)
            g_re = stieltjes(u, v, s, w)[0]
            x = u + variance * g_re
            p, slope = (weights**2 / w).sum(), (weights**2 / w * (u - s)).sum()
            dx = 2 * variance * (v * v * p + slope**2 / p) * half * math.sin(angle) * np.pi / 3000 if v > 0 else 0.0
            rho = v / (np.pi * variance)
            f = max(x - zeta, 0.0)
            mass += rho * dx
            q += f * f * rho * dx
            a += 2 * f * g_re * rho * dx
            overlap += f * variance * (weights @ s) * rho * dx
    assert mass == pytest.approx(1.0, abs=1e-5)
    error, dof = moments(Problem("quadratic", teacher, 100), delta, zeta)
    assert error == pytest.approx(energy + q - 2 * overlap, rel=1e-4, abs=2e-5)
    assert dof == pytest.approx(a, rel=2e-5, abs=1e-6)


def test_semicircle_alone():
    s, w = np.zeros(1), np.ones(1)
    for x in (-1.9, -0.3, 0.0, 1.0, 1.99):
        u = find_position(x, 1.0, s, w)
        assert position(u, 1.0, s, w)[0] == pytest.approx(x, abs=1e-12)
        assert height(u, 1.0, s, w) == pytest.approx(math.sqrt(4 - x * x) / 2, rel=1e-7)
    assert mass_above(0.0, 1.0, 1.0, s, w) == pytest.approx(0.5, abs=1e-14)


def test_quantile_inverts_mass():
    spectrum = PowerLaw(300, 1.0).spectrum("quadratic")
    s, w = spectrum.values, spectrum.weights
    for share in (0.001, 0.02, 0.2, 0.7):
        u = find_quantile(share, 0.25, s, w)
        assert mass_above(u, height(u, 0.25, s, w), 0.25, s, w) == pytest.approx(share, abs=1e-12)


def test_outliers_follow_the_transition():
    """``nu = s + delta^2/s``, up to 1/d, above the noise scale; nothing separates below it."""
    problem = Problem("quadratic", LowRank(3000, 3, profile=[3.0, 2.0, 1.0], energy=14 / 3000), 100)
    s, w = problem.spectrum.values, problem.spectrum.weights
    assert s[:3] == pytest.approx([3.0, 2.0, 1.0])
    for delta in (0.3, 0.7):
        found = mode_positions(3, delta**2, s, w)
        assert found == pytest.approx(s[:3] + delta**2 / s[:3], abs=5e-3)
        edge, separated = bulk_edge(delta**2, s, w)
        assert separated
        assert position(edge, delta**2, s, w)[0] == pytest.approx(2 * delta, rel=5e-3)
    edge, _ = bulk_edge(2.5**2, s, w)
    assert (s > 2.5).sum() == 1
    assert position(edge, 2.5**2, s, w)[0] == pytest.approx(5.0, rel=5e-3)
