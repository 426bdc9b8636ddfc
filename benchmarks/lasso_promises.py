"""No LASSO fit that says `converged` is further from the minimum than was asked: random hard problems, counted.

    python benchmarks/lasso_promises.py [--problems 2000] [--seed 0]

Each problem draws a design that makes it hard, sizes from 2 to 70 (one in twelve up to 300 x 600), a penalty from 1e-9
of the one that silences every weight to beyond it, labels, units, a tolerance from 1e-2 to 1e-10, a solver and an order
in memory. The relative duality gap of what comes back is computed anew in extended precision, from the data alone:

    converged   the fit said so, and that gap is at most the tolerance,
    false       the fit said so, and it is not,
    honest      the fit said that it did not converge ("of auto": with the default solver, not AMP alone or without it).

Prints one line for each design and ends with status 1 if anything is false. `nuclear_promises.py` does the same for the
quadratic network.
"""

from __future__ import annotations

import argparse
import collections
import os
import sys
import time

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np

from shallows.training import train


def spread(rng, low, high, size=None):
    """Numbers whose logarithm is uniform."""
    return 10.0 ** rng.uniform(low, high, size)


def low_rank(rng, n, d):
    rank = int(rng.integers(1, max(2, min(n, d) // 2 + 1)))
    return rng.standard_normal((n, rank)) @ rng.standard_normal((rank, d))


def constant(rng, n, d):
    x = rng.standard_normal((n, d))
    chosen = rng.random(d) < 0.4
    x[:, chosen] = np.where(rng.random(chosen.sum()) < 0.3, 0.0, spread(rng, -3, 3, chosen.sum()))
    if not x.any():
        x[:, 0] = 1.0
    return x


def duplicated(rng, n, d):
    x = rng.standard_normal((n, -(-d // 2)))
    return np.repeat(x, 2, axis=1)[:, :d] * rng.choice([-1.0, 1.0], d)


def ill_conditioned(rng, n, d):
    left, _ = np.linalg.qr(rng.standard_normal((n, min(n, d))))
    right, _ = np.linalg.qr(rng.standard_normal((d, min(n, d))))
    return left * np.geomspace(1, spread(rng, -9, -3), min(n, d)) @ right.T * np.sqrt(n)


#: Inputs of shape (n, d), by what is hard about them.
DESIGNS = {
    "gaussian": lambda rng, n, d: rng.standard_normal((n, d)),
    "duplicated columns": duplicated,
    "near duplicates": lambda rng, n, d: duplicated(rng, n, d) + spread(rng, -9, -2) * rng.standard_normal((n, d)),
    "heavy tails": lambda rng, n, d: rng.standard_t(1.2, (n, d)),
    "scales": lambda rng, n, d: rng.standard_normal((n, d)) * 10.0 ** rng.integers(-6, 7, d),
    "common mean": lambda rng, n, d: rng.standard_normal((n, d)) + spread(rng, 0, 3.5),
    "random walk": lambda rng, n, d: np.cumsum(rng.standard_normal((n, d)), axis=1),
    "low rank": low_rank,
    "constant columns": constant,
    "ill-conditioned": ill_conditioned,
    "few values": lambda rng, n, d: rng.integers(-1, 2, (n, d)).astype(float) + (rng.random() < 0.5),
}


def sizes(rng):
    """Rows and columns: fewer, more, or as many."""
    mid = rng.random() < 1 / 12
    n, d = (int(v) for v in (rng.integers(50, (301, 601)) if mid else rng.integers(2, 71, 2)))
    return (n, n) if rng.random() < 0.15 else (n, d)


def draw(rng, kind):
    """One problem: inputs, labels, the weight decay, and how it is to be solved."""
    n, d = sizes(rng)
    x = DESIGNS[kind](rng, n, d)
    signal = x @ (rng.standard_normal(d) * (rng.random(d) < 0.3))
    noise = rng.standard_t(1.5, n) if rng.random() < 0.2 else rng.standard_normal(n)
    y = signal + spread(rng, -3, 1) * (signal.std() + 1e-3) * noise
    x, y = x * spread(rng, -6, 6), y * spread(rng, -6, 6)
    if rng.random() < 0.3:
        x = np.asfortranarray(x)
    # half of the penalties lie next to interpolation
    low, high = (-9, -3) if rng.random() < 0.5 else (-3, 0.1)
    weight_decay = spread(rng, low, high) * np.abs(x.T @ y).max() / np.sqrt(d)
    settings = {"tolerance": spread(rng, -10, -2), "solver": str(rng.choice(["auto"] * 8 + ["convex", "amp"]))}
    return x, y, float(weight_decay), settings


def true_gap(x, y, theta, bound):
    """Relative duality gap in extended precision, from the data alone."""
    x, y, theta = (np.asarray(a, dtype=np.longdouble) for a in (x, y, theta))
    bound = np.longdouble(bound)
    miss = y - x @ theta
    primal = miss @ miss / 2 + bound * np.abs(theta).sum()
    largest, square = np.abs(x.T @ miss).max(), miss @ miss
    if square == 0:
        return 1.0 if primal > 0 else 0.0
    scale = min((miss @ y) / square, bound / largest) if largest > 0 else (miss @ y) / square
    return float((primal - (scale * (miss @ y) - scale**2 * square / 2)) / primal)


def outcome(x, y, weight_decay, settings):
    """``converged``, ``false`` or ``honest``; the fit, and the true gap."""
    fit = train((x, y), network="diagonal", weight_decay=weight_decay, throw=False, **settings)
    # the bound as the solver makes it from the weight decay: the problem is the one that was asked
    truth = true_gap(x, y, fit.weights, weight_decay * np.sqrt(x.shape[1]))
    if not fit.status.ok:
        return "honest", fit, truth
    return ("converged" if truth <= settings["tolerance"] else "false"), fit, truth


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    counts = {kind: collections.Counter() for kind in DESIGNS}
    closest, kinds, began = dict.fromkeys(DESIGNS, 0.0), list(DESIGNS), time.perf_counter()
    for number in range(options.problems):
        kind = kinds[number % len(kinds)]
        problem = draw(np.random.default_rng([options.seed, number]), kind)
        verdict, fit, truth = outcome(*problem)
        counts[kind][verdict] += 1
        counts[kind]["of auto"] += verdict == "honest" and problem[-1]["solver"] == "auto"
        if verdict != "honest":
            closest[kind] = max(closest[kind], truth / problem[-1]["tolerance"])
        if verdict == "false":
            print(
                f"false: problem {number}, {kind}, {problem[0].shape}, {problem[-1]}, gap {fit.gap:.3e}, is {truth:.3e}"
            )
    columns = ("converged", "honest", "of auto", "false")
    print(f"{'design':>20}", *(f"{c:>9}" for c in columns), "  largest true gap / tolerance of a converged fit")
    for kind, found in counts.items():
        print(f"{kind:>20}", *(f"{found[c]:>9}" for c in columns), f"  {closest[kind]:.3f}")
    total = sum(counts.values(), collections.Counter())
    print(f"{'all':>20}", *(f"{total[c]:>9}" for c in columns))
    shares = ", ".join(f"{name} {total[name] / options.problems:.2%}" for name in columns)
    print(f"{shares} of {options.problems} problems in {time.perf_counter() - began:.0f} s")
    return 1 if total["false"] else 0


if __name__ == "__main__":
    sys.exit(main())
