"""Command lines that do not fit: one sentence in the form of every other fault, exit code 2."""

import pytest


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["alocate"], ("capitation: found no command 'alocate'", "Did you mean 'allocate'?")),
        (["allocate"], ("capitation allocate: found no --total", "See capitation allocate --help.")),
        (["allocate", "--totl", "5"], ("found no option '--totl'", "'--total'")),
        (["places", "define"], ("capitation places define: found no PRACTICES",)),
        (["places", "define", "a.csv", "--out", "b.csv", "--rule", "foo"], ("--rule: found 'foo'; expected one of 'pcn', 'nearest'",)),
        (["optimise", "x.toml", "--gap", "abc"], ("--gap: found 'abc'; expected a number",)),
        (["register", "weigh", "x", "--formula", "y", "--out", "z", "--smallest-shown", "1"], ("--smallest-shown: found 1; expected a number, at least 3",)),
        (["need", "--formula"], ("'--formula' requires an argument",)),
    ],
)  # fmt: skip
def test_one_sentence_and_exit_code_2(capitation, line, words):
    answer = capitation(*line)
    assert answer.code == 2
    assert answer.err.startswith("error: ")
    assert "Usage" not in answer.err
    assert "╭" not in answer.err
    for word in words:
        assert word in answer.err, answer.err


def test_a_group_without_a_command_shows_its_help(capitation):
    answer = capitation("places")
    assert answer.code == 2
    assert "define" in answer.out
    assert "error" not in answer.err
