"""Simulation: positions of every locality in every draw, block by block, on as many threads as are given.

Each block is a pure function of model, seed and number, so threads, chunks and interruptions never change a result. A simulation
may stop early at a stated standard error, be cancelled, and go on later from its state file, which is written whole or not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from capitation.chance.curves.normal import Floats
from capitation.chance.kept import keep, resumed
from capitation.chance.model import ChanceModel, Dtype
from capitation.chance.scores.draws import Method, Source, source
from capitation.errors import ScenarioError, StoppedError
from capitation.records.identity import canonical, digest
from capitation.workers.crew import Crew

MOST_BYTES = 4 * 2**30
"""Memory that the positions of a simulation may take."""


@dataclass(frozen=True)
class Request:
    """Which draws are wanted."""

    draws: int
    seed: int
    method: Method = "monte-carlo"
    stop_at: float | None = None
    """Standard error of the system's mean position, as a share of its plan, at which to stop early."""
    is_single: bool = False
    """Single precision: half the memory and faster; positions are good to a ten-millionth of the plan."""


@dataclass(frozen=True)
class SimulationWork:
    """How the work is done; nothing here changes a result."""

    threads: int = 1
    chunk: int = 4
    """Blocks that are under way at a time for each thread."""
    progress: Callable[[int, int], object] = lambda done, draws: None  # reads as what it is
    """Called with the draws that are done and the draws asked for."""
    is_cancelled: Callable[[], bool] = lambda: False
    """Asked between chunks."""
    crew: Crew | None = None
    """Who draws, such as the workers of a cluster; threads of this machine where there is none."""
    state: Path | None = None
    """File in which the draws so far are kept when the work is stopped, and from which it goes on."""
    is_part: bool = False
    """Part of a longer piece of work, which takes the state file away itself when all of it is done."""

    def finished(self, name: str, out: Floats, done: int, beside: Mapping[str, Floats] | None = None) -> None:
        """Take the state file away, or keep the draws that were made in it where more work follows."""
        if self.state is not None and self.is_part:
            keep(self.state, name, out, done, beside)
        elif self.state is not None and self.state.is_file():
            self.state.unlink()


@dataclass(frozen=True)
class Simulation:
    """Positions of every locality in every draw, with what they were drawn from."""

    model: ChanceModel
    request: Request
    positions: Floats
    """Spend over plan less 1, by year, locality and draw."""
    block: int
    """Draws in a block; with Sobol points, one scramble."""

    @property
    def draws(self) -> int:
        """Draws that were made; fewer than asked for where the simulation stopped early."""
        return int(self.positions.shape[2])

    @property
    def system(self) -> Floats:
        """Position of the whole system, by year and draw: the localities' positions weighed by their plans."""
        out = np.zeros(self.positions.shape[::2])
        for y, book in enumerate(self.model.books):
            for share, row in zip(book.system_share, self.positions[y], strict=True):
                out[y] += share * row
        return out

    @property
    def hash(self) -> str:
        """Checksum of all positions."""
        return hashlib.sha256(np.ascontiguousarray(self.positions).tobytes()).hexdigest()


def simulate(model: ChanceModel, request: Request, work: SimulationWork | None = None) -> Simulation:
    """The positions of all draws asked for, or of as many as the stated standard error takes.

    Raises:
        ScenarioError: draws, seed or standard error cannot be.
        SourceError: the state file is of another simulation, or cannot be read or written.
        StoppedError: the work was cancelled; what was drawn so far is in the state file, where one was named.
    """
    work = work or SimulationWork()
    drawn = source(request.method, request.seed, request.draws, model.streams)
    _check(request, work)
    dtype: Dtype = np.float32 if request.is_single else np.float64
    check_memory(request.draws, len(model.books) * len(model.localities) * np.dtype(dtype).itemsize)
    whole = -(-request.draws // drawn.block)
    out = np.empty((len(model.books), len(model.localities), request.draws), dtype=dtype)
    name = digest(canonical([model.id, _words(request)]))
    done = -(-resumed(work.state, name, out) // drawn.block) if work.state is not None else 0
    watch = _Watch(model, request, drawn.block)
    last = watch.enough(out, range(done)) if done else None
    try:
        if last is None:
            for number, positions in _blocks(model, drawn, range(done, whole), dtype, work):
                _place(out, positions, number, drawn.block)
                done = number + 1
                last = watch.enough(out, range(number, done))
                if last is not None:
                    break
                work.progress(min(done * drawn.block, request.draws), request.draws)
    except (KeyboardInterrupt, StoppedError):
        if work.state is not None:
            keep(work.state, name, out, min(done * drawn.block, request.draws))
        raise
    made = request.draws if last is None else min((last + 1) * drawn.block, request.draws)
    work.finished(name, out, made)
    return Simulation(model, request, out[:, :, :made], drawn.block)


def check_memory(draws: int, bytes_a_draw: int) -> None:
    """Refuse more draws than there is room for.

    Raises:
        ScenarioError: their positions take more than `MOST_BYTES`.
    """
    if draws * bytes_a_draw > MOST_BYTES:
        message = (
            f"draws: found {draws:,}, which take {draws * bytes_a_draw / 2**30:,.0f} GB at {bytes_a_draw:,} bytes each; "
            f"expected at most {MOST_BYTES // bytes_a_draw:,}. A million give chances to a twentieth of a percent"
        )
        raise ScenarioError(message)


def check_stop(request: Request) -> None:
    """Refuse a standard error at which nothing can stop.

    Raises:
        ScenarioError: it is not above nil, or Sobol points are drawn.
    """
    if request.stop_at is not None and not request.stop_at > 0:
        message = f"standard error: found {request.stop_at}; expected more than 0, such as 0.0001 of the plan"
        raise ScenarioError(message)
    if request.stop_at is not None and request.method == "sobol":
        message = (
            "standard error: found one with Sobol points, which are drawn as a whole; expected it with monte-carlo only"
        )
        raise ScenarioError(message)


def _check(request: Request, work: SimulationWork) -> None:
    check_stop(request)
    if work.threads < 1 or work.chunk < 1:
        message = f"work: found {work.threads} threads and chunks of {work.chunk} blocks; expected at least 1 of each"
        raise ScenarioError(message)


def _words(request: Request) -> list[object]:
    stop = None if request.stop_at is None else repr(request.stop_at)
    return [request.draws, request.seed, request.method, stop, request.is_single]


def _blocks(
    model: ChanceModel, drawn: Source, numbers: range, dtype: Dtype, work: SimulationWork
) -> Iterator[tuple[int, Floats]]:
    """The blocks in order, a chunk at a time; asks before each chunk whether to go on."""
    pool: AbstractContextManager[ThreadPoolExecutor | None]
    pool = ThreadPoolExecutor(work.threads) if work.threads > 1 and work.crew is None else nullcontext()
    size = work.chunk * (work.threads if work.crew is None else work.crew.size)
    block = partial(_block, model=model, drawn=drawn, dtype=dtype)
    with pool as executor:
        for first in range(numbers.start, numbers.stop, size):
            if work.is_cancelled():
                kept = f"; they are kept in {work.state}: run it again to go on" if work.state is not None else ""
                message = f"stopped on request after {first * drawn.block:,} of {drawn.draws:,} draws{kept}"
                raise StoppedError(message)
            chunk = range(first, min(first + size, numbers.stop))
            made: Iterable[Floats]
            if work.crew is not None:
                made = work.crew.each(block, chunk)
            else:
                made = executor.map(block, chunk) if executor else map(block, chunk)
            yield from zip(chunk, made, strict=True)


def _block(number: int, model: ChanceModel, drawn: Source, dtype: Dtype) -> Floats:
    """Positions of one block; a worker elsewhere is sent what it takes."""
    return model.positions(drawn, number, dtype)


def _place(out: Floats, positions: Floats, number: int, block: int) -> None:
    first = number * block
    room = min(block, out.shape[2] - first)
    out[:, :, first : first + room] = positions[:, :, :room]


class _Watch:
    """Watches the standard error of the system's mean, block by block in order, so that the end is the same however the work is cut."""

    def __init__(self, model: ChanceModel, request: Request, block: int) -> None:
        self.stop_at, self.block, self.seen = request.stop_at, block, 0
        self.weights = [book.system_share for book in model.books]
        self.sums = np.zeros((len(model.books), 2))

    def enough(self, out: Floats, numbers: range) -> int | None:
        """The block at which the draws were enough, if one of these is."""
        if self.stop_at is None:
            return None
        for number in numbers:
            part = out[:, :, number * self.block : (number + 1) * self.block]
            for y, weights in enumerate(self.weights):
                system = np.add.reduce(weights[:, None] * part[y], axis=0)
                self.sums[y] += system.sum(), (system**2).sum()
            self.seen += part.shape[2]
            means = self.sums / self.seen
            error = np.sqrt(np.maximum(means[:, 1] - means[:, 0] ** 2, 0.0) / self.seen).max()
            if error <= self.stop_at:
                return number
        return None
