"""What a run moves between commissioners: the split that it makes beside the allocations that were published for them."""

from __future__ import annotations

import polars as pl

from capitation.errors import ScenarioError
from capitation.money.pence import board_text
from capitation.pace.opening import printed_pence
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
    said = []
    for stream in Scenario.model_validate(run.manifest.scenario).streams:
        if stream.opening is None:
            continue
        shared = run.allocation.filter(year=year, stream=stream.stream, level="practice").join(
            home, left_on="code", right_on="practice_code", validate="m:1"
        )
        ours = dict(shared.group_by("commissioner_code").agg(pl.col("allocation_pence").sum()).iter_rows())
        try:
            published = printed_pence(stream.opening.model_copy(update={"column": year}), sorted(ours), pack)
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
                f"{', '.join(losing)}: {', '.join(gaining)}. That needs the consent of whoever gives it up."
            )
    return said


def _size(entry: tuple[str, int]) -> tuple[int, str]:
    return -abs(entry[1]), entry[0]
