"""Risk, runs beside each other, data checks, what if, charts: each says what it finds, and what to do where it finds nothing."""

import logging
import re
from decimal import Decimal

import polars as pl
import pytest

from api.charts.registry import all_charts
from api.pages import answers
from api.pages.routes import results
from api.pages.routes.money import assumed_words
from api.pages.tables import column_money
from capitation.run.evaluate import evaluate
from capitation.run.scenario import Scenario
from optimiser.links.assumed.kept import shipped_log
from optimiser.links.assumed.localities import localities_moved
from optimiser.links.assumed.what_if import paced
from optimiser.links.assumed.words import log_table
from tests.pages.test_pages import words


def test_risk_that_was_not_drawn_says_so_and_can_be_started(site):
    page = site.analyst.get(f"/runs/{site.run_id}/risk")
    assert page.status_code == 200
    assert "has not been worked out for this scenario yet" in words(page)
    assert 'action="/party-chances"' in page.text
    local = site.analyst.get(f"/runs/{site.run_id}/risk?show=localities").text
    assert 'action="/chances"' in local


def test_chances_of_localities_are_said_in_words_and_stand_beside_the_distances(site):
    asked = site.analyst.send("/chances", scenario="blmk", draws="2000")
    site.work()
    done = site.analyst.get(asked.headers["location"]).text
    page = site.analyst.get(re.search(r'href="(/chances/\w+)"', done)[1])
    assert re.search(r"likeliest to spend more than 1% over its plan in 2018/19: about \d in 10", words(page))
    figure = site.analyst.get(f"/runs/{site.run_id}/charts/distances/table")
    assert "Chance band" in words(figure)
    partner = site.signed_in("partner", subject="pia", organisation="L-U35004")
    own = partner.get(f"/runs/{site.run_id}/risk?show=localities&as=csv").text.splitlines()
    assert len(own) < 5


@pytest.mark.parametrize("tab", ["", "/table", "/sources", "/download"])
def test_each_tab_of_a_figure_has_an_address_of_its_own(site, tab):
    page = site.analyst.get(f"/runs/{site.run_id}/charts/tiles{tab}?year=2018/19")
    assert page.status_code == 200
    assert len(re.findall('aria-current="page"', page.text)) == 1
    assert f"Run: {site.run_id}" in words(page)


def test_a_figure_leaves_as_a_file_and_a_kind_of_file_that_there_is_not_is_refused(site):
    root = f"/runs/{site.run_id}/charts/tiles"
    assert site.analyst.get(f"{root}/data.csv").text.startswith("Locality,")
    assert site.analyst.get(f"{root}/data.xlsx").content[:2] == b"PK"
    assert site.analyst.get(f"{root}/data.doc").status_code == 404
    assert site.analyst.get(f"{root}?year=1066").status_code == 404


def test_a_chart_that_meets_a_fault_is_a_sentence_on_the_page_and_a_line_in_the_log(site, monkeypatch, caplog):
    def broken(*_):
        raise ZeroDivisionError("a fault of ours")

    chart = all_charts()["waterfall"]
    monkeypatch.setitem(
        all_charts(), "waterfall", type(chart)(chart.name, chart.order, chart.question, chart.needs, broken)
    )
    with caplog.at_level(logging.ERROR, "capitation.pages"):
        page = site.analyst.get(f"/allocations/{site.run_id}")
    assert page.status_code == 200
    assert "This chart could not be drawn" in words(page)
    assert "waterfall" in caplog.text
    assert "a fault of ours" in caplog.text


def test_what_is_left_stands_by_organisation_too(site):
    said = words(site.analyst.get(f"/activity-shift/{site.run_id}?show=organisations"))
    assert "The same by organisation, 2020/21, £ thousand; deficits above nothing" in said
    assert (
        "Milton Keynes University Hospital NHS Foundation Trust 24,900 48,892 -29,249 0 -13,721 30,821 30,821" in said
    )


def test_what_is_worked_out_beside_the_server_stands_in_tables_with_names(site, pack, monkeypatch):
    log = shipped_log(pack, "blmk")
    option = {"option": "do-minimum", "year": "2020/21", "role": "provider", "organisation_code": "RC1"}
    ends = pl.DataFrame([{**option, "position_pence": -215_400_000, "control_total_pence": 0}])
    made = answers.WorkedAnswers(
        {3: ["Contracts."], 5: ["Assumptions."]},
        {"log": log_table(log, {"whole-population": "The budget"}), "plan_position": ends},
        assumed="322 assumptions.", risk=("A chance.", "A pool."), options={"do-minimum": "As now"}, is_over=True,
    )  # fmt: skip
    monkeypatch.setattr(answers, "_worked", answers.OrderedDict({site.run_id: made}))
    monkeypatch.setattr(results, "newest_of", lambda *_: None)  # other tests of this site may have compared options
    said = words(site.analyst.get(f"/assumptions/{site.run_id}"))
    assert "322 assumptions." in said
    assert "1 Accountable care body: base rate £1,107.40 per weighted person and year, tested from £941.29" in said
    assert "rules[ccg]" not in said
    judged = words(site.analyst.get(f"/assumptions/{site.run_id}?show=judgements"))
    assert "Floor per head, commissioning groups: not found" in judged
    assert "rules[ccg]" not in judged
    assert "Organisation As now Must reach Bedford Hospital NHS Trust -2,154 0" in words(
        site.analyst.get(f"/runs/{site.run_id}/contracts")
    )
    risk = words(site.analyst.get(f"/runs/{site.run_id}/risk"))
    assert "A chance. A pool. These sentences are kept with the data" in risk


def test_a_column_of_money_has_one_unit():
    said = column_money(pl.Series([281_000_000, -67_300_000, 0]))
    assert [said(each) for each in (281_000_000, -67_300_000, 0, -40_000)] == ["£2.81m", "-£0.67m", "£0", "£0.00m"]
    assert column_money(pl.Series([15_357_410_000_0, 1_000_000]))(1_000_000_0) == "£0.1m"
    assert column_money(pl.Series([99_000_000]))(12_300_00) == "£12.3k"


def test_worked_answers_are_kept_for_the_latest_runs_only(site, monkeypatch):
    kept = answers.OrderedDict((f"{n:016x}", answers.WorkedAnswers(is_over=True)) for n in range(20))
    kept[site.run_id] = answers.WorkedAnswers({3: ["c"], 4: ["m"], 5: ["a"]}, is_over=True)
    monkeypatch.setattr(answers, "_worked", kept)
    site.analyst.get("/")
    assert len(kept) == answers.MOST_KEPT
    assert next(reversed(kept)) == site.run_id


def test_runs_beside_each_other_show_what_differs(site):
    one = site.analyst.get(f"/runs/compare?run={site.run_id}")
    assert one.status_code == 422
    assert "found 1; expected 2 to 6" in words(one)
    assert site.analyst.get("/runs/compare").status_code == 200
    assert site.analyst.get(f"/runs/compare?run={site.run_id}&run=0000000000000000").status_code == 404


def test_data_checks_show_sources_and_figures_that_end(site):
    assert "The checks are running" in words(site.analyst.get("/data-checks")) or "fault" in words(
        site.analyst.get("/data-checks")
    )
    sources = words(site.analyst.get("/data-checks?show=sources"))
    assert "The figures come from 24 sources" in sources
    assert "dated figures" in words(site.analyst.get("/data-checks?show=ends"))


def test_pace_and_corridor_have_sliders_and_a_floor_below_the_cap_is_refused_in_words(site):
    page = site.analyst.get("/what-if")
    for name in ("growth", "floor", "cap", "inner_edge", "outer_edge"):
        assert f'type="range" id="{name}"' in page.text
    moved = words(site.analyst.get("/what-if?floor=1&inner_edge=2"))
    assert (
        "With the minimum growth for any area at 1% and where sharing of gains and losses begins at 2% £1.9m moves between localities"
        in moved
    )
    assert "Under Capitation with a gain and loss corridor: commissioners gain" in moved
    same = words(site.analyst.get("/what-if?cap=5.05&floor=2&growth=0"))
    assert "Nothing has been changed" in same
    refused = site.analyst.get("/what-if?floor=0")
    assert refused.status_code == 422
    assert "These cannot go together" in words(refused)


def test_an_option_is_added_to_the_options_with_everything_that_is_lacking_said_at_once(site):
    ann = site.analyst
    copied = ann.send("/options/blmk-contract-options", do="copy", new_id="own-options", new_title="Own options")
    assert copied.status_code == 303
    etag = re.search(r'name="etag" value="([^"]+)"', ann.get("/options/own-options").text)[1].replace("&#34;", '"')
    nothing = ann.send(
        "/options/own-options",
        do="option",
        etag=etag,
        option="",
        option_title="Mine",
        like="do-minimum",
        contract="blmk-blended",
    )
    assert nothing.status_code == 422
    assert 'value="Mine"' in nothing.text
    for said in (
        "Short name: found nothing",
        "Providers: found nothing",
        "Why: found nothing",
        "Who answers for it: found nothing",
    ):
        assert said in words(nothing)
    made = {
        "option": "mine",
        "option_title": "Mine",
        "like": "do-minimum",
        "contract": "blmk-blended",
        "groups": "hospitals",
    }
    added = ann.send("/options/own-options", do="option", etag=etag, **made, option_reason="to see", option_owner="Ann")
    assert added.status_code == 303, added.text
    assert "As Do minimum: payment by results and blocks, but with blmk-blended. Added because to see (Ann)." in words(
        ann.get("/options/own-options")
    )


def test_a_map_is_checked_while_it_is_typed(site):
    page = site.analyst.get("/places").text
    lines = re.search(r"<textarea[^>]*>([^<]+)</textarea>", page)[1].split()
    mark = site.analyst.mark("/places")
    other = lines[-1].split(",")[1]
    typed = {"mark": mark, "map": "\n".join([*lines, f"{lines[1].split(',')[0]},{other}"])}
    part = site.analyst.client.post("/places", data=typed, headers={"Accept": "text/html", "HX-Request": "true"})
    assert part.status_code == 200
    assert "<h1" not in part.text
    assert "The map has 1 fault" in part.text


@pytest.mark.deep
def test_two_runs_beside_each_other_show_the_one_figure_that_differs(site):
    ann = site.analyst
    assert (
        ann.send("/scenarios/blmk", do="copy", new_id="less-earmarked", new_title="Less earmarked").status_code == 303
    )
    page = ann.get("/scenarios/less-earmarked?path=money.top_slices.0.rate").text
    etag = re.search(r'name="etag" value="([^"]+)"', page)[1].replace("&#34;", '"')
    change = {
        "do": "change",
        "etag": etag,
        "path": "money.top_slices.0.rate",
        "value": "0.03",
        "reason": "to see",
        "owner": "Ann",
    }
    assert ann.send("/scenarios/less-earmarked", **change).status_code == 303
    asked = ann.send("/runs", scenario="less-earmarked")
    site.work()
    other = re.search(r'href="/runs/([0-9a-f]+)"', ann.get(asked.headers["location"]).text)[1]
    said = words(ann.get(f"/runs/compare?run={site.run_id}&run={other}"))
    assert "1 of 38 figures of 2018/19 differs: Better Care Fund minimum, by £21.9m" in said
    assert "▲ £21.9m" in said


def test_every_view_of_where_the_money_goes_is_there(site):
    for show in ("localities", "places", "providers", "waterfall"):
        answer = site.analyst.get(f"/allocations/{site.run_id}?show={show}")
        assert answer.status_code == 200, show
        assert re.search(r"£\d+\.\dm", answer.text), show


def test_values_of_a_long_document_are_found_among_all_and_the_page_stays_light(site):
    page = site.analyst.get("/problems/blmk")
    assert len(page.content) < 120_000
    assert "values, the first 400" in page.text
    found = site.analyst.get("/problems/blmk?find=discount")
    assert "that contain “discount”" in found.text
    rows = re.findall(r'<th scope="row">(.*?)</td>', found.text, re.DOTALL)
    assert rows
    assert all("discount" in row.lower() for row in rows)


def test_a_judgement_is_said_with_what_it_is_of():
    assert assumed_words("rules[ccg].floor_per_head", "Not found") == "Floor per head, commissioning groups: not found"
    assert assumed_words("blocks[0].components[general_acute].weight[0]", None) == "Weight, general acute"


def test_growth_is_answered_for_localities_first_and_for_contracts_beside_it(site):
    ann = site.analyst
    whole = ann.get("/what-if?growth=1")
    assert 'hx-get="/what-if?growth=1&amp;contracts=only"' in whole.text
    assert "Under " not in words(whole)
    part = words(ann.get("/what-if?growth=1&contracts=only"))
    assert re.search(r"Under .+: commissioners (gain|lose) £", part)
    assert part.strip() in words(ann.get("/what-if?growth=1&contracts=yes"))
    assert "contracts=only" not in ann.get("/what-if?growth=1&contracts=yes").text
    assert "contracts=only" not in ann.get("/what-if").text


def test_localities_of_a_what_if_are_those_of_a_whole_run(pack, blmk_run):
    scenario = Scenario.model_validate(blmk_run.manifest.scenario)
    moved = paced(pack, {"pace.floor_growth": Decimal("0.01")})
    alone, whole = localities_moved(scenario, moved, blmk_run), evaluate(scenario, moved)
    for name in alone.frames:
        assert alone.frames[name].equals(whole.frames[name]), name
