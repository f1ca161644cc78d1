"""What people take away of a run, sheet by sheet: the summary first, names beside codes, headings in words; at most `MOST` sheets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from api.exports.localities import localities
from api.workbooks.assumption_sheets import AssumptionTable, by_effect, by_rating
from api.workbooks.people_sheet import PeopleSheet
from capitation.records.identity import canonical
from capitation.run.run import Run

MOST = 15
"""Sheets of a workbook for people, its contents among them."""


def people_sheets(
    run: Run, names: Mapping[str, str] | None = None, log: AssumptionTable | None = None
) -> tuple[list[PeopleSheet], list[str]]:
    """The sheets that a run has material for, and in words what it lacks for the others.

    Args:
        run: the run.
        names: names of streams of money, contract options and other codes that the run itself does not name.
        log: its assumptions by their effect, where a log is kept.
    """
    made, lacks = [], []
    called = {**(names or {}), **_named_by(run)}
    for maker, lacking in _MAKERS:
        found = maker(run, called)
        if found is None:
            if lacking:
                lacks.append(lacking)
        else:
            made.append(found)
    assumed = by_rating(_frame(run, "assumption")) if log is None else by_effect(log)
    if assumed is not None:
        made.append(assumed)
    summary = _summary(run, called)
    return [*([] if summary is None else [summary]), *made, _words(made), _inputs(run)], lacks


def _frame(run: Run, name: str) -> pl.DataFrame:
    found = run.frames.get(name)
    return pl.DataFrame() if found is None else found


def _named_by(run: Run) -> dict[str, str]:
    rows = _frame(run, "code_name")
    return {} if rows.is_empty() else dict(rows.select("code", "name").iter_rows())


def _named(column: str, names: Mapping[str, str]) -> pl.Expr:
    return pl.col(column).replace(names)


def _need_year(run: Run) -> str:
    """The year that the run's lists are of; its first year where it names none."""
    document = run.manifest.scenario
    inner = document.get("scenario")
    for each in (document, inner if isinstance(inner, dict) else {}):
        if each.get("need_year"):
            return str(each["need_year"])
    return str(_frame(run, "locality_total")["year"].min())


_ROLE = pl.col("role").replace({"unshared": "nobody yet", "fund": "sustainability funding", "payer": "fund outside"})
"""What a party is, in words."""


def _wide(rows: pl.DataFrame, index: Sequence[str], on: str, values: str, order: Sequence[str] = ()) -> pl.DataFrame:
    """Rows with a column for each value of one key, sums where several meet; in the order named, the others by name."""
    keys = _in_order(rows[on], order)
    sums = rows.group_by(*index, on).agg(pl.col(values).sum())
    return sums.pivot(on=on, on_columns=keys, index=list(index), values=values).sort(*index)


def _in_order(values: pl.Series, order: Sequence[str]) -> list[str]:
    """Distinct values, those of `order` first and as there."""
    found = [str(value) for value in values.unique().sort()]
    return [each for each in dict.fromkeys(order) if each in found] + [each for each in found if each not in order]


def _span(rows: pl.DataFrame) -> str:
    years = rows["year"].unique().sort().to_list()
    return f"{years[0]} to {years[-1]}"


def _summary(run: Run, names: Mapping[str, str]) -> PeopleSheet | None:
    """The figures a board asks for first."""
    said: list[tuple[str, str, int]] = []
    totals = _frame(run, "locality_total")
    if not totals.is_empty():
        by = totals.group_by("year").agg(pl.col("total_pence").sum()).sort("year")
        said += [("Allocation to all localities", str(year), pence) for year, pence in by.iter_rows()]
    chain = _frame(run, "bridge")
    if not chain.is_empty():
        last = str(chain["year"].max())
        rows = chain.filter((pl.col("year") == last) & (pl.col("level") == "system")).sort("step")
        said += [(title, last, pence) for title, pence in rows.select("title", "amount_pence").iter_rows()]
    mix = _frame(run, "mix_line")
    if not mix.is_empty():
        years = f"{_span(mix)}"
        said += [
            (f"The mix of investments: {title}", years, int(mix[name].sum()))
            for title, name in (("its spend", "spend_pence"), ("what it gains the system", "gain_pence"))
        ]
    for option, last, pence in _by_option(run, names):
        said.append((f"All organisations together under {option}", last, pence))
    if not said:
        return None
    rows = pl.DataFrame(said, schema={"Figure": pl.String, "Year": pl.String, "£": pl.Int64}, orient="row")
    return PeopleSheet(
        "Summary",
        "The figures a board asks for first",
        "Pounds; exact to the penny in the cell.",
        rows,
        frozenset({"£"}),
    )


def _by_option(run: Run, names: Mapping[str, str]) -> list[tuple[str, str, int]]:
    rows = _positions(run, names)
    if rows.is_empty():
        return []
    last = str(rows["year"].max())
    by = rows.filter(pl.col("year") == last).group_by("option").agg(pl.col("position_pence").sum())
    sums = dict(by.iter_rows())
    return [(option, last, sums[option]) for option in _in_order(by["option"], list(names.values()))]


def _positions(run: Run, names: Mapping[str, str]) -> pl.DataFrame:
    """Positions by option: those of the plan, else those of the options in the case they show."""
    rows = _frame(run, "plan_position")
    if rows.is_empty():
        rows = _frame(run, "position")
        if rows.is_empty():
            return rows
        case = run.manifest.scenario.get("shown_case")
        cases = rows["activity_case"].unique().sort().to_list()
        rows = rows.filter(pl.col("activity_case") == (case if case in cases else cases[0]))
    return rows.filter(pl.col("role") != "payer").with_columns(_named("option", names))


def _places(run: Run, names: Mapping[str, str]) -> PeopleSheet | None:
    rows = _frame(run, "allocation")
    rows = rows if rows.is_empty() else rows.filter(pl.col("level") == "place")
    if rows.is_empty():
        return None
    wide = _wide(rows, ["code"], "year", "allocation_pence").with_columns(_named("code", names).alias("Place"))
    years = [name for name in wide.columns if name not in ("code", "Place")]
    wide = wide.select("Place", pl.col("code").alias("Code"), *years)
    return PeopleSheet(
        "Places", "Allocation to places by year", "Pounds, all funding streams together.", wide, frozenset(years)
    )


def _localities(run: Run, names: Mapping[str, str]) -> PeopleSheet | None:
    if _frame(run, "locality_total").is_empty():
        return None
    year = _need_year(run)
    rows = localities(run, year).select(
        _named("area_code", names).alias("Locality"), pl.col("area_code").alias("Code"),
        pl.col("persons").round(0).cast(pl.Int64).alias("Registered persons"), pl.col("total_pence").alias("Allocation, £"),
        (pl.col("head") * 100).round(0).cast(pl.Int64).alias("Allocation a head, £"), pl.col("target_pence").alias("Target, £"),
        pl.col("gap_pence").alias("Gap, £"), pl.col("distance").alias("Distance from target"),
    )  # fmt: skip
    money_heads = frozenset(name for name in rows.columns if name.endswith("£"))
    return PeopleSheet(
        "Localities",
        f"Allocation to localities, {year}",
        "Distance is allocation less target, as a share of target.",
        rows,
        money_heads,
        frozenset({"Distance from target"}),
    )


def _streams(run: Run, names: Mapping[str, str]) -> PeopleSheet | None:
    rows = _frame(run, "locality_total")
    if rows.is_empty():
        return None
    year = _need_year(run)
    wide = _wide(rows.filter(pl.col("year") == year), ["area_code"], "stream", "total_pence").rename(
        lambda name: names.get(name, name)
    )
    streams = [name for name in wide.columns if name != "area_code"]
    wide = wide.select(_named("area_code", names).alias("Locality"), pl.col("area_code").alias("Code"), *streams)
    return PeopleSheet(
        "Streams", f"Allocation to localities by funding stream, {year}", "Pounds.", wide, frozenset(streams)
    )


def _practices(run: Run, names: Mapping[str, str]) -> PeopleSheet | None:
    rows = _frame(run, "allocation")
    rows = rows if rows.is_empty() else rows.filter(pl.col("level") == "practice")
    if rows.is_empty():
        return None
    year = _need_year(run)
    homes = _frame(run, "membership").unique("practice_code").select("practice_code", "locality_code")
    people = (
        _frame(run, "population")
        .filter(pl.col("year") == year)
        .group_by("practice_code")
        .agg(pl.col("registered_persons").sum())
    )
    rows = (
        rows.filter(pl.col("year") == year).group_by("code").agg(pl.col("allocation_pence").sum())
        .join(homes, left_on="code", right_on="practice_code", how="left").join(people, left_on="code", right_on="practice_code", how="left")
        .sort("locality_code", "code")
        .select(
            _named("code", names).alias("Practice"), pl.col("code").alias("Code"), _named("locality_code", names).alias("Locality"),
            pl.col("registered_persons").round(0).cast(pl.Int64).alias("Registered persons"), pl.col("allocation_pence").alias("Allocation, £"),
        )
    )  # fmt: skip
    return PeopleSheet(
        "Practices",
        f"Allocation to practices, {year}",
        "What a practice's registered patients bring to its locality; not a payment to the practice.",
        rows,
        frozenset({"Allocation, £"}),
    )


def _providers(run: Run, names: Mapping[str, str]) -> PeopleSheet | None:
    rows = _frame(run, "provider_allocation")
    if rows.is_empty():
        return None
    wide = _wide(rows, ["provider_code"], "year", "allocation_pence")
    years = [name for name in wide.columns if name != "provider_code"]
    wide = wide.select(_named("provider_code", names).alias("Provider"), pl.col("provider_code").alias("Code"), *years)
    return PeopleSheet(
        "Providers",
        "What flows to providers by year",
        "Pounds, by the data pack's patient flows.",
        wide,
        frozenset(years),
    )


def _deficit(run: Run, names: Mapping[str, str]) -> PeopleSheet | None:
    rows = _frame(run, "bridge")
    if rows.is_empty():
        return None
    rows = rows.filter(pl.col("level") == "system")
    wide = _wide(rows, ["step", "title"], "year", "amount_pence")
    years = [name for name in wide.columns if name not in ("step", "title")]
    sources = (
        rows.sort("year")
        .group_by("title", maintain_order=True)
        .agg(_named("source", names).last().alias("Where it comes from"))
    )
    wide = (
        wide.join(sources, on="title", how="left")
        .sort("step")
        .select(pl.col("title").alias("Line"), *years, "Where it comes from")
    )
    return PeopleSheet(
        "Deficit",
        "From the opening deficit to what is left",
        "Pounds; deficits are positive.",
        wide,
        frozenset(years),
    )


def _organisations(run: Run, names: Mapping[str, str]) -> PeopleSheet | None:
    rows = _frame(run, "organisation_position")
    if rows.is_empty():
        return None
    last = str(rows["year"].max())
    money = {
        "income_pence": "Income, £", "cost_pence": "Cost, £", "sustainability_pence": "Sustainability funding, £", "position_pence": "Position, £",
        "control_total_pence": "Control total, £", "margin_pence": "Margin, £",
    }  # fmt: skip
    rows = rows.filter(pl.col("year") == last).sort("role", "organisation_code").select(
        _named("organisation_code", names).alias("Organisation"), pl.col("organisation_code").alias("Code"), _ROLE.alias("Role"),
        *(pl.col(name).alias(title) for name, title in money.items()),
        pl.when(pl.col("is_met").is_null()).then(pl.lit("none set")).when(pl.col("is_met")).then(pl.lit("yes")).otherwise(pl.lit("no")).alias("Control total met"),
    )  # fmt: skip
    return PeopleSheet(
        "Organisations",
        f"Organisations if nothing is done, {last}",
        "Pounds; surpluses are positive.",
        rows,
        frozenset(money.values()),
    )


def _options(run: Run, names: Mapping[str, str]) -> PeopleSheet | None:
    rows = _positions(run, names)
    if rows.is_empty():
        return None
    last = str(rows["year"].max())
    wide = _wide(
        rows.filter(pl.col("year") == last),
        ["role", "organisation_code"],
        "option",
        "position_pence",
        list(names.values()),
    )
    options = [name for name in wide.columns if name not in ("role", "organisation_code")]
    wide = wide.select(
        _named("organisation_code", names).alias("Organisation"),
        pl.col("organisation_code").alias("Code"),
        _ROLE.alias("Role"),
        *options,
    )
    return PeopleSheet(
        "Contract options",
        f"What each organisation is left with under each contract option, {last}",
        "Pounds; surpluses are positive.",
        wide,
        frozenset(options),
    )


def _who_pays(run: Run, names: Mapping[str, str]) -> PeopleSheet | None:
    rows = _frame(run, "who_pays")
    if rows.is_empty():
        return None
    sums = rows.group_by("option", "activity_case", "year", "role").agg(pl.col("borne_pence").sum())
    sums = sums.filter((pl.col("borne_pence") != 0).any().over("role")).with_columns(_ROLE.alias("role"))
    ranks = {name: number for number, name in enumerate(names.values())}
    wide = _wide(
        sums.with_columns(_named("option", names)),
        ["option", "activity_case", "role"],
        "year",
        "borne_pence",
    )
    years = [name for name in wide.columns if name not in ("option", "activity_case", "role")]
    wide = wide.sort(pl.col("option").replace_strict(ranks, default=len(ranks)), maintain_order=True)
    wide = wide.with_columns(_named("activity_case", names)).rename(
        {"option": "Contract option", "activity_case": "Activity case", "role": "Who bears it"}
    )
    return PeopleSheet(
        "Who pays",
        "Who bears the extra cost when activity leaves plan",
        "Pounds by year; a minus is a cost saved.",
        wide,
        frozenset(years),
    )


def _mix(run: Run, names: Mapping[str, str]) -> PeopleSheet | None:
    rows = _frame(run, "mix_line")
    if rows.is_empty():
        return None
    money = {
        "cost_released_pence": "Cost released, £",
        "savings_pence": "Savings, £",
        "spend_pence": "Cost of solution, £",
        "gain_pence": "Net gain, £",
    }
    sums = rows.group_by("solution", "title").agg(
        pl.col("avoided_units").sum(), *(pl.col(name).sum() for name in money)
    )
    starts = first_starts(run.frames)
    sums = sums.sort("gain_pence", "solution", descending=[True, False]).select(
        pl.col("title").alias("Solution"),
        pl.col("solution").replace_strict(starts, default=None, return_dtype=pl.String).alias("First start"),
        pl.col("avoided_units").alias("Activity avoided"),
        *(pl.col(name).alias(title) for name, title in money.items()),
    )
    return PeopleSheet(
        "Investment mix",
        f"The mix of investments, {_span(rows)} together",
        "Net gain is cost released plus savings, less the cost of the solution.",
        sums,
        frozenset(money.values()),
    )


def first_starts(frames: Mapping[str, pl.DataFrame]) -> dict[str, str]:
    """The year in which each solution of the mix first starts anywhere."""
    rows = frames.get("mix_launches", pl.DataFrame())
    if rows.is_empty():
        return {}
    started = rows.filter(pl.col("start") > 0).group_by("solution").agg(pl.col("year").min())
    return dict(started.sort("solution").iter_rows())


def _words(made: Sequence[PeopleSheet]) -> PeopleSheet:
    """What each heading means, sheet by sheet; years and other headings that say it themselves are named once."""
    said = []
    for sheet in made:
        for head in sheet.rows.columns:
            unit = (
                "pounds, exact to the penny"
                if head in sheet.money
                else "fraction of 1, shown as a percentage"
                if head in sheet.shares
                else _unit(sheet.rows.schema[head])
            )
            said.append((sheet.name, head, unit))
    rows = pl.DataFrame(said, schema={"Sheet": pl.String, "Heading": pl.String, "Unit": pl.String}, orient="row")
    grouped = (
        rows.group_by("Sheet", "Unit", maintain_order=True)
        .agg(pl.col("Heading").str.join("; "))
        .select("Sheet", "Heading", "Unit")
    )
    return PeopleSheet("Words", "What the columns contain", "Headings that share a unit are listed together.", grouped)


def _unit(dtype: pl.DataType) -> str:
    return "whole number" if dtype.is_integer() else "number" if dtype.is_numeric() else "words"


def _inputs(run: Run) -> PeopleSheet:
    rows = [("Run", run.id), ("Made by", run.made_by)]
    document = {key: value for key, value in run.manifest.scenario.items() if not isinstance(value, (list, dict))}
    rows += [
        (f"Document: {key.replace('_', ' ')}", value if isinstance(value, str) else canonical(value))
        for key, value in document.items()
    ]
    rows += [(f"Note {number}", note) for number, note in enumerate(run.manifest.notes, 1)]
    rows += [(f"Input {name}", checksum) for name, checksum in run.manifest.inputs.items()]
    frame = pl.DataFrame(rows, schema={"What": pl.String, "Content": pl.String}, orient="row")
    return PeopleSheet(
        "Inputs",
        "What the run was made from",
        "The checksum of every file it read; the same inputs give the same run.",
        frame,
    )


_CHAIN = "the chain from the opening deficit (key chain of the scenario)"
_MAKERS: tuple[tuple[Callable[[Run, Mapping[str, str]], PeopleSheet | None], str], ...] = (
    (_localities, "allocations"),
    (_places, ""),
    (_streams, ""),
    (_providers, ""),
    (_practices, ""),
    (_deficit, _CHAIN),
    (_organisations, "positions of organisations (key organisations of the scenario)"),
    (_options, "contract options (`capitation plan` or `capitation compare`)"),
    (_who_pays, ""),
    (_mix, "the mix of investments (`capitation plan`)"),
)  # fmt: skip
"""The sheets in their order between the summary and the words, each with what is said where a run has nothing for it."""
