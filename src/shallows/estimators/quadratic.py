"""How the quadratic network learns from a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .._system import physical_memory
from ..errors import InvalidArgument
from ..inference import Modes, recover_modes
from ..training import Fit, train
from .learner import LEARNERS, Learner, usable

if TYPE_CHECKING:
    from .._types import FloatArray
    from .standardising import Standardiser

#: Work arrays of training hold about this many matrices of shape (d, d), in at most this share of the memory.
MATRICES, MEMORY_SHARE = 24, 0.5
#: Bytes of memory where the machine does not tell.
TYPICAL_MEMORY = 8 << 30


@LEARNERS.register("quadratic")
class QuadraticLearner(Learner):
    """The quadratic network on a table; :class:`.regressors.QuadraticNetworkRegressor` says what is what."""

    network = "quadratic"
    standardize_choices: ClassVar[dict[str, Any]] = {
        "auto": "auto",
        "scale": "scale",
        "whiten": "whiten",
        "none": False,
    }
    learned_table = "modes"
    no_sparse = "the quadratic network multiplies pairs of columns, which fills a sparse X: pass X.toarray()"

    def __init__(
        self,
        width: int | None = None,
        weight_decay: str | float = "auto",
        *,
        standardize: str | bool = "auto",
        fit_intercept: bool = True,
        tolerance: float = 1e-6,
    ) -> None:
        self.width = width
        self.weight_decay = weight_decay
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.tolerance = tolerance

    @classmethod
    def most_columns(cls) -> int:
        """How many columns the network can have in half of this machine's memory."""
        memory = physical_memory() or TYPICAL_MEMORY
        return int(np.sqrt(MEMORY_SHARE * memory / (8 * MATRICES)))

    def _check_settings(self, dim: int) -> None:
        super()._check_settings(dim)
        if self.standardize not in ("auto", "whiten", "scale", True, False):
            raise InvalidArgument("standardize", self.standardize, 'must be "auto", "whiten", "scale" or False')
        self.architecture.check_width(self.width)
        most = self.most_columns()
        if dim > most:
            raise InvalidArgument(
                "X",
                f"{dim} columns",
                f"the quadratic network holds {MATRICES} matrices of d x d numbers while training, and this machine's "
                f"memory has room for d <= {most}: choose fewer columns, or the diagonal network",
            )

    def _make_transformer(self) -> Standardiser | None:
        if self.standardize is False:
            return None
        return self.standardiser("auto" if self.standardize is True else str(self.standardize))

    def _train(self, inputs: FloatArray, labels: FloatArray, decay: float) -> Fit:
        fit = super()._train(inputs, labels, decay)
        if self.width is None or self.architecture.features(fit.weights) <= self.width:
            return fit
        # The minimum does not fit into the width: there the problem is not convex, and the network itself is trained.
        narrow = train(
            (inputs, labels),
            network=self.network,
            weight_decay=decay,
            width=self.width,
            tolerance=max(self.tolerance, 1e-6),
            throw=False,
        )
        return usable(narrow)

    def recover_modes(self, *, level: float = 0.9) -> Modes:
        """Teacher modes beyond the bulk edge; see :func:`shallows.inference.recover_modes`.

        Raises
        ------
        EstimateUndefined
            If the data are not what the theory is for.
        """
        return recover_modes(self._told("modes"), level=level)

    def describe_learned(self, names: list[str] | None = None) -> dict[str, Any]:
        return self.recover_modes().to_dict()
