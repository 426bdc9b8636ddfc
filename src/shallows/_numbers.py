"""Numbers as people write them: on pages and figures, on terminals, and in sentences."""

from __future__ import annotations

from math import floor, isfinite, log10


def number(value: float | None, digits: int = 4) -> str:
    """`value` as it is printed on a page, to `digits` digits.

    >>> number(26515.0), number(0.04071), number(1.5e-9), number(None)
    ('26515', '0.04071', '1.5·10⁻⁹', '–')
    """
    if value is None or not isfinite(value):
        return "–"
    if value == 0:
        return "0"
    if float(value).is_integer() and abs(value) < 1e6:
        return str(int(value))
    if 1e-3 <= abs(value) < 1e6:
        text = f"{value:.{digits}g}"
        return f"{value:.0f}" if "e" in text else text
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{raised}" if mantissa == "1" else f"{mantissa}·10{raised}"


def measured_number(mean: float, error: float | None) -> str:
    """``mean ± error``, the error to two digits and the mean to the same place.

    >>> measured_number(0.123456, 0.0021), measured_number(0.5, None)
    ('0.1235 ± 0.0021', '0.5')
    """
    if error is None or error <= 1e-9 * abs(mean):
        return number(mean)
    if not 1e-4 <= abs(mean) < 1e6:
        return f"{number(mean)} ± {number(error, 2)}"
    places = max(0, 1 - floor(log10(error)))
    return f"{mean:.{places}f} ± {error:.{places}f}"


def terminal_number(value: float | None) -> str:
    """`value` to four digits in plain characters, as a terminal shows it.

    >>> terminal_number(26515.4), terminal_number(3), terminal_number(0.000123456), terminal_number(None)
    ('26515', '3', '1.235e-04', '-')
    """
    if value is None or not isfinite(value):
        return "-"
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return str(int(value))
    size = abs(value)
    if 9999.5 <= size < 1e7:  # what four digits round to 10000 as well
        return f"{value:.0f}"
    return f"{value:.4g}" if 1e-3 <= size < 1e4 else f"{value:.3e}"


def sentence_number(value: float) -> str:
    """`value` to three digits, without an exponent where people would not write one.

    >>> sentence_number(0.12345), sentence_number(123456.0)
    ('0.123', '123456')
    """
    return f"{value:.3g}" if value == 0 or not 999.5 <= abs(value) < 1e7 else f"{value:.0f}"


def span_of(value: float, low: float, high: float) -> str:
    """A number and its interval.

    >>> span_of(0.12345, 0.1, 0.15)
    '0.123 (0.1 to 0.15)'
    """
    return f"{sentence_number(value)} ({sentence_number(low)} to {sentence_number(high)})"


def span(estimate: dict[str, float] | None) -> str:
    """The same of the dictionary of an estimate; of nothing, a dash.

    >>> span({"value": 2.0, "low": 1.5, "high": 2.5}), span(None)
    ('2 (1.5 to 2.5)', '-')
    """
    return "-" if estimate is None else span_of(estimate["value"], estimate["low"], estimate["high"])
