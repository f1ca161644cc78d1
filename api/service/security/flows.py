"""What is left out of a run and of everything made on it: counts of a locality, line and provider, and what a commissioner buys of them.

What is small is decided by the run's own activity, in every year and in every case that the run has, and by nothing that a document of
contract options says. A comparison keeps these counts (`counted_parts`), so that all results of one run leave out the same parts.
"""

from __future__ import annotations

import polars as pl

from api.service.records.hidden import NOBODY, NOTHING, HiddenPeople, counted_parts
from api.service.security.boxes import Boxes, Chains, boxes
from api.service.security.parts import with_parts_beside
from capitation.records.suppression import MARK

_KEY = ["locality_code", "line", "provider_code"]
_CELL = ["commissioner_code", "line", "provider_code"]


def hidden_flows(
    flow: pl.DataFrame,
    activity: pl.DataFrame,
    service_line: pl.DataFrame,
    membership: pl.DataFrame,
    smallest_shown: int,
) -> HiddenPeople:
    """What `hidden_parts` leaves out of a run with these tables."""
    return hidden_parts(counted_parts(flow, activity, service_line, membership), smallest_shown)


def hidden_parts(counted: pl.DataFrame, smallest_shown: int) -> HiddenPeople:
    """The parts that are small in any year and case of a run, those beside them, and what commissioners buy that moves with them.

    Args:
        counted: as `counted_parts` gives them.
        smallest_shown: the smallest number of events other than 0 that is shown.
    """
    small = counted.get_column("least").is_between(NOTHING, smallest_shown, closed="none")
    if not small.any():
        return NOBODY
    found = boxes(counted, small, smallest_shown)
    whose = {
        (home, line, provider): payer
        for payer, home, line, provider in counted.select("commissioner_code", *_KEY).iter_rows()
    }
    bought = {key: size for *key_, size in counted.select(*_CELL, "bought").iter_rows() for key in [tuple(key_)]}
    parts, cells = set(found.parts), set(found.cells)
    boxed = {cell for cell in (_cell(part, whose) for part in found.boxed) if bought[cell] < smallest_shown}
    ends: set[str] = set()
    if found.bare:
        chained = _chained(counted, found.bare, bought, smallest_shown)
        parts |= chained.parts
        cells |= chained.cells
        boxed |= chained.boxed
        ends = chained.ends
        if chained.bare:
            beside = _beside(counted, chained.bare, parts)
            homes = counted.filter(pl.col("least") > NOTHING).group_by(_CELL).len()
            single = {tuple(cell) for *cell, number in homes.iter_rows() if number == 1}
            moved = {_cell(part, whose) for part in beside}
            cells |= {cell for cell in moved if cell in single or bought[cell] < smallest_shown}
            parts |= beside
    services = counted.filter(_among(_KEY, parts)).select("locality_code", "service_code", "provider_code")
    return HiddenPeople(
        flows=frozenset(parts),
        services=frozenset(services.drop_nulls().iter_rows()),
        cells=frozenset(cells | boxed),
        boxed=frozenset(boxed),
        bare=frozenset((code,) for code in ends),
    )


def _cell(part: tuple[str, ...], whose: dict[tuple[str, str, str], str]) -> tuple[str, ...]:
    home, line, provider = part
    return (whose[home, line, provider], line, provider)


def _among(key: list[str], named: set[tuple[str, ...]]) -> pl.Expr:
    return pl.concat_str([pl.col(name).fill_null("") for name in key], separator="\n").is_in(
        ["\n".join(each) for each in sorted(named)]
    )


MOST_ALONE, MOST_WORK = 24, 20_000
"""For how many parts without a box a chain is looked for where the commissioner buys little of them in all; for all parts without a box
where they times all parts are no more than the second.
"""


def _chained(
    counted: pl.DataFrame, bare: set[tuple[str, ...]], bought: dict[tuple[str, ...], float], smallest_shown: int
) -> Boxes:
    """What moves with parts that have no box; in `boxed`, what commissioners buy of those for which a chain is found."""
    rows = counted.filter(pl.col("least") > NOTHING).sort("commissioner_code", *_KEY)
    four = list(rows.select("commissioner_code", *_KEY).iter_rows())
    large = (rows.get_column("low") >= smallest_shown).to_list()
    found, chains, tried = Boxes(), Chains(four, large), 0
    is_quick = len(bare) * len(four) <= MOST_WORK
    for at, (payer, home, line, provider) in enumerate(four):
        if (home, line, provider) not in bare:
            continue
        is_small = bought[payer, line, provider] < smallest_shown
        moving = None
        if is_quick or (is_small and tried < MOST_ALONE):
            moving, tried = chains.beside(at, is_bought_small=is_small), tried + 1
        if moving is None:
            found.bare.add((home, line, provider))
            continue
        movers, ends = moving
        found.ends |= ends
        found.parts |= {four[each][1:] for each in movers}
        if is_small or len({four[each][0] for each in movers}) > 1:
            found.cells |= {(four[each][0], *four[each][2:]) for each in movers}
        if is_small:
            found.boxed.add((payer, line, provider))
    return found


def _beside(counted: pl.DataFrame, bare: set[tuple[str, ...]], parts: set[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """All parts that are left out where some have no box: also beside them, whatever way of adding them up somebody knows."""
    marks = counted.select(_among(_KEY, parts).alias(MARK), _among(_KEY, bare).alias("small"))
    beside = with_parts_beside(
        counted.with_columns(marks.get_column(MARK)),
        marks.get_column("small"),
        counted.get_column("least") > NOTHING,
        within=(),
        parted_by=("commissioner_code", *_KEY),
        spread=("locality_code", "provider_code"),
    )
    return set(counted.filter(beside).select(_KEY).iter_rows())
