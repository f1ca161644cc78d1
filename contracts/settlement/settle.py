"""Settlement: rows run through a contract's terms in the contract's order, many rows at once.

    inputs, dates, parameters -> step 1 -> step 2 -> ... -> outputs, rounded once -> who pays whom

Between steps amounts are float64, element by element; an output is rounded where it declares it and nowhere else.
With `explain` every step of every row is kept: the amount it worked on, its result, its rule, clause and source.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from capitation.errors import CapitationError, ContractError, Faults
from contracts.document.contract import Contract, Output
from contracts.language.condition import columnar
from contracts.language.rounding import nearest_unit, nearest_units, units_per
from contracts.settlement.rows import ROW, Filled, Intake, Lines, parameter_on, take_in
from contracts.terms._base import Name, Term


@dataclass(frozen=True)
class Settlement:
    """What a contract pays on a set of rows.

    Args:
        contract: the contract.
        results: one row each in the order given: the key inputs, then every output (whole units as Int64).
        values: every named value of every row: inputs, dates, parameters, steps.
        steps: with `explain`, one row a step and row; otherwise None.
        notices: sentences a reader should know, each with the number of rows it is about.
    """

    contract: Contract
    results: pl.DataFrame
    values: pl.DataFrame
    steps: pl.DataFrame | None
    notices: pl.DataFrame

    def short(self) -> pl.DataFrame:
        """The results with the key inputs that the contract shows, without outputs marked as detail."""
        keys = self.contract.key if self.contract.shown is None else self.contract.shown
        return self.results.select(*keys, *(o.name for o in self.contract.outputs if not o.detail))

    def positions(self) -> pl.DataFrame:
        """One row a party, output and row: what it receives (above 0) or pays (below 0), in the output's whole units.

        Over the parties of one row and output the amounts add to 0.
        """
        keys = [pl.col(k) for k in self.contract.key]
        names = {p.code: p.named_by for p in self.contract.parties}
        parts = []
        for output in self.contract.outputs:
            if output.payer is None or output.payee is None:
                continue
            for party, other, sign in ((output.payer, output.payee, -1), (output.payee, output.payer, 1)):
                named = names[party]
                shown = pl.lit(party) if named is None else self.values.get_column(named).alias("party")
                parts.append(
                    self.results.with_row_index("row").select(
                        pl.col("row").cast(pl.Int64),
                        *keys,
                        pl.lit(output.name).alias("output"),
                        shown.alias("party") if isinstance(shown, pl.Expr) else shown,
                        pl.lit(other).alias("counterparty"),
                        pl.lit(output.rounded_to).alias("unit"),
                        (pl.col(output.name) * sign).alias("amount"),
                    )
                )
        return pl.concat(parts) if parts else pl.DataFrame()


def settle(contract: Contract, rows: pl.DataFrame, *, explain: bool = False, where: str = "rows") -> Settlement:
    """What the contract pays on each row.

    Args:
        contract: a contract without faults.
        rows: one row each, with the columns its inputs name (texts as read from CSV, or typed).
        explain: keep every step of every row.
        where: a name for messages, such as the file.

    Raises:
        ContractError: the rows do not fit the contract, or a clause meets a row it cannot settle; every fault at once.
    """
    intake = take_in(contract, rows, where)
    frame = _run(contract, intake.frame)
    lines = Lines(where, contract, rows)
    _check_promises(contract, frame, lines)
    results = _results(contract, frame, lines)
    steps = _steps(contract, frame) if explain else None
    return Settlement(contract, results, frame, steps, _notices(contract, frame, intake))


def reference_settle(contract: Contract, rows: pl.DataFrame, where: str = "rows") -> list[dict[str, Any]]:
    """Outputs of each row by name, computed row by row in plain Python: the second way to each settlement.

    Cells are read by the same intake; dated parameters, terms and rounding are done again.
    """
    tables = contract.table_map()
    inputs = take_in(contract, rows, where).frame
    named: list[dict[str, Any]] = [dict(row) for row in inputs.iter_rows(named=True)]
    for row in named:
        row.update({p.name: parameter_on(p, row) for p in contract.parameters})
    for term in contract.terms:
        for row, done in zip(named, term.reference_rows(named, tables), strict=True):
            row.update(done)
    return [{o.name: _rounded_on(o, contract, row[o.of]) for o in contract.outputs} for row in named]


def _rounded_on(output: Output, contract: Contract, amount: float | None) -> float | int | None:
    if amount is None or math.isnan(amount):
        return None
    if output.rounded_to is None:
        return amount
    return nearest_unit(amount, units_per(output.rounded_to, contract.amounts))


def _run(contract: Contract, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with every step; rows in key order while terms run across rows, then back in their own."""
    tables = contract.table_map()
    across = any(term.runs_across_rows() for term in contract.terms)
    if across:
        if ROW not in frame.columns:
            frame = frame.with_row_index(ROW)
        frame = frame.sort([*contract.key, ROW])
    waiting = frame.lazy()
    for term in contract.terms:
        if type(term).apply is Term.apply:
            waiting = waiting.with_columns(**term.evaluate(tables))
        else:
            waiting = _applied(term, waiting.collect(), contract).lazy()
    done = waiting.collect()
    return done.sort(ROW).drop(ROW) if across else done


def _applied(term: Term, frame: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    try:
        return term.apply(frame, contract.table_map())
    except CapitationError as error:
        message = f"contract {contract.id}, step {term.step} ({term.term}): {error.message}"
        raise ContractError(message, error.faults) from error


def _check_promises(contract: Contract, frame: pl.DataFrame, lines: Lines) -> None:
    tables = contract.table_map()
    promised: list[tuple[Term, str, pl.Expr]] = [
        (term, words, ~holds.fill_null(False))
        for term in contract.terms
        for words, holds in term.promises(tables).items()
    ]
    if not promised:
        return
    broken = frame.lazy().select(expr.any().alias(str(i)) for i, (_, _, expr) in enumerate(promised)).collect().row(0)
    if not any(broken):
        return
    faults = Faults()
    for hit, (term, words, expr) in zip(broken, promised, strict=True):
        if hit:
            named = sorted({name for _, name, _ in term.references() if name in frame.columns})
            shown = frame.select(
                pl.concat_str(
                    [pl.lit(f"{n} ") + pl.col(n).cast(pl.String).fill_null("empty") for n in named], separator=", "
                )
                if named
                else pl.lit("nothing")
            ).to_series()
            if len(shown) == 1 < frame.height:
                shown = shown.new_from_index(0, frame.height)
            lines.add(faults, frame.select(expr).to_series(), shown, f"step {term.step} ({term.term})", f"that {words}")
    faults.raise_if_any(ContractError, f"{lines.where}: a clause cannot be applied")


def _results(contract: Contract, frame: pl.DataFrame, lines: Lines) -> pl.DataFrame:
    faults = Faults()
    checks = (
        frame.lazy()
        .select(
            frame_ok.alias(o.name)
            for o in contract.outputs
            for frame_ok in [pl.col(o.of).is_null().any() | ~pl.col(o.of).is_finite().all()]
        )
        .collect()
        .row(0)
    )
    for broken, output in zip(checks, contract.outputs, strict=True):
        if broken:
            column = frame.get_column(output.of)
            hit = column.is_null() | ~column.is_finite().fill_null(True)
            first = [
                o
                for term in contract.terms
                for o in term.outputs()
                if frame.get_column(o).is_null().any() or not frame.get_column(o).is_finite().fill_null(True).all()
            ]
            lines.add(
                faults,
                hit,
                column.fill_null(math.nan),
                f"output {output.name!r}",
                "a number",
                f"The first step without one is {first[0]!r}." if first else "",
            )
    faults.raise_if_any(ContractError, f"{lines.where}: some rows have no settlement")
    names = dict.fromkeys([*contract.key, *(contract.shown or ())])
    keys = [_key_column(contract, k) for k in names]
    return frame.select(*keys, *(_output(contract, o) for o in contract.outputs))


def _key_column(contract: Contract, name: str) -> pl.Expr:
    kind = contract.input_map()[name].type
    return pl.col(name).cast(pl.Int64) if kind == "year" else pl.col(name)


def _output(contract: Contract, output: Output) -> pl.Expr:
    if output.rounded_to is None:
        return pl.col(output.of).alias(output.name)
    return nearest_units(pl.col(output.of), units_per(output.rounded_to, contract.amounts)).alias(output.name)


def _steps(contract: Contract, frame: pl.DataFrame) -> pl.DataFrame:
    """One row a step and row, in the order of rows then steps."""
    tall = frame.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    keys = [_key_column(contract, k) for k in contract.key]
    parts, place = [], 0
    for term in contract.terms:
        before = term.before()
        for name in term.outputs():
            place += 1
            parts.append(
                tall.select(
                    "row",
                    *keys,
                    pl.lit(place, dtype=pl.Int64).alias("step_number"),
                    pl.lit(name).alias("step"),
                    pl.lit(term.term).alias("rule"),
                    (pl.col(before) if before is not None else pl.lit(None, dtype=pl.Float64))
                    .cast(pl.Float64)
                    .alias("value_before"),
                    pl.col(name).cast(pl.Float64).alias("value_after"),
                    pl.lit(term.formula()).alias("formula"),
                    pl.lit(term.about).alias("about"),
                    pl.lit(term.clause).alias("clause"),
                    pl.lit(term.source or contract.source).alias("source"),
                )
            )
    for output in contract.outputs:
        place += 1
        unit = "not rounded" if output.rounded_to is None else f"rounded to whole {output.rounded_to}"
        parts.append(
            tall.select(
                "row",
                *keys,
                pl.lit(place, dtype=pl.Int64).alias("step_number"),
                pl.lit(output.name).alias("step"),
                pl.lit("output").alias("rule"),
                pl.col(output.of).cast(pl.Float64).alias("value_before"),
                _output(contract, output).cast(pl.Float64).alias("value_after"),
                pl.lit(f"{output.name} = {output.of}, {unit}").alias("formula"),
                pl.lit(output.about).alias("about"),
                pl.lit("").alias("clause"),
                pl.lit(contract.source).alias("source"),
            )
        )
    return pl.concat(parts).sort("row", "step_number")


NOTICES = {"name": pl.String, "rows": pl.Int64, "says": pl.String}


def _notices(contract: Contract, frame: pl.DataFrame, intake: Intake) -> pl.DataFrame:
    """Defaults taken, the contract's own notices, and clauses that changed no row."""
    found: list[dict[str, object]] = [_filled(each) for each in intake.filled]
    asked: list[tuple[str, str, pl.Expr]] = [(n.name, n.says, columnar(n.when).sum()) for n in contract.notices]
    idle = [
        term for term in contract.terms if isinstance(getattr(term, term.primary, None), Name) and term.may_be_idle()
    ]
    asked += [
        (
            term.step,
            f"the clause {term.step} ({term.term}) changed no row",
            (pl.col(term.step) == pl.col(str(term.before()))).all(),
        )
        for term in idle
    ]
    if asked:
        answers = frame.lazy().select(expr.alias(str(i)) for i, (_, _, expr) in enumerate(asked)).collect().row(0)
        for (name, says, _), answer in zip(asked, answers, strict=True):
            if answer:
                count = frame.height if isinstance(answer, bool) else int(answer)
                found.append({"name": name, "rows": count, "says": says})
    return pl.DataFrame(found, schema=NOTICES)


def _filled(each: Filled) -> dict[str, object]:
    return {"name": each.name, "rows": each.rows, "says": f"empty {each.name} was read as declared: {each.says}"}


__all__: Sequence[str] = ["Settlement", "reference_settle", "settle"]
