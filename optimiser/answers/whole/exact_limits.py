"""Every limit by the exact product of effects: a mix whose claim alone keeps a limit is moved until it is kept exactly.

The programme sees overlap through hazards and chords, and claims a little too much where several solutions act at part scale.
Here each cell of patients that several solutions reach gets one more row, its exact product as it stands near a mix x:

    sum over s of credit[s] = F(x) + sum over s of dF/dx_s (effective_s - x_s)        F = eligible (1 - product of (1 - e_s x_s))

The row is exact at x, and where one solution takes the room of another it asks a little too much rather than too little. The
mix is worked out again, the rows are taken anew where it stands, and so on: what is found keeps every row of the programme,
claims no more than the exact product, and hides none of it (chords may hide a hair where they are few).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from optimiser.answers.exact import acting_effects, effective_scales
from optimiser.answers.what_must_give import relax, stretched_matrix
from optimiser.answers.whole.search import MERGE_FROM, completed
from optimiser.engines import highs
from optimiser.engines.answer import Answer
from optimiser.engines.settled import SETTLE_FROM
from optimiser.problem.document import Problem
from optimiser.programme.family import Family, Floats
from optimiser.programme.matrix import Matrix
from optimiser.programme.tables import THOUSAND, ProblemTables

ROUNDS = 12
_CELL = ["locality", "point_of_delivery", "cell", "year"]
_HAIR = 1e-7
_DECIDED = ("hired", "taken_on", "capacity_added", "support", "carried", "block_released")
"""What is decided besides starts and scale: a mix as it stands leaves it as it is."""


@dataclass(frozen=True)
class Missed:
    """A limit that the mix keeps by its claim, and misses by the exact product."""

    family: str
    limit: str
    unit: str
    by: float
    tried: bool = False
    """Whether a mix that keeps it was looked for, and none found."""

    @property
    def sentence(self) -> str:
        """It in words."""
        amount = f"£{self.by:,.0f}" if self.unit == "£" else f"{self.by:,.6g} {self.unit}"
        said = f"by the exact product of effects the mix misses '{self.limit}' by {amount}"
        return said if self.tried else f'{said}; overlap = {{ mode = "exact" }} looks for one that keeps it'


@dataclass(frozen=True)
class _Shared:
    """The cells that several solutions reach, by solution: columns of credit and effective scale, and where the mix stands."""

    acting: pl.DataFrame
    """cell (number), credit, scale (columns), effective, share, eligible, left (1 - effect), others (product of left over the others)."""
    exact: Floats
    """What is avoided in each cell by the exact product."""
    claimed: Floats
    """What the credit of each cell adds up to."""

    least: Floats
    """What the credit of each cell must come to at least: the exact product, or the lowest chord where that is less."""

    @property
    def off(self) -> bool:
        """Whether any cell claims more than the exact product, or hides some of it."""
        hair = _HAIR * np.maximum(1.0, self.exact)
        return bool(((self.claimed > self.exact + hair) | (self.claimed < self.least - hair)).any())


def limits_kept(
    problem: Problem, answer: Answer, tables: ProblemTables, *, broken: bool = False
) -> tuple[Answer, tuple[Missed, ...]]:
    """The mix with its floors kept by the exact product, and every limit that it misses by it.

    A small mix is moved where it misses a floor on a measure, or with `broken`, which says that a floor or a closure was not
    kept by asking more. With `overlap.mode = "exact"` every limit is kept, and the mix itself is chosen by the exact product. A very large mix is left as
    it is: its headline says the exact product.
    """
    best = problem.overlap.mode == "exact"
    if answer.values is None or answer.matrix.column_count >= SETTLE_FROM:
        return answer, ()
    cells = _shared(answer, answer.values, tables)
    if cells is None or not cells.off:
        return answer, ()
    decided = _decided(_with_cells(answer.matrix, cells), answer.values, answer.matrix)
    stands = _solved(decided)
    missed = () if stands is not None else _missed(decided)
    if best:
        found = _refined(answer, tables, cells, free=True)
        return _moved_to(answer, found, _CHOSEN), () if found else tuple(replace(m, tried=True) for m in missed)
    if stands is not None:
        return _near_by(answer, stands, tables, cells), ()
    small = answer.matrix.column_count < MERGE_FROM
    if small and (broken or any(m.family == "measure_limit" for m in missed)):
        found = _refined(answer, tables, cells, free=False) or _refined(answer, tables, cells, free=True)
        if found is not None:
            return _moved_to(answer, found, _KEPT), ()
    return answer, missed


_CHOSEN = "the mix is chosen by the exact product of effects, near the best by claim; the bound is that of the claim"
_KEPT = "limits are kept by the exact product of effects; prices are those of the claim"


def _moved_to(answer: Answer, found: Answer | None, note: str) -> Answer:
    if found is None:
        return answer
    status = "gap" if answer.status == "optimal" and found.objective != answer.objective else answer.status
    return replace(answer, values=found.values, status=status, notes=(*answer.notes, note))


def _near_by(answer: Answer, stands: Floats, tables: ProblemTables, cells: _Shared) -> Answer:
    """The answer; on a small programme with a note of the mix that the exact product would choose, where that is worth more by it."""
    matrix = answer.matrix
    if matrix.column_count >= MERGE_FROM or not matrix.objective.endswith("npv"):
        return answer
    found = _refined(answer, tables, cells, free=True)
    worth = (float(matrix.cost @ stands) + matrix.constant) * matrix.scale
    if found is None or found.objective is None or found.objective <= worth + 1e-3 * max(1.0, abs(worth)):
        return answer
    note = (
        f"by the exact product of effects this mix is worth £{worth:,.0f}, and another one near it £{found.objective:,.0f}: "
        'overlap = { mode = "exact" } chooses that one'
    )
    return replace(answer, notes=(*answer.notes, note))


def _shared(answer: Answer, values: Floats, tables: ProblemTables) -> _Shared | None:
    """The cells that several solutions reach as they stand at `values`; None where there are none."""
    matrix = answer.matrix
    names = {family.name: family for family in matrix.columns if family.count}
    if "hazard" not in names:
        return None
    at = replace(answer, values=values)
    credit, scale = names["credit"], names["effective"]
    cells = names["hazard"].index.with_columns(pl.Series("number", np.arange(names["hazard"].count)))
    acting = (
        acting_effects(tables, effective_scales(at))
        .join(cells, on=_CELL)
        .join(_ids(credit, "credit"), on=["solution", *_CELL])
        .join(_ids(scale, "scale"), on=["solution", "place", "year"])
        .with_columns((1 - pl.col("effect")).alias("left"), (pl.col("units") * pl.col("cell_share")).alias("eligible"))
        .sort("number", "solution")
    )
    number, left = acting["number"].to_numpy(), acting["left"].to_numpy()
    count = names["hazard"].count
    none = left <= 0
    product = np.ones(count)
    np.multiply.at(product, number, np.where(none, 1.0, left))
    wiped = np.bincount(number, weights=none, minlength=count)
    others = np.where(
        wiped[number] - none > 0, 0.0, np.where(none, product[number], product[number] / np.where(none, 1.0, left))
    )
    eligible = np.zeros(count)
    eligible[number] = acting["eligible"].to_numpy()
    claimed = np.bincount(number, weights=values[acting["credit"].to_numpy()], minlength=count)
    exact = eligible * (1 - np.where(wiped > 0, 0.0, product))
    least = np.minimum(exact, _lowest_chord(matrix, names["hazard"], values))
    return _Shared(acting.with_columns(pl.Series("others", others)), exact, claimed.astype(np.float64), least)


def _lowest_chord(matrix: Matrix, hazard: Family, values: Floats) -> Floats:
    """The most that the chords of each cell allow at the hazards of a mix."""
    chord = next(family for family in matrix.rows if family.name == "overlap_chord")
    mine = (matrix.row_of >= chord.first) & (matrix.row_of < chord.last)
    mine &= (matrix.index >= hazard.first) & (matrix.index < hazard.last)
    column = matrix.index[mine]
    most = np.full(hazard.count, np.inf)
    np.minimum.at(
        most, column - hazard.first, matrix.row_upper[matrix.row_of[mine]] - matrix.value[mine] * values[column]
    )
    return most


def _ids(family: Family, name: str) -> pl.DataFrame:
    return family.index.with_columns(pl.Series(name, np.arange(family.first, family.last, dtype=np.int32)))


def _with_cells(matrix: Matrix, cells: _Shared, *, hides: bool = False) -> Matrix:
    """The matrix with a row for each shared cell: its exact product as it stands near the mix; with `hides` it may claim less."""
    acting = cells.acting.with_columns(
        (pl.col("eligible") * pl.col("share") * pl.col("others")).alias("slope"), pl.lit(1.0).alias("one")
    )
    number = acting["number"].to_numpy()
    count = len(cells.exact)
    slope = acting["slope"].to_numpy()
    leans = np.bincount(number, weights=slope * acting["effective"].to_numpy(), minlength=count)
    terms = pl.concat(
        [
            acting.select(pl.col("number").cast(pl.Int32).alias("row"), pl.col(col).alias("col"), value.alias("value"))
            for col, value in (("credit", pl.col("one")), ("scale", -pl.col("slope")))
        ]
    )
    family = Family(
        "exact_cell", 0, count, pl.DataFrame({"cell": np.arange(count)}), "units", "exact product of cell {cell}"
    )
    spare = _HAIR * np.maximum(1.0, cells.exact)
    low, high = cells.least - leans - spare, cells.exact - leans
    low = np.full(count, -np.inf) if hides else np.minimum(low, high)
    return matrix.with_rows(family, terms.filter(pl.col("value") != 0), low, high)


def _decided(matrix: Matrix, values: Floats, plain: Matrix) -> Matrix:
    """The matrix in which everything that is decided stays as in the mix; only what follows from it is free."""
    lower, upper = matrix.lower.copy(), matrix.upper.copy()
    which = plain.first_stage.copy()
    for family in plain.columns:
        if family.name in _DECIDED:
            which[family.first : family.last] = True
    stay = np.clip(values, plain.lower, plain.upper)
    lower[which] = upper[which] = stay[which]
    return replace(matrix, lower=lower, upper=upper)


def _solved(matrix: Matrix) -> Floats | None:
    return highs.solve(matrix, prices=False, time_limit=30.0).values


def _refined(answer: Answer, tables: ProblemTables, cells: _Shared, *, free: bool) -> Answer | None:
    """The best mix found that claims no more than the exact product; whole numbers stay unless they are `free` on a small programme."""
    matrix = answer.matrix
    sign = 1.0 if matrix.sense == "max" else -1.0
    best, at = None, answer.values
    for number in range(ROUNDS):
        if at is None:
            break
        values = _moved(
            _with_cells(matrix, cells, hides=not free),
            at,
            free=free and number < _FREE and matrix.column_count < MERGE_FROM,
        )
        there = None if values is None else _shared(answer, values, tables)
        if values is None or there is None:
            break
        cells = there
        keeps = _kept(matrix, values, there)
        if keeps is None:  # not there yet: the rows are taken anew where it stands
            at = values
            continue
        here = replace(answer, values=keeps)
        if best is not None and sign * (_worth(here) - _worth(best)) <= _BETTER * max(1.0, abs(_worth(best))):
            break
        best, at = here, keeps
    return best


_FREE = 2
"""How many rounds may choose other whole numbers."""
_BETTER = 1e-7


def _worth(answer: Answer) -> float:
    return 0.0 if answer.objective is None else answer.objective


def _moved(near: Matrix, at: Floats, *, free: bool) -> Floats | None:
    """The best mix of a programme near a mix; where it has none, the one that misses its limits by least."""
    if free:
        values = highs.solve(near, prices=False, gap=1e-6, time_limit=20.0).values
        if values is not None:
            return values
    found = completed(near, at)
    if found is not None:
        return found.values
    whole = near.integer
    lower, upper = near.lower.copy(), near.upper.copy()
    lower[whole] = upper[whole] = np.round(at[whole])
    stretched, _, _ = stretched_matrix(replace(near, lower=lower, upper=upper).relaxed())
    values = highs.solve(stretched, prices=False, time_limit=20.0).values
    return None if values is None else values[: near.column_count]


def _kept(matrix: Matrix, values: Floats, cells: _Shared) -> Floats | None:
    """The mix with these starts and scales that keeps every limit and claims no more than the exact product; None where there is none."""
    return _solved(_first_stage_at(_with_cells(matrix, cells), values))


def _first_stage_at(matrix: Matrix, values: Floats) -> Matrix:
    """The matrix with starts, scale and whole numbers as they are."""
    which = matrix.integer | matrix.first_stage
    lower, upper = matrix.lower.copy(), matrix.upper.copy()
    stay = np.clip(values, lower, upper)
    lower[which] = upper[which] = stay[which]
    return replace(matrix, lower=lower, upper=upper)


def _missed(matrix: Matrix) -> tuple[Missed, ...]:
    """The limits that give where everything decided stays as it is."""
    gives = relax(matrix, time_limit=20.0).gives
    rows = gives.filter(pl.col("give") > _HAIR * 10 * pl.col("limit").abs().clip(lower_bound=1.0))
    return tuple(
        Missed(
            matrix.row_family(row["row"]).name,
            row["label"],
            *(("£", row["give"] * THOUSAND) if row["unit"] == "£ thousand" else (row["unit"], row["give"])),
        )
        for row in rows.iter_rows(named=True)
    )
