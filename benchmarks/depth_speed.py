"""What a prediction costs by depth, over random problems: processor time, one thread, each the best of three.

Run: ./run bench depth_speed [PROBLEMS]
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from shallows import PowerLaw, Problem, predict
from shallows.networks import Diagonal

DEPTHS = (2, 3, 4)


def cost(call: Callable[[], object]) -> float:
    """Processor time in milliseconds."""
    start = time.process_time()
    call()
    return 1e3 * (time.process_time() - start)


def main() -> None:
    problems = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    rng = np.random.default_rng(0)
    points, everything = [], []
    for index in range(problems):
        dim = int(rng.choice([300, 1000, 10000]))
        samples = int(dim * 10 ** rng.uniform(-0.7, 0.9))
        problem = Problem("diagonal", PowerLaw(dim, rng.uniform(0.7, 1.6)), samples, rng.uniform(0.1, 1))
        decay = 10 ** rng.uniform(-0.7, 0.7)
        row = []
        for depth in DEPTHS:
            deep = replace(problem, network=Diagonal(depth=depth))
            predict(deep, weight_decay=decay)
            row.append(min(cost(lambda p=deep, lam=decay: predict(p, weight_decay=lam)) for _ in range(3)))
        points.append(row)
        if index < 8:
            asked = [replace(problem, network=Diagonal(depth=depth)) for depth in DEPTHS]
            everything.append([cost(lambda p=p, lam=decay: predict(p, weight_decay=lam).to_dict()) for p in asked])
    for name, table in (("a point", np.array(points)), ("everything printed", np.array(everything))):
        ratios = table[:, 1:] / table[:, :1]
        print(name)
        for place, depth in enumerate(DEPTHS):
            print(f"  depth {depth}: median {np.median(table[:, place]):.3g} ms", end="")
            if place:
                own = ratios[:, place - 1]
                print(f", over depth 2: median {np.median(own):.3g}, 9 of 10 below {np.quantile(own, 0.9):.3g}", end="")
            print()


if __name__ == "__main__":
    main()
