"""A family of predictions in a grid, from which a page without a server interpolates; and by how much it is wrong.

Samples, weight decay, the teacher's exponent and the label noise change along the grid; the rest stays.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .._numbers import number
from ..errors import InvalidArgument
from ..phases import PHASES
from ..phases_with_covariance import COVARIANCE_PHASES
from ..prediction import predict
from ..spectra import has_law, learned_law
from ..state_evolution import bayes_optimal, solve
from ..teachers import PowerLaw
from .answers import density_by_size, sight
from .boundaries import phase_map

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from ..problems import Problem
    from .views import View

    Progress = Callable[[str, int, int], None]

#: Ranges of the teacher's exponent and of the noise.
GAMMA, NOISE = (0.75, 2.0), (0.01, 1.0)
#: Extra numbers of samples on either side of interpolation, where the risk has its peak: logarithms of ratios.
AROUND_PEAK = (0.03, 0.09, 0.17, 0.28)
#: What is kept at every point of the grid, by its logarithm; and at every other one along samples and weight decay.
FIELDS = ("excess_risk", "train_error", "noise_scale", "threshold")
PARTS = ("overfitting", "underfitting", "approximation")
SHARES = (*PARTS, "mass_at_zero", "count", "edge")
#: Samples at which the Bayes-optimal risk is computed.
BAYES = 33
#: Sizes, in units of the noise scale, at which laws of the weights are kept; learned modes of each.
LAW_SIZES = (0.01, 8.0)
#: Thresholds over the noise scale beyond which nothing of a law changes.
LAW_RATIOS = (0.02, 12.0)
#: Seed of the settings at which the error is measured.
PROBE_SEED = 1
#: Of the errors: the usual one, the largest but for five in a hundred, the worst.
QUANTILES = (0.5, 0.95, 1.0)


@dataclass(frozen=True)
class Resolution:
    """How fine a grid is.

    Attributes
    ----------
    samples, weight_decays, gammas, noises : int
        Values along each direction.
    laws : (int, int)
        Noise scales, and thresholds over them, at which the laws of the weights are kept.
    points, modes : int
        Sizes and learned modes of each law.
    maps : int
        Teacher's exponents for which phases are drawn.
    probes : int
        Settings at which the error is measured.
    """

    samples: int = 41
    weight_decays: int = 29
    gammas: int = 7
    noises: int = 5
    laws: tuple[int, int] = (13, 15)
    points: int = 72
    modes: int = 40
    maps: int = 26
    probes: int = 200


@dataclass
class Grid:
    """Predictions of a family of problems.

    Attributes
    ----------
    problem : Problem
        Of which samples, exponent and noise are replaced.
    resolution : Resolution
    values : dict of ndarray, shape (samples, weight decays, exponents, noises)
        One for each of :data:`FIELDS`, nan where there is no solution; of :data:`SHARES` at every other sample and
        weight decay.
    """

    problem: Problem
    resolution: Resolution
    values: dict[str, FloatArray] = field(default_factory=dict)

    @cached_property
    def axes(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Samples, weight decays, exponents of the teacher, noises."""
        size, (samples, decays) = self.resolution, sight(self.problem)
        even = np.geomspace(*samples, size.samples)
        architecture, dim = self.problem.architecture, self.problem.dim
        peak = architecture.interpolation_samples(dim) * architecture.samples_per_effective(dim)
        extra = [peak * math.exp(sign * ratio) for ratio in AROUND_PEAK for sign in (-1, 1)] + [peak]
        near = [n for n in extra if samples[0] < n < samples[1]]
        far = even[[all(abs(math.log(n / m)) > AROUND_PEAK[0] for m in near) for n in even]]
        return (
            np.sort(np.concatenate([far, near])),
            np.geomspace(*decays, size.weight_decays),
            np.linspace(*GAMMA, size.gammas),
            np.geomspace(*NOISE, size.noises),
        )

    def at(self, samples: float, gamma: float, noise: float) -> Problem:
        """One problem of the family."""
        teacher = PowerLaw(self.problem.dim, gamma, self.problem.teacher.energy)  # type: ignore[attr-defined]
        return replace(self.problem, teacher=teacher, samples=samples, noise=noise)

    def fill(self, progress: Progress) -> None:
        """Solve at every point."""
        samples, decays, gammas, noises = self.axes
        shape = tuple(axis.size for axis in self.axes)
        coarse = (len(samples[::2]), len(decays[::2]), *shape[2:])
        for names, size in ((FIELDS, shape), (SHARES, coarse)):
            self.values |= {name: np.full(size, np.nan) for name in names}
        total = gammas.size * noises.size * samples.size
        known = has_law(self.problem)
        for g, gamma in enumerate(gammas):
            for m, noise in enumerate(noises):
                for i, n in enumerate(samples):
                    progress("solving", (g * noises.size + m) * samples.size + i, total)
                    problem = self.at(float(n), float(gamma), float(noise))
                    for j, decay in enumerate(decays):
                        self._solve(problem, float(decay), (i, j, g, m), known and i % 2 == j % 2 == 0)
        progress("solving", total, total)

    def _solve(self, problem: Problem, decay: float, place: tuple[int, int, int, int], shares: bool) -> None:
        point = solve(problem, weight_decay=decay)
        if not point.status.ok:
            return
        risk = problem.architecture.risk_per_error * point.estimation_error
        error = point.slack**2 * (problem.noise + risk)
        for name, value in zip(FIELDS, (risk, error, point.noise_scale, point.threshold), strict=True):
            self.values[name][place] = value
        if not shares or risk <= 0:
            return
        law = learned_law(problem, point.noise_scale, point.threshold)
        parts = law.decomposition().to_dict()
        i, j, g, m = place
        found = {name: parts[name] / risk for name in PARTS} | {"mass_at_zero": law.mass_at_zero}
        found |= {"count": law.outlier_count, "edge": law.bulk[1] / point.noise_scale if law.bulk else 0.0}
        for name, value in found.items():
            self.values[name][i // 2, j // 2, g, m] = value

    def read(self, name: str, samples: float, weight_decay: float, gamma: float, noise: float) -> float:
        """A value between the points of the grid, as the page finds it: by cubics along every direction."""
        axes = self.axes if name in FIELDS else (self.axes[0][::2], self.axes[1][::2], *self.axes[2:])
        place = (math.log(samples), math.log(weight_decay), gamma, math.log(noise))
        found = np.log(self.values[name]) if name in FIELDS else self.values[name]
        for axis, at, is_log in zip(axes, place, (True, True, False, True), strict=True):
            first, weights = cubic(np.log(axis) if is_log else axis, at)
            found = np.tensordot(weights, found[first : first + weights.size], axes=(0, 0))
        return float(np.exp(found) if name in FIELDS else found)

    def errors(self, bayes: FloatArray, progress: Progress) -> dict[str, FloatArray]:
        """How wrong the page is at settings drawn anywhere within the grid, without those not solved.

        Relative errors of the excess risk and of the Bayes-optimal one, and the largest error of a part of the risk,
        as a share of it.
        """
        generator = np.random.default_rng(PROBE_SEED)
        found: dict[str, list[float]] = {"excess_risk": [], "bayes_risk": [], "parts": []}
        for k in range(self.resolution.probes):
            progress("measuring the error", k, self.resolution.probes)
            u = generator.random(4)
            n, decay = (axis[0] * (axis[-1] / axis[0]) ** share for axis, share in zip(self.axes[:2], u, strict=False))
            gamma = GAMMA[0] + (GAMMA[1] - GAMMA[0]) * u[2]
            noise = NOISE[0] * (NOISE[1] / NOISE[0]) ** u[3]
            exact = predict(self.at(n, gamma, noise), weight_decay=decay, throw=False)
            read = self.read("excess_risk", n, decay, gamma, noise)
            if not exact.status.ok or not math.isfinite(read):
                continue
            found["excess_risk"].append(abs(read / exact.excess_risk - 1))
            best = self.read_bayes(bayes, n, gamma, noise)
            if exact.bayes.status.ok and math.isfinite(best):
                found["bayes_risk"].append(abs(best / exact.bayes.excess_risk - 1))
            shares = [self.read(name, n, decay, gamma, noise) for name in PARTS]
            if np.isfinite(shares).all():
                parts = exact.decomposition.to_dict()
                away = [abs(share - parts[name] / exact.excess_risk) for name, share in zip(PARTS, shares, strict=True)]
                found["parts"].append(max(away))
        return {name: np.array(values) for name, values in found.items()}

    @cached_property
    def bayes_samples(self) -> FloatArray:
        """Samples at which the Bayes-optimal risk is kept."""
        return np.geomspace(*sight(self.problem)[0], BAYES)

    def read_bayes(self, bayes: FloatArray, samples: float, gamma: float, noise: float) -> float:
        """The Bayes-optimal risk between the points of the grid, as the page finds it."""
        found = np.log(bayes)
        axes = (np.log(self.bayes_samples), self.axes[2], np.log(self.axes[3]))
        for axis, at in zip(axes, (math.log(samples), gamma, math.log(noise)), strict=True):
            first, weights = cubic(axis, at)
            found = np.tensordot(weights, found[first : first + weights.size], axes=(0, 0))
        return float(np.exp(found))


def cubic(axis: FloatArray, at: float) -> tuple[int, FloatArray]:
    """First of the four points around `at`, and their weights in the cubic through them.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.explore.grids import cubic
    >>> axis = np.array([0.0, 1.0, 2.5, 3.0, 4.0])
    >>> first, weights = cubic(axis, 2.7)
    >>> first, round(float(weights @ axis[first : first + 4] ** 3), 9) == round(2.7**3, 9)
    (1, True)
    """
    count = min(4, axis.size)
    cell = int(np.clip(np.searchsorted(axis, at) - 1, 0, axis.size - 2))
    first = int(np.clip(cell - 1, 0, axis.size - count))
    nodes = axis[first : first + count]
    weights = [math.prod((at - b) / (a - b) for k, b in enumerate(nodes) if k != i) for i, a in enumerate(nodes)]
    return first, np.array(weights)


def family_grid(
    view: View, problem: Problem, progress: Progress, resolution: Resolution | None = None
) -> dict[str, Any]:
    """What a page without a server carries: predictions, phases, best and Bayes-optimal risks, laws of the weights.

    Parameters
    ----------
    view : View
        The view that the page opens with; samples, weight decay, exponent and noise may be changed on it.
    problem : Problem
    progress : callable
        Told what is being done, and how many of how many steps are behind.
    resolution : Resolution, optional

    Returns
    -------
    dict
        JSON-ready, numbers in single precision; ``statement`` says how wrong the page is.

    Raises
    ------
    InvalidArgument
        For a teacher that is no power law, or a first view outside the grid.
    """
    if view.teacher:
        raise InvalidArgument("--save", "a given spectrum", "is for power-law teachers: their exponent is a slider")
    for name, (low, high) in (("gamma", GAMMA), ("noise", NOISE)):
        if not low <= getattr(view, name) <= high:
            raise InvalidArgument(name, getattr(view, name), f"must be from {low:g} to {high:g} in a saved page")
    grid = Grid(problem, resolution or Resolution())
    grid.fill(progress)
    if not np.isfinite(grid.values["excess_risk"]).any():
        raise InvalidArgument("--save", "this problem", "has no solution anywhere in sight: there is nothing to save")
    bayes = _bayes(grid, progress)
    errors = grid.errors(bayes, progress)
    return {
        "axes": {
            name: axis.tolist()
            for name, axis in zip(("samples", "weight_decay", "gamma", "noise"), grid.axes, strict=True)
        },
        "fields": {name: packed(grid.values[name]) for name in (*FIELDS, *SHARES)},
        "sight": dict(zip(("samples", "weight_decay"), sight(problem), strict=True)),
        "null_risk": problem.null_risk,
        "per_effective": problem.architecture.samples_per_effective(problem.dim),
        "convex": problem.is_convex,
        "phases": _maps(grid, progress),
        "bayes": {"samples": grid.bayes_samples.tolist(), "risk": packed(bayes)},
        "laws": _laws(grid, progress) if has_law(problem) else None,
        "trust": _trust(grid),
        "errors": {name: np.quantile(each, QUANTILES).tolist() for name, each in errors.items() if each.size},
        "statement": statement(errors),
    }


def statement(errors: dict[str, FloatArray]) -> str:
    """How wrong a page is, in words for its readers."""

    def told(name: str, unit: str) -> str:
        typical, most, worst = (number(100 * value, 2) for value in np.quantile(errors[name], QUANTILES))
        return f"by {typical} {unit} (median), {most} (95 of 100) and {worst} at worst"

    text = f"Numbers are interpolated. At {errors['excess_risk'].size} random settings off the grid the excess risk "
    text += f"was off {told('excess_risk', '%')}, near the interpolation peak and where phases meet"
    if errors["bayes_risk"].size:
        text += f"; the Bayes-optimal risk {told('bayes_risk', '%')}"
    if errors["parts"].size:
        text += f"; the parts of the risk {told('parts', 'percent of it')}"
    return text + "."


def packed(values: FloatArray) -> str:
    """Single-precision numbers in row order, as text."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode("ascii")


def _maps(grid: Grid, progress: Progress) -> dict[str, Any] | None:
    """Phases for many exponents of the teacher: they do not depend on the noise."""
    gammas = np.linspace(*GAMMA, grid.resolution.maps)
    maps: list[Any] = []
    for k, gamma in enumerate(gammas):
        progress("drawing phases", k, gammas.size)
        found = phase_map(grid.at(1.0, float(gamma), 0.1), *sight(grid.problem))
        if found is None:
            return None
        segments = {name: [float(f"{v:.4g}") for v in ends] for name, ends in found["segments"].items()}
        maps.append({"segments": segments, "labels": found["labels"], "cells": found["cells"]})
    known = PHASES | COVARIANCE_PHASES
    names = sorted({name for each in maps for row in each["cells"] for name in row})
    for each in maps:
        each["cells"] = ["".join(chr(65 + names.index(name)) for name in row) for row in each["cells"]]
    rates = {name: known[name].rate for name in names if name in known}
    return {"gamma": gammas.tolist(), "maps": maps, "names": names, "rates": rates}


def _bayes(grid: Grid, progress: Progress) -> FloatArray:
    """The Bayes-optimal risk, nan where it was not solved, over samples, exponents and noises."""
    _, _, gammas, noises = grid.axes
    out = np.full((BAYES, gammas.size, noises.size), np.nan)
    for g, gamma in enumerate(gammas):
        progress("Bayes-optimal risks", g, gammas.size)
        for m, noise in enumerate(noises):
            for i, n in enumerate(grid.bayes_samples):
                found = bayes_optimal(grid.at(float(n), float(gamma), float(noise)), throw=False)
                if found.status.ok:
                    out[i, g, m] = found.excess_risk
    return out


def _laws(grid: Grid, progress: Progress) -> dict[str, Any]:
    """Laws of the weights, which depend on exponent, noise scale and threshold alone."""
    size, scales = grid.resolution, grid.values["noise_scale"]
    solved = scales[np.isfinite(scales) & (scales > 0)]
    scale_axis = np.geomspace(solved.min(), solved.max(), size.laws[0])
    ratio_axis = np.geomspace(*LAW_RATIOS, size.laws[1])
    sizes = np.geomspace(*LAW_SIZES, size.points)
    gammas = grid.axes[2]
    shape = (gammas.size, *size.laws)
    density = np.zeros((*shape, size.points))
    modes, overlaps = np.zeros((*shape, size.modes)), np.zeros((*shape, size.modes))
    for g, gamma in enumerate(gammas):
        progress("laws of the weights", g, gammas.size)
        problem = grid.at(float(np.median(grid.axes[0])), float(gamma), 0.1)
        for a, scale in enumerate(scale_axis):
            for b, ratio in enumerate(ratio_axis):
                law = learned_law(problem, float(scale), float(scale * ratio))
                density[g, a, b] = density_by_size(law, sizes * scale)
                spikes = law.outliers[: size.modes]
                modes[g, a, b, : len(spikes)] = [spike.learned for spike in spikes]
                overlaps[g, a, b, : len(spikes)] = [spike.overlap for spike in spikes]
    teachers = [grid.at(1.0, float(gamma), 0.1).spectrum.values[:60].tolist() for gamma in gammas]
    return {
        "scale": scale_axis.tolist(),
        "ratio": ratio_axis.tolist(),
        "size": sizes.tolist(),
        "modes_kept": size.modes,
        "density": packed(density),
        "modes": packed(modes),
        "overlaps": packed(overlaps),
        "teachers": teachers,
    }


def _trust(grid: Grid) -> list[dict[str, Any]]:
    """How far to trust predictions, over the number of samples; of convex problems it depends on nothing else."""
    decay = float(np.median(grid.axes[1]))
    out: list[dict[str, Any]] = []
    for n in np.geomspace(*sight(grid.problem)[0], 160):
        found = predict(replace(grid.problem, samples=float(n)), weight_decay=decay, throw=False)
        if found.status.ok:
            out.append({"samples": float(n), "comfortable": found.quantitative, "statement": found.finite_size})
    return out
