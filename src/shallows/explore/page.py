"""The page: its parts, put together for the server, for a file that needs none, and for a notebook."""

from __future__ import annotations

import json
import re
from functools import lru_cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..errors import MissingDependency
from ..networks import network_named, network_names
from ..report import readings
from .views import LIMITS, SLIDERS, View, depth_of

if TYPE_CHECKING:
    from collections.abc import Callable

#: The page's own modules, each after those it imports.
MODULES = ("numbers", "view", "sources", "saved", "figures", "words", "controls", "training", "main")
#: Parts of BokehJS that it draws with.
DRAWING = ("bokeh.min.js", "bokeh-api.min.js")
_IMPORT = re.compile(r"^import \{[^}]*\} from \"\./\w+\.js\";\n", re.MULTILINE)
MISSING = "the explorer draws with Bokeh: pip install 'shallows[explore]'"


def require_bokeh() -> None:
    """Raise :class:`shallows.MissingDependency` where the explorer's dependencies are not installed."""
    try:
        import bokeh
        import tornado  # noqa: F401
    except ImportError as error:
        raise MissingDependency(MISSING) from error
    del bokeh


@lru_cache(maxsize=4)
def drawing(name: str) -> str:
    """A file of BokehJS, from the installed package."""
    require_bokeh()
    return (files("bokeh") / "server" / "static" / "js" / name).read_text(encoding="utf-8")


@lru_cache(maxsize=16)
def part(name: str) -> str:
    """A file of the page."""
    return (files("shallows.explore") / "page" / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def script() -> str:
    """All modules of the page as one: they import each other by name, and no name stands for two things."""
    return "\n".join(_IMPORT.sub("", part(f"{name}.js")) for name in MODULES)


def settings() -> dict[str, Any]:
    """What the page has to know of the package: networks, limits, first view, and the words of its sentences."""
    networks = {}
    for name in network_names():
        network = network_named(name)
        networks[name] = {
            "has_width": network.has_width,
            "depth": depth_of(name),
            "weights": network.words.weights,
            "features": network.words.features,
            "quantity": network.words.quantity,
            "size": network.words.size,
            "overlap": network.words.overlap,
            "sharp": network.sharp_bulk,
            "effective_samples": network.words.effective_samples,
        }
    return {
        "version": __version__,
        "networks": networks,
        "sliders": SLIDERS,
        "limits": LIMITS,
        "plain": vars(View()),
        "words": {
            "split": readings.SPLIT,
            "meanings": readings.MEANINGS,
            "other": readings.OTHER_MEANING,
            "silent": readings.NOTHING_LEARNED,
            "hidden": readings.NEGATIVE_ALIGNMENT,
            "bayes": readings.BAYES,
            "unreachable": readings.UNREACHABLE,
            "vanished": readings.NO_RISK,
        },
    }


def assets() -> dict[str, tuple[str, Callable[[], str]]]:
    """Kind and content of the files that the live page loads, by name."""
    out: dict[str, tuple[str, Callable[[], str]]] = {
        name: ("text/javascript", partial(drawing, name)) for name in DRAWING
    }
    out["explorer.js"] = ("text/javascript", script)
    out["explorer.css"] = ("text/css", partial(part, "explorer.css"))
    return out


def live_page(first: str, opened: dict[str, Any] | None = None) -> str:
    """The page that asks a server; `first` is the query of the view that it opens with, `opened` what it stands in."""
    scripts = "".join(f'<script src="{name}" defer></script>\n' for name in DRAWING)
    scripts += '<script type="module" src="explorer.js"></script>'
    style = '<link rel="stylesheet" href="explorer.css">'
    return _filled(style, scripts, {"settings": settings(), "first": first, "grid": None, "opened": opened})


def saved_page(view: View, grid: dict[str, Any]) -> str:
    """The page with everything in it, and predictions in a grid; what has no slider stays as in the first view."""
    scripts = "".join(f"<script>{_harmless(drawing(name))}</script>\n" for name in DRAWING)
    scripts += f'<script type="module">{_harmless(script())}</script>'
    style = f"<style>{part('explorer.css')}</style>"
    return _filled(
        style, scripts, {"settings": settings() | {"plain": vars(view)}, "first": view.query(), "grid": grid}
    )


def _filled(style: str, scripts: str, data: dict[str, Any]) -> str:
    """The frame with its parts in place; text in the data cannot end the script it stands in."""
    content = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    frame = part("frame.html")
    for mark, text in (("<!--style-->", style), ("<!--data-->", content), ("<!--scripts-->", scripts)):
        frame = frame.replace(mark, text)
    return frame


def _harmless(code: str) -> str:
    """Code that does not end the element it stands in."""
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")
