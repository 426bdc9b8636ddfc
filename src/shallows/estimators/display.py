"""What a fitted estimator says of itself without computing anything: for the command line, pages and notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._display import Summary
from .._numbers import span
from .._numbers import terminal_number as number
from ..inference.concern import grouped

if TYPE_CHECKING:
    from ..inference import Estimate

#: Entries of the spectrum that are listed.
LISTED = 100


def known_content(model: Any, target: str | None = None, samples: int | None = None) -> dict[str, Any]:
    """The part of :func:`shallows.estimators.summary.summarise` that needs no computing.

    What cannot be told is None, and ``reasons`` says why.
    """
    known, reasons = model.inference_, {}
    out = _of_the_fit(model, target, samples)
    out |= _explained(model.test_error_estimate_, getattr(model, "label_variance_", None))
    if known is None:
        reasons["test_error"] = "the network interpolates its data"
    else:
        for key in ("test_error", "noise", "excess_risk"):
            reason = model.diagnosis_.against(key)
            if reason is not None:
                reasons[key], out[key] = reason, None
    return out | {"reasons": reasons}


def error_rows(content: dict[str, Any]) -> list[tuple[str, ...]]:
    """Errors with what they are measured by, for people: name, value, remark."""
    by_columns = "by least squares" if (content.get("weights") or {}).get("method") == "least squares" else ""
    scale = f"1 - test error / {number(content['label_variance'])}, the labels' variance"
    rows = [
        ("test error", span(content["test_error"]), "estimated from the training data; 90 % interval"),
        ("R^2", span(content["r_squared"]), scale),
        ("train error", number(content["train_error"]), ""),
        ("label noise", span(content["noise"]), by_columns),
        ("excess risk", span(content["excess_risk"]), ""),
    ]
    return [(name, value, "" if value == "-" else remark) for name, value, remark in rows]


def learned_rows(content: dict[str, Any]) -> list[tuple[str, ...]]:
    """How much was learned, for people: name and value."""
    rows: list[tuple[str, ...]] = [
        ("weight decay", number(content["weight_decay"])),
        ("features", f"{content['learned_features']} learned of {content['dim']}"),
        ("degrees of freedom", f"{number(content['degrees_of_freedom'])} of {content['samples']} samples"),
    ]
    if content["noise_scale"] is not None:
        rows.append(("noise scale", number(content["noise_scale"])))
    if content.get("power_law"):
        rows.append(("teacher", f"gamma = {span(content['power_law']['gamma'])}"))
    return rows


def shown_model(model: Any) -> Summary:
    """What a fitted estimator shows of itself; nothing is computed for it.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows import DiagonalNetworkRegressor
    >>> from shallows.estimators.display import shown_model
    >>> rng = np.random.default_rng(0)
    >>> inputs = rng.standard_normal((100, 8))
    >>> model = DiagonalNetworkRegressor(1.0).fit(inputs, inputs[:, 2] + rng.standard_normal(100))
    >>> print(shown_model(model).lines().splitlines()[0])
    A fitted diagonal network
    """
    content = known_content(model, samples=getattr(model, "n_samples_fit_", None))
    known, read = model.inference_, vars(model).get("power_law_")
    content["weights"] = {"method": "least squares"} if known is not None and known.least_squares is not None else None
    if content["weights"] is not None or model.diagnosis_.against(model.learned_table) is not None:
        content["noise_scale"] = None
    if read is not None and read.caution is None:
        content["power_law"] = read.to_dict()
    rows = [row for row in error_rows(content) if row[1] != "-"] + learned_rows(content)
    notes = [f"no {what}: {reason}" for what, reason in grouped(content["reasons"])]
    notes += [
        f"{name}: {text}" for name, text in (row[:2] for row in model.diagnosis_._summary().rows) if name == "warning"
    ]
    return Summary(f"A fitted {model.network} network", rows, notes=notes)


def _explained(error: Estimate | None, variance: float | None) -> dict[str, Any]:
    """Variance of the labels, and the share of it that the network explains on new samples."""
    if error is None or not variance:
        return {"label_variance": variance, "r_squared": None}
    shares = {"value": error.value, "low": error.high, "high": error.low}
    return {
        "label_variance": variance,
        "r_squared": {key: round(1 - part / variance, 12) + 0.0 for key, part in shares.items()},
    }


def _of_the_fit(model: Any, target: str | None, samples: int | None) -> dict[str, Any]:
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
