"""The trace: any published figure of a run as a tree, down to printed cells, parameters and choices.

Nothing is recorded while a run is computed. Each published column has a `Recomputation` (words, and a function that finds its
operands and recomputes the figure in plain Python). `explain` walks them from the figure asked for; every leaf is
a printed cell, a parameter or a choice of the scenario. The recomputation is a second implementation of the engine:
where it disagrees with the frame by a penny, the tree says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from capitation.errors import DataError, Fault, SourceError, UnknownNameError, suggest
from capitation.pack.sources import DataPack
from capitation.run.run import Run
from capitation.run.tables import SCHEMAS

Key = Mapping[str, str]
Kind = Literal["figure", "printed cell", "parameter", "choice", "data file"]

PARTS_SHOWN = 10
"""How many parts of a sum are shown; the rest are folded into one line, and all are recomputed."""


@dataclass(frozen=True)
class Node:
    """One node of the tree: a figure with its parts, or a leaf with its place in a source."""

    kind: Kind
    label: str
    value: str
    unit: str
    words: str
    children: tuple[Node, ...] = ()
    folded: int = 0
    disagrees: str = ""
    title: str = ""
    """The label with names in place of codes, where they have any."""
    unopened: int = 0
    """How many parts the asked depth left closed."""

    def lines(self, depth: int = 0) -> list[str]:
        """The tree as indented text."""
        head = f"{'  ' * depth}{self.title or self.label} = {self.value} {self.unit}".rstrip()
        text = [f"{head}  [{self.kind}: {self.words}]" + (f"  DISAGREES: {self.disagrees}" if self.disagrees else "")]
        for child in self.children:
            text += child.lines(depth + 1)
        if self.folded:
            text.append(f"{'  ' * (depth + 1)}... and {self.folded} smaller parts, recomputed but not shown")
        return text

    def as_dict(self) -> dict[str, Any]:
        """The tree as plain content for JSON."""
        return {
            "kind": self.kind,
            "label": self.label,
            "value": self.value,
            "unit": self.unit,
            "words": self.words,
            "parts": [child.as_dict() for child in self.children],
            **({"title": self.title} if self.title and self.title != self.label else {}),
            **({"folded_parts": self.folded} if self.folded else {}),
            **({"disagrees": self.disagrees} if self.disagrees else {}),
        }

    @property
    def closed(self) -> int:
        """Parts that the asked depth left closed, in the whole tree."""
        return self.unopened + sum(child.closed for child in self.children)

    def leaves(self) -> list[Node]:
        """All nodes without parts."""
        return [self] if not self.children else [leaf for child in self.children for leaf in child.leaves()]


@dataclass(frozen=True)
class FigureAddress:
    """The address of a published figure: table, column and the key of its row."""

    table: str
    column: str
    key: tuple[tuple[str, str], ...]

    @property
    def label(self) -> str:
        """The address as text, such as "allocation.allocation_pence level=locality, code=L01"."""
        return f"{self.table}.{self.column} {', '.join(f'{k}={v}' for k, v in self.key)}"


@dataclass(frozen=True)
class Worked:
    """What a formula finds for one figure: the figure recomputed in plain Python, and where its parts come from."""

    value: int | float | None
    parts: Sequence[FigureAddress | Node]
    words: str = ""


@dataclass(frozen=True)
class Recomputation:
    """How one published column is made, in words and in plain Python."""

    table: str
    column: str
    words: str
    work: Callable[[Context, Mapping[str, Any]], Worked]


NAMED_BY = {
    "area_code": "locality",
    "locality_code": "locality",
    "place_code": "place",
    "practice_code": "practice",
    "provider_code": "provider",
}
"""What the code in a key column is of."""


@dataclass
class Context:
    """What formulas may look at: the frames of the run and the data pack; rows are indexed once per table."""

    run: Run
    pack: DataPack
    _indexes: dict[tuple[str, ...], dict[tuple[str, ...], list[dict[str, Any]]]] = field(default_factory=dict)
    memory: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a run whose tables lack columns that formulas read: other code made it.

        Raises:
            SourceError: it was made by other code with other columns.
        """
        lacking = [
            Fault(f"table {name}", f"no column {', '.join(lost)}", "it, as runs of this code have")
            for name, schema in SCHEMAS.items()
            if name in self.run.frames and (lost := schema.columns().keys() - set(self.run.frame(name).columns))
        ]
        if lacking:
            raise SourceError(f"{self.run} was made by other code and cannot be traced by this; make it again", lacking)

    def rows(self, table: str, **match: str) -> list[dict[str, Any]]:
        """Rows of a table whose columns equal the given values, in the table's order."""
        columns = tuple(sorted(match))
        index = self._indexes.get((table, *columns))
        if index is None:
            index = {}
            for row in self.run.frame(table).iter_rows(named=True):
                index.setdefault(tuple(row[c] for c in columns), []).append(row)
            self._indexes[table, *columns] = index
        return index.get(tuple(match[c] for c in columns), [])

    def title(self, figure: FigureAddress) -> str:
        """The address of a figure with names in place of codes, where the run has them."""
        if "names" not in self.memory:
            rows = self.run.frame("code_name").iter_rows(named=True) if "code_name" in self.run.frames else ()
            self.memory["names"] = {(r["kind"], r["code"]): r["name"] for r in rows}
        key = dict(figure.key)
        level = key.get("level") or key.get("subject_kind") or ""
        kinds = {**NAMED_BY, "code": level, "subject_code": level}
        named = [f"{k}={self.memory['names'].get((kinds.get(k, ''), value), value)}" for k, value in figure.key]
        return f"{figure.table}.{figure.column} {', '.join(named)}"

    def row(self, table: str, **match: str) -> dict[str, Any]:
        """The one row of a table with these values.

        Raises:
            DataError: there is none, or more than one.
        """
        found = self.rows(table, **match)
        if len(found) != 1:
            wanted = ", ".join(f"{k}={v}" for k, v in match.items())
            raise DataError(f"table {table!r}: found {len(found)} rows with {wanted}; expected one")
        return found[0]


WITHHELD = "withheld"
"""Value of a part that the reader may not see."""


def explain(
    context: Context,
    figure: FigureAddress,
    formulas: Mapping[tuple[str, str], Recomputation],
    *,
    depth: int = 12,
    may_show: Callable[[FigureAddress], bool] = lambda _figure: True,
) -> Node:
    """The tree of one figure.

    Args:
        context: run and data pack.
        figure: address of the figure.
        formulas: formula by table and column.
        depth: how many levels are opened.
        may_show: whether the reader may see a figure; the value and the parts of one that they may not are withheld.

    Raises:
        UnknownNameError: the table, column or row is not known; near ones are listed.
    """
    row = _find(context, figure)
    formula = formulas.get((figure.table, figure.column))
    if formula is None:
        known = {f"{t}.{c}" for t, c in formulas}
        raise UnknownNameError("published figure", f"{figure.table}.{figure.column}", known)
    if not may_show(figure):
        return Node("figure", figure.label, WITHHELD, "", formula.words)
    value = row[figure.column]
    worked = formula.work(context, row)
    disagrees = "" if _same(worked.value, value) else f"recomputed {worked.value}, in the run {value}"
    parts = list(worked.parts) if depth > 0 else []
    if len(parts) > PARTS_SHOWN:
        parts = sorted(parts, key=lambda part: _rank(context, part, may_show))
    shown, rest = parts[:PARTS_SHOWN], parts[PARTS_SHOWN:]
    children = tuple(
        part if isinstance(part, Node) else explain(context, part, formulas, depth=depth - 1, may_show=may_show)
        for part in shown
    )
    unit = _unit(figure.column)
    return Node(
        "figure",
        figure.label,
        _text(figure.column, value),
        unit,
        worked.words or formula.words,
        children,
        len(rest),
        disagrees,
        context.title(figure),
        0 if depth > 0 else len(worked.parts),
    )


def parse_figure(text: str, run: Run) -> FigureAddress:
    """The address in a text such as "allocation.allocation_pence year=2018/19 level=locality code=V1".

    Raises:
        DataError: the text is not of that form.
        UnknownNameError: the table or a column is not known.
    """
    head, *rest = text.replace(",", " ").split()
    table, dot, column = head.partition(".")
    if not dot or not all("=" in word for word in rest):
        raise DataError(
            f"{text!r} is not a figure; write it as 'table.column key=value key=value', such as 'allocation.allocation_pence year=2018/19 stream=ccg level=locality code=...'. Tables: {', '.join(run.frames)}"
        )
    frame = run.frame(table)
    for name in [column, *(word.partition("=")[0] for word in rest)]:
        if name not in frame.columns:
            raise UnknownNameError("column", name, frame.columns, where=f"table {table}")
    return FigureAddress(table, column, tuple((w.partition("=")[0], w.partition("=")[2]) for w in rest))


def _typed(frame: pl.DataFrame, name: str, value: str) -> Any:  # noqa: ANN401  # a cell of any column
    """What a value in words is in its column: a step is a whole number."""
    if not isinstance(value, str) or not frame.schema[name].is_integer():
        return value
    try:
        return int(value)
    except ValueError:
        raise DataError(f"{name}={value}: found {value!r}; expected a whole number") from None


def _find(context: Context, figure: FigureAddress) -> Mapping[str, Any]:
    frame = context.run.frame(figure.table)
    for name in (figure.column, *dict(figure.key)):
        if name not in frame.columns:
            raise UnknownNameError("column", name, frame.columns, where=f"table {figure.table}")
    found = context.rows(figure.table, **{name: _typed(frame, name, value) for name, value in figure.key})
    if len(found) == 1:
        return found[0]
    if not found:
        hints = []
        for name, value in figure.key:
            known = frame.get_column(name).cast(pl.String).drop_nulls().unique().to_list()
            if str(value) not in known:
                hints.append(f"{name} {value!r} is not known: {suggest(str(value), known)}")
        raise DataError(f"{figure.label}: found no such row. {' '.join(hints)}".rstrip())
    open_columns = [
        c
        for c in frame.columns
        if c not in dict(figure.key) and frame.schema[c] == pl.String and len({r[c] for r in found}) > 1
    ]
    raise DataError(
        f"{figure.label}: found {len(found)} rows; expected one. Add {' or '.join(open_columns) or 'more of the key'}"
    )


def _rank(
    context: Context, part: FigureAddress | Node, may_show: Callable[[FigureAddress], bool]
) -> tuple[bool, float]:
    """The largest first; those that the reader may not see after all others, since their size would follow from their neighbours'."""
    is_shown = isinstance(part, Node) or may_show(part)
    return (not is_shown, -_size(context, part) if is_shown else 0.0)


def _size(context: Context, part: FigureAddress | Node) -> float:
    if isinstance(part, Node):
        return float("inf")
    value = context.row(part.table, **dict(part.key))[part.column]
    return abs(value) if isinstance(value, int | float) else 0.0


def _same(recomputed: int | float | None, value: Any) -> bool:  # noqa: ANN401  # any cell
    if recomputed is None or value is None:
        return recomputed is None and value is None
    if isinstance(value, int):
        return recomputed == value
    return bool(abs(recomputed - value) <= 1e-9 * max(1.0, abs(value)))


def _unit(column: str) -> str:
    if column.endswith("_pence"):
        return "pounds"
    if column.endswith(("_micro", "_persons")):
        return "persons"
    return "share" if column.endswith("_share") else ""


def _text(column: str, value: Any) -> str:  # noqa: ANN401  # any cell
    if value is None:
        return "empty"
    if column.endswith("_pence"):
        return f"{'-' if value < 0 else ''}{abs(value) // 100:,}.{abs(value) % 100:02d}"
    if column.endswith("_micro"):
        return f"{value / 1_000_000:,.6f}"
    if isinstance(value, float):
        return f"{value:,.6f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
