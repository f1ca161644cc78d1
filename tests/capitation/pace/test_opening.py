"""Opening baselines split by printed amounts: each amount by the unit of its row, and amounts in doubt refused."""

import hashlib

import polars as pl
import pytest

from capitation.errors import ScenarioError
from capitation.pace.opening import CommissionerShares, practice_openings
from capitation.pack.sources import DataPack

TOTALS = pl.DataFrame({"year": ["2017/18"], "stream": ["ccg"], "total_pence": [54_000_000_001]})
PRACTICES = pl.DataFrame(
    {"practice_code": ["p1", "p2"], "commissioner_code": ["06M", "06V"], "registered_micro": [5_000_000, 5_000_000]}
)
NAMED = CommissionerShares(source="s", table="t", column="2017/18")


def openings(tmp_path, first, second):
    folder = tmp_path / "sources" / "s"
    folder.mkdir(parents=True)
    (tmp_path / "pack.toml").write_text('id = "t"\n')
    table = f"row,column,value,unit,locator\n06M,2017/18,{first},x\n06V,2017/18,{second},x\n"
    (folder / "t.csv").write_text(table)
    digest = hashlib.sha256(table.encode()).hexdigest()
    (folder / "source.toml").write_text(
        'id="s"\ntitle="t"\npublisher="p"\npublished="2016"\nlicence="facts"\n'
        f'[[tables]]\nname="t"\ntitle="t"\nfile="t.csv"\nsha256="{digest}"\n'
    )
    found = practice_openings(TOTALS, PRACTICES, {"ccg": NAMED}, DataPack(tmp_path))
    return dict(found.select("practice_code", "opening_pence").iter_rows())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("£270m,£m", '"270,000",£\'000'),
        ("270,£m", '"270,000,000",£'),
        ('"270,000,000",£', "£0.27bn,£"),
        ("270,£ million", "270000,£000"),
    ],
)
def test_equal_amounts_in_two_units_have_equal_shares(tmp_path, first, second):
    assert openings(tmp_path, first, second) == {"p1": 27_000_000_001, "p2": 27_000_000_000}


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ('"12,34",£m', "row 06V.*decimal comma"),
        ("270,persons", "'persons' is no unit of money"),
        ("£270m,£'000", "expected one unit"),
        ("n/a,£m", "row 06V"),
    ],
)
def test_an_amount_in_doubt_is_refused_with_its_row(tmp_path, amount, words):
    with pytest.raises(ScenarioError, match=words):
        openings(tmp_path, "270,£m", amount)
