"""Deviations from the runs published with arXiv 2606.28242 (quadratic networks of finite width).

Run: ./run bench reference FOLDER
FOLDER holds the published tables SE_*.csv and EXP_*.csv (columns over width `rank` or over `n`; they carry no
licence and are not part of this project). Prints predicted over published estimation error.
"""

from __future__ import annotations

import csv
import math
import re
import sys
from pathlib import Path

import numpy as np

from shallows import PowerLaw, Problem, predict

DIM, GAMMA, NOISE = 400, 1.25, 0.1


def rows(path: Path) -> list[dict[str, float]]:
    with path.open() as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def point(path: Path, row: dict[str, float]) -> tuple[float, int, float]:
    """Samples, width and reduced penalty of one published number."""
    numbers = dict(re.findall(r"(rank|n|lregtilde)([0-9.]*[0-9])", path.stem.split("_", 2)[2]))
    if "lregtilde" in numbers:
        return float(numbers["n"]), int(row["rank"]), float(numbers["lregtilde"])
    n = row["n"]
    return n, int(numbers["rank"]), 0.05 * math.sqrt(n / DIM**2)


def main() -> int:
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print("usage: ./run bench reference FOLDER (with SE_*.csv and EXP_*.csv)", file=sys.stderr)
        return 2
    teacher = PowerLaw(DIM, GAMMA)
    failed = False
    print(f"{'published table':58s} {'points':>6s}  {'median':>8s}  {'worst':>8s}  at")
    for path in sorted(Path(sys.argv[1]).glob("*.csv")):
        deviations = []
        for row in rows(path):
            n, width, penalty = point(path, row)
            p = predict(Problem("quadratic", teacher, n, NOISE, width), penalty=penalty, throw=False)
            published = row.get("mse", row.get("mse_mean", math.nan))
            deviations.append((p.estimation_error / published - 1, n, width))
        groups = {"": deviations}
        if "samples" in path.name and "rank400" in path.name:
            bounds = {8000: 0.005, 2400: 0.01, 0: math.inf} if path.name.startswith("SE") else {14000: 0.1, 0: math.inf}
            groups, above = {}, math.inf
            for fewest, bound in bounds.items():
                group = [d for d in deviations if fewest <= d[1] < above]
                groups[f" n >= {fewest}" if fewest else f" n < {above:.0f}"] = group
                failed |= bool(group) and max(abs(d[0]) for d in group) > bound
                above = fewest
        elif "_rank_" in path.name:
            groups = {
                " p >= d": [d for d in deviations if d[2] >= DIM],
                " p < d": [d for d in deviations if d[2] < DIM],
            }
        for label, group in groups.items():
            if not group:
                continue
            sizes = np.array([abs(d[0]) for d in group])
            worst = group[int(np.nanargmax(sizes))]
            name = path.stem.replace("_gamma1.25_noise0.1", "").replace("_d400", "")[:44] + label
            where = f"n = {worst[1]:.0f}, p = {worst[2]}"
            print(f"{name:58s} {len(group):6d}  {np.nanmedian(sizes):8.2%}  {worst[0]:+8.2%}  {where}")
            if label == " p >= d" and path.name.startswith("SE"):
                failed |= bool(sizes.max() > 0.005)
    verdict = "no" if failed else "yes"
    print(f"full width within 0.5 % (SE, n >= 8000), 1 % (SE, n >= 2400) and 10 % (trained, n >= 14000): {verdict}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
