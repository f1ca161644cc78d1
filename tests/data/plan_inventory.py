"""What the plan says and where the product has it, item by item: the states are worked out from the data and from a run, never written down.

    contradicted   kept, and a result says otherwise
    missing        kept nowhere
    stored only    kept, and no result rests on it
    used           kept, and met in a frame, a document that results are made of, or a command

Each item names what must be kept (file, key, value) and where it must be met. `python tests/data/plan_inventory.py` prints the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

import polars as pl

from capitation.aims.agreements import counted, disagreements
from capitation.aims.context import context, phase_in
from capitation.aims.milestones import BODY, body_fault, earliest_starts, milestones
from capitation.aims.outcomes import NamedResult, outcomes
from capitation.aims.risks import risks
from capitation.pack.layers import default_data_folder
from capitation.pack.sources import DataPack
from capitation.records.documents import read_mapping
from capitation.records.years import FinancialYear
from capitation.run.aims.backtest import backtest
from capitation.run.aims.checks import starts_that_differ
from capitation.run.evaluate import evaluate
from capitation.run.run import Run
from capitation.run.scenario import read_scenario
from capitation.run.unread import used_parameters
from contracts.options.document import ContractOptions, read_options
from contracts.options.evaluate import MixCase, evaluate_options
from contracts.options.outturn import case_activity
from contracts.options.whole_population.document import CareBody, read_body
from contracts.options.whole_population.settlement import BodySettlement, settle_body
from optimiser.problem.document import Problem, read_problem

PLAN = "blmk-stp-2016"
STATES = ("used", "stored only", "missing", "contradicted")
HOSPITALS = ("RC1", "RC9", "RD8")


@dataclass
class World:
    """The pack, its run and its documents, each read once."""

    pack: DataPack
    given: Run | None = None

    @cached_property
    def run(self) -> Run:
        return self.given or evaluate(read_scenario(self.pack.path("scenarios/blmk.toml")), self.pack)

    @cached_property
    def options(self) -> ContractOptions:
        return read_options(self.pack.path("options/blmk.toml"))

    @cached_property
    def settled(self) -> Run:
        return evaluate_options(self.options, self.pack, run=self.run)

    @cached_property
    def body(self) -> CareBody:
        return read_body(self.pack, "blmk")

    @cached_property
    def settled_body(self) -> BodySettlement:
        return settle_body(self.body, self.pack, self.run)

    @cached_property
    def problem(self) -> Problem:
        return read_problem(self.pack.path("problems/blmk.toml"))

    def frame(self, name: str, **where: object) -> pl.DataFrame:
        found = self.run.frames.get(name, pl.DataFrame())
        for column, value in where.items():
            found = found.filter(pl.col(column) == value) if column in found.columns else found.head(0)
        return found

    def total(self, name: str, column: str, **where: object) -> object:
        found = self.frame(name, **where)
        return found[column].sum() if found.height else None


Check = tuple[str, Callable[[World], bool]]
"""Where something is looked at, in words, and whether it is there."""


@dataclass(frozen=True)
class Item:
    """One thing that the plan says."""

    area: str
    name: str
    kept: tuple[Check, ...] = ()
    met: tuple[Check, ...] = ()
    agrees: tuple[Check, ...] = ()
    reason: str = ""
    """Why it stays missing or stored only."""
    failed: list[str] = field(default_factory=list, compare=False)

    def state(self, world: World) -> str:
        def holds(checks: Sequence[Check]) -> bool:
            lost = [where for where, check in checks if not check(world)]
            self.failed.extend(lost)
            return not lost

        if not self.kept or not holds(self.kept):
            return "missing"
        if self.agrees and not holds(self.agrees):
            return "contradicted"
        return "used" if (self.met or self.agrees) and holds(self.met) else "stored only"


def cell(table: str, row: str, column: str, value: str, source: str = PLAN) -> Check:
    """A printed cell of a source."""

    def check(w: World) -> bool:
        found = w.pack.printed(source, table).filter((pl.col("row") == row) & (pl.col("column") == column))
        return found["value"].to_list() == [value]

    return f"{source}/{table}.csv, {row}, {column} = {value}", check


def cells(table: str, count: int, source: str = PLAN) -> Check:
    """A number of printed cells of a table with a number or text each."""
    return f"{source}/{table}.csv, {count} cells", lambda w: w.pack.printed(source, table).height >= count


def frame(name: str, column: str, value: object, **where: object) -> Check:
    """The sum of a column of a frame of the run."""
    said = ", ".join(f"{k} {v}" for k, v in where.items())
    return f"frame {name}, {said}: {column} = {value}", lambda w: w.total(name, column, **where) == value


def that(words: str, check: Callable[[World], bool]) -> Check:
    """A check in words."""
    return words, check


YEARS = ("2016/17", "2017/18", "2018/19", "2019/20", "2020/21")


def _stream(row: str, stream: str, values: str) -> Item:
    thousands = values.split()
    return Item(
        "Control total",
        f"{row}, 6 years",
        tuple(cell("place_based_allocation", row, y, v) for y, v in zip(("2015/16", *YEARS), thousands, strict=True)),
        tuple(
            frame("stream_total", "total_pence", int(v.replace(",", "")) * 100_000, stream=stream, year=y)
            for y, v in zip(YEARS, thousands[1:], strict=True)
        ),
    )


def _activity(column: str, case: str, year: str) -> Item:
    def met(w: World) -> bool:
        printed = w.pack.printed(PLAN, "activity").filter(pl.col("column") == column)["value"].to_list()
        sums = w.frame("locality_activity", case=case, year=year).group_by("point_of_delivery").agg(pl.col("activity").sum())
        return sorted(int(v.replace(",", "")) for v in printed) == sorted(int(v) for v in sums["activity"])

    kept = that(f"{PLAN}/activity.csv, column {column}: 10 cells", lambda w: w.pack.printed(PLAN, "activity").filter(pl.col("column") == column).height == 10)
    return Item("Activity", f"{column}, 10 points of delivery", (kept,), (that(f"frame locality_activity, case {case}, year {year}: activity", met),))


def _solution(name: str, row: str, solution: str, size: tuple[str, float] | None = None) -> Item:
    """A solution of the plan: named there, in the problem, and of the printed size where it has one."""

    def met(w: World) -> bool:
        mine = [s for s in w.problem.solutions if s.id == solution]
        if not mine or not (mine[0].effects or mine[0].savings):
            return False
        if size is None:
            return True
        sums = {
            "wte": sum(float(n.wte) for n in mine[0].workforce),
            "savings": sum(float(v.pounds) for v in mine[0].savings),
            "capital": sum(float(c.pounds) for c in mine[0].costs if c.kind == "capital"),
        }
        return round(sums[size[0]]) == size[1]

    said = f"problems/blmk.toml, solution {solution}" + ("" if size is None else f": {size[0]} {size[1]:,.0f}")
    path = f"solutions/{solution}.toml"
    kept = [that(f"{path}, id = {solution}", lambda w: read_mapping(w.pack.path(path))["id"] == solution)]
    if row:
        kept.append(that(f"{PLAN}/solutions.csv, row {row}", lambda w: row in w.pack.printed(PLAN, "solutions")["row"].to_list()))
    return Item("Solutions", name, tuple(kept), (that(said, met),))


def _context(area: str, name: str, kind: str, count: int) -> Item:
    kept = that(f"aims/context.csv, kind {kind}: {count} rows", lambda w: context(w.pack).filter(pl.col("kind") == kind).height == count)
    return Item(area, name, (kept,), reason="Context only: declared in aims/context.csv and shown by `capitation aims`; the plan prints no figure for it.")


def _health(name: str, topics: Sequence[str], numbers: int) -> Item:
    def kept(w: World) -> bool:
        ours = outcomes(w.pack).filter(pl.col("topic").is_in(list(topics)))
        rows = w.pack.rows("aims/outcomes.csv", NamedResult).filter(pl.col("topic").is_in(list(topics)))["row"].to_list()
        printed = w.pack.printed(PLAN, "public_health").filter(pl.col("row").is_in(rows) & (pl.col("unit") != "arrow"))
        return ours.height > 0 and printed.height == numbers

    def met(w: World) -> bool:
        ours = outcomes(w.pack).filter(pl.col("topic").is_in(list(topics)))
        return ours["value"].null_count() == 0 and ours.filter(pl.col("england").is_not_null() | pl.col("best").is_not_null()).height > 0

    return Item(
        "Quality", name,
        (that(f"{PLAN}/public_health.csv, topics {', '.join(topics)}: {numbers} numbers", kept),),
        (that(f"command aims, outcomes of {', '.join(topics)}: value beside England", met),),
    )  # fmt: skip


def _declared(number: int) -> Check:
    """A row of the declared context that is neither theme, phase nor board."""
    words = f"aims/context.csv, kind other, number {number}"
    return that(words, lambda w: context(w.pack).filter((pl.col("kind") == "other") & (pl.col("number") == number)).height == 1)


def _missing(area: str, name: str, reason: str) -> Item:
    return Item(area, name, reason=reason)


def _bridge(line: str, year: str, pence: int) -> Check:
    return frame("bridge", "amount_pence", pence, line=line, year=year, level="system")


def _ccg_split(w: World) -> bool:
    """Each group's money of the stream is its published allocation, where the published ones add to the plan's."""
    homes = w.frame("membership").select("practice_code", "commissioner_code")
    source = w.pack.source("nhs-england-ccg-allocations")
    names = {t.name: t.file for t in source.tables}
    table = w.pack.raw(f"sources/{source.id}/{names['programme_allocation']}").cells
    for year in ("2016/17", "2017/18"):
        rows = w.frame("allocation", year=year, stream="ccg", level="practice").join(homes, left_on="code", right_on="practice_code")
        ours = dict(rows.group_by("commissioner_code").agg(pl.col("allocation_pence").sum()).iter_rows())
        for code, pence in ours.items():
            printed = table.filter(pl.any_horizontal(pl.all().cast(pl.String) == code) & (pl.col("column") == year) if "column" in table.columns else pl.any_horizontal(pl.all().cast(pl.String) == code))
            values = [v for v in printed.get_column("value" if "value" in printed.columns else year).to_list()]
            if not values or abs(float(str(values[0]).replace(",", "").replace("£", "")) * 100_000 - pence) > 100_000:
                return False
    return True


def _three_quarters(w: World) -> bool:
    lines = w.frame("service_line", service_code="acute").join(w.frame("flow"), on="line")
    share = lines.group_by("line").agg((pl.col("share_ppm").filter(pl.col("provider_code").is_in(list(HOSPITALS))).sum() / pl.col("share_ppm").sum()).alias("local"))
    both = share.join(w.frame("service_line"), on="line")
    return abs(float((both["local"] * both["cost_pence"]).sum() / both["cost_pence"].sum()) - 0.75) < 0.02


def _unmitigated_options(w: World) -> bool:
    """Doing nothing under the contracts of today leaves the chain's own deficit, within a million pounds."""
    rows = w.settled.frames["position"].filter(
        (pl.col("option") == w.options.base) & (pl.col("activity_case") == "unmitigated") & (pl.col("year") == "2020/21")
    )
    chain = w.frame("bridge", year="2020/21", level="system", line="derived_do_nothing")["amount_pence"].sum()
    fund = w.frame("bridge", year="2020/21", level="system", line="sustainability")["amount_pence"].sum()
    left = w.frame("bridge", year="2020/21", level="system", line="left")["amount_pence"].sum()
    ours = -int(rows["position_pence"].sum())
    return any(abs(ours - target) < 10**8 for target in (chain, chain + fund, left))


def _outlay(w: World) -> bool:
    """What is deployed in 2016/17 beyond the printed spend is a line of its own."""
    said = w.frame("set_aside")
    printed = w.total("unit_cost", "spend_pence")
    lines = said.filter(pl.col("subject").str.contains("printed spend")) if said.height else said
    accounts = w.frame("organisation_account", year="2016/17")
    named = accounts.filter(pl.col("title").str.contains("(?i)not in the printed spend|beyond the printed spend")) if accounts.height else accounts
    return printed == 134_210_000_000 and (lines.height > 0 or named.height > 0)


def _capitation_terms(w: World) -> bool:
    """Some contract of an option pays by weighted persons."""
    return any("per_head" in path.read_text(encoding="utf-8") for path in w.pack.files("contracts/blmk-*.toml").values())


def _contract_text(*words: str) -> Callable[[World], bool]:
    def check(w: World) -> bool:
        texts = [p.read_text(encoding="utf-8") for p in (*w.pack.files("contracts/blmk-*.toml").values(), w.pack.path("options/blmk.toml"))]
        return any(all(word in text for word in words) for text in texts)

    return check


def _mix_in_options(w: World) -> bool:
    """Options settle the activity of a mix that is bought, and carry what it costs beside."""
    activity = case_activity(w.run, w.options.plan_activity, "unmitigated", Decimal("-0.01"))
    costs = pl.DataFrame({"year": ["2020/21"], "provider_code": ["RC1"], "name": ["spend on the mix"], "cost_pence": [100]})
    frames = evaluate_options(w.options, w.pack, run=w.run, mix=MixCase(activity, costs)).frames
    bought = frames["outturn"].filter(pl.col("activity_case") == "mix")
    spent = frames["further_cost"].filter(pl.col("kind") == "mix")
    units = activity["actual_activity"].sum()
    return bought["actual_activity"].sum() == units and spent["cost_pence"].sum() == 100 * len(w.options.options)


def _hospital_savings(w: World) -> int:
    """Savings of the hospitals' challenges, and of any further solution that saves without one; medicines and digital are printed apart."""
    apart = {"medicines_optimisation", "digital_programme"}
    return round(sum(float(v.pounds) for s in w.problem.solutions if s.id not in apart for v in s.savings))


def _supply_chain(w: World) -> bool:
    done = w.settled_body
    scope = done.scope.filter(pl.col("in_scope")).group_by("year").agg(pl.col("money_out_pence").sum())
    paid = done.supply.group_by("year").agg(pl.col("paid_pence").sum())
    return paid.height > 0 and dict(paid.iter_rows()) == {y: p for y, p in scope.iter_rows() if y in set(paid["year"])}


def _shadow_year(w: World) -> bool:
    years = dict(w.settled_body.accounts.select("year", "is_shadow").iter_rows())
    return years["2017/18"] is True and years["2018/19"] is False


ITEMS: tuple[Item, ...] = (
    _stream("CCG allocation", "ccg", "1,006,288 1,088,109 1,120,851 1,156,545 1,194,379 1,254,037"),
    _stream("Primary medical allocation", "primary-medical", "108,470 112,939 119,478 124,161 129,608 136,358"),
    _stream("Specialised allocation", "specialised", "213,153 230,702 242,933 255,035 267,655 282,361"),
    Item("Control total", "Total place-based allocation, 6 years", (cell("place_based_allocation", "Total place-based allocation", "2020/21", "1,672,756"),),
         (frame("total_check", "difference_pence", 0), frame("total_check", "printed_pence", 167_275_600_000, year="2020/21"))),
    Item("Control total", "Population projection, 6 years", (cell("place_based_allocation", "Population projection", "2020/21", "1,032,205"),),
         (frame("population", "registered_micro", 1_032_205_000_000, year="2020/21"),)),
    Item("Control total", "Cumulative growth 6.1, 24.6, 25.7, 32.5, 26.0%", (cell("place_based_allocation", "Specialised allocation", "Total Growth Cum %", "32.5%"),),
         (that("command check: growth follows from the amounts, 5 cells looked at", lambda w: _follows(w, "place_based_allocation")),)),
    Item("Control total", "£1.33bn to £1.67bn, 26%", (cell("place_based_allocation", "Total place-based allocation", "Total Growth Cum %", "26.0%"),),
         (frame("total_check", "printed_pence", 167_275_600_000, year="2020/21"),)),
    Item("Control total", "Distance from target £62m to £40m", (cell("distance_from_target", "Distance under target", "Start of the plan", "£62m"), _declared(1)),
         (that("a frame with a column of national distance", lambda w: any("national" in c for f in w.run.frames.values() for c in f.columns)),),
         reason="The plan names neither year nor formula of its two distances; they stand beside the system's own distance as a sentence."),
    Item("Control total", "Allocation split between the three CCGs", (that("sources/nhs-england-ccg-allocations, programme_allocation", lambda w: "nhs-england-ccg-allocations" in w.pack.sources),),
         agrees=(that("frame allocation, stream ccg, by commissioner = the published allocations of 2016/17 and 2017/18", _ccg_split),)),
    Item("Control total", "System control total for NHS bodies", (that("organisations/blmk.toml, control_totals", lambda w: bool(read_mapping(w.pack.path("organisations/blmk.toml")).get("control_totals"))),),
         (that("frame organisation_position: control_total_pence and is_met", lambda w: w.frame("organisation_position")["is_met"].drop_nulls().len() > 0),)),
    Item("Control total", "STF £22.2m 2016/17", (cell("stf", "Applied to the 2016/17 deficit", "2016/17", "£22.2m"),), agrees=(_bridge("sustainability", "2016/17", -2_220_000_000),)),
    Item("Control total", "STF £62.5m recurrent from 2020/21", (cell("stf", "Earmarked fair share, recurrent from 2020/21", "2020/21", "£62.5m"),), agrees=(_bridge("sustainability", "2020/21", -6_250_000_000),)),
    Item("Control total", "STF rules (finance 70%, A&E, RTT, cancer)", (that("parameters/stf/finance_share.toml", lambda w: "parameters/stf/finance_share.toml" in w.pack.files("parameters/stf/*.toml")),),
         (that("frame sustainability_fund: four conditions, 70% on finance", lambda w: set(w.frame("sustainability_fund")["condition"]) == {"finance", "ae", "rtt", "cancer"}
               and abs(w.total("sustainability_fund", "offered_pence", condition="finance") / w.total("sustainability_fund", "offered_pence") - 0.70) < 0.001),)),
    Item("Spend", "Spend by service 2016/17, 9 lines", (cell("spend_by_service_2016_17", "Acute Services", "2016/17 Spend £m", "590.9"),), agrees=(that("frame unit_cost adds to £1,342.1m and the rest of the money is a line of its own", _outlay),)),
    Item("Spend", "Three quarters with the local hospitals", (cell("headlines", "Share of hospital and ambulance spend with the three local hospitals", "BLMK", "Three quarters"),), (that("frames flow and service_line: 75% of acute spend", _three_quarters),)),
    Item("Spend", "44% on hospital and ambulance", (cell("spend_by_service_2016_17", "Acute Services", "%", "44%"),),
         (that("frame unit_cost, service acute over all", lambda w: round(100 * w.total("unit_cost", "spend_pence", service_code="acute") / w.total("unit_cost", "spend_pence")) == 44),)),
    Item("Do-nothing", "Consolidated deficit £311m 2020/21", (cell("do_nothing", "Consolidated deficit", "2020/21", "£311m"),), (that("frame gap_bridge, 2020/21: balance", lambda w: w.frame("gap_bridge", year="2020/21").sort("step")["balance_pence"][-1] == 31_100_000_000),)),
    Item("Do-nothing", "NHS £203m 2020/21", (cell("do_nothing", "Recurrent NHS deficit", "2020/21", "£203m"),), agrees=(_bridge("printed_do_nothing", "2020/21", 20_300_000_000), that("frame position of the options, unmitigated 2020/21 = the chain's deficit", _unmitigated_options))),
    Item("Do-nothing", "Councils £108m 2020/21", (cell("do_nothing", "Recurrent council deficit", "2020/21", "£108m"),), (that("frame gap_bridge, councils: £108m", lambda w: 10_800_000_000 in w.frame("gap_bridge", year="2020/21")["amount_pence"].to_list()),)),
    Item("Do-nothing", "Combined deficit £75.6m 2015/16", (cell("do_nothing", "Combined deficit of CCGs and trusts", "2015/16", "£75.6m"),),
         (that("organisations/blmk.toml, openings of 2015/16 add to it", lambda w: sum(float(o["pounds"]) for o in read_mapping(w.pack.path("organisations/blmk.toml"))["openings"] if o["year"] == "2015/16") == -75_600_000),)),
    Item("Do-nothing", "Recurrent deficit £24.4m 2016/17 before STF", (cell("do_nothing", "Combined recurrent deficit before STF", "2016/17", "£24.4m"),), agrees=(_bridge("opening", "2016/17", 2_440_000_000),)),
    Item("Do-nothing", "CCG planned surplus £21.9m 2016/17", (cell("do_nothing", "Planned recurrent surplus of the three CCGs", "2016/17", "£21.9m"),),
         (that("frame bridge, openings of the three groups", lambda w: w.frame("bridge", year="2016/17", line="opening").filter(pl.col("organisation").is_in(["04F", "06F", "06P"]))["amount_pence"].sum() == -2_190_000_000),)),
    Item("Do-nothing", "CCG accumulated deficit £84.5m, 33% of England", (cell("do_nothing", "Accumulated deficit of the three CCGs", "Brought forward into 2016/17", "£84.5m"),),
         (that("frame organisation_position, control totals of the groups rise by a tenth of it from 2018/19", lambda w: _repaid(w) in range(844_999_990, 845_000_011)),)),
    Item("Do-nothing", "Trusts' accumulated deficit £154.1m", (cell("do_nothing", "Accumulated deficit of two hospital trusts", "Brought forward into 2016/17", "£154.1m"), _declared(2)), reason="A balance of past years that no rule of the period asks the trusts to repay."),
    Item("Do-nothing", "Two trusts in deficit; £46.3m follows", (cell("do_nothing", "Planned recurrent surplus of the three CCGs", "2016/17", "£21.9m"),),
         agrees=(that("frame bridge, openings of the hospitals 2016/17", lambda w: w.frame("bridge", year="2016/17", line="opening").filter(pl.col("organisation").is_in(list(HOSPITALS)))["amount_pence"].sum() == 4_630_000_000),)),
    Item("Do-nothing", "Deficit by trust", (that("organisations/blmk.toml, openings of single trusts", lambda w: any(o["organisations"] == ["RD8"] for o in read_mapping(w.pack.path("organisations/blmk.toml"))["openings"])),), (frame("bridge", "amount_pence", 2_490_000_000, year="2016/17", line="opening", organisation="RD8"),)),
    Item("Do-nothing", "Cost inflation of the period", (that("parameters/prices/cost_uplift.toml", lambda w: "parameters/prices/cost_uplift.toml" in w.pack.files("parameters/prices/*.toml")),),
         (that("chain blmk reads prices.cost_uplift and prices.drugs_inflation", lambda w: {"prices.cost_uplift", "prices.drugs_inflation"} <= used_parameters(w.pack, [read_scenario(w.pack.path("scenarios/blmk.toml"))])),)),
    _activity("16/17 Activity Baseline", "unmitigated", "2016/17"),
    _activity("Unmitigated 2020/21 Projected Activity", "unmitigated", "2020/21"),
    _activity("Mitigated 2020/21 Projected activity", "mitigated", "2020/21"),
    Item("Activity", "Growth % and impact %", (cell("activity", "Acute - A&E", "Activity Growth by 2020/21 - Current Trends", "20%"),), (that("command check: growth and impact follow from the activity", lambda w: _follows(w, "activity")),)),
    Item("Activity", '"Investment required, and factored in"', (that("problems/blmk.toml, costs of solutions", lambda w: all(s.costs for s in w.problem.solutions)),), agrees=(that("options/blmk.toml, a case of the mix's activity", _mix_in_options),)),
    Item("Activity", "A&E and emergency outturn to 2018/19", (that("sources/nhs-england-ae-attendances", lambda w: "nhs-england-ae-attendances" in w.pack.sources),), (that("command backtest: growth of attendances 2016/17 to 2018/19", lambda w: _backtest(w)),)),
    _solution("Enhanced primary care 299 WTE", "Enhanced Primary Care", "enhanced_primary_care", ("wte", 299)),
    _solution("Complex care 83 WTE", "Complex care management", "complex_care_management", ("wte", 83)),
    _solution("Clinical hub 94 WTE", "Single clinical hub and single point of access", "clinical_hub", ("wte", 94)),
    _solution("Acute-based care management", "Acute-based care management", "acute_based_care_management"),
    _solution("Referral management", "Referral management", "referral_management"),
    _solution("Medicines optimisation", "Medicines optimisation", "medicines_optimisation"),
    _solution("Community outreach", "Community-based outreach", "community_outreach"),
    _solution("Fracture liaison", "Fracture Liaison Services", "fracture_liaison_service"),
    _solution("Social prescribing hub", "Social Prescribing Hub", "social_prescribing_hub"),
    _solution("Urgent care integration (999, 111, OOH)", "", "urgent_care_integration"),
    _solution("Specialty services £25m, place-holder", "", "specialty_clinical_services", ("savings", 25_000_000)),
    Item("Solutions", "£25m is 3.5% of the hospital cost base (£714m)", (cell("secondary_care_savings", "Speciality Clinical Services", "Share of aggregate hospital cost base", "3.5%"),),
         agrees=(that("frame organisation_position, 2016/17, cost of the hospitals within £1 of £25m / 3.5%", lambda w: abs(w.frame("organisation_position", year="2016/17").filter(pl.col("organisation_code").is_in(list(HOSPITALS)))["cost_pence"].sum() - 2_500_000_000 / 0.035) < 100),)),
    Item("Solutions", "Clinical support £6m", (cell("secondary_care_savings", "Clinical Support Services", "Savings challenge", "£6m"),), (that("problems/blmk.toml, savings of clinical support and pathology", lambda w: _savings(w, "clinical_support_services", "single_pathology_service") == 6_000_000),)),
    Item("Solutions", "Pathology £4.5m", (cell("plan_figures", "Single pathology service", "Expected saving", "£4.5m", "hsj-blmk-2016"),), (that("problems/blmk.toml, savings of pathology", lambda w: _savings(w, "single_pathology_service") == 4_500_000),)),
    Item("Solutions", "Non-clinical support £7m", (cell("secondary_care_savings", "Non-Clinical Support Services", "Savings challenge", "£7m"),), (that("problems/blmk.toml, savings of non-clinical support", lambda w: _savings(w, "non_clinical_support_services") == 7_000_000),)),
    Item("Solutions", 'Non-medical clinical workforce, "incl in above"', (cell("secondary_care_savings", "Non-Medical Clinical Workforce", "Savings challenge", "incl in above"),),
         agrees=(that("problems/blmk.toml, savings of hospitals: the three printed challenges, £38m, and none for it", lambda w: _hospital_savings(w) == 38_000_000),)),
    _solution("Digital £52m", "", "digital_programme", ("capital", 52_000_000)),
    _context("Solutions", "7 digital themes, 8 goals", "digital theme", 7),
    Item("Solutions", "Prevention: plans, champions", (cell("critical_path", "3", "Milestone", "Q1 2017/18"),), (that("command aims: the start of prevention", lambda w: earliest_starts(milestones(w.pack)).get("prevention") == "2017/18"), _solution("", "", "prevention").met[0])),
    Item("Solutions", "Primary Care Home / GP clusters", (cell("critical_path", "8", "Milestone", "Q2 2017/18"),), (that("command aims: the start of enhanced primary care", lambda w: earliest_starts(milestones(w.pack)).get("enhanced_primary_care") == "2017/18"),)),
    _solution("Care homes, housebound, end of life", "Complex care management", "complex_care_management"),
    Item("Solutions", "Risk stratification; 20% use 70%; 18% and 2%", (cell("headlines", "Share of population that uses most resources", "BLMK", "20%"),), (that("command aims: milestone 26 carries the digital programme", lambda w: "digital_programme" in (milestones(w.pack).filter(pl.col("number") == 26)["drives"][0] or "")),)),
    _missing("Solutions", "Learning disabilities", "The plan names them once among priorities and prints no figure, start or size."),
    Item("Solutions", "Mental and physical health parity", (that("parameters/top_slices/mental_health_growth_above_allocation.toml", lambda w: bool(w.pack.files("parameters/top_slices/mental_health_growth_above_allocation.toml"))), _declared(3)),
         (that("a chain or policy reads it", lambda w: "top_slices.mental_health_growth_above_allocation" in used_parameters(w.pack, [read_scenario(w.pack.path("scenarios/blmk.toml"))])),),
         reason="The published extra percentages were not found, so no result may rest on it."),
    Item("Solutions", "150 beds occupied by medically fit people", (cell("headlines", "Beds occupied by people medically fit to leave", "BLMK", "150"),), (that("problems/blmk.toml, bed-days of earlier discharge", lambda w: any(b.id == "bed_days_earlier_discharge" for s in w.problem.solutions for b in s.benefits)),)),
    Item("Solutions", 'Capital "highly likely", sum unknown', (that("problems/blmk/policy.toml, budgets of capital", lambda w: any(b["kind"] == "capital" for b in read_mapping(w.pack.path("problems/blmk/policy.toml"))["budgets"])),), (that("problems/blmk.toml, budgets of capital", lambda w: any(b.kind == "capital" for b in w.problem.budgets)),)),
    Item("Solutions", "Estates plan, WS9", (cell("work_streams", "WS9", "Name", "Estates and estates management", "blmk-briefing-2016-05"), _declared(4)), reason="Context only: a work stream without a figure."),
    Item("Solutions", "Starts and milestones (critical path, 34 rows)", (that(f"{PLAN}/critical_path.csv, 34 milestones", lambda w: milestones(w.pack).height == 34),), agrees=(that("command check: no solution starts before its milestone", lambda w: not list(starts_that_differ(w.pack))),)),
    Item("Solutions", "Plan on a page, phases by year", (that("aims/context.csv, kind phase: 3 rows", lambda w: context(w.pack).filter(pl.col("kind") == "phase").height == 3),), (that("command aims: the phase in which the body starts", lambda w: phase_in(context(w.pack), FinancialYear("2017/18")) is not None),)),
    Item("Workforce", "Practices, GPs, nurses, ratios, age over 55 (44 cells)", (cells("general_practice_supply", 44),), (that("command check: patients of each area from three ratios", lambda w: _follows(w, "general_practice_supply")),)),
    Item("Workforce", "District nursing and OT vacancies", (cell("vacancies", "District Nursing", "Vacancy, Bedfordshire", "25%"),), (that("problems/blmk.toml, vacancies of community nurses and therapists", lambda w: {str(s.vacancy_share) for s in w.problem.staff} >= {"0.1923", "0.1514"}),)),
    Item("Workforce", "Other vacancies, turnover, age", (cells("vacancies", 16),), (that("problems/blmk.toml, leavers of nurses and therapists 20%", lambda w: sum(str(s.leavers_share) in ("0.20", "0.2") for s in w.problem.staff) >= 2),)),
    Item("Workforce", "Social care: 9.7, 12.6, 15.1%, age 43, 22%, 4,000 posts", (cells("social_care", 8), _declared(5)), reason="Ground of the judgement on room at social care; no figure is worked out from it."),
    _missing("Workforce", "Bank and agency cost target", "The plan asks for a saving and prints no sum of its own; it is inside the hospitals' three challenges."),
    _missing("Workforce", "Primary care at scale (mergers, partnerships)", "The plan prints no number of practices that merge and no saving."),
    Item("Quality", "Waiting-time standards and results (36 cells)", (cells("waiting_times", 36),), (that("frame sustainability_fund, RC1: A&E 91.6 of 95", lambda w: w.frame("sustainability_fund", year="2016/17", organisation_code="RC1", condition="ae")["reached"].to_list() == [91.6]),)),
    Item("Quality", "Improvement / quality terms in the BLMK contracts", (that("options/blmk.toml, quality of an option", lambda w: any(o.quality for o in w.options.options)),), (that("options that are capitation carry an improvement payment", lambda w: all(o.quality or o.body for o in w.options.options)),)),
    _missing("Quality", "NHS 111 and OOH performance", "The plan calls 2016/17 a difficult year and prints no result."),
    _health("Life expectancy and inequality", ["life expectancy"], 34),
    _health("Child health", ["child health"], 30),
    _health("Obesity, inactivity, diabetes", ["adults", "diabetes"], 27),
    _health("Older people: 85+, falls, flu", ["older people"], 23),
    _health("Severe mental illness 0.68 to 0.95%", ["mental health"], 3),
    Item("Demography", "Total growth 6.1%", (cell("place_based_allocation", "Population projection", "Total Growth Cum %", "6.1%"),), (frame("population", "registered_micro", 1_032_205_000_000, year="2020/21"),)),
    Item("Demography", "85+ grow fastest", (that(f"{PLAN}/public_health.csv, population aged 85 and over", lambda w: outcomes(w.pack).filter(pl.col("outcome") == "aged-85").height == 4),), (that("command aims: rising in every area", lambda w: set(outcomes(w.pack).filter(pl.col("outcome") == "aged-85")["trend"]) == {"rising"}), that("frame practice_weight: need follows ages", lambda w: w.frame("practice_weight", year="2020/21", stream="ccg")["age_index"].n_unique() > 50))),
    Item("Organisations", "16 partners", (cell("partners", "01", "Partner", "Bedford Hospital NHS Trust", "blmk-news-2016-07"),), (that("frame code_name: RC1", lambda w: w.frame("code_name", code="RC1").height == 1),)),
    Item("Organisations", "17th: East Midlands Ambulance", (cell("partners", "15", "Partner", "East Midlands Ambulance Service NHS Trust", "blmk-briefing-2016-05"), _declared(6)), reason="Named in May 2016 only; July and October name 16 partners, so nothing flows to it."),
    Item("Organisations", "Roles of community and mental health trusts", (cell("partners", "14", "Role", "mental health services provider for Bedfordshre and Luton", "blmk-news-2016-07"),), (that("frame flow, mental-health: RWK", lambda w: w.frame("flow", line="mental-health", provider_code="RWK").height > 0),)),
    Item("Organisations", "Specialised with the local hospitals", (that("providers/flows.csv, line specialised", lambda w: "specialised" in w.pack.path("providers/flows.csv").read_text(encoding="utf-8")),),
         agrees=(that("frame provider_allocation, specialised: money of the hospitals", lambda w: w.frame("provider_allocation", service_code="specialised").filter(pl.col("provider_code").is_in(list(HOSPITALS)))["allocation_pence"].sum() > 0),)),
    _context("Organisations", "Steering group, boards of the priorities", "board", 7),
    Item("Organisations", "Joint governing vehicle of three hospitals", (that("options/blmk.toml, group hospitals", lambda w: any(set(g.providers) == set(HOSPITALS) for g in w.options.groups)),), (that("frame payment: the group is paid under one contract in every option", lambda w: all(sum("hospitals" in c.groups for c in o.contracts) == 1 for o in w.options.options)),)),
    Item("Organisations", "Healthcare Review (Aug 2016), A&E configuration", (cell("healthcare_review", "Councils taking part", "Count", "four", "blmk-news-2016-08"), _declared(7)), reason="Context only: the review ended in the plan and left no figure."),
    Item("ACS design", "Localities of 30,000 to 50,000", (cell("headlines", "Locality population, low", "BLMK", "30,000"),), (that("frame locality_total: 25 localities", lambda w: w.frame("locality_total")["area_code"].n_unique() == 25),)),
    Item("ACS design", "Locality holds and answers for a budget", (that("places/localities.csv", lambda w: bool(w.pack.files("places/localities.csv"))),), (that("uncertainty/blmk.toml: the chance of a locality's budget (command simulate)", lambda w: bool(w.pack.files("uncertainty/blmk.toml"))),)),
    Item("ACS design", "Whole-population capitation contract", (that("contracts/blmk-capitation-*.toml", lambda w: bool(w.pack.files("contracts/blmk-capitation-*.toml"))),), agrees=(that("a contract of the options pays weighted persons x rate", _capitation_terms),)),
    Item("ACS design", "Unconstrained demand risk accepted", (that("a contract names the accountable care body", _contract_text("accountable")),), (that("contract by persons", _capitation_terms),), reason="Needs the contract of the accountable care body."),
    Item("ACS design", "One ACO with a supply chain", (that("bodies/blmk.toml", lambda w: bool(w.body.code)),), (that("command body: what the body pays providers is the money of its scope", _supply_chain),)),
    Item("ACS design", "Systems integrator function", (cell("critical_path", "34", "Milestone", "Mar 2018"), _declared(8)), reason="The plan prints a date of its procurement and no cost."),
    Item("ACS design", "Which services are in scope", (that("a contract has a scope table", _contract_text("scope")),), (that("contract by persons", _capitation_terms),), reason="Needs the contract of the accountable care body."),
    Item("ACS design", "Tiers: locality, council, footprint", (that("places/localities.csv, place_code", lambda w: "place_code" in w.pack.raw("places/localities.csv").cells.columns),), (that("frame allocation: three levels", lambda w: set(w.frame("allocation")["level"]) >= {"place", "locality", "practice"}),)),
    Item("ACS design", "Aligned incentives, one contract for many", (that("contracts/blmk-alliance.toml", lambda w: bool(w.pack.files("contracts/blmk-alliance.toml"))),), (that("options/blmk.toml, capitation-alliance over five groups", lambda w: any("alliance" in c.contract and len(c.groups) >= 5 for o in w.options.options for c in o.contracts)),)),
    Item("ACS design", "Gain and loss share", (that("contracts/blmk-capitation-corridor.toml", lambda w: bool(w.pack.files("contracts/blmk-capitation-corridor.toml"))),), (that("options/blmk.toml, capitation-corridor", lambda w: any(o.id == "capitation-corridor" for o in w.options.options)),)),
    Item("ACS design", "Social care pooled (£18.3m)", (cell("spend_by_service_2016_17", "Social Care", "2016/17 Spend £m", "18.3"),), (frame("unit_cost", "spend_pence", 1_830_000_000, service_code="social-care"),)),
    Item("ACS design", "Councils join later", (that("options/blmk.toml, group councils", lambda w: any(g.id == "councils" for g in w.options.groups)),), (that("options/blmk.toml, councils under contract in every option", lambda w: all(any("councils" in c.groups for c in o.contracts) for o in w.options.options)),)),
    Item("ACS design", "Multi-year contract", (that("options/blmk.toml, first_year", lambda w: bool(w.options.first_year)),), (that("frame position of the options: every year from 2017/18", lambda w: w.settled.frames["position"]["year"].n_unique() >= 4),)),
    Item("ACS design", "Start: options Q4 2016/17, assurance Jul, consultation Sep 2017, ACO Mar 2018", (cell("critical_path", "33", "Milestone", "Mar 2018"),),
         agrees=(that("options/blmk.toml, no option before the body is established", lambda w: BODY in earliest_starts(milestones(w.pack)) and body_fault(milestones(w.pack), w.options.first_year, "options") is None),)),
    Item("ACS design", "Four stages", (that("aims/milestones.csv, milestones 28 to 33 on the way to the body", lambda w: milestones(w.pack).filter(pl.col("drives") == BODY).height == 6),), (that("command aims: the body's year", lambda w: earliest_starts(milestones(w.pack)).get(BODY) == "2017/18"),)),
    Item("ACS design", "Shadow year", (that("bodies/blmk.toml, shadow_years", lambda w: w.body.shadow_years == ("2017/18",)),), (that("command body: payments of 2017/18 are a shadow and those of 2018/19 are not", _shadow_year),)),
    Item("ACS design", "Double running, transition", (that("problems/blmk/policy.toml, transition_funds", lambda w: bool(read_mapping(w.pack.path("problems/blmk/policy.toml"))["transition_funds"])),), (that("problems/blmk.toml, transition_funds", lambda w: bool(w.problem.transition_funds)),)),
    Item("ACS design", "Procurement, integrated support", (cell("critical_path", "30", "Milestone", "Q4 2016/17"),), (that("command aims: milestone 30 prepares the body", lambda w: milestones(w.pack).filter(pl.col("number") == 30)["drives"][0] == BODY),)),
    Item("Risks", "Programme risk log, 9 rows with scores", (cell("risk_register", "2", "Severity", "16"),), (that("command aims: nine risks, severity the product", lambda w: risks(w.pack)["severity"].sum() == 108),)),
    _missing("Risks", "Political support: red", "A newspaper's opinion of October 2016 without a scale; the plan's own register is carried."),
)


def _follows(w: World, table: str) -> bool:
    return counted(w.pack, PLAN) == 38 and not [fault for fault in disagreements(w.pack) if f"{PLAN}, {table}" in fault.where]


def _savings(w: World, *solutions: str) -> int:
    return round(sum(float(v.pounds) for s in w.problem.solutions if s.id in solutions for v in s.savings))


def _repaid(w: World) -> int:
    """What the control totals of the groups ask for in 2018/19 beyond the surplus of one in a hundred."""
    rows = w.frame("organisation_position", year="2018/19").filter(pl.col("organisation_code").is_in(["04F", "06F", "06P"]))
    income = w.frame("organisation_account", year="2018/19", line="allocation").filter(pl.col("organisation_code").is_in(["04F", "06F", "06P"]))
    return int(rows["control_total_pence"].sum()) - sum(round(int(p) / 100) for p in income["amount_pence"])


def _backtest(w: World) -> bool:
    rows = backtest(w.pack, w.run)
    return round(float(rows.filter((pl.col("measure") == "ae") & (pl.col("year") == "2018/19"))["happened_growth"][0]), 3) == 0.049


def inventory(world: World) -> list[tuple[Item, str]]:
    """Each item with its state."""
    return [(item, item.state(world)) for item in ITEMS]


def main() -> None:
    """Print each item with its state, what failed, and the count."""
    found = inventory(World(DataPack(default_data_folder())))
    for item, state in found:
        missed = f"; not met: {'; '.join(item.failed)}" if item.failed else ""
        print(f"{state:13} {item.area}: {item.name}{missed}{f' ({item.reason})' if item.reason and state != 'used' else ''}")
    count = Counter(state for _, state in found)
    print(", ".join(f"{state} {count[state]}" for state in STATES), f"of {len(found)}")


if __name__ == "__main__":
    main()
