"""What all localities share in a draw: growth, price, the shocks of a year, and how the solutions turn out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from capitation.chance.book import Book
from capitation.chance.curves.correlation import factor
from capitation.chance.curves.normal import STANDARD, Floats
from capitation.chance.delivery import BOUNDS, Delivery
from capitation.chance.document import Uncertainty, correlations
from capitation.chance.scores.draws import Source
from capitation.errors import Faults, suggest
from capitation.records.years import FinancialYear


@dataclass(frozen=True)
class Promises:
    """How the promises of solutions turn out, by solution and draw."""

    share: Floats
    """Share of the promise that is delivered by one that neither fails nor is late."""
    fails: npt.NDArray[np.bool_]
    """Whether it never delivers."""
    late: npt.NDArray[np.int64]
    """Years that pass without effect."""
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

    def promises(self, solutions: Sequence[str]) -> Promises | None:
        """How the promises of solutions turn out; nothing where that is not drawn or there are none."""
        delivery = self.document.delivery
        if "delivery" not in self.layers or delivery is None or not solutions:
            return None
        each = [delivery.of(name) for name in solutions]
        parts = {part: self._alike(part, len(each), delivery) for part in ("effect", "failure", "delay", "cost")}
        share, above = (np.empty(parts[part].shape) for part in ("effect", "cost"))
        fails, late = np.empty(share.shape, bool), np.empty(share.shape, np.int64)
        for k, one in enumerate(each):
            if (
                one.effect is not None and one.cost is not None and one.failure is not None
            ):  # which Delivery has for all
                share[k] = one.effect.curve(*BOUNDS["effect"]).at_score(parts["effect"][k])
                above[k] = one.cost.curve(*BOUNDS["cost"]).at_score(parts["cost"][k])
                fails[k] = _happens(parts["failure"][k], float(one.failure.value))
            if one.years_late is not None:  # low scores are late, as with a chance
                years = one.years_late.curve(*BOUNDS["years_late"]).at_score(-parts["delay"][k])
                late[k] = np.maximum(np.rint(years), 0.0).astype(np.int64)
            elif one.delay is not None:
                late[k] = _happens(parts["delay"][k], float(one.delay.value))
        return Promises(share, fails, late, above)

    def delivered(self, book: Book) -> tuple[Floats, Floats] | None:
        """Share of its promise that each solution delivers, and its cost above plan, by draw; nothing where none is planned or drawn."""
        found = self.promises(book.solutions)
        if found is None:
            return None
        starts = book.starts or (str(self.document.since),) * len(book.solutions)
        done = np.array([book.year.years_after(FinancialYear(start)) if start else -1 for start in starts])[:, None]
        return np.where(found.fails | ((done >= 0) & (done < found.late)), 0.0, found.share), found.above

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

    def _alike(self, part: str, solutions: int, delivery: Delivery) -> Floats:
        """Scores of the solutions with one correlation between any two: a common score and one of each one's own."""
        scores = self._scores("delivery", part, solutions + 1)
        together = float(delivery.correlation.value)
        alike: Floats = math.sqrt(together) * scores[:1] + math.sqrt(1 - together) * scores[1:]
        return alike

    def _scores(self, layer: str, stream: str, width: int) -> Floats:
        return self.source.scores(layer, stream, width, self.block, self.dtype)


def _happens(scores: Floats, chance: float) -> npt.NDArray[np.bool_]:
    if chance in (0.0, 1.0):
        return np.full(scores.shape, bool(chance))
    happens: npt.NDArray[np.bool_] = scores < STANDARD.inv_cdf(chance)
    return happens


def unknown_solutions(document: Uncertainty, solutions: Sequence[str], faults: Faults) -> None:
    """Solutions of which a document says something and that there are not."""
    for each in () if document.delivery is None else document.delivery.solutions:
        if each.solution not in solutions:
            faults.add(
                f"uncertainty {document.id}: delivery.solutions ({each.solution})", "no such solution",
                "one of those that can be bought", suggest(each.solution, solutions),
            )  # fmt: skip
