"""The package's own quantities: theory, bayes, spectrum, train, amp."""

from __future__ import annotations

from typing import Any

from ..errors import MissingDependency
from .points import Point, Settings
from .quantities import Field, Quantity, Record, plain, register

SQUARED = "label^2"


def _predict(point: Point) -> Any:
    from ..prediction import predict

    return predict(point.problem(), **point.regularisation())


def theory(point: Point) -> Record:
    """State evolution at a point (theory note, sections 2 to 4 and 7)."""
    prediction = _predict(point)
    return {name: plain(getattr(prediction, name)) for name in THEORY.fields}


def _theory_cost(settings: Settings) -> float:
    return 1.0 if settings.get("network") == "quadratic" else 0.3


THEORY = register(
    Quantity(
        "theory",
        {
            "excess_risk": Field(SQUARED, "predicted excess risk E_x[(f(x) - f*(x))^2]"),
            "estimation_error": Field("1", "predicted error of the effective weights: E, or R of the diagonal network"),
            "test_error": Field(SQUARED, "predicted test error, excess risk plus noise"),
            "train_error": Field(SQUARED, "predicted mean squared training error"),
            "noise_scale": Field("weight", "noise scale: delta, or tau of the diagonal network"),
            "threshold": Field("weight", "threshold zeta"),
            "degrees_of_freedom": Field("1", "degrees of freedom: A d^2/2, or D of the diagonal network"),
            "residual": Field("1", "relative residual of the state evolution equations"),
            "status": Field("1", "how the solver ended", "text"),
            "phase": Field("1", "phase of the point (theory note, section 7)", "text", optional=True),
        },
        theory,
        cost=_theory_cost,
        seconds=0.02,
    )
)


def bayes(point: Point) -> Record:
    """Bayes-optimal risk at a point (theory note, section 8)."""
    from ..state_evolution import bayes_risk

    return {"bayes_risk": plain(bayes_risk(point.problem()))}


BAYES = register(
    Quantity(
        "bayes",
        {"bayes_risk": Field(SQUARED, "excess risk of the Bayes-optimal estimator")},
        bayes,
        cost=_theory_cost,
        seconds=0.02,
        regularised=False,
    )
)


def spectrum(point: Point) -> Record:
    """Summary of the learned spectrum at a point (theory note, section 5)."""
    law = _predict(point).spectrum
    summary = law.to_dict() if hasattr(law, "to_dict") else law
    bulk = summary["bulk"] or (None, None)
    outliers = summary["outliers"]
    positions = [o["position"] if isinstance(o, dict) else o for o in outliers]
    return {
        "mass_at_zero": plain(summary["mass_at_zero"]),
        "bulk_lower": plain(bulk[0]),
        "bulk_upper": plain(bulk[1]),
        "outlier_count": float(len(positions)),
        "largest_outlier": plain(max(positions)) if positions else None,
    }


SPECTRUM = register(
    Quantity(
        "spectrum",
        {
            "mass_at_zero": Field("1", "share of learned weights that are zero"),
            "bulk_lower": Field("weight", "lower edge of the learned bulk", optional=True),
            "bulk_upper": Field("weight", "upper edge of the learned bulk", optional=True),
            "outlier_count": Field("1", "number of learned outliers"),
            "largest_outlier": Field("weight", "position of the largest outlier", optional=True),
        },
        spectrum,
        cost=_theory_cost,
        seconds=0.05,
    )
)


def _sampled_cost(settings: Settings) -> float:
    """Relative cost of handling a data set: its size."""
    dim, samples = float(settings.get("dim", 1)), float(settings.get("samples", 1))
    return samples * dim / 1e6 * (1.0 if settings.get("network") == "diagonal" else 10.0)


def train(point: Point) -> Record:
    """Train the real network on one sampled data set and measure it."""
    raise MissingDependency("training")


TRAIN = register(
    Quantity(
        "train",
        {
            "measured_excess_risk": Field(SQUARED, "excess risk of the trained network"),
            "measured_train_error": Field(SQUARED, "mean squared training error of the trained network"),
            "objective": Field(SQUARED, "training objective reached"),
            "gap": Field("1", "relative duality gap, where the trainer certifies", optional=True),
            "train_status": Field("1", "how training ended", "text"),
        },
        train,
        repeats="trainer and seed",
        cost=_sampled_cost,
        seconds=1.0,
    )
)
