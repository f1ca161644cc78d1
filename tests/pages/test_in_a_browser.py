"""Pages in a real browser: no barrier that a checker finds, nothing from elsewhere, keyboard only, without scripts, on a phone."""

import shutil
import threading
import time

import pytest
import uvicorn

from tests.api.service.real_server import until

pytestmark = pytest.mark.deep

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
MOST_BYTES, MOST_SECONDS = 300_000, 0.3


@pytest.fixture(scope="module")
def root(site):
    """The address of the served site."""
    server = uvicorn.Server(uvicorn.Config(site.app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started or not thread.is_alive())
    assert server.started
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = server.force_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def chromium():
    """A browser; skips where there is none on this machine."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        for context in browser.contexts:
            context.close()
        browser.close()


def entered(chromium, site, root, **settings):
    """A page of a browser that is signed in as an analyst."""
    page = chromium.new_context(**settings).new_page()
    page.goto(f"{root}/sign-in")
    page.fill("#key", site.key("analyst", subject="ann"))
    page.press("#key", "Enter")
    page.wait_for_url(f"{root}/")
    return page


def addresses(site):
    run = site.run_id
    plain = "/ /scenarios /scenarios/blmk /places /options /options/blmk-contract-options /problems /what-if /help /jobs /runs /data-packs /catalogue"
    about = [f"/{word}/{run}" for word in ("allocations", "fair-share", "assumptions", "activity-shift", "runs")]
    figure = f"/figures/{run}/place_distance/target_pence?where=year%3D2018%2F19&where=area_code%3DL-U35004&depth=3"
    return [*plain.split(), *about, figure, "/runs/0000000000000000", f"/runs/{run}/frames/allocation"]


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_a_checker_finds_no_barrier_on_any_page(chromium, site, root, width):
    """320 pixels are 1280 at 400% zoom."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = entered(chromium, site, root, viewport={"width": width, "height": 900})
    elsewhere = []
    page.on("request", lambda asked: None if asked.url.startswith(root) else elsewhere.append(asked.url))
    found = {}
    for address in addresses(site):
        page.goto(root + address)
        for media in ("print", "screen"):
            page.emulate_media(media=media)
            report = axe.Axe().run(page, options={"runOnly": WCAG})
            if report.violations_count:
                found[address, media] = report.generate_report()
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            found[address, "width"] = f"{wide} pixels wider than the screen"
    assert found == {}
    assert elsewhere == []


def test_pages_are_light_and_quick(site):
    slow, heavy = {}, {}
    parts = [site.analyst.client.get(f"/static/{name}") for name in ("site.css", "site.js")]
    files = sum(int(each.headers["content-length"]) for each in parts)
    for address in addresses(site):
        took = []
        for _ in range(20):
            began = time.perf_counter()
            answer = site.analyst.get(address)
            took.append(time.perf_counter() - began)
        if sorted(took)[18] > MOST_SECONDS:
            slow[address] = took
        if int(answer.headers["content-length"]) + files > MOST_BYTES:
            heavy[address] = len(answer.content)
    assert (slow, heavy) == ({}, {})


def test_who_is_furthest_and_what_half_costs_is_found_by_keyboard_alone(chromium, site, root):
    page = entered(chromium, site, root)
    for _ in range(80):
        page.keyboard.press("Tab")
        if "furthest" in page.evaluate("document.activeElement.textContent"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url(f"{root}/fair-share/*")
    assert "Closing half of that would cost £1.3m" in page.text_content(".app-lead")


def test_a_run_is_watched_to_its_end_without_scripts_after_closing_the_page(chromium, site, root):
    page = entered(chromium, site, root, java_script_enabled=False)
    copy = site.analyst.send("/scenarios/blmk", do="copy", new_id="watched", new_title="Watched")
    assert copy.status_code == 303
    page.goto(f"{root}/scenarios/watched")
    page.click("button:has-text('Run it')")
    address = page.url
    assert "/jobs/" in address
    context = page.context
    page.close()
    site.work()
    again = context.new_page()
    again.goto(address)
    again.click("text=See the result")
    again.wait_for_url(f"{root}/runs/*")


def test_the_way_in_without_a_session_is_a_page(chromium, root):
    page = chromium.new_context().new_page()
    page.goto(f"{root}/")
    page.click("text=Sign in with a key")
    page.wait_for_url(f"{root}/sign-in**")
