"""`capitation body`: the contract of the accountable care body on a written run."""

import json

from capitation.run.run import save_run


def test_people_and_machines_see_persons_times_rate(capitation, blmk_run, tmp_path):
    written = save_run(blmk_run, tmp_path)
    answer = capitation("body", written)
    assert answer.code == 0
    assert "2020/21 (paid): 1,032,205 persons x £1,208.81 = £1,247,739,726.05" in " ".join(answer.out.split())
    found = json.loads(capitation("body", written, "--json").out)
    assert [row["year"] for row in found["accounts"]] == ["2017/18", "2018/19", "2019/20", "2020/21"]
    assert len({row["locality_code"] for row in found["localities"]}) == 25


def test_an_unknown_body_is_refused_with_those_that_are_there(capitation, blmk_run, tmp_path):
    answer = capitation("body", save_run(blmk_run, tmp_path), "--body", "blmx")
    assert answer.code == 2
    assert "'blmx'" in answer.err
    assert "blmk" in answer.err
