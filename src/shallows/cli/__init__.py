"""The command line: one thin module per command, and one place where errors become exit codes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from .._version import __version__
from . import amp as _amp
from . import apply as _apply
from . import compute_optimal as _compute_optimal
from . import diagnose as _diagnose
from . import dynamics as _dynamics
from . import explore as _explore
from . import exponents as _exponents
from . import fit as _fit
from . import forecast as _forecast
from . import optimal as _optimal
from . import phases as _phases
from . import predict as _predict
from . import prune as _prune
from . import reproduce as _reproduce
from . import robustness as _robustness
from . import train as _train
from . import verify as _verify
from ._collector import seldom_collecting
from ._exit_codes import exit_code_of
from ._streams import prepared_streams
from .sweep import sweep_app as _sweep_app

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "main"]

app = typer.Typer(
    name="shallows",
    help="Exact theory of shallow networks trained with weight decay, next to the trained networks themselves.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"shallows {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and exit.", callback=_print_version),
) -> None:
    """Options before the command."""


#: Name, module with its ``run``, and one line for the list of commands.
_COMMANDS = (
    ("predict", _predict, "Predict errors, spectrum and phase from theory."),
    ("verify", _verify, "Train networks and compare them with theory."),
    ("optimal", _optimal, "Find the best weight decay of a problem."),
    ("dynamics", _dynamics, "Predict risk and learned modes over training time."),
    ("compute-optimal", _compute_optimal, "Find the best width, samples and rate for a budget of compute."),
    ("phases", _phases, "Draw the phase diagram, or print the table of exponents."),
    ("explore", _explore, "Explore predictions in the browser, or save them as one page."),
    ("exponents", _exponents, "Read power laws from a learning curve."),
    ("reproduce", _reproduce, "Make a figure of the papers from scratch."),
    ("robustness", _robustness, "Measure where theory breaks, and write an atlas of departures."),
    ("train", _train, "Train on your data to a certified minimum and write the weights."),
    ("amp", _amp, "Run message passing, each iteration beside its prediction."),
    ("fit", _fit, "Train on your data: weight decay, test error and report without a test set."),
    ("apply", _apply, "Predict for new rows with the weights of a fit."),
    ("forecast", _forecast, "Forecast from your data what more of it would bring."),
    ("prune", _prune, "Remove learned noise from trained weights."),
    ("diagnose", _diagnose, "Read trained weights of any kind: what is noise, what was learned."),
)
for _name, _module, _short in _COMMANDS:
    app.command(_name, help=_module.__doc__, short_help=_short)(_module.run)
app.add_typer(_sweep_app, name="sweep", short_help="Plan, run and export grids of problems.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program name; those of the process by default.

    Returns
    -------
    int
        See :class:`shallows.cli._exit_codes.ExitCode`.
    """
    arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    with prepared_streams(), seldom_collecting(until_exit=argv is None):
        try:
            command = typer.main.get_command(app)
            # Not `command.main`, which takes every EOFError for the user's, and an unread pipe for a failure.
            with command.make_context("shallows", arguments) as context:
                code = command.invoke(context)
            sys.stdout.flush()
        except (Exception, KeyboardInterrupt) as error:
            return exit_code_of(error, arguments)
    return code if isinstance(code, int) else 0
