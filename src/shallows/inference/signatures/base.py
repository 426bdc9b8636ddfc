"""What a signature is, what it looks at, and what a network says of itself for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...networks import Capability, network_named
from ...operators.sparse import row_mean_squares
from .moments import Moments

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..._types import FloatArray
    from ...networks import Network
    from ..result import Inference

#: Share of data sets that meet the assumptions on which any signature fires at all.
FALSE_ALARMS = 0.02


@dataclass(frozen=True)
class Look:
    """What one signature saw.

    Attributes
    ----------
    statistic : float
        How far off, in the words of `message`.
    p_value : float
        Probability of a statistic as far off where the assumptions hold.
    message : str
        What was seen.
    matters : bool
        Whether it is far enough off to matter, however sure.
    serious : bool
        Whether it puts the test error in doubt.
    voids : tuple of str
        What cannot be said because of it.
    """

    statistic: float
    p_value: float
    message: str
    matters: bool = True
    serious: bool = False
    voids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Signature:
    """One way in which data betray that an assumption does not hold.

    Attributes
    ----------
    name : str
    advice : str
        What to do about it.
    look : callable
        Given :class:`Seen`, a :class:`Look`; None where there is nothing to look at.
    """

    name: str
    advice: str
    look: Callable[[Seen], Look | None]


class Seen:
    """Data and fit, as signatures look at them; what several of them need is computed once.

    Parameters
    ----------
    network : Network
    inputs : ndarray or SparseInputs, shape (n, d)
        As the network sees them, without columns that never vary.
    labels : ndarray, shape (n,), optional
    inference : Inference, optional
        None for a look at the inputs alone.
    """

    def __init__(
        self,
        network: str | Network,
        inputs: Any,
        labels: FloatArray | None = None,
        inference: Inference | None = None,
    ) -> None:
        self.network = network_named(network)
        self.inputs = inputs
        self._labels, self._inference = labels, inference

    @property
    def labels(self) -> FloatArray:
        """Of the rows, shape (n,)."""
        assert self._labels is not None
        return self._labels

    @property
    def inference(self) -> Inference:
        """Of the fit."""
        assert self._inference is not None
        return self._inference

    @cached_property
    def moments(self) -> Moments:
        """Of the columns."""
        return Moments(self.inputs)

    @cached_property
    def row_sizes(self) -> FloatArray:
        """Mean square of each row, shape (n,); of all columns, whether they vary or not."""
        return row_mean_squares(self.inputs)

    @cached_property
    def assumptions(self) -> Assumptions:
        """Of the network."""
        return ASSUMPTIONS.of(self.network)()

    @cached_property
    def left_out(self) -> FloatArray:
        """Each row's error by a fit that has not seen it, shape (n,), by the leverage of that very row."""
        return self.assumptions.left_out(self.inputs, self.labels, self.inference)

    @cached_property
    def predicted(self) -> FloatArray:
        """Each row's prediction by a fit that has not seen it, shape (n,)."""
        out: FloatArray = self.labels - self.left_out
        return out

    @cached_property
    def sampled(self) -> Any:
        """Rows that statistics without a formula are taken of: all, or :data:`MOST_ROWS` drawn at random."""
        count = self.labels.size
        if count <= MOST_ROWS:
            return slice(None)
        return np.sort(np.random.default_rng(0).choice(count, MOST_ROWS, replace=False))

    @cached_property
    def errors(self) -> tuple[FloatArray, FloatArray]:
        """What the fitted model expects of the errors on :attr:`sampled` rows: what is known, the rest's deviation."""
        known, deviation = self.assumptions.expected_errors(self.inputs, self.inference)
        return known[self.sampled], deviation[self.sampled]

    @cached_property
    def simulated(self) -> FloatArray:
        """Residuals drawn from the fitted model on :attr:`sampled` rows, shape (draws, rows)."""
        known, deviation = self.errors
        draws = int(np.clip(MOST_DRAWN // known.size, FEWEST_DRAWS, MOST_DRAWS))
        normal = np.random.default_rng(0).standard_normal((draws, known.size))
        return known + deviation * normal


#: Rows that statistics without a formula are taken of, at most.
MOST_ROWS = 30_000
#: Data sets of residuals drawn for a null law without a formula, at most and at least, and numbers drawn.
MOST_DRAWS, FEWEST_DRAWS, MOST_DRAWN = 300, 30, 1_500_000


class Assumptions(ABC):
    """What a network's theory assumes of the data, as far as it differs from other networks'."""

    #: Largest distance of the inputs' mean kurtosis from that of normal numbers that raises no concern.
    kurtosis_allowance: ClassVar[float]
    #: Orders of Hermite polynomials that the network cannot represent, each with the name of its signature.
    remainders: ClassVar[dict[int, str]]
    #: Energy, in units of the outputs' variance over the samples, that taking the means off the columns moves into each
    #: order: a quadratic form of shifted columns has a linear part.
    moved_by_centring: ClassVar[dict[int, float]] = {}
    #: What labels void that the network cannot represent.
    remainder_voids: ClassVar[tuple[str, ...]]
    #: Signatures of this network alone.
    own: ClassVar[tuple[Signature, ...]] = ()
    #: Power of a row's mean square that the variance of a network's error goes with.
    row_power: ClassVar[int]
    #: By how much statistics vary more than drawn residuals say, since what is known of the error is of the same data.
    echo: ClassVar[float] = 1.0

    @abstractmethod
    def left_out(self, inputs: Any, labels: FloatArray, inference: Inference) -> FloatArray:
        """Errors on each row of fits without it, shape (n,), to first order."""

    @abstractmethod
    def expected_errors(self, inputs: Any, inference: Inference) -> tuple[FloatArray, FloatArray]:
        """Errors of the fit on its rows, as far as its unbiased weights tell them, and the deviation of the rest."""

    @abstractmethod
    def narrow_bulk(self, inference: Inference) -> tuple[float, float]:
        """By how much more unbiased weights than half lie where noise puts half, over `d`; and its standard error."""


#: For each network, its :class:`Assumptions`.
ASSUMPTIONS: Capability[type[Assumptions]] = Capability("assumptions to check data against")


def deviation_of_rest(inputs: Any, inference: Inference, known: FloatArray, power: int) -> FloatArray:
    """Standard deviation of what of each row's error is not known: noise, and risk that grows with the row."""
    total = inference.test_error.value
    energy = float(np.square(known).mean())
    risk = float(np.clip(inference.excess_risk.value - energy, 0.0, total))
    noise = max(total - energy - risk, 0.0)
    sizes = row_mean_squares(inputs)
    sizes = (sizes / max(float(sizes.mean()), 1e-300)) ** power
    out: FloatArray = np.sqrt(noise + risk * sizes / float(sizes.mean()))
    return out
