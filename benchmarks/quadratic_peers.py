"""The quadratic network's solver against L-BFGS, over draws: times, steps, share of peak, memory.

    python benchmarks/quadratic_peers.py [--draws 10] [--threads 2] [--quick] [--only times|large|memory]

The peer is L-BFGS on ``W`` in float32 with PyTorch, the published way, on the same draw, in turn with ours. It
ends where its objective is within 1e-6 of the minimum, or where float32 lets it come no further; the minimum is ours at
a tolerance of 1e-8. Ours is timed to the certificate: relative duality gap 1e-6, every check and copy included. The
ratio is its time over ours; where it stopped short that is a lower bound.

Share of the matrix-product peak: one product of the factor with the data in every iteration (``2 n d r`` operations, at
the final rank) and one symmetric one for the adjoint (``n d^2``), each over the peak of the precision that it was made
in, over the time. Eigenvalues, certificates, the improvement of the dual point and mixing are not counted as work, and
their time is. Peak: the best of four products of square matrices of order 1500.
"""

from __future__ import annotations

import argparse
import os
import sys

# before NumPy is imported, which reads them once
_threads = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv[:-1] else "1"
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = _threads

import contextlib
import time
import tracemalloc
import warnings

import numpy as np

from shallows import PowerLaw, Problem
from shallows.training import sample, train

GAP = 1e-6
NOISE = 0.1
GAMMAS = (0.75, 1.0, 1.25, 1.5)
#: d, n, penalty.
SIZES = [(200, 4000, 0.02), (200, 6000, 0.03), (150, 12000, 0.06), (200, 10000, 0.05)]
#: The large one, and its gamma and draws at most: L-BFGS takes a minute there.
LARGE, LARGE_GAMMA, LARGE_DRAWS = (400, 26515, 0.04), 1.25, 3


def draw(size, gamma, seed):
    """Data of one draw."""
    d, n, _ = size
    return sample(Problem("quadratic", PowerLaw(d, gamma), n, NOISE), seed)


def timed(f):
    """Seconds of `f` and its result."""
    began = time.perf_counter()
    result = f()
    return time.perf_counter() - began, result


def peaks():
    """Operations a second of a matrix product, in double and in single precision."""
    found = []
    for kind in (np.float64, np.float32):
        a = np.random.default_rng(0).standard_normal((1500, 1500)).astype(kind)
        found.append(2 * 1500**3 / min(timed(lambda a=a: a @ a)[0] for _ in range(4)))
    return found


class _Reached(Exception):
    pass


def lbfgs(data, penalty, target):
    """Seconds of L-BFGS until it is within 1e-6 of the target or stops, its distance then, and its iterations."""
    total = float(data.labels @ data.labels) / data.dim**2  # its objective is relative to that
    last = []
    began = time.perf_counter()

    def watch(iteration, objective):
        last[:] = [time.perf_counter() - began, objective * total / target - 1, iteration]
        if last[1] <= 1e-6:
            raise _Reached

    with contextlib.suppress(_Reached):
        train(data, penalty=penalty, solver="gradient", precision="float32", throw=False, progress=watch)
    return last


def compare(size, gamma, seed):
    """One draw: seconds of both, how far the peer came, and our fit. Ours is the median of three, around the peer's."""
    data, penalty = draw(size, gamma, seed), size[2]
    target = train(data, penalty=penalty, tolerance=1e-8, throw=False).objective
    first = timed(lambda: train(data, penalty=penalty, tolerance=GAP))
    theirs, short, iterations = lbfgs(data, penalty, target)
    rest = [timed(lambda: train(data, penalty=penalty, tolerance=GAP)) for _ in range(2)]
    seconds = float(np.median([first[0], *(r[0] for r in rest)]))
    fit = first[1]
    assert fit.objective <= target * (1 + GAP)
    return seconds, theirs, short, iterations, fit


def share(fit, size, seconds, peak):
    """Share of the peak that the counted products are."""
    d, n, _ = size
    rough = fit.details["rough_iterations"]
    work = 2 * n * d * fit.weights.rank + n * d * d
    return (rough / peak[1] + (fit.iterations - rough) / peak[0]) * work / seconds


def times(sizes, gammas, draws):
    """The table over draws."""
    peak = peaks()
    print(f"\n{_threads} thread(s); peak {peak[0] / 1e9:.0f} (float64), {peak[1] / 1e9:.0f} (float32) GFLOP/s")
    print("seconds to a gap of 1e-6 and of L-BFGS: median, worst of ours, median of theirs; ratio: median, worst")
    header = ("d", "n", "pen", "gamma", "draws", "ours", "worst", "L-BFGS", "ratio", "worst", "its", "rank")
    print(" ".join(f"{h:>7}" for h in header), f"{'L-BFGS short by':>22} {'its its':>8} {'share':>6}")
    everywhere = []
    for size in sizes:
        for gamma in gammas:
            found = [compare(size, gamma, seed) for seed in range(draws)]
            ours, theirs, short, steps = (np.array([f[i] for f in found], dtype=float) for i in range(4))
            fits, ratios = [f[4] for f in found], theirs / ours
            everywhere += ratios.tolist()
            shares = [share(fit, size, seconds, peak) for fit, seconds in zip(fits, ours, strict=True)]
            row = (*size, gamma, draws, f"{np.median(ours):.2f}", f"{ours.max():.2f}", f"{np.median(theirs):.2f}")
            row += (f"{np.median(ratios):.2f}", f"{ratios.min():.2f}", f"{np.median([f.iterations for f in fits]):.0f}")
            row += (f"{np.median([f.weights.rank for f in fits]):.0f}",)
            print(
                " ".join(f"{v!s:>7}" for v in row),
                f"{f'{short.min():.0e} to {short.max():.0e}':>22} {np.median(steps):>8.0f} {np.median(shares):>6.2f}",
                flush=True,
            )
    below = sum(r < 3 for r in everywhere)
    print(
        f"ratio: median {np.median(everywhere):.2f}, worst {min(everywhere):.2f}; under 3: {below} of {len(everywhere)}"
    )


def memory(sizes):
    """Peak memory beyond the data."""
    print("\nPeak memory beyond the data, over the size of the data")
    for size in sizes:
        data = draw(size, 1.25, 0)
        tracemalloc.start()
        train(data, penalty=size[2], tolerance=GAP, throw=False)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"d={size[0]} n={size[1]}: {peak / data.inputs.nbytes:.2f}", flush=True)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="the first size, two exponents, two draws")
    parser.add_argument("--only", choices=("times", "large", "memory"))
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    import torch

    torch.set_num_threads(options.threads)
    train(draw((20, 100, 0.1), 1.0, 0), penalty=0.1)  # imports and compiles
    if options.only in (None, "times"):
        if options.quick:
            times(SIZES[:1], (0.75, 1.25), 2)
        else:
            times(SIZES, GAMMAS, options.draws)
    if options.only in (None, "large") and not options.quick:
        times([LARGE], (LARGE_GAMMA,), min(options.draws, LARGE_DRAWS))
    if options.only in (None, "memory"):
        memory(SIZES[:1] if options.quick else [*SIZES, LARGE])


if __name__ == "__main__":
    main()
