"""The diagonal network over time: one logistic function per weight, or two layers that differ (theory note, 15)."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from .diagonal_kernels import advance, mean_flow
from .protocol import FLOWS, STARTS, Flow, FlowSetting, FlowState, StartPower

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..problems import Problem

#: Step in the logarithm of the square of an initial weight.
_STEP = 0.8
#: More modes than this are interpolated between sizes this far apart in their logarithm.
_FEW, _APART = 80, 0.1


class DiagonalFlow(Flow):
    """Weights ``theta = a w/sqrt(d)`` do not see each other: every one has its own equation."""

    starts = STARTS

    def growth_rate(self, problem: Problem) -> float:
        return 4 / math.sqrt(problem.dim)

    def shrinkage(self, problem: Problem, decay: float) -> float:
        return decay * math.sqrt(problem.dim)

    def follow(self, setting: FlowSetting, times: FloatArray) -> FlowState:
        problem = setting.problem
        spectrum = problem.spectrum
        s, counts = spectrum.values, spectrum.multiplicities
        sizes = _knots(s)
        mean, error, norm = (np.zeros((times.size, sizes.size)) for _ in range(3))
        # u = (a + w)/sqrt(2) and v = (a - w)/sqrt(2) have the variance of the entries themselves.
        if setting.start == "balanced":
            grow, shrink = (np.array([2.0]), np.ones(1)), (np.zeros(1), np.ones(1))
        else:
            grow = _squared_normal()
            # The mean, for where it is all that matters, comes last.
            shrink = np.append(grow[0], 1.0), np.append(grow[1], 0.0)
        scale = setting.init_scale**2
        mean_flow(
            np.ascontiguousarray(times), self.growth_rate(problem), sizes, float(problem.dim), 4 * setting.decay,
            scale * grow[0], grow[1], scale * shrink[0], shrink[1], mean, error, norm,
        )  # fmt: skip
        if sizes.size < s.size:
            mean, norm = _between(mean, sizes, s), _between(norm, sizes, s)
            error = np.exp(_between(np.log(error + 1e-30 * sizes**2), sizes, s))
        return FlowState(s, counts, mean, error, np.zeros(times.size), norm @ counts)

    def learning_times(self, setting: FlowSetting, values: FloatArray, ranks: FloatArray) -> FloatArray:
        problem = setting.problem
        a = np.abs(values) - self.shrinkage(problem, setting.decay)
        out = np.full(a.shape, np.inf)
        # theta starts at sigma^2/sqrt(d) where layers are balanced, at u^2/(2 sqrt(d)) elsewhere: median of u^2
        typical = 1.0 if setting.start == "balanced" else 0.4549 / 2
        start = typical * setting.init_scale**2 / math.sqrt(problem.dim)
        grows = a > 0
        out[grows] = np.log(np.maximum(a[grows] / start - 1, 1.0)) / (self.growth_rate(problem) * a[grows])
        return out

    def gradient_power(self, problem: Problem, learned: FloatArray, multiplicities: FloatArray) -> FloatArray:
        return np.asarray(2 * (np.abs(learned) @ multiplicities) / math.sqrt(problem.dim))

    def relaxation(self, problem: Problem) -> tuple[FloatArray, FloatArray]:
        s, counts = problem.spectrum.values, problem.spectrum.multiplicities
        rates = 2 * self.growth_rate(problem) * s
        share = counts * s
        return rates, share / share.sum()

    def slowest_relaxation(self, problem: Problem, sizes: FloatArray) -> FloatArray:
        return 2 * self.growth_rate(problem) * sizes

    def sharpness(self, problem: Problem) -> float:
        return self.growth_rate(problem) * float(problem.spectrum.values[0])

    def start_power(self, setting: FlowSetting) -> StartPower:
        d = float(setting.problem.dim)
        # The largest a^2 + w^2 of d pairs: of chi-squared variables with two degrees of freedom.
        largest = 2 * setting.init_scale**2 * (1.0 if setting.start == "balanced" else 1 + math.log(d))
        # Of (a w/sqrt(d) - theta*)^2: the gradient's part 2 (a^2 + w^2)/d and the residual's 2 |a w|/d.
        return StartPower(2 * setting.init_scale**2, largest / d, 3 * largest / d)

    def sample_cost(self, problem: Problem) -> float:
        return 4.0 * problem.dim

    def initial_weights(self, setting: FlowSetting, rng: np.random.Generator) -> dict[str, FloatArray]:
        d = setting.problem.dim
        if setting.start == "balanced":
            signs = np.where(setting.problem.teacher.values(setting.problem.network) < 0, -1.0, 1.0)
            return {"a": np.full(d, setting.init_scale), "w": setting.init_scale * signs}
        return {name: setting.init_scale * rng.standard_normal(d) for name in ("a", "w")}

    def gradient(self, weights: dict[str, FloatArray], inputs: FloatArray, labels: FloatArray) -> dict[str, FloatArray]:
        a, w = weights["a"], weights["w"]
        residual = inputs @ (a * w) / math.sqrt(a.size) - labels
        shared = 2 * (residual @ inputs) / (labels.size * math.sqrt(a.size))
        return {"a": shared * w, "w": shared * a}

    def trajectory(self, setting: FlowSetting, weights: dict[str, FloatArray], times: FloatArray) -> list[FloatArray]:
        problem = setting.problem
        target = problem.teacher.values(problem.network)
        signs = np.where(target < 0, -1.0, 1.0)
        u = np.square(weights["a"] + signs * weights["w"]) / 2
        v = np.square(weights["a"] - signs * weights["w"]) / 2
        alpha, beta = self.growth_rate(problem) * np.abs(target), 2 / problem.dim
        now, out = 0.0, []
        for time in times:
            for k in range(u.size):
                u[k], v[k] = advance(u[k], v[k], alpha[k], beta, 4 * setting.decay, time - now)
            now = time
            out.append(signs * (u - v) / (2 * math.sqrt(problem.dim)))
        return out


def _knots(values: FloatArray) -> FloatArray:
    """Sizes to follow in place of the modes `values`, in decreasing order: the modes themselves where they are few."""
    if values.size <= _FEW or not values[-1] > 0:
        return values
    reach = math.log(values[0] / values[-1])
    count = math.ceil(reach / _APART) + 2
    return values if count >= values.size else np.asarray(values[0] * np.exp(-np.linspace(0, reach, count)))


def _between(table: FloatArray, sizes: FloatArray, values: FloatArray) -> FloatArray:
    """Columns of `table`, which belong to `sizes`, interpolated in the logarithm at `values`, nowhere beyond them."""
    from scipy.interpolate import PchipInterpolator

    at = np.clip(-np.log(values / sizes[0]), 0, -np.log(sizes[-1] / sizes[0]))
    return np.asarray(PchipInterpolator(-np.log(sizes / sizes[0]), table, axis=1)(at))


@cache
def _squared_normal() -> tuple[FloatArray, FloatArray]:
    """Nodes and weights for the square of a standard normal, evenly spaced in its logarithm."""
    logs = np.arange(-15.0, 4.0, _STEP)
    weights = np.exp(logs / 2 - np.exp(logs) / 2)
    weights[0] /= 1 - math.exp(-_STEP / 2)  # and what lies below
    return np.exp(logs), weights / weights.sum()


FLOWS.register("diagonal")(DiagonalFlow())
