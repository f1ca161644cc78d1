"""`capitation demo`: what it shows of the money, of the options for contracts and of the best mix, which was looked for once."""

import re

from tests.api.test_compare_command import OPTIONS


def test_the_demo_shows_the_money_of_2018_19_the_four_options_and_the_best_mix(
    capitation, blmk_mix, tmp_path, monkeypatch
):
    def solved(document, *, gap, time_limit, former):
        assert (document, gap, time_limit) == (blmk_mix.outcome.problem, 0.005, 5.0)
        assert former is not None  # the shipped start
        return blmk_mix.outcome

    monkeypatch.setattr("api.boards.mix.optimise", solved)
    monkeypatch.chdir(tmp_path)
    done = capitation("demo", "--out", tmp_path / "runs")
    assert done.code == 0, done.err
    shows_the_total_and_where_it_went(done.out)
    shows_the_four_options_and_who_pays(done.out)
    ends_with_the_best_mix_and_what_follows_from_it(done.out)


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
    assert shown.count("written:") == 5


def ends_with_the_best_mix_and_what_follows_from_it(shown):
    mix = shown[shown.index("Channel shift for Bedfordshire") :]
    flat = re.sub(r"\s+", " ", mix)
    worth = re.search(r"is worth £(\d+\.\d)m to the system over 5 years", flat)
    assert worth is not None
    assert 91.0 <= float(worth[1]) <= 92.9  # no mix of whole wards passes £92.9m
    assert "if parts of wards, theatres and clinics could close" in flat
    assert "In 1,000 draws of its effects" in flat
    assert "other mix 2" in flat
    # the plan's printed table, and the system in which payments cancel
    assert re.search(r"ae │ 354,739 │ -44,406 │ -\d", flat)
    system = re.search(r"the system │ ([^┃└]+) │ └", flat)
    assert system is not None
    saved, savings, spend, paid_a, net_a, paid_b, net_b = (int(x.replace(",", "")) for x in system[1].split(" │ "))
    assert (paid_a, paid_b) == (0, 0)
    assert net_a == net_b
    assert abs(saved + savings - spend - net_a) <= 2  # each is rounded to a thousand pounds
    bed_days = mix[mix.index("What more bed-days") : mix.index("The three limits")]
    assert len(re.findall(r"│ £\d+\.\dm", bed_days)) == 5
    limits = mix[mix.index("The three limits") :].splitlines()[1:4]
    assert all(" is worth " in line for line in limits)
