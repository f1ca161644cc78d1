"""Linear programmes as the finder of a design, for families that are straight and limits that a programme can keep.

A limit on the chance of a loss is no convex one: such a family is searched. So is one with a width, an attachment or a cap open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from capitation.errors import Fault, InfeasibleError
from contracts.risk.design.search import LEVELS, Finder, words_of
from contracts.risk.design.trial import Figures, Trial
from optimiser.links.terms.measures import CONVEX
from optimiser.links.terms.programme import Ask, FoundTerms, LinearTerms
from optimiser.links.terms.straight import straight

METHOD = "linear programme"


def linear_terms(trial: Trial) -> Finder | None:
    """The finder of a family that is straight under limits that a programme can keep; None where it has to be searched."""
    if any(limit.measure not in CONVEX for limit in trial.family.limits):
        return None
    family = straight(trial)
    return None if family is None else ByProgramme(LinearTerms(family))


@dataclass(frozen=True)
class ByProgramme:
    """The best terms of a straight family by linear programme."""

    terms: LinearTerms
    method: str = METHOD

    def best(self, scales: Sequence[float]) -> Figures | None:
        """The best terms that meet every limit, each level times its scale."""
        found = self.terms.find(self._ask(scales))
        return None if found is None else self.terms.family.figures(found.at)

    def trade_off(self, best: Figures) -> Iterator[tuple[float, float, Figures]]:
        """The best terms at other levels of the first limit, with every figure free."""
        trial = self.terms.family.trial
        level = float(trial.family.limits[0].level.value)
        for times in LEVELS:
            figures = self.best([times, *([1.0] * (len(trial.family.limits) - 1))])
            if figures is not None:
                yield level * times, trial.incentive(figures).value, figures

    def none(self, scales: Sequence[float]) -> InfeasibleError:
        """Each limit that would have to give, by the least that lets terms exist: alone, with the others kept, or together."""
        family, count = self.terms.family.trial.family, len(scales)
        together = cast(FoundTerms, self.terms.find(self._ask(scales, gives=[1.0] * count, is_best=False)))
        faults = []
        for number in range(count):
            only = [1.0 if k == number else None for k in range(count)]
            kept = [k == number for k in range(count)]
            alone = cast(FoundTerms, self.terms.find(self._ask(scales, gives=only, kept=kept, is_best=False)))
            least = self.terms.find(self._ask(scales, gives=only, is_best=False))
            if self._is_given(alone, number, scales):
                faults.append(self._fault(number, scales, alone.gives[number], "whatever the other limits are"))
            elif least is not None and self._is_given(least, number, scales):
                faults.append(self._fault(number, scales, least.gives[number], "with every other limit as it is"))
            elif least is None and self._is_given(together, number, scales):
                faults.append(self._fault(number, scales, together.gives[number], "together with the others named"))
        nearest = ", ".join(f"{name} {value:.4g}" for name, value in self.terms.family.figures(together.at).items())
        return InfeasibleError(f"family {family.id}: no terms meet every limit; the nearest are {nearest}", faults)

    def _is_given(self, found: FoundTerms, number: int, scales: Sequence[float]) -> bool:
        return found.gives[number] > 1e-5 * max(self.terms.level(number, scales), 1e-4)

    def _fault(self, number: int, scales: Sequence[float], gives: float, when: str) -> Fault:
        limit, level = self.terms.family.trial.family.limits[number], self.terms.level(number, scales)
        tight = "" if scales[number] == 1 else f", so that fresh draws keep to {float(limit.level.value):.3%}"
        return Fault(
            f"limit of the {limit.party}, {words_of(limit)}",
            f"{level + gives:.3%} of plan at least",
            f"at most {level:.3%}{tight}",
            f"It would have to give {gives:.3%}, {when}.",
        )

    def _ask(
        self,
        scales: Sequence[float],
        gives: Sequence[float | None] | None = None,
        kept: Sequence[bool] | None = None,
        *,
        is_best: bool = True,
    ) -> Ask:
        count = len(scales)
        return Ask(
            tuple(scales),
            tuple(gives) if gives is not None else (None,) * count,
            tuple(kept) if kept is not None else (True,) * count,
            is_best,
        )


__all__ = ["METHOD", "ByProgramme", "linear_terms"]
