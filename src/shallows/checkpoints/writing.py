"""A new checkpoint like another, with some tensors replaced: written piece by piece, complete or not at all."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import shown
from .._display import Displayed, Summary
from .._system import move_folder, replacing, temporary_name
from ..errors import CannotRead, InvalidArgument
from .changes import PlannedTensor, planned
from .local_files import settings_beside
from .opened import Opened, OpenedCheckpoint
from .opening import open_checkpoint
from .pytorch_files import pytorch_copy
from .safetensors_files import safetensors_header
from .stored_numbers import bits_of, byte_count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .contents import Checkpoint

#: Files beside the weights that a folder's copy takes along, by their endings, up to this size.
_TAKEN_ALONG = (".json", ".txt", ".model", ".jinja", ".md")
_LARGEST_BESIDE = 100_000_000
#: Formats that a module or a mapping can be written in.
_BY_ENDING = {
    ".safetensors": "safetensors",
    ".npz": "numpy",
    ".pt": "pytorch",
    ".pth": "pytorch",
    ".bin": "pytorch",
}


@dataclass(frozen=True, repr=False)
class WrittenCheckpoint(Displayed):
    """What was written.

    Attributes
    ----------
    path : Path
        The file, or the folder.
    files : tuple of Path
        Those that hold tensors.
    changed : tuple of str
        Tensors with new values, the factors of others among them.
    parameters, parameters_before : int
        Numbers in all tensors.
    bytes, bytes_before : int
        What they take.

    Examples
    --------
    >>> from pathlib import Path
    >>> from shallows.checkpoints import WrittenCheckpoint
    >>> WrittenCheckpoint(Path("a"), (), ("w",), 60, 100, 240, 400).parameters_saved
    40
    """

    path: Path
    files: tuple[Path, ...]
    changed: tuple[str, ...]
    parameters: int
    parameters_before: int
    bytes: int
    bytes_before: int

    @property
    def parameters_saved(self) -> int:
        """How many fewer numbers there are."""
        return self.parameters_before - self.parameters

    def _summary(self) -> Summary:
        rows: list[tuple[str, ...]] = [("path", str(self.path)), ("tensors changed", str(len(self.changed)))]
        rows += [("numbers", str(self.parameters), f"of {self.parameters_before} before")]
        rows += [("bytes", str(self.bytes), f"of {self.bytes_before} before")]
        return Summary("Written checkpoint", rows)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "path": str(self.path),
            "files": [str(file) for file in self.files],
            "changed": list(self.changed),
            "parameters": self.parameters,
            "parameters_before": self.parameters_before,
            "bytes": self.bytes,
            "bytes_before": self.bytes_before,
        }


def write_checkpoint(
    source: Any, changes: Mapping[str, Any], path: str | os.PathLike[str], *, force: bool = False
) -> WrittenCheckpoint:
    """Write a checkpoint like `source`, in its format, with some tensors replaced.

    A sharded checkpoint, and a folder of several files, becomes a folder with files of the same names, an index, and
    the settings that lay beside them. A module or a mapping is written in the format of the path's ending
    (``.safetensors``, ``.npz``, ``.pt``). What a matrix's two factors are called: ``NAME.left`` (rows x rank) and
    ``NAME.right`` (rank x columns, with the axes of a kernel as they were); :func:`weight_matrices` reads the pair as
    the matrix ``NAME``.

    Parameters
    ----------
    source : Checkpoint, or what :func:`open_checkpoint` takes
    changes : mapping of str to ndarray, callable or Factors
        By the tensor's name: new values of its shape, what returns them when it is their turn (so that no two are in
        memory), or two factors. They are rounded to the tensor's own type. :func:`tensor_changes` makes them from
        changes of matrices.
    path : path
        Where to write; never the source itself. Missing parents are made.
    force : bool
        Whether a file there may be replaced.

    Returns
    -------
    WrittenCheckpoint

    Raises
    ------
    InvalidArgument
        If a change names no tensor or does not fit, if something of the source cannot be read (the copy would lack
        it), if its format is not written (GGUF), or the path cannot be.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from shallows.checkpoints import Factors, open_checkpoint, write_checkpoint
    >>> weights = {"w": np.ones((20, 10), np.float32), "b": np.zeros(20, np.float32)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     factors = Factors(np.ones((20, 1)), np.ones((1, 10)))
    ...     written = write_checkpoint(weights, {"w": factors}, f"{folder}/small.safetensors")
    ...     with open_checkpoint(written.path) as small:
    ...         names = [tensor.name for tensor in small.tensors]
    >>> names, written.parameters_before, written.parameters
    (['w.left', 'w.right', 'b'], 220, 50)
    """
    checkpoint = open_checkpoint(source)
    try:
        return _written(checkpoint, changes, Path(path), force)
    except (OSError, ValueError) as error:
        if isinstance(error, InvalidArgument):
            raise
        reason = f"cannot be written: {getattr(error, 'strerror', None) or error}"
        raise InvalidArgument("path", shown(str(path)), reason) from error
    except CannotRead as error:
        raise InvalidArgument("source", shown(checkpoint.title), str(error)) from error
    finally:
        if checkpoint is not source:
            checkpoint.close()


def _written(checkpoint: Checkpoint, changes: Mapping[str, Any], path: Path, force: bool) -> WrittenCheckpoint:
    if not isinstance(checkpoint, OpenedCheckpoint):
        raise InvalidArgument("source", checkpoint.title, "cannot be written: it was not opened from a file or module")
    if checkpoint.files and len(checkpoint.files) != len(checkpoint.parts):
        raise InvalidArgument("source", shown(checkpoint.title), "is a base with an adapter, which is not written")
    unknown = sorted(set(changes) - {tensor.name for tensor in checkpoint.tensors})
    if unknown:
        raise InvalidArgument("changes", shown(unknown[0]), f"is the name of no tensor of {shown(checkpoint.title)}")
    lost = [item for item in checkpoint.skipped if item.failed]
    if lost:
        raise InvalidArgument(
            "source", shown(lost[0].name), f"cannot be read ({lost[0].reason}); a copy of the checkpoint would lack it"
        )
    writer = _WRITERS.get(_format_of(checkpoint, path))
    if writer is None:
        raise InvalidArgument("source", checkpoint.title, f"files in the format {checkpoint.format} are not written")
    opened_folder = isinstance(checkpoint.origin, Path) and checkpoint.origin.is_dir()
    folder = len(checkpoint.files) > 1 or (opened_folder and path.suffix != checkpoint.files[0].suffix)
    kept = [[item for item in part.tensors if item.layer.get("persistent", True)] for part in checkpoint.parts]
    plans = [planned(tensors, changes) for tensors in kept]
    if folder:
        files = _write_folder(checkpoint, plans, path, force, writer)
    else:
        _check_target(checkpoint, path, force)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            writer(checkpoint.parts[0], plans[0], temporary)
        files = (path,)
    all_planned = [tensor for plan in plans for tensor in plan]
    return WrittenCheckpoint(
        path,
        files,
        tuple(tensor.name for tensor in all_planned if tensor.changed),
        sum(prod(tensor.shape) for tensor in all_planned),
        sum(prod(tensor.shape) for tensor in checkpoint.tensors),
        sum(byte_count(tensor.shape, tensor.dtype) for tensor in all_planned),
        sum(byte_count(tensor.shape, tensor.dtype) for tensor in checkpoint.tensors),
    )


def _format_of(checkpoint: Checkpoint, path: Path) -> str:
    if checkpoint.files:
        return checkpoint.format
    found = _BY_ENDING.get(path.suffix.lower())
    if found is None:
        raise InvalidArgument("path", shown(str(path)), f"must end in one of {', '.join(_BY_ENDING)}")
    return found


def _check_target(checkpoint: Checkpoint, path: Path, force: bool) -> None:
    if path.is_dir():
        raise InvalidArgument("path", shown(str(path)), "is a folder; must be the name of a file")
    if not path.exists():
        return
    if any(file.exists() and path.samefile(file) for file in checkpoint.files):
        raise InvalidArgument("path", shown(str(path)), "is the checkpoint that is read; give another name")
    if not force:
        raise InvalidArgument("path", shown(str(path)), "exists already; give another name, or force")


def _write_folder(
    checkpoint: OpenedCheckpoint, plans: list[list[PlannedTensor]], path: Path, force: bool, writer: Writer
) -> tuple[Path, ...]:
    if path.exists() and not path.is_dir():
        raise InvalidArgument("path", shown(str(path)), "is a file; must be a folder, as the checkpoint has several")
    if path.is_dir() and not force and any(path.iterdir()):
        raise InvalidArgument("path", shown(str(path)), "is not empty; give another folder, or force")
    source = checkpoint.files[0].parent
    if path.is_dir() and path.samefile(source):
        raise InvalidArgument("path", shown(str(path)), "is the checkpoint that is read; give another folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(temporary_name(path))
    partial.mkdir()
    try:
        for file, part, plan in zip(checkpoint.files, checkpoint.parts, plans, strict=True):
            writer(part, plan, partial / file.name)
        last = _write_beside(checkpoint, plans, source, partial)
        move_folder(partial, path, last)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return tuple(path / file.name for file in checkpoint.files)


def _write_beside(checkpoint: Checkpoint, plans: list[list[PlannedTensor]], source: Path, target: Path) -> str:
    """Settings of the model as they are, and the index anew; its name, empty if there is none."""
    name = ""
    for file in sorted(source.iterdir()):
        if not file.name.endswith(_TAKEN_ALONG) or not file.is_file() or file.stat().st_size > _LARGEST_BESIDE:
            continue
        if file.name.endswith(".index.json"):
            index = settings_beside(source, file.name)
            table = index.get("weight_map")
            if isinstance(table, dict) and {item.name for item in checkpoint.files} & {str(v) for v in table.values()}:
                name = file.name
                (target / name).write_text(json.dumps(_index(index, checkpoint, plans), indent=2) + "\n")
        else:
            shutil.copyfile(file, target / file.name)
    return name


def _index(index: dict[str, Any], checkpoint: Checkpoint, plans: list[list[PlannedTensor]]) -> dict[str, Any]:
    metadata = index.get("metadata")
    total = sum(byte_count(tensor.shape, tensor.dtype) for plan in plans for tensor in plan)
    table = {tensor.name: file.name for file, plan in zip(checkpoint.files, plans, strict=True) for tensor in plan}
    kept = metadata if isinstance(metadata, dict) else {}
    if "total_parameters" in kept:
        kept = kept | {"total_parameters": sum(prod(tensor.shape) for plan in plans for tensor in plan)}
    return {"metadata": {**kept, "total_size": total}, "weight_map": dict(sorted(table.items()))}


def _write_safetensors(part: Opened, plan: Sequence[PlannedTensor], path: Path) -> None:
    header = safetensors_header([(item.name, item.shape, item.dtype) for item in plan], part.metadata)
    with open(path, "wb") as stream:
        stream.write(header)
        for item in plan:
            array = np.ascontiguousarray(item.stored().astype(bits_of(item.dtype), copy=False))
            stream.write(array.reshape(-1).view(np.uint8).data)


def _write_numpy(part: Opened, plan: Sequence[PlannedTensor], path: Path) -> None:
    for item in plan:
        if item.dtype.startswith(("bfloat16", "float8")):
            raise InvalidArgument("path", shown(path.name), f"NumPy's files have no type for {item.dtype}")
    if part.layout is None and path.suffix == ".npy":
        if len(plan) != 1:
            raise InvalidArgument("changes", shown(plan[0].name), "an .npy file holds one array: no factors")
        np.save(path, plan[0].stored(), allow_pickle=False)
        return
    method = zipfile.ZIP_DEFLATED if part.layout else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method, allowZip64=True) as archive:
        for item in plan:
            with archive.open(f"{item.name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asarray(item.stored()), allow_pickle=False)


def _write_pytorch(part: Opened, plan: Sequence[PlannedTensor], path: Path) -> None:
    pytorch_copy(part.layout, plan, path)


def _write_onnx(part: Opened, plan: Sequence[PlannedTensor], path: Path) -> None:
    from .onnx_files import onnx_copy

    onnx_copy(part.layout, plan, path)


if TYPE_CHECKING:
    Writer = Callable[[Opened, Sequence[PlannedTensor], Path], None]

_WRITERS: dict[str, Writer] = {
    "safetensors": _write_safetensors,
    "numpy": _write_numpy,
    "pytorch": _write_pytorch,
    "onnx": _write_onnx,
}
