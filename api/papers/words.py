"""Words of a paper as each writer needs them: commands in backticks set apart."""

from __future__ import annotations

from collections.abc import Iterator


def pieces(words: str) -> Iterator[tuple[str, bool]]:
    """Words in pieces, each with whether it is a command that stood between backticks.

    Example:
        "Run `capitation plan`." is "Run ", "capitation plan" as a command, and ".".
    """
    for number, piece in enumerate(words.split("`")):
        if piece:
            yield piece, number % 2 == 1


def plain(words: str) -> str:
    """Words without backticks, where nothing sets commands apart."""
    return words.replace("`", "")
