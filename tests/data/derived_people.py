"""How the tables of people that the pack carries were worked out from published data; a test compares the two.

practice-ages.csv      persons of a practice by age = sum over small areas of (its patients there x share of the age among residents),
                       set to the practice's own April 2020 bands (0-15, 16-17, 18-49, 50-64, 65 and over)
hospital.csv           cost of hospital care by age band over persons of England of the band
hospital-distance.csv  straight line from the practice to the nearest of eight general hospitals
"""

import csv
import math
from pathlib import Path

import polars as pl

from capitation.money.apportion import split

ROOT = Path(__file__).parents[2]
PLACES = ROOT / "data/blmk/places"
COSTS = ROOT / "data/england/need/age_costs/hospital.csv"
BANDS = ((0, 14), (15, 44), (45, 64), (65, 74), (75, 84), (85, None))
GROUPS = ((0, 15), (16, 17), (18, 49), (50, 64), (65, 90))
"""Ages of the practices' own counts of April 2020."""
YEARS = {2017: "2017/18", 2019: "2019/20", 2020: "2020/21"}
"""Financial year in which each middle of a year lies."""
PARTS = 100_000

HOSPITALS = {
    "Bedford Hospital": (52.129, -0.474),
    "Luton and Dunstable Hospital": (51.895, -0.474),
    "Milton Keynes Hospital": (52.026, -0.737),
    "Lister Hospital, Stevenage": (51.924, -0.212),
    "Stoke Mandeville Hospital, Aylesbury": (51.797, -0.801),
    "Hinchingbrooke Hospital, Huntingdon": (52.333, -0.203),
    "Northampton General Hospital": (52.236, -0.884),
    "Kettering General Hospital": (52.402, -0.741),
}
"""Where the general hospitals in and around the system stand, read from a map to the thousandth of a degree."""


def table(path):
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def ages(reference):
    """Rows of practice-ages.csv."""
    areas = pl.read_parquet(reference / "lsoa_population/lsoa11_age_england.parquet")
    patients = pl.read_parquet(reference / "gp_registered_by_lsoa_2022/practice_lsoa11_england.parquet")
    counted = pl.read_parquet(reference / "gp_practice_demographics_2020_04/practice_age_bands_england.parquet")
    homes = {row["practice_code"]: row["place_code"] for row in table(PLACES / "membership.csv")}
    merged = {r["practice_code"]: r["successor_code"] for r in table(PLACES / "lineage.csv") if r["successor_code"]}
    single = [*(f"age_{age}" for age in range(90)), "age_90_plus"]
    mine = patients.filter(pl.col("practice_code").is_in(list(homes))).join(areas, on="lsoa11_code", how="inner")
    share = [(pl.col("patients") * pl.col(age) / pl.col("total_population")).sum().alias(age) for age in single]
    sums = mine.group_by("practice_code", "mid_year").agg(share)
    modelled = {(row[0], row[1]): row[2:] for row in sums.select("practice_code", "mid_year", *single).iter_rows()}
    own = {}
    for r in counted.filter(pl.col("practice_code").is_in(list(homes))).iter_rows(named=True):
        whole, steps = r["registered"], (r["age_16_plus"], r["age_18_plus"], r["age_50_plus"], int(r["age_65_plus"]))
        own[r["practice_code"]] = [a - b for a, b in zip((whole, *steps), (*steps, 0), strict=True)]
    rows = []
    for code in sorted(homes):
        by_age = {
            year: _of(code, {c: v for (c, y), v in modelled.items() if y == year}, merged, homes) for year in YEARS
        }
        bands = _of(code, own, merged, homes)
        factors = _factors(by_age[2020], bands)
        for year, name in YEARS.items():
            scaled = [persons * factor for persons, factor in zip(by_age[year], factors, strict=True)]
            sizes = [math.fsum(scaled[low : (90 if high is None else high) + 1]) for low, high in BANDS]
            parts = split(PARTS, [round(size * 1000) for size in sizes])
            rows += [(name, code, low, part) for (low, _), part in zip(BANDS, parts, strict=True)]
    return sorted(rows)


def _of(code, known, merged, homes):
    """Figures of a practice: its own, else its successor's, else those of its place's practices together."""
    end = code
    while end not in known and end in merged:
        end = merged[end]
    if end in known:
        return known[end]
    near = [known[c] for c in sorted(homes) if homes[c] == homes[code] and c in known]
    return [math.fsum(values) for values in zip(*near, strict=True)]


def _factors(by_age, bands):
    """By single year of age, the practice's own share of its group over the modelled share."""
    whole, counted = math.fsum(by_age), sum(bands)
    factors = [1.0] * len(by_age)
    for (low, high), persons in zip(GROUPS, bands, strict=True):
        modelled = math.fsum(by_age[low : high + 1])
        factors[low : high + 1] = [(persons / counted) / (modelled / whole)] * (high + 1 - low)
    return factors


def costs(reference):
    """Age bands with pence per head."""
    spent = pl.read_parquet(reference / "hospital_cost_by_age_sex/patient_level_costs_by_age_sex_england.parquet")
    areas = pl.read_parquet(reference / "lsoa_population/lsoa11_age_england.parquet").filter(pl.col("mid_year") == 2019)
    by_age = dict(spent.group_by("age_from").agg(pl.col("total_cost_gbp").sum()).iter_rows())
    people = areas.select(pl.col("^age_.*$").cast(pl.Int64).sum()).row(0)
    found = []
    for low, high in BANDS:
        last = 200 if high is None else high
        pounds = math.fsum(cost for age, cost in sorted(by_age.items()) if low <= age <= last)
        persons = sum(people[low : min(last, 90) + 1])
        found.append((low, high, round(pounds * 100 / persons)))
    return found


def distances():
    """Rows of hospital-distance.csv; needs nothing but the pack."""
    practices = sorted(table(PLACES / "practices-2018-19.csv"), key=lambda r: r["practice_code"])
    placed = [r for r in practices if r["latitude"]]
    rows = []
    for r in practices:
        near, basis = [r], "its own coordinates"
        if not r["latitude"]:
            sector, district = r["postcode"][:-2], r["postcode"].split()[0]
            near, basis = [p for p in placed if p["postcode"][:-2] == sector], f"the mean of practices in {sector}"
            if not near:
                near = [p for p in placed if p["postcode"].split()[0] == district]
                basis = f"the mean of practices in {district}"
        at = [math.fsum(float(p[axis]) for p in near) / len(near) for axis in ("latitude", "longitude")]
        ways = {name: _kilometres(*at, *position) for name, position in HOSPITALS.items()}
        nearest = min(ways, key=lambda name: ways[name])
        rows.append((r["practice_code"], f"{ways[nearest]:.1f}", nearest, basis))
    return rows


def _kilometres(latitude, longitude, other_latitude, other_longitude):
    first, second = math.radians(latitude), math.radians(other_latitude)
    across = math.radians(other_longitude - longitude)
    part = math.sin((second - first) / 2) ** 2 + math.cos(first) * math.cos(second) * math.sin(across / 2) ** 2
    return 2 * 6371.0088 * math.asin(math.sqrt(part))
