"""Where phases meet in the plane of samples and weight decay, and where to write their names."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..phases import PEAK_WIDTH, PHASES
from ..phases_with_covariance import phase_of_problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..phases import Phase
    from ..problems import Problem

#: Cells in which boundaries are looked for, samples and weight decays: a phase thinner than a cell may be missed.
CELLS = (56, 36)
#: Halvings that find where a boundary crosses the side of a cell.
HALVINGS = 9
#: Cells around it that a phase has for itself before its name is written there.
ROOM = 1.5
#: Cells at the left and the right in which no name is written.
MARGIN = 2


def phase_map(
    problem: Problem, samples: tuple[float, float], weight_decays: tuple[float, float]
) -> dict[str, Any] | None:
    """Boundaries of the phases as segments, and a place for each phase's name; None without phases.

    Parameters
    ----------
    problem : Problem
    samples, weight_decays : (float, float)
        What is in sight.

    Returns
    -------
    dict
        ``segments``: lists ``x0, y0, x1, y1`` of samples and weight decays; ``labels``: name and place; ``cells``:
        names at places that are evenly spaced on logarithmic axes.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.explore.boundaries import phase_map
    >>> found = phase_map(Problem("quadratic", PowerLaw(400, 1.25), 1, noise=0.1), (400, 4e9), (1e-3, 1e3))
    >>> sorted(label["name"] for label in found["labels"])
    ['II', 'IV', 'Ib', 'V', 'VIa', 'VIb']
    """
    if phase_of_problem(problem, 1.0) is None:
        return None
    x = np.linspace(math.log(samples[0]), math.log(samples[1]), CELLS[0])
    y = np.linspace(math.log(weight_decays[0]), math.log(weight_decays[1]), CELLS[1])
    per_penalty = problem.weight_decay_from_penalty(1.0) if problem.architecture.has_width else 1.0

    def name(log_samples: float, log_decay: float) -> str:
        phase = found(log_samples, log_decay)
        if phase is PHASES["peak"]:  # too thin for a place of its own: it is where its neighbours meet
            phase = found(log_samples - 3 * PEAK_WIDTH * math.log(problem.dim), log_decay)
        return "" if phase is None else phase.name

    def found(log_samples: float, log_decay: float) -> Phase | None:
        here = replace(problem, samples=max(1.0, math.exp(log_samples)))
        return phase_of_problem(here, math.exp(log_decay) / per_penalty)

    names = np.array([[name(a, b) for b in y] for a in x])
    return {"segments": _segments(names, x, y, name), "labels": _labels(names, x, y), "cells": names.tolist()}


def _segments(names: Any, x: Any, y: Any, name: Callable[[float, float], str]) -> dict[str, list[float]]:
    """Pieces of the boundaries: in each cell, straight from where one comes in to where it leaves."""
    cells: dict[tuple[int, int], list[tuple[frozenset[str], tuple[float, float]]]] = {}
    for i, j in zip(*np.nonzero(names[:-1] != names[1:]), strict=True):
        place = _crossing(partial(_swapped, name, y[j]), x[i], x[i + 1], names[i, j])
        for cell in ((i, j - 1), (i, j)):
            cells.setdefault(cell, []).append((frozenset((names[i, j], names[i + 1, j])), (place, y[j])))
    for i, j in zip(*np.nonzero(names[:, :-1] != names[:, 1:]), strict=True):
        place = _crossing(partial(name, x[i]), y[j], y[j + 1], names[i, j])
        for cell in ((i - 1, j), (i, j)):
            cells.setdefault(cell, []).append((frozenset((names[i, j], names[i, j + 1])), (x[i], place)))
    out: dict[str, list[float]] = {"x0": [], "y0": [], "x1": [], "y1": []}
    for ends in cells.values():
        for start, stop in _joined(ends):
            for key, value in zip(out, (*start, *stop), strict=True):
                out[key].append(math.exp(value))
    return out


def _joined(ends: list[tuple[frozenset[str], tuple[float, float]]]) -> list[tuple[Any, Any]]:
    """Ends of the same boundary in pairs; those that are left meet in a point."""
    pairs, left = [], []
    for between in dict.fromkeys(phases for phases, _ in ends):
        own = [place for phases, place in ends if phases == between]
        pairs += list(zip(own[::2], own[1::2], strict=False))
        left += own[len(own) // 2 * 2 :]
    if len(left) > 2:
        middle = tuple(np.mean(left, axis=0))
        return pairs + [(end, middle) for end in left]
    return pairs + ([(left[0], left[1])] if len(left) == 2 else [])


def _swapped(name: Callable[[float, float], str], second: float, first: float) -> str:
    return name(first, second)


def _crossing(name: Callable[[float], str], low: float, high: float, left: str) -> float:
    """Where the phase changes from `left` between two places."""
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if name(middle) == left else (low, middle)
    return 0.5 * (low + high)


def _labels(names: Any, x: Any, y: Any) -> list[dict[str, Any]]:
    """The place of each phase that is furthest from all others."""
    from scipy.ndimage import distance_transform_edt

    found = []
    for phase in dict.fromkeys(names.ravel().tolist()):
        room = distance_transform_edt(np.pad(names == phase, 1))[1:-1, 1:-1]
        i, j = (int(k) for k in np.unravel_index(int(np.argmax(room)), room.shape))
        i = min(max(i, MARGIN), x.size - 1 - MARGIN)
        if room[i, j] >= ROOM and names[i, j] == phase:
            found.append({"name": phase, "samples": math.exp(x[i]), "weight_decay": math.exp(y[j])})
    return sorted(found, key=lambda label: str(label["name"]))
