"""Dated parameters: facts adopted from a date on, each value with its source and the marks of a judgement.

A file `parameters/<topic>/<name>.toml` is the parameter `<topic>.<name>`. Values are added, never overwritten: the
value for a year is the latest whose `from` is not after it, so last year's run answers as it did last year.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from pydantic import Field, model_validator

from capitation.errors import ParameterError, UnknownNameError
from capitation.pack.sources import DataPack
from capitation.records.documents import Document, Judged, Locator
from capitation.records.years import FinancialYear


class DatedValue(Document):
    """A parameter's value from a year on."""

    since: FinancialYear = Field(alias="from")
    """First financial year for which the value holds."""
    value: Decimal
    """The number, with the digits printed in the source."""
    source: str
    """Id of the source, or "assumption"."""
    where: str
    """Page, table, row and column; for an assumption what it rests on."""


class Parameter(Judged):
    """A number from the world, with its unit, its history and how sure we are of it."""

    about: str
    """What the number is."""
    unit: str
    """What one of it is."""
    values: tuple[DatedValue, ...] = Field(min_length=1)
    """Values by the year from which each holds, earliest first."""
    low: Decimal | None = None
    """Lowest value to test within."""
    high: Decimal | None = None
    """Highest value to test within."""
    retired: FinancialYear | None = None
    """First financial year for which it no longer has a value."""

    @model_validator(mode="after")
    def _is_in_order_and_owned(self) -> Parameter:
        years = [v.since for v in self.values]
        if years != sorted(set(years)):
            raise ValueError(f"values must be in order of year, one for each; found {', '.join(years)}")
        if any(v.source == "assumption" for v in self.values) and (
            self.owner is None or self.quality in {None, "green"}
        ):
            raise ValueError("an assumption needs an owner and a red or amber quality mark")
        return self

    def at(self, year: FinancialYear, name: str = "parameter") -> DatedValue:
        """The value that holds in `year`.

        Raises:
            ParameterError: it starts later, or was retired.
        """
        in_force = [v for v in self.values if v.since <= year]
        if not in_force or (self.retired is not None and year >= self.retired):
            span = f"from {self.values[0].since}" + (f" until {self.retired}" if self.retired else "")
            raise ParameterError(f"{name}: found no value for {year}; it has values {span}. Add a dated value")
        return in_force[-1]


class Parameters:
    """All parameters of a data pack by name, such as "growth.registered"."""

    def __init__(self, pack: DataPack) -> None:
        self._all: dict[str, Parameter] = {}
        for topic in sorted({relative.split("/")[1] for relative in pack.files("parameters/*/*.toml")}):
            for name, parameter in pack.documents(f"parameters/{topic}", Parameter).items():
                self._all[f"{topic}.{name}"] = parameter

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def parameter(self, name: str) -> Parameter:
        """One parameter with its history.

        Raises:
            UnknownNameError: no parameter has this name.
        """
        if name not in self._all:
            raise UnknownNameError("parameter", name, self._all)
        return self._all[name]

    def value(self, name: str, year: FinancialYear) -> Decimal:
        """The value of a parameter in a year.

        Raises:
            UnknownNameError: no parameter has this name.
            ParameterError: it has no value for the year.
        """
        return self.parameter(name).at(year, name).value

    def locator(self, name: str, year: FinancialYear) -> Locator:
        """Where the value of a year was taken from."""
        dated = self.parameter(name).at(year, name)
        return Locator(source=dated.source, where=dated.where)
