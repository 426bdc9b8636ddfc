"""Training solvers against their peers: same data, same accuracy, one thread, one run; prints one table of ratios.

    python benchmarks/solvers.py [--quick] [--only lasso|quadratic|memory]

LASSO: relative duality gap ``(primal - dual)/primal <= 1e-6``, computed by one function for all. Peers stop on other
criteria: their tolerance is lowered until the common gap is met or their runs together exceed the time limit, and only
the last setting is timed; all are compiled and have run on the data before. What takes less than three seconds is
repeated, and the median counts. All get the same arrays, once C-ordered as NumPy makes them and once Fortran-ordered as
coordinate descent wants them. Times include every check and copy of the input, ours the certificate.

Quadratic network: ``quadratic_peers.py``, one draw of each here.
"""

from __future__ import annotations

import argparse
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import time
import warnings

import numpy as np
import quadratic_peers

from shallows import PowerLaw, Problem
from shallows.operators import DiagonalOperator
from shallows.phases import phase_of
from shallows.training import sample, train
from shallows.training.certificates import lasso_certificate

GAP = 1e-6
# n, d, gamma, Delta, lam: the two named in the target, then a grid over all phases.
HARD = [(400, 4000, 1.0, 0.5, 1 / 4000), (4000, 4000, 1.0, 0.5, 0.01)]
ELSEWHERE = [
    (10, 2000, 1.0, 0.5, 0.005),  # next to Ia, which no whole number of samples reaches
    (1000, 2000, 1.0, 0.5, 40.0),  # Ib
    (300, 2000, 1.0, 500.0, 1.0),  # II
    (300, 2000, 1.0, 0.5, 1.0),
    (1000, 2000, 1.0, 0.5, 1.0),
    (1000, 2000, 1.0, 0.5, 5.0),
    (4000, 2000, 1.0, 0.5, 5.0),
    (8000, 1000, 1.0, 0.5, 10.0),
    (20000, 200, 0.7, 0.1, 15.0),  # III
    (300, 2000, 1.0, 0.5, 0.1),  # V
    (1000, 2000, 1.0, 0.5, 0.1),
    (1500, 2500, 0.75, 0.1, 0.5),
    (2000, 2000, 1.0, 0.5, 0.1),  # peak
    (2000, 2000, 1.0, 0.5, 1.0),
    (4000, 2000, 1.0, 0.5, 0.5),  # VIa
    (8000, 1000, 1.0, 0.5, 0.1),
    (8000, 1000, 1.0, 0.5, 1.0),
    (4000, 1500, 1.5, 0.1, 0.2),
    (20000, 200, 0.7, 0.1, 1.0),  # VIb
]
#: Runs of less than this many seconds are repeated so often, and their median counts.
REPEAT = (3.0, 5)


def lasso_peers(limit):
    from celer import Lasso as Celer
    from skglm import Lasso as Skglm
    from sklearn.linear_model import Lasso

    def epochs(size):  # about what fits into the time limit, at a nanosecond a number
        return int(limit / (1e-9 * size))

    return {
        "scikit-learn": lambda a, tol, size: Lasso(alpha=a, fit_intercept=False, tol=tol, max_iter=epochs(size)),
        "celer": lambda a, tol, size: Celer(alpha=a, fit_intercept=False, tol=tol, max_iter=50, max_epochs=10000),
        # its tolerance is on the violation of the optimality conditions, in units of the penalty
        "skglm": lambda a, tol, size: Skglm(
            alpha=a, fit_intercept=False, tol=100 * tol * a, max_iter=50, max_epochs=10000
        ),
    }


def median_time(f):
    """Seconds of `f`, its median where it is short enough to be repeated, and its result."""
    result, times = None, []
    while not times or (times[0] < REPEAT[0] and len(times) < REPEAT[1]):
        began = time.perf_counter()
        result = f()
        times.append(time.perf_counter() - began)
    return float(np.median(times)), result


def lasso(cases, limit, order):
    print(f"\nLASSO, {order}-ordered, relative gap {GAP:g}; seconds (gap where not met); ratio = best peer / ours")
    header = ("n", "d", "gamma", "Delta", "lam", "phase", "ours", "AMP its", "Newton", "path", "active")
    peers = lasso_peers(limit)
    print(" ".join(f"{h:>8}" for h in header), " ".join(f"{h:>15}" for h in (*peers, "ratio")))
    rng = np.random.default_rng(0)
    warm = np.asfortranarray(rng.standard_normal((40, 50)))
    for make in peers.values():
        make(0.05, 1e-4, warm.size).fit(warm, warm[:, 0].copy())
    train((warm, warm[:, 0]), network="diagonal", weight_decay=0.5)
    ratios = []
    for n, d, gamma, noise, lam in cases:
        problem = Problem("diagonal", PowerLaw(d, gamma), n, noise)
        x, y = sample(problem, 0)
        x, labels, bound = np.array(x, order=order), y.copy(), lam * np.sqrt(d)
        train((x, labels), network="diagonal", weight_decay=lam, tolerance=GAP)  # touches the memory all will use
        ours, fit = median_time(
            lambda x=x, labels=labels, lam=lam: train((x, labels), network="diagonal", weight_decay=lam, tolerance=GAP)
        )
        cells, times = [], []
        for name, make in peers.items():
            # two of them stop on a gap relative to ||y||^2: what is asked, in their units
            tolerance = GAP if name == "skglm" else GAP * 2 * fit.objective / float(y @ y)
            spent = 0.0
            while True:
                began = time.perf_counter()
                model = make(bound / n, tolerance, x.size).fit(x, labels)
                seconds = time.perf_counter() - began
                spent += seconds
                gap = lasso_certificate(DiagonalOperator(x), y, model.coef_, bound).gap
                if gap <= GAP or spent > limit:
                    break
                tolerance *= min(0.3, max(0.03, GAP / gap))
            if seconds < REPEAT[0]:
                seconds, _ = median_time(
                    lambda make=make, x=x, labels=labels, a=bound / n, t=tolerance: make(a, t, x.size).fit(x, labels)
                )
            cells.append(f"{seconds:.4f}" + ("" if gap <= GAP else f" ({gap:.0e})"))
            # One that never met the gap counts with its last, unfinished run: a lower bound of its time.
            times.append(seconds)
        ratios.append(min(times) / ours)
        work = (fit.details["amp_iterations"], fit.details["newton_steps"], fit.details["path_steps"])
        phase = phase_of(problem, lam).name
        row = (n, d, gamma, noise, f"{lam:g}", phase, f"{ours:.4f}", *work, int((fit.weights != 0).sum()))
        print(
            " ".join(f"{v!s:>8}" for v in row),
            " ".join(f"{c:>15}" for c in (*cells, f"{ratios[-1]:.2f}")),
            flush=True,
        )
    slow = sum(r < 1 / 1.5 for r in ratios)
    print(f"smallest ratio {min(ratios):.2f}; slower than 1.5 times the best peer: {slow} of {len(ratios)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one hard and three easy cases of each")
    parser.add_argument("--only", choices=("lasso", "quadratic", "memory"))
    parser.add_argument("--easy", action="store_true", help="leave out the two hard LASSO cases, which take minutes")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.only in (None, "lasso"):
        hard, easy = (HARD[:1], ELSEWHERE[:3]) if options.quick else (HARD, ELSEWHERE)
        if not options.easy:
            lasso(hard, 10 if options.quick else 30, "C")
        for order in "CF":
            lasso(easy, 10, order)
    if options.only in (None, "quadratic"):
        sizes = quadratic_peers.SIZES
        quadratic_peers.times(sizes[:1] if options.quick else sizes, (1.25,), 1)
    if options.only in (None, "memory"):
        quadratic_peers.memory(quadratic_peers.SIZES[: 1 if options.quick else None])


if __name__ == "__main__":
    main()
