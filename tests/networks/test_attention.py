"""Attention without softmax: the quadratic network, observed through all pairs of tokens."""

import numpy as np
import pytest

from shallows import GaussianDesign, InvalidArgument, PowerLaw, Problem, optimal_weight_decay, predict, sample, train
from shallows.amp import amp, bayes_rule
from shallows.cli import main
from shallows.denoisers import RULES
from shallows.errors import NotSupported
from shallows.networks import Attention, network_named, network_names, paper_networks
from shallows.operators import AttentionOperator, TorchAttentionOperator, operator_for
from shallows.state_evolution import bayes_error, bayes_optimal
from shallows.sweeps import PointRequest, run_points

TEACHER = PowerLaw(40, 1.0)
THREE = Problem(Attention(tokens=3), TEACHER, 432, noise=0.2)
SAME = Problem("quadratic", TEACHER, 2592, noise=0.2)


def observations(inputs):
    """The matrices ``Z`` of all pairs, one by one."""
    d, out = inputs.shape[2], []
    for tokens in inputs:
        for a, first in enumerate(tokens):
            for b, second in enumerate(tokens[a:], a):
                product = np.outer(first, second)
                out.append((product - np.eye(d) if a == b else (product + product.T) / np.sqrt(2)) / np.sqrt(d))
    return np.array(out)


@pytest.mark.parametrize("place", ["host", "tensor"])
@pytest.mark.parametrize("covariance", [None, np.array([[1.3, 0.2, 0.0], [0.2, 0.9, 0.1], [0.0, 0.1, 0.8]])])
def test_its_operator_is_the_map_written_out(place, covariance, monkeypatch):
    monkeypatch.setattr("shallows.operators.quadratic.BLOCK_NUMBERS", 32)
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((7, 4, 3))
    z, operator = observations(inputs), AttentionOperator(inputs)
    if place == "tensor":
        operator = TorchAttentionOperator(pytest.importorskip("torch").from_numpy(inputs))
    if covariance is not None:
        operator = operator.centred(covariance)
        on_diagonal = np.tile([a == b for a in range(4) for b in range(a, 4)], 7)
        z = z + on_diagonal[:, None, None] * (np.eye(3) - covariance) / np.sqrt(3)
    factor, direction, values = rng.standard_normal((3, 2)), rng.standard_normal((3, 2)), rng.standard_normal(70)
    signs = np.array([1.0, -1.0])
    matrix, mixed = factor @ factor.T, factor @ direction.T + direction @ factor.T

    def outputs(s):
        return np.einsum("kij,ij->k", z, s)

    weighted = np.einsum("kij,k->ij", z, values)
    pairs = [
        (operator.forward(mixed), outputs(mixed)),
        (operator.output_of_modes(np.array([2.0, -1.0, 0.5])), outputs(np.diag([2.0, -1.0, 0.5]))),
        (operator.forward_factor(factor), outputs(matrix)),
        (operator.forward_factor(factor[:, :0]), np.zeros(70)),
        (operator.forward_factor(factor, signs), outputs((factor * signs) @ factor.T)),
        (operator.adjoint(values), weighted),
        (operator.forward_mixed(factor, direction)[0], outputs(mixed)),
        (operator.forward_mixed(factor, direction)[1], outputs(direction @ direction.T)),
        (operator.adjoint_times(values, factor), weighted @ factor),
        (operator.normal_times(factor, direction), np.einsum("kij,k->ij", z, outputs(mixed)) @ factor),
    ]
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert operator.samples == 70 and operator.dim == 3


def test_scores_are_those_of_the_definition():
    data = sample(Problem(Attention(tokens=3), PowerLaw(8, 1.0), 5, noise=0.0), seed=1)
    assert data.inputs.shape == (5, 3, 8) and data.labels.shape == (5, 3, 3) and data.dim == 8 and data.samples == 5
    s = data.weights.matrix()
    expected = np.einsum("nai,ij,nbj->nab", data.inputs, s, data.inputs) - np.eye(3) * np.trace(s)
    np.testing.assert_allclose(data.labels, expected / np.sqrt(8), atol=1e-12)


@pytest.mark.parametrize("shared", [0, 1])
def test_noise_of_the_scores_has_the_variances_that_are_said(shared):
    network = Attention(tokens=4, shared_noise=shared)
    teacher = PowerLaw(4, 1.0)
    clean, noisy = (sample(Problem(network, teacher, 4000, noise=v), seed=3).labels for v in (0.0, 0.5))
    found = (noisy - clean).var(axis=0)
    expected = np.full((4, 4), 0.5 if shared else 0.25) + np.eye(4) * (0.0 if shared else 0.25)
    np.testing.assert_allclose(found, expected, rtol=5 * np.sqrt(2 / 4000))
    mean = network.observed(noisy - clean).var()
    assert network.mean_noise(0.5) == pytest.approx(mean, rel=0.03)
    if shared:
        assert network.mean_noise(0.5) == pytest.approx(2 * 4 * 0.5 / 5, rel=1e-14)


def test_one_token_is_the_quadratic_network_bit_for_bit():
    pytest.importorskip("torch")
    one, plain = (Problem(name, PowerLaw(20, 1.0), 300, noise=0.2) for name in ("attention:tokens=1", "quadratic"))
    predictions = [predict(problem, penalty=0.1) for problem in (one, plain)]
    first, second = ({k: v for k, v in found.to_dict().items() if k != "network"} for found in predictions)
    assert first == second
    data, same = sample(one, 5), sample(plain, 5)
    np.testing.assert_array_equal(data.inputs[:, 0], same.inputs)
    np.testing.assert_array_equal(data.labels[:, 0, 0], same.labels)
    for solver in ("auto", "convex", "gradient"):
        fits = [train(found, penalty=0.1, solver=solver) for found in (data, same)]
        np.testing.assert_array_equal(fits[0].weights.factor, fits[1].weights.factor)
        assert fits[0].objective == fits[1].objective
    runs = [amp(found, penalty=0.1, throw=False) for found in (data, same)]
    np.testing.assert_array_equal(runs[0].weights, runs[1].weights)
    np.testing.assert_array_equal(runs[0].trajectory.predicted_noise_scale, runs[1].trajectory.predicted_noise_scale)


@pytest.mark.parametrize("covariance", [None, 0.5])
def test_theory_is_that_of_as_many_observations(covariance):
    pair = [THREE, SAME]
    if covariance is not None:
        design = GaussianDesign(covariance)
        pair = [Problem(p.network, p.teacher, p.samples, p.noise, design=design) for p in pair]
    found, same = (predict(problem, penalty=0.1) for problem in pair)
    for name in ("excess_risk", "train_error", "test_error", "noise_scale", "degrees_of_freedom"):
        assert getattr(found, name) == getattr(same, name)
    assert found.problem.effective_samples == same.problem.effective_samples == 64.8
    assert found.allowance == pytest.approx(same.allowance + 2 / (2 * 64.8), rel=1e-14)
    assert found.problem.alpha == same.problem.alpha and found.phase == same.phase
    if covariance is None:
        assert found.bayes == same.bayes and found.decomposition.to_dict() == same.decomposition.to_dict()
        assert optimal_weight_decay(pair[0]).weight_decay == optimal_weight_decay(pair[1]).weight_decay


def test_the_spot_value_of_the_theory_note():
    problem = Problem("attention:tokens=3", PowerLaw(60, 1.0), 600, noise=0.2)
    assert predict(problem, penalty=0.1).estimation_error == pytest.approx(0.0543, abs=5e-5)


def test_trained_attention_is_the_trained_quadratic_network():
    pytest.importorskip("torch")
    risks = {}
    for problem, root in ((THREE, 0), (SAME, 100)):
        for solver, tolerance in (("auto", 1e-6), ("gradient", 1e-4)):
            seeds = range(root, root + (10 if solver == "auto" else 2))
            fits = [
                (train(data, penalty=0.1, solver=solver, tolerance=tolerance), data)
                for data in (sample(problem, seed) for seed in seeds)
            ]
            assert all(fit.status.ok for fit, _ in fits)
            risks[problem.network, solver] = np.array([fit.excess_risk(data) for fit, data in fits])
        convex, gradient = risks[problem.network, "auto"], risks[problem.network, "gradient"]
        np.testing.assert_allclose(gradient, convex[:2], rtol=1e-2)  # the same minimum of the same data
    found, same = risks[THREE.network, "auto"], risks["quadratic", "auto"]
    error = np.sqrt((found.var(ddof=1) + same.var(ddof=1)) / 10)
    assert abs(found.mean() - same.mean()) < 3 * error
    predicted = predict(THREE, penalty=0.1)
    assert abs(found.mean() / predicted.excess_risk - 1) < predicted.allowance + 3 * error / found.mean()


def test_inputs_with_a_covariance_reach_one_minimum_both_ways():
    pytest.importorskip("torch")
    problem = Problem(Attention(tokens=2), PowerLaw(30, 1.0), 600, noise=0.2, design=GaussianDesign(0.5))
    data = sample(problem, 0)
    fits = [train(data, penalty=0.1, solver=s, tolerance=t) for s, t in (("auto", 1e-6), ("gradient", 1e-5))]
    assert fits[0].objective == pytest.approx(fits[1].objective, rel=1e-5)
    assert fits[0].excess_risk(data) == pytest.approx(predict(problem, penalty=0.1).excess_risk, rel=0.25)


def test_message_passing_ends_at_the_minimum_on_its_path():
    data = sample(THREE, 0)
    run, fit = amp(data, penalty=0.1), train(data, penalty=0.1)
    assert run.status.value == "converged" and run.departed_at is None
    assert run.excess_risk == pytest.approx(fit.excess_risk(data), rel=1e-3)
    assert amp(data, rule=bayes_rule(THREE)).excess_risk < run.excess_risk
    with pytest.raises(InvalidArgument, match="is not for the attention:tokens=3 network"):
        amp(data, rule=RULES.of("diagonal").soft(0.1))


def test_shared_noise_is_its_mean_for_training():
    network = Attention(tokens=3, shared_noise=1)
    problem = Problem(network, TEACHER, 432, noise=0.2)
    same = Problem("quadratic", TEACHER, 2592, noise=0.3)
    assert predict(problem, penalty=0.1).excess_risk == pytest.approx(predict(same, penalty=0.1).excess_risk, rel=1e-12)
    assert predict(problem, penalty=0.1).test_error == pytest.approx(predict(same, penalty=0.1).test_error, rel=1e-12)
    found = {}
    for name, here in (("shared", problem), ("mean", same)):
        fits = [(train(data, penalty=0.1), data) for data in (sample(here, seed) for seed in range(10))]
        found[name] = np.array([(fit.excess_risk(data), fit.train_error) for fit, data in fits])
    error = np.sqrt((found["shared"].var(axis=0, ddof=1) + found["mean"].var(axis=0, ddof=1)) / 10)
    assert (np.abs(found["shared"].mean(axis=0) - found["mean"].mean(axis=0)) < 3 * error).all()


@pytest.mark.parametrize("noise", [0.2, 1e-3, 0.0])
def test_two_groups_of_observations_add_up_in_the_bayes_optimal_risk(noise):
    tokens, n = 3, 600
    problem = Problem(Attention(tokens=tokens, shared_noise=1), TEACHER, n, noise=noise)
    point = bayes_optimal(problem)
    dim, error = problem.dim, point.estimation_error
    known = bayes_error(problem, point.noise_scale) if point.noise_scale else 0.0
    assert known == pytest.approx(error, rel=1e-8)
    if noise:
        # sum over groups of 2 alpha/(E + noise of the observations/2): T of variance Delta, T(T-1)/2 of 2 Delta
        precision = 2 * n / dim**2 * (tokens / (error + noise / 2) + tokens * (tokens - 1) / 2 / (error + noise))
        assert 1 / point.noise_scale**2 == pytest.approx(precision, rel=1e-8)
    halved = bayes_optimal(Problem(Attention(tokens=tokens), TEACHER, n, noise=noise)).estimation_error
    averaged = bayes_optimal(Problem("quadratic", TEACHER, 6 * n, noise=1.5 * noise)).estimation_error
    assert (halved < error < averaged) if noise else halved == error == averaged


def test_the_free_energy_of_one_group_in_two_parts_is_that_of_one():
    from shallows.state_evolution import STATE_EVOLUTIONS
    from shallows.state_evolution.bayes import _NoiseEquation

    values, weights = np.array([1.0, 0.5]), np.array([0.1, 0.9])
    evolution = STATE_EVOLUTIONS.of("quadratic")
    one = _NoiseEquation(evolution, 0.7, ((1.0, 0.2),), values, weights)
    two = _NoiseEquation(evolution, 0.7, ((0.4, 0.2), (0.6, 0.2 * (1 + 1e-9))), values, weights)
    for x in (-3.0, -1.0, 0.5):
        assert two.excess(x) == pytest.approx(one.excess(x), abs=1e-8)
        assert two.slope(x, two.excess(x)) == pytest.approx(one.slope(x, one.excess(x)), rel=1e-6)


def test_the_papers_networks_stay_two():
    assert network_names() == ("diagonal", "quadratic", "attention") and paper_networks() == ("diagonal", "quadratic")


def test_a_sweep_runs_over_tokens():
    settings = {"network": "attention", "dim": 20, "gamma": 1.0, "samples": 100, "noise": 0.1, "penalty": 0.2}
    found = run_points([PointRequest(settings | {"tokens": t}, "theory") for t in (1, 2, 3)])
    risks = [record["excess_risk"] for record in found]
    assert risks == sorted(risks, reverse=True) and len(set(risks)) == 3


@pytest.mark.parametrize(
    "options,words",
    [
        ({"tokens": 0}, "tokens"),
        ({"tokens": 2.5}, "tokens"),
        ({"tokens": "3"}, "tokens"),
        ({"tokens": True}, "tokens"),
        ({"shared_noise": 2}, "must be 0 or 1"),
        ({"shared_noise": -1}, "shared_noise"),
    ],
)
def test_options_that_are_none_are_refused(options, words):
    with pytest.raises(InvalidArgument, match=words):
        Attention(**options)


def test_data_of_another_shape_are_refused_by_name():
    data = sample(Problem(Attention(tokens=3), PowerLaw(6, 1.0), 20, noise=0.1), 0)
    x, y = data
    for inputs, labels, words in (
        (x[:, 0], y, "X: .*3 dimension"),
        (x[:, :2], y, r"X: .*must have shape \(20, 3, 6\) for the network attention:tokens=3"),
        (x, y[:, :2], "y: .*must have shape"),
        (x, y[:5], "one label per row"),
        (x, y + np.triu(np.ones((3, 3)), 1), "symmetric"),
        (x[:, :, :0], y, "at least one"),
    ):
        with pytest.raises(InvalidArgument, match=words):
            train((inputs, labels), network="attention:tokens=3", penalty=0.1)
    fit = train((x, y), network="attention:tokens=3", penalty=0.1)
    assert fit.objective == train(data, penalty=0.1).objective


def test_other_designs_are_refused():
    from shallows.designs import Rademacher

    with pytest.raises(NotSupported, match="attention network has been held against Gaussian"):
        Problem("attention", TEACHER, 100, design=Rademacher())


PROBLEM = ["--dim", "20", "--samples", "200", "--gamma", "1", "--noise", "0.2"]


def test_the_command_line_knows_tokens(capsys):
    asked = [*PROBLEM, "--penalty", "0.1", "--json"]
    assert main(["predict", "--network", "attention", "--tokens", "3", *asked]) == 0
    first = capsys.readouterr().out
    assert main(["predict", "--network", "attention:tokens=3", *asked]) == 0
    assert capsys.readouterr().out == first and '"attention:tokens=3"' in first
    assert main(["optimal", "--network", "attention", "--tokens", "3", *PROBLEM]) == 0
    assert "Best weight decay of an attention network of 3 tokens" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments,words",
    [
        (["predict", "--network", "quadratic", "--tokens", "3"], "--tokens: got 3; does not apply to the quadratic"),
        (["predict", "--network", "attention", "--tokens", "0"], "--tokens: got 0; must be"),
        (["predict", "--network", "attention", "--tokens", "two"], "--tokens: got two; must be an integer"),
        (["predict", "--network", "attention", "--depth", "2"], "--depth: got 2; does not apply"),
        (["predict", "--network", "attention:shared_noise=2"], "--network: got attention:shared_noise=2; its shared"),
        (["predict", "--network", "attention", "--design", "rademacher"], "--design: .*Gaussian inputs only"),
    ],
)
def test_wrong_options_are_one_line(arguments, words, capsys):
    assert main([*arguments, *PROBLEM, "--penalty", "0.1"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    import re

    assert re.search(words, error)


def test_the_command_line_trains_on_arrays_and_refuses_tables(tmp_path, capsys):
    data = sample(Problem(Attention(tokens=3), PowerLaw(10, 1.0), 60, noise=0.1), 0)
    np.savez(tmp_path / "data.npz", X=data.inputs, y=data.labels)
    np.save(tmp_path / "x.npy", data.inputs)
    np.save(tmp_path / "y.npy", data.labels)
    (tmp_path / "table.csv").write_text("a,b,y\n1,2,3\n2,1,4\n3,3,1\n")
    arrays, weights = str(tmp_path / "data.npz"), str(tmp_path / "w.safetensors")
    three = ["--network", "attention", "--tokens", "3", "--penalty", "0.1"]
    assert main(["train", arrays, *three, "--out", weights]) == 0
    assert "60 sequences of 3 tokens with 10 columns" in capsys.readouterr().out
    assert main(["train", str(tmp_path / "x.npy"), "--target", str(tmp_path / "y.npy"), *three, "--json"]) == 0
    capsys.readouterr()
    for arguments, words in (
        (["train", arrays, "--network", "attention", "--penalty", "0.1"], "DATA: got array of shape (60, 3, 10)"),
        (["train", arrays, *three, "--columns", "a"], "--columns"),
        (["train", arrays, *three, "--target", "z"], "--target: got z; no such array"),
        (["train", str(tmp_path / "table.csv"), *three], "must be a .npz file"),
        (["train", str(tmp_path / "no.npz"), *three], "no such file"),
        (["apply", weights, str(tmp_path / "table.csv")], "WEIGHTS"),
        (["fit", str(tmp_path / "table.csv"), "--network", "attention"], "must be diagonal or quadratic"),
        (
            ["dynamics", "--network", "attention", "--dim", "20", "--gamma", "1", "--until", "9"],
            "has no training dynamics",
        ),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert words in error
    saved = operator_for(network_named("attention:tokens=3"), data.inputs)
    assert saved.samples == 360
