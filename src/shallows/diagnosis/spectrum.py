"""What is measured of one matrix, before anything is concluded from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._display import Displayed, Summary
from .._numbers import number
from ..freeprob.marchenko_pastur import MarchenkoPastur

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from .._types import FloatArray


@dataclass(frozen=True, repr=False)
class NoiseBulk(Displayed):
    """The part of a spectrum that is noise, in the units of the matrix.

    Attributes
    ----------
    law : str
        ``"Marchenko-Pastur"`` (independent entries), ``"orthogonal"`` (all singular values equal) or ``"clipped
        semicircle"`` (what weight decay leaves of noise in a trained quadratic network).
    scale : float
        Standard deviation ``s`` of an entry; for the clipped semicircle ``delta``, in the units of ``W^T W``.
    interval : (float, float)
        Confidence interval of `scale`, at 95 %.
    lower_edge, edge : float
        Smallest and largest singular value that noise of this scale gives as the matrix grows.
    edge_fluctuation : float
        Standard deviation of the largest one of noise about where it is expected (Tracy-Widom).
    p_value : float
        That noise fits the bulk as badly or worse.
    distance : float
        Largest difference between the distribution function of the values in the bulk and that of the law: of a large
        matrix a `p_value` near zero may stand beside a difference that does not matter.

    Examples
    --------
    >>> from shallows.diagnosis import NoiseBulk
    >>> NoiseBulk("Marchenko-Pastur", 0.1, (0.09, 0.11), 0.0, 2.0, 0.02, 0.5, 0.01).edge
    2.0
    """

    law: str
    scale: float
    interval: tuple[float, float]
    lower_edge: float
    edge: float
    edge_fluctuation: float
    p_value: float
    distance: float = 0.0

    def _summary(self) -> Summary:
        rows = [("law", self.law), ("scale", number(self.scale)), ("edge", number(self.edge))]
        return Summary("Noise in a spectrum", [*rows, ("p-value", number(self.p_value, 2))])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self) | {"interval": list(self.interval)}

    def times(self, factor: float) -> NoiseBulk:
        """Of the matrix times `factor`."""
        return replace(
            self,
            scale=self.scale * factor,
            interval=(self.interval[0] * factor, self.interval[1] * factor),
            lower_edge=self.lower_edge * factor,
            edge=self.edge * factor,
            edge_fluctuation=self.edge_fluctuation * factor,
        )


@dataclass(frozen=True, repr=False)
class WeightOutlier(Displayed):
    """A singular value beyond the edge of the noise.

    Attributes
    ----------
    singular_value : float
    p_value : float
        That noise alone has one as large, corrected for looking at many.
    strength : float
        The singular value freed of noise: that of the planted part.
    strength_interval : (float, float)
        At 95 %.
    left_overlap, right_overlap : float
        Squared overlaps of its singular vectors with those of the planted part.

    Examples
    --------
    >>> from shallows.diagnosis import WeightOutlier
    >>> WeightOutlier(3.0, 1e-6, 2.6, (2.5, 2.7), 0.8, 0.9).strength
    2.6
    """

    singular_value: float
    p_value: float
    strength: float
    strength_interval: tuple[float, float]
    left_overlap: float
    right_overlap: float

    def _summary(self) -> Summary:
        rows = [("singular value", number(self.singular_value)), ("p-value", number(self.p_value, 2))]
        overlaps = f"{self.left_overlap:.2f}, {self.right_overlap:.2f}"
        rows += [("freed of noise", number(self.strength)), ("squared overlaps", overlaps)]
        return Summary("Singular value beyond the noise", rows)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self) | {"strength_interval": list(self.strength_interval)}

    def times(self, factor: float) -> WeightOutlier:
        """Of the matrix times `factor`."""
        low, high = self.strength_interval
        return replace(
            self,
            singular_value=self.singular_value * factor,
            strength=self.strength * factor,
            strength_interval=(low * factor, high * factor),
        )


@dataclass(frozen=True, repr=False)
class WeightTail(Displayed):
    """A power law ``p(x) ~ x^-alpha`` of the eigenvalues ``x`` (squared singular values) above the edge.

    Attributes
    ----------
    alpha : float
    interval : (float, float)
        At 95 %.
    start : float
        Where the tail begins, a singular value.
    count : int
        Values in it.
    p_value : float
        Goodness of fit: that a power law fits as badly or worse.
    against : dict of str to float
        p-value of the likelihood ratio in favour of each other law (``lognormal``, ``exponential``,
        ``truncated``): small where that law is the better one.

    Examples
    --------
    >>> from shallows.diagnosis import WeightTail
    >>> WeightTail(2.5, (2.2, 2.8), 1.0, 60, 0.4, {"lognormal": 0.5}).alpha
    2.5
    """

    alpha: float
    interval: tuple[float, float]
    start: float
    count: int
    p_value: float
    against: dict[str, float] = field(default_factory=dict)

    @property
    def in_words(self) -> str:
        """The exponent and its interval."""
        return f"{self.alpha:.2f} ({self.interval[0]:.2f} to {self.interval[1]:.2f})"

    def _summary(self) -> Summary:
        rows = [("alpha", self.in_words), ("values", str(self.count)), ("from", number(self.start))]
        return Summary("Power-law tail of a spectrum", [*rows, ("p-value", number(self.p_value, 2))])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self) | {"interval": list(self.interval)}

    def times(self, factor: float) -> WeightTail:
        """Of the matrix times `factor`."""
        return replace(self, start=self.start * factor)


@dataclass(frozen=True, eq=False, repr=False)
class MatrixSpectrum(Displayed):
    """Singular values of a matrix, and what of them is noise.

    Attributes
    ----------
    shape : (int, int)
    singular_values : ndarray, shape (min(shape),)
        Decreasing, of the matrix as given.
    bulk : NoiseBulk or None
        None where no noise could be fitted; `no_bulk` says why.
    no_bulk : str
    outliers : tuple of WeightOutlier
        Decreasing; those with a corrected p-value of at most 1 %. Where the rows or columns were `equalised`, they are
        those of the equalised matrix, which has the energy of the matrix as given. What a single entry, row or column
        makes is no outlier but a remark.
    tail : WeightTail or None
        None where there is no tail to fit; `no_tail` says why.
    no_tail : str
    energy_outliers : float or None
        Share of the squared Frobenius norm in the outliers; None without a bulk.
    stable_rank : float
        Squared Frobenius over squared spectral norm.
    effective_rank : float
        Exponential of the entropy of the shares of the singular values.
    equalised : str
        ``""``, ``"rows"``, ``"columns"`` or ``"rows and columns"``: what was brought to one variance before
        the noise was fitted, being of very different ones.
    remarks : tuple of str
        What a reader has to know of the numbers above, a clause each.
    beyond : int
        Singular values beyond the edge: outliers, and those due to a single entry, row or column.
    fitted_values : ndarray or None
        Singular values that the noise was fitted to, decreasing, where they are not those of the matrix as given: its
        rows or columns were equalised, or some left out.
    edge_p_value : float or None
        Of the largest singular value that is not called an outlier: that noise has one as large. Uniformly
        distributed over matrices of noise.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.diagnosis import MatrixSpectrum
    >>> one = MatrixSpectrum((2, 2), np.array([2.0, 1.0]), None, "too small", (), None, "too small", None, 1.25, 1.9)
    >>> one.spectral_norm, round(one.norm**2, 6)
    (2.0, 5.0)
    """

    shape: tuple[int, int]
    singular_values: FloatArray
    bulk: NoiseBulk | None
    no_bulk: str
    outliers: tuple[WeightOutlier, ...]
    tail: WeightTail | None
    no_tail: str
    energy_outliers: float | None
    stable_rank: float
    effective_rank: float
    equalised: str = ""
    remarks: tuple[str, ...] = ()
    beyond: int = 0
    fitted_values: FloatArray | None = None
    edge_p_value: float | None = None

    def rows(self) -> list[tuple[str, str]]:
        """What a person reads of it, name and value."""
        out = [("shape", f"{self.shape[0]} x {self.shape[1]}")]
        if self.bulk is None:
            out.append(("bulk", self.no_bulk))
        else:
            out += [("outliers", str(len(self.outliers))), ("edge of the noise", number(self.bulk.edge))]
        if self.energy_outliers is not None:
            out.append(("energy of the outliers", f"{100 * self.energy_outliers:.3g} %"))
        if self.tail is not None:
            out.append(("alpha", self.tail.in_words))
        return [*out, ("largest singular value", number(self.spectral_norm)), ("stable rank", number(self.stable_rank))]

    def _summary(self) -> Summary:
        return Summary("Spectrum of a matrix", self.rows(), notes=self.remarks)

    def noise_density(self, singular_values: ArrayLike) -> FloatArray:
        """Density of what is noise, :func:`noise_density`; NaN where none was fitted."""
        if self.bulk is None:
            return np.full(np.shape(singular_values), np.nan)
        return noise_density(self.bulk, self.shape, singular_values)

    def times(self, factor: float) -> MatrixSpectrum:
        """Of the matrix times `factor`."""
        return replace(
            self,
            singular_values=self.singular_values * factor,
            fitted_values=None if self.fitted_values is None else self.fitted_values * factor,
            bulk=self.bulk and self.bulk.times(factor),
            outliers=tuple(one.times(factor) for one in self.outliers),
            tail=self.tail and self.tail.times(factor),
        )

    @property
    def spectral_norm(self) -> float:
        """Largest singular value."""
        return float(self.singular_values[0]) if self.singular_values.size else 0.0

    @property
    def norm(self) -> float:
        """Frobenius norm."""
        largest = self.spectral_norm
        if largest == 0.0:
            return 0.0
        return largest * float(np.sqrt(np.sum((self.singular_values / largest) ** 2)))

    def to_record(self) -> dict[str, Any]:
        """JSON-ready and whole: :meth:`from_record` makes the same object of it."""
        return {
            "shape": list(self.shape),
            "singular_values": self.singular_values.tolist(),
            "bulk": None if self.bulk is None else self.bulk.to_dict(),
            "no_bulk": self.no_bulk,
            "outliers": [outlier.to_dict() for outlier in self.outliers],
            "tail": None if self.tail is None else self.tail.to_dict(),
            "no_tail": self.no_tail,
            "energy_outliers": self.energy_outliers,
            "stable_rank": self.stable_rank,
            "effective_rank": self.effective_rank,
            "equalised": self.equalised,
            "remarks": list(self.remarks),
            "beyond": self.beyond,
            "fitted_values": None if self.fitted_values is None else self.fitted_values.tolist(),
            "edge_p_value": self.edge_p_value,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> MatrixSpectrum:
        """The object that :meth:`to_record` wrote."""
        bulk, tail, fitted = record["bulk"], record["tail"], record["fitted_values"]
        intervals = [{**one, "strength_interval": tuple(one["strength_interval"])} for one in record["outliers"]]
        return cls(
            **{
                **record,
                "shape": tuple(record["shape"]),
                "singular_values": np.array(record["singular_values"], dtype=float),
                "bulk": None if bulk is None else NoiseBulk(**{**bulk, "interval": tuple(bulk["interval"])}),
                "outliers": tuple(WeightOutlier(**one) for one in intervals),
                "tail": None if tail is None else WeightTail(**{**tail, "interval": tuple(tail["interval"])}),
                "remarks": tuple(record["remarks"]),
                "fitted_values": None if fitted is None else np.array(fitted, dtype=float),
            }
        )


def noise_density(bulk: NoiseBulk, shape: tuple[int, int], singular_values: ArrayLike) -> FloatArray:
    """Density of the singular values that a bulk of independent entries gives.

    Parameters
    ----------
    bulk : NoiseBulk
    shape : (int, int)
    singular_values : array_like
        Where, in the units of the matrix.

    Returns
    -------
    ndarray
        Of the shape of `singular_values`; its integral is 1. NaN for laws without a density.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.diagnosis import NoiseBulk, noise_density
    >>> bulk = NoiseBulk("Marchenko-Pastur", 0.1, (0.1, 0.1), 0.0, 2.0, 0.02, 0.5)
    >>> x = np.linspace(0.0, 2.0, 20001)
    >>> round(float(np.trapezoid(noise_density(bulk, (100, 100), x), x)), 3)
    1.0
    """
    y = np.asarray(singular_values, dtype=float)
    if bulk.law != "Marchenko-Pastur":
        return np.full(y.shape, np.nan)
    short, long = sorted(shape)
    unit = bulk.scale * np.sqrt(long)
    x = (y / unit) ** 2
    return MarchenkoPastur(short / long).density(x) * 2 * y / unit**2
