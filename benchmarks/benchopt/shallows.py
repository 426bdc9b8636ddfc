"""`shallows` as a solver of the LASSO benchmark of benchopt (1.7 or newer).

    cp benchmarks/benchopt/shallows.py BENCHMARK_LASSO/solvers/
    benchopt run BENCHMARK_LASSO -s shallows -s celer -s skglm -d simulated

with a clone of github.com/benchopt/benchmark_lasso as BENCHMARK_LASSO, and `shallows` installed beside benchopt. The
benchmark minimises ``1/2 ||y - X b - b0||^2 + lmbd ||b||_1``: a diagonal network's training minimum at the weight decay
``lmbd / sqrt(d)``. The curve is drawn over the relative duality gap that is asked for. Everything that a user would
wait for is timed: centring for the intercept, certificates; only compiling is not.
"""

import numpy as np
from benchopt import BaseSolver
from scipy.sparse import issparse

from shallows import train
from shallows.operators import SparseInputs

#: The smallest relative duality gap that training takes.
SMALLEST_TOLERANCE = 1e-14
#: Ratio of successive gaps. Newton's last step often ends far below the gap asked for: on a finer ladder several runs
#: end at the same weights, which benchopt takes for a solver that comes no further.
LADDER = 100.0


class Solver(BaseSolver):
    """Message passing and Newton steps on the support, certified by the duality gap."""

    name = "shallows"
    sampling_strategy = "tolerance"
    requirements = ("pip::shallows",)
    references = ("Defilippis et al., arXiv:2509.24882 (2025)", "Donoho, Maleki and Montanari, PNAS 106 (2009)")

    def skip(self, X, y, lmbd, fit_intercept):
        if not issparse(X) and not isinstance(X, np.ndarray):
            return True, "shallows needs the numbers of X, not an operator"
        return False, None

    def get_next(self, tolerance):
        return max(min(tolerance, 10.0) / LADDER, SMALLEST_TOLERANCE)

    def set_objective(self, X, y, lmbd, fit_intercept):
        self.X, self.y, self.lmbd, self.fit_intercept = X, np.asarray(y, dtype=float), float(lmbd), bool(fit_intercept)
        self.coef = np.zeros(X.shape[1] + self.fit_intercept)

    def warm_up(self):
        self.run(1e-3)

    def run(self, tolerance):
        d = self.X.shape[1]
        weights, intercept = np.zeros(d), float(self.y.mean()) if self.fit_intercept else 0.0
        if tolerance < 1.0:
            inputs, means = self.inputs()
            fit = train(
                (inputs, self.y - intercept),
                network="diagonal",
                weight_decay=self.lmbd / np.sqrt(d),
                tolerance=max(tolerance, SMALLEST_TOLERANCE),
                throw=False,
            )
            weights = fit.weights
            intercept -= means @ weights
        self.coef = np.append(weights, intercept) if self.fit_intercept else weights

    def inputs(self):
        """What is trained on, and the means that were taken off its columns."""
        none = np.zeros(self.X.shape[1])
        if issparse(self.X):
            raw = SparseInputs(self.X)
            means = raw.power_means(1) if self.fit_intercept else none
            return SparseInputs(self.X, means if self.fit_intercept else None), means
        means = self.X.mean(axis=0) if self.fit_intercept else none
        return self.X - means if self.fit_intercept else self.X, means

    def get_result(self):
        return {"beta": self.coef}
