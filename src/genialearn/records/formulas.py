"""Formulas of fixed effects, held to a small language: columns, their interactions, and a few functions of them.

A formula comes with the data, so it must not be able to run anything: only names, numbers, arithmetic and the functions
listed here are accepted.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from genialearn.errors import SettingError

FUNCTIONS = frozenset({"C", "I", "bs", "center", "cr", "exp", "log", "log10", "log2", "poly", "scale"})

_EXAMPLE = "a formula such as C(herd_year) + age"
_BACKTICKED = re.compile(r"`([^`]*)`")
_TERMINAL_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ARITHMETIC = (ast.Expression, ast.BinOp, ast.operator, ast.UnaryOp, ast.unaryop, ast.List, ast.Load, ast.Constant)


@dataclass(frozen=True)
class Formula:
    """The right-hand side of a formula.

    Parameters
    ----------
    text
        As the user wrote it.
    terms
        As `formulaic` reads it, an intercept among them.
    columns
        What the terms need.
    plain
        Columns that are terms as they stand: numbers are covariates, names are groups.
    grouped
        Columns that stand within C(...) only, so that their numbers are names.
    """

    text: str
    terms: Any
    columns: frozenset[str]
    plain: frozenset[str]
    grouped: frozenset[str]


@lru_cache(maxsize=100)
def read_formula(text: str) -> Formula:
    """Return the formula that a text is.

    Raises
    ------
    SettingError
        Where it can't be read, has two sides, no intercept, or anything but columns and the known functions.
    """
    terms = _terms(text)
    factors = [(factor.eval_method.value, factor.expr) for term in terms for factor in term.factors]
    plain = {expression for method, expression in factors if method == "lookup"}
    uses = [use for method, expression in factors if method == "python" for use in _uses(text, expression)]
    measured = plain | {column for column, within_c in uses if not within_c}
    columns = plain | {column for column, _ in uses}
    return Formula(text, terms, frozenset(columns), frozenset(plain), frozenset(columns - measured))


def _terms(text: str) -> Any:
    import formulaic

    if re.search("[~|]", _BACKTICKED.sub("", text)):
        raise refused(text, found="~ or |", advice="Give the right-hand side only: the traits are on the left.")
    try:
        terms = formulaic.Formula(f"1 + {text}")
    except Exception as error:  # its parser has no common error class
        raise refused(text, found=first_line(error)) from error
    if "1" not in [str(term) for term in terms]:
        raise refused(text, found="no intercept", advice="Leave out 0 and -1: the intercept is always there.")
    return terms


def _uses(text: str, expression: str) -> Iterator[tuple[str, bool]]:
    """Yield every column of an expression, and whether it stands within C(...)."""
    names = _BACKTICKED.findall(expression)
    places = iter(range(len(names)))
    try:
        tree = ast.parse(_BACKTICKED.sub(lambda _: f"_quoted_{next(places)}", expression), mode="eval")
    except SyntaxError as error:
        raise refused(text, found=expression) from error
    quoted = {f"_quoted_{place}": name for place, name in enumerate(names)}
    for name, within_c in _names(text, tree, within_c=False):
        yield quoted.get(name, name), within_c


def _names(text: str, node: ast.AST, *, within_c: bool) -> Iterator[tuple[str, bool]]:
    if isinstance(node, ast.Name):
        yield node.id, within_c
        return
    parts: list[ast.AST] = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
        parts = [*node.args, *(keyword.value for keyword in node.keywords)]
        within_c = within_c or node.func.id == "C"
    elif not isinstance(node, _ARITHMETIC):
        raise refused(
            text,
            expected=f"columns and the functions {', '.join(sorted(FUNCTIONS))}",
            found=ast.unparse(node),
            advice="A name with dots or spaces stands between backticks.",
        )
    for part in parts:
        yield from _names(text, part, within_c=within_c)


def refused(text: str, *, expected: str = _EXAMPLE, found: str, advice: str = "") -> SettingError:
    """Return the error about a formula."""
    return SettingError(f"fixed effects {text!r}", expected=expected, found=found, advice=advice)


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, without colours and its full stop."""
    lines = _TERMINAL_COLOUR.sub("", str(error)).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
