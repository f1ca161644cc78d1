"""What a reader may choose of a chart: its year, stream, option, party and case; what is not chosen is chosen from the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from capitation.errors import UnknownNameError


@dataclass(frozen=True)
class Choice:
    """The view that is asked for; each chart uses what it knows."""

    year: str | None = None
    """A financial year, such as "2020/21"."""
    stream: str | None = None
    """A stream of money, such as "ccg"; all of them together where none is chosen."""
    option: str | None = None
    """Id of a contract option."""
    party: str | None = None
    """Code of an organisation, or "commissioner" or "provider" for all of a role."""
    case: str | None = None
    """An activity case, such as "plan-plus-5"."""


def chosen(asked: str | None, known: Sequence[str], kind: str, first: str, where: str) -> str:
    """What was asked for if it is known, else the first choice.

    Raises:
        UnknownNameError: it is not known; the near ones are named.
    """
    if asked is None:
        return first
    if asked not in known:
        raise UnknownNameError(kind, asked, known, where=where)
    return asked
