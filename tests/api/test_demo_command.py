"""`capitation demo`: what it shows of the money, of the options for contracts and of the best mix, which was looked for once."""

import re
import textwrap
from itertools import pairwise

import pytest

from api.boards.questions import ASKED, WholePlan, how_much, what_to_buy, which_contract, who_is_furthest
from api.boards.risk.paragraph import shown_paragraph
from capitation.money.pence import millions_text
from optimiser.answers.alternatives import alternatives
from optimiser.answers.whole.closures import near_plans
from tests.api.test_compare_command import OPTIONS


@pytest.fixture
def demo(capitation, blmk_mix, tmp_path, monkeypatch):
    """What the demo prints, with the best mix that was looked for once."""

    def solved(document, *, gap, time_limit, former):
        assert (document, gap, time_limit) == (blmk_mix.outcome.problem, 0.005, 5.0)
        assert former is not None  # the shipped start
        return blmk_mix.outcome

    monkeypatch.setattr("optimiser.links.mix_to_buy.optimise", solved)
    monkeypatch.chdir(tmp_path)

    def shown(*words):
        done = capitation("demo", "--out", tmp_path / "runs", *words)
        assert done.code == 0, done.err
        return done.out

    return shown


@pytest.fixture(params=["in few mixes", pytest.param("as it is", marks=pytest.mark.deep)])
def pains(request, monkeypatch):
    """How much the whole demo looks for beside the best mix, and whether it draws its risks or says those that ship; in the deep suite all
    that it does for everyone."""
    if request.param == "as it is":
        return
    monkeypatch.setattr("api.cli.commands.demo.risk_paragraph", lambda *of: "\n".join(shown_paragraph(*of)))
    monkeypatch.setattr("api.boards.mix.alternatives", lambda *of, **how: alternatives(*of, **{**how, "directions": 2}))
    monkeypatch.setattr("api.boards.mix.near_plans", lambda *of, **how: near_plans(*of, **{**how, "most": 0}))


@pytest.mark.usefixtures("pains")
def test_the_whole_demo_shows_the_money_of_2018_19_the_four_options_and_the_best_mix(demo):
    shown = demo("--full")
    shows_the_total_and_where_it_went(shown)
    shows_the_four_options_and_who_pays(shown)
    ends_with_the_best_mix_and_what_follows_from_it(shown)
    assert "would keep every locality's loss within 1.0% of its plan in 9 of 10 years" in shown


def test_the_demo_answers_six_questions_on_at_most_four_screens(demo, monkeypatch):
    monkeypatch.setattr("api.boards.tables.console.width", 80)
    shown = demo()
    lines = [line for text in shown.splitlines() for line in (textwrap.wrap(text, 80) or [""])]
    assert len(lines) <= 4 * 48
    assert "…" not in shown
    found = [shown.index(f"{number}. {asked}") for number, asked in enumerate(ASKED, 1)]
    assert found == sorted(found)
    answers = dict(
        zip(ASKED, (shown[a:b] for a, b in pairwise([*found, shown.index("Place-based total 2018/19")])), strict=True)
    )
    assert "£1,535.7m in 2018/19 for 25 localities" in answers[ASKED[0]]
    assert "Closing half of that would cost" in answers[ASKED[1]]
    assert "Doing nothing leaves a gap of £203.0m in 2020/21" in answers[ASKED[2]]
    assert re.search(
        r"funding \(£62\.5m\) and the mix of investments \(£\d+\.\dm\) meet part of it; £\d+\.\dm remains",
        answers[ASKED[2]],
    )
    assert "the largest parts of what is left fall on" in answers[ASKED[2]]
    assert not re.search(r"£[\d.,]+k|£0\.00", shown)  # a first screen in one unit
    assert "The ranking turns at planned activity for commissioners, the three local hospitals" in " ".join(
        answers[ASKED[3]].split()
    )
    assert "The best mix for the plan's money and staff is worth" in answers[ASKED[4]]
    assert "1,535,741" in shown
    assert "would keep every locality's loss within 1.0% of its plan in 9 of 10 years" in shown
    assert "changed and may be out of date" not in shown


def test_closing_half_of_the_gap_is_half_of_what_the_table_shows(blmk_run, pack):
    plan = WholePlan(blmk_run, "2018/19", pack)
    (first, *_), distances = who_is_furthest(plan), blmk_run.place_distance.filter(year="2018/19")
    furthest = distances.sort("closing_dft_share").row(0, named=True)
    assert f"(£{millions_text(-furthest['closing_dft_pence'])}m) under its target" in first
    assert f"would cost £{millions_text(-(furthest['closing_dft_pence'] // 2))}m a year" in first
    halves = sum(-(pence // 2) for pence in distances["closing_dft_pence"] if pence < 0)
    assert f"every locality under target would cost £{millions_text(halves)}m" in first


def test_a_stage_that_a_run_lacks_is_said(blmk_run, pack):
    plan = WholePlan(blmk_run, "2018/19", pack)
    assert which_contract(plan) == ["No contract options have been compared on this run: see `capitation compare`."]
    assert what_to_buy(plan) == ["No mix has been sought: see `capitation optimise`."]
    assert "has no localities in 1999/00" in how_much(WholePlan(blmk_run, "1999/00", pack))[0]


def shows_the_total_and_where_it_went(shown):
    for part in (
        "1,535,741",
        "1,535,741,000.00",
        "Luton",
        "distance",
        "Waterfall",
        "held in reserve",
        "written:",
        "£311.0m",
    ):
        assert part in shown, part


def shows_the_four_options_and_who_pays(shown):
    for option in OPTIONS:
        assert f"{option}. Activity 5% above plan: positions" in shown
    assert "Who pays. Activity 5% above plan" in shown
    assert shown.count("written:") == 4


def ends_with_the_best_mix_and_what_follows_from_it(shown):
    mix = shown[shown.index("Channel shift for Bedfordshire") :]
    flat = re.sub(r"\s+", " ", mix)
    worth = re.search(r"is worth £(\d+\.\d)m to the system over 5 years", flat)
    assert worth is not None
    assert 91.0 <= float(worth[1]) <= 92.9  # no mix of whole wards passes £92.9m
    assert "if parts of wards, theatres and clinics could close" in flat
    assert "In 1,000 draws of its effects" in flat
    assert "other mix 2" in flat
    # the plan's printed table
    assert re.search(r"ae │ 354,739 │ -44,406 │ -\d", flat)
    bed_days = mix[mix.index("What more bed-days") : mix.index("The three limits")]
    assert len(re.findall(r"│ £\d+\.\dm", bed_days)) == 5
    limits = mix[mix.index("The three limits") :].splitlines()[1:4]
    assert all(" is worth " in line for line in limits)
