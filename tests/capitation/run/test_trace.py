"""The trace: every figure recomputed in plain Python, every leaf a printed cell, a parameter or a choice."""

import json
from pathlib import Path

import polars as pl
import pytest

from capitation.errors import DataError, UnknownNameError
from capitation.pack.layers import shipped_packs
from capitation.pack.sources import DataPack
from capitation.run.evaluate import evaluate
from capitation.run.formulas import FORMULAS
from capitation.run.scenario import read_scenario
from capitation.run.systems.folder import write_system
from capitation.run.systems.new_system import WantedSystem, new_system
from capitation.run.tables import SCHEMAS
from capitation.run.trace import (
    PARTS_SHOWN,
    WITHHELD,
    Context,
    FigureAddress,
    Recomputation,
    Worked,
    explain,
    parse_figure,
)

REGION = Path(__file__).parents[2] / "cases" / "region"


@pytest.fixture(scope="module")
def context(blmk_run, pack):
    return Context(blmk_run, pack)


SHOWN = sorted(FORMULAS)
"""Every column that has a formula."""


@pytest.mark.parametrize(("table", "column"), SHOWN)
def test_every_row_recomputes_to_the_same_figure(context, table, column):
    formula = FORMULAS[table, column]
    rows = list(context.run.frame(table).iter_rows(named=True))
    assert rows
    for row in rows:
        value, again = row[column], formula.work(context, row).value
        if value is None:
            assert again is None, (table, column, row)
        elif isinstance(value, int):
            assert again == value, (table, column, row)
        else:
            assert again == pytest.approx(value, rel=1e-12), (table, column, row)


def test_every_money_column_that_a_board_reads_has_a_formula():
    read_by_boards = {
        ("allocation", "allocation_pence"),
        ("distance_from_target", "closing_dft_pence"),
        ("place_distance", "closing_dft_pence"),
        ("ledger", "balance_pence"),
        ("locality_slice", "amount_pence"),
        ("target", "target_pence"),
        ("pace", "allocation_pence"),
        ("provider_allocation", "allocation_pence"),
    }
    assert {(t, c) for t, c in read_by_boards if t in SCHEMAS} <= set(FORMULAS)


def test_a_practice_s_allocation_opens_down_to_printed_cells_and_choices(context):
    figure = parse_figure("allocation.allocation_pence year=2017/18 stream=ccg level=practice code=E81002", context.run)
    tree = explain(context, figure, FORMULAS, depth=30)
    leaves = tree.leaves()
    assert {leaf.kind for leaf in leaves} <= {"printed cell", "parameter", "choice"}
    printed = {leaf.value for leaf in leaves if leaf.kind == "printed cell"}
    assert "1,120,851" in printed  # the CCG allocation of 2017/18 as the plan prints it
    assert "1,088,109" in printed  # through the opening, which is the allocation of the year before
    text = "\n".join(tree.lines())
    assert "DISAGREES" not in text
    assert tree.as_dict()["parts"]


def test_a_wrong_figure_in_a_run_is_told_where_it_stands(context, pack, blmk_run):
    frames = dict(blmk_run.frames)
    tampered = frames["allocation"].with_columns(
        pl.when((pl.col("level") == "practice") & (pl.col("code") == "E81002"))
        .then(pl.col("allocation_pence") + 1)
        .otherwise(pl.col("allocation_pence"))
        .alias("allocation_pence")
    )
    from capitation.run.run import Run

    other = Context(Run(blmk_run.manifest, {**frames, "allocation": tampered}), pack)
    figure = parse_figure("allocation.allocation_pence year=2018/19 stream=ccg level=practice code=E81002", other.run)
    assert "recomputed" in explain(other, figure, FORMULAS, depth=1).disagrees


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("allocation", "write it as"),
        ("alocation.allocation_pence year=2018/19", "'allocation'"),
        ("allocation.allocation_penc year=2018/19", "'allocation_pence'"),
        ("allocation.allocation_pence yer=2018/19", "'year'"),
    ],
)
def test_a_figure_that_is_not_known_suggests_the_near_one(context, text, part):
    with pytest.raises((DataError, UnknownNameError), match=part):
        parse_figure(text, context.run)


def test_parts_that_a_reader_may_not_see_come_last_whatever_their_size(context):
    """Between its neighbours of a list by size, a figure that is left out would be nearly known."""
    key = {"year": "2018/19", "stream": "ccg", "level": "practice"}
    practices = context.run.frame("allocation").filter(**key).sort("allocation_pence", descending=True)
    parts = [
        FigureAddress("allocation", "allocation_pence", (*key.items(), ("code", code))) for code in practices["code"]
    ]

    def work(_context, row):
        return Worked(row["allocation_pence"], parts if row["level"] == "system" else [])

    formulas = {("allocation", "allocation_pence"): Recomputation("allocation", "allocation_pence", "its parts", work)}
    system = FigureAddress("allocation", "allocation_pence", tuple({**key, "level": "system"}.items()))
    left_out = {parts[2], parts[5]}
    tree = explain(context, system, formulas, depth=1, may_show=lambda figure: figure not in left_out)
    assert [each.label for each in tree.children] == [each.label for each in parts if each not in left_out][
        :PARTS_SHOWN
    ]
    shown = {*parts[:4], system}
    few = explain(context, system, formulas, depth=1, may_show=lambda figure: figure in shown)
    assert [each.value == WITHHELD for each in few.children] == [False] * 4 + [True] * (PARTS_SHOWN - 4)
    assert [each.label for each in few.children[4:]] == [
        each.label for each in parts[4:PARTS_SHOWN]
    ]  # as the formula names them


def test_an_unknown_row_and_an_open_key_say_what_is_missing(context):
    base = (("year", "2018/19"), ("stream", "ccg"), ("level", "practice"))
    with pytest.raises(DataError, match="E81002"):
        explain(context, FigureAddress("allocation", "allocation_pence", (*base, ("code", "E81002X"))), FORMULAS)
    with pytest.raises(DataError, match="Add code"):
        explain(context, FigureAddress("allocation", "allocation_pence", base), FORMULAS)
    with pytest.raises(UnknownNameError, match=r"column 'yer'.*'year'"):
        explain(context, FigureAddress("allocation", "allocation_pence", (("yer", "2018/19"),)), FORMULAS)
    with pytest.raises(UnknownNameError, match="published figure"):
        explain(context, FigureAddress("membership", "year", (("practice_code", "E81002"),)), FORMULAS)


def test_every_number_column_of_every_frame_explains_itself():
    numbers = {
        (table, name)
        for table, schema in SCHEMAS.items()
        for name, column in schema.columns().items()
        if column.dtype in {pl.Int64, pl.Float64} and not column.key
    }
    assert numbers - set(FORMULAS) == set()


@pytest.mark.parametrize(("table", "column"), SHOWN)
def test_a_row_of_every_column_opens_as_a_tree_whose_parts_explain_themselves(context, table, column):
    keys = [name for name, each in SCHEMAS[table].columns().items() if each.key]
    row = next(context.run.frame(table).iter_rows(named=True))
    tree = explain(context, FigureAddress(table, column, tuple((k, row[k]) for k in keys)), FORMULAS, depth=2)
    assert tree.disagrees == ""
    assert tree.words


def test_the_text_of_a_tree_names_what_its_codes_are_and_says_what_it_left_closed(context):
    figure = parse_figure("allocation.allocation_pence year=2018/19 stream=ccg level=practice code=E81002", context.run)
    tree = explain(context, figure, FORMULAS, depth=1)
    names = dict(context.run.code_name.filter(kind="practice").select("code", "name").iter_rows())
    assert f"code={names['E81002']}" in tree.lines()[0]
    assert "E81002" not in tree.lines()[0]
    assert tree.label.endswith("code=E81002")
    assert tree.closed > 0
    assert explain(context, figure, FORMULAS, depth=30).closed == 0


RULES = {
    "floors give way": {"floor_total": "0.30", "relaxation": ["floors"]},
    "distance gives way": {"floor_total": "0.0", "max_under": "0.001", "relaxation": ["max_under", "floors"]},
    "distance, then floors": {"floor_total": "0.2", "max_under": "0.001", "relaxation": ["max_under", "floors"]},
    "growth limit gives way": {"max_growth": "0.001", "surplus_relaxation": ["target_ceiling", "max_growth"]},
    "growth limit and distance": {
        "max_growth": "0.02", "max_under": "0.0001", "surplus_relaxation": ["target_ceiling", "max_growth"],
    },
    "pro rata": {"floor_total": "0.0", "method": "pro-rata"},
}  # fmt: skip


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    """The folder of the made-up region, and its scenario, whose money grows by 3% a year."""
    folder, england = tmp_path_factory.mktemp("region") / "vale", DataPack(shipped_packs() / "england")
    given = {name: REGION / f"{name}.csv" for name in ("practices", "places", "totals")}
    write_system(new_system(WantedSystem(system="vale", **given), england), folder, england)
    return folder, read_scenario(folder / "scenarios" / "vale.toml")


def policy(folder, name, rules):
    words = {k: v for k, v in rules.items() if isinstance(v, list) or k == "method"}
    figures = {k: v for k, v in rules.items() if k not in words}
    text = f'id = "{name}"\ntitle = "t"\nabout = "a"\n[[rules]]\nfrom = "2013/14"\n'
    text += "".join(f"{k} = {json.dumps(v)}\n" for k, v in words.items())
    mark = 'unit = "rate", source = "assumption", where = "made up", owner = "o", quality = "red", impact = "red"'
    text += "".join(f"{k} = {{ value = {v}, {mark} }}\n" for k, v in figures.items())
    (folder / "policies" / f"{name}.toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", RULES)
def test_rounds_in_which_rules_give_way_recompute_as_well(region, name):
    folder, scenario = region
    called = name.replace(" ", "-").replace(",", "")
    policy(folder, called, RULES[name])
    pack = DataPack(folder)
    run = evaluate(scenario.model_copy(update={"policy": called}), pack)
    if "way" in name:
        assert run.relaxation.height
    context = Context(run, pack)
    for table, column in sorted(FORMULAS):
        for row in run.frame(table).iter_rows(named=True):
            again = FORMULAS[table, column].work(context, row).value
            assert again == (None if row[column] is None else pytest.approx(row[column], rel=1e-9)), (
                table,
                column,
                row,
            )
