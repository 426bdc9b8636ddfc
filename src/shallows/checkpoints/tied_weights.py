"""Tensors that hold the same values: one memory under two names, or two copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CannotRead

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from numpy.typing import NDArray

    from .contents import StoredTensor

#: Bytes compared together.
_BLOCK = 1 << 22
#: Bytes looked at in each of three places before two tensors are compared.
_SAMPLE = 1 << 10


def same_values(tensors: Iterable[StoredTensor]) -> dict[str, tuple[str, str]]:
    """Of tensors with the same values all but the first: the first one's name, and how they are known to agree.

    Nothing is read of a tensor that differs in shape or type from all others, and little of one that differs in three
    small places. Tensors that are all zero there are not taken for copies: zero is where much is started.
    """
    first_of: dict[Hashable, StoredTensor] = {}
    twins: dict[str, tuple[str, str]] = {}
    alike: dict[Hashable, list[StoredTensor]] = {}
    for tensor in tensors:
        if tensor.storage is not None:
            first = first_of.setdefault(tensor.storage, tensor)
            if first is not tensor:
                twins[tensor.name] = (first.name, "they share their memory")
                continue
        if tensor.raw is not None:
            alike.setdefault((tensor.shape, tensor.dtype), []).append(tensor)
    for group in alike.values():
        if len(group) > 1:
            twins |= _copies(group)
    return twins


def _copies(group: list[StoredTensor]) -> dict[str, tuple[str, str]]:
    """Twins among tensors of one shape and type."""
    originals: dict[bytes, list[StoredTensor]] = {}
    twins: dict[str, tuple[str, str]] = {}
    for tensor in group:
        try:
            seen = sample(tensor)
            if not any(seen):
                continue
            earlier = originals.setdefault(seen, [])
            first = next((other for other in earlier if _equal(other, tensor)), None)
        except CannotRead:  # is said when the tensor itself is read
            continue
        if first is None:
            earlier.append(tensor)
        else:
            twins[tensor.name] = (first.name, "their values are the same")
    return twins


def sample(tensor: StoredTensor) -> bytes:
    """Bytes of a tensor in three places; none of one that is empty."""
    rows = _rows((tensor.raw or tensor.read)())
    if rows.size == 0:
        return b""
    places = (0, len(rows) // 2, len(rows) - 1)
    return b"".join(np.ascontiguousarray(rows[place].reshape(-1)[-_SAMPLE:]).tobytes() for place in places)


def _equal(one: StoredTensor, other: StoredTensor) -> bool:
    """Whether all bytes agree; in blocks, so that little is held."""
    assert one.raw is not None and other.raw is not None
    left, right = _rows(one.raw()), _rows(other.raw())
    step = max(1, _BLOCK * len(left) // max(left.nbytes, 1))
    return all(
        left[start : start + step].tobytes() == right[start : start + step].tobytes()
        for start in range(0, len(left), step)
    )


def _rows(array: NDArray[Any]) -> NDArray[Any]:
    return array if array.ndim else array.reshape(1)
