"""How `capitation demo` ends: the best mix, what it moves, who gains and loses, what more would cost, and what else would do."""

import re


def test_the_demo_ends_with_the_best_mix_and_what_follows_from_it(capitation, tmp_path):
    answer = capitation("demo", "--out", tmp_path)
    assert answer.code == 0
    told = answer.out[answer.out.index("Channel shift for Bedfordshire") :]
    flat = re.sub(r"\s+", " ", told)
    worth = re.search(r"is worth £(\d+\.\d)m to the system over 5 years", flat)
    assert worth is not None
    assert 113.9 <= float(worth[1]) <= 114.5  # proved best at £114.5m; half a percent may be left
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
    bed_days = told[told.index("What more bed-days") : told.index("The three limits")]
    assert len(re.findall(r"│ £\d+\.\dm", bed_days)) == 5
    limits = told[told.index("The three limits") :].splitlines()[1:4]
    assert all(" is worth " in line for line in limits)
