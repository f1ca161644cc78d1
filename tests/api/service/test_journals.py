"""Journals balance to the penny, restatements net to the new figures, and the same run gives the same bytes."""

import csv
import datetime as dt
import io
import json
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from api.service.ledger.accounts import ChartAccount, assumed_codes, check_chart
from api.service.ledger.journal_files import csv_bytes, json_bytes, read_journal
from api.service.ledger.journals import journal_of_run, journal_of_statement, restate
from api.service.ledger.lines import Approval, JournalError, JournalLine, net
from api.service.packs.account_codes import Account
from capitation.errors import FrameError
from capitation.pack.layers import shipped_packs
from capitation.run.run import Run, RunManifest, save_run
from contracts.books.entries import Entry, Version, direction_of
from contracts.books.restatement import restate as restate_statement
from contracts.books.statements import settle_statement
from contracts.document.contract import read_contract

DAY = dt.date(2026, 4, 1)
COLUMNS = (
    "journal_id,line_number,run_id,period,accounting_date,kind,linked_to,journal_source,organisation_code,"
    "counterparty_code,area_code,service_code,account_code,debit,credit,currency,reference,description"
)


def approval(run_id="r1"):
    return Approval(run_id=run_id, made_by="anna", approved_by="ben", approved_on=DAY)


@pytest.fixture(scope="module")
def accounts(pack):
    return pack.rows("journals/accounts.csv", Account)


def mapping(*rows):
    names = ["journal_source", "direction", "service_code", "area_code", "debit_account", "credit_account"]
    rest = {"about": "a", "source": "ledger", "owner": "o", "quality": "green", "impact": "green", "where": "w"}
    return Account.validate(pl.DataFrame([{**dict(zip(names, row, strict=True)), **rest} for row in rows]))


SIMPLE = mapping(
    ("provider_allocation", "pays", "*", "*", "E", "P"),
    ("locality_total", "pays", "*", "*", "B", "A"),
    ("statement", "pays", "*", "*", "E", "P"),
    ("statement", "receives", "*", "*", "R", "I"),
)


def run_of(amounts, run_id="r1"):
    """A run with one allocation a key: (commissioner, provider, locality, service) to pence."""
    rows = [
        {
            "year": "2018/19",
            "provider_code": provider,
            "commissioner_code": payer,
            "locality_code": area,
            "service_code": service,
            "allocation_pence": pence,
        }
        for (payer, provider, area, service), pence in amounts.items()
    ]
    manifest = RunManifest(run_id=run_id, engine_version="0", scenario={"system_code": "SYS"}, inputs={}, frames={})
    return Run(manifest, {"provider_allocation": pl.DataFrame(rows, schema_overrides={"allocation_pence": pl.Int64})})


def journal_of(amounts, run_id="r1", accounts=SIMPLE):
    return journal_of_run(run_of(amounts, run_id), "2018/19", accounts, approval(run_id))


pence = st.integers(-(10**13), 10**13)
keys = st.tuples(
    st.sampled_from(["06F", "04F"]),
    st.sampled_from(["RC1", "RC9", "GP"]),
    st.sampled_from(["L1", "L2"]),
    st.sampled_from(["acute", "community"]),
)
allocations = st.dictionaries(keys, pence, min_size=1, max_size=12).filter(lambda d: any(d.values()))


def by_hand(content):
    """Debits and credits of each ledger from the CSV text alone, in exact decimals."""
    sums = {}
    for row in csv.DictReader(io.StringIO(content.decode())):
        debit, credit = sums.get(row["organisation_code"], (Decimal(0), Decimal(0)))
        assert (row["debit"] == "") != (row["credit"] == "")
        sums[row["organisation_code"]] = (debit + Decimal(row["debit"] or 0), credit + Decimal(row["credit"] or 0))
    return sums


@given(allocations)
def test_every_journal_of_allocations_balances_in_every_ledger(amounts):
    journal = journal_of(amounts)
    for debit, credit in by_hand(csv_bytes(journal)).values():
        assert debit == credit
    assert journal.total_pence == sum(abs(p) for p in amounts.values())
    assert journal.lines.height == 2 * sum(1 for p in amounts.values() if p)
    spent = journal.lines.filter(account_code="E")
    assert spent["debit_pence"].sum() - spent["credit_pence"].sum() == sum(amounts.values())


@given(allocations, st.randoms())
def test_the_order_of_rows_never_matters(amounts, random):
    items = list(amounts.items())
    random.shuffle(items)
    assert csv_bytes(journal_of(dict(items))) == csv_bytes(journal_of(amounts))


@given(allocations, allocations)
def test_reversal_and_replacement_net_to_the_new_journal(before, after):
    old, new = journal_of(before), journal_of(after, "r2")
    assume(not net([old]).equals(net([new])))
    answer = restate(old, new)
    assert net([old, answer.reversal]).is_empty()
    assert net([old, answer.reversal, answer.replacement]).equals(net([new]))
    assert answer.reversal.head.linked_to == old.id
    assert answer.replacement.head.linked_to == old.id
    assert set(answer.reversal.lines["linked_to"]) == {old.id}
    assert answer.reversal.head.run_id == "r1"
    assert answer.replacement.head.run_id == "r2"
    for journal in (answer.reversal, answer.replacement):
        assert all(debit == credit for debit, credit in by_hand(csv_bytes(journal)).values())


@given(allocations, allocations, allocations)
def test_a_replacement_can_itself_be_restated(first, second, third):
    one, two, three = journal_of(first), journal_of(second, "r2"), journal_of(third, "r3")
    assume(not net([one]).equals(net([two])) and not net([two]).equals(net([three])))
    again = restate(one, two)
    last = restate(again.replacement, three)
    everything = [one, again.reversal, again.replacement, last.reversal, last.replacement]
    assert net(everything).equals(net([three]))
    with pytest.raises(JournalError, match="found a reversal; expected a journal that stands"):
        restate(again.reversal, three)


def entries_of(moves):
    """Entries of a first version: one line and account of two parties each, adding to 0."""
    rows = []
    for number, (payer, payee, amount) in enumerate(moves):
        for party, other, part in ((payer, payee, -amount), (payee, payer, amount)):
            rows.append(
                {
                    "entry": f"c|{number}|{party}",
                    "contract": "c",
                    "version": 1,
                    "status": "final",
                    "standing": "original",
                    "linked_to": None,
                    "scenario": "",
                    "period": "2018/19",
                    "account": f"a{number}",
                    "line": "payment_pence",
                    "party": party,
                    "counterparty": other,
                    "currency": "GBP",
                    "amount_pence": part,
                    "rule": "r",
                    "clause": "",
                    "source": "s",
                }
            )
    frame = pl.DataFrame(rows, schema_overrides={"linked_to": pl.String, "amount_pence": pl.Int64})
    return Entry.validate(frame.with_columns(direction_of(pl.col("amount_pence")).alias("direction")))


moves = st.lists(
    st.tuples(st.sampled_from(["06F", "04F"]), st.sampled_from(["RC1", "RC9"]), pence), min_size=1, max_size=10
).filter(lambda rows: any(amount for _, _, amount in rows))


@given(moves)
def test_every_journal_of_a_random_statement_balances_in_every_ledger(rows):
    journal = journal_of_statement(entries_of(rows), "s1", "2018/19", SIMPLE, approval("s1"))
    sums = by_hand(csv_bytes(journal))
    assert all(debit == credit for debit, credit in sums.values())
    assert journal.total_pence == 2 * sum(abs(amount) for _, _, amount in rows)
    income = journal.lines.filter(pl.col("account_code") == "I")
    spent = journal.lines.filter(pl.col("account_code") == "E")
    assert income["credit_pence"].sum() == spent["debit_pence"].sum() == sum(abs(amount) for _, _, amount in rows)


def settled(factor):
    contract = read_contract(shipped_packs() / "england" / "contracts" / "multilateral-gain-loss.toml")
    rows = pl.DataFrame([dict(row) for row in contract.cases[0].rows], infer_schema_length=None)
    rows = rows.with_columns(pl.col(pl.Decimal).cast(pl.Float64))
    name = next(i.name for i in contract.inputs if i.name.startswith("actual") or "outturn" in i.name)
    return contract, rows.with_columns((pl.col(name) * factor).round().cast(rows.schema[name]))


def test_a_restated_statement_of_a_real_deal_nets_to_what_stands(pack):
    contract, rows = settled(1)
    first = settle_statement(contract, rows, Version(number=1, status="final"))
    second = restate_statement(
        first, settled(1.07)[1], Version(number=2, status="restated", reason="late activity"), contract
    )
    period = first.entries["period"][0]

    def journal(entries):
        return journal_of_statement(entries, "s1", period, SIMPLE, approval("s1"), accounting_date=DAY)

    assert second.issued().height > 0
    issued = [journal(first.issued()), journal(second.issued())]
    keys = ["organisation_code", "counterparty_code", "area_code", "service_code", "currency"]

    def owed(journals):
        """Account nets joined over the two pairs of accounts, since a line may turn from paying to receiving."""
        lines = pl.concat([j.lines for j in journals]).filter(pl.col("account_code").is_in(["P", "R"]))
        sums = lines.group_by(keys).agg((pl.col("debit_pence") - pl.col("credit_pence")).sum().alias("net"))
        return sums.filter(pl.col("net") != 0).sort(keys)

    assert net(issued).equals(net([journal(second.standing())]))
    stands = (
        second.net()
        .filter((pl.col("period") == period) & (pl.col("amount_pence") != 0))
        .select(
            pl.col("party").alias("organisation_code"),
            pl.col("counterparty").alias("counterparty_code"),
            pl.col("account").alias("area_code"),
            pl.col("line").alias("service_code"),
            pl.lit("GBP").alias("currency"),
            pl.col("amount_pence").alias("net"),
        )
        .sort(keys)
    )
    assert owed(issued).equals(stands)
    later = issued[1].lines
    assert set(later["kind"]) >= {"reversal", "replacement"}
    assert later.filter(pl.col("kind") == "reversal")["linked_to"].is_in(first.entries["entry"].implode()).all()


def test_the_journal_of_2018_19_reconciles_with_the_control_total(blmk_run, accounts):
    journal = journal_of_run(blmk_run, "2018/19", accounts, approval(blmk_run.id))
    held = blmk_run.frame("held_money").filter(year="2018/19")["held_pence"].sum()
    printed = blmk_run.frame("total_check").filter(year="2018/19")["printed_pence"].sum()
    assert journal.total_pence + held == printed == 153_574_100_000
    assert {row["accounting_date"] for row in csv.DictReader(io.StringIO(csv_bytes(journal).decode()))} == {
        "2019/03/31"
    }


def test_the_journal_of_localities_is_the_whole_control_total(blmk_run, accounts):
    journal = journal_of_run(blmk_run, "2018/19", accounts, approval(blmk_run.id), source="locality_total")
    assert by_hand(csv_bytes(journal)) == {"BLMK": (Decimal("1535741000.00"), Decimal("1535741000.00"))}


def test_an_export_has_its_columns_in_order_and_the_same_bytes_again(blmk_run, accounts):
    first, again = (journal_of_run(blmk_run, "2018/19", accounts, approval(blmk_run.id)) for _ in range(2))
    assert csv_bytes(first) == csv_bytes(again)
    assert json_bytes(first) == json_bytes(again)
    assert csv_bytes(first).split(b"\n")[0].decode() == COLUMNS
    content = json.loads(json_bytes(first))
    assert content["debit_total"] == content["credit_total"] == "1518392825.00"
    assert list(content["lines"][0]) == COLUMNS.split(",")[1:]
    table = list(csv.DictReader(io.StringIO(csv_bytes(first).decode())))
    assert [{**row, "debit": row["debit"] or "", "credit": row["credit"] or ""} for row in table] == [
        {"journal_id": first.id, **{k: str(v) if v is not None else "" for k, v in line.items()}}
        for line in content["lines"]
    ]


def test_lines_by_hand():
    """06F gives RC1 £12.34 of acute care for L1 and takes £0.05 of community care back."""
    journal = journal_of({("06F", "RC1", "L1", "acute"): 1234, ("06F", "RC1", "L1", "community"): -5})
    rows = [
        (r["service_code"], r["account_code"], r["debit_pence"], r["credit_pence"]) for r in journal.lines.to_dicts()
    ]
    assert rows == [
        ("acute", "E", 1234, 0),
        ("acute", "P", 0, 1234),
        ("community", "P", 5, 0),
        ("community", "E", 0, 5),
    ]
    assert csv_bytes(journal).decode().splitlines()[1].split(",")[12:16] == ["E", "12.34", "", "GBP"]
    assert csv_bytes(journal).decode().splitlines()[4].split(",")[12:16] == ["E", "", "0.05", "GBP"]


def test_a_written_journal_is_read_again_and_a_changed_one_is_refused(blmk_run, accounts):
    journal = journal_of_run(blmk_run, "2018/19", accounts, approval(blmk_run.id))
    content = json_bytes(journal)
    read = read_journal(content, "j.json")
    assert read.head == journal.head
    assert read.lines.equals(journal.lines)
    for old, new in ((b'"anna"', b'"carl"'), (b"social-care", b"acute"), (b"1518392825.00", b"1518392825.01")):
        with pytest.raises(JournalError, match="A posted journal is never changed"):
            read_journal(content.replace(old, new), "j.json")
    amount = json.loads(content)["lines"][0]["debit"].encode()
    with pytest.raises(JournalError, match=r"the journal does not balance(?s:.)*found debits of 100 and credits of"):
        read_journal(content.replace(amount, b"1.00", 1), "j.json")
    for bad in (content.replace(amount, b"1.00", 1), b"{}", b"[]", b"x", content[:-100]):
        with pytest.raises(JournalError):
            read_journal(bad, "j.json")


def test_only_an_approved_run_is_exported(accounts):
    run = run_of({("06F", "RC1", "L1", "acute"): 1})
    with pytest.raises(JournalError, match="result r1: found no approval"):
        journal_of_run(run, "2018/19", accounts, None)
    with pytest.raises(JournalError, match="found r2; expected r1"):
        journal_of_run(run, "2018/19", accounts, approval("r2"))
    same = approval().model_copy(update={"approved_by": " ANNA"})
    with pytest.raises(JournalError, match="who made it; expected somebody else"):
        journal_of_run(run, "2018/19", accounts, same)
    with pytest.raises(JournalError, match="found no approval"):
        journal_of_statement(entries_of([("06F", "RC1", 5)]), "s1", "2018/19", accounts, None)


def test_a_movement_without_account_is_told_with_all_others():
    only = mapping(("provider_allocation", "pays", "acute", "L1", "E", "P"))
    amounts = {("06F", "RC1", area, service): 1 for area in ("L1", "L2") for service in ("acute", "community")}
    with pytest.raises(JournalError) as error:
        journal_of(amounts, accounts=only)
    assert [fault.where for fault in error.value.faults] == [
        "accounts: pays, service acute, area L2",
        "accounts: pays, service community, area L1",
        "accounts: pays, service community, area L2",
    ]


def test_the_most_exact_row_of_the_mapping_is_taken():
    rows = mapping(
        ("provider_allocation", "pays", "*", "*", "E0", "P"),
        ("provider_allocation", "pays", "*", "L1", "E1", "P"),
        ("provider_allocation", "pays", "acute", "*", "E2", "P"),
        ("provider_allocation", "pays", "acute", "L1", "E3", "P"),
    )
    amounts = {("06F", "RC1", area, service): 1 for area in ("L1", "L2") for service in ("acute", "community")}
    found = journal_of(amounts, accounts=rows).lines.filter(pl.col("debit_pence") > 0)
    assert {(r["service_code"], r["area_code"]): r["account_code"] for r in found.to_dicts()} == {
        ("acute", "L1"): "E3",
        ("acute", "L2"): "E2",
        ("community", "L1"): "E1",
        ("community", "L2"): "E0",
    }


def test_text_that_a_spreadsheet_would_run_is_refused():
    for code in ("=cmd()", "+1", "@x", "-2"):
        with pytest.raises(JournalError, match="does not begin with"):
            journal_of({("06F", code, "L1", "acute"): 1})
    with pytest.raises(FrameError, match="the debit account is a code"):
        mapping(("provider_allocation", "pays", "*", "*", "=E", "P"))
    with pytest.raises(FrameError, match="debit and credit are two accounts"):
        mapping(("provider_allocation", "pays", "*", "*", "E", "E"))


def test_what_cannot_be_a_journal_is_told():
    run = run_of({("06F", "RC1", "L1", "acute"): 0})
    with pytest.raises(JournalError, match="found no amount other than 0"):
        journal_of_run(run, "2018/19", SIMPLE, approval())
    with pytest.raises(JournalError, match=r"no provider_allocation of 2017/18; expected one of 2018/19"):
        journal_of_run(run, "2017/18", SIMPLE, approval())
    entries = entries_of([("06F", "RC1", 5)])
    with pytest.raises(JournalError, match="found no entry of period '2013'; expected one of 2018/19"):
        journal_of_statement(entries, "s1", "2013", SIMPLE, approval("s1"))
    calendar = Entry.validate(entries.with_columns(pl.lit("2013").alias("period")))
    with pytest.raises(JournalError, match="period '2013' is no financial year; expected a date"):
        journal_of_statement(calendar, "s1", "2013", SIMPLE, approval("s1"))
    assert journal_of_statement(calendar, "s1", "2013", SIMPLE, approval("s1"), accounting_date=DAY).total_pence == 10
    mixed = Entry.validate(
        entries.with_columns(
            pl.when(pl.col("party") == "RC1").then(pl.lit("USD")).otherwise("currency").alias("currency")
        )
    )
    with pytest.raises(JournalError, match="found GBP and USD; expected one currency a journal"):
        journal_of_statement(mixed, "s1", "2018/19", SIMPLE, approval("s1"))


def test_a_restatement_that_restates_nothing_or_another_thing_is_refused():
    one = journal_of({("06F", "RC1", "L1", "acute"): 7})
    with pytest.raises(JournalError, match="nothing is restated"):
        restate(one, journal_of({("06F", "RC1", "L1", "acute"): 7}, "r2"))
    other = journal_of_statement(entries_of([("06F", "RC1", 5)]), "s1", "2018/19", SIMPLE, approval("s1"))
    with pytest.raises(JournalError, match="found statement; expected provider_allocation"):
        restate(one, other)


def test_a_line_is_a_debit_or_a_credit():
    lines = journal_of({("06F", "RC1", "L1", "acute"): 7}).lines
    with pytest.raises(FrameError, match="a line is a debit or a credit"):
        JournalLine.validate(lines.with_columns(pl.lit(7, pl.Int64).alias("credit_pence")))


def test_codes_that_the_chart_lacks_are_all_told():
    chart = ChartAccount.validate(pl.DataFrame({"account_code": ["E", "P", "R"]}))
    with pytest.raises(JournalError) as error:
        check_chart(SIMPLE, chart)
    assert [fault.where.split()[1] for fault in error.value.faults] == ["A", "B", "I"]
    check_chart(SIMPLE.filter(pl.col("debit_account") == "E"), chart)


def test_the_pack_s_mapping_covers_every_service_and_says_that_it_is_an_example(blmk_run, accounts):
    for year in blmk_run.frame("provider_allocation")["year"].unique():
        journal = journal_of_run(blmk_run, year, accounts, approval(blmk_run.id))
        assert assumed_codes(journal, accounts) == sorted(journal.lines["account_code"].unique())
    assert set(accounts["source"]) == {"assumption"}
    assert set(accounts["quality"]) == {"red"}
    assert assumed_codes(journal_of({("06F", "RC1", "L1", "acute"): 7}), SIMPLE) == []


@pytest.fixture
def written(blmk_run, tmp_path):
    folder = save_run(blmk_run, tmp_path)
    path = tmp_path / "approval.toml"
    path.write_text(
        f'run_id = "{blmk_run.id}"\nmade_by = "anna"\napproved_by = "ben"\napproved_on = 2026-04-01\n', encoding="utf-8"
    )
    return folder, path


def test_the_command_writes_balanced_journals_and_the_same_bytes_again(written, tmp_path, capitation, pack):
    folder, approved = written
    mapped = pack.path("journals/accounts.csv")
    words = ["journal", folder, "--accounts", mapped, "--approval", approved, "--out", tmp_path / "out"]
    told = capitation(*words)
    assert told.code == 0, told.err
    assert "1,518,392,825.00" in told.out
    assert "account code(s) are assumptions" in told.err
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert len(files) == 10
    for name, content in files.items():
        if name.endswith(".csv"):
            assert all(debit == credit for debit, credit in by_hand(content).values())
    assert capitation(*words).code == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == files


@pytest.mark.parametrize(("every", "count"), [("month", 12), ("quarter", 4)])
def test_the_command_writes_the_parts_of_a_year_which_add_to_it_to_the_penny(
    written, tmp_path, capitation, every, count
):
    folder, approved = written
    words = ["journal", folder, "--approval", approved, "--year", "2018/19"]
    assert capitation(*words, "--out", tmp_path / "year").code == 0
    parts = ["--every", every, "--profile", "working-days"]
    told = capitation(*words, *parts, "--out", tmp_path / every, "--json")
    assert told.code == 0, told.err
    heads = json.loads(told.out)["journals"]
    assert len({head["period"] for head in heads}) == len(heads) == count
    assert {(head["year"], head["profile"]) for head in heads} == {("2018/19", "working-days")}

    def sums(folder):
        found = [read_journal(path.read_bytes(), path.name) for path in sorted(folder.glob("*.json"))]
        keys = ["organisation_code", "counterparty_code", "area_code", "service_code", "account_code"]
        return (
            pl.concat([each.lines for each in found])
            .group_by(keys)
            .agg(pl.col("debit_pence", "credit_pence").sum())
            .sort(keys)
        )

    assert sums(tmp_path / every).equals(sums(tmp_path / "year"))
    refused = capitation(*words, "--every", "week", "--out", tmp_path / "none")
    assert (refused.code, "expected year, quarter, month" in refused.err) == (2, True)
    unknown = capitation(*words, "--every", "month", "--profile", "twelfth", "--out", tmp_path / "none")
    assert (unknown.code, "twelfths" in unknown.err, (tmp_path / "none").exists()) == (2, True, False)


def test_the_command_restates_a_posted_journal(written, tmp_path, capitation, blmk_run):
    folder, approved = written
    posted = journal_of_run(
        Run(
            blmk_run.manifest.model_copy(update={"run_id": "earlier"}),
            {
                "provider_allocation": blmk_run.frame("provider_allocation").with_columns(
                    pl.col("allocation_pence") + pl.when(pl.col("provider_code") == "RC9").then(100).otherwise(0)
                )
            },
        ),
        "2018/19",
        SIMPLE,
        approval("earlier"),
    )
    old = tmp_path / "posted.json"
    old.write_bytes(json_bytes(posted))
    told = capitation("journal", folder, "--approval", approved, "--restates", old, "--out", tmp_path / "out", "--json")
    assert told.code == 0, told.err
    heads = json.loads(told.out)["journals"]
    assert [(h["kind"], h["linked_to"], h["period"]) for h in heads] == [
        ("reversal", posted.id, "2018/19"),
        ("replacement", posted.id, "2018/19"),
    ]
    files = [read_journal(p.read_bytes(), p.name) for p in sorted((tmp_path / "out").glob("*.json"))]
    assert net([posted, *(j for j in files if j.head.kind == "reversal")]).is_empty()


def test_the_command_writes_nothing_where_anything_is_wrong(written, tmp_path, capitation):
    folder, approved = written
    out = tmp_path / "out"
    same = tmp_path / "same.toml"
    same.write_text(approved.read_text(encoding="utf-8").replace("ben", "anna"), encoding="utf-8")
    chart = tmp_path / "chart.csv"
    chart.write_text("account_code,name\n1,x\n", encoding="utf-8")
    for words, says in (
        (["--approval", same], "expected somebody else"),
        (["--approval", tmp_path / "none.toml"], "no such file"),
        (["--approval", approved, "--year", "2010/11"], "expected one of 2016/17"),
        (["--approval", approved, "--source", "ledger"], "expected provider_allocation or locality_total"),
        (["--approval", approved, "--date", "soon"], "expected a date such as"),
        (["--approval", approved, "--chart", chart], "the chart of accounts does not have"),
        (["--approval", approved, "--restates", chart], "found no journal"),
        (["--approval", approved, "--restates", tmp_path / "none.json"], "cannot be read"),
    ):
        told = capitation("journal", folder, "--out", out, *words)
        assert told.code == 2, says
        assert says in told.err
        assert not out.exists()


def test_the_other_side_is_its_code_where_a_line_has_two_parties_and_its_role_where_it_has_more():
    two = entries_of([("06F", "RC1", 5), ("04F", "RC1", 7)]).with_columns(pl.lit("role").alias("counterparty"))
    lines = journal_of_statement(Entry.validate(two), "s1", "2018/19", SIMPLE, approval("s1")).lines
    pairs = set(lines.select("organisation_code", "counterparty_code").iter_rows())
    assert pairs == {("06F", "RC1"), ("RC1", "06F"), ("04F", "RC1"), ("RC1", "04F")}
    three = two.with_columns(pl.lit("a0").alias("account"))
    lines = journal_of_statement(Entry.validate(three), "s1", "2018/19", SIMPLE, approval("s1")).lines
    assert set(lines["counterparty_code"]) == {"role"}
