"""A base with the changes of an adapter: what the adapted network applies."""

from __future__ import annotations

import re
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from .adapters import ADAPTER, PEFT_PREFIX, products
from .contents import Skipped
from .opened import Opened, OpenedCheckpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .._types import RealArray
    from .adapters import Product
    from .contents import Checkpoint, StoredTensor

_SAVED = re.compile(r"\.(modules_to_save(\.default)?|base_layer)(?=\.)")


def merged(base: Checkpoint, adapter: Checkpoint) -> Checkpoint:
    """The base's tensors with the adapter's low-rank changes added and its whole tensors put in their places.

    Beside the base as a baseline this is the adapter as the change of its base.

    Parameters
    ----------
    base, adapter : Checkpoint
        Of :func:`open_checkpoint`; both have to stay open. Names of the adapter are found in the base with PEFT's
        prefix taken off, or by their ends where that is one tensor's alone.

    Returns
    -------
    Checkpoint
        What of the adapter has no place in the base is among its `skipped`.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.checkpoints import merged, open_checkpoint
    >>> base = open_checkpoint({"q.weight": np.zeros((3, 2))})
    >>> adapter = open_checkpoint({"q.lora_A.weight": np.ones((1, 2)), "q.lora_B.weight": np.ones((3, 1))})
    >>> float(merged(base, adapter).tensors[0].read().sum())
    6.0
    """
    originals = {tensor.name: tensor for tensor in base.tensors}
    given = {tensor.name: tensor for tensor in adapter.tensors}
    changed: dict[str, StoredTensor] = {}
    lost: list[Skipped] = []
    pairs = list(products(given, adapter.config))
    used = {name for pair in pairs for name in pair.tensors}
    for name, tensor in given.items():
        if name in used:
            continue
        place = _place(_SAVED.sub("", name.removeprefix(PEFT_PREFIX)), originals)
        if place is None or originals[place].shape != tensor.shape:
            lost.append(Skipped(name, "of the adapter, and without a place in the base"))
        else:
            changed[place] = replace(tensor, name=place, layer=originals[place].layer)
    for pair in pairs:
        place = _place(pair.name.removesuffix(ADAPTER), originals)
        turned = (
            None if place is None else _turned(originals[place], pair, adapter.config.get("fan_in_fan_out") is True)
        )
        if place is None or turned is None:
            lost.append(Skipped(pair.name, "the base has no weight that it would change", failed=True))
            continue
        before = changed.get(place, originals[place])
        changed[place] = replace(before, read=_sum(before, pair, turned), raw=None, storage=None)
    part = Opened([changed.get(name, tensor) for name, tensor in originals.items()])
    return OpenedCheckpoint(
        f"{base.title} with {adapter.title}",
        base.format,
        [part],
        files=(*base.files, *adapter.files),
        config=base.config,
        skipped=(*base.skipped, *adapter.skipped, *lost),
    )


def _place(name: str, originals: Mapping[str, StoredTensor]) -> str | None:
    """Tensor of the base that is meant by a name."""
    if name in originals:
        return name
    close = [other for other in originals if other.endswith(f".{name}") or name.endswith(f".{other}")]
    return close[0] if len(close) == 1 else None


def _turned(tensor: StoredTensor, pair: Product, flip: bool) -> bool | None:
    """Whether the change is to be transposed to fit the stored tensor; None if it does not fit either way."""
    rows, columns = pair.shape
    flat = (tensor.shape[0], prod(tensor.shape[1:])) if tensor.shape else (0, 0)
    fits, fits_turned = flat == (rows, columns), len(tensor.shape) == 2 and flat == (columns, rows)
    if fits and fits_turned:
        return flip
    return None if not (fits or fits_turned) else not fits


def _sum(before: StoredTensor, pair: Product, turned: bool) -> Callable[[], RealArray]:
    def read() -> RealArray:
        change = pair.read()
        values: RealArray = before.read() + (change.T if turned else change).reshape(before.shape)
        return values

    return read
