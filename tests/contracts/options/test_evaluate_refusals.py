"""What an options document may not be, and what an outturn cannot settle: refused by name, all at once."""

import pytest

from capitation.errors import ContractError
from contracts.options.document import ContractOptions, read_options, with_cost_behaviour
from contracts.options.evaluate import evaluate_options


@pytest.fixture(scope="module")
def document(pack) -> ContractOptions:
    return with_cost_behaviour(read_options(pack.path("options/blmk.toml")), pack)


def test_everything_that_is_wrong_is_said_at_once(document, pack, blmk_run):
    content = document.model_dump(mode="json")
    content["base"] = "do-minimun"
    content["shown_case"] = "plan-plus-6"
    content["plan_activity"] = "mitigatd"
    content["first_year"] = "2025/26"
    content["cases"][1]["of"] = "unmitigatd"
    content["cases"][0]["lines"] = ["a-and-e"]
    content["cost_behaviour"][0]["line"] = "aee"
    content["cost_behaviour"][1]["value"] = "1.5"
    content["groups"][0]["providers"] = ["RC1", "RC9", "RD9", "RYC"]
    content["options"] = [content["options"][0]]
    content["options"][0]["contracts"][0]["contract"] = "blmk-payment-by-result"
    content["options"][0]["contracts"][1]["groups"] = ["hospitals", "ambulances"]
    content["expectations"] = content["expectations"][:1]
    with pytest.raises(ContractError) as caught:
        evaluate_options(ContractOptions.model_validate(content), pack, run=blmk_run)
    text = str(caught.value)
    for part in (
        "unknown option 'do-minimun'",
        "Did you mean 'do-minimum'?",
        "unknown activity case 'plan-plus-6'",
        "unknown activity case 'mitigatd'",
        "unknown activity case 'unmitigatd'",
        "2025/26",
        "unknown point of delivery 'a-and-e'",
        "cost_behaviour (aee)",
        "no variable part for 'ae'",
        "a variable part of 1.5",
        "provider 'RD9', which is not in the run",
        "provider 'RD8' in no group",
        "provider 'RYC' 2 times",
        "1 option; expected 2 to 6",
        "'blmk-payment-by-result'",
        "unknown group 'ambulances'",
        "group 'hospitals' 2 times",
        "no contract for group 'councils'",
        "only the commissioner's",
    ):
        assert part in text, part


def test_more_than_six_options_and_an_unknown_scenario_are_refused(document, pack):
    many = [document.options[0].model_copy(update={"id": f"option-{i}"}) for i in range(7)]
    wrong = document.model_copy(update={"options": tuple(many), "scenario": "blkm", "base": "option-0"})
    with pytest.raises(ContractError) as caught:
        evaluate_options(wrong, pack)
    assert "7 options; expected 2 to 6" in str(caught.value)
    assert "unknown scenario 'blkm'" in str(caught.value)


def test_a_run_of_another_scenario_is_refused(document, pack, blmk_run):
    other = document.model_copy(update={"scenario": "elsewhere"})
    with pytest.raises(ContractError, match="a run of 'blmk'"):
        evaluate_options(other, pack, run=blmk_run)


def test_a_contract_that_wants_what_an_outturn_does_not_bring_is_refused(document, pack, blmk_run):
    content = document.model_dump(mode="json")
    content["options"][0]["contracts"][0]["contract"] = "mssp"
    with pytest.raises(ContractError) as caught:
        evaluate_options(ContractOptions.model_validate(content), pack, run=blmk_run)
    assert "'benchmark_total' that an outturn does not have" in str(caught.value)
    assert "'dollars'; expected 'pence'" in str(caught.value)


def test_a_contract_without_a_price_for_a_line_is_reported_for_every_case(document, pack, blmk_run):
    content = document.model_dump(mode="json")
    content["options"][0]["contracts"] = [
        {"contract": "blmk-payment-by-results", "groups": [g["id"] for g in content["groups"]]}
    ]
    with pytest.raises(ContractError) as caught:
        evaluate_options(ContractOptions.model_validate(content), pack, run=blmk_run)
    assert "for some line" in str(caught.value)
    assert "activity case plan-plus-5" in str(caught.value)
