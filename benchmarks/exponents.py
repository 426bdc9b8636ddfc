"""Exponents of learning curves with a floor: how often the interval holds the truth, and how often the floor is found.

Run: ./run bench exponents [DRAWS]
Curves ``(n/n_0)^-b + c`` with 5 % scatter that is not told, over 8 and 20 points; intervals of 95 %.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from shallows.exponents import fit_power_laws

SCATTER = 0.05
EXPONENTS, FLOORS, COUNTS, DECADES = (0.4, 0.7, 1.0), (0.0, 0.02, 0.1, 0.3), (8, 20), (2, 3)


def main() -> int:
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print(
        f"{'points':>6}{'decades':>8}{'b':>5}{'c':>6} |{'covered':>8}{'floor covered':>14} |"
        f"{'floor found':>12}{'pieces':>8}{'error of b':>12}{'half-width':>12}{'cannot tell':>12}{'ms':>6}"
    )
    for count in COUNTS:
        for decades in DECADES:
            n = 100 * np.geomspace(1, 10.0**decades, count)
            for b in EXPONENTS:
                for c in FLOORS:
                    print(row(n, b, c, decades, draws), flush=True)
    return 0


def row(n: np.ndarray, b: float, c: float, decades: int, draws: int) -> str:
    truth, rng = (n / n[0]) ** -b + c, np.random.default_rng([n.size, decades, int(100 * b), int(1000 * c)])
    covered, floor_covered, found, pieces, errors, widths, silent = [], [], [], [], [], [], []
    started = time.perf_counter()
    for _ in range(draws):
        fit = fit_power_laws(n, truth * np.exp(SCATTER * rng.standard_normal(n.size)))
        last = fit.segments[-1]
        low, high = last.interval
        pieces.append(len(fit.segments))
        covered.append(any(s.interval[0] <= -b <= s.interval[1] for s in fit.segments))
        if fit.floor_interval is not None:
            floor_covered.append(fit.floor_interval[0] <= c <= fit.floor_interval[1])
        found.append(fit.floor is not None)
        errors.append(-last.exponent - b)
        widths.append((high - low) / 2)
        silent.append(not fit.outcome.ok)
    each = 1e3 * (time.perf_counter() - started) / draws
    return (
        f"{n.size:>6}{decades:>8}{b:>5g}{c:>6g} |{np.mean(covered):>8.3f}{np.mean(floor_covered):>14.3f} |"
        f"{np.mean(found):>12.2f}{np.mean(pieces):>8.2f}{np.median(errors):>+12.3f}{np.median(widths):>12.3f}"
        f"{np.mean(silent):>12.2f}{each:>6.0f}"
    )


if __name__ == "__main__":
    sys.exit(main())
