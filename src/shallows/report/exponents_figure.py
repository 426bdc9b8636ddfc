"""A learning curve with the power laws read from it, and what lies beyond its points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..plotting import new_figure, save, styled
from ..plotting.curves import draw_power_laws

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

    from ..exponents import PowerLaws


def exponents_figure(fit: PowerLaws, n: ArrayLike, risk: ArrayLike, names: tuple[str, str]) -> Figure:
    """Points, the fitted curve, its floor and breaks, and predicted values; call within :func:`styled`."""
    figure = new_figure(5.2, 3.9)
    draw_power_laws(figure.subplots(), fit, (n, risk), names)
    return figure


def write_exponents_figure(
    fit: PowerLaws, n: ArrayLike, risk: ArrayLike, folder: Path, *, names: tuple[str, str] = ("n", "risk")
) -> None:
    """Write ``exponents.png`` and ``exponents.svg`` into an existing `folder`.

    Parameters
    ----------
    fit : PowerLaws
    n, risk : array_like, shape (rows,)
        The curve that was fitted.
    folder : Path
    names : (str, str)
        Of the axes.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from shallows import fit_power_laws
    >>> from shallows.report import write_exponents_figure
    >>> n, risk = [10, 20, 40, 80, 160], [1.0, 0.7, 0.5, 0.35, 0.25]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_exponents_figure(fit_power_laws(n, risk, extrapolate=[320]), n, risk, Path(folder))
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['exponents.png', 'exponents.svg']
    """
    with styled():
        save(exponents_figure(fit, n, risk, names), folder, "exponents")
