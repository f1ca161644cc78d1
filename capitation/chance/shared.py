"""What all localities share in a draw: growth, price, the shocks of a year, and how the solutions turn out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from capitation.chance.book import Book
from capitation.chance.curves.correlation import factor
from capitation.chance.curves.normal import STANDARD, Floats
from capitation.chance.document import EFFECT_BOUNDS, Delivery, Uncertainty, correlations
from capitation.chance.scores.draws import Source


@dataclass(frozen=True)
class Promises:
    """How the promises of solutions turn out, by solution and draw."""

    share: Floats
    """Share of the promise that is delivered by one that neither fails nor is late."""
    fails: npt.NDArray[np.bool_]
    """Whether it never delivers."""
    late: npt.NDArray[np.bool_]
    """Whether its first year passes without effect."""
    above: Floats
    """Cost above plan, as a share of it."""


class Shared:
    """The shared part of one block of draws; what is one unknown truth is drawn once, for all years."""

    def __init__(self, document: Uncertainty, layers: tuple[str, ...], source: Source, block: int, dtype: Any) -> None:  # noqa: ANN401  # numpy's own
        self.document, self.layers = document, layers
        self.source, self.block, self.dtype = source, block, dtype

    def factors(self, book: Book) -> Floats | None:
        """Growth x price x (1 + shock) of a year, a row a line and a column a draw; nothing where none of them is drawn."""
        out = np.ones((len(book.lines), self.source.block), dtype=self.dtype)
        document, drawn = self.document, False
        if "growth" in self.layers and document.growth is not None:
            rate = document.growth.rate.curve.at_score(self._scores("growth", "rate", 1)[0])
            rows = [
                k for k, line in enumerate(book.lines) if not document.growth.lines or line in document.growth.lines
            ]
            out[rows] *= ((1 + rate) ** book.year.years_after(document.since)).astype(self.dtype)
            drawn = True
        if "price" in self.layers and document.price is not None:
            out *= document.price.curve.at_score(self._scores("price", "level", 1)[0]).astype(self.dtype)
            drawn = True
        if "environment" in self.layers:
            scores = self._scores("environment", book.year, len(document.shocks))
            mixing = factor(correlations(document))
            for row, shock in enumerate(document.shocks):
                score = np.zeros(self.source.block, dtype=self.dtype)
                for weight, independent in zip(mixing[row, : row + 1], scores, strict=False):
                    if weight:
                        score += self.dtype(weight) * independent
                lines = slice(None) if shock.line == "all" else book.lines.index(shock.line)
                out[lines] *= 1 + self.dtype(shock.sd.value) * score
            drawn = True
        return out if drawn else None

    def promises(self, solutions: int) -> Promises | None:
        """How the promises of so many solutions turn out; nothing where that is not drawn or there are none."""
        delivery = self.document.delivery
        if "delivery" not in self.layers or delivery is None or not solutions:
            return None
        return Promises(
            delivery.effect.fitted(*EFFECT_BOUNDS).curve.at_score(self._alike("effect", solutions, delivery)),
            self._happens("failure", solutions, delivery, float(delivery.failure.value)),
            self._happens("delay", solutions, delivery, float(delivery.delay.value)),
            delivery.cost.curve.at_score(self._alike("cost", solutions, delivery)),
        )

    def delivered(self, book: Book) -> tuple[Floats, Floats] | None:
        """Share of its promise that each solution delivers, and its cost above plan, by draw; nothing where none is planned or drawn."""
        found = self.promises(len(book.solutions))
        if found is None:
            return None
        starts = book.starts or (str(self.document.since),) * len(book.solutions)
        begins = np.array([start == book.year for start in starts])
        return np.where(found.fails | (found.late & begins[:, None]), 0.0, found.share), found.above

    def missed(self, book: Book) -> Floats | None:
        """Planned savings not delivered plus cost above plan, over each locality's plan; nothing where none is planned."""
        found = self.delivered(book)
        if found is None:
            return None
        share, above = found
        out = np.zeros((len(book.localities), self.source.block))
        for k in range(len(book.solutions)):
            out += book.saving_share[k][:, None] * (1 - share[k]) + book.cost_share[k][:, None] * above[k]
        return out.astype(self.dtype)

    def _happens(self, part: str, solutions: int, delivery: Delivery, chance: float) -> npt.NDArray[np.bool_]:
        if chance in (0.0, 1.0):
            return np.full((solutions, self.source.block), bool(chance))
        happens: npt.NDArray[np.bool_] = self._alike(part, solutions, delivery) < STANDARD.inv_cdf(chance)
        return happens

    def _alike(self, part: str, solutions: int, delivery: Delivery) -> Floats:
        """Scores of the solutions with one correlation between any two: a common score and one of each one's own."""
        scores = self._scores("delivery", part, solutions + 1)
        together = float(delivery.correlation.value)
        alike: Floats = math.sqrt(together) * scores[:1] + math.sqrt(1 - together) * scores[1:]
        return alike

    def _scores(self, layer: str, stream: str, width: int) -> Floats:
        return self.source.scores(layer, stream, width, self.block, self.dtype)
