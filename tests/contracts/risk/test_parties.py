"""Parties in draws: the same positions as one outturn, the same draws for all options, and the same figures however the work is cut."""

import tomllib
from dataclasses import replace
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from capitation.chance.document import read_uncertainty
from capitation.chance.moved import MovedYear
from capitation.chance.simulate import Request, SimulationWork
from capitation.errors import ContractError, ScenarioError, SourceError, StoppedError, UnknownNameError
from contracts.document.contract import parse_contract
from contracts.options.document import GroupContract, read_options
from contracts.options.evaluate import evaluate_options
from contracts.risk.answers import cap_chances, carried_chances, party_chances, party_pools
from contracts.risk.causes import causes, party_layers, party_wrong_rewards
from contracts.risk.parties import party_model, simulate_parties
from contracts.risk.study import party_risk


@pytest.fixture(scope="module")
def document(pack):
    return read_options(pack.path("options/blmk.toml"))


@pytest.fixture(scope="module")
def figures(pack):
    return read_uncertainty(pack.path("uncertainty/blmk.toml"))


@pytest.fixture(scope="module")
def made(document, pack, blmk_run, figures):
    return party_model(document, pack, blmk_run, figures)


@pytest.fixture(scope="module")
def found(made):
    return simulate_parties(made, Request(450, 3))


def _of(made, role, code):
    return made.parties.index((role, code))


@pytest.fixture(scope="module")
def compared(document, pack, blmk_run):
    return evaluate_options(document, pack, run=blmk_run).frame("position").filter(pl.col("role") != "payer")


@pytest.mark.parametrize(("case", "use", "pence"), [("plan", 1.0, 5), ("plan-plus-5", 1.05, 500_000)])
def test_a_draw_that_is_the_plan_or_5_percent_more_gives_the_positions_of_that_outturn(
    made, compared, case, use, pence
):
    """Whole units of activity, which an outturn counts and a draw does not, are worth a few thousand pounds; odd pence a penny a party."""
    places, lines = len(made.chance.localities), len(made.chance.books[0].lines)
    years = [MovedYear(np.ones((places, 1, 1)), np.full((lines, 1), use), None, None)] * len(made.years)
    drawn = made.positions(years, slice(0, 1), 0)[..., 0]
    rows = compared.filter(pl.col("activity_case") == case)
    bodies = sum(len(made.years) for k in range(len(made.options)) if k not in made.bodies)  # no party of those options
    assert rows.height == drawn.size - bodies
    assert made.parties.count(("provider", "X-ACB")) == 1
    years_of = [str(year) for year in made.years]
    for option, year, role, code, position in rows.select(
        "option", "year", "role", "organisation_code", "position_pence"
    ).rows():
        mine = drawn[made.options.index(option), years_of.index(year), _of(made, role, code)]
        assert mine == pytest.approx(position, abs=pence)


def test_threads_and_parts_change_no_bit(made, found):
    again = simulate_parties(made, Request(450, 3), SimulationWork(threads=2), at_once=77)
    assert again.hash == found.hash
    assert simulate_parties(made, Request(600, 4)).hash != found.hash


def test_a_stopped_simulation_goes_on_where_it_was_and_leaves_no_file(made, found, tmp_path):
    state = tmp_path / "state.npz"
    asked = []

    def is_cancelled():
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(StoppedError, match="after 300 of 450 draws"):
        simulate_parties(made, Request(450, 3), SimulationWork(state=state, is_cancelled=is_cancelled), at_once=150)
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]
    with pytest.raises(SourceError, match="another simulation"):
        simulate_parties(made, Request(600, 5), SimulationWork(state=state))
    done = []
    after = simulate_parties(
        made, Request(450, 3), SimulationWork(state=state, progress=lambda n, _: done.append(n)), at_once=200
    )
    assert after.hash == found.hash
    assert cap_chances(after).equals(cap_chances(found))
    assert cap_chances(found).height > 0
    assert min(done) > 300
    assert list(tmp_path.iterdir()) == []


@pytest.mark.deep
def test_a_study_stopped_anywhere_goes_on_to_the_same_frames_and_leaves_no_file(
    document, pack, blmk_run, figures, tmp_path
):
    """Stopped before each of its parts in turn, in the answers and in the causes; what limits cut is kept as well."""
    both = ("do-minimum", "capitation-alliance")
    model = party_model(document, pack, blmk_run, figures, ["environment", "price"], only=both)
    request, cut = Request(24, 3), 8
    whole, frames = party_risk(model, request, at_once=cut)
    assert frames["cap_chance"].get_column("binds").max() > 0
    state, stops, asked = tmp_path / "state", 0, [0]

    def is_cancelled():
        asked[0] += 1
        return asked[0] == 2  # one part a sitting

    while True:
        asked[0] = 0
        try:
            found, again = party_risk(model, request, SimulationWork(state=state, is_cancelled=is_cancelled), cut)
        except StoppedError:
            stops += 1
            assert state.is_file()
            continue
        break
    assert stops == 11  # three parts each of the answers, of all layers together and of either alone
    assert found.hash == whole.hash
    assert frames.keys() == again.keys()
    for name, frame in frames.items():
        assert frame.equals(again[name]), name
    assert list(tmp_path.iterdir()) == []


def test_what_a_limit_cuts_is_of_its_option_and_of_all_its_providers(document, pack, blmk_run, figures):
    """Two deals of one contract in one option are one row; an option in which activity answers cuts by its own outturn."""
    alliance = next(o for o in document.options if o.id == "capitation-alliance")
    split = [
        GroupContract(contract=each.contract, groups=(group,)) for each in alliance.contracts for group in each.groups
    ]
    calm = alliance.model_copy(update={"id": "calm", "contracts": tuple(split), "quality": (), "response": None})
    response = alliance.response.model_copy(update={"value": Decimal("-0.03")})
    answers = calm.model_copy(update={"id": "answers", "response": response})
    base = document.options[0].model_copy(update={"quality": ()})
    both = document.model_copy(update={"options": (base, calm, answers), "base": base.id})
    model = party_model(both, pack, blmk_run, figures, ["growth"])
    one, other = simulate_parties(model, Request(40, 3)), simulate_parties(model, Request(40, 3), at_once=1)
    caps = cap_chances(one)
    assert caps.equals(cap_chances(other))  # how many draws are settled at a time changes no row
    assert caps.filter(pl.col("option") == "calm").height == caps.filter(pl.col("option") == "answers").height > 0
    less, more = (
        caps.filter(pl.col("option") == name).sort("year").get_column("worth_pence")[-1] for name in ("answers", "calm")
    )
    assert less != more


@pytest.mark.deep
def test_what_a_contract_carries_into_later_years_stays_within_its_draw(document, pack, blmk_run, figures):
    """A corridor settled a year late, and gains out of which earlier losses are taken first: by one draw or by six at a time, and as an outturn."""
    content = tomllib.loads(pack.path("contracts/blmk-capitation-corridor.toml").read_text(encoding="utf-8"))
    steps = {term["step"]: term for term in content["terms"]}
    account = ["commissioner", "provider", "line"]
    later = {"step": "late", "term": "lag", "amount": "due", "order_by": "year", "within": account, "gap": "opening"}
    owed = {"step": "loss", "term": "aggregate", "of": ["line_gain"], "weights": [-1]}
    taken = {
        "step": "taken", "term": "recoup", "amount": "line_gain", "balance": 0, "added": "loss_alone",
        "order_by": "year", "within": account,
    }  # fmt: skip
    alone = {
        "step": "loss_alone",
        "term": "floor",
        "amount": "loss",
        "limits": [{"base": "plan_value_pence", "rate": 0}],
    }
    terms = [*(steps[k] for k in ("capitation", "line_gain")), owed, alone, taken]
    terms += [
        *(steps[k] for k in ("gain", "target", "commissioners_part", "due")),
        later,
        {**steps["corridor"], "amount": "late"},
    ]
    text = [{**term, "about": "A test", "status": "unverified"} for term in terms]
    paid = {
        **content["outputs"][1],
        "name": "taken_pence",
        "of": "taken",
        "about": "taken of gains",
        "payer": "provider",
        "payee": "commissioner",
    }
    carried = parse_contract(
        {**content, "id": "carried", "terms": text, "outputs": [*content["outputs"], paid], "cases": []}
    )
    option = next(o for o in document.options if o.id == "capitation-corridor").model_copy(update={"quality": ()})
    contracts = tuple(
        each.model_copy(update={"contract": "carried"}) if each.contract == "blmk-capitation-corridor" else each
        for each in option.contracts
    )
    base = document.options[0].model_copy(update={"quality": ()})
    own = option.model_copy(update={"contracts": contracts})
    both = document.model_copy(update={"options": (base, own), "base": base.id})
    model = party_model(both, pack, blmk_run, figures, given={"carried": carried})
    one, many = (simulate_parties(model, Request(6, 3), at_once=n) for n in (1, 6))
    assert one.hash == many.hash
    places, lines = len(model.chance.localities), len(model.chance.books[0].lines)
    years = [MovedYear(np.ones((places, 1, 1)), np.full((lines, 1), 1.05), None, None)] * len(model.years)
    drawn = model.positions(years, slice(0, 1), 0)[..., 0]
    rows = evaluate_options(both, pack, run=blmk_run, given={"carried": carried}).frame("position")
    mine = rows.filter(pl.col("activity_case") == "plan-plus-5", pl.col("role") != "payer", pl.col("option") == own.id)
    plain = compared_option(pack, document, blmk_run, option, base)
    names = [str(year) for year in model.years]
    for year, role, code, pence in mine.select("year", "role", "organisation_code", "position_pence").iter_rows():
        assert drawn[1, names.index(year), _of(model, role, code)] == pytest.approx(pence, abs=600_000)
    assert (
        not mine.sort(mine.columns).select("position_pence").equals(plain.sort(plain.columns).select("position_pence"))
    )


def compared_option(pack, document, run, option, base):
    """Positions of an option without what is carried."""
    both = document.model_copy(update={"options": (base, option), "base": base.id})
    rows = evaluate_options(both, pack, run=run).frame("position")
    return rows.filter(
        pl.col("activity_case") == "plan-plus-5", pl.col("role") != "payer", pl.col("option") == option.id
    )


def test_values_at_risk_and_chances_stand_in_order_for_every_party(found):
    for row in party_chances(found).iter_rows(named=True):
        ladder = [row[f"{name}_pence"] for name in ("worst_5", "p5", "p10", "p25", "p50", "p75", "p90", "p95")]
        assert ladder == sorted(ladder)
        assert row["deficit"] >= row["over_1"] >= row["over_2"] >= row["over_5"]
        assert row["miss"] >= row["deficit"] or row["control_total_pence"] < 0
        assert row["shortfall_pence"] >= 0


@pytest.mark.deep
def test_a_tighter_cap_binds_more_often_and_is_worth_more(document, pack, blmk_run, figures):
    content = tomllib.loads(pack.path("contracts/blmk-alliance.toml").read_text(encoding="utf-8"))
    option = next(o for o in document.options if o.id == "capitation-alliance").model_copy(update={"quality": ()})
    base = document.options[0].model_copy(update={"quality": ()})
    both = document.model_copy(update={"options": (base, option), "base": base.id})
    (cap,) = [term for term in content["terms"] if term["term"] == "cap"]
    named = {limit["rate"] for limit in cap["limits"] if isinstance(limit.get("rate"), str)}
    found = []
    for times in (0.5, 1.0, 2.0, 50.0):
        changed = [
            {**p, "values": [{**v, "value": v["value"] * times} for v in p["values"]]} if p["name"] in named else p
            for p in content["parameters"]
        ]
        contract = parse_contract({**content, "parameters": changed, "cases": []})
        model = party_model(both, pack, blmk_run, figures, ["price"], given={"blmk-alliance": contract})
        rows = cap_chances(simulate_parties(model, Request(200, 4))).filter(pl.col("option") == option.id)
        found.append((rows["binds"].sum(), rows["worth_pence"].sum()))
    assert found == sorted(found, reverse=True)
    assert found[0][0] > found[1][0] > found[3][0] == 0.0 == found[3][1]


def test_options_meet_the_same_chances(made, found):
    plain, blended = made.options.index("do-minimum"), made.options.index("blended")
    ambulance, hospital = _of(made, "provider", "RYC"), _of(made, "provider", "RC1")
    assert (found.positions[plain, :, ambulance] == found.positions[blended, :, ambulance]).all()
    both = np.corrcoef(found.positions[plain, 1, hospital], found.positions[blended, 1, hospital])
    assert both[0, 1] > 0.7  # with draws of their own it would be about nil


def test_money_that_one_party_pays_another_receives(made):
    """Over all parties contracts move no money: positions add to allocations less cost, the same under every option."""
    bare = simulate_parties(replace(made, quality=()), Request(100, 3))
    total = bare.positions.sum(axis=2)
    assert np.abs(total - total[:1]).max() < 1.0


def test_a_fund_that_asks_for_the_control_total_is_lost_in_the_draws_that_miss_it(made, found):
    before = simulate_parties(replace(made, quality=()), Request(450, 3))
    k, j, y = made.options.index("do-minimum"), _of(made, "provider", "RC9"), 2  # the rule of 2018/19
    earned = found.positions[k, y, j] - before.positions[k, y, j]
    kept = (
        before.positions[k, y, j] >= made.margin[y, j]
    )  # beyond what plan income leaves of the cost of planned activity
    assert 0.1 < kept.mean() < 0.9
    assert earned[kept].min() > earned[~kept].max()
    assert np.ptp(earned[kept]) < 1.0


def test_chance_alone_gives_a_commissioner_that_pays_by_price_the_sd_of_its_localities(
    document, pack, blmk_run, figures
):
    """Do minimum pays hospitals by price: its risk is less than that of the whole budget, cv / sqrt(persons), and of its order."""
    model = party_model(document, pack, blmk_run, figures, ["chance"], only=("do-minimum", "blended"))
    drawn = simulate_parties(model, Request(1_500, 9))
    y = 2
    book = model.chance.books[y]
    whole = np.sqrt(((3.68 / np.sqrt(book.persons) * book.plan_pence) ** 2).sum())
    buyers = [j for j, (role, _) in enumerate(model.parties) if role == "commissioner"]
    system = drawn.positions[0, y, buyers].sum(axis=0)
    assert 0.4 * whole < system.std() < whole


def test_answers_have_errors_and_agree_with_the_draws(made, found, document):
    rows = party_chances(found)
    assert rows.height == found.positions[..., 0].size
    row = rows.row(
        by_predicate=(pl.col("option") == "capitation-corridor")
        & (pl.col("year") == "2018/19")
        & (pl.col("organisation_code") == "RC9"),
        named=True,
    )
    k, j = made.options.index("capitation-corridor"), _of(made, "provider", "RC9")
    drawn = found.positions[k, 2, j]
    assert row["mean_pence"] == round(drawn.mean())
    assert row["mean_error_pence"] == pytest.approx(drawn.std() / np.sqrt(450), abs=1)
    assert row["deficit"] == pytest.approx((drawn < 0).mean())
    assert row["miss"] == pytest.approx((drawn < row["control_total_pence"]).mean())
    assert row["over_1"] == pytest.approx((drawn < -0.01 * row["size_pence"]).mean())
    assert row["shortfall_pence"] == round(np.maximum(-drawn, 0).mean())
    assert row["worst_5_pence"] < row["p5_pence"] < row["p50_pence"] < row["p95_pence"]
    assert row["reserve_pence"] == pytest.approx(0.02 * row["size_pence"], abs=1)
    assert row["bears_1_in_20"] == (row["p5_pence"] >= -row["reserve_pence"])
    carried = carried_chances(found)
    last = carried.row(
        by_predicate=(pl.col("option") == "capitation-corridor")
        & (pl.col("year") == "2020/21")
        & (pl.col("organisation_code") == "RC9"),
        named=True,
    )
    assert last["mean_pence"] == pytest.approx(found.positions[k, 2:, j].sum(axis=0).mean(), abs=1)
    assert carried.get_column("year").min() == str(document.first_year)


def test_the_alliance_limit_binds_more_often_as_growth_adds_up(found, made):
    caps = cap_chances(found).sort("year")
    assert caps.get_column("step").unique().to_list() == ["limited"]
    assert caps.get_column("binds").is_sorted()
    assert caps.get_column("worth_pence").is_sorted()
    k, y = made.options.index("capitation-alliance"), 4
    bound = caps.get_column("binds")[-1]
    hospital = found.positions[k, y, _of(made, "provider", "RC1")]
    least = np.isclose(hospital, hospital.min(), atol=1.0).mean()
    assert bound == pytest.approx(least, abs=0.01)  # at the limit every provider bears the same, in gain or loss


def test_pools_are_gross_or_net_of_the_surpluses_of_others(found):
    pools = party_pools(found).filter(pl.col("year") == "2018/19", pl.col("role") == "provider")
    gross, net = (pools.filter(pl.col("basis") == basis) for basis in ("gross", "net"))
    assert (gross.get_column("pool_pence") >= net.get_column("pool_pence")).all()
    assert (gross.get_column("mean_pence") > 0).all()
    with pytest.raises(ScenarioError, match=r"cover: found 1\.5"):
        party_pools(found, 1.5)


def test_layers_explain_the_variance_and_chance_alone_rewards(made):
    why = causes(made, Request(300, 3))
    layers = party_layers(why)
    sums = (
        layers.group_by("option", "year", "role", "organisation_code")
        .agg(pl.col("variance_share").sum())
        .get_column("variance_share")
    )
    assert all(abs(total - 1) < 1e-6 or abs(total) < 1e-6 for total in sums)
    block = layers.filter(pl.col("option") == "do-minimum", pl.col("organisation_code") == "X-SPECIALISED")
    assert block.filter(pl.col("layer") == "price").get_column("variance_share").min() == pytest.approx(1.0, abs=1e-6)
    rewards = party_wrong_rewards(why, 0.001)
    special = rewards.filter(pl.col("organisation_code") == "X-SPECIALISED")
    assert special.get_column("reward").max() == special.get_column("penalty").max() == 0
    council = rewards.filter(pl.col("option") == "do-minimum", pl.col("organisation_code") == "E06000055")
    assert council.get_column("reward").min() > 0.2
    with pytest.raises(ScenarioError, match="threshold: found 0"):
        party_wrong_rewards(why, 0)


def test_an_early_stop_is_the_same_however_the_work_is_cut(made):
    request = Request(2_048, 1, stop_at=0.002)
    one = simulate_parties(made, request)
    two = simulate_parties(made, request, SimulationWork(threads=2), at_once=300)
    assert one.draws == two.draws == 1_024
    assert one.hash == two.hash


def test_a_mix_and_contracts_are_drawn_together(made, document, pack, blmk_run, figures):
    """Half of a saving of 2% of plan is missed on average; who bears it is what the contract says."""
    books = [
        replace(book, solutions=("hub",), saving_share=np.full((1, len(book.localities)), 0.02),
                cost_share=np.zeros((1, len(book.localities))))
        for book in made.chance.books
    ]  # fmt: skip
    both = ("do-minimum", "capitation-corridor")
    model = party_model(document, pack, blmk_run, figures, ["delivery"], only=both, planned=books)
    drawn = simulate_parties(model, Request(300, 5))
    change = drawn.positions - model.at_plan[..., None]
    hospital, buyer = _of(model, "provider", "RC9"), _of(model, "commissioner", "06F")
    plain, corridor = (model.options.index(name) for name in both)
    assert change[:, :, buyer].max() < 1.0
    assert (
        change[corridor, 2:, hospital].max() < 1.0
    )  # a hospital that is paid by price gains by what a mix fails to avoid
    assert change[plain, 1, hospital].mean() > 0
    assert change[plain, 2, buyer].mean() < change[corridor, 2, buyer].mean() < 0
    assert np.array_equal(change[plain, :2], change[corridor, :2])  # until it begins the base holds


def test_options_that_pay_whatever_happens_have_nothing_to_simulate(document, pack, blmk_run, figures):
    every = tuple(group.id for group in document.groups)
    block = (GroupContract(contract="blmk-block", groups=every),)
    blocks = tuple(o.model_copy(update={"contracts": block}) for o in document.options[:2])
    only = document.model_copy(update={"options": blocks, "base": blocks[0].id})
    with pytest.raises(ContractError, match="nothing in them depends on chance") as raised:
        party_model(only, pack, blmk_run, figures)
    assert "contract 'blmk-block'" in str(raised.value.faults[0])


def test_a_draw_that_a_contract_refuses_is_named_with_its_values(document, pack, blmk_run, figures):
    wild = figures.chance.cv.model_copy(update={"value": Decimal(300)})
    much = figures.model_copy(update={"chance": figures.chance.model_copy(update={"cv": wild})})
    model = party_model(document, pack, blmk_run, much, ["chance"], only=("do-minimum", "blended"))
    with pytest.raises(ContractError, match="a draw could not be settled") as raised:
        simulate_parties(model, Request(50, 1))
    said = str(raised.value.faults[0])
    assert "draw " in said
    assert "actual_value_pence of -" in said
    assert "at least 0" in said


def test_layers_and_draws_that_cannot_be(made, document, pack, blmk_run, figures):
    with pytest.raises(UnknownNameError, match="weather"):
        party_model(document, pack, blmk_run, figures, ["weather"])
    with pytest.raises(ScenarioError, match="draws: found 0"):
        simulate_parties(made, Request(0, 1))
    with pytest.raises(ScenarioError, match="0 draws at a time"):
        simulate_parties(made, Request(10, 1), at_once=0)
    with pytest.raises(ScenarioError, match=r"standard error: found 0\.0"):
        simulate_parties(made, Request(10, 1, stop_at=0.0))
    with pytest.raises(ScenarioError, match="with monte-carlo only"):
        simulate_parties(made, Request(512, 1, "sobol", 0.1))
    with pytest.raises(ScenarioError, match=r"which take .* GB .* expected at most"):
        simulate_parties(made, Request(10**10, 1))


@pytest.mark.deep
def test_sobol_points_settle_like_other_draws(made):
    drawn = simulate_parties(made, Request(512, 2, method="sobol"))
    assert drawn.block == 32
    rows = party_chances(drawn)
    assert (rows.get_column("mean_error_pence") >= 0).all()
