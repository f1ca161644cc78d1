"""`capitation backtest`: the plan of a written run against what happened."""

import json

import polars as pl

from capitation.run.run import save_run


def test_people_and_machines_see_growth_beside_the_plan(capitation, blmk_run, tmp_path):
    written = save_run(blmk_run, tmp_path)
    answer = capitation("backtest", written, "--out", tmp_path / "backtest.parquet")
    assert answer.code == 0
    assert "+16.6% from 2016/17 to 2018/19" in " ".join(answer.out.split())
    assert pl.read_parquet(tmp_path / "backtest.parquet").height == 11
    found = json.loads(capitation("backtest", written, "--json").out)
    assert len(found["says"]) == 3
    assert len(found["rows"]) == 11
