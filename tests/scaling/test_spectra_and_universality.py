"""Spectra along the way, tail fits, and the two networks side by side."""

import numpy as np
import pytest

from shallows import InvalidArgument, PowerLaw, Problem
from shallows.scaling import compare_networks, spectra_along, universality
from shallows.spectra import fit_tail


def test_tail_of_a_pareto_sample():
    rng = np.random.default_rng(0)
    values = 2.0 * rng.random(4000) ** (-1 / 1.3)  # density exponent 2.3
    tail = fit_tail(values)
    assert abs(tail.exponent - 2.3) < 4 * tail.stderr
    assert tail.stderr < 0.1


def test_tail_starts_where_the_power_law_does():
    rng = np.random.default_rng(1)
    tail_part = 10 * rng.random(1500) ** (-1 / 1.5)
    tail = fit_tail(np.concatenate([10 * rng.random(1500), tail_part]))
    assert 6 < tail.start < 25
    assert abs(tail.exponent - 2.5) < 4 * tail.stderr


def test_multiplicities_count():
    x = np.geomspace(1, 50, 30)
    once, thrice = fit_tail(np.repeat(x, 3)), fit_tail(x, np.full(30, 3.0))
    assert thrice.exponent == pytest.approx(once.exponent, rel=0.1)


def test_too_few_values_have_no_tail():
    assert fit_tail(np.arange(1, 9)) is None
    assert fit_tail([]) is None


@pytest.mark.parametrize("gamma", [1.0, 1.25, 2.0])
def test_the_tail_exponent_of_the_learned_spectrum(gamma):
    (last,) = spectra_along(Problem("quadratic", PowerLaw(3000, gamma), 1, 0.1), samples=[1e18], weight_decay=1e-3)
    assert last.stage == "heavy tail"
    assert last.tail_expected == 1 + 1 / gamma
    assert abs(last.tail.exponent - last.tail_expected) < 3 * last.tail.stderr
    assert abs(last.tail.exponent - last.tail_expected) < 0.05


def test_stages_in_order_and_benign_to_harmful():
    problem = Problem("quadratic", PowerLaw(10**4, 1.25), 1, 0.1)
    path = spectra_along(problem, samples=np.geomspace(1e3, 1e14, 12), weight_decay=1e-2)
    stages = [s.stage for s in path]
    assert stages[0] == "bulk only"
    assert stages[-1] == "heavy tail"
    assert stages.index("bulk and spikes") < stages.index("heavy tail")
    shares = [s.outlier_share for s in path]
    assert shares == sorted(shares)
    benign = [s.benign for s in path]
    assert benign[0] and benign[-1] and not all(benign)  # harmful around interpolation only
    strong = spectra_along(problem, samples=[1e5], weight_decay=1e4)
    assert strong[0].stage == "rank collapse"
    assert strong[0].mass_at_zero == pytest.approx(1.0)


def test_bad_paths():
    problem = Problem("diagonal", PowerLaw(100, 1.0), 10, 0.1)
    for samples, decay in (([], 1.0), ([0.5], 1.0), ([10, 20], [1.0]), ([10], -1.0)):
        with pytest.raises(InvalidArgument):
            spectra_along(problem, samples=samples, weight_decay=decay)


def test_networks_coincide_above_the_noise_line_and_differ_below():
    above = universality(1e8, 1.25, 0.1, 1e6, np.geomspace(1e5, 1e7, 7))
    assert set(above["phase"].values.ravel()) == {"II"}
    np.testing.assert_allclose(above["exponent"].values, -1.2, atol=0.02)
    below = universality(1e8, 1.25, 1e4, 1e-6, np.geomspace(1e-4, 1e-3, 5))
    diagonal, quadratic = below["exponent"].values
    assert (quadratic > 0.35).all()  # t^(2/5)
    assert (diagonal < 0.25).all()  # 1/log(1/t)


def test_parts_add_up():
    both = universality(1e4, 1.25, 0.1, 0.01, [1e-3, 1e-1, 10.0])
    parts = sum(both[name] for name in ("overfitting", "underfitting", "approximation", "alignment"))
    np.testing.assert_allclose(parts.values, both["relative_risk"].values, rtol=1e-8)
    assert "quadratic" in compare_networks(both)


@pytest.mark.parametrize("ratios", [[1.0, 2.0], [1.0, 1.0, 2.0], [0.0, 1.0, 2.0], [1e-9, 1.0, 2.0]])
def test_bad_ratios(ratios):
    with pytest.raises(InvalidArgument):
        universality(100, 1.25, 0.1, 0.01, ratios)
