"""Which network describes a table: all of them, and what is linear in it, held out on the same rows.

Estimates from training residuals rest on assumptions that a network of the wrong kind betrays, and each has its own.
Rows held out are the same for all, so that differences of squared errors can be compared row by row.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse

from .._display import Displayed, Summary
from .._numbers import measured_number, number, sentence_number
from ..errors import EstimateUndefined, InvalidArgument, SolveFailed
from ..networks import network_named, network_names
from .base import NetworkRegressor
from .learner import AssumptionWarning, refuse_words
from .regressors import REGRESSORS
from .whitening import WhiteningTransformer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .._types import FloatArray

#: Folds; and how many standard errors a difference must have. Errors of one fold share the network that made them, of
#: which the standard error does not know.
FOLDS, BEYOND_CHANCE = 5, 2.5
#: What the linear part is called.
LINEAR = "linear part"
#: Penalties of the linear part, over the number of rows, on standardised columns.
PENALTIES = np.geomspace(1e-5, 1e3, 33)
#: Sparse inputs are filled for the linear part up to so many numbers.
MOST_FILLED = 1 << 24


@dataclass(frozen=True, eq=False, repr=False)
class Candidate(Displayed):
    """One description of a table, on rows that it was not fitted to.

    Attributes
    ----------
    name : str
        A network, the linear part, or a network on what the linear part leaves.
    errors : ndarray, shape (n,), or None
        Squared errors of the rows, each by the fit that did not see it; None where it could not be fitted.
    reason : str or None
        Why it could not.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.estimators import Candidate
    >>> Candidate("diagonal", np.array([1.0, 3.0])).test_error
    2.0
    """

    name: str
    errors: FloatArray | None = None
    reason: str | None = None

    @property
    def test_error(self) -> float | None:
        """Mean of the squared errors."""
        return None if self.errors is None else float(self.errors.mean())

    @property
    def standard_error(self) -> float | None:
        """Of :attr:`test_error`, as the rows show it."""
        return None if self.errors is None else float(self.errors.std(ddof=1) / np.sqrt(self.errors.size))

    def _summary(self) -> Summary:
        told = "" if self.test_error is None else measured_number(self.test_error, self.standard_error)
        rows = [("name", self.name), ("test error", told), ("not fitted", self.reason or "")]
        return Summary("Candidate", [row for row in rows if row[1]])


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Displayed):
    """Networks and the linear part, held out on the same rows.

    Attributes
    ----------
    candidates : tuple of Candidate
        The networks, the linear part, and it with each network that is not linear on the rest.
    mean_errors : ndarray, shape (n,)
        Squared errors of the mean label of the other rows: what describes nothing.
    models : dict of str to NetworkRegressor
        Every network that could be fitted, on all the rows.
    chosen : str
        The network to go on with: the one of smallest error where that is beyond chance; otherwise, of those that
        predict better than the mean label, the one whose weights are determined by the fewest rows.
    decided : bool
        Whether the difference to every other network is beyond chance.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.estimators import compare_networks
    >>> rng = np.random.default_rng(0)
    >>> inputs = rng.standard_normal((300, 6))
    >>> found = compare_networks(inputs, inputs[:, 0] - inputs[:, 3] + 0.3 * rng.standard_normal(300))
    >>> found.chosen, found.decided
    ('diagonal', True)
    """

    candidates: tuple[Candidate, ...]
    mean_errors: FloatArray
    models: dict[str, NetworkRegressor]

    def _summary(self) -> Summary:
        rows = [(each.name, *each._summary().rows[1][1:]) for each in self.candidates]
        return Summary(
            "Networks compared on the same held-out rows",
            [*rows, ("mean label", number(self.label_variance))],
            notes=[f"{self.verdict}."],
        )

    def __getitem__(self, name: str) -> Candidate:
        """The candidate of this name."""
        for candidate in self.candidates:
            if candidate.name == name:
                return candidate
        raise InvalidArgument("name", name, "must be one of " + ", ".join(each.name for each in self.candidates))

    @property
    def label_variance(self) -> float:
        """Error on rows held out of the mean label of the others."""
        return float(self.mean_errors.mean())

    def r_squared(self, name: str) -> float | None:
        """One minus the share of the labels' variance that the candidate leaves; None where it was not fitted."""
        error = self[name].test_error
        return None if error is None else 1 - error / self.label_variance

    def difference(self, first: str, second: str) -> tuple[float, float]:
        """Test error of the second candidate less that of the first, and the standard error of the difference."""
        one, other = self[first].errors, self[second].errors
        if one is None or other is None:
            raise EstimateUndefined(f"there is no fit of {first if one is None else second}")
        return _difference(one, other)

    @cached_property
    def _ranked(self) -> list[str]:
        fitted = [name for name in self.models if self[name].errors is not None]
        return sorted(fitted, key=lambda name: self[name].test_error or 0.0)

    @property
    def decided(self) -> bool:
        best, *others = self._ranked
        return all(_beyond(*self.difference(best, other)) for other in others)

    @cached_property
    def chosen(self) -> str:
        equal = self._equal(self._ranked[0])
        # Of these, one that is no better than the mean label by chance alone is not taken for being simple.
        equal = [name for name in equal if self._helps(name)] or equal
        samples = self.mean_errors.size
        return max(equal, key=lambda name: _effective(self.models[name], samples))

    @property
    def verdict(self) -> str:
        """What the comparison says, in one or two sentences."""
        best = self.chosen
        unclear = [name for name in self._equal(self._ranked[0]) if name != best]
        if not any(self._helps(name) for name in self._ranked):
            return f"cannot tell that any network predicts better than the mean label; going on with {_the(best)}"
        if unclear:
            words = f"cannot tell which network describes the table: {_listed([best, *unclear])} differ by chance"
            words += f"; going on with {_the(best)}"
        elif len(self._ranked) == 1:
            words = f"{_the(best)} alone could be fitted"
        else:
            words = f"{_the(best)} describes the table best"
        return ". ".join([words, *self._beyond_one_network(best)])

    def _helps(self, name: str) -> bool:
        """Whether the candidate predicts better than the mean label, beyond chance."""
        errors = self[name].errors
        return errors is not None and _beyond(*_difference(errors, self.mean_errors))

    def _equal(self, best: str) -> list[str]:
        """The networks that may be as good as the best one."""
        return [name for name in self._ranked if name == best or not _beyond(*self.difference(best, name))]

    def _beyond_one_network(self, best: str) -> list[str]:
        """A sentence where the linear part, or it with a network, is clearly better than the best network alone."""
        others = [each for each in self.candidates if each.errors is not None and each.name not in self.models]
        better = [each for each in others if _beyond(*self.difference(each.name, best))]
        if not better:
            return []
        first = min(better, key=lambda each: each.test_error or 0.0)
        share = f"R^2 = {sentence_number(self.r_squared(first.name) or 0.0)}"
        if first.name == LINEAR:
            return [f"A plain linear fit describes more of it ({share})"]
        return [f"No network alone holds all of it: the {first.name} describes more ({share})"]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; None where a candidate was not fitted."""
        return {
            "chosen": self.chosen,
            "decided": self.decided,
            "verdict": self.verdict,
            "folds": FOLDS,
            "label_variance": self.label_variance,
            "candidates": [
                {
                    "name": each.name,
                    "test_error": each.test_error,
                    "standard_error": each.standard_error,
                    "r_squared": self.r_squared(each.name),
                    "reason": each.reason,
                }
                for each in self.candidates
            ],
        }


def compare_networks(
    X: Any,
    y: Any,
    *,
    settings: dict[str, dict[str, Any]] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Comparison:
    """Fit every network to a table, and say which describes it.

    Every network chooses its weight decay on all the rows, is trained with it on four fifths of them, five times, and
    predicts the others; so does ridge regression, for what is linear in the labels, and every network that is not
    linear, on what that leaves. Columns are standardised, and decorrelated, anew in every fold.

    Parameters
    ----------
    X : array_like or sparse matrix, shape (n, d)
    y : array_like, shape (n,)
    settings : dict, optional
        For networks by name, settings of their regressors.
    progress : callable, optional
        Called with what is done next, in words.

    Returns
    -------
    Comparison

    Raises
    ------
    InvalidArgument
        For unusable data, fewer than 10 rows, or if no network takes them.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.estimators import compare_networks
    >>> rng = np.random.default_rng(0)
    >>> inputs = rng.standard_normal((300, 4))
    >>> found = compare_networks(inputs, inputs[:, 0] ** 2 + 0.3 * rng.standard_normal(300))
    >>> found.verdict
    'the quadratic network describes the table best'
    """
    from sklearn.model_selection import KFold
    from sklearn.utils.validation import check_X_y

    refuse_words(y)
    X, y = check_X_y(X, y, accept_sparse="csr", dtype=np.float64, y_numeric=True)
    if y.size < 2 * FOLDS:
        raise InvalidArgument("X", f"{y.size} rows", f"a comparison needs at least {2 * FOLDS}")
    folds = list(KFold(FOLDS, shuffle=True, random_state=0).split(y))
    told = progress or (lambda words: None)
    means = _held_out(folds, y, lambda rows, held: np.full(held.size, y[rows].mean()))
    found: list[Candidate] = []
    added: list[Candidate] = []
    models: dict[str, NetworkRegressor] = {}
    told("fitting what is linear")
    linear, left = _linear(X, y, folds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        for name in (each for each in network_names() if REGRESSORS.has(each)):
            told(f"fitting the {name} network")
            model = REGRESSORS.of(name)(**(settings or {}).get(name, {}))
            try:
                models[name] = model.fit(X, y)
                found.append(Candidate(name, _cross_validate(model, X, y, folds)))
                if left is not None and model.architecture.is_matrix:  # others are linear themselves
                    added.append(_on_what_is_left(model, X, y, left, folds))
            except (InvalidArgument, SolveFailed) as error:
                models.pop(name, None)
                reason = error.allowed if isinstance(error, InvalidArgument) else str(error)
                found.append(Candidate(name, reason=reason))
    if not models:
        raise InvalidArgument("X", f"{X.shape[0]} x {X.shape[1]}", f"no network takes it: {found[0].reason}")
    return Comparison((*found, linear, *added), means, models)


def _held_out(folds: Iterable[Any], labels: FloatArray, predict: Callable[[Any, Any], FloatArray]) -> FloatArray:
    """Squared errors of every row, by what was fitted to the other folds' rows."""
    out = np.empty(labels.size)
    for rows, held in folds:
        out[held] = np.square(labels[held] - predict(rows, held))
    return out


def _cross_validate(model: NetworkRegressor, X: Any, y: FloatArray, folds: Any) -> FloatArray:
    """Of a network at the weight decay that it has chosen, which belongs to a sum over the rows."""

    def predict(rows: Any, held: Any) -> FloatArray:
        return _at_decay(model, rows.size / y.size).fit(X[rows], y[rows]).predict(X[held])

    return _held_out(folds, y, predict)


def _at_decay(model: NetworkRegressor, share: float) -> Any:
    settings = model.get_params() | {"weight_decay": model.weight_decay_ * share, "tolerance": 1e-4}
    return type(model)(**settings)


def _linear(X: Any, y: FloatArray, folds: Any) -> tuple[Candidate, list[FloatArray] | None]:
    """Ridge regression, and what it leaves of all labels in every fold."""
    if issparse(X) and X.shape[0] * X.shape[1] > MOST_FILLED:
        return Candidate(LINEAR, reason="X is sparse and too large to be filled"), None
    from sklearn.linear_model import RidgeCV

    full = X.toarray() if issparse(X) else X
    left = []
    for rows, _ in folds:
        unit = WhiteningTransformer("scale").set_output(transform="default").fit(full[rows])
        model = RidgeCV(PENALTIES * rows.size).fit(unit.transform(full[rows]), y[rows])
        left.append(y - model.predict(unit.transform(full)))
    errors = np.empty(y.size)
    for (_, held), residual in zip(folds, left, strict=True):
        errors[held] = np.square(residual[held])
    return Candidate(LINEAR, errors), left


def _on_what_is_left(model: NetworkRegressor, X: Any, y: FloatArray, left: list[FloatArray], folds: Any) -> Candidate:
    """A network on what the linear part leaves; its weight decay is chosen in the first fold."""
    name = f"{LINEAR} with the {model.network} network on the rest"
    errors = np.empty(y.size)
    chosen: NetworkRegressor | None = None
    for (rows, held), residual in zip(folds, left, strict=True):
        if chosen is None:
            chosen = fitted = type(model)(**model.get_params()).fit(X[rows], residual[rows])
        else:
            fitted = _at_decay(chosen, 1.0).fit(X[rows], residual[rows])
        errors[held] = np.square(residual[held] - fitted.predict(X[held]))
    return Candidate(name, errors)


def _difference(one: FloatArray, other: FloatArray) -> tuple[float, float]:
    apart = other - one
    return float(apart.mean()), float(apart.std(ddof=1) / np.sqrt(apart.size))


def _beyond(difference: float, standard_error: float) -> bool:
    return difference > BEYOND_CHANCE * standard_error


def _effective(model: NetworkRegressor, samples: int) -> float:
    return network_named(model.network).effective_samples(samples, int(model.n_features_in_))


def _the(name: str) -> str:
    return f"the {name} network"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1]
