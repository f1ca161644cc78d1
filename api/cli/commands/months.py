"""`capitation months`: a run's cash and activity by month, what organisations owe each other, and where two parties disagree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from api.boards.tables import console, print_json, show, write_frame
from api.cli.given import GivenTables
from api.cli.options import DataOption, JsonOption, RunFolder
from capitation.errors import SourceError, UnknownNameError
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack
from capitation.run.months.balances import balances, disagreements
from capitation.run.months.monthly import monthly_activity, monthly_cash
from capitation.run.run import load_run


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("months")(months)


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def months(
    run: RunFolder,
    year: Annotated[str | None, typer.Option(help="Year to show; the first of the run by default.")] = None,
    organisation: Annotated[str | None, typer.Option(help="Code of one commissioner or provider.")] = None,
    statement: Annotated[
        Path | None,
        typer.Option(
            help="Another party's balances (month, commissioner_code, provider_code, owed_pounds), to compare with ours."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for cash.csv, activity.csv and balances.csv.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a year by month: cash paid and earned, activity, inter-organisation balances; compare another party's balances."""
    found = load_run(run)
    pack = DataPack(pack_folder(data))
    known = found.provider_allocation.get_column("year").unique().sort().to_list()
    if not known:
        message = f"{run}: this run pays no provider; expected a scenario with services and providers"
        raise SourceError(message)
    chosen = year or known[0]
    cash = monthly_cash(found, pack, (chosen,))
    activity = monthly_activity(found, pack, (chosen,) if chosen in found.locality_activity["year"].to_list() else ())
    owed = balances(cash)
    differ = None if statement is None else disagreements(owed, GivenTables().read(statement))
    if organisation is not None:
        parties = {*cash["commissioner_code"], *cash["provider_code"]}
        if organisation not in parties:
            raise UnknownNameError("organisation", organisation, parties, where="--organisation")
    mine = (
        pl.lit(value=True)
        if organisation is None
        else (pl.col("commissioner_code") == organisation) | (pl.col("provider_code") == organisation)
    )
    if out is not None:
        for name, frame in (("cash", cash.filter(mine)), ("activity", activity), ("balances", owed.filter(mine))):
            write_frame(frame, out / f"{name}.csv")
    by_month = cash.filter(mine).group_by("month").agg(pl.col("paid_pence", "earned_pence").sum()).sort("month")
    lines = (
        activity.filter(pl.col("year") == chosen)
        .group_by("case", "point_of_delivery", "month")
        .agg(pl.col("activity").sum())
    )
    if as_json:
        print_json(
            {
                "run": found.id,
                "year": chosen,
                "cash": by_month,
                "activity": lines.sort("case", "point_of_delivery", "month"),
                "balances": owed.filter(mine),
                "differences": differ,
            }
        )
        return
    show(by_month, f"Cash of {chosen} by month" + ("" if organisation is None else f", {organisation}"))
    shown = lines.filter(pl.col("case") == "mitigated") if "mitigated" in lines["case"].to_list() else lines
    show(
        shown.pivot("point_of_delivery", index="month", values="activity", sort_columns=True).sort("month"),
        f"Activity of the plan, {chosen}",
    )
    most = (
        owed.filter(mine)
        .sort("owed_pence", descending=True)
        .head(5)
        .select("month", "commissioner_code", "provider_code", "owed_pence")
    )
    show(most, "Largest balances owed to providers at a month's end")
    if differ is not None:
        if differ.is_empty():
            console.print("Both parties say the same of every balance.", markup=False)
        else:
            show(differ, f"{differ.height} balances of which the parties say different amounts")
