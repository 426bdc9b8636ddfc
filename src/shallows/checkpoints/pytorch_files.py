"""PyTorch's own files: state dicts, loaded without running anything that is in them."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

from ..errors import CannotRead, MissingDependency
from .contents import Skipped
from .local_files import regular_size
from .opened import Opened
from .pytorch_tensors import is_tensor, torch_tensor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Entries under which training scripts keep the state dict.
WRAPPERS = ("model", "state_dict", "model_state_dict", "module", "net", "network", "params", "weights")
#: Entries at the top that are not of the network.
_NOT_WEIGHTS = re.compile(r"optim|sched|scaler|rng|random", re.IGNORECASE)
_OF_TRAINING = "state of the training (optimiser, schedule or random numbers), no weight"


def open_pytorch(path: Path) -> Opened:
    """Tensors of a file of ``torch.save``, memory-mapped where its format allows; `layout` is what was loaded.

    Raises
    ------
    CannotRead
        If the file is damaged, or asks for more than tensors in plain containers.
    MissingDependency
        Without PyTorch.
    """
    content = load_pytorch(path)
    tensors, skipped = [], []
    for name, keys, value in named_tensors(content):
        name = name or path.stem
        if _of_training(keys):
            skipped.append(Skipped(name, _OF_TRAINING))
            continue
        try:
            tensors.append(torch_tensor(name, value, path.name))
        except CannotRead as error:
            skipped.append(Skipped(name, str(error), failed=True))
    return Opened(tensors, skipped, layout=content)


def named_tensors(content: Any) -> Iterator[tuple[str, tuple[Any, ...], Any]]:
    """Every tensor of a loaded file: its name, the keys that lead to it, and itself.

    The name is the keys, joined by dots; the first is left out where it is a customary one for the state dict, and all
    that is beside it is state of the training.
    """
    found = list(_walk(content, (), ()))
    tops = {keys[0] for keys, _ in found if keys and not _of_training(keys)}
    wrapped = len(tops) == 1 and tops <= set(WRAPPERS)
    for keys, value in found:
        kept = keys[1:] if wrapped and len(keys) > 1 and not _of_training(keys) else keys
        yield ".".join(str(key) for key in kept), keys, value


def load_pytorch(path: Path) -> Any:
    """What a file of ``torch.save`` holds: tensors and plain containers, nothing that runs."""
    try:
        import torch
    except ImportError as error:
        raise MissingDependency("files of PyTorch need PyTorch: pip install 'shallows[train]'") from error
    regular_size(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _loaded(torch, path)
        except Exception as error:  # damaged archives end in errors of every kind
            raise CannotRead(_reason(error)) from error


def _loaded(torch: Any, path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError as error:
        if "mmap" not in str(error):
            raise
    return torch.load(path, map_location="cpu", weights_only=True)  # the format before PyTorch 1.6


def _reason(error: Exception) -> str:
    text = str(error)
    wanted = re.search(r"GLOBAL ([\w.]+)|(?:Unsupported (?:global|class|type|operand)\D*?)([\w.]+\.[\w.]+)", text)
    if wanted:
        return f"asks to run {wanted[1] or wanted[2]}, which is not done; save the state_dict() of the module alone"
    if "weights_only" in text.lower() or "weights only" in text.lower():
        return "holds more than tensors in plain containers, which is not loaded; save the state_dict() alone"
    if "TorchScript" in text:
        return "is a TorchScript archive; save the state_dict() of the module"
    return f"is not a readable file of PyTorch ({(text.strip().splitlines() or [type(error).__name__])[0][:100]})"


def _of_training(keys: tuple[Any, ...]) -> bool:
    return len(keys) > 1 and isinstance(keys[0], str) and _NOT_WEIGHTS.search(keys[0]) is not None


def _walk(value: Any, keys: tuple[Any, ...], above: tuple[int, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every tensor in nested containers with the keys that lead to it; a container within itself only once."""
    if is_tensor(value):
        yield keys, value
    elif isinstance(value, (dict, list, tuple)) and id(value) not in above:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _walk(item, (*keys, key), (*above, id(value)))
