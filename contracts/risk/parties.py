"""Parties: the position of every commissioner and provider, in every draw, year and option.

    uncertainties -> use and price of care -> outturn of the draw -> each option's compiled contracts -> payments -> positions

All options meet the same draws. Positions are pure functions of model, seed and number of the draw, so neither threads nor how
many draws are under way at a time change a result; a stopped simulation goes on from its state file.

Reason: the model of parties, how it is made of options, bodies and a mix, and its draws are one thought, and the room is full.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from capitation.chance.book import Book, book_of
from capitation.chance.curves.normal import Floats
from capitation.chance.document import Uncertainty
from capitation.chance.kept import keep, resumed
from capitation.chance.model import ChanceModel, model
from capitation.chance.moved import MovedYear, moved
from capitation.chance.scores.draws import Source, source
from capitation.chance.simulate import Request, SimulationWork, check_memory, check_stop
from capitation.errors import ContractError, Faults, ScenarioError, StoppedError
from capitation.pack.sources import DataPack
from capitation.records.identity import canonical, digest
from capitation.records.years import FinancialYear
from capitation.run.run import Run
from contracts.document.models import Contract
from contracts.options.document import ContractOptions, option_faults, read_contracts, with_cost_behaviour
from contracts.options.evaluate import trials_of
from contracts.options.outturn import plan_lines
from contracts.options.starts.starts import Starts
from contracts.options.trials import Trials
from contracts.risk.body import DrawnBody, drawn_body
from contracts.risk.cuts import CutsOfDraws
from contracts.risk.deals import Cut, DrawnDeal, make_deal
from contracts.risk.mix import MixInDraws, MixMoneyOfYear, money_of_year
from contracts.risk.outturns import DrawnRows, control_totals, drawn_rows
from contracts.risk.quality import DrawnQuality, drawn_quality

AT_ONCE = 256
"""Draws that are settled at a time, unless the caller says otherwise."""

CHECKED = 1_024
"""After so many draws each it is looked whether the standard errors are small enough."""

PARTY_ROLES = ("commissioner", "provider")
"""Roles of the parties; bodies outside the system that pay have no position here."""

STOCHASTIC_INPUTS = "actual_activity, actual_value_pence or actual_cost_pence"


@dataclass(frozen=True)
class PartyModel:
    """Options on a plan under uncertainty, ready for draws."""

    document: ContractOptions
    chance: ChanceModel
    rows: DrawnRows
    deals: tuple[DrawnDeal, ...]
    of_option: tuple[tuple[int, ...], ...]
    """Numbers of the deals of each option, over the years in which each holds."""
    parties: tuple[tuple[str, str], ...]
    """Role and code of every party."""
    allocation: Floats
    """A commissioner's allocation by year and party; nil for a provider."""
    payer: np.ndarray
    """Number of the party that pays each row of the outturn."""
    payee: np.ndarray
    """Number of the party that each row pays."""
    apart: Floats
    """What positions hold besides contracts on outturns, the same in every draw, by option, year and party: such as a fund."""
    quality: tuple[DrawnQuality, ...]
    """Payments for quality of the options."""
    bodies: Mapping[int, DrawnBody] = field(default_factory=dict)
    """Bodies that stand between, by number of the option."""
    begins: tuple[int, ...] = ()
    """Number of the first year in which activity answers the contract of each option; nil for all where none begins later."""
    margin: np.ndarray | None = None
    """What plan income leaves each party of the cost of planned activity, by year and party; payments for quality look beyond it."""
    totals: np.ndarray | None = None
    """Control total of each party, by year and party: the least position that it must end with; nil where the run has none."""
    mix: MixInDraws | None = None
    """A mix that is bought and drawn with the contracts."""
    mix_money: tuple[MixMoneyOfYear, ...] = ()
    """What it brings the parties beside activity, by year."""

    @property
    def years(self) -> tuple[FinancialYear, ...]:
        """The years, in order."""
        return tuple(book.year for book in self.chance.books)

    @property
    def options(self) -> tuple[str, ...]:
        """Ids of the options."""
        return tuple(option.id for option in self.document.options)

    @cached_property
    def id(self) -> str:
        """A hash of everything that positions depend on, besides the draws."""
        contracts = [deal.contract.model_dump_json(by_alias=True) for deal in self.deals]
        contracts += [each.steps.contract.model_dump_json(by_alias=True) for each in self.quality]
        rows = digest(self.rows.at_plan.write_csv())
        options = self.document.model_dump_json(by_alias=True)
        money = [self.allocation.tolist(), self.apart.tolist(), None if self.margin is None else self.margin.tolist()]
        mix = [] if self.mix is None else [self.mix.id]
        return digest(canonical([self.chance.id, options, contracts, rows, money, *mix]))

    @cached_property
    def at_plan(self) -> Floats:
        """Positions where nothing moves, by option, year and party; with a mix, where all of it is delivered."""
        if self.mix is not None:
            with_mix: Floats = self._positions(self._moved(self._still, slice(0, 1)), 0, None)[..., 0]
            return with_mix
        plan = self.rows.at_plan
        planned = {
            "actual_activity": plan.get_column("plan_activity").cast(pl.Float64).to_numpy()[:, None],
            "actual_value_pence": plan.get_column("plan_value_pence").to_numpy().astype(float)[:, None],
            "actual_cost_pence": plan.get_column("plan_cost_pence").to_numpy().astype(float)[:, None],
        }
        found: Floats = self._positions({0.0: planned}, 0, None, answered=False)[..., 0]
        return found

    @cached_property
    def _still(self) -> list[MovedYear]:
        """Years of one draw in which chance moves nothing."""
        shape = (len(self.chance.localities), 1, 1)
        return [MovedYear(np.ones(shape), None, None, None) for _ in self.years]

    @cached_property
    def sizes(self) -> Floats:
        """What a year brings each party at plan: a commissioner's allocation, a provider's income; by option, year and party."""
        paid = self.rows.at_plan.get_column("plan_cost_pence").to_numpy().astype(float)
        cost = np.zeros((len(self.years), len(self.parties)))
        if self.mix is not None:
            paid = self.rows.moved(iter(self._still), slice(0, 1))["actual_cost_pence"][:, 0]
            cost -= self.mix.gains_of(self.years, self.parties)
        for y, year in enumerate(self.rows.years):
            np.add.at(cost[y], self.payee[year.rows], paid[year.rows])
        income = self.at_plan + cost
        for k, body in self.bodies.items():
            income[k, :, body.party] = np.maximum(body.due.sum(axis=1), income[k, :, body.party])
        return np.where(self.is_commissioner, self.allocation, income)

    @property
    def is_commissioner(self) -> np.ndarray:
        """Which parties are commissioners."""
        return np.array([role == "commissioner" for role, _ in self.parties])

    def positions(self, years: Sequence[MovedYear], draws: slice, first: int, cuts: list[Cut] | None = None) -> Floats:
        """Positions by option, year, party and draw of a part of a block.

        Args:
            years: the block, moved.
            draws: the part of it.
            first: number of the first draw of the part, for messages.
            cuts: takes what limiting clauses cut.
        """
        return self._positions(self._moved(years, draws), first, cuts, missed=self._missed(years, draws))

    def _moved(self, years: Sequence[MovedYear], draws: slice) -> dict[float, dict[str, Floats]]:
        """Columns of the outturn by every way in which activity answers a contract."""
        changes = dict.fromkeys([*self.answers, *([0.0] if any(self.begins) else [])])
        return {change: self.rows.moved(iter(years), draws, change) for change in changes}

    def seen_by(self, option: int, deal: int) -> float:
        """How activity answers a deal of an option: not at all where the deal ends before the option begins."""
        first = self.begins[option] if self.begins else 0
        is_answered = int(self.deals[deal].rows[0]) >= self.rows.years[first].rows.start
        return self.answers[option] if is_answered else 0.0

    @property
    def answers(self) -> tuple[float, ...]:
        """How activity answers the contract of each option, as a share of it."""
        return tuple(float(o.response.value) if o.response is not None else 0.0 for o in self.document.options)

    def _missed(self, years: Sequence[MovedYear], draws: slice) -> Floats | None:
        """What the mix fails to bring the parties beside activity, by year, party and draw; nothing where that is not drawn."""
        parts = [
            money.change(year.delivered[:, draws], year.above[:, draws])
            for money, year in zip(self.mix_money, years, strict=False)
            if year.delivered is not None and year.above is not None
        ]
        return np.stack(parts) if parts else None

    def _positions(
        self,
        columns: Mapping[float, Mapping[str, Floats]],
        first: int,
        cuts: list[Cut] | None,
        *,
        answered: bool = True,
        missed: Floats | None = None,
    ) -> Floats:
        """Positions from columns of the outturn, by how activity answers."""
        count = next(iter(columns.values()))["actual_cost_pence"].shape[1]
        out = np.empty((len(self.of_option), len(self.years), len(self.parties), count))
        paid: dict[tuple[int, float], Floats] = {}
        own = {change: self._own(each, count) for change, each in columns.items()}
        for k, deals in enumerate(self.of_option):
            change = self.answers[k] if answered else 0.0
            first_year = self.begins[k] if self.begins else 0
            out[k] = own[change] + self.apart[k][:, :, None]
            if first_year and change:
                out[k, :first_year] = own[0.0][:first_year] + self.apart[k][:first_year, :, None]
            out[k] += 0.0 if missed is None else missed
            mine: list[tuple[DrawnDeal, Floats]] = []
            for number in deals:
                deal, seen = self.deals[number], self.seen_by(k, number) if answered else 0.0
                if (number, seen) not in paid:
                    found: list[Cut] = []
                    paid[number, seen] = deal.payments(columns[seen], first, None if cuts is None else found)
                    if cuts is not None:
                        cuts += [replace(cut, deal=number, answer=seen) for cut in found]
                mine.append((deal, paid[number, seen]))
                out[k] += self._by_party(deal, paid[number, seen], count)
            if k in self.bodies:
                self._between(self.bodies[k], out[k], mine, columns[change]["actual_cost_pence"], count)
        before = out.copy() if self.quality else out
        if self.quality and self.margin is not None:
            before -= self.margin[None, :, :, None]
        for each in self.quality:
            each.add(out[each.option], before[each.option])
        return out

    def _own(self, columns: Mapping[str, Floats], count: int) -> Floats:
        """Allocation less cost of care, by year, party and draw."""
        own = np.repeat(self.allocation[:, :, None], count, axis=2)
        for y, year in enumerate(self.rows.years):
            np.subtract.at(own[y], self.payee[year.rows], columns["actual_cost_pence"][year.rows])
        return own

    def _by_party(self, deal: DrawnDeal, payments: Floats, count: int) -> Floats:
        """What a deal brings each party, by year, party and draw."""
        out = np.zeros((len(self.years), len(self.parties), count))
        for y, year in enumerate(self.rows.years):
            mine = (deal.rows >= year.rows.start) & (deal.rows < year.rows.stop)
            np.subtract.at(out[y], self.payer[deal.rows[mine]], payments[mine])
            np.add.at(out[y], self.payee[deal.rows[mine]], payments[mine])
        return out

    def _between(
        self, body: DrawnBody, out: Floats, paid: Sequence[tuple[DrawnDeal, Floats]], cost: Floats, count: int
    ) -> None:
        """Put a body between the parties of an option, by what its deals pay row by row."""
        whole = np.zeros((self.rows.at_plan.height, count))
        for deal, payments in paid:
            whole[deal.rows] += payments
        for y, year in enumerate(self.rows.years):
            here = year.rows
            body.add(out[y], y, here, whole[here], cost[here], self.payee[here], self.payer[here])

    def only(self, layers: Sequence[str]) -> PartyModel:
        """The same with these layers alone; the others stay at plan."""
        chance = model(self.chance.books, self.chance.document, layers)
        return replace(self, chance=chance)


@dataclass(frozen=True)
class PartySimulation:
    """Positions of all parties in every draw, and what limiting clauses cut."""

    model: PartyModel
    request: Request
    positions: Floats
    """Position in pence by option, year, party and draw; below 0 is a deficit."""
    cuts: tuple[Cut, ...] = ()
    """What limits cut in every draw."""

    @property
    def draws(self) -> int:
        """Draws that were made; fewer than asked for where the simulation stopped early."""
        return int(self.positions.shape[3])

    @property
    def block(self) -> int:
        """Draws in a block; with Sobol points, one scramble."""
        return source(self.request.method, self.request.seed, self.request.draws, self.model.chance.streams).block

    @property
    def hash(self) -> str:
        """Checksum of all positions."""
        return hashlib.sha256(np.ascontiguousarray(self.positions).tobytes()).hexdigest()


# Reason: a pack, a run and a folder are three places, and options and layers two choices
# Reason: what is simulated (options, pack, run, uncertainty) and how much of it, with contracts and plans at hand
def party_model(
    document: ContractOptions,
    pack: DataPack,
    run: Run,
    uncertainty: Uncertainty,
    layers: Sequence[str] | None = None,
    folder: Path | None = None,
    only: Sequence[str] = (),
    planned: Sequence[Book] = (),
    mix: MixInDraws | None = None,
    given: Mapping[str, Contract] | None = None,
) -> PartyModel:
    """Options on the plan of a run, made ready for draws.

    Args:
        document: the options.
        pack: data pack with the contracts that ship.
        run: the run of their scenario.
        uncertainty: what is uncertain.
        layers: the layers to draw; all that have figures where none are named.
        folder: where the document stands, for contracts beside it.
        only: ids of the options to try; none means all.
        planned: plans by year in the place of those of the run, such as the same with the savings of a mix, so that what its
            solutions fail to deliver is drawn with the contracts.
        mix: a mix that is bought: its activity stands in the place of the planned one, and what it fails to deliver is drawn.
        given: contracts at hand by the name the options use, in place of those beside the document or of the pack.

    Raises:
        ContractError: the options contradict themselves, their contracts or the run, or none of their contracts has an
            input that draws move.
    """
    faults, document = Faults(), with_cost_behaviour(document, pack)
    contracts, _ = read_contracts(document, pack, folder, faults, given)
    faults.extend(option_faults(document, run, contracts, only))
    faults.raise_if_any(ContractError, f"options {document.id}: cannot be simulated")
    if only:
        document = document.model_copy(update={"options": tuple(o for o in document.options if o.id in only)})
    years = sorted(run.provider_allocation.get_column("year").unique())
    books = list(planned) or [book_of(run, FinancialYear(year), document.plan_activity) for year in years]
    chance = model(books if mix is None else mix.books(books), uncertainty, layers)
    rows = drawn_rows(chance, document, run, plan_lines(run), mix)
    trials = trials_of(document, pack, run, folder, given)
    deals, of_option = _deals(document, contracts, rows, trials.starts)
    if not any(deal.moved for deal in deals):
        for deal in deals:
            faults.add(
                f"contract {deal.contract.id!r}", "no input that the draws affect", STOCHASTIC_INPUTS,
                "Simulate options of which at least one depends on activity or cost.",
            )  # fmt: skip
        faults.raise_if_any(ContractError, f"options {document.id}: nothing in them depends on chance")
    return _assembled(document, chance, rows, tuple(deals), tuple(of_option), trials, mix)


def _deals(
    document: ContractOptions, contracts: Mapping[str, Contract], rows: DrawnRows, starts: Starts
) -> tuple[list[DrawnDeal], list[tuple[int, ...]]]:
    """Contracts over the years in which they hold, each once, and the numbers of those of every option."""
    made: dict[tuple[str, tuple[str, ...], str, str], int] = {}
    deals: list[DrawnDeal] = []
    of_option = []
    for option in document.options:
        mine = []
        for span in starts.spans(option):
            for each in span.option.contracts:
                providers = tuple(document.providers_of(each.groups))
                key = (each.contract, providers, span.first, span.until)
                at = rows.at_plan.with_columns(span.years().alias("__held"))
                if not at.filter(pl.col("__held") & pl.col("provider").is_in(list(providers))).height:
                    continue
                if key not in made:
                    made[key] = len(deals)
                    deals.append(make_deal(contracts[each.contract], at, providers))
                mine.append(made[key])
        of_option.append(tuple(mine))
    return deals, of_option


def _assembled(  # what was made, put together
    document: ContractOptions,
    chance: ChanceModel,
    rows: DrawnRows,
    deals: tuple[DrawnDeal, ...],
    of_option: tuple[tuple[int, ...], ...],
    trials: Trials,
    mix: MixInDraws | None,
) -> PartyModel:
    without = {"quality": (), "response": None} if mix is None else {"quality": ()}
    plain = tuple(option.model_copy(update=without) for option in document.options)
    unpaid = {o: b.model_copy(update={"quality": ()}) for o, b in trials.starts.before.items()}
    bare_trials = replace(trials, starts=replace(trials.starts, before=unpaid))
    activity = trials.by_change(Decimal(0)) if mix is None else mix.activity
    before = bare_trials.positions(activity, document.model_copy(update={"options": plain}))
    money, payments = trials.money, rows.at_plan
    buyers = sorted({*money.get_column("commissioner_code"), *payments.get_column("commissioner")})
    sellers = sorted({*before.filter(pl.col("role") == PARTY_ROLES[1]).get_column("organisation_code")})
    parties = (*((PARTY_ROLES[0], code) for code in buyers), *((PARTY_ROLES[1], code) for code in sellers))
    place = {party: k for k, party in enumerate(parties)}
    years = {str(book.year): y for y, book in enumerate(chance.books)}
    allocation = np.zeros((len(years), len(parties)))
    for year, code, pence in money.select("year", "commissioner_code", "allocation_pence").rows():
        if year in years:
            allocation[years[year], place[PARTY_ROLES[0], code]] += pence
    payer = np.array([place[PARTY_ROLES[0], code] for code in payments.get_column("commissioner")])
    payee = np.array([place[PARTY_ROLES[1], code] for code in payments.get_column("provider")])
    nothing = np.zeros((len(of_option), len(years), len(parties)))
    order = list(years)
    bodies = {
        k: drawn_body(trials.starts.bodies[option.id], payments, order, place)
        for k, option in enumerate(document.options)
        if option.id in trials.starts.bodies
    }
    begins = tuple(_begins(trials.starts, option.id, order) for option in document.options)
    bare = PartyModel(
        document,
        chance,
        rows,
        deals,
        of_option,
        parties,
        allocation,
        payer,
        payee,
        nothing,
        (),
        bodies,
        begins,
        mix=mix,
    )
    planned = nothing.copy()
    ids = [option.id for option in document.options]
    for option, role, code, year, pence in before.select(
        "option", "role", "organisation_code", "year", "position_pence"
    ).rows():
        if year in years and (role, code) in place:
            planned[ids.index(option), years[year], place[role, code]] = pence
    planned += 0.0 if mix is None else mix.gains_of(bare.years, parties)
    sums: dict[tuple[str, str], dict[str, int]] = {}
    for year, provider, commissioner, pence in payments.select(
        "year", "provider", "commissioner", "plan_value_pence"
    ).rows():
        mine = sums.setdefault((year, provider), {})
        mine[commissioner] = mine.get(commissioner, 0) + pence
    quality = drawn_quality(
        document, trials.contracts, sums, list(years), {code: place[PARTY_ROLES[1], code] for code in sellers},
        {code: place[PARTY_ROLES[0], code] for code in buyers}, trials.starts,
    )  # fmt: skip
    margin = np.zeros((len(years), len(parties)))
    for year, code, pence in trials.margin.select("year", "provider_code", "margin_pence").rows():
        if year in years and (PARTY_ROLES[1], code) in place:
            margin[years[year], place[PARTY_ROLES[1], code]] = pence
    totals = _totals(trials.run, years, place)
    codes = [code for _, code in parties]
    money_of_mix = () if mix is None else tuple(money_of_year(mix, year, codes) for year in years)
    return replace(
        bare, apart=planned - bare.at_plan, quality=quality, margin=margin, totals=totals, mix_money=money_of_mix
    )


def _totals(run: Run, years: Mapping[str, int], place: Mapping[tuple[str, str], int]) -> Floats:
    """Control totals by year and party; nil where there is none."""
    totals = np.zeros((len(years), len(place)))
    for year, role, code, pence in control_totals(run):
        if year in years and (role, code) in place:
            totals[years[year], place[role, code]] = pence
    return totals


def _begins(starts: Starts, option: str, years: Sequence[str]) -> int:
    """Number of the first year of an option among those that are drawn."""
    since = str(starts.since.get(option, ""))
    return next((y for y, year in enumerate(years) if year >= since), len(years) - 1)


def simulate_parties(
    made: PartyModel, request: Request, work: SimulationWork | None = None, at_once: int = AT_ONCE
) -> PartySimulation:
    """Positions of all parties in all draws asked for, or in as many as the stated standard error takes.

    Args:
        made: the options, ready.
        request: which draws; `stop_at` is the largest standard error of any party's mean position, as a share of its size.
        work: threads, progress, cancel and state file; nothing of it changes a result.
        at_once: draws that are settled at a time; no more does this.

    Raises:
        ScenarioError: draws or seed cannot be.
        ContractError: a clause refuses a draw, whose values are shown.
        StoppedError: the work was cancelled; what was drawn so far is in the state file, where one was named.
    """
    work = work or SimulationWork()
    drawn = source(request.method, request.seed, request.draws, made.chance.streams)
    if at_once < 1 or work.threads < 1:
        message = f"work: found {work.threads} threads and {at_once} draws at a time; expected at least 1 of each"
        raise ScenarioError(message)
    check_stop(request)
    check_memory(request.draws, len(made.options) * len(made.years) * len(made.parties) * np.dtype(float).itemsize)
    out = np.empty((len(made.options), len(made.years), len(made.parties), request.draws))
    stop = None if request.stop_at is None else repr(request.stop_at)
    name = digest(canonical([made.id, request.draws, request.seed, request.method, stop]))
    cuts = CutsOfDraws(request.draws)
    done = resumed(work.state, name, out, cuts.kept) if work.state is not None else 0
    enough = _enough(made, request, out, range(CHECKED, done + 1, CHECKED))
    try:
        for part, positions, cut in () if enough else _parts(made, drawn, done, work, at_once):
            out[..., part] = positions
            cuts.take(part, cut)
            before, done = done, part.stop
            work.progress(done, request.draws)
            checks = range(before - before % CHECKED + CHECKED, done + 1, CHECKED)
            enough = _enough(made, request, out, checks)
            if enough:
                break
    except (KeyboardInterrupt, StoppedError):
        if work.state is not None:
            keep(work.state, name, out, done, cuts.kept)
        raise
    drawn_in_all = enough or request.draws
    work.finished(name, out, drawn_in_all, cuts.kept)
    return PartySimulation(made, request, out[..., :drawn_in_all], cuts.first(drawn_in_all))


def _parts(
    made: PartyModel, drawn: Source, done: int, work: SimulationWork, at_once: int
) -> Iterator[tuple[slice, Floats, tuple[Cut, ...]]]:
    """Parts of the draws in order; as many are under way at a time as there are threads."""
    pool: AbstractContextManager[ThreadPoolExecutor | None]
    pool = ThreadPoolExecutor(work.threads) if work.threads > 1 else nullcontext()
    with pool as executor:
        for number in range(done // drawn.block, -(-drawn.draws // drawn.block)):
            start = number * drawn.block
            years = list(moved(made.chance, drawn, number))
            ends = range(max(done, start), min(start + drawn.block, drawn.draws), at_once)
            last = min(start + drawn.block, drawn.draws)
            parts = [slice(at, min(at + at_once, last)) for at in ends]

            def settled(
                part: slice, years: Sequence[MovedYear] = years, start: int = start
            ) -> tuple[Floats, tuple[Cut, ...]]:
                cuts: list[Cut] = []
                within = slice(part.start - start, part.stop - start)
                return made.positions(years, within, part.start, cuts), tuple(cuts)

            for first in range(0, len(parts), work.threads):
                if work.is_cancelled():
                    kept = f"; they are kept in {work.state}: run it again to go on" if work.state is not None else ""
                    message = f"stopped on request after {parts[first].start:,} of {drawn.draws:,} draws{kept}"
                    raise StoppedError(message)
                group = parts[first : first + work.threads]
                for part, (positions, cut) in zip(
                    group, (executor.map if executor else map)(settled, group), strict=True
                ):
                    yield part, positions, cut


def _enough(made: PartyModel, request: Request, out: Floats, checks: range) -> int | None:
    """The number of draws at which all standard errors were small enough, if it is one of these."""
    if request.stop_at is None:
        return None
    sizes = np.maximum(made.sizes, 1.0)
    for count in checks:
        error = (out[..., :count].std(axis=3) / np.sqrt(count) / sizes).max()
        if error <= request.stop_at:
            return count
    return None


__all__ = ["AT_ONCE", "PARTY_ROLES", "PartyModel", "PartySimulation", "party_model", "simulate_parties"]
