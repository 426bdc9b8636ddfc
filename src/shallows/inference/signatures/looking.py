"""Looking for all signatures, and what is made of the ones that show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...networks import network_named
from ...operators import SparseInputs
from ..concern import QUANTITIES, Concern
from .base import ASSUMPTIONS, FALSE_ALARMS, Look, Seen, Signature
from .expected import expected_error
from .inputs import OF_INPUTS
from .residuals import OF_RESIDUALS, remainder_signatures
from .weights import OF_WEIGHTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..._types import FloatArray
    from ...networks import Network
    from ..result import Inference

#: On fewer rows nothing can be seen of the columns' law.
FEWEST_ROWS = 30
#: Columns that vary by less carry nothing: their squares leave the range of floating-point numbers.
SMALLEST_SIZE = 1e-70
#: Below this share of the samples left after the fit, estimates are unstable, and residuals have no law to speak of.
SMALLEST_SLACK = 0.15
#: Mean square of the residuals, over the labels' variance, that is a perfect fit: what is left has no law to speak of.
PERFECT = 1e-8


def signatures_of(network: str | Network) -> tuple[Signature, ...]:
    """Every signature that is looked for in a fit of this network.

    Examples
    --------
    >>> from shallows.inference.signatures import signatures_of
    >>> [signature.name for signature in signatures_of("diagonal")][:3]
    ['mean', 'scale', 'correlation']
    """
    return (*OF_INPUTS, *_of_fit(network))


def _of_fit(network: str | Network) -> tuple[Signature, ...]:
    assumptions = ASSUMPTIONS.of(network)
    return (*OF_RESIDUALS, *remainder_signatures(assumptions.remainders), *OF_WEIGHTS, *assumptions.own)


def _looks(signatures: tuple[Signature, ...], seen: Seen) -> list[tuple[Signature, Look]]:
    looks = [(signature, signature.look(seen)) for signature in signatures]
    return [(signature, look) for signature, look in looks if look is not None and np.isfinite(look.p_value)]


def _raised(signatures: tuple[Signature, ...], seen: Seen) -> list[Concern]:
    """A concern for each signature that shows, at its own share of the false alarms."""
    level = FALSE_ALARMS / len(signatures_of(seen.network))
    return [
        Concern(
            signature.name,
            look.serious,
            look.statistic,
            look.message,
            look.voids,
            look.p_value,
            signature.advice,
            expected_error(seen.network.name, signature.name, seen.inputs.shape[0]),
        )
        for signature, look in _looks(signatures, seen)
        if look.matters and look.p_value <= level
    ]


def check_inputs(inputs: FloatArray, network: str) -> list[Concern]:
    """Concerns about the inputs alone.

    Parameters
    ----------
    inputs : ndarray, shape (n, d)
        As the network sees them.
    network : {"diagonal", "quadratic"}

    Returns
    -------
    list of Concern

    Raises
    ------
    UnknownNetwork, NotSupported
        If there is no such network, or its assumptions are not known.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.inference import check_inputs
    >>> inputs = np.random.default_rng(0).standard_normal((300, 10))
    >>> check_inputs(inputs, "diagonal")
    []
    >>> [concern.name for concern in check_inputs(3 * inputs + 2, "diagonal")]
    ['mean', 'scale']
    """
    architecture = network_named(network)
    ASSUMPTIONS.of(architecture)
    kept, varying = _varying(inputs)
    found = [concern for concern in (_constant(varying), _few_rows(inputs)) if concern is not None]
    return found + (_raised(OF_INPUTS, Seen(architecture, kept)) if varying.any() else [])


def found_in_fit(inputs: FloatArray, labels: FloatArray, inference: Inference) -> list[Concern]:
    """Concerns about residuals and unbiased weights; none where the fit leaves too little to look at."""
    if not _varying(inputs)[1].any() or leaves_nothing(labels, inference):
        return []
    return _raised(_of_fit(inference.network), _seen(inputs, labels, inference))


def look_for_signatures(inputs: FloatArray, labels: FloatArray, inference: Inference) -> dict[str, float]:
    """The p-value of every signature, whether it shows or not.

    Parameters
    ----------
    inputs, labels : ndarrays, shapes (n, d) and (n,)
        As the network saw them.
    inference : Inference

    Returns
    -------
    dict of str to float
        By the name of the signature; those are absent for which there was nothing to look at.

    Raises
    ------
    NotSupported
        If the assumptions of the network are not known.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, infer, sample, train
    >>> from shallows.inference import look_for_signatures
    >>> data = sample(Problem("diagonal", PowerLaw(50, 1.0), samples=200, noise=0.5), seed=0)
    >>> found = look_for_signatures(*data, infer(data, train(data, weight_decay=1.0)))
    >>> min(found.values()) > 0.01 / len(found)
    True
    """
    kept, varying = _varying(inputs)
    if not varying.any():
        return {}
    found = {signature.name: look.p_value for signature, look in _looks(OF_INPUTS, Seen(inference.network, kept))}
    if leaves_nothing(labels, inference):
        return found
    of_fit = _looks(_of_fit(inference.network), _seen(inputs, labels, inference))
    return found | {signature.name: look.p_value for signature, look in of_fit}


def leaves_nothing(labels: FloatArray, inference: Inference) -> bool:
    """Whether the residuals are rounding, or those of a fit that nearly interpolates."""
    perfect = float(np.square(inference.residuals).mean()) <= PERFECT * float(labels.var())
    return perfect or inference.slack < SMALLEST_SLACK


def _seen(inputs: FloatArray, labels: FloatArray, inference: Inference) -> Seen:
    """Of all columns: those that never vary have weights, too."""
    return Seen(inference.network, inputs, labels, inference)


def _varying(inputs: Any) -> tuple[Any, NDArray[np.bool_]]:
    """The columns that vary, and which those are."""
    if isinstance(inputs, SparseInputs):
        varying = inputs.sizes() > SMALLEST_SIZE
        return (inputs if varying.all() else inputs.select(varying)), varying
    varying = np.ptp(inputs, axis=0) > SMALLEST_SIZE
    return (inputs if varying.all() else inputs[:, varying]), varying


def _few_rows(inputs: FloatArray) -> Concern | None:
    rows = inputs.shape[0]
    if rows >= FEWEST_ROWS:
        return None
    words = f"{rows} rows are too few to see whether columns are correlated ({FEWEST_ROWS} are needed)"
    return Concern("few rows", False, rows, words, QUANTITIES, advice="collect more rows")


def _constant(varying: NDArray[np.bool_]) -> Concern | None:
    count = int((~varying).sum())
    if not count:
        return None
    words = f"{count} column(s) never vary and carry nothing"
    return Concern("constant", not varying.any(), count, words, advice="leave them out (--drop)")
