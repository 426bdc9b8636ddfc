"""Test error, noise scale and unbiased weights from the residuals of one fit (theory note, section 10).

At the training minimum the residual divided by ``1 - degrees_of_freedom/n`` behaves like the error on new samples. How
many degrees of freedom a network used, and what its unbiased weights are, is for a :class:`Reader` of its own to say.
Sources: Bayati, Erdogdu and Montanari 2013 (risk and noise of the LASSO); Miolane and Montanari 2021; Bellec 2023 (test
error from residuals and degrees of freedom).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .._arguments import check_instance, check_level
from ..errors import EstimateUndefined, InvalidArgument
from ..networks import Capability, network_named
from ..operators import as_pair, check_data, operator_for, to_host
from ..training import Fit
from .concern import TEST_ERROR, WEIGHTS, Concern
from .concerns import check_rows
from .estimate import LEVEL, Estimate, excess_kurtosis
from .least_squares import fit_least_squares
from .result import Inference
from .signatures import check_inputs

if TYPE_CHECKING:
    from .._types import FloatArray

#: Closer to interpolation than this nothing can be read off the residuals.
SMALLEST_SLACK = 1e-6
#: By how much the excess risk varies more than theory's where columns are not what it is for, as simulations show.
WIDER = 1.3
#: Other data of the same kind may by chance have a train error as close as a few percent; the same data have it closer.
SAME_ERROR = 1e-4
#: A row that its own fit takes to more than this share counts as if to this.
LARGEST_LEVERAGE = 0.99


@dataclass(frozen=True, eq=False)
class Reading:
    """What a :class:`Reader` finds once the test error is known.

    Attributes
    ----------
    noise_scale, threshold : float
    unbiased, observed, learned : ndarray
        As in :class:`Inference`.
    excess_risk, energy : tuple of (float, float)
        Value and standard error.
    """

    noise_scale: float
    threshold: float
    unbiased: FloatArray
    observed: FloatArray
    learned: FloatArray
    excess_risk: tuple[float, float]
    energy: tuple[float, float]


class Reader(ABC):
    """What :func:`infer` needs of a network, for one fit.

    Parameters
    ----------
    fit : Fit
    operator : Operator
        Of the inputs that it was trained on.
    residual : ndarray, shape (n,)
        Of the fit.
    samples : int
        Independent ones among them.

    Attributes
    ----------
    share : float
        Degrees of freedom over `samples`.
    test_error_drift : float
        Relative finite-size error of the estimated test error, beside its fluctuations.
    """

    #: Relative finite-size error of theory's excess risk, times ``sqrt(n_eff)``, as simulations show it.
    risk_drift: ClassVar[float]
    #: Columns and effective samples from which forecasts were seen to hold.
    forecasts_from: ClassVar[tuple[int, float]]
    share: float
    residual: FloatArray
    test_error_drift: float

    @abstractmethod
    def __init__(self, fit: Fit, operator: Any, residual: FloatArray, samples: int) -> None: ...

    def leverages(self) -> FloatArray:
        """Share of each residual that its own label takes, shape (n,): the same for all where rows are alike."""
        return np.full(self.residual.size, self.share)

    def left_out(self) -> FloatArray:
        """Residuals as they would be had the fit not seen its row, shape (n,)."""
        out: FloatArray = self.residual / (1 - np.minimum(self.leverages(), LARGEST_LEVERAGE))
        return out

    @staticmethod
    @abstractmethod
    def spread(share: float) -> float:
        """What degrees of freedom of this `share` multiply the variance of the estimated test error by."""

    @abstractmethod
    def read(self, test_error: float, relative: float) -> Reading:
        """Everything else, from the estimated test error and its `relative` standard error."""


#: For each network, its :class:`Reader`.
READERS: Capability[type[Reader]] = Capability("inference from data")


def relative_standard_error(residuals: FloatArray, samples: int, spread: float) -> float:
    """Standard error of the degrees-of-freedom estimate of the test error, over its value.

    Parameters
    ----------
    residuals : ndarray, shape (n,)
    samples : int
    spread : float
        :meth:`Reader.spread`.

    Notes
    -----
    For least squares on Gaussian data the variance of the estimate about the true error of the same fit is
    ``(2/n)(1 + s)/(1 - s)``, ``s = D/n`` being the share of degrees of freedom; heavier tails of the residuals raise
    the 2 to their kurtosis less one.
    """
    if not residuals.any():
        return 0.0
    return float(np.sqrt((2 + excess_kurtosis(residuals)) / samples * spread))


def infer(
    data: Any, fit: Fit, *, centred: bool = False, level: float = LEVEL, test_error: Estimate | None = None
) -> Inference:
    """Test error, noise and unbiased weights, from a fit and the data it was trained on.

    The inputs are looked at as well. Where their columns or rows are not what the theory is for, and each weight is on
    its own, noise and excess risk rest on least squares if rows are enough for it
    (:func:`shallows.inference.fit_least_squares`).

    Parameters
    ----------
    data : Dataset or pair (X, y)
        What `fit` was trained on, shapes (n, d) and (n,); inputs on a GPU are worked on there, and copied once to be
        looked at. The theory behind is for columns of mean zero and unit variance; for the quadratic network also
        uncorrelated ones.
    fit : Fit
        At its training minimum: the estimate is only as good as ``fit.gap``.
    centred : bool
        Whether the mean was taken off the labels (one more fitted number).
    level : float
        Of the intervals.
    test_error : Estimate, optional
        Known from elsewhere, such as cross-validation; default: read off the residuals.

    Returns
    -------
    Inference

    Raises
    ------
    InvalidArgument
        If data and fit do not belong together.
    EstimateUndefined
        If the network interpolates the data: the residual then holds no information.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, infer, sample, train
    >>> data = sample(Problem("diagonal", PowerLaw(50, 1.0), samples=200, noise=0.5), seed=0)
    >>> fit = train(data, weight_decay=1.0)
    >>> estimate = infer(data, fit).test_error
    >>> estimate.covers(0.5 + fit.excess_risk(data))
    True
    """
    check_instance("fit", fit, Fit)
    READERS.of(fit.network)
    inputs, labels = check_data(*as_pair(data), device=None)
    host = to_host(inputs)
    concerns = check_inputs(host, fit.network) + check_rows(host, labels)
    options: dict[str, Any] = {"centred": centred, "level": level, "test_error": test_error}
    found = read_fit((inputs, labels), fit, uneven=is_uneven(concerns), **options)
    return look_at_inputs(found, host, labels, concerns, centred=centred)


def read_fit(
    data: Any,
    fit: Fit,
    *,
    centred: bool = False,
    level: float = LEVEL,
    test_error: Estimate | None = None,
    uneven: bool = False,
    drifts: bool = True,
) -> Inference:
    """:func:`infer` without a look at the inputs.

    Where rows are `uneven`, each has a leverage of its own. At finite size the estimate `drifts` from the truth, unless
    something else corrects it.
    """
    check_level(level)
    check_instance("fit", fit, Fit)
    inputs, labels = check_data(*as_pair(data), device=None)
    samples = inputs.shape[0] - int(centred)
    residual, operator = _residual(inputs, labels, fit, samples)
    reader = READERS.of(fit.network)(fit, operator, residual, samples)
    if reader.share >= 1 - SMALLEST_SLACK:
        raise EstimateUndefined(
            "the network interpolates its data (as many degrees of freedom as samples): the training residual says "
            "nothing about the test error; use a larger weight decay"
        )
    held_out = test_error is not None
    adjusted = reader.left_out() if uneven else residual / (1 - reader.share)
    if test_error is None:
        error = float(adjusted @ adjusted) / samples
        fluctuation = relative_standard_error(adjusted, samples, reader.spread(reader.share))
        test_error = Estimate.positive(
            error, float(np.hypot(fluctuation, reader.test_error_drift if drifts else 0.0)), level=level
        )
    error = test_error.value
    relative = test_error.standard_error / error if error > 0 else 0.0
    reading = reader.read(error, relative)
    risk, risk_error = reading.excess_risk
    energy, energy_error = reading.energy
    excess_risk = Estimate.normal(min(max(risk, 0.0), error), risk_error, minimum=0.0, level=level)
    noise = error - excess_risk.value
    own = np.sqrt((2 + excess_kurtosis(adjusted)) / (samples * (1 - reader.share)))
    noise_error = float(np.hypot(noise * own, risk_error))
    convex = network_named(fit.network).is_convex(operator.dim, fit.width)
    return Inference(
        network=fit.network,
        samples=samples,
        dim=operator.dim,
        weight_decay=fit.weight_decay,
        penalty=fit.penalty,
        degrees_of_freedom=float(reader.share * samples),
        train_error=float(residual @ residual) / labels.size,
        test_error=test_error,
        noise_scale=reading.noise_scale,
        threshold=reading.threshold,
        unbiased=reading.unbiased,
        observed=reading.observed,
        learned=reading.learned,
        excess_risk=excess_risk,
        noise=Estimate.normal(noise, noise_error, minimum=0.0, level=level),
        energy=Estimate.normal(max(energy, 0.0), energy_error, minimum=0.0, level=level),
        residuals=adjusted,
        width=None if convex else fit.width,
        held_out=held_out,
    )


def is_uneven(concerns: list[Concern]) -> bool:
    """Whether rows of the inputs differ in length by so much that residuals alone mislead."""
    return any(concern.name == "row norms" or TEST_ERROR in concern.voids for concern in concerns)


def look_at_inputs(
    found: Inference, inputs: FloatArray, labels: FloatArray, concerns: list[Concern], *, centred: bool
) -> Inference:
    """What was `found`, with the `concerns` that the inputs raise, and what least squares says where they do.

    The excess risk is the estimated test error less the noise of least squares. It fluctuates nearly as the theory's
    does: both rest on the distance of the network from the unbiased weights.
    """
    found = replace(found, input_concerns=tuple(concerns))
    names = [concern.name for concern in concerns if WEIGHTS in concern.voids]
    if found.architecture.is_matrix or "duplicates" in names:
        return found
    level = found.test_error.level
    by_columns = fit_least_squares(inputs, labels, centred=centred, level=level)
    if by_columns is None or not (names or by_columns.robust):
        return found
    # Of the residuals' own estimate: what else the test error rests on varies by more than the difference.
    error, noise = float(found.residuals @ found.residuals) / found.samples, by_columns.noise
    risk = min(max(error - noise.value, 0.0), error)
    risk_error = WIDER * found.excess_risk.standard_error
    excess_risk = Estimate.normal(risk, risk_error, minimum=0.0, level=level)
    return replace(found, noise=noise, excess_risk=excess_risk, least_squares=by_columns)


def check_same_data(data: Any, fit: Fit) -> None:
    """Raise :class:`shallows.InvalidArgument` unless the fit was trained on these data."""
    inputs, labels = check_data(*as_pair(data), device=None)
    _residual(inputs, labels, fit, labels.size)


def _residual(inputs: Any, labels: FloatArray, fit: Fit, samples: int) -> tuple[FloatArray, Any]:
    """Residual of a fit on the data it was trained on, refused on others, and the operator of the inputs."""
    if samples < 2:
        raise InvalidArgument("X", f"{labels.size} rows", "an estimate of the test error needs at least 3")
    if network_named(fit.network).weights_dim(fit.weights) != inputs.shape[1]:
        raise InvalidArgument("X", f"{inputs.shape[1]} columns", "must be the data that the fit was trained on")
    operator = operator_for(fit.network, inputs)
    residual = labels - operator.output(fit.weights)
    found = float(residual @ residual) / labels.size
    rounding = 1e-12 * float(labels @ labels) / labels.size
    if abs(found - fit.train_error) > SAME_ERROR * max(fit.train_error, found) + rounding:
        raise InvalidArgument(
            "data",
            f"train error {found:.4g}",
            f"the weights had {fit.train_error:.4g} when trained: they were trained on other data",
        )
    return residual, operator
