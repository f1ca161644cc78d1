"""A made-up system of two localities, two providers and two years, small enough to redo by hand."""

import polars as pl

from api.charts import Material

YEARS = ("2016/17", "2017/18")


def bridge(opening, growth, funding, mix):
    """The chain of one year: opening + growth is doing nothing, less funding and mix is what is left."""
    nothing = opening + growth
    rows = [
        ("opening", "Opening", opening, False, "book: table, row 1, column 2"), ("price", "Prices", growth, False, "assumption: a guess"),
        ("derived_do_nothing", "Do nothing", nothing, True, "the sum of the lines above"), ("sustainability", "Funding", -funding, False, "the stream"),
        ("mix", "Mix", -mix, False, "problem"), ("left", "What is left", nothing - funding - mix, True, "the sum of the lines above"),
    ]  # fmt: skip
    return pl.DataFrame(
        [("2017/18", "S", "system", k, *row) for k, row in enumerate(rows, start=1)],
        schema=["year", "organisation", "level", "step", "line", "title", "amount_pence", "is_total", "source"],
        orient="row",
    )


def distance(north, south):
    """Distances of two localities: they open at these shares of a target of £100m and close at half of them."""
    rows = []
    for year, part in zip(YEARS, (1.0, 0.5), strict=True):
        for code, share in (("N", north), ("S", south)):
            o, c = share * part, share * part / 2
            rows.append((year, "ccg", code, round(o * 1e10), o, round(c * 1e10), c, 10_000_000_000))
    names = ["opening_dft_pence", "opening_dft_share", "closing_dft_pence", "closing_dft_share", "target_pence"]
    return pl.DataFrame(rows, schema=["year", "stream", "area_code", *names], orient="row")


def frames():
    """Frames of every stage."""
    pence = [-300, 200, 500, 900, 1_500, 2_000, 2_500]
    chance = {f"p{p}_pence": [v * 1_000_000] * 4 for p, v in zip((5, 10, 25, 50, 75, 90, 95), pence, strict=True)}
    options = ["block", "block", "share", "share"]
    party = {"year": [*YEARS, *YEARS], "role": ["provider"] * 4, "organisation_code": ["H"] * 4}
    cases = ("plan", "plan-plus-5")
    return {
        "bridge": bridge(2_000_000_000, 1_000_000_000, 500_000_000, 300_000_000),
        "distance_from_target": distance(-0.10, 0.04),
        "allocation": pl.DataFrame(
            {"year": ["2017/18"] * 2, "stream": ["ccg"] * 2, "level": ["locality"] * 2, "code": ["N", "S"], "allocation_pence": [700, 300]}
        ),
        "provider_allocation": pl.DataFrame({"year": ["2017/18"] * 2, "provider_code": ["H", "C"], "allocation_pence": [600, 350]}),
        "held_money": pl.DataFrame({"year": ["2017/18"], "stream": ["ccg"], "locality_code": ["N"], "held_pence": [50]}),
        "position_bridge": pl.DataFrame(
            [("share", "plan-plus-5", "2017/18", "provider", "H", k, name, pence)
             for k, (name, pence) in enumerate([("plan income", 1_000), ("cost of planned activity", -1_200), ("share of the loss", 50)])],
            schema=["option", "activity_case", "year", "subject_kind", "subject_code", "step", "name", "amount_pence"], orient="row",
        ),
        "position": pl.DataFrame(
            [(o, c, "2017/18", "provider", "H", 0 if c == "plan" else moved, 0 if c == "plan" else moved)
             for o, moved in (("block", -400), ("share", -100)) for c in cases],
            schema=["option", "activity_case", "year", "role", "organisation_code", "position_pence", "change_pence"], orient="row",
        ),
        "tested_range": pl.DataFrame(
            {"figure": ["cost_at_plan", "cost_behaviour (ae)"], "quality": ["red", "amber"], "low": [0.9, 0.2], "value": [1.0, 0.4], "high": [1.1, 0.6],
             "option": ["block"] * 2, "role": ["provider"] * 2, "organisation_code": ["H"] * 2,
             "at_low_pence": [900, 120], "position_pence": [100, 100], "at_high_pence": [-700, 80]}
        ),
        "party_chance": pl.DataFrame({"option": options, **party, "size_pence": [1_000] * 4, **chance, "deficit": [0.07, 0.3, 0.07, 0.1]}),
        "party_layer": pl.DataFrame(
            {"option": ["block"] * 2, "year": ["2017/18"] * 2, "role": ["provider"] * 2, "organisation_code": ["H"] * 2,
             "layer": ["chance", "price"], "sd_pence": [5, 9], "p10_pence": [-50, -90], "p90_pence": [50, 90], "variance_share": [0.2, 0.8]}
        ),
        "locality_activity": pl.DataFrame(
            [(y, c, "ae", code, n) for y, c, code, n in (
                ("2016/17", "unmitigated", "N", 1_000), ("2017/18", "unmitigated", "N", 1_200), ("2016/17", "mitigated", "N", 1_000),
                ("2017/18", "mitigated", "N", 1_100))],
            schema=["year", "case", "point_of_delivery", "locality_code", "activity"], orient="row",
        ),
        "mix_activity": pl.DataFrame({"locality": ["N"], "point_of_delivery": ["ae"], "year": ["2017/18"], "claimed": [150.0], "exact": [140.0]}),
        "frontier": pl.DataFrame({"point": [0, 1], "status": ["best"] * 2, "npv": [5e6, 3e6], "avoided": [100.0, 300.0], "rate_avoided": [0.0, -1e4]}),
        "draws": pl.DataFrame({"draw": list(range(1, 101)), "npv_pence": [k * 100_000_000 for k in range(-20, 80)]}),
        "money": pl.DataFrame({"measure": ["npv"], "as_planned_pence": [5_000_000_000]}),
        "futures": pl.DataFrame({"future": ["block", "share"], "best_pence": [900_000_000, 400_000_000], "plan_pence": [600_000_000, 400_000_000]}),
        "credit": pl.DataFrame({"solution": ["hub", "clinic", "hub"], "year": [*YEARS, "2017/18"], "units": [10.0, 300.0, 1_200.0]}),
        "trade_off": pl.DataFrame({"level": [0.01, 0.02], "incentive": [0.2, 0.5]}),
        "limit_met": pl.DataFrame({"party": ["pool"], "measure": ["loss passed in at most 5% of years"]}),
        "mix_line": pl.DataFrame(
            {"year": [*YEARS, "2017/18"], "solution": ["hub", "hub", "clinic"], "title": ["Hub", "Hub", "Clinic"], "gain_pence": [-100, 400, 250]}
        ),
    }  # fmt: skip


NAMES = {
    "N": "Northside",
    "S": "Southside",
    "H": "Hill Hospital",
    "C": "Care at Home",
    "block": "Block",
    "share": "Share: half each",
}


def material(**other):
    """The small system, with frames of another content where they are given."""
    return Material("Small", "run small", {**frames(), **other}, NAMES)
