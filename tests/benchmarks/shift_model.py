"""A family of channel-shift programmes of any size, for speed tests: the same model at 1,000 to 1,000,000 columns.

Solutions have a scale in each locality and year; avoided activity flows from localities to their two nearest providers;
eligibility, saturation, budgets, workforce, receiving capacity, provider protection, ramp, equity and cost blocks hold it.
The tables are drawn once (`draw`); `build` makes the matrix from them by the product's own builder, and is what is timed.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from optimiser.programme.builder import Builder
from optimiser.programme.matrix import Matrix

SOLUTIONS, DONORS, RECEIVERS, STAFF, YEARS, NEAREST = 10, 4, 2, 8, 5, 2
LOCALITIES = {"1k": 2, "3k6": 7, "10k": 20, "100k": 205, "1M": 2050}


@dataclass(frozen=True)
class Drawn:
    """The long tables of one programme."""

    flows: pl.DataFrame
    scales: pl.DataFrame
    wte: pl.DataFrame
    budget: pl.DataFrame
    supply: pl.DataFrame
    received: pl.DataFrame
    providers: pl.DataFrame
    localities: pl.DataFrame


def draw(size: str, seed: int = 11) -> Drawn:
    """The tables of the programme of `size`."""
    rng = np.random.default_rng(seed)
    places = LOCALITIES[size]
    providers = max(3, int(places * 0.6))
    s, place, t = (
        pl.DataFrame({n: np.arange(k, dtype=np.int32)}) for n, k in (("s", SOLUTIONS), ("l", places), ("t", YEARS))
    )
    p = pl.DataFrame({"p": np.arange(DONORS, dtype=np.int32)})
    near = pl.DataFrame({"n": np.arange(NEAREST, dtype=np.int32)})
    need = place.join(p, how="cross").join(t, how="cross")
    need = need.with_columns(pl.Series("elig", rng.uniform(20, 120, need.height)))
    effect = s.join(p, how="cross").with_columns(pl.Series("effect", rng.uniform(0.02, 0.3, SOLUTIONS * DONORS)))
    routes = place.join(near, how="cross").with_columns(
        ((pl.col("l") * 3 + pl.col("n") * 5) % providers).cast(pl.Int32).alias("h")
    )
    price = p.with_columns(pl.Series("price", rng.uniform(0.5, 3.0, DONORS)))
    conv = effect.select("s", "p").with_columns(
        pl.Series("r", rng.integers(0, RECEIVERS, SOLUTIONS * DONORS).astype(np.int32)),
        pl.Series("conv", rng.uniform(0.3, 1.5, SOLUTIONS * DONORS)),
    )
    flows = (
        need.join(effect, on="p")
        .join(routes, on="l")
        .join(price, on="p")
        .join(conv, on=["s", "p"])
        .sort("s", "l", "p", "t", "h")
    )
    flows = flows.with_columns((pl.col("price") * pl.Series("u", rng.uniform(0.8, 1.2, flows.height))).alias("gain"))
    scales = s.join(place, how="cross").join(t, how="cross")
    scales = scales.with_columns(pl.Series("cost", rng.uniform(5, 60, scales.height)))
    wte = (
        s.join(pl.DataFrame({"g": np.arange(STAFF, dtype=np.int32)}), how="cross")
        .with_columns(pl.Series("wte", rng.uniform(0.0, 2.0, SOLUTIONS * STAFF)))
        .filter(pl.col("wte") > 0.8)
    )
    budget = scales.group_by("t", maintain_order=True).agg((pl.col("cost").sum() * 0.3).alias("budget"))
    supply = (
        wte.group_by("g", maintain_order=True)
        .agg((pl.col("wte").sum() * places * 0.35).alias("supply"))
        .join(t, how="cross")
    )
    received = place.join(pl.DataFrame({"r": np.arange(RECEIVERS, dtype=np.int32)}), how="cross").join(t, how="cross")
    received = received.with_columns(pl.Series("room", rng.uniform(30, 160, received.height)))
    income = flows.group_by("h", "t").agg((pl.col("price") * pl.col("elig") * 0.02).sum().alias("limit")).sort("h", "t")
    heads = place.with_columns(pl.Series("heads", rng.uniform(30, 50, places)))
    return Drawn(flows, scales, wte, budget, supply, received, income, heads)


def build(drawn: Drawn, *, floor: float | None = None) -> Matrix:
    """The matrix of the tables; with `floor`, avoided worth must reach it (a floor too high leaves no mix)."""
    b = Builder()
    one = pl.lit(1.0).alias("value")
    x = b.columns("scale", drawn.scales, ["s", "l", "t"], unit="scale", label="scale of {s} in {l} in {t}", upper=1.0)
    a = b.columns(
        "avoided", drawn.flows, ["s", "l", "p", "h", "t"], unit="units", label="{p} avoided by {s} in {l} at {h} in {t}"
    )
    e = b.columns("added", drawn.received, ["l", "r", "t"], unit="contacts", label="capacity {r} added in {l} in {t}")
    kinds = drawn.flows.select("h", "p", "t").unique().sort("h", "p", "t")
    q = b.columns("blocks", kinds, ["h", "p", "t"], unit="blocks", label="blocks {p} closed at {h} in {t}")
    sup = b.columns("support", drawn.providers, ["h", "t"], unit="£ thousand", label="support to {h} in {t}")
    tot = b.columns("mean", pl.DataFrame({"z": [0]}), [], unit="benefit", label="mean benefit a head")

    def rows(name, frame, index, kind="P", **limits):
        return b.rows(
            name,
            frame,
            index,
            kind=kind,
            unit="units",
            label=name + " " + " ".join(f"{{{i}}}" for i in index),
            **limits,
        )

    full = drawn.flows.unique(["s", "l", "p", "t"], keep="first", maintain_order=True)
    sat = rows("saturation", full, ["s", "l", "p", "t"], upper=0.0)
    key = ["s", "l", "p", "t"]
    b.terms(
        a.select(*key, "col").join(sat.select(*key, "row"), on=key, maintain_order="left").select("row", "col", one)
    )
    b.terms(
        sat.join(x.select("s", "l", "t", "col"), on=["s", "l", "t"], maintain_order="left").select(
            "row", "col", (-pl.col("elig") * pl.col("effect")).alias("value")
        )
    )
    able = drawn.flows.unique(["l", "p", "h", "t"], keep="first", maintain_order=True).with_columns(
        (pl.col("elig") * 0.45).alias("most")
    )
    elig = rows("eligible", able, ["l", "p", "h", "t"], upper="most")
    key = ["l", "p", "h", "t"]
    b.terms(
        a.select(*key, "col").join(elig.select(*key, "row"), on=key, maintain_order="left").select("row", "col", one)
    )
    money = rows("budget", drawn.budget, ["t"], "Q", upper="budget")
    b.terms(x.join(money.select("t", "row"), on="t").select("row", "col", pl.col("cost").alias("value")))
    staff = rows("staff", drawn.supply, ["g", "t"], "Q", upper="supply")
    b.terms(
        x.join(drawn.wte, on="s")
        .join(staff.select("g", "t", "row"), on=["g", "t"])
        .select("row", "col", pl.col("wte").alias("value"))
    )
    room = rows("room", drawn.received, ["l", "r", "t"], "Q", upper="room")
    key = ["l", "r", "t"]
    b.terms(
        a.select(*key, "conv", "col")
        .join(room.select(*key, "row"), on=key)
        .select("row", "col", pl.col("conv").alias("value"))
    )
    b.terms(
        e.select(*key, "col").join(room.select(*key, "row"), on=key).select("row", "col", pl.lit(-1.0).alias("value"))
    )
    lost = rows("income", drawn.providers, ["h", "t"], "Q", upper="limit")
    key = ["h", "t"]
    b.terms(
        a.select(*key, "price", "col")
        .join(lost.select(*key, "row"), on=key)
        .select("row", "col", pl.col("price").alias("value"))
    )
    b.terms(
        sup.select(*key, "col").join(lost.select(*key, "row"), on=key).select("row", "col", pl.lit(-1.0).alias("value"))
    )
    b.terms(
        q.select(*key, "col").join(lost.select(*key, "row"), on=key).select("row", "col", pl.lit(-4.0).alias("value"))
    )
    gone = rows("blocks", kinds, ["h", "p", "t"], upper=0.0)
    key = ["h", "p", "t"]
    b.terms(
        a.select(*key, "col").join(gone.select(*key, "row"), on=key).select("row", "col", pl.lit(-1.0).alias("value"))
    )
    b.terms(
        q.select(*key, "col").join(gone.select(*key, "row"), on=key).select("row", "col", pl.lit(12.0).alias("value"))
    )
    later = drawn.scales.filter(pl.col("t") > 0)
    ramp = rows("ramp", later, ["s", "l", "t"], lower=0.0, upper=0.4)
    key = ["s", "l", "t"]
    b.terms(x.select(*key, "col").join(ramp.select(*key, "row"), on=key).select("row", "col", one))
    before = x.select("s", "l", (pl.col("t") + 1).cast(pl.Int32).alias("t"), "col")
    b.terms(before.join(ramp.select(*key, "row"), on=key).select("row", "col", pl.lit(-1.0).alias("value")))
    fair = rows("equity", drawn.localities, ["l"], "Q", lower=0.0)
    heads = fair.select("l", "row", "heads")
    b.terms(
        a.select("l", "gain", "col")
        .join(heads, on="l")
        .select("row", "col", (pl.col("gain") / pl.col("heads")).alias("value"))
    )
    b.terms(heads.join(tot.select("col"), how="cross").select("row", "col", pl.lit(-0.6).alias("value")))
    mean = rows("mean", pl.DataFrame({"z": [0]}), [], lower=0.0, upper=0.0)
    total = float(drawn.localities["heads"].sum())
    b.terms(
        a.select("gain", "col")
        .join(mean.select("row"), how="cross")
        .select("row", "col", (-pl.col("gain") / total).alias("value"))
    )
    b.terms(mean.select("row").join(tot.select("col"), how="cross").select("row", "col", one))
    if floor is not None:
        least = b.rows(
            "floor", pl.DataFrame({"z": [0]}), [], kind="Q", unit="£ thousand", label="avoided worth", lower=floor
        )
        b.terms(
            a.select("gain", "col")
            .join(least.select("row"), how="cross")
            .select("row", "col", pl.col("gain").alias("value"))
        )
    b.measure(
        "npv",
        [
            a.select("col", pl.col("gain").alias("value")),
            x.select("col", (-pl.col("cost") * 0.2).alias("value")),
            e.select("col", pl.lit(-0.9).alias("value")),
            q.select("col", pl.lit(3.0).alias("value")),
            sup.select("col", pl.lit(-0.7).alias("value")),
        ],
        unit="£ thousand", sense="max", label="worth of the mix",
    )  # fmt: skip
    b.measure("units", [a.select("col", one)], unit="units", sense="max", label="units avoided")
    return b.matrix("npv")
