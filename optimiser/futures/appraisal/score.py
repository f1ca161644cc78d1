"""The score of a mix on draws: what it avoids by the exact product of effects, and everyone's cash.

What stays the same from draw to draw is worked out once (`Model`); a draw is then a few sums of arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from optimiser.answers.exact import effective_scales
from optimiser.blocks.effects import overlap_cells
from optimiser.blocks.flows import activity_before, provider_flows
from optimiser.blocks.income import prices, terms_of
from optimiser.blocks.start import reach, starts
from optimiser.engines.answer import Answer
from optimiser.futures.appraisal.delivery import Delivered, as_planned
from optimiser.futures.appraisal.draws import between_percentiles, triangular
from optimiser.problem.document import Problem
from optimiser.programme.core import COMMISSIONER, SYSTEM
from optimiser.programme.family import Floats
from optimiser.programme.tables import THOUSAND, ProblemTables

Ints = npt.NDArray[np.intp]


class Sum:
    """Weighted sums of columns into groups, with a fixed order of adding up."""

    def __init__(self, source: Sequence[int], weight: Sequence[float], target: Sequence[int], size: int) -> None:
        order = np.argsort(np.asarray(target, dtype=np.intp), kind="stable")
        self.source: Ints = np.asarray(source, dtype=np.intp)[order]
        self.weight: Floats = np.asarray(weight, dtype=np.float64)[order]
        self.targets, self.first = np.unique(np.asarray(target, dtype=np.intp)[order], return_index=True)
        self.size = size

    def __call__(self, values: Floats) -> Floats:
        """Sums for each row of `values`."""
        out = np.zeros((len(values), self.size))
        if len(self.targets):
            out[:, self.targets] = np.add.reduceat(values[:, self.source] * self.weight, self.first, axis=1)
        return out


class Model:
    """Everything about a mix that stays the same from draw to draw, and the score of a draw."""

    def __init__(self, problem: Problem, answer: Answer, tables: ProblemTables) -> None:
        self.problem, self.answer, self.tables = problem, answer, tables
        self.ids = [s.id for s in problem.solutions]
        self.horizon = tables.horizon
        self.discount: Floats = tables.years["discount"].to_numpy()
        self.effective = effective_scales(answer)

    @cached_property
    def acting(self) -> pl.DataFrame:
        """One row for each solution at work on a cell: its cell, its eligible effects, its effective scale; cells in order."""
        rows = [
            (s.id, i, e.point_of_delivery, e.cell, *(float(e.at(level)) for level in ("low", "central", "high")))
            for i, s in enumerate(self.problem.solutions)
            for e in s.effects
        ]
        schema = {"solution": pl.String, "s": pl.Int64, "point_of_delivery": pl.String, "cell": pl.String}
        effects = pl.DataFrame(
            rows, schema=schema | dict.fromkeys(("low", "central", "high"), pl.Float64), orient="row"
        )
        cell = ["locality", "point_of_delivery", "t", "cell"]
        factor = {s.id: self.tables.factor(s.id) for s in self.problem.solutions}
        return (
            effects.join(overlap_cells(self.tables), on=["point_of_delivery", "cell"])
            .join(reach(self.tables), on="solution")
            .join(activity_before(self.tables), on=["locality", "point_of_delivery"])
            .join(self.tables.dates, on="t")
            .join(self.effective.filter(pl.col("effective") > 0), on=["solution", "place", "year"])
            .with_columns(
                (pl.col("units") * pl.col("cell_share")).alias("eligible"),
                pl.col("solution").replace_strict(factor, return_dtype=pl.Float64).alias("factor"),
            )
            .sort(*cell, "solution")
            .with_columns(pl.struct(cell).rle_id().cast(pl.Int64).alias("c"))
        )

    @cached_property
    def places(self) -> pl.DataFrame:
        """locality, point_of_delivery, t, and i: where something is avoided."""
        return self.acting.select("locality", "point_of_delivery", "t").unique(maintain_order=True).with_row_index("i")

    @cached_property
    def first_of_cell(self) -> Ints:
        """Row of `acting` in which each cell begins."""
        return np.unique(self.acting["c"].to_numpy(), return_index=True)[1]

    @cached_property
    def cells_to_places(self) -> Sum:
        """Avoided in cells to avoided in places."""
        cells = self.acting.unique("c", keep="first", maintain_order=True).join(
            self.places, on=["locality", "point_of_delivery", "t"], maintain_order="left"
        )
        return Sum(range(cells.height), cells["eligible"].to_list(), cells["i"].to_list(), self.places.height)

    @cached_property
    def gone(self) -> pl.DataFrame:
        """provider, point_of_delivery, t, tariff, marginal, variable (thousand pounds a unit), and j: what is donated."""
        return (
            self.flowing.select("provider", "point_of_delivery", "t")
            .unique()
            .join(prices(self.tables), on=["provider", "point_of_delivery", "t"], how="left")
            .with_columns(pl.col("tariff", "marginal", "variable").fill_null(0.0))
            .sort("provider", "point_of_delivery", "t")
            .with_row_index("j")
        )

    @cached_property
    def flowing(self) -> pl.DataFrame:
        """Places with the providers that see them."""
        return self.places.join(provider_flows(self.tables), on=["locality", "point_of_delivery"])

    @cached_property
    def places_to_providers(self) -> Sum:
        """Avoided in places to donated at providers."""
        rows = self.flowing.join(self.gone, on=["provider", "point_of_delivery", "t"])
        return Sum(rows["i"].to_list(), rows["flow"].to_list(), rows["j"].to_list(), self.gone.height)

    @cached_property
    def providers(self) -> list[str]:
        """Providers at which something is donated, or that keep a saving."""
        return list(self.tables.providers)

    def _by_provider(self, weight: str, under: int | None = None, *, every: bool = False) -> Sum:
        """By provider and year: what stands under the terms of that number (None: under no terms), or everything."""
        kept = []
        for row, terms in zip(self.gone.iter_rows(named=True), terms_of(self.tables, self.gone), strict=True):
            if every or terms == under:
                kept.append((row["j"], row[weight], self.providers.index(row["provider"]) * self.horizon + row["t"]))
        source, weights, target = zip(*kept, strict=True) if kept else ((), (), ())
        return Sum(source, weights, target, len(self.providers) * self.horizon)

    @cached_property
    def sums(self) -> dict[str, Sum]:
        """Donated units to thousand pounds by provider and year: outside payment terms, at tariff, variable cost."""
        return {
            "marginal": self._by_provider("marginal"),
            "tariff": self._by_provider("tariff", every=True),
            "variable": self._by_provider("variable", every=True),
        }

    @cached_property
    def under_terms(self) -> list[Sum]:
        """Donated units to thousand pounds of tariff value under each payment terms."""
        return [self._by_provider("tariff", number) for number in range(len(self.problem.payment_terms))]

    def income_lost(self, donated: Floats) -> Floats:
        """Thousand pounds by draw and provider-year: marginal prices, and the pieces of contracts in order."""
        lost = self.sums["marginal"](donated)
        for term, inside in zip(self.problem.payment_terms, self.under_terms, strict=True):
            at = self.providers.index(term.provider) * self.horizon
            block = inside(donated)[:, at : at + self.horizon]
            starts = [float(q.from_pounds) / THOUSAND for q in term.pieces]
            for start, end, q in zip(starts, [*starts[1:], np.inf], term.pieces, strict=True):
                lost[:, at : at + self.horizon] += float(q.slope) * np.clip(block - start, 0.0, end - start)
        return lost

    @cached_property
    def planned_blocks(self) -> list[tuple[int, list[tuple[int, int]], int, list[tuple[float, float, Floats]]]]:
        """Provider, (year, row of `gone`), lag, and size, saving and planned closings by year of its blocks."""
        if not self.problem.blocks:
            return []
        closed = self.answer.column("block_released")
        groups: dict[tuple[str, str, int], list[tuple[float, float, Floats]]] = {}
        for b in self.problem.blocks:
            mine = closed.filter((pl.col("provider") == b.provider) & (pl.col("block") == b.id)).sort("year")
            key = (b.provider, b.point_of_delivery, b.lag_years)
            groups.setdefault(key, []).append(
                (float(b.units), float(b.saving_pounds) / THOUSAND, mine["value"].to_numpy())
            )
        out = []
        for (provider, pod, lag), blocks in groups.items():
            found = self.gone.filter((pl.col("provider") == provider) & (pl.col("point_of_delivery") == pod))
            out.append((self.providers.index(provider), list(found.select("t", "j").iter_rows()), lag, blocks))
        return out

    def released(self, donated: Floats) -> Floats:
        """Thousand pounds by draw and provider-year of planned blocks, closed as far as activity has gone and stays gone."""
        out = np.zeros((len(donated), len(self.providers) * self.horizon))
        for h, where, lag, blocks in self.planned_blocks:
            gone = np.zeros((len(donated), self.horizon))
            for t, j in where:
                if t + lag < self.horizon:
                    gone[:, t + lag] = donated[:, j]
            wanted = sum(size * planned for size, _, planned in blocks)
            part = np.minimum(1.0, gone / np.where(wanted > 0, wanted, 1.0))
            for _, saving, planned in blocks:
                can = part * planned
                if self.problem.whole_blocks:
                    can = np.floor(can + 1e-6)
                stays = np.minimum.accumulate(can[:, ::-1], axis=1)[:, ::-1]
                out[:, h * self.horizon : (h + 1) * self.horizon] += saving * stays
        return out

    @cached_property
    def contact_cost(self) -> tuple[Sum, Floats]:
        """Credit of acting rows to thousand pounds of contacts by year; and by year what the plan counted for contacts less those that solutions create."""
        rows = []
        cost = dict(self.tables.contact_costs.iter_rows())
        rates: dict[tuple[str, str], float] = {}
        for s in self.problem.solutions:
            for r in s.receiving:
                key = (s.id, r.avoided_at)
                rates[key] = rates.get(key, 0.0) + float(r.contacts_per_unit) * cost.get(r.received_at, 0.0)
        for n, row in enumerate(self.acting.iter_rows(named=True)):
            rate = rates.get((row["solution"], row["point_of_delivery"]), 0.0)
            if rate:
                rows.append((n, rate * row["eligible"], row["t"]))
        source, weight, target = zip(*rows, strict=True) if rows else ((), (), ())
        planned = np.zeros(self.horizon)
        if _has(self.answer, "received"):
            index = {str(y): t for t, y in enumerate(self.problem.years)}
            for pod, year, value in (
                self.answer.column("received").select("point_of_delivery", "year", "value").iter_rows()
            ):
                planned[index[year]] += cost.get(pod, 0.0) * value
            planned -= self._created(cost)
        return Sum(source, weight, target, self.horizon), planned

    def _created(self, cost: Mapping[str, float]) -> Floats:
        out = np.zeros(self.horizon)
        each = {
            s.id: sum(float(c.contacts) * cost.get(c.point_of_delivery, 0.0) for c in s.creates)
            for s in self.problem.solutions
        }
        for solution, t, scale in self.system_scale.iter_rows():
            out[t] += each[solution] * scale
        return out

    @cached_property
    def system_scale(self) -> pl.DataFrame:
        """solution, t, scale: effective scale, places weighing as their part of system amounts."""
        weights = starts(self.tables).select("solution", "place", "weight")
        return (
            self.effective.join(weights, on=["solution", "place"])
            .join(self.tables.dates, on="year")
            .sort("solution", "t", "place")
            .group_by("solution", "t", maintain_order=True)
            .agg((pl.col("effective") * pl.col("weight")).sum().alias("scale"))
        )

    @cached_property
    def planned_spend(self) -> tuple[Floats, Floats]:
        """Thousand pounds by year: revenue spend, capital spend, as planned."""
        index = {str(y): t for t, y in enumerate(self.problem.years)}
        revenue, capital = np.zeros(self.horizon), np.zeros(self.horizon)
        for kind, year, value in self.answer.column("spend").select("kind", "year", "value").iter_rows():
            (capital if kind == "capital" else revenue)[index[year]] += value
        return revenue, capital

    @cached_property
    def support(self) -> Floats:
        """Thousand pounds of transition support by provider-year, as planned."""
        out = np.zeros(len(self.providers) * self.horizon)
        if _has(self.answer, "support"):
            index = {str(y): t for t, y in enumerate(self.problem.years)}
            for provider, year, value in self.answer.column("support").select("provider", "year", "value").iter_rows():
                out[self.providers.index(provider) * self.horizon + index[year]] += value
        return out

    @cached_property
    def after(self) -> float:
        """Thousand pounds after the last year, as planned: what remains of value less what is still owed, discounted."""
        return self.answer.measure("value_after") / THOUSAND if "value_after" in self.answer.matrix.measures else 0.0

    def drawn(self, even: Floats, low: Floats, central: Floats, high: Floats, most: float) -> Floats:
        """Values at even numbers, by what the problem says that low and high are."""
        if self.problem.effect_ends == "limits":
            return triangular(even, low, central, high)
        return between_percentiles(even, low, central, high, most)

    def drawn_savings(self, even: Floats) -> list[Floats]:
        """Thousand pounds a year at full scale of each saving of each solution, by draw, in the order of the document."""
        found = []
        for i, s in enumerate(self.problem.solutions):
            factor = self.tables.factor(s.id)
            for v in s.savings:
                low, central, high = (
                    np.asarray(np.float64(v.at(level)) * factor / THOUSAND) for level in ("low", "central", "high")
                )
                found.append(self.drawn(even[:, i], low, central, high, np.inf))
        return found

    def planned_savings(self) -> list[float]:
        """The same as planned with."""
        return [
            float(v.at(self.tables.level)) * self.tables.factor(s.id) / THOUSAND
            for s in self.problem.solutions
            for v in s.savings
        ]

    def savings(self, each: Sequence[Floats], delivered: Delivered) -> dict[str, Floats]:
        """Thousand pounds of direct savings by draw and year, by the organisation that keeps them."""
        out: dict[str, Floats] = {}
        scale = {(s, t): v for s, t, v in self.system_scale.iter_rows()}
        drawn = iter(each)
        for i, s in enumerate(self.problem.solutions):
            if not s.savings:
                continue
            by_year = np.array([0.0, *(scale.get((s.id, t), 0.0) for t in range(self.horizon))])
            # a year that lies before the first has nothing in place
            year = np.maximum(np.arange(1, self.horizon + 1) - delivered.late[:, [i]], 0)
            reached = by_year[year] * delivered.comes[:, [i]]
            for v in s.savings:
                keeps = out.setdefault(v.falls_to or COMMISSIONER, np.zeros(reached.shape))
                keeps += next(drawn)[:, None] * reached
        return out

    def drawn_effects(self, even: Floats) -> Floats:
        """The effect at full scale of each acting row, by draw."""
        acting = self.acting
        low, central, high = (acting[name].to_numpy() for name in ("low", "central", "high"))
        return self.drawn(even[:, acting["s"].to_numpy()], low, central, high, 1.0)

    def planned_effects(self) -> Floats:
        """The same as planned with."""
        planned: Floats = self.acting[self.tables.level].to_numpy()
        return planned

    @cached_property
    def years_before(self) -> Ints:
        """By years late (0, 1 ...) and acting row: the row of `acting` of the same cell and solution so many years earlier; -1 for none."""
        key = ["solution", "place", "locality", "point_of_delivery", "cell"]
        rows = self.acting.select(*key, "t").with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
        found = []
        for late in range(self.horizon + 1):
            before = rows.select(*key, (pl.col("t") + late).cast(pl.Int32).alias("t"), pl.col("row").alias("before"))
            met = rows.join(before, on=[*key, "t"], how="left", maintain_order="left")
            found.append(met["before"].fill_null(-1).to_numpy())
        return np.stack(found).astype(np.intp)

    def scale(self, delivered: Delivered) -> Floats:
        """Effective scale of each acting row by draw: what was in place as many years earlier as the solution is late."""
        own = np.append(self.acting["effective"].to_numpy(), 0.0)
        s, row = self.acting["s"].to_numpy(), np.arange(self.acting.height)
        late = np.minimum(delivered.late[:, s], self.horizon)
        reached: Floats = own[self.years_before[late, row]] * delivered.comes[:, s]
        return reached

    @cached_property
    def own_costs(self) -> tuple[Floats, Floats]:
        """Thousand pounds by solution and year that solutions spend on themselves: revenue, capital."""
        found = np.zeros((2, len(self.ids), self.horizon))
        matrix, values = self.answer.matrix, self.answer.values
        rows = {family.name: family for family in matrix.rows}
        if "spend_sum" not in rows or values is None:
            return found[0], found[1]
        family = rows["spend_sum"]
        index = {str(y): t for t, y in enumerate(self.problem.years)}
        owner = np.full(matrix.column_count, -1)
        for columns in matrix.columns:
            if columns.name in ("start", "launch", "in_place"):
                owner[columns.first : columns.last] = [self.ids.index(name) for name in columns.index["solution"]]
        for n, (kind, year) in enumerate(family.index.select("kind", "year").iter_rows()):
            place = slice(matrix.start[family.first + n], matrix.start[family.first + n + 1])
            cols, each = matrix.index[place], matrix.value[place]
            mine = owner[cols] >= 0
            spent = -each[mine] * values[cols[mine]]
            np.add.at(found[int(kind == "capital")][:, index[year]], owner[cols[mine]], spent)
        return found[0], found[1]

    def score(self, even: Floats, delivered: Delivered | None = None) -> dict[str, Floats]:
        """Results of each draw: money in thousand pounds by year and organisation, units by locality."""
        return self.score_at(self.drawn_effects(even), self.drawn_savings(even), delivered)

    def score_at(
        self, effects: Floats, saved_each: Sequence[Floats], delivered: Delivered | None = None
    ) -> dict[str, Floats]:
        """Results where effects at full scale (by draw and acting row) and savings (each by draw) are those given."""
        count = len(effects)
        delivered = delivered or as_planned(self.problem, count)
        effect, avoided = self._avoided(effects, delivered)
        donated = self.places_to_providers(avoided)
        lost, variable = self.income_lost(donated), self.sums["variable"](donated)
        released = self.released(donated)
        to_cost, planned_contacts = self.contact_cost
        contacts = to_cost(self._credit(effect)) - planned_contacts
        revenue, capital = self.planned_spend
        own, built = self.own_costs
        spend = contacts + revenue + (delivered.cost - 1) @ own
        capital = capital + (delivered.cost - 1) @ built
        saved = self.savings(saved_each, delivered)
        n, t = len(self.providers), self.horizon

        def yearly(values: Floats) -> Floats:
            summed: Floats = values.reshape(len(values), n, t).sum(axis=1)
            return summed

        support = self.support.reshape(n, t)
        none = np.zeros((count, t))
        cash = {
            COMMISSIONER: yearly(lost) + saved.get(COMMISSIONER, none) - spend - support.sum(axis=0),
            SYSTEM: yearly(variable) + yearly(released) + sum(saved.values(), none) - spend,
        }
        stranded = lost - variable - released
        out = {f"cash:{name}": value for name, value in cash.items()}
        for h, name in enumerate(self.providers):
            block = slice(h * t, (h + 1) * t)
            out[f"cash:{name}"] = saved.get(name, none) - stranded[:, block] + self.support[block]
            out[f"stranded:{name}"] = stranded[:, block] - self.support[block]
            out[f"npv:{name}"] = out[f"cash:{name}"] @ self.discount
        for name in (COMMISSIONER, SYSTEM):
            out[f"{name}_npv"] = out[f"npv:{name}"] = (cash[name] - capital) @ self.discount + self.after
        out["npv"] = out[f"{self.problem.perspective}_npv"]
        out["avoided_at_contract"] = lost.sum(axis=1)
        out["avoided_at_tariff"] = self.sums["tariff"](donated).sum(axis=1)
        out["avoided"] = avoided.sum(axis=1)
        out["by_place"] = self.last_year[1](avoided)
        return out

    def donated(self, effects: Floats) -> Floats:
        """Units that leave each provider (rows of `gone`) by draw, delivered as planned."""
        return self.places_to_providers(self._avoided(effects, as_planned(self.problem, len(effects)))[1])

    def _avoided(self, effects: Floats, delivered: Delivered) -> tuple[Floats, Floats]:
        """The effect of each acting row at its scale, and what is avoided in each place, by draw."""
        drawn = effects * self.acting["factor"].to_numpy()
        effect = np.clip(np.minimum(drawn, 1.0) * self.scale(delivered), 0.0, 1.0)
        if not self.acting.height:
            return effect, np.zeros((len(effects), 0))
        left = np.multiply.reduceat(1 - effect, self.first_of_cell, axis=1)
        return effect, self.cells_to_places(1 - left)

    def _credit(self, effect: Floats) -> Floats:
        """Shapley part of each acting row, as a share of its cell's eligible activity.

        The value of a set is 1 - product of (1 - effect), so a part is the integral over x from 0 to 1 of
        effect_s x product over the others of (1 - x effect): a polynomial, which Gauss's points integrate exactly.
        """
        if not self.acting.height:
            return effect
        cell = self.acting["c"].to_numpy()
        most = int(np.bincount(cell).max())
        points, weights = np.polynomial.legendre.leggauss(max(1, (most + 1) // 2))
        credit = np.zeros_like(effect)
        for x, w in zip((points + 1) / 2, weights / 2, strict=True):
            left = 1 - x * effect
            whole = np.multiply.reduceat(left, self.first_of_cell, axis=1)[:, cell]
            credit += w * effect * whole / left
        return credit

    @cached_property
    def last_year(self) -> tuple[list[str], Sum]:
        """Points of delivery, and avoided in places to avoided at each of them in the last year."""
        pods = self.places["point_of_delivery"].unique().sort().to_list()
        last = self.places.filter(pl.col("t") == self.horizon - 1)
        target = [pods.index(pod) for pod in last["point_of_delivery"]]
        return pods, Sum(last["i"].to_list(), [1.0] * last.height, target, len(pods))


def _has(answer: Answer, family: str) -> bool:
    return any(f.name == family for f in answer.matrix.columns)
