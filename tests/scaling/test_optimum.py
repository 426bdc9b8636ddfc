"""The optimal weight decay against grids, closed forms and known limits."""

import json
import math

import numpy as np
import pytest

from shallows import FromValues, InvalidArgument, LowRank, PowerLaw, Problem, SolveFailed, predict
from shallows.optimum import (
    SCAN_DENSITY,
    OptimumStatus,
    _Scan,
    minimum_between,
    optimal_weight_decay,
    predicted_silencing_weight_decay,
    risk_at,
    silencing_bound,
)
from shallows.state_evolution import bayes_optimal


def random_problems(count, seed):
    rng = np.random.default_rng(seed)
    for i in range(count):
        network = ("diagonal", "quadratic")[i % 2]
        dim = int(10 ** rng.uniform(1, 5))
        if i % 5 == 4:
            teacher = LowRank(dim, int(rng.integers(1, max(2, dim // 4))))
        else:
            teacher = PowerLaw(dim, rng.uniform(0.55, 2.5))
        n_eff = dim ** rng.uniform(0.1, 1.6)
        samples = max(1.0, n_eff * (dim if network == "quadratic" else 1))
        width = int(rng.integers(1, dim + 1)) if network == "quadratic" and rng.random() < 0.3 else None
        yield Problem(network, teacher, samples, float(10 ** rng.uniform(-3, 1)), width)


@pytest.mark.parametrize("problem", random_problems(16, 7), ids=lambda p: f"{p.network}-{p.dim}")
def test_no_grid_point_beats_the_optimum(problem):
    best = optimal_weight_decay(problem)
    top = silencing_bound(problem)
    risks = [predict(problem, weight_decay=lam, throw=False).excess_risk for lam in np.geomspace(1e-5 * top, top, 150)]
    assert best.excess_risk <= np.nanmin(risks) * (1 + 1e-6)
    if best.status is OptimumStatus.INTERIOR:
        assert predict(problem, weight_decay=best.weight_decay).excess_risk == pytest.approx(best.excess_risk, rel=1e-9)
        assert best.price_of_half >= 1 - 1e-9
        assert best.price_of_double >= 1 - 1e-9
        shift = {half: predict(problem, weight_decay=best.weight_decay * half).excess_risk for half in (0.5, 2.0)}
        assert shift[0.5] / best.excess_risk == pytest.approx(best.price_of_half, rel=1e-8)
        assert shift[2.0] / best.excess_risk == pytest.approx(best.price_of_double, rel=1e-8)


def test_penalty_and_weight_decay_agree_at_finite_width():
    best = optimal_weight_decay(Problem("quadratic", PowerLaw(400, 1.25), 26515, 0.1, width=25))
    assert best.penalty == pytest.approx(best.weight_decay / 4)
    full = optimal_weight_decay(Problem("quadratic", PowerLaw(400, 1.25), 26515, 0.1))
    assert best.excess_risk < full.excess_risk  # the width cuts the bulk off


def test_bayes_is_a_lower_bound_and_the_rates_coincide():
    ratios = []
    for n_eff in (1e3, 1e4, 1e5):
        best = optimal_weight_decay(Problem("quadratic", PowerLaw(10**6, 1.25), n_eff * 10**6, 0.1))
        assert best.gap_to_bayes > 1
        ratios.append(best.gap_to_bayes)
    assert max(ratios) / min(ratios) < 1.3  # over two decades of samples


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_the_optimum_follows_the_noise_line(network):
    dim, nu = 10**8, np.array([0.5, 0.7, 0.9])
    n_eff = float(dim) ** nu
    decays = []
    for n in n_eff:
        problem = Problem(network, PowerLaw(dim, 1.5), n * (dim if network == "quadratic" else 1), 0.1)
        decays.append(optimal_weight_decay(problem).weight_decay)
    slope = np.polyfit(np.log(n_eff), np.log(decays), 1)[0]
    assert abs(slope - 0.5) < 0.04  # up to logarithms


def test_noiseless_recovery_wants_vanishing_weight_decay():
    best = optimal_weight_decay(Problem("diagonal", LowRank(1000, 5), 500, 0.0))
    assert best.status is OptimumStatus.VANISHING
    assert best.weight_decay == 0.0
    assert best.excess_risk == 0.0
    assert (best.price_of_half, best.price_of_double) == (1.0, 1.0)


def test_nothing_learnable_is_said():
    best = optimal_weight_decay(Problem("diagonal", PowerLaw(1000, 1.0), 5, 1e5))
    assert best.status is OptimumStatus.UNBOUNDED
    assert best.excess_risk == pytest.approx(1.0, rel=1e-8)
    assert best.price_of_double == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("noise,status", [(0.0, OptimumStatus.INDIFFERENT), (1.0, OptimumStatus.UNBOUNDED)])
@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_a_teacher_without_energy(network, noise, status):
    best = optimal_weight_decay(Problem(network, PowerLaw(50, 1.0, energy=0.0), 100, noise))
    assert best.status is status
    assert best.excess_risk == 0.0


def test_several_local_minima_are_told_apart():
    modes = np.concatenate([np.full(3, 1.0), np.full(2000, 0.012)])
    problem = Problem("diagonal", FromValues(modes), 1200, 0.02)
    best = optimal_weight_decay(problem)
    fine = [predict(problem, weight_decay=lam).excess_risk for lam in np.geomspace(1e-4, 40, 400)]
    assert best.excess_risk <= min(fine) * (1 + 1e-6)
    assert list(best.local_minima) == sorted(best.local_minima, key=lambda pair: pair[1])


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_the_minimum_between_two_weight_decays(network):
    problem = Problem(network, PowerLaw(60, 1.0), 80 * (60 if network == "quadratic" else 1), 0.5)
    grid = np.geomspace(0.05, 20, 4001)
    risks = [risk_at(problem, lam) for lam in grid]
    place, risk = minimum_between(problem, 0.05, 20.0)
    assert risk == risk_at(problem, place)
    assert risk <= min(risks) * (1 + 1e-9)
    assert place == pytest.approx(grid[int(np.argmin(risks))], rel=5e-3)
    rough = minimum_between(problem, 0.05, 20.0, tolerance=0.3)
    assert risk <= rough[1] < risk * 1.1


def test_the_minimum_between_finds_a_kink(monkeypatch):
    monkeypatch.setattr("shallows.optimum.risk_at", lambda problem, lam: 1 + abs(math.log(lam) - 0.3))
    place, value = minimum_between(None, math.exp(-1.0), math.exp(2.0), tolerance=1e-9)
    assert math.log(place) == pytest.approx(0.3, abs=1e-7)
    assert value == pytest.approx(1.0, abs=1e-7)


def test_the_minimum_between_passes_over_what_has_no_solution(monkeypatch):
    def risk(problem, lam):
        return math.nan if lam < 1 else 1 + (math.log(lam) - 0.5) ** 2

    monkeypatch.setattr("shallows.optimum.risk_at", risk)
    place, value = minimum_between(None, math.exp(-1.0), math.exp(2.0))
    assert math.log(place) == pytest.approx(0.5, abs=1e-4)
    assert value == pytest.approx(1.0, abs=1e-8)
    monkeypatch.setattr("shallows.optimum.risk_at", lambda problem, lam: math.nan)
    assert math.isnan(minimum_between(None, 0.1, 1.0, points=5)[1])


def test_the_lower_of_two_minima_is_found_among_points_tried_first(monkeypatch):
    def risk(problem, lam):
        x = math.log(lam)
        return min(1 + (x + 3) ** 2, 0.5 + 40 * (x - 2.5) ** 2)

    monkeypatch.setattr("shallows.optimum.risk_at", risk)
    low, high = math.exp(-5.0), math.exp(3.0)
    assert math.log(minimum_between(None, low, high, points=33)[0]) == pytest.approx(2.5, abs=1e-4)
    monkeypatch.setattr("shallows.optimum.risk_at", lambda problem, lam: lam)  # smallest at an end
    assert minimum_between(None, low, high, points=5) == (pytest.approx(low), pytest.approx(low))


def test_of_equal_risks_the_smaller_weight_decay_is_taken(monkeypatch):
    monkeypatch.setattr("shallows.optimum.risk_at", lambda problem, lam: 1.0)
    for low, high in ((-3.0, -1.0), (1.0, 3.0)):
        assert math.log(minimum_between(None, math.exp(low), math.exp(high))[0]) == pytest.approx(low, abs=1e-3)


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
@pytest.mark.parametrize(("ratio", "energy"), [(1e-5, 1.0), (0.5, 1.0), (3.0, 1.0), (3.0, 1e-10)])
def test_the_scan_reaches_from_next_to_nothing_to_silence(network, ratio, energy):
    samples = max(1.0, 1000 * ratio) * (1000 if network == "quadratic" else 1)
    problem = Problem(network, PowerLaw(1000, 1.0, energy), samples, 0.2 * energy)
    scan, ceiling = _Scan.of(problem), silencing_bound(problem)
    assert scan.log_decays[-1] == pytest.approx(math.log(ceiling))
    lowest = min(1e-4 * ceiling, 1e-4 * min(1.0, problem.effective_samples / 1000))
    assert scan.log_decays[0] == pytest.approx(math.log(lowest))
    spacing = np.diff(scan.log_decays)
    assert np.all(spacing <= math.log(10) / SCAN_DENSITY * (1 + 1e-9))
    assert np.all(spacing > 0.9 * math.log(10) / SCAN_DENSITY)
    assert scan.failed == 0 and scan.risks[-1] == pytest.approx(problem.null_risk)


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_what_an_optimum_is_held_against(network):
    problem = Problem(network, PowerLaw(100, 1.0), 60 * (100 if network == "quadratic" else 1), 0.3)
    best = optimal_weight_decay(problem)
    assert best.noise_line == pytest.approx(math.sqrt(0.6))
    assert best.bayes_risk == bayes_optimal(problem).excess_risk
    assert best.gap_to_bayes == pytest.approx(best.excess_risk / best.bayes_risk) and best.gap_to_bayes > 1
    # the plateau of zero weights is flat: no minimum of its own
    assert all(risk < problem.null_risk * (1 - 1e-6) for _, risk in best.local_minima)
    assert best.local_minima[0] == (best.weight_decay, best.excess_risk)


@pytest.mark.parametrize("low,high", [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (0.1, math.inf)])
def test_bounds_of_the_minimum_are_checked(low, high):
    with pytest.raises(InvalidArgument, match=r"low|high"):
        minimum_between(Problem("diagonal", PowerLaw(50, 1.0), 100, 0.1), low, high)


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
@pytest.mark.parametrize("noise", [0.01, 10.0])
def test_silence_begins_where_it_is_said(network, noise):
    problem = Problem(network, PowerLaw(100, 1.0), 60 * (100 if network == "quadratic" else 1), noise)
    silent = predicted_silencing_weight_decay(problem)
    assert silent < silencing_bound(problem)
    for factor in (1.0, 2.0, 10.0):
        assert risk_at(problem, factor * silent) == pytest.approx(problem.null_risk, rel=1.1e-9)
    assert abs(risk_at(problem, 0.998 * silent) - problem.null_risk) > 0.9e-9 * problem.null_risk
    law = predict(problem, weight_decay=silencing_bound(problem)).spectrum
    assert law.mass_at_zero == pytest.approx(1.0, abs=1e-12)


def test_a_failed_solve_is_raised_with_its_result(monkeypatch):
    from shallows import optimum
    from shallows.state_evolution import FixedPoint, Status

    nan = math.nan
    monkeypatch.setattr(optimum, "solve", lambda *_, **__: FixedPoint(nan, nan, nan, nan, nan, nan, Status.NO_SOLUTION))
    problem = Problem("diagonal", PowerLaw(50, 1.0), 100, 0.1)
    with pytest.raises(SolveFailed) as caught:
        optimal_weight_decay(problem)
    assert caught.value.result.status is OptimumStatus.FAILED
    answer = optimal_weight_decay(problem, throw=False).to_dict()
    assert answer["status"] == "failed"
    assert "excess_risk" not in answer


def test_an_unsolved_bayes_risk_is_none(monkeypatch):
    from shallows import optimum
    from shallows.state_evolution import BayesPoint, Status

    def fails(problem, *, throw=True):
        assert not throw
        return BayesPoint(1.0, 1.0, 1.0, 0.1, Status.INACCURATE, True)

    monkeypatch.setattr(optimum, "bayes_optimal", fails)
    best = optimal_weight_decay(Problem("diagonal", PowerLaw(50, 1.0), 100, 0.1))
    content = json.loads(json.dumps(best.to_dict(), allow_nan=False))
    assert content["bayes_risk"] is None
    assert content["gap_to_bayes"] is None
    assert content["excess_risk"] > 0


def test_json_has_the_promised_keys():
    content = optimal_weight_decay(Problem("quadratic", PowerLaw(400, 1.25), 26515, 0.1)).to_dict()
    keys = {"weight_decay", "penalty", "excess_risk", "bayes_risk", "price_of_half", "price_of_double"}
    assert keys <= set(content)
    json.dumps(content, allow_nan=False)


def test_bad_input():
    with pytest.raises(InvalidArgument, match="problem"):
        optimal_weight_decay("quadratic")
