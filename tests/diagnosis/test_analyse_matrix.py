"""What is noise in a matrix, what is not, and that the intervals hold."""

import numpy as np
import pytest
from scipy.stats import kstest

from shallows.diagnosis import analyse_matrix, shrink
from shallows.errors import InvalidArgument
from shallows.freeprob import spiked, tracy_widom
from shallows.freeprob.marchenko_pastur import MarchenkoPastur
from shallows.freeprob.spiked import Fluctuation
from shallows.spectra.power_law_tails import closest_tails, fit_tail


def noise(seed, shape=(64, 96)):
    return np.random.default_rng([seed, 5]).standard_normal(shape)


def direction(size, rng):
    vector = rng.standard_normal(size)
    return vector / np.linalg.norm(vector)


def planted(seed, times, shape=(100, 150), scale=1.0):
    """Noise with one direction of `times` the threshold, and its strength."""
    rng = np.random.default_rng([seed, 7])
    strength = scale * times * (shape[0] * shape[1]) ** 0.25
    signal = strength * np.outer(direction(shape[0], rng), direction(shape[1], rng))
    return signal + scale * rng.standard_normal(shape), strength


# Laws


def test_quantiles_of_tracy_and_widom_are_the_published_ones():
    published = {0.05: 0.97931, 0.01: 2.02345, 0.1: 0.45014, 0.99: -3.89543}
    for probability, value in published.items():
        assert tracy_widom.upper_quantile(probability) == pytest.approx(value, abs=1e-4)


def test_moments_of_tracy_and_widom():
    x = np.linspace(-10, 10, 401)
    above = tracy_widom.survival(x)
    mean = np.trapezoid(above[x >= 0], x[x >= 0]) - np.trapezoid(1 - above[x <= 0], x[x <= 0])
    second = 2 * (np.trapezoid((x * above)[x >= 0], x[x >= 0]) - np.trapezoid((x * (1 - above))[x <= 0], x[x <= 0]))
    assert mean == pytest.approx(tracy_widom.MEAN, abs=1e-3)  # of the trapezoids
    assert np.sqrt(second - mean**2) == pytest.approx(tracy_widom.STANDARD_DEVIATION, abs=1e-3)


def test_the_far_tail_of_tracy_and_widom_keeps_its_relative_accuracy(monkeypatch):
    x = np.array([-3.0, -0.9, 0.0, 5.0, 13.9, 14.1, 20.0, 80.0])
    coarse = tracy_widom.survival(x)
    monkeypatch.setattr(tracy_widom, "NODES", 120)
    monkeypatch.setattr(tracy_widom, "NODES_RIGHT", 120)
    fine = tracy_widom.survival(x)
    np.testing.assert_allclose(coarse, fine, rtol=1e-11)
    monkeypatch.setattr(tracy_widom, "FAR", 90.0)  # the determinant where else the trace is taken
    np.testing.assert_allclose(coarse, tracy_widom.survival(x), rtol=1e-11)
    assert -np.log(fine[-1]) == pytest.approx(2 / 3 * 80**1.5, rel=0.02)


@pytest.mark.parametrize("beta", [0.01, 0.25, 0.9, 1.0])
def test_marchenko_pastur_is_one_law(beta):
    law = MarchenkoPastur(beta)
    low, high = law.edges
    angle = (np.arange(20_000) + 0.5) * np.pi / 20_000
    x = 1 + beta + 2 * law.root * np.cos(angle)
    weight = law.density(x) * 2 * law.root * np.sin(angle) * np.pi / 20_000
    assert weight.sum() == pytest.approx(1, abs=1e-6)
    assert weight @ x == pytest.approx(1, abs=1e-6) and weight @ x**2 == pytest.approx(1 + beta, abs=1e-6)
    np.testing.assert_allclose([weight @ np.cos(k * angle) for k in (1, 2, 3)], law.cosine_means(3), atol=1e-6)
    middle = law.quantile([0.1, 0.5, 0.9])
    np.testing.assert_allclose(law.distribution(middle), [0.1, 0.5, 0.9], atol=1e-7)
    np.testing.assert_allclose([weight @ (x < each) for each in middle], [0.1, 0.5, 0.9], atol=1e-3)
    assert list(law.distribution([low, high])) == pytest.approx([0, 1], abs=1e-9)


def test_shown_strengths_are_found_again():
    strength = np.array([0.8, 1.0, 3.0, 50.0])
    shown = spiked.shown(strength, 0.3)
    np.testing.assert_allclose(shown, np.sqrt((1 + strength**2) * (0.3 + strength**2)) / strength)
    np.testing.assert_allclose(spiked.strength_of(shown, 0.3), strength)


def test_the_shrinker_is_strength_times_overlaps():
    shape, scale = (60, 200), 0.2
    strength = np.array([0.9, 2.0, 7.0])
    left, right = spiked.overlaps(strength, 0.3)
    unit = scale * np.sqrt(200)
    np.testing.assert_allclose(
        shrink(spiked.shown(strength, 0.3) * unit, scale, shape), strength * np.sqrt(left * right) * unit
    )
    assert shrink(1.5 * unit, scale, shape) == 0.0


@pytest.mark.parametrize("times", [1.5, 3.0])
def test_outliers_fluctuate_as_predicted(times):
    shape, draws = (60, 120), 300
    tops = [np.linalg.norm(planted(seed, times, shape)[0], 2) / np.sqrt(120) for seed in range(draws)]
    strength = times * 0.5**0.25
    spread = float(Fluctuation(*shape)(strength))
    assert np.std(tops) / spread == pytest.approx(1, abs=4 / np.sqrt(2 * draws))
    assert abs(np.mean(tops) - spiked.shown(strength, 0.5)) < 0.3 * spread


# Noise


@pytest.mark.parametrize("law", ["Gaussian", "uniform"])
def test_p_values_of_noise_are_uniform(law):
    draws = 200
    edge, fit, outliers = [], [], 0
    for seed in range(draws):
        rng = np.random.default_rng([seed, 9])
        found = analyse_matrix(rng.standard_normal((64, 96)) if law == "Gaussian" else rng.uniform(-1, 1, (64, 96)))
        outliers += bool(found.outliers)
        edge.append(found.outliers[0].p_value if found.outliers else found.edge_p_value)
        fit.append(found.bulk.p_value)
        assert found.equalised == "" and found.tail is None
    assert outliers <= 7  # 2 are expected; more than 7 are seen once in a thousand times
    assert kstest(edge, "uniform").pvalue > 1e-3
    assert kstest(fit, "uniform").pvalue > 1e-3


def test_heavy_tailed_noise_is_noise():
    draws, found = 10, 0
    for seed in range(draws):
        rng = np.random.default_rng([seed, 11])
        one = analyse_matrix(rng.standard_t(5, (64, 64)))
        found += bool(one.outliers) or one.bulk.p_value < 0.01
    assert found <= 2


def test_orthogonal_rows_are_a_bulk_of_no_width():
    tall = np.linalg.qr(noise(0, (200, 50)))[0]
    for matrix in (tall, tall.T.astype(np.float16)):
        found = analyse_matrix(matrix)
        assert found.bulk.law == "orthogonal" and not found.outliers
        assert found.bulk.scale == pytest.approx(200**-0.5, rel=1e-3)


def test_the_interval_of_the_scale_holds():
    bulks = [analyse_matrix(3.0 * noise(seed)).bulk for seed in range(200)]
    held = np.mean([bulk.interval[0] <= 3.0 <= bulk.interval[1] for bulk in bulks])
    assert held == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 200))
    assert bulks[0].edge == pytest.approx(bulks[0].scale * (8 + np.sqrt(96)))


def test_a_bulk_of_correlated_rows_does_not_fit():
    mixed = np.linalg.cholesky(0.4 ** abs(np.subtract.outer(range(100), range(100)))) @ noise(0, (100, 200))
    assert analyse_matrix(mixed).bulk.p_value < 1e-6


# Planted directions


def test_strengths_and_overlaps_of_planted_directions():
    draws, holds, differences = 60, [], []
    for seed in range(draws):
        matrix, strength = planted(seed, 2.0, scale=0.1)
        (one,) = analyse_matrix(matrix).outliers[:1]
        holds.append(one.strength_interval[0] <= strength <= one.strength_interval[1])
        rng = np.random.default_rng([seed, 7])
        left, right = direction(100, rng), direction(150, rng)
        first, _, second = np.linalg.svd(matrix, full_matrices=False)
        differences.append((one.left_overlap - (first[:, 0] @ left) ** 2, one.right_overlap - (second[0] @ right) ** 2))
    assert np.mean(holds) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / draws))
    differences = np.array(differences)
    assert np.all(np.abs(differences.mean(axis=0)) < 0.02 + 4 * differences.std(axis=0) / np.sqrt(draws))


@pytest.mark.parametrize("times,least,most", [(0.5, 0.0, 0.1), (1.2, 0.25, 1.0), (1.6, 0.95, 1.0)])
def test_directions_are_found_from_the_threshold_on(times, least, most):
    found = [len(analyse_matrix(planted(seed, times, (150, 150))[0]).outliers) for seed in range(25)]
    assert least <= np.mean([count > 0 for count in found]) <= most
    assert np.mean([count > 1 for count in found]) <= 0.12


def test_many_directions_do_not_hide_each_other():
    rng = np.random.default_rng(3)
    left, right = (np.linalg.qr(rng.standard_normal((size, 40)))[0] for size in (300, 400))
    strengths = np.linspace(1.8, 3, 40) * (300 * 400) ** 0.25
    found = analyse_matrix((left * strengths) @ right.T + rng.standard_normal((300, 400)))
    assert len(found.outliers) == 40
    assert found.bulk.scale == pytest.approx(1, abs=0.01)
    p_values = [one.p_value for one in found.outliers]
    assert p_values == sorted(p_values)


def test_a_transposed_matrix_has_its_overlaps_exchanged():
    matrix, _ = planted(1, 3.0)
    (one,), (other,) = analyse_matrix(matrix).outliers, analyse_matrix(matrix.T).outliers
    assert one.left_overlap == pytest.approx(other.right_overlap) and one.left_overlap > one.right_overlap
    assert one.strength == pytest.approx(other.strength)


# What breaks a bulk by itself


def test_a_single_entry_or_row_is_no_outlier():
    entry = noise(0)
    entry[3, 5] = 40.0
    row = noise(1)
    row[7] *= 5
    for matrix, where in ((entry, "entry"), (row, "row")):
        found = analyse_matrix(matrix)
        assert not found.outliers
        assert found.equalised == "rows" or any(f"due to one {where}" in remark for remark in found.remarks)


@pytest.mark.parametrize("axis,name", [(0, "rows"), (1, "columns")])
def test_uneven_variances_are_equalised_and_planted_directions_found(axis, name):
    rng = np.random.default_rng(4)
    scales = np.exp(rng.standard_normal(150 if axis == 0 else 200))
    scales = scales[:, None] if axis == 0 else scales
    matrix, _ = planted(2, 3.0, (150, 200))
    found, empty = (analyse_matrix(each * scales) for each in (matrix, noise(1, (150, 200))))
    assert empty.equalised == name and name in found.equalised
    assert len(found.outliers) == 1 and not empty.outliers
    assert empty.bulk.p_value > 1e-3


def test_dead_and_repeated_rows_are_left_out_and_said():
    matrix = noise(0)
    matrix[3], matrix[:, 5], matrix[10], matrix[20] = 0.0, 0.0, matrix[9], matrix[9]
    found = analyse_matrix(matrix)
    text = "; ".join(found.remarks)
    assert "1 row of zeros" in text and "1 column of zeros" in text and "2 rows equal" in text
    assert not found.outliers and found.bulk.p_value > 1e-3


# Sizes, scales, bad input


def test_singular_values_and_ranks_are_those_of_the_matrix():
    matrix = noise(0).astype(np.float32)
    found = analyse_matrix(matrix)
    exact = np.linalg.svd(matrix.astype(float), compute_uv=False)
    np.testing.assert_allclose(found.singular_values, exact, rtol=1e-9)
    assert found.stable_rank == pytest.approx(np.sum(exact**2) / exact[0] ** 2)
    shares = exact / exact.sum()
    assert found.effective_rank == pytest.approx(np.exp(-np.sum(shares * np.log(shares))))


def test_small_singular_values_of_small_matrices_are_resolved():
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((size, 40)))[0] for size in (100, 300))
    true = np.geomspace(1, 1e-12, 40)
    found = analyse_matrix((left * true) @ right.T).singular_values
    np.testing.assert_allclose(found[:40], true, rtol=1e-3)


@pytest.mark.parametrize("factor", [1e-200, 1e-3, 1e200])
def test_units_follow_the_matrix(factor):
    matrix, _ = planted(5, 3.0)
    one, other = analyse_matrix(matrix), analyse_matrix(matrix * factor)
    assert other.bulk.scale == pytest.approx(one.bulk.scale * factor, rel=1e-9)
    assert other.outliers[0].strength == pytest.approx(one.outliers[0].strength * factor, rel=1e-9)
    assert other.outliers[0].p_value == pytest.approx(one.outliers[0].p_value, rel=1e-6)
    assert np.isfinite(other.norm)


@pytest.mark.parametrize(
    "matrix,reason",
    [
        (np.zeros((5, 7)), "all entries are zero"),
        ([[3]], "too small"),
        (np.ones((1, 9)), "too small"),
        (np.arange(30).reshape(5, 6), "of rank 2 up to rounding"),
        (np.outer(np.arange(1, 60), np.arange(1, 80)), "rank 1 up to rounding"),
        (np.outer(noise(1)[0], noise(2)[0]).astype(np.float32), "rank 1 up to rounding"),
    ],
)
def test_where_there_is_no_bulk_it_is_said(matrix, reason):
    found = analyse_matrix(matrix)
    assert found.bulk is None and reason in found.no_bulk
    assert found.tail is None and found.no_tail and not found.outliers
    assert found.energy_outliers is None and found.edge_p_value is None
    assert np.isfinite([found.stable_rank, found.effective_rank]).all()


@pytest.mark.parametrize(
    "matrix", [np.array([[1.0, np.nan]]), np.array([[np.inf, 1.0]]), np.zeros(3), np.zeros((0, 3)), [["a"]], [[1j]]]
)
def test_what_is_no_matrix_is_refused(matrix):
    with pytest.raises(InvalidArgument, match="matrix: got"):
        analyse_matrix(matrix)


def test_views_are_analysed_as_they_are():
    matrix = noise(0, (128, 128))
    view, copy = analyse_matrix(matrix[::2, ::-1]), analyse_matrix(matrix[::2, ::-1].copy())
    np.testing.assert_allclose(view.singular_values, copy.singular_values)


# Tails


def pareto(count, alpha, shape, rng):
    squares = rng.uniform(size=count) ** (-1 / (alpha - 1))
    left, right = (np.linalg.qr(rng.standard_normal((size, count)))[0] for size in shape)
    return (left * np.sqrt(squares)) @ right.T


@pytest.mark.parametrize("scale", [0.0, 0.03])
def test_exponents_of_power_laws_lie_in_their_intervals(scale):
    holds = []
    for seed in range(10):
        rng = np.random.default_rng([seed, 13])
        matrix = pareto(80, 2.0, (200, 250), rng) + scale * rng.standard_normal((200, 250))
        tail = analyse_matrix(matrix, seed=seed).tail
        if tail is not None:
            holds.append(tail.interval[0] <= 2.0 <= tail.interval[1])
    assert len(holds) >= 8 and np.mean(holds) >= 0.7


def test_an_exponential_spectrum_is_not_taken_for_a_power_law():
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((size, 300)))[0] for size in (300, 300))
    squares = 1 + 0.5 * rng.exponential(size=300)
    tail = analyse_matrix((left * np.sqrt(squares)) @ right.T).tail
    assert tail is None or min(tail.against["exponential"], tail.against["truncated"]) < 0.2


def test_one_kernel_fits_one_tail_and_many():
    x = -np.sort(-np.random.default_rng(0).pareto(2.0, (3, 50)) - 1)
    start, hill, distance = closest_tails(x, np.ones(50))
    for row in range(3):
        tail = fit_tail(x[row])
        assert tail.start == x[row, start[row]] and tail.distance == distance[row]
        assert tail.exponent == pytest.approx(1 + 1 / hill[row])


@pytest.mark.parametrize("strength", [60.0, 1e3, 1e4])
def test_one_direction_is_one_outlier_however_strong(strength):
    """Its entries are neither huge ones nor uneven rows: the noise is that of what is left without it."""
    rng = np.random.default_rng(17)
    left, right = (side / np.linalg.norm(side) for side in (rng.standard_normal(100), rng.standard_normal(80)))
    found = analyse_matrix(rng.standard_normal((100, 80)) + strength * np.outer(left, right))
    (outlier,) = found.outliers
    assert found.beyond == 1 and found.fitted_values is None and not found.remarks and not found.equalised
    assert found.bulk.scale == pytest.approx(1.0, abs=0.04)
    assert outlier.strength == pytest.approx(strength, abs=4.0)


def test_rows_and_columns_of_any_sizes_are_evened_out_and_the_values_fitted_are_kept():
    rng = np.random.default_rng(18)
    uneven = (
        rng.standard_normal((120, 64)) * np.exp(rng.standard_normal(120))[:, None] * np.exp(rng.standard_normal(64))
    )
    found = analyse_matrix(uneven)
    assert found.equalised == "rows and columns" and found.beyond == 0
    assert found.fitted_values is not None and found.fitted_values[0] < 1.1 * found.bulk.edge
    assert found.singular_values[0] > found.fitted_values[0]
