"""What a forecast is made of: predictions for the fitted teacher, bands over its draws, phases at the right penalty."""

from dataclasses import replace

import numpy as np
import pytest

from shallows import LowRank, PowerLaw, Problem, forecast, infer, predict, sample, train
from shallows.errors import SolveFailed
from shallows.inference import estimated_problem, fit_teacher, fit_teacher_law, forecasting
from shallows.inference.error_and_noise import READERS
from shallows.inference.estimate import Estimate
from shallows.phases import phase_of

DIAGONAL = Problem("diagonal", PowerLaw(60, 1.0), 150, noise=0.5)
QUADRATIC = Problem("quadratic", PowerLaw(20, 1.25), 900, noise=0.3)


@pytest.fixture(scope="module", params=[DIAGONAL, QUADRATIC], ids=["diagonal", "quadratic"])
def seen(request):
    data = sample(request.param, 0)
    found = infer(data, train(data, weight_decay=0.5))
    return found, fit_teacher_law(found, draws=8)


def test_a_point_holds_the_predictions_for_the_law(seen):
    found, law = seen
    law = replace(law, draws=law.parameters[None].repeat(8, axis=0))
    told = forecast(
        replace(found, test_error=replace(found.test_error, standard_error=0.0)), [3.0 * found.samples], law=law
    )
    there = replace(estimated_problem(found, law.teacher(), found.samples), samples=3.0 * found.samples)
    (point,) = told.points
    assert point.samples == there.samples and told.noise == there.noise
    best, same = (predict(there, weight_decay=lam) for lam in (point.weight_decay, found.weight_decay))
    assert point.excess_risk.value == pytest.approx(best.excess_risk, rel=1e-9)
    assert point.test_error.value == pytest.approx(best.excess_risk + there.noise, rel=1e-9)
    assert point.excess_risk_present.value == pytest.approx(same.excess_risk, rel=1e-9)
    assert point.test_error_present.value == pytest.approx(same.excess_risk + there.noise, rel=1e-9)
    assert point.excess_risk.value < point.excess_risk_present.value
    for shift in (0.8, 1.25):  # of least risk
        assert predict(there, weight_decay=shift * point.weight_decay).excess_risk > point.excess_risk.value
    assert told.present.samples == found.samples and told.weight_decay == found.weight_decay


def test_bands_hold_the_drift_of_theory_and_the_spread_of_the_draws():
    worlds = [replace(DIAGONAL, noise=noise) for noise in (0.3, 0.4, 0.5, 0.6, 0.7)]
    risks = np.array([predict(world, weight_decay=1.0).excess_risk for world in worlds])
    centre = risks[2]
    sure = forecasting._errors([DIAGONAL] * 5, 1.0, 0.1, 0.9)
    # the noise of the labels is known there, so that the drift of the risk is a smaller share of the test error
    assert sure[0].standard_error == pytest.approx(0.1 * centre)
    assert sure[1].standard_error == pytest.approx(0.1 * centre)
    assert sure[1].value == pytest.approx(centre + 0.5)
    risk, test = forecasting._errors(worlds, 1.0, 0.1, 0.9)
    assert risk.standard_error == pytest.approx(centre * np.hypot(np.std(np.log(risks)), 0.1))
    totals = risks + np.array([0.3, 0.4, 0.5, 0.6, 0.7])
    drift = 0.1 * centre / (centre + 0.5)
    assert test.standard_error == pytest.approx((centre + 0.5) * np.hypot(1.25 * np.std(np.log(totals)), drift))
    with pytest.raises(SolveFailed):
        forecasting._errors(worlds[:4], 1.0, 0.1, 0.9)


def test_theory_drifts_less_the_more_samples_there_are(seen):
    found, law = seen
    sure = replace(found, test_error=replace(found.test_error, standard_error=0.0))
    told = forecast(sure, [1e8 * found.samples], law=replace(law, draws=law.parameters[None].repeat(8, axis=0)))
    far = told.points[0]
    unit = READERS.of(found.network).risk_drift
    effective = found.architecture.effective_samples(found.samples, found.dim)
    drift = np.hypot(unit / np.sqrt(effective), np.sqrt(2 / found.samples))
    here = estimated_problem(found, law.teacher(), found.samples)
    for point, times in ((told.present, 1.0), (far, 1e8)):
        theory = predict(replace(here, samples=times * found.samples), weight_decay=point.weight_decay)
        # every degree of freedom of one data set brings the square of the noise
        each = {"diagonal": theory.noise_scale**2, "quadratic": 4 * (theory.noise_scale / found.dim) ** 2}[
            found.network
        ]
        own = np.sqrt(2 * theory.degrees_of_freedom) * each / theory.excess_risk
        expected = np.hypot(drift / np.sqrt(times), own) * point.excess_risk.value
        assert point.excess_risk.standard_error == pytest.approx(expected, rel=0.02)


def test_phases_of_a_narrow_network_are_those_of_its_penalty(monkeypatch):
    data = sample(QUADRATIC, 0)
    found = infer(data, train(data, weight_decay=0.5))
    asked = []
    monkeypatch.setattr(forecasting, "phase_of", lambda problem, pen: (asked.append((problem, pen)), None)[1])
    monkeypatch.setattr(forecasting, "_power_law", lambda *_: PowerLaw(20, 1.25))
    told = forecast(found, [3600.0], law=fit_teacher_law(found, draws=8), width=5)
    expected = [point.weight_decay * np.sqrt(5 / 20) for point in (told.present, *told.points)]
    assert [pen for _, pen in asked] == pytest.approx([*expected, 0.5])
    assert {problem.width for problem, _ in asked} == {5}
    assert told.weight_decay == pytest.approx(0.5 / np.sqrt(5 / 20))  # of the same penalty at this width


def test_phases_are_those_of_the_fitted_power_law():
    data = sample(Problem("diagonal", PowerLaw(200, 1.0), 500, noise=0.5), 0)
    found = infer(data, train(data, weight_decay=0.8))
    told = forecast(found, [1e4 * found.samples])
    here = replace(estimated_problem(found, told.law.teacher(), found.samples), teacher=fit_teacher(found)[0])
    assert told.present_phase == phase_of(here, found.weight_decay).name
    there = replace(here, samples=1e4 * found.samples)
    assert told.points[0].phase == phase_of(there, told.points[0].weight_decay).name


def test_teachers_that_are_no_power_laws_have_no_phase():
    data = sample(Problem("diagonal", LowRank(200, 5), 500, noise=0.5), 0)
    told = forecast(infer(data, train(data, weight_decay=2.0)), [1000])
    assert told.trusted and told.present_phase is None and told.points[0].phase is None


def test_amounts_of_data_are_said_as_people_would(seen):
    found, law = seen
    n = found.samples
    told = replace(forecast(found, [2 * n + 1, 1.5 * n, 40 * n, 0.5 * n], law=law), caution=None)
    starts = [sentence.split(" would ")[0].split(":")[0] for sentence in told.sentences]
    assert starts == ["twice the data", "1.5 times the data", "40 times the data", f"{0.5 * n:g} samples"]


@pytest.mark.parametrize(("factor", "said"), [(1.0, False), (1.004, False), (1.006, True), (2.0, True)])
def test_the_present_weight_decay_is_spoken_of_where_it_is_worse(seen, factor, said):
    found, law = seen
    told = replace(forecast(found, [4 * found.samples], law=law), caution=None)
    (point,) = told.points
    other = Estimate.positive(factor * point.test_error.value, 0.1)
    (sentence,) = replace(told, points=(replace(point, test_error_present=other),)).sentences
    assert ("with the present weight decay only to" in sentence) is said
    assert f" to {forecasting.sentence_number(point.test_error.value)} (" in sentence
