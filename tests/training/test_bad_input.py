"""Data as they come: the right answer, or an error that says what is wrong. Never a changed input."""

import tracemalloc

import numpy as np
import pytest

from shallows.errors import InvalidArgument, SolveFailed
from shallows.problems import Problem
from shallows.teachers import PowerLaw
from shallows.training import sample, train

NETWORKS = ["diagonal", "quadratic"]


@pytest.fixture(scope="module", params=NETWORKS)
def case(request):
    network = request.param
    data = sample(Problem(network, PowerLaw(20, 1.0), 120, 0.3), 7)
    return network, np.array(data.inputs), np.array(data.labels)


def solve(network, x, y, **options):
    return train((x, y), network=network, weight_decay=0.2, **options)


@pytest.mark.parametrize("layout", ["fortran", "strided", "read-only", "float32", "list", "column labels"])
def test_layouts_and_types(case, layout):
    network, x, y = case
    expected = solve(network, x, y).objective
    given_x, given_y = x, y
    if layout == "fortran":
        given_x = np.asfortranarray(x)
    elif layout == "strided":
        given_x, given_y = np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3], np.repeat(y, 2)[::2]
    elif layout == "read-only":
        given_x, given_y = x.copy(), y.copy()
        given_x.setflags(write=False)
        given_y.setflags(write=False)
    elif layout == "float32":
        given_x, given_y = x.astype("f4"), y.astype("f4")
    elif layout == "list":
        given_x, given_y = x.tolist(), y.tolist()
    else:
        given_y = y[:, None]
    before = np.array(given_x), np.array(given_y)
    fit = solve(network, given_x, given_y)
    assert np.isclose(fit.objective, expected, rtol=1e-5 if layout == "float32" else 2e-6)
    assert np.array_equal(before[0], given_x) and np.array_equal(before[1], given_y)


DESIGNS = {
    "constant column": lambda x, rng: np.column_stack([np.ones(len(x)), x[:, 1:]]),
    "zero column": lambda x, rng: np.column_stack([np.zeros(len(x)), x[:, 1:]]),
    "duplicated columns": lambda x, rng: np.column_stack([x[:, 1], -x[:, 1], x[:, 1:-1]]),
    "wild scales": lambda x, rng: x * 10.0 ** rng.integers(-3, 3, x.shape[1]),
    "common mean": lambda x, rng: x + 2.0,
    "heavy tails": lambda x, rng: rng.standard_t(2.5, x.shape),
    "correlated": lambda x, rng: (
        x @ (np.arange(1, x.shape[1] + 1.0)[:, None] ** -0.5 * rng.standard_normal((x.shape[1],) * 2))
    ),
    "integers": lambda x, rng: np.round(x).astype(int),
    "duplicated rows": lambda x, rng: np.concatenate([x[:60], x[:60]]),
}


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("lam", [1e-2, 1.0])
def test_any_design_ends_at_the_certified_minimum(case, design, lam):
    network, x, y = case
    x = DESIGNS[design](x, np.random.default_rng(0))
    fit = train((x, y), network=network, weight_decay=lam)
    assert fit.gap <= 1e-6
    other = train((x, y), network=network, weight_decay=lam, solver="convex", tolerance=1e-5, throw=False)
    assert fit.objective <= other.objective * (1 + 1e-6)


def test_amp_says_that_a_design_left_its_path(case):
    network, x, y = case
    fit = train((x + 3.0, y), network=network, weight_decay=0.2, solver="amp", throw=False)
    assert fit.details["amp_departed"] and not fit.status.ok


@pytest.mark.parametrize("labels", ["constant", "zero"])
def test_labels_without_variance(case, labels):
    network, x, y = case
    fit = solve(network, x, np.full_like(y, 1.0 if labels == "constant" else 0.0))
    assert fit.gap <= 1e-6
    if labels == "zero":
        assert fit.objective == 0.0


def test_single_sample_and_single_column(case):
    network, x, y = case
    assert solve(network, x[:1], y[:1]).gap <= 1e-6
    assert solve(network, x[:, :1], y).gap <= 1e-6


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_units_of_the_labels_do_not_matter(case, scale):
    network, x, y = case
    base = train((x, y), network=network, weight_decay=0.2)
    fit = train((x, scale * y), network=network, weight_decay=0.2 * scale)
    assert np.isclose(fit.objective, base.objective * scale**2, rtol=2e-6)


def test_unusable_data_are_refused(case):
    network, x, y = case
    broken = x.copy()
    broken[3, 4] = np.nan
    bad = [
        ((broken, y), "X.*nan at position \\(3, 4\\)"),
        ((x, np.where(np.arange(y.size) == 5, np.inf, y)), "y.*inf"),
        ((x, y[:-1]), "one label per row"),
        ((x[0], y), "2 dimension"),
        ((x, np.stack([y, y], 1)), "1 dimension"),
        ((x[:0], y[:0]), "at least one sample"),
        ((x.astype(str), y), "real numbers"),
        ((x.astype(complex), y), "real numbers"),
        ((x * 1e200, y), "1e65"),
    ]
    for data, message in bad:
        with pytest.raises(InvalidArgument, match=message):
            solve(network, *data)


def test_memory_stays_below_half_the_data():
    data = sample(Problem("quadratic", PowerLaw(150, 1.25), 30000, 0.1), 0)
    tracemalloc.start()
    fit = train(data, penalty=0.3, tolerance=1e-5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fit.gap <= 1e-5 and peak < 0.5 * data.inputs.nbytes


def test_scales_that_are_too_wide_are_named():
    """Outputs of the quadratic network go with the square of a column's scale: 1e14 here. The LASSO does not mind."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((80, 12)) * np.geomspace(1e-3, 1e4, 12)
    y = np.square(x @ rng.standard_normal((12, 2))).sum(1) / 12 + rng.standard_normal(80)
    with pytest.raises(SolveFailed, match="columns' scales differ by a factor of"):
        train((x, y), network="quadratic", penalty=1e-3)
    assert train((x, y), network="diagonal", weight_decay=1e-6 * np.abs(x.T @ y).max()).status.ok
