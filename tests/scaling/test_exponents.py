"""Fits of power laws: exact curves, crossovers, coverage of the intervals, curves that cannot be read."""

import json
import math

import numpy as np
import pytest

from shallows import InvalidArgument, PowerLaw, Problem, predict
from shallows import exponents as module
from shallows.exponents import FitOutcome, fit_power_laws, local_exponents
from shallows.floors import fit_floor
from shallows.phases import PHASES, predicted_exponents


def crossover(n, at=1000.0, before=-0.5, after=-0.9):
    return np.where(n < at, (n / at) ** before, (n / at) ** after)


def test_an_exact_power_law():
    n = np.geomspace(10, 1e5, 30)
    fit = fit_power_laws(n, 3 * n**-0.7)
    (segment,) = fit.segments
    assert segment.exponent == pytest.approx(-0.7, abs=1e-10)
    assert segment.points == 30
    assert not segment.plateau
    assert fit.breaks == ()


def test_a_crossover_is_placed():
    n = np.geomspace(10, 1e5, 40)
    fit = fit_power_laws(n, crossover(n, 1234.0))
    assert [s.exponent for s in fit.segments] == pytest.approx([-0.5, -0.9], abs=1e-6)
    assert fit.breaks[0] == pytest.approx(1234.0, rel=1e-4)


def test_a_plateau_is_called_one():
    n = np.geomspace(1, 1e6, 40)
    rng = np.random.default_rng(3)
    fit = fit_power_laws(n, np.maximum(n**-0.8, 1e-3) * np.exp(0.03 * rng.standard_normal(40)))
    assert [s.plateau for s in fit.segments] == [False, True]


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("count", [8, 25])
def test_intervals_cover_at_the_stated_rate(known, count, monkeypatch):
    monkeypatch.setattr(module, "RESAMPLES", 60)
    rng = np.random.default_rng(11)
    n = np.geomspace(10, 1e4, count)
    trials, covered = 120, 0
    for _ in range(trials):
        risk = n**-0.5 * np.exp(0.1 * rng.standard_normal(count))
        fit = fit_power_laws(n, risk, 0.1 * n**-0.5 if known else None)
        low, high = fit.segments[0].interval
        covered += len(fit.segments) == 1 and low <= -0.5 <= high
    error = math.sqrt(0.95 * 0.05 / trials)
    assert abs(covered / trials - 0.95) < 4 * error


def test_the_break_is_covered(monkeypatch):
    monkeypatch.setattr(module, "RESAMPLES", 60)
    rng = np.random.default_rng(5)
    n = np.geomspace(10, 1e5, 30)
    covered, found = 0, 0
    for _ in range(60):
        fit = fit_power_laws(n, crossover(n) * np.exp(0.05 * rng.standard_normal(30)), 0.05 * crossover(n))
        if len(fit.segments) == 2:
            found += 1
            covered += fit.break_intervals[0][0] <= 1000 <= fit.break_intervals[0][1]
    assert found >= 57
    assert covered / found > 0.95 - 4 * math.sqrt(0.95 * 0.05 / found) - 0.03  # percentiles are a little short


def test_a_computed_curve_matches_its_phase():
    gamma, dim = 1.25, 10**8
    n = np.geomspace(1e6, 1e10, 25)  # lam = d: phase II from n_eff = d^1.5 on
    risks = [predict(Problem("diagonal", PowerLaw(dim, gamma), x * 1e8, 0.1), weight_decay=1e8).excess_risk for x in n]
    fit = fit_power_laws(n, risks)
    assert any("II" in s.matching_phases("diagonal", gamma) and s.exponent < -1 for s in fit.segments)


def test_the_same_seed_gives_the_same_intervals():
    n = np.geomspace(10, 1e4, 20)
    risk = n**-0.5 * np.exp(0.1 * np.random.default_rng(0).standard_normal(20))
    assert fit_power_laws(n, risk, seed=4) == fit_power_laws(n, risk, seed=4)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_too_few_points_cannot_tell(count):
    fit = fit_power_laws(np.arange(1, count + 1), np.ones(count))
    assert fit.outcome is FitOutcome.CANNOT_TELL
    assert fit.points_needed == 4
    assert fit.segments == ()


def test_scatter_cannot_tell_and_says_how_many_points_would_do():
    fit = fit_power_laws([1, 2, 3, 4, 5], [1, 2, 0.5, 3, 0.2])
    assert fit.outcome is FitOutcome.CANNOT_TELL
    assert fit.points_needed > 5
    assert str(fit.points_needed) in fit.reason
    json.dumps(fit.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    "n,risk,stderr,name,part",
    [
        ([1, 2, 3, 4], [1, 0, 1, 1], None, "risk", "0 in row 2"),
        ([1, 2, 3, 4], [1, 1, -1, 1], None, "risk", "-1 in row 3"),
        ([1, 2, 3, 4], [1, 1, 1, float("nan")], None, "risk", "row 4"),
        ([0, 2, 3, 4], [1, 1, 1, 1], None, "n", "0 in row 1"),
        ([1, 3, 2, 4], [1, 1, 1, 1], None, "n", "2 after 3, in row 3"),
        ([1, 2, 2, 4], [1, 1, 1, 1], None, "n", "2 twice, in row 3"),
        ([1, 2, 3, 4], [1, 1, 1], None, "risk", "3 values"),
        ([1, 2, 3, 4], [1, 1, 1, 1], [0.1, 0, 0.1, 0.1], "stderr", "row 2"),
        ([], [], None, "n", "no rows"),
        ("abc", [1], None, "n", "str"),
    ],
)
def test_bad_curves(n, risk, stderr, name, part):
    with pytest.raises(InvalidArgument) as caught:
        fit_power_laws(n, risk, stderr)
    assert caught.value.name == name
    assert part in str(caught.value)


@pytest.mark.parametrize("options", [{"level": 1.0}, {"level": 0}, {"resolution": 0}])
def test_bad_options(options):
    with pytest.raises(InvalidArgument):
        fit_power_laws([1, 2, 3, 4], [4, 3, 2, 1], **options)


def test_local_exponents():
    n = np.geomspace(1, 100, 9)
    assert local_exponents(n, n**-0.3) == pytest.approx(np.full(9, -0.3))
    with pytest.raises(InvalidArgument):
        local_exponents([1], [1])


def test_inputs_are_not_modified():
    n, risk = np.geomspace(10, 1e4, 12), np.geomspace(1, 0.1, 12)
    n.setflags(write=False)
    risk.setflags(write=False)
    fit_power_laws(n, risk)


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_predicted_exponents_name_known_phases(network):
    assert set(predicted_exponents(network, 1.0)) <= set(PHASES)
    with pytest.raises(InvalidArgument):
        predicted_exponents(network, 0.5)
    with pytest.raises(InvalidArgument):
        predicted_exponents("cubic", 1.0)


@pytest.mark.parametrize(
    ("count", "exponent", "floor"), [(8, 0.7, 0.02), (8, 0.4, 0.3), (20, 0.4, 0.1), (20, 1.0, 0.3)]
)
@pytest.mark.parametrize("known", [False, True])
def test_the_interval_holds_the_exponent_above_a_floor(count, exponent, floor, known):
    rng = np.random.default_rng([count, int(10 * exponent), int(100 * floor)])
    n = 100 * np.geomspace(1, 100, count)
    truth, trials, covered, floors, pieces = (n / 100) ** -exponent + floor, 80, 0, 0, 0
    for _ in range(trials):
        fit = fit_power_laws(n, truth * np.exp(0.05 * rng.standard_normal(count)), 0.05 * truth if known else None)
        pieces += len(fit.segments)
        if len(fit.segments) == 1:
            covered += fit.segments[0].interval[0] <= -exponent <= fit.segments[0].interval[1]
            floors += fit.floor_interval[0] <= floor <= fit.floor_interval[1]
    error = math.sqrt(0.95 * 0.05 / trials)
    assert abs(covered / trials - 0.95) < 3 * error
    assert floors / trials > 0.95 - 4 * error
    assert pieces / trials <= 1.05


def test_a_floor_is_found_without_noise_and_none_is_invented():
    n = np.geomspace(100, 1e4, 12)
    fit = fit_power_laws(n, 0.3 + n**-0.4)
    (segment,) = fit.segments
    assert segment.exponent == pytest.approx(-0.4, abs=1e-4) and fit.floor == pytest.approx(0.3, rel=1e-4)
    assert segment.interval[0] <= -0.4 <= segment.interval[1] and segment.points == 12
    assert fit.outcome.ok and "above a floor of 0.3" in fit.reason
    plain = fit_power_laws(n, 2 * n**-0.4)
    assert plain.floor is None and plain.segments[0].exponent == pytest.approx(-0.4, abs=1e-10)
    assert plain.floor_interval[1] < 1e-3 * float((2 * n**-0.4).min())


def test_a_curve_known_to_vanish_is_read_without_a_floor():
    rng = np.random.default_rng(2)
    n = np.geomspace(100, 1e4, 12)
    risk = n**-0.4 * np.exp(0.05 * rng.standard_normal(12))
    (with_floor,), (without,) = (fit_power_laws(n, risk, floor=flag).segments for flag in (True, False))
    assert with_floor.interval[0] < without.interval[0] - 0.01  # steeper, were there a floor
    assert fit_power_laws(n, risk, floor=False).floor_interval is None


def test_the_profile_is_that_of_least_squares():
    from scipy.optimize import least_squares

    rng = np.random.default_rng(7)
    x = np.log(np.geomspace(100, 1e4, 15))
    y = np.log(np.exp(-0.6 * (x - x[0])) + 0.15) + 0.05 * rng.standard_normal(15)
    weight = rng.uniform(10, 40, 15)
    found = fit_floor(x, y, weight, True, 0.95)

    def misses(p, exponent=None):
        b = p[2] if exponent is None else exponent
        return weight * (y - np.log(np.exp(p[0] - b * (x - x[0])) + np.exp(p[1])))

    best = least_squares(misses, [0.0, math.log(0.1), 0.5])
    assert found.loss == pytest.approx(2 * best.cost, rel=1e-6)
    assert found.exponent == pytest.approx(best.x[2], rel=1e-3)
    assert found.floor == pytest.approx(math.exp(best.x[1]), rel=1e-3)
    # both ends of the interval: where the loss has risen by the quantile of chi squared
    for end in found.interval:
        there = least_squares(lambda p, b=end: misses([*p], b), best.x[:2])
        assert 2 * there.cost - found.loss == pytest.approx(3.841 * max(found.loss / 12, 1), rel=1e-3)
    # the same of the floor, the exponent being free
    assert found.floor_interval[0] < found.floor < found.floor_interval[1]
    for floor in found.floor_interval:
        there = least_squares(lambda p, c=floor: misses([p[0], math.log(c), p[1]]), best.x[[0, 2]])
        assert 2 * there.cost - found.loss == pytest.approx(3.841 * max(found.loss / 12, 1), rel=1e-2)


def test_a_flat_curve_stays_a_plateau():
    rng = np.random.default_rng(1)
    fit = fit_power_laws(np.geomspace(10, 1e4, 12), np.exp(0.02 * rng.standard_normal(12)))
    assert fit.segments[0].plateau and fit.floor is None


def test_an_exponent_without_a_limit_is_no_number_in_json():
    n = np.array([100, 200, 400, 800, 1600])
    fit = fit_power_laws(n, [1.0, 0.52, 0.5, 0.49, 0.505])
    content = json.loads(json.dumps(fit.to_dict(), allow_nan=False))
    if math.isinf(fit.segments[0].interval[0]):
        assert content["segments"][0]["interval"][0] is None
    assert not fit.outcome.ok
