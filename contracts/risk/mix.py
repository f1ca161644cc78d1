"""A mix in draws: a mix that is bought, drawn together with the contracts that pay for what is left.

    use of a line   = (mix / plan + sum over solutions of (1 - delivered) x what the solution moves / plan) x what chance does to it
    cost            = that of this use, less what the mix releases beside it and saves, in the part that is delivered,
                      plus its spend x (1 + cost above plan)

What is delivered is drawn by solution, once for all years (layer `delivery` of the uncertainties); with every solution delivered and
nothing else drawn, positions are those of the plan with the mix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from capitation.chance.book import Book
from capitation.chance.curves.normal import Floats
from capitation.records.frames import Frame
from capitation.records.identity import canonical, digest
from capitation.records.years import FinancialYear
from contracts.options.outturn import CaseActivity


@dataclass(frozen=True)
class MixInDraws:
    """A mix that was bought, as draws see it."""

    solutions: tuple[str, ...]
    """Every solution that could be bought, in the order of its problem, so that one keeps its draws whatever else is bought."""
    activity: Frame[CaseActivity]
    """Planned activity, and what is done with the mix."""
    moved: pl.DataFrame
    """year, locality_code, line, solution, units: what each solution avoids less what it sends there."""
    money: pl.DataFrame
    """year, organisation_code, released_pence (beside the cost of activity), saved_pence, spent_pence."""
    parts: pl.DataFrame
    """year, solution, released_pence, saved_pence, spent_pence: how the sums of a year divide over solutions."""

    @property
    def id(self) -> str:
        """A hash of all of it."""
        frames = [
            frame.sort(frame.columns).write_csv() for frame in (self.activity, self.moved, self.money, self.parts)
        ]
        return digest(canonical([self.solutions, frames]))

    @property
    def starts(self) -> tuple[str, ...]:
        """The first year in which each solution moves or saves anything; no year where it is not bought."""
        saves = self.parts.filter((pl.col("saved_pence") != 0) | (pl.col("released_pence") != 0))
        both = pl.concat(
            [self.moved.filter(pl.col("units") != 0).select("solution", "year"), saves.select("solution", "year")]
        )
        first = dict(both.group_by("solution").agg(pl.col("year").min()).iter_rows())
        return tuple(first.get(name, "") for name in self.solutions)

    def books(self, books: Sequence[Book]) -> list[Book]:
        """The plans of localities with what solutions are to save, so that what they fail to is drawn."""
        return [self._book(book) for book in books]

    def _book(self, book: Book) -> Book:
        saving = np.zeros((len(self.solutions), len(book.localities)))
        cost = np.zeros_like(saving)
        price = {} if book.case_pence is None else dict(zip(book.lines, book.case_pence.tolist(), strict=True))
        place = {code: k for k, code in enumerate(book.localities)}
        mine = self.moved.filter(pl.col("year") == str(book.year))
        for code, line, solution, units in mine.select("locality_code", "line", "solution", "units").iter_rows():
            if code in place:
                saving[self.solutions.index(solution), place[code]] += units * price.get(line, 0.0)
        saving /= book.plan_pence
        whole = float(book.plan_pence.sum())
        for solution, pence in (
            self.parts.filter(pl.col("year") == str(book.year)).select("solution", "spent_pence").iter_rows()
        ):
            if solution in self.solutions:
                cost[self.solutions.index(solution)] = pence / whole
        return replace(book, solutions=self.solutions, starts=self.starts, saving_share=saving, cost_share=cost)

    def gains(self) -> dict[tuple[str, str], float]:
        """What the mix brings each organisation in each year, beside what activity does, as planned."""
        return {
            (year, code): float(released + saved - spent)
            for year, code, released, saved, spent in self.money.select(
                "year", "organisation_code", "released_pence", "saved_pence", "spent_pence"
            ).iter_rows()
        }

    def gains_of(self, years: Sequence[FinancialYear], parties: Sequence[tuple[str, str]]) -> Floats:
        """The same by year and party (role and code)."""
        gains = self.gains()
        return np.array([[gains.get((str(year), code), 0.0) for _, code in parties] for year in years])


@dataclass(frozen=True)
class MixOfYear:
    """A mix in one year, by line of the plan that is moved, locality and solution."""

    level: dict[int, Floats]
    """By line: activity with the mix over planned activity, by locality."""
    back: dict[int, tuple[tuple[int, Floats], ...]]
    """By line: for each solution what it moves over planned activity, by locality, which comes back where it is not delivered."""

    def use(self, line: int, delivered: Floats | None) -> Floats | float:
        """Activity over plan before chance, by locality and draw."""
        if line not in self.level:
            return 1.0
        out = self.level[line][:, None]
        if delivered is not None:
            for solution, share in self.back[line]:
                out = out + share[:, None] * (1 - delivered[solution])
        return out


def mix_of_year(mix: MixInDraws, book: Book) -> MixOfYear:
    """A mix on the lines and localities of a year's plan."""
    place = {code: k for k, code in enumerate(book.localities)}
    level: dict[int, Floats] = {}
    planned: dict[tuple[int, int], float] = {}
    rows = mix.activity.filter((pl.col("year") == str(book.year)) & (pl.col("plan_activity") > 0))
    for line, code, plan, actual in rows.select(
        "line", "locality_code", "plan_activity", "actual_activity"
    ).iter_rows():
        if line in book.lines and code in place:
            at = book.lines.index(line)
            level.setdefault(at, np.ones(len(place)))[place[code]] = actual / plan
            planned[at, place[code]] = plan
    back: dict[int, dict[int, Floats]] = {at: {} for at in level}
    mine = mix.moved.filter((pl.col("year") == str(book.year)) & (pl.col("units") != 0))
    for code, line, solution, units in (
        mine.select("locality_code", "line", "solution", "units").sort(pl.all()).iter_rows()
    ):
        at = book.lines.index(line) if line in book.lines else -1
        if (at, place.get(code, -1)) in planned:
            shares = back[at].setdefault(mix.solutions.index(solution), np.zeros(len(place)))
            shares[place[code]] += units / planned[at, place[code]]
    return MixOfYear(level, {at: tuple(sorted(found.items(), key=lambda pair: pair[0])) for at, found in back.items()})


@dataclass(frozen=True)
class MixMoneyOfYear:
    """What a year of the mix brings the parties beside activity, and how it follows delivery."""

    gained: Floats
    """Released beside activity and saved, by solution and party: lost where it is not delivered."""
    spent: Floats
    """Spend by solution and party, which rises by cost above plan."""

    def change(self, delivered: Floats, above: Floats) -> Floats:
        """What positions lose by what is not delivered and by cost above plan, by party and draw."""
        out = np.zeros((self.gained.shape[1], delivered.shape[1]))
        for k in range(len(self.gained)):
            if self.gained[k].any():
                out -= self.gained[k][:, None] * (1 - delivered[k])
            if self.spent[k].any():
                out -= self.spent[k][:, None] * above[k]
        return out


def money_of_year(mix: MixInDraws, year: str, codes: Sequence[str]) -> MixMoneyOfYear:
    """The sums of a year by solution and party; a party's sum divides over solutions as the system's does."""
    kinds = ("released_pence", "saved_pence", "spent_pence")
    parts = mix.parts.filter((pl.col("year") == year) & pl.col("solution").is_in(list(mix.solutions)))
    whole = mix.parts.filter(pl.col("year") == year).select(*kinds).sum().row(0, named=True)
    sums = {kind: np.zeros(len(codes)) for kind in kinds}
    for code, *amounts in mix.money.filter(pl.col("year") == year).select("organisation_code", *kinds).iter_rows():
        if code in codes:
            for kind, amount in zip(kinds, amounts, strict=True):
                sums[kind][codes.index(code)] += amount
    gained, spent = np.zeros((len(mix.solutions), len(codes))), np.zeros((len(mix.solutions), len(codes)))
    for row in parts.iter_rows(named=True):
        k = mix.solutions.index(row["solution"])
        for kind, out in (("released_pence", gained), ("saved_pence", gained), ("spent_pence", spent)):
            if whole[kind]:
                out[k] += sums[kind] * (row[kind] / whole[kind])
    return MixMoneyOfYear(gained, spent)


__all__ = ["MixInDraws", "MixMoneyOfYear", "MixOfYear", "mix_of_year", "money_of_year"]
