"""How the diagonal network learns from a table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import InvalidArgument
from ..inference import WeightTests, check_weights
from .learner import LEARNERS, Learner

if TYPE_CHECKING:
    from .._types import FloatArray
    from .standardising import Standardiser


@LEARNERS.register("diagonal")
class DiagonalLearner(Learner):
    """The diagonal network on a table; :class:`.regressors.DiagonalNetworkRegressor` says what is what."""

    network = "diagonal"
    standardize_choices: ClassVar[dict[str, Any]] = {"auto": True, "scale": True, "none": False}
    learned_table = "weights"
    width = None

    def __init__(
        self,
        weight_decay: str | float = "auto",
        *,
        standardize: bool = True,
        fit_intercept: bool = True,
        tolerance: float = 1e-6,
    ) -> None:
        self.weight_decay = weight_decay
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.tolerance = tolerance

    def _check_settings(self, dim: int) -> None:
        if self.standardize not in (True, False):
            raise InvalidArgument("standardize", self.standardize, "must be True or False")
        super()._check_settings(dim)

    def _make_transformer(self) -> Standardiser | None:
        return self.standardiser("scale") if self.standardize else None

    def _describe(self, inputs: FloatArray, labels: FloatArray) -> None:
        super()._describe(inputs, labels)
        weights = np.asarray(self.weights_)
        self.coef_ = weights / (np.ones(weights.size) if self.transformer_ is None else self.transformer_.scale_)

    def check_weights(self, *, level: float = 0.9, false_discovery_rate: float = 0.1) -> WeightTests:
        """Interval and p-value of every weight, per standard deviation of its column where columns are scaled.

        See :func:`shallows.inference.check_weights`; names are those of the data frame that the model was fitted to.

        Raises
        ------
        EstimateUndefined
            If the columns are not what the theory is for, and rows are too few for least squares.
        """
        tests = check_weights(self._told("weights"), level=level, false_discovery_rate=false_discovery_rate)
        names = getattr(self, "feature_names_in_", None)
        unit = tests.unit if self.transformer_ is None else "standard deviation of the column"
        return replace(tests, names=None if names is None else tuple(map(str, names)), unit=unit)

    def describe_learned(self, names: list[str] | None = None) -> dict[str, Any]:
        return self.check_weights().to_dict(names)
