"""The headlines of a plan, each a whole amount in pence, as they stand and with one assumption at another value.

    allocations   do nothing and what is left in the last year, money that moves between localities, the furthest under target
    options       positions of commissioners and of providers under each option, in the first year of the new contracts
    mix           net present value, and the gain of the last year: as a plan reports them where nothing has changed, and what a
                  change moves by the relaxation of the merged programme from a warm start

What a change leaves as it was is not worked out again: a figure of the options runs no allocation, a flow only who is paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cached_property, partial
from typing import Any

import polars as pl

from capitation.activity.printed_plan import activity_plan
from capitation.allocation.commissioners import commissioner_money
from capitation.chain.bridge import OWN
from capitation.errors import CapitationError, SolverError
from capitation.money.rounding import nearest
from capitation.pack.sources import DataPack
from capitation.records.documents import parse_document, read_mapping
from capitation.run.evaluate import evaluate
from capitation.run.parts import chain_of, delivery, optional_parts
from capitation.run.run import Run
from capitation.shift.calibration import Calibration, calibrate
from capitation.shift.solution import read_solutions
from capitation.streams.control_total import control_total
from contracts.document.models import Contract
from contracts.options.document import ContractOptions, with_cost_behaviour
from contracts.options.evaluate import trials_of
from contracts.options.trials import Trials, first_year_of
from optimiser.answers.optimise import optimise
from optimiser.answers.whole.former import FormerMix, read_former
from optimiser.answers.whole.merging import alike_localities, merge
from optimiser.answers.whole.search import Search, solve_whole
from optimiser.engines.highs import HighsSession
from optimiser.links.assumed.inputs import PlanInputs
from optimiser.links.from_run import RunRows, parts_of_run
from optimiser.links.on_run import FROM_RUN
from optimiser.links.plan import bought
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import Problem, document_model, policy_of
from optimiser.programme.matrix import Matrix

Amounts = dict[str, int]
"""Pence by the id of a headline."""

GAP = 0.005
"""Relative gap at which a search for whole numbers stops, where the problem asks for none wider."""
_SECONDS = 20.0
"""Seconds for one relaxation: it takes less than one, or goes in circles."""


def titles(inputs: PlanInputs, run: Run) -> dict[str, str]:
    """Headlines by id, with their titles."""
    last, need = inputs.scenario.years[-1], inputs.scenario.need_year
    found = {
        "derived_do_nothing": f"the derived deficit of doing nothing in {last}",
        "left": f"what is left of the deficit in {last} before any mix",
        "furthest_under": f"what the locality furthest under target lacks in {need}",
        "moved": f"money that moves between localities in {need}",
    }
    if not run.bridge.is_empty():
        names = dict(run.frames["code_name"].select("code", "name").iter_rows())
        own = run.bridge.filter((pl.col("year") == str(last)) & (pl.col("line") == OWN["left"]))
        for code in own.get_column("organisation").sort():
            found[f"left:{code}"] = f"what is left to {names.get(code, code)} in {last} before any mix"
    if inputs.options is not None:
        for option in inputs.options.options:
            for role in ("commissioners", "providers"):
                found[f"{role}:{option.id}"] = (
                    f"the position of {role} under {option.title} in {inputs.options.first_year}"
                )
    if inputs.problem is not None:
        found["mix_last_year"] = f"what the mix gains in {inputs.problem.years[-1]}"
        found["npv"] = "the net present value of the mix"
    return found


class Headlines:
    """The headlines of a plan and of the plan with one thing changed.

    Args:
        inputs: the plan as it stands.
        run: its scenario's run, where it is at hand.
    """

    def __init__(self, inputs: PlanInputs, run: Run | None = None) -> None:
        self.inputs = replace(inputs, pack=DataPack(inputs.pack.root))
        own = (
            run is not None and "pace" in run.frames and "mix_line" not in run.frames
        )  # a plan's chain has its mix in it
        self.run = run if run is not None and own else evaluate(inputs.scenario, self.inputs.pack)
        self._totals = self._localities(self.run)
        self._session: HighsSession | None = None
        self._basis: Any = None
        self._trials: tuple[Run, Trials] | None = None

    def run_of(self, inputs: PlanInputs) -> Run:
        """The run of changed inputs; the one at hand where nothing that it reads has changed."""
        scenario, changed = inputs.scenario, inputs.pack.varied - {"evidence/service-costs.csv"}
        same = scenario is self.inputs.scenario
        if same and not changed:
            return self.run
        late = (
            scenario.files.flows,
            "organisations/",
            "chains/",
            "parameters/prices/",
            "parameters/stf/",
            "parameters/top_slices/",
        )
        if same and all(name.startswith(late) for name in changed):
            return self._paid_anew(inputs)
        return evaluate(scenario, inputs.pack)

    def _paid_anew(self, inputs: PlanInputs) -> Run:
        """The run with the same allocations, and with who is paid and the chain worked out again."""
        run, scenario, pack = self.run, inputs.scenario, inputs.pack
        parts = optional_parts(scenario, pack)
        care = delivery(scenario, run.spendable, run.membership, pack, parts)
        money_of = partial(commissioner_money, run.allocation, run.spendable, run.membership)
        money = control_total(scenario.money)
        chain = chain_of(scenario, pack, money, run.locality_activity, care, money_of, parts)
        frames = {**run.frames, "flow": care.flow, "provider_allocation": care.to_providers, "bridge": chain.bridge}
        return Run(run.manifest, frames)

    def of_run(self, run: Run) -> Amounts:
        """Headlines of the allocations."""
        last, need = str(self.inputs.scenario.years[-1]), self.inputs.scenario.need_year
        found: Amounts = {}
        if not run.bridge.is_empty():
            lines = run.bridge.filter(pl.col("year") == last)
            for line in ("derived_do_nothing", "left"):
                found[line] = int(lines.filter(pl.col("line") == line).get_column("amount_pence").sum())
            own = lines.filter((pl.col("line") == OWN["left"]) & (pl.col("level") == "organisation"))
            found |= {f"left:{code}": pence for code, pence in own.select("organisation", "amount_pence").iter_rows()}
        distance = (
            run.frames["place_distance"]
            .filter(pl.col("year") == need)
            .select("area_code", "target_pence", "allocation_pence")
        )
        localities = run.membership.get_column("locality_code").unique().to_list()
        short = distance.filter(pl.col("area_code").is_in(localities)).select(
            lack=pl.col("target_pence") - pl.col("allocation_pence")
        )
        found["furthest_under"] = int(short.get_column("lack").max() or 0)  # type: ignore[arg-type]  # whole pence
        both = self._totals.join(
            self._localities(run), on="area_code", how="full", coalesce=True, suffix="_now"
        ).fill_null(0)
        moved = both.select((pl.col("pence_now") - pl.col("pence")).abs().sum()).item()
        found["moved"] = int(moved) // 2
        return found

    def _localities(self, run: Run) -> pl.DataFrame:
        need = self.inputs.scenario.need_year
        totals = run.locality_total.filter(pl.col("year") == need)
        return totals.group_by("area_code").agg(pl.col("total_pence").sum().alias("pence"))

    def of_options(self, inputs: PlanInputs, run: Run, given: Mapping[str, Contract] | None = None) -> Amounts:
        """Headlines of the contract options on a run, with contracts at hand in place of those that they name."""
        if inputs.options is None:
            return {}
        document = with_cost_behaviour(inputs.options, inputs.pack)
        folder = None if inputs.options_file is None else inputs.options_file.parent
        changed = None if given is None else trials_of(document, inputs.pack, run, folder, given)
        trials = changed or self._trials_on(document, inputs, run)
        rows = first_year_of(document, trials.positions(trials.by_case(document.shown_case, document), document))
        sums = rows.group_by("option", "role").agg(pl.col("position_pence").sum())
        return {f"{role}s:{option}": pence for option, role, pence in sums.iter_rows()}

    def _trials_on(self, document: ContractOptions, inputs: PlanInputs, run: Run) -> Trials:
        if self._trials is None or self._trials[0] is not run:
            folder = None if inputs.options_file is None else inputs.options_file.parent
            self._trials = (run, trials_of(document, inputs.pack, run, folder))
        return self._trials[1]

    def problem_on(self, inputs: PlanInputs, run: Run) -> Problem | None:
        """The problem with what it takes from a run taken from another one; as it is where the run is the same."""
        problem = inputs.problem
        if problem is None or run is self.run or self._rows is None or self._calibration is None:
            return problem
        known = all(getattr(run, name).equals(getattr(self.run, name)) for name in ("unit_cost", "locality_activity"))
        prices = problem.prices if known else None
        made = parts_of_run(self._rows, problem.years, run, self._calibration, inputs.pack, prices)
        content = {name: made[name] for name in FROM_RUN}
        bare = parse_document(
            {"id": problem.id, "title": problem.title, "years": problem.years, **content}, document_model(), problem.id
        )
        return problem.model_copy(update={name: getattr(bare, name) for name in FROM_RUN})

    @cached_property
    def _rows(self) -> RunRows | None:
        file = self.inputs.problem_file
        policy = None if file is None else policy_of(file)
        return None if policy is None else RunRows.model_validate(read_mapping(policy)["run"])

    @cached_property
    def _calibration(self) -> Calibration | None:
        folder = self.inputs.pack.root / "solutions"
        return calibrate(read_solutions(folder), activity_plan(self.inputs.pack)) if folder.is_dir() else None

    def relaxed(self, problem: Problem) -> Amounts:
        """Headlines of the best mix if its whole numbers could be parts, alike localities together.

        Raises:
            CapitationError: no mix keeps every limit.
        """
        matrix = self._matrix(problem)
        merged = merge(matrix, alike_localities(problem))
        small = (matrix if merged is None else merged.matrix).relaxed()
        answer = None
        if self._session is not None:
            try:
                self._session.change(small)
                self._session.stand_at(self._basis)
                answer = self._session.solve(prices=False, time_limit=_SECONDS)
            except SolverError:
                self._session = None
        if answer is None:
            self._session = HighsSession(small)
            answer = self._session.solve(prices=False, time_limit=_SECONDS)
            self._basis = self._session.basis()
        if answer.values is None:
            raise CapitationError(f"no mix keeps every limit ({answer.meaning})")
        return self._of_mix(problem, small, answer.values)

    def whole(
        self, problem: Problem, seconds: float, start: FormerMix | None, near: float = GAP
    ) -> tuple[Amounts, float | None]:
        """Headlines of the best mix of whole numbers found in so many seconds, and what none can pass in pence.

        The search ends as soon as the two are `near`, as a part of the mix, or as near as the problem asks.

        Raises:
            CapitationError: none was found.
        """
        matrix = self._matrix(problem)
        search = Search(gap=max(float(problem.gap), near), time_limit=seconds)
        answer = solve_whole(matrix, alike_localities(problem), search, start)
        if answer.values is None:
            raise CapitationError(f"no mix keeps every limit ({answer.meaning})")
        bound = answer.best_possible
        return self._of_mix(problem, matrix, answer.values), None if bound is None else bound * 100

    def reported(self, problem: Problem) -> Amounts:
        """Headlines of the mix as a plan reports them: floors and closures kept by the exact product, money as the chain has it.

        Raises:
            CapitationError: no mix keeps every limit.
        """
        outcome = optimise(problem, gap=max(float(problem.gap), GAP), time_limit=10.0, former=self.start())
        answer = outcome.headline
        if answer.values is None:
            raise CapitationError(f"no mix keeps every limit ({answer.meaning})")
        found = self._of_mix(problem, answer.matrix, answer.values)
        last, options = str(problem.years[-1]), self.inputs.options
        if options is not None and not self.run.bridge.is_empty():
            parts = bought(outcome, self.run, with_cost_behaviour(options, self.inputs.pack))[3].by_party
            found["mix_last_year"] = sum(pence for (year, _), pence in parts.items() if year == last)
        return found

    def start(self) -> FormerMix | None:
        """The mix that the search for whole numbers begins from: the one kept beside the problem."""
        file = self.inputs.problem_file
        kept = None if file is None else file.with_suffix("") / "start.json"
        return read_former(kept) if kept is not None and kept.is_file() else None

    def _matrix(self, problem: Problem) -> Matrix:
        return programme_matrix(problem).aim(problem.goals[0].measure)

    def _of_mix(self, problem: Problem, matrix: Matrix, values: Any) -> Amounts:  # noqa: ANN401  # an array of numbers
        last = f"net_cash_{str(problem.years[-1]).replace('/', '_')}"
        found = {}
        for name, measure in (("npv", "npv"), ("mix_last_year", last)):
            m = matrix.measures.get(measure)
            if m is not None:
                found[name] = nearest(Decimal(float((m.vector @ values + m.constant) * m.scale * 100)))
        return found


__all__ = ["Amounts", "Headlines", "titles"]
