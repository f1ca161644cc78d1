"""Where the random numbers come from: normal scores that depend on the run's seed, the layer and the stream, and on nothing else.

Draws come in blocks of a fixed size. The numbers of a block are those of a generator of its own (SFC64, the fastest of numpy's),
seeded by a hash (SeedSequence) of seed, layer, stream and number of the block. So threads, chunks, the order of work and what else
is simulated never change them: two options simulated with one seed meet the same chances, and a locality keeps its own when
another is added.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from capitation.chance.curves.normal import Floats, score
from capitation.chance.scores.sobol import DIMENSIONS, points, scrambled
from capitation.errors import ScenarioError

BLOCK = 16_384
"""Draws in a block."""

SCRAMBLES = 16
"""Independent scrambles of a Sobol run, from whose means the standard errors are taken."""

Method = Literal["monte-carlo", "sobol"]


def generator(seed: int, layer: str, stream: str, block: int) -> np.random.Generator:
    """The generator of one block of one stream of one layer."""
    key = (word(layer), word(stream), block)
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))


@cache
def word(name: str) -> int:
    """A name as a whole number of 32 bits, the same on every machine."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


@dataclass(frozen=True)
class MonteCarlo:
    """Independent draws."""

    seed: int
    draws: int

    @property
    def block(self) -> int:
        """Draws in a block."""
        return BLOCK

    def scores(self, layer: str, stream: str, width: int, block: int, dtype: Any) -> Floats:  # noqa: ANN401  # numpy's own
        """Normal scores of a block: a row each of `width` things, a column a draw."""
        return generator(self.seed, layer, stream, block).standard_normal((width, self.block), dtype=dtype)


@dataclass(frozen=True)
class Sobol:
    """Scrambled Sobol points in 16 independent scrambles; a block is one scramble's share of the draws.

    Streams take dimensions in the order in which `order` lists them; where the table ends, the rest is drawn independently.
    """

    seed: int
    draws: int
    order: tuple[tuple[str, str, int], ...]
    """Layer, stream and width, in the order in which they take dimensions."""

    def __post_init__(self) -> None:
        each = self.draws // SCRAMBLES
        if self.draws % SCRAMBLES or each & (each - 1) or each < 2:
            near = SCRAMBLES * 2 ** max(1, round(np.log2(max(each, 2))))
            message = (
                f"draws: found {self.draws:,}; expected {SCRAMBLES} times a power of two with Sobol points, "
                f"such as {near:,} or {2 * near:,}"
            )
            raise ScenarioError(message)

    @property
    def block(self) -> int:
        """Draws in a block: one scramble."""
        return self.draws // SCRAMBLES

    def scores(self, layer: str, stream: str, width: int, block: int, dtype: Any) -> Floats:  # noqa: ANN401  # numpy's own
        """Normal scores of a block: a row each of `width` things, a column a draw."""
        chance = generator(self.seed, layer, stream, block)
        first = self._first(layer, stream)
        out = np.empty((width, self.block), dtype=dtype)
        for k in range(width):
            if first + k < DIMENSIONS:
                out[k] = score(points(0, self.block, *scrambled(first + k, chance)))
            else:
                out[k] = chance.standard_normal(self.block)
        return out

    def _first(self, layer: str, stream: str) -> int:
        taken = 0
        for name, of, width in self.order:
            if (name, of) == (layer, stream):
                return taken
            taken += width
        message = f"{layer} {stream} has no dimension"
        raise KeyError(message)


Source = MonteCarlo | Sobol


def source(method: Method, seed: int, draws: int, order: tuple[tuple[str, str, int], ...]) -> Source:
    """The source of random numbers of a simulation.

    Raises:
        ScenarioError: the seed is negative, no draws are asked for, or not a number that Sobol points can have.
    """
    if draws < 2:
        message = f"draws: found {draws}; expected at least 2, and 10,000 or more for chances of a few percent"
        raise ScenarioError(message)
    if seed < 0:
        message = f"seed: found {seed}; expected a whole number from 0 upwards"
        raise ScenarioError(message)
    return MonteCarlo(seed, draws) if method == "monte-carlo" else Sobol(seed, draws, order)
