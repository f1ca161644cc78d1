"""Policies as documents: what they refuse, which rules hold when, and how named parameters are put in."""

import pytest

from capitation.errors import DocumentError, ParameterError, UnknownNameError
from capitation.pace.policy import FromParameter, PacePolicy, PaceRules, rate, resolved
from capitation.pack.parameters import Parameters
from capitation.records.documents import parse_document
from capitation.records.years import FinancialYear, financial_years

MARKS = {"source": "test", "where": "test"}
YEARS = financial_years(FinancialYear("2016/17"), FinancialYear("2020/21"))


def figure(value: str) -> dict[str, str]:
    return {"value": value, "unit": "rate", **MARKS}


def rules(**keys: object) -> dict[str, object]:
    return {"from": "2016/17", **keys}


def policy(*given: dict[str, object], **keys: object) -> dict[str, object]:
    return {"id": "p", "title": "P", "about": "A policy.", "rules": list(given), **keys}


@pytest.fixture(scope="session")
def shipped(pack):
    return pack.documents("policies", PacePolicy)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (policy(), "at least one stream"),
        (policy(rules(), rules()), "rules are given twice for any from 2016/17"),
        (policy(rules(cap_threshold=figure("0.1"))), "given together"),
        (policy(rules(cap_threshold=figure("0.1"), cap_growth=figure("0"))), "needs a floor_total at or above it"),
        (
            policy(rules(floor_total=figure("0.01"), cap_threshold=figure("0.1"), cap_growth=figure("0.02"))),
            "needs a floor_total at or above it",
        ),
        (
            policy(rules(cap_from=figure("0.05"))),
            "cap_from needs a cap_threshold above it",
        ),
        (
            policy(
                rules(
                    floor_total=figure("0.02"),
                    cap_from=figure("0.1"),
                    cap_threshold=figure("0.1"),
                    cap_growth=figure("0.01"),
                )
            ),
            "cap_from needs a cap_threshold above it",
        ),
        (policy(rules(max_growth_place=figure("0.1"))), "max_growth_place needs a max_growth at or below it"),
        (
            policy(rules(max_growth=figure("0.2"), max_growth_place=figure("0.1"))),
            "max_growth_place needs a max_growth at or below it",
        ),
        (policy(rules(max_under=figure("5"))), "max_under must be from 0 to 1 .*; found 5"),
        (policy(rules(floor_total=figure("-2"))), "floor_total must be at least -1"),
        (policy(rules(floor_total=figure("0.0123456789"))), "more than 8 decimals"),
        (policy(rules(relaxation=["floors", "floors"])), "names a rule twice"),
        (policy(rules(relaxation=["hopes"])), "place_max_under"),
        (policy(rules(bands={"mode": "step", "lines": [], **MARKS})), "at least one line"),
        (
            policy(
                rules(
                    bands={
                        "mode": "step",
                        "lines": [
                            {"opening_dft": "-0.1", "minimum_growth": "0.01"},
                            {"opening_dft": "-0.05", "minimum_growth": "0.02"},
                        ],
                        **MARKS,
                    }
                )
            ),
            "more need would bring less money",
        ),
        (
            policy(
                rules(
                    bands={
                        "mode": "linear",
                        "lines": [
                            {"opening_dft": "0", "minimum_growth": "0.02"},
                            {"opening_dft": "-0.05", "minimum_growth": "0.01"},
                        ],
                        **MARKS,
                    }
                )
            ),
            "rise in opening_dft",
        ),
        (
            policy(rules(), place=[{"from": "2016/17", "core_stream": "ccg", "max_under": figure("0.05")}] * 2),
            "place rules are given twice",
        ),
    ],
)
def test_a_policy_that_contradicts_itself_says_how(content, message):
    with pytest.raises(DocumentError, match=message):
        parse_document(content, PacePolicy, "a policy")


def test_an_unmarked_band_assumption_is_refused():
    table = {
        "mode": "step",
        "lines": [{"opening_dft": "0", "minimum_growth": "0"}],
        "source": "assumption",
        "where": "x",
    }
    with pytest.raises(DocumentError, match="owner and a quality mark"):
        parse_document(policy(rules(bands=table)), PacePolicy, "a policy")


def test_the_latest_rules_of_the_stream_hold_and_any_holds_for_the_rest():
    p = parse_document(
        policy(
            rules(stream="ccg", note="first"),
            {"from": "2018/19", "stream": "ccg", "note": "second"},
            rules(stream="any", note="rest"),
        ),
        PacePolicy,
        "a policy",
    )
    assert p.rules_for("2017/18", "ccg").note == "first"
    assert p.rules_for("2020/21", "ccg").note == "second"
    assert p.rules_for("2020/21", "specialised").note == "rest"
    assert p.place_for("2020/21") is None


def test_a_stream_without_rules_is_named_with_the_known_ones():
    p = parse_document(policy(rules(stream="ccg")), PacePolicy, "a policy")
    with pytest.raises(UnknownNameError, match="ccg"):
        p.rules_for("2016/17", "cgc")


def test_shipped_policies_hold_for_every_year_of_the_plan_with_parameters_put_in(pack, shipped):
    assert set(shipped) == {"blmk-2016-17", "no-pace"}
    parameters = Parameters(pack)
    for name, document in shipped.items():
        assert document.id == name
        filled = resolved(document, parameters, YEARS)
        for year in YEARS:
            for stream in ("ccg", "primary-medical", "specialised"):
                held = filled.rules_for(year, stream)
                numbers = [getattr(held, field) for field in PaceRules.model_fields]
                assert not any(isinstance(n, FromParameter) for n in numbers)


def test_the_2016_17_policy_takes_its_numbers_from_the_dated_parameters(pack, shipped):
    parameters = Parameters(pack)
    filled = resolved(shipped["blmk-2016-17"], parameters, YEARS)
    for year in YEARS:
        core = filled.rules_for(year, "ccg")
        assert core.floor_total is not None
        assert core.max_under is not None
        # the round's own floor in its first year, that of 2017/18 in the years set with it
        at = FinancialYear("2016/17" if year == "2016/17" else "2017/18")
        assert rate(core.floor_total) == parameters.value("pace.floor_growth", at)
        assert rate(core.max_under) == parameters.value("pace.max_under_target", year)
    # primary medical services arrive at the five per cent rule after three years
    primary = [filled.rules_for(y, "primary-medical").max_under is not None for y in YEARS]
    assert primary == [False, False, False, True, True]


def test_every_source_a_policy_cites_is_in_the_data_pack(pack, shipped):
    known = {*pack.sources, "assumption"}
    for document in shipped.values():
        filled = resolved(document, Parameters(pack), YEARS)
        cited = {
            figure.source
            for held in (*filled.rules, *filled.place)
            for figure in (getattr(held, field) for field in type(held).model_fields)
            if hasattr(figure, "source")
        }
        assert cited <= known


def test_a_parameter_that_breaks_a_rule_once_put_in_is_told_with_the_year(pack):
    wrong = parse_document(
        policy(
            rules(
                floor_total=figure("0.001"),
                cap_threshold=figure("0.1"),
                cap_growth={"parameter": "pace.over_target_growth"},
            )
        ),
        PacePolicy,
        "a policy",
    )
    with pytest.raises(DocumentError, match=r"2016/17 with parameters put in(.|\n)*needs a floor_total"):
        resolved(wrong, Parameters(pack), YEARS)


def test_an_unknown_parameter_and_a_year_before_all_rules_are_refused(pack):
    unknown = parse_document(policy(rules(floor_total={"parameter": "pace.flor_growth"})), PacePolicy, "a policy")
    with pytest.raises(UnknownNameError, match=r"pace\.floor_growth"):
        resolved(unknown, Parameters(pack), YEARS)
    late = parse_document(policy({"from": "2018/19"}), PacePolicy, "a policy")
    with pytest.raises(ParameterError, match="its rules start in 2018/19"):
        resolved(late, Parameters(pack), YEARS)
