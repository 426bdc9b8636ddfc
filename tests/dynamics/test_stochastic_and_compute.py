"""What noise leaves of SGD, which rates are stable, and the compute-optimal frontier."""

import json

import numpy as np
import pytest
from scipy.integrate import quad

from shallows import InvalidArgument, PowerLaw, Problem, compute_optimal, predict_dynamics
from shallows.dynamics import FLOWS, Sgd, flow_setting, frontier_exponents, sgd_limits, simulate_sgd
from shallows.dynamics.stochastic import cooling, relaxation
from shallows.networks import paper_networks


@pytest.mark.parametrize("network", paper_networks())
def test_the_power_of_the_gradient_is_that_of_sampled_gradients(network):
    problem = Problem(network, PowerLaw(12, 1.0), 1)
    flow, own = (
        FLOWS.of(network),
        problem.architecture.own_weights(problem.architecture.weights_of_modes(problem.teacher.values(network))),
    )
    rng, powers = np.random.default_rng(0), []
    for _ in range(4000):
        x = rng.standard_normal((1, 12))
        # A label one below the output: the gradient of the squared error is twice that of the output.
        zero = flow.gradient(own, x, np.zeros(1))
        one = flow.gradient(own, x, np.ones(1))
        powers.append(sum(float(((zero[name] - one[name]) ** 2).sum()) for name in own) / 4)
    error = np.std(powers) / np.sqrt(len(powers))
    assert sgd_limits(problem, 1).gradient_power == pytest.approx(np.mean(powers), abs=4 * error)


@pytest.mark.parametrize("network", paper_networks())
def test_a_gradient_is_the_slope_of_the_mean_squared_error(network):
    problem, rng = Problem(network, PowerLaw(7, 1.0), 1), np.random.default_rng(1)
    flow, architecture = FLOWS.of(network), problem.architecture
    own = flow.initial_weights(flow_setting(problem, 0.7), rng)
    inputs, labels = rng.standard_normal((9, 7)), rng.standard_normal(9)

    def loss(weights):
        dense = architecture.dense(architecture.effective_weights(weights))
        if dense.ndim == 1:
            output = inputs @ dense
        else:
            output = (np.einsum("ni,ij,nj->n", inputs, dense, inputs) - np.trace(dense)) / np.sqrt(7)
        return float(np.mean((labels - output) ** 2))

    for name, slope in flow.gradient(own, inputs, labels).items():
        moved = {key: value.copy() for key, value in own.items()}
        place = np.unravel_index(3, slope.shape)
        moved[name][place] += 1e-6
        above = loss(moved)
        moved[name][place] -= 2e-6
        assert (above - loss(moved)) / 2e-6 == pytest.approx(slope[place], rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("network,dim,batch", [("diagonal", 40, 4), ("quadratic", 16, 16)])
def test_the_floor_of_a_constant_rate_and_of_a_falling_one(network, dim, batch):
    problem = Problem(network, PowerLaw(dim, 1.0), 1, noise=0.5)
    limits = sgd_limits(problem, batch)
    sgd = Sgd(0.15 * limits.largest_rate, batch)
    start = flow_setting(problem, 1.0)
    steps = 1500
    times = sgd.learning_rate * np.linspace(steps / 2, steps, 60)
    constant = np.array([simulate_sgd(start, sgd, times, seed).mean() for seed in range(8)])
    flow = predict_dynamics(problem, times, init_scale=1.0, sgd=sgd).sgd_excess_risk.mean()
    error = constant.std(ddof=1) / np.sqrt(8)
    assert constant.mean() == pytest.approx(flow, abs=3 * error + 0.1 * flow)
    assert limits.floor(sgd.learning_rate) == pytest.approx(flow, rel=0.15)
    cooled = np.array([simulate_sgd(start, sgd, times[-1:], s, schedule=lambda done: 1 - done)[0] for s in range(24)])
    rest = predict_dynamics(problem, [times[-1] / 2], init_scale=1.0).excess_risk[0]
    left = limits.cooled_floor(sgd.learning_rate, steps) + rest
    assert left < 0.6 * limits.floor(sgd.learning_rate)
    assert cooled.mean() == pytest.approx(left, abs=3 * cooled.std(ddof=1) / np.sqrt(24) + 0.1 * left)


def test_cooling_is_its_integral():
    for x in (1e-3, 0.3, 4.0, 90.0):
        later = quad(lambda z, x=x: np.sqrt(2 * z / x) * np.exp(-z), 0, x / 2)[0]
        assert cooling(np.array([x]))[0] == pytest.approx(np.exp(-x / 2) + later, rel=1e-8)
    assert cooling(np.array([0.0, 1e6])) == pytest.approx([1.0, np.sqrt(np.pi / 2e6)], rel=1e-5)


@pytest.mark.parametrize("width", [40, 300])
def test_gathered_relaxation_rates_cool_like_all_of_them(width):
    problem = Problem("quadratic", PowerLaw(300, 1.25), 1, width=width)
    rates, shares = FLOWS.of("quadratic").relaxation(problem)
    few, gathered = relaxation(problem)
    assert few.size <= 1000 < rates.size and gathered.sum() == pytest.approx(1) == shares.sum()
    assert few @ gathered == pytest.approx(rates @ shares)
    for time in (0.1, 10.0, 1000.0):
        exponents = time / rates.max()
        assert gathered @ cooling(few * exponents) == pytest.approx(shares @ cooling(rates * exponents), rel=1e-5)


@pytest.mark.parametrize("network", paper_networks())
def test_rates_beyond_the_largest_run_away_and_are_refused(network):
    problem = Problem(network, PowerLaw(20, 1.0), 1, noise=0.2)
    for batch in (1, 10_000):
        limits = sgd_limits(problem, batch)
        with pytest.raises(InvalidArgument, match="largest stable rate"):
            limits.floor(limits.largest_rate)
    setting, limits = flow_setting(problem, 0.5), sgd_limits(problem, 8)
    with np.errstate(all="ignore"):
        risky = [
            simulate_sgd(setting, Sgd(3 * limits.largest_rate, 8), np.array([4e3 * limits.largest_rate]), s)
            for s in range(3)
        ]
    calm = [simulate_sgd(setting, Sgd(0.5 * limits.largest_rate, 8), np.array([4e2 * limits.largest_rate]), s)
            for s in range(3)]  # fmt: skip
    assert not np.median(risky) < 2.0
    assert np.median(calm) < 0.5


@pytest.fixture(scope="module")
def frontier():
    return compute_optimal(Problem("quadratic", PowerLaw(300, 1.25), 1, 0.1), np.geomspace(1e8, 1e12, 9))


def test_a_frontier_is_the_lower_edge_of_its_curves(frontier):
    assert np.all(frontier.isoflop >= frontier.excess_risk[:, None] * (1 - 1e-12))
    assert np.all(np.diff(frontier.excess_risk) < 0) and np.all(np.diff(frontier.width) >= 0)
    assert frontier.budgets == pytest.approx(2 * frontier.width * 300 * frontier.samples)
    assert frontier.steps * frontier.batch == pytest.approx(frontier.samples)
    limits = [sgd_limits(Problem("quadratic", PowerLaw(300, 1.25), 1, 0.1, int(w)), round(b))
              for w, b in zip(frontier.width, frontier.batch, strict=True)]  # fmt: skip
    assert all(rate < each.largest_rate for rate, each in zip(frontier.learning_rate, limits, strict=True))
    json.dumps(frontier.to_dict(), allow_nan=False)


def test_a_best_run_is_what_its_flow_and_noise_come_to(frontier):
    place = 4
    problem = Problem("quadratic", PowerLaw(300, 1.25), 1, 0.1, int(frontier.width[place]))
    batch, rate = max(1, round(frontier.batch[place])), frontier.learning_rate[place]
    steps = round(frontier.samples[place] / batch)
    flow = predict_dynamics(problem, [rate * steps / 2], init_scale=0.01).excess_risk[0]
    left = sgd_limits(problem, batch).cooled_floor(rate, steps)
    assert frontier.excess_risk[place] == pytest.approx(flow + left, rel=0.1)


def test_simulated_runs_find_the_predicted_risk_and_a_wide_network_to_be_worse():
    problem = Problem("quadratic", PowerLaw(30, 1.25), 1, 0.1)
    best = compute_optimal(problem, [4e6], init_scale=0.1)
    risks = {}
    for width in (int(best.width[0]), 30):
        here = Problem("quadratic", PowerLaw(30, 1.25), 1, 0.1, width)
        rate = float(best.learning_rate[0] / best.batch[0])
        batch = round(0.5 / (rate * sgd_limits(here, 1).sharpness))
        sgd, steps = Sgd(rate * batch, batch), 4e6 / (60 * width) // batch
        setting, end = flow_setting(here, 0.1), np.array([sgd.learning_rate * steps])
        runs = [simulate_sgd(setting, sgd, end, s, schedule=lambda done: 1 - done)[0] for s in range(6)]
        risks[width] = np.mean(runs), np.std(runs, ddof=1) / np.sqrt(6)
    mean, error = risks[int(best.width[0])]
    assert mean == pytest.approx(best.excess_risk[0], abs=2.5 * error + 0.1 * best.excess_risk[0])
    assert risks[30][0] > 2 * mean


@pytest.mark.parametrize("network", paper_networks())
@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_proposed_runs_from_large_weights_have_their_flow_s_risk_and_a_stable_rate(network, scale):
    problem = Problem(network, PowerLaw(40, 1.25), 1)
    best = compute_optimal(problem, [1e8, 1e10], init_scale=scale)
    for width, samples, batch, rate, risk in zip(
        best.width, best.samples, best.batch, best.learning_rate, best.excess_risk, strict=True
    ):
        here = Problem(network, PowerLaw(40, 1.25), 1, 0.0, int(width) if network == "quadratic" else None)
        flow = predict_dynamics(here, [rate * samples / batch / 2], init_scale=scale).excess_risk[0]
        # Interpolated in the logarithm, between times a tenth of a decade apart.
        assert abs(np.log(risk + 1e-12) - np.log(flow + 1e-12)) < 0.1
        assert rate < sgd_limits(here, max(1, round(batch)), flow_setting(here, scale)).largest_rate


@pytest.mark.parametrize("network", paper_networks())
def test_the_largest_rate_knows_the_initial_weights(network):
    problem = Problem(network, PowerLaw(40, 1.25), 1)
    setting = flow_setting(problem, 10.0)
    limits = sgd_limits(problem, 59, setting)
    with pytest.raises(InvalidArgument, match="from these initial weights"):
        limits.check(0.5 * sgd_limits(problem, 59).largest_rate)
    with pytest.raises(InvalidArgument, match="curvature"):
        limits.check_curvature(limits.largest_rate_without_noise)
    assert limits.largest_rate < limits.largest_rate_without_noise
    assert sgd_limits(problem, 59, flow_setting(problem, 0.01)).largest_rate == sgd_limits(problem, 59).largest_rate
    finals = {}
    with np.errstate(all="ignore"):
        for share in (0.5, 10.0):
            rate = share * limits.largest_rate
            finals[share] = [simulate_sgd(setting, Sgd(rate, 59), np.array([0.0, 200 * rate]), s) for s in range(4)]
    assert all(end < start for start, end in finals[0.5])
    assert all(not end < start for start, end in finals[10.0])


@pytest.mark.parametrize("gamma", [0.8, 1.25])
@pytest.mark.parametrize("schedule,noise", [("constant", 1.0), ("linear", 1.0), ("linear", 0.0)])
def test_exponents_of_the_diagonal_frontier(gamma, schedule, noise):
    """Without a width there is one flow for all budgets, so that large dimensions are cheap."""
    problem = Problem("diagonal", PowerLaw(10**9, gamma), 1, noise)
    found = compute_optimal(problem, np.geomspace(1e17, 1e21, 5), init_scale=1e-30, schedule=schedule)
    slopes = np.polyfit(np.log(found.budgets), np.log(found.excess_risk), 1)[0]
    kind = schedule if noise else "noiseless"
    derived = frontier_exponents("diagonal", gamma, kind)["excess_risk"]
    # Logarithms of the initial weights steepen it by a share of one over their number of e-foldings, 140 or so.
    assert slopes == pytest.approx(derived, abs=0.05)


@pytest.mark.parametrize(
    "change,word",
    [
        ({"budgets": []}, "budgets"),
        ({"budgets": [0.0, 1e9]}, "budgets"),
        ({"budgets": [1e9, 1e8]}, "budgets"),
        ({"budgets": ["much"]}, "budgets"),
        ({"budgets": [10.0]}, "cost of one sample"),
        ({"init_scale": 0.0}, "init_scale"),
        ({"schedule": "cosine"}, "schedule"),
        ({"problem": "quadratic"}, "problem"),
        ({"problem": Problem("diagonal", PowerLaw(20, 1.0, energy=0.0), 1)}, "teacher"),
    ],
)
def test_bad_input_is_named(change, word):
    arguments = {"problem": Problem("diagonal", PowerLaw(20, 1.0), 1, 0.1), "budgets": [1e6]} | change
    with pytest.raises(InvalidArgument, match=word):
        compute_optimal(arguments.pop("problem"), arguments.pop("budgets"), **arguments)
    with pytest.raises(InvalidArgument, match="schedule"):
        frontier_exponents("diagonal", 1.0, "cosine")
