"""Schemathesis against served processes, in all its phases with all its checks: no fault of the service, nothing undescribed.

One pass a role, so that every operation is reached behind the door, and one without a key. What a check may not hold against
the service is in `schemathesis_hooks.py`, each with its reason.
"""

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.service.access import ROLE_SCOPES, RULES
from api.service.app import addresses, create_app
from api.service.auth import issue_key
from api.service.door import PUBLIC, VERB_OF, resource_of
from api.service.nouns import NOUNS
from api.service.settings import Settings
from api.service.store import Store
from api.service.wire import RESULT_PLACES
from tests.api.service.conftest import Served, empty_store
from tests.api.service.real_server import Server
from tests.api.service.schemathesis_hooks import IN_DEPTH, OWN_KEY

BINARY = Path(sys.executable).parent / "schemathesis"
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
ROOT = Path(__file__).parents[3]
PROVIDER = "RC1"
MOST_SECONDS = 1200
"""After how long a pass is given up; it takes a few minutes on a busy machine."""


def tags(*names):
    """Words that choose the operations of some tags."""
    return [word for name in names for word in ("--include-tag", name)]


def paths(*names):
    """Words that choose the operations at some addresses."""
    return [word for name in names for word in ("--include-path", name)]


@dataclass(frozen=True)
class Pass:
    """Whom schemathesis calls as, what it is asked to do, how many requests that must be at least, and what they must reach."""

    role: str
    words: tuple[str, ...]
    least: int
    reaches: frozenset[str]
    phases: str = "examples,coverage,fuzzing,stateful"
    examples: int = 12
    database: str = "sqlite"
    workers: int = 0
    in_depth: bool = False


def operations():
    """Name, method and address of each operation, and a pattern of the address."""
    for path, methods in addresses().openapi()["paths"].items():
        for method, operation in methods.items():
            yield operation["operationId"], method.upper(), path, re.compile(re.sub(r"\{\w+\}", "[^/]+", path))


def allowed(role):
    """Operations that somebody of the system's organisation may do in a role; what anyone may do where they have none."""
    return {
        name
        for name, method, path, _ in operations()
        if path in PUBLIC or RULES[resource_of(path), VERB_OF[method]].scope in ROLE_SCOPES.get(role, ())
    }


READS = ("runs", "settlements", "comparisons", "optimisations", "simulations", "allocations", "positions", "figures")
ANALYST = frozenset(
    allowed("analyst") - {"read_job_events", "create_data_pack"}
)  # the latter takes no bytes but an archive's
ADMINISTRATOR = frozenset(allowed("administrator") - allowed("partner"))

PASSES = {
    "an analyst": Pass("analyst", ("--exclude-operation-id", "read_job_events"), 4000, ANALYST),
    "an analyst whose documents have their whole schemas": Pass(
        "analyst",
        (*paths(*(f"/v1/{plural}" for plural in NOUNS)), "--exclude-method", "GET"),
        4000,
        frozenset({"create_formula", "create_contract", "create_problem"}),
        "coverage",
        in_depth=True,
    ),
    "an analyst whose jobs are worked on": Pass(
        "analyst",
        (*tags("settlements", "optimisations", "runs", "jobs"),),
        500,
        frozenset({"read_job_events", "request_settlement", "request_optimisation", "request_run"}),
        examples=5,
        workers=1,
    ),
    "an approver": Pass(
        "approver", (*tags("approvals"),), 200, frozenset({"approve", "list_approvals", "read_approval"})
    ),
    "somebody in finance": Pass(
        "finance", (*tags("journals"),), 200, frozenset({"create_journal", "list_journals", "read_journal"})
    ),
    "an administrator": Pass("administrator", (*tags("keys", "audit"), *paths("/metrics")), 300, ADMINISTRATOR),
    "a partner": Pass(
        "partner",
        (*tags(*READS), "--exclude-method", "POST"),
        800,
        frozenset({"read_run_frame", "read_positions"}),
        examples=8,
    ),
    "nobody": Pass("", (), 2000, frozenset(allowed("")), "examples,coverage"),
    "an analyst on PostgreSQL": Pass(
        "analyst",
        ("--exclude-operation-id", "read_job_events"),
        2000,
        ANALYST,
        "coverage,fuzzing",
        5,
        database="postgresql",
    ),
    "an administrator on PostgreSQL": Pass(
        "administrator",
        (*tags("keys", "audit"), *paths("/metrics")),
        300,
        ADMINISTRATOR,
        database="postgresql",
    ),
}

SEEDED = {
    "run": {"scenario": "blmk"},
    "settlement": {
        "contract": "blmk-block",
        "rows": [
            {
                "year": "2017/18",
                "commissioner": "06P",
                "provider": "RYV",
                "line": "community",
                "plan_value_pence": "50000001",
            }
        ],
    },
    "optimisation": {"problem": "overlap_pair"},
    "simulation": {"problem": "overlap_pair", "draws": 5},
    "comparison": {"options": "blmk-contract-options", "only": ["do-minimum", "blended"]},
}
"""One result of each kind but exports, which is made of the run."""


def seeded(served):
    """Results of each kind, an approval and a journal, and the ids by which operations find them."""
    made = {kind: served.ask(f"/v1/{RESULT_PLACES[kind]}", body, kind) for kind, body in SEEDED.items()}
    made["export"] = served.ask("/v1/exports", {"result": made["run"]["result"]}, "export")
    ids = {kind: job["result"].rpartition("/")[2] for kind, job in made.items()}
    tables = {kind: list(served.client.get(job["result"]).json()["frames"]) for kind, job in made.items()}
    approver, finance = (served.headers(role, **{"Idempotency-Key": "k"}) for role in ("approver", "finance"))
    approval = served.client.post("/v1/approvals", json={"result": made["run"]["result"]}, headers=approver).json()
    wanted = {"result": made["run"]["result"], "period": "2018/19"}
    journal = served.client.post("/v1/journals", json=wanted, headers=finance).json()["items"][0]
    known = {f"read_{kind}": {"result_id": [ids[kind]]} for kind in made}
    known |= {f"read_{kind}_frame": {"result_id": [ids[kind]], "name": tables[kind]} for kind in made if tables[kind]}
    return known | {
        "read_export_file": {"result_id": [ids["export"]]},
        "read_allocations": {"result_id": [ids["run"]]},
        "read_positions": {"result_id": [ids["comparison"], ids["settlement"]]},
        "read_figure": {"result_id": [ids["run"]], "table": ["allocation"], "column": ["allocation_pence"]},
        "read_approval": {"approval_id": [approval["id"]]},
        "read_journal": {"journal_id": [journal["id"]]},
        "read_job": {"job_id": [made["run"]["id"]]},
        "read_job_events": {"job_id": [made["run"]["id"]]},
        "read_data_pack_archive": {"digest": [served.service.pack.digest]},
    }


def settings_text(known):
    """Settings of schemathesis: the hooks, and ids that it finds something with."""
    lines = [f"hooks = {json.dumps(str(HOOKS))}", "max-stream-events = 1", "request-timeout = 60.0"]
    lines += ["[generation]", "with-security-parameters = false"]
    for operation, values in known.items():
        lines += [
            f"[dictionaries.{operation}_{name}]\nvalues = {json.dumps(found)}"
            for name, found in values.items()
            if found
        ]
    for operation, values in known.items():
        bound = [
            f'"path.{name}" = {{ dictionary = "{operation}_{name}", probability = 0.7 }}'
            for name, found in values.items()
            if found
        ]
        lines += ["[[operations]]", f'include-operation-id = "{operation}"', f"parameters = {{ {', '.join(bound)} }}"]
    return "\n".join(lines) + "\n"


def reached(log):
    """Operations that gave what they were asked for."""
    good = {(line["method"], line["path"]) for line in log if line["says"] == "request" and line["status"] < 400}
    return {
        name
        for name, method, _, pattern in operations()
        if any(asked == method and pattern.fullmatch(path) for asked, path in good)
    }


def filled(url, folder):
    """Fill a store; the ids by which operations find what is in it."""
    app = create_app(Settings(store=url, packs=folder / "packs", workers=0))
    with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50_000)) as client:
        return seeded(Served(client, app.state.service))


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """A filled store in a file, which passes copy, and what is known of it."""
    folder = tmp_path_factory.mktemp("template")
    known = filled(f"sqlite:///{folder / 'capitation.db'}", folder)
    return folder / "capitation.db", known


def key_of(url, role):
    """A new key of somebody in a role."""
    store, organisation = Store(url), PROVIDER if role == "partner" else "BLMK"
    issued = issue_key(f"{role} of {organisation}", organisation, role, ROLE_SCOPES[role], now=dt.datetime.now(dt.UTC))
    store.add_key(issued.record)
    store.close()
    return issued.text.get_secret_value()


@pytest.mark.parametrize("name", PASSES)
def test_no_request_meets_a_fault_and_every_answer_is_as_described(name, request, tmp_path):
    if not os.environ.get("CAPITATION_GENERATED_REQUESTS"):
        pytest.skip("more than ten thousand requests take minutes: set CAPITATION_GENERATED_REQUESTS=1 to send them")
    one = PASSES[name]
    store = empty_store(request, one.database, tmp_path)
    if one.database == "sqlite":
        file, known = request.getfixturevalue("template")
        shutil.copy(file, tmp_path / "capitation.db")
    else:
        known = filled(store, tmp_path)
    key = key_of(store, one.role) if one.role else ""
    (tmp_path / "schemathesis.toml").write_text(settings_text(known), encoding="utf-8")
    server = Server(
        tmp_path, "--workers", str(one.workers), "--store", store,
        CAPITATION_RATE_REQUESTS="1000000", CAPITATION_WAIT_SECONDS="10" if one.workers else "0",
    )  # fmt: skip
    try:
        server.wait()
        url = f"http://127.0.0.1:{server.port}/openapi.json"
        report = tmp_path / "report.json"
        words = ["run", url, "--phases", one.phases, "--max-examples", str(one.examples), *one.words]
        words += [
            "--generation-deterministic",
            "--continue-on-failure",
            "--no-color",
            "--report-json-path",
            str(report),
        ]
        words += ["--header", f"X-API-Key: {key}"] if key else []
        done = subprocess.run(
            [BINARY, "--config-file", "schemathesis.toml", *words],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                IN_DEPTH: "yes" if one.in_depth else "",
                OWN_KEY: key.split("_")[1] if key else "",
            },
            capture_output=True,
            text=True,
            timeout=MOST_SECONDS,
            check=False,
        )
    finally:
        server.stop()
    told = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    assert (done.returncode, told.get("failures"), told.get("errors"), told.get("complete")) == (0, [], [], True), (
        done.stdout
    )
    log = server.log()
    answers = [line["status"] for line in log if line["says"] == "request"]
    assert max(answers) < 500
    assert min(len(answers), told["test_cases"]["generated"]) >= one.least
    assert one.reaches <= reached(log)
    if not one.role:
        assert reached(log) == one.reaches


def test_the_passes_send_more_than_ten_thousand_requests():
    assert sum(each.least for each in PASSES.values()) >= 10_000
