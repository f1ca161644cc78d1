"""What people do on pages, done by a mouse, by the keyboard alone, and without scripts: each thing once, from a key to its end."""

import re

import pytest

from api.service.security.proofs.sessions import SESSION_COOKIE
from capitation.records.identity import digest
from tests.pages.conftest import entered

pytestmark = pytest.mark.deep

MOST_TABS = 400


class Mouse:
    """Somebody with a mouse."""

    def __init__(self, page):
        self.page = page

    def press(self, words, within="main"):
        with self.page.expect_navigation():
            self.page.click(f"{within} :is(a, button):has-text('{words}') >> nth=0")

    def unfold(self, words):
        self.page.click(f"summary:has-text('{words}')")

    def type(self, name, text):
        self.page.fill(f"[id='{name}']", text)

    def choose(self, name, label):
        self.page.select_option(f"[id='{name}']", label=label)


class Keyboard(Mouse):
    """Somebody with a keyboard alone: tabs to what is wanted, and presses Enter or types."""

    def _to(self, is_it):
        self.page.evaluate("document.activeElement && document.activeElement.blur()")
        for _ in range(MOST_TABS):
            self.page.keyboard.press("Tab")
            if self.page.evaluate(is_it):
                return
        raise AssertionError(f"not reached by Tab: {is_it}")

    def press(self, words, within="main"):
        self._to(f"document.activeElement.matches('{within} :is(a, button)') && document.activeElement.textContent.includes('{words}')")  # fmt: skip
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def unfold(self, words):
        self._to(f"document.activeElement.matches('summary') && document.activeElement.textContent.includes('{words}')")
        self.page.keyboard.press("Enter")

    def type(self, name, text):
        self._to(f"document.activeElement.id === '{name}'")
        self.page.keyboard.press("Control+A")
        if "\n" in text:
            self.page.keyboard.insert_text(text)
        else:
            self.page.keyboard.type(text)

    def choose(self, name, label):
        self._to(f"document.activeElement.id === '{name}'")
        self.page.keyboard.type(label)


HANDS = [("mouse", Mouse, {}), ("keyboard", Keyboard, {}), ("no scripts", Mouse, {"java_script_enabled": False})]


@pytest.fixture(params=HANDS, ids=[name for name, *_ in HANDS])
def hand(request, chromium, site, root):
    """What gives hands of one kind to somebody with a role."""
    name, kind, settings = request.param

    def of(role, subject, address):
        page = entered(chromium, site, root, role, subject=subject, **settings)
        page.goto(root + address)
        return kind(page)

    of.name = name.replace(" ", "-")
    return of


def said(hands, selector="main"):
    return re.sub(r"\s+", " ", hands.page.inner_text(selector))


def test_a_scenario_is_copied_changed_taken_back_and_run_and_its_result_says_when_it_is_stale(hand, site, root):
    ann = hand("analyst", "ann", "/scenarios/blmk")
    name = f"hand-{hand.name}"
    ann.type("new_id", name)
    ann.type("new_title", f"By {hand.name}")
    ann.press("Copy")
    assert ann.page.url == f"{root}/scenarios/{name}"
    ann.type("path", "Better Care Fund minimum › Rate")
    ann.press("Choose")
    ann.type("value", "much")
    ann.type("reason", "to see")
    ann.press("Keep the change")
    assert "There is a problem" in said(ann)
    assert ann.page.input_value("#value") == "much"
    ann.type("value", "0.04")
    ann.type("owner", "Ann")
    ann.press("Keep the change")
    assert "because to see (Ann)" in said(ann)
    ann.press("Run it")
    watched = ann.page.url
    assert "/jobs/" in watched
    ann.page.goto(f"{root}/")
    site.work()
    ann.page.goto(watched)
    ann.press("See the result")
    result = ann.page.url
    assert f"Run of By {hand.name}" in said(ann)
    assert "Stale" not in said(ann)
    ann.page.goto(f"{root}/scenarios/{name}")
    ann.press("Go back to version 1")
    assert "because to see" not in said(ann)
    ann.page.goto(result)
    assert "Its scenario has changed since" in said(ann)
    ann.press("Run its scenario again")
    assert ann.page.url == f"{root}/scenarios/{name}"
    ann.page.goto(f"{root}/runs/compare")
    for box in ann.page.locator("input[name=run]").all()[:2]:
        box.check(force=True)
    ann.press("Compare them")
    assert "What differs in" in said(ann) or "say the same of all" in said(ann)


def test_a_map_with_an_overlap_is_refused_with_what_was_typed_kept(hand):
    ann = hand("analyst", "ann", "/places")
    lines = ann.page.input_value("#map").split()
    ann.type("map", "\n".join([*lines, f"{lines[1].split(',')[0]},{lines[-1].split(',')[1]}"]))
    ann.press("Check it")
    assert lines[1].split(",")[0] in said(ann, ".nhsuk-error-summary")
    assert ann.page.input_value("#map").split()[-1].startswith(lines[1].split(",")[0])


def test_terms_are_designed_from_a_form_that_says_what_is_wrong(hand, site):
    ann = hand("analyst", "ann", "/designs")
    if not ann.page.locator("#draws").is_visible():
        ann.unfold("Design the terms")
    ann.choose("family", "Proportional shares of gains and losses")
    ann.type("draws", "few")
    ann.press("Design the terms", "form")
    assert "Number of draws: found 'few'" in said(ann)
    assert ann.page.input_value("#draws") == "few"
    assert ann.page.input_value("#family") == "shares"
    ann.type("draws", "1000")
    ann.press("Design the terms", "form")
    assert "/jobs/" in ann.page.url
    site.work()
    ann.page.reload()
    ann.press("See the result")
    assert "of the next pound saved a locality keeps" in said(ann)


def test_the_terms_of_a_contract_are_redrawn_and_kept_with_a_reason(hand, root):
    ann = hand("analyst", "ann", "/contracts/blmk-capitation-corridor")
    name = f"corridor-{hand.name}"
    ann.type("new_id", name)
    ann.type("new_title", f"Corridor by {hand.name}")
    ann.press("Copy")
    ann.press("Change its terms")
    ann.type("parameters.0.values.0.value", "0.02")
    ann.press("Check and redraw")
    ann.page.wait_for_selector("#outcome .app-lead:has-text('As typed')")
    ann.press("Keep as a new version")
    assert "Why: found nothing" in said(ann)
    assert ann.page.input_value("[id='parameters.0.values.0.value']") == "0.02"
    ann.type("reason", "to try twice the edge")
    ann.type("owner", "Ann")
    ann.press("Keep as a new version")
    ann.page.goto(f"{root}/contracts/{name}")
    assert "because to try twice the edge (Ann)" in said(ann)


def test_a_settlement_is_approved_and_its_journal_is_made_by_two_clicks_and_is_one(hand, site, root):
    ann = hand("analyst", "ann", "/settlements")
    ann.choose("contract", "Block")
    ann.press("Show what it needs")
    year = {"mouse": "2016/17", "keyboard": "2017/18", "no-scripts": "2018/19"}[hand.name]
    ann.type("rows", f"year,commissioner,provider,line,plan_value_pence\n{year},06P,RYV,community,1000")
    ann.press("Settle it")
    site.work()
    ann.page.reload()
    ann.press("See the result")
    at = ann.page.url.removeprefix(root)
    ben = hand("approver", "ben", at)
    ben.type("note", "read")
    ben.press("Approve this settlement")
    assert "approved by ben" in said(ben)
    fay = hand("finance", "fay", at)
    fay.type("period", year)
    if hand.name == "mouse":
        fay.page.dblclick("button:has-text('Make the journal')")
    else:
        fay.press("Make the journal")
        made = fay.page.url
        fay.page.go_back()
        fay.type("period", year)
        fay.press("Make the journal")
        assert fay.page.url == made
    fay.page.wait_for_url(f"{root}/journals/*")
    assert "so it balances" in said(fay)
    fay.page.goto(f"{root}/journals")
    assert said(fay).count("Block") >= 1


def test_a_slider_is_moved_and_both_the_localities_and_the_contracts_answer(hand, site):
    ann = hand("analyst", "ann", f"/what-if?run={site.run_id}")
    if hand.name == "no-scripts":
        ann.page.goto(f"{ann.page.url}&growth=1")
        ann.press("What each contract option makes of it")
    else:
        ann.page.focus("#growth")
        for _ in range(5):
            ann.page.keyboard.press("ArrowRight")
        ann.page.dispatch_event("#growth", "change")
        ann.page.wait_for_selector("#outcome :text('With growth +')")
        ann.page.wait_for_selector(
            "#outcome :text('in the first year of the contracts'), #outcome :text('No contract option leaves')"
        )
    assert "With growth +" in said(ann)


def test_what_was_typed_is_kept_where_the_session_ends_before_it_is_sent(hand, site, root):
    ann = hand("analyst", "ann", "/scenarios/blmk")
    ann.type("new_id", f"kept-{hand.name}")
    ann.type("new_title", f"Kept by {hand.name}")
    site.service.store.end_session(
        digest(next(c["value"] for c in ann.page.context.cookies() if c["name"] == SESSION_COOKIE))
    )
    site.service.identity.forget()
    ann.press("Copy")
    assert "What you typed is kept on this page" in said(ann)
    ann.type("key", site.key("analyst", subject="ann"))
    ann.press("Sign in and go on")
    assert f"kept-{hand.name}" in said(ann)
    ann.press("Send it")
    assert ann.page.url == f"{root}/scenarios/kept-{hand.name}"
