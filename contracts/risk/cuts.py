"""Cuts of draws: what limiting clauses cut in every draw, gathered part by part and kept with the draws of a stopped simulation."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np

from capitation.chance.curves.normal import Floats
from contracts.risk.deals import Cut


@dataclass
class CutsOfDraws:
    """What every clause cut in every draw of a simulation."""

    draws: int
    kept: dict[str, Floats] = field(default_factory=dict)
    """By contract, clause and year, as text: what was cut in each draw."""

    def take(self, part: slice, cuts: tuple[Cut, ...]) -> None:
        """What was cut in some of the draws; a contract that no draw moves cuts the same in all of them."""
        for cut in cuts:
            for year, amounts in cut.by_year.items():
                key = json.dumps([cut.contract, cut.step, cut.term, cut.deal, cut.answer, year])
                self._whole(key)[part] = amounts

    def first(self, draws: int) -> tuple[Cut, ...]:
        """What was cut in the first draws."""
        found: dict[tuple[str, str, str, int, float], dict[str, Floats]] = {}
        for key in self.kept:
            contract, step, term, deal, answer, year = json.loads(key)
            found.setdefault((contract, step, term, deal, answer), {})[year] = self._whole(key)[:draws]
        return tuple(
            Cut(contract, step, term, years, deal, answer)
            for (contract, step, term, deal, answer), years in found.items()
        )

    def _whole(self, key: str) -> Floats:
        """The draws of one clause and year, as many as are asked for; what was read from a state file is fewer."""
        known = self.kept.get(key)
        if known is None or len(known) < self.draws:
            whole = np.zeros(self.draws)
            if known is not None:
                whole[: len(known)] = known
            self.kept[key] = whole
        return self.kept[key]


__all__ = ["CutsOfDraws"]
