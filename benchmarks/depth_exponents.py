"""Exponents of deep diagonal networks at large dimension, against those derived in docs/theory.md.

Run: ./run bench depth_exponents
Local slopes of the predicted excess risk over a tenth of a decade in log_d, one path for each phase; a slope further
than 0.02 from what is derived is a miss. Also the level of phase V over its limit (L - 2) Delta, and the best risk over
the Bayes-optimal one by depth.
"""

from __future__ import annotations

import math
import sys

from shallows import PowerLaw, Problem, bayes_optimal, optimal_weight_decay
from shallows.networks import Diagonal
from shallows.phases import phase_at, predicted_exponents
from shallows.phases_with_depth import interpolation_risk
from shallows.state_evolution import solve

STEP, ALLOWED = 0.05, 0.02
LARGE, HUGE = 10**6, 10**12


def risk(depth: int, gamma: float, dim: int, nu: float, ell: float) -> float:
    """Predicted excess risk at ``n = d^nu``, ``lam = d^ell``, unit noise; nan where it is not solved."""
    problem = Problem(Diagonal(depth=depth), PowerLaw(dim, gamma), dim**nu, 1.0)
    point = solve(problem, weight_decay=dim**ell)
    return point.estimation_error if point.status.ok else math.nan


def paths(depth: int, gamma: float) -> list[tuple[str, str, int, float, float]]:
    """Phase, what is varied, dimension, nu and ell."""
    shift = 2 * gamma * (depth - 1) / depth
    lower, upper = 2 + 1 / depth + shift, 2 * (2 + 1 / depth + gamma * (1 - 2 / depth))
    middle = (lower + upper) / 2
    return [
        ("Ib", "n", HUGE, 0.4 + 1 / depth, 0.6),
        ("II", "n", HUGE, 1.0, 0.25),
        ("II", "lam", HUGE, 1.0, 0.25),
        ("III", "n", LARGE, middle, 2.0),
        ("III", "lam", LARGE, middle, 2.0),
        ("V", "n", HUGE, 0.5, -4.0),
        ("peak", "lam", LARGE, 1.0, -1.0),
        ("VIa", "n", HUGE, 1.25, -1.0),
        ("VIb", "n", LARGE, 2 * gamma + 0.5, -1.0),
    ]


def main() -> int:
    misses = 0
    for depth in (3, 4, 6):
        for gamma in (0.75, 1.25):
            name_of = Diagonal(depth=depth).name
            for name, varied, dim, nu, ell in paths(depth, gamma):
                assert phase_at(name_of, nu, ell, gamma).name == name
                along, across = (STEP, 0.0) if varied == "n" else (0.0, STEP)
                first = risk(depth, gamma, dim, nu - along, ell - across)
                last = risk(depth, gamma, dim, nu + along, ell + across)
                slope = math.log(last / first) / math.log(dim) / (2 * STEP)
                wanted = predicted_exponents(name_of, gamma)[name][varied == "lam"]
                assert wanted is not None
                hit = abs(slope - wanted) <= ALLOWED
                misses += not hit
                level = (
                    f"   R {first:.3f} to {last:.3f}, limit {interpolation_risk(2 / depth):.0f}" if name == "V" else ""
                )
                print(
                    f"L={depth} gamma={gamma} {name:5s} in {varied:3s} d=1e{round(math.log10(dim))} nu={nu:.3f} "
                    f"ell={ell:5.2f}: derived {wanted:7.4f} found {slope:7.4f} {'' if hit else 'MISS'}{level}",
                    flush=True,
                )
    print(f"misses: {misses}")
    print("\nbest excess risk over the Bayes-optimal one, d = 1000, Delta = 0.5")
    for gamma in (0.75, 1.0, 1.5):
        for samples in (300, 1000, 4000):
            row = []
            for depth in (2, 3, 4, 6, 10):
                problem = Problem(Diagonal(depth=depth), PowerLaw(1000, gamma), samples, 0.5)
                best = optimal_weight_decay(problem)
                row.append(f"L={depth}: {best.excess_risk / bayes_optimal(problem).excess_risk:.3f}")
            print(f"gamma={gamma} n={samples}  " + "  ".join(row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
