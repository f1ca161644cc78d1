"""The catalogue: nothing is left out, what it says is what the engine does, and its schemas hold everything that ships."""

import json
import math
import re
import tomllib
from decimal import Decimal
from functools import cache
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import TypeAdapter

from api.schemas import DOCUMENTS
from api.service.describe import catalogue_indices, catalogue_schemas, catalogue_solutions, catalogue_terms
from api.service.describe.catalogue_indices import index_views
from api.service.describe.catalogue_schemas import SCHEMAS, json_schema, schema_heads, schema_text
from api.service.describe.catalogue_solutions import solution_heads, solution_views
from api.service.describe.catalogue_terms import STEP, term_heads, term_views
from api.service.documents.kinds import DOCUMENT_KINDS
from api.service.records.api_models import ApiModel
from api.service.records.examples import example_of
from api.service.records.pack import pack_at
from api.service.routes import catalogue
from capitation.pack.layers import files_of, layers
from capitation.records.described import sentences
from capitation.records.documents import read_mapping
from capitation.records.identity import canonical, digest, plain
from capitation.shift.solution import Cost, Solution, read_solutions
from capitation.weighting.formula import Component, CostIndex, need_catalogue
from contracts.document.schema import any_term
from contracts.language.pieces import Piece, Pieces
from contracts.language.tables import Table
from contracts.terms import all_terms

ROOT = "/v1/catalogue"
SHELVES = ("indices", "schemas", "solutions", "terms")

PACK = pack_at(None)
TERMS, SOLUTIONS, INDICES = term_views(), solution_views(PACK), index_views(PACK)
CASES = [(name, number) for name, view in TERMS.items() for number in range(len(view.cases))]

MODELS = {
    model
    for module in (catalogue, catalogue_indices, catalogue_schemas, catalogue_solutions, catalogue_terms)
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, ApiModel) and model is not ApiModel
}

SHIPPED = {
    "contract": "contracts/*.toml",
    "contract-options": "options/*.toml",
    "cost-index": "need/indices/*.toml",
    "formula": "need/formulas/*.toml",
    "need-component": "need/components/*.toml",
    "need-formula": "need/formulas/*.toml",
    "need-vintage": "need/vintages/*.toml",
    "pace-policy": "policies/*.toml",
    "parameter": "parameters/*/*.toml",
    "problem": "problems/*.toml",
    "scenario": "scenarios/*.toml",
    "solution": "solutions/*.toml",
    "source": "sources/*/source.toml",
    "term-family": "families/*.toml",
    "uncertainty": "uncertainty/*.toml",
}
"""Files of the data pack by the kind of document that they hold."""


ROOT_FOLDER = Path(__file__).parents[3]


def stems(pattern):
    return {path.stem for path in files_of(layers(PACK.folder), pattern).values()}


def as_json(content):
    return json.loads(canonical(content))


@cache
def compiled(text):
    jsonschema_rs = pytest.importorskip("jsonschema_rs", reason="pip install jsonschema-rs to hold JSON to its schemas")
    return jsonschema_rs.Draft202012Validator(json.loads(text))


def faults(schema, content):
    """What a schema, or the published one of a kind, has to say against a content."""
    text = schema_text(schema) if isinstance(schema, str) else json.dumps(schema)
    return [error.message for error in compiled(text).iter_errors(as_json(content))]


# What is there


def test_every_entry_of_every_list_can_be_read_and_none_is_missing(served):
    listed = {}
    for shelf in served.client.get(ROOT).json()["items"]:
        page = served.client.get(shelf["href"]).json()
        listed[shelf["id"]] = {item["href"].rpartition("/")[2] for item in page["items"]}
        assert (page["next"], len(page["items"])) == (None, shelf["count"])
        for item in page["items"]:
            whole = served.client.get(item["href"])
            assert whole.headers["etag"] == f'"{digest(whole.text)}"', "the tag is the hash of what is sent"
            if shelf["id"] != "schemas":
                assert {key: whole.json()[key] for key in item} == item
    assert tuple(listed) == SHELVES
    assert (
        listed["terms"]
        == set(all_terms())
        == {path.stem for path in (ROOT_FOLDER / "contracts" / "terms").glob("*/*.py")} - {"__init__"}
    )
    assert listed["solutions"] == stems("solutions/*.toml")
    assert listed["indices"] == stems("need/components/*.toml") | stems("need/indices/*.toml")
    assert listed["schemas"] == {*DOCUMENTS, *(noun.kind for noun in DOCUMENT_KINDS.values()), "term", "index"}


def test_whoever_has_what_would_be_sent_is_told_so(served):
    for path in ("", *(f"/{name}" for name in SHELVES), "/terms/cap", "/solutions/prevention", "/indices/mff"):
        first = served.client.get(f"{ROOT}{path}")
        tag = first.headers["etag"]
        again = served.client.get(f"{ROOT}{path}", headers={"If-None-Match": f'"x", {tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert served.client.get(f"{ROOT}{path}", headers={"If-None-Match": '"x"'}).content == first.content
        assert not tag.startswith("W/")


def test_pages_hold_every_entry_once_and_in_order(served):
    for shelf, limit in [*((name, 5) for name in SHELVES), ("terms", 1), ("terms", 38), ("terms", 37)]:
        names, path = [], f"{ROOT}/{shelf}?limit={limit}"
        while path:
            answer = served.client.get(path)
            names += [item["href"].rpartition("/")[2] for item in answer.json()["items"]]
            path = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
            assert bool(path) == (answer.json()["next"] is not None)
        whole = served.client.get(f"{ROOT}/{shelf}").json()["items"]
        assert names == sorted(names) == [item["href"].rpartition("/")[2] for item in whole]
    assert served.client.get(f"{ROOT}/terms?cursor=abc").status_code == 422


def test_an_unknown_name_is_told_with_the_near_one(served):
    for wrong, near in (
        ("terms/shares", "share"),
        ("solutions/clinical_hubs", "clinical_hub"),
        ("indices/mfff", "mff"),
        ("schemas/formulas", "formula"),
        ("schemas/solutions", "solution"),
    ):
        told = served.client.get(f"{ROOT}/{wrong}")
        assert (told.status_code, told.json()["type"]) == (404, "urn:capitation:problem:unknown-name")
        assert f"'{near}'" in told.json()["detail"]


def test_no_text_of_an_address_is_a_fault_of_the_service(served):
    texts = (
        "a\x00",
        "a\n",
        "é",
        "\U0001f600",
        "x" * 129,
        "x" * 128,
        "*",
        "%",
        "a b",
        "__class__",
        "-",
        "pack.toml",
    )
    for shelf in SHELVES:
        for text in texts:
            answer = served.client.get(f"{ROOT}/{shelf}/{quote(text, safe='')}")
            assert answer.status_code in {404, 422}, (shelf, text)
            assert answer.headers["content-type"] == "application/problem+json"
        assert served.client.get(f"{ROOT}/{shelf}/%ed%a0%80").status_code == 422


def test_what_is_sent_fits_its_description(served):
    described = served.client.get("/openapi.json").json()
    for path, operations in described["paths"].items():
        if not path.startswith(ROOT):
            continue
        get = operations["get"]
        named = get["responses"]["200"]["content"]["application/json"]["schema"]
        schema = {**named, "components": described["components"]}
        assert get["description"]
        for parameter in get["parameters"]:
            if parameter["in"] == "path":
                assert parameter["description"]
                assert parameter["schema"]["examples"]
        shelf = path.removeprefix(f"{ROOT}/").partition("/")[0]
        known = {"terms": TERMS, "solutions": SOLUTIONS, "indices": INDICES, "schemas": SCHEMAS}
        for name in known[shelf] if "{" in path else [""]:
            sent = served.client.get(re.sub(r"\{\w+\}", name, path)).json()
            assert faults(schema, sent) == []


@pytest.mark.parametrize("model", sorted(MODELS, key=lambda m: m.__name__), ids=lambda m: m.__name__)
def test_every_field_has_a_sentence_and_examples_that_fit_it(model):
    assert model.__doc__
    for name, info in model.model_fields.items():
        assert sentences(model)[name], name
        for example in info.examples or ():
            TypeAdapter(info.annotation).validate_python(example)
    assert model.model_validate(example_of(model))


def test_a_model_with_a_bare_field_has_no_example():
    with pytest.raises(TypeError, match="Cost: found no example of owner"):
        example_of(Cost)


def test_files_of_the_pack_are_read_once_a_process(monkeypatch):
    assert solution_heads(PACK)
    monkeypatch.setattr(catalogue_solutions, "read_solutions", None)
    monkeypatch.setattr(catalogue_indices, "need_catalogue", None)
    again = pack_at(None)
    assert (solution_views(again), index_views(again)) == (SOLUTIONS, INDICES)
    assert solution_views(again) is SOLUTIONS


# Terms


def test_a_term_is_told_in_its_own_words():
    for name, term in all_terms().items():
        view = TERMS[name]
        assert re.sub(r"\s+", " ", view.words) == re.sub(r"\s+", " ", term.__doc__).strip()
        assert view.words.replace("\n", " ").startswith(view.meaning)
        own = [
            key for key in view.json_schema["properties"] if key not in {"step", "about", "clause", "source", "status"}
        ]
        assert sorted(field.name for field in view.fields) == sorted(key for key in own if key != "term")
        assert {field.name for field in view.fields if field.required} == set(view.json_schema["required"]) - {"step"}
        assert term_heads()[name].meaning == view.meaning
        assert len(view.cases) == len(term.cases)
        assert view.formula == view.cases[0].formula


@pytest.mark.parametrize(("name", "number"), CASES)
def test_a_case_as_sent_fits_its_schemas_and_gives_its_figures(name, number):
    case, term = TERMS[name].cases[number], all_terms()[name]
    assert faults(TERMS[name].json_schema, case.content) == faults("term", case.content) == []
    assert faults("term", {**case.content, "nonsense": 1}) != []
    built = any_term().validate_json(canonical(case.content))
    assert (type(built), built.formula(), built.before()) == (term, case.formula, case.amount)
    assert set(case.expected) <= {STEP, *(f"{STEP}.{part}" for part in built.parts())}
    tables = {table["name"]: Table.model_validate(as_json(table)) for table in case.tables}
    rows = built.reference_rows(case.rows, tables)
    for output, values in as_json(case.expected).items():
        assert [row[output] for row in rows] == pytest.approx(values, rel=1e-12, abs=1e-9)
    if number == 0:
        assert (case.pieces is not None) == TERMS[name].one_amount
        assert [output for output in built.outputs() if output != STEP] == TERMS[name].further_results
    if case.pieces is not None and case.amount is not None:
        sent = as_json(case.pieces)
        starts = [-math.inf if piece["start"] is None else piece.pop("start") for piece in sent]
        pieces = Pieces(
            tuple(
                Piece(start, p["intercept"], p["slope"], holds_at_start=p["holds_at_start"])
                for start, p in zip(starts, sent, strict=True)
            )
        )
        assert pieces.at(case.rows[0][case.amount]) == pytest.approx(rows[0][STEP], rel=1e-9, abs=1e-9)


# Solutions


@pytest.mark.parametrize("name", SOLUTIONS)
def test_a_solution_as_sent_is_the_document_of_its_file(name):
    view = SOLUTIONS[name]
    (shipped,) = read_solutions(PACK.folder / "solutions", [name])
    assert Solution.model_validate(as_json(view.document)) == shipped
    assert faults("solution", view.document) == []
    printed = tomllib.loads((PACK.folder / "solutions" / f"{name}.toml").read_text("utf-8"), parse_float=Decimal)
    for part, rows in printed.items():
        if isinstance(rows, list) and rows and isinstance(rows[0], dict):
            for row, sent in zip(rows, view.document[part], strict=True):
                marks = {key: row[key] for key in ("source", "where", "owner", "quality", "impact") if key in row}
                assert {key: sent[key] for key in marks} == marks
    assert (view.source, view.owner, view.quality, view.impact) == (
        printed.get("source", "assumption"),
        printed.get("owner"),
        printed.get("quality"),
        printed.get("impact"),
    )


def test_money_of_solutions_leaves_as_pounds_with_two_decimals():
    texts = re.findall(r'"(?:\w+_)?pounds":([^,}]*)', canonical(list(SOLUTIONS.values())))
    assert len(texts) > len(SOLUTIONS)
    assert [text for text in texts if not re.fullmatch(r'null|"-?(0|[1-9]\d*)\.\d\d"', text)] == []
    hub = SOLUTIONS["clinical_hub"].document["costs"]
    assert [cost["pounds"] for cost in hub] == ["3854000.00", "800000.00", "2000000.00"]  # as the file has them
    assert SOLUTIONS["clinical_hub"].document["effects"][0]["central"] == Decimal("0.308"), "a share keeps its digits"


# Indices


def test_the_formulas_that_use_an_index_are_those_whose_terms_name_it():
    catalogue = need_catalogue(PACK.opened())
    as_component = ("component", "inequality component")
    for name, document in catalogue.documents.items():
        formula = catalogue.formula(name)
        found = {i.id: [use for use in i.uses if use.formula == name] for i in INDICES.values()}
        components = {i for i, uses in found.items() if any(use.how in as_component for use in uses)}
        assert components == {component.id for component in formula.components()}
        read = {i for i, uses in found.items() if any(use.how == "index of the input" for use in uses)}
        assert read == {index.id for index in formula.indices()}
        inside = {i for i, uses in found.items() if any(use.how == "inside the inputs" for use in uses)}
        assert inside == set(document.inputs_contain)
        assert any(use.how == "index by area" for uses in found.values() for use in uses) == formula.takes_area_index
        for block in document.blocks:
            uses = [use for each in found.values() for use in each if use.block == block.id]
            assert all(use.coefficients[0].value == f"{block.coefficient[0].value:f}" for use in uses)


def test_an_index_has_its_years_sources_and_document():
    catalogue = need_catalogue(PACK.opened())
    for name, view in INDICES.items():
        document = {**catalogue.components, **catalogue.indices}[name]
        model, kind = (Component, "need-component") if isinstance(document, Component) else (CostIndex, "cost-index")
        assert model.model_validate(as_json(view.document)) == document
        assert view.schema_href == f"{ROOT}/schemas/{kind}"
        assert faults(kind, view.document) == faults("index", view.document) == []
        assert set(view.years) >= {year for use in view.uses for year in use.years}
        assert {vintage.year for vintage in view.vintages} == set(view.years) & set(catalogue.vintages)
        assert {source.id for source in view.sources} <= set(PACK.opened().sources)
        assert bool(view.sources) == bool(view.uses)
        assert view.unit == ("weighted persons" if model is Component else "ratio to England")
    # data/need/vintages/2022-23.toml: contains = ["mff"], contained_in names four components
    held = {vintage.year: vintage for vintage in INDICES["mff"].vintages}
    assert held["2022/23"].contained_in == ["general_acute", "community", "mental_health", "maternity"]
    community = {vintage.year: vintage.contains for vintage in INDICES["community"].vintages}
    assert (community["2022/23"], community["2023/24"]) == (["mff"], [])
    # data/need/formulas/ccg-core-2018-19.toml: the weight of community in block hchs
    first = next(use for use in INDICES["community"].uses if use.formula == "ccg-core-2018-19")
    assert (first.block, first.weights[0].value, first.weights[0].trust) == ("hchs", "0.0641386621499336", "R")


# Schemas


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_schema_is_valid_json_schema_and_says_what_it_is_of(kind):
    schema = json.loads(schema_text(kind))
    assert schema == json_schema(kind)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert (schema_heads()[kind].title, bool(schema_heads()[kind].meaning)) == (schema["title"], True)
    jsonschema_rs = pytest.importorskip("jsonschema_rs", reason="pip install jsonschema-rs to check schemas")
    jsonschema_rs.meta.validate(schema)
    assert faults(kind, {"nonsense": 1}) != []


@pytest.mark.parametrize("kind", SHIPPED)
def test_every_shipped_document_fits_its_schema_and_none_with_an_unknown_key_does(kind):
    paths = sorted(files_of(layers(PACK.folder), SHIPPED[kind]).values())
    assert paths
    for path in paths:
        content = read_mapping(path)
        assert faults(kind, content) == [], path
        assert faults(kind, {**content, "nonsense": 1}) != [], path


@pytest.mark.parametrize("plural", DOCUMENT_KINDS)
def test_every_document_as_the_service_keeps_it_fits_its_schema(plural):
    noun = DOCUMENT_KINDS[plural]
    for name, text in noun.shipped(PACK).items():
        assert faults(noun.kind, plain(text)) == [], name


def test_fields_of_a_schema_stand_in_the_order_of_the_model():
    assert list(json.loads(schema_text("solution"))["properties"]) == list(Solution.model_fields)
