"""The deep quadratic network: the jump of its threshold, moments, law, against plain twins and spot values."""

import math

import numpy as np
import pytest
from scipy import optimize
from twins import goe

from shallows import FromValues, LowRank, PowerLaw, Problem, predict
from shallows.denoisers import SpectralPowerThreshold, power_threshold_for_penalty, spectral_divergence
from shallows.freeprob.bands_and_edges import bands
from shallows.freeprob.contour import edge_above, find_position, height, position
from shallows.freeprob.paths import FINE, NO_BRANCH, ROUGH, USUAL, path_above, path_between
from shallows.freeprob.power_contour import _integrated, power_integrals
from shallows.freeprob.power_threshold import (
    branch_distance,
    continued,
    continued_along,
    shrunk,
    unit_of_threshold,
)
from shallows.networks import Quadratic
from shallows.phases import phase_at, predicted_exponents
from shallows.power_prox import jump_of
from shallows.spectra import decompose, learned_law
from shallows.state_evolution import moments, solve
from shallows.state_evolution.deep_quadratic import power_moments, power_moments_at
from shallows.state_evolution.quadratic import quadratic_moments_at


@pytest.mark.parametrize("power", [1.0, 0.5, 1 / 3, 0.1])
def test_the_threshold_is_the_global_minimum_and_jumps_where_two_are_equal(power):
    zeta = 0.7
    unit = unit_of_threshold(zeta, power)
    grid = np.linspace(0, 6, 600001)
    for x in (-1.0, 0.3, 0.9, 1.2, 1.7, 5.0):
        best = grid[np.argmin((x - grid) ** 2 / 2 + zeta * grid**power)]
        assert shrunk(x, unit, power)[0] == pytest.approx(best, abs=2e-5)
    edge, top = (unit * part for part in jump_of(power))
    assert (edge - top) ** 2 / 2 + zeta * top**power == pytest.approx(edge**2 / 2, rel=1e-12)
    assert shrunk(edge * (1 - 1e-9), unit, power)[0] == 0 and shrunk(edge * (1 + 1e-9), unit, power)[0] >= top
    h, x = 1e-5, 2.5 * edge
    slope = (shrunk(x + h, unit, power)[0] - shrunk(x - h, unit, power)[0]) / (2 * h)
    assert shrunk(x, unit, power)[1] == pytest.approx(slope, rel=1e-8)


@pytest.mark.parametrize("power", [1.0, 0.5, 1 / 3, 0.1])
def test_the_continuation_solves_its_equation_in_the_whole_half_plane(power):
    zeta, rng = 0.7, np.random.default_rng(0)
    unit = unit_of_threshold(zeta, power)
    for _ in range(300):
        x = unit * 10 ** rng.uniform(-3, 4) * np.exp(1j * rng.uniform(0, np.pi))
        t = x - continued(x, unit, power)
        assert abs(t + zeta * power * t ** (power - 1) - x) < 1e-11 * max(abs(x), abs(t))
        assert t.imag > 0 or power == 1.0
    for x in unit * jump_of(power)[0] * np.array([1.0 + 1e-9, 1.5, 20.0]):
        assert x - continued(complex(x, 0.0), unit, power).real == pytest.approx(shrunk(x, unit, power)[0], rel=1e-9)
    if power < 1.0:  # analytic up to the branch point, left of the jump
        x = unit * (jump_of(power)[0] - 0.9 * branch_distance(power))
        t = x - continued(complex(x, 0.0), unit, power)
        assert abs(t + zeta * power * t ** (power - 1) - x) < 1e-9 and abs(t.imag) < 1e-7


@pytest.mark.parametrize("layers", [2, 3, 7])
def test_the_continuation_from_a_neighbour_is_that_from_nowhere(layers):
    """Whatever the neighbour: next to the point, far from it, or of another root of the same equation."""
    power, unit, rng = 1 / layers, 0.8, np.random.default_rng(layers)
    for _ in range(300):
        x = unit * 10 ** rng.uniform(-1, 4) * np.exp(1j * rng.uniform(0, np.pi))
        taken = continued(x, unit, power)
        root = ((x - taken) / unit) ** power
        for near in (root, root * (1 + 0.05j), rng.normal() + 1j * rng.normal(), root.conjugate(), -root, 0j):
            found, at = continued_along(x, unit, layers, complex(near))
            assert found == pytest.approx(taken, rel=1e-9) and at == pytest.approx(root, rel=1e-9)
    edge = jump_of(power)[0]
    for x in unit * edge * np.array([1.0 + 1e-6, 1.2, 30.0]):  # on the axis there is a smaller root as well
        small = optimize.brentq(lambda t, x=x: t + power * t ** (power - 1) - x / unit, 1e-9, jump_of(power)[1] * 0.9)
        for near in (small**power, 0.9 * small**power):
            found, _ = continued_along(complex(x, 0.0), unit, layers, complex(near))
            assert x - found.real == pytest.approx(shrunk(x, unit, power)[0], rel=1e-9)


@pytest.mark.parametrize("branch", [NO_BRANCH, 0.299 + 0.7j, 0.2 + 3.0j])
def test_paths_integrate_what_is_analytic(branch):
    """Logarithms: between their ends, whatever branch point is next to the path."""
    atom, start, end = -0.1, 0.3 + 1e-3j, 2.0 + 0.02j
    for fineness, accuracy in ((ROUGH, 1e-6), (USUAL, 1e-13), (FINE, 1e-13)):
        points, steps = path_above(start.real, start.imag, 2.5, 0.2, branch, fineness)
        radius = 3 * (2.5 - start.real)
        whole = np.log((start.real + radius - atom) / (start - atom))
        assert np.sum(steps / (points - atom)) == pytest.approx(whole, abs=accuracy)
    points, steps = path_between(start.real, start.imag, 0.2, end.real, end.imag, 0.05, branch, FINE)
    assert np.sum(steps / (points - atom)) == pytest.approx(np.log((end - atom) / (start - atom)), abs=1e-13)
    near = np.abs(points - branch).min()
    assert near > 1e-3 and (points.imag > 0).all()


def test_a_branch_point_next_to_the_path_costs_panels_not_accuracy():
    """A root with its branch point left of the path."""
    branch = 0.28 + 0.9j
    points, steps = path_above(0.3, 0.01, 2.5, 0.2, branch, USUAL)
    plain, _ = path_above(0.3, 0.01, 2.5, 0.2, NO_BRANCH, USUAL)
    assert points.size > plain.size

    def rooted(z):  # its cut goes to the left
        return np.sqrt(z - branch)

    def integral(z):
        return 2 / 3 * rooted(z) ** 3

    far = complex(0.3 + 3 * 2.2, 0.0)
    assert np.sum(steps * rooted(points)) == pytest.approx(integral(far) - integral(0.3 + 0.01j), abs=1e-9)


def height_over(u_edge, wanted, variance, s, w):
    """The point of the band left of its upper edge where the subordination curve is as high as wanted."""
    scale = math.sqrt(variance)
    return (
        u_edge
        - optimize.brentq(lambda t: height(u_edge - scale * t, variance, s, w) - wanted, 1e-16, 0.3, xtol=1e-18) * scale
    )


@pytest.mark.parametrize("teacher", [LowRank(500, 3), PowerLaw(400, 1.25)])
def test_a_sliver_next_to_the_edge_keeps_its_relative_accuracy(teacher):
    """What is kept has a mass as the cube of the height of the curve; what the long way to it cancels is of order 1."""
    spectrum = teacher.spectrum("quadratic")
    s, w, power = spectrum.values, spectrum.weights, 0.5
    variance = 30.0 * s[0] ** 2  # nothing sticks out
    edge = edge_above(s[0] + 0.2 * math.sqrt(variance), variance, s, w)
    assert height(edge * (1 + 1e-9), variance, s, w) == 0 < height(edge * (1 - 1e-9), variance, s, w)
    shares = []
    for share in (0.09, 1e-3, 1e-5):
        u = height_over(edge, share * math.sqrt(variance), variance, s, w)
        unit = position(u, variance, s, w)[0] / jump_of(power)[0]
        shares.append(power_moments(u, unit, power, variance, s, w, USUAL)[1] / height(u, variance, s, w) ** 3)
    assert shares[1] == pytest.approx(shares[2], rel=1e-5) and shares[0] == pytest.approx(shares[1], rel=0.05)
    u = height_over(edge, 0.05 * math.sqrt(variance), variance, s, w)
    unit, v = position(u, variance, s, w)[0] / jump_of(power)[0], height(u, variance, s, w)
    points, steps = path_above(u, v, s[0], 0.05 * math.sqrt(variance), NO_BRANCH, FINE)
    long_way = _integrated(points, steps, unit, power, variance, s, w)
    assert power_integrals(u, v, unit, power, variance, s, w, FINE) == pytest.approx(long_way, rel=1e-8)
    assert math.isinf(edge_above(s[0] - 1e-6, 1e-6 * s[0] ** 2, s, w))  # atoms apart: one comes first


def test_the_parts_add_up_where_next_to_nothing_is_kept():
    """The jump is next to the edge of the bulk: what is kept hangs on the last digits of the threshold."""
    for problem, penalty in (
        (Problem(Quadratic(3), LowRank(1078, 3), 1, 2560.0), 3.4546e-6),
        (Problem(Quadratic(3), PowerLaw(12359, 1.624, 30.67), 1.877, 237.7), 2.172e-3),  # thresholds to rounding
    ):
        found = predict(problem, penalty=penalty)
        assert 0 < 1 - found.spectrum.mass_at_zero < 1e-6 and found.residual < 1e-8
        assert found.decomposition.total == pytest.approx(found.excess_risk, rel=1e-10)


def density_and_transform(x, delta, modes):
    """Density and real part of the Stieltjes transform: roots of a polynomial, nothing of subordination curves."""
    # g = mean 1/(z - delta^2 g - s): with w = z - delta^2 g, (z - w)/delta^2 * prod(w - s) = mean prod_(others)(w - s)
    whole = np.poly(modes)
    left = np.polymul([-1.0, x], whole) / delta**2
    right = np.mean([np.poly(np.delete(modes, i)) for i in range(modes.size)], axis=0)
    w = np.roots(np.polysub(left, right))
    best = w[np.argmax(w.imag)]
    g = (x - best) / delta**2
    return -g.imag / math.pi, g.real


def plain_moments(delta, zeta, power, modes):
    """``(E, A)`` by Gauss-Legendre quadrature over the density between the edges of its bands."""
    weights = np.full(modes.size, 1 / modes.size)
    unit = zeta ** (1 / (2 - power))
    cut = unit * jump_of(power)[0]
    nodes, lengths = np.polynomial.legendre.leggauss(120)
    q = overlap = freedom = 0.0
    for low, high in bands(delta**2, np.sort(modes)[::-1].copy(), weights):
        low, high = (position(end, delta**2, np.sort(modes)[::-1].copy(), weights)[0] for end in (low, high))
        if max(low, cut) >= high:
            continue
        middle, half = (low + high) / 2, (high - low) / 2
        start = np.arccos(np.clip((middle - max(low, cut)) / half, -1, 1))
        angles = start + (np.pi - start) * (nodes + 1) / 2
        for angle, length in zip(angles, lengths * (np.pi - start) / 2, strict=True):
            x = middle - half * np.cos(angle)
            density, transform = density_and_transform(x, delta, modes)
            f = shrunk(x, unit, power)[0]
            weight = density * half * np.sin(angle) * length
            # x - w is delta^2 g, and mean s/(w - s) = w g - 1
            g = complex(transform, -math.pi * density)
            q += f * f * weight
            freedom += 2 * f * transform * weight
            overlap += f * (-((x - delta**2 * g) * g).imag / math.pi) * weight / density if density > 0 else 0.0
    return np.mean(modes**2) - 2 * overlap + q, freedom


@pytest.mark.parametrize("power", [1.0, 0.5, 1 / 3])
@pytest.mark.parametrize(("delta", "zeta"), [(0.5, 0.2), (0.3, 0.6), (1.5, 1.0), (0.8, 1e-3)])
def test_moments_agree_with_quadrature_over_the_density(power, delta, zeta):
    modes = np.array([3.0, 1.5, 0.7, 0.2, 0.0])
    found = power_moments_at(delta, unit_of_threshold(zeta, power), power, modes, np.full(5, 0.2), FINE)
    assert found == pytest.approx(plain_moments(delta, zeta, power, modes), rel=1e-7, abs=1e-9)


def test_power_one_is_the_soft_threshold():
    spectrum = PowerLaw(60, 1.0).spectrum("quadratic")
    for delta, zeta in ((0.4536, 0.189), (0.2, 0.05), (1.5, 2.0), (0.05, 0.5)):
        args = (spectrum.values, spectrum.weights)
        assert power_moments_at(delta, zeta, 1.0, *args, FINE) == pytest.approx(
            quadratic_moments_at(delta, zeta, 1.0, *args), rel=1e-9
        )


@pytest.mark.parametrize("depth", [2, 3])
def test_moments_and_law_agree_with_random_matrices(depth):
    dim, delta, zeta, draws = 300, 0.6, 0.4, 10
    problem = Problem(Quadratic(depth), PowerLaw(dim, 1.0), 1000)
    modes, rng = problem.teacher.values(problem.network), np.random.default_rng(depth)
    law = learned_law(problem, delta, zeta)
    rule = SpectralPowerThreshold(zeta, depth)
    rows, ranked = [], []
    for _ in range(draws):
        values, vectors = np.linalg.eigh(np.diag(modes) + delta * goe(dim, rng))
        found = rule.apply(values, delta)
        estimate = (vectors * found.values) @ vectors.T
        rows.append([((estimate - np.diag(modes)) ** 2).sum() / dim, found.divergence, (found.values > 0).mean()])
        ranked.append(found.values[::-1][:12])
        assert found.values[found.values > 0].min() >= law.smallest
    mean, error = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / math.sqrt(draws)
    expected = np.array([*moments(problem, delta, zeta), 1 - law.mass_at_zero])
    assert np.all(np.abs(mean - expected) < 4 * error + 2 / dim * expected)
    places = law.rank_positions(np.arange(1.0, 13.0))
    spread = np.std(ranked, axis=0, ddof=1) / math.sqrt(draws)
    assert np.all(np.abs(np.mean(ranked, axis=0) - places) < 5 * spread + 0.03 * places)


@pytest.mark.parametrize("zeta", [0.0, 0.05, 0.189, 1.0, 5.0])
def test_the_law_adds_up(zeta):
    problem = Problem(Quadratic(2), PowerLaw(60, 1.0), 2400, 0.3)
    law = learned_law(problem, 0.4536, zeta)
    assert decompose(law).total == pytest.approx(2 * moments(problem, 0.4536, zeta)[0], rel=1e-10)
    # in the noisy eigenvalue, in which the density is smooth between the jump and the edges
    s, w = problem.spectrum.values, problem.spectrum.weights
    ends = [position(u, 0.4536**2, s, w)[0] for band in bands(0.4536**2, s, w) for u in band]
    total = 0.0
    for low, high in zip(ends[::2], ends[1::2], strict=True):
        low = max(low, law._reach)
        if low < high:
            angle = (np.arange(2000) + 0.5) * np.pi / 2000
            noisy = (low + high) / 2 - (high - low) / 2 * np.cos(angle)
            kept = np.array([shrunk(x, law._unit, 0.5) for x in noisy])
            total += np.sum(law.density(kept[:, 0]) * kept[:, 1] * np.sin(angle)) * (high - low) / 2 * np.pi / 2000
    assert total == pytest.approx(1 - law.mass_at_zero, abs=2e-4)
    assert law.density([0.5 * law.smallest])[0] == 0


def test_without_noise_the_spectrum_is_the_teachers_thresholded():
    problem = Problem(Quadratic(2), FromValues([3.0, 1.6, 1.4, 0.0]), 10)
    law = learned_law(problem, 0.0, 1.0)
    assert law.mass_at_zero == 0.5 and law.bulk is None
    learned = [shrunk(3.0, 1.0, 0.5)[0], shrunk(1.6, 1.0, 0.5)[0], 0.0, 0.0]
    assert [outlier.learned for outlier in law.outliers] == pytest.approx(learned[:2])
    assert law.rank_positions(np.arange(1.0, 5.0)) == pytest.approx(learned)


#: Theory note, section 14: gamma, samples, noise, weight decay; penalty, E, delta, zeta, A.
SPOTS = [
    (1.0, 2400, 0.3, 1.0, 0.2582, 0.1244, 0.4536, 0.1890, 0.6503),
    (1.25, 3600, 0.2, 2.0, 0.5164, 0.0361, 0.2609, 0.1662, 0.4469),
]


@pytest.mark.parametrize(("gamma", "samples", "noise", "decay", "penalty", "error", "delta", "zeta", "freedom"), SPOTS)
def test_spot_values(gamma, samples, noise, decay, penalty, error, delta, zeta, freedom):
    problem = Problem(Quadratic(2), PowerLaw(60, gamma), samples, noise)
    found = predict(problem, weight_decay=decay)
    numbers = [found.penalty, found.estimation_error, found.noise_scale, found.threshold]
    assert [*numbers, found.degrees_of_freedom * 2 / 3600] == pytest.approx(
        [penalty, error, delta, zeta, freedom], rel=1e-3
    )
    assert found.bayes_risk == predict(Problem("quadratic", PowerLaw(60, gamma), samples, noise), penalty=1).bayes_risk


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_harmful_overfitting_tends_to_a_constant(depth):
    """With few samples and no penalty noise is learned at full size, ``2 (k - 1)`` times: docs/theory.md."""
    found = solve(Problem(Quadratic(depth), PowerLaw(10**12, 1.5), 10.0**18, noise=1e4), weight_decay=0.0)
    assert 2 * found.estimation_error / 1e4 == pytest.approx(2 * (depth - 1), rel=0.01)


def test_phases_depend_on_the_power_of_the_penalty():
    assert predicted_exponents("quadratic:depth=2", 1.25)["II"] == pytest.approx((-0.8, 0.8))
    assert predicted_exponents("quadratic:depth=2", 1.25)["V"] == (0.0, 0.0)
    assert "IV" not in predicted_exponents("quadratic:depth=3", 1.25)
    # the borders: noise line ell = (nu - 1)/4, plateau nu = ell + 1/4, all modes nu = ell + 1/4 + 3 gamma/2
    for nu, ell, name in [
        (0.6, -0.09, "II"), (0.6, -0.11, "V"), (0.4, 0.16, "Ib"), (0.4, 0.14, "II"),
        (3.0, 0.89, "II"), (3.0, 0.86, "III"), (3.0, 0.64, "III"), (3.0, 0.61, "VIb"), (2.4, 0.3, "VIa"),
    ]:  # fmt: skip
        assert phase_at("quadratic:depth=2", nu, ell, 1.25).name == name
    assert "2 times the noise" in phase_at("quadratic:depth=2", 0.6, -1.0, 1.25).rate


def test_divergence_is_that_of_divided_differences_and_the_threshold_solves_its_equation():
    rng = np.random.default_rng(3)
    values = np.sort(rng.standard_normal(40) + np.where(np.arange(40) < 4, 4.0, 0.0))
    rule = SpectralPowerThreshold(0.5, 3)
    images, slopes = np.array([shrunk(x, unit_of_threshold(0.5, 1 / 3), 1 / 3) for x in values]).T
    assert rule.apply(values, 1.0).divergence == pytest.approx(spectral_divergence(values, images, slopes))
    for penalty in (0.01, 0.5, 3.0, 1e3):
        zeta, freedom = power_threshold_for_penalty(values, 0.4, penalty, 3)
        assert zeta * (1.6 - 2 * freedom) == pytest.approx(penalty)
        # a root of the piecewise continuous left side, or the jump over it, and none above
        excess = [
            z * (1.6 - 2 * SpectralPowerThreshold(z, 3).apply(values, 1.0).divergence) - penalty
            for z in zeta * np.array([1 - 1e-9, 1 + 1e-9])
        ]
        assert excess[0] <= 1e-6 <= excess[1] + 2e-6


def test_low_rank_teachers_without_noise_are_found_from_fewer_samples():
    """A rank-one teacher and little weight decay: the deeper network's penalty is closer to the rank."""
    errors = []
    for depth in (1, 2, 3):
        problem = Problem(Quadratic(depth), LowRank(200, 2), samples=6000, noise=1e-4)
        errors.append(predict(problem, penalty=1e-2).excess_risk)
    assert errors[2] < errors[1] < errors[0]


def test_positions_are_inverted():
    problem = Problem(Quadratic(2), PowerLaw(60, 1.0), 2400, 0.3)
    law = learned_law(problem, 0.45, 0.2)
    s, w = problem.spectrum.values, problem.spectrum.weights
    assert position(find_position(law._reach, 0.45**2, s, w), 0.45**2, s, w)[0] == pytest.approx(law._reach)
    for kept in (law.smallest, 1.0, 4.0):
        noisy, slope = law._noisy(kept)
        assert law._kept(noisy * (1 + 1e-12)) == pytest.approx(kept, rel=1e-9)
        assert slope == pytest.approx(1 / shrunk(noisy * (1 + 1e-12), law._unit, 0.5)[1], rel=1e-6)


def test_a_path_that_passes_the_branch_point_is_resolved():
    """The cut near the edge of a bulk wider than the teacher: the branch point lies high up, near the path."""
    problem = Problem(Quadratic(3), PowerLaw(918324, 2.307, 18.4), 3.763e7, 9.158)
    law = learned_law(problem, 531.3, 714.4 ** (5 / 3))
    assert decompose(law).total == pytest.approx(2 * moments(problem, 531.3, 714.4 ** (5 / 3))[0], rel=1e-9)
