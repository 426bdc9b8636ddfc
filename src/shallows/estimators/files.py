"""A fitted estimator as a safetensors file: weights, how inputs were transformed, and a JSON header. No pickle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .._display import Displayed
from ..errors import InvalidArgument
from ..networks import network_named
from ..operators import operator_for
from ..table_encoding import Encoding
from ..training import Fit, FitStatus, load_weights, save_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._types import FloatArray
    from .learner import Learner

#: Tensors beside the weights.
EXTRAS = ("input_mean", "input_matrix", "intercept")


@dataclass(frozen=True, eq=False, repr=False)
class SavedModel(Displayed):
    """What a weights file holds: enough to predict, and to go on from.

    Attributes
    ----------
    fit : Fit
    mean : ndarray, shape (d,)
    matrix : ndarray, shape (d, d) or (d,)
        Inputs are ``(X - mean) @ matrix``, or times it where it is a vector.
    intercept : float
    features : tuple of str, or None
    target : str or None
    centred : bool
    encoding : Encoding or None
        How columns of a user's table become inputs.
    """

    fit: Fit
    mean: FloatArray
    matrix: FloatArray
    intercept: float
    features: tuple[str, ...] | None
    target: str | None
    centred: bool
    encoding: Encoding | None = None

    def transform(self, inputs: FloatArray) -> FloatArray:
        """Inputs as the network sees them."""
        shifted = inputs - self.mean
        return shifted @ self.matrix if self.matrix.ndim == 2 else shifted * self.matrix

    def predict(self, inputs: FloatArray) -> FloatArray:
        """Predictions, shape (n,)."""
        seen = self.transform(np.asarray(inputs, dtype=float))
        out: FloatArray = operator_for(self.fit.network, seen).output(self.fit.weights) + self.intercept
        return out


def save_model(
    model: Learner,
    path: str | Path,
    *,
    features: Sequence[str] | None = None,
    target: str | None = None,
    encoding: Encoding | None = None,
) -> Path:
    """Write a fitted estimator; the file appears complete or not at all.

    Parameters
    ----------
    model : estimator
        Fitted.
    path : path
        Ends in ``.safetensors`` by custom.
    features, target : str, optional
        Names, so that other data can be checked against them.
    encoding : Encoding, optional
        How columns of the table became inputs, so that those of other tables can.

    Returns
    -------
    Path

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from shallows import DiagonalNetworkRegressor
    >>> from shallows.estimators.files import load_model, save_model
    >>> rng = np.random.default_rng(0)
    >>> inputs = rng.standard_normal((100, 3))
    >>> model = DiagonalNetworkRegressor(1.0).fit(inputs, inputs[:, 2] + rng.standard_normal(100))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     saved = load_model(save_model(model, Path(folder) / "m.safetensors", features="abc"))
    >>> saved.features, bool(np.allclose(saved.predict(inputs), model.predict(inputs)))
    (('a', 'b', 'c'), True)
    """
    dim = model.n_features_in_
    transformer = model.transformer_
    if transformer is None:
        mean, matrix = np.zeros(dim), np.ones(dim)
    else:
        mean = transformer.mean_
        matrix = 1 / transformer.scale_ if transformer.matrix_ is None else transformer.total_matrix_
    centred = bool(model.fit_intercept)
    return save_model_parts(
        SavedModel(
            replace(model.fit_, weight_decay=model.weight_decay_),
            mean,
            matrix,
            model.intercept_,
            None if features is None else tuple(features),
            target,
            centred,
            encoding,
        ),
        path,
    )


def save_fit(
    fit: Fit,
    path: str | Path,
    *,
    features: Sequence[str] | None = None,
    target: str | None = None,
    encoding: Encoding | None = None,
) -> Path:
    """Write a network that was trained on inputs and labels as they are.

    Parameters
    ----------
    fit : Fit
    path, features, target, encoding
        As for :func:`save_model`.

    Returns
    -------
    Path
    """
    dim = network_named(fit.network).weights_dim(fit.weights)
    names = None if features is None else tuple(features)
    return save_model_parts(SavedModel(fit, np.zeros(dim), np.ones(dim), 0.0, names, target, False, encoding), path)


def save_model_parts(model: SavedModel, path: str | Path) -> Path:
    """Write a :class:`SavedModel`."""
    details = {
        **model.fit.details,
        "features": None if model.features is None else list(model.features),
        "target": model.target,
        "centred": model.centred,
        "table": None if model.encoding is None else model.encoding.to_dict(),
    }
    extra = {
        "input_mean": model.mean,
        "input_matrix": model.matrix,
        "intercept": np.array([model.intercept]),
    }
    return save_weights(replace(model.fit, details=details), path, extra=extra)


def load_model(path: str | Path) -> SavedModel:
    """Read a file of :func:`save_model`, or the weights alone of :func:`shallows.training.save_weights`.

    Raises
    ------
    InvalidArgument
        If the file is missing, damaged, or not one of ours.
    """
    from safetensors import safe_open

    weights, summary = load_weights(path)
    try:
        dim = network_named(summary["network"]).weights_dim(weights)
        with safe_open(Path(path), framework="numpy") as stream:
            names_in_file = set(stream.keys())
            tensors = {key: np.asarray(stream.get_tensor(key), dtype=float) for key in EXTRAS if key in names_in_file}
        details = dict(summary.get("details") or {})
        fit = Fit(
            network=str(summary["network"]),
            weights=weights,
            weight_decay=float(summary["weight_decay"]),
            penalty=None if summary["penalty"] is None else float(summary["penalty"]),
            objective=float(summary["objective"]),
            dual_objective=summary["dual_objective"],
            residual=float(summary["residual"]),
            status=FitStatus(summary["status"]),
            iterations=int(summary["iterations"]),
            seconds=float(summary["seconds"]),
            train_error=float(summary["train_error"]),
            solver=str(summary["solver"]),
            width=summary["width"],
            tolerance=float(summary["tolerance"]),
            details=details,
        )
        features = details.get("features")
        names = None if features is None else tuple(str(name) for name in features)
        table = details.get("table")
        encoding = None if table is None else Encoding.from_dict(table)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidArgument("path", str(path), f"its header is not one of a weights file ({error!r})") from error
    mean = tensors.get("input_mean", np.zeros(dim))
    matrix = tensors.get("input_matrix", np.ones(dim))
    intercept = tensors.get("intercept", np.zeros(1))
    good = mean.shape == (dim,) and matrix.shape in ((dim,), (dim, dim)) and intercept.shape == (1,)
    if not good or not all(np.isfinite(array).all() for array in (mean, matrix, intercept)):
        raise InvalidArgument("path", str(path), "the transformation in it is unusable: wrong shape, or not finite")
    if names is not None and len(names) != dim:
        raise InvalidArgument("path", str(path), f"names {len(names)} columns for {dim} weights")
    if encoding is not None and encoding.features != names:
        raise InvalidArgument("path", str(path), "its columns and its encoding of a table are not the same")
    target, centred = details.get("target"), bool(details.get("centred"))
    return SavedModel(fit, mean, matrix, float(intercept[0]), names, target, centred, encoding)
