"""Fits of power laws: exact curves, crossovers, coverage of the intervals, curves that cannot be read."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from shallows import InvalidArgument, PowerLaw, Problem, predict
from shallows import exponents as module
from shallows.broken_floors import fit_broken_floor
from shallows.curves import Points, Scatter, check_curve, gather_points
from shallows.exponents import FitOutcome, fit_power_laws, local_exponents
from shallows.floors import fit_floor
from shallows.phases import PHASES, predicted_exponents
from shallows.tails import Tail, tail_of


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


@pytest.mark.parametrize("n,part", [([1, 3, 2, 4], "2 after 3, in row 3"), ([1, 2, 2, 4], "2 twice, in row 3")])
def test_local_exponents_need_one_value_at_each_n(n, part):
    for function in (check_curve, local_exponents):
        with pytest.raises(InvalidArgument, match=part):
            function(n, [1, 1, 1, 1])


@pytest.mark.parametrize("options", [{"level": 1.0}, {"level": 0}, {"resolution": 0}])
def test_bad_options(options):
    with pytest.raises(InvalidArgument):
        fit_power_laws([1, 2, 3, 4], [4, 3, 2, 1], **options)


@pytest.mark.parametrize("place", [4, 3.9, 40.1, -8, math.nan])
def test_only_a_little_beyond_the_points_is_extrapolated(place):
    with pytest.raises(InvalidArgument, match="extrapolate"):
        fit_power_laws([1, 2, 3, 4], [4, 3, 2, 1], extrapolate=[8, place])


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


def test_a_floor_that_may_be_a_break_is_called_so():
    rng = np.random.default_rng(4)
    said = []
    for count, truth in (
        (8, lambda n: np.where(n < 1000, (n / 1000) ** -0.9, (n / 1000) ** -0.3)),
        (40, lambda n: (n / 100) ** -1.0 + 0.1),
    ):
        n = np.geomspace(100, 1e4, count)
        fits = [fit_power_laws(n, truth(n) * np.exp(0.05 * rng.standard_normal(count))) for _ in range(8)]
        assert all(fit.floor is not None for fit in fits)
        said.append(sum("or a break to a shallower power law" in fit.reason for fit in fits))
    assert said[0] == 8 and said[1] <= 1


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
    found = fit_floor(Points(x, y, weight, Scatter(known=True), 15), 0.95)

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
    # and of the curve's value beyond the points
    x_there = math.log(5e4)
    for value in found.value_interval(x_there):

        def at_this_value(p, v=value):  # the floor's share of the value is free
            floor = v / (1 + math.exp(p[0]))
            return misses([math.log(v - floor) + p[1] * (x_there - x[0]), math.log(floor), p[1]])

        there = least_squares(at_this_value, [math.log(found.value(x_there) / found.floor - 1), best.x[2]])
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


# -- repeated runs


def runs(rng, count=8, times=3, scatter=0.05, shared=0.0, floor=0.1, exponent=0.6):
    """Repeated runs in a shuffled order; `shared` moves all runs at one n together."""
    n = np.tile(np.geomspace(100, 1e4, count), times)
    noise = scatter * rng.standard_normal(n.size) + np.tile(shared * rng.standard_normal(count), times)
    order = rng.permutation(n.size)
    return n[order], (((n / 100) ** -exponent + floor) * np.exp(noise))[order]


@pytest.mark.parametrize(("shared", "times"), [(0.0, 2), (0.0, 5), (0.15, 5)])
def test_repeated_runs_tell_the_scatter(shared, times, monkeypatch):
    monkeypatch.setattr(module, "RESAMPLES", 20)
    rng = np.random.default_rng([times, int(100 * shared)])
    trials, covered, apart, scatters, widths, lone = 50, 0, 0, [], [], []
    for _ in range(trials):
        n, risk = runs(rng, times=times, shared=shared)
        fit = fit_power_laws(n, risk)
        low, high = fit.segments[-1].interval
        covered += low <= -0.6 <= high
        apart += "differ less than their means" in fit.reason
        scatters.append(fit.scatter)
        means = np.exp([np.log(risk[n == each]).mean() for each in np.unique(n)])
        alone = fit_power_laws(np.unique(n), means).segments[-1].interval
        widths.append(high - low)
        lone.append(alone[1] - alone[0])
    assert abs(covered / trials - 0.95) < 3.5 * math.sqrt(0.95 * 0.05 / trials)
    if shared:
        assert apart / trials > 0.8  # the means are too far from any curve for runs that differ so little
        assert np.median(scatters) == pytest.approx(math.hypot(0.15, 0.05 / math.sqrt(5)), rel=0.15)
    else:
        assert apart / trials < 0.1
        assert np.median(scatters) == pytest.approx(0.05, rel=0.1)
        assert np.median(widths) < 0.93 * np.median(lone)


def test_repeated_runs_are_not_points_of_their_own():
    rng = np.random.default_rng(3)
    n, risk = runs(rng, count=4, times=10)
    fit = fit_power_laws(n, risk)
    assert len(fit.segments) == 1 and fit.segments[0].points == 4 and fit.runs == 40
    assert "40 runs at 4 values of n" in fit.reason
    assert fit_power_laws(n[n < 5000], risk[n < 5000]).outcome is FitOutcome.CANNOT_TELL  # three values of n
    again = fit_power_laws(n[::-1], risk[::-1])
    assert again.segments[0].exponent == pytest.approx(fit.segments[0].exponent, rel=1e-9)


def test_runs_given_twice_do_not_make_the_answer_surer():
    rng = np.random.default_rng(4)
    n = np.geomspace(100, 1e4, 8)
    risk = n**-0.5 * np.exp(0.05 * rng.standard_normal(8))
    once, twice = fit_power_laws(n, risk), fit_power_laws(np.tile(n, 2), np.tile(risk, 2))
    assert twice.segments[0].interval == pytest.approx(once.segments[0].interval, rel=1e-6)


def test_standard_errors_and_repeated_runs():
    points = gather_points([10, 10, 20], [1.0, 1.2, 0.5], [0.1, 0.12, 0.05], 0.01)
    assert points.scatter.known  # 18 % between runs that are known to 10 %
    assert points.weight == pytest.approx([1 / math.hypot(0.1 / math.sqrt(2), 0.0025), 1 / math.hypot(0.1, 0.0025)])
    points = gather_points([10, 10, 20], [1.0, 2.0, 0.5], [0.1, 0.2, 0.05], 0.01)
    assert not points.scatter.known and points.scatter.spare == 1
    assert points.scatter.within == pytest.approx(math.log(2) ** 2 / 2)
    assert points.weight[0] ** 2 / points.weight[1] ** 2 == pytest.approx(2, rel=1e-3)


def test_many_runs_weigh_no_more_than_the_resolution_allows():
    risk = np.tile([1.0, 1.01], 5000)
    points = gather_points(np.repeat([10, 20], 5000), risk, None, 0.02)
    scatter = math.log(1.01) / 2 * math.sqrt(10000 / 9998)
    assert math.sqrt(points.scatter.within / points.scatter.spare) == pytest.approx(scatter)
    assert points.weight == pytest.approx(np.full(2, 1 / math.hypot(1 / math.sqrt(5000), 0.005 / scatter)))


# -- two power laws above a floor


def broken_above_floor(n, before=0.2, after=0.8, floor=0.05, at=3000.0):
    return np.where(n < at, (n / at) ** -before, (n / at) ** -after) + floor


def test_two_power_laws_above_a_floor_are_found():
    n = np.geomspace(100, 1e6, 24)
    fit = fit_power_laws(n, broken_above_floor(n))
    assert [s.exponent for s in fit.segments] == pytest.approx([-0.2, -0.8], abs=1e-3)
    assert fit.breaks[0] == pytest.approx(3000, rel=1e-3) and fit.floor == pytest.approx(0.05, rel=1e-3)
    assert fit.values(n) == pytest.approx(broken_above_floor(n), rel=1e-3)
    assert [s.points for s in fit.segments] == [9, 15]


def test_two_power_laws_above_a_floor_are_covered(monkeypatch):
    monkeypatch.setattr(module, "RESAMPLES", 60)
    rng = np.random.default_rng(8)
    n = np.geomspace(100, 1e6, 24)
    found, first, last, floors, breaks, trials = 0, 0, 0, 0, 0, 60
    for _ in range(trials):
        fit = fit_power_laws(n, broken_above_floor(n) * np.exp(0.03 * rng.standard_normal(24)))
        if fit.floor is None or len(fit.segments) != 2:
            continue
        found += 1
        first += fit.segments[0].interval[0] <= -0.2 <= fit.segments[0].interval[1]
        last += fit.segments[1].interval[0] <= -0.8 <= fit.segments[1].interval[1]
        floors += fit.floor_interval[0] <= 0.05 <= fit.floor_interval[1]
        breaks += fit.break_intervals[0][0] <= 3000 <= fit.break_intervals[0][1]
    error = math.sqrt(0.95 * 0.05 / trials)
    assert found >= 0.95 * trials
    for covered in (first, last, floors):
        assert covered / found > 0.95 - 4 * error
    assert breaks / found > 0.95 - 4 * error - 0.03  # percentiles are a little short


def test_neither_a_break_nor_a_floor_is_invented():
    rng = np.random.default_rng(9)
    n = np.geomspace(100, 1e6, 24)
    both = sum(
        len(fit.segments) > 1
        for fit in (
            fit_power_laws(n, ((n / 100) ** -0.5 + 0.05) * np.exp(0.05 * rng.standard_normal(24))) for _ in range(30)
        )
    )
    assert both <= 2


def test_the_broken_floor_is_that_of_least_squares():
    from scipy.optimize import least_squares

    rng = np.random.default_rng(2)
    n = np.geomspace(100, 1e6, 24)
    points = gather_points(n, broken_above_floor(n) * np.exp(0.05 * rng.standard_normal(24)), None, 0.01)
    found = fit_broken_floor(points)

    def misses(p):
        past = points.x - p[3]
        return points.y - np.log(np.exp(p[0] - np.where(past < 0, p[1], p[2]) * past) + math.exp(p[4]))

    near = [found.height, found.before, found.after, found.at, math.log(found.floor)]
    assert float(np.sum(np.square(misses(near)))) == pytest.approx(found.loss, rel=1e-9)
    costs = []
    for _ in range(20):
        start = [0, rng.uniform(0, 1), rng.uniform(0.3, 1.5), rng.uniform(5.5, 11), rng.uniform(-5, -1)]
        costs.append(2 * least_squares(misses, start).cost)
    assert found.loss <= min(costs) * (1 + 1e-6)
    assert fit_broken_floor(gather_points(n[:7], n[:7] ** -0.5, None, 0.01)) is None


def test_the_last_of_several_power_laws_counts_possible_floors():
    rng = np.random.default_rng(6)
    n = np.geomspace(100, 1e4, 20)
    risk = np.where(n < 1000, 1.0, (n / 1000) ** -0.7) + 0.1
    widths, covered, told = [], 0, 0
    for _ in range(30):
        drawn = risk * np.exp(0.05 * rng.standard_normal(20))
        fit = fit_power_laws(n, drawn)
        if len(fit.segments) == 2 and fit.floor is None:
            told += 1
            low, high = fit.segments[1].interval
            covered += low <= -0.7 <= high
            without = fit_power_laws(n, drawn, floor=False).segments[1].interval
            widths.append((high - low) / (without[1] - without[0]))
    assert told > 20 and covered / told > 0.8
    assert np.median(widths) > 1.5


# -- beyond the points


@pytest.mark.parametrize(
    ("count", "truth", "floor"),
    [
        (8, lambda n: (n / 100) ** -0.7, True),
        (8, lambda n: (n / 100) ** -0.7, False),
        (8, lambda n: (n / 100) ** -0.7 + 0.3, True),
        (8, lambda n: np.where(n < 1000, (n / 1000) ** -0.9, (n / 1000) ** -0.3), True),
        (20, lambda n: np.where(n < 1000, (n / 1000) ** -0.3, (n / 1000) ** -0.9), False),
    ],
)
def test_values_beyond_the_points_are_covered(count, truth, floor, monkeypatch):
    monkeypatch.setattr(module, "RESAMPLES", 10)
    rng = np.random.default_rng([count, 5])
    n = np.geomspace(100, 1e4, count)
    inside, told, trials = 0, 0, 60
    for _ in range(trials):
        risk = truth(n) * np.exp(0.05 * rng.standard_normal(count))
        (point,) = fit_power_laws(n, risk, level=0.9, floor=floor, extrapolate=[5e4]).extrapolations
        if point.value is not None:
            told += 1
            inside += point.interval[0] <= truth(np.array(5e4)) <= point.interval[1]
            assert point.interval[0] <= point.value <= point.interval[1] <= 4 * point.interval[0]
    assert told > 0.7 * trials
    assert 0.9 - 3 * math.sqrt(0.09 / told) <= inside / told


def test_exact_curves_are_extrapolated_exactly():
    n = np.geomspace(100, 1e4, 12)
    for truth in (lambda n: 2 * n**-0.4, lambda n: 0.3 + n**-0.4):
        points = fit_power_laws(n, truth(n), extrapolate=[2e4, 1e5]).extrapolations
        assert [p.value for p in points] == pytest.approx([truth(2e4), truth(1e5)], rel=1e-3)
    flat = fit_power_laws(n, np.ones(12), extrapolate=[2e4]).extrapolations
    assert flat[0].value == pytest.approx(1.0)


def test_what_is_left_open_is_no_number():
    fit = fit_power_laws([1, 2, 3, 4, 5], [1, 2, 0.5, 3, 0.2], extrapolate=[50])
    (point,) = fit.extrapolations
    assert point.value is None and point.interval is None and "it takes about" in point.reason
    assert not fit.outcome.ok
    few = fit_power_laws([1, 2, 3], [3, 2, 1], extrapolate=[6])
    assert few.extrapolations[0].value is None and "at least 4" in few.extrapolations[0].reason
    json.dumps(few.to_dict() | fit.to_dict(), allow_nan=False)


def test_the_curve_is_known_where_its_points_are():
    n = np.geomspace(100, 1e4, 12)
    fit = fit_power_laws(n, 0.3 + n**-0.4)
    assert fit.values([100, 500.0, 1e4]) == pytest.approx(0.3 + np.array([100, 500.0, 1e4]) ** -0.4, rel=1e-4)
    for outside in (99, 1.1e4):
        with pytest.raises(InvalidArgument, match="must be from 100 to 10000"):
            fit.values([200, outside])


# -- the next run


@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_one_more_run_shrinks_the_interval_as_expected(floor, monkeypatch):
    monkeypatch.setattr(module, "RESAMPLES", 10)
    rng = np.random.default_rng(12)
    n = np.geomspace(100, 1e4, 10)

    def truth(at):
        return (at / 100) ** -0.7 + floor

    expected, measured, elsewhere = [], [], []
    for _ in range(12):
        risk = truth(n) * np.exp(0.05 * rng.standard_normal(10))
        fit = fit_power_laws(n, risk, next_run=True)
        run = fit.next_runs[0]
        assert run.of == "exponent" and 100 <= run.n <= 1e5 * (1 + 1e-9) and "interval" in run.sentence()
        width = np.diff(fit.segments[-1].interval)[0]
        noise = np.exp(0.05 * rng.standard_normal())
        for at, into in ((run.n, measured), (2000.0, elsewhere)):
            after = fit_power_laws(np.append(n, at), np.append(risk, truth(at) * noise)).segments[-1].interval
            into.append(1 - np.diff(after)[0] / width)
        expected.append(run.share)
    assert np.median(measured) == pytest.approx(np.median(expected), abs=0.12)
    assert np.median(measured) > np.median(elsewhere) + 0.1


def test_without_a_floor_the_farthest_run_tells_most():
    rng = np.random.default_rng(1)
    n = np.geomspace(100, 1e4, 8)
    risk = n**-0.5 * np.exp(0.05 * rng.standard_normal(8))
    fit = fit_power_laws(n, risk, floor=False, next_run=True)
    (run,) = fit.next_runs
    assert run.n == pytest.approx(1e5)
    x = np.log(n)
    longer = np.append(x, math.log(1e5))
    from scipy.stats import t

    ratio = math.sqrt(np.sum((x - x.mean()) ** 2) / np.sum((longer - longer.mean()) ** 2))
    assert run.share == pytest.approx(1 - ratio * t.ppf(0.975, 7) / t.ppf(0.975, 6), rel=1e-6)
    assert fit_power_laws(n, risk).next_runs == ()


# -- the last points by themselves


def a_tail(known=False, count=12, floor=False, level=0.9):
    rng = np.random.default_rng(21)
    x = np.linspace(0.0, 5.0, count)
    y = 0.3 - 0.5 * x + 0.05 * rng.standard_normal(count)
    weight = np.full(count, 20.0 if known else 1.0)
    misses = weight * (y - 0.3 + 0.5 * x)
    return Tail(Points(x, y, weight, Scatter(known=known), count), misses, floor, level)


def test_the_last_points_keep_the_scatter_of_those_before():
    tail = a_tail()
    last = tail.last(5, 1)
    assert last.points.x.tolist() == tail.points.x[-5:].tolist() and last.broken and not tail.broken
    assert last.points.scatter.spare == 7 - 2
    assert last.points.scatter.within == pytest.approx(np.sum(tail.misses[:7] ** 2))
    assert last.last(4, 0).points.scatter.spare == 5 + 1
    assert last.last(4, 0).points.scatter.within == pytest.approx(np.sum(tail.misses[:8] ** 2))
    assert tail.last(10, 3).points.scatter == Scatter(known=False)  # two points do not pay for three pieces
    assert a_tail(known=True).last(5, 1).points.scatter == Scatter(known=True)
    breaks = np.array([1.0, float(tail.points.x[8])])
    cut = tail_of(tail.points, breaks, tail.misses, False, 0.9)
    assert cut.points.x.size == 4 and cut.points.scatter.spare == 8 - 4
    assert tail_of(tail.points, breaks[:0], tail.misses, False, 0.9) == tail


@pytest.mark.parametrize("known", [False, True])
def test_a_line_is_extrapolated_as_regression_does(known):
    from scipy.stats import norm, t

    tail = a_tail(known)
    x, y = tail.points.x, tail.points.y
    slope, height = np.polyfit(x, y, 1)
    variance = 0.05**2 if known else np.sum((y - height - slope * x) ** 2) / 10
    variance = max(variance, np.sum((y - height - slope * x) ** 2) / 10)
    room = np.sqrt(variance * (1 / 12 + (7 - x.mean()) ** 2 / np.sum((x - x.mean()) ** 2)))
    room *= norm.ppf(0.95) if known else t.ppf(0.95, 10)
    ((value, low, high),) = tail.values(np.array([7.0]))
    assert np.log([value, low, high]) == pytest.approx(height + slope * 7 + np.array([0, -room, room]), rel=1e-9)
    # the later half by itself, its reach three quarters as long: the ends are the outer ones
    later = replace(tail.last(6, 0), level=2 * norm.cdf(0.75 * norm.ppf(0.95)) - 1)
    ((_, lowest, highest),) = later.values(np.array([7.0]))
    (point,) = tail.extrapolate(np.array([math.exp(7.0)]))
    assert point.interval == pytest.approx((min(low, lowest), max(high, highest)), rel=1e-9)
    # after a break the later three quarters
    after = replace(tail, broken=True)
    later = replace(after.last(9, 0), level=2 * norm.cdf(0.75 * norm.ppf(0.95)) - 1)
    ((_, lowest, highest),) = later.values(np.array([7.0]))
    (point,) = after.extrapolate(np.array([math.exp(7.0)]))
    assert point.interval == pytest.approx((min(low, lowest), max(high, highest)), rel=1e-9)


def test_scatter_pools_what_repeated_runs_and_residuals_say():
    from scipy.stats import f, t

    scatter = Scatter(known=False, within=3.0, spare=10)
    assert scatter.variance(2.0, 5) == pytest.approx(5 / 15)
    assert scatter.reach(0.95, 5) == pytest.approx(t.ppf(0.975, 15))
    assert scatter.rise(0.9, 2.0, 5) == pytest.approx(f.ppf(0.9, 1, 15) / 3)
    assert Scatter(known=True).rise(0.9, 20.0, 5) == pytest.approx(2.7055 * 4, rel=1e-4)
    assert Scatter(known=True).relative(20.0, 5, 100.0) == pytest.approx(0.2)
    border = float(f.isf(0.01, 5, 10)) * 0.3 * 5
    assert scatter.explains(border * 0.999, 5) and not scatter.explains(border * 1.001, 5)
    assert Scatter(known=True).explains(1e9, 5) and Scatter(known=False).explains(1e9, 5)
