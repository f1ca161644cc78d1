"""Laws of contracts: for every registered term and for random pipelines of them."""

import math

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.document.contract import parse_contract
from contracts.document.schema import any_term
from contracts.settlement.payoff import payoff
from contracts.settlement.reference import reference_settle
from contracts.settlement.settle import settle
from contracts.terms import all_terms

pytestmark = pytest.mark.slow

MONEY = st.integers(-5_000_000_00, 5_000_000_00).map(lambda p: p / 100)
POSITIVE = st.integers(1_00, 5_000_000_00).map(lambda p: p / 100)
PART = st.integers(0, 100).map(lambda x: x / 100)

INPUTS = [
    {"name": "account", "about": "Account", "type": "text"},
    {"name": "pool", "about": "Pool", "type": "text"},
    {"name": "year", "about": "Year", "type": "year"},
    {"name": "label", "about": "Label", "type": "text"},
    {"name": "start", "about": "Start", "type": "date"},
    {"name": "budget", "about": "Budget"},
    {"name": "spend", "about": "Spend"},
    {"name": "q", "about": "Quality"},
    {"name": "persons", "about": "Persons"},
    {"name": "months", "about": "Months"},
    {"name": "met", "about": "Goal met", "type": "flag"},
]
TABLES = [
    {
        "name": "by_size",
        "about": "Rate by persons",
        "kind": "bands",
        "rows": [
            {"low": 0, "high": 999, "at_low": 0.12, "at_high": 0.05},
            {"low": 1000, "high": 9999, "at_low": 0.05, "at_high": 0.03},
            {"low": 10000, "high": None, "at_low": 0.02, "at_high": None},
        ],
    },
    {
        "name": "by_label",
        "about": "Rate by label",
        "kind": "labels",
        "label": "label",
        "rows": [{"label": "x", "rate": 0.5}, {"label": "y", "rate": 0.75}],
    },
]
PARTIES = [{"code": c, "name": c, "role": "member"} for c in ("p1", "p2", "p3")]


def _shares(draw):
    a = draw(st.integers(0, 100))
    b = draw(st.integers(0, 100 - a))
    return {"p1": a / 100, "p2": b / 100, "p3": round((100 - a - b) / 100, 2)}


def _edges(draw):
    first = draw(st.integers(1, 20)) / 100
    second = first + draw(st.integers(1, 20)) / 100
    return [
        {"upto": first, "share": draw(PART)},
        {"upto": round(second, 2), "share": draw(PART)},
        {"share": draw(PART)},
    ]


RECIPES = {
    "adjust": lambda d, x: {
        "amount": x,
        "how": d(st.sampled_from(["discount", "uplift", "add", "carve_out", "market_shift"])),
        "by": d(PART),
    },
    "aggregate": lambda d, x: {
        "of": [x, "budget"],
        "weights": [1, d(PART)],
        "within": d(st.sampled_from([None, [], ["pool"]])),
    },
    "allocate": lambda d, x: {
        "amount": "pool_sum",
        "weight": "persons",
        "within": ["pool"],
        "order_by": ["account", "year"],
    },
    "bands": lambda d, x: {
        "amount": x,
        "base": "budget",
        "gains": _edges(d),
        "losses": d(st.sampled_from([None, []])),
        "mode": d(st.sampled_from(["marginal", "cliff"])),
    },
    "blend": lambda d, x: {"of": [x, "budget"], "weights": [0.25, 0.75]},
    "cap": lambda d, x: {
        "amount": x,
        "limits": [{"rate": d(PART), "base": "budget"}, {"base": d(POSITIVE)}],
        "of": d(st.sampled_from(["smallest", "largest"])),
        "side": d(st.sampled_from(["gains", "losses", "both"])),
    },
    "choose": lambda d, x: {
        "branches": [{"when": "met and q >= 0.5", "value": x}, {"when": f"{x} > 0", "value": "budget"}],
        "otherwise": "spend",
    },
    "collar": lambda d, x: {"amount": x, "floor": -d(PART), "cap": d(PART), "base": "budget"},
    "distribute": lambda d, x: {
        "amount": x,
        "shares": _shares(d),
        "caps": {"p1": d(POSITIVE)},
        "residual": d(st.sampled_from([None, "p2"])),
    },
    "earn_back": lambda d, x: {"held": x, "by": "q", "none_at": 0.25, "all_at": 0.75},
    "fixed": lambda d, x: {"sum": x},
    "floor": lambda d, x: {"amount": x, "limits": [{"rate": d(PART), "base": "budget"}]},
    "gap": lambda d, x: {"target": "budget", "actual": x},
    "gate": lambda d, x: {
        "amount": x,
        "base": "budget",
        "at_least": d(st.integers(1, 30)) / 100,
        "mode": d(st.sampled_from(["first_dollar", "excess"])),
        "otherwise": d(st.sampled_from([0, "spend"])),
    },
    "ladder": lambda d, x: {
        "by": "q",
        "amount": x,
        "mode": d(st.sampled_from(["step", "linear"])),
        "rungs": [{"from": 0.2, "value": d(PART)}, {"from": 0.8, "value": d(PART)}],
    },
    "lag": lambda d, x: {"amount": x, "order_by": "year", "within": ["account"], "opening": d(PART)},
    "layer": lambda d, x: {
        "amount": "spend",
        "deductible": d(POSITIVE),
        "franchise": d(st.booleans()),
        "attachment": d(POSITIVE),
        "limit": d(POSITIVE),
        "share": d(PART),
        "within": d(st.sampled_from([None, []])),
    },
    "levy": lambda d, x: {"amount": x, "rate": d(PART), "side": d(st.sampled_from(["gains", "losses", "both"]))},
    "lookup": lambda d, x: d(
        st.sampled_from(
            [{"table": "by_size", "by": "persons"}, {"table": "by_label", "label": "label", "column": "rate"}]
        )
    ),
    "neutralise": lambda d, x: {"amount": x, "within": ["pool"], "to": d(PART), "weight": "persons"},
    "noise_threshold": lambda d, x: {"persons": "persons", "variation": 2.5, "z": 1.645},
    "per_head": lambda d, x: {"persons": "persons", "rate": x, "months": "months"},
    "prorate": lambda d, x: {"amount": x, "months": "months"},
    "ratio": lambda d, x: {"amount": x, "base": "budget"},
    "recoup": lambda d, x: d(
        st.sampled_from(
            [
                {"amount": x, "balance": 5000},
                {"amount": x, "balance": 5000, "added": "persons", "order_by": "year", "within": ["account"]},
            ]
        )
    ),
    "relief": lambda d, x: {
        "amount": x,
        **d(st.sampled_from([{"share": 0.25}, {"sum": 1234.56}])),
        "side": d(st.sampled_from(["gains", "losses", "both"])),
    },
    "risk_adjust": lambda d, x: {
        "amount": x,
        "score": "persons",
        "base_score": 1000,
        "at_least": 0.97,
        "at_most": 1.03,
    },
    "scale": lambda d, x: {"amount": x, "by": "q", "intercept": 1, "slope": -0.75, "lowest": 0.4, "highest": 0.75},
    "share": lambda d, x: {
        "amount": x,
        "rates": [d(PART), d(PART)],
        "side": d(st.sampled_from(["gains", "losses", "both"])),
    },
    "transfer": lambda d, x: {"outflow": x, "inflow": "spend", "receive_rate": 0.8},
    "trend": lambda d, x: {"amount": x, "growth": 0.02, "periods": d(st.integers(1, 5))},
    "true_up": lambda d, x: {"final": x, "paid": ["spend"]},
    "truncate": lambda d, x: {"amount": x, "cap": d(POSITIVE)},
    "variable": lambda d, x: {"actual": x, "plan": "budget", "above": d(PART), "below": d(PART)},
    "waterfall": lambda d, x: {
        "need": x,
        "sources": [{"name": "one", "capacity": d(POSITIVE)}, {"name": "two", "capacity": "budget"}],
    },
    "withhold": lambda d, x: {"amount": x, "rate": d(PART)},
    "years_elapsed": lambda d, x: {"since": "start", "until": "service_date", "last": 4},
}
"""For terms that random pipelines draw: how to draw their fields around an amount.

A term that is added without a recipe is still compared with its plain Python around its worked cases (`test_every_term.py`).
"""

SMALL = {"ratio", "lookup", "noise_threshold", "years_elapsed", "per_head"}
"""Terms whose result is not an amount of the row's own size, so that the next step works on another amount."""


def test_recipes_are_of_registered_terms():
    assert set(RECIPES) <= set(all_terms())
    assert len(RECIPES) >= 37


def _contract(terms, outputs):
    return parse_contract(
        {
            "id": "law",
            "version": "1",
            "title": "A random pipeline",
            "key": ["account", "year"],
            "parties": PARTIES,
            "inputs": INPUTS,
            "tables": TABLES,
            "dates": [{"name": "service_date", "about": "first of January", "year": "year"}],
            "terms": [{"step": "pool_sum", "term": "aggregate", "of": ["spend"], "within": ["pool"]}, *terms],
            "outputs": outputs,
        }
    )


@st.composite
def _rows(draw, least=1):
    count = draw(st.integers(least, 6))
    accounts = [f"a{i // 2}" for i in range(count)]
    return pl.DataFrame(
        {
            "account": accounts,
            "pool": [draw(st.sampled_from(["n", "s"])) for _ in range(count)],
            "year": [2015.0 + i % 2 for i in range(count)],
            "label": [draw(st.sampled_from(["x", "y"])) for _ in range(count)],
            "start": ["2012-07-01"] * count,
            "budget": [draw(POSITIVE) for _ in range(count)],
            "spend": [draw(POSITIVE) for _ in range(count)],
            "q": [draw(PART) for _ in range(count)],
            "persons": [float(draw(st.integers(1, 50_000))) for _ in range(count)],
            "months": [float(draw(st.integers(1, 12))) for _ in range(count)],
            "met": [float(draw(st.integers(0, 1))) for _ in range(count)],
        }
    )


@st.composite
def _pipelines(draw):
    steps, amount = [], "spend"
    for i in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from(sorted(RECIPES)))
        fields = {k: v for k, v in RECIPES[name](draw, amount).items() if v is not None}
        steps.append({"step": f"s{i}", "term": name, **fields})
        if name not in SMALL:
            amount = f"s{i}"
    outputs = [{"name": f"o{i}_pence", "of": f"s{i}", "rounded_to": "pence"} for i in range(len(steps))]
    return _contract(steps, outputs)


@given(_pipelines(), _rows())
def test_columnar_equals_plain_python_to_the_penny(contract, rows):
    done = settle(contract, rows).results
    for row, again in zip(done.iter_rows(named=True), reference_settle(contract, rows), strict=True):
        assert {k: row[k] for k in again} == again


@pytest.mark.parametrize("name", sorted(RECIPES))
@given(data=st.data(), rows=_rows())
def test_each_term_equals_its_plain_python_on_all_results(name, data, rows):
    fields = {k: v for k, v in RECIPES[name](data.draw, "spend").items() if v is not None}
    term = any_term().validate_python({"term": name, "step": "s0", **fields})
    outputs = [{"name": f"o{i}_pence", "of": o, "rounded_to": "pence"} for i, o in enumerate(term.outputs())]
    contract = _contract([{"step": "s0", "term": name, **fields}], outputs)
    done = settle(contract, rows).results
    for row, again in zip(done.iter_rows(named=True), reference_settle(contract, rows), strict=True):
        assert {k: row[k] for k in again} == again


@given(_pipelines(), _rows(least=2), st.randoms(use_true_random=False))
def test_the_order_of_rows_never_changes_a_result(contract, rows, random):
    order = list(range(rows.height))
    random.shuffle(order)
    whole = settle(contract, rows).results
    mixed = settle(contract, rows[order]).results
    assert mixed.sort("account", "year").equals(whole.sort("account", "year"))


@given(_pipelines(), _rows())
def test_every_step_is_explained_and_reproduces_the_result(contract, rows):
    done = settle(contract, rows, explain=True)
    assert done.steps is not None
    assert done.steps.height == rows.height * (sum(len(t.outputs()) for t in contract.terms) + len(contract.outputs))
    for output in contract.outputs:
        last = done.steps.filter(pl.col("step") == output.name).sort("row").get_column("value_after")
        assert last.cast(pl.Int64).to_list() == done.results.get_column(output.name).to_list()


SCALED = [
    "gap",
    "share",
    "levy",
    "cap",
    "collar",
    "gate",
    "bands",
    "scale",
    "prorate",
    "relief",
    "waterfall",
    "withhold",
]


@given(st.data(), _rows())
def test_scaling_every_amount_scales_every_result(data, rows):
    steps, amount = [], "spend"
    for i in range(data.draw(st.integers(1, 5))):
        name = data.draw(st.sampled_from(SCALED))
        fields = {k: v for k, v in RECIPES[name](data.draw, amount).items() if v is not None}
        if name == "relief":
            fields = {"amount": amount, "share": 0.25}
        if name == "cap":
            fields["limits"] = fields["limits"][:1]
        if name == "waterfall":
            fields["sources"] = [{"name": "two", "capacity": "budget"}]
        steps.append({"step": f"s{i}", "term": name, **fields})
        amount = f"s{i}"
    contract = _contract(steps, [{"name": "out", "of": amount}])
    once = settle(contract, rows).results.get_column("out")
    # A power of two scales binary numbers exactly, so results scale without rounding.
    eightfold = rows.with_columns(pl.col("budget", "spend") * 8)
    assert settle(contract, eightfold).results.get_column("out").to_list() == (once * 8).to_list()


@given(MONEY, st.data(), st.booleans())
def test_what_parties_get_and_what_is_left_add_to_the_pool(pool, data, weights):
    shares = _shares(data.draw)
    caps = {p: data.draw(POSITIVE) for p in data.draw(st.sets(st.sampled_from(sorted(shares))))}
    residual = data.draw(st.sampled_from([None, "p1", "p2"]))
    fields = {"amount": "pool", "shares": shares, "caps": caps, "by": "weights" if weights else "shares"}
    fields |= {} if residual is None else {"residual": residual}
    term = any_term().validate_python({"term": "distribute", "step": "d", **fields})
    swapped = {**fields, "shares": dict(reversed(shares.items()))}
    other = any_term().validate_python({"term": "distribute", "step": "d", **swapped})
    row = pl.DataFrame({"pool": [pool]})
    got, again = term.apply(row, {}).row(0, named=True), other.apply(row, {}).row(0, named=True)
    pence = {k: round(v * 100) for k, v in got.items()}
    assert sum(pence[f"d.{p}"] for p in shares) + pence["d.left"] == round(pool * 100)
    assert {k: round(v * 100) for k, v in again.items()} == pence, "the order of parties never matters"
    for party, cap in caps.items():
        if party != residual:
            assert abs(pence[f"d.{party}"]) <= round(cap * 100)
    if residual is not None:
        assert pence["d.left"] == 0


@given(MONEY, POSITIVE, st.data())
def test_bands_are_continuous_unless_they_are_a_cliff_and_rise_with_the_amount(amount, base, data):
    gains, losses = _edges(data.draw), data.draw(st.sampled_from([None, []]))
    fields = {"amount": "x", "base": "b", "gains": gains} | ({} if losses is None else {"losses": losses})
    term = any_term().validate_python({"term": "bands", "step": "s", **fields})
    pieces = term.pieces({"b": base})
    assert pieces.jumps == ()
    assert min(pieces.slopes) >= 0
    frame = pl.DataFrame({"x": [amount, amount + 1.0], "b": [base, base]}).select(**term.evaluate({}))
    low, high = frame.get_column("s").to_list()
    assert high >= low - 1e-9 * max(abs(low), 1.0)
    assert pieces.at(amount) == pytest.approx(low, rel=1e-9, abs=1e-6)


@given(MONEY, PART)
def test_one_full_band_is_a_share(amount, share):
    row = pl.DataFrame({"x": [amount]})
    one = any_term().validate_python({"term": "bands", "step": "s", "amount": "x", "gains": [{"share": share}]})
    other = any_term().validate_python({"term": "share", "step": "s", "amount": "x", "rates": [share]})
    assert row.select(**one.evaluate({})).item() == pytest.approx(row.select(**other.evaluate({})).item(), abs=1e-9)


@given(MONEY, POSITIVE, st.integers(1, 100).map(lambda x: x / 100))
def test_a_cap_on_a_share_is_a_band_and_then_nothing(amount, cap, share):
    terms = [
        {"step": "shared", "term": "share", "amount": "spend", "rates": [share]},
        {"step": "capped", "term": "cap", "amount": "shared", "limits": [{"base": cap}], "side": "both"},
        {
            "step": "banded",
            "term": "bands",
            "amount": "spend",
            "gains": [{"upto": cap / share, "share": share}, {"share": 0}],
        },
    ]
    values = settle(_contract(terms, [{"name": "o", "of": "capped"}]), _one(spend=amount)).values
    assert values.item(0, "capped") == pytest.approx(values.item(0, "banded"), rel=1e-9, abs=1e-6)


def _one(**changes) -> pl.DataFrame:
    base = {
        "account": "a",
        "pool": "n",
        "year": 2015.0,
        "label": "x",
        "start": "2012-07-01",
        "budget": 100.0,
        "spend": 90.0,
        "q": 0.5,
        "persons": 1000.0,
        "months": 12.0,
        "met": 1.0,
    }
    return pl.DataFrame([{**base, **changes}])


@given(POSITIVE, st.integers(1, 40).map(lambda x: x / 1000), PART)
def test_a_first_dollar_gate_leaps_by_rate_times_threshold_times_base(base, threshold, rate):
    assume(rate > 0)
    term = any_term().validate_python({"term": "gate", "step": "s", "amount": "x", "base": "b", "at_least": threshold})
    ((at, leap),) = term.pieces({"b": base}).jumps
    assert at == pytest.approx(threshold * base)
    assert rate * leap == pytest.approx(rate * threshold * base)


@given(_rows(), POSITIVE, POSITIVE, PART, st.sampled_from([None, [], ["pool"]]))
def test_ceded_and_net_add_to_the_loss_and_allocations_back_to_the_layer(rows, attachment, limit, share, within):
    fields = {"amount": "spend", "attachment": attachment, "limit": limit, "share": share}
    fields |= {} if within is None else {"within": within, "aggregate_limit": limit}
    terms = [
        {"step": "ceded", "term": "layer", **fields},
        {"step": "all", "term": "aggregate", "of": ["ceded"], "within": []},
        {"step": "back", "term": "allocate", "amount": "all", "weight": "spend", "order_by": ["account", "year"]},
    ]
    values = settle(_contract(terms, [{"name": "o", "of": "ceded"}]), rows).values
    for ceded, net, gross in values.select("ceded", "ceded.net", "spend").iter_rows():
        assert ceded + net == pytest.approx(gross, rel=1e-12)
        assert -1e-9 <= ceded <= gross * (1 + 1e-12)
    total = values.get_column("all")[0]
    assert round(sum(round(x * 100) for x in values.get_column("back"))) == math.floor(total * 100 + 0.5 + 1e-6)


def test_splitting_a_linear_year_nets_to_the_year_and_a_gated_one_does_not():
    linear = [
        {"step": "gain", "term": "gap", "target": "budget", "actual": "spend"},
        {"step": "s", "term": "share", "amount": "gain", "rates": [0.5]},
    ]
    gated = [
        *linear[:1],
        {"step": "g", "term": "gate", "amount": "gain", "base": "budget", "at_least": 0.02},
        {"step": "s", "term": "share", "amount": "g", "rates": [0.5]},
    ]
    halves = pl.concat([_one(account="a", budget=50.0, spend=49.5), _one(account="b", budget=50.0, spend=47.5)])
    year = _one(budget=100.0, spend=97.0)

    def paid(terms, rows):
        return (
            settle(_contract(terms, [{"name": "o_pence", "of": "s", "rounded_to": "pence"}]), rows)
            .results.get_column("o_pence")
            .sum()
        )

    assert paid(linear, halves) == paid(linear, year) == 150
    # One half misses the threshold of 2% with a gain of 1%: its 25 pence are lost by splitting the year.
    assert paid(gated, year) - paid(gated, halves) == 25


@given(_pipelines(), _rows())
def test_payments_between_parties_close(contract, rows):
    outputs = [o.model_copy(update={"payer": "p1", "payee": "p2"}) for o in contract.outputs]
    paying = contract.model_copy(update={"outputs": tuple(outputs)})
    positions = settle(paying, rows).positions()
    sums = positions.group_by("row", "output").agg(pl.col("amount").sum()).get_column("amount")
    assert set(sums.to_list()) == {0}
    assert positions.height == 2 * rows.height * len(outputs)


UNIVARIATE = sorted(n for n in RECIPES if all_terms()[n].univariate and n not in {"lookup", "per_head", "ratio"})


@given(st.sampled_from(UNIVARIATE), st.data())
def test_the_payoff_of_a_term_finds_the_bends_of_its_pieces(name, data):
    fields = {k: v for k, v in RECIPES[name](data.draw, "spend").items() if v is not None}
    fields = {
        k: v for k, v in fields.items() if not (name in {"recoup", "layer"} and k in {"order_by", "within", "added"})
    }
    if name in {"ladder"}:
        fields["by"], fields["rungs"] = "spend", [{"from": 40, "value": 1}, {"from": 160, "value": 3}]
        fields["amount"] = 1
    if name in {"transfer", "true_up"}:
        fields = {k: ("budget" if v == "spend" and k == "inflow" else v) for k, v in fields.items()}
        fields |= {"paid": ["budget"]} if name == "true_up" else {}
    if name == "gate":
        fields["otherwise"] = 0
    contract = _contract([{"step": "s", "term": name, **fields}], [{"name": "o", "of": "s"}])
    row = _one(budget=1000.0).row(0, named=True)
    term = contract.step("s")
    exact = term.pieces({**row, "pool_sum": 0.0})
    curve = payoff(contract, row, "spend", -2000.0, 2000.0)
    inside = [b for b in exact.simplified().breakpoints if -1999 < b < 1999]
    for x in [*inside, *(b + s for b in inside for s in (-0.5, 0.5)), -1500.0, -1.0, 1.0, 700.0, 1999.0]:
        if all(abs(x - at) > 1e-6 for at, _ in exact.jumps):
            assert curve.pieces.at(x) == pytest.approx(exact.at(x), rel=1e-7, abs=1e-5)
    assert [at for at, _ in curve.pieces.jumps] == pytest.approx(
        [at for at, _ in exact.jumps if -2000 < at < 2000], abs=1e-5
    )
