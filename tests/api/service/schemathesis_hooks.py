"""How schemathesis calls the service, and which of its findings are none: each has its reason here, and no check is turned off.

Loaded by schemathesis itself, which gives hooks their arguments by name. A creating request has an Idempotency-Key of its own, as
the service asks for; otherwise the second body that is sent with the key of an example would be refused unread.
"""

import itertools
import json
import os

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import MissingHeaderNotRejected, RejectedPositiveData, UseAfterFree

from api.service.documents.kinds import DOCUMENT_KINDS

IN_DEPTH = "SCHEMATHESIS_DOCUMENTS_IN_DEPTH"
"""Variable that asks for documents as their own JSON Schemas have them, instead of any object with an id."""

OWN_KEY = "SCHEMATHESIS_OWN_KEY"
"""Variable that holds the id of the caller's own key."""

STANDS_FOR = "SCHEMATHESIS_STANDS_FOR"
"""Variable that holds, as JSON, what the description's examples name of a made-up system, with what it is in the store that is asked."""

schemathesis.serializer.alias("application/zip", "application/octet-stream")

_number = itertools.count(1)


def a_cursor_is_opaque(case, told):
    """Any text fits its schema, but only one that the service gave is taken."""
    return told["status"] == 422 and told["detail"].startswith("cursor ")


def a_body_may_name_what_is_not_stored(case, told):
    """A schema cannot know what the store holds."""
    return told["status"] == 422 and any("stored" in fault["expected"] for fault in told["faults"])


def a_document_has_a_schema_of_its_own(case, told):
    """The description holds a document's id only; its JSON Schema stands in the catalogue, and its model knows more still."""
    kinds = {"invalid", "invalid-document", "invalid-scenario", "invalid-contract", "unknown-name"}
    return place_of(case) in DOCUMENT_KINDS and kind_of(told) in kinds and told["faults"] != []


def a_version_moves_on(case, told):
    """If-Match fits its schema and names no version, or one that was the newest."""
    return case.method in {"PUT", "POST", "DELETE"} and told["status"] == 412


def a_role_holds_some_scopes_only(case, told):
    """Role and scopes of a key fit their schemas each, and not each other."""
    return (place_of(case), told["status"]) == ("keys", 422) and "scopes" in told["faults"][0]["where"]


def a_name_can_be_printed(case, told):
    """Which characters of Unicode can be printed is more than a pattern says."""
    return (place_of(case), told["status"]) == ("keys", 422) and "printable" in told["faults"][0]["expected"]


def a_journal_is_of_a_period_of_its_result(case, told):
    """Period, date and journal that is restated fit their schemas, and not the result."""
    return (place_of(case), kind_of(told)) == ("journals", "invalid-journal")


def options_name_what_they_compare(case, told):
    """Options and case that are asked for fit their schemas, and not the document."""
    return place_of(case) in {"comparisons", "futures", "party-chances", "plans"} and kind_of(told) == "invalid"


def bytes_are_seldom_an_archive(case, told):
    """Any bytes fit the schema of a file."""
    return (place_of(case), kind_of(told)) == ("data-packs", "invalid-document")


def a_query_names_what_its_table_has(case, told):
    """Any text fits the schema of a filter, and a value or column that the table does not have is refused rather than answered by no row."""
    return told["status"] == 422 and told["detail"] == "no row could match the query"


def a_figure_is_named_once(case, told):
    """Pairs of a column and a value fit their schema each, and not each other when two name one column."""
    return told["status"] == 422 and told["detail"] == "the key of the figure names a column more than once"


def a_text_can_be_stored(case, told):
    """Names of the columns of rows are any text, and one with NUL is refused on both databases, which a type cannot say."""
    return told["status"] == 422 and told["detail"] == "the body has texts that cannot be stored"


def a_reason_can_be_seen(case, told):
    """A reason has characters that can be seen, which a pattern cannot say of every script."""
    faults = told.get("faults") or []
    seen = "a reason of at least 3 characters that can be seen"
    return told["status"] == 422 and bool(faults) and all(fault["expected"] == seen for fault in faults)


NOT_ACCEPTED = (
    a_reason_can_be_seen,
    a_text_can_be_stored,
    a_figure_is_named_once,
    a_query_names_what_its_table_has,
    a_cursor_is_opaque,
    a_body_may_name_what_is_not_stored,
    a_document_has_a_schema_of_its_own,
    a_version_moves_on,
    a_role_holds_some_scopes_only,
    a_name_can_be_printed,
    a_journal_is_of_a_period_of_its_result,
    options_name_what_they_compare,
    bytes_are_seldom_an_archive,
)
"""Why what fits the description may yet be refused."""


def place_of(case):
    """The resource of an address."""
    return case.operation.path.removeprefix("/v1/").partition("/")[0]


def kind_of(told):
    """The kind of a problem."""
    return told["type"].rpartition(":")[2]


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.method == "POST" and case.meta is not None and case.meta.generation.mode.is_positive:
        number = next(_number)
        case.headers["Idempotency-Key"] = f"request {number}"
        if (
            number % 8
        ):  # few made-up versions are what stands there, and what is refused for that is not looked at further
            case.headers.pop("If-Match", None)


@schemathesis.hook
def filter_case(context, case):
    """Nobody takes back the key they come with: everything after that would be refused."""
    return not (case.method == "DELETE" and (case.path_parameters or {}).get("key_id") == os.environ.get(OWN_KEY, ""))


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if isinstance(failure, RejectedPositiveData):
        return not any(reason(case, json.loads(response.content)) for reason in NOT_ACCEPTED)
    if isinstance(failure, AcceptedNegativeData):
        return response.status_code != 412  # RFC 9110: preconditions come before the body
    if isinstance(failure, MissingHeaderNotRejected):
        return response.status_code != 428  # RFC 6585: the status for a change without If-Match
    if isinstance(failure, UseAfterFree):
        return place_of(case) not in {"jobs", "keys"}  # they are cancelled and revoked: that they were stays to be read
    return True


@schemathesis.hook
def before_load_schema(context, raw_schema):
    raw_schema |= _here(raw_schema, json.loads(os.environ.get(STANDS_FOR, "{}")))


def _here(thing, names):
    """A part of the description whose examples name what is in the store."""
    if isinstance(thing, dict):
        return {name: _here(each, names) for name, each in thing.items()}
    if isinstance(thing, list):
        return [_here(each, names) for each in thing]
    if isinstance(thing, str):
        return next((thing.removesuffix(name) + here for name, here in names.items() if thing.endswith(name)), thing)
    return thing


if os.environ.get(IN_DEPTH):

    @schemathesis.hook("before_load_schema")
    def whole_documents(context, raw_schema):
        schemas = raw_schema["components"]["schemas"]
        for plural, noun in DOCUMENT_KINDS.items():
            whole = noun.schema()
            parts = whole.pop("$defs", {})
            schemas |= {f"{noun.kind}.{name}": _moved(part, noun.kind) for name, part in parts.items()}
            schemas[f"{noun.kind}.whole"] = _moved(whole, noun.kind)
            body = raw_schema["paths"][f"/v1/{plural}"]["post"]["requestBody"]["content"]["application/json"]
            body["schema"] = {"$ref": f"#/components/schemas/{noun.kind}.whole"}


def _moved(thing, kind):
    """A part of a JSON Schema whose definitions have moved to the components of the description."""
    if isinstance(thing, dict):
        return {name: _moved(each, kind) for name, each in thing.items()}
    if isinstance(thing, list):
        return [_moved(each, kind) for each in thing]
    if isinstance(thing, str) and thing.startswith("#/$defs/"):
        return f"#/components/schemas/{kind}.{thing.removeprefix('#/$defs/')}"
    return thing
