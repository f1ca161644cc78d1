"""A Python client generated from the description: without a warning, and enough for the way from nothing to a journal."""

import datetime as dt
import importlib
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from api.service.security.access import ROLE_SCOPES
from api.service.security.proofs.api_keys import issue_key
from api.service.settings import STORE_FILE
from api.service.store import Store
from tests.api.service.real_server import Server

ROOT = Path(__file__).parents[3]
BINARIES = Path(sys.executable).parent


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """Imports a module of the client, which was generated as `make client` does."""
    place = tmp_path_factory.mktemp("client") / "capitation-client"
    words = ["generate", "--path", "api/openapi.json", "--config", "api/client.yaml", "--meta", "setup"]
    done = subprocess.run(
        [BINARIES / "openapi-python-client", *words, "--output-path", place, "--fail-on-warning"],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{BINARIES}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()
    sys.path.insert(0, str(place))
    yield lambda name: importlib.import_module(f"capitation_client.{name}" if name else "capitation_client")
    sys.path.remove(str(place))
    for name in [name for name in sys.modules if name.partition(".")[0] == "capitation_client"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A service with a worker, started in an empty folder."""
    folder = tmp_path_factory.mktemp("served")
    store = Store(f"sqlite:///{folder / STORE_FILE}")
    store.migrate()
    keys = {}
    for subject, role in (("ann", "analyst"), ("ben", "approver"), ("cal", "finance")):
        issued = issue_key(subject, "BLMK", role, ROLE_SCOPES[role], now=dt.datetime.now(dt.UTC))
        store.add_key(issued.record)
        keys[subject] = issued.text.get_secret_value()
    store.close()
    started = Server(folder)
    assert started.wait().json()["status"] == "ready"
    started.keys = keys
    yield started
    started.stop()


@pytest.fixture
def caller(generated, server):
    """Makes the client of somebody by their name."""

    def client(subject):
        made = generated("").AuthenticatedClient(
            base_url=f"http://127.0.0.1:{server.port}",
            token=server.keys[subject],
            prefix="",
            auth_header_name="X-API-Key",
            timeout=120,
            raise_on_unexpected_status=True,
        )
        opened.append(made)
        return made

    opened = []
    yield client
    for made in opened:
        made.get_httpx_client().close()


def test_every_module_of_the_client_can_be_imported(generated):
    place = Path(generated("").__file__).parent
    names = [".".join(path.relative_to(place).with_suffix("").parts) for path in place.rglob("*.py")]
    for name in names:
        generated(name.removesuffix("__init__").rstrip("."))
    assert len(names) > 150


def test_from_nothing_to_a_balanced_journal_in_four_calls(generated, caller):
    models = generated("models")
    ann, ben, cal = caller("ann"), caller("ben"), caller("cal")

    job = generated("api.runs.request_run").sync(
        client=ann, body=models.RunRequest(scenario="blmk"), idempotency_key="run", prefer="wait=60"
    )
    assert isinstance(job, models.JobView)
    assert (job.status, job.author) == ("done", "ann")
    assert isinstance(job.created, dt.datetime)

    refused = generated("api.journals.create_journal").sync(
        client=cal, body=models.JournalRequest(result=job.result, period="2018/19"), idempotency_key="too early"
    )
    assert isinstance(refused, models.Problem)
    assert (refused.status, refused.type_) == (409, "urn:capitation:problem:not-approved")

    approval = generated("api.approvals.approve").sync(
        client=ben, body=models.ApprovalRequest(result=job.result, note="agreed"), idempotency_key="approval"
    )
    assert isinstance(approval, models.ApprovalView)
    assert (approval.made_by, approval.approved_by) == ("ann", "ben")

    made = generated("api.journals.create_journal").sync(
        client=cal, body=models.JournalRequest(result=job.result, period="2018/19"), idempotency_key="journal"
    )
    assert isinstance(made, models.JournalsMade)
    (head,) = made.items

    journal = generated("api.journals.read_journal").sync(client=cal, journal_id=head.id)
    assert isinstance(journal, models.JournalContent)
    debits, credits_ = (
        sum(Decimal(getattr(line, side)) for line in journal.lines if getattr(line, side) is not None)
        for side in ("debit", "credit")
    )
    assert debits == credits_ == Decimal(journal.debit_total) == Decimal(head.credit_total) > 0
    assert len(journal.lines) == head.lines
    assert journal.approval.approved_by == "ben"


def test_who_may_not_do_something_is_told_so_as_a_problem(generated, caller):
    models = generated("models")
    answer = generated("api.keys.issue_key").sync_detailed(
        client=caller("ann"),
        body=models.KeyRequest(subject="dan", organisation="BLMK", role="analyst", scopes=["run:read"]),
        idempotency_key="k",
    )
    assert answer.status_code == 403
    assert isinstance(answer.parsed, models.Problem)
    assert (answer.parsed.type_, answer.parsed.code) == ("urn:capitation:problem:forbidden", "role")
    assert answer.parsed.correlation_id == answer.headers["x-correlation-id"]


def test_a_refused_body_names_its_faults(generated, caller):
    models = generated("models")
    problem = generated("api.runs.request_run").sync(
        client=caller("ann"), body=models.RunRequest(scenario="blmq"), idempotency_key="refused"
    )
    assert isinstance(problem, models.Problem)
    assert [(fault.pointer, fault.expected) for fault in problem.faults] == [("/scenario", "a scenario that is stored")]


def test_documents_and_files_come_as_they_are(generated, caller):
    ann = caller("ann")
    scenario = generated("api.scenarios.read_scenario").sync(client=ann, name="blmk")
    assert scenario.to_dict()["id"] == "blmk"
    pack = generated("api.data_packs.read_data_pack").sync(client=ann, pack_id="blmk")
    archive = generated("api.data_packs.read_data_pack_archive").sync(client=ann, digest=pack.digest)
    assert archive.payload.read(2) == b"PK"


def test_rows_are_read_by_the_names_of_their_columns(generated, caller):
    models, ann = generated("models"), caller("ann")
    job = generated("api.runs.request_run").sync(
        client=ann, body=models.RunRequest(scenario="blmk"), idempotency_key="rows", prefer="wait=60"
    )
    run = job.result.rpartition("/")[2]
    page = generated("api.allocations.read_allocations").sync(client=ann, result_id=run, level="system", limit=1)
    (row,) = page.rows
    assert (row.level, row.code, Decimal(row.allocation_gbp) > 0) == ("system", "BLMK", True)
    table = generated("api.runs.read_run_frame").sync(client=ann, result_id=run, name="allocation", limit=1)
    assert isinstance(table.rows[0]["allocation_gbp"], str)
    key = generated("models").FigureView.from_dict(
        {"kind": "figure", "label": "x", "value": "1", "unit": "pence", "words": "w"}
    )
    assert key.value == "1"
