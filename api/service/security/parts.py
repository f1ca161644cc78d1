"""What is left out beside a small part of several totals, and the money that would give it away.

boxes      beside a part that has one, the box of `boxes`: it depends on the plan of the run alone, and not on what else is small
parts      activity by commissioner, provider and line, or by locality, line and provider: each way of adding it up is a total that
somebody may know from another table or another result
beside     where a total has one part left out, or only small ones, its first other part is left out, too, until none has
pairs      commissioner and provider with such a part: what the one pays the other is left out, since it may be divided by a price
bare       organisations that buy from, or are paid by, one other only: all their money would be that payment
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
import polars as pl

from api.service.records.hidden import NOTHING, HiddenPeople
from api.service.records.job_kind import MadeOfParts, People
from api.service.security.boxes import Chains, Part, boxes
from capitation.records.suppression import MARK

BESIDE = "\n"
"""What parts the codes of a key."""

MOST_SOLVED = 400
"""Of how many parts that are left out the totals are solved for what follows from them."""

_SMALL, _COUNTED, _ORDER, _ALL = "__small", "__counted", "__order", "__all"

Names = frozenset[tuple[str, ...]]


def with_parts_beside(
    frame: pl.DataFrame,
    small: pl.Series,
    counted: pl.Series,
    *,
    within: Sequence[str],
    parted_by: Sequence[str],
    subject: Sequence[str] = (),
    spread: tuple[str, str] | None = None,
    together: int | None = None,
) -> pl.Series:
    """Which rows are left out, so that no total of rows less the others gives a small one away.

    Args:
        frame: one row a part; with `is_suppressed` where some are left out already.
        small: which are small.
        counted: which are not 0.
        within: columns whose values are never added up, such as the year.
        parted_by: columns over which there are totals: over any of them, or several, or all.
        subject: columns that name what is left out in all its rows where it is in one; each row by itself where there are none.
        together: of how many of these columns at most there are totals together; of all of them where it is not given.
        spread: two of the columns, such that what is left out of one value of either has at least two values of the other.

    Example:
        Of 3, 40 and 60 the first two are left out; of 3 and 4, and 70 elsewhere in the same line, all.
    """
    keys = list(dict.fromkeys([*within, *parted_by, *subject]))
    work = frame.select(keys).with_columns(
        small.alias(_SMALL), counted.alias(_COUNTED), small.alias(MARK), pl.int_range(pl.len()).alias(_ORDER)
    )
    if MARK in frame.columns:
        work = work.with_columns(pl.col(MARK) | frame.get_column(MARK))
    if subject:
        work = work.with_columns(pl.col(name).any().over(list(subject)) for name in (MARK, _SMALL))
    work = work.sort(*keys, _ORDER).with_columns(pl.lit(0).alias(_ALL))
    ways = _ways(parted_by, together)
    groups = [[_ALL, *within, *way] for way in ways]
    while True:
        before = work.get_column(MARK)
        for group in groups:
            work = _with_first(work, _too_little(group), group, subject)
        for one, other in permutations(spread or (), 2):
            work = _with_first(work, _of_another([_ALL, *within, one], other), [_ALL, *within, one], subject)
        if work.get_column(MARK).equals(before):
            work = _with_those_that_follow(work, [_ALL, *within], ways, subject)
        if work.get_column(MARK).equals(before):
            return work.sort(_ORDER).get_column(MARK)


def _ways(parted_by: Sequence[str], together: int | None) -> list[tuple[str, ...]]:
    most = len(parted_by) if together is None else min(together, len(parted_by))
    return [some for size in range(most + 1) for some in combinations(parted_by, size)]


_HIDDEN, _FREE = pl.col(MARK) & pl.col(_COUNTED), pl.col(_COUNTED) & ~pl.col(MARK)


def _too_little(group: Sequence[str]) -> pl.Expr:
    """The parts that may go beside what is left out of a group: the first large one beside small ones, any where one is left out alone.

    It is the first of all large ones, and not of those that are still shown, so that two results with the same small part leave out the
    same beside it.
    """
    large = pl.col(_COUNTED) & ~pl.col(_SMALL)
    is_first = large & (large.cast(pl.Int64).cum_sum().over(group) == 1)
    is_lonely = (_HIDDEN & pl.col(_SMALL)).any().over(group) & ~(_HIDDEN & ~pl.col(_SMALL)).any().over(group)
    return _FREE & ((_HIDDEN.sum().over(group) == 1) | (is_lonely & is_first))


def _of_another(group: Sequence[str], other: str) -> pl.Expr:
    """Those with another value of a column, where all that is left out of a group has one."""
    codes = pl.when(_HIDDEN).then(pl.col(other))
    least, most = codes.min().over(group), codes.max().over(group)
    return _FREE & (least == most).fill_null(value=False) & (pl.col(other) != most).fill_null(value=False)


def _with_first(work: pl.DataFrame, candidate: pl.Expr, group: Sequence[str], subject: Sequence[str]) -> pl.DataFrame:
    """The first candidate of each group is left out, too, with all rows of what it is of."""
    first = candidate & (candidate.cast(pl.Int64).cum_sum().over(group) == 1)
    work = work.with_columns(pl.col(MARK) | first)
    return work.with_columns(pl.col(MARK).any().over(list(subject))) if subject else work


def _with_those_that_follow(
    work: pl.DataFrame, within: Sequence[str], ways: Sequence[Sequence[str]], subject: Sequence[str]
) -> pl.DataFrame:
    """With one more part for each small one that still follows from all totals together, as far as there is another beside it."""
    more: list[int] = []
    for part in work.filter(_COUNTED).partition_by(within, maintain_order=True):
        if part.filter(MARK).height <= MOST_SOLVED:
            more += _beside_what_follows(part, ways)
    if not more:
        return work
    work = work.with_columns(pl.col(MARK) | pl.col(_ORDER).is_in(sorted(set(more))))
    return work.with_columns(pl.col(MARK).any().over(list(subject))) if subject else work


def _beside_what_follows(part: pl.DataFrame, ways: Sequence[Sequence[str]]) -> list[int]:
    """Parts to leave out beside small ones that follow from the totals, by solving the totals for what is left out."""
    hidden = part.get_column(MARK).to_list()
    column = {row: number for number, row in enumerate(row for row, mark in enumerate(hidden) if mark)}
    if not column:
        return []
    rows_of = part.with_row_index("__row").group_by
    groups = [
        rows for way in ways for rows in rows_of(_ALL, *way).agg("__row").get_column("__row").to_list() if len(rows) > 1
    ]
    totals = np.zeros((max(len(groups), 1), len(column)))
    for number, rows in enumerate(groups):
        totals[number, [column[row] for row in rows if row in column]] = 1.0
    _, sizes, solutions = np.linalg.svd(totals)
    free_ways = solutions[int((sizes > NOTHING).sum()) :]
    small, order = part.get_column(_SMALL).to_list(), part.get_column(_ORDER).to_list()
    more: list[int] = []
    for row, number in column.items():
        if small[row] and not (np.abs(free_ways[:, number]) > NOTHING).any():
            near = sorted((rows for rows in groups if row in rows), key=len)
            more += next(
                ([order[r] for r in rows if not hidden[r]][:1] for rows in near if not all(hidden[r] for r in rows)), []
            )
    return more


@dataclass(frozen=True)
class LeftOut:
    """What is left out of a table of parts.

    Args:
        rows: which rows.
        bare: organisations whose whole money would give a small part away.
    """

    rows: pl.Series
    bare: frozenset[str] = frozenset()


def left_out_of_parts(
    frame: pl.DataFrame, people: People, smallest_shown: int, cells: Names = frozenset(), boxed: Names = frozenset()
) -> LeftOut:
    """Which rows of a table of parts are left out: the small ones, the boxes beside them, and whatever its own totals still give away.

    Args:
        frame: one row a part, year and case, with the counts that `people` names.
        people: how it counts them: `or_of` names those of the plan, by which boxes are chosen.
        smallest_shown: the smallest count other than 0 that is shown.
        cells: commissioner, line and provider that are left out of everything that is made on the run.
        boxed: those among them that are small and have a box.
    """
    subject, payer, provider, line = list(people.subject), *people.parted_by
    counts = [pl.col(name).fill_null(0) for name in (people.count, *people.or_of)]
    plan = counts[-1]
    is_small = pl.any_horizontal(each.is_between(0, smallest_shown, closed="none") for each in counts)
    named = _among((payer, line, provider), cells), _among((payer, line, provider), boxed)
    work = frame.with_columns(
        is_small.any().over(subject).alias(_SMALL),
        named[0].alias(MARK),
        named[1].alias("__boxed"),
        plan.alias("__plan"),
    )
    if not work.select((pl.col(_SMALL) | pl.col(MARK)).any()).item():
        return LeftOut(work.get_column(MARK))
    parts = work.group_by(
        pl.col(payer).alias("commissioner_code"), pl.col(payer).alias("locality_code"),
        pl.concat_str([name for name in subject if name not in {payer, provider}], separator=BESIDE).alias("line"),
        pl.col(provider).alias("provider_code"),
    ).agg(
        pl.col(_SMALL).any() & ~pl.col("__boxed").any(), pl.col("__plan").min().alias("low"), pl.col("__plan").max().alias("most"), pl.lit(0).first().alias("bought")
    )  # fmt: skip
    found = boxes(parts, parts.get_column(_SMALL), smallest_shown)
    key = (payer, *(name for name in subject if name not in {payer, provider}), provider)
    work = work.with_columns(pl.col(MARK) | pl.col(_SMALL) | _among(key, frozenset(found.parts)))
    base = tuple(name for name in people.within if name not in people.parted_by)
    bare: set[str] = set()
    if found.bare:
        moving, bare, unmoved = _chains(parts, found.bare, smallest_shown)
        work = work.with_columns(pl.col(MARK) | _among(key, moving))
        if unmoved:
            work = work.with_columns(pl.col(MARK) | _beside_part(work, _among(key, unmoved), people, base))
    beside = with_parts_beside(
        work.select(*dict.fromkeys([*frame.columns, MARK])),
        work.get_column(_SMALL),
        work.select(pl.max_horizontal(counts) > 0).to_series(),
        within=base,
        parted_by=people.parted_by,
        subject=people.subject,
        spread=people.spread,
    )
    return LeftOut(beside.alias(MARK), frozenset(bare))


def _chains(parts: pl.DataFrame, bare: Iterable[Part], smallest_shown: int) -> tuple[Names, set[str], Names]:
    """What moves with small parts that have no box, whose whole money moves, and the parts that every total fixes."""
    rows = parts.filter(pl.col("most") > 0).sort("commissioner_code", "line", "provider_code")
    four = list(rows.select("commissioner_code", "locality_code", "line", "provider_code").iter_rows())
    large = (rows.get_column("low") >= smallest_shown).to_list()
    number = {part[1:]: each for each, part in enumerate(four)}
    chains = Chains(four, large)
    beside, ends, unmoved = set[Part](), set[str](), set[Part]()
    for part in sorted(bare):
        moving = chains.beside(number[part], is_bought_small=True) if part in number else None
        if moving is None:
            unmoved.add(part)
            ends |= {payer for payer, *rest in four if tuple(rest) == part} | {part[-1]}
            continue
        beside |= {four[each][1:] for each in moving[0]}
        ends |= moving[1]
    return frozenset(beside), ends, frozenset(unmoved)


def _beside_part(work: pl.DataFrame, small: pl.Expr, people: People, base: Sequence[str]) -> pl.Series:
    """What is left out beside small parts by the plan alone, as if no other were small."""
    subject = list(people.subject)
    plan = work.select(*base, *subject, "__plan", small.alias(_SMALL))
    return with_parts_beside(
        plan.select(*base, *subject),
        plan.get_column(_SMALL),
        plan.get_column("__plan") > 0,
        within=base,
        parted_by=people.parted_by,
        subject=subject,
        spread=people.spread,
    ).alias("__beside")


def hidden_pairs(frame: pl.DataFrame, left_out: LeftOut, bare: Names = frozenset()) -> HiddenPeople:
    """Whose payments are left out of the tables of contract options.

    Args:
        frame: commissioner, provider and counts, one row a line of activity.
        left_out: which rows of it are left out.
        bare: organisations whose whole money is left out of everything that is made on the run.
    """
    pairs = set(frame.filter(left_out.rows).select("commissioner", "provider").iter_rows())
    ends = set(left_out.bare) | {code for (code,) in bare}
    for role in ("commissioner", "provider"):
        codes = sorted(set(frame.get_column(role)))
        for code in [each for each in codes if each in ends]:
            ends |= set([each for each in codes if each != code][:1])  # all less the others would be its money
    return HiddenPeople(
        pairs=frozenset(pairs),
        ends=frozenset((code,) for code in {code for pair in pairs for code in pair} | ends),
        bare=frozenset((code,) for code in ends),
    )


def without_parts(frame: pl.DataFrame, rule: MadeOfParts, hidden: HiddenPeople) -> pl.DataFrame:
    """A table without the money, shares or words of parts that are left out; `is_suppressed` marks its rows."""
    named: Names = getattr(hidden, rule.of)
    if not named:
        return frame
    left_out = _among(rule.key, named)
    if rule.of == "pairs":
        left_out = left_out | _among(rule.key[::-1], named)
        left_out = left_out | pl.any_horizontal(_among((name,), hidden.bare) for name in rule.key)
    mark = pl.col(MARK) if MARK in frame.columns else pl.lit(value=False)
    return frame.with_columns(
        *(pl.when(~left_out).then(pl.col(name)).alias(name) for name in rule.columns if name in frame.columns),
        (mark | left_out).alias(MARK),
    )


def _among(key: Sequence[str], named: Names) -> pl.Expr:
    codes = [BESIDE.join(each) for each in sorted(named)]
    return pl.concat_str([pl.col(name).fill_null("") for name in key], separator=BESIDE).is_in(codes)
