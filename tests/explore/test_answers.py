"""What the page is told is what theory says, and nothing where it says nothing."""

import json
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from shallows import FromValues, GaussianDesign, PowerLaw, Problem, optimal_weight_decay, predict
from shallows.explore import answers
from shallows.explore.boundaries import phase_map
from shallows.explore.service import Service
from shallows.explore.views import View
from shallows.phases_with_covariance import phase_of_problem

PROBLEMS = [
    Problem("diagonal", PowerLaw(60, 1.2), 300, noise=0.2),
    Problem("quadratic", PowerLaw(60, 1.2), 3000, noise=0.2),
    Problem("quadratic", PowerLaw(60, 1.2), 3000, noise=0.2, design=GaussianDesign(0.5)),
]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_point_is_the_prediction(problem):
    found, right = answers.point(problem, 0.3), predict(problem, weight_decay=0.3)
    for name, value in found["numbers"].items():
        known = right.bayes.status.ok or name != "bayes_risk"
        assert value == (getattr(right, name) if known else None)
    assert found["decomposition"] == right.decomposition.to_dict()
    assert found["phase"]["name"] == right.phase.name
    assert len(found["spectrum"]["spikes"]) == min(len(right.spectrum.outliers), answers.MOST_SPIKES)
    json.dumps(found, allow_nan=False)


def test_the_spectrum_has_its_density_and_none_where_nothing_is_learned():
    law = predict(PROBLEMS[0], weight_decay=0.3).spectrum
    drawn = answers.spectrum(law)
    assert len(drawn["size"]) == answers.DENSITY_POINTS and max(drawn["density"]) > 0
    silent = answers.spectrum(predict(PROBLEMS[0], weight_decay=1e4).spectrum)
    assert silent["size"] == [] and silent["mass_at_zero"] == 1.0


def test_the_density_by_size_holds_the_mass_of_weights_of_both_signs():
    law = predict(PROBLEMS[0], weight_decay=0.05).spectrum
    size = np.geomspace(1e-9, 3.0, 40_000)
    mass = np.trapezoid(answers.density_by_size(law, size), np.log(size))
    assert mass == pytest.approx(1 - law.mass_at_zero, abs=1e-4)


def test_the_density_by_size_ends_with_a_sharp_bulk():
    law = predict(PROBLEMS[1], weight_decay=0.05).spectrum
    size = np.geomspace(0.01, 2 * law.bulk[1], 50)
    density, inside = answers.density_by_size(law, size), size <= law.bulk[1]
    assert density[inside] == pytest.approx(size[inside] * law.density(size[inside]))
    assert inside.any() and not density[~inside].any()


def test_a_failed_solve_has_no_number_anywhere():
    problem = Problem("diagonal", PowerLaw(60, 1.2), 60, noise=0.2)
    found = answers.point(problem, 0.0)
    assert not found["status"]["ok"] and found["trust"] is None
    assert not {"numbers", "spectrum", "decomposition", "phase"} & set(found)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_curve_and_diagram_are_predictions(problem):
    curve = answers.curve(problem, 0.3)
    k = len(curve["samples"]) // 2
    there = replace(problem, samples=curve["samples"][k])
    assert curve["excess_risk"][k] == predict(there, weight_decay=0.3).excess_risk
    diagram = answers.diagram(problem, "rough")
    there = replace(problem, samples=diagram["samples"][5])
    assert diagram["excess_risk"][5][4] == pytest.approx(
        predict(there, weight_decay=diagram["weight_decay"][4]).excess_risk, rel=1e-12
    )
    json.dumps([curve, diagram], allow_nan=False)


def test_the_curve_is_finer_where_it_bends():
    problem = Problem("quadratic", PowerLaw(60, 1.2), 900, noise=0.5)
    samples = np.array(answers.curve(problem, 0.001)["samples"])
    step = np.diff(np.log(samples))
    peak = np.argmin(np.abs(np.log(samples / 900)))  # interpolation at d^2/4
    assert step[peak] < 0.75 * np.median(step)


def test_the_best_line_is_the_best_weight_decay():
    problem = PROBLEMS[0]
    floors = answers.floors(problem, np.geomspace(*answers.sight(problem)[1], 31), None)
    known = [k for k, value in enumerate(floors["weight_decay"]) if value is not None]
    for k in known:  # it matters there
        weak = predict(replace(problem, samples=floors["samples"][k]), weight_decay=answers.sight(problem)[1][0])
        assert weak.excess_risk > 1.01 * floors["excess_risk"][k]
    k = known[len(known) // 2]
    best = optimal_weight_decay(replace(problem, samples=floors["samples"][k]))
    assert floors["excess_risk"][k] == pytest.approx(best.excess_risk, rel=1e-3)
    assert floors["bayes_risk"][k] < floors["excess_risk"][k]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_boundaries_part_phases(problem):
    sight = answers.sight(problem)
    found = phase_map(problem, *sight)
    per_penalty = problem.weight_decay_from_penalty(1.0) if problem.architecture.has_width else 1.0

    def name(log_n, log_decay):
        here = replace(problem, samples=max(1.0, math.exp(log_n)))
        return phase_of_problem(here, math.exp(log_decay) / per_penalty).name

    for label in found["labels"]:
        assert name(math.log(label["samples"]), math.log(label["weight_decay"])) == label["name"]
    ends = np.log([found["segments"][key] for key in ("x0", "y0", "x1", "y1")])
    parted = 0
    for x0, y0, x1, y1 in ends.T:
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        away = 0.2 * np.array([y1 - y0, x0 - x1]) / (math.hypot(x1 - x0, y1 - y0) + 1e-12)
        parted += name(x + away[0], y + away[1]) != name(x - away[0], y - away[1])
    assert parted >= 0.9 * ends.shape[1]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_boundaries_hang_together(problem):
    sight = answers.sight(problem)
    found = phase_map(problem, *sight)
    assert not any("peak" in row for row in found["cells"])  # too thin to be drawn
    x0, y0, x1, y1 = np.log([found["segments"][key] for key in ("x0", "y0", "x1", "y1")])
    ends = Counter((round(x, 9), round(y, 9)) for x, y in zip(np.r_[x0, x1], np.r_[y0, y1], strict=True))
    borders = [np.round(np.log(side), 9) for side in sight]
    loose = [end for end, count in ends.items() if count == 1 and not any(map(np.isin, end, borders))]
    assert len(loose) <= 2  # where two boundaries cross one side of a cell


def test_no_phases_without_noise_or_for_given_values():
    for problem in (replace(PROBLEMS[0], noise=0.0), replace(PROBLEMS[0], teacher=FromValues([2.0, 1.0, 0.5]))):
        assert answers.diagram(problem, "rough")["phases"] is None


def test_the_bayes_optimal_point_follows_all_but_the_weight_decay():
    service = Service()
    for samples in (200, 400):
        for decay in (0.5, 1.0):
            given = {"network": "diagonal", "dim": "50", "samples": str(samples), "weight_decay": str(decay)}
            numbers = service.answer("point", given)["numbers"]
            problem = Problem("diagonal", PowerLaw(50, View().gamma), samples, View().noise)
            expected = predict(problem, weight_decay=decay)
            assert numbers["bayes_risk"] == pytest.approx(expected.bayes_risk, rel=1e-12)
            assert numbers["excess_risk"] == pytest.approx(expected.excess_risk, rel=1e-12)
