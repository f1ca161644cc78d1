"""The organisations table: sixteen partners, the specialised commissioner and general practice, each with its evidence."""

import csv

import polars as pl
import pytest

from capitation.errors import FrameError
from capitation.places.organisations import COMMISSIONING_KINDS, KINDS, Organisation, organisations


def test_sixteen_partners_the_specialised_commissioner_and_general_practice(pack):
    table = organisations(pack)
    assert dict(table.get_column("kind").value_counts().iter_rows()) == {
        "ccg": 3,
        "council": 4,
        "acute": 3,
        "community": 2,
        "community-and-mental-health": 1,
        "mental-health": 1,
        "ambulance": 2,
        "specialised-commissioner": 1,
        "general-practice": 1,
    }
    assert table.height == 18


def test_each_partner_of_the_july_list_is_an_organisation(pack):
    """Names are compared by their first words: the list writes CCG in full and misspells one council."""
    printed = pack.printed("blmk-news-2016-07", "partners").filter(pl.col("column") == "Partner").get_column("value")
    names = organisations(pack).get_column("name").to_list()
    for partner in printed:
        short = partner.replace("Clinical Commissioning Group", "CCG").replace("Concil", "Council")
        short = short.replace("Ambulance NHS", "Ambulance Service NHS")
        assert any(short in (name, name.removeprefix("NHS ")) for name in names), partner


def test_each_organisation_names_sources_of_the_pack(pack):
    for row in organisations(pack).iter_rows(named=True):
        assert row["source"] in pack.sources, row["code"]
        assert row["code_source"] == "assumption" or row["code_source"] in pack.sources, row["code"]
        assert row["role"].endswith(".")


def test_codes_said_to_stand_in_a_source_stand_there(pack):
    path = pack.root / "sources" / "nhs-england-ccg-target-2018-19" / "practices.csv"
    with path.open(encoding="utf-8") as file:
        practices = list(csv.DictReader(file))
    known = {row[column] for row in practices for column in ("ccg19_code", "lad21_code")}
    attendances = pack.printed("nhs-england-ae-attendances", "trust_years").get_column("row")
    known |= {row.split(" ")[0] for row in attendances}
    for code, source in organisations(pack).select("code", "code_source").iter_rows():
        assert (code in known) == (source != "assumption"), code


def test_commissioners_are_the_ccgs_the_councils_and_the_specialised_commissioner(pack):
    holding = organisations(pack).filter(pl.col("kind").is_in(COMMISSIONING_KINDS))
    assert holding.height == 8
    assert set(COMMISSIONING_KINDS) < set(KINDS)


def test_an_unknown_kind_and_a_repeated_code_are_told_together(pack):
    table = organisations(pack)
    broken = pl.concat([table, table.head(1).with_columns(pl.lit("hospice").alias("kind"))])
    with pytest.raises(FrameError) as caught:
        Organisation.validate(broken)
    told = str(caught.value)
    assert "one of ccg" in told
    assert "unique code" in told
