"""Inputs with a covariance: what a point costs, and exponents at large dimension against those derived.

Run: ./run bench designs [speed | exponents]
Exponents are slopes of log R (nu or ell by 0.05 to either side) at d = 10^12, for teachers k^-gamma and covariances
k^-a aligned with them. A slope further than 0.02 from the derived one is a miss. Every phase is measured where it is
furthest from all others, if that is at least d^0.2.
"""

from __future__ import annotations

import math
import sys
import time

import numpy as np
from scipy.ndimage import distance_transform_cdt

from shallows import GaussianDesign, PowerLaw, Problem, predict
from shallows.optimum import minimum_between, risk_at
from shallows.phases_with_covariance import best_rate, phase_at_covariance, predicted_exponents, tempered_risk

DIM, STEP = 10**12, 0.05
EXPONENTS = [(gamma, a) for gamma in (0.8, 1.25, 2.0) for a in (0.5, 1.5)]
NETWORKS = ("diagonal", "quadratic")


def median_time(call, repeats: int = 30) -> float:  # type: ignore[no-untyped-def]
    call()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return float(np.median(times))


def speed() -> None:
    print("one prediction: isotropic; commuting, a = 0.5 and 1 (ratio). Processor time, median of 30, interleaved")
    for network, dim, n_eff, decay in (
        ("quadratic", 400, 66.0, 0.02),
        ("quadratic", 10**6, 1e5, 0.02),
        ("diagonal", 400, 2650.0, 0.02),
        ("diagonal", 10**6, 1e5, 0.2),
    ):
        n = n_eff * (dim if network == "quadratic" else 1)
        problems = [Problem(network, PowerLaw(dim, 1.25), n, 0.1)]
        problems += [Problem(network, PowerLaw(dim, 1.25), n, 0.1, design=GaussianDesign(a)) for a in (0.5, 1.0)]
        costs: list[list[float]] = [[], [], []]
        for problem in problems:
            predict(problem, weight_decay=decay)
        for _ in range(30):
            for place, problem in enumerate(problems):
                start = time.process_time()
                predict(problem, weight_decay=decay)
                costs[place].append(time.process_time() - start)
        plain, *others = (float(np.median(times)) for times in costs)
        told = ", ".join(f"{1e3 * cost:.2f} ms ({cost / plain:.2f})" for cost in others)
        print(f"  {network:10s} d = {dim:<8d} {1e3 * plain:.2f} ms; {told}")
    problem = Problem("quadratic", PowerLaw(400, 1.25), 26515, 0.1, design=GaussianDesign(1.0, "random"))
    print(f"  quadratic, d = 400, random basis: {median_time(lambda: predict(problem, penalty=0.02), 5):.2f} s")


def at(network: str, gamma: float, a: float, nu: float, ell: float | None) -> float:
    """``log_d R``."""
    n_eff = float(DIM) ** nu
    n = n_eff * (DIM if network == "quadratic" else 1)
    problem = Problem(network, PowerLaw(DIM, gamma), n, 1.0, design=GaussianDesign(a))
    risk = risk_at(problem, 0.0 if ell is None else float(DIM) ** ell)
    return math.log(risk) / math.log(DIM) if risk > 0 else math.nan


def places(network: str, gamma: float, a: float) -> dict[str, tuple[float, float, float]]:
    """In each phase the place furthest from all others, ``nu`` and ``ell``, and how far that is."""
    nus, ells = np.arange(0.05, 4.5, 0.05), np.arange(-4.0, 4.0, 0.05)
    names = np.array([[phase_at_covariance(network, nu, ell, gamma, a).name for ell in ells] for nu in nus])
    names[names == "VIb"] = "VIa"  # one rate
    found = {}
    for name in ("II", "III", "tempered", "leak", "VIa"):
        inside = np.pad(names == name, 1)  # and from the ends of the plane
        depth = distance_transform_cdt(inside, "chessboard")[1:-1, 1:-1]
        i, j = np.unravel_index(int(depth.argmax()), depth.shape)
        found[name] = (float(nus[i]), float(ells[j]), 0.05 * float(depth[i, j]))
    return found


def exponents() -> int:
    misses = rows = 0
    print(f"slopes at d = {DIM:.0e}: found (derived); a * marks a miss of more than 0.02")
    for network in NETWORKS:
        for gamma, a in EXPONENTS:
            derived = predicted_exponents(network, gamma, a)
            line = f"  {network:10s} gamma {gamma:<5g} a {a:<4g}"
            for name, (nu, ell, depth) in places(network, gamma, a).items():
                if depth < 0.2:
                    line += f"  {name}: no room"
                    continue
                in_n = (at(network, gamma, a, nu + STEP, ell) - at(network, gamma, a, nu - STEP, ell)) / (2 * STEP)
                in_lam = (at(network, gamma, a, nu, ell + STEP) - at(network, gamma, a, nu, ell - STEP)) / (2 * STEP)
                for found, expected in ((in_n, derived[name][0]), (in_lam, derived[name][1])):
                    assert expected is not None
                    bad = not abs(found - expected) <= 0.02
                    misses, rows = misses + bad, rows + 1
                    line += f"  {name}: {found:+.3f} ({expected:+.3f}){'*' if bad else ''}"
            risks = []
            for nu in (0.5 - STEP, 0.5 + STEP):
                n_eff = float(DIM) ** nu
                n = n_eff * (DIM if network == "quadratic" else 1)
                problem = Problem(network, PowerLaw(DIM, gamma), n, 1.0, design=GaussianDesign(a))
                _, risk = minimum_between(problem, float(DIM) ** -1.5, float(DIM) ** 2, points=85, tolerance=1e-3)
                risks.append(math.log(risk) / math.log(DIM))
            found, expected = (risks[1] - risks[0]) / (2 * STEP), best_rate(network, 0.5, gamma, a)[1]
            bad = not abs(found - expected) <= 0.02
            misses, rows = misses + bad, rows + 1
            line += f"  best: {found:+.3f} ({expected:+.3f}){'*' if bad else ''}"
            level = math.exp(at(network, gamma, a, 0.5, None) * math.log(DIM))
            line += f"  interpolating R/Delta {level:.4f} ({tempered_risk(network, a):.4f})"
            print(line, flush=True)
    print(f"{rows - misses} of {rows} within 0.02")
    return 0


def main() -> int:
    chosen = sys.argv[1:] or ["speed", "exponents"]
    if "speed" in chosen:
        speed()
    return exponents() if "exponents" in chosen else 0


if __name__ == "__main__":
    sys.exit(main())
