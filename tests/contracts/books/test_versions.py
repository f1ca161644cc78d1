"""Versions: a restatement reverses and replaces, nothing is edited, and what is carried forward follows on."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from capitation.errors import ContractError, FrameError
from capitation.pack.layers import shipped_packs
from contracts.books.carry_forward import CarriedBalance, brought_forward, carried, carry_on
from contracts.books.entries import Entry, Version, post, standing
from contracts.books.restatement import differences, restate
from contracts.books.statements import settle_statement
from contracts.document.behind import behind
from contracts.document.contract import parse_contract, read_contract
from contracts.settlement.settle import settle

FOLDER = shipped_packs() / "england" / "contracts"
BLENDED = read_contract(FOLDER / "blended-emergency.toml")
ALLIANCE = read_contract(FOLDER / "alliance.toml")
CAPITATION = read_contract(FOLDER / "whole-population-capitation.toml")

FIRST = Version(number=1, status="provisional", issued=dt.date(2020, 5, 1))
FINAL = Version(number=2, status="final", issued=dt.date(2020, 7, 1))


def blended(*actual):
    return pl.DataFrame(
        [
            {
                "scenario": "outturn",
                "provider": code,
                "year": "2019/20",
                "planned_value": 50_000_000.0,
                "actual_value": x,
            }
            for code, x in zip("abcdef", actual, strict=False)
            if x is not None
        ]
    )


def test_a_final_version_reverses_and_replaces_only_what_moved():
    old = settle_statement(BLENDED, blended(53_000_000.0, 46_000_000.0), FIRST)
    new = restate(old, blended(53_000_000.0, 46_500_000.0), FINAL)
    made = new.issued().select("account", "party", "standing", "linked_to", "amount_pence").rows()
    b, commissioner = "|b|payment_pence|b|commissioner|1", "|b|payment_pence|commissioner|provider|1"
    stem = "blended-emergency|outturn|2019/20"
    assert sorted(made) == [
        ("b", "b", "replacement", stem + "|b|payment_pence|b|commissioner|1", 49_300_000_00),
        ("b", "b", "reversal", stem + b, -49_200_000_00),
        ("b", "commissioner", "replacement", stem + commissioner, -49_300_000_00),
        ("b", "commissioner", "reversal", stem + commissioner, 49_200_000_00),
    ]
    earlier = new.entries.filter(pl.col("version") == 1)
    assert earlier.equals(old.entries), "earlier entries are as they were"
    assert new.net().filter(pl.col("party") == "b").get_column("amount_pence").to_list() == [49_300_000_00]
    assert {(row["account"], row["version"]) for row in new.standing().iter_rows(named=True)} == {("a", 1), ("b", 2)}


def test_an_outturn_that_is_withdrawn_is_reversed_and_one_that_joins_is_original():
    old = settle_statement(BLENDED, blended(53_000_000.0, 46_000_000.0), FIRST)
    new = restate(old, blended(None, 46_000_000.0, 51_000_000.0), FINAL)
    made = {(row["account"], row["standing"]) for row in new.issued().iter_rows(named=True)}
    assert made == {("a", "reversal"), ("c", "original")}
    assert new.net().filter(pl.col("account") == "a").get_column("amount_pence").to_list() == [0, 0]
    because = {row["account"]: row["because"] for row in differences(old, new).iter_rows(named=True)}
    assert because == {"a": "no longer in version 2", "c": "not in version 1"}
    back = restate(new, blended(53_000_000.0, 46_000_000.0), Version(number=3, status="restated", reason="found again"))
    assert back.net().filter(pl.col("party") == "a").get_column("amount_pence").to_list() == [50_600_000_00]


def test_differences_name_the_line_the_step_and_the_figures():
    old = settle_statement(BLENDED, blended(53_000_000.0, 46_000_000.0), FIRST)
    new = restate(old, blended(53_000_000.0, 46_500_000.5), FINAL)
    assert differences(old, new).select(
        "account", "line", "party", "before_pence", "after_pence", "change_pence", "first_step", "because"
    ).rows() == [
        ("b", "payment_pence", "b", 49_200_000_00, 49_300_000_10, 100_000_10, "variable_part", "actual_value 46000000 -> 46500000.5"),
        ("b", "payment_pence", "commissioner", -49_200_000_00, -49_300_000_10, -100_000_10, "variable_part", "actual_value 46000000 -> 46500000.5"),
    ]  # fmt: skip
    assert differences(old, restate(old, blended(53_000_000.0, 46_000_000.0), FINAL)).is_empty()


def test_a_contract_put_right_is_told_by_its_figure_or_its_clause():
    old = settle_statement(BLENDED, blended(53_000_000.0), FIRST)
    content = BLENDED.model_dump(mode="python", by_alias=True)
    content["parameters"][0]["values"][0]["value"] = 0.25
    right = restate(old, blended(53_000_000.0), FINAL, contract=parse_contract(content))
    assert set(differences(old, right).get_column("because")) == {"variable_rate 0.2 -> 0.25"}
    content = BLENDED.model_dump(mode="python", by_alias=True)
    content["terms"][1]["below"] = content["terms"][1]["above"] = "break_glass_band"
    other = restate(old, blended(53_000_000.0), FINAL, contract=parse_contract(content))
    (said,) = set(differences(old, other).get_column("because"))
    assert said.startswith("clause variable_part: variable_part = (actual_value - planned_value) x variable_rate -> ")


def test_a_line_that_another_row_moved_says_so():
    rows = pl.DataFrame([dict(row) for row in CAPITATION.cases[0].rows[:2]], infer_schema_length=None)
    rows = rows.with_columns(pl.col(pl.Decimal).cast(pl.Float64))
    dearer = rows.with_columns(pl.when(pl.col("organisation") == "A").then(514_000_000).otherwise("cost").alias("cost"))
    old = settle_statement(CAPITATION, rows, FIRST)
    found = differences(old, restate(old, dearer, FINAL)).filter(pl.col("party").is_in(["A", "B"]))
    assert found.select("party", "line", "change_pence", "first_step", "because").rows() == [
        ("A", "fund_pence", -4_000_000_00, "result", "cost 513000000 -> 514000000"),
        ("B", "fund_pence", -2_000_000_00, "system_result", "another row of its group changed"),
    ]


def test_a_result_rests_on_its_inputs_parameters_and_dates():
    names = behind(BLENDED, "payment")
    assert {"planned_value", "actual_value", "variable_rate", "fixed_part"} <= set(names)
    assert not {"break_glass_band", "provider"} & set(names)


money = st.integers(0, 10**12).map(lambda n: n / 100)
one = st.one_of(st.none(), money)


@given(
    st.lists(one, min_size=1, max_size=5), st.lists(one, min_size=1, max_size=5), st.lists(one, min_size=1, max_size=5)
)
@pytest.mark.slow
def test_reversals_and_replacements_net_to_the_new_statement(first, second, third):
    assume(any(x is not None for x in first) and any(x is not None for x in second))
    old = settle_statement(BLENDED, blended(*first), FIRST)
    new = restate(old, blended(*second), FINAL)
    _nets_to(new, blended(*second))
    if any(x is not None for x in third):
        newest = restate(new, blended(*third), Version(number=3, status="restated", reason="recount"))
        _nets_to(newest, blended(*third))
        assert newest.entries.filter(pl.col("version") < 3).equals(new.entries)


def _nets_to(statement, rows):
    fresh = settle_statement(statement.contract, rows)
    moved = statement.net().filter(pl.col("amount_pence") != 0)
    assert moved.equals(fresh.net().filter(pl.col("amount_pence") != 0))
    live = statement.standing().select("account", "line", "party", "amount_pence").sort(pl.all())
    assert live.equals(fresh.entries.select("account", "line", "party", "amount_pence").sort(pl.all()))
    assert post(Entry.empty(), statement.entries).equals(statement.entries)


# Which version may follow which


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (Version(number=3, status="final"), "found 3; expected 2"),
        (
            Version(number=2, status="restated", reason="x"),
            "expected provisional or final for a version after a provisional",
        ),
    ],
)
def test_a_version_that_does_not_follow_is_refused(version, said):
    old = settle_statement(BLENDED, blended(53_000_000.0), FIRST)
    with pytest.raises(ContractError, match=said):
        restate(old, blended(52_000_000.0), version)


def test_a_final_version_is_only_restated_and_with_a_reason():
    old = settle_statement(BLENDED, blended(53_000_000.0), Version(number=1, status="final"))
    with pytest.raises(ContractError) as refused:
        restate(old, blended(52_000_000.0), Version(number=3, status="final"))
    assert len(refused.value.faults) == 2
    with pytest.raises(ContractError, match=r"version\.reason: found nothing"):
        restate(old, blended(52_000_000.0), Version(number=2, status="restated"))
    with pytest.raises(ContractError, match="for a first version"):
        settle_statement(BLENDED, blended(53_000_000.0), Version(number=1, status="restated", reason="x"))


# The ledger of entries


def test_two_versions_of_one_outturn_are_a_fault():
    ledger = settle_statement(BLENDED, blended(53_000_000.0, 46_000_000.0), FIRST).entries
    again = settle_statement(BLENDED, blended(53_500_000.0), FIRST).entries
    with pytest.raises(ContractError) as refused:
        post(ledger, again)
    (fault,) = refused.value.faults
    assert "provider" not in fault.where
    assert fault.where == "contract blended-emergency, scenario outturn, period 2019/20, account a"
    assert "two versions of one outturn" in fault.found
    other = settle_statement(BLENDED, blended(None, None, 51_000_000.0), FIRST).entries
    assert post(ledger, other).height == ledger.height + other.height


def test_two_later_versions_of_one_statement_are_a_fault():
    old = settle_statement(BLENDED, blended(53_000_000.0), FIRST)
    one = restate(old, blended(52_000_000.0), FINAL)
    two = restate(old, blended(51_000_000.0), FINAL)
    with pytest.raises(ContractError) as refused:
        post(one.entries, two.issued())
    said = str(refused.value)
    assert "reversed more than once" in said
    assert "two versions of one outturn" in said


def test_a_reversal_must_mirror_an_entry_that_is_there():
    old = settle_statement(BLENDED, blended(53_000_000.0), FIRST)
    new = restate(old, blended(52_000_000.0), FINAL)
    with pytest.raises(ContractError, match="which is not there"):
        post(Entry.empty(), new.issued())
    wrong = new.issued().with_columns(
        pl.when(pl.col("standing") == "reversal")
        .then(pl.col("amount_pence") * 2)
        .otherwise("amount_pence")
        .alias("amount_pence")
    )
    with pytest.raises(ContractError, match=r"-10120000000 pence .*expected -5060000000 pence"):
        post(old.entries, wrong)


def test_an_entry_keeps_its_promises():
    entries = settle_statement(BLENDED, blended(53_000_000.0), FIRST).entries
    with pytest.raises(FrameError, match="direction agrees with the sign"):
        Entry.validate(entries.with_columns(-pl.col("amount_pence")))
    with pytest.raises(FrameError, match="a reversal is linked to an entry"):
        Entry.validate(entries.with_columns(pl.lit("reversal").alias("standing")))
    assert standing(entries).equals(entries)


# What is carried forward

ADVANCE = parse_contract(
    {
        "id": "advance",
        "version": "1",
        "title": "an advance recouped from gains, deficits carried",
        "amounts": "pounds",
        "key": ["account", "year"],
        "parties": [
            {"code": "payer", "name": "payer", "role": "payer"},
            {"code": "account", "name": "account", "role": "account", "named_by": "account"},
        ],
        "inputs": [
            {"name": "account", "about": "account", "type": "text"},
            {"name": "year", "about": "year", "type": "financial_year"},
            {"name": "gain", "about": "gain"},
            {"name": "advance", "about": "advance owed at the start", "at_least": 0},
            {"name": "deficit", "about": "deficit of the year", "at_least": 0},
        ],
        "terms": [
            {
                "term": "recoup",
                "step": "due",
                "amount": "gain",
                "balance": "advance",
                "added": "deficit",
                "order_by": "year",
                "within": ["account"],
            }
        ],
        "outputs": [{"name": "due_pence", "of": "due", "rounded_to": "pence", "payer": "payer", "payee": "account"}],
    }
)

THREE_YEARS = pl.DataFrame(
    {
        "account": ["a", "a", "a", "b"],
        "year": ["2017/18", "2016/17", "2018/19", "2016/17"],
        "gain": [9.0, 4.0, 5.0, -2.0],
        "advance": [10.0, 10.0, 10.0, 1.0],
        "deficit": [3.0, 0.0, 1.0, 0.0],
    }
)


def test_balances_open_where_they_closed():
    found = carried(settle(ADVANCE, THREE_YEARS))
    columns = ["account", "period", "opening_pence", "added_pence", "taken_pence", "closing_pence"]
    assert found.select(columns).rows() == [
        ("a", "2016/17", 1000, 0, 400, 600),
        ("a", "2017/18", 600, 300, 900, 0),
        ("a", "2018/19", 0, 100, 100, 0),
        ("b", "2016/17", 100, 0, 0, 100),
    ]


@given(
    st.lists(st.tuples(st.integers(-(10**9), 10**9), st.integers(0, 10**9)), min_size=2, max_size=6),
    st.integers(0, 10**9),
    st.data(),
)
def test_years_settled_one_after_another_carry_the_same_balances_as_all_at_once(years, advance, data):
    rows = pl.DataFrame(
        [
            {
                "account": "a",
                "year": f"20{10 + i}/{11 + i}",
                "gain": g / 100,
                "advance": advance / 100,
                "deficit": d / 100,
            }
            for i, (g, d) in enumerate(years)
        ]
    )
    whole = carried(settle(ADVANCE, rows))
    cut = data.draw(st.integers(1, rows.height - 1))
    early = carried(settle(ADVANCE, rows.head(cut)))
    opening = brought_forward(early).get_column("opening_pence")[0]
    late = carried(settle(ADVANCE, rows.tail(rows.height - cut).with_columns(pl.lit(opening / 100).alias("advance"))))
    assert carry_on(early, late).equals(whole)
    assert whole.get_column("closing_pence").to_list() == _by_hand(years, advance)


def _by_hand(years, balance):
    out = []
    for gain, deficit in years:
        owed = balance + deficit
        balance = owed - min(max(gain, 0), owed)
        out.append(balance)
    return out


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1e6)), min_size=1, max_size=6), st.floats(0, 1e6))
def test_parts_of_a_penny_never_break_the_ledger(years, advance):
    rows = pl.DataFrame(
        [
            {"account": "a", "year": f"20{10 + i}/{11 + i}", "gain": g, "advance": advance, "deficit": d}
            for i, (g, d) in enumerate(years)
        ]
    )
    found = carried(settle(ADVANCE, rows))
    assert CarriedBalance.validate(found).equals(found)
    assert found.get_column("opening_pence").to_list()[1:] == found.get_column("closing_pence").to_list()[:-1]


def test_a_balance_that_does_not_follow_is_refused_with_both_figures():
    early = carried(settle(ADVANCE, THREE_YEARS.filter(pl.col("year") == "2016/17")))
    late = carried(settle(ADVANCE, THREE_YEARS.filter(pl.col("year") == "2017/18")))
    with pytest.raises(ContractError) as refused:
        carry_on(early, late)
    (fault,) = refused.value.faults
    assert fault.where == "due, a 2017/18"
    assert fault.found == "an opening balance of 1000 pence"
    assert fault.expected == "600 pence, the closing balance before it"
    with pytest.raises(ContractError, match="period 2016/17 twice"):
        carry_on(early, early)


def test_what_is_brought_forward_is_the_last_closing_balance():
    found = brought_forward(carried(settle(ADVANCE, THREE_YEARS)))
    assert found.select("account", "after", "opening_pence").rows() == [("a", "2018/19", 0), ("b", "2016/17", 100)]


def test_a_contract_without_a_recoup_clause_carries_nothing():
    with pytest.raises(ContractError, match="no recoup clause"):
        carried(settle(BLENDED, blended(53_000_000.0)))


def test_a_recoupment_settled_row_by_row_keeps_its_own_opening():
    content = ADVANCE.model_dump(mode="python", by_alias=True)
    content["terms"][0]["order_by"] = None
    content["terms"][0]["within"] = ()
    found = carried(settle(parse_contract(content), THREE_YEARS))
    assert found.filter(pl.col("account") == "a").get_column("opening_pence").to_list() == [1000, 1000, 1000]
