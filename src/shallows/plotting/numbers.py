"""Numbers as people write them on pages and figures."""

from __future__ import annotations


def number(value: float | None, digits: int = 4) -> str:
    """`value` as people write it."""
    if value is None:
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
    """``mean ± error``, the error to two digits and the mean to the same place."""
    if error is None or error <= 1e-9 * abs(mean):
        return number(mean)
    from math import floor, log10

    if not 1e-4 <= abs(mean) < 1e6:
        return f"{number(mean)} ± {number(error, 2)}"
    places = max(0, 1 - floor(log10(error)))
    return f"{mean:.{places}f} ± {error:.{places}f}"
