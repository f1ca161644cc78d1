"""A programme as the text of an LP file, with readable names, so that a person or another solver can read it.

The names are those of the families and their index values joined by full stops: `scale.clinical_hub.ALL.2017_18.1`.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from optimiser.programme.matrix import Matrix

_PER_LINE = 4


def lp_text(matrix: Matrix, families: Collection[str] | None = None) -> str:
    """The LP file of `matrix`; with `families`, only rows of those families (and the columns they name).

    The objective's constant is written as a comment: the LP format has no settled place for it.
    """
    columns, rows = matrix.names("columns", numbered=False), matrix.names("rows", numbered=False)
    chosen = [
        row
        for family in matrix.rows
        if families is None or family.name in families
        for row in range(family.first, family.last)
    ]
    lines = [f"\\ {matrix.objective} ({matrix.unit or 'no unit'}), counted in units of {matrix.scale:g}"]
    if matrix.constant:
        lines.append(f"\\ add {matrix.constant:.12g} to the objective")
    lines.append("Maximize" if matrix.sense == "max" else "Minimize")
    used = np.zeros(matrix.column_count, dtype=bool)
    aim = np.flatnonzero(matrix.cost)
    if families is None:
        used[:] = True
        lines += _expression("objective", aim, matrix.cost[aim], columns) if len(aim) else [" objective:"]
    else:
        lines.append(" objective:")
    lines.append("Subject To")
    for row in chosen:
        place = slice(matrix.start[row], matrix.start[row + 1])
        which, values = matrix.index[place], matrix.value[place]
        used[which] = True
        low, high = matrix.row_lower[row], matrix.row_upper[row]
        if not len(which) and (low > 0 or high < 0) and len(columns):
            used[0] = True  # a row without terms that nothing can keep: it needs a column to stand in the file
            sign, limit = (">=", low) if low > 0 else ("<=", high)
            lines += _limit(rows[row], np.zeros(1, np.int32), np.zeros(1), columns, sign, limit)
        elif not len(which):
            lines.append(f"\\ {rows[row]} has no terms: {low:.12g} <= 0 <= {high:.12g}")
        elif low == high:
            lines += _limit(rows[row], which, values, columns, "=", low)
        else:
            both = bool(np.isfinite(low) and np.isfinite(high))
            if np.isfinite(high):
                lines += _limit(rows[row], which, values, columns, "<=", high)
            if np.isfinite(low):
                lines += _limit(rows[row] + (".floor" if both else ""), which, values, columns, ">=", low)
            if not np.isfinite(low) and not np.isfinite(high):
                lines.append(f"\\ {rows[row]} is not limited")
    lines.append("Bounds")
    for column in np.flatnonzero(used):
        lines += _bounds(columns[column], matrix.lower[column], matrix.upper[column])
    whole = [columns[i] for i in np.flatnonzero(used & matrix.integer)]
    if whole:
        lines += ["General", *(f" {name}" for name in whole)]
    lines.append("End")
    return "\n".join(lines) + "\n"


def _expression(name: str, which: np.ndarray, values: np.ndarray, columns: list[str]) -> list[str]:
    parts = [f"{value:+.12g} {columns[i]}" for i, value in zip(which, values, strict=True)]
    lines = [" ".join(parts[i : i + _PER_LINE]) for i in range(0, len(parts), _PER_LINE)]
    return [f" {name}: {lines[0]}", *(f"   {line}" for line in lines[1:])]


def _limit(name: str, which: np.ndarray, values: np.ndarray, columns: list[str], sign: str, limit: float) -> list[str]:
    lines = _expression(name, which, values, columns)
    lines[-1] += f" {sign} {limit:.12g}"
    return lines


def _bounds(name: str, low: float, high: float) -> list[str]:
    if low == high:
        return [f" {name} = {low:.12g}"]
    if not np.isfinite(low) and not np.isfinite(high):
        return [f" {name} free"]
    floor = "-inf" if not np.isfinite(low) else f"{low:.12g}"
    if not np.isfinite(high):
        return [] if low == 0 else [f" {name} >= {floor}"]
    return [f" {floor} <= {name} <= {high:.12g}"]
