"""The log: what each assumption moves of each headline at both ends of its range, ranked by the most that it moves.

each end              changed inputs -> headlines, through the one engine that varies figures (`capitation.records.varied`)
the mix               by its relaxation; the ten assumptions that move it most are searched again for whole numbers. Either is a difference
                      from the same search of the plan as it stands, and is set on the mix that the plan reports
rank                  the most pounds by which either end moves any headline, weak evidence first where they are equal
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

from capitation.errors import CapitationError
from capitation.pack.assumptions import RANK
from capitation.records.documents import Document, Figure
from capitation.records.varied import RangedFigure, ranged_figures, what_moves
from capitation.run.run import Run
from optimiser.links.assumed.entries import LoggedFigure
from optimiser.links.assumed.headlines import Amounts, Headlines
from optimiser.links.assumed.inputs import PlanInputs

MIX = ("npv", "mix_last_year")
"""Headlines that the mix gives."""

WHOLE = 10
"""How many assumptions are searched again for a mix of whole numbers."""

Said = Callable[[int, int], None]
"""Called with how many assumptions are done, and of how many."""


class Assumed(Document):
    """The figures of a log as one document, so that the one engine that varies figures can vary them."""

    figures: dict[str, Figure]
    """Figures by the id of their entry."""


@dataclass(frozen=True)
class MovedHeadline:
    """What one assumption moves of one headline, in pence; an end at which no plan can be made has none."""

    headline: str
    base: int
    at_low: int | None
    at_high: int | None
    method: str
    """"run", "relaxation" (of the mix) or "whole" (the mix searched again)."""

    @property
    def most(self) -> int:
        """The most that either end moves it by."""
        return max((abs(end - self.base) for end in (self.at_low, self.at_high) if end is not None), default=0)


@dataclass(frozen=True)
class Logged:
    """An assumption with what it moves."""

    entry: LoggedFigure
    effects: tuple[MovedHeadline, ...] = ()
    note: str = ""
    """Why an end has no answer, or that nothing was run."""

    @property
    def most(self) -> int:
        """The most that it moves any headline by."""
        return max((effect.most for effect in self.effects), default=0)

    @property
    def largest(self) -> MovedHeadline | None:
        """Its effect on the headline that it moves most; none where it moves none."""
        moved = [effect for effect in self.effects if effect.most]
        return max(moved, key=lambda effect: effect.most) if moved else None


class Measured:
    """The measure of a plan, for a document of figures of its log.

    Args:
        headlines: the plan.
        entries: its assumptions by id.
    """

    def __init__(self, headlines: Headlines, entries: Sequence[LoggedFigure]) -> None:
        self.headlines = headlines
        self.entries = {each.id: each for each in entries}
        self._base: dict[str, Amounts] = {}
        self._last: tuple[object, PlanInputs, Run] | None = None
        self._found: dict[tuple[object, str], Amounts] = {}

    def __call__(self, document: Assumed, part: str) -> dict[Hashable, int]:
        """Amounts of a part ("run" or "mix") with every figure of the document that differs put in its stead."""
        moved = {n: f.value for n, f in document.figures.items() if f.value != self.entries[n].value}
        key = tuple(sorted(moved.items()))
        if self._last is None or self._last[0] != key:
            inputs = self.headlines.inputs
            for name, value in moved.items():
                change = self.entries[name].change
                inputs = inputs if change is None else change(inputs, value)
            self._last, self._found = (key, inputs, self.headlines.run_of(inputs)), {}
        _, inputs, run = self._last
        if (key, part) not in self._found:
            self._found[key, part] = self._of(inputs, run, part)
        return {name: pence for name, pence in self._found[key, part].items()}  # noqa: C416  # keys of a wider type

    def _of(self, inputs: PlanInputs, run: Run, part: str) -> Amounts:
        base = self.headlines.inputs
        if part == "run":
            if run is self.headlines.run and inputs.options is base.options:
                return self.kept("run", lambda: self._run(base))
            return {**self.headlines.of_run(run), **self.headlines.of_options(inputs, run)}
        problem = self.headlines.problem_on(inputs, run)
        if problem is None:
            return {}
        if problem is base.problem:
            return self.kept("mix", lambda: self.headlines.relaxed(problem))
        return self.headlines.relaxed(problem)

    def _run(self, inputs: PlanInputs) -> Amounts:
        run = self.headlines.run
        return {**self.headlines.of_run(run), **self.headlines.of_options(inputs, run)}

    def kept(self, part: str, make: Callable[[], Amounts]) -> Amounts:
        """Amounts of the plan as it stands, made once."""
        if part not in self._base:
            self._base[part] = make()
        return self._base[part]

    def base(self, part: str) -> Amounts:
        """Amounts as the plan stands."""
        return self._of(self.headlines.inputs, self.headlines.run, part)


def figure_of(entry: LoggedFigure) -> Figure:
    """An entry's value and range as a figure."""
    assert entry.value is not None
    return Figure(
        value=entry.value,
        unit=entry.unit or "as written",
        source="assumption",
        where=entry.about,
        owner=entry.owner or "not named",
        quality=entry.quality or "red",
        low=entry.low,
        high=entry.high,
    )


def effects_of(entry: LoggedFigure, measured: Measured) -> Logged:
    """What an assumption moves of every headline at both ends of its range."""
    if entry.value is None or entry.change is None:
        return Logged(entry, note="a rule in words or a choice: it has no range to run")
    document = Assumed(figures={entry.id: figure_of(entry)})
    notes: list[str] = []
    effects: list[MovedHeadline] = []
    parts = {"run": "run", "mix": "relaxation"}
    ends = [{part: _end(document, measured, part, high, notes) for part in parts} for high in (False, True)]
    for part, method in parts.items():
        for headline, amount in measured.base(part).items():
            low, high = (None if (found := end[part]) is None else found[headline] for end in ends)
            if (low, high) != (None, None) and (low != amount or high != amount):
                effects.append(MovedHeadline(headline, amount, low, high, method))
    return Logged(entry, tuple(effects), "; ".join(dict.fromkeys(notes)))


def _end(document: Assumed, measured: Measured, part: str, high: bool, notes: list[str]) -> Amounts | None:
    """Amounts at one end of the only figure of a document; none, with a note, where no plan can be made there."""
    figure = ranged_figures(document)[0]
    end = figure.ends[1 if high else 0]
    alone = RangedFigure(figure.place, figure.name, figure.figure.model_copy(update={"low": end, "high": end}))
    try:
        moved = what_moves(document, lambda d: measured(d, part), [alone])
    except CapitationError as error:
        notes.append(f"at {end.normalize():f}: {error.faults[0] if error.faults else error.message}")
        return None
    return {str(each.measured): each.at_low for each in moved}


def in_order(entries: Sequence[LoggedFigure]) -> list[LoggedFigure]:
    """Entries marked as weak and important first: what is run where there is not time for all."""
    return sorted(entries, key=lambda e: (RANK.get(e.quality or "red", 0), RANK.get(e.impact or "red", 0), e.id))


_NONE_FOUND = "the search for whole numbers found no mix in its time at one of the ends, so that the relaxation stands"
_FAR = "the search for whole numbers came no nearer than {gap:.1%} to what no mix can pass at one of the ends, so that the relaxation stands"
_NEAR = 0.02
"""How far below what no mix can pass a mix may lie, as a part of it, to say what an end is worth."""


def searched_again(logged: Logged, measured: Measured, seconds: float) -> Logged:
    """The assumption with its effects on the mix from searches for whole numbers, of so many seconds for both ends together."""
    headlines, entry = measured.headlines, logged.entry
    start = headlines.start()
    found: list[Amounts] = []
    base = whole_base(measured)
    for end in (entry.low, entry.high):
        if end is None or end == entry.value:
            found.append(base)
            continue
        assert entry.change is not None
        inputs = entry.change(headlines.inputs, end)
        try:
            problem = headlines.problem_on(inputs, headlines.run_of(inputs))
            assert problem is not None
            amounts, most = headlines.whole(problem, seconds / 2, start, _NEAR / 2)
        except CapitationError:  # no mix in this time, which proves nothing: the relaxation stands
            return replace(logged, note=f"{logged.note}; {_NONE_FOUND}".removeprefix("; "))
        gap = _below(amounts, most)
        if gap > _NEAR:  # a worse mix than there is would pass for what the assumption moves
            return replace(logged, note=f"{logged.note}; {_FAR.format(gap=gap)}".removeprefix("; "))
        found.append(amounts)
    others = tuple(effect for effect in logged.effects if effect.headline not in MIX)
    low, high = found
    again = tuple(MovedHeadline(name, base[name], low[name], high[name], "whole") for name in base)
    return replace(logged, effects=(*others, *again))


def _below(amounts: Amounts, most: float | None) -> float:
    """How far a mix lies below what none can pass, as a part of it; all of it where nothing is proved."""
    if most is None:
        return 1.0
    return (most - amounts["npv"]) / max(abs(most), 1.0)


def reported_base(measured: Measured) -> Amounts:
    """The mix as the plan reports it: one value of it in plan, chain and log."""
    problem = measured.headlines.inputs.problem
    if problem is None:
        return {}
    return measured.kept("reported", lambda: measured.headlines.reported(problem))


def whole_base(measured: Measured) -> Amounts:
    """The mix of whole numbers that the log's own search finds as the plan stands, from the start kept beside the problem.

    That search counts effects as the programme claims them; differences are taken from it, never shown beside the plan's.
    """
    problem = measured.headlines.inputs.problem
    if problem is None:
        return {}
    return measured.kept("whole", lambda: measured.headlines.whole(problem, 10.0, measured.headlines.start())[0])


def on_reported(logged: Logged, base: Amounts) -> Logged:
    """Effects on the mix set on what the plan reports of it: the same differences."""

    def moved(effect: MovedHeadline) -> MovedHeadline:
        if effect.method == "run" or effect.headline not in base:
            return effect
        by = base[effect.headline] - effect.base
        low, high = (None if end is None else end + by for end in (effect.at_low, effect.at_high))
        return replace(effect, base=base[effect.headline], at_low=low, at_high=high)

    return replace(logged, effects=tuple(moved(effect) for effect in logged.effects))


def largest_of_mix(log: Sequence[Logged]) -> list[Logged]:
    """The assumptions that move the mix most, by the relaxation."""
    moving = [each for each in log if any(e.headline in MIX and e.most for e in each.effects)]
    return sorted(moving, key=lambda each: -max(e.most for e in each.effects if e.headline in MIX))[:WHOLE]


def ranked(log: Sequence[Logged]) -> list[Logged]:
    """The log, what moves most first; weak evidence first among those that move nothing."""
    return sorted(
        log,
        key=lambda each: (
            -each.most, RANK.get(each.entry.quality or "red", 0), RANK.get(each.entry.impact or "amber", 1), each.entry.id,
        ),
    )  # fmt: skip


__all__ = [
    "MIX",
    "WHOLE",
    "Assumed",
    "Logged",
    "Measured",
    "MovedHeadline",
    "Said",
    "effects_of",
    "figure_of",
    "in_order",
    "largest_of_mix",
    "on_reported",
    "ranked",
    "reported_base",
    "searched_again",
    "whole_base",
]  # fmt: skip
