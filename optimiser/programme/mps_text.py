"""A programme as the text of a free-format MPS file, which every solver reads.

Names are those of the LP file. The objective is written as it stands, with its sense in OBJSENSE; its constant is the
right-hand side of the objective with the other sign, as the format has it.
"""

from __future__ import annotations

import numpy as np

from optimiser.programme.matrix import Matrix


def mps_text(matrix: Matrix) -> str:
    """The MPS file of `matrix`; rows without terms stand in it, so that an impossible one stays impossible."""
    columns, rows = matrix.names("columns", numbered=False), matrix.names("rows", numbered=False)
    lines = [f"* {matrix.objective} ({matrix.unit or 'no unit'}), counted in units of {matrix.scale:g}"]
    lines += ["NAME channel_shift FREE", "OBJSENSE", "    MAX" if matrix.sense == "max" else "    MIN", "ROWS"]
    lines.append(" N objective")
    kinds = [_kind(low, high) for low, high in zip(matrix.row_lower, matrix.row_upper, strict=True)]
    lines += [f" {kind} {name}" for kind, name in zip(kinds, rows, strict=True)]
    lines += ["COLUMNS", *_columns(matrix, columns, rows)]
    lines.append("RHS")
    if matrix.constant:
        lines.append(f" rhs objective {_number(-matrix.constant)}")
    ranges = []
    for name, kind, low, high in zip(rows, kinds, matrix.row_lower, matrix.row_upper, strict=True):
        if kind == "N":
            continue
        limit = high if kind == "L" else low
        if limit:
            lines.append(f" rhs {name} {_number(limit)}")
        if kind == "L" and np.isfinite(low):
            ranges.append(f" rng {name} {_number(high - low)}")
    if ranges:
        lines += ["RANGES", *ranges]
    lines.append("BOUNDS")
    for name, low, high, whole in zip(columns, matrix.lower, matrix.upper, matrix.integer, strict=True):
        lines += _bounds(name, float(low), float(high), whole=bool(whole))
    lines.append("ENDATA")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{float(value):.17g}"


def _kind(low: float, high: float) -> str:
    """The letter of a row: equal, at most (with a range where it has a floor as well), at least, or free."""
    if low == high:
        return "E"
    if np.isfinite(high):
        return "L"
    return "G" if np.isfinite(low) else "N"


def _columns(matrix: Matrix, columns: list[str], rows: list[str]) -> list[str]:
    """The coefficients by column, whole-number columns between their markers; every column has a line of its own."""
    order = np.argsort(matrix.index, kind="stable")
    row_of, values = matrix.row_of[order], matrix.value[order]
    ends = np.cumsum(np.bincount(matrix.index, minlength=matrix.column_count))
    lines: list[str] = []
    inside = False
    for j, name in enumerate(columns):
        if bool(matrix.integer[j]) != inside:
            inside = not inside
            lines.append(f" MARKER 'MARKER' '{'INTORG' if inside else 'INTEND'}'")
        lines.append(f" {name} objective {_number(matrix.cost[j])}")
        begin = ends[j - 1] if j else 0
        lines += [f" {name} {rows[row_of[k]]} {_number(values[k])}" for k in range(begin, ends[j])]
    if inside:
        lines.append(" MARKER 'MARKER' 'INTEND'")
    return lines


def _bounds(name: str, low: float, high: float, *, whole: bool) -> list[str]:
    if low == high:
        return [f" FX bnd {name} {_number(low)}"]
    if not np.isfinite(low) and not np.isfinite(high):
        return [f" FR bnd {name}"]
    lines = [f" MI bnd {name}"] if not np.isfinite(low) else []
    if np.isfinite(low) and (low or whole):
        lines.append(f" LO bnd {name} {_number(low)}")
    if np.isfinite(high):
        lines.append(f" UP bnd {name} {_number(high)}")
    elif whole:
        lines.append(f" PL bnd {name}")
    return lines
