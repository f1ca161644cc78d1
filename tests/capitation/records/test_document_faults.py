"""Faults of documents in words of the document: the form that was meant, no name of a class or of a validating library."""

import datetime as dt
from decimal import Decimal
from typing import Literal

import pytest
from pydantic import Field

from capitation.errors import DocumentError
from capitation.records.documents import Document, Figure, parse_document


class FromName(Document):
    parameter: str


class Circle(Document):
    kind: Literal["circle"]
    radius: Decimal = Field(gt=0)


class Square(Document):
    kind: Literal["square"]
    side: Decimal = Field(gt=0)


class BigDrawing(Document):
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    rate: Figure | FromName | None = None
    shapes: tuple[Circle | Square, ...] = ()
    amounts: tuple[Decimal | str, ...] = ()
    cell: Decimal | bool | dict[str, Decimal] = Decimal(0)
    day: dt.date | None = None
    word: Literal["a", "b"] = "a"
    role: Literal["analyst", "finance"] = "analyst"
    part: str | None = Field(default=None, pattern=r"^\d{4}/\d{2} Q[1-4]$", examples=[None, "2018/19 Q1"])


GOOD = {"value": "0.01", "unit": "rate", "source": "s", "where": "w"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate": Decimal("0.01")}, "rate: found 0.01; expected { value, unit, source, where } or { parameter }"),
        ({"rate": {k: v for k, v in GOOD.items() if k != "unit"}}, "rate.unit: found nothing; expected a value. Add"),
        ({"rate": GOOD | {"value": "abc"}}, "rate.value: found 'abc'; expected a number"),
        ({"rate": {"paramter": "x"}}, "rate.paramter: found a key that is not known; expected only known keys. Did"),
        ({"rate": GOOD | {"source": "assumption"}}, "an assumption needs an owner"),
        ({"shapes": [{"kind": "circle", "radius": 0}]}, "shapes.0.radius: found 0; expected greater than 0"),
        ({"shapes": [{"kind": "square", "sid": 1}]}, "shapes.0.sid: found a key that is not known"),
        ({"amounts": [Decimal("NaN")]}, "amounts.0: found NaN; expected a finite number"),
        ({"cell": "60%"}, "cell: found '60%'; expected a number, true or false or keys and values. Write a share as"),
        ({"day": "then"}, "day: found 'then'; expected a date such as 2016-04-01"),
        ({"word": "c"}, "word: found 'c'; expected 'a' or 'b'"),
        ({"role": "finanse"}, "role: found 'finanse'; expected 'analyst' or 'finance'. Did you mean 'finance'?"),
        ({"part": "Q1"}, "part: found 'Q1'; expected a text such as '2018/19 Q1'"),
        ({"id": "A B"}, "id: found 'A B'; expected small letters, digits and hyphens"),
        ({"wrod": "a"}, "wrod: found a key that is not known; expected only known keys. Did you mean 'word'?"),
    ],
)
def test_one_clear_fault(change, message):
    with pytest.raises(DocumentError) as caught:
        parse_document({"id": "x", **change}, BigDrawing, "file.toml")
    text = str(caught.value)
    assert f"file.toml: {message}" in text or message in text
    assert text.startswith("file.toml: not a valid big drawing (")
    for internal in (
        "function-after",
        "Figure",
        "FromName",
        "union",
        "instance of",
        "Tuple",
        "valid dictionary",
        "Decimal",
    ):
        assert internal not in text, text


def test_a_fault_is_said_once_and_all_faults_together():
    with pytest.raises(DocumentError) as caught:
        parse_document({"id": "x", "rate": 1, "amounts": [Decimal("NaN")], "word": "c"}, BigDrawing, "file.toml")
    assert len(caught.value.faults) == 3
