"""Files in the safetensors format: a header in JSON, then numbers, read through a memory map."""

from __future__ import annotations

import json
import mmap
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CannotRead
from .contents import Skipped, StoredTensor
from .local_files import regular_size
from .stored_numbers import bits_of, byte_count, to_real

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

#: Longest header, as the format has it.
HEADER_LIMIT = 100_000_000
#: The format's names of types.
DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
}


@dataclass(frozen=True)
class Entry:
    """Where a tensor lies: its bytes begin at `begin` in the file."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """What the header of a file says of tensors that can be read, in the order in which they lie in the file.

    Attributes
    ----------
    entries : tuple of Entry
    skipped : tuple of Skipped
        What it says of others, and why they cannot be.
    metadata : dict of str to str
    """

    entries: tuple[Entry, ...]
    skipped: tuple[Skipped, ...]
    metadata: dict[str, str] = field(default_factory=dict)


class _Repeated(dict[str, Any]):
    """A JSON object that remembers which of its keys were given more than once."""

    repeated: frozenset[str] = frozenset()

    @classmethod
    def of(cls, pairs: list[tuple[str, Any]]) -> _Repeated:
        found = cls(pairs)
        if len(found) < len(pairs):
            seen: set[str] = set()
            found.repeated = frozenset(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return found


def looks_like_safetensors(start: bytes) -> bool:
    """Whether a file that begins with these bytes (9 at least) can be one."""
    return len(start) >= 9 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= HEADER_LIMIT


def read_header(path: Path) -> Header:
    """The header of a file, with everything in it held against the file's size; nothing else is read.

    Raises
    ------
    CannotRead
        If the header is not one.
    """
    size = regular_size(path)
    try:
        with open(path, "rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if size < 8 or length > size - 8:
                raise CannotRead("the file ends within its header")
            if length > HEADER_LIMIT:
                raise CannotRead(f"claims a header of {length} bytes")
            table = json.loads(stream.read(length), object_pairs_hook=_Repeated.of)
    except OSError as error:
        raise CannotRead(f"cannot be opened: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CannotRead("its header is not readable JSON") from error
    if not isinstance(table, _Repeated):
        raise CannotRead("its header is not a JSON object")
    metadata = table.pop("__metadata__", None)
    good, skipped = [], []
    for name, stated in table.items():
        try:
            if name in table.repeated:
                raise CannotRead("the header names it more than once")
            good.append(_entry(name, stated, 8 + length, size))
        except CannotRead as error:
            skipped.append(Skipped(name, str(error), failed=True))
    good.sort(key=lambda entry: (entry.begin, entry.end))
    entries, overlapping = _apart(good)
    texts = metadata.items() if isinstance(metadata, dict) else ()
    kept = {key: value for key, value in texts if isinstance(value, str)}
    return Header(tuple(entries), (*skipped, *overlapping), kept)


def _entry(name: str, stated: Any, start: int, size: int) -> Entry:
    try:
        code, shape, (begin, end) = stated["dtype"], stated["shape"], stated["data_offsets"]
        whole = [value for value in (*shape, begin, end) if type(value) is int and value >= 0]
    except (TypeError, KeyError, ValueError) as error:
        raise CannotRead("its entry in the header is damaged") from error
    if len(whole) != len(shape) + 2 or not isinstance(code, str):
        raise CannotRead("its entry in the header is damaged")
    if code not in DTYPES:
        raise CannotRead(f"numbers of type {code[:20]!r} are not known")
    shape, dtype = tuple(shape), DTYPES[code]
    if len(shape) > 32:
        raise CannotRead(f"has {len(shape)} axes")
    if end - begin != byte_count(shape, dtype):
        raise CannotRead(f"its shape takes {byte_count(shape, dtype)} bytes, its place in the file has {end - begin}")
    if start + end > size:
        raise CannotRead("the file ends within the tensor")
    return Entry(name, shape, dtype, start + begin, start + end)


def _apart(entries: list[Entry]) -> tuple[list[Entry], list[Skipped]]:
    """Entries that share no byte with another, and the others; sorted by where they begin."""
    reach, holder = 0, -1
    clashing: dict[int, int] = {}
    for index, entry in enumerate(entries):
        if entry.begin < reach and entry.end > entry.begin:
            clashing[index] = holder
            clashing.setdefault(holder, index)
        if entry.end > reach:
            reach, holder = entry.end, index
    skipped = [
        Skipped(entries[index].name, f"its bytes overlap those of {entries[other].name}", failed=True)
        for index, other in clashing.items()
    ]
    return [entry for index, entry in enumerate(entries) if index not in clashing], skipped


class MappedFile:
    """Bytes of a file as arrays that are read from the disk when they are looked at.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._map: mmap.mmap | None = None

    def array(self, entry: Entry) -> NDArray[Any]:
        """Numbers of a tensor as they are stored: a read-only view."""
        if self._map is None:
            self._map = self._opened()
        if entry.end > self._map.size():  # the file's, now: to read beyond its end would kill the process
            raise CannotRead("the file has become shorter since it was opened")
        return np.frombuffer(self._map, bits_of(entry.dtype), prod(entry.shape), entry.begin).reshape(entry.shape)

    def close(self) -> None:
        """Let go of the map; it is unmapped with the last array that looks at it."""
        self._map = None

    def _opened(self) -> mmap.mmap:
        try:
            with open(self.path, "rb") as stream:
                return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise CannotRead(f"cannot be opened: {getattr(error, 'strerror', None) or error}") from error


def stored_tensor(entry: Entry, file: MappedFile) -> StoredTensor:
    """The tensor of an entry."""
    if prod(entry.shape) == 0:
        empty = np.zeros(entry.shape, bits_of(entry.dtype))
        return StoredTensor(
            entry.name, entry.shape, entry.dtype, file.path.name, lambda: to_real(empty, entry.dtype), lambda: empty
        )
    return StoredTensor(
        entry.name,
        entry.shape,
        entry.dtype,
        file.path.name,
        lambda: to_real(file.array(entry), entry.dtype),
        lambda: file.array(entry),
    )


def safetensors_header(tensors: Sequence[tuple[str, tuple[int, ...], str]], metadata: Mapping[str, str]) -> bytes:
    """What comes before the numbers in a file of these tensors: names, shapes and types, in the order of the file.

    >>> safetensors_header([("w", (2,), "float32")], {})[8:]
    b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  '
    """
    codes = {dtype: code for code, dtype in DTYPES.items()}
    table: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    begin = 0
    for name, shape, dtype in tensors:
        if dtype not in codes:
            raise CannotRead(f"{name}: the format has no type for {dtype}")
        end = begin + byte_count(shape, dtype)
        table[name] = {"dtype": codes[dtype], "shape": list(shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(table, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
