"""What is known of one matrix of a model: where it comes from, its spectrum and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._display import Displayed, Summary
from .spectrum import MatrixSpectrum
from .verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

#: Remark on a matrix that is the same in the baseline.
UNCHANGED = "unchanged since the baseline"


@dataclass(frozen=True, eq=False, repr=False)
class Change(Displayed):
    """What training did to a matrix: the difference to the same matrix of a baseline.

    Attributes
    ----------
    spectrum : MatrixSpectrum
        Of the difference.
    verdict : Verdict
        On the difference.
    relative_size : float or None
        Frobenius norm of the difference over that of the baseline's matrix; None where that is zero.
    angles : tuple of float
        Principal angles, in degrees and increasing, between the leading left singular vectors of both matrices: as
        many as the matrix has outliers, at least one and at most ten.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.diagnosis import diagnose
    >>> rng = np.random.default_rng(0)
    >>> before = rng.normal(size=(80, 60)) / 8
    >>> after = before + 2 * np.outer(rng.normal(size=80), rng.normal(size=60)) / 60
    >>> (layer,) = diagnose({"w": after}, baseline={"w": before}).layers
    >>> len(layer.change.spectrum.singular_values), layer.change.relative_size < 1
    (60, True)
    """

    spectrum: MatrixSpectrum
    verdict: Verdict
    relative_size: float | None
    angles: tuple[float, ...]

    def _summary(self) -> Summary:
        rows = [("verdict", self.verdict.in_words)]
        if self.relative_size is not None:
            rows.append(("size", f"{100 * self.relative_size:.3g} % of the baseline's"))
        title = "What training did to a matrix"
        return Summary(title, [*rows, *self.spectrum.rows()], notes=[self.verdict.evidence, *self.spectrum.remarks])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return numbers_of(self.spectrum, self.verdict) | {
            "relative_size": self.relative_size,
            "angles": list(self.angles),
        }


@dataclass(frozen=True, eq=False, repr=False)
class LayerDiagnosis(Displayed):
    """One matrix of a model.

    Attributes
    ----------
    name : str
        As the checkpoint calls it; in brackets what part of a tensor it is.
    kind : str
        ``linear``, ``convolution``, ``embedding``, ``attention``, ``recurrent`` or ``adapter``.
    made : str
        How it was made of the stored tensor; empty if as stored.
    spectrum : MatrixSpectrum
    verdict : Verdict
    change : Change or None
        What differs from the baseline; None without one.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.diagnosis import diagnose
    >>> (layer,) = diagnose({"w": np.random.default_rng(0).normal(size=(200, 100))}).layers
    >>> layer.verdict.name, layer.num_outliers
    ('noise', 0)
    """

    name: str
    kind: str
    made: str
    spectrum: MatrixSpectrum
    verdict: Verdict
    change: Change | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.spectrum.shape

    @property
    def parameters(self) -> int:
        """Number of entries."""
        return self.shape[0] * self.shape[1]

    @property
    def unchanged(self) -> bool:
        """Whether the baseline has the very same matrix."""
        return UNCHANGED in self.spectrum.remarks

    @property
    def num_outliers(self) -> int:
        """Singular values beyond the noise."""
        return len(self.spectrum.outliers)

    def _summary(self) -> Summary:
        rows = [("verdict", self.verdict.in_words), ("sure", self.verdict.sure)]
        rows = [*(row for row in rows if row[1]), *self.spectrum.rows()]
        if self.change is not None:
            rows.append(("change", self.change.verdict.in_words))
        return Summary(f"Matrix {self.name}", rows, notes=[self.verdict.evidence, *self.spectrum.remarks])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the singular values with the law of the noise over them; those beyond it as lines.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            To draw on; new ones of pyplot by default. Nothing is shown, and no setting is changed.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from ..plotting.diagnosis import draw_matrix_spectrum, short_names
        from ..plotting.explained import explain
        from ..plotting.style import axes_or_new

        with axes_or_new(ax) as axes:
            draw_matrix_spectrum(axes, self, short_names([self.name], 60)[0])
            axes.set_xlabel("singular value")
            explain(axes, most=2)
        return axes

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the singular values."""
        head = {"name": self.name, "kind": self.kind, "shape": list(self.shape), "made": self.made}
        change = {} if self.change is None else {"change": self.change.to_dict()}
        return head | numbers_of(self.spectrum, self.verdict) | change

    def to_record(self) -> dict[str, Any]:
        """JSON-ready and whole: :meth:`from_record` makes the same object of it."""
        change = None
        if self.change is not None:
            change = {
                "spectrum": self.change.spectrum.to_record(),
                "verdict": self.change.verdict.to_dict(),
                "relative_size": self.change.relative_size,
                "angles": list(self.change.angles),
            }
        return {
            "name": self.name,
            "kind": self.kind,
            "made": self.made,
            "spectrum": self.spectrum.to_record(),
            "verdict": self.verdict.to_dict(),
            "change": change,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> LayerDiagnosis:
        """The object that :meth:`to_record` wrote."""
        change = record["change"]
        if change is not None:
            change = Change(
                MatrixSpectrum.from_record(change["spectrum"]),
                Verdict.from_dict(change["verdict"]),
                change["relative_size"],
                tuple(change["angles"]),
            )
        return cls(
            record["name"],
            record["kind"],
            record["made"],
            MatrixSpectrum.from_record(record["spectrum"]),
            Verdict.from_dict(record["verdict"]),
            change,
        )


def numbers_of(spectrum: MatrixSpectrum, verdict: Verdict) -> dict[str, Any]:
    """What a program reads of one spectrum and its verdict; None is what is not known."""
    bulk, tail = spectrum.bulk, spectrum.tail
    return {
        "verdict": verdict.name,
        "confidence": verdict.confidence,
        "regularisation": verdict.regularisation,
        "evidence": verdict.evidence,
        "advice": list(verdict.advice),
        "num_outliers": None if bulk is None else len(spectrum.outliers),
        "outlier_pvalues": [outlier.p_value for outlier in spectrum.outliers],
        "outliers": [outlier.to_dict() for outlier in spectrum.outliers],
        "noise_law": None if bulk is None else bulk.law,
        "noise_scale": None if bulk is None else bulk.scale,
        "noise_scale_lo": None if bulk is None else bulk.interval[0],
        "noise_scale_hi": None if bulk is None else bulk.interval[1],
        "noise_pvalue": None if bulk is None else bulk.p_value,
        "bulk_edge": None if bulk is None else bulk.edge,
        "no_bulk": spectrum.no_bulk,
        "energy_outliers": spectrum.energy_outliers,
        "alpha": None if tail is None else tail.alpha,
        "alpha_lo": None if tail is None else tail.interval[0],
        "alpha_hi": None if tail is None else tail.interval[1],
        "alpha_pvalue": None if tail is None else tail.p_value,
        "alpha_against": {} if tail is None else dict(tail.against),
        "no_tail": spectrum.no_tail,
        "stable_rank": spectrum.stable_rank,
        "effective_rank": spectrum.effective_rank,
        "spectral_norm": spectrum.spectral_norm,
        "frobenius_norm": spectrum.norm,
        "equalised": spectrum.equalised,
        "remarks": list(spectrum.remarks),
    }
