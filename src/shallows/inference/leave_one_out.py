"""What a fit would have predicted for each of its rows, had it not seen it.

How a row is left out is for each network's :class:`Leaver` to say: :mod:`.lasso_without_a_row` and
:mod:`.nuclear_without_a_row`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .._arguments import check_instance, check_level
from .._display import Displayed, Summary, frame_of
from .._numbers import terminal_number as number
from ..errors import EstimateUndefined
from ..networks import Capability
from ..operators import as_pair, check_data
from ..training import Fit
from .error_and_noise import READERS, check_same_data, relative_standard_error
from .estimate import LEVEL, Estimate

if TYPE_CHECKING:
    import pandas
    from numpy.typing import NDArray

    from .._types import FloatArray

#: Share of degrees of freedom beyond which the spread of the estimate is taken as there.
LARGEST_SHARE = 0.95


@dataclass(frozen=True, eq=False)
class RowsOut:
    """What every row's fit without it says at the row; arrays of shape (n,).

    Attributes
    ----------
    residuals : ndarray
        Label less prediction; infinite where the data do not tell it.
    leverages : ndarray
        By how much the fit on all rows moves at a row with its label.
    exact : ndarray of bool
        Whether the residual is that of the minimum without the row, rather than an approximation.
    changes : ndarray of int
        Weights, or modes, that the fit without the row has more or fewer of, counted along the way.
    """

    residuals: FloatArray
    leverages: FloatArray
    exact: NDArray[np.bool_]
    changes: NDArray[np.int64]
    #: Relative error of the mean of their squares at finite size, beside its fluctuations.
    drift: float = 0.0


class Leaver(Protocol):
    """How a network leaves rows out."""

    def __call__(self, inputs: Any, labels: FloatArray, fit: Fit, *, centred: bool, follow: bool) -> RowsOut:
        """Every row of the data that the `fit` was trained on; those that need it followed if `follow`."""


#: For each network, its :class:`Leaver`.
LEAVERS: Capability[Leaver] = Capability("leave-one-out")


@dataclass(frozen=True, eq=False, repr=False)
class LeaveOneOut(Displayed):
    """Predictions of a fit for its own rows, each without having seen the row; arrays of shape (n,).

    Attributes
    ----------
    predictions : ndarray
        In units of the labels.
    residuals : ndarray
        Label less prediction.
    leverages : ndarray
        By how much the fit at a row moves with its label, the intercept's share included; their sum is
        :attr:`degrees_of_freedom`.
    exact : ndarray of bool
        Whether a row's prediction is that of the minimum without it, to the precision of the solver. The others are
        the approximate leave-one-out, ``residual / (1 - leverage)``.
    changes : ndarray of int
        How often a weight, or mode, entered or left when the row was taken out.
    test_error : Estimate
        Mean of the squared residuals, with an interval for the mean squared error of this fit on new rows.
    train_error : float
        Mean squared residual of the fit on all rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Lasso
    >>> from shallows import leave_one_out
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 200))
    >>> y = X[:, 0] + 0.5 * rng.standard_normal(60)
    >>> found = leave_one_out(X, y, Lasso(alpha=0.1).fit(X, y))
    >>> found.residuals.shape, bool(found.exact.all())
    ((60,), True)
    """

    predictions: FloatArray
    residuals: FloatArray
    leverages: FloatArray
    exact: NDArray[np.bool_]
    changes: NDArray[np.int64]
    test_error: Estimate
    train_error: float

    @classmethod
    def of(cls, network: str, labels: FloatArray, rows: RowsOut, train_error: float, level: float) -> LeaveOneOut:
        """From the rows left out of a fit of a `network` to the `labels`.

        Raises
        ------
        EstimateUndefined
            If the fit without a row is not determined.
        """
        if not np.isfinite(rows.residuals).all():
            row = int(np.argmin(np.isfinite(rows.residuals)))
            raise EstimateUndefined(
                f"the network interpolates its data, or nearly: without row {row} its weights are not determined; use "
                "a larger weight decay"
            )
        share = min(float(rows.leverages.mean()), LARGEST_SHARE)
        error = float(np.square(rows.residuals).mean())
        # At least that of least squares: with few rows simulations show no less for either network.
        spread = max(READERS.of(network).spread(share), (1 + share) / (1 - share))
        relative = float(np.hypot(relative_standard_error(rows.residuals, labels.size, spread), rows.drift))
        return cls(
            predictions=labels - rows.residuals,
            residuals=rows.residuals,
            leverages=rows.leverages,
            exact=rows.exact,
            changes=rows.changes,
            test_error=Estimate.positive(error, relative, level=level),
            train_error=train_error,
        )

    def moved(self, offset: float) -> LeaveOneOut:
        """The same of labels that are all larger by an `offset`."""
        return replace(self, predictions=self.predictions + offset)

    @property
    def degrees_of_freedom(self) -> float:
        """Sum of the leverages."""
        return float(self.leverages.sum())

    def _summary(self) -> Summary:
        n, exact = self.residuals.size, int(self.exact.sum())
        level = f"{100 * self.test_error.level:g} % interval"
        rows: list[tuple[str, ...]] = [
            ("test error", self.test_error.in_words, level),
            ("train error", number(self.train_error)),
            ("degrees of freedom", number(self.degrees_of_freedom), f"of {n} samples"),
            ("largest leverage", number(float(self.leverages.max()))),
            ("rows left out exactly", str(exact), f"of {n}"),
        ]
        return Summary("Leave-one-out", rows)

    def to_frame(self) -> pandas.DataFrame:
        """One row for each row of the data: prediction, residual (units of the label), leverage, exact, changes."""
        names = ("predictions", "residuals", "leverages", "exact", "changes")
        singular = ("prediction", "residual", "leverage", "exact", "changes")
        return frame_of({one: getattr(self, name) for one, name in zip(singular, names, strict=True)})

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        arrays = ("predictions", "residuals", "leverages", "exact", "changes")
        return {
            "test_error": self.test_error.to_dict(),
            "train_error": self.train_error,
            "degrees_of_freedom": self.degrees_of_freedom,
            **{name: getattr(self, name).tolist() for name in arrays},
        }


def leave_out_rows(
    data: Any, fit: Fit, *, centred: bool = False, exact: bool = True, level: float = LEVEL
) -> LeaveOneOut:
    """:func:`shallows.leave_one_out` of a fit, on arrays as its network saw them.

    Parameters
    ----------
    data : Dataset or pair (X, y)
        What `fit` was trained on, shapes (n, d) and (n,).
    fit : Fit
    centred : bool
        Whether the mean was taken off the labels.
    exact : bool
        Whether rows for which the formula may be off are followed to their minimum.
    level : float
        Of the interval.

    Returns
    -------
    LeaveOneOut

    Raises
    ------
    InvalidArgument
        If data and fit do not belong together, or are too large.
    NotSupported
        If the network cannot leave rows out.
    EstimateUndefined
        If the network interpolates the data.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample, train
    >>> from shallows.inference import leave_out_rows
    >>> data = sample(Problem("quadratic", PowerLaw(10, 1.25), samples=300, noise=0.5), seed=0)
    >>> fit = train(data, weight_decay=0.5)
    >>> leave_out_rows(data, fit).test_error.covers(0.5 + fit.excess_risk(data))
    True
    """
    check_level(level)
    check_instance("fit", fit, Fit)
    leave = LEAVERS.of(fit.network)
    inputs, labels = check_data(*as_pair(data), device=None)
    check_same_data((inputs, labels), fit)
    rows = leave(inputs, labels, fit, centred=centred, follow=exact)
    return LeaveOneOut.of(fit.network, labels, rows, fit.train_error, level)
