"""Settlement: rows run through a contract's terms in the contract's order, many rows at once.

    rows read -> steps, as `compile_contract` gives them -> checks -> outputs, rounded once -> who pays whom

Between steps amounts are float64, element by element; an output is rounded where it declares it and nowhere else.
With `explain` every step of every row is kept: the amount it worked on, its result, its rule, clause and source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from capitation.errors import ContractError, Faults
from contracts.document.models import Contract, Input
from contracts.language.condition import columnar
from contracts.settlement.checks import answers_of, check_settled
from contracts.settlement.compile import compile_contract, result_of
from contracts.settlement.rows import DefaultTaken, ReadRows, RowNames, check_needed, read_rows
from contracts.terms._base import Name


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


def settle(
    contract: Contract,
    rows: pl.DataFrame,
    *,
    explain: bool = False,
    where: str = "rows",
    lines: Sequence[int] | None = None,
) -> Settlement:
    """What the contract pays on each row.

    Args:
        contract: a contract without faults.
        rows: one row each, with the columns its inputs name (texts as read from CSV, or typed).
        explain: keep every step of every row.
        where: a name for messages, such as the file.
        lines: the line of the file that each row stands on; one after the other from line 2 by default.

    Raises:
        ContractError: the rows do not fit the contract, or a clause meets a row it cannot settle; every fault at once.
    """
    steps = compile_contract(contract)
    read = read_rows(contract, rows, where, lines)
    frame = steps.run(read.frame)
    names = RowNames(where, contract, rows, lines=lines)
    faults = Faults()
    check_needed(contract, frame, names, faults, before=False)
    faults.raise_if_any(ContractError, f"{where}: some rows cannot be settled")
    check_settled(contract, steps.promises, frame, names)
    explained = _steps(contract, frame) if explain else None
    return Settlement(contract, _results(contract, frame), frame, explained, _notices(contract, frame, read))


def settle_apart(contract: Contract, rows: pl.DataFrame, apart: str, where: str = "rows") -> pl.DataFrame:
    """The results of rows in groups that never meet in a clause, such as trials of the same rows: as of each group settled by itself.

    Args:
        contract: a contract without faults.
        rows: as of `settle`, with the column that keeps groups apart; a key stands once in each.
        apart: that column, a text; no name of the contract.
        where: a name for messages.

    Raises:
        ContractError: as `settle`.
    """
    steps = compile_contract(contract, apart=apart)
    group = Input(name=apart, about="What keeps rows apart", type="text")
    keyed = contract.model_copy(update={"inputs": (*contract.inputs, group), "key": (*contract.key, apart)})
    frame = steps.run(read_rows(keyed, rows, where).frame)
    names, faults = RowNames(where, keyed, rows), Faults()
    check_needed(contract, frame, names, faults, before=False)
    faults.raise_if_any(ContractError, f"{where}: some rows cannot be settled")
    check_settled(contract, steps.promises, frame, names)
    return _results(contract, frame)


def _results(contract: Contract, frame: pl.DataFrame) -> pl.DataFrame:
    keys = [_key_column(contract, k) for k in dict.fromkeys([*contract.key, *(contract.shown or ())])]
    return frame.select(*keys, *(result_of(o, contract).alias(o.name) for o in contract.outputs))


def _key_column(contract: Contract, name: str) -> pl.Expr:
    kind = contract.input_map()[name].type
    return pl.col(name).cast(pl.Int64) if kind == "year" else pl.col(name)


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
                result_of(output, contract).cast(pl.Float64).alias("value_after"),
                pl.lit(f"{output.name} = {output.of}, {unit}").alias("formula"),
                pl.lit(output.about).alias("about"),
                pl.lit("").alias("clause"),
                pl.lit(contract.source).alias("source"),
            )
        )
    return pl.concat(parts).sort("row", "step_number")


_FIRST = 1_000
"""Rows that are looked at first for a change."""

_NAMED = 12
"""Rows that a notice names."""

NOTICES = {"name": pl.String, "rows": pl.Int64, "says": pl.String}


def _notices(contract: Contract, frame: pl.DataFrame, read: ReadRows) -> pl.DataFrame:
    """Defaults taken, the contract's own notices, and clauses that changed no row."""
    found: list[dict[str, object]] = [_filled(each) for each in read.filled]
    asked: list[tuple[str, str, pl.Expr]] = [(n.name, n.says, columnar(n.when).sum()) for n in contract.notices]
    conditions = {n.name: n.when for n in contract.notices}
    idle = [
        term for term in contract.terms if isinstance(getattr(term, term.primary, None), Name) and term.may_be_idle()
    ]
    unchanged = {term.step: (pl.col(term.step) == pl.col(str(term.before()))).all() for term in idle}
    # a clause that changed one of the first rows need not be asked for all of them
    first = frame.head(_FIRST).select(**unchanged).row(0, named=True) if unchanged else {}
    asked += [
        (term.step, f"the clause {term.step} ({term.term}) changed no row", unchanged[term.step])
        for term in idle
        if first[term.step]
    ]
    if asked:
        answers = answers_of(frame, (expr for _, _, expr in asked))
        for (name, says, _), answer in zip(asked, answers, strict=True):
            if answer:
                count = frame.height if isinstance(answer, bool) else int(answer)
                which = _named(contract, frame, conditions[name]) if name in conditions else ""
                found.append({"name": name, "rows": count, "says": says + which})
    return pl.DataFrame(found, schema=NOTICES)


def _named(contract: Contract, frame: pl.DataFrame, condition: str) -> str:
    """The rows that a notice is about, by the text input that names them last; nothing where there is none."""
    kinds = contract.input_map()
    keys = [k for k in (contract.shown or contract.key) if kinds[k].type == "text"]
    if not keys:
        return ""
    names = frame.filter(columnar(condition)).get_column(keys[-1]).drop_nulls().unique(maintain_order=True)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f" ({', '.join(names.head(_NAMED).to_list())}{more})"


def _filled(each: DefaultTaken) -> dict[str, object]:
    return {"name": each.name, "rows": each.rows, "says": f"empty {each.name} was read as declared: {each.says}"}


__all__ = ["Settlement", "settle", "settle_apart"]
