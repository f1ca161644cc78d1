"""`capitation months`: a written run by month, and another party's balances beside ours."""

import json

import pytest

from capitation.run.run import save_run


@pytest.fixture(scope="module")
def written(blmk_run, tmp_path_factory):
    return save_run(blmk_run, tmp_path_factory.mktemp("runs"))


def test_people_see_months_and_files_are_written(capitation, written, tmp_path):
    answer = capitation("months", written, "--year", "2018/19", "--organisation", "RC1", "--out", tmp_path / "months")
    assert answer.code == 0
    assert "Cash of 2018/19 by month, RC1" in answer.out
    assert sorted(p.name for p in (tmp_path / "months").iterdir()) == ["activity.csv", "balances.csv", "cash.csv"]


def test_machines_get_twelve_months_and_a_statement_is_compared(capitation, written, tmp_path):
    statement = tmp_path / "theirs.csv"
    statement.write_text(
        "month,commissioner_code,provider_code,owed_pounds\n2017-03,06F,RC1,0.00\n2017-02,06F,RC1,1.00\n",
        encoding="utf-8",
    )
    found = json.loads(capitation("months", written, "--json", "--statement", statement).out)
    assert found["year"] == "2016/17"
    assert len(found["cash"]) == 12
    assert [row["month"] for row in found["differences"]] == ["2017-02"]


def test_an_organisation_that_is_none_is_one_message(capitation, written):
    answer = capitation("months", written, "--organisation", "RC2")
    assert answer.code == 2
    assert "RC2" in answer.err
