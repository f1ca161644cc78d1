"""The fast engine: a matrix handed to highspy as arrays, solved, read back, and solved again warm after changes.

Every status that highspy returns is checked, because it reports refusals (an unknown option, a missing solver) only
through them. Below 30,000 columns a linear programme goes to the simplex method, which restarts warm; above, to the
interior point method; a sweep may then race the two and keep the winner.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt

from capitation.errors import SolverError
from optimiser.engines import settled
from optimiser.engines.answer import PROVED, STOPPED_AFTER, STOPPED_WITHOUT_MIX, Answer, PriceBasis, Prices, Status
from optimiser.engines.certify import certify
from optimiser.programme.family import Floats
from optimiser.programme.matrix import Matrix

INTERIOR_POINT_FROM = 30_000
"""From this many columns on a linear programme is solved by interior point rather than simplex."""

FIXED_SECONDS = 30.0
"""Seconds for the linear programme of fixed whole numbers that prices are read from: it takes moments, or goes in circles."""

_OPTIONS: dict[str, tuple[Any, tuple[Any, ...] | None]] = {
    "solver": (str, ("simplex", "ipx", "pdlp", "choose")),
    "threads": (int, None),
    "presolve": (str, ("choose", "on")),
    "parallel": (str, ("choose", "on", "off")),
    "random_seed": (int, None),
    "primal_feasibility_tolerance": (float, None),
    "dual_feasibility_tolerance": (float, None),
    "mip_feasibility_tolerance": (float, None),
    "mip_heuristic_effort": (float, None),
    "simplex_strategy": (int, (0, 1, 2, 3, 4)),
    "simplex_update_limit": (int, None),
    "simplex_dual_edge_weight_strategy": (int, (-1, 0, 1, 2)),
    "no_unnecessary_rebuild_refactor": (bool, None),
    "run_crossover": (str, ("on", "choose", "off")),
}
"""The options that may be set, with their type and allowed values; anything else is refused by name."""


@dataclass(frozen=True)
class Progress:
    """Where a search for whole numbers stands."""

    seconds: float
    objective: float
    bound: float
    gap: float


@cache
def _version() -> str:
    return version("highspy")


def versions() -> dict[str, str]:
    """Which highspy answers."""
    return {"highspy": _version()}


def _ok(status: highspy.HighsStatus, action: str) -> None:
    if status == highspy.HighsStatus.kError:
        raise SolverError(f"highspy refused to {action}")


def _with(old: Floats, ids: npt.NDArray[np.int32], new: Floats) -> Floats:
    """A copy of `old` with the entries `ids` taken from `new`."""
    changed = old.copy()
    changed[ids] = new[ids]
    return changed


class _QuietHighs(highspy.Highs):
    """highspy without its banner, which is printed to standard output before an option can forbid it."""

    def __init__(self) -> None:
        super(highspy.Highs, self).__init__()
        _ok(self.setOptionValue("output_flag", False), "be silent")


class HighsSession:
    """A matrix that highspy keeps: solve it, change costs and limits, and solve again from where it stood."""

    def __init__(self, matrix: Matrix, options: Mapping[str, Any] | None = None) -> None:
        self._highs = _QuietHighs()
        self._options = dict(options or {})
        for name, value in self._options.items():
            self._set(name, value)
        self._default_solver = "solver" not in self._options
        self.matrix = matrix
        started = time.perf_counter()
        self._pass(matrix)
        self._hand_over = time.perf_counter() - started

    def _set(self, name: str, value: Any) -> None:  # noqa: ANN401  # highspy options are of four types
        if name not in _OPTIONS:
            raise SolverError(f"solver option {name!r} is not known here; known: {', '.join(sorted(_OPTIONS))}")
        kind, allowed = _OPTIONS[name]
        if not isinstance(value, kind) and not (kind is float and isinstance(value, int)):
            raise SolverError(f"solver option {name!r}: found {value!r}; expected a {kind.__name__}")
        if allowed is not None and value not in allowed:
            raise SolverError(
                f"solver option {name!r}: found {value!r}; expected one of {', '.join(map(str, allowed))}"
            )
        _ok(self._highs.setOptionValue(name, float(value) if kind is float else value), f"set {name} to {value!r}")

    def _pass(self, matrix: Matrix) -> None:
        _ok(
            self._highs.passModel(
                matrix.column_count,
                matrix.row_count,
                matrix.term_count,
                int(highspy.MatrixFormat.kRowwise),
                int(highspy.ObjSense.kMaximize if matrix.sense == "max" else highspy.ObjSense.kMinimize),
                matrix.constant,
                matrix.cost,
                matrix.lower,
                matrix.upper,
                matrix.row_lower,
                matrix.row_upper,
                matrix.start,
                matrix.index,
                matrix.value,
                matrix.integer.astype(np.int32),
            ),
            "take the matrix",
        )

    def change(self, matrix: Matrix) -> None:
        """Take another matrix of the same shape; where only costs and limits moved, the last basis is kept warm.

        Raises:
            SolverError: the matrix has another number of rows or columns.
        """
        old = self.matrix
        if (matrix.column_count, matrix.row_count) != (old.column_count, old.row_count):
            raise SolverError("a warm session can only take a matrix of the same shape")
        started = time.perf_counter()
        same_terms = (
            matrix.sense == old.sense
            and np.array_equal(matrix.start, old.start)
            and np.array_equal(matrix.index, old.index)
            and np.array_equal(matrix.integer, old.integer)
        )
        moved = np.flatnonzero(matrix.value != old.value) if same_terms else None
        if moved is None or len(moved) > max(1000, matrix.term_count // 20):
            basis = self._highs.getBasis()
            self._pass(matrix)
            if basis.valid and not matrix.is_whole:
                _ok(self._highs.setBasis(basis), "keep the basis")
        else:
            rows = old.row_of
            for k in moved:
                _ok(
                    self._highs.changeCoeff(int(rows[k]), int(matrix.index[k]), float(matrix.value[k])),
                    "change a coefficient",
                )
            self.change_cost(np.flatnonzero(matrix.cost != old.cost), matrix.cost)
            self.change_rows(
                np.flatnonzero((matrix.row_lower != old.row_lower) | (matrix.row_upper != old.row_upper)),
                matrix.row_lower,
                matrix.row_upper,
            )
            self.change_columns(
                np.flatnonzero((matrix.lower != old.lower) | (matrix.upper != old.upper)), matrix.lower, matrix.upper
            )
            _ok(self._highs.changeObjectiveOffset(matrix.constant), "change the constant")
        self.matrix = matrix
        self._hand_over = time.perf_counter() - started

    def change_cost(self, which: npt.NDArray[np.integer[Any]], cost: Floats) -> None:
        """Set the costs of the columns `which` to those in `cost` (one a column of the matrix)."""
        if len(which):
            ids = np.asarray(which, dtype=np.int32)
            _ok(self._highs.changeColsCost(len(ids), ids, cost[ids]), "change costs")
            self.matrix = replace(self.matrix, cost=_with(self.matrix.cost, ids, cost))

    def change_rows(self, which: npt.NDArray[np.integer[Any]], lower: Floats, upper: Floats) -> None:
        """Set the limits of the rows `which` to those in `lower` and `upper` (one a row of the matrix)."""
        if len(which):
            ids = np.asarray(which, dtype=np.int32)
            _ok(
                self._highs.changeRowsBounds(len(ids), ids, lower[ids], upper[ids]),  # type: ignore[attr-defined]  # missing from highspy's stub
                "change limits",
            )
            low, high = _with(self.matrix.row_lower, ids, lower), _with(self.matrix.row_upper, ids, upper)
            self.matrix = replace(self.matrix, row_lower=low, row_upper=high)

    def change_columns(self, which: npt.NDArray[np.integer[Any]], lower: Floats, upper: Floats) -> None:
        """Set the bounds of the columns `which` to those in `lower` and `upper` (one a column of the matrix)."""
        if len(which):
            ids = np.asarray(which, dtype=np.int32)
            _ok(self._highs.changeColsBounds(len(ids), ids, lower[ids], upper[ids]), "change bounds")
            low, high = _with(self.matrix.lower, ids, lower), _with(self.matrix.upper, ids, upper)
            self.matrix = replace(self.matrix, lower=low, upper=high)

    def forget(self) -> None:
        """Drop the last basis, so that the next solve is cold."""
        _ok(self._highs.clearSolver(), "forget the last solve")

    def use(self, solver: str, *, primal: bool = False) -> None:
        """Solve linear programmes by "simplex" or "ipx" from now on.

        After a change of costs the primal simplex goes on from where it stood, after a change of limits the dual does.
        """
        self._set("solver", solver)
        self._set("simplex_strategy", 4 if primal else 1)
        self._default_solver = False

    def basis(self) -> Any:  # noqa: ANN401  # highspy's own object
        """Where the last solve stood, to be handed to `stand_at`; None where it has no basis."""
        basis = self._highs.getBasis()
        return basis if basis.valid else None

    def stand_at(self, basis: Any) -> None:  # noqa: ANN401  # what `basis` gave
        """Start the next solve from `basis`."""
        if basis is not None:
            _ok(self._highs.setBasis(basis), "start from a basis")

    def solve(
        self,
        *,
        gap: float = 0.0,
        time_limit: float | None = None,
        progress: Callable[[Progress], None] | None = None,
        start: Floats | None = None,
        prices: bool = True,
        ranges: bool = True,
    ) -> Answer:
        """The answer to the matrix as it stands.

        Args:
            gap: relative gap at which a search for whole numbers may stop.
            time_limit: seconds after which it must.
            progress: called with the bound and the best mix so far while whole numbers are searched.
            start: column values of a known mix to start the search from.
            prices: whether to work out certified shadow prices.
            ranges: whether to work out the range over which each price holds.

        Raises:
            SolverError: highspy refused, or stopped for a reason that is no answer.
        """
        matrix, highs = self.matrix, self._highs
        if self._default_solver:
            big = not matrix.is_whole and matrix.column_count >= INTERIOR_POINT_FROM
            name = "ipx" if big else ("choose" if matrix.is_whole else "simplex")
            _ok(highs.setOptionValue("solver", name), "choose the method")
        _ok(highs.setOptionValue("mip_rel_gap", max(float(gap), 1e-9)), "set the gap")
        _ok(highs.setOptionValue("mip_abs_gap", 1e-9), "set the gap")
        if time_limit is not None:
            _ok(highs.setOptionValue("time_limit", highs.getRunTime() + float(time_limit)), "set the time limit")
        else:
            _ok(highs.setOptionValue("time_limit", highspy.kHighsInf), "lift the time limit")
        if start is not None:
            solution = highspy.HighsSolution()
            solution.col_value = list(map(float, start))
            _ok(highs.setSolution(solution), "take the starting mix")
        started, stops = time.perf_counter(), len(_STOPS)
        with _watched(highs, progress, matrix):
            _ok(highs.run(), "solve")
        solved = time.perf_counter()
        status, values, bound = self._read(gap)
        read = time.perf_counter()
        seconds = {"hand_over": self._hand_over, "solve": solved - started, "read": read - solved}
        self._hand_over = 0.0
        answer = Answer(
            matrix=matrix,
            status=status,
            values=values,
            bound=bound,
            engine="highs",
            seconds=seconds,
            versions=versions(),
            asked_gap=gap,
            notes=(STOPPED_WITHOUT_MIX,) if self._stopped() and values is None else (),
        )
        if not prices or values is None:
            reason = "not asked for" if not prices else f"there is no mix: {answer.meaning}"
            answer = replace(answer, no_prices_because=reason)
        else:
            answer = self._priced(answer, values, ranges)
        return noted(answer, stops)

    def interior(self, time_limit: float | None) -> tuple[Floats, Floats] | None:
        """Values and row prices inside the best face of a linear programme, or None where there are none in time.

        No corner is looked for, which takes far longer on a very large programme than the rest.
        """
        highs = self._highs
        self.use("ipx")
        self._set("run_crossover", "off")
        limit = highspy.kHighsInf if time_limit is None else float(time_limit)
        _ok(highs.setOptionValue("time_limit", limit), "set the time limit")
        with _watched(highs, None, self.matrix):
            _ok(highs.run(), "solve")
        solution, codes = highs.getSolution(), highspy.HighsModelStatus
        ended = highs.getModelStatus() in (codes.kOptimal, codes.kUnknown)  # unknown: less exact than a corner would be
        if not ended or not solution.value_valid or not solution.dual_valid:
            return None
        return np.array(solution.col_value, dtype=np.float64), np.array(solution.row_dual, dtype=np.float64)

    def _read(self, gap: float) -> tuple[Status, Floats | None, float | None]:
        highs, matrix = self._highs, self.matrix
        state, info = highs.getModelStatus(), highs.getInfo()
        codes = highspy.HighsModelStatus
        if state == codes.kUnboundedOrInfeasible:
            state = self._which_of_the_two()
        if state == codes.kModelEmpty:
            return "optimal", np.clip(np.zeros(matrix.column_count), matrix.lower, matrix.upper), matrix.constant
        if state == codes.kInfeasible:
            return "infeasible", None, None
        if state == codes.kUnbounded:
            return "unbounded", None, None
        bound = float(info.mip_dual_bound) if matrix.is_whole else None
        feasible = info.primal_solution_status == int(highspy.SolutionStatus.kSolutionStatusFeasible)
        values = np.array(highs.getSolution().col_value, dtype=np.float64) if feasible else None
        if values is not None and matrix.is_whole:
            values[matrix.integer] = np.round(values[matrix.integer])
        if state == codes.kOptimal:
            if not matrix.is_whole:
                return "optimal", values, float(info.objective_function_value)
            return ("optimal" if info.mip_gap <= max(PROVED, 1e-9) else "gap"), values, bound
        if state in (codes.kTimeLimit, codes.kInterrupt, codes.kIterationLimit, codes.kSolutionLimit):
            bound = None if bound is None or not np.isfinite(bound) else bound
            if values is None:
                return "no_solution_by_limit", None, bound
            return ("interrupted" if state == codes.kInterrupt else "time_limit"), values, bound
        raise SolverError(f"highspy stopped without an answer: {highs.modelStatusToString(state)}")

    def _stopped(self) -> bool:
        return bool(self._highs.getModelStatus() == highspy.HighsModelStatus.kInterrupt)

    def _which_of_the_two(self) -> highspy.HighsModelStatus:
        """Infeasible or unbounded, distinguished by solving once more for no objective at all."""
        matrix = replace(self.matrix, cost=np.zeros(self.matrix.column_count), constant=0.0)
        other = HighsSession(matrix)
        _ok(other._highs.run(), "solve for feasibility")
        feasible = other._highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        return highspy.HighsModelStatus.kUnbounded if feasible else highspy.HighsModelStatus.kInfeasible

    def _priced(self, answer: Answer, values: Floats, ranges: bool) -> Answer:
        """The answer with certified prices: of the programme itself, or of the one with whole columns fixed."""
        started = time.perf_counter()
        if answer.matrix.is_whole:
            prices, reason = fixed_prices(answer.matrix, values)
        else:
            solution = self._highs.getSolution()
            prices, reason = _read_prices(
                self._highs, answer.matrix, np.array(solution.row_dual), values, "linear", ranges
            )
        seconds = {**answer.seconds, "prices": time.perf_counter() - started}
        return replace(answer, prices=prices, no_prices_because=reason, seconds=seconds)


def fixed_solve(fixed: Matrix, *, prices: bool, time_limit: float) -> Answer:
    """The answer to a programme whose whole numbers are fixed; a very large one is settled first, which takes far less memory."""
    rest = settled.settle(fixed) if fixed.column_count >= settled.SETTLE_FROM else None
    if rest is None:
        return solve(fixed, prices=prices, time_limit=time_limit)
    return rest.answer(solve(rest.rest, prices=prices, time_limit=time_limit))


def fixed_prices(matrix: Matrix, values: Floats) -> tuple[Prices | None, str]:
    """Certified prices of the linear programme left when whole columns are fixed at `values`; or None and the reason."""
    whole = matrix.integer
    lower, upper = matrix.lower.copy(), matrix.upper.copy()
    lower[whole] = upper[whole] = np.round(values[whole])
    fixed = replace(matrix, lower=lower, upper=upper, integer=np.zeros(matrix.column_count, dtype=bool))
    basis: PriceBasis = "whole numbers fixed" if whole.any() else "linear"
    if matrix.column_count >= settled.SETTLE_FROM:
        again = fixed_solve(fixed, prices=True, time_limit=FIXED_SECONDS)
        return again.prices and replace(again.prices, basis=basis), again.no_prices_because or again.meaning
    holder = HighsSession(fixed)
    answer = holder.solve(prices=False, time_limit=FIXED_SECONDS)
    if answer.values is None:
        return None, f"with the whole numbers fixed the programme did not solve again: {answer.meaning}"
    found = float(matrix.cost @ answer.values)
    given = float(matrix.cost @ values)
    sign = 1.0 if matrix.sense == "max" else -1.0
    note = ""
    if sign * (found - given) > 1e-6 * (1.0 + abs(given)):
        note = " (the same choices allow a slightly better mix, which these prices belong to)"
    solution = holder._highs.getSolution()
    prices, reason = _read_prices(holder._highs, fixed, np.array(solution.row_dual), answer.values, basis)
    if prices is not None and note:
        prices = replace(prices, route=prices.route + note)
    return prices, reason


def _read_prices(
    highs: highspy.Highs,
    matrix: Matrix,
    row_prices: Floats,
    values: Floats,
    basis: PriceBasis,
    ranges: bool = True,
) -> tuple[Prices | None, str]:
    if len(row_prices) != matrix.row_count:
        row_prices = np.zeros(matrix.row_count)
    certificate = certify(matrix, values, row_prices)
    if not certificate.holds:
        return None, f"the prices failed their check: {certificate.reason}"
    lowest = np.full(matrix.row_count, np.nan)
    highest = np.full(matrix.row_count, np.nan)
    if ranges and matrix.row_count and highs.getBasis().valid:
        status, ranging = highs.getRanging()
        if status != highspy.HighsStatus.kError:
            lowest = np.array(ranging.row_bound_dn.value_, dtype=np.float64)
            highest = np.array(ranging.row_bound_up.value_, dtype=np.float64)
    left = matrix.cost - matrix.transposed_product(row_prices)
    return Prices(row_prices, left, basis, certificate, lowest, highest, "highspy"), ""


_STOPS: list[int] = []
"""One for each Ctrl-C that came while highspy was at work."""


def stops() -> int:
    """How often Ctrl-C came while highspy was at work, since the process began."""
    return len(_STOPS)


def noted(answer: Answer, before: int) -> Answer:
    """The answer with a note that Ctrl-C came since `stops()` was `before`, where it did and the answer does not say so."""
    if len(_STOPS) == before or answer.stopped_by_user:
        return answer
    return replace(answer, notes=(*answer.notes, STOPPED_AFTER))


@contextmanager
def _watched(highs: highspy.Highs, progress: Callable[[Progress], None] | None, matrix: Matrix) -> Iterator[None]:
    """A solve that Ctrl-C ends with what there is: a search for whole numbers with the best mix so far, which it also reports.

    A small linear programme is solved to its end, which is near; a large one is left. highspy's logging report stays silent
    when its log is off, so the report made when it asks whether to stop is used.
    """
    stop: list[int] = []
    scale = matrix.scale

    def on_check(kind: Any, message: str, out: Any, back: Any, _data: Any) -> None:  # noqa: ANN401  # highspy's own objects
        if progress is not None and matrix.is_whole:
            best, bound = float(out.mip_primal_bound) * scale, float(out.mip_dual_bound) * scale
            progress(Progress(float(out.running_time), best, bound, float(out.mip_gap)))
        if stop:
            back.user_interrupt = True

    def on_stop(number: int, _frame: object) -> None:
        stop.append(number)
        _STOPS.append(number)

    every = highspy.cb.HighsCallbackType
    kinds = [every.kCallbackMipInterrupt] if matrix.is_whole else []
    if not matrix.is_whole and matrix.column_count >= INTERIOR_POINT_FROM:
        kinds = [every.kCallbackSimplexInterrupt, every.kCallbackIpmInterrupt]
    if kinds:
        _ok(highs.setCallback(on_check, None), "report progress")
    for kind in kinds:
        _ok(highs.startCallback(kind), "report progress")
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, on_stop) if main else None
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGINT, before)
        for kind in kinds:
            _ok(highs.stopCallback(kind), "stop reporting progress")


def solve(
    matrix: Matrix,
    *,
    gap: float = 0.0,
    time_limit: float | None = None,
    progress: Callable[[Progress], None] | None = None,
    options: Mapping[str, Any] | None = None,
    start: Floats | None = None,
    prices: bool = True,
) -> Answer:
    """The answer to `matrix` from highspy; arguments as for `HighsSession.solve`."""
    session = HighsSession(matrix, options)
    return session.solve(gap=gap, time_limit=time_limit, progress=progress, start=start, prices=prices)
