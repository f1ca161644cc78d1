"""What a contract document holds: who agrees, for what, from when, on which figures, and what is paid, clause by clause.

A contract names inputs, dated parameters and tables, then an ordered list of terms. Each term names its result; later
terms and the outputs refer to earlier names only. The order is the contract's and never the engine's, because order is
where money moves: a levy before a cap and a levy after it pay different sums.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny

from capitation.errors import ContractError, suggest
from capitation.records.documents import Document, Figure
from contracts.language.condition import Condition
from contracts.language.rounding import Unit
from contracts.language.tables import Table
from contracts.terms._base import NAME, Mark, Term

CODE_FORM = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
"""How codes are written."""

Code = Annotated[str, Field(pattern=CODE_FORM)]


class Party(Document):
    """One of those who agree, or the pool between them."""

    code: Code
    """Short code by which outputs and shares refer to the party."""
    name: str
    """Name in full."""
    role: Literal["commissioner", "provider", "payer", "account", "pool", "partner", "member", "other"]
    """What the party does in the contract; "account": whoever a row is about; "pool": money kept between the parties."""
    named_by: str | None = None
    """Input whose text names the party row by row, such as the account's code."""


class Scope(Document):
    """What the contract covers."""

    services: tuple[str, ...] = ()
    """Services or points of delivery."""
    localities: tuple[str, ...] = ()
    """Localities whose people are covered."""
    providers: tuple[str, ...] = ()
    """Providers whose activity is covered."""
    populations: tuple[str, ...] = ()
    """Groups of people covered, where not all."""


class Period(Document):
    """When the contract holds, by service date."""

    start: dt.date
    """First day."""
    end: dt.date | None = None
    """Last day; none while it is open."""


class NamedDate(Document):
    """A date of each row, by which parameters are chosen: when care was given, when money is paid, when an agreement began."""

    name: str = Field(pattern=NAME)
    """Name; `service_date` is the date that must lie in the contract's period and the usual date of parameters."""
    about: str
    """What happens on the date."""
    input: str | None = None
    """Date input that gives it; where a row has none, the year below is used."""
    year: str | None = None
    """Input that holds the year: a calendar year, or a financial year such as 2016/17 (counted from its first April)."""
    plus_years: int = 0
    """Years added to it."""
    month: int = Field(default=1, ge=1, le=12)
    """Month of the date."""
    day: int = Field(default=1, ge=1, le=28)
    """Day of the date."""


class Input(Document):
    """One figure that the rows bring."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name by which terms refer to it."""
    about: str
    """What it is."""
    unit: str = ""
    """What one of it is, such as "dollars", "persons", "share"."""
    type: Literal["number", "flag", "text", "date", "year", "financial_year"] = "number"
    """"number"; "flag": yes or no; "text"; "date": 2023-12-31 or 12/31/2023; "year": 2023; "financial_year": 2016/17."""
    column: str | None = None
    """Heading of its column in the rows; the name itself where empty."""
    required: bool = True
    """True: the column must be there and every row must have a value (unless `default` is given)."""
    needed_when: Condition | None = None
    """For an input that is not required: rows on which it must have a value all the same; the condition may name steps."""
    column_needed_when: Condition | None = None
    """For an input that is not required: rows for which its column must be there, though a cell may be empty."""
    default: Decimal | str | None = None
    """Value of an empty cell, as a number or the name of another input; how many rows took it is reported."""
    default_says: str = ""
    """Why an empty cell may be read so."""
    fails_where_empty: str = ""
    """Why a condition does not hold where the cell is empty; without it a row whose condition meets an empty cell is refused."""
    table: str | None = None
    """For a text: the label table that turns what files print into the contract's own labels; others are refused."""
    at_least: Decimal | None = None
    """Lowest value that can be right; without it that of the unit, such as 0 of a share."""
    at_most: Decimal | None = None
    """Highest value that can be right; without it that of the unit, such as 1 of a share."""
    words: dict[str, Decimal] = Field(default_factory=dict)
    """For a number: words that files print in its place, and what each counts as, such as `P4R = 1`."""
    month_first: bool = False
    """For a date with slashes: 12/31/2023 (true) or 31/12/2023 (false)."""
    basis: Literal["period", "12 months", "at a date"] | None = None
    """For a sum of money, what time it covers: the row's own period, 12 months whatever the period, or none ("at a date": a balance)."""
    basis_by_row: bool = False
    """True: a row that states a basis (see `part_year`) states this input's; false: the basis is always the one above."""

    @property
    def heading(self) -> str:
        """The column's heading."""
        return self.column or self.name


class PartYear(Document):
    """Which rows cover a part of a year, and whose sums are then brought to that part: those of 12 months times months / 12."""

    months: str
    """Input that says how many months a row's period has."""
    stated_in: str | None = None
    """Text input by which a row may state the basis of its sums: `period` or `12 months`; empty is as each input declares."""


class ParameterValue(Document):
    """A parameter's value from a date on."""

    since: dt.date | None = Field(default=None, alias="from")
    """First date for which it holds; none for one that holds from the beginning."""
    value: Decimal | bool | dict[str, Decimal | bool]
    """The value, or one for each label of `by`; yes and no count as 1 and 0."""
    source: str = ""
    """The document in which it was read, or "assumption"."""
    where: str = ""
    """Page, section or paragraph; for an assumption what it rests on."""


class ContractParameter(Document):
    """A figure of the contract, with its history and how sure we are of it."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name by which terms refer to it."""
    about: str
    """What it is."""
    unit: str = ""
    """What one of it is."""
    status: Mark
    """"published": checked against published figures; "read": read in the cited text; "unverified": to be confirmed."""
    dated_by: str = "service_date"
    """The date that chooses among the values: a named date or a date input."""
    by: str | None = None
    """Text input that chooses among the labels of a value."""
    ends: dt.date | None = None
    """First date for which it no longer has a value."""
    at_least: Decimal | None = None
    """Lowest value that can be right; without it that of the unit, such as 0 of a share."""
    at_most: Decimal | None = None
    """Highest value that can be right; without it that of the unit, such as 1 of a share."""
    values: tuple[ParameterValue, ...] = Field(min_length=1)
    """Values by the date from which each holds, earliest first."""


class Output(Document):
    """An amount the contract settles, who pays it to whom, and to what it is rounded."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name of the column of results."""
    about: str = ""
    """What it is."""
    of: str = Field(pattern=NAME)
    """The step whose value it is."""
    rounded_to: Unit | None = None
    """Whole pence, pounds, cents, dollars, euro cents or euros, nearest, halves away from zero; none leaves a number that is not money."""
    payer: str | None = None
    """Party that pays where the amount is above 0."""
    payee: str | None = None
    """Party that receives where the amount is above 0."""
    detail: bool = False
    """True: shown in statements and with all outputs, left out of the short table of results."""


class Notice(Document):
    """Something a reader of the settlement should know, and on which rows."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Short name."""
    when: Condition
    """The rows it is about."""
    says: str
    """The sentence."""


class WorkedCase(Document):
    """A worked case that ships with the contract and is run by the tests."""

    name: str
    """What it shows, in a sentence."""
    arithmetic: str = ""
    """How to redo it by hand."""
    source: str = ""
    """Where the case or its figures are published."""
    rows: tuple[dict[str, Any], ...]
    """Rows in, by column."""
    expected: dict[str, tuple[Decimal, ...]]
    """Results by output or step name, one a row."""


class Contract(Document):
    """What the parties agree: an ordered list of terms over named inputs, dated parameters and tables."""

    id: Code
    """Short name of the contract."""
    version: str
    """Version of the document."""
    title: str
    """Title."""
    about: str = ""
    """What kind of deal it is and how it works, in a few sentences."""
    source: str = ""
    """Where the deal is published."""
    licence: str = ""
    """Licence or terms under which its figures are carried."""
    classification: str = ""
    """Category in exchange vocabularies, such as a payment stream code."""
    amounts: Unit = "pounds"
    """Unit of the money in inputs, parameters and steps."""
    parties: tuple[Party, ...] = ()
    """Who agrees."""
    scope: Scope = Scope()
    """What it covers."""
    period: Period | None = None
    """When it holds."""
    part_year: PartYear | None = None
    """How rows that cover a part of a year say so; every sum of money then declares its basis."""
    key: tuple[str, ...] = ()
    """Inputs that together name one row; two rows with one key are two versions of one outturn and refused."""
    shown: tuple[str, ...] | None = None
    """Key inputs shown beside short results; all of them where none are listed."""
    empty_marks: tuple[str, ...] = ()
    """Texts that files print for an empty cell, such as "-"."""
    dates: tuple[NamedDate, ...] = ()
    """Dates of each row."""
    inputs: tuple[Input, ...] = ()
    """Figures that rows bring."""
    parameters: tuple[ContractParameter, ...] = ()
    """Figures of the contract, dated."""
    tables: tuple[Table, ...] = ()
    """Look-up tables."""
    terms: tuple[SerializeAsAny[Term], ...] = ()
    """The clauses, in the order in which they apply."""
    outputs: tuple[Output, ...] = ()
    """What is settled."""
    notices: tuple[Notice, ...] = ()
    """What a reader should know about some rows."""
    cases: tuple[WorkedCase, ...] = ()
    """Worked cases."""
    facts: tuple[Figure, ...] = ()
    """Printed figures about the deal that no term uses."""

    def table_map(self) -> dict[str, Table]:
        """Tables by name."""
        return {table.name: table for table in self.tables}

    def input_map(self) -> dict[str, Input]:
        """Inputs by name."""
        return {each.name: each for each in self.inputs}

    def step(self, name: str) -> Term:
        """The term that names a result.

        Raises:
            ContractError: there is none.
        """
        for term in self.terms:
            if name in term.outputs():
                return term
        known = (o for t in self.terms for o in t.outputs())
        raise ContractError(f"contract {self.id}: no step {name!r}. {suggest(name, known)}")


__all__ = [
    "Contract",
    "ContractParameter",
    "Input",
    "NamedDate",
    "Notice",
    "Output",
    "ParameterValue",
    "PartYear",
    "Party",
    "Period",
    "Scope",
    "WorkedCase",
]
