"""Pages say what the numbers say, lead from a figure to the cell it came from, and show nobody what is not theirs."""

import re
from types import SimpleNamespace

import pytest

from api.pages.rendering import NAVIGATION
from tests.pages.conftest import HTML


def words(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text.replace("\u2060", "")))


def test_home_answers_the_first_three_questions_from_the_numbers(site):
    said = words(site.analyst.get("/"))
    assert "£1,535.7m in 2018/19 for 25 localities" in said
    assert "The Bridge MK is 2.2% (£1.2m) under its target. Closing half of that would cost £0.6m a year" in said
    assert "Doing nothing leaves a gap of £203.0m in 2020/21" in said


@pytest.mark.parametrize("address", [href for href, _ in NAVIGATION] + ["/runs", "/catalogue", "/data-packs"])
def test_every_page_of_the_navigation_is_there(site, address):
    answer = site.analyst.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    assert len(re.findall("<h1", answer.text)) == 1
    assert 'class="app-lead"' in answer.text or address in {"/", "/what-if"}


def test_pages_name_nothing_elsewhere_and_have_no_script_or_style_in_them(site):
    for address in ("/", f"/fair-share/{site.run_id}", f"/runs/{site.run_id}", "/sign-in"):
        text = site.analyst.get(address).text
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)
        assert not re.findall(r"<style| style=|<script(?! src)| on[a-z]+=", text)


def test_a_figure_is_followed_from_fair_share_to_a_printed_cell(site):
    page = site.analyst.get(f"/fair-share/{site.run_id}").text
    link = re.search(r'href="(/figures/[^"]+total_pence|/figures/[^"]+allocation_pence[^"]+)"', page)[1].replace(
        "&amp;", "&"
    )
    first = site.analyst.get(link)
    assert first.status_code == 200
    deep = site.analyst.get(link.replace("depth=3", "depth=12"))
    assert "printed cell" in words(deep)


def test_a_table_leaves_with_every_penny(site):
    csv = site.analyst.get(f"/fair-share/{site.run_id}?as=csv")
    assert csv.headers["content-type"].startswith("text/csv")
    assert "gap_gbp" in csv.text.splitlines()[0]
    book = site.analyst.get(f"/fair-share/{site.run_id}?as=xlsx")
    assert book.content[:2] == b"PK"


def test_an_error_is_a_page_with_the_type_and_code_of_the_problem(site):
    answer = site.analyst.get("/runs/0000000000000000")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "urn:capitation:problem:not-found" in answer.text
    plain = site.analyst.client.get("/v1/runs/0000000000000000", headers={"Accept": "application/json"})
    assert plain.json()["type"] == "urn:capitation:problem:not-found"


def test_an_address_that_cannot_be_read_says_what_it_lacks_and_where_to_go(site):
    answer = site.analyst.get("/plans/none")
    assert answer.status_code == 422
    assert "This address cannot be read" in answer.text
    assert "Result id : found &#39;none&#39;; expected a text such as" in words(answer)
    assert "pattern" not in answer.text
    assert "start again from Home" in answer.text


def test_who_is_not_signed_in_is_shown_where_to_sign_in(site):
    answer = site.nobody().get("/")
    assert answer.status_code == 401
    assert "/sign-in" in answer.text
    assert "no-credential" in answer.text


def test_a_wrong_key_is_refused_on_the_form(site):
    browser = site.nobody()
    answer = browser.send("/sign-in", mark=browser.mark("/sign-in"), key="cap_nonsense")
    assert answer.status_code == 401
    assert "There is a problem" in answer.text


def test_a_session_is_safe_and_ends(site):
    browser = site.nobody()
    answer = browser.send("/sign-in", mark=browser.mark("/sign-in"), key=site.key("approver"), next="//evil.example")
    assert answer.headers["location"] == "/"
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(answer.headers["set-cookie"].split("; "))
    cookie = browser.client.cookies["capitation_session"]
    assert browser.get("/").status_code == 200
    assert browser.send("/sign-out").headers["location"] == "/sign-in"
    browser.client.cookies.set("capitation_session", cookie)
    assert browser.get("/").status_code == 401


def test_a_form_of_another_site_is_refused(site):
    answer = site.analyst.send("/runs", scenario="blmk", mark="a" * 43)
    assert answer.status_code == 403
    assert "not made for you" in answer.text


def test_a_session_changes_nothing_under_v1(site):
    answer = site.analyst.client.post("/v1/runs", json={"scenario": "blmk"}, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["code"]) == (401, "session-reads")


def test_an_approver_approves_on_the_page_and_a_maker_is_shown_no_form(site):
    assert "Approve this run" not in site.analyst.get(f"/runs/{site.run_id}").text
    approver = site.signed_in("approver", subject="ben")
    assert "Approve this run" in approver.get(f"/runs/{site.run_id}").text


def test_home_says_of_a_draft_that_another_run_is_approved(site, monkeypatch):
    assert "The newest approved run is" not in words(site.analyst.get("/"))
    monkeypatch.setattr(
        type(site.service.store), "newest_approval", lambda _store, _kind: SimpleNamespace(result=site.run_id)
    )
    shown = site.analyst.get("/")
    assert "This run is a draft. The newest approved run is" in words(shown)
    assert f'href="/?run={site.run_id}"' in shown.text


def test_an_address_without_a_page_says_so(site):
    answer = site.analyst.get("/nope")
    assert answer.status_code == 404
    assert "/nope: there is no such address" in words(answer)
    assert "start again from Home" in words(answer)


def test_a_partner_sees_own_rows_only(site):
    partner = site.signed_in("partner", subject="pam", organisation="L-U35004")
    page = words(partner.get(f"/allocations/{site.run_id}"))
    assert "Crown" not in page or "Chiltern Hills" not in page
    assert "for Crown, the only locality that you see" in page
    assert "The part that you see of the control total of 2018/19 is £" in page
    whole = site.analyst.get(f"/allocations/{site.run_id}?as=csv").text.splitlines()
    own = partner.get(f"/allocations/{site.run_id}?as=csv").text.splitlines()
    assert len(own) < len(whole)
    assert set(own) <= set(whole)
    assert "Only those who run the system can see this" in words(partner.get("/"))


def test_the_first_key_is_made_on_a_page_and_closes_the_way_in(empty_site):
    token = empty_site.service.identity.local_token.renew()
    browser = empty_site.nobody()
    browser.client.get("/local", params={"token": token}, headers=HTML)
    assert "Make the first key" in browser.get("/").text
    assert browser.send("/first-key", mark=browser.mark("/"), subject="").status_code == 422
    made = browser.send("/first-key", mark=browser.mark("/"), subject="ada")
    key = re.search(r"cap_[0-9a-f]{16}_[\w-]{43}", made.text)[0]
    assert "administrator" in browser.get("/keys").text
    again = empty_site.nobody()
    assert again.client.get("/local", params={"token": token}, headers=HTML).status_code == 401
    assert again.send("/sign-in", mark=again.mark("/sign-in"), key=key).status_code == 303
    issued = again.send("/keys", mark=again.mark("/"), subject="ann", role="analyst", organisation="")
    assert issued.status_code == 201, issued.text
    assert re.search(r"cap_[0-9a-f]{16}_[\w-]{43}", issued.text)


def test_places_say_how_many_people_a_practice_has_to_those_who_may_see_it_only(site, monkeypatch):
    """A map of one's own would tell each practice's people, and a partner sees nobody's but its own."""
    shown = {}
    for smallest in (5, 4_000):
        settings = site.service.settings.model_copy(update={"smallest_shown": smallest})
        monkeypatch.setattr(site.service, "settings", settings)
        for role, organisation in (("analyst", "BLMK"), ("finance", "BLMK"), ("partner", "06F")):
            text = site.signed_in(role, organisation=organisation).get("/places").text
            assert "Practices on the list" in text
            shown[role, smallest] = "egistered persons" in text
    assert shown == {
        ("analyst", 5): True, ("finance", 5): True, ("partner", 5): False,
        ("analyst", 4_000): True, ("finance", 4_000): False, ("partner", 4_000): False,
    }  # fmt: skip
