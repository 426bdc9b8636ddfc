"""Compiled: means over random initial weights of the diagonal network's flow (theory note, section 15)."""

from __future__ import annotations

import math

from .._kernels import kernel

#: Decay of the forcing, in exponents, that one step may bridge.
_FORCING = 0.03
#: Where the shrinking part is this share of the growing one, it no longer matters.
_NEGLIGIBLE = 1e-13


@kernel
def riccati(p, a, b, forcing, time):
    """Solution at `time` of ``p' = a p - b p^2 + forcing`` from `p` ``>= 0``, without cancellation."""
    root = math.sqrt(a * a + 4.0 * b * forcing)
    if root * time < 1e-12:
        return (p * (1.0 + 0.5 * a * time) + forcing * time) / (1.0 + (b * p - 0.5 * a) * time)
    decayed = math.exp(-root * time)
    tanh = (1.0 - decayed) / (1.0 + decayed)
    rest = 2.0 * decayed / (1.0 + decayed)
    gap = 4.0 * b * forcing / (root + abs(a)) + abs(a) * rest
    wide = root + abs(a) * tanh
    up, down = (wide, gap) if a >= 0.0 else (gap, wide)
    return (p * up + 2.0 * forcing * tanh) / (down + 2.0 * b * p * tanh)


@kernel
def advance(p, q, alpha, beta, decay, time):
    """``u^2`` and ``v^2`` after `time`: ``p' = p (alpha - decay - beta (p - q))``, ``(p q)' = -2 decay p q``."""
    done = 0.0
    while done < time:
        left = time - done
        product = p * q
        if q <= _NEGLIGIBLE * p:
            return riccati(p, alpha - decay, beta, 0.0, left), 0.0
        if alpha < decay and beta * max(p, q) < 1e-12 * decay:  # what is left decays for good
            return p * math.exp((alpha - decay) * left), q * math.exp(-(alpha + decay) * left)
        step = left if decay == 0.0 else min(left, _FORCING / (2.0 * decay))
        stiff = beta * math.sqrt(product)
        if stiff > alpha + decay:
            # P = p e^(decay t) has the constant product P Q, and beta decays in its place: no small p - q is lost.
            late = beta * math.exp(-decay * (step - min(0.5 * step, 0.5 / stiff)))
            p = riccati(p, alpha, late, late * product, step) * math.exp(-decay * step)
        else:
            p = riccati(p, alpha - decay, beta, beta * product * math.exp(-decay * step), step)
        q = product * math.exp(-2.0 * decay * step) / p if p > 0.0 else 0.0
        done = done + step if step < left else time
    return p, q


@kernel
def mean_flow(times, speed, s, dim, decay, first, first_weights, second, second_weights, mean, error, norm):
    """Fill `mean`, `error`, `norm` (times, m) with averages over ``u^2`` in `first` and ``v^2`` in `second`."""
    beta = 2.0 / dim
    half = 0.5 / math.sqrt(dim)
    for k in range(s.size):
        alpha = speed * s[k]
        for i in range(first.size):
            # Of second order in v^2 where the mode outruns it: its mean then stands for its law.
            alone = beta * (first[i] + second[-1]) < 0.02 * alpha or second.size == 1
            for j in range(1 if alone else second.size - 1):
                p = first[i]
                q = second[-1] if alone else second[j]
                weight = first_weights[i] * (1.0 if alone else second_weights[j])
                now = 0.0
                for t in range(times.size):
                    p, q = advance(p, q, alpha, beta, decay, times[t] - now)
                    now = times[t]
                    theta = half * (p - q)
                    mean[t, k] += weight * theta
                    error[t, k] += weight * (theta - s[k]) ** 2
                    norm[t, k] += weight * (p + q)
