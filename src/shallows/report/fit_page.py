"""The page about a network fitted to a user's data."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from ..plotting.numbers import number
from ..plotting.style import save, styled

if TYPE_CHECKING:
    from pathlib import Path


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
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    text = json.dumps(content, indent=2, allow_nan=False)
    (folder / "fit.json").write_text(text + "\n", encoding="utf-8")
    environment = Environment(
        loader=PackageLoader("shallows", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = folder / "report.html"
    page.write_text(
        environment.get_template("fit_report.html.j2").render(
            title=f"A {content['network']} network fitted to {content['target'] or 'the data'}",
            content=content,
            number=number,
            interval=interval,
            verdict=verdict(content),
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
        return "The network interpolates its data: nothing can be said about its test error at this weight decay."
    kind = "modes" if content["network"] == "quadratic" else "weights"
    words = (
        f"Test error {interval(content['test_error'])} on new samples, estimated without any held out, of which "
        f"{interval(content['noise'])} is label noise. The network learned {content['learned_features']} {kind} "
        f"and used {number(content['degrees_of_freedom'], 3)} degrees of freedom of {content['samples']} samples."
    )
    if content["forecast"]:
        sentence = content["forecast"]["sentences"][0]
        words += f" {sentence[0].upper()}{sentence[1:]}."
    return words


def _figures(content: dict[str, Any], folder: Path, eigenvalues: Any, unbiased: Any) -> list[dict[str, str]]:
    from .fit_figures import forecast_figure, path_figure, spectrum_figure

    quadratic = content["network"] == "quadratic"
    wanted = []
    if content["path"] is not None and any(v is not None for v in content["path"]["test_error"]):
        how = (
            "The least estimate was taken."
            if content["path"]["method"] == "estimate"
            else "The minimum that theory predicts for the teacher seen in the data was taken, near the least estimate."
        )
        wanted.append(
            (
                "path",
                "Choosing the weight decay",
                lambda: path_figure(content),
                "Every point is a network trained on all the data; its test error is estimated from its residuals and "
                f"degrees of freedom, with no data held out. Dotted: the weight decay chosen. {how}",
            )
        )
    if content["noise_scale"] and (eigenvalues is not None or unbiased is not None):
        reading = (
            "Eigenvalues of the unbiased matrix U = teacher + noise. What lies beyond the semicircle is signal; the "
            "trained network keeps what lies beyond the threshold."
            if quadratic
            else "Unbiased weights, teacher plus normal noise of known scale, by size. Those above the red line cannot "
            "be explained by noise alone."
        )
        wanted.append(
            ("spectrum", "What was learned", lambda: spectrum_figure(content, eigenvalues, unbiased), reading)
        )
    if content["forecast"]:
        note = content["forecast"]["caution"]
        wanted.append(
            (
                "forecast",
                "What more data would bring",
                lambda: forecast_figure(content),
                "State evolution of the power-law teacher and noise fitted to these data, and its uncertainty."
                + (f" Caution: {note}." if note else ""),
            )
        )
    out = []
    with styled():
        for name, title, draw, caption in wanted:
            svg = save(draw(), folder, name)
            data = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode("ascii")
            out.append({"title": title, "data": data, "caption": caption, "alt": title})
    return out
