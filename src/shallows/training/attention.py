"""Gradient training of attention without softmax: the square loss over all scores, in the weights ``W`` of its head.

Its convex problem is that of the quadratic network, on the operator of its own data.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .quadratic import QuadraticGradient
from .trainer import GRADIENT_MODELS, TensorProblem

if TYPE_CHECKING:
    from collections.abc import Callable


class AttentionGradient(QuadraticGradient):
    """``sum_ab (y_ab - f_ab)^2 + lam ||W||_F^2`` over all scores of all sequences, in blocks of sequences."""

    def loss(self, problem: TensorProblem) -> Callable[[], Any]:
        x, (w,), total = problem.inputs, problem.parameters, problem.total
        (n, tokens, d), p, weight_decay = x.shape, w.shape[0], problem.weight_decay
        if tokens == 1:
            return super().loss(replace(problem, inputs=x[:, 0]))
        y = _scores(problem.labels, n, tokens)
        rows = max(1, min(n, problem.block_numbers // (tokens * max(p, d))))
        root = float(np.sqrt(p * d) * np.sqrt(d))
        covariance = problem.covariance

        def closure() -> Any:
            norm = (w * w).sum()
            seen = w if covariance is None else w @ covariance
            mean = norm if covariance is None else (w * seen).sum()
            gradient, loss, shift = w.new_zeros(w.shape), w.new_zeros(()), w.new_zeros(())
            for start in range(0, n, rows):
                block = x[start : start + rows]
                hidden = block @ w.T
                scores = hidden @ hidden.mT
                scores.diagonal(dim1=1, dim2=2).sub_(mean)
                residual = y[start : start + rows] - scores.div_(root)
                loss = loss + (residual * residual).sum()
                shift = shift + residual.diagonal(dim1=1, dim2=2).sum()
                gradient.addmm_((residual @ hidden).reshape(-1, p).T, block.reshape(-1, d), alpha=-4 / root)
            gradient.add_(seen, alpha=float(4 * shift / root)).add_(w, alpha=2 * weight_decay)
            w.grad = gradient / total
            return (loss + weight_decay * norm) / total

        return closure


def _scores(labels: Any, samples: int, tokens: int) -> Any:
    """The scores (n, T, T) of labels with one number per pair."""
    first, second = np.triu_indices(tokens)
    scale = labels.new_tensor(np.where(first == second, 1.0, np.sqrt(2.0)))
    values = labels.reshape(samples, -1) / scale
    scores = labels.new_empty((samples, tokens, tokens))
    scores[:, first, second] = values
    scores[:, second, first] = values
    return scores


GRADIENT_MODELS.register("attention")(AttentionGradient())
