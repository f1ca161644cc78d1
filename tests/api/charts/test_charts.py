import json
import re
from decimal import Decimal
from xml.etree import ElementTree

import altair
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.charts import Choice, Material, all_charts, charts_of, of_run, png, svg
from api.charts.bars import Step, waterfall
from api.charts.curve import curve_figure
from api.charts.deals.trade_off import trade_off_figure
from api.charts.look import INK, SERIES, SHEETS
from capitation.errors import ScenarioError, UnknownNameError
from tests.api.charts.small import NAMES, bridge, distance, frames, material

PENCE = st.integers(-(10**12), 10**12)


def pence(series):
    return [int(value * 100) for value in series]


def check(figure):
    """What is promised of every figure."""
    assert all((figure.title, figure.subtitle, figure.source, figure.alt))
    assert len(figure.title) <= 180
    assert "{" not in figure.title + figure.alt
    assert figure.table.width >= 2
    assert not [name for name in figure.table.columns if "_" in name or "pence" in name]
    for spec in (figure.spec, figure.narrow):
        altair.Chart.from_dict(spec)  # refuses what Vega-Lite does not know
        json.dumps(spec, allow_nan=False)
    for narrow in (False, True):
        text = svg(figure, narrow=narrow)
        root = ElementTree.fromstring(text)
        assert root.attrib["role"] == "img"
        assert root[0].text == figure.title
        assert root[1].text == figure.alt
        assert root.attrib["aria-labelledby"].split() == [root[0].attrib["id"], root[1].attrib["id"]]
        assert not re.search(r"href|url\((?!#)|<image|<script|@import|src=", text)
        assert float(root.attrib["width"]) <= (500 if narrow else 1100)
        assert len(text) < 150_000


@pytest.mark.parametrize("name", all_charts())
def test_every_chart_of_a_small_system_is_whole(name):
    check(charts_of(material()).figure(name))


def test_every_chart_of_blmk_names_no_code(blmk_run, pack):
    charts = charts_of(of_run(blmk_run, pack))
    assert {c.name for c in charts.drawable} >= {"bridge", "waterfall", "distances", "tiles", "activity"}
    assert set(charts.lacking) == set(all_charts()) - {c.name for c in charts.drawable}
    assert "capitation simulate" in charts.lacking["fan"]
    codes = set(blmk_run.code_name.filter(pl.col("code") != pl.col("name"))["code"])
    for figure in charts.figures():
        shown = set(re.findall(r"[\w-]+", f"{figure.title} {figure.alt}"))
        assert not shown & codes, figure.name


@pytest.mark.deep
def test_every_chart_of_blmk_is_whole(blmk_run, pack):
    for figure in charts_of(of_run(blmk_run, pack)).figures():
        check(figure)


def test_the_waterfall_adds_to_the_control_total_at_every_level():
    table = charts_of(material()).figure("waterfall").table
    sums = {level: sum(pence(rows["Amount (£)"])) for (level,), rows in table.group_by("Level")}
    assert sums == {"Stream": 1_000, "Kept back": 50, "Locality": 1_000, "Provider": 950}


@given(PENCE, PENCE, st.integers(0, 10**11), st.integers(0, 10**11))
def test_the_bridge_says_what_its_numbers_say(opening, growth, funding, mix):
    rows = bridge(opening, growth, funding, mix)
    figure = charts_of(material(bridge=rows)).figure("bridge")
    amounts = pence(figure.table["Amount (£; deficit above nothing)"])
    assert amounts == rows["amount_pence"].to_list()
    nothing, left = opening + growth, opening + growth - funding - mix
    first = figure.title.partition(";")[0]
    assert ("a deficit of" in first) == (nothing > 0)
    assert ("a surplus of" in first) == (nothing < 0)
    if (funding or mix) and left > 0:
        assert re.search(r"brings? it to £", figure.title)
    elif funding or mix:
        assert ("surplus" if left < 0 else "neither") in figure.title.partition(";")[2]
    drawn = [row for row in figure.spec["vconcat"][0]["vconcat"][0]["data"]["values"] if row["kind"] != "total"]
    assert sum(row["to"] - row["from"] for row in drawn) == pytest.approx(left / 1e8, abs=1e-6)


def test_what_is_assumed_is_marked_and_published_is_said_to_be():
    figure = charts_of(material()).figure("bridge")
    assert figure.table["Basis"].to_list()[:2] == ["published", "assumed"]
    assert "† assumed" in figure.source
    assert "†" in json.dumps(figure.spec, ensure_ascii=False)


@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_the_one_furthest_under_target_is_the_lowest(north, south):
    figure = charts_of(material(distance_from_target=distance(north, south))).figure("distances")
    lowest, name = min((north, "Northside"), (south, "Southside"))
    if lowest >= 0:
        assert figure.title == "No locality is under target in 2016/17"
    else:
        assert figure.title.startswith((f"{name} is furthest under target", "Northside" if north == south else name))
    assert figure.table["Opening distance 2016/17 (%)"].is_sorted()


@given(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2))
def test_tiles_count_the_localities_of_each_class(north, south):
    figure = charts_of(material(distance_from_target=distance(north, south))).figure("tiles")
    closing = [north / 2, south / 2]
    under, over = sum(x < -0.01 for x in closing), sum(x > 0.01 for x in closing)
    assert f"{under} of 2 localities close more than 1% under target, {over} more than 1% over" in figure.title
    assert figure.table.select("Column (west to east)", "Row (north to south)").is_unique().all()
    assert "no coordinates are known" in figure.source


def test_tiles_stand_where_their_practices_stand():
    members = pl.DataFrame({"practice_code": ["a", "b"], "locality_code": ["N", "S"]})
    base = material(membership=members)
    placed = Material(base.title, base.source, base.frames, base.names, {"a": (53.0, 0.0), "b": (51.0, 0.5)})
    figure = charts_of(placed).figure("tiles")
    assert figure.table["Locality"].to_list() == ["Northside", "Southside"]
    assert "north at the top" in figure.source


@given(PENCE, PENCE)
def test_a_payoff_names_who_loses_most(block, share):
    rows = frames()["position"].with_columns(
        pl.when(pl.col("activity_case") == "plan")
        .then(0)
        .when(pl.col("option") == "block")
        .then(block)
        .otherwise(share)
        .alias("change_pence")
    )
    figure = charts_of(material(position=rows)).figure("payoff")
    worst, best = min(block, share), max(block, share)
    word = "no party's position changes" if worst == best == 0 else "gains most" if worst >= 0 else "loses most"
    assert word in figure.title
    assert sum(pence(figure.table["Change of position (£)"])) == block + share


@given(PENCE, PENCE)
def test_a_mix_that_costs_more_than_it_gives_says_so(hub, clinic):
    rows = frames()["mix_line"].with_columns(pl.Series("gain_pence", [0, hub, clinic]))
    figure = charts_of(material(mix_line=rows)).figure("mix")
    total = hub + clinic
    assert ("gains nothing" if total == 0 else "gains £" if total > 0 else "costs £") in figure.title
    assert pence(figure.table["2017/18 (£)"])[-1] == total


def test_a_statement_ends_with_its_position():
    figure = charts_of(material()).figure("statement")
    assert "Hill Hospital ends with a deficit of £1.50 in 2017/18 under share" in figure.title
    assert pence(figure.table["Amount (£)"]) == [1_000, -1_200, 50, -150]


def test_activity_shows_its_interaction_as_it_is():
    figure = charts_of(material()).figure("activity")
    row = figure.table.row(0)
    assert row == ("A&E attendances", 1_000, 200, 1_200, -150, 10, 1_060)
    assert "11.7%" in figure.title


def test_chances_and_ranges_follow_their_frames():
    charts = charts_of(material())
    assert "less" not in charts.figure("fan").title
    assert "about 3 in 10" in charts.figure("fan").title
    assert "least likely under share (10%) and most under block (30%)" in charts.figure("s-curve").title
    assert charts.figure("tornado").title.startswith(
        "Cost of planned activity matters most to Hill Hospital under block: it moves the position by £16.00"
    )
    assert "is prices, by £1.80" in charts.figure("layers").title
    assert "200 units more, would cost £2.0m" in charts.figure("frontier").title


def test_an_s_curve_passes_through_the_chance_of_a_deficit():
    figure = charts_of(material()).figure("s-curve", Choice(year="2017/18"))
    points = {(p["option"], p["at"]): p["chance"] for p in _values(figure.spec)}
    assert points["Block", 0.0] == 0.3


def _values(spec):
    return spec["vconcat"][0]["vconcat"][0]["data"]["values"]


def test_a_tornado_is_drawn_of_what_is_not_left_out_for_its_reader():
    whole = material()
    ranges = whole.frames["tested_range"]
    hidden = ranges.with_columns(
        *(pl.lit(None, pl.Int64).alias(name) for name in ("at_low_pence", "position_pence", "at_high_pence")),
        organisation_code=pl.lit("X"),
    )
    some = material(tested_range=pl.concat([hidden, ranges]))
    assert charts_of(some).figure("tornado").title == charts_of(whole).figure("tornado").title
    with pytest.raises(UnknownNameError):
        charts_of(some).figure("tornado", Choice(party="X"))


def test_what_is_not_there_is_named_with_its_neighbours_or_its_stage():
    charts = charts_of(material())
    with pytest.raises(UnknownNameError, match="bridge"):
        charts.figure("brige")
    with pytest.raises(UnknownNameError, match="2017/18"):
        charts.figure("bridge", Choice(year="2018/19"))
    with pytest.raises(ScenarioError, match="capitation simulate"):
        charts_of(Material("S", "run s", {"bridge": frames()["bridge"]})).figure("fan")


def test_a_figure_shows_itself_in_a_notebook_and_gives_its_table():
    figure = charts_of(material()).figure("bridge")
    shown = figure._repr_mimebundle_()
    assert shown["image/svg+xml"].startswith("<svg")
    assert figure.title in shown["text/plain"]
    assert figure.cells()[0][1] == "£20,000,000.00"
    assert figure.csv().splitlines()[1].split(",")[1] == "20000000.00"
    assert figure.document()["table"]["rows"][0][1] == "20000000.00"
    assert png(figure, scale=0.5).startswith(b"\x89PNG")
    assert "<svg" in charts_of(Material("S", "run s", {"bridge": frames()["bridge"]}, NAMES))._repr_html_()


def test_two_pictures_on_one_page_share_no_id():
    charts = charts_of(material())
    ids = [
        i for name in ("bridge", "waterfall", "fan") for i in re.findall(r'\bid="([^"]+)"', svg(charts.figure(name)))
    ]
    assert len(ids) == len(set(ids))


def test_a_drawing_is_kept_by_its_content():
    assert svg(charts_of(material()).figure("bridge")) is svg(charts_of(material()).figure("bridge"))


def test_colours_stand_out_against_white():
    def light(colour):
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for colour in (*SERIES, INK):
        assert 1.05 / (light(colour) + 0.05) >= 4.5, colour


def test_a_trade_off_says_both_ends_and_a_flat_one_that_nothing_changes():
    figure = trade_off_figure([(0.01, 0.2), (0.02, 0.5)], "Shares", "limit of the pool", "kept of the next pound saved")
    check(figure)
    assert "20% to 50%" in figure.title
    flat = trade_off_figure([(0.01, 0.2), (0.02, 0.2)], "Shares", "limit of the pool", "kept of the next pound saved")
    assert "does not change" in flat.title


def test_a_payoff_curve_keeps_its_points(pack):
    from contracts.document.contract import read_contract
    from contracts.settlement.payoff import payoff

    agreed = read_contract(pack.path("contracts/mssp.toml"))
    curve = payoff(agreed, [dict(row) for row in agreed.cases[0].rows], "expenditure_total", 850e6, 1300e6, None)
    figure = curve_figure(curve, agreed)
    check(figure)
    assert figure.table.height == curve.table.height
    assert "bend" in figure.title


def test_the_command_lists_writes_and_refuses(capitation, blmk_run, tmp_path):
    from capitation.run.run import save_run

    run = save_run(blmk_run, tmp_path)
    listed = json.loads(capitation("chart", run, "--list", "--json").out)
    rows = {row["name"]: row for row in listed["charts"]}
    assert rows["bridge"]["lacks"] == ""
    assert "2020/21" in rows["bridge"]["choices"]["year"]
    assert "capitation compare" in rows["tornado"]["lacks"]
    for kind in ("svg", "png", "csv", "json"):
        out = tmp_path / f"bridge.{kind}"
        assert capitation("chart", run, "bridge", "--year", "2020/21", "--out", out).code == 0
        assert out.stat().st_size > 100
    table = pl.read_csv(tmp_path / "bridge.csv", infer_schema=False)
    assert Decimal(table.filter(pl.col("Line") == "What is left")["Amount (£; deficit above nothing)"][0]) == Decimal(
        140_500_000
    )
    for words in (("bridge", "--out", tmp_path / "x.pdf"), ("brige",), ("bridge", "--year", "1999/00")):
        answer = capitation("chart", run, *words)
        assert answer.code == 2
        assert "Traceback" not in answer.err
    assert not (tmp_path / "x.pdf").exists()
    assert "nothing to draw" in capitation("chart", tmp_path / "nowhere", "--list").err


def test_what_a_mix_is_worth_in_draws_says_what_it_promises_and_how_often_that_is_reached():
    figure = charts_of(material()).figure("worth")
    assert (
        figure.title
        == "The mix is worth -£10.1m to £69.1m in 8 draws of 10; the £50.0m it promises is reached in about 3 in 10"
    )
    assert dict(figure.table.rows())[50] == Decimal("29500000")


def test_futures_stand_in_the_order_of_what_the_planned_mix_loses_in_them():
    figure = charts_of(material()).figure("futures")
    assert figure.title == "In the future “block” the planned mix loses most, £3.0m against the best there"
    assert pence(figure.table["Lost (£)"]) == [300_000_000, 0]
    stopped = pl.DataFrame(
        {"future": ["block", "share"], "best_pence": [900_000_000, 400_000_000], "plan_pence": [None, 400_000_000]}
    )
    assert charts_of(material(futures=stopped)).figure("futures").notes[-1] == (
        "In 1 of 2 futures the planned mix cannot be carried out; they have no row."
    )
    alone = pl.DataFrame({"future": ["block", "share"], "value_pence": [900_000_000, 400_000_000]})
    assert (
        charts_of(material(futures=alone)).figure("futures").title
        == "The mix is worth least in the future “share: half each”, £4.0m"
    )


def test_an_amount_just_below_nothing_is_written_clear_of_the_line_of_nothing():
    steps = [
        Step("Income", 100_000_000, is_total=True),
        Step("Cost", -103_000_000),
        Step("Pool", -2_000_000),
        Step("Fine", -400_000_000),
    ]
    drawn = [waterfall(steps, sheet)["data"]["values"] for sheet in SHEETS]
    assert [[row["right"] for row in values] for values in drawn] == [[1, 1, 0, 0]] * 2
    far = [Step("Cost", -500_000_000, is_total=True), Step("Pool", 100_000_000)]
    assert [row["right"] for row in waterfall(far, SHEETS[0])["data"]["values"]] == [0, -4]


def test_the_solution_that_avoids_most_in_the_last_year_stands_first():
    figure = charts_of(material()).figure("avoided")
    assert figure.title == "Hub avoids most activity in 2017/18: 1,200 of 1,500 units"
    assert figure.table.rows() == [("Hub", 1_200), ("Clinic", 300)]
