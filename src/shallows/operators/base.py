"""What every network's data can do, on the host or on a device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from ..networks import Capability

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from ..networks import Network


class Operator(ABC):
    """The inputs of a training set as the linear map from effective weights to outputs, and its adjoint.

    What comes in and goes out are arrays on the host; what has the size of the data stays where it is.

    Attributes
    ----------
    samples, dim : int

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.operators import Operator, operator_for
    >>> inputs, labels = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([2.0, 1.0])
    >>> operator = operator_for("diagonal", inputs)
    >>> isinstance(operator, Operator), operator.samples, operator.dim
    (True, 2, 2)
    >>> operator.adjoint(labels)
    array([5., 3.])
    >>> round(float(operator.silencing_strength(labels)), 6)  # 5/sqrt(2)
    3.535534
    """

    samples: int
    dim: int

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.samples} rows and {self.dim} columns>"

    @abstractmethod
    def output(self, weights: Any) -> FloatArray:
        """The network's outputs ``f(x)``, shape (n,), of effective weights."""

    @abstractmethod
    def forward(self, weights: FloatArray) -> FloatArray:
        """The same of effective weights as an array, of shape (d,) or (d, d)."""

    @abstractmethod
    def output_of_modes(self, modes: FloatArray) -> FloatArray:
        """The same of effective weights with these modes along the coordinates, `modes` of shape (d,)."""

    @abstractmethod
    def adjoint(self, values: FloatArray) -> FloatArray:
        """The adjoint of ``values`` (n,): ``X^T values`` (d,), or ``sum_mu values_mu Z_mu`` (d, d)."""

    @abstractmethod
    def silencing_strength(self, labels: FloatArray) -> float:
        """Smallest weight decay of a network of `dim` hidden units at which all weights are zero."""


#: For each network, what makes an operator of inputs (n, d): an array on the host or a tensor on a device.
OPERATORS: Capability[Callable[[Any], Operator]] = Capability("operator on data")


def operator_for(network: str | Network, inputs: Any) -> Any:
    """The operator of `inputs` for a network: in NumPy for an array, in PyTorch on its device for a tensor.

    Parameters
    ----------
    network : str or Network
    inputs : ndarray or torch.Tensor, shape (n, d)
        In float64, as :func:`shallows.operators.check_data` returns them. Never modified.

    Returns
    -------
    Operator

    Raises
    ------
    UnknownNetwork, NotSupported
        If there is no such network, or none for its data.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.operators import operator_for
    >>> operator = operator_for("diagonal", np.eye(3))
    >>> operator.output(np.array([1.0, 0.0, 2.0]))
    array([1., 0., 2.])
    """
    return OPERATORS.of(network)(inputs)
