"""Lists say what their entries are; forms keep what was typed, act once, and name their fields as their labels do."""

import re
from html import unescape

import pytest

from api.pages.documents import changed, field_at, fields_of
from api.pages.routes.lists import LISTS
from api.pages.signing.kept import kept_of
from api.service.security.proofs.sessions import SESSION_COOKIE
from capitation.records.identity import digest
from tests.pages.test_pages import words


@pytest.mark.parametrize("address", LISTS)
def test_a_list_says_what_it_is_of_and_how_the_next_one_is_made(site, address):
    page = site.analyst.get(f"/{address}")
    assert page.status_code == 200
    assert LISTS[address].about in unescape(words(page))
    assert (LISTS[address].begin or LISTS[address].elsewhere[0][1]) in words(page)
    assert not re.search(r">[0-9a-f]{16}[^<]*</a>", page.text)


def test_lists_of_runs_and_jobs_name_the_scenario_and_leave_as_files(site):
    for address in ("/runs", "/jobs"):
        assert "Bedfordshire, Luton and Milton Keynes, 2016/17 to 2020/21" in words(site.analyst.get(address))
    assert site.run_id in site.analyst.get("/runs?as=csv").text
    assert site.analyst.get("/jobs?as=xlsx").content[:2] == b"PK"
    assert site.signed_in("finance", subject="fay").get("/journals").status_code == 200
    assert "Journals are read by finance; your role is analyst" in words(site.analyst.get("/journals"))


def test_the_audit_record_says_who_did_what(site):
    ada = site.signed_in("administrator", subject="ada")
    said = words(ada.get("/audit"))
    assert re.search(r"\d+ \w+ \d{4}, \d\d:\d\d ann BLMK runs: made", said)
    assert "{" not in said


def test_a_form_of_a_list_is_refused_with_its_labels_and_keeps_what_was_typed(site):
    refused = site.analyst.send("/designs", scenario="blmk", family="pool", draws="many")
    assert refused.status_code == 422
    assert "Number of draws: found 'many'" in unescape(words(refused))
    assert 'value="many"' in refused.text
    assert '<option value="pool" selected>' in refused.text
    few = site.analyst.send("/designs", scenario="blmk", family="shares", draws="3")
    assert "Number of draws: found" in words(few)
    partner = site.signed_in("partner", organisation="L-U35004")
    assert partner.send("/designs", scenario="blmk", family="shares", draws="1000").status_code == 403


def test_a_value_is_chosen_by_a_part_of_its_name_and_a_fault_names_it_in_words(site):
    ann = site.analyst
    chosen = ann.get("/scenarios/blmk?path=Better Care Fund minimum › Rate")
    assert "Money › Top slices › Better Care Fund minimum › Rate" in words(chosen)
    assert 'name="path" value="money.top_slices.0.rate"' in chosen.text
    several = words(ann.get("/scenarios/blmk?path=pounds"))
    assert re.search(r"Which value: \d+ values have “pounds” in their names; choose one from the table below", several)
    etag = re.search(r'name="etag" value="([^"]+)"', chosen.text)[1].replace("&#34;", '"')
    found = re.search(r"\?path=(gaps\.\d+\.parts\.\d+\.pounds)", ann.get("/scenarios/blmk").text)[1]
    refused = ann.send(
        "/scenarios/blmk", do="change", etag=etag, path=found, value="much", reason="to try", owner="Ann"
    )
    assert refused.status_code == 422
    summary = re.search(r'nhsuk-error-summary__list">(.*?)</ul>', refused.text, re.DOTALL)[1]
    assert "Gaps › " in summary
    assert "gaps." not in summary


def test_words_of_values_and_of_their_changes():
    document = {
        "id": "x",
        "gaps": [{"year": "2018/19", "parts": [{"name": "the system", "pounds": 5000}], "is_open": True}],
    }
    said = [(each.words, each.shown) for each in fields_of(document)]
    assert ("Gaps › 2018/19 › Parts › The system › Pounds", "£5,000") in said
    assert ("Gaps › 2018/19 › Is open", "yes") in said
    assert field_at(document, "scenario x: gaps.0.parts.0.pounds").value == "5000"
    assert field_at(document, "/gaps/0/parts/0/pounds").value == "5000"
    assert field_at(document, "something else") is None
    made = changed(document, "gaps.0.parts.0.pounds", "6000", "to see", "Ann")
    assert "gaps › 2018/19 › Parts › The system › Pounds from 5000 to 6000, because to see (Ann)" in made["about"]


def test_a_form_that_is_sent_after_its_session_ended_is_kept_through_the_sign_in(site):
    ann, key = site.signed_in("analyst", subject="ann"), site.key("analyst", subject="ann")
    page = ann.get("/scenarios/blmk?path=need_year").text
    etag = re.search(r'name="etag" value="([^"]+)"', page)[1].replace("&#34;", '"')
    typed = {
        "do": "change",
        "etag": etag,
        "path": "need_year",
        "value": "when it suits",
        "reason": "to\ntry",
        "owner": "Ann",
    }
    mark = ann.mark()
    site.service.store.end_session(digest(ann.client.cookies[SESSION_COOKIE]))
    site.service.identity.forget()
    ended = ann.send("/scenarios/blmk", mark=mark, **typed)
    assert ended.status_code == 401
    assert "What you typed is kept on this page" in words(ended)
    hidden = {
        name: unescape(re.search(rf'name="{name}" value="([^"]*)"', ended.text)[1])
        for name in ("mark", "again", "kept")
    }
    wrong = ann.send("/sign-in", **hidden, key="cap_nothing")
    assert wrong.status_code == 401
    assert "when it suits" in unescape(wrong.text)
    again = ann.send("/sign-in", **hidden, key=key)
    assert again.status_code == 200
    assert "Look at what you typed, and send it once more" in words(again)
    assert key not in again.text
    fields = {n: unescape(v) for n, v in re.findall(r'<textarea name="(\w+)" hidden>\n([^<]*)</textarea>', again.text)}
    assert fields == typed
    own = re.search(r'name="mark" value="([^"]+)"', again.text)[1]
    sent = ann.send("/scenarios/blmk", mark=own, **fields)
    assert sent.status_code == 422
    assert 'value="when it suits"' in sent.text


def test_what_another_site_sent_is_not_kept_and_nothing_is_sent_on_elsewhere(site):
    nobody = site.nobody()
    sent = nobody.client.post("/runs", data={"scenario": "blmk", "mark": "guessed"}, headers=nobody.headers)
    assert sent.status_code == 401
    assert "kept on this page" not in words(sent)
    for address in ("https://elsewhere.example", "//elsewhere.example", "/v1/runs", "runs"):
        assert kept_of(address, '[["scenario", "blmk"]]') is None
    for text in ("", "not json", "{}", "[[1]]", '[["key", "cap_x"]]'):
        assert kept_of("/runs", text) is None


def test_a_journal_that_is_asked_for_twice_is_one_and_both_land_on_it(site):
    ann, ben, fay = site.analyst, site.signed_in("approver", subject="ben"), site.signed_in("finance", subject="fay")
    rows = "year,commissioner,provider,line,plan_value_pence\n2018/19,06P,RYV,community,700"
    asked = ann.send("/settlements", contract="blmk-block", rows=rows)
    site.work()
    at = re.search(r'href="(/settlements/\w+)"', ann.get(asked.headers["location"]).text)[1]
    ben.send("/approvals", result=f"/v1{at}", note="read")
    landed = [fay.send("/journals", result=f"/v1{at}", period="2018/19") for _ in range(2)]
    assert [each.status_code for each in landed] == [303, 303]
    assert landed[0].headers["location"] == landed[1].headers["location"]
    page = words(fay.get(landed[0].headers["location"]))
    assert "Journal of Block, 2018/19" in page
    assert "Accounting date: 31 March 2019" in page
