"""Weights as safetensors files: arrays and a JSON header, nothing that can run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._system import replacing
from .._version import __version__
from ..errors import InvalidArgument, UnknownNetwork
from ..networks import network_named

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from .._types import FloatArray
    from ..weights import LowRankPSD
    from .fit import Fit

FORMAT = "shallows-weights-1"


def save_weights(fit: Fit, path: str | os.PathLike[str], *, extra: Mapping[str, FloatArray] | None = None) -> Path:
    """Write the weights of `fit` with its summary as metadata; the file appears complete or not at all.

    Tensors: ``theta`` (d,), or ``factor`` (d, r) with ``S = F F^T``; and the network's own ``a``, ``w`` or ``W``
    where it was trained by gradient.

    Parameters
    ----------
    fit : Fit
    path : path
        Ends in ``.safetensors`` by custom.
    extra : mapping of str to ndarray, optional
        Further tensors, such as how inputs are transformed; :func:`load_weights` leaves them out.

    Returns
    -------
    Path

    Raises
    ------
    InvalidArgument
        If an extra tensor has the name of one that is written already.

    Examples
    --------
    >>> import tempfile
    >>> from shallows import PowerLaw, Problem, train
    >>> from shallows.training import load_weights, save_weights
    >>> fit = train(Problem("diagonal", PowerLaw(dim=20, gamma=1.0), samples=30), seed=0, weight_decay=0.1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     weights, summary = load_weights(save_weights(fit, f"{folder}/fit.safetensors"))
    >>> bool((weights == fit.weights).all()), summary["objective"] == fit.objective
    (True, True)
    """
    from safetensors.numpy import save

    tensors = network_named(fit.network).to_tensors(fit.weights) | dict(fit.parameters or {})
    for name, value in (extra or {}).items():
        if name in tensors:
            raise InvalidArgument("extra", name, "a tensor of this name is written already")
        tensors[name] = value
    contiguous = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    summary = json.dumps(fit.to_dict(), default=_plain)
    metadata = {"format": FORMAT, "version": __version__, "network": fit.network, "fit": summary}
    target = Path(path)
    with replacing(target) as temporary:
        temporary.write_bytes(save(contiguous, metadata=metadata))
    return target


def load_weights(path: str | os.PathLike[str]) -> tuple[FloatArray | LowRankPSD, dict[str, Any]]:
    """Effective weights of a file written by :func:`save_weights`, and the summary of the fit they came from.

    Parameters
    ----------
    path : path

    Returns
    -------
    weights : ndarray, shape (d,), or LowRankPSD
    summary : dict
        :meth:`Fit.to_dict` of the fit.

    Raises
    ------
    InvalidArgument
        If the file is missing, damaged, or not one of ours.

    Examples
    --------
    >>> from shallows.training import load_weights
    >>> load_weights("missing.safetensors")
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: path: got 'missing.safetensors'; no such file
    """
    from safetensors import SafetensorError, safe_open

    source = Path(path)
    if not source.is_file():
        raise InvalidArgument("path", str(path), "no such file")
    try:
        with safe_open(source, framework="numpy") as stream:
            metadata = stream.metadata() or {}
            tensors = {name: np.asarray(stream.get_tensor(name), dtype=float) for name in stream.keys()}  # noqa: SIM118
        written = metadata.get("format")
        if written != FORMAT and str(written).startswith(FORMAT.rstrip("0123456789")):
            whose = f"written by shallows {metadata.get('version', '(unknown)')} in a format"
            allowed = f"{whose} that shallows {__version__} does not read ({written}; it reads {FORMAT})"
            raise InvalidArgument("path", str(path), allowed)
        if written != FORMAT:
            raise InvalidArgument("path", str(path), f"not a weights file of this package ({FORMAT})")
        summary = json.loads(metadata["fit"])
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, InvalidArgument):
            raise
        raise InvalidArgument("path", str(path), f"not a readable safetensors file ({error})") from error
    try:
        return network_named(metadata.get("network")).from_tensors(tensors), summary
    except UnknownNetwork as error:
        raise InvalidArgument("path", str(path), "the file holds no weights of a known network") from error
    except InvalidArgument as error:
        raise InvalidArgument("path", str(path), f"the weights in it are unusable: the file {error.allowed}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"cannot write {type(value).__name__}")
