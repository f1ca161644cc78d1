"""Schemas: every fault at once, each with an example row."""

import polars as pl
import pytest

from capitation.errors import FrameError
from capitation.records.frames import Column, Schema


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
