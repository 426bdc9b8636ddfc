"""Compiled: means over random initial weights of the quadratic network's flow (theory note, section 15)."""

from __future__ import annotations

import math

import numpy as np

from .._kernels import kernel

#: Beyond this a logistic function is 0 or 1 to rounding.
_SATURATED = 36.0
#: Free units from which on one distribution of overlaps serves all modes.
_MANY = 64.0
#: Fewer free units than this fluctuate in nothing that matters.
_FEWEST = 0.2
_MOST_NODES = 96


@kernel
def log_gain(a, x):
    """``log((e^(a x) - 1)/a)``, `x` ``> 0``, of any sign of `a`."""
    y = a * x
    if abs(y) < 1e-8:
        return math.log(x) + 0.5 * y
    if y > 0.0:
        return y + math.log(-math.expm1(-y)) - math.log(a)
    return math.log(-math.expm1(y)) - math.log(-a)


@kernel
def ceiling(a, x):
    """``a/(1 - e^(-a x))``: what a mode comes to where its overlap is saturated."""
    y = a * x
    if abs(y) < 1e-8:
        return (1.0 + 0.5 * y) / x
    return 0.0 if y < -700.0 else -a / math.expm1(-y)


@kernel
def _logistic(x):
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


@kernel
def log_free_units(log_gains, counts, width, guess):
    """``log m`` of ``m + sum_k counts_k m v_k/(1 + m v_k) = width``, ``v = exp(log_gains)``."""
    top = log_gains.max()
    total = counts.sum()
    high = math.log(width)
    low = min(high - math.log(2.0), math.log(0.5 * width / total) - top)
    x = min(max(guess, low), high)
    for _ in range(200):
        value = math.exp(x)
        slope = value
        for k in range(counts.size):
            q = _logistic(x + log_gains[k])
            value += counts[k] * q
            slope += counts[k] * q * (1.0 - q)
        excess = value - width
        if excess > 0.0:
            high = x
        else:
            low = x
        if abs(excess) <= 1e-14 * width or high - low <= 1e-15 * max(1.0, abs(x)):
            break
        following = x - excess / slope if slope > 0.0 else low
        if not low < following < high:
            following = 0.5 * (low + high)
        if abs(following - x) <= 1e-14 * max(1.0, abs(x)):
            x = following
            break
        x = following
    return x


@kernel
def overlap_nodes(freedom, shifts, weights):
    """Fill nodes ``log Y`` and weights for ``Y``, chi-squared of `freedom` over its mean; returns their number."""
    shape = 0.5 * freedom
    spread = 1.0 / math.sqrt(shape)
    step = min(0.9 * spread, 0.9)
    low = max(-60.0, -6.5 * spread - 14.0 / shape)
    high = math.log1p(6.5 * spread + 20.0 / shape)
    count = min(_MOST_NODES, int((high - low) / step) + 2)
    step = (high - low) / (count - 1)
    total = 0.0
    mean = 0.0
    for i in range(count):
        y = low + i * step
        shifts[i] = y
        weights[i] = math.exp(shape * (y - math.exp(y) + 1.0))
        total += weights[i]
        mean += weights[i] * math.exp(y)
    for i in range(count):
        weights[i] /= total
        shifts[i] -= math.log(mean / total)
    return count


@kernel
def mean_flow(times, speed, a, s, counts, width, dim, scale, mean, error, scattered):
    """Fill `mean`, `error` (times, m) and `scattered` (times,); `speed` is ``2 c``, `scale` the initial deviation."""
    modes = s.size
    gains = np.empty(modes)
    top = np.empty(modes)
    shifts = np.empty(_MOST_NODES)
    weights = np.empty(_MOST_NODES)
    start = 2.0 * math.log(scale) - 0.5 * (math.log(width) + math.log(dim))
    guess = math.log(width)
    for i in range(times.size):
        x = speed * times[i]
        if x == 0.0:
            b = width * math.exp(start)
            for k in range(modes):
                mean[i, k] = b
                error[i, k] = (b - s[k]) ** 2 + 2.0 * b * b / width
            scattered[i] = dim * (dim - 1.0) * b * b / width
            continue
        for k in range(modes):
            gain = log_gain(a[k], x)
            top[k] = ceiling(a[k], x)
            gains[k] = gain + start
        guess = log_free_units(gains, counts, width, guess)
        free = math.exp(guess)
        moving = 0.0
        for k in range(modes):
            q = _logistic(guess + gains[k])
            moving += counts[k] * q * (1.0 - q)
        shared = free + moving > _MANY
        nodes = overlap_nodes(free + moving + 0.5, shifts, weights) if shared else 0
        cross = 0.0
        own = 0.0
        for k in range(modes):
            q = _logistic(guess + gains[k])
            moves = q * (1.0 - q)
            across = top[k] * moves
            cross += counts[k] * across
            own += counts[k] * across * across
            others = free + moving - moves
            position = guess + gains[k] + (math.log1p(q / others) if others > 0.0 else 0.0)
            # Saturated, or without a free unit left to fluctuate.
            if abs(position) > _SATURATED + 24.0 or free + moving + q * q < _FEWEST:
                mean[i, k] = top[k] * q
                error[i, k] = (top[k] * q - s[k]) ** 2
                continue
            if not shared:
                nodes = overlap_nodes(free + moving + q * q, shifts, weights)
            first = 0.0
            second = 0.0
            for j in range(nodes):
                learned = top[k] * _logistic(position + shifts[j])
                first += weights[j] * learned
                second += weights[j] * (learned - s[k]) ** 2
            mean[i, k] = first
            error[i, k] = second
        scattered[i] = max(cross * cross - own, 0.0) / (free + moving) if free + moving > 0.0 else 0.0
