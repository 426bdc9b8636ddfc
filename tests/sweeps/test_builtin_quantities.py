"""The package's own quantities, computed through the engine, are what the library says they are."""

import numpy as np
import pytest

from shallows import InvalidArgument, PowerLaw, Problem, predict
from shallows.sweeps import Failure, PointRequest, Store, Sweep, load, run, run_points
from shallows.sweeps.quantities import quantity_named

QUADRATIC = {"network": "quadratic", "dim": 60, "gamma": 1.25, "noise": 0.1}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    axes = {"samples": [600, 2400], "penalty": [0.02, 0.2], "width": [20, 60]}
    sweep = Sweep(QUADRATIC, axes, ["theory", "bayes", "spectrum"])
    folder = tmp_path_factory.mktemp("computing") / "store"
    report = run(sweep, folder, workers=0)
    assert report.failed == 0
    return sweep, folder, report


def test_theory_is_predict(done):
    _, folder, _ = done
    data = load(folder)
    for samples, penalty, width in ((600, 0.02, 60), (2400, 0.2, 20)):
        prediction = predict(Problem("quadratic", PowerLaw(60, 1.25), samples, 0.1, width), penalty=penalty)
        at = data.sel(samples=samples, penalty=penalty, width=width)
        for name in ("excess_risk", "test_error", "train_error", "noise_scale", "threshold", "degrees_of_freedom"):
            assert float(at[name]) == getattr(prediction, name)
        assert float(at.bayes_risk) == prediction.bayes_risk
        assert float(at.mass_at_zero) == prediction.spectrum.mass_at_zero
        parts = sum(float(at[name]) for name in ("overfitting", "underfitting", "approximation", "alignment"))
        assert parts == pytest.approx(prediction.excess_risk, rel=1e-6)
        assert str(at.status.values) == "converged"
        assert str(at.phase.values) == prediction.phase.name
    assert float(data.residual.max()) <= 1e-8


def test_what_does_not_matter_is_computed_once(done):
    sweep, folder, _ = done
    with Store(folder, create=False, read_only=True) as store:
        assert store.counts() == {"theory": 8, "bayes": 2, "spectrum": 8}
    assert len({point.key("1") for point in sweep.points() if point.quantity == "bayes"}) == 2
    assert np.isfinite(load(folder).bayes_risk).all()


def test_theory_in_a_pool_has_the_same_bits(done, tmp_path):
    sweep, folder, _ = done
    run(sweep, tmp_path / "store", workers=2)
    with Store(folder, create=False) as one, Store(tmp_path / "store", create=False) as other:
        assert one.fingerprint() == other.fingerprint()


def test_a_solve_that_fails_is_a_failure_with_its_status():
    # Without weight decay the risk diverges at interpolation, n = d.
    request = PointRequest(
        {"network": "diagonal", "dim": 100, "gamma": 1.0, "noise": 0.5, "samples": 100, "weight_decay": 0.0}
    )
    (failure,) = run_points([request], throw=False)
    assert isinstance(failure, Failure)
    assert failure.reason.startswith("SolveFailed: ")
    assert failure.attempts == 1


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_training_points_depend_on_their_content_only(tmp_path, network):
    problem = {"network": network, "dim": 40, "gamma": 1.0, "noise": 0.3, "weight_decay": 0.5}
    sweep = Sweep(problem, {"samples": [120, 400]}, ["train", "theory"], ["convex"], seeds=[4, 9])
    assert run(sweep, tmp_path / "pool", workers=2).failed == 0
    reverse = Sweep(problem, {"samples": [400, 120]}, ["train", "theory"], ["convex"], seeds=[9, 4])
    run(reverse, tmp_path / "here", workers=0)
    with Store(tmp_path / "pool", create=False) as one, Store(tmp_path / "here", create=False) as other:
        assert one.fingerprint() == other.fingerprint()
    data = load(tmp_path / "pool")
    assert data.measured_excess_risk.dims == ("samples", "trainer", "seed")
    assert len(np.unique(data.measured_excess_risk)) == 4
    assert float(data.gap.max()) <= 1e-6


def test_trainers_meet_at_the_same_minimum():
    pytest.importorskip("torch")
    settings = {"network": "quadratic", "dim": 20, "gamma": 1.0, "noise": 0.3, "samples": 200, "penalty": 0.1}
    asked = [PointRequest(settings, "train", trainer, 0) for trainer in ("auto", "convex", "gradient")]
    objectives = [record["objective"] for record in run_points(asked)]
    assert objectives == pytest.approx([objectives[0]] * 3, rel=1e-4)


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_message_passing_ends_where_training_does_on_the_same_data(network):
    settings = {"network": network, "dim": 60, "gamma": 1.0, "noise": 0.3, "samples": 1200, "weight_decay": 1.0}
    passed, trained = run_points([PointRequest(settings, "amp", seed=5), PointRequest(settings, "train", "auto", 5)])
    assert passed["amp_excess_risk"] == pytest.approx(trained["measured_excess_risk"], rel=1e-3)


@pytest.mark.parametrize(
    ("change", "trainers", "named"),
    [({"width": 10}, ["convex"], "trainers"), ({"samples": 100.5}, ["auto"], "samples")],
)
def test_training_that_is_impossible_is_named_before_anything_runs(change, trainers, named):
    sweep = Sweep({**QUADRATIC, "samples": 600, "penalty": 0.1, **change}, {}, ["train"], trainers)
    with pytest.raises(InvalidArgument) as caught:
        sweep.check()
    assert caught.value.name == named


def test_every_field_has_units_and_a_meaning():
    for name in ("theory", "bayes", "spectrum", "train", "amp", "stopping"):
        quantity = quantity_named(name)
        assert all(field.units and field.meaning for field in quantity.fields.values())
