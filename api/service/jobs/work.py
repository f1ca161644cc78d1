"""What a job does: a pure function from the request (documents by digest, data pack by digest) to a result with its frames.

Each kind calls one function of the engine, the same that the command line calls, so the results are the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from io import BytesIO
from typing import Any

import polars as pl

from api.service.documents.kinds import NOUNS, shipped_documents
from api.service.jobs.optimiser_pence import appraisal_frames, price_frame, report_in_pounds
from api.service.jobs.workbooks import manifest_file, stored_run, workbook
from api.service.packs.packs import Pack, Packs
from api.service.store import Job, Store, StoredFile, StoredFrame
from capitation.errors import ContractError, Fault, InfeasibleError, UnknownNameError
from capitation.records.documents import parse_document
from capitation.records.frames import Schema
from capitation.records.identity import canonical, digest, plain
from capitation.run.evaluate import evaluate
from capitation.run.run import Run, content_digest
from capitation.run.scenario import Scenario
from capitation.run.tables import SCHEMAS as RUN_SCHEMAS
from contracts.books.statements import statement_of
from contracts.document.contract import Contract, parse_contract
from contracts.options.document import ContractOptions
from contracts.options.evaluate import SCHEMAS as OPTION_SCHEMAS
from contracts.options.evaluate import evaluate_options
from contracts.settlement.settle import settle
from optimiser.answers.optimise import Outcome, optimise
from optimiser.answers.prices import SCHEMA as PRICE_SCHEMA
from optimiser.answers.report import outcome_report
from optimiser.futures.appraisal import appraise
from optimiser.problem.document import problem_of

RUN, SETTLEMENT, COMPARISON = "run", "settlement", "comparison"
OPTIMISATION, SIMULATION, EXPORT = "optimisation", "simulation", "export"

EXPORTED: Mapping[str, Mapping[str, type[Schema]]] = {RUN: RUN_SCHEMAS, COMPARISON: OPTION_SCHEMAS}
"""Kinds of results that leave as a workbook, with the schemas of their frames."""

HEADLINE = (
    "problem",
    "meaning",
    "goal",
    "objective",
    "objective_gbp",
    "unit",
    "bound",
    "bound_gbp",
    "gap",
    "mix",
    "claimed_npv_gbp",
    "exact_npv_gbp",
    "over_claim",
    "warnings",
    "notes",
    "engine",
    "versions",
    "matrix_hash",
)
"""What a simulation repeats of the report of the optimisation whose mix it tries."""

_PRICES = {name: dtype for name, dtype in PRICE_SCHEMA.items() if name != "row"}

Say = Callable[[str], None]
"""Tells how far the work is."""


@dataclass(frozen=True)
class Done:
    """What a job led to: the result's id, its content, its frames, and its files."""

    id: str
    content: Mapping[str, Any]
    frames: Mapping[str, pl.DataFrame]
    files: Mapping[str, StoredFile] = field(default_factory=dict)

    def stored(self) -> dict[str, StoredFrame]:
        """The frames as parquet bytes with their checksums."""
        return {name: _stored(name, frame) for name, frame in self.frames.items()}


def job_id(kind: str, request: Mapping[str, Any]) -> str:
    """The id of the job for a request: the same request to the same engine has the same id."""
    return digest(canonical({"engine": version("capitation"), "kind": kind, "request": request}))[:32]


def work(job: Job, store: Store, packs: Packs, say: Say) -> Done:
    """Do a job.

    Raises:
        UnknownNameError: the job names a data pack or a document that is not known here.
        CapitationError: whatever the engine raises.
    """
    request = plain(job.request)
    pack = packs.named(request["data_pack"]) if "data_pack" in request else packs.default
    return KINDS[job.kind](job, request, store, pack, say)


def _run(_job: Job, request: Mapping[str, Any], store: Store, pack: Pack, _say: Say) -> Done:
    return _whole(evaluate(_scenario(store, request["scenario"], request["digest"]), pack.opened()), pack)


def _settlement(job: Job, request: Mapping[str, Any], store: Store, _pack: Pack, _say: Say) -> Done:
    contract = _contract(_text(store, "contract", request["contract"], request["digest"]), request["contract"])
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
        "statement": "issued",
    }
    try:
        frames["entries"] = statement_of(done).entries
    except ContractError as error:  # the settlement stands; its parties' entries, and so its journals, are not issued
        content["statement"] = f"not issued: {error}"
    return Done(job.id, content, {name: frame for name, frame in frames.items() if frame.width})


def _comparison(_job: Job, request: Mapping[str, Any], store: Store, pack: Pack, _say: Say) -> Done:
    text = _text(store, "options", request["options"], request["digest"])
    document = parse_document(plain(text), ContractOptions, f"options {request['options']}")
    if request["case"] is not None:
        document = document.model_copy(update={"shown_case": request["case"]})
    run = evaluate(_scenario(store, request["scenario"]["id"], request["scenario"]["digest"]), pack.opened())
    done = evaluate_options(
        document,
        pack.opened(),
        run=run,
        only=tuple(request["only"]),
        given=_changed_contracts(store, request["contracts"], pack),
    )
    return _whole(done, pack)


def _optimisation(job: Job, request: Mapping[str, Any], store: Store, pack: Pack, say: Say) -> Done:
    outcome = _outcome(request, store, pack, say)
    report = report_in_pounds(_report(outcome))
    frames = {name: pl.DataFrame(report.pop(name), infer_schema_length=None) for name in ("activity", "credit")}
    frames["prices"] = price_frame(pl.DataFrame(report.pop("prices"), schema=_PRICES))
    if outcome.answer.has_mix:
        frames["mix"] = outcome.mix()
    content = {"data_pack": pack.digest, "problem_digest": request["digest"], **_finite(report)}
    return Done(job.id, content, {name: frame for name, frame in frames.items() if frame.height})


def _simulation(job: Job, request: Mapping[str, Any], store: Store, pack: Pack, say: Say) -> Done:
    outcome = _outcome(request, store, pack, say)
    report = report_in_pounds(_report(outcome))
    if report["infeasible"] is not None:
        raise _no_mix(report["meaning"], report["infeasible"])
    say(f"trying the mix on {request['draws']} draws")
    appraisal = appraise(outcome, draws=request["draws"], seed=request["seed"])
    content = {
        "data_pack": pack.digest,
        "problem_digest": request["digest"],
        "status": outcome.status,
        "seed": appraisal.seed,
        "count": appraisal.count,
        "optimisation": _finite({name: report[name] for name in HEADLINE}),
    }
    return Done(job.id, content, appraisal_frames(appraisal))


def _export(job: Job, request: Mapping[str, Any], store: Store, _pack: Pack, _say: Say) -> Done:
    kind, result_id = request["kind"], request["id"]
    made = workbook(stored_run(store, kind, result_id), EXPORTED[kind])
    content = {
        "result": request["result"],
        "format": request["format"],
        "file": made.name,
        "size": len(made.content),
        "sha256": made.sha256,
    }
    return Done(job.id, content, {}, {made.name: made})


KINDS: dict[str, Callable[[Job, Mapping[str, Any], Store, Pack, Say], Done]] = {
    RUN: _run,
    SETTLEMENT: _settlement,
    COMPARISON: _comparison,
    OPTIMISATION: _optimisation,
    SIMULATION: _simulation,
    EXPORT: _export,
}
"""What each kind of job does."""


def _whole(run: Run, pack: Pack) -> Done:
    """A run with its manifest."""
    content = {"data_pack": pack.digest, "manifest": run.manifest.model_dump(mode="json")}
    manifest = manifest_file(run)
    return Done(run.id, content, run.frames, {manifest.name: manifest})


def _text(store: Store, kind: str, name: str, content_digest: str) -> str:
    stored = store.document(kind, name, content_digest)
    if stored is None:
        raise UnknownNameError(kind, name, store.document_names(kind))
    return stored.content


def _scenario(store: Store, name: str, content_digest: str) -> Scenario:
    return parse_document(plain(_text(store, "scenario", name, content_digest)), Scenario, f"scenario {name}")


def _contract(text: str, name: str) -> Contract:
    return parse_contract(plain(text), where=f"contract {name}")


def _changed_contracts(store: Store, versions: Mapping[str, str], pack: Pack) -> dict[str, Contract]:
    """Contracts that are not those of the data pack; the others are read from it, and so named by its files' checksums."""
    shipped = shipped_documents(NOUNS["contracts"], pack)
    texts = {name: _text(store, "contract", name, content_digest) for name, content_digest in versions.items()}
    return {name: _contract(text, name) for name, text in texts.items() if text != shipped.get(name)}


def _outcome(request: Mapping[str, Any], store: Store, pack: Pack, say: Say) -> Outcome:
    """The best mix of the stored problem that a request names."""
    text = _text(store, "problem", request["problem"], request["digest"])
    problem = problem_of(plain(text), f"problem {request['problem']}", pack.folder / "problems")
    return optimise(
        problem,
        gap=float(problem.gap if request["gap"] is None else request["gap"]),
        progress=lambda at: say(f"best {at.objective:,.2f}, bound {at.bound:,.2f}, gap {at.gap:.3%}"),
    )


def _report(outcome: Outcome) -> dict[str, Any]:
    """The report without the time it took, which is another each time."""
    return {key: value for key, value in outcome_report(outcome).items() if key != "seconds"}


def _no_mix(meaning: str, reason: Mapping[str, Any]) -> InfeasibleError:
    """What a problem without a mix is told as: each limit that would have to give, or the rows that no policy can change."""
    faults = [
        Fault(give["limit"], _amount(give, "at"), f"{_amount(give, 'must_give')} {give['side']}, for a mix to exist")
        for give in reason["must_give"]
    ]
    faults += [Fault(label, "a row that others contradict", "rows that agree") for label in reason["physics"]]
    return InfeasibleError(f"there is no mix to try: {meaning}", faults)


def _amount(entry: Mapping[str, Any], name: str) -> str:
    pounds = entry[f"{name}_gbp"]
    return f"{entry[name]:,.6g} {entry['unit']}" if pounds is None else f"£{pounds}"


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
