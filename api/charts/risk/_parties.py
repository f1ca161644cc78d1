"""Chances of parties as charts need them: the rows of one party under one option, and how to speak of them."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from api.charts.choice import Choice, chosen
from api.charts.material import Material


def party_rows(material: Material, frame: str, choice: Choice) -> tuple[pl.DataFrame, str, str]:
    """Rows of one party, with its code and role; the largest provider unless another is chosen."""
    rows = material.frames[frame]
    codes = rows.get_column("organisation_code").unique().sort().to_list()
    sized = material.frames["party_chance"] if material.has("party_chance") else rows
    own = sized.filter(pl.col("role") == "provider") if "provider" in sized.get_column("role") else sized
    weight = "size_pence" if "size_pence" in own.columns else "sd_pence"
    best = own.filter(pl.col("organisation_code").is_in(codes)).sort(
        weight, "organisation_code", descending=[True, False], nulls_last=True
    )
    first = str(best.row(0, named=True)["organisation_code"]) if best.height else codes[0]
    party = chosen(choice.party, codes, "party", first, material.source)
    mine = rows.filter(pl.col("organisation_code") == party)
    return mine, party, str(mine.get_column("role")[0])


def option_of(material: Material, rows: pl.DataFrame, choice: Choice) -> str:
    """The option that is asked for; else the base, else the first."""
    known = rows.get_column("option").unique().sort().to_list()
    base = material.facts.get("base", "")
    return chosen(choice.option, known, "option", base if base in known else known[0], material.source)


def first_year(material: Material, rows: pl.DataFrame, choice: Choice) -> str:
    """The year that is asked for; else the first of the new contracts, else the second of all, else the first."""
    years = rows.get_column("year").unique().sort().to_list()
    wanted = material.facts.get("first_year", "")
    return chosen(
        choice.year, years, "year", wanted if wanted in years else years[min(1, len(years) - 1)], material.source
    )


def choices(frame: str, *keys: str) -> Callable[[Material], dict[str, tuple[str, ...]]]:
    """What can be chosen of a frame of parties."""
    columns = {"party": "organisation_code", "option": "option", "year": "year"}

    def found(material: Material) -> dict[str, tuple[str, ...]]:
        rows = material.frames[frame]
        return {key: tuple(rows.get_column(columns[key]).unique().sort()) for key in keys}

    return found
