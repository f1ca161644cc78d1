"""Rows as people give them, read for a contract: columns found, cells read, labels normalised, every fault by its line.

Every number becomes a float64 (a flag 1 or 0), every text a text, every date a date. Empty cells, dates and parameters
are then filled in as `contracts.settlement.named_values` says.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from capitation.errors import ContractError, Faults, suggest
from capitation.pack.cells import contradicts_pounds, numbers
from contracts.document.models import Contract, ContractParameter, Input
from contracts.document.named_labels import named_labels
from contracts.language.condition import columnar, names_in
from contracts.language.labels import folded
from contracts.language.units import meant, range_of
from contracts.settlement.named_values import ROW, date_of, default_of, dtype_of, parameter_of
from contracts.settlement.part_year import on_period, stated, undeclared

_SHOWN = 5
_NEARLY, _DIGITS = 0.9, re.compile(r"\d+")
_SLICE = 32_768
"""Rows whose numbers stay in the processor's cache while they are ticked off."""
_WITHOUT_SIGN = (
    "£ says pounds, and the column is in another unit. Write the number in the unit of the column, without a sign."
)
_TRUE, _FALSE = ("1", "1.0", "y", "yes", "true", "t"), ("0", "0.0", "n", "no", "false", "f")


@dataclass(frozen=True)
class DefaultTaken:
    """An input whose empty cells took the contract's default, and on how many rows."""

    name: str
    rows: int
    says: str


@dataclass(frozen=True)
class ReadRows:
    """Rows ready to be settled: named values in columns, and which defaults were taken.

    Args:
        frame: inputs, dates and parameters, one column each.
        filled: the inputs whose empty cells took a default.
        inputs: the inputs alone, as they were read, before any default.
    """

    frame: pl.DataFrame
    filled: tuple[DefaultTaken, ...]
    inputs: pl.DataFrame


def read_rows(
    contract: Contract, rows: pl.DataFrame, where: str = "rows", lines: Sequence[int] | None = None
) -> ReadRows:
    """The rows as named values of the contract: inputs, dates and parameters, one column each.

    Args:
        contract: the contract.
        rows: one row a settlement; texts as read from CSV, or typed columns. Columns the contract does not name are left.
        where: a name for messages, such as the file.
        lines: the line of the file that each row stands on; one after the other from line 2 by default.

    Raises:
        ContractError: a column missing, a cell that is not what its column holds, an unknown label, an empty cell that
            is needed, a date outside the contract, a repeated key, a parameter without a value for a date; all together.
    """
    faults = Faults()
    for each in contract.inputs:
        if each.heading not in rows.columns and each.required and each.default is None:
            faults.add(where, f"no column {each.heading!r}", described(each), suggest(each.heading, rows.columns))
    _check_headings(contract, rows.columns, where, faults)
    faults.raise_if_any(ContractError, f"{where}: columns are not those of contract {contract.id}")
    if rows.is_empty():
        raise ContractError(f"{where}: found no rows; expected at least one")
    named = RowNames(where, contract, rows, lines=lines)
    labels = named_labels(contract)
    columns: list[pl.Series] = []
    for each in contract.inputs:
        if each.heading in rows.columns:
            done = _read(rows.get_column(each.heading), each, contract, named, faults)
            columns.append(_as_named(done, labels[each.name]) if each.name in labels else done)
        else:
            columns.append(pl.Series(each.name, [None], dtype=dtype_of(each)).new_from_index(0, rows.height))
    faults.raise_if_any(ContractError, f"{where}: some cells cannot be read")
    inputs = pl.DataFrame(columns) if columns else pl.DataFrame({ROW: pl.int_range(rows.height, eager=True)})
    empty = {
        each.name: inputs.get_column(each.name).null_count() for each in contract.inputs if each.default is not None
    }
    filled = [each for each in contract.inputs if empty.get(each.name)]
    frame = inputs.with_columns(default_of(each) for each in filled) if filled else inputs
    if contract.dates:
        frame = frame.with_columns(date_of(date, contract) for date in contract.dates)
    for each, hit in undeclared(contract, frame):
        _add_undeclared(each, hit, contract, frame, named, faults)
    if contract.part_year is not None:
        frame = frame.with_columns(on_period(contract))
    _check_period(contract, frame, named, faults)
    _check_key(contract, frame, named, faults)
    if contract.parameters:
        frame = frame.with_columns(parameter_of(parameter) for parameter in contract.parameters)
    for parameter in contract.parameters:
        _check_parameter(parameter, frame, named, faults)
    check_needed(contract, frame, named, faults, before=True)
    faults.raise_if_any(ContractError, f"{where}: cannot be settled under contract {contract.id}")
    return ReadRows(
        frame, tuple(DefaultTaken(each.name, empty[each.name], each.default_says) for each in filled), inputs
    )


def _check_headings(contract: Contract, given: Sequence[str], where: str, faults: Faults) -> None:
    """Refuse a column that is all but an input which may be left out: its figures would count as not given."""
    known = {each.heading for each in contract.inputs}
    others = [name for name in given if name not in known]
    for each in contract.inputs:
        if each.heading in given or (each.required and each.default is None):
            continue
        for name in difflib.get_close_matches(each.heading, others, n=1, cutoff=_NEARLY):
            if _DIGITS.findall(name) == _DIGITS.findall(each.heading):
                remedy = f"Name it {each.heading!r}, or leave it out."
                faults.add(where, f"a column {name!r}, which the contract does not have", described(each), remedy)


class RowNames:
    """Names rows in messages by their line (the heading is line 1), or their number, and their key."""

    # Reason: what a row is called depends on where the rows came from: a file, a list, or one part of a period.
    def __init__(
        self,
        where: str,
        contract: Contract,
        rows: pl.DataFrame,
        word: str = "line",
        first: int = 2,
        lines: Sequence[int] | None = None,
    ) -> None:
        self.where, self.rows, self.word = where, rows, word
        self.lines = range(first, first + rows.height) if lines is None else lines
        inputs = contract.input_map()
        self.keys = [inputs[k].heading for k in contract.key if inputs[k].heading in rows.columns]

    def of(self, row: int) -> str:
        """Where a row stands: its line and its key."""
        key = ", ".join(f"{k} {self.rows.get_column(k)[row]}" for k in self.keys)
        return f"{self.where}: {self.word} {self.lines[row]}{f' ({key})' if key else ''}"

    def add(
        self,
        faults: Faults,
        hits: pl.Series,
        found: Iterable[object] | pl.Series,
        subject: str,
        expected: str,
        remedy: str = "",
    ) -> None:
        """One fault a row for the first rows hit, and one that counts the rest.

        Args:
            faults: where faults are gathered.
            hits: the rows.
            found: the cells, as a series; or words, one for all rows or one a row.
            subject: what is at fault in the row, such as its column.
            expected: what should be there.
            remedy: what to do.
        """
        places = hits.fill_null(False).arg_true()
        cells = isinstance(found, pl.Series)
        values = found if isinstance(found, pl.Series) else list(found)
        for row in places.head(_SHOWN):
            shown = values[row] if cells or len(values) > 1 else values[0]
            text = repr(shown) if cells and isinstance(shown, str) else str(shown)
            faults.add(f"{self.of(row)}, {subject}", text, expected, remedy)
        if len(places) > _SHOWN:
            faults.add(f"{self.where}: {subject}", f"{len(places) - _SHOWN} more such rows", expected)


def described(each: Input) -> str:
    """An input in words, with its unit."""
    return f"{each.about} ({each.unit})" if each.unit else each.about


def _read(series: pl.Series, each: Input, contract: Contract, lines: RowNames, faults: Faults) -> pl.Series:
    given = series
    if series.dtype == pl.String:
        text = pl.first().str.strip_chars()
        full = pl.when(~text.is_in(["", *contract.empty_marks])).then(text)
        given = series.to_frame().select(full).to_series()
        if each.words:
            given = _words_as_numbers(given, each)
    subject = f"column {each.heading!r}"
    ends: tuple[float, float] | None = None
    if each.type in {"number", "year"}:
        done = given.cast(pl.Float64, strict=False)
        if done.null_count() > given.null_count() and given.dtype == pl.String:
            done = done.zip_with(done.is_not_null(), numbers(given, each.unit))
        if done.null_count() > given.null_count():
            lost, signed = given.is_not_null() & done.is_null(), _has_other_sign(given, each)
            lines.add(faults, lost & ~signed, given, subject, f"a number: {described(each)}")
            lines.add(faults, lost & signed, given, subject, f"a number: {described(each)}", _WITHOUT_SIGN)
        if not math.isfinite(float(done.sum() or 0.0)):  # one number that is none makes the sum none
            lines.add(faults, ~done.is_finite(), given, subject, f"a finite number: {described(each)}")
        ends = _ends(done)
        _check_size(done, each, lines, faults, subject, ends)
    elif each.type == "flag":
        done = _flag(given)
        if done.null_count() > given.null_count():
            lines.add(faults, given.is_not_null() & done.is_null(), given, subject, "1 or 0, yes or no, true or false")
    elif each.type == "date":
        done = _dates(given, month_first=each.month_first)
        if done.null_count() > given.null_count():
            form = "12/31/2023" if each.month_first else "31/12/2023"
            lines.add(
                faults, given.is_not_null() & done.is_null(), given, subject, f"a date such as 2023-12-31 or {form}"
            )
    else:
        done = given.cast(pl.String)
        if each.type == "financial_year":
            wrong = _no_financial_year(done)
            if wrong:
                lines.add(faults, done.is_in(wrong), done, subject, FINANCIAL_YEAR)
        if contract.part_year is not None and each.name == contract.part_year.stated_in:
            done = stated(given)
            lines.add(faults, given.is_not_null() & done.is_null(), given, subject, "`period` or `12 months`")
        if each.table is not None:
            done = _labels(done, each, contract, lines, faults)
    _check_range(done, each, lines, faults, subject, ends)
    if each.required and each.default is None and done.null_count():
        empty = given.is_null()
        if empty.any():
            lines.add(faults, empty, ["an empty cell"], subject, described(each))
    return done.alias(each.name)


def _has_other_sign(given: pl.Series, each: Input) -> pl.Series:
    """Whether a cell has a pound sign that contradicts the unit of its column."""
    if given.dtype != pl.String or not contradicts_pounds(each.unit):
        return pl.repeat(False, len(given), eager=True)
    return given.str.contains("£", literal=True).fill_null(False)


def _words_as_numbers(given: pl.Series, each: Input) -> pl.Series:
    """Words that stand for numbers, without regard to case, spaces and signs, as the numbers they count as."""
    known = {folded(word): str(counts) for word, counts in each.words.items()}
    said = {text: known[folded(text)] for text in given.unique().drop_nulls().to_list() if folded(text) in known}
    return given.replace(said) if said else given


def _as_named(given: pl.Series, labels: Mapping[str, str]) -> pl.Series:
    """Labels that the contract names as it writes them, however the cells do; texts that it does not name stay."""
    own = set(labels.values())
    texts = [text for text in given.unique().drop_nulls().to_list() if text not in own]
    said = {text: labels[folded(text)] for text in texts if folded(text) in labels}
    return given.replace(said) if said else given


LARGEST = 2.0**53
"""From here on not even every whole number is kept exactly."""

FINANCIAL_YEAR = "a financial year such as 2016/17, its second part the year after its first, from 1900/01 to 2199/00"


_YEAR = re.compile(r"((?:19|20|21)[0-9]{2})/([0-9]{2})")


def _no_financial_year(given: pl.Series) -> list[str]:
    """Texts that are no financial year, each once: a few years stand on many rows."""
    texts = given.unique().to_list()
    found = {text: _YEAR.fullmatch(text) for text in texts if text is not None}
    return [text for text, year in found.items() if year is None or (int(year[1]) + 1) % 100 != int(year[2])]


def _check_size(
    done: pl.Series, each: Input, lines: RowNames, faults: Faults, subject: str, ends: tuple[float, float]
) -> None:
    """Refuse numbers that cannot be exact, and years that are none."""
    if each.type == "year":
        lines.add(faults, ~done.is_between(1, 9999) | (done % 1 != 0), done, subject, "a year such as 2016")
    elif max(ends[1], -ends[0]) >= LARGEST:
        lines.add(
            faults, (done.abs() >= LARGEST) & done.is_finite(), done, subject,
            f"{described(each)}: a number below {LARGEST:,.0f}; larger ones are not exact",
        )  # fmt: skip


def _ends(done: pl.Series) -> tuple[float, float]:
    """The lowest and the highest of a column of numbers; 0 where it has none."""
    if done.null_count() or not len(done):
        low, high = done.min(), done.max()
    else:
        values = done.to_numpy()  # several times as fast where no cell is empty
        low, high = np.fmin.reduce(values), np.fmax.reduce(values)
    return tuple(float(x) if isinstance(x, int | float) else 0.0 for x in (low, high))  # type: ignore[return-value]


def _check_range(
    done: pl.Series, each: Input, lines: RowNames, faults: Faults, subject: str, ends: tuple[float, float] | None
) -> None:
    """Refuse values outside the limits that the input declares, or else outside those of its unit."""
    of_unit = range_of(each.unit) if done.dtype.is_float() else None
    for limit, low in ((each.at_least, True), (each.at_most, False)):
        by_unit = None if of_unit is None else of_unit[0 if low else 1]
        bound = by_unit if limit is None else float(limit)
        if bound is None:
            continue
        lowest, highest = _ends(done) if ends is None else ends
        if lowest < bound if low else highest > bound:
            hit = done < bound if low else done > bound
            remedy = meant(done.filter(hit)[0], each.unit) if limit is None else ""
            expected = f"at {'least' if low else 'most'} {bound:g}: {described(each)}"
            lines.add(faults, hit, done, subject, expected, remedy)


def _flag(given: pl.Series) -> pl.Series:
    if given.dtype == pl.Boolean:
        return given.cast(pl.Float64)
    if given.dtype.is_numeric():
        number = given.cast(pl.Float64)
        return number.set(~number.is_in([0.0, 1.0]), None)
    known = {**dict.fromkeys(_TRUE, 1.0), **dict.fromkeys(_FALSE, 0.0)}
    return given.str.to_lowercase().replace_strict(known, default=None, return_dtype=pl.Float64)


def _dates(given: pl.Series, *, month_first: bool) -> pl.Series:
    if given.dtype == pl.Date:
        return given
    if given.dtype == pl.Datetime:
        return given.dt.date()
    # A time of day behind the date, as spreadsheets write it, does not count.
    text = given.cast(pl.String).str.replace(r"[ T]\d{1,2}:\d{2}.*$", "")
    slashed = text.str.to_date("%m/%d/%Y" if month_first else "%d/%m/%Y", strict=False)
    return text.str.to_date("%Y-%m-%d", strict=False).zip_with(
        text.str.contains("-", literal=True).fill_null(False), slashed
    )


def _labels(given: pl.Series, each: Input, contract: Contract, lines: RowNames, faults: Faults) -> pl.Series:
    table = contract.table_map()[str(each.table)]
    codes = {folded(label): str(code) for label, code in table.by_label("code").items()}
    unique = given.unique().drop_nulls().to_list()
    done = given.replace_strict(
        {label: codes.get(folded(label)) for label in unique}, default=None, return_dtype=pl.String
    )
    unknown = given.is_not_null() & done.is_null()
    if unknown.any():
        labels = sorted({str(c) for c in table.by_label("code").values()})
        first = str(given.filter(unknown)[0])
        lines.add(
            faults, unknown, given, f"column {each.heading!r}", f"a label of table {table.name}", suggest(first, labels)
        )
    return done


def _add_undeclared(
    each: Input, hit: pl.Series, contract: Contract, frame: pl.DataFrame, lines: RowNames, faults: Faults
) -> None:
    if contract.part_year is None or not hit.any():
        return
    column = contract.part_year.stated_in
    stating = (
        f" or, in the column {contract.input_map()[column].heading!r} of the row,"
        if each.basis_by_row and column
        else ""
    )
    found = frame.select(pl.lit("a sum on a row of ") + _plain_number(pl.col(contract.part_year.months)) + " months")
    lines.add(
        faults, hit, [f"{x}" for x in found.to_series()], f"column {each.heading!r}",
        f"a basis for {each.about}: in the contract{stating} `period` or `12 months`",
    )  # fmt: skip


def _plain_number(column: pl.Expr) -> pl.Expr:
    return column.cast(pl.String).str.replace(r"\.0$", "")


def _check_period(contract: Contract, frame: pl.DataFrame, lines: RowNames, faults: Faults) -> None:
    if contract.period is None or not any(d.name == "service_date" for d in contract.dates):
        return
    days = frame.get_column("service_date")
    start, end = contract.period.start, contract.period.end
    outside = (days < start) | (days > end) if end is not None else days < start
    if outside.any():
        text = f"a date from {start}" + (f" to {end}" if end else " on")
        lines.add(faults, outside, days, "period outside the contract: service date", text)


def _check_key(contract: Contract, frame: pl.DataFrame, lines: RowNames, faults: Faults) -> None:
    if not contract.key or frame.height < 2:
        return
    keys = frame.select(contract.key)
    named = keys.to_series() if keys.width == 1 else keys.to_struct("key")
    # Counting one column is many times faster than marking it, and nearly always there is nothing to mark.
    if keys.width == 1 and _all_differ(named):
        return
    if not named.is_duplicated().any():
        return
    lines.add(
        faults,
        named.is_duplicated(),
        ["another row with the same key"],
        f"key {', '.join(contract.key)}",
        "one version of each outturn",
        "Keep one, or settle versions in files of their own.",
    )


def _all_differ(column: pl.Series) -> bool:
    """Whether no value stands twice; whole numbers of a narrow range are ticked off, which is many times faster than hashing."""
    height = len(column)
    if column.dtype.is_float() and height and not column.null_count():
        values = column.to_numpy()
        low, high = float(np.fmin.reduce(values)), float(np.fmax.reduce(values))
        if high - low < 4 * height + 1000 and low.is_integer():
            seen = np.zeros(int(high - low) + 1, dtype=np.bool_)
            if all(_ticked(seen, values[first : first + _SLICE] - low) for first in range(0, height, _SLICE)):
                return int(np.count_nonzero(seen)) == height
    return column.n_unique() == height


def _ticked(seen: npt.NDArray[np.bool_], above: npt.NDArray[np.float64]) -> bool:
    """Tick off whole numbers; False where some are not whole."""
    whole = above.astype(np.int64)
    if not bool((whole == above).all()):
        return False
    seen[whole] = True
    return True


def _check_parameter(parameter: ContractParameter, frame: pl.DataFrame, lines: RowNames, faults: Faults) -> None:
    if not frame.select(pl.col(parameter.name).null_count()).item():  # one value for all rows is not written out
        return
    column = frame.get_column(parameter.name)
    found = "no value" if parameter.by is None else f"no value for some {parameter.by}"
    dated = [v.since for v in parameter.values if v.since is not None]
    on = pl.Series(["no value"] * frame.height)
    if dated or parameter.ends:
        on = frame.select(
            pl.lit("no value on ") + pl.col(parameter.dated_by).cast(pl.String).fill_null("an empty date")
        ).to_series()
    if parameter.by is not None:
        on = frame.select(on.alias("on") + " for " + pl.col(parameter.by).fill_null("an empty label")).to_series()
    span = f"a dated value; {found}, its values begin {min(dated)}" if dated else f"a value; {found}"
    if parameter.ends:
        span += f" and end {parameter.ends}"
    lines.add(faults, column.is_null(), on, f"parameter {parameter.name!r}", span, "Add a dated value to the contract.")


def check_needed(contract: Contract, frame: pl.DataFrame, lines: RowNames, faults: Faults, before: bool) -> None:
    """Add a fault for each row without an input that it needs.

    Args:
        contract: the contract.
        frame: named values of the rows.
        lines: how rows are named.
        faults: where faults are gathered.
        before: True for the conditions on inputs, dates and parameters alone, False for those that name steps.
    """
    steps = {name for term in contract.terms for name in term.outputs()}
    for each in contract.inputs:
        absent = each.heading not in lines.rows.columns
        for condition, whole_column in ((each.needed_when, False), (each.column_needed_when, True)):
            if condition is None or (whole_column and not absent):
                continue
            if steps.isdisjoint(names_in(condition)) != before:
                continue
            if absent:
                empty = pl.repeat(True, frame.height, eager=True)
            else:
                empty = _blank(lines.rows.get_column(each.heading), contract)
            hit = empty & frame.select(columnar(condition)).to_series()
            if hit.any():
                found = f"no column {each.heading!r}" if absent else "an empty cell"
                expected = f"{described(each)}; it is needed when {condition}, and cannot be derived"
                lines.add(faults, hit, [found], f"input {each.heading!r}", expected)


def _blank(series: pl.Series, contract: Contract) -> pl.Series:
    if series.dtype != pl.String:
        return series.is_null()
    return series.is_null() | series.str.strip_chars().is_in(["", *contract.empty_marks])
