"""A contract made ready to be evaluated many times: its clauses as columnar steps, on frames or on arrays of numbers.

    compile_contract(contract) -> Steps         once
    steps.on_frame(frame)  -> frame             inputs -> defaults, dates, parameters -> step 1 -> step 2 -> ...
    steps.on_arrays(values) -> arrays           the same on numpy arrays, and only what the asked results rest on

Nothing is read, checked against the document, stated or rounded here unless it is asked for: that is `settle`, which
runs the same steps. So draws of a simulation, the values of a payoff and an outturn go through one and the same clauses.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from capitation.errors import CapitationError, ContractError, Faults, suggest
from contracts.document.behind import behind
from contracts.document.models import Contract, Output
from contracts.language.rounding import nearest_units, units_per
from contracts.language.tables import Tables
from contracts.settlement.checks import Promise, answers_of, broken, check_settled, unknown
from contracts.settlement.known import empty_in, group_of, known_rows, meaningful, rests_on
from contracts.settlement.named_values import ROW, date_of, default_of, dtype_of, parameter_of
from contracts.settlement.part_year import on_period
from contracts.settlement.rows import RowNames
from contracts.terms._base import ColumnName, Name, Term

Values = Mapping[str, npt.NDArray[Any] | float | str | dt.date]
"""Values by name: an array with one value a row (not-a-number is an empty cell), or one value for all rows."""

Clauses = Sequence[tuple[Term, Mapping[str, pl.Expr] | None]]
"""Each term with its results as expressions; None where it works on whole frames."""

ENGINE: Final = "in-memory"
"""Rows are settled in one piece: cut into morsels by the number of threads, a quotient's last digit hangs on that number."""


@dataclass(frozen=True, eq=False)
class Steps:
    """The clauses of a contract, ready to run.

    Args:
        contract: the contract.
        results: what `on_arrays` gives: names of outputs, steps or other named values.
        apart: column whose values never meet in a clause across rows, such as the number of a draw.
        promises: what the clauses promise of every row.
        clauses: each term with its results as expressions; None where it shares whole units over rows itself.
        used: every name that the results rest on.
    """

    contract: Contract
    results: tuple[str, ...]
    apart: str | None
    promises: tuple[Promise, ...]
    clauses: Clauses
    used: frozenset[str]

    def on_frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A frame of inputs, typed, with every further value of the contract as a column: dates, parameters, steps."""
        return self.run(self._completed(frame.lazy(), frame.columns, only=None).collect(engine=ENGINE))

    def run(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A frame that has inputs, dates and parameters already, with every step."""
        return self._run(frame, self.clauses).collect(engine=ENGINE)

    def on_arrays(self, values: Values, *, rounded: bool = False, checked: bool = False) -> dict[str, npt.NDArray[Any]]:
        """The results by name, one value a row in the order given; what has no value is not-a-number.

        Args:
            values: inputs by name, in the contract's amounts; a parameter or a date that is given replaces the contract's.
            rounded: outputs in the whole units they declare, as a settlement gives them, once every row is checked.
            checked: refuse rows on which a clause cannot be applied or an output has no amount.

        Raises:
            ContractError: a name the contract has not, one that is needed and not given, arrays of unequal length, or rows
                that are refused; all of a kind together.

        Example:
            `compile_contract(deal).on_arrays({"budget": np.full(3, 50e6), "outturn": draws})["paid_pence"]`
        """
        frame = self._frame(values)
        clauses = [each for each in self.clauses if self.used.intersection(each[0].outputs())]
        completed = self._completed(frame.lazy(), frame.columns, only=self.used).collect(engine=ENGINE)
        waiting = self._run(completed, clauses, refusing=not (rounded or checked))
        if rounded or checked:
            done = waiting.collect(engine=ENGINE)
            asked = self.contract.model_copy(
                update={
                    "outputs": tuple(o for o in self.contract.outputs if o.name in self.results),
                    "terms": tuple(term for term, _ in clauses),
                }
            )
            names = RowNames(f"contract {self.contract.id}, values", asked, frame, word="row", first=1)
            steps = {term.step for term in asked.terms}
            check_settled(asked, [each for each in self.promises if each.term.step in steps], done, names)
            waiting = done.lazy()
        outputs = {o.name: o for o in self.contract.outputs}
        found = waiting.select(
            (pl.col(name) if name not in outputs else result_of(outputs[name], self.contract, rounded=rounded)).alias(
                name
            )
            for name in self.results
        ).collect(engine=ENGINE)
        return {name: found.get_column(name).to_numpy() for name in self.results}

    def refused(self, frame: pl.DataFrame) -> bool:
        """Whether some row of a frame with every step breaks a promise or has no amount for an output."""
        empty, meant = empty_in(frame), meaningful(self.contract)
        tests = [*(broken(each, empty, meant).any() for each in self.promises), *unknown(self.contract).values()]
        return any(answers_of(frame, tests))

    def _completed(self, frame: pl.LazyFrame, given: Sequence[str], only: frozenset[str] | None) -> pl.LazyFrame:
        """Inputs that are not there as empty ones, empty cells as declared, then dates and parameters not given."""
        contract = self.contract

        def wanted(name: str) -> bool:
            return only is None or name in only

        inputs = [each for each in contract.inputs if wanted(each.name)]
        absent = [pl.lit(None, dtype=dtype_of(i)).alias(i.name) for i in inputs if i.name not in given]
        frame = frame.with_columns(absent).with_columns(default_of(i) for i in inputs if i.default is not None)
        on_own = [e for e in on_period(contract) if wanted(e.meta.output_name())]
        frame = frame.with_columns(on_own)
        own = {i.name for i in contract.inputs}
        dates = [d for d in contract.dates if wanted(d.name) and (d.name in own or d.name not in given)]
        frame = frame.with_columns(date_of(date, contract) for date in dates)
        return frame.with_columns(
            parameter_of(p) for p in contract.parameters if wanted(p.name) and p.name not in given
        )

    def _run(
        self,
        given: pl.DataFrame,
        clauses: Clauses,
        *,
        refusing: bool = False,
    ) -> pl.LazyFrame:
        """The frame with every clause; rows in key order while clauses run across rows, then back in their own.

        Args:
            given: inputs, dates and parameters.
            clauses: the clauses to run.
            refusing: raise where a clause cannot share; otherwise its rows stay without a result, for the checks to name.
        """
        frame, meant = given.lazy(), meaningful(self.contract)
        empty = set(empty_in(given))
        across = any(term.runs_across_rows() for term, _ in clauses)
        if across:
            columns = given.columns
            if ROW not in columns:
                frame = frame.with_row_index(ROW)
            frame = frame.sort([*(k for k in self.contract.key if k in columns), ROW])
        for term, results in clauses:
            known = known_rows(term, frozenset(empty), meant) if empty else None
            if results is None:
                done = self._applied(term, frame.collect(engine=ENGINE), known, refusing=refusing)
                empty.update(name for name in term.outputs() if done.get_column(name).null_count())
                frame = done.lazy()
            elif known is None:
                frame = frame.with_columns(**results)
            else:
                frame = frame.with_columns(**{name: pl.when(known).then(x) for name, x in results.items()})
            if results is not None and (term.can_lack() or rests_on(term) & empty):
                empty.update(term.outputs())
        return frame.sort(ROW).drop(ROW) if across else frame

    def _applied(self, term: Term, frame: pl.DataFrame, known: pl.Expr | None, *, refusing: bool) -> pl.DataFrame:
        """The frame with a clause that shares whole units, on the rows that it can work on."""
        tables = self.contract.table_map()
        tests = [*([] if known is None else [known]), *(() if refusing else term.before_use(tables).values())]
        try:
            if not tests:
                return term.apply(frame, tables)
            test = pl.all_horizontal(tests).fill_null(False)
            if term.runs_across_rows():
                group = group_of(term)
                test = test.all().over(group) if group else test.all()
            fits = frame.with_columns(test.alias(_PLACE)).get_column(_PLACE)
            if fits.all():
                return term.apply(frame, tables)
            part = frame.with_row_index(_PLACE).filter(fits)
            blank = [pl.lit(None, dtype=pl.Float64).alias(name) for name in term.outputs()]
            done = term.apply(part, tables) if part.height else part.with_columns(blank)
            return frame.with_row_index(_PLACE).join(
                done.select(_PLACE, *term.outputs()), on=_PLACE, how="left", maintain_order="left"
            ).drop(_PLACE)  # fmt: skip
        except CapitationError as error:
            where = f"contract {self.contract.id}, step {term.step} ({term.term})"
            raise ContractError(f"{where}: {error.message}", error.faults) from error

    def _frame(self, values: Values) -> pl.DataFrame:
        """Arrays and single values as a frame, once all that is needed is there."""
        contract, faults = self.contract, Faults()
        where = f"contract {contract.id}, values"
        kinds = {
            **{p.name: "number" for p in contract.parameters},
            **{d.name: "date" for d in contract.dates},
            **{i.name: i.type for i in contract.inputs},
        }
        for name in values:
            if name not in kinds and name != self.apart:
                faults.add(where, f"{name!r}", "an input, a date or a parameter", suggest(name, kinds))
        needed = {i.name: i.about for i in contract.inputs if i.name in self.used and i.required and i.default is None}
        if self.apart is not None:
            needed[self.apart] = "the column that keeps rows apart"
        for name, about in needed.items():
            if name not in values:
                faults.add(where, f"no {name!r}", about)
        arrays = {n: v for n, v in values.items() if isinstance(v, np.ndarray)}
        heights = {n: len(v) if v.ndim == 1 else -1 for n, v in arrays.items()}
        if len({*heights.values()}) > 1 or -1 in heights.values():
            shapes = ", ".join(f"{n} {v.shape}" for n, v in arrays.items())
            faults.add(where, f"arrays of the shapes {shapes}", "one value a row in each, and as many in all of them")
        faults.raise_if_any(ContractError, f"{where}: cannot be evaluated")
        height = next(iter(heights.values()), 1)
        return pl.DataFrame([_series(name, value, kinds.get(name, ""), height) for name, value in values.items()])


def compile_contract(contract: Contract, results: Sequence[str] = (), apart: str | None = None) -> Steps:
    """The clauses of a contract as steps that can be run on many frames or chunks of arrays.

    Args:
        contract: a contract without faults.
        results: what `on_arrays` gives; every output where none is named.
        apart: column that is given beside the inputs and keeps rows apart, such as the number of a draw: a clause across
            rows then works on the rows of each of its values alone.

    Raises:
        ContractError: a result the contract has not, a column to keep rows apart that it has already, or a clause across
            rows that cannot keep them apart.
    """
    outputs = {o.name: o.of for o in contract.outputs}
    steps = [name for term in contract.terms for name in term.outputs()]
    known = {*outputs, *steps, *contract.input_map(), *(p.name for p in contract.parameters)}
    known.update(date.name for date in contract.dates)
    faults = Faults()
    for name in results:
        if name not in known:
            faults.add("results", repr(name), "an output, a step or another named value", suggest(name, known))
    if apart is not None and apart in known:
        faults.add("apart", f"{apart!r}, a name of the contract", "a column of its own")
    terms = contract.terms if apart is None else [_kept_apart(term, apart, faults) for term in contract.terms]
    faults.raise_if_any(ContractError, f"contract {contract.id}: cannot be compiled")
    tables = contract.table_map()
    wanted = tuple(results) or tuple(outputs)
    used = {name for result in wanted for name in behind(contract, outputs.get(result, result))}
    return Steps(
        contract,
        wanted,
        apart,
        tuple(promise for term in terms for promise in _promises(term, tables)),
        tuple((term, None if term.works_on_frames() else term.evaluate(tables)) for term in terms),
        frozenset(used),
    )


def result_of(output: Output, contract: Contract, *, rounded: bool = True) -> pl.Expr:
    """An output in the whole units it declares (Int64), or as it stands where it declares none or is not to be rounded."""
    if output.rounded_to is None or not rounded:
        return pl.col(output.of)
    return nearest_units(pl.col(output.of), units_per(output.rounded_to, contract.amounts))


def _kept_apart(term: Term, apart: str, faults: Faults) -> Term:
    if not term.runs_across_rows():
        return term
    if "within" not in type(term).model_fields:
        faults.add(f"step {term.step} ({term.term})", "a clause across rows without `within`", f"groups within {apart}")
        return term
    return term.model_copy(update={"within": (*(getattr(term, "within") or ()), ColumnName(apart))})  # noqa: B009


def _promises(term: Term, tables: Tables) -> list[Promise]:
    first = term.before_use(tables)
    before = [Promise(term, words, holds) for words, holds in first.items()]
    fits = pl.all_horizontal(first.values()) if first else None
    for field in term.parts_of_one:
        part = getattr(term, field)
        if isinstance(part, Name):
            before.append(Promise(term, f"{part}, the {field}, is from 0 to 1", pl.col(str(part)).is_between(0.0, 1.0)))
    return [*before, *(Promise(term, words, holds, fits) for words, holds in term.promises(tables).items())]


_PLACE = "__place"


def _series(name: str, value: Any, kind: str, height: int) -> pl.Series:  # noqa: ANN401  # an array or one value
    made = pl.Series(name, value if isinstance(value, np.ndarray) else [value])
    if made.dtype.is_float():
        if made.is_nan().any():
            made = made.fill_nan(None)
    elif kind in {"number", "flag", "year"}:
        made = made.cast(pl.Float64)
    return made if isinstance(value, np.ndarray) else made.new_from_index(0, height)


__all__ = ["Steps", "Values", "compile_contract", "result_of"]
