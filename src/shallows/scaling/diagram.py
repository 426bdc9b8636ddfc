"""The phase diagram from state evolution: risk, local exponents, phases found numerically and analytically.

Theory note, section 7; arXiv 2509.24882, figure 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .._arguments import check_number
from ..errors import InvalidArgument
from ..networks import network_named
from ..optimum import minimum_between
from ..phases import phase_at, predicted_exponents
from ..problems import Problem
from ..state_evolution import solve
from ..teachers import PowerLaw

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import xarray
    from numpy.typing import NDArray

    from .._types import FloatArray

#: Phases in the order of their codes.
NAMES = ("Ia", "Ib", "II", "III", "IV", "V", "peak", "VIa", "VIb")
#: Departure of the local exponents from those of the phase found beyond which finite `d` blurs it.
BLUR = 0.15
#: Gains smaller than this (relative) make no optimum.
FLAT = 1e-6
#: Close to this ridge (in exponent of lam) is the peak.
_RIDGE = 0.35
_FITTED = 0.3
#: and within this factor of the effective samples of the highest risk.
_NEAR = 3.0
_FIELDS = {
    "excess_risk": ("label^2", "predicted excess risk R"),
    "noise_scale": ("effective weight", "tau or delta"),
    "threshold": ("effective weight", "zeta"),
    "train_error": ("label^2", "mean squared training residual"),
    "residual": ("1", "relative residual of the state evolution"),
}


def _counts(points: object) -> tuple[int, int]:
    try:
        rows, columns = (points, points) if isinstance(points, int) else tuple(cast("Any", points))
        good = all(isinstance(c, int) and not isinstance(c, bool) and c >= 3 for c in (rows, columns))
    except (TypeError, ValueError):
        good = False
    if not good:
        raise InvalidArgument("points", points, "must be one or two integers >= 3")
    return rows, columns


def _range(name: str, given: tuple[float, float] | None, default: tuple[float, float]) -> tuple[float, float]:
    if given is None:
        return default
    low, high = (check_number(name, v, minimum=-math.inf) for v in given)
    if not low < high:
        raise InvalidArgument(name, given, "must be two numbers, the lower one first")
    return low, high


def phase_diagram(
    network: str,
    dim: float,
    gamma: float,
    noise: float,
    *,
    width: int | None = None,
    points: int | tuple[int, int] = 100,
    nu: tuple[float, float] | None = None,
    ell: tuple[float, float] | None = None,
    store: str | Path | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> xarray.Dataset:
    """State evolution over effective samples and weight decay, and what it says about phases.

    Parameters
    ----------
    network : {"diagonal", "quadratic"}
    dim : int
        Dimension `d`.
    gamma, noise : float
        Exponent of the power-law teacher (energy 1), variance of the label noise (positive: without noise there
        are no phases).
    width : int, optional
        Hidden units of the quadratic network.
    points : int or (int, int)
        Values of the effective samples and of the weight decay.
    nu, ell : (float, float), optional
        Ranges of ``log_d n_eff`` and ``log_d lam``; by default they show every phase.
    store : path, optional
        Folder of a sweep store: the grid then runs through the sweep engine, in parallel, and resumes.
    workers : int, optional
        Processes, with a store.
    progress : callable, optional
        Told how many points are done, of how many; without a store.

    Returns
    -------
    xarray.Dataset
        Dimensions ``effective_samples`` and ``weight_decay``. Variables: those of a prediction; ``exponent_samples``
        and ``exponent_weight_decay``, derivatives of ``log R``; ``analytic_phase`` and ``numerical_phase``, codes
        into the attribute ``phases`` (-1: not solved); ``blurred``; per effective samples ``optimal_weight_decay``,
        ``optimal_risk`` (nan where the best lies at the border), ``noise_line`` and ``threshold_line``, where the
        computed threshold meets the computed bulk edge; per weight decay ``peak``, the effective samples of the
        interpolation peak.

    Raises
    ------
    InvalidArgument
        For unusable arguments.
    """
    network_named(network)
    teacher = PowerLaw(dim, gamma)  # type: ignore[arg-type]
    noise = check_number("noise", noise, strict=True)
    rows, columns = _counts(points)
    quadratic = network == "quadratic"
    log_d = math.log(teacher.dim)
    floor = -1.0 if quadratic else 0.0
    low, high = _range("nu", nu, (max(floor, -0.5), max(2.5, 2 * gamma + 0.75)))
    if low < floor:
        raise InvalidArgument("nu", low, f"must be >= {floor:g}: there is at least one sample")
    least, most = _range("ell", ell, (-1.0, 1.5))
    per_sample = float(teacher.dim) if quadratic else 1.0
    samples = np.exp(np.linspace(low, high, rows) * log_d) * per_sample
    samples = np.unique(np.where(samples < 1e15, np.maximum(np.rint(samples), 1), samples))
    if samples.size < 3:
        raise InvalidArgument("nu", (low, high), "leaves fewer than three different numbers of samples")
    decays = np.array([float(f"{v:.12g}") for v in np.exp(np.linspace(least, most, columns) * log_d)])
    Problem(network, teacher, float(samples[0]), noise, width)  # all checks before any work

    if store is None:
        data, status = _direct(network, teacher, samples, decays, noise, width, progress)
    else:
        data, status = _through_store(network, teacher, samples, decays, noise, width, store, workers)
    grid = _Grid(network, teacher, noise, width, samples, decays, samples / per_sample, data)
    return grid.dataset(status)


def _direct(
    network: str,
    teacher: PowerLaw,
    samples: FloatArray,
    decays: FloatArray,
    noise: float,
    width: int | None,
    progress: Callable[[int, int], None] | None,
) -> tuple[dict[str, FloatArray], NDArray[np.object_]]:
    shape = (samples.size, decays.size)
    data = {name: np.full(shape, np.nan) for name in _FIELDS}
    status = np.empty(shape, dtype=object)
    factor = 2.0 if network == "quadratic" else 1.0
    for i, n in enumerate(samples):
        problem = Problem(network, teacher, float(n), noise, width)
        for j, lam in enumerate(decays):
            point = solve(problem, weight_decay=float(lam))
            status[i, j] = point.status.value
            if point.status.ok:
                risk = factor * point.estimation_error
                error = point.slack**2 * (noise + risk)
                values = (risk, point.noise_scale, point.threshold, error, point.residual)
                for name, value in zip(_FIELDS, values, strict=True):
                    data[name][i, j] = value
        if progress is not None:
            progress((i + 1) * decays.size, samples.size * decays.size)
    return data, status


def _through_store(
    network: str,
    teacher: PowerLaw,
    samples: FloatArray,
    decays: FloatArray,
    noise: float,
    width: int | None,
    store: str | Path,
    workers: int | None,
) -> tuple[dict[str, FloatArray], NDArray[np.object_]]:
    from ..sweeps import Sweep, load, run

    fixed: dict[str, Any] = {"network": network, "dim": teacher.dim, "gamma": teacher.gamma, "noise": noise}
    if width is not None:
        fixed["width"] = width
    sweep = Sweep(fixed, {"samples": samples.tolist(), "weight_decay": decays.tolist()}, ["theory"])
    run(sweep, store, workers=workers)
    found = load(store, sweep)
    data = {name: np.asarray(found[name].values, dtype=float) for name in _FIELDS}
    status = np.where(np.isfinite(data["excess_risk"]), "converged", "failed").astype(object)
    return data, status


@dataclass(frozen=True)
class _Grid:
    network: str
    teacher: PowerLaw
    noise: float
    width: int | None
    samples: FloatArray
    decays: FloatArray
    n_eff: FloatArray
    data: dict[str, FloatArray]

    @property
    def gamma(self) -> float:
        return self.teacher.gamma

    def dataset(self, status: NDArray[np.object_]) -> xarray.Dataset:
        import xarray

        log_risk = np.log(self.data["excess_risk"])
        slope_n, slope_lam = np.gradient(log_risk, np.log(self.n_eff), np.log(self.decays))
        analytic = self._analytic()
        numerical, distance = self._numerical(slope_n, slope_lam)
        best, best_risk = self._optimum()
        dims = ("effective_samples", "weight_decay")
        variables: dict[str, Any] = {
            name: (dims, self.data[name], {"units": units, "long_name": meaning})
            for name, (units, meaning) in _FIELDS.items()
        }
        codes = {"units": "1", "flag_values": list(range(len(NAMES))), "flag_meanings": " ".join(NAMES)}
        row, column = (dims[0],), (dims[1],)
        variables |= {
            "status": (dims, status.astype(str), {"long_name": "outcome of the solve"}),
            "exponent_samples": (dims, slope_n, {"units": "1", "long_name": "d log R / d log n_eff"}),
            "exponent_weight_decay": (dims, slope_lam, {"units": "1", "long_name": "d log R / d log lam"}),
            "analytic_phase": (dims, analytic, {**codes, "long_name": "phase of section 7"}),
            "numerical_phase": (dims, numerical, {**codes, "long_name": "phase from exponents and spectrum"}),
            "exponent_distance": (dims, distance, {"long_name": "exponents, away from those of the phase"}),
            "blurred": (dims, ~(distance <= BLUR), {"long_name": f"no asymptotic exponents within {BLUR}"}),
            "noise_line": (row, self._noise_line(), {"long_name": "sqrt(n_eff/d), in units of the weight decay"}),
            "threshold_line": (row, self._threshold_line(), {"long_name": "where zeta meets the bulk edge"}),
            "optimal_weight_decay": (row, best, {"long_name": "weight decay of least risk"}),
            "optimal_risk": (row, best_risk, {"units": "label^2", "long_name": "risk there"}),
            "peak": (column, self._peak(), {"long_name": "effective samples of the interpolation peak"}),
        }
        attributes = {
            "network": self.network,
            "dim": float(self.teacher.dim),
            "gamma": self.gamma,
            "noise": self.noise,
            "width": self.width if self.width is not None else "full",
            "phases": list(NAMES),
        }
        coordinates = {
            "effective_samples": ("effective_samples", self.n_eff, {"long_name": "n_eff"}),
            "weight_decay": ("weight_decay", self.decays, {"long_name": "lam"}),
            "samples": ("effective_samples", self.samples, {"long_name": "n"}),
        }
        return xarray.Dataset(variables, coords=coordinates, attrs=attributes)

    @property
    def _per_penalty(self) -> float:
        """Weight decay of unit reduced penalty; the lines of section 7 are in the penalty."""
        if self.network == "diagonal":
            return 1.0
        return float(Problem(self.network, self.teacher, 1, self.noise, self.width).weight_decay_from_penalty(1.0))

    def _noise_line(self) -> FloatArray:
        return np.sqrt(self.n_eff / self.teacher.dim) * self._per_penalty

    def _analytic(self) -> NDArray[np.int8]:
        log_d = math.log(self.teacher.dim)
        out = np.empty((self.n_eff.size, self.decays.size), dtype=np.int8)
        for i, n in enumerate(self.n_eff):
            for j, lam in enumerate(self.decays):
                name = phase_at(
                    self.network, math.log(n) / log_d, math.log(lam / self._per_penalty) / log_d, self.gamma
                ).name
                out[i, j] = NAMES.index(name)
        return out

    @property
    def _edge(self) -> FloatArray:
        """Upper edge of the bulk of the noisy weights: ``2 delta``, or ``tau sqrt(2 log d)``."""
        scale = 2.0 if self.network == "quadratic" else math.sqrt(2 * math.log(self.teacher.dim))
        return scale * self.data["noise_scale"]

    def _numerical(self, slope_n: FloatArray, slope_lam: FloatArray) -> tuple[NDArray[np.int8], FloatArray]:
        """Phase by computed spectrum and exponents alone, and how far the exponents are from the phase's own.

        Spectrum: is the bulk above the threshold, how many modes stand out of it, do training data get fitted to
        the last bit. Where the spectrum leaves a choice, the closer exponents decide.
        """
        delta, zeta, risk = (self.data[name] for name in ("noise_scale", "threshold", "excess_risk"))
        modes = Problem(self.network, self.teacher, 1, self.noise).spectrum
        ranks = np.concatenate([[0.0], np.cumsum(modes.multiplicities)])

        def above(level: FloatArray) -> FloatArray:
            return ranks[np.searchsorted(-modes.values, -np.nan_to_num(level, nan=np.inf), side="left")]

        null = 2.0 if self.network == "quadratic" else 1.0
        bulk = zeta < self._edge
        out_of_noise = above(delta)
        learned = above(np.maximum(delta, zeta) if self.network == "diagonal" else np.maximum(delta, zeta - delta))
        everything = 0.5 * self.teacher.dim
        fitted_share = self.data["train_error"] / (self.noise + risk)
        interpolating = np.sqrt(fitted_share) < 0.5
        expected = predicted_exponents(self.network, self.gamma)

        def away(name: str) -> FloatArray:
            first, second = expected[name]
            gap_n = np.zeros_like(slope_n) if first is None else np.abs(slope_n - first)
            if name == "V" and self.network == "diagonal":  # 1/log(d/n_eff): its own local exponent
                with np.errstate(divide="ignore", invalid="ignore"):
                    own = 1 / np.log(self.teacher.dim / self.n_eff)[:, None]
                gap_n = np.where(own > 0, np.abs(slope_n - own), np.inf)
            gap_lam = np.abs(slope_lam - (second if second is not None else 0.0))
            return np.maximum(gap_n, gap_lam)

        distances = {name: away(name) for name in expected}
        out = np.full(delta.shape, -1, dtype=np.int8)

        def put(mask: NDArray[np.bool_], name: str) -> None:
            out[mask] = NAMES.index(name)

        solved = np.isfinite(risk)
        over = solved & ~bulk
        silent = over & ((learned < 1) | (risk > 0.9 * null))
        put(silent, "Ib")
        rest = over & ~silent
        third = rest & ((learned >= everything) | (distances["III"] < distances["II"]))
        put(rest & ~third, "II")
        put(third, "III")
        under = solved & bulk
        with np.errstate(invalid="ignore"):
            past = np.log(self.n_eff[:, None] / self._peak()[None, :])  # nan without a peak
            near = np.abs(past) < math.log(_NEAR)
        ridge = under & near & (np.abs(slope_lam + 2 / 3) < _RIDGE)
        blank = under & ~ridge & (out_of_noise < 1)
        put(ridge, "peak")
        put(blank, "Ia")
        rest = under & ~ridge & ~blank
        with np.errstate(invalid="ignore"):
            before = rest & interpolating & ~(past > 0)
        if "IV" in expected:
            benign = before & ~near & (slope_n < 0.5 * (cast("float", expected["IV"][0]) + 0.4))
            put(benign, "IV")
            put(before & ~benign, "V")
        else:
            put(before, "V")
        after = rest & ~before
        put(after & (out_of_noise < everything), "VIa")
        put(after & (out_of_noise >= everything), "VIb")
        distance = np.full(delta.shape, np.nan)
        for name, gap in distances.items():
            here = out == NAMES.index(name)
            distance[here] = gap[here]
        return out, distance

    def _threshold_line(self) -> FloatArray:
        """Per row, the weight decay where the computed threshold crosses the computed bulk edge; nan if outside."""
        ratio = np.log(self.data["threshold"] / self._edge)
        line = np.full(self.n_eff.size, np.nan)
        x = np.log(self.decays)
        for i, values in enumerate(ratio):
            crossing = np.flatnonzero((values[:-1] < 0) & (values[1:] >= 0))
            if crossing.size:
                j = int(crossing[-1])
                t = values[j] / (values[j] - values[j + 1])
                line[i] = math.exp(x[j] + t * (x[j + 1] - x[j]))
        return line

    def _optimum(self) -> tuple[FloatArray, FloatArray]:
        """Per row, weight decay and risk of the minimum, refined between grid points; nan at the border."""
        best, value = np.full(self.n_eff.size, np.nan), np.full(self.n_eff.size, np.nan)
        x = np.log(self.decays)
        for i, n in enumerate(self.samples):
            risks = self.data["excess_risk"][i]
            if np.isnan(risks).all():
                continue
            j = int(np.nanargmin(risks))
            if j in (0, x.size - 1):
                continue
            problem = Problem(self.network, self.teacher, float(n), self.noise, self.width)
            place, smallest = minimum_between(problem, self.decays[j - 1], self.decays[j + 1], tolerance=1e-3)
            if not smallest >= risks[0] * (1 - FLAT):  # elsewhere any small weight decay does as well
                best[i], value[i] = place, smallest
        return best, value

    def _peak(self) -> FloatArray:
        """Per weight decay, the effective samples of the interpolation peak; nan without one.

        The last local maximum of the risk along the samples at which the network still fits more than `_FITTED`
        of them: earlier ones are single modes, later ones the crossing of the noise line.
        """
        out = np.full(self.decays.size, np.nan)
        fitted = 1 - np.sqrt(self.data["train_error"] / (self.noise + self.data["excess_risk"]))
        for j, risks in enumerate(np.nan_to_num(self.data["excess_risk"].T, nan=-np.inf)):
            least = 1 + 1e-6
            inner = np.flatnonzero((risks[1:-1] > risks[:-2] * least) & (risks[1:-1] > risks[2:] * least)) + 1
            inner = inner[(fitted[inner, j] > _FITTED) & (self.n_eff[inner] > 1)]
            if inner.size:
                out[j] = self.n_eff[inner[-1]]
        return out
