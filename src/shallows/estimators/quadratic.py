"""The quadratic network as a scikit-learn regressor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .._system import physical_memory
from ..errors import InvalidArgument
from ..inference import Modes, recover_modes
from ..training import Fit, train
from .base import REGRESSORS, NetworkRegressor, usable
from .whitening import WhiteningTransformer

if TYPE_CHECKING:
    from .._types import FloatArray

#: Work arrays of training hold about this many matrices of shape (d, d), in at most this share of the memory.
MATRICES, MEMORY_SHARE = 24, 0.5
#: Bytes of memory where the machine does not tell.
TYPICAL_MEMORY = 8 << 30


@REGRESSORS.register("quadratic")
class QuadraticNetworkRegressor(NetworkRegressor):
    """Two-layer network with quadratic activation, ``f = (||W x||^2 - ||W||_F^2) / sqrt(p d) / sqrt(d)``.

    Minimises ``sum (y - b - f)^2 + lam ||W||_F^2``, a nuclear-norm problem in ``S = W^T W / sqrt(p d)`` (theory note,
    section 1), to a certified minimum. It can represent positive semidefinite quadratic forms and nothing else: a
    linear trend in the labels is noise to it.

    Parameters
    ----------
    width : int or None
        Hidden units `p`; None means as many as columns. Below that, training is convex as long as the minimum has rank
        at most `p`; ``weight_decay="auto"`` stays there, and an explicit smaller one needs PyTorch.
    weight_decay : "auto" or float >= 0
        ``lam``; scales with the labels. ``"auto"`` chooses it from the training data alone.
    standardize : {"auto", "whiten", "scale", False}
        Theory needs uncorrelated columns of unit variance. ``"auto"`` decorrelates where the data are visibly
        correlated; ``transformer_.changed_`` says what was done.
    fit_intercept : bool
        Take the mean off the labels.
    tolerance : float
        Relative duality gap of the training minimum.

    Attributes
    ----------
    weights_ : LowRankPSD
        ``S`` in the transformed columns.
    spectrum_ : ndarray, shape (d,)
        Eigenvalues of ``S``, decreasing.
    intercept_, weight_decay_, penalty_, degrees_of_freedom_ : float
    train_error_, label_variance_ : float
        Mean squared residual, and variance of the labels, which errors are to be compared with.
    n_samples_fit_ : int
    noise_scale_ : float or None
        ``delta``.
    test_error_estimate_, noise_variance_, diagnosis_, inference_, path_, power_law_, transformer_, fit_
        As in :class:`DiagonalNetworkRegressor`.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows import QuadraticNetworkRegressor
    >>> rng = np.random.default_rng(0)
    >>> inputs = rng.standard_normal((600, 10))
    >>> labels = (inputs[:, 0] + inputs[:, 1]) ** 2 + 0.1 * rng.standard_normal(600)
    >>> model = QuadraticNetworkRegressor().fit(inputs, labels)
    >>> model.recover_modes().values.size
    1
    >>> bool(model.score(inputs, labels) > 0.99)
    True
    """

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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # A linear function, which scikit-learn's common test learns, is outside what this network can represent.
        tags.regressor_tags.poor_score = True
        return tags

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

    def _make_transformer(self) -> WhiteningTransformer | None:
        if self.standardize is False:
            return None
        return WhiteningTransformer("auto" if self.standardize is True else str(self.standardize))

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
