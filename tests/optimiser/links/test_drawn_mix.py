"""A mix and contracts drawn together: where nothing moves it is the plan with the mix; where nothing is delivered, that without it, paid for."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from capitation.chance.document import read_uncertainty
from capitation.chance.scores.draws import source
from capitation.chance.shared import Shared
from capitation.chance.simulate import Request
from contracts.options.document import read_options, with_cost_behaviour
from contracts.options.evaluate import MIX, MixCase, evaluate_options
from contracts.risk.parties import party_model, simulate_parties
from optimiser.links.drawn_mix import drawn_mix
from optimiser.links.plan import bought


@pytest.fixture(scope="module")
def document(pack):
    """Two options without payments for quality, which leap at the control total by odd pounds."""
    whole = with_cost_behaviour(read_options(pack.path("options/blmk.toml")), pack)
    plain = tuple(
        o.model_copy(update={"quality": ()}) for o in whole.options if o.id in {"do-minimum", "capitation-corridor"}
    )
    return whole.model_copy(update={"options": plain, "base": "do-minimum"})


@pytest.fixture(scope="module")
def figures(pack):
    return read_uncertainty(pack.path("uncertainty/blmk.toml"))


@pytest.fixture(scope="module")
def mix(blmk_mix, blmk_run, document):
    return drawn_mix(blmk_mix.outcome, blmk_run, document)


@pytest.fixture(scope="module")
def model(document, pack, blmk_run, figures, mix):
    return party_model(document, pack, blmk_run, figures, ["delivery"], mix=mix)


def test_a_mix_that_is_delivered_gives_the_positions_of_the_plan_with_it(model, document, pack, blmk_run, blmk_mix):
    """Whole units of activity, which an outturn counts and a draw does not, are worth a few thousand pounds."""
    _, activity, _, money = bought(blmk_mix.outcome, blmk_run, document)
    run = evaluate_options(document, pack, run=blmk_run, mix=MixCase(activity[MIX], money.costs))
    rows = run.frame("position").filter(pl.col("activity_case") == MIX, pl.col("role") != "payer")
    assert rows.height == model.at_plan.size
    years = [str(year) for year in model.years]
    for option, year, role, code, pence in rows.select(
        "option", "year", "role", "organisation_code", "position_pence"
    ).iter_rows():
        mine = model.at_plan[model.options.index(option), years.index(year), model.parties.index((role, code))]
        assert mine == pytest.approx(pence, abs=2.0), (option, year, code)


def test_a_mix_that_delivers_nothing_is_doing_nothing_and_paying_for_it(model, document, pack, blmk_run, mix):
    """Activity is back on its trends; what was to be released and saved is gone; the spend stays and rises by what it costs above plan."""
    solutions = len(mix.solutions)
    still = model._still
    none = [replace(year, delivered=np.zeros((solutions, 1)), above=np.zeros((solutions, 1))) for year in still]
    found = model.positions(none, slice(0, 1), 0)[..., 0]
    run = evaluate_options(document, pack, run=blmk_run)
    spent = {(y, c): p for y, c, p in mix.money.select("year", "organisation_code", "spent_pence").iter_rows()}
    rows = run.frame("position").filter(pl.col("activity_case") == "unmitigated", pl.col("role") != "payer")
    years = [str(year) for year in model.years]
    for option, year, role, code, pence in rows.select(
        "option", "year", "role", "organisation_code", "position_pence"
    ).iter_rows():
        mine = found[model.options.index(option), years.index(year), model.parties.index((role, code))]
        assert mine == pytest.approx(pence - spent.get((year, code), 0), abs=3_000_00), (option, year, code)
    dear = [replace(year, above=np.ones((solutions, 1))) for year in none]
    more = model.positions(dear, slice(0, 1), 0)[..., 0] - found
    assert more.sum() < 0
    lines = mix.parts.filter(pl.col("solution").is_in(list(mix.solutions)))
    assert more[0].sum() == pytest.approx(-lines.get_column("spent_pence").sum(), rel=1e-6)


def test_who_bears_what_a_mix_fails_to_deliver_is_what_the_contract_says(model, mix):
    drawn = simulate_parties(model, Request(48, 5))
    change = drawn.positions - model.at_plan[..., None]
    buyers = [j for j, (role, _) in enumerate(model.parties) if role == "commissioner"]
    last = len(model.years) - 1
    plain, corridor = (change[k, last][buyers].sum(axis=0).mean() for k in (0, 1))
    assert plain < 0
    assert abs(plain) > abs(corridor)  # by price commissioners pay for all that comes back
    again = simulate_parties(model, Request(48, 5), at_once=31)
    assert again.hash == drawn.hash


def test_a_delay_falls_on_the_first_year_of_each_solution(model, mix, figures):
    always = figures.delivery.delay.model_copy(update={"value": Decimal(1)})
    sure = figures.delivery.failure.model_copy(update={"value": Decimal(0)})
    late = figures.delivery.model_copy(update={"delay": always, "failure": sure})
    drawn = source("monte-carlo", 1, 64, ())
    shared = Shared(figures.model_copy(update={"delivery": late}), ("delivery",), drawn, 0, np.float64)
    for book in model.chance.books:
        delivered, _ = shared.delivered(book)
        for k, start in enumerate(mix.starts):
            assert (delivered[k].max() == 0) == (start == str(book.year))
