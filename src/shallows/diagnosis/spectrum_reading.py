"""Spectrum, noise and risk of a network of the theory's kind from its weights alone, by the law of theory.

See :mod:`.law_fit` for how the law is fitted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_number
from .._distributions import chi_squared_sf
from ..errors import InvalidArgument, NotSupported
from ..inference import Estimate
from ..networks import Network, network_named
from ..networks.base import ROUGH
from .analysis import analyse_matrix
from .judgement import CHANCE, FEW_MODES, INDEPENDENT, UNBALANCED
from .law_fit import MISFIT, REMAINS, LawFit, fit_law
from .spectrum import MatrixSpectrum, NoiseBulk, WeightOutlier
from .spectrum_class import counts_of

if TYPE_CHECKING:
    from .._types import FloatArray

#: Learned modes of the bulk from which the noise is seen.
VISIBLE = 3
#: Relative standard errors that ``benchmarks/diagnosis_suite.py`` measured on its calibration half, of the excess risk
#: and of the test error read off a spectrum with samples and weight decay, and of the excess risk without.
RISK_KNOWN, TEST_ERROR_KNOWN, RISK_FREE = 0.17, 0.22, 0.25
#: Relative half width of the noise scale's interval (``benchmarks/diagnosis_intervals.py``), and degrees of freedom
#: of the misfit.
SCALE_SPREAD, FREEDOM = 0.4, 10
#: By how much strengths vary more than their noise, and by which share of the fitted threshold: where the bulk is seen
#: and where it is not (same source).
STRENGTH_WIDER, SHIFT, SHIFT_HIDDEN = 1.5, 0.05, 0.3
#: Layers are not balanced where the ratio of two weights is typically further than this from its median, in logarithms,
#: and their sizes correlate less than that; told from this many products over that share of the largest.
RATIO, CORRELATION, PRODUCTS, NOT_TINY = 0.2, 0.9, 5, 0.01


def effective_of(weights: Any, network: Network) -> Any:
    """Effective weights of the network's own (mapping or array), or those themselves.

    Raises
    ------
    InvalidArgument
        If they are neither.
    """
    if network.is_weights(weights):
        return weights
    names = network.parameter_names
    if not isinstance(weights, dict) and not hasattr(weights, "keys"):
        weights = dict(zip(names, [weights] if len(names) == 1 else list(weights), strict=False))
    missing = [name for name in names if name not in weights]
    if missing:
        raise InvalidArgument("weights", sorted(weights), f"the {network.name} network has {' and '.join(names)}")
    arrays = {name: np.asarray(_host(weights[name]), dtype=float) for name in names}
    dimensions = 2 if network.is_matrix else 1
    for name, array in arrays.items():
        if array.ndim != dimensions or not array.size or not np.isfinite(array).all():
            raise InvalidArgument(name, f"array of shape {array.shape}", f"must be {dimensions}-dimensional and finite")
    return network.effective_weights(arrays)


def _host(array: Any) -> Any:
    return array.detach().cpu().numpy() if hasattr(array, "detach") else array


def width_of(weights: Any, kind: Network) -> int | None:
    """Hidden units of the network's own `weights`; None where they do not tell."""
    if not kind.has_width or kind.is_weights(weights):
        return None
    array = weights[kind.parameter_names[0]] if hasattr(weights, "keys") else weights
    return int(array.shape[0])


def untrained(weights: Any, network: str) -> str:
    """Why the network's own `weights` are no training minimum with weight decay; empty where nothing speaks against.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.diagnosis.spectrum_reading import untrained
    >>> untrained({"W": np.random.default_rng(0).standard_normal((60, 60))}, "quadratic")
    'its entries look independent'
    """
    kind = network_named(network)
    if kind.kind != kind.family:  # its law of learned noise is another
        raise NotSupported("network", kind.name, "weights of networks of more layers are not diagnosed")
    if kind.is_weights(weights):
        return ""
    names = kind.parameter_names
    if hasattr(weights, "keys"):
        own = [weights[name] for name in names]
    else:
        own = [weights] if len(names) == 1 else list(weights)
    layers = [np.asarray(_host(array), dtype=float) for array in own]
    if kind.is_matrix:
        return INDEPENDENT if all(_independent(layer) for layer in layers) else ""
    return UNBALANCED if len(layers) == 2 and not _balanced(*layers) else ""


def _independent(matrix: FloatArray) -> bool:
    found = analyse_matrix(matrix)
    return found.bulk is not None and found.bulk.p_value >= CHANCE and not found.outliers


def _balanced(first: FloatArray, second: FloatArray) -> bool:
    """Whether weights of two layers that meet in a product are of one size, up to a factor: weight decay sees to it."""
    product = np.abs(first * second)
    kept = product > NOT_TINY * product.max()
    if np.count_nonzero(kept) < PRODUCTS:
        return True
    one, other = np.log(np.abs(first[kept])), np.log(np.abs(second[kept]))
    ratio = one - other
    if np.median(np.abs(ratio - np.median(ratio))) <= RATIO:
        return True
    return bool(np.corrcoef(one, other)[0, 1] >= CORRELATION)


def read_spectrum(
    weights: Any, network: str, *, samples: float | None = None, weight_decay: float | None = None
) -> LawFit | None:
    """The law of theory fitted to the weights alone; None where too few modes were learned.

    Parameters
    ----------
    weights : mapping, array or effective weights
        As for :func:`read_network`.
    network : {"diagonal", "quadratic"}
    samples, weight_decay : float, optional
        Of the training, if known: sharper with both.

    Returns
    -------
    LawFit or None

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample, train
    >>> from shallows.diagnosis import read_spectrum
    >>> data = sample(Problem("quadratic", PowerLaw(60, 1.25), samples=2400, noise=0.1), seed=0)
    >>> fit = train(data, weight_decay=0.3)
    >>> found = read_spectrum(fit.weights, "quadratic", samples=2400, weight_decay=0.3)
    >>> bool(0.5 < found.excess_risk / fit.excess_risk(data) < 2)
    True
    """
    kind = network_named(network)
    width = width_of(weights, kind)
    if weight_decay is not None:
        check_number("weight_decay", weight_decay)
    if samples is not None:
        check_number("samples", samples, minimum=1)
    sizes = kind.spectrum(effective_of(weights, kind))
    return fit_law(kind.name, sizes, width=width, samples=samples, weight_decay=weight_decay)


def analyse_network(
    weights: Any, network: str, *, samples: float | None = None, weight_decay: float | None = None
) -> tuple[MatrixSpectrum, LawFit | None]:
    """Spectrum of a network of the theory's kind, its noise read by the law of theory; and that law.

    Singular values are the square roots of the sizes of the learned modes; the noise scale is in the modes' own units
    (those of ``W^T W/sqrt(p d)``, or of ``a w/sqrt(d)``). Outliers are the modes beyond the edge of the noise by more
    than it fluctuates; their strengths those of the teacher's.

    Parameters
    ----------
    weights, network, samples, weight_decay
        As for :func:`read_spectrum`.

    Returns
    -------
    spectrum : MatrixSpectrum
        Without a bulk where the law could not be fitted, or does not fit.
    law : LawFit or None
        That of :func:`read_spectrum`; None for weights that were not trained.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, train
    >>> from shallows.diagnosis import analyse_network, judge
    >>> fit = train(Problem("quadratic", PowerLaw(60, 1.25), samples=2400, noise=0.1), seed=0, weight_decay=0.05)
    >>> spectrum, law = analyse_network(fit.weights, "quadratic")
    >>> spectrum.bulk.law, judge(spectrum, law).name
    ('clipped semicircle', 'bleed-out')
    """
    kind = network_named(network)
    sizes = kind.spectrum(effective_of(weights, kind))
    dim = sizes.size
    why = untrained(weights, network)
    found = None if why else read_spectrum(weights, network, samples=samples, weight_decay=weight_decay)
    values = np.sqrt(np.maximum(sizes, 0.0))
    energy = float(sizes.sum())
    shares = values[values > 0] / values.sum() if energy else values
    nothing = (why or FEW_MODES) if energy else "all weights are zero"
    bare = MatrixSpectrum(
        (dim, dim), values, None, nothing, (), None, "tails are for matrices of no known law", None,
        energy / float(values[0] ** 2) if energy else 0.0,
        float(np.exp(-np.sum(shares * np.log(shares)))) if energy else 0.0,
    )  # fmt: skip
    if found is None or found.misfit > MISFIT:
        return (bare if found is None else replace(bare, no_bulk="the law of theory does not fit")), found
    scale, threshold = found.noise_scale, found.threshold
    edge = kind.noise_edge(scale, dim, 0.0) - threshold
    fluctuation = kind.noise_edge(scale, dim) - kind.noise_edge(scale, dim, 0.0)
    beyond = sizes[sizes > max(edge + fluctuation, REMAINS * sizes[0])]
    counts = counts_of(found.law)
    seen = counts.learned - counts.out >= VISIBLE
    # Where nothing of the noise is seen the threshold is what is least known of a mode.
    error = np.hypot(
        STRENGTH_WIDER * scale * kind.outlier_fluctuation(dim), (SHIFT if seen else SHIFT_HIDDEN) * threshold
    )
    most = len(found.law.outliers)
    if not seen and not found.is_sharp:
        most = 0
    outliers = tuple(_outlier(kind, float(size), threshold, scale, dim, float(error)) for size in beyond[:most])
    share = float(sum(one.singular_value**4 for one in outliers) / np.sum(sizes**2))
    out = replace(bare, outliers=outliers, energy_outliers=share)
    if not seen:
        return replace(out, no_bulk="weight decay has left nothing of the noise to be seen"), found
    spread, root = SCALE_SPREAD * scale, float(np.sqrt(max(edge, 0.0)))
    bulk = NoiseBulk(
        kind.learned_noise,
        scale,
        (scale - spread, scale + spread),
        0.0,
        root,
        float(np.sqrt(max(edge + fluctuation, 0.0))) - root,
        float(chi_squared_sf(found.misfit**2 * FREEDOM, FREEDOM)),
    )
    return replace(out, bulk=bulk, no_bulk=""), found


def _outlier(kind: Network, size: float, threshold: float, scale: float, dim: int, error: float) -> WeightOutlier:
    """A learned mode of this size, with the teacher's behind it."""
    noisy = size + threshold
    strength, overlap = kind.freed_of_noise(noisy, scale)
    low, high = (kind.freed_of_noise(max(noisy + far * error, 0.0), scale)[0] for far in (-1.96, 1.96))
    p_value = kind.chance_beyond(noisy, scale, dim)
    return WeightOutlier(
        float(np.sqrt(size)), p_value, float(np.sqrt(strength)), (float(np.sqrt(low)), float(np.sqrt(high))), overlap,
        overlap,
    )  # fmt: skip


def risk_of_spectrum(found: LawFit | None) -> dict[str, Estimate | None]:
    """Excess risk and test error that a fitted law implies; None where they cannot be said.

    Where no feature is out of the noise, what was not learned leaves no trace in the weights, and the excess risk is
    not told; where nothing of the noise is left, it is the test error that is not.

    Parameters
    ----------
    found : LawFit or None
        Of :func:`read_spectrum`.

    Returns
    -------
    dict of str to Estimate or None
        Under ``excess_risk`` and ``test_error``, in the labels' units squared, with intervals.

    Examples
    --------
    >>> from shallows.diagnosis import risk_of_spectrum
    >>> risk_of_spectrum(None)
    {'excess_risk': None, 'test_error': None}
    """
    out: dict[str, Estimate | None] = {"excess_risk": None, "test_error": None}
    if found is None or found.misfit > MISFIT:
        return out
    # With fewer samples theory does not describe trained networks.
    if found.samples is not None and found.architecture.effective_samples(found.samples, found.dim) < ROUGH:
        return out
    counts = counts_of(found.law)
    if counts.out >= 0.5 and found.is_sharp:
        out["excess_risk"] = Estimate.positive(
            found.excess_risk, RISK_FREE if found.weight_decay is None else RISK_KNOWN
        )
    if found.test_error is not None and counts.learned - counts.out >= VISIBLE:
        out["test_error"] = Estimate.positive(found.test_error, TEST_ERROR_KNOWN)
    return out
