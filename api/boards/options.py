"""What contract options say to a board: the opening gap, who pays when activity leaves plan, everyone's position by year."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from api.boards.localities_under import localities_sentence, localities_table
from api.boards.tables import console, show
from api.charts.material import names_of
from capitation.allocation.providers import providers
from capitation.chain.book import organisation_names
from capitation.money.pence import board_text
from capitation.money.rounding import nearest
from capitation.pack.sources import DataPack
from capitation.run.run import Run
from contracts.options.document import ContractOptions


def show_options(run: Run, document: ContractOptions, pack: DataPack, *, differences: bool = True) -> None:
    """Print the comparison of contract options in the document's shown activity case.

    Args:
        run: the run of the options.
        document: the options.
        pack: data pack with the names of organisations.
        differences: also print differences of the first year and the contracts that differ.
    """
    case = document.case_of(document.shown_case).title
    console.print(f"\n[bold]{document.title}[/bold]   run {run.id}")
    if not run.is_of_this_code:
        console.print(run.made_by, markup=False)
    console.print(opening_gap_sentence(run, document), soft_wrap=True)
    if "expected_gap" in run.frames:
        show(gap_table(run, document), f"What each side expects in {document.first_year}, the first year, £ thousand")
    show(who_pays_table(run, document), f"Who pays. {case}: extra cost borne, £ thousand")
    for option in document.options:
        if option.id in run.frame("position")["option"].unique():
            show(position_table(run, document, pack, option.id), f"{option.title}. {case}: positions, £ thousand")
            show_localities(run, document, pack, option.id)
    if differences:
        show_differences(run, document, pack)
    console.print(
        "A position is allocation and income less payments and cost; a commissioner's includes its reserves. Payments for "
        "quality are in it; a fund outside the system that pays them is a payer, and counts in the sum. Cost at plan and its "
        "variable part are marked assumptions. Exact pence stand in the files.",
        style="dim",
        soft_wrap=True,
    )
    for row in run.frame("set_aside").iter_rows(named=True):
        console.print(f"To note: {row['subject']} (£{row['amount'] / 1e6:,.1f}m over all years). {row['reason']}", style="dim", soft_wrap=True)  # fmt: skip


def show_localities(run: Run, document: ContractOptions, pack: DataPack, option: str) -> None:
    """Print the localities under the body of an option in the first year; nothing where no body stands in it."""
    rows = run.frames["body_locality"] if "body_locality" in run.frames else pl.DataFrame()
    if rows.is_empty():
        return
    rows = rows.filter(option=option, activity_case=document.shown_case, year=str(document.first_year))
    if rows.is_empty():
        return
    names, case = names_of(run, pack), document.case_of(document.shown_case).title
    console.print(localities_sentence(rows, names), markup=False, soft_wrap=True)
    show(localities_table(rows, names), f"Localities under the body, {document.first_year}. {case}, £ thousand")


def show_differences(run: Run, document: ContractOptions, pack: DataPack) -> None:
    """Print only what differs between the options: organisations in the first year, and contracts."""
    case = document.case_of(document.shown_case).title
    base = _titles(document)[document.base]
    show(difference_table(run, document, pack), f"Differences from {base}, {document.first_year}. {case}")
    show(contracts_table(run, document), "Contracts that differ between options")


def opening_gap_sentence(run: Run, document: ContractOptions) -> str:
    """The first line of a comparison: what providers expect to spend beyond what commissioners expect to pay."""
    if "expected_gap" not in run.frames:
        return "What each side expects to pay and to spend is not stated, so no opening gap can be shown."
    rows = run.frame("expected_gap").filter(pl.col("is_first_year") & (pl.col("option") == document.base))
    sums = rows.select(pl.col("provider_cost_pence", "commissioner_price_pence", "opening_gap_pence").sum()).row(0)
    spend, pay, gap = (board_text(pence) for pence in sums)
    return f"In {document.first_year} providers expect to spend {spend}; commissioners expect to pay {pay}: an opening gap of {gap}."


def gap_table(run: Run, document: ContractOptions) -> pl.DataFrame:
    """Prices and costs as each side expects them in the first year, by option, over all providers."""
    rows = run.frame("expected_gap").filter(pl.col("is_first_year"))
    sums = rows.group_by("option").agg(pl.col("^.*_pence$").sum())
    columns = {
        "commissioner_price_pence": "commissioners pay",
        "provider_price_pence": "providers expect",
        "commissioner_cost_pence": "cost by commissioners",
        "provider_cost_pence": "cost by providers",
        "price_gap_pence": "price gap",
        "opening_gap_pence": "opening gap",
        "provider_shortfall_pence": "provider shortfall",
    }
    ordered = _in_order(sums, document).select("option", *columns)
    return _thousands(ordered, list(columns)).rename(columns)


def contracts_table(run: Run, document: ContractOptions) -> pl.DataFrame:
    """The contracts that differ between options, each with the groups it pays."""
    groups = {group.id: group.title for group in document.groups}
    rows = run.frame("option_terms").with_columns(pl.col("group").replace(groups))
    by = rows.group_by("option", "contract_title", "pays").agg(pl.col("group").sort().str.join("; ").alias("groups"))
    return _in_order(by.sort("contract_title"), document).select("option", "contract_title", "pays", "groups")


def who_pays_table(run: Run, document: ContractOptions) -> pl.DataFrame:
    """What commissioners and each group of providers bear in every year, by option, with the share of all years."""
    groups = {code: group.title for group in document.groups for code in group.providers}
    rows = run.frame("who_pays").filter(pl.col("activity_case") == document.shown_case)
    years = rows["year"].unique().sort().to_list()
    between = "Bodies between commissioners and providers"
    titles = ["Commissioners", between, *(group.title for group in document.groups), "Funds outside the system"]
    named = rows.with_columns(
        pl.when(pl.col("role") == "commissioner")
        .then(pl.lit(titles[0]))
        .when(pl.col("role") == "payer")
        .then(pl.lit(titles[-1]))
        .otherwise(pl.col("organisation_code").replace_strict(groups, default=between))
        .alias("who bears it")
    )
    by = named.group_by("option", "who bears it", "year").agg(pl.col("borne_pence").sum())
    wide = by.pivot(on="year", on_columns=years, index=["option", "who bears it"], values="borne_pence")
    extra = rows.unique(["option", "year"]).pivot(
        on="year", on_columns=years, index="option", values="extra_cost_pence"
    )
    whole = extra.select("option", pl.lit("all: the extra cost").alias("who bears it"), *years)
    rows = pl.concat([wide.select(whole.columns), whole]).with_columns(pl.sum_horizontal(years).alias("all years"))
    total = dict(extra.select("option", pl.sum_horizontal(years)).iter_rows())
    order = {title: i for i, title in enumerate([*titles, "all: the extra cost"])}
    ordered = rows.filter(pl.any_horizontal(pl.col(years) != 0)).sort(
        pl.col("option").replace_strict(_order_of(document), return_dtype=pl.Int64),
        pl.col("who bears it").replace_strict(order, return_dtype=pl.Int64),
    )
    shares = [
        f"{100 * pence / total[option]:+.1f}" if total[option] else ""
        for option, pence in ordered.select("option", "all years").iter_rows()
    ]
    return _thousands(ordered.with_columns(pl.Series("%", shares)), [*years, "all years"]).with_columns(
        pl.col("option").replace(_titles(document))
    )


def position_table(run: Run, document: ContractOptions, pack: DataPack, option: str) -> pl.DataFrame:
    """Positions of every organisation in every year under one option, the system's in the last row."""
    rows = run.frame("position").filter((pl.col("activity_case") == document.shown_case) & (pl.col("option") == option))
    years = rows["year"].unique().sort().to_list()
    wide = rows.sort("role", "organisation_code", "year").pivot(
        on="year", on_columns=years, index=["role", "organisation_code"], values="position_pence"
    )
    total = wide.select(pl.lit("").alias("role"), pl.lit("the system").alias("organisation"), pl.col(years).sum())
    rows = wide.select(
        "role", pl.col("organisation_code").replace(names_of_organisations(pack)).alias("organisation"), *years
    )
    both = pl.concat([rows, total]).with_columns(pl.sum_horizontal(years).alias("all years"))
    return _thousands(both, [*years, "all years"])


def difference_table(run: Run, document: ContractOptions, pack: DataPack) -> pl.DataFrame:
    """Differences from the base option in the first year: only organisations and options that differ."""
    rows = run.frame("option_difference").filter(
        (pl.col("activity_case") == document.shown_case) & (pl.col("year") == str(document.first_year))
    )
    options = [o.id for o in document.options if o.id in rows["option"].unique()]
    wide = rows.sort("role", "organisation_code").pivot(
        on="option", on_columns=options, index=["role", "organisation_code"], values="difference_pence"
    )
    titles = _titles(document)
    return wide.select(
        "role",
        pl.col("organisation_code").replace(names_of_organisations(pack)).alias("organisation"),
        *(pl.col(o).alias(f"{titles[o]}_pence") for o in options),
    )


def who_pays_by_role(run: Run) -> pl.DataFrame:
    """What commissioners and providers bear of the extra cost, by option, activity case and year."""
    rows = run.frame("who_pays")
    key = ["option", "activity_case", "year", "role"]
    return rows.group_by(key).agg(pl.col("borne_pence").sum(), pl.col("extra_cost_pence").first()).sort(key)


def _thousands(frame: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Pence as whole thousands of pounds, nearest."""
    return frame.with_columns(
        pl.Series(c, [nearest(Decimal(pence) / 100_000) for pence in frame[c]], dtype=pl.Int64) for c in columns
    )


def _order_of(document: ContractOptions) -> dict[str, int]:
    return {option.id: i for i, option in enumerate(document.options)}


def _titles(document: ContractOptions) -> dict[str, str]:
    return {option.id: option.title for option in document.options}


def _in_order(frame: pl.DataFrame, document: ContractOptions) -> pl.DataFrame:
    ordered = frame.sort(
        pl.col("option").replace_strict(_order_of(document), return_dtype=pl.Int64), maintain_order=True
    )
    return ordered.with_columns(pl.col("option").replace(_titles(document)))


def names_of_organisations(pack: DataPack) -> dict[str, str]:
    """Names for people of providers, commissioners, bodies and funds by code."""
    known = dict(providers(pack).select("provider_code", "provider_name").iter_rows())
    return known | organisation_names(pack)
