"""Training solvers against their peers: same data, same accuracy, one thread, one run; prints one table of ratios.

    python benchmarks/solvers.py [--quick] [--only lasso|quadratic|memory]

LASSO: relative duality gap ``(primal - dual)/primal <= 1e-6``, computed by one function for all. Peers stop on other
criteria: their tolerance is lowered until the common gap is met or their runs together exceed the time limit, and only
the last setting is timed; all are compiled and have run on the data before. What takes less than three seconds is
repeated, and the median counts. All get the same arrays, once C-ordered as NumPy makes them and once Fortran-ordered as
coordinate descent wants them. Times include every check and copy of the input, ours the certificate.

Quadratic network: L-BFGS on ``W`` in float32 with PyTorch, the published way, to 1e-6 relative of the minimum; the
minimum is ours at a tolerance of 1e-8. Ours is timed twice: to the same objective, and to the certificate (gap 1e-6).
"""

from __future__ import annotations

import argparse
import os
import warnings

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one hard and three easy cases of each")
    parser.add_argument("--only", choices=("lasso", "quadratic", "memory"))
    parser.add_argument("--easy", action="store_true", help="leave out the two hard LASSO cases, which take minutes")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    from lasso_peers import ELSEWHERE, HARD, lasso
    from quadratic_peers import QUADRATIC, memory, quadratic

    if options.only in (None, "lasso"):
        hard, easy = (HARD[:1], ELSEWHERE[:3]) if options.quick else (HARD, ELSEWHERE)
        if not options.easy:
            lasso(hard, 10 if options.quick else 30, "C")
        for order in "CF":
            lasso(easy, 10, order)
    if options.only in (None, "quadratic"):
        quadratic(QUADRATIC[:1] if options.quick else QUADRATIC)
    if options.only in (None, "memory"):
        memory(QUADRATIC[:1] if options.quick else QUADRATIC[-2:])


if __name__ == "__main__":
    main()
