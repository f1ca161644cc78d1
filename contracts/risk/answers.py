"""Answers: what draws say of every party, option and year, as frames, each estimate with its standard error.

A party misses its control total where its position is below it: the one that the plan sets it, such as the surplus a commissioner
must keep, or not to end in deficit where the plan sets none. Its size is its allocation (a commissioner's) or its income (a
provider's) at plan, by which shares are measured.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from capitation.chance.estimates import Estimate, Estimates
from capitation.errors import ScenarioError
from capitation.records.columns import CONTRACT, OPTION, ORGANISATION, YEAR
from capitation.records.frames import Column, Frame, Schema
from contracts.risk.parties import PARTY_ROLES, PartySimulation

ROLE = Column(pl.String, "role", "Commissioner or provider", key=True, one_of=PARTY_ROLES)

OVER = (1, 2, 5)
"""Deficits, in percent of a party's size, whose chance is given."""

QUANTILES = (5, 10, 25, 50, 75, 90, 95)
"""Percentiles that are given."""


def _pence(about: str, **rules: float) -> Column:
    return Column(pl.Int64, "pence", about, **rules)  # type: ignore[arg-type]  # bounds


def _error(about: str) -> Column:
    return Column(pl.Int64, "pence", f"Standard error of {about}", ge=0)


def _chance(about: str) -> Column:
    return Column(pl.Float64, "chance", about, ge=0, le=1)


def _chance_error(about: str) -> Column:
    return Column(pl.Float64, "share", f"Standard error of {about}", ge=0)


class PartyChance(Schema):
    """How a party's position of a year may turn out under an option; positions below nil are deficits."""

    option = OPTION
    year = YEAR
    role = ROLE
    organisation_code = ORGANISATION
    size_pence = _pence("Allocation or income at plan")
    control_total_pence = _pence("Position that it must reach; nil where the plan sets it none")
    plan_position_pence = _pence("Position where all is as planned")
    mean_pence = _pence("Mean position")
    mean_error_pence = _error("the mean")
    sd_pence = _pence("Standard deviation of the position", ge=0)
    sd_error_pence = _error("the standard deviation")
    p5_pence = _pence("Position not reached in 5 years of 100: the value at risk, a 1-in-20 loss")
    p5_error_pence = _error("p5")
    p10_pence = _pence("Position not reached in 10 years of 100")
    p10_error_pence = _error("p10")
    p25_pence = _pence("Position not reached in 25 years of 100")
    p25_error_pence = _error("p25")
    p50_pence = _pence("Position reached in every other year")
    p50_error_pence = _error("p50")
    p75_pence = _pence("Position not reached in 75 years of 100")
    p75_error_pence = _error("p75")
    p90_pence = _pence("Position not reached in 90 years of 100")
    p90_error_pence = _error("p90")
    p95_pence = _pence("Position not reached in 95 years of 100")
    p95_error_pence = _error("p95")
    worst_5_pence = _pence("Mean position of the worst 5 years of 100: the conditional value at risk")
    worst_5_error_pence = _error("the mean of the worst 5 in 100")
    miss = _chance("Chance of a position below the control total")
    miss_error = _chance_error("that chance")
    deficit = _chance("Chance of a deficit")
    deficit_error = _chance_error("the chance of a deficit")
    over_1 = _chance("Chance of a deficit above 1% of allocation or income at plan")
    over_1_error = _chance_error("the chance of more than 1%")
    over_2 = _chance("Chance of a deficit above 2% of allocation or income at plan")
    over_2_error = _chance_error("the chance of more than 2%")
    over_5 = _chance("Chance of a deficit above 5% of allocation or income at plan")
    over_5_error = _chance_error("the chance of more than 5%")
    shortfall_pence = _pence("Expected shortfall: mean deficit over all years, those without one counted as nil", ge=0)
    shortfall_error_pence = _error("the expected shortfall")
    reserve_pence = Column(
        pl.Int64, "pence", "Largest deficit it can bear; empty where none is declared", nullable=True
    )
    bears_1_in_20 = Column(pl.Boolean, "flag", "Whether a 1-in-20 loss stays within that", nullable=True)


class CarriedChance(Schema):
    """A party's position carried forward from year to year: deficits and surpluses since the first year of the new contracts."""

    option = OPTION
    year = YEAR.but(about="To the end of which year")
    role = ROLE
    organisation_code = ORGANISATION
    mean_pence = _pence("Mean of the position carried forward")
    mean_error_pence = _error("the mean")
    p5_pence = _pence("Not reached in 5 of 100")
    p5_error_pence = _error("p5")
    p50_pence = _pence("Reached in every other")
    p95_pence = _pence("Not reached in 95 of 100")
    p95_error_pence = _error("p95")
    miss = _chance("Chance that the years together end in a deficit")
    miss_error = _chance_error("that chance")


class CapChance(Schema):
    """How often a limiting clause binds under an option, and what it is worth."""

    option = OPTION
    contract = CONTRACT
    step = Column(pl.String, "name", "Clause", key=True)
    year = YEAR
    term = Column(pl.String, "name", "Kind of clause")
    binds = _chance("Chance that it cuts an amount")
    binds_error = _chance_error("that chance")
    worth_pence = _pence("Mean of what it cuts in a year, whichever way", ge=0)
    worth_error_pence = _error("the mean")


class PartyPool(Schema):
    """The pool that covers the deficits of all parties of a role in a year."""

    option = OPTION
    year = YEAR
    role = ROLE
    basis = Column(
        pl.String,
        "basis",
        "gross: deficits are paid and surpluses kept; net: the surpluses of others pay first",
        key=True,
        one_of=("gross", "net"),
    )
    mean_pence = _pence("Mean drawn from the pool in a year", ge=0)
    mean_error_pence = _error("the mean")
    cover = _chance("Share of years the pool covers")
    pool_pence = _pence("Pool that covers so many years", ge=0)
    pool_error_pence = _error("the pool")


def party_chances(found: PartySimulation) -> Frame[PartyChance]:
    """A row an option, year and party: mean, spread, percentiles, tail, chances of deficits, and the 1-in-20 loss."""
    estimates, model = Estimates(found), found.model
    bears: dict[str, float] = {t.role: float(t.value) for t in model.document.tolerances}
    rows = []
    for k, y, j, head in _each(found):
        values, size = found.positions[k, y, j], float(model.sizes[k, y, j])
        total = 0.0 if model.totals is None else float(model.totals[y, j])
        row = {**head, "size_pence": round(size), "control_total_pence": round(total)}
        row["plan_position_pence"] = round(float(model.at_plan[k, y, j]))
        row |= _money("mean", estimates.mean(values)) | _money("sd", estimates.sd(values))
        for percent in QUANTILES:
            row |= _money(f"p{percent}", estimates.quantile(values, percent / 100))
        tail = estimates.tail_mean(-values, 0.95)
        row |= _money("worst_5", Estimate(-tail.value, tail.error))
        for name, hit in (
            ("miss", values < total - 0.5),
            ("deficit", values < -0.5),
            *((f"over_{p}", values < -size * p / 100 - 0.5) for p in OVER),
        ):
            row |= _share(name, estimates.chance(hit))
        row |= _money("shortfall", estimates.mean(np.maximum(-values, 0.0)))
        reserve = None if head["role"] not in bears else round(size * bears[str(head["role"])])
        row |= {"reserve_pence": reserve}
        row["bears_1_in_20"] = None if reserve is None else int(row["p5_pence"]) >= -reserve  # type: ignore[call-overload]
        rows.append(row)
    return PartyChance.validate(pl.DataFrame(rows, schema=PartyChance.dtypes()))


def carried_chances(found: PartySimulation) -> Frame[CarriedChance]:
    """A row an option, year and party from the first year of the new contracts: positions carried forward."""
    estimates, model = Estimates(found), found.model
    first = next((y for y, year in enumerate(model.years) if year >= model.document.first_year), 0)
    carried = np.cumsum(found.positions[:, first:], axis=1)
    rows = []
    for k, y, j, head in _each(found):
        if y < first:
            continue
        values = carried[k, y - first, j]
        middle = estimates.quantile(values, 0.5)
        row = head | _money("mean", estimates.mean(values)) | _money("p5", estimates.quantile(values, 0.05))
        row |= {"p50_pence": round(middle.value)} | _money("p95", estimates.quantile(values, 0.95))
        rows.append(row | _share("miss", estimates.chance(values < -0.5)))
    return CarriedChance.validate(pl.DataFrame(rows, schema=CarriedChance.dtypes()))


def cap_chances(found: PartySimulation) -> Frame[CapChance]:
    """How often each limiting clause of each option's contracts binds for any of its providers, and what it is worth."""
    estimates, model = Estimates(found), found.model
    rows = []
    for k, option in enumerate(model.options):
        sums: dict[tuple[str, str, str, str], np.ndarray] = {}
        for cut in found.cuts:
            if cut.deal in model.of_option[k] and cut.answer == model.seen_by(k, cut.deal):
                for year, amounts in cut.by_year.items():
                    key = (cut.contract, cut.step, year, cut.term)
                    sums[key] = sums.get(key, 0.0) + amounts
        for contract, step, year, term in sorted(sums):
            values = sums[contract, step, year, term]
            row: dict[str, object] = {
                "option": option, "contract": contract, "step": step, "year": year, "term": term,
            }  # fmt: skip
            rows.append(row | _share("binds", estimates.chance(values > 0)) | _money("worth", estimates.mean(values)))
    return CapChance.validate(pl.DataFrame(rows, schema=CapChance.dtypes()))


def party_pools(found: PartySimulation, cover: float = 0.95) -> Frame[PartyPool]:
    """The pools of each option, year and role that cover deficits in so many years, gross and net of surpluses.

    Raises:
        ScenarioError: the cover is not between 0 and 1.
    """
    if not 0 < cover < 1:
        message = f"cover: found {cover}; expected a share of years between 0 and 1, such as 0.95"
        raise ScenarioError(message)
    estimates, model = Estimates(found), found.model
    rows = []
    for k, option in enumerate(model.options):
        for y, year in enumerate(model.years):
            for role in PARTY_ROLES:
                mine = found.positions[k, y][[j for j, (r, _) in enumerate(model.parties) if r == role]]
                gross, net = np.maximum(-mine, 0.0).sum(axis=0), np.maximum(-mine.sum(axis=0), 0.0)
                for basis, drawn in (("gross", gross), ("net", net)):
                    row: dict[str, object] = {"option": option, "year": str(year), "role": role, "basis": basis}
                    row |= _money("mean", estimates.mean(drawn)) | {"cover": cover}
                    rows.append(row | _money("pool", estimates.quantile(drawn, cover)))
    return PartyPool.validate(pl.DataFrame(rows, schema=PartyPool.dtypes()))


def _each(found: PartySimulation) -> list[tuple[int, int, int, dict[str, object]]]:
    model = found.model
    return [
        (k, y, j, {"option": option, "year": str(year), "role": role, "organisation_code": code})
        for k, option in enumerate(model.options)
        for y, year in enumerate(model.years)
        for j, (role, code) in enumerate(model.parties)
    ]


def _money(name: str, found: Estimate) -> dict[str, object]:
    return {f"{name}_pence": round(found.value), f"{name}_error_pence": round(found.error)}


def _share(name: str, found: Estimate) -> dict[str, object]:
    return {name: float(f"{found.value:.9e}"), f"{name}_error": float(f"{found.error:.9e}")}


__all__ = [
    "CapChance",
    "CarriedChance",
    "PartyChance",
    "PartyPool",
    "cap_chances",
    "carried_chances",
    "party_chances",
    "party_pools",
]
