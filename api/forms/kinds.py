"""The templates there are: what their columns hold, what they begin with, and what is made of them when they come back."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import polars as pl

from api.forms import cells
from capitation.errors import suggest
from capitation.money.written_numbers import exact_number
from capitation.pack.parameters import Parameter, Parameters
from capitation.pack.plausibility import plausibility_bands
from capitation.pack.sources import DataPack
from capitation.pack.total_rows import total_rows

_HINTS = 200
"""Codes for which a suggestion is looked for."""
_ALL_BUT = 0.9
"""How alike a name is to one that is known to be taken as a slip of it."""

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
class Unknown:
    """What the rows of a template name and a data pack does not have."""

    faults: tuple[tuple[int, str, str], ...] = ()
    """Number of the row from 0, key of the column, what is expected."""
    is_other_system: bool = False
    """Whether the pack knows not one of the codes, so that they may be those of another system."""
    note: str = ""
    """What to say where they are taken as that."""


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
    together: Callable[[Sequence[Row], DataPack], Sequence[tuple[int, str, str]]] = lambda _rows, _pack: ()
    """Faults that show only over several rows, or beside what is plausible: number of the row from 0, key of the column, what is expected."""
    unknown: Callable[[Sequence[Row], DataPack], Unknown] = lambda _rows, _pack: Unknown()
    """Cells that name what a data pack does not have."""


def _csv(rows: Sequence[Row], columns: Sequence[str]) -> str:
    return pl.DataFrame(
        [{key: row.get(key, "") for key in columns} for row in rows], schema=dict.fromkeys(columns, pl.String)
    ).write_csv()


def _unknown_practices(rows: Sequence[Row], pack: DataPack) -> Unknown:
    """Practices that no table of the pack has; a pack without practices knows nothing, and nothing is looked up."""
    known: set[str] = set()
    for path in pack.files("places/*.csv").values():
        columns = pl.scan_csv(path, infer_schema=False).collect_schema().names()
        if "practice_code" in columns:
            known |= set(pl.read_csv(path, columns=["practice_code"], infer_schema=False).to_series().drop_nulls())
    if not known:
        return Unknown()
    asked = {row["practice_code"] for row in rows} - {""}
    hints = {code: cells.likest_code(code, known) for code in sorted(asked - known)[:_HINTS]}
    faults = tuple(
        (number, "practice_code", f"a practice of the data pack. {hints.get(row['practice_code'], '')}".rstrip())
        for number, row in enumerate(rows)
        if row["practice_code"] and row["practice_code"] not in known
    )
    note = (
        f"none of the {len(asked)} practices is in the data pack that ships, so their codes were taken as those of another system and not looked up; "
        "name its pack with --data"
    )
    return Unknown(faults, not asked & known, note)


def _totals(rows: Sequence[Row], labels: Sequence[str], amounts: Sequence[str]) -> list[tuple[int, str, str]]:
    """Rows that are the sum of the others, or are called so, and would be counted twice."""
    frame = pl.DataFrame([{key: row[key] for key in (*labels, *amounts)} for row in rows])
    return [
        (found.row, labels[0], "a practice; a row of totals would be counted twice. Remove it")
        for found in total_rows(frame, labels, amounts)
    ]


def _too_long(rows: Sequence[Row], pack: DataPack) -> list[tuple[int, str, str]]:
    """Lists longer than any practice can have, by the pack's plausibility bands."""
    bands = plausibility_bands(pack).filter(pl.col("quantity") == "list-size").drop_nulls("refuse_above")
    if bands.is_empty():
        return []
    most = float(bands["refuse_above"].item())
    return [
        (number, "registered_persons", f"fewer than {most:,.0f} persons, the most that one practice can have")
        for number, row in enumerate(rows)
        if not cells.not_negative(row["registered_persons"])
        and exact_number(row["registered_persons"]) >= Decimal(str(most))
    ]


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
        Heading("year", "Financial year", "Such as 2016/17.", cells.year),
        Heading("practice_code", "Practice code", "The national code: a letter and five digits.", cells.code),
        Heading("registered_persons", "Registered persons", "The list, or the average of the year; not negative.", cells.not_negative, is_number=True),
    ),
    ("year", "practice_code"), _lists_of,
    lambda rows, _pack: {"practice-lists.csv": _csv(rows, ("year", "practice_code", "registered_persons"))},
    lambda rows, pack: [*_totals(rows, ("practice_code",), ("registered_persons",)), *_too_long(rows, pack)], _unknown_practices,
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


def _one_name_a_code(rows: Sequence[Row], _pack: DataPack) -> list[tuple[int, str, str]]:
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
        Heading("practice_code", "Practice code", "One row a practice.", cells.code),
        Heading("locality_code", "Locality code", "The same code for every practice of a locality.", cells.code),
        Heading("locality_name", "Locality name", "What people call it.", cells.name),
        Heading("place_code", "Place code", "The council area, by its national code.", cells.code),
        Heading("place_name", "Place name", "What people call it.", cells.name),
    ),
    ("practice_code",), _places_of, lambda rows, _pack: {"map.csv": _csv(rows, _PLACES)}, _one_name_a_code, _unknown_practices,
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


def _unknown_sources(rows: Sequence[Row], pack: DataPack) -> Unknown:
    """Sources that the pack does not have, and names that are all but those of its parameters."""
    sources, parameters = {*pack.sources, "assumption"}, list(Parameters(pack))
    faults = []
    for number, row in enumerate(rows):
        name = row["parameter"]
        near = (
            [] if not name or name in parameters else difflib.get_close_matches(name, parameters, n=1, cutoff=_ALL_BUT)
        )
        if near:
            faults.append((number, "parameter", f"a parameter of the data pack. Did you mean {near[0]!r}?"))
        if row["source"] and row["source"] not in sources:
            known = suggest(row["source"], sources)
            faults.append((number, "source", f"assumption, or the id of a source of the data pack. {known}"))
    return Unknown(tuple(faults))


def _same_of_a_parameter(rows: Sequence[Row], _pack: DataPack) -> list[tuple[int, str, str]]:
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
        low, high = (
            exact_number(row[end]) if row.get(end) and not cells.number(row[end]) else None for end in ("low", "high")
        )
        if low is not None and high is not None and low > high:
            faults.append((number, "high", f"a number that is not below the low end, {low}"))
        if row.get("source") == "assumption" and not row.get("owner"):
            faults.append((number, "owner", "who answers for an assumption"))
        if row.get("source") == "assumption" and row.get("quality") not in ("red", "amber"):
            faults.append((number, "quality", "red or amber for an assumption"))
    return faults


_ASSUMPTIONS = Template(
    "assumptions", "Values that a plan takes from the world or assumes, by the year from which each holds.",
    (
        Heading("parameter", "Parameter", "Topic and name, such as growth.registered.", cells.parameter),
        Heading("from", "From year", "The first financial year for which the value holds.", cells.year),
        Heading("value", "Value", "The number, with the digits printed in its source.", cells.number, is_number=True),
        Heading("unit", "Unit", "What one of it is.", cells.words),
        Heading("source", "Source", "Id of the source, or the word assumption.", cells.code),
        Heading("where", "Where in it", "Page, table, row and column; for an assumption what it rests on.", cells.words),
        Heading("low", "Low", "Lowest value to test within; may be empty.", cells.number, is_needed=False, is_number=True),
        Heading("high", "High", "Highest value to test within; may be empty.", cells.number, is_needed=False, is_number=True),
        Heading("quality", "Evidence", "red, amber or green; an assumption is never green.", cells.rating, is_needed=False),
        Heading("impact", "Impact", "red, amber or green; may be empty.", cells.rating, is_needed=False),
        Heading("owner", "Owner", "Who answers for it; needed for an assumption.", cells.name, is_needed=False),
        Heading("about", "What it is", "The number in words.", cells.words),
    ),
    ("parameter", "from"), _assumptions_of, _documents, _same_of_a_parameter, _unknown_sources,
)  # fmt: skip

TEMPLATES = {each.name: each for each in (_LISTS, _MAP, _ASSUMPTIONS)}
"""The templates by name."""


def written(files: Mapping[str, str], out: Path) -> list[Path]:
    """Where the files of a filled template go: one file may be named itself, several go below a folder."""
    if len(files) == 1 and out.suffix:
        return [out]
    return [out / name for name in files]
