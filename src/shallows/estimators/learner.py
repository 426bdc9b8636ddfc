"""What all networks share in learning from a table: a weight decay that is chosen, and what the fit says of itself."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.sparse import issparse

from .._arguments import check_number
from ..errors import EstimateUndefined, InvalidArgument, SolveFailed, when_read
from ..inference import (
    Concern,
    Estimate,
    Forecast,
    Inference,
    PowerLawFit,
    Pruned,
    TeacherLaw,
    WeightDecayPath,
    check_assumptions,
    fit_power_law_teacher,
    fit_teacher_law,
    forecast,
    infer,
    prune,
    silencing_weight_decay,
    tune,
)
from ..inference.signatures import expected_error
from ..networks import Capability, Network, network_named
from ..operators import SparseInputs, check_data, is_sparse, operator_for
from ..training import Fit, train
from .standardising import Standardiser

if TYPE_CHECKING:
    from .._types import FloatArray

#: A fit that missed its tolerance is still used below this relative duality gap.
USABLE_GAP = 1e-3

#: Attributes that are computed when they are first read.
LAZY = ("power_law_", "teacher_law_")


class AssumptionWarning(UserWarning):
    """The data betray an assumption behind the test-error estimate; ``diagnosis_`` has the details.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from shallows import QuadraticNetworkRegressor
    >>> from shallows.estimators import AssumptionWarning
    >>> rng = np.random.default_rng(0)
    >>> inputs = rng.uniform(-1, 1, (400, 10))
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     model = QuadraticNetworkRegressor(1.0).fit(inputs, rng.standard_normal(400))
    >>> caught[0].category is AssumptionWarning, [concern.name for concern in model.diagnosis_.concerns]
    (True, ['kurtosis'])
    """


class Learner:
    """A network that learns from a table of numbers; what differs by network is a method to override.

    It is all that the command line needs. :class:`.base.NetworkRegressor` puts scikit-learn's face before it, which
    takes longer to load than a small table to learn.
    """

    network: ClassVar[str]
    #: What ``standardize`` becomes for each choice on the command line.
    standardize_choices: ClassVar[dict[str, Any]]
    #: What :meth:`describe_learned` describes: a key of :func:`shallows.estimators.summary.summarise`.
    learned_table: ClassVar[str]
    #: Why sparse inputs are refused; None where they are taken.
    no_sparse: ClassVar[str | None] = None
    width: int | None
    weight_decay: str | float
    standardize: Any
    fit_intercept: bool
    tolerance: float
    #: What inputs go through.
    standardiser: ClassVar[type[Standardiser]] = Standardiser

    @property
    def architecture(self) -> Network:
        """The network as an object: its units, maps and words."""
        return network_named(self.network)

    # -- what differs by network

    @abstractmethod
    def _make_transformer(self) -> Standardiser | None:
        """What inputs go through, not fitted yet; None where they are taken as they are."""
        raise NotImplementedError

    @abstractmethod
    def describe_learned(self, names: list[str] | None = None) -> dict[str, Any]:
        """JSON-ready: single weights, or modes, with their uncertainties; `names` are those of the columns."""

    @classmethod
    def most_columns(cls) -> int | None:
        """How many columns the network can have on this machine; None where there is no limit but the data's own."""
        return None

    def _check_settings(self, dim: int) -> None:
        """Raise :class:`InvalidArgument` for settings that cannot be used with `dim` columns."""
        check_number("tolerance", self.tolerance, strict=True)
        if isinstance(self.weight_decay, str):
            if self.weight_decay != "auto":
                raise InvalidArgument("weight_decay", self.weight_decay, 'must be "auto" or a number >= 0')
        else:
            check_number("weight_decay", self.weight_decay)

    def _train(self, inputs: FloatArray, labels: FloatArray, decay: float) -> Fit:
        """A usable training minimum at a weight decay."""
        return usable(self._train_convex(inputs, labels, decay))

    # -- fitting

    def fit(self, X: Any, y: Any) -> Any:
        """Train the network.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (n, d)
            Sparse ones are for networks that are linear in the inputs, and never filled where that takes much memory.
        y : array_like, shape (n,)

        Returns
        -------
        self

        Raises
        ------
        InvalidArgument
            For unusable data or settings, before any work.
        SolveFailed
            If training did not reach a usable minimum.
        """
        refuse_words(y)
        X, y = self._validated(X, y=y, y_numeric=True, ensure_min_samples=2)
        self._check_settings(X.shape[1])
        self._forget()
        self.n_samples_fit_ = int(y.shape[0])
        self.label_variance_ = float(np.var(np.asarray(y, dtype=np.float64), ddof=1))
        transformer = self._make_transformer()
        if transformer is not None:
            transformer = transformer.fit_sparse(X) if is_sparse(X) else transformer.fit(X)
        self.transformer_ = transformer
        inputs = self._transformed(X)
        self.intercept_ = float(y.mean()) if self.fit_intercept else 0.0
        labels = np.asarray(y, dtype=np.float64) - self.intercept_
        self.fit_, self.inference_, self.path_ = self._learn(inputs, labels)
        self.weights_, self.penalty_ = self.fit_.weights, self.fit_.penalty
        at_full_width = self.fit_.width == X.shape[1]
        self.weight_decay_ = self.fit_.weight_decay / (self._unit(X.shape[1]) if at_full_width else 1.0)
        self._describe(inputs, labels)
        self._warn()
        return self

    def _learn(self, inputs: FloatArray, labels: FloatArray) -> tuple[Fit, Inference | None, WeightDecayPath | None]:
        """The fit, what it says of itself if anything, and the path of weight decays if one was walked."""
        centred = bool(self.fit_intercept) and labels.size > 2
        if isinstance(self.weight_decay, str):
            try:
                fit, inference, path = tune(
                    (inputs, labels),
                    network=self.network,
                    width=self.width,
                    centred=centred,
                    tolerance=self.tolerance,
                    throw=False,
                )
                return usable(fit), inference, path
            except EstimateUndefined:
                pass
            except InvalidArgument:
                if labels.size - int(centred) >= 3:
                    raise
            # Nothing to choose by: half of what silences the network.
            decay = 0.5 * silencing_weight_decay(inputs, labels, self.network, self.width)
        else:
            decay = float(self.weight_decay)
        fit = self._train(inputs, labels, decay)
        try:
            return fit, infer((inputs, labels), fit, centred=centred), None
        except (EstimateUndefined, InvalidArgument):
            return fit, None, None

    def _train_convex(self, inputs: FloatArray, labels: FloatArray, decay: float) -> Fit:
        """At full width, where the problem is convex, with the penalty that `decay` is at the width asked for."""
        return train(
            (inputs, labels),
            network=self.network,
            weight_decay=decay * self._unit(inputs.shape[1]),
            tolerance=self.tolerance,
            throw=False,
        )

    def _unit(self, dim: int) -> float:
        return self.architecture.penalty_per_weight_decay(dim, self.width)

    def _describe(self, inputs: FloatArray, labels: FloatArray) -> None:
        """Set the learned attributes that follow from fit and inference."""
        found, fitted = self.inference_, self._output(inputs)
        if self.fit_intercept:  # what training left of the mean
            self.intercept_ += float((labels - fitted).mean())
        self.spectrum_ = self.architecture.spectrum(self.weights_)
        self.train_error_ = float(np.square(labels - fitted).mean())
        self.degrees_of_freedom_ = float(labels.size) if found is None else found.degrees_of_freedom
        self.noise_scale_ = None if found is None else found.noise_scale
        self.diagnosis_ = check_assumptions(inputs, labels, found)
        if self.transformer_ is not None and self.transformer_.matrix_ is not None:
            # Simulations: with a common factor the excess risk was forecast a quarter too low, and a fourth held.
            words = "columns were decorrelated, where forecasts were seen to miss"
            mixed = Concern(
                "decorrelated",
                False,
                self.transformer_.condition_number_,
                words,
                ("power_law", "forecast"),
                advice="trust the test error; for a forecast, fit to parts of the rows",
                expected=expected_error(self.network, "decorrelated", labels.size),
            )
            self.diagnosis_ = replace(self.diagnosis_, concerns=(*self.diagnosis_.concerns, mixed))
        against = self.diagnosis_.against
        self.test_error_estimate_: Estimate | None = None
        self.noise_variance_: Estimate | None = None
        if found is not None and against("test_error") is None:
            self.test_error_estimate_ = found.test_error
        if found is not None and against("noise") is None:
            self.noise_variance_ = found.noise

    def _warn(self) -> None:
        if not self.diagnosis_.ok:
            serious = "; ".join(c.message for c in self.diagnosis_.concerns if c.serious)
            warnings.warn(f"the test-error estimate may not apply: {serious}", AssumptionWarning, stacklevel=3)

    # -- using

    def _validated(self, X: Any, **options: Any) -> Any:
        """Inputs, and labels if `y` is given, in float64: those of a table, which was read as numbers."""
        if "y" not in options:
            return check_data(X, np.zeros(len(X)))[0]
        inputs, labels = check_data(X, options["y"])
        if labels.size < 2:
            raise InvalidArgument("X", "1 row", "needs at least 2 rows to learn from")
        self.n_features_in_ = int(inputs.shape[1])
        return inputs, labels

    def _check_fitted(self) -> None:
        """Raise unless there was a fit."""
        if not hasattr(self, "fit_"):
            raise EstimateUndefined("nothing was learned yet: fit first")

    def _transformed(self, X: Any) -> Any:
        """Inputs as the network sees them."""
        if issparse(X):
            return SparseInputs(X) if self.transformer_ is None else self.transformer_.transform_sparse(X)
        return X if self.transformer_ is None else self.transformer_.transform(X)

    def _output(self, inputs: FloatArray) -> FloatArray:
        """The network's output on transformed inputs, without the intercept."""
        out: FloatArray = operator_for(self.network, inputs).output(self.weights_)
        return out

    def predict(self, X: Any) -> FloatArray:
        """Predictions, shape (n,)."""
        self._check_fitted()
        X = self._validated(X, reset=False)
        return self._output(self._transformed(X)) + self.intercept_

    def _known(self) -> Inference:
        self._check_fitted()
        if self.inference_ is None:
            raise EstimateUndefined("the network interpolates its data: nothing can be inferred at this weight decay")
        return self.inference_

    def _forget(self) -> None:
        """Drop what was computed of an earlier fit when it was read."""
        for name in LAZY:
            self.__dict__.pop(name, None)

    def _told(self, quantity: str) -> Inference:
        """What the fit says, unless something about the data voids the quantity."""
        found = self._known()
        reason = self.diagnosis_.against(quantity)
        if reason is not None:
            raise EstimateUndefined(reason)
        return found

    @cached_property
    def teacher_law_(self) -> TeacherLaw:
        """Law of the teacher's weights, of a shape that is not assumed; computed when first read.

        Where none can be fitted, or the data are not what the theory is for, the attribute is not there: the error is
        an :class:`AttributeError`, too.
        """
        with when_read():
            return fit_teacher_law(self._told("forecast"))

    @cached_property
    def power_law_(self) -> PowerLawFit:
        """Power-law teacher fitted to the unbiased weights, with intervals; computed when first read.

        Where none can be fitted, or the data are not what the theory is for, the attribute is not there: the error is
        an :class:`AttributeError`, too.
        """
        with when_read():
            return fit_power_law_teacher(self._told("power_law"), law=self.teacher_law_)

    def prune(self, X: Any = None, y: Any = None) -> Pruned:
        """Weights without the bulk of learned noise; refined if given the training data again.

        See :func:`shallows.prune`.
        """
        found, data = self._known(), None
        if X is not None and y is not None:
            X = self._validated(X, reset=False)
            y = np.asarray(y, dtype=float)
            data = (self._transformed(X), y - y.mean() if self.fit_intercept else y)
        return prune(self.fit_, found, data=data, caution=self.diagnosis_.against("pruning"))

    def forecast(self, samples: Any, **options: Any) -> Forecast:
        """Learning curve at other numbers of samples; see :func:`shallows.forecast`.

        Raises
        ------
        EstimateUndefined
            If the data are not what the theory is for, or the weights hold too little to tell their law.
        """
        options.setdefault("width", self.width)
        return forecast(self._told("forecast"), samples, law=self.teacher_law_, **options)


#: For each network, how it learns from a table.
LEARNERS: Capability[type[Learner]] = Capability("way to learn from a table")


def refuse_words(y: Any) -> None:
    """Raise for labels that are text, which scikit-learn would call a failed conversion."""
    values = np.asarray(y)
    if values.dtype.kind not in "OUSTb" or values.size == 0:
        return
    words = [value for value in values.ravel()[:1000].tolist() if isinstance(value, (str, bytes))]
    word = next((word for word in words if not _reads_as_number(word)), None)
    if word is not None:
        text = word.decode(errors="replace") if isinstance(word, bytes) else word
        advice = "labels must be numbers: make 0 and 1 of two classes, such as (y == 'yes').astype(float)"
        raise InvalidArgument("y", text[:40], f"{advice}, or of each class against the others")


def _reads_as_number(word: str | bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def usable(fit: Fit) -> Fit:
    """The fit, or :class:`SolveFailed` if it is too far from its minimum to be used."""
    if not fit.status.ok and (fit.gap is None or fit.gap > USABLE_GAP):
        raise SolveFailed(f"training ended with status {fit.status.value}: {fit.status.advice}", fit)
    return fit
