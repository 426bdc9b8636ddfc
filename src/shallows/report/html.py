"""What all pages share: one template engine that escapes every text, and figures inside the page."""

from __future__ import annotations

import base64
from typing import Any


def render_page(template: str, **content: Any) -> str:
    """The page that a template of this folder makes of `content`; every text in it is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("shallows", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template(template).render(**content)
    # Names of files may hold bytes that are no text here, which Python keeps as lone surrogates.
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def svg_address(svg: str) -> str:
    """An SVG as a data address: as an image of its own, its identifiers cannot meet those of another."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode("ascii")
