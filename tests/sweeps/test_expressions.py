"""Arithmetic in sweep files: what it computes, and everything that it refuses."""

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shallows import InvalidArgument
from shallows.sweeps.expressions import Expression

AT = {"samples": 26515, "dim": 400, "noise": 0.1, "network": "quadratic"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.05*sqrt(samples/dim**2)", 0.05 * math.sqrt(26515 / 400**2)),
        ("-dim + 3", -397),
        ("2**3**2", 512),
        ("-2**2", -4),
        ("min(samples, dim, 7)", 7),
        ("max(noise, 1) + abs(-2)", 3),
        ("exp(log(dim))", 400),
        ("log10(1000) / 3", 1),
        ("1_000 + 1e-3", 1000.001),
    ],
)
def test_values(text, value):
    assert Expression(text, "penalty")(AT) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "samples.real",
        "samples.__class__",
        "open('x')",
        "sqrt",
        "sqrt()",
        "sqrt(1, 2)",
        "sqrt(x=1)",
        "min(1)",
        "sqrt(*[1])",
        "(lambda: 1)()",
        "[1][0]",
        "{1: 2}",
        "(1, 2)",
        "1 if dim else 2",
        "dim > 3",
        "dim and 3",
        "not dim",
        "~dim",
        "dim // 2",
        "dim % 2",
        "dim << 2",
        "dim @ dim",
        "'text'",
        "b'text'",
        "f'{dim}'",
        "True",
        "None",
        "...",
        "1j",
        "x := 3",
        "[x for x in dim]",
        "dim; 3",
        "import os",
        "",
        "   ",
        "1 +",
        "(" * 400,
        "1" + "+1" * 400,
        "1" * 400,
        None,
        3,
        "dim\x00",
    ],
)
def test_refused_before_anything_is_computed(text):
    with pytest.raises(InvalidArgument) as caught:
        Expression(text, "penalty")
    assert caught.value.name == "penalty"


@pytest.mark.parametrize(
    "text",
    ["1/0", "dim/(dim-400)", "9.0**9**9**9", "(-1)**0.5", "sqrt(-1)", "log(0)", "exp(1000)", "1e308*10", "network+1"],
)
def test_no_finite_number_is_an_error_and_fast(text):
    with pytest.raises(InvalidArgument):
        Expression(text, "penalty")(AT)


@given(st.text(max_size=60))
def test_any_text_is_a_number_or_a_clear_error(text):
    try:
        value = Expression(text, "penalty")(AT)
    except InvalidArgument:
        return
    assert isinstance(value, float)
    assert math.isfinite(value)


def test_survives_pickling():
    expression = Expression("2*dim", "samples")
    assert pickle.loads(pickle.dumps(expression))(AT) == 800
    assert expression.names == {"dim"}
