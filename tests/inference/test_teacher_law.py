"""Laws of the teacher's weights, without a shape that is assumed."""

from dataclasses import replace

import numpy as np
import pytest

from shallows import LowRank, PowerLaw, Problem, forecast, infer, sample, train
from shallows.errors import EstimateUndefined
from shallows.inference import fit_power_law_teacher, fit_teacher, fit_teacher_law
from shallows.inference.teacher_law import _posterior, _sizes
from shallows.optimum import risk_at


def test_sizes_are_a_power_law_with_a_cut_off():
    ranks = np.array([1.0, 4.0, 10.0])
    sizes = _sizes(np.array([np.log(3.0), 0.5, np.log(8.0), np.log(2.0)]), ranks)
    np.testing.assert_allclose(sizes, 3 * ranks**-0.5 * np.exp(-((ranks / 8) ** 2)))


@pytest.mark.parametrize("seed", range(3))
def test_spikes_are_counted(seed):
    rng = np.random.default_rng(seed)
    best, _, draws = _posterior(
        "diagonal", np.r_[np.full(8, 9.0), np.zeros(192)] + rng.standard_normal(200), 200, 40, 0
    )
    ranks = np.arange(1.0, 201)
    # weights are taken for draws from the law: eight of them are expected by many
    assert abs((_sizes(best, ranks) > 3).sum() - 8) <= 2
    assert draws.shape == (40, 4)
    counts = [(_sizes(draw, ranks) > 3).sum() for draw in draws]
    assert abs(np.mean(counts) - 8) < 1.5 and np.std(counts) < np.sqrt(8)
    heights = [_sizes(draw, ranks)[:4].mean() for draw in draws]
    assert abs(np.mean(heights) - 9) < 1.0


def test_power_laws_are_told_from_spikes():
    rng = np.random.default_rng(0)
    ranks = np.arange(1.0, 201)
    power = 40 / ranks + rng.standard_normal(200)
    best, _, draws = _posterior("diagonal", power, 200, 40, 0)
    assert best[1] == pytest.approx(1.0, abs=0.15)
    assert np.mean(draws[:, 2] == best[2]) > 0.5  # most without a cut-off
    spikes = np.r_[np.full(8, 9.0), np.zeros(192)] + rng.standard_normal(200)
    assert not (_posterior("diagonal", spikes, 200, 40, 0)[2][:, 2] == best[2]).any()


@pytest.mark.parametrize("teacher", [LowRank(100, 5), PowerLaw(100, 1.0)], ids=["spikes", "power law"])
def test_forecasts_hold_whatever_the_teacher_is(teacher):
    problem = Problem("diagonal", teacher, 300, noise=0.5)
    held, ratios = [], []
    for seed in range(12):
        data = sample(problem, seed)
        found = infer(data, train(data, weight_decay=2.0))
        point = forecast(found, [1200]).points[0]
        truth = risk_at(replace(problem, samples=1200), point.weight_decay)
        held.append(point.excess_risk.covers(truth))
        ratios.append(np.log(point.excess_risk.value / truth))
    assert np.mean(held) >= 0.75
    assert abs(np.mean(ratios)) < 0.15 + 3 * np.std(ratios) / np.sqrt(12)


def test_modes_of_the_quadratic_network_have_a_law_too():
    data = sample(Problem("quadratic", LowRank(30, 3), 3000, noise=0.3), 0)
    law = fit_teacher_law(infer(data, train(data, weight_decay=0.5)))
    modes = law.teacher().values("quadratic")
    truth = LowRank(30, 3).values("quadratic")[0]
    assert modes[:3] == pytest.approx(truth, rel=0.2) and (modes[4:] < 0.2 * truth).all()


def test_a_power_law_is_rejected_for_another_law_only_where_it_is_likelier():
    for teacher, rejected in ((PowerLaw(200, 1.0), False), (LowRank(200, 8), True)):
        data = sample(Problem("diagonal", teacher, 600, noise=0.3), 0)
        found = infer(data, train(data, weight_decay=2.0))
        law = fit_power_law_teacher(found, draws=8)
        assert (law.caution is not None) is rejected
        assert law.improvement == pytest.approx(
            fit_teacher_law(found).improvement_on(found, fit_teacher(found)[0]), abs=1e-6
        )
        assert (law.improvement > 9.2) is rejected
        if rejected:
            assert "times likelier" in law.caution


def test_weights_that_hold_little_have_a_caution():
    data = sample(Problem("diagonal", PowerLaw(200, 0.75), 100, noise=2.0), 1)
    found = infer(data, train(data, weight_decay=2.0))
    energy = replace(found.energy, value=3.9, standard_error=1.0)
    weak, strong = (fit_teacher_law(replace(found, energy=replace(energy, value=value))) for value in (3.9, 4.1))
    assert weak.sigmas == pytest.approx(3.9) and "too little" in weak.caution
    assert strong.caution is None
    with pytest.raises(EstimateUndefined, match="no more energy"):
        fit_teacher_law(replace(found, energy=replace(energy, value=0.9)))


def test_a_law_is_the_same_for_the_same_seed():
    data = sample(Problem("diagonal", PowerLaw(50, 1.0), 200, noise=0.5), 0)
    found = infer(data, train(data, weight_decay=1.0))
    one, same, other = (fit_teacher_law(found, draws=8, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.draws, same.draws)
    assert not np.array_equal(one.draws, other.draws)
