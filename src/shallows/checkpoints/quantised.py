"""Weights kept as integers or in 8 bits, with scales beside them: undone where the custom is known, else refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CannotRead
from .layer_names import LayerName
from .stored_numbers import check_memory, is_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .._types import RealArray
    from .contents import StoredTensor

#: Leaves of what lies beside packed weights.
_PACKED = {
    "qweight": ("scales", "qzeros", "g_idx"),
    "weight_packed": ("weight_scale", "weight_zero_point", "weight_shape", "weight_g_idx"),
}
#: Ends of names beside weights in 4 bits.
_FOUR_BITS = ("absmax", "quant_map", "nested_absmax", "nested_quant_map", "quant_state")


@dataclass(frozen=True)
class Dequantised:
    """A weight and the scales it is multiplied by.

    Attributes
    ----------
    tensors : tuple of str
        The weight and what lies beside it.
    made : str
    read : callable
        Returns the weight in single precision.
    """

    tensors: tuple[str, ...]
    made: str
    read: Callable[[], RealArray]


def dequantised(tensor: StoredTensor, tensors: Mapping[str, StoredTensor]) -> Dequantised | None:
    """How the values of `tensor` come about where scales lie beside it; None where there are none.

    Known are ``SCB`` (bitsandbytes, 8 bits: rows times ``SCB / 127``), ``weight_scale`` and ``weight_scale_inv``
    (multiplied, for the whole, by row, or by block, after ``weight_zero_point`` is taken off), and what an ONNX graph
    says of it.
    """
    name = LayerName.of(tensor.name)
    if "scale" in tensor.layer:
        return _of_graph(tensor, tensors)
    if name.leaf != "weight" or len(tensor.shape) != 2:
        return None
    rows = tensors.get(name.beside("SCB"))
    if rows is not None and tensor.dtype == "int8" and rows.shape == tensor.shape[:1]:
        return Dequantised(
            (tensor.name, rows.name),
            "dequantised: int8 times SCB / 127",
            lambda: _scaled(tensor, lambda: rows.read()[:, None] / np.float32(127), None),
        )
    for leaf in ("weight_scale", "weight_scale_inv"):
        scale = tensors.get(name.beside(leaf))
        if scale is not None and _fits(scale.shape, tensor.shape):
            zero = tensors.get(name.beside("weight_zero_point"))
            if zero is not None and not (_fits(zero.shape, tensor.shape) and is_whole(zero.dtype)):
                return None
            return _by_blocks(tensor, scale, zero, f"dequantised: {tensor.dtype} times {leaf}")
    return None


def refusal(tensor: StoredTensor, tensors: Mapping[str, StoredTensor]) -> tuple[str, bool] | None:
    """Why a tensor is no weight to read, and whether something is lost by it; None if it may be one."""
    name = LayerName.of(tensor.name)
    for leaf, others in _PACKED.items():
        if name.leaf == leaf:
            return "weights packed into integers (GPTQ, AWQ or alike), which are not unpacked; dequantise them", True
        if name.leaf in others and name.beside(leaf) in tensors:
            return f"belongs to the packed weights {name.beside(leaf)}", False
    for end in _FOUR_BITS:
        weight, found, _ = tensor.name.rpartition(f".{end}")
        if found and weight in tensors:
            return f"belongs to the weights in 4 bits {weight}", False
    if f"{tensor.name}.absmax" in tensors:
        return "weights in 4 bits (bitsandbytes), which are not unpacked; dequantise them", True
    if tensor.dtype == "bool":
        return "truth values, no weights", False
    if tensor.dtype.startswith("complex"):
        return f"complex numbers ({tensor.dtype}), which are not analysed", False
    if is_whole(tensor.dtype):
        lost = name.leaf in ("weight", "kernel") or name.leaf.endswith("_quantized")
        if lost and len(tensor.shape) > 1:
            return f"whole numbers ({tensor.dtype}), and no scale beside them that is known", True
        return f"whole numbers ({tensor.dtype}), no weights", False
    return None


def _of_graph(tensor: StoredTensor, tensors: Mapping[str, StoredTensor]) -> Dequantised | None:
    scale, zero = tensors.get(tensor.layer["scale"]), tensors.get(tensor.layer["zero_point"])
    if scale is None or len(tensor.shape) != 2 or (tensor.layer["zero_point"] and zero is None):
        return None
    if len(scale.shape) == 1 and scale.shape[0] > 1 and tensor.layer["axis"] % 2 == 1:  # one for each column

        def columns() -> RealArray:
            return scale.read()[None, :]

        if scale.shape[0] != tensor.shape[1]:
            return None
        offset = None if zero is None else (lambda: zero.read()[None, :] if zero.shape else zero.read())
        beside = (scale.name,) if zero is None else (scale.name, zero.name)
        made = f"dequantised: {tensor.dtype} times {scale.name}"
        return Dequantised((tensor.name, *beside), made, lambda: _scaled(tensor, columns, offset))
    if not _fits(scale.shape, tensor.shape):
        return None
    return _by_blocks(tensor, scale, zero, f"dequantised: {tensor.dtype} times {scale.name}")


def _fits(scale: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether scales are one, one for each row, or one for each of equal blocks."""
    if len(scale) < 2:
        return scale in ((), (1,), shape[:1])
    return len(scale) == 2 and all(
        0 < blocks <= size and _covering(size, _covering(size, blocks)) == blocks
        for blocks, size in zip(scale, shape, strict=True)
    )


def _covering(size: int, block: int) -> int:
    """Blocks that cover `size`."""
    return -(-size // block)


def _by_blocks(tensor: StoredTensor, scale: StoredTensor, zero: StoredTensor | None, made: str) -> Dequantised:
    def spread(other: StoredTensor) -> Callable[[], RealArray]:
        return lambda: _spread(other.read(), tensor.shape)

    beside = (scale.name,) if zero is None else (scale.name, zero.name)
    return Dequantised(
        (tensor.name, *beside), made, lambda: _scaled(tensor, spread(scale), None if zero is None else spread(zero))
    )


def _spread(values: RealArray, shape: tuple[int, ...]) -> RealArray:
    """`values` so that they broadcast against `shape`."""
    if values.ndim < 2:
        return values.reshape(-1, 1) if values.size > 1 else values.reshape(1, 1)
    out = values
    for axis in (0, 1):
        if out.shape[axis] not in (1, shape[axis]):
            block = -(-shape[axis] // out.shape[axis])
            out = np.repeat(out, block, axis=axis)[(slice(None),) * axis + (slice(shape[axis]),)]
    return out


def _scaled(tensor: StoredTensor, scale: Callable[[], RealArray], zero: Callable[[], RealArray] | None) -> RealArray:
    check_memory(tensor.shape, 4)
    values = np.array(tensor.read(), dtype=np.float32)
    try:
        if zero is not None:
            values -= zero().astype(np.float32)
        values *= scale().astype(np.float32)
    except ValueError as error:
        raise CannotRead("its scales do not fit its shape") from error
    return values
