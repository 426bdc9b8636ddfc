"""Numbers as files store them, bfloat16 and float8 among them: to floating point and back."""

from __future__ import annotations

from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .._system import MEMORY_SHARE, physical_memory
from ..errors import CannotRead

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._types import RealArray

#: What holds the bits of a number that NumPy has no type for.
_BITS: dict[str, np.dtype[Any]] = {
    "bfloat16": np.dtype("<u2"),
    "float8_e4m3fn": np.dtype("u1"),
    "float8_e5m2": np.dtype("u1"),
    "float8_e4m3fnuz": np.dtype("u1"),
    "float8_e5m2fnuz": np.dtype("u1"),
    "float8_e8m0fnu": np.dtype("u1"),
}
#: Bits of the exponent and of the mantissa, and the bias.
_SMALL = {
    "float8_e4m3fn": (4, 3, 7),
    "float8_e5m2": (5, 2, 15),
    "float8_e4m3fnuz": (4, 3, 8),
    "float8_e5m2fnuz": (5, 2, 16),
}
_PLAIN = ("float64", "float32", "float16", "bool", "complex64", "complex128")
_WHOLE = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
#: Entries looked at together where an array is scanned.
_BLOCK = 1 << 20


def stored_dtype(dtype: str) -> np.dtype[Any] | None:
    """NumPy type of the bytes of one number of type `dtype`, little endian; None for what is not known.

    >>> stored_dtype("bfloat16"), stored_dtype("float8_e5m2"), stored_dtype("float6")
    (dtype('uint16'), dtype('uint8'), None)
    """
    if dtype in _BITS:
        return _BITS[dtype]
    if dtype not in _PLAIN and dtype not in _WHOLE:
        return None
    kind: np.dtype[Any] = np.dtype(dtype)
    return kind.newbyteorder("<")


def bits_of(dtype: str) -> np.dtype[Any]:
    """The same of a type that has to be known; :class:`CannotRead` otherwise."""
    kind = stored_dtype(dtype)
    if kind is None:
        raise CannotRead(f"numbers of type {dtype} are not known")
    return kind


def is_extra(dtype: str) -> bool:
    """Whether NumPy itself has no such type."""
    return dtype in _BITS


def is_real(dtype: str) -> bool:
    """Whether `dtype` is of floating-point numbers that can be read."""
    return dtype in _BITS or dtype in ("float64", "float32", "float16")


def is_whole(dtype: str) -> bool:
    """Whether `dtype` is of integers."""
    return dtype in _WHOLE


def byte_count(shape: tuple[int, ...], dtype: str) -> int:
    """Bytes that a tensor takes where it is stored; its type has to be known."""
    return prod(shape) * bits_of(dtype).itemsize


def check_memory(shape: tuple[int, ...], item_size: int) -> None:
    """Refuse what this machine could not hold, before any of it is allocated."""
    wanted, there = prod(shape) * item_size, physical_memory()
    if there is not None and wanted > MEMORY_SHARE * there:
        raise CannotRead(f"takes {wanted / 1e9:.3g} GB of memory, this machine has {there / 1e9:.3g}")


def to_real(stored: NDArray[Any], dtype: str) -> RealArray:
    """Values of `stored`, in single precision where that holds them all, otherwise in double.

    Parameters
    ----------
    stored : ndarray
        Of the type :func:`stored_dtype` names. Single and double precision are returned as they are: a view of a
        memory map stays one.
    dtype : str
        What the bits mean.

    Returns
    -------
    ndarray of float32 or float64, same shape

    >>> import numpy as np
    >>> to_real(np.array([0x3F80, 0xC000], dtype="<u2"), "bfloat16").tolist()
    [1.0, -2.0]
    """
    if dtype == "bfloat16":
        bits = stored.astype(np.uint32)
        bits <<= np.uint32(16)
        return bits.view(np.float32)
    if dtype in _BITS:
        return small_floats(dtype)[stored]
    if dtype in ("float32", "float64"):
        aligned = stored.flags.aligned and stored.dtype.isnative
        return stored if aligned else stored.astype(stored.dtype.newbyteorder("="))
    wide = dtype == "complex128" or (is_whole(dtype) and stored.dtype.itemsize > 2)
    return stored.astype(np.float64 if wide else np.float32)


@cache
def small_floats(dtype: str) -> RealArray:
    """The 256 numbers of a type of 8 bits, by their codes."""
    codes = np.arange(256)
    if dtype == "float8_e8m0fnu":
        values = np.ldexp(1.0, codes - 127)
        values[255] = np.nan
        return values.astype(np.float32)
    exponent_bits, mantissa_bits, bias = _SMALL[dtype]
    exponent = (codes >> mantissa_bits) & ((1 << exponent_bits) - 1)
    mantissa = codes & ((1 << mantissa_bits) - 1)
    leading = np.where(exponent > 0, 1 << mantissa_bits, 0)
    values = np.ldexp((leading + mantissa).astype(float), np.maximum(exponent, 1) - bias - mantissa_bits)
    if dtype == "float8_e5m2":  # as IEEE 754 has it; the others have no infinity
        values[exponent == 31] = np.nan
        values[(exponent == 31) & (mantissa == 0)] = np.inf
    elif dtype == "float8_e4m3fn":
        values[(exponent == 15) & (mantissa == 7)] = np.nan
    values = np.where(codes < 128, values, -values)
    if dtype.endswith("fnuz"):
        values[128] = np.nan
    return values.astype(np.float32)


def from_real(values: NDArray[Any], dtype: str) -> NDArray[Any]:
    """`values` rounded to `dtype`, ties to even, as the type :func:`stored_dtype` names.

    Raises
    ------
    OverflowError
        If a value lies beyond the largest of `dtype`.
    ValueError
        If `dtype` is not one of floating-point numbers.

    >>> import numpy as np
    >>> from_real(np.array([1.0, -2.0]), "bfloat16").tolist() == [0x3F80, 0xC000]
    True
    """
    if not is_real(dtype) or dtype == "float8_e8m0fnu":
        raise ValueError(f"weights cannot be written as {dtype}")
    kind = bits_of(dtype)
    if dtype in _SMALL:
        out = _to_small(np.asarray(values, dtype=np.float64), dtype)
    else:
        with np.errstate(over="ignore", under="ignore"):
            single = np.asarray(values).astype(np.float32 if dtype == "bfloat16" else kind, copy=False)
        if dtype == "bfloat16":
            bits = single.view(np.uint32)
            out = ((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype(kind)
        else:
            out = single
    if not all_finite(to_real(out, dtype)):
        raise OverflowError(f"a value lies beyond the largest of {dtype}")
    return out


def _to_small(values: RealArray, dtype: str) -> NDArray[Any]:
    """Codes of the nearest numbers of a type of 8 bits."""
    table = small_floats(dtype)[:128].astype(np.float64)
    finite = table[np.isfinite(table)]
    middles = (finite[1:] + finite[:-1]) / 2
    size = np.abs(values)
    largest = finite[-1] + (finite[-1] - finite[-2]) / 2
    if not (size < largest).all():
        raise OverflowError(f"a value lies beyond the largest of {dtype}")
    below, above = np.searchsorted(middles, size, side="left"), np.searchsorted(middles, size, side="right")
    codes = np.where(below % 2 == 0, below, above)  # they differ on a tie alone
    negative = np.signbit(values)
    if dtype.endswith("fnuz"):  # the code of a negative zero is that of NaN
        negative &= codes > 0
    return (codes + 128 * negative).astype(np.uint8)


def all_finite(values: RealArray) -> bool:
    """Whether no entry is NaN or infinite; scans in blocks, so that nothing of the array's size is allocated."""
    if values.ndim == 0:
        return bool(np.isfinite(values))
    step = max(1, _BLOCK * values.shape[0] // max(values.size, 1))
    return all(bool(np.isfinite(values[start : start + step]).all()) for start in range(0, values.shape[0], step))
