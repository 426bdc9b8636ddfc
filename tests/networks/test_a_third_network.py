"""A network registered from one file works everywhere, or says by name what it lacks; unknown ones are refused."""

import json

import numpy as np
import pytest
import toy_network as toy

import shallows
from shallows import InvalidArgument, PowerLaw, Problem, amp, predict, sample, train
from shallows.cli import main
from shallows.errors import NotSupported, UnknownNetwork
from shallows.networks import Network, network_named
from shallows.operators import operator_for
from shallows.sweeps import PointRequest, run_points


@pytest.fixture
def linear():
    toy.enter()
    yield Problem("linear", PowerLaw(100, 1.0), 300, noise=0.4)
    toy.leave()


def test_its_prediction_is_what_random_data_show(linear):
    lam = 60.0
    prediction = predict(linear, weight_decay=lam)
    assert prediction.residual < 1e-10
    risks, errors = [], []
    for seed in range(20):
        data = sample(linear, seed)
        fit = train(data, weight_decay=lam)
        assert fit.network == "linear" and fit.solver == "ridge" and fit.gap == 0
        risks.append(fit.excess_risk(data))
        errors.append(fit.train_error)
    for measured, predicted in ((risks, prediction.excess_risk), (errors, prediction.train_error)):
        error = np.std(measured, ddof=1) / np.sqrt(len(measured))
        assert abs(np.mean(measured) - predicted) < 3.5 * error + 0.01 * predicted


def test_message_passing_ends_at_its_training_minimum(linear):
    data = sample(linear, 5)
    run = amp.amp(data, weight_decay=60.0, settings=amp.AmpSettings(tolerance=1e-10))
    assert run.weights == pytest.approx(train(data, weight_decay=60.0).weights, rel=1e-6, abs=1e-8)
    assert run.status.ok and run.trajectory.predicted_noise_scale[-1] == pytest.approx(run.noise_scale, rel=0.2)


def test_limits_of_its_state_evolution(linear):
    # below interpolation, vanishing weight decay is least squares: R = d Delta / (n - d)
    assert predict(linear, weight_decay=0.0).excess_risk == pytest.approx(100 * 0.4 / 200, rel=1e-9)
    assert predict(linear, weight_decay=1e9).excess_risk == pytest.approx(linear.null_risk, rel=1e-5)
    clean = Problem("linear", PowerLaw(100, 1.0), 300)
    assert predict(clean, weight_decay=0.0).excess_risk == 0


def test_its_prediction_is_printed_and_exported(linear, capsys):
    prediction = predict(linear, weight_decay=3.0)
    assert f"{prediction.excess_risk:.6g}   (Bayes-optimal not known)" in str(prediction)
    content = json.loads(json.dumps(prediction.to_dict(), allow_nan=False))
    assert content["excess_risk"] == prediction.excess_risk
    assert content["bayes_risk"] is content["spectrum"] is content["decomposition"] is None
    assert shallows.optimal_weight_decay(linear).to_dict()["bayes_risk"] is None
    options = ["--network", "linear", "--dim", "100", "--samples", "300", "--gamma", "1", "--noise", "0.4"]
    assert main(["predict", *options, "--weight-decay", "3"]) == 0
    assert "smallest possible" in capsys.readouterr().out
    assert main(["predict", *options, "--weight-decay", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["excess_risk"] == prediction.excess_risk


def test_it_is_verified_by_what_can_train_it(linear):
    found = shallows.verify(linear, weight_decay=60.0, seeds=6, learning_curve=False)
    assert list(found.measured) == ["convex"] and found.agrees
    assert any("gradient training was left out" in note for note in found.notes)
    json.dumps(found.to_dict(), allow_nan=False)


def test_it_runs_in_sweeps(linear):
    settings = {"network": "linear", "dim": 50, "gamma": 1.0, "noise": 0.4, "samples": 200, "weight_decay": 3.0}
    (record,) = run_points([PointRequest(settings, "theory")])
    problem = Problem("linear", PowerLaw(50, 1.0), 200, noise=0.4)
    assert record["excess_risk"] == predict(problem, weight_decay=3.0).excess_risk


def test_what_it_lacks_is_named(linear):
    data = sample(linear, 1)
    fit = train(data, weight_decay=3.0)
    lacking = {
        "law of the learned weights": lambda: predict(linear, weight_decay=3.0).spectrum,
        "gradient training": lambda: train(data, weight_decay=3.0, solver="gradient"),
        "inference": lambda: shallows.infer(data, fit),
        "the posterior mean": lambda: shallows.bayes_optimal(linear),
        "posterior mean": lambda: amp.bayes_rule(linear),
        "has no gradient training": lambda: shallows.verify(linear, weight_decay=3.0, trainers=["gradient"]),
    }
    for what, attempt in lacking.items():
        with pytest.raises(NotSupported, match=what) as caught:
            attempt()
        assert caught.value.name == "network"
    with pytest.raises(InvalidArgument, match="width"):
        Problem("linear", PowerLaw(10, 1.0), 20, width=3)


@pytest.mark.parametrize(
    "method,given",
    [
        ("outlier_fluctuation", (9,)),
        ("bulk_fluctuation", (9,)),
        ("freed_of_noise", (1.0, 0.1)),
        ("chance_beyond", (1.0, 0.1, 9)),
    ],
)
def test_what_only_diagnosis_asks_may_be_lacking(linear, method, given, monkeypatch):
    monkeypatch.setattr(toy.Linear, method, getattr(Network, method), raising=False)
    with pytest.raises(NotSupported, match=f"'linear'; the network has no diagnosis: its class lacks {method}"):
        getattr(network_named("linear"), method)(*given)


@pytest.mark.parametrize(
    "ask",
    [
        lambda name: Problem(name, PowerLaw(10, 1.0), 20),
        lambda name: train((np.eye(3), np.ones(3)), network=name, weight_decay=1.0),
        lambda name: amp.amp((np.eye(3), np.ones(3)), network=name, weight_decay=1.0),
        lambda name: shallows.tune((np.eye(3), np.ones(3)), network=name),
        lambda name: operator_for(name, np.eye(3)),
        lambda name: shallows.scaling.phase_diagram(name, 100, 1.0, 0.1, points=3),
        lambda name: shallows.phases.predicted_exponents(name, 1.0),
        lambda name: PowerLaw(10, 1.0).spectrum(name),
        lambda name: run_points(
            [PointRequest({"network": name, "dim": 9, "gamma": 1.0, "samples": 9, "weight_decay": 1.0}, "theory")]
        ),
    ],
)
def test_an_unknown_network_is_refused_alike_everywhere(ask):
    with pytest.raises(UnknownNetwork, match='network: got \'cubic\'; must be "diagonal", "quadratic" or "attention"'):
        ask("cubic")
