"""A command line that cannot be understood, said as every other fault is: where, what was found, what was expected, what to do."""

from __future__ import annotations

import re
from typing import Any

from typer._click import exceptions as misuses

from capitation.errors import Fault, suggest
from capitation.sentences import small

MISUSE = misuses.ClickException
"""What is raised where the words or options of a command line do not fit."""


_WRONG = re.compile(r"^('.*?') is not (a valid|one of) (.*)$")
_OUTSIDE = re.compile(r"^(\S+) is not in the range (.*)$")
_KINDS = {"float": "a number", "int": "a whole number", "boolean": "true or false"}


def misuse(error: misuses.ClickException) -> str:
    """One sentence for a command line that does not fit; where a group was named without a command, its help is printed."""
    context = getattr(error, "ctx", None)
    if isinstance(error, misuses.NoArgsIsHelpError) and context is not None:
        context.get_help()  # prints it
        return ""
    where = context.command_path if context is not None else "capitation"
    remedy = f"See {where} --help."
    if isinstance(error, misuses.NoSuchOption):
        near = suggest(error.option_name, _options(context))
        return str(Fault(where, f"no option {error.option_name!r}", "an option of the command", f"{near} {remedy}"))
    if isinstance(error, misuses.MissingParameter):
        return str(Fault(where, f"no {_name(error.param)}", _about(error.param), remedy))
    said = error.format_message().rstrip(".")
    if isinstance(error, misuses.BadParameter):
        said = said.partition(": ")[2] or said
        wrong = _WRONG.match(said)
        limits = _OUTSIDE.match(said)
        if limits is not None:
            about = f"{where}: {_name(error.param)}"
            return str(
                Fault(about, limits[1], f"a number, {_limits(limits[2])}", f"It is: {_about(error.param)}. {remedy}")
            )
        found, expected = (small(said), _about(error.param)) if wrong is None else (wrong[1], _kind(wrong))
        return str(Fault(f"{where}: {_name(error.param)}", found, expected, f"It is: {_about(error.param)}. {remedy}"))
    if said.startswith("No such command"):
        word = said.split("'")[1] if "'" in said else said
        return str(Fault(where, f"no command {word!r}", "a command", f"{suggest(word, _commands(context))} {remedy}"))
    return str(Fault(where, small(said), "words and options of the command", remedy))


def _kind(wrong: re.Match[str]) -> str:
    """What was expected where a value is not of its kind."""
    if wrong[2] == "one of":
        return f"one of {wrong[3]}"
    return next((kind for word, kind in _KINDS.items() if wrong[3].startswith(word)), f"a {wrong[3]}")


def _limits(bounds: str) -> str:
    """The bounds of a number in words: "x>=3" and "0<x<=1"."""
    low, _, rest = bounds.partition("x")
    ends = [(low[: -len(sign)], word) for sign, word in (("<=", "at least"), ("<", "above")) if low.endswith(sign)][:1]
    signs = ((">=", "at least"), (">", "above"), ("<=", "at most"), ("<", "below"))
    ends += [(rest[len(sign) :], word) for sign, word in signs if rest.startswith(sign)][:1]
    return " and ".join(f"{word} {end}" for end, word in ends) or bounds


def _name(parameter: Any) -> str:  # noqa: ANN401  # the parameter of a command, whose classes are typer's own
    if parameter is None:
        return "value"
    options = [option for option in parameter.opts if option.startswith("-")]
    return options[0] if options else str(parameter.name).upper()


def _about(parameter: Any) -> str:  # noqa: ANN401  # the parameter of a command, whose classes are typer's own
    text = str(getattr(parameter, "help", None) or "a value").rstrip(".")
    return small(text)


def _options(context: Any) -> list[str]:  # noqa: ANN401  # the context of a command, whose class is typer's own
    return [] if context is None else [option for parameter in context.command.params for option in parameter.opts]


def _commands(context: Any) -> list[str]:  # noqa: ANN401  # the context of a command, whose class is typer's own
    return [] if context is None else list(getattr(context.command, "commands", {}))
