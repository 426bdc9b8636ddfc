"""From what is measured of a matrix to a verdict, with its confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .analysis import ZERO
from .law_fit import FEWEST, MISFIT
from .spectrum_class import ModeCounts, counts_of
from .verdict import Verdict

if TYPE_CHECKING:
    from .law_fit import LawFit
    from .spectrum import MatrixSpectrum

#: What :func:`.spectrum_reading.analyse_network` says where too few modes are learned to fit a law.
FEW_MODES = "too few learned modes"
#: What it says of weights that were not trained: all entries of a matrix, or two layers of single weights.
INDEPENDENT = "its entries look independent"
UNBALANCED = "the two layers are not balanced"
#: A price of the wrong threshold below this is none.
BALANCED = 1.1
#: Misfit of a bulk that does not matter, and p-value that is chance.
DISTANCE, CHANCE = 0.05, 1e-3
#: A steeper power law of eigenvalues is no heavy tail.
STEEPEST = 6.0
#: A power law below this p-value is none.
TAIL = 0.1
#: Share of networks of the calibration half of ``benchmarks/diagnosis_suite.py`` of which the verdict was right: by
#: verdict, clear of the borders between classes and close to one.
CONFIDENCE = {
    "collapsed": (0.97, 0.85),
    "noise": (0.85, 0.67),
    "bulk+spikes": (0.97, 0.81),
    "bleed-out": (0.98, 0.77),
    "heavy-tail": (0.99, 0.56),
}
#: The same for matrices of no known law: noise over initialisations, the others not measured.
OF_NOISE = 0.98


def judge(spectrum: MatrixSpectrum, fit: LawFit | None = None) -> Verdict:
    """What a spectrum says of the training behind it.

    Parameters
    ----------
    spectrum : MatrixSpectrum
    fit : LawFit, optional
        The law of theory fitted to it, of a network that theory covers (:func:`.spectrum_reading.analyse_network`).

    Returns
    -------
    Verdict

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.diagnosis import analyse_matrix, judge
    >>> verdict = judge(analyse_matrix(np.random.default_rng(0).standard_normal((64, 128))))
    >>> verdict.name, verdict.regularisation
    ('noise', 'cannot-tell')
    """
    if not spectrum.singular_values.size or spectrum.spectral_norm == 0.0:
        return _collapsed(trained=fit is not None or spectrum.no_bulk != ZERO)
    if fit is not None:
        return _by_law(fit)
    if spectrum.no_bulk == FEW_MODES:
        return _few()
    if spectrum.no_bulk == INDEPENDENT:
        evidence = "Its entries look independent: not trained, or nothing was learned."
        return Verdict("noise", None, "cannot-tell", evidence)
    if spectrum.no_bulk == UNBALANCED:
        evidence = "The two layers are not balanced: not at a minimum with weight decay."
        return Verdict("cannot-tell", None, "cannot-tell", evidence)
    return _by_bulk(spectrum)


def _collapsed(*, trained: bool) -> Verdict:
    """Nothing is left, or, unless it is known to be `trained`, nothing may ever have been there."""
    if not trained:
        evidence = "All entries are zero: weight decay has removed every feature, or training has not reached them."
        return Verdict("collapsed", None, "cannot-tell", evidence, ("this matrix can be dropped as it is",))
    return Verdict(
        "collapsed",
        CONFIDENCE["collapsed"][0],
        "over-regularised",
        "All singular values are zero: weight decay has removed every feature.",
        ("lower the weight decay", "this matrix can be dropped as it is"),
    )


def _few() -> Verdict:
    return Verdict(
        "bulk+spikes",
        CONFIDENCE["bulk+spikes"][1],
        "over-regularised",
        "One or two features are learned and weight decay has removed all others.",
        ("lower the weight decay", "all but the largest singular values are zero and can be dropped"),
    )


def _by_law(fit: LawFit) -> Verdict:
    counts = counts_of(fit.law)
    if fit.misfit > MISFIT:
        evidence = (
            f"The law of theory misses the learned modes by {fit.misfit:.1f} standard errors: this network is not at "
            "the minimum that theory describes, or has too few samples."
        )
        return Verdict("cannot-tell", None, "cannot-tell", evidence)
    name = counts.name
    confidence = CONFIDENCE[name][int(counts.close)]
    side = "balanced"
    if fit.modes < FEWEST:
        side = "over-regularised"  # whatever few modes say of the best threshold
    elif fit.price >= BALANCED:
        side = "over-regularised" if fit.threshold > fit.best_threshold else "under-regularised"
    inside = max(counts.learned - counts.out, 0.0)
    evidence = (
        f"Of {fit.dim} modes about {counts.learned:.0f} are learned, {counts.out:.0f} beyond the edge of the noise and "
        f"{inside:.0f} within; weights are shrunk by {fit.threshold / fit.noise_scale:.2g} noise scales where "
        f"{fit.best_threshold / fit.noise_scale:.2g} would be best."
    )
    return Verdict(name, confidence, side, evidence, _advice(counts, side))


def _advice(counts: ModeCounts, side: str) -> tuple[str, ...]:
    advice = []
    if side == "over-regularised":
        advice.append("lower the weight decay")
    if side == "under-regularised":
        advice.append("raise the weight decay, or prune what is within the noise")
    if counts.out >= 1 and counts.learned - counts.out >= 1:
        advice.append(f"keep rank {counts.out:.0f}: the rest is learned noise")
    if counts.out < 0.5 <= counts.learned:
        advice.append("nothing here stands out of the noise: safe to prune if nothing else is known")
    return tuple(advice)


def _noise(spectrum: MatrixSpectrum, count: int) -> Verdict:
    """Nothing beyond the noise; what was set aside before is said, and was not part of the calibration."""
    if spectrum.fitted_values is None and spectrum.beyond == 0:
        equal = spectrum.bulk is not None and spectrum.bulk.law == "orthogonal"
        lie = "are equal, as those of orthogonal rows or columns" if equal else "lie within the bulk of noise"
        evidence = f"All {count} singular values {lie}."
        return Verdict("noise", OF_NOISE, "cannot-tell", evidence, ("nothing here stands out of the noise",))
    aside = list(spectrum.remarks)
    if spectrum.equalised:
        aside.insert(0, f"{spectrum.equalised} brought to one size")
    evidence = f"Noise, apart from what was set aside: {', '.join(aside)}."
    return Verdict("noise", None, "cannot-tell", evidence, ("what was set aside may be what was learned: look at it",))


def _by_bulk(spectrum: MatrixSpectrum) -> Verdict:
    bulk, out = spectrum.bulk, len(spectrum.outliers)
    why = spectrum.no_bulk.removeprefix("no noise: ")
    tail = spectrum.tail if spectrum.tail is not None and spectrum.tail.p_value >= TAIL else None
    if bulk is None:
        if tail is not None and tail.count >= 10 and tail.alpha <= STEEPEST:
            evidence = f"No bulk of noise ({why}); {tail.count} singular values follow a power law."
            return Verdict("heavy-tail", None, "cannot-tell", evidence)
        return Verdict("cannot-tell", None, "cannot-tell", f"No bulk of noise: {why}.")
    fits = bulk.p_value >= CHANCE or bulk.distance <= DISTANCE
    count = spectrum.singular_values.size
    if out == 0 and fits:
        return _noise(spectrum, count)
    if out == 0:
        evidence = (
            f"No singular value stands out, and the bulk is not that of independent entries (p = {bulk.p_value:.1g})."
        )
        return Verdict("cannot-tell", None, "cannot-tell", evidence)
    keep = (f"keep rank {out}: the rest cannot be told from noise",)
    shown = f"{out} of {count} singular values {'lies' if out == 1 else 'lie'} beyond the edge of the noise"
    if out < 10 and fits:
        return Verdict("bulk+spikes", None, "cannot-tell", f"{shown}, which fits the others.", keep)
    if fits:
        return Verdict("bleed-out", None, "cannot-tell", f"{shown}, which still fits the others.", keep)
    if tail is not None and out >= 10 and tail.alpha <= STEEPEST:
        evidence = f"{shown}, which fits the others badly, and follow a power law of exponent {tail.alpha:.2g}."
        return Verdict("heavy-tail", None, "cannot-tell", evidence)
    if out >= 10:
        return Verdict("bleed-out", None, "cannot-tell", f"{shown}, which fits the others badly.")
    evidence = f"{shown}, which does not fit the others (p = {bulk.p_value:.1g})."
    return Verdict("cannot-tell", None, "cannot-tell", evidence)
