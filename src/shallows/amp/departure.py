"""What counts as leaving the predicted path: more than finite size and chance allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._types import FloatArray
    from .result import Trajectory

#: Measured and predicted noise scale may differ by this much before a departure is called,
ALLOWANCE = 0.03
#: plus this over the effective samples where the prediction is not corrected for finite size (theory note, section 11),
DRIFT = 5.0
#: plus this many fluctuations.
FLUCTUATIONS = 5.0
#: A noise scale below this share of the first is rounding.
RECOVERED = 1e-12


def size_allowance(effective_samples: float, replicas: int) -> float:
    """Relative deviation of the noise scale that is put down to finite size, whatever chance adds."""
    return ALLOWANCE if replicas else ALLOWANCE + DRIFT / effective_samples


def departure_share(trajectory: Trajectory, effective_samples: float, replicas: int) -> FloatArray:
    """Deviation of each iteration's noise scale over the largest that is allowed there, shape (iterations,).

    The deviation is ``|log(measured/predicted)|``; allowed are :func:`size_allowance` and :data:`FLUCTUATIONS`
    fluctuations. A noise scale that is rounding does not deviate.
    """
    miss = np.abs(np.log(trajectory.noise_scale / trajectory.predicted_noise_scale))
    miss[trajectory.noise_scale <= RECOVERED * trajectory.noise_scale[:1]] = 0.0
    allowed = size_allowance(effective_samples, replicas) + FLUCTUATIONS * trajectory.fluctuation
    share: FloatArray = miss / allowed
    return share


def first_departure(trajectory: Trajectory, effective_samples: float, replicas: int) -> int | None:
    """First iteration, counted from 0, whose noise scale is off the predicted one by more than is allowed."""
    off = np.flatnonzero(departure_share(trajectory, effective_samples, replicas) > 1)
    return int(off[0]) if off.size else None
