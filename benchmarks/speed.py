"""Speed of a prediction against the way published notebooks do it, measured in one run.

Run: ./run bench speed
The twin solves the same state evolution with three random matrices of size 400, `scipy.optimize.root` on three
order parameters, started close to the solution (which favours it: from further away it often fails). Its error is
the standard deviation of one such solve over eight draws of its matrices; the deviation is from their mean.
Ratios are medians of interleaved runs on one thread. A point at d = 10^6 is compared with one at d = 400, and a
cold command with nothing.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from twins import goe, quadratic_fixed_point

from shallows import PowerLaw, Problem, predict

POINTS = [(1.25, 0.1, 26515, 0.020354), (1.25, 0.1, 8000, 0.022361), (0.75, 0.5, 16000, 0.3), (1.0, 0.5, 64000, 0.02)]


def median_time(call: Callable[[], object], repeats: int) -> float:
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def main() -> int:
    rng = np.random.default_rng(0)
    ratios = []
    print("point (gamma, Delta, n, pen)          shallows   notebook way      ratio   deviation   its own error")
    for gamma, noise, n, pen in POINTS:
        teacher = PowerLaw(400, gamma)
        problem = Problem("quadratic", teacher, n, noise)
        p = predict(problem, penalty=pen)
        fast = median_time(lambda problem=problem, pen=pen: predict(problem, penalty=pen), 30)
        modes, alpha, dof = teacher.values("quadratic"), problem.alpha, p.degrees_of_freedom * 2 / 400**2
        # m from E = Q0 - 2m + q is not reported: any pair with the right E starts it at the right noise
        q = p.estimation_error - 1 + 2 * 0.95
        errors, times = [], []
        for _ in range(8):
            matrices = [goe(400, rng) for _ in range(3)]
            start = time.perf_counter()
            error, _, success = quadratic_fixed_point(
                modes, alpha, noise, pen, matrices, np.array([q, 0.95, dof]) * [1, 1, 0.95]
            )
            times.append(time.perf_counter() - start)
            if success:
                errors.append(error)
        slow = float(np.median(times))
        ratios.append(slow / fast)
        spread = np.std(errors, ddof=1) / np.mean(errors) if len(errors) > 1 else float("nan")
        deviation = p.estimation_error / np.mean(errors) - 1 if errors else float("nan")
        label = f"({gamma}, {noise}, {n}, {pen})"
        print(f"{label:36s} {fast * 1e3:7.2f} ms {slow:10.2f} s {ratios[-1]:10.0f}   {deviation:+9.2%}   {spread:9.2%}")
    print(f"median ratio {np.median(ratios):.0f}, smallest {min(ratios):.0f} (asked for: 500)")

    print(
        "\ncost of one warm point over that at d = 400"
        " (gamma 1.25, Delta 0.1, n_eff = d^0.7, pen and lam = sqrt(n_eff/d)/3)"
    )
    base = None
    for dim in (400, 1000, 10**4, 10**6, 10**8):
        n_eff = dim**0.7
        strength = (n_eff / dim) ** 0.5 / 3
        problem = Problem("quadratic", PowerLaw(dim, 1.25), n_eff * dim, 0.1)
        cost = median_time(lambda problem=problem, pen=strength: predict(problem, penalty=pen), 30)
        base = base or cost
        diagonal = Problem("diagonal", PowerLaw(dim, 1.25), n_eff, 0.1)
        other = median_time(lambda problem=diagonal, lam=strength: predict(problem, weight_decay=lam), 30)
        print(f"  d = {dim:<10d} quadratic {cost * 1e3:6.2f} ms ({cost / base:4.2f})   diagonal {other * 1e3:6.2f} ms")

    print("\ncold commands, best of three")
    script = str(Path(sys.executable).with_name("shallows"))
    predict_arguments = (
        "predict --network quadratic --dim 400 --samples 26515 --gamma 1.25 --noise 0.1 --penalty 0.0407"
    )
    for label, arguments in (("shallows --help", "--help"), ("shallows predict", predict_arguments)):
        cold = []
        for _ in range(3):
            start = time.perf_counter()
            subprocess.run([script, *arguments.split()], check=True, capture_output=True)
            cold.append(time.perf_counter() - start)
        print(f"  {label:18s} {min(cold):.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
