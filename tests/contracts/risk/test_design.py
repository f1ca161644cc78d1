"""Design: closed forms within 1%, what prevents a design, what is verified on fresh draws, and documents that cannot be."""

import json
import tomllib
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from capitation.chance.curves.normal import mean_excess
from capitation.chance.document import read_uncertainty
from capitation.chance.model import model
from capitation.chance.simulate import Request, SimulationWork, simulate
from capitation.errors import ContractError, DocumentError, InfeasibleError, SourceError, StoppedError
from contracts.document.contract import parse_contract
from contracts.risk.design.answers import design_frames
from contracts.risk.design.family import TermFamily, read_family
from contracts.risk.design.search import _none, design
from contracts.risk.design.study import design_family
from contracts.risk.design.trial import Trial
from tests.capitation.chance.places import book, by_person

FAMILIES = ("cap", "corridor", "layers", "pool", "risk-corridor", "shares", "stop-loss")


def _limit(party, measure, level, chance="0.1"):
    source = {"source": "assumption", "where": "a test", "owner": "us", "quality": "green"}
    return {"party": party, "measure": measure, "chance": chance, "level": {"value": level, "unit": "share", **source}}


@pytest.fixture
def of(pack):
    """A shipped family with limits of a test, its searched and its fresh draws, on places of so many persons."""

    def make(name, limits, persons, **changes):
        content = tomllib.loads(pack.path(f"families/{name}.toml").read_text(encoding="utf-8"))
        family = TermFamily.model_validate({**content, "limits": limits, "layers": ["chance"], **changes})
        contract = parse_contract(family.contract)
        drawn = model([book(persons)], by_person())
        search = Trial(family, contract, simulate(drawn, Request(4_096, 1, "sobol")))
        return search, Trial(family, contract, simulate(drawn, Request(20_000, 2)))

    return make


def test_a_proportional_share_under_a_limit_of_the_standard_deviation(of):
    """sd of what is kept = share x 3.68 / sqrt(persons), of the smallest locality."""
    search, fresh = of("shares", [_limit("locality", "sd", 0.01)], [40_000.0, 90_000.0])
    found = design(search, fresh)
    exact = 0.01 / (3.68 / np.sqrt(40_000))
    assert found.figures["kept_share"] == pytest.approx(exact, rel=0.01)
    assert found.incentive.value == pytest.approx(exact, rel=0.01)
    levels = [(level, kept / level) for level, kept, _ in found.trade_off if kept < 0.999]
    assert [ratio for _, ratio in levels] == pytest.approx([exact / 0.01] * len(levels), rel=0.01)  # a straight line


def test_a_stop_loss_under_a_limit_of_its_premium(of):
    """The lowest attachment whose mean payment is the premium: sd x E[max(Z - a / sd, 0)] = premium."""
    sd, premium = 3.68 / np.sqrt(40_000), 0.002
    low, high = 0.0, 0.06
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if mean_excess(0.0, sd, middle) > premium else (low, middle)
    search, fresh = of("stop-loss", [_limit("pool", "mean", premium)], [40_000.0])
    found = design(search, fresh)
    assert found.figures["attachment"] == pytest.approx(low, rel=0.01)
    assert abs(found.measures[0].value - premium) < 3 * found.measures[0].error


def test_a_corridor_keeps_all_that_the_limit_allows(of):
    """Nothing is kept beyond, so that the loss of 1 year in 10 is the width itself; incentive is P(|gain| < width)."""
    search, fresh = of("corridor", [_limit("locality", "loss", 0.01)], [40_000.0])
    found = design(search, fresh)
    kept = found.figures["width"] + found.figures["beyond_share"] * (1.2816 * 0.0184 - found.figures["width"])
    assert kept == pytest.approx(0.01, rel=0.02)
    frames = design_frames(found, fresh)
    assert frames["limit_met"].get_column("holds").all()
    assert frames["limit_met"].get_column("binds").all()
    payers = frames["pool_payer"]
    net = frames["designed_pool"].row(by_predicate=pl.col("basis") == "net", named=True)
    assert payers.get_column("by_plan_pence").sum() == net["pool_pence"]
    for row in found.tried:
        better = [other for other in found.tried if other[1] < row[1] and other[2] < row[2] and other[3] > row[3]]
        assert better == []


def test_what_localities_pay_into_the_pool_adds_to_it_to_the_penny(of):
    search, fresh = of(
        "shares",
        [_limit("locality", "loss", 0.01)],
        [31_003.0, 33_331.0, 38_887.0, 41_113.0, 47_777.0, 49_999.0, 30_011.0],
    )
    frames = design_frames(design(search, fresh), fresh)
    pool = frames["designed_pool"].row(by_predicate=pl.col("basis") == "net", named=True)["pool_pence"]
    payers = frames["pool_payer"]
    assert pool > 0
    assert (payers["by_plan_pence"].sum(), payers["by_risk_pence"].sum(), payers["difference_pence"].sum()) == (
        pool,
        pool,
        0,
    )


def test_limits_that_no_terms_meet_are_named_with_what_they_would_have_to_give(of):
    """One year in ten loses 2.36%: who keeps nothing passes all of it, which is more than the pool can bear."""
    limits = [_limit("locality", "loss", 0.001), _limit("pool", "loss", 0.001)]
    search, fresh = of("shares", limits, [40_000.0])
    with pytest.raises(InfeasibleError, match="no terms meet every limit") as raised:
        design(search, fresh)
    said = [str(fault) for fault in raised.value.faults]
    assert any("limit of the pool" in each and "would have to give" in each for each in said)
    limits = [_limit("locality", "loss", 0.001)]
    search, fresh = of("pool", limits, [40_000.0, 50_000.0])
    with pytest.raises(InfeasibleError) as raised:
        design(search, fresh)
    assert "whatever the other limits are" in str(raised.value.faults[0])


def test_no_limit_is_named_that_would_hold_once_fresh_draws_have_tightened_it(of):
    """A limit that holds on every corner but the tightened one is named by its tightened level, and never by a negative amount."""
    search, _ = of("shares", [_limit("locality", "loss", 0.02), _limit("pool", "loss", 0.02)], [40_000.0])
    for scales in ([0.3, 0.1], [0.9, 0.01], [1.0, 0.02], [1e-9, 1.0], [0.999, 0.999]):
        error = _none(search, scales)
        assert error.faults
        for fault in map(str, error.faults):
            assert "give -" not in fault
            assert "give 0.000%" not in fault
    tight = str(_none(search, [1e-9, 1e-9]).faults[0])
    assert "so that fresh draws keep to 2.000%" in tight


@pytest.mark.deep
def test_a_stopped_design_goes_on_where_it_was_and_leaves_no_file(pack, blmk_run, tmp_path):
    family, contract = read_family(pack.path("families/shares.toml"))
    figures = read_uncertainty(pack.path("uncertainty/blmk.toml"))
    state, asked = tmp_path / "state.json", [0]

    def found(seed=1, **work):
        made = design_family(
            family, contract, blmk_run, figures, seed, 400, SimulationWork(state=state, **work), searched=512
        )
        return made[0], {name: frame.rows() for name, frame in made[1].items()}

    def is_cancelled():
        asked[0] += 1
        return asked[0] % 20 == 0  # so many trials a sitting, counted with the chunks of draws

    whole = found()
    assert list(tmp_path.iterdir()) == []
    said = []
    while True:
        try:
            again = found(is_cancelled=is_cancelled)
            break
        except StoppedError as error:
            said.append(str(error))
            if len(said) == 1:
                with pytest.raises(SourceError, match="another design"):
                    found(seed=2)
    assert len(said) > 2
    assert all("kept in" in each for each in said)
    assert again == whole
    assert list(tmp_path.iterdir()) == []
    state.write_text("{}", encoding="utf-8")
    with pytest.raises(SourceError, match="no state of a design"):
        found()
    state.unlink()
    state.mkdir()
    with pytest.raises(SourceError, match="found a folder; expected a file for the state"):
        found()


def test_terms_of_a_family_are_verified_on_draws_that_were_not_searched(of):
    search, fresh = of("shares", [_limit("locality", "loss", 0.01)], [30_000.0, 50_000.0])
    found = design(search, fresh)
    again = simulate(model([book([30_000.0, 50_000.0])], by_person()), Request(40_000, 77))
    checked = Trial(fresh.family, fresh.contract, again)
    measure = checked.measured(checked.borne(found.figures), fresh.family.limits[0])
    assert measure.value <= 0.01 + 3 * measure.error
    assert measure.value > 0.97 * 0.01


def test_every_shipped_family_can_be_read_and_its_illustration_settles(pack):
    for name in FAMILIES:
        family, contract = read_family(pack.path(f"families/{name}.toml"))
        drawn = simulate(model([book([30_000.0, 50_000.0])], by_person(), ["chance"]), Request(200, 1))
        trial = Trial(family, contract, drawn)
        figures = {each.name: float(each.low + each.high) / 2 for each in family.open_figures}
        borne = trial.borne(figures)
        assert np.isfinite(borne.locality).all()
        assert 0.0 <= trial.incentive(figures).value <= 1.0
        if name == "pool":
            assert np.abs(borne.passed_pence.sum(axis=0)).max() < 1.0  # nobody else stands behind it


@pytest.mark.deep
@pytest.mark.parametrize("name", FAMILIES)
def test_every_shipped_family_has_terms(name, pack, blmk_run):
    family, contract = read_family(pack.path(f"families/{name}.toml"))
    figures = read_uncertainty(pack.path("uncertainty/blmk.toml"))
    found, frames = design_family(family, contract, blmk_run, figures, draws=20_000)
    assert frames["limit_met"].get_column("holds").all()
    assert 0.0 < found.incentive.value <= 1.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"strength": "breadth"}, "strength: found 'breadth'; expected an open figure"),
        ({"open_figures": [{"name": "breadth", "low": 0, "high": 1}]}, "no such parameter"),
        ({"open_figures": [{"name": "kept_share", "low": 1, "high": 0}]}, "a low end below the high"),
        ({"open_figures": 2 * [{"name": "kept_share", "low": 0, "high": 1}]}, "(1 fault)"),
        ({"limits": [_limit("locality", "sd", -0.01)]}, "found -0.01; expected 0 or more"),
        ({"limits": [_limit("bank", "sd", 0.01)]}, "limits.0.party: found 'bank'"),
    ],
)
def test_families_that_cannot_be_are_refused_with_what_is_wrong(change, said, pack, tmp_path):
    content = tomllib.loads(pack.path("families/shares.toml").read_text(encoding="utf-8"))
    path = tmp_path / "family.json"
    path.write_text(json.dumps({**content, **change}, default=str), encoding="utf-8")
    with pytest.raises(DocumentError) as raised:
        read_family(path)
    assert said in str(raised.value)


def test_a_contract_that_pays_whatever_happens_has_no_risk_to_design(pack, tmp_path):
    text = pack.path("families/shares.toml").read_text(encoding="utf-8")
    fixed = text.replace('    { name = "spend_pence", about = "Its spend", unit = "pence", at_least = 0 },\n', "")
    fixed = fixed.replace('actual = "spend_pence"', 'actual = "plan_pence"')
    (tmp_path / "shares.toml").write_text(fixed, encoding="utf-8")
    with pytest.raises(DocumentError, match="no input that the draws affect"):
        read_family(tmp_path / "shares.toml")


@pytest.mark.parametrize(
    ("end", "limit", "words"), [("at_most", 1, "at most 1"), ("at_least", 10**12, "at least 1000000000000")]
)
def test_spend_that_a_contract_does_not_take_is_refused_with_draw_and_value(end, limit, words, pack):
    content = tomllib.loads(pack.path("families/corridor.toml").read_text(encoding="utf-8"))
    spend = next(each for each in content["contract"]["inputs"] if each["name"] == "spend_pence")
    spend[end] = limit
    family = TermFamily.model_validate({**content, "layers": ["chance"]})
    drawn = simulate(model([book([40_000.0])], by_person()), Request(8, 1))
    trial = Trial(family, parse_contract(family.contract), drawn)
    with pytest.raises(ContractError, match=rf"draw \d, locality 1: found spend_pence of [\d,]+; expected {words}\."):
        trial.passed({"width": 0.01, "beyond_share": 0.2})


def test_a_run_of_another_scenario_is_refused(pack, blmk_run):
    family, contract = read_family(pack.path("families/shares.toml"))
    other = family.model_copy(update={"scenario": "elsewhere"})
    with pytest.raises(ContractError, match="expected one of 'elsewhere'"):
        design_family(other, contract, blmk_run, by_person())


def test_a_higher_limit_never_weakens_the_incentive(of):
    worth = []
    for level in (0.005, 0.01, 0.02):
        search, _ = of("shares", [_limit("locality", "worst", level, "0.05")], [40_000.0])
        worth.append(max(float(Decimal(repr(p[1]))) for p in design(search, search).trade_off if p[0] == level))
    assert worth == sorted(worth)
