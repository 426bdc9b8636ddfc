"""Approximate message passing as the first stage of the nuclear norm (theory note, sections 9 and 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..amp import MessageStep
from ..amp.anderson import Anderson
from ..denoisers import threshold_for_penalty

if TYPE_CHECKING:
    from .nuclear_search import NuclearSearch

#: Iterations at most.
LONGEST = 400
#: AMP gives up after this many iterations without progress.
PATIENCE = 12
#: Relative change of the state below which products are made in double precision.
SINGLE = 1e-6


def pass_messages(search: NuclearSearch, max_iterations: int) -> bool:
    """AMP with Anderson mixing, from the best point; False if it left its path before the tolerance was reached.

    The threshold is the one that belongs to the asked penalty on the present spectrum, so that the fixed point is the
    asked minimum.
    """
    operator, labels, penalty, tolerance = search.operator, search.labels, search.penalty, search.tolerance
    n, d = operator.samples, operator.dim
    step = MessageStep("quadratic", operator)
    # The state is (S, r); the weight gives both blocks the same noise per degree of freedom.
    weight = 1 / np.sqrt(step.unit)
    point = search.best
    state = np.concatenate([(point.factor @ point.factor.T).ravel(), weight * (labels - point.fitted)])
    mixing = Anderson(memory=10, damping=0.7, start=6, single=True)
    lowest, smallest, without_progress = np.inf, np.inf, 0
    rough, next_certificate = True, min(1e-4, 10 * tolerance)
    highest = 1e3 * max(float(labels @ labels) / d**2, 1e-300)
    for iteration in range(min(max_iterations, LONGEST)):
        matrix, residual = state[: d * d].reshape(d, d), state[d * d :] / weight
        values, vectors = operator.eigh(step.observe(matrix, residual, rough=rough))
        zeta, divergence = threshold_for_penalty(values, n / d**2, penalty)
        learned = values > zeta
        factor = vectors[:, learned] * np.sqrt(values[learned] - zeta)
        fitted = operator.forward_factor(factor, rough=rough)
        miss = labels - fitted
        objective = float(miss @ miss) / d**2 + penalty * float((values[learned] - zeta).sum()) / d
        following = np.concatenate([(factor @ factor.T).ravel(), weight * step.correct(miss, divergence, residual)])
        search.count("amp", objective)
        search.details["rough_iterations"] += rough
        if not np.isfinite(objective) or objective > highest:
            return False
        # The gap is of first order in the error and the certificate costs another adjoint: ask when the residual of
        # the fixed point has fallen enough for the answer to be new.
        change = float(np.linalg.norm(following - state)) / max(float(np.linalg.norm(following)), 1e-300)
        if change < next_certificate:
            proof = search.consider(factor, operator.forward_factor(factor) if rough else fitted, "amp")
            if search.done:
                return True
            next_certificate = change * min(0.5, max(0.02, search.near / proof.gap))
        if objective < lowest * (1 - 1e-3 * tolerance) or change < 0.9 * smallest:
            lowest, smallest, without_progress = min(lowest, objective), min(smallest, change), 0
        else:
            without_progress += 1
            if (without_progress > PATIENCE and change > 1e-3) or without_progress > 4 * PATIENCE:
                break
        rough = rough and change > SINGLE
        state = mixing.step(state, following - state) if iteration else following
    search.consider(factor, operator.forward_factor(factor), "amp")
    return search.done
