"""An accountable care body on the BLMK run: persons at a rate to the penny, scope, start, shares and carry-forward."""

import polars as pl
import pytest

from capitation.errors import ContractError, DocumentError
from capitation.records.documents import read_document
from capitation.run.evaluate import evaluate
from capitation.run.scenario import read_scenario
from contracts.options.whole_population.document import CareBody, read_body
from contracts.options.whole_population.settlement import settle_body


@pytest.fixture(scope="module")
def body(pack):
    return read_body(pack, "blmk")


@pytest.fixture(scope="module")
def done(body, pack, blmk_run):
    return settle_body(body, pack, blmk_run)


def _changed(body: CareBody, **changes: object) -> CareBody:
    return CareBody.model_validate({**body.model_dump(by_alias=True), **changes})


def _income(done, year):
    return done.accounts.filter(year=year).get_column("income_pence").item()


def test_persons_more_are_paid_for_at_the_rate_to_the_penny(body, done, pack):
    scenario = read_scenario(pack.path("scenarios/blmk.toml"))
    totals = tuple(
        t.model_copy(update={"persons": t.persons + 51_610}) if t.year == "2020/21" else t
        for t in scenario.population.totals
    )
    grown = scenario.model_copy(update={"population": scenario.population.model_copy(update={"totals": totals})})
    after = settle_body(body, pack, evaluate(grown, pack))
    rate = done.accounts.filter(year="2020/21").get_column("rate_pence").item()
    assert _income(after, "2020/21") - _income(done, "2020/21") == 51_610 * rate
    assert after.payments.filter(year="2020/21").get_column("true_up_pence").sum() == 51_610 * rate
    assert _income(after, "2019/20") == _income(done, "2019/20")


def test_every_part_adds_to_the_year_and_quarters_are_alike(done):
    due = done.payments.group_by("year").agg(pl.col("due_pence").sum()).sort("year")
    budgets = done.localities.group_by("year").agg(pl.col("budget_pence").sum()).sort("year")
    accounts = done.accounts.sort("year")
    assert due["due_pence"].to_list() == accounts["income_pence"].to_list() == budgets["budget_pence"].to_list()
    care = done.localities.group_by("year").agg(pl.col("care_pence").sum()).sort("year")
    assert care["care_pence"].to_list() == accounts["care_pence"].to_list()
    shared = done.hospitals.group_by("year").agg(pl.col("share_pence").sum()).sort("year")
    assert shared["share_pence"].to_list() == accounts["hospitals_pence"].to_list()
    quarters = done.payments.group_by("year", "quarter").agg(pl.col("due_pence").sum())
    assert (
        quarters.group_by("year").agg(pl.col("due_pence").max() - pl.col("due_pence").min())["due_pence"].max() <= 100
    )


def test_what_is_in_scope_is_what_the_body_pays(done):
    inside = done.scope.filter("in_scope").group_by("year").agg(pl.col("money_out_pence").sum()).sort("year")
    assert inside["money_out_pence"].to_list() == done.accounts.sort("year")["care_pence"].to_list()
    assert done.supply.filter("is_elsewhere")["provider_code"].unique().to_list() != []


def test_the_shadow_year_is_worked_out_and_carried_nowhere(done):
    shadow, first, second = done.accounts.sort("year").head(3).iter_rows(named=True)
    assert (shadow["year"], shadow["is_shadow"], first["is_shadow"]) == ("2017/18", True, False)
    assert first["carried_in_pence"] == 0
    assert second["carried_in_pence"] == first["carried_on_pence"] != 0


def test_the_body_is_within_its_reserves_until_its_care_costs_more_than_its_rate(body, done, pack, blmk_run):
    assert done.accounts["can_bear"].all()
    poor = _changed(body, base_rate_pence={**body.base_rate_pence.model_dump(), "value": 100_000})
    assert not settle_body(poor, pack, blmk_run).accounts.filter(year="2020/21")["can_bear"].item()


def test_a_contract_before_its_body_is_refused(body, pack, blmk_run):
    early = _changed(body, first_year="2017/18", shadow_years=[])
    with pytest.raises(ContractError, match=r"before the body is established .*2018/19 or later"):
        settle_body(early, pack, blmk_run)


def test_a_rate_without_growth_for_a_year_and_a_contract_before_the_first_year_are_refused(body, pack, blmk_run):
    grown = [row.model_dump() for row in body.growth if str(row.year) != "2019/20"]
    with pytest.raises(ContractError, match=r"growth: found none of 2019/20"):
        settle_body(_changed(body, growth=grown), pack, blmk_run)
    late = _changed(body, shadow_years=[])
    with pytest.raises(ContractError, match=r"period.start: found 2017-04-01.*expected 2018-04-01 or later"):
        settle_body(late, pack, blmk_run)


def test_a_scope_that_counts_twice_or_leaves_money_nowhere_is_refused(body, pack, blmk_run):
    rows = [row.model_dump() for row in body.scope]
    with pytest.raises(ValueError, match="'acute' is counted 2 times"):
        _changed(body, scope=[*rows, rows[0]])
    short = _changed(body, scope=[row for row in rows if row["service"] != "community"])
    with pytest.raises(ContractError, match="'community', whose money then goes nowhere"):
        settle_body(short, pack, blmk_run)


def test_faults_come_together(body, pack, blmk_run):
    wrong = _changed(body, scenario="other", contract="blmk-whole-populatio", sharers=["RC1", "NOBODY"])
    with pytest.raises(ContractError) as caught:
        settle_body(wrong, pack, blmk_run)
    assert len(caught.value.faults) == 3


def test_a_document_with_a_wrong_key_is_refused(tmp_path, pack):
    text = pack.path("bodies/blmk.toml").read_text().replace("rebased_every", "rebased_evry")
    (tmp_path / "b.toml").write_text(text)
    with pytest.raises(DocumentError, match="rebased_every"):
        read_document(tmp_path / "b.toml", CareBody)
