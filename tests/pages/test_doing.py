"""What is done on pages: a copy, a change with its reason, a map with an overlap, a comparison, what if."""

import re
import tomllib
from html import unescape
from types import SimpleNamespace

import polars as pl

from api.pages.routes.any_resource import _spoken
from api.pages.routes.runs import _journal_years
from tests.optimiser.futures.test_play import TEXT as CHOICE
from tests.pages.test_pages import words


def test_a_scenario_is_copied_changed_with_a_reason_and_taken_back(site):
    ann = site.analyst
    made = ann.send("/scenarios/blmk", do="copy", new_id="blmk-two", new_title="Two")
    assert (made.status_code, made.headers["location"]) == (303, "/scenarios/blmk-two")
    page = ann.get("/scenarios/blmk-two?path=money.top_slices.0.rate").text
    etag = re.search(r'name="etag" value="([^"]+)"', page)[1].replace("&#34;", '"')
    change = {"do": "change", "etag": etag, "path": "money.top_slices.0.rate", "value": "0.05"}
    refused = ann.send("/scenarios/blmk-two", **change, reason="", owner="")
    assert refused.status_code == 422
    assert 'value="0.05"' in refused.text
    assert "why it is changed" in refused.text
    assert ann.send("/scenarios/blmk-two", **change, reason="new rate", owner="Ann").status_code == 303
    after = words(ann.get("/scenarios/blmk-two"))
    assert "because new rate (Ann)" in after
    assert "Version 2" in after
    again = ann.send("/scenarios/blmk-two", **change, reason="new rate", owner="Ann")
    assert again.status_code == 412
    page = ann.get("/scenarios/blmk-two").text
    etag, digest = (
        re.search(rf'name="{n}" value="([^"]+)"', page)[1].replace("&#34;", '"') for n in ("etag", "digest")
    )
    assert ann.send("/scenarios/blmk-two", do="back", etag=etag, digest=digest).status_code == 303
    assert "because new rate" not in words(ann.get("/scenarios/blmk-two"))


def test_a_value_that_does_not_fit_is_named_and_kept(site):
    page = site.analyst.get("/scenarios/blmk?path=need_year").text
    etag = re.search(r'name="etag" value="([^"]+)"', page)[1].replace("&#34;", '"')
    answer = site.analyst.send(
        "/scenarios/blmk", do="change", etag=etag, path="need_year", value="soon", reason="to try", owner="Ann"
    )
    assert answer.status_code == 422
    assert "There is a problem" in answer.text
    assert 'value="soon"' in answer.text


def test_a_map_with_an_overlap_or_a_gap_is_refused_and_kept(site):
    page = site.analyst.get("/places").text
    lines = re.search(r"<textarea[^>]*>([^<]+)</textarea>", page)[1].split()
    assert site.analyst.send("/places", map="\n".join(lines)).status_code == 200
    practice = lines[1].split(",")[0]
    other = next(line.split(",")[1] for line in lines[2:] if line.split(",")[1] != lines[1].split(",")[1])
    overlap = site.analyst.send("/places", map="\n".join([*lines, f"{practice},{other}"]))
    assert overlap.status_code == 422
    assert practice in words(overlap)
    assert f"{practice},{other}" in overlap.text
    gap = site.analyst.send("/places", map="\n".join([lines[0], *lines[2:]]))
    assert gap.status_code == 422
    assert practice in words(gap)


def test_a_map_of_one_cell_a_line_with_an_empty_line_is_refused_in_words(site):
    for typed in ("<script>alert(1)</script>\nhello\n,,,,\nE81001", "hello\n\nE81001", ",,,\n,,,"):
        refused = site.analyst.send("/places", map=typed)
        assert refused.status_code == 422
        assert "There is a problem" in refused.text
        assert "expected" in words(refused)


def test_a_lower_end_above_its_upper_end_is_refused_beside_its_slider(site):
    wrong = site.analyst.get("/what-if?floor=5&cap=1&inner_edge=3&outer_edge=2")
    assert wrong.status_code == 422
    assert "Found 5%; expected at most 1%, which is the maximum growth for any area" in words(wrong)
    assert "Found 3%; expected at most 2%, which is where the higher share begins" in words(wrong)


def test_a_copy_under_a_name_in_use_is_refused_in_words_of_the_form(site):
    taken = site.analyst.send("/scenarios/blmk", do="copy", new_id="blmk", new_title="Mine")
    assert taken.status_code == 409
    assert "Short name of the copy: found 'blmk', which another document has" in unescape(words(taken))
    assert "If-Match" not in words(taken)
    assert 'value="Mine"' in taken.text


def test_a_value_that_a_document_has_not_is_named(site):
    page = unescape(words(site.analyst.get("/scenarios/blmk?path=nope")))
    assert "Which value: found 'nope'; expected a value of this document" in page


def test_why_a_job_failed_is_said_in_words_in_the_list_of_jobs():
    fault = {
        "where": "stream ccg, 2018/19",
        "found": "-5.00 pounds",
        "expected": "an amount of 0 or more",
        "remedy": "",
    }
    problem = {"type": "urn:capitation:problem:invalid-scenario", "title": "It contradicts itself", "faults": [fault]}
    assert _spoken(problem) == (
        "It contradicts itself. stream ccg, 2018/19: found -5.00 pounds; expected an amount of 0 or more."
    )


def test_a_journal_is_offered_for_the_years_in_which_providers_are_paid():
    paid = pl.DataFrame({"year": ["2017/18", "2016/17", "2017/18"]})
    seen = SimpleNamespace(run=SimpleNamespace(frames={"provider_allocation": paid}))
    assert _journal_years(seen) == ["2016/17", "2017/18"]


def test_a_printed_cell_offers_nothing_deeper(site):
    where = "where=year%3D2018%2F19&where=stream%3Dccg&where=recurrence%3Drecurrent"
    cell = site.analyst.get(f"/figures/{site.run_id}/stream_total/total_pence?{where}")
    assert "printed cell" in words(cell)
    assert "three levels more" not in words(cell)


def test_growth_moves_the_headline_and_nothing_is_kept(site):
    more = site.analyst.get("/what-if?growth=1")
    assert "With growth +1% the localities have £15.4m more in 2018/19 than in the run" in words(more)
    wrong = site.analyst.get("/what-if?growth=lots")
    assert wrong.status_code == 422
    assert "expected a percentage such as 1.5" in words(wrong)


def test_work_that_was_asked_for_twice_by_one_form_is_one_job(site):
    mark = site.analyst.mark()
    once = [site.analyst.send("/runs", mark=mark, once="b" * 32, scenario="blmk").headers["location"] for _ in range(2)]
    assert once[0] == once[1]


def test_options_are_compared_from_their_page_to_each_organisation(site):
    asked = site.analyst.send("/comparisons", options="blmk-contract-options")
    waiting = site.analyst.get(asked.headers["location"])
    assert 'http-equiv="refresh"' in waiting.text
    site.work()
    done = site.analyst.get(asked.headers["location"]).text
    shown = site.analyst.get(re.search(r'href="(/comparisons/\w+)"', done)[1])
    page = words(shown)
    assert "Do minimum" in page
    assert "Luton and Dunstable" in page
    link = next(each for each in re.findall(r'href="(/figures/[^"]+)"', shown.text) if "role%3Dcommissioner" in each)
    trace = site.analyst.get(unescape(link))
    assert trace.status_code == 200
    assert "allocation and income less payments and cost" in trace.text
    assert "Do minimum: payment by results and blocks" in trace.text
    deep = site.analyst.get(unescape(re.search(r'href="(/figures/[^"]+/commissioner_money/allocation_pence[^"]+)"', trace.text)[1]).replace("depth=3", "depth=5"))  # fmt: skip
    assert "printed cell" in deep.text
    assert "Worked out again it differs" not in trace.text + deep.text
    partner = site.signed_in("partner", organisation="L-U35004")
    below = re.search(r"/comparisons/\w+", done)[0] + "?show=localities&year=2018/19&case=plan"
    own = words(site.analyst.get(below))
    assert "localities need more than their weighted persons bring" in own
    assert own.count("Chiltern Hills") == 1
    theirs = words(partner.get(below))
    assert "Crown" in theirs
    assert "Chiltern Hills" not in theirs
    refused = partner.get(unescape(link))
    assert refused.status_code == 403
    assert "£" not in refused.text


def test_rows_are_settled_approved_and_become_a_journal_with_what_was_typed_kept_where_it_is_refused(site):
    ann = site.analyst
    needs = ann.get("/settlements?contract=blmk-block").text
    assert "commissioner,line,plan_value_pence,provider,year" in needs
    short = ann.send("/settlements", contract="blmk-block", rows="year,commissioner,provider\n2017/18,06P,RYV")
    assert short.status_code == 422
    assert "2017/18,06P,RYV" in short.text
    assert "Rows: found no column &#39;line&#39;" in short.text
    assert "Rows: found nothing" in words(ann.send("/settlements", contract="blmk-block", rows=" "))
    rows = "year,commissioner,provider,line,plan_value_pence\n2017/18,06P,RYV,community,50000001"
    asked = ann.send("/settlements", contract="blmk-block", rows=rows)
    assert asked.status_code == 303
    site.work()
    at = re.search(r'href="(/settlements/\w+)"', ann.get(asked.headers["location"]).text)[1]
    assert "Under Block, £500.0k is to be paid on 1 row" in words(ann.get(at))
    ben, fay = site.signed_in("approver", subject="ben"), site.signed_in("finance", subject="fay")
    assert "once an approver has approved it" in words(fay.get(at))
    assert ben.send("/approvals", result=f"/v1{at}", note="read").headers["location"] == at
    refused = fay.send("/journals", result=f"/v1{at}", period="next year")
    assert refused.status_code == 422
    assert 'value="next year"' in refused.text
    assert "Period: found &#39;next year&#39;; expected a financial year such as 2018/19" in refused.text
    made = fay.send("/journals", result=f"/v1{at}", period="2017/18")
    assert made.status_code == 303
    page = fay.get(made.headers["location"])
    assert "4 lines; debits and credits are £1,000,000.02 each, so it balances." in words(page)
    file = fay.get(f"{made.headers['location']}?as=csv")
    assert file.text.startswith("journal_id,")
    assert file.text.count("500000.01") == 4
    assert fay.get(f"{made.headers['location']}?as=xlsx").status_code == 200


def test_futures_and_draws_of_a_small_mix_say_what_they_find_and_leave_as_files(site):
    path, key = "/v1/problems", {"Idempotency-Key": "pages-choice", "Authorization": f"Bearer {site.key('analyst')}"}
    assert site.nobody().client.post(path, json=tomllib.loads(CHOICE), headers=key).status_code == 201
    asked = [
        site.analyst.send("/futures", problem="choice"),
        site.analyst.send("/futures", problem="choice", ask="robust", disappoint="1"),
        site.analyst.send("/futures", problem="choice", ask="cvar", worst="0.5", weight="1"),
        site.analyst.send("/simulations", problem="overlap_pair", draws="20"),
    ]
    site.work()
    shown = []
    for each in asked:
        done = site.analyst.get(each.headers["location"]).text
        shown.append(site.analyst.get(re.search(r'href="(/(?:futures|simulations)/\w+)"', done)[1]))
    said = [words(each) for each in shown]
    assert "The planned mix loses most in the future “poor”: £70.00 against the best mix there." in said[0]
    assert "It is the best in 1 of 2 futures." in said[0]
    assert "<figure" in shown[0].text
    assert (
        "If the solution that matters most disappoints, this mix is still worth £95.79; as planned it is worth £105.26."
        in said[1]
    )
    assert "in the worst 50% of them £90.00" in said[2]
    assert "In 20 draws the mix is worth" in said[3]
    for each in shown:
        assert each.status_code == 200
        file = site.analyst.get(str(each.url.path) + "?as=csv")
        assert file.headers["content-type"].startswith("text/csv")
        assert "What is not in this" in words(each)
