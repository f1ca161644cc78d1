"""What `capitation plan` refuses and says: every fault together, what an option assumes beyond the chain, edits that change nothing."""

import hashlib
import shutil
from types import SimpleNamespace

import polars as pl
import pytest

from api.boards.chain.stages import beyond_the_chain
from capitation.errors import SolverError
from capitation.pack.layers import put_together
from capitation.pack.sources import DataPack
from capitation.run.unread import edited_tables
from optimiser.links import mix_to_buy as buying
from optimiser.links.mix_to_buy import STARTED, UNSTARTED, mix_to_buy


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("blmq", "--options", "blmq", "--problem", "blmq"),
            ["(3 faults)", "scenario: found 'blmq'", "--options: found 'blmq'", "--problem: found 'blmq'", "Did you mean 'blmk'?"],
        ),
        (
            ("blmk", "--options", "none.toml", "--problem", "nothing", "--year", "2030/31"),
            ["(3 faults)", "--options: found 'none.toml'", "--problem: found 'nothing'", "--year: found '2030/31'", "2016/17, 2017/18"],
        ),
        (("blmk", "--options", "blmk", "--problem", "blmk", "--year", "2015/16"), ["(1 fault)", "--year: found '2015/16'"]),
    ],
)  # fmt: skip
def test_everything_that_a_plan_lacks_is_named_together_and_nothing_is_written(capitation, tmp_path, words, said):
    answer = capitation("plan", *words, "--out", tmp_path / "runs")
    assert answer.code == 2
    assert not (tmp_path / "runs").exists()
    for part in said:
        assert part in " ".join(answer.err.split()), part


@pytest.mark.parametrize(("words", "kind"), [(("run", "blmq"), "scenario"), (("compare", "blmq"), "contract options")])
def test_a_name_that_the_pack_does_not_have_is_named_with_those_that_it_has(capitation, tmp_path, words, kind):
    answer = capitation(*words, "--out", tmp_path / "runs")
    assert answer.code == 2
    assert f"unknown {kind} 'blmq'. Did you mean 'blmk'?" in answer.err


def test_a_document_that_cannot_be_read_is_named_with_one_that_is_not_there(capitation, pack, tmp_path):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(pack.path("options/blmk.toml").read_text(encoding="utf-8").replace("\nbase = ", "\nbasis = "))
    answer = capitation("plan", "blmk", "--options", wrong, "--problem", "nothing", "--out", tmp_path / "runs")
    assert answer.code == 2
    assert "basis" in answer.err
    assert "--problem: found 'nothing'" in answer.err


def searches(monkeypatch, *found):
    """What searches with each limit of time find, one after the other; the limits that they were given."""
    asked, answers = [], list(found)

    def optimise(problem, *, gap, time_limit, former):
        asked.append((time_limit, former))
        return answers.pop(0)

    monkeypatch.setattr(buying, "optimise", optimise)
    return asked


def outcome(values, status, stopped=False):
    answer = SimpleNamespace(values=values, status=status, stopped_by_user=stopped, meaning=f"it is {status}")
    return SimpleNamespace(answer=answer)


def test_a_kept_mix_that_keeps_its_limits_no_more_is_searched_for_anew(monkeypatch):
    problem, former = SimpleNamespace(id="p"), object()
    bought = outcome([1.0], "time_limit")
    asked = searches(monkeypatch, outcome(None, "no_solution_by_limit"), bought)
    assert mix_to_buy(problem, former) is bought
    assert asked == [(STARTED, former), (UNSTARTED, former)]


@pytest.mark.parametrize(("status", "stopped"), [("infeasible", False), ("no_solution_by_limit", True)])
def test_no_mix_is_looked_for_again_where_there_is_none_or_somebody_stopped_it(monkeypatch, status, stopped):
    asked = searches(monkeypatch, outcome(None, status, stopped))
    with pytest.raises(SolverError, match=f"problem p: it is {status}; a plan buys a mix"):
        mix_to_buy(SimpleNamespace(id="p"), object())
    assert len(asked) == 1


def test_what_an_option_assumes_beyond_the_chain_is_said_by_its_sum():
    bridge = pl.DataFrame({"year": ["2020/21"], "level": ["system"], "line": ["left"], "amount_pence": [900]})
    rows = [("dear", "provider", -1_000), ("dear", "payer", -50), ("plain", "provider", -900)]
    positions = pl.DataFrame(rows, schema=["option", "role", "position_pence"], orient="row").with_columns(
        year=pl.lit("2020/21")
    )
    run = SimpleNamespace(bridge=bridge, frame=lambda name: {"plan_position": positions}[name])
    assert beyond_the_chain(run, "2020/21") == {"dear": -100}


def test_an_edited_table_from_which_nothing_is_read_is_named(pack, tmp_path):
    put_together(pack.root, tmp_path / "mine")
    table = tmp_path / "mine" / "sources" / "blmk-stp-2016" / "place_based_allocation.csv"
    assert edited_tables(DataPack(tmp_path / "mine")) == []
    table.write_text(table.read_text(encoding="utf-8").replace("1,254,037", "1,264,037"), encoding="utf-8")
    (said,) = edited_tables(DataPack(tmp_path / "mine"))
    assert said.startswith("sources/blmk-stp-2016/place_based_allocation.csv was edited, and no figure is read from it")
    source = table.with_name("source.toml")
    was = "1959010355c516cb6a23bf1048028e5c77216cb0a373b64aab6b3377b4652660"
    assert was in source.read_text(encoding="utf-8")
    now = hashlib.sha256(table.read_bytes()).hexdigest()
    source.write_text(source.read_text(encoding="utf-8").replace(was, now), encoding="utf-8")
    assert edited_tables(DataPack(tmp_path / "mine")) == []
    shutil.rmtree(tmp_path / "mine")
