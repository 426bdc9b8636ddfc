"""Arithmetic written in a sweep file, evaluated without ``eval``.

An expression is parsed with :mod:`ast` and turned into nested closures over a fixed set of node types.
Everything is a float from the start, so no expression can build a huge integer.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..errors import InvalidArgument

Evaluator = Callable[[Mapping[str, float]], float]

#: Longest expression that is read.
LONGEST = 500

FUNCTIONS: dict[str, Callable[..., float]] = {
    "sqrt": math.sqrt,
    "log": math.log,
    "log10": math.log10,
    "exp": math.exp,
    "abs": abs,
    "min": min,
    "max": max,
}
_ARGUMENTS = {"min": (2, 16), "max": (2, 16)}

_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[float], float]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_REFUSED = {
    ast.Attribute: "an attribute",
    ast.Subscript: "a subscript",
    ast.Lambda: "a lambda",
    ast.Compare: "a comparison",
    ast.BoolOp: "a logical operator",
    ast.IfExp: "a conditional",
    ast.NamedExpr: "an assignment",
    ast.List: "a list",
    ast.Tuple: "a tuple",
    ast.Dict: "a dictionary",
    ast.Set: "a set",
    ast.ListComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.JoinedStr: "a string",
    ast.Starred: "a starred argument",
    ast.Await: "await",
}


@dataclass(frozen=True)
class Expression:
    """A checked arithmetic expression in the names of other settings.

    Parameters
    ----------
    text : str
        Numbers, names, ``+ - * / **``, parentheses and the functions sqrt, log (natural), log10, exp, abs, min, max.
    name : str
        The setting that it defines, for messages.

    Raises
    ------
    InvalidArgument
        If `text` holds anything else.
    """

    text: str
    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text.strip():
            raise InvalidArgument(
                self.name, self.text, "a linked axis is an expression in quotes, such as 0.05*sqrt(samples)"
            )
        if len(self.text) > LONGEST:
            raise InvalidArgument(self.name, self.text[:40] + "...", f"an expression has at most {LONGEST} characters")
        try:
            tree = ast.parse(self.text.strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise InvalidArgument(self.name, self.text, "is not an arithmetic expression") from error
        names: set[str] = set()
        evaluator = self._build(tree.body, names)
        object.__setattr__(self, "_evaluate", evaluator)
        object.__setattr__(self, "_names", frozenset(names))

    @property
    def names(self) -> frozenset[str]:
        """Settings that the expression uses."""
        return self.__dict__["_names"]

    def __call__(self, settings: Mapping[str, object]) -> float:
        """Value at `settings`, a finite float.

        Raises
        ------
        InvalidArgument
            If a name is missing or no number, or the result is not a finite real number.
        """
        values: dict[str, float] = {}
        for name in self.names:
            value = settings.get(name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise InvalidArgument(self.name, self.text, f"uses {name}, which is {value!r} here and not a number")
            values[name] = float(value)
        try:
            result = self.__dict__["_evaluate"](values)
        except (ArithmeticError, ValueError) as error:
            raise InvalidArgument(self.name, self.text, f"cannot be computed at {values}: {error}") from error
        if isinstance(result, complex) or not math.isfinite(result):
            raise InvalidArgument(self.name, self.text, f"gives {result} at {values}, not a finite number")
        return float(result)

    def __getstate__(self) -> dict[str, str]:  # closures do not pickle; the text says it all
        return {"text": self.text, "name": self.name}

    def __setstate__(self, state: dict[str, str]) -> None:
        for key, value in state.items():
            object.__setattr__(self, key, value)
        self.__post_init__()

    def _refuse(self, what: str) -> InvalidArgument:
        allowed = f"holds {what}; an expression may use numbers, names, + - * / ** and {', '.join(FUNCTIONS)} only"
        return InvalidArgument(self.name, self.text, allowed)

    def _build(self, node: ast.expr, names: set[str]) -> Evaluator:
        if isinstance(node, ast.Constant):
            if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
                raise self._refuse(f"the constant {node.value!r}")
            try:
                constant = float(node.value)
            except OverflowError as error:
                raise self._refuse("a number that is too large") from error
            return lambda values: constant
        if isinstance(node, ast.Name):
            if node.id in FUNCTIONS:
                raise self._refuse(f"the function {node.id} without arguments")
            names.add(node.id)
            name = node.id
            return lambda values: values[name]
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            binary = _BINARY[type(node.op)]
            left, right = self._build(node.left, names), self._build(node.right, names)
            return lambda values: binary(left(values), right(values))
        if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
            unary, inner = _UNARY[type(node.op)], self._build(node.operand, names)
            return lambda values: unary(inner(values))
        if isinstance(node, ast.Call):
            return self._build_call(node, names)
        if isinstance(node, (ast.BinOp, ast.UnaryOp)):
            raise self._refuse(f"the operator {type(node.op).__name__}")
        raise self._refuse(_REFUSED.get(type(node), type(node).__name__))

    def _build_call(self, node: ast.Call, names: set[str]) -> Evaluator:
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
            raise self._refuse(f"a call of {ast.unparse(node.func)}")
        name = node.func.id
        least, most = _ARGUMENTS.get(name, (1, 1))
        if node.keywords or not least <= len(node.args) <= most:
            wanted = "one argument" if most == 1 else f"{least} to {most} arguments"
            raise self._refuse(f"{name} with other than {wanted}")
        function = FUNCTIONS[name]
        arguments = [self._build(argument, names) for argument in node.args]
        if len(arguments) == 1:
            only = arguments[0]
            return lambda values: function(only(values))
        return lambda values: function(*[argument(values) for argument in arguments])
