"""What is hardly meant in the numbers that a need formula is given, and in the targets that come out."""

from __future__ import annotations

import math

import polars as pl

from capitation.pack.plausibility import Implausible, PlausibleBand, outside
from capitation.records.frames import Frame
from capitation.weighting.formula import Formula, NeedCatalogue
from capitation.weighting.inputs import GivenCostIndices, NeedInputs
from capitation.weighting.place_tool import PlaceTool
from capitation.weighting.weigh import Need


def implausible_need(
    inputs: NeedInputs, given: GivenCostIndices | None, formula: Formula, bands: Frame[PlausibleBand]
) -> list[Implausible]:
    """Indices in points, lists of impossible size, and components in another unit than persons.

    Args:
        inputs: the rows of the chosen year.
        given: cost indices that the user gives beside them.
        formula: the formula they are for.
        bands: the bands of the pack.
    """
    rows, found = inputs.components, list[Implausible]()
    codes = rows.get_column("practice_code")
    for index in formula.indices():
        found += outside(bands, "index", index.column, rows.get_column(index.column), codes)
    if given is not None:
        found += outside(
            bands, "index", "cost_index", given.values.get_column("cost_index"), given.values.get_column("code")
        )
    persons = rows.get_column("registered_persons")
    found += outside(bands, "list-size", "registered_persons", persons, codes)
    whole = math.fsum(persons)
    if whole > 0:
        for component in formula.components():
            ratio = pl.Series([math.fsum(rows.get_column(component.column)) / whole])
            found += outside(bands, "weighted-per-head", component.column, ratio, ["the whole file"])
    return found


def implausible_size(found: PlaceTool, catalogue: NeedCatalogue, bands: Frame[PlausibleBand]) -> list[Implausible]:
    """A published file with fewer or more practices or persons than England has in its year: cut, or doubled."""
    vintage = catalogue.vintages.get(found.year)
    if vintage is None:
        return []
    of_england = {
        "practices": (found.practices.height, vintage.population.england_practices),
        "registered_persons": (
            math.fsum(found.practices.get_column("registered_projected")),
            float(vintage.population.england_persons),
        ),
    }
    unlikely = []
    for name, (here, england) in of_england.items():
        label = f"{here:,.0f} {name.replace('_', ' ')} beside England's {england:,.0f} of {found.year}"
        unlikely += outside(bands, "practices-share", name, pl.Series([here / england]), [label])
    return unlikely


def implausible_targets(found: Need, bands: Frame[PlausibleBand]) -> list[Implausible]:
    """Targets of the whole file that are far from pounds a head and year."""
    practices = found.practices
    whole = math.fsum(practices.get_column("registered_persons"))
    if not found.formula.is_in_pounds or whole <= 0:
        return []
    a_head = pl.Series([math.fsum(practices.get_column("target_gbp").drop_nulls()) / whole])
    return outside(bands, "pounds-per-head", "target_gbp", a_head, ["the whole file"])
