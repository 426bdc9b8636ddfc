"""Designs by the words that files and commands know them by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import InvalidArgument
from .base import Design, Isotropic
from .entries import Laplace, Rademacher, Sparse, StudentT, Uniform
from .other import CommonMean, Orthogonal

if TYPE_CHECKING:
    from collections.abc import Callable

#: Designs by name, and the word for the number that may follow after a colon.
NAMED: dict[str, tuple[Callable[..., Design], str | None]] = {
    "isotropic": (Isotropic, None),
    "rademacher": (Rademacher, None),
    "uniform": (Uniform, None),
    "laplace": (Laplace, None),
    "student": (StudentT, "freedom"),
    "sparse": (Sparse, "share"),
    "mean": (CommonMean, "mean"),
    "orthogonal": (Orthogonal, None),
}


def design_named(text: str, name: str = "design") -> Design:
    """The design of a word such as ``rademacher`` or ``student:5``.

    Parameters
    ----------
    text : str
        A name, with its number after a colon where it has one.
    name : str
        What errors call it.

    Returns
    -------
    Design

    Raises
    ------
    InvalidArgument
        For another word, and a number that is unusable.

    Examples
    --------
    >>> from shallows.designs import design_named
    >>> design_named("student:5")
    <Student-t inputs, 5 degrees of freedom>
    """
    word, colon, number = text.partition(":")
    found = NAMED.get(word)
    if found is None:
        known = ", ".join(key if arg is None else f"{key}[:{arg}]" for key, (_, arg) in NAMED.items())
        raise InvalidArgument(name, text, f"must be one of {known}, or the name of a file of rows")
    make, argument = found
    if not colon:
        return make()
    settings: dict[str, Any] = {}
    try:
        settings[argument or ""] = float(number)
    except ValueError:
        raise InvalidArgument(name, text, "must have a number after the colon") from None
    if argument is None:
        raise InvalidArgument(name, text, f"{word} takes no number")
    try:
        return make(**settings)
    except InvalidArgument as error:
        raise InvalidArgument(name, text, f"{argument} {error.allowed}") from error
