"""The page about a network fitted to a user's data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .._numbers import number
from ..networks import network_named
from ..plotting.style import PAGE, new_figure
from ..plotting.unbiased import UNBIASED_FIGURES
from .drawn import write_figures
from .fit_figures import forecast_figure, path_figure
from .html import render_page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.figure import Figure


def write_fit_report(content: dict[str, Any], folder: Path, *, eigenvalues: Any = None, unbiased: Any = None) -> Path:
    """Write ``report.html``, its figures as PNG and SVG, and ``fit.json`` into an existing `folder`.

    Parameters
    ----------
    content : dict
        From :func:`shallows.estimators.summary.summarise`.
    folder : Path
    eigenvalues, unbiased : ndarray, optional
        Of the inference; without them there is no spectrum figure.

    Returns
    -------
    Path
        Of the page, which needs nothing beside it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from shallows import DiagonalNetworkRegressor, PowerLaw, Problem, sample
    >>> from shallows.estimators.summary import summarise
    >>> from shallows.report import write_fit_report
    >>> inputs, labels = sample(Problem("diagonal", PowerLaw(10, 1.0), samples=80, noise=0.5), 0)
    >>> model = DiagonalNetworkRegressor(weight_decay=0.5).fit(inputs, labels)
    >>> content = summarise(model, target="y", samples=80, data=(inputs, labels))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_fit_report(content, Path(folder), unbiased=model.inference_.unbiased)
    ...     page.name, "A diagonal network fitted to y" in page.read_text(encoding="utf-8")
    ('report.html', True)
    """
    from ..inference.concern import grouped

    text = json.dumps(content, indent=2, allow_nan=False)
    (folder / "fit.json").write_text(text + "\n", encoding="utf-8")
    page = folder / "report.html"
    page.write_text(
        render_page(
            "fit_report.html.j2",
            title=f"A {content['network']} network fitted to {content['target'] or 'the data'}",
            content=content,
            number=number,
            interval=interval,
            noise_scale_sign=network_named(content["network"]).words.noise_scale_sign,
            verdict=verdict(content),
            missing=grouped(content["reasons"]),
            figures=_figures(content, folder, eigenvalues, unbiased),
        ),
        encoding="utf-8",
    )
    return page


def interval(estimate: dict[str, float] | None) -> str:
    """``value (low to high)`` for people."""
    if estimate is None:
        return "–"
    return f"{number(estimate['value'], 3)} ({number(estimate['low'], 3)} to {number(estimate['high'], 3)})"


def verdict(content: dict[str, Any]) -> str:
    """What the fit found, in two sentences."""
    if content["test_error"] is None:
        return f"Nothing can be said about the test error: {content['reasons']['test_error']}."
    kind = network_named(content["network"]).words.features
    noise = "" if content["noise"] is None else f", of which {interval(content['noise'])} is label noise"
    words = (
        f"Test error {interval(content['test_error'])} on new samples, estimated from the training data"
        f"{noise}. The network learned {content['learned_features']} {kind} "
        f"and used {number(content['degrees_of_freedom'], 3)} degrees of freedom of {content['samples']} samples."
    )
    if content["forecast"]:
        sentence = content["forecast"]["sentences"][0]
        words += f" {sentence[0].upper()}{sentence[1:]}."
    return words


def _figures(content: dict[str, Any], folder: Path, eigenvalues: Any, unbiased: Any) -> list[dict[str, str]]:
    wanted: list[tuple[str, str, Callable[[float], Figure], str]] = []
    if content["path"] is not None and any(v is not None for v in content["path"]["test_error"]):
        how = {
            "estimate": "The smallest estimate was taken.",
            "theory": "The minimum that theory predicts for the teacher seen in the data was taken.",
            "cross-validation": "Ten-fold cross-validation chose: on few samples, or unlike columns, it does better.",
        }[content["path"]["method"]]
        wanted.append(
            (
                "path",
                "Choosing the weight decay",
                lambda width: path_figure(content, width),
                "Every point is a network trained on all the data; its test error is estimated from its residuals and "
                f"degrees of freedom. Dotted: the weight decay chosen. {how}",
            )
        )
    if content["noise_scale"] and (eigenvalues is not None or unbiased is not None):
        unbiased_figure = UNBIASED_FIGURES.of(content["network"])
        values = eigenvalues if network_named(content["network"]).is_matrix else unbiased
        wanted.append(
            (
                "spectrum",
                "What was learned",
                lambda width: unbiased_on_figure(content, values, width),
                unbiased_figure.caption,
            )
        )
    if content["forecast"]:
        wanted.append(
            (
                "forecast",
                "What more data would bring",
                lambda width: forecast_figure(content, width),
                "State evolution of the teacher's law and the noise read off these data, and its uncertainty.",
            )
        )
    return write_figures(wanted, folder)


def unbiased_on_figure(content: dict[str, Any], values: Any, width: float = PAGE) -> Figure:
    """The unbiased weights of the network of `content`."""
    figure = new_figure(width, 3.3)
    UNBIASED_FIGURES.of(content["network"]).draw(figure.subplots(), content, values)
    return figure
