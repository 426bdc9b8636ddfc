"""The threshold that belongs to a weight decay, on the present effective observations (theory note, sections 9, 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._types import FloatArray


def threshold_for_weight_decay(observed: FloatArray, samples: int, bound: float) -> float:
    """The ``zeta`` with ``zeta (n - D(zeta)) = bound``, ``D`` the entries of `observed` above ``zeta``.

    `observed` has shape (d,), ``D`` counts by size, ``bound = lam sqrt(d)``. The left side increases with ``zeta``; at
    its jumps the jump itself is the answer. At most ``n - 1`` entries stay active.
    """
    sizes = np.sort(np.abs(observed))[::-1]
    count = np.arange(min(sizes.size, samples - 1) + 1)
    wanted = bound / (samples - count)
    below = np.append(sizes, 0.0)[count]
    feasible = np.flatnonzero(wanted >= below)
    if feasible.size == 0:
        return float(below[-1])
    k = int(feasible[0])
    return float(wanted[k]) if k == 0 else float(min(wanted[k], sizes[k - 1]))
