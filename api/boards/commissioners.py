"""What a run moves between commissioners: the split that it makes beside the allocations that were published for them."""

from __future__ import annotations

import polars as pl

from capitation.errors import ScenarioError
from capitation.money.pence import board_text
from capitation.pace.opening import commissioner_shares, printed_pence
from capitation.pack.sources import DataPack
from capitation.run.run import Run
from capitation.run.scenario import Scenario


def moved_between_commissioners(run: Run, pack: DataPack, year: str) -> list[str]:
    """A sentence for each stream of a year whose published allocations add to its total but stand otherwise by commissioner.

    The published allocations are those of the table that the opening of the stream names, in the year's own column. A year whose
    published total is another has no sentence: its difference is no move between commissioners.
    """
    names = dict(run.code_name.filter(kind="organisation").select("code", "name").iter_rows())
    home = run.membership.sort("year").unique("practice_code", keep="last").select("practice_code", "commissioner_code")
    said = [
        _pooling(stream, year, rows, names)
        for (stream,), rows in run.commissioner_allocation.filter(year=year)
        .partition_by("stream", as_dict=True)
        .items()
    ]
    for stream in Scenario.model_validate(run.manifest.scenario).streams:
        shares = commissioner_shares(stream.opening)
        if shares is None or stream.statutory is not None:
            continue
        shared = run.allocation.filter(year=year, stream=stream.stream, level="practice").join(
            home, left_on="code", right_on="practice_code", validate="m:1"
        )
        ours = dict(shared.group_by("commissioner_code").agg(pl.col("allocation_pence").sum()).iter_rows())
        try:
            published = printed_pence(shares.model_copy(update={"column": year}), sorted(ours), pack)
        except ScenarioError:
            continue  # a column that the run does not rest on need not print amounts
        if set(published) != set(ours) or sum(published.values()) != sum(ours.values()):
            continue
        moved = {code: ours[code] - published[code] for code in ours}
        losing = [f"{board_text(-p)} from {names.get(c, c)}" for c, p in sorted(moved.items(), key=_size) if p < 0]
        gaining = [f"{board_text(p)} to {names.get(c, c)}" for c, p in sorted(moved.items(), key=_size) if p > 0]
        if losing:
            said.append(
                f"Between commissioners, {stream.stream} {year}: against their published allocations this moves "
                f"{', '.join(losing)}: {', '.join(gaining)}. That needs the consent of those who give it up."
            )
    return [sentence for sentence in said if sentence]


def commissioner_table(run: Run, year: str) -> pl.DataFrame:
    """What each commissioner holds of the streams that commissioners keep, beside what was published for it, in £ thousand."""
    names = dict(run.code_name.filter(kind="organisation").select("code", "name").iter_rows())
    shown = [
        (pl.col(f"{name}_pence") / 100_000).round(0).cast(pl.Int64).alias(title)
        for name, title in (
            ("published", "published"), ("difference", "plan's other total"), ("allocation", "allocation"),
            ("pooling", "pooling would move"),
        )
    ]  # fmt: skip
    rows = run.commissioner_allocation.filter(year=year).sort("stream", "commissioner_code")
    return rows.select(pl.col("commissioner_code").replace(names).alias("commissioner"), "stream", *shown)


def _pooling(stream: str, year: str, rows: pl.DataFrame, names: dict[str, str]) -> str:
    """Who gives what to whom where commissioners pool a stream, or would; empty where pooling moves nothing."""
    moves = sorted(rows.select("commissioner_code", "pooling_pence").iter_rows(), key=_size)
    giving = [f"{board_text(-p)} from {names.get(c, c)}" for c, p in moves if p < 0]
    getting = [f"{board_text(p)} to {names.get(c, c)}" for c, p in moves if p > 0]
    if not giving:
        return ""
    head = f"Commissioners keep their own allocations of {stream} in {year}; pooled, pace of change would move "
    if rows.get_column("is_pooled").any():
        head = f"Commissioners pool {stream} in {year}: against their own allocations this moves "
    return f"{head}{', '.join(giving)}: {', '.join(getting)}. That needs the consent of those who give it up."


def _size(entry: tuple[str, int]) -> tuple[int, str]:
    return -abs(entry[1]), entry[0]
