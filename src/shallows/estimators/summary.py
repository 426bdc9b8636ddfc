"""Everything one fitted estimator has to say, JSON-ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..errors import EstimateUndefined, SolveFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..inference import Estimate, Forecast, PowerLawFit
    from .base import NetworkRegressor

    Guess = TypeVar("Guess", PowerLawFit, Forecast)

#: Multiples of the present number of samples that the summary forecasts.
MULTIPLES = (2.0, 4.0, 10.0)
#: Entries of the spectrum that are listed.
LISTED = 100


def summarise(
    model: NetworkRegressor,
    *,
    features: Sequence[str] | None = None,
    target: str | None = None,
    samples: int | None = None,
    data: Any = None,
    multiples: Sequence[float] = MULTIPLES,
) -> dict[str, Any]:
    """Summary of a fitted estimator.

    Parameters
    ----------
    model : estimator
    features, target : str, optional
        Names for tables.
    samples : int, optional
        Rows that it was trained on.
    data : pair (X, y), optional
        The training data, to refine the pruned network.
    multiples : sequence of float
        Of the present number of samples, for the forecast.

    Returns
    -------
    dict
        Where something cannot be estimated it is None and ``reasons`` says why.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows import DiagonalNetworkRegressor
    >>> from shallows.estimators.summary import summarise
    >>> rng = np.random.default_rng(0)
    >>> inputs = rng.standard_normal((100, 8))
    >>> model = DiagonalNetworkRegressor(1.0).fit(inputs, inputs[:, 2] + rng.standard_normal(100))
    >>> content = summarise(model, features=list("abcdefgh"), samples=100)
    >>> content["weights"]["weights"][0]["name"], content["modes"]
    ('c', None)
    """
    reasons: dict[str, str] = {}
    names = None if features is None else list(features)
    known = model.inference_

    def estimated(key: str, compute: Callable[[], Any]) -> Any:
        try:
            return compute()
        except (EstimateUndefined, SolveFailed) as error:
            reasons[key] = str(error)
            return None

    out = _of_the_fit(model, target, samples) | _explained(model.test_error_estimate_, data)
    if known is None:
        reasons["test_error"] = "the network interpolates its data"
    else:
        for key in ("test_error", "noise", "excess_risk"):
            reason = model.diagnosis_.against(key)
            if reason is not None:
                reasons[key], out[key] = reason, None
    out["modes"] = out["weights"] = None
    out[model.learned_table] = estimated(model.learned_table, lambda: model.describe_learned(names))
    learned = out[model.learned_table]
    if learned is None or learned.get("method", "theory") != "theory":
        out["noise_scale"] = out["threshold"] = None  # there is no one noise scale for all of them
    out["power_law"] = estimated("power_law", lambda: believed(model.power_law_).to_dict())
    out["pruning"] = estimated("pruning", lambda: model.prune(*(data or ())).to_dict())
    rows = samples if samples is not None else (0 if known is None else known.samples)
    out["forecast"] = estimated(
        "forecast", lambda: believed(model.forecast([m * rows for m in multiples])).to_dict() if rows else None
    )
    out["reasons"] = reasons
    return out


def believed(found: Guess) -> Guess:
    """What was found, or :class:`shallows.EstimateUndefined` with its caution: rejected numbers are not shown."""
    if found.caution is not None:
        raise EstimateUndefined(found.caution)
    return found


def _explained(error: Estimate | None, data: Any) -> dict[str, Any]:
    """Variance of the labels, and the share of it that the network explains on new samples."""
    if data is None:
        return {"label_variance": None, "r_squared": None}
    variance = float(np.var(np.asarray(data[1], dtype=float), ddof=1))
    if error is None or variance == 0:
        return {"label_variance": variance, "r_squared": None}
    shares = {"value": error.value, "low": error.high, "high": error.low}
    return {
        "label_variance": variance,
        "r_squared": {key: round(1 - part / variance, 12) + 0.0 for key, part in shares.items()},
    }


def _of_the_fit(model: NetworkRegressor, target: str | None, samples: int | None) -> dict[str, Any]:
    """What needs no further computing."""
    known = model.inference_
    return {
        "network": model.network,
        "samples": samples,
        "dim": int(model.n_features_in_),
        "effective_samples": None if known is None else known.effective_samples,
        "target": target,
        "transformation": "none" if model.transformer_ is None else model.transformer_.changed_,
        "width": model.width,
        "weight_decay": model.weight_decay_,
        "penalty": model.penalty_,
        "intercept": model.intercept_,
        "train_error": model.train_error_,
        "test_error": None if known is None else known.test_error.to_dict(),
        "noise": None if known is None else known.noise.to_dict(),
        "excess_risk": None if known is None else known.excess_risk.to_dict(),
        "degrees_of_freedom": model.degrees_of_freedom_,
        "noise_scale": model.noise_scale_,
        "threshold": None if known is None else known.threshold,
        "learned_features": int((model.spectrum_ > 0).sum()),
        "spectrum": [float(v) for v in model.spectrum_[:LISTED]],
        "diagnosis": model.diagnosis_.to_dict(),
        "training": {
            "status": model.fit_.status.value,
            "gap": model.fit_.gap,
            "solver": model.fit_.solver,
            "seconds": model.fit_.seconds,
        },
        "path": None if model.path_ is None else model.path_.to_dict(),
    }
