"""Schemas: every fault at once, each with an example row."""

import re
from pathlib import Path

import polars as pl
import pytest

from capitation.errors import FrameError
from capitation.records import columns
from capitation.records.columns import YEAR
from capitation.records.frames import Column, Schema, content_digest, joined_digest, rows_text


class Share(Schema):
    """A provider's share of a locality."""

    locality = Column(pl.String, "code", "Locality", key=True)
    provider = Column(pl.String, "code", "Provider", key=True, one_of=["RC9", "RD8"])
    share = Column(pl.Float64, "share", "Part of the locality's spend", ge=0, le=1)
    note = Column(pl.String, "words", "Remark", nullable=True)

    @classmethod
    def rules(cls):
        return {"shares of each locality add to 1": pl.col("share").sum().over("locality") == 1}


def rows(*values):
    return pl.DataFrame(list(values), schema=Share.dtypes(), orient="row")


def test_rows_come_back_in_key_order_with_columns_in_the_schema_s_order():
    frame = rows(("b", "RC9", 1.0, None), ("a", "RD8", 0.5, "x"), ("a", "RC9", 0.5, None))
    good = Share.validate(frame.select("note", "share", "provider", "locality"))
    assert good.columns == ["locality", "provider", "share", "note"]
    assert good["locality"].to_list() == ["a", "a", "b"]


def test_every_fault_is_told_with_an_example():
    frame = rows(
        ("a", "RC9", 1.5, None), ("a", "RC9", -0.5, None), ("b", "XX", float("nan"), None), (None, "RD8", 1.0, None)
    )
    with pytest.raises(FrameError) as caught:
        Share.validate(frame, where="shares.csv")
    text = str(caught.value)
    for part in (
        "shares.csv",
        "column 'locality'",
        "at most 1",
        "at least 0",
        "a finite number",
        "one of RC9, RD8",
        "unique locality, provider",
        "shares of each locality add to 1",
        "locality='b'",
    ):
        assert part in text


def test_missing_unexpected_and_wrongly_typed_columns_are_told_together():
    frame = pl.DataFrame({"locality": ["a"], "provder": ["RC9"], "share": [1]})
    with pytest.raises(FrameError) as caught:
        Share.validate(frame)
    text = str(caught.value)
    assert "no column 'provider'" in text
    assert "'provder'" in text
    assert "type Int64" in text


def test_an_empty_frame_keeps_every_promise():
    assert Share.validate(Share.empty()).height == 0


def test_a_schema_can_be_extended():
    class Dated(Share):
        """A share with a year."""

        year = Column(pl.String, "financial year", "Year", key=True)

    assert Dated.key() == ["locality", "provider", "year"]
    assert list(Share.columns()) == ["locality", "provider", "share", "note"]


def test_a_shared_column_is_taken_as_it_is_or_with_what_differs():
    unkeyed = YEAR.but(key=False, about="Year of the map")

    class Kept(Schema):
        year = YEAR

    class Differs(Schema):
        year = unkeyed

    assert (Kept.key(), Differs.key()) == (["year"], [])
    assert (Differs.columns()["year"].about, Differs.columns()["year"].unit) == ("Year of the map", YEAR.unit)
    assert YEAR.key, "a copy changed the shared column"


def test_a_shared_column_keeps_its_name():
    with pytest.raises((TypeError, RuntimeError)) as caught:

        class _Other(Schema):
            period = YEAR

    assert "keeps its name" in str(caught.value) + str(caught.value.__cause__)


def test_no_table_declares_a_year_or_a_stream_of_its_own():
    """A column that `records/columns.py` declares is taken from there: none is written out a second time."""
    once = {"year", "stream", "practice_code", "provider_code", "point_of_delivery", "solution", "option"}
    folder = Path(columns.__file__).parents[2]
    again = [
        f"{path.relative_to(folder)}: {name}"
        for package in ("capitation", "contracts", "optimiser")
        for path in sorted((folder / package).rglob("*.py"))
        for name in re.findall(r"^    (\w+) = Column\(", path.read_text(encoding="utf-8"), re.MULTILINE)
        if name in once
    ]
    assert again == [], "a shared column is declared a second time"


def test_the_digest_of_a_frame_follows_from_its_parts():
    frame = pl.DataFrame(
        {
            "code": ["a", 'b,"c"', None, "", "é\nd"],
            "share": [0.1, 1e-9, None, float("inf"), 3.0],
            "n": [1, -2, 3, None, 5],
        }
    )
    for at in range(6):
        assert joined_digest(frame, [rows_text(frame[:at]), rows_text(frame[at:])]) == content_digest(frame)
    assert joined_digest(frame, [rows_text(frame[:2])]) != content_digest(frame)
    assert joined_digest(frame.clear(), []) == content_digest(frame.clear())
