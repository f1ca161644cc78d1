"""Whose hand and which code it is: names, codes, documents and data packs are compared as they are read, and not as they are spelt."""

import json
import re

import polars as pl
import pytest

from api.service.documents.kinds import SHIPPED
from api.service.documents.substance import senders_of_the_like, substance
from api.service.records.claims import alike, claims_of
from api.service.security.hands import same_hand


@pytest.mark.parametrize(
    "name",
    [
        *("EVE", " eve ", "Ève", "e.v.e", "\uff45ve", "\u0435ve", "e\u200bve"),
        *(
            "\u13acve",
            "\ua4f0ve",
            "eve\u20dd",
            "e\u0475e",
            "\U0001d404\U0001d42f\U0001d41e",
            "\u2c89ve",
            "\u025bve",
            "e\u028be",
        ),
    ],
)
def test_a_name_is_one_hand_however_it_is_spelt(name):
    assert same_hand("eve", name)
    assert not same_hand("eva", name)
    assert same_hand("eve 1", f"{name}\u0661")  # digits of any script
    assert not same_hand("eve 1", f"{name}\u0662")


@pytest.mark.parametrize(
    "code",
    [
        "ryv",
        " RYV",
        "\uff32\uff39\uff36",
        "R\u200bYV",
        "RY\u0474",
        "R\u00adYV",
        "R\u034fYV",
        "\u0280\u028f\u1d20",
        "RY\ufe0fV",
        "RYV.",
        "'RYV\u2019",
        "RYV\u20dd",
        "\u13a1yv",
        "\ua4e3YV",
        "\U0001f1f7\U0001f1fe\U0001f1fb",
    ],
)
def test_a_code_is_one_however_it_is_written(code):
    assert alike(code) == alike("RYV")
    assert alike(f"{code}1") != alike("RYV")
    assert alike("RY0") != alike("RYO")
    assert {alike(f"{digit}6P") for digit in ("0", "\u0660", "\u0966", "\uff10", "\U0001d7ce")} == {"06p"}
    assert len({alike(each) for each in ("1.1", "11", "1-1", "a_b", "ab", "-", ".")}) == 7


@pytest.mark.parametrize(
    "line", ["commun\u0069\u0307ty-care", "communit\u00fd\u2010care", "COMMUNITY\u2212CARE", "community\u2013care"]
)
def test_a_line_is_one_whatever_its_accents_and_dashes(line):
    assert alike(line) == alike("community-care")
    assert alike(line) != alike("communitycare")


def test_the_codes_of_an_account_are_compared_each_by_itself():
    def key(area):
        row = {"organisation_code": "06P", "area_code": area, "service_code": "community", "amount_pence": 5}
        (claim,) = claims_of(pl.DataFrame([row]), "statement", "block", "2017/18", "GBP")
        return claim.key

    assert key("06P. / RYV") == key("\u06606p / ryv.") == key("06P / RYV")
    assert key("06P / RYV") != key("RYV / 06P")


DOCUMENT = {
    "id": "ours",
    "about": "words",
    "rate": 0.048,
    "path": [1, 2],
    "files": {"flows": "providers/flows.csv"},
    "parts": [{"name": "trusts", "code": "RYV", "where": "page 2"}, {"code": "RC9", "pounds": 75}],
}


@pytest.mark.parametrize(
    ("change", "is_alike"),
    [
        ({"rate": "RATE 0.04800"}, True),
        ({"rate": "RATE 4.8e-2"}, True),
        ({"rate": "0.048"}, True),
        ({"rate": 0.049}, False),
        ({"path": [2, 1]}, False),
        ({"files": {"flows": "providers/./flows.csv"}}, True),
        ({"files": {"flows": "providers/others.csv"}}, False),
        ({"parts": [*reversed(DOCUMENT["parts"])]}, True),
        ({"parts": [{"name": "other", "code": "ryv ", "where": "", "note": None}, DOCUMENT["parts"][1]]}, True),
        ({"parts": DOCUMENT["parts"][:1]}, False),
        ({"cases": [{"name": "a case"}], "classification": "x", "more": []}, True),
        ({"more": 1}, False),
    ],
)
def test_a_document_says_the_same_however_it_is_written(change, is_alike):
    text = re.sub(r'"RATE ([^"]*)"', r"\1", json.dumps(DOCUMENT | change))
    assert (substance(text).read == substance(json.dumps(DOCUMENT)).read) is is_alike


def test_whoever_sent_a_file_of_a_data_pack_had_a_hand_in_every_pack_with_it(store):
    def send(name, author, **files):
        about = json.dumps({"pack": {"id": name}, "files": {"pack.toml": name, **files}})
        store.add_pack(f"{name:0>64}", name, name, about, b"", author)

    send("shipped", SHIPPED, lists="1", flows="1")
    send("eves", "eve", lists="2", flows="1")
    send("anns", "ann", lists="2", flows="1")  # the same files under another title
    send("fays", "fay", lists="2", flows="3")
    send("bens", "ben", lists="1", flows="4")
    found = {
        name: senders_of_the_like(store, f"{name:0>64}") - {SHIPPED}
        for name in ("shipped", "eves", "anns", "fays", "bens")
    }
    assert found == {
        "shipped": set(),
        "eves": {"eve", "ann", "fay"},
        "anns": {"eve", "ann", "fay"},
        "fays": {"eve", "ann", "fay"},
        "bens": {"ben"},
    }
