"""One figure of any document varied, and what moves: the same engine for contract options, plans and programmes.

    ranged_figures(document)           every figure of it that declares a lowest and a highest value
    with_value(document, place, x)     the document with that figure at x, nothing else changed
    what_moves(document, measure)      each measured amount as it stands, at the lowest and at the highest value

A measure is any function of a document to whole amounts by name, such as the positions of parties in pence.

For one figure of any document between any two ends, whatever it declares, name it by its key path and give the ends:

    figure = ranged(document, ("cost_at_plan",), low, high)
    for moved in what_moves(document, headlines, [figure]):
        moved.measured, moved.at_low, moved.base, moved.at_high

`headlines` is the measure: a plan evaluates a scenario to its headline sums, the optimiser solves a problem to the worth
of its mix, contract options give positions. The document is read and checked once; each trial is a changed copy.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import BaseModel

from capitation.records.documents import Document, Figure, Rating

D = TypeVar("D", bound=Document)
K = TypeVar("K", bound=Hashable)

Place = tuple[str | int, ...]
"""Where a figure stands in its document: keys, and numbers of list items from 0."""

_NAMES = ("id", "line", "name", "party", "code")


@dataclass(frozen=True)
class RangedFigure:
    """A figure that declares the range it is to be tested within.

    Args:
        place: where it stands.
        name: the same in words, such as `cost_behaviour (ae)`.
        figure: the figure.
    """

    place: Place
    name: str
    figure: Figure

    @property
    def ends(self) -> tuple[Decimal, Decimal]:
        """Its lowest and highest value; its own where it declares only one end."""
        own = self.figure.value
        low, high = self.figure.low, self.figure.high
        return own if low is None else low, own if high is None else high


@dataclass(frozen=True)
class Moved:
    """What one figure moves of one measured amount.

    Args:
        figure: name of the figure.
        measured: name of the amount.
        base: amount as the document stands.
        at_low: amount with the figure at its lowest value.
        at_high: amount with the figure at its highest value.
    """

    figure: RangedFigure
    measured: Hashable
    base: int
    at_low: int
    at_high: int


def ranged_figures(document: Document, quality: Sequence[Rating] = ()) -> list[RangedFigure]:
    """Every figure of a document with a range, in the order of the document.

    Args:
        document: the document.
        quality: marks of evidence that count, such as ("red",); all where none are named.
    """
    found = [RangedFigure(place, name, figure) for place, name, figure in _walk(document, (), "")]
    return [
        each
        for each in found
        if (each.figure.low is not None or each.figure.high is not None)
        and (not quality or each.figure.quality in quality)
    ]


def ranged(document: Document, place: Place, low: Decimal, high: Decimal) -> RangedFigure:
    """The figure at a place, to be varied between two ends of one's own.

    Args:
        document: the document.
        place: its key path: keys, and numbers of list items from 0.
        low: lowest value to try.
        high: highest value to try.

    Raises:
        KeyError: no figure stands there, or the ends are the wrong way round.
    """
    if low > high:
        raise KeyError(f"{low} to {high}")
    for where, name, figure in _walk(document, (), ""):
        if where == place:
            return RangedFigure(place, name, figure.model_copy(update={"low": low, "high": high}))
    raise KeyError(f"no figure at {'.'.join(map(str, place))}")


def with_value(document: D, place: Place, value: Decimal) -> D:
    """The document with the figure at a place set to a value; the document given stays as it is.

    Raises:
        KeyError: no figure stands there.
    """
    changed = _set(document, place, value)
    assert isinstance(changed, type(document))
    return changed


def what_moves(
    document: D, measure: Callable[[D], Mapping[K, int]], figures: Sequence[RangedFigure] | None = None
) -> list[Moved]:
    """Each measured amount as it stands and with each figure at the ends of its range, one figure at a time.

    Args:
        document: the document.
        measure: whole amounts by name for a document.
        figures: the figures to vary; all with a range where none are given.
    """
    base = measure(document)
    out = []
    for each in ranged_figures(document) if figures is None else figures:
        low, high = (measure(with_value(document, each.place, end)) for end in each.ends)
        out += [Moved(each, key, amount, low[key], high[key]) for key, amount in base.items()]
    return out


def _walk(thing: object, place: Place, name: str) -> Iterator[tuple[Place, str, Figure]]:
    if isinstance(thing, Figure):
        yield place, name, thing
    if isinstance(thing, BaseModel):
        for key in type(thing).model_fields:
            yield from _walk(getattr(thing, key), (*place, key), f"{name}.{key}" if name else key)
    elif isinstance(thing, list | tuple):
        for i, item in enumerate(thing):
            own = next((str(getattr(item, n)) for n in _NAMES if getattr(item, n, None)), str(i + 1))
            yield from _walk(item, (*place, i), f"{name} ({own})")
    elif isinstance(thing, Mapping):
        for key, item in thing.items():
            yield from _walk(item, (*place, str(key)), f"{name} ({key})")


def _set(thing: Any, place: Place, value: Decimal) -> Any:  # noqa: ANN401  # walks any field
    if not place:
        if not isinstance(thing, Figure):
            raise KeyError(f"no figure: {thing!r}")
        return thing.model_copy(update={"value": value})
    key, rest = place[0], place[1:]
    if isinstance(thing, BaseModel):
        return thing.model_copy(update={str(key): _set(getattr(thing, str(key)), rest, value)})
    if isinstance(thing, Mapping):
        return {**thing, key: _set(thing[key], rest, value)}
    items = list(thing)
    items[int(key)] = _set(items[int(key)], rest, value)
    return tuple(items) if isinstance(thing, tuple) else items


__all__ = ["Moved", "Place", "RangedFigure", "ranged", "ranged_figures", "what_moves", "with_value"]
