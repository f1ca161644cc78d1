"""Moved spend: how one block of draws moves the use of care in each locality and line of a year, and the price of care.

    use of a line in a locality = growth x (1 + shock) x chance of the locality x list size;      price is one for all

The same draws as `ChanceModel.positions`, before they are added up to positions: contracts are settled on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from capitation.chance.curves.normal import Floats
from capitation.chance.model import ChanceModel
from capitation.chance.scores.draws import Source
from capitation.chance.shared import Shared


@dataclass(frozen=True)
class MovedYear:
    """One year of a block of draws."""

    own: Floats
    """Chance x list size, by locality, line (or one for the whole budget) and draw."""
    shared: Floats | None
    """Growth x (1 + shock), by line and draw; nothing where none of them is drawn."""
    price: Floats | None
    """Price over the planned one, by draw; nothing where it is not drawn."""
    missed: Floats | None
    """Planned savings not delivered and cost above plan, over each locality's plan, by locality and draw."""
    delivered: Floats | None = None
    """Share of its promise that each solution delivers, by solution and draw; nothing where it is not drawn."""
    above: Floats | None = None
    """Cost of each solution above its plan, as a share of it, by solution and draw."""


def moved(model: ChanceModel, source: Source, block: int) -> Iterator[MovedYear]:
    """The years of a block of draws, in order."""
    named = tuple(name for name in model.layers if name != "price")
    shared = Shared(model.document, named, source, block, np.float64)
    price = None
    if "price" in model.layers and model.document.price is not None:
        score = source.scores("price", "level", 1, block, np.float64)[0]
        price = model.document.price.curve.at_score(score)
    for book, chance in zip(model.books, model.chances, strict=True):
        width = chance.line_sd.shape[1]
        own = np.ones((len(book.localities), width, source.block))
        for row, code in enumerate(book.localities):
            own[row] = model.own(source, block, f"{code} {book.year}", chance.line_sd[row])
        delivered, above = shared.delivered(book) or (None, None)
        yield MovedYear(own, shared.factors(book), price, shared.missed(book), delivered, above)
