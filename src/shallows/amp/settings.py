"""How a run of message passing is carried out."""

from __future__ import annotations

from dataclasses import dataclass

from .._arguments import check_integer, check_number
from ..errors import InvalidArgument
from .damping import SMALLEST_MIX


@dataclass(frozen=True)
class AmpSettings:
    """Damping, the end of a run, and the size of its prediction.

    Parameters
    ----------
    damping : float, optional
        Share of the new iterate in the mix with the old one, in (0.1, 1]; default 1 (diagonal) or 0.6 (quadratic,
        whose trace direction oscillates otherwise). Lowered by itself where the noise scale would rise. The
        prediction of state evolution follows the mixes of the run, and is exact for them as `d` grows.
    max_iterations : int
    tolerance : float
        Relative change of the estimate at which to stop.
    replicas : int, optional
        Data sets of the problem to run the same iteration on, to correct state evolution for finite size; each costs
        about as much as the run. Default: 4 for the quadratic network while ``n d <= 2^24``, whose first iterations are
        otherwise several standard deviations off at a few hundred dimensions; 0 above and for the diagonal one.
        State evolution alone costs less than the run up to ``d = 1500`` (the overlaps of damped estimates are
        simulated) and next to nothing above (they are taken to be nested, approximate on the way, exact at the end).

    Raises
    ------
    InvalidArgument
        For a setting out of its range.

    Examples
    --------
    >>> from shallows.amp import AmpSettings
    >>> AmpSettings(damping=0.5)
    AmpSettings(damping=0.5, max_iterations=100, tolerance=1e-06, replicas=None)
    >>> AmpSettings(damping=1.5)
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: damping: got 1.5; must be above 0.1 and at most 1
    """

    damping: float | None = None
    max_iterations: int = 100
    tolerance: float = 1e-6
    replicas: int | None = None

    def __post_init__(self) -> None:
        smallest = 2 * SMALLEST_MIX
        if self.damping is not None and not smallest < check_number("damping", self.damping, strict=True) <= 1:
            raise InvalidArgument("damping", self.damping, f"must be above {smallest:g} and at most 1")
        object.__setattr__(self, "max_iterations", check_integer("max_iterations", self.max_iterations))
        object.__setattr__(self, "tolerance", check_number("tolerance", self.tolerance, strict=True))
        if self.replicas is not None:
            object.__setattr__(self, "replicas", check_integer("replicas", self.replicas, minimum=0))
