"""A problem's tables from a run: places, providers, activity, flows, prices, receiving room and calibrated solutions.

A policy (budgets, staff, limits, goals, and a `[run]` that names a scenario) and the scenario's run make a whole problem:
what the engine already knows is made from the run and never typed again. `written_problem` puts it into files that any
reader of problem documents can open; a test compares the shipped ones with what the run gives.

    localities, activity    the run's localities, unmitigated activity by point of delivery and year
    solutions               the pack's solutions, set so that all of them reproduce the plan (`capitation.shift.calibration`)
    providers, flows        where each locality's patients go, for points of delivery that some solution avoids
    prices                  unit cost, marginal price under the contracts named (`optimiser.links.contract_price`), variable cost
    receiving_capacity      activity on current trends times one plus the room stated
    stranded_limits         a share of what each provider is allocated in the year
    control_totals          the deficit if nothing is done, as printed, and by a straight line between printed years

Codes of the run become names a programme can use: "non-elective" is "non_elective", "L-01" is "L_01".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from capitation.activity.printed_plan import activity_plan
from capitation.allocation.providers import WHOLE_PPM
from capitation.allocation.providers import providers as all_providers
from capitation.errors import DocumentError, Faults, suggest
from capitation.money.rounding import MICRO
from capitation.pack.layers import default_data_folder, pack_of
from capitation.pack.sources import DataPack
from capitation.records.documents import Document, parse_document, read_mapping
from capitation.records.frames import Frame, Schema
from capitation.records.toml_text import toml_text
from capitation.records.years import FinancialYear
from capitation.run.aims.checks import refuse_early_starts
from capitation.run.evaluate import evaluate
from capitation.run.run import Run
from capitation.run.scenario import read_scenario
from capitation.shift.avoided_value import MarginalShare, marginal_shares, service_costs, unit_values
from capitation.shift.calibration import Calibration, calibrate
from capitation.shift.effects import ShiftLocality, programme_name
from capitation.shift.solution import Name, Pounds, Share, Sourced, read_solutions
from capitation.streams.control_total import GapBridge
from contracts.document.contract import read_contract
from optimiser.blocks.flows import Activity, PatientFlow
from optimiser.links.contract_price import contract_shares
from optimiser.links.written import with_checksum
from optimiser.problem.document import Problem, problem_of
from optimiser.programme.core import ALL

_HEAD = """# Written from the policy and the run that it names; change those and write it again (`optimiser.links.from_run`).
# Assumptions of the policy carry their ground there, in comments and marks; money is at 2016/17 prices.
"""


class ReceivingRoom(Sourced):
    """How much more than current trends a point of delivery can take."""

    point_of_delivery: Name
    """Kind of activity."""
    room_share: Share
    """Capacity beyond activity on current trends, as a share of it."""
    expansion_share: Share = Decimal(0)
    """Most capacity that can be added in a year, as a share of activity on current trends."""
    expansion_capital_pounds: Pounds = Decimal(0)
    """Capital for one unit of added capacity."""
    expansion_recurrent_pounds: Pounds = Decimal(0)
    """Recurrent cost a year of one unit of added capacity."""


class ProviderLimit(Sourced):
    """How much stranded cost providers may be left with, as a share of what the run allocates to them."""

    providers: tuple[str, ...] = ()
    """Codes of the providers protected; all with activity that solutions avoid where none is named."""
    income_share: Share
    """Most stranded cost of a year over the provider's allocation of the year."""


class SystemTotal(Sourced):
    """What the mix must do to the system's position in one year."""

    year: FinancialYear
    """Year."""
    improvement_pounds: Pounds
    """Least improvement on doing nothing; below 0 allows the mix to cost so much before it pays back."""


class LineContract(Document):
    """A contract document of the pack whose own terms price what is avoided at some points of delivery."""

    document: str
    """Its file in contracts/, without the ending."""
    points_of_delivery: tuple[Name, ...] = Field(min_length=1)
    """Kinds of activity that it pays for."""


class RunRows(Document):
    """What a problem takes from the run of a scenario."""

    scenario: str
    """The scenario document, relative to the policy's file."""
    contract: Name
    """Form of contract whose marginal shares (evidence/) price avoided activity that no contract document prices."""
    contract_documents: tuple[LineContract, ...] = ()
    """Contract documents that price the points of delivery they name, by their own terms (`optimiser.links.contract_price`)."""
    solutions: tuple[Name, ...] = ()
    """Which solutions of the pack may be bought; all where none is named. All are calibrated together in any case."""
    receiving: tuple[ReceivingRoom, ...] = ()
    """Room at points of delivery that receive contacts."""
    provider_limits: tuple[ProviderLimit, ...] = ()
    """Protection of providers."""
    system_totals: tuple[SystemTotal, ...] = ()
    """Improvements of the system's position to reach; the printed deficits are where it starts from."""


def problem_from_run(policy: Path) -> Problem:
    """The whole problem of a policy document and the run of the scenario that its `[run]` names.

    Args:
        policy: a problem document with `[run]`, inside or outside a data pack.

    Raises:
        DocumentError: the policy has no `[run]`, or it names a year, provider, solution or point of delivery that the run
            does not have; every fault at once.
        CapitationError: whatever the run and the calibration raise.
    """
    read = read_policy(policy)
    if read is None:
        message = f"{policy}: found no [run]; expected one that names a scenario. A problem without it is solved as it stands by `capitation optimise`"
        raise DocumentError(message)
    scenario = policy.parent / read.takes.scenario
    pack = DataPack(pack_of(scenario) or default_data_folder())
    return read.on(evaluate(read_scenario(scenario), pack), pack, read.states.years)


@dataclass(frozen=True)
class RunPolicy:
    """A policy as it is read: what it states itself, and what it takes from a run."""

    file: Path
    content: Mapping[str, Any]
    takes: RunRows
    states: Problem

    def on(self, run: Run, pack: DataPack, years: Sequence[FinancialYear]) -> Problem:
        """The whole problem on a run at hand.

        Raises:
            DocumentError: the policy names what the run does not have, or a solution starts before its milestone.
            CapitationError: whatever the calibration raises.
        """
        calibration = calibrate(read_solutions(pack.root / "solutions"), activity_plan(pack))
        made = parts_of_run(self.takes, years, run, calibration, pack)
        rows = {name: [*getattr(self.states, name), *more] for name, more in made.items()}
        made_whole = problem_of({**self.content, **rows}, str(self.file), self.file.parent)
        refuse_early_starts(made_whole.solutions, pack, min(years, default=None))
        return made_whole


def read_policy(file: Path) -> RunPolicy | None:
    """The policy in a file; None where it has no `[run]`.

    Raises:
        DocumentError: it cannot be read; every fault at once.
    """
    content = read_mapping(file)
    if "run" not in content:
        return None
    takes = parse_document(content.pop("run"), RunRows, f"{file}: run")
    return RunPolicy(file, content, takes, problem_of(content, str(file), file.parent))


def written_problem(problem: Problem, folder: Path) -> dict[Path, bytes]:
    """The files of a problem by their path under `folder`: the document, and its long tables in a folder of its name.

    Args:
        problem: a whole problem.
        folder: where the files are to stand; nothing is written here.
    """
    tables: dict[str, tuple[type[Schema], list[tuple[Any, ...]]]] = {
        "activity": (
            Activity,
            [(r.locality, r.point_of_delivery, _year(r.year), float(r.units)) for r in problem.activity],
        ),
        "flows": (PatientFlow, [(r.locality, r.provider, r.point_of_delivery, float(r.share)) for r in problem.flows]),
    }
    changes: dict[str, Any] = {}
    files: dict[Path, bytes] = {}
    for name, (schema, rows) in tables.items():
        frame = schema.validate(pl.DataFrame(rows, schema=schema.dtypes(), orient="row"))
        files[folder / problem.id / f"{name}.csv"] = frame.write_csv().encode()
        changes |= {name: (), f"{name}_file": f"{problem.id}/{name}.csv"}
    text = toml_text(problem.model_copy(update=changes))
    return {folder / f"{problem.id}.toml": with_checksum(_HEAD, f"\n{text}").encode(), **files}


def parts_of_run(
    spec: RunRows,
    years: Sequence[FinancialYear],
    run: Run,
    calibration: Calibration,
    pack: DataPack,
    prices: Sequence[Any] | None = None,
) -> dict[str, list[Any]]:
    """Rows of a problem document by the name of its field, from a run that is at hand.

    Args:
        spec: what to take.
        years: years of the problem.
        run: the run.
        calibration: solutions set to the plan, and how.
        pack: the data pack, for names of providers and for evidence.
        prices: prices that were worked out before from a run with the same unit costs and activity.

    Raises:
        DocumentError: the spec names a year, provider, solution or point of delivery that the run does not have; every fault
            at once.
    """
    texts = [str(year) for year in years]
    everything = run.locality_activity
    activity = everything.filter((pl.col("case") == "unmitigated") & pl.col("year").is_in(texts))
    _check(spec, texts, run, calibration, activity)
    chosen = [s for s in calibration.solutions if not spec.solutions or s.id in spec.solutions]
    flow = run.flow
    avoided = {e.point_of_delivery for s in chosen for e in s.effects}
    lines = sorted(c for c in activity["point_of_delivery"].unique().to_list() if programme_name(c) in avoided)
    used = flow.filter(pl.col("line").is_in(lines) & (pl.col("share_ppm") > 0))
    seen = used.get_column("provider_code").unique().to_list()
    named = {v.falls_to for s in chosen for v in s.savings if v.falls_to}
    codes = sorted({*seen, *named})
    return {
        "solutions": list(chosen),
        "localities": _localities(run, texts[0]),
        "providers": _providers(codes, pack),
        "points_of_delivery": _points(run, pack),
        "activity": sorted(_activity(activity), key=lambda r: (r["locality"], r["point_of_delivery"], r["year"])),
        "flows": sorted(_flows(used), key=lambda r: (r["locality"], r["provider"], r["point_of_delivery"])),
        "prices": _prices(spec, run, pack, texts, lines) if prices is None else list(prices),
        "receiving_capacity": _receiving(spec, activity),
        "stranded_limits": _limits(spec, run, texts, codes),
        "control_totals": _totals(spec, run, texts),
    }


def shift_localities(run: Run, year: str) -> Frame[ShiftLocality]:
    """The localities of a run and their persons in a year, whole persons by largest remainder of the system's."""
    people = run.population.filter(pl.col("year") == year)
    members = run.membership.select("practice_code", "locality_code")
    sums = people.join(members, on="practice_code", validate="m:1").group_by("locality_code")
    micro_persons = sums.agg(pl.col("registered_micro").sum())
    persons = ((pl.col("registered_micro") + MICRO // 2) // MICRO).alias("persons")
    return ShiftLocality.validate(micro_persons.select("locality_code", persons))


def _localities(run: Run, year: str) -> list[dict[str, Any]]:
    rows = shift_localities(run, year).iter_rows()
    return [{"id": programme_name(code), "title": code, "persons": persons} for code, persons in rows]


def _providers(codes: Sequence[str], pack: DataPack) -> list[dict[str, Any]]:
    names = dict(all_providers(pack).iter_rows())
    return [{"id": programme_name(code), "title": names[code]} for code in codes]


def _points(run: Run, pack: DataPack) -> list[dict[str, Any]]:
    costs = run.unit_cost
    rows = service_costs(pack).join(
        costs.select(pl.col("line").alias("point_of_delivery"), "unit_cost_pence"), on="point_of_delivery"
    )
    return [
        {
            "id": programme_name(row["point_of_delivery"]),
            "title": row["point_of_delivery"],
            "length_of_stay_days": None if row["stay_days"] is None else str(row["stay_days"]),
            "contact_cost_pounds": _pounds(round(row["unit_cost_pence"] * row["contact_share"])),
        }
        for row in rows.sort("point_of_delivery").iter_rows(named=True)
    ]


def _activity(activity: pl.DataFrame) -> list[dict[str, Any]]:
    rows = activity.iter_rows(named=True)
    return [
        {
            "locality": programme_name(row["locality_code"]),
            "point_of_delivery": programme_name(row["point_of_delivery"]),
            "year": row["year"],
            "units": row["activity"],
        }
        for row in rows
    ]


def _flows(used: pl.DataFrame) -> list[dict[str, Any]]:
    rows = used.iter_rows(named=True)
    return [
        {
            "locality": programme_name(row["locality_code"]),
            "provider": programme_name(row["provider_code"]),
            "point_of_delivery": programme_name(row["line"]),
            "share": Decimal(row["share_ppm"]) / WHOLE_PPM,
        }
        for row in rows
    ]


def marginal_share_rows(spec: RunRows, run: Run, pack: DataPack, years: Sequence[str]) -> Frame[MarginalShare]:
    """Marginal shares under the form of contract named, and of the contract documents where they price a line.

    A document's plan is the activity of 2016/17; the shift is from current trends to the plan's activity of 2020/21.

    Raises:
        SourceError: there is no such contract document.
        ScenarioError: a document cannot price activity that is not done.
    """
    shares = marginal_shares(pack).filter(pl.col("contract") == spec.contract)
    costs = run.unit_cost
    plan = {r["point_of_delivery"]: r for r in activity_plan(pack).iter_rows(named=True)}
    unit = dict(costs.filter(pl.col("baseline_activity") > 0).select("line", "unit_cost_pence").iter_rows())
    trend = run.locality_activity.filter(pl.col("case") == "unmitigated")
    sums = trend.group_by("point_of_delivery", "year").agg(pl.col("activity").sum())
    units = {(pod, year): n for pod, year, n in sums.iter_rows() if year in years}
    for named in spec.contract_documents:
        contract = read_contract(pack.path(f"contracts/{named.document}.toml"))
        lines = sorted(c for c in plan if programme_name(c) in named.points_of_delivery)
        made = contract_shares(
            contract,
            {c: plan[c]["baseline_activity"] * unit[c] for c in lines},
            {(c, year): n * unit[c] for (c, year), n in units.items() if c in lines},
            {c: plan[c]["mitigated_activity"] * unit[c] for c in lines},
        ).with_columns(pl.lit(spec.contract).alias("contract"))
        shares = MarginalShare.validate(pl.concat([shares.filter(~pl.col("point_of_delivery").is_in(lines)), made]))
    return MarginalShare.validate(shares)


def _prices(spec: RunRows, run: Run, pack: DataPack, years: list[str], lines: list[str]) -> list[dict[str, Any]]:
    costs = run.unit_cost
    shares = marginal_share_rows(spec, run, pack, years)
    values = unit_values(costs, shares, service_costs(pack), spec.contract, years)
    priced = {pod: named.document for named in spec.contract_documents for pod in named.points_of_delivery}
    mark = {
        "source": "assumption",
        "owner": "System finance director",
        "quality": "red",
        "impact": "red",
    }
    return [
        {
            "point_of_delivery": programme_name(row["point_of_delivery"]),
            "year": row["year"],
            "tariff_pounds": _pounds(row["tariff_pence"]),
            "marginal_pounds": _pounds(row["marginal_pence"]),
            "variable_cost_pounds": _pounds(row["variable_pence"]),
            **mark,
            "where": "unit cost of the run; marginal share of "
            f"{priced.get(programme_name(row['point_of_delivery']), spec.contract)}; variable share of evidence/",
        }
        for row in values.filter(pl.col("point_of_delivery").is_in(lines)).iter_rows(named=True)
    ]


def _receiving(spec: RunRows, activity: pl.DataFrame) -> list[dict[str, Any]]:
    sums = (
        activity.group_by("point_of_delivery", "year").agg(pl.col("activity").sum()).sort("point_of_delivery", "year")
    )
    rooms = {room.point_of_delivery: room for room in spec.receiving}
    rows = []
    for pod, year, units in sums.iter_rows():
        room = rooms.get(programme_name(pod))
        if room is not None:
            rows.append(
                {
                    "point_of_delivery": room.point_of_delivery,
                    "year": year,
                    "units": (units * (1 + room.room_share)).quantize(Decimal("0.001")),
                    "expansion_most": (units * room.expansion_share).quantize(Decimal("0.001")),
                    "expansion_capital_pounds": room.expansion_capital_pounds,
                    "expansion_recurrent_pounds": room.expansion_recurrent_pounds,
                }
            )
    return rows


def _limits(spec: RunRows, run: Run, years: list[str], codes: list[str]) -> list[dict[str, Any]]:
    allocated = run.provider_allocation
    sums = allocated.group_by("provider_code", "year").agg(pl.col("allocation_pence").sum())
    income = {(code, year): pence for code, year, pence in sums.iter_rows()}
    return [
        {
            "provider": programme_name(code),
            "year": year,
            "pounds": _pounds(int(Decimal(income.get((code, year), 0)) * limit.income_share)),
        }
        for limit in spec.provider_limits
        for code in (limit.providers or codes)
        for year in years
    ]


def _totals(spec: RunRows, run: Run, years: list[str]) -> list[dict[str, Any]]:
    bridge = run.gap_bridge
    gaps = deficits(bridge, years)
    return [
        {
            "organisation": "system",
            "year": str(total.year),
            "baseline_pounds": _pounds(-gaps[str(total.year)]),
            "target_pounds": Decimal(_pounds(-gaps[str(total.year)])) + total.improvement_pounds,
            "source": total.source,
            "where": total.where,
            "owner": total.owner,
            "quality": total.quality,
            "impact": total.impact,
        }
        for total in spec.system_totals
    ]


def deficits(bridge: Frame[GapBridge], years: Sequence[str]) -> dict[str, int]:
    """The system's deficit in pence in each year if nothing is done: as printed, and a straight line between printed years.

    Args:
        bridge: steps from year to year; the last balance of a year is its deficit.
        years: years wanted, inside the printed ones.

    Example:
        £2m in 2016/17 and £10m in 2020/21 give £4m, £6m and £8m in between.
    """
    last = bridge.sort("year", "step").group_by("year", maintain_order=True).agg(pl.col("balance_pence").last())
    printed = dict(last.iter_rows())
    found = {year: printed[year] for year in years if year in printed}
    for (first, start), (second, end) in pairwise(printed.items()):
        span = FinancialYear(second).years_after(FinancialYear(first))
        for year in years:
            after = FinancialYear(year).years_after(FinancialYear(first))
            if 0 < after < span:
                found[year] = start + (end - start) * after // span
    return found


def _year(year: FinancialYear | None) -> str:
    return ALL if year is None else str(year)


def _pounds(pence: int) -> str:
    return str(Decimal(pence).scaleb(-2))


def _check(spec: RunRows, years: list[str], run: Run, calibration: Calibration, activity: pl.DataFrame) -> None:
    faults = Faults()
    known = activity.get_column("year").unique().to_list()
    for year in years:
        if year not in known:
            faults.add("run: years", f"{year}", "a year with activity in the run", suggest(year, known))
    solutions = [s.id for s in calibration.solutions]
    for name in spec.solutions:
        if name not in solutions:
            faults.add("run: solutions", repr(name), "a solution of the pack", suggest(name, solutions))
    pods = [programme_name(c) for c in activity.get_column("point_of_delivery").unique().to_list()]
    for room in spec.receiving:
        if room.point_of_delivery not in pods:
            faults.add(
                "run: receiving",
                repr(room.point_of_delivery),
                "a point of delivery",
                suggest(room.point_of_delivery, pods),
            )
    for named in spec.contract_documents:
        for pod in named.points_of_delivery:
            if pod not in pods:
                faults.add("run: contract_documents", repr(pod), "a point of delivery", suggest(pod, pods))
    priced = [pod for named in spec.contract_documents for pod in named.points_of_delivery]
    for pod in sorted({pod for pod in priced if priced.count(pod) > 1}):
        faults.add("run: contract_documents", f"{pod} under two documents", "one document for each")
    codes = run.provider_allocation.get_column("provider_code").unique().to_list()
    for limit in spec.provider_limits:
        for code in limit.providers:
            if code not in codes:
                faults.add("run: provider_limits", repr(code), "a provider of the run", suggest(code, codes))
    for total in spec.system_totals:
        if str(total.year) not in years:
            faults.add("run: system_totals", str(total.year), f"one of {', '.join(years)}")
    faults.raise_if_any(DocumentError, "the problem's [run] does not fit its run")
