"""What weight decay leaves of noise in a trained quadratic network: a semicircle, shifted and cut at zero.

Eigenvalues of ``S = W^T W / sqrt(p d)`` are those of ``(S* + delta GOE - zeta)_+`` (theory note, sections 3 and 5).
Those of noise keep their places to within a fraction of their spacing, so the ``k``-th largest learned one lies at
``delta q_k - zeta``, where ``q_k`` is the semicircle's quantile of its rank: a straight line, whose slope is the noise
scale and whose intercept is the threshold. No eigenvalue has to be told from zero for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy.special import betaincinv

from .._distributions import chi_squared_sf

if TYPE_CHECKING:
    from .._types import FloatArray
    from .spectrum import MatrixSpectrum

#: What is taken off a rank to have the mean of its eigenvalue at the quantile (simulations of d = 60 to 300).
RANK_OFFSET = 0.65
#: Standard deviation of the ``k``-th eigenvalue below the edge, over ``delta d^(-2/3)``: ``FLUCTUATION k^(-DECAY)``.
FLUCTUATION, DECAY = 1.28, 0.26
#: Learned eigenvalues below this share of the bulk's largest are what the optimiser left.
REMAINS = 0.05
#: Fewer eigenvalues make no bulk.
FEWEST = 4
#: Singular values below this share of the largest are zero.
ROUNDING = 1e-5
#: Eigenvalues that tell one law from another.
ENOUGH = 10
#: A noise scale more uncertain than this, relatively, is none.
LOOSEST = 0.5
#: Below this p-value eigenvalues are not a bulk.
MISFIT = 0.02


def semicircle_quantile(share: FloatArray) -> FloatArray:
    """Where the semicircle of radius 2 has this `share` of its mass above.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.diagnosis.clipped_semicircle import semicircle_quantile
    >>> semicircle_quantile(np.array([0.0, 0.5, 1.0])).round(6) + 0.0
    array([ 2.,  0., -2.])
    """
    return 2 - 4 * np.asarray(betaincinv(1.5, 1.5, np.clip(share, 0.0, 1.0)))


@dataclass(frozen=True)
class ClippedSemicircle:
    """A fitted bulk, in the units of the eigenvalues.

    Attributes
    ----------
    outliers : int
        Eigenvalues above the bulk.
    count : int
        Eigenvalues of the bulk that were fitted.
    scale, threshold : float
        ``delta`` and ``zeta``, the latter from the middle of the bulk.
    scale_error, threshold_error : float
    p_value : float
        That noise fits as badly or worse.

    Examples
    --------
    >>> from shallows.diagnosis.clipped_semicircle import ClippedSemicircle
    >>> ClippedSemicircle(2, 30, 1.0, 0.5, 0.1, 0.1, 0.5).edge
    1.5
    """

    #: What it is called.
    law: ClassVar[str] = "clipped semicircle"

    outliers: int
    count: int
    scale: float
    threshold: float
    scale_error: float
    threshold_error: float
    p_value: float

    @property
    def edge(self) -> float:
        """Where the bulk ends."""
        return 2 * self.scale - self.threshold


@lru_cache(maxsize=256)
def _quantiles(size: int) -> FloatArray:
    ranks = np.arange(1, size + 1) - RANK_OFFSET
    return semicircle_quantile(ranks / size)


def fit_bulk(values: FloatArray, outliers: int, threshold: float | None = None) -> ClippedSemicircle | None:
    """The line through the eigenvalues below the `outliers` largest; None where they are too few, or no bulk.

    Parameters
    ----------
    values : ndarray, shape (d,)
        All eigenvalues, decreasing.
    outliers : int
    threshold : float, optional
        ``zeta`` where it is known.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.diagnosis.clipped_semicircle import fit_bulk, semicircle_quantile
    >>> noisy = 0.5 * semicircle_quantile((np.arange(1, 101) - 0.65) / 100)
    >>> found = fit_bulk(np.maximum(noisy - 0.4, 0.0), outliers=0)
    >>> round(found.scale, 3), round(found.threshold, 3)
    (0.5, 0.4)
    """
    rest = values[outliers:]
    size = rest.size
    if size < FEWEST or rest[0] <= 0:
        return None
    count = int((rest > REMAINS * rest[0]).sum())
    if count < FEWEST:
        return None
    quantiles, seen = _quantiles(size)[:count], rest[:count]
    ranks = np.arange(1, count + 1)
    spread = FLUCTUATION * ranks**-DECAY * size ** (-2 / 3)
    # From the lower end of a full spectrum eigenvalues are as free as at the upper one.
    spread = np.maximum(spread, FLUCTUATION * (size + 1 - ranks) ** -DECAY * size ** (-2 / 3))
    weight = 1 / spread**2
    if threshold is None:
        middle = float(weight @ quantiles / weight.sum())
        centred = quantiles - middle
        slope_weight = float(weight @ centred**2)
        scale = float(weight @ (centred * seen)) / slope_weight
        shift = middle * scale - float(weight @ seen / weight.sum())
    else:
        slope_weight = float(weight @ quantiles**2)
        scale, shift = float(weight @ (quantiles * (seen + threshold))) / slope_weight, threshold
    if scale <= 0:
        return None
    misses = (seen - scale * quantiles + shift) / (scale * spread)
    # Errors of neighbours are alike: the line is as uncertain as if from fewer of them, as simulations show.
    alike = max(0.6 * np.sqrt(count), 1.0)
    scale_error = scale * np.sqrt(alike / slope_weight)
    threshold_error = (
        0.0
        if threshold is not None
        else scale * np.sqrt(alike * (1 / weight.sum() + (quantiles @ weight / weight.sum()) ** 2 / slope_weight))
    )
    p_value = _misfit(float(misses @ misses) / max(count - 2, 1), count)
    return ClippedSemicircle(outliers, count, scale, shift, float(scale_error), float(threshold_error), p_value)


def _misfit(statistic: float, count: int) -> float:
    """p-value of the mean square miss, whose law under noise was simulated (d = 60 to 300, thresholds -0.5 to 1.5)."""
    freedom, mean = 2.5 + 0.35 * count, 0.27 * count**0.21
    return float(chi_squared_sf(statistic / mean * freedom, freedom))


def find_bulk(values: FloatArray, threshold: float | None = None) -> ClippedSemicircle | None:
    """The bulk below as few outliers as make it fit; None where no part of the eigenvalues is one.

    Parameters
    ----------
    values : ndarray, shape (d,)
        All eigenvalues, decreasing.
    threshold : float, optional
        ``zeta`` where it is known.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.diagnosis.clipped_semicircle import find_bulk
    >>> rng = np.random.default_rng(0)
    >>> noise = rng.standard_normal((100, 100)) / np.sqrt(200)
    >>> noise = noise + noise.T
    >>> noise[0, 0] += 3
    >>> found = find_bulk(np.maximum(np.linalg.eigvalsh(noise)[::-1] - 0.5, 0.0))
    >>> found.outliers, bool(abs(found.scale - 1) < 3 * found.scale_error)
    (1, True)
    """
    positive = int((values > 0).sum())
    for outliers in range(max(positive - FEWEST + 1, 0)):
        found = fit_bulk(values, outliers, threshold)
        if found is None:
            return None
        if found.p_value >= MISFIT and (found.scale_error < LOOSEST * found.scale):
            return found
    return None


def noise_law(spectrum: MatrixSpectrum) -> str:
    """Which law of noise the singular values of a matrix follow below its outliers.

    ``"Marchenko-Pastur"``: entries of noise, as initialisations leave them. ``"clipped semicircle"``: what weight decay
    leaves in ``W`` where the loss sees ``W^T W``. ``"cannot tell"`` where both laws fit, or none.

    Parameters
    ----------
    spectrum : MatrixSpectrum
        Of :func:`.analyse_matrix`.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.diagnosis import analyse_matrix
    >>> from shallows.diagnosis.clipped_semicircle import noise_law
    >>> noise = np.random.default_rng(0).standard_normal((100, 100))
    >>> noise_law(analyse_matrix(noise))
    'Marchenko-Pastur'
    >>> values, vectors = np.linalg.eigh((noise + noise.T) / np.sqrt(200))
    >>> clipped = np.sqrt(np.maximum(values - 0.7, 0.0))[:, None] * vectors.T
    >>> noise_law(analyse_matrix(clipped))
    'clipped semicircle'
    """
    bulk = spectrum.bulk
    entries = bulk is not None and bulk.p_value >= MISFIT and bulk.law != ClippedSemicircle.law
    found = find_bulk(spectrum.singular_values**2)
    positive = int((spectrum.singular_values > ROUNDING * spectrum.spectral_norm).sum())
    clipped = found is not None and found.count >= max(ENOUGH, positive / 2)
    if entries == clipped:
        return "cannot tell"
    return "Marchenko-Pastur" if entries else ClippedSemicircle.law
