"""A contract's terms in a form: every field of the schema, faults at the field, what was typed is kept, and the payoff drawn anew."""

import re

from api.pages.terms.form import clauses, faults_by_path, figures, origins, paths_of, read
from capitation.errors import Fault
from contracts.terms import all_terms
from tests.pages.test_pages import words

ADDRESS = "/contracts/blmk-capitation-corridor/terms"
EDGE = "parameters.0.values.0.value"


def fields(page):
    """What a browser would send of the form."""
    found = dict(
        re.findall(r'<input class="nhsuk-input" id="[^"]+" name="([^"]+)" (?:type="text" )?value="([^"]*)"', page)
    )
    for name, options in re.findall(
        r'<select class="nhsuk-select" id="[^"]+" name="([^"]+)"[^>]*>(.*?)</select>', page
    ):
        chosen = re.search(r'value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen else re.search(r'value="([^"]*)"', options)[1]
    found["etag"] = re.search(r'name="etag" value="([^"]+)"', page)[1].replace("&#34;", '"')
    return {name: text.replace("&#39;", "'").replace("&amp;", "&") for name, text in found.items()}


def test_the_form_has_every_field_of_every_clause_and_draws_the_payoff(site):
    page = site.analyst.get(ADDRESS).text
    for path in (EDGE, "terms.0.sum", "terms.5.of", "terms.4.gains.0.share", "terms.4.gains.3.upto", "terms.4.mode"):
        assert f'name="{path}"' in page
    assert "<svg" in page
    assert "pays between -\u2060£30,960.00 and £69,360.00, with 4 bends or leaps" in page


def test_what_was_typed_is_redrawn_and_nothing_is_kept(site):
    typed = fields(site.analyst.get(ADDRESS).text) | {EDGE: "0.02"}
    answer = site.analyst.send(ADDRESS, **typed, do="check")
    assert answer.status_code == 200
    assert "As typed: " in words(answer)
    assert "£30,960.00" not in answer.text
    assert 'value="0.02"' in answer.text
    assert 'value="0.01"' in site.analyst.get(ADDRESS).text


def test_a_fault_stands_at_its_field_and_what_was_typed_stays(site):
    typed = fields(site.analyst.get(ADDRESS).text) | {"terms.4.gains.1.upto": "half", EDGE: "0.02"}
    answer = site.analyst.send(ADDRESS, **{**typed, "do": "keep", "reason": "to try", "owner": "Ann"})
    assert answer.status_code == 422
    assert 'href="#terms.4.gains.1.upto"' in answer.text
    assert 'id="terms.4.gains.1.upto-error"' in answer.text
    assert 'value="half"' in answer.text
    assert 'value="0.02"' in answer.text


def test_terms_are_kept_as_a_new_version_with_a_reason_and_an_owner(site):
    ann = site.analyst
    assert ann.send("/contracts/blmk-block", do="copy", new_id="own-block", new_title="Own block").status_code == 303
    page = ann.get("/contracts/own-block/terms").text
    nobody = ann.send("/contracts/own-block/terms", **fields(page), do="keep")
    assert nobody.status_code == 422
    assert "Who answers for it: found nothing" in words(nobody)
    typed = fields(page) | {"terms.0.about": "All of it, in twelfths", "reason": "said so", "owner": "Ann"}
    kept = ann.send("/contracts/own-block/terms", **typed, do="keep")
    assert (kept.status_code, kept.headers["location"]) == (303, "/contracts/own-block/terms")
    after = ann.get("/contracts/own-block").text
    assert "because said so (Ann)" in after
    assert "All of it, in twelfths" in after
    late = ann.send("/contracts/own-block/terms", **typed, do="keep")
    assert late.status_code == 412
    assert "Somebody changed the contract" in words(late)


def test_whatever_a_worked_case_of_a_clause_says_is_read_back_from_its_form():
    for kind, term in all_terms().items():
        for case in term.cases[:1]:
            content = {"terms": [{"term": kind, "step": "result", **_plain(dict(case.fields))}], "parameters": []}
            typed = {f.path: f.value for f in _all(clauses(content, {}))}
            assert read(content, typed) == content, kind


def _plain(value):
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _all(groups):
    for group in groups:
        yield from group.fields
        yield from _all(group.groups)


def test_a_fault_is_at_the_nearest_field_of_its_path():
    content = {
        "parameters": [{"name": "edge", "values": [{"value": 0.1}]}],
        "terms": [{"term": "bands", "step": "s", "gains": [{"share": 1}]}],
    }
    known = set(paths_of(figures(content, {}), clauses(content, {})))
    faults = [
        Fault("contract x: terms.1 (s).gains.1.share", "2", "0 to 1"),
        Fault("contract x: parameters.1.values.1.value", "'a'", "a number"),
        Fault("contract x", "a", "b"),
    ]
    by_path, listed = faults_by_path(faults, known)
    assert set(by_path) == {"terms.0.gains.0.share", "parameters.0.values.0.value", ""}
    assert listed[0] == ("terms.0.gains.0.share", "Terms 1 gains 1 share: found 2; expected 0 to 1.")


def test_a_clause_that_was_left_out_and_one_that_was_added_stay_so_over_several_checks():
    content = {"parameters": [], "terms": [
        {"term": "fixed", "step": "a", "sum": "plan"}, {"term": "share", "step": "b", "amount": "a", "rates": [0.5]}, {"term": "fixed", "step": "c", "sum": 3},
    ]}  # fmt: skip
    first = {
        "kind.0": "fixed",
        "from.0": "0",
        "kind.1": "share",
        "from.1": "1",
        "remove.1": "yes",
        "kind.2": "fixed",
        "from.2": "2",
        "terms.2.sum": "4",
        "add": "share",
        "add_step": "d",
    }
    made = read(content, first)
    assert [(each["step"], each["term"]) for each in made["terms"]] == [("a", "fixed"), ("c", "fixed"), ("d", "share")]
    assert made["terms"][1]["sum"] == 4
    assert origins(content, first) == ["0", "2", ""]
    again = {f"kind.{n}": each["term"] for n, each in enumerate(made["terms"])} | {
        f"from.{n}": o for n, o in enumerate(origins(content, first))
    }
    again |= {"terms.2.step": "d", "terms.2.amount": "c", "terms.2.rates": "0.25"}
    later = read(content, again)
    assert [(each["step"], each.get("sum")) for each in later["terms"][:2]] == [("a", "plan"), ("c", 3)]
    assert later["terms"][2] == {"term": "share", "status": "unverified", "step": "d", "amount": "c", "rates": [0.25]}
