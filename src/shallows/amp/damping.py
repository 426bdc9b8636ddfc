"""How much of each proposal of message passing is mixed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .iteration import Iteration

#: Damping is strengthened while the noise scale would rise by more than this factor, down to the smallest share of the
#: new iterate.
RISE, SMALLEST_MIX = 1.02, 0.05
#: Without progress over this many iterations damping is strengthened as well.
SETTLE = 8


class Damping:
    """Share of each proposal to mix in: at most what was asked for, less where a run needs it.

    Parameters
    ----------
    most : float
        Share to start from, in (0, 1].
    """

    def __init__(self, most: float) -> None:
        self.most, self.last = most, 1.0
        self.changes: list[float] = []

    def choose(self, run: Iteration, change: float) -> float:
        """The share for the present proposal, whose relative change is `change`."""
        # On theory's path the noise scale falls. Where a few strong modes make it rise, mix less.
        highest = (RISE + 2 / float(np.sqrt(run.labels.size))) * run.scale
        self.last = min(self.most, 1.03 * self.last)
        while self.last > SMALLEST_MIX and run.scale_after(self.last) > highest:
            self.last *= 0.7
        self.changes.append(change)
        if len(self.changes) > SETTLE + 1 and change > 0.8 * self.changes[-SETTLE]:
            self.most = max(0.9 * self.most, 2 * SMALLEST_MIX)  # a cycle rather than a fixed point
        return self.last
