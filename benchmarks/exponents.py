"""Learning curves with a floor, broken or not: how often intervals hold the truth, and how often a floor is found.

Run: ./run bench exponents [DRAWS [POINTS]]
Curves ``(n/n_0)^-b + c``, and some whose exponent changes halfway on the logarithmic axis, with 5 % scatter that is not
told, over 8 and 20 points. Intervals of exponents and floors are of 95 %, those of the curve at 2 and 10 times the
largest `n` of 90 %; widths are ratios of their ends.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict

import numpy as np

from shallows.exponents import fit_power_laws

SCATTER, BEYOND = 0.05, (2, 10)
EXPONENTS, FLOORS, COUNTS, DECADES = (0.4, 0.7, 1.0), (0.0, 0.02, 0.1, 0.3), (8, 20), (2, 3)
BROKEN = ((0.3, 0.9), (0.9, 0.3))


def main(arguments: list[str]) -> int:
    draws = int(arguments[0]) if arguments else 200
    counts = (int(arguments[1]),) if len(arguments) > 1 else COUNTS
    head = f"{'points':>6}{'decades':>8}{'b':>9}{'c':>6} |{'covered':>8}{'floor covered':>14}{'floor found':>12}"
    head += f"{'broken':>7}{'error of b':>11}{'half-width':>11}{'cannot tell':>12} |"
    print(head + "".join(f"  at {k:>2}x: covered   width  silent" for k in BEYOND) + f" |{'ms':>5}")
    for count in counts:
        for decades in DECADES:
            for b in (*((b, b) for b in EXPONENTS), *BROKEN):
                for c in FLOORS:
                    print(row(count, decades, b, c, draws), flush=True)
    repeated(draws)
    return 0


def curve(n: np.ndarray, start: float, at: float, b: tuple[float, float], c: float) -> np.ndarray:
    """The true curve: exponents `b` before and after the break."""
    return np.where(n < at, (n / start) ** -b[0], (at / start) ** -b[0] * (n / at) ** -b[1]) + c


def row(count: int, decades: int, b: tuple[float, float], c: float, draws: int) -> str:
    n = 100 * np.geomspace(1, 10.0**decades, count)
    places = n[-1] * np.array(BEYOND)
    at = 100 * 10.0 ** (decades / 2)
    truth, beyond = curve(n, 100, at, b, c), curve(places, 100, at, b, c)
    rng = np.random.default_rng([count, decades, *(int(100 * v) for v in b), int(1000 * c)])
    seen: dict[str, list[float]] = defaultdict(list)
    started = time.perf_counter()
    for _ in range(draws):
        drawn = truth * np.exp(SCATTER * rng.standard_normal(count))
        fit = fit_power_laws(n, drawn)
        last = fit.segments[-1]
        seen["broken"].append(len(fit.segments) > 1)
        if b[0] == b[1] or len(fit.segments) > 1:  # a break that is not seen leaves no exponent to compare with
            seen["covered"].append(last.interval[0] <= -b[1] <= last.interval[1])
            seen["error"].append(-last.exponent - b[1])
            seen["half-width"].append((last.interval[1] - last.interval[0]) / 2)
        if fit.floor_interval is not None:
            seen["floor covered"].append(fit.floor_interval[0] <= c <= fit.floor_interval[1])
        seen["floor"].append(fit.floor is not None)
        seen["cannot tell"].append(not fit.outcome.ok)
        points = fit_power_laws(n, drawn, level=0.9, extrapolate=places.tolist()).extrapolations
        for k, point, value in zip(BEYOND, points, beyond, strict=True):
            seen[f"silent {k}"].append(point.interval is None)
            if point.interval is not None:
                seen[f"covered {k}"].append(point.interval[0] <= value <= point.interval[1])
                seen[f"width {k}"].append(point.interval[1] / point.interval[0])
    each = 1e3 * (time.perf_counter() - started) / draws / 2

    def mean(key: str, width: int, digits: int = 2) -> str:
        return f"{np.mean(seen[key]):>{width}.{digits}f}" if seen[key] else f"{'-':>{width}}"

    def median(key: str, width: int, sign: str = "-") -> str:
        return f"{np.median(seen[key]):>{sign}{width}.3f}" if seen[key] else f"{'-':>{width}}"

    exponent = f"{b[0]:g}" if b[0] == b[1] else f"{b[0]:g}>{b[1]:g}"
    return (
        f"{count:>6}{decades:>8}{exponent:>9}{c:>6g} |{mean('covered', 8, 3)}{mean('floor covered', 14, 3)}"
        f"{mean('floor', 12)}{mean('broken', 7)}{median('error', 11, '+')}{median('half-width', 11)}"
        f"{mean('cannot tell', 12)} |"
        + "".join(f"{mean(f'covered {k}', 17, 3)}{median(f'width {k}', 8)}{mean(f'silent {k}', 8)}" for k in BEYOND)
        + f" |{each:>5.0f}"
    )


def repeated(draws: int) -> None:
    """Three runs at each of 8 numbers of samples, all with scatter of their own, or those of one `n` moved together."""
    n = np.repeat(100 * np.geomspace(1, 100, 8), 3)
    truth, distinct = (n / 100) ** -0.7 + 0.1, np.unique(n)
    print("\nthree runs at each of 8 n, b = 0.7, c = 0.1")
    for shared in (0.0, SCATTER, 3 * SCATTER):
        rng = np.random.default_rng([3, int(100 * shared)])
        covered, widths, lone = [], [], []
        for _ in range(draws):
            drawn = truth * np.exp(SCATTER * rng.standard_normal(24) + np.repeat(shared * rng.standard_normal(8), 3))
            low, high = fit_power_laws(n, drawn).segments[-1].interval
            means = np.exp(np.log(drawn).reshape(8, 3).mean(axis=1))
            first, last = fit_power_laws(distinct, means).segments[-1].interval
            covered.append(low <= -0.7 <= high)
            widths.append(high - low)
            lone.append(last - first)
        print(
            f"  scatter {SCATTER:.0%}, shared {shared:.0%}: covered {np.mean(covered):.3f}, width "
            f"{np.median(widths):.3f}, from the means alone {np.median(lone):.3f}"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
