"""All results of one run side by side: what they show together, and every total that somebody may know, gives no small count away.

Counts of a locality, line and provider are unknowns; whatever a run and comparisons on it show is a sum of them, at the price of each line
where it is money. By linear algebra, a small count must not follow from all of these together, unless it follows from the totals alone.
"""

import itertools
import random
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from api.service.kinds import KINDS
from api.service.records.hidden import HiddenPeople, counted_file, counted_parts
from api.service.security.flows import hidden_parts
from api.service.security.parts import hidden_pairs, left_out_of_parts

SMALLEST = 5
PRICES = {"ae": 1.1347, "elective": 9.8231, "tests": 0.4513}
SERVICES = {"ae": "urgent", "elective": "planned", "tests": "planned"}
LINES, PROVIDERS = tuple(PRICES), ("P1", "P2", "P3")
RULE = KINDS["comparison"].people["outturn"]


def market(seed, sizes, homes):
    """Counts by commissioner, locality, line and provider: two or three commissioners of one or more localities."""
    chance = random.Random(seed)
    places = [(f"C{c}", f"L{c}{n}") for c in range(1, 4) for n in range(1, 1 + chance.choice(homes))]
    found = {(*place, line, p): chance.choice(sizes) for place in places for line in LINES for p in PROVIDERS}
    return {part: count for part, count in found.items() if count}, chance


def of_run(plan):
    """What is left out of everything that is made on a run with these counts."""
    rows = [(*part, count) for part, count in plan.items()]
    frame = pl.DataFrame(
        rows, schema=["commissioner_code", "locality_code", "line", "provider_code", "count"], orient="row"
    )
    totals = frame.group_by("locality_code", "line").agg(pl.col("count").sum().alias("activity"))
    activity = totals.rename({"line": "point_of_delivery"}).with_columns(
        year=pl.lit("2018/19"), case=pl.lit("mitigated")
    )
    flow = frame.join(totals, on=["locality_code", "line"]).with_columns(
        share_ppm=pl.col("count") / pl.col("activity") * 1e6
    )
    lines = pl.DataFrame({"line": LINES, "service_code": [SERVICES[line] for line in LINES]})
    return hidden_parts(
        counted_parts(flow, activity, lines, frame.select("locality_code", "commissioner_code")), SMALLEST
    )


def comparison(plan, changes, hidden):
    """What is left out of a comparison with a case of its own, in which lines change."""
    bought = {}
    for (payer, _, line, provider), count in plan.items():
        bought[payer, provider, line] = bought.get((payer, provider, line), 0) + count
    rows = [
        ("2018/19", case, payer, provider, SERVICES[line], line, count, round(count * (1 + change.get(line, 0))))
        for case, change in (("plan", {}), ("other", changes))
        for (payer, provider, line), count in bought.items()
    ]
    names = ["year", "activity_case", "commissioner", "provider", "service", "line", "plan_activity", "actual_activity"]
    outturn = pl.DataFrame(rows, schema=names, orient="row")
    left_out = left_out_of_parts(outturn, RULE, SMALLEST, hidden.cells, hidden.boxed)
    pairs = hidden_pairs(outturn, left_out, hidden.bare)
    cells = outturn.filter(left_out.rows).select("commissioner", "line", "provider")
    return replace(pairs, cells=frozenset(cells.iter_rows()))


def follow(plan, run, results):
    """Small counts, and payments for them, that follow from what a run, where there is one, and comparisons show together."""
    parts = list(plan)
    groups = {way: {} for size in range(4) for way in itertools.combinations(range(4), size)}
    for way, found in groups.items():
        for number, part in enumerate(parts):
            found.setdefault(tuple(part[axis] for axis in way), []).append(number)
    cells = frozenset.intersection(*(each.cells for each in results))
    pairs = frozenset.intersection(*(each.pairs for each in results))
    bare = frozenset.intersection(*(each.bare for each in results))
    priced = np.array([PRICES[part[2]] for part in parts])

    def row(members, weights=None):
        made = np.zeros(len(parts))
        made[members] = 1.0 if weights is None else weights[members]
        return made

    known = [
        row(members)
        for way, found in groups.items()
        for members in found.values()
        if len(members) > 1 and way not in {(0, 3), (1, 3), (0, 1, 3), (0, 2, 3)}
    ]
    known += [row(members) for key, members in groups[0, 2, 3].items() if key not in cells]
    known += [row(members, priced) for key, members in groups[0, 3].items() if key not in pairs]
    known += [row(members, priced) for axis in (0, 3) for key, members in groups[axis,].items() if key not in bare]
    if run is not None:
        known += [row([number]) for number, part in enumerate(parts) if part[1:] not in run.flows]
        money = {}
        for number, (_, home, line, provider) in enumerate(parts):
            money.setdefault((home, SERVICES[line], provider), []).append(number)
        known += [row(members, priced) for key, members in money.items() if key not in run.services]
    matrix = np.array(known)
    _, sizes, ways = np.linalg.svd(matrix)
    free = ways[int((sizes > 1e-9 * max(matrix.shape)).sum()) :]
    small = {
        key: members for key, members in groups[0, 2, 3].items() if sum(plan[parts[n]] for n in members) < SMALLEST
    }
    wanted = {("bought", *key): row(members) for key, members in small.items()}
    wanted |= {("paid", *key): row(groups[0, 3][key[0], key[2]], priced) for key in small}
    if run is not None:
        wanted |= {("part", *part): row([n]) for n, part in enumerate(parts) if plan[part] < SMALLEST}
    return {key for key, value in wanted.items() if not (np.abs(free @ value) > 1e-6).any()}


def unavoidable(plan, run):
    """Those that follow from the totals alone, whatever is left out."""
    parts = set(plan)
    everything = HiddenPeople(
        flows=frozenset(part[1:] for part in parts),
        services=frozenset((home, SERVICES[line], provider) for _, home, line, provider in parts),
        cells=frozenset((payer, line, provider) for payer, _, line, provider in parts),
        pairs=frozenset((payer, provider) for payer, _, _, provider in parts),
        bare=frozenset((code,) for part in parts for code in (part[0], part[3])),
    )
    return follow(plan, None if run is None else everything, [everything])


KINDS_OF_MARKETS = {
    "full, a locality each": ([900, 70, 55, 3, 900, 120, 60], [1]),
    "full, more localities": ([900, 70, 55, 3, 900, 120, 60], [1, 2, 3]),
    "with holes": ([0, 900, 70, 55, 3, 900, 120, 60], [1, 2]),
    "nearly empty": ([0, 0, 0, 900, 3, 60, 70], [1, 2]),
    "many small": ([0, 3, 2, 4, 900, 60], [1, 2]),
}


def audited(sizes, homes, seeds):
    """Markets in which something follows that could have been left out, of three comparisons with other lines small in each."""
    found = {}
    for seed in seeds:
        plan, chance = market(seed, sizes, homes)
        if not plan:
            continue
        hidden = of_run(plan)
        results = [comparison(plan, {line: -chance.choice([0.9, 0.92, 0.94])}, hidden) for line in LINES]
        for run in (None, hidden):
            left = follow(plan, run, results)
            alone = unavoidable(plan, run) if left else set()
            alone |= {("paid", *key[1:]) for key in alone if key[0] == "bought"}
            if left - alone:
                found[seed, run is not None] = left - alone
    return found


@pytest.mark.parametrize(("name", "number"), [("full, more localities", 3), ("with holes", 2)])
def test_no_small_count_and_no_payment_for_one_follows_from_a_run_and_three_comparisons(name, number):
    assert audited(*KINDS_OF_MARKETS[name], range(number)) == {}


@pytest.mark.deep
@pytest.mark.parametrize("name", KINDS_OF_MARKETS)
def test_none_follows_in_any_of_many_markets(name):
    assert audited(*KINDS_OF_MARKETS[name], range(50)) == {}


FULL = {(payer, f"L{payer}", line, p): 900 for payer in ("C1", "C2", "C3") for line in LINES for p in PROVIDERS}


def test_two_results_that_leave_out_different_parts_beside_the_same_small_one_would_give_it_away():
    """What the audit finds where each result chooses by itself: either box hides the part, and what both leave out does not."""
    plan = FULL | {("C1", "LC1", "ae", "P1"): 3}

    def boxed(payer, line, provider):
        cells = itertools.product(("C1", payer), ("ae", line), ("P1", provider))
        pairs = itertools.product(("C1", payer), ("P1", provider))
        return HiddenPeople(cells=frozenset(cells), pairs=frozenset(pairs))

    one, other = boxed("C2", "elective", "P2"), boxed("C3", "tests", "P3")
    assert follow(plan, None, [one]) == follow(plan, None, [other]) == set()
    assert follow(plan, None, [one, other]) == {("bought", "C1", "ae", "P1"), ("paid", "C1", "ae", "P1")}


def test_what_is_left_out_beside_a_small_part_is_one_box_and_does_not_depend_on_what_else_is_small():
    plan = FULL | {("C1", "LC1", "ae", "P1"): 3}
    alone = of_run(plan)
    assert (len(alone.flows), len(alone.cells)) == (8, 8)
    assert alone.boxed == {("C1", "ae", "P1")}
    more = of_run(plan | {("C3", "LC3", "tests", "P3"): 2, ("C2", "LC2", "ae", "P3"): 4})
    assert alone.cells < more.cells
    for changes in ({}, {"tests": -0.997}, {"elective": -0.997, "ae": -0.5}):  # a case in which 900 are 3
        made = comparison(plan, changes, alone)
        assert made.cells >= alone.cells
        assert made.pairs >= {(payer, provider) for payer, _, provider in alone.cells}
    assert len(comparison(plan, {}, alone).cells) == 8
    assert len(comparison(plan, {}, alone).pairs) == 4


def test_where_a_locality_is_small_and_its_commissioner_is_not_only_the_run_leaves_something_out():
    places = {("C1", f"L{n}", line, p): 900 for n in (1, 2) for line in LINES for p in PROVIDERS}
    hidden = of_run(FULL | places | {("C1", "L1", "ae", "P1"): 3})
    assert len(hidden.flows) == 8
    assert {home for home, _, _ in hidden.flows} == {"L1", "L2"}
    assert hidden.cells == frozenset()


def test_the_counts_that_decide_are_kept_as_they_are_and_a_case_of_the_run_is_enough():
    """A plan may be of either case of a run; what is small in one of them is left out whichever is planned."""
    members = pl.DataFrame({"locality_code": ["L1"], "commissioner_code": ["C1"]})
    flow = pl.DataFrame({"locality_code": ["L1"], "line": ["ae"], "provider_code": ["P1"], "share_ppm": [10_000]})
    lines = pl.DataFrame({"line": ["ae"], "service_code": ["urgent"]})
    activity = pl.DataFrame(
        {
            "year": ["2018/19"] * 2, "case": ["mitigated", "unmitigated"], "point_of_delivery": ["ae"] * 2,
            "locality_code": ["L1"] * 2, "activity": [400, 600],
        }
    )  # fmt: skip
    counted = counted_parts(flow, activity, lines, members)
    assert counted.select("least", "low", "bought").row(0) == (4.0, 4.0, 4.0)
    assert ("L1", "ae", "P1") in hidden_parts(counted, SMALLEST).flows
    assert pl.read_parquet(counted_file(counted).content).equals(counted)
