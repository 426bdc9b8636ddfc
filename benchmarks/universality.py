"""Universality: what networks trained on inputs that are not Gaussian come to, over what theory says of Gaussian ones.

Run: ./run bench universality [SEEDS] [NETWORK [DESIGN...]]
Every design in three phases, the settings chosen before any of them was run; mean over data sets of measured excess
risk, on new inputs of the same law, over the predicted one of the Gaussian design with the same covariance, with its
standard error. The first row is Gaussian: how far it is from one is finite size, not universality.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
from sklearn.datasets import load_digits

from shallows import Dataset, Fit, GaussianDesign, PowerLaw, Problem, predict, sample, train
from shallows.designs import (
    CommonMean,
    Design,
    Isotropic,
    Laplace,
    Orthogonal,
    Rademacher,
    Rows,
    Sparse,
    StudentT,
    Uniform,
)
from shallows.operators import operator_for

#: New inputs that a risk is measured on.
FRESH = 20_000
#: Dimension, exponent of the teacher, noise; then samples and weight decay in three phases: over-regularised with
#: outliers only (II), few samples and weak weight decay (V), many samples and weak weight decay (VI).
SETTINGS = {
    "diagonal": (400, 1.0, 0.5, {"II": (300, 1.0), "V": (200, 0.01), "VI": (1600, 0.1)}),
    "quadratic": (60, 1.25, 0.3, {"II": (2400, 2.0), "V": (480, 0.02), "VI": (3600, 0.02)}),
}


def designs() -> list[Design]:
    digits = load_digits().data
    digits = digits[:, digits.std(axis=0) > 0.5]
    return [
        Isotropic(),
        GaussianDesign(0.5),
        Rademacher(),
        Uniform(),
        Laplace(),
        StudentT(5.0),
        StudentT(3.0),
        Sparse(0.1),
        CommonMean(1.0),
        Orthogonal(),
        Rows(digits),
    ]


def own_risk(problem: Problem, fit: Fit, data: Dataset) -> float:
    """Excess risk on new inputs of the same law; of a table, which has no others, on Gaussian ones."""
    if isinstance(problem.design, Rows):
        return fit.excess_risk(data)
    fresh = sample(replace(problem, samples=FRESH, noise=0.0), 10**6)
    operator = operator_for(problem.network, fresh.inputs)
    if fresh.covariance is not None:
        operator = operator.centred(fresh.covariance)
    return float(np.mean((operator.output(fit.weights) - fresh.labels) ** 2))


def ratio(problem: Problem, decay: float, seed: int) -> float:
    """Measured over predicted risk on one data set."""
    data = sample(problem, seed)
    fit = train(data, weight_decay=decay, tolerance=1e-4, throw=False)
    gaussian = replace(problem, design=problem.design.gaussian())
    theory = predict(gaussian, weight_decay=decay, throw=False)
    return own_risk(problem, fit, data) / theory.excess_risk if fit.status.ok and theory.status.ok else np.nan


def main() -> int:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    networks, chosen = sys.argv[2:3] or list(SETTINGS), sys.argv[3:]
    for network in networks:
        dim, gamma, noise, places = SETTINGS[network]
        print(f"\n{network}: d = {dim}, gamma = {gamma}, Delta = {noise}, {seeds} data sets; (n, lam) {places}")
        print(f"{'design':44s}" + "".join(f"{name:>22s}" for name in places), flush=True)
        for design in (each for each in designs() if not chosen or each.kind in chosen):
            columns = design.table.shape[1] if isinstance(design, Rows) else dim
            line = ""
            for samples, decay in places.values():
                n = samples
                if isinstance(
                    design, Rows
                ):  # the same share of the samples that interpolation takes, in other dimensions
                    power = 2 if network == "quadratic" else 1
                    n = round(samples * (columns / dim) ** power)
                    if n > design.table.shape[0]:
                        line += f"{'too few rows':>22s}"
                        continue
                problem = Problem(network, PowerLaw(columns, gamma), n, noise, design=design)
                found = np.array([ratio(problem, decay, seed) for seed in range(seeds)])
                known = found[np.isfinite(found)]
                failed = "" if known.size == found.size else f" ({found.size - known.size} failed)"
                if known.size > 1:
                    error = known.std(ddof=1) / np.sqrt(known.size)
                    line += f"{known.mean():10.3f} +- {error:.3f}{failed}".rjust(22)
                else:
                    line += f"{'not trained':>22s}"
            print(f"{design.describe()[:43]:44s}{line}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
