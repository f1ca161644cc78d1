"""PuLP as a face of the same matrix: an `LpProblem` with real names, solved by any solver PuLP finds, and read back.

`to_pulp` makes PuLP's objects only when they are asked for; names carry a zero-padded number, because PuLP 3 sorts
columns by name. An analyst may add variables and constraints in PuLP's own words and `from_pulp` brings them back into
a matrix. Special ordered sets are refused by name: PuLP drops them on the way to HiGHS and CBC without a word.

Shadow prices of a PuLP route are never taken on trust (PuLP 3.3 gives HiGHS prices of a maximisation the wrong sign,
and some CBC builds give wrong ones): they are certified, or worked out again and certified, or said to be missing.

Works with PuLP 3.3 (status numbers, constraints by name) and PuLP 4 (solve returns an object, constraints as a list).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pulp

from capitation.errors import SolverError, UnknownNameError
from optimiser.engines import highs
from optimiser.engines.answer import PROVED, Answer, PriceBasis, Prices, Status
from optimiser.engines.certify import TOLERANCE, certify
from optimiser.engines.pulp_return import from_pulp as from_pulp
from optimiser.engines.pulp_return import refuse_ordered_sets
from optimiser.programme.family import Floats
from optimiser.programme.matrix import Matrix

DEFAULT_SOLVER = "HiGHS"

_EXACT = 1e-9
"""A miss of a row at or below this share of its terms is rounding of a solver that prints its answer; above it the mix is polished."""


def available_solvers() -> list[str]:
    """Names of the solvers that PuLP can run here."""
    with _quiet():
        return sorted(set(pulp.listSolvers(onlyAvailable=True)))


def to_pulp(matrix: Matrix, name: str = "channel_shift") -> pulp.LpProblem:
    """The programme as a PuLP problem: columns `c0001.family.index`, rows `r0001.family.index`.

    A row limited on both sides becomes two constraints, the second with the ending `.floor`.
    """
    problem = pulp.LpProblem(name, pulp.LpMaximize if matrix.sense == "max" else pulp.LpMinimize)
    low, high = matrix.lower.tolist(), matrix.upper.tolist()
    variables = [
        problem.add_variable(
            label,
            None if low[i] == -np.inf else low[i],
            None if high[i] == np.inf else high[i],
            pulp.LpInteger if whole else pulp.LpContinuous,
        )
        for i, (label, whole) in enumerate(
            zip(matrix.names("columns", numbered=True), matrix.integer.tolist(), strict=True)
        )
    ]
    named = np.zeros(matrix.column_count, dtype=bool)
    named[matrix.index] = True
    aim = np.flatnonzero((matrix.cost != 0) | ~named).tolist()
    costs = matrix.cost.tolist()
    problem.setObjective(_expression({variables[i]: costs[i] for i in aim}, matrix.constant))
    start, index, value = matrix.start.tolist(), matrix.index.tolist(), matrix.value.tolist()
    for i, label in enumerate(matrix.names("rows", numbered=True)):
        begin, end = start[i], start[i + 1]
        body = {variables[j]: v for j, v in zip(index[begin:end], value[begin:end], strict=True)}
        floor, ceiling = float(matrix.row_lower[i]), float(matrix.row_upper[i])
        if floor == ceiling:
            problem.addConstraint(_expression(body) == floor, label)
            continue
        if ceiling != np.inf:
            problem.addConstraint(_expression(body) <= ceiling, label)
        if floor != -np.inf:
            problem.addConstraint(_expression(body) >= floor, label if ceiling == np.inf else f"{label}.floor")
    return problem


def _expression(terms: dict[Any, float], constant: float = 0.0) -> Any:  # noqa: ANN401  # PuLP is not typed
    maker = getattr(pulp.LpAffineExpression, "from_dict", None) or pulp.LpAffineExpression
    return maker(terms, constant=constant)


def solve(
    matrix: Matrix,
    *,
    solver: str = DEFAULT_SOLVER,
    gap: float = 0.0,
    time_limit: float | None = None,
    problem: pulp.LpProblem | None = None,
    prices: bool = True,
) -> Answer:
    """The answer to `matrix` from a solver that PuLP runs.

    Args:
        matrix: the programme.
        solver: PuLP's name of the solver, such as "HiGHS", "COIN_CMD" or "PULP_CBC_CMD".
        gap: relative gap at which a search for whole numbers may stop.
        time_limit: seconds after which it must.
        problem: the PuLP problem, where it was made or edited already; `matrix` must be what `from_pulp` gives for it.
        prices: whether to work out certified shadow prices.

    Raises:
        UnknownNameError: PuLP cannot run that solver here.
        SolverError: the solver failed, or returned a mix that breaks a limit.
    """
    known = available_solvers()
    if solver not in known:
        raise UnknownNameError("solver", solver, known)
    started = time.perf_counter()
    if problem is None:
        problem = to_pulp(matrix)
    refuse_ordered_sets(problem)
    built = time.perf_counter()
    options: dict[str, Any] = {"msg": False}
    if time_limit is not None:
        options["timeLimit"] = time_limit
    if matrix.is_whole:
        options["gapRel"] = max(gap, 1e-9)
    try:
        with _quiet():
            returned = problem.solve(_solver(solver, options))
    except pulp.PulpError as error:
        raise SolverError(f"{solver} failed through PuLP: {error}") from error
    solved = time.perf_counter()
    status, bound = _outcome(problem, returned, matrix, gap, time_limit)
    values = _values(problem, matrix) if status in ("optimal", "gap", "time_limit", "interrupted") else None
    notes: tuple[str, ...] = ()
    if values is None and status in ("infeasible", "unbounded"):
        status, notes = _confirmed(matrix, status, solver)
    if values is not None:
        values, notes = _kept(matrix, values, solver)
    if status == "optimal" and bound is None and values is not None:
        bound = float(matrix.cost @ values) + matrix.constant
    read = time.perf_counter()
    seconds = {"hand_over": built - started, "solve": solved - built, "read": read - solved}
    answer = Answer(
        matrix=matrix,
        status=status,
        values=values,
        bound=bound,
        engine=f"pulp ({solver})",
        seconds=seconds,
        versions={"pulp": version("pulp")} | ({"highspy": version("highspy")} if solver == "HiGHS" else {}),
        asked_gap=gap,
        notes=notes,
    )
    if not prices or values is None:
        reason = "not asked for" if not prices else f"there is no mix: {answer.meaning}"
        return replace(answer, no_prices_because=reason)
    found, reason = _prices(problem, matrix, values, solver)
    return replace(
        answer, prices=found, no_prices_because=reason, seconds={**seconds, "prices": time.perf_counter() - read}
    )


def _solver(name: str, options: dict[str, Any]) -> Any:  # noqa: ANN401  # PuLP is not typed
    if name == "PULP_CBC_CMD":
        return pulp.PULP_CBC_CMD(_skip_v4_deprecation=True, **options)
    return pulp.getSolver(name, **options)


_FROM_CODE: dict[int, Status] = {1: "optimal", -1: "infeasible", -2: "unbounded", -3: "infeasible"}
_LIMITS = {-4, -5, -6, -7, -8, -9, -11}


def _outcome(
    problem: pulp.LpProblem,
    returned: Any,  # noqa: ANN401  # an int in PuLP 3, an object in PuLP 4
    matrix: Matrix,
    gap: float,
    time_limit: float | None,
) -> tuple[Status, float | None]:
    """Status and bound, the same from PuLP 3 (numbers on the problem) and PuLP 4 (an object returned by solve)."""
    if hasattr(returned, "has_solution"):
        code, has_mix = int(returned.status), bool(returned.has_solution)
        bound = getattr(returned, "best_bound", None)
    else:
        code, has_mix = int(problem.status), int(problem.sol_status) in (1, 2)
        if code == 1 and int(problem.sol_status) == 2:
            code = -4
        bound = _bound_of_solver_model(problem, matrix)
    if code == 1:
        proved = not matrix.is_whole or gap <= PROVED or _is_within(problem, matrix, bound)
        return ("optimal" if proved else "gap"), bound
    if code in _LIMITS or (code == -10):
        if not has_mix:
            return "no_solution_by_limit", bound
        return ("interrupted" if code == -10 else "time_limit"), bound
    if code == 0 and time_limit is not None:
        return "no_solution_by_limit", bound
    if code in _FROM_CODE:
        return _FROM_CODE[code], None
    raise SolverError(f"the solver stopped without an answer (PuLP status {code})")


def _is_within(problem: pulp.LpProblem, matrix: Matrix, bound: float | None) -> bool:
    if bound is None:
        return False
    values = _values(problem, matrix)
    objective = float(matrix.cost @ values) + matrix.constant
    return abs(bound - objective) <= PROVED * max(1.0, abs(objective))


def _bound_of_solver_model(problem: pulp.LpProblem, matrix: Matrix) -> float | None:
    """HiGHS's bound from the model PuLP 3 leaves behind: it minimises the negated objective, without the constant."""
    model = getattr(problem, "solverModel", None)
    info = getattr(model, "getInfo", None)
    if info is None or not matrix.is_whole:
        return None
    bound = float(info().mip_dual_bound)
    if not np.isfinite(bound):
        return None
    return (-bound if matrix.sense == "max" else bound) + matrix.constant


def _values(problem: pulp.LpProblem, matrix: Matrix) -> Floats:
    """Column values in our order; a column that no row or objective names stays where its bounds put it."""
    at = problem.variablesDict()
    names = matrix.names("columns", numbered=True)
    rest = [v.name for v in problem.variables() if v.name not in set(names)] if len(at) > len(names) else []
    own = [f for f in matrix.columns if f.name == "added_in_pulp"]
    ordered = [*names[: own[0].first], *own[0].index["name"].to_list()] if own and rest else names
    resting = np.clip(np.zeros(matrix.column_count), matrix.lower, matrix.upper)
    values = resting.copy()
    for i, name in enumerate(ordered):
        value = at[name].varValue if name in at else None
        if value is not None:
            values[i] = value
    values[matrix.integer] = np.round(values[matrix.integer])
    return np.clip(values, matrix.lower, matrix.upper) if np.all(matrix.lower <= matrix.upper) else values


def _confirmed(matrix: Matrix, status: Status, solver: str) -> tuple[Status, tuple[str, ...]]:
    """Infeasible and unbounded are often confused or called undefined on the way through PuLP: ask highspy."""
    check = highs.solve(matrix, prices=False, time_limit=60.0)
    if check.status in ("infeasible", "unbounded") and check.status != status:
        return check.status, (f"{solver} through PuLP said {status}; highspy shows that it is {check.status}",)
    if check.status not in ("infeasible", "unbounded", "no_solution_by_limit"):
        raise SolverError(f"{solver} through PuLP said {status}, but highspy finds a mix: {check.meaning}")
    return status, ()


def _kept(matrix: Matrix, values: Floats, solver: str) -> tuple[Floats, tuple[str, ...]]:
    """A mix that keeps every limit, and a note where it had to be polished.

    Some solvers print eight digits, so a row of large terms that cancel is missed by more than its activity would allow.
    A miss is measured against the size of the row's terms; a mix that misses one is worked out anew by highspy with its
    whole numbers as they are. The whole numbers themselves are the solver's.

    Raises:
        SolverError: with those whole numbers no mix keeps every limit.
    """
    worst, miss = _largest_miss(matrix, values)
    if miss <= (TOLERANCE if solver == DEFAULT_SOLVER else _EXACT):
        return values, ()
    lower, upper, whole = matrix.lower.copy(), matrix.upper.copy(), matrix.integer
    lower[whole] = upper[whole] = np.round(values[whole])
    polished = highs.solve(replace(matrix, lower=lower, upper=upper).relaxed(), prices=False)
    if polished.values is not None:
        return polished.values, (f"{solver} prints too few digits; highspy worked out the rest of its mix",)
    if miss <= TOLERANCE:
        return values, ()
    raise SolverError(f"{solver} through PuLP returned a mix that misses '{matrix.row_label(worst)}' by {miss:.2g}")


def _largest_miss(matrix: Matrix, values: Floats) -> tuple[int, float]:
    """The row that is missed most, and by how much, as a share of the size of its terms."""
    if not matrix.row_count:
        return 0, 0.0
    terms = np.abs(matrix.value * values[matrix.index])
    size = 1.0 + np.bincount(matrix.row_of, weights=terms, minlength=matrix.row_count)
    activity = matrix.product(values)
    miss = np.maximum(matrix.row_lower - activity, activity - matrix.row_upper) / size
    worst = int(np.argmax(miss))
    return worst, float(miss[worst])


def _prices(problem: pulp.LpProblem, matrix: Matrix, values: Floats, solver: str) -> tuple[Prices | None, str]:
    route = f"{solver} through PuLP"
    if not matrix.is_whole:
        given = _given_prices(problem, matrix)
        if given is not None:
            for sign, how in ((1.0, "certified"), (-1.0, "sign mended and certified")):
                certificate = certify(matrix, values, sign * given)
                if certificate.holds:
                    blank = np.full(matrix.row_count, np.nan)
                    left = matrix.cost - matrix.transposed_product(sign * given)
                    basis: PriceBasis = "linear"
                    return Prices(sign * given, left, basis, certificate, blank, blank, f"{route}, {how}"), ""
    found, reason = highs.fixed_prices(matrix, values)
    if found is None:
        return None, reason
    return replace(found, route=f"{route}, prices worked out again by highspy"), ""


def _given_prices(problem: pulp.LpProblem, matrix: Matrix) -> Floats | None:
    at = {c.name: c for c in problem.constraints()}
    prices = np.zeros(matrix.row_count)
    for i, label in enumerate(_solved_names(matrix)):
        for name in (label, f"{label}.floor"):
            if name in at:
                price = at[name].pi
                if price is None:
                    return None
                prices[i] += float(price)
    return prices


def _solved_names(matrix: Matrix) -> list[str]:
    own = [f for f in matrix.rows if f.name == "added_in_pulp"]
    names = matrix.names("rows", numbered=True)
    return [*names[: own[0].first], *own[0].index["rule"].to_list()] if own else names


@contextmanager
def _quiet() -> Iterator[None]:
    """Standard output shut while a solver runs: some print banners that no option forbids."""
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:
        yield
        return
    shut = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(shut, 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(shut)
        os.close(kept)
