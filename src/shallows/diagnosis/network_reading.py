"""Risk of a trained network of the theory's kind: from its weights and data, or from its weights alone.

Anyone's network: what its output is scaled by, whether it has an intercept and the weight decay it was trained with
are resolved from the data where they are not given. At the training minimum the machinery of :mod:`shallows.inference`
holds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import chi2

from .._arguments import check_number
from ..errors import EstimateUndefined, InvalidArgument
from ..inference import Diagnosis, Estimate, Inference, check_assumptions, infer
from ..networks import Network, network_named
from ..networks.base import ROUGH
from ..operators import check_data, operator_for
from ..training import Fit, train
from .judgement import FEW_MODES, MISFIT
from .law_fit import REMAINS, LawFit, fit_law
from .spectrum import MatrixSpectrum, NoiseBulk, WeightOutlier
from .spectrum_class import counts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from .._types import FloatArray

#: A slope of the labels on the outputs within this factor of a convention is that one's.
OWN_SCALE = (0.8, 3.0)
#: Mean square difference of the outputs from those at the minimum, over the mean square residual, that is none.
AT_MINIMUM = 0.05
#: Tolerance of the minimum that the network is compared with.
TOLERANCE = 1e-6
#: Learned modes of the bulk from which the noise is seen.
VISIBLE = 3
#: Relative standard errors that ``benchmarks/diagnosis_suite.py`` measured on its calibration half, of the excess risk
#: and of the test error read off a spectrum with samples and weight decay, and of the excess risk without.
RISK_KNOWN, TEST_ERROR_KNOWN, RISK_FREE = 0.17, 0.22, 0.25
#: Relative half width of the interval of the noise scale, and degrees of freedom of the misfit (same source).
SCALE_SPREAD, FREEDOM = 0.25, 10


@dataclass(frozen=True, eq=False)
class NetworkReading:
    """What weights and data say of a trained network.

    Attributes
    ----------
    test_error, excess_risk, noise : Estimate or None
        In the labels' units; None where it cannot be said, :attr:`against` has the reason.
    weight_decay : float
        Of the network in the units of the theory note, section 1, with the sum of squares as loss.
    scale : float
        What the theory's output is multiplied by to be the network's.
    intercept : float
    fit : Fit
        The training minimum at this weight decay.
    inference : Inference
    diagnosis : Diagnosis
    distance : float
        Mean square difference of the outputs from those at the minimum, over the mean square residual.
    remarks : tuple of str
        What was resolved, and how; a clause each.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample, train
    >>> from shallows.diagnosis import read_network
    >>> data = sample(Problem("diagonal", PowerLaw(50, 1.0), samples=200, noise=0.5), seed=0)
    >>> fit = train(data, weight_decay=1.0)
    >>> found = read_network(fit.weights, *data, "diagonal")
    >>> round(found.weight_decay, 4), found.test_error.covers(0.5 + fit.excess_risk(data))
    (1.0, True)
    """

    test_error: Estimate | None
    excess_risk: Estimate | None
    noise: Estimate | None
    weight_decay: float
    scale: float
    intercept: float
    fit: Fit
    inference: Inference
    diagnosis: Diagnosis
    distance: float
    remarks: tuple[str, ...] = ()

    def against(self, quantity: str) -> str | None:
        """Why ``"test_error"``, ``"excess_risk"`` or ``"noise"`` cannot be said; None where it can."""
        if self.distance > AT_MINIMUM:
            return (
                f"the network is not at a training minimum: its outputs differ from those there by "
                f"{100 * np.sqrt(self.distance):.0f} % of the residuals"
            )
        return self.diagnosis.against(quantity)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        told = {"test_error": self.test_error, "excess_risk": self.excess_risk, "noise": self.noise}
        out: dict[str, Any] = {
            name: None if one is None else {"value": one.value, "low": one.low, "high": one.high}
            for name, one in told.items()
        }
        reasons = {name: self.against(name) for name, one in told.items() if one is None}
        return out | {
            "weight_decay": self.weight_decay,
            "scale": self.scale,
            "intercept": self.intercept,
            "reasons": reasons,
            "concerns": [concern.message for concern in self.diagnosis.concerns],
            "remarks": list(self.remarks),
        }


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


def read_network(
    weights: Mapping[str, ArrayLike] | Any,
    X: ArrayLike,
    y: ArrayLike,
    network: str,
    weight_decay: float | None = None,
    *,
    scale: float | None = None,
) -> NetworkReading:
    """Excess risk, test error and noise of a network that somebody trained, from the data it was trained on.

    Parameters
    ----------
    weights : mapping, array or effective weights
        The network's own, by name (``W``, or ``a`` and ``w``), NumPy or PyTorch.
    X, y : array_like, shapes (n, d) and (n,)
        As the network saw them.
    network : {"diagonal", "quadratic"}
    weight_decay : float, optional
        ``lam`` in ``sum (y - f)^2 + lam |weights|^2``, of the network as it is; default: from the condition that
        stretching all weights changes nothing at the minimum.
    scale : float, optional
        What the theory's output (note, section 1) is multiplied by to be the network's; default: from the data.

    Returns
    -------
    NetworkReading

    Raises
    ------
    InvalidArgument
        For weights or data that do not belong together.
    EstimateUndefined
        If the network interpolates its data, or no positive weight decay has it as its minimum.
    """
    kind = network_named(network)
    learned = effective_of(weights, kind)
    inputs, labels = check_data(X, y, device=None)
    if kind.weights_dim(learned) != inputs.shape[1]:
        raise InvalidArgument("X", f"{inputs.shape[1]} columns", f"the weights have {kind.weights_dim(learned)}")
    output = operator_for(kind.name, inputs).output(learned)
    width = _width(weights, kind)
    factor, intercept, remarks = _convention(output, labels, kind, (inputs.shape[1], width), scale)
    output, labels = factor * output, labels - intercept
    own = kind.own_weights(learned)
    norm = factor * sum(float(np.square(array).sum()) for array in own.values())
    found = 2 * float((labels - output) @ output) / norm if norm > 0 else 0.0
    if weight_decay is not None:
        given = check_number("weight_decay", weight_decay, strict=True) / factor
        given = given * kind.penalty_per_weight_decay(inputs.shape[1], width)
        if found <= 0 or abs(np.log(given / found)) > 0.05:
            remarks.append(f"the weight decay given is {given:.4g} in theory's units, the data say {found:.4g}")
        found = given
    else:
        remarks.append("weight decay from the condition that stretching all weights changes nothing")
    if not found > 0:
        raise EstimateUndefined(
            "no positive weight decay has these weights as its minimum: train on, or give more data"
        )
    fit = train((inputs, labels), network=kind.name, weight_decay=found, tolerance=TOLERANCE, throw=False)
    least = operator_for(kind.name, inputs).output(fit.weights)
    distance = float(np.mean((output - least) ** 2) / max(np.mean((labels - output) ** 2), 1e-300))
    inference = infer((inputs, labels), fit, centred=intercept != 0.0)
    diagnosis = check_assumptions(inputs, labels, inference)
    bare = NetworkReading(
        None, None, None, found, factor, intercept, fit, inference, diagnosis, distance, tuple(remarks)
    )
    return replace(
        bare,
        test_error=inference.test_error if bare.against("test_error") is None else None,
        excess_risk=inference.excess_risk if bare.against("excess_risk") is None else None,
        noise=inference.noise if bare.against("noise") is None else None,
    )


def _width(weights: Any, kind: Network) -> int | None:
    if not kind.has_width or kind.is_weights(weights):
        return None
    array = weights[kind.parameter_names[0]] if hasattr(weights, "keys") else weights
    return int(array.shape[0])


def _convention(
    output: FloatArray, labels: FloatArray, kind: Network, shape: tuple[int, int | None], scale: float | None
) -> tuple[float, float, list[str]]:
    """Scale and intercept of a network's outputs, and how they were found."""
    centred = output - output.mean()
    slope = float(centred @ labels) / max(float(centred @ centred), 1e-300)
    if scale is not None:
        factor, words = check_number("scale", scale, strict=True), "scale of the outputs as given"
    elif OWN_SCALE[0] <= slope <= OWN_SCALE[1] or not slope > 0:
        return 1.0, 0.0, ["outputs scaled as in the theory note"]
    else:
        factor, words = slope, f"outputs scaled by least squares: {slope:.4g}"
        for name, value in kind.other_scales(*shape).items():
            if OWN_SCALE[0] <= slope / value <= OWN_SCALE[1]:
                factor, words = value, f"outputs taken as {name}"
                break
    return factor, float(np.mean(labels - factor * output)), [words, "intercept from the mean of the residuals"]


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
    width = _width(weights, kind)
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
    found = read_spectrum(weights, network, samples=samples, weight_decay=weight_decay)
    values = np.sqrt(np.maximum(sizes, 0.0))
    energy = float(sizes.sum())
    shares = values[values > 0] / values.sum() if energy else values
    nothing = FEW_MODES if energy else "all weights are zero"
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
    known = np.array([one.teacher for one in found.law.outliers])
    error = scale * kind.outlier_fluctuation(dim)
    outliers = tuple(_outlier(kind, float(size), threshold, scale, dim, error) for size in beyond[: max(known.size, 0)])
    spread = SCALE_SPREAD * scale
    bulk = NoiseBulk(
        kind.learned_noise, scale, (scale - spread, scale + spread), 0.0, float(np.sqrt(max(edge, 0.0))),
        float(np.sqrt(max(edge + fluctuation, 0.0)) - np.sqrt(max(edge, 0.0))),
        float(chi2.sf(found.misfit**2 * FREEDOM, FREEDOM)),
    )  # fmt: skip
    share = float(sum(one.singular_value**4 for one in outliers) / np.sum(sizes**2))
    return replace(bare, bulk=bulk, no_bulk="", outliers=outliers, energy_outliers=share), found


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

    Examples
    --------
    >>> from shallows.diagnosis.network_reading import risk_of_spectrum
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
