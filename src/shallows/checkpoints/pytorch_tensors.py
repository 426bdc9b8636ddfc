"""PyTorch's tensors and modules, wherever PyTorch is loaded already: nothing here imports it on its own account."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CannotRead
from .contents import Skipped, StoredTensor
from .opened import Opened
from .stored_numbers import is_real, stored_dtype, to_real

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

#: What a module says of how it applies its weights, by the first of its bases that is named here.
_FACTS: dict[str, tuple[tuple[str, str], ...]] = {
    "_ConvNd": (("groups", "groups"), ("transposed", "convolution_transposed")),
    "MultiheadAttention": (("num_heads", "heads"),),
}


def is_tensor(value: Any) -> bool:
    """Whether `value` is a PyTorch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_module(value: Any) -> bool:
    """Whether `value` is a PyTorch module."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def torch_tensor(name: str, tensor: Any, file: str, layer: Mapping[str, Any] | None = None) -> StoredTensor:
    """A tensor as a checkpoint knows it; values are copied only where their type asks for it.

    Raises
    ------
    CannotRead
        If it holds no values that can be read: sparse, on no device, of a type that is not known.
    """
    shape, dtype = tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")
    layer = layer or {}
    if tensor.is_quantized:
        return StoredTensor(name, shape, dtype, file, lambda: tensor.detach().cpu().dequantize().numpy(), layer=layer)
    if tensor.layout != sys.modules["torch"].strided:
        raise CannotRead(f"a tensor of layout {str(tensor.layout).removeprefix('torch.')} is not read")
    if tensor.is_meta:
        raise CannotRead("holds no values (on the meta device)")
    if stored_dtype(dtype) is None:
        raise CannotRead(f"numbers of type {dtype} are not known")
    storage = None
    if tensor.numel():
        storage = (tensor.device.type, tensor.data_ptr(), shape, tensor.stride(), dtype)

    def raw() -> NDArray[Any]:
        return _bits(tensor, dtype)

    return StoredTensor(name, shape, dtype, file, lambda: to_real(raw(), dtype), raw, storage, layer)


def _bits(tensor: Any, dtype: str) -> NDArray[Any]:
    """Values of a tensor as they are stored."""
    torch = sys.modules["torch"]
    here = tensor.detach().cpu().resolve_conj().resolve_neg()
    if is_real(dtype) and dtype not in ("float64", "float32", "float16"):
        here = here.contiguous().view(torch.int16 if dtype == "bfloat16" else torch.uint8)
    array: NDArray[Any] = here.numpy()
    kind = stored_dtype(dtype)
    return array.view(kind) if kind is not None and array.dtype.itemsize == kind.itemsize else array


def open_module(module: Any) -> Opened:
    """Parameters and buffers of a module, with what their layers say of themselves."""
    tensors, skipped = [], []
    owners = dict(module.named_modules(remove_duplicate=False))
    for found, buffer in (
        (module.named_parameters(remove_duplicate=False), False),
        (module.named_buffers(remove_duplicate=False), True),
    ):
        for name, value in found:
            facts = _facts(owners.get(name.rpartition(".")[0]))
            try:
                if buffer:
                    facts |= {"buffer": True, "persistent": _is_persistent(owners, name)}
                tensors.append(torch_tensor(name, value, "", facts))
            except (CannotRead, RuntimeError) as error:  # RuntimeError: lazy, not yet initialised
                skipped.append(Skipped(name, str(error).strip().splitlines()[0], failed=True))
    return Opened(tensors, skipped)


def _is_persistent(owners: Mapping[str, Any], name: str) -> bool:
    """Whether a buffer belongs to the state dict."""
    owner, _, leaf = name.rpartition(".")
    return leaf not in owners[owner]._non_persistent_buffers_set


def _facts(owner: Any) -> dict[str, Any]:
    if owner is None:
        return {}
    facts: dict[str, Any] = {"kind": type(owner).__name__}
    for base in type(owner).__mro__:
        for attribute, fact in _FACTS.get(base.__name__, ()):
            facts[fact] = getattr(owner, attribute)
        if base.__module__.startswith("torch.nn.modules"):
            facts.setdefault("base", base.__name__)
    return facts


def as_tensor(array: NDArray[Any], dtype: str) -> Any:
    """A PyTorch tensor of the stored numbers `array`, whose bits mean `dtype`."""
    torch = sys.modules["torch"]
    plain = np.ascontiguousarray(array)
    if dtype == "bfloat16":
        return torch.from_numpy(plain.view(np.int16)).view(torch.bfloat16)
    if dtype.startswith("float8"):
        return torch.from_numpy(plain.view(np.uint8)).view(getattr(torch, dtype))
    return torch.from_numpy(plain)
