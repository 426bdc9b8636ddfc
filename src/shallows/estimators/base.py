"""What all networks share as scikit-learn regressors that tune themselves and know their test error."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from .._version import __version__
from ..errors import InvalidArgument
from ..networks import Capability
from .display import shown_model
from .learner import LAZY, Learner
from .whitening import WhiteningTransformer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .._display import Summary

#: Sparse inputs of at most so many numbers are filled, which is faster, and then exactly what full ones are; larger
#: ones stay sparse.
MOST_FILLED = 1 << 24
#: Whether names are listed for a table of attributes that reads them all.
_ONLY_STORED: ContextVar[bool] = ContextVar("only_stored", default=False)


class NetworkRegressor(RegressorMixin, BaseEstimator, Learner):
    """A network as a regressor: scikit-learn's face of a :class:`.learner.Learner`, which its class names beside it."""

    standardiser = WhiteningTransformer

    def _make_transformer(self) -> WhiteningTransformer | None:
        found: Any = super()._make_transformer()  # type: ignore[safe-super]
        # Arrays inside, whatever scikit-learn is set to give to its users.
        return None if found is None else found.set_output(transform="default")

    # -- keeping

    def __getstate__(self) -> Any:
        return super().__getstate__() | {"_shallows_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take a pickled state, of this version only: what is learned has private parts that others lay out otherwise.

        Predicting wrongly without a word would be worse than training again; files of ``save_model`` hold what any
        version reads.
        """
        found = state.pop("_shallows_version", None)
        if found != __version__ and "fit_" in state:
            given = f"a {type(self).__name__} of {'an unknown version' if found is None else f'shallows {found}'}"
            advice = "fit again, or carry models across versions by shallows.estimators.files.save_model"
            raise InvalidArgument("pickle", given, f"this is shallows {__version__}, which does not read it: {advice}")
        super().__setstate__(state)

    # -- using

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.no_sparse is None
        return tags

    def _validated(self, X: Any, **options: Any) -> Any:
        """What scikit-learn's ``validate_data`` returns, in float64; sparse inputs by columns, or filled if small."""
        if issparse(X) and self.no_sparse is not None:
            raise InvalidArgument("X", f"a sparse {type(X).__name__}", self.no_sparse)
        found = validate_data(self, X, accept_sparse="csc", dtype=np.float64, **options)
        X, *rest = found if isinstance(found, tuple) else (found,)
        if issparse(X) and X.shape[0] * X.shape[1] <= MOST_FILLED:
            X = X.toarray(order="C")
        return (X, *rest) if rest else X

    def _check_fitted(self) -> None:
        check_is_fitted(self)

    # -- showing

    def _shown(self) -> Summary | None:
        """The numbers of the fit; None before it, and where they cannot be shown."""
        try:
            return shown_model(self) if "diagnosis_" in vars(self) else None
        except Exception:  # a notebook shows a model whatever became of it
            return None

    @property
    def _repr_html_(self) -> Callable[[], str]:
        """scikit-learn's diagram with the numbers of the fit below; not there where scikit-learn is set to text."""
        diagram = super()._repr_html_

        def both() -> str:
            numbers = self._shown()
            return f"{diagram()}{'' if numbers is None else numbers.html()}"

        return both

    def __dir__(self) -> Iterable[str]:
        # scikit-learn's own reads every attribute to see whether it is there.
        names = [name for name in object.__dir__(self) if name in LAZY or hasattr(self, name)]
        return names if not _ONLY_STORED.get() else [name for name in names if name not in LAZY or name in vars(self)]

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        """scikit-learn's table of fitted attributes, which reads every one: without those still to be computed."""
        token = _ONLY_STORED.set(True)
        try:
            return super()._get_fitted_attr_html(doc_link)
        finally:
            _ONLY_STORED.reset(token)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        """The same for notebooks; a terminal of IPython prints the numbers below the settings."""
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)
        numbers = self._shown()
        if numbers is not None:
            bundle["text/plain"] += f"\n{numbers.lines()}"
            if "text/html" in bundle:
                bundle["text/html"] += numbers.html()
        return bundle


#: For each network, its :class:`NetworkRegressor`.
REGRESSORS: Capability[type[NetworkRegressor]] = Capability("estimator")
