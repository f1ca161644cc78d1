"""The templates there are: what their columns hold, what they begin with, and what is made of them when they come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import get_args

import polars as pl

from capitation.errors import DataError
from capitation.money.written_numbers import exact_number
from capitation.pack.parameters import Parameter, Parameters
from capitation.pack.sources import DataPack
from capitation.records.documents import Rating
from capitation.records.years import FinancialYear

Row = Mapping[str, str]
"""Cells of one row by the column's key, as text."""


@dataclass(frozen=True)
class Heading:
    """A column of a template."""

    key: str
    """What it is called in the file that is made."""
    title: str
    """What stands above it."""
    about: str
    """What to write in it."""
    wrong: Callable[[str], str] = lambda _: ""
    """What is expected instead of a cell; nothing where the cell is right."""
    is_needed: bool = True
    """Whether it may not be empty."""
    is_number: bool = False
    """Whether it is a number."""


@dataclass(frozen=True)
class Template:
    """A sheet to be filled in."""

    name: str
    """Its word on the command line and its tab."""
    about: str
    """What it is for."""
    headings: tuple[Heading, ...]
    """Its columns."""
    one_each: tuple[str, ...]
    """Columns whose cells together may stand in one row only."""
    first: Callable[[DataPack], Sequence[Row]]
    """The rows it begins with: those of a data pack."""
    files: Callable[[Sequence[Row], DataPack], Mapping[str, str]]
    """What is made of filled rows: text by the path below the folder that is asked for."""
    together: Callable[[Sequence[Row]], Sequence[tuple[int, str, str]]] = lambda _: ()
    """Faults that show only over several rows: number of the row from 0, key of the column, what is expected."""


def _year(text: str) -> str:
    try:
        FinancialYear(text)
    except DataError:
        return "a financial year such as 2016/17"
    return ""


def _number(text: str) -> str:
    try:
        exact_number(text)
    except DataError as error:
        return f"a number: {error}"
    return ""


def _not_negative(text: str) -> str:
    return _number(text) or ("" if exact_number(text) >= 0 else "a number that is not negative")


def _code(text: str) -> str:
    return "" if text == text.strip() and " " not in text else "a code without spaces"


def _rating(text: str) -> str:
    return "" if text in ("", *get_args(Rating)) else "red, amber or green"


def _csv(rows: Sequence[Row], columns: Sequence[str]) -> str:
    return pl.DataFrame(
        [{key: row.get(key, "") for key in columns} for row in rows], schema=dict.fromkeys(columns, pl.String)
    ).write_csv()


def _lists_of(pack: DataPack) -> Sequence[Row]:
    path = pack.files("places/practice-lists.csv").get("places/practice-lists.csv")
    return (
        []
        if path is None
        else pl.read_csv(path, infer_schema=False).select("year", "practice_code", "registered_persons").to_dicts()
    )


_LISTS = Template(
    "lists", "Registered lists of practices by year.",
    (
        Heading("year", "Financial year", "Such as 2016/17.", _year),
        Heading("practice_code", "Practice code", "The national code: a letter and five digits.", _code),
        Heading("registered_persons", "Registered persons", "The list, or the average of the year; not negative.", _not_negative, is_number=True),
    ),
    ("year", "practice_code"), _lists_of,
    lambda rows, _pack: {"practice-lists.csv": _csv(rows, ("year", "practice_code", "registered_persons"))},
)  # fmt: skip

_PLACES = ("practice_code", "locality_code", "locality_name", "place_code", "place_name")


def _places_of(pack: DataPack) -> Sequence[Row]:
    found = pack.files("places/*.csv")
    if not {"places/membership.csv", "places/localities.csv"} <= set(found):
        return []
    homes = pl.read_csv(found["places/membership.csv"], infer_schema=False).unique(
        "practice_code", keep="last", maintain_order=True
    )
    names = pl.read_csv(found["places/localities.csv"], infer_schema=False).select(
        "locality_code", "locality_name", "place_name"
    )
    return homes.join(names, on="locality_code", how="left").sort("practice_code").select(_PLACES).to_dicts()


def _one_name_a_code(rows: Sequence[Row]) -> list[tuple[int, str, str]]:
    """Rows that call a locality or place otherwise, or put a locality elsewhere, than the first row that has it."""
    faults = []
    for code, said in (("locality_code", ("locality_name", "place_code")), ("place_code", ("place_name",))):
        first: dict[str, Row] = {}
        for number, row in enumerate(rows):
            known = first.setdefault(row.get(code, ""), row)
            faults += [
                (number, key, f"{known.get(key, '')!r}, as in the first row of {row.get(code, '')}")
                for key in said
                if row.get(key, "") != known.get(key, "")
            ]
    return faults


_MAP = Template(
    "places", "Which locality and place each practice belongs to.",
    (
        Heading("practice_code", "Practice code", "One row a practice.", _code),
        Heading("locality_code", "Locality code", "The same code for every practice of a locality.", _code),
        Heading("locality_name", "Locality name", "What people call it."),
        Heading("place_code", "Place code", "The council area, by its national code.", _code),
        Heading("place_name", "Place name", "What people call it."),
    ),
    ("practice_code",), _places_of, lambda rows, _pack: {"map.csv": _csv(rows, _PLACES)}, _one_name_a_code,
)  # fmt: skip


def _assumptions_of(pack: DataPack) -> Sequence[Row]:
    rows: list[Row] = []
    known = Parameters(pack)
    for name in known:
        found = known.parameter(name)
        for each in found.values:
            rows.append(
                {"parameter": name, "from": each.since, "value": str(each.value), "unit": found.unit, "source": each.source, "where": each.where,
                 "low": _text(found.low), "high": _text(found.high), "quality": found.quality or "", "impact": found.impact or "",
                 "owner": found.owner or "", "about": found.about}
            )  # fmt: skip
    return rows


def _text(value: Decimal | None) -> str:
    return "" if value is None else str(value)


def _documents(rows: Sequence[Row], pack: DataPack) -> dict[str, str]:
    """The parameters that differ from those of the pack, a document each, as a folder that stands before the pack has them."""
    every = Parameters(pack)
    known = {name: every.parameter(name) for name in every}
    by: dict[str, list[Row]] = {}
    for row in rows:
        by.setdefault(row["parameter"], []).append(row)
    made = {}
    for name, mine in by.items():
        content = _parameter(mine)
        if name in known and known[name].retired is not None:
            content = {**content, "retired": str(known[name].retired)}
        if name not in known or Parameter.model_validate(content) != known[name]:
            made[f"parameters/{name.replace('.', '/')}.toml"] = _toml(content)
    return made


def _parameter(rows: Sequence[Row]) -> dict[str, object]:
    first = rows[0]
    content: dict[str, object] = {"about": first["about"], "unit": first["unit"]}
    content |= {key: first[key] for key in ("owner", "quality", "impact") if first.get(key)}
    content |= {key: exact_number(first[key]) for key in ("low", "high") if first.get(key)}
    content["values"] = [
        {"from": row["from"], "value": exact_number(row["value"]), "source": row["source"], "where": row["where"]}
        for row in sorted(rows, key=lambda row: row["from"])
    ]
    return content


def _toml(content: Mapping[str, object]) -> str:
    def line(key: str, value: object) -> str:
        escaped = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f"{key} = {value}" if isinstance(value, Decimal) else f'{key} = "{escaped}"'

    lines = [line(key, value) for key, value in content.items() if key != "values"]
    for each in content["values"]:  # type: ignore[attr-defined]
        lines += ["", "[[values]]", *(line(key, value) for key, value in each.items())]
    return "\n".join(lines) + "\n"


def _same_of_a_parameter(rows: Sequence[Row]) -> list[tuple[int, str, str]]:
    """Rows of one parameter that say another unit, range, mark or owner than its first row; assumptions without owner and mark."""
    faults: list[tuple[int, str, str]] = []
    first: dict[str, Row] = {}
    for number, row in enumerate(rows):
        known = first.setdefault(row["parameter"], row)
        faults += [
            (number, key, f"{known.get(key, '')!r}, as in the first row of {row['parameter']}")
            for key in ("unit", "low", "high", "quality", "impact", "owner", "about")
            if row.get(key, "") != known.get(key, "")
        ]
        if row.get("source") == "assumption" and not row.get("owner"):
            faults.append((number, "owner", "who answers for an assumption"))
        if row.get("source") == "assumption" and row.get("quality") not in ("red", "amber"):
            faults.append((number, "quality", "red or amber for an assumption"))
    return faults


_ASSUMPTIONS = Template(
    "assumptions", "Values that a plan takes from the world or assumes, by the year from which each holds.",
    (
        Heading("parameter", "Parameter", "Topic and name, such as growth.registered.", lambda text: "" if text.count(".") == 1 and _code(text) == "" else "topic.name, such as growth.registered"),
        Heading("from", "From year", "The first financial year for which the value holds.", _year),
        Heading("value", "Value", "The number, with the digits printed in its source.", _number, is_number=True),
        Heading("unit", "Unit", "What one of it is."),
        Heading("source", "Source", "Id of the source, or the word assumption.", _code),
        Heading("where", "Where in it", "Page, table, row and column; for an assumption what it rests on."),
        Heading("low", "Low", "Lowest value to test within; may be empty.", _number, is_needed=False, is_number=True),
        Heading("high", "High", "Highest value to test within; may be empty.", _number, is_needed=False, is_number=True),
        Heading("quality", "Evidence", "red, amber or green; an assumption is never green.", _rating, is_needed=False),
        Heading("impact", "Impact", "red, amber or green; may be empty.", _rating, is_needed=False),
        Heading("owner", "Owner", "Who answers for it; needed for an assumption.", is_needed=False),
        Heading("about", "What it is", "The number in words."),
    ),
    ("parameter", "from"), _assumptions_of, _documents, _same_of_a_parameter,
)  # fmt: skip

TEMPLATES = {each.name: each for each in (_LISTS, _MAP, _ASSUMPTIONS)}
"""The templates by name."""


def written(files: Mapping[str, str], out: Path) -> list[Path]:
    """Where the files of a filled template go: one file may be named itself, several go below a folder."""
    if len(files) == 1 and out.suffix:
        return [out]
    return [out / name for name in files]
