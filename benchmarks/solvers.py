"""Training solvers against their peers: same data, same accuracy, over draws; prints tables of times and ratios.

    python benchmarks/solvers.py [--quick] [--only lasso|quadratic|memory] [--threads 2] [--adelie PYTHON]

LASSO: relative duality gap ``(primal - dual)/primal <= 1e-6``, computed by one function for all, on draws 0, 1, ... of
``sample``. Peers stop on other criteria: their tolerance is lowered until the common gap is met or their runs together
exceed the time limit, and only the last setting is timed; all are compiled and have run before. What is short is
repeated, and the median counts. A peer that never meets the gap is marked "short" and counts with its last run, a lower
bound of its time. All get the same arrays, C-ordered as NumPy makes them and Fortran-ordered as coordinate descent
wants them. Times include every check and copy of the input, ours the certificate.

`adelie` wants an older NumPy, so an environment of its own: ``python -m venv FOLDER``, then
``FOLDER/bin/pip install adelie "numpy<2"``, and here ``--adelie FOLDER/bin/python``.

All of it takes more than an hour. ``--save FILE`` keeps each draw, and the same command later goes on where it ended;
``--seconds`` bounds one run.

Quadratic network: L-BFGS on ``W`` in float32 with PyTorch, the published way; ``quadratic_peers.py`` says how, and runs
by itself too.
"""

from __future__ import annotations

import argparse
import os
import warnings


def cases(text):
    """``0,3,5-8`` as numbers."""
    found = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def orders(text):
    if text not in ("C", "F", "CF"):
        raise argparse.ArgumentTypeError("must be C, F or CF")
    return text


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three draws of a few easy cases")
    parser.add_argument("--only", choices=("lasso", "quadratic", "memory"))
    parser.add_argument("--threads", type=int, default=1, help="of every solver (default 1)")
    group = parser.add_argument_group("LASSO")
    group.add_argument("--cases", type=cases, help="which, as 0,3,5-8 (default all; 0 and 1 take longest)")
    group.add_argument("--draws", type=int, help="default 10")
    group.add_argument("--orders", type=orders, default="CF", help="of the data in memory: C, F or CF (default)")
    group.add_argument("--limit", type=float, default=10.0, help="seconds for a peer to meet the gap (default 10)")
    group.add_argument("--adelie", metavar="PYTHON", help="interpreter of an environment that has adelie")
    group.add_argument("--peers", help="celer, skglm, scikit-learn: which of them, with commas (default all)")
    group.add_argument("--save", metavar="FILE", help="CSV of every draw; what it holds is not measured again")
    group.add_argument("--seconds", type=float, help="stop measuring after so long")
    options = parser.parse_args()
    options.draws = options.draws or (3 if options.quick else 10)
    return options


def main():
    options = read_options()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(options.threads)  # before NumPy is imported
    warnings.simplefilter("ignore")
    if options.only in (None, "lasso"):
        import celer
        import skglm
        import sklearn
        from lasso_peers import lasso

        print(f"celer {celer.__version__}, skglm {skglm.__version__}, scikit-learn {sklearn.__version__}")
        lasso(options)
    if options.only in (None, "quadratic", "memory"):
        import quadratic_peers

        parts = {None: (), "memory": ("--only", "memory"), "quadratic": ("--only", "times")}[options.only]
        quick = ("--quick",) if options.quick else ("--draws", str(options.draws))
        quadratic_peers.main([*parts, *quick, "--threads", str(options.threads)])


if __name__ == "__main__":
    main()
