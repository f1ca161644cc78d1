"""Staff needed by the mix stay within staff available (policy); staff taken on follow the pipeline (physics).

In words: posts filled by solutions, and by received contacts, are at most funded posts less vacancies, staff taken on,
and staff freed by closed blocks. Staff taken on last year are still there this year but for leavers.

    sum over s, l of wte[s,g] in_place[s,l,t] + sum over r of received[r,t] / contacts_per_wte[r,g]
        <= supply[g,t] (1 - vacancy[g,t]) + hired[g,t] + sum over q of freed[q,g] block_released[h,q,t]
    hired[g,t] <= (1 - leavers[g,t]) hired[g,t-1] + taken_on[g,t]          taken_on[g,t] <= pipeline[g,t]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 100
FAMILIES = ("workforce", "hired_stay")


def apply(p: Programme) -> None:
    """One row for each staff group and year with a stated supply."""
    t = p.tables
    stated = t.staff.join(t.years.select("t", "year"), on="t")
    used = set(t.workforce["staff_group"].to_list()) | {r.staff_group for r in p.problem.receiving_staff}
    unlimited = sorted(used - set(stated["staff_group"].to_list()))
    if unlimited:
        p.nothing("workforce", f"no supply is stated for {', '.join(unlimited)}; nothing limits them")
    elif not stated.height:
        p.nothing("workforce", "no staff is needed or limited")
    if not stated.height:
        return
    rows = p.rows(
        "workforce", stated, ["staff_group", "year"], kind="Q", unit="WTE",
        label="{staff_group} staff in {year}", group="workforce", upper="supply",
    )  # fmt: skip
    key = ["staff_group", "t"]
    needed = (
        p.columns["in_place"]
        .join(t.workforce, on="solution")
        .select(*key, (pl.col("wte") * pl.col("weight")).alias("each"), "col")
    )
    p.add(rows.select("row", *key), needed, key, pl.col("each"))
    seeing = pl.DataFrame(
        [(r.point_of_delivery, r.staff_group, 1 / float(r.contacts_per_wte)) for r in p.problem.receiving_staff],
        schema={"point_of_delivery": pl.String, "staff_group": pl.String, "each": pl.Float64},
        orient="row",
    )
    if p.has("received"):
        p.add(
            rows.select("row", *key),
            p.columns["received"].join(seeing, on="point_of_delivery").select(*key, "each", "col"),
            key,
            pl.col("each"),
        )
    freed = p.columns["block_released"].filter(pl.col("staff_wte") > 0)
    p.add(rows.select("row", *key), freed.select(*key, "staff_wte", "col"), key, -pl.col("staff_wte"))
    if not p.has("hired"):
        return
    p.add(rows.select("row", *key), "hired", key, -1.0)
    own = p.columns["hired"].rename({"col": "own"})
    stay = p.rows(
        "hired_stay", own, ["staff_group", "year"], kind="P", unit="WTE",
        label="{staff_group} staff taken on and still there in {year}", upper=0.0,
    )  # fmt: skip
    p.builder.terms(stay.select("row", pl.col("own").alias("col"), pl.lit(1.0).alias("value")))
    p.add(stay.select("row", *key), p.columns["taken_on"].select(*key, "col"), key, -1.0)
    before = p.columns["hired"].select("staff_group", (pl.col("t") + 1).cast(pl.Int32).alias("t"), "col")
    p.add(stay.select("row", *key, "leavers"), before, key, pl.col("leavers") - 1)
