"""Conditions: the few words in which a contract says when a clause applies, such as `two_sided and savings_rate >= msr`.

A condition joins comparisons (=, !=, <, <=, >, >=, in) of names, numbers, texts in quotes and ISO dates with `and`,
`or` and `not`; a bare name holds where its value is not 0. There is no arithmetic: what is compared has been named by
an earlier step. A comparison with a missing value does not hold.
"""

from __future__ import annotations

import ast
import datetime as dt
import math
import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, reduce
from typing import Annotated, Any

import polars as pl
from pydantic import AfterValidator

_ISO_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def _tree(text: str) -> ast.expr:
    written = re.sub(r"(?<![<>=!])=(?!=)", "==", text)
    try:
        tree = ast.parse(written, mode="eval").body
    except SyntaxError as error:
        raise ValueError("comparisons joined by `and`, `or`, `not`, such as two_sided and rate >= 0.02") from error
    _check(tree, text)
    return tree


def _check(node: ast.expr, text: str) -> None:
    if isinstance(node, ast.BoolOp):
        for part in node.values:
            _check(part, text)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        _check(node.operand, text)
    elif isinstance(node, ast.Compare):
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                if not isinstance(right, ast.Tuple | ast.List):
                    raise ValueError("values in brackets after `in`, such as track in ('A', 'B')")
                for item in right.elts:
                    _leaf(item, text)
            else:
                if type(op) not in _COMPARE:
                    raise ValueError("comparisons by =, !=, <, <=, >, >= or in, and no others")
                _leaf(right, text)
        _leaf(node.left, text)
    else:
        _leaf(node, text)


def _leaf(node: ast.expr, text: str) -> None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    if not isinstance(node, ast.Name | ast.Constant) and not (
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    ):
        raise ValueError(
            f"a name, a number, a text in quotes or a date in place of {ast.unparse(node)!r}; an earlier step works it out"
        )


class ConditionText(str):
    """The text of a condition that has been checked; its class distinguishes it from other texts of a document."""

    __slots__ = ()


def _valid(text: str) -> ConditionText:
    _tree(text)
    return ConditionText(text)


Condition = Annotated[str, AfterValidator(_valid)]
"""A condition as text, checked when the document is read."""


@lru_cache(maxsize=4096)
def names_in(text: str) -> tuple[str, ...]:
    """The names a condition refers to, in order of first mention.

    Example:
        `names_in("two_sided and savings_rate >= msr")` is `("two_sided", "savings_rate", "msr")`.
    """
    found: dict[str, None] = {}

    def walk(node: ast.AST) -> None:
        if isinstance(node, ast.Attribute | ast.Name):
            found[_name(node)] = None
            return
        for child in ast.iter_child_nodes(node):
            walk(child)

    walk(_tree(text))
    return tuple(found)


@lru_cache(maxsize=4096)
def texts_in(text: str) -> tuple[tuple[str, str], ...]:
    """Each name that a condition compares with a text, and the text; dates are none.

    Example:
        `texts_in("track in ('A', 'B') and paid >= '2024-01-01'")` is `(("track", "A"), ("track", "B"))`.
    """
    found: dict[tuple[str, str], None] = {}

    def walk(node: ast.AST) -> None:
        if isinstance(node, ast.Compare):
            left = node.left
            for right in node.comparators:
                items = right.elts if isinstance(right, ast.Tuple | ast.List) else [right]
                for a, b in ((left, item) for item in items):
                    names = [x for x in (a, b) if isinstance(x, ast.Name | ast.Attribute)]
                    values = [_static(x) for x in (a, b) if not isinstance(x, ast.Name | ast.Attribute)]
                    if len(names) == len(values) == 1 and isinstance(values[0], str):
                        found[_name(names[0]), values[0]] = None
                left = right
        for child in ast.iter_child_nodes(node):
            walk(child)

    walk(_tree(text))
    return tuple(found)


def misfits(text: str, kinds: Mapping[str, str]) -> list[str]:
    """What a condition compares that cannot be compared, in words; names of unknown kind are left out.

    Args:
        text: the condition.
        kinds: "number", "text" or "date" by name.

    Example:
        `misfits("track > 3", {"track": "text"})` is `["track, a text, with 3, a number"]`.
    """
    found: list[str] = []

    def kind(node: ast.expr) -> str | None:
        if isinstance(node, ast.Name | ast.Attribute):
            return kinds.get(_name(node))
        value = _static(node)
        return "text" if isinstance(value, str) else "date" if isinstance(value, dt.date) else "number"

    def walk(node: ast.expr) -> None:
        if isinstance(node, ast.BoolOp):
            for part in node.values:
                walk(part)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            walk(node.operand)
        elif isinstance(node, ast.Compare):
            left = node.left
            for right in node.comparators:
                for item in right.elts if isinstance(right, ast.Tuple | ast.List) else [right]:
                    a, b = kind(left), kind(item)
                    if a is not None and b is not None and a != b:
                        found.append(f"{ast.unparse(left)}, a {a}, with {ast.unparse(item)}, a {b}")
                left = right
        elif kind(node) not in {None, "number"}:
            found.append(f"{ast.unparse(node)}, a {kind(node)}, with nothing")

    walk(_tree(text))
    return found


def columnar(text: str) -> pl.Expr:
    """The condition as a polars expression that is true or false, never missing."""
    return _columnar(_tree(text), None)


def holds(text: str, row: Mapping[str, Any]) -> bool:
    """The condition on one row, in plain Python: the second way to the same answer."""
    return bool(_decided(_tree(text), row, None))


def undecided(text: str, fails_where_empty: frozenset[str] = frozenset()) -> pl.Expr:
    """True on rows on which a missing value leaves open whether the condition holds.

    Args:
        text: the condition.
        fails_where_empty: names whose missing value has a meaning: a comparison with it does not hold.

    Example:
        `a > 0 and b > 0` is decided where `a` is 0, and open where `a` is 1 and `b` missing.
    """
    return _columnar(_tree(text), fails_where_empty).is_null()


def undecided_on(text: str, row: Mapping[str, Any], fails_where_empty: frozenset[str] = frozenset()) -> bool:
    """The same on one row, in plain Python."""
    return _decided(_tree(text), row, fails_where_empty) is None


def _name(node: ast.expr) -> str:
    return f"{node.value.id}.{node.attr}" if isinstance(node, ast.Attribute) else node.id  # type: ignore[attr-defined]


def _constant(value: Any) -> Any:  # noqa: ANN401  # a number, a text or a date of the condition
    if isinstance(value, str) and _ISO_DATE.match(value):
        return dt.date.fromisoformat(value)
    return float(value) if isinstance(value, int | float) else value


def _columnar(node: ast.expr, fails_where_empty: frozenset[str] | None) -> pl.Expr:
    """True, false, or (where names are given whose missing value alone fails) missing."""
    if isinstance(node, ast.BoolOp):
        joined = operator.and_ if isinstance(node.op, ast.And) else operator.or_
        return reduce(joined, (_columnar(part, fails_where_empty) for part in node.values))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ~_columnar(node.operand, fails_where_empty)
    if isinstance(node, ast.Compare):
        parts, left = [], node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                values = [_static(item) for item in right.elts]  # type: ignore[attr-defined]
                one = _expr(left).is_in(values)
                one = ~one if isinstance(op, ast.NotIn) else one
            else:
                one = _COMPARE[type(op)](_expr(left), _expr(right))
            parts.append(_where_known(one, _named([left, right]), fails_where_empty))
            left = right
        return reduce(operator.and_, parts)
    return _where_known(_expr(node) != 0, _named([node]), fails_where_empty)


def _where_known(one: pl.Expr, names: list[str], fails_where_empty: frozenset[str] | None) -> pl.Expr:
    strict = [] if fails_where_empty is None else [name for name in names if name not in fails_where_empty]
    if not strict:
        return one.fill_null(False)
    known = pl.all_horizontal(pl.col(name).is_not_null() for name in strict)
    return pl.when(known).then(one.fill_null(False))


def _named(nodes: list[ast.expr]) -> list[str]:
    return [_name(node) for node in nodes if isinstance(node, ast.Name | ast.Attribute)]


def _expr(node: ast.expr) -> pl.Expr:
    if isinstance(node, ast.Name | ast.Attribute):
        return pl.col(_name(node))
    return pl.lit(_static(node))


def _static(node: ast.expr) -> Any:  # noqa: ANN401
    if isinstance(node, ast.UnaryOp):
        return -_static(node.operand)
    return _constant(node.value)  # type: ignore[attr-defined]


def _decided(node: ast.expr, row: Mapping[str, Any], fails_where_empty: frozenset[str] | None) -> bool | None:
    if isinstance(node, ast.BoolOp):
        parts = [_decided(part, row, fails_where_empty) for part in node.values]
        settles = not isinstance(node.op, ast.And)
        return settles if settles in parts else None if None in parts else not settles
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = _decided(node.operand, row, fails_where_empty)
        return None if inner is None else not inner
    if isinstance(node, ast.Compare):
        parts, left = [], node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            parts.append(_compared(op, left, right, row, fails_where_empty))
            left = right
        return False if False in parts else None if None in parts else True
    value = _of_row(node, row)
    if _missing(value):
        return _open([node], row, fails_where_empty)
    return bool(value != 0)


def _compared(
    op: ast.cmpop, left: ast.expr, right: ast.expr, row: Mapping[str, Any], fails_where_empty: frozenset[str] | None
) -> bool | None:
    a = _of_row(left, row)
    if isinstance(op, ast.In | ast.NotIn):
        if _missing(a):
            return _open([left], row, fails_where_empty)
        found = a in [_static(item) for item in right.elts]  # type: ignore[attr-defined]
        return found != isinstance(op, ast.NotIn)
    b = _of_row(right, row)
    if _missing(a) or _missing(b):
        return _open([left, right], row, fails_where_empty)
    return bool(_COMPARE[type(op)](a, b))


def _open(nodes: list[ast.expr], row: Mapping[str, Any], fails_where_empty: frozenset[str] | None) -> bool | None:
    """What a comparison with a missing value gives: false, or open where a name is missing that has no meaning so."""
    if fails_where_empty is None:
        return False
    strict = [name for name in _named(nodes) if name not in fails_where_empty and _missing(row[name])]
    return None if strict else False


def _of_row(node: ast.expr, row: Mapping[str, Any]) -> Any:  # noqa: ANN401
    return row[_name(node)] if isinstance(node, ast.Name | ast.Attribute) else _static(node)


def _missing(value: Any) -> bool:  # noqa: ANN401
    return value is None or (isinstance(value, float) and math.isnan(value))
