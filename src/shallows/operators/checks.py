"""What comes in: inputs and labels from users, checked and in float64, where they are to be worked on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidArgument
from .devices import find_device, is_tensor, place, real_tensor
from .sparse import SparseInputs

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..networks import Network


def as_pair(data: Any) -> tuple[Any, Any]:
    """``(X, y)`` of a pair or a sampled data set.

    Parameters
    ----------
    data : Dataset, or pair (X, y)
        Anything that unpacks into two.

    Returns
    -------
    inputs, labels : object
        As they were given, not checked: see :func:`check_data`.

    Raises
    ------
    InvalidArgument
        For anything else.

    Examples
    --------
    >>> from shallows.operators import as_pair
    >>> as_pair(([[1.0, 2.0]], [3.0]))
    ([[1.0, 2.0]], [3.0])
    >>> as_pair(3)
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: data: got 'int'; must be a pair (X, y) or a sampled Dataset
    """
    try:
        inputs, labels = data
    except (TypeError, ValueError) as error:
        raise InvalidArgument("data", type(data).__name__, "must be a pair (X, y) or a sampled Dataset") from error
    return inputs, labels


def check_data(inputs: Any, labels: Any, device: Any = "cpu", network: Network | None = None) -> tuple[Any, FloatArray]:
    """Inputs (n, d) and labels (n,) in float64, copied only where they cannot be used as they are.

    Parameters
    ----------
    inputs, labels : array_like or torch.Tensor
        A tensor on the CPU shares its memory with the array made of it; :class:`.sparse.SparseInputs` stay what they
        are.
    device : str, torch.device or None
        Where the inputs are to live (:func:`.devices.find_device`).
    network : Network, optional
        Whose data they are, where rows or labels are not vectors and numbers: sequences (n, T, d) with scores
        (n, T, T).

    Returns
    -------
    ndarray, or a tensor where the device is a GPU
        The inputs.
    ndarray
        The labels, as the square loss sees them (:meth:`shallows.networks.Network.observed`).

    Raises
    ------
    InvalidArgument
        Unless the shapes match, there is at least one sample and one column, and every number is finite and
        of a size whose sums of squares over the data neither overflow nor vanish; or if the device cannot be used.
    MissingDependency
        For a GPU without PyTorch.

    Examples
    --------
    >>> from shallows.operators import check_data
    >>> check_data([[1, 2], [3, 4]], [[0.5], [1.5]])
    (array([[1., 2.],
           [3., 4.]]), array([0.5, 1.5]))
    >>> check_data([[1, 2], [3, float("nan")]], [0.5, 1.5])
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: X: got 'nan at position (1, 1)'; must be finite, at most 1e65 in size
    """
    where = find_device(device, inputs)
    rank, label_rank = (2, 1) if network is None else (len(network.input_shape(1, 1)), len(network.label_shape(1)))
    x = inputs if isinstance(inputs, SparseInputs) else _real("X", inputs, rank, where)
    y = _real("y", labels, label_rank, None)
    if min(x.shape) < 1:
        raise InvalidArgument("X", f"array of shape {tuple(x.shape)}", "needs at least one sample and one column")
    if y.shape[0] != x.shape[0]:
        raise InvalidArgument("y", f"{y.shape[0]} labels", f"must have one label per row of X, {x.shape[0]}")
    if network is not None:
        _check_shapes(network, tuple(x.shape), tuple(y.shape))
    if isinstance(x, SparseInputs):
        y = _dense(y)
        given = (("X", x.matrix.data if x.matrix.nnz else np.zeros(1)), ("y", y))
    else:
        x, y = place(_dense(x), where), _dense(y)
        given = (("X", x), ("y", y))
    for name, array in given:
        flat = (array if _in_order(array) else array.T).reshape(-1)
        with np.errstate(over="ignore", invalid="ignore"):
            square = float(flat @ flat)  # one pass at memory speed: any value that is not finite shows
        if not square < 1e140:
            array = place(array, None)
            bad = np.argwhere(~(np.abs(array) < 1e65))
            if bad.size == 0:
                raise InvalidArgument(name, f"a sum of squares of {square:.3g}", "values are too large: rescale")
            at = tuple(int(i) for i in bad[0])
            raise InvalidArgument(name, f"{array[at]} at position {at}", "must be finite, at most 1e65 in size")
        if square < 1e-140 and abs(array).max() > 0:
            raise InvalidArgument(name, f"a sum of squares of {square:.3g}", "values are too small: rescale")
    return x, y if network is None else network.observed(y)


def _check_shapes(network: Network, inputs: tuple[int, ...], labels: tuple[int, ...]) -> None:
    """Raise unless arrays of these shapes are data of the network."""
    for name, found, expected in (
        ("X", inputs, network.input_shape(inputs[0], inputs[-1])),
        ("y", labels, network.label_shape(inputs[0])),
    ):
        if found != expected:
            allowed = f"must have shape {expected} for the network {network.name}"
            raise InvalidArgument(name, f"array of shape {found}", allowed)


def _real(name: str, value: Any, ndim: int, device: Any) -> Any:
    """An array of float64 with `ndim` dimensions; of a tensor that is to live on a GPU, the tensor there."""
    if is_tensor(value):
        array = real_tensor(name, value, device)
    else:
        try:
            array = np.asarray(value)
            if array.dtype.kind not in "fiub" or isinstance(value, np.ma.MaskedArray):
                raise TypeError
            array = array.astype(np.float64, copy=False)
        except (TypeError, ValueError) as error:
            given = type(value).__name__ + (f" of {value.dtype}" if isinstance(value, np.ndarray) else "")
            hint = "; call its .toarray()" if hasattr(value, "toarray") else ""
            raise InvalidArgument(name, given, f"must be a plain array of real numbers{hint}") from error
    if name == "y" and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != ndim:
        raise InvalidArgument(name, f"array of shape {tuple(array.shape)}", f"must have {ndim} dimension(s)")
    return array


def _in_order(array: Any) -> bool:
    return bool(array.is_contiguous() if is_tensor(array) else array.flags.c_contiguous)


def _dense(array: Any) -> Any:
    """The same numbers without gaps in memory, copied only if there are some."""
    if _in_order(array) or _in_order(array.T):
        return array
    return array.contiguous() if is_tensor(array) else np.ascontiguousarray(array)
