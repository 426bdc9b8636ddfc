"""The diagonal network, ``f = sum_i a_i w_i x_i / sqrt(d)``: a LASSO in ``theta = a w / sqrt(d)``.

With ``L`` layers ``theta = w_1 ... w_L / sqrt(d)``, and the penalty is ``|theta|^(2/L)`` (theory note, section 14).
"""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidArgument
from .base import Network, Words, root_of
from .registry import register

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._types import FloatArray


@register
class Diagonal(Network):
    """Two layers with one hidden unit per dimension (theory note, section 1).

    Effective weights are a vector ``theta``, its modes the sizes of the entries.

    Parameters
    ----------
    depth : int
        Trained layers ``L >= 2``; 2 is the network of the paper.

    Raises
    ------
    InvalidArgument
        If the depth is no integer ``>= 2``.

    Examples
    --------
    >>> from shallows.networks import Diagonal
    >>> network = Diagonal()
    >>> own = network.own_weights([0.5, 0.0, -2.0])
    >>> network.effective_weights(own)
    array([ 0.5,  0. , -2. ])
    >>> Diagonal(depth=3).own_weights([0.5, 0.0, -2.0])["w3"].round(3)
    array([ 0.953,  0.   , -1.513])
    """

    family = "diagonal"
    defaults = MappingProxyType({"depth": 2})
    words = Words(
        effective_samples="n",
        noise_scale="tau",
        noise_scale_sign="τ",
        noise_scale_math=r"$\tau$",
        weights="weights",
        features="weights",
        active="active weights",
        quantity="learned weight, along the teacher's sign",
        size="size",
        spread="the probability that they are not zero",
        overlap="active",
        student="a two-layer diagonal network",
    )
    parameter_names = ("a", "w")
    risk_per_error = 1.0
    has_width = False
    is_matrix = False
    sharp_bulk = False
    learned_noise = "soft-thresholded normal"
    needs_white_inputs = False
    harmful_exponent = None
    theory_cost = 0.5
    in_paper = True

    depth: int

    def __init__(self, depth: int = 2) -> None:
        self._set_options(2, depth=depth)
        if depth > 2:
            student = f"a diagonal network of {depth} layers"
            noise = "normal, thresholded with a jump"
            own = tuple(f"w{layer}" for layer in range(1, depth + 1))
            changed: dict[str, Any] = {"words": replace(self.words, student=student), "learned_noise": noise}
            changed |= {"parameter_names": own, "penalty_exponent": 2 / depth, "harmful_exponent": 0.0}
            for name, value in changed.items():
                object.__setattr__(self, name, value)

    @property
    def kind(self) -> str:
        return self.family if self.depth == 2 else "deep_diagonal"

    def samples_per_effective(self, dim: float) -> float:
        return 1.0

    def sample_ratio(self, samples: float, dim: float) -> float:
        return samples / dim

    def constraints(self, samples: float, dim: float) -> float:
        return float(samples)

    def interpolation_samples(self, dim: float) -> float:
        return dim

    def modes_per_energy(self, dim: float) -> float:
        return 1.0

    def freedom_unit(self, dim: float) -> float:
        return 1.0

    def noise_scale(self, residual: FloatArray, dim: float) -> float:
        return float(np.linalg.norm(residual)) / residual.size

    def noise_edge(self, noise_scale: float, dim: float, fluctuations: float = 1.0) -> float:
        return float(noise_scale * math.sqrt(2 * math.log(max(dim, 2))))

    def outlier_fluctuation(self, dim: float) -> float:
        return 1.0

    def bulk_fluctuation(self, dim: float) -> float:
        return 2 / math.sqrt(dim)

    def smallest_learnable(self, noise_scale: FloatArray, threshold: FloatArray) -> FloatArray:
        return np.maximum(noise_scale, self.cut(threshold))

    def cut(self, threshold: FloatArray) -> FloatArray:
        if self.depth == 2:
            return np.asarray(threshold)
        from ..power_prox import jump_of

        q = 2 / self.depth
        return np.asarray(jump_of(q)[0] * np.asarray(threshold) ** (1 / (2 - q)))

    def is_convex(self, dim: int, width: int | None) -> bool:
        return self.depth == 2

    def freed_of_noise(self, noisy: float, noise_scale: float) -> tuple[float, float]:
        return noisy, 1.0

    def chance_beyond(self, noisy: float, noise_scale: float, dim: float) -> float:
        return -math.expm1(dim * math.log1p(-min(math.erfc(noisy / noise_scale / math.sqrt(2)), 1 - 1e-16)))

    def strength(self, weight_decay: float, penalty: float | None, dim: float) -> float:
        if self.depth == 2:
            return weight_decay * math.sqrt(dim)
        return weight_decay * self.depth / 2 * dim ** (1 / self.depth)

    def weight_decay_from_strength(self, strength: float, dim: float, width: int | None) -> float:
        if self.depth == 2:
            return strength / math.sqrt(dim)
        return strength * 2 / (self.depth * dim ** (1 / self.depth))

    def penalty_from_weight_decay(self, weight_decay: float, dim: float, width: int | None) -> float | None:
        return None

    def parameter_shapes(self, dim: int, width: int | None) -> tuple[tuple[int, ...], ...]:
        return ((dim,),) * self.depth

    def initial_spread(self, output: float, dim: float) -> float:
        return math.sqrt(output) if self.depth == 2 else float(output ** (1 / self.depth))

    def effective_weights(self, parameters: Mapping[str, Any]) -> FloatArray:
        first, *rest = (np.asarray(parameters[name], dtype=float) for name in self.parameter_names)
        product = first
        for layer in rest:
            product = product * layer
        return product / np.sqrt(first.shape[-1])

    def own_weights(self, weights: Any, width: int | None = None) -> dict[str, FloatArray]:
        theta = np.asarray(weights, dtype=float)
        products = np.abs(theta) * np.sqrt(theta.shape[-1])
        size = np.sqrt(products) if self.depth == 2 else products ** (1 / self.depth)
        *most, last = self.parameter_names
        return {**{name: size.copy() for name in most}, last: np.sign(theta) * size}

    output_formula = "sum a w x/sqrt(d)"

    def other_scales(self, dim: int, width: int | None) -> dict[str, float]:
        return {"sum a w x": math.sqrt(dim)}

    def weights_of_modes(self, modes: FloatArray) -> FloatArray:
        return modes

    def whitened(self, weights: FloatArray, covariance: FloatArray) -> FloatArray:
        return root_of(covariance) @ weights if covariance.ndim == 2 else np.sqrt(covariance) * weights

    def is_weights(self, weights: Any) -> bool:
        return isinstance(weights, np.ndarray) and weights.ndim == 1

    def dense(self, weights: FloatArray) -> FloatArray:
        return weights

    def weights_dim(self, weights: FloatArray) -> int:
        return int(weights.size)

    def squared_distance(self, weights: FloatArray, others: FloatArray) -> float:
        return float(np.square(weights - others).sum())

    def features(self, weights: FloatArray) -> int:
        return int(np.count_nonzero(weights))

    def spectrum(self, weights: FloatArray) -> FloatArray:
        return np.sort(np.abs(weights))[::-1]

    def aligned(self, weights: FloatArray, truth: FloatArray) -> FloatArray:
        return weights * np.where(truth < 0, -1.0, 1.0)

    def to_tensors(self, weights: FloatArray) -> dict[str, FloatArray]:
        return {"theta": np.ascontiguousarray(weights)}

    def from_tensors(self, tensors: Mapping[str, FloatArray]) -> FloatArray:
        theta = tensors.get("theta")
        if theta is None or theta.ndim != 1 or not np.isfinite(theta).all():
            raise InvalidArgument("weights", sorted(tensors), "must hold finite numbers theta of shape (d,)")
        return theta

    def benign_until(self, gamma: float) -> float:
        return 0.0

    def size_allowance(self, effective_samples: float) -> float:
        return 0.05 if self.depth == 2 else 0.05 + 10 / effective_samples

    def product_cost(self, samples: float, dim: float) -> float:
        return samples * dim

    def training_cost(self, samples: float, dim: float) -> float:
        return 0.2e-6 * samples * dim

    def training_numbers(self, dim: int, width: int | None, gradient: bool) -> float:
        return 100 * dim
