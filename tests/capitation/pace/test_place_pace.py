"""The place rule: core services are lifted where all streams together are too far under target."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import FrameError, InfeasibleError
from capitation.pace.place_rule import PlacePaceResult, StreamRound, place_based_pace
from capitation.pace.policy import PacePolicy
from capitation.pace.target import AreaPopulation, AreaWeight, OpeningBaseline, StreamQuantum, targets
from capitation.records.documents import parse_document

YEAR = "2016/17"
MARKS = {"source": "test", "where": "test"}


def figure(value: str) -> dict[str, str]:
    return {"value": value, "unit": "rate", **MARKS}


def policy(
    max_under: str | None = "0.05", relaxation: tuple[str, ...] = (), surplus: tuple[str, ...] = (), **core: str
) -> PacePolicy:
    """A floor at the opening for every stream, and the place rule."""
    rules = [
        {
            "from": YEAR,
            "stream": "ccg",
            "floor_total": figure(core.pop("floor_total", "0")),
            "relaxation": list(relaxation),
            "surplus_relaxation": list(surplus),
            **{k: figure(v) for k, v in core.items()},
        },
        {"from": YEAR, "stream": "any", "floor_total": figure("0")},
    ]
    place = [] if max_under is None else [{"from": YEAR, "core_stream": "ccg", "max_under": figure(max_under)}]
    return parse_document(
        {"id": "p", "title": "P", "about": "A policy.", "rules": rules, "place": place}, PacePolicy, "a policy"
    )


def stream_round(stream: str, opening: list[int], weights: list[int], quantum: int) -> StreamRound:
    names = [f"A{i}" for i in range(len(opening))]
    weight = pl.DataFrame(
        [(YEAR, stream, n, 1.0, w) for n, w in zip(names, weights, strict=True)],
        schema=AreaWeight.dtypes(),
        orient="row",
    )
    before = pl.DataFrame(
        [(YEAR, stream, n, b) for n, b in zip(names, opening, strict=True)],
        schema=OpeningBaseline.dtypes(),
        orient="row",
    )
    money = pl.DataFrame([(YEAR, stream, quantum)], schema=StreamQuantum.dtypes(), orient="row")
    return StreamRound(
        OpeningBaseline.validate(before), targets(AreaWeight.validate(weight), StreamQuantum.validate(money)), quantum
    )


def run(rounds: list[StreamRound], held: PacePolicy) -> PlacePaceResult:
    return place_based_pace(rounds, AreaPopulation.empty(), held)


CORE = ([9_000, 9_600, 11_000], [1, 1, 1], 30_000)
SPECIALISED = ([800, 2_000, 3_200], [1, 1, 1], 6_000)


def test_the_core_stream_is_lifted_to_the_place_limit_and_others_are_lifted_less():
    # core: C keeps 110, A and B are both lifted to 95 of 100 (B keeps its opening of 96, so A has 94)
    # specialised: openings are the whole quantum, so A stays at 8 of 20. Place A: 102 of 120 is -15%
    result = run([stream_round("ccg", *CORE), stream_round("specialised", *SPECIALISED)], policy("0.15"))
    assert result.lifts.get_column("place_dft_before_share").to_list()[0] == pytest.approx(-0.15)
    assert result.lifts.get_column("was_too_far_under").to_list() == [False, False, False]
    assert result.lifts.get_column("change_pence").to_list() == [0, 0, 0]
    # with a little more core money A and B share it; a limit of 14% asks for 120 x 0.86 = 103.20 in A: core 95.20
    more = stream_round("ccg", [9_000, 9_400, 11_000], [1, 1, 1], 30_000)
    lifted = run([more, stream_round("specialised", *SPECIALISED)], policy("0.14"))
    core = lifted.allocations.filter(pl.col("stream") == "ccg")
    # before: A and B at 95 each; after: A 95.20, B 94.80
    assert core.get_column("allocation_pence").to_list() == [9_520, 9_480, 11_000]
    assert core.get_column("held_by").to_list() == ["place_max_under", "common_distance", "floor_total"]
    assert lifted.lifts.get_column("change_pence").to_list() == [20, -20, 0]
    assert lifted.lifts.get_column("place_dft_after_share").to_list()[0] == pytest.approx(-0.14)


def test_without_a_place_rule_streams_stand_alone():
    rounds = [stream_round("ccg", *CORE), stream_round("specialised", *SPECIALISED)]
    result = run(rounds, policy(None))
    assert result.lifts.is_empty()
    assert result.summary.get_column("stream").to_list() == ["ccg", "specialised"]


def test_a_place_rule_that_cannot_be_paid_is_infeasible_or_gives_way_to_the_nearest_common_distance():
    # A has 94 + 8 of 120, B 96 + 20, C 110 + 32: 5% under for A would need 114 - 8 = 106 of core, which costs 12 that nobody can give
    rounds = [stream_round("ccg", *CORE), stream_round("specialised", *SPECIALISED)]
    with pytest.raises(InfeasibleError, match=r"short by 12\.00 pounds"):
        run(rounds, policy("0.05"))
    result = run(rounds, policy("0.05", relaxation=("place_max_under",)))
    row = result.relaxations.row(0, named=True)
    assert (row["rule"], row["shortfall_pence"], row["asked"]) == ("place_max_under", 1_200, -0.05)
    # floors of B and C stand, so A has 94 of core: 102 of 120
    assert row["reached"] == pytest.approx(-0.15)
    assert result.allocations.filter(pl.col("stream") == "ccg").get_column("allocation_pence").to_list() == [
        9_400,
        9_600,
        11_000,
    ]


def test_the_place_rule_may_ask_for_faster_growth_than_other_areas_are_given():
    # as above, the place rule asks for a core of 95.20 in A, growth of 5.8%; a limit of 5% leaves 94.50, one of 6% for the rule alone
    # leaves it whole
    rounds = [
        stream_round("ccg", [9_000, 9_400, 11_000], [1, 1, 1], 30_000),
        stream_round("specialised", *SPECIALISED),
    ]
    loose = {"surplus": ("target_ceiling", "max_growth", "over_target_cap"), "max_growth": "0.05"}
    slow = run(rounds, policy("0.14", **loose))
    row = slow.allocations.row(0, named=True)
    assert (row["stream"], row["area_code"], row["allocation_pence"], row["held_by"]) == (
        "ccg",
        "A0",
        9_450,
        "place_max_under",
    )
    missing = slow.relaxations.filter(pl.col("area_code") == "A0").row(0, named=True)
    assert (missing["rule"], missing["shortfall_pence"]) == ("place_max_under", 70)
    fast = run(rounds, policy("0.14", max_growth_place="0.06", **loose))
    row = fast.allocations.row(0, named=True)
    assert (row["allocation_pence"], row["held_by"]) == (9_520, "place_max_under")


def test_a_capped_area_is_lifted_out_of_its_cap_by_the_place_rule():
    # A is 20% over in core and capped at its opening of 120, but has nothing of 100 in specialised: 120 of 200 is 40% under
    core = stream_round("ccg", [12_000, 8_000], [1, 1], 20_000)
    other = stream_round("specialised", [0, 20_000], [1, 1], 20_000)
    held = policy("0.37", floor_total="-0.2", cap_threshold="0.1", cap_growth="-0.2")
    result = run([core, other], held)
    # 200 x 0.63 = 126 for A: core 126 although the cap gives 96
    row = result.allocations.filter((pl.col("stream") == "ccg") & (pl.col("area_code") == "A0")).row(0, named=True)
    assert (row["allocation_pence"], row["held_by"], row["is_capped"]) == (12_600, "place_max_under", True)


@given(
    core=st.lists(st.tuples(st.integers(1_000, 10**6), st.integers(1, 1_000)), min_size=2, max_size=6),
    other=st.lists(st.tuples(st.integers(100, 10**5), st.integers(1, 1_000)), min_size=6, max_size=6),
    growth=st.integers(0, 12),
    limit=st.sampled_from(["0.02", "0.05", "0.1"]),
)
def test_after_the_place_rule_each_place_is_within_the_limit_or_at_the_distance_told(core, other, growth, limit):
    other = other[: len(core)]
    quanta = [sum(b for b, _ in rows) * (100 + growth) // 100 for rows in (core, other)]
    rounds = [
        stream_round(name, [b for b, _ in rows], [w for _, w in rows], q)
        for name, rows, q in zip(("ccg", "specialised"), (core, other), quanta, strict=True)
    ]
    result = run(rounds, policy(limit, relaxation=("place_max_under",)))
    core_money = result.allocations.filter(pl.col("stream") == "ccg")
    assert core_money.get_column("allocation_pence").sum() == quanta[0]
    assert result.lifts.get_column("change_pence").sum() == 0
    told = result.relaxations.filter(pl.col("rule") == "place_max_under")
    furthest = -float(limit) if told.is_empty() else told.get_column("reached")[0]
    for row in result.lifts.iter_rows(named=True):
        total = row["core_after_pence"] + row["other_streams_pence"]
        assert total >= (1 + furthest) * row["place_target_pence"] - 1


def test_streams_with_other_areas_or_years_are_refused():
    core = stream_round("ccg", [100, 100], [1, 1], 200)
    with pytest.raises(FrameError, match="do not cover the same areas"):
        run([core, stream_round("specialised", [100], [1], 100)], policy())
    with pytest.raises(FrameError) as raised:
        run([core, core], policy())
    assert "2 rounds" in str(raised.value)
    with pytest.raises(FrameError, match="cannot be run"):
        run([], policy())
