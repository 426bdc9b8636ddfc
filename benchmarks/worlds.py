"""Worlds to calibrate on: teachers, designs and noises that nobody tuned to, drawn from one seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TEACHERS = ("sparse", "exponential", "dense", "power law", "nothing")
DESIGNS = ("independent", "AR 0.5", "AR 0.9", "one factor", "t4", "binary", "uneven rows")
NOISES = ("normal", "t4", "heteroscedastic")


@dataclass(frozen=True)
class World:
    """One setting. `noise` is the variance of the label noise; the signal has variance 1 (or 0: "nothing")."""

    network: str
    teacher: str
    design: str
    dim: int
    samples: int
    noise: float
    noise_kind: str
    linear_part: float = 0.0

    @property
    def name(self) -> str:
        words = f"{self.network[:4]} d={self.dim} n={self.samples} {self.teacher}, {self.design}, noise {self.noise:g}"
        words += "" if self.noise_kind == "normal" else f" ({self.noise_kind})"
        return words + ("" if not self.linear_part else f", linear part {self.linear_part:g}")

    def covariance(self) -> np.ndarray:
        """Of the columns, shape (d, d); unit variances."""
        d = self.dim
        if self.design.startswith("AR"):
            rho = float(self.design.split()[1])
            return rho ** np.abs(np.subtract.outer(np.arange(d), np.arange(d)))
        if self.design == "one factor":
            loading = np.full(d, np.sqrt(0.4))
            return np.outer(loading, loading) + 0.6 * np.eye(d)
        return np.eye(d)

    def inputs(self, rows: int, rng: np.random.Generator) -> np.ndarray:
        d = self.dim
        if self.design == "t4":
            return rng.standard_t(4, (rows, d)) / np.sqrt(2)
        if self.design == "binary":
            return rng.choice([-1.0, 1.0], (rows, d))
        plain = rng.standard_normal((rows, d)) @ np.linalg.cholesky(self.covariance()).T
        if self.design == "uneven rows":
            length = np.exp(0.5 * rng.standard_normal(rows))
            plain *= (length / np.exp(0.25))[:, None]
        return plain

    def spectrum(self, rng: np.random.Generator) -> np.ndarray:
        d = self.dim
        rank = np.arange(1, d + 1)
        return {
            "sparse": (rank <= max(round(0.06 * d), 2)).astype(float),
            "exponential": np.exp(-rank / max(0.06 * d, 2.0)),
            "dense": np.abs(rng.standard_normal(d)) + 0.3,
            "power law": rank**-1.0,
            "nothing": np.zeros(d),
        }[self.teacher]

    def draw(self, seed: int):
        """``(inputs, labels, truth)``; the truth is theta (d,) or S (d, d), and the linear part's weights."""
        rng = np.random.default_rng([seed, 71])
        values, d = self.spectrum(rng), self.dim
        covariance = self.covariance()
        inputs = self.inputs(self.samples, rng)
        if self.network == "diagonal":
            truth = rng.permutation(values * rng.choice([-1.0, 1.0], d))
            size = np.sqrt(truth @ covariance @ truth)
            truth = truth / size if size > 0 else truth
            linear = np.zeros(d)
        else:
            basis = np.linalg.qr(rng.standard_normal((d, d)))[0]
            truth = (basis * values) @ basis.T
            size = np.sqrt(2 * np.sum((covariance @ truth).T * (covariance @ truth)) / d)
            truth = truth / size if size > 0 else truth
            linear = rng.standard_normal(d)
            linear *= np.sqrt(self.linear_part / (linear @ covariance @ linear))
        labels = self.signal(inputs, truth, linear) + self.label_noise(inputs, rng)
        return inputs, labels, truth, linear

    def signal(self, inputs: np.ndarray, truth: np.ndarray, linear: np.ndarray) -> np.ndarray:
        if self.network == "diagonal":
            return inputs @ truth
        covariance = self.covariance()
        form = np.einsum("ni,ij,nj->n", inputs, truth, inputs, optimize=True)
        return (form - np.trace(covariance @ truth)) / np.sqrt(self.dim) + inputs @ linear

    def label_noise(self, inputs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        n = inputs.shape[0]
        plain = {
            "normal": lambda: rng.standard_normal(n),
            "t4": lambda: rng.standard_t(4, n) / np.sqrt(2),
            "heteroscedastic": lambda: rng.standard_normal(n) * np.sqrt(0.5 + 0.5 * inputs[:, 0] ** 2),
        }[self.noise_kind]()
        return np.sqrt(self.noise) * plain


def worlds(network: str, count: int, seed: int) -> list[World]:
    """`count` settings, drawn at random; every teacher and design comes equally often."""
    rng = np.random.default_rng([seed, len(network)])
    teachers = rng.permutation(np.resize(TEACHERS, count))
    designs = rng.permutation(np.resize(DESIGNS, count))
    out = []
    for teacher, design in zip(teachers, designs, strict=True):
        noise = float(np.round(np.exp(rng.uniform(np.log(0.05), np.log(3.0))), 3))
        kind = str(rng.choice(NOISES, p=[0.6, 0.2, 0.2]))
        if network == "diagonal":
            dim = int(rng.choice([30, 100, 200]))
            samples = max(int(dim * np.exp(rng.uniform(np.log(0.2), np.log(20.0)))), 40)
        else:
            dim = int(rng.choice([15, 30]))
            samples = int(dim * np.exp(rng.uniform(np.log(4.0), np.log(80.0))))
        linear = float(rng.choice([0.0, 0.5], p=[0.8, 0.2])) if network == "quadratic" else 0.0
        out.append(World(network, str(teacher), str(design), dim, samples, noise, kind, linear))
    return out
