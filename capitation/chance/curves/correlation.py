"""Correlations: a matrix is one if it is symmetric, has ones on its diagonal, and no mix of its quantities has a negative variance.

Where given figures are not, the nearest that are is offered (Higham, IMA Journal of Numerical Analysis 22, 2002).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from capitation.chance.curves.normal import Floats
from capitation.errors import Fault

SLACK = 1e-10
"""How far below nil the least eigenvalue may stand by rounding."""


def correlation_faults(names: Sequence[str], rows: Sequence[Sequence[float]], where: str) -> list[Fault]:
    """What is wrong with a correlation matrix; the nearest good one is offered where a mix would have a negative variance."""
    size = len(names)
    if len(rows) != size or any(len(row) != size for row in rows):
        found = f"{len(rows)} rows of {', '.join(str(len(row)) for row in rows)} figures"
        return [Fault(where, found, f"{size} rows of {size} figures, one each for {', '.join(names)}")]
    matrix = np.asarray(rows, dtype=float)
    faults = []
    for i, row in enumerate(names):
        if matrix[i, i] != 1.0:
            faults.append(Fault(f"{where}: {row} with itself", f"{matrix[i, i]:g}", "1"))
        for j, column in enumerate(names[:i]):
            if matrix[i, j] != matrix[j, i]:
                found = f"{matrix[j, i]:g} one way and {matrix[i, j]:g} the other"
                faults.append(Fault(f"{where}: {column} with {row}", found, "the same figure both ways"))
            elif abs(matrix[i, j]) > 1.0:
                faults.append(Fault(f"{where}: {column} with {row}", f"{matrix[i, j]:g}", "between -1 and 1"))
    if faults:
        return faults
    least = float(np.linalg.eigvalsh(matrix)[0])
    if least < -SLACK:
        offered = [[round(float(value), 4) for value in row] for row in nearest_correlation(matrix)]
        found = f"a matrix that gives some mix of {', '.join(names)} a negative variance (least eigenvalue {least:.4f})"
        remedy = f"The nearest matrix that holds together is {offered}."
        return [Fault(where, found, "a positive semi-definite matrix", remedy)]
    return []


def nearest_correlation(matrix: Floats, rounds: int = 1000) -> Floats:
    """The correlation matrix nearest to a symmetric one, by projecting in turn on both conditions.

    The answer is drawn towards the identity by as little as lets its figures be written with four decimals.
    """
    found, correction = matrix.copy(), np.zeros_like(matrix)
    for _ in range(rounds):
        raised = found - correction
        values, vectors = np.linalg.eigh(raised)
        whole = (vectors * np.maximum(values, 0.0)) @ vectors.T
        correction = whole - raised
        before, found = found, whole.copy()
        np.fill_diagonal(found, 1.0)
        if np.abs(found - before).max() < 1e-12:
            break
    margin = 1e-4 * len(matrix)
    least = float(np.linalg.eigvalsh(found)[0])
    if least >= margin:
        return found
    pull = (margin - least) / (1.0 - least)
    return (1.0 - pull) * found + pull * np.eye(len(matrix))


def factor(matrix: Floats) -> Floats:
    """The lower triangular F with F F' = matrix: independent normal scores times F' have these correlations.

    Written out (Cholesky), so that it is the same on every machine and takes matrices in which one quantity follows others.
    """
    size = len(matrix)
    out = np.zeros((size, size))
    for j in range(size):
        rest = matrix[j, j] - (out[j, :j] ** 2).sum()
        if rest <= SLACK:
            continue
        out[j, j] = np.sqrt(rest)
        for i in range(j + 1, size):
            out[i, j] = (matrix[i, j] - (out[i, :j] * out[j, :j]).sum()) / out[j, j]
    return out
