"""Do the data look like what the theory assumes? Cheap tests that say so before anyone trusts a number.

Every check compares a statistic with its own fluctuation under Gaussian inputs, so that a warning means that the data
betray the assumption, not that they are few.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .._types import FloatArray
    from .estimates import Inference

#: A statistic this many standard errors off counts as evidence.
SIGNIFICANT = 5.0


@dataclass(frozen=True)
class Concern:
    """One thing about the data that theory does not cover.

    Attributes
    ----------
    name : str
        Which assumption.
    serious : bool
        Whether the test-error estimate itself is in doubt (otherwise only what builds on the noise scale is).
    statistic : float
        How far off, in the words of `message`.
    message : str
        What was seen and what it means.
    """

    name: str
    serious: bool
    statistic: float
    message: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


@dataclass(frozen=True)
class Diagnosis:
    """All concerns about one fit."""

    concerns: tuple[Concern, ...]

    @property
    def ok(self) -> bool:
        """Whether no serious concern was found."""
        return not any(concern.serious for concern in self.concerns)

    def __str__(self) -> str:
        if not self.concerns:
            return "the data look like what the theory assumes"
        return "; ".join(concern.message for concern in self.concerns)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"ok": self.ok, "concerns": [concern.to_dict() for concern in self.concerns]}


def check_inputs(inputs: FloatArray, network: str) -> list[Concern]:
    """Concerns about the inputs alone, as the network sees them, shape (n, d)."""
    n, d = inputs.shape
    out: list[Concern] = []
    quadratic = network == "quadratic"
    means, scales = inputs.mean(axis=0), np.square(inputs).mean(axis=0)
    shift = float(np.abs(means).max())
    if shift > SIGNIFICANT / np.sqrt(n) * np.sqrt(max(float(scales.max()), 1e-300)):
        out.append(Concern("mean", quadratic, shift, f"columns are not centred (largest mean {shift:.3g})"))
    off = float(np.abs(scales - 1).max())
    kurtosis = np.mean(inputs**4, axis=0) / np.maximum(scales, 1e-300) ** 2
    if off > SIGNIFICANT * np.sqrt(max(float(kurtosis.max()) - 1, 2.0) / n):
        out.append(
            Concern("scale", quadratic, off, f"columns do not have unit variance (off by up to {off:.3g}): standardise")
        )
    if d > 1 and n > 2:
        unit = (inputs - means) / np.maximum(inputs.std(axis=0), 1e-300)
        if d <= n:
            gram = unit.T @ unit / n
            squares = float(np.square(gram).sum() - np.square(np.diag(gram)).sum())
        else:
            gram = unit @ unit.T / n
            squares = float(np.square(gram).sum() - np.square(np.square(unit).mean(axis=0)).sum())
        pairs = d * (d - 1)
        excess = (squares - pairs / n) / (np.sqrt(2 * pairs * 2) / n)
        typical = np.sqrt(max(squares / pairs - 1 / n, 0.0))
        if excess > SIGNIFICANT and typical > 0.01:
            out.append(
                Concern(
                    "correlation",
                    quadratic and typical > 0.05,
                    float(typical),
                    f"columns are correlated (root mean square {typical:.2g} beyond chance): intervals of single "
                    "weights, recovered modes and the forecast assume uncorrelated ones",
                )
            )
    mean_kurtosis = float(kurtosis.mean())
    limit = SIGNIFICANT * np.sqrt(24 / (n * d)) + 6 / n
    if abs(mean_kurtosis - 3) > max(limit, 0.3 if quadratic else 1.0):
        kind = "heavy-tailed" if mean_kurtosis > 3 else "light-tailed (binary or bounded)"
        out.append(
            Concern(
                "kurtosis",
                quadratic or mean_kurtosis > 9,
                mean_kurtosis,
                f"inputs are {kind}: mean kurtosis {mean_kurtosis:.3g} instead of 3",
            )
        )
    if d > 1:
        norms = np.square(inputs).mean(axis=1)
        spread = float(norms.var() / max(float(norms.mean()) ** 2, 1e-300)) * d / 2
        expected = max((mean_kurtosis - 1) / 2, 1.0)
        if spread > expected * (1 + SIGNIFICANT * np.sqrt(8 / n)) and spread > 1.5 * expected:
            out.append(
                Concern(
                    "row norms",
                    spread > 4,
                    spread,
                    f"some rows are much longer than others (spread {spread:.3g} times that of independent columns)",
                )
            )
    distinct = np.unique(inputs, axis=0).shape[0]
    if distinct < 0.95 * n:
        out.append(
            Concern(
                "duplicates",
                True,
                1 - distinct / n,
                f"{n - distinct} of {n} rows are copies of others: not independent",
            )
        )
    return out


def check_assumptions(inputs: FloatArray, labels: FloatArray, inference: Inference | None) -> Diagnosis:
    """Everything about data and fit that puts the estimates in doubt.

    Parameters
    ----------
    inputs, labels : ndarrays, shapes (n, d) and (n,)
        As the network saw them.
    inference : Inference or None
        None where the fit interpolates.
    """
    n = inputs.shape[0]
    if inference is None:
        interpolates = "the network interpolates its data: no estimate of the test error exists at this weight decay"
        return Diagnosis((Concern("interpolation", True, 0.0, interpolates),))
    out = check_inputs(inputs, inference.network)
    quadratic = inference.network == "quadratic"
    if inference.effective_samples < 30:
        out.append(
            Concern(
                "few samples",
                inference.effective_samples < 10,
                inference.effective_samples,
                f"n_eff = {inference.effective_samples:.3g} < 30: theory drifts, by about 10 % at n_eff = 10",
            )
        )
    if inference.slack < 0.15:
        out.append(
            Concern(
                "near interpolation",
                True,
                inference.slack,
                f"only {100 * inference.slack:.2g} % of the samples are left after the fit: the estimate is unstable",
            )
        )
    square = np.square(inference.residuals)
    if float(square.mean()) <= 1e-8 * float(labels.var()):  # a perfect fit: what is left has no law to speak of
        return Diagnosis(tuple(out))
    unit = square / max(float(square.mean()), 1e-300)
    kurtosis = float(np.square(unit).mean())
    if kurtosis > 3 + max(SIGNIFICANT * np.sqrt(24 / n), 1.5):
        out.append(
            Concern(
                "residual tails",
                kurtosis > 12,
                kurtosis,
                f"residuals are heavy-tailed (kurtosis {kurtosis:.3g}); the standard error allows for it",
            )
        )
    fitted = np.abs(labels - inference.residuals * inference.slack)
    norms = np.square(inputs).mean(axis=1)
    for name, other in (("size of the prediction", fitted), ("length of the row", norms)):
        deviation = other - other.mean()
        size = float(np.sqrt((deviation**2).sum()))
        if size <= 1e-12 * max(float(np.abs(other).sum()), 1e-300):
            continue
        correlation = float(deviation @ unit) / size / np.sqrt(max(kurtosis - 1, 1e-300) * n)
        bound = 0.3 if quadratic else 0.2  # the quadratic network's own errors grow with both
        if abs(correlation) > max(SIGNIFICANT / np.sqrt(n), bound):
            out.append(
                Concern(
                    "heteroscedasticity",
                    False,
                    correlation,
                    f"errors depend on the {name} (correlation {correlation:.2g}): noise is not the same everywhere",
                )
            )
            break
    if quadratic and inference.eigenvalues is not None:
        d = inference.dim
        linear = inputs.T @ inference.residuals / n
        expected = d * float(square.mean()) / n
        excess = (float(linear @ linear) - expected) / (expected * np.sqrt(2 / d))
        share = (float(linear @ linear) - expected) / max(float(labels.var()), 1e-300)
        if excess > SIGNIFICANT and share > 0.02:
            out.append(
                Concern(
                    "linear part",
                    False,
                    share,
                    f"the labels hold a linear part (about {100 * share:.0f} % of their variance) that a quadratic "
                    "network cannot represent; it counts as noise here",
                )
            )
        edge = -2 * inference.noise_scale * (1 + 3 * d ** (-2 / 3))
        negative = int((inference.eigenvalues < edge).sum())
        if negative:
            out.append(
                Concern(
                    "negative modes",
                    False,
                    float(inference.eigenvalues[-1]),
                    f"{negative} mode(s) of the labels are negative; a quadratic network of this kind learns only "
                    "positive ones",
                )
            )
    return Diagnosis(tuple(out))
