"""Messy tables, a kind of table by a command: each gives the number of the clean table, or one clear message and nothing written."""

import json

import pytest

from tests.cases.messy.tables import (
    CLEAN,
    above,
    added,
    blank_lines,
    encoded,
    line_ends,
    parquet,
    separated,
    swapped,
    workbook,
)

COMMANDS = {
    "weights": lambda f, out: [
        "allocate", "--total", "1050000.00", "--weights", f["weights"], "--levels", "place,practice", "--weight",
        "weighted", "--out", out,
    ],
    "need": lambda f, out: ["need", "--formula", "ccg-core-2018-19", "--practices", f["need"], "--out", out],
    "lists": lambda f, out: ["places", "define", f["lists"], "--from", f["map"], "--out", out],
    "map": lambda f, out: ["places", "check", f["map"], "--practices", f["lists"], "--allow-outside"],
    "later": lambda f, out: [
        "places", "lineage", f["lists"], f["later"], "--lineage", f["events"], "--strict", "--out", out,
    ],
    "accounts": lambda f, out: ["settle", "block", f["accounts"], "--out", out],
    "nhs": lambda f, out: ["import", "nhs-lists", f["nhs"], "--out", out],
}  # fmt: skip
"""The command that takes each kind of table."""

TOTAL = "the sum of the other rows"

RIGHT = {
    "weights-byte-order-mark": ("weights", encoded("utf-8-sig"), "csv", ()),
    "weights-utf-16": ("weights", encoded("utf-16"), "csv", ()),
    "weights-upper-case-ending": ("weights", encoded("utf-8"), "CSV", ()),
    "weights-semicolons": ("weights", separated(";"), "csv", ()),
    "weights-tabs": ("weights", separated("\t"), "txt", ()),
    "weights-windows-lines-and-spaces": ("weights", line_ends, "csv", ()),
    "weights-blank-lines": ("weights", blank_lines, "csv", ()),
    "weights-footnote": ("weights", added("", "Source: the finance team"), "csv", ()),
    "weights-thousands": ("weights", swapped("4500", '"4,500"'), "csv", ()),
    "weights-workbook-with-title": ("weights", lambda t: workbook(t, ("Weights 2018/19", None)), "xlsx", ()),
    "weights-workbook-second-sheet": ("weights", lambda t: workbook(t, other=True), "xlsx", ("--sheet", "Data")),
    "weights-parquet": ("weights", parquet, "parquet", ()),
    "weights-tiny": (
        "weights", lambda t: t.replace("000\n", "e-9\n").replace("4500", "4.5e-9").encode(), "csv", (),
    ),
    "weights-huge": (
        "weights", lambda t: t.replace("000\n", "000000000000000\n").replace("4500", "4500000000000000").encode(),
        "csv", (),
    ),
    "weights-other-headings": ("weights", swapped("weighted", "Weighted pop"), "csv", ("--map", "weighted=Weighted pop")),
    "weights-headings-on-line-3": ("weights", above("Weights,,", "of 2018/19,,"), "csv", ("--heading", "3")),
    "need-byte-order-mark": ("need", encoded("utf-8-sig"), "csv", ()),
    "need-footnote": ("need", added("", '"Note: lists of 2018/19"'), "csv", ()),
    "need-workbook": ("need", workbook, "xlsx", ()),
    "need-parquet": ("need", parquet, "parquet", ()),
    "lists-byte-order-mark": ("lists", encoded("utf-8-sig"), "csv", ()),
    "lists-semicolons": ("lists", separated(";"), "csv", ()),
    "lists-thousands": ("lists", swapped("35000", '"35,000"'), "csv", ()),
    "map-workbook": ("map", workbook, "xlsx", ()),
    "later-byte-order-mark": ("later", encoded("utf-8-sig"), "csv", ()),
    "accounts-byte-order-mark": ("accounts", encoded("utf-8-sig"), "csv", ()),
    "accounts-semicolons": ("accounts", separated(";"), "csv", ()),
    "accounts-workbook": ("accounts", workbook, "xlsx", ()),
    "accounts-thousands": ("accounts", swapped("2500000", '"2,500,000"'), "csv", ()),
    "nhs-held-back-count": ("nhs", swapped("FEMALE,37,50", "FEMALE,37,*"), "csv", ()),
    "nhs-semicolons": ("nhs", separated(";"), "csv", ()),
}  # fmt: skip
"""Tables that mean what the clean one means."""

REFUSED = {
    "weights-total-row": ("weights", added("Total,Total,10500"), "csv", ("line 6", "'Total'", TOTAL)),
    "weights-england-row": ("weights", added("England,England,10500"), "csv", ("line 6", "'England'", TOTAL)),
    "weights-nameless-total": ("weights", added("C,g5,10500"), "csv", ("line 6", "'g5'", TOTAL)),
    "weights-subtotals": (
        "weights", lambda t: t.replace("A,g2,2000\n", "A,g2,2000\nA,Total A,3000\n").encode() + b"B,Subtotal B,7500\n",
        "csv", ("line 4", "'Total A'", "the sum of the rows above it", "line 7"),
    ),
    "weights-grand-total": ("weights", added("X,Grand total,10500"), "csv", ("line 6", TOTAL)),
    "weights-percentages": ("weights", swapped("4500", "45%"), "csv", ("line 5", "45%", "percentage")),
    "weights-minus-behind": ("weights", swapped("4500", "4500-"), "csv", ("line 5", "4500-")),
    "weights-in-brackets": ("weights", swapped("4500", "(4500)"), "csv", ("line 5", "-4500")),
    "weights-dash-for-nothing": ("weights", swapped("4500", "-"), "csv", ("line 5", "'-'")),
    "weights-apostrophe": ("weights", swapped("4500", "'4500"), "csv", ("line 5", "4500")),
    "weights-continental": (
        "weights", lambda t: t.replace(",", ";").replace("4500", "4.500,00").encode(), "csv", ("line 5", "4.500,00"),
    ),
    "weights-heading-twice": (
        "weights", lambda t: t.replace("weighted", "weighted,weighted").replace("00\n", "00,1\n").encode(), "csv",
        ("line 1", "'weighted'", "more than once"),
    ),
    "weights-code-missing": ("weights", added("C,,5"), "csv", ("line 6", "practice")),
    "weights-headings-alone": ("weights", lambda t: t.split("\n")[0].encode() + b"\n", "csv", ("no row",)),
    "weights-spelling": ("weights", added("A,G1,5"), "csv", ("lines 2, 6", "'g1' and 'G1'")),
    "weights-place-spelling": ("weights", added("a,g5,5"), "csv", ("'A' and 'a'", "one spelling")),
    "weights-decimal-comma": ("weights", swapped("4500", '"4500,50"'), "csv", ("line 5", "decimal comma")),
    "weights-broken-grouping": ("weights", swapped("4500", '"12,34"'), "csv", ("line 5", "12,34")),
    "weights-excel-error": ("weights", swapped("4500", "#REF!"), "csv", ("line 5", "#REF!")),
    "weights-formula": ("weights", swapped("4500", "=SUM(C2:C4)"), "csv", ("line 5", "=SUM(C2:C4)")),
    "weights-infinite": ("weights", swapped("4500", "inf"), "csv", ("line 5", "'inf'")),
    "weights-too-many-cells": ("weights", added("C,g5,5,6"), "csv", ("line 6", "4 cells")),
    "weights-open-quote": ("weights", added('C,"g5,5'), "csv", ("line 6", "quotation mark")),
    "weights-nul": ("weights", added("C,g\0,5"), "csv", ("line 6", "NUL")),
    "weights-latin-1": ("weights", lambda t: t.encode() + "C,g\xe9,5\n".encode("latin-1"), "csv", ("line 6", "0xe9")),
    "weights-old-excel": ("weights", encoded("utf-8"), "xls", (".xlsx",)),
    "need-index-in-points": ("need", lambda t: t.replace("1.03,", "103.0,").encode(), "csv", ("mff_index", "103", "--accept")),
    "need-total-row": (
        "need", added("Total,,,31000,30900,30450,31800,32400,31350,31800,,"), "csv", ("line 6", "'Total'", TOTAL),
    ),
    "need-spelling": ("need", added("e81001,x,06P,1,1,1,1,1,1,1,1,1"), "csv", ("'E81001'", "'e81001'")),
    "need-components-in-thousands": (
        "need", lambda t: t.replace("2600", "2.6").replace("9100,9", "9.1,9").replace("12100", "12.1").replace("7100,", "7.1,").encode(),
        "csv", ("wp_general_acute", "--accept"),
    ),
    "lists-total-row": ("lists", added("ALL,107000,"), "csv", ("line 6", TOTAL)),
    "lists-suppressed": ("lists", swapped("12000", "*"), "csv", ("line 4", "'*'", "held back")),
    "map-excel-error": ("map", swapped("L2", "#N/A"), "csv", ("line 3", "#N/A")),
    "map-spelling": ("map", swapped("E81004,L3", "E81004,l3"), "csv", ("'L3' and 'l3'",)),
    "later-still-listed": ("later", added("E81003,12000"), "csv", ("E81003", "merged into E81002", "stand twice")),
    "accounts-decimal-comma": ("accounts", swapped("2500000", '"2500000,50"'), "csv", ("line 3", "2500000,50")),
    "accounts-blank-line-before-fault": ("accounts", swapped("2018/19,06P,RC9,2500000", "\n2018/19,06P,RC9,many"), "csv", ("line 4", "many")),
    "nhs-all-row-differs": ("nhs", swapped("ALL,ALL,90", "ALL,ALL,91"), "csv", ("E81001", "90", "91")),
    "nhs-two-dates": ("nhs", added("01NOV2019,E81001,MALE,0,31"), "csv", ("01NOV2019, 01OCT2019", "--date")),
    "nhs-unknown-sex": ("nhs", swapped("FEMALE", "WOMEN"), "csv", ("line 5", "'WOMEN'")),
}  # fmt: skip
"""Tables that could mean a wrong number, and what the message names."""


def run(capitation, folder, kind, change, ending, options=()):
    folder.mkdir()
    files = {}
    for name, text in CLEAN.items():
        files[name] = folder / f"{name}.csv"
        files[name].write_text(text)
    files[kind] = folder / f"{kind}-given.{ending}"
    files[kind].write_bytes(change(CLEAN[kind]))
    out = folder / ("out" if kind == "nhs" else "out.csv")
    answer = capitation(*COMMANDS[kind](files, out), *options, "--json")
    return answer, out


def figures(kind, answer, out):
    """What the command worked out, without the names of files and what it notices."""
    told = json.loads(answer.out)
    rows = {p.name: p.read_text() for p in (sorted(out.glob("*")) if out.is_dir() else [out]) if p.is_file()}
    if kind == "weights":
        return {(r["level"], r["code"]): r["allocation_gbp"] for r in told["rows"]}
    return {k: v for k, v in told.items() if k not in {"written", "notes", "notices"}}, rows


@pytest.mark.parametrize("case", RIGHT)
def test_a_messy_table_gives_the_number_of_the_clean_one(capitation, tmp_path, case):
    kind, change, ending, options = RIGHT[case]
    clean, clean_out = run(capitation, tmp_path / "clean", kind, str.encode, "csv")
    assert clean.code == 0, clean.err
    messy, out = run(capitation, tmp_path / "messy", kind, change, ending, options)
    assert messy.code == 0, messy.err
    assert figures(kind, messy, out) == figures(kind, clean, clean_out)


@pytest.mark.parametrize("case", REFUSED)
def test_a_table_that_could_mean_a_wrong_number_is_one_clear_message(capitation, tmp_path, case):
    kind, change, ending, words = REFUSED[case]
    answer, out = run(capitation, tmp_path / "messy", kind, change, ending)
    assert answer.code == 2, answer.out
    assert "Traceback" not in answer.err
    for word in words:
        assert word in answer.err, answer.err
    assert not out.exists()


def test_a_row_called_total_stands_where_the_user_says_that_none_is(capitation, tmp_path):
    answer, _ = run(capitation, tmp_path / "m", "weights", added("C,Total,10500"), "csv", ("--no-total-row",))
    assert answer.code == 0, answer.err
    shares = {r["code"]: r["allocation_gbp"] for r in json.loads(answer.out)["rows"]}
    assert shares["Total"] == "525000.00"


def test_an_accepted_number_stands_with_its_reason(capitation, tmp_path):
    change = REFUSED["need-components-in-thousands"][1]
    reason = "wp_general_acute=checked with the publisher"
    answer, _ = run(capitation, tmp_path / "m", "need", change, "csv", ("--accept", reason))
    assert answer.code == 0, answer.err
    assert any("checked with the publisher" in note for note in json.loads(answer.out)["notes"])


def test_there_are_at_least_forty_cases():
    assert len(RIGHT) + len(REFUSED) >= 40
