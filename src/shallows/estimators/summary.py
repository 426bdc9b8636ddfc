"""Everything one fitted estimator has to say, JSON-ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import EstimateUndefined, SolveFailed
from .display import known_content

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..inference import Forecast, PowerLawFit
    from .learner import Learner

    Guess = TypeVar("Guess", PowerLawFit, Forecast)

#: Multiples of the present number of samples that the summary forecasts.
MULTIPLES = (2.0, 4.0, 10.0)


def summarise(
    model: Learner,
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
    names = None if features is None else list(features)
    out = known_content(model, target, samples)
    reasons: dict[str, str] = out["reasons"]

    def estimated(key: str, compute: Callable[[], Any]) -> Any:
        try:
            return compute()
        except (EstimateUndefined, SolveFailed) as error:
            reasons[key] = str(error)
            return None

    out["modes"] = out["weights"] = None
    out[model.learned_table] = estimated(model.learned_table, lambda: model.describe_learned(names))
    learned = out[model.learned_table]
    if learned is None or learned.get("method", "theory") != "theory":
        out["noise_scale"] = out["threshold"] = None  # there is no one noise scale for all of them
    out["power_law"] = estimated("power_law", lambda: believed(model.power_law_).to_dict())
    out["pruning"] = estimated("pruning", lambda: model.prune(*(data or ())).to_dict())
    known = model.inference_
    rows = samples if samples is not None else (0 if known is None else known.samples)
    out["forecast"] = estimated(
        "forecast", lambda: believed(model.forecast([m * rows for m in multiples])).to_dict() if rows else None
    )
    out["reasons"] = out.pop("reasons")
    return out


def believed(found: Guess) -> Guess:
    """What was found, or :class:`shallows.EstimateUndefined` with its caution: rejected numbers are not shown."""
    if found.caution is not None:
        raise EstimateUndefined(found.caution)
    return found
