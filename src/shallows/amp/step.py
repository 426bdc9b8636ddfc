"""The part of a message-passing iteration that touches the data, written once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..networks import network_named

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..networks import Network
    from ..operators import Operator


class MessageStep:
    """Effective observations of the teacher, and the corrected residual (theory note, section 9).

    Quadratic:  U = S + (1/(2 alpha d)) sum r Z,   r = y - Tr(S Z) + (A/(2 alpha)) r
    Diagonal:   u = theta + X^T r/n,               r = y - X theta + (D/n) r

    Both are written with ``N`` equal to ``2 alpha`` or ``n`` and the divergence equal to `A` or `D`.

    Parameters
    ----------
    network : Network or str
    operator : Operator
        Of the inputs (n, d).

    Raises
    ------
    UnknownNetwork
        If there is no such network.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.amp import MessageStep
    >>> from shallows.operators import operator_for
    >>> inputs, labels = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([2.0, 1.0])
    >>> step = MessageStep("diagonal", operator_for("diagonal", inputs))
    >>> step.observe(np.zeros(2), labels)
    array([2.5, 1.5])
    >>> step.correct(labels - inputs @ [0.5, 0.0], divergence=1.0, residual=labels)
    array([2.5, 0. ])
    """

    def __init__(self, network: Network | str, operator: Operator) -> None:
        network = network_named(network)
        self.operator = operator
        self.constraints = network.constraints(operator.samples / network.labels_per_sample, operator.dim)
        self.unit = self.constraints * network.modes_per_energy(operator.dim)

    def observe(self, weights: FloatArray, residual: FloatArray, **precision: Any) -> FloatArray:
        """Observations of the teacher, of the shape of `weights`, (d,) or (d, d), from the `residual` (n,).

        `precision` is handed to the operator's adjoint.
        """
        return weights + self.operator.adjoint(residual, **precision) / self.unit

    def correct(self, miss: FloatArray, divergence: float, residual: FloatArray) -> FloatArray:
        """Next residual (n,) from the estimate's `miss` of the labels, and the present `residual`."""
        return miss + divergence / self.constraints * residual
