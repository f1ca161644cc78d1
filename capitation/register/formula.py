"""A formula for persons: what each is weighted by, and the whole numbers that weigh a register.

    raw_ic = sum over persons of practice i of  ( weight_c(age, sex) + sum of added_c(flags) ) x factor_c(area)
    W_ic = raw_ic x ( persons of the register / sum of raw_c )
    weighted_i = sum over components c of  share_c x W_ic

The factor of an area is base ^ score, or a column of the table of areas as it stands, or 1. Formulas are the age and sex documents of
the data pack (`need/age_sex`, one component) and documents of one's own (`PersonFormula`), whose components have such tables beside them.
Weights are kept as whole numbers at the decimals they are printed with, factors in billionths: sums are whole numbers, so that they are
the same in whatever order persons come.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from capitation.errors import DocumentError, Faults, UnknownNameError, suggest
from capitation.pack.rows import read_rows
from capitation.pack.sources import DataPack
from capitation.records.documents import Document, read_document
from capitation.records.frames import Column, Schema
from capitation.register.document import SEXES, Codes
from capitation.register.kernel import most_rows
from capitation.register.partitions import CHUNK
from capitation.weighting.age_sex import AgeSexDocument, AgeSexFormula, age_sex_formula
from capitation.weighting.formula import FormulaDocument

Numbers = np.ndarray[Any, Any]

FACTOR = 1_000_000_000
"""What a factor of 1 is as a whole number: factors are kept in billionths."""

MOST_PLACES = 6
"""Most decimals of a weight."""


class PersonWeight(Schema):
    """The weight of one person of a sex and age band."""

    sex = Column(pl.String, "word", "Sex", key=True, one_of=SEXES)
    age_from = Column(pl.Int64, "years", "Youngest age of the band", key=True, ge=0)
    age_to = Column(pl.Int64, "years", "Oldest age of the band; empty where it is open", ge=0, nullable=True)
    weight = Column(pl.Float64, "weight", "Weight of one person", ge=0)


class PersonComponent(Document):
    """One component of need: weights of persons, and the factor of their area."""

    id: str
    """Short name, unique in the formula."""
    title: str
    """Display name."""
    share: Decimal = Field(ge=0)
    """Its share of the weighted persons; shares add to 1."""
    weights: str
    """File of the weights by sex and age band, beside the document."""
    flags: dict[str, Decimal] = Field(default_factory=dict)
    """What each condition flag adds to a person's weight."""
    area: str | None = None
    """Column of the register's areas that the factor follows; without one the factor is 1."""
    base: Decimal | None = Field(default=None, gt=0)
    """With it the factor is base ^ column, without it the column itself."""


class PersonFormula(Document):
    """A formula that weighs the persons of a register."""

    id: str
    """Short name."""
    title: str
    """Display name."""
    about: str
    """The formula in words and symbols."""
    source: str
    """Where its figures come from."""
    limits: tuple[str, ...] = ()
    """What it leaves out."""
    components: tuple[PersonComponent, ...] = Field(min_length=1)
    """The components that add up."""

    @model_validator(mode="after")
    def _shares_add_up(self) -> PersonFormula:
        ids = [each.id for each in self.components]
        if len(set(ids)) < len(ids):
            raise ValueError("each component once")
        total = sum((each.share for each in self.components), Decimal(0))
        if abs(total - 1) > Decimal("0.000001"):
            raise ValueError(f"the shares add to {total}, not to 1")
        return self


@dataclass(frozen=True)
class WeightedPart:
    """One component, with its table of weights read."""

    id: str
    share: float
    weights: pl.DataFrame
    """sex, age_from, age_to, weight."""
    flags: dict[str, Decimal]
    area: str | None
    base: float | None


@dataclass(frozen=True)
class RegisterFormula:
    """A formula that can weigh a register."""

    id: str
    title: str
    components: tuple[WeightedPart, ...]
    notes: tuple[str, ...]
    """What it leaves out."""


@dataclass(frozen=True)
class Tables:
    """A formula as whole numbers for the codes of one register."""

    components: tuple[str, ...]
    shares: tuple[float, ...]
    weights: Numbers
    """Class x component."""
    factors: Numbers
    """Area x component, in billionths."""
    units: tuple[int, ...]
    """What a sum is divided by for each component."""
    notes: tuple[str, ...]


def read_formula(given: str, pack: DataPack) -> RegisterFormula:
    """The formula with an id of the data pack, or of a document of one's own.

    Raises:
        UnknownNameError: neither a file nor an id of the data pack.
        DocumentError: the document breaks its model, or it weighs practices and not persons.
        SourceError: a table of weights cannot be read.
    """
    path = Path(given)
    if path.suffix in {".toml", ".json", ".yaml", ".yml"}:
        return _own(path)
    known = pack.documents("need/age_sex", AgeSexDocument)
    if given in known:
        return of_age_and_sex(age_sex_formula(pack, given))
    if given in pack.documents("need/formulas", FormulaDocument):
        raise DocumentError(
            f"formula {given}: found a formula of practices' published components; expected one that weighs persons. "
            f"Use {', '.join(sorted(known))}, or a document of your own such as the formula.toml that `register make` writes"
        )
    raise UnknownNameError("formula for persons", given, known)


def of_age_and_sex(formula: AgeSexFormula) -> RegisterFormula:
    """An age and sex formula of the data pack: one component, whose areas' factor is base ^ score."""
    document = formula.document
    only = WeightedPart("need", 1.0, formula.weights, {}, "score", float(document.additional_need.base))
    return RegisterFormula(document.id, document.title, (only,), tuple(document.limits))


def _own(path: Path) -> RegisterFormula:
    document = read_document(path, PersonFormula)
    components = tuple(
        WeightedPart(
            id=each.id,
            share=float(each.share),
            weights=read_rows(path.parent / each.weights, PersonWeight, keep_extra=True),
            flags=each.flags,
            area=each.area,
            base=None if each.base is None else float(each.base),
        )
        for each in document.components
    )
    return RegisterFormula(document.id, document.title, components, document.limits)


def tables(formula: RegisterFormula, codes: Codes) -> Tables:
    """The formula as whole numbers for the codes of a register.

    Raises:
        DocumentError: a weight's ages do not follow the register's age bands or leave some out, a flag or an area's
            column the register has not, a weight or factor that is negative, has too many decimals or is too large; all at once.
    """
    faults = Faults()
    notes = list(formula.notes)
    weights = np.zeros((codes.classes, len(formula.components)), dtype=np.int64)
    factors = np.full((codes.areas.height, len(formula.components)), FACTOR, dtype=np.int64)
    units = []
    for number, component in enumerate(formula.components):
        where = f"formula {formula.id}: component {component.id}"
        scale = _scale(component, where, faults)
        units.append(scale * FACTOR)
        weights[:, number] = _weights(component, codes, scale, where, faults)
        if component.area is not None and component.area not in codes.areas.columns and component.base is not None:
            notes.append(f"The register's areas have no {component.area}: it is left out of {component.id} (factor 1)")
        elif component.area is not None:
            factors[:, number] = _factors(component, codes, where, faults)
    if not len(faults) and most_rows(weights, factors) < CHUNK:
        faults.add(
            f"formula {formula.id}",
            f"a weight of {weights.max():,} in the last decimal with a factor of {factors.max() / FACTOR:g}",
            f"products of which {CHUNK:,} add to less than 2^63",
            "Scale the weights: only their proportions count.",
        )
    faults.raise_if_any(DocumentError, f"formula {formula.id} cannot weigh this register")
    ids = tuple(each.id for each in formula.components)
    shares = tuple(each.share for each in formula.components)
    return Tables(ids, shares, weights, factors, tuple(units), tuple(notes))


def _scale(component: WeightedPart, where: str, faults: Faults) -> int:
    """The power of ten that makes a component's weights whole."""
    given = [Decimal(repr(w)) for w in component.weights.get_column("weight")] + list(component.flags.values())
    places = max((-int(w.normalize().as_tuple().exponent) for w in given), default=0)
    if places > MOST_PLACES:
        faults.add(where, f"a weight of {places} decimals", f"at most {MOST_PLACES}", "Round the weights.")
    return int(10 ** min(max(places, 0), MOST_PLACES))


def _weights(component: WeightedPart, codes: Codes, scale: int, where: str, faults: Faults) -> Numbers:
    """The weight of each class: that of its age and sex, and what its flags add."""
    masks = 2 ** len(codes.flags)
    found = np.zeros((len(codes.age_from), len(SEXES), masks), dtype=np.int64)
    ends = [*(start - 1 for start in codes.age_from[1:]), codes.oldest]
    for s, sex in enumerate(SEXES):
        mine = component.weights.filter(pl.col("sex") == sex).select("age_from", "age_to", "weight").rows()
        for b, (first, last) in enumerate(zip(codes.age_from, ends, strict=True)):
            of = [(a, z, w) for a, z, w in mine if a <= last and (z is None or z >= first)]
            whole = [
                w for a, z, w in of if a <= first and (z is None or z >= last or (b == len(ends) - 1 and z >= 110))
            ]
            if len(of) == 1 and len(whole) == 1:
                found[b, s, :] = round(Decimal(repr(whole[0])) * scale)
                continue
            text = "none" if not of else " and ".join(f"{a}-{'' if z is None else z}" for a, z, _ in of)
            expected = "one band of weights that holds all of it"
            faults.add(f"{where}, {sex}", f"weights of ages {text} for the register's ages {first}-{last}", expected)
    for flag, added in component.flags.items():
        if flag not in codes.flags:
            faults.add(f"{where}: flags", repr(flag), "a flag of the register", suggest(flag, codes.flags))
            continue
        has = (np.arange(masks) >> codes.flags.index(flag)) & 1 == 1
        found[:, :, has] += round(added * scale)
    if bool((found < 0).any()):
        faults.add(where, "flags that take a weight below 0", "weights of at least 0 for all flags together")
    return found.reshape(-1)


def _factors(component: WeightedPart, codes: Codes, where: str, faults: Faults) -> Numbers:
    """The factor of each area in billionths."""
    column = str(component.area)
    if column not in codes.areas.columns or not codes.areas.schema[column].is_numeric():
        known = [name for name in codes.areas.columns if codes.areas.schema[name].is_numeric()]
        faults.add(
            f"{where}: area", repr(column), "a column of numbers of the register's areas", suggest(column, known)
        )
        return np.full(codes.areas.height, FACTOR, dtype=np.int64)
    given = codes.areas.get_column(column)
    bad = given.is_null() | ~given.is_finite().fill_null(value=False)
    if bad.any():
        example = codes.areas.get_column("area_code").filter(bad)[0]
        faults.add(
            f"{where}: areas", f"{int(bad.sum())} without {column}, such as {example}", "a figure for every area"
        )
        return np.full(codes.areas.height, FACTOR, dtype=np.int64)
    values = given.to_numpy() if component.base is None else component.base ** given.to_numpy()
    if not bool((values > 0).all()) or float(values.max(initial=0.0)) > 1000:
        faults.add(f"{where}: areas", "a factor of 0, below 0 or above 1,000", "factors near 1")
        return np.full(codes.areas.height, FACTOR, dtype=np.int64)
    return np.rint(values * FACTOR).astype(np.int64)


__all__ = ["FACTOR", "PersonFormula", "RegisterFormula", "Tables", "of_age_and_sex", "read_formula", "tables"]
