"""The quadratic network: ``f = (||W x||^2 - ||W||_F^2)/(d sqrt(p))``, a nuclear norm in ``S = W^T W/sqrt(p d)``."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidArgument
from ..weights import LowRankPSD
from .base import Network, Words, root_of
from .registry import register

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._types import FloatArray


@register
class Quadratic(Network):
    """Two layers with quadratic activation and `p` hidden units (theory note, section 1).

    Effective weights are a positive semidefinite matrix ``S`` of rank at most `p`, its modes the eigenvalues. With a
    depth ``k`` the first layer is a product of square matrices, ``W = W_k ... W_1``, with weight decay on each, and the
    trace becomes ``sum s^(1/k)`` over the eigenvalues ``s`` of ``S`` (theory note, section 14).

    Parameters
    ----------
    depth : int
        Trained layers ``k >= 1``; 1 is the network of the paper. A deeper one has as many hidden units as dimensions.

    Raises
    ------
    InvalidArgument
        If the depth is no integer ``>= 1``.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.networks import Quadratic
    >>> network = Quadratic()
    >>> own = network.own_weights(np.diag([2.0, 1.0, 0.0]), width=2)
    >>> own["W"].shape
    (2, 3)
    >>> network.effective_weights(own).matrix().round(12)
    array([[2., 0., 0.],
           [0., 1., 0.],
           [0., 0., 0.]])
    """

    family = "quadratic"
    defaults = MappingProxyType({"depth": 1})
    words = Words(
        effective_samples="n/d",
        noise_scale="delta",
        noise_scale_sign="δ",
        noise_scale_math=r"$\delta$",
        weights="eigenvalues",
        features="modes",
        active="rank",
        quantity="learned eigenvalue of S",
        size="eigenvalue of S",
        spread="their squared overlap with the teacher",
        overlap="overlap",
        student="a two-layer network with quadratic activation and {width} hidden units",
    )
    parameter_names = ("W",)
    risk_per_error = 2.0
    has_width = True
    is_matrix = True
    sharp_bulk = True
    learned_noise = "clipped semicircle"
    needs_white_inputs = True
    harmful_exponent = 0.4
    theory_cost = 1.0
    in_paper = True

    depth: int

    def __init__(self, depth: int = 1) -> None:
        self._set_options(1, depth=depth)
        if self.depth > 1:
            own = tuple(f"W{layer}" for layer in range(1, self.depth + 1))
            student = f"a network of {self.depth} square linear layers with quadratic activation behind the last"
            self._keep(
                has_width=False,
                harmful_exponent=0.0,
                penalty_exponent=1 / self.depth,
                parameter_names=own,
                words=replace(self.words, student=student),
                output_formula=self.output_formula.replace("W x", " ".join([*own[::-1], "x"])),
            )

    @property
    def kind(self) -> str:
        return self.family if self.depth == 1 else "deep_quadratic"

    @property
    def has_penalty(self) -> bool:
        return True

    def check_width(self, width: Any) -> int | None:
        if width is not None and self.depth > 1:
            allowed = f"does not apply with depth {self.depth}: the layers are square, with as many units as dimensions"
            raise InvalidArgument("width", width, allowed)
        return super().check_width(width)

    def is_convex(self, dim: int, width: int | None) -> bool:
        return self.depth == 1 and super().is_convex(dim, width)

    def samples_per_effective(self, dim: float) -> float:
        return dim

    def sample_ratio(self, samples: float, dim: float) -> float:
        return samples / dim**2

    def constraints(self, samples: float, dim: float) -> float:
        return 2 * (samples / dim**2)

    def interpolation_samples(self, dim: float) -> float:
        return dim / 4

    def modes_per_energy(self, dim: float) -> float:
        return float(dim)

    def freedom_unit(self, dim: float) -> float:
        return dim**2 / 2

    def noise_scale(self, residual: FloatArray, dim: float) -> float:
        return float(np.sqrt(np.mean(residual**2) / (2 * self.constraints(residual.size, dim))))

    def noise_edge(self, noise_scale: float, dim: float, fluctuations: float = 1.0) -> float:
        return float(2 * noise_scale * (1 + fluctuations * dim ** (-2 / 3)))

    def outlier_fluctuation(self, dim: float) -> float:
        return float(np.sqrt(2 / dim))

    def bulk_fluctuation(self, dim: float) -> float:
        return float(dim ** (-2 / 3))

    def smallest_learnable(self, noise_scale: FloatArray, threshold: FloatArray) -> FloatArray:
        return np.maximum(noise_scale, self.cut(threshold) - noise_scale)

    def cut(self, threshold: FloatArray) -> FloatArray:
        if self.depth == 1:
            return np.asarray(threshold)
        from ..power_prox import jump_of

        q = self.penalty_exponent
        return np.asarray(jump_of(q)[0] * np.asarray(threshold) ** (1 / (2 - q)))

    def freed_of_noise(self, noisy: float, noise_scale: float) -> tuple[float, float]:
        if noisy <= 2 * noise_scale:
            return noise_scale, 0.0
        mode = (noisy + np.sqrt(noisy**2 - 4 * noise_scale**2)) / 2
        return float(mode), float(1 - (noise_scale / mode) ** 2)

    def chance_beyond(self, noisy: float, noise_scale: float, dim: float) -> float:
        from ..freeprob.tracy_widom import survival

        return float(survival((noisy / noise_scale - 2) * dim ** (2 / 3)))

    def strength(self, weight_decay: float, penalty: float | None, dim: float) -> float:
        return (penalty or 0.0) / 2

    def weight_decay_from_strength(self, strength: float, dim: float, width: int | None) -> float:
        return self.weight_decay_from_penalty(2 * strength, dim, width)

    def penalty_from_weight_decay(self, weight_decay: float, dim: float, width: int | None) -> float:
        if self.depth > 1:
            return weight_decay * self._deep_penalty(dim)
        return weight_decay * np.sqrt((dim if width is None else width) / dim)

    def weight_decay_from_penalty(self, penalty: float, dim: float, width: int | None) -> float:
        if self.depth > 1:
            return penalty / self._deep_penalty(dim)
        return penalty * np.sqrt(dim / (dim if width is None else width))

    def _deep_penalty(self, dim: float) -> float:
        """``pen/lam``: ``k d^(1/k)/d``, the least ``sum ||W_j||^2`` being ``k sum sigma^(2/k)``, ``sigma^2 = d s``."""
        return float(self.depth * dim ** (1 / self.depth) / dim)

    def initial_spread(self, output: float, dim: float) -> float:
        # those of the product have the square root of `output`, as those of a single layer
        spread = float(np.sqrt(output))
        return spread if self.depth == 1 else float((spread * dim ** (-(self.depth - 1) / 2)) ** (1 / self.depth))

    def parameter_shapes(self, dim: int, width: int | None) -> tuple[tuple[int, ...], ...]:
        return ((self.effective_width(dim, width), dim),) * self.depth

    def product(self, parameters: Mapping[str, Any]) -> FloatArray:
        """``W = W_k ... W_1`` (p, d) of the network's own weights."""
        first, *others = (np.asarray(parameters[name], dtype=float) for name in self.parameter_names)
        for layer in others:
            first = layer @ first
        return first

    def effective_weights(self, parameters: Mapping[str, Any]) -> LowRankPSD:
        rows = self.product(parameters)
        return LowRankPSD.of_rows(rows / (rows.shape[0] * rows.shape[1]) ** 0.25)

    def own_weights(self, weights: Any, width: int | None = None) -> dict[str, FloatArray]:
        matrix = weights.matrix() if isinstance(weights, LowRankPSD) else np.asarray(weights, dtype=float)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.allclose(matrix, matrix.T):
            raise InvalidArgument("weights", f"array of shape {matrix.shape}", "must be a symmetric matrix")
        d = matrix.shape[0]
        p = d if width is None else width
        values, vectors = np.linalg.eigh(matrix)
        tolerance = 1e-10 * max(abs(values[0]), abs(values[-1]))
        if values[0] < -tolerance:
            raise InvalidArgument("weights", f"smallest eigenvalue {values[0]:g}", "must be positive semidefinite")
        rank = int((values > tolerance).sum())
        if rank > p:
            raise InvalidArgument("weights", f"rank {rank}", f"must have rank at most width = {p}")
        keep = min(p, d)
        sizes = np.sqrt(np.maximum(values[-keep:], 0) * np.sqrt(p * d))
        if self.depth > 1:  # every layer takes an equal share of each singular value
            share = np.where(values > tolerance, sizes, 0.0) ** (1 / self.depth)
            return {
                name: share[:, None] * (vectors.T if i == 0 else np.eye(d))
                for i, name in enumerate(self.parameter_names)
            }
        top = vectors[:, -keep:] * sizes
        return {"W": np.concatenate([top.T, np.zeros((p - keep, d))])}

    output_formula = "|W x|^2/(d sqrt(p)) less its mean"

    def other_scales(self, dim: int, width: int | None) -> dict[str, float]:
        p = self.effective_width(dim, width)
        return {
            "|W x|^2": dim * np.sqrt(p),
            "|W x|^2/p": dim / np.sqrt(p),
            "|W x|^2/sqrt(p)": float(dim),
            "|W x|^2/sqrt(p d)": np.sqrt(dim),
        }

    def weights_of_modes(self, modes: FloatArray) -> LowRankPSD:
        return LowRankPSD.diagonal(modes)

    def weights_of_factor(self, factor: FloatArray) -> LowRankPSD:
        return LowRankPSD(factor)

    def whitened(self, weights: LowRankPSD, covariance: FloatArray) -> LowRankPSD:
        if covariance.ndim == 1:
            return LowRankPSD(np.sqrt(covariance)[:, None] * weights.factor)
        return LowRankPSD(root_of(covariance) @ weights.factor)

    def is_weights(self, weights: Any) -> bool:
        return isinstance(weights, LowRankPSD)

    def dense(self, weights: LowRankPSD) -> FloatArray:
        return weights.matrix()

    def weights_dim(self, weights: LowRankPSD) -> int:
        return weights.dim

    def squared_distance(self, weights: LowRankPSD, others: LowRankPSD) -> float:
        return weights.distance_squared(others)

    def features(self, weights: LowRankPSD) -> int:
        return weights.rank

    def spectrum(self, weights: LowRankPSD) -> FloatArray:
        return weights.eigenvalues()

    def aligned(self, weights: LowRankPSD, truth: LowRankPSD) -> FloatArray:
        return weights.eigenvalues()

    def to_tensors(self, weights: LowRankPSD) -> dict[str, FloatArray]:
        return {"factor": np.ascontiguousarray(weights.factor)}

    def from_tensors(self, tensors: Mapping[str, FloatArray]) -> LowRankPSD:
        factor = tensors.get("factor")
        if factor is None or factor.ndim != 2 or not np.isfinite(factor).all():
            raise InvalidArgument("weights", sorted(tensors), "must hold finite numbers factor of shape (d, r)")
        return LowRankPSD(factor)

    def benign_until(self, gamma: float) -> float:
        return 0.4 / (1.4 - 1 / (2 * gamma)) if self.depth == 1 else 0.0

    def size_allowance(self, effective_samples: float) -> float:
        return 0.03 * self.depth + 2 / effective_samples

    def narrow_allowance(self, effective_samples: float) -> float:
        return 0.03 + 8 / effective_samples

    def product_cost(self, samples: float, dim: float) -> float:
        return samples * dim**2

    def training_cost(self, samples: float, dim: float) -> float:
        return 2e-6 * samples * dim * self.depth

    def training_numbers(self, dim: int, width: int | None, gradient: bool) -> float:
        return 12 * dim**2 + (45 * dim * self.effective_width(dim, width) * self.depth if gradient else 0)
