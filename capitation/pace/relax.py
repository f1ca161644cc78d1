"""Rules give way in their stated order when the money cannot meet them all, each as little as is needed.

Guarantees give way when there is too little money, limits when there is too much; every step is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import polars as pl

from capitation.errors import Fault, InfeasibleError
from capitation.money.apportion import apportion
from capitation.money.pence import pounds_text
from capitation.money.water_filling import largest_placeable, water_fill
from capitation.pace.bounds import lower_of, upper_of
from capitation.pace.policy import PaceRules, rate


@dataclass
class RoundState:
    """One round as far as it has come: its rows, the quantum, and the rules that gave way."""

    year: str
    stream: str
    quantum: int
    rules: PaceRules
    rows: pl.DataFrame
    place_max_under: Decimal | None

    def __post_init__(self) -> None:
        self.relaxed: list[dict[str, object]] = []
        self.level: Fraction | None = None

    def relax(
        self,
        rule: str,
        shortfall: int,
        relieved: int,
        measure: str,
        asked: float,
        reached: float | None,
        area: str | None = None,
    ) -> None:
        """Record that a rule gave way, for whom and by how much."""
        self.relaxed.append(
            {
                "year": self.year,
                "stream": self.stream,
                "step": len(self.relaxed) + 1,
                "rule": rule,
                "area_code": area,
                "shortfall_pence": shortfall,
                "relieved_pence": relieved,
                "measure": measure,
                "asked": asked,
                "reached": reached,
            }
        )


GUARANTEES = ("place_max_under", "max_under", "bands", "floors")
LIMITS = ("target_ceiling", "max_growth", "over_target_cap")


def with_share(rows: pl.DataFrame, left: int, weight: str, start: str) -> pl.DataFrame:
    """Rows with the pence of `left` shared by a weight on top of a start."""
    shared = apportion(
        rows.with_columns(pl.lit(left, dtype=pl.Int64).alias("__left")),
        total="__left",
        weight=weight,
        order_by=["area_code"],
        into="__share",
    )
    return shared.with_columns((pl.col(start) + pl.col("__share")).alias("allocation_pence")).drop("__left", "__share")


def relax_guarantees(r: RoundState) -> pl.DataFrame:
    """Rows whose least money fits the quantum: guarantees give way in the declared order, the last one in part."""
    standing = list(GUARANTEES)
    rows = r.rows.with_columns(pl.col("__lower").alias("__asked"))
    for rule in r.rules.relaxation:
        standing.remove(rule)
        rows = rows.with_columns(lower_of(standing).alias("__kept"))
        asked, kept = int(rows.get_column("__asked").sum()), int(rows.get_column("__kept").sum())
        if kept > r.quantum:
            r.relax(rule, asked - r.quantum, asked - kept, "the whole rule", 1.0, None)
            rows = rows.with_columns(pl.col("__kept").alias("__asked"))
            continue
        return _relax_in_part(r, rows, rule, asked)
    asked = int(rows.get_column("__asked").sum())
    raise InfeasibleError(
        f"{r.stream} {r.year}: lower bounds cost {pounds_text(asked)} pounds against a quantum of {pounds_text(r.quantum)}: "
        f"short by {pounds_text(asked - r.quantum)} pounds"
        + (f" after relaxing {', '.join(r.rules.relaxation)}" if r.rules.relaxation else "")
        + ". Raise the quantum, or let another rule give way in the policy's relaxation order",
        [
            Fault(
                f"{r.stream} {r.year}: {rule}",
                f"a cost of {pounds_text(cost)} pounds above the rules that remain",
                "less",
            )
            for rule, cost in _cost_of_rules(rows, standing)
            if cost
        ],
    )


def _cost_of_rules(rows: pl.DataFrame, standing: list[str]) -> list[tuple[str, int]]:
    whole = int(rows.get_column("__asked").sum())
    return [
        (rule, whole - int(rows.select(lower_of([s for s in standing if s != rule]).sum()).item())) for rule in standing
    ]


def _relax_in_part(r: RoundState, rows: pl.DataFrame, rule: str, asked: int) -> pl.DataFrame:
    """The least relaxation of `rule` that makes the lower bounds cost the quantum exactly."""
    shortfall = asked - r.quantum
    if rule == "max_under":
        rows, level = _between(rows, r.quantum, "target_pence", "__kept", "__asked", "allocation_pence")
        r.level = level
        wanted = -float(rate(r.rules.max_under)) if r.rules.max_under else -1.0
        reached = float(level - 1) if level is not None else _worst_distance(rows, "allocation_pence", "target_pence")
        r.relax(rule, shortfall, shortfall, "closing distance from target of the areas it held", wanted, reached)
    elif rule == "place_max_under":
        kept, most = pl.col("__kept") + pl.col("__others"), pl.col("__asked") + pl.col("__others")
        rows = rows.with_columns(kept.alias("__place_kept"), most.alias("__place_asked"))
        total = r.quantum + int(rows.get_column("__others").sum())
        rows, level = _between(rows, total, "__place_target", "__place_kept", "__place_asked", "__place")
        wanted = -float(r.place_max_under) if r.place_max_under is not None else -1.0
        reached = float(level - 1) if level is not None else _worst_distance(rows, "__place", "__place_target")
        r.relax(rule, shortfall, shortfall, "closing distance from place target of the areas it held", wanted, reached)
        rows = rows.with_columns((pl.col("__place") - pl.col("__others")).alias("allocation_pence"))
    elif rule == "bands":
        rows = rows.with_columns((pl.col("__asked") - pl.col("__kept")).alias("__added"))
        left, added = r.quantum - int(rows.get_column("__kept").sum()), int(rows.get_column("__added").sum())
        r.relax(rule, shortfall, shortfall, "part kept of what bands add above the other bounds", 1.0, left / added)
        rows = with_share(rows, left, "__added", "__kept")
    else:
        # a capped area has a floor as well, never below its cap (the policy sees to that); its lower bound holds it to the cap
        rows, level = _between(rows, r.quantum, "__floor_without_bands", "__kept", "__asked", "allocation_pence")
        r.relax(rule, shortfall, shortfall, "part kept of each floor", 1.0, float(level) if level is not None else None)
    gave = pl.col("allocation_pence") < pl.col("__lower")
    return rows.with_columns(pl.when(gave).then(pl.lit(f"relaxed_{rule}")).alias("__relaxed"))


def _between(
    rows: pl.DataFrame, total: int, weight: str, lower: str, upper: str, into: str
) -> tuple[pl.DataFrame, Fraction | None]:
    filled = water_fill(rows, total=total, weight=weight, lower=lower, upper=upper, order_by=["area_code"], into=into)
    return filled.frame, filled.level


def _worst_distance(rows: pl.DataFrame, amount: str, fair: str) -> float:
    """The furthest closing distance under target among areas whose bound gave way."""
    bound = rows.filter((pl.col("__asked") > pl.col("__kept")) & (pl.col(fair) > 0))
    return float(bound.select((pl.col(amount) / pl.col(fair) - 1).min()).item())


def relax_limits(r: RoundState) -> pl.DataFrame:
    """The rows with upper bounds that hold the quantum."""
    rows, standing = r.rows, list(LIMITS)
    most = most_money(rows)
    for rule in r.rules.surplus_relaxation:
        if most is None or most >= r.quantum:
            break
        standing.remove(rule)
        rows = rows.with_columns(upper_of(standing).alias("__upper"))
        before, most = most, most_money(rows)
        met = r.quantum - before if most is None else min(most, r.quantum) - before
        r.relax(rule, r.quantum - before, met, "the whole limit", 1.0, None)
    if most is not None and most < r.quantum:
        raise InfeasibleError(
            f"{r.stream} {r.year}: upper bounds hold {pounds_text(most)} pounds against a quantum of {pounds_text(r.quantum)}: "
            f"{pounds_text(r.quantum - most)} pounds cannot be placed. Raise max_growth, or let a limit give way in the policy's "
            "surplus_relaxation order"
        )
    return rows


def most_money(rows: pl.DataFrame) -> int | None:
    """The most money the rows can take; None where one of them has no limit."""
    return largest_placeable(rows, weight="target_pence", lower="__lower", upper="__upper")
