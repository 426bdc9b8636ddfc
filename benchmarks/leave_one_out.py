"""Leave-one-out against brute force, and the noise variance against the truth: medians and worst over draws.

    ./run bench leave_one_out [--seeds 10] [--part rows|noise|cover]

`rows`: every row left out by training again without it (the same solver, from scratch, to a gap of 1e-9), over what
`leave_one_out` says. On drawn worlds with few and many rows, white and correlated columns, and on tables of
scikit-learn. `formula` is the approximate leave-one-out alone, `residual/(1 - leverage)`.

`cover`: how often the 90 % interval of the leave-one-out error holds the true test error of the same fit.

`noise`: `noise_variance` over the true one on 24 worlds a size, beside its two routes and the universal scaled LASSO.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import Lasso

from shallows import leave_one_out, noise_variance, train

DESIGNS, NOISE = ("white", "neighbours", "factor"), 0.5
#: Network, rows, columns, strength: the bound over the one that silences (diagonal), or `pen`.
WORLDS = [
    ("diagonal", 60, 200, 0.1),
    ("diagonal", 60, 200, 0.02),
    ("diagonal", 100, 100, 0.05),
    ("diagonal", 200, 50, 0.02),
    ("quadratic", 100, 10, 0.2),
    ("quadratic", 300, 10, 0.1),
]


def inputs_of(design, rng, n, d):
    """Columns of unit variance, and their covariance."""
    z = rng.standard_normal((n, d))
    if design == "neighbours":
        covariance = 0.6 ** np.abs(np.subtract.outer(np.arange(d), np.arange(d)))
    elif design == "factor":
        covariance = 0.7 * np.eye(d) + 0.3
    else:
        return z, np.eye(d)
    return z @ np.linalg.cholesky(covariance).T, covariance


def teacher(kind, rng, d):
    values = np.zeros(d)
    if kind == "sparse":
        values[:10] = 1.0
    elif kind != "nothing":
        values = np.arange(1, d + 1.0) ** -float(kind)
    return rng.permutation(values) * rng.choice([-1, 1], d)


def world(network, design, n, d, seed):
    """Inputs, labels, and what a fit's test error is on new rows of the same world."""
    rng = np.random.default_rng([seed, n, d, DESIGNS.index(design)])
    x, covariance = inputs_of(design, rng, n, d)
    noise = np.sqrt(NOISE) * rng.standard_normal(n)
    if network == "diagonal":
        theta = teacher("1", rng, d)
        theta /= np.sqrt(theta @ covariance @ theta)
        return x, x @ theta + noise, lambda w: NOISE + (w - theta) @ covariance @ (w - theta)
    truth = np.diag(np.arange(1, d + 1.0) ** -1.25)
    truth *= np.sqrt(d / np.square(truth).sum())
    root = np.sqrt(d)

    def output(rows, matrix):
        return (np.einsum("ij,jk,ik->i", rows, matrix, rows) - np.trace(matrix)) / root

    def error(weights):
        off = weights.matrix() - truth
        moved = off @ covariance
        return NOISE + 2 * np.trace(moved @ moved) / d + ((np.trace(moved) - np.trace(off)) / root) ** 2

    return x, output(x, truth) + noise, error


def strength_of(network, x, y, share):
    if network == "diagonal":
        return {"weight_decay": share * np.abs(x.T @ y).max() / np.sqrt(x.shape[1])}
    return {"penalty": share}


def brute_force(network, x, y, how, operator_for):
    out = np.empty(y.size)
    for row in range(y.size):
        others = np.arange(y.size) != row
        fit = train((x[others], y[others]), network=network, tolerance=1e-9, throw=False, **how)
        out[row] = y[row] - operator_for(network, x[[row]]).output(fit.weights)[0]
    return out


def compared(network, x, y, how):
    from shallows.operators import operator_for

    fit = train((x, y), network=network, tolerance=1e-9, throw=False, **how)
    started = time.perf_counter()
    found = leave_one_out(x, y, fit)
    ours = time.perf_counter() - started
    formula = leave_one_out(x, y, fit, exact=False).residuals if fit.train_error > 1e-8 else found.residuals
    started = time.perf_counter()
    truth = brute_force(network, x, y, how, operator_for)
    brute = time.perf_counter() - started
    error = np.square(truth).mean()
    per_row = np.abs(found.residuals - truth) / np.sqrt(error)
    return [
        abs(np.square(found.residuals).mean() / error - 1),
        abs(np.square(formula).mean() / error - 1),
        np.median(per_row),
        per_row.max(),
        found.exact.mean(),
        np.mean(found.changes > 0),
        brute / ours,
    ]


def show(name, rows):
    rows = np.array(rows)
    both = "".join(f"{np.median(rows[:, k]):>11.1e}{rows[:, k].max():>9.0e}" for k in range(4))
    print(
        f"{name:<34}{both}{np.median(rows[:, 4]):>7.2f}{np.median(rows[:, 5]):>9.2f}{np.median(rows[:, 6]):>7.0f}x",
        flush=True,
    )


def part_rows(seeds):
    print(
        "Relative error of the leave-one-out error (ours, formula), and of rows over its root (median row, worst row);"
    )
    print("each median and worst over draws; rows exact; rows whose support changes; brute force's time over ours")
    for network, n, d, share in WORLDS:
        for design in DESIGNS if network == "diagonal" else DESIGNS[::2]:
            rows = []
            for seed in range(seeds):
                x, y, _ = world(network, design, n, d, seed)
                rows.append(compared(network, x, y, strength_of(network, x, y, share)))
            show(f"{network} {n} x {d}, {share:g}, {design}", rows)
    for name, load in (("diabetes", load_diabetes), ("breast cancer", load_breast_cancer)):
        x, y = load(return_X_y=True)
        x, y = (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()
        for share in (0.1, 0.01):
            show(f"diagonal {name}, {share:g}", [compared("diagonal", x, y, strength_of("diagonal", x, y, share))])
        if x.shape[1] <= 10:
            show(f"quadratic {name}, 0.2", [compared("quadratic", x, y, {"penalty": 0.2})])


def part_cover(seeds):
    print("\nShare of the 90 % intervals that hold the true test error; median of leave-one-out over it")
    for network, n, d, share in WORLDS:
        for design in DESIGNS if network == "diagonal" else DESIGNS[::2]:
            held, ratio = [], []
            for seed in range(100, 100 + 4 * seeds):
                x, y, error = world(network, design, n, d, seed)
                fit = train((x, y), network=network, throw=False, **strength_of(network, x, y, share))
                found = leave_one_out(x, y, fit).test_error
                held.append(found.covers(error(fit.weights)))
                ratio.append(found.value / error(fit.weights))
            print(
                f"{network} {n} x {d}, {share:g}, {design:<12}{np.mean(held):>8.2f}{np.median(ratio):>8.3f}", flush=True
            )


def scaled_lasso(x, y):
    """Sun and Zhang (2012), at the universal penalty."""
    n, d = x.shape
    model, level = Lasso(warm_start=True, fit_intercept=False, max_iter=5000), np.std(y)
    for _ in range(30):
        model.alpha = np.sqrt(2 * np.log(d) / n) * level
        model.fit(x, y)
        level, last = np.sqrt(np.square(y - x @ model.coef_).mean()), level
        if abs(level - last) < 1e-4 * last:
            break
    return level**2


def part_noise(seeds):
    print(
        "\nNoise variance over the true one: root mean square error over draws (mean of the worlds, and worst world);"
    )
    print("range of the medians")
    for n, d in [(100, 200), (150, 150), (200, 500), (100, 1000), (300, 200)]:
        found = []
        for design in DESIGNS:
            for kind in ("sparse", "1", "0.6", "nothing"):
                for tail in ("normal", "t"):
                    found.append(draws_of_noise(n, d, design, kind, tail, seeds))
        for place, name in enumerate(("noise_variance", "LASSO", "variance components", "scaled LASSO")):
            values = np.array([draws[:, place] for draws in found]) / NOISE
            if np.isnan(values).all():
                continue
            rms, medians = np.sqrt(np.square(values - 1).mean(axis=1)), np.median(values, axis=1)
            spread = f"{rms.mean():>8.2f}{rms.max():>8.2f}{medians.min():>8.2f} to {medians.max():.2f}"
            print(f"{n} x {d}  {name:<20}{spread}", flush=True)


def draws_of_noise(n, d, design, kind, tail, seeds):
    out = []
    for seed in range(1000, 1000 + seeds):
        names = [DESIGNS.index(design), ("sparse", "1", "0.6", "nothing").index(kind), tail == "t"]
        rng = np.random.default_rng([seed, n, d, *map(int, names)])
        x, covariance = inputs_of(design, rng, n, d)
        theta = teacher(kind, rng, d)
        theta /= np.sqrt(theta @ covariance @ theta) or 1.0
        noise = rng.standard_normal(n) if tail == "normal" else rng.standard_t(4, n) / np.sqrt(2)
        y = x @ theta + np.sqrt(NOISE) * noise
        found = noise_variance(x, y)
        routes = [found.routes.get(name, np.nan) for name in ("LASSO", "variance components")]
        out.append([found.value, *routes, scaled_lasso(x, y)])
    return np.array(out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--part", choices=["rows", "cover", "noise"])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for name, part in (("rows", part_rows), ("cover", part_cover), ("noise", part_noise)):
        if arguments.part in (None, name):
            part(arguments.seeds)
