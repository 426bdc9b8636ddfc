"""Exponents of deep networks at large dimension, against those of docs/theory.md: every phase that has a power law.

The paths are those of ``shallows phases --exponents``, placed by the borders that a penalty of modes to the power ``q``
has; they were fixed before the first run. Prints one line for each, and the constant that phase V tends to.
"""

from __future__ import annotations

import sys

from shallows import PowerLaw, Problem
from shallows.networks import network_named
from shallows.scaling.table_of_exponents import format_table, measure, paths_of
from shallows.state_evolution import solve

#: Decay exponents of the teacher, and depths beyond the paper's.
GAMMAS = (0.75, 1.0, 1.25, 1.5, 2.0)
DEPTHS = {"quadratic": (2, 3, 4), "diagonal": (3, 4)}


def constants(name: str) -> list[str]:
    """Risk over noise deep in phase V, as the dimension grows, beside ``2 (1/q - 1)``."""
    network = network_named(name)
    expected = 2 * (1 / network.penalty_power - 1)
    lines = []
    for dim in (1e6, 1e9, 1e12):
        samples = dim**0.5 * network.samples_per_effective(dim)
        point = solve(Problem(name, PowerLaw(dim, 1.5), samples, noise=1e4), weight_decay=0.0)
        ratio = network.risk_per_error * point.estimation_error / 1e4
        lines.append(
            f"{name}: d = {dim:g}, n_eff = sqrt(d): risk/noise {ratio:.4f}, expected {expected:.4f} for large d"
        )
    return lines


def main(families: list[str]) -> None:
    """Measure the depths of the families named."""
    for family in families or list(DEPTHS):
        for depth in DEPTHS[family]:
            name = f"{family}:depth={depth}"
            rows = [measure(path) for gamma in GAMMAS for path in paths_of(network_named(name), gamma)]
            rows.sort(key=lambda row: (row.path.phase, row.path.variable, row.path.gamma))
            print(format_table(rows), *constants(name), "", sep="\n", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
