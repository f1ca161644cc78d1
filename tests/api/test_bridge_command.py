"""`capitation bridge`: the chain of a written run, for people and for machines."""

import json
import re
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from capitation.run.run import save_run


@pytest.fixture(scope="module")
def written(blmk_run, tmp_path_factory):
    return save_run(blmk_run, tmp_path_factory.mktemp("runs"))


def test_json_gives_the_lines_of_the_system_as_text_with_two_decimals(capitation, written):
    answer = capitation("bridge", written, "--json")
    assert answer.code == 0
    lines = json.loads(answer.out)["lines"]
    last = {
        each["line"]: each["amount_gbp"]
        for each in lines
        if (each["year"], each["organisation"]) == ("2020/21", "BLMK")
    }
    assert last["printed_do_nothing"] == "203000000.00"
    assert last["sustainability"] == "-62500000.00"
    assert {"derived_do_nothing", "not_explained", "left"} <= set(last)
    assert all(each["source"] for each in lines)
    own = {"derived_do_nothing", "not_explained", "printed_do_nothing", "sustainability", "left"}
    assert {each["organisation"] for each in lines if each["line"] in own} == {"BLMK"}
    assert {each["organisation"] for each in lines} >= {"BLMK", "06F", "RC1", "SPEC"}


def test_json_of_organisations_adds_to_the_system_s_own_lines(capitation, written):
    lines = json.loads(capitation("bridge", written, "--json").out)["lines"]

    def added(line, level):
        return sum(
            Decimal(each["amount_gbp"])
            for each in lines
            if (each["year"], each["line"], each["level"]) == ("2020/21", line, level)
        )

    for line in ("opening", "volume", "price", "drugs", "specialised_growth", "allocation_growth"):
        assert added(line, "organisation") == added(line, "system")
    assert added("own_do_nothing", "organisation") == added("derived_do_nothing", "system")
    assert added("own_left", "organisation") == added("left", "system") == Decimal("140500000.00")


def test_people_see_one_year_in_words(capitation, written):
    answer = capitation("bridge", written, "--year", "2020/21")
    assert answer.code == 0
    assert "Not explained by published figures" in answer.out
    assert "203,000,000.00" in answer.out
    assert "councils: health and social care £108.0m" in answer.out
    assert "bodies reach their control total" in answer.out


def test_people_see_every_year_in_short_and_the_last_one_in_full(capitation, written):
    out = capitation("bridge", written).out
    (left,) = re.findall(r"│ What is left +│ +([\d.]+) │ +[\d.]+ │ +[\d.]+ │ +[\d.]+ │ +([\d.]+) │", out)
    assert left == ("2.2", "140.5")
    assert out.count("203,000,000.00") == 1
    assert "printed deficit is kept as printed" in out
    assert "The same by organisation, deficits above nothing, 2020/21" in out
    assert "The same by organisation, deficits above nothing, 2016/17" not in out


def test_a_smaller_run_says_which_stages_it_lacks_and_draws_its_waterfall(capitation, written, tmp_path):
    answer = capitation("bridge", written, "--year", "2020/21", "--svg", tmp_path / "chain.svg")
    assert answer.code == 0
    assert "lacks the mix of investments, positions under contract options" in " ".join(answer.err.split())
    assert json.loads(capitation("bridge", written, "--json").out)["lacks"] == [
        "the mix of investments",
        "positions under contract options",
    ]
    picture = (tmp_path / "chain.svg").read_text(encoding="utf-8")
    assert picture.startswith("<svg")
    assert "£203.0m" in picture
    assert "capitation plan" in answer.err
    texts = [text.text or "" for text in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
    amounts = [text for text in texts if re.fullmatch(r"[+-]?£[\d,.]+[mk]?", text)]
    assert len(amounts) == 11  # one at the end of each line of the chain


def test_a_year_that_the_chain_has_not_is_one_message(capitation, written):
    answer = capitation("bridge", written, "--year", "2030/31")
    assert answer.code == 2
    assert "2030/31" in answer.err
