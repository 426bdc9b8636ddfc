"""Does `compare_networks` choose the right network? On worlds of which it is known, several seeds each.

    ./run bench which_network [--seeds 10]

`linear`: a power law of weights, which the diagonal network holds. `square`: a positive quadratic form of rank 3.
`both`: as much of the one as of the other, where no network alone is right. `mostly linear`: a tenth of the variance is
square. `noise`: nothing to describe. Signals have variance 1, noise 0.5.
"""

import argparse
import time
import warnings

import numpy as np

from shallows.estimators import AssumptionWarning, compare_networks

SIZES = [(150, 10), (400, 20)]
WORLDS = ("linear", "square", "both", "mostly linear", "noise")


def world(name, rows, columns, seed):
    rng = np.random.default_rng([seed, rows, WORLDS.index(name)])
    inputs = rng.standard_normal((rows, columns))
    weights = rng.permutation(np.arange(1, columns + 1.0) ** -1) * rng.choice([-1, 1], columns)
    linear = inputs @ weights / np.linalg.norm(weights)
    factor = rng.standard_normal((3, columns))
    form = factor.T @ factor
    square = (np.einsum("ij,jk,ik->i", inputs, form, inputs) - np.trace(form)) / np.sqrt(2 * np.square(form).sum())
    shares = {"linear": (1, 0), "square": (0, 1), "both": (0.5, 0.5), "mostly linear": (0.9, 0.1), "noise": (0, 0)}
    first, second = np.sqrt(shares[name])
    return inputs, first * linear + second * square + np.sqrt(0.5) * rng.standard_normal(rows)


def main(seeds, sizes):
    heads = ("diagonal", "quadratic", "decided", "more than one", "nothing", "seconds")
    print(f"{'n':>5}{'d':>4}  {'world':<14}" + "".join(f"{column:>15}" for column in heads))

    for rows, columns in sizes:
        for name in WORLDS:
            counts = dict.fromkeys(("diagonal", "quadratic", "decided", "more", "nothing"), 0)
            seconds = []
            for seed in range(seeds):
                started = time.perf_counter()
                found = compare_networks(*world(name, rows, columns, seed))
                seconds.append(time.perf_counter() - started)
                counts[found.chosen] += 1
                nothing = "mean label" in found.verdict
                counts["decided"] += found.decided and not nothing
                counts["more"] += "No network alone" in found.verdict
                counts["nothing"] += nothing
            shown = "".join(f"{count:>15}" for count in counts.values())
            print(f"{rows:>5}{columns:>4}  {name:<14}{shown}{np.median(seconds):>15.1f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--small", action="store_true", help="the smaller size only")
    warnings.simplefilter("ignore", AssumptionWarning)
    arguments = parser.parse_args()
    main(arguments.seeds, SIZES[:1] if arguments.small else SIZES)
