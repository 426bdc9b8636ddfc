"""Cross-validation of the weight decay, for data on which nothing better can choose it.

The estimate from residuals and degrees of freedom costs one path, but on few samples its smallest value is low: it was
chosen for being small. Errors on rows held out are chosen from, too; a bootstrap of the choice takes that out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..operators import operator_for
from ..training import train_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from .._types import FloatArray

    Predict = Callable[..., FloatArray]

#: Folds, and repetitions of the choice.
FOLDS, REPETITIONS = 10, 100
#: Relative duality gap in the folds.
TOLERANCE = 1e-4


def predict_held_out(
    network: str,
    inputs: Any,
    labels: FloatArray,
    held: Any,
    weight_decays: FloatArray,
    *,
    tolerance: float,
    centred: bool = False,
) -> FloatArray:
    """Predictions on the rows of `held`, by networks trained on the others along decreasing weight decays.

    Parameters
    ----------
    network : {"diagonal", "quadratic"}
    inputs, labels : shapes (m, d) and (m,)
    held : shape (h, d)
    weight_decays : ndarray, shape (k,)
        At full width.
    tolerance : float
        Relative, of the training minima.
    centred : bool
        Whether labels are centred; of no consequence here, where columns enter as they are.

    Returns
    -------
    ndarray, shape (h, k)
    """
    options: dict[str, Any] = {"network": network, "tolerance": tolerance, "throw": False}
    fits = train_path((inputs, labels), weight_decays=list(weight_decays), **options)
    operator = operator_for(network, held)
    return np.column_stack([operator.output(fit.weights) for fit in fits])


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Squared errors on rows held out, and what they say of the choice that they are used for.

    Attributes
    ----------
    weight_decays : ndarray, shape (k,)
        Decreasing.
    errors : ndarray, shape (n, k)
        Of every row, by the network that did not see it.
    """

    weight_decays: FloatArray
    errors: FloatArray = field(repr=False)

    @property
    def mean(self) -> FloatArray:
        """Cross-validated test error, shape (k,)."""
        return self.errors.mean(axis=0)

    @property
    def best_at(self) -> int:
        """Place of the smallest one."""
        return int(np.argmin(self.mean))

    @property
    def relative_error(self) -> float:
        """Standard error of the smallest one over its value: as the rows show it, at least that of normal errors."""
        chosen = self.errors[:, self.best_at]
        rows = float(chosen.std()) / max(float(chosen.mean()), 1e-300)
        return max(rows, np.sqrt(2.0)) / float(np.sqrt(chosen.size))

    def without_choice(self, seed: int = 0) -> float:
        """Test error where the smallest one was chosen, free of the choice.

        Every repetition chooses by a resample of the rows and takes the error of the others (Tsamardinos, Greasidou and
        Borboudakis 2018).
        """
        rows = self.errors.shape[0]
        counts = np.random.default_rng(seed).multinomial(rows, np.full(rows, 1 / rows), size=REPETITIONS)
        chosen = np.argmin(counts @ self.errors, axis=1)
        left = counts == 0
        sums = (left.astype(float) @ self.errors)[np.arange(REPETITIONS), chosen]
        return float(sums.sum() / max(int(left.sum()), 1))


def folds(rows: int, count: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows to train on and rows held out, as a shuffled ``KFold`` of scikit-learn has them, which is long to load.

    Parameters
    ----------
    rows, count : int

    Yields
    ------
    kept, held : ndarrays
        Increasing.
    """
    shuffled = np.random.RandomState(0).permutation(rows)
    for held in np.array_split(shuffled, count):
        out = np.zeros(rows, dtype=bool)
        out[held] = True
        yield np.flatnonzero(~out), np.flatnonzero(out)


def hold_out(
    inputs: Any,
    labels: FloatArray,
    weight_decays: FloatArray,
    predict: Predict,
    *,
    centred: bool,
    tolerance: float = TOLERANCE,
) -> HeldOut:
    """Squared errors of ten-fold cross-validation.

    Parameters
    ----------
    inputs, labels : shapes (n, d) and (n,)
        Inputs in NumPy, or a tensor on a GPU.
    weight_decays : ndarray, shape (k,)
        Decreasing, at full width, for all the samples.
    predict : callable
        As :func:`predict_held_out` does, without the network's name.
    centred : bool
        Whether the mean was taken off the labels: then it is in every fold.
    tolerance : float
        Of the training minima in the folds.

    Returns
    -------
    HeldOut
    """
    rows = labels.size
    errors = np.empty((rows, len(weight_decays)))
    for kept, held in folds(rows, min(FOLDS, rows)):
        mean = float(labels[kept].mean()) if centred else 0.0
        # The penalty belongs to a sum over the samples.
        decays = weight_decays * (kept.size / rows)
        predicted = predict(
            inputs[kept], labels[kept] - mean, inputs[held], decays, tolerance=tolerance, centred=centred
        )
        errors[held] = np.square(labels[held, None] - mean - predicted)
    return HeldOut(np.asarray(weight_decays, dtype=float), errors)
