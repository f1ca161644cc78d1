"""What a job does: a pure function from the request (documents by digest, data pack by digest) to a result with its frames.

Each kind calls one function of the engine, the same that the command line calls, so the results are the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from typing import Any

import polars as pl

from api.service.canonical import canonical, digest, plain
from api.service.packs import Pack
from api.service.store import Job, Store, StoredFrame
from capitation.documents import parse_document
from capitation.errors import CapitationError, UnknownNameError
from capitation.evaluate import evaluate
from capitation.run import content_digest
from capitation.scenario import Scenario
from contracts.document import parse_contract
from contracts.pipeline import settle
from optimiser.optimise import optimise
from optimiser.problem import problem_of
from optimiser.report import outcome_report

RUN, SETTLEMENT, OPTIMISATION = "run", "settlement", "optimisation"

Say = Callable[[str], None]
"""Tells how far the work is."""


@dataclass(frozen=True)
class Done:
    """What a job led to: the result's id, its content, and its frames."""

    id: str
    content: Mapping[str, Any]
    frames: Mapping[str, pl.DataFrame]

    def stored(self) -> dict[str, StoredFrame]:
        """The frames as parquet bytes with their checksums."""
        return {name: _stored(name, frame) for name, frame in self.frames.items()}


def job_id(kind: str, request: Mapping[str, Any]) -> str:
    """The id of the job for a request: the same request to the same engine has the same id."""
    return digest(canonical({"engine": version("capitation"), "kind": kind, "request": request}))[:32]


def work(job: Job, store: Store, pack: Pack, say: Say) -> Done:
    """Do a job.

    Raises:
        CapitationError: whatever the engine raises, or the worker has another data pack than the job needs.
    """
    request = plain(job.request)
    if request["data_pack"] != pack.digest:
        message = (
            f"the job needs the data pack {request['data_pack']}, but this worker has {pack.digest}. "
            "Start workers and server with the same data pack"
        )
        raise CapitationError(message)
    return KINDS[job.kind](job, request, store, pack, say)


def _run(_job: Job, request: Mapping[str, Any], store: Store, pack: Pack, _say: Say) -> Done:
    scenario = parse_document(_content(store, "scenario", request), Scenario, f"scenario {request['scenario']}")
    run = evaluate(scenario, pack.opened())
    content = {"data_pack": pack.digest, "manifest": run.manifest.model_dump(mode="json")}
    return Done(run.id, content, run.frames)


def _settlement(job: Job, request: Mapping[str, Any], store: Store, _pack: Pack, _say: Say) -> Done:
    contract = parse_contract(_content(store, "contract", request), where=f"contract {request['contract']}")
    rows = pl.DataFrame(
        {name: [_cell(row.get(name)) for row in request["rows"]] for name in _columns(request["rows"])},
        schema_overrides=dict.fromkeys(_columns(request["rows"]), pl.String),
    )
    done = settle(contract, rows, explain=True, where="rows")
    frames = {"results": done.results, "positions": done.positions(), "notices": done.notices}
    if done.steps is not None:
        frames["steps"] = done.steps
    content = {
        "contract": contract.id,
        "contract_digest": request["digest"],
        "contract_version": contract.version,
        "rows": done.results.height,
        "outputs": {o.name: {"unit": o.rounded_to, "payer": o.payer, "payee": o.payee} for o in contract.outputs},
    }
    return Done(job.id, content, {name: frame for name, frame in frames.items() if frame.width})


def _optimisation(job: Job, request: Mapping[str, Any], store: Store, pack: Pack, say: Say) -> Done:
    content = _content(store, "problem", request)
    problem = problem_of(content, f"problem {request['problem']}", pack.folder / "problems")
    outcome = optimise(
        problem,
        gap=float(request["gap"]),
        progress=lambda at: say(f"best {at.objective}, bound {at.bound}, gap {at.gap}"),
    )
    report = {key: value for key, value in outcome_report(outcome).items() if key != "seconds"}
    tables = {name: report.pop(name) for name in ("prices", "activity", "credit")}
    frames = {n: pl.DataFrame(rows, infer_schema_length=None) for n, rows in tables.items() if rows}
    if outcome.answer.has_mix:
        frames["mix"] = outcome.mix()
    return Done(job.id, {"problem_digest": request["digest"], **_finite(report)}, frames)


KINDS: dict[str, Callable[[Job, Mapping[str, Any], Store, Pack, Say], Done]] = {
    RUN: _run,
    SETTLEMENT: _settlement,
    OPTIMISATION: _optimisation,
}
"""What each kind of job does."""


def _content(store: Store, kind: str, request: Mapping[str, Any]) -> dict[str, Any]:
    stored = store.document(kind, request[kind], request["digest"])
    if stored is None:
        raise UnknownNameError(kind, request[kind], store.document_names(kind))
    found: dict[str, Any] = plain(stored.content)
    return found


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _cell(value: Any) -> str | None:  # noqa: ANN401  # any JSON scalar
    """A cell as the text it has in a CSV file; the contract reads it by the kind of its column."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _stored(name: str, frame: pl.DataFrame) -> StoredFrame:
    buffer = BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return StoredFrame(name, frame.height, content_digest(frame), buffer.getvalue())


def _finite(value: Any) -> Any:  # noqa: ANN401  # any plain content
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
