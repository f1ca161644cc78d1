"""A mix on fresh draws: the score against loops in plain Python, and what must hold for any mix."""

import itertools
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import CapitationError, UnknownNameError
from capitation.pack.layers import shipped_packs
from optimiser.answers.optimise import optimise
from optimiser.futures.appraisal import SEED, appraise, triangular
from optimiser.futures.appraisal.draws import between_percentiles
from optimiser.problem.document import problem_of, read_problem

YEARS = ["2019/20", "2020/21"]
PLACES = {"north": 30_000, "south": 10_000}
NEED = {"north": 900.0, "south": 400.0}
FLOW = {"north": {"hospital": 0.75, "other": 0.25}, "south": {"hospital": 0.5, "other": 0.5}}
EFFECTS = {"clinic": (0.1, 0.2, 0.4), "team": (0.05, 0.15, 0.2)}
CONTACTS = {"clinic": 1.5, "team": 0.5}
SAVING = (3_000.0, 12_000.0, 15_000.0)
PIECES = [(0.0, 0.5), (12_000.0, 0.2)]


def problem(**extra):
    """Two solutions on the same admissions, two places, two providers, a bent contract, a ward, contacts that move."""
    content = {
        "id": "two_solutions",
        "title": "two solutions",
            "whole_blocks": False,
            "effect_ends": "limits",
        "years": YEARS,
        "discount_rate": 0.035,
        "localities": [{"id": place, "persons": persons} for place, persons in PLACES.items()],
        "providers": [{"id": "hospital"}, {"id": "other"}],
        "points_of_delivery": [{"id": "contact", "contact_cost_pounds": 4}],
        "activity": [{"locality": p, "point_of_delivery": "admission", "units": units} for p, units in NEED.items()],
        "flows": [
            {"locality": p, "provider": h, "point_of_delivery": "admission", "share": share}
            for p, shares in FLOW.items()
            for h, share in shares.items()
        ],
        "prices": [
            {
                "point_of_delivery": "admission",
                "tariff_pounds": 150,
                "marginal_pounds": 60,
                "variable_cost_pounds": 30,
            }
        ],
        "payment_terms": [
            {"provider": "hospital", "pieces": [{"from_pounds": int(a), "slope": b} for a, b in PIECES]}
        ],
        "blocks": [
            {
                "id": "ward", "provider": "hospital", "point_of_delivery": "admission", "units": 50,
                "saving_pounds": 1_500, "lag_years": 1, "most": 4,
            }
        ],
        "control_totals": [
            {"organisation": "other", "year": "2020/21", "baseline_pounds": 0, "target_pounds": -4_200}
        ],
        "solutions": [
            {
                "id": name,
                "whole": True,
                "latest_start": "2019/20",
                "rollout": "locality" if name == "team" else "system",
                "maturity": [0.5, 1],
                "effects": [
                    {"point_of_delivery": "admission", **dict(zip(("low", "central", "high"), drawn, strict=True))}
                ],
                "receiving": [
                    {"avoided_at": "admission", "received_at": "contact", "contacts_per_unit": CONTACTS[name]}
                ],
                "costs": [{"kind": "recurrent", "pounds": 500}, {"kind": "capital", "pounds": 100}],
                **(
                    {"savings": [dict(zip(("low_pounds", "pounds", "high_pounds"), SAVING, strict=True))]}
                    if name == "team"
                    else {"creates": [{"point_of_delivery": "contact", "contacts": 40}]}
                ),
            }
            for name, drawn in EFFECTS.items()
        ],
        **extra,
    }  # fmt: skip
    return problem_of(content, "two_solutions", Path())


def tri(u, low, central, high):
    split = (central - low) / (high - low)
    if u < split:
        return low + math.sqrt(u * (high - low) * (central - low))
    return high - math.sqrt((1 - u) * (high - low) * (high - central))


def by_hand(u):
    """One draw with every solution in place everywhere from the first year: (commissioner, system, other's cash in 2020/21)."""
    drawn = {name: tri(u[i], *EFFECTS[name]) for i, name in enumerate(EFFECTS)}
    saving = tri(u[1], *SAVING)
    npv = {"commissioner": 0.0, "system": 0.0}
    gone_before, other = 0.0, 0.0
    for t, mature in enumerate((0.5, 1.0)):
        done = {name: e * mature for name, e in drawn.items()}
        donated, contacts = {"hospital": 0.0, "other": 0.0}, 40 * mature
        for place, need in NEED.items():
            both = need * (1 - (1 - done["clinic"]) * (1 - done["team"]))
            for h, share in FLOW[place].items():
                donated[h] += both * share
            for name in EFFECTS:  # the average over the two orders in which solutions can be added
                parts = []
                for order in itertools.permutations(EFFECTS):
                    left = math.prod(1 - done[o] for o in order[: order.index(name)])
                    parts.append(left * done[name])
                contacts += CONTACTS[name] * need * sum(parts) / len(parts)
        tariff = donated["hospital"] * 150
        lost = min(tariff, 12_000) * 0.5 + max(0.0, tariff - 12_000) * 0.2 + donated["other"] * 60
        wards = min(4.0, gone_before / 50)
        spend = 2 * 500 + contacts * 4 + (200 if t == 0 else 0)
        cash = {
            "commissioner": lost + saving * mature - spend,
            "system": sum(donated.values()) * 30 + wards * 1_500 + saving * mature - spend,
        }
        for who in npv:
            npv[who] += cash[who] / 1.035**t
        gone_before = donated["hospital"]
        other = donated["other"] * (30 - 60)
    return npv["commissioner"], npv["system"], other


@pytest.fixture(scope="module")
def outcome():
    found = optimise(problem(perspective="system"))
    assert found.scales() == {"clinic": 1.0, "team": 1.0}
    assert set(found.mix()["start"]) == {"2019/20"}
    return found


def test_every_draw_is_what_plain_python_makes_of_it(outcome):
    found = appraise(outcome, draws=250)
    even = np.random.default_rng(SEED).random((250, 2))
    closed = outcome.answer.column("block_released").filter(year="2020/21")["value"][0]
    assert closed > 0
    again = [by_hand(u) for u in even]
    assert found.draws["commissioner_npv"].to_list() == pytest.approx([c for c, _, _ in again], abs=1e-6)
    # wards close at most as planned: where more has gone than planned, no more of them do
    planned = min(4.0, closed)
    for (_, system, _), u, value in zip(again, even, found.draws["system_npv"], strict=True):
        gone = (0.5 * tri(u[0], *EFFECTS["clinic"]), 0.5 * tri(u[1], *EFFECTS["team"]))
        part = 1 - (1 - gone[0]) * (1 - gone[1])
        can = min(4.0, part * (900 * 0.75 + 400 * 0.5) / 50)
        assert value == pytest.approx(system - max(0.0, can - planned) * 1_500 / 1.035, abs=1e-6)
    kept = np.mean([other >= -4_200 - 0.0042 for _, _, other in again])
    assert found.chance("control total", "other 2020/21") == pytest.approx(kept, abs=1e-12)
    assert 0 < kept < 1


def test_what_commissioners_save_providers_lose_and_the_system_holds_neither(outcome):
    found = appraise(outcome, draws=100)
    means = dict(found.organisations.select("organisation", "mean").iter_rows())
    assert means["commissioner"] + means["hospital"] + means["other"] == pytest.approx(means["system"], abs=1e-6)
    assert means["commissioner"] > means["system"] > 0 > means["other"]
    worth = found.draws.select((pl.col("avoided_at_contract") < pl.col("avoided_at_tariff")).all())
    assert worth.item()


def test_effects_without_a_range_give_the_exact_result_in_every_draw():
    sure = problem()
    firm = [
        s.model_copy(
            update={
                "effects": tuple(e.model_copy(update={"low": None, "high": None}) for e in s.effects),
                "savings": tuple(v.model_copy(update={"low_pounds": None, "high_pounds": None}) for v in s.savings),
                "receiving": (),
            }
        )
        for s in sure.solutions
    ]
    outcome = optimise(sure.model_copy(update={"solutions": tuple(firm)}))
    found = appraise(outcome, draws=7)
    assert found.draws["npv"].to_list() == pytest.approx([outcome.exact.npv] * 7, abs=1e-3)
    assert found.chance("avoided as promised", "everywhere") == 1.0


@pytest.mark.parametrize(
    "name", ["overlap_pair", "contract_price", "ramp_and_maturity", "receiving_room", "whole_wards"]
)
def test_shipped_problems_without_ranges_score_their_exact_result(name):
    outcome = optimise(read_problem(shipped_packs() / "england" / "problems" / f"{name}.toml"))
    ranges = [e for s in outcome.problem.solutions for e in s.effects if e.low is not None or e.high is not None]
    assert not ranges
    found = appraise(outcome, draws=3)
    assert found.draws["npv"].to_list() == pytest.approx([outcome.exact.npv] * 3, rel=1e-6, abs=0.01)


def test_the_same_seed_gives_the_same_draws_and_more_draws_go_on_from_fewer(outcome):
    few, many = appraise(outcome, draws=60), appraise(outcome, draws=330)
    assert few.draws.equals(many.draws.head(60))
    assert not appraise(outcome, draws=60, seed=1).draws.equals(few.draws)


def test_regret_is_what_each_choice_loses_against_the_other(outcome):
    found = appraise(outcome, draws=200)
    npv = found.draws["npv"].to_list()
    mix, nothing = found.regret.sort("choice", descending=True).iter_rows(named=True)
    assert (mix["choice"], nothing["choice"]) == ("the mix", "nothing")
    assert mix["mean"] == pytest.approx(sum(max(0.0, -v) for v in npv) / 200)
    assert nothing["mean"] == pytest.approx(sum(max(0.0, v) for v in npv) / 200)
    assert mix["best_in"] + nothing["best_in"] == 1


def test_the_chance_of_a_plan_is_the_share_of_draws_that_reach_it(outcome):
    drawn = []
    for u in np.random.default_rng(SEED).random((400, 2)):
        left = (1 - tri(u[0], *EFFECTS["clinic"])) * (1 - tri(u[1], *EFFECTS["team"]))
        drawn.append(1300 * (1 - left))
    found = appraise(outcome, draws=400, plan={"admission": 450})
    assert found.chance("avoided as in the plan", "admission") == np.mean([d >= 450 for d in drawn])
    assert found.chance("avoided as in the plan", "everywhere") == np.mean([d >= 450 for d in drawn])
    with pytest.raises(UnknownNameError, match="admision"):
        appraise(outcome, draws=4, plan={"admision": 450})


def test_there_is_nothing_to_score_without_a_mix_or_draws(outcome):
    none = optimise(read_problem(shipped_packs() / "england" / "problems" / "no_mix.toml"))
    with pytest.raises(CapitationError, match="no mix to appraise"):
        appraise(none)
    with pytest.raises(CapitationError, match="at least one draw"):
        appraise(outcome, draws=0)


@given(
    st.tuples(*[st.integers(0, 1000)] * 3).map(lambda c: sorted(v / 1000 for v in c)),
    st.floats(0, 1, exclude_max=True),
)
def test_the_share_of_a_triangle_below_its_value_is_the_even_number(corners, u):
    low, central, high = corners
    x = float(triangular(np.array(u), np.array(low), np.array(central), np.array(high)))
    assert low - 1e-12 <= x <= high + 1e-12
    if high == low:
        assert x == central
        return
    if x < central and central > low:  # with low at the centre there is no rising side; x may lie a rounding below
        below = (x - low) ** 2 / ((high - low) * (central - low))
    else:
        below = 1 - (high - x) ** 2 / ((high - low) * max(high - central, 1e-300))
    assert below == pytest.approx(u, abs=1e-6)


def test_one_draw_in_ten_lies_below_low_and_one_in_ten_above_high_and_their_mean_is_the_central_value():
    even = np.linspace(0.0005, 0.9995, 1000)
    for low, central, high in ((0.03, 0.14, 0.31), (0.1, 0.2, 0.3), (0.05, 0.21, 0.41)):
        drawn = between_percentiles(even, np.asarray(low), np.asarray(central), np.asarray(high), 1.0)
        assert (drawn < low - 1e-9).mean() == pytest.approx(0.1, abs=0.002)
        assert (drawn > high + 1e-9).mean() == pytest.approx(0.1, abs=0.002)
        assert drawn.mean() == pytest.approx(central, rel=1e-3)
        assert drawn.min() >= 0


def test_a_column_for_each_triple_gives_what_each_triple_gives_alone():
    generator = np.random.default_rng(1)
    even = generator.random((50, 3))
    ends = np.array([[0.1, 0.2, 0.3], [0.5, 0.5, 0.5], [0.03, 0.14, 0.31]])
    every = between_percentiles(even, ends[:, 0], ends[:, 1], ends[:, 2], 1.0)
    for k, (low, central, high) in enumerate(ends):
        alone = between_percentiles(even[:, k], np.asarray(low), np.asarray(central), np.asarray(high), 1.0)
        assert every[:, k] == pytest.approx(alone)
    assert every[:, 1] == pytest.approx(0.5)
