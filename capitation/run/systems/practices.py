"""The practices of a new system, found in a folder of published tables or in a user's own file.

A folder may hold any tables. One with practices, their lists and need components of the year is taken for the need; every other
table with one row a practice adds what is missing: names, network, district, commissioner, postcode, coordinates. What is still
missing is filled by a stated rule and listed, never silently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from capitation.errors import Faults, SourceError, UnknownNameError
from capitation.money.rounding import MICRO
from capitation.pack.tables import read_table
from capitation.places.membership import HEADINGS, ResolvedPractice
from capitation.records.frames import Frame
from capitation.records.years import FinancialYear
from capitation.weighting.formula import NeedCatalogue
from capitation.weighting.inputs import AREA_COLUMNS

EVERYWHERE = "ENG"
"""Area code of all practices of the tables."""

DETAILS = {
    "practice_name": (),
    "commissioner_code": (*HEADINGS["commissioner_code"], "ccg21_code"),
    "network_code": HEADINGS["network_code"],
    "network_name": HEADINGS["network_name"],
    "district_code": HEADINGS["district_code"],
    "district_name": HEADINGS["district_name"],
    "postcode": HEADINGS["postcode"],
    "latitude": (),
    "longitude": (),
}
"""What is wanted of each practice beside its need, and the headings it goes by in published tables."""

_NUMBERS = ("latitude", "longitude")
_NONE = ("NULL", "U", "")
_ENDINGS = (".parquet", ".csv", ".xlsx")


@dataclass(frozen=True)
class NeedTable:
    """A table with practices, lists and need components, as text or numbers as its file has them."""

    path: Path
    rows: pl.DataFrame
    years: tuple[FinancialYear, ...]
    """Years of need that it serves."""
    list_column: str
    """Its column of registered persons."""


@dataclass(frozen=True)
class FoundPractices:
    """The practices of a system with their need components and everything that localities need."""

    need: pl.DataFrame
    """Rows of the need table, its own columns, of the need year."""
    practices: Frame[ResolvedPractice]
    """Names, places, networks and coordinates."""
    persons: Mapping[str, float]
    """Registered persons of the system by year, as far as the table gives them."""
    year: FinancialYear
    """Year of the need."""
    list_column: str
    """Column of the lists."""
    area_name: str | None
    """Name of the area, where a table has one."""
    stand_ins: pl.DataFrame
    """practice_code, stands_at, code: practices without coordinates of their own, and whose middle they stand at."""


def tables_of(folder: Path) -> list[tuple[Path, pl.DataFrame]]:
    """Tables with a column practice_code of a folder and the folders in it, in order of their names.

    Raises:
        SourceError: it is no folder, or has no such table.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder}: found no such folder; expected a folder of published tables of practices")
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in _ENDINGS and p.is_file()):
        if path.suffix == ".parquet":
            if "practice_code" in pl.read_parquet_schema(path):
                found.append((path, pl.read_parquet(path)))
        elif "practice_code" in (cells := read_table(path).frame).columns:
            found.append((path, cells))
    if not found:
        raise SourceError(
            f"{folder}: found no table with a column 'practice_code'; expected the practices' need components and, beside "
            "them, a map of practices"
        )
    return found


def need_tables(tables: Sequence[tuple[Path, pl.DataFrame]], catalogue: NeedCatalogue) -> list[NeedTable]:
    """Those of the tables that hold lists and need components of at least one year that a vintage knows."""
    components = {c.column for c in catalogue.components.values()}
    found = []
    for path, rows in tables:
        if len(components & set(rows.columns)) < 2:
            continue
        own = set(rows.get_column("year").unique()) if "year" in rows.columns else None
        years = []
        column = None
        for vintage in sorted(catalogue.vintages.values(), key=lambda v: v.year):
            name = next((n for n in (vintage.population.column, "registered_persons") if n in rows.columns), None)
            if name is not None and (own is None or str(vintage.year) in own):
                column = column or name
                years.append(vintage.year)
        if column is not None:
            found.append(NeedTable(path, rows, tuple(years), column))
    return found


def find_practices(
    tables: Sequence[tuple[Path, pl.DataFrame]],
    catalogue: NeedCatalogue,
    area: str | None,
    years: Sequence[FinancialYear],
) -> FoundPractices:
    """The practices of an area in the first of `years` for which a table has their need.

    Raises:
        SourceError: no table has need components of these years.
        UnknownNameError: no practice lies in an area of this code.
    """
    known = need_tables(tables, catalogue)
    served = sorted({year for table in known for year in table.years if year in years})
    if not served:
        listed = ", ".join(years)
        raise SourceError(
            f"{tables[0][0].parent}: found no table of need components of {listed}; expected one with wp_... columns"
        )
    codes: set[str] = set()
    for year in served:
        for table in (t for t in known if year in t.years):
            rows = _of_year(table, year)
            details = _detailed(rows, [t for t in tables if t[0] != table.path])
            mine, name = _in_area(details, area, codes, set(rows.columns))
            if mine is not None and mine.height:
                return _found(table, rows, mine, name, year)
    raise UnknownNameError("area", area or "", codes, where="the tables' columns of codes")


def _found(
    table: NeedTable, rows: pl.DataFrame, mine: pl.DataFrame, name: str | None, year: FinancialYear
) -> FoundPractices:
    own = rows.filter(pl.col("practice_code").is_in(mine["practice_code"].implode())).sort("practice_code")
    repeated = own.filter(pl.col("practice_code").is_duplicated())["practice_code"].unique().sort()
    faults = Faults()
    for code in repeated:
        faults.add(f"{table.path}: practice {code}", f"more than one row of {year}", "one row a practice")
    faults.raise_if_any(SourceError, f"{table.path}: practices are given twice")
    if own[table.list_column].cast(pl.Float64, strict=False).null_count():
        where = f"{table.path}: column {table.list_column!r}"
        raise SourceError(
            f"{where}: found cells of {year} that are no number; expected registered persons in every row"
        )
    persons: dict[str, float] = {str(year): float(own[table.list_column].cast(pl.Float64).sum())}
    if "year" in table.rows.columns:
        sums = (
            table.rows.filter(pl.col("practice_code").is_in(mine["practice_code"].implode()))
            .group_by("year")
            .agg(pl.col(table.list_column).cast(pl.Float64, strict=False).sum())
        )
        persons = {**dict(sums.iter_rows()), **persons}
    listed = own.select("practice_code", registered_persons=pl.col(table.list_column).cast(pl.Float64))
    complete, stand_ins = _completed(
        mine.drop("registered_persons", strict=False).join(listed, on="practice_code", how="inner", validate="1:1")
    )
    return FoundPractices(own, complete, persons, year, table.list_column, name, stand_ins)


def _of_year(table: NeedTable, year: FinancialYear) -> pl.DataFrame:
    if "year" not in table.rows.columns:
        return table.rows
    return table.rows.filter(pl.col("year") == str(year))


def _detailed(rows: pl.DataFrame, others: Sequence[tuple[Path, pl.DataFrame]]) -> pl.DataFrame:
    """Practices with every wanted detail, from their own table first, then from the others; codes of areas are kept beside."""
    work = rows
    for _, other in sorted(others, key=lambda t: ("latitude" not in t[1].columns, str(t[0]))):
        if other["practice_code"].is_duplicated().any():
            continue
        wanted = {
            c: f"other:{c}"
            for c in other.columns
            if c != "practice_code" and other.schema[c] in {pl.String, pl.Float64}
        }
        work = work.join(
            other.select("practice_code", *(pl.col(c).alias(n) for c, n in wanted.items())),
            on="practice_code", how="left", validate="m:1",
        )  # fmt: skip
        work = work.with_columns(
            (
                pl.coalesce(c, n)
                if c in work.columns and work.schema[c] == work.schema[n]
                else pl.col(c if c in work.columns else n)
            ).alias(c)
            for c, n in wanted.items()
        ).drop(wanted.values())
    return work


def _in_area(
    details: pl.DataFrame, area: str | None, codes: set[str], own: set[str]
) -> tuple[pl.DataFrame | None, str | None]:
    """The practices of an area, with the wanted details under their names; nothing where no column has its code."""
    columns = [
        c for c in details.columns if c.endswith("_code") and c not in {"practice_code", "pcn_code", "network_code"}
    ]
    columns = [c for c in columns if details.schema[c] == pl.String]
    if area is None or area == EVERYWHERE:
        return _named(details, own), None
    for column in columns:
        codes.update(str(code) for code in details[column].drop_nulls().unique())
        mine = details.filter(pl.col(column) == area)
        if mine.height:
            title = column.removesuffix("_code") + "_name"
            names = mine[title].drop_nulls() if title in mine.columns else pl.Series([], dtype=pl.String)
            return _named(mine, own), str(names[0]) if len(names) else None
    return None, None


def _named(rows: pl.DataFrame, own: set[str]) -> pl.DataFrame:
    found: list[pl.Expr] = []
    for wanted, headings in DETAILS.items():
        dtype = pl.Float64 if wanted in _NUMBERS else pl.String
        given = [pl.col(n).cast(dtype, strict=False) for n in (wanted, *headings) if n in rows.columns]
        if dtype == pl.String:
            given = [pl.when(~each.is_in(_NONE)).then(each) for each in given]
        value = pl.coalesce(given) if given else pl.lit(None, dtype=dtype)
        found.append(value.alias(wanted))
    boards = [pl.col(n) for n in AREA_COLUMNS["icb_code"] if n in rows.columns]
    named = rows.select("practice_code", *found, *(b.alias("board") for b in boards[:1]))
    if boards:
        groups = own & {"commissioner_code", *DETAILS["commissioner_code"]}
        of_board = not groups and bool(own & set(AREA_COLUMNS["icb_code"]))
        first = pl.coalesce("board", "commissioner_code") if of_board else pl.coalesce("commissioner_code", "board")
        named = named.with_columns(first.alias("commissioner_code"))
    return named.drop("board", strict=False)


def _completed(rows: pl.DataFrame) -> tuple[Frame[ResolvedPractice], pl.DataFrame]:
    """Each practice with a network, a district and coordinates: its own, else its network's, else its commissioner's."""
    group = pl.coalesce("commissioner_code", pl.lit("SYSTEM"))
    work = rows.sort("practice_code").with_columns(group.alias("commissioner_code"))
    work = work.with_columns(
        pl.coalesce("network_code", pl.format("{}-none", "commissioner_code")).alias("network_code"),
        pl.coalesce("network_name", pl.format("practices of {} without a network", "commissioner_code")).alias(
            "network_name"
        ),
    )
    names = (
        work.drop_nulls("district_code")
        .group_by("district_code")
        .agg(pl.col("district_name").drop_nulls().min().alias("named"))
    )
    for near in ("network_code", "commissioner_code"):
        common = (
            work.drop_nulls("district_code").group_by(near, "district_code").len()
            .sort(near, "len", "district_code", descending=[False, True, False])
            .group_by(near, maintain_order=True).agg(pl.col("district_code").first().alias("usual"))
        )  # fmt: skip
        work = work.join(common, on=near, how="left", validate="m:1")
        work = work.with_columns(pl.coalesce("district_code", "usual").alias("district_code")).drop("usual")
    work = work.join(names, on="district_code", how="left", validate="m:1")
    work = work.with_columns(pl.coalesce("district_name", "named").alias("district_name")).drop("named")
    work = work.with_columns(
        place_code=pl.coalesce("district_code", "commissioner_code"),
        place_name=pl.coalesce("district_name", "district_code", "commissioner_code"),
        stands_at=pl.lit(None, dtype=pl.String),
        at=pl.lit(None, dtype=pl.String),
    )
    groups: tuple[tuple[str | None, str], ...] = (
        ("network_code", "middle of its network"),
        ("commissioner_code", "middle of its commissioner"),
        (None, "middle of the system"),
    )
    for column, words in groups:
        work = _at_middle(work, column, words)
    stand_ins = work.filter(pl.col("stands_at").is_not_null()).select("practice_code", "stands_at", code="at")
    return ResolvedPractice.validate(work.select(*ResolvedPractice.columns())), stand_ins


def _at_middle(work: pl.DataFrame, column: str | None, words: str) -> pl.DataFrame:
    """Practices without coordinates put at the mean of the located ones of their group, added in whole millionths of a degree."""
    key = pl.col(column) if column else pl.lit("all")
    work = work.with_columns(key.alias("group"))
    located = work.filter(
        pl.col("latitude").is_not_null() & pl.col("longitude").is_not_null() & pl.col("stands_at").is_null()
    )
    means = located.group_by("group").agg(
        *((pl.col(a) * MICRO).round().cast(pl.Int64).sum().alias(f"{a}_sum") for a in _NUMBERS), pl.len().alias("n")
    )
    work = work.join(means, on="group", how="left", validate="m:1")
    missing = (pl.col("latitude").is_null() | pl.col("longitude").is_null()) & pl.col("n").is_not_null()
    return work.with_columns(
        *(
            pl.when(missing).then(pl.col(f"{a}_sum") / (pl.col("n") * MICRO)).otherwise(pl.col(a)).alias(a)
            for a in _NUMBERS
        ),
        pl.when(missing).then(pl.lit(words)).otherwise(pl.col("stands_at")).alias("stands_at"),
        pl.when(missing).then(pl.col("group")).otherwise(pl.col("at")).alias("at"),
    ).drop("group", "n", *(f"{a}_sum" for a in _NUMBERS))
