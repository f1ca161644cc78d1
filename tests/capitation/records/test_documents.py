"""Documents: strict, described, and all faults at once."""

from decimal import Decimal
from typing import Literal

import pytest

from capitation.errors import DocumentError
from capitation.records.documents import Document, Figure, parse_document, read_document
from capitation.records.years import FinancialYear


class Line(Document):
    """A line of a plan."""

    year: FinancialYear
    """Year of the line."""
    amount: Decimal
    """Amount in pounds."""


class Plan(Document):
    """A plan of lines."""

    name: str
    """What it is called."""
    lines: tuple[Line, ...]
    """Its lines."""


def test_printed_digits_survive(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text('name = "p"\n[[lines]]\nyear = "2016/17"\namount = 2.50\n', encoding="utf-8")
    assert str(read_document(path, Plan).lines[0].amount) == "2.50"


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_json_and_yaml_are_read_too(tmp_path, suffix):
    path = tmp_path / f"plan{suffix}"
    path.write_text('{"name": "p", "lines": [{"year": "2016/17", "amount": 2.5}]}', encoding="utf-8")
    assert read_document(path, Plan).lines[0].year == "2016/17"


def test_all_faults_are_told_with_their_place_and_near_names():
    content = {"nme": "p", "lines": [{"year": "2016/18", "amount": "x", "yaer": 1}]}
    with pytest.raises(DocumentError) as caught:
        parse_document(content, Plan, "plan.toml")
    text = str(caught.value)
    assert len(caught.value.faults) == 5
    for part in ("plan.toml: nme", "'name'", "plan.toml: name", "lines.0.year", "2016/17", "lines.0.amount", "'year'"):
        assert part in text


def test_a_missing_file_names_the_near_one(tmp_path):
    (tmp_path / "blmk.toml").write_text("", encoding="utf-8")
    with pytest.raises(DocumentError, match=r"blmk\.toml"):
        read_document(tmp_path / "blmkk.toml", Plan)


@pytest.mark.parametrize(
    ("name", "content"),
    [("p.toml", b"a = ["), ("p.json", b"{"), ("p.toml", b"\xff\xfe"), ("p.txt", b""), ("p.json", b"[1]")],
)
def test_what_cannot_be_parsed_is_said_in_one_sentence(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DocumentError, match="p\\."):
        read_document(path, Plan)


def test_an_assumption_needs_an_owner():
    with pytest.raises(DocumentError, match="owner"):
        parse_document({"value": 1, "unit": "share", "source": "assumption", "where": "judgement"}, Figure, "f")


def test_the_sentence_under_a_field_is_its_published_description():
    assert Plan.model_json_schema()["properties"]["name"]["description"] == "What it is called."


def test_a_field_that_is_narrowed_has_its_own_sentence_and_others_that_of_their_first_class():
    class Narrow(Figure):
        """A figure of one unit."""

        unit: Literal["pence"]
        """Always pence."""
        value: int

    written = Narrow.model_json_schema()["properties"]
    assert written["unit"]["description"] == "Always pence."
    assert written["where"]["description"].startswith("Page, table, row and column")
    assert "description" not in written["value"]
