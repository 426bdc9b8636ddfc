"""Is noise called noise, are planted directions found, and do the intervals of a weight spectrum hold?

    ./run bench diagnosis_calibration [quick|full] [--only noise|planted|tails]

Noise of several laws and shapes: the share of matrices with an outlier, and how the p-values of the edge and of the
test of fit are distributed. One planted direction at 1.0 to 2.0 times the threshold: found, with others beside it,
strength within its interval. Power laws of planted strengths, with noise and without: exponent within its interval.
"""

from __future__ import annotations

import argparse
import os
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
from scipy.stats import kstest

from shallows.diagnosis import analyse_matrix

#: Entries of each law, for a shape and a generator.
LAWS = {
    "Gaussian": lambda shape, rng: rng.standard_normal(shape),
    "uniform": lambda shape, rng: rng.uniform(-1, 1, shape) / np.sqrt(shape[1]),  # PyTorch's default of linear layers
    "t5": lambda shape, rng: rng.standard_t(5, shape),
    "sparse 10 %": lambda shape, rng: rng.standard_normal(shape) * (rng.random(shape) < 0.1),
    "sparse 2 %": lambda shape, rng: rng.standard_normal(shape) * (rng.random(shape) < 0.02),
    "half precision": lambda shape, rng: (0.02 * rng.standard_normal(shape)).astype(np.float16),
    "orthogonal": lambda shape, rng: orthogonal(shape, rng),
    "uneven rows": lambda shape, rng: rng.standard_normal(shape) * np.exp(0.5 * rng.standard_normal((shape[0], 1))),
}
SHAPES = {
    "quick": {(64, 64): 100, (256, 64): 50, (256, 256): 10, (384, 1536): 2},
    "full": {
        (64, 64): 200,
        (64, 256): 200,
        (256, 256): 200,
        (384, 1536): 60,
        (1024, 1024): 20,
        (4096, 1024): 10,
    },
}


def orthogonal(shape, rng):
    tall = np.linalg.qr(rng.standard_normal(sorted(shape)[::-1]))[0]
    return tall if tall.shape == shape else tall.T


def direction(size, rng):
    vector = rng.standard_normal(size)
    return vector / np.linalg.norm(vector)


def uniform(p_values):
    """How p-values are distributed, in words."""
    p = np.array(p_values)
    below = ", ".join(f"{np.mean(p < level):.3f} below {level}" for level in (0.01, 0.05, 0.5))
    return f"{below} (KS {kstest(p, 'uniform').pvalue:.2f})"


def first_p_value(one):
    """Of the largest singular value."""
    return one.outliers[0].p_value if one.outliers else one.edge_p_value


def noise(size):
    print(f"{'noise':15s} {'shape':>11s}  draws  outliers  p-values of the edge; of the test of fit; seconds")
    for law, draw in LAWS.items():
        for shape, draws in SHAPES[size].items():
            began, found = time.process_time(), []
            for seed in range(draws):
                found.append(analyse_matrix(draw(shape, np.random.default_rng([seed, *shape]))))
            seconds = (time.process_time() - began) / draws
            false = np.mean([len(one.outliers) > 0 for one in found])
            line = f"{law:15s} {shape[0]:5d}x{shape[1]:<5d} {draws:5d}  {false:8.3f}"
            if all(one.bulk is not None and one.bulk.law == "orthogonal" for one in found):
                print(f"{line}  all orthogonal; {seconds:.3f}", flush=True)
                continue
            edge = [first_p_value(one) for one in found if one.bulk is not None]
            fit = [one.bulk.p_value for one in found if one.bulk is not None]
            print(f"{line}  {uniform(edge)}; {uniform(fit)}; {seconds:.3f}", flush=True)


def planted(size):
    draws = {"quick": 60, "full": 400}[size]
    print("planted      times  found  false  interval holds  overlaps: estimated, true (left; right)")
    for shape in ((300, 300), (150, 300), (300, 100)):
        for times in (1.0, 1.2, 1.4, 1.6, 2.0, 4.0):
            found, false, holds, overlap = 0, 0, [], []
            for seed in range(draws):
                rng = np.random.default_rng([seed, *shape, int(10 * times)])
                left, right = direction(shape[0], rng), direction(shape[1], rng)
                strength = 0.05 * times * (shape[0] * shape[1]) ** 0.25
                matrix = 0.05 * rng.standard_normal(shape) + strength * np.outer(left, right)
                seen = analyse_matrix(matrix).outliers
                false += len(seen) > 1
                if seen:
                    found += 1
                    low, high = seen[0].strength_interval
                    holds.append(low <= strength <= high)
                    first, _, second = np.linalg.svd(matrix, full_matrices=False)
                    true = (first[:, 0] @ left) ** 2, (second[0] @ right) ** 2
                    overlap.append((seen[0].left_overlap, true[0], seen[0].right_overlap, true[1]))
            held = f"{np.mean(holds):.3f}" if holds else "-"
            means = np.mean(overlap, axis=0) if overlap else np.full(4, np.nan)
            print(
                f"{shape[0]:5d}x{shape[1]:<5d} {times:5.1f}  {found / draws:.3f}  {false / draws:.3f}  {held:>14s}  "
                f"{means[0]:.3f}, {means[1]:.3f}; {means[2]:.3f}, {means[3]:.3f}",
                flush=True,
            )


def tails(size):
    draws = {"quick": 40, "full": 300}[size]
    print("power law of planted squares       alpha  tails  interval holds  median width  goodness of fit")
    for count, shape, with_noise in ((100, (100, 200), False), (400, (400, 600), False), (80, (400, 600), True)):
        for alpha in (2.0, 3.0):
            seen, holds, widths, p_values = 0, [], [], []
            for seed in range(draws):
                rng = np.random.default_rng([seed, count, int(10 * alpha)])
                squares = rng.uniform(size=count) ** (-1 / (alpha - 1))
                left = np.linalg.qr(rng.standard_normal((shape[0], count)))[0]
                right = np.linalg.qr(rng.standard_normal((shape[1], count)))[0]
                matrix = (left * np.sqrt(squares)) @ right.T
                if with_noise:
                    matrix = matrix + 0.7 / (shape[0] * shape[1]) ** 0.25 * rng.standard_normal(shape)
                tail = analyse_matrix(matrix, seed=seed).tail
                if tail is not None:
                    seen += 1
                    holds.append(tail.interval[0] <= alpha <= tail.interval[1])
                    widths.append(tail.interval[1] - tail.interval[0])
                    p_values.append(tail.p_value)
            label = f"{count} in {shape[0]}x{shape[1]}, {'noise' if with_noise else 'no noise'}"
            rest = f"{np.mean(holds):14.3f}  {np.median(widths):12.2f}  {uniform(p_values)}" if holds else ""
            print(f"{label:34s} {alpha:5.1f}  {seen / draws:5.2f}  {rest}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", nargs="?", choices=["quick", "full"], default="quick")
    parts = {"noise": noise, "planted": planted, "tails": tails}
    parser.add_argument("--only", choices=list(parts))
    given = parser.parse_args()
    for name, part in parts.items():
        if given.only in (None, name):
            part(given.size)


if __name__ == "__main__":
    main()
