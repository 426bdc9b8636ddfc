"""Never unphysical: random problems over twelve decades of n/d, penalty and noise, all teachers and widths.

Run: ./run bench physical [POINTS] [SEED] [deep]
Half of the problems have inputs with a covariance; the diagonal networks of the others have two to eight layers. With
``deep`` all networks have more layers than the paper's (diagonal ones three to eight, quadratic ones two to five), and
of every tenth problem all solutions are looked for.
Every answer must be physical or a named failure, and there must be no failure at full width other than the
truth that a risk diverges. Exits 1 otherwise.
"""

from __future__ import annotations

import functools
import math
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from twins import random_problem, with_random_design

from shallows import Problem, predict
from shallows.networks import Diagonal, Quadratic
from shallows.prediction import Prediction


def faults(p: Prediction) -> list[str]:
    """What is wrong with a prediction that claims to be right."""
    noise, null = p.problem.noise, p.problem.null_risk
    terms = p.decomposition
    scale = max(terms.overfitting, terms.underfitting, terms.approximation, p.excess_risk)
    positive = min(terms.overfitting, terms.underfitting, terms.approximation, -terms.alignment)
    checks = {
        "residual above 1e-8": p.residual <= 1e-8,
        "negative risk": p.excess_risk >= 0,
        "train error outside [0, null error]": 0 <= p.train_error <= (1 + 1e-9) * (noise + null),
        "degrees of freedom outside [0, n]": 0 <= p.degrees_of_freedom <= p.problem.samples * (1 + 1e-9),
        "decomposition does not add up to 1e-9": abs(terms.total - p.excess_risk) <= 1e-9 * p.excess_risk,
        "a term of the decomposition has the wrong sign": positive >= -1e-9 * scale,
        "mass at zero outside [0, 1]": 0 <= p.spectrum.mass_at_zero <= 1,
    }
    return [name for name, holds in checks.items() if not holds]


def varied(problem: Problem, seed: int, index: int) -> Problem:
    """The same problem with a covariance, every other one, or a diagonal network of any depth."""
    if index % 2:
        return with_random_design(problem, np.random.default_rng([seed, index]))  # type: ignore[no-any-return]
    if problem.network == "diagonal":
        depth = int(np.random.default_rng([seed, index, 1]).integers(2, 9))
        return replace(problem, network=Diagonal(depth=depth))
    return problem


def deepened(problem: Problem, seed: int, index: int) -> Problem:
    """The same problem for a network of more layers, of full width."""
    rng = np.random.default_rng([seed, index, 1])
    if problem.network == "diagonal":
        return replace(problem, network=Diagonal(depth=int(rng.integers(3, 9))))
    return Problem(Quadratic(int(rng.integers(2, 6))), problem.teacher, problem.samples, problem.noise)


def faults_of_solutions(p: Prediction) -> list[str]:
    """What is wrong with the list of all solutions."""
    found = p.solutions
    scales = [point.noise_scale for point in found.points]
    place, near = found.followed, functools.partial(math.isclose, rel_tol=1e-9)
    checks = {
        "solutions are not in order": scales == sorted(scales, reverse=True),
        "the one followed is not stable": place is not None and found.stable[place] is not False,
        "the one followed is another": place is not None and near(scales[place], p.fixed_point.noise_scale),
        "a solution is not one": all(point.status.ok for point in found.points),
    }
    return [name for name, holds in checks.items() if not holds]


def main() -> int:
    points = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    deep = "deep" in sys.argv[3:]
    rng = np.random.default_rng(seed)
    outcomes: Counter[tuple[str, str]] = Counter()
    wrong: list[str] = []
    worst_residual = worst_sum = 0.0
    start = time.perf_counter()
    for index in range(points):
        problem, strength = random_problem(rng)
        problem = deepened(problem, seed, index) if deep else varied(problem, seed, index)
        p = predict(problem, **strength, throw=False)
        full = not problem.is_narrow
        kind = problem.network if full else "quadratic, p < d"
        if full and not problem.is_convex:
            kind = f"{problem.architecture.family}, deep"
        if not problem.design.is_white:
            kind += ", covariance"
        outcomes[kind, p.status.value] += 1
        if p.status.ok:
            found = faults(p) + (faults_of_solutions(p) if deep and index % 10 == 0 else [])
            worst_residual = max(worst_residual, p.residual)
            if p.excess_risk > 0:
                worst_sum = max(worst_sum, abs(p.decomposition.total / p.excess_risk - 1))
        else:
            found = [f"failed: {p.status.value}"] if full and p.status.value != "divergent" else []
        wrong += [f"point {index}: {fault}: {problem} {strength}" for fault in found]
    print(f"{points} random problems, seed {seed}, {time.perf_counter() - start:.0f} s")
    for (kind, status), count in sorted(outcomes.items()):
        print(f"  {kind:28s} {status:18s} {count}")
    print(f"  worst residual {worst_residual:.1e}, worst relative error of the decomposition's sum {worst_sum:.1e}")
    print(f"  unphysical answers and unexplained failures: {len(wrong)}")
    for line in wrong[:20]:
        print("   ", line)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
