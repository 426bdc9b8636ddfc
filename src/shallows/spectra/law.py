"""What the laws of all networks' learned weights have in common, and where they are found.

Theory note, sections 5 and 6.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_choice
from .._display import Displayed, Summary, frame_of
from .._numbers import terminal_number
from ..designs import PairedSpectrum
from ..errors import NotSupported
from ..networks import Capability
from .decomposition import Decomposition

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from ..problems import Problem


@dataclass(frozen=True, repr=False)
class Outlier(Displayed):
    """A mode of the teacher that stands out of the noise in the learned weights.

    Attributes
    ----------
    teacher : float
        The teacher's mode: ``s`` (quadratic) or ``|theta*|`` (diagonal).
    multiplicity : float
        How many modes of the teacher it stands for (not an integer in a compressed teacher).
    learned : float
        Where it shows in the learned weights: ``nu - zeta`` (quadratic), ``|theta*| - zeta`` (diagonal).
    overlap : float
        Quadratic network: squared overlap ``1 - delta^2/s^2`` of the learned with the true direction.
        Diagonal network: probability that the weight is not zero.

    Examples
    --------
    One mode twice as large as the noise scale: it shows at ``s + delta^2/s``, less the threshold.

    >>> from shallows import FromValues, Problem
    >>> from shallows.spectra import learned_law
    >>> law = learned_law(Problem("quadratic", FromValues([2.0] + [0.0] * 99999), samples=1e9), 1.0, 0.5)
    >>> (outlier,) = law.outliers
    >>> round(outlier.learned, 3), outlier.overlap
    (2.0, 0.75)
    """

    teacher: float
    multiplicity: float
    learned: float
    overlap: float

    def to_dict(self) -> dict[str, float]:
        """JSON-ready."""
        return asdict(self)


@dataclass(frozen=True, repr=False)
class LearnedLaw(Displayed, ABC):
    """Law of the learned weights: a mass at zero, a bulk of learned noise, and outliers.

    Parameters
    ----------
    problem : Problem
    noise_scale, threshold : float
        ``tau`` or ``delta``, and ``zeta``; both ``>= 0``.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, predict
    >>> law = predict(Problem("quadratic", PowerLaw(200, 1.25), samples=4000, noise=0.1), weight_decay=0.5).spectrum
    >>> law.bulk is None, law.has_sharp_bulk, len(law.outliers)
    (False, True, 8)
    """

    problem: Problem
    noise_scale: float
    threshold: float

    @property
    @abstractmethod
    def mass_at_zero(self) -> float:
        """Share of weights (eigenvalues) that are exactly zero."""

    @property
    @abstractmethod
    def bulk(self) -> tuple[float, float] | None:
        """Interval of learned noise, or None where nothing of it is left."""

    @property
    def read(self) -> bool:
        """Whether mass at zero, bulk and outliers, which are computed when they are read, all were."""
        return {"mass_at_zero", "bulk", "outliers"} <= set(vars(self))

    def _summary(self) -> Summary:
        words, known = self.problem.architecture.words, vars(self)
        rows = [
            ("noise scale", terminal_number(self.noise_scale), f"({words.noise_scale})"),
            ("threshold", terminal_number(self.threshold), "(zeta)"),
        ]
        if "mass_at_zero" in known:
            rows.insert(0, ("at zero", f"{100 * self.mass_at_zero:.4g} %", f"of the {words.weights}"))
        if "bulk" in known:
            ends = self.bulk
            text = "none" if ends is None else f"{terminal_number(ends[0])} to {terminal_number(ends[1])}"
            rows.insert(-2, ("bulk", text, "learned noise"))
        table: list[tuple[str, ...]] = []
        if "outliers" in known:
            rows.insert(-2, ("outliers", terminal_number(self.outlier_count), "learned modes"))
            table = [tuple(terminal_number(v) for v in outlier.to_dict().values()) for outlier in self.outliers]
        head = [("teacher", True), ("multiplicity", True), ("learned", True), (words.overlap, True)]
        left = [name for name in ("mass_at_zero", "bulk", "outliers") if name not in known]
        notes = [f"computed when read: {', '.join(left)}"] if left else []
        return Summary(f"Learned spectrum of {self.problem.architecture.phrase}", rows, head, table, notes)

    def to_frame(self) -> pandas.DataFrame:
        """Learned modes as a data frame, largest first.

        Columns, in units of the weights (eigenvalues): ``teacher`` and ``learned``, where the mode is in teacher and
        network; ``multiplicity``, how many modes of the teacher it stands for; ``overlap``, with the true direction, or
        the probability to be learned, from 0 to 1.
        """
        return frame_of({name: [getattr(o, name) for o in self.outliers] for name in Outlier.__dataclass_fields__})

    def plot(self, ax: Axes | None = None, *, by: str = "density") -> Axes:
        """Draw the law: near its bulk, or by rank.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            To draw on; new ones of pyplot by default. Nothing is shown, and no setting is changed.
        by : {"density", "rank"}

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        InvalidArgument
            For another `by`.
        """
        from ..plotting.spectrum import draw_law, draw_ranks_of_law
        from ..plotting.style import axes_or_new

        draws = {"density": draw_law, "rank": draw_ranks_of_law}
        check_choice("by", by, draws)
        with axes_or_new(ax) as axes:
            draws[by](axes, self)
        return axes

    @property
    def has_sharp_bulk(self) -> bool:
        """Whether the bulk ends at a sharp edge, beyond which each outlier is seen by itself."""
        return self.problem.architecture.sharp_bulk

    @property
    @abstractmethod
    def outliers(self) -> tuple[Outlier, ...]:
        """Learned modes, largest first."""

    @abstractmethod
    def density(self, x: ArrayLike) -> NDArray[Any]:
        """Density at `x` of the learned weights other than zero; integrates to ``1 - mass_at_zero``."""

    def rank_positions(self, ranks: NDArray[Any]) -> NDArray[Any]:
        """Predicted size of the `ranks`-th largest learned weight, 0 where none is left, shape of `ranks`.

        The median position: where the expected number of larger weights is ``rank - 1/2``.
        """
        if self.noise_scale == 0.0:
            spectrum = self.problem.spectrum
            tops = np.cumsum(spectrum.multiplicities)
            places = np.searchsorted(tops, ranks - 0.5)
            kept = np.maximum(spectrum.values[np.minimum(places, tops.size - 1)] - self.threshold, 0.0)
            return np.where(ranks <= self.problem.effective_width, kept, 0.0)
        return self._noisy_rank_positions(ranks)

    @abstractmethod
    def _noisy_rank_positions(self, ranks: NDArray[Any]) -> NDArray[Any]:
        """:meth:`rank_positions` where there is noise."""

    def decomposition(self) -> Decomposition:
        """The four parts of the excess risk of these weights, in its units."""
        if self.noise_scale == 0.0:
            return Decomposition(0.0, 0.0, 0.0, 0.0)
        return self._noisy_decomposition()

    @abstractmethod
    def _noisy_decomposition(self) -> Decomposition:
        """:meth:`decomposition` where there is noise."""

    @property
    def outlier_count(self) -> float:
        """Number of learned modes, with multiplicity."""
        return sum(o.multiplicity for o in self.outliers)

    def to_dict(self, most: int = 50) -> dict[str, Any]:
        """JSON-ready summary with at most `most` outliers."""
        return {
            "mass_at_zero": self.mass_at_zero,
            "bulk": None if self.bulk is None else list(self.bulk),
            "outliers": [o.to_dict() for o in self.outliers[:most]],
            "outlier_count": self.outlier_count,
        }


#: For each network, the law of its learned weights.
LAWS: Capability[type[LearnedLaw]] = Capability("law of the learned weights")
#: The same of the whitened weights, for inputs with a covariance.
COVARIANCE_LAWS: Capability[type[LearnedLaw]] = Capability("law of the learned weights for inputs with a covariance")


def has_law(problem: Problem) -> bool:
    """Whether the law of the learned weights of `problem` is known.

    Parameters
    ----------
    problem : Problem
        Only its network and design matter.

    Examples
    --------
    A covariance that is not diagonal mixes the weights of the diagonal network.

    >>> from shallows import GaussianDesign, PowerLaw, Problem
    >>> from shallows.spectra import has_law
    >>> design = GaussianDesign(1.0, alignment="random")
    >>> has_law(Problem("diagonal", PowerLaw(20, 1.0), samples=50, design=design))
    False
    """
    if problem.design.is_white:
        return LAWS.has(problem.network)
    if not COVARIANCE_LAWS.has(problem.network):
        return False
    return problem.architecture.is_matrix or isinstance(problem.seen, PairedSpectrum)


def require_law(problem: Problem) -> None:
    """Raise :class:`shallows.errors.NotSupported` unless the law of the learned weights of `problem` is known.

    Parameters
    ----------
    problem : Problem
        Only its network and design matter.

    Raises
    ------
    NotSupported
        Says what is missing.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.spectra import require_law
    >>> require_law(Problem("diagonal", PowerLaw(20, 1.0), samples=50))
    """
    if problem.design.is_white:
        LAWS.of(problem.network)
    elif not has_law(problem):
        COVARIANCE_LAWS.of(problem.network)
        allowed = f"no law of the weights of the {problem.network} network is known for inputs that mix them"
        raise NotSupported("design", problem.design.describe(), allowed)


def learned_law(problem: Problem, noise_scale: float, threshold: float) -> LearnedLaw:
    """Law of the learned weights of `problem` at the given noise scale and threshold.

    Parameters
    ----------
    problem : Problem
        Only its network, teacher and width matter.
    noise_scale, threshold : float
        ``tau`` or ``delta``, and ``zeta``; both ``>= 0``.

    Returns
    -------
    LearnedLaw

    Raises
    ------
    NotSupported
        If the network has none.

    Examples
    --------
    >>> from shallows import LowRank, Problem
    >>> from shallows.spectra import learned_law
    >>> law = learned_law(Problem("quadratic", LowRank(dim=100, rank=3), samples=2000), noise_scale=0.0, threshold=1.0)
    >>> round(law.mass_at_zero, 12), [(round(o.learned, 4), o.multiplicity) for o in law.outliers]
    (0.97, [(4.7735, 3.0)])
    """
    require_law(problem)
    laws = LAWS if problem.design.is_white else COVARIANCE_LAWS
    return laws.of(problem.network)(problem, noise_scale, threshold)


def decompose(law: LearnedLaw) -> Decomposition:
    """Split the excess risk of the weights described by `law`, in units of the excess risk (theory note, section 6).

    Parameters
    ----------
    law : LearnedLaw
        As :func:`learned_law` makes it.

    Returns
    -------
    Decomposition

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.spectra import decompose, learned_law
    >>> law = learned_law(Problem("diagonal", PowerLaw(dim=1000, gamma=1.0), samples=500), 0.03, 0.07)
    >>> parts = decompose(law)
    >>> parts.alignment <= 0 <= parts.overfitting, round(parts.underfitting, 4)
    (True, 0.0232)
    """
    return law.decomposition()
