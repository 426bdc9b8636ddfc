"""The settings that departures are measured at: one for each phase that a network of this size can be in."""

from __future__ import annotations

from dataclasses import dataclass

from .._display import Displayed, Summary
from ..errors import InvalidArgument
from ..networks import Network, network_named
from ..problems import Problem
from ..teachers import PowerLaw


@dataclass(frozen=True, repr=False)
class Phase(Displayed):
    """One setting: what theory assumes there, before anything departs from it.

    Attributes
    ----------
    name : str
        What tables and files call it.
    words : str
        What it is like.
    network : str
        The network of the theory.
    dim, samples : int
    gamma, noise : float
        Exponent of the power-law teacher of energy one, and variance of the label noise.
    weight_decay : float or None
        None: each network is taken at its best.
    width : int, optional
        Hidden units of networks that theory does not cover (default: `dim`).

    Examples
    --------
    >>> from shallows.robustness import phase_named
    >>> phase = phase_named("quadratic-II")
    >>> phase.problem().effective_samples, phase.weight_decay
    (40.0, 2.0)
    """

    name: str
    words: str
    network: str
    dim: int
    samples: int
    gamma: float
    noise: float
    weight_decay: float | None = None
    width: int | None = None

    @property
    def architecture(self) -> Network:
        """The network of the theory."""
        return network_named(self.network)

    @property
    def units(self) -> int:
        """Hidden units of a network that theory does not cover."""
        return self.width or self.dim

    def teacher(self) -> PowerLaw:
        """The teacher that theory assumes."""
        return PowerLaw(self.dim, self.gamma)

    def problem(self) -> Problem:
        """What theory assumes."""
        return Problem(self.network, self.teacher(), self.samples, self.noise)

    def _summary(self) -> Summary:
        rows = [("network", self.network), ("dimension", str(self.dim)), ("samples", str(self.samples))]
        rows += [("gamma", f"{self.gamma:g}"), ("noise", f"{self.noise:g}")]
        rows += [("weight decay", "best" if self.weight_decay is None else f"{self.weight_decay:g}")]
        return Summary(f"{self.name}: {self.words}", rows)


#: Phases of the theory's own networks (theory note, section 7): outliers only; few samples and weak weight decay;
#: close to the noise line; many samples and weak weight decay.
OF_THEORY = (
    Phase("quadratic-II", "strong decay", "quadratic", 40, 1600, 1.25, 0.3, 2.0),
    Phase("quadratic-V", "few samples", "quadratic", 40, 400, 1.25, 0.3, 0.02),
    Phase("quadratic-line", "noise line", "quadratic", 40, 1600, 1.25, 0.3, 1.0),
    Phase("quadratic-VI", "many samples", "quadratic", 40, 2400, 1.25, 0.3, 0.02),
    Phase("diagonal-II", "strong decay", "diagonal", 300, 300, 1.0, 0.5, 2.0),
    Phase("diagonal-V", "few samples", "diagonal", 300, 150, 1.0, 0.5, 0.01),
    Phase("diagonal-line", "noise line", "diagonal", 300, 600, 1.0, 0.5, 1.4),
    Phase("diagonal-VI", "many samples", "diagonal", 300, 1500, 1.0, 0.5, 0.1),
)
#: Settings of networks that theory does not cover, beside the quadratic network that stands in for them: both are
#: taken at their best weight decay.
OF_OTHERS = (
    Phase("few", "few samples", "quadratic", 24, 288, 1.25, 0.1),
    Phase("many", "many samples", "quadratic", 24, 864, 1.25, 0.1),
    Phase("narrow", "narrow network", "quadratic", 24, 864, 1.25, 0.1, None, 8),
)
#: Of real tables: sizes are those of the table, and the weight decay is a share of the one that silences every weight.
OF_TABLES = tuple(
    Phase(f"table-{network}-{words.split()[0]}", words, network, 0, 0, 1.0, 0.0, share)
    for network in ("diagonal", "quadratic")
    for words, share in (("strong decay", 0.3), ("medium decay", 0.05), ("weak decay", 0.005))
)
PHASES = OF_THEORY + OF_OTHERS + OF_TABLES


def phase_named(name: str) -> Phase:
    """The phase of that name.

    Parameters
    ----------
    name : str

    Returns
    -------
    Phase

    Raises
    ------
    InvalidArgument
        If there is none.

    Examples
    --------
    >>> from shallows.robustness import phase_named
    >>> phase_named("many").samples
    864
    """
    found = {phase.name: phase for phase in PHASES}
    if name not in found:
        raise InvalidArgument("phase", name, f"must be one of {', '.join(found)}")
    return found[name]
