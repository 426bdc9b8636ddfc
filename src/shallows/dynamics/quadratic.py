"""The quadratic network over time: a matrix Riccati equation and its mean over initial weights.

Theory note, section 15: ``dS/dt = c (S a + a S - 2 S^2)``, ``c = 8/(d sqrt(p d))``, ``a = S* - kappa``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..weights import LowRankPSD
from .protocol import FLOWS, Flow, FlowSetting, FlowState, StartPower
from .quadratic_kernels import mean_flow

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..problems import Problem

#: Exponents that one step of the closed form may reach before matrices lose their digits.
_STEP = 20.0


class QuadraticFlow(Flow):
    """Modes of ``S`` grow like logistic functions that share the hidden units."""

    def growth_rate(self, problem: Problem) -> float:
        return 16 / (problem.dim * math.sqrt(float(problem.effective_width) * problem.dim))

    def shrinkage(self, problem: Problem, decay: float) -> float:
        return 4 * decay / self.growth_rate(problem)

    def follow(self, setting: FlowSetting, times: FloatArray) -> FlowState:
        problem = setting.problem
        spectrum = problem.spectrum
        s, counts = spectrum.values, spectrum.multiplicities
        mean, error = np.empty((times.size, s.size)), np.empty((times.size, s.size))
        scattered = np.empty(times.size)
        a = s - self.shrinkage(problem, setting.decay)
        width, dim = float(problem.effective_width), float(problem.dim)
        mean_flow(
            np.ascontiguousarray(times), self.growth_rate(problem), a, s, counts, width, dim, setting.init_scale,
            mean, error, scattered,
        )  # fmt: skip
        return FlowState(s, counts, mean, error, scattered, math.sqrt(width * dim) * (mean @ counts))

    def learning_times(self, setting: FlowSetting, values: FloatArray, ranks: FloatArray) -> FloatArray:
        problem = setting.problem
        width = float(problem.effective_width)
        a = values - self.shrinkage(problem, setting.decay)
        free = width - ranks + 1
        out = np.full(values.shape, np.inf)
        grows = (a > 0) & (free > 0.5)
        start = setting.init_scale**2 * free[grows] / math.sqrt(width * problem.dim)
        out[grows] = np.log1p(a[grows] / start) / (self.growth_rate(problem) * a[grows])
        return out

    def gradient_power(self, problem: Problem, learned: FloatArray, multiplicities: FloatArray) -> FloatArray:
        size = 4 * (1 + 1 / problem.dim) / math.sqrt(float(problem.effective_width) * problem.dim)
        return np.asarray(size * (learned @ multiplicities))

    def relaxation(self, problem: Problem) -> tuple[FloatArray, FloatArray]:
        s, counts = _kept(problem)
        kept = np.zeros(problem.spectrum.values.size)
        kept[: counts.size] = counts / problem.spectrum.multiplicities[: counts.size]
        pairs = s[:, None] + kept * problem.spectrum.values
        # A pair of learned modes is met in both orders, one of a learned and a lost mode in one.
        share = counts[:, None] * problem.spectrum.multiplicities * pairs * (2 - kept)
        return self.growth_rate(problem) * pairs.ravel(), (share / share.sum()).ravel()

    def slowest_relaxation(self, problem: Problem, sizes: FloatArray) -> FloatArray:
        return self.growth_rate(problem) * sizes

    def sharpness(self, problem: Problem) -> float:
        return self.growth_rate(problem) * float(problem.spectrum.values[0])

    def start_power(self, setting: FlowSetting) -> StartPower:
        problem = setting.problem
        p, d = float(problem.effective_width), float(problem.dim)
        unit = setting.init_scale**2 / math.sqrt(p * d)
        edge = unit * (math.sqrt(p) + math.sqrt(d)) ** 2  # of a Wishart matrix
        size = 4 * (1 + 1 / d) / math.sqrt(p * d)
        # dW/dt = -c W (S - a) falls with slope c (3 S - a): 2 c s at the teacher, 3 c S far above it.
        return StartPower(size * unit * p * d, size * edge, 1.5 * self.growth_rate(problem) * edge)

    def sample_cost(self, problem: Problem) -> float:
        return 2.0 * problem.effective_width * problem.dim

    def initial_weights(self, setting: FlowSetting, rng: np.random.Generator) -> dict[str, FloatArray]:
        shape = (setting.problem.effective_width, setting.problem.dim)
        return {"W": setting.init_scale * rng.standard_normal(shape)}

    def gradient(self, weights: dict[str, FloatArray], inputs: FloatArray, labels: FloatArray) -> dict[str, FloatArray]:
        rows = weights["W"]
        p, d = rows.shape
        hidden = inputs @ rows.T
        residual = (np.square(hidden).sum(axis=1) - np.square(rows).sum()) / (d * math.sqrt(p)) - labels
        factor = 4 / (d * math.sqrt(p) * labels.size)
        return {"W": factor * (hidden.T @ (residual[:, None] * inputs) - residual.sum() * rows)}

    def trajectory(self, setting: FlowSetting, weights: dict[str, FloatArray], times: FloatArray) -> list[LowRankPSD]:
        problem = setting.problem
        modes = problem.teacher.values(problem.network)
        a = modes - self.shrinkage(problem, setting.decay)
        p, d = weights["W"].shape
        factor = weights["W"].T / (p * d) ** 0.25
        if p > d:  # S alone matters: a square factor of it
            factor = np.asarray(np.linalg.qr(factor.T, mode="r")).T
        speed, now, out = self.growth_rate(problem), 0.0, []
        for time in times:
            steps = math.ceil(speed * float(np.abs(a).max()) * (time - now) / _STEP)
            for _ in range(steps):
                factor = _advance(factor, a, speed * (time - now) / steps)
            now = time
            out.append(LowRankPSD(factor))
        return out


def _advance(factor: FloatArray, a: FloatArray, x: float) -> FloatArray:
    """``F`` of ``S = F F^T`` after the time ``x/(2c)``: ``e^(a x/2) F [1 + F^T H F]^(-1/2)``, up to a rotation."""
    from scipy.linalg import solve_triangular

    small = np.abs(a * x) < 1e-8
    gain = np.where(small, x, np.expm1(a * x) / np.where(small, 1.0, a))
    root = np.linalg.cholesky(np.eye(factor.shape[1]) + factor.T @ (gain[:, None] * factor))
    return np.asarray(solve_triangular(root, (np.exp(a * x / 2)[:, None] * factor).T, lower=True).T)


def _kept(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Modes that the width leaves room for, with how many of each."""
    s, counts = problem.spectrum.values, problem.spectrum.multiplicities
    room = np.clip(float(problem.effective_width) - (np.cumsum(counts) - counts), 0.0, counts)
    return s[room > 0], room[room > 0]


FLOWS.register("quadratic")(QuadraticFlow())
