"""What a nuclear-norm fit that says "converged" promises, on problems that make it hard to keep.

    python benchmarks/nuclear_promises.py [--problems 2000] [--seed 0]

Random problems of 3 to 20 columns and 5 to 200 rows, of ten kinds in turn: white, common means, random walks, columns
of scales from 1e-3 to 1e3, near duplicates, heavy tails, two directions only, constant columns, units of 1e-6 and 1e6,
repeated rows; penalties from 1e-8 of the one that silences to twice it, noise from none to ten times the signal,
tolerances from 1e-10 to 1e-2. The objective and the dual point's value, its largest eigenvalue too, are computed again
from the data in extended precision. Exits 1 if any gap is larger than stated, or any "converged" is false.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from hard_nuclear import KINDS, promise


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    rows = {kind: [0, 0, 0, 0.0] for kind in KINDS}
    broken = 0
    for index in range(options.problems):
        kind = KINDS[index % len(KINDS)]
        rng = np.random.default_rng([options.seed, index])
        done, tolerance, gap, truth = promise(rng, kind, max_iterations=400)
        row = rows[kind]
        row[0] += 1
        row[1] += done
        # what is left is the rounding of the gap itself
        false = truth > gap * (1 + 1e-9) + 1e-15 or (done and truth > tolerance)
        row[2] += false
        row[3] = max(row[3], truth / gap if gap > 0 else float(truth > 0))
        if false:
            broken += 1
            print(f"broken: problem {index}, {kind}: stated {gap:.3e}, true {truth:.3e}, tolerance {tolerance:.0e}")
    print(f"{'kind':>14} {'problems':>9} {'converged':>10} {'broken':>7} {'largest true / stated gap':>27}")
    for kind, (count, done, false, worst) in rows.items():
        print(f"{kind:>14} {count:>9} {done:>10} {false:>7} {worst:>27.6f}")
    total = sum(row[1] for row in rows.values())
    print(f"{options.problems} problems, {total} converged, {broken} broken; {time.perf_counter() - began:.0f} s")
    return int(broken > 0)


if __name__ == "__main__":
    raise SystemExit(main())
