"""What :func:`shallows.verification.verify` returns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .._arguments import check_choice
from .._display import Displayed, Summary, frame_of, words
from ..errors import SolveFailed
from .comparison import AGREEMENT, Comparison, Outcome, compare, objective_disagreement
from .endings import Ending, endings_of
from .jobs import label_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas
    from matplotlib.axes import Axes

    from ..inference import Diagnosis
    from ..prediction import Prediction
    from ..problems import Problem
    from ..state_evolution import Status
    from .curve import LearningCurve
    from .measurements import Measurements


@dataclass(frozen=True, eq=False, repr=False)
class Verification(Displayed):
    """A prediction and the networks trained to check it.

    Attributes
    ----------
    prediction : Prediction
    measured : mapping of str to Measurements
        By trainer; empty if the prediction failed.
    seeds : int
        Number of data sets.
    seed : int
        From which all of them derive.
    curve : LearningCurve or None
    notes : tuple of str
        What the reader should know: trainers left out, runs that did not converge.
    provenance : mapping
        Versions and timings, JSON-ready.
    signatures : Diagnosis or None
        What a fit to the first data set shows, without the truth, of departures from theory; None where it says nothing
        (inputs with a covariance, a network that interpolates).

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, verify
    >>> problem = Problem("diagonal", PowerLaw(20, 1.0), samples=40, noise=0.5)
    >>> found = verify(problem, weight_decay=0.5, seeds=2, trainers=["convex"], learning_curve=False)
    >>> list(found.comparisons["convex"]), found.to_dict()["seeds"]
    (['excess_risk', 'train_error'], 2)
    """

    prediction: Prediction
    measured: Mapping[str, Measurements]
    seeds: int
    seed: int
    curve: LearningCurve | None = None
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    signatures: Diagnosis | None = None

    @property
    def problem(self) -> Problem:
        """What was asked."""
        return self.prediction.problem

    @property
    def status(self) -> Status:
        """Outcome of the prediction's solve."""
        return self.prediction.status

    @cached_property
    def comparisons(self) -> Mapping[str, Mapping[str, Comparison]]:
        """Excess risk and train error beside their predictions, by trainer."""
        prediction = self.prediction
        scale = self.problem.null_risk + self.problem.noise or 1.0
        found = {
            name: {
                "excess_risk": compare(prediction.excess_risk, runs.excess_risk, scale, prediction.allowance),
                "train_error": compare(prediction.train_error, runs.train_error, scale, prediction.allowance),
            }
            for name, runs in self.measured.items()
        }
        return {
            name: {key: self._elsewhere(item) for key, item in items.items()} if self._ends_elsewhere(name) else items
            for name, items in found.items()
        }

    def _ends_elsewhere(self, trainer: str) -> bool:
        """Whether gradient training ended at objectives above those of message passing: at other local minima."""
        if not trainer.startswith("gradient") or "amp" not in self.measured:
            return False
        here, there = (self.measured[name].objective.mean for name in (trainer, "amp"))
        return here > there * (1 + AGREEMENT)

    @staticmethod
    def _elsewhere(item: Comparison) -> Comparison:
        return replace(item, outcome=Outcome.OTHER_MINIMUM) if item.outcome.agrees is not True else item

    @cached_property
    def endings(self) -> tuple[Ending, ...]:
        """Where gradient training ended, by the scale of its initial weights; empty where the problem is convex."""
        return endings_of(self.measured)

    @cached_property
    def objective_difference(self) -> float | None:
        """Largest relative difference of the trainers' objectives on the same data; None with one trainer."""
        if len(self.measured) < 2:
            return None
        first, second = (
            dict(zip(runs.datasets, runs.objective.values, strict=True)) for runs in list(self.measured.values())[:2]
        )
        return objective_disagreement(first, second)

    @property
    def trainers_agree(self) -> bool | None:
        """Whether all trainers reached the same objective on every data set; None with one trainer."""
        difference = self.objective_difference
        return None if difference is None else difference <= AGREEMENT

    @property
    def agrees(self) -> bool | None:
        """Whether every trainer's excess risk agrees with the prediction; None where this cannot be told."""
        outcomes = [item["excess_risk"].outcome for item in self.comparisons.values()]
        answers = [outcome.agrees for outcome in outcomes if outcome is not Outcome.OTHER_MINIMUM]
        if not answers or False in answers:
            return False if answers else None
        return None if None in answers else True

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """Everything that limits what the comparison shows."""
        found = list(self.notes)
        difference = self.objective_difference
        if difference is not None and difference > AGREEMENT and "amp" not in self.measured:
            found.insert(
                0,
                f"the trainers disagree: their objectives on the same data differ by up to {difference:.2g} relative "
                f"(agreement is {AGREEMENT:g}); the larger one is not the minimum",
            )
        return tuple(found)

    @cached_property
    def verdict(self) -> str:
        """The outcome in one or two sentences."""
        if not self.status.ok:
            return f"There is no prediction to compare with: {self.status.advice}."
        n_eff = self.problem.effective_samples
        items = {name: item["excess_risk"] for name, item in self.comparisons.items()}
        if len(items) == 2 and self.trainers_agree and len({item.outcome for item in items.values()}) == 1:
            risk = next(iter(items.values()))
            sentences = [f"The measured excess risk, the same for both trainers, {risk.sentence(n_eff)}."]
        else:
            sentences = [
                f"The excess risk measured by {_named(name)} {item.sentence(n_eff)}." for name, item in items.items()
            ]
        first = next(iter(self.comparisons.values()))
        sentences.append(f"The train error {first['train_error'].sentence(n_eff)}.")
        if any(item["excess_risk"].measured.standard_error is None for item in self.comparisons.values()):
            sentences.append("A single data set has no statistical error: use more seeds to tell chance from drift.")
        return " ".join(sentences)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: the keys of :meth:`shallows.Prediction.to_dict` and what was measured."""
        return self._content(self.prediction.to_dict())

    def _content(self, predicted: dict[str, Any]) -> dict[str, Any]:
        """JSON-ready, beside what is said of the prediction."""
        out = dict(predicted)
        out |= {"seeds": self.seeds, "seed": self.seed}
        out["measured"] = {name: runs.to_dict() for name, runs in self.measured.items()}
        if self.status.ok:
            out["comparison"] = {
                name: {key: item.to_dict() for key, item in items.items()} for name, items in self.comparisons.items()
            }
        out["verdict"] = {
            "sentence": self.verdict,
            "agrees": self.agrees if self.status.ok else None,
            "trainers_agree": self.trainers_agree,
            "objective_difference": self.objective_difference,
        }
        if self.endings:
            out["endings"] = [ending.to_dict() for ending in self.endings]
        out["learning_curve"] = None if self.curve is None else self.curve.to_dict()
        out["signatures"] = None if self.signatures is None else self.signatures.to_dict()
        out["warnings"] = list(self.warnings)
        out["provenance"] = dict(self.provenance)
        return out

    def _summary(self) -> Summary:
        from ..result_rows import summary_rows, verification_sections

        title = f"Verification of {self.problem.architecture.phrase}"
        if not self.status.ok:
            return Summary(title, [("status", words(self.status.value))], notes=[self.verdict])
        agrees = {True: "yes", False: "no", None: "cannot be told"}[self.agrees]
        first, *others = verification_sections(self._content(self.prediction.read_so_far()))
        return Summary(title, [("agreement", agrees), *summary_rows([*others, first])])

    def to_frame(self) -> pandas.DataFrame:
        """Measured beside predicted, one row for each trainer and quantity.

        Columns: ``trainer``; ``quantity``, excess_risk or train_error; ``predicted``, ``measured`` (the mean) and
        ``standard_error``, in squared units of the labels; ``relative_deviation``; ``outcome``, what explains it.
        """
        items = [(t, q, item) for t, found in self.comparisons.items() for q, item in found.items()]
        columns: dict[str, Any] = {"trainer": [t for t, _, _ in items], "quantity": [q for _, q, _ in items]}
        return frame_of(
            columns
            | {
                "predicted": [item.predicted for _, _, item in items],
                "measured": [item.measured.mean for _, _, item in items],
                "standard_error": [item.measured.standard_error for _, _, item in items],
                "relative_deviation": [item.relative_deviation for _, _, item in items],
                "outcome": [item.outcome.value for _, _, item in items],
            }
        )

    def plot(self, ax: Axes | None = None, *, quantity: str = "excess_risk") -> Axes:
        """Draw what was measured beside the prediction: every data set, mean and standard error.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            To draw on; new ones of pyplot by default. Nothing is shown, and no setting is changed.
        quantity : {"excess_risk", "train_error"}

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        InvalidArgument
            For another quantity.
        SolveFailed
            If there is no prediction, or nothing was measured.
        """
        from ..plotting.explained import explain
        from ..plotting.style import axes_or_new
        from ..plotting.verification import draw_agreement

        titles = {
            "excess_risk": "Excess risk",
            "train_error": f"Train error (per {self.problem.architecture.words.label})",
        }
        check_choice("quantity", quantity, titles)
        if not self.status.ok or not self.measured:
            raise SolveFailed(self.verdict if not self.status.ok else "nothing was measured", self)
        with axes_or_new(ax) as axes:
            draw_agreement(axes, {name: found[quantity] for name, found in self.comparisons.items()})
            axes.set_title(titles[quantity])
            explain(axes, most=2)
        return axes

    def __str__(self) -> str:
        lines = [str(self.prediction)]
        for name, runs in self.measured.items():
            for label, value in (("excess risk", runs.excess_risk), ("train error", runs.train_error)):
                error = value.standard_error
                spread = "" if error is None else f" +- {error:.2g}"
                sets = f"{len(value.values)} data set" + ("s" if len(value.values) > 1 else "")
                lines.append(f"  {name:<9} {label}  {value.mean:.6g}{spread}   ({sets})")
        lines.append(f"  {self.verdict}")
        lines += [f"  note: {warning}" for warning in self.warnings]
        return "\n".join(lines)


def _named(trainer: str) -> str:
    """A trainer within a sentence."""
    return "the convex solver" if trainer == "convex" else label_of(trainer)
