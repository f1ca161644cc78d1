"""The optimiser's commands: what they print for people and for machines, what they write, and how they fail."""

import json

import pytest
from typer.testing import CliRunner

from api.cli import main as cli
from capitation.errors import CapitationError
from capitation.pack.layers import shipped_packs

FOLDER = shipped_packs() / "england" / "problems"


@pytest.fixture(scope="module")
def run():
    runner = CliRunner()

    def call(*arguments):
        return runner.invoke(cli.app, [str(a) for a in arguments])

    return call


@pytest.fixture
def plain(monkeypatch, capsys):
    """What a command prints, as one JSON object."""

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["capitation", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        return stopped.value.code, capsys.readouterr()

    return call


@pytest.mark.parametrize("engine", ["highs", "pulp"])
def test_json_holds_the_promised_keys(plain, engine):
    code, printed = plain("optimise", FOLDER / "budget_choice.toml", "--engine", engine, "--json")
    assert code == 0
    content = json.loads(printed.out)
    assert set(content) >= {"status", "objective", "bound", "gap", "mix", "prices", "seconds"}
    assert content["status"] == "optimal"
    assert content["objective"] == pytest.approx(220)
    assert {name: m["scale"] for name, m in content["mix"].items()} == pytest.approx({"a": 0, "b": 1, "c": 1})
    assert {"build", "solve", "total"} <= set(content["seconds"])


def test_results_are_written_whole(plain, tmp_path):
    code, _ = plain(
        "optimise", FOLDER / "overlap_pair.toml", "--out", tmp_path / "r", "--write-lp", tmp_path / "p.lp", "--json"
    )
    assert code == 0
    assert {p.name for p in (tmp_path / "r").iterdir()} >= {"outcome.json", "mix.csv", "activity.csv", "credit.csv"}
    assert json.loads((tmp_path / "r" / "outcome.json").read_text(encoding="utf-8"))["status"] == "optimal"
    assert (tmp_path / "p.lp").read_text(encoding="utf-8").startswith("\\ npv")


def test_no_mix_is_an_answer_with_what_must_give(plain):
    code, printed = plain("optimise", FOLDER / "no_mix.toml", "--json")
    assert code == 0
    content = json.loads(printed.out)
    assert content["status"] == "infeasible"
    assert content["objective"] is None
    gives = content["infeasible"]["must_give"]
    assert [(g["limit"], round(g["must_give"], 6), g["unit"]) for g in gives] == [
        ("control total of system in 2020/21", 30.0, "£")
    ]
    assert set(content["infeasible"]["cannot_all_be_kept"]) == {
        "control total of system in 2020/21",
        "recurrent budget of 2020/21",
    }


def test_unbounded_names_the_missing_limit(plain):
    code, printed = plain("optimise", FOLDER / "no_limit.toml", "--json")
    assert code == 0
    content = json.loads(printed.out)
    assert content["status"] == "unbounded"
    assert "kits" in content["meaning"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["optimise", "nowhere.toml"],
        ["optimise", "--engine", "pulp", "--solver", "HiGSH", FOLDER / "no_mix.toml"],
        ["frontier", FOLDER / "budget_choice.toml", "--goals", "npv"],
        ["frontier", FOLDER / "budget_choice.toml", "--goals", "npv,nonsense"],
        ["alternatives", FOLDER / "no_mix.toml"],
        ["explain", FOLDER / "budget_choice.toml", "--why-not", "z"],
    ],
    ids=lambda a: " ".join(str(x).rsplit("/", 1)[-1] for x in a),
)
def test_a_wrong_call_is_one_message_and_code_2(plain, arguments):
    code, printed = plain(*arguments)
    assert code == 2
    assert printed.err.startswith("error: ")
    assert "Traceback" not in printed.err
    assert printed.out == ""


def test_frontier_alternatives_and_explain_speak(run):
    found = run(
        "frontier", FOLDER / "contract_price.toml", "--goals", "npv,avoided_attendance", "--points", 3, "--json"
    )
    assert [p["status"] for p in json.loads(found.output)["points"]] == ["optimal"] * 3
    found = run("alternatives", FOLDER / "budget_choice.toml", "--within", 20, "--json")
    assert len(json.loads(found.output)["mixes"]) == 2
    assert "every stated limit leaves room" in run("explain", FOLDER / "overlap_pair.toml").output
    found = run("explain", FOLDER / "budget_choice.toml")
    assert "the mix: b 1, c 1" in found.output
    assert "why not a at scale 1 would cost £40.00" in found.output
    with pytest.raises(CapitationError):
        raise run("explain", FOLDER / "no_mix.toml", "--why-not", "teams").exception


OUT_OF_RANGE = [
    ("optimise", "--gap", ("2", "1", "-1", "nan")),
    ("frontier", "--gap", ("2",)),
    ("explain", "--gap", ("2",)),
    ("optimise", "--time-limit", ("0", "-1", "nan", "inf")),
    ("alternatives", "--within", ("0", "100", "nan")),
    ("frontier", "--points", ("1", "1000000000")),
    ("appraise", "--draws", ("0", "100000000000")),
    ("appraise", "--seed", ("-1",)),
    ("robust", "--disappoint", ("-1", "nan", "inf")),
    ("cvar", "--worst", ("0", "2", "nan")),
    ("cvar", "--weight", ("-1", "3", "nan")),
]


@pytest.mark.parametrize(("command", "option", "values"), OUT_OF_RANGE)
def test_a_number_out_of_range_is_refused_with_what_is_expected(run, command, option, values):
    for value in values:
        found = run(command, FOLDER / "workforce_bound.toml", f"{option}={value}")
        assert isinstance(found.exception, CapitationError), (value, found.output)
        assert str(found.exception).startswith(f"{option}: found {float(value):g}; expected ")


def test_a_solver_of_pulp_needs_its_engine(run):
    found = run("optimise", FOLDER / "workforce_bound.toml", "--solver", "HiGHS")
    assert "--engine pulp" in str(found.exception)
