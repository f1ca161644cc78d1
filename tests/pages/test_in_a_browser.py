"""Pages in a real browser: no barrier that a checker finds, nothing from elsewhere, keyboard only, without scripts, on a phone."""

import re

import pytest

from api.service.kinds import KINDS
from tests.pages.conftest import entered

pytestmark = pytest.mark.deep

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
MOST_BYTES = 300_000
PARTS = 4
"""In how many tests the pages are checked at one width."""
RESULTS = "comparisons|party-chances|chances|simulations|designs|plans"


@pytest.fixture(scope="module")
def compared(site):
    """Contract options that were compared, chances of parties and localities, a mix in doubt, designed terms, and a plan."""
    asked = [
        site.analyst.send("/comparisons", options="blmk-contract-options"),
        site.analyst.send("/party-chances", options="blmk-contract-options", draws="200"),
        site.analyst.send("/chances", scenario="blmk", draws="2000"),
        site.analyst.send("/simulations", problem="overlap_pair", draws="50"),
        site.analyst.send("/designs", scenario="blmk", family="shares", draws="1000"),
        site.analyst.send("/plans", scenario="blmk", options="blmk-contract-options", problem="blmk"),
    ]
    site.work()
    pages = [site.analyst.get(each.headers["location"]).text for each in asked]
    return [re.search(rf'href="(/(?:{RESULTS})/\w+)"', page)[1] for page in pages]


def addresses(site, compared):
    run = site.run_id
    plain = """/ /scenarios /scenarios/blmk /places /options /options/blmk-contract-options /problems /contracts /contracts/blmk-capitation-corridor
        /contracts/blmk-capitation-corridor/terms /what-if /help /jobs /runs /runs/compare /data-packs /data-checks /data-checks?show=sources
        /data-checks?show=ends /catalogue"""
    about = [f"/{word}/{run}" for word in ("allocations", "fair-share", "assumptions", "activity-shift", "runs")]
    about += [f"/fair-share/{run}?show=tiles", f"/activity-shift/{run}?show=activity"]
    about += [
        f"/runs/{run}/{word}"
        for word in ("risk", "risk?show=spread", "risk?show=drivers", "risk?show=localities", "investment")
    ]
    about += [f"/runs/{run}/charts/distances{tab}" for tab in ("", "/table", "/sources", "/download")]
    about += [f"{compared[0]}?show={show}" for show in ("payoff", "statement", "gap", "matters", "terms")]
    about += [f"/allocations/{run}?show={show}" for show in ("places", "providers", "waterfall")]
    about += [f"{compared[-1]}?show={show}" for show in ("left", "mix", "payoff")]
    about += [f"/{kind.address}" for kind in KINDS.values()]
    about += [
        "/approvals",
        "/formulas",
        "/settlements?contract=blmk-block",
        "/catalogue/terms",
        "/data-packs/blmk",
        "/what-if?growth=1&contracts=yes",
    ]
    about += [
        "/scenarios/blmk?path=money.top_slices.0.rate",
        "/scenarios/blmk?path=pounds",
        f"/runs/compare?run={run}",
        "/nowhere",
        "/journals",
    ]
    figure = f"/figures/{run}/place_distance/target_pence?where=year%3D2018%2F19&where=area_code%3DL-U35004&depth=3"
    position = "where=option%3Ddo-minimum&where=activity_case%3Dplan-plus-5&where=year%3D2018%2F19&where=role%3Dcommissioner&where=organisation_code%3D06P"
    figure += f" /figures/{compared[0].rpartition('/')[2]}/position/position_pence?{position}&depth=3"
    return [
        *plain.split(),
        *about,
        *compared[1:],
        *figure.split(),
        "/runs/0000000000000000",
        f"/runs/{run}/frames/allocation",
    ]


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("width", [1280, 390, 320])
def test_a_checker_finds_no_barrier_on_any_page(chromium, site, root, compared, width, part):
    """320 pixels are 1280 at 400% zoom."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = entered(chromium, site, root, viewport={"width": width, "height": 900})
    elsewhere = []
    page.on("request", lambda asked: None if asked.url.startswith(root) else elsewhere.append(asked.url))
    found = {}
    for address in addresses(site, compared)[part::PARTS]:
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


def test_pages_are_light(site, compared):
    heavy = {}
    parts = [site.analyst.client.get(f"/static/{name}") for name in ("site.css", "site.js")]
    files = sum(int(each.headers["content-length"]) for each in parts)
    for address in addresses(site, compared):
        answer = site.analyst.get(address)
        if int(answer.headers["content-length"]) + files > MOST_BYTES:
            heavy[address] = len(answer.content)
    assert heavy == {}


def test_who_is_furthest_and_what_half_costs_is_found_by_keyboard_alone(chromium, site, root):
    page = entered(chromium, site, root)
    for _ in range(80):
        page.keyboard.press("Tab")
        if "furthest" in page.evaluate("document.activeElement.textContent"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url(f"{root}/fair-share/*")
    assert re.search(r"Closing half of that would cost £\d+\.\d+m a year", page.text_content(".app-lead"))


def test_who_is_furthest_and_what_half_costs_takes_one_click_on_a_phone(chromium, site, root):
    page = entered(chromium, site, root, viewport={"width": 390, "height": 844}, has_touch=True)
    page.tap("#question-2 a")
    page.wait_for_url(f"{root}/fair-share/*")
    assert re.search(r"Closing half of that would cost £\d+\.\d+m a year", page.text_content(".app-lead"))
    assert page.evaluate("document.querySelector('figure img').currentSrc").endswith("drawing-narrow.svg")


def test_a_new_contract_option_is_made_from_the_base_and_read_for_each_provider(chromium, site, root):
    page = entered(chromium, site, root)
    page.goto(f"{root}/contracts/blmk-capitation-corridor")
    page.fill("#new_id", "wider-corridor")
    page.fill("#new_title", "Wider corridor")
    page.click("button:has-text('Copy')")
    page.click("text=Change its terms")
    page.fill("[id='parameters.0.values.0.value']", "0.02")
    page.press("[id='parameters.0.values.0.value']", "Tab")
    page.wait_for_selector("#outcome .app-lead:has-text('As typed')")
    page.fill("#reason", "to try twice the edge")
    page.fill("#owner", "Ann")
    page.click("button:has-text('Keep as a new version')")
    page.goto(f"{root}/options/blmk-contract-options")
    page.fill("#new_id", "driven-options")
    page.click("button:has-text('Copy')")
    page.wait_for_url(f"{root}/options/driven-options")
    page.fill("#option", "wider")
    page.fill("#option_title", "A wider corridor for the hospitals")
    page.select_option("#contract", "wider-corridor")
    page.check("#group-hospitals", force=True)
    page.fill("#option_reason", "to see who bears it")
    page.fill("#option_owner", "Ann")
    page.click("button:has-text('Add the option')")
    page.wait_for_load_state()
    page.click("button:has-text('Compare its options')")
    page.wait_for_url(f"{root}/jobs/*")
    site.work()
    page.reload()
    page.click("text=See the result")
    page.wait_for_url(f"{root}/comparisons/*")
    table = page.text_content("table")
    assert "A wider corridor for the hospitals" in table
    assert "Luton and Dunstable" in table


def test_a_map_with_an_overlap_is_said_while_it_is_typed_and_refused_when_it_is_sent(chromium, site, root):
    page = entered(chromium, site, root)
    page.goto(f"{root}/places")
    lines = page.input_value("#map").split()
    page.fill("#map", "\n".join([*lines, f"{lines[1].split(',')[0]},{lines[-1].split(',')[1]}"]))
    page.wait_for_selector("#outcome .app-lead:has-text('1 fault')")
    page.click("button:has-text('Check it'):not(:has-text('file'))")
    page.wait_for_selector(".nhsuk-error-summary")
    assert lines[1].split(",")[0] in page.text_content(".nhsuk-error-summary")
    assert page.input_value("#map").split()[-1].startswith(lines[1].split(",")[0])


def test_a_slider_is_answered_in_its_place(chromium, site, root):
    page = entered(chromium, site, root)
    page.goto(f"{root}/what-if")
    page.evaluate(
        "const s = document.getElementById('floor'); s.value = '1.5'; s.dispatchEvent(new Event('change', {bubbles: true}))"
    )
    page.wait_for_selector("#outcome .app-lead:has-text('at 1.5%')")


def test_a_partner_sees_own_rows_only_and_no_form(chromium, site, root):
    page = entered(chromium, site, root, "partner", "L-U35004")
    page.goto(f"{root}/fair-share/{site.run_id}")
    rows = page.locator("tbody tr").all_text_contents()
    assert len(rows) == 1
    assert "Crown" in rows[0]
    page.goto(f"{root}/scenarios/blmk")
    assert page.locator("button:has-text('Run it')").count() == 0


def test_core_pages_work_without_scripts(chromium, site, root):
    page = entered(chromium, site, root, java_script_enabled=False)
    page.click("#question-1 a")
    page.wait_for_url(f"{root}/allocations/*")
    page.click("nav >> text=Waterfall")
    page.click("tbody a >> nth=0")
    page.wait_for_url(f"{root}/figures/**")
    assert "Why this much?" in page.text_content("h1")
    page.goto(f"{root}/contracts/blmk-capitation-corridor/terms")
    page.fill("[id='parameters.0.values.0.value']", "much")
    page.click("button:has-text('Check and redraw')")
    assert "found 'much'" in page.text_content(".nhsuk-error-summary")
    page.goto(f"{root}/what-if?growth=1")
    assert "With growth +1%" in page.text_content(".app-lead")


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


def test_plans_designs_and_mixes_in_doubt_have_a_finding_a_chart_and_a_table_with_files(site, compared):
    simulation, design, plan = compared[-3:]
    found = {
        page: site.analyst.get(page) for page in (simulation, design, plan, f"{plan}?show=left", f"{plan}?show=mix")
    }
    for page, answer in found.items():
        assert answer.status_code == 200, page
        assert "<figure" in answer.text, page
        assert "as=csv" in answer.text, page
        assert "What is not in this" in answer.text or page.startswith("/plans"), page
        assert "Status:" in answer.text, page
        assert (
            site.analyst.get(re.search(r'<img src="([^"]+)"', answer.text)[1].replace("&amp;", "&")).status_code == 200
        )
    assert re.search(r"In 50 draws the mix is worth .*£.+ to .*£.+ in 8 out of 10", found[simulation].text)
    assert "of the next pound saved a locality keeps" in found[design].text
    assert not re.search(r">L-U\d+<", found[design].text)
    assert re.search(r"\d+ of \d+ bodies reach their control total in 2020/21", found[plan].text)
    position = re.search(r'href="(/figures/[^"]+/plan_position/[^"]+)"', found[plan].text)[1].replace("&amp;", "&")
    trace = site.analyst.get(position)
    assert "doing nothing, the mix and the contracts added up" in trace.text
    assert "printed cell" in site.analyst.get(position.replace("depth=3", "depth=8")).text
