"""A kind of job is one object in one file: a new one is asked for, done, read and described, and shows partners what it names only."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.service.app import routers
from api.service.kinds import BY_ADDRESS, KINDS, _made, _ordered
from api.service.security.access import RULES

PROJECT = Path(__file__).parents[3]

KIND = '''
"""Echoes: a scenario's id, repeated."""

import polars as pl
from pydantic import Field

from api.service.records.api_models import ApiModel
from api.service.records.job_kind import OPEN, Example, JobKind, JobResult


class EchoRequest(ApiModel):
    """What is echoed."""

    scenario: str = Field(examples=["blmk"])
    """Id of a scenario."""
    times: int = Field(default=1, examples=[2])
    """How often."""


def work(given):
    said = [given.request["scenario"]] * given.request["times"]
    frames = {"said": pl.DataFrame({"word": said}), "whispered": pl.DataFrame({"word": said})}
    return JobResult(given.job, {"open": len(said), "secret": "swordfish"}, frames)


KIND = JobKind(
    name="echo",
    address="echoes",
    order=100,
    about="Scenarios' ids, repeated.",
    asks="a scenario's id, repeated",
    request=EchoRequest,
    run=work,
    document="scenario",
    more=lambda asked, _sent, _store: {"times": asked.times},
    frames={"said": OPEN},
    partners_see=frozenset({"open"}),
    example=Example("0" * 32, {"open": 1}, "said", {"word": "blmk"}),
)
'''
"""The new kind's file."""

ENTRY = "[capitation.kinds]\necho = echo_kind\n"
"""What its package says of it when it is installed."""

CASE = """
import json, sys
from pathlib import Path
from starlette.testclient import TestClient
from tests.api.service.conftest import Served
from api.service.app import create_app
from api.service.settings import Settings

folder = Path(sys.argv[1])
app = create_app(Settings(store=f"sqlite:///{folder / 'store.db'}", packs=folder / "packs", workers=0, local_token=folder / "token"))
with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50_000)) as client:
    served = Served(client, app.state.service)
    client.cookies.set("capitation_local", app.state.service.identity.local_token.renew())
    job = served.ask("/v1/echoes", {"scenario": "blmk", "times": 2})
    seen = {}
    for role, organisation in (("analyst", "BLMK"), ("partner", "RC9")):
        headers = served.headers(role, organisation)
        result = client.get(job["result"], headers=headers).json()
        frames = {n: client.get(f"{job['result']}/frames/{n}", headers=headers).status_code for n in ("said", "whispered")}
        seen[role] = [result["content"], sorted(result["frames"]), frames]
    refused = client.post("/v1/echoes", json={"scenario": "blmk"}, headers={**headers, "Idempotency-Key": "k"}).status_code
    described = app.openapi()
    kept = client.get("/v1/echoes", headers=served.headers("analyst")).json()["items"][0]["href"]
    print(json.dumps({
        "job": [job["kind"], job["status"]],
        "seen": seen,
        "refused": refused,
        "kept": kept == job["result"],
        "operations": sorted(o["operationId"] for p, m in described["paths"].items() for o in m.values() if "echoes" in p),
        "tag": [tag for tag in described["tags"] if tag["name"] == "echoes"],
        "example": described["paths"]["/v1/echoes"]["post"]["requestBody"]["content"]["application/json"]["example"],
        "kinds": described["components"]["schemas"]["JobView"]["properties"]["kind"]["enum"],
    }))
"""


@pytest.mark.slow
def test_a_new_kind_of_job_is_one_file_and_its_entry_point(tmp_path):
    installed = tmp_path / "installed"
    about = installed / "echo-1.0.dist-info"
    about.mkdir(parents=True)
    (installed / "echo_kind.py").write_text(KIND)
    (about / "entry_points.txt").write_text(ENTRY)
    paths = os.pathsep.join([str(installed), str(PROJECT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", CASE, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["job"] == ["echo", "done"]
    assert found["seen"]["analyst"] == [
        {"open": 2, "secret": "swordfish"},
        ["said", "whispered"],
        {"said": 200, "whispered": 200},
    ]
    assert found["seen"]["partner"] == [{"open": 2}, ["said"], {"said": 200, "whispered": 404}]
    assert found["refused"] == 403
    assert found["kept"]
    assert found["operations"] == ["list_echoes", "read_echo", "read_echo_frame", "request_echo"]
    assert found["tag"] == [{"name": "echoes", "description": "Scenarios' ids, repeated."}]
    assert found["example"] == {"scenario": "blmk", "times": 2}
    assert found["kinds"] == [*KINDS, "echo"]


def test_every_kind_has_its_own_addresses_and_rules():
    paths = {route.path for router in routers() for route in router.routes}
    for kind in KINDS.values():
        assert {f"/v1/{kind.address}", f"/v1/{kind.address}/{{result_id}}"} <= paths
        assert (f"/v1/{kind.address}/{{result_id}}/frames/{{name}}" in paths) == kind.has_tables
        assert {(kind.address, "read"), (kind.address, "create")} <= set(RULES)
    assert list(BY_ADDRESS.values()) == list(KINDS.values())


def test_a_file_without_a_kind_and_a_name_that_is_taken_are_refused():
    with pytest.raises(TypeError, match="json: found no kind of job"):
        _made(json, [])
    run = KINDS["run"]
    with pytest.raises(TypeError, match="found the address runs twice"):
        _ordered([run, dataclasses.replace(run, name="another")])
