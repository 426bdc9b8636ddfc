"""Message passing meets state evolution, the convex minimum and the Bayes-optimal error."""

import json
from dataclasses import replace

import numpy as np
import pytest

from shallows.amp import (
    MODELS,
    AmpSettings,
    AmpStatus,
    Iteration,
    MessageStep,
    Observations,
    ThresholdForPenalty,
    ThresholdMultiple,
    Trajectory,
    amp,
    bayes_rule,
)
from shallows.amp.damping import SETTLE, SMALLEST_MIX, Damping
from shallows.amp.departure import departure_share, first_departure, size_allowance
from shallows.amp.models import SIMULATIONS
from shallows.cli import main
from shallows.denoisers import (
    REGISTRY,
    RULES,
    SoftThreshold,
    soft_divergence,
    threshold_for_penalty,
    threshold_for_weight_decay,
)
from shallows.errors import InvalidArgument
from shallows.networks import network_named
from shallows.operators import operator_for
from shallows.phases import PHASES, phase_of
from shallows.problems import Problem
from shallows.state_evolution import bayes_optimal, solve
from shallows.teachers import LowRank, PowerLaw
from shallows.training import sample, train
from shallows.weights import LowRankPSD

# The phase that theory names, problem and strength, for each phase of the diagram (theory note, section 7). Two of them
# the diagonal network has at no size. Ia, at log_d n_eff < 0: a data set has at least one sample; the closest is a
# dozen samples, in V. IV: V follows Ia directly and leaves it no room; the closest is a steep teacher with few samples.
TRIANGLE = {
    "diagonal": {
        "Ia": ("V", PowerLaw(400, 1.0), 12, 0.5, 0.1),
        "Ib": ("Ib", PowerLaw(300, 1.0), 30, 0.5, 40.0),
        "II": ("II", PowerLaw(300, 1.0), 150, 0.5, 1.0),
        "III": ("III", PowerLaw(150, 0.6), 6000, 0.5, 8.0),
        "IV": ("V", PowerLaw(400, 1.5), 60, 0.5, 0.1),
        "V": ("V", PowerLaw(300, 1.0), 200, 0.5, 0.1),
        "peak": ("peak", PowerLaw(200, 1.0), 200, 0.5, 0.3),
        "VIa": ("VIa", PowerLaw(150, 1.0), 1500, 0.5, 0.1),
        "VIb": ("VIb", PowerLaw(60, 0.6), 12000, 0.5, 1.0),
    },
    "quadratic": {
        "Ia": ("Ia", PowerLaw(60, 1.25), 58, 0.5, 0.12),
        "Ib": ("Ib", PowerLaw(60, 1.0), 600, 0.5, 20.0),
        "II": ("II", PowerLaw(60, 1.0), 2400, 0.3, 1.0),
        "III": ("III", PowerLaw(40, 0.6), 12000, 0.3, 4.0),
        "IV": ("IV", PowerLaw(60, 0.6), 840, 0.5, 0.4),
        "V": ("V", PowerLaw(60, 0.8), 1600, 0.3, 0.15),
        "peak": ("peak", PowerLaw(40, 1.0), 1600, 0.3, 0.1),
        "VIa": ("VIa", PowerLaw(40, 1.0), 8000, 0.3, 0.05),
        "VIb": ("VIb", PowerLaw(30, 0.6), 4000, 0.3, 0.1),
    },
}
CONVEX = {name: network_named(rule.network).is_convex(10, None) for name, rule in REGISTRY.items() if rule.proximal}
CASES = [(name, phase) for name, convex in CONVEX.items() if convex for phase in TRIANGLE[REGISTRY[name].network]]
#: Where the training problem is not convex: teacher, samples, noise and weight decay, from silence to a wide bulk.
NOT_CONVEX = {
    "diagonal:depth=3": [
        (PowerLaw(400, 1.0), 300, 0.3, 100.0),
        (PowerLaw(400, 1.0), 600, 0.5, 2.0),
        (LowRank(300, 10), 400, 0.2, 1.0),
        (PowerLaw(200, 0.8), 900, 0.5, 0.3),
    ],
    "quadratic:depth=2": [
        (PowerLaw(24, 1.0), 960, 0.3, 150.0),
        (PowerLaw(24, 1.0), 960, 0.3, 1.0),
        (LowRank(24, 3), 960, 0.2, 1.5),
        (PowerLaw(24, 0.8), 1400, 0.5, 0.5),
    ],
}


def test_triangle_covers_the_diagram():
    assert all(set(cases) == set(PHASES) for cases in TRIANGLE.values())


@pytest.mark.parametrize(("name", "phase"), CASES)
def test_triangle(name, phase):
    """AMP, the convex solver and state evolution agree, and the rule is what leads from one to the other."""
    rule, network = REGISTRY[name], REGISTRY[name].network
    realised, teacher, n, noise, strength = TRIANGLE[network][phase]
    problem = Problem(network, teacher, n, noise)
    assert phase_of(problem, strength).name == realised
    option = {"weight_decay" if network == "diagonal" else "penalty": strength}
    runs = [sample(problem, seed) for seed in range(6)]
    errors = []
    for data in runs:
        run = amp(data, **option, settings=AmpSettings(max_iterations=4000, damping=0.6, replicas=0))
        fit = train(data, **option, solver="convex", tolerance=1e-8)
        exact = fit.weights.matrix() if isinstance(fit.weights, LowRankPSD) else fit.weights
        assert np.linalg.norm(run.weights - exact) <= 1e-3 * np.linalg.norm(exact)
        assert np.isclose(run.excess_risk, fit.excess_risk(data), rtol=2e-3)
        modes = rule(run.threshold).apply(run.observed, run.noise_scale).values
        learned = np.linalg.eigvalsh(run.weights) if run.weights.ndim == 2 else run.weights
        assert np.sort(modes) == pytest.approx(np.sort(learned), rel=1e-9, abs=1e-9 * run.observed.max())
        errors.append(run.error)
    point = solve(problem, **option)
    expected = point.estimation_error
    assert rule(point.threshold).moments(problem, point.noise_scale)[0] == pytest.approx(expected, rel=1e-6)
    spread = np.std(errors) / np.sqrt(len(errors) - 1)
    assert abs(np.mean(errors) - expected) < 4 * spread + 0.06 * expected  # corrections at finite size
    if realised == "Ib":
        assert not np.any(run.weights)  # rank collapse, in all three


NETWORKS = [(name, case) for name, convex in CONVEX.items() if not convex for case in range(4)]


@pytest.mark.parametrize(("name", "case"), NETWORKS)
def test_triangle_where_it_is_not_convex(name, case):
    """Message passing, the best of many starts and state evolution agree; the rule leads from one to the other."""
    rule, network = REGISTRY[name], REGISTRY[name].network
    teacher, n, noise, strength = NOT_CONVEX[network][case]
    problem = Problem(network, teacher, n, noise)
    errors = {"amp": [], "starts": []}
    for seed in range(3 if problem.architecture.is_matrix else 6):
        data = sample(problem, seed)
        run = amp(data, weight_decay=strength, settings=AmpSettings(damping=0.7, replicas=0))
        fit = train(data, weight_decay=strength)
        assert fit.status.value == "local_minimum" and fit.gap is None and fit.residual < 1e-4
        ended = train(data, weight_decay=strength, solver="amp")
        # one minimum, up to the few weights on the verge
        assert fit.objective <= ended.objective * (1 + 1e-9) <= fit.objective * (1 + 2e-3)
        modes = rule(run.threshold).apply(run.observed, run.noise_scale).values
        learned = np.linalg.eigvalsh(run.weights) if run.weights.ndim == 2 else run.weights
        assert np.sort(modes) == pytest.approx(np.sort(learned), rel=1e-9, abs=1e-12 * run.observed.max())
        errors["amp"].append(run.error)
        errors["starts"].append(fit.excess_risk(data) / problem.architecture.risk_per_error)
    point = solve(problem, weight_decay=strength)
    expected = point.estimation_error
    assert rule(point.threshold).moments(problem, point.noise_scale)[0] == pytest.approx(expected, rel=1e-6)
    allowance = max(0.06, problem.architecture.size_allowance(problem.effective_samples))
    for found in errors.values():
        spread = np.std(found) / np.sqrt(len(found) - 1)
        assert abs(np.mean(found) - expected) < 4 * spread + allowance * expected
    if case == 0:
        assert not problem.architecture.features(fit.weights)


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_bayes_amp_reaches_the_bayes_error_and_nothing_beats_it(network):
    if network == "diagonal":
        problem, seeds, strengths = Problem(network, PowerLaw(600, 1.0), 400, 0.3), range(10), (0.5, 1.0, 2.0)
    else:
        problem, seeds, strengths = Problem(network, PowerLaw(80, 0.75), 6400, 0.2), range(4), (0.1, 0.3, 0.6)
    expected = bayes_optimal(problem)
    data = [sample(problem, seed) for seed in seeds]
    settings = AmpSettings(tolerance=1e-5, replicas=0)
    bayes = np.array([amp(d, rule=bayes_rule(problem), settings=settings).error for d in data])
    root = np.sqrt(len(bayes) - 1)
    assert abs(bayes.mean() - expected.estimation_error) < 4 * bayes.std() / root + 0.06 * expected.estimation_error
    option = "weight_decay" if network == "diagonal" else "penalty"
    factor = 1 if network == "diagonal" else 2
    for strength in strengths:
        others = np.array([train(d, **{option: strength}).excess_risk(d) / factor for d in data])
        difference = others - bayes
        assert difference.mean() > -2 * difference.std() / root


def test_bayes_amp_settles_with_few_samples_and_strong_modes():
    """The outliers of the first iterations lie off the bands of the known spectrum."""
    problem = Problem("quadratic", PowerLaw(200, 1.25), 4000, 0.1)
    for seed in range(2):
        run = amp(sample(problem, seed), rule=bayes_rule(problem), settings=AmpSettings(replicas=0))
        assert run.status is AmpStatus.CONVERGED


def test_threshold_equations_are_solved_on_the_data():
    rng = np.random.default_rng(0)
    u = rng.standard_normal(200)
    for bound in (0.1, 5.0, 60.0, 400.0):
        zeta = threshold_for_weight_decay(u, 150, bound)
        assert zeta > 0
        below = zeta * (1 - 1e-12) * (150 - np.sum(np.abs(u) > zeta * (1 - 1e-12)))
        assert below <= bound * (1 + 1e-9) and zeta * (150 - np.sum(np.abs(u) > zeta)) >= bound * (1 - 1e-9)
    x = np.sort(rng.standard_normal(60))
    for penalty in (0.01, 0.3, 2.0):
        zeta, divergence = threshold_for_penalty(x, 0.3, penalty)
        assert np.isclose(zeta * (1.2 - 2 * divergence), penalty, rtol=1e-9)
        assert abs(divergence - soft_divergence(x, zeta)) <= 2.1 / 60**2  # a jump is shared


def test_predicted_policies_solve_the_same_equations():
    problem = Problem("diagonal", PowerLaw(300, 1.0), 150, 0.5)
    rule = ThresholdForPenalty(4.0).predicted(problem, 0.05)
    assert np.isclose(rule.threshold * (150 - rule.moments(problem, 0.05)[1]), 4.0)
    assert ThresholdMultiple(1.5).predicted(problem, 0.05) == SoftThreshold(1.5 * 0.05)


def test_runs_are_json_ready_and_inputs_untouched():
    data = sample(Problem("quadratic", PowerLaw(30, 1.0), 900, 0.3), 3)
    run = amp((data.inputs, data.labels), network="quadratic", penalty=0.5)
    text = json.dumps(run.to_dict())
    content = json.loads(text)
    assert content["trajectory"]["predicted_error"][0] is None and np.isnan(run.error)
    assert {len(column) for column in content["trajectory"].values()} == {run.iterations}
    assert amp(data, penalty=0.5).to_dict()["excess_risk"] > 0


def test_a_vanishing_estimate_is_not_yet_the_end():
    """One proposal without weights on the way to a minimum that has some."""
    for problem, seed, option in (
        (Problem("quadratic", PowerLaw(20, 1.0), 42, 0.5), 70, {"penalty": 2.459723568267578}),
        (Problem("diagonal", PowerLaw(60, 1.0), 7, 0.5), 9, {"weight_decay": 1.120710362392655}),
    ):
        data = sample(problem, seed)
        run = amp(data, **option, settings=AmpSettings(replicas=0), throw=False)
        exact = train(data, **option).weights
        exact = exact.matrix() if isinstance(exact, LowRankPSD) else exact
        assert np.any(exact) and (not run.status.ok or np.allclose(run.weights, exact, atol=1e-3))


def test_labels_of_zeros_and_exact_recovery_are_no_special_case():
    inputs = np.random.default_rng(0).standard_normal((30, 10))
    run = amp((inputs, np.zeros(30)), network="diagonal", weight_decay=1.0)
    assert run.to_dict()["excess_risk"] is None and run.iterations == 0
    nothing = amp(sample(Problem("quadratic", PowerLaw(10, 1.0, 0.0), 60, 0.0), 0), penalty=1.0)
    assert nothing.status is AmpStatus.CONVERGED and not nothing.weights.any()
    for noise in (0.0, 1e-300):
        problem = Problem("diagonal", PowerLaw(200, 1.0), 400, noise)
        assert amp(sample(problem, 0), rule=bayes_rule(problem)).excess_risk < 1e-12


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"truth": np.ones(10)}, "truth: .* must be numbers of shape"),
        ({"truth": "x"}, "truth"),
        ({"problem": "p"}, "problem: .* must be a Problem"),
        ({"penalty": None, "rule": bayes_rule}, "rule: .* must be a Denoiser or a Policy"),
        ({"settings": 3}, "settings: .* must be an AmpSettings"),
        ({"width": 1.5}, "width: .* integer"),
        ({"width": 0}, "width"),
    ],
)
def test_arguments_of_another_kind_are_named(option, words):
    data = sample(Problem("quadratic", PowerLaw(10, 1.0), 60, 0.5), 0)
    with pytest.raises(InvalidArgument, match=words):
        amp(data, **({"penalty": 1.0} | option))


def test_zero_labels_and_narrow_networks():
    data = sample(Problem("quadratic", PowerLaw(30, 1.0), 900, 0.3), 3)
    zero = amp((data.inputs, np.zeros(900)), network="quadratic", penalty=0.5)
    assert not zero.weights.any() and zero.status is AmpStatus.CONVERGED
    narrow = amp(data, penalty=0.2, width=2, throw=False)
    assert np.linalg.matrix_rank(narrow.weights, tol=1e-10) <= 2


def test_settings_are_checked():
    data = sample(Problem("diagonal", PowerLaw(30, 1.0), 40, 0.3), 3)
    bad = [
        ({}, "none"),
        ({"weight_decay": 1.0, "rule": ThresholdMultiple(1.0)}, "exactly one"),
        ({"weight_decay": 1.0, "penalty": 1.0}, "exactly one of the three"),
        ({"penalty": 1.0}, "penalty"),
        ({"weight_decay": 0.0}, "weight_decay"),
        ({"weight_decay": 1.0, "problem": Problem("diagonal", PowerLaw(30, 1.0), 41)}, "41 samples"),
        ({"weight_decay": 1.0, "network": "quadratic"}, "problem"),
    ]
    for options, message in bad:
        with pytest.raises(InvalidArgument, match=message):
            amp(data, **options)
    with pytest.raises(InvalidArgument, match="network"):
        amp((data.inputs, data.labels), weight_decay=1.0)
    with pytest.raises(InvalidArgument, match="data"):
        amp(3, network="diagonal", weight_decay=1.0)
    with pytest.raises(InvalidArgument, match=r"rule: .* not for the diagonal network"):
        amp(data, rule=bayes_rule(Problem("quadratic", PowerLaw(30, 1.0), 40)))
    for setting, words in (
        ({"damping": 1.5}, "damping: .* at most 1"),
        ({"damping": 0.1}, "damping: .* above 0.1"),
        ({"max_iterations": 0}, "max_iterations"),
        ({"max_iterations": 1.5}, "max_iterations"),
        ({"tolerance": -1}, "tolerance"),
        ({"replicas": -1}, "replicas"),
        ({"replicas": 1.5}, "replicas"),
    ):
        with pytest.raises(InvalidArgument, match=words):
            AmpSettings(**setting)


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_one_step_is_that_of_the_note(network):
    """Theory note, section 9, written out with every feature matrix."""
    rng = np.random.default_rng(4)
    n, d = 25, 6
    x, y, r = rng.standard_normal((n, d)), rng.standard_normal(n), rng.standard_normal(n)
    run = Iteration(network, x, y, ThresholdMultiple(0.5))
    if network == "diagonal":
        state, unit, count = rng.standard_normal(d), float(n), float(n)
        pulled = x.T @ r
    else:
        matrix = rng.standard_normal((d, d))
        state, count = matrix + matrix.T, 2 * n / d**2
        unit, z = count * d, (np.einsum("ni,nj->nij", x, x) - np.eye(d)) / np.sqrt(d)
        pulled = np.einsum("n,nij->ij", r, z)
    step = MessageStep(network, run.operator)
    assert np.allclose(step.observe(state, r), state + pulled / unit)
    assert np.allclose(step.correct(y, 3.0, r), y + 3.0 / count * r)


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_an_iteration_goes_on_from_where_another_was(network):
    problem = Problem(network, PowerLaw(30, 1.0), 40 if network == "diagonal" else 1500, 0.3)
    data, policy = sample(problem, 2), ThresholdMultiple(1.0)
    whole = Iteration(network, data.inputs, data.labels, policy)
    for _ in range(3):
        whole.propose()
        whole.mix(0.6)
    rest = Iteration(network, whole.operator, data.labels, policy, start=(whole.state, whole.residual))
    assert rest.scale == whole.scale
    rows = [run.propose() for run in (rest, whole)]
    assert rows[0]["train_error"] == rows[1]["train_error"]
    assert np.array_equal(rest.weights, whole.weights) and np.array_equal(rest.modes, whole.modes)
    exact = train(data, weight_decay=0.5).weights
    start = Iteration(network, data.inputs, data.labels, policy, start=(exact, data.labels))
    dense = exact.matrix() if isinstance(exact, LowRankPSD) else exact
    assert np.array_equal(start.state, dense)


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_changes_and_scales_of_an_iteration_are_those_of_its_states(network):
    problem = Problem(network, PowerLaw(30, 1.0), 40 if network == "diagonal" else 1500, 0.3)
    data = sample(problem, 2)
    run = Iteration(network, data.inputs, data.labels, ThresholdMultiple(1.0))
    for share in (1.0, 0.3, 0.6):
        before = run.weights
        row = run.propose()
        assert row["change"] == pytest.approx(np.linalg.norm(run.weights - before) / np.linalg.norm(run.weights))
        assert row["noise_scale"] == run.scale
        miss = data.labels - run.operator.forward(run.weights)
        assert row["train_error"] == pytest.approx(np.mean(miss**2))
        freedom = run.rule.apply(run.observed, run.scale).divergence * (1 if network == "diagonal" else 30**2 / 2)
        assert row["degrees_of_freedom"] == pytest.approx(freedom) and 0 < freedom < data.labels.size
        after = run.scale_after(share)
        run.mix(share)
        assert after == run.scale
    # an estimate of zero does not change: what its residual has left to go does
    zeros = np.zeros(run.state.shape)
    silent = Iteration(network, data.inputs, data.labels, ThresholdMultiple(1e6), start=(zeros, 4 * data.labels))
    assert silent.propose()["change"] == pytest.approx(0.75)


class Pretended:
    """An iteration whose noise scale would rise by `rise` for every share of a proposal."""

    labels = np.ones(10**4)
    scale = 1.0

    def __init__(self, rise):
        self.rise = rise

    def scale_after(self, share):
        return 1 + self.rise * share


def test_damping_is_strengthened_where_the_noise_would_rise():
    allowed = 0.02 + 2 / 100
    assert Damping(1.0).choose(Pretended(0.99 * allowed), 0.5) == 1.0
    assert Damping(0.6).choose(Pretended(-0.1), 0.5) == 0.6
    assert Damping(1.0).choose(Pretended(1.01 * allowed), 0.5) == pytest.approx(0.7)
    assert Damping(1.0).choose(Pretended(2 * allowed), 0.5) == pytest.approx(0.7**2)
    least = Damping(1.0).choose(Pretended(100.0), 0.5)
    assert 0.7 * SMALLEST_MIX < least <= SMALLEST_MIX
    recovering = Damping(1.0)
    recovering.choose(Pretended(2 * allowed), 0.5)
    assert recovering.choose(Pretended(0.0), 0.5) == pytest.approx(1.03 * 0.7**2)


def test_damping_is_strengthened_where_nothing_is_gained():
    cycling, settling = Damping(1.0), Damping(1.0)
    shares = [cycling.choose(Pretended(0.0), 0.1) for _ in range(SETTLE + 3)]
    assert shares == pytest.approx([1.0] * (SETTLE + 2) + [0.9])
    for _ in range(100):
        cycling.choose(Pretended(0.0), 0.1)
    assert cycling.most == pytest.approx(2 * SMALLEST_MIX)
    for k in range(40):  # a tenth less at every step is progress
        assert settling.choose(Pretended(0.0), 0.9**k) == 1.0


def test_the_rank_is_limited_on_the_data_and_in_the_prediction():
    data = sample(Problem("quadratic", PowerLaw(30, 1.0), 900, 0.3, width=3), 3)
    run = amp(data, rule=ThresholdMultiple(0.5), settings=AmpSettings(replicas=0), throw=False)
    assert np.linalg.matrix_rank(run.weights, tol=1e-10) <= 3
    wider = amp(data, rule=ThresholdMultiple(0.5), width=30, settings=AmpSettings(replicas=0), throw=False)
    assert np.linalg.matrix_rank(wider.weights, tol=1e-10) > 3
    freedom = [r.trajectory.predicted_degrees_of_freedom[0] for r in (run, wider)]
    assert freedom[0] < 0.7 * freedom[1]


@pytest.mark.parametrize(("network", "count"), [("diagonal", 150), ("quadratic", 2 * 150 / 50**2)])
def test_the_fraction_of_a_jump_solves_the_penalty_equation(network, count):
    x = np.sort(np.random.default_rng(1).standard_normal(50))
    seen = Observations(Problem(network, PowerLaw(50, 1.0), 150).architecture, x, 0.5, 150)
    policy = ThresholdForPenalty(0.7 if network == "quadratic" else 60.0)
    rule = policy.denoiser(seen)
    freedom = policy.divergence(rule, np.nan, seen)
    assert np.isclose(rule.threshold * (count - freedom), policy.strength)
    measured = rule.apply(x, 0.5).divergence
    assert abs(freedom - measured) <= (1 if network == "diagonal" else 2.1 / 50)
    assert policy.divergence(RULES.of(network).soft(0.0), 3.25, seen) == 3.25


def test_departures_are_measured_against_what_is_allowed():
    data = sample(Problem("diagonal", PowerLaw(200, 1.0), 100, 0.3), 3)
    path = amp(data, weight_decay=0.5).trajectory
    share = departure_share(path, 100.0, 0)
    allowed = 0.03 + 5 / 100 + 5 * path.fluctuation
    assert np.allclose(share, np.abs(np.log(path.noise_scale / path.predicted_noise_scale)) / allowed)
    assert size_allowance(100.0, 4) == 0.03 and size_allowance(100.0, 0) == pytest.approx(0.08)
    assert share.max() < 1


def test_the_first_deviation_beyond_the_allowance_is_the_departure():
    ones = np.ones(4)
    columns = dict.fromkeys([*Trajectory.MEASURED, *Trajectory.EXPECTED], ones)
    limit = np.exp(0.03 + 5 * 0.01)
    measured = np.array([1.0, limit * 0.999, 1 / (limit * 1.001), 1e-13])
    path = Trajectory(**columns | {"noise_scale": measured, "fluctuation": 0.01 * ones})
    assert first_departure(path, 1e9, replicas=4) == 2
    assert departure_share(path, 1e9, 4)[3] == 0  # recovered to rounding
    assert first_departure(path, 1e3, replicas=0) is None  # 5/1000 more is allowed without replicas
    assert first_departure(path, 1e3, replicas=1) == 2
    for unit in (1e-7, 1e7):  # in whatever units the noise is measured
        scaled = replace(path, noise_scale=unit * measured, predicted_noise_scale=unit * ones)
        assert departure_share(scaled, 1e9, 4) == pytest.approx(departure_share(path, 1e9, 4))


def test_what_a_run_does_where_it_is_not_told():
    diagonal, quadratic = (MODELS.of(name) for name in ("diagonal", "quadratic"))
    assert (diagonal.damping, quadratic.damping) == (1.0, 0.6)
    assert [quadratic.replicas(samples, 1 << 10) for samples in (100, 1 << 14, (1 << 14) + 1)] == [4, 4, 0]
    assert diagonal.replicas(100, 10) == 0
    simulations = [SIMULATIONS.of(name) for name in ("diagonal", "quadratic")]
    assert [s.needed(1500, [1.0, 0.9]) for s in simulations] == [True, True]
    assert [s.needed(1501, [1.0, 1.0]) for s in simulations] == [False, False]
    assert AmpSettings(damping=1.0, replicas=0, max_iterations=1).damping == 1.0
    run = amp(sample(Problem("quadratic", PowerLaw(20, 1.0), 400, 0.3), 3), penalty=0.5, throw=False)
    assert (run.damping, run.replicas) == (0.6, 4)


def test_the_command_says_what_counts_as_a_departure(capsys):
    problem = "--dim 100 --samples 60 --gamma 1 --noise 0.5 --weight-decay 1"
    assert main(["amp", "--network", "diagonal", *problem.split(), "--seed", "1"]) == 0
    lines = {
        line.split("  ")[1].strip(): line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")
    }
    assert "never" in lines["off theory"]
    assert "% of what is allowed there" in lines["furthest off"] and " sd) at iteration" in lines["furthest off"]
    assert "11 % for finite size, and 5 sd" in lines["allowed"]


def test_modes_are_put_together_again_whatever_their_sign():
    rng = np.random.default_rng(0)
    inputs, matrix = rng.standard_normal((40, 6)), rng.standard_normal((6, 6))
    matrix = matrix + matrix.T
    operator, model = operator_for("quadratic", inputs), MODELS.of("quadratic")
    modes, basis = model.decompose(matrix, operator)
    weights, outputs = model.compose(np.where(np.abs(modes) < 0.5, 0.0, modes), basis, operator)
    assert np.any(modes < -0.5) and np.allclose(outputs, operator.forward(weights))
    assert np.allclose(np.linalg.eigvalsh(weights), np.sort(np.where(np.abs(modes) < 0.5, 0.0, modes)), atol=1e-12)


def test_simulated_matrices_are_the_teacher_in_gaussian_noise():
    simulation, d = SIMULATIONS.of("quadratic"), 40
    assert (simulation.copies(d), simulation.copies(401)) == (10, 1)
    assert np.array_equal(simulation.teacher(np.arange(3.0)), np.diag([0.0, 1.0, 2.0]))
    noise = simulation.noise(np.random.default_rng(0), (50, d, d))
    assert np.array_equal(noise, noise.transpose(0, 2, 1))
    off, on = noise[:, *np.triu_indices(d, 1)], noise[:, range(d), range(d)]
    assert off.var() == pytest.approx(1 / d, rel=0.02) and on.var() == pytest.approx(2 / d, rel=0.1)
    images = simulation.denoise(RULES.of("quadratic").soft(0.5).apply, noise[:3], 1.0)
    for before, after in zip(noise, images, strict=False):
        values, vectors = np.linalg.eigh(before)
        assert np.allclose(after, (vectors * np.maximum(values - 0.5, 0)) @ vectors.T)


def test_the_fourth_cumulant_of_the_miss_of_a_matrix():
    """``x^T E x/sqrt(d)`` is a sum of squares of normal numbers, each with a fourth cumulant of 48."""
    simulation = SIMULATIONS.of("quadratic")
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((2, 2)))
    errors = np.array([(turn * values) @ turn.T for values in ([1.0, -2.0], [0.0, 1.0])])
    assert simulation.fourth_cumulant(errors) == pytest.approx(np.mean([48 * 17 / 4, 48 * 1 / 4]))
