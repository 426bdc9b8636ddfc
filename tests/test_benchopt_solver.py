"""The solver file for the public LASSO benchmark, with a stand-in for what benchopt calls it by."""

import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import random_array
from scipy.sparse.linalg import aslinearoperator
from sklearn.linear_model import Lasso

FILE = Path(__file__).parents[1] / "benchmarks" / "benchopt" / "shallows.py"


@pytest.fixture
def solver(monkeypatch):
    """The file's class as benchopt makes it: a subclass of its base, made without arguments."""
    module = types.ModuleType("benchopt")
    module.BaseSolver = type("BaseSolver", (), {})
    monkeypatch.setitem(sys.modules, "benchopt", module)
    spec = importlib.util.spec_from_file_location("benchopt_solver_of_shallows", FILE)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    assert issubclass(loaded.Solver, module.BaseSolver)
    return loaded.Solver()


def objective(X, y, lmbd, beta, fit_intercept):
    """As the benchmark evaluates a result."""
    d = X.shape[1]
    miss = y - X @ beta[:d] - (beta[d] if fit_intercept else 0.0)
    assert beta.shape == (d + fit_intercept,)
    return 0.5 * miss @ miss + lmbd * np.abs(beta[:d]).sum()


def table(sparse):
    rng = np.random.default_rng(3)
    X = random_array((60, 150), density=0.2, rng=rng, format="csc") if sparse else rng.standard_normal((60, 150)) + 0.5
    y = np.asarray(X @ np.r_[np.ones(4), np.zeros(146)]).ravel() + 0.3 * rng.standard_normal(60) + 2
    return X, y


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_it_reaches_the_minimum_that_the_benchmark_asks_for(solver, sparse, fit_intercept):
    X, y = table(sparse)
    target = y - y.mean() if fit_intercept else y
    lmbd = 0.1 * np.abs(X.T @ target).max()
    given = {"X": X, "y": y, "lmbd": lmbd, "fit_intercept": fit_intercept}
    assert solver.skip(**given) == (False, None)
    solver.set_objective(**given)
    solver.warm_up()
    model = Lasso(lmbd / y.size, fit_intercept=fit_intercept, tol=1e-12, max_iter=100_000).fit(X, y)
    known = np.append(model.coef_, model.intercept_) if fit_intercept else model.coef_
    smallest = objective(X, y, lmbd, known, fit_intercept)
    found = []
    ladder = [3e38]  # as benchopt starts: nothing is trained
    while len(ladder) == 1 or ladder[-1] < ladder[-2]:
        solver.run(ladder[-1])
        found.append(objective(X, y, lmbd, solver.get_result()["beta"], fit_intercept) / smallest - 1)
        ladder.append(solver.get_next(ladder[-1]))
    assert found[0] > 0.5
    assert 4 < len(found) < 12 and ladder[-1] < 1e-13
    assert all(excess <= gap + 1e-11 for excess, gap in zip(found[1:], ladder[1:-1], strict=True))
    assert abs(found[-1]) < 1e-11


def test_it_leaves_the_data_as_they_are_and_says_what_it_cannot_do(solver):
    X, y = table(sparse=False)
    before = X.copy()
    solver.set_objective(X, y, 1.0, True)
    solver.run(1e-4)
    assert np.array_equal(X, before)
    assert solver.skip(aslinearoperator(X), y, 1.0, False)[0]
    assert solver.sampling_strategy == "tolerance" and solver.requirements == ("pip::shallows",)
