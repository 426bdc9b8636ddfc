"""Activations of two-layer networks, by name; users' own among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidArgument
from ..operators.devices import require_torch

if TYPE_CHECKING:
    from .._types import FloatArray

#: From a tensor of preactivations, units along the last axis, to a tensor of the same shape.
Activation = Callable[[Any], Any]
PURPOSE = "networks of other activations"


def _torch() -> Any:
    return require_torch(PURPOSE, "the departures of data need none")


def relu(h: Any) -> Any:
    """``max(h, 0)``."""
    return _torch().relu(h)


def gelu(h: Any) -> Any:
    """``h`` times the normal distribution function."""
    return _torch().nn.functional.gelu(h)


def tanh(h: Any) -> Any:
    """Hyperbolic tangent."""
    return _torch().tanh(h)


def erf(h: Any) -> Any:
    """Error function of ``h/sqrt(2)``."""
    return _torch().erf(h / np.sqrt(2.0))


def cubic(h: Any) -> Any:
    """``h^3``."""
    return h**3


def absolute(h: Any) -> Any:
    """``|h|``."""
    return h.abs()


def quadratic(h: Any) -> Any:
    """``h^2``: the activation of theory, with an output layer that is trained too."""
    return h**2


def mixed(h: Any) -> Any:
    """Units of the first half ReLU, of the second tanh."""
    torch = _torch()
    half = (h.shape[-1] + 1) // 2
    return torch.cat([torch.relu(h[..., :half]), torch.tanh(h[..., half:])], -1)


#: By name, in the order of the atlas.
ACTIVATIONS: dict[str, Activation] = {
    function.__name__: function for function in (quadratic, relu, gelu, tanh, erf, cubic, absolute)
}
ACTIVATIONS["relu and tanh"] = mixed


def checked_activation(name: str, function: Activation) -> Activation:
    """The function, after it was tried.

    Parameters
    ----------
    name : str
        What errors call it.
    function : callable
        From a float64 tensor of any shape to one of the same.

    Raises
    ------
    InvalidArgument
        If it raises, or returns another shape, another kind of number, nan, or what has no gradient.

    Examples
    --------
    >>> from shallows.robustness import checked_activation
    >>> checked_activation("first", lambda h: h[0, 0])
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: activation: got 'first'; must return the shape that it is given: (5, 4), not ()
    """
    torch = _torch()
    probe = torch.linspace(-2.0, 2.0, 20, dtype=torch.float64).reshape(5, 4).requires_grad_(True)
    try:
        out = function(probe)
    except Exception as error:  # whatever a user's function does
        raise InvalidArgument("activation", name, f"must not raise: {type(error).__name__}: {error}") from error
    if not torch.is_tensor(out):
        raise InvalidArgument("activation", name, f"must return a tensor, not {type(out).__name__}")
    if out.shape != probe.shape:
        wanted = f"must return the shape that it is given: {tuple(probe.shape)}, not {tuple(out.shape)}"
        raise InvalidArgument("activation", name, wanted)
    if not out.is_floating_point() or not out.requires_grad:
        raise InvalidArgument("activation", name, "must return real numbers that have a gradient")
    if not torch.isfinite(out).all():
        raise InvalidArgument("activation", name, "must be finite from -2 to 2")
    return function


def on_arrays(function: Activation) -> Callable[[FloatArray], FloatArray]:
    """The same function of arrays, which targets are made of."""
    torch = _torch()

    def of(array: FloatArray) -> FloatArray:
        with torch.no_grad():
            return np.asarray(function(torch.from_numpy(np.ascontiguousarray(array))).numpy())

    return of
