"""Commissioners' own allocations: what is published for each is kept to the penny, and a round moves money inside it alone.

    own_c       = published_c where the published amounts add to the stream's total of the year; in other years that total shared like
                  the published amounts of the year, or of the latest year that has them, and the difference is a column of its own
    piece_cl    = own_c over its parts of localities: x_c x target, within the bounds of the round, so that they add to own_c; where it is
                  more than they hold the target ceiling gives way before the limit on growth, and beyond all bounds they share alike
    practice_p  = piece_cl by weighted persons                  locality = sum of its practices, and the opening of the next year

Pooled, commissioners put their money together: practices have paced_p, and who gives what to whom stands beside it and needs consent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import polars as pl

from capitation.errors import Faults, ScenarioError
from capitation.money.apportion import apportion
from capitation.money.water_filling import water_fill
from capitation.money.weights import exact_sums
from capitation.pace.opening import CommissionerShares, printed_pence
from capitation.pace.place_rule import PlacePaceResult
from capitation.pace.policy import PacePolicy, rate
from capitation.pace.round import PacedAllocation
from capitation.pace.target import over
from capitation.pack.sources import DataPack
from capitation.records.columns import ALLOCATION_PENCE, COMMISSIONER, STREAM, YEAR
from capitation.records.documents import Document
from capitation.records.frames import Column, Frame, Schema

GROUP = ["year", "stream"]


class StatutoryRule(Document):
    """Where the allocations of commissioners are published, and whether they put their money together."""

    source: str
    """Id of the source."""
    table: str
    """Table of printed cells with one row a commissioner and one column a year."""
    pooled: bool = False
    """True: commissioners pool the stream, so that pace of change moves money between them; each that gives must consent."""


class CommissionerAllocation(Schema):
    """What one commissioner holds of a stream in a year, and what pooling would move."""

    year = YEAR
    stream = STREAM
    commissioner_code = COMMISSIONER
    published_pence = Column(pl.Int64, "pence", "Published allocation; empty where none is", nullable=True, ge=0)
    difference_pence = Column(
        pl.Int64, "pence", "Its own allocation less the published one, where the plan's total is another", nullable=True
    )
    own_pence = Column(pl.Int64, "pence", "Its own allocation: the published one, or its part of the total", ge=0)
    pooled_pence = Column(pl.Int64, "pence", "What its practices would have if commissioners pooled the stream", ge=0)
    pooling_pence = Column(pl.Int64, "pence", "What pooling brings it; below nothing what it gives, with its consent")
    allocation_pence = ALLOCATION_PENCE.but(about="What its practices have")
    is_pooled = Column(pl.Boolean, "true or false", "Whether the stream is pooled")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """Nothing is lost between commissioners, and nobody who keeps its own has another sum."""
        kept = pl.when("is_pooled").then("pooled_pence").otherwise("own_pence")
        return {
            "pooling = pooled - own": pl.col("pooling_pence") == pl.col("pooled_pence") - pl.col("own_pence"),
            "what pooling brings adds to nothing": pl.col("pooling_pence").sum().over(GROUP) == 0,
            "own where it is not pooled": pl.col("allocation_pence") == kept,
        }


def own_allocations(
    rules: Mapping[str, StatutoryRule], totals: pl.DataFrame, codes: Sequence[str], pack: DataPack
) -> pl.DataFrame:
    """The own allocation of every commissioner: year, stream, commissioner_code, published_pence, own_pence.

    Args:
        rules: by stream.
        totals: year, stream, recurrent_pence.
        codes: commissioners of the practices.
        pack: the data pack with the printed amounts.

    Raises:
        ScenarioError: the table prints no year whole, or prints some commissioners of a year and lacks others.

    Example:
        Published 30 and 10, total 44: 33 and 11, of which 3 and 1 are differences.
    """
    faults, rows = Faults(), []
    for stream, rule in rules.items():
        named = CommissionerShares(source=rule.source, table=rule.table, column="")
        found: dict[str, int] = {}
        for year, total in totals.filter(stream=stream).sort("year").select("year", "recurrent_pence").iter_rows():
            column = named.model_copy(update={"column": year})
            printed = printed_pence(column, list(codes), pack)
            lacking = sorted(set(codes) - set(printed)) if printed else []
            for code in lacking:
                faults.add(
                    f"stream {stream}: source {rule.source}, table {rule.table}, column {year}",
                    f"no amount for {code}", "one for each commissioner, or none at all",
                )  # fmt: skip
            found = found if lacking or not printed else printed
            if not found:
                faults.add(
                    f"stream {stream}: source {rule.source}, table {rule.table}", f"no column {year}, and none before it",
                    "published allocations of the first year, or no [streams.statutory]",
                )  # fmt: skip
                break
            rows += [(year, stream, code, printed.get(code), found.get(code, 0), total) for code in sorted(codes)]
    faults.raise_if_any(ScenarioError, "the allocations of commissioners cannot be kept")
    schema = {
        "year": pl.String, "stream": pl.String, "commissioner_code": pl.String, "published_pence": pl.Int64,
        "weight": pl.Int64, "total": pl.Int64,
    }  # fmt: skip
    shared = apportion(
        pl.DataFrame(rows, schema=schema, orient="row"), total="total", weight="weight", within=GROUP,
        order_by=["commissioner_code"], into="own_pence",
    )  # fmt: skip
    return shared.drop("weight", "total")


@dataclass(frozen=True)
class Statutory:
    """Commissioners with their own allocations, and the practices among which a round is shared.

    Args:
        own: what `own_allocations` gives.
        practices: year, stream, area_code, practice_code, commissioner_code, weighted_persons of the streams it holds for.
        pooled: streams that commissioners pool.
    """

    own: pl.DataFrame
    practices: pl.DataFrame
    pooled: frozenset[str] = frozenset()
    growth: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    """Most growth of an area by year and stream, where the policy limits it."""

    def shared(self, allocations: pl.DataFrame) -> pl.DataFrame:
        """Practices with `paced_pence`, what the round gives, and `allocation_pence`, what they have of their commissioner's own.

        Args:
            allocations: allocations of rounds: year, stream, area_code, target, bounds and paced_pence.
        """
        rows = self.practices.join(
            allocations.select(*GROUP, "area_code", area_pence="paced_pence"), on=[*GROUP, "area_code"], validate="m:1"
        )
        paced = _split(rows, "area_pence", [*GROUP, "area_code"], "practice_code", "paced_pence")
        piece = [*GROUP, "commissioner_code", "area_code"]
        kept = paced.join(self._pieces(paced, allocations).select(*piece, "piece_pence"), on=piece, validate="m:1")
        kept = _split(kept, "piece_pence", piece, "practice_code", "kept_pence")
        pooled = pl.col("stream").is_in(list(self.pooled))
        return kept.with_columns(
            pl.when(pooled).then("paced_pence").otherwise("kept_pence").alias("allocation_pence")
        ).select(*GROUP, "area_code", "practice_code", "commissioner_code", "paced_pence", "allocation_pence")

    def _pieces(self, paced: pl.DataFrame, allocations: pl.DataFrame) -> pl.DataFrame:
        """What each commissioner's part of each locality has of the commissioner's own, as `piece_pence`."""
        piece = [*GROUP, "commissioner_code", "area_code"]
        parts = exact_sums(paced, piece, "weighted_persons").join(
            paced.group_by(piece).agg(pl.col("paced_pence").sum()), on=piece, validate="1:1"
        )
        parts = parts.join(allocations.drop("paced_pence"), on=[*GROUP, "area_code"], validate="m:1")
        bounded = pl.col("upper_pence").is_not_null().alias("bounded")
        parts = parts.with_columns(bounded, pl.col("upper_pence").fill_null(0))
        for name in ("target_pence", "lower_pence", "upper_pence", "opening_pence"):
            parts = _split(parts, name, [*GROUP, "area_code"], "commissioner_code", name)
        # an area without an upper bound has none in its parts either
        parts = parts.with_columns(pl.when("bounded").then("upper_pence").alias("upper_pence")).drop("bounded")
        # where a rule gave way in the round, its bound gives way here as far
        parts = parts.with_columns(
            pl.min_horizontal("lower_pence", "paced_pence").alias("least"),
            pl.when(pl.col("upper_pence").is_not_null())
            .then(pl.max_horizontal("upper_pence", "paced_pence"))
            .alias("most"),
        ).sort(piece)
        rates = [(y, s, float(1 + r)) for (y, s), r in self.growth.items()]
        limits = pl.DataFrame(rates, schema={"year": pl.String, "stream": pl.String, "times": pl.Float64}, orient="row")
        grown = (pl.col("opening_pence") * pl.col("times")).floor().cast(pl.Int64)
        parts = parts.join(limits, on=GROUP, how="left", validate="m:1").with_columns(
            pl.when(pl.col("most").is_not_null()).then(pl.max_horizontal("most", grown)).alias("beyond_target")
        )
        per = [*GROUP, "commissioner_code"]
        own = {key: pence for *key_, pence in self.own.select(*per, "own_pence").iter_rows() for key in [tuple(key_)]}
        return pl.concat(
            [
                _within(mine, own[key])
                for key, mine in parts.partition_by(per, as_dict=True, maintain_order=True).items()
            ]
        )

    def kept(self, result: PlacePaceResult) -> PlacePaceResult:
        """A round in which every commissioner keeps its own: allocations are those of the practices, the round's own stand as paced."""
        sums = self.shared(result.allocations).group_by(*GROUP, "area_code").agg(own=pl.col("allocation_pence").sum())
        rows = result.allocations.join(sums, on=[*GROUP, "area_code"], how="left", validate="1:1").with_columns(
            pl.col("own").fill_null(pl.col("allocation_pence")).alias("allocation_pence")
        )
        rows = rows.with_columns(
            (pl.col("allocation_pence") - pl.col("target_pence")).alias("closing_dft_pence"),
            (over("allocation_pence", "opening_pence") - 1).alias("growth_rate"),
        ).with_columns(over("closing_dft_pence", "target_pence").alias("closing_dft_share"))
        return replace(result, allocations=PacedAllocation.validate(rows.select(*PacedAllocation.columns())))

    def commissioners(self, practices: pl.DataFrame) -> Frame[CommissionerAllocation]:
        """What each commissioner holds in every year, beside what is published and what pooling would move.

        Args:
            practices: what `shared` gives.
        """
        per = [*GROUP, "commissioner_code"]
        sums = practices.group_by(per).agg(pl.col("allocation_pence").sum(), pooled_pence=pl.col("paced_pence").sum())
        rows = self.own.join(sums, on=per, how="inner", validate="1:1").with_columns(
            (pl.col("own_pence") - pl.col("published_pence")).alias("difference_pence"),
            (pl.col("pooled_pence") - pl.col("own_pence")).alias("pooling_pence"),
            pl.col("stream").is_in(list(self.pooled)).alias("is_pooled"),
        )
        return CommissionerAllocation.validate(rows.select(*CommissionerAllocation.columns()))


def _holds(upper: pl.Series, own: int) -> bool:
    return bool(upper.null_count()) or int(upper.sum()) >= own


def _alike(parts: pl.DataFrame, own: int, bound: str) -> pl.DataFrame:
    shared = parts.with_columns(pl.lit(own, dtype=pl.Int64).alias("own"))
    return apportion(shared, total="own", weight=bound, order_by=["area_code"], into="piece_pence").drop("own")


def statutory_of(
    rules: Mapping[str, StatutoryRule | None],
    totals: pl.DataFrame,
    weights: pl.DataFrame,
    members: pl.DataFrame,
    policy: PacePolicy,
    pack: DataPack,
) -> Statutory | None:
    """The commissioners that keep their own allocations, with their practices; none where every stream is one pot.

    Args:
        rules: by stream; none means one pot.
        totals: year, stream, recurrent_pence.
        weights: year, stream, area_code, practice_code, weighted_persons.
        members: practice_code, commissioner_code.
        policy: pace of change, with its limits on growth.
        pack: the data pack with the printed amounts.

    Raises:
        ScenarioError: as `own_allocations`.
    """
    kept = {stream: rule for stream, rule in rules.items() if rule is not None}
    if not kept:
        return None
    mine = pl.col("stream").is_in(list(kept))
    homes = members.select("practice_code", "commissioner_code")
    practices = weights.filter(mine).join(homes, on="practice_code", how="left", validate="m:1")
    codes = sorted(set(practices.get_column("commissioner_code")))
    columns = [*GROUP, "area_code", "practice_code", "commissioner_code", "weighted_persons"]
    own = own_allocations(kept, totals.filter(mine), codes, pack)
    pooled = frozenset(stream for stream, rule in kept.items() if rule.pooled)
    limits = {(y, s): policy.rules_for(y, s).max_growth for y, s in own.select(GROUP).unique().iter_rows()}
    return Statutory(
        own, practices.select(columns), pooled, {at: rate(most) for at, most in limits.items() if most is not None}
    )


def _split(rows: pl.DataFrame, total: str, within: list[str], order: str, into: str) -> pl.DataFrame:
    return apportion(rows, total=total, weight="weighted_persons", within=within, order_by=[order], into=into)


def _within(parts: pl.DataFrame, own: int) -> pl.DataFrame:
    """A commissioner's own money over its parts of localities, within the bounds of the round as far as it reaches."""
    if int(parts.get_column("least").sum()) > own:
        return _alike(parts, own, "least")
    upper = next((name for name in ("most", "beyond_target") if _holds(parts.get_column(name), own)), None)
    if upper is None:
        return _alike(parts, own, "beyond_target")
    filled = water_fill(
        parts, total=own, weight="target_pence", lower="least", upper=upper, order_by=["area_code"], into="piece_pence"
    )
    return filled.frame


__all__ = [
    "CommissionerAllocation",
    "Statutory",
    "StatutoryRule",
    "own_allocations",
    "statutory_of",
]
