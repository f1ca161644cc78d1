"""Lists, ages and openings that move practices apart: what they do to the demo's localities, their words, and switching them off."""

from decimal import Decimal

import polars as pl
import pytest

from capitation.errors import FrameError
from capitation.pack.layers import put_together
from capitation.pack.sources import DataPack
from capitation.run.evaluate import evaluate, practice_table
from capitation.run.formulas import FORMULAS
from capitation.run.people import moved_apart, projected_lists, stream_needs, system_members
from capitation.run.scenario import read_scenario
from capitation.run.trace import Context, explain, parse_figure


@pytest.fixture(scope="module")
def scenario(pack):
    return read_scenario(pack.path("scenarios/blmk.toml"))


def test_lists_move_apart_and_add_to_the_printed_totals(blmk_run, scenario):
    sums = dict(blmk_run.population.group_by("year").agg(pl.col("registered_micro").sum()).iter_rows())
    assert sums == {str(t.year): int(t.persons * 1_000_000) for t in scenario.population.totals}
    wide = blmk_run.population.pivot(on="year", index="practice_code", values="registered_persons")
    growth = wide["2018/19"] / wide["2016/17"] - 1
    assert growth.std() > 0.03
    # 5th to 95th percentile of the lists themselves: -5.6% to +21.5%, mergers and closings among them
    assert -0.06 < growth.quantile(0.05) < 0 < 0.1 < growth.quantile(0.95) < 0.22


def test_need_per_head_moves_with_ages_and_is_as_published_in_the_base_year(blmk_run):
    index = blmk_run.practice_weight.filter(stream="ccg")
    assert set(index.filter(year="2018/19")["age_index"]) == {1.0}
    mean = {
        year: (rows["age_index"] * rows["registered_micro"]).sum() / rows["registered_micro"].sum()
        for (year,), rows in index.partition_by("year", as_dict=True).items()
    }
    assert mean["2016/17"] < 1 < mean["2019/20"] < mean["2020/21"]  # an older population needs more a head


def test_closings_of_a_board_spread_as_real_ones_do(blmk_run):
    for table in (blmk_run.place_distance, blmk_run.distance_from_target.filter(stream="ccg")):
        closing = table.filter(year="2018/19")["closing_dft_share"]
        assert -0.06 < closing.min() < closing.max() < 0.06
        assert closing.std() >= 0.015


def test_the_floor_per_head_is_no_longer_plain_growth(blmk_run):
    people = blmk_run.population.join(blmk_run.membership.select("practice_code", "locality_code"), on="practice_code")
    heads = people.group_by("year", "locality_code").agg(pl.col("registered_micro").sum())
    persons = {(y, a): n for y, a, n in heads.iter_rows()}
    rounds = blmk_run.pace.filter(stream="ccg", year="2017/18")
    above = {r["area_code"] for r in rounds.iter_rows(named=True) if r["lower_pence"] > r["opening_pence"] * 1.0201}
    fast = {a for y, a in persons if y == "2017/18" and persons[y, a] / persons["2016/17", a] > 1.0201}
    assert above == fast
    assert 0 < len(above) < rounds.height


def test_openings_follow_need_and_supply_and_add_to_their_commissioner(blmk_run):
    rows = blmk_run.practice_opening
    sums = rows.group_by("stream", "commissioner_code").agg(
        pl.col("opening_pence").sum(), pl.col("commissioner_pence").first()
    )
    assert (sums["opening_pence"] == sums["commissioner_pence"]).all()
    first = blmk_run.practice_weight.filter(year="2015/16").select("stream", "practice_code", "weighted_persons")
    both = rows.join(first, on=["stream", "practice_code"]).with_columns(
        supply=pl.col("opening_weight") / pl.col("weighted_persons")
    )
    core = both.filter(stream="ccg")["supply"]
    assert 0.9 < core.min() < core.max() < 1
    assert both.filter(stream="primary-medical")["supply"].unique().to_list() == [1.0]


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (
            "population.listed_micro year=2017/18 practice_code=E81037",
            ["list of E81017 in 2016/17 = 10184", "E81011 merged into E81037", "assumption: Each list of 2018/19", "50% of the list of 2016/17"],
        ),
        (
            "practice_weight.age_index year=2020/21 stream=ccg practice_code=E81001",
            ["E81001 from age 85 in 2020/21", "cost of a head from age 85 = 314783 pence", "how much need follows", "pounds of hospital care a head"],
        ),
        (
            "practice_opening.opening_weight year=2015/16 stream=ccg practice_code=K82610",
            ["need x supply", "kilometres", "Haynes", "straight line to"],
        ),
    ],
)  # fmt: skip
def test_the_trace_says_in_words_what_moved(blmk_run, pack, figure, words):
    text = "\n".join(explain(Context(blmk_run, pack), parse_figure(figure, blmk_run), FORMULAS, depth=2).lines())
    assert all(word in text for word in words), text
    assert "DISAGREES" not in text


def test_without_the_tables_lists_and_need_stay_in_their_proportions(pack, scenario):
    plain = scenario.population.model_copy(update={"lists": None, "ages": None})
    heads = tuple(
        rule
        if rule.opening is None
        else rule.model_copy(update={"opening": rule.opening.model_copy(update={"inside": "heads"})})
        for rule in scenario.streams
    )
    run = evaluate(scenario.model_copy(update={"population": plain, "streams": heads}), pack)
    lists = run.population.pivot(on="year", index="practice_code", values="registered_persons")
    assert (lists["2016/17"] / lists["2018/19"]).round(9).n_unique() == 1
    assert set(run.practice_weight["age_index"]) == {1.0}
    assert (run.practice_opening["opening_weight"] % 1 == 0).all()
    assert {"places/practice-lists.csv", "places/practice-ages.csv", "places/hospital-distance.csv"}.isdisjoint(
        run.manifest.inputs
    )


def test_faults_of_all_three_tables_are_told_together_with_file_and_line(pack, scenario, tmp_path):
    own = put_together(pack.root, tmp_path / "own")
    for name, old, new in (
        ("places/practice-lists.csv", "2016/17,E81001,3240", "2016/17,E81001,-3240"),
        ("places/practice-ages.csv", "2017/18,E81001,0,", "2017/18,E99999,0,"),
        ("places/hospital-distance.csv", "E81002,", "E8l002,"),
    ):
        path = own / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
    bad = DataPack(own)
    needs = stream_needs(scenario, bad, practice_table(scenario, bad))
    with pytest.raises(FrameError) as caught:
        moved_apart(scenario, needs, system_members(scenario, bad), bad)
    text = str(caught.value)
    for words in (
        "practice-lists.csv",
        "-3240",
        "practice-ages.csv: line 2: found practice 'E99999'",
        "'E8l002'",
        "practice E81002: found no row",
    ):
        assert words in text, text


def test_a_year_of_its_own_is_moved_without_the_base_lists(pack, scenario):
    """A scenario of other years reads the dated lists on either side of them, and no others."""
    totals = tuple(t.model_copy(update={"persons": t.persons + Decimal("0.5")}) for t in scenario.population.totals[:3])
    early = scenario.model_copy(update={"population": scenario.population.model_copy(update={"totals": totals})})
    needs = stream_needs(early, pack, practice_table(early, pack))
    apart = moved_apart(early, needs, system_members(early, pack), pack)
    people = projected_lists(early, needs, apart)
    sums = dict(people.group_by("year").agg(pl.col("registered_micro").sum()).iter_rows())
    assert sums == {str(t.year): int(t.persons * 1_000_000) for t in totals}
