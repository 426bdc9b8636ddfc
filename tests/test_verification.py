"""Training on sampled data and the comparison with theory."""

import json
import math

import numpy as np
import pytest

from shallows import FromValues, InvalidArgument, LowRank, MissingDependency, PowerLaw, Problem, SolveFailed
from shallows.training import sample, train
from shallows.verification import Outcome, Statistic, compare, jobs, trainers, verify
from shallows.verification.comparison import objective_disagreement

QUADRATIC = Problem("quadratic", PowerLaw(24, 1.25), samples=900, noise=0.1)
DIAGONAL = Problem("diagonal", PowerLaw(40, 1.0), samples=60, noise=0.3)


@pytest.fixture(scope="module")
def quadratic():
    return verify(QUADRATIC, penalty=0.1, seeds=3, seed=5)


@pytest.fixture(scope="module")
def diagonal():
    return verify(DIAGONAL, weight_decay=0.5, seeds=4, learning_curve=False)


def test_both_trainers_reach_the_same_minimum_of_the_same_data(quadratic, diagonal):
    for verification in (quadratic, diagonal):
        assert list(verification.measured) == ["convex", "gradient"]
        assert verification.trainers_agree
        assert 0 < verification.objective_difference < 1e-5
        assert not verification.warnings
        convex, gradient = verification.measured.values()
        assert convex.excess_risk.values == pytest.approx(gradient.excess_risk.values, rel=0.02)
        assert all(gap <= 1e-6 for gap in convex.gaps)
        assert len(set(convex.objective.values)) == len(convex.datasets)  # every data set is another one


def test_what_is_measured_is_what_training_gives(quadratic):
    stream = np.random.SeedSequence(5).spawn(2)[0].spawn(3)[1]
    dataset = sample(QUADRATIC, stream)
    fit = train(dataset, penalty=0.1)
    runs = quadratic.measured["convex"]
    assert runs.excess_risk.values[1] == pytest.approx(fit.excess_risk(dataset), rel=1e-3)
    assert runs.train_error.values[1] == pytest.approx(fit.train_error, rel=1e-3)
    assert runs.spectra[1] == pytest.approx(fit.weights.eigenvalues(), abs=1e-3)


def test_the_dictionary_has_the_keys_of_the_contract_and_is_strict_json(quadratic):
    content = json.loads(json.dumps(quadratic.to_dict(), allow_nan=False))
    assert {"network", "excess_risk", "train_error", "bayes_risk", "decomposition", "spectrum"} <= content.keys()
    for name in ("convex", "gradient"):
        for key in ("excess_risk", "train_error"):
            entry = content["measured"][name][key]
            assert entry["mean"] == pytest.approx(np.mean(entry["values"]))
            assert entry["standard_error"] == pytest.approx(np.std(entry["values"], ddof=1) / math.sqrt(3))
            assert len(entry["values"]) == 3
        comparison = content["comparison"][name]["excess_risk"]
        assert comparison["predicted"] == content["excess_risk"]
        deviation = comparison["mean"] - comparison["predicted"]
        assert comparison["z"] is None  # three data sets do not tell their own scatter
        reach = comparison["critical_z"] * comparison["standard_error"] / comparison["predicted"]
        assert comparison["relative_half_width"] == pytest.approx(reach)
        assert comparison["relative_deviation"] == pytest.approx(deviation / comparison["predicted"])


@pytest.mark.parametrize("count", [2, 4, 5, 8])
def test_a_number_of_standard_errors_needs_five_data_sets(count):
    values = tuple(1.1 + 0.01 * k for k in range(count))
    item = compare(1.0, Statistic(values), 1.0, 0.05)
    assert item.half_width > 0
    if count < 5:
        assert item.z is None
    else:
        assert item.z == pytest.approx((np.mean(values) - 1.0) / (np.std(values, ddof=1) / math.sqrt(count)))


def test_theory_and_training_agree(diagonal):
    assert diagonal.agrees is not False
    item = diagonal.comparisons["convex"]["excess_risk"]
    deviation = item.measured.mean - item.predicted
    assert abs(deviation) < 6 * item.measured.standard_error
    assert diagonal.verdict.startswith("The measured excess risk, the same for both trainers,")


def test_the_same_seed_gives_the_same_numbers(diagonal):
    again = verify(DIAGONAL, weight_decay=0.5, seeds=4, learning_curve=False).to_dict()
    before = diagonal.to_dict()
    for content in (again, before):
        del content["provenance"]
    assert again == before


def test_more_seeds_add_data_sets_and_another_seed_changes_them(diagonal):
    settings = {"weight_decay": 0.5, "learning_curve": False, "trainers": ["convex"]}
    fewer = verify(DIAGONAL, seeds=2, **settings)
    values = diagonal.measured["convex"].excess_risk.values
    assert fewer.measured["convex"].excess_risk.values == pytest.approx(values[:2], rel=1e-12)
    other = verify(DIAGONAL, seeds=2, seed=1, **settings)
    assert not set(other.measured["convex"].excess_risk.values) & set(values)


def test_learned_weights_are_measured_along_the_teacher():
    values = np.array([-1.0, 0.8, -0.5, 0.0, 0.0, 0.0, 0.0, 0.0])
    problem = Problem("diagonal", FromValues(values), samples=400, noise=0.01)
    result = verify(problem, weight_decay=0.5, seeds=2, trainers=["convex"], learning_curve=False)
    assert (result.measured["convex"].spectra[:, :3] > 0.3).all()
    law = result.prediction.spectrum
    assert result.measured["convex"].mass_at_zero.mean == pytest.approx(law.mass_at_zero, abs=0.35)


def test_the_learning_curve_runs_through_the_problem(quadratic):
    curve = quadratic.curve
    assert (np.diff(curve.samples) > 0).all()
    here = int(np.flatnonzero(curve.samples == QUADRATIC.samples)[0])
    assert curve.excess_risk[here] == pytest.approx(quadratic.prediction.excess_risk, rel=1e-8)
    assert (curve.bayes_risk <= curve.excess_risk * (1 + 1e-9)).all()
    assert [point.samples for point in curve.trained] == [112, 318, 2700]
    assert all(len(point.excess_risk.values) == 2 for point in curve.trained)
    last = curve.trained[-1].excess_risk
    theory = np.interp(math.log(2700), np.log(curve.samples), curve.excess_risk)
    assert abs(last.mean - theory) < 0.15 * theory + 6 * last.standard_error


def test_progress_counts_every_step():
    calls = []
    verify(DIAGONAL, weight_decay=0.5, seeds=2, progress=lambda *call: calls.append(call))
    done = [call[1] for call in calls]
    total = {call[2] for call in calls}
    assert done == sorted(done)
    assert total == {done[-1]}
    assert {"data set 2 of 2: gradient training", "learning curve: theory"} <= {call[0] for call in calls}


def test_a_narrow_network_is_trained_by_gradient_only():
    problem = Problem("quadratic", PowerLaw(20, 1.25), samples=400, noise=0.1, width=3)
    result = verify(problem, penalty=0.1, seeds=2, learning_curve=False)
    assert list(result.measured) == ["gradient"]
    assert "not convex" in result.warnings[0]
    assert result.trainers_agree is None
    runs = result.measured["gradient"]
    assert (runs.spectra[:, 3:] < 1e-12).all()
    assert runs.gaps == (None, None)
    with pytest.raises(InvalidArgument, match="not a convex problem"):
        verify(problem, penalty=0.1, trainers=["convex"])


def test_the_limit_of_vanishing_weight_decay_recovers_the_teacher():
    problem = Problem("quadratic", LowRank(16, 2), samples=300)
    result = verify(problem, penalty=0, seeds=2, learning_curve=False)
    assert list(result.measured) == ["convex"]
    assert "gradient training was left out" in result.warnings[0]
    assert result.agrees
    assert "vanishes, as predicted" in result.verdict
    with pytest.raises(InvalidArgument, match="needs a value > 0"):
        verify(problem, penalty=0, trainers="gradient")


def test_nothing_learned_is_predicted_and_measured():
    result = verify(QUADRATIC, penalty=500.0, seeds=2, learning_curve=False)
    assert result.agrees
    assert result.prediction.excess_risk == pytest.approx(QUADRATIC.null_risk)
    for runs in result.measured.values():
        assert runs.mass_at_zero.mean == 1.0
        assert runs.excess_risk.mean == pytest.approx(QUADRATIC.null_risk, rel=1e-3)


def test_a_failed_prediction_trains_nothing():
    problem = Problem("diagonal", PowerLaw(30, 1.0), samples=30, noise=0.1)
    result = verify(problem, weight_decay=0, throw=False)
    assert not result.status.ok
    assert result.measured == {}
    assert result.agrees is None
    assert "diverges" in result.verdict
    json.dumps(result.to_dict(), allow_nan=False)
    assert "diverges" in str(result)
    with pytest.raises(SolveFailed) as caught:
        verify(problem, weight_decay=0)
    assert caught.value.result.status is result.status


def test_without_torch_the_convex_solver_remains(monkeypatch):
    monkeypatch.setattr(trainers, "find_spec", lambda _name: None)
    result = verify(DIAGONAL, weight_decay=0.5, seeds=1, learning_curve=False)
    assert list(result.measured) == ["convex"]
    assert "PyTorch is not installed" in result.warnings[0]
    with pytest.raises(MissingDependency, match="pip install"):
        verify(DIAGONAL, weight_decay=0.5, trainers=["gradient"])


def test_disagreeing_trainers_are_reported(monkeypatch):
    honest = jobs._train

    def spoiled(dataset, prediction, trainer, stream, progress):
        fit = honest(dataset, prediction, trainer, stream, progress)
        if trainer == "gradient":
            return type(fit)(**{**fit.__dict__, "objective": fit.objective * 1.01})
        return fit

    monkeypatch.setattr(jobs, "_train", spoiled)
    result = verify(DIAGONAL, weight_decay=0.5, seeds=2, learning_curve=False)
    assert result.trainers_agree is False
    assert result.warnings[0].startswith("the trainers disagree")


def test_an_interrupt_ends_it_and_restores_the_threads():
    import torch

    before = torch.get_num_threads()

    def interrupt(message, done, total):
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify(DIAGONAL, weight_decay=0.5, seeds=2, progress=interrupt)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"weight_decay": 0.5, "seeds": 0}, "seeds"),
        ({"weight_decay": 0.5, "seeds": 2.5}, "seeds"),
        ({"weight_decay": 0.5, "seed": -1}, "seed"),
        ({"weight_decay": 0.5, "trainers": []}, "trainers"),
        ({"weight_decay": 0.5, "trainers": ["sgd"]}, "trainers"),
        ({}, "weight_decay / penalty"),
        ({"penalty": 0.5}, "penalty"),
        ({"weight_decay": -1.0}, "weight_decay"),
    ],
)
def test_bad_arguments_are_refused(arguments, name):
    with pytest.raises(InvalidArgument) as caught:
        verify(DIAGONAL, **arguments)
    assert caught.value.name == name


def test_data_that_cannot_exist_or_fit_are_refused():
    with pytest.raises(InvalidArgument, match="integer number of samples"):
        verify(Problem("diagonal", PowerLaw(30, 1.0), samples=10.5), weight_decay=1.0)
    with pytest.raises(InvalidArgument, match="GiB"):
        verify(Problem("quadratic", PowerLaw(10**6, 1.0), samples=10**9, noise=0.1), penalty=1.0)


@pytest.mark.parametrize(
    ("values", "allowance", "outcome", "agrees"),
    [
        ((1.0, 1.02, 0.99, 1.01), 0.05, Outcome.STATISTICAL, True),
        ((1.03, 1.031, 1.029, 1.03), 0.05, Outcome.FINITE_SIZE, True),
        ((1.3, 1.31, 1.29, 1.3), 0.05, Outcome.UNEXPLAINED, False),
        ((1.3, 1.31, 1.29, 1.3), 0.3, Outcome.FINITE_SIZE, True),
        ((1.3, 1.31, 1.29, 1.3), None, Outcome.TOO_SMALL, None),
        ((1.3,), 0.05, Outcome.UNDETERMINED, None),
        ((1.02,), 0.05, Outcome.FINITE_SIZE, True),
        ((0.4, 2.0), 0.05, Outcome.UNDETERMINED, None),
    ],
)
def test_outcomes(values, allowance, outcome, agrees):
    item = compare(1.0, Statistic(values), 1.0, allowance)
    assert item.outcome is outcome
    assert item.outcome.agrees is agrees
    assert item.sentence(50.0)


def test_a_prediction_of_zero_is_met_by_small_numbers_only():
    assert compare(0.0, Statistic((1e-5, 2e-5)), 1.0, 0.05).outcome.agrees
    missed = compare(0.0, Statistic((0.1, 0.2)), 1.0, 0.05)
    assert missed.outcome is Outcome.UNEXPLAINED
    assert "does not vanish" in missed.sentence(50.0)


def test_a_single_value_has_no_standard_error():
    assert Statistic((2.0,)).standard_error is None
    assert Statistic((1.0, 3.0)).standard_error == pytest.approx(1.0)


def test_objectives_are_compared_on_common_data():
    assert objective_disagreement({0: 1.0, 1: 2.0}, {1: 2.2}) == pytest.approx(0.2 / 2.2)
    assert objective_disagreement({0: 1.0}, {1: 1.0}) is None
    assert objective_disagreement({0: 0.0}, {0: 0.0}) == 0.0


def test_worker_processes_give_the_same_numbers():
    settings = {"weight_decay": 0.5, "seeds": 3, "trainers": ["convex"]}
    here = verify(DIAGONAL, **settings)
    said = []
    there = verify(DIAGONAL, **settings, workers=2, progress=lambda *step: said.append(step))
    for result in (here, there):
        assert result.curve is not None
    assert there.measured["convex"].excess_risk.values == here.measured["convex"].excess_risk.values
    assert there.curve.to_dict() == here.curve.to_dict()
    assert (there.measured["convex"].spectra == here.measured["convex"].spectra).all()
    assert any(message.startswith("trained") for message, _, _ in said)
    assert all(done <= total for _, done, total in said)


def test_large_seeds_are_kept_to_the_last_digit():
    settings = {"weight_decay": 0.5, "seeds": 1, "trainers": ["convex"], "learning_curve": False}
    first, second = (verify(DIAGONAL, seed=seed, **settings) for seed in (2**60, 2**60 + 1))
    assert second.seed == 2**60 + 1
    assert first.measured["convex"].objective.values != second.measured["convex"].objective.values
