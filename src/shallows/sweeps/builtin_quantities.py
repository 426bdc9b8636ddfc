"""The package's own quantities: theory, bayes, spectrum, train, amp, stopping."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from ..errors import InvalidArgument, MissingDependency, SolveFailed
from .points import REGULARISATION, Point, Settings, network_of
from .quantities import Field, Quantity, Record, register

SQUARED = "label^2"
WEIGHT = "effective weight"


def _predict(point: Point) -> Any:
    from ..prediction import predict

    return predict(point.problem(), **point.regularisation())


def _theory_cost(settings: Settings) -> float:
    return network_of(settings).theory_cost


def theory(point: Point) -> Record:
    """State evolution at a point (theory note, sections 2 to 4 and 7)."""
    prediction = _predict(point)
    phase = prediction.phase
    numbers = {name: float(getattr(prediction, name)) for name, form in THEORY.fields.items() if form.kind == "number"}
    return {**numbers, "status": prediction.status.value, "phase": None if phase is None else phase.name}


THEORY = register(
    Quantity(
        "theory",
        {
            "excess_risk": Field(SQUARED, "predicted excess risk E_x[(f(x) - f*(x))^2]"),
            "estimation_error": Field(f"{WEIGHT}^2", "predicted E = ||S - S*||^2/d, or ||theta - theta*||^2"),
            "test_error": Field(SQUARED, "predicted test error, excess risk plus noise"),
            "train_error": Field(SQUARED, "predicted mean squared training error"),
            "noise_scale": Field(WEIGHT, "noise scale delta, or tau of the diagonal network"),
            "threshold": Field(WEIGHT, "threshold zeta"),
            "degrees_of_freedom": Field("1", "degrees of freedom A d^2/2, or D of the diagonal network"),
            "residual": Field("1", "relative residual of the state-evolution equations"),
            "status": Field("1", "how the solver ended", "text"),
            "phase": Field("1", "phase of the point (theory note, section 7)", "text", optional=True),
        },
        theory,
        cost=_theory_cost,
        seconds=0.005,
    )
)


def bayes(point: Point) -> Record:
    """Bayes-optimal risk at a point (theory note, section 8)."""
    from ..state_evolution import bayes_optimal

    optimum = bayes_optimal(point.problem())
    if not optimum.status.ok:
        raise SolveFailed(f"{optimum.status.value}: {optimum.status.advice}", optimum)
    return {
        "bayes_risk": float(optimum.excess_risk),
        "bayes_noise_scale": float(optimum.noise_scale),
        "bayes_reachable": float(optimum.reachable),
    }


BAYES = register(
    Quantity(
        "bayes",
        {
            "bayes_risk": Field(SQUARED, "excess risk of the Bayes-optimal estimator"),
            "bayes_noise_scale": Field(WEIGHT, "its noise scale"),
            "bayes_reachable": Field("1", "1 where message passing without prior information reaches it, 0 elsewhere"),
        },
        bayes,
        cost=_theory_cost,
        seconds=0.1,
        regularised=False,
        ignores=frozenset((*REGULARISATION, "width")),
    )
)


def spectrum(point: Point) -> Record:
    """Summary of the learned spectrum at a point, and the error decomposition (theory note, sections 5 and 6)."""
    prediction = _predict(point)
    law = prediction.spectrum
    outliers = law.outliers
    lower, upper = law.bulk if law.bulk is not None else (None, None)
    parts = {name: float(value) for name, value in prediction.decomposition.to_dict().items()}
    return {
        "mass_at_zero": float(law.mass_at_zero),
        "bulk_lower": None if lower is None else float(lower),
        "bulk_upper": None if upper is None else float(upper),
        "outlier_count": float(law.outlier_count),
        "largest_outlier": float(outliers[0].learned) if outliers else None,
        **parts,
    }


SPECTRUM = register(
    Quantity(
        "spectrum",
        {
            "mass_at_zero": Field("1", "share of learned weights that are zero"),
            "bulk_lower": Field(WEIGHT, "lower edge of the learned bulk", optional=True),
            "bulk_upper": Field(WEIGHT, "upper edge of the learned bulk", optional=True),
            "outlier_count": Field("1", "number of learned outliers"),
            "largest_outlier": Field(WEIGHT, "position of the largest outlier", optional=True),
            "overfitting": Field(SQUARED, "part of the excess risk: learned noise"),
            "underfitting": Field(SQUARED, "part of the excess risk: unlearned features"),
            "approximation": Field(SQUARED, "part of the excess risk: error on learned features"),
            "alignment": Field(SQUARED, "part of the excess risk: signal inside the bulk"),
        },
        spectrum,
        cost=_theory_cost,
        seconds=0.05,
    )
)


def _sampled_cost(settings: Settings) -> float:
    """Relative cost of training, and of a data set that costs next to nothing."""
    network = network_of(settings)
    return 0.01 + network.training_cost(float(settings["samples"]), float(settings["dim"]))


def check_sampled(point: Point) -> None:
    """Raise :class:`InvalidArgument` if the network of `point` cannot be trained as asked."""
    problem = point.problem()
    if problem.samples != int(problem.samples):
        raise InvalidArgument("samples", problem.samples, "a data set needs an integer number of samples")
    if point.trainer == "convex" and not problem.is_convex:
        why = f"for width {problem.effective_width} < dim {problem.dim}" if problem.is_narrow else "with this depth"
        allowed = f"is not a convex problem {why}; use auto or gradient"
        raise InvalidArgument("trainers", "convex", allowed)
    needs_torch = point.trainer == "gradient" or (point.trainer == "auto" and problem.is_narrow)
    if needs_torch and find_spec("torch") is None:
        raise MissingDependency("gradient training needs PyTorch: pip install 'shallows[train]'")


def train(point: Point) -> Record:
    """Train the real network on one sampled data set and measure it (theory note, section 1)."""
    from ..training import sample
    from ..training import train as reach_minimum

    data = sample(point.problem(), point.random_seed())
    fit = reach_minimum(
        data, solver=point.trainer or "auto", initial_seed=point.random_seed("initialisation"), **point.regularisation()
    )
    gap = fit.gap
    return {
        "measured_excess_risk": float(fit.excess_risk(data)),
        "measured_train_error": float(fit.train_error),
        "objective": float(fit.objective),
        "gap": None if gap is None else float(gap),
        "train_status": fit.status.value,
    }


TRAIN = register(
    Quantity(
        "train",
        {
            "measured_excess_risk": Field(SQUARED, "excess risk of the trained network"),
            "measured_train_error": Field(SQUARED, "mean squared training error of the trained network"),
            "objective": Field("objective", "training objective reached (theory note, section 1)"),
            "gap": Field("1", "relative duality gap, where the trainer certifies", optional=True),
            "train_status": Field("1", "how training ended", "text"),
        },
        train,
        repeats="trainer and seed",
        cost=_sampled_cost,
        seconds=1.0,
        check=check_sampled,
    )
)


def amp(point: Point) -> Record:
    """Approximate message passing on one sampled data set, the same as ``train`` is given (theory note, section 9)."""
    from ..amp import AmpSettings
    from ..amp import amp as pass_messages
    from ..training import sample

    data = sample(point.problem(), point.random_seed())
    run = pass_messages(data, settings=AmpSettings(replicas=0), **point.regularisation())
    return {
        "amp_excess_risk": float(run.excess_risk),
        "amp_noise_scale": float(run.noise_scale),
        "amp_predicted_noise_scale": float(run.trajectory.predicted_noise_scale[-1]),
        "amp_iterations": float(run.iterations),
        "amp_status": run.status.value,
    }


def check_amp(point: Point) -> None:
    """Raise :class:`InvalidArgument` if message passing cannot be run at `point`."""
    check_sampled(point)
    for name, value in point.regularisation().items():
        if not value > 0:
            raise InvalidArgument(name, value, "must be positive for amp")


AMP = register(
    Quantity(
        "amp",
        {
            "amp_excess_risk": Field(SQUARED, "excess risk at the end of message passing"),
            "amp_noise_scale": Field(WEIGHT, "measured noise scale at the last iteration"),
            "amp_predicted_noise_scale": Field(WEIGHT, "the same, from state evolution"),
            "amp_iterations": Field("1", "number of iterations"),
            "amp_status": Field("1", "how message passing ended", "text"),
        },
        amp,
        repeats="seed",
        cost=_sampled_cost,
        seconds=0.5,
        check=check_amp,
    )
)


#: Standard deviation of the initial weights of stopped training.
STOPPING_SCALE = 0.001


def stopping(point: Point) -> Record:
    """Gradient descent from small weights on one data set, stopped where it is best (theory note, section 15)."""
    from ..dynamics import early_stopping, flow_setting

    problem = point.problem()
    decay, _ = problem.regularisation(**{"weight_decay": None, "penalty": None, **point.regularisation()})
    run = early_stopping(flow_setting(problem, STOPPING_SCALE, decay), point.random_seed())
    return {
        "stopped_excess_risk": run.best_risk,
        "stopping_time": run.best_time,
        "unstopped_excess_risk": float(run.excess_risk[-1]),
        "last_time": float(run.times[-1]),
    }


STOPPING = register(
    Quantity(
        "stopping",
        {
            "stopped_excess_risk": Field(SQUARED, "smallest excess risk on the way of gradient descent"),
            "stopping_time": Field("label^-2 weight^2", "when that was, learning rate times steps"),
            "unstopped_excess_risk": Field(SQUARED, "excess risk at the last time"),
            "last_time": Field("label^-2 weight^2", "the last time looked at"),
        },
        stopping,
        repeats="seed",
        cost=_sampled_cost,
        seconds=5.0,
        check=check_sampled,
    )
)
