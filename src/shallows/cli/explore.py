"""Explore predictions in the browser: sliders, phase diagram, learning curve, spectrum; or save them as one page."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .._arguments import shown
from ..errors import InvalidArgument, MissingDependency
from . import _data as data_options
from . import _options as options
from ._exit_codes import ExitCode
from ._progress import Progress
from ._streams import print_error, say

if TYPE_CHECKING:
    from ..explore.loaded import Opened
    from ..explore.service import Service
    from ..explore.views import View

Fit = Annotated[
    str | None,
    typer.Option(
        "--fit", metavar="DIR", help="Stand inside a fit: a folder of shallows fit --out.", show_default=False
    ),
]
Save = Annotated[
    str | None,
    typer.Option(
        "--save",
        metavar="FILE",
        help="Write one .html file that opens offline, with predictions in a grid, instead of serving a page.",
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace --save if it exists.")]
Host = Annotated[
    str | None,
    typer.Option(
        "--host",
        metavar="ADDRESS",
        help="Address to listen on (default 127.0.0.1: this machine alone).",
        show_default=False,
    ),
]
Port = Annotated[
    str | None,
    typer.Option("--port", metavar="N", help="Port to listen on (default: one that is free).", show_default=False),
]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Whether to open the page in the browser.")]


def run(
    network: options.Network = None,
    dim: options.Dim = None,
    samples: options.Samples = None,
    gamma: options.Gamma = None,
    spectrum: options.SpectrumFile = None,
    fit: Fit = None,
    noise: options.Noise = None,
    width: options.Width = None,
    depth: options.Depth = None,
    covariance: options.Covariance = None,
    weight_decay: options.WeightDecay = None,
    save: Save = None,
    force: Force = False,
    host: Host = None,
    port: Port = None,
    browser: Browser = True,
) -> int:
    """Check everything, then serve a page until Ctrl-C, or write one."""
    from ..explore.page import require_bokeh

    try:
        require_bokeh()
    except MissingDependency as error:
        print_error(str(error))
        return ExitCode.BAD_INPUT
    number = 0 if port is None else options.parse_integer("--port", port, 0, 65535)
    for name, value in (("--host", host), ("--port", port)):
        if save is not None and value is not None:
            raise InvalidArgument(name, shown(value), "does not go with --save, which serves nothing")
    path = None if save is None else data_options.output_file("--save", save, ".html", force=force)
    given = {
        "network": network,
        "dim": dim,
        "samples": samples,
        "gamma": gamma,
        "noise": noise,
        "width": width,
        "depth": depth,
        "covariance": covariance,
        "weight_decay": weight_decay,
    }

    from ..explore.service import Service

    service = Service()
    opened = _opened(service, spectrum, fit)
    view = _view({name: text for name, text in given.items() if text is not None}, opened)
    if path is not None:
        return _save(service, view, path)
    return _serve(service, view, opened, host or "127.0.0.1", number, browser)


def _opened(service: Service, spectrum: str | None, fit: str | None) -> Opened | None:
    """What the user brings along."""
    from ..explore.loaded import open_fit, open_spectrum

    if spectrum is not None and fit is not None:
        raise InvalidArgument("--spectrum / --fit", "both", "give one of the two")
    if spectrum is not None:
        return open_spectrum("--spectrum", spectrum, service.teachers)
    return None if fit is None else open_fit("--fit", fit)


def _view(given: dict[str, str], opened: Opened | None) -> View:
    """The first view: what was given, over what was opened."""
    from ..explore.views import View, depth_of

    if opened is not None and "teacher" in opened.settings:
        for name in ("dim", "gamma"):
            if name in given:
                raise InvalidArgument(f"--{name}", shown(given[name]), "does not go with --spectrum")
    with options.naming(given):
        view = View.parse((opened.settings if opened is not None else {}) | given)
        if "depth" in given and depth_of(view.network) is None:
            raise InvalidArgument("--depth", shown(given["depth"]), f"does not apply to the {view.network} network")
        return view


def _serve(service: Service, view: View, opened: Opened | None, host: str, port: int, browser: bool) -> int:
    """Serve until Ctrl-C, which is how this command ends well."""
    from ..explore.server import serve

    view.problem(service.teachers)

    def ready(address: str) -> None:
        say(f"Explorer: {address}  (Ctrl-C ends it)")
        if host not in ("127.0.0.1", "localhost", "::1"):
            say("shallows: everybody who can reach this machine can use it")
        threading.Thread(target=service.warm, args=(view,), daemon=True).start()
        if browser:
            import webbrowser

            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    serve(service, host, port, view.query(), ready, opened=opened)
    return 0


def _save(service: Service, view: View, path: Path) -> int:
    """Compute the grid and write the page."""
    from .._system import replacing
    from ..explore.grids import family_grid
    from ..explore.page import saved_page

    with Progress() as progress:
        grid = family_grid(view, view.problem(service.teachers), progress.update)
        with replacing(path) as partial:
            Path(partial).write_text(saved_page(view, grid), encoding="utf-8")
    typer.echo(f"Page: {path} ({path.stat().st_size / 1e6:.1f} MB)\n{grid['statement']}")
    return 0
