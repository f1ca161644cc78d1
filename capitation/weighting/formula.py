"""A need formula is a document: blocks of weighted components, their indices and prices, dated and sourced.

    raw_i = sum over blocks b of  coefficient_b x index_bi x sum over components c of  weight_bc x W_ic
    with an inequality component of weight h in a block:  (1 - h) x sum(weight_c x W_ic) + h x H_i

`W_ic` is the weighted population of practice i for component c. An index is a column of the input (market forces
factor, ambulance adjustment) or a cost index of the area, which stands in the document as the area's own coefficient.
A new component, index, vintage or formula is one new file under `need/`; nothing here names one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, cast

import polars as pl
from pydantic import Field, model_validator

from capitation.errors import DocumentError, Faults, UnknownNameError, suggest
from capitation.pack.sources import DataPack
from capitation.records.documents import Document
from capitation.records.frames import Frame
from capitation.records.years import FinancialYear
from capitation.weighting.area_coefficients import RECOVERED, TabledCoefficient, coefficient_tables, no_tables

Trust = Literal["P", "R", "D", "U"]
"""P published, R recovered from published data and checked, D a design of ours, U unverified."""

AreaLevel = Literal["lad_code", "icb_code", "ccg19_code", "stp21_code"]
"""The area columns a cost index can follow."""

WEIGHTS_MAY_MISS = Decimal("0.000001")
"""Weights of a block add to 1 within this: recovered weights carry seven decimals."""


class DatedFigure(Document):
    """A number of a formula, the year from which it holds, and where it comes from."""

    since: FinancialYear = Field(alias="from")
    """First financial year for which the number holds."""
    value: Decimal
    """The number, with all its digits."""
    source: str
    """Id of the source (a folder of sources/), or "assumption"."""
    where: str
    """File, column, page or arithmetic by which a reader finds the number again."""
    trust: Trust
    """P published, R recovered from published data and checked, D a design of ours, U unverified."""


def _at(figures: tuple[DatedFigure, ...], year: FinancialYear, what: str) -> DatedFigure:
    in_use = [f for f in figures if f.since <= year]
    if not in_use:
        raise DocumentError(f"{what}: found no value for {year}; expected one from that year or before")
    return max(in_use, key=lambda f: f.since)


class MissingValue(Document):
    """What an empty cell of a component means, where it has an agreed meaning."""

    persons: Decimal
    """Weighted persons an empty cell stands for."""
    reason: str
    """Why; it is reported with the number of practices each time it is used."""


class Component(Document):
    """A need component: one weighted population of each practice."""

    id: str
    """Short name, the same as the file's."""
    title: str
    """Display name."""
    about: str
    """What is weighted."""
    kind: Literal["service", "inequality", "published overall"]
    """A service, an inequality adjustment, or an overall published to compare with."""
    column: str
    """Name of its column in files."""
    other_columns: tuple[str, ...] = ()
    """Other names its column goes by."""
    place_tool_headings: tuple[str, ...] = ()
    """Headings under which NHS England's place-based tool carries it."""
    missing: MissingValue | None = None
    """What an empty cell means; without it an empty cell is a fault."""


class CostIndex(Document):
    """An index of unavoidable cost that multiplies need, one value a practice."""

    id: str
    """Short name, the same as the file's."""
    title: str
    """Display name."""
    about: str
    """What cost it stands for."""
    column: str
    """Name of its column in files."""


class PopulationBase(Document):
    """The population a vintage counts: a named and dated input."""

    column: str
    """Name of its column in files."""
    title: str
    """Which lists, of which date, projected how."""
    projected_to: FinancialYear
    """Year to which the lists are projected."""
    england_persons: Decimal
    """England's sum of the column, in persons."""
    england_practices: int
    """England's number of rows."""
    source: str
    """Id of the source (a folder of sources/)."""
    where: str
    """File and column."""
    trust: Trust
    """How far it can be trusted."""


class Vintage(Document):
    """What the published need columns of one year hold: their population, and the adjustments already inside them."""

    year: FinancialYear
    """Allocation year of the columns."""
    title: str
    """Display name."""
    contains: tuple[str, ...]
    """Ids of the cost indices that the columns already contain."""
    contained_in: tuple[str, ...]
    """Ids of the components that contain them."""
    notes: tuple[str, ...] = ()
    """What a user of the file should know."""
    population: PopulationBase
    """The population base."""
    source: str
    """Id of the source (a folder of sources/)."""
    where: str
    """File."""
    trust: Trust
    """How far the statement can be trusted."""


class WeightedComponent(Document):
    """A component with its weight inside a block."""

    component: str
    """Id of the component."""
    weight: tuple[DatedFigure, ...] = ()
    """Its weight by year; a block of one component needs none."""


class AreaCoefficient(Document):
    """The coefficient of a block in one area: the national one times the area's cost index."""

    level: AreaLevel
    """The area column it follows."""
    area: str
    """Code of the area."""
    name: str
    """Name of the area."""
    coefficient: tuple[DatedFigure, ...] = Field(min_length=1)
    """The area's coefficient by year."""


class Block(Document):
    """A group of components that share a coefficient and the indices which multiply it."""

    id: str
    """Short name, unique in the formula."""
    title: str
    """Display name."""
    components: tuple[WeightedComponent, ...] = Field(min_length=1)
    """The components blended; their weights add to 1."""
    inequality: WeightedComponent | None = None
    """A second weighted population blended in with weight h; the components then weigh 1 - h."""
    indices: tuple[str, ...] = ()
    """Ids of the cost indices, read from the input, that multiply the block."""
    adjusts_for: tuple[str, ...] = ()
    """Ids of the cost indices that the area coefficients stand for."""
    coefficient: tuple[DatedFigure, ...] = Field(min_length=1)
    """Share, or price in pounds per weighted head, by year; with area coefficients, the one that goes with index 1."""
    areas: tuple[AreaCoefficient, ...] = ()
    """Coefficients of areas whose cost index is known; elsewhere that of `area_table`, or index 1 unless one is given."""
    area_table: str | None = None
    """Name of a table of need/area_coefficients, for the areas that `areas` does not name."""

    @model_validator(mode="after")
    def _needs_weights(self) -> Block:
        if len(self.components) > 1 and any(not c.weight for c in self.components):
            raise ValueError("each component of a block of several needs a weight")
        if self.inequality is not None and not self.inequality.weight:
            raise ValueError("the inequality component needs a weight")
        if (self.areas or self.area_table) and not self.adjusts_for:
            raise ValueError("say in adjusts_for which cost indices the area coefficients stand for")
        return self


class FormulaDocument(Document):
    """A need formula: which components count how much, in which years, and what its inputs must already hold."""

    id: str
    """Short name, the same as the file's."""
    title: str
    """Display name."""
    about: str
    """The formula in words and symbols."""
    years: tuple[FinancialYear, ...] = Field(min_length=1)
    """Financial years it was made for."""
    inputs_contain: tuple[str, ...] = ()
    """Ids of the cost indices that its input columns must already contain."""
    normalisation: Literal["in the coefficients", "to the registered persons of the file"]
    """Whether the coefficients already make England's weighted persons equal its registered persons."""
    unit: Literal["share", "£ per weighted head"]
    """Unit of the coefficients; pounds make the raw result a target in pounds."""
    published_as: str | None = None
    """Id of the component that holds the result as its publisher printed it, where there is one."""
    limits: tuple[str, ...] = ()
    """What the formula leaves out, reported with each result."""
    blocks: tuple[Block, ...] = Field(min_length=1)
    """The blocks that add up."""


@dataclass(frozen=True)
class WeightedTerm:
    """One component of one block in one year, with numbers ready for arithmetic."""

    block: str
    component: str
    column: str
    kind: str
    share: float
    """Its weight in the block; the shares of a block add to 1."""


@dataclass(frozen=True)
class BlockTerms:
    """One block in one year, with numbers ready for arithmetic."""

    id: str
    terms: tuple[WeightedTerm, ...]
    coefficient: float
    index_columns: tuple[str, ...]
    area_level: AreaLevel | None
    area_coefficients: Mapping[str, float]
    area_marks: Mapping[str, str]
    """How the coefficient of each area is known: recovered in the year itself, or carried from another."""


@dataclass(frozen=True)
class NeedCatalogue:
    """Everything under `need/`: components, cost indices, vintages and formulas by id; tables when first asked for."""

    components: Mapping[str, Component]
    indices: Mapping[str, CostIndex]
    vintages: Mapping[str, Vintage]
    documents: Mapping[str, FormulaDocument]
    area_table: Callable[[str], Frame[TabledCoefficient]] = no_tables
    """The table of area coefficients with a name."""

    def formula(self, formula_id: str) -> Formula:
        """The formula with this id, once everything it names is known.

        Raises:
            UnknownNameError: no formula has this id.
            DocumentError: it names an unknown component or index, repeats one, or its weights do not add to 1.
        """
        if formula_id not in self.documents:
            raise UnknownNameError("need formula", formula_id, self.documents)
        return self.resolve(self.documents[formula_id])

    def resolve(self, document: FormulaDocument) -> Formula:
        """A formula of this catalogue's components and indices.

        Raises:
            DocumentError: every fault at once.
        """
        faults = Faults()
        place = f"formula {document.id}"
        for block in document.blocks:
            where = f"{place}: block {block.id}"
            named = [c.component for c in (*block.components, *([block.inequality] if block.inequality else []))]
            for name in named:
                if name not in self.components:
                    remedy = f"{suggest(name, self.components)} Add need/components/{name}.toml for a new one."
                    faults.add(where, f"component {name!r}", "a known component", remedy)
            for name in sorted({n for n in named if named.count(n) > 1}):
                faults.add(where, f"component {name!r} more than once", "each component once")
            for name in (*block.indices, *block.adjusts_for):
                if name not in self.indices:
                    remedy = f"{suggest(name, self.indices)} Add need/indices/{name}.toml for a new one."
                    faults.add(where, f"index {name!r}", "a known index", remedy)
            self._check_areas(block, where, faults)
            for year in document.years:
                if len(block.components) > 1:
                    total = sum((_at(c.weight, year, where).value for c in block.components), Decimal(0))
                    if abs(total - 1) > WEIGHTS_MAY_MISS:
                        faults.add(f"{where}, {year}", f"weights that add to {total}", "weights that add to 1")
                if block.inequality and not 0 <= _at(block.inequality.weight, year, where).value <= 1:
                    faults.add(f"{where}, {year}", "an inequality weight outside 0 to 1", "a share")
        ids = [b.id for b in document.blocks]
        for name in sorted({i for i in ids if ids.count(i) > 1}):
            faults.add(place, f"block {name!r} more than once", "each block once")
        for name in document.inputs_contain:
            if name not in self.indices:
                faults.add(place, f"index {name!r}", "a known index", suggest(name, self.indices))
        overall = [c.id for c in self.components.values() if c.kind == "published overall"]
        if document.published_as is not None and document.published_as not in overall:
            found = f"published_as = {document.published_as!r}"
            faults.add(place, found, "a published overall", suggest(document.published_as, overall))
        faults.raise_if_any(DocumentError, f"{place}: cannot be used")
        return Formula(document, self)

    def _check_areas(self, block: Block, where: str, faults: Faults) -> None:
        levels = {str(area.level) for area in block.areas}
        if block.area_table is not None:
            try:
                levels |= set(self.area_table(block.area_table).get_column("level").unique())
            except UnknownNameError as error:
                remedy = suggest(error.name, error.known)
                faults.add(where, f"area_table {error.name!r}", "a table of need/area_coefficients", remedy)
        if len(levels) > 1:
            faults.add(where, f"area coefficients by {' and '.join(sorted(levels))}", "areas of one level")


@dataclass(frozen=True)
class Formula:
    """A need formula with the components and indices it names."""

    document: FormulaDocument
    catalogue: NeedCatalogue

    @property
    def id(self) -> str:
        """Short name of the formula."""
        return self.document.id

    @property
    def is_in_pounds(self) -> bool:
        """The coefficients are prices, so the raw result is a target in pounds."""
        return self.document.unit == "£ per weighted head"

    @property
    def takes_area_index(self) -> bool:
        """Some block has a cost index by area."""
        return any(b.areas or b.area_table for b in self.document.blocks)

    def components(self) -> tuple[Component, ...]:
        """The components the formula reads, each once, in the order of its blocks."""
        found: dict[str, Component] = {}
        for block in self.document.blocks:
            for part in (*block.components, *([block.inequality] if block.inequality else [])):
                found.setdefault(part.component, self.catalogue.components[part.component])
        return tuple(found.values())

    def indices(self) -> tuple[CostIndex, ...]:
        """The cost indices the formula reads from its input, each once."""
        names = dict.fromkeys(name for block in self.document.blocks for name in block.indices)
        return tuple(self.catalogue.indices[name] for name in names)

    def vintage(self, year: FinancialYear) -> Vintage | None:
        """What is known about the published columns of a year; None where nothing is."""
        return self.catalogue.vintages.get(year)

    def check_year(self, year: FinancialYear, faults: Faults) -> None:
        """Add a fault where the formula was not made for `year`, naming those that were."""
        if year not in self.document.years:
            others = sorted(d.id for d in self.catalogue.documents.values() if year in d.years)
            notes = " ".join(self.catalogue.vintages[year].notes) if year in self.catalogue.vintages else ""
            remedy = f"Formulas for {year}: {', '.join(others)}." if others else f"No formula is known for {year}."
            expected = f"a year of {', '.join(self.document.years)}"
            faults.add(f"formula {self.id}", f"the year {year}", expected, f"{remedy} {notes}".strip())

    def check_contents(self, year: FinancialYear, contains: tuple[str, ...] | None, faults: Faults) -> None:
        """Add a fault for each cost index that the formula would count twice, or leave out, with these columns.

        Args:
            year: the year of the columns.
            contains: ids of the indices the columns already contain; None takes what the vintage of the year says.
            faults: where to keep what is found.
        """
        in_use = set(self._contained(year) if contains is None else contains)
        for name in sorted(in_use - set(self.catalogue.indices)):
            faults.add(f"formula {self.id}", f"index {name!r}", "a known index", suggest(name, self.catalogue.indices))
        wanted = set(self.document.inputs_contain)
        applied = {n for b in self.document.blocks for n in (*b.indices, *b.adjusts_for)}
        for name in sorted((in_use - wanted) & set(self.catalogue.indices)):
            title = self.catalogue.indices[name].title.lower()
            effect = f"applies the {title} itself, so it would count twice" if name in applied else "expects need alone"
            others = sorted(
                d.id for d in self.catalogue.documents.values() if year in d.years and name in d.inputs_contain
            )
            remedy = f"For such columns use {' or '.join(others)}." if others else "Use columns that hold need alone."
            faults.add(
                f"formula {self.id}, {year}", f"columns that already contain the {title}", f"none: it {effect}", remedy
            )
        for name in sorted(wanted - in_use):
            title = self.catalogue.indices[name].title.lower()
            faults.add(
                f"formula {self.id}, {year}",
                f"columns that do not contain the {title}",
                f"columns that do: the formula does not apply it, so it would drop out (need/vintages says what the columns of {year} hold)",
                "Use a formula made for need-only columns, or say with --contains what the columns hold.",
            )

    def _contained(self, year: FinancialYear) -> tuple[str, ...]:
        vintage = self.vintage(year)
        if vintage is None:
            return self.document.inputs_contain
        touched = {c.id for c in self.components()} & set(vintage.contained_in)
        return vintage.contains if touched else ()

    def terms(self, year: FinancialYear) -> tuple[BlockTerms, ...]:
        """The blocks with their numbers for `year`.

        Raises:
            DocumentError: a figure has no value for the year.
        """
        return tuple(self._block_terms(block, year) for block in self.document.blocks)

    def _block_terms(self, block: Block, year: FinancialYear) -> BlockTerms:
        where = f"formula {self.id}: block {block.id}"
        h = _at(block.inequality.weight, year, where).value if block.inequality else Decimal(0)
        parts = [(c, _at(c.weight, year, where).value if c.weight else Decimal(1)) for c in block.components]
        shares = [(c.component, (1 - h) * weight) for c, weight in parts]
        if block.inequality:
            shares.append((block.inequality.component, h))
        known = self.catalogue.components
        level = block.areas[0].level if block.areas else None
        coefficients: dict[str, float] = {}
        marks: dict[str, str] = {}
        if block.area_table is not None:
            table = self.catalogue.area_table(block.area_table).filter(pl.col("year") == str(year))
            level = cast("AreaLevel", table.get_column("level")[0]) if table.height else level
            coefficients = dict(table.select("area", "coefficient").iter_rows())
            marks = dict(table.select("area", "mark").iter_rows())
        coefficients |= {a.area: float(_at(a.coefficient, year, where).value) for a in block.areas}
        marks |= {a.area: RECOVERED for a in block.areas}
        return BlockTerms(
            id=block.id,
            terms=tuple(WeightedTerm(block.id, c, known[c].column, known[c].kind, float(share)) for c, share in shares),
            coefficient=float(_at(block.coefficient, year, where).value),
            index_columns=tuple(self.catalogue.indices[name].column for name in block.indices),
            area_level=level,
            area_coefficients=coefficients,
            area_marks=marks,
        )


def need_catalogue(pack: DataPack) -> NeedCatalogue:
    """All need documents of a data pack.

    Raises:
        DocumentError: a document breaks its model, or its id is not its file's name; every fault at once.
    """
    components = pack.documents("need/components", Component)
    indices = pack.documents("need/indices", CostIndex)
    vintages = pack.documents("need/vintages", Vintage)
    formulas = pack.documents("need/formulas", FormulaDocument)
    faults = Faults()
    for folder, found in (("components", components), ("indices", indices), ("formulas", formulas)):
        for stem, document in found.items():
            if document.id != stem:
                faults.add(f"need/{folder}/{stem}.toml", f"id {document.id!r}", f"the file's name {stem!r}")
    faults.raise_if_any(DocumentError, "need documents do not carry their file's name")
    return NeedCatalogue(
        components, indices, {v.year: v for v in vintages.values()}, formulas, coefficient_tables(pack)
    )
