"""The words of the command line: one file of `api/cli/commands` each, imported when its word is used.

The list of `capitation --help` needs a word and a sentence only, so both are read from the file's name and from its first
line: "`capitation WORD`: SENTENCE." No command, and none of the libraries it stands on, is imported for it.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from capitation.sentences import capital

if TYPE_CHECKING:
    from typer._click.core import Command, Context

FOLDER = Path(__file__).parent / "commands"

_FIRST_LINE = re.compile(r'"""`capitation (?P<word>[a-z-]+)[^`]*`: (?P<sentence>.+?)\.?(?:""")?\n')

_REASON = re.compile(r"\n\s*\n\s*Reason:.*?(?=\n\s*\n|\Z)", re.DOTALL)


def words(folder: Path = FOLDER) -> dict[str, str]:
    """The sentence of each word, in the order of the alphabet; a word that Python keeps for itself is filed as `word_.py`."""
    found = {path.stem.strip("_"): path for path in folder.glob("[a-z]*.py")}
    return {word: sentence(found[word]) for word in sorted(found)}


def sentence(path: Path) -> str:
    """What the word of a file does, from the file's first line."""
    with path.open(encoding="utf-8") as file:
        said = _FIRST_LINE.match(file.readline())
    return "" if said is None else capital(said["sentence"]) + "."


def command(word: str) -> Command:
    """The command of a word, from its file, which is imported now."""
    name = word if (FOLDER / f"{word}.py").is_file() else f"{word}_"
    part = typer.Typer(add_completion=False)
    importlib.import_module(f"api.cli.commands.{name}").register(part)
    found = get_group(part).commands[word]
    _leave_out_reasons(found)
    return found


def _leave_out_reasons(command: Command) -> None:
    """Take out of the help what is written for readers of the code: why a command has as many options as it has."""
    if command.help:
        command.help = _REASON.sub("", command.help)
    if isinstance(command, TyperGroup):
        for inner in command.commands.values():
            _leave_out_reasons(inner)


class Words(TyperGroup):
    """The group of all words: lists them from their files, and imports only the one that is used."""

    def __init__(self, *, commands: Mapping[str, Command] | None = None, **about: Any) -> None:  # noqa: ANN401  # as typer hands them on
        listed = {word: TyperCommand(word, help=text) for word, text in words().items()}
        super().__init__(commands={**listed, **(commands or {})}, **about)

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """The word that was asked for with its command, and the words that follow it."""
        word, listed, rest = super().resolve_command(ctx, args)
        return word, listed if word is None else command(word), rest
