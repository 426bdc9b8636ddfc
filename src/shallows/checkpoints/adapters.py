"""Low-rank changes: adapters (LoRA, as PEFT and others store them) and matrices kept as two factors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from .layer_names import LayerName
from .stored_numbers import check_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .._types import RealArray
    from .contents import StoredTensor

ADAPTER_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
ADAPTER_SETTINGS = "adapter_config.json"
#: Ends of the names under which a matrix is written as two factors: their product is the matrix.
LEFT, RIGHT = ".left", ".right"
#: What PEFT puts before the names of the base.
PEFT_PREFIX = "base_model.model."
#: What a change is called, behind the name of the weight that it changes.
ADAPTER = "[adapter]"
_DOWN = re.compile(r"(?P<layer>.+)\.(?P<what>lora_A|lora_embedding_A|lora_down)(?P<rest>(\.\w+)?(\.weight)?)")
_UP = {"lora_A": "lora_B", "lora_embedding_A": "lora_embedding_B", "lora_down": "lora_up"}


@dataclass(frozen=True)
class Product:
    """Two stored tensors whose product, times a number, is a matrix.

    Attributes
    ----------
    name : str
        Of the layer, with the base's prefix taken off.
    left, right : StoredTensor
        Shapes ``out x rank`` and ``rank x in``, if need be with the axes of a kernel behind.
    scale : float
    kind : str
    note : str
    flipped : bool
        Whether the product is the transpose of the matrix.
    beside : tuple of str
        Names of tensors that the scale was taken from.
    """

    name: str
    left: StoredTensor
    right: StoredTensor
    scale: float
    kind: str
    note: str
    flipped: bool = False
    beside: tuple[str, ...] = ()

    @property
    def tensors(self) -> tuple[str, ...]:
        """Names of all it is made of."""
        return (self.left.name, self.right.name, *self.beside)

    @property
    def shape(self) -> tuple[int, int]:
        """Of the matrix."""
        rows, columns = self.left.shape[0], prod(self.right.shape[1:])
        return (columns, rows) if self.flipped else (rows, columns)

    def read(self) -> RealArray:
        """The matrix."""
        check_memory(self.shape, 4)
        left, right = self.left.read(), self.right.read()
        product = left.reshape(left.shape[0], -1) @ right.reshape(right.shape[0], -1)
        if self.scale != 1:
            product *= product.dtype.type(self.scale)
        return product.T if self.flipped else product


def is_factor(name: str) -> bool:
    """Whether a tensor of this name is one of the two factors of an adapter."""
    ends = name.removesuffix(".weight").rsplit(".", 2)[-2:]
    return any(end in _UP or end in _UP.values() for end in ends)


def products(tensors: Mapping[str, StoredTensor], config: Mapping[str, Any]) -> Iterator[Product]:
    """Every pair of tensors that is a low-rank matrix."""
    for name, tensor in tensors.items():
        found = _DOWN.fullmatch(name)
        if found:
            upper = tensors.get(f"{found['layer']}.{_UP[found['what']]}{found['rest']}")
            if upper is not None and _fit(upper, tensor):
                yield _adapter(found, upper, tensor, tensors, config)
        elif name.endswith(LEFT):
            whole = name.removesuffix(LEFT)
            right = tensors.get(whole + RIGHT)
            if right is not None and whole not in tensors and _fit(tensor, right):
                note = f"{tensor.shape[0]} x {tensor.shape[1]} times {right.shape[0]} x {prod(right.shape[1:])}"
                yield Product(whole, tensor, right, 1.0, _kind(whole, right), note)


def _kind(name: str, right: StoredTensor) -> str:
    """Kind of a layer whose weight is kept as two factors."""
    layer = LayerName.of(name)
    if len(right.shape) > 2:
        return "convolution"
    if layer.is_embedding:
        return "embedding"
    return "attention" if layer.role else "linear"


def _fit(left: StoredTensor, right: StoredTensor) -> bool:
    """Whether both can be multiplied."""
    long_enough = len(left.shape) >= 2 and len(right.shape) >= 2
    return long_enough and prod(left.shape[1:]) == right.shape[0] and prod(left.shape) * prod(right.shape) > 0


def _adapter(
    found: re.Match[str],
    upper: StoredTensor,
    lower: StoredTensor,
    tensors: Mapping[str, StoredTensor],
    config: Mapping[str, Any],
) -> Product:
    layer = found["layer"].removeprefix(PEFT_PREFIX)
    rank = lower.shape[0]
    scale, note, beside = _scale(layer, found["layer"], rank, tensors, config)
    made = f"{upper.shape[0]} x {rank} times {rank} x {prod(lower.shape[1:])}, {note}"
    if config.get("use_dora") is True or f"{found['layer']}.lora_magnitude_vector" in tensors:
        made += "; the magnitudes of DoRA left out"
    flipped = found["what"] == "lora_embedding_A"
    return Product(f"{layer}.weight{ADAPTER}", upper, lower, scale, "adapter", made, flipped, beside)


def _scale(
    layer: str, stored_layer: str, rank: int, tensors: Mapping[str, StoredTensor], config: Mapping[str, Any]
) -> tuple[float, str, tuple[str, ...]]:
    """Number that the product is multiplied by, in words too, and the tensors it was taken from."""
    held = tensors.get(f"{stored_layer}.alpha")
    beside: tuple[str, ...] = ()
    if held is not None and prod(held.shape) == 1:
        alpha, beside = float(np.asarray(held.read()).reshape(-1)[0]), (held.name,)
    else:
        stated = _by_layer(config.get("alpha_pattern"), layer, config.get("lora_alpha"))
        if not isinstance(stated, (int, float)) or isinstance(stated, bool):
            return 1.0, "scale not known, taken as 1", ()
        alpha = float(stated)
    scale = alpha / (sqrt(rank) if config.get("use_rslora") is True else rank)
    return scale, f"scaled by {scale:g}", beside


def _by_layer(pattern: Any, layer: str, default: Any) -> Any:
    """Setting of a layer: that of the first entry that its name ends with, or `default`."""
    if isinstance(pattern, dict):
        for key, value in pattern.items():
            if layer == key or layer.endswith(f".{key}"):
                return value
    return default
