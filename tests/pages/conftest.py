"""A service with one run of the shipped scenario, shared by all tests of pages; browsers are clients with a session."""

import re
import shutil
import threading
from dataclasses import dataclass, field

import pytest
import uvicorn
from starlette.testclient import TestClient

from api.pages import answers
from api.service.app import create_app
from api.service.jobs.worker import Worker
from api.service.security.access import ROLE_SCOPES
from api.service.security.proofs.api_keys import issue_key
from api.service.settings import STORE_FILE, Settings
from tests.api.service.conftest import (  # noqa: F401  # fixtures of the service
    addresses_made_once,
    shipped_pack_hashed_once,
    shipped_scenarios_evaluated_once,
)
from tests.api.service.real_server import until

HTML = {"Accept": "text/html"}
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
WAIT = 15_000
"""Milliseconds after which a browser gives up."""


@dataclass
class Browser:
    """A browser, and how it sends forms."""

    client: TestClient
    headers: dict[str, str] = field(default_factory=lambda: dict(HTML))

    def get(self, path, **more):
        return self.client.get(path, headers=self.headers, **more)

    def mark(self, path="/help"):
        return re.search(r'name="mark" value="([^"]+)"', self.get(path).text)[1]

    def send(self, address, /, follow_redirects=False, **fields):
        if "mark" not in fields:
            fields["mark"] = self.mark()
        return self.client.post(address, data=fields, headers=self.headers, follow_redirects=follow_redirects)


@dataclass
class Site:
    """A service, and browsers for it."""

    app: object

    @property
    def service(self):
        return self.app.state.service

    def key(self, role, subject=None, organisation="BLMK"):
        import datetime as dt

        issued = issue_key(subject or role, organisation, role, ROLE_SCOPES[role], now=dt.datetime.now(dt.UTC))
        self.service.store.add_key(issued.record)
        self.service.identity.forget()
        return issued.text.get_secret_value()

    def nobody(self):
        return Browser(TestClient(self.app, base_url="http://localhost"))

    def signed_in(self, role, **named):
        browser = self.nobody()
        answer = browser.send("/sign-in", mark=browser.mark("/sign-in"), key=self.key(role, **named), next="/")
        assert answer.status_code == 303, answer.text
        return browser

    def work(self):
        worker = Worker(self.service.store, self.service.packs, self.service.settings)
        while worker.work_once():
            pass


def made(folder):
    setting = Settings(
        store=f"sqlite:///{folder / STORE_FILE}", packs=folder / "packs", local_token=folder / "token", workers=0
    )
    return Site(create_app(setting))


@pytest.fixture(scope="session")
def site(tmp_path_factory, shipped_scenarios_evaluated_once, shipped_pack_hashed_once):  # noqa: F811
    """A service with a run."""
    whole = made(tmp_path_factory.mktemp("site"))
    analyst = whole.signed_in("analyst", subject="ann")
    whole.run = analyst.send("/runs", scenario="blmk").headers["location"]
    whole.work()
    whole.analyst = analyst
    job = analyst.get(whole.run).text
    whole.run_id = re.search(r'href="/runs/([0-9a-f]+)"', job)[1]
    answers._worked[whole.run_id] = answers.WorkedAnswers(
        {3: ["contracts"], 4: ["mix"], 5: ["assumptions"]}, is_over=True
    )
    return whole


@pytest.fixture
def empty_site(tmp_path):
    """A service in which nothing was run and nobody has a key."""
    return made(tmp_path)


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


def entered(chromium, site, root, role="analyst", organisation="BLMK", *, subject="ann", **settings):
    """A page of a browser that is signed in."""
    page = chromium.new_context(**settings).new_page()
    page.set_default_timeout(WAIT)
    page.goto(f"{root}/sign-in")
    page.fill("#key", site.key(role, subject=subject, organisation=organisation))
    page.press("#key", "Enter")
    page.wait_for_url(f"{root}/")
    return page
