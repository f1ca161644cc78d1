"""What a run says to a board on one screen: where the money goes, who is under target, the waterfall, what to check."""

from __future__ import annotations

import polars as pl

from api.boards.commissioners import commissioner_table, moved_between_commissioners
from api.boards.tables import console, show
from api.exports.localities import localities
from capitation.activity.printed_plan import distance_from_target
from capitation.money.pence import board_text, millions_text, pounds_text
from capitation.pack.sources import DataPack
from capitation.run.parts import plan_of
from capitation.run.run import Run
from capitation.run.scenario import Scenario


def show_run(run: Run, pack: DataPack, year: str, *, short: bool = False) -> None:
    """Print the allocations of one year to places, localities and providers, distances from target, and the waterfall.

    Shortened, it is the places and the localities alone, in £ million, a head and as growth.
    """
    total = _thousands(run, year)
    console.print(f"\n[bold]{run.manifest.scenario['title']}[/bold]   run {run.id}")
    if not run.is_of_this_code:
        console.print(run.made_by, markup=False)
    console.print(f"Place-based total {year}: £{total:,} thousand, shared to the penny at every level\n")
    if short:
        show(place_summary(run, year), f"Allocation to places, {year}, £ million")
        show(locality_summary(run, year), f"Allocation to localities, {year}: furthest under target first, £ million")
        return
    show(place_table(run, year), f"Allocation to places, {year}")
    if not run.commissioner_allocation.is_empty():
        show(commissioner_table(run, year), f"Allocations of commissioners, {year}, £ thousand")
    show(locality_table(run, year), f"Allocation to localities and distance from target, {year}")
    if not run.provider_allocation.is_empty():
        show(provider_table(run, year), f"Allocation to providers, {year}")
    show(system_ledger(run, year), f"Waterfall of the system, {year}")
    if not run.place_distance.is_empty():
        show(locality_ledger(run, year), f"Waterfall of the locality furthest under target before the round, {year}")
    _notes(run, pack, year)


def _thousands(run: Run, year: str) -> int:
    scenario = Scenario.model_validate(run.manifest.scenario)
    streams = scenario.placed or [rule.stream for rule in scenario.streams]
    totals = run.stream_total.filter((pl.col("year") == year) & pl.col("stream").is_in(streams))
    return int(totals["total_pence"].sum()) // 100_000


def place_table(run: Run, year: str) -> pl.DataFrame:
    """Allocation of each place by stream, with the whole system in the last row."""
    names = _names(run, "place")
    found = run.allocation.filter((pl.col("year") == year) & pl.col("level").is_in(["place", "system"]))
    wide = found.pivot(on="stream", index=["level", "code"], values="allocation_pence", aggregate_function="sum")
    streams = [c for c in wide.columns if c not in {"level", "code"} and wide[c].sum() != 0]
    return wide.sort("level", "code").select(
        pl.when(pl.col("level") == "system")
        .then(pl.lit("the system"))
        .otherwise(pl.col("code").replace(names))
        .alias("place"),
        *(pl.col(s).alias(f"{s}_pence") for s in streams),
        pl.sum_horizontal(streams).alias("total_pence"),
    )


def locality_table(run: Run, year: str) -> pl.DataFrame:
    """Allocation, target and distances of each locality over the place-based streams, furthest under target first."""
    names = _names(run, "locality")
    total = run.locality_total.filter(pl.col("year") == year).group_by("area_code").agg(pl.col("total_pence").sum())
    distances = run.place_distance.filter(pl.col("year") == year)
    return (
        distances.join(total, on="area_code", how="left", validate="1:1")
        .sort("closing_dft_share", "area_code")
        .select(
            pl.col("area_code").replace(names).alias("locality"),
            pl.col("total_pence").alias("allocation_pence"),
            "target_pence",
            (pl.col("opening_dft_share") * 100).map_elements(_percent, return_dtype=pl.String).alias("opening %"),
            "closing_dft_pence",
            (pl.col("closing_dft_share") * 100).map_elements(_percent, return_dtype=pl.String).alias("closing %"),
        )
        .rename({"closing_dft_pence": "distance_pence"})
    )


def place_summary(run: Run, year: str) -> pl.DataFrame:
    """The table of places in £ million, which fits any terminal."""
    table = place_table(run, year)
    amounts = [name for name in table.columns if name.endswith("_pence")]
    return table.select(
        "place", *(_millions(name).alias(name.removesuffix("_pence").replace("-", " ")) for name in amounts)
    )


def locality_summary(run: Run, year: str) -> pl.DataFrame:
    """Each locality's money in £ million and a head, its growth on the year before, and how far it closes from target."""
    rows = localities(run, year).sort("distance", "area_code", nulls_last=True)
    return rows.select(
        pl.col("name").alias("locality"),
        _millions("total_pence").alias("£m"),
        pl.col("head").round().cast(pl.Int64).alias("£ a head"),
        (pl.col("growth") * 100).map_elements(lambda v: f"{v:+.1f}", return_dtype=pl.String).fill_null("").alias("growth %"),
        _millions("target_pence").alias("target £m"),
        (pl.col("distance") * 100).map_elements(_percent, return_dtype=pl.String).alias("closing %"),
    )  # fmt: skip


def _millions(column: str) -> pl.Expr:
    return pl.col(column).map_elements(millions_text, return_dtype=pl.String)


def provider_table(run: Run, year: str) -> pl.DataFrame:
    """Income of each provider in the year with its share, largest first; money in reserve and the control total close the table."""
    names = _names(run, "provider")
    sums = (
        run.provider_allocation.filter(pl.col("year") == year)
        .group_by("provider_code")
        .agg(pl.col("allocation_pence").sum())
        .sort("allocation_pence", descending=True)
    )
    reserve = int(run.held_money.filter(pl.col("year") == year)["held_pence"].sum())
    rows = sums.select(pl.col("provider_code").replace(names).alias("provider"), "allocation_pence")
    whole = int(sums["allocation_pence"].sum()) + reserve
    closing = {"provider": ["held in reserve and contingency", "control total"], "allocation_pence": [reserve, whole]}
    return pl.concat([rows, pl.DataFrame(closing)]).with_columns(
        (pl.col("allocation_pence") / whole * 100).map_elements(lambda v: f"{v:.2f}", return_dtype=pl.String).alias("%")
    )


def system_ledger(run: Run, year: str) -> pl.DataFrame:
    """The system's waterfall of the year; lines without money are left out."""
    lines = run.ledger.filter((pl.col("year") == year) & (pl.col("subject_kind") == "system"))
    return lines.filter(pl.col("amount_pence") != 0).select("name", "amount_pence", "balance_pence")


def locality_ledger(run: Run, year: str) -> pl.DataFrame:
    """The waterfall of the locality that opened furthest under target."""
    distances = run.place_distance.filter(pl.col("year") == year).sort("opening_dft_share", "area_code")
    code = distances["area_code"][0]
    lines = run.ledger.filter((pl.col("year") == year) & (pl.col("subject_code") == code))
    return lines.select(pl.lit(code).alias("locality"), "name", "amount_pence", "balance_pence")


def _notes(run: Run, pack: DataPack, year: str) -> None:
    relaxed = run.relaxation.filter(pl.col("year") == year)
    text = (
        "no rule of the pace-of-change policy had to give way"
        if relaxed.is_empty()
        else f"{relaxed.height} rule(s) gave way: {', '.join(relaxed['rule'].unique().sort())}"
    )
    console.print(f"Pace of change in {year}: {text}.")
    _distance_of_the_system(run, pack)
    for said in moved_between_commissioners(run, pack, year):
        console.print(said, soft_wrap=True, markup=False)
    _printed_totals(run)
    for of_year, lines in run.gap_bridge.sort("year", "step").group_by("year", maintain_order=True):
        parts = "; ".join(
            f"{name} {board_text(pence)}" for name, pence in lines.select("name", "amount_pence").iter_rows()
        )
        console.print(
            f"Do-nothing deficit {of_year[0]}: {board_text(lines['balance_pence'][-1])} ({parts}).", soft_wrap=True
        )
    weak = run.assumption.filter(pl.col("quality") == "red")
    console.print(
        f"Assumptions: {run.frame('assumption').height} in the log (frame 'assumption'), {weak.height} on weak evidence; the first:",
        soft_wrap=True,
    )
    for row in weak.head(4).iter_rows(named=True):
        console.print(
            f"  - {row['document']}, {row['place']}: {row['about']}", style="dim", soft_wrap=True, markup=False
        )
    for row in run.set_aside.iter_rows(named=True):
        amount = f" ({row['amount']:,.0f} {row['unit']})" if row["unit"] != "none" else ""
        why = (
            f": {row['reason'].rstrip('.')}"
            if row["subject"].endswith("not modelled") or row["unit"] == "pounds"
            else ""
        )
        console.print(f"To note: {row['subject'].rstrip('.')}{amount}{why}.", style="dim", soft_wrap=True, markup=False)


def _printed_totals(run: Run) -> None:
    """Say every printed total that its streams do not add to."""
    for row in run.total_check.filter(pl.col("difference_pence") != 0).sort("year").iter_rows(named=True):
        console.print(
            f"To check: the printed total of {row['year']} is {board_text(row['printed_pence'])}, but its streams "
            f"({row['streams']}) add to {board_text(row['summed_pence'])}: a difference of "
            f"{'-' * (row['difference_pence'] < 0)}£{pounds_text(abs(row['difference_pence']))}. The streams are shared; the printed total is not used.",
            soft_wrap=True,
        )


def _distance_of_the_system(run: Run, pack: DataPack) -> None:
    """What the scenario's own plan prints of the whole system's distance; nothing where it names no plan."""
    plan = plan_of(Scenario.model_validate(run.manifest.scenario), pack)
    printed = None if plan is None else distance_from_target(pack, plan)
    if printed is None:
        return
    moments = dict(printed.select("moment", "distance_from_target_pence").iter_rows())
    console.print(
        f"The system itself is {_side(moments['start'])} its national target at the start of the plan and {_side(moments['end'])} "
        "it at its end, as the plan prints it; the distances above are between localities.",
        soft_wrap=True,
    )


def _side(distance_pence: int) -> str:
    return f"{board_text(abs(distance_pence))} {'under' if distance_pence < 0 else 'over'}"


def _percent(value: float) -> str:
    return f"{value:+.2f}"


def _names(run: Run, kind: str) -> dict[str, str]:
    return dict(run.code_name.filter(pl.col("kind") == kind).select("code", "name").iter_rows())
