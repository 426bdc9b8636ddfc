"""Which network describes a table: the right one where it can be told, and "cannot tell" where not."""

import json

import numpy as np
import pytest
from scipy import sparse

from shallows import InvalidArgument, QuadraticNetworkRegressor
from shallows.errors import EstimateUndefined
from shallows.estimators import compare_networks
from shallows.estimators.comparison import BEYOND_CHANCE, Candidate, Comparison


def world(kind, seed, rows=100, columns=4):
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((rows, columns))
    linear = inputs[:, 0] - 0.5 * inputs[:, 1]
    square = (inputs[:, 2] ** 2 - 1) / np.sqrt(2) + 0.5 * (inputs[:, 3] ** 2 - 1)
    parts = {"linear": linear, "square": square, "both": linear + square, "noise": 0 * linear}
    return inputs, parts[kind] + 0.5 * rng.standard_normal(rows)


@pytest.mark.parametrize(("kind", "right"), [("linear", "diagonal"), ("square", "quadratic")])
def test_the_right_network_is_chosen(kind, right):
    found = compare_networks(*world(kind, 0))
    assert (found.chosen, found.decided) == (right, True)
    assert found.verdict == f"the {right} network describes the table best"
    assert found.models[right].fit_.status.ok
    assert found.models[right].path_ is not None
    assert found.r_squared(right) == pytest.approx(1 - found[right].test_error / found.label_variance)


def test_where_both_parts_are_there_no_network_alone_is_enough():
    found = compare_networks(*world("both", 0, rows=200))
    assert "No network alone holds all of it: the linear part with the quadratic network" in found.verdict
    best = found["linear part with the quadratic network on the rest"]
    assert best.test_error < 0.7 * min(found["diagonal"].test_error, found["quadratic"].test_error)


def test_noise_is_not_described_by_anything():
    found = compare_networks(*world("noise", 0))
    assert not found.decided
    assert found.verdict.startswith("cannot tell that any network predicts better than the mean label")
    assert found.chosen == "diagonal"  # of equals the one that fewer rows determine


def test_a_verdict_needs_a_difference_beyond_its_fluctuation():
    rng = np.random.default_rng(0)
    model = compare_networks(*world("linear", 0)).models
    apart = rng.standard_normal(400)
    apart = (apart - apart.mean()) / apart.std(ddof=1)
    for size, decided in ((BEYOND_CHANCE + 0.1, True), (BEYOND_CHANCE - 0.1, False)):
        base = np.full(400, 1.0)
        other = base + apart + size / np.sqrt(400)
        found = Comparison((Candidate("diagonal", base), Candidate("quadratic", other)), base + 9 + apart, model)
        assert found.decided is decided
        assert ("cannot tell which" in found.verdict) is not decided
        assert found.difference("diagonal", "quadratic") == pytest.approx((size / 20, 1 / 20))
    # The quadratic network is not preferred where it is better by chance alone.
    found = Comparison((Candidate("diagonal", other), Candidate("quadratic", base)), base + 9 + apart, model)
    assert found.chosen == "diagonal"


def test_rows_held_out_are_not_seen(monkeypatch):
    inputs, labels = world("linear", 1)
    seen = []
    fit = QuadraticNetworkRegressor.fit
    monkeypatch.setattr(QuadraticNetworkRegressor, "fit", lambda self, X, y: seen.append(len(y)) or fit(self, X, y))
    compare_networks(inputs, labels)
    assert seen == [100, *[80] * 10]


def test_what_a_network_does_not_take_is_said():
    inputs, labels = world("linear", 0)
    found = compare_networks(sparse.csr_array(inputs), labels)
    assert "toarray" in found["quadratic"].reason
    assert found.verdict == "the diagonal network alone could be fitted"
    assert found["diagonal"].test_error == pytest.approx(compare_networks(inputs, labels)["diagonal"].test_error)
    content = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert [each["name"] for each in content["candidates"]] == ["diagonal", "quadratic", "linear part"]
    with pytest.raises(EstimateUndefined, match="quadratic"):
        found.difference("diagonal", "quadratic")
    with pytest.raises(InvalidArgument, match="linear part"):
        found["cubic"]


def test_bad_input_is_named():
    inputs, labels = world("linear", 0)
    with pytest.raises(InvalidArgument, match="X: got '9 rows'"):
        compare_networks(inputs[:9], labels[:9])
    with pytest.raises(InvalidArgument, match=r"y: got '(yes|no)'"):
        compare_networks(inputs, np.where(labels > 0, "yes", "no"))
    with pytest.raises(InvalidArgument, match="no network takes it"):
        compare_networks(inputs, labels, settings={n: {"tolerance": -1.0} for n in ("diagonal", "quadratic")})


def test_of_equals_one_that_predicts_something_is_taken():
    models = dict.fromkeys(("diagonal", "quadratic"), compare_networks(*world("linear", 0)).models["diagonal"])
    rng = np.random.default_rng(0)
    apart = rng.standard_normal(400)
    apart = (apart - apart.mean()) / apart.std(ddof=1)
    mean, useful = np.full(400, 10.0), np.full(400, 9.0) + 0.1 * apart
    doubtful = mean - 0.5 + 10 * apart  # its difference to either is within its fluctuation
    found = Comparison((Candidate("diagonal", doubtful), Candidate("quadratic", useful)), mean, models)
    assert (found.chosen, found.decided) == ("quadratic", False)
    assert found.verdict.startswith("cannot tell which network describes the table: quadratic and diagonal")
