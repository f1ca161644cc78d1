"""The model: books of one or more years and an uncertainty document, made ready for drawing.

    position of a locality = sum over lines of share x growth x price x (1 + shock) x chance, x list size, + savings missed, less 1

`positions` gives a block of draws; it is pure, so blocks can be made in any order and by any number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from capitation.chance.book import Book
from capitation.chance.calibration import Calibrated, calibrated
from capitation.chance.curves.normal import Floats
from capitation.chance.curves.shapes import Empirical
from capitation.chance.document import LIST_BOUNDS, Uncertainty, total_curve
from capitation.chance.scores.draws import Source
from capitation.chance.shared import Shared, unknown_solutions
from capitation.errors import DocumentError, Faults, ScenarioError, UnknownNameError
from capitation.records.identity import canonical, digest

Dtype = type[np.float32] | type[np.float64]


@dataclass(frozen=True)
class ChanceModel:
    """What is simulated: plans, uncertainties, and which layers are drawn."""

    books: tuple[Book, ...]
    document: Uncertainty
    layers: tuple[str, ...]
    chances: tuple[Calibrated, ...]

    @property
    def localities(self) -> tuple[str, ...]:
        """Codes of the localities."""
        return self.books[0].localities

    @cached_property
    def id(self) -> str:
        """A hash of everything that the positions depend on, besides the draws."""
        arrays = [
            digest(np.ascontiguousarray(a).tobytes().hex())
            for book, chance in zip(self.books, self.chances, strict=True)
            for a in (book.plan_pence, book.line_share, book.saving_share, book.cost_share, chance.line_sd)
        ]
        years = [str(book.year) for book in self.books]
        named = [years, self.localities, self.books[0].lines, self.books[0].solutions, self.layers, arrays]
        named += [self.books[0].starts] if self.books[0].starts else []
        return digest(canonical([self.document.model_dump(mode="json"), named]))

    @cached_property
    def streams(self) -> tuple[tuple[str, str, int], ...]:
        """Layer, stream and number of scores of everything that is drawn, what all localities share first."""
        out: list[tuple[str, str, int]] = []
        solutions = len(self.books[0].solutions)
        for layer, parts in (
            ("growth", [("rate", 1)]),
            ("price", [("level", 1)]),
            ("delivery", [(part, solutions + 1) for part in ("effect", "delay", "failure", "cost")]),
        ):
            if layer in self.layers:
                out += [(layer, stream, width) for stream, width in parts]
        for book, chance in zip(self.books, self.chances, strict=True):
            if "environment" in self.layers:
                out.append(("environment", book.year, len(self.document.shocks)))
            for layer, width in (("chance", chance.line_sd.shape[1]), ("list-size", 1)):
                if layer in self.layers:
                    out += [(layer, f"{code} {book.year}", width) for code in book.localities]
        return tuple(out)

    def positions(self, source: Source, block: int, dtype: Dtype) -> Floats:
        """Spend over plan less 1, by year, locality and draw of a block."""
        shared = Shared(self.document, self.layers, source, block, dtype)
        out = np.empty((len(self.books), len(self.localities), source.block), dtype=dtype)
        for y, (book, chance) in enumerate(zip(self.books, self.chances, strict=True)):
            factors = shared.factors(book)
            for row, code in enumerate(book.localities):
                by_line, share = chance.line_sd.shape[1] > 1, book.line_share[row]
                weights = share if by_line else np.ones(1)
                drawn = self._chance(source, block, dtype, f"{code} {book.year}", chance.line_sd[row], weights)
                if factors is None:
                    np.add.reduce(drawn, axis=0, out=out[y, row])
                elif by_line:
                    np.einsum("ld,ld->d", drawn, factors, out=out[y, row])
                else:
                    np.einsum("d,ld,l->d", drawn[0], factors, share.astype(dtype), out=out[y, row])
                if "list-size" in self.layers:
                    scores = source.scores("list-size", f"{code} {book.year}", 1, block, dtype)[0]
                    out[y, row] *= 1 + self._list_curve.at_score(scores).astype(dtype)
            missed = shared.missed(book)
            if missed is not None:
                out[y] += missed
        out -= dtype(1.0)
        return out

    def own(self, source: Source, block: int, stream: str, sd: Floats) -> Floats:
        """Chance x list size of one locality in one year, a row a line (or one for the whole budget)."""
        out = self._chance(source, block, np.float64, stream, sd, np.ones(len(sd)))
        if "list-size" in self.layers:
            out *= 1 + self._list_curve.at_score(source.scores("list-size", stream, 1, block, np.float64)[0])
        return out

    def _chance(  # the draws, where they come from, and what they become
        self, source: Source, block: int, dtype: Dtype, stream: str, sd: Floats, weights: Floats
    ) -> Floats:
        """Weights x factors of chance of one locality in one year, a row a line (or one for the whole budget)."""
        if "chance" not in self.layers:
            return np.repeat(weights.astype(dtype)[:, None], source.block, axis=1)
        drawn, shape = source.scores("chance", stream, len(sd), block, dtype), self.document.chance.shape
        if shape == "normal":
            drawn *= _column(sd * weights, drawn)
            drawn += _column(weights, drawn)
        elif shape == "lognormal":
            variance = np.log1p(sd**2)
            drawn *= _column(np.sqrt(variance), drawn)
            drawn += _column(np.log(np.maximum(weights, np.finfo(dtype).tiny)) - variance / 2, drawn)
            np.exp(drawn, out=drawn)
        else:
            for row, each in enumerate(sd):
                drawn[row] = total_curve(shape, float(each)).at_score(drawn[row]) if each > 0 else 1.0
                drawn[row] *= weights[row]
        return drawn

    @cached_property
    def _list_curve(self) -> Empirical:
        given = self.document.list_size
        if given is None:
            message = "list-size: found no figures; expected list_size in the uncertainty document"
            raise ScenarioError(message)
        return given.fitted(*LIST_BOUNDS).curve


def _column(values: Floats, like: Floats) -> Floats:
    """One value a row, in the precision of the draws."""
    column: Floats = values.astype(like.dtype)[:, None]
    return column


def model(books: Sequence[Book], document: Uncertainty, layers: Sequence[str] | None = None) -> ChanceModel:
    """The model of plans under uncertainty.

    Args:
        books: the plans, one a year, of the same localities and lines.
        document: the uncertainties.
        layers: the layers to draw; by default all that the document has figures for, delivery only where the plans name
            solutions. Others stay at the plan.

    Raises:
        UnknownNameError: a layer has no figures in the document.
        ScenarioError: the plans do not go together, or contradict themselves.
        DocumentError: a shock or growth names a line that the plan does not have.
    """
    is_planned = bool(books) and bool(books[0].solutions)
    drawable = tuple(name for name in document.layers if name != "delivery" or is_planned)
    chosen = drawable if layers is None else tuple(layers)
    for name in chosen:
        if name not in document.layers:
            raise UnknownNameError("layer with figures", name, document.layers, where=f"uncertainty {document.id}")
    if not chosen:
        message = f"layers: found none; expected at least one of {', '.join(drawable)}"
        raise ScenarioError(message)
    if not books or any(
        (b.localities, b.lines, b.solutions) != (books[0].localities, books[0].lines, books[0].solutions) for b in books
    ):
        message = (
            f"plans: found {len(books)} that do not share localities, lines and solutions; expected one or more that do"
        )
        raise ScenarioError(message)
    faults = Faults()
    known = {*books[0].lines, "all"}
    named = [(f"shocks: {s.line}", s.line) for s in document.shocks] if "environment" in chosen else []
    if document.growth is not None and "growth" in chosen:
        named += [(f"growth: {line}", line) for line in document.growth.lines]
    for where, line in named:
        if line not in known:
            faults.add(
                f"uncertainty {document.id}: {where}",
                "a line the plan does not have",
                f"one of {', '.join(sorted(known))}",
            )
    if "delivery" in chosen and is_planned:
        unknown_solutions(document, books[0].solutions, faults)
    for book in books:
        if book.year < document.since:
            faults.add(f"plan of {book.year}", "a year before the figures hold", f"{document.since} or later")
    faults.raise_if_any(DocumentError, f"uncertainty {document.id} does not go with the plan")
    if "delivery" in chosen and not is_planned:
        message = "delivery: found no solutions in the plan; expected planned savings, such as of a mix that is bought (--problem), or another layer"
        raise ScenarioError(message)
    ordered = tuple(name for name in document.layers if name in chosen)
    return ChanceModel(tuple(books), document, ordered, tuple(calibrated(book, document.chance) for book in books))
