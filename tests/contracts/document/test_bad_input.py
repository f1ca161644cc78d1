"""Bad input: each fault in one clear message with its place, all of them together, and nothing written."""

import copy
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from capitation.errors import ContractError, DocumentError
from contracts.document.contract import parse_contract, read_contract
from contracts.settlement.settle import settle

ROOT = Path(__file__).parents[3]

GOOD = {
    "id": "good",
    "version": "1",
    "title": "A good contract",
    "key": ["year", "provider"],
    "period": {"start": "2016-04-01", "end": "2018-03-31"},
    "parties": [
        {"code": "ccg", "name": "Commissioner", "role": "commissioner"},
        {"code": "trust", "name": "Hospital", "role": "provider"},
    ],
    "dates": [{"name": "service_date", "about": "first of April", "year": "year"}],
    "inputs": [
        {"name": "year", "about": "Financial year", "type": "financial_year"},
        {"name": "provider", "about": "Provider", "type": "text"},
        {"name": "budget", "about": "Budget", "unit": "pounds"},
        {"name": "outturn", "about": "Outturn", "unit": "pounds"},
    ],
    "parameters": [
        {
            "name": "rate",
            "about": "Share of the gain",
            "status": "read",
            "values": [{"from": "2016-04-01", "value": 0.5}],
        }
    ],
    "tables": [
        {
            "name": "sizes",
            "about": "Values by size",
            "kind": "bands",
            "rows": [{"low": 0, "high": 9, "at_low": 0.1}, {"low": 10, "high": None, "at_low": 0.2}],
        }
    ],
    "terms": [
        {"step": "gain", "term": "gap", "target": "budget", "actual": "outturn"},
        {"step": "part", "term": "share", "amount": "gain", "rates": ["rate"]},
        {"step": "kept", "term": "collar", "amount": "part", "floor": -100, "cap": 100},
        {"step": "split", "term": "distribute", "amount": "kept", "shares": {"ccg": 0.4, "trust": 0.6}},
        {"step": "band", "term": "bands", "amount": "kept", "gains": [{"upto": 10, "share": 1}, {"share": 0.5}]},
    ],
    "outputs": [{"name": "trust_pence", "of": "split.trust", "rounded_to": "pence", "payer": "ccg", "payee": "trust"}],
}

ROWS = {"year": ["2016/17", "2017/18"], "provider": ["RC9", "RC9"], "budget": ["100", "120"], "outturn": ["90", "130"]}


def _with(path, value):
    """A copy of the good contract with one place changed; a value of None takes it away."""
    changed = copy.deepcopy(GOOD)
    here = changed
    for part in path[:-1]:
        here = here[part]
    if value is None:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return changed


def test_the_good_contract_settles():
    done = settle(parse_contract(GOOD), pl.DataFrame(ROWS))
    assert done.results.get_column("trust_pence").to_list() == [300, -300]
    assert done.positions().group_by("row", "output").agg(pl.col("amount").sum()).get_column("amount").to_list() == [
        0,
        0,
    ]


DOCUMENT_FAULTS = [
    (
        "unknown term",
        ("terms", 0, "term"),
        "gapp",
        ["terms.1 (gain).term", "unknown term 'gapp'", "Did you mean 'gap'"],
    ),
    (
        "a term whose name is no text",
        ("terms", 0, "term"),
        {},
        ["terms.1 (gain).term", "unknown term {}"],
    ),
    (
        "unknown party in an output",
        ("outputs", 0, "payee"),
        "trusd",
        ["outputs.1 (trust_pence).payee", "unknown party 'trusd'", "Did you mean 'trust'"],
    ),
    (
        "unknown party in shares",
        ("terms", 3, "shares"),
        {"ccg": 0.4, "trost": 0.6},
        ["terms.4 (split)", "unknown party 'trost'", "Did you mean 'trust'"],
    ),
    (
        "shares that do not add up",
        ("terms", 3, "shares"),
        {"ccg": 0.4, "trust": 0.5},
        ["terms.4 (split).shares", "shares that add to 0.9", "add to 1"],
    ),
    (
        "a cap below its floor",
        ("terms", 2, "cap"),
        -200,
        ["terms.3 (kept).cap", "a cap of -200 below its floor of -100"],
    ),
    (
        "a band table out of order",
        ("tables", 0, "rows"),
        [{"low": 10, "high": None, "at_low": 1}, {"low": 0, "high": 9, "at_low": 1}],
        ["table sizes: row 2", "bands in order"],
    ),
    (
        "bands of a term out of order",
        ("terms", 4, "gains"),
        [{"upto": 10, "share": 1}, {"upto": 5, "share": 1}, {"share": 0}],
        ["terms.5 (band).gains.2.upto", "5 after 10"],
    ),
    (
        "a circular input",
        ("terms", 0, "actual"),
        "kept",
        ["terms.1 (gain).actual", "'kept', which is this step or a later one", "circular"],
    ),
    (
        "a step that refers to itself",
        ("terms", 1, "amount"),
        "part",
        ["terms.2 (part).amount", "'part', which is this step"],
    ),
    (
        "an unknown name",
        ("terms", 0, "actual"),
        "outtrun",
        ["terms.1 (gain).actual", "unknown name 'outtrun'", "Did you mean 'outturn'"],
    ),
    (
        "an unknown key",
        ("terms", 0, "targett"),
        "budget",
        ["terms.1 (gain): targett", "a key that is not known", "Did you mean 'target'"],
    ),
    ("an unknown key at the top", ("titel",), "x", ["titel", "a key that is not known", "Did you mean 'title'"]),
    (
        "a text where a number is needed",
        ("terms", 0, "actual"),
        "provider",
        ["terms.1 (gain).actual", "'provider', a text", "a number"],
    ),
    ("no outputs", ("outputs",), [], ["outputs", "at least one output"]),
    (
        "an output of no step",
        ("outputs", 0, "of"),
        "splt.trust",
        ["outputs.1 (trust_pence).of", "unknown name 'splt.trust'"],
    ),
    ("a name used twice", ("terms", 1, "step"), "gain", ["the name 'gain' again (terms.1 (gain))"]),
    (
        "pounds settled in dollars",
        ("outputs", 0, "rounded_to"),
        "dollars",
        ["outputs.1 (trust_pence).rounded_to", "cannot be rounded to dollars"],
    ),
    ("a missing field", ("terms", 0, "target"), None, ["terms.1 (gain): target", "Add the key"]),
    (
        "a condition that is none",
        ("terms", 1),
        {"step": "part", "term": "gate", "amount": "gain", "when": "rate + 1"},
        ["terms.2 (part): when"],
    ),
    (
        "values out of order of date",
        ("parameters", 0, "values"),
        [{"from": "2017-04-01", "value": 1}, {"from": "2016-04-01", "value": 1}],
        ["parameter rate.values", "dates not in order"],
    ),
    ("a period that ends before it starts", ("period", "end"), "2015-03-31", ["period.end", "a day after 2016-04-01"]),
    (
        "a text compared with a number",
        ("terms", 1),
        {"step": "part", "term": "gate", "amount": "gain", "when": "provider > 3"},
        ["terms.2 (part).when", "a comparison of provider, a text, with 3, a number"],
    ),
    (
        "a text that stands for itself",
        ("terms", 1),
        {"step": "part", "term": "gate", "amount": "gain", "when": "rate and provider"},
        ["terms.2 (part).when", "provider, a text, with nothing"],
    ),
    (
        "a gate without a test",
        ("terms", 1),
        {"step": "part", "term": "gate", "amount": "gain"},
        ["terms.2 (part)", "no test"],
    ),
]


@pytest.mark.parametrize(("name", "path", "value", "said"), DOCUMENT_FAULTS, ids=[f[0] for f in DOCUMENT_FAULTS])
def test_a_fault_of_the_document_names_its_place(name, path, value, said):
    with pytest.raises(ContractError) as caught:
        parse_contract(_with(path, value), where="deal.toml")
    message = str(caught.value)
    assert message.startswith("deal.toml: not a valid contract")
    for words in said:
        assert words in message
    assert len(caught.value.faults) == 1 or name in {"unknown party in shares", "a name used twice"}, message


def test_faults_of_a_document_are_told_together():
    broken = _with(("terms", 0, "term"), "gapp")
    broken["terms"][2]["cap"] = -200
    broken["terms"][3]["shares"] = {"ccg": 0.4, "trust": 0.5}
    broken["outputs"][0]["payee"] = "nobody"
    with pytest.raises(ContractError) as caught:
        parse_contract(broken)
    message = str(caught.value)
    assert all(
        w in message
        for w in ("unknown term 'gapp'", "below its floor", "shares that add to 0.9", "unknown party 'nobody'")
    )
    assert len(caught.value.faults) == 4


ROW_FAULTS = [
    ("a missing column", {"outturn": None}, ["no column 'outturn'", "Outturn (pounds)"]),
    (
        "a non-number",
        {"outturn": ["90", "ninety"]},
        ["rows.csv: line 3 (year 2017/18, provider RC9), column 'outturn'", "'ninety'", "a number"],
    ),
    ("an empty cell", {"outturn": ["90", ""]}, ["line 3", "an empty cell", "Outturn"]),
    ("not a finite number", {"outturn": ["90", "inf"]}, ["line 3", "inf", "a finite number"]),
    (
        "a period outside the contract",
        {"year": ["2016/17", "2018/19"]},
        ["line 3", "period outside the contract", "2018-04-01", "2016-04-01 to 2018-03-31"],
    ),
    (
        "two versions of one outturn",
        {"year": ["2016/17", "2016/17"]},
        ["line 2", "line 3", "one version of each outturn"],
    ),
    ("not a financial year", {"year": ["2016/17", "2017"]}, ["line 3", "'2017'", "a financial year such as 2016/17"]),
]


@pytest.mark.parametrize(("name", "change", "said"), ROW_FAULTS, ids=[f[0] for f in ROW_FAULTS])
def test_a_fault_of_the_rows_names_its_line(name, change, said):
    rows = pl.DataFrame({k: v for k, v in {**ROWS, **change}.items() if v is not None})
    with pytest.raises(ContractError) as caught:
        settle(parse_contract(GOOD), rows, where="rows.csv")
    for words in said:
        assert words in str(caught.value), name


def test_a_parameter_without_a_value_for_a_date_is_named_with_the_date():
    later = _with(("parameters", 0, "values"), [{"from": "2017-04-01", "value": 0.5}])
    with pytest.raises(ContractError, match="parameter 'rate': found 'no value on 2016-04-01'") as caught:
        settle(parse_contract(later), pl.DataFrame(ROWS))
    assert "line 2" in str(caught.value)
    ended = _with(("parameters", 0, "ends"), "2017-04-01")
    with pytest.raises(ContractError, match="and end 2017-04-01"):
        settle(parse_contract(ended), pl.DataFrame(ROWS))


def test_a_cap_below_its_floor_on_one_row_is_named():
    named = _with(("inputs",), [*GOOD["inputs"], {"name": "top", "about": "Highest"}])
    named["terms"][2] = {"step": "kept", "term": "collar", "amount": "part", "floor": -100, "cap": "top"}
    rows = pl.DataFrame({**ROWS, "top": ["5", "-500"]})
    with pytest.raises(ContractError, match="step kept") as caught:
        settle(parse_contract(named), rows)
    assert "line 3" in str(caught.value)
    assert "that the cap top is not below the floor -100" in str(caught.value)


def test_many_faulty_rows_are_counted_not_repeated():
    rows = pl.DataFrame(
        {
            "year": ["2016/17"] * 50,
            "provider": [f"P{i}" for i in range(50)],
            "budget": ["x"] * 50,
            "outturn": ["1"] * 50,
        }
    )
    with pytest.raises(ContractError) as caught:
        settle(parse_contract(GOOD), rows)
    assert len(caught.value.faults) == 6
    assert "45 more such rows" in str(caught.value)


def test_two_totals_in_one_group_are_refused_with_the_step():
    shared = copy.deepcopy(GOOD)
    shared["terms"].append(
        {
            "step": "back",
            "term": "allocate",
            "amount": "budget",
            "weight": "outturn",
            "order_by": ["year"],
            "within": ["provider"],
        }
    )
    with pytest.raises(ContractError, match=r"step back \(allocate\)") as caught:
        settle(parse_contract(shared), pl.DataFrame(ROWS))
    assert "expected that budget is the same on every row of its group" in str(caught.value)


def test_no_rows_is_a_fault():
    with pytest.raises(ContractError, match="found no rows"):
        settle(parse_contract(GOOD), pl.DataFrame({k: pl.Series([], dtype=pl.String) for k in ROWS}))


def test_a_document_that_cannot_be_read_says_why(tmp_path):
    with pytest.raises(DocumentError, match="no such file"):
        read_contract(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("id = ", encoding="utf-8")
    with pytest.raises(DocumentError, match="cannot be parsed"):
        read_contract(tmp_path / "broken.toml")


def test_yaml_and_json_are_read_like_toml(tmp_path):
    import json

    import yaml

    (tmp_path / "deal.json").write_text(json.dumps(GOOD), encoding="utf-8")
    (tmp_path / "deal.yaml").write_text(yaml.safe_dump(GOOD), encoding="utf-8")
    plain = settle(parse_contract(GOOD), pl.DataFrame(ROWS)).results
    for name in ("deal.json", "deal.yaml"):
        assert settle(read_contract(tmp_path / name), pl.DataFrame(ROWS)).results.equals(plain)


@pytest.mark.parametrize("ending", [".txt", ".xlsx"])
def test_an_output_that_cannot_be_written_is_refused_before_anything_is(tmp_path, ending):
    import json

    (tmp_path / "deal.json").write_text(json.dumps(GOOD), encoding="utf-8")
    pl.DataFrame(ROWS).write_csv(tmp_path / "rows.csv")
    before = sorted(p.name for p in tmp_path.iterdir())
    command = [
        sys.executable,
        "-c",
        "from api.cli.main import main; main()",
        "settle",
        str(tmp_path / "deal.json"),
        str(tmp_path / "rows.csv"),
    ]
    ran = subprocess.run(
        [*command, "--out", str(tmp_path / "out.csv"), "--explain", str(tmp_path / f"steps{ending}")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert f"found the ending '{ending}'" in ran.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_a_number_without_end_is_one_fault():
    contract = parse_contract(
        {
            "id": "t", "version": "1", "title": "T", "inputs": [{"name": "x", "about": "Spend", "unit": "pounds"}],
            "terms": [{"step": "r", "term": "share", "amount": "x", "rates": [1]}], "outputs": [{"name": "o", "of": "r"}],
        }
    )  # fmt: skip
    with pytest.raises(ContractError) as caught:
        settle(contract, pl.DataFrame({"x": ["inf"]}))
    assert len(caught.value.faults) == 1


def test_a_document_with_broken_indentation_is_refused_by_line_in_words(tmp_path):
    path = tmp_path / "deal.yaml"
    path.write_text('id: t\nversion: "1"\n  title: bad', encoding="utf-8")
    with pytest.raises(DocumentError, match="line 3, column 3") as caught:
        read_contract(path)
    assert "<unicode string>" not in str(caught.value)
