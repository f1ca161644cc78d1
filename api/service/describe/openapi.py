"""The description of the service: OpenAPI 3.1, from the routes and their models, with an example for all that is sent or given.

Routes say their own addresses, parameters, models and words; here stands what holds for all of them: who may enter, the headers
that answers carry, the problems they may be, the bodies that routes read as bytes, and where each example comes from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.service.describe import openapi_examples as shown
from api.service.describe.row_schemas import row_schemas
from api.service.documents.kinds import DOCUMENT_KINDS
from api.service.http.idempotency import LONGEST_KEY
from api.service.http.negotiation import JSON
from api.service.http.problems import MEDIA_TYPE, Problem, problem_of
from api.service.kinds import BY_ADDRESS, KINDS
from api.service.records.api_models import DIGEST_EXAMPLE, RUN_EXAMPLE, ApiModel
from api.service.records.examples import example_of
from api.service.records.failures import TYPES, ServiceError
from api.service.security.addresses import is_guarded

ABOUT = """\
Weighted-capitation allocations, risk-share contracts and channel-shift investment, exact to the penny.

Ask for work with a POST and an `Idempotency-Key`; the answer names a job, and the job its result. `Prefer: wait=60` waits for it.
Money is text in pounds with exactly two decimals; Arrow and Parquet files carry whole pence. Every failure is one
`application/problem+json`, with a stable `type` and all that is wrong in `faults`.
"""

_TAGS: Mapping[str, str] = {
    "scenarios": "What a place is, what money comes in, and how it is shared.",
    "formulas": "How need is counted.",
    "contracts": "Who pays whom, for what, and who bears what happens.",
    "problems": "What an optimisation may choose, its limits and its goal.",
    "options": "Contract options to compare on one allocation.",
    "data packs": "The figures that results are computed from, immutable and named by the hash of their files.",
    "allocations": "The money of a run by year, stream, level and code.",
    "figures": "Any figure of a run as a tree, down to printed cells, parameters and choices.",
    "positions": "What every organisation of a comparison, or party of a settlement, gains or bears.",
    "approvals": "A second hand says that a run or settlement may be posted.",
    "journals": "What an approved result means for a ledger: balanced double-entry lines.",
    "jobs": "Work that was asked for: how far it is, what happened to it, how to stop it.",
    "catalogue": "Clauses of contracts, solutions, indices of need, and a JSON Schema of every document.",
    "keys": "API keys: who may use the service, and for what.",
    "audit": "Who did what, each record chained to the one before.",
    "health": "Whether the service lives, can work, and how it is used.",
}
"""What each group of operations is about, in the order in which a reader meets them; those of kinds of jobs stand between."""

_EVERY = ("RateLimit", "RateLimit-Policy", "X-Correlation-ID")
_HEADERS: Mapping[str, tuple[str, str]] = {
    "X-Correlation-ID": ("Names the request in the logs; a sensible one that was sent is kept.", "run-of-28-march"),
    "RateLimit": ("Requests that are left in the window, and the seconds until it ends.", '"default";r=59999;t=42'),
    "RateLimit-Policy": (
        "Requests that a caller may make in a window, and its length in seconds.",
        '"default";q=60000;w=60',
    ),
    "Location": ("Where what was created or asked for stands.", f"/v1/runs/{RUN_EXAMPLE}"),
    "ETag": ("The version of what is sent, by its hash.", f'"{DIGEST_EXAMPLE}"'),
    "Link": ("The next page, where there is one.", '</v1/runs?cursor=MTAw>; rel="next"'),
    "Retry-After": ("In how many seconds to ask again.", "1"),
    "Preference-Applied": ("That the service waited, and for how long at most.", "wait=60"),
    "Idempotent-Replayed": ("true where the answer was given before, to the same request with the same key.", "true"),
    "Content-Disposition": ("A name for the file.", f'attachment; filename="{RUN_EXAMPLE}.xlsx"'),
    "WWW-Authenticate": ("How to say who one is.", 'Bearer realm="capitation"'),
    "Allow": ("The methods that the address has.", "GET, POST"),
}
"""What the headers of answers mean, with an example."""

_SECURITY = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A key from `capitation keys issue`. Until the first one is issued, the token of `capitation-local-token` stands for one.",
    },
    "Bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An OAuth2 access token of the issuer that the service is set up with.",
    },
}

_PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "`wait=` and the seconds to wait for the job: 201 and the result's address where it is done by then (RFC 7240)",
    "schema": {"type": "string", "examples": ["wait=60"]},
}

_NEEDED = ("Idempotency-Key", "If-Match")
"""Header parameters without which a request is refused, though the routes themselves say so."""

_SEALED = ("DocumentHead", "DataPackView")
"""Models whose ETag comes with the answer to a change."""

_CLIENT, _SERVER = "ClientProblem", "ServerProblem"


def describe(app: FastAPI) -> None:
    """Let the application describe itself so; made when it is first asked for."""
    plain = app.openapi

    @cache
    def openapi() -> dict[str, Any]:
        return described(plain())

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def text_of(description: Mapping[str, Any]) -> str:
    """The description as it is kept in a file: indented, keys sorted."""
    return json.dumps(description, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's description with everything that holds for all routes."""
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    models = _models()
    _restore_examples(schemas, models)
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            _Operation(path, method, operation, models).complete()
    schemas |= row_schemas()
    _add_models(schema, schemas, models)
    _say_defaults(schemas)
    components |= {
        "securitySchemes": _SECURITY,
        "headers": {name: _header(name) for name in _HEADERS},
        "responses": {
            _CLIENT: _problems("invalid", range(400, 500)),
            _SERVER: _problems("store-full", range(500, 600)),
        },
        "examples": {noun.kind: _document_example(plural) for plural, noun in DOCUMENT_KINDS.items()},
    }
    used = {tag for operations in schema["paths"].values() for each in operations.values() for tag in each["tags"]}
    schema["info"]["description"] = ABOUT
    schema["servers"] = [{"url": "/", "description": "The service that this description comes from"}]
    schema["security"] = [{name: []} for name in _SECURITY]
    schema["tags"] = [{"name": name, "description": about} for name, about in _tags().items() if name in used]
    return schema


def _tags() -> dict[str, str]:
    """All groups of operations, each kind's behind the one it follows."""
    tags, waiting = list(_TAGS.items()), list(KINDS.values())
    while waiting:
        names = [name for name, _ in tags]
        kind = next((each for each in waiting if each.tag_after in names), waiting[0])
        at = names.index(kind.tag_after) + 1 if kind.tag_after in names else len(tags)
        tags.insert(at, (kind.address, kind.about))
        waiting.remove(kind)
    return dict(tags)


class _Operation:
    """One operation while it is completed."""

    def __init__(
        self, path: str, method: str, operation: dict[str, Any], models: Mapping[str, type[BaseModel]]
    ) -> None:
        self.path, self.method, self.operation, self.models = path, method, operation, models
        self.name: str = operation["operationId"]
        self.word = path.removeprefix("/v1/").partition("/")[0]
        self.kind = BY_ADDRESS[self.word].name if self.word in BY_ADDRESS else ""
        self.responses: dict[str, Any] = operation["responses"]
        self.parameters: list[dict[str, Any]] = operation.setdefault("parameters", [])

    def complete(self) -> None:
        """Add what holds for all operations, and the examples."""
        self.operation["summary"] = self.name.replace("_", " ").capitalize()
        self.responses.pop("422", None)
        if not is_guarded(self.path):
            self.operation["security"] = []
        if "202" in self.responses:
            self._add_waiting()
        if "304" in self.responses and not self._has("If-None-Match"):
            self.parameters.append(_if_none_match())
        for parameter in self.parameters:
            _complete_parameter(parameter)
        if self.method in {"post", "delete"} and is_guarded(self.path):
            self.parameters.append(_if_match())
        self._add_examples()
        for status, response in self.responses.items():
            response["headers"] = {
                name: _reference("headers", name) for name in sorted(self._headers(status, response))
            }
        self.responses["4XX"] = _reference("responses", _CLIENT)
        self.responses["5XX"] = _reference("responses", _SERVER)
        if self.name in _PAGES:
            self.responses["200"]["content"][JSON]["schema"] = _reference("schemas", _PAGES[self.name])
        if not self.parameters:
            del self.operation["parameters"]

    def _has(self, name: str) -> bool:
        return any(parameter["name"] == name for parameter in self.parameters)

    def _add_waiting(self) -> None:
        """A job that is asked for may be waited for."""
        queued = self.responses["202"]
        queued["description"] = "The job, which is not done yet; its address is in Location"
        self.responses["201"] = {**queued, "description": "The job, which is done; its result's address is in Location"}
        self.responses["201"]["content"] = {media: dict(each) for media, each in queued["content"].items()}
        self.operation["responses"] = self.responses = dict(sorted(self.responses.items()))
        self.parameters.append(dict(_PREFER))

    def _headers(self, status: str, response: Mapping[str, Any]) -> Iterator[str]:
        yield from _EVERY
        creates, succeeds = self._has("Idempotency-Key"), status[0] == "2"
        if (
            (succeeds and "304" in self.responses)
            or status == "304"
            or (_named_model(response) in _SEALED and self.method != "get")
        ):
            yield "ETag"
        if succeeds and (creates or self.method == "put"):
            yield "Location"
        if succeeds and creates:
            yield "Idempotent-Replayed"
        if succeeds and self._has("Prefer"):
            yield "Preference-Applied"
        if succeeds and self._has("cursor"):
            yield "Link"
        if self.name == "read_job":
            yield "Retry-After"
        if succeeds and self.name in _FILES:
            yield "Content-Disposition"

    def _add_examples(self) -> None:
        for parameter in self.parameters:
            own = self._parameter_example(parameter["name"])
            if own is not None:
                parameter["schema"]["examples"] = [own]
        for media, body in self.operation.get("requestBody", {}).get("content", {}).items():
            self._add_example(body, None)
            if media == JSON and self.word in DOCUMENT_KINDS:
                body["examples"] = {"shipped": _reference("examples", DOCUMENT_KINDS[self.word].kind)}
        written = _EXAMPLES.get(self.name, dict)()
        for status, response in self.responses.items():
            for media, content in response.get("content", {}).items():
                own = self._answer_example(status)
                self._add_example(content, written.get(media, own))
                if self.name in _documents(self.word) and media == JSON:
                    content["examples"] = {"shipped": _reference("examples", DOCUMENT_KINDS[self.word].kind)}

    def _add_example(self, content: dict[str, Any], written: Any) -> None:  # noqa: ANN401  # any JSON
        model = self.models.get(_named(content))
        if "example" not in content and (written is not None or model is not None):
            content["example"] = written if written is not None or model is None else example_of(model)

    def _parameter_example(self, name: str) -> str | list[str] | None:
        """The example of a parameter that means another thing at each address."""
        if self.word in DOCUMENT_KINDS:
            document = shown.document_of(self.word)
            named = {"name": document.id, "content_digest": document.digest}
            return named.get(name, document.tag if (name, self.method) == ("If-Match", "put") else None)
        if self.kind:
            result = KINDS[self.kind].example
            where = [f"{column}={value}" for column, value in (result.row or {}).items()][:1]
            return {"result_id": result.id, "name": result.table or None, "where": where}.get(name)
        return KINDS["comparison"].example.id if (self.word, name) == ("positions", "result_id") else None

    def _answer_example(self, status: str) -> Any:  # noqa: ANN401  # any JSON
        if self.word in DOCUMENT_KINDS:
            document = shown.document_of(self.word)
            return {"DocumentHead": document.head, "DocumentList": document.page}.get(
                _named_model(self.responses[status])
            )
        if self.kind:
            made: dict[str, Callable[[], Any]] = {
                "JobView": lambda: shown.job_of(self.kind, is_done=status == "201"),
                "ResultView": lambda: shown.result_of(self.kind),
                "ResultList": lambda: shown.results_of(self.kind),
            }
            named = _named_model(self.responses[status])
            return made[named]() if named in made else None
        return None


def _documents(word: str) -> tuple[str, ...]:
    """The operations that answer with a document itself."""
    return (
        (f"read_{DOCUMENT_KINDS[word].kind}", f"read_{DOCUMENT_KINDS[word].kind}_version")
        if word in DOCUMENT_KINDS
        else ()
    )


_PAGES = {"read_allocations": "AllocationPage", "read_positions": "PositionPage"}
"""Operations whose rows are of one table."""

_FILES = (
    "read_journal",
    "read_export_file",
    "read_data_pack_archive",
    "read_allocations",
    "read_positions",
    *(f"read_{kind}_frame" for kind in KINDS),
)
"""Operations that give a file a name."""

_EXAMPLES: Mapping[str, Callable[[], Mapping[str, Any]]] = {
    "read_allocations": lambda: shown.rows_of("run"),
    "read_positions": lambda: shown.rows_of("comparison"),
    **{f"read_{kind}_frame": partial(shown.rows_of, kind) for kind, each in KINDS.items() if each.example.row},
    "read_journal": shown.journal_texts,
    "list_audit_records": shown.audit_texts,
    "verify_audit": lambda: {JSON: shown.verdict()},
    "read_schema": lambda: {JSON: shown.schema()},
}
"""Examples of answers by operation and media type, where they are more than the example of their model."""


def _complete_parameter(parameter: dict[str, Any]) -> None:
    """A parameter is there or not; JSON's null cannot stand in an address or a header."""
    schema = parameter["schema"]
    choices = [each for each in schema.pop("anyOf", []) if each != {"type": "null"}]
    if choices:
        (only,) = choices
        schema |= only
    schema.pop("title", None)
    if parameter["name"] in _NEEDED:
        parameter["required"] = True
    if parameter["name"] == "Idempotency-Key":
        schema |= {"minLength": 1, "maxLength": LONGEST_KEY}


def _models() -> dict[str, type[BaseModel]]:
    """Everything that is sent or received, by name."""

    def below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
        for each in model.__subclasses__():
            yield each
            yield from below(each)

    found: list[type[BaseModel]] = [*below(ApiModel), Problem]
    return {model.__name__: model for model in found}


def _add_models(schema: Mapping[str, Any], schemas: dict[str, Any], models: Mapping[str, type[BaseModel]]) -> None:
    """The schemas of models that are named and not there: FastAPI sees only those that it reads or writes itself."""
    wanted = {name for name in _references(schema["paths"]) if name not in schemas} | {Problem.__name__}
    pairs = [(models[name], "validation") for name in sorted(wanted)]
    _, made = models_json_schema(pairs, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]  # a list of pairs
    schemas.update(made["$defs"])


def _restore_examples(schemas: Mapping[str, Any], models: Mapping[str, type[BaseModel]]) -> None:
    """Put examples of fields back as they are written; FastAPI leaves out what is null in them."""
    for name in schemas.keys() & models.keys():
        for field, info in models[name].model_fields.items():
            if info.examples:
                schemas[name]["properties"][info.alias or field]["examples"] = info.examples


def _say_defaults(schemas: Mapping[str, Any]) -> None:
    """Say what fields are by default in their words alone: generators take what has a default for something that is always there."""
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            usual = field.pop("default", None)
            if usual not in (None, "", [], {}):
                field["description"] = f"{field['description'].rstrip('.')}; {json.dumps(usual)} by default."


def _references(thing: Any) -> Iterator[str]:  # noqa: ANN401  # any JSON
    """Names of the schemas that are referred to."""
    if isinstance(thing, dict):
        if "$ref" in thing and thing["$ref"].startswith("#/components/schemas/"):
            yield thing["$ref"].rpartition("/")[2]
        for each in thing.values():
            yield from _references(each)
    elif isinstance(thing, list):
        for each in thing:
            yield from _references(each)


def _named(content: Mapping[str, Any]) -> str:
    """The name of the model that content is described by; empty where it is none."""
    return str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]


def _named_model(response: Mapping[str, Any]) -> str:
    return _named(response.get("content", {}).get(JSON, {}))


def _reference(part: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{part}/{name}"}


def _header(name: str) -> dict[str, Any]:
    about, example = _HEADERS[name]
    is_needed = name in (*_EVERY, "Location", "ETag")
    return {"description": about, "required": is_needed, "schema": {"type": "string"}, "example": example}


def _if_none_match() -> dict[str, Any]:
    schema = {"type": "string", "examples": [f'"{DIGEST_EXAMPLE}"']}
    return {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "ETags the caller has already",
        "schema": schema,
    }


def _if_match() -> dict[str, Any]:
    schema = {"type": "string", "examples": ["*"]}
    return {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "description": "ETag of what stands at the address, or of what that belongs to; 412 where it has another by now",
        "schema": schema,
    }


def _problems(kind: str, statuses: range) -> dict[str, Any]:
    """The answer of failures: what their types are, and one of them."""
    types = {name: status for name, (status, _) in TYPES.items() if status in statuses}
    words = ", ".join(f"{status} {name}" for name, status in sorted(types.items(), key=lambda each: (each[1], each[0])))
    headers = {name: _reference("headers", name) for name in (*_EVERY, "Retry-After", "WWW-Authenticate", "Allow")}
    example = example_of(Problem)
    if TYPES[kind][0] not in range(400, 500):
        problem = problem_of(ServiceError(kind, "nothing was changed"), str(example["correlation_id"]))
        example = problem.model_dump(exclude_none=True)
    content = {"schema": _reference("schemas", Problem.__name__), "example": example}
    return {"description": f"A problem: {words}", "headers": headers, "content": {MEDIA_TYPE: content}}


def _document_example(plural: str) -> dict[str, Any]:
    document = shown.document_of(plural)
    return {
        "summary": f"{DOCUMENT_KINDS[plural].words.capitalize()} that ships: {document.id}",
        "value": _without_empty_defaults(document.content),
    }


def _without_empty_defaults(content: Any) -> Any:  # noqa: ANN401  # any JSON
    """A document without `default: null`, which it means anyway, and by which linters take parts of it for JSON Schemas."""
    if isinstance(content, dict):
        kept = {name: each for name, each in content.items() if name != "default" or each is not None}
        return {name: _without_empty_defaults(each) for name, each in kept.items()}
    return [_without_empty_defaults(each) for each in content] if isinstance(content, list) else content
