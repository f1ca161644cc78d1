"""Terms by linear programme: closed forms, agreement with the search, what limits have to give, and families that are searched."""

import tomllib

import numpy as np
import pytest

from capitation.chance.curves.normal import STANDARD, mean_excess
from capitation.chance.document import read_uncertainty
from capitation.chance.model import model
from capitation.chance.simulate import Request, simulate
from capitation.errors import Faults, InfeasibleError
from contracts.document.contract import parse_contract
from contracts.risk.design.family import TermFamily, family_faults, read_family
from contracts.risk.design.search import design
from contracts.risk.design.study import design_family
from contracts.risk.design.trial import Trial
from optimiser.links.terms.finder import METHOD, linear_terms
from tests.capitation.chance.places import book, by_person

SD = 3.68 / np.sqrt(40_000)
"""Of a year of 40,000 persons, as a share of plan."""


def limit(party, measure, level, chance="0.1"):
    source = {"source": "assumption", "where": "a test", "owner": "us", "quality": "green"}
    return {"party": party, "measure": measure, "chance": chance, "level": {"value": level, "unit": "share", **source}}


def trials(content, persons, **changes):
    family = TermFamily.model_validate({**content, "layers": ["chance"], **changes})
    contract = parse_contract(family.contract)
    faults = Faults()
    family_faults(family, contract, "a test", faults)
    assert not list(faults)
    drawn = model([book(persons)], by_person())
    search = Trial(family, contract, simulate(drawn, Request(4_096, 1, "sobol")))
    return search, Trial(family, contract, simulate(drawn, Request(20_000, 2)))


@pytest.fixture
def of(pack):
    """A shipped family with limits of a test, on places of so many persons: its searched and its fresh draws."""

    def make(name, limits, persons, **changes):
        content = tomllib.loads(pack.path(f"families/{name}.toml").read_text(encoding="utf-8"))
        return trials({**content, "limits": limits}, persons, **changes)

    return make


def worst_tenth(sd, chance=0.1):
    """Mean of the worst share of a normal loss."""
    at = STANDARD.inv_cdf(1 - chance)
    return sd * np.exp(-at * at / 2) / np.sqrt(2 * np.pi) / chance


@pytest.mark.parametrize(("measure", "whole"), [("sd", SD), ("worst", worst_tenth(SD))])
def test_a_proportional_share_is_the_closed_form_and_the_search_s(of, measure, whole):
    """sd and mean of the worst rise straight with the share kept, so that the best share is level / that of the whole."""
    search, fresh = of("shares", [limit("locality", measure, 0.01)], [40_000.0, 90_000.0])
    found, searched = design(search, fresh, finder=linear_terms), design(search, fresh)
    assert (found.method, searched.method) == (METHOD, "search")
    assert found.figures["kept_share"] == pytest.approx(0.01 / whole, rel=0.01)
    assert found.figures["kept_share"] == pytest.approx(searched.figures["kept_share"], abs=2e-4)
    assert found.incentive.value == pytest.approx(found.figures["kept_share"], rel=1e-6)
    assert abs(found.measures[0].value - 0.01) < 3 * found.measures[0].error


def test_shares_by_layer_agree_with_a_fine_grid_and_are_no_weaker_than_the_search_s(of):
    """Every share of the three on a grid of twentieths that keeps the limits leaves less of the next pound, or as much."""
    limits = [limit("locality", "worst", 0.015), limit("pool", "worst", 0.015, "0.05")]
    search, fresh = of("layers", limits, [40_000.0, 90_000.0])
    found, searched = design(search, fresh, finder=linear_terms), design(search, fresh)
    assert found.method == METHOD
    mine, other = search.incentive(found.figures).value, search.incentive(searched.figures).value
    assert other - 1e-9 <= mine
    assert mine == pytest.approx(other, rel=0.01)
    for value, level in zip(search.measures(found.figures), (0.015, 0.015), strict=True):
        assert value <= level * (1 + 1e-5)
    family = linear_terms(search).terms.family
    steps = np.linspace(0, 1, 21)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    kept = family.kept[0] + grid @ family.kept[1:]
    stronger = grid[kept > mine + 1e-6]
    for at in stronger[np.argsort(kept[kept > mine + 1e-6])][:25]:  # those nearest to the answer break a limit too
        assert any(m > 0.015 for m in search.measures(family.figures(at)))
    assert {round(level, 5): kept for level, kept, _ in found.trade_off}[0.015] == pytest.approx(mine)
    worth = [kept for _, kept, _ in found.trade_off]
    assert worth == sorted(worth)


def test_a_premium_and_a_quota_share_are_those_worked_out_by_hand(pack):
    """The pool takes 60% of losses past 1% at most; a premium pays for what it takes on average: 0.6 x mean excess - 0.0005."""
    content = tomllib.loads(pack.path("families/stop-loss.toml").read_text(encoding="utf-8"))
    contract = content["contract"]
    figures = [
        {"name": "ceded", "unit": "share", "about": "Part of losses past 1% that the pool pays"},
        {"name": "premium", "unit": "share", "about": "What the locality pays, as a part of plan"},
    ]
    value = [{"value": 0.5, "source": "assumption", "where": "a test"}]
    contract["parameters"] = [{**each, "status": "unverified", "values": value} for each in figures]
    about = {"about": "a test", "status": "unverified"}
    contract["terms"] = [
        {"step": "loss", "term": "gap", "target": "spend_pence", "actual": "plan_pence", **about},
        {"step": "paid", "term": "bands", "amount": "loss", "base": "plan_pence",
         "gains": [{"upto": 0.01, "share": 0}, {"share": "ceded"}], "losses": [{"share": 0}], **about},
        {"step": "fee", "term": "share", "amount": "plan_pence", "rates": ["premium"], **about},
        {"step": "passed", "term": "aggregate", "of": ["paid", "fee"], "weights": [1, -1], **about},
    ]  # fmt: skip
    family = {
        **content,
        "strength": "ceded",
        "aim": "safety",
        "open_figures": [
            {"name": "ceded", "low": 0, "high": "0.6", "unit": "share"},
            {"name": "premium", "low": 0, "high": "0.01", "unit": "share of plan"},
        ],
        "limits": [limit("pool", "mean", 0.0005)],
    }
    search, fresh = trials(family, [40_000.0])
    found = design(search, fresh, finder=linear_terms)
    assert found.method == METHOD
    assert found.figures["ceded"] == pytest.approx(0.6)
    assert found.figures["premium"] == pytest.approx(0.6 * mean_excess(0.0, SD, 0.01) - 0.0005, rel=0.01)


def test_limits_that_no_terms_meet_are_named_with_the_least_that_each_would_have_to_give(of):
    """Eased by what is named and no more, there are terms: alone, with the others kept, or together."""
    limits = [limit("locality", "worst", 0.008), limit("pool", "worst", 0.008, "0.05")]
    search, fresh = of("shares", limits, [40_000.0])
    with pytest.raises(InfeasibleError, match="no terms meet every limit") as raised:
        design(search, fresh, finder=linear_terms)
    said = [str(fault) for fault in raised.value.faults]
    assert len(said) == 2
    assert all("with every other limit as it is" in each for each in said)
    # by hand: kept share s gives the locality s x 1.755 sd and leaves the pool (1 - s) x 2.063 sd
    local, pooled = worst_tenth(SD), worst_tenth(SD, 0.05)
    for fault, level, gives in (
        (raised.value.faults[0], 0.008, local * (1 - 0.008 / pooled) - 0.008),
        (raised.value.faults[1], 0.008, pooled * (1 - 0.008 / local) - 0.008),
    ):
        assert float(fault.found.split("%")[0]) / 100 == pytest.approx(level + gives, rel=0.02)
    finder = linear_terms(search)
    assert finder.best([1.0, 1.0]) is None
    eased = 1 + float(raised.value.faults[0].remedy.split("give ")[1].split("%")[0]) / 100 / 0.008
    assert finder.best([eased + 1e-3, 1.0]) is not None
    assert finder.best([eased - 2e-2, 1.0]) is None


def test_a_limit_that_rules_out_the_family_alone_is_said_to(of):
    search, fresh = of(
        "layers",
        [limit("locality", "worst", 0.001), limit("pool", "mean", 0.01)],
        [40_000.0, 50_000.0],
        open_figures=[
            {"name": "first_share", "low": "0.5", "high": 1},
            {"name": "second_share", "low": 0, "high": 1},
            {"name": "beyond_share", "low": 0, "high": 1},
        ],
    )
    with pytest.raises(InfeasibleError) as raised:
        design(search, fresh, finder=linear_terms)
    assert [fault.where for fault in raised.value.faults] == [
        "limit of the locality, mean loss of the worst 10% of years"
    ]
    assert "whatever the other limits are" in raised.value.faults[0].remedy


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("corridor", [limit("locality", "worst", 0.01)]),
        ("stop-loss", [limit("pool", "mean", 0.002)]),
        ("cap", [limit("locality", "sd", 0.01)]),
        ("pool", [limit("locality", "worst", 0.02)]),
        ("shares", [limit("locality", "loss", 0.01)]),
    ],
)
def test_families_that_are_not_straight_and_chances_of_a_loss_are_searched(of, name, limits):
    search, _ = of(name, limits, [40_000.0, 50_000.0])
    assert linear_terms(search) is None


@pytest.mark.deep
def test_the_layers_that_ship_have_terms_by_linear_programme(pack, blmk_run):
    family, contract = read_family(pack.path("families/layers.toml"))
    figures = read_uncertainty(pack.path("uncertainty/blmk.toml"))
    found, frames = design_family(family, contract, blmk_run, figures, draws=20_000, finder=linear_terms)
    assert found.method == METHOD
    assert frames["limit_met"].get_column("holds").all()
    assert 0.0 < found.incentive.value <= 1.0
