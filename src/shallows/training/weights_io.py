"""Weights as safetensors files: arrays and a JSON header, nothing that can run."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidArgument
from ..weights import LowRankPSD
from .fit import Fit

if TYPE_CHECKING:
    from .._types import FloatArray

FORMAT = "shallows-weights-1"


def save_weights(fit: Fit, path: str | os.PathLike[str]) -> Path:
    """Write the weights of `fit` with its summary as metadata; the file appears complete or not at all.

    Tensors: ``theta`` (d,), or ``factor`` (d, r) with ``S = F F^T``; and the network's own ``a``, ``w`` or ``W``
    where it was trained by gradient.
    """
    from safetensors.numpy import save

    if isinstance(fit.weights, LowRankPSD):
        tensors = {"factor": np.ascontiguousarray(fit.weights.factor)}
    else:
        tensors = {"theta": np.ascontiguousarray(fit.weights)}
    for name, value in (fit.parameters or {}).items():
        tensors[name] = np.ascontiguousarray(value)
    metadata = {"format": FORMAT, "network": fit.network, "fit": json.dumps(fit.to_dict(), default=_plain)}
    target = Path(path)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(save(tensors, metadata=metadata))
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return target


def load_weights(path: str | os.PathLike[str]) -> tuple[FloatArray | LowRankPSD, dict[str, Any]]:
    """Effective weights of a file written by :func:`save_weights`, and the summary of the fit they came from.

    Raises
    ------
    InvalidArgument
        If the file is missing, damaged, or not one of ours.
    """
    from safetensors import SafetensorError, safe_open

    source = Path(path)
    if not source.is_file():
        raise InvalidArgument("path", str(path), "no such file")
    try:
        with safe_open(source, framework="numpy") as stream:
            metadata = stream.metadata() or {}
            names = set(stream.keys())
            if metadata.get("format") != FORMAT:
                raise InvalidArgument("path", str(path), f"not a weights file of this package ({FORMAT})")
            name = {"diagonal": "theta", "quadratic": "factor"}.get(metadata.get("network", ""))
            if name is None or name not in names:
                raise InvalidArgument("path", str(path), "the file holds no weights of a known network")
            array = np.asarray(stream.get_tensor(name), dtype=float)
        summary = json.loads(metadata["fit"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        if isinstance(error, InvalidArgument):
            raise
        raise InvalidArgument("path", str(path), f"not a readable safetensors file ({error})") from error
    if array.ndim != (1 if name == "theta" else 2) or not np.isfinite(array).all():
        raise InvalidArgument("path", str(path), "the weights in it are unusable: wrong shape, or not finite")
    return (LowRankPSD(array) if name == "factor" else array), summary


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"cannot write {type(value).__name__}")
