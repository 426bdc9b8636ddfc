"""The quadratic network's solver against L-BFGS on its weights; see `solvers.py`, which runs this."""

from __future__ import annotations

import contextlib
import time
import tracemalloc

import numpy as np

from shallows import PowerLaw, Problem
from shallows.training import sample, train

GAP = 1e-6
QUADRATIC = [(200, 4000, 0.02), (200, 10000, 0.05), (400, 26515, 0.04)]


def peak_flops(dtype):
    a = np.random.default_rng(0).standard_normal((1500, 1500)).astype(dtype)
    best = min(_timed(lambda: a @ a) for _ in range(4))
    return 2 * 1500**3 / best


class _Reached(Exception):
    pass


def _until(target, factor, solve):
    """Seconds until the objective is within 1e-6 of the target, or until the solver stops, and the distance then."""
    last = []
    began = time.perf_counter()

    def watch(iteration, objective):
        last[:] = [time.perf_counter() - began, objective * factor / target - 1]
        if last[1] <= 1e-6:
            raise _Reached

    with contextlib.suppress(_Reached):
        solve(watch)
    return last


def _timed(f):
    began = time.perf_counter()
    f()
    return time.perf_counter() - began


def quadratic(cases):
    import torch

    torch.set_num_threads(1)
    peak = peak_flops(np.float64)
    print(f"\nQuadratic network; matrix-product peak in float64 {peak / 1e9:.0f} GFLOP/s; seconds")
    print(
        f"{'d':>5} {'n':>7} {'pen':>6} {'to 1e-6':>9} {'L-BFGS f32':>22} {'ratio':>7} {'to gap 1e-6':>12} {'gap':>9} "
        f"{'iterations':>11} {'rank':>5} {'share of peak':>14}"
    )
    for d, n, pen in cases:
        data = sample(Problem("quadratic", PowerLaw(d, 1.25), n, 0.1), 0)
        target = train(data, penalty=pen, tolerance=1e-8, throw=False).objective

        ours = _until(target, 1.0, lambda w, data=data, pen=pen: train(data, penalty=pen, tolerance=1e-12, progress=w))
        total = float(data.labels @ data.labels) / d**2  # theirs is relative to that
        theirs = _until(
            target,
            total,
            lambda w, data=data, pen=pen: train(
                data, penalty=pen, solver="gradient", precision="float32", throw=False, progress=w
            ),
        )
        fit = train(data, penalty=pen, tolerance=GAP)
        rank = fit.weights.rank
        # Per iteration: forward on the factor, adjoint (half a product), eigenvalues left out.
        flops = fit.iterations * (2 * n * d * rank + n * d * d)
        other = f"{theirs[0]:.1f}" + ("" if theirs[1] <= 1e-6 else f" (stopped at {theirs[1]:.0e})")
        print(
            f"{d:>5} {n:>7} {pen:>6g} {ours[0]:>9.2f} {other:>22} {theirs[0] / ours[0]:>7.2f} {fit.seconds:>12.2f} "
            f"{fit.gap:>9.1e} {fit.iterations:>11} {rank:>5} {flops / fit.seconds / peak:>14.2f}",
            flush=True,
        )


def memory(cases):
    print("\nPeak memory beyond the data, over the size of the data")
    for d, n, pen in cases:
        data = sample(Problem("quadratic", PowerLaw(d, 1.25), n, 0.1), 0)
        tracemalloc.start()
        train(data, penalty=pen, tolerance=1e-2, throw=False)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"d={d} n={n}: {peak / data.inputs.nbytes:.2f} (total {1 + peak / data.inputs.nbytes:.2f})", flush=True)
