"""Where the data live: on the host in NumPy, or on a GPU in PyTorch, which is imported only when a GPU is asked for.

On the CPU the work is NumPy's, whatever the data came as: a tensor shares its memory with the array made of it, and
symmetric products cost half there.
"""

from __future__ import annotations

import re
import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidArgument, MissingDependency
from .sparse import SparseInputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._types import FloatArray

#: Names of devices.
ALLOWED = 'must be "cpu", "cuda", or "cuda:N" with the number of a GPU'


def require_torch(purpose: str, otherwise: str) -> Any:
    """The ``torch`` module.

    Parameters
    ----------
    purpose : str
        What needs it: begins the message where it is missing.
    otherwise : str
        What does without it, to follow "or".

    Returns
    -------
    module

    Raises
    ------
    MissingDependency
        If it is not installed: what for, how to install it, and what would do without.

    Examples
    --------
    >>> from shallows import MissingDependency
    >>> from shallows.operators import require_torch
    >>> try:
    ...     name = require_torch("this example", "read on").__name__
    ... except MissingDependency:
    ...     name = "torch"
    >>> name
    'torch'
    """
    try:
        import torch
    except ImportError as error:
        raise MissingDependency(
            f"{purpose} needs PyTorch: install the extra with `pip install shallows[train]`, or {otherwise}"
        ) from error
    return torch


def is_tensor(value: object) -> bool:
    """Whether `value` is a ``torch.Tensor``; imports nothing, since whoever holds one has imported PyTorch.

    Parameters
    ----------
    value : object

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.operators import is_tensor
    >>> is_tensor(np.ones(2))
    False
    """
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def find_device(device: Any, data: object = None) -> Any:
    """The ``torch.device`` of a GPU, or None for the host.

    Parameters
    ----------
    device : {"cpu", "cuda", "cuda:N"}, torch.device or None
        None: where `data` are.
    data : object
        The inputs.

    Returns
    -------
    torch.device or None

    Raises
    ------
    InvalidArgument
        For another name or another kind of device, and for a GPU that is not there; says which devices are.
    MissingDependency
        For a GPU without PyTorch.

    Examples
    --------
    >>> from shallows.operators import find_device
    >>> find_device("cpu") is find_device(None) is None
    True
    >>> find_device("tpu")
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: device: got 'tpu'; must be "cpu", "cuda", or "cuda:N" with the number of a GPU
    """
    if device is None:
        device = data.device if is_tensor(data) else "cpu"  # type: ignore[attr-defined]
    torch = sys.modules.get("torch")
    name = str(device) if torch is not None and isinstance(device, torch.device) else device
    if not isinstance(name, str) or not re.fullmatch(r"cpu(:0)?|cuda(:\d{1,3})?", name):
        raise InvalidArgument("device", name, ALLOWED)
    if name.startswith("cpu"):
        return None
    torch = require_torch(f'device="{name}"', "leave the device out to work on the CPU")
    there = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if name not in there and not (there and name == "cuda"):
        built = torch.version.cuda is not None or getattr(torch.version, "hip", None) is not None
        reason = "PyTorch finds no GPU" if built else "this PyTorch is built for CPUs only"
        reason = "there is no such GPU" if there else reason
        raise InvalidArgument("device", name, f"{reason}; available here: {', '.join(['cpu', *there])}")
    return torch.device(name)


def real_tensor(name: str, tensor: Any, device: Any) -> Any:
    """A tensor's numbers in float64, free of gradients, on a device of :func:`find_device`: an array on the host.

    Raises
    ------
    InvalidArgument
        Unless it is a dense tensor of real numbers.
    """
    torch = sys.modules["torch"]
    if tensor.layout is not torch.strided or tensor.is_complex() or tensor.is_quantized or tensor.is_meta:
        kind = f"tensor of {tensor.dtype}, {tensor.layout}, on {tensor.device}"
        raise InvalidArgument(name, kind, "must be a dense tensor of real numbers")
    if device is None:
        return tensor.detach().cpu().to(torch.float64).numpy(force=True)
    return _move(tensor.detach(), device)


def place(array: Any, device: Any) -> Any:
    """An array of float64, or a tensor of them, on a device of :func:`find_device`; copied only if it is not there.

    Parameters
    ----------
    array : ndarray or torch.Tensor
        Of any shape.
    device : torch.device or None
        None for the host.

    Returns
    -------
    ndarray, or a tensor where there is a device
        Of the same shape.

    Raises
    ------
    InvalidArgument
        If the memory of the device has no room for it.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.operators import find_device, place
    >>> array = np.ones(3)
    >>> place(array, find_device("cpu")) is array
    True
    """
    if device is None:
        return array.numpy(force=True) if is_tensor(array) else array
    if is_tensor(array):
        return _move(array, device)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not writable.*")  # the data are only read
        tensor = sys.modules["torch"].from_numpy(array)
    return _move(tensor, device)


def _move(tensor: Any, device: Any) -> Any:
    torch = sys.modules["torch"]
    try:
        return tensor.to(device, torch.float64)
    except torch.cuda.OutOfMemoryError as error:
        size = 8e-9 * tensor.numel()
        raise InvalidArgument("device", str(device), f"its memory has no room for {size:.3g} GB of data") from error


def to_host(tensor: Any) -> FloatArray:
    """The numbers on the host, in float64.

    Parameters
    ----------
    tensor : torch.Tensor or ndarray
        Of any shape, on any device; sparse inputs stay what they are.

    Returns
    -------
    ndarray
        Of the same shape; shares the tensor's memory where it can.

    Examples
    --------
    >>> from shallows.operators import to_host
    >>> try:
    ...     import torch
    ...     numbers = to_host(torch.tensor([1, 2])).tolist()
    ... except ImportError:
    ...     numbers = [1.0, 2.0]
    >>> numbers
    [1.0, 2.0]
    """
    if isinstance(tensor, SparseInputs):
        return tensor  # type: ignore[return-value]
    return np.asarray(tensor.numpy(force=True) if is_tensor(tensor) else tensor, dtype=np.float64)


class OnDevice:
    """What the operators on a device share: how small arrays get there and back."""

    device: Any

    def send(self, array: NDArray[Any]) -> Any:
        """A copy of the array on the device."""
        return sys.modules["torch"].tensor(array, device=self.device)

    def fetch(self, tensor: Any) -> FloatArray:
        """The tensor's numbers on the host, in float64."""
        return to_host(tensor)
