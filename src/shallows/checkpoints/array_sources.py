"""Weights in NumPy's files, and in mappings from names to arrays."""

from __future__ import annotations

import zipfile
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CannotRead
from .contents import Skipped, StoredTensor
from .local_files import regular_size
from .opened import Opened
from .pytorch_tensors import is_tensor, torch_tensor
from .stored_numbers import bits_of, check_memory, is_extra, stored_dtype, to_real

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

#: Longest header of an array that is read.
_HEADER_LIMIT = 10_000


def array_tensor(
    name: str, shape: tuple[int, ...], dtype: np.dtype[Any], file: str, load: Callable[[], NDArray[Any]]
) -> StoredTensor:
    """A tensor of NumPy's own types, `load` returning it as it is stored.

    Raises
    ------
    CannotRead
        If its type is not one of numbers.
    """
    if (
        is_extra(dtype.name) and dtype.itemsize == bits_of(dtype.name).itemsize
    ):  # of the package ml_dtypes, as JAX has it
        name_of, bits = dtype.name, bits_of(dtype.name)
        return StoredTensor(
            name, shape, name_of, file, lambda: to_real(load().view(bits), name_of), lambda: load().view(bits)
        )
    kind = dtype.newbyteorder("<").name if dtype.kind in "fiubc" else ""
    wide = dtype.kind == "f" and stored_dtype(kind) is None
    if wide:  # longdouble
        return StoredTensor(name, shape, "float64", file, lambda: load().astype(np.float64), storage=None)
    if stored_dtype(kind) is None:
        what = "Python objects" if dtype.kind == "O" else f"type {dtype.name!r}"
        raise CannotRead(f"an array of {what} is not read")
    return StoredTensor(name, shape, kind, file, lambda: to_real(load(), kind), load)


def open_mapping(arrays: Mapping[Any, Any]) -> Opened:
    """Arrays, PyTorch tensors, or what becomes an array, by their names; mappings within mappings by joined names."""
    tensors: list[StoredTensor] = []
    skipped: list[Skipped] = []
    _gather(arrays, "", tensors, skipped, ())
    return Opened(tensors, skipped)


def _gather(
    arrays: Mapping[Any, Any], prefix: str, tensors: list[StoredTensor], skipped: list[Skipped], above: tuple[int, ...]
) -> None:
    inside = (*above, id(arrays))
    for key, value in arrays.items():
        name = f"{prefix}{key}"
        if hasattr(value, "items") and not isinstance(value, np.ndarray):
            if id(value) in inside:
                skipped.append(Skipped(name, "a mapping that holds itself", failed=True))
            else:
                _gather(value, f"{name}.", tensors, skipped, inside)
            continue
        try:
            tensors.append(torch_tensor(name, value, "") if is_tensor(value) else _in_memory(name, value))
        except CannotRead as error:
            skipped.append(Skipped(name, str(error), failed=True))


def _in_memory(name: str, value: Any) -> StoredTensor:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise CannotRead("is no array") from error
    found = array_tensor(name, array.shape, array.dtype, "", lambda: array)
    where = array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str
    return StoredTensor(
        found.name, found.shape, found.dtype, "", found.read, found.raw, storage=where if array.size else None
    )


def open_npy(path: Path) -> Opened:
    """The array of an ``.npy`` file, memory-mapped, under the file's name without its ending."""
    regular_size(path)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged file ends in errors of every kind
        raise CannotRead(f"is not a readable .npy file ({_short(error)})") from error
    return Opened([array_tensor(path.stem, array.shape, array.dtype, path.name, lambda: array)])


def open_npz(path: Path) -> Opened:
    """Arrays of an ``.npz`` file, each read from the archive when it is asked for."""
    regular_size(path)
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:  # a damaged file ends in errors of every kind
        raise CannotRead(f"is not a readable .npz file ({_short(error)})") from error
    tensors: list[StoredTensor] = []
    skipped: list[Skipped] = []
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        try:
            shape, dtype = _stated(archive, member)
            tensors.append(array_tensor(name, shape, dtype, path.name, _reader(archive, member, shape, dtype)))
        except CannotRead as error:
            skipped.append(Skipped(name, str(error), failed=True))
    compressed = any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist())
    return Opened(tensors, skipped, archive.close, layout=compressed)


def _stated(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type in the header of a member, held against the size that the archive states."""
    if not member.filename.endswith(".npy"):
        raise CannotRead("is not an array")
    try:
        with archive.open(member) as stream:
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(stream, max_header_size=_HEADER_LIMIT)
            begins = stream.tell()
    except Exception as error:  # a damaged file ends in errors of every kind
        raise CannotRead(f"is damaged ({_short(error)})") from error
    if not dtype.hasobject and begins + prod(shape) * dtype.itemsize != member.file_size:
        raise CannotRead(
            f"its shape takes {prod(shape) * dtype.itemsize} bytes, the archive has {member.file_size - begins}"
        )
    return shape, dtype


def _reader(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Callable[[], NDArray[Any]]:
    def load() -> NDArray[Any]:
        check_memory(shape, dtype.itemsize)
        try:
            with archive.open(member) as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)
        except Exception as error:  # a damaged file ends in errors of every kind
            raise CannotRead(f"is damaged ({_short(error)})") from error

    return load


def _short(error: BaseException) -> str:
    """First line of what went wrong, or its type."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
