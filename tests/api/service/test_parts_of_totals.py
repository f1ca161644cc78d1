"""Small parts of totals: no way of adding up what is shown, in one table or across tables and results, gives one away."""

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.service.kinds import KINDS
from api.service.records.hidden import HiddenPeople
from api.service.records.job_kind import stored_frame
from api.service.security.access import Caller
from api.service.security.flows import hidden_flows
from api.service.security.parts import hidden_pairs, left_out_of_parts, with_parts_beside
from api.service.security.people import hidden_rows
from api.service.security.visibility import seen
from capitation.records.identity import canonical
from capitation.records.suppression import MARK

SYSTEM, SMALLEST = "BLMK", 5
ROLES = ("approver", "finance", "administrator")
WAYS = ("commissioner", "provider", "line")
PRICES = {"ae": 11_347, "elective": 98_231, "tests": 4_513}


def caller(role, organisation=SYSTEM):
    return Caller("x", organisation, role, frozenset(), "key")


def following(keys, counts, hidden, together=None):
    """Which counts follow from all totals of at least two, over any of the keys and several, less what is shown: by linear algebra."""
    column = {row: n for n, row in enumerate(row for row, mark in enumerate(hidden) if mark and counts[row])}
    totals = []
    for size in range((len(keys[0]) if together is None else together) + 1):
        for some in itertools.combinations(range(len(keys[0])), size):
            groups = {}
            for row, key in enumerate(keys):
                if counts[row]:
                    groups.setdefault(tuple(key[each] for each in some), []).append(row)
            totals += [[float(row in rows) for row in column] for rows in groups.values() if len(rows) > 1]
    matrix = np.array(totals) if totals else np.zeros((1, len(column)))
    unit = np.eye(len(column))
    rank = np.linalg.matrix_rank(matrix) if len(column) else 0
    return {row for row, n in column.items() if np.linalg.matrix_rank(np.vstack([matrix, unit[n]])) == rank}


cells = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.sampled_from("pqr"), st.sampled_from("xyz")),
    st.sampled_from([0, 1, 3, 4, 5, 40, 61, 900]),
    min_size=1,
    max_size=12,
)


@given(cells)
def test_no_totals_together_give_a_small_part_away_while_there_is_another_beside_it(table):
    keys, counts = list(table), list(table.values())
    frame = pl.DataFrame(keys, schema=list(WAYS), orient="row")
    small = pl.Series([0 < n < SMALLEST for n in counts], dtype=pl.Boolean)
    counted = pl.Series([n > 0 for n in counts], dtype=pl.Boolean)
    hidden = with_parts_beside(frame, small, counted, within=(), parted_by=WAYS, spread=("commissioner", "provider"))
    assert hidden.filter(small).all()
    assert hidden.any() == small.any()
    if any(counted[row] and not hidden[row] for row in range(len(keys))):
        assert not following(keys, counts, hidden.to_list()) & {row for row, mark in enumerate(small) if mark}


def options(counts):
    """The tables of contract options under which each commissioner pays each provider for its activity at its price."""
    rows = [
        {
            "year": year, "activity_case": case, "commissioner": c, "provider": p, "service": "acute", "line": line,
            "plan_activity": n, "actual_activity": n + more, "plan_value_pence": n * PRICES[line],
            "actual_value_pence": (n + more) * PRICES[line], "plan_cost_pence": n * 600, "actual_cost_pence": (n + more) * 600,
        }
        for year in ("2018/19", "2019/20")
        for case, more in (("plan", 0), ("plan-plus-5", 1))
        for (c, p, line), n in counts.items()
    ]  # fmt: skip
    outturn = pl.DataFrame(rows)
    key = {"commissioner_code": "commissioner", "provider_code": "provider"}
    payment = outturn.group_by("activity_case", "year", *(pl.col(old).alias(new) for new, old in key.items())).agg(
        amount_pence=pl.col("actual_value_pence").sum()
    ).with_columns(option=pl.lit("do-minimum")).sort("year", "activity_case", *key)  # fmt: skip
    ends = [("commissioner", "commissioner_code", "paid_pence"), ("provider", "provider_code", "income_pence")]
    position = pl.concat(
        [
            payment.group_by("option", "activity_case", "year", organisation_code=end)
            .agg(pl.col("amount_pence").sum().alias(column))
            .with_columns(role=pl.lit(role), position_pence=pl.col(column))
            for role, end, column in ends
        ],
        how="diagonal",
    )
    transfer = pl.concat(
        [
            payment.select(
                "option", "activity_case", "year", pl.col(one).alias("organisation_code"),
                pl.col(other).alias("counterparty_code"), pl.col("amount_pence").alias("debit_pence"),
                pl.lit(0, dtype=pl.Int64).alias("credit_pence"),
            )
            for one, other in (("commissioner_code", "provider_code"), ("provider_code", "commissioner_code"))
        ]
    )  # fmt: skip
    bridge = position.select(
        "option", "activity_case", "year", pl.col("role").alias("subject_kind"), pl.col("organisation_code").alias("subject_code"),
        pl.lit("payment by results").alias("name"), pl.col("position_pence").alias("amount_pence"),
        pl.col("position_pence").alias("balance_pence"),
    )  # fmt: skip
    return {
        "outturn": outturn, "payment": payment, "position": position, "transfer": transfer, "position_bridge": bridge,
    }  # fmt: skip


def shown_to(who, tables, smallest=SMALLEST):
    pairs = hidden_pairs(
        tables["outturn"], left_out_of_parts(tables["outturn"], KINDS["comparison"].people["outturn"], smallest)
    )
    return {
        name: seen("comparison", name, frame, who, SYSTEM, (), smallest, pairs)
        for name, frame in tables.items()
        if who.role != "partner" or name in KINDS["comparison"].frames
    }


def amounts(tables, where):
    """What each commissioner pays each provider, by whatever table says so, or as what an organisation has in all less the rest."""
    found = {}
    for row in tables["payment"].filter(**where).drop_nulls("amount_pence").iter_rows(named=True):
        found[row["commissioner_code"], row["provider_code"]] = row["amount_pence"]
    everyone = set(tables["payment"].select("commissioner_code", "provider_code").iter_rows())
    for row in tables["transfer"].filter(**where).drop_nulls("debit_pence").iter_rows(named=True):
        pair = (row["organisation_code"], row["counterparty_code"])
        found.setdefault(pair if pair in everyone else pair[::-1], row["debit_pence"])
    wholes = [("position", "organisation_code", "position_pence"), ("position_bridge", "subject_code", "amount_pence")]
    for table, who, column in wholes:
        for row in tables[table].filter(**where).drop_nulls(column).iter_rows(named=True):
            mine = [pair for pair in everyone if row[who] in pair]
            unknown = [pair for pair in mine if pair not in found]
            if len(unknown) == 1:
                found[unknown[0]] = row[column] - sum(found[pair] for pair in mine if pair in found)
    sums = {
        role: tables["position"].filter(**where, role=role).get_column("position_pence")
        for role in ("commissioner", "provider")
    }
    for role, end in (("commissioner", 0), ("provider", 1)):  # what all have of one side, less all others of the other
        other = sums["provider" if role == "commissioner" else "commissioner"]
        if sums[role].null_count() == 1 and other.null_count() == 0:
            (who,) = tables["position"].filter(pl.col("position_pence").is_null(), **where, role=role)[
                "organisation_code"
            ]
            mine = [pair for pair in everyone if pair[end] == who and pair not in found]
            if len(mine) == 1:
                found[mine[0]] = other.sum() - sums[role].sum()
    return found


def activities(tables, where):
    """Small activities that follow from payments at public prices: a pair's payment less what is shown of it, where one line is left."""
    found = {}
    rows = tables["outturn"].filter(**where)
    for pair, paid in amounts(tables, where).items():
        mine = rows.filter(commissioner=pair[0], provider=pair[1])
        left = mine.filter(pl.col("actual_activity").is_null())
        rest = paid - mine["actual_value_pence"].sum()
        if left.height == 1:
            found[(*pair, left["line"][0])] = rest / PRICES[left["line"][0]]
        elif left.height == 2:  # one of them small: the other is whole for one number only
            one, other = left["line"]
            for a, b in ((one, other), (other, one)):
                ways = [n for n in range(1, SMALLEST) if (rest - n * PRICES[a]) % PRICES[b] == 0]
                if len(ways) == 1:
                    found[(*pair, a)] = ways[0]
    return found


LARGE = {(c, p, line): 900 for c in ("C1", "C2", "C3") for p in ("P1", "P2", "P3") for line in PRICES}
MARKETS = {
    "a single line from a provider": {k: n for k, n in LARGE.items() if k[:2] != ("C1", "P1")} | {("C1", "P1", "ae"): 3},
    "one of several lines": LARGE | {("C1", "P2", "ae"): 3},
    "the only provider that a commissioner buys from": {k: n for k, n in LARGE.items() if k[0] != "C1"} | {("C1", "P1", "ae"): 3},
    "the only commissioner that buys from a provider": {k: n for k, n in LARGE.items() if k[1] != "P3"} | {("C2", "P3", "ae"): 4},
    "a line that nobody else buys": {k: n for k, n in LARGE.items() if k[2] != "tests"} | {("C1", "P1", "tests"): 2},
    "two small ones": LARGE | {("C1", "P1", "ae"): 1, ("C2", "P1", "elective"): 1},
}  # fmt: skip


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("role", ROLES)
def test_no_payment_over_a_public_price_gives_a_small_activity_away(market, role):
    counts = MARKETS[market]
    tables = options(counts)
    shown = shown_to(caller(role), tables)
    for year, case in itertools.product(("2018/19", "2019/20"), ("plan", "plan-plus-5")):
        where = {"year": year, "activity_case": case}
        truth = dict(
            tables["outturn"].filter(**where).select(pl.concat_list(WAYS).list.join(" "), "actual_activity").iter_rows()
        )
        small = {tuple(key.split()): n for key, n in truth.items() if counts[tuple(key.split())] < SMALLEST}
        found = activities(shown, where)
        assert {key: n for key, n in small.items() if abs(found.get(key, -9) - n) < 0.01} == {}
    if market == "a single line from a provider":  # what the audit finds where only the table of activity leaves it out
        bare = {**tables, "outturn": shown["outturn"]}
        assert activities(bare, where)["C1", "P1", "ae"] == pytest.approx(4)
    whole = shown_to(caller("analyst"), tables)
    assert all(whole[name].equals(frame) for name, frame in tables.items())


def test_of_the_organisations_of_a_small_activity_all_but_payments_between_them_stays():
    shown = shown_to(caller("finance"), options(MARKETS["one of several lines"]))
    assert shown["position"]["position_pence"].null_count() == 0
    left_out = shown["payment"].filter(MARK).select("commissioner_code", "provider_code").unique()
    assert 0 < left_out.height < 9
    assert shown["payment"].filter(MARK)["amount_pence"].null_count() == shown["payment"].filter(MARK).height
    large = options(LARGE)
    assert all(
        MARK not in frame.columns or not frame[MARK].any() for frame in shown_to(caller("finance"), large).values()
    )


def test_a_partner_sees_no_payment_of_its_own_that_is_left_out():
    shown = shown_to(caller("partner", "P1"), options(MARKETS["a single line from a provider"]))
    assert set(shown["payment"]["provider_code"]) == {"P1"}
    assert shown["payment"].filter(commissioner_code="C1")["amount_pence"].null_count() == 4


FLOWS = {("L1", "ae", "P1"): 300, ("L1", "ae", "P2"): 699_700, ("L1", "ae", "P3"): 300_000} | {
    (place, line, provider): share
    for place in ("L1", "L2", "L3")
    for line in ("ae", "elective")
    if (place, line) != ("L1", "ae")
    for provider, share in (("P1", 200_000), ("P2", 500_000), ("P3", 300_000))
}


def test_activity_of_a_locality_times_what_flows_to_a_provider_is_left_out_where_it_is_small():
    """10,000 attendances of which 300 in a million go to a provider are 3: neither the share is shown nor what is paid for it."""
    flow = pl.DataFrame(
        [(*key, share) for key, share in FLOWS.items()],
        schema=["locality_code", "line", "provider_code", "share_ppm"], orient="row",
    )  # fmt: skip
    activity = pl.DataFrame(
        [("2018/19", "mitigated", line, place, 10_000) for line in ("ae", "elective") for place in ("L1", "L2", "L3")],
        schema=["year", "case", "point_of_delivery", "locality_code", "activity"], orient="row",
    )  # fmt: skip
    lines = pl.DataFrame({"line": ["ae", "elective"], "service_code": ["urgent", "planned"]})
    members = pl.DataFrame({"locality_code": ["L1", "L2", "L3"], "commissioner_code": ["C1", "C1", "C2"]})
    hidden = hidden_flows(flow, activity, lines, members, SMALLEST)
    assert ("L1", "ae", "P1") in hidden.flows
    paid = flow.join(lines, on="line").with_columns(year=pl.lit("2018/19"), allocation_pence=pl.col("share_ppm") * 7)
    for role in ROLES:
        shown = seen("run", "flow", flow, caller(role), SYSTEM, (), SMALLEST, hidden)
        money = seen("run", "provider_allocation", paid, caller(role), SYSTEM, (), SMALLEST, hidden)
        for table, column, parts in ((shown, "share_ppm", 1_000_000), (money, "allocation_pence", 7_000_000)):
            one = table.filter(locality_code="L1", line="ae")
            assert one.filter(provider_code="P1")[column].to_list() == [None]
            assert one[column].null_count() >= 2  # else all less the others would be it
            assert one[column].sum() < parts
            of_provider = table.filter(provider_code="P1", line="ae")
            assert of_provider[column].null_count() >= 2  # else what it has in all less the others would be it
    assert seen("run", "flow", flow, caller("analyst"), SYSTEM, (), SMALLEST, hidden).equals(flow)
    large = activity.with_columns(activity=10_000_000)
    assert hidden_flows(flow, large, lines, members, SMALLEST) == HiddenPeople()


def test_rows_of_a_settlement_less_totals_that_a_run_shows_give_no_small_count_away():
    """A line's activity of the whole system stands in runs: of each line, and of each party, more than one row is left out."""
    keys = [("2018/19", "C1", "P1", "ae"), ("2018/19", "C1", "P2", "ae"), ("2018/19", "C1", "P1", "elective"),
            ("2018/19", "C2", "P1", "ae"), ("2018/19", "C2", "P2", "elective"), ("2018/19", "C2", "P3", "tests")]  # fmt: skip
    counts = [900, 3, 800, 700, 600, 500]
    results = pl.DataFrame(keys, schema=["year", "commissioner", "provider", "line"], orient="row")
    frame = pl.DataFrame(
        {"row": range(6), "period": ["2018/19"] * 6, "account": [" / ".join(key[1:]) for key in keys], "count": [float(n) for n in counts]}
    )  # fmt: skip
    alone = hidden_rows(frame, ["paid"], SMALLEST)
    hidden = hidden_rows(frame, ["paid"], SMALLEST, results.with_columns(paid=pl.lit(1)))
    assert len(hidden.rows) < 6
    assert 1 in following([key[1:] for key in keys], counts, [row in alone.rows for row in range(6)], together=1)
    assert 1 not in following([key[1:] for key in keys], counts, [row in hidden.rows for row in range(6)], together=1)
    by_line = [row for row in hidden.rows if keys[row][3] == "ae"]
    assert len(by_line) >= 2


def test_differences_of_results_leave_out_tables_of_which_either_leaves_something_out(served):
    store, kinds = served.service.store, KINDS["comparison"]
    tables = options(MARKETS["a single line from a provider"])
    moved = pl.DataFrame(
        {
            "frame": ["payment", "stream_total"], "row": ["2018/19 C1 P1", "2018/19 ccg"], "column": ["amount", "total"],
            **{f"{side}_pence": [340_410, 9] for side in ("before", "after", "change")},
            **{side: [None, None] for side in ("before", "after", "change")},
        }
    )  # fmt: skip
    for job, kind, result, content, frames in (
        ("1" * 32, "comparison", "a" * 16, {}, tables),
        ("2" * 32, "difference", "b" * 32, {"before": f"/v1/comparisons/{'a' * 16}", "after": "/v1/runs/none"}, {"moved": moved}),
    ):  # fmt: skip
        store.ask(job, kind, canonical({}), "ann")
        claimed = store.claim("w", 60, 5)
        assert store.finish(
            claimed, "w", result, canonical(content), {n: stored_frame(n, f) for n, f in frames.items()}
        )
    shown, _ = served.service.seen("difference", "b" * 32, "moved", caller("finance"))
    assert shown["before_pence"].to_list() == [None, 9]
    whole, _ = served.service.seen("difference", "b" * 32, "moved", caller("analyst"))
    assert whole["before_pence"].to_list() == [340_410, 9]
    assert {"payment", "position"} <= set(kinds.made_of_parts)
