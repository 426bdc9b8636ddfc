"""How far off a fit's errors were on data on which a signature showed, as measured (``./run bench signatures``)."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from ..concern import ExpectedError

#: The table, beside this module.
TABLE = "expected_errors.csv"
#: Its row for fits in which no signature showed.
NOTHING = "none"
#: Fewer data sets than this say nothing of their ninth decile.
FEWEST = 15


@cache
def expected_errors() -> dict[tuple[str, str], ExpectedError]:
    """The whole table, by network and signature."""
    text = files(__package__).joinpath(TABLE).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found = {}
    for row in csv.DictReader(lines):
        if int(row["data_sets"]) < FEWEST:
            continue
        told = bool(row["risk_median"])
        found[row["network"], row["signature"]] = ExpectedError(
            data_sets=int(row["data_sets"]),
            test_error=float(row["test_median"]),
            test_error_ninety=float(row["test_ninety"]),
            excess_risk=float(row["risk_median"]) if told else None,
            excess_risk_ninety=float(row["risk_ninety"]) if told else None,
            rows=(int(row["fewest_rows"]), int(row["most_rows"])),
        )
    return found


def expected_error(network: str, signature: str, samples: int | None = None) -> ExpectedError | None:
    """Of fits of a network on which a signature showed; None where too few, or none of this size, were measured.

    Parameters
    ----------
    network : str
    signature : str
        Its name, or :data:`NOTHING`.
    samples : int, optional
        Rows of the data at hand.

    Examples
    --------
    >>> from shallows.inference.signatures import expected_error
    >>> clean = expected_error("diagonal", "none")
    >>> clean.test_error < clean.test_error_ninety
    True
    >>> expected_error("diagonal", "no such signature") is expected_error("diagonal", "none", samples=10**7) is None
    True
    """
    found = expected_errors().get((network, signature))
    if found is None or samples is None or found.rows[0] <= samples <= found.rows[1]:
        return found
    return None
