"""The command line starts at once: it lists its words from their files, and imports only the word that is used."""

import ast
import os
import subprocess
import sys

import pytest

from api.cli.words import FOLDER, command, words

HEAVY = ("polars", "pyarrow", "pydantic", "numpy", "highspy", "pulp", "fastapi", "sqlalchemy", "uvicorn", "xlsxwriter")


def in_a_process_of_its_own(*args, **environment):
    script = (
        "import sys\nfrom api.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "print('loaded:', *loaded, file=sys.stderr)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script, *args],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_no_library_of_the_engine_is_imported_for_the_list_of_words(flag):
    done = in_a_process_of_its_own(flag)
    assert done.stderr.split() == ["loaded:"]
    assert "capitation" in done.stdout


def test_a_word_imports_what_it_stands_on_and_no_more():
    loaded = in_a_process_of_its_own("check", "--help").stderr.split()
    assert "polars" in loaded
    assert not {"fastapi", "sqlalchemy", "highspy", "pulp", "xlsxwriter"} & set(loaded)


@pytest.mark.parametrize("word", sorted(words()))
def test_the_list_says_of_each_word_what_the_first_line_of_its_file_says(word):
    path = FOLDER / f"{word}.py"
    path = path if path.is_file() else FOLDER / f"{word}_.py"
    first = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).split("\n")[0]
    opening = f"`capitation {word}`: "
    assert first.startswith(opening)
    said = first.removeprefix(opening)
    assert words()[word] == said[0].upper() + said[1:]
    assert command(word).help, f"{word} --help has no text"


def test_a_file_in_the_folder_is_a_word_and_nothing_else_is():
    files = {p.stem.strip("_") for p in FOLDER.glob("*.py") if p.stem != "__init__"}
    assert set(words()) == files


def test_a_word_misspelt_is_refused_with_the_near_one(capitation):
    answer = capitation("alocate")
    assert answer.code == 2
    assert "allocate" in answer.err


@pytest.mark.parametrize(
    ("typed", "at", "offered"),
    [
        ("capitation all", "1", {"allocate"}),
        ("capitation contract ", "2", {"check", "show", "payoff", "restate", "carry", "split", "schema", "terms"}),
        ("capitation optimise problem.toml --eng", "3", {"--engine"}),
    ],
    ids=["words", "words of a group", "flags"],
)
def test_the_shell_completes_words_and_flags(typed, at, offered):
    done = in_a_process_of_its_own(_CAPITATION_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=at)
    assert offered <= set(done.stdout.split())


def test_completion_of_the_list_imports_no_library_of_the_engine():
    done = in_a_process_of_its_own(_CAPITATION_COMPLETE="complete_bash", COMP_WORDS="capitation ", COMP_CWORD="1")
    assert set(done.stdout.split()) >= set(words())
    assert done.stderr.split() == ["loaded:"]


def test_the_script_that_turns_completion_on_can_be_shown_and_installed(tmp_path):
    shown = in_a_process_of_its_own(
        "--show-completion", "bash", SHELL="/bin/bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1"
    )
    assert "_CAPITATION_COMPLETE=complete_bash" in shown.stdout
    in_a_process_of_its_own(
        "--install-completion", "bash", HOME=str(tmp_path), _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1"
    )
    assert "_CAPITATION_COMPLETE=complete_bash" in (tmp_path / ".bash_completions" / "capitation.sh").read_text()


def test_help_keeps_the_reasons_of_the_code_to_itself(capitation):
    for word in ("optimise", "appraise", "cvar"):
        said = capitation(word, "--help")
        assert said.code == 0
        assert "--gap" in said.out
        assert "Reason:" not in said.out
