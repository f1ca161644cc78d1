"""Localities under a body: each settles its weighted persons at the rate against its own activity, and all add to the body's account."""

from fractions import Fraction

import polars as pl
import pytest

from capitation.money.rounding import nearest_fraction
from capitation.run.trace import Context, explain, parse_figure
from contracts.options.document import read_options
from contracts.options.evaluate import MIX, MixCase, evaluate_options
from contracts.options.formulas import FORMULAS, joined
from contracts.options.outturn import CaseActivity, PlanLine, case_activity, plan_lines
from contracts.options.whole_population.document import read_body
from contracts.options.whole_population.localities import by_service, care_of, own_use
from contracts.options.whole_population.settlement import settle_body

OPTION, KEY = "whole-population", ["activity_case", "year"]
SAME = {
    "budget_pence": "income_pence",
    "weighted_persons": "listed_persons",
    **{
        f"{name}_pence": f"{name}_pence"
        for name in ("unearned", "care", "left", "hospitals", "returned", "pool", "carried_in", "carried_on")
    },
}


@pytest.fixture(scope="module")
def document(pack):
    return read_options(pack.path("options/blmk.toml"))


@pytest.fixture(scope="module")
def compared(document, pack, blmk_run):
    return evaluate_options(document, pack, run=blmk_run)


@pytest.fixture(scope="module")
def settled(pack, blmk_run):
    return settle_body(read_body(pack, "blmk"), pack, blmk_run)


def small(rows):
    """A year of one provider: line "a" counted, line "b" not, in localities X and Y."""
    lines = pl.DataFrame(
        [("2018/19", "P", "C", place, service, line, pence) for place, service, line, pence, _, _ in rows],
        schema=PlanLine.dtypes(), orient="row",
    )  # fmt: skip
    activity = pl.DataFrame(
        [("2018/19", line, place, plan, actual) for place, _, line, _, plan, actual in rows if plan is not None],
        schema=CaseActivity.dtypes(), orient="row",
    )  # fmt: skip
    return PlanLine.validate(lines), CaseActivity.validate(activity)


def shared(rows, pence):
    use = own_use(*small(rows))
    paid = pl.DataFrame({"year": ["2018/19"], "provider": ["P"], "paid_pence": [pence]})
    done = care_of(by_service(paid, use), use).group_by("locality_code").agg(pl.col("paid_pence").sum())
    return dict(done.sort("locality_code").iter_rows())


def test_a_unit_costs_the_same_whoever_had_it():
    rows = [("X", "s", "a", 30_000, 100, 100), ("Y", "s", "a", 10_000, 100, 100)]
    assert shared(rows, 40_000) == {"X": 20_000, "Y": 20_000}  # the allocation gives X three times as much
    more = [("X", "s", "a", 30_000, 100, 300), ("Y", "s", "a", 10_000, 100, 100)]
    assert shared(more, 40_000) == {"X": 30_000, "Y": 10_000}
    assert shared(more, 100_000) == {"X": 75_000, "Y": 25_000}


def test_what_nobody_counts_goes_by_planned_value_and_a_fixed_sum_falls_on_somebody():
    rows = [("X", "s", "b", 30_000, None, None), ("Y", "s", "b", 10_000, None, None)]
    assert shared(rows, 4_000) == {"X": 3_000, "Y": 1_000}
    none = [("X", "s", "a", 0, 0, 0), ("Y", "s", "a", 0, 0, 0)]
    assert shared(none, 4_001) == {"X": 2_001, "Y": 2_000}


@pytest.mark.parametrize("case", ["plan", "plan-plus-5", "unmitigated"])
def test_the_localities_add_to_the_body_s_account_to_the_penny(compared, case):
    rows = compared.frame("body_locality").filter(activity_case=case)
    account = compared.frame("body_account").filter(activity_case=case).sort("year")
    assert rows.height == 25 * account.height == 75
    sums = rows.group_by("year").agg(pl.col(list(SAME)).sum()).sort("year")
    for own, whole in SAME.items():
        assert sums[own].to_list() == pytest.approx(account[whole].to_list(), rel=0, abs=1e-6), own
    position = compared.frame("position").filter(option=OPTION, activity_case=case, organisation_code="X-ACB")
    kept = rows.group_by("year").agg((pl.col("carried_on_pence") - pl.col("carried_in_pence")).sum().alias("kept"))
    both = kept.join(position, on="year")
    assert (both["kept"] == both["position_pence"]).all()


def test_a_locality_s_budget_is_its_weighted_persons_at_the_rate_trued_up_to_its_list(compared, settled):
    for rows in (compared.frame("body_locality"), settled.localities):
        due = [
            nearest_fraction(Fraction(persons) * rate)
            for persons, rate in rows.select("weighted_persons", "rate_pence").iter_rows()
        ]
        assert (rows["budget_pence"] - pl.Series(due)).abs().max() <= 16  # whole pence by quarter and commissioner
        assert (rows["budget_pence"] == rows["on_account_pence"] + rows["true_up_pence"]).all()


def test_at_plan_the_option_says_of_every_locality_what_the_body_s_own_settlement_says(compared, settled):
    names = [
        "year",
        "locality_code",
        *(name for name in SAME if name != "pool_pence" and not name.startswith("carried")),
    ]
    own = settled.localities.filter(~pl.col("is_shadow")).select(names).sort(names[:2])
    beside = compared.frame("body_locality").filter(activity_case="plan").select(names).sort(names[:2])
    assert own.drop("weighted_persons").equals(beside.drop("weighted_persons"))
    care = settled.supply.group_by("year", "locality_code").agg(pl.col("paid_pence").sum())
    both = care.join(settled.localities, on=["year", "locality_code"], validate="1:1")
    assert (both["paid_pence"] == both["care_pence"]).all()


def test_activity_of_one_locality_moves_its_own_gain_first(document, pack, blmk_run, compared):
    plan = case_activity(blmk_run, "mitigated", "plan")
    place = "L-U09531"
    fewer = (
        pl.when(pl.col("locality_code") == place).then(pl.col("plan_activity") * 9 // 10).otherwise("actual_activity")
    )
    mix = MixCase(
        CaseActivity.validate(plan.with_columns(fewer.alias("actual_activity"))),
        pl.DataFrame(schema={"year": pl.String, "provider_code": pl.String, "name": pl.String, "cost_pence": pl.Int64}),
    )
    rows = evaluate_options(document, pack, run=blmk_run, mix=mix).frame("body_locality").filter(activity_case=MIX)
    before = compared.frame("body_locality").filter(activity_case="plan")
    both = rows.join(before, on=["year", "locality_code"], suffix="_plan", validate="1:1").with_columns(
        (pl.col("left_pence") - pl.col("left_pence_plan")).alias("gain")
    )
    mine, others = (both.filter(sign) for sign in (pl.col("locality_code") == place, pl.col("locality_code") != place))
    assert mine["gain"].min() > 100_000_00  # a tenth of its hospital and community care of about £40m a year, in pence
    assert mine["gain"].min() > 10 * others["gain"].abs().max()


def test_every_figure_of_a_body_and_its_localities_is_worked_out_a_second_way(compared, blmk_run, pack):
    alone, both = Context(compared, pack), joined(compared, blmk_run, pack)
    for context, formulas in ((alone, FORMULAS), (both.context, both.formulas)):
        for table in ("body_account", "body_locality"):
            for column in (column for name, column in FORMULAS if name == table):
                for row in compared.frame(table).gather_every(7).iter_rows(named=True):
                    again = formulas[table, column].work(context, row).value
                    assert again == pytest.approx(row[column], rel=1e-12, abs=0), (table, column, row)
    key = "option=whole-population activity_case=unmitigated year=2018/19 locality_code=L-U09531"
    tree = explain(both.context, parse_figure(f"body_locality.left_pence {key}", compared), both.formulas, depth=4)
    text = "\n".join(tree.lines())
    assert "DISAGREES" not in text
    assert "locality_activity.activity year=2018/19, case=unmitigated" in text
    assert "allocation.weighted_persons" in text
    assert "printed cell" in {leaf.kind for leaf in tree.leaves()}


def test_a_plain_run_of_plan_lines_is_spread_by_units_not_by_money(settled, blmk_run):
    """Two localities with the same acute units per provider have the same acute care, whatever they are allocated."""
    lines, activity = plan_lines(blmk_run), case_activity(blmk_run, "mitigated", "plan")
    use = own_use(lines, activity).filter(year="2018/19", service="community")
    units = activity.filter(year="2018/19", line="community").select("locality_code", "actual_activity")
    both = use.group_by("locality_code").agg(pl.col("weight").sum()).join(units, on="locality_code")
    price = both["weight"] / both["actual_activity"]
    allocated = use.group_by("locality_code").agg(pl.col("worth").sum()).join(units, on="locality_code")
    spread = allocated["worth"] / allocated["actual_activity"]
    assert price.std() < spread.std()
