"""Published results files of the Medicare programme: the headings of every year by name, units by the size of values."""

from pathlib import Path

import polars as pl
import pytest

from contracts.document.contract import read_contract
from contracts.settlement.settle import settle

MSSP = Path(__file__).parents[3] / "data/england/contracts/mssp.toml"

Y2013 = (
    "ACO Identifier,ACO Name,Start Date,Track 2 ACO,Quality Score,Quality Performance Sharing Rate,Final sharing rate,"
    "Minimum Savings Rate (%),Total benchmark expenditures ($),Total savings/losses ($),Shared Savings ($),"
    "Total number of assigned beneficiaries\n"
    'A67373,"Palm Beach, LLC",07/01/2012,0,1,0.5,0.5,0.023373146%,$613084880.40,$39568834.84,$19388729.07,36268\n'
    "A85439,RGV,04/01/2012,1,1,0.6,0.6,0.02%,$140825861.30,$20239381.44,$11900756.29,7089\n"
    "A61599,Florida,04/01/2012,0,0,0.5,0,0.030215215%,$133909340.40,$-1772033.04,$0.00,9784\n"
)
"""Three lines of the public file of performance year 2013 (CMS, public domain), some of its columns."""

Y2014 = (
    "ACO_Num,ACO_NAME,Start_Date,Track1,Track2,N_AB,Sav_rate,MinSavPerc,BnchmkMinExp,GenSaveLoss,EarnSaveLoss,QualScore,"
    "ABtotBnchmk,ABtotExp\n"
    'A67373,"Palm Beach, LLC",07/01/2012,1,0,34601,7.135345566,2.353985133,32173449,32173449,14455933,0.916964286,450902466,418729017\n'
    "A85439,RGV,04/01/2012,0,1,7863,12.6924469,2,13767494,13767494,7528797,0.930022321,108469972,94702479\n"
    "A64796,Summit,07/01/2012,1,0,37174,-3.614030326,2.328254275,-10458722,0,0,P4R,289392197,299850919\n"
)
"""Three lines of the public file of performance year 2014; the score of the last is replaced by a published word."""


@pytest.mark.parametrize(
    ("year", "text", "earned"),
    [("2013", Y2013, [19_388_729, 11_900_756, 0]), ("2014", Y2014, [14_455_933, 7_528_797, 0])],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_published_file_of_an_early_year_settles_to_what_was_paid(year, text, earned, mark, capitation, tmp_path):
    file, rows, out = tmp_path / "puf.csv", tmp_path / "rows.csv", tmp_path / "out.csv"
    file.write_text(mark + text, encoding="utf-8")
    done = capitation("import", "mssp", file, "--year", year, "--out", rows)
    assert done.code == 0, done.err
    assert capitation("settle", "mssp", rows, "--out", out).code == 0
    found = pl.read_csv(out).get_column("earned").to_list()
    assert found == pytest.approx(earned, abs=1)


def test_tracks_stand_in_columns_of_flags_and_shares_in_percent(capitation, tmp_path):
    file, rows = tmp_path / "puf.csv", tmp_path / "rows.csv"
    file.write_text(
        "ACO_ID,Current_Start_Date,Current_Track_1,Current_BASIC_E,Current_ENHANCED,N_AB,MinSavPerc,ABtotBnchmk,ABtotExp,QualScore,Met_QPS,DisAdj\n"
        "A1,07/01/2019,0,1,0,8000,2.00%,100000000,103000000,91.5%,1,0\n"
        'A2,07/01/2019,0,0,1,8000,0.50%,"100,000,000","$95,000,000",100%,1,0\n'
        "Notes: six months,,,,,,,,,,,\n",
        encoding="utf-8",
    )
    assert capitation("import", "mssp", file, "--year", "2019", "--months", "6", "--out", rows).code == 0
    read = pl.read_csv(rows, infer_schema=False)
    assert read.get_column("track").to_list() == ["BASIC_E", "ENHANCED"]
    assert read.get_column("pub_msr").cast(pl.Float64).to_list() == [0.02, 0.005]
    done = settle(read_contract(MSSP), read).results.get_column("earned").to_list()
    assert done == [-900_000, 3_750_000]


def test_a_file_without_a_needed_heading_and_with_a_bad_cell_is_refused_in_one_message(capitation, tmp_path):
    file = tmp_path / "puf.csv"
    file.write_text("ACO_ID,N_AB,ABtotBnchmk\nA1,many,1\n", encoding="utf-8")
    done = capitation("import", "mssp", file, "--year", "2019", "--out", tmp_path / "rows.csv")
    assert done.code == 2
    assert "line 2, column 'N_AB'" in done.err
    assert "no heading for track" in done.err
    assert "no heading for expenditure_total" in done.err
    assert not (tmp_path / "rows.csv").exists()
