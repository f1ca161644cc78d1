"""A mix found before, from which a search may start: its whole numbers by name, and what was proved of it.

Only whole numbers are kept: with them fixed, the rest is a linear programme that is solved in an instant. The bound holds
for one programme only, so it comes with that programme's checksum and counts where the checksum is the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from capitation.errors import DocumentError, Fault
from capitation.records.documents import read_mapping
from optimiser.engines.answer import Answer
from optimiser.programme.family import Floats
from optimiser.programme.matrix import Matrix


@dataclass(frozen=True)
class FormerMix:
    """Whole numbers of a mix, by the name of their variable; those not named are 0."""

    goal: str
    matrix_hash: str
    """The programme for which `bound` was proved."""
    objective: float
    """What the mix was worth there, in the goal's unit."""
    bound: float | None
    """What no mix of that programme can pass, in the goal's unit."""
    whole: dict[str, int]
    parts_bound: float | None = None
    """What no mix of that programme can pass even if parts of blocks could close, in the goal's unit."""

    def on(self, matrix: Matrix) -> Floats:
        """The whole numbers for each column of `matrix` (0 elsewhere), within the column's own limits."""
        names = matrix.names("columns", numbered=False)
        wanted = np.array([float(self.whole.get(name, 0)) for name in names])
        within: Floats = np.clip(wanted, matrix.lower, matrix.upper)
        return within

    def is_of(self, matrix: Matrix) -> bool:
        """Whether it was found for this very programme, so that what was proved of it counts."""
        return self.goal == matrix.objective and self.matrix_hash == matrix.content_hash

    def proves(self, matrix: Matrix) -> float | None:
        """The bound in the programme's own unit, where it was proved for this very programme."""
        return self.bound / matrix.scale if self.bound is not None and self.is_of(matrix) else None


def former_mix(answer: Answer, parts_bound: float | None = None) -> FormerMix | None:
    """What to keep of an answer so that a later search may start from it; None where it has no whole numbers."""
    matrix, values = answer.matrix, answer.values
    if values is None or not matrix.is_whole:
        return None
    names = matrix.names("columns", numbered=False)
    used = np.flatnonzero(matrix.integer & (np.round(values) != 0))
    return FormerMix(
        goal=matrix.objective,
        matrix_hash=matrix.content_hash,
        objective=float(answer.objective or 0.0),
        bound=answer.best_possible,
        whole={names[j]: round(values[j]) for j in used.tolist()},
        parts_bound=parts_bound,
    )


def former_text(former: FormerMix) -> str:
    """The file in which a former mix is kept."""
    content = {
        "goal": former.goal,
        "matrix_hash": former.matrix_hash,
        "objective": former.objective,
        "bound": former.bound,
        "parts_bound": former.parts_bound,
        "whole": former.whole,
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def read_former(path: Path) -> FormerMix:
    """The former mix in a file that `former_text` wrote.

    Raises:
        DocumentError: the file is missing, or no former mix.
    """
    content: dict[str, Any] = {
        key: float(value) if isinstance(value, Decimal) else value for key, value in read_mapping(path).items()
    }
    faults = []
    for key, kind in (("goal", str), ("matrix_hash", str), ("objective", (int, float)), ("whole", dict)):
        if not isinstance(content.get(key), kind):
            faults.append(Fault(key, f"{content.get(key)!r}", "a mix as `capitation optimise --out` writes start.json"))
    if not faults and any(isinstance(v, bool) or not isinstance(v, int) for v in content["whole"].values()):
        faults.append(Fault("whole", "numbers that are not whole", "a whole number for each variable"))
    bounds: dict[str, float | None] = {}
    for key in ("bound", "parts_bound"):
        bound = content.get(key)
        if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int | float)):
            faults.append(Fault(key, f"{bound!r}", "a number, or nothing"))
        else:
            bounds[key] = None if bound is None else float(bound)
    if faults:
        raise DocumentError(f"{path} is no former mix", faults)
    return FormerMix(
        content["goal"],
        content["matrix_hash"],
        float(content["objective"]),
        bounds["bound"],
        dict(content["whole"]),
        bounds["parts_bound"],
    )
