"""Attention without softmax: one head, query and key tied, whose scores are those of a quadratic network.

``f_ab = (x_a^T S x_b - delta_ab Tr S)/sqrt(d)``, ``S = W^T W/sqrt(p d)``, for all pairs of `T` tokens (theory note,
section 17). A score off the diagonal has half the variance of one on it, and stands in the loss twice: each unordered
pair of tokens is one observation of ``S`` of the same strength.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InvalidArgument
from .quadratic import Quadratic
from .registry import register

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._types import FloatArray


@register
class Attention(Quadratic):
    """Scores of all pairs of tokens, trained on the square loss over all of them: a quadratic network with more labels.

    A sample is a sequence of `tokens` vectors, its label the symmetric matrix of their scores. Risks are per unordered
    pair, which makes them those of a score on the diagonal: the squared errors of all ``T^2`` scores of a sequence add
    up to ``T (T + 1)/2`` times as much.

    Parameters
    ----------
    tokens : int
        Length ``T >= 1`` of the sequences; 1 is the quadratic network.
    shared_noise : int
        0: the label noise has variance ``Delta`` on the diagonal of the scores and ``Delta/2`` off it, as independent
        noise on each of the ``T^2`` numbers leaves. 1: ``Delta`` on every score, ``ab`` and ``ba`` sharing theirs.

    Raises
    ------
    InvalidArgument
        If the length is no integer ``>= 1``, or the noise neither 0 nor 1.

    Examples
    --------
    Sequences of three tokens have six pairs.

    >>> from shallows.networks import Attention, Quadratic
    >>> attention = Attention(tokens=3)
    >>> attention.name, attention.labels_per_sample
    ('attention:tokens=3', 6)
    >>> attention.effective_samples(samples=600, dim=60) == Quadratic().effective_samples(samples=3600, dim=60)
    True
    >>> attention.labels_from(attention.observed([[[1.0, 2.0, 3.0], [2.0, 4.0, 5.0], [3.0, 5.0, 6.0]]])).round(12)
    array([[[1., 2., 3.],
            [2., 4., 5.],
            [3., 5., 6.]]])
    """

    family = "attention"
    defaults = MappingProxyType({"tokens": 2, "shared_noise": 0})
    option_words = MappingProxyType({"tokens": "{} tokens", "shared_noise": "noise shared by each pair"})
    words = replace(
        Quadratic.words,
        effective_samples="n T(T+1)/(2d)",
        student="one head of attention without softmax, with {width} hidden units shared by query and key,",
        sample="sequence",
        label="pair",
    )
    output_formula = "<W x_a, W x_b>/(d sqrt(p)) less its mean"
    in_paper = False
    takes_any_design = False

    depth = 1
    tokens: int
    shared_noise: int

    def __init__(self, tokens: int = 2, shared_noise: int = 0) -> None:
        self._set_options(1, tokens=tokens)
        self._set_options(0, shared_noise=shared_noise)
        if self.shared_noise > 1:
            raise InvalidArgument("shared_noise", shared_noise, "must be 0 or 1")

    @property
    def kind(self) -> str:
        return self.family

    @property
    def denoised_as(self) -> str:
        return Quadratic.family

    @property
    def labels_per_sample(self) -> int:
        return self.tokens * (self.tokens + 1) // 2

    @cached_property
    def pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp], FloatArray]:
        """First and second token of each unordered pair, and what its score is multiplied by: 1, or ``sqrt(2)``."""
        first, second = np.triu_indices(self.tokens)
        return first, second, np.asarray(np.where(first == second, 1.0, np.sqrt(2.0)))

    def input_shape(self, samples: int, dim: int) -> tuple[int, ...]:
        return (samples, self.tokens, dim)

    @property
    def grouped(self) -> str:
        return f"sequences of {self.tokens} token{'s' * (self.tokens > 1)}, "

    def label_shape(self, samples: int) -> tuple[int, ...]:
        return (samples, self.tokens, self.tokens)

    def observed(self, labels: FloatArray) -> FloatArray:
        scores = np.asarray(labels, dtype=float)
        if not np.allclose(scores, scores.transpose(0, 2, 1), rtol=1e-6, atol=1e-9 * float(np.abs(scores).max())):
            allowed = "scores must be symmetric; the mean of each with its transpose has the same minimum"
            raise InvalidArgument("y", "scores that are not symmetric", allowed)
        first, second, scale = self.pairs
        return (scores[:, first, second] * scale).reshape(-1)

    def labels_from(self, observed: FloatArray) -> FloatArray:
        first, second, scale = self.pairs
        halves = observed.reshape(-1, first.size) / scale
        scores = np.empty(self.label_shape(halves.shape[0]))
        scores[:, first, second] = scores[:, second, first] = halves
        return scores

    def samples_per_effective(self, dim: float) -> float:
        return dim / self.labels_per_sample

    def sample_ratio(self, samples: float, dim: float) -> float:
        return super().sample_ratio(self.labels_of(samples), dim)

    def constraints(self, samples: float, dim: float) -> float:
        return super().constraints(self.labels_of(samples), dim)

    def noise_scale(self, residual: FloatArray, dim: float) -> float:
        return float(np.sqrt(np.mean(residual**2) / (2 * super().constraints(residual.size, dim))))

    def noise_groups(self, noise: float) -> tuple[tuple[float, float], ...]:
        if not self.shared_noise or self.tokens == 1:
            return ((1.0, noise),)
        on_diagonal = 2 / (self.tokens + 1)
        return ((on_diagonal, noise), (1 - on_diagonal, 2 * noise))

    def noise_of_labels(self, draws: FloatArray, noise: float) -> FloatArray:
        levels = self.pairs[2] if self.shared_noise else 1.0
        return np.asarray(np.sqrt(noise) * (draws.reshape(-1, self.labels_per_sample) * levels).reshape(-1))

    def size_allowance(self, effective_samples: float) -> float:
        # Pairs of few tokens are not independent: n T tokens see d dimensions to a relative error of about d/(n T),
        # which is (T + 1)/(2 n_eff); of it one token's part is in the quadratic network's own.
        return super().size_allowance(effective_samples) + (self.tokens - 1) / (2 * effective_samples)

    def narrow_allowance(self, effective_samples: float) -> float:
        return super().narrow_allowance(effective_samples) + (self.tokens - 1) / (2 * effective_samples)

    def product_cost(self, samples: float, dim: float) -> float:
        return super().product_cost(samples * self.tokens, dim)

    def training_cost(self, samples: float, dim: float) -> float:
        return super().training_cost(samples * self.tokens, dim)
