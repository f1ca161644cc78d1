"""All entries of a plan's log: documents, dated parameters, tables of the pack, and figures that were fitted to printed ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import polars as pl

from capitation.activity.printed_plan import activity_plan
from capitation.activity.unit_costs import OTHER_ACUTE
from capitation.allocation.providers import WHOLE_PPM, Flow, flows
from capitation.allocation.services import ServiceStream
from capitation.chain.book import OrganisationBook
from capitation.chain.rules import Chain
from capitation.money.apportion import split
from capitation.pace.policy import PacePolicy
from capitation.pack.parameters import Parameter, Parameters
from capitation.records.documents import read_mapping
from capitation.run.unread import used_parameters
from capitation.shift.avoided_value import ServiceCost, service_costs
from capitation.shift.calibration import calibrate
from capitation.shift.effects import programme_name
from capitation.shift.solution import Solution, read_solutions
from capitation.weighting.formula import FormulaDocument
from contracts.options.whole_population.document import CareBody
from optimiser.links.assumed.entries import (
    LoggedFigure,
    StandIns,
    entry_of,
    in_document,
    in_pack,
    marked,
    once,
    together,
)
from optimiser.links.assumed.inputs import PlanInputs, put
from optimiser.problem.document import Problem, policy_of

SERVICE_COSTS = "evidence/service-costs.csv"
_NOT_MARKED = "no owner and no mark of evidence are given"


def entries_of(inputs: PlanInputs) -> list[LoggedFigure]:
    """Every assumption of the plan, each with a range to test within where it has a value."""
    found = [
        *in_document("scenario", f"scenario {inputs.scenario.id}", "scenario", inputs.scenario),
        *_documents(inputs),
        *_parameters(inputs),
        *_tables(inputs),
    ]
    if inputs.options is not None:
        found += _options(inputs)
    if inputs.problem is not None:
        found += [*_problem(inputs, inputs.problem), *_fitted(inputs, inputs.problem)]
    known = Parameters(inputs.pack)
    named = {name: f"assumptions.range_{name}" for name in ("red", "amber")}
    year = inputs.scenario.years[-1]
    stand_ins = StandIns(**{k: known.value(v, year) if v in known else Decimal("0.2") for k, v in named.items()})
    return [stand_ins.range_of(each) for each in once(found)]


def _documents(inputs: PlanInputs) -> Iterator[LoggedFigure]:
    scenario, pack = inputs.scenario, inputs.pack
    policy = f"policies/{scenario.policy}.toml"
    yield from in_pack("policy", f"policy {scenario.policy}", policy, PacePolicy, pack.document(policy, PacePolicy))
    if scenario.chain is not None:
        chain = f"chains/{scenario.chain}.toml"
        followed = pack.document(chain, Chain)
        yield from in_pack("chain", f"chain {scenario.chain}", chain, Chain, followed)
        if followed.organisations is not None:
            book = f"organisations/{followed.organisations}.toml"
            title = f"organisations {followed.organisations}"
            for each in in_pack("organisations", title, book, OrganisationBook, pack.document(book, OrganisationBook)):
                yield _met_or_not(each) if each.place.startswith("standards") else each
    for name in dict.fromkeys(rule.formula for rule in scenario.streams):
        relative = f"need/formulas/{name}.toml"
        if relative in pack.files(relative):
            formula = pack.document(relative, FormulaDocument)
            for each in in_pack("need", f"formula {name}", relative, FormulaDocument, formula):
                yield (
                    replace(each, change=None, value=None) if each.value == 1 else each
                )  # the whole of a block: a choice, no number


def _met_or_not(entry: LoggedFigure) -> LoggedFigure:
    """A condition that is met or is not (1 or 0), tested as both; a result in percent keeps its own range."""
    if entry.value is None or entry.value not in (0, 1):
        return entry
    unit = "1 where the condition of funding is met"
    place = entry.place.replace("standards", "condition of sustainability funding met")
    return replace(entry, place=place, unit=unit, low=Decimal(0), high=Decimal(1), range_from="declared")


def _parameters(inputs: PlanInputs) -> Iterator[LoggedFigure]:
    """Dated values that are assumptions, hold in a year of the scenario and are read by its policy or chain; and the acute share."""
    pack, scenario = inputs.pack, inputs.scenario
    known = Parameters(pack)
    files = {
        name: f"parameters/{name.replace('.', '/')}.toml" for name in used_parameters(pack, [scenario]) if name in known
    }
    share = scenario.files.other_acute_share
    if pack.files(share):
        files["activity.other_acute_share"] = share
    for name, relative in sorted(files.items()):
        parameter = pack.document(relative, Parameter)
        for number, dated in enumerate(parameter.values):
            after = parameter.values[number + 1].since if number + 1 < len(parameter.values) else None
            holds = any(dated.since <= year and (after is None or year < after) for year in scenario.years)
            if dated.source != "assumption" or not holds:
                continue
            inside = parameter.low is not None and parameter.high is not None
            inside = inside and cast("Decimal", parameter.low) <= dated.value <= cast("Decimal", parameter.high)
            yield LoggedFigure(
                id=f"parameter {name} from {dated.since}",
                part="parameter",
                document=f"parameter {name}",
                place=f"value from {dated.since}",
                places=(str(dated.since),),
                value=dated.value,
                unit=parameter.unit,
                low=parameter.low if inside else None,
                high=parameter.high if inside else None,
                range_from="declared" if inside else "none",
                quality=parameter.quality,
                impact=parameter.impact,
                owner=parameter.owner,
                about=f"{parameter.about} {dated.where}",
                change=_dated(relative, number),
            )


def _dated(relative: str, number: int) -> Callable[[PlanInputs, Decimal], PlanInputs]:
    def change(inputs: PlanInputs, to: Decimal) -> PlanInputs:
        content = put(inputs.pack.document(relative, Parameter), ("values", number, "value"), to)
        return replace(inputs, pack=inputs.pack.with_reading(relative, Parameter, content))

    return change


def _tables(inputs: PlanInputs) -> Iterator[LoggedFigure]:
    """Flows by line and provider, what pays for services, and how the cost of lines behaves."""
    pack, files = inputs.pack, inputs.scenario.files
    if pack.files(files.flows):
        table = flows(pack, files.flows).filter(pl.col("source") == "assumption")
        groups = table.group_by("line", "provider_code", "where", maintain_order=True)
        for (line, provider, where), rows in groups:
            first = rows.row(0, named=True)
            yield LoggedFigure(
                id=f"flow of {line} to {provider}" + ("" if rows.height > 1 else f" from {first['area_code']}"),
                part="flows",
                document=f"table {files.flows}",
                place=f"{line}, {provider}",
                places=tuple(rows.get_column("area_code")),
                value=Decimal(first["share_ppm"]) / WHOLE_PPM,
                unit=f"share of the line, {first['area_code']} first",
                low=Decimal(first["low_ppm"]) / WHOLE_PPM,
                high=Decimal(first["high_ppm"]) / WHOLE_PPM,
                range_from="declared",
                quality=first["quality"],
                impact=first["impact"],
                owner=first["owner"],
                about=str(where),
                fitted=line == OTHER_ACUTE and "Balancing" in str(where),
                change=_flow(files.flows, str(line), str(provider), tuple(rows.get_column("area_code"))),
            )
    if pack.files(files.service_streams):
        for row in pack.rows(files.service_streams, ServiceStream).iter_rows(named=True):
            if row["source"] == "assumption":
                yield _in_words("services", f"table {files.service_streams}", row["service_code"], row)
    if inputs.problem is not None and inputs.problem_file is not None and policy_of(inputs.problem_file) is not None:
        for row in service_costs(pack).iter_rows(named=True):
            line = row["point_of_delivery"]
            yield replace(
                _in_words("cost behaviour", f"table {SERVICE_COSTS}", f"{line}, share of cost saved at once", row),
                value=Decimal(str(row["variable_share"])),
                unit="share of unit cost",
                low=Decimal(str(row["low_share"])),
                high=Decimal(str(row["high_share"])),
                range_from="declared",
                change=_behaviour(line),
            )


def _in_words(part: str, document: str, place: str, row: dict[str, Any]) -> LoggedFigure:
    return LoggedFigure(
        id=f"{document}: {place}", part=part, document=document, place=place, places=(place,), value=None, unit="",
        low=None, high=None, range_from="none", quality=row["quality"], impact=row["impact"], owner=row["owner"],
        about=row["where"],
    )  # fmt: skip


def _flow(
    relative: str, line: str, provider: str, areas: tuple[str, ...]
) -> Callable[[PlanInputs, Decimal], PlanInputs]:
    """One provider's share of a line set anew in each area, by the same part; the line's others share what is left as they did."""

    def change(inputs: PlanInputs, to: Decimal) -> PlanInputs:
        table = flows(inputs.pack, relative)
        mine = (pl.col("line") == line) & (pl.col("provider_code") == provider)
        own = dict(table.filter(mine).select("area_code", "share_ppm").iter_rows())
        first = own[areas[0]]
        made: dict[tuple[str, str], int] = {}
        added: list[pl.DataFrame] = []
        for area in areas:
            share = min(WHOLE_PPM, int(Decimal(own[area]) * to * WHOLE_PPM / first)) if first else int(to * WHOLE_PPM)
            others = table.filter(
                (pl.col("area_code") == area) & (pl.col("line") == line) & (pl.col("provider_code") != provider)
            )
            made[area, provider] = share
            if others.is_empty() or not others.get_column("share_ppm").sum():
                elsewhere = table.filter((pl.col("area_code") == area) & mine).with_columns(
                    pl.lit("X-OTHER").alias("provider_code"), pl.lit(0, dtype=pl.Int64).alias("low_ppm"),
                    pl.lit(WHOLE_PPM - share, dtype=pl.Int64).alias("share_ppm"),
                    pl.lit(WHOLE_PPM, dtype=pl.Int64).alias("high_ppm"),
                )  # fmt: skip
                added += [elsewhere] if share < WHOLE_PPM else []
                continue
            codes = others.get_column("provider_code").to_list()
            parts = split(WHOLE_PPM - share, others.get_column("share_ppm").to_list())
            made |= {(area, code): part for code, part in zip(codes, parts, strict=True)}
        keys = pl.DataFrame(
            [(area, line, code, ppm) for (area, code), ppm in made.items()],
            schema={"area_code": pl.String, "line": pl.String, "provider_code": pl.String, "new": pl.Int64}, orient="row",
        )  # fmt: skip
        now = pl.coalesce("new", "share_ppm")
        moved = table.join(keys, on=["area_code", "line", "provider_code"], how="left", validate="1:1").with_columns(
            now.alias("share_ppm"),
            pl.min_horizontal("low_ppm", now).alias("low_ppm"),
            pl.max_horizontal("high_ppm", now).alias("high_ppm"),
        )
        rows = pl.concat([moved.select(*Flow.columns()), *(a.select(*Flow.columns()) for a in added)])
        return replace(inputs, pack=inputs.pack.with_reading(relative, Flow, Flow.validate(rows)))

    return change


def _behaviour(line: str) -> Callable[[PlanInputs, Decimal], PlanInputs]:
    """The share of unit cost that is saved at once, for every price of a line of the problem."""

    def change(inputs: PlanInputs, to: Decimal) -> PlanInputs:
        problem = cast("Problem", inputs.problem)
        prices = tuple(
            p.model_copy(update={"variable_cost_pounds": (p.tariff_pounds * to).quantize(Decimal("0.01"))})
            if p.point_of_delivery == programme_name(line)
            else p
            for p in problem.prices
        )
        table = service_costs(inputs.pack)
        share = pl.when(pl.col("point_of_delivery") == line).then(float(to)).otherwise(pl.col("variable_share"))
        read = ServiceCost.validate(table.with_columns(share.alias("variable_share")))
        pack = inputs.pack.with_reading(SERVICE_COSTS, ServiceCost, read)
        return replace(inputs, pack=pack, problem=problem.model_copy(update={"prices": prices}))

    return change


def _options(inputs: PlanInputs) -> Iterator[LoggedFigure]:
    title = f"options {inputs.options.id}" if inputs.options is not None else "options"
    groups: dict[tuple[object, ...], list[tuple[tuple[str | int, ...], LoggedFigure]]] = {}
    for spot, name, node in marked(inputs.options):
        made, field = entry_of("options", title, name, node)
        key = (made.about, made.value) if ".fund" in name else (name, spot)
        groups.setdefault(key, []).append(((*spot, field or ""), made))
    for found in groups.values():
        spots, entries = [s for s, _ in found], [e for _, e in found]
        yield entries[0] if entries[0].value is None else together(entries, spots, "options", entries[0].id)
    for name in dict.fromkeys(o.body for o in (inputs.options.options if inputs.options is not None else ()) if o.body):
        relative = f"bodies/{name}.toml"
        if relative in inputs.pack.files(relative):
            yield from in_pack("options", f"body {name}", relative, CareBody, inputs.pack.document(relative, CareBody))


def _problem(inputs: PlanInputs, problem: Problem) -> Iterator[LoggedFigure]:
    """Entries of the problem: its marked rows, rooms and limits that its policy states as shares, and judgements without a mark."""
    title = f"problem {problem.id}"
    groups: dict[tuple[object, ...], list[tuple[tuple[str | int, ...], LoggedFigure]]] = {}
    for spot, name, node in marked(problem):
        if spot[:1] in (("prices",), ("control_totals",)):
            continue  # prices rest on cost behaviour and contracts; control totals are varied by what they ask
        part, document = "problem", title
        if spot[:1] == ("solutions",):
            part, document = "solutions", f"solution {problem.solutions[int(spot[1])].id}"
            name = name.partition(").")[2] or "as a whole"
        made, field = entry_of(part, document, name, node)
        key: tuple[object, ...] = (spot,)
        if spot[:1] == ("blocks",):
            key = ("block", getattr(node, "id", ""), made.about)
        elif "workforce" in spot:
            key = ("staff", spot[1])
        elif "receiving" in spot:
            key = ("receiving", getattr(node, "received_at", ""), getattr(node, "avoided_at", ""), made.about)
        groups.setdefault(key, []).append(((*spot, field or ""), made))
    for key, found in groups.items():
        spots, entries = [s for s, _ in found], [e for _, e in found]
        named = {
            "block": f"{title}: cost of a {key[1] if len(key) > 1 else ''} saved when it is not opened",
            "staff": f"{entries[0].document}: staff that it needs",
            "receiving": f"contacts at {key[1] if len(key) > 1 else ''} for each avoided at {key[2] if len(key) > 2 else ''}",
        }.get(str(key[0]), entries[0].id)
        yield entries[0] if entries[0].value is None else together(entries, spots, "problem", named)
    for number, total in enumerate(problem.control_totals):
        made, _ = entry_of(
            "problem", title, f"improvement of the {total.organisation}'s position to reach in {total.year}", total
        )
        improvement = total.target_pounds - total.baseline_pounds
        yield replace(made, value=improvement, unit="pounds", change=_improvement(number))
    yield from _unmarked(title, problem)
    policy = None if inputs.problem_file is None else policy_of(inputs.problem_file)
    if policy is not None:
        yield from _shares_of_policy(title, read_mapping(policy).get("run", {}))


def _improvement(number: int) -> Callable[[PlanInputs, Decimal], PlanInputs]:
    def change(inputs: PlanInputs, to: Decimal) -> PlanInputs:
        problem = cast("Problem", inputs.problem)
        total = problem.control_totals[number]
        target = (total.baseline_pounds + to).quantize(Decimal("0.01"))
        return inputs.with_document("problem", put(problem, ("control_totals", number, "target_pounds"), target))

    return change


def _unmarked(title: str, problem: Problem) -> Iterator[LoggedFigure]:
    """Judgements of a problem that carry no mark: budgets by purse, floors on measures and between localities."""

    def entry(
        place: str, value: Decimal, unit: str, spots: list[tuple[str | int, ...]], low: Decimal | None
    ) -> LoggedFigure:
        bare = LoggedFigure(
            id=f"{title}: {place}", part="problem", document=title, place=place, places=(place,), value=value, unit=unit,
            low=low, high=None if low is None else value, range_from="none" if low is None else "declared", quality=None,
            impact=None, owner=None, about=_NOT_MARKED, fitted=low is not None,
        )  # fmt: skip
        return together([bare], spots, "problem", bare.id)

    for kind in dict.fromkeys(b.kind for b in problem.budgets):
        mine = [(n, b) for n, b in enumerate(problem.budgets) if b.kind == kind and b.pounds]
        spots: list[tuple[str | int, ...]] = [("budgets", n, "pounds") for n, _ in mine]
        if mine:
            yield entry(
                f"{kind.replace('_', '-')} budgets of all years",
                mine[0][1].pounds,
                f"pounds in {mine[0][1].year}",
                spots,
                None,
            )
    for number, limit in enumerate(problem.limits):
        if limit.at_least is not None:
            yield entry(
                f"floor on {limit.measure}", limit.at_least, "units", [("limits", number, "at_least")], Decimal(0)
            )
    if problem.equity is not None:
        yield entry("floor between localities", problem.equity.floor, "share", [("equity", "floor")], Decimal(0))


def _shares_of_policy(title: str, run: dict[str, Any]) -> Iterator[LoggedFigure]:
    """Room at receiving services and limits of providers, which the policy states as shares and the problem has as amounts."""
    for room in run.get("receiving", []):
        made = _in_words("problem", title, f"room at {room['point_of_delivery']} beyond current trends", _marks(room))
        share = Decimal(str(room["room_share"]))
        yield replace(made, value=share, unit="share of activity", change=_room(str(room["point_of_delivery"]), share))
    for limit in run.get("provider_limits", []):
        made = _in_words("problem", title, "stranded cost that a provider may be left with", _marks(limit))
        share = Decimal(str(limit["income_share"]))
        yield replace(made, value=share, unit="share of income", change=_stranded(share))


def _marks(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row.get(key) for key in ("quality", "impact", "owner")} | {"where": row.get("where", _NOT_MARKED)}


def _room(point: str, share: Decimal) -> Callable[[PlanInputs, Decimal], PlanInputs]:
    def change(inputs: PlanInputs, to: Decimal) -> PlanInputs:
        problem = cast("Problem", inputs.problem)
        rows = tuple(
            c.model_copy(update={"units": c.units * (1 + to) / (1 + share)}) if c.point_of_delivery == point else c
            for c in problem.receiving_capacity
        )
        return inputs.with_document("problem", problem.model_copy(update={"receiving_capacity": rows}))

    return change


def _stranded(share: Decimal) -> Callable[[PlanInputs, Decimal], PlanInputs]:
    def change(inputs: PlanInputs, to: Decimal) -> PlanInputs:
        problem = cast("Problem", inputs.problem)
        rows = tuple(s.model_copy(update={"pounds": s.pounds * to / share}) for s in problem.stranded_limits)
        return inputs.with_document("problem", problem.model_copy(update={"stranded_limits": rows}))

    return change


def _fitted(inputs: PlanInputs, problem: Problem) -> Iterator[LoggedFigure]:
    """The factors that set the solutions to the plan's activity, line by line: 1 is what the solutions' own files say."""
    folder = inputs.pack.root / "solutions"
    if not folder.is_dir():
        return
    stated = {s.id: s for s in read_solutions(folder)}
    if not {s.id for s in problem.solutions} <= set(stated):
        return
    for row in calibrate(list(stated.values()), activity_plan(inputs.pack)).lines.iter_rows(named=True):
        factor = Decimal(str(round(row["factor"], 6)))
        if row["factor_on"] == "nothing" or factor == 1:
            continue
        line = str(row["point_of_delivery"])
        yield LoggedFigure(
            id=f"fit of {line} to the plan", part="solutions", document="calibration of the solutions",
            place=f"{line}, times its {row['factor_on']}", places=(line,), value=factor, unit="times what the files say",
            low=min(factor, Decimal(1)), high=max(factor, Decimal(1)), range_from="declared", quality="red", impact="red",
            owner="System finance lead", fitted=True, change=_refit(programme_name(line), str(row["factor_on"]), stated),
            about=f"Set so that all solutions at full scale give the printed {row['printed']:,} of 2020/21; the files alone give {row['uncalibrated']:,}",
        )  # fmt: skip


def _refit(line: str, on: str, stated: dict[str, Solution]) -> Callable[[PlanInputs, Decimal], PlanInputs]:
    def change(inputs: PlanInputs, to: Decimal) -> PlanInputs:
        problem = cast("Problem", inputs.problem)
        made = tuple(_set_to(s, stated[s.id], line, on, to) for s in problem.solutions)
        return inputs.with_document("problem", problem.model_copy(update={"solutions": made}))

    return change


def _set_to(solution: Solution, stated: Solution, line: str, on: str, to: Decimal) -> Solution:
    if on == "hazards":
        effects = []
        for mine, raw in zip(solution.effects, stated.effects, strict=True):
            if mine.point_of_delivery == line and raw.eligible:
                left = Decimal(str((1 - float(raw.eligible * raw.central)) ** float(to)))
                effects.append(mine.model_copy(update={"central": (1 - left) / raw.eligible}))
            else:
                effects.append(mine)
        return solution.model_copy(update={"effects": tuple(effects)})
    receiving = tuple(
        m.model_copy(update={"contacts_per_unit": r.contacts_per_unit * to}) if m.received_at == line else m
        for m, r in zip(solution.receiving, stated.receiving, strict=True)
    )
    creates = tuple(
        m.model_copy(update={"contacts": r.contacts * to}) if m.point_of_delivery == line else m
        for m, r in zip(solution.creates, stated.creates, strict=True)
    )
    return solution.model_copy(update={"receiving": receiving, "creates": creates})


__all__ = ["entries_of"]
