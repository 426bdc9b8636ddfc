"""Continuous lines of straight pieces: least squares, places of the breaks, and how many pieces a criterion prefers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from .curves import POINTS_PER_SEGMENT

if TYPE_CHECKING:
    from ._types import FloatArray
    from .curves import Points, Scatter

#: Most segments that are tried.
MOST_SEGMENTS = 5
#: Break points are searched among at most this many positions, then refined freely.
POSITIONS = 28


def design_of(x: FloatArray, breaks: FloatArray) -> FloatArray:
    """Columns: constant, slope of the first piece, change of slope at each break."""
    return np.column_stack([np.ones_like(x), x, *(np.maximum(x - b, 0.0) for b in breaks)])


def solve_line(x: FloatArray, y: FloatArray, weight: FloatArray, breaks: FloatArray) -> tuple[FloatArray, float]:
    """Weighted least squares on lines that meet at the breaks: coefficients of the design, and the loss."""
    design = design_of(x, breaks)
    coefficients, *_ = np.linalg.lstsq(design * weight[:, None], y * weight, rcond=None)
    return np.asarray(coefficients, dtype=float), float(np.sum((weight * (y - design @ coefficients)) ** 2))


def search_breaks(x: FloatArray, y: FloatArray, weight: FloatArray, pieces: int) -> FloatArray | None:
    """Best breaks among positions between points, each piece keeping enough points."""
    if pieces == 1:
        return np.zeros(0)
    m = POINTS_PER_SEGMENT
    places = np.arange(m, x.size - m + 1)
    if places.size > POSITIONS:
        places = np.unique(np.linspace(places[0], places[-1], POSITIONS).round().astype(int))
    spacing = max(m, 1)
    best, found = math.inf, None
    for chosen in combinations(places.tolist(), pieces - 1):
        if any(b - a < spacing for a, b in zip(chosen, chosen[1:], strict=False)):
            continue
        breaks = np.array([0.5 * (x[i - 1] + x[i]) for i in chosen])
        loss = solve_line(x, y, weight, breaks)[1]
        if loss < best:
            best, found = loss, breaks
    return found


def refine_breaks(x: FloatArray, y: FloatArray, weight: FloatArray, breaks: FloatArray) -> FloatArray:
    """Move the breaks freely, by Gauss-Newton steps on break positions (Muggeo 2003), keeping what improves."""
    loss = solve_line(x, y, weight, breaks)[1]
    for _ in range(30):
        design = design_of(x, breaks)
        jump = -(x[:, None] > breaks[None, :]).astype(float)
        full = np.column_stack([design, jump]) * weight[:, None]
        solution, *_ = np.linalg.lstsq(full, y * weight, rcond=None)
        change = solution[2 : 2 + breaks.size]
        shift = solution[2 + breaks.size :]
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(np.abs(change) > 1e-12, shift / change, 0.0)
        moved = False
        for scale in (1.0, 0.5, 0.25, 0.1):
            trial = breaks + scale * step
            edges = np.concatenate([[x[1]], trial, [x[-2]]])
            inside = bool(np.isfinite(trial).all() and (np.diff(edges) > 0).all())
            if inside and np.all(np.diff(np.searchsorted(x, np.concatenate([[x[0]], trial, [np.inf]]))) >= 2):
                value = solve_line(x, y, weight, trial)[1]
                if value < loss * (1 - 1e-9):
                    breaks, loss, moved = trial, value, True
                    break
        if not moved:
            break
    return breaks


@dataclass(frozen=True)
class BestLine:
    """The breaks that the criterion prefers, its value there, and the losses of one piece, two pieces, ..."""

    breaks: FloatArray
    score: float
    losses: tuple[float, ...]


def criterion(loss: float, count: int, terms: int, scatter: Scatter, resolution: float) -> float:
    """Bayesian information criterion, the smaller the better, with its small-sample correction."""
    penalty = terms * math.log(count) + 2 * terms * (terms + 1) / max(count - terms - 1, 0.5)
    if scatter.known:
        return penalty + loss
    rows = count + scatter.spare
    return penalty + rows * math.log((loss + scatter.within) / rows + resolution**2)


def best_line(points: Points, resolution: float) -> BestLine:
    """Breaks of the number of pieces that the Bayesian information criterion prefers."""
    x, y, weight = points.x, points.y, points.weight
    best: tuple[float, FloatArray] | None = None
    losses: list[float] = []
    for pieces in range(1, min(MOST_SEGMENTS, x.size // POINTS_PER_SEGMENT) + 1):
        breaks = search_breaks(x, y, weight, pieces)
        if breaks is None:
            break
        if breaks.size:
            breaks = refine_breaks(x, y, weight, breaks)
        loss = solve_line(x, y, weight, breaks)[1]
        # Three a piece: level, slope and break, whose search among many places is paid for as well.
        score = criterion(loss, x.size, 3 * pieces, points.scatter, resolution)
        losses.append(loss)
        if best is None or score < best[0]:
            best = score, breaks
    assert best is not None  # one piece always fits
    return BestLine(best[1], best[0], tuple(losses))
