"""``python -m shallows.cli._make_docs``: make ``docs/cli.md`` from the commands and ``docs/cli.md.j2``.

The template holds what is written by hand: examples, keys of ``--json``, exit codes, what to read into an option. It
calls the functions here for what the commands say of themselves, so that the page cannot name an option that does not
exist, and a test can tell whether it is up to date.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

#: What renews the page, for people.
RENEW = "./run docs-cli"
#: The command whose options describe a problem.
PROBLEM = "predict"


def commands_of(command: Any, name: str = "") -> dict[str, Any]:
    """Every command that does something, by its full name, in the order of ``--help``."""
    if not hasattr(command, "commands"):
        return {name: command}
    found: dict[str, Any] = {}
    for word, child in command.commands.items():
        found |= commands_of(child, f"{name} {word}".strip())
    return found


def overview(commands: dict[str, Any]) -> str:
    """One line for each command."""
    width = max(map(len, commands))
    return "\n".join(f"    shallows {name:<{width}}  {command.short_help}" for name, command in commands.items())


def description(command: Any) -> str:
    """The command in its own words."""
    return " ".join(str(command.help).split())


def options_table(command: Any, elsewhere: Any = None) -> str:
    """Arguments and options as a table, less those that `elsewhere` has just the same, which are named below it."""
    known = {} if elsewhere is None else {tuple(item.opts): item.help for item in elsewhere.params}
    shared = [item for item in command.params if known.get(tuple(item.opts)) == item.help]
    own = [item for item in command.params if item not in shared]
    parts = []
    if own:
        lines = ["| argument or option | meaning |", "|---|---|"]
        parts.append("\n".join(lines + [f"| {_signature(item)} | {_meaning(item)} |" for item in own]))
    if shared:
        names = ", ".join(f"`{item.opts[0]}`" for item in shared)
        parts.append(textwrap.fill(f"As in [The problem](#the-problem): {names}.", 120, break_on_hyphens=False))
    return "\n\n".join(parts)


def _signature(item: Any) -> str:
    if item.param_type_name == "argument":
        return f"`{item.metavar}`"
    if item.is_flag:
        return " / ".join(f"`{name}`" for name in (*item.opts, *item.secondary_opts))
    metavar = item.metavar.replace("|", "\\|")  # a bar ends the cell, in code too
    return ", ".join(f"`{name} {metavar}`" for name in item.opts)


def _meaning(item: Any) -> str:
    """The option's help, with the default where the help leaves that to the program."""
    text = str(item.help).rstrip(".").replace("|", "\\|")
    if item.param_type_name == "argument" or item.default in (None, False) or "default" in text:
        return text
    return f"{text} (default: {f'`{item.opts[0]}`' if item.is_flag else item.default})"


def reference(template: str) -> str:
    """The page that a template makes of the commands."""
    from jinja2 import Environment, StrictUndefined

    from . import app

    commands = commands_of(typer.main.get_command(app))
    told: dict[str, Callable[..., str]] = {
        "overview": lambda: overview(commands),
        "description": lambda name: description(commands[name]),
        "options": lambda name: options_table(commands[name], None if name == PROBLEM else commands[PROBLEM]),
    }
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # it is Markdown
    return environment.from_string(template).render(**told, renew=RENEW)


def write_reference(folder: Path) -> None:
    """Make ``cli.md`` of ``cli.md.j2`` in `folder`."""
    from .._system import replacing

    text = reference((folder / "cli.md.j2").read_text(encoding="utf-8"))
    with replacing(folder / "cli.md") as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_reference(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
