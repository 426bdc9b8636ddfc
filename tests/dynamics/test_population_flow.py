"""The flow's closed form against its differential equation, its mean over draws, simulated SGD and its limits."""

import numpy as np
import pytest

from shallows import FromValues, InvalidArgument, LowRank, PowerLaw, Problem, predict, predict_dynamics
from shallows.dynamics import FLOWS, Sgd, flow_setting, simulate_sgd, time_grid
from shallows.networks import paper_networks
from shallows.teachers import EXACT_LIMIT


def scaled_times(problem, *multiples):
    """Times at these multiples of when a mode of the largest size has grown by a factor e."""
    rate = FLOWS.of(problem.network).growth_rate(problem) * problem.spectrum.values[0]
    return np.array(multiples) / rate


def slow_flow(problem, weights, decay, times, steps=4000):
    """Effective weights by Runge-Kutta steps on the own weights, with the gradient of the population loss."""
    modes = problem.teacher.values(problem.network)
    d = problem.dim

    def velocity(own):
        if problem.architecture.is_matrix:
            w = own["W"]
            p = w.shape[0]
            away = w.T @ w / np.sqrt(p * d) - np.diag(modes)
            return {"W": -8 / (d * np.sqrt(p * d)) * w @ away - 2 * decay * w}
        a, w = own["a"], own["w"]
        away = 2 * (a * w / np.sqrt(d) - modes) / np.sqrt(d)
        return {"a": -away * w - 2 * decay * a, "w": -away * a - 2 * decay * w}

    def shifted(own, by, step):
        return {name: own[name] + step * by[name] for name in own}

    out, now = [], 0.0
    for time in times:
        step = (time - now) / steps
        for _ in range(steps):
            k1 = velocity(weights)
            k2 = velocity(shifted(weights, k1, step / 2))
            k3 = velocity(shifted(weights, k2, step / 2))
            k4 = velocity(shifted(weights, k3, step))
            whole = {name: k1[name] + 2 * k2[name] + 2 * k3[name] + k4[name] for name in k1}
            weights = shifted(weights, whole, step / 6)
        now = time
        out.append(problem.architecture.dense(problem.architecture.effective_weights(weights)))
    return out


@pytest.mark.parametrize("decay", [0.0, 2e-3])
@pytest.mark.parametrize(
    "network,width,start",
    [
        ("diagonal", None, "normal"),
        ("diagonal", None, "balanced"),
        ("quadratic", 4, "normal"),
        ("quadratic", 15, "normal"),
    ],
)
def test_each_draw_follows_the_differential_equation(network, width, start, decay):
    values = [2.0, 1.0, 0.5, 0.5, 0.1, 0.0, 0.0, 0.3] if network == "quadratic" else [1.0, -0.5, 0.2, 0.0, 0.05]
    problem = Problem(network, FromValues(values), 1, width=width)
    flow, setting = FLOWS.of(network), flow_setting(problem, 0.3, decay, start)
    weights = flow.initial_weights(setting, np.random.default_rng(3))
    times = scaled_times(problem, 0.5, 3.0, 12.0)
    found = flow.trajectory(setting, weights, times)
    for ours, slow in zip(found, slow_flow(problem, weights, decay, times, 1500 if decay else 500), strict=True):
        assert problem.architecture.dense(ours) == pytest.approx(
            slow, abs=1e-4 if decay and network == "diagonal" else 1e-8
        )


@pytest.mark.parametrize(
    "network,width,scale,decay",
    [
        ("quadratic", 60, 0.05, 0.0),
        ("quadratic", 20, 0.1, 1e-4),
        ("quadratic", 5, 0.01, 0.0),
        ("quadratic", 90, 0.5, 0.0),
        ("diagonal", None, 0.1, 0.0),
        ("diagonal", None, 1.0, 0.0),
        ("diagonal", None, 0.3, 3e-4),
    ],
)
def test_prediction_is_the_mean_over_initial_weights(network, width, scale, decay):
    problem = Problem(network, PowerLaw(60, 1.25), 1, width=width)
    times = scaled_times(problem, 0.3, 3.0, 8.0, 20.0, 60.0)
    flow, setting = FLOWS.of(network), flow_setting(problem, scale, decay)
    truth, rng = problem.architecture.weights_of_modes(problem.teacher.values(network)), np.random.default_rng(5)
    risks, norms, diagonals = [], [], []
    for _ in range(40 if network == "quadratic" else 150):
        path = flow.trajectory(setting, flow.initial_weights(setting, rng), times)
        risks.append([problem.architecture.excess_risk(weights, truth) for weights in path])
        dense = [problem.architecture.dense(weights) for weights in path]
        diagonals.append([np.diag(s) if s.ndim == 2 else s for s in dense])
        norms.append([np.trace(s) if s.ndim == 2 else np.nan for s in dense])
    found = predict_dynamics(problem, times, init_scale=scale, weight_decay=decay)
    error = np.std(risks, axis=0, ddof=1) / np.sqrt(len(risks))
    assert np.all(np.abs(found.excess_risk - np.mean(risks, axis=0)) < 3.2 * error + 0.012 * found.excess_risk)
    spread = np.std(diagonals, axis=0, ddof=1) / np.sqrt(len(risks))
    allowed = 4.5 * spread + 0.01 * found.state.values.max()
    assert np.all(np.abs(found.state.mean - np.mean(diagonals, axis=0)) < allowed)
    if network == "quadratic":
        traces = np.sqrt(problem.effective_width * 60) * np.array(norms)
        off = np.std(traces, axis=0, ddof=1) / np.sqrt(len(traces))
        assert np.all(np.abs(found.state.norm - traces.mean(axis=0)) < 3.5 * off + 0.01 * found.state.norm)


@pytest.mark.parametrize(
    "network,gamma,dim,width,decay,scale",
    [
        ("quadratic", 1.25, 60, 60, 0.0, 0.1),
        ("quadratic", 0.75, 60, 15, 3e-5, 0.2),
        ("diagonal", 1.0, 60, None, 0.0, 0.1),
        ("diagonal", 0.75, 60, None, 1e-3, 0.3),
    ],
)
def test_simulated_sgd_is_within_two_standard_errors(network, gamma, dim, width, decay, scale):
    problem = Problem(network, PowerLaw(dim, gamma), 1, 0.1, width)
    flow, is_matrix = FLOWS.of(network), problem.architecture.is_matrix
    times = scaled_times(problem, 4.0, 9.0, 18.0)
    sgd = Sgd(0.1 / (flow.growth_rate(problem) * problem.spectrum.values[0]), 300 if is_matrix else 60)
    setting = flow_setting(problem, scale, decay)
    risks = np.array([simulate_sgd(setting, sgd, times, seed) for seed in range(8 if is_matrix else 30)])
    found = predict_dynamics(problem, times, init_scale=scale, weight_decay=decay, sgd=sgd)
    error = risks.std(axis=0, ddof=1) / np.sqrt(len(risks))
    assert np.all(np.abs(found.sgd_excess_risk - risks.mean(axis=0)) < 2 * error + 0.01 * found.sgd_excess_risk)


def test_the_numbers_of_the_theory_note_are_ordinary_draws():
    """Section 15: single draws at d = p = 60, as simulated and as predicted from the draw's own initial weights."""
    problem = Problem("quadratic", PowerLaw(60, 1.25), 1)
    flow, rng = FLOWS.of("quadratic"), np.random.default_rng(0)
    truth = problem.architecture.weights_of_modes(problem.teacher.values("quadratic"))
    for scale, decay, times, told in (
        (0.05, 0.0, [400.0, 800.0], [0.4329, 0.1678]),
        (0.3, 2.667e-5, [200.0, 400.0], [0.3614, 0.1130]),
    ):
        setting = flow_setting(problem, scale, decay)
        paths = [flow.trajectory(setting, flow.initial_weights(setting, rng), np.array(times)) for _ in range(25)]
        risks = np.array([[problem.architecture.excess_risk(s, truth) for s in path] for path in paths])
        assert np.all(np.abs(np.array(told) - risks.mean(axis=0)) < 2.5 * risks.std(axis=0, ddof=1))
        found = predict_dynamics(problem, times, init_scale=scale, weight_decay=decay)
        assert found.excess_risk == pytest.approx(risks.mean(axis=0), rel=0.02)


@pytest.mark.parametrize("network", paper_networks())
@pytest.mark.parametrize("decay", [0.0, 1e-3])
def test_a_start_of_equal_layers_is_a_logistic_function(network, decay):
    if "balanced" not in FLOWS.of(network).starts:
        with pytest.raises(InvalidArgument, match="start"):
            predict_dynamics(Problem(network, PowerLaw(20, 1.0), 1), [1.0], init_scale=0.1, start="balanced")
        return
    problem = Problem(network, PowerLaw(20, 1.0), 1)
    found = predict_dynamics(problem, [0.0, 20.0, 200.0], init_scale=0.1, weight_decay=decay, start="balanced")
    s, d = found.state.values, 20
    a, start = s - decay * np.sqrt(d), 0.1**2 / np.sqrt(d)
    grown = start * np.exp(4 / np.sqrt(d) * a * found.times[:, None])
    logistic = a * grown / (a + grown - start)
    assert found.state.mean == pytest.approx(logistic, rel=1e-10)
    half = predict_dynamics(problem, found.mode_times[:5], init_scale=0.1, weight_decay=decay, start="balanced")
    assert np.diag(half.state.mean[:, :5]) == pytest.approx(a[:5] / 2, rel=1e-9)


@pytest.mark.parametrize(
    "problem,decay",
    [
        (Problem("quadratic", PowerLaw(40, 1.25), 10**9), 0.0),
        (Problem("quadratic", PowerLaw(40, 1.25), 10**9), 1e5),
        (Problem("quadratic", PowerLaw(40, 1.25), 10**9, width=7), 1e5),
        (Problem("diagonal", PowerLaw(40, 1.0), 10**9), 2e7),
        (Problem("diagonal", LowRank(40, 3), 10**9), 2e6),
    ],
)
def test_the_end_of_training_is_the_prediction_for_many_samples(problem, decay):
    scale = 1.0 if problem.rank_share == 1 else 0.01
    found = predict_dynamics(problem, scaled_times(problem, 1e7), init_scale=scale, weight_decay=decay)
    assert found.excess_risk[0] == pytest.approx(found.final_risk, rel=1e-3, abs=1e-9)
    assert found.final_risk == pytest.approx(predict(problem, weight_decay=decay).excess_risk, rel=1e-3, abs=1e-7)


@pytest.mark.parametrize("network", paper_networks())
def test_modes_enter_one_after_another_at_their_times(network):
    problem = Problem(network, PowerLaw(100, 1.25), 1)
    times = time_grid(flow_setting(problem, 1e-4), until=float(scaled_times(problem, 400.0)[0]))
    found = predict_dynamics(problem, times, init_scale=1e-4)
    modes = found.mode_times
    assert np.all(np.diff(modes) > 0)
    counted = (modes[None, :] <= times[:, None]).sum(axis=1)
    assert np.all(np.abs(found.learned_modes - counted) <= 1)
    assert counted[-1] >= 5
    total = sum(found.decomposition.values())
    assert total == pytest.approx(found.excess_risk, rel=1e-9)
    assert np.all(np.diff(found.loss) < 1e-12)


@pytest.mark.parametrize("network", paper_networks())
def test_compressed_and_given_teachers_agree_with_every_mode_kept(network, monkeypatch):
    d = EXACT_LIMIT + 200
    compressed, kept = PowerLaw(d, 0.8), PowerLaw(d, 0.8).values(network)
    problem = Problem(network, compressed, 1)
    assert problem.spectrum.values.size < d
    monkeypatch.setattr("shallows.teachers.EXACT_LIMIT", d)
    exact = Problem(network, FromValues(kept), 1)
    times = scaled_times(problem, 1.0, 10.0, 100.0, 1000.0)
    found, wanted = (predict_dynamics(p, times, init_scale=0.02).excess_risk for p in (problem, exact))
    assert exact.spectrum.values.size == d
    assert found == pytest.approx(wanted, rel=2e-4)


@pytest.mark.parametrize("network", paper_networks())
@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_the_largest_initial_weights_allowed_fall_all_the_way_to_the_end(network, decay):
    problem = Problem(network, PowerLaw(40, 1.25), 1)
    found = predict_dynamics(problem, np.append(np.geomspace(1e-9, 1e5, 40), 1e20), init_scale=1e4, weight_decay=decay)
    # Not below the rounding of squared weights of 1e8.
    assert np.all(np.diff(found.loss) <= 1e-9 * found.loss[:-1] + 1e-12)
    assert found.excess_risk[-1] == pytest.approx(found.final_risk, rel=1e-6, abs=1e-6)


def test_initial_weights_are_not_taken_for_learned_modes():
    large = Problem("quadratic", PowerLaw(10**6, 1.25), 1)
    found = predict_dynamics(large, [0.0], init_scale=0.01)
    assert found.excess_risk[0] > 1.9 and found.learned_modes[0] == 0 and found.smallest[0] == np.inf
    narrow = Problem("quadratic", PowerLaw(40, 1.25), 1, width=5)
    end = predict_dynamics(narrow, [1e12], init_scale=0.01)
    assert end.learned_modes[0] == pytest.approx(5)
    above = predict_dynamics(Problem("diagonal", PowerLaw(40, 1.25), 1), [0.0], init_scale=30.0)
    assert above.learned_modes[0] == 0


def test_times_come_back_as_given():
    problem = Problem("quadratic", PowerLaw(30, 1.0), 1)
    one = predict_dynamics(problem, [5e3, 0.0, 100.0, 5e3], init_scale=0.1)
    two = predict_dynamics(problem, [0.0, 100.0, 5e3], init_scale=0.1)
    assert one.times.tolist() == [5e3, 0.0, 100.0, 5e3]
    assert one.excess_risk == pytest.approx(two.excess_risk[[2, 0, 1, 2]], rel=1e-12)


@pytest.mark.parametrize(
    "change,word",
    [
        ({"times": [-1.0]}, "times"),
        ({"times": []}, "times"),
        ({"times": [1.0, float("nan")]}, "times"),
        ({"times": ["soon"]}, "times"),
        ({"times": 3.0}, "times"),
        ({"init_scale": 0.0}, "init_scale"),
        ({"init_scale": -0.1}, "init_scale"),
        ({"init_scale": float("inf")}, "init_scale"),
        ({"init_scale": 1.1e4}, "at most 10000"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"start": "zero"}, "start"),
        ({"sgd": 0.5}, "sgd"),
        ({"sgd": Sgd(1e6, 10)}, "learning_rate"),
        ({"problem": None}, "problem"),
    ],
)
def test_bad_input_is_named(change, word):
    arguments = {"problem": Problem("quadratic", PowerLaw(20, 1.0), 1), "times": [1.0], "init_scale": 0.1} | change
    with pytest.raises(InvalidArgument, match=word):
        predict_dynamics(arguments.pop("problem"), arguments.pop("times"), **arguments)


def test_a_rate_or_a_batch_that_is_none_is_refused():
    for arguments, word in (((0.0, 10), "learning_rate"), ((0.1, 0), "batch"), ((0.1, 2.5), "batch")):
        with pytest.raises(InvalidArgument, match=word):
            Sgd(*arguments)
    with pytest.raises(InvalidArgument, match="until"):
        time_grid(flow_setting(Problem("diagonal", PowerLaw(20, 1.0), 1), 0.1), until=0.0)
