"""The page about a diagnosed model."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from .._numbers import number
from .drawn import write_figures
from .html import render_page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.figure import Figure

    from ..diagnosis import DiagnosisSeries, ModelDiagnosis

#: What each verdict means, for a reader who has not read the documentation.
MEANINGS = {
    "noise": "every singular value is where independent random entries put it: nothing learned is seen",
    "collapsed": "all weights are zero: the weight decay was too strong, or nothing was there to learn",
    "bulk+spikes": "a bulk of noise, and few directions clearly beyond it: those were learned",
    "bleed-out": "learned directions reach from the noise outwards without a gap: some are still hidden in it",
    "heavy-tail": "most of the spectrum was learned, and falls off as a power law",
    "cannot-tell": "the spectrum fits none of these well enough to say so",
}


def write_diagnosis_report(found: ModelDiagnosis | DiagnosisSeries, folder: Path) -> Path:
    """Write ``report.html``, its figures as PNG and SVG, ``diagnosis.json`` and ``layers.csv`` into a `folder`.

    Parameters
    ----------
    found : ModelDiagnosis or DiagnosisSeries
    folder : Path
        Exists already.

    Returns
    -------
    Path
        Of the page, which needs nothing beside it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from shallows import diagnose
    >>> from shallows.report import write_diagnosis_report
    >>> found = diagnose({"w": np.random.default_rng(0).normal(size=(80, 60))})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_diagnosis_report(found, Path(folder))
    ...     sorted(path.name for path in Path(folder).glob("*.*"))[:3]
    ['diagnosis.json', 'gallery-column.svg', 'gallery.png']
    """
    import json

    text = json.dumps(found.to_dict(), indent=2, allow_nan=False)
    (folder / "diagnosis.json").write_text(text + "\n", encoding="utf-8")
    found.to_frame().to_csv(folder / "layers.csv", index=False)
    models: tuple[Any, ...] = getattr(found, "models", (found,))
    last: ModelDiagnosis = models[-1]
    page = folder / "report.html"
    page.write_text(
        render_page(
            "diagnosis_report.html.j2",
            title=f"Diagnosis of {last.title}",
            model=last,
            series=None if len(models) == 1 else found,
            layers=[layer.to_dict() for layer in last.layers],
            meanings={name: MEANINGS[name] for name in MEANINGS if name in last.verdicts},
            skipped=Counter(one.reason for one in last.skipped if not one.failed).most_common(),
            figures=_figures(found, models, folder),
            number=number,
            percent=_percent,
        ),
        encoding="utf-8",
    )
    return page


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.3g} %"


def _figures(found: Any, models: tuple[ModelDiagnosis, ...], folder: Path) -> list[dict[str, str]]:
    from ..plotting.diagnosis import MOST_ROWS
    from .diagnosis_figures import gallery_figure, most_telling, overview_figure, series_figure

    last = models[-1]
    wanted: list[tuple[str, str, Callable[[float], Figure], str]] = []
    if len(models) > 1 and found.names:
        caption = "A line for each matrix, over the checkpoints in the order given."
        wanted.append(("series", "Along the checkpoints", lambda width: series_figure(found, width), caption))
    if last.layers:
        more = f" The first {MOST_ROWS} of {len(last.layers)} matrices." if len(last.layers) > MOST_ROWS else ""
        caption = (
            "Bar: the singular values of a matrix but its outliers; strokes: the outliers. Both over the edge of the "
            f"matrix's noise (dotted). Pale: no noise could be fitted, the unit is the largest singular value.{more}"
        )
        wanted.append(("overview", "Every matrix", lambda width: overview_figure(last, width), caption))
        chosen = most_telling(last)
        some = f" {len(chosen)} of {len(last.layers)}, some of every verdict." if len(chosen) < len(last.layers) else ""
        caption = (
            "Histogram: singular values without outliers. Black: the law of the noise fitted, dotted its edge. "
            f"Strokes: outliers.{some}"
        )
        wanted.append(("gallery", "The spectra", lambda width: gallery_figure(chosen, width), caption))
    return write_figures(wanted, folder)
